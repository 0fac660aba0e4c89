"""What holds for every generator of a band, MuseGAN's and the U-Net: any length, and what may change what."""

import pytest
import torch
from untrained_gan import drawn_noise, random_melody, untrained_model, untrained_unet

from deepcomposer_lab.encoding.bars import BAND_WINDOWS
from deepcomposer_lab.networks.musegan import Critic, Encoder, Noise, played

FAR = 8  # bars; no part of a generator looks as far
CLOSE = 1e-4  # two-dimensional convolutions add up in another order at another length


@pytest.fixture(params=[untrained_model, untrained_unet], ids=["musegan", "unet"])
def network(request):
    """Return a function that gives a generator of a genre, its heads at random."""
    return lambda genre="pop": request.param(genre).network


def asked(generator, bars):
    """Return a generator with its sizes, a melody and noise."""
    config = generator.config
    return generator, config, random_melody(config, bars), drawn_noise(config, bars)


def differs(one, other):
    return not torch.allclose(one, other, atol=CLOSE)


@pytest.mark.parametrize("genre", BAND_WINDOWS)
@pytest.mark.parametrize("bars", [1, 3, 40])
def test_every_track_has_every_step_of_any_number_of_bars(network, genre, bars):
    generator, config, melody, noise = asked(network(genre), bars)
    with torch.no_grad():
        logits = generator(melody, noise)
        steps = bars * config.steps_per_bar
        assert [tuple(one.shape) for one in logits] == [(2, size, steps) for size in config.track_logits]
        tracks = played(config, logits)
        assert [tuple(track.shape) for track in tracks] == [(2, 2, rows, steps) for rows in config.track_rows]
        assert Critic(config)(melody, tracks).shape == (2, bars)
        for moments in Encoder(config)(tracks):
            assert [part.shape for part in moments] == [part.shape for part in noise]


def test_bars_hang_on_their_neighbourhood_alone(network):
    generator, config, melody, noise = asked(network(), 24)
    other = melody.clone()
    other[..., : 2 * config.steps_per_bar] = random_melody(config, 2, seed=9)
    with torch.no_grad():
        before, after = generator(melody, noise), generator(other, noise)
        # The piece without its first four bars: a phrase, so that every bar keeps its place in one.
        later = noise._replace(shared_bar=noise.shared_bar[..., 4:], private_bar=noise.private_bar[..., 4:])
        cut = generator(melody[..., 4 * config.steps_per_bar :], later)
    first, far = slice(2 * config.steps_per_bar), (2 + FAR) * config.steps_per_bar
    for one, two, three in zip(before, after, cut, strict=True):
        assert differs(one[..., first], two[..., first])
        assert not differs(one[..., far:], two[..., far:])
        start = (4 + FAR) * config.steps_per_bar
        assert not differs(one[..., start:], three[..., start - 4 * config.steps_per_bar :])


@pytest.mark.parametrize("track", range(4))
@pytest.mark.parametrize("part", ["private", "private_bar"])
def test_noise_of_one_track_changes_that_track_alone(network, track, part):
    generator, _, melody, noise = asked(network(), 4)
    changed = getattr(noise, part).clone()
    changed[:, track] = torch.randn_like(changed[:, track])
    with torch.no_grad():
        before, after = generator(melody, noise), generator(melody, noise._replace(**{part: changed}))
    moved = [not torch.equal(*pair) for pair in zip(before, after, strict=True)]
    assert moved == [other == track for other in range(4)]


@pytest.mark.parametrize("part", ["shared_bar", "private_bar"])
def test_noise_of_one_bar_changes_its_surroundings_alone(network, part):
    generator, config, melody, noise = asked(network(), 30)
    changed = getattr(noise, part).clone()
    changed[..., 15] += 3
    with torch.no_grad():
        before, after = generator(melody, noise), generator(melody, noise._replace(**{part: changed}))
    start, end = (15 - FAR) * config.steps_per_bar, (16 + FAR) * config.steps_per_bar
    here = slice(15 * config.steps_per_bar, 16 * config.steps_per_bar)
    for one, other in zip(before, after, strict=True):
        assert not differs(one[..., :start], other[..., :start])
        assert not differs(one[..., end:], other[..., end:])
        assert differs(one[..., here], other[..., here])


def test_noise_of_the_whole_piece_changes_every_bar_of_every_track(network):
    generator, _, melody, noise = asked(network(), 6)
    with torch.no_grad():
        before, after = generator(melody, noise), generator(melody, noise._replace(shared=noise.shared + 1))
    for one, other in zip(before, after, strict=True):
        assert (one != other).unflatten(-1, (6, -1)).any(dim=-1).any(dim=1).all()


def test_pieces_of_a_batch_do_not_hear_each_other_in_training_either(network):
    generator, _, melody, noise = asked(network().train(), 3)
    with torch.no_grad():
        both = generator(melody, noise)
        alone = generator(melody[1:], Noise(*(part[1:] for part in noise)))
    for one, other in zip(both, alone, strict=True):
        assert not differs(one[1:], other)


@pytest.mark.parametrize("genre", ["rock", "bach"])
def test_the_gradient_reaches_every_parameter(network, genre):
    generator, config, melody, noise = asked(network(genre).train(), 4)
    random = torch.Generator().manual_seed(4)
    tracks = played(config, generator(melody, noise))
    sum((track * torch.randn(track.shape, generator=random)).sum() for track in tracks).backward()
    silent = [
        name
        for name, parameter in generator.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert silent == []


def test_a_melody_read_once_is_answered_as_if_it_were_read_for_each_answer(network):
    generator, _, melody, noise = asked(network(), 4)
    other = Noise(*(torch.randn_like(part) for part in noise))

    def slopes(*answers):
        generator.zero_grad()
        sum((track**2).mean() for answer in answers for track in answer).backward()
        return [weight.grad.clone() for weight in generator.parameters()]

    reading = generator.read(melody)
    once = slopes(generator.answer(reading, noise), generator.answer(reading, other))
    twice = slopes(generator(melody, noise), generator(melody, other))
    assert max(float(slope.abs().max()) for slope in twice) > 1e-3
    for one, two in zip(once, twice, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=CLOSE)
    alone = generator(melody[:1], Noise(*(part[:1] for part in noise)))
    for one, two in zip(
        generator.answer(generator.read(melody).first(1), Noise(*(part[:1] for part in noise))), alone, strict=True
    ):
        assert one.shape == two.shape
        torch.testing.assert_close(one, two, rtol=1e-3, atol=CLOSE)
