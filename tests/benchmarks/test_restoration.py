"""Restoration: what is taken, what counts as back, and what the floors put back."""

from dataclasses import replace

import numpy as np
import pytest

from deepcomposer_lab.benchmarks import restoration
from deepcomposer_lab.benchmarks.corpus import Chorale, chorales
from deepcomposer_lab.benchmarks.ngram import NeighbourNGram
from deepcomposer_lab.benchmarks.restoration import MODEL_AT_DEFAULT_RISK, Restored, Thinned
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.training.ar_cnn import source_of
from deepcomposer_lab.training.corruption import without_doubles


def test_hits_are_counted_once():
    taken = np.array([[0, 60], [0, 72], [4, 64]])
    back = np.array([[0, 60], [0, 48], [0, 36], [4, 65]])
    # exact: (0, 60). By pitch class at 0 two Cs were taken, three put back: two count. F is not E.
    assert restoration.hits(taken, back) == (1, 2, 3, 4)
    assert restoration.hits(taken, np.zeros((0, 2), dtype=int)) == (0, 0, 3, 0)


def test_f1_by_hand():
    restored = [
        Restored({"model": (1, 2, 3, 4), MODEL_AT_DEFAULT_RISK: (0, 1, 3, 3), "ngram": (3, 3, 3, 3)}),
        Restored({"model": (3, 3, 3, 3), MODEL_AT_DEFAULT_RISK: (1, 1, 3, 3), "ngram": (0, 0, 3, 0)}),
    ]
    figures = restoration.figures(restored, np.array([[1.0, 1.0], [0.0, 2.0]]))
    assert figures["restoration.f1"] == pytest.approx([2 * 4 / 13, 1.0])
    assert figures["restoration.f1_pitch_class"] == pytest.approx([2 * 5 / 13, 1.0])
    assert figures["restoration.default_risk.f1"] == pytest.approx([2 / 12, 2 / 6])
    assert figures["ngram.restoration.f1"] == pytest.approx([6 / 9, 0.0])


def test_free_cells_leave_out_what_is_there():
    free = restoration.free_cells(np.array([[0, 60, 4, 1]]), 2)
    cells = set(map(tuple, free.tolist()))
    assert (0, 60) not in cells
    assert (1, 60) in cells
    assert {pitch for _, pitch in cells} == set(range(36, 82))


def test_three_in_ten_notes_are_taken_the_same_every_time():
    chorale = chorales(ImageEncoding())[5]
    thinned = restoration.thin(chorale, chorale.random(2))
    again = restoration.thin(chorale, chorale.random(2))
    assert np.array_equal(thinned.hidden, again.hidden)
    assert len(thinned.taken) == round(0.3 * len(thinned.notes))
    assert len(thinned.taken) + len(thinned.given) == len(thinned.notes)
    assert np.array_equal(thinned.notes, without_doubles(chorale.source.notes))


def test_the_ngram_guesses_where_notes_are_missing_and_never_a_note_that_is_given():
    scale = np.array([(4 * i, 60 + 2 * i, 4, 0) for i in range(8)], dtype=np.int64)
    ngram = NeighbourNGram.of([scale] * 20)
    hidden = np.zeros(8, dtype=bool)
    hidden[[2, 5]] = True
    assert restoration.guessed(ngram, Thinned(scale, hidden)).tolist() == [[8, 64], [20, 70]]
    # Another voice holds the pitch it would choose: it takes the next likely.
    both = np.concatenate([scale, [[8, 64, 4, 3]]])
    guess = restoration.guessed(ngram, Thinned(both, np.append(hidden, False)))
    assert guess[:, 0].tolist() == [8, 20]
    assert guess[0, 1] != 64


class Session:
    """Adds the notes of a list at onsets and pitches of the composing grid, one an edit; one is a mistake, removed."""

    def __init__(self, cells, lead):
        self.cells, self.added, self.may_stop = cells, [], True
        self.grid = type("Grid", (), {"lead": lead})()

    def __iter__(self):
        for onset, pitch in self.cells:
            note = type("Note", (), {"pitch": pitch})()
            self.added.append(type("Placed", (), {"onset": onset, "note": note})())
            yield None


class Technique:
    """Restores perfectly at low risk; at default risk each note a semitone too high."""

    encoding = ImageEncoding()

    def __init__(self, chorale):
        self.chorale, self.asked = chorale, []

    def steps(self, composition, *, seed, creative_risk, **parameters):
        self.asked.append((composition, seed, creative_risk, parameters))
        taken = restoration.thin(self.chorale, self.chorale.random(2)).taken
        wrong = 0 if creative_risk == 0.5 else 1
        return Session([(onset, pitch + wrong) for onset, pitch in [*taken.tolist(), (0, 36)]], lead=self.lead)

    @property
    def lead(self):
        return -self.chorale.piece.pickup % 4


def test_a_model_that_puts_all_back_has_f1_of_one():
    everything = chorales(ImageEncoding())
    ngram = NeighbourNGram.of([everything[0].piece.notes])
    frequencies = restoration.Frequencies.of([everything[0].source], 4)
    piece = replace(everything[1].piece, pickup=2)  # half a beat: the composing grid starts two steps earlier
    with_pickup = Chorale(1, piece, source_of(piece, ImageEncoding()))
    assert with_pickup.source.notes[0, 0] == 2
    for chorale in (everything[0], with_pickup):
        technique = Technique(chorale)
        restored = restoration.restore(technique, chorale, frequencies, ngram)
        exact, by_class, taken, back = restored.counts["model"]
        assert exact == by_class == taken == back
        assert restored.counts[MODEL_AT_DEFAULT_RISK][0] < taken / 3
        assert restored.counts[MODEL_AT_DEFAULT_RISK][3] == taken
        (given, seed, risk, parameters), (_, same_seed, default, _) = technique.asked
        assert (risk, default) == (0.5, 1.0)
        assert seed == same_seed
        assert parameters["max_notes_to_remove"] == 0
        # What the model was given are the piece's own notes, in beats.
        bach = {(note.onset, note.pitch) for note in chorale.piece.to_composition().notes}
        assert {(note.onset, note.pitch) for note in given.notes} <= bach
        assert len(given.notes) == len(without_doubles(chorale.source.notes)) - taken
        for row in ("ngram", "most_likely_pitch", "random"):
            assert restored.counts[row][2:] == (taken, taken)
