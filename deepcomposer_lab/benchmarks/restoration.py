"""Restoration: three in ten notes of a piece taken away; the model edits until as many are back.

It may add, and take back what it added; none of the notes given is removed. The figure is F1 on (onset, pitch), and on
(onset, pitch class), against the notes taken. Edits are drawn at `RISK`, the sharpest that the technique offers: there
is one right answer here, and on the validation pieces the sharpest draw finds more of it than the default, whose figure
stands beside it (`restoration.default_risk.f1`).

Rows: *random* free cells within the voices' ranges; *most likely pitch*, the free cells whose pitch is the commonest at
that place of a beat; *n-gram*, an oracle that is told how many notes are missing from which voice and where they start,
and guesses only their pitch from the known neighbours (ngram.py).

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.corpus import HIGHEST, LOWEST, Chorale, Frequencies, Notes
from deepcomposer_lab.benchmarks.intervals import Draws, Weights, ratio
from deepcomposer_lab.benchmarks.ngram import NeighbourNGram
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.techniques.ar_cnn import ARCNN
from deepcomposer_lab.training.corruption import without_doubles

HIDDEN_SHARE = 0.3
RISK, DEFAULT_RISK = 0.5, 1.0
MODEL_AT_DEFAULT_RISK = "model at default risk"  # a row of its own

Counts = tuple[int, int, int, int]  # hits on (onset, pitch), hits on (onset, pitch class), notes taken, notes put back


@dataclass(frozen=True)
class Restored:
    """One piece's restoration, by row."""

    counts: Mapping[str, Counts]


@dataclass(frozen=True)
class Thinned:
    """A piece with notes taken away.

    Parameters
    ----------
    notes : ndarray, int64, shape (N, 4)
        All notes of the piece, unisons that start together merged.
    hidden : ndarray, bool, shape (N,)
        Which of them are taken.
    """

    notes: Notes
    hidden: NDArray[np.bool_]

    @property
    def taken(self) -> Notes:
        """(onset, pitch) of the notes taken."""
        return self.notes[self.hidden, :2]

    @property
    def given(self) -> Notes:
        """The notes that stay."""
        return self.notes[~self.hidden]


def thin(chorale: Chorale, random: np.random.Generator) -> Thinned:
    """Take three in ten notes away."""
    notes = without_doubles(chorale.source.notes)
    hidden = np.zeros(len(notes), dtype=bool)
    hidden[random.permutation(len(notes))[: round(HIDDEN_SHARE * len(notes))]] = True
    return Thinned(notes, hidden)


def restore(technique: ARCNN, chorale: Chorale, frequencies: Frequencies, ngram: NeighbourNGram) -> Restored:
    """Take three in ten notes away, and see which come back."""
    random = chorale.random(2)
    thinned = thin(chorale, random)
    seed = int(random.integers(2**31))
    per_beat = technique.encoding.steps_per_beat
    free = free_cells(thinned.given, chorale.source.time.shape[1])
    commonness = frequencies.by_place[free[:, 0] % per_beat, free[:, 1]]
    missing = len(thinned.taken)
    rows = {
        "model": put_back(technique, chorale, thinned, seed=seed, creative_risk=RISK),
        MODEL_AT_DEFAULT_RISK: put_back(technique, chorale, thinned, seed=seed, creative_risk=DEFAULT_RISK),
        "ngram": guessed(ngram, thinned),
        "most_likely_pitch": free[np.lexsort((random.random(len(free)), -commonness))[:missing]],
        "random": free[random.permutation(len(free))[:missing]],
    }
    return Restored({name: hits(thinned.taken, cells) for name, cells in rows.items()})


def put_back(technique: ARCNN, chorale: Chorale, thinned: Thinned, *, seed: int, creative_risk: float) -> Notes:
    """Return (onset, pitch) of what the model adds until as many notes are back as were taken."""
    per_beat = technique.encoding.steps_per_beat
    lead = -chorale.piece.pickup % per_beat
    notes = tuple(Note((o - lead) / per_beat, p, d / per_beat) for o, p, d, _ in thinned.given.tolist())
    whole = chorale.piece.to_composition()
    composition = Composition(tracks=(Track(notes, "Given"),), metres=whole.metres, pickup=whole.pickup)
    session = technique.steps(
        composition, seed=seed, max_notes_to_remove=0, sampling_iterations=500, creative_risk=creative_risk
    )
    session.may_stop = False
    for _ in session:
        if len(session.added) == len(thinned.taken):
            break
    offset = lead - session.grid.lead
    return np.array([(placed.onset + offset, placed.note.pitch) for placed in session.added]).reshape(-1, 2)


def guessed(ngram: NeighbourNGram, thinned: Thinned) -> Notes:
    """Return (onset, pitch) of the n-gram's guesses: at each missing note's onset, its likeliest free pitch."""
    wanted = np.flatnonzero(thinned.hidden)
    likely = ngram.of_notes(thinned.notes, ~thinned.hidden, wanted)
    occupied = {(onset, pitch) for onset, pitch in thinned.given[:, :2].tolist()}
    cells = []
    for index, probabilities in zip(wanted, likely, strict=True):
        onset = int(thinned.notes[index, 0])
        ranked = np.argsort(-probabilities, kind="stable").tolist()
        pitch = next(pitch for pitch in ranked if (onset, pitch) not in occupied)
        occupied.add((onset, pitch))
        cells.append((onset, pitch))
    return np.array(cells).reshape(-1, 2)


def free_cells(notes: Notes, steps: int) -> Notes:
    """Return all (onset, pitch) within the voices' ranges at which no given note starts."""
    grid = np.zeros((steps, 128), dtype=bool)
    grid[:, LOWEST : HIGHEST + 1] = True
    grid[notes[:, 0], notes[:, 1]] = False
    return np.argwhere(grid)


def hits(taken: Notes, back: Notes) -> Counts:
    """Count the notes that came back; a note taken is found once, however often it is put back."""
    exact = len(set(map(tuple, taken.tolist())) & set(map(tuple, back.tolist())))
    remaining: dict[tuple[int, int], int] = {}
    for onset, pitch in taken.tolist():
        remaining[onset, pitch % 12] = remaining.get((onset, pitch % 12), 0) + 1
    by_class = 0
    for onset, pitch in back.tolist():
        if remaining.get((onset, pitch % 12), 0):
            remaining[onset, pitch % 12] -= 1
            by_class += 1
    return exact, by_class, len(taken), len(back)


def figures(restored: Sequence[Restored], weights: Weights) -> dict[str, Draws]:
    """Return F1 of every row over all notes of the pieces taken: 2 · hits / (taken + put back)."""
    results = {}
    for row in restored[0].counts:
        counts = np.array([piece.counts[row] for piece in restored], dtype=float)
        both = counts[:, 2] + counts[:, 3]
        if row == MODEL_AT_DEFAULT_RISK:
            prefix = "restoration.default_risk."
        else:
            prefix = "restoration." if row == "model" else f"{row}.restoration."
        results[f"{prefix}f1"] = ratio(2 * counts[:, 0], both, weights)
        results[f"{prefix}f1_pitch_class"] = ratio(2 * counts[:, 1], both, weights)
    return results
