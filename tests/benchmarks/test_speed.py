"""Timing, on a technique whose every edit takes a known time by a clock of the test's own."""

import pytest

from deepcomposer_lab.benchmarks import speed
from deepcomposer_lab.music.samples import sample_melody


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


class Steady:
    """Needs 30 ms to begin and 2 ms for an edit; stops after `most`, and after the first where it may stop."""

    def __init__(self, clock, most=10_000):
        self.clock, self.most, self.asked, self.may_stop = clock, most, [], True

    def steps(self, melody, *, seed, sampling_iterations):
        self.asked.append((len(melody.notes), seed, sampling_iterations))
        self.clock.now += 0.03
        return self

    def __iter__(self):
        for _ in range(1 if self.may_stop else self.most):
            self.clock.now += 0.002
            yield None


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    return clock


def test_figures_of_a_known_technique(clock):
    technique = Steady(clock)
    ticks = []
    figures = speed.measure(technique, edits=20, runs=2, tick=lambda: ticks.append(1))
    assert figures["speed.first_edit_s"] == pytest.approx(0.032)
    assert figures["speed.edits_150_over_8_bars_s"] == pytest.approx(0.03 + 150 * 0.002)
    assert figures["speed.edits_per_second"] == pytest.approx(150 / 0.33)
    for bars in (8, 32, 128):
        assert figures[f"speed.bars_{bars}.seconds_per_edit"] == pytest.approx(0.002)
        assert figures[f"speed.bars_{bars}.edits_per_second"] == pytest.approx(500)
        assert figures[f"speed.bars_{bars}.first_edit_s"] == pytest.approx(0.032)
    assert 50 < figures["memory.peak_mb"] < 10_000
    assert len(ticks) == 1 + len(speed.LENGTHS)
    assert [notes for notes, *_ in technique.asked] == [30] * 3 + [30, 120, 480]


def test_fewer_edits_than_asked_for_are_brought_to_as_many(clock):
    first, total = speed.timed(Steady(clock, most=5), sample_melody("ode_to_joy"), 50, seed=0)
    assert (first, total) == pytest.approx((0.032, (0.03 + 5 * 0.002) * 10))


def test_a_melody_is_repeated_by_whole_eights_of_bars():
    melody = sample_melody("ode_to_joy")
    longer = speed.lengthened(melody, 32)
    assert longer.end == 4 * 32
    assert [note.pitch for note in longer.notes] == [note.pitch for note in melody.notes] * 4
    assert longer.notes[30].onset == 32
    assert speed.lengthened(melody, 8) == melody
