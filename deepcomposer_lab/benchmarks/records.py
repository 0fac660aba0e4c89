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
