"""Detection: a tenth of the notes moved by one to six semitones; does the model's removal score name them?

Eight-bar windows, hop four bars; a move is drawn again where it hits a sounding pitch or leaves the voice's range. The
figure is average precision, pooled over notes: chance is the share of moved notes, about 0.10.

A moved note *leaves the chord* when, on none of the sixteenths that it lasts, the pitch classes that sound are exactly
a triad or one of the six common sevenths (harmony.py), all other notes being Bach's. About a third of all moves do not
leave it: the passage still makes sense, and nobody can tell but by what is usual.

Rows: *random* scores; *most likely pitch*, the rarest pitch of a voice is suspect; *n-gram*, how unlikely a note is
between its neighbours in its voice, which it is told (ngram.py).

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.corpus import MOST_SEMITONES, Chorale, Frequencies, Notes, Window, cut, move_notes
from deepcomposer_lab.benchmarks.harmony import IS_CHORD, pitch_class_sets
from deepcomposer_lab.benchmarks.intervals import Draws, Weights, average_precision
from deepcomposer_lab.benchmarks.ngram import NeighbourNGram
from deepcomposer_lab.datasets import VOICES
from deepcomposer_lab.techniques.ar_cnn import ARCNN


@dataclass(frozen=True)
class Detected:
    """One piece's detection, note by note.

    Parameters
    ----------
    moved, leaves_chord : ndarray, bool, shape (N,)
        Whether a note was moved, and whether that left the chord.
    semitones, voice : ndarray, int64, shape (N,)
        By how much it was moved (0 where not), and who sings it.
    scores : mapping of str to ndarray, float, shape (N,)
        How suspect each row finds it.
    """

    moved: NDArray[np.bool_]
    leaves_chord: NDArray[np.bool_]
    semitones: NDArray[np.int64]
    voice: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float64]]


@torch.inference_mode()
def detect(technique: ARCNN, chorale: Chorale, frequencies: Frequencies, ngram: NeighbourNGram) -> Detected:
    """Score every note of every window of a piece, a tenth of them moved."""
    random = chorale.random(1)
    found = []
    for window in cut(chorale.source, technique.time_multiple):
        spoilt, moved = move_notes(window.notes, random)
        roll = technique.encoding.draw(np.concatenate([window.context, spoilt])[:, :3], window.width)
        scores = technique.network(roll=torch.from_numpy(roll)[None], time=torch.from_numpy(window.time)[None])
        everything = np.arange(len(spoilt))
        likely = ngram.of_notes(spoilt, np.ones(len(spoilt), dtype=bool), everything)
        rows = {
            "model": scores.remove[0].double().numpy()[technique.encoding.row(spoilt[:, 1]), spoilt[:, 0]],
            "ngram": -np.log(likely[everything, spoilt[:, 1]]),
            "most_likely_pitch": -np.log(frequencies.by_voice[spoilt[:, 3], spoilt[:, 1]]),
        }
        leaves = np.zeros(len(spoilt), dtype=bool)
        for index in np.flatnonzero(moved).tolist():
            leaves[index] = leaves_chord(window, index, int(spoilt[index, 1]))
        found.append(Detected(moved, leaves, spoilt[:, 1] - window.notes[:, 1], spoilt[:, 3], rows))
    joined = {row: np.concatenate([part.scores[row] for part in found]) for row in found[0].scores}
    joined["random"] = random.random(len(joined["model"]))
    return Detected(
        np.concatenate([part.moved for part in found]),
        np.concatenate([part.leaves_chord for part in found]),
        np.concatenate([part.semitones for part in found]),
        np.concatenate([part.voice for part in found]),
        joined,
    )


def leaves_chord(window: Window, index: int, pitch: int) -> bool:
    """Say whether moving one note of a window to `pitch` leaves no triad or seventh on any of its sixteenths."""
    notes: Notes = window.notes.copy()
    notes[index, 1] = pitch
    onset, _, duration, _ = notes[index]
    end = min(onset + duration, window.steps)
    sets = pitch_class_sets(np.concatenate([window.context, notes]), end)
    return not IS_CHORD[sets[onset:end]].any()


def subsets(detected: Sequence[Detected]) -> dict[str, NDArray[np.bool_]]:
    """Return the notes among which moved ones are looked for, by the name of the figure: bool, shape (N,), over all.

    By chord and by interval these are the moves in question and all notes that were not moved, so chance is rarer than
    0.10; by voice, the notes of that voice.
    """
    moved = np.concatenate([piece.moved for piece in detected])
    voice = np.concatenate([piece.voice for piece in detected])
    semitones = np.abs(np.concatenate([piece.semitones for piece in detected]))
    leaves = np.concatenate([piece.leaves_chord for piece in detected])
    chosen = {"detection": np.ones(len(voice), dtype=bool), "detection.leaves_chord": leaves}
    chosen["detection.keeps_chord"] = ~leaves
    chosen |= {f"detection.interval.{size}": semitones == size for size in range(1, MOST_SEMITONES + 1)}
    chosen = {name: moves | ~moved for name, moves in chosen.items()}
    return chosen | {f"detection.voice.{name.lower()}": voice == index for index, name in enumerate(VOICES)}


def figures(detected: Sequence[Detected], weights: Weights) -> dict[str, Draws]:
    """Return every figure of detection, by name, `<row>.` before those that are not the model's."""
    moved = np.concatenate([piece.moved for piece in detected])
    piece = np.repeat(np.arange(len(detected)), [len(part.moved) for part in detected])
    results: dict[str, Draws] = {}
    for name, used in subsets(detected).items():
        for row in detected[0].scores:
            scores = np.concatenate([part.scores[row] for part in detected])
            prefix = "" if row == "model" else f"{row}."
            results[f"{prefix}{name}.average_precision"] = average_precision(
                moved[used], scores[used], piece[used], weights
            )
    leaving = [(part.moved & part.leaves_chord).sum() for part in detected]
    total = weights @ np.array([part.moved.sum() for part in detected], dtype=float)
    results["detection.leaves_chord.share"] = (weights @ np.array(leaving, dtype=float)) / total
    return results
