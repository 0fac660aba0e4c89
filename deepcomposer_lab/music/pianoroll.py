"""PianoRoll: a piece as a grid of time steps by pitches, and its way to and from pypianoroll."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.music.checks import checked_text, checked_values, checked_whole
from deepcomposer_lab.music.composition import Composition, Track, as_composition
from deepcomposer_lab.music.files import write_atomically
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import (
    COMMON_TIME,
    DEFAULT_TEMPO,
    MetreChange,
    TempoChange,
    bar_starts,
    checked_pickup,
)
from deepcomposer_lab.music.note import Note, checked_program

if TYPE_CHECKING:
    from pypianoroll import Multitrack

_PITCHES = 128
_VELOCITY = 80  # for rolls that know only on and off
_OWN_ENTRY = "deepcomposer_lab"  # what pypianoroll's format has no place for, and its reader passes over


@dataclass(frozen=True, slots=True, eq=False)
class PianoRoll:
    """A piece on a grid: which pitch of which track sounds at which step, how loudly, and where notes start.

    Parameters
    ----------
    velocity : ndarray, uint8, shape (tracks, steps, 128)
        0 where silent, else 1–127. Copied and made read-only.
    onset : ndarray, bool, shape (tracks, steps, 128)
        True where a note starts, so that a repeated note and a held one differ. A cell that sounds after silence
        starts a note whether it is marked or not.
    steps_per_beat : int
        Steps a quarter note; 4 is a sixteenth grid.
    names, programs, is_drum : tuples, one entry a track
        As in `Track`; "Track 1" …, 0 and False where left out.
    tempos, metres, pickup, title
        As in `Composition`.

    Raises
    ------
    ValueError
        When shapes do not agree, a velocity is above 127, or a silent cell starts a note.
    """

    velocity: NDArray[np.uint8]
    onset: NDArray[np.bool_]
    steps_per_beat: int = 4
    names: tuple[str, ...] = ()
    programs: tuple[int, ...] = ()
    is_drum: tuple[bool, ...] = ()
    tempos: tuple[TempoChange, ...] = DEFAULT_TEMPO
    metres: tuple[MetreChange, ...] = COMMON_TIME
    pickup: float = 0.0
    title: str = "Untitled"

    def __post_init__(self) -> None:
        velocity, onset = np.asarray(self.velocity), np.array(self.onset, dtype=np.bool_)
        if velocity.ndim != 3 or velocity.shape[2] != _PITCHES or velocity.shape != onset.shape:
            raise ValueError(
                f"A piano roll has velocity and onset of one shape (tracks, steps, {_PITCHES}); got "
                f"{velocity.shape} and {onset.shape}."
            )
        if velocity.size and not 0 <= velocity.min() <= velocity.max() <= 127:
            raise ValueError(f"Velocities lie in 0–127; got {velocity.min()}–{velocity.max()}.")
        if (onset & (velocity == 0)).any():
            raise ValueError("A note starts where the velocity is 0; a note that starts must sound.")
        velocity = velocity.astype(np.uint8)  # a copy, always
        onset |= _starts_after_silence(velocity)
        velocity.setflags(write=False)
        onset.setflags(write=False)
        tracks = len(velocity)
        values = {
            "velocity": velocity,
            "onset": onset,
            "steps_per_beat": _checked_steps(self.steps_per_beat),
            "names": tuple(checked_text(name, "The name of a track") for name in self.names)
            or tuple(f"Track {number}" for number in range(1, tracks + 1)),
            "programs": tuple(checked_program(program) for program in self.programs) or (0,) * tracks,
            "is_drum": tuple(bool(drum) for drum in self.is_drum) or (False,) * tracks,
            "tempos": checked_values(self.tempos, TempoChange, "A piano roll's tempos"),
            "metres": checked_values(self.metres, MetreChange, "A piano roll's metres"),
            "pickup": checked_pickup(self.pickup),
            "title": checked_text(self.title, "A piano roll's title"),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        for name in ("names", "programs", "is_drum"):
            if len(values[name]) != tracks:  # type: ignore[arg-type]
                raise ValueError(f"A piano roll of {tracks} tracks has as many {name}; got {values[name]}.")

    def _key(self) -> tuple[Any, ...]:
        arrays = (self.velocity.shape, self.velocity.tobytes(), self.onset.tobytes())
        labels = (self.names, self.programs, self.is_drum, self.title)
        return arrays, self.steps_per_beat, labels, self.tempos, self.metres, self.pickup

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, PianoRoll) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def steps(self) -> int:
        """Number of time steps."""
        return self.velocity.shape[1]

    @classmethod
    def from_composition(cls, composition: Composition | Melody, steps_per_beat: int = 4) -> PianoRoll:
        """Return the piece on a grid of `steps_per_beat` steps a beat.

        Onset and end go to the nearest step, the later one when halfway; a note keeps at least one step. One cell
        holds one note, so within one track and pitch: a note that would start in the step where another starts
        moves to the next step if that is nearer than a whole step and free; failing that the two become one, as
        long as the longer and as loud as the louder. A later note cuts an earlier one that still sounds.
        """
        composition, steps_per_beat = as_composition(composition), _checked_steps(steps_per_beat)
        tracks = composition.tracks
        steps = 0
        placed: list[list[tuple[int, int, int, int]]] = []
        for track in tracks:
            placed.append(_placed(track.notes, steps_per_beat))
            steps = max([steps, *(end for _, end, _, _ in placed[-1])])
        velocity = np.zeros((len(tracks), steps, _PITCHES), np.uint8)
        onset = np.zeros(velocity.shape, np.bool_)
        for index, notes in enumerate(placed):
            for start, end, pitch, loudness in notes:
                velocity[index, start:end, pitch] = loudness
                onset[index, start, pitch] = True
        return cls(
            velocity,
            onset,
            steps_per_beat,
            names=tuple(track.name for track in tracks),
            programs=tuple(track.program for track in tracks),
            is_drum=tuple(track.is_drum for track in tracks),
            tempos=composition.tempos,
            metres=composition.metres,
            pickup=composition.pickup,
            title=composition.title,
        )

    def to_composition(self) -> Composition:
        """Return the piece as notes; each has the velocity of its first step."""
        tracks = (
            Track(_notes(velocity, onset, self.steps_per_beat), name, program, is_drum)
            for velocity, onset, name, program, is_drum in zip(
                self.velocity, self.onset, self.names, self.programs, self.is_drum, strict=True
            )
        )
        return Composition(tuple(tracks), self.tempos, self.metres, self.pickup, self.title)

    def to_pypianoroll(self) -> Multitrack:
        """Return a `pypianoroll.Multitrack`: velocities, names, tempo and downbeats.

        pypianoroll has no onsets, so repeated notes that touch run together there. The tempo is one-dimensional,
        shape (steps,): pypianoroll 1.0.4 documents it so and cannot write a MIDI file from any other shape.
        """
        import pypianoroll

        steps = np.arange(self.steps) / self.steps_per_beat
        which = np.searchsorted([change.onset for change in self.tempos], steps + 1e-6, side="right") - 1
        tempo = np.array([change.bpm for change in self.tempos])[which] if self.steps else np.zeros(0)
        downbeat = np.zeros(self.steps, np.bool_)
        for bar in bar_starts(self.metres, self.pickup, self.steps / self.steps_per_beat):
            step = round(bar * self.steps_per_beat)
            if bar >= self.pickup and step < self.steps:  # the incomplete bar of a pickup has no downbeat
                downbeat[step] = True
        return pypianoroll.Multitrack(
            name=self.title,
            resolution=self.steps_per_beat,
            tempo=tempo,
            downbeat=downbeat,
            tracks=[
                pypianoroll.StandardTrack(name, program, is_drum, roll.copy())
                for name, program, is_drum, roll in zip(
                    self.names, self.programs, self.is_drum, self.velocity, strict=True
                )
            ],
        )

    @classmethod
    def from_pypianoroll(cls, multitrack: Multitrack) -> PianoRoll:
        """Return a `pypianoroll.Multitrack` as a piano roll.

        A note starts where a pitch sounds after silence or changes its velocity. Velocities above 127, which
        pypianoroll's own MIDI reader makes where notes overlap, become 127; on-off rolls get velocity 80. Tempo
        arrays of shape (steps,) and (steps, 1) are both taken. Metre and pickup follow from the downbeats: bars of
        n quarters are n/4, others n/8, n/16 …; without two downbeats the metre is 4/4.
        """
        rolls = [_velocities(track.pianoroll) for track in multitrack.tracks]
        steps = max((len(roll) for roll in rolls), default=0)
        velocity = np.zeros((len(rolls), steps, _PITCHES), np.uint8)
        for index, roll in enumerate(rolls):
            velocity[index, : len(roll)] = roll
        before = np.zeros_like(velocity)
        before[:, 1:] = velocity[:, :-1]
        metres, pickup = _metres(multitrack.downbeat, multitrack.resolution)
        return cls(
            velocity,
            (velocity > 0) & (velocity != before),
            multitrack.resolution,
            names=tuple(track.name or f"Track {number}" for number, track in enumerate(multitrack.tracks, 1)),
            programs=tuple(track.program or 0 for track in multitrack.tracks),
            is_drum=tuple(bool(track.is_drum) for track in multitrack.tracks),
            tempos=_tempos(multitrack.tempo, multitrack.resolution),
            metres=metres,
            pickup=pickup,
            title=multitrack.name or "Untitled",
        )

    def to_npz(self) -> bytes:
        """Return the content of a file in pypianoroll's .npz format; `pypianoroll.load` reads it.

        Onsets, exact tempos, metres and pickup lie in entries of their own, which pypianoroll passes over. The same
        roll gives the same bytes.
        """
        from pypianoroll.utils import decompose_sparse

        multitrack = self.to_pypianoroll()
        arrays: dict[str, NDArray[Any]] = {"tempo": multitrack.tempo, "downbeat": multitrack.downbeat}
        info: dict[str, Any] = {"resolution": self.steps_per_beat, "name": self.title}
        for index, track in enumerate(multitrack.tracks):
            arrays |= decompose_sparse(track.pianoroll, f"pianoroll_{index}")
            arrays |= decompose_sparse(self.onset[index], f"onset_{index}")
            info[str(index)] = {"program": track.program, "is_drum": track.is_drum, "name": track.name}
        info[_OWN_ENTRY] = {
            "tempos": [[change.onset, change.bpm] for change in self.tempos],
            "metres": [[change.onset, change.numerator, change.denominator] for change in self.metres],
            "pickup": self.pickup,
        }
        buffer = BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
            # A fixed date, as numpy writes it, keeps the bytes the same from one day to the next.
            archive.writestr(zipfile.ZipInfo("info.json", (1980, 1, 1, 0, 0, 0)), json.dumps(info))
        return buffer.getvalue()

    def save_npz(self, path: str | os.PathLike[str]) -> None:
        """Write the roll to `path` in pypianoroll's .npz format, atomically; see `to_npz`."""
        write_atomically(path, self.to_npz())

    @classmethod
    def load_npz(cls, path: str | os.PathLike[str]) -> PianoRoll:
        """Read a file that `save_npz` or pypianoroll wrote; the former comes back exactly.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When the file is not a piano roll in pypianoroll's format.
        """
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"There is no file {str(path)!r}; check the spelling and the folder.")
        import pypianoroll

        try:
            roll = cls.from_pypianoroll(pypianoroll.load(path))
            return _with_own_entries(roll, path)
        except (OSError, EOFError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"“{path.name}” is not a piano roll in pypianoroll's .npz format; expected a file written by "
                f"pypianoroll.save or save_npz."
            ) from error


def _checked_steps(steps_per_beat: int) -> int:
    steps_per_beat = checked_whole(steps_per_beat, "A piano roll's steps_per_beat")
    if steps_per_beat < 1:
        raise ValueError(f"A piano roll has 1 or more whole steps a beat; got {steps_per_beat}.")
    return steps_per_beat


def _starts_after_silence(velocity: NDArray[np.uint8]) -> NDArray[np.bool_]:
    starts = velocity > 0
    starts[:, 1:] &= velocity[:, :-1] == 0
    return starts


def _placed(notes: Sequence[Note], steps_per_beat: int) -> list[tuple[int, int, int, int]]:
    """Return (start, end, pitch, velocity) in steps; see `from_composition` for the rules. Notes sorted by onset."""
    by_pitch: dict[int, list[list[int]]] = {}
    for note in notes:
        start = math.floor(note.onset * steps_per_beat + 0.5)
        end = max(math.floor(note.offset * steps_per_beat + 0.5), start + 1)
        earlier = by_pitch.setdefault(note.pitch, [])
        if earlier and start <= earlier[-1][0]:
            last = earlier[-1]
            if last[0] + 1 - note.onset * steps_per_beat < 1 - 1e-9:
                start = last[0] + 1
                end = max(end, start + 1)
            else:
                last[1], last[2] = max(last[1], end), max(last[2], note.velocity)
                continue
        if earlier:
            earlier[-1][1] = min(earlier[-1][1], start)
        earlier.append([start, end, note.velocity])
    return [(start, end, pitch, loud) for pitch, rows in by_pitch.items() for start, end, loud in rows]


def _notes(velocity: NDArray[np.uint8], onset: NDArray[np.bool_], steps_per_beat: int) -> tuple[Note, ...]:
    """Return the notes of one track, shape (steps, 128) each."""
    notes = []
    stops = onset | (velocity == 0)
    for pitch in np.flatnonzero(onset.any(axis=0)).tolist():
        starts = np.flatnonzero(onset[:, pitch])
        borders = np.append(np.flatnonzero(stops[:, pitch]), len(velocity))
        ends = borders[np.searchsorted(borders, starts, side="right")]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            duration = (end - start) / steps_per_beat
            notes.append(Note(start / steps_per_beat, pitch, duration, int(velocity[start, pitch])))
    return tuple(notes)


def _velocities(pianoroll: NDArray[Any]) -> NDArray[np.uint8]:
    if pianoroll.dtype == np.bool_:
        return pianoroll.astype(np.uint8) * _VELOCITY
    return np.clip(np.rint(pianoroll), 0, 127).astype(np.uint8)


def _tempos(tempo: NDArray[Any] | None, resolution: int) -> tuple[TempoChange, ...]:
    if tempo is None or not np.size(tempo):
        return DEFAULT_TEMPO
    flat = np.asarray(tempo, dtype=float).ravel()
    changes = [0, *(np.flatnonzero(flat[1:] != flat[:-1]) + 1).tolist()]
    return tuple(TempoChange(step / resolution, float(flat[step])) for step in changes)


def _metres(downbeat: NDArray[Any] | None, resolution: int) -> tuple[tuple[MetreChange, ...], float]:
    starts = [] if downbeat is None else np.flatnonzero(np.asarray(downbeat).ravel()).tolist()
    if len(starts) < 2:
        return COMMON_TIME, 0.0
    metres: list[MetreChange] = []
    for start, following in pairwise(starts):
        beats = Fraction(following - start, resolution)
        written = (Fraction(beats * denominator, 4) for denominator in (4, 8, 16, 32, 64))
        numerator = next((count for count in written if count.denominator == 1 and count <= 255), None)
        if numerator is None:
            continue  # a bar that no metre writes, such as a third of a beat
        denominator = int(numerator * 4 / beats)
        metre = MetreChange(start / resolution if metres else 0, int(numerator), denominator)
        if not metres or metres[-1].bar_beats != metre.bar_beats:
            metres.append(metre)
    return tuple(metres) or COMMON_TIME, starts[0] / resolution


def _with_own_entries(roll: PianoRoll, path: Path) -> PianoRoll:
    """Return `roll` with what only our own files hold; a file by pypianoroll comes back as it is."""
    from pypianoroll.utils import reconstruct_sparse

    with np.load(path) as archive:
        own = json.loads(archive["info.json"].decode("utf-8")).get(_OWN_ENTRY)
        if own is None:
            return roll
        onset = np.zeros(roll.velocity.shape, np.bool_)
        for index in range(len(onset)):
            onset[index] = reconstruct_sparse(archive, f"onset_{index}")
    return replace(
        roll,
        onset=onset,
        tempos=tuple(TempoChange(*change) for change in own["tempos"]),
        metres=tuple(MetreChange(*change) for change in own["metres"]),
        pickup=own["pickup"],
    )
