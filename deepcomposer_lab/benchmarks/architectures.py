"""Architectures at equal compute: which trunk learns most in the same processor time.

Each row is trained from scratch on the same data, with the same recipe but for its sizes, in one thread, for the same
number of CPU seconds of its own process, and measured on the validation pieces. The learning rate is that of the long
training, not brought down, so the figures say how fast a network learns and not where it ends.

`deepcomposer-lab benchmark ar-cnn --architectures [--seconds N]` runs it and writes figures/architectures.json;
datasets and seeds are fixed, what a CPU second is worth is not.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepcomposer_lab.benchmarks.records import FOLDER, write_record
from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.training.ar_cnn import ARCNNTrainer, measure
from deepcomposer_lab.training.recipes import AR_CNN_BACH, ARCNNRecipe

FIGURES = FOLDER / "architectures.json"
SECONDS = 300.0

# Four levels and a trunk as wide as a beat's vector are the first model's sizes; the rows share all else.
ROWS: dict[str, ARCNNRecipe] = {
    "plain U-Net": dataclasses.replace(AR_CNN_BACH, widths=(24, 48, 96, 128), trunk="none", trunk_width=256),
    "U-Net, dilated trunk": dataclasses.replace(
        AR_CNN_BACH, widths=(24, 48, 96, 128), trunk="dilated", trunk_width=256
    ),
    "U-Net, attention trunk": dataclasses.replace(
        AR_CNN_BACH, widths=(24, 48, 96, 128), trunk="attention", trunk_width=256
    ),
    "U-Net, chroma trunk": AR_CNN_BACH,
}


@one_thread()
def train_for(recipe: ARCNNRecipe, seconds: float, **pieces: Any) -> dict[str, float]:
    """Train a recipe from scratch for some CPU seconds, and return its validation figures.

    `parameters`, `updates`, `cpu_seconds` (measuring not counted) and what `training.ar_cnn.measure` gives.
    """
    trainer = ARCNNTrainer(recipe, **pieces)
    used = 0.0
    while used < seconds:
        began = time.process_time()
        trainer.update()
        used += time.process_time() - began
    network = trainer.averaged()
    return {
        "parameters": float(sum(parameter.numel() for parameter in network.parameters())),
        "updates": float(trainer.step),
        "cpu_seconds": round(used, 1),
        **measure(network, trainer.validation),
    }


def run(
    *, seconds: float = SECONDS, report: Callable[[str], None] = print, path: Path | None = FIGURES
) -> dict[str, dict[str, float]]:
    """Train and measure every row, and keep the table in a file.

    Parameters
    ----------
    seconds : float
        CPU seconds for each row.
    report : callable (line)
    path : Path, optional
        None keeps nothing.

    Returns
    -------
    dict of str to dict
        By row, what `train_for` returns.
    """
    report(f"{'':24s} parameters   updates   loss   nats an edit   average precision   after {seconds:g} CPU s each")
    table = {}
    for name, recipe in ROWS.items():
        table[name] = found = train_for(recipe, seconds)
        report(
            f"{name:24s} {found['parameters']:10,.0f}   {found['updates']:7,.0f}   {found['loss']:.3f}   "
            f"{found['edit_nats']:12.3f}   {found['removal_average_precision']:17.3f}"
        )
    if path is not None:
        write_record(path, {"cpu_seconds": seconds, "rows": table})
    return table
