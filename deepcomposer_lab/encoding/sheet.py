"""A sheet: music on a fine grid, cut into whole bars, as the tokens of a Transformer write it down.

Two tables of whole numbers. `notes` says of every note when it starts, which pitch it has, how long it lasts and which
part plays it; `bars` where every bar starts and which metre it has. Steps are twenty-fourths of a quarter note, fine
enough for thirty-seconds and for triplets of sixteenths.

A token says at which place of its bar a note starts, so bars have to be whole. A pickup is the end of a bar that began
before the music did: its notes keep their places, and the bar starts at a step below 0.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import MetreChange, bar_starts, metre_at
from deepcomposer_lab.music.note import Note

STEPS_PER_BEAT = 24
MOST_PARTS = 16
LONGEST_BAR = 9 * STEPS_PER_BEAT

# The metres that have a token: every one in whole, half, quarter, eighth or sixteenth notes that is not too long.
METRES: tuple[tuple[int, int], ...] = tuple(
    (numerator, denominator)
    for denominator, most in ((4, 9), (8, 15), (2, 4), (16, 15))
    for numerator in range(1, most + 1)
)


def bar_steps(numerator: int, denominator: int) -> int:
    """Return how many steps a bar of a metre has."""
    return numerator * 4 * STEPS_PER_BEAT // denominator


# The first metre of each length: what a bar is called whose own metre has no token.
_METRE_OF_LENGTH = {bar_steps(*metre): metre for metre in reversed(METRES)}


@dataclass(frozen=True, eq=False)
class Sheet:
    """Music on the grid.

    Parameters
    ----------
    notes : ndarray, int64, shape (n, 4)
        Columns onset step, MIDI pitch, duration in steps (1 or more), part (0 is the uppermost). Sorted by onset, then
        part, then pitch from high to low; no two notes share all three.
    bars : ndarray, int64, shape (m, 3)
        Columns first step, numerator, denominator. Bars follow each other without a gap, all notes start in one.
    """

    notes: NDArray[np.int64] = field(repr=False)
    bars: NDArray[np.int64] = field(repr=False)

    @classmethod
    def of(cls, notes: NDArray[np.int64], bars: NDArray[np.int64]) -> Sheet:
        """Return notes in any order and their bars as a sheet.

        Where a part has a pitch twice at once the longest note stays; one that is struck again ends there.
        """
        notes = np.asarray(notes, dtype=np.int64).reshape(-1, 4)
        notes = notes[np.lexsort((-notes[:, 2], notes[:, 0], notes[:, 1], notes[:, 3]))]  # each pitch's notes in a row
        first = np.ones(len(notes), dtype=bool)
        first[1:] = (notes[1:, [0, 1, 3]] != notes[:-1, [0, 1, 3]]).any(axis=1)
        notes = notes[first]
        follows = (notes[1:, [1, 3]] == notes[:-1, [1, 3]]).all(axis=1)  # the same pitch of the same part
        until = np.where(follows, notes[1:, 0] - notes[:-1, 0], notes[:-1, 2])
        notes[:-1, 2] = np.minimum(notes[:-1, 2], until)
        order = np.lexsort((-notes[:, 1], notes[:, 3], notes[:, 0]))
        return cls(notes[order], np.asarray(bars, dtype=np.int64).reshape(-1, 3))

    @property
    def end(self) -> int:
        """The step at which the last bar ends."""
        start, numerator, denominator = self.bars[-1].tolist()
        return int(start + bar_steps(numerator, denominator))

    def transposed(self, semitones: int) -> Sheet:
        """Return the same music, higher or lower."""
        return replace(self, notes=self.notes + np.array([0, semitones, 0, 0]))

    def with_parts(self, parts: Sequence[int]) -> Sheet:
        """Return some of the parts, numbered anew from above."""
        chosen = np.isin(self.notes[:, 3], parts)
        notes = self.notes[chosen].copy()
        notes[:, 3] = np.searchsorted(sorted(parts), notes[:, 3])
        return replace(self, notes=notes)


def sheet_of(piece: Composition, *, until: float = 0.0) -> tuple[Sheet, bool]:
    """Put a composition on the grid.

    Drums have no pitches and stay out; so do parts beyond the sixteenth. Where a bar has a length that no metre with a
    token has, the whole piece is cut into bars of 4/4.

    Parameters
    ----------
    piece : Composition
    until : float
        Beat up to which there are bars, also where no note begins any more.

    Returns
    -------
    sheet : Sheet
        Part i is the i-th track that is not drums.
    served : bool
        False where it had to be cut into bars of 4/4.
    """
    pitched = [track for track in piece.tracks if not track.is_drum][:MOST_PARTS]
    rows = [
        (_step(note.onset), note.pitch, max(1, _step(note.offset) - _step(note.onset)), part)
        for part, track in enumerate(pitched)
        for note in track.notes
    ]
    end = max([1, math.ceil(until * STEPS_PER_BEAT - 1e-6), *(onset + 1 for onset, *_ in rows)])
    edges = bar_starts(piece.metres, piece.pickup, end / STEPS_PER_BEAT)
    metres = [metre_at(piece.metres, edge) for edge in edges]
    starts = [_step(edge) for edge in edges]
    last = starts[-1] + _step(metres[-1].bar_beats)
    if len(edges) == 1 and piece.pickup > 0:  # it is over before the first full bar begins
        last = _step(piece.pickup)
    stated = [
        (start, stop - start, metre.numerator, metre.denominator)
        for (start, stop), metre in zip(pairwise([*starts, last]), metres, strict=True)
    ]
    bars = whole_bars(stated)
    served = bars is not None
    if bars is None:
        bars = [(start, 4, 4) for start in range(0, end, bar_steps(4, 4))]
    return Sheet.of(np.array(rows, dtype=np.int64).reshape(-1, 4), np.array(bars)), served


def composition_of(sheet: Sheet, tracks: Sequence[Track], *, velocity: int = 80) -> Composition:
    """Return a sheet as music: its part i takes name and instrument of the i-th track, and beat 0 is its step 0."""
    made = []
    for part, track in enumerate(tracks):
        own = sheet.notes[sheet.notes[:, 3] == part]
        notes = tuple(
            Note(onset / STEPS_PER_BEAT, pitch, duration / STEPS_PER_BEAT, velocity)
            for onset, pitch, duration, _ in own.tolist()
        )
        made.append(track.with_notes(notes))
    metres, pickup = metres_of(sheet)
    return Composition(tuple(made), metres=metres, pickup=pickup)


def metres_of(sheet: Sheet) -> tuple[tuple[MetreChange, ...], float]:
    """Return the changes of metre of a sheet, and the beats of its pickup."""
    first = int(sheet.bars[0, 0])
    pickup = 0.0
    if first < 0:
        pickup = (first + bar_steps(*sheet.bars[0, 1:].tolist())) / STEPS_PER_BEAT
    changes: list[MetreChange] = []
    for start, numerator, denominator in sheet.bars.tolist():
        if not changes or (changes[-1].numerator, changes[-1].denominator) != (numerator, denominator):
            changes.append(MetreChange(max(0, start) / STEPS_PER_BEAT, numerator, denominator))
    return tuple(changes), pickup


def whole_bars(stated: Iterable[tuple[int, int, int, int]]) -> list[tuple[int, int, int]] | None:
    """Make whole bars of those of a score, some of which are shorter than their metre says.

    The first bar may be a pickup. Two that fill a bar together were split by a repeat sign, and are one. Any other is
    called by the metre that it really has: a bar of three quarters under 4/4 is one of 3/4.

    Parameters
    ----------
    stated : iterable of (int, int, int, int)
        First step, true length in steps, numerator and denominator of the metre that holds.

    Returns
    -------
    list of (int, int, int) or None
        First step, numerator and denominator; None where a bar has a length that no metre has.
    """
    bars = [(start, length, _known(numerator, denominator)) for start, length, numerator, denominator in stated]
    found: list[tuple[int, int, int]] = []
    index = 0
    while index < len(bars):
        start, length, metre = bars[index]
        full = bar_steps(*metre) if metre else -1
        index += 1
        if metre and length < full and not found:
            start, length = start - (full - length), full
        elif metre and length < full and index < len(bars) and length + bars[index][1] == full:
            length += bars[index][1]
            index += 1
        if length != full:
            metre = _METRE_OF_LENGTH.get(length)
        if metre is None:
            return None
        found.append((start, *metre))
    return found


def _known(numerator: int, denominator: int) -> tuple[int, int] | None:
    """Return the metre itself where it has a token, or one of its length, or None."""
    if (numerator, denominator) in METRES:
        return numerator, denominator
    return _METRE_OF_LENGTH.get(bar_steps(numerator, denominator))


def _step(beat: float) -> int:
    return math.floor(beat * STEPS_PER_BEAT + 0.5)
