"""The scrubber through the edits in JupyterLab: keyboard and pointer, sound, both themes, and without a kernel."""

import pytest
from lab_page import TOKEN, choose_theme, run_cell, violations

NOTEBOOK = "notebooks/edits.ipynb"
CELLS = (
    "import deepcomposer_lab as dc\n"
    "bach = dc.ARCNN.from_pretrained()\n"
    "run = bach.steps(dc.sample_melody('frere_jacques'), seed=7, sampling_iterations=24, max_notes_to_remove=100)\n"
    "scrubber = dc.show_edits(run)\n"
    "scrubber",
    "print('rests at', scrubber.position, 'of', len(run.edits))",
)
STANDING = ".dc-edits-note.is-in"


def edit(page):
    """The edit that is shown, as the slider says it."""
    return int(page.locator(".dc-edits input[type=range]").input_value())


def wait_for_edit(page, number):
    page.wait_for_function(
        "number => document.querySelector('.dc-edits input[type=range]').value === String(number)", arg=number
    )


@pytest.fixture
def opened(server, page):
    server.open_cells(page, NOTEBOOK, CELLS)
    run_cell(page, 0)
    page.wait_for_selector(STANDING, timeout=120_000, state="attached")
    return page


def test_the_edits_in_jupyterlab(server, opened):
    """One visit for all of it: starting JupyterLab takes longer than looking."""
    last = int(opened.locator(".dc-edits input[type=range]").get_attribute("max"))
    assert last >= 10
    every_control_has_a_name_and_help(opened)
    step_by_keyboard(opened, last)
    typing_does_not_reach_the_notebook(opened)
    move_by_pointer(opened, last)
    play_and_pause(opened, last)
    hear(opened)
    both_grounds(opened)
    the_kernel_knows_where_it_rests(opened, last)
    without_a_kernel_a_picture_stays(server, opened)
    assert opened.faults == []
    assert opened.elsewhere == []


def every_control_has_a_name_and_help(opened):
    controls = opened.locator(".dc-edits :is(button, select, input)").all()
    assert len(controls) == 9
    for control in controls:
        assert control.evaluate("c => c.getAttribute('aria-label') || c.closest('label')?.textContent")
        assert control.evaluate("c => c.title || c.closest('label')?.title")
    assert not opened.locator(".dc-edits-still").is_visible()  # the living view stands alone


def step_by_keyboard(opened, last):
    input_notes = opened.locator(STANDING).count()
    assert "The input, before any edit" in opened.locator(".dc-edits-sentence").inner_text()
    assert opened.locator(".dc-edits-heat path").count() == 0
    opened.locator(".dc-edits-window").click()
    opened.keyboard.press("ArrowRight")
    assert edit(opened) == 1
    assert opened.locator(".dc-edits-sentence").inner_text().startswith(f"Edit 1 of {last}: add ")
    assert opened.locator(STANDING).count() == input_notes + 1
    assert opened.locator(".dc-edits-note.is-now.is-in").count() == 1
    assert opened.locator(".dc-edits-heat path").count() > 0  # what it thought
    opened.keyboard.press("ArrowLeft")
    assert (edit(opened), opened.locator(STANDING).count()) == (0, input_notes)
    for key, shown in [("End", last), ("ArrowRight", last), ("PageUp", last), ("PageDown", last - 10), ("Home", 0)]:
        opened.keyboard.press(key)
        assert edit(opened) == shown


def typing_does_not_reach_the_notebook(opened):
    """Typed outside, these would add, cut, paste and delete cells."""
    before = opened.locator(".jp-Cell").count()
    opened.locator(".dc-edits-window").click()
    for key in "ddabxvmyzc0l":
        opened.keyboard.press(key)
    assert opened.locator(".jp-Cell").count() == before
    assert opened.locator(".jp-MarkdownCell").count() == 0
    opened.keyboard.press("Escape")
    assert opened.evaluate("document.activeElement.closest('.dc-edits') === null")


def move_by_pointer(opened, last):
    opened.locator(".dc-edits .is-forward").click()
    opened.locator(".dc-edits .is-forward").click()
    assert edit(opened) == 2
    opened.locator(".dc-edits .is-back").click()
    assert edit(opened) == 1
    opened.locator(".dc-edits .is-last").click()
    assert edit(opened) == last
    strip = opened.locator(".dc-edits-strip")
    strip.click(position={"x": strip.bounding_box()["width"] / 2, "y": 20})
    assert abs(edit(opened) - last / 2) <= 1
    opened.locator(".dc-edits .is-first").click()
    assert edit(opened) == 0
    opened.locator(".dc-edits .is-last").click()
    opened.locator(".dc-edits-switch").click()
    assert opened.locator(".dc-edits-heat path").count() == 0
    opened.locator(".dc-edits-switch").click()
    assert opened.locator(".dc-edits-heat path").count() > 0


def play_and_pause(opened, last):
    opened.locator(".dc-edits select").select_option("20")
    opened.locator(".dc-edits .is-first").click()
    opened.locator(".dc-edits-window").click()
    opened.keyboard.press("Space")
    opened.wait_for_selector('.dc-edits .is-play:has-text("Pause")')
    wait_for_edit(opened, last)
    opened.wait_for_selector('.dc-edits .is-play:has-text("Play")')
    opened.locator(".dc-edits select").select_option("1")
    opened.locator(".dc-edits .is-play").click()  # from the end it starts again
    wait_for_edit(opened, 1)
    opened.locator(".dc-edits .is-play").click()
    paused = edit(opened)
    opened.wait_for_timeout(1300)
    assert edit(opened) == paused


def hear(opened):
    """The kernel renders what stands, the browser plays it with a playhead, and a second time nothing is rendered."""
    opened.evaluate(
        """() => {
            const play = HTMLMediaElement.prototype.play;
            HTMLMediaElement.prototype.play = function () { window.heard = this; return play.call(this); };
        }"""
    )
    opened.locator(".dc-edits-window").click()
    opened.keyboard.press("End")
    opened.keyboard.press("h")
    assert opened.locator(".dc-edits .is-hear").get_attribute("aria-busy") == "true"
    opened.wait_for_selector('.dc-edits .is-hear:has-text("Stop")', timeout=30_000)
    opened.wait_for_function("window.heard.currentTime > 0.3 && window.heard.duration > 5 && !window.heard.error")
    head = opened.locator(".dc-edits-playhead")
    assert head.get_attribute("visibility") == "visible"
    assert float(head.get_attribute("x1")) > 0
    opened.keyboard.press("h")
    assert opened.evaluate("window.heard.paused")
    assert head.get_attribute("visibility") == "hidden"
    opened.locator(".dc-edits .is-hear").click()
    assert opened.locator(".dc-edits .is-hear").get_attribute("aria-busy") == "false"
    opened.wait_for_selector('.dc-edits .is-hear:has-text("Stop")', timeout=5_000)
    opened.locator(".dc-edits .is-back").click()  # what is heard is what is seen
    assert opened.evaluate("window.heard.paused")


def both_grounds(opened):
    seen = {}
    for theme in ("Light", "Dark"):
        choose_theme(opened, theme)
        assert violations(opened) == []
        seen[theme] = opened.evaluate(
            """() => ['.dc-edits-sentence', '.dc-edits-body rect.is-added', '.dc-edits-plus'].map((part) => {
                const style = getComputedStyle(document.querySelector('.dc-edits ' + part));
                return style.fill + style.color + style.stroke;
            })"""
        )
    assert all(light != dark for light, dark in zip(seen["Light"], seen["Dark"], strict=True))


def the_kernel_knows_where_it_rests(opened, last):
    run_cell(opened, 1)
    opened.wait_for_selector(f'.jp-OutputArea-output:has-text("rests at {last - 1} of {last}")', timeout=30_000)


def without_a_kernel_a_picture_stays(server, opened):
    opened.keyboard.press("Control+s")
    opened.wait_for_function("document.querySelector('.jp-mod-dirty.lm-mod-current') === null", timeout=30_000)
    saved = server.root / NOTEBOOK
    for _ in range(100):
        if "dc-edits-still" in saved.read_text(encoding="utf-8"):
            break
        opened.wait_for_timeout(100)
    text = saved.read_text(encoding="utf-8")
    assert "dc-edits-still" in text
    assert len(text) < 300_000
    assert "RIFF" not in text
    assert "UklGR" not in text  # the beginning of a WAV file in base64
    server.end_sessions()
    opened.goto("about:blank")
    opened.goto(f"{server.url}/lab/tree/{NOTEBOOK}?token={TOKEN}")
    picture = opened.locator(".dc-edits-still img")
    picture.wait_for(state="visible", timeout=60_000)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 500
    assert "edits (seed 7)" in picture.get_attribute("alt")
