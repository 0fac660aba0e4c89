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
    """

    step: int
    total_steps: int
    epoch: float
    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_left: float = 0.0
