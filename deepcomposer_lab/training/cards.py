"""What a model card says of how its model was trained: the same of every technique."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import nn

from deepcomposer_lab.models.registry import ModelCard, next_version
from deepcomposer_lab.training.recipes import Recipe
from deepcomposer_lab.training.surroundings import surroundings


def card_of(
    name: str,
    recipe: Recipe,
    network: nn.Module,
    *,
    architecture: str,
    config: Any,
    encoding: Any,
    dataset: Mapping[str, Any],
    progress: Mapping[str, Any],
    metrics: Mapping[str, float],
    description: str = "",
    extra: Mapping[str, Any] | None = None,
) -> ModelCard:
    """Return the card of what a trainer made: the next version of that name.

    Parameters
    ----------
    name : str
    recipe : Recipe
    network : Module
        What was trained.
    architecture : str
        Its name, as the registry builds it.
    config, encoding
        The network's sizes, a dataclass; and what it reads and writes, with `as_dict`.
    dataset : mapping
        The card of what it learnt from.
    progress : mapping
        How far it came: "steps", "epochs", "seconds" and whatever else there is to tell.
    metrics : mapping of str to float
    description : str
    extra : mapping, optional
    """
    return ModelCard(
        name=name,
        version=next_version(name),
        technique=recipe.technique,
        network=architecture,
        config=asdict(config),
        encoding=encoding.as_dict(),
        dataset=dataset,
        recipe=recipe.as_dict(),
        training={**progress, **surroundings()},
        metrics=metrics,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        description=description,
        extra=extra or {},
    )
