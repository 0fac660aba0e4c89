"""Songs as the GAN sees them: each track drawn in its window, bar by bar, everything in C.

    songs = songs_of("rock", "train")
    one = encoded_song(songs[0], encoding_of("rock"))
    one.melody, one.tracks      # what is given, what shall be made

Chorales become songs here too, so that one path serves all genres.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.datasets import SPLITS, Piece, Song, load_dataset
from deepcomposer_lab.datasets.songs import FOLDS, TICKS_PER_BAR, TICKS_PER_BEAT, SongTrack, sorted_notes
from deepcomposer_lab.encoding.bars import BarGrid, BarsEncoding, Placed, TrackWindow, resampled
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.key import find_key, read_key, shift_to_c
from deepcomposer_lab.music.skyline import melody_of

BytePlanes = NDArray[np.uint8]  # (2, rows, steps): onset, sound; 0 or 1

CHORALE_TRACKS = (SongTrack("melody"), SongTrack("alto"), SongTrack("tenor"), SongTrack("bass"))
CHORALES = "bach_chorales"
# What plays a track that a song lacks: the same job, another instrument.
STAND_INS = {"guitar": "keys", "keys": "guitar"}


@dataclass(frozen=True, eq=False)
class EncodedSong:
    """A song drawn in an encoding's windows.

    Parameters
    ----------
    name : str
    melody : ndarray, uint8, shape (2, melody rows, steps)
        Onset and sound, each 0 or 1.
    tracks : ndarray, uint8, shape (2, rows, steps)
        The added tracks, one above the other; see `BarsEncoding.slices`.
    shift : int
        Semitones that were added, −6 … 5, so that the tonic is C.
    bars : int
    minor : bool
        Whether its key is a minor one.
    """

    name: str
    melody: BytePlanes = field(repr=False)
    tracks: BytePlanes = field(repr=False)
    shift: int
    bars: int
    minor: bool = False


def encoded_song(song: Song, encoding: BarsEncoding) -> EncodedSong:
    """Draw a song in an encoding's windows, on its grid, in C.

    Raises
    ------
    ValueError
        When the song has no track of a role that the encoding asks for, or the encoding's bars are not in 4/4.
    """
    if encoding.beats_per_bar * TICKS_PER_BEAT != TICKS_PER_BAR:
        raise ValueError(f"Songs are in 4/4; this encoding has {encoding.beats_per_bar} beats a bar.")
    shift = shift_to_c(song.key[0])
    steps = song.bars * encoding.steps_per_bar

    def drawn(window: TrackWindow) -> BytePlanes:
        return window.draw(track_on_grid(song, window.role, encoding), steps, shift).astype(np.uint8)

    tracks = np.concatenate([drawn(window) for window in encoding.tracks], axis=1)
    return EncodedSong(song.name, drawn(encoding.melody), tracks, shift, song.bars, bool(song.key[1]))


def encoded_piece(piece: Composition, encoding: BarsEncoding, key: str | None = None) -> EncodedSong:
    """Draw any piece in an encoding's windows: its melody, and the tracks that are named as the encoding's are.

    A track that the piece lacks is silent, and one of another name is not heard.

    Parameters
    ----------
    piece : Composition
        As a GAN makes them: tracks "Melody", "Drums", "Bass" …; the melody is found as `melody_of` finds it.
    encoding : BarsEncoding
    key : str, optional
        "G minor"; estimated from the notes unless told otherwise.

    Raises
    ------
    ValueError
        When the piece has no melody, or `key` is none.
    """
    tonic, mode = find_key(piece) if key is None else read_key(key)
    shift, grid = shift_to_c(tonic), BarGrid.of(piece, encoding)
    melody = encoding.melody.draw(grid.place(melody_of(piece).notes), grid.steps, shift)
    notes = {track.name.lower(): track.notes for track in piece.tracks}
    tracks = encoding.join(
        window.draw(grid.place(notes.get(window.role, ())), grid.steps, shift) for window in encoding.tracks
    )
    return EncodedSong(piece.title, melody.astype(np.uint8), tracks.astype(np.uint8), shift, grid.bars, bool(mode))


def track_on_grid(song: Song, role: str, encoding: BarsEncoding) -> Placed:
    """Return the notes of a role in steps of the encoding; keys stand in for a guitar, and the other way round.

    Raises
    ------
    ValueError
        When the song has neither.
    """
    roles = [track.role for track in song.tracks]
    found = role if role in roles else STAND_INS.get(role)
    if found not in roles:
        raise ValueError(f"The song {song.name!r} has no track {role!r}; it has {', '.join(roles)}.")
    return resampled(song.track_notes(found), TICKS_PER_BEAT, encoding.steps_per_beat)


def chorale_songs(split: str | None = None) -> list[Song]:
    """Return Bach's chorales in 4/4 as songs: the soprano is the melody, alto, tenor and bass accompany.

    A pickup is the end of a bar that begins with silence. A chorale whose metre changes ends with the bar before; the
    few in 3/4 and 3/2 are left out.

    Parameters
    ----------
    split : {"train", "validation", "test"} or None
        None gives all that are in a split.
    """
    load_dataset(CHORALES).pieces(split)  # refuses a split that is not there
    wanted = SPLITS if split is None else (split,)
    return [
        _chorale_song(piece, index)  # the index among all, so that a chorale's fold is the same whatever is asked for
        for index, piece in enumerate(load_dataset(CHORALES).pieces())
        if piece.split in wanted and piece.metre == (4, 4)
    ]


def _chorale_song(piece: Piece, index: int) -> Song:
    ticks = TICKS_PER_BEAT // piece.steps_per_beat
    end = min([piece.steps, *(step for step, _, _ in piece.metre_changes)])
    lead = -piece.pickup * ticks % TICKS_PER_BAR  # the silence before a pickup
    notes = piece.notes[piece.notes[:, 0] < end].copy()
    notes[:, 2] = np.minimum(notes[:, 2], end - notes[:, 0]) * ticks
    notes[:, 0] = notes[:, 0] * ticks + lead
    return Song(
        name=piece.name,
        notes=sorted_notes(notes),
        bars=-(-(end * ticks + lead) // TICKS_PER_BAR),
        tracks=CHORALE_TRACKS,
        key=piece.key,
        family=index,
        fold=index % FOLDS,
        split=piece.split,
    )


def songs_of(name: str, split: str | None = None) -> list[Song]:
    """Return the songs of a dataset by its name, or of several joined by "+", such as "rock+rock_arranged".

    Parameters
    ----------
    name : str
        "bach_chorales" (see `chorale_songs`), or any dataset of songs.
    split : {"train", "validation", "test"} or None

    Raises
    ------
    ValueError
        When there is no such dataset or split.
    """
    songs: list[Song] = []
    for part in name.split("+"):
        songs += chorale_songs(split) if part == CHORALES else load_dataset(part).songs(split)
    return songs
