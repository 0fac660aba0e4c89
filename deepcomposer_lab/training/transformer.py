"""Training a Transformer-XL: streams of pieces, read a segment at a time, each token foretold from those before.

The loss is the mean over tokens of −log p(next token). Memory carries over from one segment of a stream to the next,
and no gradient goes back into it (Dai et al. 2019, section 3.2): so an update costs the same however far the network
looks back. Where an accelerator is at hand it trains there, in bfloat16; the recipe is the same.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.tokens import TokenEncoding
from deepcomposer_lab.models.registry import Model, ModelCard, save_model
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.networks.transformer_xl import Context, Memory, TransformerXL, TransformerXLConfig
from deepcomposer_lab.training.cards import card_of
from deepcomposer_lab.training.checkpoints import follow, read_checkpoint, write_checkpoint
from deepcomposer_lab.training.progress import Progress, Sample
from deepcomposer_lab.training.recipes import TransformerRecipe
from deepcomposer_lab.training.schedule import warm_cosine
from deepcomposer_lab.training.token_streams import Piece, Source, Streams, pieces_of, source_of, sources_of

MOST_VALIDATION_TOKENS = 2048  # of a piece, from its beginning


def config_of(recipe: TransformerRecipe, encoding: TokenEncoding) -> TransformerXLConfig:
    """Return the sizes of a recipe's network.

    Raises
    ------
    ValueError
        When the heads cannot share the width evenly.
    """
    if recipe.heads % 2 or recipe.width % (2 * recipe.heads):
        raise ValueError(
            f"heads of the recipe {recipe.name} is even, since half of them count tokens and half musical time, and "
            f"twice the heads divide the width; got {recipe.heads} heads and a width of {recipe.width}."
        )
    return TransformerXLConfig(
        **encoding.sizes(),
        width=recipe.width,
        layers=recipe.layers,
        heads=recipe.heads,
        hidden=recipe.hidden,
        memory=recipe.memory,
        dropout=recipe.dropout,
    )


@torch.inference_mode()
def measure(network: TransformerXL, sources: Sequence[Source], *, segment: int, streams: int = 64) -> dict[str, float]:
    """Return "loss", nats a token, and "bits_per_note", over all pieces and by kind; of each piece's first tokens.

    Bits a note are those of all tokens, by the notes among them.
    """
    network.eval()
    device = network.norm.device
    sums: dict[str, np.ndarray] = {}
    ordered = sorted(sources, key=lambda source: source.columns.shape[1])
    for first in range(0, len(ordered), streams):
        batch = ordered[first : first + streams]
        length = min(MOST_VALIDATION_TOKENS, max(source.columns.shape[1] for source in batch))
        columns = np.zeros((5, len(batch), length), dtype=np.int64)
        columns[0] = 1  # whatever: nothing after a piece's end counts
        counts = np.zeros((2, len(batch), length), dtype=bool)  # tokens and pitches that are to be foretold
        for row, source in enumerate(batch):
            own = source.columns[:, :length]
            columns[:, row, : own.shape[1]] = own
            counts[0, row, : own.shape[1]], counts[1, row, : own.shape[1]] = True, source.pitched[:length]
        tokens, *beside = torch.from_numpy(columns).to(device)
        nats = torch.zeros(len(batch), device=device)
        memory: Memory | None = None
        for begin in range(0, length - 1, segment):
            span = slice(begin, min(begin + segment, length - 1))
            context = Context(*(column[:, span] for column in beside))
            with _autocast(device):
                logits, memory = network(tokens=tokens[:, span], context=context, memory=memory)
            targets = tokens[:, begin + 1 : span.stop + 1]
            counted = torch.from_numpy(counts[0, :, begin + 1 : span.stop + 1]).to(device)
            nats += (cross_entropy(logits.transpose(1, 2).float(), targets, reduction="none") * counted).sum(dim=1)
        for row, (source, lost) in enumerate(zip(batch, nats.tolist(), strict=True)):
            found = np.array([lost, counts[0, row, 1:].sum(), counts[1, row].sum()])
            for name in ("", f".{source.kind}"):
                sums[name] = sums.get(name, 0) + found
    figures = {"loss": float(sums[""][0] / sums[""][1])}
    for name, (lost, _, notes) in sums.items():
        figures[f"bits_per_note{name}"] = float(lost / math.log(2) / notes)
    return figures


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


class TransformerTrainer:
    """Trains one Transformer-XL. Iterate over it: each step of the iteration is one update of the weights.

    Parameters
    ----------
    recipe : TransformerRecipe
    pieces, validation_pieces : sequence of Piece, optional
        What it learns from and what it is watched on; the recipe's dataset by default.
    checkpoint : Path, optional
        Where the state is kept every validation interval; a training that finds its own checkpoint goes on from it.
    device : str, optional
        "cuda" where there is one, else "cpu".

    Attributes
    ----------
    step, total_steps : int
        Updates so far, and in all.
    samples : list of (float, dict of str to Composition)
        The epoch, and what the averaged network made then, where somebody listens: see `listen`.
    """

    def __init__(
        self,
        recipe: TransformerRecipe,
        *,
        pieces: Sequence[Piece] | None = None,
        validation_pieces: Sequence[Piece] | None = None,
        checkpoint: Path | None = None,
        device: str | None = None,
    ) -> None:
        self.recipe = recipe
        self.encoding = TokenEncoding()
        self.config = config_of(recipe, self.encoding)
        if pieces is None or validation_pieces is None:
            dataset = load_dataset(recipe.dataset)
            pieces = pieces if pieces is not None else pieces_of(dataset, "train")
            validation_pieces = validation_pieces if validation_pieces is not None else pieces_of(dataset, "validation")
        shares = {"melody_share": recipe.melody_share, "chorale_share": recipe.chorale_share}
        sources = sources_of(pieces, self.encoding, **shares)
        self.validation = [source_of(piece, self.encoding) for piece in validation_pieces]
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.manual_seed(recipe.seed)
        self.network = TransformerXL(self.config).to(self.device)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        if self.device.type == "cuda":
            self.network.compile()  # a third less time an update; on a processor it would not earn back its minute
        self.optimizer = torch.optim.AdamW(
            _decaying(self.network, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, 0.95)
        )
        self.streams = Streams(sources, recipe.batch_size, recipe.excerpt_share, np.random.default_rng(recipe.seed))
        self.memory = self._empty_memory()
        read = sum(len(self.encoding.encode(piece.sheet)) for piece in pieces)
        self.steps_per_epoch = max(1, round(read / recipe.batch_size / recipe.segment))
        self.total_steps = self.steps_per_epoch * recipe.epochs
        self.step = 0
        self.seconds = 0.0
        self.loss = 0.0
        self.figures: dict[str, float] = {}
        # The averaged weights with the smallest validation loss so far: early stopping (Prechelt 1998).
        self.best: dict[str, Tensor] = {}
        self.best_figures: dict[str, float] = {}
        self.samples: list[Sample] = []
        self._hear: Callable[[Model], Mapping[str, Composition]] | None = None
        self.checkpoint = checkpoint
        if checkpoint is not None and checkpoint.exists():
            self._restore(checkpoint)

    def _empty_memory(self) -> Memory:
        """Return a memory of nothing: every stream begins with a Start, and nothing looks beyond that."""
        recipe, B = self.recipe, self.recipe.batch_size
        none = torch.zeros(B, recipe.memory, dtype=torch.long, device=self.device)
        states = torch.zeros(recipe.layers, B, recipe.memory, recipe.width, device=self.device)
        return Memory(states, none, none)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of an update."""
        recipe = self.recipe
        return warm_cosine(
            step, peak=recipe.learning_rate, warmup_steps=recipe.warmup_steps, total_steps=self.total_steps
        )

    def update(self) -> Tensor:
        """Take one step: read a segment of every stream, follow the gradient of the loss. Return the loss."""
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step)
        read = torch.from_numpy(self.streams.read(self.recipe.segment)).to(self.device, torch.long)
        tokens, time_, position, part, metre, targets, counted = read  # (B, T) each
        with _autocast(self.device):
            logits, self.memory = self.network(
                tokens=tokens, context=Context(time_, position, part, metre), memory=self.memory
            )  # (B, T, V)
        nats = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        loss: Tensor = (nats * counted.flatten()).sum() / counted.sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_clip)
        self.optimizer.step()
        self.step += 1
        follow(self.average, self.network, self.step, self.recipe.average_decay)
        return loss.detach()

    def __iter__(self) -> Iterator[Progress]:
        # Asking an accelerator for a number waits for it to finish: not after every update.
        every = 1 if self.device.type == "cpu" else 20
        while self.step < self.total_steps:
            began = time.perf_counter()
            loss = self.update()
            last = self.step == self.total_steps
            if self.step % every == 0 or self.step == 1 or last:
                share = 1.0 if self.loss == 0 else max(0.05, 1 / self.step)
                self.loss += share * (float(loss) - self.loss)
            measured = bool(self.validation) and (self.step % self.recipe.validation_interval == 0 or last)
            if measured:
                self._look()
            self.seconds += time.perf_counter() - began
            if self.checkpoint is not None and (measured or last):
                self.keep(self.checkpoint)
            yield Progress(
                step=self.step,
                total_steps=self.total_steps,
                epoch=self.step / self.steps_per_epoch,
                loss=self.loss,
                metrics=dict(self.figures) if measured else {},
                seconds=self.seconds,
                seconds_left=self.seconds / self.step * (self.total_steps - self.step),
            )

    def _look(self) -> None:
        """Measure the averaged network on the validation pieces, and keep its weights when they are the best so far."""
        self.figures = measure(self.average, self.validation, segment=self.recipe.segment)
        self._listen()
        if self.best_figures and self.figures["loss"] >= self.best_figures["loss"]:
            return
        self.best_figures = dict(self.figures)
        self.best = {name: value.detach().cpu().clone() for name, value in self.average.state_dict().items()}

    def listen(self, hear: Callable[[Model], Mapping[str, Composition]]) -> None:
        """Let `hear` make music with the network as it is now, and again at every look at the validation pieces.

        How a network composes is the technique's affair, which training does not know; it only says when. What is made
        goes into `samples`, and leaves the training as it was.
        """
        self._hear = hear
        self._listen()

    def _listen(self) -> None:
        if self._hear is not None:
            music = dict(self._hear(self.model(self.recipe.name, latest=True)))
            self.samples.append((self.step / self.steps_per_epoch, music))

    def model(self, name: str, *, description: str = "", latest: bool = False) -> Model:
        """Return the averaged network as a model: the next version of that name, not yet saved.

        Parameters
        ----------
        name : str
        description : str
        latest : bool
            As it is now; otherwise as it was at the look with the smallest validation loss.
        """
        network = copy.deepcopy(self.average).cpu().eval()
        if self.best and not latest:
            network.load_state_dict(self.best)
        progress: dict[str, Any] = {
            "steps": self.step,
            "epochs": self.step / self.steps_per_epoch,
            "seconds": round(self.seconds),
        }
        if self.device.type == "cuda":
            progress["accelerator"] = torch.cuda.get_device_name(self.device)
        card = card_of(
            name,
            self.recipe,
            network,
            architecture="transformer_xl",
            config=self.config,
            encoding=self.encoding,
            dataset=load_dataset(self.recipe.dataset).card,
            progress=progress,
            metrics=self.figures if latest else self.best_figures or self.figures,
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

    def keep(self, path: Path) -> None:
        """Write everything that going on needs to a file."""
        state: dict[str, Any] = {
            "torch_random": torch.get_rng_state(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "memory": tuple(self.memory),
            "streams": self.streams.state(),
            "step": self.step,
            "seconds": self.seconds,
            "loss": self.loss,
            "figures": self.figures,
            "best": self.best,
            "best_figures": self.best_figures,
        }
        write_checkpoint(path, self.recipe.as_dict(), state)

    def _restore(self, path: Path) -> None:
        # The number of epochs may change: a training may go on for longer than was planned.
        state = read_checkpoint(path, self.recipe.as_dict(), free=("epochs",))
        torch.set_rng_state(state["torch_random"].cpu())
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.memory = Memory(*(part.to(self.device) for part in state["memory"]))
        self.streams.restore(state["streams"])
        self.step, self.seconds, self.loss = state["step"], state["seconds"], state["loss"]
        self.figures, self.best, self.best_figures = state["figures"], state["best"], state["best_figures"]


def _decaying(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return the parameters in two groups: matrices, which decay, and the scales of norms, which do not."""
    matrices = [weight for weight in network.parameters() if weight.dim() > 1]
    scales = [weight for weight in network.parameters() if weight.dim() <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": scales, "weight_decay": 0.0}]


__all__ = ["TransformerTrainer", "config_of", "measure"]
