"""A training in the background: play, pause, step, stop, while the notebook stays free for other cells.

One thread takes the updates, another tells those who watch, at most eight times a second. Commands only set what is
wished, under one condition variable; the training thread reads it between two updates. So an interrupted cell does not
end a training, and a button that is pressed never waits for one. Whatever touches the trainer's weights (an update,
saving) happens in the training thread, between two updates.

Lesson: notebooks/05_gans.ipynb.
"""

from __future__ import annotations

import atexit
import math
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepcomposer_lab.training.progress import Progress, Sample, Trainer

MOST_POINTS = 2_000
"""The most that a curve of `History` keeps: beyond, two neighbours become their mean."""

SECONDS_BETWEEN_CHANGES = 0.125
"""The shortest time between two calls of those who watch a run."""

Curve = tuple[tuple[float, ...], tuple[float, ...]]
"""Epochs, and the values there."""


class RunError(RuntimeError):
    """A command that a run cannot follow in the state it is in: one sentence."""


@dataclass(frozen=True)
class History:
    """The curves of a training so far, by name; every curve as epochs and values.

    Parameters
    ----------
    losses, scores, gradient_norms, metrics : mapping of str to Curve
        As in `Progress`; the loss of a trainer with one network is "loss".
    """

    losses: Mapping[str, Curve] = field(default_factory=dict)
    scores: Mapping[str, Curve] = field(default_factory=dict)
    gradient_norms: Mapping[str, Curve] = field(default_factory=dict)
    metrics: Mapping[str, Curve] = field(default_factory=dict)


class _Thinning:
    """A curve that never holds more than so many points: when it is full, two neighbours become their mean."""

    def __init__(self, most: int) -> None:
        self.most, self.stride = most, 1
        self.points: list[tuple[float, float]] = []
        self.open: list[tuple[float, float]] = []  # of the last point, not yet whole

    def add(self, epoch: float, value: float) -> None:
        self.open.append((epoch, value))
        if len(self.open) < self.stride:
            return
        self.points.append(_mean(self.open))
        self.open = []
        if len(self.points) >= self.most:
            self.points = [_mean(self.points[index : index + 2]) for index in range(0, len(self.points), 2)]
            self.stride *= 2

    def curve(self) -> Curve:
        points = [*self.points, _mean(self.open)] if self.open else self.points
        return tuple(epoch for epoch, _ in points), tuple(value for _, value in points)


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(epoch for epoch, _ in points) / len(points), sum(value for _, value in points) / len(points)


_GROUPS = ("losses", "scores", "gradient_norms", "metrics")


class _Recorder:
    """Collects Progress into curves; its owner holds the lock."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.curves: dict[str, dict[str, _Thinning]] = {group: {} for group in _GROUPS}

    def add(self, progress: Progress) -> None:
        for group in _GROUPS:
            values: Mapping[str, float] = getattr(progress, group)
            if group == "losses" and not values:
                values = {"loss": progress.loss}
            for name, value in values.items():
                if math.isfinite(value):
                    self.curves[group].setdefault(name, _Thinning(self.most)).add(progress.epoch, float(value))

    def history(self) -> History:
        return History(
            **{group: {name: curve.curve() for name, curve in curves.items()} for group, curves in self.curves.items()}
        )


class _Task:
    """Something for the training thread to do between two updates, and what came of it."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act, self.done = act, threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.act()
        except Exception as error:
            self.error = error
        finally:
            self.done.set()

    def outcome(self) -> Any:
        """Wait for the end; return what came of it, or raise what went wrong."""
        self.done.wait()
        if self.error is not None:
            raise self.error
        return self.result


_OVER = ("stopped", "finished", "failed")
_STEPS = {"discriminator": "discriminator_step", "generator": "generator_step"}

_one_at_a_time = threading.Lock()
_current: weakref.ref[TrainingRun] | None = None
_alive: weakref.WeakSet[TrainingRun] = weakref.WeakSet()


def running() -> TrainingRun | None:
    """Return the training that runs in this process, or None; there is at most one."""
    run = _current() if _current is not None else None
    return run if run is not None and run._is_alive and run._wish == "run" else None


class TrainingRun:
    """A training that runs in the background.

    Parameters
    ----------
    trainer : Trainer, or callable () -> Trainer
        A callable is called in the background too: reading the data takes its time.
    name : str
        What sentences call it.
    checkpoint : Path, optional
        Where a trainer that can be kept is kept when the run is stopped.
    most_points : int
        The most that a curve of `history` holds.

    Attributes
    ----------
    error : str
        What broke the training off, in one sentence; "" where nothing did. `exception` has the whole of it, and
        `watcher_error` what went wrong in one of those who watch.
    remark : str
        What a learner should know beside the state; "" where there is nothing.
    """

    def __init__(
        self,
        trainer: Trainer | Callable[[], Trainer],
        *,
        name: str = "",
        checkpoint: Path | None = None,
        most_points: int = MOST_POINTS,
    ) -> None:
        self.name, self.checkpoint = name, checkpoint
        self.error, self.remark = "", ""
        self.exception: Exception | None = None
        self.watcher_error: Exception | None = None
        self._make: Callable[[], Trainer] | None = None
        self._trainer: Trainer | None = None
        if hasattr(trainer, "total_steps"):
            self._trainer = trainer  # type: ignore[assignment]
        else:
            self._make = trainer  # type: ignore[assignment]
        self._condition = threading.Condition()  # guards all that follows
        self._wish = "run"
        self._state = "paused"
        self._is_alive = self._was_started = False
        self._tasks: deque[_Task] = deque()
        self._progress: Progress | None = None
        self._recorder = _Recorder(most_points)
        self._thread: threading.Thread | None = None
        self._watchers: list[Callable[[], None]] = []
        self._changed = threading.Event()
        self._teller: threading.Thread | None = None
        self._iterator: Iterator[Progress] | None = None
        self._is_exhausted = False

    # -------------------------------------------------------------------------- commands

    def start(self) -> None:
        """Begin, and return at once.

        Raises
        ------
        RunError
            When it was started before, or another training runs.
        """
        with self._condition:
            if self._was_started:
                raise RunError(f"This training was started before. {self.status}")
        self._go_on()

    def prepare(self) -> None:
        """Begin in pause: read the data, build the networks, and wait for `start`, `resume` or `step`."""
        with self._condition:
            if not self._is_alive and self._state not in _OVER:
                self._wish = "pause"
                self._launch()

    def pause(self, *, wait: bool = True) -> None:
        """Hold the training after the update that is being taken; `wait` until it is held.

        Raises
        ------
        RunError
            When it is over.
        """
        with self._condition:
            self._refuse_when_over("paused")
            self._was_started = True
            self._wish = "pause"
            self._launch()
            self._condition.notify_all()
            while wait and self._state == "running":
                self._condition.wait()
        self._tell()

    def resume(self) -> None:
        """Go on after a pause.

        Raises
        ------
        RunError
            When it is over, or another training runs.
        """
        with self._condition:
            self._refuse_when_over("resumed")
        self._go_on()

    def _go_on(self) -> None:
        """Let the training thread take update after update."""
        self._claim()
        with self._condition:
            self._was_started = True
            self._wish = "run"
            self._launch()
            self._condition.notify_all()
        self._tell()

    def step(self, kind: str | None = None, *, wait: bool = True) -> Progress | None:
        """Take one update in a pause, and return how it went.

        Parameters
        ----------
        kind : "discriminator", "generator" or None
            Whose weights move; None takes whichever update comes next.
        wait : bool
            Whether to wait for it; without, None is returned at once.

        Raises
        ------
        RunError
            When the training is not paused, its trainer has no such networks, or the update went wrong.
        ValueError
            When there is no such kind.
        """
        if kind not in (None, *_STEPS):
            raise ValueError(f'A step is of the "discriminator", of the "generator", or None; got {kind!r}.')
        with self._condition:
            self._refuse_when_over("stepped")
            if self._is_alive and self._wish != "pause":
                raise RunError("A training is stepped while it is paused: run.pause() first.")
            if kind and self._trainer is not None and not self.has_discriminator:
                raise RunError("This training has one network and no discriminator: run.step() takes an update.")
            self._wish = "pause"
            self._launch()
            task = self._add(lambda: self._update(kind))
        if not wait:
            return None
        try:
            return task.outcome()
        except _Broken as broken:
            raise RunError(f"The training broke off. {_sentence(broken.reason)}") from broken.reason

    def stop(self, timeout: float | None = 10.0) -> None:
        """End the training after the update that is being taken, and keep what it learnt; repeated, it does nothing.

        It waits for the end, at most `timeout` seconds.
        """
        with self._condition:
            if self._state in _OVER:
                return
            self._wish = "stop"
            if not self._is_alive:
                self._state = "stopped"
            self._condition.notify_all()
            thread = self._thread
        self._tell()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def ask_to_stop(self) -> None:
        """Wish the end, and return at once."""
        self.stop(timeout=0)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the training is over; return whether it is. A paused one is waited for too."""
        with self._condition:
            return self._condition.wait_for(lambda: self._state in _OVER and not self._is_alive, timeout)

    def save(self, name: str, *, description: str = "", directory: Path | None = None) -> Any:
        """Save what was learnt so far as a model, and return its card; a training that runs goes on.

        Raises
        ------
        RunError
            When there is nothing to save yet.
        ValueError
            When it cannot be saved under that name.
        """

        def act() -> Any:
            if self._trainer is None:
                raise RunError("There is nothing to save yet: the training has not begun.")
            return self._trainer.save(name, description=description, directory=directory)

        return self._between_updates(act)

    def score(self, music: Any, *, key: str | None = None) -> list[float]:
        """Return the discriminator's score of each bar of a piece, high for real, low for made.

        Parameters
        ----------
        music : Composition or Melody
            The melody, and beside it the tracks it judges, by their names: "Alto", "Bass" …
        key : str, optional
            "G minor"; estimated from the notes unless told otherwise.

        Raises
        ------
        RunError
            When there is no discriminator, or not yet.
        ValueError
            When there is no melody, or `key` is none.
        """

        def act() -> list[float]:
            score = getattr(self._trainer, "score", None)
            if score is None:
                raise RunError("There is no discriminator to ask: this training has one network, or has not begun.")
            return score(music, key=key)

        return self._between_updates(act)

    def keep(self, path: Path) -> None:
        """Write a checkpoint from which the same training can go on.

        Raises
        ------
        RunError
            When this trainer keeps none.
        """
        keep = getattr(self._trainer, "keep", None)
        if keep is None:
            raise RunError("This trainer keeps no checkpoint by itself; give it one: dc.train(recipe, checkpoint=…).")
        self._between_updates(lambda: keep(path))

    # -------------------------------------------------------------------------- what is known

    @property
    def trainer(self) -> Trainer | None:
        """The trainer; None while it is being made."""
        return self._trainer

    @property
    def state(self) -> str:
        """Whether it is "running", "paused", "stopped", "finished" or "failed"."""
        with self._condition:
            return self._state

    @property
    def wish(self) -> str:
        """What was last asked for: "run", "pause" or "stop"; the state follows within one update."""
        with self._condition:
            return self._wish

    @property
    def progress(self) -> Progress | None:
        """The latest update; None before the first."""
        with self._condition:
            return self._progress

    @property
    def history(self) -> History:
        """All curves so far, thinned to a few thousand points each."""
        with self._condition:
            return self._recorder.history()

    @property
    def has_discriminator(self) -> bool:
        """Whether single updates of discriminator and generator can be taken."""
        return all(hasattr(self._trainer, method) for method in _STEPS.values())

    @property
    def band(self) -> Mapping[str, tuple[float, float]]:
        """The low and high of each metric over the data; empty where the trainer does not tell."""
        return getattr(self._trainer, "band", None) or {}

    @property
    def samples(self) -> list[Sample]:
        """What was made at some epochs of the same melodies and noises, the first before training.

        `epoch, music = run.samples[-1]`, and `music["Ode to Joy, noise 1"]` is a composition.
        """
        return list(getattr(self._trainer, "samples", None) or ())

    @property
    def status(self) -> str:
        """Where it stands, in a sentence or two."""
        with self._condition:
            return self._in_words()

    def __repr__(self) -> str:
        return " ".join(filter(None, (f"{self.name}:" if self.name else "", self.status, self.remark)))

    def on_change(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Have `watcher` called after changes, at most eight times a second, in a thread of its own.

        The last change is always told. Returns a callable that ends it.
        """
        with self._condition:
            self._watchers.append(watcher)
            if self._teller is None:
                self._teller = threading.Thread(target=_tell_changes, args=(weakref.ref(self), self._changed))
                self._teller.daemon = True
                self._teller.name = "training watchers"
                self._teller.start()
                weakref.finalize(self, self._changed.set)
        self._tell()

        def end() -> None:
            with self._condition:
                if watcher in self._watchers:
                    self._watchers.remove(watcher)

        return end

    # -------------------------------------------------------------------------- the training thread

    def _launch(self) -> None:
        """Start the training thread unless it is there; the condition is held."""
        if self._is_alive or self._state in _OVER:
            return
        self._is_alive = True
        self._state = "running"  # until it has been made and rests
        self._thread = threading.Thread(target=self._work, daemon=True, name="training")
        _alive.add(self)
        self._thread.start()

    def _work(self) -> None:
        restore = _use_one_thread()
        end = "failed"
        try:
            if self._trainer is None:
                assert self._make is not None
                self._trainer = self._make()
                restore()
                restore = _use_one_thread()  # by now torch is there
            self._tell()
            end = self._loop()
            if end == "stopped" and self.checkpoint is not None and hasattr(self._trainer, "keep"):
                self._trainer.keep(self.checkpoint)
        except Exception as error:
            end = "failed"
            self.error, self.exception = _sentence(error), error
        finally:
            restore()
            with self._condition:
                self._state, self._is_alive = end, False
                left = list(self._tasks)
                self._tasks.clear()
                self._condition.notify_all()
            for task in left:
                task.run()
            self._tell()

    def _loop(self) -> str:
        while True:
            task = None
            with self._condition:
                while self._wish == "pause" and not self._tasks:
                    if self._state != "paused":
                        self._state = "paused"
                        self._condition.notify_all()
                        self._tell()
                    self._condition.wait()
                if self._wish == "stop":
                    return "stopped"
                if self._tasks:
                    task = self._tasks.popleft()
                elif self._state != "running":
                    self._state = "running"
                    self._condition.notify_all()
                    self._tell()
            if task is not None:
                task.run()
                if isinstance(task.error, _Broken):
                    raise task.error.reason
                if self._is_exhausted or self._trainer is None or self._trainer.step >= self._trainer.total_steps:
                    while self._advance():  # what a trainer does after its last update
                        pass
                    return "finished"
            elif not self._advance():
                return "finished"

    def _advance(self) -> bool:
        """Take the next update; return whether there was one."""
        assert self._trainer is not None
        if self._iterator is None:
            self._iterator = iter(self._trainer)
        progress = next(self._iterator, None)
        if progress is None:
            self._is_exhausted = True
            return False
        self._note(progress)
        return True

    def _update(self, kind: str | None) -> Progress | None:
        """Take one update that was asked for."""
        if self.state in _OVER:
            raise RunError(f"The training is over. {self.status}")
        if kind and not self.has_discriminator:
            raise RunError("This training has one network and no discriminator: run.step() takes an update.")
        try:
            if kind is None:
                self._advance()
            else:
                self._note(getattr(self._trainer, _STEPS[kind])())
        except Exception as error:
            raise _Broken(error) from error
        return self.progress

    def _note(self, progress: Progress) -> None:
        for name, value in (progress.losses or {"loss": progress.loss}).items():
            if not math.isfinite(value):
                raise RunError(
                    f"The loss ({name}) is no number any more after update {progress.step:,}: the weights have grown "
                    "beyond all bounds. A smaller learning_rate keeps them within."
                )
        with self._condition:
            self._progress = progress
            self._recorder.add(progress)
        self._tell()

    # -------------------------------------------------------------------------- small pieces

    def _claim(self) -> None:
        """Become the one training that runs."""
        global _current
        with _one_at_a_time:
            other = running()
            if other is not None and other is not self:
                raise RunError(
                    f"Another training runs: {other.name or 'it'} has not finished, and one at a time is what a "
                    "computer does well. Stop it with the Stop button of its monitor, or with dc.stop_training()."
                )
            _current = weakref.ref(self)

    def _refuse_when_over(self, what: str) -> None:
        if self._state in _OVER or self._wish == "stop":
            raise RunError(f"A training that is over cannot be {what}. {self._in_words()}")

    def _add(self, act: Callable[[], Any]) -> _Task:
        task = _Task(act)
        self._tasks.append(task)
        self._condition.notify_all()
        return task

    def _between_updates(self, act: Callable[[], Any]) -> Any:
        with self._condition:
            task = self._add(act) if self._is_alive else None
        if task is not None and threading.current_thread() is not self._thread:
            return task.outcome()
        return act()

    def _tell(self) -> None:
        self._changed.set()

    def _in_words(self) -> str:
        progress = self._progress
        if self._trainer is None and self._state == "running":
            return "Preparing: reading the data and building the networks …"
        total = self._trainer.total_steps if self._trainer is not None else 0
        step = progress.step if progress is not None else (self._trainer.step if self._trainer is not None else 0)
        at = f"update {step:,} of {total:,}"
        keep = f'run.save("my_{(self.name or "model").removesuffix("_tiny")}") keeps it'
        match self._state:
            case "running" if self._wish == "pause":
                return f"Pausing after {at} …"
            case "running" if self._wish == "stop":
                return f"Stopping after {at} …"
            case "running":
                left = f", about {duration(progress.seconds_left)} left" if progress and progress.seconds_left else ""
                return f"Training: {at}{left}."
            case "paused" if self._trainer is None:
                return "Ready: nothing was trained yet."
            case "paused" if step == 0 and not self._was_started:
                return f"Ready: {total:,} updates to go."
            case "paused":
                return f"Paused at {at}."
            case "stopped" if step == 0:
                return "Stopped before the first update."
            case "stopped":
                return f"Stopped at {at}: {keep}."
            case "finished":
                took = f" in {duration(progress.seconds)}" if progress and progress.seconds else ""
                return f"Finished: {step:,} updates{took}; {keep}."
            case _:
                before = f" What was learnt until then: {keep}." if step else ""
                return f"The training broke off{f' at {at}' if step else ''}. {self.error}{before}"


class _Broken(Exception):
    """An update that was asked for went wrong, and with it the training."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _sentence(error: Exception) -> str:
    """Return what went wrong in a sentence; of an error that was not meant for people, its kind too."""
    said = " ".join(str(error).split())
    if not isinstance(error, ValueError | OSError | RunError | ImportError) or not said:
        said = f"{type(error).__name__}{': ' if said else ''}{said}"
    return said if said.endswith((".", "!", "?")) else f"{said}."


def duration(seconds: float) -> str:
    """Return a span of time as one says it: "40 seconds", "2 minutes", "3.5 hours"."""
    if seconds < 1.5:
        return "a second"
    if seconds < 90:
        return f"{round(seconds) if seconds < 10 else round(seconds / 5) * 5} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f}".removesuffix(".0") + " hours"


def _use_one_thread() -> Callable[[], None]:
    """Have torch use one thread, and return what undoes it: small networks gain nothing by more, the learner does."""
    torch = sys.modules.get("torch")
    if torch is None:
        return lambda: None
    before: int = torch.get_num_threads()
    torch.set_num_threads(1)
    return lambda: torch.set_num_threads(before)


def _tell_changes(reference: weakref.ref[TrainingRun], changed: threading.Event) -> None:
    """Call the watchers of a run when something changed, until the run is gone."""
    while True:
        changed.wait()
        changed.clear()
        run = reference()
        if run is None:
            return
        with run._condition:
            watchers = list(run._watchers)
        for watcher in watchers:
            try:
                watcher()
            except Exception as error:  # a picture that fails must not end the training, nor the other pictures
                run.watcher_error = error
        del run
        time.sleep(SECONDS_BETWEEN_CHANGES)


def _stop_all() -> None:
    """End what still runs before Python does: a thread inside torch would bring the process down with it."""
    for run in list(_alive):
        run.stop(timeout=5)


atexit.register(_stop_all)
