"""Families of tunes, and folds that keep each on one side."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from deepcomposer_lab.datasets.families import divided, melody_hash, split_of, tune_families
from deepcomposer_lab.datasets.songs import Song, SongTrack

TRACKS = (SongTrack("melody", 73), SongTrack("bass", 33))


def tune(seed: int, length: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(55, 80, length)


def song(pitches: np.ndarray, name: str = "", bars: int = 10, step: int = 12, first: int = 0) -> Song:
    onsets = first + step * np.arange(len(pitches))
    notes = np.column_stack([onsets, pitches, np.full(len(pitches), step), np.zeros(len(pitches), int)])
    return Song(name, notes.astype(np.int64), bars, TRACKS)


def test_songs_with_a_common_tune_are_a_family_in_any_key_and_through_others() -> None:
    one, other = tune(1), tune(2)
    songs = [
        song(one),
        song(other),
        song(one + 5, step=6),
        song(np.repeat(one[:36], 2)),  # the same, its notes repeated
        song(np.concatenate([one[20:], other[:20]])),  # half of each: it ties them together
        song(tune(3)),
    ]
    assert tune_families(songs[:4]) == [0, 1, 0, 0]
    assert tune_families(songs) == [0, 0, 0, 0, 0, 1]


def test_a_few_notes_in_common_make_no_family() -> None:
    one, other = tune(1), tune(2)
    assert tune_families([song(one), song(np.concatenate([one[:12], other[12:]]))]) == [0, 1]


def test_songs_of_one_group_stay_together() -> None:
    songs = [song(tune(seed)) for seed in range(4)]
    assert tune_families(songs, ["a", "b", "a", "c"]) == [0, 1, 0, 2]


def test_silent_melodies_are_nobody_s_relatives() -> None:
    assert tune_families([song(tune(1, 0)), song(tune(1, 0))]) == [0, 1]


def test_a_copy_has_the_same_hash_in_any_key_and_after_any_rest() -> None:
    assert melody_hash(song(tune(1))) == melody_hash(song(tune(1) + 3, first=48, name="other"))
    assert melody_hash(song(tune(1))) != melody_hash(song(tune(1), step=6))
    changed = tune(1)
    changed[-1] += 1
    assert melody_hash(song(tune(1))) != melody_hash(song(changed))


def test_no_family_is_on_two_sides_and_folds_are_about_equal() -> None:
    rng = np.random.default_rng(0)
    songs = [song(tune(int(seed))) for seed in rng.integers(0, 40, 90)]
    songs = [song(s.notes[:, 1], bars=int(rng.integers(8, 120))) for s in songs]
    done = divided(songs)
    folds, bars = defaultdict(set), Counter()
    for entry in done:
        folds[entry.family].add(entry.fold)
        bars[entry.fold] += entry.bars
    assert all(len(found) == 1 for found in folds.values())
    assert set(bars) == set(range(5))
    assert max(bars.values()) < 1.25 * min(bars.values())
    assert {(entry.fold, entry.split) for entry in done} == {
        (0, "test"),
        (1, "validation"),
        (2, "train"),
        (3, "train"),
        (4, "train"),
    }
    again = divided(songs)
    assert [(entry.family, entry.fold) for entry in done] == [(entry.family, entry.fold) for entry in again]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, ["train"]), (3, ["train"] * 3), (5, ["train", "train", "train", "validation", "test"])],
)
def test_few_songs_are_trained_on_first(number: int, expected: list[str]) -> None:
    assert [entry.split for entry in divided([song(tune(seed)) for seed in range(number)])] == expected


def test_there_are_five_folds() -> None:
    with pytest.raises(ValueError, match="got 5"):
        split_of(5)
