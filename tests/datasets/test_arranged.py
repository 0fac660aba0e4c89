"""Arranged songs: the folk tunes' songs with a band, made when asked for, with a card that says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepcomposer_lab.datasets import arranged, dataset_summary, list_datasets, load_dataset
from deepcomposer_lab.datasets.arranged import STYLE_OF, TRACKS, arranged_songs
from deepcomposer_lab.datasets.songs import check_song
from deepcomposer_lab.music.arranging import ARRANGER_VERSION, ROLES, arrange

SHIPPED = Path(__file__).resolve().parents[2] / "datasets"
NAMES = sorted(STYLE_OF)


@pytest.fixture(autouse=True)
def only_the_project_s_own(monkeypatch):
    monkeypatch.delenv("DEEPCOMPOSER_LAB_DATASETS", raising=False)


@pytest.mark.parametrize("name", NAMES)
def test_songs_are_the_tunes_with_a_band(name):
    tunes = load_dataset("folk_tunes").songs("validation")[:15]
    songs = arranged_songs(name, "validation", limit=15)
    assert len(songs) == 15
    for song, tune in zip(songs, tunes, strict=True):
        check_song(song)
        kept = ("name", "bars", "key", "family", "fold", "split")
        assert [getattr(song, part) for part in kept] == [getattr(tune, part) for part in kept]
        melody = song.track_notes("melody")
        assert set((melody[:, 1] - tune.notes[:, 1]) % 12) == {0}
        assert song.tracks == TRACKS[name]
        assert tuple(track.role for track in song.tracks) == ROLES[STYLE_OF[name]]
        assert [track.is_drum for track in song.tracks].index(True) == 1
        assert len(set(song.notes[:, 3].tolist())) >= 4


def test_the_seed_is_the_index_of_the_tune():
    tunes = load_dataset("folk_tunes").songs()
    third = [index for index, tune in enumerate(tunes) if tune.split == "test"][3]
    expected = arrange(tunes[third].notes[:, :3], tunes[third].bars, tunes[third].key, "jazz", seed=third)
    assert np.array_equal(arranged_songs("jazz", "test")[3].notes, expected.notes)
    assert arranged_songs("jazz", "test", limit=4)[3].tempo == expected.tempo


def test_songs_are_made_once_and_cannot_be_changed(monkeypatch):
    first = arranged_songs("pop", "train", limit=3)
    monkeypatch.setattr(arranged, "arrange", None)
    again = arranged_songs("pop", "train", limit=2)
    assert [a is b for a, b in zip(first, again, strict=False)] == [True, True]
    with pytest.raises(ValueError, match="read-only"):
        first[0].notes[0, 0] = 1


def test_a_whole_dataset_is_loaded_by_its_name():
    dataset = load_dataset("rock_arranged")
    assert dataset.is_songs
    assert load_dataset("rock_arranged") is dataset
    tunes = load_dataset("folk_tunes")
    assert len(dataset) == len(tunes) == dataset.card["counts"]["songs"]
    assert dataset.card["splits"] == tunes.card["splits"]
    assert len(dataset.songs("test")) == dataset.card["splits"]["test"]
    song, other = dataset.songs("test")[5], arranged_songs("rock_arranged", "test", limit=6)[5]
    assert np.array_equal(song.notes, other.notes)
    assert replace(song, notes=None).__dict__ == replace(other, notes=None).__dict__
    with pytest.raises(ValueError, match=r"\.songs\(\)"):
        dataset.pieces()


def test_its_summary_is_that_of_the_whole_and_arranges_nothing(monkeypatch):
    whole = load_dataset("rock_arranged")
    monkeypatch.setattr(arranged, "_arranged", None)
    assert dataset_summary("rock_arranged") == (len(whole), whole.card["title"], whole.card["licence"])
    tunes = load_dataset("folk_tunes")
    assert dataset_summary("folk_tunes") == (len(tunes), tunes.card["title"], tunes.card["licence"])
    with pytest.raises(ValueError, match="no dataset called 'polka'"):
        dataset_summary("polka")


def test_the_card_says_that_nobody_played_it():
    card = load_dataset("rock_arranged").card
    assert card["arranged"] is True
    assert card["origin"].startswith("ARRANGED, not played")
    assert card["arranger_version"] == ARRANGER_VERSION
    assert card["tunes"]["sha256"] == load_dataset("folk_tunes").card["sha256"]
    assert "public domain" in card["licence"]
    assert len(card["sha256"]) == 64
    sums = load_dataset("rock_arranged").arrays
    assert card["counts"]["notes"] == len(sums["notes"]) == sums["offsets"][-1]


def test_they_are_listed_where_the_tunes_are(tmp_path, monkeypatch):
    assert set(NAMES) <= set(list_datasets())
    monkeypatch.setattr("deepcomposer_lab.datasets._PACKAGE", tmp_path / "deepcomposer_lab")
    assert list_datasets() == []
    with pytest.raises(ValueError, match="no dataset called 'folk_tunes'"):
        load_dataset("pop")


def test_a_folder_of_that_name_comes_first(tmp_path, monkeypatch):
    """Whoever has written the arrays down, for training say, need not wait for them."""
    shutil.copytree(SHIPPED / "folk_tunes", tmp_path / "pop")
    (tmp_path / "pop" / "folk_tunes.npz").rename(tmp_path / "pop" / "pop.npz")
    monkeypatch.setenv("DEEPCOMPOSER_LAB_DATASETS", str(tmp_path))
    assert load_dataset("pop").card["name"] == "folk_tunes"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("polka",), "jazz, pop, rock_arranged"), (("pop", "valid"), "train, validation"), (("pop", None, -1), "limit")],
)
def test_wrong_questions_are_answered(arguments, said):
    with pytest.raises(ValueError, match=said):
        arranged_songs(*arguments)


def test_no_two_songs_have_one_accompaniment():
    for name in NAMES:
        songs = arranged_songs(name, "test", limit=60)
        bands = {song.notes[song.notes[:, 3] > 0].tobytes() for song in songs}
        assert len(bands) == 60


def test_another_process_makes_the_same_songs():
    """Names of hashes differ from process to process; nothing here may hang on them."""
    code = (
        "import hashlib; from deepcomposer_lab.datasets.arranged import arranged_songs;"
        "print(hashlib.sha256(b''.join(s.notes.tobytes() for s in arranged_songs('jazz', 'test', 20))).hexdigest())"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(prints) == 1
