"""Melody: what a learner plays or picks, the input of every technique."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from deepcomposer_lab.music.checks import checked_text, checked_values
from deepcomposer_lab.music.metre import (
    COMMON_TIME,
    MetreChange,
    TempoChange,
    bar_starts,
    checked_metre,
    checked_pickup,
)
from deepcomposer_lab.music.note import Note, checked_program

_EPSILON = 1e-6  # beats; a sliver this short comes from the rounding of a float sum, not from a player


@dataclass(frozen=True, slots=True)
class Melody:
    """A line of notes with its tempo and metre. A value: editing returns a new melody.

    Notes may overlap (somebody plays a chord); techniques that need one voice say how they pick it. An empty
    melody is falsy, so that `keyboard.melody or sample_melody("ode_to_joy")` always gives something to
    compose with.

    Parameters
    ----------
    notes : iterable of Note
        Stored sorted by onset, then pitch.
    bpm : float
        Tempo in beats (quarter notes) a minute.
    metre : MetreChange
        One metre throughout; its onset is 0. "3/4" and (3, 4) are taken too, and become one.
    pickup : float
        Beats before the first full bar.
    program : int
        General MIDI instrument, 0–127; 0 is the grand piano.
    title : str
        Name shown to people.

    Raises
    ------
    ValueError, TypeError
        When a field is of another kind or outside its range; the message says which, and what was expected.
    """

    notes: tuple[Note, ...] = ()
    bpm: float = 100.0
    metre: MetreChange = COMMON_TIME[0]
    pickup: float = 0.0
    program: int = 0
    title: str = "Melody"

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", checked_notes(self.notes, "A melody's notes"))
        object.__setattr__(self, "bpm", TempoChange(0, self.bpm).bpm)  # checks the range
        object.__setattr__(self, "pickup", checked_pickup(self.pickup))
        object.__setattr__(self, "program", checked_program(self.program))
        object.__setattr__(self, "title", checked_text(self.title, "A melody's title"))
        object.__setattr__(self, "metre", checked_metre(self.metre))
        if self.metre.onset != 0:
            raise ValueError(f"A melody's metre holds from beat 0; got one from beat {self.metre.onset}.")

    def __len__(self) -> int:
        return len(self.notes)

    def __bool__(self) -> bool:
        return bool(self.notes)

    def __iter__(self) -> Iterator[Note]:
        return iter(self.notes)

    @property
    def end(self) -> float:
        """The beat at which the last note ends; 0 when empty."""
        return max((note.offset for note in self.notes), default=0.0)

    def with_notes(self, notes: Iterable[Note]) -> Melody:
        """Return the melody with other notes and all else kept."""
        return replace(self, notes=tuple(notes))

    def with_tempo(self, bpm: float) -> Melody:
        """Return the melody at `bpm` beats a minute; beats stay where they are."""
        return replace(self, bpm=bpm)

    def transpose(self, semitones: int) -> Melody:
        """Return the melody `semitones` higher (lower when negative); the studio offers −12…+12.

        Raises
        ------
        ValueError
            When a note would leave MIDI's 0–127; no note is dropped or wrapped.
        """
        return self.with_notes(note.transpose(semitones) for note in self.notes)

    def trim(self, start: float, end: float) -> Melody:
        """Return what sounds in [start, end), in beats, moved so that `start` becomes beat 0.

        Notes that cross a border are cut at it. The pickup keeps the bar lines where the notes had them.
        """
        pickup = trimmed_pickup((self.metre,), self.pickup, start)
        return replace(self, notes=trimmed(self.notes, start, end), pickup=pickup)


def checked_notes(notes: Iterable[Note], what: str) -> tuple[Note, ...]:
    """Return `notes` sorted by onset, then pitch; a TypeError, begun with `what`, when one is no Note."""
    slip = "A note says when it starts, which pitch and how long: Note(0, 60, 1) is middle C for one beat."
    return tuple(sorted(checked_values(notes, Note, what, {object: slip})))


def trimmed(notes: Iterable[Note], start: float, end: float) -> tuple[Note, ...]:
    """Return the parts of `notes` that sound in [start, end), with `start` moved to beat 0."""
    if not 0 <= start < end:
        raise ValueError(f"trim needs 0 ≤ start < end, in beats; got start {start} and end {end}.")
    return tuple(
        replace(note, onset=onset - start, duration=min(note.offset, end) - onset)
        for note, onset in ((note, max(note.onset, start)) for note in notes)
        if note.onset < end - _EPSILON and note.offset > start + _EPSILON
    )


def trimmed_pickup(metres: tuple[MetreChange, ...], pickup: float, start: float) -> float:
    """Return the beats from `start` to the next bar line; 0 when `start` is on one."""
    if start < pickup - _EPSILON:  # still inside the incomplete opening bar
        return pickup - start
    bars = bar_starts(metres, pickup, start + max(metre.bar_beats for metre in metres) * 2 + pickup)
    following = next((bar for bar in bars if bar >= start - _EPSILON), start)
    return max(0.0, following - start)
