"""Swing: even eighths become long and short, the second falling on the last third of the beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepcomposer_lab.music.arranging.form import TICKS_PER_BEAT, Hit

# What stands on these ticks of a beat, besides tick 0, is moved to those. Triplets stay, and so do even sixteenths.
_MOVES: dict[tuple[int, ...], tuple[int, ...]] = {
    (6,): (8,),
    (9,): (8,),
    (3,): (4,),
    (3, 6): (4, 8),
    (6, 9): (8, 10),
    (3, 9): (4, 8),
}
# Half-way moved and the rest between: for small notes about it, and where a note only ends inside the beat.
_EMPTY_BEAT = ([0, 6, TICKS_PER_BEAT], [0, 8, TICKS_PER_BEAT])


def swung(melody: Sequence[Hit]) -> list[Hit]:
    """Return a melody with its eighths and dotted pairs as triplets; notes keep their order and do not overlap."""
    grids = _grids(melody)
    made = []
    for onset, pitch, duration in melody:
        begins, ends = _moved(onset, grids), _moved(onset + duration, grids)
        made.append((begins, pitch, max(1, ends - begins)))
    return made


def _grids(melody: Sequence[Hit]) -> dict[int, tuple[list[int], list[int]]]:
    """Return for each beat in which notes are moved: ticks before and after, between which others are interpolated."""
    inside: dict[int, set[int]] = {}
    for onset, _, _ in melody:
        beat, tick = divmod(onset, TICKS_PER_BEAT)
        inside.setdefault(beat, set()).add(tick)
    grids = {}
    for beat, ticks in inside.items():
        before = tuple(sorted(ticks - {0}))
        if before in _MOVES:
            grids[beat] = ([0, *before, TICKS_PER_BEAT], [0, *_MOVES[before], TICKS_PER_BEAT])
        elif 6 in before and not {3, 9} <= ticks:
            grids[beat] = _EMPTY_BEAT
        elif before:
            grids[beat] = ([0, TICKS_PER_BEAT], [0, TICKS_PER_BEAT])
    return grids


def _moved(time: int, grids: dict[int, tuple[list[int], list[int]]]) -> int:
    beat, tick = divmod(time, TICKS_PER_BEAT)
    before, after = grids.get(beat, _EMPTY_BEAT)
    return beat * TICKS_PER_BEAT + round(float(np.interp(tick, before, after)))
