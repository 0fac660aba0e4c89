"""Progress: what a trainer tells after every step it took, and what a trainer is for those who run one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from deepcomposer_lab.music.composition import Composition

Sample = tuple[float, Mapping[str, Composition]]
"""An epoch, and what was made then, by the names of what it was made of: "Ode to Joy, noise 1", or "Ode to Joy"."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One moment of a training.

    Parameters
    ----------
    step, total_steps : int
        Updates of the weights so far, and in all; of a GAN, those of the generator.
    epoch : float
        Passes through the training data so far.
    loss : float
        Training loss, averaged over the last steps.
    metrics : mapping of str to float
        Validation figures, on the steps on which they were measured; empty otherwise.
    seconds, seconds_left : float
        Wall time so far, and estimated to the end.
    losses : mapping of str to float
        Of a GAN, the parts of the loss in this update: "discriminator", "generator", "adversarial" …
    scores : mapping of str to float
        Of a GAN, the mean that the discriminator gave to "real" and to "generated" music.
    gradient_norms : mapping of str to float
        Of a GAN, how long the gradient of "generator" or "discriminator" was.
    updated : str
        "discriminator" or "generator": whose weights this update moved; "" where there is one network.
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


class Trainer(Protocol):
    """What `TrainingRun` asks of a trainer.

    A GAN's trainer also has `discriminator_step()` and `generator_step()`, one update of one network, each returning
    a Progress; `band`, the low and high of each metric over the data; and `samples`, a growing list of `Sample`, all of
    the same melodies and noises. One that can be kept has `keep(path)`. One whose network others make music
    with has `listen(hear)`, where `hear` takes a Model and returns the music of a `Sample`; from then on it has
    `samples`, too.
    """

    total_steps: int
    step: int

    def __iter__(self) -> Iterator[Progress]: ...

    def save(self, name: str, *, description: str = "", directory: Path | None = None) -> Any:
        """Save what was trained as a model, and return its card."""
        ...
