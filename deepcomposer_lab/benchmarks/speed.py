"""Speed and size: what composing costs on one core.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.techniques.ar_cnn import ARCNN

LENGTHS = (8, 32, 128)  # bars
# Timed at each length, in each eight bars: the same stage of the work, since the first edits of a passage are drawn one
# a look and the later ones several. 150 over eight bars are timed from a standing start besides.
EDITS = 40
RUNS = 3

Tick = Callable[[], None]


def measure(technique: ARCNN, *, edits: int = EDITS, runs: int = RUNS, tick: Tick = lambda: None) -> dict[str, float]:
    """Time composing on one core; medians of `runs` runs, with other seeds.

    Returns
    -------
    dict of str to float
        `speed.first_edit_s`: from the call to the first edit of eight bars. `speed.edits_150_over_8_bars_s`: from the
        call to the 150th. `speed.edits_per_second`: 150 by that time. `speed.bars_<n>.…`: the same melody repeated to
        8, 32 and 128 bars, `edits` in each eight bars; there `edits_per_second` and `seconds_per_edit` leave the first
        edit out, whose time stands beside them. `memory.peak_mb`: the most memory this process has held, the
        benchmark's own pieces and counts included.
    """
    melody = sample_melody("ode_to_joy")
    figures: dict[str, float] = {}
    with one_thread():
        timed(technique, melody, 2, seed=0)  # torch chooses its kernels when it first meets a shape
        whole = [timed(technique, melody, 150, seed=seed) for seed in range(runs)]
        first, total = (float(np.median([run[part] for run in whole])) for part in (0, 1))
        figures["speed.first_edit_s"] = first
        figures["speed.edits_150_over_8_bars_s"] = total
        figures["speed.edits_per_second"] = 150 / total
        tick()
        for bars in LENGTHS:
            most = edits * bars // 8
            first, total = timed(technique, lengthened(melody, bars), most, seed=0)
            figures[f"speed.bars_{bars}.first_edit_s"] = first
            figures[f"speed.bars_{bars}.seconds_per_edit"] = (total - first) / (most - 1)
            figures[f"speed.bars_{bars}.edits_per_second"] = (most - 1) / (total - first)
            tick()
    figures["memory.peak_mb"] = peak_memory_mb()
    return figures


def timed(technique: ARCNN, melody: Melody, edits: int, *, seed: int) -> tuple[float, float]:
    """Return the seconds from the call to the first edit, and to the last of `edits`."""
    began = time.perf_counter()
    session = technique.steps(melody, seed=seed, sampling_iterations=500)
    session.may_stop = False
    first, done = 0.0, 0
    for _ in session:
        done += 1
        if done == 1:
            first = time.perf_counter() - began
        if done == edits:
            break
    # Fewer than asked for, where nothing was left to edit, are brought to as many.
    return first, (time.perf_counter() - began) * edits / max(1, done)


def lengthened(melody: Melody, bars: int) -> Melody:
    """Return an eight-bar melody, repeated until it has that many bars."""
    beats = 8 * melody.metre.bar_beats
    notes = [replace(note, onset=note.onset + turn * beats) for turn in range(-(-bars // 8)) for note in melody.notes]
    return replace(melody, notes=tuple(notes))


def peak_memory_mb() -> float:
    """Return the most memory this process has held, in MB; where the system does not tell, what it holds now."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if platform.system() == "Darwin" else peak / 1e3
