"""The estimated key, against the key signatures of the chorales and against transposition."""

import music21
import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.key import (
    MODES,
    clear_key,
    estimate_key,
    find_key,
    key_name,
    read_key,
    signature_classes,
    signature_of,
)
from deepcomposer_lab.music.note import Note


def test_most_chorales_are_in_the_key_that_their_editor_wrote() -> None:
    pieces = load_dataset("bach_chorales").pieces()
    right = sum(estimate_key(piece.notes[:, 1], piece.notes[:, 2]) == piece.key for piece in pieces)
    # By chance it were 4 %. The rest are modal, or taken for the dominant or the relative key.
    assert right / len(pieces) > 0.65


def test_a_transposed_piece_is_in_the_transposed_key() -> None:
    piece = load_dataset("bach_chorales").pieces("test")[0]
    tonic, mode = estimate_key(piece.notes[:, 1], piece.notes[:, 2])
    for semitones in range(12):
        moved = estimate_key(piece.notes[:, 1] + semitones, piece.notes[:, 2])
        assert moved == ((tonic + semitones) % 12, mode)


def test_time_counts_and_not_the_number_of_notes() -> None:
    pitches = np.array([60, 64, 67, 71, 72, 62, 66, 69])
    assert estimate_key(pitches, np.array([8, 6, 8, 1, 8, 1, 1, 1])) == (0, 0)
    assert estimate_key(pitches, np.array([1, 1, 1, 1, 1, 8, 6, 8])) == (2, 0)


def test_silence_is_c_major() -> None:
    assert estimate_key(np.zeros(0, dtype=int), np.zeros(0)) == (0, 0)


def test_the_key_of_a_piece_hangs_on_its_tones_alone() -> None:
    scale = Track(
        [
            Note(beat, pitch, 2 if pitch in (67, 71, 74) else 1)
            for beat, pitch in enumerate((67, 69, 71, 72, 74, 76, 78))
        ]
    )
    drums = Track([Note(beat, 36, 9) for beat in range(9)], "Drums", is_drum=True)
    assert find_key(Composition([scale])) == find_key(Composition([drums, scale])) == (7, 0)
    assert find_key(Composition([drums])) == (0, 0)


def line(pitches: list[int]) -> Composition:
    return Composition([Track([Note(beat, pitch, 1) for beat, pitch in enumerate(pitches)])])


def test_music_has_a_clear_key_and_chance_has_none() -> None:
    pieces = [piece.to_composition() for piece in load_dataset("bach_chorales").pieces("test")]
    assert all(clear_key(piece) in (None, find_key(piece)) for piece in pieces)
    assert sum(clear_key(piece) is not None for piece in pieces) / len(pieces) > 0.97
    random = np.random.default_rng(5)
    drawn = [line(random.integers(48, 84, 64).tolist()) for _ in range(200)]
    assert sum(clear_key(piece) is not None for piece in drawn) / len(drawn) < 0.05


@pytest.mark.parametrize(
    "pitches", [[], [66], [66, 73], list(range(60, 72)), [60, 62, 64, 66, 68, 70], [60, 63, 66, 69], [60, 64, 68]]
)
def test_what_fits_many_keys_alike_has_no_clear_one(pitches: list[int]) -> None:
    assert clear_key(line(pitches)) is None


def test_the_leading_note_of_minor_belongs_to_its_scale() -> None:
    # G sharp is a fifth of the time: without it, less than four fifths would be on the scale of A minor.
    assert clear_key(line([69, 71, 72, 74, 76, 77, 80, 81, 69, 80, 80, 69, 76, 69])) == (9, 1)


def test_drums_make_no_key_clear() -> None:
    assert (
        clear_key(Composition([Track([Note(beat, 36 + beat % 3 * 2, 1) for beat in range(9)], is_drum=True)])) is None
    )


def test_signatures_are_those_of_music21() -> None:
    for tonic in range(12):
        for mode in (0, 1):
            sharps = signature_of((tonic, mode))
            assert -6 <= sharps <= 6
            theirs = music21.key.KeySignature(sharps).asKey(MODES[mode])
            assert theirs.tonic.pitchClass == tonic
            assert signature_classes(sharps) == {pitch.pitchClass for pitch in theirs.pitches}
    assert [signature_of(key) for key in ((7, 0), (0, 1), (6, 0), (3, 1), (1, 0), (8, 1))] == [1, -3, 6, -6, -5, 5]


def test_keys_are_named_and_read_again() -> None:
    for tonic in range(12):
        for mode in (0, 1):
            assert read_key(key_name((tonic, mode))) == (tonic, mode)
            theirs = music21.key.KeySignature(signature_of((tonic, mode))).asKey(MODES[mode])
            assert key_name((tonic, mode)).split()[0] == theirs.tonic.unicodeName  # as the score has it
    assert [read_key(text) for text in ("G", "g", "Am", "f# minor", "Bb major", "Cb", "B#", "E♭-major")] == [
        (7, 0),
        (7, 0),
        (9, 1),
        (6, 1),
        (10, 0),
        (11, 0),
        (0, 0),
        (3, 0),
    ]


@pytest.mark.parametrize("text", ["", "H minor", "G dorian", "minor", "C##", 7, None])
def test_what_is_no_key_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="A key is written"):
        read_key(text)  # type: ignore[arg-type]
