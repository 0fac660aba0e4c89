"""What the Music studio offers: techniques with their models and parameters, sample melodies, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deepcomposer_lab.music.key import MODES, key_name
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

if TYPE_CHECKING:
    from deepcomposer_lab.models.registry import ModelCard
    from deepcomposer_lab.techniques.technique import Choice, Parameter

TEMPO = (40, 160)  # the original's limits, in beats a minute
PITCH = (-12, 12)  # and in semitones
GRID = (1 / 64, 16)  # of Rhythm assist, in beats

GRIDS = (("1/4 note", 1.0), ("1/8 note", 0.5), ("1/16 note", 0.25), ("1/32 note", 0.125))

# name, what it does, its own name, one sentence
_TECHNIQUES = (
    ("ar-cnn", "Edit it", "AR-CNN", "Adds and removes single notes until your melody sounds more like a Bach chorale."),
    ("gan", "Accompany it", "GANs", "Keeps your melody as it is and writes the band around it: drums, bass, chords."),
    ("transformers", "Continue it", "Transformers", "Reads your music note by note and writes what could come next."),
)
_ALGORITHMS = (("musegan", "MuseGAN"), ("unet_gan", "U-Net"))

# Names of the shipped models, as people read them; others are shown by their own name.
_LABELS = {
    "autoregressive_cnn_bach": "AutoregressiveCNN Bach",
    "transformer_xl_classical": "TransformerXLClassical",
    "musegan_rock": "Rock",
    "musegan_pop": "Pop",
    "musegan_jazz": "Jazz",
    "musegan_symphony": "Symphony",
    "musegan_bach": "Bach",
    "unet_pop": "Pop",
    "unet_bach": "Bach",
}

_LEARNT_FROM = {
    "bach_chorales": "Bach's chorales",
    "rock": "rock songs",
    "rock+rock_arranged": "rock songs and arranged folk tunes",
    "pop": "folk tunes arranged as pop",
    "jazz": "folk tunes arranged as jazz",
    "string_quartets": "string quartets",
    "classical": "songs, quartets and chorales",
}

_STEPS = {"creative_risk": 0.05, "sampling_threshold": 0.005, "maximum_rest_time": 0.1, "maximum_note_length": 0.1}

_KEYS = [key_name((tonic, mode)) for mode in range(len(MODES)) for tonic in range(12)]
_GAN_CONTROLS: tuple[dict[str, Any], ...] = (
    {
        "name": "tracks",  # and, beside each of them, "instruments" and "track_seeds"
        "label": "Tracks",
        "kind": "band",
        "default": None,
        "help": "Which tracks are added, on which instruments; leaving one out changes no other.",
    },
    {
        "name": "key",
        "label": "Key",
        "kind": "choice",
        "default": None,
        "choices": [{"value": "", "label": "As it is found"}, *({"value": key, "label": key} for key in _KEYS)],
        "help": "The model hears everything in C; a wrong key gives wrong chords.",
    },
    {
        "name": "keep_tracks",
        "label": "Keep the other tracks",
        "kind": "switch",
        "default": True,
        "help": "Whether what is already beside the melody stays.",
    },
    {
        "name": "blend",
        "label": "Blend",
        "kind": "blend",
        "default": None,
        "help": "How far to go from this seed towards another one's music.",
    },
)
_AR_CNN_CONTROLS: tuple[dict[str, Any], ...] = (
    {
        "name": "keep_melody",
        "label": "Keep the melody",
        "kind": "switch",
        "default": False,
        "help": "On: none of your notes is removed.",
    },
    {
        "name": "choir",
        "label": "For a choir",
        "kind": "switch",
        "default": False,
        "help": "On: what is added can be sung by alto, tenor and bass.",
    },
)


def inputs() -> dict[str, Any]:
    """Return what can be chosen before any technique: sample melodies and limits; loads no torch."""
    return {
        "samples": [_sample(name) for name in list_sample_melodies()],
        "limits": {"tempo": list(TEMPO), "pitch": list(PITCH)},
        "grids": [{"label": label, "value": value} for label, value in GRIDS],
        "techniques": [],
    }


def techniques() -> list[dict[str, Any]]:
    """Return the techniques, with their models and parameters; loads torch."""
    from deepcomposer_lab.models.registry import list_models

    cards = [card for card in list_models() if not card.is_snapshot]
    return [_technique(row, [card for card in cards if card.technique == row[0]]) for row in _TECHNIQUES]


def model_label(name: str) -> str:
    """Return a model's name as people read it."""
    return _LABELS.get(name, name.replace("_", " "))


def short_label(name: str) -> str:
    """Return a model's name where its technique's stands beside it: "Bach"."""
    return model_label(name).removeprefix("AutoregressiveCNN ").removeprefix("TransformerXL")


def technique_label(name: str) -> str:
    """Return a technique's own name: "AR-CNN"."""
    return next((label for technique, _, label, _ in _TECHNIQUES if technique == name), name)


def learnt_from(dataset: Mapping[str, Any]) -> str:
    """Return what a model learnt from, in words."""
    name = str(dataset.get("name", ""))
    return _LEARNT_FROM.get(name) or str(dataset.get("title") or name.replace("_", " "))


def _technique(row: tuple[str, str, str, str], cards: Sequence[ModelCard]) -> dict[str, Any]:
    name, verb, label, sentence = row
    newest = {card.name: card for card in sorted(cards, key=lambda card: card.version)}
    models = [_model(card) for card in newest.values()]
    known = list(_LABELS)
    models.sort(key=lambda model: (model["own"], known.index(model["name"]) if model["name"] in known else 99))
    algorithms = []
    if name == "gan":
        present = {model["algorithm"] for model in models}
        algorithms = [{"name": algorithm, "label": text} for algorithm, text in _ALGORITHMS if algorithm in present]
    return {
        "name": name,
        "verb": verb,
        "label": label,
        "sentence": sentence,
        "learnt_from": ", ".join(dict.fromkeys(model["label"] for model in models if not model["own"]))
        if name == "gan"
        else (models[0]["learnt_from"] if models else ""),
        "algorithms": algorithms,
        "models": models,
        "parameters": _parameters(name),
        "seconds": None,
    }


def _model(card: ModelCard) -> dict[str, Any]:
    from deepcomposer_lab.models.registry import MODELS_DIRECTORY, find_card

    return {
        "name": card.name,
        "label": model_label(card.name),
        "description": card.description,
        "algorithm": card.network if card.technique == "gan" else None,
        "own": MODELS_DIRECTORY not in find_card(card.name).parents,
        "learnt_from": learnt_from(card.dataset),
        "band": _band(card),
        "dataset": str(card.dataset.get("name", "")),
    }


def _band(card: ModelCard) -> list[dict[str, Any]]:
    """Return what a GAN can add: a role and its General MIDI program, None for drums."""
    if card.technique != "gan":
        return []
    return [
        {"role": track["role"], "program": None if track["kind"] == "drums" else track["program"]}
        for track in card.encoding.get("tracks", ())
    ]


def _parameters(name: str) -> list[dict[str, Any]]:
    if name == "gan":
        return [*map(dict, _GAN_CONTROLS)]
    if name == "ar-cnn":
        from deepcomposer_lab.techniques.ar_cnn import PARAMETERS

        return [*map(_parameter, PARAMETERS), *map(dict, _AR_CNN_CONTROLS)]
    from deepcomposer_lab.techniques.transformers import Transformers

    return [*map(_parameter, Transformers.parameters)]


def _parameter(control: Parameter | Choice) -> dict[str, Any]:
    from deepcomposer_lab.techniques.technique import Choice

    sentence = control.help[:1].upper() + control.help[1:]
    values: dict[str, Any] = {
        "name": control.name,
        "label": control.label,
        "default": control.default,
        "help": sentence if sentence.endswith(".") else f"{sentence}.",
    }
    if isinstance(control, Choice):
        choices = [{"value": value, "label": value.replace("_", " ").capitalize()} for value in control.choices]
        return values | {"kind": "choice", "choices": choices}
    step = 1 if isinstance(control.default, int) else _STEPS.get(control.name, 0.5 if control.unit == "seconds" else 1)
    span = {"minimum": control.minimum, "maximum": control.maximum, "step": step, "unit": control.unit}
    return values | {"kind": "number"} | span


def _sample(name: str) -> dict[str, Any]:
    melody = sample_melody(name)
    bars = max(1, round((melody.end - melody.pickup) / melody.metre.bar_beats + 0.49))
    return {"name": name, "title": melody.title, "bars": bars, "metre": str(melody.metre), "notes": len(melody.notes)}
