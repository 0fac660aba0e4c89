"""The original's U-Net GAN: its sizes and its penalty."""

from __future__ import annotations

import pytest
import torch

from deepcomposer_lab.networks.original_gan import (
    OriginalCritic,
    OriginalGANConfig,
    OriginalGenerator,
    gradient_penalty,
)

SMALL = OriginalGANConfig(steps=16, pitches=32, tracks=4, widths=(4, 8, 8, 16))


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_they_have_the_originals_size() -> None:
    assert parameters(OriginalGenerator()) == 8_270_852
    assert parameters(OriginalCritic()) == 2_766_785
    assert OriginalGANConfig().noise_shape == (512, 2, 8)


def test_a_melody_and_noise_become_four_tracks_and_a_score() -> None:
    generator, critic = OriginalGenerator(SMALL), OriginalCritic(SMALL)
    melody = -torch.ones(3, 1, 16, 32)
    noise = generator.noise(3, torch.Generator().manual_seed(0))
    assert noise.shape == (3, 16, 1, 2)
    assert noise.abs().max() <= 2
    made = generator(melody, noise)
    assert made.shape == (3, 4, 16, 32)
    assert made.abs().max() <= 1
    assert critic(made, melody).shape == (3, 1)


def test_sizes_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ValueError, match="steps is halved 4 times"):
        OriginalGANConfig(steps=24)


def test_the_penalty_is_nought_where_the_slope_is_one() -> None:
    class Slope(torch.nn.Module):
        def __init__(self, slope: float) -> None:
            super().__init__()
            self.slope = slope

        def forward(self, tracks: torch.Tensor, melody: torch.Tensor) -> torch.Tensor:
            return self.slope * tracks[:, 0, 0, :1]

    real, fake, melody = torch.ones(2, 4, 4, 4), -torch.ones(2, 4, 4, 4), torch.ones(2, 1, 4, 4)
    mix = torch.rand(2, 1, 1, 1)
    for slope, expected in ((1.0, 0.0), (3.0, 4.0)):
        assert gradient_penalty(Slope(slope), real, fake, melody, mix).item() == pytest.approx(expected, abs=1e-4)  # type: ignore[arg-type]
