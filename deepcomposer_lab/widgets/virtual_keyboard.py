"""The virtual keyboard: play with the mouse, fingers, the computer's keys or a MIDI keyboard, and have it in Python.

The browser sounds, records and keeps time; every press carries the time at which it happened there. The kernel may be
as busy as it likes: what was played comes as it was played, and the whole melody comes once more when a recording
ends.

Lesson: notebooks/01_music_studio.ipynb.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import traitlets

from deepcomposer_lab.music.checks import checked_number, checked_whole, shown
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange, checked_metre
from deepcomposer_lab.music.note import Note, checked_program, pitch_name
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.widgets.lab_widget import STATIC, LabWidget, styles

LOWEST_PITCH, HIGHEST_PITCH = 21, 108  # of a piano with 88 keys
FEWEST_KEYS = 12
MOST_COUNT_IN = 4  # bars
MOST_LATENCY = 500  # milliseconds
EVENTS_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A key that went down or up.

    Parameters
    ----------
    time : float
        When, in seconds since 1970, by the browser's clock.
    pitch : int
        MIDI number, 0–127.
    velocity : int
        How hard it was struck, 1–127; 0 where it went up.
    on : bool
        Whether it went down.
    """

    time: float
    pitch: int
    velocity: int
    on: bool


class VirtualKeyboard(LabWidget):
    """A piano with 32 keys, and up to 88, to play and to record on; an output of a notebook when it ends a cell.

    Parameters
    ----------
    low, high : int
        The lowest and the highest key as MIDI numbers, 21–108; 41–72 (F2–C5) are those of the AWS DeepComposer
        keyboard.
    bpm : float
        Tempo in beats a minute; the keyboard's own control goes from 40 to 160.
    metre : str, (int, int) or MetreChange
        "4/4", "3/4" …
    melody : Melody, optional
        What it shows at first.

    Attributes
    ----------
    melody : Melody
        What was recorded, trimmed as its handles say; empty, and so falsy, before. While somebody records it grows.
        Another one may be assigned, with its tempo and metre; `[]` clears.
    settings : dict
        `bpm`, `metre`, `metronome`, `count_in` (bars), `velocity` (of typed notes), `program` (instrument) and
        `latency` (milliseconds that headphones without wire or the like add). Assigning some of them, as in
        `keyboard.settings = {"bpm": 80}`, keeps the others.
    events : tuple of KeyEvent
        The keys that went down and up, recorded or not, oldest first; the last 100,000 are kept.

    Raises
    ------
    ValueError
        When a value lies outside its range.
    """

    _esm = STATIC / "virtual_keyboard.js"
    _css = styles("piano_roll.css", "virtual_keyboard.css")

    low = traitlets.Int(41).tag(sync=True)
    high = traitlets.Int(72).tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    recording = traitlets.Dict().tag(sync=True)
    trim: Any = traitlets.List(traitlets.Float(), allow_none=True, default_value=None).tag(sync=True)

    def __init__(
        self,
        low: int = 41,
        high: int = 72,
        bpm: float = 100,
        metre: MetreChange | str | tuple[int, int] = "4/4",
        *,
        melody: Melody | None = None,
    ) -> None:
        first, last = checked_whole(low, "The lowest key"), checked_whole(high, "The highest key")
        if not LOWEST_PITCH <= first < last <= HIGHEST_PITCH or last - first + 1 < FEWEST_KEYS:
            raise ValueError(
                f"A keyboard has at least {FEWEST_KEYS} keys, from {LOWEST_PITCH} ({pitch_name(LOWEST_PITCH)}) to "
                f"{HIGHEST_PITCH} ({pitch_name(HIGHEST_PITCH)}) at most; got {shown(low)} to {shown(high)}."
            )
        self._events: deque[KeyEvent] = deque(maxlen=EVENTS_KEPT)
        self._listeners: list[Callable[[KeyEvent], object]] = []
        super().__init__(
            low=first,
            high=last,
            settings=_checked_settings({**_SETTINGS, "bpm": bpm, "metre": metre}),
            recording={"title": "Melody", "pickup": 0.0, "notes": []},
        )
        if melody is not None:
            self.melody = melody
        self.answer("sample", self._answer_sample)
        self.on_msg(self._receive_events)

    def __repr__(self) -> str:
        melody = self.melody
        count = f"{len(melody)} note{'' if len(melody) == 1 else 's'}"
        return f"VirtualKeyboard({pitch_name(self.low)}–{pitch_name(self.high)}, {count} recorded)"

    # ---------------------------------------------------------------------------- what was played

    @property
    def melody(self) -> Melody:
        """What was recorded, as far as its trim handles leave it."""
        settings, recording = self.settings, self.recording
        melody = Melody(
            notes=tuple(Note(*row) for row in recording["notes"]),
            bpm=settings["bpm"],
            metre=checked_metre(settings["metre"]),
            pickup=recording["pickup"],
            program=settings["program"],
            title=recording["title"],
        )
        return melody if self.trim is None else melody.trim(*self.trim)

    @melody.setter
    def melody(self, melody: Melody | Iterable[Note] | None) -> None:
        if not isinstance(melody, Melody):
            melody = self._as_melody(melody)
        with self.hold_sync():
            self.settings = {"bpm": melody.bpm, "metre": str(melody.metre), "program": melody.program}
            self.trim = None
            self.recording = {
                "title": melody.title,
                "pickup": melody.pickup,
                "notes": [[note.onset, note.pitch, note.duration, note.velocity] for note in melody],
            }

    def _as_melody(self, notes: Iterable[Note] | None) -> Melody:
        """Return some notes, or none, as a melody in the tempo and metre of the keyboard."""
        settings = self.settings
        if hasattr(notes, "tracks"):
            raise TypeError("A keyboard holds one line; dc.melody_of(composition) finds that of a composition.")
        if notes is not None and not isinstance(notes, Iterable):
            raise TypeError(f"A keyboard's melody is a Melody, or [] for none; got {shown(notes)}.")
        return Melody(
            tuple(notes or ()),
            bpm=settings["bpm"],
            metre=checked_metre(settings["metre"]),
            program=settings["program"],
        )

    @property
    def events(self) -> tuple[KeyEvent, ...]:
        """The keys that went down and up, recorded or not, oldest first."""
        return tuple(self._events)

    def on_event(self, listener: Callable[[KeyEvent], object]) -> None:
        """Call `listener` with each KeyEvent as it comes; keep it short, the kernel waits for it."""
        self._listeners.append(listener)

    def _receive_events(self, _: object, content: Any, __: object) -> None:
        if not isinstance(content, dict) or content.get("kind") != "played":
            return
        for on, pitch, velocity, milliseconds in content["events"]:
            event = KeyEvent(milliseconds / 1000, int(pitch), int(velocity), bool(on))
            self._events.append(event)
            for listener in tuple(self._listeners):
                listener(event)

    def _answer_sample(self, question: dict[str, Any], _: Sequence[bytes]) -> dict[str, Any]:
        melody = sample_melody(str(question.get("name")))
        self.melody = melody
        return {"title": melody.title}

    # ---------------------------------------------------------------------------- what may be set

    @traitlets.validate("settings")
    def _check_settings(self, proposal: Any) -> dict[str, Any]:
        try:
            return _checked_settings({**_SETTINGS, **self.settings, **proposal["value"]})
        except (TypeError, ValueError) as error:
            raise traitlets.TraitError(str(error)) from None

    @traitlets.validate("recording")
    def _check_recording(self, proposal: Any) -> dict[str, Any]:
        recording = proposal["value"]
        try:
            Melody(
                tuple(Note(*row) for row in recording["notes"]), pickup=recording["pickup"], title=recording["title"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise traitlets.TraitError(f"That is no recording: {error}") from None
        return dict(recording)

    @traitlets.validate("trim")
    def _check_trim(self, proposal: Any) -> list[float] | None:
        trim = proposal["value"]
        if trim is not None and not (len(trim) == 2 and 0 <= trim[0] < trim[1]):
            raise traitlets.TraitError(
                f"trim is None, or [start, end] in beats with 0 ≤ start < end; got {shown(trim)}."
            )
        return None if trim is None else list(trim)


def _checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in plain values; a name that is not known is refused, for it would change nothing silently."""
    unknown = [name for name in settings if name not in _SETTINGS]
    if unknown:
        raise ValueError(f"A keyboard has no setting {shown(unknown[0])}; there are {', '.join(_SETTINGS)}.")
    return {name: _CHECKS[name](settings[name]) for name in _SETTINGS}


def _between(what: str, low: float, high: float, value: object) -> float:
    number = checked_number(value, what)
    if not low <= number <= high:
        raise ValueError(f"{what} lies in {low}–{high}; got {shown(value)}.")
    return number


def _whole_between(what: str, low: int, high: int, value: object) -> int:
    return int(_between(what, low, high, checked_whole(value, what)))


_SETTINGS: dict[str, Any] = {
    "bpm": 100.0,
    "metre": "4/4",
    "metronome": True,
    "count_in": 1,
    "velocity": 80,
    "program": 0,
    "latency": 0.0,
}

_CHECKS: dict[str, Callable[[Any], Any]] = {
    "bpm": lambda value: TempoChange(0, value).bpm,
    "metre": lambda value: str(checked_metre(value)),
    "metronome": bool,
    "count_in": lambda value: _whole_between("A count-in in bars", 0, MOST_COUNT_IN, value),
    "velocity": lambda value: _whole_between("A velocity", 1, 127, value),
    "program": checked_program,
    "latency": lambda value: _between("A latency in milliseconds", 0, MOST_LATENCY, value),
}
