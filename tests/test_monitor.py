"""`dc.train` and `run.monitor` without a browser."""

import math
import re
import subprocess
import sys
import threading
from pathlib import Path

import nbclient
import nbformat
import pytest
from standin_trainer import BAND, OneNetwork, TwoNetworks, until

import deepcomposer_lab as dc
from deepcomposer_lab import studio, training
from deepcomposer_lab.training.run import RunError
from deepcomposer_lab.widgets.training_monitor import _Frame, _Pace

ROOT = Path(__file__).parents[1]
LONG = 10_000_000
RECIPE = dc.recipes.Recipe("rock_tiny", technique="gan")


@pytest.fixture
def begin(monkeypatch):
    """Return a `dc.train` that makes the given trainer; what it began is stopped after the test."""
    begun = []

    def begin(trainer, recipe=RECIPE, **settings):
        monkeypatch.setattr(training, "check_recipe", lambda _: None)
        monkeypatch.setattr(training, "train", lambda *_, **__: trainer)
        begun.append(dc.train(recipe, **settings))
        return begun[-1]

    yield begin
    for run in begun:
        run.stop()


def enabled(monitor):
    buttons = ("play", "stop", "discriminator", "generator", "step", "hear", "keep")
    shown = [name for name in buttons if getattr(monitor, name).layout.display != "none"]
    return [name for name in shown if not getattr(monitor, name).disabled]


def test_the_buttons_hold_and_move_the_training(begin):
    trainer = TwoNetworks(LONG, seconds=0.0001)
    run = begin(trainer)
    monitor = run.monitor
    until(lambda: trainer.step > 3)
    monitor.refresh()
    assert (monitor.play.description, enabled(monitor)) == ("Pause", ["play", "stop", "hear", "keep"])
    assert "Pause first" in monitor.generator.tooltip
    monitor.play.click()
    until(lambda: run.state == "paused" and not monitor.generator.disabled)
    assert (monitor.play.description, monitor.play.icon) == ("Play", "play")
    step, other = trainer.step, trainer.discriminator_updates
    monitor.generator.click()
    until(lambda: trainer.step == step + 1)
    monitor.discriminator.click()
    until(lambda: trainer.discriminator_updates == other + 1)
    assert trainer.step == step + 1
    until(lambda: f"Paused at update {step + 1:,} of" in monitor.status.value)
    monitor.play.click()
    until(lambda: trainer.step > step + 3)
    monitor.stop.click()
    until(lambda: "Stopped at update" in monitor.status.value)
    monitor.refresh()
    assert enabled(monitor) == ["hear", "keep"]
    assert repr(monitor).startswith("rock_tiny: Stopped at update")


def test_one_network_has_one_step_and_its_own_figures(begin):
    trainer = OneNetwork(30)
    run = begin(trainer, start=False)
    monitor = run.monitor
    until(lambda: run.state == "paused")
    monitor.refresh()
    assert enabled(monitor) == ["play", "stop", "step", "hear"]
    assert monitor._listening.layout.display == "none"
    for count in range(1, 11):
        monitor.step.click()
        until(lambda count=count: trainer.step == count)
    until(lambda: len(run.history.metrics) == 1)
    monitor.refresh()
    [figure] = monitor.curves.children
    assert [trace.name for trace in figure.data[::2]] == ["loss", "validation loss"]
    assert len(figure.data[0].x) == 10


def test_curves_and_the_datas_own_band(begin):
    run = begin(TwoNetworks(60))
    assert run.wait(20)
    monitor = run.monitor
    [figure] = monitor.curves.children
    names = [trace.name for trace in figure.data[::2]]
    assert names[:4] == ["discriminator", "generator", "real", "generated"]
    assert names[4:] == ["empty bar rate", "pitches used", "in scale ratio", "polyphonic rate", "drum in pattern"]
    assert [(shape.y0, shape.y1) for shape in figure.layout.shapes] == list(BAND.values())
    assert all(len(trace.x) for trace in figure.data)
    words = [annotation.text for annotation in figure.layout.annotations]
    assert "discriminator 0." in words[0]
    assert "within" in words[4]
    assert "data 0.90–0.98" in words[4]
    assert figure.layout.xaxis.range == (0, 6)


def test_a_page_is_sent_no_more_curves_than_it_can_draw():
    now = 100.0
    frame = _Frame()
    pace = _Pace(frame, clock=lambda: now)
    assert pace.is_due
    pace.sent()
    now += 0.3
    assert not pace.is_due  # not drawn yet
    frame.drawn = 1
    now += 0.59
    assert not pace.is_due  # drawing took 0.3 s, and 0.6 s belong to other things
    now += 0.02
    assert pace.is_due
    pace.sent()
    pace.sent()  # a step that was pressed meanwhile
    frame.drawn = 2
    now += 1.9
    assert not pace.is_due  # the third is not drawn
    now += 0.2
    assert pace.is_due  # nobody looks, it seems
    pace.sent()
    now += 50
    frame.drawn = 4  # a tab that was hidden
    now += 2.1
    assert pace.is_due


def test_what_the_training_came_to_is_drawn_whether_somebody_looks_or_not(begin):
    run = begin(TwoNetworks(LONG, seconds=0.0005))
    until(lambda: run.trainer and run.trainer.step > 50)
    monitor = run.monitor  # drawn as it is made, and then not for a while
    until(lambda: run.trainer.step > 100)
    run.pause()
    monitor.refresh()
    [figure] = monitor.curves.children
    assert figure.data[0].x[-1] == run.history.losses["discriminator"][0][-1]


def test_the_slider_shows_and_plays_every_epoch(begin):
    run = begin(TwoNetworks(40))
    monitor = run.monitor
    assert run.wait(20)
    until(lambda: monitor.epoch.max == monitor.epoch.value == 4)  # it follows the newest
    until(lambda: "after epoch 4" in monitor._epoch_words.value)
    last = monitor._roll.value
    monitor.epoch.value = 0
    assert "before training" in monitor._epoch_words.value
    assert monitor._roll.value != last
    assert "Melody" in monitor._roll.value
    assert monitor._player.value == ""
    monitor.hear.click()
    until(lambda: "data:audio/" in monitor._player.value, seconds=60)
    assert "autoplay" in monitor._player.value
    monitor.epoch.value = 1
    assert monitor._player.value == ""  # what is heard is what is seen


def test_another_pair_is_shown_and_played_at_the_same_epoch(begin):
    trainer = TwoNetworks(40)
    run = begin(trainer)
    monitor = run.monitor
    assert run.wait(20)
    until(lambda: monitor.epoch.max == 4)
    names = [f"{melody}, noise {noise}" for melody in ("Ode to Joy", "Frère Jacques") for noise in (1, 2)]
    assert list(monitor.pair.options) == names
    assert monitor.pair.value == names[0]
    assert (monitor.pair.description, monitor.pair.layout.display) == ("Melody", None)
    assert "noise" in monitor.pair.tooltip
    heard = []
    monitor._hear = lambda piece: heard.append(piece) or "<audio></audio>"
    monitor.epoch.value = 2
    rolls = []
    for name in names:
        monitor.pair.value = name
        assert "after epoch 2" in monitor._epoch_words.value
        assert monitor._player.value == ""  # what is heard is what is seen
        rolls.append(monitor._roll.value)
        monitor.hear.click()
        until(lambda: monitor._player.value)
    assert heard == [trainer.samples[2][1][name] for name in names]
    assert len(set(rolls)) == 4
    monitor.refresh()
    assert (monitor.pair.value, monitor._roll.value) == (names[-1], rolls[-1])


def test_whoever_chose_another_pair_keeps_it_while_epochs_go_by(begin):
    monitor = begin(TwoNetworks(LONG, seconds=0.0005)).monitor
    until(lambda: monitor.epoch.max >= 1, seconds=30)
    monitor.pair.value = "Frère Jacques, noise 2"
    before = monitor.epoch.max
    until(lambda: monitor.epoch.value > before, seconds=30)
    assert monitor.pair.value == "Frère Jacques, noise 2"


def test_what_was_rendered_of_another_pair_is_not_heard(begin):
    run = begin(TwoNetworks(20))
    monitor = run.monitor
    assert run.wait(20)
    until(lambda: monitor.epoch.max == 2)
    begun, go_on = threading.Event(), threading.Event()
    monitor._hear = lambda piece: begun.set() or (go_on.wait(10) and "<audio></audio>")
    monitor.hear.click()
    assert begun.wait(10)
    monitor.pair.value = "Ode to Joy, noise 2"
    go_on.set()
    until(lambda: monitor.hear.description == "Hear")
    assert monitor._player.value == ""


def test_whoever_looks_at_an_older_epoch_is_left_there(begin):
    run = begin(TwoNetworks(LONG, seconds=0.0005))
    monitor = run.monitor
    until(lambda: monitor.epoch.max >= 2, seconds=30)
    monitor.epoch.value = 1
    now = monitor.epoch.max
    until(lambda: monitor.epoch.max > now, seconds=30)
    assert monitor.epoch.value == 1


def test_saving_says_where_it_is_found_or_why_not(begin):
    trainer = TwoNetworks(10)
    run = begin(trainer)
    assert run.wait(10)
    monitor = run.monitor
    assert monitor.name.value == "my_rock"
    monitor.keep.click()
    assert "Saved as my_rock, version 1: dc.GAN.from_pretrained(&quot;my_rock&quot;) finds it." in monitor.saved.value
    monitor.name.value = "my rock"
    monitor.keep.click()
    assert "small letters, digits and underscores" in monitor.saved.value
    assert "is-trouble" in monitor.saved.value


def test_a_failure_is_a_sentence_in_the_monitor(begin):
    run = begin(TwoNetworks(40, fails_at=7))
    monitor = run.monitor
    assert run.wait(10)
    until(lambda: "broke off at update 6 of 40. ZeroDivisionError: division by zero." in monitor.status.value)
    assert "Traceback" not in monitor.status.value
    assert "is-trouble" in monitor.status.value


def test_running_the_cell_again_stops_the_earlier_training_and_says_so(begin):
    first = begin(TwoNetworks(LONG))
    until(lambda: first.progress)
    second = begin(TwoNetworks(LONG))
    assert first.state == "stopped"
    assert second.remark.startswith("The earlier training of rock_tiny was stopped at update ")
    assert second.remark in second.monitor.notice.value
    with pytest.raises(RunError, match="Another training runs: rock_tiny has not finished"):
        begin(TwoNetworks(5), recipe=dc.recipes.Recipe("jazz", technique="gan"))
    assert dc.stop_training() is second
    assert second.state == "stopped"
    assert dc.stop_training() is None


def test_what_is_no_recipe_is_refused_at_once():
    with pytest.raises(TypeError, match="got a int"):
        dc.train(3)
    with pytest.raises(ValueError, match="There is no recipe 'polka'"):
        dc.train("polka")
    with pytest.raises(ValueError, match="No trainer knows the technique 'polka'"):
        dc.train(dc.recipes.Recipe("rock", technique="polka"))
    with pytest.raises(ValueError, match="songs are for GANs"):
        dc.train("ar_cnn_tiny", songs=[1])


def test_the_ar_cnn_trains_in_the_background():
    recipe = dc.recipes.AR_CNN_TINY.replace(epochs=1, batch_size=2)
    run = dc.train(recipe, start=False)
    try:
        assert isinstance(run, studio.Training)
        assert run.step().step == 1
        monitor = run.monitor
        assert "Paused at update 1 of" in repr(monitor) or "Ready" in repr(monitor)
        assert monitor.step.layout.display != "none"
        monitor.name.value = "my_bach"
        monitor.keep.click()
        assert "dc.ARCNN.from_pretrained" in monitor.saved.value
        assert "my_bach" in [card.name for card in dc.list_models()]
    finally:
        run.stop()


TRANSFORMER_SMALL = dc.recipes.TRANSFORMER_TINY.replace(
    epochs=1, batch_size=4, segment=64, width=16, layers=1, heads=2, hidden=16, memory=32, validation_interval=2
)


def test_a_transformer_trains_in_the_background_and_is_heard():
    run = dc.train(TRANSFORMER_SMALL, start=False)
    monitor = run.monitor
    try:
        until(lambda: run.state == "paused" and run.samples, seconds=60)
        monitor.refresh()
        assert enabled(monitor) == ["play", "stop", "step", "hear"]  # one network: no discriminator, no generator
        for count in (1, 2):
            monitor.step.click()
            until(lambda count=count: run.trainer.step == count, seconds=60)
        until(lambda: len(run.samples) == 2 and run.history.metrics)
        monitor.refresh()
        [figure] = monitor.curves.children
        assert [trace.name for trace in figure.data[::2]] == ["loss", "validation loss", "bits a note"]
        loss, bits = (run.history.metrics[name][1][-1] for name in ("loss", "bits_per_note"))
        assert bits > loss / math.log(2)  # a note takes several tokens
        assert re.search(r"bits a note</b><br>.*▲ \d+\.\d\d", figure.layout.annotations[2].text)
        assert re.search(r"<b>\d+:\d\d</b> left", monitor.numbers.value)
        assert monitor._listening.layout.display is None
        assert "Each melody with the same seed at every epoch." in monitor._heading.value
        assert "noise" not in monitor.pair.tooltip
        assert list(monitor.pair.options) == ["Ode to Joy", "Frère Jacques"]
        assert "Extension" in monitor._roll.value
        monitor.stop.click()
        until(lambda: run.state == "stopped")
        monitor.name.value = "my_bard"
        monitor.keep.click()
        assert "dc.Transformers.from_pretrained(&quot;my_bard&quot;)" in monitor.saved.value
        melody = dc.sample_melody("ode_to_joy")
        kept = dc.Transformers.from_pretrained("my_bard").extend(melody, seed=7)
        assert kept.notes == dc.Transformers(run.trainer.model("whatever")).extend(melody, seed=7).notes
        _, music = run.samples[-1]
        assert set(music["Ode to Joy"].notes) == set(kept.notes)  # the second look was the better one
        assert music["Ode to Joy"].tracks[0].notes == melody.notes
    finally:
        run.stop()


def test_a_training_that_still_runs_does_not_hold_python_back(tmp_path):
    script = (
        "import deepcomposer_lab as dc, time\n"
        "run = dc.train(dc.recipes.AR_CNN_TINY.replace(batch_size=2))\n"
        "while run.progress is None: time.sleep(0.05)\n"
        "print(run.state)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "running\n", "")


def test_a_notebook_without_a_browser_says_where_it_stands():
    cells = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
        "import deepcomposer_lab as dc\n"
        "from deepcomposer_lab.studio import Training\n"
        "from standin_trainer import TwoNetworks\n"
        "run = Training(dc.recipes.Recipe('musegan_rock', technique='gan'), TwoNetworks(20))\n"
        "run.start()",
        "run.wait()\nrun.monitor",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    resources = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120, resources=resources).execute()
    [output] = notebook.cells[1].outputs
    assert output["data"]["text/plain"] == ('musegan_rock: Finished: 20 updates; run.save("my_musegan_rock") keeps it.')
    assert "application/vnd.jupyter.widget-view+json" in output["data"]
