"""How good TransformerXLClassical is, on pieces that it never saw.

1. *Likelihood*, in bits a note: of the chorales that ship, of the public JSB test pieces, and of the held-out classical
   scores; beside the strongest n-gram over the same tokens, and published marks (transformers_likelihood.py).
2. *Extensions*: a hundred prompts extended by fifteen seconds, beside how the pieces really go on: what they are like,
   what they copy from the training data, how many collapse (extensions.py, copies.py).
3. *Speed*, on one core, beside the original's sampler (transformers_speed.py).

The classical scores do not ship. Where they are not at hand, their figures are printed as they were kept when they were
(records.py), and extensions are of chorales, with copies looked for in the chorales alone. So it is with the JSB file.

Intervals are 95 % bootstrap intervals over pieces (intervals.py).

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks import extensions, transformers_speed, transformers_table
from deepcomposer_lab.benchmarks.ar_cnn import estimated
from deepcomposer_lab.benchmarks.extensions import Prompt, prompts_of
from deepcomposer_lab.benchmarks.intervals import Draws, Weights, bootstrap_weights
from deepcomposer_lab.benchmarks.records import keep_figures, kept_figures
from deepcomposer_lab.benchmarks.running import Progress, cores, counted, shared_out
from deepcomposer_lab.benchmarks.transformers_likelihood import (
    MARKS,
    Lengths,
    NGramRow,
    Pieces,
    chorales,
    jsb_pieces,
)
from deepcomposer_lab.datasets import list_datasets, load_dataset
from deepcomposer_lab.encoding.tokens import TokenEncoding, Tokens
from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.models.likelihood import token_bits
from deepcomposer_lab.models.registry import Model, load_model
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.techniques.transformers import Transformers
from deepcomposer_lab.training.token_streams import Piece, pieces_of

Report = Callable[[str], None]
Job = tuple[str, int]  # (a test set's name or "extension", the index in it)

MODEL = "transformer_xl_classical"
DATA, SHIPPED = "classical", "bach_chorales"
QUICK_PIECES = 6
VALIDATION_PIECES = 24  # on which the n-gram's contexts are chosen
RESAMPLES, QUICK_RESAMPLES = 1000, 200
MOST_WORKERS = 4
# Figures of data that is not everywhere: what a record brings where it is not at hand.
NOT_EVERYWHERE = ("classical.", "jsb.")


# --- The pieces ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class HeldOutSet:
    """Pieces whose likelihood is measured, and what the n-gram counts.

    Parameters
    ----------
    name : str
        What its figures are called after.
    pieces : Pieces
    training, validation : list of Piece
        What the n-gram counts, and what its contexts are chosen on.
    unheard : ndarray, bool, shape (pieces,)
        Whose melody training never heard; all, where melodies were not told apart.
    """

    name: str
    pieces: Pieces
    training: list[Piece] = field(repr=False)
    validation: list[Piece] = field(repr=False)
    unheard: NDArray[np.bool_] = field(repr=False)

    @classmethod
    def of(
        cls,
        name: str,
        encoding: TokenEncoding,
        splits: tuple[list[Piece], list[Piece], list[Piece]],
        *,
        unheard: Sequence[bool] | None = None,
        most: int | None = None,
    ) -> HeldOutSet:
        """Make one of training, validation and test pieces; `most` of the last, spread over all."""
        training, validation, test = splits
        chosen = _spread(len(test), most)
        validation = [validation[index] for index in _spread(len(validation), VALIDATION_PIECES)]
        lengths = Lengths.of([piece.sheet for piece in training])
        pieces = Pieces.of([test[index] for index in chosen], encoding, lengths)
        known = np.ones(len(test), dtype=bool) if unheard is None else np.array(unheard)
        return cls(name, pieces, training, validation, known[chosen])


def _spread(count: int, most: int | None) -> list[int]:
    """Return at most so many of the first `count` numbers, spread over them."""
    every = range(count)
    return list(every if most is None else every[:: max(1, count // most)][:most])


def held_out_sets(encoding: TokenEncoding, *, jsb: Path | None = None, quick: bool = False) -> list[HeldOutSet]:
    """Return the test sets that are at hand: "chorales", "jsb", "classical"."""
    most = QUICK_PIECES if quick else None
    dataset = load_dataset(SHIPPED)
    unheard = [not piece.heard_melody for piece in dataset.pieces("test")]
    splits = (chorales("train"), chorales("validation"), chorales("test"))
    found = [HeldOutSet.of("chorales", encoding, splits, unheard=unheard, most=most)]
    if jsb is not None:
        pieces, heard = jsb_pieces(jsb)
        splits = (chorales("train", join=True), chorales("validation", join=True), pieces)
        found.append(HeldOutSet.of("jsb", encoding, splits, unheard=[not one for one in heard], most=most))
    if DATA in list_datasets():
        training, validation, test = (pieces_of(load_dataset(DATA), split) for split in ("train", "validation", "test"))
        found.append(HeldOutSet.of(DATA, encoding, (training, validation, test), most=most))
    return found


def held_out() -> list[Composition]:
    """Return the pieces that extensions are made of: test scores of the classical data, or of the shipped chorales."""
    if DATA in list_datasets():
        return [score.to_composition() for score in load_dataset(DATA).scores("test")]
    return [piece.to_composition() for piece in load_dataset(SHIPPED).pieces("test")]


# --- Work, shared by processes ---------------------------------------------------------------------------------------

_technique: Transformers | None = None  # a worker's own


def _start_worker(model: Model) -> None:
    global _technique
    torch.set_num_threads(1)
    _technique = Transformers(model)


def _work(task: Tokens | tuple[Prompt, int], technique: Transformers | None = None) -> Any:
    """Return what tokens cost, or the passage that extends a prompt."""
    technique = _technique if technique is None else technique
    assert technique is not None
    with one_thread():
        if isinstance(task, tuple):
            prompt, seed = task
            made = technique.extend(prompt.given, seed=seed, track_extension_duration=extensions.SECONDS)
            return prompt.passage(made)
        return token_bits(technique.network, technique.encoding, task)


def work_all(
    technique: Transformers, tasks: Mapping[Job, Any], *, workers: int, done: Callable[[Job], None]
) -> dict[Job, Any]:
    """Do all tasks, by one process a core; the results are the same however many there are."""
    return shared_out(
        tasks,
        workers=workers,
        alone=lambda task: _work(task, technique),
        start=_start_worker,
        arguments=(technique.model,),
        work=_work,
        done=done,
    )


# --- Figures -----------------------------------------------------------------------------------------------------


def likelihood_figures(
    test: HeldOutSet, bits: Sequence[NDArray[np.float64]], ngram: NGramRow, weights: Weights
) -> dict[str, Draws]:
    """Return bits a note of the model and of the n-grams, over all pieces, by kind, and of unheard melodies."""
    pieces, floor = test.pieces, ngram.bits[ngram.chain]
    own, floor_own = pieces.per_note(bits, weights), pieces.per_note(floor, weights)
    found = {
        "bits_per_note": own,
        "ngram_bits_per_note": floor_own,
        "below_ngram": 1 - own / floor_own,
        **{f"ngram.{chain}.bits_per_note": pieces.per_note(costs, weights) for chain, costs in ngram.bits.items()},
    }
    kinds = pieces.per_note_by_kind(bits, weights)
    if len(kinds) > 1:
        floors = pieces.per_note_by_kind(floor, weights)
        for kind, draws in kinds.items():
            found |= {f"{kind}.bits_per_note": draws, f"{kind}.ngram_bits_per_note": floors[kind]}
    if 0 < test.unheard.sum() < len(test.unheard):
        found["unheard.bits_per_note"] = pieces.per_note(bits, weights * test.unheard)
        found["unheard.ngram_bits_per_note"] = pieces.per_note(floor, weights * test.unheard)
    return {f"{test.name}.{name}": draws for name, draws in found.items()}


def prompt_weights(prompts: Sequence[Prompt], resamples: int) -> Weights:
    """Return how often each prompt is taken, a piece with all of its own."""
    names, piece = np.unique([prompt.name for prompt in prompts], return_inverse=True)
    return bootstrap_weights(len(names), resamples)[:, piece]


# --- Running -----------------------------------------------------------------------------------------------------


def run(
    *,
    quick: bool = False,
    jsb: Path | None = None,
    report: Report = print,
    progress: Progress | None = None,
    model: str = MODEL,
    technique: Transformers | None = None,
    workers: int | None = None,
    kept: bool = False,
) -> dict[str, float]:
    """Run the benchmark.

    Parameters
    ----------
    quick : bool
        Few pieces, prompts, tokens and resamples: about a minute. The n-gram counts as much as otherwise.
    jsb : Path, optional
        The public Jsb16thSeparated.npz.
    report : callable (line)
        Where the table goes.
    progress : callable (done, total, what), optional
        Told after each part.
    model : str
        A trained model's name.
    technique : Transformers, optional
        A loaded one instead.
    workers : int, optional
        How many processes share the pieces; one a core, four at most, by default. The figures do not depend on it.
    kept : bool
        Whether the figures are kept in the package, for those who have not all of the data.

    Returns
    -------
    dict of str to float
        Flat dotted names. `chorales.`, `jsb.` and `classical.` before `bits_per_note`, `ngram_bits_per_note`,
        `below_ngram`; `jsb.original_bits_per_note` and the other marks; `extension.` before what `extensions.figures`
        names; `speed.…`, `memory.peak_mb`, `weights.bytes`. With `.low` and `.high` where there is an interval.

    Raises
    ------
    ValueError
        When there is no such model, it is of another technique, or the JSB file is not the public one; when figures
        shall be kept and some data is not at hand.
    """
    technique = _loaded(model) if technique is None else technique
    card = technique.model.card
    if kept and (jsb is None or DATA not in list_datasets()):
        raise ValueError(
            f"The figures of {card.stem} are kept with all data at hand: the dataset {DATA} and the JSB file (--jsb)."
        )
    tests = held_out_sets(technique.model.encoding, jsb=jsb, quick=quick)
    prompts = prompts_of(held_out(), extensions.QUICK_PROMPTS if quick else extensions.PROMPTS)
    tasks: dict[Job, Any] = {(test.name, index): one for test in tests for index, one in enumerate(test.pieces.tokens)}
    tasks |= {("extension", index): (prompt, index) for index, prompt in enumerate(prompts)}
    tell = counted(progress, len(tasks) + 3 + len(tests) + 1)
    # First, while nothing else runs and nothing else has filled the memory.
    figures = transformers_speed.measure(technique, quick=quick, tick=lambda: tell("speed"))
    figures["weights.bytes"] = float(card.weights_bytes)
    workers = min(cores(), MOST_WORKERS) if workers is None else workers
    done = work_all(technique, tasks, workers=workers, done=lambda job: tell(job[0]))
    resamples = QUICK_RESAMPLES if quick else RESAMPLES
    for test in tests:
        bits = [done[test.name, index] for index in range(len(test.pieces.tokens))]
        ngram = NGramRow.of(technique.model.encoding, test.training, test.validation, test.pieces)
        weights = bootstrap_weights(len(bits), resamples)
        figures |= estimated("", likelihood_figures(test, bits, ngram, weights))
        figures[f"{test.name}.pieces"] = float(len(bits))
        figures[f"{test.name}.notes"] = float(test.pieces.notes.sum())
        tell("n-gram")
    figures |= {f"jsb.{mark.key}_bits_per_note": mark.bits_per_note for mark in MARKS}
    made = [done["extension", index] for index in range(len(prompts))]
    real, weights = [prompt.real for prompt in prompts], prompt_weights(prompts, resamples)
    found = extensions.figures(made, real, _training_notes(tests), weights)
    figures |= estimated("extension.", found)
    figures["extension.prompts"] = float(len(prompts))
    figures["extension.classical"] = float(DATA in list_datasets())
    tell("copies")
    record = kept_figures(card)
    if kept:
        report(f"Figures kept in {keep_figures(card, figures).name}")
    elif record is not None:
        figures = {**_missing(record["figures"], figures), **figures}
    for line in transformers_table.lines(figures, card.stem, [test.name for test in tests], record):
        report(line)
    return figures


def _loaded(name: str) -> Transformers:
    model = load_model(name)
    if model.card.technique != Transformers.name:
        raise ValueError(f"{name} is a model of {model.card.technique}, not of {Transformers.name}.")
    return Transformers(model)


def _training_notes(tests: Iterable[HeldOutSet]) -> list[NDArray[np.int64]]:
    """Return the notes of all training pieces at hand."""
    by_name = {test.name: test for test in tests}
    return [piece.sheet.notes for piece in by_name.get(DATA, by_name["chorales"]).training]


def _missing(recorded: Mapping[str, float], figures: Mapping[str, float]) -> dict[str, float]:
    """Return the recorded figures of data that is not at hand."""
    absent = [prefix for prefix in NOT_EVERYWHERE if f"{prefix}bits_per_note" not in figures]
    return {name: value for name, value in recorded.items() if name.startswith(tuple(absent))} if absent else {}
