"""Where the bars of a piece lie, which of them are 4/4, and how its notes come onto the grid of a song.

Files count in beats (quarter notes) and change their metre as they like; a song is 4/4 on twelve ticks a beat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from deepcomposer_lab.datasets.songs import BEATS_PER_BAR, TICKS_PER_BAR, TICKS_PER_BEAT

LEAST_BARS = 8
_CLOSE = 1e-3  # beats; files round their bar lines
_FAR = 0.4  # squared ticks; what lies further off is an ornament between the points, and says no more about the grid
_STRUCK_TOGETHER = 0.7  # ticks; a sixty-fourth note lasts 0.75
_FOUR_BEATS = {(4, 4), (2, 2)}
_TWO_BEATS = {(2, 4)}
# The grids a beat may be played on, in ticks: sixteenths, triplets, and triplets of sixteenths. A finer grid fits
# anything a little better, so it is charged for, in squared ticks a note.
_GRIDS = ((3, 0.0), (4, 0.02), (2, 0.15))


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a file: where it begins and how long it is, in beats, and the metre it is in."""

    start: float
    length: float
    numerator: int
    denominator: int

    @property
    def full(self) -> float:
        """How long its metre would have it, in beats."""
        return _full(self.numerator, self.denominator)


@dataclass(frozen=True, slots=True)
class Section:
    """Bars of 4/4 in a row.

    Parameters
    ----------
    start : float
        Beat of its first bar line; before the first note where it begins with a pickup.
    bars : int
    first, end : float
        The beats between which the file's notes belong to it: first ≤ onset < end.
    """

    start: float
    bars: int
    first: float
    end: float


def bars_of_metres(metres: Sequence[tuple[float, int, int]], end: float) -> list[Bar]:
    """Return the bars that changes of metre lay out up to beat `end`.

    Parameters
    ----------
    metres : sequence of (float, int, int)
        Beat, numerator, denominator. Before the first, and where there are none, the metre is 4/4: MIDI's default. An
        opening metre that lasts no more than one bar, and less than a bar of the metre behind it, is a pickup to that,
        as notation programs write it.
    end : float
        Where the last note ends; the last bar reaches beyond it.
    """
    changes = {max(beat, 0.0): (top, bottom) for beat, top, bottom in sorted(metres)}
    changes.setdefault(0.0, (4, 4))
    starts = sorted(changes)
    if (
        len(starts) > 1
        and starts[1] <= _full(*changes[0.0]) + _CLOSE
        and starts[1] < _full(*changes[starts[1]]) - _CLOSE
    ):
        changes[0.0] = changes[starts[1]]
    bars = []
    for index, start in enumerate(starts):
        top, bottom = changes[start]
        full = _full(top, bottom)
        last = index == len(starts) - 1
        stop = max(end, start) if last else min(starts[index + 1], end)
        # The last metre's bars are filled; another's last one is as long as the next change leaves it.
        count = int(np.ceil((stop - start) / full - _CLOSE))
        for number in range(count):
            at = start + number * full
            bars.append(Bar(at, full if last else min(full, starts[index + 1] - at), top, bottom))
    return bars


def _full(numerator: int, denominator: int) -> float:
    return 4 * numerator / denominator


def four_four_sections(bars: Sequence[Bar], least: int = LEAST_BARS) -> tuple[list[Section], dict[str, int]]:
    """Return the passages in 4/4, and how many bars of which kind were left out.

    2/2 counts as 4/4. Bars of 2/4 are paired, from the first one on. A bar that a repeat sign splits is put together
    again. A short bar at the beginning is a pickup: its section starts where a whole bar would have; one at the end is
    filled with silence. Everything else ends a section.

    Parameters
    ----------
    bars : sequence of Bar
        In order, without gaps.
    least : int
        Shorter passages are left out.

    Returns
    -------
    list of Section
    dict of str to int
        Bars left out, by metre ("3/4"), or "short passage" for 4/4 that lasts fewer than `least` bars.
    """
    left_out: dict[str, int] = {}
    sections: list[Section] = []
    open_units: list[tuple[float, float, float]] = []  # bar line, first beat, end, of bars that follow each other

    def close() -> None:
        if len(open_units) >= least:
            sections.append(Section(open_units[0][0], len(open_units), open_units[0][1], open_units[-1][2]))
        elif open_units:
            left_out["short passage"] = left_out.get("short passage", 0) + len(open_units)
        open_units.clear()

    for unit in _paired(_put_together(bars)):
        metre = (unit.numerator, unit.denominator)
        end = unit.start + unit.length
        if metre not in _FOUR_BEATS | _TWO_BEATS or unit.length > BEATS_PER_BAR + _CLOSE:
            close()
            name = "{}/{}".format(*metre)
            left_out[name] = left_out.get(name, 0) + 1
        elif unit.length > BEATS_PER_BAR - _CLOSE:
            open_units.append((unit.start, unit.start, end))
        elif open_units:
            open_units.append((unit.start, unit.start, end))
            close()
        else:
            open_units.append((end - BEATS_PER_BAR, unit.start, end))
    close()
    return sections, left_out


def _put_together(bars: Iterable[Bar]) -> list[Bar]:
    """Join two bars of one metre that only together are as long as it asks."""
    joined: list[Bar] = []
    for bar in bars:
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.numerator, last.denominator) == (bar.numerator, bar.denominator)
            and last.length < last.full - _CLOSE
            and abs(last.length + bar.length - bar.full) < _CLOSE
            and len(joined) > 1  # a pickup stays one, whatever follows it
        ):
            joined[-1] = Bar(last.start, last.length + bar.length, bar.numerator, bar.denominator)
        else:
            joined.append(bar)
    return joined


def _paired(bars: Sequence[Bar]) -> list[Bar]:
    """Join bars of 2/4 two by two; a short one before them is the pickup of the first pair."""
    paired: list[Bar] = []
    waiting: Bar | None = None
    for bar in bars:
        whole = (bar.numerator, bar.denominator) in _TWO_BEATS and abs(bar.length - bar.full) < _CLOSE
        if waiting is None and whole:
            waiting = bar
        elif waiting is None:
            paired.append(bar)
        elif whole or ((bar.numerator, bar.denominator) in _TWO_BEATS and bar.length < bar.full):
            paired.append(Bar(waiting.start, waiting.length + bar.length, 2, 4))
            waiting = None
        else:
            paired += [waiting, bar]
            waiting = None
    return [*paired, *([waiting] if waiting else [])]


def notes_on_grid(notes: np.ndarray, section: Section) -> tuple[np.ndarray, int]:
    """Return the notes of one track in a section, on the grid, and how many of them lay off it.

    Every beat of a track is played in sixteenths, in triplets, or in triplets of sixteenths: the grid on which the
    notes that start in it lie best. Onsets go to its nearest point, ends to the nearest tick; a gap of one tick before
    the next note is closed, because it is how a key is let go. Notes that came one after another and would start
    together are ornaments too fast for the grid: the one that lies best is kept, with what was struck with it. Of notes
    that start together on one pitch the longest is kept; a note is cut where the next of its pitch starts. What sounds
    beyond the section is cut off.

    Parameters
    ----------
    notes : ndarray of float, shape (n, 3)
        Onset in beats, MIDI pitch, duration in beats.
    section : Section

    Returns
    -------
    ndarray of int64, shape (m, 3)
        Onset in ticks from the section's first bar line, pitch, duration in ticks; sorted by onset, then pitch.
    int
        How many notes start more than half a tick (a twenty-fourth of a beat) from where they were put, or were put
        nowhere.
    """
    notes = np.asarray(notes, dtype=float).reshape(-1, 3)
    notes = notes[(notes[:, 0] >= section.first - _CLOSE) & (notes[:, 0] < section.end - _CLOSE)]
    exact = np.maximum((notes[:, 0] - section.start) * TICKS_PER_BEAT, 0.0)
    onset = _snapped(exact)
    off = int((np.abs(exact - onset) > 0.5).sum())
    kept = _one_moment_each(exact, onset)
    notes, exact, onset = notes[kept], exact[kept], onset[kept]
    last = section.bars * TICKS_PER_BAR
    end = np.minimum(np.rint(exact + notes[:, 2] * TICKS_PER_BEAT).astype(np.int64), last)
    onset = np.minimum(onset, last - 1)
    starts = np.unique(onset)
    following = starts[np.minimum(np.searchsorted(starts, end), len(starts) - 1)] if len(starts) else end
    end = np.where(following == end + 1, following, end)
    duration = np.maximum(end - onset, 1)
    return without_overlaps(np.column_stack([onset, notes[:, 1].astype(np.int64), duration])), off


def without_overlaps(notes: np.ndarray) -> np.ndarray:
    """Return notes of one track without doubles, each cut where the next of its pitch starts: int64 (m, 3)."""
    notes = np.asarray(notes, dtype=np.int64).reshape(-1, 3)
    notes = notes[np.lexsort((-notes[:, 2], notes[:, 0], notes[:, 1]))]
    again = np.zeros(len(notes), dtype=bool)
    again[1:] = (notes[1:, 0] == notes[:-1, 0]) & (notes[1:, 1] == notes[:-1, 1])
    notes = notes[~again]
    same = notes[1:, 1] == notes[:-1, 1]
    room = np.where(same, notes[1:, 0] - notes[:-1, 0], notes[:-1, 2])
    notes[:-1, 2] = np.minimum(notes[:-1, 2], room)
    return notes[np.lexsort((notes[:, 1], notes[:, 0]))]


def _snapped(exact: np.ndarray) -> np.ndarray:
    """Return onsets in ticks on the grid that fits each beat best: int64."""
    if not len(exact):
        return np.zeros(0, dtype=np.int64)
    # What comes less than half a tick early belongs to the beat it was meant for.
    beat = np.floor((exact + 0.5) / TICKS_PER_BEAT).astype(np.int64)
    points = np.stack([np.rint(exact / period).astype(np.int64) * period for period, _ in _GRIDS])
    errors = np.minimum((points - exact) ** 2, _FAR) + np.array([[charge] for _, charge in _GRIDS])
    totals = np.stack([np.bincount(beat, weights=error) for error in errors])
    return points[totals.argmin(axis=0)[beat], np.arange(len(exact))]


def _one_moment_each(exact: np.ndarray, onset: np.ndarray) -> np.ndarray:
    """Say which notes were struck with the one that lies best of those that share its grid point: bool (n,)."""
    order = np.lexsort((np.abs(exact - onset), onset))
    _, first = np.unique(onset[order], return_index=True)
    best = exact[order][first]
    return np.abs(exact - best[np.searchsorted(onset[order][first], onset)]) < _STRUCK_TOGETHER


def follows_beats(onsets: np.ndarray) -> float:
    """Return how well onsets (in beats) keep to some subdivision of the beat: 0 not at all, 1 exactly.

    The length of the mean of exp(2πi·k·onset) for sixteenths, triplets, thirty-seconds and twelfths (k = 4, 3, 8, 12):
    the largest.
    """
    if not len(onsets):
        return 1.0
    return max(float(abs(np.exp(2j * np.pi * part * onsets).mean())) for part in (4, 3, 8, 12))


def fit_beat(onsets: np.ndarray, bpm: float, slowest: float = 70.0, fastest: float = 190.0) -> tuple[float, float]:
    """Find the steady beat of onsets that a file's own beats say nothing about, as of a recorder that only kept time.

    Parameters
    ----------
    onsets : ndarray of float
        In the file's beats.
    bpm : float
        The file's beats a minute.
    slowest, fastest : float
        The tempos looked through, in beats a minute.

    Returns
    -------
    period : float
        Length of the real beat in the file's beats; it is counted from the first onset.
    fit : float
        How well the onsets keep to its sixteenths: 0 not at all, 1 exactly.
    """
    moments = np.unique(onsets) - np.min(onsets)
    span = max(float(moments[-1]), 1.0)

    def fits(periods: np.ndarray) -> np.ndarray:
        return np.array([abs(np.exp(8j * np.pi * moments / period).mean()) for period in periods])

    # Sixteenths over the whole piece may drift by a quarter of a turn between two frequencies tried.
    frequencies = np.arange(slowest / bpm, fastest / bpm, 1 / (16 * span))
    coarse = fits(1 / frequencies)
    # Of tempos that fit nearly equally well the one nearest to 110 is what people would tap.
    good = np.flatnonzero(coarse > 0.9 * coarse.max())
    best = good[np.argmin(np.abs(np.log(frequencies[good] * bpm / 110)) - 4 * coarse[good])]
    near = frequencies[best] + np.linspace(-1, 1, 41) / (16 * span)
    fine = fits(1 / near)
    return float(1 / near[fine.argmax()]), float(fine.max())
