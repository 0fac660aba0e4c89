"""The benchmark's figures as a table of at most a hundred columns.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deepcomposer_lab.benchmarks.corpus import MOST_SEMITONES
from deepcomposer_lab.benchmarks.harmony import MEASURES
from deepcomposer_lab.benchmarks.intervals import Estimate
from deepcomposer_lab.benchmarks.likelihood import NO_HIDDEN_CELL
from deepcomposer_lab.benchmarks.restoration import DEFAULT_RISK, RISK
from deepcomposer_lab.benchmarks.speed import LENGTHS
from deepcomposer_lab.datasets import VOICES

Figures = Mapping[str, float]
FLOORS = ("ngram", "most_likely_pitch", "random")
NAMES = {"ngram": "n-gram", "most_likely_pitch": "pitch", "random": "random"}
UNHEARD = "unheard."

_ROW = "{:<26}{:>21}{:>8}{:>8}{:>8}   {:>21}"


def estimate(figures: Figures, name: str) -> Estimate:
    """Return a figure with its interval, where the run had one."""
    nan = float("nan")
    return Estimate(*(figures.get(f"{name}{part}", nan) for part in ("", ".low", ".high")))


def number(value: float) -> str:
    """Return a figure with three decimals, a dash where it has no value."""
    return "–" if value != value else f"{value:.3f}"


def _both(figures: Figures, name: str) -> str:
    found = estimate(figures, name)
    return "–" if found.value != found.value else str(found)


def _heading(number: int, title: str, text: str) -> Iterator[str]:
    yield ""
    yield f"{number}  {title}: {text}"
    yield ""


def _rows(figures: Figures, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield one line a figure: the model, the floors, and the model on pieces with an unheard melody."""
    yield _ROW.format("", "model, all", *(NAMES[floor] for floor in FLOORS), "model, unheard")
    for label, name in rows:
        floors = (number(figures.get(f"{floor}.{name}", float("nan"))) for floor in FLOORS)
        yield _ROW.format("   " + label, _both(figures, name), *floors, _both(figures, UNHEARD + name)).rstrip()


def header(figures: Figures, model: str) -> Iterator[str]:
    """Yield what the table is about."""
    unheard = figures.get(f"{UNHEARD}pieces", 0)
    yield f"{model} on {figures['pieces']:.0f} test chorales; training never heard the melody of {unheard:.0f}."
    yield "In brackets: 95 % bootstrap intervals over pieces."
    yield "Floors: an n-gram that is told the voices, the commonest pitch, chance."


def detection(figures: Figures) -> Iterator[str]:
    """Yield section 1."""
    share = figures["detection.leaves_chord.share"]
    text = "a tenth of the notes moved by 1–6 semitones; average precision of naming them"
    yield from _heading(1, "DETECTION", text)
    rows = [
        ("all moves", "detection.average_precision"),
        (f"leaving the chord ({share:.0%})", "detection.leaves_chord.average_precision"),
        (f"still a chord ({1 - share:.0%})", "detection.keeps_chord.average_precision"),
        *((f"in the {name.lower()}", f"detection.voice.{name.lower()}.average_precision") for name in VOICES),
        *(
            (f"by {size} semitone{'s' if size > 1 else ''}", f"detection.interval.{size}.average_precision")
            for size in range(1, MOST_SEMITONES + 1)
        ),
    ]
    yield from _rows(figures, rows)
    yield "   By chord and by semitones: the moves in question among all notes that were not moved."


def restoration(figures: Figures) -> Iterator[str]:
    """Yield section 2."""
    text = f"three notes in ten taken away; F1 of what is put back, at creative risk {RISK:g}"
    yield from _heading(2, "RESTORATION", text)
    rows = [
        ("on pitch", "restoration.f1"),
        ("on pitch class", "restoration.f1_pitch_class"),
        (f"on pitch, risk {DEFAULT_RISK:g}", "restoration.default_risk.f1"),
        (f"on pitch class, risk {DEFAULT_RISK:g}", "restoration.default_risk.f1_pitch_class"),
    ]
    yield from _rows(figures, rows)
    yield "   The n-gram is told of each missing note its onset and its voice."


_MEASURE = "{:<25}{:>7}{:>7}{:>21}{:>21}{:>9}  {}"


def harmonisation(figures: Figures) -> Iterator[str]:
    """Yield section 3."""
    text = "the soprano given; nine measures, and their distance from Bach's own"
    yield from _heading(3, "HARMONISATION", text)
    for prefix, title in (("", "all"), (UNHEARD, "unheard")):
        if f"{prefix}pieces" not in figures:
            continue
        yield _MEASURE.format(
            f"   {title}", "Bach", "model", "|model − Bach|", "|shuffled − Bach|", "(voices)", "nearer"
        )
        for name in MEASURES:
            base = f"{prefix}harmonisation.{name}."
            yield _MEASURE.format(
                "   " + name.replace("_", " "),
                number(figures[base + "bach"]),
                number(figures[base + "model"]),
                _both(figures, base + "difference"),
                _both(figures, base + "shuffled_difference"),
                number(figures[base + "shuffled_voices_difference"]),
                _verdict(figures[base + "difference"], figures[base + "shuffled_difference"]),
            )
        base = f"{prefix}harmonisation."
        yield (
            f"   nearer than shuffled: {figures[base + 'measures_nearer_than_shuffled']:.0f} of {len(MEASURES)} "
            f"(than shuffled voices: {figures[base + 'measures_nearer_than_shuffled_voices']:.0f})"
        )
        yield (
            f"   triads and sevenths: {_both(figures, base + 'triad_or_seventh_share')} of beats; "
            f"of Bach's own share {_both(figures, base + 'triad_or_seventh_ratio')}"
        )
        if base + "parallel_fifths.without_rule" in figures:
            yield from _without_the_rule(figures, prefix)
        if not prefix:
            yield from _harmonising_floors(figures)
            yield ""


def _verdict(model: float, shuffled: float) -> str:
    return "tie" if model == shuffled else ("model" if model < shuffled else "shuffled")


def _without_the_rule(figures: Figures, prefix: str) -> Iterator[str]:
    """Yield what the network does without the rule against parallels."""
    base = f"{prefix}harmonisation."
    fifths, octaves = (figures[f"{base}parallel_{interval}.without_rule"] for interval in ("fifths", "octaves"))
    nearer = figures[f"{prefix}without_rule.harmonisation.measures_nearer_than_shuffled"]
    share = figures[f"{prefix}without_rule.harmonisation.triad_or_seventh_share"]
    yield (
        f"   without the rule for parallels: nearer in {nearer:.0f}; triads and sevenths {share:.3f}; "
        f"fifths {fifths:.2f}, octaves {octaves:.2f}"
    )


def _harmonising_floors(figures: Figures) -> Iterator[str]:
    """Yield the rows that are given Bach's rhythm."""
    parts = []
    for floor in FLOORS:
        nearer = figures[f"{floor}.harmonisation.measures_nearer_than_shuffled"]
        share = figures[f"{floor}.harmonisation.triad_or_seventh_share"]
        parts.append(f"{NAMES[floor]} {nearer:.0f}, {share:.3f}")
    yield f"   the same of floors that are told Bach's rhythm: {'; '.join(parts)}"


def likelihood(figures: Figures) -> Iterator[str]:
    """Yield section 4."""
    text = "nats of a right edit, and of a hidden note's pitch given its onset; less is better"
    yield from _heading(4, "LIKELIHOOD", text)
    rows = [("an edit", "likelihood.edit_nats"), ("a hidden note", "likelihood.hidden_note_nats")]
    yield from _rows(figures, rows)
    yield from (f"   {line}" for line in NO_HIDDEN_CELL)


def speed(figures: Figures) -> Iterator[str]:
    """Yield section 5."""
    yield from _heading(5, "SPEED AND SIZE", "one core")
    yield (
        f"   150 edits over eight bars in {figures['speed.edits_150_over_8_bars_s']:.2f} s "
        f"({figures['speed.edits_per_second']:.0f} edits a second), first edit after "
        f"{figures['speed.first_edit_s']:.3f} s"
    )
    for bars in LENGTHS:
        base = f"speed.bars_{bars}."
        yield (
            f"   {bars:>4} bars: {1000 * figures[base + 'seconds_per_edit']:6.1f} ms an edit "
            f"({figures[base + 'edits_per_second']:.0f} a second) after the first, "
            f"which takes {figures[base + 'first_edit_s']:.3f} s"
        )
    yield (
        f"   weights {figures['weights.bytes'] / 1e6:.2f} MB; peak memory {figures['memory.peak_mb']:.0f} MB; "
        f"{figures['voices.agreement']:.1%} of Bach's lower notes are given to their own voice"
    )


_DOZEN = "{:<40}{:>10}{:>26}"
_DOZEN_ROWS = (
    ("moved notes named, all", "detection.average_precision"),
    ("… leaving the chord", "detection.leaves_chord.average_precision"),
    ("notes put back, F1 on pitch", "restoration.f1"),
    ("… at default risk", "restoration.default_risk.f1"),
    ("measures nearer than shuffled, of 9", "harmonisation.measures_nearer_than_shuffled"),
    ("triads and sevenths, share of beats", "harmonisation.triad_or_seventh_share"),
)


def original(figures: Figures, record: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield section 6: the original's architecture, from its file, and the model on the same dozen."""
    yield from _heading(6, "THE ORIGINAL'S ARCHITECTURE", "trained on the same pieces, scored on a dozen of them")
    if record is None:
        yield "   No figures yet: benchmark ar-cnn --train-original trains it, which takes its time, and keeps them."
        return
    yield (
        f"   {record['date']}: {record['parameters'] / 1e6:.1f} M parameters, seed {record['seed']}, "
        f"{record['compute']['cpu_seconds']:.0f} CPU seconds of training;"
    )
    yield f"   weights sha256 {record['weights']['sha256']}"
    scoring = record["scoring"]
    yield (
        f"   It was stopped by {scoring['restoration.stopped_by']} in restoring and by "
        f"{scoring['harmonisation.stopped_by']} in harmonising, whichever serves it better;"
    )
    yield (
        f"   cells and notes both matched in {scoring['restoration.cells_and_notes_matched']} restorations and "
        f"{scoring['harmonisation.cells_and_notes_matched']} harmonisations of {len(scoring['test_pieces'])}."
    )
    yield _DOZEN.format("   on the dozen", "original", "model")
    for label, name in _DOZEN_ROWS:
        theirs, own = number(figures.get(f"original.{name}", float("nan"))), _both(figures, f"dozen.{name}")
        if "measures" in name:  # a count
            theirs, own = (cell.replace(".000", "") for cell in (theirs, own))
        yield _DOZEN.format("   " + label, theirs, own).rstrip()
    for label, other, name, unit in (
        ("   edits a second (theirs are cells)", "speed.edits_per_second", "speed.edits_per_second", 1),
        ("   weights, MB", "weights.float16_bytes", "weights.bytes", 1e6),
    ):
        original_figure = figures.get(f"original.{other}", float("nan")) / unit
        yield _DOZEN.format(label, f"{original_figure:.1f}", f"{figures[name] / unit:.1f}")
    if "dozen.restoration.f1" not in figures:
        yield "   (The model is set beside it on the same pieces in a full run on the project's own test pieces.)"
