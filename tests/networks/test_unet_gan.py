"""The accompanying U-Net: any number of bars, skips that keep a pitch where it is, and what its noise may change."""

from dataclasses import asdict, replace

import pytest
import torch
from untrained_gan import untrained_unet

from deepcomposer_lab.encoding.bars import BAND_WINDOWS
from deepcomposer_lab.models.registry import load_model, save_model
from deepcomposer_lab.networks.musegan import Critic, Encoder, Noise, binarise
from deepcomposer_lab.networks.unet_gan import UNetGANConfig, UNetGenerator, on_axis

FAR = 8  # bars; no part of the generator looks as far


def a_generator(genre="pop", seed=0):
    return untrained_unet(genre, seed).network


def a_config(genre="pop"):
    return a_generator(genre).config


def a_melody(config, bars, batch=2, seed=1):
    random = torch.Generator().manual_seed(seed)
    return (torch.rand(batch, 2, config.melody_rows, bars * config.steps_per_bar, generator=random) < 0.1).float()


def drawn(config, bars, batch=2, seed=2):
    return Noise.draw(config, batch, bars, torch.Generator().manual_seed(seed))


def played(config, logits):
    return [binarise(*one) for one in zip(logits, config.track_kinds, config.track_rows, strict=True)]


@pytest.mark.parametrize("genre", BAND_WINDOWS)
@pytest.mark.parametrize("bars", [1, 3, 40])
def test_every_track_has_every_step_of_any_number_of_bars(genre, bars):
    generator = a_generator(genre)
    config = generator.config
    with torch.no_grad():
        melody, noise = a_melody(config, bars), drawn(config, bars)
        logits = generator(melody, noise)
        steps = bars * config.steps_per_bar
        assert [tuple(one.shape) for one in logits] == [(2, size, steps) for size in config.track_logits]
        tracks = played(config, logits)
        assert Critic(config)(melody, tracks).shape == (2, bars)
        for moments in Encoder(config)(tracks):
            assert [part.shape for part in moments] == [part.shape for part in noise]


def test_bars_hang_on_their_neighbourhood_alone():
    generator = a_generator()
    config = generator.config
    melody, noise = a_melody(config, 24), drawn(config, 24)
    other = melody.clone()
    other[..., : 2 * config.steps_per_bar] = a_melody(config, 2, seed=9)
    with torch.no_grad():
        before, after = generator(melody, noise), generator(other, noise)
        # The piece without its first four bars: a phrase, so that every bar keeps its place in one.
        later = noise._replace(shared_bar=noise.shared_bar[..., 4:], private_bar=noise.private_bar[..., 4:])
        cut = generator(melody[..., 4 * config.steps_per_bar :], later)
    first, far = slice(2 * config.steps_per_bar), (2 + FAR) * config.steps_per_bar
    for one, two, three in zip(before, after, cut, strict=True):
        assert not torch.allclose(one[..., first], two[..., first])
        assert torch.allclose(one[..., far:], two[..., far:], atol=1e-4)
        start = (4 + FAR) * config.steps_per_bar
        assert torch.allclose(one[..., start:], three[..., start - 4 * config.steps_per_bar :], atol=1e-4)


# --- the pitch axis ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("genre", BAND_WINDOWS)
def test_the_axis_holds_the_melody_and_every_pitched_track(genre):
    config = a_config(genre)
    tops = [config.melody_lowest + config.melody_rows]
    for kind, low, rows in zip(config.track_kinds, config.track_lowest, config.track_rows, strict=True):
        if kind != "drums":
            assert low >= config.lowest
            tops.append(low + rows)
    assert config.lowest + config.pitches >= max(tops)
    assert config.pitches % 8 == 0
    melody = a_melody(config, 2)
    laid = on_axis(melody, config)
    assert laid.shape == (2, 2, config.pitches, 2 * config.steps_per_bar)
    where = [(row + config.melody_lowest, step) for row, step in melody[0, 1].nonzero().tolist()]
    assert [(row + config.lowest, step) for row, step in laid[0, 1].nonzero().tolist()] == where


@pytest.mark.parametrize("genre", ["bach", "pop", "jazz"])
@pytest.mark.parametrize("level", ["finest", "coarser"])
def test_a_skip_connection_ends_at_the_pitch_where_it_began(genre, level):
    """With weights set by hand so that each layer on one way copies, a track's logits are the melody, pitch by pitch.

    The coarser way leads through the second level: a cell there is two pitches and two steps wide.
    """
    config = a_config(genre)
    generator = UNetGenerator(config).eval()
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            parameter.zero_()
            if name.endswith(".weight") and parameter.dim() == 1:
                parameter.fill_(1.0)  # the normalisations
        generator.down[0].convolution.weight[0, 1, 1, 1] = 1  # channel 1 is what sounds
        generator.down[1].convolution.weight[0, 0, 1:-1, 1:-1] = 1  # is anything there?
        generator.up[1].convolution.weight[0, config.widths[2], 1, 1] = 1
        for track in generator.tracks:
            if track.kind != "drums":
                track.coarse.convolution.weight[0, 0, 1, 1] = 1
                skipped = len(track.coarse.of_row)  # what comes from above stands in front
                track.fine.convolution.weight[0, skipped if level == "finest" else 0, 1, 1] = 1
                track.head.weight[0, 0] = 1
        melody = torch.zeros(1, 2, config.melody_rows, 2 * config.steps_per_bar)
        random = torch.Generator().manual_seed(3)
        for step in range(0, melody.shape[-1], 2):  # notes two steps long, on even steps, as the second level sees them
            row = int(torch.randint(config.melody_rows, (), generator=random))
            melody[0, 1, row, step : step + 2] = 1
        logits = generator(melody, drawn(config, 2, batch=1))
    compared = 0
    for index, kind in enumerate(config.track_kinds):
        if kind == "drums":
            continue
        low, rows = config.track_lowest[index], config.track_rows[index]
        heard = logits[index][0, :rows] > 0  # (R, T)
        for row in range(rows):
            pitch = low + row
            cell = [pitch] if level == "finest" else [pitch - (pitch - config.lowest) % 2 + part for part in (0, 1)]
            inside = [
                one - config.melody_lowest for one in cell if 0 <= one - config.melody_lowest < config.melody_rows
            ]
            expected = melody[0, 1, inside].amax(dim=0) > 0 if inside else torch.zeros(melody.shape[-1], dtype=bool)
            assert torch.equal(heard[row], expected), (kind, pitch)
            compared += int(expected.sum())
    assert compared > 20


def test_a_beat_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="halves a beat; 3 steps a beat cannot be"):
        replace(a_config(), steps_per_beat=3)


# --- the noise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("track", range(4))
@pytest.mark.parametrize("part", ["private", "private_bar"])
def test_noise_of_one_track_changes_that_track_alone(track, part):
    generator = a_generator()
    config = generator.config
    melody, noise = a_melody(config, 4), drawn(config, 4)
    changed = getattr(noise, part).clone()
    changed[:, track] = torch.randn_like(changed[:, track])
    with torch.no_grad():
        before, after = generator(melody, noise), generator(melody, noise._replace(**{part: changed}))
    assert [not torch.equal(*pair) for pair in zip(before, after, strict=True)] == [
        other == track for other in range(4)
    ]


@pytest.mark.parametrize("part", ["shared_bar", "private_bar"])
def test_noise_of_one_bar_changes_its_surroundings_alone(part):
    generator = a_generator()
    config = generator.config
    melody, noise = a_melody(config, 30), drawn(config, 30)
    changed = getattr(noise, part).clone()
    changed[..., 15] += 3
    with torch.no_grad():
        before, after = generator(melody, noise), generator(melody, noise._replace(**{part: changed}))
    start, end = (15 - FAR) * config.steps_per_bar, (16 + FAR) * config.steps_per_bar
    here = slice(15 * config.steps_per_bar, 16 * config.steps_per_bar)
    for one, other in zip(before, after, strict=True):
        assert torch.allclose(one[..., :start], other[..., :start], atol=1e-4)
        assert torch.allclose(one[..., end:], other[..., end:], atol=1e-4)
        assert not torch.allclose(one[..., here], other[..., here], atol=1e-3)


def test_noise_of_the_whole_piece_changes_every_bar_of_every_track():
    generator = a_generator()
    config = generator.config
    melody, noise = a_melody(config, 6), drawn(config, 6)
    with torch.no_grad():
        before, after = generator(melody, noise), generator(melody, noise._replace(shared=noise.shared + 1))
    for one, other in zip(before, after, strict=True):
        assert (one != other).unflatten(-1, (6, -1)).any(dim=-1).any(dim=1).all()


def test_pieces_of_a_batch_do_not_hear_each_other():
    generator = a_generator().train()
    config = generator.config
    melody, noise = a_melody(config, 3), drawn(config, 3)
    with torch.no_grad():
        both = generator(melody, noise)
        alone = generator(melody[1:], Noise(*(part[1:] for part in noise)))
    for one, other in zip(both, alone, strict=True):
        assert torch.allclose(one[1:], other, atol=1e-4)


# --- learning and keeping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("genre", ["rock", "bach"])
def test_the_gradient_reaches_every_parameter(genre):
    generator = a_generator(genre).train()
    config = generator.config
    tracks = played(config, generator(a_melody(config, 4), drawn(config, 4)))
    random = torch.Generator().manual_seed(4)
    sum((track * torch.randn(track.shape, generator=random)).sum() for track in tracks).backward()
    silent = [
        name
        for name, parameter in generator.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert silent == []


def test_a_saved_generator_plays_as_it_did():
    model = untrained_unet("bach")
    save_model(model.card, model.network)
    loaded = load_model("unet_bach")
    assert type(loaded.network) is UNetGenerator
    config = model.network.config
    assert loaded.network.config == config
    melody, noise = a_melody(config, 2), drawn(config, 2)
    for one, other in zip(model.network(melody, noise), loaded.network(melody, noise), strict=True):
        assert torch.allclose(one, other, atol=0.1)  # half precision on disk


def test_sizes_are_plain_values_of_a_card():
    config = a_config("jazz")
    assert UNetGANConfig(**asdict(config)) == config
    assert config.halvings == ((2, 2), (2, 3), (2, 1))
    assert [config.sizes(level) for level in range(4)] == [(64, 24), (32, 12), (16, 4), (8, 4)]
    assert config.track_logits == (9, 30, 81, 81)
