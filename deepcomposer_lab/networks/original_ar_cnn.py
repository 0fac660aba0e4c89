r"""The AR-CNN of AWS DeepComposer, rebuilt from its description: a row to compare with, not a network to compose with.

One binary piano roll of 128 steps and all 128 pitches goes in; one number a cell comes out: how much would flipping
this cell, from silent to sounding or back, make the roll more like Bach? A softmax over all 16,384 cells makes them
the probabilities of the next edit. An edit is a sixteenth-note *cell*: a crotchet is four edits, and a repeated note
cannot be told from a held one.

The body is the U-Net of Ronneberger, Fischer and Brox (2015): five levels of 32, 64, 128, 256 and 512 channels, 1024 at
the bottom, two 3 × 3 convolutions a level, 31.5 million parameters, nearly all of them at the three coarsest levels.
Where dropout and normalisation stand, and how strong they are, is as in the published notebook: after each pooling,
first dropout and then normalisation; after each joining with the skip connection normalisation; dropout at the end of
a level on the way up.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax


@dataclass(frozen=True)
class OriginalARCNNConfig:
    """Sizes of the original; tests make it smaller. Lists on the way up start at the deepest level."""

    pitches: int = 128
    steps: int = 128
    widths: tuple[int, ...] = (32, 64, 128, 256, 512)  # channels of the levels, finest first
    bottleneck: int = 1024
    dropout_down: tuple[float, ...] = (0.0, 0.5, 0.5, 0.5, 0.5)
    dropout_up: tuple[float, ...] = (0.5, 0.5, 0.5, 0.5, 0.0)
    normalise_down: tuple[bool, ...] = (True, True, True, True, False)
    normalise_up: tuple[bool, ...] = (True, True, True, True, False)

    def __post_init__(self) -> None:
        levels = len(self.widths)
        for name in ("dropout_down", "dropout_up", "normalise_down", "normalise_up"):
            if len(getattr(self, name)) != levels:
                raise ValueError(f"{name} needs one value a level: {levels}, not {len(getattr(self, name))}.")
        for name in ("pitches", "steps"):
            if getattr(self, name) % 2**levels:
                raise ValueError(
                    f"{name} is halved {levels} times: a multiple of {2**levels}, not {getattr(self, name)}."
                )


def two_convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return 3 × 3 convolution and ReLU, twice: (B, in, H, W) -> (B, out, H, W)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
    )


class OriginalARCNN(nn.Module):
    """The original's network: roll (B, pitches, steps) -> one logit a cell, (B, pitches, steps)."""

    def __init__(self, config: OriginalARCNNConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or OriginalARCNNConfig()
        entering = (1, *config.widths)  # what each level reads on the way down, and the bottleneck last
        self.encoder = nn.ModuleList(
            two_convolutions(entering[level], width) for level, width in enumerate(config.widths)
        )
        self.pool = nn.ModuleList(
            nn.Sequential(
                nn.MaxPool2d(2),
                nn.Dropout(config.dropout_down[level]),
                nn.BatchNorm2d(width) if config.normalise_down[level] else nn.Identity(),
            )
            for level, width in enumerate(config.widths)
        )
        self.bottleneck = two_convolutions(entering[-1], config.bottleneck)
        self.upsample = nn.Upsample(scale_factor=2)
        self.join = nn.ModuleList()
        self.decoder = nn.ModuleList()
        below = config.bottleneck
        for index, width in enumerate(reversed(config.widths)):
            self.join.append(nn.BatchNorm2d(below + width) if config.normalise_up[index] else nn.Identity())
            self.decoder.append(
                nn.Sequential(two_convolutions(below + width, width), nn.Dropout(config.dropout_up[index]))
            )
            below = width
        self.output = nn.Conv2d(below, 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # the framework it was written in starts convolutions so
                nn.init.xavier_uniform_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, roll: Tensor) -> Tensor:
        """Return the logit of flipping each cell.

        Parameters
        ----------
        roll : Tensor, float32, shape (B, pitches, steps)
            1 where a pitch sounds.

        Returns
        -------
        Tensor, float32, shape (B, pitches, steps)
        """
        features = roll[:, None]  # (B, 1, P, T)
        skips = []
        for block, pool in zip(self.encoder, self.pool, strict=True):
            features = block(features)  # (B, widths[level], P / 2^level, T / 2^level)
            skips.append(features)
            features = pool(features)  # (B, widths[level], P / 2^(level + 1), T / 2^(level + 1))
        features = self.bottleneck(features)  # (B, 1024, P / 32, T / 32)
        for join, block in zip(self.join, self.decoder, strict=True):
            features = torch.cat([self.upsample(features), skips.pop()], dim=1)  # (B, below + width, …)
            features = block(join(features))  # (B, width, …)
        return self.output(features)[:, 0]  # (B, P, T)


def edit_loss(logits: Tensor, edits: Tensor) -> Tensor:
    """Return the mean divergence KL(uniform over the right edits ‖ softmax over all cells), one softmax a roll.

    The published code takes one softmax over the whole batch; a softmax for each roll is what composing uses, and
    evidently what was meant.

    Parameters
    ----------
    logits : Tensor, float32, shape (B, pitches, steps)
    edits : Tensor, float32, shape (B, pitches, steps)
        1 where the corrupted roll differs from the true one. A roll without any counts as 0.
    """
    right = edits.flatten(1)  # (B, P · T)
    count = right.sum(dim=1)
    cross_entropy = -(right * log_softmax(logits.flatten(1), dim=1)).sum(dim=1) / count.clamp(min=1)  # (B,)
    return (cross_entropy - count.clamp(min=1).log()).where(count > 0, 0.0).mean()
