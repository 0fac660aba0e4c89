"""The state of a training in a file, and moving averages of weights: what all trainers do alike.

Lesson: notebooks/05_gans.ipynb.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn


def write_checkpoint(path: Path, recipe: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a training's state and the recipe it belongs to; the file is exchanged in one step, and never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save({"recipe": json.dumps(recipe), **state}, partial)
    partial.replace(path)


def read_checkpoint(path: Path, recipe: Mapping[str, Any], *, free: Collection[str] = ()) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote for the same recipe.

    Parameters
    ----------
    recipe : mapping
        That of the training that wants to go on.
    free : collection of str
        Hyperparameters that may have changed.

    Raises
    ------
    ValueError
        When the file is damaged or no checkpoint, or belongs to another recipe; the message names the first difference.
    """
    try:
        state = torch.load(path, weights_only=True)
        kept = json.loads(state["recipe"])
    except Exception as error:  # what a damaged file makes torch raise is without end: EOFError, struct.error …
        raise ValueError(
            f"{path.name} is no checkpoint of a training, or it is damaged. Name another one, or remove this one."
        ) from error
    asked = json.loads(json.dumps(recipe))
    for name in dict.fromkeys([*asked, *kept]):
        if name not in free and kept.get(name) != asked.get(name):
            raise ValueError(
                f"{path.name} was kept by a training with another {name}: {kept.get(name)!r}, not {asked.get(name)!r}. "
                "Name another checkpoint, or remove this one."
            )
    return state


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, updates: int, decay: float) -> None:
    """Move averaged weights towards the trained ones: w̄ ← d · w̄ + (1 − d) · w; counts and the like are copied.

    Early on d is (1 + n) / (10 + n), or the average would hold on to the random start for a thousand updates.
    """
    decay = min(decay, (1 + updates) / (10 + updates))
    current = network.state_dict()
    for name, averaged in average.state_dict().items():
        if averaged.is_floating_point():
            averaged.lerp_(current[name], 1 - decay)
        else:
            averaged.copy_(current[name])
