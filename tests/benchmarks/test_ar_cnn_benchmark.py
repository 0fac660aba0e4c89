"""The benchmark itself: its moves are legal, its counts right by hand, its floors where arithmetic puts them."""

import numpy as np
import pytest

from deepcomposer_lab.benchmarks import ar_cnn as benchmark
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.music.voices import VOICE_RANGES
from deepcomposer_lab.training.ar_cnn import crop, source_of
from deepcomposer_lab.training.corruption import without_doubles

ENCODING = ImageEncoding()


@pytest.fixture(scope="module")
def pieces():
    return load_dataset("bach_chorales").pieces("test")


def test_moved_notes_are_wrong_in_a_legal_way(pieces):
    ranges = list(VOICE_RANGES.values())
    shares = []
    for index, piece in enumerate(pieces[:12]):
        notes = without_doubles(source_of(piece, ENCODING).notes)
        spoilt, moved = benchmark.move_notes(notes, np.random.default_rng(index))
        assert np.array_equal(spoilt[~moved], notes[~moved])
        shift = spoilt[moved, 1] - notes[moved, 1]
        assert (np.abs(shift) >= 1).all()
        assert (np.abs(shift) <= 6).all()
        for onset, pitch, duration, voice in spoilt[moved]:
            assert ranges[voice][0] <= pitch <= ranges[voice][1]
            together = (spoilt[:, 0] < onset + duration) & (spoilt[:, 0] + spoilt[:, 2] > onset)
            assert (spoilt[together, 1] == pitch).sum() == 1
        shares.append(moved.mean())
    assert np.mean(shares) == pytest.approx(0.1, abs=0.01)


def test_windows_are_eight_bars_every_four_and_reach_the_end(pieces):
    for piece in pieces:
        source = source_of(piece, ENCODING)
        bar = piece.metre[0] * 16 // piece.metre[1]
        spans = benchmark.windows(source)
        assert spans[0][0] == 0
        assert spans[-1][0] + spans[-1][1] == source.time.shape[1]
        assert all(steps <= 9 * bar for _, steps in spans)
        for start, _ in spans[1:]:
            assert crop(source, start, 1)[1][1, 0] == 1  # starts on a bar line


def test_hits_are_counted_once():
    taken = np.array([[0, 60], [0, 72], [4, 64]])
    back = np.array([[0, 60], [0, 48], [0, 36], [4, 65]])
    # exact: (0, 60). By pitch class at 0 two Cs were taken, three put back: two count. F is not E.
    assert benchmark._hits(taken, back) == (1, 2, 3, 4)
    restored = [benchmark.Restored({"model": (1, 2, 3, 4)}), benchmark.Restored({"model": (3, 3, 3, 3)})]
    assert benchmark.restoration_figure(restored, "model") == pytest.approx(2 * 4 / 13)
    assert benchmark.restoration_figure(restored, "model", pitch_class=True) == pytest.approx(2 * 5 / 13)


def test_the_interval_holds_the_figure_and_narrows_with_more_pieces():
    def mean(values):
        return float(np.mean(values))

    few, many = list(np.arange(10.0)), list(np.arange(10.0)) * 20
    low, high = benchmark.interval(few, mean, 500)
    assert low < 4.5 < high
    narrow_low, narrow_high = benchmark.interval(many, mean, 500)
    assert narrow_high - narrow_low < (high - low) / 3


def test_free_cells_leave_out_what_is_there():
    free = benchmark._free_cells(np.array([[0, 60, 4, 1]]), 2)
    cells = set(map(tuple, free.tolist()))
    assert (0, 60) not in cells
    assert (1, 60) in cells
    assert {pitch for _, pitch in cells} == set(range(36, 82))


def test_most_of_bachs_notes_come_to_their_own_voice(pieces):
    assert 0.95 < benchmark.voices_agreement(pieces[::15]) < 1


def test_musical_figures_stand_beside_the_datasets_own(pieces):
    class Echo:
        def compose(self, music, *, seed):
            return music

    figures = benchmark.musical_figures(Echo(), pieces[:4])
    assert figures["model"]["polyphonic_rate"] == 0  # a soprano alone
    assert figures["dataset"]["polyphonic_rate"] > 0.8
    assert figures["dataset"]["active_notes_per_bar"] > 3 * figures["model"]["active_notes_per_bar"]
    assert 0.8 < figures["dataset"]["in_scale_ratio"] < 1


def test_the_model_is_ahead_of_both_floors(monkeypatch):
    monkeypatch.setattr(benchmark, "QUICK_PIECES", 3)
    lines = []
    figures = benchmark.run(quick=True, report=lines.append)
    assert figures["random.detection.average_precision"] == pytest.approx(0.1, abs=0.06)
    for floor in ("random", "most_likely_pitch"):
        assert figures["detection.average_precision"] > 2 * figures[f"{floor}.detection.average_precision"]
        assert figures["restoration.f1"] > 2 * figures[f"{floor}.restoration.f1"]
    assert figures["detection.average_precision.low"] <= figures["detection.average_precision"]
    assert figures["speed.edits_150_over_8_bars_s"] > 0
    assert any("most likely pitch" in line for line in lines)
    assert all(isinstance(value, float) for value in figures.values())
