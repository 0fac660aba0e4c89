"""Measuring music: the five metrics of the glossary, and `evaluate`, which gives them all.

Every function takes music in one of these forms, and the rule is the same for all of them:

- a **Composition** gives its own bars (metre changes and pickup included);
- a **Melody** is a composition of one track;
- a **Track**, or several in a list, knows no metre and is measured in 4/4 from beat 0.

The piece lasts from beat 0 to the end of the last bar in which anything sounds; a silent piece lasts one bar.
An incomplete opening bar (a pickup) counts as a bar. Notes are half-open intervals [onset, onset + duration):
a note that ends on a bar line does not sound in the next bar. Two beats closer than a millionth are the same
beat, so that rounding in a file changes no count. Velocity plays no part.

Drum pitches name instruments, not tones: `pitches_used`, `in_scale_ratio` and `polyphonic_rate` leave drum
tracks out, `drum_in_pattern` looks at nothing else, and `empty_bar_rate` counts every track.

A value is **nan** when the question has no answer (the share of notes in the scale where there are no notes),
and 0 when the answer is none (notes a bar in silence).

The definitions come from the glossary's words and are computed from the notes themselves; no piano-roll grid
stands between. The widespread implementations (the MuseGAN code, the sample notebooks made from it,
pypianoroll, MusPy) differ, often by mistake; each docstring says how, so that published figures can be read.

Lesson: notebooks/07_metrics.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from deepcomposer_lab.music.composition import Composition, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import bar_starts
from deepcomposer_lab.music.note import Note

Music = Composition | Melody | Track | Sequence[Track]

# Semitones above the tonic. "minor" is the natural minor.
MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
}

# Steps a beat -> how one stretch of the grid is weighed, over and over through the bar: "1" on the pattern,
# "t" near it (worth the tolerance), "0" off it. Four steps a beat know eighths, finer grids know sixteenths.
_DRUM_PATTERNS = {4: "1t", 12: "1tt", 24: "1t000t"}
DRUM_TOLERANCE = 0.1

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
_EPSILON = 1e-6  # beats


class PitchesUsed(NamedTuple):
    """The two readings of the glossary's "pitches used", both means over all bars."""

    active_notes_per_bar: float
    """Notes that sound in a bar, repeated ones each counted."""
    distinct_pitches_per_bar: float
    """Different pitches that sound in a bar; C4 and C5 are two."""


def empty_bar_rate(music: Music) -> float:
    """Return the share of bars in which nothing sounds (glossary: *empty bar rate*).

    Parameters
    ----------
    music : Composition, Melody, Track or sequence of Track
        A bar into which a note is held counts as sounding; drums sound.

    Returns
    -------
    float
        0.0–1.0, without unit. Silence is one empty bar: 1.0.

    Raises
    ------
    TypeError
        When `music` is none of these.

    Notes
    -----
    The MuseGAN code and the notebooks made from it return the complement (the share of bars that do sound)
    under this name; MusPy closes its intervals at the end, so a note that ends on a bar line fills the next
    bar too, and it counts one bar too many.
    """
    composition = _composition(music)
    return _empty_bar_rate(_sounding(composition.notes, _bar_edges(composition)))


def pitches_used(music: Music) -> PitchesUsed:
    """Return how many notes, and how many different pitches, sound in a bar (glossary: *pitches used*).

    Parameters
    ----------
    music : Composition, Melody, Track or sequence of Track
        Drum tracks are left out. A note held over a bar line sounds in both bars and counts in both.

    Returns
    -------
    PitchesUsed
        (active_notes_per_bar, distinct_pitches_per_bar), each a mean over all bars, empty ones included.
        Silence gives (0.0, 0.0); music with nothing but drum tracks gives (nan, nan).

    Raises
    ------
    TypeError
        When `music` is none of these.

    Notes
    -----
    The glossary speaks of the average number of *notes*, the name of *pitches*: hence both. MuseGAN's count
    is a third one, of piano-roll cells, where a whole note counts 16 times a sixteenth.
    """
    composition = _composition(music)
    return _pitches_used(_tones(composition.tracks), _bar_edges(composition))


def in_scale_ratio(music: Music, key: str = "C", mode: str = "major") -> float:
    """Return the share of notes whose pitch belongs to a scale (glossary: *in scale ratio*).

    The glossary divides the average number of in-scale notes in a bar by the number of notes in a bar; the
    number of bars cancels, so each note counts once, however long it is, and bar lines play no part.

    Parameters
    ----------
    music : Composition, Melody, Track or sequence of Track
        Drum tracks are left out.
    key : str
        Tonic: a letter A–G and any accidentals: "C", "F#", "B♭", "Eb".
    mode : str
        One of `MODES`: "major", "minor" (natural), "harmonic minor", "melodic minor", "dorian" …

    Returns
    -------
    float
        0.0–1.0, without unit; nan when there is no note.

    Raises
    ------
    TypeError
        When `music` is none of these.
    ValueError
        When the key or the mode is unknown.

    Notes
    -----
    The MuseGAN code, the notebooks made from it and pypianoroll fold pitches into groups of neighbours
    instead of octaves, and find C major 57 % in C major; they also weigh notes by their length.
    """
    scale = _scale(key, mode)
    return _in_scale_ratio(_tones(_composition(music).tracks), scale)


def polyphonic_rate(music: Music, threshold: int = 2) -> float:
    """Return the share of time in which more than `threshold` pitches sound (glossary: *polyphonic rate*).

    This is the glossary's share of time steps, with steps as fine as the notes themselves: on music that lies
    on a grid the two are equal, and off the grid nothing is rounded.

    Parameters
    ----------
    music : Composition, Melody, Track or sequence of Track
        Drum tracks are left out. Two notes of one pitch at once (a unison) are one pitch.
    threshold : int
        0 or more. *More* pitches than this must sound: with 2, a chord of three counts and one of two does
        not.

    Returns
    -------
    float
        0.0–1.0, without unit: beats above the threshold / all beats, rests and the rest of the last bar
        included. Silence gives 0.0; music with nothing but drum tracks gives nan.

    Raises
    ------
    TypeError
        When `music` is none of these.
    ValueError
        When the threshold is negative.

    Notes
    -----
    MuseGAN, pypianoroll and MusPy also compare with "more than 2" while their prose says "multiple pitches";
    the notebooks made from MuseGAN feed it −1 for silence, which counts as sounding, so their rate is always
    1.
    """
    if threshold < 0:
        raise ValueError(f"A threshold is a number of pitches, 0 or more; got {threshold}.")
    composition = _composition(music)
    return _polyphonic_rate(_tones(composition.tracks), _bar_edges(composition)[-1], threshold)


def drum_in_pattern(music: Music, steps_per_beat: int = 4, tolerance: float = DRUM_TOLERANCE) -> float:
    """Return how far drum hits keep to the beats popular in 4/4 (glossary: *drum in pattern*).

    Each hit goes to its nearest grid step and is worth 1 on the pattern, `tolerance` near it and 0 off it;
    the result is their mean:

    ===============  ======================  ==============================================  ==========
    steps per beat   worth 1                 worth `tolerance`                               worth 0
    ===============  ======================  ==============================================  ==========
    4                eighths                 the sixteenths between                          —
    12               sixteenths              all other steps (triplets among them)           —
    24               sixteenths              the steps just before and after a sixteenth     the rest
    ===============  ======================  ==============================================  ==========

    Parameters
    ----------
    music : Composition, Melody, Track or sequence of Track
        Only drum tracks count, and of them only the hits in bars of 4/4; in an incomplete opening bar,
        positions are counted back from its end.
    steps_per_beat : int
        4, 12 or 24 steps a quarter note. Figures on different grids cannot be compared.
    tolerance : float
        0–1: what a hit near the pattern is worth; 0.1 unless told otherwise.

    Returns
    -------
    float
        0.0–1.0, without unit; nan when no drum is hit in 4/4.

    Raises
    ------
    TypeError
        When `music` is none of these.
    ValueError
        When there is no pattern for `steps_per_beat`, or the tolerance lies outside 0–1.

    Notes
    -----
    The weights are those of MuseGAN (Dong et al., 2018, arXiv 1709.06298, and its published code), which
    counts piano-roll cells and returns 0 where there are no drums. pypianoroll's version fails on more than
    one beat.
    """
    pattern = _DRUM_PATTERNS.get(steps_per_beat)
    if pattern is None:
        raise ValueError(f"Drum patterns exist for 4, 12 and 24 steps a beat; got {steps_per_beat}.")
    if not 0 <= tolerance <= 1:
        raise ValueError(f"A tolerance lies in 0–1; got {tolerance}.")
    composition = _composition(music)
    worth = {"1": 1.0, "t": tolerance, "0": 0.0}
    weights = np.array([worth[letter] for letter in pattern])
    steps = np.rint(_drum_positions(composition) * steps_per_beat).astype(int)
    return float(weights[steps % len(weights)].mean()) if len(steps) else math.nan


@dataclass(frozen=True, slots=True)
class MetricValues:
    """The five metrics of one track, or of a whole piece; see the function of each name. nan: no answer."""

    name: str
    empty_bar_rate: float
    active_notes_per_bar: float
    distinct_pitches_per_bar: float
    in_scale_ratio: float
    polyphonic_rate: float
    drum_in_pattern: float

    def as_dict(self) -> dict[str, Any]:
        """Return the name and every value as plain Python, nan as None, fit for JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in values.items()}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The five metrics of a piece: `overall`, and one entry of `tracks` for each track, in order.

    Tracks are measured against the bars of the whole piece, so a track that rests while others play has empty
    bars. Printing it prints `to_table()`.
    """

    title: str
    key: str
    mode: str
    overall: MetricValues
    tracks: tuple[MetricValues, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts and lists, nan as None, fit for JSON."""
        return {
            "title": self.title,
            "key": self.key,
            "mode": self.mode,
            "overall": self.overall.as_dict(),
            "tracks": [values.as_dict() for values in self.tracks],
        }

    def to_table(self) -> str:
        """Return a text table: a line a track, the whole piece last; "–" where there is no answer."""
        header = ["", "empty bars", "notes/bar", "pitches/bar", f"in {self.key} {self.mode}", "polyphonic"]
        header.append("drums in pattern")
        rows = [header, *(_row(values) for values in (*self.tracks, self.overall))]
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        lines = [
            "  ".join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return f"{self.title}\n{self.to_table()}"


def evaluate(music: Music, key: str = "C", mode: str = "major") -> Evaluation:
    """Return all five metrics of a piece, for each track and overall.

    Parameters
    ----------
    music : Composition, Melody, Track or sequence of Track
        Each track is measured against the bars of the whole piece.
    key, mode : str
        The scale of `in_scale_ratio`.

    Returns
    -------
    Evaluation
        `print` shows it as a table, `.as_dict()` gives plain values. Pitch metrics of a drum track, and drum
        metrics of any other, are nan.

    Raises
    ------
    TypeError
        When `music` is none of these, or the key or the mode is no text.
    ValueError
        When the key or the mode is unknown.
    """
    composition = _composition(music)
    scale = _scale(key, mode)
    edges = _bar_edges(composition)

    def measure(name: str, tracks: Sequence[Track]) -> MetricValues:
        tones = _tones(tracks)
        notes = [note for track in tracks for note in track.notes]
        used = _pitches_used(tones, edges)
        return MetricValues(
            name=name,
            empty_bar_rate=_empty_bar_rate(_sounding(notes, edges)),
            active_notes_per_bar=used.active_notes_per_bar,
            distinct_pitches_per_bar=used.distinct_pitches_per_bar,
            in_scale_ratio=_in_scale_ratio(tones, scale),
            polyphonic_rate=_polyphonic_rate(tones, edges[-1], threshold=2),
            drum_in_pattern=drum_in_pattern(composition.with_tracks(tracks)),
        )

    return Evaluation(
        title=composition.title,
        key=key,
        mode=mode,
        overall=measure("Overall", composition.tracks),
        tracks=tuple(measure(track.name, [track]) for track in composition.tracks),
    )


def _composition(music: Music) -> Composition:
    """Return `music` as a composition: the one input rule of this module."""
    if isinstance(music, Track):
        return Composition((music,), title=music.name)
    if isinstance(music, Sequence) and not isinstance(music, str) and all(isinstance(item, Track) for item in music):
        return Composition(tuple(music))
    return as_composition(music)  # type: ignore[arg-type]  # anything else ends in its TypeError


def _bar_edges(composition: Composition) -> np.ndarray:
    """Return where bars begin and where the last one ends: float64, (bars + 1,), in beats."""
    longest = max(metre.bar_beats for metre in composition.metres)
    beyond = bar_starts(composition.metres, composition.pickup, composition.end + longest + composition.pickup + 1)
    return np.array(beyond[: len(composition.bars) + 1])


def _tones(tracks: Iterable[Track]) -> list[Note] | None:
    """Return the notes of all pitched tracks, or None where every track is a drum track."""
    tracks = list(tracks)
    pitched = [track for track in tracks if not track.is_drum]
    return None if tracks and not pitched else [note for track in pitched for note in track.notes]


def _sounding(notes: Sequence[Note], edges: np.ndarray) -> np.ndarray:
    """Return how many notes of each pitch sound in each bar: int, (bars, 128)."""
    bars = len(edges) - 1
    change = np.zeros((bars + 1, 128), dtype=int)  # +1 where a note comes in, −1 after the last bar it sounds in
    if notes:
        pitches = np.array([note.pitch for note in notes])
        onsets = np.array([note.onset for note in notes])
        offsets = np.array([note.offset for note in notes])
        first = np.clip(np.searchsorted(edges, onsets + _EPSILON, side="right") - 1, 0, bars - 1)
        last = np.clip(np.searchsorted(edges, offsets - _EPSILON, side="left") - 1, first, bars - 1)
        np.add.at(change, (first, pitches), 1)
        np.add.at(change, (last + 1, pitches), -1)
    return change.cumsum(axis=0)[:-1]


def _empty_bar_rate(sounding: np.ndarray) -> float:
    return float((sounding.sum(axis=1) == 0).mean())


def _pitches_used(tones: Sequence[Note] | None, edges: np.ndarray) -> PitchesUsed:
    if tones is None:
        return PitchesUsed(math.nan, math.nan)
    sounding = _sounding(tones, edges)
    return PitchesUsed(float(sounding.sum(axis=1).mean()), float((sounding > 0).sum(axis=1).mean()))


def _in_scale_ratio(tones: Sequence[Note] | None, scale: frozenset[int]) -> float:
    if not tones:
        return math.nan
    return sum(note.pitch % 12 in scale for note in tones) / len(tones)


def _polyphonic_rate(tones: Sequence[Note] | None, length: float, threshold: int) -> float:
    """Return the share of [0, length) in which more than `threshold` different pitches sound."""
    if tones is None:
        return math.nan
    by_pitch: dict[int, list[tuple[float, float]]] = {}
    for note in tones:
        by_pitch.setdefault(note.pitch, []).append((note.onset, note.offset))
    spans = [span for intervals in by_pitch.values() for span in _merged(intervals)]
    moments = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    above, count, previous = 0.0, 0, 0.0
    for moment, change in moments:
        if count > threshold:
            above += moment - previous
        count, previous = count + change, moment
    return min(1.0, above / float(length))


def _merged(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the stretches of time that the intervals of one pitch cover, in order and apart."""
    merged: list[tuple[float, float]] = []
    for onset, offset in sorted(intervals):
        if merged and onset <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], offset))
        else:
            merged.append((onset, offset))
    return merged


def _drum_positions(composition: Composition) -> np.ndarray:
    """Return where in its bar each drum hit in 4/4 falls: float64, (hits,), in beats, 0–4."""
    edges = _bar_edges(composition)
    onsets = np.array([note.onset for track in composition.tracks if track.is_drum for note in track.notes])
    if not len(onsets):
        return np.zeros(0)
    bars = np.clip(np.searchsorted(edges, onsets + _EPSILON, side="right") - 1, 0, len(edges) - 2)
    starts = edges[:-1].copy()
    if composition.pickup > _EPSILON:
        starts[0] = edges[1] - 4.0  # the opening bar lacks its beginning
    metres = [composition.metre_at(edge) for edge in edges[:-1]]
    common = np.array([(metre.numerator, metre.denominator) == (4, 4) for metre in metres])
    return (onsets - starts[bars])[common[bars]]


def _scale(key: str, mode: str) -> frozenset[int]:
    """Return the pitch classes (0 is C) of a scale."""
    for name, text in (("key", key), ("mode", mode)):
        if not isinstance(text, str):
            raise TypeError(f'A {name} is a text, as in key="F#", mode="minor"; got {text!r}.')
    letter, accidentals = key[:1].upper(), key[1:]
    if letter not in _LETTERS or any(sign not in _ACCIDENTALS for sign in accidentals):
        raise ValueError(f'A key is a letter A–G with ♯ (#) or ♭ (b) after it, such as "F#" or "Bb"; got {key!r}.')
    if mode not in MODES:
        raise ValueError(f"Unknown mode {mode!r}; there are: {', '.join(MODES)}.")
    tonic = _LETTERS[letter] + sum(_ACCIDENTALS[sign] for sign in accidentals)
    return frozenset((tonic + interval) % 12 for interval in MODES[mode])


def _row(values: MetricValues) -> list[str]:
    numbers = [
        values.empty_bar_rate,
        values.active_notes_per_bar,
        values.distinct_pitches_per_bar,
        values.in_scale_ratio,
        values.polyphonic_rate,
        values.drum_in_pattern,
    ]
    return [values.name, *("–" if math.isnan(number) else f"{number:.3f}" for number in numbers)]
