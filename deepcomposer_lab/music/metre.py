"""Metre and tempo: how beats group into bars, and how long they last.

A piece carries its metre changes and tempo changes as tuples of values; these functions are the one place
where bar lines are computed and where beats become seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from deepcomposer_lab.music.checks import checked_number, checked_whole, shown

SLOWEST_BPM, FASTEST_BPM = 4, 1000
_EPSILON = 1e-6  # beats; far below one MIDI tick, above the rounding of a float sum over a long piece


@dataclass(frozen=True, slots=True, order=True)
class MetreChange:
    """From `onset` on, bars have `numerator` units of 1/`denominator` notes: 6/8 is MetreChange(0, 6, 8).

    Parameters
    ----------
    onset : float
        Beat (quarter note) at which it takes hold; a new bar starts there.
    numerator, denominator : int
        As written in the score; the denominator is a power of two.
    """

    onset: float = 0.0
    numerator: int = 4
    denominator: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "onset", checked_number(self.onset, "The beat where a metre takes hold"))
        object.__setattr__(self, "numerator", checked_whole(self.numerator, "A metre's numerator"))
        object.__setattr__(self, "denominator", checked_whole(self.denominator, "A metre's denominator"))
        if self.onset < 0:
            raise ValueError(f"A metre takes hold at beat 0 or later; got {self.onset}.")
        if self.numerator < 1 or self.numerator > 255:
            raise ValueError(f"A metre's numerator lies in 1–255; got {self.numerator}.")
        if self.denominator < 1 or self.denominator & (self.denominator - 1) or self.denominator > 64:
            raise ValueError(f"A metre's denominator is 1, 2, 4, 8, 16, 32 or 64; got {self.denominator}.")

    @property
    def bar_beats(self) -> float:
        """Length of one bar in beats (quarter notes): 4 in 4/4, 3 in 3/4 and in 6/8."""
        return self.numerator * 4 / self.denominator

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


@dataclass(frozen=True, slots=True, order=True)
class TempoChange:
    """From `onset` (in beats) on, `bpm` beats (quarter notes) a minute, 4–1000.

    The lower end is MIDI's: a beat is stored as at most 16,777,215 microseconds, 3.58 beats a minute.
    """

    onset: float = 0.0
    bpm: float = 100.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "onset", checked_number(self.onset, "The beat where a tempo takes hold"))
        object.__setattr__(self, "bpm", checked_number(self.bpm, "A tempo in beats a minute"))
        if self.onset < 0:
            raise ValueError(f"A tempo takes hold at beat 0 or later; got {self.onset}.")
        if not SLOWEST_BPM <= self.bpm <= FASTEST_BPM:
            raise ValueError(f"A tempo lies in {SLOWEST_BPM}–{FASTEST_BPM} beats a minute; got {self.bpm}.")


COMMON_TIME = (MetreChange(),)
DEFAULT_TEMPO = (TempoChange(),)


def checked_pickup(pickup: float) -> float:
    """Return `pickup` as a float.

    Raises
    ------
    ValueError
        When it is negative or no finite number.
    """
    pickup = checked_number(pickup, "A pickup in beats")
    if pickup < 0:
        raise ValueError(f"A pickup is the beats before the first full bar, 0 or more; got {pickup}.")
    return pickup


def checked_metre(metre: MetreChange | str | tuple[int, int]) -> MetreChange:
    """Return a metre that may be written as in a score: "3/4" and (3, 4) are MetreChange(0, 3, 4).

    Raises
    ------
    ValueError
        When it is none of the three, or no metre.
    """
    if isinstance(metre, MetreChange):
        return metre
    if isinstance(metre, str) and (written := re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", metre)):
        return MetreChange(0, int(written[1]), int(written[2]))
    if isinstance(metre, tuple | list) and len(metre) == 2:
        return MetreChange(0, *metre)
    raise ValueError(f'A metre is written "3/4" (in quotes), (3, 4) or MetreChange(0, 3, 4); got {shown(metre)}.')


def bar_starts(metres: Sequence[MetreChange], pickup: float, end: float) -> list[float]:
    """Return the beat at which each bar starts, from the bar that holds beat 0 to the last before `end`.

    Parameters
    ----------
    metres : sequence of MetreChange
        Sorted by onset, the first at beat 0.
    pickup : float
        Beats before the first full bar. When it is more than 0, the incomplete opening bar is the first entry
        (0.0) and the first full bar starts at `pickup`.
    end : float
        Bars that start at or after this beat are left out; at least one bar is always returned.

    Returns
    -------
    list of float
        Ascending beats; a change of metre starts a new bar at its own onset.
    """
    starts = [0.0] if pickup > _EPSILON else []
    position = pickup if pickup > _EPSILON else 0.0
    changes = list(metres)
    index = 0
    while position < end - _EPSILON or not starts:
        while index + 1 < len(changes) and changes[index + 1].onset <= position + _EPSILON:
            index += 1
        starts.append(position)
        following = position + changes[index].bar_beats
        if index + 1 < len(changes) and changes[index + 1].onset < following - _EPSILON:
            following = max(changes[index + 1].onset, position + _EPSILON * 2)
        position = following
    return starts


def metre_at(metres: Sequence[MetreChange], beat: float) -> MetreChange:
    """Return the metre that holds at `beat`."""
    current = metres[0]
    for change in metres:
        if change.onset > beat + _EPSILON:
            break
        current = change
    return current


def metre_of_length(beats: float) -> MetreChange:
    """Return the simplest metre whose bar has `beats` beats, or a little more where no metre fits."""
    choices = [
        MetreChange(0, numerator, denominator)
        for denominator in (4, 8, 16, 32, 64, 2, 1)
        if 1 <= (numerator := math.ceil(beats * denominator / 4 - 1e-9)) <= 255
    ]
    return min(choices, key=lambda metre: round(metre.bar_beats - beats, 6), default=MetreChange(0, 255, 1))


def beats_to_seconds(tempos: Sequence[TempoChange], beat: float) -> float:
    """Return the time of `beat` in seconds from beat 0, through every tempo change before it."""
    seconds = 0.0
    for change, following in zip(tempos, [*tempos[1:], None], strict=True):
        end = beat if following is None else min(beat, following.onset)
        if end <= change.onset and following is not None:
            break
        seconds += max(0.0, end - change.onset) * 60.0 / change.bpm
        if following is None or beat <= following.onset:
            break
    return seconds
