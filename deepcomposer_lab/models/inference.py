"""Making a trained network quick to ask: the same function with less arithmetic."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from deepcomposer_lab.networks.musegan import Noise, played
from deepcomposer_lab.networks.trunks import CircleConvolution


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one core for a while.

    A small network gains little from a second thread; on a busy machine threads that wait for each other cost several
    times what they give. And sums are added up in one order, so the same seed gives the same notes on any machine with
    the same kind of processor.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
@torch.inference_mode()
def accompaniment(
    generator: nn.Module, melody: NDArray[np.float32], noise: Sequence[NDArray[np.float64]]
) -> list[NDArray[np.float32]]:
    """Return what a GAN's generator plays to a melody, in one look at the whole piece.

    Parameters
    ----------
    generator : Module
        `networks.musegan.Generator`, or one that is called alike.
    melody : ndarray, float32, shape (2, rows, steps)
    noise : four ndarrays
        `networks.musegan.Noise` of one piece, without the axis of pieces.

    Returns
    -------
    list of ndarray, float32, shape (2, rows, steps)
        Of each track onset and sound, each 0 or 1.
    """
    numbers = Noise(*(torch.from_numpy(np.asarray(part, dtype=np.float32))[None] for part in noise))
    config: Any = generator.config
    tracks = played(config, generator(torch.from_numpy(melody)[None], numbers))
    return [track[0].numpy() for track in tracks]


Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """Lay a network's weights out as convolutions on a processor like them: channels innermost, a tenth faster."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's hints lack it


def fused(network: Network) -> Network:
    """Return a copy of a trained network in which every normalisation is folded into the convolution before it.

    In evaluation, batch normalisation multiplies and adds fixed numbers, which a convolution can do itself:
    a (w ∗ x) + b = (a w) ∗ x + b. A convolution around the circle of pitch classes becomes real matrices. The outputs
    agree to rounding; the copy asks for less time. It is for composing, not for training.
    """
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            _fuse_in(module)
    return channels_last(network)


def _fuse_in(sequence: nn.Sequential) -> None:
    for index in range(len(sequence) - 1):
        convolution, normalisation = sequence[index], sequence[index + 1]
        if isinstance(convolution, (nn.Conv1d, nn.Conv2d)) and isinstance(
            normalisation, (nn.BatchNorm1d, nn.BatchNorm2d)
        ):
            sequence[index] = fuse_conv_bn_eval(convolution, normalisation)
            sequence[index + 1] = nn.Identity()
        elif isinstance(convolution, CircleConvolution) and isinstance(normalisation, nn.BatchNorm2d):
            sequence[index] = _FixedCircleConvolution(convolution, normalisation)
            sequence[index + 1] = nn.Identity()


class _FixedCircleConvolution(nn.Module):
    """A `CircleConvolution` and the normalisation after it, as they stand, in real numbers.

    Twelve numbers around the circle are seven cosine and seven sine coefficients. At each of the seven frequencies the
    convolution is one matrix for both; built once, three matrix products do it in half of the time.
    """

    def __init__(self, convolution: CircleConvolution, normalisation: nn.BatchNorm2d) -> None:
        super().__init__()
        mean, variance = normalisation.running_mean, normalisation.running_var
        assert mean is not None
        assert variance is not None
        with torch.no_grad():
            scale = normalisation.weight / torch.sqrt(variance + normalisation.eps)  # (C,)
            spectrum = convolution.spectrum().permute(2, 0, 1) * scale[:, None]  # (7, C, C), of what reads x[p + i]
            upper = torch.cat([spectrum.real, spectrum.imag], dim=2)  # (7, C, 2 C)
            lower = torch.cat([spectrum.imag, -spectrum.real], dim=2)
            angles = 2 * torch.pi * torch.arange(12)[:, None] * torch.arange(7) / 12  # (12, 7)
            waves = torch.stack([angles.cos(), angles.sin()])  # (2, 12, 7)
            # All but the lowest and the highest frequency stand for themselves and their mirror image.
            weights = torch.tensor([1.0, 2, 2, 2, 2, 2, 1]) / 12
            back = torch.stack([waves[0], -waves[1]]) * weights  # (2, 12, 7)
        self.analysis: Tensor
        self.matrices: Tensor
        self.synthesis: Tensor
        self.bias: Tensor
        self.register_buffer("analysis", waves.permute(0, 2, 1).reshape(14, 12).contiguous())
        self.register_buffer("matrices", torch.cat([upper, lower], dim=1).contiguous())  # (7, 2 C, 2 C)
        self.register_buffer("synthesis", back.permute(1, 0, 2).reshape(12, 14).contiguous())
        self.register_buffer("bias", (normalisation.bias - mean * scale).detach()[:, None, None])

    def forward(self, chroma: Tensor) -> Tensor:
        """(B, C, 12, T) -> (B, C, 12, T)."""
        B, C, _, T = chroma.shape
        found = self.analysis @ chroma.permute(2, 0, 1, 3).reshape(12, B * C * T)  # (14, B C T)
        found = found.reshape(2, 7, B, C, T).permute(1, 0, 3, 2, 4).reshape(7, 2 * C, B * T)
        found = self.matrices @ found  # (7, 2 C, B T)
        found = found.reshape(7, 2, C, B, T).permute(1, 0, 3, 2, 4).reshape(14, B * C * T)
        circle = (self.synthesis @ found).reshape(12, B, C, T).permute(1, 2, 0, 3)  # (B, C, 12, T)
        return circle + self.bias
