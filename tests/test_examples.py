"""The library of examples: chosen by the rule, made by the model that ships, and measured as it says."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import deepcomposer_lab as dc
from deepcomposer_lab import cli, examples
from deepcomposer_lab.benchmarks import examples as making
from deepcomposer_lab.benchmarks.harmony import Texture, dissonant_beats, notes_per_beat
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.examples import choose_tunes
from deepcomposer_lab.models.registry import MODELS_DIRECTORY, ModelCard, weights_path
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.midi import read_midi, write_midi
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

ALL_OPUS_BYTES = 3 * 1000**2
TUNES = {
    "the_little_girl_of_my_heart": "4/4",
    "the_fun_at_donnybrook": "6/8",
    "the_little_fair_child": "6/8",
    "the_red_haired_girl": "3/4",
}


# --- which melodies -----------------------------------------------------------------------------------------


def test_they_are_the_first_four_samples_and_four_tunes() -> None:
    assert examples.names() == [*sorted(list_sample_melodies())[:4], *TUNES]
    assert examples.example_melody("amazing_grace") == sample_melody("amazing_grace")
    assert {name: str(examples.example_melody(name).metre) for name in TUNES} == TUNES


def test_the_script_writes_the_very_tunes_that_are_here(tmp_path: Path) -> None:
    choose_tunes.write_tunes(tmp_path / "tunes.json")
    assert (tmp_path / "tunes.json").read_bytes() == examples.TUNES.read_bytes()


# Read by eye from the ABC: (onset, pitch, duration) of the first notes.
@pytest.mark.parametrize(
    ("name", "pickup", "bars", "opening"),
    [
        (
            "the_little_girl_of_my_heart",  # F-G | A-dd>-c d2 cd |
            1,
            16,
            [(0, 66, 0.5), (0.5, 67, 0.5), (1, 69, 0.5), (1.5, 74, 0.5), (2, 74, 0.75), (2.75, 73, 0.25), (3, 74, 1)],
        ),
        (
            "the_fun_at_donnybrook",  # B/2-A/2 | G>FD C>D^F | G3z2B/2-c/2 |, two flats
            0.5,
            10,
            [(0, 70, 0.25), (0.25, 69, 0.25), (0.5, 67, 0.75), (1.25, 65, 0.25), (1.5, 62, 0.5), (2, 60, 0.75),
             (2.75, 62, 0.25), (3, 66, 0.5), (3.5, 67, 1.5), (6, 70, 0.25)],
        ),
        ("the_little_fair_child", 0.5, 16, [(0, 67, 0.5), (0.5, 69, 0.5), (1, 74, 0.5), (1.5, 74, 0.5)]),
        ("the_red_haired_girl", 1.5, 16, [(0, 69, 0.25), (0.25, 67, 0.25), (0.5, 66, 0.5), (1, 64, 0.5), (1.5, 62, 1)]),
    ],
)  # fmt: skip
def test_the_tunes_open_as_they_are_printed(name: str, pickup: float, bars: int, opening: list) -> None:
    melody = examples.example_melody(name)
    assert [(note.onset, note.pitch, note.duration) for note in melody.notes[: len(opening)]] == opening
    assert melody.pickup == pickup
    assert melody.end == bars * melody.metre.bar_beats
    assert melody.notes[-1].offset == melody.end


def test_a_tie_joins_what_a_slur_does_not() -> None:
    last = examples.example_melody("the_fun_at_donnybrook").notes[-1]  # A G3-G2
    assert (last.onset, last.pitch, last.duration) == (27.5, 67, 2.5)


def melody_grams(pitches: NDArray[np.int64]) -> set[tuple[int, ...]]:
    """The measure of datasets/bach_chorales/README.md: six intervals, repeated notes counted once."""
    moves = [int(move) for move in np.diff(pitches) if move]
    return {tuple(moves[start : start + 6]) for start in range(len(moves) - 5)}


def test_no_chorale_has_the_melody_of_an_example() -> None:
    chorales = {
        piece.name: melody_grams(piece.notes[piece.notes[:, 3] == 0][:, 1])
        for piece in load_dataset("bach_chorales").pieces()
    }
    assert melody_grams(load_dataset("bach_chorales").pieces()[0].notes[:, 1])
    for name in examples.names():
        own = melody_grams(np.array([note.pitch for note in examples.example_melody(name)]))
        assert len(own) > 10
        shares = {other: 2 * len(own & grams) / (len(own) + len(grams)) for other, grams in chorales.items()}
        assert max(shares.values()) < 0.35, (name, max(shares, key=shares.__getitem__))


# --- the rule ------------------------------------------------------------------------------------------------


def abc(number: int, metre: str, key: str, bar: str, bars: int = 8, pickup: str = "", last: str = "") -> str:
    music = " | ".join([*([pickup] if pickup else []), *[bar] * (bars - bool(last)), *([last] if last else [])])
    return f'X: {number}\nT: Tune {number}\nM: {metre}\nL: 1/8\nZ: "Transcribed by Ada, ada@x"\nK:{key}\n{music} ||\n\n'


WHOLE = [
    abc(1, "C", "G", "GABc dcBA", bars=7),  # too short
    abc(2, "C", "G", "GABc dcBA", bars=17),  # too long
    abc(3, "C", "G", "(3GAB GABc dcB"),  # off the grid
    abc(4, "C", "G", "GABc dcBA", pickup="DE"),  # the last bar does not make up for the pickup
    abc(5, "C", "G", "{ag}GA-Bc d2>-A2", pickup="D2", last="G6"),  # fits
    abc(6, "C", "G", "GABc dcBA"),  # second of its kind
    abc(7, "6/8", "A Minor", "ABc c3"),  # in minor before it is in 6/8
    abc(8, "6/8", "Amix", "ABc cBA"),  # mixolydian is not minor
    abc(9, "3/4", "D", "D6", bars=16),
]


def test_the_first_of_each_kind_that_fits_is_chosen() -> None:
    found = choose_tunes.choose_tunes("".join(WHOLE))
    assert {tune["number"]: tune["chosen_as"] for tune in found.values()} == {5: "4/4", 7: "minor", 8: "6/8", 9: "3/4"}
    fifth = found["tune_5"]
    assert fifth["pickup"] == 1
    assert fifth["transcribed_by"] == "Ada"
    # Grace notes are gone, the slur joins nothing, the pair is dotted in spite of it; f is sharp in G, and c is not.
    assert fifth["notes"][:7] == [[0, 62, 1], [1, 67, 0.5], [1.5, 69, 0.5], [2, 71, 0.5], [2.5, 72, 0.5],
                                  [3, 74, 1.5], [4.5, 69, 0.5]]  # fmt: skip


def test_a_file_that_reserves_rights_or_lacks_a_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="rights"):
        choose_tunes.choose_tunes("% Copyright 1999\n\n" + "".join(WHOLE))
    with pytest.raises(ValueError, match="no fitting tune in 3/4"):
        choose_tunes.choose_tunes("".join(WHOLE[:-1]))


# --- the numbers ---------------------------------------------------------------------------------------------


def piece(*voices: list[tuple[float, int, float]], metre: tuple[int, int] = (4, 4), pickup: float = 0) -> Composition:
    tracks = tuple(Track(tuple(Note(*note) for note in voice), f"Voice {i}") for i, voice in enumerate(voices))
    return Composition(tracks, metres=(MetreChange(0, *metre),), pickup=pickup)


def test_notes_are_counted_as_kept_and_added() -> None:
    given = piece([(0, 60, 1), (1, 62, 1), (2, 64, 1), (3, 65, 1)])
    made = piece([(0, 60, 1), (1, 62, 1), (2, 64, 0.5)], [(0, 48, 2), (0, 55, 2), (3, 53, 1)])
    numbers = making.note_numbers(given, made)
    assert numbers["notes_kept"] == 2  # the third is another length, the fourth is gone
    assert numbers["notes_kept_share"] == 0.5
    assert numbers["notes_added"] == 4
    assert numbers["notes_per_beat"] == 6 / 4


def test_a_beat_is_a_dotted_quarter_in_six_eight_and_counted_from_the_bar_line() -> None:
    # An eighth before two bars; D against C on the second dotted quarter of bar 1 alone.
    voices = [[(0, 67, 0.5), (0.5, 60, 3), (3.5, 60, 3)], [(2, 62, 0.5)]]
    texture = making.texture_of(piece(*voices, metre=(6, 8), pickup=0.5))
    assert texture.beats == [0, 2, 8, 14, 20, 26]
    assert notes_per_beat(texture) == 4 / 5
    assert dissonant_beats(texture) == 1 / 5
    quarters = Texture.of(piece(*voices, metre=(3, 4), pickup=0.5))
    assert making.texture_of(piece(*voices, metre=(3, 4), pickup=0.5)).beats == quarters.beats
    assert dissonant_beats(quarters) == 0  # the quarters miss it


def test_the_key_is_the_one_that_music21_finds() -> None:
    from music21 import note as m21note
    from music21 import stream

    for name in examples.names():
        melody = examples.example_melody(name)
        line: Any = stream.Stream()
        for note in melody:
            line.append(m21note.Note(note.pitch, quarterLength=note.duration))
        found = line.analyze("key.krumhanslkessler")
        assert making.find_key(as_composition(melody)) == (found.tonic.pitchClass, int(found.mode == "minor")), name


def test_the_key_is_found_in_two_chorales_of_three_and_drums_have_none() -> None:
    pieces = load_dataset("bach_chorales").pieces("test")
    right = [making.find_key(piece.to_composition()) == piece.key for piece in pieces]
    assert np.mean(right) > 0.65
    whole = pieces[0].to_composition()
    drums = Track(tuple(Note(beat, 42, 1) for beat in range(200)), "Drums", is_drum=True)
    assert making.find_key(whole.with_tracks([*whole.tracks, drums])) == making.find_key(whole)


def test_level_and_silence_of_a_tone_that_stops() -> None:
    time = np.arange(48_000) / 48_000
    tone = (0.5 * np.sin(2 * math.pi * 440 * time)).astype(np.float32)
    audio = np.concatenate([tone, np.zeros(16_000, dtype=np.float32)])[:, None]
    numbers = making.audio_numbers(audio, 48_000)
    assert numbers["seconds"] == pytest.approx(4 / 3)
    assert numbers["peak_dbfs"] == pytest.approx(-6.02, abs=0.01)
    assert numbers["rms_dbfs"] == pytest.approx(-6.02 - 3.01 - 1.25, abs=0.01)  # a sine; three quarters of the time
    assert numbers["silence_share"] == pytest.approx(1 / 4, abs=0.03)
    assert making.audio_numbers(np.zeros((4_800, 1), dtype=np.float32), 48_000)["rms_dbfs"] == -120


# --- making them ---------------------------------------------------------------------------------------------


class OctaveBelow:
    """A technique that needs no network: it doubles the melody an octave below."""

    class model:
        class card:
            stem = "octave-3"

    def compose(self, music: Melody, *, seed: int) -> Composition:
        given = as_composition(music)
        low = given.tracks[0].with_notes([note.transpose(-12) for note in given.tracks[0].notes])
        step = CompositionStep("ar-cnn", "octave", "3", "ab" * 32, {}, seed, "0.1.0")
        return given.with_tracks([given.tracks[0], low]).with_step(step)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from deepcomposer_lab.techniques.ar_cnn import ARCNN

    monkeypatch.setattr(ARCNN, "from_pretrained", lambda name: OctaveBelow())
    monkeypatch.setattr(examples, "names", lambda: ["frere_jacques"])
    monkeypatch.setattr(examples, "example_melody", lambda name: sample_melody(name).trim(0, 4))
    (tmp_path / making.BACH).write_text(json.dumps({"pieces": 77, "numbers": dict.fromkeys(listed_numbers(), 0.5)}))
    making.make(tmp_path, report=lambda line: None)
    return tmp_path


def listed_numbers() -> list[str]:
    return [name for name, _, _ in making._COLUMNS]


def test_what_is_made_is_a_saved_composition_beside_its_sound(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == [
        "bach.json", "frere_jacques.json", "frere_jacques.mid", "frere_jacques.opus"
    ]  # fmt: skip
    [line] = examples.list_examples(made)
    assert (line.id, line.title) == ("frere_jacques", "Frère Jacques")
    opened = examples.open_example(line)
    assert opened == examples.open_example("frere_jacques", made)
    assert opened.steps[-1].seed == 1
    assert len(opened.tracks) == 2
    assert json.loads(line.path.read_text())["id"] == "frere_jacques"
    assert read_midi(line.midi_path).notes == read_midi(write_midi(opened)).notes
    assert soundfile.info(line.path.with_suffix(".opus")).duration > opened.seconds
    assert line.metrics is not None
    assert line.metrics["overall"]["empty_bar_rate"] == 0
    assert line.metrics["listening"]["notes_added"] == len(opened.tracks[0].notes)
    assert line.metrics["listening"]["notes_kept_share"] == 1


def test_the_table_has_a_line_for_each_their_mean_and_bach(made: Path) -> None:
    lines = making.table(made)
    assert lines[0] == "1 examples by octave-3, seed 1"
    assert [line.split()[0] for line in lines[2:6]] == ["seconds", "frere_jacques", "mean", "Bach,"]
    assert max(map(len, lines)) <= 120
    assert " 100% " in lines[3]
    assert lines[3].split()[1:] == lines[4].split()[3:]


def test_making_again_replaces_and_a_failure_leaves_what_was_there(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    making.make(made, report=lambda line: None)
    assert (made / "frere_jacques.opus").read_bytes() == before["frere_jacques.opus"]
    assert (made / "frere_jacques.json").read_bytes() != before["frere_jacques.json"]  # another moment
    before = {path.name: path.read_bytes() for path in made.iterdir()}

    def fail(*_: object, **__: object) -> bytes:
        raise OSError("no sound")

    monkeypatch.setattr(making.sound, "to_opus", fail)
    with pytest.raises(OSError, match="no sound"):
        making.make(made, report=lambda line: None)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_what_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"no example 'amazing'.*amazing_grace.*the_red_haired_girl"):
        examples.open_example("amazing")
    with pytest.raises(ValueError, match="no example 'ode_to_joy'"):  # a sample, and no example
        dc.example_melody("ode_to_joy")
    with pytest.raises(ValueError, match="has not been made"):
        examples.open_example("amazing_grace", tmp_path)
    with pytest.raises(ValueError, match="No example has been made"):
        making.table(tmp_path)
    assert examples.list_examples(tmp_path) == []
    assert cli.main(["examples", "--model", "autoregressive_cnn_bach"]) == 2
    assert capsys.readouterr().err == "Error: --model is for --make.\n"


# --- those that ship -----------------------------------------------------------------------------------------


def newest_model() -> ModelCard:
    cards = [ModelCard.read(path) for path in (MODELS_DIRECTORY / "cards").glob(f"{making.MODEL}-*.json")
             if weights_path(path).is_file()]  # fmt: skip
    return max(cards, key=lambda card: card.version)


@pytest.mark.parametrize("name", examples.names())
def test_each_was_made_by_the_model_that_ships_with_default_settings(name: str) -> None:
    card = newest_model()
    weights = weights_path(MODELS_DIRECTORY / "cards" / f"{card.stem}.json")
    composition = dc.open_example(name)
    [step] = composition.steps
    assert (step.technique, step.model, step.version) == ("ar-cnn", card.name, str(card.version)), (
        "the example is by another model; `deepcomposer-lab examples --make` makes it anew"
    )
    assert step.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert step.seed == 1
    defaults = {parameter.name: parameter.default for parameter in dc.ARCNN.parameters}
    assert {
        **defaults,
        "keep_melody": False,
        "locked": [],
        "choir": False,
        "avoid_parallels": True,
    }.items() <= step.parameters.items()


@pytest.mark.parametrize("name", examples.names())
def test_each_is_what_its_files_and_numbers_say(name: str) -> None:
    [line] = [line for line in dc.list_examples() if line.id == name]
    composition, melody = dc.open_example(name), dc.example_melody(name)
    assert composition.title == melody.title
    assert composition.metres == (melody.metre,)
    assert line.midi_path.read_bytes() == write_midi(composition)
    audio, rate = soundfile.read(line.path.with_suffix(".opus"), dtype="float32", always_2d=True)
    assert 0 < len(audio) / rate - composition.seconds < 3.1
    numbers = making.note_numbers(as_composition(melody), composition) | making.audio_numbers(audio, rate)
    assert line.metrics is not None
    assert dict(line.metrics["listening"]) == pytest.approx(numbers, rel=1e-6, abs=1e-3)
    assert numbers["notes_added"] > len(melody)
    assert numbers["peak_dbfs"] < 0
    assert -30 < numbers["rms_dbfs"] < -10
    assert numbers["silence_share"] < 0.2


def test_their_sound_keeps_to_its_budget() -> None:
    sizes = [line.path.with_suffix(".opus").stat().st_size for line in dc.list_examples()]
    assert len(sizes) == 8
    assert sum(sizes) < ALL_OPUS_BYTES


def test_the_folder_holds_nothing_else() -> None:
    wanted = {f"{name}.{ending}" for name in examples.names() for ending in ("json", "mid", "opus")}
    wanted |= {"__init__.py", "choose_tunes.py", "tunes.json", "README.md", making.BACH}
    assert {path.name for path in examples.FOLDER.iterdir() if path.name != "__pycache__"} == wanted


def test_bachs_row_is_the_mean_of_the_test_chorales() -> None:
    kept = json.loads((examples.FOLDER / making.BACH).read_text(encoding="utf-8"))
    pieces = load_dataset("bach_chorales").pieces("test")
    numbers = making.mean_of([making.bach_note_numbers(piece.to_composition()) for piece in pieces])
    assert kept["pieces"] == len(pieces) == 77
    assert {name: kept["numbers"][name] for name in numbers} == pytest.approx(numbers)
    assert set(kept["numbers"]) >= set(listed_numbers())
    soprano = np.mean([(piece.notes[:, 3] == 0).sum() for piece in pieces])
    assert numbers["notes_kept"] == pytest.approx(soprano)
    assert numbers["notes_added"] == pytest.approx(np.mean([len(piece.notes) for piece in pieces]) - soprano)


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["examples"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n{name} " in printed for name in examples.names())
    assert "\nBach, 77 chorales " in printed
    assert max(map(len, printed.splitlines())) <= 120
