"""Training an AR-CNN: crops of chorales, corrupted; the loss; the loop, as a generator of `Progress`.

The loss of one example with K right edits is

    L = ( Σ_e  BCE(z_e, [e is right]) ) / (K + 8)  +  BCE(z_stop, [K = 0])  +  mean CE(duration of each missing note)

over every edit e that is possible: starting a note in a free cell, removing a note that is there. Dividing by K + 8
lets nearly whole rolls and nearly empty ones weigh alike: without it the empty ones, with a hundred edits to find,
would drown those where one wrong note hides (the same reweighting as in orderless NADE, Uria et al. 2014, section 3).

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, nll_loss
from torch.optim.swa_utils import AveragedModel

from deepcomposer_lab.datasets import Piece, load_dataset
from deepcomposer_lab.encoding.image import Grid, ImageEncoding
from deepcomposer_lab.models.inference import channels_last
from deepcomposer_lab.models.registry import Model, ModelCard, save_model
from deepcomposer_lab.networks.ar_cnn import ARCNNConfig, AutoregressiveCNN
from deepcomposer_lab.training.cards import card_of
from deepcomposer_lab.training.checkpoints import read_checkpoint, write_checkpoint
from deepcomposer_lab.training.corruption import Corrupted, corrupt
from deepcomposer_lab.training.progress import Progress
from deepcomposer_lab.training.ranking import average_precision
from deepcomposer_lab.training.recipes import ARCNNRecipe
from deepcomposer_lab.training.schedule import warm_cosine

_EDIT_OFFSET = 8  # added to K in the loss's denominator


@dataclass(frozen=True)
class Source:
    """A piece made ready for cropping.

    Parameters
    ----------
    notes : ndarray, int64, shape (N, 4)
        Onset, pitch, duration, voice; bar lines fall on multiples of a beat.
    time : ndarray, float32, shape (channels, steps)
    transpositions : range
        Semitones by which it may be moved so that each voice stays in its range.
    """

    notes: NDArray[np.int64]
    time: NDArray[np.float32]
    transpositions: range


# How far a transposed piece's voices may reach, soprano first (MIDI): up to a tone beyond `music.voices.VOICE_RANGES`.
TRANSPOSED_RANGES = ((57, 81), (52, 76), (46, 70), (34, 64))


def source_of(piece: Piece, encoding: ImageEncoding) -> Source:
    """Lay a piece on the grid that composing uses, and find how far it may be transposed."""
    grid = Grid.of(piece.to_composition(), encoding)
    notes = piece.notes + np.array([grid.lead, 0, 0, 0])
    down, up = -6, 6
    for voice, (lowest, highest) in enumerate(TRANSPOSED_RANGES):
        pitches = notes[notes[:, 3] == voice, 1]
        if len(pitches):
            down = max(down, min(0, lowest - int(pitches.min())))
            up = min(up, max(0, highest - int(pitches.max())))
    return Source(notes, grid.time_channels(), range(down, up + 1))


def crop(source: Source, start: int, steps: int, semitones: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the notes that sound in [start, start + steps), counted from `start`, and the metre's channels there."""
    notes = source.notes
    sounding = (notes[:, 0] < start + steps) & (notes[:, 0] + notes[:, 2] > start)
    notes = notes[sounding] + np.array([-start, semitones, 0, 0])
    channels = np.zeros((source.time.shape[0], steps), dtype=np.float32)
    first, last = max(0, start), min(start + steps, source.time.shape[1])
    channels[:, first - start : last - start] = source.time[:, first:last]
    return notes, channels


@dataclass(frozen=True)
class Batch:
    """Corrupted crops as tensors. Cells are flat indices: image, row, step; B images of shape (P, T)."""

    roll: Tensor  # float32 (B, 2, P, T)
    time: Tensor  # float32 (B, C, T)
    add: Tensor  # float32 (B, P, T): 1 where a note is missing
    remove: Tensor  # float32 (B, P, T): 1 where a wrong note starts
    edits: Tensor  # float32 (B,): K
    missing: Tensor  # int64 (M, 4): image, row, step, duration − 1

    @classmethod
    def of(
        cls, examples: Sequence[tuple[Corrupted, NDArray[np.float32]]], encoding: ImageEncoding, steps: int
    ) -> Batch:
        """Draw corrupted crops as images, and their cures as targets."""
        B, P = len(examples), encoding.pitches
        roll = np.zeros((B, 2, P, steps), dtype=np.float32)
        add, remove = np.zeros((2, B, P, steps), dtype=np.float32)
        missing = []
        for index, (example, _) in enumerate(examples):
            roll[index] = encoding.draw(example.visible[:, :3], steps)
            rows = encoding.row(example.add[:, 1])
            add[index, rows, example.add[:, 0]] = 1
            remove[index, encoding.row(example.remove[:, 1]), example.remove[:, 0]] = 1
            length = np.minimum(example.add[:, 2], encoding.longest_duration) - 1
            missing.append(np.stack([np.full(len(rows), index), rows, example.add[:, 0], length], axis=1))
        return cls(
            roll=torch.from_numpy(roll),
            time=torch.from_numpy(np.stack([channels for _, channels in examples])),
            add=torch.from_numpy(add),
            remove=torch.from_numpy(remove),
            edits=torch.tensor([float(example.edits) for example, _ in examples]),
            missing=torch.from_numpy(np.concatenate(missing)),
        )


@dataclass(frozen=True)
class Losses:
    """The parts of the loss, each a mean over the batch."""

    edits: Tensor
    stop: Tensor
    duration: Tensor

    @property
    def total(self) -> Tensor:
        """What training makes smaller."""
        return self.edits + self.stop * 0.3 + self.duration


def losses(network: AutoregressiveCNN, batch: Batch) -> Losses:
    """Return the loss of a batch; the formula stands at the top of this module."""
    scores = network.logits(roll=batch.roll, time=batch.time)
    starts = batch.roll[:, 0]  # (B, P, T)
    inside = batch.time[:, None, 0]  # (B, 1, T)
    per_cell = binary_cross_entropy_with_logits(scores.add, batch.add, reduction="none") * (1 - starts) * inside
    per_cell = per_cell + binary_cross_entropy_with_logits(scores.remove, batch.remove, reduction="none") * starts
    edits = per_cell.sum(dim=(1, 2)) / (batch.edits + _EDIT_OFFSET)  # (B,)
    stop = binary_cross_entropy_with_logits(scores.stop, (batch.edits == 0).float())
    image, row, step, length = batch.missing.unbind(dim=1)
    if len(image):
        duration = nll_loss(network.durations(scores.features, image=image, row=row, step=step), length)
    else:
        duration = stop.new_zeros(())
    return Losses(edits.mean(), stop, duration)


def config_of(recipe: ARCNNRecipe, encoding: ImageEncoding) -> ARCNNConfig:
    """Return the sizes of a recipe's network: as many levels as widths, all but the first halving in pitch alone."""
    levels = len(recipe.widths)
    return ARCNNConfig(
        pitches=encoding.pitches,
        counts_voices=True,
        widths=tuple(recipe.widths),
        halvings=((2, 2), (2, 1), (2, 1))[: levels - 1],
        encoder_depths=(1, 2, 2, 2)[:levels],
        decoder_depths=(2, 1, 1)[: levels - 1],
        trunk=recipe.trunk,
        trunk_width=recipe.trunk_width,
        trunk_dilations=(1, 2, 4, 8, 1, 2) if recipe.trunk == "chroma" else (1, 2, 4, 8, 1),
        dropout=recipe.dropout,
        longest_duration=encoding.longest_duration,
    )


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return the rule by which the averaged weights follow the trained ones.

    Early on the average forgets faster, (1 + n) / (10 + n), or it would hold on to the random start for a thousand
    updates.
    """

    def follow(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        n = int(count)
        if not averaged.is_floating_point():
            return current
        return torch.lerp(averaged, current, 1 - min(decay, (1 + n) / (10 + n)))

    return follow


@torch.inference_mode()
def measure(network: AutoregressiveCNN, batches: Sequence[Batch]) -> dict[str, float]:
    """Return validation figures on fixed corrupted crops.

    `loss`, its parts, `edit_nats` (mean −log of the probability that the softmax over all edits gives to a right edit,
    drawn evenly from the right ones; only where there is one), and `removal_average_precision` (how well the removal
    scores of visible notes name the wrong ones, pooled over crops).
    """
    network.eval()
    parts: dict[str, list[float]] = {"loss": [], "edits": [], "stop": [], "duration": [], "edit_nats": []}
    labels, ranks = [], []
    for batch in batches:
        result = losses(network, batch)
        for name, value in (
            ("loss", result.total),
            ("edits", result.edits),
            ("stop", result.stop),
            ("duration", result.duration),
        ):
            parts[name].append(float(value))
        scores = network(roll=batch.roll, time=batch.time)
        starts = batch.roll[:, 0] > 0
        possible = torch.where(starts, scores.remove, scores.add)
        possible = possible.masked_fill(batch.time[:, None, 0] == 0, -torch.inf)
        flat = torch.cat([possible.flatten(1), scores.stop[:, None]], dim=1).log_softmax(dim=1)[:, :-1]
        right = (batch.add + batch.remove).flatten(1)
        for row, target in zip(flat, right, strict=True):
            if target.any():
                parts["edit_nats"].append(float(-row[target > 0].mean()))
        labels.append(batch.remove[starts].numpy())
        ranks.append(scores.remove[starts].numpy())
    figures = {name: float(np.mean(values)) for name, values in parts.items()}
    figures["removal_average_precision"] = average_precision(np.concatenate(labels), np.concatenate(ranks))
    return figures


class ARCNNTrainer:
    """Trains one AR-CNN. Iterate over it: each step of the iteration is one update of the weights.

    Parameters
    ----------
    recipe : ARCNNRecipe
    pieces, validation_pieces : sequence of Piece, optional
        What it learns from and what it is watched on; the recipe's dataset by default.
    checkpoint : Path, optional
        Where the state is kept every validation interval; a training that finds its own checkpoint goes on from it.
    """

    def __init__(
        self,
        recipe: ARCNNRecipe,
        *,
        pieces: Sequence[Piece] | None = None,
        validation_pieces: Sequence[Piece] | None = None,
        checkpoint: Path | None = None,
    ) -> None:
        self.recipe = recipe
        self.encoding = ImageEncoding()
        self.config = config_of(recipe, self.encoding)
        if pieces is None or validation_pieces is None:
            dataset = load_dataset(recipe.dataset)
            pieces = pieces if pieces is not None else dataset.pieces("train")
            validation_pieces = validation_pieces if validation_pieces is not None else dataset.pieces("validation")
        self.sources = [source_of(piece, self.encoding) for piece in pieces]
        self.random = np.random.default_rng(recipe.seed)
        torch.manual_seed(recipe.seed)
        self.network = channels_last(AutoregressiveCNN(self.config))
        self.average = AveragedModel(self.network, avg_fn=_moving_average(recipe.average_decay), use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            betas=(0.9, 0.98),
        )
        # Longer pieces give more crops: an epoch shows about as many steps of music as the dataset holds.
        lengths = np.array([source.time.shape[1] for source in self.sources], dtype=float)
        self.weights = lengths / lengths.sum()
        self.steps_per_epoch = max(1, round(lengths.sum() / recipe.crop_steps / recipe.batch_size))
        self.total_steps = self.steps_per_epoch * recipe.epochs
        self.step = 0
        self.seconds = 0.0
        self.figures: dict[str, float] = {}
        # The weights with the smallest validation loss so far, and the looks since: early stopping (Prechelt 1998).
        self.best: dict[str, Tensor] = {}
        self.best_figures: dict[str, float] = {}
        self.looks_without_gain = 0
        self.checkpoint = checkpoint
        self.validation = self._validation_batches([source_of(piece, self.encoding) for piece in validation_pieces])
        if checkpoint is not None and checkpoint.exists():
            self._restore(checkpoint)

    def example(self, source: Source, random: Generator) -> tuple[Corrupted, NDArray[np.float32]]:
        """Draw one corrupted crop of a piece: where, in which transposition, and spoilt how, is chance."""
        steps, beat = self.recipe.crop_steps, self.encoding.steps_per_beat
        length = source.time.shape[1]
        # From a little before the piece to a little past its end, so that openings and closes are seen too.
        start = int(random.integers(-4, max(1, (length - steps) // beat + 5))) * beat
        semitones = int(random.choice(np.array(source.transpositions)))
        notes, channels = crop(source, start, steps, semitones)
        return corrupt(notes, steps, random), channels

    def batch(self) -> Batch:
        """Draw a batch."""
        chosen = self.random.choice(len(self.sources), size=self.recipe.batch_size, p=self.weights)
        examples = [self.example(self.sources[index], self.random) for index in chosen]
        return Batch.of(examples, self.encoding, self.recipe.crop_steps)

    def _validation_batches(self, sources: Sequence[Source]) -> list[Batch]:
        """Return the same corrupted crops every time, two a piece, at their own pitch."""
        random = np.random.default_rng(1)
        still = [Source(source.notes, source.time, range(1)) for source in sources for _ in range(2)]
        examples = [self.example(source, random) for source in still]
        return [
            Batch.of(examples[index : index + 32], self.encoding, self.recipe.crop_steps)
            for index in range(0, len(examples), 32)
        ]

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of an update."""
        recipe = self.recipe
        return warm_cosine(
            step, peak=recipe.learning_rate, warmup_steps=recipe.warmup_steps, total_steps=self.total_steps
        )

    def update(self) -> float:
        """Take one step: draw a batch, measure the loss, follow its gradient. Return the loss."""
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step)
        loss = losses(self.network, self.batch()).total
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_clip)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return float(loss.detach())

    def __iter__(self) -> Iterator[Progress]:
        recent: list[float] = []
        while self.step < self.total_steps and self.looks_without_gain < self.recipe.patience:
            began = time.perf_counter()
            recent = [*recent[-49:], self.update()]
            last = self.step == self.total_steps
            measured = self.validation and (self.step % self.recipe.validation_interval == 0 or last)
            if measured:
                self._look()
            self.seconds += time.perf_counter() - began
            if measured and self.checkpoint is not None:
                self._keep(self.checkpoint)
            yield Progress(
                step=self.step,
                total_steps=self.total_steps,
                epoch=self.step / self.steps_per_epoch,
                loss=float(np.mean(recent)),
                metrics=dict(self.figures) if measured else {},
                seconds=self.seconds,
                seconds_left=self.seconds / self.step * (self.total_steps - self.step),
            )

    def _look(self) -> None:
        """Measure the averaged network on the validation pieces, and keep its weights when they are the best so far."""
        network = self.averaged()
        self.figures = measure(network, self.validation)
        if self.best_figures and self.figures["loss"] >= self.best_figures["loss"]:
            self.looks_without_gain += 1
            return
        self.looks_without_gain = 0
        self.best_figures = dict(self.figures)
        self.best = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def averaged(self) -> AutoregressiveCNN:
        """Return the network with the averaged weights, in evaluation mode."""
        network = self.average.module.eval()
        assert isinstance(network, AutoregressiveCNN)
        return network

    def _shipped(self) -> AutoregressiveCNN:
        """Return the averaged network as it was when it did best on the validation pieces; without any, as it is."""
        network = copy.deepcopy(self.averaged())
        if self.best:
            network.load_state_dict(self.best)
        return network

    def model(self, name: str, *, description: str = "") -> Model:
        """Return the best averaged network so far as a model: the next version of that name, not yet saved."""
        network = self._shipped()
        card = card_of(
            name,
            self.recipe,
            network,
            architecture="ar_cnn",
            config=self.config,
            encoding=self.encoding,
            dataset=load_dataset(self.recipe.dataset).card,
            progress={
                "steps": self.step,
                "epochs": self.step / self.steps_per_epoch,
                "seconds": round(self.seconds),
            },
            metrics=self.best_figures or self.figures,
            description=description,
        )
        return Model(card, network, self.encoding)

    def save(self, name: str, *, description: str = "", directory: Path | None = None) -> ModelCard:
        """Save what was trained as the next version of a model, with everything that is known of it.

        Raises
        ------
        ModelError
            When it cannot be written under that name.
        """
        model = self.model(name, description=description)
        return save_model(model.card, model.network, directory)

    def _keep(self, path: Path) -> None:
        state: dict[str, Any] = {
            "torch_random": torch.get_rng_state(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "figures": self.figures,
            "best": self.best,
            "best_figures": self.best_figures,
            "looks_without_gain": self.looks_without_gain,
            "seconds": self.seconds,
            "random": self.random.bit_generator.state,
        }
        write_checkpoint(path, self.recipe.as_dict(), state)

    def _restore(self, path: Path) -> None:
        # The number of epochs may change: a training may go on for longer than was planned.
        state = read_checkpoint(path, self.recipe.as_dict(), free=("epochs",))
        torch.set_rng_state(state["torch_random"])
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds, self.figures = state["step"], state["seconds"], state["figures"]
        self.best, self.best_figures = state["best"], state["best_figures"]
        self.looks_without_gain = state["looks_without_gain"]
        self.random.bit_generator.state = state["random"]
