"""The original's network against arithmetic by hand: its size, its shapes, its loss."""

import math

import pytest
import torch

from deepcomposer_lab.networks.original_ar_cnn import OriginalARCNN, OriginalARCNNConfig, edit_loss

SMALL = OriginalARCNNConfig(
    pitches=8,
    steps=16,
    widths=(2, 3),
    bottleneck=5,
    dropout_down=(0.0, 0.5),
    dropout_up=(0.5, 0.0),
    normalise_down=(True, False),
    normalise_up=(True, False),
)


def test_it_has_as_many_parameters_as_the_description_gives():
    def convolution(size, entering, leaving):
        return size * size * entering * leaving + leaving

    expected, entering = 0, 1
    for width, normalised in zip((32, 64, 128, 256, 512), (1, 1, 1, 1, 0), strict=True):
        expected += convolution(3, entering, width) + convolution(3, width, width) + 2 * width * normalised
        entering = width
    expected += convolution(3, 512, 1024) + convolution(3, 1024, 1024)
    below = 1024
    for width, normalised in zip((512, 256, 128, 64, 32), (1, 1, 1, 1, 0), strict=True):
        joined = below + width
        expected += convolution(3, joined, width) + convolution(3, width, width) + 2 * joined * normalised
        below = width
    expected += convolution(1, 32, 1)
    with torch.device("meta"):  # shapes without memory
        network = OriginalARCNN()
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == expected
    assert 31.4e6 < count < 31.5e6


def test_every_cell_gets_a_logit():
    network = OriginalARCNN(SMALL).eval()
    assert network(torch.zeros(3, 8, 16)).shape == (3, 8, 16)


def test_a_cell_hears_of_one_eight_steps_away():
    network = OriginalARCNN(SMALL).eval()
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.1)  # every path adds, so whatever is heard raises the logit
    roll = torch.zeros(1, 8, 16)
    silent = network(roll)[0, 2, 5]
    roll[0, 7, 13] = 1
    assert network(roll)[0, 2, 5] > silent + 1e-6


def test_dropout_acts_in_training_alone():
    torch.manual_seed(0)
    network = OriginalARCNN(SMALL)
    roll = (torch.rand(2, 8, 16) < 0.3).float()
    network.train()
    assert not torch.equal(network(roll), network(roll))
    network.eval()
    assert torch.equal(network(roll), network(roll))


def test_the_loss_is_the_divergence_from_even_shares_of_the_right_edits():
    logits = torch.tensor([[[0.5, -1.0, 2.0]], [[3.0, 0.0, 0.0]]])
    edits = torch.tensor([[[1.0, 0.0, 1.0]], [[0.0, 1.0, 0.0]]])

    def chance(row, index):
        return math.exp(row[index]) / sum(math.exp(value) for value in row)

    first = sum(0.5 * math.log(0.5 / chance((0.5, -1.0, 2.0), index)) for index in (0, 2))
    second = math.log(1 / chance((3.0, 0.0, 0.0), 1))
    assert edit_loss(logits, edits).item() == pytest.approx((first + second) / 2, abs=1e-6)


def test_the_loss_is_nothing_where_the_network_is_right_or_nothing_is_wrong():
    edits = torch.zeros(2, 4, 4)
    edits[0, 1, :2] = 1
    assert edit_loss(edits * 60, edits).item() == pytest.approx(0, abs=1e-5)


def test_levels_and_lists_must_agree():
    with pytest.raises(ValueError, match="dropout_up needs one value a level: 5, not 1"):
        OriginalARCNNConfig(dropout_up=(0.5,))
    with pytest.raises(ValueError, match="steps is halved 5 times: a multiple of 32, not 100"):
        OriginalARCNNConfig(steps=100)
