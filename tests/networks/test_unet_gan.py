"""The accompanying U-Net: any number of bars, skips that keep a pitch where it is, and what its noise may change."""

from dataclasses import asdict, replace

import pytest
import torch
from untrained_gan import drawn_noise, random_melody, untrained_unet

from deepcomposer_lab.encoding.bars import BAND_WINDOWS
from deepcomposer_lab.models.registry import load_model, save_model
from deepcomposer_lab.networks.unet_gan import UNetGANConfig, UNetGenerator, on_axis

FAR = 8  # bars; no part of the generator looks as far


def a_generator(genre="pop", seed=0):
    return untrained_unet(genre, seed).network


def a_config(genre="pop"):
    return a_generator(genre).config


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
    melody = random_melody(config, 2)
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
        logits = generator(melody, drawn_noise(config, 2, batch=1))
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


# --- learning and keeping -----------------------------------------------------------------------------------------


def test_a_saved_generator_plays_as_it_did():
    model = untrained_unet("bach")
    save_model(replace(model.card, name="my_unet"), model.network)
    loaded = load_model("my_unet")
    assert type(loaded.network) is UNetGenerator
    config = model.network.config
    assert loaded.network.config == config
    melody, noise = random_melody(config, 2), drawn_noise(config, 2)
    for one, other in zip(model.network(melody, noise), loaded.network(melody, noise), strict=True):
        assert torch.allclose(one, other, atol=0.1)  # half precision on disk


def test_sizes_are_plain_values_of_a_card():
    config = a_config("jazz")
    assert UNetGANConfig(**asdict(config)) == config
    assert config.halvings == ((2, 2), (2, 3), (2, 1))
    assert [config.sizes(level) for level in range(4)] == [(64, 24), (32, 12), (16, 4), (8, 4)]
    assert config.track_logits == (9, 30, 81, 81)
