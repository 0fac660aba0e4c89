"""Progress: what a trainer tells after every step it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """One moment of a training.

    Parameters
    ----------
    step, total_steps : int
        Updates of the weights so far, and in all.
    epoch : float
        Passes through the training data so far.
    loss : float
        Training loss, averaged over the last steps.
    metrics : mapping of str to float
        Validation figures, on the steps on which they were measured; empty otherwise.
    seconds, seconds_left : float
        Wall time so far, and estimated to the end.
    losses : mapping of str to float
        Of this update alone, by name: of a GAN "discriminator", or "generator" and its parts.
    scores : mapping of str to float
        What a GAN's discriminator gave on average: "real", "generated".
    gradient_norms : mapping of str to float
        By network, before clipping.
    updated : str
        Which network of a GAN was updated: "discriminator" or "generator"; "" where there is one.
    """

    step: int
    total_steps: int
    epoch: float
    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_left: float = 0.0
    losses: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    gradient_norms: Mapping[str, float] = field(default_factory=dict)
    updated: str = ""
