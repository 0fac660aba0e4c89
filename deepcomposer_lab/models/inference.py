"""Making a trained network quick to ask: the same function with less arithmetic."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from deepcomposer_lab.networks.trunks import CircleConvolution, around_the_circle


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


Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """Lay a network's weights out as convolutions on a processor like them: channels innermost, a tenth faster."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's hints lack it


def fused(network: Network) -> Network:
    """Return a copy of a trained network in which every normalisation is folded into the convolution before it.

    In evaluation, batch normalisation multiplies and adds fixed numbers, which a convolution can do itself:
    a (w ∗ x) + b = (a w) ∗ x + b. A convolution around the circle of pitch classes also keeps its kernel's Fourier
    coefficients. The outputs agree to rounding; the copy asks for less time. It is for composing, not for training.
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
    """A `CircleConvolution` and the normalisation after it, as they stand: one product of Fourier coefficients."""

    def __init__(self, convolution: CircleConvolution, normalisation: nn.BatchNorm2d) -> None:
        super().__init__()
        mean, variance = normalisation.running_mean, normalisation.running_var
        assert mean is not None
        assert variance is not None
        with torch.no_grad():
            scale = normalisation.weight / torch.sqrt(variance + normalisation.eps)  # (C,)
            spectrum = convolution.spectrum() * scale[:, None, None]
            bias = normalisation.bias - mean * scale
        self.spectrum: Tensor
        self.bias: Tensor
        self.register_buffer("spectrum", spectrum)
        self.register_buffer("bias", bias[:, None, None])

    def forward(self, chroma: Tensor) -> Tensor:
        """(B, C, 12, T) -> (B, C, 12, T)."""
        return around_the_circle(chroma, self.spectrum) + self.bias
