"""The library: what is saved comes back exactly, nothing is lost, names take any title."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepcomposer_lab import library
from deepcomposer_lab.library import LibraryError
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.midi import read_midi
from deepcomposer_lab.music.note import Note


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "library"
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(folder))
    return folder


def piece(title: str = "Ode to Joy") -> Composition:
    """A piece that uses every field, with numbers that no rounding leaves alone."""
    return Composition(
        tracks=(
            Track([Note(0.1 + 0.2, 64, 1 / 3, 81), Note(2, 67, 0.5)], "Melody", 73),
            Track([Note(0, 36, 0.25, 127)], "Drums", 0, is_drum=True),
            Track((), "Empty", 48),
        ),
        tempos=(TempoChange(0, 99.9), TempoChange(3.5, 140)),
        metres=(MetreChange(0, 3, 4), MetreChange(4, 6, 8)),
        pickup=1.0,
        title=title,
        steps=(
            CompositionStep("import", remarks=("One note was repaired.",)),
            CompositionStep(
                technique="ar-cnn",
                model="autoregressive_cnn_bach",
                version="1",
                weights_sha256="ab" * 32,
                parameters={
                    "creative_risk": 1.5,
                    "sampling_iterations": 150,
                    "names": ["a", "b"],
                    "none": None,
                },
                seed=2**63,
                package_version="0.1.0",
                remarks=("The drum track passed through untouched.", "♪"),
            ),
        ),
    )


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    library._known.clear()


# --- saving and opening -------------------------------------------------------------------------------------


def test_the_json_alone_restores_the_exact_composition(home: Path) -> None:
    saved = library.save_composition(piece())
    saved.midi_path.unlink()
    assert library.open_composition(saved) == piece()
    assert library.open_composition(saved.id) == piece()
    assert library.open_composition(str(saved.path)) == piece()


def test_what_was_saved_or_opened_is_known_by_its_id(home: Path) -> None:
    assert library.id_of(piece()) is None
    saved = library.save_composition(piece())
    assert library.id_of(piece()) == saved.id
    assert library.id_of(piece("Another")) is None
    library._known.clear()
    opened = library.open_composition(saved.path)
    assert library.id_of(opened) == saved.id


def test_a_composition_is_two_files_named_by_day_slug_and_four_hex_digits(home: Path) -> None:
    saved = library.save_composition(piece("Für Elise: the opening!"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-fur-elise-the-opening-[0-9a-f]{4}", saved.id)
    assert files(home) == {f"{saved.id}.json", f"{saved.id}.mid"}
    assert [note.pitch for note in read_midi(saved.midi_path).notes] == [36, 64, 67]


def test_parents_metrics_and_time_are_kept(home: Path) -> None:
    parent = library.save_composition(piece("Parent"))
    child = library.save_composition(
        piece("Child"),
        parents=[parent, "2025-01-01-older-0000"],
        metrics={"overall": {"empty_bar_rate": 0.25}},
    )
    [newest, oldest] = library.list_compositions()
    assert newest == child
    assert oldest == parent
    assert newest.parents == (parent.id, "2025-01-01-older-0000")
    assert newest.metrics == {"overall": {"empty_bar_rate": 0.25}}
    assert oldest.metrics is None
    assert newest.created.utcoffset() is not None
    assert library.find_composition(child.id) == child


def test_numbers_of_numpy_are_kept_as_plain_numbers(home: Path) -> None:
    step = CompositionStep("ar-cnn", parameters={"risk": np.float32(0.5), "count": np.int64(3), "on": np.bool_(True)})
    saved = library.save_composition(piece().with_step(step))
    assert dict(library.open_composition(saved).steps[-1].parameters) == {"risk": 0.5, "count": 3, "on": True}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_json_cannot_keep_is_refused_and_nothing_is_written(home: Path, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match="parameters"):
        library.save_composition(piece().with_step(CompositionStep("edit", parameters={"odd": value})))
    assert not home.exists()
    with pytest.raises(TypeError, match="keeps a Composition"):
        library.save_composition([Note(0, 60, 1)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "title",
    [
        "",
        "🎹🎶",
        "a/b\\c:d*e?",
        "../../etc/passwd",
        "x" * 300,
        "日本の歌",
        "  ",
        "con\nnul\0",
        "\ud800",
        "-- --",
        ".",
    ],
)
def test_any_title_can_be_saved(home: Path, title: str) -> None:
    saved = library.save_composition(piece(title))
    assert saved.title == piece(title).title
    assert library.open_composition(saved.id) == piece(title)
    assert len(saved.path.name) < 64
    assert saved.path.parent == home
    assert re.fullmatch(r"[a-z0-9.-]+", saved.path.name)
    assert [line.id for line in library.list_compositions()] == [saved.id]


note_values = st.builds(
    Note,
    st.floats(0, 1e4, allow_nan=False),
    st.integers(0, 127),
    st.floats(1e-3, 100, allow_nan=False),
    st.integers(1, 127),
)


@given(st.lists(note_values, max_size=8), st.text(max_size=20), st.floats(4, 1000), st.integers())
@settings(max_examples=40, deadline=None)
def test_whatever_is_saved_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, notes: list[Note], text: str, bpm: float, seed: int
) -> None:
    composition = Composition(
        (Track(notes, text),),
        (TempoChange(0, bpm),),
        title=text,
        steps=(CompositionStep("ar-cnn", parameters={text: bpm}, seed=seed, remarks=(text,)),),
    )
    saved = library.save_composition(composition, directory=tmp_path_factory.mktemp("library"))
    assert library.open_composition(saved.path) == composition


def test_four_digits_that_are_taken_are_drawn_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = iter(["aaaa", "aaaa", "bbbb", "aaaa", "bbbb", "cccc"])
    monkeypatch.setattr(library.secrets, "token_hex", lambda count: next(digits))
    first, second = library.save_composition(piece()), library.save_composition(piece())
    library.delete_composition(second)  # a name in the trash is taken too
    third = library.save_composition(piece())
    assert [saved.id[-4:] for saved in (first, second, third)] == ["aaaa", "bbbb", "cccc"]


def test_a_failed_write_leaves_nothing_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = library.save_composition(piece("Kept"))

    def full_disk(path: Path, data: bytes) -> None:
        if path.suffix == ".json":
            raise OSError("No space left on device")
        path.write_bytes(data)

    monkeypatch.setattr(library, "write_atomically", full_disk)
    with pytest.raises(OSError, match="No space"):
        library.save_composition(piece("Lost"))
    assert files(home) == {f"{kept.id}.json", f"{kept.id}.mid"}


# --- damage and other versions ------------------------------------------------------------------------------


def spoilt(content: dict, how: str) -> str:
    if how == "cut off":
        return json.dumps(content)[:-40]
    if how == "not an object":
        return "[1, 2]"
    if how == "empty":
        return ""
    if how == "no notes":
        del content["composition"]["tracks"][0]["notes"]
    if how == "wrong pitch":
        content["composition"]["tracks"][0]["notes"][0][1] = 200
    if how == "no title":
        del content["title"]
    if how == "text for a number":
        content["composition"]["tempos"] = [["zero", 100]]
    return json.dumps(content)


@pytest.mark.parametrize(
    "how", ["cut off", "not an object", "empty", "no notes", "wrong pitch", "no title", "text for a number"]
)
def test_a_damaged_file_is_named_and_left_as_it_is(home: Path, how: str) -> None:
    good = library.save_composition(piece("Good"))
    bad = library.save_composition(piece("Bad"))
    text = spoilt(json.loads(bad.path.read_text()), how)
    bad.path.write_text(text)
    with pytest.raises(LibraryError, match=r"is damaged .*read_midi") as error:
        library.open_composition(bad.id)
    assert bad.path.name in str(error.value)
    assert "\n" not in str(error.value)
    assert bad.path.read_text() == text
    assert library.open_composition(good.id) == piece("Good")


def at(*path: str | int, value: object) -> Callable[[dict], str]:
    """Return a way to put a wrong value somewhere into a file's content."""

    def put(content: dict) -> str:
        place = content
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        return json.dumps(content)

    return put


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: "[1, 2]", "all of it should be a group of named values, and is [1, 2]"),
        (lambda content: "", "it is empty"),
        (lambda content: json.dumps(content)[:-40], "it is cut off or garbled at line 1, column "),
        (lambda content: "[" * 100_000, "its brackets are nested too deeply"),
        (at("title", value=3), "'title' should be text, and is 3"),
        (at("format_version", value="1"), """'format_version' should be a whole number, and is "1\""""),
        (at("composition", value=None), "'composition' should be a group of named values, and is null"),
        (at("composition", "tracks", value={"a": 1}), """'tracks' should be a list, and is {"a": 1}"""),
        (at("composition", "tracks", 0, value=[]), "an item of 'tracks' should be a group of named values, and is []"),
        (at("composition", "tracks", 1, "name", value=3), "'name' should be text, and is 3"),
        (at("composition", "tracks", 0, "program", value="x"), """'program' should be a whole number, and is "x\""""),
        (at("composition", "tracks", 0, "is_drum", value=0), "'is_drum' should be true or false, and is 0"),
        (at("composition", "tracks", 0, "notes", 1, value=[0, 60]), "an item of 'notes' has 2 numbers instead of 4"),
        (at("composition", "tracks", 0, "notes", 1, 2, value=None), "a number of 'notes' should be a number, and is"),
        (at("composition", "metres", 0, 1, value=True), "a number of 'metres' should be a number, and is true"),
        (at("composition", "pickup", value=float("inf")), "it holds Infinity, which is no finite number"),
        (at("composition", "steps", 0, "remarks", value="ab"), """'remarks' should be a list, and is "ab\""""),
        (at("composition", "steps", 1, "parameters", value=[1]), "'parameters' should be a group of named values"),
        (lambda content: json.dumps(content).replace("99.9", "1e999"), "it holds 1e999, which is no finite number"),
    ],
)
def test_damage_is_told_in_plain_words(home: Path, spoil: Callable[[dict], str], said: str) -> None:
    saved = library.save_composition(piece())
    saved.path.write_text(spoil(json.loads(saved.path.read_text())))
    with pytest.raises(LibraryError) as error:
        library.open_composition(saved.id)
    assert f"{saved.path.name} is damaged ({said}" in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (at("created", value="yesterday"), "'created' should be a date and time, and is 'yesterday'"),
        (at("created", value=None), "'created' should be text, and is null"),
        (at("parents", value="abc"), """'parents' should be a list, and is "abc\""""),
        (at("metrics", value=[1]), "'metrics' should be a group of named values, and is [1]"),
        (at("composition", "pickup", value=float("nan")), "it holds NaN, which is no finite number"),
    ],
)
def test_a_damaged_line_is_told_in_plain_words_and_not_renamed(
    home: Path, spoil: Callable[[dict], str], said: str
) -> None:
    saved = library.save_composition(piece())
    text = spoil(json.loads(saved.path.read_text()))
    saved.path.write_text(text)
    for act in (library.find_composition, lambda id: library.rename_composition(id, "x")):
        with pytest.raises(LibraryError) as error:
            act(saved.id)
        assert f"is damaged ({said})" in str(error.value)
    assert saved.path.read_text() == text


def test_listing_survives_a_damaged_file_and_names_it(home: Path) -> None:
    good = library.save_composition(piece("Good"))
    bad = library.save_composition(piece("Bad"))
    bad.path.write_bytes(b"\xff\xfe{")
    (home / "notes.json").write_text("{}")  # not the library's: its name is of another kind
    with pytest.warns(UserWarning, match=bad.id) as warned:
        assert library.list_compositions() == [good]
    assert len(warned) == 1
    library.delete_composition(bad.id)
    assert library.list_compositions() == [good]


def test_a_newer_format_is_refused_by_name(home: Path) -> None:
    saved = library.save_composition(piece())
    content = json.loads(saved.path.read_text())
    assert content["format_version"] == 1
    saved.path.write_text(json.dumps(content | {"format_version": 2, "composition": "in another way"}))
    before = saved.path.read_bytes()
    for act in (
        library.open_composition,
        library.find_composition,
        lambda id: library.rename_composition(id, "x"),
    ):
        with pytest.raises(LibraryError, match=r"format 2.*newer.*Update"):
            act(saved.id)
    assert saved.path.read_bytes() == before


# --- renaming, deleting, exporting --------------------------------------------------------------------------


def test_renaming_changes_the_title_and_no_file_name(home: Path) -> None:
    saved = library.save_composition(piece(), metrics={"a": 1})
    before = files(home)
    renamed = library.rename_composition(saved.id, "Freude / Joy")
    assert (renamed.title, renamed.id, renamed.metrics) == ("Freude / Joy", saved.id, {"a": 1})
    assert files(home) == before
    assert library.open_composition(saved.id) == piece().with_title("Freude / Joy")
    assert [line.title for line in library.list_compositions()] == ["Freude / Joy"]


def test_what_is_deleted_can_be_restored_with_its_exports(home: Path) -> None:
    saved, other = library.save_composition(piece()), library.save_composition(piece("Other"))
    library.export_composition(saved, "wav", b"RIFF")
    library.delete_composition(saved.id)
    assert library.list_compositions() == [other]
    assert {f".trash/{saved.id}.{ending}" for ending in ("json", "mid", "wav")} <= files(home)
    with pytest.raises(LibraryError, match="was deleted; restore_composition"):
        library.open_composition(saved.id)
    assert library.restore_composition(saved.id) == saved
    assert library.open_composition(saved.id) == piece()
    assert (home / f"{saved.id}.wav").read_bytes() == b"RIFF"
    with pytest.raises(LibraryError, match=r"trash .* holds no"):
        library.restore_composition(saved.id)


@pytest.mark.parametrize("wrong", ["2025-01-01-nothing-0000", "ode_to_joy", "song.mid", "../x.json"])
def test_what_is_not_there_is_said(home: Path, wrong: str) -> None:
    with pytest.raises(LibraryError, match=r"holds no composition|neither an id"):
        library.open_composition(wrong)
    with pytest.raises(LibraryError, match="trash"):
        library.restore_composition(wrong)


@pytest.mark.parametrize("wrong", [3, None, piece(), ["a"]])
def test_what_names_no_composition_is_refused_in_one_sentence(home: Path, wrong: object) -> None:
    for act in (library.open_composition, library.find_composition, library.delete_composition):
        with pytest.raises(LibraryError, match=r"^A saved composition is named by its id.*; got "):
            act(wrong)
    with pytest.raises(LibraryError, match="holds no composition"):
        library.restore_composition(wrong)


def test_exports_arrive_as_bytes_and_get_fitting_names(home: Path, tmp_path: Path) -> None:
    saved = library.save_composition(piece())
    assert library.export_composition(saved, "musicxml", b"<xml>") == home / f"{saved.id}.musicxml"
    assert library.export_composition(saved.id, ".OPUS", b"OggS", tmp_path) == tmp_path / f"{saved.id}.opus"
    chosen = library.export_composition(saved, "wav", b"new", tmp_path / "song.WAV")
    assert chosen.read_bytes() == b"new"
    assert library.export_composition(saved, "wav", b"newer", chosen).read_bytes() == b"newer"
    unsaved = library.export_composition(piece("Not saved"), "npz", b"PK")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-not-saved-[0-9a-f]{4}\.npz", unsaved.name)
    assert [line.id for line in library.list_compositions()] == [saved.id]


def test_exports_of_another_kind_are_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown export format 'mp3'"):
        library.export_composition(piece(), "mp3", b"")
    with pytest.raises(ValueError, match=r"ends in \.wav"):
        library.export_composition(piece(), "wav", b"", tmp_path / "song.mid")
    assert not list(tmp_path.glob("song*"))


# --- where --------------------------------------------------------------------------------------------------


def test_the_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(tmp_path / "mine"))
    assert library.library_directory() == tmp_path / "mine"
    assert library.list_compositions() == []


def test_a_checkout_keeps_compositions_beside_its_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPCOMPOSER_LAB_HOME", raising=False)
    root = Path(library.__file__).parents[1]
    assert library.library_directory() == root / "notebooks" / "compositions"


def test_an_installed_package_looks_at_the_working_folder_then_the_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DEEPCOMPOSER_LAB_HOME", raising=False)
    monkeypatch.setattr(library, "__file__", str(tmp_path / "site-packages" / "deepcomposer_lab" / "library.py"))
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "data"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    fallback = library.library_directory()
    assert tmp_path in fallback.parents
    assert working not in fallback.parents
    assert fallback.parts[-2:] == ("deepcomposer_lab", "compositions")
    (working / "lesson.ipynb").write_text("{}")
    assert library.library_directory() == working / "compositions"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert library.library_directory() == fallback
