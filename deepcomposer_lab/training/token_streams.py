"""What a Transformer reads while it trains: pieces as tokens, one after another, in many streams side by side.

Every stream reads whole pieces, or pieces from some bar on, each transposed by chance; where one ends the next begins.
The network keeps its memory from one segment of a stream to the next, so a piece is learnt as a whole, however long.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from deepcomposer_lab.datasets import Dataset
from deepcomposer_lab.encoding.sheet import MOST_PARTS, Sheet, sheet_of, whole_bars
from deepcomposer_lab.encoding.tokens import BAR, PITCH, TokenEncoding

LOWEST, HIGHEST = 21, 108  # the keys of a piano: no piece is transposed beyond
COLUMNS = ("token", "time", "position", "part", "metre", "target", "counts")


@dataclass(frozen=True)
class Piece:
    """A sheet and what kind of music it is: "chorales", "quartets" …"""

    sheet: Sheet
    kind: str


@dataclass(frozen=True, eq=False)
class Source:
    """A piece as tokens, made ready for reading.

    Parameters
    ----------
    columns : ndarray, int32, shape (5, T)
        Token, then its context: time, position, part, metre.
    bars : ndarray, int64, shape (bars,)
        Where a bar begins: a reader may begin there too.
    pitched : ndarray, bool, shape (T,)
        Which tokens are pitches: transposing adds to these.
    transpositions : range
        Semitones.
    weight : float
        How often it is drawn, beside others.
    kind : str
    """

    columns: NDArray[np.int32]
    bars: NDArray[np.int64]
    pitched: NDArray[np.bool_]
    transpositions: range
    weight: float
    kind: str

    @property
    def notes(self) -> int:
        """How many notes it has."""
        return int(self.pitched.sum())


def pieces_of(dataset: Dataset, split: str) -> list[Piece]:
    """Return the pieces of one split: the chorales of "bach_chorales", the scores of "classical".

    A score that cannot be cut into whole bars, or has more parts than there are tokens for, is left out.
    """
    if "names" in dataset.arrays and dataset.name == "bach_chorales":
        sheets = (sheet_of(piece.to_composition()) for piece in dataset.pieces(split))
        return [Piece(sheet, "chorales") for sheet, served in sheets if served]
    found = []
    for score in dataset.scores(split):
        sheet = sheet_of_score(score)
        if sheet is not None:
            found.append(Piece(sheet, score.kind))
    return found


def sheet_of_score(score: Any) -> Sheet | None:
    """Return a score of `Dataset.scores` on the grid, or None where it cannot be cut into whole bars."""
    if not len(score.notes) or len(score.parts) > MOST_PARTS:
        return None
    edges = [*score.bars[:, 0].tolist(), int(score.length)]
    stated = [
        (start, stop - start, top, bottom)
        for (start, stop), (_, top, bottom) in zip(pairwise(edges), score.bars.tolist(), strict=True)
        if stop > start
    ]
    bars = whole_bars(stated)
    if not bars:
        return None
    return Sheet.of(score.notes, np.array(bars, dtype=np.int64))


def joined(sheet: Sheet) -> Sheet:
    """Return a sheet in which a part's note that follows on an equal one is held, not struck again.

    The public JSB chorales are written so; the models that are compared on them never saw a repeated note.
    """
    notes = sheet.notes[np.lexsort((sheet.notes[:, 0], sheet.notes[:, 1], sheet.notes[:, 3]))]
    follows = np.zeros(len(notes), dtype=bool)
    same = (notes[1:, [1, 3]] == notes[:-1, [1, 3]]).all(axis=1)
    follows[1:] = same & (notes[1:, 0] == notes[:-1, 0] + notes[:-1, 2])
    run = np.cumsum(~follows) - 1
    kept = notes[~follows].copy()
    kept[:, 2] = np.bincount(run, weights=notes[:, 2]).astype(np.int64)
    return Sheet.of(kept, sheet.bars)


def source_of(piece: Piece, encoding: TokenEncoding, weight: float = 1.0, reach: tuple[int, int] = (-6, 5)) -> Source:
    """Write a piece down as tokens, and find how far it may be transposed."""
    tokens = encoding.encode(piece.sheet)
    kinds = encoding.kinds(tokens)
    context = encoding.context(tokens)
    pitches = piece.sheet.notes[:, 1]
    lowest, highest = (int(pitches.min()), int(pitches.max())) if len(pitches) else (60, 60)
    down, up = max(reach[0], min(0, LOWEST - lowest)), min(reach[1], max(0, HIGHEST - highest))
    return Source(
        columns=np.stack([tokens, *context]).astype(np.int32),
        bars=np.flatnonzero(kinds == BAR),
        pitched=kinds == PITCH,
        transpositions=range(down, up + 1),
        weight=weight,
        kind=piece.kind,
    )


def sources_of(
    pieces: Sequence[Piece], encoding: TokenEncoding, *, melody_share: float = 0.0, chorale_share: float = 0.0
) -> list[Source]:
    """Return everything that is read in training.

    Parameters
    ----------
    pieces : sequence of Piece
    encoding : TokenEncoding
    melody_share : float
        How often, of a piece with several parts, only the uppermost is read: people bring melodies.
    chorale_share : float
        Share of all tokens that are of chorales, where there is other music too. Every second time a chorale's
        repeated notes are joined.
    """
    sources: list[Source] = []
    for piece in pieces:
        share = melody_share if (piece.sheet.notes[:, 3] > 0).any() and (piece.sheet.notes[:, 3] == 0).any() else 0.0
        forms = [piece.sheet, joined(piece.sheet)] if piece.kind == "chorales" else [piece.sheet]
        sources += [source_of(replace(piece, sheet=form), encoding, (1 - share) / len(forms)) for form in forms]
        if share:
            sources.append(source_of(replace(piece, sheet=piece.sheet.with_parts([0])), encoding, share))
    ours = sum(source.weight * source.columns.shape[1] for source in sources if source.kind == "chorales")
    others = sum(source.weight * source.columns.shape[1] for source in sources) - ours
    if not chorale_share or not ours or not others:
        return sources
    more = chorale_share / (1 - chorale_share) * others / ours
    return [replace(source, weight=source.weight * (more if source.kind == "chorales" else 1)) for source in sources]


@dataclass
class _Reading:
    """Where a stream is: which piece, from which token on, how transposed, and the next token."""

    source: int
    begin: int
    semitones: int
    next: int


class Streams:
    """Streams of pieces side by side.

    Parameters
    ----------
    sources : sequence of Source
    count : int
        How many.
    excerpt_share : float
        How often a piece is read from some bar on instead of from its beginning: people bring excerpts.
    random : Generator
    """

    def __init__(self, sources: Sequence[Source], count: int, excerpt_share: float, random: Generator) -> None:
        self.sources, self.excerpt_share, self.random = sources, excerpt_share, random
        weights = np.array([source.weight for source in sources])
        self.chances = weights.cumsum() / weights.sum()
        self.readings = [self._drawn() for _ in range(count)]

    def read(self, length: int) -> NDArray[np.int32]:
        """Read on in every stream.

        Returns
        -------
        ndarray, int32, shape (7, streams, length)
            Token, time, position, part, metre; the token that follows, and whether it is to be foretold: what the next
            piece begins with is not.
        """
        rows = np.empty((len(COLUMNS), len(self.readings), length), dtype=np.int32)
        for index in range(len(self.readings)):
            self._fill(rows[:, index], index)
        return rows

    def _fill(self, rows: NDArray[np.int32], index: int) -> None:
        done = 0
        while done < rows.shape[1]:
            reading = self.readings[index]
            source = self.sources[reading.source]
            if reading.next < 0:  # Start: what follows is the bar it begins with
                rows[:, done] = (0, 0, 0, 0, 0, source.columns[0, reading.begin], 1)
                done, reading.next = done + 1, reading.begin
                continue
            end = source.columns.shape[1]
            stop = min(end, reading.next + rows.shape[1] - done)
            span = slice(reading.next, stop)
            into = rows[:, done : done + stop - reading.next]
            into[:5] = source.columns[:, span]
            into[0] += reading.semitones * source.pitched[span]
            into[1] -= source.columns[1, reading.begin]
            ahead = slice(reading.next + 1, stop + 1)
            following = source.columns[0, ahead] + reading.semitones * source.pitched[ahead]
            into[5, : len(following)], into[6] = following, 1
            done, reading.next = done + stop - reading.next, stop
            if stop == end:
                into[5:, -1] = 0  # after the End comes another piece
                self.readings[index] = self._drawn()

    def _drawn(self) -> _Reading:
        """Draw the next piece, where to begin, and its transposition."""
        chosen = int(np.searchsorted(self.chances, self.random.random(), side="right"))
        source = self.sources[min(chosen, len(self.sources) - 1)]
        begin = int(source.bars[0])
        if len(source.bars) > 2 and self.random.random() < self.excerpt_share:
            begin = int(self.random.choice(source.bars[:-1]))
        semitones = int(self.random.integers(source.transpositions.start, source.transpositions.stop))
        return _Reading(min(chosen, len(self.sources) - 1), begin, semitones, -1)

    def state(self) -> dict[str, Any]:
        """Return where every stream is, as plain values."""
        readings = [[r.source, r.begin, r.semitones, r.next] for r in self.readings]
        return {"readings": readings, "random": self.random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken."""
        self.readings = [_Reading(*reading) for reading in state["readings"]]
        self.random.bit_generator.state = state["random"]


__all__ = [
    "COLUMNS",
    "Piece",
    "Source",
    "Streams",
    "joined",
    "pieces_of",
    "sheet_of_score",
    "source_of",
    "sources_of",
]
