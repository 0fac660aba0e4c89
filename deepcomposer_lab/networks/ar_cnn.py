r"""AR-CNN: a U-Net that looks at a piano roll and says which single edit would make it more like the music it learnt.

The original (deepcomposer's AR-CNN; arXiv 2008.08927, "ES-Net", for edit events) flipped sixteenth-note cells. Here
**an edit is a whole note**. For every cell (pitch p, step t) the network gives two numbers,

- `add[p, t]`: should a note start here that is missing?
- `remove[p, t]`: if a note starts here, is it out of place?

one number for the whole image, `stop`: is there nothing left to mend?, and, for a cell where a note shall start, a
distribution over its duration. Each of the first three is the logarithm of a probability,

$$\log P(e \text{ is a right edit} \mid \text{roll}) = \log \sigma(z_e),$$

trained as such (binary cross-entropy), so it can be read as it stands: "this note is wrong with 80 %". Composing
draws an edit from the softmax over all of them, which makes a right edit as likely as its probability, applies it,
and looks again: that is what *autoregressive* means here — each decision sees the decisions before it. (Two or three
edits far apart may be drawn from one look; see techniques/ar_cnn.py.)

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from deepcomposer_lab.networks.unet import UNet, UNetConfig


@dataclass(frozen=True)
class ARCNNConfig:
    """Sizes of an AR-CNN."""

    roll_channels: int = 2  # where notes start; where they sound
    counts_voices: bool = False  # two more channels: how many notes sound below a cell, and how many above
    time_channels: int = 7  # bar lines, beats, metre: the same for all pitches of a column
    pitches: int = 64  # rows of the roll
    fold: int = 2  # neighbouring steps that share a column as extra channels: half the columns, half the work
    pitch_channels: int = 8  # learnt, one vector a row: convolutions alone cannot tell a bass from a soprano
    widths: tuple[int, ...] = (24, 48, 96, 128)
    halvings: tuple[tuple[int, int], ...] = ((2, 2), (2, 1), (2, 1))
    encoder_depths: tuple[int, ...] = (1, 2, 2, 2)
    decoder_depths: tuple[int, ...] = (2, 1, 1)
    trunk: str = "dilated"  # networks/trunks.py; the defaults here are those of the first model, the recipe says which
    trunk_width: int = 256
    trunk_dilations: tuple[int, ...] = (1, 2, 4, 8, 1)
    registers: int = 4
    dropout: float = 0.1
    longest_duration: int = 16  # steps; a longer note is added as one of this length

    @property
    def time_multiple(self) -> int:
        """The number of steps an image must be a multiple of."""
        return self.fold * self.unet.time_factor

    @property
    def unet(self) -> UNetConfig:
        """The U-Net inside."""
        return UNetConfig(
            in_channels=(self.roll_channels + 2 * self.counts_voices + self.time_channels) * self.fold
            + self.pitch_channels,
            height=self.pitches,
            widths=self.widths,
            halvings=self.halvings,
            encoder_depths=self.encoder_depths,
            decoder_depths=self.decoder_depths,
            trunk=self.trunk,
            trunk_width=self.trunk_width,
            trunk_dilations=self.trunk_dilations,
            registers=self.registers,
            dropout=self.dropout,
        )


def _voices_around(sound: Tensor) -> Tensor:
    """(B, 1, P, T) -> (B, 2, P, T): how many notes sound below a cell and above it, in quarters (four voices).

    A convolution sees a few rows; whether a cell would be the bass or an inner voice depends on all of them.
    """
    below = sound.cumsum(dim=2) - sound
    above = sound.sum(dim=2, keepdim=True) - sound - below
    return torch.cat([below, above], dim=1) / 4


class EditScores(NamedTuple):
    """What the network thinks of a roll. All logarithms of probabilities, float32, 0 or less.

    add, remove : Tensor, shape (B, pitches, steps)
        That a note missing there starts there; that the note which starts there is out of place. `remove` has a
        meaning only where a note starts, `add` only where none does.
    stop : Tensor, shape (B,)
        That nothing is left to mend.
    features : Tensor, shape (B, channels, pitches, steps / fold)
        The finest level's features, from which `AutoregressiveCNN.durations` reads.
    """

    add: Tensor
    remove: Tensor
    stop: Tensor
    features: Tensor


class AutoregressiveCNN(nn.Module):
    """U-Net with three heads: edits, durations, stop."""

    def __init__(self, config: ARCNNConfig) -> None:
        super().__init__()
        self.config = config
        self.pitch_vectors = nn.Parameter(torch.randn(config.pitch_channels, config.pitches, 1) * 0.3)
        self.unet = UNet(config.unet)
        self.edit_head = nn.Conv2d(config.widths[0], 2 * config.fold, 1)
        self.duration_head = nn.Linear(config.widths[0] + config.fold, config.longest_duration)
        self.stop_head = nn.Linear(config.trunk_width, 1)
        # Of some 8,000 cells a dozen are right edits: starting from that prior saves the first hundred steps.
        assert self.edit_head.bias is not None
        nn.init.constant_(self.edit_head.bias, math.log(0.002))

    def fold_time(self, image: Tensor) -> Tensor:
        """(B, C, P, T) -> (B, C · fold, P, T / fold): neighbouring steps become channels of one column."""
        B, C, P, T = image.shape
        fold = self.config.fold
        image = image.reshape(B, C, P, T // fold, fold)  # (B, C, P, T / fold, fold)
        return image.permute(0, 1, 4, 2, 3).reshape(B, C * fold, P, T // fold)

    def unfold_time(self, image: Tensor) -> Tensor:
        """(B, C · fold, P, T / fold) -> (B, C, P, T), the inverse of `fold_time`."""
        B, C, P, T = image.shape
        fold = self.config.fold
        image = image.reshape(B, C // fold, fold, P, T).permute(0, 1, 3, 4, 2)  # (B, C / fold, P, T, fold)
        return image.reshape(B, C // fold, P, T * fold)

    def image(self, *, roll: Tensor, time: Tensor) -> Tensor:
        """Return what the U-Net sees: (B, in_channels, P, T / fold)."""
        B, _, P, T = roll.shape
        if self.config.counts_voices:
            roll = torch.cat([roll, _voices_around(roll[:, 1:2])], dim=1)  # (B, roll + 2, P, T)
        image = torch.cat([roll, time[:, :, None, :].expand(B, -1, P, T)], dim=1)  # (B, roll + time, P, T)
        image = self.fold_time(image)  # (B, (roll + time) · fold, P, T / fold)
        rows = self.pitch_vectors.expand(B, -1, P, image.shape[-1])
        return torch.cat([image, rows], dim=1)

    def levels(self, *, roll: Tensor, time: Tensor, skips: bool = True) -> dict[str, Tensor]:
        """Return what every level of the U-Net computes, in order: "level 1 down" … "trunk" … "level 1 up".

        Each is float32 of shape (B, channels, rows, columns), rows and columns halved as the level says. With
        `skips=False` the skip connections carry zeros: the same picture, drawn without them.
        """
        stages, _ = self.unet.stages(self.image(roll=roll, time=time), skips=skips)
        return stages

    def logits(self, *, roll: Tensor, time: Tensor, skips: bool = True) -> EditScores:
        """Return the scores before the logarithm of the sigmoid is taken; see `forward` for shapes."""
        stages, beats = self.unet.stages(self.image(roll=roll, time=time), skips=skips)
        features = list(stages.values())[-1]  # (B, C, P, T / fold); beats: (B, W, T / multiple)
        edits = self.unfold_time(self.edit_head(features)).float()  # (B, 2, P, T)
        stop = self.stop_head(beats.amax(dim=-1)).float()[:, 0]  # (B,): one thing to mend anywhere is enough
        return EditScores(add=edits[:, 0], remove=edits[:, 1], stop=stop, features=features)

    def forward(self, *, roll: Tensor, time: Tensor, skips: bool = True) -> EditScores:
        """Score every edit of a roll.

        Parameters
        ----------
        roll : Tensor, float, shape (B, roll_channels, pitches, steps)
            1 where a note starts (channel 0), where it sounds (channel 1). `steps` is a multiple of
            `config.time_multiple`; row 0 is the lowest pitch.
        time : Tensor, float, shape (B, time_channels, steps)
            What the metre says of each step.
        skips : bool
            False fills the U-Net's skip connections with zeros, to show what they carry.
        """
        scores = self.logits(roll=roll, time=time, skips=skips)
        return EditScores(logsigmoid(scores.add), logsigmoid(scores.remove), logsigmoid(scores.stop), scores.features)

    def durations(self, features: Tensor, *, image: Tensor, row: Tensor, step: Tensor) -> Tensor:
        """Return log-probabilities of the duration of a note that starts at given cells.

        Parameters
        ----------
        features : Tensor, shape (B, channels, pitches, steps / fold)
            From `EditScores`.
        image, row, step : Tensor, int64, shape (N,)
            Which image of the batch, which pitch row, which step.

        Returns
        -------
        Tensor, float32, shape (N, longest_duration)
            Entry d − 1 is for a duration of d steps.
        """
        fold = self.config.fold
        columns = features[image, :, row, step // fold].float()  # (N, channels)
        within = torch.nn.functional.one_hot(step % fold, fold).float()  # (N, fold)
        return self.duration_head(torch.cat([columns, within], dim=1)).log_softmax(dim=-1)
