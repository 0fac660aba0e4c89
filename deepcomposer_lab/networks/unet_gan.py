r"""A U-Net that accompanies: it looks at the melody as an image of pitch and time, and draws one image a track.

The left side of the U halves the melody's image level by level, until a beat is one column; the bottom folds what is
left of pitch away, hears whole bars, and is told the noise; the right side doubles the image back. *Skip connections*
carry every level straight across (Ronneberger, Fischer, Brox 2015, "U-Net"). As a generator that turns one image into
another it comes from Isola et al. 2017, "pix2pix", and as one that adds tracks to a melody from AWS DeepComposer
(networks/original_gan.py). What differs from the latter, and why:

- **its own place for the noise of a track.** The original has one noise, at the bottom. Here the noise of all tracks
  joins there too; then every track has layers of its own, and its own noise enters those alone. Drawing a track anew
  leaves all others as they were;
- **the melody is not drawn again**: it is given, so it stays as it is;
- **places.** A convolution treats every pitch and every step alike. But music is shown in C: row 0 is always the same
  pitch, and the first step of a bar is not like the second. So each level adds a learnt vector for each of its rows,
  and one for each column of a bar: out = ReLU(norm(w ∗ x + p[row] + q[column mod columns of a bar])) (Liu et al. 2018,
  "CoordConv", with learnt vectors);
- **the melody is read twice**: as an image, and row by row as MuseGAN does. A convolution finds the shape of a tune at
  once, but which pitch is which it has to gather from the edges inwards; the reader is told;
- **one pitch axis.** The melody and every track have windows of their own. The melody is laid on an axis that holds
  them all, and a track reads its rows off the same axis, so a skip connection ends at the pitch where it began;
- **normalised cell by cell**, not over a batch; see `musegan.ChannelNorm`. Together with convolutions that slide over
  time this lets a piece have any number of bars;
- what leaves it are the logits of notes as in MuseGAN, with onset and sound apart, and 0 or 1 once they are binarised;
- it is a quarter as large. Most cells lie in the finest levels, so these are narrow, and a track's own layers compute
  the rows of its window alone.

Compare it with MuseGAN (networks/musegan.py), where pitches are channels: there each of them has weights of its own;
here a pattern learnt at one pitch is known at every other, but every cell has to be computed. The critic of both is the
same: `musegan.Critic`.

Shapes: B pieces, T steps, N bars, H pitches of the axis, M rows of the melody, R rows of a track; w the widths of the
levels, finest first.

Lesson: notebooks/05_gans.ipynb.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, pad

from deepcomposer_lab.networks.musegan import (
    BEATS_PER_BAR,
    PHRASE_BARS,
    MelodyReader,
    MuseGANConfig,
    Noise,
    Reading,
    convolution,
    gathered,
    place,
    repeated,
)


@dataclass(frozen=True)
class UNetGANConfig(MuseGANConfig):
    """Sizes of generator, encoder and critic; `bar_width` and `beat_width` are those of the bottom of the U."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps_per_beat % 2:
            raise ValueError(f"The U-Net halves a beat; {self.steps_per_beat} steps a beat cannot be.")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the levels, finest first: an image has many cells, so it takes narrower layers than a row."""
        return tuple(max(2, self.step_width * level // 8) for level in (2, 4, 8, 12))

    @property
    def halvings(self) -> tuple[tuple[int, int], ...]:
        """By how much pitch and time shrink between the levels: in the end a column is a beat."""
        return (2, 2), (2, self.steps_per_beat // 2), (2, 1)

    @property
    def lowest(self) -> int:
        """The MIDI pitch of the axis's first row."""
        return min(low for low, _ in self._windows)

    @property
    def pitches(self) -> int:
        """H: from the lowest pitch of all windows to the highest, and as much more as the halvings ask for."""
        factor = 2 ** len(self.halvings)
        return -(-(max(high for _, high in self._windows) - self.lowest) // factor) * factor

    @property
    def _windows(self) -> list[tuple[int, int]]:
        tracks = zip(self.track_kinds, self.track_lowest, self.track_rows, strict=True)
        pitched = [(low, low + rows) for kind, low, rows in tracks if kind != "drums"]
        return [(self.melody_lowest, self.melody_lowest + self.melody_rows), *pitched]

    def sizes(self, level: int) -> tuple[int, int]:
        """Return the rows of a level, and its columns of a bar."""
        rows, columns = self.pitches, self.steps_per_bar
        for pitch, time in self.halvings[:level]:
            rows, columns = rows // pitch, columns // time
        return rows, columns


class Layer(nn.Module):
    """A convolution over pitch and time that knows its place: (B, inputs, H, T) -> (B, outputs, H / …, T / …).

    Parameters
    ----------
    inputs, outputs : int
    rows, columns : int
        Of the image that comes out: its height, and its columns of a bar.
    halving : (int, int)
        By how much pitch and time shrink.
    """

    def __init__(
        self, inputs: int, outputs: int, rows: int, columns: int, *, halving: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        kernel = (halving[0] + 2, halving[1] + 2)
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride=halving, padding=1, bias=False)
        self.of_row = nn.Parameter(0.3 * torch.randn(outputs, rows, 1))
        self.of_column = nn.Parameter(0.3 * torch.randn(outputs, 1, columns))
        self.weight, self.bias = nn.Parameter(torch.ones(outputs)), nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.convolution(x)
        bars = x.shape[-1] // self.of_column.shape[-1]
        x = x + (self.of_row + self.of_column.repeat(1, 1, bars))  # (outputs, H, T): the same for every piece
        cells = x.movedim(1, -1)  # (B, H, T, outputs)
        return layer_norm(cells, cells.shape[-1:], self.weight, self.bias).movedim(-1, 1).relu()


class UNetGenerator(nn.Module):
    """Melody and noise in, the logits of every added track out; `musegan.binarise` makes notes of them."""

    def __init__(self, config: UNetGANConfig) -> None:
        super().__init__()
        self.config = config
        w, beat, bar = config.widths, config.beat_width, config.bar_width
        bottom = w[3] * config.sizes(3)[0]  # channels of a beat, its pitches folded in
        self.down = nn.ModuleList(
            [
                Layer(4, w[0], *config.sizes(0)),
                *(Layer(w[level], w[level + 1], *config.sizes(level + 1), halving=config.halvings[level])
                  for level in range(3)),
            ]
        )  # fmt: skip
        self.reader = MelodyReader(config)
        self.beats = convolution(bottom + beat, beat)
        self.bars = gathered(beat, bar, BEATS_PER_BAR)
        self.temporal = nn.Sequential(
            convolution(bar + config.shared_noise + config.shared_bar_noise + PHRASE_BARS, bar), convolution(bar, bar)
        )
        self.harmony = nn.Sequential(convolution(bar + beat + BEATS_PER_BAR, beat), convolution(beat, beat))
        self.unfolded = nn.Conv1d(beat, bottom, 1)
        self.up = nn.ModuleList(
            Layer(w[level + 1] + w[level], w[level], *config.sizes(level)) for level in (2, 1)
        )  # the finest level is the tracks' own
        self.tracks = nn.ModuleList(OwnLayers(config, track) for track in range(config.tracks))

    def forward(self, melody: Tensor, noise: Noise) -> list[Tensor]:
        """(B, 2, M, T), noise -> for each track (B, logits, T)."""
        return self.answer(self.read(melody), noise)

    def read(self, melody: Tensor) -> Reading:
        """Go down the U, where no noise has a say: (B, 2, M, T) -> reading."""
        rhythm = melody.amax(dim=2)  # (B, 2, T): whether it starts a note, whether it sounds, at whatever pitch
        x = torch.cat([on_axis(melody, self.config), rhythm[:, :, None].expand(-1, -1, self.config.pitches, -1)], dim=1)
        x = x.contiguous(memory_format=torch.channels_last)  # (B, 4, H, T)
        levels = []
        for layer in self.down:
            x = layer(x)
            levels.append(x)  # (B, w[0], H, T), (B, w[1], H / 2, T / 2), (B, w[2], H / 4, 4 N), (B, w[3], H / 8, 4 N)
        heard = self.reader(melody)
        beats = self.beats(torch.cat([x.flatten(1, 2), heard.beats], dim=1))  # (B, beat, 4 N)
        return Reading(heard.steps, beats, self.bars(beats) + heard.bars, tuple(levels))

    def answer(self, reading: Reading, noise: Noise) -> list[Tensor]:
        """Go up the U: reading, noise -> for each track (B, logits, T)."""
        config = self.config
        steps, beats, bars, levels = reading
        B, N = len(steps), bars.shape[-1]
        phrase = place(N, PHRASE_BARS, B)  # (B, 4, N)
        held = noise.shared[:, :, None].expand(-1, -1, N)  # (B, S, N)
        bars = self.temporal(torch.cat([bars, held, noise.shared_bar, phrase], dim=1))  # (B, bar, N)
        of_bar = place(BEATS_PER_BAR * N, BEATS_PER_BAR, B)  # (B, 4, 4 N)
        beats = self.harmony(torch.cat([repeated(bars, BEATS_PER_BAR), beats, of_bar], dim=1))  # (B, beat, 4 N)

        x = (levels[3] + self.unfolded(beats).unflatten(1, levels[3].shape[1:3])).relu()  # (B, w[3], H / 8, 4 N)
        for layer, level in zip(self.up, (2, 1), strict=True):
            x = layer(torch.cat([_enlarged(x, config.halvings[level]), levels[level]], dim=1))
        # x: (B, w[1], H / 2, T / 2)

        own = torch.cat([noise.private[..., None].expand(-1, -1, -1, N), noise.private_bar], dim=2)  # (B, K, P + PB, N)
        return [
            track(beats, x, levels[0], steps, torch.cat([own[:, index], phrase], dim=1))
            for index, track in enumerate(self.tracks)
        ]


class OwnLayers(nn.Module):
    """What one track has for itself: the end of the way up, and the noise that no other track hears.

    Harmony and its own noise become a vector a beat, with the melody's steps one a step, and that an image of "wishes"
    with all of the track's pitches. It joins the image that all tracks share for the last convolution, and is heard
    beside that once more: coarse levels alone would take long to learn which of two neighbouring pitches is meant. Only
    the track's rows are computed. In the end every row of a step has a logit (chords: two), and beside them stands what
    concerns no single row: whether anything happens, and whether a line is silent. Drums have lanes instead of pitches,
    and need no image.
    """

    def __init__(self, config: UNetGANConfig, track: int) -> None:
        super().__init__()
        self.kind, self.rows = config.track_kinds[track], config.track_rows[track]
        rows = self.rows
        self.steps_per_beat, self.halving = config.steps_per_beat, config.halvings[0]
        w, step = config.widths, config.step_width
        wishes = max(1, w[0] // 4)
        noise = config.private_noise + config.private_bar_noise + PHRASE_BARS
        self.own = nn.Sequential(convolution(config.beat_width + noise, 2 * step), convolution(2 * step, step))
        self.steps = nn.Sequential(
            convolution(2 * step + config.steps_per_bar, step, 5), convolution(step, step, config.steps_per_beat + 1)
        )
        if self.kind != "drums":
            first = config.track_lowest[track] - config.lowest
            last = first + rows
            self.rows_at_full, self.rows_at_half = slice(first, last), slice(first // 2, -(-last // 2))
            self.rows_of_half = slice(first % 2, first % 2 + rows)  # once that is enlarged
            height = self.rows_at_half.stop - self.rows_at_half.start
            self.coarse = Layer(w[1], w[0] - wishes, height, config.sizes(1)[1])
            self.wishes = nn.Conv1d(step, wishes * rows, 1)
            self.fine = Layer(2 * w[0], w[0], rows, config.steps_per_bar)
            self.head = nn.Conv2d(w[0] + wishes, 1 if self.kind == "line" else 2, 1)
        self.columns = nn.Conv1d(step, {"drums": rows, "line": 2, "chords": 1}[self.kind], 1)
        last_one = self.columns if self.kind == "drums" else self.head
        if self.kind != "drums":  # a wish is a wish from the first update on; small random weights slow all of it down
            nn.init.ones_(self.head.weight[:, w[0] :])
        nn.init.constant_(last_one.bias, -1.0)  # type: ignore[arg-type]  # music is mostly silence, row by row

    def forward(self, beats: Tensor, image: Tensor, skip: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
        """(B, beat, 4 N), (B, w[1], H / 2, T / 2), (B, w[0], H, T), (B, step, T), (B, noise, N) -> (B, logits, T)."""
        B, N, T = len(beats), noise.shape[-1], skip.shape[-1]
        own = self.own(torch.cat([beats, repeated(noise, BEATS_PER_BAR)], dim=1))  # (B, step, 4 N)
        own = torch.cat([repeated(own, self.steps_per_beat), steps, place(T, T // N, B)], dim=1)
        own = self.steps(own)  # (B, step, T)
        logits = []
        if self.kind != "drums":
            wishes = self.wishes(own).unflatten(1, (-1, self.rows))  # (B, wishes, R, T)
            half = self.coarse(image[:, :, self.rows_at_half])  # (B, w[0] − wishes, R / 2, T / 2)
            above = _enlarged(half, self.halving)[:, :, self.rows_of_half]
            full = self.fine(torch.cat([above, skip[:, :, self.rows_at_full], wishes], dim=1))  # (B, w[0], R, T)
            logits.append(self.head(torch.cat([full, wishes], dim=1)).flatten(1, 2))  # (B, R or 2 R, T)
        logits.append(self.columns(own))  # (B, R or 2 or 1, T)
        return torch.cat(logits, dim=1)


def on_axis(melody: Tensor, config: UNetGANConfig) -> Tensor:
    """Lay the melody's window on the axis of all pitches: (B, 2, M, T) -> (B, 2, H, T)."""
    below = config.melody_lowest - config.lowest
    return pad(melody, (0, 0, below, config.pitches - below - config.melody_rows))


def _enlarged(x: Tensor, factors: tuple[int, int]) -> Tensor:
    """Repeat every cell in pitch and in time: (B, C, H, T) -> (B, C, factors[0] · H, factors[1] · T)."""
    return nn.functional.interpolate(x, scale_factor=tuple(map(float, factors)), mode="nearest")
