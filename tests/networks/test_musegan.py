"""MuseGAN's networks against slow, plain calculations, and what its noise and its bars may change."""

from dataclasses import asdict, replace

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence
from untrained_gan import drawn_noise, random_melody, small_config, untrained_model

from deepcomposer_lab.networks.musegan import (
    Critic,
    MuseGANConfig,
    Noise,
    binarise,
    divergence,
    intervals,
    played,
    reconstruction_loss,
    sampled,
)

FAR = 8  # bars; no part of the generator looks as far


LOGITS = {"drums": lambda rows: rows, "line": lambda rows: rows + 2, "chords": lambda rows: 2 * rows + 1}


@pytest.mark.parametrize(("kind", "stride"), [("drums", 1), ("line", 1), ("chords", 1), ("line", 3), ("chords", 2)])
def test_notes_are_exactly_nought_or_one_and_follow_the_rule(kind, stride):
    random = torch.Generator().manual_seed(3)
    rows, steps = 5, 50
    logits = 3 * torch.randn(4, LOGITS[kind](rows), steps, generator=random)
    found = binarise(logits, kind, rows, stride)
    expected = torch.zeros(4, 2, rows, steps)
    for piece in range(4):
        for step in range(steps):
            column = logits[piece, :, step]
            event = bool(column[-1] > 0) and step % stride == 0
            for row in range(rows):
                held = step > 0 and bool(expected[piece, 1, row, step - 1])
                if kind == "drums":
                    onset = sounds = bool(column[row] > 0)
                elif not event:
                    onset, sounds = False, held
                elif kind == "line":
                    onset = sounds = int(column[: rows + 1].argmax()) == row
                else:
                    sounds = bool(column[row] > 0)
                    onset = sounds and (bool(column[rows + row] > 0) or not held)
                expected[piece, :, row, step] = torch.tensor([float(onset), float(sounds)])
    assert torch.equal(found, expected)
    if kind == "line":
        assert found[:, 1].sum(dim=1).max() == 1


@pytest.mark.parametrize("kind", ["line", "chords"])
def test_where_nothing_happens_all_goes_on(kind):
    """A hand-made line: an event at steps 0 and 3 alone, and logits that flicker in between."""
    rows, steps = 3, 6
    logits = torch.randn(1, LOGITS[kind](rows), steps, generator=torch.Generator().manual_seed(1))
    logits[:, -1] = torch.tensor([1.0, -1, -1, 1, -1, -1])
    logits[:, :rows, 0] = torch.tensor([-9.0, 9, -9])
    logits[:, :rows, 3] = torch.tensor([9.0, -9, -9])
    onset, sound = binarise(logits, kind, rows)[0]
    assert sound.tolist() == [[0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0] * 6]
    assert onset.tolist() == [[0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0], [0] * 6]


@pytest.mark.parametrize("kind", ["drums", "line", "chords"])
def test_any_notes_can_be_made(kind):
    """Logits that say what planes show give those planes: nothing that a track plays is out of reach."""
    random = torch.Generator().manual_seed(8)
    rows, steps = 4, 40
    planes = binarise(torch.randn(3, LOGITS[kind](rows), steps, generator=random), kind, rows)
    onset, sound = planes.unbind(dim=1)
    before = torch.nn.functional.pad(sound, (1, 0))[..., :-1]
    event = torch.maximum(onset, (sound - before).abs()).amax(dim=1, keepdim=True)
    parts = {
        "drums": [sound],
        "line": [sound, 1 - sound.sum(dim=1, keepdim=True), event],
        "chords": [sound, onset, event],
    }[kind]
    logits = 40 * torch.cat(parts, dim=1) - 20
    assert torch.equal(binarise(logits, kind, rows), planes)
    assert reconstruction_loss(logits, planes, kind) < 1e-3
    assert reconstruction_loss(-logits, planes, kind) > 1


@pytest.mark.parametrize("kind", ["drums", "line", "chords"])
def test_the_reconstruction_is_the_surprise_of_every_decision(kind):
    random = torch.Generator().manual_seed(5)
    rows, steps = 4, 12
    logits = torch.randn(2, LOGITS[kind](rows), steps, generator=random)
    planes = binarise(torch.randn(2, LOGITS[kind](rows), steps, generator=random), kind, rows)
    nats = 0.0
    for piece in range(2):
        for step in range(steps):
            column, (onset, sound) = logits[piece, :, step], planes[piece, :, :, step]
            before = planes[piece, 1, :, step - 1] if step else torch.zeros(rows)
            if kind == "drums":
                nats -= Bernoulli(logits=column).log_prob(sound).sum().item()
                continue
            event = bool(onset.any()) or not torch.equal(sound, before)
            nats -= Bernoulli(logits=column[-1]).log_prob(torch.tensor(float(event))).item()
            if not event:
                continue
            if kind == "line":
                row = int(sound.argmax()) if sound.any() else rows
                nats -= Categorical(logits=column[: rows + 1]).log_prob(torch.tensor(row)).item()
            else:
                nats -= Bernoulli(logits=column[:rows]).log_prob(sound).sum().item()
                nats -= (Bernoulli(logits=column[rows : 2 * rows]).log_prob(onset) * before * sound).sum().item()
    assert reconstruction_loss(logits, planes, kind).item() == pytest.approx(nats / (2 * steps), rel=1e-5)


def test_the_divergence_is_kullback_leiblers():
    config = small_config()
    means, deviations = drawn_noise(config, 3, seed=6), Noise(*(0.3 * part for part in drawn_noise(config, 3, seed=7)))
    expected = sum(
        kl_divergence(Normal(mean, deviation.exp()), Normal(0.0, 1.0)).sum().item() / 2
        for mean, deviation in zip(means, deviations, strict=True)
    )
    assert divergence(means, deviations).item() == pytest.approx(expected, rel=1e-5)
    zero = Noise(*(torch.zeros_like(part) for part in means))
    numbers = sum(part[0].numel() for part in zero)
    assert divergence(zero, zero).item() == 0
    assert divergence(zero, zero, free=0.5).item() == pytest.approx(0.5 * numbers)


def test_sampled_noise_has_the_means_and_deviations_asked_for():
    torch.manual_seed(0)
    config = small_config()
    means = Noise(*(torch.full_like(part, 2.0) for part in drawn_noise(config, 40, batch=64)))
    deviations = Noise(*(torch.full_like(part, -1.0) for part in means))
    for part in sampled(means, deviations):
        assert part.mean().item() == pytest.approx(2.0, abs=0.05)
        assert part.std().item() == pytest.approx(0.3679, abs=0.03)


def test_intervals_are_counted_from_the_first_track_of_a_pair():
    random = torch.Generator().manual_seed(8)
    chroma = torch.rand(2, 3, 12, 5, generator=random)
    expected = torch.zeros(2, 3, 12, 5)
    for pair, (one, other) in enumerate([(0, 1), (0, 2), (1, 2)]):
        for interval in range(12):
            for pitch in range(12):
                expected[:, pair, interval] += chroma[:, one, pitch] * chroma[:, other, (pitch + interval) % 12]
    assert torch.allclose(intervals(chroma), expected, atol=1e-6)


@pytest.mark.parametrize("genre", ["rock", "bach"])
def test_the_critic_hears_how_long_each_pitch_class_sounds_in_a_beat(genre):
    config = small_config(genre)
    critic = Critic(config)
    melody = random_melody(config, 2)
    music = [melody, *played(config, untrained_model(genre).network(melody, drawn_noise(config, 2)))]
    found = critic.chroma(music).detach()
    lowest = (config.melody_lowest, *config.track_lowest)
    kinds = ("line", *config.track_kinds)
    pitched = [index for index, kind in enumerate(kinds) if kind != "drums"]
    assert critic.pitched == pitched
    expected = torch.zeros(2, len(pitched), 12, 8)
    for place, index in enumerate(pitched):
        for piece, row, step in music[index][:, 1].nonzero().tolist():
            expected[piece, place, (lowest[index] + row) % 12, step // config.steps_per_beat] += 1
    assert torch.allclose(found, expected / config.steps_per_beat, atol=1e-6)


# --- the noise ------------------------------------------------------------------------------------------------


def test_the_same_seed_draws_the_same_noise_and_the_same_notes():
    config = small_config()
    one, same, other = drawn_noise(config, 5, seed=1), drawn_noise(config, 5, seed=1), drawn_noise(config, 5, seed=2)
    assert all(torch.equal(*parts) for parts in zip(one, same, strict=True))
    assert not any(torch.equal(*parts) for parts in zip(one, other, strict=True))
    assert [tuple(part.shape) for part in one] == [(2, 12), (2, 4, 12), (2, 6, 5), (2, 4, 6, 5)]
    generator, melody = untrained_model().network, random_melody(config, 5)
    for logits, again in zip(generator(melody, one), generator(melody, same), strict=True):
        assert torch.equal(logits, again)


def test_sizes_are_plain_values_of_a_card():
    config = small_config("jazz")
    assert MuseGANConfig(**asdict(config)) == config
    assert (config.steps_per_bar, config.tracks) == (24, 4)
    assert config.track_logits == (9, 30, 81, 81)
    assert replace(config, steps_per_beat=4).steps_per_bar == 16
