"""MuseGAN on rock in five folds: where few songs are held out, every song is, once.

    deepcomposer-lab benchmark gan --folds

Freedoom's test part has eleven songs, and half of them lies 0.30 standard deviations from the other half: too far to
tell a good model from a middling one. So the recipe of the shipped model is followed five times, each time without a
fifth of the songs and of the tunes arranged for rock; each model accompanies the melodies of the Freedoom songs that it
never heard, and all excerpts are measured together. Arranged tunes are learnt from, and not measured here.

What is kept is a file of figures, and every run of the benchmark prints it.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepcomposer_lab.benchmarks import gan_table
from deepcomposer_lab.benchmarks.ar_cnn import estimated
from deepcomposer_lab.benchmarks.gan_rows import PIECES, SEEDS, Bench, accompanist
from deepcomposer_lab.benchmarks.held_out import held_out
from deepcomposer_lab.benchmarks.records import FOLDER, write_record
from deepcomposer_lab.datasets.songs import FOLDS, Song
from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.training.gan import GANTrainer
from deepcomposer_lab.training.recipes import MUSEGAN_ROCK, GANRecipe
from deepcomposer_lab.training.song_planes import BytePlanes, encoded_song, songs_of
from deepcomposer_lab.training.surroundings import surroundings

Report = Callable[[str], None]

FIGURES = FOLDER / "rock_folds.json"
MEASURED = "rock"
PREFIX = "musegan_rock.folds."


def run(
    report: Report = print,
    *,
    recipe: GANRecipe = MUSEGAN_ROCK,
    figures: Path = FIGURES,
    checkpoint: Path | None = None,
    songs: Sequence[Song] | None = None,
    measured: Sequence[Song] | None = None,
    pieces: int = PIECES,
    seeds: int = SEEDS,
) -> dict[str, Any]:
    """Train five models, score them on what they never heard, and write the figures file; return what it holds.

    Parameters
    ----------
    report : callable (line)
    recipe : GANRecipe
    figures : Path
    checkpoint : Path, optional
        The state of each training is kept beside it, `<name>.0` to `<name>.4`, and gone on from.
    songs, measured : sequence of Song, optional
        What is learnt from, and what is measured; each model leaves its fold of both out. The recipe's dataset and
        Freedoom's songs by default.
    pieces : int
        Excerpts of a fold.
    seeds : int
        Accompaniments of each.

    Returns
    -------
    dict
        `date`, `recipe`, `compute` (seconds by the clock, hardware, torch) and `figures`, those of a `Bench` named
        `musegan_rock.folds.…`, with `pieces` and `songs`.

    Raises
    ------
    ValueError
        When a fold has fewer than two songs with an excerpt.
    """
    songs = songs_of(recipe.dataset) if songs is None else songs
    measured = songs_of(MEASURED) if measured is None else measured
    benches: list[Bench] = []
    made: list[list[BytePlanes]] = [[] for _ in range(seeds)]
    seconds = 0.0
    for fold in range(FOLDS):
        heard = [song for song in songs if song.fold != fold]
        held = [song for song in measured if song.fold == fold]
        kept = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}.{fold}")
        trainer = GANTrainer(recipe, songs=heard, validation_songs=held, checkpoint=kept)
        for _ in trainer:
            pass
        seconds += trainer.seconds
        found = held_out(held, trainer.encoding, pieces=pieces)
        benches.append(Bench.of(found, [encoded_song(song, trainer.encoding) for song in heard], seeds=seeds))
        accompany = accompanist(trainer.model("musegan_rock_fold"))
        with one_thread():
            for seed, version in enumerate(made):
                version += accompany(found.melodies, seed)
        report(
            f"fold {fold + 1} of {FOLDS}: {len(heard)} songs learnt from, {len(held)} measured, {seconds:.0f} s so far"
        )
    bench = Bench.pooled(benches)
    counts = {"pieces": float(len(bench.held_out.excerpts)), "songs": float(bench.held_out.songs.max() + 1)}
    around = surroundings()
    record = {
        "recipe": recipe.as_dict(),
        "compute": {"seconds": round(seconds), "hardware": around["hardware"], "torch": around["torch"]},
        "figures": {
            f"{PREFIX}{name}": value
            for name, value in (estimated("", bench.data_figures() | bench.model_figures(made)) | counts).items()
        },
    }
    report(f"figures go to {figures.name}")
    return write_record(figures, record)


def lines(record: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the row of the folds."""
    yield ""
    yield "ROCK IN FIVE FOLDS: the recipe of musegan_rock, on songs of Freedoom, each held out once"
    if record is None:
        yield "   No figures yet: benchmark gan --folds trains five models, and keeps them."
        return
    figures = record["figures"]
    yield (
        f"   {record['date']}: {figures[f'{PREFIX}pieces']:.0f} excerpts from {figures[f'{PREFIX}songs']:.0f} songs; "
        f"five trainings took {record['compute']['seconds'] / 60:.0f} minutes"
    )
    yield from gan_table.summary(figures, PREFIX)
