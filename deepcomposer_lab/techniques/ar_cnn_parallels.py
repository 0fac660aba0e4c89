"""Parallel fifths and octaves: which edits would make some, and which stand in the voices at the end.

Two voices that leave a perfect fifth (or an octave, or a unison) in the same direction and arrive at another one stop
sounding like two. Counterpoint forbids it, and in Bach's chorales it happens about once in a hundred bars. The network
does not learn that: a note that makes parallels fits its chord, so hardly anything in training made it wrong. So it
stands here as a rule, written by hand, which `avoid_parallels=False` switches off.

While a piece is edited its notes have no voices yet. There, what ends at a step is taken to move to what starts at it,
within each track of the input and among the added notes, in order of pitch; where more notes end than start, or start
than end, those move that leap least (`makes_parallels`). That guess is wrong now and then. So when the model has
nothing left to mend, or when few edits are left, the voices are assigned as they will be written, and what is still in
parallel there is taken out for the model to fill in otherwise (`parallel_pairs`).

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.techniques.ar_cnn_roll import Placed

PERFECT = (0, 7)  # semitones, octaves aside: octave or unison, fifth

Move = tuple[int, int]  # a voice's row before a step and at it


def makes_parallels(notes: Sequence[Placed], placed: Placed) -> bool:
    """Return whether adding `placed` makes parallels; where it is one of `notes`, whether removing it does."""
    near = [note for note in notes if note is not placed and note.onset <= placed.end and placed.onset <= note.end]
    without = _parallels(near, placed.onset, placed.end)
    with_it = _parallels([*near, placed], placed.onset, placed.end)
    is_there = any(note is placed for note in notes)
    return without > with_it if is_there else with_it > without


def _parallels(notes: Iterable[Placed], first: int, last: int) -> int:
    """Return how many pairs move in parallel at the steps `first` … `last`, at which their second notes start."""
    ending: dict[int, list[Placed]] = {}
    starting: dict[int, list[Placed]] = {}
    for note in notes:
        if first <= note.onset <= last:
            starting.setdefault(note.onset, []).append(note)
        if first <= note.end <= last:
            ending.setdefault(note.end, []).append(note)
    return sum(
        in_parallel(one, other)
        for step, arriving in starting.items()
        if step in ending
        for one, other in combinations(_moves(ending[step], arriving), 2)
    )


def in_parallel(one: Move, other: Move) -> bool:
    """Return whether two voices move the same way from a perfect interval to another of its kind."""
    if (one[1] - one[0]) * (other[1] - other[0]) <= 0:
        return False
    before = abs(one[0] - other[0]) % 12
    return before in PERFECT and before == abs(one[1] - other[1]) % 12


def _moves(leaving: Sequence[Placed], arriving: Sequence[Placed]) -> list[Move]:
    """Return which note is taken to move to which."""
    moves: list[Move] = []
    for track in {_track(note) for note in leaving} & {_track(note) for note in arriving}:
        before, after = (sorted(note.row for note in notes if _track(note) == track) for notes in (leaving, arriving))
        moves.extend(_paired(before, after))
    return moves


def _track(note: Placed) -> int:
    return -1 if note.source is None else note.source[0]


def _paired(before: Sequence[int], after: Sequence[int]) -> Iterable[Move]:
    """Pair rows in their order; of the longer list those are taken that leap least."""
    if len(before) == len(after):
        return zip(before, after, strict=True)
    count = min(len(before), len(after))
    ways = (
        tuple(zip(some, others, strict=True))
        for some in combinations(before, count)
        for others in combinations(after, count)
    )
    return min(ways, key=lambda moves: sum(abs(one - other) for one, other in moves))


def parallel_pairs(voices: Sequence[Sequence[Placed]], steps: int) -> list[tuple[Placed, Placed]]:
    """Return the pairs of notes with which two voices arrive in parallel, by their step.

    Parameters
    ----------
    voices : sequence of sequence of Placed
        What each voice has; where it sounds a chord its highest note counts, in the last voice the lowest.
    steps : int
        Columns of the roll.
    """
    lines = [_line(voice, steps, lowest=index == len(voices) - 1) for index, voice in enumerate(voices)]
    found = []
    for step in range(1, steps):
        moves = [
            (notes[line[step - 1]], notes[line[step]])
            for notes, line in zip(voices, lines, strict=True)
            if min(line[step - 1], line[step]) >= 0 and line[step - 1] != line[step]
        ]
        found += [
            (to, other_to)
            for (start, to), (other_start, other_to) in combinations(moves, 2)
            if in_parallel((start.row, to.row), (other_start.row, other_to.row))
        ]
    return found


def _line(notes: Sequence[Placed], steps: int, *, lowest: bool) -> NDArray[np.int64]:
    """Return which of a voice's notes sounds at each step, −1 where none does: int64, shape (steps,)."""
    line = np.full(steps, -1, dtype=np.int64)
    order = sorted(range(len(notes)), key=lambda index: notes[index].row, reverse=lowest)
    for index in order:  # what comes later covers what came before
        line[notes[index].onset : notes[index].end] = index
    return line
