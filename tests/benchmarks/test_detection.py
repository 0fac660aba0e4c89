"""Detection: which moves leave the chord, by hand, and what each subset holds."""

import numpy as np
import pytest

from deepcomposer_lab.benchmarks import detection
from deepcomposer_lab.benchmarks.corpus import Window
from deepcomposer_lab.benchmarks.detection import Detected
from deepcomposer_lab.benchmarks.intervals import bootstrap_weights


def window(*notes, context=(), steps=16):
    array = np.array(notes, dtype=np.int64).reshape(-1, 4)
    before = np.array(context, dtype=np.int64).reshape(-1, 4)
    return Window(steps, 16, before, array, np.zeros((7, 16), dtype=np.float32))


C_MAJOR = ((0, 72, 4, 0), (0, 67, 4, 1), (0, 64, 4, 2), (0, 48, 4, 3))


@pytest.mark.parametrize(
    ("pitch", "leaves"),
    [
        (69, True),  # C A E C … with the alto on A: A C E, a triad
        (70, True),  # C B♭ E: no fifth
        (66, True),
        (68, True),  # E A♭ C, augmented
        (65, True),
    ],
)
def test_moves_of_the_alto_in_c_major(pitch, leaves):
    stays = {69, 68}
    assert detection.leaves_chord(window(*C_MAJOR), 1, pitch) is (leaves and pitch not in stays)


def test_one_sixteenth_of_sense_is_enough():
    # The soprano goes C – B; an alto on A makes A C E with the C, and nothing with the B.
    notes = ((0, 72, 2, 0), (2, 71, 2, 0), (0, 67, 4, 1), (0, 64, 4, 2), (0, 48, 4, 3))
    assert not detection.leaves_chord(window(*notes), 2, 69)
    late = ((0, 71, 2, 0), (2, 72, 2, 0), *notes[2:])
    assert not detection.leaves_chord(window(*late), 2, 69)
    never = ((0, 71, 4, 0), *notes[2:])
    assert detection.leaves_chord(window(*never), 1, 69)


def test_what_sounds_into_the_window_counts_and_what_lies_after_it_does_not():
    held = window((0, 67, 4, 1), (0, 64, 4, 2), context=[(-2, 60, 6, 3)])
    assert not detection.leaves_chord(held, 0, 69)
    assert detection.leaves_chord(window((0, 67, 4, 1), (0, 64, 4, 2)), 0, 69)
    # The triad would come on the first step after the window.
    cut = window((14, 67, 4, 1), (14, 64, 4, 2), (16, 60, 2, 3), steps=16)
    assert detection.leaves_chord(cut, 0, 69)


def detected():
    """Eight notes: four moved, by 1, −2, 6 and 1 semitones; the model is right but for the last."""
    moved = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    scores = np.array([9.0, 8, 7, 1, 6, 2, 3, 4])
    return Detected(
        moved,
        np.array([1, 0, 1, 1, 0, 0, 0, 0], dtype=bool),
        np.array([1, -2, 6, 1, 0, 0, 0, 0]),
        np.array([0, 0, 1, 3, 0, 1, 3, 3]),
        {"model": scores, "random": np.zeros(8)},
    )


def test_figures_by_hand():
    figures = {name: float(draws[0]) for name, draws in detection.figures([detected()], np.ones((1, 1))).items()}
    assert figures["detection.average_precision"] == pytest.approx((1 + 1 + 1 + 4 / 8) / 4)
    assert figures["random.detection.average_precision"] == 0.5
    # Leaving the chord: three moves and the four that were not moved.
    assert figures["detection.leaves_chord.average_precision"] == pytest.approx((1 + 1 + 3 / 7) / 3)
    assert figures["random.detection.leaves_chord.average_precision"] == pytest.approx(3 / 7)
    assert figures["detection.keeps_chord.average_precision"] == 1
    assert figures["detection.interval.1.average_precision"] == pytest.approx((1 + 2 / 6) / 2)
    assert figures["detection.interval.2.average_precision"] == 1
    assert figures["detection.interval.6.average_precision"] == 1
    assert np.isnan(figures["detection.interval.3.average_precision"])
    # By voice, among that voice's notes alone.
    assert figures["random.detection.voice.soprano.average_precision"] == pytest.approx(2 / 3)
    assert figures["detection.voice.bass.average_precision"] == pytest.approx(1 / 3)
    assert figures["detection.leaves_chord.share"] == 3 / 4


def test_figures_of_several_pieces_are_pooled():
    weights = bootstrap_weights(3, 4)
    one, three = detection.figures([detected()], np.ones((1, 1))), detection.figures([detected()] * 3, weights)
    for name, draws in three.items():
        assert draws == pytest.approx(np.full(5, one[name][0]), nan_ok=True), name
