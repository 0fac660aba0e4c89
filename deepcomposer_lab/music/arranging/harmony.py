"""Harmony: the chords under a melody, one or two a bar, found by dynamic programming.

Every half bar takes one chord of the style's vocabulary. A chord is the better the more of the melody it holds,
accented and long notes counting more, the more usual it is, and the better it follows the one before: dominants want
to resolve, roots like to fall by fifths, chords like to change on bar lines, phrases like to close on the tonic or the
dominant. The path with the least cost is taken (Viterbi). The usual costs are shaken a little for every song, so that
two songs with one melody need not have one harmony.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from deepcomposer_lab.music.arranging.chords import Chord
from deepcomposer_lab.music.arranging.form import HALF_BAR, TICKS_PER_BEAT, Form

# Degree in half tones above the tonic, quality, cost, and for a dominant the degree it resolves to.
_Entry = tuple[int, str, float, int | None]

_VOCABULARY: dict[tuple[str, int], tuple[_Entry, ...]] = {
    ("pop", 0): (
        (0, "", 0.0, None),
        (5, "", 0.1, None),
        (7, "", 0.1, None),
        (9, "m", 0.15, None),
        (2, "m", 0.45, None),
        (4, "m", 0.8, None),
        (10, "", 1.0, None),
        (5, "m", 1.6, None),
        (2, "m7", 0.6, None),
        (9, "m7", 0.6, None),
        (5, "maj7", 0.8, None),
        (0, "maj7", 1.0, None),
        (7, "sus4", 1.3, 0),
        (7, "7", 0.6, 0),
        (2, "", 1.1, 7),
        (4, "7", 1.3, 9),
        (0, "7", 1.3, 5),
    ),
    ("pop", 1): (
        (0, "m", 0.0, None),
        (8, "", 0.15, None),
        (10, "", 0.15, None),
        (3, "", 0.2, None),
        (5, "m", 0.35, None),
        (7, "m", 0.6, None),
        (7, "", 0.6, 0),
        (7, "sus4", 1.4, 0),
        (5, "", 0.8, None),
        (0, "m7", 0.6, None),
        (8, "maj7", 0.8, None),
        (3, "maj7", 0.9, None),
        (5, "m7", 0.7, None),
        (2, "dim", 1.3, None),
    ),
    ("rock", 0): (
        (0, "", 0.0, None),
        (5, "", 0.1, None),
        (7, "", 0.15, None),
        (10, "", 0.4, None),
        (9, "m", 0.4, None),
        (2, "m", 0.8, None),
        (4, "m", 1.1, None),
        (3, "", 1.1, None),
        (8, "", 1.3, None),
        (7, "m", 1.2, None),
        (2, "", 1.1, 7),
        (0, "7", 0.9, None),
        (5, "7", 1.2, None),
        (0, "sus4", 1.8, None),
    ),
    ("rock", 1): (
        (0, "m", 0.0, None),
        (10, "", 0.1, None),
        (8, "", 0.2, None),
        (3, "", 0.25, None),
        (5, "m", 0.4, None),
        (7, "m", 0.5, None),
        (5, "", 0.6, None),
        (7, "", 0.8, 0),
        (0, "m7", 0.7, None),
        (0, "sus4", 1.8, None),
    ),
    ("jazz", 0): (
        (0, "6", 0.0, None),
        (0, "maj7", 0.15, None),
        (2, "m7", 0.1, None),
        (4, "m7", 0.4, None),
        (5, "maj7", 0.3, None),
        (7, "7", 0.05, 0),
        (9, "m7", 0.25, None),
        (11, "m7b5", 0.8, None),
        (9, "7", 0.25, 2),
        (2, "7", 0.3, 7),
        (0, "7", 0.35, 5),
        (4, "7", 0.35, 9),
        (11, "7", 0.9, 4),
        (1, "7", 0.6, 0),
        (8, "7", 0.8, 7),
        (10, "7", 0.5, 0),
        (1, "dim7", 0.45, 2),
        (6, "dim7", 0.6, 7),
        (5, "m6", 0.5, 0),
    ),
    ("jazz", 1): (
        (0, "m6", 0.1, None),
        (0, "m7", 0.1, None),
        (2, "m7b5", 0.3, None),
        (7, "7", 0.1, 0),
        (5, "m7", 0.2, None),
        (8, "maj7", 0.3, None),
        (3, "maj7", 0.4, None),
        (10, "7", 0.3, 3),
        (7, "m7", 0.6, None),
        (5, "7", 0.6, 10),
        (0, "7", 0.6, 5),
        (2, "7", 0.7, 7),
        (8, "7", 0.8, 7),
        (1, "7", 0.6, 0),
        (11, "dim7", 0.7, 0),
    ),
}
# Pairs of degrees that a style likes to hear one after the other.
_LIKED: dict[tuple[str, int], set[tuple[int, int]]] = {
    ("pop", 0): {(0, 7), (7, 9), (9, 5), (5, 0), (5, 7), (0, 9)},
    ("pop", 1): {(0, 8), (8, 3), (3, 10), (10, 0), (8, 10)},
    ("rock", 0): {(0, 10), (10, 5), (5, 0), (0, 5), (5, 7), (7, 5)},
    ("rock", 1): {(0, 10), (10, 8), (8, 10), (3, 10), (0, 5)},
    ("jazz", 0): {(0, 9), (9, 2), (4, 9)},
    ("jazz", 1): {(0, 8), (8, 2)},
}
_SHAKE = 0.3
_LEAST_EXTENSION = 3  # chord tones from here on are sevenths and sixths


@dataclass(frozen=True)
class _Vocabulary:
    chords: tuple[Chord, ...]
    degrees: np.ndarray  # (S,)
    costs: np.ndarray  # (S,)
    targets: np.ndarray  # (S,), −1 for none


def harmonise(form: Form, style: str, rng: random.Random) -> tuple[Chord, ...]:
    """Return the chords of a song, two a bar.

    Parameters
    ----------
    form : Form
        The melody and where its phrases end.
    style : {"pop", "jazz", "rock"}
    rng : random.Random
        Shakes the costs, and says how fast this song's chords may change.
    """
    words = _vocabulary(form.key, style, rng)
    fit = _weights(form) @ _scores(words.chords, style).T
    # Rounded, so that the last bits of a library's sums decide nothing.
    local = np.round(words.costs[None, :] - fit - _cadences(form, words), 6)
    weight = rng.choice((0.8, 1.1, 1.5) if style != "jazz" else (0.5, 0.8, 1.1))
    follow = _transitions(words, style, form.key[1])
    on_line, inside = follow + 0.2, follow + weight
    np.fill_diagonal(on_line, rng.choice((0.2, 0.5, 0.8) if style != "jazz" else (0.4, 0.7, 1.0)))
    np.fill_diagonal(inside, 0.0)
    chords = [words.chords[state] for state in _best_path(local, on_line, inside)]
    return tuple(_substituted(form, chords, rng.choice((0.0, 0.3, 0.7)), rng) if style == "jazz" else chords)


def _substituted(form: Form, chords: list[Chord], chance: float, rng: random.Random) -> list[Chord]:
    """Replace some dominants, in the half bar before they resolve, by the seventh chord a tritone away.

    It has the same third and seventh, and its root slides down a half tone; what the melody has on the beats must be a
    tone of it, or its ninth, sharp eleventh or thirteenth.
    """
    made = list(chords)
    for slot, (chord, following) in enumerate(pairwise(chords)):
        resolves = chord.quality == "7" and (following.root - chord.root) % 12 == 5
        if not resolves or rng.random() >= chance:
            continue
        root = (chord.root + 6) % 12
        heard = [pitch for pitch in form.beat_pitches[2 * slot : 2 * slot + 2] if pitch >= 0]
        if all((pitch - root) % 12 in (0, 2, 4, 6, 7, 9, 10) for pitch in heard):
            made[slot] = Chord(root, "7")
    return made


def _vocabulary(key: tuple[int, int], style: str, rng: random.Random) -> _Vocabulary:
    entries = _VOCABULARY[style, key[1]]
    costs = [cost + (rng.gauss(0, _SHAKE) if cost else 0.0) for _, _, cost, _ in entries]
    return _Vocabulary(
        tuple(Chord((key[0] + degree) % 12, quality) for degree, quality, _, _ in entries),
        np.array([degree for degree, _, _, _ in entries]),
        np.array(costs),
        np.array([-1 if target is None else target for _, _, _, target in entries]),
    )


def _weights(form: Form) -> np.ndarray:
    """Return how much each pitch class weighs in each half bar: float (slots, 12)."""
    weights = np.zeros((2 * form.bars, 12))
    for onset, pitch, duration in form.melody:
        accent = 1.9 if onset % HALF_BAR == 0 else 1.7 if onset % TICKS_PER_BEAT == 0 else 0.4
        last = min((onset + duration - 1) // HALF_BAR, len(weights) - 1)
        for slot in range(onset // HALF_BAR, last + 1):
            begins, ends = max(onset, slot * HALF_BAR), min(onset + duration, (slot + 1) * HALF_BAR)
            # A short note on the beat is heard too: length counts from half a beat on.
            length = max(ends - begins, 4) / TICKS_PER_BEAT
            weights[slot, pitch % 12] += length**0.7 * (accent if begins == onset else 1.2)
    return weights


def _scores(chords: Sequence[Chord], style: str) -> np.ndarray:
    """Return what a pitch class is worth over each chord: float (chords, 12)."""
    scores = np.full((len(chords), 12), -1.0)
    for row, chord in zip(scores, chords, strict=True):
        for tone in chord.tones:
            row[(tone + 1) % 12] = -1.4  # a half tone above a chord tone grinds
    for row, chord in zip(scores, chords, strict=True):
        for index, tone in enumerate(chord.tones):
            row[tone] = 1.0 if index < _LEAST_EXTENSION else 0.6 if style == "jazz" else 0.4
    return scores


def _cadences(form: Form, words: _Vocabulary) -> np.ndarray:
    """Return what closes phrases: float (slots, chords), larger is better."""
    bonus = np.zeros((2 * form.bars, len(words.chords)))
    tonic, dominant = words.degrees == 0, (words.degrees == 7) & (words.targets != -1)
    tonic = tonic & (words.targets == -1)
    if not dominant.any():
        dominant = words.degrees == 7
    for number, phrase in enumerate(form.phrases):
        last = 2 * phrase[-1]
        closes = number % 2 == 1
        bonus[last : last + 2, tonic] += 0.8 if closes else 0.3
        bonus[last : last + 2, dominant] += 0.1 if closes else 0.4
        if last:
            bonus[last - 1, dominant] += 0.5
    bonus[-2:, tonic] += 3.5
    return bonus


def _transitions(words: _Vocabulary, style: str, mode: int) -> np.ndarray:
    """Return the cost of one chord after another: float (from, to)."""
    size = len(words.chords)
    step = (words.degrees[None, :] - words.degrees[:, None]) % 12
    cost = np.zeros((size, size))
    cost[step == 5] -= 0.45 if style == "jazz" else 0.2
    for before, after in _LIKED[style, mode]:
        cost[np.ix_(words.degrees == before, words.degrees == after)] -= 0.4
    for row, target in enumerate(words.targets):
        if target >= 0:
            cost[row] += np.where(words.degrees == target, -0.5, 1.5)
    minor = np.array([chord.quality in ("m7", "m7b5") for chord in words.chords])
    seventh = np.array([chord.quality == "7" for chord in words.chords])
    cost[np.outer(minor, seventh) & (step == 5)] -= 0.5  # ii–V
    cost[(step == 0) & ~np.eye(size, dtype=bool)] -= 0.1
    return cost


def _best_path(local: np.ndarray, on_line: np.ndarray, inside: np.ndarray) -> list[int]:
    """Return the states of least cost: `local` (slots, states); the step onto an even slot crosses a bar line."""
    total = local[0]
    came_from = np.zeros(local.shape, dtype=np.int64)
    states = np.arange(local.shape[1])
    for slot in range(1, len(local)):
        through = total[:, None] + (inside if slot % 2 else on_line)
        came_from[slot] = through.argmin(axis=0)
        total = through[came_from[slot], states] + local[slot]
    path = [int(total.argmin())]
    for slot in range(len(local) - 1, 0, -1):
        path.append(int(came_from[slot, path[-1]]))
    return path[::-1]
