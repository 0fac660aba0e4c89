"""Which token tells of which note, in both ways of writing music down.

On the beat grid (tokens.py) a note is one pitch and one duration, side by side. In a performance (performance.py) it is
a key that goes down and, some words later, a key that comes up. What else there is (bars, positions, parts; shifts,
velocities) tells of no note alone.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.encoding.performance import PerformanceEncoding
from deepcomposer_lab.encoding.sheet import STEPS_PER_BEAT, sheet_of
from deepcomposer_lab.encoding.tokens import BAR, DURATION, PITCH, TokenEncoding
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.metre import beats_to_seconds
from deepcomposer_lab.music.note import Note


@dataclass(frozen=True)
class Token:
    """A token in words.

    Parameters
    ----------
    word : str
        "Pitch C5".
    note : int
        Which note it tells of, an index of `Explanation.notes`; −1 where it tells of none alone.
    bar : int
        In which bar it stands as tokens tell them, counted from 0; −1 before the first, and where they tell of none.
    """

    word: str
    note: int
    bar: int = -1


@dataclass(frozen=True)
class Explanation:
    """The beginning of a piece, token by token.

    Parameters
    ----------
    tokens : tuple of Token
        Those of the first bars, in order.
    notes : tuple of Note
        Of which they tell, in the order in which they are told.
    token_count, note_count : int
        Of the whole piece.
    vocabulary : int
        How many different tokens there are.
    whole : bool
        Whether these are all tokens of the piece.
    """

    tokens: tuple[Token, ...]
    notes: tuple[Note, ...]
    token_count: int
    note_count: int
    vocabulary: int
    whole: bool

    @property
    def tokens_a_note(self) -> float:
        """Over the whole piece."""
        return self.token_count / self.note_count


def explain_beat_tokens(piece: Composition, *, bars: int) -> Explanation:
    """Write a piece on the beat grid, and say which token tells of which note.

    Parameters
    ----------
    piece : Composition
        With pitched notes; drums are left out.
    bars : int
        How many bars are returned, a pickup not counted.
    """
    encoding = TokenEncoding()
    sheet, _ = sheet_of(piece)
    tokens = encoding.encode(sheet)
    kinds = encoding.kinds(tokens)
    bar = np.cumsum(kinds == BAR) - 1
    last = bars + (piece.pickup > 0)
    shown = bar < last
    notes = [
        Note(max(0, onset) / STEPS_PER_BEAT, pitch, duration / STEPS_PER_BEAT)
        for onset, pitch, duration, _ in sheet.notes.tolist()
    ]
    return _explanation(tokens, _notes_told(kinds), notes, bar, int(shown.sum()), encoding)


def _notes_told(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return of which note each token tells: the i-th pitch, and the duration after it, of the i-th."""
    return np.where((kinds == PITCH) | (kinds == DURATION), np.cumsum(kinds == PITCH) - 1, -1)


def explain_performance(piece: Composition, *, bars: int) -> Explanation:
    """Write a piece as a performance, and say which token tells of which note.

    Parameters
    ----------
    piece : Composition
        With notes of a piano's range; drums and notes outside it are left out.
    bars : int
        How many bars are returned, a pickup not counted: up to the first key that goes down after them.
    """
    encoding = PerformanceEncoding()
    tokens = encoding.encode(piece)
    told = _keys_told(tokens, encoding)
    edges = piece.bars[bars + (piece.pickup > 0) :]
    shown = len(tokens)
    if edges:
        limit = beats_to_seconds(piece.tempos, edges[0]) * encoding.steps_per_second - 0.5
        is_shift = (tokens >= encoding.shift) & (tokens < encoding.on)
        time = np.cumsum(np.where(is_shift, tokens - encoding.shift + 1, 0))
        is_on = (tokens >= encoding.on) & (tokens < encoding.off)
        later = np.flatnonzero(is_on & (time >= limit))
        if len(later):
            told_before = np.flatnonzero(told[: later[0]] >= 0)  # what leads to that key is left out with it
            shown = int(told_before[-1]) + 1 if len(told_before) else 1
    none = np.full(len(tokens), -1)
    return _explanation(tokens, told, _played(piece, encoding), none, shown, encoding)


def _keys_told(tokens: NDArray[np.int64], encoding: PerformanceEncoding) -> NDArray[np.int64]:
    """Return of which key each token tells; of a pitch held twice, whichever began first comes up first."""
    told = np.full(len(tokens), -1)
    down: dict[int, deque[int]] = defaultdict(deque)
    count = 0
    for place, token in enumerate(tokens.tolist()):
        if encoding.on <= token < encoding.off:
            down[token - encoding.on].append(count)
            told[place] = count
            count += 1
        elif encoding.off <= token < encoding.velocity:
            told[place] = down[token - encoding.off].popleft()
    return told


def _played(piece: Composition, encoding: PerformanceEncoding) -> list[Note]:
    """Return the notes of a piece as its keys are told: by time, then pitch."""
    of_pitch: dict[int, list[Note]] = defaultdict(list)
    for track in piece.tracks:
        for note in track.notes if not track.is_drum else ():
            of_pitch[note.pitch].append(note)
    waiting = {pitch: deque(sorted(notes, key=_by_onset)) for pitch, notes in of_pitch.items()}
    return [waiting[key.pitch].popleft() for key in encoding.keys_of(piece)]


def _by_onset(note: Note) -> tuple[float, int]:
    return note.onset, note.velocity


def _explanation(
    tokens: NDArray[np.int64],
    told: NDArray[np.int64],
    notes: Sequence[Note],
    bar: NDArray[np.int64],
    shown: int,
    encoding: TokenEncoding | PerformanceEncoding,
) -> Explanation:
    count = int(told[:shown].max(initial=-1)) + 1
    return Explanation(
        tuple(
            Token(encoding.word(token), note, place)
            for token, note, place in zip(tokens[:shown].tolist(), told.tolist(), bar.tolist(), strict=False)
        ),
        tuple(notes[:count]),
        len(tokens),
        len(notes),
        encoding.size,
        shown == len(tokens),
    )


__all__ = ["Explanation", "Token", "explain_beat_tokens", "explain_performance"]
