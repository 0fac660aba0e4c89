"""Spelling, against music21's scales and against what editors wrote."""

import music21
import pytest

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.key import MODES, signature_of
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.spelling import spell, written_key

KEYS = [(tonic, mode) for tonic in range(12) for mode in (0, 1)]
ALTERS = {-2: "--", -1: "-", 0: "", 1: "#", 2: "##"}


def name(pitch: int, key: tuple[int, int] | None) -> str:
    """Return a spelling as music21 writes it, without the octave."""
    step, alter, _ = spell(pitch, key)
    return step + ALTERS[alter]


@pytest.mark.parametrize("key", KEYS)
def test_the_notes_of_a_key_have_the_letters_that_music21_gives_them(key):
    theirs = music21.key.KeySignature(signature_of(key)).asKey(MODES[key[1]])
    assert theirs.tonic.pitchClass == key[0]
    scale = music21.scale.HarmonicMinorScale(theirs.tonic) if key[1] else music21.scale.MajorScale(theirs.tonic)
    for pitch in (*theirs.pitches, *scale.getPitches()):
        assert name(pitch.midi, key) == pitch.name


@pytest.mark.parametrize("key", [None, *KEYS])
def test_a_spelt_pitch_sounds_as_before(key):
    for pitch in range(128):
        step, alter, octave = spell(pitch, key)
        assert 12 * (octave + 1) + music21.pitch.Pitch(step).pitchClass + alter == pitch


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ((0, 0), "C C# D E- E F F# G G# A B- B"),
        ((9, 1), "C C# D D# E F F# G G# A B- B"),
        ((5, 0), "C C# D E- E F F# G A- A B- B"),
        ((0, 1), "C D- D E- E F F# G A- A B- B"),
        (None, "C C# D E- E F F# G G# A B- B"),
    ],
)
def test_borrowed_notes_have_their_usual_letters(key, names):
    assert [name(pitch, key) for pitch in range(60, 72)] == names.split()


def test_octaves_are_the_letters():
    assert spell(60, (1, 1)) == ("B", 1, 3)  # C sharp minor
    assert spell(59, (6, 1)) == ("B", 0, 3)
    assert spell(59, (3, 1)) == ("C", -1, 4)  # E flat minor


@pytest.mark.parametrize("work", ["bach/bwv66.6", "bach/bwv253", "bach/bwv269", "bach/bwv20.7", "bach/bwv281"])
def test_chorales_are_spelt_as_their_editor_did(work):
    score = music21.corpus.parse(work)
    parts = [[(note.quarterLength, note.pitch) for note in part.flatten().notes] for part in score.parts]
    tracks = [Track([Note(0, pitch.midi, float(length)) for length, pitch in part]) for part in parts]
    key = written_key(Composition(tracks))
    assert key is not None
    assert signature_of(key) == score.parts[0].flatten().getElementsByClass(music21.key.KeySignature)[0].sharps
    pitches = [pitch for part in parts for _, pitch in part]
    assert sum(name(pitch.midi, key) == pitch.name for pitch in pitches) >= 0.98 * len(pitches)
