"""Songs kept as a dataset are found by its name, and come out as they went in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bands import band

from deepcomposer_lab.datasets import list_datasets, load_dataset
from deepcomposer_lab.datasets.reduce import reduce_source
from deepcomposer_lab.datasets.saving import count_songs, save_songs
from deepcomposer_lab.datasets.songs import Song


@pytest.fixture
def songs() -> list[Song]:
    (song,) = reduce_source(band()).songs
    silent = replace(song, name="no drums", notes=song.notes[song.notes[:, 3] != 1], fold=1, split="validation")
    return [song, replace(silent, family=1)]


def test_kept_songs_are_loaded_by_the_folder_s_name(
    songs: list[Song], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPCOMPOSER_LAB_DATASETS", str(tmp_path))
    card = save_songs(tmp_path / "mine", songs, title="My files", licence="mine")
    assert "mine" in list_datasets()
    dataset = load_dataset("mine")
    assert dataset.card == card
    assert (card["title"], card["licence"], card["name"]) == ("My files", "mine", "mine")
    assert [song.name for song in dataset.songs("validation")] == ["no drums"]
    for one, other in zip(songs, dataset.songs(), strict=True):
        assert np.array_equal(one.notes, other.notes)
        assert replace(one, notes=None).__dict__ == replace(other, notes=None).__dict__


def test_saving_again_gives_the_same_bytes(songs: list[Song], tmp_path: Path) -> None:
    first, second = save_songs(tmp_path / "a" / "x", songs), save_songs(tmp_path / "b" / "x", songs)
    assert first == second
    assert (tmp_path / "a" / "x" / "x.npz").read_bytes() == (tmp_path / "b" / "x" / "x.npz").read_bytes()


def test_counts(songs: list[Song]) -> None:
    counts = count_songs(songs)
    assert (counts["songs"], counts["bars"], counts["families"]) == (2, 16, 2)
    assert counts["notes"] == len(songs[0].notes) + len(songs[1].notes)
    assert counts["splits"] == {"train": 1, "validation": 1, "test": 0}
    assert counts["fold_bars"] == [8, 8, 0, 0, 0]
    assert counts["tracks"]["drums"] == {"notes": 96, "songs": 1, "bars": 8, "range": [36, 42]}
    assert counts["tracks"]["bass"] == {"notes": 32, "songs": 2, "bars": 16, "range": [36, 43]}


def test_what_is_damaged_or_nothing_is_not_kept(songs: list[Song], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one song"):
        save_songs(tmp_path / "none", [])
    with pytest.raises(ValueError, match="after the last bar"):
        save_songs(tmp_path / "bad", [replace(songs[0], bars=1)])
    assert not list(tmp_path.iterdir())
