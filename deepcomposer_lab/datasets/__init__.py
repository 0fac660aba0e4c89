"""Datasets: what the models learn from and are tested on, as arrays and as pieces.

    dataset = load_dataset("bach_chorales")
    for piece in dataset.pieces("train"):
        piece.notes            # int64 (n, 4): onset step, MIDI pitch, duration in steps, voice
        piece.to_composition() # the same as music

Three kinds: chorales, whose pieces are four voices; songs (songs.py), whose tracks stand in their arrays,
`load_dataset("rock").songs("train")`; and scores (scores.py), for any parts in any metre,
`load_dataset("classical").scores("train")`. Some songs are made when they are asked for: arranged.py gives the folk
tunes a band, under the names "pop", "jazz" and "rock_arranged". `dataset_from_midi(folder)` makes songs of anyone's own
MIDI files, `load_lakh_pianorolls(folder)` of the Lakh Pianoroll Dataset, and `save_songs(folder, songs)` keeps them as
a dataset, as `save_scores` does scores.

A dataset is a folder `<name>/` with `<name>.npz` (plain arrays, nothing pickled) and `card.json` (origin, licence,
counts, sha256). The folders are looked for in $DEEPCOMPOSER_LAB_DATASETS where it is set, in the installed package,
and in `datasets/` of a checkout, in this order. How one was made is told by its README.md and done by its prepare.py.
"""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from deepcomposer_lab.datasets.arranged import STYLE_OF, TUNES, arranged_dataset, arranged_summary
from deepcomposer_lab.datasets.lakh import load_lakh_pianorolls
from deepcomposer_lab.datasets.midi_folder import FileReport, FolderReport, dataset_from_midi
from deepcomposer_lab.datasets.saving import save_scores, save_songs
from deepcomposer_lab.datasets.scores import Score, scores_from_arrays
from deepcomposer_lab.datasets.songs import SPLITS, Song, songs_from_arrays
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.note import Note

__all__ = [
    "SPLITS",
    "VOICES",
    "Dataset",
    "FileReport",
    "FolderReport",
    "Piece",
    "Score",
    "Song",
    "dataset_from_midi",
    "dataset_summary",
    "list_datasets",
    "load_dataset",
    "load_lakh_pianorolls",
    "read_jsb",
    "read_jsb_frames",
    "save_scores",
    "save_songs",
]

VOICES = ("Soprano", "Alto", "Tenor", "Bass")
STEPS_PER_BEAT = 4

_PACKAGE = Path(__file__).resolve().parent.parent
_JSB_KEYS = {"train": "train", "validation": "valid", "test": "test"}
# What an array of arrays of numbers needs when it is unpickled, under numpy 1's and numpy 2's names.
_JSB_PICKLE_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


@dataclass(frozen=True, eq=False)
class Piece:
    """One piece on a grid of `steps_per_beat` steps a beat (quarter note).

    Parameters
    ----------
    name : str
        What the corpus calls it: "bwv66.6".
    notes : ndarray of int64, shape (n, 4)
        Columns onset step, MIDI pitch, duration in steps, voice (0 soprano, 1 alto, 2 tenor, 3 bass); sorted by onset,
        then voice. A voice's notes do not overlap.
    steps : int
        Length of the piece; no note ends later.
    metre : (int, int)
        Numerator and denominator at the start.
    pickup : int
        Steps before the first full bar; 0 where the piece starts with one.
    key : (int, int)
        Pitch class of the tonic (0 is C) and mode (0 major, 1 minor).
    split : str
        "train", "validation", "test" or "left out".
    heard_melody : bool
        Whether some training piece shares its melody. For a training piece: true, itself.
    metre_changes : tuple of (int, int, int)
        Step, numerator, denominator where the metre changes or its bars begin anew; most pieces have none.
    steps_per_beat : int
        4: a step is a sixteenth note.
    """

    name: str
    notes: np.ndarray = field(repr=False)
    steps: int
    metre: tuple[int, int]
    pickup: int
    key: tuple[int, int]
    split: str
    heard_melody: bool
    metre_changes: tuple[tuple[int, int, int], ...] = ()
    steps_per_beat: int = STEPS_PER_BEAT

    def to_composition(self) -> Composition:
        """Return the piece as music: a composition with the tracks Soprano, Alto, Tenor, Bass."""
        tracks = [
            Track(
                tuple(
                    Note(onset / self.steps_per_beat, int(pitch), duration / self.steps_per_beat)
                    for onset, pitch, duration, _ in self.notes[self.notes[:, 3] == voice]
                ),
                name,
            )
            for voice, name in enumerate(VOICES)
        ]
        changes = (MetreChange(step / self.steps_per_beat, top, bottom) for step, top, bottom in self.metre_changes)
        return Composition(
            tracks=tuple(tracks),
            metres=(MetreChange(0, *self.metre), *changes),
            pickup=self.pickup / self.steps_per_beat,
            title=self.name,
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset as it lies on disk: its card and its arrays, read-only.

    Parameters
    ----------
    name : str
        The name it was loaded by.
    card : dict
        `name`, `licence`, `origin`, `counts`, `splits`, `sha256` of the .npz and more; see the folder's README.md.
    arrays : mapping of str to ndarray
        Everything in the .npz; the layout is in the folder's README.md.
    """

    name: str
    card: dict[str, Any]
    arrays: Mapping[str, np.ndarray] = field(repr=False)

    def __len__(self) -> int:
        return len(self.arrays["names"])

    def pieces(self, split: str | None = None) -> list[Piece]:
        """Return the pieces of one split, or all of them, in the order of the arrays.

        Parameters
        ----------
        split : {"train", "validation", "test"} or None
            None gives every piece, also those that are in no split.

        Raises
        ------
        ValueError
            When there is no such split.
        """
        if self.is_songs:
            raise ValueError(f"{self.name!r} holds songs for several instruments: ask for its .songs().")
        if self.is_scores:
            raise ValueError(f"{self.name!r} holds scores for any parts: ask for its .scores().")
        if split is not None:
            _check_split(split)
        wanted = range(len(self)) if split is None else np.flatnonzero(self.arrays["split"] == SPLITS.index(split))
        return [self._piece(int(index)) for index in wanted]

    @property
    def is_songs(self) -> bool:
        """Whether it holds songs for several instruments instead of four-part chorales."""
        return "tracks" in self.arrays

    def songs(self, split: str | None = None) -> list[Song]:
        """Return the songs of one split, or all of them, in the order of the arrays.

        Raises
        ------
        ValueError
            When there is no such split, or the dataset holds chorales or scores.
        """
        if self.is_scores:
            raise ValueError(f"{self.name!r} holds scores for any parts: ask for its .scores().")
        if not self.is_songs:
            raise ValueError(f"{self.name!r} holds four-part chorales: ask for its .pieces().")
        if split is not None:
            _check_split(split)
        return [song for song in songs_from_arrays(self.arrays) if split in (None, song.split)]

    @property
    def is_scores(self) -> bool:
        """Whether it holds scores for any parts in any metre."""
        return "bar_offsets" in self.arrays

    def scores(self, split: str | None = None) -> list[Score]:
        """Return the scores of one split, or all of them, in the order of the arrays.

        Raises
        ------
        ValueError
            When there is no such split, or the dataset holds chorales or songs.
        """
        if not self.is_scores:
            other = ".songs()" if self.is_songs else ".pieces()"
            raise ValueError(f"{self.name!r} holds no scores: ask for its {other}.")
        if split is not None:
            _check_split(split)
        return [score for score in scores_from_arrays(self.arrays) if split in (None, score.split)]

    def _piece(self, index: int) -> Piece:
        arrays = self.arrays
        start, end = arrays["offsets"][index : index + 2]
        changes = arrays["metre_changes"]
        return Piece(
            name=str(arrays["names"][index]),
            notes=arrays["notes"][start:end].astype(np.int64),
            steps=int(arrays["steps"][index]),
            metre=_pair(arrays["metre"][index]),
            pickup=int(arrays["pickup"][index]),
            key=_pair(arrays["key"][index]),
            split=(*SPLITS, "left out")[arrays["split"][index]],
            heard_melody=bool(arrays["heard_melody"][index]),
            metre_changes=tuple((int(a), int(b), int(c)) for i, a, b, c in changes if i == index),
        )


def list_datasets() -> list[str]:
    """Return the names that `load_dataset` takes."""
    names = {folder.name for root in _roots() if root.is_dir() for folder in root.iterdir() if _holds(folder)}
    return sorted(names | set(STYLE_OF if TUNES in names else ()))


def dataset_summary(name: str) -> tuple[int, str, str]:
    """Return how many pieces a dataset has, its title and its licence, sooner than loading it takes.

    Raises
    ------
    ValueError
        When there is none of this name.
    """
    if name in STYLE_OF and not any(_holds(root / name) for root in _roots()):
        return arranged_summary(name)
    dataset = load_dataset(name)
    return len(dataset), str(dataset.card.get("title", "")), str(dataset.card.get("licence", ""))


def load_dataset(name: str) -> Dataset:
    """Read a dataset by its name, such as "bach_chorales".

    Raises
    ------
    TypeError
        When `name` is no text.
    ValueError
        When there is none of this name; the message says which there are.
    """
    if not isinstance(name, str):
        raise TypeError(f'A dataset is named by a text such as "bach_chorales"; got {name!r}.')
    for root in _roots():
        if _holds(root / name):
            return _load(root / name)
    if name in STYLE_OF:
        return arranged_dataset(name)
    there = ", ".join(list_datasets()) or "none at all: the package's data files are missing"
    raise ValueError(f"There is no dataset called {name!r}. There is: {there}.")


def read_jsb_frames(path: str | os.PathLike[str]) -> dict[str, list[np.ndarray]]:
    """Read the public JSB chorales, `Jsb16thSeparated.npz` of czhuang/JSB-Chorales-dataset.

    The file holds arrays of arrays, which numpy stores as pickles; they are read by an unpickler that knows arrays of
    numbers and nothing else, so a doctored file cannot run code.

    Parameters
    ----------
    path : path
        The .npz file.

    Returns
    -------
    dict of str to list of ndarray
        For "train", "validation" and "test" (229, 76 and 77 pieces): int16 (T, 4), the MIDI pitch of soprano, alto,
        tenor and bass at each sixteenth, −1 for a rest.

    Raises
    ------
    ValueError
        When the file is missing, or not this one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pieces = {split: _unpickled_array(archive.read(f"{key}.npy")) for split, key in _JSB_KEYS.items()}
        return {split: [_frames(piece) for piece in found] for split, found in pieces.items()}
    except FileNotFoundError:
        raise ValueError(f"There is no file {os.fspath(path)!r}; expected the public Jsb16thSeparated.npz.") from None
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} is not the public Jsb16thSeparated.npz (arrays train, valid and test of (T, 4) "
            f"pitches): {error}. Was another file of that collection meant, or was the download cut off?"
        ) from None


def read_jsb(path: str | os.PathLike[str], split: str = "test") -> list[Piece]:
    """Read one split of the public JSB chorales as pieces.

    That file holds pitches alone. A held note and a repeated one look the same there, so equal neighbours become one
    note. Metre, pickup, key and whether training heard the melody come from the chorale of `bach_chorales` that is the
    same piece; where there is none they are unknown and given as 4/4, no pickup and C major. The public file starts
    with the first note, ours with the first bar, and the pickup is counted accordingly. Its repeats are written out in
    some pieces, so changes of metre are not carried over.

    Parameters
    ----------
    path : path
        Jsb16thSeparated.npz.
    split : {"train", "validation", "test"}
        229, 76 or 77 pieces.

    Returns
    -------
    list of Piece
        In the file's order, named "jsb-test-0" and so on.

    Raises
    ------
    ValueError
        When the file is not the public one, or there is no such split.
    """
    _check_split(split)
    frames = read_jsb_frames(path)[split]
    chorales = load_dataset("bach_chorales")
    partners = _jsb_partners(chorales, split)
    heard = chorales.arrays.get(f"jsb_{_JSB_KEYS[split]}_heard_melody")
    pieces = []
    for index, frame in enumerate(frames):
        partner = partners.get(index)
        if partner is None:
            metre, pickup, key = (4, 4), 0, (0, 0)
        else:
            metre, key = partner.metre, partner.key
            bar = metre[0] * 4 * STEPS_PER_BEAT // metre[1]
            pickup = (partner.pickup - int(partner.notes[0, 0])) % bar
        pieces.append(
            Piece(
                name=f"jsb-{split}-{index}",
                notes=_notes_of(frame),
                steps=len(frame),
                metre=metre,
                pickup=pickup,
                key=key,
                split=split,
                heard_melody=True if heard is None else bool(heard[index]),
            )
        )
    return pieces


def _roots() -> list[Path]:
    chosen = os.environ.get("DEEPCOMPOSER_LAB_DATASETS")
    return [*([Path(chosen).expanduser()] if chosen else []), _PACKAGE / "_datasets", _PACKAGE.parent / "datasets"]


def _holds(folder: Path) -> bool:
    """Say whether `folder` is a dataset: beside an installed package may lie somebody else's folder `datasets`."""
    return (folder / f"{folder.name}.npz").is_file() and (folder / "card.json").is_file()


@lru_cache(maxsize=4)
def _load(folder: Path) -> Dataset:
    with np.load(folder / f"{folder.name}.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for array in arrays.values():
        array.flags.writeable = False
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return Dataset(folder.name, card, MappingProxyType(arrays))


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"A split is one of {', '.join(SPLITS)}; got {split!r}.")


def _pair(array: np.ndarray) -> tuple[int, int]:
    return int(array[0]), int(array[1])


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _JSB_PICKLE_NAMES:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which no array of pitches needs")
        return super().find_class(module, name)


def _unpickled_array(data: bytes) -> np.ndarray:
    stream = BytesIO(data)
    np.lib.format.read_magic(stream)
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if not dtype.hasobject:
        raise ValueError("its arrays are not lists of pieces")
    return np.asarray(_ArrayUnpickler(stream, encoding="latin1").load(), dtype=object).reshape(shape[:1])


def _frames(piece: np.ndarray) -> np.ndarray:
    frames = np.asarray(piece, dtype=float)
    if frames.ndim != 2 or frames.shape[1] != len(VOICES):
        raise ValueError(f"a piece has the shape {frames.shape} instead of (T, {len(VOICES)})")
    return np.nan_to_num(frames, nan=-1).astype(np.int16)


def _notes_of(frames: np.ndarray) -> np.ndarray:
    """Return the notes of int (T, 4) frames, equal neighbours joined: int64 (n, 4), sorted like `Piece.notes`."""
    rows = []
    for voice, pitches in enumerate(frames.T.astype(np.int64)):
        starts = np.flatnonzero(np.diff(pitches, prepend=-2))
        lengths = np.diff(starts, append=len(pitches))
        sounding = pitches[starts] >= 0
        columns = (starts[sounding], pitches[starts][sounding], lengths[sounding])
        rows.append(np.column_stack([*columns, np.full(int(sounding.sum()), voice)]))
    notes = np.concatenate(rows).astype(np.int64)
    return notes[np.lexsort((notes[:, 3], notes[:, 0]))]


def _jsb_partners(chorales: Dataset, split: str) -> dict[int, Piece]:
    """Return {index in the JSB split: the same piece in our dataset}; of several, one that is in a split."""
    arrays = chorales.arrays
    found: dict[int, Piece] = {}
    for index in np.flatnonzero(arrays["jsb_split"] == SPLITS.index(split)):
        piece = chorales._piece(int(index))
        jsb_index = int(arrays["jsb_index"][index])
        if jsb_index not in found or found[jsb_index].split == "left out":
            found[jsb_index] = piece
    return found
