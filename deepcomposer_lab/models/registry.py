"""Trained models on disk: a readable card and a safetensors file side by side.

    cards/<name>-<version>.json        what the model is, where it learnt, how good it is
    weights/<name>-<version>.safetensors   half-precision numbers, nothing else; no pickle, so loading runs no code

A bare name means the newest version whose weights are there. A released version never changes: training again makes
the next one; when it replaces another, the old weights leave the package and the old card stays.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import nn

from deepcomposer_lab.encoding.bars import BarsEncoding
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.encoding.tokens import TokenEncoding
from deepcomposer_lab.music.files import write_atomically
from deepcomposer_lab.networks.ar_cnn import ARCNNConfig, AutoregressiveCNN
from deepcomposer_lab.networks.transformer_xl import TransformerXL, TransformerXLConfig

MODELS_DIRECTORY = Path(__file__).parent
CARD_FORMAT = 1


class ModelError(ValueError):
    """A model that is not there, is damaged, or does not fit its card."""


@dataclass(frozen=True)
class ModelCard:
    """What is known of a trained model.

    Parameters
    ----------
    name : str
    version : int
        From 1; a bare name means the newest.
    technique, network : str
        What a person chooses, and the architecture inside.
    config, encoding : mapping
        The network's sizes, and what music it reads and writes; both are checked on load.
    dataset : mapping
        Name, sha256 and licence of what it learnt from.
    recipe : mapping
        Every hyperparameter.
    training : mapping
        Seed, updates, epochs, seconds, hardware, commit, package version.
    metrics : mapping
        Validation figures at the end.
    parameters : int
        How many numbers were learnt.
    weights_bytes, weights_sha256 : int, str
    description, licence : str
    """

    name: str
    version: int
    technique: str
    network: str
    config: Mapping[str, Any]
    encoding: Mapping[str, Any]
    dataset: Mapping[str, Any]
    recipe: Mapping[str, Any]
    training: Mapping[str, Any]
    metrics: Mapping[str, float]
    parameters: int
    weights_bytes: int = 0
    weights_sha256: str = ""
    description: str = ""
    licence: str = "MIT"
    format: int = CARD_FORMAT
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """File name without its ending."""
        return f"{self.name}-{self.version}"

    @property
    def is_snapshot(self) -> bool:
        """Whether it shows how far a training had come, and is not meant to compose well."""
        return "snapshot_of" in self.extra

    def as_dict(self) -> dict[str, Any]:
        """Return the plain values that the card's file holds."""
        return asdict(self)

    @classmethod
    def read(cls, path: Path) -> ModelCard:
        """Read a card.

        Raises
        ------
        ModelError
            When the file is damaged or of a newer format than this version knows.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.get("format", 0) > CARD_FORMAT:
                raise ModelError(
                    f"The model card {path.name} has format {values['format']}; this version of DeepComposer Lab reads "
                    f"up to {CARD_FORMAT}. Update the package."
                )
            return cls(**values)
        except (OSError, json.JSONDecodeError, TypeError, AttributeError) as error:
            raise ModelError(f"The model card {path.name} cannot be read: {error}.") from error


@dataclass(frozen=True)
class Model:
    """A trained network, ready to use, with its card and its encoding."""

    card: ModelCard
    network: nn.Module
    encoding: Any


def own_directory() -> Path:
    """Where models that a learner trains are kept: $DEEPCOMPOSER_LAB_MODELS, else .deepcomposer-lab/models at home."""
    own = os.environ.get("DEEPCOMPOSER_LAB_MODELS")
    return Path(own) if own else Path.home() / ".deepcomposer-lab" / "models"


def directories() -> list[Path]:
    """Where models are looked for: the learner's own, then those that come with the package."""
    return [own_directory(), MODELS_DIRECTORY]


def weights_path(card_path: Path) -> Path:
    """Return where the weights of a card lie."""
    return card_path.parent.parent / "weights" / f"{card_path.stem}.safetensors"


def _cards() -> dict[str, Path]:
    """Return the card of every model by "name-version"; a learner's own come before the package's."""
    cards: dict[str, Path] = {}
    for directory in directories():
        for path in sorted((directory / "cards").glob("*.json")):
            cards.setdefault(path.stem, path)
    return cards


def list_models() -> list[ModelCard]:
    """Return the cards of all models whose weights are here, by name, oldest version first.

    A damaged card is left out with a warning: one bad file does not take the others away.
    """
    cards = []
    for path in _cards().values():
        if not weights_path(path).exists():
            continue
        try:
            cards.append(ModelCard.read(path))
        except ModelError as error:
            warnings.warn(str(error), stacklevel=2)
    return sorted(cards, key=lambda card: (card.name, card.version))


def check_name(name: str, directory: Path | None = None) -> None:
    """Refuse a name that a model cannot be saved under.

    Raises
    ------
    ModelError
        When it is no plain file name, or the name of a model that comes with the package: a learner's model would take
        its place without a word.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name):
        raise ModelError(f"A model's name has small letters, digits and underscores, such as my_bach; got {name!r}.")
    shipped = {path.stem.rpartition("-")[0] for path in (MODELS_DIRECTORY / "cards").glob("*.json")}
    if directory is None and name in shipped:
        raise ModelError(f"{name} comes with DeepComposer Lab. Choose a name of your own, such as my_{name}.")


def find_card(name: str) -> Path:
    """Return the path of a model's card; `name` is "name" for the newest, or "name-version".

    Raises
    ------
    ModelError
        When there is none with weights; the message lists the models there are.
    """
    cards = _cards()
    if name in cards and weights_path(cards[name]).exists():
        return cards[name]
    versions = [card for card in list_models() if card.name == name]
    if not versions:
        known = ", ".join(dict.fromkeys(card.name for card in list_models())) or "none"
        raise ModelError(f"There is no model {name!r} here. Models: {known}.")
    return cards[versions[-1].stem]


def load_model(name: str) -> Model:
    """Load a trained model by name; `model.network` is in evaluation mode, float32, on the CPU.

    Raises
    ------
    ModelError
        When there is no such model, its weights differ from the card's sha256, or network and encoding do not fit.
    """
    path = find_card(name)
    card = ModelCard.read(path)
    data = weights_path(path).read_bytes()
    if hashlib.sha256(data).hexdigest() != card.weights_sha256:
        raise ModelError(
            f"The weights of {card.stem} are not those its card names (sha256 differs): the file is damaged or was "
            "exchanged. Install the package again."
        )
    if card.network not in _BUILDERS:
        raise ModelError(f"The model {card.stem} needs the network {card.network!r}, which this version does not have.")
    network, encoding = _BUILDERS[card.network](card)
    tensors = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in load(data).items()}
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"The weights of {card.stem} do not fit the network its card describes: {error}") from error
    return Model(card, network.eval(), encoding)


def _build_ar_cnn(card: ModelCard) -> tuple[AutoregressiveCNN, ImageEncoding]:
    values: dict[str, Any] = {
        key: tuple(map(_tuples, value)) if isinstance(value, list) else value for key, value in card.config.items()
    }
    config, encoding = ARCNNConfig(**values), ImageEncoding(**card.encoding)
    if (config.pitches, config.longest_duration) != (encoding.pitches, encoding.longest_duration):
        raise ModelError(
            f"The encoding of {card.stem} has {encoding.pitches} pitches and durations up to "
            f"{encoding.longest_duration} steps, its network {config.pitches} and {config.longest_duration}."
        )
    return AutoregressiveCNN(config), encoding


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


# The generators of the GAN, by the network's name: module in networks, sizes, class. Imported when a card asks for one.
GENERATORS = {
    "musegan": ("musegan", "MuseGANConfig", "Generator"),
    "unet_gan": ("unet_gan", "UNetGANConfig", "UNetGenerator"),
}


def _build_generator(card: ModelCard) -> tuple[nn.Module, BarsEncoding]:
    """Build a generator alone: what it learnt from, critic and encoder, is not shipped."""
    name, config_class, generator_class = GENERATORS[card.network]
    module = importlib.import_module(f"deepcomposer_lab.networks.{name}")
    try:
        encoding = BarsEncoding.from_dict(card.encoding)
        config = getattr(module, config_class)(**{key: _tuples(value) for key, value in card.config.items()})
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"The card of {card.stem} lacks a size, or names one that its network has not: {error}."
        ) from None
    for name, heard in encoding.sizes().items():
        played = getattr(config, name)
        if name == "track_lowest":  # of drums it means nothing
            pitched = [window.kind != "drums" for window in encoding.tracks]
            heard, played = (tuple(compress(lowest, pitched)) for lowest in (heard, played))
        if heard != played:
            raise ModelError(
                f"The encoding of {card.stem} has {name.replace('_', ' ')} {_shown(heard)}, its network "
                f"{_shown(played)}."
            )
    if encoding.steps_per_bar != config.steps_per_bar:
        raise ModelError(
            f"The encoding of {card.stem} has {encoding.steps_per_bar} steps a bar, its network {config.steps_per_bar}."
        )
    return getattr(module, generator_class)(config), encoding


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _build_transformer_xl(card: ModelCard) -> tuple[TransformerXL, TokenEncoding]:
    try:
        config, encoding = TransformerXLConfig(**card.config), TokenEncoding(**card.encoding)
    except TypeError as error:
        raise ModelError(
            f"The card of {card.stem} lacks a size, or names one that its network has not: {error}."
        ) from None
    if encoding != TokenEncoding():
        raise ModelError(f"The tokens of {card.stem} are not those of this version: {encoding}, not {TokenEncoding()}.")
    for name, said in encoding.sizes().items():
        if said != getattr(config, name):
            raise ModelError(f"The encoding of {card.stem} has {name} {said}, its network {getattr(config, name)}.")
    return TransformerXL(config), encoding


_BUILDERS: dict[str, Callable[[ModelCard], tuple[nn.Module, Any]]] = {
    "ar_cnn": _build_ar_cnn,
    "transformer_xl": _build_transformer_xl,
    **dict.fromkeys(GENERATORS, _build_generator),
}


def save_model(card: ModelCard, network: nn.Module, directory: Path | None = None) -> ModelCard:
    """Write a model's weights (half precision) and card; return the card with size and sha256 filled in.

    It goes to the learner's own models, or to `directory`.

    Raises
    ------
    ModelError
        When that version exists already: a released version never changes.
    """
    check_name(card.name, directory)
    card_path = (directory or own_directory()) / "cards" / f"{card.stem}.json"
    if card_path.exists():
        raise ModelError(
            f"{card.stem} exists already, and a released version never changes. Save it as the next version."
        )
    data = save(
        {
            key: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
            for key, tensor in network.state_dict().items()
        }
    )
    values = {
        **card.as_dict(),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "weights_bytes": len(data),
        "weights_sha256": hashlib.sha256(data).hexdigest(),
    }
    complete = ModelCard(**values)
    for path in (weights_path(card_path), card_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(weights_path(card_path), data)
    write_atomically(card_path, (json.dumps(complete.as_dict(), indent=2, ensure_ascii=False) + "\n").encode())
    return ModelCard.read(card_path)


def next_version(name: str) -> int:
    """Return the version that the next model of this name gets, wherever earlier ones lie."""
    versions = [path.stem.rpartition("-") for path in _cards().values()]
    taken = [int(version) for stem, _, version in versions if stem == name and version.isdigit()]
    return max(taken, default=0) + 1
