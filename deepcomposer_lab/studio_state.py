"""The Music studio's state as plain values: a fresh one, what a draft may be, and a line of the drawer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from deepcomposer_lab import library, studio_catalogue
from deepcomposer_lab.music.composition import Composition, as_composition
from deepcomposer_lab.music.plain import from_plain, titled_plain
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.studio_catalogue import GRID, PITCH, TEMPO

FIRST_MELODY = "ode_to_joy"

SETTINGS: dict[str, Any] = {
    "rhythm_assist": False,
    "grid": 0.25,
    "strength": 1.0,
    "triplets": False,
    "tempo": None,  # as the piece has it
    "pitch": 0,
    "trim": None,
}
# Notes in the picture of a composition, by its place in the list: a long list must not swell a saved notebook.
_PICTURE_NOTES = ((60, 240), (300, 60), (float("inf"), 20))


class StudioError(ValueError):
    """What the studio cannot do just now, in a sentence."""


def idle_run() -> dict[str, Any]:
    """Return what is told of a run before there is one."""
    return {
        "state": "idle",
        "number": 0,
        "technique": None,
        "seconds_left": None,
        "words": "",
        "error": None,
        "result_id": None,
        "seed": None,  # that it was composed from, so that it, or one track of it, can come again
    }


def fresh_state(piece: Composition | None) -> dict[str, Any]:
    """Return the state of a studio that begins with a piece, or with a sample melody where there is none."""
    chosen = as_composition(sample_melody(FIRST_MELODY)) if piece is None else piece
    return {
        "step": 1,
        "source": "sample" if piece is None else "import",
        "input": titled_plain(chosen),
        "input_id": None,
        "settings": {**deepcopy(SETTINGS), "tempo": first_bpm(chosen)},
        "technique": {"name": "ar-cnn", "algorithm": None, "model": None, "parameters": {}, "seed": None},
        "result_id": None,
        "edits": None,  # of a composition, by hand, not kept yet: {"id", "piece"}
        "mix": None,  # of a composition: {"id", "tracks": [{"muted", "soloed", "volume"}]}
        "saved_at": None,
    }


def restored_state(draft: Mapping[str, Any]) -> dict[str, Any]:
    """Return a draft's state; a damaged one gives a fresh state."""
    try:
        state = merged_state(fresh_state(None), draft)
        piece_of(state["input"])
        check_state(state)
    except (ValueError, TypeError, LookupError, AttributeError):
        return fresh_state(None)
    if state["result_id"] is not None:
        try:
            library.find_composition(state["result_id"])
        except library.LibraryError:
            state["result_id"] = None
            state["step"] = min(state["step"], 2)
    return state


def merged_state(state: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return `state` with `patch`: settings and technique merged, all else replaced; no unknown name is taken."""
    unknown = set(patch) - set(state)
    if unknown:
        raise StudioError(f"The studio knows no {sorted(unknown)[0]!r}.")
    merged = {**state, **patch}
    for name in ("settings", "technique"):
        if name in patch:
            merged[name] = {**state[name], **patch[name]}
    return merged


def check_state(state: Mapping[str, Any]) -> None:
    """Refuse a state that a later step could only stumble over."""
    from deepcomposer_lab.studio import find_technique

    if state["step"] not in (1, 2, 3):
        raise StudioError(f"The studio's steps are 1, 2 and 3; got {state['step']!r}.")
    find_technique(state["technique"]["name"])
    settings = state["settings"]
    tempo, pitch, trim = settings["tempo"], settings["pitch"], settings["trim"]
    if tempo is not None and not (_is_number(tempo) and TEMPO[0] <= tempo <= TEMPO[1]):
        raise StudioError(f"The tempo lies in {TEMPO[0]}–{TEMPO[1]} beats a minute; got {_told(tempo)}.")
    if not (_is_number(pitch) and PITCH[0] <= pitch <= PITCH[1] and pitch == int(pitch)):
        raise StudioError(f"The pitch is moved by whole semitones, {PITCH[0]} to +{PITCH[1]}; got {_told(pitch)}.")
    if not (_is_number(settings["grid"]) and GRID[0] <= settings["grid"] <= GRID[1]):
        raise StudioError(f"Rhythm assist's grid lies in 1/64–16 beats; got {_told(settings['grid'])}.")
    if not (_is_number(settings["strength"]) and 0 <= settings["strength"] <= 1):
        raise StudioError(f"Rhythm assist's strength lies in 0–1; got {_told(settings['strength'])}.")
    if trim is not None and not (
        isinstance(trim, list | tuple) and len(trim) == 2 and all(map(_is_number, trim)) and 0 <= trim[0] < trim[1]
    ):
        raise StudioError(f"The trim is [start, end] in beats, 0 ≤ start < end, or None; got {trim!r}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else repr(value)


def first_bpm(piece: Composition) -> float:
    """Return a piece's first tempo, within the studio's limits."""
    return min(TEMPO[1], max(TEMPO[0], round(piece.tempos[0].bpm)))


def is_in_reach(piece: Composition) -> bool:
    """Return whether a piece's first tempo lies within the studio's limits."""
    return TEMPO[0] <= round(piece.tempos[0].bpm) <= TEMPO[1]


def piece_of(values: Mapping[str, Any]) -> Composition:
    """Return the piece that plain values tell of.

    Raises
    ------
    ValueError, TypeError, LookupError
        When they tell of none.
    """
    return from_plain(values, str(values.get("title") or "Untitled"))


def lineage_of(piece: Composition) -> list[str]:
    """Return how a piece came to be, a label a step: ["AR-CNN, AutoregressiveCNN Bach", "Edited by hand"]."""
    labels = []
    for step in piece.steps:
        if step.technique == "edit":
            labels.append("Edited by hand")
            continue
        name = studio_catalogue.technique_label(step.technique)
        labels.append(f"{name}, {studio_catalogue.short_label(step.model)}" if step.model else name)
    return labels


def drawer_entry(saved: library.SavedComposition, piece: Composition) -> dict[str, Any]:
    """Return a line of the drawer."""
    lineage = lineage_of(piece)
    return {
        "id": saved.id,
        "title": saved.title,
        "how": lineage[-1] if lineage else "Input track",
        "is_input": not lineage,
        "created": saved.created.isoformat(),
        "parents": list(saved.parents),
        "seconds": round(piece.seconds, 1),
        "bars": max(0, len(piece.bars) - (piece.pickup > 0)),
        "picture": _picture(piece),
    }


def _picture(piece: Composition) -> dict[str, Any]:
    rows = [
        [index, round(note.onset, 3), note.pitch, round(note.duration, 3)]
        for index, track in enumerate(piece.tracks)
        for note in track.notes
    ]
    pitches = [row[2] for row in rows] or [60]
    picture = {"notes": rows, "end": piece.end, "low": min(pitches), "high": max(pitches)}
    return thinned_picture(picture, 0)


def thinned_picture(picture: dict[str, Any], place: int) -> dict[str, Any]:
    """Return a picture with as many notes as its place in the list allows."""
    most = next(notes for places, notes in _PICTURE_NOTES if place < places)
    stride = max(1, -(-len(picture["notes"]) // most))
    return picture if stride == 1 else {**picture, "notes": picture["notes"][::stride]}
