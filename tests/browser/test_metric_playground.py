"""The metric playground in JupyterLab, painted with a real mouse and real keys; and the studio that a cell changes."""

import ast

from lab_page import choose_theme, output_of, peak, run_cell, violations
from studio_page import Studio

NOTEBOOK = "notebooks/playground.ipynb"
CELLS = (
    "import deepcomposer_lab as dc\nplayground = dc.MetricPlayground()\nplayground",
    "print([(n.onset, n.name, n.duration) for track in playground.composition.tracks[:1] for n in track.notes])",
    "values = dc.metrics.evaluate(playground.composition, key='C').overall.as_dict()\n"
    "print([values[row['name']] for row in playground.metrics])",
    "playground.composition = dc.sample_melody('ode_to_joy')",
    "studio = dc.MusicStudio()\nstudio",
    "studio.input = dc.sample_melody('frere_jacques')",
)
C4, E4, G4, SNARE = 12, 8, 5, 14


def cell_at(page, row, step):
    return page.locator(f'.dc-cell[data-row="{row}"][data-step="{step}"]')


def drag(page, row, first, last, *, moves=3):
    for step, act in ((first, page.mouse.down), (last, page.mouse.up)):
        box = cell_at(page, row, step).bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=moves)
        act()


def value_of(page, name):
    return page.locator(f'.dc-metric[data-metric="{name}"] .dc-metric-value')


def shows(page, name, words):
    """Wait until a metric is shown so."""
    page.wait_for_function(
        "([name, words]) => document.querySelector(`.dc-metric[data-metric='${name}'] .dc-metric-value`)"
        "?.textContent === words",
        arg=[name, words],
        timeout=10_000,
    )


def printed(page, number):
    output_of(page, number).evaluate_all("outputs => outputs.forEach(output => output.remove())")
    run_cell(page, number)
    return ast.literal_eval(output_of(page, number).first.inner_text())


def test_paint_watch_guess_and_play(server, page):
    """One visit for all of it: starting JupyterLab takes longer than painting."""
    page.set_viewport_size({"width": 1280, "height": 1000})
    server.open_cells(page, NOTEBOOK, CELLS)
    run_cell(page, 0)
    page.wait_for_selector(".dc-playground .dc-cell", timeout=60_000)
    numbers_follow_the_brush(page)
    keys_paint_too(page)
    the_notebook_has_what_is_seen(page)
    guesses_come_before_numbers(page)
    a_challenge_is_met(page)
    it_is_heard(page)
    the_notebook_paints_and_undo_takes_it_back(page)
    it_is_accessible(page)
    assert page.faults == []
    assert page.elsewhere == []


def numbers_follow_the_brush(page):
    assert value_of(page, "polyphonic_rate").inner_text() == "0.00"
    assert value_of(page, "in_scale_ratio").inner_text() == "–"  # no notes, no ratio
    drag(page, C4, 0, 31)
    shows(page, "in_scale_ratio", "1.00")
    drag(page, E4, 0, 31)
    drag(page, G4, 31, 16)  # from right to left as well
    shows(page, "polyphonic_rate", "0.50")
    shows(page, "drum_in_pattern", "–")
    drag(page, SNARE, 0, 3)  # four strokes: two on eighths, two between
    shows(page, "drum_in_pattern", "0.55")
    cell_at(page, SNARE, 1).click()
    cell_at(page, SNARE, 3).click()
    shows(page, "drum_in_pattern", "1.00")


def keys_paint_too(page):
    cell_at(page, C4, 0).focus()
    for key in ("ArrowUp", "ArrowRight", "Space", "Alt+ArrowRight", "Alt+ArrowRight"):  # C♯4, three sixteenths
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "C♯4, bar 1, step 2"
    assert "a note of 3 sixteenths" in page.locator(".dc-playground .dc-live").first.inner_text()
    shows(page, "in_scale_ratio", "0.75")
    cells = page.locator(".jp-CodeCell").count()
    for letter in "ddbaxy":  # JupyterLab's own keys, which would change the notebook
        page.keyboard.press(letter)
    assert page.locator(".jp-CodeCell").count() == cells


def the_notebook_has_what_is_seen(page):
    assert printed(page, 1) == [(0, "C4", 8), (0, "E4", 8), (0.25, "C♯4", 0.75), (4, "G4", 4)]
    names = ("in_scale_ratio", "polyphonic_rate", "distinct_pitches_per_bar", "empty_bar_rate", "drum_in_pattern")
    seen = [float(value_of(page, name).inner_text()) for name in names]
    measured = printed(page, 2)
    assert all(abs(one - other) <= 0.051 for one, other in zip(seen, measured, strict=True))
    cell_at(page, C4, 0).focus()
    for _ in range(3):
        page.keyboard.press("Control+z")
    shows(page, "in_scale_ratio", "1.00")


def guesses_come_before_numbers(page):
    page.get_by_role("switch", name="Predict first").click()
    assert value_of(page, "polyphonic_rate").count() == 0
    page.get_by_role("slider", name="Polyphonic rate").fill("0.45")
    page.get_by_role("slider", name="Pitches used, a bar").fill("8")
    page.locator(".dc-playground").get_by_role("button", name="Check").click()
    shows(page, "polyphonic_rate", "0.50")
    words = page.locator(".dc-guess-words").inner_text()
    assert words.startswith("1 of 2 within a tenth of the scale; off by 20 %")  # 0.05, and 5.5 of 16, which is 0.34
    page.get_by_role("switch", name="Predict first").click()


def a_challenge_is_met(page):
    page.get_by_role("combobox", name="Challenge").select_option(label="Empty bar rate of 0.50")
    said = page.locator(".dc-challenge-words")
    said.filter(has_text="0.00: too low.").wait_for()
    page.locator(".dc-playground").get_by_role("button", name="Clear").click()
    drag(page, E4, 16, 19)
    page.wait_for_function("document.querySelector('.dc-challenge-words').textContent === 'Done: 0.50.'")


def it_is_heard(page):
    page.keyboard.press("p")
    assert peak(page, 4.0) > 0.01, "nothing is heard"
    assert page.locator(".dc-now-step").count() == 16  # a column
    page.keyboard.press("p")
    page.wait_for_function("document.querySelectorAll('.dc-now-step').length === 0")


def the_notebook_paints_and_undo_takes_it_back(page):
    run_cell(page, 3)
    page.wait_for_function("document.querySelectorAll('.dc-cell[aria-selected=true]').length === 32")
    shows(page, "distinct_pitches_per_bar", "3.5")
    page.locator(".dc-playground").get_by_role("button", name="Undo").click()
    page.wait_for_function("document.querySelectorAll('.dc-cell[aria-selected=true]').length === 4")
    assert printed(page, 1) == [(4, "E4", 1)]


def it_is_accessible(page):
    assert violations(page, ".dc-playground") == []
    choose_theme(page, "Dark")
    page.get_by_role("switch", name="Predict first").click()
    assert violations(page, ".dc-playground") == []
    page.get_by_role("switch", name="Predict first").click()


def test_the_studio_shows_what_a_cell_gives_it_and_can_undo_it(server, page):
    page.set_viewport_size({"width": 1280, "height": 1000})
    server.open_cells(page, NOTEBOOK, (CELLS[0].splitlines()[0] + "\n" + CELLS[4], CELLS[5], "studio.widget"))
    run_cell(page, 0)
    page.wait_for_selector(".dc-studio .dc-footer-words", timeout=60_000)
    words = page.locator(".dc-step-input .dc-footer-words")
    page.wait_for_function(
        "document.querySelector('.dc-step-input .dc-footer-words').textContent.startsWith('30 notes')"
    )
    run_cell(page, 1)
    page.wait_for_function(
        "document.querySelector('.dc-step-input .dc-footer-words').textContent.startsWith('32 notes')"
    )
    assert page.locator(".dc-step-tab .dc-step-value").first.inner_text().startswith("Frère Jacques")
    page.locator(".dc-step-input").get_by_role("button", name="Undo", exact=True).click()
    page.wait_for_function(
        "document.querySelector('.dc-step-input .dc-footer-words').textContent.startsWith('30 notes')"
    )
    assert words.inner_text().startswith("30 notes in 8 bars")
    page.locator(".dc-step-input").get_by_role("button", name="Redo", exact=True).click()
    page.wait_for_function(
        "document.querySelector('.dc-step-input .dc-footer-words').textContent.startsWith('32 notes')"
    )
    two_views_agree(page)
    assert page.faults == []


def two_views_agree(page):
    """What is set and drawn in one is seen in the other, and what one keeps is kept once."""
    run_cell(page, 2)
    views = page.get_by_role("region", name="Music studio")
    one, other = Studio(page), Studio(page)
    one.root, other.root = views.nth(0), views.nth(1)
    other.wait_for_notes(32)
    names = page.locator(".dc-studio [role=tab]").evaluate_all("tabs => tabs.map((tab) => tab.id)")
    assert len(set(names)) == len(names) == 12
    one.button("Pitch, semitones: more").click()
    page.wait_for_function(
        "[...document.querySelectorAll('[aria-label=\"Pitch, semitones\"]')].map(one => one.value).join() === '1,1'"
    )
    one.step(2)
    one.compose("gan")
    other.wait_for_composition()
    one.roll("Composition, piano roll").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("ArrowUp")
    other.button("Keep the edits").click()
    page.wait_for_function("[...document.querySelectorAll('.dc-count')].every(one => one.textContent === '3')")
    page.wait_for_timeout(1500)
    assert (one.kept, other.kept) == (3, 3)
    for view in (one, other):
        assert view.lineage[-1] == "Edited by hand"
        view.button("Keep the edits").wait_for(state="hidden")
