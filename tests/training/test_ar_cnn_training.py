"""Training: what it sees is what composing sees, it learns, it can be interrupted, it can be saved."""

import math

import numpy as np
import pytest
import torch

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.image import Grid, ImageEncoding
from deepcomposer_lab.models.registry import load_model
from deepcomposer_lab.training import train
from deepcomposer_lab.training.ar_cnn import (
    TRANSPOSED_RANGES,
    ARCNNTrainer,
    Batch,
    config_of,
    crop,
    losses,
    measure,
    source_of,
)
from deepcomposer_lab.training.corruption import Corrupted
from deepcomposer_lab.training.recipes import AR_CNN_TINY

ENCODING = ImageEncoding()


@pytest.fixture(scope="module")
def pieces():
    return load_dataset("bach_chorales").pieces("train")


@pytest.fixture
def trainer(pieces):
    recipe = AR_CNN_TINY.replace(epochs=1, batch_size=4, crop_steps=32, warmup_steps=10, validation_interval=3)
    return ARCNNTrainer(recipe, pieces=pieces[:6], validation_pieces=pieces[6:8])


def test_training_and_composing_see_the_same_image(pieces):
    """A piece laid out by the trainer equals it read as a composition: 4/4, 3/4, with pickup and without."""
    kinds = {}
    for piece in pieces:
        kinds.setdefault((piece.metre, piece.pickup > 0), piece)
    assert len(kinds) >= 3
    for piece in kinds.values():
        composition = piece.to_composition()
        grid = Grid.of(composition, ENCODING)
        placed = np.array([grid.place(note) for track in composition.tracks for note in track.notes])
        source = source_of(piece, ENCODING)
        assert source.time.shape[1] == grid.steps
        notes, channels = crop(source, 0, grid.steps)
        assert np.array_equal(ENCODING.draw(notes[:, :3], grid.steps), ENCODING.draw(placed, grid.steps)), piece.name
        assert np.allclose(channels, grid.time_channels()), piece.name


def test_transpositions_keep_every_voice_within_reach(pieces):
    for piece in pieces[:40]:
        source = source_of(piece, ENCODING)
        assert 0 in source.transpositions
        for semitones in (source.transpositions[0], source.transpositions[-1]):
            for voice, (lowest, highest) in enumerate(TRANSPOSED_RANGES):
                pitches = source.notes[source.notes[:, 3] == voice, 1]
                if semitones and len(pitches):
                    moved = pitches + semitones
                    assert moved.min() >= min(lowest, pitches.min())
                    assert moved.max() <= max(highest, pitches.max())


def test_a_crop_counts_from_its_start_and_pads_with_nothing(pieces):
    source = source_of(pieces[0], ENCODING)
    notes, channels = crop(source, -8, 32, semitones=2)
    whole = source.notes[source.notes[:, 0] < 24]
    assert np.array_equal(notes[:, :2], whole[:, :2] + [8, 2])
    assert not channels[:, :8].any()
    assert np.array_equal(channels[:, 8:], source.time[:, :24])


def test_the_loss_is_the_sum_written_at_the_top_of_its_module(trainer):
    """One tiny example, its loss by hand."""
    example = Corrupted(
        visible=np.array([[0, 60, 4, 0], [4, 61, 4, 0]]), add=np.array([[8, 62, 30]]), remove=np.array([[4, 61]])
    )
    time = np.ones((7, 16), dtype=np.float32)
    time[0, 12:] = 0  # the piece ends at step 12
    batch = Batch.of([(example, time)], ENCODING, 16)
    network = trainer.network.eval()
    with torch.no_grad():
        found = losses(network, batch)
        scores = network.logits(roll=batch.roll, time=batch.time)
        total = 0.0
        for row in range(64):
            for step in range(16):
                starts = (row + 32, step) in {(60, 0), (61, 4)}
                if step >= 12 and not starts:
                    continue
                logit = float((scores.remove if starts else scores.add)[0, row, step])
                right = (row + 32, step) in {(61, 4), (62, 8)}
                total += math.log1p(math.exp(-logit)) if right else math.log1p(math.exp(logit))
        durations = network.durations(
            scores.features, image=torch.tensor([0]), row=torch.tensor([30]), step=torch.tensor([8])
        )
    assert float(found.edits) == pytest.approx(total / (2 + 8), rel=1e-4)
    assert float(found.duration) == pytest.approx(-float(durations[0, 15]), rel=1e-4)  # 30 steps count as 16
    assert float(found.stop) == pytest.approx(math.log1p(math.exp(float(scores.stop[0]))), rel=1e-4)


def test_it_learns(trainer):
    trainer.total_steps = 1000  # or the learning rate is down before it has begun
    before = measure(trainer.network, trainer.validation)
    for _ in range(60):
        trainer.update()
    after = measure(trainer.network, trainer.validation)
    assert after["loss"] < 0.95 * before["loss"]


def test_progress_counts_to_the_end_with_figures_where_they_are_measured(trainer):
    told = list(trainer)
    assert [progress.step for progress in told] == list(range(1, trainer.total_steps + 1))
    assert told[-1].epoch == pytest.approx(1)
    assert told[-1].seconds_left == 0
    measured = [progress.step for progress in told if progress.metrics]
    assert measured == sorted({*range(3, trainer.total_steps + 1, 3), trainer.total_steps})
    assert all(math.isfinite(progress.loss) for progress in told)


def test_the_same_seed_trains_the_same_weights(pieces):
    recipe = AR_CNN_TINY.replace(batch_size=2, crop_steps=32, seed=5)
    nets = []
    for _ in range(2):
        trainer = ARCNNTrainer(recipe, pieces=pieces[:3], validation_pieces=[])
        for _ in range(3):
            trainer.update()
        nets.append(trainer.network.state_dict())
    assert all(torch.equal(nets[0][key], nets[1][key]) for key in nets[0])


def test_an_interrupted_training_goes_on_where_it_was(pieces, tmp_path):
    recipe = AR_CNN_TINY.replace(batch_size=2, crop_steps=32, validation_interval=2)

    def a_trainer(path):
        return ARCNNTrainer(recipe, pieces=pieces[:3], validation_pieces=pieces[3:4], checkpoint=path)

    straight = a_trainer(None)
    for progress in straight:
        if progress.step == 5:
            break
    path = tmp_path / "state.pt"
    for progress in a_trainer(path):
        if progress.step == 4:
            break
    resumed = a_trainer(path)
    assert resumed.step == 4
    assert resumed.best_figures["loss"] > 0
    resumed.update()
    expected, found = straight.network.state_dict(), resumed.network.state_dict()
    assert all(torch.allclose(expected[key].float(), found[key].float(), atol=1e-6) for key in expected)


def test_a_checkpoint_of_another_training_or_no_checkpoint_is_refused(pieces, tmp_path):
    path = tmp_path / "state.pt"
    recipe = AR_CNN_TINY.replace(batch_size=2)

    def a_trainer(recipe):
        return ARCNNTrainer(recipe, pieces=pieces[:1], validation_pieces=pieces[1:2], checkpoint=path)

    a_trainer(recipe)._keep(path)
    assert a_trainer(recipe.replace(epochs=5)).step == 0  # going on for longer is allowed
    with pytest.raises(ValueError, match=r"state\.pt was kept by a training with another seed: 0, not 5"):
        a_trainer(recipe.replace(seed=5))
    with pytest.raises(ValueError, match=r"another widths: \[8, 16, 24\], not \[8, 16, 40\]"):
        a_trainer(recipe.replace(widths=(8, 16, 40)))
    for junk in (b"", b"junk", b"PK\x03\x04"):
        path.write_bytes(junk)
        with pytest.raises(ValueError, match=r"state\.pt is no checkpoint"):
            a_trainer(recipe)


def test_training_stops_early_and_keeps_the_weights_that_did_best(pieces, monkeypatch):
    told = iter([3.0, 2.0, 2.5, 2.0, 2.2, 1.0])  # the best is the second look; three looks later it has waited enough
    monkeypatch.setattr("deepcomposer_lab.training.ar_cnn.measure", lambda *_: {"loss": next(told)})
    recipe = AR_CNN_TINY.replace(epochs=50, batch_size=2, crop_steps=16, validation_interval=2, patience=3)
    trainer = ARCNNTrainer(recipe, pieces=pieces[:1], validation_pieces=pieces[1:2])
    averages = {}
    for progress in trainer:
        averages[progress.step] = {name: value.clone() for name, value in trainer.averaged().state_dict().items()}
    assert trainer.step == 10
    assert trainer.model("mine").card.metrics == {"loss": 2.0}
    shipped = trainer.model("mine").network.state_dict()
    assert all(torch.equal(shipped[name], averages[4][name]) for name in shipped)
    assert not all(torch.equal(shipped[name], averages[10][name]) for name in shipped)


def test_a_recipes_network_has_as_many_levels_as_widths_and_the_trunk_it_names():
    four = config_of(AR_CNN_TINY.replace(trunk="dilated"), ENCODING)
    assert (len(four.widths), len(four.halvings), len(four.encoder_depths), len(four.decoder_depths)) == (3, 2, 3, 2)
    assert four.trunk == "dilated"
    assert four.time_multiple == ENCODING.steps_per_beat  # a column at the bottom is a beat


def test_the_learning_rate_warms_up_and_comes_down(trainer):
    trainer.total_steps = 100
    rates = [trainer.learning_rate(step) for step in range(100)]
    warm_up = trainer.recipe.warmup_steps
    assert rates[: warm_up - 1] == sorted(rates[: warm_up - 1])
    assert max(rates) == pytest.approx(trainer.recipe.learning_rate)
    assert rates[warm_up:] == sorted(rates[warm_up:], reverse=True)
    assert rates[-1] < 0.02 * trainer.recipe.learning_rate


def test_what_was_trained_can_be_saved_and_composes():
    from deepcomposer_lab.music.samples import sample_melody
    from deepcomposer_lab.techniques.ar_cnn import ARCNN

    trainer = train(AR_CNN_TINY.replace(batch_size=2))
    trainer.update()
    card = trainer.save("mine", description="One update old.")
    assert (card.name, card.version, card.dataset["name"]) == ("mine", 1, "bach_chorales")
    assert card.recipe["batch_size"] == 2
    assert card.training["steps"] == 1
    result = ARCNN(load_model("mine")).compose(sample_melody("ode_to_joy"), seed=1, sampling_iterations=2)
    assert result.steps[-1].weights_sha256 == card.weights_sha256
