"""The command line: what it writes, what it refuses, and that every refusal is one sentence and status 2."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import wave
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from untrained_gan import untrained_model

from deepcomposer_lab import cli, library, studio
from deepcomposer_lab.models.registry import save_model
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.midi import read_midi, write_midi
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody
from deepcomposer_lab.music.span import Span


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "library"
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail with one sentence and status 2; return the sentence."""

    def run(*words: str) -> str:
        assert cli.main(words) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.endswith("\n")
        assert captured.err.count("\n") == 1
        assert "Traceback" not in captured.err
        return captured.err

    return run


class BassUnderEveryNote:
    """A technique that needs no network: it doubles the input an octave or so below, by its seed."""

    asked: list[dict[str, Any]]

    def __init__(self) -> None:
        self.asked = []

    def compose(self, music: Any, *, seed: int | None = None, progress: Any = None, **parameters: Any) -> Composition:
        self.asked.append({"seed": seed, **parameters})
        for done in (1, 2, 3):
            progress(done, 3)
        composition = as_composition(music)
        low = [note.transpose(-12 - (seed or 0)) for note in composition.notes]
        step = CompositionStep("ar-cnn", "fake", seed=seed or 0, remarks=("The drums passed through untouched.",))
        return composition.with_tracks([*composition.tracks, Track(low, "Bass", 43)]).with_step(step)


@pytest.fixture
def technique(monkeypatch: pytest.MonkeyPatch) -> Iterator[BassUnderEveryNote]:
    from deepcomposer_lab.techniques.ar_cnn import ARCNN

    fake = BassUnderEveryNote()

    def from_pretrained(name: str) -> BassUnderEveryNote:
        fake.asked.append({"model": name})
        return fake

    monkeypatch.setattr(ARCNN, "from_pretrained", from_pretrained)
    studio._load_technique.cache_clear()
    yield fake
    studio._load_technique.cache_clear()


# --- compose ------------------------------------------------------------------------------------------------


def test_compose_writes_saves_and_tells(
    technique: BassUnderEveryNote, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_midi(sample_melody("twinkle_twinkle"), tmp_path / "in.mid")
    assert cli.main(["compose", "in.mid", "--seed", "7", "-o", "out.mid", "-o", "out.npz"]) == 0
    printed, progress = capsys.readouterr()
    melody = sample_melody("twinkle_twinkle")
    written = read_midi(tmp_path / "out.mid")
    assert sorted(note.pitch for note in written.notes) == sorted(
        [note.pitch for note in melody] + [note.pitch - 19 for note in melody]
    )
    assert (tmp_path / "out.npz").read_bytes().startswith(b"PK")
    [saved] = library.list_compositions()
    assert saved.path.parent == home
    assert library.open_composition(saved).steps[-1].seed == 7
    assert saved.metrics is not None
    assert saved.metrics["overall"]["empty_bar_rate"] == 0.0
    assert f"Saved as {saved.id}" in printed
    assert "Wrote out.mid" in printed
    assert f"{len(melody)} notes in, {2 * len(melody)} notes out, seed 7" in printed
    assert "Note: The drums passed through untouched." in printed
    assert "3/3" in progress
    assert technique.asked == [{"model": "autoregressive_cnn_bach"}, {"seed": 7}]


def test_compose_takes_samples_and_saved_compositions_as_input(technique: BassUnderEveryNote) -> None:
    assert cli.main(["compose", "ode_to_joy"]) == 0
    [first] = library.list_compositions()
    assert cli.main(["compose", first.id, "--seed", "1", "--quiet"]) == 0
    assert cli.main(["compose", str(first.path), "--seed", "2", "--quiet"]) == 0
    lines = library.list_compositions()
    assert [line.parents for line in lines] == [(first.id,), (first.id,), ()]
    assert len(library.open_composition(lines[0]).tracks) == 3


def test_compose_without_saving_keeps_nothing(
    technique: BassUnderEveryNote, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compose", "ode_to_joy", "--no-save", "--quiet", "-o", "out.mid"]) == 0
    assert capsys.readouterr().err == ""
    assert not home.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mid"]


def test_parameters_reach_the_technique_as_they_were_typed(technique: BassUnderEveryNote) -> None:
    words = ["--max-notes-to-remove", "0", "--max-notes-to-add", "50", "--sampling-iterations=20"]
    assert cli.main(["compose", "ode_to_joy", "--model", "mine", *words, "--creative-risk", "1.5", "--no-save"]) == 0
    assert technique.asked == [
        {"model": "mine"},
        {
            "seed": None,
            "max_notes_to_remove": "0",
            "max_notes_to_add": "50",
            "sampling_iterations": "20",
            "creative_risk": "1.5",
        },
    ]


def test_what_shall_stay_reaches_the_technique_as_spans(technique: BassUnderEveryNote, tmp_path: Path) -> None:
    piece = as_composition(sample_melody("ode_to_joy"))
    write_midi(piece.with_tracks([replace(piece.tracks[0], name="Melody: left, hand")]), tmp_path / "in.mid")
    words = ["--keep-melody", "--choir", "--allow-parallels", "--lock", "4:8", "--lock=0:1.5:Melody: left, hand"]
    assert cli.main(["compose", "in.mid", *words, "--no-save"]) == 0
    [_, asked] = technique.asked
    assert asked == {
        "seed": None,
        "keep_melody": True,
        "choir": True,
        "avoid_parallels": False,
        "locked": [Span(4, 8), Span(0, 1.5, ("Melody: left, hand",))],
    }


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        ("4-8", "a lock is written START:END in beats, such as 4:8, or 4:8:TRACK; got '4-8'."),
        ("4:", "a lock is written START:END"),
        ("4:8:", "a lock ends with a track's name after the second colon, or without that colon; got '4:8:'."),
        ("400:404", "The span of beats 400 to 404 lies outside the piece, which ends at beat"),
        ("4:8:Alto", "There is no track 'Alto' here; there is 'Melody'."),
        ("8:4", "A span ends after it starts; got start 8 and end 4."),
    ],
)
def test_a_lock_that_makes_no_sense_is_one_sentence(
    lock: str, said: str, technique: BassUnderEveryNote, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compose", "ode_to_joy", "--lock", lock, "--no-save"]) == 2
    assert said in capsys.readouterr().err
    assert technique.asked == []


def test_the_help_names_exactly_the_techniques_parameters_defaults_and_ranges() -> None:
    from deepcomposer_lab.techniques.ar_cnn import PARAMETERS

    assert list(cli.AR_CNN_CONTROLS) == [parameter.name for parameter in PARAMETERS]
    for parameter in PARAMETERS:
        _, help = cli.AR_CNN_CONTROLS[parameter.name]
        assert help.startswith(f"{parameter.minimum:g}-{parameter.maximum:g}")
        assert help.endswith(f"(default {parameter.default:g})")


def test_the_help_of_transformers_names_their_parameters_defaults_and_ranges(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from deepcomposer_lab.techniques.technique import Choice
    from deepcomposer_lab.techniques.transformers import Transformers

    with pytest.raises(SystemExit):
        cli.main(["compose", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert set(cli.CONTROLS["transformers"]) == {parameter.name for parameter in Transformers.parameters}
    for parameter in Transformers.parameters:
        if parameter.name == "creative_risk":  # one option of two techniques
            assert f"--creative-risk too, {parameter.minimum:g}-{parameter.maximum:g} (default 1)" in printed
            continue
        _, help = cli.TRANSFORMERS_CONTROLS[parameter.name]
        assert help in printed
        assert help.endswith(
            f"(default {parameter.default})" if isinstance(parameter, Choice) else f"(default {parameter.default:g})"
        )
        if isinstance(parameter, Choice):
            assert all(choice in help for choice in parameter.choices)
        elif parameter.unit:
            assert help.startswith(f"{parameter.minimum:g}-{parameter.maximum:g}: ")
            assert parameter.help.removesuffix("s") in help


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("out.mp3", "ends in none of .mid, .wav, .opus, .musicxml, .npz"),
        ("out", "ends in none of"),
        ("nowhere/out.mid", "does not exist"),
        ("folder.mid", "is a folder"),
        ("in.mid", "would replace the input"),
        ("sealed/out.mid", "may not be written"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_composing(
    technique: BassUnderEveryNote,
    refused: Callable[..., str],
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    said: str,
) -> None:
    write_midi(sample_melody("ode_to_joy"), tmp_path / "in.mid")
    (tmp_path / "folder.mid").mkdir()
    (tmp_path / "sealed").mkdir()
    allowed = os.access  # permission bits do not hold back an administrator, so the answer is given here
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "sealed" and allowed(path, mode))
    assert said in refused("compose", "in.mid", "-o", "good.wav", "-o", output)
    assert technique.asked == []
    assert not home.exists()
    assert not (tmp_path / "good.wav").exists()


def test_an_output_given_twice_is_refused(technique: BassUnderEveryNote, refused: Callable[..., str]) -> None:
    assert "given twice" in refused("compose", "ode_to_joy", "-o", "a.mid", "-o", "./a.mid")


def test_inputs_that_cannot_be_read_are_refused_with_their_own_sentence(
    technique: BassUnderEveryNote, refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "text.mid").write_text("not music at all")
    (tmp_path / "2025-01-01-bad-0000.json").write_text("{")
    assert "ode_to_joy" in refused("compose", "nothing.mid")
    assert "text.mid" in refused("compose", "text.mid", "-o", "out.mid")
    assert "damaged" in refused("compose", "2025-01-01-bad-0000.json")
    assert "holds no composition" in refused("compose", "2025-01-01-gone-0000")
    assert "no technique 'gans'" in refused("compose", "ode_to_joy", "--technique", "gans")
    assert "invalid int value" in refused("compose", "ode_to_joy", "--seed", "x")
    assert technique.asked == []
    assert not (tmp_path / "out.mid").exists()


def test_every_kind_of_file_is_written(technique: BassUnderEveryNote, tmp_path: Path) -> None:
    outputs = [f"out{suffix}" for suffix in (".mid", ".wav", ".opus", ".musicxml", ".npz")]
    words = [word for name in outputs for word in ("-o", name)]
    write_midi(Composition.from_melody(sample_melody("ode_to_joy")).trim(0, 4), tmp_path / "in.mid")
    assert cli.main(["compose", "in.mid", "--seed", "5", "--no-save", *words]) == 0
    assert list(studio.WRITERS) == [Path(name).suffix for name in outputs]
    contents = {Path(name).suffix: (tmp_path / name).read_bytes() for name in outputs}
    assert len(read_midi(contents[".mid"]).notes) == 8
    with wave.open(BytesIO(contents[".wav"])) as sound:
        assert 2.0 < sound.getnframes() / sound.getframerate() < 6.0  # four beats at 120 and their fading out
    assert contents[".opus"].startswith(b"OggS")
    assert b"<score-partwise" in contents[".musicxml"]
    import pypianoroll

    assert len(pypianoroll.load(tmp_path / "out.npz").tracks) == 2


def test_a_library_that_fails_late_does_not_cost_the_files(
    technique: BassUnderEveryNote,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(library, "save_composition", full)
    assert cli.main(["compose", "ode_to_joy", "--quiet", "-o", "out.mid"]) == 2
    assert capsys.readouterr().err == "Error: the system refused: No space left on device.\n"
    assert len(read_midi(tmp_path / "out.mid").notes) == 2 * len(sample_melody("ode_to_joy"))


def test_what_was_written_can_be_read_again(technique: BassUnderEveryNote, tmp_path: Path) -> None:
    outputs = [word for suffix in (".mid", ".musicxml", ".npz") for word in ("-o", f"out{suffix}")]
    assert cli.main(["compose", "ode_to_joy", "--quiet", *outputs]) == 0
    (tmp_path / "out.midi").write_bytes((tmp_path / "out.mid").read_bytes())
    (tmp_path / "out.xml").write_bytes((tmp_path / "out.musicxml").read_bytes())
    with zipfile.ZipFile(tmp_path / "out.MXL", "w") as compressed:
        compressed.write(tmp_path / "out.xml", "score.xml")
        compressed.writestr(
            "META-INF/container.xml",
            '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>',
        )
    melody = [note.pitch for note in sample_melody("ode_to_joy")]
    names = [f"out{suffix}" for suffix in (".mid", ".midi", ".musicxml", ".xml", ".MXL", ".npz")]
    for name in [*names, str(library.list_compositions()[0].path)]:
        assert cli.main(["compose", name, "--no-save", "--quiet", "-o", "again.mid"]) == 0
        pitches = [note.pitch for note in read_midi(tmp_path / "again.mid").notes]
        assert sorted(pitches) == sorted([low - 12 * times for low in melody for times in (0, 1, 1, 2)]), name
        assert cli.main(["evaluate", name]) == 0


def test_an_empty_name_is_called_missing(technique: BassUnderEveryNote, refused: Callable[..., str]) -> None:
    for command in ("compose", "evaluate"):
        assert "name is empty; give a file" in refused(command, "")


# --- evaluate -----------------------------------------------------------------------------------------------


def test_evaluate_prints_a_table_for_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = [Note(0, 61, 1), Note(1, 60, 1), Note(2, 62, 1), Note(8, 64, 1)]
    write_midi(Composition((Track(notes, "Tune"),)), tmp_path / "tune.mid")
    assert cli.main(["evaluate", "tune.mid", "ode_to_joy"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tune.mid"
    assert lines[2].split()[:5] == ["Tune", "0.333", "1.333", "1.333", "0.750"]
    assert lines[3].split()[:5] == ["Overall", "0.333", "1.333", "1.333", "0.750"]
    assert "ode_to_joy" in lines


def test_evaluate_writes_json_in_another_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_midi(Composition((Track([Note(0, 66, 1), Note(1, 65, 1)], "Tune"),)), tmp_path / "tune.mid")
    assert cli.main(["evaluate", "tune.mid", "--key", "G", "--json", "figures.json"]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["tune.mid"]["overall"]["in_scale_ratio"] == 0.5
    assert figures["tune.mid"]["overall"]["drum_in_pattern"] is None
    assert [track["name"] for track in figures["tune.mid"]["tracks"]] == ["Tune"]
    assert capsys.readouterr().out == "Wrote figures.json\n"


def test_evaluate_refuses_what_it_cannot_do(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "Unknown mode" in refused("evaluate", "ode_to_joy", "--mode", "happy")
    assert "does not exist" in refused("evaluate", "ode_to_joy", "--json", "nowhere/f.json")
    assert "required" in refused("evaluate")


# --- train, benchmark, models, datasets, doctor -------------------------------------------------------------


class Trainer:
    """Takes four steps and can be saved."""

    saved: list[str]

    def __init__(self) -> None:
        self.saved = []

    def __iter__(self) -> Iterator[Any]:
        from deepcomposer_lab.training.progress import Progress

        for step in range(1, 5):
            yield Progress(step, 4, step / 2, 1 / step, {"edit_nats": 3.25} if step == 4 else {}, step, 4 - step)

    def save(self, name: str) -> Any:
        self.saved.append(name)
        return type("Card", (), {"stem": f"{name}-1"})


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any, Trainer]]:
    from deepcomposer_lab import training

    started: list[tuple[Any, Any, Trainer]] = []

    def train(recipe: Any, *, checkpoint: Path | None = None) -> Trainer:
        trainer = Trainer()
        started.append((recipe, checkpoint, trainer))
        return trainer

    monkeypatch.setattr(training, "train", train)
    return started


def test_train_overrides_the_recipe_with_values_of_its_types(
    trainings: list[tuple[Any, Any, Trainer]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "--epochs=2",
        "--learning-rate",
        "1",
        "--widths=8,16,16",
        "--dataset=1",
        "--save",
        "mine",
        "--checkpoint=c.pt",
    ]
    assert cli.main(["train", "ar_cnn_tiny", *words]) == 0
    [(recipe, checkpoint, trainer)] = trainings
    assert (recipe.epochs, recipe.learning_rate, recipe.widths, recipe.dataset) == (2, 1.0, (8, 16, 16), "1")
    assert isinstance(recipe.learning_rate, float)
    assert checkpoint == Path("c.pt")
    assert trainer.saved == ["mine"]
    printed, progress = capsys.readouterr()
    assert "edit_nats: 3.2500" in printed
    assert "Saved the model mine-1" in printed
    assert "4/4" in progress
    assert "loss 0.250" in progress


def test_train_without_a_name_keeps_nothing_and_says_so(
    trainings: list[tuple[Any, Any, Trainer]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "ar_cnn_tiny", "--quiet"]) == 0
    printed, progress = capsys.readouterr()
    assert "--save NAME" in printed
    assert progress == ""
    assert trainings[0][2].saved == []


def test_train_keeps_snapshots_on_the_way(
    trainings: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Trainer, str, list[int]]] = []

    def snapshots(trainer: Trainer, name: str, epochs: list[int], report: Callable[[str], None]) -> Iterator[Any]:
        asked.append((trainer, name, epochs))
        yield from trainer
        report("mine_epoch_01-1")

    monkeypatch.setattr(Trainer, "snapshots", snapshots, raising=False)
    assert cli.main(["train", "musegan_tiny", "--quiet", "--save", "mine", "--snapshots", "0,1, 6"]) == 0
    assert asked == [(trainings[0][2], "mine", [0, 1, 6])]
    assert "Snapshots: mine_epoch_01-1; 2 lay behind the checkpoint" in capsys.readouterr().out
    assert trainings[0][2].saved == ["mine"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["musegan_tiny", "--snapshots", "0,1"], "--save NAME"),
        (["musegan_tiny", "--save", "mine", "--snapshots", "0,-1"], "got '0,-1'"),
        (["musegan_tiny", "--save", "mine", "--snapshots", "0,7"], "the recipe's 6"),
        (["musegan_tiny", "--save", "mine", "--snapshots", "0,²"], "got '0,²'"),
        (["musegan_tiny", "--save", "musegan_bach_small", "--snapshots", "0,1"], "musegan_bach_small_epoch_00 comes"),
        (["ar_cnn_tiny", "--save", "mine", "--snapshots", "0"], "for GANs"),
    ],
)
def test_train_refuses_snapshots_that_cannot_be(
    trainings: list[Any], refused: Callable[..., str], words: list[str], said: str
) -> None:
    assert said in refused("train", *words)
    assert trainings == []


def test_train_lists_the_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train"]) == 0
    assert "ar_cnn_tiny" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no_such"], "no_such"),
        (["ar_cnn_tiny", "--speed=2"], "speed"),
        (["ar_cnn_tiny", "--epochs=many"], "epochs"),
        (["ar_cnn_tiny", "--epochs=1.5"], "whole number"),
        (["ar_cnn_tiny", "--epochs"], "--epochs=VALUE"),
        (["ar_cnn_tiny", "-x"], "--name=value"),
        (["--epochs=2"], "name a recipe first"),
    ],
)
def test_train_refuses_what_the_recipe_does_not_know(
    trainings: list[tuple[Any, Any, Trainer]], refused: Callable[..., str], words: list[str], said: str
) -> None:
    assert said in refused("train", *words)
    assert trainings == []


def test_benchmark_prints_its_report_and_writes_flat_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from deepcomposer_lab.benchmarks import ar_cnn

    asked: dict[str, Any] = {}

    def run(*, report: Callable[[str], None], progress: Callable[..., None], **options: Any) -> dict[str, float]:
        asked.update(options)
        progress(1, 2, "pieces")
        report("detection 0.5")
        return {"detection.average_precision": 0.5}

    monkeypatch.setattr(ar_cnn, "run", run)
    (tmp_path / "jsb.npz").write_bytes(b"")
    assert cli.main(["benchmark", "ar-cnn", "--quick", "--json", "b.json", "--jsb", "jsb.npz"]) == 0
    assert asked == {"quick": True, "jsb": Path("jsb.npz")}
    assert json.loads((tmp_path / "b.json").read_text()) == {"detection.average_precision": 0.5}
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "detection 0.5"
    assert "1/2" in printed.err  # and how long it will take
    assert cli.main(["benchmark", "ar-cnn", "--model", "mine"]) == 0
    assert asked["model"] == "mine"


def test_benchmark_measures_transformers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from deepcomposer_lab.benchmarks import transformers

    asked: list[dict[str, object]] = []

    def measure(**options: object) -> dict[str, float]:
        asked.append(options)
        options["report"]("a table")  # type: ignore[operator]
        return {"jsb.bits_per_note": 2.0}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transformers, "run", measure)
    Path("jsb.npz").touch()
    assert cli.main(["benchmark", "transformers", "--quick", "--jsb", "jsb.npz", "--json", "t.json"]) == 0
    assert (asked[0]["quick"], asked[0]["jsb"], asked[0]["kept"]) == (True, Path("jsb.npz"), False)
    assert "a table" in capsys.readouterr().out
    assert json.loads(Path("t.json").read_text()) == {"jsb.bits_per_note": 2.0}
    assert cli.main(["benchmark", "transformers", "--model", "mine", "--jsb", "jsb.npz", "--keep"]) == 0
    assert (asked[1]["model"], asked[1]["kept"]) == ("mine", True)


def test_benchmark_refuses_unknown_techniques_and_missing_files(refused: Callable[..., str]) -> None:
    assert "no benchmark 'polka'" in refused("benchmark", "polka")
    assert "no file 'gone.npz'" in refused("benchmark", "ar-cnn", "--jsb", "gone.npz")
    assert "for --train-original" in refused("benchmark", "ar-cnn", "--seconds", "60")
    assert "for --train-original" in refused("benchmark", "ar-cnn", "--checkpoint", "c.pt")
    assert "do not go with it" in refused("benchmark", "ar-cnn", "--train-original", "--quick")
    assert "above 0" in refused("benchmark", "ar-cnn", "--train-original", "--seconds", "-1")
    assert "does not exist" in refused("benchmark", "ar-cnn", "--train-original", "--checkpoint", "gone/c.pt")
    assert "give one" in refused("benchmark", "ar-cnn", "--train-original", "--architectures")
    assert "for --train-original" in refused("benchmark", "ar-cnn", "--architectures", "--checkpoint", "c.pt")
    assert "of ar-cnn" in refused("benchmark", "gan", "--architectures")
    assert "of ar-cnn" in refused("benchmark", "transformers", "--architectures")
    assert "ar-cnn and gan" in refused("benchmark", "transformers", "--train-original")
    assert "of gan" in refused("benchmark", "transformers", "--folds")
    assert "--jsb FILE --keep" in refused("benchmark", "transformers", "--keep")
    assert "of gan" in refused("benchmark", "ar-cnn", "--folds")
    assert "give one" in refused("benchmark", "gan", "--folds", "--train-original")
    assert "one GAN" in refused("benchmark", "gan", "--keep")
    assert "of gan" in refused("benchmark", "ar-cnn", "--split", "validation")
    assert "test songs alone" in refused("benchmark", "gan", "--model", "x", "--keep", "--split", "validation")
    assert "one GAN" in refused("benchmark", "gan", "--keep", "--quick", "--model", "mine")
    assert "one GAN" in refused("benchmark", "ar-cnn", "--keep", "--model", "mine")
    assert "follows a recipe" in refused("benchmark", "gan", "--folds", "--seconds", "9")
    assert "do not go with it" in refused("benchmark", "gan", "--train-original", "--quick")


def test_benchmark_trains_the_original_and_writes_its_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from deepcomposer_lab.benchmarks import original_ar_cnn

    asked: list[Any] = []

    def run(seconds: float, checkpoint: Path | None, report: Callable[[str], None]) -> dict[str, Any]:
        asked.append((seconds, checkpoint))
        report("original: trained")
        return {"date": "2026-11-22", "figures": {"original.restoration.f1": 0.25}}

    monkeypatch.setattr(original_ar_cnn, "run", run)
    monkeypatch.setattr(original_ar_cnn, "FIGURES", tmp_path / "figures" / "original.json")
    words = ["benchmark", "ar-cnn", "--train-original", "--json", "o.json"]
    assert cli.main(words) == 0
    assert cli.main([*words, "--seconds", "60", "--checkpoint", "c.pt"]) == 0
    assert asked == [(original_ar_cnn.SECONDS, None), (60.0, Path("c.pt"))]
    assert json.loads((tmp_path / "o.json").read_text()) == {"original.restoration.f1": 0.25}
    assert capsys.readouterr().out.splitlines()[0] == "original: trained"


def test_benchmark_measures_gans_and_trains_their_original(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from deepcomposer_lab.benchmarks import gan, gan_folds, original_gan

    asked: list[dict[str, object]] = []

    def measure(**options: object) -> dict[str, float]:
        asked.append(options)
        options["report"]("a table")  # type: ignore[operator]
        return {"mine.distance_sd": 0.4}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gan, "run", measure)
    assert cli.main(["benchmark", "gan", "--quick", "--model", "mine", "--json", "g.json"]) == 0
    assert (asked[0]["quick"], asked[0]["model"], asked[0]["timed"]) == (True, "mine", False)
    # Only the whole one takes the time to train beside the original.
    assert cli.main(["benchmark", "gan", "--split", "validation"]) == 0
    assert asked[1]["timed"]
    assert [options["split"] for options in asked] == ["test", "validation"]
    assert cli.main(["benchmark", "gan", "--model", "mine", "--keep"]) == 0
    assert [options["kept"] for options in asked] == [False, False, True]
    capsys.readouterr()
    assert cli.main(["benchmark", "gan", "--quick", "--model", "mine"]) == 0
    assert "a table" in capsys.readouterr().out
    assert json.loads(Path("g.json").read_text()) == {"mine.distance_sd": 0.4}

    def train(seconds: float, checkpoint: Path | None, report: object) -> dict[str, object]:
        return {"figures": {"original.seconds": seconds}}

    monkeypatch.setattr(original_gan, "run", train)
    monkeypatch.setattr(original_gan, "FIGURES", tmp_path / "figures" / "original_gan.json")
    assert cli.main(["benchmark", "gan", "--train-original", "--seconds", "7", "--json", "o.json"]) == 0
    assert json.loads(Path("o.json").read_text()) == {"original.seconds": 7}

    def in_folds(report: object, *, checkpoint: Path | None) -> dict[str, object]:
        return {"figures": {"musegan_rock.folds.distance_sd": 0.3, "kept": str(checkpoint)}}

    monkeypatch.setattr(gan_folds, "run", in_folds)
    monkeypatch.setattr(gan_folds, "FIGURES", tmp_path / "figures" / "rock_folds.json")
    assert cli.main(["benchmark", "gan", "--folds", "--checkpoint", "c.pt", "--json", "f.json"]) == 0
    assert json.loads(Path("f.json").read_text()) == {"musegan_rock.folds.distance_sd": 0.3, "kept": "c.pt"}


def test_benchmark_trains_architectures_for_as_long_as_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from deepcomposer_lab.benchmarks import architectures

    asked: list[float] = []

    def run(*, seconds: float, report: Callable[[str], None]) -> dict[str, dict[str, float]]:
        asked.append(seconds)
        report("plain U-Net")
        return {"plain U-Net": {"loss": 1.5}}

    monkeypatch.setattr(architectures, "run", run)
    monkeypatch.setattr(architectures, "FIGURES", tmp_path / "figures" / "architectures.json")
    assert cli.main(["benchmark", "ar-cnn", "--architectures", "--seconds", "5", "--json", "a.json"]) == 0
    assert cli.main(["benchmark", "ar-cnn", "--architectures"]) == 0
    assert asked == [5.0, architectures.SECONDS]
    assert json.loads((tmp_path / "a.json").read_text()) == {"plain U-Net: loss": 1.5}
    assert capsys.readouterr().out.splitlines()[0] == "plain U-Net"


def test_models_and_datasets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "model"
    assert any(row.startswith("autoregressive_cnn_bach-") and "ar-cnn" in row for row in rows)
    assert cli.main(["datasets"]) == 0
    assert any(row.startswith("bach_chorales") for row in capsys.readouterr().out.splitlines()[1:])


@pytest.mark.parametrize("ok", [True, False])
def test_doctor_prints_a_line_a_check_and_fails_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ok: bool
) -> None:
    from deepcomposer_lab import doctor

    monkeypatch.setattr(
        doctor, "checks", lambda: [doctor.Check("Python", True, "fine."), doctor.Check("SoundFont", ok, "told.")]
    )
    assert cli.main(["doctor"]) == (0 if ok else 1)
    assert capsys.readouterr().out == f"ok  Python: fine.\n{'ok' if ok else '!!'}  SoundFont: told.\n"


# --- lab ----------------------------------------------------------------------------------------------------


def test_lab_opens_the_start_page_and_hands_over_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(cli.subprocess, "call", lambda command: called.append(command) or 3)
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "site-packages" / "deepcomposer_lab" / "cli.py"))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / cli.START_PAGE).write_text("{}")
    assert cli.main(["lab", "--no-browser", "--port", "8890", "--ServerApp.ip=x"]) == 3
    [command] = called
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert command[-4:] == ["--no-browser", "--port", "8890", "--ServerApp.ip=x"]
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert f"--LabApp.default_url=/lab/tree/notebooks/{cli.START_PAGE}" in command
    assert "--ServerApp.port_retries=0" in command


def test_lab_in_a_checkout_is_as_quiet_as_make_lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same files as lab.py gives it, and JupyterLab knows the layout by its name."""
    called: list[list[str]] = []
    monkeypatch.setattr(cli.subprocess, "call", lambda command: called.append(command) or 0)
    monkeypatch.setattr(cli.sys, "prefix", str(tmp_path / "environment"))
    assert cli.main(["lab", "--no-browser"]) == 0
    [command] = called
    root = Path(__file__).resolve().parents[1]
    workspaces = tmp_path / "environment" / "share" / "jupyter" / "lab" / "workspaces"
    assert f"--LabApp.app_settings_dir={root / 'binder'}" in command
    assert f"--LabApp.workspaces_dir={workspaces}" in command
    assert "--Application.log_level=ERROR" in command
    assert command[-1] == "--no-browser"
    [layout] = workspaces.iterdir()
    assert (
        json.loads(layout.read_text())["data"] == json.loads((root / "binder" / "workspace.json").read_text())["data"]
    )
    imported = subprocess.run(
        [sys.executable, "-m", "jupyterlab", "workspaces", "list", f"--WorkspaceListApp.workspaces_dir={workspaces}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert imported.stdout.split() == ["default"]
    layout.write_text('{"mine": 1}')
    assert cli.main(["lab"]) == 0
    assert layout.read_text() == '{"mine": 1}'


def test_lab_opens_where_its_environment_may_not_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(cli.subprocess, "call", lambda command: called.append(command) or 0)
    (tmp_path / "environment").write_text("")  # a file, where a folder is needed
    monkeypatch.setattr(cli.sys, "prefix", str(tmp_path / "environment"))
    assert cli.main(["lab"]) == 0
    assert not any("workspaces_dir" in word for word in called[0])


def test_lab_without_notebooks_says_where_to_run_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refused: Callable[..., str]
) -> None:
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "site-packages" / "deepcomposer_lab" / "cli.py"))
    assert cli.START_PAGE in refused("lab")


# --- errors and manners -------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["sing"], ["models", "--colour"], ["compose"]])
def test_wrong_usage_is_one_sentence(refused: Callable[..., str], words: list[str]) -> None:
    assert refused(*words).startswith("Error: ")


def test_the_unforeseen_is_one_sentence_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    from deepcomposer_lab import doctor

    def faint() -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(doctor, "checks", faint)
    assert refused("doctor") == (
        "Error: something unforeseen happened (RuntimeError: first line second line); --debug shows where.\n"
    )
    for words in (["--debug", "doctor"], ["doctor", "--debug"]):
        assert cli.main(words) == 2
        assert "Traceback" in capsys.readouterr().err


def test_what_the_system_refuses_names_the_file(
    technique: BassUnderEveryNote, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(tmp_path / "file"))  # a file, where a folder is needed
    assert f"refused '{tmp_path / 'file'}'" in refused("compose", "ode_to_joy", "--quiet")
    assert technique.asked == []


def test_ctrl_c_is_one_line_and_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from deepcomposer_lab import doctor

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "checks", interrupted)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_reader_who_leaves_early_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "deepcomposer_lab", "train"], stdout=writing, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_and_version_load_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from deepcomposer_lab.cli import main\n"
        "try:\n"
        "    main([sys.argv[1]])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "heavy = {'torch', 'numpy', 'music21', 'pypianoroll', 'matplotlib', 'plotly', 'mido'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    for word in ("--help", "--version"):
        done = subprocess.run([sys.executable, "-c", script, word], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "deepcomposer-lab" in done.stdout


# --- the real technique -------------------------------------------------------------------------------------


def compose_for_real(source: str | Path, *words: str) -> Composition:
    assert cli.main(["compose", str(source), "--no-save", "--quiet", "-o", "result.mid", *words]) == 0
    return read_midi("result.mid")


def test_compose_from_cold_start_is_seeded_and_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from deepcomposer_lab.cli import main\n"
        "status = main(sys.argv[1:])\n"
        "heavy = {'music21', 'pypianoroll', 'matplotlib', 'plotly', 'IPython'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else status)\n"
    )
    words = ["compose", "ode_to_joy", "--sampling-iterations", "20", "--seed"]
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        done = subprocess.run(
            [sys.executable, "-c", script, *words, seed, "-o", f"{name}.mid"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert re.search(r"\d+/20 \[\d\d:\d\d<", done.stderr)  # edits done of those allowed, time spent, time left
    first, again, other = ((tmp_path / f"{name}.mid").read_bytes() for name in "abc")
    assert first == again
    assert first != other
    assert len(library.list_compositions()) == 3


def assert_recognisable(name: str, *words: str) -> None:
    """Of the melody's notes, at most the share that may go by default is gone, and something came."""
    melody = sample_melody(name)
    result = compose_for_real(name, "--seed", "3", *words)
    wanted = {(round(note.onset * 480), note.pitch) for note in melody}
    kept = wanted & {(round(note.onset * 480), note.pitch) for note in result.notes}
    assert len(kept) >= len(wanted) - len(melody) * 20 // 100
    assert len(result.notes) > len(kept)


@pytest.mark.parametrize("name", ["ode_to_joy", "greensleeves"])
def test_a_melody_stays_recognisable(name: str) -> None:
    assert_recognisable(name, "--sampling-iterations", "15")


@pytest.mark.slow
@pytest.mark.parametrize("name", list_sample_melodies())
def test_every_sample_melody_stays_recognisable(name: str) -> None:
    assert_recognisable(name)


def odd_files(tmp_path: Path) -> Iterator[Path]:
    """A type 0 file, several tracks with drums, a waltz with a pickup, and forty bars."""
    tune = [Note(float(beat), 60 + [0, 2, 4, 5, 7, 9, 11, 12][beat * 5 % 8], 1) for beat in range(32)]
    yield tmp_path / "several.mid"
    write_midi(
        Composition(
            (
                Track(tune, "Tune"),
                Track([Note(beat * 4.0, 48, 4) for beat in range(8)], "Low"),
                Track([Note(beat * 1.0, 36, 0.25) for beat in range(32)], "Drums", is_drum=True),
            )
        ),
        tmp_path / "several.mid",
    )
    yield tmp_path / "waltz.mid"
    write_midi(
        Composition((Track(tune[:25], "Tune"),), metres=(MetreChange(0, 3, 4),), pickup=1), tmp_path / "waltz.mid"
    )
    yield tmp_path / "forty.mid"
    write_midi(Composition((Track([note.shift(32.0 * i) for i in range(5) for note in tune]),)), tmp_path / "forty.mid")
    yield tmp_path / "type0.mid"
    import mido

    write_midi(Composition((Track(tune[:16], "Tune"),)), tmp_path / "type0.mid")
    file = mido.MidiFile(tmp_path / "type0.mid")
    mido.MidiFile(type=0, tracks=[mido.merge_tracks(file.tracks)], ticks_per_beat=file.ticks_per_beat).save(
        tmp_path / "type0.mid"
    )


def test_files_of_every_shape_are_composed_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in list(odd_files(tmp_path)):
        before = read_midi(path)
        result = compose_for_real(path, "--seed", "1", "--sampling-iterations", "10")
        assert len(result.notes) > len(before.notes), path.name
        assert [str(metre) for metre in result.metres] == [str(metre) for metre in before.metres]
        assert result.pickup == before.pickup
        drums = [track.notes for track in before.tracks if track.is_drum]
        assert [track.notes for track in result.tracks if track.is_drum] == drums
        assert ("drums passed through" in capsys.readouterr().out) == bool(drums)


@pytest.fixture
def a_band() -> Iterator[str]:
    """Save a small untrained model of the GAN and return its name."""
    model = untrained_model("pop")
    save_model(replace(model.card, name="my_band"), model.network)
    studio._load_technique.cache_clear()
    yield "my_band"
    studio._load_technique.cache_clear()


def test_a_gan_adds_a_band_as_it_is_told(a_band: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--technique", "gan", "--model", a_band, "--seed", "3"]
    whole = compose_for_real("ode_to_joy", *words)
    assert [track.name for track in whole.tracks[1:]] == ["Drums", "Bass", "Keys", "Strings"]
    assert "The key was taken for C major." in capsys.readouterr().out
    some = compose_for_real(
        "ode_to_joy", *words, "--tracks", "drums, bass", "--instrument", "bass=Acoustic Bass", "--track-seed", "drums=5"
    )
    assert [(track.name, track.program) for track in some.tracks[1:]] == [("Drums", 0), ("Bass", 32)]
    assert some.tracks[2].notes == whole.tracks[2].notes
    assert some.tracks[1].notes != whole.tracks[1].notes
    assert compose_for_real("ode_to_joy", *words, "--blend", "9:0").notes == whole.notes
    assert compose_for_real("ode_to_joy", *words, "--blend", "9:0.5").notes != whole.notes
    assert compose_for_real("ode_to_joy", *words, "--key", "A minor").notes != whole.notes


def test_a_gan_starts_from_the_melody_alone_when_asked(
    a_band: str, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--technique", "gan", "--model", a_band, "--seed", "3"]
    once = compose_for_real("ode_to_joy", *words)
    Path("band.mid").write_bytes(write_midi(once))
    capsys.readouterr()
    assert "--only-melody" in refused("compose", "band.mid", *words, "--quiet")
    assert len(compose_for_real("band.mid", *words, "--only-melody").tracks) == len(once.tracks)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--track-seed", "drums"], "it is written --track-seed drums=5; got 'drums'"),
        (["--track-seed", "drums=x"], "a track's seed is a whole number of 0 or more; got 'x'"),
        (["--instrument", "bass=Acustic Bass"], "no instrument 'Acustic Bass'. Called alike: Acoustic Bass"),
        (["--instrument", "=3"], "it is written --instrument bass=32"),
        (["--blend", "9"], "a blend is written SEED:AMOUNT"),
        (["--blend", "9:2"], "a blend is written SEED:AMOUNT"),
        (["--blend", "x:0.5"], "a blend's seed is a whole number"),
        (["--key", "H minor"], 'A key is written "G minor"'),
        (["--choir"], "--choir is for ar-cnn, not for gan"),
        (["--sampling-iterations", "3"], "--sampling-iterations is for ar-cnn"),
    ],
)
def test_what_a_gan_cannot_do_is_refused_before_a_network_is_loaded(
    words: list[str], said: str, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio, "compose", None)
    assert said in refused("compose", "ode_to_joy", "--technique", "gan", *words)


@pytest.mark.parametrize("words", [["--tracks", "drums"], ["--only-melody"], ["--blend", "9:0.5"]])
def test_what_only_a_gan_takes_is_refused_elsewhere(words: list[str], refused: Callable[..., str]) -> None:
    assert f"{words[0]} is for gan, not for ar-cnn" in refused("compose", "ode_to_joy", *words)


def test_roles_that_a_model_does_not_play_are_named(a_band: str, refused: Callable[..., str]) -> None:
    words = ("compose", "ode_to_joy", "--technique", "gan", "--model", a_band, "--quiet")
    assert "'tuba', which my_band does not play; it has drums" in refused(*words, "--tracks", "tuba")
    assert "at least one of drums" in refused(*words, "--tracks", ",")


def test_a_transformer_goes_on_as_it_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from deepcomposer_lab.techniques.transformers import Transformers

    words = ["--technique", "transformers", "--seed", "3", "--track-extension-duration", "2.5"]
    words += ["--sampling-technique", "top-k", "--sampling-threshold", "0.1", "--creative-risk", "1.5"]
    words += ["--input-duration", "5", "--maximum-rest-time", "0.5", "--maximum-note-length", "0.5"]
    assert cli.main(["compose", "ode_to_joy", *words, "-o", "out.mid"]) == 0
    printed, told = capsys.readouterr()
    melody = sample_melody("ode_to_joy")
    expected = Transformers.from_pretrained().extend(
        melody,
        seed=3,
        track_extension_duration=2.5,
        sampling_technique="top_k",
        sampling_threshold=0.1,
        creative_risk=1.5,
        input_duration=5,
        maximum_rest_time=0.5,
        maximum_note_length=0.5,
    )
    [saved] = library.list_compositions()
    assert library.open_composition(saved).tracks == expected.tracks
    assert library.open_composition(saved).steps == expected.steps
    assert f"{len(melody)} notes in, {len(expected.notes)} notes out, seed 3" in printed
    before = as_composition(melody).seconds
    assert f"Extended from {before:.1f} s to {expected.seconds:.1f} s" in printed
    assert re.search(r"3/3 \[.* seconds of music/s\]", told)  # two seconds and a half, counted up

    assert cli.main(["compose", "ode_to_joy", *words, "--track-extension-duration", "0", "--no-save"]) == 0
    printed, _ = capsys.readouterr()
    assert f"{len(melody)} notes in, {len(melody)} notes out" in printed
    assert f"It lasts {before:.1f} s, as before." in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--creative-risk", "3"], "creative_risk lies in 0.5–2; got '3'."),
        (["--sampling-technique", "beam"], "sampling_technique is one of top_k, nucleus, random; got 'beam'."),
        (["--track-extension-duration", "31"], "track_extension_duration lies in 0–30 seconds; got '31'."),
        (["--maximum-note-length", "long"], "maximum_note_length lies in 0.5–8 seconds; got 'long'."),
        (["--choir"], "--choir is for ar-cnn, not for transformers."),
        (["--max-notes-to-add", "3"], "--max-notes-to-add is for ar-cnn, not for transformers."),
        (["--tracks", "bass"], "--tracks is for gan, not for transformers."),
        (["--model", "musegan_rock"], "is for the technique 'gan', not 'transformers'"),
        (["--seed", "-1"], "A seed is a whole number of 0 or more; got -1."),
    ],
)
def test_what_a_transformer_cannot_do_is_one_sentence(words: list[str], said: str, refused: Callable[..., str]) -> None:
    assert said in refused("compose", "ode_to_joy", "--technique", "transformers", "--quiet", *words)


def test_what_a_transformer_takes_is_refused_elsewhere(refused: Callable[..., str]) -> None:
    words = ["--input-duration", "5"]
    assert "--input-duration is for transformers, not for ar-cnn." in refused("compose", "ode_to_joy", *words)
    words = ["--technique", "gan", "--creative-risk", "1"]
    assert "--creative-risk is for ar-cnn, not for gan." in refused("compose", "ode_to_joy", *words)


def test_a_transformer_is_trained_and_composes(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    from deepcomposer_lab.training import transformer

    few = transformer.pieces_of
    monkeypatch.setattr(transformer, "pieces_of", lambda dataset, split: few(dataset, split)[:4])
    words = ["--epochs=2", "--width=16", "--layers=1", "--heads=2", "--hidden=16", "--batch_size=2", "--segment=64"]
    assert cli.main(["train", "transformer_tiny", *words, "--save", "my_reader", "--checkpoint", "state"]) == 0
    printed, told = capsys.readouterr()
    assert re.search(r"^bits_per_note: \d+\.\d{4}$", printed, re.MULTILINE)
    assert "Saved the model my_reader-1" in printed
    assert "epoch 2.00" in told
    words = ["--technique", "transformers", "--model", "my_reader", "--track-extension-duration", "3", "--seed", "1"]
    assert cli.main(["compose", "ode_to_joy", *words]) == 0
    assert library.open_composition(library.list_compositions()[0].id).steps[-1].model == "my_reader"


def test_snapshots_of_a_transformer_are_refused(refused: Callable[..., str]) -> None:
    said = refused("train", "transformer_tiny", "--save", "my_reader", "--snapshots", "0,1")
    assert "--snapshots is for GANs; transformer_tiny trains transformers." in said


def test_every_option_of_a_technique_is_known_to_the_parser() -> None:
    options = {text for action in compose_actions() for text in action.option_strings}
    names = {action.dest for action in compose_actions()}
    for controls in cli.CONTROLS.values():
        assert set(controls) <= names
        assert set(controls.values()) <= options


def compose_actions() -> list[Any]:
    [commands] = [action for action in cli._parser()._actions if action.dest == "command"]
    assert isinstance(commands.choices, dict)
    return commands.choices["compose"]._actions


@pytest.mark.parametrize("words", [["--creative-risk", "99"], ["--sampling-iterations", "many"], ["--model", "none"]])
def test_the_techniques_own_refusals_are_one_sentence(refused: Callable[..., str], words: list[str]) -> None:
    assert words[1] in refused("compose", "ode_to_joy", *words)


@pytest.mark.parametrize("name", ["", "a/../b", "autoregressive_cnn_bach"])
def test_a_name_that_cannot_be_saved_under_is_refused_before_training(name, capsys, monkeypatch):
    def too_late(*_arguments, **_options):
        raise AssertionError("the training began")

    monkeypatch.setattr("deepcomposer_lab.training.train", too_late)
    assert cli.main(["train", "ar_cnn_tiny", "--save", name]) == 2
    said = capsys.readouterr().err
    assert "small letters" in said or "comes with DeepComposer Lab" in said


class TestStudio:
    def test_a_port_that_cannot_be_had_is_told_before_anything_starts(self, capsys, monkeypatch):
        monkeypatch.setattr(cli.os, "execve", lambda *_: pytest.fail("it started all the same"))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            assert cli.main(["studio", "--no-browser", f"--port={port}"]) == 2
        assert f"port {port} is in use; choose another one with --port" in capsys.readouterr().err
        assert cli.main(["studio", "--port=99999"]) == 2
        assert "a port lies in 1–65535; got 99999" in capsys.readouterr().err

    @pytest.mark.skipif(sys.platform == "win32", reason="There it stays a child.")
    def test_it_becomes_voila_on_that_port_and_theme_here_alone(self, monkeypatch, capsys):
        begun = []
        monkeypatch.setattr(cli.os, "execve", lambda *given: begun.append(given) or 0)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        assert cli.main(["studio", "--no-browser", "--dark", f"--port={port}"]) == 0
        ((_, command, surroundings),) = begun
        assert command[1:3] == ["-m", "voila"]
        assert {f"--port={port}", "--no-browser", "--theme=dark", "--Voila.ip=127.0.0.1"} <= set(command)
        assert Path(command[3]).is_file()
        templates = Path(surroundings["JUPYTER_PATH"].split(os.pathsep)[0], "voila", "templates")
        assert (templates / "deepcomposer_lab").is_dir()
        assert f"http://127.0.0.1:{port}/" in capsys.readouterr().out
