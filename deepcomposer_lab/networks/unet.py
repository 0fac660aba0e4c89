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
- a **trunk** reads the piece as a whole: beneath the U or, where harmony on a circle is meant, beside it
  (networks/trunks.py).

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepcomposer_lab.networks.trunks import AttentionTrunk, ChromaTrunk, ConvolutionBlock, DilatedTrunk, NoTrunk

TRUNKS = ("none", "dilated", "attention", "chroma")


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of a U-Net over images of shape (B, in_channels, height, width)."""

    in_channels: int
    height: int = 64  # pitches; every halving must divide it
    widths: tuple[int, ...] = (32, 64, 96, 128)  # channels of each level, finest first
    halvings: tuple[tuple[int, int], ...] = ((2, 2), (2, 1), (2, 1))  # (pitch, time) between the levels
    encoder_depths: tuple[int, ...] = (1, 2, 2, 2)  # convolutions a level; the finest costs most
    decoder_depths: tuple[int, ...] = (2, 1, 1)
    trunk: str = "dilated"  # one of TRUNKS
    trunk_width: int = 256  # channels of one beat's vector; for "chroma", of one pitch class of a beat
    trunk_dilations: tuple[int, ...] = (1, 2, 4, 8, 1)  # in beats: together they see 32 beats, eight bars of 4/4
    registers: int = 4  # for "chroma": windows over the pitches through which the circle is read
    dropout: float = 0.1  # on the trunk; a few hundred chorales are soon learnt by heart

    def __post_init__(self) -> None:
        if len(self.halvings) != len(self.widths) - 1:
            raise ValueError(
                f"A U-Net of {len(self.widths)} levels has {len(self.widths) - 1} halvings; got {len(self.halvings)}."
            )
        if self.trunk not in TRUNKS:
            raise ValueError(f"A U-Net's trunk is one of {', '.join(TRUNKS)}; got {self.trunk!r}.")
        if self.trunk == "attention" and self.trunk_width % AttentionTrunk.HEADS:
            raise ValueError(
                f"An attention trunk's width is a multiple of its {AttentionTrunk.HEADS} heads; got {self.trunk_width}."
            )

    @property
    def time_factor(self) -> int:
        """Columns of the image that become one column at the bottom: widths must be multiples of it."""
        factor = 1
        for _, time in self.halvings:
            factor *= time
        return factor

    @property
    def bottom_height(self) -> int:
        """Rows of the image at the bottom."""
        height = self.height
        for pitch, _ in self.halvings:
            height //= pitch
        return height


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
        self.trunk = _trunk(config)
        self.upsample = nn.ModuleList(
            nn.Sequential(nn.Conv2d(widths[level + 1], widths[level], 1, bias=False), nn.Upsample(scale_factor=halving))
            for level, halving in enumerate(config.halvings)
        )
        self.decoder = nn.ModuleList(
            ConvolutionBlock(2 * widths[level], widths[level], depth)
            for level, depth in enumerate(config.decoder_depths)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the finest level's features, (B, widths[0], H, W), and the trunk's vectors."""
        stages, beats = self.stages(image)
        return list(stages.values())[-1], beats

    def stages(self, image: Tensor, *, skips: bool = True) -> tuple[dict[str, Tensor], Tensor]:
        """Return what every level computes, in order and by name, and the trunk's vectors.

        Parameters
        ----------
        image : Tensor, shape (B, in_channels, H, W)
        skips : bool
            False fills the skip connections with zeros: what is left has come by way of the bottom, or of the trunk.
        """
        stages: dict[str, Tensor] = {}
        features, beside = image, self.config.trunk == "chroma"
        for level, block in enumerate(self.encoder):
            features = block(features)
            stages[f"level {level + 1} down"] = features  # (B, widths[level], H / …, W / …)
            if level < len(self.downsample):
                features = self.downsample[level](features)
        added, beats = self.trunk(stages["level 1 down"] if beside else features)  # as its input, (B, width, beats)
        stages["trunk"] = added
        if not beside:
            features = features + added
        for level in reversed(range(len(self.decoder))):
            features = self.upsample[level](features)  # (B, widths[level], …)
            if beside and level == 0:
                features = features + added
            skip = stages[f"level {level + 1} down"]
            across = skip if skips else torch.zeros_like(skip)
            features = self.decoder[level](torch.cat([across, features], dim=1))
            stages[f"level {level + 1} up"] = features  # (B, widths[level], …)
        return stages, beats


def _trunk(config: UNetConfig) -> nn.Module:
    """Build the trunk that a config names."""
    channels, height, dilations = config.widths[-1], config.bottom_height, config.trunk_dilations
    if config.trunk == "none":
        return NoTrunk(channels, config.trunk_width)
    if config.trunk == "dilated":
        return DilatedTrunk(channels, height, config.trunk_width, dilations, config.dropout)
    if config.trunk == "attention":
        return AttentionTrunk(channels, height, config.trunk_width, len(dilations), config.dropout)
    return ChromaTrunk(
        config.widths[0],
        config.height,
        config.trunk_width,
        config.registers,
        dilations,
        config.dropout,
        columns_a_beat=config.time_factor,
    )
