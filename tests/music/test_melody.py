import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcomposer_lab.music.melody import Melody, trimmed
from deepcomposer_lab.music.metre import MetreChange, bar_starts
from deepcomposer_lab.music.note import Note


def test_an_empty_melody_is_falsy_and_one_with_notes_is_not():
    fallback = Melody([Note(0, 60, 1)])
    assert not Melody()
    assert (Melody() or fallback) is fallback
    assert bool(fallback)
    assert Melody().end == 0
    assert len(Melody()) == 0


def test_notes_are_sorted_and_iterated():
    melody = Melody([Note(1, 62, 1), Note(0, 60, 3)])
    assert list(melody) == [Note(0, 60, 3), Note(1, 62, 1)]
    assert len(melody) == 2
    assert melody.end == 3


def test_a_melody_is_a_value():
    melody = Melody([Note(0, 60, 1)])
    with pytest.raises(dataclasses.FrozenInstanceError):
        melody.bpm = 120
    assert melody == Melody((Note(0, 60, 1),))
    assert len({melody, Melody([Note(0, 60, 1)])}) == 1


def test_editing_keeps_all_else():
    melody = Melody([Note(0, 60, 1, 90)], 90, MetreChange(0, 3, 4), 1, 40, "Tune")
    assert melody.with_tempo(120) == Melody([Note(0, 60, 1, 90)], 120, MetreChange(0, 3, 4), 1, 40, "Tune")
    assert melody.transpose(5) == Melody([Note(0, 65, 1, 90)], 90, MetreChange(0, 3, 4), 1, 40, "Tune")
    assert melody.with_notes([]).title == "Tune"


def test_octave_overflow_is_an_error_and_drops_nothing():
    with pytest.raises(ValueError, match="outside 0–127"):
        Melody([Note(0, 60, 1), Note(1, 120, 1)]).transpose(12)


@pytest.mark.parametrize("fields", [{"bpm": 0}, {"pickup": -1}, {"program": 128}, {"metre": MetreChange(4, 3, 4)}])
def test_impossible_melodies_are_refused(fields):
    with pytest.raises(ValueError):
        Melody(**fields)


def test_trim_cuts_at_the_borders_and_moves():
    melody = Melody([Note(0, 60, 2), Note(2, 62, 2), Note(4, 64, 4), Note(8, 65, 1)])
    assert melody.trim(1, 6).notes == (Note(0, 60, 1), Note(1, 62, 2), Note(3, 64, 2))


def test_trim_is_half_open():
    melody = Melody([Note(0, 60, 2), Note(2, 62, 2)])
    assert melody.trim(2, 3).notes == (Note(0, 62, 1),)
    assert melody.trim(0, 2).notes == (Note(0, 60, 2),)


def test_trim_leaves_no_slivers_of_rounding():
    melody = Melody([Note(0.1, 60, 0.2), Note(0.3, 62, 1)])  # 0.1 + 0.2 is a little more than 0.3
    assert [note.pitch for note in melody.trim(0.3, 1)] == [62]


@pytest.mark.parametrize("bounds", [(1, 1), (2, 1), (-1, 3)])
def test_trim_needs_an_interval(bounds):
    with pytest.raises(ValueError, match="start"):
        trimmed([], *bounds)


@pytest.mark.parametrize(("start", "pickup"), [(0, 1), (0.25, 0.75), (1, 0), (2, 2), (3.5, 0.5), (4, 0), (13, 0)])
def test_trim_keeps_the_bar_lines_of_a_piece_with_a_pickup(start, pickup):
    melody = Melody([Note(0, 60, 20)], metre=MetreChange(0, 3, 4), pickup=1)
    assert melody.trim(start, 20).pickup == pytest.approx(pickup)


@given(
    pickup=st.sampled_from([0, 0.5, 1, 2]),
    start=st.floats(0, 15).map(lambda beat: round(beat * 8) / 8),
    numerator=st.integers(3, 7),
)
def test_bar_lines_behind_a_trim_are_those_before_it(pickup, start, numerator):
    melody = Melody([Note(0, 60, 30)], metre=MetreChange(0, numerator, 4), pickup=pickup)
    before = [bar - start for bar in bar_starts([melody.metre], pickup, 30) if bar > start]
    after = [bar for bar in bar_starts([melody.metre], melody.trim(start, 30).pickup, 30 - start) if bar > 0]
    assert after == pytest.approx(before)
