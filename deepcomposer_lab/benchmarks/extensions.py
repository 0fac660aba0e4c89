"""What extensions are like, beside how the pieces really go on.

*Prompts.* Held-out pieces are cut at bar lines, so that at least `HEARD` seconds lie before and `SECONDS` after; the
cuts are spread over the pieces, and are the same every time. What lies before, at most `LISTENED` seconds of it, is
given to the technique, and prompt i is extended with seed i. The *real* continuation is what the piece has there.

*Passage.* What is new in the extension, from the seam on, and of the real piece as much. Bars are those of the metre at
the seam, counted from it; steps are twenty-fourths of a beat.

| measure | definition |
|---|---|
| `notes_per_beat` | notes that start in the passage, divided by its beats |
| `polyphony` | how many different pitches sound, on average over the steps at which any does |
| `in_scale_ratio` | share of notes in the key of what was given, minor with its raised sixth and seventh too |
| `pitch_class_entropy` | entropy of the notes' pitch classes, in bits: 0 one class, 3.58 all twelve alike |
| `rests` | share of the passage's steps at which nothing sounds |
| `bar_similarity` | mean over neighbouring bars of \\|A ∩ B\\| / \\|A ∪ B\\|, A and B the (place in the bar, pitch) of the notes that start in them; two empty bars are left out |
| `looped_bars` | share of bars that are, note for note, one of the two bars before; empty ones are not counted |

*Copied*: the longest run of notes, all parts together, that the passage shares with a training piece or with one part
of it (copies.py), in bars and in notes. *Over two bars*: the share of passages in which it lasts two bars or longer, and
has at least four notes: two long ones are in every piece. *Of a part*: the same of each part alone. Real music shares so
much of its parts with other music that nothing can be told from it but whether extensions share more.

*Collapsed*: fewer than two notes; or in the second half nothing sounds; or there one pitch alone starts, three times or
more.

Lesson: notebooks/09_transformers.ipynb.
"""  # noqa: E501

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.copies import Copy, Notes, longest_copies, texture
from deepcomposer_lab.benchmarks.harmony import SCALES, pitch_class_sets
from deepcomposer_lab.benchmarks.intervals import Draws, Weights, mean
from deepcomposer_lab.encoding.sheet import STEPS_PER_BEAT, sheet_of
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.key import find_key
from deepcomposer_lab.music.metre import beats_to_seconds

PROMPTS, QUICK_PROMPTS = 100, 8
SECONDS = 15.0
HEARD = 8.0  # seconds before a cut, at least
LISTENED = 20.0  # and at most
LONG_COPY = 2.0  # bars
FEWEST_COPIED = 4  # notes

MEASURES = (
    "notes_per_beat",
    "polyphony",
    "in_scale_ratio",
    "pitch_class_entropy",
    "rests",
    "bar_similarity",
    "looped_bars",
)

Extend = Callable[[Composition, int], Composition]  # (what is given, seed) -> it and its extension


@dataclass(frozen=True, eq=False)
class Passage:
    """Fifteen seconds of music after a seam.

    Parameters
    ----------
    notes : ndarray, int64, shape (n, 4)
        Columns onset, pitch, duration, part, counted from the seam; all start before `steps`, and end there at last.
    steps : int
        How long it is.
    bar : int
        Steps of a bar.
    key : (int, int)
        Of what was given: pitch class of the tonic, 0 major or 1 minor.
    """

    notes: NDArray[np.int64] = field(repr=False)
    steps: int
    bar: int
    key: tuple[int, int]

    @classmethod
    def of(cls, notes: NDArray[np.int64], steps: int, bar: int, key: tuple[int, int]) -> Passage:
        """Take what starts in [0, steps), and cut what sounds beyond."""
        notes = notes[(notes[:, 0] >= 0) & (notes[:, 0] < steps)].copy()
        notes[:, 2] = np.minimum(notes[:, 2], steps - notes[:, 0])
        return cls(notes, steps, bar, key)


@dataclass(frozen=True, eq=False)
class Prompt:
    """A held-out piece up to a bar line, and how it goes on.

    Parameters
    ----------
    name : str
    given : Composition
        Its tracks that are not drums, at one tempo.
    real : Passage
    """

    name: str
    given: Composition = field(repr=False)
    real: Passage = field(repr=False)

    @classmethod
    def cut(cls, piece: Composition, at: float) -> Prompt:
        """Cut a piece at a beat."""
        bpm = _bpm_at(piece, at)
        beat, beats = 60 / bpm, SECONDS * bpm / 60
        start = max([0.0, *(bar for bar in piece.bars if at - bar > LISTENED / beat)])
        starts = [bar for bar in piece.bars if start <= bar < at and (at - bar) * beat <= LISTENED]
        given = piece.trim(starts[0] if starts else start, at).with_tempo(bpm)
        notes = sheet_of(piece)[0].notes - np.array([round(at * STEPS_PER_BEAT), 0, 0, 0])
        bar = round(piece.metre_at(at).bar_beats * STEPS_PER_BEAT)
        return cls(piece.title, given, Passage.of(notes, round(beats * STEPS_PER_BEAT), bar, find_key(given)))

    def passage(self, extended: Composition) -> Passage:
        """Return what is new in an extension: from the first beat line on at which nothing given sounds any more."""
        before, after = (sheet_of(music)[0].notes for music in (self.given, extended))
        known = {(onset, pitch, part) for onset, pitch, _, part in before.tolist()}
        new = np.array([(onset, pitch, part) not in known for onset, pitch, _, part in after.tolist()], dtype=bool)
        seam = math.ceil(self.given.end - 1e-6) * STEPS_PER_BEAT
        notes = after[new] - np.array([seam, 0, 0, 0])
        return Passage.of(notes, self.real.steps, self.real.bar, self.real.key)


def _bpm_at(piece: Composition, beat: float) -> float:
    return [change.bpm for change in piece.tempos if change.onset <= beat][-1]


def cuts_of(piece: Composition) -> list[float]:
    """Return the bar lines at which a piece can be cut: enough before, enough after."""
    latest = piece.seconds - SECONDS
    return [bar for bar in piece.bars if HEARD <= beats_to_seconds(piece.tempos, bar) <= latest]


def prompts_of(pieces: Sequence[Composition], count: int = PROMPTS) -> list[Prompt]:
    """Return prompts, no two the same, spread evenly over the pieces and over the cuts of each; the same every time.

    Where there are more pieces than prompts, every so many-th piece gives one. Where there are too few cuts in all,
    there are fewer prompts.

    Raises
    ------
    ValueError
        When no piece is long enough.
    """
    found = [(piece, cuts) for piece in pieces if (cuts := cuts_of(piece))]
    if not found:
        raise ValueError(f"No piece is longer than {HEARD + SECONDS:g} seconds, as one to be extended has to be.")
    giving = min(count, len(found))
    chosen = [found[index * len(found) // giving] for index in range(giving)]
    count = min(count, sum(len(cuts) for _, cuts in chosen))
    shares = [0] * giving
    while sum(shares) < count:
        for index, (_, cuts) in enumerate(chosen):
            shares[index] += shares[index] < len(cuts) and sum(shares) < count
    return [
        Prompt.cut(piece, cuts[(2 * turn + 1) * len(cuts) // (2 * share)])
        for (piece, cuts), share in zip(chosen, shares, strict=True)
        for turn in range(share)
    ]


# --- Measures ----------------------------------------------------------------------------------------------------


def measure(passage: Passage) -> dict[str, float]:
    """Return the measures of a passage, in the order of `MEASURES`; NaN where one has no answer."""
    values = (
        len(passage.notes) / (passage.steps / STEPS_PER_BEAT),
        polyphony(passage),
        in_scale_ratio(passage),
        pitch_class_entropy(passage),
        rests(passage),
        bar_similarity(passage),
        looped_bars(passage),
    )
    return dict(zip(MEASURES, values, strict=True))


def polyphony(passage: Passage) -> float:
    """Return how many different pitches sound, over the steps at which any does."""
    roll = np.zeros((128, passage.steps), dtype=bool)
    for onset, pitch, duration, _ in passage.notes.tolist():
        roll[pitch, onset : onset + duration] = True
    sounding = roll.sum(axis=0)
    return float(sounding[sounding > 0].mean()) if sounding.any() else math.nan


def in_scale_ratio(passage: Passage) -> float:
    """Return the share of notes in the key of what was given."""
    scale = [(passage.key[0] + degree) % 12 for degree in SCALES[passage.key[1]]]
    return float(np.isin(passage.notes[:, 1] % 12, scale).mean()) if len(passage.notes) else math.nan


def pitch_class_entropy(passage: Passage) -> float:
    """Return the entropy of the notes' pitch classes, in bits."""
    if not len(passage.notes):
        return math.nan
    share = np.bincount(passage.notes[:, 1] % 12, minlength=12) / len(passage.notes)
    share = share[share > 0]
    return float(abs((share * np.log2(share)).sum()))


def rests(passage: Passage) -> float:
    """Return the share of steps at which nothing sounds."""
    return float((pitch_class_sets(passage.notes, passage.steps) == 0).mean())


def bars_of(passage: Passage) -> list[frozenset[tuple[int, ...]]]:
    """Return each whole bar's notes: (place in the bar, pitch, duration, part)."""
    bars: list[set[tuple[int, ...]]] = [set() for _ in range(passage.steps // passage.bar)]
    for onset, *rest in passage.notes.tolist():
        if onset // passage.bar < len(bars):
            bars[onset // passage.bar].add((onset % passage.bar, *rest))
    return [frozenset(bar) for bar in bars]


def bar_similarity(passage: Passage) -> float:
    """Return how much neighbouring bars have in common, of (place in the bar, pitch)."""
    places = [{note[:2] for note in bar} for bar in bars_of(passage)]
    found = [len(one & other) / len(one | other) for one, other in pairwise(places) if one | other]
    return float(np.mean(found)) if found else math.nan


def looped_bars(passage: Passage) -> float:
    """Return the share of bars, but the first, that are one of the two bars before."""
    bars = bars_of(passage)
    found = [bar in bars[max(0, index - 2) : index] for index, bar in enumerate(bars) if index and bar]
    return float(np.mean(found)) if found else math.nan


def collapsed(passage: Passage) -> bool:
    """Return whether a passage ends in silence or in one repeated note."""
    half = passage.steps // 2
    late = passage.notes[passage.notes[:, 0] >= half]
    sounding = (passage.notes[:, 0] + passage.notes[:, 2] > half).any()
    return len(passage.notes) < 2 or not sounding or (len(late) > 2 and len(np.unique(late[:, 1])) == 1)


# --- Figures -----------------------------------------------------------------------------------------------------


def figures(
    made: Sequence[Passage], real: Sequence[Passage], training: Sequence[Notes], weights: Weights
) -> dict[str, Draws]:
    """Return every figure of extensions, and of the real continuations after "real.".

    Parameters
    ----------
    made, real : sequence of Passage
    training : sequence of ndarray, int64, shape (n, 4)
        The notes of every training piece.
    weights : Weights
        A column for each passage.
    """
    passages = [*made, *real]
    textures = [texture(notes) for notes in training]
    whole = longest_copies([texture(passage.notes) for passage in passages], [*training, *textures])
    parts = longest_copies([passage.notes for passage in passages], training)
    found: dict[str, Draws] = {}
    for row, own in (("", slice(len(made))), ("real.", slice(len(made), None))):
        table = [measure(passage) for passage in passages[own]]
        for name in MEASURES:
            found[row + name] = mean([values[name] for values in table], weights)
        found[f"{row}collapsed_share"] = mean([collapsed(passage) for passage in passages[own]], weights)
        for of, copies in (("", whole[own]), ("part_", parts[own])):
            bars = [copy.steps / passage.bar for copy, passage in zip(copies, passages[own], strict=True)]
            over = [is_long(copy, passage.bar) for copy, passage in zip(copies, passages[own], strict=True)]
            found[f"{row}{of}copied_over_two_bars_share"] = mean(over, weights)
            found[f"{row}{of}copied_bars"] = mean(bars, weights)
            found[f"{row}{of}copied_notes"] = mean([copy.notes for copy in copies], weights)
    return found


def is_long(copy: Copy, bar: int) -> bool:
    """Return whether a copied run lasts two bars or longer, and is not but a few long notes."""
    return copy.steps >= LONG_COPY * bar and copy.notes >= FEWEST_COPIED
