"""Likelihood in bits a note: what a piece costs, −log₂ P of all that is written down, divided by its notes.

Bits a token say nothing across tokenisers: one writes a note with two tokens, another with five. A note is a note. All
of a piece is on the account: metres, bars, positions, parts, pitches, durations, the end. And, since some durations
share a token, which of them it is: by how often training had each of them, plus a part of one for those it had not
(`Lengths`). That is next to nothing, but a model that did not pay for it would not tell the piece.

*JSB test.* The 77 test pieces of the public Jsb16thSeparated.npz. It does not tell a held note from a repeated one; a
note is a longest run of one pitch in one voice: 17,525 in 18,900 frames of four voices. Metre and pickup come from the
project's own chorales, and are paid for.

*Published marks* are turned to this unit where their papers say how many things they foretold (`MARKS`). Compare with
care; what each leaves out or adds stands beside it.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.intervals import Draws, Weights, ratio
from deepcomposer_lab.benchmarks.token_ngram import ngram_bits, strongest
from deepcomposer_lab.datasets import load_dataset, read_jsb
from deepcomposer_lab.encoding.performance import PerformanceEncoding
from deepcomposer_lab.encoding.sheet import Sheet, sheet_of
from deepcomposer_lab.encoding.tokens import DURATIONS, TokenEncoding, Tokens, duration_index
from deepcomposer_lab.training.token_streams import Piece, joined, pieces_of

JSB_NOTES, JSB_FRAMES, JSB_VOICES = 17_525, 18_900, 4
# The tokens that the original's encoding writes for them at 100 bpm (`original_tokens`), the tempo of its own files.
JSB_ORIGINAL_TOKENS = 42_665
ORIGINAL_BPM = 100.0
LONGEST = 64 * 96  # steps: 64 bars of 4/4, longer than any note of any piece here

TokenBits = Callable[[Tokens], NDArray[np.float64]]  # tokens (T,) -> −log2 p of tokens[1:], (T − 1,)


# --- Pieces ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Lengths:
    """How often training had each duration, in steps: which of those that share a token a note has.

    P(length | token) = (count + 1/n) / (all + 1), n lengths that share the token.
    """

    count: NDArray[np.int64] = field(repr=False)  # (LONGEST + 1,)

    @classmethod
    def of(cls, sheets: Sequence[Sheet]) -> Lengths:
        """Count the durations of training pieces."""
        return cls(sum((_durations(sheet) for sheet in sheets), np.zeros(LONGEST + 1, dtype=np.int64)))

    def bits(self, sheet: Sheet) -> float:
        """Return what a piece's durations cost, given their tokens."""
        edges = np.array([*DURATIONS, LONGEST + 1])
        together = np.add.reduceat(self.count, edges[:-1])
        index = duration_index(np.arange(1, LONGEST + 1))
        sharing = np.diff(edges)[index]
        share = (self.count[1:] + 1 / sharing) / (together[index] + 1)
        return float(-(_durations(sheet)[1:] * np.log2(share)).sum())


def _durations(sheet: Sheet) -> NDArray[np.int64]:
    return np.bincount(np.minimum(sheet.notes[:, 2], LONGEST), minlength=LONGEST + 1)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces to be foretold.

    Parameters
    ----------
    tokens : list of Tokens
    notes : ndarray, int64, shape (pieces,)
    length_bits : ndarray, float64, shape (pieces,)
        What `Lengths` adds.
    kinds : list of str
    """

    tokens: list[Tokens] = field(repr=False)
    notes: NDArray[np.int64] = field(repr=False)
    length_bits: NDArray[np.float64] = field(repr=False)
    kinds: list[str] = field(repr=False)

    @classmethod
    def of(cls, pieces: Sequence[Piece], encoding: TokenEncoding, lengths: Lengths) -> Pieces:
        """Write pieces down."""
        return cls(
            [encoding.encode(piece.sheet) for piece in pieces],
            np.array([len(piece.sheet.notes) for piece in pieces]),
            np.array([lengths.bits(piece.sheet) for piece in pieces]),
            [piece.kind for piece in pieces],
        )

    def total(self, bits: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return what each piece costs in all, from what its tokens cost."""
        return np.array([float(piece.sum()) for piece in bits]) + self.length_bits

    def per_note(self, bits: Sequence[NDArray[np.float64]], weights: Weights) -> Draws:
        """Return bits a note over all pieces taken."""
        return ratio(self.total(bits), self.notes, weights)

    def per_note_by_kind(self, bits: Sequence[NDArray[np.float64]], weights: Weights) -> dict[str, Draws]:
        """Return bits a note of each kind of music."""
        total = self.total(bits)
        found = {}
        for kind in dict.fromkeys(self.kinds):
            own = np.array([other == kind for other in self.kinds])
            found[kind] = ratio(total * own, self.notes * own, weights)
        return found


def jsb_pieces(path: Path, split: str = "test") -> tuple[list[Piece], list[bool]]:
    """Return the public JSB chorales, and whether training heard the melody of each.

    Raises
    ------
    ValueError
        When the file is not the public one.
    """
    pieces = read_jsb(path, split)
    sheets = [sheet_of(piece.to_composition()) for piece in pieces]
    counted = sum(len(sheet.notes) for sheet, _ in sheets), sum(piece.steps for piece in pieces)
    if split == "test" and counted != (JSB_NOTES, JSB_FRAMES):
        raise ValueError(
            f"The test pieces of {path} have {counted[0]} notes in {counted[1]} frames; the public file has "
            f"{JSB_NOTES} in {JSB_FRAMES}."
        )
    return [Piece(sheet, "chorales") for sheet, _ in sheets], [piece.heard_melody for piece in pieces]


def chorales(split: str, *, join: bool = False) -> list[Piece]:
    """Return the chorales that ship; with `join`, repeated notes held as the public JSB chorales have them."""
    pieces = pieces_of(load_dataset("bach_chorales"), split)
    return [Piece(joined(piece.sheet), piece.kind) for piece in pieces] if join else pieces


# --- The n-gram ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class NGramRow:
    """The n-gram on the same pieces.

    Parameters
    ----------
    bits : mapping of str to list of ndarray
        Of each chain, what each token of each piece costs.
    chain : str
        The one that costs the fewest bits on validation pieces.
    """

    bits: Mapping[str, Sequence[NDArray[np.float64]]] = field(repr=False)
    chain: str

    @classmethod
    def of(
        cls, encoding: TokenEncoding, training: Sequence[Piece], validation: Sequence[Piece], pieces: Pieces
    ) -> NGramRow:
        """Count training pieces, choose on validation pieces, and measure the others."""
        chosen_on = [encoding.encode(piece.sheet) for piece in validation]
        counted = (encoding.encode(piece.sheet) for piece in training)
        bits = ngram_bits(encoding, counted, [*chosen_on, *pieces.tokens])
        chain = strongest({name: found[: len(chosen_on)] for name, found in bits.items()})
        return cls({name: found[len(chosen_on) :] for name, found in bits.items()}, chain)


# --- Published marks -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """A published likelihood.

    Parameters
    ----------
    key, name : str
    nats : float
        For each thing foretold, as published.
    things : int
        How many things its way of writing foretells for the JSB test pieces.
    what : str
        What such a thing is.
    remark : str
        What is not comparable about it.
    """

    key: str
    name: str
    nats: float
    things: int
    what: str
    remark: str

    @property
    def bits_per_note(self) -> float:
        """Nats a thing, times things a note, in bits."""
        return self.nats * self.things / JSB_NOTES / math.log(2)

    @property
    def arithmetic(self) -> str:
        """The same, written out."""
        return f"{self.nats:.3f} nats × {self.things:,} {self.what} / {JSB_NOTES:,} notes / ln 2"


_VOICE_TOKENS = JSB_FRAMES * JSB_VOICES  # 75,600: each voice at each sixteenth

ORIGINAL = Mark(
    "original",
    "the original",
    0.968,
    JSB_ORIGINAL_TOKENS,
    "tokens",
    "of its own MIDI of these pieces, its step chosen on validation; no voices, metre or end told",
)
MARKS = (
    ORIGINAL,
    Mark(
        "music_transformer",
        "Music Transformer",
        0.335,
        _VOICE_TOKENS,
        "voice tokens",
        "of validation pieces, not of test; it knows the sixteenth grid; no metre or end told",
    ),
    Mark(
        "tonicnet",
        "TonicNet",
        0.224,
        _VOICE_TOKENS,
        "voice tokens",
        "of validation pieces; its mean is over five tokens a frame, one of them a chord",
    ),
    Mark(
        "bigram",
        "bigram with beat phase",
        0.740,
        _VOICE_TOKENS,
        "voice tokens",
        "of the test pieces: a voice's next cell, by its last one and the place in the beat",
    ),
)


def original_tokens(path: Path, bpm: float = ORIGINAL_BPM) -> int:
    """Return how many tokens the original's encoding writes for the JSB test pieces, Start not counted."""
    encoding = PerformanceEncoding()
    return sum(len(encoding.encode(piece.to_composition().with_tempo(bpm))) - 1 for piece in read_jsb(path, "test"))
