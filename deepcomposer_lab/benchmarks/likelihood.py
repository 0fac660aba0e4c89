"""Likelihood: how many nats (−log of a probability, base e) the model spends on what Bach wrote.

*An edit.* Eight-bar windows with a tenth of the notes moved and a random share of the others hidden
(`corpus.spoil`). The softmax over all edits possible there, adding in any free cell and removing any note, gives each
right edit a probability; the figure is the mean of −log over the right edits, then over windows. With K right edits and
nothing else to choose from it would be log K, so it is no floor of 0. Random: all possible edits alike.

*A hidden note.* In each window a random share of the onsets, drawn evenly from 0–1, loses one note: never two that
start together. Told that exactly one note is missing at an onset, which pitch is it? The network gives each cell its
own probability p of holding a missing note. Of independent events of which exactly one came true, it was event i with a
probability proportional to its odds p_i / (1 − p_i): a softmax over the pitches of the column, with nothing added or
fitted. Candidates are the pitches the voices sing, 36–81, at which no visible note starts. Rows: random, all candidates
alike; *most likely pitch*, the frequencies of pitches at that place of a beat; *n-gram*, told the voice as well, by the
nearest visible notes of that voice.

*A hidden cell* (one voice at one sixteenth, as in Coconet) has no honest figure in this design. A cell hidden in the
middle of a note cannot be shown to a network that sees whole notes: to draw the rest, one must say whether the note
goes on, which is the answer. And the network gives probabilities that a note starts, of no particular voice, where
holding the note before is most of what a cell's likelihood is made of. So none is printed.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.corpus import HIGHEST, LOWEST, Chorale, Frequencies, Window, cut, spoil
from deepcomposer_lab.benchmarks.intervals import Draws, Weights, mean, ratio
from deepcomposer_lab.benchmarks.ngram import NeighbourNGram
from deepcomposer_lab.techniques.ar_cnn import ARCNN
from deepcomposer_lab.training.ar_cnn import Batch
from deepcomposer_lab.training.ar_cnn import measure as training_measure

NO_HIDDEN_CELL = (
    "A hidden cell (a voice at a sixteenth) has no honest figure here: the model sees and adds whole",
    "notes, and knows no voices. A hidden note's pitch is measured instead, by one rule in each row.",
)


@dataclass(frozen=True)
class Likelihoods:
    """One piece's likelihoods.

    Parameters
    ----------
    edit : mapping of str to float
        Nats an edit of each row, mean over the windows.
    notes : int
        How many hidden notes were asked for.
    hidden_note : mapping of str to float
        Nats of each row, summed over them.
    """

    edit: Mapping[str, float]
    notes: int
    hidden_note: Mapping[str, float]


def measure(technique: ARCNN, chorale: Chorale, frequencies: Frequencies, ngram: NeighbourNGram) -> Likelihoods:
    """Measure every window of a piece."""
    random = chorale.random(3)
    edits: dict[str, list[float]] = {"model": [], "random": []}
    sums = {"model": 0.0, "ngram": 0.0, "most_likely_pitch": 0.0, "random": 0.0}
    notes = 0
    for window in cut(chorale.source, technique.time_multiple):
        for row, nats in edit_nats(technique, window, random).items():
            edits[row].append(nats)
        hidden = hide(window, random)
        notes += len(hidden)
        for row, found in hidden_note_nats(technique, window, hidden, frequencies, ngram).items():
            sums[row] += float(found.sum())
    return Likelihoods({row: float(np.nanmean(values)) for row, values in edits.items()}, notes, sums)


def edit_nats(technique: ARCNN, window: Window, random: Generator) -> dict[str, float]:
    """Spoil a window and return the nats an edit, of the model and of chance."""
    spoilt = spoil(window, random)
    batch = Batch.of([(spoilt, window.time)], technique.encoding, window.width)
    nats = training_measure(technique.network, [batch])["edit_nats"]
    possible = technique.encoding.pitches * int((window.time[0] > 0).sum())  # a cell is free, or holds a start
    return {"model": nats, "random": float(np.log(possible + 1))}  # and stopping


def hide(window: Window, random: Generator) -> NDArray[np.int64]:
    """Choose the notes that are hidden: their indices, never two that start together."""
    share = random.random()
    hidden = []
    for onset in np.unique(window.notes[:, 0]):
        if random.random() < share:
            hidden.append(int(random.choice(np.flatnonzero(window.notes[:, 0] == onset))))
    return np.array(hidden, dtype=np.int64)


@torch.inference_mode()
def hidden_note_nats(
    technique: ARCNN, window: Window, hidden: NDArray[np.int64], frequencies: Frequencies, ngram: NeighbourNGram
) -> dict[str, NDArray[np.float64]]:
    """Return −log P(pitch) of each hidden note by each row, given its onset: float64, shape (hidden,)."""
    encoding, notes = technique.encoding, window.notes
    known = np.ones(len(notes), dtype=bool)
    known[hidden] = False
    roll = encoding.draw(np.concatenate([window.context, notes[known]])[:, :3], window.width)
    scores = technique.network(roll=torch.from_numpy(roll)[None], time=torch.from_numpy(window.time)[None])
    log_p = scores.add[0].double().numpy()  # (pitches, width)
    log_odds = log_p - np.log(-np.expm1(np.minimum(log_p, -1e-12)))
    candidates = np.arange(LOWEST, HIGHEST + 1)
    onsets, pitches = notes[hidden, 0], notes[hidden, 1]
    free = np.ones((len(hidden), len(candidates)), dtype=bool)
    for row, onset in enumerate(onsets):
        free[row] = ~np.isin(candidates, notes[known & (notes[:, 0] == onset), 1])
    place = onsets % encoding.steps_per_beat
    by_row = {
        "model": log_odds[encoding.row(candidates)][:, onsets].T,
        "ngram": np.log(ngram.of_notes(notes, known, hidden))[:, candidates],
        "most_likely_pitch": np.log(frequencies.by_place[place][:, candidates]),
        "random": np.zeros(free.shape),
    }
    right = np.arange(len(hidden)), pitches - LOWEST
    return {row: _normalised_nats(logits, free)[right] for row, logits in by_row.items()}


def _normalised_nats(logits: NDArray[np.float64], free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return −log softmax along the last axis over the free entries."""
    kept = np.where(free, logits, -np.inf)
    return np.logaddexp.reduce(kept, axis=-1, keepdims=True) - kept


def figures(measured: Sequence[Likelihoods], weights: Weights) -> dict[str, Draws]:
    """Return nats an edit (mean over pieces) and nats a hidden note (mean over notes) of every row."""
    results = {}
    for row in measured[0].edit:
        prefix = "" if row == "model" else f"{row}."
        results[f"{prefix}likelihood.edit_nats"] = mean([piece.edit[row] for piece in measured], weights)
    for row in measured[0].hidden_note:
        prefix = "" if row == "model" else f"{row}."
        results[f"{prefix}likelihood.hidden_note_nats"] = ratio(
            [piece.hidden_note[row] for piece in measured], [piece.notes for piece in measured], weights
        )
    return results
