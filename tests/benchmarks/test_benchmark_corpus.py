"""Windows and how they are spoilt: legal, the same every time, and mended by the edits that are said to mend them."""

import numpy as np
import pytest

from deepcomposer_lab.benchmarks import corpus
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.training.ar_cnn import crop
from deepcomposer_lab.training.corruption import without_doubles


@pytest.fixture(scope="module")
def chorales():
    return corpus.chorales(ImageEncoding())


def test_moved_notes_are_wrong_in_a_legal_way(chorales):
    shares = []
    for chorale in chorales[:12]:
        notes = without_doubles(chorale.source.notes)
        spoilt, moved = corpus.move_notes(notes, chorale.random(1))
        assert np.array_equal(spoilt[~moved], notes[~moved])
        shift = spoilt[moved, 1] - notes[moved, 1]
        assert (np.abs(shift) >= 1).all()
        assert (np.abs(shift) <= 6).all()
        for onset, pitch, duration, voice in spoilt[moved]:
            assert corpus.RANGES[voice][0] <= pitch <= corpus.RANGES[voice][1]
            together = (spoilt[:, 0] < onset + duration) & (spoilt[:, 0] + spoilt[:, 2] > onset)
            assert (spoilt[together, 1] == pitch).sum() == 1
        shares.append(moved.mean())
    assert np.mean(shares) == pytest.approx(0.1, abs=0.01)


def test_windows_are_eight_bars_every_four_and_reach_the_end(chorales):
    for chorale in chorales:
        source, metre = chorale.source, chorale.piece.metre
        bar = metre[0] * 16 // metre[1]
        spans = corpus.windows(source)
        assert spans[0][0] == 0
        assert spans[-1][0] + spans[-1][1] == source.time.shape[1]
        assert all(steps <= 9 * bar for _, steps in spans)
        for start, _ in spans[1:]:
            assert crop(source, start, 1)[1][1, 0] == 1  # starts on a bar line


def test_a_window_holds_each_note_that_begins_in_it_and_the_context_before(chorales):
    for chorale in chorales[:6]:
        for (start, steps), window in zip(corpus.windows(chorale.source), corpus.cut(chorale.source, 16), strict=True):
            assert window.steps == steps
            assert window.width % 16 == 0
            assert steps <= window.width < steps + 16
            begin = chorale.source.notes[:, 0]
            expected = without_doubles(chorale.source.notes[(begin >= start) & (begin < start + steps)])
            assert np.array_equal(window.notes + np.array([start, 0, 0, 0]), expected)
            assert (window.context[:, 0] < 0).all()
            assert (window.context[:, 0] + window.context[:, 2] > 0).all()


def test_the_edits_of_a_spoilt_window_lead_back(chorales):
    shares = []
    for chorale in chorales[:8]:
        for window in corpus.cut(chorale.source, 16):
            spoilt = corpus.spoil(window, chorale.random(3))
            there = corpus._cells(spoilt.visible[spoilt.visible[:, 0] >= 0])
            removed = {(onset, pitch) for onset, pitch in spoilt.remove.tolist()}
            added = {(onset, pitch) for onset, pitch in spoilt.add[:, :2].tolist()}
            assert removed <= there
            assert not added & there
            assert (there - removed) | added == corpus._cells(window.notes)
            shares.append(len(spoilt.visible) / len(window.notes))
    assert min(shares) < 0.4
    assert max(shares) > 0.8


def test_a_pieces_random_numbers_are_its_own(chorales):
    assert chorales[3].random(1).random() == corpus.chorales(ImageEncoding())[3].random(1).random()
    assert len({chorales[i].random(purpose).random() for i in range(5) for purpose in range(5)}) == 25


def test_frequencies_by_hand(chorales):
    found = corpus.Frequencies.of([chorales[0].source], 4)
    notes = chorales[0].source.notes
    soprano = notes[notes[:, 3] == 0, 1]
    pitch = int(soprano[0])
    assert found.by_voice[0, pitch] == pytest.approx(((soprano == pitch).sum() + 1) / (len(soprano) + 128))
    place = notes[:, 0] % 4 == 2
    assert found.by_place[2, 60] == pytest.approx(((notes[place, 1] == 60).sum() + 1) / (len(notes) + 4 * 128))
