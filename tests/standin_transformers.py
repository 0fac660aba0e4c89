"""A technique that extends music by sampling, with none of the real one's limits: what a benchmark needs to run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from deepcomposer_lab.encoding.sheet import STEPS_PER_BEAT, sheet_of
from deepcomposer_lab.encoding.tokens import DURATIONS, Grammar, TokenEncoding
from deepcomposer_lab.models.registry import Model, ModelCard
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.networks.transformer_xl import Context, TransformerXL, TransformerXLConfig


def untrained_model(seed: int = 0) -> Model:
    """Return a small random network with its card."""
    torch.manual_seed(seed)
    encoding = TokenEncoding()
    config = TransformerXLConfig(
        vocabulary=encoding.size,
        positions=encoding.longest_bar + 1,
        parts=encoding.parts + 1,
        metres=encoding.metres + 1,
        width=32,
        layers=2,
        heads=2,
        hidden=32,
        memory=64,
    )
    card = ModelCard(
        "untrained", 1, "transformers", "transformer_xl", asdict(config), encoding.as_dict(), {}, {}, {}, {}, 0
    )
    return Model(card, TransformerXL(config).eval(), encoding)


class StandIn:
    """Called as the technique is."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @torch.inference_mode()
    def steps(self, music: Composition, *, seed: int, track_extension_duration: float) -> Iterator[tuple[Note, int]]:
        """Yield (note, track) as they are sampled."""
        encoding, network = self.model.encoding, self.model.network
        tokens = encoding.encode(sheet_of(music)[0], end=False)
        generator, grammar, cache = torch.Generator().manual_seed(seed), Grammar(encoding), network.cache(1024)
        for token in tokens.tolist():
            grammar.said(token)
        beside = Context(*(torch.from_numpy(np.array(column))[None] for column in encoding.context(tokens)))
        logits = network.extend(tokens=torch.from_numpy(tokens)[None], context=beside, cache=cache)
        first = int(sheet_of(music)[0].bars[0, 0])
        seam = math.ceil(music.end - 1e-6) * STEPS_PER_BEAT
        end = seam + round(track_extension_duration * music.tempos[0].bpm / 60 * STEPS_PER_BEAT)
        while True:
            allowed = grammar.allowed()
            allowed[encoding.end] = False
            parts = np.arange(encoding.parts) >= len(music.tracks)
            allowed[encoding.part : encoding.pitch][parts] = False
            if not allowed.any():
                return
            share = logits.masked_fill(~torch.from_numpy(allowed), -torch.inf).softmax(dim=-1)
            token = int(torch.multinomial(share, 1, generator=generator))
            grammar.said(token)
            if first + grammar.time >= end:
                return
            if token >= encoding.duration and first + grammar.time >= seam:
                onset = (first + grammar.time) / STEPS_PER_BEAT
                lasts = DURATIONS[token - encoding.duration] / STEPS_PER_BEAT
                yield Note(onset, grammar.pitch, min(lasts, end / STEPS_PER_BEAT - onset)), grammar.part - 1
            here: Any = (grammar.time, grammar.position, grammar.part, grammar.metre)
            logits = network.extend(
                tokens=torch.tensor([[token]]), context=Context(*(torch.tensor([[v]]) for v in here)), cache=cache
            )

    def extend(self, music: Composition, *, seed: int, track_extension_duration: float) -> Composition:
        """Return the music and its extension."""
        notes: list[list[Note]] = [list(track.notes) for track in music.tracks]
        for note, track in self.steps(music, seed=seed, track_extension_duration=track_extension_duration):
            notes[track].append(note)
        return music.with_tracks(track.with_notes(own) for track, own in zip(music.tracks, notes, strict=True))
