"""A small random generator as a model of the GAN: where only bookkeeping is tested, any notes will do."""

from dataclasses import asdict

import torch

from deepcomposer_lab.encoding.bars import encoding_of
from deepcomposer_lab.models.registry import Model, ModelCard
from deepcomposer_lab.networks.musegan import Generator, MuseGANConfig
from deepcomposer_lab.networks.unet_gan import UNetGANConfig, UNetGenerator


def untrained_model(genre: str = "pop", seed: int = 0) -> Model:
    """Return a model of a genre that plays some notes in every track."""
    encoding = encoding_of(genre)
    config = MuseGANConfig(
        encoding.melody.rows,
        encoding.melody.lowest_pitch,
        tuple(track.kind for track in encoding.tracks),
        tuple(track.rows for track in encoding.tracks),
        tuple(track.lowest_pitch for track in encoding.tracks),
        encoding.steps_per_beat,
        bar_width=8,
        beat_width=8,
        step_width=8,
        critic_width=8,
    )
    torch.manual_seed(seed)
    network = Generator(config).eval()
    for head, window in zip(network.heads, encoding.tracks, strict=True):
        torch.nn.init.normal_(head.weight, std=1.5)
        torch.nn.init.constant_(head.bias, -1.5 if window.kind == "drums" else 0.0)
        if window.kind != "drums":
            torch.nn.init.normal_(head.weight[-1:], std=0.4)
            torch.nn.init.constant_(head.bias[-1:], 0.5)  # something happens at many steps
    return Model(
        ModelCard(f"musegan_{genre}", 1, "gan", "musegan", asdict(config), encoding.as_dict(), {}, {}, {}, {}, 0),
        network,
        encoding,
    )


def untrained_unet(genre: str = "pop", seed: int = 0) -> Model:
    """Return the same with a U-Net."""
    encoding = encoding_of(genre)
    config = UNetGANConfig(
        encoding.melody.rows,
        encoding.melody.lowest_pitch,
        tuple(track.kind for track in encoding.tracks),
        tuple(track.rows for track in encoding.tracks),
        tuple(track.lowest_pitch for track in encoding.tracks),
        encoding.steps_per_beat,
        bar_width=8,
        beat_width=8,
        step_width=16,
        critic_width=8,
    )
    torch.manual_seed(seed)
    network = UNetGenerator(config).eval()
    for track in network.tracks:
        ends = [track.columns[-1]] + ([track.head] if track.kind != "drums" else [])
        for end in ends:
            torch.nn.init.normal_(end.weight, std=2.0)
            torch.nn.init.constant_(end.bias, 0.0)
        if track.kind != "drums":
            torch.nn.init.normal_(track.columns[-1].weight[-1:], std=0.4)
            torch.nn.init.constant_(track.columns[-1].bias[-1:], 0.5)  # something happens at many steps
    return Model(
        ModelCard(f"unet_{genre}", 1, "gan", "unet_gan", asdict(config), encoding.as_dict(), {}, {}, {}, {}, 0),
        network,
        encoding,
    )
