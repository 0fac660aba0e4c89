"""Songs: what goes into arrays comes out again, and what is wrong with one is named."""

from dataclasses import replace

import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.datasets.songs import (
    TICKS_PER_BAR,
    Song,
    SongTrack,
    check_song,
    songs_from_arrays,
    songs_to_arrays,
    sorted_notes,
)

TRACKS = (SongTrack("melody", 73), SongTrack("drums", 0, is_drum=True), SongTrack("bass", 32))


def a_song(**changes: object) -> Song:
    notes = [[0, 67, 12, 0], [0, 36, 1, 1], [0, 40, 24, 2], [12, 64, 4, 0], [16, 60, 8, 0], [24, 38, 1, 1]]
    song = Song(
        "a tune", np.array(notes), bars=1, tracks=TRACKS, key=(7, 1), tempo=96.0, family=3, fold=4, split="test"
    )
    return replace(song, **changes)


def test_songs_come_back_from_their_arrays() -> None:
    songs = [a_song(), a_song(name="silent", notes=np.zeros((0, 4), dtype=np.int64), bars=3, split="train", fold=0)]
    back = songs_from_arrays(songs_to_arrays(songs))
    for one, other in zip(songs, back, strict=True):
        assert np.array_equal(one.notes, other.notes)
        assert replace(one, notes=None).__dict__ == replace(other, notes=None).__dict__


def test_a_song_as_music_has_beats_tempo_and_its_tracks() -> None:
    music = a_song().to_composition()
    assert [track.name for track in music.tracks] == ["Melody", "Drums", "Bass"]
    assert [track.is_drum for track in music.tracks] == [False, True, False]
    assert [(note.onset, note.pitch, note.duration) for note in music.tracks[0].notes] == [
        (0, 67, 1),
        (1, 64, pytest.approx(1 / 3)),
        (pytest.approx(4 / 3), 60, pytest.approx(2 / 3)),
    ]
    assert music.tempos[0].bpm == 96
    assert music.title == "a tune"


def test_the_notes_of_a_track() -> None:
    assert a_song().track_notes("drums").tolist() == [[0, 36, 1], [24, 38, 1]]


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ([[0, 128, 12, 0]], "outside 0–127"),
        ([[0, 60, 0, 0]], "shorter than a tick"),
        ([[-1, 60, 2, 0]], "before the piece"),
        ([[40, 60, TICKS_PER_BAR, 0]], "after the last bar"),
        ([[0, 60, 2, 3]], "not there"),
        ([[4, 60, 2, 0], [0, 60, 2, 0]], "not sorted"),
        ([[0, 60, 5, 0], [4, 60, 2, 0]], "overlap"),
    ],
)
def test_what_is_wrong_with_a_song_is_named(notes: list[list[int]], said: str) -> None:
    check_song(a_song())
    with pytest.raises(ValueError, match=said):
        check_song(a_song(notes=np.array(notes)))


def test_notes_are_sorted_by_onset_then_track_then_pitch() -> None:
    shuffled = np.array([[4, 50, 1, 0], [0, 60, 1, 1], [0, 64, 1, 0], [0, 62, 1, 0]])
    assert sorted_notes(shuffled).tolist() == [[0, 62, 1, 0], [0, 64, 1, 0], [0, 60, 1, 1], [4, 50, 1, 0]]


def test_chorales_are_no_songs() -> None:
    with pytest.raises(ValueError, match=r"\.pieces\(\)"):
        load_dataset("bach_chorales").songs()


def test_songs_of_one_dataset_share_their_tracks() -> None:
    with pytest.raises(ValueError, match="same tracks"):
        songs_to_arrays([a_song(), a_song(tracks=TRACKS[:2])])
    with pytest.raises(ValueError, match="at least one"):
        songs_to_arrays([])
