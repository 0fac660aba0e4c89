"""What chance decides in a GAN's composing, from seeds: the same seed, the same noise, part by part.

Every part of the noise has random numbers of its own, drawn from the seed, the part and the track. So one track's part
can be drawn anew and everything else stays; and bars are drawn one after the other, so that a longer piece begins with
the noise of a shorter one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_SHARED, _PRIVATE, _SHARED_BAR, _PRIVATE_BAR = range(4)


class DrawnNoise(NamedTuple):
    """The four parts of one piece's noise, as `networks.musegan.Noise` orders them."""

    shared: Numbers  # (S,)
    private: Numbers  # (tracks, P)
    shared_bar: Numbers  # (SB, bars)
    private_bar: Numbers  # (tracks, PB, bars)


def drawn_noise(
    config: Any,
    bars: int,
    seed: int,
    *,
    track_seeds: Mapping[int, int] | None = None,
    blend: tuple[int, float] | None = None,
) -> DrawnNoise:
    """Draw a piece's noise.

    Parameters
    ----------
    config : MuseGANConfig or alike
    bars : int
    seed : int
    track_seeds : mapping of int to int, optional
        Tracks, from 0, whose own noise comes from another seed.
    blend : (int, float), optional
        Another seed, and how much of it, 0–1; see `between`. Tracks of `track_seeds` stay out of it.
    """
    seeds = [seed] * config.tracks
    for track, other in (track_seeds or {}).items():
        seeds[track] = other
    noise = _drawn(config, bars, seed, seeds)
    if blend is None:
        return noise
    other_seed, amount = blend
    others = [seeds[track] if track in (track_seeds or {}) else other_seed for track in range(config.tracks)]
    other_noise = _drawn(config, bars, other_seed, others)
    mixed = DrawnNoise(*(between(one, other, amount) for one, other in zip(noise, other_noise, strict=True)))
    for track in track_seeds or {}:  # halfway between two equal points would lie further out than either
        mixed.private[track], mixed.private_bar[track] = noise.private[track], noise.private_bar[track]
    return mixed


def between(one: Numbers, other: Numbers, amount: float) -> Numbers:
    """Return numbers between two draws of normal numbers: again normal, cos(a π/2) · one + sin(a π/2) · other.

    A straight line between the two would pass near 0, where a generator has hardly been trained: in many dimensions
    normal numbers lie on a shell. The squares of cosine and sine add up to 1, so the variance stays 1.
    """
    if amount in (0, 1):
        return one.copy() if amount == 0 else other.copy()
    return math.cos(amount * math.pi / 2) * one + math.sin(amount * math.pi / 2) * other


def _drawn(config: Any, bars: int, seed: int, track_seeds: list[int]) -> DrawnNoise:
    private = [_random(own, _PRIVATE, track) for track, own in enumerate(track_seeds)]
    private_bar = [_random(own, _PRIVATE_BAR, track) for track, own in enumerate(track_seeds)]
    return DrawnNoise(
        _random(seed, _SHARED).standard_normal(config.shared_noise),
        np.stack([random.standard_normal(config.private_noise) for random in private]),
        _random(seed, _SHARED_BAR).standard_normal((bars, config.shared_bar_noise)).T,  # bar after bar
        np.stack([random.standard_normal((bars, config.private_bar_noise)).T for random in private_bar]),
    )


def _random(seed: int, part: int, track: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(part, track))))
