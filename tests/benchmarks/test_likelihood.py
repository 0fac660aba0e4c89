"""Likelihoods: what is hidden, and that the probabilities are those of one note among the free pitches."""

import numpy as np
import pytest
import torch

from deepcomposer_lab.benchmarks import likelihood
from deepcomposer_lab.benchmarks.corpus import Frequencies, Window, chorales, cut
from deepcomposer_lab.benchmarks.likelihood import Likelihoods
from deepcomposer_lab.benchmarks.ngram import NeighbourNGram
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.networks.ar_cnn import EditScores

ENCODING = ImageEncoding()


class Network:
    """Finds every cell right with the probabilities given, whatever it sees; keeps what it saw."""

    def __init__(self, probabilities):
        self.log_p = torch.from_numpy(np.log(probabilities)).float()[None]
        self.seen = None

    def __call__(self, *, roll, time):
        self.seen = roll[0].numpy()
        return EditScores(self.log_p, torch.zeros_like(self.log_p), torch.zeros(1), self.log_p)


class Technique:
    encoding = ENCODING
    time_multiple = 16

    def __init__(self, probabilities):
        self.network = Network(probabilities)


@pytest.fixture(scope="module")
def everything():
    return chorales(ENCODING)


@pytest.fixture(scope="module")
def floors(everything):
    return Frequencies.of([everything[0].source], 4), NeighbourNGram.of([everything[0].piece.notes])


def window():
    notes = np.array([(0, 72, 4, 0), (0, 60, 4, 3), (4, 74, 4, 0), (4, 59, 4, 3)], dtype=np.int64)
    time = np.ones((7, 16), dtype=np.float32)
    return Window(8, 16, np.zeros((0, 4), dtype=np.int64), notes, time)


def test_of_independent_events_of_which_one_came_true(floors):
    """By hand: p of 0.5 and 0.2 on two pitches, next to nothing elsewhere: odds 1 and 1/4, so 4/5 and 1/5."""
    probabilities = np.full((64, 16), 1e-9)
    probabilities[72 - 32, 0], probabilities[71 - 32, 0] = 0.5, 0.2
    technique = Technique(probabilities)
    nats = likelihood.hidden_note_nats(technique, window(), np.array([0]), *floors)
    assert nats["model"] == pytest.approx([-np.log(0.8)], abs=1e-5)
    assert technique.network.seen[0].sum() == 3  # the hidden note is not shown
    assert technique.network.seen[0, 72 - 32, 0] == 0
    # 36–81 without the C that is visible there.
    assert nats["random"] == pytest.approx([np.log(45)])


def test_pitches_that_are_taken_are_no_candidates(floors):
    probabilities = np.full((64, 16), 1e-9)
    probabilities[72 - 32, 0], probabilities[60 - 32, 0] = 0.5, 0.999  # a note starts at 60 already
    nats = likelihood.hidden_note_nats(Technique(probabilities), window(), np.array([0]), *floors)
    assert nats["model"] == pytest.approx([0], abs=1e-5)


def test_certainty_is_no_infinity(floors):
    probabilities = np.full((64, 16), 1.0)
    nats = likelihood.hidden_note_nats(Technique(probabilities), window(), np.array([0, 3]), *floors)
    assert nats["model"] == pytest.approx([np.log(45)] * 2)


def test_every_row_gives_a_distribution_over_the_same_candidates(floors):
    """Asked about each pitch in turn, a row's probabilities add up to one."""
    random = np.random.default_rng(0)
    probabilities = random.random((64, 16))
    totals = dict.fromkeys(("model", "ngram", "most_likely_pitch", "random"), 0.0)
    for pitch in range(36, 82):
        if pitch == 60:  # taken
            continue
        asked = window()
        asked.notes[0, 1] = pitch
        for row, nats in likelihood.hidden_note_nats(Technique(probabilities), asked, np.array([0]), *floors).items():
            totals[row] += float(np.exp(-nats[0]))
    assert totals == pytest.approx(dict.fromkeys(totals, 1.0), abs=1e-5)


def test_never_two_notes_that_start_together_are_hidden(everything):
    shares = []
    for chorale in everything[:10]:
        random = chorale.random(3)
        for view in cut(chorale.source, 16):
            hidden = likelihood.hide(view, random)
            onsets = view.notes[hidden, 0]
            assert len(set(onsets.tolist())) == len(onsets)
            shares.append(len(onsets) / len(np.unique(view.notes[:, 0])))
    assert min(shares) < 0.2
    assert max(shares) > 0.8
    assert np.mean(shares) == pytest.approx(0.5, abs=0.15)


def test_figures_by_hand():
    pieces = [
        Likelihoods({"model": 5.0, "random": 9.0}, 10, {"model": 10.0, "ngram": 20.0}),
        Likelihoods({"model": 7.0, "random": 9.0}, 30, {"model": 60.0, "ngram": 20.0}),
    ]
    figures = likelihood.figures(pieces, np.array([[1.0, 1.0], [2.0, 0.0]]))
    assert figures["likelihood.edit_nats"] == pytest.approx([6.0, 5.0])
    assert figures["random.likelihood.edit_nats"] == pytest.approx([9.0, 9.0])
    assert figures["likelihood.hidden_note_nats"] == pytest.approx([70 / 40, 1.0])
    assert figures["ngram.likelihood.hidden_note_nats"] == pytest.approx([1.0, 2.0])


def test_there_is_no_figure_a_hidden_cell():
    pieces = [Likelihoods({"model": 5.0}, 10, {"model": 10.0})]
    assert not any("hidden_cell" in name for name in likelihood.figures(pieces, np.ones((1, 1))))
    assert "hidden cell" in " ".join(likelihood.NO_HIDDEN_CELL)
