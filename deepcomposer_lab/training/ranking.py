"""How well scores put the right things first: the figure by which detection is judged."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the precision–recall steps: Σ (R_n − R_{n−1}) P_n over falling thresholds.

    Things with equal scores count as named at once, so a constant score gives the share of right things: chance.

    Parameters
    ----------
    labels : array_like, shape (N,)
        1 (or true) for the things that should be named.
    scores : array_like, shape (N,)
        Higher means named earlier.

    Returns
    -------
    float
        Between the share of right things (chance) and 1; NaN when nothing is right.
    """
    labels, scores = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=float)
    if not labels.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last_of_its_score = np.append(np.diff(scores[order]) != 0, True)
    named = np.flatnonzero(last_of_its_score) + 1
    precision, recall = hits[named - 1] / named, hits[named - 1] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
