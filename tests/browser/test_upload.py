"""The upload in JupyterLab: by the button, from the keyboard, by drop, and with files that cannot be read."""

import base64

from lab_page import choose_theme, output_of, peak, run_cell, violations

import deepcomposer_lab as dc

NOTEBOOK = "notebooks/upload.ipynb"
CELLS = (
    "import deepcomposer_lab as dc\nupload = dc.Upload()\nupload",
    "print(upload.composition.title, len(upload.composition.notes), len(upload.melody))",
)
DROP = """([selector, name, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name));
    const area = document.querySelector(selector);
    const tell = (kind) => area.dispatchEvent(
        new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer }));
    tell("dragenter");
    const words = area.querySelector("strong").textContent;
    const isTaken = !tell("dragover");
    tell("drop");
    return [words, isTaken];
}"""


def drop(page, name, data):
    return page.evaluate(DROP, [".dc-upload-area", name, base64.b64encode(data).decode()])


def printed(page):
    run_cell(page, 1)
    output_of(page, 1).first.wait_for(timeout=60_000)
    return output_of(page, 1).first.inner_text().strip()


def test_files_come_by_button_and_by_drop(server, page, tmp_path):
    server.open_cells(page, NOTEBOOK, CELLS)
    run_cell(page, 0)
    page.wait_for_selector(".dc-upload", timeout=60_000)
    assert violations(page) == []

    ode = dc.sample_melody("ode_to_joy")
    dc.write_midi(ode, tmp_path / "ode.mid")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file").press("Enter")
    chooser.value.set_files(tmp_path / "ode.mid")
    page.wait_for_selector(".dc-upload-result:not([hidden])", timeout=60_000)
    assert page.locator(".dc-upload-title").inner_text() == "Ode to Joy"
    assert f"{len(ode)} notes" in page.locator(".dc-upload-summary").inner_text()
    page.get_by_role("button", name="Play", exact=True).click()
    assert peak(page, 3) > 0.01
    page.get_by_role("button", name="Stop", exact=True).click()
    assert printed(page) == f"Ode to Joy {len(ode)} {len(ode)}"

    damaged = (tmp_path / "ode.mid").read_bytes()[:200]
    try:
        dc.read_midi(damaged)
        raise AssertionError("The damaged file was read.")
    except dc.MidiError as error:
        words = str(error)
    assert drop(page, "cut.mid", damaged) == ["Let go to read it", True]
    alert = page.get_by_role("alert")
    alert.wait_for(timeout=30_000)
    assert alert.inner_text() == f"“cut.mid” was not read. {words}"
    assert page.locator(".dc-upload-title").inner_text() == "Ode to Joy"  # what was there stays
    assert violations(page) == []
    choose_theme(page, "Dark")
    assert violations(page) == []

    drop(page, "twinkle.musicxml", dc.Composition.from_melody(dc.sample_melody("twinkle_twinkle")).to_musicxml())
    page.wait_for_function(
        "document.querySelector('.dc-upload-title').textContent.startsWith('Twinkle')", timeout=60_000
    )
    page.get_by_role("alert").wait_for(state="hidden", timeout=30_000)
    assert page.faults == []
    assert page.elsewhere == []
