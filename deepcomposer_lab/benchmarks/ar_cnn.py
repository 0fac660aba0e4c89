"""How good AutoregressiveCNN Bach is, on chorales that it never saw.

1. *Detection*: moved notes that the removal scores shall name (detection.py).
2. *Restoration*: notes taken away that shall come back (restoration.py).
3. *Harmonisation*: a soprano that shall be set, nine measures beside Bach's (harmonisation.py, harmony.py).
4. *Likelihood*: nats an edit, and a hidden note (likelihood.py).
5. *Speed and size*, on one core (speed.py).

Every figure stands twice: for all test pieces, and for those whose melody training never heard (half the test melodies
of this split also occur in training, in other harmonisations). Intervals are 95 % bootstrap intervals over pieces
(intervals.py). Beside the model stand chance, the commonest pitch, an n-gram that is told the voices (ngram.py), and
the original's architecture, trained and scored once on a dozen of the pieces (original_ar_cnn.py).

Each piece has its own random numbers, so its figures do not depend on which other pieces are measured, in which order,
or by how many processes.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from deepcomposer_lab.benchmarks import (
    detection,
    harmonisation,
    likelihood,
    original_ar_cnn,
    restoration,
    speed,
    table,
)
from deepcomposer_lab.benchmarks.corpus import Frequencies, chorales, move_notes, windows
from deepcomposer_lab.benchmarks.harmonisation import musical_figures
from deepcomposer_lab.benchmarks.harmony import MEASURES
from deepcomposer_lab.benchmarks.intervals import Draws, Estimate, Weights, bootstrap_weights
from deepcomposer_lab.benchmarks.ngram import NeighbourNGram
from deepcomposer_lab.benchmarks.records import read_record
from deepcomposer_lab.benchmarks.running import Progress, cores, counted, shared_out
from deepcomposer_lab.datasets import Piece, load_dataset
from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.models.registry import load_model
from deepcomposer_lab.music.voices import assign_voices
from deepcomposer_lab.techniques.ar_cnn import ARCNN
from deepcomposer_lab.training.ar_cnn import source_of

__all__ = ["Bench", "Measured", "move_notes", "musical_figures", "run", "windows"]

Report = Callable[[str], None]
Job = tuple[str, int]  # "piece" or "excerpt", and the index among the test pieces

MODEL = "autoregressive_cnn_bach"
QUICK_PIECES = 6
RESAMPLES, QUICK_RESAMPLES = 1000, 200
MOST_WORKERS = 4  # each holds a network of its own, about 400 MB


@dataclass(frozen=True)
class Measured:
    """All that is measured of one piece; of an excerpt, only what the original is compared on."""

    restored: restoration.Restored
    harmonised: harmonisation.Harmonised
    detected: detection.Detected | None = None
    likelihoods: likelihood.Likelihoods | None = None


class Bench:
    """The model, the test pieces and what the floors know: all that is needed to measure a piece.

    Parameters
    ----------
    model : str
        A trained model's name.
    jsb : Path, optional
        The public Jsb16thSeparated.npz.
    without_rule : bool
        Whether pieces are also harmonised without the rule against parallels.
    """

    def __init__(self, model: str = MODEL, jsb: Path | None = None, *, without_rule: bool = True) -> None:
        self.without_rule = without_rule
        self.technique = ARCNN(load_model(model))
        encoding = self.technique.encoding
        self.chorales = chorales(encoding, jsb=jsb)
        self.partners = harmonisation.partners([chorale.piece for chorale in self.chorales])
        training = load_dataset("bach_chorales").pieces("train")
        sources = [source_of(piece, encoding) for piece in training]
        self.frequencies = Frequencies.of(sources, encoding.steps_per_beat)
        self.ngram = NeighbourNGram.of([piece.notes for piece in training])

    def measure(self, job: Job) -> Measured:
        """Measure a piece, or the excerpt of it that the original was scored on."""
        kind, index = job
        chorale, other = self.chorales[index], self.chorales[self.partners[index]]
        floors = self.frequencies, self.ngram
        with one_thread():
            if kind == "excerpt":
                chorale = original_ar_cnn.excerpt(chorale)
            restored = restoration.restore(self.technique, chorale, *floors)
            harmonised = harmonisation.harmonise(
                self.technique, chorale, other, *floors, without_rule=kind == "piece" and self.without_rule
            )
            if kind == "excerpt":
                return Measured(restored, harmonised)
            detected = detection.detect(self.technique, chorale, *floors)
            return Measured(restored, harmonised, detected, likelihood.measure(self.technique, chorale, *floors))


_bench: Bench | None = None  # a worker's own


def _start_worker(model: str, jsb: Path | None, without_rule: bool) -> None:
    global _bench
    torch.set_num_threads(1)
    _bench = Bench(model, jsb, without_rule=without_rule)


def _measure_in_worker(job: Job) -> Measured:
    assert _bench is not None
    return _bench.measure(job)


def measure_all(
    bench: Bench, jobs: Sequence[Job], *, model: str, jsb: Path | None, workers: int, done: Callable[[], None]
) -> dict[Job, Measured]:
    """Measure pieces by one process a core; the results are the same however many there are."""
    return shared_out(
        {job: job for job in jobs},
        workers=workers,
        alone=bench.measure,
        start=_start_worker,
        arguments=(model, jsb, bench.without_rule),
        work=_measure_in_worker,
        done=lambda job: done(),
    )


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


def run(
    *,
    quick: bool = False,
    jsb: Path | None = None,
    report: Report = print,
    progress: Progress | None = None,
    model: str = MODEL,
    workers: int | None = None,
) -> dict[str, float]:
    """Run the benchmark.

    Parameters
    ----------
    quick : bool
        Few pieces and few resamples: under a minute. The model is not set beside the original's architecture then, nor
        heard without its rule against parallels.
    jsb : Path, optional
        The public Jsb16thSeparated.npz, to score its test pieces instead of the same pieces from the project's dataset.
        It does not tell a held note from a repeated one.
    report : callable (line)
        Where the table goes.
    progress : callable (done, total, what), optional
        Told after each piece.
    model : str
        A trained model's name; the newest AutoregressiveCNN Bach by default.
    workers : int, optional
        How many processes share the pieces; one a core, four at most, by default. The figures do not depend on it.

    Returns
    -------
    dict of str to float
        Flat dotted names: `detection.average_precision` is the model on all pieces, with `.low` and `.high` of its
        interval; `unheard.…` the same on the pieces with an unheard melody, `random.…`, `most_likely_pitch.…`,
        `ngram.…` the floors, `original.…` the original's architecture and `dozen.…` the model on the same pieces.

    Raises
    ------
    ValueError
        When there is no such model, or the file is not the public one.
    """
    bench = Bench(model, jsb, without_rule=not quick)
    every = range(len(bench.chorales))
    chosen = list(every[:: max(1, len(every) // QUICK_PIECES)][:QUICK_PIECES] if quick else every)
    original = read_record(original_ar_cnn.FIGURES)
    dozen = [] if quick or jsb is not None or original is None else [i for i in original_ar_cnn.DOZEN if i in every]
    jobs: list[Job] = [*(("piece", index) for index in chosen), *(("excerpt", index) for index in dozen)]
    workers = min(cores(), MOST_WORKERS, len(jobs)) if workers is None else workers
    tell = counted(progress, len(jobs) + 1 + len(speed.LENGTHS))
    # First, while nothing else runs and nothing else has filled the memory.
    figures = speed.measure(bench.technique, runs=1 if quick else speed.RUNS, tick=lambda: tell("speed"))
    found = measure_all(bench, jobs, model=model, jsb=jsb, workers=workers, done=lambda: tell("pieces"))
    figures["weights.bytes"] = float(bench.technique.model.card.weights_bytes)
    figures["voices.agreement"] = voices_agreement([bench.chorales[index].piece for index in chosen])
    resamples = QUICK_RESAMPLES if quick else RESAMPLES
    unheard = [index for index in chosen if not bench.chorales[index].piece.heard_melody]
    for group, members in (("", chosen), (table.UNHEARD, unheard)):
        if members:
            figures[f"{group}pieces"] = float(len(members))
            figures |= estimated(group, figures_of([found["piece", index] for index in members], resamples))
    if original is not None:
        figures |= {name: float(value) for name, value in original["figures"].items()}
    if dozen:
        excerpts = [found["excerpt", index] for index in dozen]
        whole = [found["piece", index].detected for index in dozen]
        figures |= beside_the_original(excerpts, [one for one in whole if one is not None], figures, resamples)
    for line in lines(figures, bench.technique.model.card.stem, original):
        report(line)
    return figures


def figures_of(measured: Sequence[Measured], resamples: int) -> dict[str, Draws]:
    """Return every figure of some whole pieces, each with its resamples."""
    weights = bootstrap_weights(len(measured), resamples)
    detected = [piece.detected for piece in measured if piece.detected is not None]
    likelihoods = [piece.likelihoods for piece in measured if piece.likelihoods is not None]
    return {
        **detection.figures(detected, weights),
        **_composed(measured, weights),
        **likelihood.figures(likelihoods, weights),
    }


def _composed(measured: Sequence[Measured], weights: Weights) -> dict[str, Draws]:
    return {
        **restoration.figures([piece.restored for piece in measured], weights),
        **harmonisation.figures([piece.harmonised for piece in measured], weights),
    }


def estimated(prefix: str, draws: Mapping[str, Draws]) -> dict[str, float]:
    """Return figures with their intervals as flat numbers: `name`, `name.low`, `name.high`.

    What has no value, such as the precision of naming moves that did not occur in the few pieces of a quick run, is
    left out: JSON knows no NaN.
    """
    figures: dict[str, float] = {}
    for name, values in draws.items():
        estimate = Estimate.of(values)
        parts = {"": estimate.value, ".low": estimate.low, ".high": estimate.high}
        figures |= {f"{prefix}{name}{part}": value for part, value in parts.items() if not math.isnan(value)}
    return figures


def beside_the_original(
    excerpts: Sequence[Measured],
    detected: Sequence[detection.Detected],
    original: Mapping[str, float],
    resamples: int,
) -> dict[str, float]:
    """Return the model's figures on the original's dozen, `dozen.…`, and what is told of the original by them.

    On how many measures the original is nearer to Bach than the shuffled row is counted here, where that row is; of its
    ways to stop, the one that brings it nearer in more.
    """
    weights = bootstrap_weights(len(excerpts), resamples)
    own = detection.figures(detected, weights) | _composed(excerpts, weights)
    figures = estimated("dozen.", own)
    best = 0.0
    for way in ("", *(f"{way}." for way in original_ar_cnn.WAYS_TO_STOP)):
        if f"original.harmonisation.{way}{MEASURES[0]}.difference" not in original:
            continue
        nearer = [
            original[f"original.harmonisation.{way}{name}.difference"]
            < figures[f"dozen.harmonisation.{name}.shuffled_difference"]
            for name in MEASURES
        ]
        best = max(best, float(sum(nearer)))
    figures["original.harmonisation.measures_nearer_than_shuffled"] = best
    return figures


def lines(figures: Mapping[str, float], model: str, original: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the printed table."""
    yield from table.header(figures, model)
    for section in (table.detection, table.restoration, table.harmonisation, table.likelihood, table.speed):
        yield from section(figures)
    yield from table.original(figures, original)
