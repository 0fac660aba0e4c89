r"""U-Net: a convolutional network that looks at an image coarsely and finely at once.

The left side halves the image level by level and widens its channels: it learns *what* is there. The right side
doubles it back: it learns *where*. Skip connections carry each level's fine detail straight across, past the coarse
levels — draw it, and it is a U (Ronneberger, Fischer, Brox 2015, "U-Net", section 2 and figure 1).

Where this differs from the paper, and why:

- padding 1 instead of 0, so that a piano roll comes out as long as it went in;
- batch normalisation after each convolution (the paper predates its use here; it trains several times faster);
- upsampling by repetition instead of a transposed convolution, which leaves checkerboard patterns; a 1 × 1
  convolution first narrows what comes up to the level's own width, so that half of what a decoder reads is skip;
- each level says how it is halved in pitch and in time: harmony changes from beat to beat, so below one beat
  a column only pitch is halved further;
- at the bottom the image becomes a sequence, one vector a beat, and a **trunk** of dilated one-dimensional
  convolutions reads it along time. A vector there sees all pitches of its beat at once: this is where chords live.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of a U-Net over images of shape (B, in_channels, height, width)."""

    in_channels: int
    height: int = 64  # pitches; every halving must divide it
    widths: tuple[int, ...] = (32, 64, 96, 128)  # channels of each level, finest first
    halvings: tuple[tuple[int, int], ...] = ((2, 2), (2, 1), (2, 1))  # (pitch, time) between the levels
    encoder_depths: tuple[int, ...] = (1, 2, 2, 2)  # convolutions a level; the finest costs most
    decoder_depths: tuple[int, ...] = (2, 1, 1)
    trunk_width: int = 256  # channels of one beat's vector at the bottom
    trunk_dilations: tuple[int, ...] = (
        1,
        2,
        4,
        8,
        1,
    )  # in beats: together they see 32 beats, eight bars of 4/4
    dropout: float = 0.1  # on the trunk; a few hundred chorales are soon learnt by heart

    def __post_init__(self) -> None:
        if len(self.halvings) != len(self.widths) - 1:
            raise ValueError(
                f"A U-Net of {len(self.widths)} levels has {len(self.widths) - 1} halvings; got {len(self.halvings)}."
            )

    @property
    def time_factor(self) -> int:
        """Columns of the image that become one column at the bottom: widths must be multiples of it."""
        factor = 1
        for _, time in self.halvings:
            factor *= time
        return factor


class ConvolutionBlock(nn.Module):
    """Convolution, normalisation, ReLU, `depth` times over: (B, in, H, W) -> (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, depth: int = 2) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(depth):
            layers += [
                nn.Conv2d(in_channels if index == 0 else out_channels, out_channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """Return the filtered image, as large as it came."""
        return self.layers(image)


class TrunkBlock(nn.Module):
    r"""One residual step along time: x + W₂ ReLU(W₁ ∗_d x), with dilation d.

    A dilated convolution looks at the beats t−d, t and t+d. Doubling d from block to block, the trunk sees eight bars
    in a handful of layers (van den Oord et al. 2016, "WaveNet", section 2.1, there causal, here both ways).
    """

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv1d(width, width, 1, bias=False),
            nn.BatchNorm1d(width),
        )

    def forward(self, beats: Tensor) -> Tensor:
        """(B, width, beats) -> (B, width, beats)."""
        return beats + self.layers(beats)


class Trunk(nn.Module):
    """The bottom of the U, read as a sequence: (B, C, H, W) -> (B, C, H, W), every pitch seeing every other.

    C · H numbers describe a beat; they are mixed into one vector, the vectors are read along time, and the result is
    spread over the pitches again and added to what came in.
    """

    def __init__(self, channels: int, height: int, width: int, dilations: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.gather = nn.Sequential(
            nn.Conv1d(channels * height, width, 1, bias=False), nn.BatchNorm1d(width), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(TrunkBlock(width, dilation, dropout) for dilation in dilations))
        self.spread = nn.Sequential(nn.ReLU(), nn.Conv1d(width, channels * height, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image with what the whole sequence says added, and the sequence itself, (B, width, beats)."""
        B, C, H, W = image.shape
        beats = self.blocks(self.gather(image.reshape(B, C * H, W)))  # (B, width, W)
        return image + self.spread(beats).reshape(B, C, H, W), beats  # (B, C, H, W)


class UNet(nn.Module):
    """The U: (B, in_channels, H, W) -> (B, widths[0], H, W), and the trunk's vectors (B, trunk_width, beats).

    W must be a multiple of `config.time_factor`.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.encoder = nn.ModuleList(
            ConvolutionBlock(config.in_channels if level == 0 else widths[level - 1], width, depth)
            for level, (width, depth) in enumerate(zip(widths, config.encoder_depths, strict=True))
        )
        self.downsample = nn.ModuleList(nn.MaxPool2d(halving) for halving in config.halvings)
        height = config.height
        for pitch, _ in config.halvings:
            height //= pitch
        self.trunk = Trunk(widths[-1], height, config.trunk_width, config.trunk_dilations, config.dropout)
        self.upsample = nn.ModuleList(
            nn.Sequential(nn.Conv2d(widths[level + 1], widths[level], 1, bias=False), nn.Upsample(scale_factor=halving))
            for level, halving in enumerate(config.halvings)
        )
        self.decoder = nn.ModuleList(
            ConvolutionBlock(2 * widths[level], widths[level], depth)
            for level, depth in enumerate(config.decoder_depths)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the finest level's features and the trunk's vectors."""
        skips = []
        features = image
        for level, block in enumerate(self.encoder):
            features = block(features)  # (B, widths[level], H / …, W / …)
            if level < len(self.downsample):
                skips.append(features)
                features = self.downsample[level](features)
        features, beats = self.trunk(features)  # (B, widths[-1], H / 8, W / 2), (B, trunk_width, W / 2)
        for level in reversed(range(len(self.decoder))):
            features = self.upsample[level](features)
            features = self.decoder[level](torch.cat([skips[level], features], dim=1))  # (B, widths[level], …)
        return features, beats
