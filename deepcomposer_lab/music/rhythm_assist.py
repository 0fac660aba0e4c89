"""Rhythm assist: correct the timing of notes that were played a little early or late."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from deepcomposer_lab.music.checks import checked_number
from deepcomposer_lab.music.composition import Composition, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note

Music = TypeVar("Music", Melody, Composition)

_STEPS_PER_SPAN = 4  # a span is where one grid is chosen: a beat at the default grid
_TRIPLET_STEPS_PER_SPAN = 3
_FINEST_GRID, _WIDEST_GRID = 1 / 64, 16.0  # beats; a finer one changes nothing that is heard, and takes long
_EPSILON = 1e-9  # beats


def rhythm_assist(melody: Music, grid: float = 0.25, *, strength: float = 1.0, triplets: bool = False) -> Music:
    """Return the music with onsets and ends moved onto a grid of beats.

    The grid starts at the first full bar, so that a pickup is aligned to the beats behind it. A note keeps
    at least one grid step, so none vanishes; where two notes of one pitch in one track come to start
    together, the longer is kept (of equal ones, the louder).

    Parameters
    ----------
    melody : Melody or Composition
        What was played; of a composition every track, drums included.
    grid : float
        Distance of the grid lines, in beats, 1/64–16; 1/4 is a sixteenth note.
    strength : float
        0–1, the share of the way to the grid: 1 is exactly on it, 0 changes nothing.
    triplets : bool
        Also admit triplets: within every four grid steps (a beat at the default grid) either the four
        straight lines or three triplet lines hold, whichever lie closer to the onsets played there (least
        squares; the straight ones when equal; the ends decide where the onsets fit both as well).

    Returns
    -------
    Melody or Composition
        The type that was given, with all else kept.

    Raises
    ------
    ValueError
        When `grid` lies outside 1/64–16 beats or `strength` outside 0–1.
    TypeError
        When `melody` is neither a Melody nor a Composition.
    """
    grid = checked_number(grid, "Rhythm assist's grid")
    strength = checked_number(strength, "Rhythm assist's strength")
    if not _FINEST_GRID <= grid <= _WIDEST_GRID:
        raise ValueError(
            f"The distance of the grid lines lies in 1/64–16 beats (1/4 is a sixteenth note); got a grid of {grid:g}."
        )
    if not 0 <= strength <= 1:
        raise ValueError(f"Rhythm assist's strength lies in 0–1; got {strength}.")
    composition = as_composition(melody)
    if strength == 0:
        return melody
    tracks = tuple(
        track.with_notes(_assisted(track.notes, grid, composition.pickup, strength, triplets))
        for track in composition.tracks
    )
    if isinstance(melody, Melody):
        return cast(Music, melody.with_notes(tracks[0].notes))
    return cast(Music, composition.with_tracks(tracks))


def _assisted(notes: Sequence[Note], grid: float, pickup: float, strength: float, triplets: bool) -> Iterable[Note]:
    lines = _grid_lines(notes, grid, pickup, triplets)
    kept: dict[tuple[float, int], Note] = {}
    for note in notes:
        start = _nearest(lines, note.onset)
        end = max(_nearest(lines, note.offset), start + 1)
        onset = (1 - strength) * note.onset + strength * lines[start]
        duration = (1 - strength) * note.duration + strength * (lines[end] - lines[start])
        moved = replace(note, onset=onset, duration=duration)
        rival = kept.get((onset, note.pitch))
        if rival is None or (rival.duration, rival.velocity) < (duration, note.velocity):
            kept[onset, note.pitch] = moved
    return kept.values()


def _nearest(lines: Sequence[float], beat: float) -> int:
    """Return the index of the line nearest to `beat`, the later one when two are as near."""
    after = bisect_right(lines, beat)
    if after == 0:
        return 0
    return after if lines[after] - beat <= beat - lines[after - 1] + _EPSILON else after - 1


def _grid_lines(notes: Sequence[Note], grid: float, pickup: float, triplets: bool) -> list[float]:
    """Return every grid line from beat 0 to two spans behind the last note, ascending."""
    span = grid * _STEPS_PER_SPAN
    first = -math.ceil(pickup / span - _EPSILON)
    last = math.ceil((max((note.offset for note in notes), default=0.0) - pickup) / span) + 2
    triplet_spans = _triplet_spans(notes, span, pickup) if triplets else set()
    lines: list[float] = []
    for number in range(first, last):
        steps = _TRIPLET_STEPS_PER_SPAN if number in triplet_spans else _STEPS_PER_SPAN
        # One multiplication a line: adding up steps would drift over a long piece.
        lines.extend(pickup + (number * steps + step) * span / steps for step in range(steps))
    return [max(line, 0.0) for line in lines if line > -_EPSILON]


def _triplet_spans(notes: Sequence[Note], span: float, pickup: float) -> set[int]:
    """Return the spans, counted from the pickup, in which triplet lines fit better than straight ones."""
    # span -> squared distances, in spans: (onsets to straight, ends to straight), (onsets to triplet, …)
    misfits: dict[int, dict[int, list[float]]] = {}
    for note in notes:
        for is_end, beat in enumerate((note.onset, note.offset)):
            position = (beat - pickup) / span + _EPSILON
            number = math.floor(position)
            misfit = misfits.setdefault(number, {_STEPS_PER_SPAN: [0.0, 0.0], _TRIPLET_STEPS_PER_SPAN: [0.0, 0.0]})
            for steps in misfit:
                place = (position - number) * steps
                misfit[steps][is_end] += ((place - round(place)) / steps) ** 2
    return {
        number
        for number, misfit in misfits.items()
        if _rounded(misfit[_TRIPLET_STEPS_PER_SPAN]) < _rounded(misfit[_STEPS_PER_SPAN])
    }


def _rounded(misfit: list[float]) -> list[float]:
    return [round(value, 9) for value in misfit]
