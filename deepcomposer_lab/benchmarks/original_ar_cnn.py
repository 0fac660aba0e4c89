"""The original AR-CNN as a row of the benchmark: trained on the same chorales for a stated time, and scored on a dozen.

    deepcomposer-lab benchmark ar-cnn --train-original

Its network (`networks/original_ar_cnn.py`) is too large to ship and too slow to score each time: what is kept is a file
of figures, with the recipe, the time spent and the sha256 of the weights, and every run of the benchmark prints it.

What the file tells is what this architecture learns in the time that ours was given, on one core: some
thousand updates. Its own notebook trains for 500 epochs, and what it reaches then is not measured here.

*Data.* The same training pieces, transposed as for our own model. Windows of 128 steps begin where the benchmark's
eight-bar windows do; what a short one lacks is silence. A window is spoilt as in the original's notebook: 0 to 100 % of
its sounding cells silenced, 1 to 1.5 % of its silent cells sounding, anywhere among 128 pitches.

*The dozen.* Every sixth test piece from the first, twelve in all; both metres are among them. Detection hears them
whole, with the same moved notes as our own model. Restoration and harmonisation take the first 32 beats, as much as its
input holds (`excerpt`): the next bars would be a second, separate roll, and twice the time.

*Detection.* The original doubts cells, not notes. A note's score is made from its cells; of six ways to do so the one
that names moved notes best in a dozen validation pieces is used, and stands in the file.

*Composing.* One cell is drawn from the softmax at temperature 1 and flipped, and so on; cells that were given stay, and
nothing is added after the end. Notes are read as runs of added cells, pitch by pitch. When it should stop can be read
in two ways, and both are scored on the same run. *Notes*: as soon as there are as many runs as Bach's own has notes;
then most of them are a single sixteenth long. *Cells*: when as many cells stand too, or after half as many edits again
as cells were missing. The figure of each comparison is the way that serves the original better; the file holds both.
For restoration the temperature that finds more on validation excerpts is used, as it is for our own model; the figure
at temperature 1 stands beside it.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from deepcomposer_lab.benchmarks.corpus import Chorale, chorales, cut, move_notes, windows
from deepcomposer_lab.benchmarks.detection import Detected, leaves_chord
from deepcomposer_lab.benchmarks.harmony import MEASURES, Texture, measure
from deepcomposer_lab.benchmarks.records import FOLDER, write_record
from deepcomposer_lab.benchmarks.restoration import Counts, hits, thin
from deepcomposer_lab.datasets import Piece, load_dataset
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.models.inference import channels_last, one_thread
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.voices import assign_voices
from deepcomposer_lab.networks.original_ar_cnn import OriginalARCNN, OriginalARCNNConfig, edit_loss
from deepcomposer_lab.training.ar_cnn import Source, crop, source_of
from deepcomposer_lab.training.checkpoints import follow, read_checkpoint, write_checkpoint
from deepcomposer_lab.training.ranking import average_precision
from deepcomposer_lab.training.surroundings import surroundings

Report = Callable[[str], None]
Roll = NDArray[np.float32]  # (pitches, steps), 1 where a pitch sounds
Notes = NDArray[np.int64]  # (N, 3 or 4): onset, pitch, duration, voice

SECONDS = 4601.0  # as many as the model that ships took, by the clock on one core, its validation included
DOZEN = tuple(range(0, 72, 6))  # indices among the test pieces
EDITS_A_CELL = 1.5  # the most edits, for each cell that is missing
DEFAULT_TEMPERATURE = 1.0
TEMPERATURES = (0.5, DEFAULT_TEMPERATURE)  # tried on validation, as for our own model, for restoration
VALIDATION_EXCERPTS = 2
FIGURES = FOLDER / "original_ar_cnn.json"


@dataclass(frozen=True)
class OriginalRecipe:
    """How the original is trained. What differs from its notebook is said beside it."""

    config: OriginalARCNNConfig = field(default_factory=OriginalARCNNConfig)
    # The notebook's batch of 32 holds four pieces, each spoilt eight times. Four pieces spoilt once each cost an eighth
    # and tell nearly as much: in a given time that makes eight times as many updates.
    batch_size: int = 4
    learning_rate: float = 1e-3  # Adam, as in the notebook
    decay_share: float = 1 / 3  # the last third of the time falls linearly to 0; the notebook keeps it constant
    average_decay: float = 0.995  # the averaged weights are scored; the notebook scores the best single state
    remove_percent: tuple[int, int] = (0, 100)  # of the sounding cells, whole percents
    add_percent: tuple[float, float] = (1.0, 1.5)  # of the silent cells, over all 128 pitches
    transpose: bool = True  # within the voices' ranges, as our own training does; the notebook does not
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the plain values that stand in the figures file."""
        return json.loads(json.dumps(asdict(self)))


def draw(notes: Notes, pitches: int, steps: int) -> Roll:
    """Draw notes (columns onset, pitch, duration …) as the original sees them: sound alone, voices merged."""
    roll = np.zeros((pitches, steps), dtype=np.float32)
    for onset, pitch, duration in notes[:, :3].tolist():
        if 0 <= pitch < pitches:
            roll[pitch, max(0, onset) : max(0, onset + duration)] = 1
    return roll


def corrupt_cells(roll: Roll, recipe: OriginalRecipe, random: Generator) -> Roll:
    """Return a roll with a share of its sounding cells silenced and a share of its silent cells sounding."""
    spoilt = roll.copy().reshape(-1)
    sounding, silent = np.flatnonzero(spoilt), np.flatnonzero(spoilt == 0)
    low, high = recipe.remove_percent
    removed = int(len(sounding) * random.integers(low, high + 1) / 100)
    added = int(len(silent) * random.uniform(*recipe.add_percent) / 100)
    spoilt[random.choice(sounding, removed, replace=False)] = 0
    spoilt[random.choice(silent, added, replace=False)] = 1
    return spoilt.reshape(roll.shape)


class OriginalTrainer:
    """Trains the original for a number of CPU seconds of this process.

    Parameters
    ----------
    recipe : OriginalRecipe
    seconds : float
        CPU seconds spent on updates: drawing batches and following gradients. Validation and keeping are not counted.
    checkpoint : Path, optional
        Where the state is kept at each validation; a training that finds it goes on from there.
    pieces, validation_pieces : sequence of Piece, optional
        The project's chorales by default.
    """

    VALIDATION_WINDOWS = 24

    def __init__(
        self,
        recipe: OriginalRecipe,
        *,
        seconds: float,
        checkpoint: Path | None = None,
        pieces: Sequence[Piece] | None = None,
        validation_pieces: Sequence[Piece] | None = None,
    ) -> None:
        self.recipe, self.seconds, self.checkpoint = recipe, seconds, checkpoint
        dataset = load_dataset("bach_chorales")
        pieces = dataset.pieces("train") if pieces is None else pieces
        validation_pieces = dataset.pieces("validation") if validation_pieces is None else validation_pieces
        self.examples = _starts(pieces)
        self.random = np.random.default_rng(recipe.seed)
        torch.manual_seed(recipe.seed)
        self.network = channels_last(OriginalARCNN(recipe.config))
        self.average = copy.deepcopy(self.network).eval()
        self.best = copy.deepcopy(self.network.state_dict())
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)
        self.validation = self._validation(_starts(validation_pieces))
        self.updates, self.spent, self.best_loss = 0, 0.0, float("inf")
        if checkpoint is not None and checkpoint.exists():
            self._restore(checkpoint)

    def _validation(self, examples: list[tuple[Source, int]]) -> list[tuple[Tensor, Tensor]]:
        """Return windows spread evenly over the validation pieces, at their own pitch, spoilt the same every time."""
        random = np.random.default_rng(1)
        chosen = examples[:: max(1, len(examples) // self.VALIDATION_WINDOWS)][: self.VALIDATION_WINDOWS]
        pairs = [self.example(source, start, 0, random) for source, start in chosen]
        return [_tensors(pairs[index : index + 4]) for index in range(0, len(pairs), 4)]

    def example(self, source: Source, start: int, semitones: int, random: Generator) -> tuple[Roll, Roll]:
        """Return a spoilt window and its right edits."""
        pitches, steps = self.recipe.config.pitches, self.recipe.config.steps
        notes, _ = crop(source, start, steps, semitones)
        true = draw(notes, pitches, steps)
        spoilt = corrupt_cells(true, self.recipe, random)
        return spoilt, np.abs(spoilt - true)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Draw spoilt windows and their right edits, each (B, pitches, steps)."""
        pairs = []
        for index in self.random.integers(len(self.examples), size=self.recipe.batch_size):
            source, start = self.examples[index]
            semitones = int(self.random.choice(np.array(source.transpositions))) if self.recipe.transpose else 0
            pairs.append(self.example(source, start, semitones, self.random))
        return _tensors(pairs)

    def learning_rate(self) -> float:
        """Return the learning rate after `spent` of the seconds: constant, then a straight line down to 0."""
        left = max(0.0, 1 - self.spent / self.seconds)
        return self.recipe.learning_rate * min(1.0, left / self.recipe.decay_share)

    def update(self) -> float:
        """Take one step and count what it cost; return the loss."""
        began = time.process_time()
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        rolls, edits = self.batch()
        loss = edit_loss(self.network(rolls), edits)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.updates += 1
        follow(self.average, self.network, self.updates, self.recipe.average_decay)
        self.spent += time.process_time() - began
        return float(loss.detach())

    @torch.inference_mode()
    def validate(self) -> float:
        """Return the averaged weights' loss on the validation windows, and remember them when they are the best."""
        self.average.eval()
        loss = float(np.mean([float(edit_loss(self.average(rolls), edits)) for rolls, edits in self.validation]))
        if loss < self.best_loss:
            self.best_loss, self.best = loss, copy.deepcopy(self.average.state_dict())
        return loss

    def trained(self) -> OriginalARCNN:
        """Return the network with the best averaged weights, in evaluation mode."""
        network = OriginalARCNN(self.recipe.config)
        network.load_state_dict(self.best)
        return channels_last(network).eval()

    def keep(self) -> None:
        """Write the state to the checkpoint."""
        if self.checkpoint is None:
            return
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best,
            "best_loss": self.best_loss,
            "optimizer": self.optimizer.state_dict(),
            "updates": self.updates,
            "spent": self.spent,
            "torch_random": torch.get_rng_state(),
            "random": self.random.bit_generator.state,
        }
        write_checkpoint(self.checkpoint, self.recipe.as_dict(), state)

    def _restore(self, path: Path) -> None:
        state = read_checkpoint(path, self.recipe.as_dict())
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best, self.best_loss = state["best"], state["best_loss"]
        self.updates, self.spent = state["updates"], state["spent"]
        torch.set_rng_state(state["torch_random"])
        self.random.bit_generator.state = state["random"]


def _starts(pieces: Sequence[Piece]) -> list[tuple[Source, int]]:
    """Return the eight-bar windows of pieces, hop four bars; what a short last one lacks is silence."""
    sources = [source_of(piece, ImageEncoding()) for piece in pieces]
    return [(source, start) for source in sources for start, _ in windows(source)]


def _tensors(pairs: Sequence[tuple[Roll, Roll]]) -> tuple[Tensor, Tensor]:
    rolls, edits = zip(*pairs, strict=True)
    return torch.from_numpy(np.stack(rolls)), torch.from_numpy(np.stack(edits))


def train_original(
    seconds: float = SECONDS,
    checkpoint: Path | None = None,
    report: Report = print,
    *,
    recipe: OriginalRecipe | None = None,
    validation_interval: float = 120.0,
    pieces: Sequence[Piece] | None = None,
    validation_pieces: Sequence[Piece] | None = None,
) -> OriginalTrainer:
    """Train the original for `seconds` CPU seconds, in one thread; return the trainer, whose `trained()` is scored.

    It is validated, kept and reported every `validation_interval` CPU seconds. The same seed draws the same batches,
    but how many fit into the time is the machine's: figures repeat closely, not to the last digit.
    """
    with one_thread():
        trainer = OriginalTrainer(
            recipe or OriginalRecipe(),
            seconds=seconds,
            checkpoint=checkpoint,
            pieces=pieces,
            validation_pieces=validation_pieces,
        )
        due = trainer.spent + validation_interval
        recent: list[float] = []
        while trainer.spent < seconds:
            recent.append(trainer.update())
            if trainer.spent < due and trainer.spent < seconds:
                continue
            loss = trainer.validate()
            trainer.keep()
            report(
                f"original: {trainer.spent:5.0f} of {seconds:.0f} CPU seconds, {trainer.updates} updates, "
                f"loss {np.mean(recent):.3f}, validation {loss:.3f} (best {trainer.best_loss:.3f}), "
                f"about {max(0.0, seconds - trainer.spent) / 60:.0f} min left"
            )
            recent, due = [], trainer.spent + validation_interval
    return trainer


def dozen(pieces: Sequence[Chorale]) -> list[Chorale]:
    """Return the twelve of all test pieces that the original is scored on."""
    return [pieces[index] for index in DOZEN if index < len(pieces)]


def excerpt(chorale: Chorale, steps: int = 128) -> Chorale:
    """Return a piece's first `steps` steps on the composing grid, which starts on a whole beat before a pickup."""
    piece = chorale.piece
    end = min(piece.steps, steps - _lead(piece))
    notes = piece.notes[piece.notes[:, 0] < end].copy()
    notes[:, 2] = np.minimum(notes[:, 2], end - notes[:, 0])
    changes = tuple(change for change in piece.metre_changes if change[0] < end)
    piece = replace(piece, notes=notes, steps=end, metre_changes=changes)
    return Chorale(chorale.index, piece, source_of(piece, ImageEncoding()))


def _lead(piece: Piece) -> int:
    """Return how many steps the composing grid starts before the piece."""
    return -piece.pickup % piece.steps_per_beat


def runs(roll: Roll) -> Notes:
    """Return the runs of sounding cells, pitch by pitch, as notes: columns onset, pitch, duration; by onset."""
    edges = np.diff(roll > 0, axis=1, prepend=False, append=False)
    pitch, edge = np.nonzero(edges)  # begin and end alternate in each row
    notes = np.stack([edge[::2], pitch[::2], edge[1::2] - edge[::2]], axis=1).astype(np.int64)
    return notes[np.lexsort((notes[:, 1], notes[:, 0]))]


@torch.inference_mode()
def cell_logits(network: OriginalARCNN, roll: Roll) -> Roll:
    """Return the logit of each cell of a roll that may be narrower or wider than the network's.

    A narrower one is filled up with silence. A wider one is looked at in windows that overlap by half or more, and each
    cell is read where it lies farthest from a border.
    """
    width, steps = network.config.steps, roll.shape[1]
    starts = [*range(0, steps - width, width // 2), max(0, -(-(steps - width) // 4) * 4)]
    padded = np.zeros((roll.shape[0], starts[-1] + width), dtype=np.float32)
    padded[:, :steps] = roll
    found = [network(torch.from_numpy(padded[None, :, start : start + width]))[0].numpy() for start in starts]
    middles = np.array(starts) + (width - 1) / 2
    logits = np.empty(roll.shape, dtype=np.float32)
    for step in range(steps):
        nearest = int(np.argmin(abs(middles - step)))
        logits[:, step] = found[nearest][:, step - starts[nearest]]
    return logits


def note_scores(logits: Roll, roll: Roll, notes: Notes) -> dict[str, NDArray[np.float64]]:
    """Score notes by their cells: mean or maximum of the logits as they are, or relative to other cells'.

    "among all" takes the logarithm of the softmax over all cells, "among sounding" over the sounding ones.
    """
    values = {
        "logit": logits,
        "logit among all": logits - np.logaddexp.reduce(logits, axis=None),
        "logit among sounding": logits - np.logaddexp.reduce(logits[roll > 0]),
    }
    spans = [(pitch, onset, min(onset + duration, roll.shape[1])) for onset, pitch, duration in notes[:, :3].tolist()]
    return {
        f"{name} {value}": np.array([gather(cells[pitch, start:end]) for pitch, start, end in spans], dtype=float)
        for value, cells in values.items()
        for name, gather in (("mean", np.mean), ("maximum", np.max))
    }


def detect_cells(network: OriginalARCNN, chorale: Chorale, purpose: int = 1) -> Detected:
    """Score every note of every window of a piece, a tenth of them moved: the moves that our own model is shown."""
    random = chorale.random(purpose)
    found = []
    for window in cut(chorale.source, chorale.piece.steps_per_beat):
        spoilt, moved = move_notes(window.notes, random)
        roll = draw(np.concatenate([window.context, spoilt]), network.config.pitches, window.steps)
        leaves = np.zeros(len(spoilt), dtype=bool)
        for index in np.flatnonzero(moved).tolist():
            leaves[index] = leaves_chord(window, index, int(spoilt[index, 1]))
        scores = note_scores(cell_logits(network, roll), roll, spoilt)
        found.append(Detected(moved, leaves, spoilt[:, 1] - window.notes[:, 1], spoilt[:, 3], scores))
    return _joined(found)


def _joined(parts: Sequence[Detected]) -> Detected:
    """Return the notes of several windows or pieces as one."""
    return Detected(
        np.concatenate([part.moved for part in parts]),
        np.concatenate([part.leaves_chord for part in parts]),
        np.concatenate([part.semitones for part in parts]),
        np.concatenate([part.voice for part in parts]),
        {name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores},
    )


def choose_score(network: OriginalARCNN, pieces: Sequence[Chorale]) -> dict[str, float]:
    """Return how well each kind of score names moved notes in some validation pieces, the best first."""
    found = _joined([detect_cells(network, chorale, purpose=4) for chorale in pieces])
    figures = {name: average_precision(found.moved, scores) for name, scores in found.scores.items()}
    return dict(sorted(figures.items(), key=lambda item: -item[1]))


@dataclass(frozen=True)
class Filled:
    """What the original added to a roll, notes read as runs (columns onset, pitch, duration).

    Parameters
    ----------
    notes : ndarray of int64, shape (N, 3)
        When it was stopped by cells and notes, or by the most edits.
    edits : int
        How many it had made by then.
    matched : bool
        Whether cells and notes were there, rather than the most edits.
    first : ndarray of int64, shape (M, 3)
        When there were as many notes as wanted for the first time; if there never were, at the end.
    """

    notes: Notes
    edits: int
    matched: bool
    first: Notes

    def by(self, way: str) -> Notes:
        """Return the notes when it was stopped by "notes" or by "cells"."""
        return self.first if way == "notes" else self.notes


WAYS_TO_STOP = ("notes", "cells")


@torch.inference_mode()
def fill(
    network: OriginalARCNN,
    given: Roll,
    *,
    steps: int,
    cells: int,
    notes: int,
    random: Generator,
    most_edits: int,
    temperature: float = 1.0,
) -> Filled:
    """Let the original edit cells until `cells` cells and `notes` runs stand beside the given ones, or `most_edits`.

    Parameters
    ----------
    given : Roll
        As wide as the network's input; its cells stay.
    steps : int
        Where the piece ends; nothing is added after it.
    """
    roll = torch.from_numpy(given.copy())
    closed = roll > 0
    closed[:, steps:] = True
    start = given > 0
    edits = 0
    first: Notes | None = None
    while True:
        added = np.where(start, 0, roll.numpy()).astype(np.float32)
        found = runs(added)
        if first is None and len(found) == notes:
            first = found
        matched = bool(added.sum() >= cells and len(found) == notes)
        if matched or edits >= most_edits:
            return Filled(found, edits, matched, found if first is None else first)
        logits = network(roll[None])[0].masked_fill(closed, -torch.inf)
        chances = np.cumsum((logits.flatten() / temperature).softmax(dim=0).numpy(), dtype=np.float64)
        cell = int(np.searchsorted(chances, random.random() * chances[-1], side="right"))
        pitch, step = divmod(min(cell, closed.numel() - 1), closed.shape[1])
        roll[pitch, step] = 1 - roll[pitch, step]
        edits += 1


def restore_cells(network: OriginalARCNN, chorale: Chorale, temperature: float) -> Filled:
    """Take three in ten notes of an excerpt away, the same as from our own model, and fill it up."""
    random = chorale.random(2)
    return _fill_as_bach(network, chorale, thin(chorale, random).given, random, temperature)


def harmonise_cells(network: OriginalARCNN, chorale: Chorale) -> Filled:
    """Give the soprano of an excerpt, and let the original add the rest."""
    notes = chorale.source.notes
    return _fill_as_bach(network, chorale, notes[notes[:, 3] == 0], chorale.random(3), DEFAULT_TEMPERATURE)


def _fill_as_bach(
    network: OriginalARCNN, chorale: Chorale, given: Notes, random: Generator, temperature: float
) -> Filled:
    """Fill an excerpt up to as many cells and runs as it has without the given notes."""
    config = network.config
    seen = draw(given, config.pitches, config.steps)
    missing = np.where(seen > 0, 0, draw(chorale.source.notes, config.pitches, config.steps)).astype(np.float32)
    cells = int(missing.sum())
    return fill(
        network,
        seen,
        steps=chorale.source.time.shape[1],
        cells=cells,
        notes=len(runs(missing)),
        random=random,
        most_edits=round(EDITS_A_CELL * cells),
        temperature=temperature,
    )


def composition_of(chorale: Chorale, added: Notes) -> Composition:
    """Return an excerpt's soprano with added notes (on the composing grid) below it, given to Alto, Tenor and Bass."""
    piece = chorale.piece
    bach = piece.to_composition()
    notes = [
        Note((onset - _lead(piece)) / piece.steps_per_beat, pitch, duration / piece.steps_per_beat)
        for onset, pitch, duration in added.tolist()
    ]
    lower = zip(bach.tracks[1:], assign_voices(notes), strict=True)
    return bach.with_tracks([bach.tracks[0], *(track.with_notes(sung) for track, sung in lower)])


def measured(chorale: Chorale, composition: Composition) -> tuple[dict[str, float], dict[str, float]]:
    """Return the nine measures of a composition, and of the excerpt whose soprano it was made from."""
    piece = chorale.piece
    bach = Texture.of(piece.to_composition(), piece.steps)
    own = Texture.of(composition, piece.steps)
    return measure(own, bach, piece.key), measure(bach, bach, piece.key)


def speed(network: OriginalARCNN, chorale: Chorale, edits: int = 150) -> dict[str, float]:
    """Time cell edits over an excerpt's soprano, in CPU seconds of one core."""
    config = network.config
    soprano = chorale.source.notes[chorale.source.notes[:, 3] == 0]
    began = time.process_time()
    with one_thread():
        fill(
            network,
            draw(soprano, config.pitches, config.steps),
            steps=chorale.source.time.shape[1],
            cells=config.pitches * config.steps,  # more than can be reached: it goes on to the last edit
            notes=0,
            random=chorale.random(5),
            most_edits=edits,
        )
    each = (time.process_time() - began) / edits
    return {"speed.edits_per_second": 1 / each, "speed.edits_150_over_8_bars_s": 150 * each}


class Kept:
    """What has been composed so far, in a file, so that a scoring that was broken off goes on where it was.

    It belongs to one set of weights: with others it starts anew.
    """

    def __init__(self, path: Path | None, sha256: str) -> None:
        self.path = path
        self.state: dict[str, Any] = {"weights": sha256, "filled": {}}
        if path is not None and path.exists():
            found = json.loads(path.read_text())
            if found["weights"] == sha256:
                self.state = found

    def filled(self, name: str, make: Callable[[], Filled]) -> Filled:
        """Return what stands under a name, or make it and keep it."""
        found = self.state["filled"]
        if name not in found:
            made = make()
            found[name] = asdict(made) | {"notes": made.notes.tolist(), "first": made.first.tolist()}
            if self.path is not None:
                self.path.write_text(json.dumps(self.state))
        entry = found[name]
        notes, first = (np.array(entry[name], dtype=np.int64).reshape(-1, 3) for name in ("notes", "first"))
        return Filled(notes, entry["edits"], entry["matched"], first)


@dataclass(frozen=True)
class Scores:
    """What scoring found: flat figures (without the row's prefix), and how they came about."""

    figures: dict[str, float]
    details: dict[str, Any]


def score_original(
    network: OriginalARCNN,
    report: Report = print,
    *,
    kept: Path | None = None,
    test: Sequence[Chorale] | None = None,
    validation: Sequence[Chorale] | None = None,
) -> Scores:
    """Score a trained original on the dozen: detection first, then restoration, speed, harmonisation.

    Parameters
    ----------
    kept : Path, optional
        Where compositions are kept as they are made; a second call goes on from there.
    test, validation : sequence of Chorale, optional
        All test pieces and all validation pieces.
    """
    encoding = ImageEncoding()
    chosen = dozen(chorales(encoding) if test is None else test)
    validation = list(chorales(encoding, split="validation") if validation is None else validation)[::6][:12]
    store = Kept(kept, weights_sha256(network))
    with one_thread():
        figures, details = _detection(network, chosen, validation)
        report(f"original: detection {figures['detection.average_precision']:.3f}")
        excerpts = [excerpt(chorale, network.config.steps) for chorale in chosen]
        restored, told = _restoration(network, excerpts, validation, store, report)
        figures |= restored | speed(network, excerpts[0])
        details |= told
        harmonised, told = _harmonisation(network, excerpts, store, report)
    return Scores(figures | harmonised, details | told)


def _detection(
    network: OriginalARCNN, test: Sequence[Chorale], validation: Sequence[Chorale]
) -> tuple[dict[str, float], dict[str, Any]]:
    tried = choose_score(network, validation)
    best = next(iter(tried))
    found = _joined([detect_cells(network, chorale) for chorale in test])
    scores, leaves = found.scores[best], found.leaves_chord | ~found.moved
    return {
        "detection.average_precision": average_precision(found.moved, scores),
        "detection.leaves_chord.average_precision": average_precision(found.moved[leaves], scores[leaves]),
    }, {"note_score": best, "note_scores_on_validation": tried}


def _restoration(
    network: OriginalARCNN, test: Sequence[Chorale], validation: Sequence[Chorale], store: Kept, report: Report
) -> tuple[dict[str, float], dict[str, Any]]:
    def f1(pieces: Sequence[Chorale], temperature: float, name: str) -> tuple[dict[str, tuple[float, float]], int]:
        """Return by way to stop (F1 on pitch, F1 on pitch class), and how often cells and notes matched."""
        counts: dict[str, list[Counts]] = {way: [] for way in WAYS_TO_STOP}
        matched = 0
        for done, chorale in enumerate(pieces, start=1):
            began = time.process_time()
            thinned = thin(chorale, chorale.random(2))
            filled = store.filled(
                f"{name} {temperature} {chorale.index}", partial(restore_cells, network, chorale, temperature)
            )
            for way in WAYS_TO_STOP:
                counts[way].append(hits(thinned.taken, filled.by(way)[:, :2]))
            matched += filled.matched
            report(
                f"original: {name} at temperature {temperature}, {done} of {len(pieces)} pieces, "
                f"{filled.edits} edits, {time.process_time() - began:.0f} s"
            )
        return {way: _f1(found) for way, found in counts.items()}, matched

    few = [excerpt(chorale, network.config.steps) for chorale in validation[:VALIDATION_EXCERPTS]]
    tried = {temperature: max(f1(few, temperature, "validation")[0].values())[0] for temperature in TEMPERATURES}
    best = max(tried, key=lambda temperature: tried[temperature])
    figures: dict[str, float] = {}
    details: dict[str, Any] = {
        "restoration_temperature": best,
        "restoration_f1_on_validation": {str(temperature): value for temperature, value in tried.items()},
    }
    for prefix, temperature in (("restoration", best), ("restoration.default_risk", DEFAULT_TEMPERATURE)):
        by_way, matched = f1(test, temperature, "restoration")
        way = max(by_way, key=lambda way: by_way[way][0])
        for name, (exact, by_class) in {"": by_way[way], **{f".{way}": by_way[way] for way in WAYS_TO_STOP}}.items():
            figures |= {f"{prefix}{name}.f1": exact, f"{prefix}{name}.f1_pitch_class": by_class}
        details[f"{prefix}.stopped_by"] = way
        details[f"{prefix}.cells_and_notes_matched"] = matched
    return figures, details


def _f1(counts: Sequence[Counts]) -> tuple[float, float]:
    """Return F1 on pitch and on pitch class of all notes together."""
    exact, by_class, taken, back = np.array(counts).sum(axis=0).tolist()
    return 2 * exact / (taken + back), 2 * by_class / (taken + back)


def _harmonisation(
    network: OriginalARCNN, test: Sequence[Chorale], store: Kept, report: Report
) -> tuple[dict[str, float], dict[str, Any]]:
    found: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {way: [] for way in WAYS_TO_STOP}
    edits, matched = [], 0
    for done, chorale in enumerate(test, start=1):
        began = time.process_time()
        filled = store.filled(f"harmonisation {chorale.index}", partial(harmonise_cells, network, chorale))
        for way in WAYS_TO_STOP:
            found[way].append(measured(chorale, composition_of(chorale, filled.by(way))))
        edits.append(filled.edits)
        matched += filled.matched
        seconds = time.process_time() - began
        report(
            f"original: harmonisation, {done} of {len(test)} pieces, {filled.edits} edits, {seconds:.0f} s, "
            f"about {seconds * (len(test) - done) / 60:.0f} min left"
        )
    means = {way: _mean_measures(pieces) for way, pieces in found.items()}
    way = max(means, key=lambda way: means[way]["triad_or_seventh_share"])
    figures = {f"harmonisation.{name}": value for name, value in means[way].items()}
    for other in WAYS_TO_STOP:
        figures |= {f"harmonisation.{other}.{name}": value for name, value in means[other].items()}
    return figures, {
        "harmonisation.stopped_by": way,
        "harmonisation.cells_and_notes_matched": matched,
        "harmonisation.edits": edits,
    }


def _mean_measures(pieces: Sequence[tuple[dict[str, float], dict[str, float]]]) -> dict[str, float]:
    """Return the mean over pieces of each measure, of Bach's own, and of the difference between the two."""
    figures: dict[str, float] = {}
    for name in MEASURES:
        own, bach = (np.array([piece[row][name] for piece in pieces]) for row in (0, 1))
        figures[name] = float(np.nanmean(own))
        figures[f"{name}.bach"] = float(np.nanmean(bach))
        figures[f"{name}.difference"] = float(np.nanmean(abs(own - bach)))
    return figures


def weights_sha256(network: OriginalARCNN) -> str:
    """Return the sha256 of the weights as float32 safetensors."""
    return hashlib.sha256(_saved(network)).hexdigest()


def _saved(network: OriginalARCNN, dtype: torch.dtype = torch.float32) -> bytes:
    tensors = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in network.state_dict().items()
    }
    return save(tensors)


def run(
    seconds: float = SECONDS,
    checkpoint: Path | None = None,
    report: Report = print,
    *,
    figures: Path = FIGURES,
    recipe: OriginalRecipe | None = None,
    test: Sequence[Chorale] | None = None,
    validation: Sequence[Chorale] | None = None,
) -> dict[str, Any]:
    """Train the original, score it on the dozen, and write the figures file; return what it holds.

    Parameters
    ----------
    seconds : float
        CPU seconds of training.
    checkpoint : Path, optional
        Where training is kept; what scoring composes is kept beside it. With both a broken-off run goes on.
    figures : Path
        The file that every run of the benchmark reads.
    recipe, test, validation : optional
        As in `train_original` and `score_original`.
    """
    trainer = train_original(seconds, checkpoint, report, recipe=recipe)
    network = trainer.trained()
    kept = None if checkpoint is None else checkpoint.with_suffix(".scores.json")
    scores = score_original(network, report, kept=kept, test=test, validation=validation)
    report(f"original: figures go to {figures.name}")
    return write_record(figures, record_of(trainer, network, scores))


def record_of(trainer: OriginalTrainer, network: OriginalARCNN, scores: Scores) -> dict[str, Any]:
    """Return what the figures file holds: recipe, seed, compute, weights, scoring, figures."""
    around = surroundings()
    bytes32, bytes16 = len(_saved(network)), len(_saved(network, torch.float16))
    figures = scores.figures | {"weights.bytes": float(bytes32), "weights.float16_bytes": float(bytes16)}
    return {
        "recipe": trainer.recipe.as_dict(),
        "seed": trainer.recipe.seed,
        "compute": {
            "cpu_seconds": round(trainer.spent),
            "updates": trainer.updates,
            "threads": 1,
            "hardware": around["hardware"],
            "torch": around["torch"],
            "validation_loss": trainer.best_loss,
        },
        "weights": {"sha256": weights_sha256(network), "float32_bytes": bytes32, "float16_bytes": bytes16},
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "scoring": {"test_pieces": list(DOZEN), "excerpt_steps": network.config.steps, **scores.details},
        "figures": {f"original.{name}": value for name, value in figures.items()},
    }
