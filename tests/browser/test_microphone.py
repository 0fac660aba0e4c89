"""The microphone in JupyterLab, with a synthesised voice in place of a real one, with none, and without permission."""

import re
from contextlib import contextmanager

import pytest
from humming import TWINKLE, Voice, as_wav, f_score, sing
from lab_page import choose_theme, chromium, new_page, output_of, peak, run_cell, violations

import deepcomposer_lab as dc

NOTEBOOK = "notebooks/microphone.ipynb"
CELLS = (
    "import deepcomposer_lab as dc\nmicrophone = dc.Microphone()\nmicrophone",
    "print([(note.onset, note.pitch) for note in microphone.melody], microphone.melody.bpm)",
    "print([note.pitch for note in dc.transcribe(microphone.recording)])",
    "microphone",
)
LEAD = 1.5  # seconds of room before the first note: the browser takes a moment to listen
FAKE_DEVICE = "--use-fake-device-for-media-stream"
ALLOW = "--use-fake-ui-for-media-stream"


@contextmanager
def visit(server, *flags):
    """A browser of its own: which microphone there is, is said when it starts."""
    with chromium(*flags) as browser:
        page = new_page(browser, server)
        server.open_cells(page, NOTEBOOK, CELLS)
        run_cell(page, 0)
        page.wait_for_selector(".dc-mic", timeout=60_000)
        yield page
        assert page.faults == []
        assert page.elsewhere == []


def state(page, *states, seconds=60):
    wanted = ",".join(f'.dc-mic[data-state="{one}"]' for one in states)
    page.wait_for_selector(wanted, timeout=1000 * seconds)
    return page.locator(".dc-mic").first


def printed(page, number):
    """What a cell prints, run again; what it printed before is taken away first."""
    output_of(page, number).evaluate_all("outputs => outputs.forEach((output) => output.remove())")
    run_cell(page, number)
    output_of(page, number).first.wait_for(timeout=60_000)
    return output_of(page, number).first.inner_text().strip()


def test_a_hum_becomes_a_melody(server, tmp_path):
    sung = sing(TWINKLE[:7], 100, Voice(up=-7, vibrato=25, loose=0.03), seed=5, lead=LEAD)
    (tmp_path / "hum.wav").write_bytes(as_wav(sung.samples))
    file = f"--use-file-for-fake-audio-capture={tmp_path / 'hum.wav'}%noloop"
    with visit(server, FAKE_DEVICE, ALLOW, file) as page:
        assert violations(page) == []
        cells = page.locator(".jp-Cell").count()
        record(page, len(sung.samples) / sung.rate)
        count = the_page_tells_what_it_heard(page)
        the_kernel_has_it(page)
        both_can_be_heard(page)
        rhythm_assist_shows_what_it_moves(page, count)
        choose_theme(page, "Dark")
        assert violations(page) == []
        shown_again_it_is_all_there(page, count)
        a_count_in_can_be_left(page, count)
        assert page.locator(".jp-Cell").count() == cells  # no key reached the notebook's shortcuts


def record(page, seconds):
    button = page.locator(".dc-mic-record")
    assert button.get_attribute("aria-label") == "Record"
    assert page.get_by_role("button", name="Melody").is_disabled()
    button.focus()
    page.keyboard.press("r")
    state(page, "recording", seconds=20)
    assert button.get_attribute("aria-label") == "Stop recording"
    page.wait_for_selector('.dc-mic-meter[aria-valuetext="good"]', timeout=10_000)
    name = "document.querySelector('.dc-sung-now-name')?.textContent"  # of the pitch of the moment, while it is sung
    assert page.wait_for_function(name, timeout=10_000).json_value()[0] in "FC"
    page.wait_for_timeout(1000 * (seconds - 1))
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("r")  # a second press starts nothing
    state(page, "done")


def shown(view):
    return view.locator(".dc-sung-note").count()


def the_page_tells_what_it_heard(page):
    words = page.locator(".dc-mic-words").inner_text()
    count = shown(page)
    assert words.startswith(f"{count} notes were heard, sung at ")
    assert page.locator(".dc-sung").get_attribute("aria-label").startswith(f"{count} notes: F3, F3, C4, ")
    return count


def the_kernel_has_it(page):
    """All of it; on a busy machine the fake microphone may stutter, and a note come in two."""
    notes, bpm = printed(page, 1).rsplit(" ", 1)
    found = eval(notes)
    meant = [(0, 53), (1, 53), (2, 60), (3, 60), (4, 62), (5, 62), (6, 60)]
    assert f_score(found, meant, 1e-6) >= 0.85, found
    assert float(bpm) == pytest.approx(100, abs=2)
    assert eval(printed(page, 2)) == [pitch for _, pitch in found]


def both_can_be_heard(page):
    for name in ("Melody", "Recording"):
        button = page.get_by_role("button", name=name, exact=True)
        button.click()
        page.wait_for_function("document.querySelector('.dc-sung-playhead').getAttribute('visibility') === 'visible'")
        assert peak(page, 3) > 0.01, name
        assert button.get_attribute("aria-pressed") == "true"
        button.click()
        page.wait_for_function("document.querySelector('.dc-sung-playhead').getAttribute('visibility') === 'hidden'")


def rhythm_assist_shows_what_it_moves(page, count):
    moved = page.locator(".dc-sung-played")
    assert moved.count() > 0
    page.get_by_role("switch", name="Rhythm assist").click()
    page.wait_for_function("document.querySelectorAll('.dc-sung-played').length === 0", timeout=20_000)
    assert shown(page) == count
    page.get_by_role("switch", name="Rhythm assist").click()
    page.wait_for_selector(".dc-sung-played", timeout=20_000)


def shown_again_it_is_all_there(page, count):
    """A second view has no recording of its own and fetches it from the kernel."""
    run_cell(page, 3)
    second = output_of(page, 3).locator(".dc-mic")
    second.wait_for(timeout=30_000)
    assert shown(second) == count
    second.get_by_role("button", name="Recording", exact=True).click()
    page.wait_for_function(
        "[...document.querySelectorAll('.dc-sung-playhead')].at(-1).getAttribute('visibility') === 'visible'"
    )
    assert peak(page, 2.5) > 0.01
    with page.expect_download() as download:
        second.get_by_role("button", name="Save the recording as WAV").click()
    assert download.value.suggested_filename == "recording.wav"


def a_count_in_can_be_left(page, count):
    first = output_of(page, 0).locator(".dc-mic")
    first.get_by_role("switch", name="Keep a beat").click()
    tempo = first.get_by_role("spinbutton", name="Beats a minute", exact=True)
    tempo.fill("120")
    tempo.press("Enter")
    first.locator(".dc-mic-record").click()
    state(page, "count-in", seconds=20)
    assert first.locator(".dc-mic-words").inner_text() == "Four beats, then sing."
    first.locator(".dc-mic-record").click()
    state(page, "done")
    assert shown(first) == count  # what was there stays
    first.locator(".dc-mic-record").click()
    state(page, "recording", seconds=20)  # four beats later
    page.wait_for_timeout(1500)
    first.locator(".dc-mic-record").click()
    page.wait_for_function("document.querySelector('.dc-mic-words').textContent.includes('120')", timeout=60_000)
    words = first.locator(".dc-mic-words").inner_text()
    assert re.match(r"[1-9] notes? (was|were) heard", words)  # how many, hangs on how the fake microphone stutters
    assert "counted at the 120 beats a minute that were set" in words
    assert printed(page, 1).endswith(" 120.0")
    other = output_of(page, 3).locator(".dc-mic-words")
    other.filter(has_text=words).wait_for(timeout=10_000)  # the second view follows


@pytest.mark.parametrize(
    ("flags", "title"),
    [
        ((ALLOW,), "There is no microphone."),
        ((FAKE_DEVICE,), "The browser was told not to give the microphone."),
    ],
)
def test_without_a_microphone_or_permission_it_says_so(server, flags, title):
    with visit(server, *flags) as page:
        page.locator(".dc-mic-record").click()
        state(page, "trouble", seconds=20)
        alert = page.get_by_role("alert")
        assert alert.locator("strong").inner_text() == title
        assert len(alert.inner_text()) > len(title) + 60  # and what to do
        assert violations(page) == []
        page.get_by_role("button", name="Try again").click()  # it may be there by now
        state(page, "trouble", seconds=20)
        assert printed(page, 1) == "[] 100.0"


def test_in_the_studio_a_hum_becomes_the_input(server, tmp_path):
    sung = sing(TWINKLE[:4], 100, Voice(up=-7), seed=5, lead=LEAD)
    (tmp_path / "hum.wav").write_bytes(as_wav(sung.samples))
    file = f"--use-file-for-fake-audio-capture={tmp_path / 'hum.wav'}%noloop"
    with chromium(FAKE_DEVICE, ALLOW, file) as browser:
        page = new_page(browser, server)
        cells = ("import deepcomposer_lab as dc\nstudio = dc.MusicStudio()\nstudio",)
        server.open_cells(page, NOTEBOOK, cells)
        run_cell(page, 0)
        loaded = "!(document.querySelector('.dc-steps')?.textContent ?? 'being loaded').includes('being loaded')"
        page.wait_for_function(loaded, timeout=60_000)
        page.get_by_role("tab", name="Microphone", exact=True).click()
        page.locator(".dc-mic-record").click()
        state(page, "recording", seconds=20)
        page.wait_for_timeout(1000 * len(sung.samples) / sung.rate)
        page.locator(".dc-mic-record").click()
        state(page, "done")
        assert page.locator(".dc-mic-words").inner_text().startswith(("4 notes were heard", "5 notes were heard"))
        page.wait_for_function(
            "document.querySelector('.dc-steps').textContent.includes('Sung melody')", timeout=30_000
        )
        assert violations(page) == []
        page.get_by_role("tab", name="Import file", exact=True).click()
        (tmp_path / "cut.mid").write_bytes(b"MThd")
        page.set_input_files(".dc-upload-input", tmp_path / "cut.mid")
        alert = page.get_by_role("alert")
        alert.wait_for(timeout=30_000)
        assert alert.inner_text().startswith("“cut.mid” was not read. ")
        dc.write_midi(dc.sample_melody("ode_to_joy"), tmp_path / "ode.mid")
        page.set_input_files(".dc-upload-input", tmp_path / "ode.mid")
        page.wait_for_function("document.querySelector('.dc-steps').textContent.includes('Ode to Joy')", timeout=30_000)
        page.get_by_text("“ode.mid” was read.").wait_for(timeout=30_000)  # the words come after the melody
        assert page.faults == []
