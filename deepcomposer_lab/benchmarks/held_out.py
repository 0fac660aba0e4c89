"""The excerpts that GANs are measured on: eight bars of songs that training never heard.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.accompaniment import Excerpt
from deepcomposer_lab.datasets import Song
from deepcomposer_lab.encoding.bars import SOUND, BarsEncoding
from deepcomposer_lab.training.song_planes import BytePlanes, EncodedSong, encoded_song, songs_of

BARS = 8
LEAST_SUNG = 4  # bars of an excerpt in which the melody plays


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Excerpts, as planes and as notes.

    Parameters
    ----------
    encoding : BarsEncoding
    melodies, tracks : list of ndarray, uint8
        (2, M, steps) and (2, R, steps) of each.
    excerpts : list of Excerpt
        The same, read as notes.
    """

    encoding: BarsEncoding
    melodies: list[BytePlanes] = field(repr=False)
    tracks: list[BytePlanes] = field(repr=False)
    excerpts: list[Excerpt] = field(repr=False)

    @property
    def songs(self) -> NDArray[np.int64]:
        """Which song each is from."""
        return np.array([excerpt.song for excerpt in self.excerpts])

    def with_tracks(self, tracks: Sequence[BytePlanes]) -> list[Excerpt]:
        """Return the excerpts with other accompaniments."""
        return [
            Excerpt.of(melody, planes, self.encoding, minor=excerpt.minor, song=excerpt.song)
            for melody, planes, excerpt in zip(self.melodies, tracks, self.excerpts, strict=True)
        ]


def held_out(
    data: str | Sequence[Song], encoding: BarsEncoding, *, pieces: int, split: str = "test", bars: int = BARS
) -> HeldOut:
    """Choose excerpts from the held-out songs of a dataset, at most `pieces`.

    Parameters
    ----------
    data : str or sequence of Song
        A name that `songs_of` knows, or songs.
    encoding : BarsEncoding
    pieces : int
        Spread over the songs; in each song chance, the same every time, chooses the windows. The first ones would not
        do: arrangements begin thinly, and a model that learnt from all bars would be blamed for it.

    Raises
    ------
    ValueError
        When there are fewer than two songs with an excerpt.
    """
    songs = songs_of(data, split) if isinstance(data, str) else data
    candidates = []
    for song in songs:
        encoded = encoded_song(song, encoding)
        starts = windows(encoded, encoding, bars)
        if starts:
            candidates.append((encoded, starts))
    if len(candidates) < 2:
        raise ValueError(f"Two songs with {bars} bars of melody are needed; there are {len(candidates)}.")
    chosen = [candidates[index] for index in _spread(len(candidates), pieces)]
    melodies, tracks, excerpts = [], [], []
    random = np.random.default_rng(0)
    width = bars * encoding.steps_per_bar
    for number, (song_planes, starts) in enumerate(chosen):
        for start in sorted(random.permutation(starts)[: max(1, pieces // len(chosen))].tolist()):
            part = slice(start, start + width)
            melody, planes = song_planes.melody[..., part], song_planes.tracks[..., part]
            melodies.append(melody)
            tracks.append(planes)
            excerpts.append(Excerpt.of(melody, planes, encoding, minor=song_planes.minor, song=number))
    return HeldOut(encoding, melodies, tracks, excerpts)


def joined(parts: Sequence[HeldOut]) -> HeldOut:
    """Return the excerpts of several, each with at least one and all of the same encoding; songs are numbered anew."""
    excerpts, songs = [], 0
    for part in parts:
        excerpts += [replace(excerpt, song=excerpt.song + songs) for excerpt in part.excerpts]
        songs += int(part.songs.max()) + 1
    return HeldOut(
        parts[0].encoding,
        [melody for part in parts for melody in part.melodies],
        [tracks for part in parts for tracks in part.tracks],
        excerpts,
    )


def windows(song: EncodedSong, encoding: BarsEncoding, bars: int = BARS) -> list[int]:
    """Return the steps at which excerpts of a song may start: every eighth bar, where there is something to hear."""
    width = bars * encoding.steps_per_bar
    found = []
    for start in range(0, song.bars * encoding.steps_per_bar - width + 1, width):
        part = slice(start, start + width)
        sung = song.melody[SOUND, :, part].any(axis=0).reshape(bars, -1).any(axis=1).sum()
        if sung >= LEAST_SUNG and song.tracks[SOUND, :, part].any():
            found.append(start)
    return found


def _spread(there: int, wanted: int) -> list[int]:
    """Return at most `wanted` of the indices, evenly spread, the first among them."""
    return sorted({index * there // min(there, wanted) for index in range(min(there, wanted))})
