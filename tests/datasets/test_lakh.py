"""The Lakh Pianoroll Dataset: files that pypianoroll writes, against the notes that went into them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pypianoroll
import pytest
from bands import TUNE, band

from deepcomposer_lab.datasets import load_lakh_pianorolls
from deepcomposer_lab.datasets.lakh import read_pianoroll_source
from deepcomposer_lab.datasets.reduce import reduce_source
from deepcomposer_lab.datasets.songs import check_song
from deepcomposer_lab.datasets.sources import SourceError

STEPS = 24
NAMES = {"Drums": (0, True), "Piano": (0, False), "Guitar": (24, False), "Bass": (32, False), "Strings": (48, False)}


def lpd(bars: int = 8, higher: int = 0, downbeats: list[int] | None = None, seed: int = 0) -> pypianoroll.Multitrack:
    """A piece like those of LPD-5: the band, its melody in the piano; repeated notes have a step between them."""
    source = band(bars=bars)
    parts = dict(zip(("Piano", "Drums", "Bass", "Guitar", "Strings"), source.tracks, strict=True))
    rng = np.random.default_rng(seed)
    tracks = []
    for name, (program, is_drum) in NAMES.items():
        roll = np.zeros((4 * STEPS * bars, 128), dtype=np.uint8)
        for onset, pitch, duration in parts[name].notes:
            first = round(onset * STEPS)
            shift = 0 if is_drum else higher + (int(rng.integers(0, 5)) if seed and name == "Piano" else 0)
            roll[first : first + max(round(duration * STEPS) - 1, 1), int(pitch) + shift] = 90
        tracks.append(pypianoroll.StandardTrack(name=name, program=program, is_drum=is_drum, pianoroll=roll))
    beats = np.zeros((4 * STEPS * bars, 1), dtype=bool)
    beats[downbeats if downbeats is not None else np.arange(0, 4 * STEPS * bars, 4 * STEPS)] = True
    tempo = np.full((4 * STEPS * bars, 1), 112.5)
    return pypianoroll.Multitrack("piece", STEPS, tempo, beats, tracks)


def old_format(path: Path) -> None:
    """Turn a file into one of pypianoroll 0.1, in which LPD was published: `beat_resolution`, and flat arrays."""
    with np.load(path) as file:
        info = json.loads(file["info.json"])
        arrays = {name: file[name] for name in file.files if name != "info.json"}
    info["beat_resolution"] = info.pop("resolution")
    arrays |= {name: arrays[name].ravel() for name in ("tempo", "downbeat")}
    np.savez_compressed(path, **arrays)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("info.json", json.dumps(info))


def test_notes_are_those_that_pypianoroll_itself_plays(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rolls = [rng.integers(0, 128, (480, 128)) * (rng.random((480, 128)) < 0.5) for _ in range(2)]
    tracks = [pypianoroll.StandardTrack(name="x", program=7, pianoroll=roll.astype(np.uint8)) for roll in rolls]
    tracks.append(pypianoroll.BinaryTrack(name="y", is_drum=True, pianoroll=rolls[0] > 60))
    piece = pypianoroll.Multitrack("x", STEPS, np.full(480, 60.0 / 0.5), None, tracks)
    piece.save(tmp_path / "x.npz")
    source = read_pianoroll_source(tmp_path / "x.npz")
    played = pypianoroll.load(tmp_path / "x.npz").to_pretty_midi(default_tempo=60)
    assert [(t.name, t.program, t.is_drum) for t in source.tracks] == [("x", 7, False), ("x", 7, False), ("y", 0, True)]
    for track, instrument in zip(source.tracks, played.instruments, strict=True):
        expected = sorted((n.pitch, round(n.start * STEPS), round(n.end * STEPS)) for n in instrument.notes)
        got = sorted((int(p), round(o * STEPS), round((o + d) * STEPS)) for o, p, d in track.notes)
        assert got == expected
        assert len(got) > 1000


@pytest.mark.parametrize("old", [False, True])
def test_a_piece_becomes_a_song_with_the_piano_s_top_line_for_melody(old: bool, tmp_path: Path) -> None:
    lpd().save(tmp_path / "x.npz")
    if old:
        old_format(tmp_path / "x.npz")
    (song,) = reduce_source(read_pianoroll_source(tmp_path / "x.npz")).songs
    check_song(song)
    assert (song.name, song.bars, song.tempo) == ("x", 8, 112.5)
    assert song.track_notes("melody")[:, 1].tolist() == TUNE
    assert song.track_notes("melody")[:, 0].tolist() == list(range(0, 16 * 24, 24))
    assert song.track_notes("bass")[:, 1].tolist() == [36, 43] * 8
    assert set(song.track_notes("drums")[:, 1]) == {36, 38, 42}
    assert set(song.track_notes("guitar")[:, 1]) == {48, 52, 55}
    assert set(song.track_notes("strings")[:, 1]) == {60, 64, 67}


def test_downbeats_are_bar_lines(tmp_path: Path) -> None:
    lpd(9, downbeats=[STEPS * beat for beat in range(1, 36, 4)]).save(tmp_path / "pickup.npz")
    lpd(9, downbeats=[STEPS * beat for beat in range(0, 36, 3)]).save(tmp_path / "waltz.npz")
    lpd(9, downbeats=[0]).save(tmp_path / "unknown.npz")
    (song,) = reduce_source(read_pianoroll_source(tmp_path / "pickup.npz")).songs
    assert (song.bars, int(song.track_notes("melody")[0, 0])) == (10, 36)
    waltz = reduce_source(read_pianoroll_source(tmp_path / "waltz.npz"))
    assert waltz.remarks[0] == "12 bars in 3/4 left out"
    (song,) = reduce_source(read_pianoroll_source(tmp_path / "unknown.npz")).songs
    assert (song.bars, int(song.track_notes("melody")[0, 0])) == (9, 0)


def test_a_folder_is_read_in_order_each_tune_once_and_up_to_a_limit(tmp_path: Path) -> None:
    for number in range(4):
        folder = tmp_path / "lpd_5_cleansed" / "AB"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        lpd(seed=number + 1).save(folder / f"{number}.npz")
    lpd(seed=1, higher=2).save(tmp_path / "lpd_5_cleansed" / "B" / "9.npz")
    (tmp_path / "lpd_5_cleansed" / "B" / "bad.npz").write_bytes(b"PK and nothing else")
    told: list[tuple[int, int, str]] = []
    songs, report = load_lakh_pianorolls(tmp_path, progress=lambda *step: told.append(step))
    assert [song.name.removeprefix("lpd_5_cleansed/") for song in songs] == ["A/0", "A/2", "B/1", "B/3"]
    assert [step[:2] for step in told] == [(number, 6) for number in range(1, 7)]
    assert report.left_out[0].why.startswith("The same melody, note for note, as in lpd_5_cleansed/A/0.npz")
    assert "no file that pypianoroll saved" in report.left_out[1].why
    assert len({song.fold for song in songs}) == 4
    assert [song.name for song in load_lakh_pianorolls(tmp_path, limit=2)[0]] == [song.name for song in songs[:2]]


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    lpd().save(tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as file:
        info = file["info.json"]
        arrays = {name: file[name] for name in file.files if name != "info.json"}
    arrays["pianoroll_1_csc_data"] = arrays["pianoroll_1_csc_data"].astype(object)
    np.savez(tmp_path / "x.npz", **arrays)
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("info.json", info)
    with pytest.raises(SourceError, match="allow_pickle=False"):
        read_pianoroll_source(tmp_path / "x.npz")


def test_other_files_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", notes=np.zeros(3))
    with pytest.raises(SourceError, match=r"no file that pypianoroll saved.*info\.json"):
        read_pianoroll_source(tmp_path / "other.npz")
    with pytest.raises(SourceError, match="cannot be opened"):
        read_pianoroll_source(tmp_path / "none.npz")
    silent = pypianoroll.Multitrack("x", STEPS, tracks=[pypianoroll.StandardTrack(pianoroll=np.zeros((96, 128), "u1"))])
    silent.save(tmp_path / "silent.npz")
    with pytest.raises(SourceError, match="no notes"):
        read_pianoroll_source(tmp_path / "silent.npz")
    with pytest.raises(ValueError, match=r"at least 1.*got 0"):
        load_lakh_pianorolls(tmp_path, limit=0)
    with pytest.raises(ValueError, match="There is no folder"):
        load_lakh_pianorolls(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no pianoroll .*archive"):
        load_lakh_pianorolls(tmp_path / "empty")


def test_reading_needs_no_pypianoroll(tmp_path: Path) -> None:
    lpd().save(tmp_path / "x.npz")
    code = (
        "import sys; from deepcomposer_lab.datasets import load_lakh_pianorolls;"
        f"print(len(load_lakh_pianorolls({str(tmp_path)!r})[0]), sorted({{'pypianoroll', 'scipy'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 []"
