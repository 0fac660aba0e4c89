"""Diversity over seeds and the nearest training bar."""

from __future__ import annotations

import numpy as np
import pytest

from deepcomposer_lab.benchmarks.intervals import bootstrap_weights
from deepcomposer_lab.benchmarks.novelty import (
    accompaniment_distance,
    bars_of,
    diversity,
    median,
    nearest_training_bars,
    real_diversity,
    training_bars,
)
from deepcomposer_lab.encoding.bars import BarsEncoding, TrackWindow

ENCODING = BarsEncoding(
    TrackWindow("melody", "line", 48, 40), (TrackWindow("drums", "drums", rows=2), TrackWindow("keys", "chords", 48, 5))
)


def planes(seed: int, bars: int = 2, share: float = 0.2) -> np.ndarray:
    return (np.random.default_rng(seed).random((2, 7, 16 * bars)) < share).astype(np.uint8)


def test_the_distance_is_the_share_of_cells_that_differ_track_by_track() -> None:
    one, other = (np.zeros((2, 7, 16), dtype=np.uint8) for _ in range(2))
    assert accompaniment_distance(one, other, ENCODING) == 0  # both silent
    one[0, 0, 0] = other[0, 0, 0] = 1
    one[0, 1, 3] = 1  # drums: one of two cells differs; the keys, silent in both, say nothing
    assert accompaniment_distance(one, other, ENCODING) == 0.5
    other[1, 4, 8] = 1  # keys: nothing in common
    assert accompaniment_distance(one, other, ENCODING) == 0.75
    assert accompaniment_distance(one, one, ENCODING) == 0


def test_one_accompaniment_for_every_seed_has_no_diversity() -> None:
    real = [planes(seed) for seed in range(6)]
    assert diversity([real, real, real], ENCODING).tolist() == [0] * 6
    other = [planes(seed) for seed in range(6, 12)]
    own = diversity([real, other], ENCODING)
    assert own.mean() == pytest.approx(real_diversity(real, np.arange(6), ENCODING).mean(), abs=0.05)
    # Excerpts of one song are not compared with each other.
    twice = [real[0], real[0], real[1]]
    songs = np.array([0, 0, 1])
    assert real_diversity(twice, songs, ENCODING)[0] == accompaniment_distance(real[0], real[1], ENCODING)


def test_a_training_bar_lies_at_no_distance_from_itself() -> None:
    songs = [planes(seed) for seed in range(30)]
    known = training_bars(songs, ENCODING)
    assert len(known) == 60
    assert nearest_training_bars(bars_of(songs[3], ENCODING), known).tolist() == [0, 0]


def test_the_nearest_bar_is_found_however_many_there_are() -> None:
    songs = [planes(seed, bars=200) for seed in range(20)]
    known = training_bars(songs, ENCODING)
    query = bars_of(planes(99, bars=5), ENCODING)
    cells = np.concatenate([bars_of(song, ENCODING) for song in songs])
    expected = [(bar != cells).sum(axis=1).min() / bar.sum() for bar in query]
    assert nearest_training_bars(query, known) == pytest.approx(expected)
    assert len(training_bars(songs, ENCODING, most=1000)) == 1000


def test_empty_bars_are_left_out_and_kept_once() -> None:
    silence = np.zeros((2, 7, 64), dtype=np.uint8)
    assert len(training_bars([silence], ENCODING)) == 1
    assert np.isnan(nearest_training_bars(bars_of(silence, ENCODING), training_bars([planes(0)], ENCODING))).all()
    # With silence among the training bars nothing is farther away than 1.
    assert nearest_training_bars(bars_of(planes(1), ENCODING), training_bars([silence], ENCODING)).tolist() == [1, 1]


def test_the_median_is_that_of_the_pieces_taken() -> None:
    random = np.random.default_rng(0)
    values, piece = random.random(101), random.integers(0, 10, 101)
    values[5] = np.nan
    weights = bootstrap_weights(10, 20)
    found = median(values, piece, weights)
    for row, weight in zip(found, weights, strict=True):
        drawn = np.repeat(values, weight[piece].astype(int))
        assert row == pytest.approx(np.nanmedian(drawn))
    assert np.isnan(median(np.array([np.nan]), np.array([0]), weights)).all()
