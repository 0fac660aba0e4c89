"""The benchmark of Transformers, run on a small untrained network: its figures, its table, its record, its speed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from untrained_transformer import untrained_model

from deepcomposer_lab.benchmarks import records, transformers, transformers_speed
from deepcomposer_lab.benchmarks.extensions import prompts_of
from deepcomposer_lab.benchmarks.intervals import bootstrap_weights
from deepcomposer_lab.benchmarks.transformers_likelihood import Lengths, NGramRow, Pieces
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.tokens import Grammar
from deepcomposer_lab.models.likelihood import token_bits
from deepcomposer_lab.models.registry import Model
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.techniques.transformers import Transformers

WANTED = {  # of a whole run with all data
    "jsb.bits_per_note",
    "jsb.original_bits_per_note",
    "classical.bits_per_note",
    "classical.ngram_bits_per_note",
    "extension.copied_over_two_bars_share",
    "extension.collapsed_share",
    "speed.tokens_per_second",
    "speed.ratio_to_original_sampler",
    "speed.extend_30_s",
    "speed.first_note_s",
    "weights.bytes",
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[dict[str, float], list[str]]]:
    """Return a run with few of everything, on the shipped chorales, which play the classical scores too if asked."""
    monkeypatch.setattr(transformers, "QUICK_PIECES", 2)
    monkeypatch.setattr(transformers, "QUICK_RESAMPLES", 20)
    monkeypatch.setattr(transformers, "VALIDATION_PIECES", 2)
    monkeypatch.setattr(transformers.extensions, "QUICK_PROMPTS", 2)
    monkeypatch.setattr(transformers.extensions, "SECONDS", 1.5)
    monkeypatch.setattr(transformers_speed, "TOKENS", 5)
    monkeypatch.setattr(transformers_speed, "EXTENSION", 0.5)
    monkeypatch.setattr(transformers_speed, "UNCACHED", 2)
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    monkeypatch.delenv("DEEPCOMPOSER_LAB_DATASETS", raising=False)
    chorales = transformers.chorales
    monkeypatch.setattr(transformers, "chorales", lambda split, join=False: chorales(split, join=join)[:12])
    dataset = transformers.load_dataset("bach_chorales")
    unheard = [dataclasses.replace(piece, heard_melody=index > 0) for index, piece in enumerate(dataset.pieces("test"))]

    class Few:
        def pieces(self, split: str) -> list[Any]:
            return unheard[:12] if split == "test" else dataset.pieces(split)[:12]

    monkeypatch.setattr(transformers, "load_dataset", lambda name: Few())
    monkeypatch.setattr(transformers, "list_datasets", lambda: ["bach_chorales"])

    def run(model: Model | None = None, **options: Any) -> tuple[dict[str, float], list[str]]:
        lines: list[str] = []
        technique = Transformers(untrained_model() if model is None else model)
        return transformers.run(quick=True, technique=technique, workers=1, report=lines.append, **options), lines

    return run


def test_figures_and_table_of_what_ships(small: Callable[..., Any]) -> None:
    told: list[tuple[int, int, str]] = []
    figures, lines = small(progress=lambda *step: told.append(step))
    absent = {"jsb.bits_per_note", "classical.bits_per_note", "classical.ngram_bits_per_note"}
    assert WANTED - absent <= set(figures)
    assert not absent & set(figures)
    assert figures["chorales.pieces"] == 2
    assert figures["jsb.original_bits_per_note"] == pytest.approx(3.40, abs=0.005)
    # An untrained network finds every token that may follow about alike: dearer than counting.
    assert figures["chorales.bits_per_note"] > figures["chorales.ngram_bits_per_note"]
    assert figures["chorales.bits_per_note.low"] <= figures["chorales.bits_per_note"]
    assert "chorales.unheard.bits_per_note" in figures
    assert json.loads(json.dumps(figures)) == figures
    assert all(np.isfinite(value) for value in figures.values())
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "does not ship" in text
    assert "--jsb FILE" in text
    assert "shipped chorales alone" in text
    assert [done for done, *_ in told] == list(range(1, told[-1][1] + 1))


@pytest.mark.slow
def test_figures_do_not_depend_on_how_many_processes_there_are() -> None:
    technique = Transformers(untrained_model())
    tokens = [technique.model.encoding.encode(piece.sheet) for piece in transformers.chorales("test")[:3]]
    prompts = prompts_of([piece.to_composition() for piece in load_dataset("bach_chorales").pieces("test")], 2)
    tasks: dict[Any, Any] = {("chorales", index): one for index, one in enumerate(tokens)}
    tasks |= {("extension", index): (prompt, index) for index, prompt in enumerate(prompts)}
    alone, shared = (transformers.work_all(technique, tasks, workers=n, done=lambda job: None) for n in (1, 2))
    assert alone.keys() == shared.keys() == tasks.keys()
    for job in tasks:
        if job[0] == "extension":
            assert np.array_equal(alone[job].notes, shared[job].notes)
        else:
            np.testing.assert_allclose(alone[job], shared[job])


def test_tasks_are_what_the_model_and_the_technique_answer() -> None:
    technique = Transformers(untrained_model())
    model, (piece,) = technique.model, transformers.chorales("test")[:1]
    tokens = model.encoding.encode(piece.sheet)
    done: list[Any] = []
    found = transformers.work_all(technique, {("x", 0): tokens}, workers=1, done=done.append)
    np.testing.assert_allclose(found["x", 0], token_bits(model.network, model.encoding, tokens))
    assert done == [("x", 0)]


def test_what_was_kept_is_printed_where_the_data_is_not(small: Callable[..., Any]) -> None:
    model = untrained_model()
    own = dict.fromkeys(("bits_per_note", "bits_per_note.low", "bits_per_note.high"), 2.5) | {"pieces": 161.0}
    own |= {"ngram_bits_per_note": 6.5, "songs.bits_per_note": 2.6, "songs.ngram_bits_per_note": 7.0}
    kept = {f"{data}.{name}": value for data in ("classical", "jsb") for name, value in own.items()}
    records.keep_figures(model.card, kept | {"chorales.bits_per_note": 0.0, "speed.tokens_per_second": 0.0})
    figures, lines = small(model)
    assert set(figures) >= WANTED
    assert figures["classical.bits_per_note"] == 2.5
    assert figures["chorales.bits_per_note"] > 0  # measured, not kept
    assert figures["speed.tokens_per_second"] > 0
    assert any("held-out classical scores (not at hand; figures of 20" in line for line in lines)
    assert any("songs" in line and "62.9%" in line for line in lines)
    # Another training's figures are not this one's.
    other = Model(dataclasses.replace(model.card, weights_sha256="another"), model.network, model.encoding)
    assert "classical.bits_per_note" not in small(other)[0]


def test_only_whole_figures_are_kept(small: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="all data at hand"):
        small(kept=True)


def test_models_of_other_techniques_are_refused() -> None:
    with pytest.raises(ValueError, match="not of transformers"):
        transformers.run(model="musegan_bach")


def test_likelihood_figures_are_sums_over_notes() -> None:
    pieces = transformers.chorales("test")[:2]
    encoding = untrained_model().encoding
    held = Pieces.of(pieces, encoding, Lengths.of([piece.sheet for piece in pieces]))
    test = transformers.HeldOutSet("x", held, [], [], np.array([True, False]))
    bits = [np.full(len(tokens) - 1, 1.0) for tokens in held.tokens]
    floor = NGramRow({"tokens": [2 * one for one in bits], "all": [4 * one for one in bits]}, "tokens")
    found = transformers.likelihood_figures(test, bits, floor, bootstrap_weights(2, 10))
    spent = np.array([len(one) for one in bits]) + held.length_bits
    assert found["x.bits_per_note"][0] == pytest.approx(spent.sum() / held.notes.sum())
    assert found["x.unheard.bits_per_note"][0] == pytest.approx(spent[0] / held.notes[0])
    assert found["x.below_ngram"][0] == pytest.approx(0.5, abs=0.01)
    assert found["x.ngram.all.bits_per_note"][0] == pytest.approx(2 * found["x.ngram_bits_per_note"][0], rel=0.01)


# --- Speed -----------------------------------------------------------------------------------------------------------


def test_cached_sampling_keeps_to_the_grammar_and_to_the_networks_probabilities() -> None:
    model = untrained_model()
    with torch.inference_mode():
        source = transformers_speed.cached(model.network, model.encoding, seed=3)
        drawn = [next(source) for _ in range(80)]
    grammar = Grammar(model.encoding)
    grammar.said(model.encoding.start)
    for token in drawn:
        assert grammar.allowed()[token]
        grammar.said(token)
    assert model.encoding.end not in drawn


def test_what_is_timed_is_what_is_told() -> None:
    class Slow(Transformers):
        def steps(self, music: Composition, **parameters: Any):  # type: ignore[override]
            import time

            time.sleep(0.05)
            yield from ((note, 0) for note in music.notes[:3])
            time.sleep(0.05)

    music = Composition.from_melody(sample_melody("ode_to_joy"))
    found = transformers_speed.extending(Slow(untrained_model()), music, quick=True)
    assert 0.05 <= found["first_note_s"] < 0.1
    assert 0.1 <= found["extend_30_s"] < 0.3
    assert found["notes_per_second"] == pytest.approx(3 / found["extend_30_s"])


def test_the_originals_sampler_is_timed_at_the_models_size(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(transformers_speed.OriginalTransformerXL):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            made.append(sum(weight.numel() for weight in self.parameters()))

    monkeypatch.setattr(transformers_speed, "OriginalTransformerXL", Counted)
    model = untrained_model()
    found = transformers_speed.sampling(model, 5, own_size=False)
    own = sum(weight.numel() for weight in model.network.parameters())
    assert made == [pytest.approx(own, rel=0.05)]
    ratio = found["speed.tokens_per_second"] / found["speed.equal_original_tokens_per_second"]
    assert found["speed.ratio_to_original_sampler"] == pytest.approx(ratio)
