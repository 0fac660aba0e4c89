"""Songs as planes: in C, on the grid, each track in its window."""

from __future__ import annotations

import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.datasets.songs import Song, SongTrack, check_song, sorted_notes
from deepcomposer_lab.encoding.bars import ONSET, SOUND, BarGrid, BarsEncoding, TrackWindow, encoding_of
from deepcomposer_lab.music.key import shift_to_c
from deepcomposer_lab.music.note import PITCH_NAMES
from deepcomposer_lab.training.song_planes import chorale_songs, encoded_piece, encoded_song, songs_of

TRACKS = (SongTrack("melody"), SongTrack("drums", is_drum=True), SongTrack("keys"))
ENCODING = BarsEncoding(
    TrackWindow("melody", "line", 48, 40), (TrackWindow("drums", "drums"), TrackWindow("guitar", "chords", 36, 36))
)


def song(key: tuple[int, int] = (2, 1)) -> Song:
    notes = [(0, 62, 12, 0), (12, 36, 1, 1), (0, 50, 48, 2), (4, 53, 4, 2), (60, 74, 36, 0)]
    return Song("two bars in D", sorted_notes(np.array(notes)), 2, TRACKS, key)


def test_a_song_is_drawn_in_c_on_the_encodings_grid_and_keys_stand_in_for_a_guitar() -> None:
    one = encoded_song(song(), ENCODING)
    assert (one.name, one.bars, one.shift, one.minor) == ("two bars in D", 2, -2, True)
    assert one.melody.shape == (2, 40, 32)
    assert one.tracks.shape == (2, 45, 32)
    assert one.melody.dtype == one.tracks.dtype == np.uint8
    drums, keys = ENCODING.split(one.tracks)
    assert ENCODING.melody.read(one.melody).tolist() == [[0, 60, 4], [20, 72, 12]]
    assert np.argwhere(drums[ONSET]).tolist() == [[0, 4]]
    assert ENCODING.tracks[1].read(keys).tolist() == [[0, 48, 16], [1, 51, 2]]  # a triplet goes to the nearest step


def test_every_key_moves_to_the_nearest_c() -> None:
    assert [shift_to_c(tonic) for tonic in range(12)] == [0, -1, -2, -3, -4, -5, -6, 5, 4, 3, 2, 1]


def test_a_role_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="no track 'bass'; it has melody, drums, keys"):
        encoded_song(song(), BarsEncoding(ENCODING.melody, (TrackWindow("bass", "line"),)))


def test_chorales_become_songs_with_their_bar_lines_where_they_are() -> None:
    pieces = {piece.name: piece for piece in load_dataset("bach_chorales").pieces("test")}
    songs = chorale_songs("test")
    assert len(songs) == 69
    assert {one.split for one in songs} == {"test"}
    folds = {one.name: one.fold for one in chorale_songs()}
    assert all(folds[one.name] == one.fold for one in songs)
    assert set(folds.values()) == set(range(5))
    for one in songs:
        check_song(one)
        piece = pieces[one.name]
        first = int(piece.notes[0, 0])
        assert int(one.notes[0, 0]) == (first + (16 - piece.pickup) % 16) * 3
        assert one.bars * 16 >= piece.steps or piece.metre_changes
        planes = encoded_song(one, encoding_of("bach"))
        assert planes.melody[SOUND].any()
        for part in encoding_of("bach").split(planes.tracks):
            assert part[SOUND].any()


def test_datasets_are_joined_by_plus() -> None:
    both = songs_of("rock+rock_arranged", "test")
    assert len(both) == len(songs_of("rock", "test")) + len(songs_of("rock_arranged", "test"))
    assert {one.tracks[3].role for one in both} == {"guitar"}
    with pytest.raises(ValueError, match="no dataset called 'polka'"):
        songs_of("polka")


def test_a_piece_is_drawn_as_the_song_it_came_from() -> None:
    for one in chorale_songs("test")[:5]:
        expected = encoded_song(one, encoding_of("bach"))
        piece = one.to_composition()
        found = encoded_piece(piece, encoding_of("bach"), PITCH_NAMES[one.key[0]])
        assert found.bars == BarGrid.of(piece, encoding_of("bach")).bars
        steps = 16 * found.bars
        assert np.array_equal(found.melody, expected.melody[:, :, :steps])
        assert np.array_equal(found.tracks, expected.tracks[:, :, :steps])


def test_a_track_that_a_piece_lacks_is_silent_and_a_key_that_is_none_is_refused() -> None:
    melody = chorale_songs("test")[0].to_composition()
    alone = encoded_piece(melody.with_tracks(melody.tracks[:1]), encoding_of("bach"))
    assert alone.melody.any()
    assert not alone.tracks.any()
    with pytest.raises(ValueError, match="A key is written"):
        encoded_piece(melody, encoding_of("bach"), "H")
