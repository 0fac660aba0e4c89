"""The monitor of a training in JupyterLab, with real clicks and keys, while the kernel stays free for other cells."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab_page import choose_theme, output_of, run_cell, violations

NOTEBOOK = "notebooks/training.ipynb"
ROOT = Path(__file__).parents[2]
TESTS = str(ROOT / "tests")
CELLS = (
    f"import sys; sys.path.insert(0, {TESTS!r})\n"
    "import deepcomposer_lab as dc\n"
    "from deepcomposer_lab.studio import Training\n"
    "from standin_trainer import OneNetwork, TwoNetworks\n"
    "trainer = TwoNetworks(3_000, seconds=0.01)\n"
    "run = Training(dc.recipes.Recipe('musegan_rock', technique='gan'), trainer)\n"
    "run.start()\n"
    "run.monitor",
    "import ipykernel\n"
    "print('updates', trainer.step, trainer.discriminator_updates, run.state, 'ipykernel', ipykernel.__version__)\n"
    "print('drawn', run.monitor._frame.drawn)",
    "run.monitor",
    "print('waiting')\ntry:\n    run.wait()\nexcept KeyboardInterrupt:\n    print('interrupted')",
)
MONITOR = ".dc-monitor"
PATIENCE = 90_000  # milliseconds until what must come has not come: on a busy machine everything takes its time


def wait_for_status(page, pattern):
    page.wait_for_function(
        "pattern => new RegExp(pattern).test(document.querySelector('.dc-monitor-status')?.textContent ?? '')",
        arg=pattern,
    )
    return page.locator(".dc-monitor-status").first.inner_text()


def wait_for_output(page, number, text):
    """Wait until a cell has printed something."""
    page.locator(".jp-CodeCell").nth(number).locator(f'.jp-OutputArea-output:has-text("{text}")').wait_for()


def wait_for_change(page, locator, before):
    """Wait until what stands somewhere is no longer the HTML it was, and return what it is."""
    page.wait_for_function(
        "([element, before]) => element.innerHTML !== before", arg=[locator.element_handle(), before]
    )
    return locator.inner_html()


def updates(page):
    """Run the second cell, and return what it prints: updates of the generator, of the discriminator, the state."""
    run_cell(page, 1)
    prompt = page.locator(".jp-CodeCell").nth(1).locator(".jp-InputPrompt")
    page.wait_for_function(
        "([prompt, before]) => /\\[\\d+\\]/.test(prompt.textContent) && prompt.textContent !== before",
        arg=[prompt.element_handle(), getattr(page, "prompt", "")],
    )
    page.prompt = prompt.text_content()
    text = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text()
    generator, discriminator, state = re.search(r"updates (\d+) (\d+) (\w+)", text).groups()
    return int(generator), int(discriminator), state


def wait_for_updates(page, is_there):
    """Run the second cell until what it prints is what it should be: buttons and cells are answered side by side."""
    end = time.monotonic() + PATIENCE / 1000
    while not is_there(found := updates(page)):
        assert time.monotonic() < end, f"It stayed at {found}."
        page.wait_for_timeout(100)


def button(page, name):
    return page.locator(f"{MONITOR} .{name}").first


def open_monitor(server, page, kernel="python3"):
    page.set_default_timeout(PATIENCE)
    page.set_viewport_size({"width": 1280, "height": 1300})
    server.open_cells(page, NOTEBOOK, CELLS, kernel)
    run_cell(page, 0)
    page.wait_for_selector(f"{MONITOR} .js-plotly-plot .scatterlayer path.js-line")


def test_the_monitor_in_jupyterlab(server, page):
    """One visit for all of it: starting JupyterLab takes longer than looking."""
    go_through_it(server, page)


@pytest.mark.slow
def test_the_monitor_with_an_older_kernel(server, page, tmp_path):
    """ipykernel 6 answers widgets in another way: all on the thread that runs the cells."""
    older = tmp_path / "ipykernel-6"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(older), "ipykernel>=6.29,<7"]
    subprocess.run(pip, check=True, timeout=300)
    specification = server.home / ".local/share/jupyter/kernels/older"
    specification.mkdir(parents=True)
    start = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Older",
        "language": "python",
        "env": {"PYTHONPATH": f"{older}{os.pathsep}{ROOT}"},
    }
    (specification / "kernel.json").write_text(json.dumps(start), encoding="utf-8")
    go_through_it(server, page, "older")


def go_through_it(server, page, kernel="python3"):
    open_monitor(server, page, kernel)
    it_moves_while_other_cells_run(page, "7." if kernel == "python3" else "6.")
    pause_holds_it(page)
    single_steps(page)
    keys_work_and_do_not_reach_the_notebook(page)
    the_slider_shows_every_epoch(page)
    the_chooser_shows_and_plays_another_pair(page)
    a_second_view_shows_the_same(page)
    an_interrupt_ends_nothing(page)
    resume_and_stop(page)
    save(page)
    the_figure_follows_its_place(page)
    a_screen_reader_finds_its_way(page)
    assert page.faults == []
    assert page.elsewhere == []


def it_moves_while_other_cells_run(opened, version):
    first = wait_for_status(opened, r"^Training: update [\d,]+ of 3,000, about .* left\.$")
    generator, _, state = updates(opened)
    assert state == "running"
    assert f"ipykernel {version}" in opened.locator(".jp-CodeCell").nth(1).inner_text()
    opened.wait_for_function("before => document.querySelector('.dc-monitor-status').textContent !== before", arg=first)
    assert updates(opened)[0] >= generator
    assert button(opened, "is-generator").is_disabled()
    # The page says that it drew, or it would be sent a drawing every two seconds, or more than it can draw.
    wait_for_updates(opened, lambda _: int(re.search(r"drawn (\d+)", output_of(opened, 1).last.inner_text())[1]) > 2)


def pause_holds_it(opened):
    button(opened, "is-play").click()
    wait_for_status(opened, r"^Paused at update [\d,]+ of 3,000\.$")
    before = updates(opened)
    opened.wait_for_timeout(400)
    assert updates(opened) == before
    assert before[2] == "paused"
    assert button(opened, "is-play").inner_text() == "Play"


def single_steps(opened):
    generator, discriminator, _ = updates(opened)
    button(opened, "is-generator").click()
    wait_for_status(opened, f"^Paused at update {generator + 1:,} of 3,000")
    assert updates(opened) == (generator + 1, discriminator, "paused")
    button(opened, "is-discriminator").click()
    wait_for_updates(opened, lambda found: found == (generator + 1, discriminator + 1, "paused"))


def keys_work_and_do_not_reach_the_notebook(opened):
    cells = opened.locator(".jp-Cell").count()
    generator, discriminator, _ = updates(opened)
    button(opened, "is-discriminator").focus()
    for key in "dgdxabv":
        opened.keyboard.press(key)
        opened.wait_for_timeout(150)
    assert opened.locator(".jp-Cell").count() == cells
    wait_for_updates(opened, lambda found: found == (generator + 1, discriminator + 2, "paused"))


def the_slider_shows_every_epoch(opened):
    handle = opened.locator(f"{MONITOR} .noUi-handle").first
    roll = opened.locator(f"{MONITOR} .dc-monitor-roll").first
    newest = roll.inner_html()
    handle.focus()
    opened.keyboard.press("Home")
    opened.wait_for_selector(f'{MONITOR} .dc-monitor-epoch:has-text("before training")')
    wait_for_change(opened, roll, newest)
    opened.keyboard.press("ArrowRight")
    opened.wait_for_selector(f'{MONITOR} .dc-monitor-epoch:has-text("after epoch 1")')
    assert handle.get_attribute("aria-label") == "Epoch you see and hear"
    opened.keyboard.press("h")
    audio = opened.locator(f"{MONITOR} audio").first
    audio.wait_for()
    opened.wait_for_function("audio => audio.duration > 10 && audio.error === null", arg=audio.element_handle())


def the_chooser_shows_and_plays_another_pair(opened):
    before = updates(opened)
    audio = opened.locator(f"{MONITOR} audio").first
    roll = opened.locator(f"{MONITOR} .dc-monitor-roll").first
    drawn = roll.inner_html()
    chooser = opened.get_by_role("combobox", name="Melody").first
    options = [f"{melody}, noise {noise}" for melody in ("Ode to Joy", "Frère Jacques") for noise in (1, 2)]
    assert [" ".join(option.split()) for option in chooser.locator("option").all_inner_texts()] == options

    def chosen():
        return options[chooser.evaluate("chooser => chooser.selectedIndex")]

    chooser.click()
    assert chooser.get_attribute("title") == "The melody and the noise whose music you see and hear"
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("Enter")
    drawn = wait_for_change(opened, roll, drawn)
    assert chosen() == "Ode to Joy, noise 2"
    audio.wait_for(state="detached")  # what is heard is what is seen
    opened.keyboard.type("f")  # while it has the focus, letters choose and reach no button
    wait_for_change(opened, roll, drawn)
    assert chosen() == "Frère Jacques, noise 1"
    opened.keyboard.type("dg")
    assert "after epoch 1" in opened.locator(f"{MONITOR} .dc-monitor-epoch").first.inner_text()
    button(opened, "is-hear").click()
    audio.wait_for()
    opened.wait_for_function("audio => audio.duration > 10 && audio.error === null", arg=audio.element_handle())
    assert updates(opened) == before


def a_second_view_shows_the_same(opened):
    run_cell(opened, 2)
    opened.wait_for_function(
        """() => {
            const [one, other] = document.querySelectorAll('.dc-monitor-status');
            return other?.textContent.startsWith('Paused at update') && one.textContent === other.textContent;
        }"""
    )
    opened.wait_for_function("document.querySelectorAll('.dc-monitor-epoch').length === 2")


def resume_and_stop(opened):
    generator, _, _ = updates(opened)
    button(opened, "is-play").click()
    wait_for_status(opened, "^Training: ")
    wait_for_updates(opened, lambda found: found[0] > generator)
    button(opened, "is-stop").click()
    status = wait_for_status(opened, "^Stopped at update")
    assert re.fullmatch(r'Stopped at update [\d,]+ of 3,000: run\.save\("my_musegan_rock"\) keeps it\.', status)
    reached = updates(opened)
    assert reached[0] > generator
    assert reached[2] == "stopped"
    for name in ("is-play", "is-stop", "is-generator", "is-discriminator"):
        assert button(opened, name).is_disabled()
    opened.wait_for_function(
        "[...document.querySelectorAll('.dc-monitor-status')].every(view => view.textContent.startsWith('Stopped at'))"
    )


def save(opened):
    name = opened.locator(f"{MONITOR} .widget-text input").first
    name.fill("my_song_d")
    button(opened, "is-save").click()
    opened.wait_for_selector(f'{MONITOR} :text("dc.GAN.from_pretrained")')
    assert 'Saved as my_song_d, version 1: dc.GAN.from_pretrained("my_song_d") finds it.' in opened.inner_text(MONITOR)


def an_interrupt_ends_nothing(opened):
    """The cell says that it was interrupted before another is run: a kernel that is interrupted while it takes up or
    answers a cell never answers it, and here nothing else would tell that the interrupt has come."""
    button(opened, "is-play").click()
    wait_for_status(opened, "^Training: ")
    run_cell(opened, 3)
    wait_for_output(opened, 3, "waiting")
    opened.click('div.lm-MenuBar-itemLabel:text-is("Kernel")')
    opened.click('li.lm-Menu-item[data-command="kernelmenu:interrupt"]')
    wait_for_output(opened, 3, "interrupted")
    generator, _, state = updates(opened)
    assert state == "running"
    wait_for_updates(opened, lambda found: found[0] > generator)
    button(opened, "is-play").click()
    wait_for_status(opened, "^Paused at update")


def the_figure_follows_its_place(opened):
    opened.set_viewport_size({"width": 860, "height": 1300})
    opened.wait_for_function(
        """() => {
            const place = document.querySelector('.dc-monitor').getBoundingClientRect().width;
            const figure = document.querySelector('.dc-monitor .main-svg').getBoundingClientRect().width;
            return place < 720 && figure <= place && figure > 0.9 * place;
        }"""
    )


def a_screen_reader_finds_its_way(opened):
    for theme in ("Dark", "Light"):
        choose_theme(opened, theme)
        assert violations(opened) == []


def test_a_transformer_has_one_network_and_is_heard(server, page):
    page.set_default_timeout(PATIENCE)
    server.open_cells(
        page,
        "notebooks/transformer.ipynb",
        [
            "import deepcomposer_lab as dc\n"
            "small = {'width': 16, 'heads': 2, 'hidden': 16, 'layers': 1, 'validation_interval': 5}\n"
            "run = dc.train(dc.recipes.TRANSFORMER_TINY.replace(**small))\n"
            "run.monitor"
        ],
    )
    run_cell(page, 0)
    wait_for_status(page, "^Training: update .* left")
    wait_for_status(page, "^Training: update [1-9]")
    assert not page.is_visible(".is-discriminator")
    assert not page.is_visible(".is-generator")
    page.click(".is-play")
    paused = int(re.search(r"Paused at update (\d+)", wait_for_status(page, "^Paused"))[1])
    page.click(".is-step")
    wait_for_status(page, f"^Paused at update {paused + 1} of")
    page.keyboard.press("s")
    wait_for_status(page, f"^Paused at update {paused + 2} of")
    assert "Extension" in page.inner_text(".dc-monitor-roll")
    assert "same seed" in page.inner_text(".dc-monitor-heading")
    chooser = page.locator(".dc-monitor select")
    names = [name.replace("\xa0", " ") for name in chooser.locator("option").all_inner_texts()]
    assert names == ["Ode to Joy", "Frère Jacques"]
    before = page.locator(".dc-monitor-roll").inner_html()
    chooser.select_option(index=1)
    wait_for_change(page, page.locator(".dc-monitor-roll"), before)
    page.click(".is-hear")
    page.wait_for_selector(".dc-monitor audio")
    page.click(".is-stop")
    wait_for_status(page, "^Stopped at update")
    assert page.elsewhere == []
