"""Arranged songs: the folk tunes with a band, in pop, jazz and rock.

    load_dataset("pop").songs("train")            # every training tune, arranged as pop: some seconds, once a process
    arranged_songs("jazz", "train", limit=200)    # the first two hundred: half a second

No band ever played them. Melodies are the tunes of `folk_tunes`; what accompanies them is made by the rules of
`music.arranging` when it is asked for, each tune with its index as seed, so that it is the same on every machine. A
model that learns from them learns those rules and their chances, and its figures say how well. Families, folds and
splits are those of the tunes.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcomposer_lab.datasets.saving import arrays_digest
from deepcomposer_lab.datasets.songs import SPLITS, TICKS_PER_BEAT, Song, SongTrack, songs_to_arrays
from deepcomposer_lab.music.arranging import ARRANGER_VERSION, arrange

if TYPE_CHECKING:
    from deepcomposer_lab.datasets import Dataset

TUNES = "folk_tunes"
STYLE_OF = {"jazz": "jazz", "pop": "pop", "rock_arranged": "rock"}
TRACKS = {
    "pop": (
        SongTrack("melody", 73),
        SongTrack("drums", 0, is_drum=True),
        SongTrack("bass", 33),
        SongTrack("keys", 0),
        SongTrack("strings", 48),
    ),
    "jazz": (
        SongTrack("melody", 65),
        SongTrack("drums", 0, is_drum=True),
        SongTrack("bass", 32),
        SongTrack("keys", 0),
        SongTrack("strings", 48),
    ),
    "rock_arranged": (
        SongTrack("melody", 80),
        SongTrack("drums", 0, is_drum=True),
        SongTrack("bass", 33),
        SongTrack("guitar", 27),
        SongTrack("strings", 48),
    ),
}


def arranged_songs(name: str, split: str | None = None, limit: int | None = None) -> list[Song]:
    """Return folk tunes as arranged songs, in the order of the tunes.

    Parameters
    ----------
    name : {"pop", "jazz", "rock_arranged"}
    split : {"train", "validation", "test"} or None
        None gives every song.
    limit : int or None
        How many at most; about two milliseconds each, the first time in a process.

    Raises
    ------
    ValueError
        When there is no such dataset or split, or the limit is negative.
    """
    if name not in STYLE_OF:
        raise ValueError(f"The arranged datasets are {', '.join(sorted(STYLE_OF))}; got {name!r}.")
    if split is not None and split not in SPLITS:
        raise ValueError(f"A split is one of {', '.join(SPLITS)}; got {split!r}.")
    if limit is not None and limit < 0:
        raise ValueError(f"A limit is 0 or more songs; got {limit}.")
    digest = _tunes_dataset().card["sha256"]
    wanted = [index for index, tune in enumerate(_tunes(digest)) if split in (None, tune.split)]
    return [_arranged(name, digest, index) for index in wanted[:limit]]


def arranged_dataset(name: str) -> Dataset:
    """Return one of the arranged datasets whole, as `load_dataset` does.

    Raises
    ------
    ValueError
        When there is none of this name, or the folk tunes are missing.
    """
    if name not in STYLE_OF:
        raise ValueError(f"The arranged datasets are {', '.join(sorted(STYLE_OF))}; got {name!r}.")
    return _dataset(name, _tunes_dataset().card["sha256"])


def arranged_summary(name: str) -> tuple[int, str, str]:
    """Return how many songs one of the arranged datasets has, its title and its licence; arranges nothing for it."""
    words = _words(name)
    return len(_tunes_dataset()), words["title"], words["licence"]


def _tunes_dataset() -> Dataset:
    from deepcomposer_lab.datasets import load_dataset

    return load_dataset(TUNES)


@lru_cache(maxsize=1)
def _tunes(digest: str) -> tuple[Song, ...]:
    """Return the tunes; `digest` tells one version of them from another."""
    return tuple(_tunes_dataset().songs())


@lru_cache(maxsize=10_000)
def _arranged(name: str, digest: str, index: int) -> Song:
    """Return one tune arranged. Its notes are read-only: whoever asks again gets the same."""
    tune = _tunes(digest)[index]
    made = arrange(tune.notes[:, :3], tune.bars, tune.key, STYLE_OF[name], seed=index)
    made.notes.flags.writeable = False
    return Song(
        name=tune.name,
        notes=made.notes,
        bars=tune.bars,
        tracks=TRACKS[name],
        key=tune.key,
        tempo=made.tempo,
        family=tune.family,
        fold=tune.fold,
        split=tune.split,
    )


@lru_cache(maxsize=len(STYLE_OF))
def _dataset(name: str, digest: str) -> Dataset:
    from deepcomposer_lab.datasets import Dataset

    arrays = songs_to_arrays([_arranged(name, digest, index) for index in range(len(_tunes(digest)))])
    for array in arrays.values():
        array.flags.writeable = False
    return Dataset(name, _card(name, arrays), MappingProxyType(arrays))


def _words(name: str) -> dict[str, Any]:
    style = STYLE_OF[name]
    return {
        "name": name,
        "title": f"Folk tunes arranged as {style}",
        "arranged": True,
        "origin": f"ARRANGED, not played: the melodies are the tunes of {TUNES}; drums, bass, chords and strings were "
        f"made by the rules of this project's arranger, version {ARRANGER_VERSION}, in the style {style!r}, each tune "
        "with its index as seed.",
        "licence": "The arrangements are this project's own, under the MIT licence. Of the tunes: "
        f"{_tunes_dataset().card['licence']}",
    }


def _card(name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    tunes = _tunes_dataset().card
    return {
        **_words(name),
        "arranger_version": ARRANGER_VERSION,
        "tunes": {"name": TUNES, "sha256": tunes["sha256"], "arrays_sha256": tunes["arrays_sha256"]},
        # There is no file: this is over the values.
        "sha256": arrays_digest(arrays),
        "ticks_per_beat": TICKS_PER_BEAT,
        "counts": {
            "songs": len(arrays["names"]),
            "notes": len(arrays["notes"]),
            "bars": int(arrays["bars"].sum()),
            "families": len(np.unique(arrays["family"])),
        },
        "splits": {split: int((arrays["split"] == SPLITS.index(split)).sum()) for split in SPLITS},
    }
