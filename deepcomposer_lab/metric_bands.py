"""The five metrics of a piece beside those of the music that its model learnt from.

`metric_bands.json` holds, for every dataset, the middle 80 % of each metric over its pieces, each measured in its own
key; `python -m deepcomposer_lab.metric_bands` measures them anew. What is not in the datasets at hand keeps its row.

Lesson: notebooks/07_metrics.ipynb.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepcomposer_lab.metrics import MetricValues, evaluate
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.key import MODES, find_key, key_name
from deepcomposer_lab.music.note import PITCH_NAMES

_FILE = Path(__file__).with_name("metric_bands.json")

# field of `MetricValues`, label, smallest and largest value that a picture shows
METRICS = (
    ("in_scale_ratio", "In scale ratio", 0.0, 1.0),
    ("polyphonic_rate", "Polyphonic rate", 0.0, 1.0),
    ("distinct_pitches_per_bar", "Pitches used, a bar", 0.0, 16.0),
    ("empty_bar_rate", "Empty bar rate", 0.0, 1.0),
    ("drum_in_pattern", "Drum in pattern", 0.0, 1.0),
)

_MEASURED_BARS = 8  # of each piece: metrics such as empty bars depend on the length
_NO_DRUMS = "No drums in this piece."


@lru_cache
def bands() -> dict[str, Any]:
    """Return what the file holds: a dataset's name to `{"plural", "pieces", "metrics": {name: [low, high]}}`."""
    content: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return content


def in_own_key(piece: Composition) -> MetricValues:
    """Return a piece's metrics, its scale that of the key it is likeliest in."""
    tonic, mode = find_key(piece)
    return evaluate(piece, PITCH_NAMES[tonic], MODES[mode]).overall


def rows(
    piece: Composition,
    before: Composition | None = None,
    *,
    key: tuple[int, int] | None = None,
    data: str | None = None,
) -> list[dict[str, Any]]:
    """Return a row a metric: value, what it was before, the data's band, and a verdict in words.

    Parameters
    ----------
    piece : Composition
        Its last step with a model says beside which data it stands; a piece without one stands beside Bach's chorales.
    before : Composition, optional
        Measured in the same key.
    key : (int, int), optional
        Pitch class of the tonic and mode (0 major, 1 minor); the likeliest unless told otherwise.
    data : str, optional
        The dataset beside which it shall stand, whatever model made it: a name of `bands()`.

    Returns
    -------
    list of dict
        `name`, `label`, `value`, `was`, `low`, `high`, `minimum`, `maximum`, `data`, `verdict`, `reason`; a value that
        does not apply is None, with the reason.
    """
    found = find_key(piece) if key is None else key
    scale = {"key": PITCH_NAMES[found[0]], "mode": MODES[found[1]]}
    now = evaluate(piece, **scale).overall
    was = None if before is None else evaluate(before, **scale).overall
    if data is None:
        name, band = _band_of(piece)
    else:
        name, band = bands()[data]["plural"], bands()[data]["metrics"]
    return [_row(metric, now, was, name, band, key_name(found)) for metric in METRICS]


def _band_of(piece: Composition) -> tuple[str, Mapping[str, Any]]:
    known = bands()
    for step in reversed(piece.steps):
        if not step.model:
            continue
        dataset = _dataset_of(step.model)
        if dataset in known:
            return known[dataset]["plural"], known[dataset]["metrics"]
    return known["bach_chorales"]["plural"], known["bach_chorales"]["metrics"]


@lru_cache
def _dataset_of(model: str) -> str:
    from deepcomposer_lab.models.registry import ModelCard, ModelError, find_card

    try:
        return str(ModelCard.read(find_card(model)).dataset.get("name", ""))
    except ModelError:
        return ""  # a model of another machine


def _row(
    metric: tuple[str, str, float, float],
    now: MetricValues,
    was: MetricValues | None,
    data: str,
    band: Mapping[str, Any],
    key: str,
) -> dict[str, Any]:
    name, label, minimum, maximum = metric
    value = _or_none(getattr(now, name))
    low, high = band.get(name, (None, None))
    row: dict[str, Any] = {
        "name": name,
        "label": f"{label}, {key}" if name == "in_scale_ratio" and key else label,
        "value": value,
        "was": None if was is None else _or_none(getattr(was, name)),
        "low": low,
        "high": high,
        "minimum": minimum,
        "maximum": max(maximum, value or 0, high or 0),
        "data": data,
        "verdict": "",
        "reason": None,
    }
    if value is None:
        row["reason"] = _NO_DRUMS if name == "drum_in_pattern" else "No pitched notes in this piece."
    elif low is None:
        row["verdict"] = f"The {data} have none to compare with."
    elif round(value, 2) < round(low, 2):
        row["verdict"] = f"Lower than nine in ten of the {data}."
    elif round(value, 2) > round(high, 2):
        row["verdict"] = f"Higher than nine in ten of the {data}."
    else:
        row["verdict"] = f"Like the {data}."
    return row


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


# ---------------------------------------------------------------------------------- measuring

_PLURALS = {
    "bach_chorales": "chorales",
    "rock": "rock songs",
    "rock+rock_arranged": "rock songs",
    "pop": "pop arrangements",
    "jazz": "jazz arrangements",
    "string_quartets": "string quartets",
    "classical": "classical pieces",
}


def measured(pieces: Iterable[Composition]) -> dict[str, list[float]]:
    """Return the tenth and the ninetieth percentile of each metric over the beginnings of pieces."""
    import numpy as np

    values = [in_own_key(_beginning(piece)) for piece in pieces]
    found = {}
    for name, *_ in METRICS:
        answers = [value for value in (getattr(one, name) for one in values) if not math.isnan(value)]
        if answers:
            found[name] = [round(float(np.percentile(answers, percent)), 4) for percent in (10, 90)]
    return found


def _beginning(piece: Composition) -> Composition:
    bars = piece.bars
    return piece.trim(0, bars[_MEASURED_BARS]) if len(bars) > _MEASURED_BARS else piece


def _pieces_of(name: str) -> list[Composition]:
    from deepcomposer_lab.datasets import load_dataset

    dataset = load_dataset(name)
    if dataset.is_songs:
        return [song.to_composition() for song in dataset.songs("train")]
    if dataset.is_scores:
        return [score.to_composition() for score in dataset.scores("train")]
    return [piece.to_composition() for piece in dataset.pieces("train")]


def main() -> None:
    """Measure every dataset that is at hand and write the file."""
    content = json.loads(_FILE.read_text(encoding="utf-8")) if _FILE.exists() else {}
    for name, plural in _PLURALS.items():
        try:
            pieces = [piece for part in name.split("+") for piece in _pieces_of(part)]
        except ValueError as error:
            print(f"{name}: left as it is. {error}", file=sys.stderr)
            continue
        content[name] = {"plural": plural, "pieces": len(pieces), "metrics": measured(pieces)}
        print(name, content[name])
    _FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
