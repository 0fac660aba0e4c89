"""Copies: the longest run of notes that a piece shares with the training data.

A run is copied where some training part has the same *intervals*, *onsets* and *durations* in a row: so a transposition
is a copy, and so is the same music at another place of the bar. Notes stand by onset, then from high to low; parts one
after another, or all of them as one (`texture`). A run of n notes is as long as from its first onset to the end of its
last note.

Short runs are no theft: four quarters up a scale are in every book, and Bach's basses in Bach. So what real music
shares with the training data stands beside.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Notes = NDArray[np.int64]  # (n, 4): onset, pitch, duration, part

_BASE = np.uint64(0x9E3779B97F4A7C15)  # of the polynomial by which a run becomes one number


@dataclass(frozen=True)
class Copy:
    """The longest copied run of a piece, by its length in time.

    Parameters
    ----------
    notes : int
        How many; 0 where the piece has none.
    steps : int
        From the first onset to the end of the last note.
    start : int
        The step at which it begins.
    part : int
    """

    notes: int = 0
    steps: int = 0
    start: int = 0
    part: int = 0


def texture(notes: Notes) -> Notes:
    """Return the notes of all parts as those of one; of a pitch that two of them start together, the longer stays."""
    notes = notes[np.lexsort((-notes[:, 2], notes[:, 1], notes[:, 0]))] * np.array([1, 1, 1, 0])
    first = np.ones(len(notes), dtype=bool)
    first[1:] = (notes[1:, :2] != notes[:-1, :2]).any(axis=1)
    return notes[first]


@dataclass(frozen=True, eq=False)
class Lines:
    """The parts of some pieces one after another, each note beside the next of its part.

    Parameters
    ----------
    piece : ndarray, int64, shape (n,)
        Which piece a note belongs to.
    notes : Notes
        Part by part, each by onset, then from high to low.
    linked : ndarray, bool, shape (n,)
        Whether the next row goes on in the same part.
    step, last : ndarray, uint64, shape (n,)
        A number for (how long, how far up the next, when the next), and one for (how long) alone.
    """

    piece: NDArray[np.int64] = field(repr=False)
    notes: Notes = field(repr=False)
    linked: NDArray[np.bool_] = field(repr=False)
    step: NDArray[np.uint64] = field(repr=False)
    last: NDArray[np.uint64] = field(repr=False)

    @classmethod
    def of(cls, pieces: Iterable[Notes]) -> Lines:
        """Lay the notes of pieces out."""
        tables = [np.zeros((0, 4), dtype=np.int64)]
        for notes in pieces:
            tables.append(notes[np.lexsort((-notes[:, 1], notes[:, 0], notes[:, 3]))])
        piece = np.repeat(np.arange(len(tables) - 1), [len(table) for table in tables[1:]])
        notes = np.concatenate(tables)
        linked = np.zeros(len(notes), dtype=bool)
        linked[:-1] = (piece[1:] == piece[:-1]) & (notes[1:, 3] == notes[:-1, 3])
        up, later = (np.append(np.diff(notes[:, column]), 0) for column in (1, 0))
        # Each packed into a number of its own, then stirred.
        last = notes[:, 2].astype(np.uint64)
        step = (up + 128).astype(np.uint64) << np.uint64(24) | later.astype(np.uint64) << np.uint64(32)
        return cls(piece, notes, linked, _stirred(last | step), _stirred(last))


def _stirred(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers scattered over all of 64 bits: equal ones alike, others apart (Steele 2014, "SplitMix")."""
    with np.errstate(over="ignore"):
        x = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


@dataclass
class _Runs:
    """Runs of one length that begin at some rows of `Lines`, each as one number."""

    lines: Lines
    begin: NDArray[np.int64]
    before: NDArray[np.uint64]  # all but the last note, and how the last follows

    def numbers(self, notes: int) -> NDArray[np.uint64]:
        """Return a number for each run: with its last note's duration."""
        with np.errstate(over="ignore"):
            return self.before * _BASE + self.lines.last[self.begin + notes - 1]

    def longer(self, notes: int) -> _Runs:
        """Return the runs of `notes` notes with one more each, those that have one."""
        there = self.lines.linked[self.begin + notes - 1]
        begin, before = self.begin[there], self.before[there]
        with np.errstate(over="ignore"):
            return _Runs(self.lines, begin, before * _BASE + self.lines.step[begin + notes - 1])

    def among(self, numbers: NDArray[np.uint64]) -> _Runs:
        """Return the runs that are, but for their last note's duration, among some."""
        there = np.isin(self.before, numbers)
        return _Runs(self.lines, self.begin[there], self.before[there])


def longest_copies(pieces: Sequence[Notes], training: Iterable[Notes]) -> list[Copy]:
    """Return the longest run of each piece, in time, that some training part has too.

    Runs grow by a note at a time in both, and only those that were found go on: so a few looks at all of the training
    data are enough.

    Parameters
    ----------
    pieces, training : of ndarray, int64, shape (n, 4)
        Columns onset, pitch, duration, part.
    """
    own, known = Lines.of(pieces), Lines.of(training)
    longest = [Copy() for _ in pieces]
    runs, others = (_Runs(one, np.arange(len(one.notes)), np.zeros(len(one.notes), np.uint64)) for one in (own, known))
    notes = 1
    while len(runs.begin) and len(others.begin):
        # Told from the full number: which runs are copied. From all but the last duration: which may go on.
        _take(longest, own, runs.begin[np.isin(runs.numbers(notes), others.numbers(notes))], notes)
        runs, others = runs.longer(notes), others.longer(notes)
        notes += 1
        common = np.intersect1d(runs.before, others.before)
        runs, others = runs.among(common), others.among(common)
    return longest


def _take(longest: list[Copy], lines: Lines, begin: NDArray[np.int64], notes: int) -> None:
    """Keep copied runs of `notes` notes where they last longer than what was found so far."""
    onset = lines.notes[begin, 0]
    end = (lines.notes[:, 0] + lines.notes[:, 2])[begin + notes - 1]
    for row, start, steps in zip(begin.tolist(), onset.tolist(), (end - onset).tolist(), strict=True):
        piece = int(lines.piece[row])
        if (steps, notes) > (longest[piece].steps, longest[piece].notes):
            longest[piece] = Copy(notes, steps, start, int(lines.notes[row, 3]))
