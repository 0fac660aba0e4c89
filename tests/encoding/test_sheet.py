"""Sheets: compositions on the grid, cut into whole bars, and back."""

import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.sheet import METRES, Sheet, bar_steps, composition_of, sheet_of, whole_bars
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody


def a_piece(*notes, **kept):
    return Composition((Track(tuple(Note(*note) for note in notes)),), **kept)


def test_a_piece_is_put_on_the_grid():
    piece = Composition(
        (
            Track((Note(0, 72, 1), Note(1 / 3, 60, 1 / 3), Note(4.5, 65, 0.01)), "Tune"),
            Track((Note(0, 36, 1),), "Drums", is_drum=True),
            Track((Note(2, 48, 2),), "Bass"),
        )
    )
    sheet, served = sheet_of(piece)
    assert served
    assert sheet.notes.tolist() == [[0, 72, 24, 0], [8, 60, 8, 0], [48, 48, 48, 1], [108, 65, 1, 0]]
    assert sheet.bars.tolist() == [[0, 4, 4], [96, 4, 4]]
    assert sheet.end == 192


def test_a_pickup_is_the_end_of_a_bar_that_began_before():
    sheet, _ = sheet_of(a_piece((0, 60, 1), (1, 62, 3), metres=(MetreChange(0, 3, 4),), pickup=1.0))
    assert sheet.bars.tolist() == [[-48, 3, 4], [24, 3, 4]]
    assert sheet.notes[0].tolist() == [0, 60, 24, 0]


def test_what_a_part_plays_twice_at_once_is_one_note():
    sheet = Sheet.of(np.array([[0, 60, 10, 0], [0, 60, 40, 0], [24, 60, 5, 0], [0, 60, 99, 1]]), np.array([[0, 4, 4]]))
    assert sheet.notes.tolist() == [[0, 60, 24, 0], [0, 60, 99, 1], [24, 60, 5, 0]]


def test_notes_are_read_by_onset_then_part_then_from_the_highest_down():
    rows = [[0, 60, 1, 1], [0, 50, 1, 0], [0, 70, 1, 0], [5, 90, 1, 0], [0, 99, 1, 1]]
    sheet = Sheet.of(np.array(rows), np.array([[0, 4, 4]]))
    assert sheet.notes[:, [0, 3, 1]].tolist() == [[0, 0, 70], [0, 0, 50], [0, 1, 99], [0, 1, 60], [5, 0, 90]]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ([(0, 24, 3, 4), (24, 72, 3, 4)], [(-48, 3, 4), (24, 3, 4)]),  # a pickup
        ([(0, 96, 4, 4), (96, 24, 4, 4), (120, 72, 4, 4)], [(0, 4, 4), (96, 4, 4)]),  # a bar split by a repeat sign
        ([(0, 96, 4, 4), (96, 72, 4, 4)], [(0, 4, 4), (96, 3, 4)]),  # three quarters, whatever the signature says
        ([(0, 96, 4, 4), (96, 132, 4, 4)], [(0, 4, 4), (96, 11, 8)]),  # too long
        ([(0, 192, 32, 16)], [(0, 8, 4)]),  # a metre with no token, and one as long that has one
        ([(0, 96, 4, 4), (96, 5, 4, 4)], None),  # five twenty-fourths: no metre is as short
        ([], []),
    ],
)
def test_bars_are_made_whole(stated, expected):
    assert whole_bars(stated) == expected


def test_every_metre_has_whole_steps_and_its_own_name():
    assert len(set(METRES)) == len(METRES)
    for numerator, denominator in METRES:
        assert bar_steps(numerator, denominator) * denominator == numerator * 96


def test_a_bar_of_no_known_length_is_said_and_served_in_four_four():
    sheet, served = sheet_of(a_piece((0, 60, 1), (5, 62, 1), metres=(MetreChange(0, 17, 64),)))
    assert not served
    assert sheet.bars.tolist() == [[0, 4, 4], [96, 4, 4]]


def test_samples_and_chorales_come_back_as_they_were():
    """To half a step: they lie on the grid, so exactly."""
    pieces = [Composition.from_melody(sample_melody(name)) for name in list_sample_melodies()]
    pieces += [piece.to_composition() for piece in load_dataset("bach_chorales").pieces("validation")]
    for piece in pieces:
        sheet, served = sheet_of(piece)
        assert served
        back = composition_of(sheet, piece.tracks)
        for mine, theirs in zip(back.tracks, piece.tracks, strict=True):
            one, other = (np.array([(n.onset, n.pitch, n.duration) for n in track.notes]) for track in (mine, theirs))
            assert np.allclose(one, other), piece.title
            assert (mine.name, mine.program) == (theirs.name, theirs.program)
        assert back.bars == pytest.approx(piece.bars[: len(back.bars)]), piece.title


def test_transposing_and_choosing_parts():
    sheet = Sheet.of(np.array([[0, 60, 1, 0], [0, 50, 1, 2], [3, 40, 1, 3]]), np.array([[0, 4, 4]]))
    assert sheet.transposed(-5).notes[:, 1].tolist() == [55, 45, 35]
    assert sheet.with_parts([3, 2]).notes.tolist() == [[0, 50, 1, 0], [3, 40, 1, 1]]
