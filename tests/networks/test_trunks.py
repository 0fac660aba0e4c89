"""Trunks against naive arithmetic, and what each may and may not see."""

import dataclasses

import pytest
import torch

from deepcomposer_lab.models.inference import fused
from deepcomposer_lab.networks.ar_cnn import ARCNNConfig, AutoregressiveCNN
from deepcomposer_lab.networks.trunks import ChromaTrunk, CircleConvolution
from deepcomposer_lab.networks.unet import TRUNKS, UNetConfig

SMALL = ARCNNConfig(
    widths=(4, 6, 8),
    halvings=((2, 2), (2, 1)),
    encoder_depths=(1, 1, 1),
    decoder_depths=(1, 1),
    pitches=32,
    trunk_width=8,
    dropout=0.0,
)


def network_with(trunk, **changes):
    torch.manual_seed(0)
    return AutoregressiveCNN(dataclasses.replace(SMALL, trunk=trunk, **changes)).eval()


def a_roll(batch=1, steps=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    roll = (torch.rand(batch, 2, 32, steps, generator=generator) < 0.1).float()
    return roll, torch.rand(batch, 7, steps, generator=generator)


def test_a_circle_convolution_is_the_sum_over_all_intervals():
    torch.manual_seed(0)
    layer = CircleConvolution(3)
    chroma = torch.randn(2, 3, 12, 5)
    by_hand = torch.zeros(2, 3, 12, 5)
    for pitch_class in range(12):
        for interval in range(12):
            heard = chroma[:, :, (pitch_class + interval) % 12]  # (B, 3, T)
            by_hand[:, :, pitch_class] += torch.einsum("oc,bct->bot", layer.weight[:, :, interval], heard)
    assert torch.allclose(layer(chroma), by_hand, atol=1e-5)


@pytest.mark.parametrize("semitones", [1, 7, 11])
def test_on_the_circle_transposing_what_comes_in_transposes_what_goes_out(semitones):
    torch.manual_seed(1)
    layer = CircleConvolution(4)
    chroma = torch.randn(1, 4, 12, 3)
    moved = layer(chroma.roll(semitones, dims=2))
    assert torch.allclose(moved, layer(chroma).roll(semitones, dims=2), atol=1e-5)
    assert not torch.allclose(moved, layer(chroma), atol=1e-2)


def test_the_chroma_trunk_hears_an_octave_as_the_same_pitch_class_when_registers_are_level():
    """Registers of equal weight everywhere leave nothing that tells one octave from another."""
    torch.manual_seed(2)
    trunk = ChromaTrunk(3, 36, 8, 1, (1, 2), 0.0, columns_a_beat=2).eval()
    torch.nn.init.ones_(trunk.read)
    image = torch.zeros(1, 3, 36, 8)
    image[0, :, 5, 2] = torch.tensor([1.0, 2.0, 3.0])
    octave_higher, fifth_higher = image.roll(12, dims=2), image.roll(7, dims=2)
    with torch.no_grad():
        low, high, fifth = (trunk(given)[1] for given in (image, octave_higher, fifth_higher))
        rows = trunk(image)[0]
    assert torch.allclose(low, high, atol=1e-5)
    assert torch.allclose(low, fifth, atol=1e-5)  # the vector of a beat is the maximum over the circle
    assert rows.shape == image.shape


def test_registers_tell_the_chroma_trunk_how_high_a_note_lies():
    torch.manual_seed(2)
    trunk = ChromaTrunk(3, 36, 8, 3, (1,), 0.0, columns_a_beat=2).eval()
    image = torch.zeros(1, 3, 36, 8)
    image[0, :, 5, 2] = 1
    with torch.no_grad():
        assert not torch.allclose(trunk(image)[1], trunk(image.roll(12, dims=2))[1], atol=1e-3)


def test_a_height_that_is_no_multiple_of_an_octave_comes_out_as_it_went_in():
    trunk = ChromaTrunk(3, 32, 8, 2, (1,), 0.0, columns_a_beat=4).eval()
    rows, beats = trunk(torch.randn(2, 3, 32, 16))
    assert rows.shape == (2, 3, 32, 16)
    assert beats.shape == (2, 8, 4)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_only_a_trunk_carries_the_bass_to_the_highest_row(trunk):
    network = network_with(trunk)
    roll, time = a_roll()
    roll.requires_grad_()
    network.logits(roll=roll, time=time).add[0, 31, 16].backward()
    reached = roll.grad[0, :, 0, 16:20].abs().sum() > 0
    assert reached == (trunk != "none")


@pytest.mark.parametrize("trunk", ["dilated", "attention", "chroma"])
def test_only_a_trunk_carries_what_sounds_eleven_beats_away(trunk):
    network, plain = network_with(trunk), network_with("none")
    for candidate, expected in ((network, True), (plain, False)):
        roll, time = a_roll(steps=64)
        roll.requires_grad_()
        candidate.logits(roll=roll, time=time).add[0, 10, 60].backward()
        assert bool(roll.grad[0, :, :, 8:16].abs().sum() > 0) == expected


def test_voices_below_and_above_are_counted():
    network = network_with("chroma", counts_voices=True)
    roll, time = a_roll(batch=2)
    image = network.fold_time(torch.cat([roll, torch.zeros(2, 2 + 7, 32, 32)], dim=1))
    seen = network.image(roll=roll, time=time).detach()
    assert seen.shape[1] == image.shape[1] + SMALL.pitch_channels
    fold = SMALL.fold
    for b, row, step in ((0, 0, 0), (1, 31, 31), (1, 12, 7), (0, 20, 18)):
        below, above = roll[b, 1, :row, step].sum() / 4, roll[b, 1, row + 1 :, step].sum() / 4
        assert seen[b, 2 * fold + step % fold, row, step // fold] == pytest.approx(float(below))
        assert seen[b, 3 * fold + step % fold, row, step // fold] == pytest.approx(float(above))


@pytest.mark.parametrize("trunk", TRUNKS)
def test_every_level_is_shown_in_order_and_the_last_is_what_the_heads_read(trunk):
    network = network_with(trunk)
    roll, time = a_roll()
    levels = network.levels(roll=roll, time=time)
    assert list(levels) == [
        "level 1 down", "level 2 down", "level 3 down", "trunk", "level 2 up", "level 1 up",
    ]  # fmt: skip
    assert levels["level 1 down"].shape == levels["level 1 up"].shape == (1, 4, 32, 16)
    assert levels["level 2 down"].shape == levels["level 2 up"].shape == (1, 6, 16, 8)
    assert levels["level 3 down"].shape == (1, 8, 8, 8)
    assert torch.equal(levels["level 1 up"], network(roll=roll, time=time).features)


def test_without_skips_the_decoder_reads_zeros_in_their_place():
    network = network_with("dilated")
    roll, time = a_roll()
    cut = network.levels(roll=roll, time=time, skips=False)
    whole = network.levels(roll=roll, time=time)
    assert torch.equal(cut["level 1 down"], whole["level 1 down"])  # nothing changes on the way down
    assert not torch.equal(cut["level 2 up"], whole["level 2 up"])
    bottom = whole["level 3 down"] + whole["trunk"]
    by_hand = network.unet.upsample[1](bottom)
    by_hand = network.unet.decoder[1](torch.cat([torch.zeros_like(by_hand), by_hand], dim=1))
    assert torch.allclose(cut["level 2 up"], by_hand, atol=1e-6)
    assert torch.equal(network(roll=roll, time=time, skips=False).features, cut["level 1 up"])


def test_a_trunk_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="one of none, dilated, attention, chroma; got 'fancy'"):
        UNetConfig(in_channels=3, trunk="fancy")


def test_an_attention_trunk_needs_a_width_that_its_heads_share():
    with pytest.raises(ValueError, match="a multiple of its 4 heads; got 30"):
        UNetConfig(in_channels=3, trunk="attention", trunk_width=30)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_fusing_changes_no_answer_whatever_the_trunk(trunk):
    network = network_with(trunk)
    network.train()
    for seed in range(3):  # so that the normalisations have something to say
        network(roll=a_roll(batch=2, seed=seed)[0], time=a_roll(batch=2, seed=seed)[1])
    network.eval()
    quick = fused(network)
    roll, time = a_roll()
    expected, found = network(roll=roll, time=time), quick(roll=roll, time=time)
    assert torch.allclose(expected.add, found.add, atol=1e-4)
    assert torch.allclose(expected.stop, found.stop, atol=1e-4)
    assert not any(isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)) for module in quick.modules())
