"""Songs or scores kept as a dataset that `load_dataset` finds: a folder with an .npz and a card.

songs, report = dataset_from_midi("my_midi_files")
save_songs("datasets/mine", songs, title="My own files", licence="mine")
load_dataset("mine")            # with DEEPCOMPOSER_LAB_DATASETS=datasets
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from deepcomposer_lab.datasets.scores import TICKS_PER_BEAT as SCORE_TICKS_PER_BEAT
from deepcomposer_lab.datasets.scores import Score, check_score, scores_to_arrays
from deepcomposer_lab.datasets.songs import (
    FOLDS,
    SPLITS,
    TICKS_PER_BAR,
    TICKS_PER_BEAT,
    Song,
    check_song,
    songs_to_arrays,
)
from deepcomposer_lab.music.files import write_atomically


def save_songs(folder: str | os.PathLike[str], songs: Sequence[Song], **about: Any) -> dict[str, Any]:
    """Write songs as a dataset; the folder's name is the dataset's.

    Parameters
    ----------
    folder : path
        Made where it is missing. `<name>.npz` and `card.json` in it are replaced.
    songs : sequence of Song
        At least one; all with the same tracks.
    **about
        What the card says besides: title, origin, licence, …

    Returns
    -------
    dict
        The card as it was written.

    Raises
    ------
    ValueError
        When there is no song, tracks differ, or a song is damaged.
    """
    for song in songs:
        check_song(song)
    return _save(folder, songs_to_arrays(songs), TICKS_PER_BEAT, count_songs(songs), about)


def save_scores(folder: str | os.PathLike[str], scores: Sequence[Score], **about: Any) -> dict[str, Any]:
    """Write scores as a dataset; the folder's name is the dataset's.

    Parameters
    ----------
    folder : path
        Made where it is missing. `<name>.npz` and `card.json` in it are replaced.
    scores : sequence of Score
        At least one.
    **about
        What the card says besides: title, origin, licence, …

    Returns
    -------
    dict
        The card as it was written.

    Raises
    ------
    ValueError
        When there is no score, one is damaged, or the scores of a work are in two splits.
    """
    split_of: dict[str, str] = {}
    for score in scores:
        check_score(score)
        if split_of.setdefault(score.work, score.split) != score.split:
            raise ValueError(
                f"{score.work!r} is in two splits; a work belongs in one, or it is tested on what it knows."
            )
    return _save(folder, scores_to_arrays(scores), SCORE_TICKS_PER_BEAT, count_scores(scores), about)


def _save(
    folder: str | os.PathLike[str],
    arrays: dict[str, np.ndarray],
    ticks_per_beat: int,
    counts: dict[str, Any],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Write arrays and their card; return the card."""
    # Column after column in the file: equal bytes stand together, and it packs into half the size.
    arrays["notes"] = np.asfortranarray(arrays["notes"])
    stream = BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    data = stream.getvalue()
    root = Path(folder).expanduser()
    name = root.resolve().name
    card = {
        "name": name,
        **about,
        "sha256": hashlib.sha256(data).hexdigest(),
        "arrays_sha256": arrays_digest(arrays),
        "bytes": len(data),
        "ticks_per_beat": ticks_per_beat,
        "counts": counts,
    }
    root.mkdir(parents=True, exist_ok=True)
    write_atomically(root / f"{name}.npz", data)
    write_atomically(root / "card.json", json_lines(card).encode())
    return card


def count_songs(songs: Sequence[Song]) -> dict[str, Any]:
    """Return what a dataset of songs is held to.

    Songs, bars, notes, tune families; songs in each split, bars in each fold; and of every track its notes, the songs
    that have any, the bars in which one begins, and its lowest and highest pitch.
    """
    tracks: dict[str, Any] = {}
    for track in songs[0].tracks if songs else ():
        own = [song.track_notes(track.role) for song in songs]
        pitches = np.concatenate(own)[:, 1]
        tracks[track.role] = {
            "notes": len(pitches),
            "songs": sum(len(notes) > 0 for notes in own),
            "bars": sum(len(np.unique(notes[:, 0] // TICKS_PER_BAR)) for notes in own),
            "range": [int(pitches.min()), int(pitches.max())] if len(pitches) else None,
        }
    fold_bars: Counter[int] = Counter()
    for song in songs:
        fold_bars[song.fold] += song.bars
    return {
        "songs": len(songs),
        "bars": sum(song.bars for song in songs),
        "notes": sum(len(song.notes) for song in songs),
        "families": len({song.family for song in songs}),
        "splits": {split: sum(song.split == split for song in songs) for split in SPLITS},
        "fold_bars": [fold_bars[fold] for fold in range(FOLDS)],
        "tracks": tracks,
    }


def count_scores(scores: Sequence[Score]) -> dict[str, Any]:
    """Return what a dataset of scores is held to.

    Scores, works, bars, notes; scores and notes of each kind in each split; how many scores have how many parts.
    """
    kinds: dict[str, dict[str, dict[str, int]]] = {}
    for score in scores:
        by_split = kinds.setdefault(score.kind, {split: {"scores": 0, "notes": 0} for split in SPLITS})
        by_split[score.split]["scores"] += 1
        by_split[score.split]["notes"] += len(score.notes)
    parts = Counter(len(score.parts) for score in scores)
    return {
        "scores": len(scores),
        "works": len({score.work for score in scores}),
        "bars": sum(len(score.bars) for score in scores),
        "notes": sum(len(score.notes) for score in scores),
        "kinds": kinds,
        "parts": {str(count): parts[count] for count in sorted(parts)},
    }


def arrays_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Return a sha256 over the arrays' names, types, shapes and values, whatever compressed the file around them."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def json_lines(value: Mapping[str, Any]) -> str:
    """Return JSON with one line an entry of the inner mappings and lists, so that a change shows as a line."""
    parts = []
    for name, inner in value.items():
        text = json.dumps(inner, ensure_ascii=False)
        if isinstance(inner, dict) and any(isinstance(item, (dict, list)) for item in inner.values()):
            rows = (f"    {json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in inner.items())
            text = "{\n" + ",\n".join(rows) + "\n  }"
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            text = "[\n" + ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in inner) + "\n  ]"
        parts.append(f"  {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
