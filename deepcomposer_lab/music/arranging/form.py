"""Form: bars, phrases and sections of a song, what the melody does in them, and who plays where."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

TICKS_PER_BEAT = 12
TICKS_PER_BAR = 48
HALF_BAR = 24
PHRASE = 4  # bars
SECTION = 2  # phrases

Hit = tuple[int, int, int]  # onset tick, pitch, duration in ticks


@dataclass(frozen=True, eq=False)
class Form:
    """What every player has before him.

    Parameters
    ----------
    melody : tuple of (int, int, int)
        Onset, pitch and duration in ticks, one note at a time; bar lines at multiples of 48.
    bars : int
    key : (int, int)
        Pitch class of the tonic and mode (0 major, 1 minor).
    """

    melody: tuple[Hit, ...]
    bars: int
    key: tuple[int, int]

    @cached_property
    def first(self) -> int:
        """The first full bar: 1 where the tune starts with a pickup."""
        return 1 if self.melody and 0 < self.melody[0][0] < TICKS_PER_BAR and self.bars > 1 else 0

    @cached_property
    def phrases(self) -> tuple[range, ...]:
        """The phrases, four bars each from the first full bar on; one or two bars left over join the last."""
        starts = list(range(self.first, self.bars, PHRASE))
        if len(starts) > 1 and self.bars - starts[-1] < 3:
            starts.pop()
        return tuple(range(a, b) for a, b in zip(starts, [*starts[1:], self.bars], strict=True))

    def phrase_of(self, bar: int) -> int:
        """Return the number of a bar's phrase; a pickup belongs to the first."""
        return self._phrase_numbers[bar]

    def section_of(self, bar: int) -> int:
        """Return 0 or 1: two phrases make a section, and sections take turns."""
        return self.phrase_of(bar) // SECTION % 2

    @cached_property
    def _phrase_numbers(self) -> list[int]:
        numbers = [0] * self.bars
        for number, phrase in enumerate(self.phrases):
            for bar in phrase:
                numbers[bar] = number
        return numbers

    @cached_property
    def beat_pitches(self) -> list[int]:
        """The melody's pitch on each beat, −1 where it is silent."""
        beats = [-1] * (self.bars * 4)
        for onset, pitch, duration in self.melody:
            for beat in range(-(-onset // TICKS_PER_BEAT), -(-(onset + duration) // TICKS_PER_BEAT)):
                beats[beat] = pitch
        return beats

    @cached_property
    def clashes(self) -> list[frozenset[int]]:
        """For each half bar the pitch classes a half tone away from what the melody has on its beats."""
        found = []
        for slot in range(2 * self.bars):
            heard = [pitch for pitch in self.beat_pitches[2 * slot : 2 * slot + 2] if pitch >= 0]
            found.append(frozenset((pitch + step) % 12 for pitch in heard for step in (1, -1)))
        return found

    @cached_property
    def end(self) -> int:
        """The tick at which the last note of the melody begins."""
        return self.melody[-1][0] if self.melody else 0


def playable_tones(tones: tuple[int, ...], clash: frozenset[int]) -> frozenset[int]:
    """Return the chord tones that do not grind against the melody; never fewer than two."""
    clean = [tone for tone in tones if tone not in clash]
    for tone in (tones[0], tones[2], tones[1]):
        if len(clean) < 2 and tone not in clean:
            clean.append(tone)
    return frozenset(clean)


@dataclass(frozen=True)
class Plan:
    """Who plays in which phrase, and whether the band closes on the last note.

    Parameters
    ----------
    plays : mapping of str to tuple of bool
        A role's phrases.
    ends_together : bool
        Whether the last bar is one long chord instead of a bar like the others.
    """

    plays: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    ends_together: bool = True

    def plays_in(self, role: str, phrase: int) -> bool:
        """Say whether a role plays in a phrase."""
        return self.plays[role][phrase]


# For each role: chances of entering in the first, second and third phrase, and of resting in a later one.
_ENTRY = {
    "drums": ((0.8, 0.14, 0.06), 0.05),
    "bass": ((0.92, 0.08, 0.0), 0.03),
    "chords": ((0.82, 0.13, 0.05), 0.12),
    "strings": ((0.45, 0.35, 0.2), 0.13),
}


def make_plan(form: Form, rng: random.Random) -> Plan:
    """Draw who plays in which phrase. Chords are heard in every phrase, from the keys or guitar or the strings."""
    count = len(form.phrases)
    plays: dict[str, list[bool]] = {}
    for role, (entries, rests) in _ENTRY.items():
        entry = min(rng.choices((0, 1, 2), entries)[0], count - 1)
        plays[role] = [phrase >= entry and (phrase == entry or rng.random() >= rests) for phrase in range(count)]
        plays[role][-1] = True
    for phrase in range(count):
        if not plays["strings"][phrase]:
            plays["chords"][phrase] = True
    return Plan({role: tuple(own) for role, own in plays.items()}, rng.random() < 0.8)


def in_register(melody: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return a melody (onset, pitch, duration) shifted as a whole by octaves, its median pitch within low–high."""
    if len(melody) == 0:
        return melody
    middle = float(np.median(melody[:, 1]))
    steps = [step for step in range(-48, 49, 12) if -melody[:, 1].min() <= step <= 127 - melody[:, 1].max()]
    centre = (low + high) / 2
    best = min(steps, key=lambda step: (not low <= middle + step <= high, abs(middle + step - centre), abs(step)))
    return melody + np.array([0, best, 0])
