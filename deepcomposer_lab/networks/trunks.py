r"""Trunks: what reads the piece as a whole, beside or beneath the convolutions of a U-Net.

A 3 × 3 convolution sees a semitone up and down and a step to each side: it knows a note's neighbours, not the chord.
Chords span octaves, phrases span bars. Four answers to that, each a module with the same contract: an image comes in,
an image of the same size goes out to be added to it, and with it one vector a beat from which `stop` is read.

- `NoTrunk`: more of the same convolutions, the plain U-Net (Ronneberger et al. 2015).
- `DilatedTrunk`: at the bottom of the U all pitches of a beat become one vector, and convolutions with growing dilation
  read the vectors along time.
- `AttentionTrunk`: the same vectors, read by self-attention (Vaswani et al. 2017).
- `ChromaTrunk`: harmony on a circle of twelve pitch classes. What it learns about C major it knows about F sharp major.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

PITCH_CLASSES = 12


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


class NoTrunk(nn.Module):
    """Two more convolutions at the bottom of the U, and nothing that sees further: the plain U-Net."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.block = ConvolutionBlock(channels, channels, 2)
        self.pool = nn.Conv1d(channels, width, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> (B, C, H, W), (B, width, W)."""
        added = self.block(image)
        return added, self.pool((image + added).amax(dim=2))


class DilatedBlock(nn.Module):
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


class DilatedTrunk(nn.Module):
    """The bottom of the U, read as a sequence: every pitch of a beat sees every other, and the beats around.

    C · H numbers describe a beat; they are mixed into one vector, the vectors are read along time, and the result is
    spread over the pitches again. Each chord has to be learnt in each key.
    """

    def __init__(self, channels: int, height: int, width: int, dilations: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.gather = nn.Sequential(
            nn.Conv1d(channels * height, width, 1, bias=False), nn.BatchNorm1d(width), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(DilatedBlock(width, dilation, dropout) for dilation in dilations))
        self.spread = nn.Sequential(nn.ReLU(), nn.Conv1d(width, channels * height, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> (B, C, H, W), (B, width, W)."""
        B, C, H, W = image.shape
        beats = self.blocks(self.gather(image.reshape(B, C * H, W)))  # (B, width, W)
        return self.spread(beats).reshape(B, C, H, W), beats


class AttentionTrunk(nn.Module):
    """The bottom of the U, read by self-attention: a beat may look at any other, however far (Vaswani et al. 2017)."""

    LONGEST = 512  # beats that have a place of their own
    HEADS = 4

    def __init__(self, channels: int, height: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.gather = nn.Sequential(
            nn.Conv1d(channels * height, width, 1, bias=False), nn.BatchNorm1d(width), nn.ReLU()
        )
        self.places = nn.Parameter(torch.randn(self.LONGEST, width) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, self.HEADS, 2 * width, dropout, batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.spread = nn.Sequential(nn.ReLU(), nn.Conv1d(width, channels * height, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> (B, C, H, W), (B, width, W)."""
        B, C, H, W = image.shape
        beats = self.gather(image.reshape(B, C * H, W)).transpose(1, 2) + self.places[:W]  # (B, W, width)
        for layer in self.layers:
            beats = layer(beats)
        beats = beats.transpose(1, 2)  # (B, width, W)
        return self.spread(beats).reshape(B, C, H, W), beats


class CircleConvolution(nn.Module):
    r"""A convolution around the circle of pitch classes, its kernel as long as the circle: for every pitch class p,

        y[p] = Σ_i  W_i x[p + i],   i = all twelve intervals, p + i modulo 12.

    Every pitch class hears every other **by its interval**, so a third is the same third in every key: transposing
    what comes in transposes what goes out, and nothing else (Cohen and Welling 2016, "Group equivariant convolutional
    networks", for the twelve transpositions).

    It is computed as a product of Fourier coefficients, seven matrix products instead of 12 · 12: the same numbers
    (the convolution theorem; a test compares with the sum above), a training step a quarter shorter.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        bound = (channels * PITCH_CLASSES) ** -0.5
        self.weight = nn.Parameter(torch.empty(channels, channels, PITCH_CLASSES).uniform_(-bound, bound))

    def spectrum(self) -> Tensor:
        """Return the kernel's Fourier coefficients: complex64, shape (C, C, 7)."""
        return torch.fft.rfft(self.weight, dim=2).conj()  # conjugate, because y[p] reads x[p + i]

    def forward(self, chroma: Tensor) -> Tensor:
        """(B, C, 12, T) -> (B, C, 12, T)."""
        waves = torch.fft.rfft(chroma, dim=2)  # (B, C, 7, T), complex
        return torch.fft.irfft(torch.einsum("bcft,ocf->boft", waves, self.spectrum()), n=PITCH_CLASSES, dim=2)


class ChromaBlock(nn.Module):
    """One residual step of harmony, then of time, on the circle of pitch classes: x + T(H(x)).

    H mixes the pitch classes of a beat by their intervals; T looks at the beats t−d, t and t+d, each pitch class by
    itself.
    """

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.harmony = nn.Sequential(CircleConvolution(width), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.time = nn.Sequential(
            nn.Conv2d(width, width, (1, 3), padding=(0, dilation), dilation=(1, dilation), bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, chroma: Tensor) -> Tensor:
        """(B, width, 12, beats) -> (B, width, 12, beats)."""
        return chroma + self.time(self.harmony(chroma))


class ChromaTrunk(nn.Module):
    r"""Harmony beside the U: pitches are folded onto the circle of twelve pitch classes, read there, and unfolded.

    Folding alone would forget whether a C is the bass or the soprano. So the rows are read through a few overlapping
    **registers**, soft windows r_k over the pitches, which are learnt: with o the octave,

        chroma[k, p, t] = Σ_o  r_k[o, p] · image[o, p, t],

    and written back through others of the same kind. Between the two everything is equivariant to transposition; only
    the registers know how high a note lies.
    """

    def __init__(
        self,
        channels: int,
        height: int,
        width: int,
        registers: int,
        dilations: tuple[int, ...],
        dropout: float,
        columns_a_beat: int,
    ) -> None:
        super().__init__()
        self.columns_a_beat, self.registers = columns_a_beat, registers
        self.octaves = -(-height // PITCH_CLASSES)
        # Bell-shaped windows, evenly spaced: low, tenor, alto, high. Training moves and bends them.
        rows = torch.arange(self.octaves * PITCH_CLASSES)
        centres = torch.linspace(0, height - 1, registers)
        bells = torch.exp(-0.5 * ((rows - centres[:, None]) / (height / registers / 1.2)) ** 2)
        self.read = nn.Parameter(bells.reshape(registers, self.octaves, PITCH_CLASSES).clone())
        self.write = nn.Parameter(bells.reshape(registers, self.octaves, PITCH_CLASSES).clone())
        self.gather = nn.Sequential(
            nn.Conv2d(channels * registers, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.blocks = nn.Sequential(*(ChromaBlock(width, dilation, dropout) for dilation in dilations))
        self.spread = nn.Sequential(nn.ReLU(), nn.Conv2d(width, channels * registers, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> (B, C, H, W), (B, width, beats)."""
        B, C, H, W = image.shape
        beats = W // self.columns_a_beat
        rows = pad(max_pool2d(image, (1, self.columns_a_beat)), (0, 0, 0, self.octaves * PITCH_CLASSES - H))
        octaves = rows.reshape(B, C, self.octaves, PITCH_CLASSES, beats)  # (B, C, octaves, 12, beats)
        chroma = torch.einsum("bcopt,kop->bckpt", octaves, self.read)  # (B, C, registers, 12, beats)
        chroma = self.gather(chroma.reshape(B, C * self.registers, PITCH_CLASSES, beats))  # (B, width, 12, beats)
        chroma = self.blocks(chroma)  # (B, width, 12, beats)
        spread = self.spread(chroma).reshape(B, C, self.registers, PITCH_CLASSES, beats)
        octaves = torch.einsum("bckpt,kop->bcopt", spread, self.write)  # (B, C, octaves, 12, beats)
        rows = octaves.reshape(B, C, self.octaves * PITCH_CLASSES, beats)[:, :, :H]  # (B, C, H, beats)
        return rows.repeat_interleave(self.columns_a_beat, dim=3), chroma.amax(dim=2)
