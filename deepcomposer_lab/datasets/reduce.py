"""Any multi-track piece as a song for a band: melody, drums, bass, guitar and strings.

    reduction = reduce_source(read_midi_source("some.mid"))
    reduction.songs, reduction.remarks

Who plays what is decided by General MIDI program, track name and what the notes are like, in this order: drums are
drums; the bass is the bass instrument, or the lowest single line; the melody is looked for anew every four bars among
the rest, because a band hands it on; what sustains goes to the strings, everything else that has pitches to the guitar,
which stands for keys too. Each role is thinned to what one player could play. Sound effects, and drums that pretend to
have a pitch, are left out.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from deepcomposer_lab.datasets.bars import LEAST_BARS, Section, four_four_sections, notes_on_grid, without_overlaps
from deepcomposer_lab.datasets.songs import BEATS_PER_BAR, TICKS_PER_BAR, TICKS_PER_BEAT, Song, SongTrack, sorted_notes
from deepcomposer_lab.datasets.sources import Source
from deepcomposer_lab.music.key import estimate_key

BAND = (
    SongTrack("melody", 80),
    SongTrack("drums", 0, is_drum=True),
    SongTrack("bass", 33),
    SongTrack("guitar", 27),
    SongTrack("strings", 48),
)
MELODY, DRUMS, BASS, GUITAR, STRINGS = range(5)

DRUM_KEYS = range(35, 82)  # General MIDI's percussion map
LOWEST_BASS = 28  # E1, a bass guitar's lowest string
_WINDOW = 4  # bars the melody stays where it is
_WINDOW_TICKS = _WINDOW * TICKS_PER_BAR
_LEAST_MELODY_BARS = 4
_LONGEST_ECHO = 2 * TICKS_PER_BEAT
_MOST_OFF_GRID = 1 / 3  # of a passage's notes; more, and its beats are not those of its music

_BASSES = {*range(32, 40), 43, 58}
_GUITARS = range(24, 32)
_NO_PITCH = {47, 112, 113, *range(115, 128)}  # timpani, bells and blocks, drums, sound effects
_SUSTAINED = {*range(40, 45), *range(48, 55), *range(56, 80), *range(88, 96), 109, 110, 111}
_DEPENDS = {*range(16, 24), *range(80, 88), *range(96, 104)}  # organs and synths: how long their notes are decides

_LEAD_NAME = re.compile(r"melod|lead|\bled\d*\b|solo|theme|tune|vocal|sing", re.IGNORECASE)
_BACKING_NAME = re.compile(r"\barp|pad\b|rhythm|noise|drone|harmony|support|chord|\bfx\b|effect|semi", re.IGNORECASE)
_BASS_NAME = re.compile(r"bass(?!oon| drum| clarinet)|\bbas[su]?\b", re.IGNORECASE)
# How much an instrument is one that leads. Lead guitars, synth leads, winds and solo strings do; pads do not.
_LEADING = {
    **dict.fromkeys((26, 27, 29, 30), 0.3),
    28: -0.5,
    **dict.fromkeys(range(80, 88), 0.4),
    **dict.fromkeys((40, 41, 42, *range(56, 61), *range(64, 80)), 0.7),
    **dict.fromkeys(range(104, 112), 0.5),
    **dict.fromkeys((45, 46), -0.3),
    55: -1.0,
    **dict.fromkeys(range(88, 96), -0.5),
    **dict.fromkeys(range(96, 104), -0.2),
}
_SILENCE = 1.8  # a window whose best line scores less has no melody: tunes score 3 to 6
_CHANGE = 1.0  # what handing the melody on must gain


@dataclass(frozen=True, eq=False)
class Reduction:
    """What became of a piece.

    Parameters
    ----------
    songs : tuple of Song
        A song for each passage in 4/4; most pieces have one. Family, fold and split are not yet set.
    remarks : tuple of str
        What was mended or left out, and why; a clause each, without its full stop.
    off_grid : int
        Notes that had to be moved by more than half a tick.
    notes : int
        Notes of the file in these passages, before the reduction.
    """

    songs: tuple[Song, ...]
    remarks: tuple[str, ...]
    off_grid: int = 0
    notes: int = 0


@dataclass(frozen=True, eq=False)
class _Part:
    """One instrument in a section, on the grid."""

    name: str
    program: int
    is_drum: bool
    notes: np.ndarray  # int64 (n, 3): onset, pitch, duration in ticks

    @cached_property
    def line(self) -> np.ndarray:
        return skyline(self.notes)

    @cached_property
    def polyphony(self) -> float:
        """How many notes sound at once, on the average of the time in which any does."""
        return float(self.notes[:, 2].sum()) / max(_sounding(self.notes), 1)

    @cached_property
    def pitch(self) -> float:
        return float(np.median(self.notes[:, 1]))

    @cached_property
    def length(self) -> float:
        return float(self.notes[:, 2].mean())

    @cached_property
    def bars(self) -> set[int]:
        """The bars in which it begins a note."""
        return set((self.notes[:, 0] // TICKS_PER_BAR).tolist())

    @cached_property
    def ostinato(self) -> float:
        """The share of its bars that repeat the bar before."""
        bars = _by_bar(self.notes)
        contents = {bar: (own - [bar * TICKS_PER_BAR, 0, 0])[:, :2].tolist() for bar, own in bars.items()}
        return sum(contents[bar] == contents.get(bar - 1) for bar in contents) / max(len(contents), 1)


def reduce_source(source: Source, least_bars: int = LEAST_BARS) -> Reduction:
    """Reduce a piece to songs for the tracks of `BAND`.

    Each song begins with the first bar of its passage in which anything sounds, and ends with the last.

    Parameters
    ----------
    source : Source
    least_bars : int
        Passages in 4/4 that are shorter are left out.

    Returns
    -------
    Reduction
        Without songs where the piece has no passage in 4/4 or no melody; the remarks say so.
    """
    remarks = list(source.remarks)
    sections, left_out = four_four_sections(source.bars, least_bars)
    for kind, count in left_out.items():
        what = f"in {kind}" if kind != "short passage" else f"of 4/4 in passages shorter than {least_bars} bars"
        remarks.append(f"{count} {'bar' if count == 1 else 'bars'} {what} left out")
    songs, off, notes = [], 0, 0
    for number, section in enumerate(sections):
        parts, moved = _parts(source, section)
        count = sum(len(part.notes) for part in parts)
        off += moved
        notes += count
        name = source.name if len(sections) == 1 else f"{source.name} {number + 1}"
        if moved > _MOST_OFF_GRID * count:
            song, first = None, 0
            why = f"{moved / count:.0%} of its notes lie between sixteenths and triplets: played without a click?"
        else:
            song, first, why = _song(name, parts, least_bars)
        if song is None:
            remarks.append(why if len(sections) == 1 else f"passage {number + 1}: {why}")
        else:
            bpm = source.bpm_at(section.start + first * BEATS_PER_BAR)
            songs.append(replace(song, tempo=round(bpm, 2)))
    if not sections:
        remarks.append(f"no passage of {least_bars} bars in 4/4")
    return Reduction(tuple(songs), tuple(remarks), off, notes)


def _parts(source: Source, section: Section) -> tuple[list[_Part], int]:
    parts, off = [], 0
    for track in source.tracks:
        notes, moved = notes_on_grid(track.notes, section)
        off += moved
        if len(notes):
            parts.append(_Part(track.name, track.program, track.is_drum, notes))
    return parts, off


def _song(name: str, parts: Sequence[_Part], least_bars: int) -> tuple[Song | None, int, str]:
    """Return the song, which bar of the section it begins with, and, where there is none, why."""
    drums = [part for part in parts if part.is_drum]
    pitched = [part for part in parts if not part.is_drum and part.program not in _NO_PITCH]
    if not pitched:
        return None, 0, "only drums and effects" if parts else "nothing but rests"
    basses = _basses(pitched)
    others = [part for part in pitched if part not in basses]
    melody, others = _melody(others)
    if len(set((melody[:, 0] // TICKS_PER_BAR).tolist())) < _LEAST_MELODY_BARS:
        return None, 0, f"no melody: no line is found in {_LEAST_MELODY_BARS} bars"
    strings = [part for part in others if _sustains(part)]
    guitars = [part for part in others if not _sustains(part)]
    lines = (melody, _drums(drums), _bass_line(basses), _guitar(guitars), _strings(strings))
    notes = np.concatenate([np.column_stack([own, np.full(len(own), role)]) for role, own in enumerate(lines)])
    first = int(notes[:, 0].min()) // TICKS_PER_BAR
    bars = -(-int((notes[:, 0] + notes[:, 2]).max()) // TICKS_PER_BAR) - first
    if bars < least_bars:
        return None, 0, f"too short: {bars} bars, and at least {least_bars} are needed"
    notes = sorted_notes(notes - [first * TICKS_PER_BAR, 0, 0, 0])
    of_pitch = notes[notes[:, 3] != DRUMS]
    return Song(name, notes, bars, BAND, estimate_key(of_pitch[:, 1], of_pitch[:, 2])), first, ""


# ---------------------------------------------------------------- the roles


def _drums(parts: Sequence[_Part]) -> np.ndarray:
    """Return the General MIDI keys that are struck, each a tick long."""
    notes = _together(parts)
    notes = notes[(notes[:, 1] >= DRUM_KEYS.start) & (notes[:, 1] < DRUM_KEYS.stop)]
    notes[:, 2] = 1
    return without_overlaps(notes)


def _basses(pitched: Sequence[_Part]) -> list[_Part]:
    """Return the parts that play the bass: the bass instruments, else low single lines that no guitar plays."""
    named = [part for part in pitched if part.program in _BASSES and part.pitch < 56]
    low = [
        part
        for part in pitched
        if part not in named
        and part.program not in _GUITARS
        and part.polyphony < 1.3
        and part.pitch < (50 if _BASS_NAME.search(part.name) else 41)
    ]
    # The instrument made for it first; of several the one that plays in most bars.
    return [*sorted(named, key=lambda part: -len(part.bars)), *sorted(low, key=lambda part: -len(part.bars))]


def _bass_line(parts: Sequence[_Part]) -> np.ndarray:
    """Return one line: in each bar the first of the parts that plays there, of its notes the lowest.

    Where more than a twentieth of it lies below a bass guitar's lowest string it is raised by an octave, all of it;
    what then still lies there is raised alone.
    """
    taken: dict[int, np.ndarray] = {}
    for part in parts:
        for bar, own in _by_bar(part.notes).items():
            taken.setdefault(bar, own)
    notes = np.concatenate([*taken.values(), np.zeros((0, 3), dtype=np.int64)])
    line = skyline(notes * [1, -1, 1]) * [1, -1, 1]
    while len(line) and (line[:, 1] < LOWEST_BASS).mean() > 0.05:
        line[:, 1] += 12
    line[line[:, 1] < LOWEST_BASS, 1] += 12
    return line


def _sustains(part: _Part) -> bool:
    if part.program in _SUSTAINED:
        return True
    return part.program in _DEPENDS and part.length >= 1.5 * TICKS_PER_BEAT


def _guitar(parts: Sequence[_Part]) -> np.ndarray:
    """Return what accompanies in chords: in each bar one part, with those that double it or complete its chords.

    Guitars, pianos and organs come first, then by the number of bars they play in.
    """
    ordered = sorted(parts, key=lambda part: (part.program >= 32 or part.pitch > 84, -len(part.bars)))
    bars: dict[int, list[np.ndarray]] = {}
    for part in ordered:
        for bar, own in _by_bar(part.notes).items():
            there = bars.setdefault(bar, [])
            if not there or (np.isin(own[:, 0], there[0][:, 0]).mean() >= 0.75 and _most_at_once(there, own) <= 6):
                there.append(own)
    return _merged(bars)


def _strings(parts: Sequence[_Part]) -> np.ndarray:
    """Return what sustains: in each bar as many parts as together sound no more than five notes at once."""
    ordered = sorted(parts, key=lambda part: -len(part.bars))
    bars: dict[int, list[np.ndarray]] = {}
    for part in ordered:
        for bar, own in _by_bar(part.notes).items():
            there = bars.setdefault(bar, [])
            if not there or _most_at_once(there, own) <= 5:
                there.append(own)
    return _merged(bars)


def _merged(bars: dict[int, list[np.ndarray]]) -> np.ndarray:
    everything = [own for there in bars.values() for own in there]
    return without_overlaps(np.concatenate([*everything, np.zeros((0, 3), dtype=np.int64)]))


def _most_at_once(there: Sequence[np.ndarray], own: np.ndarray) -> int:
    notes = np.unique(np.concatenate([*there, own]), axis=0)
    return int(((notes[:, 0] <= notes[:, :1]) & (notes[:, 0] + notes[:, 2] > notes[:, :1])).sum(axis=1).max())


# ---------------------------------------------------------------- the melody


def _melody(parts: Sequence[_Part]) -> tuple[np.ndarray, list[_Part]]:
    """Return the melody, and the parts without what it took from them and without what merely doubles it."""
    if not parts:
        return np.zeros((0, 3), dtype=np.int64), []
    windows = int(max(part.notes[:, 0].max() for part in parts)) // _WINDOW_TICKS + 1
    scores = np.array([[_melodic(part, window) for part in parts] for window in range(windows)])
    path = _steady_path(scores)
    taken = []
    kept: list[list[np.ndarray]] = [[] for _ in parts]
    for window, leader in enumerate(path):
        line = _in_window(parts[leader].line, window) if leader >= 0 else np.zeros((0, 3), dtype=np.int64)
        taken.append(line)
        for index, part in enumerate(parts):
            own = _in_window(part.notes, window)
            kept[index].append(_rest(own, line, index == leader))
    rest = [
        _Part(part.name, part.program, part.is_drum, np.concatenate(own)) for part, own in zip(parts, kept, strict=True)
    ]
    return skyline(np.concatenate(taken)), [part for part in rest if len(part.notes)]


def _rest(own: np.ndarray, line: np.ndarray, leads: bool) -> np.ndarray:
    """Return what accompanies of a part's notes in a window, where `line` is the melody."""
    if not len(own) or not len(line):
        return own
    if leads:
        taken = np.isin(own[:, 0] * 128 + own[:, 1], line[:, 0] * 128 + line[:, 1])
        # A line that had a few notes besides leaves no part of its own behind.
        return own[~taken] if (~taken).sum() > 0.3 * len(line) else own[:0]
    # Doubled at once or as an echo, in whatever octave. The line has one note at a time, so that of each delay a note
    # has at most one.
    delays = own[:, :1] - line[:, 0]
    same = ((own[:, 1:2] - line[:, 1]) % 12 == 0) & (delays >= 0) & (delays <= _LONGEST_ECHO)
    doubled = np.bincount(delays[same], minlength=1).max() / len(own)
    return own[:0] if doubled >= 0.7 else own


def _melodic(part: _Part, window: int) -> float:
    """Return how much a part is the melody in a window; −inf where it is silent.

    A melody sounds much of the time, one note at a time, in the range of a voice, with two to ten notes a bar, several
    pitches, and does not say the same in every bar.
    """
    line = _in_window(part.line, window)
    if not len(line):
        return -np.inf
    notes = _in_window(part.notes, window)
    bars = len(set((line[:, 0] // TICKS_PER_BAR).tolist()))
    density = len(line) / bars
    distinct = len(np.unique(line[:, 1]))
    pitch = float(np.average(line[:, 1], weights=line[:, 2]))
    score = min(2 * float(line[:, 2].sum()) / _WINDOW_TICKS, 1.0)
    score += 0.8 * len(line) / len(notes)
    score += float(np.interp(pitch, [40, 48, 52, 57, 60, 84, 96], [-4, -2.5, 0, 0.8, 1, 1, -1]))
    score += float(np.interp(density, [0.5, 1, 2, 10, 16, 24], [-1.5, -1, 0.5, 0.5, -0.3, -1]))
    score += min(distinct, 5) / 5 - (1.5 if distinct == 1 else 0.0)
    score += _LEADING.get(part.program, 0.0)
    score += 1.5 if _LEAD_NAME.search(part.name) else 0.0
    score -= 1.2 if _BACKING_NAME.search(part.name) else 0.0
    return score - 1.2 * part.ostinato


def _steady_path(scores: np.ndarray) -> list[int]:
    """Return the part that leads in each window (−1 none), handing on only where that gains more than it costs.

    The best path through (windows, parts), found as Viterbi did.
    """
    scores = np.column_stack([scores, np.full(len(scores), _SILENCE)])
    number = scores.shape[1]
    change = _CHANGE * (1 - np.eye(number))
    total, came = scores[0], []
    for row in scores[1:]:
        # A leader that falls silent hands on for nothing.
        cost = np.where(np.isneginf(row)[:, None], 0.0, change)
        steps = total[:, None] - cost
        came.append(steps.argmax(axis=0))
        total = steps.max(axis=0) + row
    path = [int(total.argmax())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return [leader if leader < number - 1 else -1 for leader in reversed(path)]


def skyline(notes: np.ndarray) -> np.ndarray:
    """Return the top line of notes on the grid: what `deepcomposer_lab.music.skyline` does, by the same rules.

    Parameters
    ----------
    notes : ndarray of int, shape (n, 3)
        Onset, pitch, duration in ticks.

    Returns
    -------
    ndarray of int64, shape (m, 3)
        Sorted by onset; no two sound at once.
    """
    notes = np.asarray(notes, dtype=np.int64).reshape(-1, 3)
    line: list[list[int]] = []
    for onset, pitch, duration in notes[np.lexsort((-notes[:, 2], -notes[:, 1], notes[:, 0]))].tolist():
        if line and onset < line[-1][0] + line[-1][2]:
            start, top, length = line[-1]
            if onset == start:
                continue
            overlap = start + length - onset
            legato = 8 * overlap < TICKS_PER_BEAT and 2 * overlap < min(length, duration)
            if pitch < top and not legato:
                continue
            line[-1][2] = onset - start
        line.append([onset, pitch, duration])
    return np.array(line, dtype=np.int64).reshape(-1, 3)


def _in_window(notes: np.ndarray, window: int) -> np.ndarray:
    start, end = np.searchsorted(notes[:, 0], [window * _WINDOW_TICKS, (window + 1) * _WINDOW_TICKS])
    return notes[start:end]


def _by_bar(notes: np.ndarray) -> dict[int, np.ndarray]:
    """Return {bar: the notes that begin in it}, of notes sorted by onset."""
    if not len(notes):
        return {}
    bars = notes[:, 0] // TICKS_PER_BAR
    starts = np.flatnonzero(np.diff(bars, prepend=-1))
    return {int(bars[start]): own for start, own in zip(starts, np.split(notes, starts[1:]), strict=True)}


def _together(parts: Sequence[_Part]) -> np.ndarray:
    return np.concatenate([*(part.notes for part in parts), np.zeros((0, 3), dtype=np.int64)])


def _sounding(notes: np.ndarray) -> int:
    """Return for how many ticks any note sounds."""
    if not len(notes):
        return 0
    ends = np.maximum.accumulate(notes[:, 0] + notes[:, 2])
    gaps = np.maximum(notes[1:, 0] - ends[:-1], 0).sum()
    return int(ends[-1] - notes[0, 0] - gaps)
