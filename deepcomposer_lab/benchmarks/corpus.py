"""The pieces a benchmark looks at, the windows it cuts, and how it spoils them: fixed, whatever training does.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from deepcomposer_lab.datasets import Piece, load_dataset, read_jsb
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.music.voices import VOICE_RANGES
from deepcomposer_lab.training.ar_cnn import Source, crop, source_of
from deepcomposer_lab.training.corruption import Corrupted, without_doubles

Notes = NDArray[np.int64]  # (N, 4): onset (step), pitch (MIDI), duration (steps), voice (0 soprano to 3 bass)

WINDOW_BARS, HOP_BARS = 8, 4
MOVED_SHARE = 0.1
MOST_SEMITONES = 6
RANGES = list(VOICE_RANGES.values())  # soprano, alto, tenor, bass
LOWEST, HIGHEST = RANGES[3][0], RANGES[0][1]  # what the four voices sing


@dataclass(frozen=True, eq=False)
class Chorale:
    """One piece of the benchmark.

    Parameters
    ----------
    index : int
        Its place among all test pieces: what its random numbers start from, however many pieces are measured.
    piece : Piece
    source : Source
        The piece laid on the network's grid.
    """

    index: int
    piece: Piece
    source: Source

    def random(self, purpose: int) -> Generator:
        """Return random numbers of this piece's own, the same every time, others for each purpose."""
        return np.random.default_rng([self.index, purpose])


def chorales(encoding: ImageEncoding, *, split: str = "test", jsb: Path | None = None) -> list[Chorale]:
    """Return the pieces of a split, from the project's dataset or from the public Jsb16thSeparated.npz."""
    pieces = load_dataset("bach_chorales").pieces(split) if jsb is None else read_jsb(jsb, split)
    return [Chorale(index, piece, source_of(piece, encoding)) for index, piece in enumerate(pieces)]


@dataclass(frozen=True)
class Window:
    """Eight bars of a piece.

    Parameters
    ----------
    steps : int
        How many steps of music it holds.
    width : int
        Those, rounded up to what the network takes.
    context : ndarray, int64, shape (C, 4)
        Notes that began before the window and sound into it: seen, never touched.
    notes : ndarray, int64, shape (N, 4)
        Notes that begin in the window; of unisons that start together, the longest.
    time : ndarray, float32, shape (channels, width)
    """

    steps: int
    width: int
    context: Notes
    notes: Notes
    time: NDArray[np.float32]


def windows(source: Source) -> list[tuple[int, int]]:
    """Return (start, steps) of a piece's eight-bar windows; the last may be shorter, a pickup belongs to the first."""
    length = source.time.shape[1]
    bars = [*np.flatnonzero(source.time[1]).tolist(), length]
    spans = []
    for index in range(0, max(1, len(bars) - 1 - HOP_BARS), HOP_BARS):
        start = 0 if index == 0 else bars[index]
        spans.append((start, bars[min(index + WINDOW_BARS, len(bars) - 1)] - start))
    return spans


def cut(source: Source, time_multiple: int) -> Iterator[Window]:
    """Yield a piece's windows, their width a multiple of what the network takes."""
    for start, steps in windows(source):
        width = -(-steps // time_multiple) * time_multiple
        notes, time = crop(source, start, width)
        inside = notes[(notes[:, 0] >= 0) & (notes[:, 0] < steps)]
        yield Window(steps, width, notes[notes[:, 0] < 0], without_doubles(inside), time)


def move_notes(notes: Notes, random: Generator) -> tuple[Notes, NDArray[np.bool_]]:
    """Move a tenth of the notes by ±1…±6 semitones; return the notes and which were moved.

    A move is drawn again where it hits a pitch that sounds at the time or leaves the voice's range.
    """
    notes, moved = notes.copy(), np.zeros(len(notes), dtype=bool)
    for index in random.permutation(len(notes))[: max(1, round(MOVED_SHARE * len(notes)))]:
        onset, pitch, duration, voice = notes[index]
        together = (notes[:, 0] < onset + duration) & (notes[:, 0] + notes[:, 2] > onset)
        lowest, highest = RANGES[voice]
        options = [
            pitch + shift
            for shift in (*range(-MOST_SEMITONES, 0), *range(1, MOST_SEMITONES + 1))
            if lowest <= pitch + shift <= highest and pitch + shift not in notes[together, 1]
        ]
        if options:
            notes[index, 1], moved[index] = random.choice(options), True
    return notes, moved


def spoil(window: Window, random: Generator) -> Corrupted:
    """Spoil a window for the likelihood of an edit: a tenth of its notes moved, a random share of the others hidden.

    The share is drawn evenly from 0–1, so windows from nearly whole to nearly empty occur.
    """
    spoilt, moved = move_notes(window.notes, random)
    hidden = ~moved & (random.random(len(spoilt)) < random.random())
    visible = spoilt[~hidden]
    # A note that was moved onto the place of another that moved away is right there: nothing to mend.
    there, true = _cells(visible), _cells(window.notes)
    missing = [note for note in window.notes[hidden | moved].tolist() if (note[0], note[1]) not in there]
    wrong = [note for note in spoilt[moved].tolist() if (note[0], note[1]) not in true]
    return Corrupted(
        visible=np.concatenate([window.context, visible]),
        add=np.array(missing, dtype=np.int64).reshape(-1, 4)[:, :3],
        remove=np.array(wrong, dtype=np.int64).reshape(-1, 4)[:, :2],
    )


def _cells(notes: Notes) -> set[tuple[int, int]]:
    return {(onset, pitch) for onset, pitch in notes[:, :2].tolist()}


@dataclass(frozen=True)
class Frequencies:
    """What the training pieces say of a pitch without context.

    Parameters
    ----------
    by_voice : ndarray, float, shape (4, 128)
        Share of each pitch among a voice's notes; every pitch counted once more than it occurs.
    by_place : ndarray, float, shape (steps per beat, 128)
        Share of each (place in a beat, pitch) among all notes, counted likewise.
    """

    by_voice: NDArray[np.float64]
    by_place: NDArray[np.float64]

    @classmethod
    def of(cls, sources: Sequence[Source], steps_per_beat: int) -> Frequencies:
        """Count the notes of the training pieces."""
        by_voice, by_place = np.ones((4, 128)), np.ones((steps_per_beat, 128))
        for source in sources:
            np.add.at(by_voice, (source.notes[:, 3], source.notes[:, 1]), 1)
            np.add.at(by_place, (source.notes[:, 0] % steps_per_beat, source.notes[:, 1]), 1)
        return cls(by_voice / by_voice.sum(axis=1, keepdims=True), by_place / by_place.sum())
