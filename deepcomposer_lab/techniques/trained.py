"""What every technique does alike with its trained model: load it, check it, and keep that it was used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from deepcomposer_lab.models.registry import Model, ModelCard, ModelError, list_models, load_model
from deepcomposer_lab.music.composition import CompositionStep


def pretrained(technique: str, name: str) -> Model:
    """Load a trained model of a technique by name: the bare name for the newest, with "-1" for a version.

    Raises
    ------
    ModelError
        When there is no such model; where no model of the technique is installed at all, the message says so.
    """
    try:
        return load_model(name)
    except ModelError:
        if any(card.technique == technique for card in list_models()):
            raise
        raise ModelError(
            f"There is no model {name!r}: no model of the technique {technique!r} is installed yet. Train one "
            "(`deepcomposer-lab train` lists the recipes), or update the package."
        ) from None


def check_technique(model: Model, technique: str) -> None:
    """Refuse a model that belongs to another technique with a ValueError, and what is no model with a TypeError."""
    if not isinstance(model, Model):
        raise TypeError(
            f"A technique takes a loaded model, and got {model!r} ({type(model).__name__}); "
            "its from_pretrained loads one by name, load_model too."
        )
    if model.card.technique != technique:
        raise ValueError(
            f"The model {model.card.stem} is for the technique {model.card.technique!r}, not {technique!r}."
        )


def step_made(
    technique: str, card: ModelCard, *, parameters: Mapping[str, Any], seed: int, remarks: Iterable[str]
) -> CompositionStep:
    """Return what a composition keeps of how a model made it: enough to make it again."""
    return CompositionStep(
        technique=technique,
        model=card.name,
        version=str(card.version),
        weights_sha256=card.weights_sha256,
        parameters=parameters,
        seed=seed,
        package_version=version("deepcomposer-lab"),
        remarks=tuple(remarks),
    )
