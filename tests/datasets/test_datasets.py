"""Loading datasets, their pieces as music, and the public JSB file."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from deepcomposer_lab import datasets
from deepcomposer_lab.datasets import Piece, list_datasets, load_dataset, read_jsb, read_jsb_frames
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.note import Note

SHIPPED = Path(__file__).resolve().parents[2] / "datasets"


@pytest.fixture(autouse=True)
def only_the_project_s_own(monkeypatch):
    monkeypatch.delenv("DEEPCOMPOSER_LAB_DATASETS", raising=False)


@pytest.fixture(scope="module")
def chorales() -> datasets.Dataset:
    return load_dataset("bach_chorales")


def test_splits_are_disjoint_and_all_pieces_are_there(chorales):
    names = {split: [piece.name for piece in chorales.pieces(split)] for split in datasets.SPLITS}
    assert {split: len(found) for split, found in names.items()} == {"train": 235, "validation": 72, "test": 77}
    everything = chorales.pieces()
    assert len(everything) == len(chorales) == 407
    together = [name for found in names.values() for name in found]
    assert len(set(together)) == len(together)
    left_out = {piece.name for piece in everything} - set(together)
    assert left_out == {piece.name for piece in everything if piece.split == "left out"}
    assert sum(not piece.heard_melody for piece in chorales.pieces("test")) == 36
    assert all(piece.heard_melody for piece in chorales.pieces("train"))
    assert chorales.card["counts"]["notes"] == sum(len(piece.notes) for piece in everything)


def test_a_piece_known_by_heart(chorales):
    """BWV 66.6 in F sharp minor, as every edition prints it: c♯″ b′ | a′ b′ c♯″ e″ | c♯″ …"""
    piece = next(piece for piece in chorales.pieces() if piece.name == "bwv66.6")
    assert (piece.metre, piece.pickup, piece.key, piece.steps_per_beat) == ((4, 4), 4, (6, 1), 4)
    assert piece.notes.dtype == np.int64
    soprano = piece.notes[piece.notes[:, 3] == 0]
    assert soprano[:7, 1].tolist() == [73, 71, 69, 71, 73, 76, 73]
    assert soprano[:7, 0].tolist() == [0, 2, 4, 8, 12, 16, 20]
    assert piece.notes[piece.notes[:, 3] == 3][:3].tolist() == [[0, 57, 2, 3], [2, 56, 2, 3], [4, 54, 4, 3]]


def test_a_piece_becomes_a_composition_of_four_tracks():
    piece = Piece(
        name="small",
        notes=np.array([[0, 72, 2, 0], [0, 48, 12, 3], [2, 74, 6, 0], [4, 65, 1, 1]]),
        steps=16,
        metre=(3, 4),
        pickup=4,
        key=(0, 0),
        split="train",
        heard_melody=True,
        metre_changes=((16, 4, 4),),
    )
    composition = piece.to_composition()
    assert [track.name for track in composition.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert [track.notes for track in composition.tracks] == [
        (Note(0, 72, 0.5), Note(0.5, 74, 1.5)),
        (Note(1, 65, 0.25),),
        (),
        (Note(0, 48, 3),),
    ]
    assert (composition.pickup, composition.title) == (1.0, "small")
    assert composition.metres == (MetreChange(0, 3, 4), MetreChange(4, 4, 4))
    with pytest.raises(dataclasses.FrozenInstanceError):
        piece.name = "other"


def test_every_piece_survives_the_way_to_music(chorales):
    for piece in chorales.pieces()[::20]:
        composition = piece.to_composition()
        back = [
            [round(note.onset * 4), note.pitch, round(note.duration * 4), voice]
            for voice, track in enumerate(composition.tracks)
            for note in track.notes
        ]
        assert sorted(back) == sorted(piece.notes.tolist())
        assert composition.end * 4 <= piece.steps


def test_arrays_cannot_be_changed_and_pieces_are_copies(chorales):
    with pytest.raises(ValueError, match="read-only"):
        chorales.arrays["notes"][0, 0] = 1
    with pytest.raises(TypeError):
        chorales.arrays["notes"] = None
    first = chorales.pieces("test")[0]
    first.notes[0, 1] = 0
    assert chorales.pieces("test")[0].notes[0, 1] != 0


def test_an_unknown_name_or_split_is_answered_with_what_there_is(chorales):
    there = list_datasets()
    assert {"bach_chorales", "folk_tunes", "jazz", "pop", "rock", "rock_arranged"} <= set(there)
    with pytest.raises(ValueError, match=rf"no dataset called 'bach'\. There is: {', '.join(there)}\."):
        load_dataset("bach")
    with pytest.raises(ValueError, match="train, validation, test; got 'valid'"):
        chorales.pieces("valid")


@pytest.mark.parametrize("wrong", [3, None, ["bach_chorales"]])
def test_a_name_that_is_no_text_is_refused_in_one_sentence(wrong):
    with pytest.raises(TypeError, match=r"^A dataset is named by a text such as"):
        load_dataset(wrong)


def test_the_environment_may_point_elsewhere(tmp_path, monkeypatch):
    shutil.copytree(SHIPPED / "bach_chorales", tmp_path / "copy")
    (tmp_path / "copy" / "bach_chorales.npz").rename(tmp_path / "copy" / "copy.npz")
    (tmp_path / "copy" / "card.json").write_text(json.dumps({"name": "copy"}), encoding="utf-8")
    (tmp_path / "no_dataset").mkdir()
    shipped = list_datasets()
    monkeypatch.setenv("DEEPCOMPOSER_LAB_DATASETS", str(tmp_path))
    assert list_datasets() == sorted([*shipped, "copy"])
    assert load_dataset("copy").card == {"name": "copy"}
    assert len(load_dataset("copy").pieces("validation")) == 72


def test_an_installed_package_finds_what_lies_inside_it(tmp_path, monkeypatch):
    inside = tmp_path / "deepcomposer_lab" / "_datasets" / "bach_chorales"
    inside.mkdir(parents=True)
    (tmp_path / "datasets" / "somebody_elses").mkdir(parents=True)
    monkeypatch.setattr(datasets, "_PACKAGE", tmp_path / "deepcomposer_lab")
    assert list_datasets() == []
    with pytest.raises(ValueError, match="data files are missing"):
        load_dataset("bach_chorales")
    for name in ("bach_chorales.npz", "card.json"):
        shutil.copy(SHIPPED / "bach_chorales" / name, inside)
    assert list_datasets() == ["bach_chorales"]
    assert len(load_dataset("bach_chorales")) == 407


def test_loading_needs_neither_torch_nor_music21():
    code = (
        "import sys; from deepcomposer_lab.datasets import load_dataset; load_dataset('bach_chorales').pieces('test');"
        "print(sorted({'torch', 'music21', 'pypianoroll', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the public JSB file -----------------------------------------------------------------------------------------

REST = np.nan


def jsb_file(path: Path, **splits: list) -> Path:
    """Write a file laid out like Jsb16thSeparated.npz: object arrays of float (T, 4) arrays."""
    arrays = {}
    for key in ("train", "valid", "test"):
        pieces = splits.get(key, [])
        arrays[key] = np.empty(len(pieces), object)
        for index, piece in enumerate(pieces):
            arrays[key][index] = np.array(piece, float)
    np.savez(path, **arrays)
    return path


def test_equal_neighbours_are_one_note_and_rests_are_gaps(tmp_path):
    piece = [
        [72, 67, 60, 48],
        [72, 67, 60, REST],
        [74, REST, 60, REST],
        [74, 67, 60, 47],
        [72, 67, 62, 47],
    ]
    path = jsb_file(tmp_path / "jsb.npz", train=[piece], test=[piece, piece[:2]])
    frames = read_jsb_frames(path)
    assert [len(frames[split]) for split in ("train", "validation", "test")] == [1, 0, 2]
    assert frames["test"][0].dtype == np.int16
    assert frames["test"][0][2].tolist() == [74, -1, 60, -1]
    first, second = read_jsb(path, "test")
    assert first.notes.tolist() == [
        [0, 72, 2, 0],
        [0, 67, 2, 1],
        [0, 60, 4, 2],
        [0, 48, 1, 3],
        [2, 74, 2, 0],
        [3, 67, 2, 1],
        [3, 47, 2, 3],
        [4, 72, 1, 0],
        [4, 62, 1, 2],
    ]
    assert (first.name, first.split, first.steps) == ("jsb-test-0", "test", 5)
    assert second.notes[:, 2].tolist() == [2, 2, 2, 1]


def test_metre_pickup_and_key_come_from_the_same_chorale(tmp_path, chorales):
    blank = [[72, 67, 60, 48]] * 4
    path = jsb_file(tmp_path / "jsb.npz", train=[blank] * 229, valid=[blank] * 76, test=[blank] * 77)
    test = read_jsb(path, "test")
    arrays = chorales.arrays
    known = {int(arrays["jsb_index"][i]): str(arrays["names"][i]) for i in np.flatnonzero(arrays["split"] == 2)}
    ours = {piece.name: piece for piece in chorales.pieces("test")}
    for index, piece in enumerate(test):
        partner = ours[known[index]]
        assert (piece.metre, piece.key, piece.heard_melody) == (partner.metre, partner.key, partner.heard_melody)
        if partner.notes[0, 0] == 0:
            assert piece.pickup == partner.pickup
    # This one opens with a beat's rest in 4/4, which the public file leaves out: its first note is a pickup of 3 beats.
    assert known[35] == "bwv339"
    assert (ours["bwv339"].pickup, int(ours["bwv339"].notes[0, 0]), test[35].pickup) == (0, 4, 12)
    assert sum(not piece.heard_melody for piece in test) == 36
    # Training piece 25 has no file of ours.
    alone = read_jsb(path, "train")[25]
    assert (alone.metre, alone.pickup, alone.key, alone.metre_changes) == ((4, 4), 0, (0, 0), ())


def test_a_doctored_file_runs_no_code(tmp_path):
    marker = tmp_path / "ran"

    class Harmful:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    path = jsb_file(tmp_path / "jsb.npz", test=[[[72, 67, 60, 48]]])
    bad = np.empty(1, object)
    bad[0] = Harmful()
    np.savez(path, train=bad, valid=bad, test=bad)
    with pytest.raises(ValueError, match="not the public"):
        read_jsb(path)
    assert not marker.exists()
    with zipfile.ZipFile(path) as archive:  # the trap itself works: a plain unpickler steps into it
        data = archive.read("test.npy")
    pickle.loads(data[data.index(b"\x80\x04") if b"\x80\x04" in data else data.index(b"\x80\x03") :])
    assert marker.exists()


def test_files_that_are_something_else_are_named(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("C D E", encoding="utf-8")
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, train=np.zeros(3), valid=np.zeros(3), test=np.zeros(3))
    piano_roll = jsb_file(tmp_path / "roll.npz", train=[np.zeros((3, 88))])
    whole = jsb_file(tmp_path / "whole.npz", test=[np.zeros((300, 4))])
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(ValueError, match="There is no file"):
        read_jsb(tmp_path / "missing.npz")
    for path, found in ((text, "zip"), (wrong, "not lists of pieces"), (piano_roll, r"\(3, 88\)"), (cut, "zip")):
        with pytest.raises(ValueError, match=rf"not the public Jsb16thSeparated\.npz[\s\S]*{found}"):
            read_jsb(path)
    with pytest.raises(ValueError, match="got 'valid'"):
        read_jsb(whole, "valid")
