"""The benchmark as a whole: what it returns, what it prints, and that neither order nor processes matter."""

from dataclasses import replace

import numpy as np
import pytest

from deepcomposer_lab.benchmarks import ar_cnn as benchmark
from deepcomposer_lab.benchmarks import speed
from deepcomposer_lab.benchmarks.corpus import Chorale
from deepcomposer_lab.benchmarks.harmony import MEASURES
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.training.ar_cnn import source_of


def shortened(chorale, steps=48):
    piece = chorale.piece
    notes = piece.notes[piece.notes[:, 0] + piece.notes[:, 2] <= steps]
    piece = replace(piece, notes=notes, steps=steps)
    return Chorale(chorale.index, piece, source_of(piece, ImageEncoding()))


RECORD = {
    "date": "2026-11-22",
    "seed": 0,
    "compute": {"cpu_seconds": 2400},
    "parameters": 31_500_000,
    "weights": {"sha256": "ab" * 32},
    "scoring": {
        "test_pieces": [0, 6],
        "restoration.stopped_by": "notes",
        "restoration.cells_and_notes_matched": 1,
        "harmonisation.stopped_by": "cells",
        "harmonisation.cells_and_notes_matched": 0,
    },
    "figures": {
        "original.detection.average_precision": 0.321,
        "original.restoration.f1": 0.123,
        "original.speed.edits_per_second": 1.5,
        "original.weights.float16_bytes": 63e6,
        **{f"original.harmonisation.{name}.difference": 0.0 if name == MEASURES[0] else 9.0 for name in MEASURES},
    },
}


@pytest.fixture(scope="module")
def measured():
    """A run over three pieces of four bars, the original's dozen among them being one."""
    patch = pytest.MonkeyPatch()
    lines, told = [], []
    real = benchmark.chorales
    patch.setattr(benchmark, "chorales", lambda *a, **k: [shortened(c) for c in real(*a, **k)[:3]])
    patch.setattr(benchmark, "read_record", lambda _path: RECORD)
    patch.setattr(speed, "measure", lambda *_, tick, **__: [tick() for _ in range(4)] and SPEED.copy())
    patch.setattr(benchmark, "RESAMPLES", 20)
    figures = benchmark.run(report=lines.append, progress=lambda *now: told.append(now), workers=1)
    patch.undo()
    return figures, lines, told


SPEED = {
    "speed.first_edit_s": 0.1,
    "speed.edits_150_over_8_bars_s": 1.5,
    "speed.edits_per_second": 100.0,
    "memory.peak_mb": 300.0,
    **{f"speed.bars_{bars}.{name}": 0.01 for bars in (8, 32, 128) for name in (
        "first_edit_s", "seconds_per_edit", "edits_per_second")},
}  # fmt: skip


def test_the_model_is_ahead_of_every_floor(measured):
    figures, _, _ = measured
    assert figures["random.detection.average_precision"] == pytest.approx(0.1, abs=0.1)
    for floor in ("random", "most_likely_pitch", "ngram"):
        assert figures["detection.average_precision"] > figures[f"{floor}.detection.average_precision"]
        assert figures["restoration.f1"] > figures[f"{floor}.restoration.f1"]
        assert figures["likelihood.hidden_note_nats"] < figures[f"{floor}.likelihood.hidden_note_nats"]
        assert (
            figures["harmonisation.triad_or_seventh_share"] > figures[f"{floor}.harmonisation.triad_or_seventh_share"]
        )
    assert figures["likelihood.edit_nats"] < figures["random.likelihood.edit_nats"]


def test_what_is_promised_is_there(measured):
    figures, _, _ = measured
    assert all(isinstance(value, float) for value in figures.values())
    for name in (
        "detection.average_precision",
        "detection.leaves_chord.average_precision",
        "detection.voice.soprano.average_precision",
        "detection.interval.1.average_precision",
        "restoration.f1",
        "restoration.f1_pitch_class",
        "restoration.default_risk.f1",
        "harmonisation.measures_nearer_than_shuffled",
        "harmonisation.triad_or_seventh_share",
        "harmonisation.triad_or_seventh_ratio",
        "likelihood.edit_nats",
        "likelihood.hidden_note_nats",
    ):
        assert name in figures
        assert figures[f"{name}.low"] <= figures[f"{name}.high"], name
        # The one piece of the dozen has too few moves for some intervals, and likelihoods are not compared.
        assert f"dozen.{name}" in figures or name.startswith(("likelihood", "detection.interval"))
    assert figures["pieces"] == 3
    assert figures["speed.edits_per_second"] == 100
    assert figures["weights.bytes"] > 1e6
    assert "likelihood.hidden_cell_nats" not in figures


def test_the_original_stands_beside_the_model_on_the_same_pieces(measured):
    figures, lines, _ = measured
    assert figures["original.detection.average_precision"] == 0.321
    # One of nine measures at distance 0, the others far away.
    assert figures["original.harmonisation.measures_nearer_than_shuffled"] == 1
    assert 0.3 < figures["dozen.detection.average_precision"] <= 1
    text = "\n".join(lines)
    for part in (
        "2026-11-22",
        "31.5 M",
        "2400 CPU seconds",
        "ab" * 32,
        "0.321",
        "0.123",
        "by notes in",
        "1 restorations",
    ):
        assert part in text


def test_the_table_fits_a_hundred_columns_and_names_all_that_is_measured(measured):
    figures, lines, _ = measured
    assert [line for line in lines if len(line) > 100] == []
    text = "\n".join(lines)
    for heading in ("DETECTION", "RESTORATION", "HARMONISATION", "LIKELIHOOD", "SPEED AND SIZE", "ORIGINAL"):
        assert heading in text
    for name in MEASURES:
        assert f"   {name.replace('_', ' ')}" in text
    assert f"{figures['detection.average_precision']:.3f} [" in text
    assert "risk 0.5" in text
    assert "nan" not in text.replace("dissonant", "")


def test_the_network_without_its_rule_stands_beside_it(measured):
    figures, lines, _ = measured
    with_rule, without = (figures[f"harmonisation.parallel_octaves.{row}"] for row in ("model", "without_rule"))
    assert with_rule <= without
    assert figures["without_rule.harmonisation.triad_or_seventh_share"] > 0.5
    assert any("without the rule for parallels: nearer in" in line for line in lines)
    assert "dozen.without_rule.harmonisation.triad_or_seventh_share" not in figures


def test_what_has_no_value_is_left_out():
    draws = {"a": np.array([0.5, 0.4, 0.6]), "b": np.array([np.nan, 0.4, np.nan])}
    found = benchmark.estimated("unheard.", draws)
    assert found == pytest.approx({"unheard.a": 0.5, "unheard.a.low": 0.405, "unheard.a.high": 0.595})


def test_progress_is_told_to_the_end(measured):
    _, _, told = measured
    assert [done for done, _, _ in told] == list(range(1, len(told) + 1))
    assert {total for _, total, _ in told} == {4 + 3 + 1}  # speed, pieces, one excerpt


def test_a_pieces_figures_do_not_hang_on_what_was_measured_before():
    bench = benchmark.Bench()
    bench.chorales = [shortened(chorale, 16) for chorale in bench.chorales[:3]]
    bench.partners = [1, 2, 0]
    alone = bench.measure(("piece", 2))
    bench.measure(("piece", 0))
    again = bench.measure(("piece", 2))
    assert again.restored == alone.restored
    assert again.harmonised == alone.harmonised
    assert (again.detected.scores["model"] == alone.detected.scores["model"]).all()
    assert (again.detected.scores["random"] == alone.detected.scores["random"]).all()
    assert again.likelihoods == alone.likelihoods


@pytest.mark.slow
def test_two_processes_find_what_one_finds(monkeypatch):
    monkeypatch.setattr(benchmark, "QUICK_PIECES", 2)
    monkeypatch.setattr(speed, "measure", lambda *_, **__: SPEED.copy())
    ignored = [].append
    assert benchmark.run(quick=True, report=ignored, workers=2) == benchmark.run(quick=True, report=ignored, workers=1)


def test_most_of_bachs_notes_come_to_their_own_voice():
    pieces = load_dataset("bach_chorales").pieces("test")
    assert 0.95 < benchmark.voices_agreement(pieces[::15]) < 1
