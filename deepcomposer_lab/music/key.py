"""The key of a piece, estimated from how long each pitch class sounds, and its name."""

from __future__ import annotations

import re

import numpy as np

from deepcomposer_lab.music.checks import shown
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.note import PITCH_NAMES

MODES = ("major", "minor")

# Probe-tone ratings of Krumhansl and Kessler (Krumhansl, Cognitive Foundations of Musical Pitch, 1990, table 2.1):
# how well each degree, in semitones above the tonic, fits a key; major, then minor.
PROFILES = np.array(
    [
        (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
        (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
    ]
)


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
    time = np.bincount(np.asarray(pitches, dtype=np.int64) % 12, weights=durations, minlength=12)
    if np.ptp(time) == 0:
        return 0, 0
    fits = np.array([[np.corrcoef(np.roll(profile, tonic), time)[0, 1] for tonic in range(12)] for profile in PROFILES])
    mode, tonic = np.unravel_index(int(fits.argmax()), fits.shape)
    return int(tonic), int(mode)


def find_key(composition: Composition) -> tuple[int, int]:
    """Return the likeliest key of a piece, its drums left out; see `estimate_key`."""
    notes = [note for track in composition.tracks if not track.is_drum for note in track.notes]
    return estimate_key(np.array([note.pitch for note in notes]), np.array([note.duration for note in notes]))


def shift_to_c(tonic: int) -> int:
    """Return how many semitones, −6 … 5, move a tonic (0 is C) to the nearest C."""
    return (6 - tonic) % 12 - 6


def key_name(key: tuple[int, int]) -> str:
    """Return a key in words: (7, 1) is "G minor"."""
    return f"{PITCH_NAMES[key[0]]} {MODES[key[1]]}"


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
