"""Performance: music as a row of keystrokes in time, as the original Transformer reads and writes it, and the way back.

    Start · Velocity 77 · On E4 · On C5 · Shift 0.60 s · Off C5 · On D5 · Shift 0.60 s · Off E4 · Off D5

A key goes down, a key comes up, time passes: 310 words in all. Time is counted in hundredths of a second, so a
performance is written down as it was played; and no word knows of beats, bars or voices (Oore et al. 2018, "This time
with feeling"). Compare tokens.py: there a note is one pitch and one duration, and the bar lines are told.

Of a pitch that sounds twice at once, whichever began first ends first: a keyboard has one key for it.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import TempoChange, beats_to_seconds
from deepcomposer_lab.music.note import Note, pitch_name

Tokens = NDArray[np.int64]  # (T,)

DEFAULT_BPM = 100.0


class Key(NamedTuple):
    """A key held down, in steps of time."""

    onset: int
    pitch: int
    offset: int
    velocity: int  # its bin, from 0


@dataclass(frozen=True)
class PerformanceEncoding:
    """The vocabulary; the default is the original's.

    Parameters
    ----------
    steps_per_second : int
        100: time is told to ten milliseconds.
    longest_shift : int
        Steps of the longest time shift; a longer time is told by several.
    lowest_pitch, highest_pitch : int
        The keys of a piano, MIDI 21–108; notes outside are left out, as the original does.
    velocity_bins : int
        How finely velocities are told: 32 bins of four.
    """

    steps_per_second: int = 100
    longest_shift: int = 100
    lowest_pitch: int = 21
    highest_pitch: int = 108
    velocity_bins: int = 32

    # The tokens of a kind lie side by side, in this order: Start, Pad, Shift, On, Off, Velocity.
    start, pad, shift = 0, 1, 2

    @property
    def keys(self) -> int:
        """How many keys there are."""
        return self.highest_pitch - self.lowest_pitch + 1

    @property
    def on(self) -> int:
        """The first token of the kind On."""
        return self.shift + self.longest_shift

    @property
    def off(self) -> int:
        """The first token of the kind Off."""
        return self.on + self.keys

    @property
    def velocity(self) -> int:
        """The first token of the kind Velocity."""
        return self.off + self.keys

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return self.velocity + self.velocity_bins

    @property
    def velocities_a_bin(self) -> int:
        """How many MIDI velocities share a bin."""
        return math.ceil(127 / self.velocity_bins)

    def as_dict(self) -> dict[str, int]:
        """Return the plain values that tell one encoding from another."""
        return asdict(self)

    # --- Both directions ----------------------------------------------------------------------------------------

    def encode(self, piece: Composition) -> Tokens:
        """Write a piece down as it is played.

        All tracks go into one row of keystrokes: who plays what is not told. Drums are left out. Keys that come up at
        a time are told before those that go down, both in the order in which they went down; a velocity only where it
        changes.

        Parameters
        ----------
        piece : Composition

        Returns
        -------
        ndarray, int64, shape (T,)
        """
        tokens = [self.start]
        now, loudness = 0, -1
        for step, up, key in self._strokes(self.keys_of(piece)):
            while step > now:
                passed = min(step - now, self.longest_shift)
                tokens.append(self.shift + passed - 1)
                now += passed
            if up:
                tokens.append(self.off + key.pitch - self.lowest_pitch)
                continue
            if key.velocity != loudness:
                loudness = key.velocity
                tokens.append(self.velocity + loudness)
            tokens.append(self.on + key.pitch - self.lowest_pitch)
        return np.array(tokens, dtype=np.int64)

    def decode(self, tokens: Tokens | Sequence[int], *, bpm: float = DEFAULT_BPM) -> Composition:
        """Play what is written down: a composition of one track.

        A key that comes up without having gone down is passed over, and one that never comes up is held to the end.

        Parameters
        ----------
        tokens : ndarray, int, shape (T,)
        bpm : float
            The tempo by which seconds become beats: tokens tell of none.
        """
        down: dict[int, deque[tuple[int, int]]] = defaultdict(deque)  # pitch -> when it went down, how hard
        found: list[Key] = []
        now, loudness = 0, 0
        for token in np.asarray(tokens).tolist():
            if token >= self.velocity:
                loudness = token - self.velocity
            elif token >= self.off:
                pitch = token - self.off + self.lowest_pitch
                if down[pitch]:
                    onset, velocity = down[pitch].popleft()
                    found.append(Key(onset, pitch, max(now, onset + 1), velocity))
            elif token >= self.on:
                down[token - self.on + self.lowest_pitch].append((now, loudness))
            elif token >= self.shift:
                now += token - self.shift + 1
        for pitch, held in down.items():
            found += [Key(onset, pitch, max(now, onset + 1), velocity) for onset, velocity in held]
        beat = bpm / 60 / self.steps_per_second  # of a step
        notes = (
            Note(key.onset * beat, key.pitch, (key.offset - key.onset) * beat, self.loudness(key.velocity))
            for key in found
        )
        return Composition((Track(tuple(notes), "Performance"),), tempos=(TempoChange(0, bpm),))

    def keys_of(self, piece: Composition) -> list[Key]:
        """Return a piece's notes as held keys, by onset, then pitch; none is shorter than a step."""
        by_pitch: dict[int, list[Key]] = defaultdict(list)
        for track in piece.tracks:
            for note in track.notes if not track.is_drum else ():
                if self.lowest_pitch <= note.pitch <= self.highest_pitch:
                    onset, offset = self._step(piece, note.onset), self._step(piece, note.offset)
                    velocity = (note.velocity - 1) // self.velocities_a_bin
                    by_pitch[note.pitch].append(Key(onset, note.pitch, max(offset, onset + 1), velocity))
        held = []
        for keys in by_pitch.values():
            keys.sort(key=lambda key: (key.onset, key.velocity))
            ends = sorted(key.offset for key in keys)  # whichever began first ends first
            held += [key._replace(offset=end) for key, end in zip(keys, ends, strict=True)]
        return sorted(held)

    def loudness(self, velocity: int) -> int:
        """Return the MIDI velocity of a bin: the softest of it."""
        return 1 + velocity * self.velocities_a_bin

    def _step(self, piece: Composition, beat: float) -> int:
        return math.floor(beats_to_seconds(piece.tempos, beat) * self.steps_per_second + 0.5 + 1e-6)

    @staticmethod
    def _strokes(keys: Sequence[Key]) -> list[tuple[int, bool, Key]]:
        """Return (step, whether a key comes up, the key) of every stroke, in the order in which they are told."""
        strokes = [(key.onset, index, False) for index, key in enumerate(keys)]
        strokes += [(key.offset, index, True) for index, key in enumerate(keys)]
        # Of keys sorted by onset, those that come up at a step stand before those that go down at it.
        return [(step, up, keys[index]) for step, index, up in sorted(strokes)]

    # --- Words --------------------------------------------------------------------------------------------------

    def word(self, token: int) -> str:
        """Return a token in words: "Shift 0.60 s", "On C5", "Off C5", "Velocity 77"."""
        if not 0 <= token < self.size:
            raise ValueError(f"A token of this vocabulary lies in 0–{self.size - 1}; got {token}.")
        if token >= self.velocity:
            return f"Velocity {self.loudness(token - self.velocity)}"
        if token >= self.off:
            return f"Off {pitch_name(token - self.off + self.lowest_pitch)}"
        if token >= self.on:
            return f"On {pitch_name(token - self.on + self.lowest_pitch)}"
        if token >= self.shift:
            return f"Shift {(token - self.shift + 1) / self.steps_per_second:.2f} s"
        return ("Start", "Pad")[token]

    def vocabulary(self) -> list[str]:
        """Return every token in words, in their order."""
        return [self.word(token) for token in range(self.size)]
