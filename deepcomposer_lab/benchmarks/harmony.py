"""Nine measures of a harmonised chorale, each defined so that it can be counted by hand.

A texture is lines on a sixteenth grid, the soprano first. A *beat* is a quarter note; beats are counted from the bar
lines, an incomplete opening beat is one. *Sounding* means held notes too. *Pitch class* is the pitch regardless of the
octave.

| measure | definition |
|---|---|
| `pitch_class_overlap` | mean over beats of \\|A ∩ B\\| / \\|A ∪ B\\| (Jaccard), A and B the pitch classes that the lower voices of this texture and of Bach's sound at any time in the beat; beats without either are left out. Bach's own is 1. |
| `notes_per_beat` | notes of all voices, divided by the beats |
| `pitches_per_beat` | mean over beats of how many different pitches sound in the beat |
| `triad_or_seventh_share` | share of beats in which, on any of their sixteenths, the sounding pitch classes are exactly a major, minor, diminished or augmented triad, or a dominant, major, minor, half-diminished, diminished or minor-major seventh, in any inversion |
| `dissonant_beats` | share of beats at whose first sixteenth two pitch classes sound a semitone, a tone or a tritone apart (so a seventh chord is dissonant) |
| `parallel_fifths` | per bar: pairs of voices that both move at the same sixteenth, in the same direction, from a perfect fifth (or one plus octaves) to another |
| `parallel_octaves` | the same from unison or octave to unison or octave |
| `out_of_scale` | share of notes outside the key: its major scale, or its minor scale with the raised sixth and seventh too |
| `empty_bars` | share of bars in which no lower voice sounds |

Lesson: notebooks/08_ar_cnn.ipynb.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.music.composition import Composition, Track

STEPS_PER_BEAT = 4
LowerNotes = NDArray[np.int64]  # (n, 3): onset, pitch, duration

CHORDS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
    "dominant seventh": (0, 4, 7, 10),
    "major seventh": (0, 4, 7, 11),
    "minor seventh": (0, 3, 7, 10),
    "half-diminished seventh": (0, 3, 6, 10),
    "diminished seventh": (0, 3, 6, 9),
    "minor-major seventh": (0, 3, 7, 11),
}
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 9, 10, 11))  # major; minor with the raised sixth and seventh

MEASURES = (
    "pitch_class_overlap",
    "notes_per_beat",
    "pitches_per_beat",
    "triad_or_seventh_share",
    "dissonant_beats",
    "parallel_fifths",
    "parallel_octaves",
    "out_of_scale",
    "empty_bars",
)


def _as_set(pitch_classes: Sequence[int]) -> int:
    """Return pitch classes as the bits of one number: bit 0 is C."""
    return sum(1 << pitch_class % 12 for pitch_class in set(pitch_classes))


def _chord_table() -> NDArray[np.bool_]:
    table = np.zeros(4096, dtype=bool)
    for chord in CHORDS.values():
        for root in range(12):
            table[_as_set([root + interval for interval in chord])] = True
    return table


def _dissonance_table() -> NDArray[np.bool_]:
    table = np.zeros(4096, dtype=bool)
    for low, high in combinations(range(12), 2):
        if min(high - low, 12 - high + low) in (1, 2, 6):
            pair = _as_set([low, high])
            table |= np.arange(4096) & pair == pair
    return table


IS_CHORD = _chord_table()  # bool, (4096,): for each set of pitch classes, whether it is a triad or seventh
IS_DISSONANT = _dissonance_table()  # bool, (4096,): whether it holds a semitone, a tone or a tritone


def pitch_class_sets(notes: NDArray[np.int64], steps: int) -> NDArray[np.int64]:
    """Return the pitch classes that sound at each step, as bits: int64, shape (steps,).

    Parameters
    ----------
    notes : ndarray, int, shape (N, 3 or more)
        Columns onset, pitch, duration, in steps.
    """
    sets = np.zeros(steps, dtype=np.int64)
    for onset, pitch, duration in notes[:, :3].tolist():
        sets[max(0, onset) : max(0, onset + duration)] |= 1 << pitch % 12
    return sets


@dataclass(frozen=True)
class Texture:
    """Lines on a sixteenth grid.

    Parameters
    ----------
    voices : tuple of ndarray, int64, shape (n, 3)
        Onset, pitch, duration of each voice's notes, the soprano first, in steps from the start.
    steps : int
        How long it is; what lies beyond is not counted.
    bars : tuple of int
        The step at which each bar starts; the first is 0, and shorter than the others after a pickup.
    """

    voices: tuple[LowerNotes, ...]
    steps: int
    bars: tuple[int, ...]

    @classmethod
    def of(cls, composition: Composition, steps: int | None = None) -> Texture:
        """Take a composition's pitched tracks as voices, its first as the soprano; cut it after `steps`."""
        tracks = [track for track in composition.tracks if not track.is_drum]
        steps = round(composition.end * STEPS_PER_BEAT) if steps is None else steps
        bars = tuple(round(bar * STEPS_PER_BEAT) for bar in composition.bars)
        texture = cls(tuple(_on_grid(track) for track in tracks), steps, tuple(bar for bar in bars if bar < steps))
        return texture.crop(0, steps)

    def crop(self, start: int, end: int) -> Texture:
        """Return what sounds in [start, end), counted from `start`; notes that cross a border are cut there."""
        voices = []
        for notes in self.voices:
            first = np.maximum(notes[:, 0], start)
            last = np.minimum(notes[:, 0] + notes[:, 2], end)
            columns = np.stack([first - start, notes[:, 1], last - first], axis=1)
            voices.append(columns[last > first])
        bars = tuple(sorted({0, *(bar - start for bar in self.bars if start <= bar < end)}))
        return Texture(tuple(voices), end - start, bars)

    @property
    def notes(self) -> LowerNotes:
        """All notes of all voices."""
        return np.concatenate(self.voices)

    @property
    def lower(self) -> LowerNotes:
        """All notes below the soprano."""
        return np.concatenate([np.zeros((0, 3), dtype=np.int64), *self.voices[1:]])

    @property
    def beats(self) -> list[int]:
        """The step at which each beat starts, and the end: one entry more than there are beats."""
        edges = [*self.bars, self.steps]
        starts: set[int] = {self.steps}
        for index, (bar, following) in enumerate(pairwise(edges)):
            # A pickup is the end of a bar: its beats are counted back from the bar line.
            first = (following - bar) % STEPS_PER_BEAT if index == 0 and len(edges) > 2 else 0
            starts |= {bar, *range(bar + first, following, STEPS_PER_BEAT)}
        return sorted(starts)

    @property
    def pickup(self) -> int:
        """Steps before the first full bar."""
        if len(self.bars) < 2:
            return 0
        full = (*self.bars, self.steps)[2] - self.bars[1]
        return self.bars[1] if self.bars[1] < full else 0

    def lines(self) -> NDArray[np.int64]:
        """Return each voice's pitch at each step, −1 where it rests: int64, shape (voices, steps).

        Where a voice sounds a chord, its highest note counts; in the lowest voice, the lowest.
        """
        lines = np.full((len(self.voices), self.steps), -1, dtype=np.int64)
        for index, notes in enumerate(self.voices):
            lowest_voice = index > 0 and index == len(self.voices) - 1
            for row in np.argsort(-notes[:, 1] if lowest_voice else notes[:, 1], kind="stable"):
                onset, pitch, duration = notes[row]
                lines[index, onset : onset + duration] = pitch
        return lines


def _on_grid(track: Track) -> LowerNotes:
    rows = []
    for note in track.notes:
        onset, end = round(note.onset * STEPS_PER_BEAT), round(note.offset * STEPS_PER_BEAT)
        rows.append((onset, note.pitch, max(1, end - onset)))
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def beat_sets(texture: Texture, notes: LowerNotes) -> list[int]:
    """Return the pitch classes that sound at any time in each beat, as bits."""
    sets = pitch_class_sets(notes, texture.steps)
    return [int(np.bitwise_or.reduce(sets[start:end])) for start, end in pairwise(texture.beats)]


def pitch_class_overlap(texture: Texture, bach: Texture) -> float:
    """Return the mean overlap of two textures' lower voices; the first full bars lie upon each other.

    Only beats that both have are compared; NaN where there is none.
    """
    found = []
    for one, other in zip(*_aligned_beats(texture, bach), strict=True):
        if one | other:
            found.append((one & other).bit_count() / (one | other).bit_count())
    return float(np.mean(found)) if found else float("nan")


def _aligned_beats(texture: Texture, bach: Texture) -> tuple[list[int], list[int]]:
    before = min(-(-texture.pickup // STEPS_PER_BEAT), -(-bach.pickup // STEPS_PER_BEAT))
    parts = []
    for one in (texture, bach):
        parts.append(beat_sets(one, one.lower)[-(-one.pickup // STEPS_PER_BEAT) - before :])
    length = min(map(len, parts))
    return parts[0][:length], parts[1][:length]


def notes_per_beat(texture: Texture) -> float:
    """Return the notes of all voices, divided by the beats."""
    return len(texture.notes) / (len(texture.beats) - 1)


def pitches_per_beat(texture: Texture) -> float:
    """Return how many different pitches sound in a beat, on average."""
    edges = np.array(texture.beats)
    roll = np.zeros((128, texture.steps), dtype=bool)
    for onset, pitch, duration in texture.notes.tolist():
        roll[pitch, onset : onset + duration] = True
    return float(np.logical_or.reduceat(roll, edges[:-1], axis=1).sum() / (len(edges) - 1))


def triad_or_seventh_share(texture: Texture) -> float:
    """Return the share of beats that form a triad or one of the six common sevenths on any of their sixteenths."""
    chord = IS_CHORD[pitch_class_sets(texture.notes, texture.steps)]
    return float(np.logical_or.reduceat(chord, texture.beats[:-1]).mean())


def dissonant_beats(texture: Texture) -> float:
    """Return the share of beats at whose first sixteenth a semitone, a tone or a tritone sounds."""
    sets = pitch_class_sets(texture.notes, texture.steps)
    return float(IS_DISSONANT[sets[texture.beats[:-1]]].mean())


def parallels(texture: Texture, interval: int) -> float:
    """Return how often a bar two voices move in parallel at an interval (7 a fifth, 0 an octave or unison)."""
    lines = texture.lines()
    count = 0
    for one, other in combinations(lines, 2):
        sounding = (one[:-1] >= 0) & (one[1:] >= 0) & (other[:-1] >= 0) & (other[1:] >= 0)
        same_way = np.diff(one) * np.diff(other) > 0  # both move, up or down together
        apart = np.abs(one - other) % 12 == interval
        count += int((sounding & same_way & apart[:-1] & apart[1:]).sum())
    return count / len(texture.bars)


def out_of_scale(texture: Texture, key: tuple[int, int]) -> float:
    """Return the share of notes outside a key, (pitch class of the tonic, 0 major or 1 minor)."""
    scale = [(key[0] + degree) % 12 for degree in SCALES[key[1]]]
    notes = texture.notes
    return float(1 - np.isin(notes[:, 1] % 12, scale).mean()) if len(notes) else float("nan")


def empty_bars(texture: Texture) -> float:
    """Return the share of bars in which no lower voice sounds."""
    sounding = pitch_class_sets(texture.lower, texture.steps) > 0
    return float(1 - np.logical_or.reduceat(sounding, list(texture.bars)).mean())


def measure(texture: Texture, bach: Texture, key: tuple[int, int]) -> dict[str, float]:
    """Return the nine measures of a texture, in the order of `MEASURES`; see the table at the top of this module."""
    values = (
        pitch_class_overlap(texture, bach),
        notes_per_beat(texture),
        pitches_per_beat(texture),
        triad_or_seventh_share(texture),
        dissonant_beats(texture),
        parallels(texture, 7),
        parallels(texture, 0),
        out_of_scale(texture, key),
        empty_bars(texture),
    )
    return dict(zip(MEASURES, values, strict=True))
