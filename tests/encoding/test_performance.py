"""The original's performance encoding: both directions, against keystrokes counted by hand."""

from collections import Counter

import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.performance import PerformanceEncoding
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import TempoChange, beats_to_seconds
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

ENCODING = PerformanceEncoding()


def words(piece: Composition) -> list[str]:
    return [ENCODING.word(token) for token in ENCODING.encode(piece).tolist()]


def strokes(piece: Composition) -> Counter[tuple[str, int, int]]:
    """Count keys that go down (with how hard) and that come up, in hundredths of a second: the oracle."""
    found: Counter[tuple[str, int, int]] = Counter()
    for note in (note for track in piece.tracks if not track.is_drum for note in track.notes):
        if 21 <= note.pitch <= 108:
            seconds = (beats_to_seconds(piece.tempos, beat) for beat in (note.onset, note.offset))
            start, end = (int(100 * second + 0.500001) for second in seconds)
            found["down", note.pitch, start] += 1
            found["up", note.pitch, max(end, start + 1)] += 1
            found["velocity", (note.velocity - 1) // 4, start] += 1
    return found


def assert_round_trip(piece: Composition) -> None:
    tokens = ENCODING.encode(piece)
    played = ENCODING.decode(tokens, bpm=piece.tempos[0].bpm)
    assert strokes(played) == strokes(piece)
    assert np.array_equal(ENCODING.encode(played), tokens)


def test_vocabulary_is_the_originals() -> None:
    vocabulary = ENCODING.vocabulary()
    assert len(vocabulary) == len(set(vocabulary)) == ENCODING.size == 310
    assert vocabulary[:3] == ["Start", "Pad", "Shift 0.01 s"]
    kinds = Counter(word.split()[0] for word in vocabulary)
    assert kinds == {"Start": 1, "Pad": 1, "Shift": 100, "On": 88, "Off": 88, "Velocity": 32}
    assert {"Shift 1.00 s", "On A0", "Off C8", "Velocity 1", "Velocity 125"} <= set(vocabulary)
    with pytest.raises(ValueError, match="0–309"):
        ENCODING.word(310)


def test_a_bar_written_by_hand() -> None:
    piece = Composition((Track((Note(0, 72, 1), Note(0, 64, 2), Note(1, 74, 3, 100))),), tempos=(TempoChange(0, 100),))
    assert words(piece) == [
        *("Start", "Velocity 77", "On E4", "On C5", "Shift 0.60 s", "Off C5", "Velocity 97", "On D5"),
        *("Shift 0.60 s", "Off E4", "Shift 1.00 s", "Shift 0.20 s", "Off D5"),
    ]


def test_a_repeated_note_and_a_unison_keep_their_keystrokes() -> None:
    repeated = Composition((Track((Note(0, 60, 1), Note(1, 60, 1))),))
    assert [word for word in words(repeated) if "C4" in word] == ["On C4", "Off C4", "On C4", "Off C4"]
    unison = Composition((Track((Note(0, 60, 4), Note(0.5, 64, 1.5))), Track((Note(1, 60, 1),))))
    assert_round_trip(unison)


def test_drums_and_what_no_piano_has_stay_out() -> None:
    piece = Composition((Track((Note(0, 20, 1), Note(0, 109, 1))), Track((Note(0, 36, 1),), is_drum=True)))
    assert words(piece) == ["Start"]


def test_odd_tokens_are_played_as_far_as_they_make_sense() -> None:
    e = ENCODING
    found = e.decode([e.off + 3, e.on + 39, e.shift + 99, e.on + 43])  # up without down; never up; at the very end
    assert [(note.pitch, round(note.onset, 6), round(note.duration, 6)) for note in found.notes] == [
        (60, 0, round(100 / 60, 6)),
        (64, round(100 / 60, 6), round(1 / 60, 6)),
    ]


@pytest.mark.parametrize("name", list_sample_melodies())
def test_samples_come_back(name: str) -> None:
    assert_round_trip(Composition.from_melody(sample_melody(name)))


def test_chorales_come_back() -> None:
    pieces = load_dataset("bach_chorales").pieces()
    assert len(pieces) > 300
    for piece in pieces:
        assert_round_trip(piece.to_composition())


def test_other_tempos_and_velocities_come_back() -> None:
    random = np.random.default_rng(0)
    for _ in range(30):
        notes = tuple(
            Note(float(onset), int(pitch), float(duration), int(velocity))
            for onset, pitch, duration, velocity in zip(
                random.random(40) * 20,
                random.integers(15, 115, 40),
                random.random(40) * 3 + 1e-3,
                random.integers(1, 128, 40),
                strict=True,
            )
        )
        assert_round_trip(Composition((Track(notes),), tempos=(TempoChange(0, float(random.integers(30, 240))),)))
