"""Pieces as files have them: tracks of notes in beats, bars, a tempo. What reduce.py makes songs of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepcomposer_lab.datasets.bars import Bar, bars_of_metres, fit_beat, follows_beats
from deepcomposer_lab.datasets.songs import BEATS_PER_BAR
from deepcomposer_lab.music.metre import FASTEST_BPM, SLOWEST_BPM
from deepcomposer_lab.music.midi_events import MAX_BYTES

MAX_BARS = 10_000  # of a file, as for `deepcomposer_lab.music.read_midi`

_DEFAULT_BPM = 120.0  # MIDI's own
_FOLLOWS = 0.3  # below it, a file's notes have nothing to do with its beats: recordings that follow them lie above 0.6
_FITS = 0.7  # from it on, a beat that was found is taken for the real one
_FASTEST_DOUBLED = 220.0  # beats a minute
_MOST_ONSETS = 2000  # for looking for a beat; more, or a longer stretch, make it slower and no surer
_MINUTES = 6


class SourceError(ValueError):
    """This file cannot be read as music; the message says why."""


@dataclass(frozen=True, eq=False)
class SourceTrack:
    """One instrument of a file.

    Parameters
    ----------
    name : str
        What the file calls it; may be empty.
    program : int
        General MIDI instrument, 0–127.
    is_drum : bool
    notes : ndarray of float64, shape (n, 3)
        Onset in beats (quarter notes), MIDI pitch, duration in beats; any order.
    """

    name: str
    program: int
    is_drum: bool
    notes: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class Source:
    """A piece as its file has it.

    Parameters
    ----------
    name : str
    tracks : tuple of SourceTrack
    bars : tuple of Bar
        All of them, in order, without gaps.
    tempos : tuple of (float, float)
        Beat and beats a minute, in order.
    remarks : tuple of str
        What had to be mended, a sentence each.
    """

    name: str
    tracks: tuple[SourceTrack, ...]
    bars: tuple[Bar, ...]
    tempos: tuple[tuple[float, float], ...] = ()
    remarks: tuple[str, ...] = ()

    def bpm_at(self, beat: float) -> float:
        """Return the tempo that holds at a beat, in beats a minute; MIDI's 120 where the file gives none."""
        held = [bpm for start, bpm in self.tempos if start <= beat + 1e-3]
        return held[-1] if held else (self.tempos[0][1] if self.tempos else _DEFAULT_BPM)


def read_midi_source(file: str | os.PathLike[str] | bytes, name: str | None = None) -> Source:
    """Read a MIDI file quickly, with symusic.

    Where the file's notes do not follow its beats, but keep a steady beat of their own, they are counted in that one;
    where they move in thirty-seconds, in beats of half the length. Both are said in `remarks`.

    Parameters
    ----------
    file : path or bytes
    name : str, optional
        By default the file's name without its ending.

    Returns
    -------
    Source

    Raises
    ------
    SourceError
        When the file is missing, is not MIDI, is damaged, or has no notes.
    """
    from symusic import Score

    label = name or ("" if isinstance(file, bytes) else Path(file).stem)
    try:
        data = file if isinstance(file, bytes) else Path(file).read_bytes()
    except OSError as error:
        raise SourceError(f"it cannot be opened ({error.strerror or error})") from None
    if len(data) > MAX_BYTES:
        raise SourceError(f"it has {len(data):,} bytes; a MIDI file of at most {MAX_BYTES:,} was expected")
    if data[:4] not in (b"MThd", b"RIFF"):
        raise SourceError("it is no MIDI file: it does not begin with MThd; was only its ending changed?")
    try:
        score: Any = Score.from_midi(data[data.find(b"MThd") :])
    except Exception as error:
        # symusic raises plain RuntimeErrors and more, depending on where a file breaks.
        raise SourceError(f"it is damaged or cut off ({' '.join(str(error).split())[:100]})") from None
    quarter = float(score.ticks_per_quarter)
    if quarter <= 0:
        raise SourceError("it counts in seconds (SMPTE) instead of beats")
    tracks = tuple(
        SourceTrack(track.name, int(track.program), bool(track.is_drum), _in_beats(track.notes.numpy(), quarter))
        for track in score.tracks
        if len(track.notes)
    )
    if not tracks:
        raise SourceError("it has no notes; it may hold only tempo, lyrics or settings")
    metres = [(change.time / quarter, change.numerator, change.denominator) for change in score.time_signatures]
    tempos = tuple(sorted((change.time / quarter, float(change.qpm)) for change in score.tempos))
    return source_of(label, tracks, metres, tempos)


def source_of(
    name: str,
    tracks: tuple[SourceTrack, ...],
    metres: Sequence[tuple[float, int, int]],
    tempos: tuple[tuple[float, float], ...],
) -> Source:
    """Return a source from its tracks and its changes of metre (beat, numerator, denominator) and tempo (beat, bpm).

    Raises
    ------
    SourceError
        When it is longer than `MAX_BARS`.
    """
    onsets = np.concatenate([track.notes[:, 0] for track in tracks])
    if onsets.max() > MAX_BARS * BEATS_PER_BAR:
        raise SourceError(f"its last note starts after {MAX_BARS:,} bars; a single wrong event can do that")
    metres = [metre for metre in metres if metre[1] > 0 and metre[2] > 0]
    tempos = tuple(tempo for tempo in tempos if SLOWEST_BPM <= tempo[1] <= FASTEST_BPM)
    bpm = tempos[0][1] if tempos else _DEFAULT_BPM
    remarks: tuple[str, ...] = ()
    start, period = 0.0, 1.0
    if follows_beats(onsets) < _FOLLOWS:
        known = np.unique(onsets)[:_MOST_ONSETS]
        found, fit = fit_beat(known[known <= known[0] + _MINUTES * bpm], bpm)
        if fit >= _FITS:
            start, period = float(onsets.min()), found
            metres, tempos = [], ((0.0, bpm / period),)
            remarks = (f"its notes do not follow its beats; they keep a steady {bpm / period:.1f} beats a minute",)
    elif _in_thirty_seconds(onsets) and 2 * bpm <= _FASTEST_DOUBLED:
        period = 0.5
        metres = [(2 * beat, top, bottom) for beat, top, bottom in metres]
        tempos = tuple((2 * beat, 2 * tempo) for beat, tempo in tempos or ((0.0, bpm),))
        remarks = (f"it moves in thirty-seconds: its beats are counted twice as fast, {2 * bpm:.0f} a minute",)
    if period != 1.0 or start:
        tracks = tuple(replace(track, notes=(track.notes - [start, 0, 0]) / [period, 1, period]) for track in tracks)
    end = max(float((track.notes[:, 0] + track.notes[:, 2]).max()) for track in tracks)
    return Source(name, tracks, tuple(bars_of_metres(metres, end)), tempos, remarks)


def _in_beats(notes: dict[str, np.ndarray], quarter: float) -> np.ndarray:
    return np.column_stack([notes["time"] / quarter, notes["pitch"].astype(float), notes["duration"] / quarter])


def _in_thirty_seconds(onsets: np.ndarray) -> bool:
    """Say whether so many notes lie between the sixteenths, on thirty-seconds, that a grid of sixteenths loses them."""
    sixteenths, thirty_seconds = (abs(np.exp(2j * np.pi * part * onsets).mean()) for part in (4, 8))
    return bool(sixteenths < 0.7 and thirty_seconds > 0.9)
