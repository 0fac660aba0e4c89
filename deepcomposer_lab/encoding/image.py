"""The piano roll as an image: what the AR-CNN sees, and how its edits become notes again.

An image has one row a pitch and one column a step (a sixteenth note). Channel 0 is 1 where a note starts, channel 1
where one sounds, so that a held note and a repeated one look different. The tracks of a piece are merged: who plays a
note does not matter to the network.

The network's window holds 64 pitches. A note outside is shown an octave or more nearer, in the image alone: the
composition keeps it where it was.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.metre import bar_starts
from deepcomposer_lab.music.note import Note

TIME_CHANNELS = (
    7  # inside the piece · bar line · beat · half beat · sine and cosine of the place in the bar · bar length
)


@dataclass(frozen=True)
class ImageEncoding:
    """The window and the grid. Saved with a model, and checked against it on load."""

    lowest_pitch: int = 32  # A♭1; chorales reach from 36 to 81, and transposed a little beyond
    pitches: int = 64
    steps_per_beat: int = 4
    longest_duration: int = 16  # steps; the longest note that the network adds

    @property
    def step_beats(self) -> float:
        """Length of a step in beats."""
        return 1 / self.steps_per_beat

    def as_dict(self) -> dict[str, int]:
        """Return the plain values a model card keeps."""
        return asdict(self)

    def row(self, pitch: NDArray[np.int64] | int) -> NDArray[np.int64]:
        """Return the image row of MIDI pitches, those outside the window moved by octaves to its nearest edge."""
        row = np.asarray(pitch, dtype=np.int64) - self.lowest_pitch
        below, above = np.maximum(0, -row), np.maximum(0, row - (self.pitches - 1))
        return row + 12 * (-(-below // 12)) - 12 * (-(-above // 12))

    def draw(self, notes: NDArray[np.int64], steps: int) -> NDArray[np.float32]:
        """Draw notes as an image.

        Parameters
        ----------
        notes : ndarray, int, shape (N, 3)
            Columns onset (step), pitch (MIDI), duration (steps). Notes may start before step 0 or end after `steps`:
            what lies outside is not drawn.
        steps : int
            Width of the image.

        Returns
        -------
        ndarray, float32, shape (2, pitches, steps)
            Starts and sound, each 0 or 1.
        """
        image = np.zeros((2, self.pitches, steps), dtype=np.float32)
        if not len(notes):
            return image
        onset, row, duration = notes[:, 0], self.row(notes[:, 1]), notes[:, 2]
        starts = (onset >= 0) & (onset < steps)
        image[0, row[starts], onset[starts]] = 1
        first, last = np.clip(onset, 0, steps), np.clip(onset + duration, 0, steps)
        for r, a, b in zip(row.tolist(), first.tolist(), last.tolist(), strict=True):
            image[1, r, a:b] = 1
        return image

    def time_channels(self, bars: Sequence[int], end: int) -> NDArray[np.float32]:
        """Describe every step of a piece by its metre.

        Parameters
        ----------
        bars : sequence of int
            The step at which each bar starts, ascending. A first bar shorter than the second is a pickup and counts
            as the end of a full bar.
        end : int
            The step at which the piece ends.

        Returns
        -------
        ndarray, float32, shape (TIME_CHANNELS, end)
        """
        edges = [*bars, end]
        lengths = [following - start for start, following in pairwise(edges)]
        channels = np.zeros((TIME_CHANNELS, end), dtype=np.float32)
        channels[0] = 1
        for index, (start, length) in enumerate(zip(bars, lengths, strict=True)):
            full = length
            if index == 0 and len(lengths) > 1:
                full = max(length, lengths[1])  # a pickup is the end of a bar of the usual length
            elif index == len(lengths) - 1 and index > 0:
                full = max(length, lengths[index - 1])  # and the last bar may be cut short
            place = np.arange(length) + (full - length if index == 0 else 0)
            span = slice(start, start + length)
            channels[1, span] = place == 0
            channels[2, span] = place % self.steps_per_beat == 0
            channels[3, span] = place % max(1, self.steps_per_beat // 2) == 0
            channels[4, span] = np.sin(2 * np.pi * place / full)
            channels[5, span] = np.cos(2 * np.pi * place / full)
            channels[6, span] = full / (4 * self.steps_per_beat)
        return channels


@dataclass(frozen=True)
class Grid:
    """A composition's time laid on the step grid, so that beats fall on the columns the network expects.

    Step 0 is `lead` steps before beat 0: with a pickup, the first full bar then starts on a whole beat of the grid.
    """

    encoding: ImageEncoding
    lead: int
    steps: int
    bars: tuple[int, ...]

    @classmethod
    def of(cls, composition: Composition, encoding: ImageEncoding) -> Grid:
        """Lay a grid under a composition, up to where its last note ends.

        A chorale ends with its last chord, also in the middle of a bar after a pickup, so a learner's melody does too.
        """
        per_beat = encoding.steps_per_beat
        lead = -round(composition.pickup * per_beat) % per_beat
        starts = bar_starts(composition.metres, composition.pickup, composition.end)
        end = max(composition.end, starts[-1] + encoding.step_beats)
        bars = tuple(sorted({round(start * per_beat) + lead for start in starts}))
        return cls(encoding, lead, math.ceil(end * per_beat - 1e-6) + lead, bars)

    def step_of(self, beat: float) -> int:
        """Return the step nearest to a beat; halfway, the later one, as in `PianoRoll`."""
        return math.floor(beat * self.encoding.steps_per_beat + 0.5) + self.lead

    def beat_of(self, step: int) -> float:
        """Return the beat of a step."""
        return (step - self.lead) * self.encoding.step_beats

    def place(self, note: Note) -> tuple[int, int, int]:
        """Return (onset step, pitch, duration in steps, at least 1) of a note, rounded to the grid."""
        onset = self.step_of(note.onset)
        return onset, note.pitch, max(1, self.step_of(note.offset) - onset)

    def note(self, onset: int, pitch: int, duration: int, velocity: int) -> Note:
        """Return the note of a place on the grid: the way back from `place`."""
        return Note(self.beat_of(onset), pitch, duration * self.encoding.step_beats, velocity)

    def time_channels(self) -> NDArray[np.float32]:
        """Return what the metre says of each step, float32, shape (TIME_CHANNELS, steps)."""
        channels = np.zeros((TIME_CHANNELS, self.steps), dtype=np.float32)
        start = self.bars[0]
        channels[:, start:] = self.encoding.time_channels([bar - start for bar in self.bars], self.steps - start)
        return channels
