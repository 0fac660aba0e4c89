"""Music as plain values, and back: what JSON keeps, in the library's files and on the way to the browser.

A composition becomes `{"pickup", "tempos", "metres", "tracks", "steps"}`: `tempos` are [onset, bpm], `metres` [onset,
numerator, denominator], `tracks` hold `name`, `program`, `is_drum` and `notes` as [onset, pitch, duration, velocity],
`steps` the fields of `CompositionStep`. Times are in beats. The title is kept beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from deepcomposer_lab.music.composition import Composition, CompositionStep, Track
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.note import Note


def to_plain(composition: Composition) -> dict[str, Any]:
    """Return a composition in the types that JSON gives back; its title stays outside.

    Raises
    ------
    TypeError, ValueError
        When a step's parameters hold more than plain values, or an infinite number.
    """
    return {
        "pickup": composition.pickup,
        "tempos": [[change.onset, change.bpm] for change in composition.tempos],
        "metres": [[change.onset, change.numerator, change.denominator] for change in composition.metres],
        "tracks": [
            {
                "name": track.name,
                "program": track.program,
                "is_drum": track.is_drum,
                "notes": [[note.onset, note.pitch, note.duration, note.velocity] for note in track.notes],
            }
            for track in composition.tracks
        ],
        "steps": [
            {field.name: plain_value(getattr(step, field.name), field.name) for field in fields(step)}
            for step in composition.steps
        ],
    }


def titled_plain(composition: Composition) -> dict[str, Any]:
    """Return a composition as a page gets it: its plain values with the title among them.

    Raises
    ------
    TypeError, ValueError
        As `to_plain`.
    """
    return {**to_plain(composition), "title": composition.title}


def from_plain(values: Mapping[str, Any], title: str) -> Composition:
    """Return the composition that `to_plain` gave; `steps` may be missing.

    Raises
    ------
    TypeError, ValueError
        In plain words, what is wrong with the values.
    """
    return Composition(
        tracks=tuple(_decode_track(track) for track in parts(values, "tracks", dict)),
        tempos=tuple(TempoChange(*_row(change, "tempos", 2)) for change in parts(values, "tempos", list)),
        metres=tuple(MetreChange(*_row(change, "metres", 3)) for change in parts(values, "metres", list)),
        pickup=part(values, "pickup", int | float),
        title=title,
        steps=tuple(_decode_step(step) for step in parts(values, "steps", dict)) if "steps" in values else (),
    )


def _decode_track(values: Mapping[str, Any]) -> Track:
    return Track(
        notes=tuple(Note(*_row(note, "notes", 4)) for note in parts(values, "notes", list)),
        name=part(values, "name", str),
        program=part(values, "program", int),
        is_drum=part(values, "is_drum", bool),
    )


def _decode_step(values: Mapping[str, Any]) -> CompositionStep:
    texts: dict[str, Any] = {
        name: part(values, name, str) for name in ("technique", "model", "version", "weights_sha256", "package_version")
    }
    seed = values.get("seed")
    return CompositionStep(
        **texts,
        parameters=part(values, "parameters", dict),
        seed=None if seed is None else part(values, "seed", int),
        remarks=tuple(parts(values, "remarks", str)),
    )


_KINDS = {
    dict: "a group of named values",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    int | float: "a number",
}


def part(values: Mapping[str, Any], name: str, kind: Any) -> Any:
    """Return a value of a JSON object, which must be of a kind."""
    if name not in values:
        raise ValueError(f"{name!r} is missing")
    return checked_kind(values[name], kind, repr(name))


def parts(values: Mapping[str, Any], name: str, kind: Any) -> list[Any]:
    """Return a list of a JSON object, whose items must be of a kind."""
    return [checked_kind(item, kind, f"an item of {name!r}") for item in part(values, name, list)]


def _row(row: list[Any], name: str, length: int) -> list[Any]:
    if len(row) != length:
        raise ValueError(f"an item of {name!r} has {len(row)} numbers instead of {length}")
    return [checked_kind(number, int | float, f"a number of {name!r}") for number in row]


def checked_kind(value: Any, kind: Any, where: str) -> Any:
    """Return `value`, which must be of a kind; True and False are no numbers."""
    is_right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not is_right:
        raise ValueError(f"{where} should be {_KINDS[kind]}, and is {json.dumps(value)[:40]}")
    return value


def plain_value(value: Any, where: str) -> Any:
    """Return `value` in the types JSON gives back.

    Raises
    ------
    TypeError, ValueError
        For another kind of value, or an infinite number.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} holds {value}, which a file cannot keep; use None for a value that is missing.")
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain_value(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item, where) for item in value]
    if callable(getattr(value, "item", None)):  # a number of numpy's
        return plain_value(value.item(), where)
    raise TypeError(
        f"{where} holds a {type(value).__name__}; the library keeps numbers, text, None, lists and mappings."
    )
