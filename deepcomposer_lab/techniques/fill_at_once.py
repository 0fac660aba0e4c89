"""Filling a roll at once: the likeliest additions of one look, none of which has seen the others.

What AR-CNN would be without autoregression. It is here to be compared with: two notes that are both likely need not be
likely together, and whoever places all of them at once does not know which of the two was taken.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepcomposer_lab.techniques.ar_cnn_roll import Placed, Roll
from deepcomposer_lab.techniques.ar_cnn_rules import Rules


def likeliest_additions(roll: Roll, rules: Rules, *, notes: int | None = None, velocity: int) -> list[Placed]:
    """Add the likeliest notes of one look to a roll, all at once, and return them by onset.

    Each starts where the network finds a note likeliest, and lasts as long as it finds likeliest of what there is room
    for, before the next note of its pitch.

    Parameters
    ----------
    roll : Roll
        Is changed: the notes are in it afterwards.
    rules : Rules
        Where notes may sound.
    notes : int, optional
        How many; fewer come where fewer cells are open. As many as the probabilities of all cells add up to, rounded,
        when left out: the number of notes that the network expects to be missing.
    velocity : int
        1–127, of every added note.

    Returns
    -------
    list of Placed
        By onset, then row.

    Raises
    ------
    ValueError
        When `notes` is no whole number of 0 or more.
    """
    open_cells = np.flatnonzero(rules.open_cells(roll))
    probabilities = np.exp(roll.add.ravel()[open_cells])
    wanted = round(float(probabilities.sum())) if notes is None else _checked_count(notes)
    likeliest = open_cells[np.argsort(-probabilities, kind="stable")[:wanted]]
    rows, onsets = np.divmod(likeliest, roll.roll.shape[2])
    durations = roll.duration_probabilities(rows, onsets)  # (notes, longest duration), of the same look
    added = []
    for place in np.argsort(-onsets, kind="stable"):  # from the end, so that each knows the next of its pitch
        row, onset = int(rows[place]), int(onsets[place])
        room = max(1, rules.room(roll, row, onset, durations.shape[1]))
        duration = 1 + int(durations[place, :room].argmax())
        note = roll.grid.note(onset, row + roll.encoding.lowest_pitch, duration, velocity)
        added.append(Placed(onset, row, duration, note))
        roll.insert(added[-1])
    return sorted(added, key=lambda placed: (placed.onset, placed.row))


def _checked_count(notes: Any) -> int:
    is_whole = isinstance(notes, int | np.integer) and not isinstance(notes, bool)
    if not is_whole or notes < 0:
        raise ValueError(f"The number of notes to add is a whole number of 0 or more; got {notes!r}.")
    return int(notes)
