"""Equal compute: every row gets its seconds, learns, and the table is kept as it was printed."""

import dataclasses
import json

import pytest

from deepcomposer_lab.benchmarks import architectures
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.networks.unet import TRUNKS
from deepcomposer_lab.training.recipes import AR_CNN_TINY


def test_a_row_is_trained_for_its_seconds_and_no_update_more():
    pieces = load_dataset("bach_chorales").pieces("train")[:2]
    recipe = dataclasses.replace(AR_CNN_TINY, batch_size=2, crop_steps=16)
    found = architectures.train_for(recipe, 0.6, pieces=pieces, validation_pieces=pieces[:1])
    assert found["updates"] >= 2
    assert 0.6 <= found["cpu_seconds"] < 0.6 + 3 * 0.6 / found["updates"] + 0.3
    assert found["loss"] > 0


def test_the_table_holds_every_trunk_and_is_kept(tmp_path, monkeypatch):
    assert sorted(recipe.trunk for recipe in architectures.ROWS.values()) == sorted(TRUNKS)
    given = {}

    def told(recipe, seconds):
        given[recipe.trunk] = seconds
        return {
            "parameters": 1.0, "updates": 2.0, "cpu_seconds": seconds,
            "loss": 3.0, "edit_nats": 4.0, "removal_average_precision": 0.5,
        }  # fmt: skip

    monkeypatch.setattr(architectures, "train_for", told)
    lines = []
    path = tmp_path / "figures" / "table.json"
    table = architectures.run(seconds=7, report=lines.append, path=path)
    assert given == dict.fromkeys(TRUNKS, 7)
    kept = json.loads(path.read_text())
    assert kept["rows"] == table
    assert kept["cpu_seconds"] == 7
    assert len(lines) == 1 + len(architectures.ROWS)
    assert lines[-1].split()[-1] == "0.500"


def test_nothing_is_kept_where_no_path_is_given(tmp_path, monkeypatch):
    monkeypatch.setattr(architectures, "train_for", lambda *_: pytest.fail("no row was asked for"))
    monkeypatch.setattr(architectures, "ROWS", {})
    assert architectures.run(seconds=1, report=lambda _: None, path=None) == {}
