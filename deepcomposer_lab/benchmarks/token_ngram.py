"""An n-gram over the Transformer's own tokens: what can be foretold by counting alone.

What follows a context is counted in training, and contexts grow: with every step something more is remembered, and what
was counted is mixed with what the shorter context says, as in Witten and Bell (1991):

    P_k(token) = ( count_k(token) + T_k P_{k−1}(token) ) / ( N_k + T_k )

N the times the context occurred, T the different tokens that followed. Nothing of it is fitted; what the grammar
forbids is taken away, and the rest scaled up, as for the network.

A pitch is counted as an interval: to the last uppermost note of its part, or in a chord to the note above it. So every
transposition of the training data counts, at the price of one. There are three ways to grow a context (`CHAINS`):

- *tokens*: one, two … five tokens back, pitches among them as intervals;
- *reader*: what a reader of a score sees, the most telling first: place in the bar and metre, part, the last duration
  and interval of the same part, how far the note above lies from it …;
- *listener*: the same, but what comes when is told by what sounds: how long until a part falls silent, and which are;

and a fourth row, *all*, is the mean of their probabilities. Which one is the floor is decided on validation pieces.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.encoding.tokens import (
    BAR,
    DURATION,
    PART,
    PITCH,
    POSITION,
    START,
    Context,
    TokenEncoding,
    Tokens,
    duration_steps,
)
from deepcomposer_lab.models.likelihood import allowed

Column = NDArray[np.int64]  # (T - 1,): something that is known before each token but the first

INTERVALS = 255  # −127 … 127
NOTHING = 999  # a feature that has no value yet
MIDDLE_C = 60

# What is foretold, by the kind of the token before it.
NEXT, WHO, WHICH, HOW_LONG = range(4)
_ASKED = np.zeros(7, dtype=np.int64)
_ASKED[[POSITION, PART, PITCH]] = WHO, WHICH, HOW_LONG

# For what is foretold, which feature makes the context longer, one after the other.
CHAINS: dict[str, dict[int, tuple[str, ...]]] = {
    "tokens": dict.fromkeys((NEXT, WHO, WHICH, HOW_LONG), ("back 1", "back 2", "back 3", "back 4", "back 5")),
    "reader": {
        NEXT: ("place", "part", "back 1", "duration above", "part's duration"),
        WHO: ("place", "part before", "parts before", "duration before", "back 3"),
        WHICH: ("part", "part's interval", "above", "place", "part's duration"),
        HOW_LONG: ("place", "duration above", "part", "part's duration", "interval"),
    },
    "listener": {
        NEXT: ("until silent", "silent below", "place", "back 1", "part's duration"),
        WHO: ("silent", "place", "parts before", "duration before", "back 3"),
        WHICH: ("part", "part's interval", "above", "place", "part's duration"),
        HOW_LONG: ("place", "duration above", "part", "part's duration", "interval"),
    },
}
ALL = "all"


def interval_symbol(encoding: TokenEncoding, semitones: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Return what is counted for a pitch that lies so many semitones above what it is compared with."""
    return np.asarray(encoding.size + 127 + semitones, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Text:
    """A piece as the n-gram reads it; all but `tokens` stands beside tokens[1:].

    Parameters
    ----------
    tokens : ndarray, int64, shape (T,)
    asked : Column
        NEXT, WHO, WHICH or HOW_LONG.
    symbol : Column
        The token, or of a pitch `interval_symbol`.
    reference : Column
        The pitch that a pitch would be compared with.
    features : mapping of str to Column
    """

    tokens: Tokens
    asked: Column = field(repr=False)
    symbol: Column = field(repr=False)
    reference: Column = field(repr=False)
    features: Mapping[str, Column] = field(repr=False)

    @classmethod
    def of(cls, encoding: TokenEncoding, tokens: Tokens) -> Text:
        """Read a piece; its tokens have to keep to the grammar."""
        kind = encoding.kinds(tokens)
        context = encoding.context(tokens)
        index = np.arange(len(tokens))
        asked = _ASKED[kind]
        pitch = np.where(kind == PITCH, tokens - encoding.pitch, 0)
        written = _latest(kind == PITCH)  # the last pitch up to here: its place, or −1
        last_pitch = np.where(written >= 0, pitch[written], MIDDLE_C)
        lasting = _latest(kind == DURATION)
        last_duration = np.where(lasting >= 0, tokens[lasting], NOTHING)

        # The uppermost note of a part at an onset is the one whose pitch follows the part's name.
        named = np.flatnonzero(kind == PART)
        named = named[named + 2 < len(tokens)]
        top, length = pitch[named + 1], tokens[named + 2]
        before, before_that = _same_part(context.part[named])
        known = before >= 0
        reference = last_pitch.copy()  # in a chord: the note above
        reference[named] = np.where(known, top[before], last_pitch[named])
        leap = np.where(known & (before_that >= 0), top[before] - top[before_that], NOTHING)
        fresh = np.where(known, length[before], NOTHING)

        # Of the part that was named last.
        of = np.searchsorted(named, index, side="right") - 1
        inside = (of >= 0) & (context.part > 0)
        together = (lasting >= 0) & (lasting > _latest((kind == POSITION) | (kind == BAR)))  # at this onset
        symbol = np.where(kind == PITCH, interval_symbol(encoding, pitch - np.roll(reference, 1)), tokens)
        bits = np.where(kind == PART, 1 << np.clip(context.part, 0, 20), 0).cumsum()
        placed = _latest((kind == POSITION) | (kind == BAR))
        placed_before = np.where(placed > 0, placed[np.maximum(placed - 1, 0)], -1)
        at_onset_before = np.where(
            placed_before >= 0, bits[np.maximum(placed - 1, 0)] - bits[np.maximum(placed_before, 0)], 0
        )
        until, below, silent = _sounding(encoding, tokens, kind, context)
        features = {
            "until silent": until,
            "silent below": below,
            "silent": silent,
            **{f"back {n}": _back(symbol, n - 1) for n in range(1, 6)},
            "place": context.position + 256 * context.metre,
            "part": context.part,
            "part before": np.where(index >= 2, _back(context.part, 2), NOTHING),
            "parts before": at_onset_before,
            "duration before": last_duration,
            "duration above": np.where(together, last_duration, NOTHING),
            "above": np.where(together, last_pitch - reference, NOTHING),
            "part's interval": np.where(inside, leap[of] if len(named) else NOTHING, NOTHING),
            "part's duration": np.where(inside, fresh[of] if len(named) else NOTHING, NOTHING),
            "interval": np.where(kind == PITCH, symbol, NOTHING),
        }
        return cls(tokens, asked[:-1], symbol[1:], reference[:-1], {name: one[:-1] for name, one in features.items()})

    def contexts(self, chain: Mapping[int, Sequence[str]]) -> list[NDArray[np.uint64]]:
        """Return the contexts of a chain, the shortest first, each a row of numbers that stand for it: (T − 1,)."""
        found = [_mixed(np.zeros(len(self.asked), dtype=np.uint64), self.asked)]
        for names in zip(*(chain[asked] for asked in (NEXT, WHO, WHICH, HOW_LONG)), strict=True):
            more = np.choose(self.asked, [self.features[name] for name in names])
            found.append(_mixed(found[-1], more))
        return found


def _sounding(
    encoding: TokenEncoding, tokens: Tokens, kind: NDArray[np.int64], context: Context
) -> tuple[Column, Column, Column]:
    """Return what is heard after each token, as far as the parts' last notes tell.

    Returns
    -------
    until, below, silent : Column
        Steps until the next part falls silent, how many parts farther down the next silent one is, and which parts are
        silent, as bits. Parts that have not played yet are neither.
    """
    parts = np.unique(context.part[kind == PITCH])
    until = np.full(len(tokens), NOTHING)
    below, silent = np.zeros(len(tokens), dtype=np.int64), np.zeros(len(tokens), dtype=np.int64)
    named = np.clip(tokens - encoding.duration, 0, encoding.durations - 1)
    lasts = np.where(kind == DURATION, duration_steps(named), 0)
    for part in parts[::-1].tolist():
        at = _latest((kind == DURATION) & (context.part == part))
        left = np.where(at >= 0, (context.time + lasts)[at] - context.time, 0)
        until = np.where(left > 0, np.minimum(until, left), until)
        quiet = (at >= 0) & (left <= 0)
        silent |= np.where(quiet, 1 << part, 0)
        below = np.where(quiet & (part > context.part), part - context.part, below)
    return until, below, silent


def _latest(there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each place the last one up to it where something is, −1 before the first."""
    latest: NDArray[np.int64] = np.maximum.accumulate(np.where(there, np.arange(len(there)), -1))
    return latest


def _back(column: Column, places: int) -> Column:
    return np.concatenate([np.full(min(places, len(column)), NOTHING), column[: max(0, len(column) - places)]])


def _same_part(part: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each entry the one before of the same part, and the one before that; −1 where there is none."""
    order = np.argsort(part, kind="stable")
    ranked = part[order]
    found = []
    for places in (1, 2):
        before = np.full(len(part), -1)
        same = np.flatnonzero(ranked[places:] == ranked[:-places]) + places
        before[order[same]] = order[same - places]
        found.append(before)
    return found[0], found[1]


def _mixed(so_far: NDArray[np.uint64], more: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Stir numbers into others, so that different pairs give different numbers but for one chance in 2⁶⁴."""
    with np.errstate(over="ignore"):
        x = (so_far ^ (more.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(32))


# --- Counting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Counts:
    """What followed some contexts in training.

    Parameters
    ----------
    first : ndarray, int64, shape (contexts + 1,)
        Where the entries of each context begin.
    symbol, count : ndarray, shape (entries,)
    """

    first: NDArray[np.int64] = field(repr=False)
    symbol: NDArray[np.int64] = field(repr=False)
    count: NDArray[np.float64] = field(repr=False)

    @classmethod
    def of(cls, keys: NDArray[np.int64], times: NDArray[np.int64], contexts: int, symbols: int) -> Counts:
        """Read keys = context · symbols + symbol, each with how often it occurred; a key may come several times."""
        keys, back = np.unique(keys, return_inverse=True)
        count = np.bincount(back, weights=times, minlength=len(keys)).astype(np.float64)
        return cls(np.searchsorted(keys, np.arange(contexts + 1) * symbols), keys % symbols, count)

    def mix_in(self, probability: NDArray[np.float64], context: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return P_k of P_{k−1}: (n, symbols) and the context of each row, (n,) -> (n, symbols)."""
        start, lengths = self.first[context], np.diff(self.first)[context]
        row = np.repeat(np.arange(len(context)), lengths)
        entry = np.arange(len(row)) - np.repeat(lengths.cumsum() - lengths, lengths) + np.repeat(start, lengths)
        total = np.bincount(row, weights=self.count[entry], minlength=len(context))
        whole = total + lengths
        probability = probability * np.divide(lengths, whole, out=np.ones(len(context)), where=whole > 0)[:, None]
        probability[row, self.symbol[entry]] += self.count[entry] / whole[row]
        return probability


def _block_keys(
    context: NDArray[np.uint64], symbol: Column, wanted: NDArray[np.uint64], symbols: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what followed the wanted contexts in some training pieces: keys and how often each occurred."""
    at = np.minimum(np.searchsorted(wanted, context), len(wanted) - 1)
    known = wanted[at] == context
    return np.unique(at[known] * symbols + symbol[known], return_counts=True)


_BLOCK = 200_000  # training tokens read at a time
_ROWS = 1024  # tokens foretold at a time


def ngram_bits(
    encoding: TokenEncoding,
    training: Iterable[Tokens],
    pieces: Sequence[Tokens],
    chains: Mapping[str, Mapping[int, Sequence[str]]] = CHAINS,
) -> dict[str, list[NDArray[np.float64]]]:
    """Count training pieces, and return what each token of other pieces costs.

    Only contexts that occur in those other pieces are counted: the others are never asked for.

    Parameters
    ----------
    encoding : TokenEncoding
    training, pieces : of Tokens
        Whole pieces, from Start to End.
    chains : mapping of str to chain
        What contexts are made of; see `CHAINS`.

    Returns
    -------
    dict of str to list of ndarray, float64, shape (T − 1,)
        −log2 P of tokens[1:] of each piece, by chain, and by the mean of all chains under "all".
    """
    texts = [Text.of(encoding, tokens) for tokens in pieces]
    symbols = encoding.size + INTERVALS
    asked = {name: _joined(texts, chain) for name, chain in chains.items()}
    wanted = {name: [np.unique(order) for order in orders] for name, orders in asked.items()}
    counted = _counted(encoding, training, wanted, chains, symbols)
    which = {
        name: [np.searchsorted(known, order) for known, order in zip(wanted[name], asked[name], strict=True)]
        for name in chains
    }
    tokens = np.concatenate([text.tokens[1:] for text in texts])
    reference = np.concatenate([text.reference for text in texts])
    masks = np.concatenate([np.packbits(allowed(encoding, piece[:-1].tolist()), axis=1) for piece in pieces])
    bits: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*chains, ALL)}
    for start in range(0, len(tokens), _ROWS):
        rows = slice(start, start + _ROWS)
        mask = np.unpackbits(masks[rows], axis=1, count=encoding.size).astype(bool)
        true = np.arange(len(mask)), tokens[rows]
        found = []
        for name in chains:
            probability = np.full((len(mask), symbols), 1 / symbols)
            for counts, contexts in zip(counted[name], which[name], strict=True):
                probability = counts.mix_in(probability, contexts[rows])
            by_token = _by_token(encoding, probability, reference[rows]) * mask
            found.append(by_token[true] / by_token.sum(axis=1))
            bits[name].append(-np.log2(found[-1]))
        bits[ALL].append(-np.log2(np.mean(found, axis=0)))
    edges = np.cumsum([len(text.asked) for text in texts])[:-1]
    return {name: np.split(np.concatenate(parts), edges) for name, parts in bits.items()}


def _joined(texts: Sequence[Text], chain: Mapping[int, Sequence[str]]) -> list[NDArray[np.uint64]]:
    return [np.concatenate(orders) for orders in zip(*(text.contexts(chain) for text in texts), strict=True)]


def _counted(
    encoding: TokenEncoding,
    training: Iterable[Tokens],
    wanted: Mapping[str, Sequence[NDArray[np.uint64]]],
    chains: Mapping[str, Mapping[int, Sequence[str]]],
    symbols: int,
) -> dict[str, list[Counts]]:
    """Count the training pieces, some at a time: {chain: of each order what followed the wanted contexts}."""
    found: dict[str, list[list[tuple[NDArray[np.int64], NDArray[np.int64]]]]]
    found = {name: [[] for _ in orders] for name, orders in wanted.items()}

    def take(texts: Sequence[Text]) -> None:
        symbol = np.concatenate([text.symbol for text in texts])
        for name, chain in chains.items():
            for order, context in enumerate(_joined(texts, chain)):
                found[name][order].append(_block_keys(context, symbol, wanted[name][order], symbols))

    block: list[Text] = []
    for tokens in training:
        block.append(Text.of(encoding, tokens))
        if sum(len(text.tokens) for text in block) > _BLOCK:
            take(block)
            block = []
    if block:
        take(block)
    none = np.zeros(0, dtype=np.int64)
    return {
        name: [
            Counts.of(
                np.concatenate([none, *(keys for keys, _ in parts)]),
                np.concatenate([none, *(times for _, times in parts)]),
                len(known),
                symbols,
            )
            for parts, known in zip(found[name], wanted[name], strict=True)
        ]
        for name in chains
    }


def _by_token(
    encoding: TokenEncoding, probability: NDArray[np.float64], reference: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the probability of tokens from that of symbols: (n, symbols) -> (n, vocabulary)."""
    found = probability[:, : encoding.size].copy()
    semitones = np.arange(encoding.pitches) - reference[:, None]
    pitches = slice(encoding.pitch, encoding.pitch + encoding.pitches)
    found[:, pitches] = np.take_along_axis(probability, interval_symbol(encoding, semitones), axis=1)
    return found


def strongest(bits: Mapping[str, Sequence[NDArray[np.float64]]]) -> str:
    """Return the chain that needs the fewest bits."""
    return min(bits, key=lambda name: sum(float(piece.sum()) for piece in bits[name]))


assert START < BAR  # `_ASKED` leaves what begins a bar, and what follows a duration, at NEXT
