"""Sampling: from what a Transformer finds likely to the token that is taken, within limits.

Logits z of the tokens that may come next become probabilities by *temperature* (creative risk) t,

    p_i = exp(z_i / t) / Σ_j exp(z_j / t),

then a *sampling technique* drops the unlikely ones, and one is drawn from those that are left:

- **top-k**: the k most likely stay;
- **nucleus** (Holtzman et al. 2020): the fewest that together have a probability of at least p;
- **random**: all stay.

What may come next is told by the grammar of the tokens, and by limits that the music keeps: no silence and no note
longer than asked for, no metre and no part that the input does not have, nothing before the seam.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.encoding.tokens import BAR, DURATION, DURATIONS, TokenEncoding
from deepcomposer_lab.models.reader import Reader

SAMPLING_TECHNIQUES = ("top_k", "nucleus", "random")
_LENGTHS = np.array(DURATIONS)
_EPSILON = 1e-9  # steps; rounding of a sum must not forbid what is just allowed

Numbers = NDArray[np.float64]  # (vocabulary,)
Mask = NDArray[np.bool_]  # (vocabulary,)


def probabilities(logits: NDArray[np.float32], mask: Mask, creative_risk: float = 1.0) -> Numbers:
    """Return how likely each token is that may come, at a temperature: float64, (vocabulary,); sums to 1."""
    scaled = np.where(mask, logits.astype(np.float64) / creative_risk, -np.inf)
    likely: Numbers = np.exp(scaled - scaled.max())
    return likely / likely.sum()


def cut(likely: Numbers, sampling_technique: str, sampling_threshold: float) -> Numbers:
    """Drop the unlikely tokens, and return the probabilities of those left: float64, (vocabulary,); sums to 1.

    Parameters
    ----------
    likely : ndarray, float64, shape (vocabulary,)
    sampling_technique : {"top_k", "nucleus", "random"}
    sampling_threshold : float
        Of "nucleus" the probability that is kept at least; of "top_k" the share of the vocabulary.
    """
    if sampling_technique == "random":
        return likely
    order = np.argsort(-likely, kind="stable")
    if sampling_technique == "top_k":
        count = max(1, round(sampling_threshold * len(likely)))
    else:
        together = np.cumsum(likely[order])
        count = 1 + int(np.searchsorted(together, sampling_threshold * together[-1] - 1e-12))
    kept = np.zeros_like(likely)
    kept[order[:count]] = likely[order[:count]]
    return kept / kept.sum()


def drawn(likely: Numbers, random: np.random.Generator) -> int:
    """Draw a token."""
    edges = np.cumsum(likely)
    place = int(np.searchsorted(edges, random.random() * edges[-1], side="right"))
    return min(place, int(np.flatnonzero(likely)[-1]))


@dataclass
class Limits:
    """What an extension keeps to, beside the grammar. Places in steps from the prompt's first bar line.

    Parameters
    ----------
    encoding : TokenEncoding
    seam, end : float
        Nothing new begins before the seam; nothing sounds after the end.
    longest_rest, longest_note : float
        Steps.
    parts : iterable of int
        Which parts may play.
    metre : int
        The token of the only metre.
    """

    encoding: TokenEncoding
    seam: float
    end: float
    longest_rest: float
    longest_note: float
    parts: Iterable[int]
    metre: int

    def __post_init__(self) -> None:
        self.until = self.seam  # until when anything sounds
        encoding = self.encoding
        own = np.zeros(encoding.size, dtype=bool)
        own[self.metre] = True
        own[encoding.position : encoding.part] = True
        own[[encoding.part + part for part in self.parts]] = True
        own[encoding.pitch : encoding.duration] = True
        shortest = int(_LENGTHS[0])
        own[encoding.duration :] = max(shortest, self.longest_note + _EPSILON) >= _LENGTHS
        self._own = own

    def allowed(self, reader: Reader) -> Mask:
        """Return which tokens may come next. There is always one.

        While something sounds or has just ended, the next onset is near enough to be allowed: a position of this bar
        is, or the next bar.
        """
        encoding, grammar = self.encoding, reader.grammar
        mask = grammar.allowed() & self._own
        latest = self.until + self.longest_rest + _EPSILON
        if grammar.bar_end > latest:
            mask[self.metre] = False
        first = max(0, int(np.ceil(self.seam - grammar.bar_start - _EPSILON)))
        last = int(np.floor(latest - grammar.bar_start))
        mask[encoding.position : encoding.position + min(first, encoding.longest_bar)] = False
        if last + 1 < encoding.longest_bar:
            mask[encoding.position + max(0, last + 1) : encoding.part] = False
        if grammar.kind == DURATION and grammar.time < self.seam - _EPSILON:
            mask[encoding.part : encoding.duration] = False  # no more notes beside those of the input
        return mask

    def is_full(self, reader: Reader, token: int) -> bool:
        """Return whether a token leads beyond the end."""
        encoding, grammar = self.encoding, reader.grammar
        kind = int(encoding.kinds(np.array([token]))[0])
        if kind == BAR:
            return grammar.bar_end >= self.end - _EPSILON
        is_position = encoding.position <= token < encoding.part
        return is_position and grammar.bar_start + token - encoding.position >= self.end - _EPSILON

    def sounding(self, reader: Reader) -> tuple[float, int, float, int] | None:
        """Return the note that the last token finished: onset, pitch, duration, part, in steps; or None."""
        grammar = reader.grammar
        if grammar.kind != DURATION:
            return None
        steps = float(_LENGTHS[reader.tokens[-1] - self.encoding.duration])
        steps = min(steps, self.longest_note, self.end - grammar.time)
        self.until = max(self.until, grammar.time + steps)
        return float(grammar.time), grammar.pitch, steps, grammar.part - 1
