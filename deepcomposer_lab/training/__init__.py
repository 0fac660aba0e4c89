"""Training: one trainer a technique, each a generator of `Progress`. Nothing here draws; others do."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from deepcomposer_lab.training.recipes import Recipe

TRAINERS = {
    "ar-cnn": ("deepcomposer_lab.training.ar_cnn", "ARCNNTrainer"),
    "gan": ("deepcomposer_lab.training.gan", "GANTrainer"),
    "transformers": ("deepcomposer_lab.training.transformer", "TransformerTrainer"),
}
"""technique -> (module, class); torch is loaded with the module."""


def check_recipe(recipe: Recipe) -> None:
    """Raise a ValueError, one sentence, where no trainer knows a recipe; nothing is loaded."""
    if recipe.technique not in TRAINERS or importlib.util.find_spec(TRAINERS[recipe.technique][0]) is None:
        raise ValueError(f"No trainer knows the technique {recipe.technique!r} of the recipe {recipe.name!r}.")


def train(recipe: Recipe, *, songs: Any = None, checkpoint: Path | None = None) -> Any:
    """Return the trainer of a recipe; iterate over it to train, and `save` what it learnt.

    Parameters
    ----------
    recipe : Recipe
        From `training.recipes`.
    songs : optional
        What a GAN learns from; the recipe's dataset by default.
    checkpoint : Path, optional
        Where the state is kept while it trains, and where an interrupted training goes on from.

    Raises
    ------
    ValueError
        When no trainer knows that kind of recipe.
    """
    check_recipe(recipe)
    module, name = TRAINERS[recipe.technique]
    own = {} if songs is None else {"songs": songs}
    return getattr(importlib.import_module(module), name)(recipe, checkpoint=checkpoint, **own)
