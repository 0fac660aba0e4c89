"""The original's GAN as a row of the benchmark: trained on the same chorales for a stated time, scored as ours is.

    deepcomposer-lab benchmark gan --train-original

What is kept is a file of figures, with the recipe, the time spent and the sha256 of the weights, and every run of the
benchmark prints it. It tells what this architecture learns in half an hour of one core, more than any of ours on the
chorales was given; its own notebook trains for 1,000 updates of the generator, which takes hours.

*Data.* Two bars of the training chorales, in C as for our own models, from every bar line on; +1 where a note sounds,
−1 elsewhere; four tracks, the soprano first.

*Training.* As in its notebook: batches of 64, Adam at 0.001 with betas of 0.5 and 0.9, five updates of the critic with
gradient penalty 10 for each of the generator. Two slips of the notebook are not copied: there the critic's fakes come
from a generator in evaluation mode, and its last bias never moves.

*Composing.* It knows two bars; eight are four times two, each with noise of its own. Of the four tracks that it draws
the melody is left out. What is above 0 sounds; runs of sounding cells are notes. They take the way through our
encoding: what lies outside a voice's window is moved by octaves, and of notes that start together in one voice one
stays. It hides that the original's voices sing chords, and is to its advantage.

*Time.* An iteration is what one update of the generator costs: the updates of the critic or discriminator that the
recipe puts before it, and itself. `iteration_ratios` times trainers of ours and the original's by turns, so that all
meet the same machine, with batches of equally many bars (`ours`): 64 times two.

Lesson: notebooks/05_gans.ipynb.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from deepcomposer_lab.benchmarks import gan_table
from deepcomposer_lab.benchmarks.ar_cnn import estimated
from deepcomposer_lab.benchmarks.gan_rows import SEEDS, Bench, bench_of
from deepcomposer_lab.benchmarks.original_ar_cnn import runs
from deepcomposer_lab.benchmarks.records import FOLDER, write_record
from deepcomposer_lab.datasets.songs import Song
from deepcomposer_lab.encoding.bars import SOUND, BarsEncoding, encoding_of
from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.music.key import shift_to_c
from deepcomposer_lab.networks.original_gan import (
    OriginalCritic,
    OriginalGANConfig,
    OriginalGenerator,
    gradient_penalty,
)
from deepcomposer_lab.training.checkpoints import read_checkpoint, write_checkpoint
from deepcomposer_lab.training.gan import GANTrainer
from deepcomposer_lab.training.recipes import GANRecipe
from deepcomposer_lab.training.song_planes import (
    CHORALE_TRACKS,
    CHORALES,
    BytePlanes,
    chorale_songs,
    track_on_grid,
)
from deepcomposer_lab.training.surroundings import surroundings

Report = Callable[[str], None]
Rolls = NDArray[np.int8]  # (windows, tracks, steps, pitches), +1 or −1

FIGURES = FOLDER / "original_gan.json"
SECONDS = 392.0  # as long as unet_bach takes on the same core, 840 updates
BARS = 2
GENRE = "bach"


@dataclass(frozen=True)
class OriginalGANRecipe:
    """How the original is trained: its notebook's values."""

    config: OriginalGANConfig = field(default_factory=OriginalGANConfig)
    batch_size: int = 64  # windows of two bars
    learning_rate: float = 1e-3  # Adam, both networks
    betas: tuple[float, float] = (0.5, 0.9)
    update_ratio: int = 5  # updates of the critic for each of the generator
    gradient_penalty: float = 10.0
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the plain values that stand in the figures file."""
        return json.loads(json.dumps(asdict(self)))


def rolls_of(songs: Sequence[Song], config: OriginalGANConfig) -> Rolls:
    """Return two bars from every bar line of the songs, as the original sees them, in C."""
    encoding = encoding_of(GENRE)
    found = []
    for song in songs:
        roll = np.full((config.tracks, song.bars * encoding.steps_per_bar, config.pitches), -1, dtype=np.int8)
        for index, track in enumerate(CHORALE_TRACKS[: config.tracks]):
            for onset, pitch, duration in track_on_grid(song, track.role, encoding).tolist():
                roll[index, onset : onset + duration, (pitch + shift_to_c(song.key[0])) % config.pitches] = 1
        last = roll.shape[1] - config.steps
        found += [roll[:, start : start + config.steps] for start in range(0, last + 1, encoding.steps_per_bar)]
    return np.stack(found)


class OriginalGANTrainer:
    """Trains the original for a number of CPU seconds of this process.

    Parameters
    ----------
    recipe : OriginalGANRecipe
    seconds : float
        CPU seconds spent on updates; keeping is not counted.
    checkpoint : Path, optional
        Where the state is kept; a training that finds it goes on from there.
    songs : sequence of Song, optional
        The training chorales by default.
    """

    def __init__(
        self,
        recipe: OriginalGANRecipe | None = None,
        *,
        seconds: float = SECONDS,
        checkpoint: Path | None = None,
        songs: Sequence[Song] | None = None,
    ) -> None:
        self.recipe = recipe = recipe or OriginalGANRecipe()
        self.seconds, self.checkpoint = seconds, checkpoint
        self.rolls = rolls_of(chorale_songs("train") if songs is None else songs, recipe.config)
        torch.manual_seed(recipe.seed)
        self.random = np.random.default_rng(recipe.seed)
        self.generator, self.critic = OriginalGenerator(recipe.config), OriginalCritic(recipe.config)
        self.generator_adam, self.critic_adam = (
            torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=recipe.betas)
            for network in (self.generator, self.critic)
        )
        self.updates, self.spent = 0, 0.0  # of the generator; CPU seconds
        if checkpoint is not None and checkpoint.exists():
            self._restore(checkpoint)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Draw real tracks and their melodies: (B, 4, steps, pitches), (B, 1, steps, pitches)."""
        chosen = self.random.integers(len(self.rolls), size=self.recipe.batch_size)
        tracks = torch.from_numpy(self.rolls[chosen]).float()
        return tracks, tracks[:, :1]

    def discriminator_step(self) -> float:
        """Update the critic once; return its loss."""
        real, melody = self.batch()
        with torch.no_grad():
            fake = self.generator(melody, self.generator.noise(len(melody)))
        mix = torch.rand(len(real), 1, 1, 1)
        penalty = gradient_penalty(self.critic, real, fake, melody, mix)
        loss = self.critic(fake, melody).mean() - self.critic(real, melody).mean()
        loss = loss + self.recipe.gradient_penalty * penalty
        self.critic_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_adam.step()
        return float(loss.detach())

    def generator_step(self) -> float:
        """Update the generator once; return its loss."""
        _, melody = self.batch()
        loss = -self.critic(self.generator(melody, self.generator.noise(len(melody))), melody).mean()
        self.generator_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.generator_adam.step()
        self.updates += 1
        return float(loss.detach())

    def iteration(self) -> tuple[float, float]:
        """Update the critic five times and the generator once; count the time; return the last losses."""
        began = time.process_time()
        for _ in range(self.recipe.update_ratio):
            critic = self.discriminator_step()
        generator = self.generator_step()
        self.spent += time.process_time() - began
        return critic, generator

    def trained(self) -> OriginalGenerator:
        """Return the generator in evaluation mode."""
        return self.generator.eval()

    def keep(self) -> None:
        """Write the state to the checkpoint."""
        if self.checkpoint is None:
            return
        state = {
            "generator": self.generator.state_dict(),
            "critic": self.critic.state_dict(),
            "generator_adam": self.generator_adam.state_dict(),
            "critic_adam": self.critic_adam.state_dict(),
            "updates": self.updates,
            "spent": self.spent,
            "torch_random": torch.get_rng_state(),
            "random": self.random.bit_generator.state,
        }
        write_checkpoint(self.checkpoint, self.recipe.as_dict(), state)

    def _restore(self, path: Path) -> None:
        state = read_checkpoint(path, self.recipe.as_dict())
        for name in ("generator", "critic", "generator_adam", "critic_adam"):
            getattr(self, name).load_state_dict(state[name])
        self.updates, self.spent = state["updates"], state["spent"]
        torch.set_rng_state(state["torch_random"])
        self.random.bit_generator.state = state["random"]


@one_thread()
def train_original(
    trainer: OriginalGANTrainer, report: Report = print, *, interval: float = 120.0
) -> OriginalGANTrainer:
    """Train for the trainer's CPU seconds, in one thread; the state is kept and reported every `interval`."""
    due = trainer.spent + interval
    while trainer.spent < trainer.seconds:
        critic, generator = trainer.iteration()
        if trainer.spent < due and trainer.spent < trainer.seconds:
            continue
        trainer.keep()
        report(
            f"original: {trainer.spent:5.0f} of {trainer.seconds:.0f} CPU seconds, {trainer.updates} updates of the "
            f"generator, losses {critic:.2f} (critic), {generator:.2f} (generator)"
        )
        due = trainer.spent + interval
    return trainer


# --- Composing and scoring ---------------------------------------------------------------------------------------


@torch.inference_mode()
def accompany(
    network: OriginalGenerator, melodies: Sequence[BytePlanes], encoding: BarsEncoding, seed: int
) -> list[BytePlanes]:
    """Return the accompaniment of each melody in our encoding's planes, two bars after two bars."""
    config = network.config
    low = encoding.melody.lowest_pitch
    random = torch.Generator().manual_seed(seed)
    found = []
    for melody in melodies:
        sound = melody[SOUND]  # (M, steps)
        roll = np.full((sound.shape[1], config.pitches), -1, dtype=np.float32)
        steps, rows = np.nonzero(sound.T)
        roll[steps, (rows + low) % config.pitches] = 1
        pieces = torch.from_numpy(
            roll.reshape(-1, 1, config.steps, config.pitches)
        )  # (2-bar pieces, 1, steps, pitches)
        made = network(pieces, network.noise(len(pieces), random)).numpy() > 0  # (…, tracks, steps, pitches)
        tracks = made.transpose(1, 0, 2, 3).reshape(config.tracks, -1, config.pitches)[1:]
        planes = [window.draw(runs(track.T), len(roll)) for window, track in zip(encoding.tracks, tracks, strict=True)]
        found.append(encoding.join(planes).astype(np.uint8))
    return found


def score_original(network: OriginalGenerator, bench: Bench | None = None, *, seeds: int = SEEDS) -> dict[str, float]:
    """Return the figures of `Bench.model_figures`, named `original.…`, and the data's own figures beside them."""
    bench = bench_of(CHORALES, encoding_of(GENRE)) if bench is None else bench
    found = bench.held_out
    with one_thread():
        made = [accompany(network, found.melodies, found.encoding, seed) for seed in range(seeds)]
        return estimated("original.", bench.data_figures() | bench.model_figures(made))


def run(
    seconds: float = SECONDS,
    checkpoint: Path | None = None,
    report: Report = print,
    *,
    figures: Path = FIGURES,
    recipe: OriginalGANRecipe | None = None,
    songs: Sequence[Song] | None = None,
    bench: Bench | None = None,
    seeds: int = SEEDS,
) -> dict[str, Any]:
    """Train the original, score it, and write the figures file; return what it holds."""
    trainer = OriginalGANTrainer(recipe, seconds=seconds, checkpoint=checkpoint, songs=songs)
    train_original(trainer, report)
    network = trainer.trained()
    around = surroundings()
    weights = save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    record = {
        "recipe": trainer.recipe.as_dict(),
        "compute": {
            "cpu_seconds": round(trainer.spent),
            "updates": trainer.updates,
            "threads": 1,
            "hardware": around["hardware"],
            "torch": around["torch"],
        },
        "weights": {"sha256": hashlib.sha256(weights).hexdigest(), "float32_bytes": len(weights)},
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "figures": score_original(network, bench, seeds=seeds),
    }
    report(f"original: figures go to {figures.name}")
    return write_record(figures, record)


def lines(record: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the original's row."""
    yield ""
    yield "THE ORIGINAL'S U-NET, trained on the chorales and scored on the excerpts of bach"
    if record is None:
        yield "   No figures yet: benchmark gan --train-original trains it, which takes its time, and keeps them."
        return
    figures, compute = record["figures"], record["compute"]
    yield (
        f"   {record['date']}: {record['parameters'] / 1e6:.2f} M parameters, {compute['updates']} updates of the "
        f"generator in {compute['cpu_seconds']} CPU seconds"
    )
    yield from gan_table.summary(figures, "original.")


# --- Time --------------------------------------------------------------------------------------------------------


class Timed(Protocol):
    """What can be timed: a trainer that takes one step at a time."""

    recipe: Any  # with `update_ratio` and `batch_size`

    def discriminator_step(self) -> object:
        """Update the discriminator, or critic, once."""

    def generator_step(self) -> object:
        """Update the generator once."""


def ours(recipe: GANRecipe, **arguments: Any) -> GANTrainer:
    """Return a new trainer by a recipe, with batches as large as the original's."""
    original = OriginalGANRecipe()
    return GANTrainer(recipe.replace(batch_size=original.batch_size, crop_bars=BARS), **arguments)


def iteration_seconds(trainer: Timed) -> float:
    """Return the CPU seconds of one iteration: the discriminator's updates for one of the generator, and that one."""
    began = time.process_time()
    for _ in range(trainer.recipe.update_ratio):
        trainer.discriminator_step()
    trainer.generator_step()
    return time.process_time() - began


@one_thread()
def iteration_ratios(
    trainers: Mapping[str, Timed], *, original: OriginalGANTrainer | None = None, rounds: int = 3
) -> dict[str, float]:
    """Return how much longer the original trains for a bar than other trainers do, on one core.

    Parameters
    ----------
    trainers : mapping of str to trainer
        At least one, by name; their batches have as many bars as the original's.
    original : OriginalGANTrainer, optional
        A new one by default.
    rounds : int
        All take turns so many times; medians count.

    Returns
    -------
    dict of str to float
        `<name>.speed.update_ratio_to_original`: seconds an update of either network, so a bar seen, the original's by
        the trainer's. `<name>.speed.iteration_ratio_to_original`: the same an iteration, in which the original updates
        its critic five times. `<name>.speed.iteration_s`, `speed.original.iteration_s`: the seconds.
        `speed.iteration_ratio_to_original` and `speed.update_ratio_to_original`: the smallest of each.
    """
    theirs = OriginalGANTrainer() if original is None else original
    everyone: list[Timed] = [theirs, *trainers.values()]
    seconds = [[iteration_seconds(one) for one in everyone] for _ in range(rounds + 1)]
    slow, *quick = np.median(seconds[1:], axis=0).tolist()  # the first round lets torch choose its kernels
    figures = {"speed.original.iteration_s": slow}
    for (name, trainer), spent in zip(trainers.items(), quick, strict=True):
        figures[f"{name}.speed.iteration_s"] = spent
        figures[f"{name}.speed.iteration_ratio_to_original"] = slow / spent
        updates = (trainer.recipe.update_ratio + 1) / (theirs.recipe.update_ratio + 1)
        figures[f"{name}.speed.update_ratio_to_original"] = slow / spent * updates
    for figure in ("speed.iteration_ratio_to_original", "speed.update_ratio_to_original"):
        figures[figure] = min(figures[f"{name}.{figure}"] for name in trainers)
    return figures


def ratio_lines(figures: Mapping[str, float]) -> Iterator[str]:
    """Yield how long the original trains for a bar, beside each trainer of ours."""
    for name in (name.removesuffix(".speed.iteration_s") for name in figures if name.endswith(".speed.iteration_s")):
        update, iteration = (figures[f"{name}.speed.{what}_ratio_to_original"] for what in ("update", "iteration"))
        yield f"   trains {update:.1f} times as long as {name} for a bar seen, {iteration:.1f} times an iteration"
