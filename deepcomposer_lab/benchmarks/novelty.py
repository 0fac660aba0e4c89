"""Whether a generator makes music of its own: diversity over seeds, and the nearest bar of the training data.

Both compare *cells*: the places of an encoding's planes, onset and sound of each row and step.

*Diversity.* The distance of two accompaniments is, track by track, the share of differing cells among those that at
least one of the two uses (the Jaccard distance), and the mean over the tracks that one of the two plays. So silence
that two have in common says nothing, and drums do not outweigh a bass. `diversity_ratio` divides the mean distance
between accompaniments of the same melody by different seeds by that between real accompaniments of different songs. A
generator that ignores its noise has 0.

*Memory.* For each bar that is not empty: how many cells differ from the nearest training bar, divided by the cells that
the bar uses; the median over bars. 0 is a copy, 1 is as far from any training bar as from silence. Held-out music shows
how much two different songs have in common anyway.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.intervals import Draws, Weights
from deepcomposer_lab.encoding.bars import BarsEncoding
from deepcomposer_lab.training.song_planes import BytePlanes

MOST_BARS = 20_000  # of the training data; of more, every second, third … is taken
_CHUNK = 2048  # training bars at a time: their cells as float32 fit into little memory


def accompaniment_distance(one: BytePlanes, other: BytePlanes, encoding: BarsEncoding) -> float:
    """Return how far two accompaniments, each uint8 (2, rows, steps), lie apart: 0 the same, 1 nothing in common.

    0 where both are silent.
    """
    found = []
    for part in encoding.slices:
        union = np.count_nonzero(one[:, part] | other[:, part])
        if union:
            found.append(np.count_nonzero(one[:, part] ^ other[:, part]) / union)
    return float(np.mean(found)) if found else 0.0


def diversity(versions: Sequence[Sequence[BytePlanes]], encoding: BarsEncoding) -> NDArray[np.float64]:
    """Return, for each melody, the mean distance between its versions, NaN where there is but one: (pieces,).

    Parameters
    ----------
    versions : sequence of sequence of ndarray
        By version, then by piece.
    """
    if len(versions) < 2:
        return np.full(len(versions[0]), np.nan)
    return np.array(
        [
            np.mean([accompaniment_distance(one, other, encoding) for one, other in combinations(piece, 2)])
            for piece in zip(*versions, strict=True)
        ]
    )


def real_diversity(real: Sequence[BytePlanes], songs: NDArray[np.int64], encoding: BarsEncoding) -> NDArray[np.float64]:
    """Return the mean distance of each real accompaniment to those of other songs: (pieces,)."""
    apart = np.full((len(real), len(real)), np.nan)
    for one, other in combinations(range(len(real)), 2):
        if songs[one] != songs[other]:
            apart[one, other] = apart[other, one] = accompaniment_distance(real[one], real[other], encoding)
    return np.nanmean(apart, axis=1)


def bars_of(planes: BytePlanes, encoding: BarsEncoding) -> BytePlanes:
    """Return bars as rows of cells: (2, rows, steps) -> uint8 (bars, 2 · rows · steps_per_bar)."""
    width = encoding.steps_per_bar
    by_bar = planes.reshape(2, planes.shape[1], -1, width).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(by_bar.reshape(by_bar.shape[0], -1))


def training_bars(songs: Sequence[BytePlanes], encoding: BarsEncoding, most: int = MOST_BARS) -> NDArray[np.uint8]:
    """Return the different bars of training accompaniments, eight cells a byte, at most `most` of them."""
    packed = np.concatenate([np.packbits(bars_of(planes, encoding), axis=1) for planes in songs])
    packed = np.unique(packed, axis=0)
    return packed[:: max(1, -(-len(packed) // most))]


def nearest_training_bars(bars: BytePlanes, packed: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return each bar's distance to its nearest training bar, by the cells it uses; NaN where it is empty.

    Parameters
    ----------
    bars : ndarray, uint8, shape (N, cells)
    packed : ndarray, uint8, shape (training bars, ⌈cells / 8⌉)
        As `training_bars` gives them.
    """
    used = bars.sum(axis=1, dtype=np.int64)
    query = bars.astype(np.float32)
    nearest = np.full(len(bars), np.inf)
    for start in range(0, len(packed), _CHUNK):
        known = np.unpackbits(packed[start : start + _CHUNK], axis=1, count=bars.shape[1])
        # What differs is all that either uses, less twice what both use.
        common = query @ known.T.astype(np.float32)
        apart = known.sum(axis=1, dtype=np.int64) - 2 * common
        nearest = np.minimum(nearest, apart.min(axis=1) + used)
    return np.divide(nearest, used, out=np.full(len(bars), np.nan), where=used > 0)


def median(values: NDArray[np.float64], piece: NDArray[np.int64], weights: Weights) -> Draws:
    """Return the median over the pieces taken; NaN among the values are left out, and it is NaN without any.

    Parameters
    ----------
    values : ndarray, float64, shape (N,)
    piece : ndarray, int64, shape (N,)
        The column of `weights` that each belongs to.
    """
    known = ~np.isnan(values)
    values, piece = values[known], piece[known]
    if not len(values):
        return np.full(len(weights), np.nan)
    order = np.argsort(values, kind="stable")
    reached = weights[:, piece[order]].cumsum(axis=1)  # (1 + resamples, N)
    half = reached[:, -1:] / 2
    above = (reached > half + 1e-9).argmax(axis=1)
    at_least = (reached >= half - 1e-9).argmax(axis=1)  # two in the middle: half way between them
    found = (values[order][above] + values[order][at_least]) / 2
    return np.where(reached[:, -1] > 0, found, np.nan)
