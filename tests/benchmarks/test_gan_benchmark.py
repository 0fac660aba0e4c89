"""The GAN benchmark: the rows of real music, and an untrained generator that must come out badly."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from deepcomposer_lab.benchmarks import gan, gan_folds, gan_rows, original_gan, records
from deepcomposer_lab.benchmarks.ar_cnn import estimated
from deepcomposer_lab.benchmarks.gan_rows import Bench, bench_of
from deepcomposer_lab.benchmarks.held_out import held_out, windows
from deepcomposer_lab.benchmarks.records import read_record
from deepcomposer_lab.encoding.bars import SOUND, BarsEncoding, encoding_of
from deepcomposer_lab.models.registry import MODELS_DIRECTORY, Model, ModelCard
from deepcomposer_lab.networks.musegan import Generator, MuseGANConfig
from deepcomposer_lab.networks.original_gan import OriginalGANConfig, OriginalGenerator
from deepcomposer_lab.training import recipes
from deepcomposer_lab.training.gan import GANTrainer
from deepcomposer_lab.training.song_planes import chorale_songs, encoded_song, songs_of

ENCODING = encoding_of("bach")
SMALL = original_gan.OriginalGANRecipe(config=OriginalGANConfig(widths=(2, 4, 4, 8)), batch_size=4, update_ratio=2)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return bench_of("bach_chorales", ENCODING, quick=True)


def untrained(encoding: BarsEncoding = ENCODING, data: str = "bach_chorales") -> Model:
    config = MuseGANConfig(**encoding.sizes(), bar_width=16, beat_width=16, step_width=8)
    torch.manual_seed(0)
    network = Generator(config)
    for head in network.heads:  # an untrained one that plays: in the middle between silence and noise
        torch.nn.init.zeros_(head.bias)  # type: ignore[arg-type]
    card = ModelCard(
        "musegan_untrained", 1, "gan", "musegan", dataclasses.asdict(config), encoding.as_dict(), {"name": data},
        {}, {}, {}, 0,
    )  # fmt: skip
    return Model(card, network.eval(), encoding)


def test_excerpts_are_windows_of_songs_that_have_a_melody() -> None:
    found = held_out("rock", encoding_of("rock"), pieces=30)
    songs, counts = np.unique(found.songs, return_counts=True)
    assert len(songs) == 11
    assert counts.max() <= 2
    for melody, excerpt in zip(found.melodies, found.excerpts, strict=True):
        assert excerpt.bars == 8
        assert melody[SOUND].any(axis=0).reshape(8, -1).any(axis=1).sum() >= 4
    few = held_out("bach_chorales", ENCODING, pieces=10)
    assert len(few.excerpts) == 10
    assert len(set(few.songs)) == 10
    again = held_out("bach_chorales", ENCODING, pieces=10)
    assert all(np.array_equal(one, other) for one, other in zip(few.tracks, again.tracks, strict=True))
    with pytest.raises(ValueError, match="Two songs"):
        held_out(chorale_songs("test")[:1], ENCODING, pieces=10)
    song = encoded_song(chorale_songs("test")[0], ENCODING)
    assert windows(song, ENCODING)[0] == 0


def test_the_data_against_itself_is_at_no_distance_and_repeats_nothing(bench: Bench) -> None:
    figures = estimated("", bench.model_figures([bench.held_out.tracks]))
    assert figures["distance_sd"] == figures["fit_to_melody"] == 0
    assert figures["silent_tracks"] == figures["solid_tracks"] == 0
    data = estimated("", bench.data_figures())
    assert figures["nearest_training_bar"] == data["nearest_training_bar.real"] > 0.3
    assert "drum_in_pattern_gap" not in figures  # a choir has no drums


def test_a_copied_accompaniment_is_like_the_data_fits_badly_and_is_known_by_heart(bench: Bench) -> None:
    data = estimated("", bench.data_figures())
    assert data["copied.distance_sd"] < 2 * data["noise_floor_sd"]
    assert data["copied.fit_to_melody"] == pytest.approx(data["shuffled_fit_to_melody"], rel=0.3)
    assert data["shuffled_fit_to_melody"] > 1.5
    training = encoded_song(songs_of("bach_chorales", "train")[0], ENCODING).tracks[..., : 8 * 16]
    every = bench_of("bach_chorales", ENCODING)
    one = estimated("", every.model_figures([[training] * len(every.held_out.tracks)] * 2))
    assert one["nearest_training_bar"] == 0
    assert one["diversity_ratio"] == 0


def test_an_untrained_generator_is_far_from_data_and_melody(bench: Bench) -> None:
    accompany = gan_rows.accompanist(untrained())
    made = [accompany(bench.held_out.melodies, seed) for seed in range(2)]
    again = accompany(bench.held_out.melodies, 1)
    assert all(np.array_equal(one, other) for one, other in zip(made[1], again, strict=True))
    figures = estimated("", bench.model_figures(made) | bench.data_figures())
    assert figures["distance_sd"] > 2
    assert figures["distance_sd"] > 5 * figures["noise_floor_sd"]
    assert figures["fit_to_melody"] > 0.9 * figures["shuffled_fit_to_melody"]


def test_the_run_prints_a_table_of_a_hundred_columns_and_gives_flat_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setattr(gan, "LENGTHS", (8,))
    monkeypatch.setattr(gan_rows, "QUICK_BARS", 500)
    monkeypatch.setattr(gan_rows, "QUICK_RESAMPLES", 20)
    rock = encoding_of("rock")
    lines: list[str] = []
    done: list[tuple[int, int, str]] = []
    figures = gan.run(
        quick=True,
        report=lines.append,
        progress=lambda *told: done.append(told),
        models=[untrained(rock, "rock")],
    )
    assert max(map(len, lines)) <= 100
    assert done == [(1, 1, "musegan_untrained")]
    for name in (
        "distance_sd", "noise_floor_sd", "fit_to_melody", "shuffled_fit_to_melody", "drum_in_pattern_gap",
        "diversity_ratio", "nearest_training_bar",
    ):  # fmt: skip
        value, low, high = (figures[f"musegan_untrained.{name}{part}"] for part in ("", ".low", ".high"))
        assert low <= high, name
        assert np.isfinite(value), name
    assert figures["speed.compose_8_bars_s"] > 0
    json.dumps(figures, allow_nan=False)
    assert "musegan_untrained-1" in lines[1]
    assert any(line.startswith("   drums, drum in pattern") for line in lines)


def test_where_the_data_is_not_here_the_kept_figures_are_printed(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for module, name in ((gan, "LENGTHS"), (gan_rows, "QUICK_BARS"), (gan_rows, "QUICK_RESAMPLES")):
        monkeypatch.setattr(module, name, (8,) if name == "LENGTHS" else 20)
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    model = untrained()
    measured, printed = {}, {}
    for there in (["bach_chorales"], []):
        monkeypatch.setattr(gan, "list_datasets", lambda there=there: there)
        printed[bool(there)] = lines = []
        measured[bool(there)] = gan.run(quick=True, report=lines.append, models=[model], kept=bool(there))
    told = {name for name in measured[True] if "speed" not in name}
    assert {name: measured[False][name] for name in told} == {name: measured[True][name] for name in told}
    assert f"is not here; figures of {date.today().isoformat()}" in printed[False][0]
    assert printed[False][1:9] == printed[True][1:9]
    with pytest.raises(ValueError, match="cannot be kept"):
        gan.run(quick=True, report=lines.append, models=[model], kept=True)
    # Another training's figures are not this one's.
    other = Model(dataclasses.replace(model.card, weights_sha256="another"), model.network, model.encoding)
    lines = []
    assert "musegan_untrained.distance_sd" not in gan.run(quick=True, report=lines.append, models=[other])
    assert "cannot be measured" in lines[0]


def test_no_model_and_a_model_of_another_technique_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="is a model of ar-cnn"):
        gan.run(model="autoregressive_cnn_bach")
    monkeypatch.setattr(gan, "list_models", lambda: [dataclasses.replace(untrained().card, extra={"snapshot_of": "x"})])
    with pytest.raises(ValueError, match="no model of the technique gan"):
        gan.run()


# --- The original ------------------------------------------------------------------------------------------------


def test_the_original_hears_two_bars_in_c() -> None:
    songs = chorale_songs("validation")[:2]
    rolls = original_gan.rolls_of(songs, OriginalGANConfig())
    assert rolls.shape == (sum(song.bars - 1 for song in songs), 4, 32, 128)
    assert set(np.unique(rolls)) == {-1, 1}
    melody = encoded_song(songs[0], ENCODING).melody[SOUND, :, :32]  # rows from MIDI 48 on
    assert np.array_equal(rolls[0, 0, :, 48:88].T == 1, melody == 1)


def test_the_original_accompanies_eight_bars(bench: Bench) -> None:
    network = OriginalGenerator(SMALL.config).eval()
    made = original_gan.accompany(network, bench.held_out.melodies[:2], ENCODING, 0)
    assert [planes.shape for planes in made] == [(2, ENCODING.rows, 128)] * 2
    again = original_gan.accompany(network, bench.held_out.melodies[:2], ENCODING, 0)
    assert np.array_equal(made[0], again[0])


def test_the_original_is_trained_scored_and_kept(bench: Bench, tmp_path) -> None:
    songs, file, lines = chorale_songs("validation")[:4], tmp_path / "figures.json", []
    kept = tmp_path / "state.pt"
    arguments = {"songs": songs, "recipe": SMALL, "bench": bench, "figures": file, "seeds": 2}
    record = original_gan.run(0.2, kept, lines.append, **arguments)
    assert record == read_record(file)
    assert record["compute"]["updates"] > 0
    assert record["figures"]["original.distance_sd"] > 1
    # It goes on from where it was kept: nothing is left to do.
    assert original_gan.run(0.2, kept, lines.append, **arguments)["weights"] == record["weights"]
    assert max(map(len, original_gan.lines(record))) <= 100
    assert any("no figures yet" in line.lower() for line in original_gan.lines(None))
    with pytest.raises(ValueError, match="another batch_size: 4, not 64"):
        original_gan.OriginalGANTrainer(
            original_gan.OriginalGANRecipe(config=SMALL.config), checkpoint=kept, songs=songs
        )
    kept.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="no checkpoint"):
        original_gan.OriginalGANTrainer(SMALL, checkpoint=kept, songs=songs)


def test_any_trainer_can_be_timed_beside_the_original() -> None:
    class Counted:
        def __init__(self, update_ratio: int) -> None:
            self.recipe = SimpleNamespace(update_ratio=update_ratio)
            self.steps = {"discriminator": 0, "generator": 0}

        def discriminator_step(self) -> None:
            self.steps["discriminator"] += 1
            sum(range(20_000))

        def generator_step(self) -> None:
            self.steps["generator"] += 1
            sum(range(20_000))

    trainers = {"one": Counted(1), "three": Counted(3)}
    original = original_gan.OriginalGANTrainer(SMALL, songs=chorale_songs("validation")[:2])
    found = original_gan.iteration_ratios(trainers, original=original, rounds=2)
    assert trainers["one"].steps == {"discriminator": 3, "generator": 3}
    assert trainers["three"].steps == {"discriminator": 9, "generator": 3}
    assert original.updates == 3
    for name, share in (("one", 2 / 3), ("three", 4 / 3)):  # of the original's three updates an iteration
        expected = found["speed.original.iteration_s"] / found[f"{name}.speed.iteration_s"]
        assert found[f"{name}.speed.iteration_ratio_to_original"] == pytest.approx(expected)
        assert found[f"{name}.speed.update_ratio_to_original"] == pytest.approx(expected * share)
    for figure in ("speed.iteration_ratio_to_original", "speed.update_ratio_to_original"):
        assert found[figure] == min(found[f"one.{figure}"], found[f"three.{figure}"])
    one, three = original_gan.ratio_lines(found)
    assert " one " in one
    assert f"{found['three.speed.update_ratio_to_original']:.1f} times as long as three" in three


def test_ours_is_timed_with_batches_as_large_as_the_originals() -> None:
    songs = chorale_songs("validation")[:2]
    trainer = original_gan.ours(recipes.MUSEGAN_TINY, songs=songs)
    melody, _ = trainer.crops.batch(range(2))
    assert trainer.recipe.batch_size * trainer.recipe.crop_bars == 128
    assert melody.shape[-1] == 2 * ENCODING.steps_per_bar


def test_settings_can_be_compared_on_songs_that_are_not_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gan_rows, "QUICK_BARS", 100)
    heard = {}
    for split in ("test", "validation"):
        bench = bench_of("bach_chorales", ENCODING, quick=True, split=split)
        heard[split] = {planes.tobytes() for planes in bench.held_out.melodies}
        own = {planes.tobytes() for planes in held_out("bach_chorales", ENCODING, pieces=16, split=split).melodies}
        assert heard[split] == own
    assert not heard["test"] & heard["validation"]


def test_pooled_benches_are_as_one_and_each_piece_knows_its_own_training_bars() -> None:
    songs = [song for song in chorale_songs("train") if windows(encoded_song(song, ENCODING), ENCODING)][:12]
    training = [[encoded_song(song, ENCODING) for song in songs[start : start + 6]] for start in (6, 0)]
    halves = [held_out(songs[start : start + 6], ENCODING, pieces=6) for start in (0, 6)]
    benches = [Bench.of(half, heard, seeds=2) for half, heard in zip(halves, training, strict=True)]
    pooled = Bench.pooled(benches)
    assert len(set(pooled.held_out.songs)) == sum(len(set(half.songs)) for half in halves) == 12
    # All songs at once, measured the plain way: the songs are halved alike, and the same real music is in both.
    whole = Bench.of(held_out(songs, ENCODING, pieces=12), training[0])
    one, other = (estimated("", bench.data_figures()) for bench in (pooled, whole))
    assert one["noise_floor_sd"] == pytest.approx(other["noise_floor_sd"], rel=0.2)
    assert one["shuffled_fit_to_melody"] == pytest.approx(other["shuffled_fit_to_melody"], rel=0.2)
    # Copied from what was held out with it, a piece is new to its model; copied from the other half it is known.
    tracks = pooled.held_out.tracks
    own, known = (
        estimated("", pooled.model_figures([copies, copies]))["nearest_training_bar"]
        for copies in (tracks, tracks[6:] + tracks[:6])
    )
    assert known == 0 < own


def test_rock_in_folds_measures_every_song_by_a_model_that_never_heard_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    heard: list[list[str]] = []
    held: list[list[str]] = []
    began, choose = GANTrainer.__init__, gan_folds.held_out

    def trainer(self, recipe, *, songs, **options):
        heard.append([song.name for song in songs])
        began(self, recipe, songs=songs, **options)

    def chosen(songs, *arguments, **options):
        held.append([song.name for song in songs])
        return choose(songs, *arguments, **options)

    monkeypatch.setattr(gan_folds, "held_out", chosen)

    monkeypatch.setattr(GANTrainer, "__init__", trainer)
    songs = [replace(song, fold=place % 5) for place, song in enumerate(songs_of("rock")[:15])]
    recipe = recipes.MUSEGAN_ROCK.replace(
        epochs=1, bar_width=8, beat_width=8, step_width=8, critic_width=8, batch_size=64, crop_bars=1
    )
    file, lines = tmp_path / "folds.json", []
    record = gan_folds.run(
        lines.append,
        recipe=recipe,
        figures=file,
        checkpoint=tmp_path / "c.pt",
        songs=songs[:10],
        measured=songs,
        pieces=3,
        seeds=2,
    )
    assert heard == [[song.name for song in songs[:10] if song.fold != fold] for fold in range(5)]
    assert sorted(sum(held, [])) == sorted(song.name for song in songs)  # every one, once  # noqa: RUF017
    assert not any(set(one) & set(other) for one, other in zip(heard, held, strict=True))
    assert record == read_record(file)
    assert record["figures"]["musegan_rock.folds.songs"] >= 12  # of fifteen, those with eight bars to measure
    assert {f"c.pt.{fold}" for fold in range(5)} <= {path.name for path in tmp_path.iterdir()}
    assert max(map(len, gan_folds.lines(record))) <= 100
    assert any("no figures yet" in line.lower() for line in gan_folds.lines(None))


def test_the_figures_that_are_shipped_belong_to_what_ships() -> None:
    record = read_record(original_gan.FIGURES)
    assert record is not None
    with torch.device("meta"):
        network = OriginalGenerator(OriginalGANConfig())
    assert record["recipe"] == original_gan.OriginalGANRecipe().as_dict()
    assert record["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert record["compute"]["cpu_seconds"] == pytest.approx(original_gan.SECONDS, abs=15)  # an iteration takes 14 s
    folds = read_record(gan_folds.FIGURES)
    assert folds is not None
    assert folds["recipe"] == recipes.MUSEGAN_ROCK.as_dict()
    shipped = [path.stem for path in (MODELS_DIRECTORY / "weights").glob("*.safetensors")]
    cards = [ModelCard.read(MODELS_DIRECTORY / "cards" / f"{stem}.json") for stem in shipped]
    for card in cards:
        if "string_quartets" in card.dataset["name"]:  # of which the arrays do not ship
            kept = read_record(records.FOLDER / f"{card.stem}.json")
            assert kept is not None
            assert kept["weights"]["sha256"] == card.weights_sha256
