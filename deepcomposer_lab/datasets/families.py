"""Which songs share a tune, and how songs are divided so that no tune is on two sides.

A split by file leaks: people arrange the same tunes. The rule is the chorales' (datasets/bach_chorales/README.md).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from deepcomposer_lab.datasets.songs import FOLDS, Song

INTERVALS = 6  # of a gram: seven notes
LEAST_SHARED = 0.35  # Dice's coefficient of two melodies' grams from which on they are one tune
_COMMON = 50  # a gram that more songs have is a scale or a trill, and says nothing about who shares what
_FILLING = (2, 3, 4, 1, 0)  # the folds in the order in which they are filled: training, validation, test


def melody_hash(song: Song) -> str:
    """Return a sha256 over the melody's rhythm and intervals: equal for a copy, in any key, at any tempo."""
    melody = song.track_notes(song.tracks[0].role)
    if len(melody):
        melody = melody - [melody[0, 0], melody[0, 1], 0]
    return hashlib.sha256(melody[:, :2].astype("<i8").tobytes()).hexdigest()


def interval_grams(song: Song) -> set[tuple[int, ...]]:
    """Return the melody's runs of `INTERVALS` intervals in semitones, repeated notes counted once."""
    return melody_grams(song.track_notes(song.tracks[0].role)[:, 1])


def melody_grams(pitches: np.ndarray, intervals: int = INTERVALS) -> set[tuple[int, ...]]:
    """Return the runs of so many intervals, in semitones, of a melody; repeated notes count once.

    Parameters
    ----------
    pitches : ndarray of int, shape (n,)
        MIDI pitches in their order.
    """
    steps = np.diff(pitches)
    steps = steps[steps != 0].tolist()
    return {tuple(steps[start : start + intervals]) for start in range(len(steps) - intervals + 1)}


def tune_families(songs: Sequence[Song], groups: Sequence[Hashable] | None = None) -> list[int]:
    """Return a number for each song; songs that share a tune, directly or through others, have the same.

    Two songs share a tune when the grams that both have are at least 35 % of the mean number that they have.

    Parameters
    ----------
    songs : sequence of Song
    groups : sequence, optional
        One entry a song; songs of one group (the passages of a file, the movements of a work) stay together whatever
        their tunes.

    Returns
    -------
    list of int
        Numbered from 0 in the order in which families appear.
    """
    return linked([interval_grams(song) for song in songs], groups)


def linked(grams: Sequence[set[tuple[int, ...]]], groups: Sequence[Hashable] | None = None) -> list[int]:
    """Return the family of each melody, as `tune_families` numbers them, from its grams: see `melody_grams`."""
    parents = list(range(len(grams)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for one, other in sharing(grams):
        parents[root(one)] = root(other)
    first: dict[Hashable, int] = {}
    for index, group in enumerate(groups or ()):
        parents[root(index)] = root(first.setdefault(group, index))
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(index), len(numbers)) for index in range(len(grams))]


def sharing(grams: Sequence[set[tuple[int, ...]]]) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of melodies that are one tune: their Dice coefficient is 0.35 or more."""
    owners: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, own in enumerate(grams):
        for gram in own:
            owners[gram].append(index)
    shared: Counter[tuple[int, int]] = Counter()
    for indices in owners.values():
        if 1 < len(indices) <= _COMMON:
            shared.update(combinations(indices, 2))
    return sorted(
        pair for pair, count in shared.items() if 2 * count >= LEAST_SHARED * sum(len(grams[index]) for index in pair)
    )


def divided(songs: Sequence[Song], groups: Sequence[Hashable] | None = None) -> list[Song]:
    """Return the songs with their families, five folds of about equally many bars, and their splits.

    The largest family goes first, each to the fold that has the fewest bars so far: the same songs always give the
    same folds. Fold 0 is the test split, fold 1 validation, the others are trained on; few families fill the training
    folds first.

    Parameters
    ----------
    songs, groups
        As for `tune_families`.
    """
    families = tune_families(songs, groups)
    bars: Counter[int] = Counter()
    for song, family in zip(songs, families, strict=True):
        bars[family] += song.bars
    filled = dict.fromkeys(_FILLING, 0)
    fold_of = {}
    for family in sorted(bars, key=lambda family: (-bars[family], family)):
        fold = min(filled, key=lambda fold: filled[fold])
        filled[fold] += bars[family]
        fold_of[family] = fold
    return [
        replace(song, family=family, fold=fold_of[family], split=split_of(fold_of[family]))
        for song, family in zip(songs, families, strict=True)
    ]


def split_of(fold: int) -> str:
    """Return the split that a fold stands for when nothing is said of folds.

    Raises
    ------
    ValueError
        When there is no such fold.
    """
    if fold not in range(FOLDS):
        raise ValueError(f"A fold is a number from 0 to {FOLDS - 1}; got {fold!r}.")
    return {0: "test", 1: "validation"}.get(fold, "train")
