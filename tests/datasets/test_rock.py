"""The rock songs: the WAD reader on a hand-made file, the shipped file against its manifest, and what a band plays."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from bands import TUNE, band, midi_bytes

from deepcomposer_lab.datasets import Song, load_dataset
from deepcomposer_lab.datasets.saving import count_songs
from deepcomposer_lab.datasets.songs import check_song, songs_to_arrays

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "datasets" / "rock"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rock_prepare", FOLDER / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prepare = load_script()


@pytest.fixture(scope="module")
def songs() -> list[Song]:
    return load_dataset("rock").songs()


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))


# --- the reader ----------------------------------------------------------------------------------------------------


def wad(lumps: dict[str, bytes]) -> bytes:
    """Lay lumps out as the Doom engine does: header, contents, directory."""
    header, contents, directory = 12, b"", b""
    for name, data in lumps.items():
        directory += struct.pack("<ii8s", header + len(contents), len(data), name.split("#")[0].encode())
        contents += data
    return struct.pack("<4sii", b"IWAD", len(lumps), header + len(contents)) + contents + directory


def test_lumps_are_named_and_cut_as_the_directory_says() -> None:
    lumps = {"PLAYPAL": b"colours", "E1M1": b"", "D_E1M1": b"MThd song"}
    assert list(prepare.lumps(wad(lumps))) == list(lumps.items())


def test_songs_are_the_midi_lumps_each_content_once(tmp_path: Path) -> None:
    song = midi_bytes(band())
    one, two = tmp_path / "one.wad", tmp_path / "two.wad"
    one.write_bytes(wad({"PLAYPAL": b"colours", "D_E1M1": song, "D_E1M2": midi_bytes(band(), metres=[(0, 3, 4)])}))
    two.write_bytes(wad({"D_RUNNIN": song, "D_SOUND": b"RIFF"}))
    songs, sources = prepare.read_songs([one, two])
    assert [entry.name for entry in songs] == ["one/E1M1"]
    assert songs[0].track_notes("melody")[:, 1].tolist() == TUNE
    assert sources["one/E1M1"] == {
        "sha256": hashlib.sha256(song).hexdigest(),
        "also": ["two/RUNNIN"],
        "bars": 8,
        "notes": len(songs[0].notes),
        "moved": 0,
    }
    assert sources["one/E1M2"]["left_out"].startswith("11 bars in 3/4")


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"PK\3\4", "no WAD file"), (wad({"D_E1M1": b"MThd"})[:4] + struct.pack("<ii", 1, 12) + b"\x7f" * 16, "cut off")],
)
def test_what_is_no_wad_is_named(data: bytes, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        list(prepare.lumps(data))


def test_a_missing_wad_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="package freedoom"):
        prepare.main([str(tmp_path / "none.wad")])


def test_another_release_stops_before_anything_is_written(tmp_path: Path) -> None:
    other = tmp_path / "freedoom1.wad"
    other.write_bytes(wad({"D_E1M1": midi_bytes(band())}))
    with pytest.raises(SystemExit, match=r"differences[\s\S]*freedoom1/E1M1[\s\S]*nothing was written"):
        prepare.main([str(other), "--output", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not all(path.is_file() for path in prepare.DEFAULT_WADS), reason="Freedoom is not installed")
def test_prepare_reads_again_exactly_what_is_shipped(songs: list[Song], manifest: dict) -> None:
    made, sources = prepare.read_songs(prepare.DEFAULT_WADS)
    prepare.check(sources, count_songs(made), manifest)
    arrays, shipped = songs_to_arrays(made), load_dataset("rock").arrays
    assert arrays.keys() == shipped.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, shipped[name], err_msg=name)


# --- the file that is shipped --------------------------------------------------------------------------------------


def test_every_song_is_sound_and_counted(songs: list[Song], manifest: dict) -> None:
    for song in songs:
        check_song(song)
        assert song.notes[0, 0] < 48  # it starts with a bar that sounds
    assert count_songs(songs) == manifest["totals"] == load_dataset("rock").card["counts"]
    lines = {name: line for name, line in manifest["sources"].items() if "bars" in line}
    assert [song.name for song in songs] == list(lines)
    assert [song.bars for song in songs] == [line["bars"] for line in lines.values()]
    assert [len(song.notes) for song in songs] == [line["notes"] for line in lines.values()]
    assert len(manifest["sources"]) == 66
    assert sum("left_out" in line for line in manifest["sources"].values()) == 66 - len(songs)


def test_the_file_is_the_one_of_its_card() -> None:
    data, card = (FOLDER / "rock.npz").read_bytes(), load_dataset("rock").card
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (card["sha256"], card["bytes"])
    assert prepare.arrays_digest(load_dataset("rock").arrays) == card["arrays_sha256"]
    assert card["sha256"] in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(data) < 1_000_000


def test_its_licence_goes_where_it_goes() -> None:
    text = (FOLDER / "LICENSE").read_text(encoding="utf-8")
    assert "Redistributions in binary form must reproduce the above copyright" in text
    with open(ROOT / "pyproject.toml", "rb") as file:
        included = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for name in ("rock.npz", "card.json", "README.md", "LICENSE"):
        assert included[f"datasets/rock/{name}"] == f"deepcomposer_lab/_datasets/rock/{name}"


def test_splits_follow_the_folds_and_folds_are_about_equal(songs: list[Song]) -> None:
    expected = {0: "test", 1: "validation", 2: "train", 3: "train", 4: "train"}
    assert all(song.split == expected[song.fold] for song in songs)
    bars = [sum(song.bars for song in songs if song.fold == fold) for fold in range(5)]
    assert max(bars) < 1.1 * min(bars)


def test_a_band_could_play_it(songs: list[Song]) -> None:
    played = {role: [song.track_notes(role) for song in songs] for role in ("melody", "bass", "guitar", "strings")}
    for role in ("melody", "bass"):
        for notes in played[role]:
            assert (notes[1:, 0] >= notes[:-1, 0] + notes[:-1, 2]).all(), f"two notes of the {role} at once"
    bass = np.concatenate(played["bass"])[:, 1]
    assert bass.min() >= 28
    assert (bass <= 60).mean() > 0.99
    middles = {role: np.median(np.concatenate(notes)[:, 1]) for role, notes in played.items()}
    assert middles["bass"] < middles["guitar"] < middles["melody"]
    lengths = {role: np.mean(np.concatenate(notes)[:, 2]) for role, notes in played.items()}
    assert lengths["strings"] > 2 * lengths["guitar"]


def test_there_is_a_melody_and_it_is_no_pad(songs: list[Song]) -> None:
    shares = [len(np.unique(song.track_notes("melody")[:, 0] // 48)) / song.bars for song in songs]
    assert np.median(shares) > 0.75
    assert min(shares) > 0.1
    notes = sum(len(song.track_notes("melody")) for song in songs)
    bars = sum(share * song.bars for share, song in zip(shares, songs, strict=True))
    assert 3 < notes / bars < 8
