import numpy as np
import pytest

from deepcomposer_lab.encoding.explanation import explain_beat_tokens, explain_performance
from deepcomposer_lab.encoding.performance import PerformanceEncoding
from deepcomposer_lab.encoding.sheet import sheet_of
from deepcomposer_lab.encoding.tokens import TokenEncoding
from deepcomposer_lab.music.composition import Composition, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

TWO = Composition(
    [
        Track([Note(0, 72, 1), Note(1, 74, 3)], "High"),
        Track([Note(0, 60, 4), Note(0, 64, 4)], "Low"),
        Track([Note(0, 36, 1)], "Drums", is_drum=True),
    ],
    title="Two",
)


def words(explanation):
    return [(token.word, token.note) for token in explanation.tokens]


class TestBeat:
    def test_a_note_has_its_pitch_and_its_duration(self):
        assert words(explain_beat_tokens(TWO, bars=8)) == [
            ("Start", -1),
            ("Bar 4/4", -1),
            ("Position 0", -1),
            ("Part 1", -1),
            ("Pitch C5", 0),
            ("Duration 1", 0),
            ("Part 2", -1),
            ("Pitch E4", 1),
            ("Duration 4", 1),
            ("Pitch C4", 2),
            ("Duration 4", 2),
            ("Position 1", -1),
            ("Part 1", -1),
            ("Pitch D5", 3),
            ("Duration 3", 3),
            ("End", -1),
        ]

    def test_the_notes_come_in_the_order_of_their_tokens(self):
        explanation = explain_beat_tokens(TWO, bars=8)
        assert [(note.onset, note.pitch, note.duration) for note in explanation.notes] == [
            (0, 72, 1),
            (0, 64, 4),
            (0, 60, 4),
            (1, 74, 3),
        ]
        assert (explanation.token_count, explanation.note_count, explanation.tokens_a_note) == (16, 4, 4)
        assert explanation.vocabulary == len(TokenEncoding().vocabulary())
        assert explanation.whole

    @pytest.mark.parametrize("name", list_sample_melodies())
    def test_tokens_name_the_pitch_of_their_note_in_every_sample(self, name):
        piece = as_composition(sample_melody(name))
        explanation = explain_beat_tokens(piece, bars=100)
        assert len(explanation.tokens) == len(TokenEncoding().encode(sheet_of(piece)[0]))
        pitches = [token for token in explanation.tokens if token.word.startswith("Pitch")]
        assert [token.word for token in pitches] == [f"Pitch {note.name}" for note in piece.notes]
        assert [token.note for token in pitches] == list(range(len(piece.notes)))

    def test_a_longer_piece_ends_with_a_bar(self):
        melody = Melody([Note(0, 59, 1), *(Note(1 + 4 * bar, 60 + bar, 4) for bar in range(6))], pickup=1, title="Up")
        explanation = explain_beat_tokens(as_composition(melody), bars=2)
        assert [token.bar for token in explanation.tokens if token.word.startswith("Bar")] == [0, 1, 2]
        assert [note.pitch for note in explanation.notes] == [59, 60, 61]
        assert (explanation.whole, explanation.note_count) == (False, 7)
        assert explanation.token_count == len(explain_beat_tokens(as_composition(melody), bars=9).tokens)


class TestPerformance:
    def test_a_key_goes_down_and_comes_up(self):
        piece = Composition([Track([Note(0, 60, 2), Note(0, 64, 1), Note(1, 64, 1)])])
        assert [pair for pair in words(explain_performance(piece, bars=8)) if pair[1] >= 0] == [
            ("On C4", 0),
            ("On E4", 1),
            ("Off E4", 1),
            ("On E4", 2),
            ("Off C4", 0),
            ("Off E4", 2),
        ]

    def test_of_a_pitch_held_twice_whichever_began_first_comes_up_first(self):
        piece = Composition([Track([Note(0, 60, 4)]), Track([Note(1, 60, 1)])])
        told = [pair for pair in words(explain_performance(piece, bars=8)) if pair[1] >= 0]
        assert told == [("On C4", 0), ("On C4", 1), ("Off C4", 0), ("Off C4", 1)]

    @pytest.mark.parametrize("name", list_sample_melodies())
    def test_every_note_has_two_tokens_that_name_it(self, name):
        piece = as_composition(sample_melody(name))
        explanation = explain_performance(piece, bars=100)
        assert explanation.token_count == len(explanation.tokens) == len(PerformanceEncoding().encode(piece))
        for index, note in enumerate(explanation.notes):
            own = [token.word for token in explanation.tokens if token.note == index]
            assert own == [f"On {note.name}", f"Off {note.name}"]
        assert sorted(explanation.notes) == sorted(piece.notes)

    def test_the_beginning_ends_before_the_first_key_of_the_next_bar(self):
        piece = as_composition(Melody([Note(4 * bar, 60 + bar, 4) for bar in range(5)], title="Bars"))
        explanation = explain_performance(piece, bars=2)
        assert [note.pitch for note in explanation.notes] == [60, 61]
        assert explanation.tokens[-1].word == "Off C♯4"
        assert not explanation.whole
        assert {token.bar for token in explanation.tokens} == {-1}

    def test_what_a_piano_lacks_is_left_out(self):
        piece = Composition([Track([Note(0, 12, 1), Note(0, 60, 1)]), Track([Note(0, 36, 1)], is_drum=True)])
        explanation = explain_performance(piece, bars=8)
        assert [note.pitch for note in explanation.notes] == [60]
        assert explanation.note_count == 1
        assert np.isfinite(explanation.tokens_a_note)
