"""Training a GAN: two networks against each other, update by update, as a generator of `Progress`.

The *discriminator* (here a critic of bars) looks at real accompaniments and at made ones, both beside their melody, and
learns to score the first high and the second low. The *generator* learns to be scored high. Neither has a target of its
own: what is good for one is bad for the other, and training seeks the balance.

Of a batch of real bars x with their melodies m, of what is made from noise G(m, z), and of a critic D, the losses are

    hinge         L_D = E[max(0, 1 − D(m, x))] + E[max(0, 1 + D(m, G(m, z)))]
                  L_G = −E[D(m, G(m, z))] − ½ E[D(m, G(m, E(x)))]
    wasserstein   L_D = E[D(m, G(m, z))] − E[D(m, x)] + 10 · E[(‖∇D‖ − 1)²],         L_G the same

(Lim and Ye 2017; Gulrajani et al. 2017, "WGAN-GP"). With the hinge, *spectral normalisation* keeps the critic from
becoming too steep (Miyato et al. 2018): it needs one update where the gradient penalty needs five, and no second
derivatives.

The generator's loss has three more parts. Two are from the encoder E that hears x and says from which noise it might
have come, so that every real accompaniment is among what noise can make; the last is a fine for two accompaniments of
one melody that lie too near to each other (`GANTrainer._sameness`):

    L = w_a · L_G  +  w_r · (nats a step with which G(m, E(x)) foretells x)  +  w_d · KL(E(x) ‖ normal) / steps
        +  w_s · sameness

`update_ratio` is the number of updates of the discriminator for each one of the generator. More make a stronger
discriminator, and a slower training.

Lesson: notebooks/05_gans.ipynb and 06_musegan.ipynb.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from deepcomposer_lab import metrics
from deepcomposer_lab.datasets import Song, load_dataset
from deepcomposer_lab.encoding.bars import BarGrid, BarsEncoding, encoding_of
from deepcomposer_lab.models.inference import accompaniment, one_thread
from deepcomposer_lab.models.registry import Model, ModelCard, save_model
from deepcomposer_lab.music.composition import Composition, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.networks.musegan import (
    Critic,
    Encoder,
    Generator,
    MuseGANConfig,
    Noise,
    divergence,
    played,
    reconstruction_loss,
    sampled,
)
from deepcomposer_lab.networks.unet_gan import UNetGANConfig, UNetGenerator
from deepcomposer_lab.training.cards import card_of
from deepcomposer_lab.training.checkpoints import follow, read_checkpoint, write_checkpoint
from deepcomposer_lab.training.progress import Progress, Sample
from deepcomposer_lab.training.recipes import GANRecipe
from deepcomposer_lab.training.song_planes import CHORALES, EncodedSong, encoded_piece, encoded_song, songs_of

Batch = tuple[Tensor, list[Tensor]]  # melody (B, 2, M, T), and for each track (B, 2, rows, T)

# What the streams of random numbers are for; with the seed and a count they make each draw its own.
_ORDER, _DISCRIMINATOR, _GENERATOR, _MEASURE = range(4)
MEASURED_SONGS, MEASURED_BARS = 24, 8
SAMPLE_MELODIES = ("ode_to_joy", "frere_jacques")  # in none of the datasets; equally long, so they share their noises
SAMPLE_SEEDS = (7, 8)  # of noise 1 and noise 2
METRICS = ("empty_bar_rate", "distinct_pitches_per_bar", "in_scale_ratio", "polyphonic_rate", "drum_in_pattern")


class Crops:
    """Songs cut into crops of equally many bars, to be drawn in batches.

    A crop starts at every fourth bar, so that the network's phrases are the song's.
    """

    def __init__(self, songs: Sequence[EncodedSong], encoding: BarsEncoding, bars: int) -> None:
        self.songs, self.encoding, self.bars = songs, encoding, bars
        self.starts = [
            (index, bar)
            for index, song in enumerate(songs)
            for bar in range(0, max(1, song.bars - bars + 1), 4)
            if song.tracks[1, :, bar * encoding.steps_per_bar : (bar + bars) * encoding.steps_per_bar].any()
        ]

    def __len__(self) -> int:
        return len(self.starts)

    def song_of(self, crop: int) -> EncodedSong:
        """Return the song that a crop is cut from."""
        return self.songs[self.starts[crop][0]]

    def batch(self, chosen: Sequence[int]) -> Batch:
        """Return some crops as tensors; what a short song lacks is silence."""
        steps = self.bars * self.encoding.steps_per_bar
        melody = np.zeros((len(chosen), 2, self.encoding.melody.rows, steps), dtype=np.float32)
        tracks = np.zeros((len(chosen), 2, self.encoding.rows, steps), dtype=np.float32)
        for place, crop in enumerate(chosen):
            index, bar = self.starts[crop]
            first = bar * self.encoding.steps_per_bar
            for planes, whole in ((melody, self.songs[index].melody), (tracks, self.songs[index].tracks)):
                part = whole[:, :, first : first + steps]
                planes[place, :, :, : part.shape[2]] = part
        together = torch.from_numpy(tracks)
        return torch.from_numpy(melody), [together[:, :, part] for part in self.encoding.slices]


def config_of(recipe: GANRecipe, encoding: BarsEncoding) -> MuseGANConfig:
    """Return the sizes of a recipe's networks."""
    sizes = UNetGANConfig if recipe.network == "unet_gan" else MuseGANConfig
    return sizes(
        **encoding.sizes(),
        bar_width=recipe.bar_width,
        beat_width=recipe.beat_width,
        step_width=recipe.step_width,
        critic_width=recipe.critic_width,
    )


def generator_of(config: MuseGANConfig) -> Generator | UNetGenerator:
    """Return a generator of these sizes, yet to be trained."""
    return UNetGenerator(config) if isinstance(config, UNetGANConfig) else Generator(config)


class GANTrainer:
    """Trains one GAN. Iterate over it: each step of the iteration is one update of one of the two networks.

    Or take updates one at a time, in any order: `discriminator_step()`, `generator_step()`, and `update()`, which takes
    the one that is due. The same recipe on the same machine gives the same weights, whether or not the training was
    broken off and went on from its checkpoint: each update draws from random numbers of its own, known by its count.

    Parameters
    ----------
    recipe : GANRecipe
    songs, validation_songs : sequence of Song, optional
        What it learns from and what it is measured on; the recipe's dataset by default.
    checkpoint : Path, optional
        Where the state is kept every `checkpoint_interval` updates; a training that finds its own goes on from it.

    Attributes
    ----------
    step, total_steps : int
        Updates of the generator so far, and in all.
    discriminator_updates : int
    pairs : dict of str to Pair
        Two melodies that no dataset holds with two noises each, by names such as "Ode to Joy, noise 1".
    samples : list of (float, dict of str to Composition)
        The epoch, and what the averaged generator made then of each of the pairs, by its name; epoch 0 first.
    band : dict of str to (float, float)
        The five metrics of the real accompaniments: the range that the middle half of the songs lies in.
    measured : list of (float, dict)
        The epoch, and the five metrics of what was made then.
    """

    def __init__(
        self,
        recipe: GANRecipe,
        *,
        songs: Sequence[Song] | None = None,
        validation_songs: Sequence[Song] | None = None,
        checkpoint: Path | None = None,
    ) -> None:
        self.recipe, self.checkpoint = recipe, checkpoint
        self.encoding = encoding_of(recipe.genre)
        self.config = config_of(recipe, self.encoding)
        self.dataset = _dataset_card(recipe.dataset) if songs is None else {"name": "own songs", "songs": len(songs)}
        songs = songs_of(recipe.dataset, "train") if songs is None else songs
        if validation_songs is None:
            own = self.dataset["name"] == "own songs"
            validation_songs = songs if own else songs_of(recipe.dataset, "validation")
        if recipe.songs:
            songs = songs[:: max(1, len(songs) // recipe.songs)][: recipe.songs]
        self.crops = self._crops(songs, recipe.crop_bars)
        self.validation = self._crops(validation_songs, MEASURED_BARS)
        torch.manual_seed(recipe.seed)
        self.generator, self.encoder = generator_of(self.config), Encoder(self.config)
        self.discriminator = Critic(self.config)
        if recipe.loss == "hinge":
            for module in list(self.discriminator.modules()):
                if isinstance(module, nn.Conv1d):
                    spectral_norm(module)
        self.average = copy.deepcopy(self.generator).eval()
        self.generator_optimizer = torch.optim.Adam(
            [*self.generator.parameters(), *self.encoder.parameters()], lr=recipe.learning_rate, betas=(0.5, 0.95)
        )
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=recipe.discriminator_learning_rate, betas=(0.0, 0.95)
        )
        self.steps_per_epoch = math.ceil(len(self.crops) / recipe.batch_size)
        self.total_steps = self.steps_per_epoch * recipe.epochs
        self.step, self.discriminator_updates, self.seconds = 0, 0, 0.0
        self._since_generator = 0  # discriminator updates since the generator's last
        self._recent: dict[str, float] = {}
        self.pairs = fixed_pairs(self.config, self.encoding)
        self.samples: list[Sample] = []
        self.measured: list[tuple[float, dict[str, float]]] = []
        self.band = self._band()
        if checkpoint is not None and checkpoint.exists():
            self._restore(checkpoint)
        elif not self.measured:
            self._look()

    # --- Data -------------------------------------------------------------------------------------------------

    def _crops(self, songs: Sequence[Song], bars: int) -> Crops:
        crops = Crops([encoded_song(song, self.encoding) for song in songs], self.encoding, bars)
        if not len(crops):
            raise ValueError(
                f"There is nothing to learn from: none of the {len(songs)} songs plays a track that the genre "
                f"{self.recipe.genre!r} asks for ({', '.join(window.role for window in self.encoding.tracks)})."
            )
        return crops

    def _numbers(self, stream: int, count: int) -> np.random.Generator:
        return np.random.default_rng([self.recipe.seed, stream, count])

    def _batch(self, stream: int, count: int) -> Batch:
        """Return the batch of an update: an epoch shows every crop once, in an order of its own."""
        epoch, place = divmod(count, self.steps_per_epoch)
        order = self._numbers(_ORDER + 4 * stream, epoch).permutation(len(self.crops))
        size = self.recipe.batch_size
        chosen = order[place * size : (place + 1) * size]
        if len(chosen) < size:  # the last batch is filled up from the front
            chosen = np.concatenate([chosen, np.resize(order, size - len(chosen))])
        return self.crops.batch(chosen.tolist())

    def _chance(self, stream: int, count: int) -> torch.Generator:
        return torch.Generator().manual_seed(int(self._numbers(stream, count).integers(2**62)))

    # --- Updates ----------------------------------------------------------------------------------------------

    @property
    def next_update(self) -> str:
        """Which network's update is due: "discriminator" or "generator"."""
        return "discriminator" if self._since_generator < self.recipe.update_ratio else "generator"

    def update(self) -> Progress:
        """Take the update that is due."""
        return self.discriminator_step() if self.next_update == "discriminator" else self.generator_step()

    def __iter__(self) -> Iterator[Progress]:
        while self.step < self.total_steps:
            yield self.update()

    @one_thread()
    def discriminator_step(self) -> Progress:
        """Update the discriminator alone: real bars up, made ones down."""
        began = time.perf_counter()
        melody, real = self._batch(_DISCRIMINATOR, self.discriminator_updates)
        chance = self._chance(_DISCRIMINATOR, self.discriminator_updates)
        with torch.no_grad():
            made = self._played(self.generator(melody, self._noise(melody, chance)))
        real_scores, made_scores = self.discriminator(melody, real), self.discriminator(melody, made)
        if self.recipe.loss == "hinge":
            loss = (1 - real_scores).relu().mean() + (1 + made_scores).relu().mean()
        else:
            loss = made_scores.mean() - real_scores.mean()
            loss = loss + self.recipe.penalty_weight * self._gradient_penalty(melody, real, made, chance)
        self._rate(self.discriminator_optimizer, self.recipe.discriminator_learning_rate)
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.discriminator.parameters(), math.inf)
        self.discriminator_optimizer.step()
        self.discriminator_updates += 1
        self._since_generator += 1
        return self._told(
            began,
            "discriminator",
            {"discriminator": loss},
            {"real": real_scores.mean(), "generated": made_scores.mean()},
            norm,
        )

    @one_thread()
    def generator_step(self) -> Progress:
        """Update the generator (and the encoder that helps it) alone: to be scored high, and to foretell real bars."""
        began = time.perf_counter()
        recipe = self.recipe
        melody, real = self._batch(_GENERATOR, self.step)
        chance = self._chance(_GENERATOR, self.step)
        means, deviations = self.encoder(real)
        reading = self.generator.read(melody)  # of the melody, once: three answers to it follow
        logits = self.generator.answer(reading, sampled(means, deviations, chance))
        tracks = zip(logits, real, self.config.track_kinds, strict=True)
        reconstruction = torch.stack([reconstruction_loss(*one) for one in tracks]).sum()
        tax = divergence(means, deviations) / melody.shape[-1]
        again = self._played(logits)
        made = self._played(self.generator.answer(reading, self._noise(melody, chance)))
        self.discriminator.requires_grad_(False)  # its weights stay, and what they would need is not computed
        made_scores = self.discriminator(melody, made)
        adversarial = -made_scores.mean() - 0.5 * self.discriminator(melody, again).mean()
        self.discriminator.requires_grad_(True)
        half = (len(melody) + 1) // 2  # that much tells as well, and costs half
        other = self._played(self.generator.answer(reading.first(half), self._noise(melody[:half], chance)))
        sameness = self._sameness([track[:half] for track in made], other, real)
        loss = (
            recipe.adversarial_weight * adversarial
            + recipe.diversity_weight * sameness
            + recipe.reconstruction_weight * reconstruction
            + recipe.divergence_weight * tax
        )
        self._rate(self.generator_optimizer, recipe.learning_rate)
        self.generator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        weights = [*self.generator.parameters(), *self.encoder.parameters()]
        norm = nn.utils.clip_grad_norm_(weights, recipe.gradient_clip)
        self.generator_optimizer.step()
        self.step += 1
        self._since_generator = 0
        follow(self.average, self.generator, self.step, recipe.average_decay)
        losses = {
            "generator": loss,
            "adversarial": adversarial,
            "reconstruction": reconstruction,
            "divergence": tax * melody.shape[-1],
            "sameness": sameness,
        }
        return self._told(began, "generator", losses, {"generated": made_scores.mean()}, norm)

    def _noise(self, melody: Tensor, chance: torch.Generator | None) -> Noise:
        return Noise.draw(self.config, len(melody), melody.shape[-1] // self.config.steps_per_bar, chance)

    def _played(self, logits: Sequence[Tensor]) -> list[Tensor]:
        """Return what a generator says as planes of 0 and 1."""
        return played(self.config, logits)

    def _sameness(self, made: Sequence[Tensor], other: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
        """Return by how much two accompaniments of one melody lie nearer than `least_diversity` asks for; at least 0.

        The measure is how far those of two different songs lie apart. Without it a generator may learn to make one
        thing only ("mode seeking", Mao et al. 2019, equation 5).
        """
        asked = (
            self.recipe.least_diversity * torch.stack([apart(track, track.roll(1, dims=0)) for track in real]).mean()
        )
        found = torch.stack([apart(*pair) for pair in zip(made, other, strict=True)]).mean()
        return ((asked - found) / asked.clamp_min(1e-3)).relu()

    def _gradient_penalty(
        self, melody: Tensor, real: Sequence[Tensor], made: Sequence[Tensor], chance: torch.Generator
    ) -> Tensor:
        """Return E[(‖∇D‖ − 1)²] somewhere on the way from real to made bars (Gulrajani et al. 2017, section 4)."""
        share = torch.rand(len(melody), 1, 1, 1, generator=chance)
        between = [
            (share * one + (1 - share) * other).requires_grad_(True) for one, other in zip(real, made, strict=True)
        ]
        scores = self.discriminator(melody, between).mean(dim=1).sum()
        gradients = torch.autograd.grad(scores, between, create_graph=True)
        squares = torch.stack([gradient.square().sum(dim=(1, 2, 3)) for gradient in gradients]).sum(dim=0)  # (B,)
        return ((squares + 1e-8).sqrt() - 1).square().mean()

    def _rate(self, optimizer: torch.optim.Optimizer, peak: float) -> None:
        """Set the learning rate: constant, then from `decay_share` before the end on a straight line towards 0."""
        left = max(0.0, 1 - self.step / max(1, self.total_steps))
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1.0, max(0.02, left / max(1e-9, self.recipe.decay_share)))

    def _told(
        self,
        began: float,
        updated: str,
        losses: Mapping[str, Tensor],
        scores: Mapping[str, Tensor],
        norm: Tensor,
    ) -> Progress:
        """Keep what an update cost and say how it went; at an epoch's end also what is made by then."""
        told = {name: float(value.detach()) for name, value in losses.items()}
        self._recent |= told
        epoch = self.step / self.steps_per_epoch
        measured: dict[str, float] = {}
        if updated == "generator" and (self.step % self.steps_per_epoch == 0 or self.step == self.total_steps):
            measured = self._look()
        self.seconds += time.perf_counter() - began
        done = self.step + self.discriminator_updates / max(1, self.recipe.update_ratio)
        progress = Progress(
            step=self.step,
            total_steps=self.total_steps,
            epoch=epoch,
            loss=self._recent.get("generator", 0.0),
            metrics=measured,
            seconds=self.seconds,
            seconds_left=self.seconds / max(1.0, done) * max(0.0, 2 * self.total_steps - done),
            losses=told,
            scores={name: float(value.detach()) for name, value in scores.items()},
            gradient_norms={updated: float(norm)},
            updated=updated,
        )
        due = updated == "generator" and self.step % self.recipe.checkpoint_interval == 0
        if self.checkpoint is not None and (due or self.step == self.total_steps):
            self.keep(self.checkpoint)
        return progress

    # --- Looking and listening ----------------------------------------------------------------------------------

    @one_thread()
    @torch.no_grad()
    def _look(self) -> dict[str, float]:
        """Measure what the averaged generator makes of validation melodies, and let it play the fixed pairs again."""
        epoch = self.step / self.steps_per_epoch
        melody, _ = self._measured_batch()
        made = self._played(self.average(melody, self._noise(melody, self._chance(_MEASURE, 0))))
        found = self._five_metrics(made)
        figures = {name: float(np.mean(values)) for name, values in _answered(found).items()}
        self.measured.append((epoch, figures))
        self._listen()
        return figures

    @one_thread()
    @torch.no_grad()
    def _listen(self) -> None:
        """Keep what the averaged generator makes of every fixed pair by now."""
        music = {name: accompany(self.average, self.encoding, pair) for name, pair in self.pairs.items()}
        self.samples.append((self.step / self.steps_per_epoch, music))

    @property
    def _measured_crops(self) -> list[int]:
        count = len(self.validation)
        return list(range(0, count, max(1, count // MEASURED_SONGS)))[:MEASURED_SONGS]

    def _measured_batch(self) -> Batch:
        return self.validation.batch(self._measured_crops)

    def _five_metrics(self, tracks: Sequence[Tensor]) -> list[dict[str, float]]:
        """Return the five metrics of each accompaniment to the measured melodies, in the mode of its song."""
        return [
            five_metrics(
                self.encoding, [track[index].numpy() for track in tracks], minor=self.validation.song_of(crop).minor
            )
            for index, crop in enumerate(self._measured_crops)
        ]

    def _band(self) -> dict[str, tuple[float, float]]:
        _, real = self._measured_batch()
        return {name: _middle_half(values) for name, values in _answered(self._five_metrics(real)).items()}

    @one_thread()
    @torch.no_grad()
    def score(self, music: Composition | Melody, *, key: str | None = None) -> list[float]:
        """Return what the discriminator makes of each bar of a piece: high is real, low is made.

        Parameters
        ----------
        music : Composition or Melody
            The melody, and beside it the tracks it judges, by their names: "Alto", "Bass" …
        key : str, optional
            The piece's key, as the discriminator hears everything in C; estimated unless told otherwise.

        Raises
        ------
        ValueError
            When there is no melody, or `key` is none.
        """
        one = encoded_piece(as_composition(music), self.encoding, key)
        tracks = [torch.from_numpy(planes)[None] for planes in self.encoding.split(one.tracks.astype(np.float32))]
        self.discriminator.eval()  # or to be asked would change it: spectral normalisation estimates as it goes
        try:
            scores = self.discriminator(torch.from_numpy(one.melody).float()[None], tracks)
        finally:
            self.discriminator.train()
        return scores[0].tolist()

    # --- Keeping ------------------------------------------------------------------------------------------------

    def model(self, name: str, *, description: str = "", extra: Mapping[str, Any] | None = None) -> Model:
        """Return the averaged generator as a model: the next version of that name, not yet saved.

        Parameters
        ----------
        name, description : str
        extra : mapping, optional
            More for its card.
        """
        card = card_of(
            name,
            self.recipe,
            self.average,
            architecture=self.recipe.network,
            config=self.config,
            encoding=self.encoding,
            dataset=self.dataset,
            progress={
                "steps": self.step,
                "discriminator_updates": self.discriminator_updates,
                "epochs": self.step / self.steps_per_epoch,
                "seconds": round(self.seconds),
            },
            metrics=self.measured[-1][1] | {f"loss.{name}": value for name, value in self._recent.items()},
            description=description,
            extra={
                "five_metrics_of_the_data": {name: list(edges) for name, edges in self.band.items()},
                **(extra or {}),
            },
        )
        return Model(card, copy.deepcopy(self.average), self.encoding)

    def save(self, name: str, *, description: str = "", directory: Path | None = None) -> ModelCard:
        """Save the averaged generator as the next version of a model, with everything that is known of it.

        Raises
        ------
        ModelError
            When it cannot be written under that name.
        """
        model = self.model(name, description=description)
        return save_model(model.card, model.network, directory)

    def snapshots(
        self,
        name: str,
        epochs: Sequence[int],
        *,
        directory: Path | None = None,
        report: Callable[[str], None] | None = None,
    ) -> Iterator[Progress]:
        """Train on to the end, and keep a model after each of some epochs: `<name>_epoch_00`, `<name>_epoch_01` …

        They let one hear how noise becomes music without training. Epochs beyond the recipe's, and those that a
        training from a checkpoint has behind it, are left out; one that is reached a second time after a break is kept
        a second time, as the next version.

        Parameters
        ----------
        name : str
        epochs : sequence of int
        directory : Path, optional
            Where the models go; the learner's own by default.
        report : callable (str), optional
            Told each model's name and version.

        Yields
        ------
        Progress
            Of every update; a model is written when the update after its epoch is asked for.

        Raises
        ------
        ModelError
            When one cannot be written under its name.
        """
        for epoch in sorted(epoch for epoch in set(epochs) if epoch <= self.recipe.epochs):
            while self.step < epoch * self.steps_per_epoch:
                yield self.update()
            if self.step == epoch * self.steps_per_epoch:
                said = f"A snapshot of a training by {self.recipe.name}, after {epoch} of {self.recipe.epochs} epochs."
                model = self.model(f"{name}_epoch_{epoch:02}", description=said, extra={"snapshot_of": name})
                card = save_model(model.card, model.network, directory)
                if report is not None:
                    report(card.stem)
        yield from self

    def keep(self, path: Path) -> None:
        """Write the whole state, so that a training can go on from it; the file is exchanged in one step."""
        state = {
            **{name: part.state_dict() for name, part in self._parts().items()},
            "step": self.step,
            "discriminator_updates": self.discriminator_updates,
            "since_generator": self._since_generator,
            "seconds": self.seconds,
            "recent": self._recent,
            "measured": self.measured,
            "samples": [
                (epoch, {name: _plain(piece) for name, piece in music.items()}) for epoch, music in self.samples
            ],
        }
        write_checkpoint(path, self.recipe.as_dict(), state)

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "encoder": self.encoder,
            "discriminator": self.discriminator,
            "average": self.average,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def _restore(self, path: Path) -> None:
        state = read_checkpoint(path, self.recipe.as_dict())
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step, self.discriminator_updates = state["step"], state["discriminator_updates"]
        self._since_generator, self.seconds = state["since_generator"], state["seconds"]
        self._recent, self.measured = state["recent"], [(epoch, dict(found)) for epoch, found in state["measured"]]
        self.samples = [
            (epoch, {name: _from_plain(tracks, self.pairs[name].melody) for name, tracks in music.items()})
            for epoch, music in state["samples"]
            if [*music] == [*self.pairs]  # an earlier version of this package kept other music
        ]
        if not self.samples:
            self._listen()


def _answered(found: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Return each metric's values where it has an answer; one that has none, as of drums without drums, is left out."""
    values = {name: [one[name] for one in found if not math.isnan(one[name])] for name in METRICS}
    return {name: answers for name, answers in values.items() if answers}


def _middle_half(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(values, (25, 75))
    return float(low), float(high)


def _dataset_card(name: str) -> dict[str, Any]:
    """Return what a model's card says of its data; several datasets joined by "+" stand side by side."""
    cards = [load_dataset(part).card for part in name.split("+")]
    if len(cards) == 1:
        return {**cards[0], "name": name}
    return {
        "name": name,
        "licence": "; ".join(str(card.get("licence", "")) for card in cards),
        "sha256": "+".join(str(card.get("sha256", "")) for card in cards),
        "parts": cards,
    }


def apart(one: Tensor, other: Tensor) -> Tensor:
    """Return how far planes lie apart: the share of sounding cells that one has and the other has not, 0–1, a scalar.

    (B, 2, rows, T) both; 1 − 2 |one ∩ other| / (|one| + |other|), mean over the batch (Dice 1945).
    """
    both = (one * other).sum(dim=(1, 2, 3))
    either = one.sum(dim=(1, 2, 3)) + other.sum(dim=(1, 2, 3))
    return (1 - 2 * both / either.clamp_min(1.0)).mean()


# --- From planes to music -----------------------------------------------------------------------------------------


def five_metrics(
    encoding: BarsEncoding, tracks: Sequence[NDArray[np.float32]], *, minor: bool = False
) -> dict[str, float]:
    """Return the five metrics of an accompaniment's planes, all tracks together.

    The scale is that of C, in which songs are shown: major, or harmonic minor.
    """
    music = Composition(
        tuple(
            Track(
                tuple(BarGrid(encoding, (0.0,), (float("inf"),), (0,), 1).notes(window.read(planes))),
                window.role,
                window.program,
                window.is_drum,
            )
            for window, planes in zip(encoding.tracks, tracks, strict=True)
        )
    )
    used = metrics.pitches_used(music)
    return {
        "empty_bar_rate": metrics.empty_bar_rate(music),
        "distinct_pitches_per_bar": used.distinct_pitches_per_bar,
        "in_scale_ratio": metrics.in_scale_ratio(music, key="C", mode="harmonic minor" if minor else "major"),
        "polyphonic_rate": metrics.polyphonic_rate(music),
        "drum_in_pattern": metrics.drum_in_pattern(music),
    }


@dataclass(frozen=True)
class Pair:
    """A melody and a noise that stay the same for a whole training: what changes in their music is the training alone.

    Parameters
    ----------
    melody : Composition
        In C, of one track.
    noise : Noise
        Of one piece, for as many bars as the melody has.
    """

    melody: Composition
    noise: Noise


def fixed_pairs(config: MuseGANConfig, encoding: BarsEncoding) -> dict[str, Pair]:
    """Return what training lets one hear epoch by epoch: each of `SAMPLE_MELODIES` with the noise of each seed.

    Two noises to a melody show whether noise means anything (where both sound alike, the generator ignores it), and
    two melodies to a noise whether the generator listens to what it accompanies.
    """
    melodies = [as_composition(sample_melody(name)) for name in SAMPLE_MELODIES]
    return {
        f"{melody.title}, noise {number}": Pair(
            melody,
            Noise.draw(config, 1, BarGrid.of(melody, encoding).bars, torch.Generator().manual_seed(seed)),
        )
        for melody in melodies
        for number, seed in enumerate(SAMPLE_SEEDS, start=1)
    }


def accompany(generator: nn.Module, encoding: BarsEncoding, pair: Pair) -> Composition:
    """Return what a generator makes of a pair: the melody, and the accompaniment that it adds."""
    [melody] = pair.melody.tracks
    grid = BarGrid.of(pair.melody, encoding)
    planes = encoding.melody.draw(grid.place(melody.notes), grid.steps)
    made = accompaniment(generator, planes, [part[0].numpy() for part in pair.noise])
    added = [
        Track(tuple(grid.notes(window.read(planes), 70)), window.role.capitalize(), window.program, window.is_drum)
        for window, planes in zip(encoding.tracks, made, strict=True)
    ]
    return pair.melody.with_tracks([melody, *added])


def _plain(music: Composition) -> list[dict[str, Any]]:
    """Return a sample's tracks as plain values, its notes as one tensor; its tempo and metre are its melody's."""
    return [
        {
            "notes": torch.tensor(
                [(note.onset, note.pitch, note.duration, note.velocity) for note in track.notes], dtype=torch.float64
            ),  # (N, 4): thousands of notes are read at once, where tuples would be unpickled one by one
            "name": track.name,
            "program": track.program,
            "is_drum": track.is_drum,
        }
        for track in music.tracks
    ]


def _from_plain(tracks: Sequence[Mapping[str, Any]], melody: Composition) -> Composition:
    return melody.with_tracks(
        [
            Track(
                tuple(
                    Note(onset, int(pitch), duration, int(velocity))
                    for onset, pitch, duration, velocity in track["notes"].tolist()
                ),
                track["name"],
                track["program"],
                track["is_drum"],
            )
            for track in tracks
        ]
    )


__all__ = [
    "CHORALES",
    "Crops",
    "GANTrainer",
    "Pair",
    "accompany",
    "config_of",
    "five_metrics",
    "fixed_pairs",
    "generator_of",
]
