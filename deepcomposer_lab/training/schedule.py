"""Learning rates over a training.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

import math


def warm_cosine(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Return the learning rate of an update: a linear warm-up, then half a cosine down to a hundredth of the peak."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
