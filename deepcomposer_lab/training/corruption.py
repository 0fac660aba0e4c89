"""Corruption: spoiling a chorale in ways that an edit can mend, and knowing which edits mend it.

An AR-CNN never sees an example of composing. It sees Bach with notes taken away, moved or added, and learns to name
the edits that lead back. What is taken away decides what it learns: single notes teach it to repair, whole voices to
harmonise, spans to compose where nothing stands yet, wrong notes to doubt.

Arrays of notes here are int64 of shape (N, 4), columns onset (step), pitch (MIDI), duration (steps), voice (0 soprano
to 3 bass).

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Notes = NDArray[np.int64]

PARALLEL_SHARE = 0.4  # of the moved notes that are made to run in parallel with another voice, where one allows it


@dataclass(frozen=True)
class Corrupted:
    """A spoilt window and its cure.

    Parameters
    ----------
    visible : ndarray, int64, shape (N, 4)
        The notes that the network sees, true and false.
    add : ndarray, int64, shape (A, 3)
        Onset, pitch, duration of every note that is missing.
    remove : ndarray, int64, shape (R, 2)
        Onset, pitch of every visible note that does not belong.
    """

    visible: Notes
    add: Notes
    remove: Notes

    @property
    def edits(self) -> int:
        """How many edits lead back to the original."""
        return len(self.add) + len(self.remove)


def without_doubles(notes: Notes) -> Notes:
    """Return the notes with unisons that start together merged into the longest, as the image shows them."""
    order = np.lexsort((-notes[:, 2], notes[:, 1], notes[:, 0]))
    ordered = notes[order]
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = (ordered[1:, :2] != ordered[:-1, :2]).any(axis=1)
    return ordered[first]


def choose_hidden(notes: Notes, steps: int, random: Generator) -> NDArray[np.bool_]:
    """Choose which notes are taken away: bool, shape (N,).

    Four kinds of absence, each with a share that is itself drawn evenly, so that the network meets rolls from nearly
    whole to nearly empty, as composing goes through them from empty to whole.
    """
    kind = random.choice(["notes", "voices", "span", "none"], p=[0.4, 0.38, 0.1, 0.12])
    share = random.random()
    thinned = random.random(len(notes)) < share
    if kind == "notes":
        return thinned
    if kind == "voices":
        # Mostly the soprano is given and the rest is not, which is what a learner asks for.
        keeps = (
            {0} if random.random() < 0.65 else set(random.choice(4, size=random.integers(1, 4), replace=False).tolist())
        )
        lost = ~np.isin(notes[:, 3], list(keeps))
        return lost & (thinned | (random.random() < 0.15))
    if kind == "span":
        width = random.integers(4, steps + 1)
        start = random.integers(0, steps - width + 1)
        inside = (notes[:, 0] >= start) & (notes[:, 0] < start + width)
        if random.random() < 0.5:
            inside &= notes[:, 3] > 0
        return inside
    return np.zeros(len(notes), dtype=bool)


def moved(note: Notes, steps: int, random: Generator) -> Notes:
    """Return one note out of place: another pitch mostly, at times another onset or another duration."""
    onset, pitch, duration, voice = note.tolist()
    kind = random.random()
    if kind < 0.75:
        pitch += int(random.choice([-1, 1])) * int(random.integers(1, 7 if random.random() < 0.8 else 13))
    elif kind < 0.9:
        onset = int(np.clip(onset + random.choice([-4, -2, -1, 1, 2, 4]), 0, steps - 1))
    else:
        duration = int(max(1, random.choice([duration // 2, duration * 2, duration + 2, duration - 2])))
    return np.array([onset, pitch, duration, voice])


def in_parallel(index: int, notes: Notes, random: Generator) -> Notes | None:
    """Return a note made to follow another voice in parallel fifths, octaves or unisons; None where none can.

    Where two voices stand a fifth or an octave apart, and both move on together, the note moves as the other voice
    does: the one mistake of part-writing that is wrong by its motion alone, while each of its chords may be right. A
    note moved by chance hardly ever makes it, so it is taught.
    """
    onset, pitch, _, voice = notes[index].tolist()
    before = _last_before(onset, voice, notes)
    if before is None:
        return None
    pitches = []
    for other in set(notes[:, 3].tolist()) - {voice}:
        now = notes[(notes[:, 3] == other) & (notes[:, 0] == onset), 1]
        earlier = _last_before(onset, other, notes)
        if len(now) and earlier is not None and (before - earlier) % 12 in (0, 7) and now[0] != earlier:
            pitches.append(before + int(now[0]) - earlier)
    pitches = [candidate for candidate in pitches if candidate != pitch]
    if not pitches:
        return None
    changed = notes[index].copy()
    changed[1] = random.choice(pitches)
    return changed


def _last_before(onset: int, voice: int, notes: Notes) -> int | None:
    """Return the pitch that a voice sounds just before a step; None where it rests."""
    sounding = (notes[:, 3] == voice) & (notes[:, 0] < onset) & (notes[:, 0] + notes[:, 2] == onset)
    return int(notes[sounding, 1][-1]) if sounding.any() else None


def corrupt(notes: Notes, steps: int, random: Generator) -> Corrupted:
    """Spoil a window of a chorale.

    Parameters
    ----------
    notes : ndarray, int64, shape (N, 4)
        True notes; those with an onset outside [0, steps) sound into the window and stay as they are.
    steps : int
        Width of the window.
    random : numpy.random.Generator

    Returns
    -------
    Corrupted
    """
    inside = (notes[:, 0] >= 0) & (notes[:, 0] < steps)
    context, editable = notes[~inside], without_doubles(notes[inside])
    hidden = choose_hidden(editable, steps, random)
    wrong_share = random.random() * 0.3 if random.random() < 0.6 else 0.0
    is_moved = ~hidden & (random.random(len(editable)) < wrong_share)
    truth = {(onset, pitch) for onset, pitch in editable[:, :2].tolist()}

    false = []
    shown = editable[~hidden]  # parallels to a voice that nobody sees could not be found
    for index in np.flatnonzero(is_moved[~hidden]):
        parallel = in_parallel(int(index), shown, random) if random.random() < PARALLEL_SHARE else None
        false.append(moved(shown[index], steps, random) if parallel is None else parallel)
    if len(editable) and random.random() < 0.35:
        count = random.integers(0, 1 + int(0.15 * len(editable)))
        for model in editable[random.integers(0, len(editable), size=count)]:
            false.append(np.array([model[0], random.integers(36, 82), model[2], model[3]]))
    kept = editable[~hidden & ~is_moved]
    occupied = {(onset, pitch) for onset, pitch in kept[:, :2].tolist()}
    lost = list(editable[hidden | is_moved])
    wrong = []
    for note in false:
        cell = (int(note[0]), int(note[1]))
        # A false note that happens to be true is no corruption, unless only its duration is false.
        shortened = (
            cell in truth
            and cell not in occupied
            and any((row[0], row[1]) == cell and row[2] != note[2] for row in editable[is_moved])
        )
        if not 0 <= note[1] <= 127 or cell in occupied or (cell in truth and not shortened):
            continue
        occupied.add(cell)
        wrong.append(note)

    wrong_notes = np.array(wrong, dtype=np.int64).reshape(-1, 4)
    blocked = {(onset, pitch) for onset, pitch in wrong_notes[:, :2].tolist()}
    missing = [note[:3] for note in lost if (int(note[0]), int(note[1])) not in blocked]
    return Corrupted(
        visible=np.concatenate([context, kept, wrong_notes]),
        add=np.array(missing, dtype=np.int64).reshape(-1, 3),
        remove=wrong_notes[:, :2],
    )
