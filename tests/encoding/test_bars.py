"""Bars there and back: what is drawn is read again, and bars of any metre find a place on the grid."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcomposer_lab.encoding.bars import (
    BAND_WINDOWS,
    DRUM_LANES,
    ONSET,
    SOUND,
    BarGrid,
    BarsEncoding,
    TrackWindow,
    encoding_of,
    resampled,
)
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import COMMON_TIME, MetreChange
from deepcomposer_lab.music.note import Note

STEPS = 32
CHORDS = TrackWindow("keys", "chords", 42, 40, 0)
MELODY = TrackWindow("melody", "line", 48, 40)
BASS = TrackWindow("bass", "line", 24, 28, 33, top=False)
DRUMS = TrackWindow("drums", "drums")
POP = encoding_of("pop")


def array(*notes):
    return np.array(notes, dtype=np.int64).reshape(-1, 3)


def apart(notes):
    """Notes by onset, then pitch, each cut where the next of its pitch starts."""
    kept = {}
    for onset, pitch, duration in notes:
        kept[(onset, pitch)] = duration
    found = []
    for onset, pitch in sorted(kept):
        later = [other for other, same in kept if same == pitch and other > onset]
        found.append((onset, pitch, min(kept[(onset, pitch)], min(later, default=STEPS) - onset)))
    return array(*found)


pitches = st.integers(CHORDS.lowest_pitch, CHORDS.lowest_pitch + CHORDS.rows - 1)
many = st.lists(st.tuples(st.integers(0, STEPS - 1), pitches, st.integers(1, 12)), max_size=40)


@given(many)
def test_chords_are_read_as_they_were_drawn(notes):
    notes = apart(notes)
    planes = CHORDS.draw(notes, STEPS)
    assert set(np.unique(planes)) <= {0.0, 1.0}
    assert CHORDS.read(planes).tolist() == notes.tolist()


@given(st.dictionaries(st.integers(0, STEPS - 1), st.tuples(st.integers(48, 87), st.integers(1, 12))))
def test_a_line_is_read_as_it_was_drawn(line):
    edges = [*sorted(line), STEPS]
    notes = array(*((on, line[on][0], min(line[on][1], end - on)) for on, end in pairwise(edges)))
    planes = MELODY.draw(notes, STEPS)
    assert planes[SOUND].sum(axis=0).max() <= 1
    assert MELODY.read(planes).tolist() == notes.tolist()


@given(st.sets(st.tuples(st.integers(0, STEPS - 1), st.integers(0, len(DRUM_LANES) - 1))))
def test_drums_are_read_as_they_were_drawn(hits):
    notes = array(*sorted((onset, DRUM_LANES[lane][1][0], 1) for onset, lane in hits))
    assert DRUMS.read(DRUMS.draw(notes, STEPS)).tolist() == notes.tolist()


@given(many, st.integers(-6, 5))
def test_what_is_drawn_is_a_fixed_point_of_drawing(notes, shift):
    planes = CHORDS.draw(array(*notes), STEPS, shift)
    assert np.array_equal(CHORDS.draw(CHORDS.read(planes, shift), STEPS, shift), planes)


def test_a_shift_moves_tones_and_no_drums():
    notes = array((0, 60, 4), (8, 64, 2))
    assert np.flatnonzero(CHORDS.draw(notes, STEPS, -5)[ONSET].any(axis=1)).tolist() == [13, 17]
    assert CHORDS.read(CHORDS.draw(notes, STEPS, -5), -5).tolist() == notes.tolist()
    hits = array((0, 36, 1))
    assert np.array_equal(DRUMS.draw(hits, STEPS, 5), DRUMS.draw(hits, STEPS))
    assert DRUMS.read(DRUMS.draw(hits, STEPS, 5), 5).tolist() == hits.tolist()


@given(st.integers(0, 127))
def test_pitches_outside_a_window_move_by_octaves_to_its_nearest_edge(pitch):
    for window in (CHORDS, MELODY, BASS):
        [row] = window.row(np.array([pitch])).tolist()
        moved = window.pitch(row)
        assert 0 <= row < window.rows
        assert (moved - pitch) % 12 == 0
        low, high = window.lowest_pitch, window.lowest_pitch + window.rows - 1
        if low <= pitch <= high:
            assert moved == pitch
        elif pitch < low:
            assert moved < low + 12
        else:
            assert moved > high - 12


def test_a_melody_keeps_the_highest_and_a_bass_the_lowest():
    notes = array((0, 50, 8), (0, 45, 8), (4, 47, 4))
    assert MELODY.read(MELODY.draw(notes, STEPS)).tolist() == [[0, 50, 4], [4, 59, 4]]  # 47 an octave up
    assert BASS.read(BASS.draw(notes, STEPS)).tolist() == [[0, 45, 4], [4, 47, 4]]


def test_every_key_of_a_drum_set_has_a_lane_and_unknown_ones_are_percussion():
    assert [DRUMS.row(np.array([key]))[0] for _, keys in DRUM_LANES for key in keys] == [
        lane for lane, (_, keys) in enumerate(DRUM_LANES) for _ in keys
    ]
    assert DRUMS.row(np.array([0, 60, 127])).tolist() == [len(DRUM_LANES) - 1] * 3
    assert DRUMS.rows == len(DRUM_LANES)


def test_what_lies_outside_the_steps_is_not_drawn():
    notes = array((-2, 60, 4), (30, 62, 10), (40, 64, 2), (-9, 66, 3))
    assert CHORDS.read(CHORDS.draw(notes, STEPS)).tolist() == [[0, 60, 2], [30, 62, 2]]
    assert not DRUMS.draw(array((-1, 36, 1), (STEPS, 38, 1)), STEPS).any()


def test_a_held_note_and_a_struck_one_look_different():
    held, struck = array((0, 60, 8)), array((0, 60, 4), (4, 60, 4))
    assert np.array_equal(CHORDS.draw(held, STEPS)[SOUND], CHORDS.draw(struck, STEPS)[SOUND])
    assert CHORDS.read(CHORDS.draw(struck, STEPS)).tolist() == struck.tolist()


def test_sound_without_an_onset_is_a_note():
    planes = np.zeros((2, 40, STEPS), dtype=np.float32)
    planes[SOUND, 3, 5:9] = 0.9
    planes[ONSET, 4, 2] = 0.6  # an onset sounds, if only for a step
    assert CHORDS.read(planes).tolist() == [[2, 46, 1], [5, 45, 4]]


def test_nothing_is_drawn_and_read_as_nothing():
    for window in (CHORDS, MELODY, DRUMS):
        planes = window.draw(array(), STEPS)
        assert planes.shape == (2, window.rows, STEPS)
        assert not planes.any()
        assert window.read(planes).shape == (0, 3)


@pytest.mark.parametrize("genre", BAND_WINDOWS)
def test_encodings_survive_a_card(genre):
    encoding = encoding_of(genre)
    assert BarsEncoding.from_dict(json.loads(json.dumps(encoding.as_dict()))) == encoding
    for window in (encoding.melody, *encoding.tracks):
        assert window.is_drum or (window.rows >= 12 and 0 <= window.lowest_pitch <= 127 - window.rows)


def test_there_is_no_such_genre():
    with pytest.raises(ValueError, match=r"no genre 'polka'. Genres: rock, pop"):
        encoding_of("polka")


def test_tracks_are_joined_and_split():
    random = np.random.default_rng(0)
    planes = [(random.random((2, track.rows, STEPS)) < 0.2).astype(np.float32) for track in POP.tracks]
    joined = POP.join(planes)
    assert joined.shape == (2, POP.rows, STEPS)
    assert all(np.array_equal(one, other) for one, other in zip(POP.split(joined), planes, strict=True))
    assert POP.slices[0] == slice(0, 9)


# --- the grid -------------------------------------------------------------------------------------------------


def piece(notes, metres=COMMON_TIME, pickup=0.0):
    return Composition([Track(notes)], metres=metres, pickup=pickup)


def on_grid(music, encoding=POP):
    grid = BarGrid.of(music, encoding)
    return grid, grid.place(music.tracks[0].notes)


def test_in_four_four_steps_are_sixteenths():
    grid, placed = on_grid(piece([Note(0, 60, 1), Note(1.25, 62, 0.5), Note(3, 64, 5)]))
    assert placed.tolist() == [[0, 60, 4], [5, 62, 2], [12, 64, 20]]
    assert (grid.bars, grid.steps, grid.is_padded, grid.firsts) == (2, 32, False, (0, 16))


def test_three_four_is_padded_at_the_end_of_each_bar():
    grid, placed = on_grid(piece([Note(0, 60, 3), Note(3, 62, 3), Note(8, 64, 1)], [MetreChange(0, 3, 4)]))
    assert grid.firsts == (0, 16, 32)
    assert grid.is_padded
    assert placed.tolist() == [[0, 60, 12], [16, 62, 12], [40, 64, 4]]  # the silence that was put in stays silent
    assert [grid.beat_of(step) for step in (0, 11, 12, 15, 16, 43, 44, 999)] == [
        0,
        2.75,
        None,
        None,
        3,
        8.75,
        None,
        None,
    ]


def test_a_note_held_over_a_bar_line_is_held_over_the_silence():
    music = piece([Note(2, 60, 2)], [MetreChange(0, 3, 4)])
    grid, placed = on_grid(music)
    assert placed.tolist() == [[8, 60, 12]]
    assert grid.notes(placed) == list(music.tracks[0].notes)


def test_what_is_nearest_to_a_bar_line_starts_the_next_bar():
    grid = BarGrid.of(piece([Note(0, 60, 9)], [MetreChange(0, 3, 4)]), POP)
    assert [grid.step_of(beat) for beat in (2.87, 2.88, 3.0, 5.99, 8.99)] == [11, 16, 16, 32, 43]


def test_a_pickup_is_padded_at_its_beginning():
    grid, placed = on_grid(piece([Note(0, 60, 1), Note(1, 62, 4)], pickup=1.0))
    assert grid.firsts == (12, 16)
    assert placed.tolist() == [[12, 60, 4], [16, 62, 16]]
    assert [grid.beat_of(step) for step in (0, 11, 12, 16)] == [None, None, 0, 1]


def test_a_pickup_that_is_no_fraction_of_two_makes_no_other_bar_padded():
    grid = BarGrid.of(piece([Note(0, 60, 20)], pickup=4.0), POP)
    assert not grid.is_padded
    grid = BarGrid.of(piece([Note(0, 60, 40)], pickup=1 / 3), POP)
    assert [abs(length - 4) < 1e-6 for length in grid.lengths[1:]] == [True] * (len(grid.lengths) - 1)


def test_five_four_lies_over_two_bars():
    grid, placed = on_grid(piece([Note(0, 60, 5), Note(5, 62, 4.5)], [MetreChange(0, 5, 4)]))
    assert (grid.firsts, grid.bars) == ((0, 32), 4)
    assert placed.tolist() == [[0, 60, 20], [32, 62, 18]]


def test_a_change_of_metre_starts_a_bar():
    metres = [MetreChange(0, 4, 4), MetreChange(4, 3, 4), MetreChange(10, 6, 8), MetreChange(13, 2, 2)]
    music = piece([Note(beat, 60, 1) for beat in range(17)], metres)
    grid, placed = on_grid(music)
    assert grid.starts == (0, 4, 7, 10, 13)
    assert placed[:, 0].tolist() == [0, 4, 8, 12, 16, 20, 24, 32, 36, 40, 48, 52, 56, 64, 68, 72, 76]
    assert grid.notes(placed) == list(music.tracks[0].notes)


def test_notes_beside_the_grid_come_onto_it_and_are_never_empty():
    _, placed = on_grid(piece([Note(0.1, 60, 0.05), Note(0.13, 62, 0.5), Note(3.99, 64, 0.01)]))
    assert placed.tolist() == [[0, 60, 1], [1, 62, 2], [15, 64, 1]]  # the last one stays in its bar, the last there is


metres = st.sampled_from([(4, 4), (3, 4), (2, 4), (6, 8), (5, 4), (7, 8), (12, 8), (2, 2), (9, 8)])


@given(
    metres,
    st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0]),
    st.lists(st.tuples(st.integers(0, 70), st.integers(1, 20), st.integers(40, 90)), min_size=1, max_size=20),
)
def test_placing_and_reading_is_the_identity_on_the_grid(metre, pickup, numbers):
    notes = sorted(Note(onset / 4, pitch, duration / 4) for onset, duration, pitch in numbers)
    music = piece(notes, [MetreChange(0, *metre)], min(pickup, MetreChange(0, *metre).bar_beats / 2))
    grid, placed = on_grid(music)
    assert sorted(grid.notes(placed)) == notes
    assert (placed[:, 0] + placed[:, 2]).max() <= grid.steps
    for (onset, _, duration), note in zip(placed.tolist(), music.tracks[0].notes, strict=True):
        assert grid.beat_of(onset) == pytest.approx(note.onset)
        assert grid.beat_of(onset + duration - 1) is not None  # a note ends within the piece, not in the silence


def test_notes_in_the_padding_are_left_out_or_cut():
    grid = BarGrid.of(piece([Note(0, 60, 6)], [MetreChange(0, 3, 4)]), POP)
    placed = array((8, 60, 8), (12, 62, 2), (13, 64, 6), (8, 65, 12), (28, 66, 9))
    assert grid.notes(placed) == [Note(2, 60, 1), Note(2, 65, 2)]
    grid = BarGrid.of(piece([Note(0, 60, 6)], pickup=1.0), POP)
    assert grid.notes(array((0, 60, 16), (12, 62, 99))) == [Note(0, 62, 9)]


def test_the_sounding_steps_are_those_that_have_a_beat():
    grid = BarGrid.of(piece([Note(0, 60, 8)], [MetreChange(0, 3, 4)], pickup=1.0), POP)
    steps, beats = grid.sounding()
    assert steps.tolist() == [*range(12, 16), *range(16, 28), *range(32, 44), *range(48, 60)]
    assert beats.tolist() == [step / 4 for step in range(41)]
    assert all(after - before == 0.25 for before, after in pairwise(beats.tolist()))


def test_triplets_survive_at_six_steps_a_beat():
    third = 1 / 3
    music = piece([Note(0, 60, 2 * third), Note(2 * third, 62, third), Note(1, 64, 0.5), Note(1.5, 65, 0.5)])
    grid, placed = on_grid(music, encoding_of("jazz"))
    assert placed.tolist() == [[0, 60, 4], [4, 62, 2], [6, 64, 3], [9, 65, 3]]
    for note, other in zip(grid.notes(placed), music.tracks[0].notes, strict=True):
        assert (note.onset, note.duration) == pytest.approx((other.onset, other.duration))


def test_a_finer_grid_is_read_on_a_coarser_one():
    ticks = array((0, 60, 8), (8, 62, 4), (12, 64, 6), (18, 65, 6), (24, 67, 1))
    assert resampled(ticks, 12, 6).tolist() == [[0, 60, 4], [4, 62, 2], [6, 64, 3], [9, 65, 3], [12, 67, 1]]
    assert resampled(ticks, 12, 4).tolist() == [[0, 60, 3], [3, 62, 1], [4, 64, 2], [6, 65, 2], [8, 67, 1]]
    assert resampled(array(), 12, 4).shape == (0, 3)
