"""Average precision against sums by hand."""

import math

import numpy as np
import pytest

from deepcomposer_lab.training.ranking import average_precision


def test_perfect_worst_and_in_between():
    assert average_precision([1, 1, 0, 0], [4, 3, 2, 1]) == 1
    assert average_precision([0, 0, 0, 1], [4, 3, 2, 1]) == pytest.approx(1 / 4)
    # hits at ranks 1 and 3 of 4: (1/1 + 2/3) / 2
    assert average_precision([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx((1 + 2 / 3) / 2)


def test_equal_scores_give_chance_whatever_the_order():
    assert average_precision([1, 0, 0, 0, 0], [7] * 5) == pytest.approx(0.2)
    assert average_precision([0, 0, 0, 0, 1], [7] * 5) == pytest.approx(0.2)


def test_only_the_order_of_scores_counts():
    random = np.random.default_rng(0)
    labels, scores = random.random(200) < 0.1, random.normal(size=200)
    assert average_precision(labels, scores) == pytest.approx(average_precision(labels, np.exp(3 * scores)))


def test_nothing_right_is_no_number():
    assert math.isnan(average_precision([0, 0], [1, 2]))
