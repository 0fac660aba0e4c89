"""Sample melodies: something to compose with before a first own note is played."""

from __future__ import annotations

from importlib import resources

from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.midi import melody_of, read_midi

_FOLDER = resources.files("deepcomposer_lab.music") / "sample_melodies"


def list_sample_melodies() -> list[str]:
    """Return the names that `sample_melody` takes, in alphabetical order."""
    return sorted(entry.name.removesuffix(".mid") for entry in _FOLDER.iterdir() if entry.name.endswith(".mid"))


def sample_melody(name: str) -> Melody:
    """Return a melody in the public domain, read from the MIDI file of that name.

    Parameters
    ----------
    name : str
        One of `list_sample_melodies()`, such as "ode_to_joy".

    Raises
    ------
    ValueError
        When there is no such melody; the message lists those there are.
    """
    names = list_sample_melodies()
    if name not in names:
        raise ValueError(f"There is no sample melody {name!r}; choose one of {', '.join(names)}.")
    return melody_of(read_midi((_FOLDER / f"{name}.mid").read_bytes()))
