"""The rows of the GAN benchmark: a dataset's held-out excerpts, and what an accompanist of them is held against.

See gan.py for what the rows mean.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.accompaniment import (
    Corpus,
    Excerpt,
    distance_sd,
    distances,
    exchanged,
    exchanges,
    fit_to_melody,
    left_out_gap,
    measure_fit,
    measure_tracks,
    noise_floor_sd,
    silent_tracks,
    solid_tracks,
)
from deepcomposer_lab.benchmarks.held_out import BARS, HeldOut, held_out, joined
from deepcomposer_lab.benchmarks.intervals import Draws, Weights, bootstrap_weights, mean
from deepcomposer_lab.benchmarks.novelty import (
    MOST_BARS,
    bars_of,
    diversity,
    median,
    nearest_training_bars,
    real_diversity,
    training_bars,
)
from deepcomposer_lab.encoding.bars import BarsEncoding
from deepcomposer_lab.models.registry import Model
from deepcomposer_lab.networks.musegan import Noise, played
from deepcomposer_lab.training.song_planes import BytePlanes, EncodedSong, encoded_song, songs_of

PIECES, QUICK_PIECES = 60, 16
SEEDS, QUICK_SEEDS = 4, 2
EXCHANGES = 8
RESAMPLES, QUICK_RESAMPLES = 1000, 200
QUICK_BARS = 4000  # of the training data

# Melodies, each uint8 (2, M, steps), and a seed -> accompaniments, each uint8 (2, R, steps).
Accompany = Callable[[Sequence[BytePlanes], int], list[BytePlanes]]


def accompanist(model: Model) -> Accompany:
    """Return a function that asks a model for accompaniments: one for each melody, other noise for each.

    The melodies have equally many steps.
    """

    @torch.inference_mode()
    def accompany(melodies: Sequence[BytePlanes], seed: int) -> list[BytePlanes]:
        network: Any = model.network
        given = torch.from_numpy(np.stack(melodies)).float()  # (B, 2, M, T)
        bars = given.shape[-1] // model.encoding.steps_per_bar
        noise = Noise.draw(network.config, len(given), bars, torch.Generator().manual_seed(seed))
        made = played(network.config, network(given, noise))
        return list(torch.cat(made, dim=2).numpy().astype(np.uint8))

    return accompany


@dataclass(frozen=True, eq=False)
class Bench:
    """A dataset's held-out excerpts, measured once, and what its training songs have: all models of it share them.

    Parameters
    ----------
    held_out : HeldOut
    tracks, fit : Corpus
        The real accompaniments' own measures.
    exchanged_fit : Corpus
        The same of real accompaniments given to other melodies.
    copied : list of list of Excerpt
        The melodies with accompaniments of training songs.
    known : tuple of ndarray, uint8, shape (training bars, ⌈cells / 8⌉)
        The training bars, packed; of pooled benches each one's.
    parts : ndarray, int64, shape (pieces,)
        Which of these each piece is compared with.
    weights : ndarray, float64, shape (1 + resamples, pieces)
        Of the songs, a column for each piece.
    """

    held_out: HeldOut
    tracks: Corpus
    fit: Corpus
    exchanged_fit: Corpus
    copied: list[list[Excerpt]] = field(repr=False)
    known: tuple[NDArray[np.uint8], ...] = field(repr=False)
    parts: NDArray[np.int64] = field(repr=False)
    weights: Weights = field(repr=False)

    @classmethod
    def of(
        cls,
        found: HeldOut,
        training: Sequence[EncodedSong],
        *,
        seeds: int = SEEDS,
        resamples: int = RESAMPLES,
        most_bars: int = MOST_BARS,
    ) -> Bench:
        """Measure the data's own rows."""
        return cls._measured(
            found,
            [copied(found.excerpts, training, found.encoding, seed) for seed in range(seeds)],
            (training_bars([song.tracks for song in training], found.encoding, most_bars),),
            np.zeros(len(found.excerpts), dtype=np.int64),
            resamples,
        )

    @classmethod
    def pooled(cls, benches: Sequence[Bench], *, resamples: int = RESAMPLES) -> Bench:
        """Return the pieces of several benches as those of one: of folds, which were each held out from other songs.

        All have the same encoding and were made with the same number of seeds.
        """
        parts = np.repeat(np.arange(len(benches)), [len(bench.held_out.excerpts) for bench in benches])
        return cls._measured(
            joined([bench.held_out for bench in benches]),
            [list(chain(*versions)) for versions in zip(*(bench.copied for bench in benches), strict=True)],
            tuple(known for bench in benches for known in bench.known),
            parts,
            resamples,
        )

    @classmethod
    def _measured(
        cls,
        found: HeldOut,
        copies: list[list[Excerpt]],
        known: tuple[NDArray[np.uint8], ...],
        parts: NDArray[np.int64],
        resamples: int,
    ) -> Bench:
        pieces = found.excerpts
        others = [
            [exchanged(pieces[one], pieces[other]) for one, other in enumerate(given)]
            for given in exchanges(pieces, EXCHANGES)
        ]
        by_song = bootstrap_weights(len(np.unique(found.songs)), resamples)
        return cls(
            found,
            Corpus.of([list(map(measure_tracks, pieces))]),
            Corpus.of([list(map(measure_fit, pieces))]),
            Corpus.of([list(map(measure_fit, row)) for row in others]),
            copies,
            known,
            parts,
            by_song[:, np.searchsorted(np.unique(found.songs), found.songs)],
        )

    def data_figures(self) -> dict[str, Draws]:
        """Return the figures that need no model: the rows beside it."""
        found = self.held_out
        floor = noise_floor_sd(self.tracks, found.songs)
        figures = {
            "noise_floor_sd": floor,
            "shuffled_fit_to_melody": fit_to_melody(self.exchanged_fit, self.fit, self.weights),
            "nearest_training_bar.real": self._nearest([found.tracks]),
            "diversity.real": mean(real_diversity(found.tracks, found.songs, found.encoding), self.weights),
        }
        figures |= _by_name("data", self.tracks, self.weights) | _by_name("data", self.fit, self.weights)
        figures |= _by_name("shuffled", self.exchanged_fit, self.weights)
        return figures | self.compared("copied", self.copied)

    def compared(self, row: str, versions: Sequence[Sequence[Excerpt]]) -> dict[str, Draws]:
        """Return a row's distance, fit and measures, named `<row>.<figure>`, the model's without a row's name."""
        tracks = Corpus.of([list(map(measure_tracks, version)) for version in versions])
        fit = Corpus.of([list(map(measure_fit, version)) for version in versions])
        prefix = f"{row}." if row else ""
        apart = distances(tracks, self.tracks, self.weights)
        figures = {
            f"{prefix}distance_sd": distance_sd(tracks, self.tracks, self.weights),
            f"{prefix}left_out_gap": left_out_gap(tracks, self.tracks, self.weights),
            f"{prefix}fit_to_melody": fit_to_melody(fit, self.fit, self.weights),
            **_by_name(row or "model", tracks, self.weights),
            **_by_name(row or "model", fit, self.weights),
            **{f"{prefix}distance.{name}": apart[:, index] for index, name in enumerate(tracks.names)},
        }
        for window in self.held_out.encoding.tracks:
            if window.is_drum:
                name = f"{window.role}.drum_in_pattern"
                gap = mean(tracks.column(name), self.weights) - mean(self.tracks.column(name), self.weights)
                figures[f"{prefix}drum_in_pattern_gap"] = 100 * abs(gap)
        return figures

    def model_figures(self, made: Sequence[Sequence[BytePlanes]]) -> dict[str, Draws]:
        """Return a model's figures; `made` holds accompaniments by seed, then by piece."""
        found = self.held_out
        versions = [found.with_tracks(version) for version in made]
        figures = self.compared("", versions)
        own = diversity(made, found.encoding)
        real = real_diversity(found.tracks, found.songs, found.encoding)
        figures["diversity_ratio"] = mean(own, self.weights) / mean(real, self.weights)
        figures["nearest_training_bar"] = self._nearest(made)
        together = [excerpt for version in versions for excerpt in version]
        for name, flagged in (("silent", silent_tracks), ("solid", solid_tracks)):
            tracks = flagged(together, found.excerpts)
            figures[f"{name}_tracks"] = np.full(len(self.weights), float(len(tracks)))
        return figures

    def _nearest(self, versions: Sequence[Sequence[BytePlanes]]) -> Draws:
        apart, piece = [], []
        for part, known in enumerate(self.known):
            for index in np.flatnonzero(self.parts == part).tolist():
                bars = np.concatenate([bars_of(version[index], self.held_out.encoding) for version in versions])
                apart.append(nearest_training_bars(bars, known))
                piece.append(np.full(len(bars), index))
        return median(np.concatenate(apart), np.concatenate(piece), self.weights)


def _by_name(row: str, corpus: Corpus, weights: Weights) -> dict[str, Draws]:
    means = corpus.means(weights)
    return {f"{row}.{name}": means[:, index] for index, name in enumerate(corpus.names)}


def copied(
    pieces: Sequence[Excerpt], training: Sequence[EncodedSong], encoding: BarsEncoding, seed: int
) -> list[Excerpt]:
    """Return melodies with eight bars of a random training song each, of the same mode where there is one."""
    random = np.random.default_rng(seed)
    width = BARS * encoding.steps_per_bar
    long = [song for song in training if song.bars >= BARS]
    found = []
    for piece in pieces:
        alike = [song for song in long if song.minor == piece.minor] or long
        song = alike[int(random.integers(len(alike)))]
        start = BARS * int(random.integers(song.bars // BARS)) * encoding.steps_per_bar
        planes = song.tracks[..., start : start + width]
        found.append(exchanged(piece, Excerpt.of(np.zeros_like(planes[:, : encoding.melody.rows]), planes, encoding)))
    return found


def bench_of(data: str, encoding: BarsEncoding, *, quick: bool = False, split: str = "test") -> Bench:
    """Return the bench of a dataset: its held-out songs, and its training songs to compare with.

    Parameters
    ----------
    data : str
        A name that `songs_of` knows.
    encoding : BarsEncoding
    quick : bool
        Few pieces, seeds, resamples and training bars.
    split : str
        Whose songs are held out: "test" or "validation".

    Raises
    ------
    ValueError
        When there is no such dataset, or fewer than two of its songs can be measured.
    """
    return Bench.of(
        held_out(data, encoding, pieces=QUICK_PIECES if quick else PIECES, split=split),
        [encoded_song(song, encoding) for song in songs_of(data, "train")],
        seeds=QUICK_SEEDS if quick else SEEDS,
        resamples=QUICK_RESAMPLES if quick else RESAMPLES,
        most_bars=QUICK_BARS if quick else MOST_BARS,
    )
