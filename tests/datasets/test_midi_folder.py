"""Anyone's folder of MIDI files: what is used, what is not, and that all of it is told."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bands import band, line, midi_bytes

from deepcomposer_lab.datasets import dataset_from_midi
from deepcomposer_lab.datasets.songs import check_song, songs_from_arrays, songs_to_arrays
from deepcomposer_lab.datasets.sources import Source, SourceTrack


def another_tune(seed: int, bars: int = 8) -> Source:
    """The band with a melody of its own."""
    pitches = np.random.default_rng(seed).integers(60, 80, 4 * bars).tolist()
    return band(SourceTrack("Trumpet", 56, False, line(pitches, 1.0)), without="melody", bars=bars)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good files, a copy of one in another key, and one of each thing that goes wrong."""
    (tmp_path / "more" / "even more").mkdir(parents=True)
    higher = Source(
        "",
        tuple(
            SourceTrack(t.name, t.program, t.is_drum, t.notes if t.is_drum else t.notes + np.array([0, 2, 0]))
            for t in another_tune(1).tracks
        ),
        (),
        ((0.0, 99.0),),
    )
    good = midi_bytes(another_tune(1))
    files = {
        "a.mid": good,
        "b.MIDI": midi_bytes(another_tune(2, 12)),
        "more/copy.mid": midi_bytes(higher),
        "more/waltz.mid": midi_bytes(another_tune(3), metres=[(0, 3, 4)]),
        "more/short.mid": midi_bytes(another_tune(4, 4)),
        "more/broken.mid": good[:-50],
        "more/even more/drums.mid": midi_bytes(Source("", (band().tracks[1],), (), ((0.0, 120.0),))),
        "more/even more/text.mid": b"Dear diary",
        "notes.txt": b"no music",
        "._a.mid": b"what some systems leave behind",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_of_every_file_it_is_said_what_became_of_it(folder: Path) -> None:
    songs, report = dataset_from_midi(folder)
    assert [song.name for song in songs] == ["a", "b"]
    assert [song.bars for song in songs] == [8, 12]
    for song in songs:
        check_song(song)
    left_out = {file.path: file.why for file in report.left_out}
    assert left_out.keys() == {
        "more/copy.mid",
        "more/waltz.mid",
        "more/short.mid",
        "more/broken.mid",
        "more/even more/drums.mid",
        "more/even more/text.mid",
    }
    assert left_out["more/copy.mid"] == "The same melody, note for note, as in a.mid, which was kept."
    assert left_out["more/waltz.mid"] == "11 bars in 3/4 left out; no passage of 8 bars in 4/4."
    assert "4 bars of 4/4 in passages shorter than 8 bars" in left_out["more/short.mid"]
    assert left_out["more/broken.mid"].startswith("It is damaged or cut off")
    assert left_out["more/even more/drums.mid"] == "Only drums and effects."
    assert "no MIDI file" in left_out["more/even more/text.mid"]
    assert (len(report.files), report.songs, report.bars) == (8, 2, 20)
    text = str(report)
    assert text.startswith("8 files, 2 songs of 20 bars together (train 2, validation 0, test 0).")
    assert all(name in text for name in left_out)


def test_it_can_be_kept_as_a_dataset(folder: Path) -> None:
    songs, _ = dataset_from_midi(folder)
    back = songs_from_arrays(songs_to_arrays(songs))
    assert [np.array_equal(one.notes, other.notes) for one, other in zip(songs, back, strict=True)] == [True, True]


def test_progress_is_told_after_each_file(folder: Path) -> None:
    told: list[tuple[int, int, str]] = []
    dataset_from_midi(folder, progress=lambda *step: told.append(step))
    assert [step[:2] for step in told] == [(number, 8) for number in range(1, 9)]
    assert told[0][2] == "a.mid"


def test_one_file_nobody_thought_of_does_not_stop_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepcomposer_lab.datasets import midi_folder

    def reads(path: Path, name: str) -> Source:
        if name == "a":
            raise ZeroDivisionError("a metre of nothing")
        return midi_folder_read(path, name)

    midi_folder_read = midi_folder.read_midi_source
    monkeypatch.setattr(midi_folder, "read_midi_source", reads)
    songs, report = dataset_from_midi(folder)
    assert [song.name for song in songs] == ["b", "more/copy"]
    assert report.files[0].why == "It could not be understood (ZeroDivisionError: a metre of nothing)."


@pytest.mark.parametrize("seed", range(20))
def test_damage_anywhere_leaves_a_sentence_or_a_sound_song(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(midi_bytes(another_tune(1)))
    for place in rng.integers(8, len(data), 6):
        data[place] = rng.integers(0, 256)
    (tmp_path / "x.mid").write_bytes(data)
    songs, report = dataset_from_midi(tmp_path)
    for song in songs:
        check_song(song)
    assert songs or report.left_out[0].why.endswith((".", "?"))


def test_a_hundred_small_files_take_less_than_a_second(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}.mid").write_bytes(midi_bytes(another_tune(number), ticks=96))
    started = time.process_time()
    songs, _ = dataset_from_midi(tmp_path)
    assert len(songs) == 100
    # Processor time, with room for a slow computer; it is half a second on an ordinary one.
    assert time.process_time() - started < 2.0


def test_folders_that_hold_nothing_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no folder .*misspelt"):
        dataset_from_midi(tmp_path / "none")
    with pytest.raises(ValueError, match=r"no MIDI file .*archive"):
        dataset_from_midi(tmp_path)
    (tmp_path / "a.mid").write_bytes(b"")
    with pytest.raises(ValueError, match="it is a file"):
        dataset_from_midi(tmp_path / "a.mid")


def test_importing_datasets_does_not_load_what_reads_files() -> None:
    code = "import sys; import deepcomposer_lab.datasets; print('symusic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
