"""The state machine of a training in the background, against a trainer that trains nothing."""

import math
import threading
import time
from itertools import pairwise

import pytest
from standin_trainer import OneNetwork, TwoNetworks, until

from deepcomposer_lab.training import run as runs
from deepcomposer_lab.training.progress import Progress
from deepcomposer_lab.training.run import RunError, TrainingRun, duration

LONG = 10_000_000


@pytest.fixture
def begun():
    """Return a maker of runs that are stopped after the test."""
    made = []

    def make(trainer, **settings):
        made.append(TrainingRun(trainer, **settings))
        return made[-1]

    yield make
    for run in made:
        run.stop()


def test_a_run_goes_to_its_end(begun):
    trainer = OneNetwork(40)
    run = begun(trainer, name="tiny")
    assert (run.state, run.progress, run.status) == ("paused", None, "Ready: 40 updates to go.")
    run.start()
    assert run.wait(10)
    assert (run.state, trainer.step, run.progress.step) == ("finished", 40, 40)
    assert run.status == 'Finished: 40 updates; run.save("my_tiny") keeps it.'
    epochs, losses = run.history.losses["loss"]
    assert epochs == tuple(step / 10 for step in range(1, 41))
    assert losses[-1] == run.progress.loss
    assert len(run.history.metrics["loss"][0]) == 4


def test_pause_really_stops_updates_and_resume_goes_on(begun):
    trainer = TwoNetworks(LONG)
    run = begun(trainer)
    run.start()
    until(lambda: trainer.step > 5)
    run.pause()
    assert run.state == "paused"
    step, updates = trainer.step, trainer.discriminator_updates
    time.sleep(0.2)
    assert (trainer.step, trainer.discriminator_updates) == (step, updates)
    assert run.status == f"Paused at update {step:,} of {LONG:,}."
    run.pause()  # a second time is no error
    run.resume()
    until(lambda: trainer.step > step + 5)
    assert run.state == "running"
    assert run.status.startswith("Training: update ")


def test_steps_are_counted_exactly(begun):
    trainer = TwoNetworks(100)
    run = begun(trainer)
    for _ in range(3):
        assert run.step("discriminator").updated == "discriminator"
    assert (trainer.discriminator_updates, trainer.step) == (3, 0)
    assert run.step("generator").updated == "generator"
    assert (trainer.discriminator_updates, trainer.step) == (3, 1)
    assert [run.step().updated for _ in range(6)] == ["discriminator"] * 5 + ["generator"]
    assert (trainer.discriminator_updates, trainer.step, run.state) == (8, 2, "paused")
    for _ in range(20):
        run.step("generator", wait=False)
    until(lambda: trainer.step == 22)
    assert [len(run.history.losses[name][0]) for name in ("discriminator", "generator")] == [8, 22]


def test_stepping_to_the_end_finishes(begun):
    run = begun(OneNetwork(3))
    for _ in range(3):
        run.step()
    assert run.wait(5)
    assert run.state == "finished"
    with pytest.raises(RunError, match="is over cannot be stepped"):
        run.step()


def test_what_cannot_be_stepped_says_why(begun):
    run = begun(OneNetwork(LONG))
    run.start()
    with pytest.raises(RunError, match=r"run.pause\(\) first"):
        run.step()
    run.pause()
    with pytest.raises(RunError, match="no discriminator"):
        run.step("discriminator")
    with pytest.raises(ValueError, match="got 'critic'"):
        run.step("critic")


@pytest.mark.parametrize("paused", [True, False])
def test_stop_keeps_the_result(begun, paused, tmp_path):
    trainer = TwoNetworks(LONG, seconds=0.001)
    run = begun(trainer, name="rock", checkpoint=tmp_path / "checkpoint")
    run.start()
    until(lambda: trainer.step > 2)
    if paused:
        run.pause()
    began = time.monotonic()
    run.stop()
    assert time.monotonic() - began < 1
    step = trainer.step
    time.sleep(0.05)
    assert (run.state, trainer.step) == ("stopped", step)
    assert run.status == f'Stopped at update {step:,} of {LONG:,}: run.save("my_rock") keeps it.'
    assert run.save("my_rock").name == "my_rock"
    assert trainer.saved == [("my_rock", step)]
    assert trainer.kept == [tmp_path / "checkpoint"]
    run.stop()
    with pytest.raises(RunError, match=r"is over cannot be resumed\. Stopped at"):
        run.resume()


def test_a_second_start_is_refused(begun):
    run = begun(OneNetwork(LONG))
    run.start()
    with pytest.raises(RunError, match=r"was started before\. Training: update"):
        run.start()


def test_one_training_at_a_time(begun):
    first, second = begun(OneNetwork(LONG), name="musegan_rock"), begun(OneNetwork(LONG))
    first.start()
    assert runs.running() is first
    with pytest.raises(RunError, match="musegan_rock has not finished"):
        second.start()
    first.pause()
    second.start()  # one that rests does not run
    with pytest.raises(RunError, match="Another training runs"):
        first.resume()
    second.stop()
    first.resume()
    assert runs.running() is first


def test_a_failure_becomes_a_sentence(begun):
    run = begun(TwoNetworks(40, fails_at=7), name="rock")
    run.start()
    assert run.wait(5)
    assert (run.state, run.progress.step) == ("failed", 6)
    assert run.error == "ZeroDivisionError: division by zero."
    assert run.status.startswith("The training broke off at update 6 of 40. ZeroDivisionError: division by zero.")
    assert isinstance(run.exception, ZeroDivisionError)
    run.save("my_rock")


def test_a_failure_while_stepping_is_told_and_ends_the_run(begun):
    run = begun(TwoNetworks(40, fails_at=1))
    with pytest.raises(RunError, match=r"broke off\. ZeroDivisionError: division by zero\."):
        run.step("generator")
    assert run.wait(5)
    assert run.state == "failed"


def test_a_loss_beyond_all_bounds_is_told(begun):
    class Diverging(OneNetwork):
        def progress(self, updated):
            return Progress(self.step, self.total_steps, 0, math.nan if self.step == 5 else 1.0)

    run = begun(Diverging())
    run.start()
    assert run.wait(5)
    assert run.state == "failed"
    assert "no number any more after update 5" in run.error
    assert "smaller learning_rate" in run.error


def test_the_trainer_is_made_in_the_background(begun):
    release = threading.Event()

    def make():
        release.wait(10)
        return OneNetwork(20)

    run = begun(make)
    assert run.status == "Ready: nothing was trained yet."
    run.start()
    assert run.status.startswith("Preparing: ")
    release.set()
    assert run.wait(10)
    assert run.progress.step == 20


def test_data_that_cannot_be_read_is_a_sentence(begun):
    def make():
        raise ValueError("There is no dataset 'polka'; there is 'rock'")

    run = begun(make)
    run.start()
    assert run.wait(5)
    assert run.status == "The training broke off. There is no dataset 'polka'; there is 'rock'."
    with pytest.raises(RunError, match="nothing to save"):
        run.save("polka")


def test_prepared_it_waits_with_its_first_samples(begun):
    run = begun(lambda: TwoNetworks(20))
    run.prepare()
    until(lambda: run.state == "paused" and run.samples)
    assert run.status == "Ready: 20 updates to go."
    run.start()
    assert run.wait(10)
    assert [epoch for epoch, _ in run.samples] == [0, 1, 2]


def test_saving_waits_for_the_update_in_hand(begun):
    class Careful(OneNetwork):
        inside = False

        def take(self, updated):
            self.inside = True
            time.sleep(0.002)
            self.inside = False
            return super().take(updated)

        def save(self, name, **settings):
            assert not self.inside
            return super().save(name, **settings)

    trainer = Careful(LONG)
    run = begun(trainer)
    run.start()
    for _ in range(20):
        run.save("my_model")
    assert len(trainer.saved) == 20
    with pytest.raises(ValueError, match="small letters"):
        run.save("My model")
    assert run.state == "running"  # a name that is refused does not end a training


def test_the_history_is_bounded(begun):
    run = begun(OneNetwork(5_000), most_points=100)
    run.start()
    assert run.wait(30)
    epochs, losses = run.history.losses["loss"]
    assert 50 <= len(epochs) <= 101
    assert list(epochs) == sorted(epochs)
    assert epochs[0] < 10
    assert epochs[-1] > 490
    assert losses[0] > losses[-1]


def test_watchers_are_called_at_most_ten_times_a_second_and_see_the_end(begun):
    run = begun(OneNetwork(LONG))
    calls, seen = [], []

    def watch():
        calls.append(time.monotonic())
        seen.append(run.state)

    end = run.on_change(watch)
    run.start()
    time.sleep(1)
    run.stop()
    until(lambda: seen[-1] == "stopped")
    assert 4 <= len(calls) <= 12
    assert all(later - earlier > 0.09 for earlier, later in pairwise(calls[1:]))
    end()
    count = len(calls)
    run._tell()
    time.sleep(0.3)
    assert len(calls) == count


def test_a_watcher_that_fails_ends_nothing(begun):
    run = begun(OneNetwork(20, seconds=0.001))
    seen = []

    def watch():
        seen.append(run.state)
        raise KeyError("a picture")

    run.on_change(watch)
    run.start()
    assert run.wait(10)
    until(lambda: seen[-1] == "finished")
    assert isinstance(run.watcher_error, KeyError)
    assert run.exception is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "a second"),
        (8.4, "8 seconds"),
        (43, "45 seconds"),
        (125, "2 minutes"),
        (7200, "2 hours"),
        (9000, "2.5 hours"),
    ],
)
def test_times_are_told_as_one_says_them(seconds, words):
    assert duration(seconds) == words
