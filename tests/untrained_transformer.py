"""A small random Transformer-XL: where only bookkeeping is tested, the laws hold whatever it foretells."""

from dataclasses import asdict

import torch

from deepcomposer_lab.encoding.tokens import TokenEncoding
from deepcomposer_lab.models.registry import Model, ModelCard
from deepcomposer_lab.networks.transformer_xl import TransformerXL, TransformerXLConfig


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
