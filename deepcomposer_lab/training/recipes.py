"""Recipes: everything that decides how a model is trained, as frozen values with the glossary's names.

`recipes.AR_CNN_TINY.replace(epochs=2)` gives another recipe; a name that does not exist or a value of the wrong type is
refused with a sentence. The same checks serve `deepcomposer-lab train RECIPE --epochs=2`.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Recipe:
    """What all recipes share."""

    name: str
    technique: str = ""
    dataset: str = "bach_chorales"
    epochs: int = 1
    batch_size: int = 16
    learning_rate: float = 1e-3
    seed: int = 0

    def replace(self, **overrides: Any) -> Self:
        """Return the recipe with some values changed.

        Raises
        ------
        ValueError
            For a name that the recipe does not have (the message lists those it has), a value of another type, or one
            below zero where a count or a rate is meant.
        """
        fields = {field.name: field for field in dataclasses.fields(self)}
        checked = {}
        for name, value in overrides.items():
            if name not in fields or name in ("name", "technique"):
                known = ", ".join(sorted(set(fields) - {"name", "technique"}))
                raise ValueError(f"The recipe {self.name} has no hyperparameter {name!r}; it has {known}.")
            checked[name] = _checked(self.name, name, value, getattr(self, name))
        return dataclasses.replace(self, **checked)

    def as_dict(self) -> dict[str, Any]:
        """Return the plain values a model card keeps."""
        return asdict(self)


_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", tuple: "a row of numbers"}

# Lowest and highest value of a hyperparameter; 0 and no end for those not listed.
_RANGES: dict[str, tuple[float, float]] = {
    "batch_size": (2, 4096),  # batch normalisation needs two
    "learning_rate": (0, 1),
    "crop_steps": (4, 1024),
    "validation_interval": (1, math.inf),
    "patience": (1, math.inf),
    "average_decay": (0, 1),
    "weight_decay": (0, 1),
    "dropout": (0, 0.95),
    "seed": (0, 2**63 - 1),
    "trunk_width": (1, 4096),
    "discriminator_learning_rate": (0, 1),
    "update_ratio": (1, 100),
    "crop_bars": (1, 64),
    "decay_share": (0, 1),
    "checkpoint_interval": (1, math.inf),
    "bar_width": (4, 4096),
    "beat_width": (4, 4096),
    "step_width": (4, 4096),
    "critic_width": (4, 4096),
    "segment": (8, 8192),
    "memory": (1, 8192),
    "melody_share": (0, 1),
    "excerpt_share": (0, 1),
    "chorale_share": (0, 0.95),
    "width": (8, 4096),
    "layers": (1, 64),
    "heads": (2, 64),
    "hidden": (8, 16384),
}

# Texts that are a choice.
_CHOICES: dict[str, tuple[str, ...]] = {
    "genre": ("rock", "pop", "jazz", "symphony", "bach"),
    "network": ("musegan", "unet_gan"),
    "loss": ("hinge", "wasserstein"),
}


def _checked(recipe: str, name: str, value: Any, current: Any) -> Any:
    """Return `value` as the type the recipe has for it; whole numbers serve where a float is meant."""
    kind = type(current)
    said = f"{name} of the recipe {recipe} is {_KINDS[kind]} such as {current!r}; got {value!r}."
    if kind is tuple:
        if not isinstance(value, (tuple, list)) or len(value) != len(current):
            raise ValueError(f"{said[:-1]}; it needs {len(current)} of them.")
        return tuple(_checked(recipe, name, part, current[0]) for part in value)
    if kind is str:
        if not isinstance(value, str):
            raise ValueError(said)
        if value not in _CHOICES.get(name, (value,)):
            raise ValueError(f"{name} of the recipe {recipe} is one of {', '.join(_CHOICES[name])}; got {value!r}.")
        return value
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(said)
    if kind is int and value != int(value):
        raise ValueError(said)
    lowest, highest = _RANGES.get(name, (0, math.inf))
    if not lowest <= value <= highest:
        end = "or more" if highest == math.inf else f"to {highest:g}"
        raise ValueError(f"{name} of the recipe {recipe} is {lowest:g} {end}; got {value!r}.")
    if name == "crop_steps" and value % 4:
        raise ValueError(f"crop_steps of the recipe {recipe} is a multiple of 4, a whole beat; got {value!r}.")
    return kind(value)


@dataclass(frozen=True)
class ARCNNRecipe(Recipe):
    """How an AR-CNN is trained.

    A training example is a crop of a chorale, corrupted: notes taken away, notes moved, notes added. The network learns
    which edits lead back.
    """

    technique: str = "ar-cnn"
    learning_rate: float = 2e-3  # AdamW's peak; 4e-3 diverges now and then
    crop_steps: int = 64  # sixteenths: four bars of 4/4; composing uses windows of 128
    warmup_steps: int = 200  # the first updates are small: batch normalisation has yet to settle
    weight_decay: float = 0.01
    gradient_clip: float = 1.0  # largest norm of an update's gradient
    average_decay: float = 0.999  # the shipped weights are a moving average over about 1 / (1 − this) updates
    validation_interval: int = 250  # updates between two looks at the validation pieces
    patience: int = 20  # looks without a smaller validation loss after which training stops early
    widths: tuple[int, ...] = (24, 48, 96)  # channels of the U-Net's levels
    trunk: str = "chroma"  # what reads the piece as a whole: none, dilated, attention or chroma (networks/trunks.py)
    trunk_width: int = 96  # channels of one pitch class of a beat; with the other trunks, of a whole beat
    dropout: float = 0.1


AR_CNN_BACH = ARCNNRecipe(name="ar_cnn_bach", epochs=175)
AR_CNN_TINY = ARCNNRecipe(  # about a minute on one core: enough to see it learn, not to compose well
    name="ar_cnn_tiny",
    epochs=8,
    batch_size=8,
    warmup_steps=50,
    average_decay=0.98,
    validation_interval=100,
    widths=(8, 16, 24),
    trunk_width=24,
)


@dataclass(frozen=True)
class GANRecipe(Recipe):
    """How a GAN is trained: melodies from songs, and what a band plays with them.

    A training example is a few bars of a song. The generator is given the melody and noise; the discriminator compares
    what it makes of them with what the band played.
    """

    technique: str = "gan"
    network: str = "musegan"
    genre: str = "rock"  # which band, in which windows (encoding/bars.py)
    dataset: str = "rock"  # several are joined by "+"
    songs: int = 0  # at most so many of them; 0 takes all
    crop_bars: int = 4  # bars of an example: a phrase
    learning_rate: float = 1e-3  # of the generator, Adam
    discriminator_learning_rate: float = 4e-4  # slower: it has the easier task
    update_ratio: int = (
        1  # updates of the discriminator for each of the generator; more make it stronger, and training slower
    )
    loss: str = (
        "hinge"  # with spectral normalisation; "wasserstein" has a gradient penalty and wants an update_ratio of 5
    )
    penalty_weight: float = 10.0  # of the gradient penalty (Gulrajani et al. 2017)
    adversarial_weight: float = 1.0  # how much the discriminator's opinion counts
    reconstruction_weight: float = 2.0  # how much foretelling real accompaniments counts, a nat a step
    divergence_weight: float = 0.02  # what noise that is not normal costs, a nat a step
    diversity_weight: float = 2.0  # what it costs to make of one melody always the same
    least_diversity: float = 0.75  # how far two accompaniments of a melody shall lie apart, those of two songs being 1
    decay_share: float = 0.5  # in the last half the learning rates fall on a straight line
    gradient_clip: float = 5.0  # largest norm of the generator's gradient
    average_decay: float = 0.995  # the shipped weights are a moving average over about 1 / (1 − this) updates
    checkpoint_interval: int = 50  # generator updates between two checkpoints
    bar_width: int = 192  # channels of a bar
    beat_width: int = 128  # channels of a beat
    step_width: int = 64  # channels of a track's steps
    critic_width: int = 48


MUSEGAN_ROCK = GANRecipe(name="musegan_rock", dataset="rock+rock_arranged", genre="rock", epochs=2)
MUSEGAN_POP = GANRecipe(name="musegan_pop", dataset="pop", genre="pop", epochs=2)
MUSEGAN_JAZZ = GANRecipe(name="musegan_jazz", dataset="jazz", genre="jazz", epochs=2)
MUSEGAN_SYMPHONY = GANRecipe(
    name="musegan_symphony",
    dataset="string_quartets",
    genre="symphony",
    epochs=7,
    adversarial_weight=1.5,
    least_diversity=1.1,
)
MUSEGAN_BACH = GANRecipe(name="musegan_bach", dataset="bach_chorales", genre="bach", epochs=12)
UNET_BACH = GANRecipe(
    name="unet_bach",
    network="unet_gan",
    dataset="bach_chorales",
    genre="bach",
    epochs=20,
    decay_share=0.75,
    least_diversity=0.85,
)
UNET_POP = dataclasses.replace(UNET_BACH, name="unet_pop", dataset="pop", genre="pop", epochs=2, least_diversity=0.75)
MUSEGAN_TINY = GANRecipe(  # less than a minute on one core: enough to hear noise become music
    name="musegan_tiny",
    dataset="bach_chorales",
    genre="bach",
    epochs=6,
    batch_size=8,
    songs=100,
    average_decay=0.95,
    bar_width=64,
    beat_width=48,
    step_width=32,
    critic_width=24,
)


@dataclass(frozen=True)
class TransformerRecipe(Recipe):
    """How a Transformer is trained: to foretell the next token of a piece, read a segment at a time with memory.

    An epoch reads about as many tokens as the pieces have; excerpts and transpositions are drawn anew each time.
    """

    technique: str = "transformers"
    batch_size: int = 64  # pieces read side by side
    segment: int = 512  # tokens read at a time; memory carries over
    learning_rate: float = 2e-3  # AdamW's peak
    warmup_steps: int = 300
    weight_decay: float = 0.1  # of the matrices
    gradient_clip: float = 1.0  # largest norm of an update's gradient
    average_decay: float = 0.999  # the shipped weights are a moving average over about 1 / (1 − this) updates
    validation_interval: int = 500  # updates between two looks at the validation pieces
    melody_share: float = 0.1  # how often only the uppermost part of a piece is read: people bring melodies
    excerpt_share: float = 0.5  # how often a piece is read from some bar on: people bring excerpts
    chorale_share: float = 0.0  # share of the tokens that are of chorales, where the dataset has other music too
    width: int = 256
    layers: int = 6
    heads: int = 8
    hidden: int = 640  # inside the feed-forward network
    memory: int = 512  # tokens that each token can look back
    dropout: float = 0.1


TRANSFORMER_XL_CLASSICAL = TransformerRecipe(
    name="transformer_xl_classical", dataset="classical", epochs=80, validation_interval=1000, chorale_share=0.08
)
TRANSFORMER_TINY = TransformerRecipe(  # about a minute on one core: enough to see it learn chords and rhythm
    name="transformer_tiny",
    epochs=2,
    batch_size=8,
    segment=128,
    learning_rate=4e-3,
    warmup_steps=20,
    average_decay=0.97,
    validation_interval=50,
    width=96,
    layers=2,
    heads=4,
    hidden=192,
    memory=128,
    dropout=0.0,
)

_RECIPES = {
    recipe.name: recipe
    for recipe in (
        AR_CNN_BACH,
        AR_CNN_TINY,
        MUSEGAN_ROCK,
        MUSEGAN_POP,
        MUSEGAN_JAZZ,
        MUSEGAN_SYMPHONY,
        MUSEGAN_BACH,
        UNET_BACH,
        UNET_POP,
        MUSEGAN_TINY,
        TRANSFORMER_XL_CLASSICAL,
        TRANSFORMER_TINY,
    )
}


def list_recipes() -> list[str]:
    """Return the names of all recipes."""
    return sorted(_RECIPES)


def get_recipe(name: str) -> Recipe:
    """Return the recipe of that name; upper case and hyphens are taken too.

    Raises
    ------
    ValueError
        When there is none; the message lists those there are.
    """
    key = name.lower().replace("-", "_")
    if key not in _RECIPES:
        raise ValueError(f"There is no recipe {name!r}. Recipes: {', '.join(list_recipes())}.")
    return _RECIPES[key]
