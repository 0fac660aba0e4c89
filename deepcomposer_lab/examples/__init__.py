"""The library of examples: eight compositions to hear before anything is composed here.

Each is a saved composition in the library's own format, beside its sound:

    the_fun_at_donnybrook.json   the composition, how it was made, and its numbers
    the_fun_at_donnybrook.mid    the notes, for any music program
    the_fun_at_donnybrook.opus   how it sounds

Which melodies they are made of was settled before anything was heard, by the rules in this folder's README.md;
`benchmarks/examples.py` makes and measures them. `tunes.json` holds the four melodies that are no sample melodies, as
`choose_tunes.py` read them.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepcomposer_lab import library
from deepcomposer_lab.library import LibraryError, SavedComposition
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

FOLDER = Path(__file__).parent
TUNES = FOLDER / "tunes.json"
SAMPLES = 4  # the first so many of the sample melodies, by the alphabet


@lru_cache(maxsize=1)
def _tunes() -> dict[str, Any]:
    return json.loads(TUNES.read_text(encoding="utf-8"))["tunes"]


def names() -> list[str]:
    """Return the examples' names: four sample melodies, then four tunes from elsewhere."""
    return [*list_sample_melodies()[:SAMPLES], *_tunes()]


def example_melody(name: str) -> Melody:
    """Return the melody that an example was made from.

    Parameters
    ----------
    name : str
        One of those that `list_examples()` shows as `id`.

    Raises
    ------
    ValueError
        When there is no such example; the message lists those there are.
    """
    _check(name)
    if name not in _tunes():
        return sample_melody(name)
    tune = _tunes()[name]
    return Melody(
        tuple(Note(*note) for note in tune["notes"]),
        metre=MetreChange(0, *tune["metre"]),
        pickup=tune["pickup"],
        title=tune["title"],
    )


def list_examples(directory: Path = FOLDER) -> list[SavedComposition]:
    """Return what is in the library of examples, in the order of `names()`.

    Each line's `id` is the example's name, its `metrics["listening"]` the numbers that were taken of it, and beside its
    `path` lie the MIDI and the Opus file.

    Lesson: notebooks/08_ar_cnn.ipynb.
    """
    paths = [Path(directory) / f"{name}.json" for name in names()]
    return [library.find_composition(path) for path in paths if path.is_file()]


def open_example(name: str | SavedComposition, directory: Path = FOLDER) -> Composition:
    """Return an example as a composition, with how it was made as its last step.

    >>> dc.play(dc.open_example("amazing_grace"))

    Parameters
    ----------
    name : str or SavedComposition
        A name, or a line of `list_examples()`.
    directory : path
        Where the examples lie: in the package unless told otherwise.

    Raises
    ------
    ValueError
        When there is no such example, it has not been made, or its file is damaged.

    Lesson: notebooks/08_ar_cnn.ipynb.
    """
    if isinstance(name, SavedComposition):
        return library.open_composition(name)
    _check(name)
    path = Path(directory) / f"{name}.json"
    if not path.is_file():
        raise LibraryError(f"The example {name!r} has not been made; `deepcomposer-lab examples --make` makes it.")
    return library.open_composition(path)


def _check(name: str) -> None:
    if name not in names():
        raise ValueError(f"There is no example {name!r}; there are {', '.join(names())}.")
