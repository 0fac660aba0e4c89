"""How sure a figure is: bootstrap intervals over pieces.

Notes of one piece resemble each other, so pieces are drawn, not notes: a resample takes as many pieces as there are,
with replacement, and the figure is computed anew (Efron 1979). A figure here is a function of *weights*, how often each
piece is taken: the first row of the weights takes every piece once and gives the figure itself, the others its
resamples. That is exact, and a hundred times quicker than joining the pieces' notes anew each time.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Weights = NDArray[np.float64]  # (1 + resamples, pieces): how often each piece is taken
Draws = NDArray[np.float64]  # (1 + resamples,): the figure itself, then its resamples


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Draws) -> Estimate:
        """Take the figure from the first entry and the interval from the others."""
        if np.isnan(draws[0]) or np.isnan(draws[1:]).all():
            return cls(float(draws[0]), float("nan"), float("nan"))
        low, high = np.nanpercentile(draws[1:], [2.5, 97.5])
        return cls(float(draws[0]), float(low), float(high))

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap_weights(pieces: int, resamples: int) -> Weights:
    """Return how often each piece is taken, float64, shape (1 + resamples, pieces); the same every time.

    Row 0 takes every piece once; each other row adds up to `pieces`.
    """
    random = np.random.default_rng(0)
    drawn = random.multinomial(pieces, np.full(pieces, 1 / pieces), size=resamples)
    return np.concatenate([np.ones((1, pieces)), drawn])


def ratio(numerators: ArrayLike, denominators: ArrayLike, weights: Weights) -> Draws:
    """Return Σ numerators / Σ denominators over the pieces taken; NaN where the denominators add up to nothing."""
    above, below = weights @ np.asarray(numerators, dtype=float), weights @ np.asarray(denominators, dtype=float)
    return np.divide(above, below, out=np.full(len(weights), np.nan), where=below != 0)


def mean(values: ArrayLike, weights: Weights) -> Draws:
    """Return the mean over the pieces taken; pieces without a value (NaN) are left out."""
    values = np.asarray(values, dtype=float)
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0), known, weights)


def average_precision(
    labels: NDArray[np.bool_], scores: NDArray[np.float64], piece: NDArray[np.int64], weights: Weights
) -> Draws:
    """Return the average precision over the pieces taken: as `training.ranking.average_precision`, for each row.

    Parameters
    ----------
    labels : ndarray, bool, shape (N,)
        The things that should be named.
    scores : ndarray, float, shape (N,)
        Higher means named earlier; equal scores are named at once.
    piece : ndarray, int, shape (N,)
        The piece that each thing belongs to: a column of `weights`.
    weights : Weights

    Returns
    -------
    ndarray, float64, shape (1 + resamples,)
        NaN where nothing is right.
    """
    pieces = weights.shape[1]
    order = np.argsort(-scores, kind="stable")
    labels, scores, piece = labels[order], scores[order], piece[order]
    # Precision counts where recall rises: at each score that something right has, with all that share it named.
    last = np.append(np.diff(scores) != 0, True)
    group = np.concatenate([[0], np.cumsum(last)[:-1]])
    rising = np.unique(group[labels])
    if not len(rising):
        return np.full(len(weights), np.nan)
    # Things named since the threshold before, by threshold and piece; what comes after the last one is never named.
    bucket = np.searchsorted(rising, group)
    counts = np.zeros((2, len(rising) + 1, pieces))
    np.add.at(counts, (labels.astype(int), bucket, piece), 1)
    right = weights @ counts[1, :-1].T  # (rows, thresholds)
    hits, named = right.cumsum(axis=1), (weights @ counts[:, :-1].sum(axis=0).T).cumsum(axis=1)
    precision = np.divide(hits, named, out=np.zeros_like(hits), where=named > 0)
    total = hits[:, -1]
    return np.divide((right * precision).sum(axis=1), total, out=np.full(len(weights), np.nan), where=total > 0)
