r"""The U-Net GAN of AWS DeepComposer, rebuilt from its description: a row to compare with, not one to compose with.

Two bars of a melody go in, a piano roll of 32 steps and all 128 pitches, +1 where a note sounds and −1 elsewhere; noise
joins at the narrowest point; four tracks come out, the melody among them, drawn anew. What is above 0 sounds. A
repeated note cannot be told from a held one.

The critic scores such a roll beside the melody. The two are trained as a Wasserstein GAN with gradient penalty
(Gulrajani et al. 2017): five updates of the critic for each of the generator.

Lesson: notebooks/05_gans.ipynb.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class OriginalGANConfig:
    """Sizes of the original; tests make it smaller."""

    steps: int = 32  # two bars of sixteenths
    pitches: int = 128
    tracks: int = 4  # the melody first
    widths: tuple[int, ...] = (64, 128, 256, 512)  # channels on the way down; the noise has as many as the last

    def __post_init__(self) -> None:
        for name in ("steps", "pitches"):
            if getattr(self, name) % 2 ** len(self.widths):
                raise ValueError(f"{name} is halved {len(self.widths)} times; {getattr(self, name)} cannot be.")

    @property
    def noise_shape(self) -> tuple[int, int, int]:
        """Channels, and the size of the narrowest point."""
        halved = 2 ** len(self.widths)
        return self.widths[-1], self.steps // halved, self.pitches // halved


def _down(inputs: int, outputs: int, *, normalise: bool) -> nn.Sequential:
    """(B, inputs, H, W) -> (B, outputs, H / 2, W / 2)."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    if normalise:
        layers.append(nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.2))
    return nn.Sequential(*layers)


class OriginalGenerator(nn.Module):
    """Melody (B, 1, steps, pitches) and noise (B, 512, 2, 8) -> all tracks (B, 4, steps, pitches), from −1 to 1."""

    def __init__(self, config: OriginalGANConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or OriginalGANConfig()
        entering = (1, *config.widths)
        self.down = nn.ModuleList(
            _down(entering[level], width, normalise=level > 0) for level, width in enumerate(config.widths)
        )
        self.up = nn.ModuleList()
        below = 2 * config.widths[-1]  # the noise is laid beside it
        for width in reversed(config.widths[:-1]):
            self.up.append(
                nn.Sequential(
                    nn.Upsample(scale_factor=2),
                    nn.ZeroPad2d((1, 2, 1, 2)),  # an even width has no middle: "same" pads one more at the end
                    nn.Conv2d(below, width, 4),
                    nn.BatchNorm2d(width, eps=1e-3, momentum=0.2),
                    nn.ReLU(),
                )
            )
            below = 2 * width  # its skip connection is laid beside it
        self.out = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(below, config.tracks, 4), nn.Tanh()
        )
        _start(self)

    def noise(self, batch: int, random: torch.Generator | None = None) -> Tensor:
        """Draw noise from a normal distribution that is cut off at two standard deviations."""
        drawn = torch.empty(batch, *self.config.noise_shape)
        return nn.init.trunc_normal_(drawn, 0.0, 1.0, -2.0, 2.0, generator=random)

    def forward(self, melody: Tensor, noise: Tensor) -> Tensor:
        """See the class."""
        x, skips = melody, []
        for level in self.down:
            x = level(x)
            skips.append(x)  # (B, width, H / 2, W / 2) each time
        x = torch.cat([skips.pop(), noise], dim=1)  # (B, 1024, 2, 8)
        for level in self.up:
            x = torch.cat([level(x), skips.pop()], dim=1)  # (B, 2 · width, 2 H, 2 W)
        return self.out(x)  # (B, 4, steps, pitches)


class OriginalCritic(nn.Module):
    """All tracks (B, 4, steps, pitches) and the melody (B, 1, steps, pitches) -> a score, (B, 1)."""

    def __init__(self, config: OriginalGANConfig | None = None) -> None:
        super().__init__()
        config = config or OriginalGANConfig()
        entering = (config.tracks + 1, *config.widths)
        self.down = nn.Sequential(
            *(_down(entering[level], width, normalise=False) for level, width in enumerate(config.widths))
        )
        channels, height, width = config.noise_shape
        self.score = nn.Linear(channels * height * width, 1)
        _start(self)

    def forward(self, tracks: Tensor, melody: Tensor) -> Tensor:
        """See the class."""
        return self.score(self.down(torch.cat([tracks, melody], dim=1)).flatten(1))


def _start(network: nn.Module) -> None:
    """Start as the framework that it was written in does."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            assert module.bias is not None
            nn.init.zeros_(module.bias)


def gradient_penalty(critic: OriginalCritic, real: Tensor, fake: Tensor, melody: Tensor, mix: Tensor) -> Tensor:
    """Return the mean of (slope − 1)², the slope that of the score where real and fake are mixed; the melody is held.

    Parameters
    ----------
    mix : Tensor, shape (B, 1, 1, 1)
        How much of the fake, 0–1, for each sample.
    """
    between = (real + mix * (fake - real)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(between, melody).sum(), between, create_graph=True)
    slope = (gradient.square().flatten(1).sum(dim=1) + 1e-8).sqrt()  # (B,)
    return (slope - 1).square().mean()
