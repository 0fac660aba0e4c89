"""The tables of the Transformer benchmark, as lines of at most a hundred columns.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deepcomposer_lab.benchmarks.extensions import MEASURES
from deepcomposer_lab.benchmarks.table import estimate, number
from deepcomposer_lab.benchmarks.token_ngram import CHAINS
from deepcomposer_lab.benchmarks.transformers_likelihood import MARKS
from deepcomposer_lab.benchmarks.transformers_speed import TOKENS

Figures = Mapping[str, float]

TITLES = {
    "chorales": "test chorales of bach_chorales, which ship",
    "jsb": "JSB test pieces, repeated notes joined",
    "classical": "held-out classical scores",
}
_ROW = "   {:<30}{:>21}{:>10}{:>10}"


def lines(figures: Figures, model: str, measured: Sequence[str], record: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the printed table.

    Parameters
    ----------
    figures : mapping of str to float
        As `transformers.run` returns them.
    model : str
    measured : sequence of str
        Which test sets were at hand.
    record : mapping, optional
        The figures that were kept, where the others come from.
    """
    yield f"{model}, on pieces that training never saw."
    yield "In brackets: 95 % bootstrap intervals over pieces."
    yield from likelihood(figures, measured, record)
    yield from extension(figures)
    yield from speed(figures)


def likelihood(figures: Figures, measured: Sequence[str], record: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield section 1."""
    yield ""
    yield "1  LIKELIHOOD: bits a note, all that is written down divided by the notes; less is better"
    yield ""
    yield _ROW.format("", "model", "n-gram", "below it")
    for name, title in TITLES.items():
        if f"{name}.bits_per_note" not in figures:
            missing = "--jsb FILE reads them" if name == "jsb" else "the dataset classical does not ship"
            yield f"   {title}: not at hand ({missing})"
            continue
        there = "" if name in measured else f" (not at hand; figures of {(record or {}).get('date', '–')})"
        yield f"   {title}{there}"
        yield _likelihood_row(figures, f"{name}.", f"all {figures[f'{name}.pieces']:.0f} pieces")
        kinds = [key.split(".")[1] for key in figures if key.startswith(f"{name}.") and key.count(".") == 2]
        for kind in dict.fromkeys(kinds):
            if f"{name}.{kind}.ngram_bits_per_note" in figures:
                label = "melody never heard" if kind == "unheard" else kind
                yield _likelihood_row(figures, f"{name}.{kind}.", label)
    yield ""
    yield "   n-grams by their contexts, the least of which is chosen on validation pieces:"
    for name in TITLES:
        rows = [(chain, figures.get(f"{name}.ngram.{chain}.bits_per_note", math.nan)) for chain in (*CHAINS, "all")]
        if not math.isnan(rows[0][1]):
            yield f"   {name:<12}" + ", ".join(f"{chain} {number(value)}" for chain, value in rows)
    yield ""
    yield "   Published for JSB, in the same unit:"
    for mark in MARKS:
        yield f"   {mark.name:<24}{mark.bits_per_note:6.3f} = {mark.arithmetic}"
        yield f"      {mark.remark}"


def _likelihood_row(figures: Figures, base: str, label: str) -> str:
    own, floor = estimate(figures, f"{base}bits_per_note"), figures[f"{base}ngram_bits_per_note"]
    return _ROW.format("   " + label, str(own), number(floor), f"{1 - own.value / floor:.1%}")


_MEASURE = "   {:<32}{:>22}{:>22}"
_LABELS = {
    "notes_per_beat": "notes a beat",
    "polyphony": "pitches that sound together",
    "in_scale_ratio": "notes in the key of the prompt",
    "pitch_class_entropy": "pitch class entropy, bits",
    "rests": "silence, share of time",
    "bar_similarity": "bar like the one before",
    "looped_bars": "bars looped",
}
_COPIES = (
    ("copied_bars", "longest copied run, bars"),
    ("copied_notes", "… its notes"),
    ("copied_over_two_bars_share", "share over two bars"),
    ("part_copied_bars", "… in one part alone, bars"),
    ("part_copied_notes", "… its notes"),
    ("part_copied_over_two_bars_share", "… share over two bars"),
    ("collapsed_share", "share collapsed"),
)


def extension(figures: Figures) -> Iterator[str]:
    """Yield section 2."""
    data = "held-out classical scores" if figures["extension.classical"] else "test chorales"
    yield ""
    yield f"2  EXTENSIONS by 15 s of {figures['extension.prompts']:.0f} prompts from {data}, seed i for prompt i"
    yield ""
    yield _MEASURE.format("", "extensions", "as they really go on")
    for name, label in (*((name, _LABELS[name]) for name in MEASURES), *_COPIES):
        own, real = (str(estimate(figures, f"extension.{row}{name}")) for row in ("", "real."))
        yield _MEASURE.format(label, own, real)
    if not figures["extension.classical"]:
        yield "   Copies are looked for in the shipped chorales alone: other training data is not at hand."


def speed(figures: Figures) -> Iterator[str]:
    """Yield section 3."""
    yield ""
    yield "3  SPEED AND SIZE: one core"
    yield ""
    for name, label in (("chorale", "four voices"), ("melody", "a melody")):
        base = f"speed.{name}."
        yield (
            f"   {label:<12} 30 s more at 100 bpm take {figures[base + 'extend_30_s']:.2f} s, the first note "
            f"{figures[base + 'first_note_s']:.3f} s; {figures[base + 'notes_per_second']:.0f} notes a second"
        )
    yield (
        f"   sampling     {figures['speed.tokens_per_second']:.0f} tokens, "
        f"{figures['speed.notes_per_second']:.0f} notes a second; "
        f"without a cache {figures['speed.uncached_tokens_per_second']:.1f} tokens"
    )
    own = figures.get("speed.original_tokens_per_second", math.nan)
    yield (
        f"   the original's sampler, over {TOKENS} tokens: "
        f"{figures['speed.equal_original_tokens_per_second']:.0f} a second with as many parameters"
        + ("" if math.isnan(own) else f", {own:.0f} at its own size")
    )
    yield f"   so ours takes a token {figures['speed.ratio_to_original_sampler']:.1f} times as fast at equal size"
    yield f"   weights {figures['weights.bytes'] / 1e6:.2f} MB; peak memory {figures['memory.peak_mb']:.0f} MB"
