"""Bootstrap intervals: weights that add up, and figures that agree with joining the pieces' notes anew each time."""

import numpy as np
import pytest

from deepcomposer_lab.benchmarks.intervals import Estimate, average_precision, bootstrap_weights, mean, ratio
from deepcomposer_lab.training import ranking


def test_the_first_row_takes_every_piece_once_and_each_other_as_many_with_replacement():
    weights = bootstrap_weights(7, 50)
    assert weights.shape == (51, 7)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 7).all()
    assert (weights[1:] != 1).any(axis=1).all()  # 50 draws of 7 out of 7 in which each comes once: as good as never
    assert np.array_equal(weights, bootstrap_weights(7, 50))
    assert weights[1:].mean() == pytest.approx(1)


def test_average_precision_agrees_with_taking_the_pieces_note_by_note():
    random = np.random.default_rng(3)
    piece = np.repeat(np.arange(5), [4, 30, 1, 12, 20])
    labels = random.random(len(piece)) < 0.3
    labels[piece == 3] = False  # a piece in which nothing is right
    scores = np.round(random.random(len(piece)) + 0.4 * labels, 1)  # with ties
    weights = bootstrap_weights(5, 40)
    found = average_precision(labels, scores, piece, weights)
    for row, value in zip(weights, found, strict=True):
        taken = np.concatenate([np.flatnonzero(piece == i) for i in range(5) for _ in range(int(row[i]))])
        expected = ranking.average_precision(labels[taken], scores[taken])
        assert value == pytest.approx(expected, nan_ok=True)


def test_average_precision_by_hand():
    labels, scores = np.array([1, 0, 1, 0], dtype=bool), np.array([4.0, 3.0, 2.0, 1.0])
    # Named 1st and 3rd: (1/1 + 2/3) / 2. Taken alone, the second half names one right thing first.
    weights = np.array([[1.0, 1.0], [0.0, 2.0], [2.0, 0.0]])
    assert average_precision(labels, scores, np.array([0, 0, 1, 1]), weights) == pytest.approx([5 / 6, 1.0, 1.0])
    nothing = average_precision(np.zeros(4, dtype=bool), scores, np.array([0, 0, 1, 1]), weights)
    assert np.isnan(nothing).all()


def test_ratios_and_means_by_hand():
    weights = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
    assert ratio([1, 3], [2, 4], weights) == pytest.approx([4 / 6, 1 / 2, 3 / 4])
    assert mean([1.0, np.nan], weights) == pytest.approx([1.0, 1.0, np.nan], nan_ok=True)
    assert ratio([1, 0], [2, 0], weights) == pytest.approx([1 / 2, 1 / 2, np.nan], nan_ok=True)


def test_the_interval_holds_the_figure_and_narrows_with_more_pieces():
    few, many = np.arange(10.0), np.tile(np.arange(10.0), 20)
    wide = Estimate.of(mean(few, bootstrap_weights(10, 500)))
    narrow = Estimate.of(mean(many, bootstrap_weights(200, 500)))
    assert wide.value == narrow.value == 4.5
    assert wide.low < 4.5 < wide.high
    assert narrow.high - narrow.low < (wide.high - wide.low) / 3
    # The mean of n of 0 … 9 has the deviation √(8.25 / n).
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * np.sqrt(8.25 / 200), rel=0.15)
    assert str(Estimate(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"


def test_without_a_figure_there_is_no_interval():
    estimate = Estimate.of(np.array([np.nan, 1.0, 2.0]))
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
