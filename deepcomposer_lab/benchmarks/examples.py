"""Make the library of examples, and listen to it by numbers, beside Bach's own chorales.

Every example is composed with default settings and seed 1 from a melody that was settled before anything was heard
(deepcomposer_lab/examples/README.md). What nobody here can hear is measured:

| number | definition |
|---|---|
| `notes_added` | notes of the result that the melody does not have (onset, pitch and duration alike); of Bach: all below the soprano |
| `notes_kept`, `notes_kept_share` | notes of the melody that are still there, and their share |
| `notes_per_beat` … `parallel_octaves` | as benchmarks/harmony.py defines them |
| `out_of_scale` | share of notes outside the key, which is the one of 24 whose Krumhansl–Kessler profile correlates best with the time that each pitch class of the result sounds |
| `rms_dbfs`, `peak_dbfs` | level of the audio, a full-scale square wave being 0 dBFS in both |
| `silence_share` | share of the audio's 50 ms frames whose level is under −60 dBFS |

A *beat* is a quarter note, counted from the bar lines; in 6/8, 9/8 and 12/8 it is a dotted quarter. The audio of an
example is its Opus file, decoded; Bach's is rendered in the same way and with the same instrument, and not encoded.

The key found is the one that the dataset gives for 53 of the 77 test chorales; it is mostly a fifth away in the others,
which puts a few notes outside it. Bach's row is taken by the same rule, so compare with that and not with zero.

Lesson: notebooks/08_ar_cnn.ipynb.
"""  # noqa: E501

from __future__ import annotations

import io
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from deepcomposer_lab import examples, library, metrics, sound
from deepcomposer_lab.benchmarks import harmony
from deepcomposer_lab.benchmarks.harmony import STEPS_PER_BEAT, Texture
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.library import SavedComposition
from deepcomposer_lab.music.composition import Composition, as_composition
from deepcomposer_lab.music.files import write_atomically
from deepcomposer_lab.music.key import find_key
from deepcomposer_lab.music.note import PITCH_NAMES

Numbers = dict[str, float]
Report = Callable[[str], None]

SEED = 1
MODEL = "autoregressive_cnn_bach"
BACH = "bach.json"  # the reference row, beside the examples: it hangs on no model

SILENCE_DBFS = -60.0
FRAME_SECONDS = 0.05


# -------------------------------------------------------------------------------- the numbers


@dataclass(frozen=True)
class _DottedQuarterBeats(Texture):
    """A texture whose beats are dotted quarters, counted from the bar lines."""

    @property
    def beats(self) -> list[int]:
        length = STEPS_PER_BEAT * 3 // 2
        edges = [*self.bars, self.steps]
        starts = {self.steps}
        for index, (bar, following) in enumerate(pairwise(edges)):
            # A pickup is the end of a bar: its beats are counted back from the bar line.
            first = (following - bar) % length if index == 0 and len(edges) > 2 else 0
            starts |= {bar, *range(bar + first, following, length)}
        return sorted(starts)


def texture_of(composition: Composition) -> Texture:
    """Return a composition's texture with the beats of its first metre: dotted quarters in 6/8, 9/8 and 12/8."""
    texture = Texture.of(composition)
    metre = composition.metres[0]
    if metre.denominator == 8 and metre.numerator % 3 == 0 and metre.numerator > 3:
        return _DottedQuarterBeats(texture.voices, texture.steps, texture.bars)
    return texture


def note_numbers(given: Composition, made: Composition) -> Numbers:
    """Return what is counted on the notes of a result, beside what it was made from."""
    before, after = (Counter(_keys(piece)) for piece in (given, made))
    kept = (before & after).total()
    texture = texture_of(made)
    return {
        "notes_added": (after - before).total(),
        "notes_kept": kept,
        "notes_kept_share": kept / before.total(),
        "notes_per_beat": harmony.notes_per_beat(texture),
        "triad_or_seventh_share": harmony.triad_or_seventh_share(texture),
        "dissonant_beats": harmony.dissonant_beats(texture),
        "parallel_fifths": harmony.parallels(texture, 7),
        "parallel_octaves": harmony.parallels(texture, 0),
        "out_of_scale": harmony.out_of_scale(texture, find_key(made)),
    }


def _keys(piece: Composition) -> Iterable[tuple[float, int, float]]:
    for track in piece.tracks:
        for note in () if track.is_drum else track.notes:
            yield round(note.onset, 6), note.pitch, round(note.duration, 6)


def audio_numbers(audio: NDArray[np.float32], sample_rate: int) -> Numbers:
    """Return level and silence of audio, shape (samples, channels), in [−1, 1]."""
    frame = round(FRAME_SECONDS * sample_rate)
    whole = len(audio) // frame * frame
    power = np.square(audio, dtype=np.float64).mean(axis=1)
    frames = power[:whole].reshape(-1, frame).mean(axis=1)
    return {
        "seconds": len(audio) / sample_rate,
        "rms_dbfs": _decibels(float(np.sqrt(power.mean()))),
        "peak_dbfs": _decibels(float(np.abs(audio).max())),
        "silence_share": float((frames < 10 ** (SILENCE_DBFS / 10)).mean()),
    }


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(max(amplitude, 1e-6)))  # −120 dBFS stands for digital silence


def mean_of(rows: Sequence[Mapping[str, float]]) -> Numbers:
    """Return the mean of each number over rows."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


# -------------------------------------------------------------------------------- making


def make(directory: Path = examples.FOLDER, *, model: str = MODEL, report: Report = print) -> list[SavedComposition]:
    """Compose, render and measure every example, and write each as a .json, a .mid and an .opus.

    What is there is replaced once all eight are made. Bach's reference row is measured where its file is missing.

    Parameters
    ----------
    directory : path
        The package's own examples unless told otherwise; it must exist.
    model : str
        A trained AR-CNN model by name.
    report : callable (str)
        Called with one line an example.

    Returns
    -------
    list of SavedComposition
        As `list_examples`.

    Raises
    ------
    ValueError
        When there is no such model.
    OSError
        When the directory cannot be written.
    """
    from deepcomposer_lab.techniques.ar_cnn import ARCNN

    technique = ARCNN.from_pretrained(model)
    directory = Path(directory)
    files: dict[str, bytes] = {}
    for name in examples.names():
        melody = examples.example_melody(name)
        files |= _made(name, as_composition(melody), technique.compose(melody, seed=SEED))
        report(f"{name}: composed with {technique.model.card.stem}, rendered and measured")
    for name, data in files.items():
        write_atomically(directory / name, data)
    if not (directory / BACH).is_file():
        report("Bach's own chorales: rendering and measuring the 77 test pieces")
        write_atomically(directory / BACH, (json.dumps(bach(), indent=2) + "\n").encode())
    return examples.list_examples(directory)


def _made(name: str, given: Composition, made: Composition) -> dict[str, bytes]:
    """Return an example's three files by name."""
    opus = sound.to_opus(made, mono=True)
    numbers = note_numbers(given, made) | audio_numbers(*_decoded(opus))
    measured = metrics.evaluate(made, *_key_names(made)).as_dict() | {"listening": numbers}
    with tempfile.TemporaryDirectory() as folder:
        saved = library.save_composition(made, metrics=measured, directory=folder)
        content: dict[str, Any] = json.loads(saved.path.read_bytes()) | {"id": name}
        midi = saved.midi_path.read_bytes()
    return {f"{name}.mid": midi, f"{name}.opus": opus, f"{name}.json": (json.dumps(content) + "\n").encode()}


def _key_names(composition: Composition) -> tuple[str, str]:
    tonic, mode = find_key(composition)
    return PITCH_NAMES[tonic], ("major", "minor")[mode]


def _decoded(opus: bytes) -> tuple[NDArray[np.float32], int]:
    return soundfile.read(io.BytesIO(opus), dtype="float32", always_2d=True)


def bach(pieces: int | None = None) -> dict[str, Any]:
    """Return the mean numbers of the test chorales as Bach wrote them, soprano given; of the first so many, or all."""
    rows = []
    for piece in load_dataset("bach_chorales").pieces("test")[:pieces]:
        whole = piece.to_composition()
        audio, rate = sound.render(whole)
        rows.append(bach_note_numbers(whole) | audio_numbers(sound.to_mono(audio), rate))
    return {"pieces": len(rows), "numbers": mean_of(rows)}


def bach_note_numbers(whole: Composition) -> Numbers:
    """Return what is counted on a chorale's notes, its soprano taken for the melody."""
    soprano = whole.tracks[0]
    return note_numbers(whole.with_tracks([soprano]), whole) | {
        "notes_added": sum(len(track.notes) for track in whole.tracks[1:]),
        "notes_kept": len(soprano.notes),
    }


# -------------------------------------------------------------------------------- the table

_COLUMNS = (
    # name, heading, how it is written
    ("seconds", "seconds", "{:.0f}"),
    ("notes_added", "added", "{:.0f}"),
    ("notes_kept_share", "kept", "{:.0%}"),
    ("notes_per_beat", "notes/beat", "{:.2f}"),
    ("triad_or_seventh_share", "chords", "{:.0%}"),
    ("dissonant_beats", "dissonant", "{:.0%}"),
    ("parallel_fifths", "fifths", "{:.2f}"),
    ("parallel_octaves", "octaves", "{:.2f}"),
    ("out_of_scale", "off-scale", "{:.1%}"),
    ("rms_dbfs", "RMS", "{:.1f}"),
    ("peak_dbfs", "peak", "{:.1f}"),
    ("silence_share", "silence", "{:.0%}"),
)
_LEGEND = """\
seconds of sound; notes added; share of the melody's notes kept; notes a beat; beats that form a triad or seventh;
dissonant beats; parallel fifths and octaves a bar; notes outside the key (Krumhansl-Kessler); level in dBFS; silence.
A beat is a quarter note, in 6/8 a dotted quarter."""


def table(directory: Path = examples.FOLDER) -> list[str]:
    """Return the examples' numbers as lines of text, with their mean and Bach's own.

    Raises
    ------
    ValueError
        When no example has been made.
    """
    saved = examples.list_examples(directory)
    if not saved:
        raise ValueError("No example has been made yet; `deepcomposer-lab examples --make` makes them.")
    rows = [(one.id, dict((one.metrics or {})["listening"])) for one in saved]
    rows.append((f"mean of {len(saved)}", mean_of([numbers for _, numbers in rows])))
    reference = Path(directory) / BACH
    if reference.is_file():
        found = json.loads(reference.read_text(encoding="utf-8"))
        rows.append((f"Bach, {found['pieces']} chorales", found["numbers"]))
    width = max(len(name) for name, _ in rows)
    heading = " ".join([" " * width, *(heading for _, heading, _ in _COLUMNS)])
    lines = [
        " ".join([label.ljust(width), *(form.format(row[name]).rjust(len(head)) for name, head, form in _COLUMNS)])
        for label, row in rows
    ]
    return [*_provenance(saved), "", heading, *lines, "", *_LEGEND.splitlines()]


def _provenance(saved: Sequence[SavedComposition]) -> list[str]:
    """Return one line a model, version and seed that the examples were made with."""
    steps = [library.open_composition(one).steps[-1] for one in saved]
    made = Counter((step.model, step.version, step.seed) for step in steps)
    return [f"{count} examples by {model}-{version}, seed {seed}" for (model, version, seed), count in made.items()]
