"""The classical scores: hand-made ones through the same code, what stays out of training, and the counts."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from deepcomposer_lab.datasets import Score, load_dataset
from deepcomposer_lab.datasets.scores import check_score
from deepcomposer_lab.encoding.sheet import whole_bars

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
FOLDER = DATASETS / "classical"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("classical_prepare", FOLDER / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


prepare = load_script()
CORPUS = prepare.corpus.corpus_folder().parent


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))


# --- hand-made scores ----------------------------------------------------------------------------------------------

# After a pickup of a quarter a bar of 4/4, one that a repeat sign splits, one of 3/4, and a last one of two quarters:
# onset in quarters, pitch, duration in quarters, part.
SONG = [
    (0, 67, 1, 0),
    (1, 72, 1, 0),
    (2, 71, 1 / 3, 0),
    (2 + 1 / 3, 69, 1 / 3, 0),
    (2 + 2 / 3, 71, 1 / 3, 0),
    (3, 72, 6, 0),
    (9, 74, 3, 0),
    (12, 72, 2, 0),
    (1, 48, 4, 1),
    (1, 48, 2, 1),
    (3, 48, 2, 1),
    (5, 43, 4, 1),
    (9, 43, 3, 1),
    (12, 48, 2, 1),
]
ABOUT = {
    "source": "lieder",
    "path": "scores/Somebody/6_Songs,_Op.1/1_Spring/lc1.mxl",
    "parts": ["Singstimme\n  Voice", "Pianoforte"],
    "meters": [[0.0, "4", "4"], [9.0, "3", "4"]],
    "tempos": [[0.0, 80.0], [5.0, 60.0]],
    "bars": [0.0, 1.0, 5.0, 6.0, 9.0, 12.0],
}


def openscore(file: Path, *pieces: tuple[list, dict]) -> Path:
    """Write pieces, (notes, what differs from ABOUT), as openscore.npz is written."""
    rows = [np.array(sorted(notes), dtype=float).reshape(-1, 4) for notes, _ in pieces]
    together = np.concatenate(rows)
    np.savez(
        file,
        onset=np.rint(24 * together[:, 0]).astype(np.int32),
        duration=np.rint(24 * together[:, 2]).astype(np.int32),
        pitch=together[:, 1].astype(np.uint8),
        part=together[:, 3].astype(np.uint8),
        offset=np.cumsum([0, *map(len, rows)]),
        meta=json.dumps([{**ABOUT, **changes} for _, changes in pieces]),
    )
    return file


def read(tmp_path: Path, notes: list = SONG, **changes: object) -> tuple[Score | None, str]:
    ((_, score, why),) = prepare.openscore_scores(openscore(tmp_path / "openscore.npz", (notes, changes)))
    return score, why


def test_a_song_with_pickup_split_bar_and_change_of_metre(tmp_path: Path) -> None:
    score, _ = read(tmp_path)
    assert score is not None
    check_score(score)
    assert (score.name, score.work, score.kind) == (
        "Somebody/6_Songs,_Op.1/1_Spring/lc1",
        "Somebody/6_Songs,_Op.1",
        "songs",
    )
    assert score.parts == (("Singstimme Voice", 52), ("Pianoforte", 0))
    assert score.bpm == 80.0
    assert score.bars.tolist() == [[0, 4, 4], [24, 4, 4], [120, 4, 4], [144, 4, 4], [216, 3, 4], [288, 3, 4]]
    assert score.length == 360
    own = score.notes[score.notes[:, 3] == 0][:, :3].tolist()
    assert own[:5] == [[0, 67, 24], [24, 72, 24], [48, 71, 8], [56, 69, 8], [64, 71, 8]]
    # The piano strikes its c once while it holds it, and once more as it is let go: the longer of the first two stays.
    assert score.notes[score.notes[:, 3] == 1][:, :3].tolist() == [
        [24, 48, 48],
        [72, 48, 48],
        [120, 43, 96],
        [216, 43, 72],
        [288, 48, 48],
    ]


def test_the_last_bar_completes_the_pickup_where_the_notes_leave_room(tmp_path: Path) -> None:
    notes = [(0, 60, 1, 0), (1, 62, 4, 0), (5, 64, 3, 0)]
    score, _ = read(tmp_path, notes, bars=[0.0, 1.0, 5.0], meters=[[0.0, "4", "4"]])
    assert score is not None
    assert score.length == 8 * 24
    score, _ = read(tmp_path, [*notes[:2], (5, 64, 3.5, 0)], bars=[0.0, 1.0, 5.0], meters=[[0.0, "4", "4"]])
    assert score is not None
    assert score.length == 9 * 24
    # Nothing sounds in the last two bars, and one note is held past the end.
    score, _ = read(tmp_path, notes[:2], bars=[0.0, 1.0, 5.0, 9.0], meters=[[0.0, "4", "4"]])
    assert score is not None
    assert score.bars[:, 0].tolist() == [0, 24]
    score, _ = read(tmp_path, [*notes[:2], (5, 64, 9, 0)], bars=[0.0, 1.0, 5.0], meters=[[0.0, "4", "4"]])
    assert score is not None
    assert score.notes[-1].tolist() == [120, 64, 96, 0]


def test_a_song_without_opus_is_a_work_of_its_own_and_so_is_a_quartet(tmp_path: Path) -> None:
    score, _ = read(tmp_path, path="scores/Somebody/_/Autumn/lc2.mxl")
    assert score is not None
    assert score.work == "Somebody/_/Autumn"
    parts = ["Violin 1", "Violoncello"]
    score, _ = read(tmp_path, path="scores/Somebody/Quartet_No.1/sq2.mxl", source="quartets", parts=parts)
    assert score is not None
    assert (score.work, score.kind) == ("Somebody/Quartet_No.1", "quartets")
    assert score.parts == (("Violin 1", 40), ("Violoncello", 42))


@pytest.mark.parametrize(
    "name", ["Piano\n(For practice\nonly)", "Voice (cutaway)", "Ossia\npiù facile", "Facilité", "Voice\n(v.2)"]
)
def test_a_staff_that_is_no_part_stays_out_and_so_does_a_silent_one(tmp_path: Path, name: str) -> None:
    notes = [(onset, pitch, duration, 2 * part) for onset, pitch, duration, part in SONG]
    notes += [(onset, pitch, duration, 1) for onset, pitch, duration, _ in SONG[:8]]
    score, _ = read(tmp_path, notes, parts=["Soprano", name, "Bass", "Harfe"])
    assert score is not None
    assert [part for part, _ in score.parts] == ["Soprano", "Bass"]
    assert set(score.notes[:, 3].tolist()) == {0, 1}
    assert sum(score.notes[:, 3] == 0) == 8


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("Cembalo Harpsichord", 6),
        ("Cembalo Piano", 6),
        ("Continuo", 6),
        ("Piano (or Harp)", 0),
        ("PIANO.", 0),
        ("Violino Violin", 40),
        ("Bratsche Viola", 41),
        ("Violoncello", 42),
        ("Basso Cello", 42),
        ("Guitarre", 24),
        ("Hautbois", 68),
        ("Horn (bass clef) in C", 60),
        ("Basso", 52),
        ("Mignon", 52),
    ],
)
def test_the_instrument_is_told_by_the_part_s_name(name: str, program: int) -> None:
    assert prepare.program_of(name) == program


def test_bars_that_drift_in_decimals_are_whole_and_their_notes_move_with_them(tmp_path: Path) -> None:
    notes = [(beat + 0.0625 * (beat > 5), 60, 1, 0) for beat in range(12)]
    bars = [0.0, 4.0, 8.0625, 12.0625]
    score, _ = read(tmp_path, notes, bars=bars, meters=[[0.0, "4", "4"]])
    assert score is not None
    assert score.bars[:, 0].tolist() == [0, 96, 192]
    assert np.abs(score.notes[:, 0] - 24 * np.arange(12)).max() <= 2
    assert (score.notes[8:, 0] == 24 * np.arange(8, 12)).all()


@pytest.mark.parametrize(
    ("notes", "changes", "why"),
    [
        ([], {}, "no notes"),
        ([(0, 60, 1, part) for part in range(17)], {"parts": ["Voice"] * 17}, "more than 16 parts"),
        (SONG, {"bars": [0.0, 1.0, 5.0]}, "its parts are out of step with its bars"),
        (SONG, {"bars": [0.0, 1.0, 5.0, 6.0, 9.3, 12.0]}, "a bar has a length that no metre has"),
    ],
)
def test_what_cannot_be_used_is_left_out_with_the_reason(tmp_path: Path, notes: list, changes: dict, why: str) -> None:
    assert read(tmp_path, notes, **changes) == (None, why)


def musicxml(header: str = "", pitches: str = "CDEF") -> bytes:
    """A violin that plays four quarters, and a cello that holds a chord."""
    notes = "".join(
        f"<note><pitch><step>{step}</step><octave>5</octave></pitch><duration>2</duration></note>" for step in pitches
    )
    chord = "<note>{}<pitch><step>{}</step><octave>3</octave></pitch><duration>8</duration></note>"
    attributes = (
        "<attributes><divisions>2</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    )
    return f"""<score-partwise>{header}<part-list><score-part id="P1"><part-name>Violin I</part-name></score-part>
        <score-part id="P2"><part-name>Cello</part-name></score-part></part-list>
        <part id="P1"><measure>{attributes}<sound tempo="90"/>{notes}</measure></part>
        <part id="P2"><measure>{attributes}{chord.format("", "C")}{chord.format("<chord/>", "G")}</measure></part>
        </score-partwise>""".encode()


def test_musicxml_gives_a_score() -> None:
    score, _ = prepare.music21_score("mozart/k156/movement1.mxl", musicxml(), set())
    check_score(score)
    assert (score.name, score.work, score.kind, score.bpm) == ("mozart/k156/movement1", "mozart/k156", "quartets", 90)
    assert score.parts == (("Violin I", 40), ("Cello", 42))
    assert (score.bars.tolist(), score.length) == ([[0, 4, 4]], 96)
    assert score.notes.tolist() == [
        [0, 72, 24, 0],
        [0, 48, 96, 1],
        [0, 55, 96, 1],
        [24, 74, 24, 0],
        [48, 76, 24, 0],
        [72, 77, 24, 0],
    ]


@pytest.mark.parametrize(
    ("name", "work", "kind"),
    [
        ("monteverdi/madrigal.3.8.mxl", "Vattene pur, crudel", "madrigals"),
        ("monteverdi/madrigal.3.1.mxl", "monteverdi/madrigal.3.1", "madrigals"),
        ("monteverdi/madrigal.5.8.mxl", "Ecco, Silvio", "madrigals"),
        ("schumann_clara/polonaise_op1n3.mxl", "Schumann,_Clara/4_Polonaises,_Op.1", "piano"),
        ("beethoven/opus74.mxl", "beethoven/opus74", "quartets"),
        ("beethoven/opus59no2/movement1.mxl", "beethoven/opus59no2", "quartets"),
    ],
)
def test_a_file_of_music21_belongs_to_a_work(name: str, work: str, kind: str) -> None:
    score, _ = prepare.music21_score(name, musicxml(), set())
    assert (score.work, score.kind) == (work, kind)


def test_works_that_openscore_has_and_reserved_rights_stay_out() -> None:
    known = {prepare.WORKS["mozart/k155"]}
    assert prepare.music21_score("mozart/k155/movement1.mxl", musicxml(), known) == (None, "OpenScore has the work")
    assert prepare.music21_score("mozart/k156/movement1.mxl", musicxml(), known)[0] is not None
    reserved = musicxml("<identification><rights>Mine</rights></identification>")
    assert prepare.music21_score("mozart/k156/movement1.mxl", reserved, set()) == (None, "its header reserves rights")


def test_a_chorale_keeps_its_notes_bars_and_split() -> None:
    chorales = {piece.name: piece for piece in load_dataset("bach_chorales").pieces()}
    found = {name: score for name, score, _ in prepare.chorale_scores(chorales.values())}
    assert len(found) == len(chorales)
    assert sum(score is None for score in found.values()) == sum(c.split == "left out" for c in chorales.values())
    piece, score = chorales["bwv66.6"], found["bach/bwv66.6"]  # a pickup of a quarter, nine bars of 4/4
    assert sorted(map(tuple, score.notes.tolist())) == sorted(map(tuple, (piece.notes * [6, 1, 6, 1]).tolist()))
    assert score.bars[:, 0].tolist() == [0, *range(24, score.length, 96)]
    assert score.length == 9 * 96
    assert score.split == piece.split


# --- copies, quotations and splits ---------------------------------------------------------------------------------


def piece(name: str, seed: int, work: str = "", bars: int = 8, **changes: object) -> Score:
    """A song of its own: a random melody, four notes a bar, over a bass of two."""
    random = np.random.default_rng(seed)
    pitches = 60 + np.cumsum(random.choice([-4, -3, -2, -1, 1, 2, 3, 4], 4 * bars)) % 24
    melody = [(24 * step, int(pitch), 24, 0) for step, pitch in enumerate(pitches)]
    bass = [(48 * half, int(random.integers(36, 50)), 48, 1) for half in range(2 * bars)]
    return Score(
        name,
        work or name,
        prepare.without_overlaps(np.array(melody + bass)),
        np.array([(96 * bar, 4, 4) for bar in range(bars)]),
        96 * bars,
        (("Voice", 52), ("Piano", 0)),
        **changes,
    )


def moved(score: Score, name: str, bars: int = 0, semitones: int = 0, **changes: object) -> Score:
    shift = 96 * bars
    return replace(
        score,
        name=name,
        work=name,
        notes=score.notes + np.array([shift, semitones, 0, 0]),
        bars=np.array([(start, 4, 4) for start in range(0, score.length + shift, 96)]),
        length=score.length + shift,
        **changes,
    )


def tunes(scores: list[Score]) -> list[set]:
    return [prepare.melody_grams(prepare.top_line(score)) for score in scores]


def test_a_copy_in_another_key_and_after_rests_is_one() -> None:
    first, other = piece("first", 1), piece("other", 2)
    copy = moved(first, "copy", bars=2, semitones=3)
    assert prepare.same_notes(first, copy) == 1.0
    assert prepare.same_notes(first, other) < 0.5
    # The same melody over another bass is another setting, not a copy.
    bass = piece("bass", 3)
    notes = np.concatenate([first.notes[first.notes[:, 3] == 0], bass.notes[bass.notes[:, 3] == 1]])
    setting = replace(first, name="setting", notes=prepare.without_overlaps(notes))
    scores = [first, other, copy, setting]
    assert prepare.copies(scores, tunes(scores)) == {"copy": "first"}


def test_of_a_held_out_chorale_the_copy_goes_and_never_the_chorale() -> None:
    song = piece("song", 1)
    train = moved(song, "train", semitones=1, kind="chorales")
    held_out = [moved(song, f"held out {n}", semitones=n, kind="chorales", split="test") for n in (2, 3)]
    scores = [song, train, *held_out]
    assert set(prepare.copies(scores, tunes(scores))) == {"song", "train"}


def test_a_song_in_which_a_held_out_chorale_is_sung_is_found() -> None:
    chorale, trained = piece("chorale", 1, kind="chorales", split="validation"), piece("trained", 2, kind="chorales")
    song = piece("song", 3, bars=24)
    sung = chorale.notes[chorale.notes[:, 3] == 0] * [2, 1, 2, 1] + [96, 5, 0, 1]  # slower, higher, in the piano
    notes = np.concatenate([song.notes[song.notes[:, 3] == 0], sung])
    quoting = replace(song, name="quoting", notes=prepare.without_overlaps(notes))
    other = moved(trained, "other", kind="songs")
    assert prepare.quotations([chorale, trained, song, quoting, other]) == {"quoting": "chorale"}


def test_works_and_tunes_are_in_one_split_and_a_twentieth_of_each_kind_is_held_out() -> None:
    scores = [
        piece(f"{kind} {number}", 100 * len(kind) + number, f"{kind} opus {number // 3}", kind=kind)
        for kind in ("songs", "quartets")
        for number in range(240)
    ]
    scores += [piece("a chorale", 9, kind="chorales", split="test")]
    # Opus 3 and opus 40 share a tune.
    scores[121] = replace(scores[121], notes=scores[9].notes, bars=scores[9].bars, length=scores[9].length)
    divided = prepare.divided(scores, tunes(scores))
    assert [score.name for score in divided] == [score.name for score in scores]
    sides = defaultdict(set)
    for score in divided:
        sides[score.work].add(score.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert divided[121].split == divided[9].split
    assert divided[-1].split == "test"
    for kind in ("songs", "quartets"):
        notes = defaultdict(int)
        for score in divided:
            if score.kind == kind:
                notes[score.split] += len(score.notes)
        total = sum(notes.values())
        assert 0.03 * total < notes["test"] <= 0.05 * total
        assert 0.03 * total < notes["validation"] <= 0.05 * total
    again = prepare.divided(scores, tunes(scores))
    assert [score.split for score in again] == [score.split for score in divided]


# --- what was made -------------------------------------------------------------------------------------------------


def used(manifest: dict) -> dict[str, dict]:
    return {name: line for name, line in manifest["sources"].items() if "left_out" not in line}


def test_no_score_comes_from_a_header_that_reserves_rights(manifest: dict) -> None:
    """OpenScore's files are CC0; of music21's, the chorales among them, every header is read."""
    chorales = json.loads((DATASETS / "bach_chorales" / "manifest.json").read_text(encoding="utf-8"))["sources"]
    read = {Path(name).stem: CORPUS / "bach" / name for name, line in chorales.items() if "left_out" not in line}
    scanned = 0
    for name, line in used(manifest).items():
        if line["kind"] == "chorales":
            files = [read[name.removeprefix("bach/")]]
        else:
            files = [CORPUS / name] if name.split("/")[0] in prepare.COMPOSERS else []
        for file in files:
            header = prepare.corpus.document_text(file.read_bytes()).partition("<part ")[0]
            # A credit of most chorales, "PDF © 2004", claims the page that was printed from them.
            header = re.sub("PDF © ?200[34]", "", header)
            assert not re.search(r"<rights|copyright|©|rights reserved", header, re.IGNORECASE), file
            scanned += 1
    assert scanned == sum(line["kind"] == "chorales" for line in used(manifest).values()) + 63
    reserved = {n for n, line in manifest["sources"].items() if line.get("left_out") == "its header reserves rights"}
    assert reserved == {
        "beethoven/opus59no2/movement2.mxl",
        "beethoven/opus59no2/movement4.mxl",
        "monteverdi/madrigal.5.4.mxl",
        "monteverdi/madrigal.5.5.mxl",
        "schumann_clara/opus17/movement3.xml",
    }
    assert not any("palestrina" in name for name in manifest["sources"])


def test_no_work_is_in_two_splits_nor_read_from_two_collections(manifest: dict) -> None:
    sides, collections = defaultdict(set), defaultdict(set)
    for name, line in used(manifest).items():
        sides[line["work"]].add(line["split"])
        collections[line["work"]].add(Path(name).suffix in (".mxl", ".xml"))
    assert all(len(splits) == 1 for splits in sides.values())
    assert all(len(origins) == 1 for origins in collections.values())
    winterreise = [line["split"] for name, line in used(manifest).items() if "Winterreise" in name]
    assert len(winterreise) == 24
    assert len(set(winterreise)) == 1


def test_no_held_out_chorale_nor_copy_of_one_is_trained_on(manifest: dict) -> None:
    splits = json.loads((DATASETS / "bach_chorales" / "splits.json").read_text(encoding="utf-8"))
    for name, line in splits["pieces"].items():
        mine = manifest["sources"][f"bach/{name}"]
        if line["split"] == "train":
            assert mine.get("split", "a copy") in ("train", "a copy")
        elif line["split"] == "left out":
            assert mine == {"left_out": "in no split of bach_chorales"}
        else:
            assert mine["split"] == line["split"]
        if line["jsb"] and line["jsb"][0] != "train":
            assert mine.get("split") != "train"


def test_card_manifest_and_readme_tell_the_same(manifest: dict) -> None:
    card = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
    totals = dict(manifest["totals"])
    left_out = totals.pop("left_out")
    assert card["counts"] == totals
    lines = used(manifest)
    assert len(lines) == totals["scores"]
    assert len(manifest["sources"]) == totals["scores"] + sum(left_out.values())
    assert len({line["work"] for line in lines.values()}) == totals["works"]
    for what in ("notes", "bars"):
        assert sum(line[what] for line in lines.values()) == totals[what]
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert card["sha256"] in readme
    for kind, by_split in totals["kinds"].items():
        assert f"| {kind} | " + " | ".join(f"{by_split[split]['notes']:,}" for split in by_split) + " |" in readme
        for split, counted in by_split.items():
            own = [line["notes"] for line in lines.values() if (line["kind"], line["split"]) == (kind, split)]
            assert counted == {"scores": len(own), "notes": sum(own)}
    for why, count in left_out.items():
        assert f"| {why} | {count} |" in readme


def test_some_of_music21_s_are_counted_as_in_the_manifest(manifest: dict) -> None:
    names = ["mozart/k156/movement2.mxl", "monteverdi/madrigal.4.1.mxl", "schumann_clara/polonaise_op1n1.mxl"]
    for name in names:
        score, _ = prepare.music21_score(name, (CORPUS / name).read_bytes(), set())
        check_score(score)
        assert whole_bars(score.stated_bars()) is not None
        line = manifest["sources"][name]
        assert (len(score.notes), len(score.bars), len(score.parts)) == (line["notes"], line["bars"], line["parts"])


def test_agrees_with_music21() -> None:
    """Clara Schumann, Polonaise Op. 1 No. 1: two staves with chords and several voices, in one part."""
    import music21

    path = CORPUS / "schumann_clara" / "polonaise_op1n1.mxl"
    score, _ = prepare.music21_score("schumann_clara/polonaise_op1n1.mxl", path.read_bytes(), set())
    parsed = music21.converter.parse(path, forceSource=True)
    sounding = parsed.stripTies().flatten().notes
    expected = {
        (round(24 * note.offset), pitch.midi) for note in sounding if note.quarterLength for pitch in note.pitches
    }
    assert {(onset, pitch) for onset, pitch, _, _ in score.notes.tolist()} == expected
    measures = parsed.parts[0].getElementsByClass(music21.stream.Measure)
    assert score.bars[:, 0].tolist() == [round(24 * measure.offset) for measure in measures]


def test_made_with_the_script_it_is_found_like_any_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "HERE", tmp_path / "scripts")
    (tmp_path / "scripts").mkdir()
    for composer, name in (("mozart", "k156/movement1.mxl"), ("monteverdi", "madrigal.3.1.rntxt"), ("haydn", "a.krn")):
        file = tmp_path / "corpus" / composer / name
        file.parent.mkdir(parents=True)
        file.write_bytes(musicxml())
    files = openscore(
        tmp_path / "openscore.npz",
        (SONG, {}),
        (SONG[:8], {"path": "scores/Somebody/6_Songs,_Op.1/2_Summer/lc2.mxl", "bars": [0.0, 1.0]}),
    )
    arguments = ["--openscore", str(files), "--corpus", str(tmp_path / "corpus"), "--output", str(tmp_path / "mine")]
    with pytest.raises(SystemExit, match="differences"):
        prepare.main(arguments)
    assert not (tmp_path / "mine").exists()
    prepare.main([*arguments, "--record"])
    prepare.main(arguments)
    sources = json.loads((tmp_path / "scripts" / "manifest.json").read_text(encoding="utf-8"))["sources"]
    assert sources["haydn/a.krn"] == {"left_out": "a .krn file, which is not read"}
    assert sources["Somebody/6_Songs,_Op.1/2_Summer/lc2"] == {"left_out": "its parts are out of step with its bars"}
    assert "monteverdi/madrigal.3.1.rntxt" not in sources
    monkeypatch.setenv("DEEPCOMPOSER_LAB_DATASETS", str(tmp_path))
    scores = load_dataset("mine").scores()
    assert {"Somebody/6_Songs,_Op.1/1_Spring/lc1", "mozart/k156/movement1", "bach/bwv66.6"} <= {s.name for s in scores}
    with pytest.raises(SystemExit, match="There is no file"):
        prepare.main(["--openscore", str(tmp_path / "none.npz")])
