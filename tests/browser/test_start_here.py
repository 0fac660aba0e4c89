"""The start page as a stranger meets it: in JupyterLab, in a browser, with nothing but Shift + Enter."""

import time

from lab_page import ERRORS, TOKEN, run_all

NOTEBOOK = "notebooks/00_start_here.ipynb"
SECONDS_TO_FIRST_SOUND = 20


def open_start_page(server, page):
    page.goto(f"{server.url}/?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    server.wait_for_kernel(page, NOTEBOOK)


def run_to_the_end(page):
    """Run all cells, and wait until the last has run or one has failed."""
    run_all(page)
    page.wait_for_function(
        """errors => {
            const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
            const done = prompts.every((prompt) => /\\[\\d+\\]/.test(prompt.textContent));
            return done || document.querySelector(errors) !== null;
        }""",
        arg=ERRORS,
        timeout=300_000,
    )


def test_the_lab_is_quiet_and_the_start_page_in_front(server, page):
    open_start_page(server, page)
    page.wait_for_timeout(3000)  # news would come up by now
    assert page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel").first.inner_text() == "00_start_here.ipynb"
    assert not page.locator("#jp-left-stack").is_visible()
    assert not page.locator("#jp-right-stack").is_visible()
    assert page.locator(".Toastify__toast, .jp-Dialog").count() == 0
    assert page.elsewhere == []


def test_two_presses_of_shift_enter_give_a_first_sound_in_time(server, page):
    opened = time.monotonic()
    open_start_page(server, page)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".jp-CodeCell audio[src^='data:audio/']", timeout=60_000)
    assert time.monotonic() - opened < SECONDS_TO_FIRST_SOUND
    audio = page.locator("audio").first
    page.wait_for_function("audio => audio.duration > 10", arg=audio.element_handle())
    assert page.locator(ERRORS).count() == 0


def test_runs_to_the_end_with_sound_and_pictures_and_without_the_internet(server, page):
    open_start_page(server, page)
    run_to_the_end(page)
    assert page.locator(ERRORS).count() == 0
    assert page.locator(".js-plotly-plot .main-svg").count() > 0
    players = page.locator("audio")
    assert players.count() >= 4
    for number in range(players.count()):
        # The browser has decoded it: it knows the length and found no fault.
        page.wait_for_function(
            "audio => audio.duration > 5 && audio.error === null", arg=players.nth(number).element_handle()
        )
    assert page.elsewhere == []
