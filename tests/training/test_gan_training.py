"""Training a GAN: whose turn it is, the same weights from the same seed, going on after a kill, and that it learns."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from deepcomposer_lab.benchmarks.gan import measure
from deepcomposer_lab.benchmarks.gan_rows import bench_of
from deepcomposer_lab.datasets.songs import Song, SongTrack, sorted_notes
from deepcomposer_lab.encoding.bars import encoding_of
from deepcomposer_lab.models.registry import ModelCard, load_model
from deepcomposer_lab.music.composition import as_composition
from deepcomposer_lab.music.note import PITCH_NAMES
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.networks.musegan import Noise
from deepcomposer_lab.training import recipes, train
from deepcomposer_lab.training.gan import (
    SAMPLE_MELODIES,
    SAMPLE_SEEDS,
    Crops,
    GANTrainer,
    Pair,
    accompany,
    apart,
    five_metrics,
)
from deepcomposer_lab.training.run import RunError, TrainingRun
from deepcomposer_lab.training.song_planes import chorale_songs, encoded_song, songs_of

SMALL = recipes.MUSEGAN_TINY.replace(
    epochs=2, batch_size=4, bar_width=12, beat_width=12, step_width=8, critic_width=8, checkpoint_interval=3
)
SMALL_UNET = SMALL.replace(network="unet_gan")


@pytest.fixture(scope="module")
def songs():
    return chorale_songs("train")[:6]


def trainer_of(songs, recipe=SMALL, checkpoint=None):
    return GANTrainer(recipe, songs=songs, validation_songs=songs[:2], checkpoint=checkpoint)


def weights(trainer):
    return {
        f"{name}.{key}": tensor.clone()
        for name in ("generator", "encoder", "discriminator", "average")
        for key, tensor in getattr(trainer, name).state_dict().items()
    }


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("ratio", [1, 3])
def test_the_discriminator_is_updated_so_often_for_each_update_of_the_generator(songs, ratio):
    trainer = trainer_of(songs, SMALL.replace(update_ratio=ratio))
    seen = []
    for progress in trainer:
        seen.append(progress.updated)
        if len(seen) == 2 * (ratio + 1):
            break
    assert seen == (["discriminator"] * ratio + ["generator"]) * 2
    assert (trainer.step, trainer.discriminator_updates) == (2, 2 * ratio)


@pytest.mark.parametrize("recipe", [SMALL, SMALL_UNET], ids=lambda recipe: recipe.network)
def test_an_update_changes_one_network_and_leaves_the_other(songs, recipe):
    trainer = trainer_of(songs, recipe)
    before = weights(trainer)
    progress = trainer.discriminator_step()
    after = weights(trainer)
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"discriminator"}
    assert (progress.step, progress.updated) == (0, "discriminator")
    assert set(progress.losses) == {"discriminator"}
    assert set(progress.scores) == {"real", "generated"}
    assert progress.gradient_norms["discriminator"] > 0
    trained = {key for key, _ in trainer.discriminator.named_parameters()}
    progress = trainer.generator_step()
    last = weights(trainer)
    changed = {key for key in after if not torch.equal(after[key], last[key])}
    assert {key.split(".")[0] for key in changed} >= {"generator", "encoder", "average"}
    assert not any(key.removeprefix("discriminator.") in trained for key in changed)
    assert set(progress.losses) == {"generator", "adversarial", "reconstruction", "divergence", "sameness"}


def test_an_epoch_shows_every_crop_once(songs):
    trainer = trainer_of(songs)
    shown = []
    trainer.crops.batch = lambda chosen: shown.append(list(chosen)) or Crops.batch(trainer.crops, chosen)
    while trainer.step < trainer.steps_per_epoch:
        trainer.generator_step()
    count = len(trainer.crops)
    assert sorted([crop for chosen in shown for crop in chosen][:count]) == list(range(count))
    first = [*shown]
    shown.clear()
    while trainer.step < trainer.total_steps:
        trainer.generator_step()
    assert shown != first  # the next epoch goes in another order


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(songs):
    runs = [trainer_of(songs, SMALL.replace(seed=seed)) for seed in (4, 4, 5)]
    for trainer in runs:
        for _ in range(6):
            trainer.update()
    first, again, other = map(weights, runs)
    assert same(first, again)
    assert not same(first, other)


def test_a_training_that_is_broken_off_goes_on_as_if_it_had_not_been(songs, tmp_path):
    straight = trainer_of(songs)
    list(straight)
    path = tmp_path / "kept.pt"
    first = trainer_of(songs, checkpoint=path)
    for _ in range(11):  # in the middle of an epoch, after the last checkpoint, with the generator's turn to come
        first.update()
    second = trainer_of(songs, checkpoint=path)
    assert 0 < second.step < first.step
    list(second)
    assert same(weights(straight), weights(second))
    assert second.measured == straight.measured
    assert second.samples == straight.samples


def test_a_checkpoint_with_the_music_of_an_earlier_version_goes_on(songs, tmp_path):
    path = tmp_path / "kept.pt"
    first = trainer_of(songs, checkpoint=path)
    while first.step < 3:
        first.update()
    state = torch.load(path, weights_only=True)
    state["samples"] = [(0.0, [{"notes": [(0.0, 60, 1.0, 70)], "name": "Bass", "program": 33, "is_drum": False}])]
    torch.save(state, path)
    second = trainer_of(songs, checkpoint=path)
    [(epoch, music)] = second.samples
    assert epoch == pytest.approx(3 / second.steps_per_epoch)
    assert set(music) == set(second.pairs)
    assert second.measured == first.measured[:1]


KILLED = """
import sys
from pathlib import Path
from test_gan_training import SMALL, trainer_of
from deepcomposer_lab.training.run import RunError, TrainingRun
from deepcomposer_lab.training.song_planes import chorale_songs
trainer = trainer_of(chorale_songs("train")[:6], checkpoint=Path(sys.argv[1]))
for progress in trainer:
    print(progress.step, progress.updated, flush=True)
"""


def test_a_killed_training_reaches_the_same_weights(songs, tmp_path):
    path = tmp_path / "kept.pt"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    for line in process.stdout:
        if line.startswith("7 generator"):
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    resumed = trainer_of(songs, checkpoint=path)
    assert 0 < resumed.step < resumed.total_steps
    list(resumed)
    straight = trainer_of(songs)
    list(straight)
    assert same(weights(straight), weights(resumed))
    assert resumed.samples == straight.samples


def test_a_checkpoint_of_something_else_is_refused(songs, tmp_path):
    path = tmp_path / "kept.pt"
    trainer_of(songs).keep(path)
    with pytest.raises(ValueError, match=r"another learning_rate: 0\.001, not 0\.002"):
        trainer_of(songs, SMALL.replace(learning_rate=2e-3), path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match=r"kept\.pt is no checkpoint of a training"):
        trainer_of(songs, checkpoint=path)


def test_the_gradient_penalty_is_that_of_the_paper(songs):
    """By autograd on one flat tensor, at a point between that the random numbers give."""
    trainer = trainer_of(songs, SMALL.replace(loss="wasserstein", update_ratio=5))
    assert not any("parametrizations" in name for name, _ in trainer.discriminator.named_parameters())
    melody, real = trainer._batch(1, 0)
    made = [torch.zeros_like(track) for track in real]
    found = trainer._gradient_penalty(melody, real, made, torch.Generator().manual_seed(3))
    share = torch.rand(len(melody), 1, 1, 1, generator=torch.Generator().manual_seed(3))
    penalties = []
    for index in range(len(melody)):
        flat = torch.cat([(share[index] * track[index]).flatten() for track in real]).requires_grad_(True)
        parts = flat.split([track[index].numel() for track in real])
        tracks = [part.view(track[index].shape)[None] for part, track in zip(parts, real, strict=True)]
        score = trainer.discriminator(melody[index : index + 1], tracks).mean()
        [gradient] = torch.autograd.grad(score, flat)
        penalties.append((float(gradient.norm()) - 1) ** 2)
    assert float(found.detach()) == pytest.approx(np.mean(penalties), rel=1e-3)
    assert trainer.discriminator_step().losses["discriminator"] != 0


def test_with_the_hinge_no_layer_of_the_discriminator_stretches_anything(songs):
    trainer = trainer_of(songs)
    for _ in range(60):
        trainer.discriminator_step()
    for module in trainer.discriminator.modules():
        if isinstance(module, nn.Conv1d):
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2) < 1.15


def test_how_far_planes_lie_apart():
    one, other = torch.zeros(2, 2, 3, 4, 4).unbind(0)
    one[:, 1, 0, :2] = 1  # two cells each
    other[0, 1, 0, 1:3] = 1  # half of them the same
    other[1, 1, 2, :2] = 1  # none the same
    assert float(apart(one, one)) == 0
    assert float(apart(one, other)) == pytest.approx((0.5 + 1) / 2)


def test_making_always_the_same_costs_and_enough_difference_does_not(songs):
    trainer = trainer_of(songs)
    _, real = trainer._batch(2, 0)
    others = [track.roll(1, dims=0) for track in real]
    assert float(trainer._sameness(real, real, real)) == pytest.approx(1)
    assert float(trainer._sameness(real, others, real)) == 0


@pytest.mark.parametrize(("share", "rate"), [(0, 1.0), (0.5, 1.0), (0.75, 0.5), (1, 0.02)])
def test_learning_rates_fall_in_the_last_half(songs, share, rate):
    trainer = trainer_of(songs)
    trainer.step = round(share * trainer.total_steps)
    trainer._rate(trainer.generator_optimizer, 0.1)
    found = trainer.generator_optimizer.param_groups[0]["lr"] / 0.1
    assert found == pytest.approx(max(0.02, min(1, 2 * (1 - trainer.step / trainer.total_steps))), abs=1e-9)
    assert found == pytest.approx(rate, abs=0.15)


PAIRS = ["Ode to Joy, noise 1", "Ode to Joy, noise 2", "Frère Jacques, noise 1", "Frère Jacques, noise 2"]


def test_two_melodies_get_the_same_two_noises(songs):
    ode, ode_again, frere, frere_again = (trainer_of(songs).pairs[name] for name in PAIRS)
    assert ode.melody == ode_again.melody == as_composition(sample_melody("ode_to_joy"))
    assert frere.melody == frere_again.melody == as_composition(sample_melody("frere_jacques"))
    for one, other in ((ode, frere), (ode_again, frere_again)):
        assert all(torch.equal(*parts) for parts in zip(one.noise, other.noise, strict=True))
    for one, other in ((ode, ode_again), (frere, frere_again)):
        assert not any(torch.equal(*parts) for parts in zip(one.noise, other.noise, strict=True))


@pytest.mark.parametrize("dataset", ["bach_chorales", "rock"])
def test_no_dataset_holds_the_melodies_that_training_lets_one_hear(dataset):
    """Known by their first fourteen intervals, in whatever key."""

    def intervals(notes):
        return ",".join(str(after.pitch - before.pitch) for before, after in pairwise(notes))

    beginnings = [intervals(sample_melody(name).notes[:15]) for name in SAMPLE_MELODIES]
    for split in ("train", "validation", "test"):
        for song in songs_of(dataset, split):
            melody = intervals(song.to_composition().tracks[0].notes)
            assert not any(f",{beginning}," in f",{melody}," for beginning in beginnings), song.name


def test_every_pair_is_heard_at_every_epoch(songs):
    trainer = trainer_of(songs)
    told = [progress for progress in trainer if progress.metrics]
    assert [epoch for epoch, _ in trainer.samples] == [0, 1, 2]
    assert [round(progress.epoch) for progress in told] == [1, 2]
    for _, music in trainer.samples:
        assert list(music) == PAIRS
        for name, piece in music.items():
            assert piece.tracks[0] == trainer.pairs[name].melody.tracks[0]
            assert piece.title == name.split(",")[0]
        made = [piece.tracks[1:] for piece in music.values()]
        assert made[0] != made[1]  # another noise is heard
        assert made[2] != made[3]
        assert made[0] != made[2]  # and another melody too
    kept = trainer.model("kept").network  # the averaged generator, asked by hand
    noise = Noise.draw(trainer.config, 1, 8, torch.Generator().manual_seed(SAMPLE_SEEDS[1]))
    again = accompany(kept, trainer.encoding, Pair(as_composition(sample_melody("frere_jacques")), noise))
    assert trainer.samples[-1][1]["Frère Jacques, noise 2"] == again
    assert set(trainer.band) == {
        "empty_bar_rate",
        "distinct_pitches_per_bar",
        "in_scale_ratio",
        "polyphonic_rate",
    }  # no drums
    assert set(told[0].metrics) <= set(trainer.band)  # of silence the scale has no answer


def test_a_piece_is_scored_bar_by_bar_as_in_training_and_asking_changes_nothing(songs):
    trainer = trainer_of(songs, SMALL.replace(epochs=3))
    for _ in range(20):
        trainer.discriminator_step()
    before = weights(trainer)
    song = songs[0]
    piece = song.to_composition()
    scores = trainer.score(piece, key=PITCH_NAMES[song.key[0]])
    one = encoded_song(song, trainer.encoding)
    steps = len(scores) * trainer.encoding.steps_per_bar
    real = [torch.from_numpy(planes[:, :, :steps]).float()[None] for planes in trainer.encoding.split(one.tracks)]
    trainer.discriminator.eval()
    expected = trainer.discriminator(torch.from_numpy(one.melody[:, :, :steps]).float()[None], real)
    trainer.discriminator.train()
    assert scores == pytest.approx(expected[0].tolist())
    assert same(before, weights(trainer))
    _, forged = trainer.samples[0]  # of an untrained forger
    assert np.mean(scores) > np.mean(trainer.score(forged[PAIRS[0]]))  # real bars up, made ones down


def test_a_run_scores_at_any_time(songs):
    run = TrainingRun(lambda: trainer_of(songs), name="small")
    with pytest.raises(RunError, match="no discriminator to ask"):
        run.score(songs[0].to_composition())
    run.start()
    assert len(run.score(songs[0].to_composition().trim(0, 16))) == 4  # while it trains
    run.stop()
    assert len(run.score(sample_melody("ode_to_joy"))) == 8


def test_five_metrics_of_planes_are_those_of_the_music():
    encoding = encoding_of("bach")
    planes = [np.zeros((2, window.rows, 32), dtype=np.float32) for window in encoding.tracks]
    for track, (pitch, start, end) in enumerate([(60, 0, 16), (57, 0, 8), (53, 0, 8)]):
        row = pitch - encoding.tracks[track].lowest_pitch
        planes[track][0, row, start] = planes[track][1, row, start:end] = 1
    planes[0][:, 61 - 48, 20:22] = [[1, 0], [1, 1]]
    found = five_metrics(encoding, planes)
    assert found["empty_bar_rate"] == 0
    assert found["distinct_pitches_per_bar"] == 2  # three in the first bar, one in the second
    assert found["in_scale_ratio"] == 0.75  # C, A and F are in C major, C sharp is not
    assert five_metrics(encoding, planes, minor=True)["in_scale_ratio"] == 0.5  # nor is A in C minor
    assert math.isnan(found["drum_in_pattern"])


@pytest.mark.parametrize("recipe", [SMALL, SMALL_UNET], ids=lambda recipe: recipe.network)
def test_a_trained_run_becomes_a_model_that_is_found(songs, recipe):
    trainer = trainer_of(songs, recipe)
    list(trainer)
    card = trainer.save("my_band", description="A test.")
    model = load_model("my_band")
    assert (card.technique, card.network, card.version) == ("gan", recipe.network, 1)
    assert model.encoding == trainer.encoding
    assert json.loads(json.dumps(card.as_dict()))["training"]["steps"] == trainer.total_steps
    for name, tensor in model.network.state_dict().items():
        assert torch.allclose(tensor, trainer.average.state_dict()[name], atol=1e-2)


def test_snapshots_are_the_training_as_it_stood(songs, tmp_path):
    trainer = trainer_of(songs, checkpoint=tmp_path / "state.pt")
    names = []
    updates = trainer.snapshots("grown", [2, 0, 1, 9], directory=tmp_path, report=names.append)
    told = [progress.step for progress in updates]
    assert names == ["grown_epoch_00-1", "grown_epoch_01-1", "grown_epoch_02-1"]
    assert told[-1] == trainer.step == trainer.total_steps  # it goes on to the end
    cards = sorted(path.stem for path in (tmp_path / "cards").iterdir())
    assert cards == ["grown_epoch_00-1", "grown_epoch_01-1", "grown_epoch_02-1"]
    other = trainer_of(songs)
    for epoch in range(3):
        while other.step < epoch * other.steps_per_epoch:
            other.update()
        card = ModelCard.read(tmp_path / "cards" / f"grown_epoch_{epoch:02}-1.json")
        assert card.is_snapshot
        assert card.training["epochs"] == epoch
        kept = load_file(tmp_path / "weights" / f"{card.stem}.safetensors")
        assert all(torch.equal(kept[name], value.half()) for name, value in other.average.state_dict().items())
    assert not other.model("grown").card.is_snapshot
    # A training that went on from its end keeps that alone: what lies behind it cannot be had again.
    late = tmp_path / "late"
    assert list(trainer_of(songs, checkpoint=tmp_path / "state.pt").snapshots("grown", [0, 1, 2], directory=late)) == []
    assert [path.stem for path in (late / "cards").iterdir()] == ["grown_epoch_02-1"]


def test_the_u_net_goes_on_after_a_break_and_foretells_better(songs, tmp_path):
    recipe = SMALL_UNET.replace(epochs=6, step_width=16, learning_rate=4e-3, adversarial_weight=0.0)
    straight = trainer_of(songs, recipe)
    foretold = [told.losses["reconstruction"] for told in straight if told.updated == "generator"]
    assert np.mean(foretold[-5:]) < 0.9 * np.mean(foretold[:3])
    path = tmp_path / "kept.pt"
    first = trainer_of(songs, recipe, path)
    for _ in range(11):
        first.update()
    second = trainer_of(songs, recipe, path)
    assert 0 < second.step < first.step
    list(second)
    assert same(weights(straight), weights(second))


def test_songs_without_the_band_are_a_clear_error():
    notes = sorted_notes(np.array([[0, 60, 12, 0]]))
    alone = Song("alone", notes, 4, (SongTrack("melody"), SongTrack("alto"), SongTrack("tenor"), SongTrack("bass")))
    with pytest.raises(ValueError, match="none of the 1 songs plays a track that the genre 'bach' asks for"):
        GANTrainer(SMALL, songs=[alone])


def test_crops_begin_with_phrases_and_what_a_short_song_lacks_is_silence(songs):
    encoding = encoding_of("bach")
    short = replace(songs[0], bars=3, notes=songs[0].notes[songs[0].notes[:, 0] + songs[0].notes[:, 2] <= 144])
    crops = Crops([encoded_song(song, encoding) for song in (songs[1], short)], encoding, 4)
    assert {bar % 4 for _, bar in crops.starts} == {0}
    melody, tracks = crops.batch([len(crops) - 1])
    assert melody.shape[-1] == 64
    assert not melody[..., 48:].any()
    assert all(not track[..., 48:].any() for track in tracks)


def test_recipes_choose_among_what_there_is():
    with pytest.raises(ValueError, match="loss of the recipe musegan_tiny is one of hinge, wasserstein; got 'bce'"):
        recipes.MUSEGAN_TINY.replace(loss="bce")
    with pytest.raises(ValueError, match="network of the recipe musegan_tiny is one of musegan, unet_gan; got 'gan'"):
        recipes.MUSEGAN_TINY.replace(network="gan")
    with pytest.raises(ValueError, match="genre of the recipe"):
        recipes.MUSEGAN_TINY.replace(genre="polka")
    with pytest.raises(ValueError, match="update_ratio of the recipe musegan_tiny is 1 to 100; got 0"):
        recipes.MUSEGAN_TINY.replace(update_ratio=0)


def test_the_tiny_recipe_learns_within_a_minute():
    """It beats its own epoch 0 in both summary figures of the benchmark, on pieces it never saw."""
    trainer = train(recipes.MUSEGAN_TINY)
    bench = bench_of("bach_chorales", trainer.encoding, quick=True)
    before = measure(trainer.model("before"), bench, quick=True)
    began = time.process_time()
    list(trainer)
    seconds = time.process_time() - began
    after = measure(trainer.model("after"), bench, quick=True)
    assert all(trainer.samples[0][1][name] != trainer.samples[-1][1][name] for name in PAIRS)
    for name in ("distance_sd", "fit_to_melody"):
        assert after[name] < 0.7 * before[name], name
    assert after["fit_to_melody"] < after["shuffled_fit_to_melody"]
    assert seconds < 60
