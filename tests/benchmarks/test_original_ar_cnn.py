"""The original as a row: what it learns from, how it edits, how it is scored, by networks whose answer is known."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from deepcomposer_lab.benchmarks import original_ar_cnn as original
from deepcomposer_lab.benchmarks.corpus import Chorale, chorales
from deepcomposer_lab.benchmarks.harmony import MEASURES
from deepcomposer_lab.benchmarks.records import read_record
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.networks.original_ar_cnn import OriginalARCNN, OriginalARCNNConfig
from deepcomposer_lab.training.ar_cnn import source_of

TINY = OriginalARCNNConfig(
    steps=32,
    widths=(3, 4),
    bottleneck=6,
    dropout_down=(0.0, 0.5),
    dropout_up=(0.5, 0.0),
    normalise_down=(True, False),
    normalise_up=(True, False),
)
RECIPE = original.OriginalRecipe(config=TINY, batch_size=2)


class Wants(torch.nn.Module):
    """A network that is sure of one roll: flips what differs from it."""

    config = OriginalARCNNConfig()

    def __init__(self, target):
        super().__init__()
        self.target = torch.from_numpy(target)

    def forward(self, roll):
        return 60 * (roll - self.target).abs()


@pytest.fixture(scope="module")
def all_pieces():
    return chorales(ImageEncoding())


@pytest.fixture(scope="module")
def validation_pieces():
    return chorales(ImageEncoding(), split="validation")


def small(pieces):
    return [original.excerpt(chorale, 32) for chorale in pieces]


# What it sees


def test_a_roll_shows_sound_and_cuts_what_lies_outside():
    notes = np.array([[-2, 60, 3, 0], [2, 64, 2, 1], [4, 64, 1, 2], [7, 67, 9, 3]])
    roll = original.draw(notes, 128, 8)
    assert np.argwhere(roll).tolist() == [[60, 0], [64, 2], [64, 3], [64, 4], [67, 7]]


def test_runs_are_the_notes_of_a_roll():
    notes = np.array([[0, 60, 3], [0, 64, 1], [2, 64, 6], [5, 60, 2]])
    roll = original.draw(notes, 128, 8)
    assert original.runs(roll).tolist() == notes.tolist()
    assert original.runs(np.zeros((128, 8), dtype=np.float32)).shape == (0, 3)


@pytest.mark.parametrize(("percent", "left"), [((0, 0), 40), ((100, 100), 0), ((25, 25), 30)])
def test_corruption_silences_a_share_and_lets_a_share_of_silence_sound(percent, left):
    roll = np.zeros((128, 128), dtype=np.float32)
    roll[60, 10:50] = 1
    recipe = replace(RECIPE, remove_percent=percent)
    for seed in range(5):
        spoilt = original.corrupt_cells(roll, recipe, np.random.default_rng(seed))
        silent = 128 * 128 - 40
        assert (spoilt * roll).sum() == left
        assert int(silent * 0.01) <= (spoilt * (1 - roll)).sum() <= silent * 0.015
    assert roll.sum() == 40


def test_right_edits_lead_back_to_the_music(all_pieces):
    trainer = original.OriginalTrainer(
        RECIPE, seconds=1, pieces=[all_pieces[0].piece], validation_pieces=[all_pieces[1].piece]
    )
    source, start = trainer.examples[1]
    spoilt, edits = trainer.example(source, start, 2, np.random.default_rng(0))
    notes = source.notes - np.array([start, -2, 0, 0])
    assert np.array_equal(np.abs(spoilt - edits), original.draw(notes, 128, 32))


# The dozen


def test_the_dozen_is_fixed_and_has_both_metres(all_pieces):
    dozen = original.dozen(all_pieces)
    assert [chorale.index for chorale in dozen] == [0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 66]
    assert {chorale.piece.metre for chorale in dozen} == {(4, 4), (3, 4)}
    assert all(original.excerpt(chorale).source.time.shape[1] <= 128 for chorale in dozen)


def test_an_excerpt_is_cut_where_the_window_ends(all_pieces):
    chorale = all_pieces[0]
    cut = original.excerpt(chorale, 30)
    whole = original.draw(chorale.source.notes, 128, 30)
    assert np.array_equal(original.draw(cut.source.notes, 128, 64)[:, :30], whole)
    assert not original.draw(cut.source.notes, 128, 64)[:, 30:].any()
    assert cut.index == chorale.index


def test_an_excerpt_after_half_a_beat_counts_from_the_whole_beat(all_pieces):
    piece = replace(all_pieces[4].piece, pickup=2)
    cut = original.excerpt(Chorale(4, piece, source_of(piece, ImageEncoding())), 32)
    assert cut.piece.steps == 30
    assert cut.source.time.shape[1] == 32


# Detection


def test_a_wide_roll_is_read_where_windows_see_most():
    class Place(torch.nn.Module):
        config = OriginalARCNNConfig(steps=32, pitches=32)

        def forward(self, roll):
            return torch.arange(32.0).expand(1, 32, 32)

    def read(steps):
        return original.cell_logits(Place(), np.zeros((32, steps), dtype=np.float32))[0].astype(int).tolist()

    assert read(20) == list(range(20))
    assert read(32) == list(range(32))
    assert read(36) == [*range(18), *range(14, 32)]  # windows from 0 and 4
    assert read(50) == [*range(24), *range(8, 18), *range(14, 30)]  # windows from 0, 16 and 20


def test_a_notes_score_is_made_from_its_cells():
    logits = np.array([[0.0, 2.0, 4.0], [1.0, 1.0, -1.0]], dtype=np.float32)
    roll = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], dtype=np.float32)
    scores = original.note_scores(logits, roll, np.array([[0, 0, 2], [1, 1, 7]]))
    everything = np.log(np.exp(logits).sum())
    sounding = np.log(np.exp([0.0, 2.0, 1.0, -1.0]).sum())
    assert scores["mean logit"] == pytest.approx([1, 0])
    assert scores["maximum logit"] == pytest.approx([2, 1])
    assert scores["mean logit among all"] == pytest.approx(np.array([1, 0]) - everything, abs=1e-5)
    assert scores["maximum logit among sounding"] == pytest.approx(np.array([2, 1]) - sounding, abs=1e-5)


def test_who_knows_the_piece_names_every_moved_note(all_pieces):
    chorale = original.excerpt(all_pieces[4])
    true = original.draw(chorale.source.notes, 128, 128)
    found = original.detect_cells(Wants(true), chorale)
    assert 0.08 < found.moved.mean() < 0.12
    assert original.average_precision(found.moved, found.scores["mean logit"]) > 0.97  # unless moved into a unison
    assert original.average_precision(found.moved, -found.scores["mean logit"]) < 0.12
    assert (found.moved | ~found.leaves_chord).all()


# Composing


def test_filling_goes_on_until_cells_and_notes_are_there(all_pieces):
    chorale = original.excerpt(all_pieces[4])
    true = original.draw(chorale.source.notes, 128, 128)
    soprano = original.draw(chorale.source.notes[chorale.source.notes[:, 3] == 0], 128, 128)
    filled = original.harmonise_cells(Wants(true), chorale)
    assert filled.matched
    assert filled.edits == (true - soprano).sum()
    assert filled.notes.tolist() == original.runs(true - soprano).tolist()


def fill(network, given, **changes):
    arguments = {"steps": 128, "cells": 3, "notes": 1, "random": np.random.default_rng(0), "most_edits": 9}
    return original.fill(network, given, **(arguments | changes))


def test_given_cells_stay_and_nothing_is_added_after_the_end():
    given = np.zeros((128, 128), dtype=np.float32)
    given[60, 4:8] = 1
    wanted = np.zeros_like(given)
    wanted[72, 100:120] = 1
    filled = fill(Wants(wanted), given, steps=110, cells=10, most_edits=50)
    assert filled.matched
    assert filled.notes.tolist() == [[100, 72, 10]]


def test_stray_cells_do_not_count_as_notes_before_the_cells_are_there():
    given = np.zeros((128, 128), dtype=np.float32)
    wanted = given.copy()
    wanted[50, 10:14] = wanted[55, 20:24] = 1
    filled = fill(Wants(wanted), given, cells=8, notes=2, most_edits=99)
    assert (filled.edits, filled.notes.tolist()) == (8, [[10, 50, 4], [20, 55, 4]])
    assert filled.by("cells") is filled.notes


def test_the_other_way_to_stop_is_as_soon_as_there_are_as_many_notes():
    given = np.zeros((128, 128), dtype=np.float32)
    wanted = given.copy()
    wanted[50, 10:14] = wanted[55, 20:24] = 1
    first = fill(Wants(wanted), given, cells=8, notes=2, most_edits=99).by("notes")
    assert len(first) == 2
    assert first[:, 2].sum() < 8  # not all of their cells were there yet
    never = fill(Wants(given), given, cells=5, notes=99)
    assert never.by("notes") is never.notes


def test_filling_ends_with_the_most_edits():
    given = np.zeros((128, 128), dtype=np.float32)
    filled = fill(Wants(given), given, cells=5)
    assert (filled.edits, filled.matched) == (9, False)


def test_a_low_temperature_takes_the_likeliest_cell():
    class Slope(torch.nn.Module):
        config = OriginalARCNNConfig()

        def forward(self, roll):
            return torch.arange(128 * 128.0).reshape(1, 128, 128) / 1000 - roll * 100

    given = np.zeros((128, 128), dtype=np.float32)
    assert fill(Slope(), given, temperature=1e-5).notes.tolist() == [[125, 127, 3]]
    assert fill(Slope(), given, temperature=1e5, cells=1).notes[0, 1] < 127


def test_the_soprano_keeps_its_place_and_the_others_share_what_was_added(all_pieces):
    chorale = original.excerpt(all_pieces[6])
    lower = chorale.source.notes[chorale.source.notes[:, 3] > 0, :3]
    composition = original.composition_of(chorale, lower)
    bach = chorale.piece.to_composition()
    assert [track.name for track in composition.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert composition.tracks[0] == bach.tracks[0]

    def notes(music):
        return sorted((note.onset, note.pitch, note.duration) for track in music.tracks[1:] for note in track.notes)

    assert notes(composition) == notes(bach)


# Training


def trainer_of(all_pieces, checkpoint=None, seconds=1e9):
    pieces = [chorale.piece for chorale in all_pieces[:3]]
    return original.OriginalTrainer(
        RECIPE, seconds=seconds, checkpoint=checkpoint, pieces=pieces[:2], validation_pieces=pieces[2:]
    )


def test_training_that_is_broken_off_goes_on_as_if_it_had_not_been(all_pieces, tmp_path):
    straight = trainer_of(all_pieces)
    losses = [straight.update() for _ in range(6)]
    first = trainer_of(all_pieces, tmp_path / "kept.pt")
    begun = [first.update() for _ in range(3)]
    first.validate()
    first.keep()
    second = trainer_of(all_pieces, tmp_path / "kept.pt")
    assert second.updates == 3
    assert second.best_loss == first.best_loss
    assert begun + [second.update() for _ in range(3)] == losses


def test_training_makes_the_loss_smaller(all_pieces):
    trainer = trainer_of(all_pieces)
    before = trainer.validate()
    for _ in range(60):
        trainer.update()
    assert trainer.validate() < before - 0.2
    assert trainer.best_loss < before


def test_the_best_averaged_weights_are_what_is_scored(all_pieces):
    trainer = trainer_of(all_pieces)
    trainer.update()
    trainer.validate()
    best = {name: tensor.clone() for name, tensor in trainer.average.state_dict().items()}
    trainer.validate = lambda: None
    trainer.update()
    assert all(torch.equal(tensor, best[name]) for name, tensor in trainer.trained().state_dict().items())


@pytest.mark.parametrize(("spent", "rate"), [(0, 1e-3), (60, 1e-3), (80, 6e-4), (100, 0), (120, 0)])
def test_the_learning_rate_falls_in_the_last_third(all_pieces, spent, rate):
    trainer = trainer_of(all_pieces, seconds=100)
    trainer.spent = spent
    assert trainer.learning_rate() == pytest.approx(rate)


def test_a_checkpoint_of_something_else_is_refused(all_pieces, tmp_path):
    path = tmp_path / "kept.pt"
    trainer_of(all_pieces, path).keep()
    with pytest.raises(ValueError, match=r"kept\.pt was kept by a training with another batch_size: 2, not 3"):
        original.OriginalTrainer(replace(RECIPE, batch_size=3), seconds=1, checkpoint=path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match=r"kept\.pt is no checkpoint of a training"):
        trainer_of(all_pieces, path)


# Scoring


def test_what_was_composed_is_not_composed_again_unless_the_weights_change(tmp_path):
    made = []

    def make():
        made.append(1)
        return original.Filled(np.array([[0, 60, 4]]), 7, True, np.array([[0, 60, 1], [2, 60, 1]]))

    path = tmp_path / "scores.json"
    for weights in ("a", "a", "b"):
        found = original.Kept(path, weights).filled("piece", make)
        assert (found.notes.tolist(), found.edits, found.matched) == ([[0, 60, 4]], 7, True)
        assert found.first.tolist() == [[0, 60, 1], [2, 60, 1]]
    assert len(made) == 2


def test_a_run_writes_every_figure_and_reads_it_back(all_pieces, validation_pieces, tmp_path, monkeypatch):
    monkeypatch.setattr(original, "VALIDATION_EXCERPTS", 1)
    few = {"pieces": [all_pieces[0].piece], "validation_pieces": [all_pieces[1].piece]}
    monkeypatch.setattr(original, "train_original", partial(original.train_original, **few))
    lines = []
    record = original.run(
        0.2,
        tmp_path / "kept.pt",
        lines.append,
        figures=tmp_path / "figures" / "original.json",
        recipe=RECIPE,
        test=small(all_pieces[:2]),
        validation=small(validation_pieces[:1]),
    )
    assert read_record(tmp_path / "figures" / "original.json") == json.loads(json.dumps(record))
    figures = record["figures"]
    by_way = [figures[f"original.restoration.{way}.f1"] for way in original.WAYS_TO_STOP]
    assert figures["original.restoration.f1"] == max(by_way)
    for name in (
        "detection.average_precision",
        "detection.leaves_chord.average_precision",
        "restoration.f1",
        "restoration.f1_pitch_class",
        "restoration.notes.f1",
        "restoration.cells.f1",
        "harmonisation.notes.triad_or_seventh_share",
        "harmonisation.triad_or_seventh_share",
        "harmonisation.parallel_fifths.difference",
        "speed.edits_per_second",
        "speed.edits_150_over_8_bars_s",
    ):
        assert figures[f"original.{name}"] >= 0
    network = OriginalARCNN(TINY)
    assert record["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert record["figures"]["original.weights.bytes"] > 4 * record["parameters"]
    assert record["weights"]["float16_bytes"] < 0.7 * record["weights"]["float32_bytes"] + 4000
    assert [line for line in lines if "harmonisation, 1 of 1 pieces" in line]


def test_the_figures_that_are_shipped_belong_to_this_recipe_and_network():
    record = read_record(original.FIGURES)
    with torch.device("meta"):
        network = OriginalARCNN()
    assert record["recipe"] == original.OriginalRecipe().as_dict()
    assert record["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert record["compute"]["cpu_seconds"] == pytest.approx(original.SECONDS, rel=0.01)
    assert record["scoring"]["test_pieces"] == list(original.DOZEN)
    assert len(record["weights"]["sha256"]) == 64
    figures = {name.removeprefix("original."): value for name, value in record["figures"].items()}
    assert 0.1 < figures["detection.average_precision"] < 1  # a tenth of the notes is moved: chance is 0.1
    assert figures["speed.edits_150_over_8_bars_s"] == pytest.approx(150 / figures["speed.edits_per_second"])
    assert figures["weights.bytes"] == pytest.approx(4 * record["parameters"], rel=0.001)
    for name in MEASURES:
        gap = abs(figures[f"harmonisation.{name}"] - figures[f"harmonisation.{name}.bach"])
        # The mean of differences is never smaller than the difference of means.
        assert figures[f"harmonisation.{name}.difference"] >= gap - 1e-9


def test_without_a_file_there_are_no_figures(tmp_path):
    assert read_record(tmp_path / "none.json") is None
