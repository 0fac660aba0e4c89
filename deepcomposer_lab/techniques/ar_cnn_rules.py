"""What AR-CNN may edit: locked passages, a melody that stays, and voices that a choir can sing.

A rule is a mask: an edit against it has probability 0 before the softmax, so the model chooses among the others as if
this one did not exist.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.encoding.image import Grid, ImageEncoding
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.skyline import melody_track, skyline
from deepcomposer_lab.music.span import Span
from deepcomposer_lab.music.voices import VOICE_RANGES
from deepcomposer_lab.techniques.ar_cnn_roll import Cells, Placed, Roll

CHOIR = ("Alto", "Tenor", "Bass")  # who sings what is added
_EPSILON = 1e-6  # beats

Source = tuple[int, int]  # (track, number of the note in it)


def melody_sources(music: Melody | Composition) -> frozenset[Source]:
    """Return which notes of the input are its melody.

    Of a Melody all of them. Of a Composition the top line (`skyline`) of the track in which `choose_melody` finds it,
    each note in its whole length.
    """
    if isinstance(music, Melody):
        return frozenset((0, number) for number in range(len(music.notes)))
    index = melody_track(music)
    line = {(note.onset, note.pitch) for note in skyline(music.tracks[index].notes)}
    return frozenset(
        (index, number) for number, note in enumerate(music.tracks[index].notes) if (note.onset, note.pitch) in line
    )


def locked_sources(composition: Composition, spans: Iterable[Span]) -> frozenset[Source]:
    """Return which notes some spans lock: those of their tracks that sound in them, be it for a moment."""
    return frozenset(
        (index, number)
        for span in spans
        for index, track in enumerate(composition.tracks)
        if not track.is_drum and (span.tracks is None or track.name in span.tracks)
        for number, note in enumerate(track.notes)
        if span.overlaps(note.onset, note.offset)
    )


class Rules:
    """Where notes may sound and which may go, for one composing.

    Parameters
    ----------
    grid : Grid
    notes : iterable of Placed
        The input's notes.
    steps : int
        Columns of the roll; those from `grid.bars[0]` to `grid.steps` are the piece.
    locked : frozenset of (track, number)
        The input's notes that stay.
    spans : iterable of Span
        Those that name no track are closed to everything new.
    choir : bool
        Whether what is added must be singable by alto, tenor and bass.
    """

    def __init__(
        self,
        grid: Grid,
        notes: Iterable[Placed],
        steps: int,
        *,
        locked: frozenset[Source],
        spans: Iterable[Span] = (),
        choir: bool = False,
    ) -> None:
        notes = list(notes)
        self.locked = locked
        self._open = np.zeros((grid.encoding.pitches, steps), dtype=bool)
        self._open[:, grid.bars[0] : grid.steps] = True  # a pickup may begin within the grid's first beat
        for span in spans:
            if span.tracks is None:
                self._open[:, _columns(grid, span.start, span.end)] = False
        for placed in notes:
            if placed.source in locked:
                self._open[placed.row, _columns(grid, placed.note.onset, placed.note.offset)] = False
        self._crowds: list[tuple[NDArray[np.bool_], NDArray[np.bool_], int]] = []
        if choir:
            self._open &= _below_the_melody(notes, self._open.shape)
            self._crowds = list(_crowds(grid.encoding))
            self._open &= self._crowds[-1][0][:, None]  # what the whole choir can sing

    def open_cells(self, roll: Roll, rows: slice = slice(None), columns: slice = slice(None)) -> Cells:
        """Return the cells in which an added note may sound: open by these rules, and its pitch not sounding yet."""
        cells = self._open[rows, columns] & (roll.sounding[rows, columns] == 0)
        for asked, counted, most in self._crowds:
            if asked[rows].any():
                full = roll.accompanying[counted, columns].sum(axis=0) >= most  # (columns,)
                cells &= ~(asked[rows, None] & full)
        return cells

    def room(self, roll: Roll, row: int, onset: int, longest: int) -> int:
        """Return how many steps a note added there may last at most, 0 where none may start."""
        cells = self.open_cells(roll, slice(row, row + 1), slice(onset, onset + longest))[0]
        return len(cells) if cells.all() else int(cells.argmin())

    def may_return(self, roll: Roll, placed: Placed) -> bool:
        """Return whether an input note that was removed may come back, which it does in its whole length.

        Its pitch must be silent throughout, and a choir must have room for it beside what was added meanwhile.
        """
        columns = slice(placed.onset, placed.end)
        if roll.sounding[placed.row, columns].any():
            return False
        return placed.is_melody or not any(
            counted[placed.row] and (roll.accompanying[counted, columns].sum(axis=0) >= most).any()
            for _, counted, most in self._crowds
        )

    def may_go(self, placed: Placed, *, may_remove_input: bool = True) -> bool:
        """Return whether a note may be removed."""
        return placed.source is None or (may_remove_input and placed.source not in self.locked)


def _columns(grid: Grid, start: float, end: float) -> slice:
    """Return every column of which a stretch of beats covers any part."""
    per_beat = grid.encoding.steps_per_beat
    first = math.floor(start * per_beat + _EPSILON) + grid.lead
    return slice(first, max(first, math.ceil(end * per_beat - _EPSILON) + grid.lead))


def _below_the_melody(notes: Iterable[Placed], shape: tuple[int, ...]) -> Cells:
    """Return the cells that lie no higher than what the melody sings at that step; where it rests, all of them."""
    cells = np.ones(shape, dtype=bool)
    top = np.full(shape[1], -1)
    for placed in notes:
        if placed.is_melody:
            top[placed.onset : placed.end] = np.maximum(top[placed.onset : placed.end], placed.row)
    sings = top >= 0
    cells[:, sings] = np.arange(shape[0])[:, None] <= top[None, sings]
    return cells


def _crowds(encoding: ImageEncoding) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_], int]]:
    """Yield (rows that only some neighbouring voices can sing, rows that count, how many voices these are).

    Notes that sound together can be given to different voices, each in its range, exactly if no such group of rows
    holds more of them than it has voices (Hall's theorem; the ranges are ordered, so neighbours are enough). The whole
    choir comes last, and there every note counts that is not the melody's, however high.
    """
    ranges = np.array([VOICE_RANGES[name] for name in CHOIR])  # (voices, lowest and highest)
    pitches = np.arange(encoding.pitches)[:, None] + encoding.lowest_pitch
    can_sing = (ranges[:, 0] <= pitches) & (pitches <= ranges[:, 1])  # (rows, voices)
    groups = sorted(combinations(range(len(CHOIR) + 1), 2), key=lambda group: group[1] - group[0])
    for first, last in groups:
        others = np.delete(can_sing, slice(first, last), axis=1)
        rows: NDArray[np.bool_] = np.asarray(can_sing.any(axis=1) & ~others.any(axis=1))
        if rows.any():
            yield rows, rows if last - first < len(CHOIR) else np.ones_like(rows), last - first
