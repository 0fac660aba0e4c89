"""Figures that are kept in the package: of what takes hours, or of data that does not ship.

A record is a JSON object with its `date`, what was measured, and `figures`. Ordinary runs of a benchmark print it.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from deepcomposer_lab.models.registry import ModelCard
from deepcomposer_lab.music.files import write_atomically

FOLDER = Path(__file__).resolve().parent / "figures"


def write_record(path: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Write a record with today's date, in one step, and return what was written."""
    dated = {"date": date.today().isoformat(), **record}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(dated, indent=2).encode() + b"\n")
    return dated


def read_record(path: Path) -> dict[str, Any] | None:
    """Return a record, or None where there is none.

    Raises
    ------
    ValueError
        When the file holds no JSON.
    """
    return json.loads(path.read_text()) if path.exists() else None


def keep_figures(card: ModelCard, figures: Mapping[str, float]) -> Path:
    """Keep a model's figures, for those who have it but not its data, and return where."""
    path = FOLDER / f"{card.stem}.json"
    write_record(path, {"weights": {"sha256": card.weights_sha256}, "figures": dict(figures)})
    return path


def kept_figures(card: ModelCard) -> dict[str, Any] | None:
    """Return the record of a model's figures, or None where there is none of just these weights."""
    record = read_record(FOLDER / f"{card.stem}.json")
    return record if record is not None and record["weights"]["sha256"] == card.weights_sha256 else None
