import copy

import numpy as np
import pytest

from deepcomposer_lab.music.note import Note, checked_program, pitch_name


@pytest.mark.parametrize(("pitch", "name"), [(0, "C-1"), (60, "C4"), (61, "C♯4"), (69, "A4"), (70, "B♭4"), (127, "G9")])
def test_pitch_names_are_scientific(pitch, name):
    assert pitch_name(pitch) == name
    assert Note(0, pitch, 1).name == name


def test_interval_is_half_open():
    note = Note(1.5, 60, 0.75)
    assert note.offset == 2.25


def test_numpy_numbers_become_plain_python():
    note = Note(np.float32(1.5), np.int64(60), np.float64(0.25), np.uint8(90))
    assert note == Note(1.5, 60, 0.25, 90)
    assert [type(value) for value in (note.onset, note.pitch, note.duration, note.velocity)] == [float, int, float, int]
    assert hash(note) == hash(Note(1.5, 60, 0.25, 90))


@pytest.mark.parametrize("pitch", [0, 127])
@pytest.mark.parametrize("velocity", [1, 127])
def test_ends_of_the_ranges_are_inside(pitch, velocity):
    assert Note(0, pitch, 1e-9, velocity).pitch == pitch


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"onset": -0.001}, ["starts at beat 0 or later", "-0.001"]),
        ({"onset": float("nan")}, ["onset", "nan"]),
        ({"onset": float("inf")}, ["onset", "inf"]),
        ({"duration": 0}, ["longer than 0", "0.0"]),
        ({"duration": -1}, ["longer than 0", "-1.0"]),
        ({"duration": "long"}, ["duration", "'long'"]),
        ({"duration": None}, ["duration", "None"]),
        ({"pitch": 128}, ["0–127", "128"]),
        ({"pitch": -1}, ["0–127", "-1"]),
        ({"pitch": 60.5}, ["pitch", "whole number", "60.5"]),
        ({"pitch": "60"}, ["pitch", "'60'"]),
        ({"velocity": 0}, ["1–127", "0"]),
        ({"velocity": 128}, ["1–127", "128"]),
    ],
)
def test_a_field_outside_its_range_is_named(fields, words):
    with pytest.raises(ValueError) as caught:
        Note(**{"onset": 0, "pitch": 60, "duration": 1, "velocity": 80} | fields)
    for word in words:
        assert word in str(caught.value)


def test_transpose_moves_pitch_alone():
    assert Note(1, 60, 2, 90).transpose(-12) == Note(1, 48, 2, 90)
    assert Note(1, 60, 2, 90).transpose(67).pitch == 127
    assert Note(1, 60, 2, 90).transpose(-60).pitch == 0


@pytest.mark.parametrize("semitones", [68, -61])
def test_transposing_out_of_midi_is_an_error_that_says_so(semitones):
    with pytest.raises(ValueError, match="outside 0–127"):
        Note(0, 60, 1).transpose(semitones)


def test_transposing_by_half_a_semitone_is_an_error():
    with pytest.raises(ValueError, match="whole number of semitones"):
        Note(0, 60, 1).transpose(0.5)


def test_shift_moves_onset_alone():
    assert Note(1, 60, 2, 90).shift(0.5) == Note(1.5, 60, 2, 90)
    with pytest.raises(ValueError, match="beat 0"):
        Note(1, 60, 2).shift(-1.5)


def test_notes_sort_by_onset_then_pitch_and_copy():
    notes = [Note(1, 60, 1), Note(0, 64, 1), Note(0, 60, 2)]
    assert sorted(notes) == [notes[2], notes[1], notes[0]]
    assert copy.deepcopy(notes[0]) == notes[0]


def test_programs_are_checked():
    assert checked_program(0) == 0
    assert checked_program(127) == 127
    for program in (-1, 128):
        with pytest.raises(ValueError, match="General MIDI program"):
            checked_program(program)
