"""The estimated key, against the key signatures of the chorales and against transposition."""

import numpy as np

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.datasets.keys import estimate_key


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
