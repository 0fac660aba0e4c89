"""Recipes refuse what they do not have, in words."""

import dataclasses

import pytest

from deepcomposer_lab.training import train
from deepcomposer_lab.training.recipes import AR_CNN_BACH, AR_CNN_TINY, Recipe, get_recipe, list_recipes


def test_replace_gives_another_recipe_and_leaves_the_first():
    changed = AR_CNN_TINY.replace(epochs=7, learning_rate=1)
    assert (changed.epochs, changed.learning_rate, changed.batch_size) == (7, 1.0, AR_CNN_TINY.batch_size)
    assert AR_CNN_TINY.epochs == 8
    assert isinstance(changed.learning_rate, float)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": 3}, "has no hyperparameter 'epoch'; it has .*epochs"),
        ({"epochs": 2.5}, "epochs .* is a whole number"),
        ({"epochs": "many"}, "epochs .* is a whole number such as 8"),
        ({"epochs": True}, "epochs .* is a whole number such as 8"),
        ({"epochs": -1}, "epochs of the recipe ar_cnn_tiny is 0 or more; got -1"),
        ({"batch_size": 0}, "batch_size of the recipe ar_cnn_tiny is 2 to 4096; got 0"),
        ({"validation_interval": 0}, "is 1 or more; got 0"),
        ({"crop_steps": 7}, "crop_steps .* is a multiple of 4"),
        ({"learning_rate": float("inf")}, "learning_rate .* is a number such as"),
        ({"average_decay": 2}, "average_decay .* is 0 to 1; got 2"),
        ({"widths": (8, 16)}, "widths .* is a row of numbers .*; it needs 3 of them"),
        ({"widths": 8}, "widths .* is a row of numbers"),
        ({"widths": (8, 16, "x")}, "widths .* is a whole number"),
        ({"dataset": 3}, "dataset .* is a text"),
        ({"name": "mine"}, "has no hyperparameter 'name'"),
    ],
)
def test_replace_refuses(overrides, message):
    with pytest.raises(ValueError, match=message):
        AR_CNN_TINY.replace(**overrides)


def test_recipes_are_found_by_name_in_any_spelling():
    assert get_recipe("AR-CNN-tiny") is AR_CNN_TINY
    names = list_recipes()
    assert names == sorted(names)
    assert {"ar_cnn_bach", "ar_cnn_tiny", "musegan_rock", "musegan_tiny", "unet_bach", "unet_pop"} <= set(names)
    for name in names:
        assert get_recipe(name.upper()).name == name
    with pytest.raises(ValueError, match=r"There is no recipe 'bach'\. Recipes: ar_cnn_bach, ar_cnn_tiny"):
        get_recipe("bach")


def test_recipes_are_plain_values():
    assert AR_CNN_BACH.as_dict()["widths"] == (24, 48, 96)
    with pytest.raises(dataclasses.FrozenInstanceError):
        AR_CNN_BACH.epochs = 3


def test_a_recipe_of_an_unknown_technique_is_refused():
    with pytest.raises(ValueError, match="No trainer knows the technique 'painting'"):
        train(Recipe(name="oil", technique="painting"))
