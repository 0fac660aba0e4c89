"""Small random generators as models of the GAN: where only bookkeeping is tested, any notes will do."""

from dataclasses import asdict

import torch

from deepcomposer_lab.encoding.bars import encoding_of
from deepcomposer_lab.models.registry import Model, ModelCard
from deepcomposer_lab.networks.musegan import Generator, MuseGANConfig, Noise
from deepcomposer_lab.networks.unet_gan import UNetGANConfig, UNetGenerator


def small_config(genre="pop", network=MuseGANConfig, **changes):
    """Return sizes at which a generator takes no time."""
    sizes = {"bar_width": 8, "beat_width": 8, "step_width": 8, "critic_width": 8}
    return network(**encoding_of(genre).sizes(), **(sizes | changes))


def random_melody(config, bars, batch=2, seed=1):
    """Return planes with a tenth of their cells set, any: (batch, 2, M, T)."""
    random = torch.Generator().manual_seed(seed)
    return (torch.rand(batch, 2, config.melody_rows, bars * config.steps_per_bar, generator=random) < 0.1).float()


def drawn_noise(config, bars, batch=2, seed=2):
    """Return the same noise every time."""
    return Noise.draw(config, batch, bars, torch.Generator().manual_seed(seed))


def untrained_model(genre: str = "pop", seed: int = 0) -> Model:
    """Return a model of a genre that plays some notes in every track."""
    config = small_config(genre)
    torch.manual_seed(seed)
    network = Generator(config).eval()
    for head, kind in zip(network.heads, config.track_kinds, strict=True):
        torch.nn.init.normal_(head.weight, std=1.5)
        torch.nn.init.constant_(head.bias, -1.5 if kind == "drums" else 0.0)
        if kind != "drums":
            _happens_often(head)
    return _as_model("musegan", config, network, genre)


def untrained_unet(genre: str = "pop", seed: int = 0) -> Model:
    """Return the same with a U-Net."""
    config = small_config(genre, UNetGANConfig, step_width=16)
    torch.manual_seed(seed)
    network = UNetGenerator(config).eval()
    for track in network.tracks:
        for end in [track.columns] + ([track.head] if track.kind != "drums" else []):
            torch.nn.init.normal_(end.weight, std=2.0)
            torch.nn.init.constant_(end.bias, 0.0)
        if track.kind != "drums":
            _happens_often(track.columns)
    return _as_model("unet_gan", config, network, genre)


def _happens_often(head) -> None:
    """Let the last logit, whether anything happens, be above 0 at many steps."""
    torch.nn.init.normal_(head.weight[-1:], std=0.4)
    torch.nn.init.constant_(head.bias[-1:], 0.5)


def _as_model(network_name, config, network, genre) -> Model:
    encoding = encoding_of(genre)
    name = f"{network_name.removesuffix('_gan')}_{genre}"
    card = ModelCard(name, 1, "gan", network_name, asdict(config), encoding.as_dict(), {}, {}, {}, {}, 0)
    return Model(card, network, encoding)
