"""Copied runs, against a search that compares every run with every other."""

import numpy as np
import pytest

from deepcomposer_lab.benchmarks.copies import Copy, longest_copies

TUNE = np.array([(0, 60, 24, 0), (24, 62, 12, 0), (36, 64, 12, 0), (48, 65, 48, 0), (96, 67, 96, 0)])


def moved(notes: np.ndarray, *, semitones: int = 0, steps: int = 0, part: int = 0) -> np.ndarray:
    return notes + np.array([steps, semitones, 0, part])


def test_a_transposition_at_another_place_is_a_copy() -> None:
    copy = moved(TUNE, semitones=5, steps=30, part=2)
    assert longest_copies([copy], [TUNE]) == [Copy(5, 192, 30, 2)]


@pytest.mark.parametrize("column", [0, 1, 2])
def test_another_onset_pitch_or_duration_ends_a_run(column: int) -> None:
    changed = TUNE.copy()
    changed[2, column] += 1
    # The first two notes are the same, and the last two, which last longer.
    assert longest_copies([changed], [TUNE]) == [Copy(2, 144, 48, 0)]


def test_runs_stay_in_their_part_and_piece() -> None:
    apart = np.concatenate([TUNE[:2], moved(TUNE[2:], part=1)])
    (copy,) = longest_copies([TUNE], [apart])
    assert copy.notes == 3
    (copy,) = longest_copies([TUNE], [TUNE[:2], TUNE[2:]])
    assert copy.notes == 3


def test_nothing_is_copied_from_nothing() -> None:
    none = np.zeros((0, 4), dtype=np.int64)
    assert longest_copies([none, TUNE], [none]) == [Copy(), Copy()]
    assert longest_copies([none, TUNE], [TUNE]) == [Copy(), Copy(5, 192, 0, 0)]


def by_hand(piece: np.ndarray, training: list[np.ndarray]) -> int:
    """Return the steps of the longest copied run, each run compared with each."""

    def lines(notes: np.ndarray) -> list[list[list[int]]]:
        ordered = sorted(notes.tolist(), key=lambda note: (note[3], note[0], -note[1]))
        return [[note for note in ordered if note[3] == part] for part in sorted({note[3] for note in ordered})]

    def shape(run: list[list[int]]) -> list[tuple[int, int, int]]:
        return [(onset - run[0][0], pitch - run[0][1], duration) for onset, pitch, duration, _ in run]

    known = [line for notes in training for line in lines(notes)]
    longest = 0
    for line in lines(piece):
        for start in range(len(line)):
            for stop in range(start + 1, len(line) + 1):
                run = line[start:stop]
                if any(
                    shape(run) == shape(other[at : at + len(run)])
                    for other in known
                    for at in range(len(other) - len(run) + 1)
                ):
                    longest = max(longest, run[-1][0] + run[-1][2] - run[0][0])
    return longest


def test_random_lines_agree_with_a_search_of_all() -> None:
    random = np.random.default_rng(0)

    def line() -> np.ndarray:
        count = int(random.integers(5, 25))
        onset = np.cumsum(random.integers(0, 3, count))
        return np.column_stack(
            [onset, random.integers(60, 63, count), random.integers(1, 3, count), random.integers(0, 2, count)]
        )

    for _ in range(15):
        pieces, training = [line() for _ in range(3)], [line() for _ in range(4)]
        # Where a part has two equal notes at once their order is open: one stays.
        pieces, training = ([np.unique(one, axis=0) for one in lines] for lines in (pieces, training))
        pieces, training = (
            [one[np.unique(one[:, [0, 1, 3]], axis=0, return_index=True)[1]] for one in lines]
            for lines in (pieces, training)
        )
        assert [copy.steps for copy in longest_copies(pieces, training)] == [by_hand(one, training) for one in pieces]
