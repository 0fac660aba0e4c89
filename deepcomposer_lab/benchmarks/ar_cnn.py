"""How good AutoregressiveCNN Bach is, on chorales that it never saw.

1. *Detection*: eight-bar windows, hop four bars; a tenth of the notes moved by one to six semitones, redrawn where they
   hit a sounding pitch or leave the voice's range. The removal scores shall name them: average precision, pooled over
   notes. Chance is the share of moved notes, about 0.10.
2. *Restoration*: three in ten notes of a piece taken away; the model adds (and takes back) until as many are there
   again, at default creative risk, none of the notes given being removed. F1 on (onset, pitch) and on (onset, pitch
   class) against the notes taken.
3. *Voices*: Bach's notes below the soprano, thrown together and given to Alto, Tenor and Bass by the function that does
   so for added notes: the share that comes to its own voice.
4. *Speed*: on one core, 150 edits over eight bars, the first edit from a standing start, edits a second.

Every figure stands twice: for all test pieces, and for those whose melody training never heard (half the test melodies
of this split also occur in training, in other harmonisations). Intervals are 95 % bootstrap intervals over pieces.
Floors: *random* scores and cells; *most likely pitch*, the training pieces' frequencies of pitch by voice (detection,
the rarest is suspect) and of pitch by place in the beat (restoration, the commonest free cells are filled).

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

import deepcomposer_lab.metrics as metrics
from deepcomposer_lab.datasets import Piece, load_dataset, read_jsb
from deepcomposer_lab.models.registry import load_model
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.note import PITCH_NAMES, Note
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.music.voices import VOICE_RANGES, assign_voices
from deepcomposer_lab.techniques.ar_cnn import ARCNN
from deepcomposer_lab.training.ar_cnn import Source, crop, source_of
from deepcomposer_lab.training.corruption import without_doubles
from deepcomposer_lab.training.ranking import average_precision

Report = Callable[[str], None]
Notes = NDArray[np.int64]
T = TypeVar("T")

WINDOW_BARS, HOP_BARS = 8, 4
MOVED_SHARE, HIDDEN_SHARE = 0.1, 0.3
QUICK_PIECES = 10
RESAMPLES = 1000
RANGES = list(VOICE_RANGES.values())  # soprano, alto, tenor, bass


@dataclass(frozen=True)
class Scored:
    """One piece's detection: which notes were moved, and how suspect each row finds every note."""

    moved: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Frequencies:
    """What the training pieces say of a pitch without context.

    Parameters
    ----------
    by_voice : ndarray, float, shape (4, 128)
        Share of each pitch among a voice's notes; every pitch counted once more than it occurs.
    by_place : ndarray, float, shape (steps per beat, 128)
        Share of each pitch among the notes that start at that place in a beat.
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


def windows(source: Source) -> list[tuple[int, int]]:
    """Return (start, steps) of a piece's eight-bar windows; the last may be shorter, a pickup belongs to the first."""
    length = source.time.shape[1]
    bars = [*np.flatnonzero(source.time[1]).tolist(), length]
    spans = []
    for index in range(0, max(1, len(bars) - 1 - HOP_BARS), HOP_BARS):
        start = 0 if index == 0 else bars[index]
        spans.append((start, bars[min(index + WINDOW_BARS, len(bars) - 1)] - start))
    return spans


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
            for shift in (*range(-6, 0), *range(1, 7))
            if lowest <= pitch + shift <= highest and pitch + shift not in notes[together, 1]
        ]
        if options:
            notes[index, 1], moved[index] = random.choice(options), True
    return notes, moved


@torch.inference_mode()
def detect(technique: ARCNN, source: Source, frequencies: Frequencies, random: Generator) -> Scored:
    """Score every note of every window of a piece, a tenth of them moved."""
    encoding, multiple = technique.encoding, technique.time_multiple
    moved, suspect, floor = [], [], []
    for start, steps in windows(source):
        width = -(-steps // multiple) * multiple
        notes, channels = crop(source, start, width)
        inside = notes[(notes[:, 0] >= 0) & (notes[:, 0] < steps)]
        context = notes[notes[:, 0] < 0]
        spoilt, is_moved = move_notes(without_doubles(inside), random)
        roll = encoding.draw(np.concatenate([context, spoilt])[:, :3], width)
        scores = technique.network(roll=torch.from_numpy(roll)[None], time=torch.from_numpy(channels)[None])
        suspect.append(scores.remove[0].numpy()[encoding.row(spoilt[:, 1]), spoilt[:, 0]])
        floor.append(-np.log(frequencies.by_voice[spoilt[:, 3], spoilt[:, 1]]))
        moved.append(is_moved)
    count = sum(len(part) for part in moved)
    return Scored(
        np.concatenate(moved),
        {
            "model": np.concatenate(suspect),
            "random": random.random(count),
            "most_likely_pitch": np.concatenate(floor),
        },
    )


@dataclass(frozen=True)
class Restored:
    """One piece's restoration: hits on (onset, pitch), hits on (onset, pitch class), notes taken, notes put back."""

    counts: dict[str, tuple[int, int, int, int]]


def restore(technique: ARCNN, piece: Piece, source: Source, frequencies: Frequencies, random: Generator) -> Restored:
    """Take three in ten notes away, and see which come back."""
    notes = without_doubles(source.notes)
    hidden = np.zeros(len(notes), dtype=bool)
    hidden[random.permutation(len(notes))[: round(HIDDEN_SHARE * len(notes))]] = True
    taken, given = notes[hidden, :2], notes[~hidden]
    per_beat = technique.encoding.steps_per_beat
    lead = -piece.pickup % per_beat
    composition = Composition(
        tracks=(Track(tuple(Note((o - lead) / per_beat, p, d / per_beat) for o, p, d, _ in given.tolist()), "Given"),),
        metres=piece.to_composition().metres,
        pickup=piece.pickup / per_beat,
    )
    session = technique.steps(
        composition, seed=int(random.integers(2**31)), max_notes_to_remove=0, sampling_iterations=500
    )
    session.may_stop = False
    for _ in session:
        if len(session.added) == len(taken):
            break
    offset = lead - session.grid.lead
    back = [(placed.onset + offset, placed.note.pitch) for placed in session.added]
    free = _free_cells(given, source.time.shape[1])
    chance = free[random.permutation(len(free))[: len(taken)]]
    ranked = free[np.lexsort((random.random(len(free)), -frequencies.by_place[free[:, 0] % per_beat, free[:, 1]]))]
    rows = {
        "model": np.array(back).reshape(-1, 2),
        "random": chance,
        "most_likely_pitch": ranked[: len(taken)],
    }
    return Restored({name: _hits(taken, cells) for name, cells in rows.items()})


def _free_cells(notes: Notes, steps: int) -> Notes:
    """Return all (onset, pitch) within the voices' ranges at which no given note starts."""
    grid = np.ones((steps, 128), dtype=bool)
    grid[:, : RANGES[3][0]] = grid[:, RANGES[0][1] + 1 :] = False
    grid[notes[:, 0], notes[:, 1]] = False
    return np.argwhere(grid)


def _hits(taken: Notes, back: Notes) -> tuple[int, int, int, int]:
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


def detection_figure(pieces: Sequence[Scored], row: str) -> float:
    """Average precision of a row over all notes of some pieces."""
    return average_precision(
        np.concatenate([piece.moved for piece in pieces]),
        np.concatenate([piece.scores[row] for piece in pieces]),
    )


def restoration_figure(pieces: Sequence[Restored], row: str, *, pitch_class: bool = False) -> float:
    """F1 of a row over all notes of some pieces: 2 · hits / (taken + put back)."""
    counts = np.array([piece.counts[row] for piece in pieces])
    return float(2 * counts[:, 1 if pitch_class else 0].sum() / (counts[:, 2].sum() + counts[:, 3].sum()))


def interval(pieces: Sequence[T], figure: Callable[[Sequence[T]], float], resamples: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a figure over pieces, drawn with replacement."""
    random = np.random.default_rng(0)
    values = [figure([pieces[i] for i in random.integers(0, len(pieces), len(pieces))]) for _ in range(resamples)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def voices_agreement(pieces: Sequence[Piece]) -> float:
    """Return the share of Bach's notes below the soprano that `assign_voices` gives to their own voice."""
    right = total = 0
    for piece in pieces:
        lower = [track.notes for track in piece.to_composition().tracks[1:]]
        assigned = assign_voices(note for voice in lower for note in voice)
        # A unison of two voices is the same note twice: either way round is right.
        right += sum((Counter(truth) & Counter(found)).total() for truth, found in zip(lower, assigned, strict=True))
        total += sum(map(len, lower))
    return right / total


def musical_figures(technique: ARCNN, pieces: Sequence[Piece]) -> dict[str, dict[str, float]]:
    """Return five metrics of music made from pieces' sopranos at default settings, beside those of the pieces.

    What a model card keeps beside the training's own figures: `model` and `dataset`, each the mean over the pieces.
    """
    rows: dict[str, list[dict[str, float]]] = {"model": [], "dataset": []}
    for index, piece in enumerate(pieces):
        chorale = piece.to_composition()
        composed = technique.compose(chorale.with_tracks(chorale.tracks[:1]), seed=index)
        for row, music in (("model", composed), ("dataset", chorale)):
            tonic, mode = PITCH_NAMES[piece.key[0]], ("major", "minor")[piece.key[1]]
            used = metrics.pitches_used(music)
            rows[row].append(
                {
                    "empty_bar_rate": metrics.empty_bar_rate(music),
                    "active_notes_per_bar": used.active_notes_per_bar,
                    "distinct_pitches_per_bar": used.distinct_pitches_per_bar,
                    "in_scale_ratio": metrics.in_scale_ratio(music, key=tonic, mode=mode),
                    "polyphonic_rate": metrics.polyphonic_rate(music),
                }
            )
    return {
        row: {name: round(float(np.mean([values[name] for values in found])), 4) for name in found[0]}
        for row, found in rows.items()
    }


def speed(technique: ARCNN) -> dict[str, float]:
    """Time composing on one core; the medians of three runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        melody = sample_melody("ode_to_joy")
        first, whole = [], []
        for seed in range(3):
            began = time.perf_counter()
            session = technique.steps(melody, seed=seed, sampling_iterations=150)
            session.may_stop = False
            edits = iter(session)
            next(edits)
            first.append(time.perf_counter() - began)
            done = 1 + sum(1 for _ in edits)
            whole.append((time.perf_counter() - began) * 150 / done)
    finally:
        torch.set_num_threads(threads)
    return {
        "speed.first_edit_s": float(np.median(first)),
        "speed.edits_150_over_8_bars_s": float(np.median(whole)),
        "speed.edits_per_second": 150 / float(np.median(whole)),
        "memory.peak_mb": peak_memory_mb(),
    }


def peak_memory_mb() -> float:
    """Return the most memory this process has held, in MB; where the system does not tell, what it holds now."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if platform.system() == "Darwin" else peak / 1e3


def run(
    *,
    quick: bool = False,
    jsb: Path | None = None,
    report: Report = print,
    model: str = "autoregressive_cnn_bach",
) -> dict[str, float]:
    """Run the benchmark.

    Parameters
    ----------
    quick : bool
        Ten pieces and few resamples: under a minute.
    jsb : Path, optional
        The public Jsb16thSeparated.npz, to score its test pieces instead of the same pieces from the project's dataset.
        It does not tell a held note from a repeated one.
    report : callable (line)
        Where the table goes.

    Returns
    -------
    dict of str to float
        Flat dotted names: `detection.average_precision` is the model on all pieces, `unheard.detection…` on those with
        an unheard melody, `random.detection…` a floor.
    """
    technique = ARCNN(load_model(model))
    dataset = load_dataset("bach_chorales")
    pieces = dataset.pieces("test") if jsb is None else read_jsb(jsb, "test")
    if quick:
        pieces = pieces[:: max(1, len(pieces) // QUICK_PIECES)][:QUICK_PIECES]
    sources = [source_of(piece, technique.encoding) for piece in pieces]
    frequencies = Frequencies.of(
        [source_of(piece, technique.encoding) for piece in dataset.pieces("train")],
        technique.encoding.steps_per_beat,
    )
    unheard = [index for index, piece in enumerate(pieces) if not piece.heard_melody]
    report(
        f"{technique.model.card.stem} on {len(pieces)} test chorales, "
        f"{len(unheard)} of them with a melody that training never heard"
    )
    detected, restored = [], []
    for index, (piece, source) in enumerate(zip(pieces, sources, strict=True)):
        detected.append(detect(technique, source, frequencies, np.random.default_rng([index, 1])))
        restored.append(restore(technique, piece, source, frequencies, np.random.default_rng([index, 2])))
    figures: dict[str, float] = {}
    resamples = 100 if quick else RESAMPLES
    groups = {"": list(range(len(pieces))), "unheard.": unheard}
    for group, members in groups.items():
        if not members:
            continue
        title = f"{'unheard melodies' if group else 'all'} ({len(members)} pieces)"
        report(f"\n{title:30s} average precision       F1 on pitch            F1 on pitch class")
        for row in ("model", "most_likely_pitch", "random"):
            prefix = group + ("" if row == "model" else f"{row}.")
            found, back = [detected[i] for i in members], [restored[i] for i in members]
            by_pitch = partial(restoration_figure, row=row)
            by_class = partial(restoration_figure, row=row, pitch_class=True)
            measures = {
                "detection.average_precision": interval_of(found, partial(detection_figure, row=row), resamples),
                "restoration.f1": interval_of(back, by_pitch, resamples),
                "restoration.f1_pitch_class": interval_of(back, by_class, resamples),
            }
            for name, (value, low, high) in measures.items():
                figures |= {prefix + name: value, f"{prefix}{name}.low": low, f"{prefix}{name}.high": high}
            cells = "   ".join(f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in measures.values())
            report(f"  {row.replace('_', ' '):28s} {cells}")
    figures["voices.agreement"] = voices_agreement(pieces)
    report(
        f"\nvoices: {figures['voices.agreement']:.1%} of Bach's notes below the soprano are given to their own voice"
    )
    figures |= speed(technique)
    figures["weights.bytes"] = float(technique.model.card.weights_bytes)
    report(
        f"\none core: 150 edits over eight bars in {figures['speed.edits_150_over_8_bars_s']:.2f} s "
        f"({figures['speed.edits_per_second']:.0f} a second), first edit after {figures['speed.first_edit_s']:.3f} s; "
        f"peak memory {figures['memory.peak_mb']:.0f} MB; weights {figures['weights.bytes'] / 1e6:.2f} MB"
    )
    return figures


def interval_of(
    pieces: Sequence[T], figure: Callable[[Sequence[T]], float], resamples: int
) -> tuple[float, float, float]:
    """Return a figure with its 95 % interval."""
    return (figure(pieces), *interval(pieces, figure, resamples))
