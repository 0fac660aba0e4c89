"""Bars: several tracks of music as arrays of bars and steps, as the GAN sees and makes them, and the way back.

Time is cut into bars of equally many steps (in 4/4 with four steps a beat, sixteen). Every track has its own window:
a bass needs two octaves, drums nine lanes, and what a track cannot play is not computed. In a window each step of each
row is in one of two planes or in neither: *onset*, a note starts here, and *sound*, one sounds here. The two are kept
apart, so that a held note and a repeated one look different.

Three kinds of track:

- **drums**: a row is a lane, such as the bass drum; what sounds there is as long as a step;
- **line**: at most one note at a time, such as a melody or a bass;
- **chords**: any number of notes.

Pitches outside a window are moved by octaves to its nearest edge. Music is also shown to the network in C: `shift`
semitones are added before, and taken off again afterwards.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.metre import bar_starts
from deepcomposer_lab.music.note import Note

Kind = Literal["drums", "line", "chords"]
Planes = NDArray[np.float32]  # (2, rows, steps): onset, sound
Placed = NDArray[np.int64]  # (N, 3): onset step, MIDI pitch, duration in steps

ONSET, SOUND = 0, 1  # planes

# General MIDI drum keys by lane. The first key of each is what a generated drum sounds like.
DRUM_LANES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("bass drum", (36, 35)),
    ("snare", (38, 40, 37, 39)),
    ("closed hi-hat", (42, 44)),
    ("open hi-hat", (46,)),
    ("low tom", (45, 41, 43)),
    ("high tom", (48, 47, 50)),
    ("crash cymbal", (49, 52, 55, 57)),
    ("ride cymbal", (51, 53, 59)),
    ("percussion", (54, 56, 69, 70, 75, 76, 77, 80, 81, 82)),
)
_LANE_OF_KEY = {key: lane for lane, (_, keys) in enumerate(DRUM_LANES) for key in keys}
_PERCUSSION = len(DRUM_LANES) - 1  # where any other key goes


@dataclass(frozen=True, slots=True)
class TrackWindow:
    """What of a track the network sees.

    Parameters
    ----------
    role : str
        "melody", "drums", "bass", "guitar", "keys", "strings" …
    kind : "drums", "line" or "chords"
    lowest_pitch : int
        The MIDI pitch of row 0; without meaning for drums.
    rows : int
        Pitches, or lanes of drums.
    program : int
        General MIDI instrument, 0–127, that it is given unless a person chooses another.
    top : bool
        Of notes that start together in a line, whether the highest stays (a melody) or the lowest (a bass).
    stride : int
        Every how many steps a network may change what sounds: 1 wherever it likes. Notes that are read are not bound
        to it.
    """

    role: str
    kind: Kind
    lowest_pitch: int = 0
    rows: int = len(DRUM_LANES)
    program: int = 0
    top: bool = True
    stride: int = 1

    @property
    def is_drum(self) -> bool:
        """Whether rows are lanes of drums."""
        return self.kind == "drums"

    def row(self, pitch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of MIDI pitches (of drums: keys); pitches outside are moved by octaves."""
        if self.is_drum:
            return np.array([_LANE_OF_KEY.get(key, _PERCUSSION) for key in pitch.tolist()], dtype=np.int64)
        row = pitch.astype(np.int64) - self.lowest_pitch
        below, above = np.maximum(0, -row), np.maximum(0, row - (self.rows - 1))
        return row + 12 * (-(-below // 12)) - 12 * (-(-above // 12))

    def pitch(self, row: int) -> int:
        """Return the MIDI pitch of a row; of a lane its usual drum key."""
        return DRUM_LANES[row][1][0] if self.is_drum else self.lowest_pitch + row

    def draw(self, notes: Placed, steps: int, shift: int = 0) -> Planes:
        """Draw notes as planes.

        Parameters
        ----------
        notes : ndarray, int, shape (N, 3)
            Columns onset (step), pitch (MIDI), duration (steps). What lies before step 0 or after `steps` is not drawn.
        steps : int
        shift : int
            Semitones added first; drums have none.

        Returns
        -------
        ndarray, float32, shape (2, rows, steps)
            Onset and sound, each 0 or 1.
        """
        planes = np.zeros((2, self.rows, steps), dtype=np.float32)
        if self.kind == "line":
            notes = _one_at_a_time(notes, top=self.top)
        if not len(notes):
            return planes
        rows = self.row(notes[:, 1] + (0 if self.is_drum else shift))
        for row, onset, duration in zip(rows.tolist(), notes[:, 0].tolist(), notes[:, 2].tolist(), strict=True):
            last = onset + 1 if self.is_drum else onset + duration
            if 0 <= onset < steps:
                planes[ONSET, row, onset] = 1
            planes[SOUND, row, max(0, onset) : max(0, min(last, steps))] = 1
        return planes

    def read(self, planes: Planes, shift: int = 0) -> Placed:
        """Return the notes of planes: the way back from `draw`.

        A note starts at each onset, and where sound begins without one; it ends where its sound does, or with the next
        onset. A cell counts where it is above one half.

        Returns
        -------
        ndarray, int64, shape (N, 3)
            Columns onset, pitch, duration, by onset, then pitch.
        """
        onset = planes[ONSET] > 0.5
        sound = (planes[SOUND] > 0.5) | onset
        before = np.pad(sound, ((0, 0), (1, 0)))[:, :-1]
        starts = onset | (sound & ~before)
        found = []
        for row in np.flatnonzero(starts.any(axis=1)).tolist():
            steps = np.flatnonzero(starts[row]).tolist()
            for step, following in pairwise([*steps, sound.shape[1]]):
                gap = np.flatnonzero(~sound[row, step:following])
                duration = int(gap[0]) if len(gap) else following - step
                found.append((step, self.pitch(row) - (0 if self.is_drum else shift), 1 if self.is_drum else duration))
        return np.array(sorted(found), dtype=np.int64).reshape(-1, 3)


def _one_at_a_time(notes: Placed, *, top: bool) -> Placed:
    """Return a line: of notes that start together the highest (or lowest), each cut where the next starts."""
    order = np.lexsort((-notes[:, 1] if top else notes[:, 1], notes[:, 0]))
    notes = notes[order]
    notes = notes[np.append(True, notes[1:, 0] > notes[:-1, 0])].copy() if len(notes) else notes
    if len(notes):
        notes[:-1, 2] = np.minimum(notes[:-1, 2], notes[1:, 0] - notes[:-1, 0])
    return notes


@dataclass(frozen=True)
class BarsEncoding:
    """The windows of all tracks and the grid. Saved with a model, and checked against it on load.

    Parameters
    ----------
    melody : TrackWindow
        What the network is given.
    tracks : tuple of TrackWindow
        What it adds.
    steps_per_beat, beats_per_bar : int
        Four and four: sixteenths in 4/4. Six steps a beat hold triplets.
    """

    melody: TrackWindow
    tracks: tuple[TrackWindow, ...]
    steps_per_beat: int = 4
    beats_per_bar: int = 4

    @property
    def steps_per_bar(self) -> int:
        """Columns of a bar."""
        return self.steps_per_beat * self.beats_per_bar

    @property
    def rows(self) -> int:
        """Rows of all added tracks together, one above the other."""
        return sum(track.rows for track in self.tracks)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Where each added track lies among these rows."""
        edges = np.cumsum([0, *(track.rows for track in self.tracks)]).tolist()
        return tuple(slice(start, end) for start, end in pairwise(edges))

    def sizes(self) -> dict[str, Any]:
        """Return what a network has to know of the windows, by the names of `networks.musegan.MuseGANConfig`."""
        return {
            "melody_rows": self.melody.rows,
            "melody_lowest": self.melody.lowest_pitch,
            "track_kinds": tuple(window.kind for window in self.tracks),
            "track_rows": tuple(window.rows for window in self.tracks),
            "track_lowest": tuple(window.lowest_pitch for window in self.tracks),
            "track_strides": tuple(window.stride for window in self.tracks),
            "steps_per_beat": self.steps_per_beat,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the plain values a model card keeps."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave."""
        melody, *tracks = (TrackWindow(**window) for window in [values["melody"], *values["tracks"]])
        return cls(melody, tuple(tracks), int(values["steps_per_beat"]), int(values["beats_per_bar"]))

    def join(self, planes: Iterable[Planes]) -> Planes:
        """Lay the added tracks' planes one above the other: float32, shape (2, rows, steps)."""
        return np.concatenate(list(planes), axis=1)

    def split(self, planes: Planes) -> list[Planes]:
        """Return each added track's planes: the way back from `join`."""
        return [planes[:, part] for part in self.slices]


@dataclass(frozen=True)
class BarGrid:
    """A composition's bars laid on bars of equally many steps.

    A bar shorter than the encoding's is padded with silence at its end, a pickup at its beginning; a longer one is laid
    over as many bars as it needs. So music in 3/4 keeps its bar lines, at the price of a silent beat in each.

    Parameters
    ----------
    encoding : BarsEncoding
    starts, lengths : tuple of float
        Where each bar of the composition starts, in beats, and how long it is.
    firsts : tuple of int
        The step at which each of them starts; of a pickup, where it starts within its padded bar.
    bars : int
        Bars of the encoding.
    """

    encoding: BarsEncoding
    starts: tuple[float, ...]
    lengths: tuple[float, ...]
    firsts: tuple[int, ...]
    bars: int

    @classmethod
    def of(cls, composition: Composition, encoding: BarsEncoding) -> BarGrid:
        """Lay a grid over a composition, to the end of the bar in which its last note ends."""
        end = max(composition.end, 1e-3)
        starts = [start for start in bar_starts(composition.metres, composition.pickup, end) if start < end - 1e-6]
        following = bar_starts(composition.metres, composition.pickup, end + 64)
        edges = [*starts, next((start for start in following if start > starts[-1] + 1e-6), end)]
        lengths = [after - start for start, after in pairwise(edges)]
        firsts, bars = [], 0
        for index, length in enumerate(lengths):
            needed = max(1, math.ceil(length / encoding.beats_per_bar - 1e-6))
            early = index == 0 and 0 < composition.pickup < encoding.beats_per_bar
            lead = encoding.steps_per_bar - round(length * encoding.steps_per_beat) if early else 0
            firsts.append(bars * encoding.steps_per_bar + max(0, lead))
            bars += needed
        return cls(encoding, tuple(starts), tuple(lengths), tuple(firsts), bars)

    @property
    def steps(self) -> int:
        """Columns in all."""
        return self.bars * self.encoding.steps_per_bar

    @property
    def is_padded(self) -> bool:
        """Whether some bar is not as long as the encoding's, so that silence was put in."""
        whole = self.encoding.beats_per_bar
        return any(abs(length - whole * round(length / whole)) > 1e-6 for length in self.lengths)

    def step_of(self, beat: float) -> int:
        """Return the step nearest to a beat; halfway, the later one.

        What is nearest to a bar line belongs to the bar behind it, whatever silence was put in between; of the last
        bar it is the last step.
        """
        bar = max(0, int(np.searchsorted(self.starts, beat + 1e-6, side="right")) - 1)
        step, steps = self._within(bar, beat), self._steps_of(bar)
        if step < steps:
            return self.firsts[bar] + step
        return self.firsts[bar + 1] if bar + 1 < len(self.firsts) else self.firsts[bar] + max(0, steps - 1)

    def end_of(self, beat: float) -> int:
        """Return the step before which a note ends that ends at a beat: at a bar line, before the silence put in."""
        bar = max(0, int(np.searchsorted(self.starts, beat - 1e-6, side="left")) - 1)
        return self.firsts[bar] + min(self._within(bar, beat), self._steps_of(bar))

    def _within(self, bar: int, beat: float) -> int:
        return math.floor((beat - self.starts[bar]) * self.encoding.steps_per_beat + 0.5 + 1e-6)

    def _steps_of(self, bar: int) -> int:
        return max(1, math.floor(self.lengths[bar] * self.encoding.steps_per_beat + 0.5 + 1e-6))

    def beat_of(self, step: float) -> float | None:
        """Return the beat of a step; None in the silence that was put in."""
        bar = int(np.searchsorted(self.firsts, step, side="right")) - 1
        if bar < 0:
            return None
        beat = (step - self.firsts[bar]) / self.encoding.steps_per_beat
        return self.starts[bar] + beat if beat < self.lengths[bar] - 1e-6 else None

    def sounding(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the steps that are the piece's own, silence that was put in left out, and at which beats they start.

        Returns
        -------
        (int64, shape (n,)), (float64, shape (n + 1,))
            The last beat is where the last of them ends.
        """
        beats = [self.beat_of(step) for step in range(self.steps)]
        steps = [step for step, beat in enumerate(beats) if beat is not None]
        end = self.starts[-1] + self.lengths[-1]
        return np.array(steps, dtype=np.int64), np.array([*(beats[step] for step in steps), end], dtype=np.float64)

    def place(self, notes: Sequence[Note]) -> Placed:
        """Return notes on the grid, at least a step long: int64, shape (N, 3), columns onset, pitch, duration."""
        placed = []
        for note in notes:
            onset = self.step_of(note.onset)
            placed.append((onset, note.pitch, max(1, self.end_of(note.offset) - onset)))
        return np.array(placed, dtype=np.int64).reshape(-1, 3)

    def notes(self, placed: Placed, velocity: int = 80) -> list[Note]:
        """Return the notes of the grid in beats: the way back from `place`.

        What starts in a silence that was put in is left out, and what reaches into one ends with its bar.
        """
        found = []
        for onset, pitch, duration in placed.tolist():
            beat = self.beat_of(onset)
            if beat is None:
                continue
            bar = int(np.searchsorted(self.firsts, onset, side="right")) - 1
            end = onset + duration
            while bar + 1 < len(self.firsts) and self.firsts[bar + 1] < end:
                bar += 1
            within = (end - self.firsts[bar]) / self.encoding.steps_per_beat
            offset = self.starts[bar] + min(within, self.lengths[bar])
            if offset > beat + 1e-6:
                found.append(Note(beat, pitch, offset - beat, velocity))
        return found


def resampled(notes: NDArray[np.int64], ticks_per_beat: int, steps_per_beat: int) -> Placed:
    """Return notes of a finer grid on a coarser one (columns onset, pitch, duration); halfway, the later step."""
    edges = np.stack([notes[:, 0], notes[:, 0] + notes[:, 2]])
    onset, end = np.floor(edges * steps_per_beat / ticks_per_beat + 0.5).astype(np.int64)
    return np.stack([onset, notes[:, 1], np.maximum(1, end - onset)], axis=1)


MELODY_WINDOW = TrackWindow("melody", "line", 48, 40, 0)  # C3 to D♯6

# What each genre's band plays. Windows are in C: a song is moved by −6 … +5 semitones first.
BAND_WINDOWS: dict[str, tuple[TrackWindow, ...]] = {
    "rock": (
        TrackWindow("drums", "drums"),
        TrackWindow("bass", "line", 24, 28, 33, top=False),
        TrackWindow("guitar", "chords", 38, 40, 27),
        # A band's strings move in eighths: of Freedoom's notes 93 % begin on one, of the arranger's all.
        TrackWindow("strings", "chords", 46, 40, 48, stride=2),
    ),
    "pop": (
        TrackWindow("drums", "drums"),
        TrackWindow("bass", "line", 24, 28, 33, top=False),
        TrackWindow("keys", "chords", 42, 40, 0),
        TrackWindow("strings", "chords", 46, 40, 48, stride=2),
    ),
    "jazz": (
        TrackWindow("drums", "drums"),
        TrackWindow("bass", "line", 24, 28, 32, top=False),
        TrackWindow("keys", "chords", 42, 40, 0),
        TrackWindow("strings", "chords", 46, 40, 48, stride=3),
    ),
    "symphony": (
        TrackWindow("violin", "line", 52, 40, 40),
        TrackWindow("viola", "line", 46, 36, 41),
        TrackWindow("cello", "line", 34, 40, 42, top=False),
    ),
    "bach": (
        TrackWindow("alto", "line", 48, 32, 0),
        TrackWindow("tenor", "line", 42, 32, 0),
        TrackWindow("bass", "line", 30, 40, 0, top=False),
    ),
}
STEPS_PER_BEAT = {"jazz": 6}  # swung eighths are triplets; everything else is straight


def encoding_of(genre: str) -> BarsEncoding:
    """Return the encoding of a genre: "rock", "pop", "jazz", "symphony" or "bach".

    Raises
    ------
    ValueError
        When there is no such genre.
    """
    if genre not in BAND_WINDOWS:
        raise ValueError(f"There is no genre {genre!r}. Genres: {', '.join(BAND_WINDOWS)}.")
    return BarsEncoding(MELODY_WINDOW, BAND_WINDOWS[genre], STEPS_PER_BEAT.get(genre, 4))
