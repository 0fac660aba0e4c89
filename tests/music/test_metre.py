import math

import pytest

from deepcomposer_lab.music.metre import (
    MetreChange,
    TempoChange,
    bar_starts,
    beats_to_seconds,
    checked_pickup,
    metre_at,
    metre_of_length,
)


@pytest.mark.parametrize(
    ("numerator", "denominator", "beats"), [(4, 4, 4), (3, 4, 3), (6, 8, 3), (7, 8, 3.5), (2, 2, 4), (5, 16, 1.25)]
)
def test_bar_length_in_quarter_notes(numerator, denominator, beats):
    metre = MetreChange(0, numerator, denominator)
    assert metre.bar_beats == beats
    assert str(metre) == f"{numerator}/{denominator}"


@pytest.mark.parametrize(
    "fields", [(-1, 4, 4), (0, 0, 4), (0, 256, 4), (0, 4, 3), (0, 4, 0), (0, 4, 128), (math.nan, 4, 4)]
)
def test_impossible_metres_are_refused(fields):
    with pytest.raises(ValueError, match="metre"):
        MetreChange(*fields)


@pytest.mark.parametrize("fields", [(-1, 100), (math.inf, 100), (0, 3.9), (0, 1001), (0, math.nan)])
def test_impossible_tempos_are_refused(fields):
    with pytest.raises(ValueError, match="tempo"):
        TempoChange(*fields)


def test_ends_of_the_tempo_range_are_inside():
    assert TempoChange(0, 4).bpm == 4
    assert TempoChange(0, 1000).bpm == 1000


def test_bars_of_one_metre():
    assert bar_starts([MetreChange(0, 3, 4)], 0, 9) == [0, 3, 6]
    assert bar_starts([MetreChange(0, 3, 4)], 0, 9.01) == [0, 3, 6, 9]
    assert bar_starts([MetreChange(0, 6, 8)], 0, 0) == [0]


def test_a_pickup_is_an_incomplete_first_bar():
    assert bar_starts([MetreChange(0, 4, 4)], 1, 10) == [0, 1, 5, 9]
    assert bar_starts([MetreChange(0, 4, 4)], 1, 1) == [0]


def test_a_change_of_metre_starts_a_bar_even_inside_one():
    metres = [MetreChange(0, 4, 4), MetreChange(6, 3, 4)]
    assert bar_starts(metres, 0, 13) == [0, 4, 6, 9, 12]
    assert bar_starts([MetreChange(0, 4, 4), MetreChange(9, 3, 4)], 1, 14) == [0, 1, 5, 9, 12]


def test_many_bars_do_not_drift():
    starts = bar_starts([MetreChange(0, 7, 8)], 0.5, 35_000)
    assert len(starts) == 1 + 10_000
    assert starts[-1] == 0.5 + 9_999 * 3.5


def test_metre_at_is_half_open():
    metres = (MetreChange(0, 4, 4), MetreChange(8, 3, 4))
    assert [str(metre_at(metres, beat)) for beat in (0, 7.999, 8, 100)] == ["4/4", "4/4", "3/4", "3/4"]


@pytest.mark.parametrize(("beat", "seconds"), [(0, 0), (2, 2), (4, 4), (5, 4.5), (8, 6), (10, 14), (9, 10)])
def test_beats_to_seconds_through_changes(beat, seconds):
    tempos = (TempoChange(0, 60), TempoChange(4, 120), TempoChange(8, 15))
    assert beats_to_seconds(tempos, beat) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("beats", "metre"), [(1, "1/4"), (0.5, "1/8"), (3, "3/4"), (1.5, "3/8"), (0.0625, "1/64"), (1020, "255/1")]
)
def test_metre_of_length(beats, metre):
    assert str(metre_of_length(beats)) == metre


def test_metre_of_an_odd_length_is_not_shorter():
    metre = metre_of_length(1 / 3)
    assert 1 / 3 <= metre.bar_beats < 1 / 3 + 0.0625


@pytest.mark.parametrize("pickup", [-0.1, math.nan, math.inf])
def test_impossible_pickups_are_refused(pickup):
    with pytest.raises(ValueError, match="pickup"):
        checked_pickup(pickup)
    assert checked_pickup(0) == 0.0
