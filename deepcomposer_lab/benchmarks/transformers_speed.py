"""What extending costs on one core: tokens and notes a second, the first note, thirty seconds of music, memory.

*Tokens a second.* A piece is sampled from Start, 800 tokens of it: a nucleus of 0.95 at temperature 1, under the
grammar. Time is the processor's. With *cache*, keys and values of past tokens are kept. Without, the last `memory`
tokens are read anew for each, as if nothing were kept; a dozen tokens are timed that way. The *original's sampler*
(original_sampler.py) draws as many tokens in the same run, at its own size and with as many parameters as the model
has, in as many layers of its width.

*Thirty seconds.* From the call to the end of an extension by 30 s at 100 beats a minute, on a loaded model, by the
clock: of a four-part chorale, and of a melody; medians of some runs with other seeds. The first note: from the call to
the first that `steps` yields.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch

from deepcomposer_lab.benchmarks.original_sampler import OriginalTransformerConfig, OriginalTransformerXL, sampled
from deepcomposer_lab.benchmarks.speed import Tick, peak_memory_mb
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.tokens import PITCH, TokenEncoding
from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.models.reader import Reader
from deepcomposer_lab.models.registry import Model
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.networks.transformer_xl import Context, TransformerXL
from deepcomposer_lab.techniques.transformers import Transformers
from deepcomposer_lab.techniques.transformers_sampling import cut, drawn, probabilities

TOKENS = 800
UNCACHED = 12  # tokens timed without a cache, once the window is full
RUNS = 3
EXTENSION = 30.0  # seconds of music
BPM = 100.0
THRESHOLD = 0.95


def measure(technique: Transformers, *, quick: bool = False, tick: Tick = lambda: None) -> dict[str, float]:
    """Time sampling and extending on one core.

    Parameters
    ----------
    technique : Transformers
    quick : bool
        One run, and the original's sampler at the model's size alone.
    tick : callable
        Told after each part.

    Returns
    -------
    dict of str to float
        `speed.tokens_per_second` with cache, `speed.uncached_tokens_per_second`, `speed.notes_per_second` of sampling,
        `speed.original_tokens_per_second` at the original's own size, `speed.equal_original_tokens_per_second` at the
        model's, `speed.ratio_to_original_sampler` to the latter; `speed.extend_30_s` and `speed.first_note_s` of the
        slower of chorale and melody, both also as `speed.chorale.…` and `speed.melody.…`; `memory.peak_mb`.
    """
    model = technique.model
    figures: dict[str, float] = {}
    with one_thread():
        for name, music in (("chorale", a_chorale()), ("melody", Composition.from_melody(sample_melody("ode_to_joy")))):
            figures |= {f"speed.{name}.{key}": value for key, value in extending(technique, music, quick).items()}
            tick()
        for key in ("extend_30_s", "first_note_s"):
            figures[f"speed.{key}"] = max(figures[f"speed.{name}.{key}"] for name in ("chorale", "melody"))
        figures["memory.peak_mb"] = peak_memory_mb()
        figures |= sampling(model, own_size=not quick)
        tick()
    return figures


def a_chorale() -> Composition:
    """Return the first test chorale that lasts twenty seconds, at the tempo of the measure."""
    pieces = (piece.to_composition().with_tempo(BPM) for piece in load_dataset("bach_chorales").pieces("test"))
    return next(piece for piece in pieces if piece.seconds >= 20)


def extending(technique: Transformers, music: Composition, quick: bool = False) -> dict[str, float]:
    """Time an extension by thirty seconds: `extend_30_s`, `first_note_s`, and the `notes_per_second` made."""
    whole, first, notes = [], [], []
    for run in range(1 if quick else RUNS):
        began = time.perf_counter()
        made = 0
        for _ in technique.steps(music, seed=run, track_extension_duration=EXTENSION):
            made += 1
            if made == 1:
                first.append(time.perf_counter() - began)
        whole.append(time.perf_counter() - began)
        notes.append(made)
    seconds = float(np.median(whole))
    return {
        "extend_30_s": seconds,
        "first_note_s": float(np.median(first)) if first else seconds,
        "notes_per_second": float(np.sum(notes) / np.sum(whole)),
    }


def sampling(model: Model, tokens: int = TOKENS, *, own_size: bool = True) -> dict[str, float]:
    """Time drawing tokens: with cache, without, and the original's sampler at both sizes, or at the model's alone."""
    network: Any = model.network
    config = network.config
    equal = OriginalTransformerConfig(model.encoding.size, config.width, config.layers, config.heads)
    equal = equal.with_parameters(sum(weight.numel() for weight in network.parameters()))
    spent, tokens_drawn = _timed(cached(network, model.encoding), tokens)
    pitches = int((model.encoding.kinds(np.array(tokens_drawn)) == PITCH).sum())
    figures = {"tokens_per_second": tokens / spent, "notes_per_second": pitches / spent}
    figures["uncached_tokens_per_second"] = UNCACHED / uncached_seconds(network, model.encoding, tokens_drawn)
    originals = {"equal_original": equal, **({"original": OriginalTransformerConfig()} if own_size else {})}
    for name, sizes in originals.items():
        torch.manual_seed(0)
        spent, _ = _timed(sampled(OriginalTransformerXL(sizes).eval()), tokens)
        figures[f"{name}_tokens_per_second"] = tokens / spent
    figures["ratio_to_original_sampler"] = figures["tokens_per_second"] / figures["equal_original_tokens_per_second"]
    return {f"speed.{key}": value for key, value in figures.items()}


@torch.inference_mode()
def _timed(source: Iterator[int], count: int) -> tuple[float, list[int]]:
    """Return the processor's seconds that some tokens take, after the first, and the tokens."""
    first = next(source)  # torch chooses its kernels
    began = time.process_time()
    following = list(islice(source, count))
    return time.process_time() - began, [first, *following]


def cached(network: TransformerXL, encoding: TokenEncoding, seed: int = 0) -> Iterator[int]:
    """Yield tokens of a piece without end, each drawn as the technique draws it, past keys and values kept."""
    random = np.random.default_rng(seed)
    reader, token = Reader(network, encoding), encoding.start
    while True:
        logits = reader.read([token])
        allowed = reader.grammar.allowed()
        allowed[encoding.end] = False
        token = drawn(cut(probabilities(logits, allowed), "nucleus", THRESHOLD), random)
        yield token


@torch.inference_mode()
def uncached_seconds(network: TransformerXL, encoding: TokenEncoding, tokens: list[int]) -> float:
    """Return the processor's seconds of `UNCACHED` tokens, each foretold from a whole window that is read anew."""
    window = np.resize(np.array([encoding.start, *tokens]), network.config.memory)
    ids = torch.from_numpy(window)[None]
    beside = Context(*(torch.from_numpy(np.array(column))[None] for column in encoding.context(window)))
    network(tokens=ids, context=beside)
    began = time.process_time()
    for _ in range(UNCACHED):
        network(tokens=ids, context=beside)
    return time.process_time() - began
