"""How good the GANs' accompaniments are, on melodies that training never heard.

For each model, on eight-bar excerpts of its dataset's test songs:

1. *Like the data?* Every measure of every track, and `distance_sd` (accompaniment.py), beside the noise floor.
2. *With the melody?* Chord tones, consonances, tonal distance, and `fit_to_melody`, beside exchanged accompaniments.
3. *Of its own?* Diversity over seeds, and the nearest training bar (novelty.py).
4. *Speed* of composing, on one core.

Rows beside the model: the data itself; real accompaniments exchanged between melodies of one mode; an accompaniment
copied at random from a training song of the same mode; and half of the data against the other half. Everything is in C,
and real and generated music take the same way through the encoding.

*Excerpts.* Windows of eight bars, somewhere in a song (held_out.py); at most sixty, of songs spread over the test part.
With `split="validation"` they are of that part: settings compared on the test part flatter the one that is chosen.
Where there are fewer songs, each gives as many as its share. Windows in which the melody plays in fewer than four bars,
or nothing accompanies it, are left out. Intervals are 95 % bootstrap intervals over songs (intervals.py), and whole
songs are halved for the noise floor.

The original's architecture is trained and scored by original_gan.py, and rock in five folds by gan_folds.py; both stand
here from their files.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np

from deepcomposer_lab.benchmarks import gan_folds, gan_table, original_gan
from deepcomposer_lab.benchmarks.ar_cnn import estimated
from deepcomposer_lab.benchmarks.gan_rows import QUICK_SEEDS, SEEDS, Bench, accompanist, bench_of
from deepcomposer_lab.benchmarks.records import keep_figures, kept_figures, read_record
from deepcomposer_lab.benchmarks.running import Progress
from deepcomposer_lab.datasets import list_datasets
from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.models.registry import Model, list_models, load_model
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.techniques.gan import GAN
from deepcomposer_lab.training.recipes import MUSEGAN_BACH, UNET_BACH

Report = Callable[[str], None]

TECHNIQUE = "gan"
LENGTHS = (8, 64)
RUNS = 3


# --- Speed -----------------------------------------------------------------------------------------------------------


def composing_seconds(model: Model, runs: int = RUNS) -> dict[str, float]:
    """Return `speed.compose_8_bars_s` and `speed.compose_64_bars_s` of a model."""
    return {f"speed.compose_{bars}_bars_s": compose_seconds(model, bars, runs) for bars in LENGTHS}


def compose_seconds(model: Model, bars: int, runs: int = RUNS) -> float:
    """Return the seconds that composing takes a loaded model, on one core: `GAN.compose`, the median of some runs."""
    technique = GAN(model)
    melody = Melody(tuple(Note(float(beat), 60 + 2 * (beat % 5), 1.0) for beat in range(4 * bars)))
    spent = []
    with one_thread():
        for run in range(runs + 1):  # the first one lets torch choose its kernels
            began = time.perf_counter()
            technique.compose(melody, seed=run)
            spent.append(time.perf_counter() - began)
    return float(np.median(spent[1:]))


# --- Running -----------------------------------------------------------------------------------------------------


def run(
    *,
    quick: bool = False,
    report: Report = print,
    progress: Progress | None = None,
    model: str | None = None,
    models: Sequence[Model] | None = None,
    timed: bool = False,
    split: str = "test",
    kept: bool = False,
) -> dict[str, float]:
    """Run the benchmark over the GANs that are here.

    Parameters
    ----------
    quick : bool
        Few pieces, seeds and resamples.
    report : callable (line)
        Where the tables go.
    progress : callable (done, total, what), optional
        Told after each model.
    model : str, optional
        One model's name; by default the newest version of each, without snapshots of a training.
    models : sequence of Model, optional
        Loaded ones instead.
    timed : bool
        Whether trainers of ours on the chorales are timed beside the original's, which takes a minute.
    split : str
        "test", or "validation", on which settings are to be compared.
    kept : bool
        Whether the figures are kept in the package, for those who have a model but not its data.

    Returns
    -------
    dict of str to float
        `<model>.distance_sd`, `.noise_floor_sd`, `.fit_to_melody`, `.shuffled_fit_to_melody`, `.drum_in_pattern_gap`
        (points), `.diversity_ratio`, `.nearest_training_bar`, with `.low` and `.high` of their intervals;
        `<model>.model.<measure>`, `.data.…`, `.shuffled.…`, `.copied.…` every measure of a row;
        `speed.compose_8_bars_s`, `speed.compose_64_bars_s` the slowest model's; `original.…` the original's,
        `musegan_rock.folds.…` rock in five folds; where training is timed `<recipe>.speed.…` of each recipe and
        `speed.iteration_ratio_to_original` of the slowest, see `original_gan.iteration_ratios`.

    Raises
    ------
    ValueError
        When there is no such model, it is no GAN, or there is none at all; when figures shall be kept and the data is
        not here.
    """
    chosen = _models(model) if models is None else list(models)
    if kept:
        _check_data(chosen)
    figures: dict[str, float] = {}
    benches: dict[str, Bench] = {}
    original = read_record(original_gan.FIGURES)
    if original is not None:
        figures |= {name: float(value) for name, value in original["figures"].items()}
    for done, one in enumerate(chosen, start=1):
        name = one.card.name
        data = str(one.card.dataset["name"])
        if not _is_here(data):
            found = _kept(one, report)
        else:
            key = f"{data} {one.encoding.as_dict()}"
            if key not in benches:
                benches[key] = bench_of(data, one.encoding, quick=quick, split=split)
            found = measure(one, benches[key], quick=quick)
            for line in gan_table.of_model(found, one.card.stem, data, split):
                report(line)
            if kept:
                report(f"Figures kept in {keep_figures(one.card, found).name}")
        found |= composing_seconds(one, 1 if quick else RUNS)
        figures |= {f"{name}.{figure}": value for figure, value in found.items()}
        if progress is not None:
            progress(done, len(chosen), name)
    report("")
    for bars in LENGTHS:
        figure = f"speed.compose_{bars}_bars_s"
        figures[figure] = max(figures[f"{one.card.name}.{figure}"] for one in chosen)
        report(f"{bars} bars are composed in at most {figures[figure]:.3f} s, on one core")
    folds = read_record(gan_folds.FIGURES)
    if folds is not None:
        figures |= folds["figures"]
    for line in (*gan_folds.lines(folds), *original_gan.lines(original)):
        report(line)
    if timed:
        trainers = {recipe.name: original_gan.ours(recipe) for recipe in (MUSEGAN_BACH, UNET_BACH)}
        ratios = original_gan.iteration_ratios(trainers)
        figures |= ratios
        for line in original_gan.ratio_lines(ratios):
            report(line)
    return figures


def _models(name: str | None) -> list[Model]:
    if name is not None:
        model = load_model(name)
        if model.card.technique != TECHNIQUE:
            raise ValueError(f"{name} is a model of {model.card.technique}, not of {TECHNIQUE}.")
        return [model]
    names = dict.fromkeys(card.name for card in list_models() if card.technique == TECHNIQUE and not card.is_snapshot)
    if not names:
        raise ValueError("There is no model of the technique gan here yet; train one, or name a dataset's own.")
    return [load_model(name) for name in names]


def measure(model: Model, bench: Bench, *, quick: bool = False) -> dict[str, float]:
    """Return all figures of a model, the rows beside it among them, as flat numbers."""
    accompany = accompanist(model)
    with one_thread():
        made = [accompany(bench.held_out.melodies, seed) for seed in range(QUICK_SEEDS if quick else SEEDS)]
        figures = estimated("", bench.data_figures() | bench.model_figures(made))
    figures["pieces"], figures["songs"] = float(len(bench.held_out.excerpts)), float(len(set(bench.held_out.songs)))
    return figures


# --- Where the data does not ship --------------------------------------------------------------------------------


def _is_here(data: str) -> bool:
    return all(part in list_datasets() for part in data.split("+"))


def _check_data(models: Sequence[Model]) -> None:
    for model in models:
        data = str(model.card.dataset["name"])
        if not _is_here(data):
            raise ValueError(f"The figures of {model.card.stem} cannot be kept: its data, {data}, is not here.")


def _kept(model: Model, report: Report) -> dict[str, float]:
    """Say that a model's data is not here, and return the figures that were kept when it was."""
    card = model.card
    data = card.dataset["name"]
    record = kept_figures(card)
    if record is None:
        report(f"\n{card.stem}: its data, {data}, is not here, so it cannot be measured.")
        return {}
    report(f"\n{card.stem}: its data, {data}, is not here; figures of {record['date']}:")
    for line in islice(gan_table.of_model(record["figures"], card.stem, data), 1, None):
        report(line)
    return dict(record["figures"])
