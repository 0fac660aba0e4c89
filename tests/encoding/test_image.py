"""The roll as an image, against rolls written by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcomposer_lab.encoding.image import TIME_CHANNELS, Grid, ImageEncoding
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.note import Note

ENCODING = ImageEncoding()


def test_a_repeated_note_and_a_held_one_look_different():
    held = ENCODING.draw(np.array([[0, 60, 4]]), 8)
    repeated = ENCODING.draw(np.array([[0, 60, 2], [2, 60, 2]]), 8)
    row = 60 - 32
    assert held[0, row].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert repeated[0, row].tolist() == [1, 0, 1, 0, 0, 0, 0, 0]
    assert held[1, row].tolist() == repeated[1, row].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert held.sum() == 5


def test_a_note_from_before_sounds_in_but_does_not_start_and_one_that_goes_on_is_cut():
    image = ENCODING.draw(np.array([[-2, 50, 5], [6, 50, 10], [9, 50, 1]]), 8)
    assert image[0, 18].tolist() == [0, 0, 0, 0, 0, 0, 1, 0]
    assert image[1, 18].tolist() == [1, 1, 1, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("pitch", "row"), [(32, 0), (95, 63), (31, 11), (20, 0), (19, 11), (96, 52), (127, 59), (0, 4), (60, 28)]
)
def test_pitches_outside_the_window_move_by_octaves(pitch, row):
    assert ENCODING.row(pitch) == row
    assert (ENCODING.row(pitch) + 32 - pitch) % 12 == 0


def test_time_channels_of_three_four_with_a_pickup():
    # one beat of pickup, then two bars of 3/4 on sixteenths
    channels = ENCODING.time_channels([0, 4, 16], 28)
    assert channels.shape == (TIME_CHANNELS, 28)
    assert np.flatnonzero(channels[1]).tolist() == [4, 16]  # the pickup is no downbeat
    assert np.flatnonzero(channels[2]).tolist() == [0, 4, 8, 12, 16, 20, 24]
    assert channels[5, 4] == pytest.approx(1)  # cosine of the downbeat
    assert channels[4, 0] == pytest.approx(np.sin(2 * np.pi * 8 / 12))  # the pickup is the third beat
    assert np.allclose(channels[6], 12 / 16)


def test_a_cut_last_bar_keeps_the_place_of_its_beats():
    channels = ENCODING.time_channels([0, 16], 20)
    assert channels[4, 17] == pytest.approx(np.sin(2 * np.pi / 16))


@pytest.mark.parametrize("pickup", [0, 0.5, 1, 1.5, 3])
def test_the_first_full_bar_starts_on_a_beat_of_the_grid(pickup):
    notes = [Note(0, 60, 0.5), Note(pickup, 62, 4)]
    grid = Grid.of(Composition([Track(notes)], pickup=pickup), ENCODING)
    assert grid.step_of(pickup) % 4 == 0
    assert grid.beat_of(grid.step_of(pickup)) == pickup
    assert grid.steps == grid.step_of(pickup + 4)


def test_the_grid_ends_with_the_last_note():
    grid = Grid.of(Composition([Track([Note(0, 60, 1), Note(4, 60, 0.55)])]), ENCODING)
    assert (grid.bars, grid.steps) == ((0, 16), 19)


def test_metre_changes_move_the_bar_lines():
    metres = [MetreChange(0, 4, 4), MetreChange(4, 3, 4)]
    grid = Grid.of(Composition([Track([Note(0, 60, 10)])], metres=metres), ENCODING)
    assert grid.bars == (0, 16, 28)


@given(st.integers(0, 60), st.integers(0, 127), st.integers(1, 16), st.sampled_from([0.0, 0.25, 1.0, 2.75]))
def test_note_and_place_are_inverse_on_the_grid(step, pitch, duration, pickup):
    grid = Grid.of(Composition([Track([Note(40, 60, 1)])], pickup=pickup), ENCODING)
    note = grid.note(step + grid.lead, pitch, duration, 70)
    assert grid.place(note) == (step + grid.lead, pitch, duration)


def test_halfway_goes_to_the_later_step():
    grid = Grid.of(Composition([Track([Note(0, 60, 4)])]), ENCODING)
    assert [grid.step_of(beat) for beat in (0.125, 0.375, 0.625, 0.875)] == [1, 2, 3, 4]


def test_a_very_short_note_keeps_one_step():
    grid = Grid.of(Composition([Track([Note(1, 60, 0.01)])]), ENCODING)
    assert grid.place(Note(1, 60, 0.01)) == (4, 60, 1)
