"""The key of a piece, estimated from how long each pitch class sounds, and its name and signature."""

from __future__ import annotations

import re

import numpy as np

from deepcomposer_lab.music.checks import shown
from deepcomposer_lab.music.composition import Composition

MODES = ("major", "minor")
_LETTERS = "FCGDAEB"  # of the line of fifths, from place −1
_ACCIDENTALS = {-1: "♭", 0: "", 1: "♯"}

# Probe-tone ratings of Krumhansl and Kessler (Krumhansl, Cognitive Foundations of Musical Pitch, 1990, table 2.1):
# how well each degree, in semitones above the tonic, fits a key; major, then minor.
PROFILES = np.array(
    [
        (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
        (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
    ]
)

# When a piece is clearly in its likeliest key, see `clear_key`.
_FEWEST_CLASSES = 3
_LEAST_FIT = 0.6
_LEAST_SHARE = 0.8


def estimate_key(pitches: np.ndarray, durations: np.ndarray) -> tuple[int, int]:
    """Return the likeliest key: pitch class of the tonic (0 is C), and 0 major or 1 minor.

    The key whose profile correlates best with the time that each pitch class sounds (Krumhansl and Schmuckler's
    algorithm). Where nothing sounds, or all classes equally long, there is none to find and it is C major.

    Parameters
    ----------
    pitches : ndarray of int, shape (n,)
        MIDI pitches of the notes, drums left out.
    durations : ndarray of number, shape (n,)
        How long each sounds, in any unit.
    """
    return _likeliest(_time_of_classes(pitches, durations))[0]


def find_key(composition: Composition) -> tuple[int, int]:
    """Return the likeliest key of a piece, its drums left out; see `estimate_key`."""
    return estimate_key(*_pitched(composition))


def clear_key(composition: Composition) -> tuple[int, int] | None:
    """Return the likeliest key of a piece if the piece is clearly in it, else None; drums are left out.

    Every piece has a likeliest key, and so has chance. A piece is clearly in its key when it has three pitch classes or
    more, fits the key by 0.6 or better, and spends four fifths of its time on the key's scale (in minor with the raised
    leading note too). Of the chorales and the folk tunes in `datasets/` 99 in 100 pass; of 64 notes drawn at random,
    one melody in 100. Few notes tell little: of 16 at random it is one in four.

    Parameters
    ----------
    composition : Composition
        Any number of tracks.

    Returns
    -------
    (int, int) or None
        Pitch class of the tonic and mode (0 major, 1 minor), as `find_key` has them.
    """
    time = _time_of_classes(*_pitched(composition))
    key, fit = _likeliest(time)
    if np.count_nonzero(time) < _FEWEST_CLASSES or fit < _LEAST_FIT:
        return None
    tonic, mode = key
    scale = signature_classes(signature_of(key)) | ({(tonic - 1) % 12} if mode else set())
    share = time[sorted(scale)].sum() / time.sum()
    return key if share >= _LEAST_SHARE else None


def signature_of(key: tuple[int, int]) -> int:
    """Return the sharps of a key's signature, −6 … 6, flats counted below 0: 1 in G major, −3 in C minor.

    Of the two signatures with six, F♯ major takes the sharps and E♭ minor the flats: `key_name` calls them so.
    """
    tonic, mode = key
    sharps = (7 * tonic - 3 * mode) % 12
    return sharps - 12 if sharps > 6 - mode else sharps


def signature_classes(sharps: int) -> set[int]:
    """Return the seven pitch classes that need no accidental under a signature of so many sharps (flats below 0)."""
    return {7 * fifth % 12 for fifth in range(sharps - 1, sharps + 6)}


def letter_at(place: int) -> tuple[str, int]:
    """Return the letter at a place of the line of fifths, C at 0, and by how many semitones it is altered.

    … B♭ F C G D A E B F♯ C♯ …: −2 is ("B", -1), 6 is ("F", 1).
    """
    alter, letter = divmod(place + 1, len(_LETTERS))
    return _LETTERS[letter], alter


def _pitched(composition: Composition) -> tuple[np.ndarray, np.ndarray]:
    notes = [note for track in composition.tracks if not track.is_drum for note in track.notes]
    return np.array([note.pitch for note in notes]), np.array([note.duration for note in notes])


def _time_of_classes(pitches: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """Return how long each of the twelve pitch classes sounds, in the unit of the durations."""
    return np.bincount(np.asarray(pitches, dtype=np.int64) % 12, weights=durations, minlength=12)


def _likeliest(time: np.ndarray) -> tuple[tuple[int, int], float]:
    """Return the key that correlates best with the time of each class, and how well, −1 … 1; C major, 0 for none."""
    if np.ptp(time) == 0:
        return (0, 0), 0.0
    fits = np.array([[np.corrcoef(np.roll(profile, tonic), time)[0, 1] for tonic in range(12)] for profile in PROFILES])
    mode, tonic = np.unravel_index(int(fits.argmax()), fits.shape)
    return (int(tonic), int(mode)), float(fits.max())


def shift_to_c(tonic: int) -> int:
    """Return how many semitones, −6 … 5, move a tonic (0 is C) to the nearest C."""
    return (6 - tonic) % 12 - 6


def key_name(key: tuple[int, int]) -> str:
    """Return a key in words, its tonic as its signature has it: (7, 1) is "G minor", (8, 0) "A♭ major"."""
    mode = key[1]
    letter, alter = letter_at(signature_of(key) + 3 * mode)  # A minor, without sharps as C major, is three fifths above
    return f"{letter}{_ACCIDENTALS[alter]} {MODES[mode]}"


def read_key(text: str) -> tuple[int, int]:
    """Read a key: "G minor", "F# major", "Bb", "E♭ major"; a tonic alone is major, "Am" is A minor.

    Raises
    ------
    ValueError
        When it is no such key.
    """
    written = (
        re.fullmatch(r"\s*([A-Ga-g])([#♯b♭]?)[\s-]*(m|maj|major|min|minor)?\s*", text)
        if isinstance(text, str)
        else None
    )
    if written is None:
        raise ValueError(f'A key is written "G minor", "B♭ major" or "F# minor"; got {shown(text)}.')
    letter, accidental, mode = written.groups()
    tonic = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[letter.upper()]
    tonic += {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[accidental]
    return tonic % 12, int(mode in ("m", "min", "minor"))
