"""The n-gram on a toy corpus, whose counts can be made by hand."""

import numpy as np
import pytest

from deepcomposer_lab.benchmarks.ngram import NeighbourNGram, lines_of


def line(pitches, voice=0, start=0):
    return np.array([(start + 4 * i, pitch, 4, voice) for i, pitch in enumerate(pitches)], dtype=np.int64)


@pytest.fixture(scope="module")
def scales():
    """Sopranos that go up by whole tones, basses that stand still."""
    return NeighbourNGram.of([np.concatenate([line(range(60, 76, 2)), line([48] * 8, voice=3)]) for _ in range(20)])


def test_every_distribution_adds_up_to_one(scales):
    for before in (None, (1, 60), (2, 60), (7, 30)):
        for after in (None, (1, 64), (3, 66), (1, 100)):
            probabilities = scales.probabilities(0, before, after)
            assert probabilities.shape == (128,)
            assert probabilities.sum() == pytest.approx(1)
            assert (probabilities > 0).all()


def test_the_habit_of_each_voice_is_learnt_in_any_transposition(scales):
    assert scales.probabilities(0, (1, 61), (1, 65)).argmax() == 63  # odd pitches, which training never had
    assert scales.probabilities(0, (1, 61), (1, 65))[63] > 0.9
    assert scales.probabilities(0, (1, 81), None).argmax() == 83
    assert scales.probabilities(0, None, (1, 61)).argmax() == 59
    assert scales.probabilities(0, (2, 61), None).argmax() == 65  # two notes on
    assert scales.probabilities(3, (1, 55), (1, 55)).argmax() == 55
    assert scales.probabilities(0, None, None).argmax() in range(60, 76, 2)


def test_counts_back_off_as_witten_and_bell_say():
    """One line C D C E: after an interval unseen in the middle, either neighbour alone speaks."""
    ngram = NeighbourNGram.of([line([60, 62, 60, 64])])
    base = ngram.pitches[0] / ngram.pitches[0].sum()
    assert base[60] == 3 / 132
    # After the note before: +2, −2, +4, once each, three kinds: P(+2) = (1 + 3 · base) / (3 + 3).
    assert ngram.probabilities(0, (1, 60), None)[62] == pytest.approx((1 + 3 * base[62]) / 6)
    assert ngram.probabilities(0, (1, 60), None)[70] == pytest.approx(3 * base[70] / 6)
    # Between two C: D, once, one kind.
    before = (np.eye(128)[[62, 58, 64]].sum(axis=0) + 3 * base) / 6
    after = (np.eye(128)[[58, 62, 56]].sum(axis=0) + 3 * base) / 6
    back = before * after / base
    back /= back.sum()
    assert ngram.probabilities(0, (1, 60), (1, 60)) == pytest.approx((np.eye(128)[62] + back) / 2)
    # Between notes a major seventh apart nothing was counted.
    between = before * ((np.eye(128)[[69, 73, 67]].sum(axis=0) + 3 * base) / 6) / base
    assert ngram.probabilities(0, (1, 60), (1, 71)) == pytest.approx(between / between.sum())


def test_neighbours_are_the_nearest_known_notes_of_the_same_voice(scales):
    notes = np.concatenate([line([60, 90, 64, 90, 90, 70]), line([50] * 6, voice=3)])
    notes = notes[np.lexsort((notes[:, 3], notes[:, 0]))]
    known = notes[:, 1] != 90
    wanted = np.flatnonzero(~known)
    found = scales.of_notes(notes, known, wanted)
    assert found.argmax(axis=1).tolist() == [62, 66, 68]
    assert found[1] == pytest.approx(scales.probabilities(0, (1, 64), (2, 70)))
    assert scales.of_notes(notes, known, np.array([], dtype=np.int64)).shape == (0, 128)


def test_a_note_never_looks_at_itself(scales):
    notes = line([60, 62, 64])
    changed = line([60, 75, 64])
    known = np.ones(3, dtype=bool)
    middle = np.array([1])
    assert np.array_equal(scales.of_notes(notes, known, middle), scales.of_notes(changed, known, middle))


def test_lines_are_each_voices_notes_by_onset():
    notes = np.array([[4, 60, 4, 1], [0, 72, 8, 0], [0, 55, 4, 1]])
    assert [indices.tolist() for indices in lines_of(notes)] == [[1], [2, 0], [], []]
