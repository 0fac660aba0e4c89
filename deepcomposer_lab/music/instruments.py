"""The instruments of General MIDI, by name."""

from __future__ import annotations

import difflib
import re

from deepcomposer_lab.music.checks import shown
from deepcomposer_lab.music.note import checked_program


def instrument_names() -> tuple[str, ...]:
    """Return the 128 instruments of General MIDI; a name's place is its program, from 0."""
    from pretty_midi.constants import INSTRUMENT_MAP

    return tuple(INSTRUMENT_MAP)


def program_of(instrument: str | int) -> int:
    """Return the General MIDI program, 0–127, of an instrument's name or number.

    Parameters
    ----------
    instrument : str or int
        "Acoustic Bass", in small or large letters and without caring for hyphens and brackets, or 32, or "32".

    Raises
    ------
    ValueError
        When there is no such instrument; the message names those that are called alike.
    """
    if not isinstance(instrument, str) or instrument.strip().lstrip("-").isdigit():
        if isinstance(instrument, bool):
            raise ValueError(f"An instrument is a General MIDI name or program; got {shown(instrument)}.")
        return checked_program(int(instrument) if isinstance(instrument, str) else instrument)
    names = instrument_names()
    plain = [_plain(name) for name in names]
    wanted = _plain(instrument)
    if wanted in plain:
        return plain.index(wanted)
    within = [name for name, simple in zip(names, plain, strict=True) if wanted and wanted in simple]
    close = [names[plain.index(simple)] for simple in difflib.get_close_matches(wanted, plain, n=4, cutoff=0.5)]
    alike = list(dict.fromkeys([*close, *within]))[:6]
    said = f" Called alike: {', '.join(alike)}." if alike else " One is called Acoustic Grand Piano."
    raise ValueError(f"General MIDI has no instrument {shown(instrument)}.{said}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()
