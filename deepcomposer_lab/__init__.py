"""DeepComposer Lab: play a melody, let a neural network compose with it, and see how.

`import deepcomposer_lab as dc` gives every name a notebook writes. Names are resolved when they are first used
(PEP 562), so the import itself loads neither torch nor music21 and takes a fraction of a second.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> (module, attribute); attribute None means the module itself
_PUBLIC: dict[str, tuple[str, str | None]] = {
    "Note": ("music.note", "Note"),
    "pitch_name": ("music.note", "pitch_name"),
    "Melody": ("music.melody", "Melody"),
    "MetreChange": ("music.metre", "MetreChange"),
    "TempoChange": ("music.metre", "TempoChange"),
    "Span": ("music.span", "Span"),
    "Track": ("music.composition", "Track"),
    "Composition": ("music.composition", "Composition"),
    "PianoRoll": ("music.pianoroll", "PianoRoll"),
    "rhythm_assist": ("music.rhythm_assist", "rhythm_assist"),
    "MidiError": ("music.midi", "MidiError"),
    "read_midi": ("music.midi", "read_midi"),
    "write_midi": ("music.midi", "write_midi"),
    "melody_of": ("music.midi", "melody_of"),
    "choose_melody": ("music.midi", "choose_melody"),
    "read_musicxml": ("music.musicxml", "read_musicxml"),
    "transcribe": ("music.transcribe", "transcribe"),
    "transcription": ("music.transcribe", "transcription"),
    "Microphone": ("widgets.microphone", "Microphone"),
    "VirtualKeyboard": ("widgets.virtual_keyboard", "VirtualKeyboard"),
    "Upload": ("widgets.upload", "Upload"),
    "sample_melody": ("music.samples", "sample_melody"),
    "list_sample_melodies": ("music.samples", "list_sample_melodies"),
    "metrics": ("metrics", None),
    "sound": ("sound", None),
    "datasets": ("datasets", None),
    "load_dataset": ("datasets", "load_dataset"),
    "load_model": ("models.registry", "load_model"),
    "list_models": ("models.registry", "list_models"),
    "recipes": ("training.recipes", None),
    "ARCNN": ("techniques.ar_cnn", "ARCNN"),
    "GAN": ("techniques.gan", "GAN"),
    "Transformers": ("techniques.transformers", "Transformers"),
    "library": ("library", None),
    "list_compositions": ("library", "list_compositions"),
    "open_composition": ("library", "open_composition"),
    "list_examples": ("examples", "list_examples"),
    "open_example": ("examples", "open_example"),
    "example_melody": ("examples", "example_melody"),
    "PianoRollEditor": ("widgets.piano_roll_editor", "PianoRollEditor"),
    "Player": ("widgets.player", "Player"),
    "MusicStudio": ("music_studio", "MusicStudio"),
    "compose": ("studio", "compose"),
    "show": ("studio", "show"),
    "play": ("studio", "play"),
    "show_edits": ("studio", "show_edits"),
    "explain": ("studio", "explain"),
    "show_features": ("studio", "show_features"),
    "explain_tokens": ("studio", "explain_tokens"),
    "show_attention": ("studio", "show_attention"),
    "show_next_tokens": ("studio", "show_next_tokens"),
    "train": ("studio", "train"),
    "stop_training": ("studio", "stop_training"),
    "MetricPlayground": ("studio", "metric_playground"),
    "export": ("studio", "export"),
    "check_setup": ("studio", "check_setup"),
}

__all__ = sorted([*_PUBLIC, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'deepcomposer_lab' has no attribute {name!r}")
    module_name, attribute = _PUBLIC[name]
    module = importlib.import_module(f"deepcomposer_lab.{module_name}")
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
