"""Small random Transformers, and readers that answer what a test wants: the laws hold whatever the scores are."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch

from deepcomposer_lab.encoding.tokens import TokenEncoding
from deepcomposer_lab.models.reader import Reader
from deepcomposer_lab.models.registry import Model, ModelCard
from deepcomposer_lab.networks.transformer_xl import TransformerXL, TransformerXLConfig
from deepcomposer_lab.techniques.transformers import Transformers

ENCODING = TokenEncoding()


def untrained_network(seed: int = 0, *, spread: float = 0.3, **sizes) -> TransformerXL:
    """Return a small network whose weights are far from even."""
    torch.manual_seed(seed)
    small = {"width": 16, "layers": 2, "heads": 2, "hidden": 16, "memory": 24, "dropout": 0.0}
    network = TransformerXL(TransformerXLConfig(**ENCODING.sizes(), **{**small, **sizes})).eval()
    for weight in network.parameters():
        if weight.dim() == 2:
            torch.nn.init.normal_(weight, std=spread)
    return network


def untrained_transformer(seed: int = 0, **sizes) -> Transformers:
    """Return a technique with a small random network."""
    network = untrained_network(seed, **sizes)
    config = asdict(network.config)
    card = ModelCard("untrained", 1, "transformers", "transformer_xl", config, ENCODING.as_dict(), {}, {}, {}, {}, 0)
    return Transformers(Model(card, network, ENCODING))


def answering(monkeypatch, answer: Callable[[Reader], np.ndarray]) -> None:
    """Let every reader give the logits that `answer` tells, without a network."""

    def read(self, tokens):
        for token in tokens:
            self.grammar.said(token)
        self.tokens += tokens
        return answer(self).astype(np.float32)

    monkeypatch.setattr(Reader, "read", read)
