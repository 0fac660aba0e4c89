"""A nearest-neighbour n-gram that knows voices: what can be guessed of a note from its own line alone.

It is an oracle. It is told which voice every note belongs to, and, where a note is missing, its onset and how many
notes of its voice are missing around it, none of which the network is told. What it does not see is the harmony. A
network that does not beat it has learnt melodies, not chorales.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.corpus import Notes

WIDEST = 24  # semitones; a wider leap counts as this one
MOST_APART = 3  # notes along the line; neighbours farther away count as this far
_SPAN = 2 * WIDEST + 1

Neighbour = tuple[int, int]  # (how many notes along the line, its pitch)


@dataclass(frozen=True)
class NeighbourNGram:
    """Counts of a pitch relative to the nearest known notes of its voice, before and after.

    P(pitch | both neighbours) is the share counted in training, backed off to the product of what either neighbour says
    alone, those to the voice's pitches: at each stage as in Witten and Bell (1991), P = (count + T P_back) / (N + T)
    with T the number of different continuations seen. Intervals alone count, so every transposition does.

    Parameters
    ----------
    both : ndarray, float64, shape (4, 3, 3, 49, 49)
        Voice, how far the neighbour before and after is (1, 2, 3 or more notes), interval from the one before to the
        one after, interval from the one before to the note.
    alone : ndarray, float64, shape (2, 4, 3, 49)
        Before or after, voice, how far, interval from that neighbour to the note.
    pitches : ndarray, float64, shape (4, 128)
        Each voice's pitches, every one counted once more than it occurs.
    """

    both: NDArray[np.float64]
    alone: NDArray[np.float64]
    pitches: NDArray[np.float64]

    @classmethod
    def of(cls, pieces: Sequence[Notes]) -> NeighbourNGram:
        """Count the notes of the training pieces, each an array of (onset, pitch, duration, voice)."""
        both = np.zeros((4, MOST_APART, MOST_APART, _SPAN, _SPAN))
        alone = np.zeros((2, 4, MOST_APART, _SPAN))
        pitches = np.ones((4, 128))
        for notes in pieces:
            for voice in range(4):
                line = lines_of(notes)[voice]
                pitch = notes[line, 1]
                np.add.at(pitches[voice], pitch, 1)
                for before in range(1, MOST_APART + 1):
                    step = _interval(pitch[before:] - pitch[:-before])
                    np.add.at(alone[0, voice, before - 1], step, 1)
                    np.add.at(alone[1, voice, before - 1], _interval(pitch[:-before] - pitch[before:]), 1)
                    for after in range(1, MOST_APART + 1):
                        middle = np.arange(before, len(pitch) - after)
                        low, here, high = pitch[middle - before], pitch[middle], pitch[middle + after]
                        np.add.at(both[voice, before - 1, after - 1], (_interval(high - low), _interval(here - low)), 1)
        return cls(both, alone, pitches)

    def probabilities(self, voice: int, before: Neighbour | None, after: Neighbour | None) -> NDArray[np.float64]:
        """Return P(pitch) of a note, shape (128,), from the nearest known notes of its voice."""
        every = np.arange(128)
        base = self.pitches[voice] / self.pitches[voice].sum()
        single = []
        for side, neighbour in enumerate((before, after)):
            if neighbour is not None:
                apart, pitch = min(neighbour[0], MOST_APART), neighbour[1]
                counts = self.alone[side, voice, apart - 1]
                single.append(_backed_off(counts, _interval(every - pitch), base))
        if not single:
            return base
        if before is None or after is None:
            return single[0]
        back = single[0] * single[1] / base
        counts = self.both[voice, min(before[0], MOST_APART) - 1, min(after[0], MOST_APART) - 1]
        counts = counts[_interval(np.array(after[1] - before[1]))]
        return _backed_off(counts, _interval(every - before[1]), back / back.sum())

    def of_notes(self, notes: Notes, known: NDArray[np.bool_], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return P(pitch) of some notes, shape (wanted, 128), each from its nearest known neighbours.

        Parameters
        ----------
        notes : ndarray, int64, shape (N, 4)
        known : ndarray, bool, shape (N,)
            The notes that may be looked at. A note never looks at itself.
        wanted : ndarray, int, shape (wanted,)
            Which notes are asked about.
        """
        lines = lines_of(notes)
        place = {int(index): at for line in lines for at, index in enumerate(line)}
        rows = []
        for index in wanted.tolist():
            voice = int(notes[index, 3])
            line, at = lines[voice], place[index]
            before = next(((at - i, int(notes[line[i], 1])) for i in range(at - 1, -1, -1) if known[line[i]]), None)
            after = next(((i - at, int(notes[line[i], 1])) for i in range(at + 1, len(line)) if known[line[i]]), None)
            rows.append(self.probabilities(voice, before, after))
        return np.array(rows).reshape(-1, 128)


def lines_of(notes: Notes) -> list[NDArray[np.int64]]:
    """Return, for each voice, the indices of its notes in order of onset."""
    order = np.argsort(notes[:, 0], kind="stable")
    return [order[notes[order, 3] == voice] for voice in range(4)]


def _interval(semitones: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return intervals as indices 0 … 48, those beyond two octaves at the edge."""
    return np.clip(semitones, -WIDEST, WIDEST) + WIDEST


def _backed_off(
    counts: NDArray[np.float64], interval: NDArray[np.int64], back: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return P over 128 pitches from counts by interval; pitches beyond the widest interval are not counted there."""
    inside = (interval > 0) & (interval < _SPAN - 1)
    counted = np.where(inside, counts[interval], 0.0)
    kinds = np.count_nonzero(counted)
    if not kinds:
        return back
    mixed = (counted + kinds * back) / (counted.sum() + kinds)
    return mixed / mixed.sum()
