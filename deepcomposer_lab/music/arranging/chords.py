"""Chords by root and quality, and how a few voices pass from one to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

# Half tones above the root.
QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "sus4": (0, 5, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
}
_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord: `root` is a pitch class (0 is C), `quality` one of QUALITIES."""

    root: int
    quality: str = ""

    @property
    def tones(self) -> tuple[int, ...]:
        """Its pitch classes, the root first."""
        return _tones(self.root, self.quality)

    @property
    def name(self) -> str:
        """As a lead sheet writes it, such as "Bbm7"."""
        return _NAMES[self.root] + self.quality

    def degree(self, which: str) -> int:
        """Return the pitch class of its "root", "third" (a suspended fourth too) or "fifth"."""
        return self.tones[("root", "third", "fifth").index(which)]


@lru_cache(maxsize=512)
def _tones(root: int, quality: str) -> tuple[int, ...]:
    return tuple((root + step) % 12 for step in QUALITIES[quality])


@lru_cache(maxsize=4096)
def voicings(tones: frozenset[int], voices: int, low: int, high: int) -> tuple[tuple[int, ...], ...]:
    """Return the ways to lay `voices` voices on pitch classes between the pitches `low` and `high`.

    Neighbours lie a whole tone to an octave apart, the two lowest at least a minor third below middle C. Every pitch
    class is there when there are enough voices, and no more than one is doubled.
    """
    pitches = [pitch for pitch in range(low, high + 1) if pitch % 12 in tones]
    wanted = min(len(tones), voices)
    return tuple(
        found
        for found in combinations(pitches, voices)
        if len({pitch % 12 for pitch in found}) == wanted and _is_well_spaced(found)
    )


def _is_well_spaced(pitches: tuple[int, ...]) -> bool:
    gaps = [b - a for a, b in pairwise(pitches)]
    if not gaps:
        return True
    return min(gaps) >= 2 and max(gaps) <= 12 and (gaps[0] >= 3 or pitches[0] >= 60)


def movement(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """Return how far a voice moves on average between two voicings, in half tones.

    With equally many voices the lowest goes to the lowest and so on; else every note of the fuller one to the nearest
    of the other.
    """
    if len(a) == len(b):
        return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a)
    few, many = sorted((a, b), key=len)
    return sum(min(abs(x - y) for y in few) for x in many) / len(many)


def next_voicing(
    previous: tuple[int, ...] | None, tones: frozenset[int], voices: int, low: int, high: int, centre: float
) -> tuple[int, ...]:
    """Return the voicing that moves least from the previous one, drawn gently towards the pitch `centre`."""
    found = voicings(tones, min(voices, 2 * len(tones)), low, high)
    if not found:
        found = voicings(tones, min(voices, len(tones)), low, high)

    def cost(pitches: tuple[int, ...]) -> float:
        away = abs(sum(pitches) / len(pitches) - centre)
        width = pitches[-1] - pitches[0]
        if previous is None:
            return away + 0.2 * width
        return movement(previous, pitches) + 0.12 * away + 0.03 * width

    return min(found, key=cost)


def nearest(pitch: float, pitch_class: int, low: int, high: int) -> int:
    """Return the pitch of a class nearest to `pitch` between `low` and `high`, which span an octave or more."""
    return min((found for found in of_class(pitch_class, low, high)), key=lambda found: (abs(found - pitch), found))


def of_class(pitch_class: int, low: int, high: int) -> Iterator[int]:
    """Yield the pitches of a class between `low` and `high`, upwards."""
    yield from range(low + (pitch_class - low) % 12, high + 1, 12)


def scale_of(key: tuple[int, int]) -> tuple[int, ...]:
    """Return the pitch classes of a key's scale, the tonic first."""
    return tuple((key[0] + step) % 12 for step in (MINOR_SCALE if key[1] else MAJOR_SCALE))
