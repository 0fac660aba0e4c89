"""Tokens: a sheet of music as a sequence of words, as a Transformer reads and writes it, and the way back.

    Start · Bar 3/4 · Position 0 · Part 1 · Pitch C5 · Duration 1 · Part 2 · Pitch E4 · Duration 1 · Position 1 · …

A bar says its metre. A position says where in the bar something starts, in beats, and all that starts there follows:
part by part from above, in a part from the highest pitch to the lowest, each pitch with its duration. So every piece
has one spelling only, and what cannot come next is known: the *grammar*. It lets a model be sampled without ever making
nonsense, and a lesson explain it.

Beside each token stands its *context*, which the tokens before it tell: its time in steps, its place in the bar, the
part and the metre. The network is told these, as a reader of a score sees them.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.encoding.sheet import LONGEST_BAR, METRES, MOST_PARTS, STEPS_PER_BEAT, Sheet, bar_steps
from deepcomposer_lab.music.note import pitch_name

Tokens = NDArray[np.int64]  # (T,)
Mask = NDArray[np.bool_]  # (vocabulary,)

# Every length up to two beats; then ever coarser ones, up to sixteen beats.
DURATIONS: tuple[int, ...] = (*range(1, 49), *range(50, 97, 2), *range(100, 193, 4), *range(204, 385, 12))
_BAR_STEPS = np.array([bar_steps(*metre) for metre in METRES])
_DURATIONS = np.array(DURATIONS)
_METRE_INDEX = {metre: index for index, metre in enumerate(METRES)}


class Context(NamedTuple):
    """What stands beside tokens, each int64 (T,)."""

    time: NDArray[np.int64]  # steps since the first bar began
    position: NDArray[np.int64]  # steps since the bar began, plus one; 0 where none was told yet
    part: NDArray[np.int64]  # the part plus one; 0 where none was told yet
    metre: NDArray[np.int64]  # index of the metre plus one; 0 before the first bar


@dataclass(frozen=True)
class TokenEncoding:
    """The vocabulary. Saved with a model, and checked against it on load."""

    steps_per_beat: int = STEPS_PER_BEAT
    longest_bar: int = LONGEST_BAR
    parts: int = MOST_PARTS
    pitches: int = 128
    metres: int = len(METRES)
    durations: int = len(DURATIONS)

    def as_dict(self) -> dict[str, int]:
        """Return the plain values a model card keeps."""
        return asdict(self)

    def sizes(self) -> dict[str, int]:
        """Return what a network has to know, by the names of `networks.transformer_xl.TransformerXLConfig`."""
        return {
            "vocabulary": self.size,
            "positions": self.longest_bar + 1,
            "parts": self.parts + 1,
            "metres": self.metres + 1,
        }

    # The tokens of a kind lie side by side, in this order.
    start, end = 0, 1

    @cached_property
    def bar(self) -> int:
        """The first token of the kind Bar."""
        return 2

    @cached_property
    def position(self) -> int:
        """The first token of the kind Position."""
        return self.bar + self.metres

    @cached_property
    def part(self) -> int:
        """The first token of the kind Part."""
        return self.position + self.longest_bar

    @cached_property
    def pitch(self) -> int:
        """The first token of the kind Pitch."""
        return self.part + self.parts

    @cached_property
    def duration(self) -> int:
        """The first token of the kind Duration."""
        return self.pitch + self.pitches

    @cached_property
    def size(self) -> int:
        """How many tokens there are."""
        return self.duration + self.durations

    # --- Both directions --------------------------------------------------------------------------------------------

    def encode(self, sheet: Sheet, *, end: bool = True) -> Tokens:
        """Write a sheet down.

        A duration that has no token of its own becomes the next shorter one that has.

        Parameters
        ----------
        sheet : Sheet
        end : bool
            Whether the piece is over: then a last token says so.

        Returns
        -------
        ndarray, int64, shape (T,)
        """
        tokens: list[int] = [self.start]
        durations = duration_index(sheet.notes[:, 2]).tolist()
        notes = sheet.notes.tolist()
        index = 0
        for start, numerator, denominator in sheet.bars.tolist():
            tokens.append(self.bar + _METRE_INDEX[numerator, denominator])
            stop = start + bar_steps(numerator, denominator)
            before = before_part = -1
            while index < len(notes) and notes[index][0] < stop:
                onset, pitch, _, part = notes[index]
                if onset != before:
                    tokens.append(self.position + onset - start)
                    before, before_part = onset, -1
                if part != before_part:
                    tokens.append(self.part + part)
                    before_part = part
                tokens += (self.pitch + pitch, self.duration + durations[index])
                index += 1
        if end:
            tokens.append(self.end)
        return np.array(tokens, dtype=np.int64)

    def decode(self, tokens: Tokens | Sequence[int], *, first_step: int = 0) -> Sheet:
        """Read tokens; what breaks the grammar is left out, as is a note without a duration.

        Parameters
        ----------
        tokens : ndarray, int, shape (T,)
        first_step : int
            Where the first bar starts; below 0 where it is a pickup.
        """
        tokens = np.asarray(tokens, dtype=np.int64)
        context = self.context(tokens)
        kind = self.kinds(tokens)
        lasts = np.flatnonzero(kind == DURATION)
        lasts = lasts[lasts > 0]
        lasts = lasts[(kind[lasts - 1] == PITCH) & (context.part[lasts] > 0) & (context.position[lasts] > 0)]
        notes = np.column_stack(
            [
                first_step + context.time[lasts],
                tokens[lasts - 1] - self.pitch,
                _DURATIONS[tokens[lasts] - self.duration],
                context.part[lasts] - 1,
            ]
        )
        bars = np.flatnonzero(kind == BAR)
        metres = np.array(METRES)[tokens[bars] - self.bar].reshape(-1, 2)
        return Sheet.of(notes, np.column_stack([first_step + context.time[bars], metres]))

    def kinds(self, tokens: Tokens) -> NDArray[np.int64]:
        """Return the kind of each token: START, END, BAR, POSITION, PART, PITCH or DURATION."""
        edges = np.array([self.end, self.bar, self.position, self.part, self.pitch, self.duration])
        return np.searchsorted(edges, tokens, side="right").astype(np.int64)

    def context(self, tokens: Tokens | Sequence[int]) -> Context:
        """Return what stands beside tokens."""
        tokens = np.asarray(tokens, dtype=np.int64)
        kind = self.kinds(tokens)
        index = np.arange(len(tokens))
        bar = np.maximum.accumulate(np.where(kind == BAR, index, -1))
        metre = np.where(bar >= 0, tokens[bar] - self.bar + 1, 0)
        lengths = np.where(kind == BAR, _BAR_STEPS[np.clip(tokens - self.bar, 0, self.metres - 1)], 0)
        begins = np.concatenate([[0], np.cumsum(lengths)])[:-1]  # of a bar: where it begins
        placed = np.maximum.accumulate(np.where(kind == POSITION, index, -1))
        position = np.where(placed > bar, tokens[placed] - self.position + 1, 0)
        named = np.maximum.accumulate(np.where(kind == PART, index, -1))
        part = np.where(named > np.maximum(placed, bar), tokens[named] - self.part + 1, 0)
        began = np.where(bar >= 0, begins[bar], 0)
        return Context(began + np.maximum(position - 1, 0), position, part, metre)

    # --- Words ------------------------------------------------------------------------------------------------------

    def word(self, token: int) -> str:
        """Return a token in words: "Bar 3/4", "Position 1.5", "Pitch C5", "Duration 0.25"."""
        kind = int(self.kinds(np.array([token]))[0])
        value = token - (self.start, self.end, self.bar, self.position, self.part, self.pitch, self.duration)[kind]
        if kind == BAR:
            return "Bar {}/{}".format(*METRES[value])
        if kind == POSITION:
            return f"Position {_beats(value)}"
        if kind == PART:
            return f"Part {value + 1}"
        if kind == PITCH:
            return f"Pitch {pitch_name(value)}"
        if kind == DURATION:
            return f"Duration {_beats(DURATIONS[value])}"
        return ("Start", "End")[kind]

    def vocabulary(self) -> list[str]:
        """Return every token in words, in their order."""
        return [self.word(token) for token in range(self.size)]


START, END, BAR, POSITION, PART, PITCH, DURATION = range(7)
KINDS = ("Start", "End", "Bar", "Position", "Part", "Pitch", "Duration")


def duration_index(durations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for lengths in steps the index of the longest duration with a token that is not longer.

    Never a longer one: it could run into the next note of the same pitch.
    """
    return np.maximum(np.searchsorted(_DURATIONS, durations, side="right") - 1, 0).astype(np.int64)


def duration_steps(index: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Return the steps of durations by their index."""
    return np.asarray(_DURATIONS[index])


def _beats(steps: int) -> str:
    """Return steps in beats, as a whole number and a fraction of a beat: 36 is "1 1/2"."""
    whole, rest = divmod(steps, STEPS_PER_BEAT)
    if not rest:
        return str(whole)
    divisor = int(np.gcd(rest, STEPS_PER_BEAT))
    fraction = f"{rest // divisor}/{STEPS_PER_BEAT // divisor}"
    return f"{whole} {fraction}" if whole else fraction


class Grammar:
    """What may come next, token by token; and the context of what was said.

    Parameters
    ----------
    encoding : TokenEncoding

    Attributes
    ----------
    time, position, part, metre : int
        The context of the last token, as in `Context`.
    bar_start : int
        The step at which the present bar began.
    """

    def __init__(self, encoding: TokenEncoding) -> None:
        self.encoding = encoding
        self.kind, self.time, self.position, self.part, self.metre = START, 0, 0, 0, 0
        self.bar_start, self.bar_end = 0, 0
        self.pitch = -1  # the last one of this part at this position
        self.sounding: dict[tuple[int, int], int] = {}  # (part, pitch) -> the step at which it ends

    def said(self, token: int) -> None:
        """Take in the next token."""
        encoding = self.encoding
        if token >= encoding.duration:
            self.kind = DURATION
            self.sounding[self.part, self.pitch] = self.time + DURATIONS[token - encoding.duration]
        elif token >= encoding.pitch:
            self.kind, self.pitch = PITCH, token - encoding.pitch
        elif token >= encoding.part:
            self.kind, self.part, self.pitch = PART, token - encoding.part + 1, -1
        elif token >= encoding.position:
            self.kind, self.position, self.part = POSITION, token - encoding.position + 1, 0
            self.time = self.bar_start + self.position - 1
        elif token >= encoding.bar:
            self.kind, self.metre, self.position, self.part = BAR, token - encoding.bar + 1, 0, 0
            self.time = self.bar_start = self.bar_end
            self.bar_end += int(_BAR_STEPS[self.metre - 1])
        else:
            self.kind = START if token == encoding.start else END

    def allowed(self) -> Mask:
        """Return which tokens may come next: bool, (vocabulary,)."""
        encoding = self.encoding
        mask = np.zeros(encoding.size, dtype=bool)
        if self.kind == PITCH:
            mask[encoding.duration :] = True
            return mask
        if self.kind == POSITION:
            mask[encoding.part : encoding.pitch] = True
            return mask
        if self.kind in (PART, DURATION):
            highest = self.pitch if self.kind == DURATION else encoding.pitches
            mask[encoding.pitch : encoding.pitch + highest] = True
            self.sounding = {key: end for key, end in self.sounding.items() if end > self.time}
            for part, pitch in self.sounding:
                if part == self.part:
                    mask[encoding.pitch + pitch] = False
            if self.kind == PART:
                return mask
            mask[encoding.part + self.part : encoding.pitch] = True  # parts below
        if self.kind != START:
            mask[encoding.position + self.position : encoding.position + self.bar_end - self.bar_start] = True
            mask[encoding.end] = self.kind == DURATION or self.kind == BAR
        mask[encoding.bar : encoding.position] = True
        return mask
