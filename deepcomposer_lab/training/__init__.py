"""Training: one trainer a technique, each a generator of `Progress`. Nothing here draws; others do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepcomposer_lab.training.recipes import ARCNNRecipe, GANRecipe, Recipe

if TYPE_CHECKING:
    from deepcomposer_lab.training.ar_cnn import ARCNNTrainer
    from deepcomposer_lab.training.gan import GANTrainer


def train(recipe: Recipe, *, checkpoint: Path | None = None) -> ARCNNTrainer | GANTrainer:
    """Return the trainer of a recipe; iterate over it to train, and `save` what it learnt.

    Parameters
    ----------
    recipe : Recipe
        From `training.recipes`.
    checkpoint : Path, optional
        Where the state is kept while it trains, and where an interrupted training goes on from.

    Raises
    ------
    ValueError
        When no trainer knows that kind of recipe.
    """
    if isinstance(recipe, ARCNNRecipe):
        from deepcomposer_lab.training.ar_cnn import ARCNNTrainer  # torch is loaded only now

        return ARCNNTrainer(recipe, checkpoint=checkpoint)
    if isinstance(recipe, GANRecipe):
        from deepcomposer_lab.training.gan import GANTrainer

        return GANTrainer(recipe, checkpoint=checkpoint)
    raise ValueError(f"No trainer knows the technique {recipe.technique!r} of the recipe {recipe.name!r}.")
