"""The monitor of a training: buttons, curves, the music of every epoch, and a way to keep what was learnt.

It is made of ipywidgets, so that one monitor may stand under several cells, all alike, and one that is shown again
shows the present state. A run calls `refresh` at most eight times a second, in a thread of its own; buttons only tell
the run what is wished. The curves are drawn as often as the page can: what it was sent and could not draw yet would
pile up before every click, and a slow computer would show the training as it stood a minute ago.

Lesson: notebooks/05_gans.ipynb.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import anywidget
import ipywidgets
import traitlets

from deepcomposer_lab.music.composition import Composition

_STATIC = Path(__file__).parent / "static"
_OVER = ("stopped", "finished", "failed")
_TROUBLES = (RuntimeError, ValueError, OSError)
_RESTS_FOR_ONE = 2.0  # after drawing, the page has this many times as long for other things
_LONGEST_WAIT = 2.0  # seconds: a page that is closed, or hidden, never says that it drew


class Run(Protocol):
    """What the monitor asks of a training that runs in the background."""

    name: str

    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def wish(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def remark(self) -> str: ...  # noqa: D102
    @property
    def trainer(self) -> Any: ...  # noqa: D102
    @property
    def progress(self) -> Any: ...  # noqa: D102
    @property
    def samples(self) -> Sequence[tuple[float, Mapping[str, Composition]]]: ...  # noqa: D102
    @property
    def has_discriminator(self) -> bool: ...  # noqa: D102
    def pause(self, *, wait: bool = True) -> None: ...  # noqa: D102
    def resume(self) -> None: ...  # noqa: D102
    def step(self, kind: str | None = None, *, wait: bool = True) -> Any: ...  # noqa: D102
    def ask_to_stop(self) -> None: ...  # noqa: D102
    def save(self, name: str) -> Any: ...  # noqa: D102
    def on_change(self, watcher: Callable[[], None]) -> Callable[[], None]: ...  # noqa: D102


class _Chosen(NamedTuple):
    """Which music is looked at: the place of its epoch among the samples, and what it was made of."""

    place: int
    pair: str


class _Frame(anywidget.AnyWidget):
    """Brings the monitor's style, keys and what ipywidgets does not tell of its parts; it draws nothing.

    `sent` counts the drawings of the curves; the page sets `drawn` to the count once it has come to it.
    """

    sent = traitlets.Int().tag(sync=True)
    drawn = traitlets.Int().tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)  # the chooser's tooltip: ipywidgets shows none beside a description
    _esm = _STATIC / "training_monitor.js"
    _css = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in ("tokens.css", "training_monitor.css"))


class TrainingMonitor(ipywidgets.VBox):
    """A training that can be watched and held; an output of a notebook when it ends a cell.

    Keys, while the monitor has the focus: space to play and pause, D and G for one step of the discriminator or the
    generator (S where there is one network), H to hear, escape to leave.

    Parameters
    ----------
    run : Run
    curves : callable () -> widget or None
        Called on every change: brings the curves up to date and returns them; None as long as there are none.
    picture : callable (composition, its likes of all epochs) -> str
        The piano roll as HTML.
    hear : callable (composition) -> str
        A player as HTML; called when somebody wants to hear.
    found : callable (card) -> str
        A sentence that says where a saved model is found.
    suggestion : str
        The name a model is saved under unless another is typed.
    """

    def __init__(
        self,
        run: Run,
        *,
        curves: Callable[[], Any],
        picture: Callable[[Composition, Sequence[Composition]], str],
        hear: Callable[[Composition], str],
        found: Callable[[Any], str],
        suggestion: str = "my_model",
    ) -> None:
        self.run = run
        self._curves, self._picture, self._hear, self._found = curves, picture, hear, found
        self._lock = threading.RLock()  # the run's thread refreshes, the kernel's answers the hands
        self._drawn: _Chosen | None = None
        self._known = 0  # samples at the last drawing

        self.play = _button("Play", "play", "is-play", self._play)
        self.stop = _button("Stop", "stop", "is-stop", lambda: run.ask_to_stop())
        self.discriminator = _button(
            "Discriminator", "step-forward", "is-discriminator", lambda: run.step("discriminator", wait=False)
        )
        self.generator = _button("Generator", "step-forward", "is-generator", lambda: run.step("generator", wait=False))
        self.step = _button("Step", "step-forward", "is-step", lambda: run.step(wait=False))
        self._one_step = _html("dc-monitor-label", "One step of:")
        self._bar = _row(self.play, self.stop, self._one_step, self.discriminator, self.generator, self.step)
        self.numbers, self.status, self.notice = _html(), _html(), _html()
        self.curves = ipywidgets.VBox()
        self.curves.add_class("dc-monitor-curves")

        self.epoch = ipywidgets.IntSlider(
            value=0, min=0, max=0, readout=False, tooltip="The epoch whose music you see and hear"
        )
        self._epoch_words = _html("dc-monitor-epoch")
        self.pair = ipywidgets.Dropdown(description="Melody")
        self.hear = _button("Hear", "volume-up", "is-hear", self._listen)
        self.hear.tooltip = "Hear this melody at this epoch (H)"
        self._roll, self._player = _html("dc-monitor-roll"), _html()
        self._heading = _html("dc-monitor-heading")
        self._listening = ipywidgets.VBox(
            [
                self._heading,
                _row(self.hear, self.pair, self.epoch, self._epoch_words),
                self._roll,
                self._player,
            ]
        )
        self._listening.add_class("dc-monitor-part")

        self.name = ipywidgets.Text(value=suggestion, description="Name", continuous_update=True)
        self.keep = _button("Save as model", "save", "is-save", self._save)
        self.saved = _html()
        keeping = ipywidgets.VBox([_row(self.name, self.keep), self.saved])
        keeping.add_class("dc-monitor-part")

        for button in (self.play, self.stop, self.discriminator, self.generator, self.step, self.hear, self.keep):
            button.on_click(self._pressed)
        for chooser in (self.epoch, self.pair):
            chooser.observe(lambda _: self._show_music(), "value")
        self._frame = _Frame()
        self._pace = _Pace(self._frame)
        super().__init__(
            [
                self._frame,
                self._bar,
                self.numbers,
                self.status,
                self.notice,
                self.curves,
                self._listening,
                keeping,
            ]
        )
        self.add_class("dc")
        self.add_class("dc-monitor")
        self.refresh()
        run.on_change(self.refresh)

    def __repr__(self) -> str:
        return " ".join(filter(None, (self.run.name and f"{self.run.name}:", self.run.status)))

    def _repr_mimebundle_(self, **settings: Any) -> Any:
        bundle = super()._repr_mimebundle_(**settings)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/plain": repr(self)}, metadata

    # -------------------------------------------------------------------------- what is shown

    def refresh(self) -> None:
        """Show the present state."""
        with self._lock:
            self._show_controls()
            self._show_numbers()
            if self.run.state != "running" or self._pace.is_due:
                self._show_curves()
            self._show_samples()

    def _show_curves(self) -> None:
        drawn = self._curves()
        if drawn is None:
            return
        if self.curves.children != (drawn,):
            self.curves.children = (drawn,)
        self._pace.sent()

    def _show_controls(self) -> None:
        run = self.run
        state, wish = run.state, run.wish
        is_over, is_ready = state in _OVER, run.trainer is not None
        is_playing = not is_over and wish == "run" and state == "running"
        rests = state == "paused" and wish != "stop"
        self.play.description, self.play.icon = ("Pause", "pause") if is_playing else ("Play", "play")
        self.play.disabled = is_over or wish == "stop"
        self.stop.disabled = is_over or wish == "stop"
        over = "The training is over"
        self.play.tooltip = over if is_over else f"{self.play.description} (space)"
        self.stop.tooltip = over if is_over else "End the training after this update; what it learnt stays"
        for button, what, key in (
            (self.discriminator, "One update of the discriminator alone", "D"),
            (self.generator, "One update of the generator alone", "G"),
            (self.step, "The next update", "S"),
        ):
            button.disabled = not rests
            button.tooltip = over if is_over else f"{what} ({key})" if rests else "Pause first, to go step by step"
        two = run.has_discriminator
        _show(self.discriminator, two)
        _show(self.generator, two)
        _show(self._one_step, two)
        _show(self.step, is_ready and not two)
        chance = "noise" if two else "seed"
        self._heading.value = f"<b>Hear it learn</b><span>Each melody with the same {chance} at every epoch.</span>"
        self.pair.tooltip = self._frame.hint = (
            f"The melody{' and the noise' if two else ''} whose music you see and hear"
        )
        self.keep.disabled = run.progress is None
        self.keep.tooltip = "Save what it learnt so far" if run.progress else "There is nothing to save yet"
        trouble = " is-trouble" if state == "failed" else ""
        live = "" if is_playing else ' role="status"'
        self.status.value = f'<div class="dc-monitor-status{trouble}"{live}>{escape(run.status)}</div>'
        if run.remark and not self.notice.value:
            self._say(run.remark)
        _show(self.notice, bool(self.notice.value))

    def _show_numbers(self) -> None:
        progress = self.run.progress
        trainer = self.run.trainer
        step = progress.step if progress else getattr(trainer, "step", 0)
        total = progress.total_steps if progress else getattr(trainer, "total_steps", 0)
        share = 100 * step / total if total else 0
        parts = []
        if progress and step:
            parts.append(f"Epoch <b>{progress.epoch:.1f}</b> of {progress.epoch * total / step:.0f}")
        if total:
            parts.append(f"Update <b>{step:,}</b> of {total:,}")
        if progress and progress.seconds_left and self.run.state not in _OVER:
            parts.append(f"<b>{_clock(progress.seconds_left)}</b> left")
        bar = (
            f'<div class="dc-monitor-progress" role="progressbar" aria-label="Training" aria-valuemin="0" '
            f'aria-valuemax="100" aria-valuenow="{share:.0f}"><div style="width: {share:.1f}%"></div></div>'
        )
        told = "".join(f"<span>{part}</span>" for part in parts) or "<span>&nbsp;</span>"
        self.numbers.value = f'{bar}<div class="dc-monitor-numbers">{told}</div>'

    def _show_samples(self) -> None:
        samples = self.run.samples
        _show(self._listening, bool(samples))
        if not samples:
            return
        pairs = tuple(samples[-1][1])
        if self.pair.options != pairs:
            self.pair.options, self.pair.value = pairs, pairs[0]
        _show(self.pair, len(pairs) > 1)
        last = len(samples) - 1
        if last != self.epoch.max:
            follows = self.epoch.value == self.epoch.max  # the newest, unless somebody looks at an older one
            self.epoch.max = last
            if follows:
                self.epoch.value = last
        self.epoch.disabled = len(samples) < 2
        if self._known != len(samples):
            self._show_music()

    @property
    def _chosen(self) -> _Chosen:
        return _Chosen(self.epoch.value, self.pair.value)

    def _show_music(self) -> None:
        """Draw the chosen music; the sound of any other is put away."""
        with self._lock:
            samples = self.run.samples
            if not samples:
                return
            chosen = self._chosen
            if chosen != self._drawn:
                self._player.value = ""
            self._drawn, self._known = chosen, len(samples)
            epoch, music = samples[chosen.place]
            self._epoch_words.value = f"<b>{_epoch_in_words(epoch)}</b>"
            self._roll.value = self._picture(music[chosen.pair], [others[chosen.pair] for _, others in samples])

    def _say(self, sentence: str, is_trouble: bool = False) -> None:
        trouble = " is-trouble" if is_trouble else ""
        self.notice.value = f'<div class="dc-monitor-notice{trouble}" role="status">{escape(sentence)}</div>'
        _show(self.notice, True)

    # -------------------------------------------------------------------------- what is pressed

    def _pressed(self, button: Any) -> None:
        """Do what a button says; what the run refuses is told in words."""
        try:
            button.act()
            if button is not self.keep:
                self.notice.value = ""
        except _TROUBLES as error:
            self._say(str(error), is_trouble=True)
        self.refresh()

    def _play(self) -> None:
        if self.run.state == "running" and self.run.wish == "run":
            self.run.pause(wait=False)
        else:
            self.run.resume()

    def _save(self) -> None:
        name = self.name.value.strip()
        try:
            self._tell_saved(self._found(self.run.save(name)))
        except _TROUBLES as error:
            self._tell_saved(str(error), is_trouble=True)

    def _tell_saved(self, sentence: str, is_trouble: bool = False) -> None:
        trouble = " is-trouble" if is_trouble else ""
        self.saved.value = f'<div class="dc-monitor-notice{trouble}" role="status">{escape(sentence)}</div>'

    def _listen(self) -> None:
        """Render the sound of the chosen music, beside the kernel's own thread: other cells can run meanwhile."""
        samples = self.run.samples
        if not samples:
            return
        chosen = self._chosen
        piece = samples[chosen.place][1][chosen.pair]
        self.hear.disabled, self.hear.description = True, "Rendering …"
        threading.Thread(target=self._render, args=(chosen, piece), daemon=True, name="sound").start()

    def _render(self, chosen: _Chosen, piece: Composition) -> None:
        try:
            player = self._hear(piece)
        except Exception as error:
            player = f'<div class="dc-monitor-notice is-trouble" role="status">{escape(str(error))}</div>'
        with self._lock:
            if chosen == self._chosen:
                self._player.value = ""  # the same sound once more starts again
                self._player.value = player
            self.hear.disabled, self.hear.description = False, "Hear"


class _Pace:
    """Says when a page may be sent the next drawing: when it has drawn the last, and rested from it.

    Parameters
    ----------
    frame : _Frame
    clock : callable () -> float
        Seconds, ever growing.
    """

    def __init__(self, frame: _Frame, clock: Callable[[], float] = time.monotonic) -> None:
        self._frame, self._clock = frame, clock
        self._sent_at = self._next = clock()
        frame.observe(self._has_drawn, "drawn")

    @property
    def is_due(self) -> bool:
        """Whether the page could draw once more."""
        return self._clock() >= self._next

    def sent(self) -> None:
        """Note that a drawing is on its way, behind which the page is asked to answer."""
        self._sent_at = self._clock()
        self._next = self._sent_at + _LONGEST_WAIT
        self._frame.sent += 1

    def _has_drawn(self, change: Mapping[str, Any]) -> None:
        if change["new"] == self._frame.sent:
            now = self._clock()
            self._next = min(now + _RESTS_FOR_ONE * (now - self._sent_at), now + _LONGEST_WAIT)


class _Button(ipywidgets.Button):
    """A button that knows what it does."""

    act: Callable[[], object]


def _button(word: str, icon: str, name: str, act: Callable[[], object]) -> _Button:
    button = _Button(description=word, icon=icon)
    button.act = act
    button.add_class(name)
    return button


def _row(*parts: Any) -> ipywidgets.HBox:
    row = ipywidgets.HBox(list(parts))
    row.add_class("dc-monitor-bar")
    return row


def _html(name: str = "", value: str = "") -> ipywidgets.HTML:
    html = ipywidgets.HTML(value)
    if name:
        html.add_class(name)
    return html


def _show(widget: Any, is_shown: bool) -> None:
    display = None if is_shown else "none"
    if widget.layout.display != display:
        widget.layout.display = display


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _epoch_in_words(epoch: float) -> str:
    return "before training" if epoch == 0 else f"after epoch {epoch:.1f}".removesuffix(".0")
