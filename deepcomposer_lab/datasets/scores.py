"""Scores: pieces for any parts, in any metre, as a Transformer learns from them.

A score is a piece as its composer wrote it: one to sixteen parts that may play chords, bars of any length. Time is
counted in ticks, 24 a quarter note, so that thirty-seconds (3 ticks), triplets of eighths (8 ticks) and of sixteenths
(4 ticks) are exact.

Bars are kept as they truly are. A pickup is a first bar that is shorter than its metre; a repeat sign may split one bar
in two; a cadenza may make one longer.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from deepcomposer_lab.datasets.songs import SPLITS, overlapping
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.note import Note

TICKS_PER_BEAT = 24
MOST_PARTS = 16


@dataclass(frozen=True, eq=False)
class Score:
    """One piece on a grid of 24 ticks a quarter note.

    Parameters
    ----------
    name : str
        What the corpus calls it, unique within a dataset.
    work : str
        The work it belongs to: the movements of a quartet, the songs of a cycle share it, and are in one split.
    notes : ndarray of int64, shape (n, 4)
        Columns onset tick, MIDI pitch, duration in ticks, part (0 is the uppermost of the score); sorted by onset, then
        part, then pitch. Notes of one pitch and part do not overlap.
    bars : ndarray of int64, shape (m, 3)
        Columns first tick, numerator, denominator of each bar, without gaps, the first at tick 0. Bar i is truly
        bars[i+1, 0] − bars[i, 0] ticks long, the last one reaches to `length`.
    length : int
        Length in ticks; no note ends later.
    parts : tuple of (str, int)
        Name and General MIDI program of each part.
    bpm : float
        Quarter notes a minute, at the beginning.
    kind : str
        "songs", "quartets", "chorales", "madrigals", "piano": what sort of music it is.
    split : str
        "train", "validation" or "test".
    """

    name: str
    work: str
    notes: np.ndarray = field(repr=False)
    bars: np.ndarray = field(repr=False)
    length: int
    parts: tuple[tuple[str, int], ...]
    bpm: float = 100.0
    kind: str = "songs"
    split: str = "train"

    def stated_bars(self) -> list[tuple[int, int, int, int]]:
        """Return first tick, true length in ticks, numerator and denominator of each bar."""
        starts = [*self.bars[:, 0].tolist(), self.length]
        metres = self.bars[:, 1:].tolist()
        return [(start, stop - start, *metre) for (start, stop), metre in zip(pairwise(starts), metres, strict=True)]

    def to_composition(self) -> Composition:
        """Return the score as music, a track each part.

        A composition counts its bars on from each change of metre. So a metre is also stated where a bar follows one
        whose length is not that of its metre, and in such a bar it is the metre of the score, cut off by the next.
        """
        tracks = []
        for number, (name, program) in enumerate(self.parts):
            own = self.notes[self.notes[:, 3] == number].tolist()
            notes = (
                Note(onset / TICKS_PER_BEAT, pitch, duration / TICKS_PER_BEAT) for onset, pitch, duration, _ in own
            )
            tracks.append(Track(tuple(notes), name, program))
        bars = self.stated_bars()
        pickup = bars[0][1] if bars[0][1] < _full(*bars[0][2:]) else 0
        changes = [MetreChange(0, *bars[0][2:])]
        for (_, length, *metre), (start, _, *following) in pairwise(bars):
            as_stated = length == _full(*metre) or start == pickup
            if following != metre or not as_stated:
                changes.append(MetreChange(start / TICKS_PER_BEAT, *following))
        return Composition(
            tracks=tuple(tracks),
            tempos=(TempoChange(0, self.bpm),),
            metres=tuple(changes),
            pickup=pickup / TICKS_PER_BEAT,
            title=self.name,
        )


def _full(numerator: int, denominator: int) -> float:
    """Return how many ticks a bar of a metre has."""
    return numerator * 4 * TICKS_PER_BEAT / denominator


def scores_to_arrays(scores: Sequence[Score]) -> dict[str, np.ndarray]:
    """Return scores as the arrays of a .npz; `scores_from_arrays` is the way back.

    Raises
    ------
    ValueError
        When there are none.
    """
    if not scores:
        raise ValueError("A dataset needs at least one score; got none.")
    return {
        "notes": np.concatenate([score.notes for score in scores]).astype(np.int32).reshape(-1, 4),
        "offsets": np.cumsum([0, *(len(score.notes) for score in scores)]).astype(np.int64),
        "bars": np.concatenate([score.bars for score in scores]).astype(np.int32).reshape(-1, 3),
        "bar_offsets": np.cumsum([0, *(len(score.bars) for score in scores)]).astype(np.int64),
        "length": np.array([score.length for score in scores], dtype=np.int32),
        "bpm": np.array([score.bpm for score in scores], dtype=np.float32),
        "split": np.array([SPLITS.index(score.split) for score in scores], dtype=np.int8),
        "names": np.array([score.name for score in scores]),
        "works": np.array([score.work for score in scores]),
        "kinds": np.array([score.kind for score in scores]),
        "parts": np.array(json.dumps([score.parts for score in scores])),
    }


def scores_from_arrays(arrays: Mapping[str, Any]) -> list[Score]:
    """Return the scores that `scores_to_arrays` laid out."""
    parts = json.loads(str(arrays["parts"]))
    offsets, bar_offsets = arrays["offsets"], arrays["bar_offsets"]
    return [
        Score(
            name=str(arrays["names"][index]),
            work=str(arrays["works"][index]),
            notes=arrays["notes"][offsets[index] : offsets[index + 1]].astype(np.int64),
            bars=arrays["bars"][bar_offsets[index] : bar_offsets[index + 1]].astype(np.int64),
            length=int(arrays["length"][index]),
            parts=tuple((name, program) for name, program in parts[index]),
            bpm=float(arrays["bpm"][index]),
            kind=str(arrays["kinds"][index]),
            split=SPLITS[int(arrays["split"][index])],
        )
        for index in range(len(arrays["names"]))
    ]


def check_score(score: Score) -> None:
    """Check what `Score` promises of its notes and bars.

    Raises
    ------
    ValueError
        Naming the score and the first thing that is wrong.
    """
    notes, bars = score.notes, score.bars
    shaped = all(
        table.ndim == 2 and table.shape[1] == width and table.dtype == np.int64
        for table, width in ((notes, 4), (bars, 3))
    )
    if not shaped:
        raise ValueError(f"The score {score.name!r} is damaged: its notes are no int64 (n, 4) or its bars no (m, 3).")
    edges = np.array([*bars[:, 0], score.length])
    problems = (
        ("it has no notes", len(notes) == 0),
        (f"it has {len(score.parts)} parts instead of 1–{MOST_PARTS}", not 1 <= len(score.parts) <= MOST_PARTS),
        ("a pitch lies outside 0–127", bool(((notes[:, 1] < 0) | (notes[:, 1] > 127)).any())),
        ("a note is shorter than a tick", bool((notes[:, 2] < 1).any())),
        ("a note starts before the piece", bool((notes[:, 0] < 0).any())),
        ("a note ends after the last bar", bool((notes[:, 0] + notes[:, 2] > score.length).any())),
        ("a note is in a part that is not there", bool(((notes[:, 3] < 0) | (notes[:, 3] >= len(score.parts))).any())),
        ("its notes are not sorted", not np.array_equal(notes, sorted_notes(notes))),
        ("two notes of one pitch and part overlap", overlapping(notes)),
        ("its first bar does not start at tick 0", edges[0] != 0),
        ("a bar has no length", bool((np.diff(edges) <= 0).any())),
        ("a bar has no metre", bool((bars[:, 1:] < 1).any())),
        (f"its split {score.split!r} is none of {', '.join(SPLITS)}", score.split not in SPLITS),
    )
    for problem, there in problems:
        if there:
            raise ValueError(f"The score {score.name!r} is damaged: {problem}.")


def sorted_notes(notes: np.ndarray) -> np.ndarray:
    """Return notes (columns onset, pitch, duration, part) in the order of `Score.notes`, as int64."""
    notes = np.asarray(notes, dtype=np.int64).reshape(-1, 4)
    return notes[np.lexsort((notes[:, 1], notes[:, 3], notes[:, 0]))]


def without_overlaps(notes: np.ndarray) -> np.ndarray:
    """Return the notes of a score so that none of one pitch and part overlap, sorted.

    Two voices of a piano may strike a key at once, or strike it again while the other still holds it. Of notes that
    start together the longest stays; a note ends where its key is struck again.

    Parameters
    ----------
    notes : ndarray of int, shape (n, 4)
        Columns onset, pitch, duration, part, in any order.
    """
    notes = np.array(notes, dtype=np.int64).reshape(-1, 4)
    notes = notes[np.lexsort((-notes[:, 2], notes[:, 0], notes[:, 1], notes[:, 3]))]  # each key's notes in a row
    first = np.ones(len(notes), dtype=bool)
    first[1:] = (notes[1:, [0, 1, 3]] != notes[:-1, [0, 1, 3]]).any(axis=1)
    notes = notes[first]
    same_key = (notes[1:, [1, 3]] == notes[:-1, [1, 3]]).all(axis=1)
    gaps = np.where(same_key, np.diff(notes[:, 0]), notes[:-1, 2])
    notes[:-1, 2] = np.minimum(notes[:-1, 2], gaps)
    return sorted_notes(notes)
