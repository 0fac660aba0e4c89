"""A small random network as a technique: where only bookkeeping is tested, the laws hold whatever the scores are."""

from dataclasses import asdict

import torch

from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.models.registry import Model, ModelCard
from deepcomposer_lab.networks.ar_cnn import ARCNNConfig, AutoregressiveCNN
from deepcomposer_lab.techniques.ar_cnn import ARCNN


def untrained_technique(seed: int = 0, *, adding: float = 0.0, removing: float = 0.0, stopping: float = 0.0) -> ARCNN:
    """Return a technique with random scores, its logits of adding, removing and stopping raised by so much."""
    torch.manual_seed(seed)
    config = ARCNNConfig(widths=(4, 8, 8, 12), trunk_width=16)
    network = AutoregressiveCNN(config).eval()
    torch.nn.init.normal_(network.edit_head.weight, std=3.0)
    network.edit_head.bias.data[:2] += adding
    network.edit_head.bias.data[2:] += removing
    network.stop_head.bias.data += stopping
    card = ModelCard("untrained", 1, "ar-cnn", "ar_cnn", asdict(config), ImageEncoding().as_dict(), {}, {}, {}, {}, 0)
    return ARCNN(Model(card, network, ImageEncoding()))
