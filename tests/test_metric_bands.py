import numpy as np
import pytest

import deepcomposer_lab as dc
from deepcomposer_lab import metric_bands
from deepcomposer_lab.music.composition import CompositionStep


def scale(key=0):
    return dc.Composition(
        [dc.Track([dc.Note(i / 2, 60 + key + p, 0.5) for i, p in enumerate((0, 2, 4, 5, 7, 9, 11, 12))])]
    )


def row(rows, name):
    return next(one for one in rows if one["name"] == name)


def test_a_piece_without_a_model_stands_beside_bach():
    rows = metric_bands.rows(scale())
    assert [one["name"] for one in rows] == [name for name, *_ in metric_bands.METRICS]
    assert all(one["data"] == "chorales" for one in rows)
    polyphony = row(rows, "polyphonic_rate")
    assert (polyphony["value"], polyphony["verdict"]) == (0, "Lower than nine in ten of the chorales.")


def test_the_key_is_found_and_named_and_before_is_measured_in_it():
    rows = metric_bands.rows(scale(key=2), before=scale())
    found = row(rows, "in_scale_ratio")
    assert found["label"] == "In scale ratio, D major"
    assert (found["value"], found["was"]) == (1, 0.625)  # of C D E F G A B C: D E G A B belong to D major


def test_what_does_not_apply_is_no_zero():
    drums = row(metric_bands.rows(scale()), "drum_in_pattern")
    assert drums["value"] is None
    assert drums["reason"] == "No drums in this piece."


def test_the_last_model_says_which_data():
    made = scale().with_step(CompositionStep("ar-cnn", "autoregressive_cnn_bach")).with_step(
        CompositionStep("gan", "musegan_rock")
    ).with_step(CompositionStep("edit"))  # fmt: skip
    assert metric_bands.rows(made)[0]["data"] == "rock songs"
    unknown = scale().with_step(CompositionStep("gan", "a_model_of_another_machine"))
    assert metric_bands.rows(unknown)[0]["data"] == "chorales"


def test_every_models_data_has_a_band():
    known = metric_bands.bands()
    for card in dc.list_models():
        assert card.dataset["name"] in known
    for one in known.values():
        assert all(low <= high for low, high in one["metrics"].values())


def test_the_band_of_the_chorales_is_measured_again():
    pieces = [piece.to_composition() for piece in dc.load_dataset("bach_chorales").pieces("train")]
    values = [metric_bands.in_own_key(metric_bands._beginning(piece)).in_scale_ratio for piece in pieces]
    low, high = metric_bands.bands()["bach_chorales"]["metrics"]["in_scale_ratio"]
    assert len(pieces) == metric_bands.bands()["bach_chorales"]["pieces"]
    inside = np.mean([low - 1e-4 <= value <= high + 1e-4 for value in values])
    assert inside == pytest.approx(0.8, abs=0.02)
