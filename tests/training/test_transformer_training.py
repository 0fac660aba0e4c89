"""Training a Transformer: it learns, it repeats itself from the same seed, and it goes on where it stopped."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.sheet import Sheet
from deepcomposer_lab.encoding.tokens import TokenEncoding
from deepcomposer_lab.models.registry import load_model
from deepcomposer_lab.music.composition import as_composition
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.networks.transformer_xl import Context
from deepcomposer_lab.training import recipes, train
from deepcomposer_lab.training.token_streams import Piece, pieces_of
from deepcomposer_lab.training.transformer import TransformerTrainer, measure

SMALL = recipes.TRANSFORMER_TINY.replace(
    epochs=1, batch_size=3, segment=32, width=16, layers=2, heads=2, hidden=16, memory=24, validation_interval=4
)
CHORALES = {split: pieces_of(load_dataset("bach_chorales"), split) for split in ("train", "validation")}


def a_trainer(recipe=SMALL, **kept):
    return TransformerTrainer(
        recipe, pieces=CHORALES["train"][:6], validation_pieces=CHORALES["validation"][:3], **kept
    )


def weights(trainer):
    return torch.cat([value.flatten() for value in trainer.average.state_dict().values()])


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    trainers = [a_trainer(), a_trainer(), a_trainer(SMALL.replace(seed=1))]
    for trainer in trainers:
        for _ in range(3):
            trainer.update()
    assert torch.equal(weights(trainers[0]), weights(trainers[1]))
    assert not torch.equal(weights(trainers[0]), weights(trainers[2]))


def test_a_training_goes_on_from_its_checkpoint_as_if_nothing_had_been(tmp_path):
    def until(trainer, step):
        for progress in trainer:
            if progress.step == step:
                return trainer
        raise AssertionError(step)

    recipe = SMALL.replace(dropout=0.2)  # chance has a part in it
    straight = until(a_trainer(recipe, checkpoint=tmp_path / "a.pt"), 8)
    until(a_trainer(recipe, checkpoint=tmp_path / "b.pt"), 6)  # kept at 4, killed at 6
    again = a_trainer(recipe, checkpoint=tmp_path / "b.pt")
    assert again.step == 4
    assert torch.equal(weights(until(again, 8)), weights(straight))
    assert again.best_figures == straight.best_figures
    assert all(torch.equal(one, other) for one, other in zip(again.memory, straight.memory, strict=True))


def test_who_listens_hears_the_present_network_and_changes_nothing():
    heard = []

    def hear(model):
        heard.append(
            (model.card.metrics, torch.cat([value.flatten() for value in model.network.state_dict().values()]))
        )
        return {"Ode to Joy": as_composition(sample_melody("ode_to_joy"))}

    listened, alone = a_trainer(), a_trainer()
    listened.listen(hear)
    for progress, _ in zip(listened, alone, strict=False):
        if progress.step == 8:
            break
    assert [round(epoch * listened.steps_per_epoch) for epoch, _ in listened.samples] == [0, 4, 8]
    assert all(list(music) == ["Ode to Joy"] for _, music in listened.samples)
    assert heard[0][0] == {}
    assert heard[-1][0] == listened.figures
    assert torch.equal(heard[-1][1], weights(listened))
    assert not torch.equal(heard[-1][1], heard[0][1])
    assert alone.samples == []
    assert torch.equal(weights(alone), weights(listened))


def test_it_can_learn_four_bars_by_heart():
    sheet = CHORALES["train"][0].sheet
    bars = sheet.bars[:4]
    four = Sheet(sheet.notes[sheet.notes[:, 0] < sheet.bars[4, 0]], bars)
    recipe = SMALL.replace(
        width=64, hidden=96, learning_rate=5e-3, warmup_steps=10, segment=64, memory=64, batch_size=2
    )
    trainer = TransformerTrainer(
        recipe.replace(excerpt_share=0.0, epochs=4000), pieces=[Piece(four, "songs")], validation_pieces=[]
    )
    for source in trainer.streams.sources:
        object.__setattr__(source, "transpositions", range(1))
    losses = [float(trainer.update()) for _ in range(200)]
    assert losses[0] == pytest.approx(math.log(trainer.encoding.size), rel=0.05)  # knows nothing at first
    assert np.mean(losses[-10:]) < 0.1


def test_measuring_counts_every_token_of_every_piece_once():
    """Against the network asked piece by piece; pieces of different lengths are measured side by side."""
    trainer = a_trainer()
    for _ in range(5):
        trainer.update()
    network, sources = trainer.average.eval(), trainer.validation
    figures = measure(network, sources, segment=50)
    nats = notes = count = 0.0
    for source in sources:
        columns = torch.from_numpy(source.columns).long()[:, None]
        with torch.no_grad():
            logits, _ = network(tokens=columns[0], context=Context(*columns[1:]))
        nats += float(torch.nn.functional.cross_entropy(logits[0, :-1], columns[0, 0, 1:], reduction="sum"))
        notes, count = notes + source.notes, count + columns.shape[-1] - 1
    assert figures["loss"] == pytest.approx(nats / count, rel=1e-4)
    assert figures["bits_per_note"] == figures["bits_per_note.chorales"]
    assert figures["bits_per_note"] == pytest.approx(nats / notes / math.log(2), rel=1e-4)


def test_heads_that_cannot_share_the_width_are_refused():
    with pytest.raises(ValueError, match="got 3 heads and a width of 16"):
        a_trainer(SMALL.replace(heads=3))


def bigram_bits_per_note(encoding: TokenEncoding) -> float:
    """Return the bits a note of a bigram over the same tokens, the best of its kind on the validation pieces."""
    pairs: Counter[tuple[int, int]] = Counter()
    for piece in CHORALES["train"]:
        tokens = encoding.encode(piece.sheet)
        for semitones in range(-6, 6):
            moved = np.where((tokens >= encoding.pitch) & (tokens < encoding.duration), tokens + semitones, tokens)
            pairs.update(zip(moved.tolist(), moved[1:].tolist(), strict=False))
    before: Counter[int] = Counter()
    for (one, _), count in pairs.items():
        before[one] += count
    best = math.inf
    for added in (0.001, 0.01, 0.1):
        bits = notes = 0.0
        for piece in CHORALES["validation"]:
            tokens = encoding.encode(piece.sheet).tolist()
            for one, other in itertools.pairwise(tokens):
                bits -= math.log2((pairs[one, other] + added) / (before[one] + added * encoding.size))
            notes += len(piece.sheet.notes)
        best = min(best, bits / notes)
    return best


def test_the_tiny_recipe_learns_in_a_minute():
    """It foretells chorales that it never saw better than counting pairs of tokens does, by far."""
    trainer = train(recipes.TRANSFORMER_TINY)
    start = measure(trainer.average, trainer.validation, segment=128)["bits_per_note"]
    floor = bigram_bits_per_note(trainer.encoding)
    steps = [progress.step for progress in trainer]
    assert steps[-1] == trainer.total_steps
    assert start > 25  # nine bits a token, and more than three tokens a note
    assert 7 < floor < 12
    assert trainer.best_figures["bits_per_note"] < 0.75 * floor
    trainer.save("my_tiny", description="tried")
    model = load_model("my_tiny")
    assert model.card.technique == "transformers"
    half = measure(model.network, trainer.validation, segment=128)["bits_per_note"]  # half precision on disk
    assert half == pytest.approx(trainer.best_figures["bits_per_note"], rel=0.01)
