"""Models on disk: what is written comes back, and what is damaged is refused in words."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from deepcomposer_lab.encoding.bars import BarsEncoding, encoding_of
from deepcomposer_lab.encoding.image import ImageEncoding
from deepcomposer_lab.models.registry import (
    MODELS_DIRECTORY,
    ModelCard,
    ModelError,
    list_models,
    load_model,
    next_version,
    own_directory,
    save_model,
    weights_path,
)
from deepcomposer_lab.networks.ar_cnn import ARCNNConfig, AutoregressiveCNN
from deepcomposer_lab.networks.musegan import Generator, MuseGANConfig, Noise

CONFIG = ARCNNConfig(widths=(4, 8, 8, 12), trunk_width=16)


def a_card(version=1, **changes):
    values = {
        "name": "mine",
        "version": version,
        "technique": "ar-cnn",
        "network": "ar_cnn",
        "config": asdict(CONFIG),
        "encoding": ImageEncoding().as_dict(),
        "dataset": {"name": "bach_chorales"},
        "recipe": {},
        "training": {},
        "metrics": {},
        "parameters": 0,
    }
    return ModelCard(**(values | changes))


def a_network(seed=0):
    torch.manual_seed(seed)
    return AutoregressiveCNN(CONFIG).eval()


def test_a_saved_model_answers_as_it_did():
    network = a_network()
    card = save_model(a_card(), network)
    assert card.parameters == sum(parameter.numel() for parameter in network.parameters())
    loaded = load_model("mine")
    assert loaded.card == card
    roll, time = (torch.rand(1, 2, 64, 8) < 0.1).float(), torch.rand(1, 7, 8)
    expected, found = network(roll=roll, time=time), loaded.network(roll=roll, time=time)
    assert torch.allclose(expected.add, found.add, atol=0.02)  # half precision on disk
    assert not loaded.network.training


def test_a_bare_name_is_the_newest_version_and_old_ones_stay_within_reach():
    save_model(a_card(1), a_network(1))
    save_model(a_card(2), a_network(2))
    save_model(a_card(10), a_network(3))
    assert load_model("mine").card.version == 10
    assert load_model("mine-2").card.version == 2
    assert next_version("mine") == 11


def test_a_superseded_model_keeps_its_card_and_is_not_offered():
    save_model(a_card(1), a_network(1))
    save_model(a_card(2), a_network(2))
    weights_path(own_directory() / "cards" / "mine-1.json").unlink()
    assert [card.version for card in list_models() if card.name == "mine"] == [2]
    with pytest.raises(ModelError, match="no model 'mine-1'"):
        load_model("mine-1")
    assert next_version("mine") == 3


def test_a_version_never_changes():
    save_model(a_card(), a_network())
    with pytest.raises(ModelError, match="a released version never changes"):
        save_model(a_card(), a_network(1))


def test_an_unknown_name_lists_those_there_are():
    save_model(a_card(), a_network())
    with pytest.raises(ModelError, match=r"no model 'yours' here. Models: .*mine"):
        load_model("yours")


def test_damaged_weights_are_refused():
    save_model(a_card(), a_network())
    path = weights_path(own_directory() / "cards" / "mine-1.json")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="sha256 differs"):
        load_model("mine")


@pytest.mark.parametrize("name", ["", "Mine", "a/../b", "/tmp/escaped", "my bach", "..", "autoregressive_cnn_bach"])
def test_names_that_lead_elsewhere_or_hide_a_shipped_model_are_refused(name):
    with pytest.raises(ModelError, match=r"small letters|comes with DeepComposer Lab"):
        save_model(a_card(name=name), a_network())
    assert not own_directory().exists()


def test_one_damaged_card_does_not_take_the_others_away():
    save_model(a_card(), a_network())
    broken = own_directory() / "cards" / "broken-1.json"
    broken.write_text("{")
    weights_path(broken).write_bytes(b"")
    with pytest.warns(UserWarning, match=r"broken-1\.json"):
        assert "mine" in {card.name for card in list_models()}
    with pytest.warns(UserWarning, match=r"broken-1\.json"):
        load_model("mine")


def test_encoding_and_network_must_fit():
    encoding = ImageEncoding().as_dict() | {"pitches": 48}
    save_model(a_card(encoding=encoding), a_network())
    with pytest.raises(ModelError, match="48 pitches"):
        load_model("mine")


def test_weights_of_another_network_are_refused():
    save_model(a_card(config=asdict(ARCNNConfig(widths=(4, 8, 8, 16), trunk_width=16))), a_network())
    with pytest.raises(ModelError, match="do not fit"):
        load_model("mine")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', '{"format": 99}'])
def test_a_damaged_card_is_named(tmp_path, text):
    path = tmp_path / "broken-1.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"broken-1\.json"):
        ModelCard.read(path)


def test_cards_are_readable_and_the_weights_that_ship_are_theirs():
    cards = sorted((MODELS_DIRECTORY / "cards").glob("*.json"))
    assert cards
    for path in cards:
        values = json.loads(path.read_text())
        assert path.stem == f"{values['name']}-{values['version']}"
        for needed in ("dataset", "recipe", "training", "metrics", "weights_sha256", "weights_bytes", "licence"):
            assert values[needed], f"{path.name} says nothing of {needed}"
    assert {card.name for card in list_models()} >= {"autoregressive_cnn_bach"}
    assert load_model("autoregressive_cnn_bach").card.weights_bytes < 10_000_000


# --- the GAN's generators -------------------------------------------------------------------------------------

POP = encoding_of("pop")
SIZES = MuseGANConfig(
    40,
    48,
    ("drums", "line", "chords", "chords"),
    (9, 28, 40, 40),
    (0, 24, 42, 46),
    4,
    8,
    8,
    8,
    3,
    3,
    2,
    2,
    8,
    (1, 1, 1, 2),
)


def a_generators_card(config=SIZES, encoding=POP):
    return a_card(name="band", technique="gan", network="musegan", config=asdict(config), encoding=encoding.as_dict())


def test_a_saved_generator_plays_as_it_did():
    torch.manual_seed(0)
    generator = Generator(SIZES).eval()
    save_model(a_generators_card(), generator)
    loaded = load_model("band")
    assert loaded.encoding == POP
    assert loaded.network.config == SIZES
    melody, noise = torch.zeros(1, 2, 40, 32), Noise.draw(SIZES, 1, 2)
    for one, other in zip(generator(melody, noise), loaded.network(melody, noise), strict=True):
        assert torch.allclose(one, other, atol=0.05)  # half precision on disk


def test_what_drums_call_their_lowest_pitch_is_all_the_same():
    config = replace(SIZES, track_lowest=(35, 24, 42, 46))
    save_model(a_generators_card(config), Generator(config))
    assert load_model("band").network.config == config


def test_a_card_from_before_there_were_strides_is_played_as_it_was():
    config = replace(SIZES, track_strides=(1, 1, 1, 1))
    card = a_generators_card(config)
    for window in card.encoding["tracks"]:
        del window["stride"]
    del card.config["track_strides"]
    save_model(card, Generator(config))
    assert load_model("band").network.config == config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"track_rows": (9, 28, 40, 36)}, r"track rows 9, 28, 40, 40, its network 9, 28, 40, 36"),
        ({"track_kinds": ("drums", "chords", "chords", "chords")}, "track kinds drums, line"),
        ({"track_lowest": (0, 24, 43, 46)}, "track lowest 24, 42, 46, its network 24, 43, 46"),
        ({"melody_rows": 36}, "melody rows 40, its network 36"),
        ({"melody_lowest": 50}, "melody lowest 48, its network 50"),
        ({"steps_per_beat": 6}, "steps per beat 4, its network 6"),
        ({"track_strides": (1, 1, 1, 1)}, "track strides 1, 1, 1, 2, its network 1, 1, 1, 1"),
    ],
)
def test_encoding_and_generator_must_fit(change, said):
    config = replace(SIZES, **change)
    save_model(a_generators_card(config), Generator(config))
    with pytest.raises(ModelError, match=said):
        load_model("band")


def test_bars_of_another_length_than_the_networks_are_refused():
    save_model(a_generators_card(encoding=BarsEncoding(POP.melody, POP.tracks, 4, 3)), Generator(SIZES))
    with pytest.raises(ModelError, match="12 steps a bar, its network 16"):
        load_model("band")


@pytest.mark.parametrize("changes", [{"config": asdict(SIZES) | {"colour": 3}}, {"encoding": {"melody": {}}}])
def test_a_generators_card_that_says_too_much_or_too_little_is_named(changes):
    save_model(replace(a_generators_card(), **changes), Generator(SIZES))
    with pytest.raises(ModelError, match="card of band-1"):
        load_model("band")
