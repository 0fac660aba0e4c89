"""Songs: pieces for several instruments, in 4/4, as a GAN learns from them.

A song has a melody and tracks that accompany it. Every song of a dataset has the same tracks, such as melody, drums,
bass, guitar and strings; one that has nothing to play in a track is silent there. Time is counted in ticks, twelve a
beat, so that sixteenths (3 ticks) and triplets (4 ticks) are both exact; a bar has 48. A song starts with a bar line:
a pickup is the end of a bar that begins with silence.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import TempoChange
from deepcomposer_lab.music.note import Note

TICKS_PER_BEAT = 12
BEATS_PER_BAR = 4
TICKS_PER_BAR = TICKS_PER_BEAT * BEATS_PER_BAR
SPLITS = ("train", "validation", "test")
FOLDS = 5


@dataclass(frozen=True, slots=True)
class SongTrack:
    """What a track is for.

    Parameters
    ----------
    role : str
        "melody", "drums", "bass", "guitar", "keys" or "strings": what the track does, and its name in a dataset.
    program : int
        General MIDI instrument, 0–127; without meaning for drums.
    is_drum : bool
    """

    role: str
    program: int = 0
    is_drum: bool = False


@dataclass(frozen=True, eq=False)
class Song:
    """One piece in 4/4 on a grid of twelve ticks a beat.

    Parameters
    ----------
    name : str
    notes : ndarray of int64, shape (n, 4)
        Columns onset tick, MIDI pitch (of a drum its General MIDI key), duration in ticks, track; sorted by onset, then
        track, then pitch. Notes of one pitch and track do not overlap.
    bars : int
        Length of the piece; no note ends later.
    tracks : tuple of SongTrack
        The melody first.
    key : (int, int)
        Pitch class of the tonic (0 is C) and mode (0 major, 1 minor).
    tempo : float
        Beats a minute.
    family : int
        Pieces with the same tune share it, and are never on two sides of a split.
    fold : int
        0–4, by family: which fifth of the songs it belongs to.
    split : str
        "train", "validation" or "test".
    """

    name: str
    notes: np.ndarray = field(repr=False)
    bars: int
    tracks: tuple[SongTrack, ...]
    key: tuple[int, int] = (0, 0)
    tempo: float = 100.0
    family: int = 0
    fold: int = 0
    split: str = "train"

    @property
    def ticks(self) -> int:
        """Length in ticks."""
        return self.bars * TICKS_PER_BAR

    def track_notes(self, role: str) -> np.ndarray:
        """Return the notes of one track: int64, shape (n, 3), columns onset, pitch, duration."""
        index = [track.role for track in self.tracks].index(role)
        return self.notes[self.notes[:, 3] == index][:, :3]

    def to_composition(self) -> Composition:
        """Return the song as music, a track each, silent ones too."""
        tracks = [
            Track(
                tuple(
                    Note(onset / TICKS_PER_BEAT, int(pitch), duration / TICKS_PER_BEAT)
                    for onset, pitch, duration in self.track_notes(track.role)
                ),
                track.role.capitalize(),
                track.program,
                track.is_drum,
            )
            for track in self.tracks
        ]
        return Composition(tracks=tuple(tracks), tempos=(TempoChange(0, self.tempo),), title=self.name)


def sorted_notes(notes: np.ndarray) -> np.ndarray:
    """Return notes (columns onset, pitch, duration, track) in the order of `Song.notes`, as int64."""
    notes = np.asarray(notes, dtype=np.int64).reshape(-1, 4)
    return notes[np.lexsort((notes[:, 1], notes[:, 3], notes[:, 0]))]


def songs_to_arrays(songs: Sequence[Song]) -> dict[str, np.ndarray]:
    """Return songs that share their tracks as the arrays of a .npz; `songs_from_arrays` is the way back.

    Raises
    ------
    ValueError
        When there are none, or they have different tracks.
    """
    if not songs:
        raise ValueError("A dataset needs at least one song; got none.")
    if any(song.tracks != songs[0].tracks for song in songs):
        raise ValueError("The songs of one dataset have the same tracks; these differ.")
    return {
        "notes": np.concatenate([song.notes for song in songs]).astype(np.int32).reshape(-1, 4),
        "offsets": np.cumsum([0, *(len(song.notes) for song in songs)]).astype(np.int64),
        "names": np.array([song.name for song in songs]),
        "bars": np.array([song.bars for song in songs], dtype=np.int32),
        "key": np.array([song.key for song in songs], dtype=np.int8).reshape(-1, 2),
        "tempo": np.array([song.tempo for song in songs], dtype=np.float32),
        "family": np.array([song.family for song in songs], dtype=np.int32),
        "fold": np.array([song.fold for song in songs], dtype=np.int8),
        "split": np.array([SPLITS.index(song.split) for song in songs], dtype=np.int8),
        "tracks": np.array(json.dumps([asdict(track) for track in songs[0].tracks])),
    }


def songs_from_arrays(arrays: Mapping[str, Any]) -> list[Song]:
    """Return the songs that `songs_to_arrays` laid out."""
    tracks = tuple(SongTrack(**track) for track in json.loads(str(arrays["tracks"])))
    offsets = arrays["offsets"]
    return [
        Song(
            name=str(arrays["names"][index]),
            notes=arrays["notes"][offsets[index] : offsets[index + 1]].astype(np.int64),
            bars=int(arrays["bars"][index]),
            tracks=tracks,
            key=(int(arrays["key"][index, 0]), int(arrays["key"][index, 1])),
            tempo=float(arrays["tempo"][index]),
            family=int(arrays["family"][index]),
            fold=int(arrays["fold"][index]),
            split=SPLITS[int(arrays["split"][index])],
        )
        for index in range(len(arrays["names"]))
    ]


def check_song(song: Song) -> None:
    """Check what `Song` promises of its notes.

    Raises
    ------
    ValueError
        Naming the song and the first thing that is wrong.
    """
    notes = song.notes
    problems: Iterable[tuple[str, bool]] = (
        ("its notes are no (n, 4) whole numbers", notes.ndim != 2 or notes.shape[1] != 4 or notes.dtype != np.int64),
        ("a pitch lies outside 0–127", bool(((notes[:, 1] < 0) | (notes[:, 1] > 127)).any())),
        ("a note is shorter than a tick", bool((notes[:, 2] < 1).any())),
        ("a note starts before the piece", bool((notes[:, 0] < 0).any())),
        ("a note ends after the last bar", bool((notes[:, 0] + notes[:, 2] > song.ticks).any())),
        ("a note is in a track that is not there", bool(((notes[:, 3] < 0) | (notes[:, 3] >= len(song.tracks))).any())),
        ("its notes are not sorted", not np.array_equal(notes, sorted_notes(notes))),
        ("two notes of one pitch and track overlap", overlapping(notes)),
    )
    for problem, there in problems:
        if there:
            raise ValueError(f"The song {song.name!r} is damaged: {problem}.")


def overlapping(notes: np.ndarray) -> bool:
    """Say whether notes of one pitch and track (columns onset, pitch, duration, track) overlap."""
    by_line = notes[np.lexsort((notes[:, 0], notes[:, 1], notes[:, 3]))]
    same = (by_line[1:, 3] == by_line[:-1, 3]) & (by_line[1:, 1] == by_line[:-1, 1])
    return bool((same & (by_line[1:, 0] < by_line[:-1, 0] + by_line[:-1, 2])).any())
