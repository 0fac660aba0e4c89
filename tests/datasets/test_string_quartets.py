"""The string quartets: both readers on hand-made scores, music21 as an oracle, and that reserved rights stay out."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from deepcomposer_lab.datasets import Song, load_dataset
from deepcomposer_lab.datasets.bars import Bar
from deepcomposer_lab.datasets.songs import check_song

FOLDER = Path(__file__).resolve().parents[2] / "datasets" / "string_quartets"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quartets_prepare", FOLDER / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks for the module it is defined in
    spec.loader.exec_module(module)
    return module


prepare = load_script()


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))


CORPUS = prepare.corpus.corpus_folder().parent


@pytest.fixture(scope="module")
def haydn_and_mozart() -> tuple[list[Song], dict[str, dict]]:
    """Music21's quartets by the two: two seconds; Beethoven's take eight."""
    songs, sources = [], {}
    for name, file in prepare.music21_files(CORPUS, others("beethoven")):
        found, sources[name] = prepare.songs_of(file)
        songs += found
    return songs, sources


def others(start: str) -> set[str]:
    """The works of keys that begin so, as `music21_files` is told to pass over them."""
    return {work or key for key, work in prepare.WORKS.items() if key.startswith(start)}


# --- hand-made scores ----------------------------------------------------------------------------------------------

# Onset and duration in quarters, pitch, part: eight bars of 4/4 after a pickup of a quarter, then four of 3/4,
# then sixteen of 2/4. Violin 1 plays double stops in the first bar, and the viola three thirty-seconds in the second.
PITCHES = (76, 67, 60, 43)
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
METERS = [[0.0, "4", "4"], [33.0, "3", "4"], [45.0, "2", "4"]]
BARS = [0.0, *(1.0 + 4 * n for n in range(8)), *(33.0 + 3 * n for n in range(4)), *(45.0 + 2 * n for n in range(16))]


def hand_made_notes() -> list[tuple[float, float, int, int]]:
    beats = [*np.arange(77.0)]
    notes = [(beat, 1.0, PITCHES[part] + int(beat) % 3, part) for beat in beats for part in range(4)]
    notes += [(1.0, 1.0, 64, 0), (2.0, 1.0, 64, 0)]
    notes.remove((5.0, 1.0, PITCHES[2] + 2, 2))
    return notes + [(5.0 + n / 8, 0.125, 70 + n, 2) for n in range(3)]


def openscore(file: Path, **changes: object) -> Path:
    notes = np.array(sorted(hand_made_notes()))
    about = {
        "source": "quartets",
        "path": "scores/Somebody/Quartet_No.1/sq1.mxl",
        "parts": ["Violin 1", "Violin 2", "Viola", "Violoncello"],
        "meters": METERS,
        "tempos": [[0.0, 60.0], [45.0, 90.0]],
        "bars": BARS,
        **changes,
    }
    songs = {**about, "source": "lieder", "path": "scores/Somebody/Song/lc1.mxl"}
    twice = np.concatenate([notes, notes])
    np.savez(
        file,
        onset=np.rint(24 * twice[:, 0]).astype(np.int32),
        duration=np.rint(24 * twice[:, 1]).astype(np.int32),
        pitch=twice[:, 2].astype(np.uint8),
        part=twice[:, 3].astype(np.uint8),
        offset=np.array([0, len(notes), 2 * len(notes)]),
        meta=json.dumps([songs, about]),
    )
    return file


def musicxml(header: str = "", step: int = 1, turn: int = 3) -> bytes:
    """The same music without what is beside the four single lines; `step` and `turn` make it another tune."""
    names = ("Violin I.", "2nd Violin", "Viola", "Cello")
    parts = ""
    for part in range(4):
        measures = ""
        for start, stop in zip(BARS, [*BARS[1:], 77.0], strict=True):
            metre = next((m for m in METERS if m[0] == start), None)
            measures += "<measure><attributes><divisions>2</divisions>"
            if metre:
                measures += f"<time><beats>{metre[1]}</beats><beat-type>{metre[2]}</beat-type></time>"
            measures += "</attributes>" + ('<sound tempo="60"/>' if start == 0 else "")
            for beat in range(int(start), int(stop)):
                octave, pitch_class = divmod(PITCHES[part] + step * (beat % turn), 12)
                letter, alter = (NOTES[pitch_class] + "-")[:2]
                sharp = "<alter>1</alter>" if alter == "#" else ""
                measures += f"<note><pitch><step>{letter}</step>{sharp}<octave>{octave - 1}</octave></pitch>"
                measures += "<duration>2</duration></note>"
            measures += "</measure>"
        parts += f'<part id="P{part}">{measures}</part>'
    listed = "".join(f'<score-part id="P{i}"><part-name>{n}</part-name></score-part>' for i, n in enumerate(names))
    return f"<score-partwise>{header}<part-list>{listed}</part-list>{parts}</score-partwise>".encode()


def test_passages_in_four_four_and_pairs_of_two_four_are_songs(tmp_path: Path) -> None:
    (file,) = prepare.openscore_files(openscore(tmp_path / "openscore.npz"))
    assert (file.work, file.name) == ("Somebody/Quartet_No.1", "Somebody/Quartet_No.1/sq1")
    songs, line = prepare.songs_of(file)
    for song in songs:
        check_song(song)
        assert [(track.role, track.program) for track in song.tracks] == [
            ("melody", 40),
            ("violin", 40),
            ("viola", 41),
            ("cello", 42),
        ]
    first, second = songs
    assert (first.bars, second.bars, first.tempo, second.tempo) == (9, 8, 60.0, 90.0)
    # The pickup is the last beat of a bar; then a note on every beat.
    assert first.track_notes("melody").tolist() == [[36 + 12 * n, 76 + n % 3, 12] for n in range(33)]
    assert second.track_notes("cello").tolist() == [[12 * n, 43 + (45 + n) % 3, 12] for n in range(32)]
    # Beat 5 is the fourth after the pickup: of the thirty-seconds at 0, 1/8 and 1/4 the middle one lies off.
    viola = first.track_notes("viola")
    assert viola[(viola[:, 0] >= 96) & (viola[:, 0] < 108)].tolist() == [[96, 70, 3], [99, 72, 1]]
    assert line == {
        "songs": 2,
        "bars": 17,
        "notes": 4 * 33 + 1 + 4 * 32,
        "moved": 1,
        "chords_of_violin_1": 2,
        "bars_left_out": {"3/4": 4},
    }


def test_a_part_is_found_by_its_name_and_a_missing_one_is_named(tmp_path: Path) -> None:
    parts = ["Violoncello", "Viola", "Violin 2", "Violin 1"]
    (file,) = prepare.openscore_files(openscore(tmp_path / "a.npz", parts=parts))
    assert prepare.songs_of(file)[0][0].track_notes("melody")[0, 1] == PITCHES[3]
    with pytest.raises(ValueError, match=r"sq1 has no cello among its parts: Violin 1, Violin 2, Viola, Horn"):
        next(prepare.openscore_files(openscore(tmp_path / "b.npz", parts=["Violin 1", "Violin 2", "Viola", "Horn"])))


def test_musicxml_gives_the_same_songs() -> None:
    songs, _ = prepare.songs_of(prepare.music21_movements("work", "file", musicxml()))
    assert [(song.bars, song.tempo) for song in songs] == [(9, 60.0), (8, 60.0)]
    for part, role in enumerate(("melody", "violin", "viola", "cello")):
        expected = [[36 + 12 * n, PITCHES[part] + n % 3, 12] for n in range(33)]
        assert songs[0].track_notes(role).tolist() == expected


def test_without_a_stated_metre_it_is_that_of_most_bars() -> None:
    starts = [0.0, 4.0, 8.0, 12.0, 15.0, 18.0]
    assert prepare.bars_of(starts, [(12.0, 3, 4)], 21.5) == [
        Bar(0.0, 4.0, 4, 4),
        Bar(4.0, 4.0, 4, 4),
        Bar(8.0, 4.0, 4, 4),
        Bar(12.0, 3.0, 3, 4),
        Bar(15.0, 3.0, 3, 4),
        Bar(18.0, 3.0, 3, 4),
    ]


@pytest.fixture
def small_corpus(tmp_path: Path) -> Path:
    """A corpus with every work music21 has, two movements each, all of them the hand-made one; one reserves rights."""
    for number, key in enumerate(prepare.WORKS):
        folder = tmp_path / "corpus" / key
        folder.mkdir(parents=True)
        for movement in ("movement1", "movement2"):
            reserved = key == "mozart/k80" and movement == "movement2"
            header = "<identification><rights>Mine</rights></identification>" if reserved else ""
            (folder / f"{movement}.mxl").write_bytes(musicxml(header, step=1 + number % 5, turn=3 + number // 5))
    return tmp_path / "corpus"


def test_movements_of_a_work_are_on_one_side_and_no_work_is_read_twice(tmp_path: Path, small_corpus: Path) -> None:
    path = f"scores/{prepare.WORKS['mozart/k155']}/sq1.mxl"
    songs, sources = prepare.read_songs(openscore(tmp_path / "openscore.npz", path=path), small_corpus)
    works: dict[str, set[tuple[int, int]]] = {}
    for song in songs:
        works.setdefault(song.name.rsplit("/", 2)[0], set()).add((song.family, song.fold))
    assert len(works) == len(prepare.WORKS)
    assert all(len(sides) == 1 for sides in works.values())
    assert "mozart/k155/movement1" not in sources
    assert {"haydn/opus1no1/movement1", "haydn/opus1no1/movement2"} <= set(sources)
    assert not any("Song" in name for name in sources)
    assert sources["mozart/k80/movement2"] == {"left_out": "its header reserves rights"}


# --- rights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "<identification><rights>Mine</rights></identification>",
        "<identification><creator>Copyright 1999 A Person</creator></identification>",
        "<credit><credit-words>All rights are reserved</credit-words></credit>",
    ],
)
def test_a_file_whose_header_reserves_rights_stays_out(header: str, tmp_path: Path) -> None:
    folder = tmp_path / "mozart" / "k80"
    folder.mkdir(parents=True)
    (folder / "movement1.mxl").write_bytes(musicxml())
    (folder / "movement2.mxl").write_bytes(musicxml(header))
    known = others("") - others("mozart/k80")
    found = [(name, music is None) for name, music in prepare.music21_files(tmp_path, known)]
    assert found == [("mozart/k80/movement1", False), ("mozart/k80/movement2", True)]


def test_no_song_comes_from_a_header_that_reserves_rights(manifest: dict) -> None:
    lines = manifest["music21 alone"]
    used = [name for name, line in lines.items() if line.get("songs") and name != "totals"]
    assert len(used) > 20
    for name in used:
        header = prepare.corpus.document_text((CORPUS / f"{name}.mxl").read_bytes()).partition("<part ")[0]
        assert not re.search(r"<rights|copyright|©|rights reserved", header, re.IGNORECASE), name
    assert {name for name, line in lines.items() if "left_out" in line} == {
        "beethoven/opus59no2/movement2",
        "beethoven/opus59no2/movement4",
    }


# --- music21 as oracle, and the counts -----------------------------------------------------------------------------


def test_agrees_with_music21(haydn_and_mozart: tuple[list[Song], dict]) -> None:
    """Mozart, K. 80, second movement: 4/4, no pickup."""
    import music21

    song = next(song for song in haydn_and_mozart[0] if song.name == "mozart/k80/movement2/1")
    path = CORPUS / "mozart" / "k80" / "movement2.mxl"
    parts = music21.converter.parse(path, forceSource=True).parts
    assert song.bars == len(parts[0].getElementsByClass(music21.stream.Measure))
    for number, role in enumerate(("violin", "viola", "cello"), 1):
        sounding = parts[number].stripTies().flatten().notes
        on_grid = {
            (int(12 * note.offset), pitch.midi)
            for note in sounding
            if note.quarterLength and (3 * 12 * note.offset) % 9 == 0
            for pitch in note.pitches
        }
        ours = {(int(onset), int(pitch)) for onset, pitch, _ in song.track_notes(role) if onset % 3 == 0}
        assert len(ours & on_grid) > 0.99 * len(on_grid)
        assert len(ours) < 1.02 * len(on_grid)


def test_haydn_s_and_mozart_s_are_counted_as_in_the_manifest(
    haydn_and_mozart: tuple[list[Song], dict[str, dict]], manifest: dict
) -> None:
    songs, sources = haydn_and_mozart
    expected = manifest["music21 alone"]
    assert len(sources) == 24
    prepare.check(sources, {name: expected[name] for name in sources})
    changed = {name: expected[name] for name in sources} | {"mozart/k80/movement2": {"songs": 2}}
    with pytest.raises(SystemExit, match=r"1 differences[\s\S]*k80/movement2"):
        prepare.check(sources, changed)
    for song in songs:
        check_song(song)
        assert song.notes[0, 0] < 48


@pytest.mark.slow
def test_all_of_music21_s_are_counted_as_in_the_manifest(manifest: dict) -> None:
    songs, sources = prepare.read_songs(None, CORPUS)
    prepare.check({"totals": prepare.count_songs(songs), **sources}, manifest["music21 alone"])


def test_card_manifest_and_readme_tell_the_same(manifest: dict) -> None:
    card = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
    assert card["counts"] == manifest["with OpenScore"]["totals"]
    lines = [line for name, line in manifest["with OpenScore"].items() if name != "totals"]
    for what in ("songs", "bars", "notes"):
        assert sum(line.get(what, 0) for line in lines) == card["counts"][what]
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert card["sha256"] in readme
    assert f"{card['counts']['notes']:,}" in readme


def test_made_with_the_script_it_is_found_like_any_dataset(
    tmp_path: Path, small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "HERE", tmp_path / "scripts")
    (tmp_path / "scripts").mkdir()
    arguments = ["--openscore", str(openscore(tmp_path / "openscore.npz")), "--corpus", str(small_corpus)]
    arguments += ["--output", str(tmp_path / "quartets")]
    with pytest.raises(SystemExit, match="differences"):
        prepare.main(arguments)
    prepare.main([*arguments, "--record"])
    prepare.main(arguments)
    monkeypatch.setenv("DEEPCOMPOSER_LAB_DATASETS", str(tmp_path))
    songs = load_dataset("quartets").songs()
    assert {"Somebody/Quartet_No.1/sq1/1", "Somebody/Quartet_No.1/sq1/2"} <= {song.name for song in songs}
    with pytest.raises(SystemExit, match="There is no file"):
        prepare.main(["--openscore", str(tmp_path / "none.npz")])
    for own in ([], ["--output", str(tmp_path / "scripts")]):  # a tenth of it must not take the whole's place
        with pytest.raises(SystemExit, match="another folder"):
            prepare.main(["--corpus", str(small_corpus), *own])
