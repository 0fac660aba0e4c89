"""Who plays what in a piece that somebody brings, so that a GAN does not add a second bass to a bass."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from statistics import median

from deepcomposer_lab.music.composition import Track

# A role's words in a track's name, the more telling first: a "bass guitar" is a bass.
_WORDS = {
    "bass": r"\b(bass|contrabass|double ?bass)\b",
    "guitar": r"\b(guitars?|gtr)\b",
    "viola": r"\bviolas?\b",
    "cello": r"\b(violon)?(cello|celli|cellos)\b",
    "violin": r"\bviolins?\b",
    "alto": r"\balto\b",
    "tenor": r"\btenor\b",
    "keys": r"\b(keys|keyboards?|e?-?pianos?|organ|rhodes|harpsichord|clavinet)\b",
    "strings": r"\b(strings?|violins?|violas?|cellos?|violoncello|ensemble)\b",
}
# General MIDI's instruments for a role, where the name does not tell.
_PROGRAMS: dict[str, Collection[int]] = {
    "bass": {*range(32, 40), 43, 58},
    "guitar": range(24, 32),
    "violin": {40},
    "viola": {41},
    "cello": {42},
    "strings": {40, 41, 42, *range(44, 47), *range(48, 52)},
    "keys": {*range(8), *range(16, 24)},
}
_LOW = 48  # C3; a track whose middle note lies below is a bass, whatever a piano-like instrument it is played on


def role_of(track: Track, roles: Collection[str]) -> str | None:
    """Return which of `roles` a track plays, by its name, instrument and register; None where it is none of them."""
    if track.is_drum:
        return "drums" if "drums" in roles else None
    for role, words in _WORDS.items():
        if role in roles and re.search(words, track.name, re.IGNORECASE):
            return role
    by_program = next((role for role, own in _PROGRAMS.items() if role in roles and track.program in own), None)
    if track.program and by_program:  # 0 is a piano, and also what a track has that was given none
        return by_program
    if "bass" in roles and track.notes and median(note.pitch for note in track.notes) < _LOW:
        return "bass"
    return by_program


def players(tracks: Iterable[Track], roles: Collection[str]) -> dict[str, str]:
    """Return which of `roles` are played already, and the name of the first track that does."""
    found: dict[str, str] = {}
    for track in tracks:
        role = role_of(track, roles) if track.notes else None
        if role is not None:
            found.setdefault(role, track.name)
    return found
