"""Bars and the grid: which passages are 4/4, where their notes go, and what beat a file without one keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcomposer_lab.datasets.bars import (
    Bar,
    Section,
    bars_of_metres,
    fit_beat,
    follows_beats,
    four_four_sections,
    notes_on_grid,
    without_overlaps,
)


def row(*lengths: float, metre: tuple[int, int] = (4, 4), start: float = 0.0) -> list[Bar]:
    """Bars of one metre after each other."""
    bars = []
    for length in lengths:
        bars.append(Bar(start, length, *metre))
        start += length
    return bars


def test_without_a_metre_it_is_four_four_and_the_last_bar_is_filled() -> None:
    assert bars_of_metres([], 9.5) == row(4, 4, 4)


def test_metres_lay_out_bars_and_a_change_cuts_one() -> None:
    bars = bars_of_metres([(0, 4, 4), (6, 3, 4), (12, 6, 8)], 14)
    assert [(bar.start, bar.length, bar.numerator) for bar in bars] == [
        (0, 4, 4),
        (4, 2, 4),
        (6, 3, 3),
        (9, 3, 3),
        (12, 3, 6),
    ]


@pytest.mark.parametrize("opening", [(1, 4), (2, 8)])
def test_an_opening_metre_of_one_short_bar_is_a_pickup(opening: tuple[int, int]) -> None:
    bars = bars_of_metres([(0, *opening), (1, 4, 4)], 33)
    assert (bars[0], len(bars)) == (Bar(0, 1, 4, 4), 9)
    assert four_four_sections(bars)[0] == [Section(-3, 9, 0, 33)]
    # A whole bar of its own metre, and longer than what follows: no pickup.
    assert bars_of_metres([(0, 5, 4), (5, 4, 4)], 13)[0] == Bar(0, 5, 5, 4)


def test_a_whole_piece_in_four_four_is_one_section() -> None:
    assert four_four_sections(row(*[4] * 9)) == ([Section(0, 9, 0, 36)], {})


def test_other_metres_are_left_out_and_counted_and_so_are_short_passages() -> None:
    bars = [
        *row(*[4] * 8),
        *row(3, 3, metre=(3, 4), start=32),
        *row(*[4] * 7, start=38),
        *row(3.5, metre=(7, 8), start=66),
    ]
    sections, left_out = four_four_sections(bars)
    assert sections == [Section(0, 8, 0, 32)]
    assert left_out == {"3/4": 2, "short passage": 7, "7/8": 1}


def test_a_pickup_is_the_end_of_a_bar() -> None:
    assert four_four_sections(row(1, *[4] * 8))[0] == [Section(-3, 9, 0, 33)]


def test_a_short_last_bar_is_filled_up() -> None:
    assert four_four_sections(row(*[4] * 8, 3))[0] == [Section(0, 9, 0, 35)]


def test_a_bar_split_by_a_repeat_sign_is_put_together() -> None:
    assert four_four_sections(row(*[4] * 4, 3, 1, *[4] * 4))[0] == [Section(0, 9, 0, 36)]


def test_two_four_is_paired_with_its_pickup_and_two_two_counts_as_four_four() -> None:
    two_four = row(*[2] * 16, metre=(2, 4))
    assert four_four_sections(two_four)[0] == [Section(0, 8, 0, 32)]
    pickup = row(0.5, *[2] * 16, metre=(2, 4))
    assert four_four_sections(pickup)[0] == [Section(-3.5, 9, 0, 32.5)]
    assert four_four_sections(row(*[4] * 8, metre=(2, 2)))[0] == [Section(0, 8, 0, 32)]


def test_one_bar_of_two_four_too_many_ends_a_section() -> None:
    bars = [*row(*[4] * 8), *row(2, metre=(2, 4), start=32), *row(*[4] * 8, start=34)]
    assert four_four_sections(bars)[0] == [Section(0, 9, 0, 34), Section(34, 8, 34, 66)]


SECTION = Section(8, 4, 8, 24)


def test_sixteenths_and_triplets_are_exact() -> None:
    notes = [[8 + k / 4, 60, 1 / 4] for k in range(4)] + [[9 + k / 3, 62, 1 / 3] for k in range(3)]
    grid, off = notes_on_grid(np.array(notes), SECTION)
    assert grid.tolist() == [[0, 60, 3], [3, 60, 3], [6, 60, 3], [9, 60, 3], [12, 62, 4], [16, 62, 4], [20, 62, 4]]
    assert off == 0


def test_a_beat_is_played_in_sixteenths_or_in_triplets_as_fits_all_its_notes() -> None:
    # 0.30 lies nearer to a triplet's 1/3 than to a sixteenth's 1/4; the beat's other notes say which is meant.
    loose = np.array([0.0, 0.30, 0.52, 0.76])
    grid, off = notes_on_grid(np.column_stack([8 + loose, np.full(4, 60), np.full(4, 0.2)]), SECTION)
    assert grid[:, 0].tolist() == [0, 3, 6, 9]
    assert off == 1
    swung = np.array([0.0, 0.64])
    grid, _ = notes_on_grid(np.column_stack([8 + swung, [60, 62], [0.6, 0.3]]), SECTION)
    assert grid[:, 0].tolist() == [0, 8]


def test_a_note_a_little_early_belongs_to_the_beat_it_was_meant_for() -> None:
    grid, off = notes_on_grid(np.array([[8.98, 60, 1.0], [8.0 - 0.0004, 64, 1.0]]), SECTION)
    assert grid[:, 0].tolist() == [0, 12]
    assert off == 0


def test_letting_go_of_a_key_leaves_no_gap_and_the_section_cuts_what_sounds_on() -> None:
    grid, _ = notes_on_grid(np.array([[8, 60, 0.92], [9, 62, 0.5], [10, 64, 40]]), SECTION)
    assert grid.tolist() == [[0, 60, 12], [12, 62, 6], [24, 64, 192 - 24]]


def test_of_a_trill_the_notes_on_the_grid_are_kept_and_of_a_strum_all() -> None:
    trill = np.array([[8 + k / 8, 60 + 2 * (k % 2), 1 / 8] for k in range(8)] + [[9, 67, 1]])
    grid, off = notes_on_grid(trill, SECTION)
    assert grid[:, :2].tolist() == [[0, 60], [3, 60], [6, 60], [9, 60], [12, 67]]
    assert off == 4
    strum = np.array([[8 + k / 80, 60 + 4 * k, 1.0] for k in range(4)])
    assert notes_on_grid(strum, SECTION)[0][:, :2].tolist() == [[0, 60], [0, 64], [0, 68], [0, 72]]


def test_only_notes_that_begin_in_the_section_belong_to_it() -> None:
    grid, _ = notes_on_grid(np.array([[7, 60, 4], [8, 62, 1], [23.75, 64, 0.25], [24, 65, 1]]), SECTION)
    assert grid.tolist() == [[0, 62, 12], [189, 64, 3]]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(58, 62), st.integers(1, 30)), max_size=30))
def test_nothing_overlaps_and_no_start_is_lost(rows: list[tuple[int, int, int]]) -> None:
    notes = np.array(rows, dtype=np.int64).reshape(-1, 3)
    free = without_overlaps(notes)
    assert {(onset, pitch) for onset, pitch, _ in free.tolist()} == {(onset, pitch) for onset, pitch, _ in rows}
    assert len(free) == len({(onset, pitch) for onset, pitch, _ in rows})
    sounding = [(pitch, tick) for onset, pitch, duration in free.tolist() for tick in range(onset, onset + duration)]
    assert len(sounding) == len(set(sounding))
    # What sounded still does, except where a long note is cut by the next of its pitch.
    assert set(sounding) <= {
        (pitch, tick) for onset, pitch, duration in rows for tick in range(onset, onset + duration)
    }


@pytest.mark.parametrize("real", [82.0, 100.7, 125.8, 151.0])
def test_a_steady_beat_is_found_in_a_file_that_knows_none(real: float) -> None:
    """Moments kept 140 times a second, in a file that claims 95 beats a minute of 89 ticks."""
    rng = np.random.default_rng(3)
    sixteenths = np.flatnonzero(rng.random(600) < 0.6)
    sixteenths = np.union1d(sixteenths, np.arange(0, 600, 4))
    ticks = np.rint(sixteenths * 60 / real / 4 * 140.98)
    onsets = ticks / 89
    assert follows_beats(onsets) < 0.3
    period, fit = fit_beat(onsets, 95.0)
    assert 95.0 / period == pytest.approx(real, rel=2e-3)
    assert fit > 0.9
    assert follows_beats(onsets / period) > 0.9


def test_onsets_without_any_beat_fit_none() -> None:
    onsets = np.cumsum(np.random.default_rng(1).exponential(0.37, 800))
    assert follows_beats(onsets) < 0.3
    assert fit_beat(onsets, 120.0)[1] < 0.4
