"""Harmonisation: only the soprano given, default settings; is the result nearer to Bach than another chorale is?

The nine measures of harmony.py are taken of the result and of Bach's own setting. A row's *difference* is the mean over
pieces of |its measure − Bach's of the same piece|.

*Shuffled* is what passes for Bach without having heard the tune: another test piece of the same metre, of the same mode
wherever there are two, transposed to the same tonic by at most six semitones; a fixed random cycle through the pieces,
so that none is its own. It is measured whole, as Bach wrote it, by its own beats and bars; its overlap with this piece
is over the beats that both have, the first full bars laid upon each other. It is good music, only not to this tune:
the harder row. *Shuffled voices* puts the lower three voices of that other piece under this soprano, over the bars that
both have.

*Without the rule* is the model without the technique's rule against parallels (`avoid_parallels=False`): what the
network learnt by itself.

Rows with Bach's rhythm given, as oracles: *random*, each note of the lower voices any pitch of the voice's range; *most
likely pitch*, always the voice's commonest; *n-gram*, drawn from its voice's note before, as often as in training.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

import deepcomposer_lab.metrics as metrics
from deepcomposer_lab.benchmarks.corpus import RANGES, Chorale, Frequencies
from deepcomposer_lab.benchmarks.harmony import MEASURES, Texture, measure
from deepcomposer_lab.benchmarks.intervals import Draws, Weights, mean
from deepcomposer_lab.benchmarks.ngram import NeighbourNGram
from deepcomposer_lab.datasets import Piece
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.note import PITCH_NAMES

Pitches = Callable[[int, Sequence[int]], list[int]]  # (voice, Bach's pitches) -> as many others


class Composer(Protocol):
    """Whatever makes a composition of a soprano."""

    def compose(self, music: Composition, *, seed: int, avoid_parallels: bool = True) -> Composition:
        """Return the soprano with what was added."""


@dataclass(frozen=True)
class Harmonised:
    """One piece's nine measures, by row; the row "bach" is the piece itself."""

    measures: Mapping[str, Mapping[str, float]]


def partners(pieces: Sequence[Piece], seed: int = 0) -> list[int]:
    """Return for each piece the index of another: same metre, same mode where that leaves a choice; never its own.

    Each group of pieces is a random cycle, which moves everyone (Sattolo 1986). A mode of which only one piece of a
    metre is left shares a cycle with the other mode; a metre with only one piece shares one with all.
    """
    random = np.random.default_rng(seed)
    groups: dict[Any, list[int]] = {}
    for index, piece in enumerate(pieces):
        groups.setdefault((piece.metre, piece.key[1]), []).append(index)
    for metre in sorted({piece.metre for piece in pieces}):
        modes = [key for key in groups if key[0] == metre]
        if len(modes) == 2 and min(len(groups[key]) for key in modes) == 1:
            groups[metre, 0] = sorted(groups.pop((metre, 0)) + groups.pop((metre, 1)))
    lonely = [group[0] for group in groups.values() if len(group) == 1]
    found = [-1] * len(pieces)
    for group in groups.values():
        if len(group) > 1:
            cycle = random.permutation(group).tolist()
            for index, following in zip(cycle, cycle[1:] + cycle[:1], strict=True):
                found[index] = following
    for index in lonely:
        others = [other for other in range(len(pieces)) if other != index]
        if not others:
            raise ValueError("A shuffled row needs at least two pieces; got one.")
        found[index] = int(random.choice(others))
    return found


def in_key_of(other: Piece, piece: Piece) -> Composition:
    """Return another piece transposed to this one's tonic, by −6 … +5 semitones."""
    return other.to_composition().transpose((piece.key[0] - other.key[0] + 6) % 12 - 6)


def under_soprano(bach: Texture, other: Texture) -> tuple[Texture, Texture]:
    """Return the soprano of one texture over the lower voices of another, and the first alone, over what both have.

    The first full bars lie upon each other.
    """
    shift = bach.pickup - other.pickup
    start, end = max(0, shift), min(bach.steps, other.steps + shift)
    own, lower = bach.crop(start, end), other.crop(start - shift, end - shift)
    return Texture((own.voices[0], *lower.voices[1:]), own.steps, own.bars), own


def harmonise(
    technique: Composer,
    chorale: Chorale,
    other: Chorale,
    frequencies: Frequencies,
    ngram: NeighbourNGram,
    *,
    without_rule: bool = False,
) -> Harmonised:
    """Harmonise a piece's soprano, and measure the result beside Bach's own and the other rows.

    The row without the rule costs a second composing, and is made where it is asked for.
    """
    piece, random = chorale.piece, chorale.random(4)
    whole = piece.to_composition()
    bach = Texture.of(whole)
    soprano = whole.with_tracks(whole.tracks[:1])
    composed = technique.compose(soprano, seed=chorale.index)
    shuffled = Texture.of(in_key_of(other.piece, piece))
    voices, own = under_soprano(bach, shuffled)

    def any_pitch(voice: int, given: Sequence[int]) -> list[int]:
        low, high = RANGES[voice]
        return random.integers(low, high + 1, len(given)).tolist()

    def commonest(voice: int, given: Sequence[int]) -> list[int]:
        return [int(frequencies.by_voice[voice].argmax())] * len(given)

    def drawn(voice: int, given: Sequence[int]) -> list[int]:
        line: list[int] = []
        for _ in given:
            likely = ngram.probabilities(voice, (1, line[-1]) if line else None, None)
            line.append(int(random.choice(128, p=likely)))
        return line

    key = piece.key
    rows = {
        "model": measure(Texture.of(composed, bach.steps), bach, key),
        "bach": measure(bach, bach, key),
        "shuffled": measure(shuffled, bach, key),
        "shuffled_voices": measure(voices, own, key),
        "ngram": measure(with_pitches(bach, drawn), bach, key),
        "most_likely_pitch": measure(with_pitches(bach, commonest), bach, key),
        "random": measure(with_pitches(bach, any_pitch), bach, key),
    }
    if without_rule:
        ruleless = technique.compose(soprano, seed=chorale.index, avoid_parallels=False)
        rows["without_rule"] = measure(Texture.of(ruleless, bach.steps), bach, key)
    return Harmonised(rows)


def with_pitches(texture: Texture, pitches: Pitches) -> Texture:
    """Return a texture whose lower voices have other pitches, and the rhythm they had."""
    voices = [texture.voices[0]]
    for index, notes in enumerate(texture.voices[1:], start=1):
        changed = notes.copy()
        changed[:, 1] = pitches(index, notes[:, 1].tolist())
        voices.append(changed)
    return Texture(tuple(voices), texture.steps, texture.bars)


ROWS = ("model", "without_rule", "shuffled", "shuffled_voices", "ngram", "most_likely_pitch", "random")


def figures(harmonised: Sequence[Harmonised], weights: Weights) -> dict[str, Draws]:
    """Return every figure of harmonisation by name.

    `harmonisation.<measure>.model`, `.bach`, `.difference`, `.shuffled_difference` and so on; the number of measures on
    which a row's difference is smaller than the shuffled row's (a tie counts for neither); and the share of triads and
    sevenths with its ratio to Bach's.
    """

    def values(row: str, name: str) -> np.ndarray:
        return np.array([piece.measures[row][name] for piece in harmonised])

    results: dict[str, Draws] = {}
    present = [row for row in ROWS if all(row in piece.measures for piece in harmonised)]
    differences: dict[str, list[Draws]] = {row: [] for row in present}
    for name in MEASURES:
        bach = values("bach", name)
        results[f"harmonisation.{name}.bach"] = mean(bach, weights)
        for row in present:
            found = values(row, name)
            difference = mean(np.abs(found - bach), weights)
            differences[row].append(difference)
            results[f"harmonisation.{name}.{row}"] = mean(found, weights)
            results[f"harmonisation.{name}.{'' if row == 'model' else f'{row}_'}difference"] = difference
    for row in present:
        if row.startswith("shuffled"):
            continue
        prefix = "" if row == "model" else f"{row}."
        for other in ("shuffled", "shuffled_voices"):
            nearer = np.array(differences[row]) < np.array(differences[other])
            results[f"{prefix}harmonisation.measures_nearer_than_{other}"] = nearer.sum(axis=0).astype(float)
        share = results[f"harmonisation.triad_or_seventh_share.{row}"]
        results[f"{prefix}harmonisation.triad_or_seventh_share"] = share
        bach_share = results["harmonisation.triad_or_seventh_share.bach"]
        results[f"{prefix}harmonisation.triad_or_seventh_ratio"] = share / bach_share
    results["harmonisation.bach.triad_or_seventh_share"] = results["harmonisation.triad_or_seventh_share.bach"]
    return results


def musical_figures(technique: Composer, pieces: Sequence[Piece]) -> dict[str, dict[str, float]]:
    """Return five metrics of music made from pieces' sopranos at default settings, beside those of the pieces.

    What a model card keeps beside the training's own figures: `model` and `dataset`, each the mean over the pieces.
    """
    rows: dict[str, list[dict[str, float]]] = {"model": [], "dataset": []}
    for index, piece in enumerate(pieces):
        chorale = piece.to_composition()
        composed = technique.compose(chorale.with_tracks(chorale.tracks[:1]), seed=index)
        for row, music in (("model", composed), ("dataset", chorale)):
            tonic, mode = PITCH_NAMES[piece.key[0]], ("major", "minor")[piece.key[1]]
            used = metrics.pitches_used(music)
            rows[row].append(
                {
                    "empty_bar_rate": metrics.empty_bar_rate(music),
                    "active_notes_per_bar": used.active_notes_per_bar,
                    "distinct_pitches_per_bar": used.distinct_pitches_per_bar,
                    "in_scale_ratio": metrics.in_scale_ratio(music, key=tonic, mode=mode),
                    "polyphonic_rate": metrics.polyphonic_rate(music),
                }
            )
    return {
        row: {name: round(float(np.mean([values[name] for values in found])), 4) for name in found[0]}
        for row, found in rows.items()
    }
