from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.midi import choose_melody, melody_of
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.skyline import skyline

LINE = [Note(0, 72, 1), Note(1, 74, 1), Note(2, 76, 2)]
BASS = [Note(0, 48, 2), Note(2, 43, 2)]


def test_a_line_is_its_own_skyline():
    assert skyline(LINE) == tuple(LINE)
    assert skyline([]) == ()


def test_of_a_chord_the_top_is_kept():
    assert skyline([Note(0, 60, 1), Note(0, 67, 1), Note(0, 64, 2)]) == (Note(0, 67, 1),)
    assert skyline([Note(0, 60, 1), Note(0, 60, 2)]) == (Note(0, 60, 2),)


def test_a_note_is_cut_where_a_higher_one_starts():
    assert skyline([Note(0, 60, 4), Note(1.5, 72, 1)]) == (Note(0, 60, 1.5), Note(1.5, 72, 1))


def test_a_lower_note_under_a_higher_one_is_left_out():
    assert skyline([Note(0, 72, 2), Note(1, 60, 4)]) == (Note(0, 72, 2),)


def test_legato_notes_are_cut_not_left_out():
    assert skyline([Note(0, 72, 1.05), Note(1, 71, 1)]) == (Note(0, 72, 1), Note(1, 71, 1))
    assert skyline([Note(0, 72, 1.2), Note(1, 71, 1)]) == (Note(0, 72, 1.2),)


@given(st.lists(st.builds(Note, st.floats(0, 20), st.integers(40, 80), st.floats(0.01, 5)), min_size=1, max_size=40))
def test_the_skyline_is_one_voice_and_starts_with_the_piece(notes):
    line = skyline(notes)
    for before, after in pairwise(line):
        assert before.offset <= after.onset + 1e-9
    assert line[0].onset == min(note.onset for note in notes)
    highest = max(note.pitch for note in notes)
    assert highest in {note.pitch for note in line}
    given_notes = {(note.onset, note.pitch) for note in notes}
    assert {(note.onset, note.pitch) for note in line} <= given_notes


def test_the_highest_track_is_taken_and_said():
    piece = Composition(
        (Track(BASS, "Cello", 42), Track(LINE, "Violin", 40), Track([Note(0, 90, 4)], "Kit", is_drum=True)),
        (TempoChange(0, 90),), (MetreChange(0, 3, 4),), 1, "Duet",
    )  # fmt: skip
    melody, sentence = choose_melody(piece)
    assert melody == Melody(tuple(LINE), 90, MetreChange(0, 3, 4), 1, 40, "Duet")
    assert melody_of(piece) == melody
    assert sentence == "The melody is track 2, “Violin”, the one that lies highest of 2."


def test_a_name_wins_over_height():
    piece = Composition((Track(LINE, "Violin"), Track(BASS, "Lead vocals")))
    melody, sentence = choose_melody(piece)
    assert melody.notes == tuple(BASS)
    assert sentence == "The melody is track 2, “Lead vocals”, which its name says."
    assert choose_melody(Composition((Track(LINE, "Violin"), Track(BASS, "Misleading"))))[0].notes == tuple(LINE)


def test_a_track_that_hardly_sounds_is_no_melody():
    piece = Composition((Track([Note(3, 100, 0.5)], "Triangle"), Track(LINE, "Violin")))
    assert melody_of(piece).notes == tuple(LINE)


def test_a_polyphonic_track_gives_its_skyline_and_says_so():
    chords = [Note(0, 60, 1), Note(0, 64, 1), Note(0, 67, 1), Note(1, 65, 1)]
    melody, sentence = choose_melody(Composition((Track(chords, "Piano"),), (TempoChange(0, 90), TempoChange(1, 60))))
    assert melody.notes == (Note(0, 67, 1), Note(1, 65, 1))
    assert "only one with pitched notes" in sentence
    assert "skyline" in sentence
    assert "2 of its 4 notes" in sentence
    assert "later changes of them were left out" in sentence
    assert sentence.count(".") == 1


@pytest.mark.parametrize(
    ("tracks", "found"), [((), "no notes"), ((Track([Note(0, 36, 1)], "Kit", is_drum=True),), "only drums")]
)
def test_without_pitched_notes_there_is_no_melody(tracks, found):
    with pytest.raises(ValueError, match=found):
        choose_melody(Composition(tracks))
