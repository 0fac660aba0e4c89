"""The tables of the GAN benchmark, as lines of at most a hundred columns.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from deepcomposer_lab.benchmarks.held_out import BARS
from deepcomposer_lab.benchmarks.table import estimate, number

_ROW = "   {:<32}{:>9}{:>9}{:>9}{:>9}{:>9}"
_SUMMARY = "   {:<23}{:>20}  {}"


def of_model(figures: Mapping[str, float], model: str, data: str, split: str = "test") -> Iterator[str]:
    """Yield a model's table: at most a hundred columns."""
    yield ""
    yield (
        f"{model}: {figures['pieces']:.0f} excerpts of {BARS} bars from {figures['songs']:.0f} {split} songs of {data}"
    )
    yield "In brackets: 95 % bootstrap intervals over songs. sd: standard deviations across real excerpts."
    yield ""
    yield from summary(figures)
    yield ""
    yield _ROW.format("", "data", "model", "in sd", "copied", "shuffled").rstrip()
    measures = [name.removeprefix("data.") for name in figures if name.startswith("data.") and _is_figure(name)]
    for name in measures:
        rows = (f"data.{name}", f"model.{name}", f"distance.{name}", f"copied.{name}", f"shuffled.{name}")
        label = name.replace("_", " ").replace(".", ", ")
        yield _ROW.format(label, *(number(figures.get(row, math.nan)) for row in rows)).rstrip()


def summary(figures: Mapping[str, float], prefix: str = "") -> Iterator[str]:
    """Yield the figures that sum an accompanist up, those there are, a line each.

    Parameters
    ----------
    figures : mapping of str to float
        As `Bench.data_figures` and `Bench.model_figures` name them, after a prefix.
    prefix : str
        "original." of the original's.
    """
    figures = {name.removeprefix(prefix): value for name, value in figures.items() if name.startswith(prefix)}

    def beside(name: str) -> str:
        return number(figures.get(name, math.nan))

    rows = [
        ("distance from the data", "distance_sd", f"sd; noise floor {beside('noise_floor_sd')}, copied "
         f"{beside('copied.distance_sd')}"),
        ("left out of that", "left_out_gap", "points off, of what hardly varies in the data"),
        ("fit to the melody", "fit_to_melody", f"sd, data 0; shuffled {beside('shuffled_fit_to_melody')}, "
         f"copied {beside('copied.fit_to_melody')}"),
        ("drums in pattern", "drum_in_pattern_gap", "points from the data's"),
        ("diversity over seeds", "diversity_ratio", "of that between the data's songs"),
        ("nearest training bar", "nearest_training_bar", f"of its cells; the data's own "
         f"{beside('nearest_training_bar.real')}"),
    ]  # fmt: skip
    for label, name, text in rows:
        if name in figures:
            yield _SUMMARY.format(label, str(estimate(figures, name)), text)
    silent, solid = figures["silent_tracks"], figures["solid_tracks"]
    yield f"   silent tracks {silent:.0f}, solid tracks {solid:.0f}"


def _is_figure(name: str) -> bool:
    return not name.endswith((".low", ".high"))
