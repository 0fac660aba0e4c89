"""The chorales: the reader against hand-written arrays and against music21, the shipped file, and the splits."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import re
import sys
import zipfile
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "datasets" / "bach_chorales"


def script(name: str):
    """Import a script of the dataset's folder. make_splits finds prepare beside itself, as when it is run."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


prepare = script("prepare")
make_splits = script("make_splits")
musicxml = script("chorale_musicxml")


@pytest.fixture(scope="module")
def shipped() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "bach_chorales.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def splits() -> dict:
    return json.loads((FOLDER / "splits.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def corpus() -> tuple[list, dict]:
    """Everything prepare.py reads: some seven seconds."""
    return prepare.read_corpus(prepare.corpus_folder())


def piece_notes(arrays: dict[str, np.ndarray], index: int) -> np.ndarray:
    start, end = arrays["offsets"][index : index + 2]
    return arrays["notes"][start:end].astype(int)


# --- the reader, against what a person reads off the page --------------------------------------------------------


def note(pitch: str, duration: int, inner: str = "") -> str:
    step, alter, octave = re.fullmatch(r"([A-G])(-?\d)?/(\d)", pitch).groups()
    alter = f"<alter>{alter}</alter>" if alter else ""
    pitch = f"<pitch><step>{step}</step>{alter}<octave>{octave}</octave></pitch>"
    return f"<note>{pitch}<duration>{duration}</duration>{inner}</note>"


def rest(duration: int) -> str:
    return f"<note><rest/><duration>{duration}</duration></note>"


TIE_START, TIE_STOP = '<tie type="start"/>', '<tie type="stop"/>'
FERMATA = "<notations><fermata/></notations>"
GRACE = "<note><grace/><pitch><step>G</step><octave>4</octave></pitch></note>"


def score(parts: dict[str, list[str]], key: str = "<fifths>-3</fifths><mode>minor</mode>", header: str = "") -> bytes:
    """A 3/4 score with 8 divisions a quarter, so that a thirty-second note lasts 1."""
    attributes = (
        f"<attributes><divisions>8</divisions><key>{key}</key>"
        "<time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
    )
    listed = "".join(
        f'<score-part id="P{i}"><part-name>{name}</part-name></score-part>' for i, name in enumerate(parts)
    )
    bodies = "".join(
        f'<part id="P{i}">'
        + "".join(f"<measure>{attributes if n == 0 else ''}{bar}</measure>" for n, bar in enumerate(bars))
        + "</part>"
        for i, bars in enumerate(parts.values())
    )
    return f"<score-partwise>{header}<part-list>{listed}</part-list>{bodies}</score-partwise>".encode()


HAND_MADE = {
    "Trumpet": [note("C/5", 8), note("C/5", 24), note("C/5", 24)],
    "Soprano Oboe 1": [
        note("C/5", 8, TIE_START),
        note("C/5", 8, TIE_STOP)
        + note("D/5", 4)
        + note("E/5", 2)
        + note("F/5", 1)
        + note("G/5", 1)
        + note("A/5", 8, FERMATA),
        note("A/5", 24),
    ],
    "Alto": [
        rest(8),
        "<forward><duration>8</duration></forward>"
        + note("F1/4", 16)
        + "<backup><duration>24</duration></backup>"
        + note("E/4", 8),
        GRACE + note("E-1/4", 24),
    ],
    "Tenor": [note("C/4", 8), note("G/3", 24, TIE_START), note("G/3", 24, TIE_STOP)],
    "Bass": [note("C/3", 8), note("C/3", 16), note("C/2", 12) + rest(12)],
}

# onset step, pitch, duration in steps, voice; the pickup is steps 0–4, the bars start at 4 and 16
HAND_WRITTEN = [
    [0, 72, 8, 0],  # tied over the bar line
    [0, 60, 4, 2],
    [0, 48, 4, 3],
    [4, 64, 4, 1],  # written after what follows it, with <backup>
    [4, 55, 24, 2],  # tied through two bars
    [4, 48, 8, 3],  # its bar is not filled with a rest
    [8, 74, 2, 0],
    [8, 66, 8, 1],
    [10, 76, 1, 0],
    [11, 77, 1, 0],  # the first of two thirty-seconds takes the step, the second (79) is dropped
    [12, 81, 4, 0],
    [16, 81, 12, 0],  # repeated, not tied: two notes
    [16, 63, 12, 1],
    [16, 36, 6, 3],
]


def test_reads_a_hand_made_score_as_it_stands_on_the_page():
    chorale = prepare.read_chorale("hand-made", score(HAND_MADE))
    assert chorale.notes.tolist() == HAND_WRITTEN
    assert chorale.notes.dtype == np.int16
    assert (chorale.metre, chorale.pickup, chorale.steps, chorale.metre_changes) == ((3, 4), 4, 28, ())
    assert (chorale.key, chorale.key_estimated) == ((0, 1), False)
    assert (chorale.moved, chorale.dropped, chorale.grace) == (1, 1, 1)
    assert [HAND_WRITTEN[i][:2] for i in np.flatnonzero(chorale.fermata)] == [[12, 81]]


def test_a_compressed_score_reads_like_the_plain_one():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "META-INF/container.xml",
            '<container><rootfiles><rootfile full-path="inside/the.musicxml"/></rootfiles></container>',
        )
        archive.writestr("mimetype", "application/vnd.recordare.musicxml")
        archive.writestr("inside/the.musicxml", score(HAND_MADE))
    assert prepare.read_chorale("packed", packed.getvalue()).notes.tolist() == HAND_WRITTEN


def test_a_tie_joins_its_own_pitch_alone_and_a_loose_end_starts_a_note():
    bars = [note("C/5", 8, TIE_START), note("D/5", 24, TIE_STOP)]
    part = musicxml.read_score(musicxml.parse_file(score({"Soprano": bars}))).parts[0]
    assert [(n.onset, n.pitch, n.duration) for n in part.notes] == [(0, 72, 1), (1, 74, 3)]


def test_frames_show_what_sounds_at_each_step():
    frames = prepare.read_chorale("hand-made", score(HAND_MADE)).frames()
    assert frames.shape == (28, 4)
    assert frames[0].tolist() == [72, -1, 60, 48]
    assert frames[11].tolist() == [77, 66, 55, 48]
    assert frames[12].tolist() == [81, 66, 55, -1]
    assert frames[27].tolist() == [81, 63, 55, -1]


@pytest.mark.parametrize(
    ("onset", "duration", "expected"),
    [
        (Fraction(0), Fraction(1, 4), (0, 1)),
        (Fraction(0), Fraction(1, 8), (0, 1)),  # a thirty-second on the step
        (Fraction(1, 8), Fraction(1, 8), (1, 1)),  # between two steps: gone
        (Fraction(1, 8), Fraction(7, 8), (1, 4)),
        (Fraction(1, 3), Fraction(1, 3), (2, 3)),  # the middle of a triplet
        (Fraction(5), Fraction(5, 2), (20, 30)),
    ],
)
def test_the_grid_is_sampled(onset, duration, expected):
    assert prepare.on_grid(musicxml.SourceNote(onset, 60, duration)) == expected


@pytest.mark.parametrize(
    ("lengths", "metres", "pickup", "changes"),
    [
        ([4, 4, 4], [(0, 4, 4)], 0, []),
        ([1, 4, 3, 1, 4, 3], [(0, 4, 4)], 4, []),  # a bar split by a repeat sign
        ([1, 4, 2, 4, 4], [(0, 4, 4)], 4, [(28, 4, 4)]),  # a bar cut short: bars begin anew
        ([4, 10, 4], [(0, 4, 4)], 0, [(56, 4, 4)]),  # a bar drawn out
        ([1, 4, 3, 3], [(0, 4, 4), (5, 3, 4)], 4, [(20, 3, 4)]),
        ([2, 3, 3], [(0, 6, 8)], 8, []),
    ],
)
def test_bars_are_counted_from_the_pickup_and_changes_noted(lengths, metres, pickup, changes):
    starts = np.cumsum([0, *lengths])
    bars = [(Fraction(int(start)), Fraction(length)) for start, length in zip(starts, lengths, strict=False)]
    made = musicxml.SourceScore([], bars, [(Fraction(beat), top, bottom) for beat, top, bottom in metres], (0, ""))
    found_pickup, found = prepare.anchored_metres(made)
    assert (found_pickup, found[1:]) == (pickup, changes)
    assert found[0] == (0, *metres[0][1:])


@pytest.mark.parametrize(
    ("fifths", "mode", "pitches", "expected"),
    [
        (0, "major", [60], ((0, 0), False)),
        (-3, "major", [60], ((3, 0), False)),
        (4, "minor", [60], ((1, 1), False)),
        (0, "", [60, 64, 67, 60, 65, 62, 59, 60, 67], ((0, 0), True)),
        (0, "", [69, 72, 76, 68, 69, 64, 71, 69], ((9, 1), True)),
        (1, "", [67, 71, 74, 67, 72, 69, 66, 67, 74], ((7, 0), True)),
    ],
)
def test_the_key_is_the_signature_s_and_its_mode_is_estimated_only_where_none_is_given(fifths, mode, pitches, expected):
    notes = np.array([[4 * i, pitch, 4, 0] for i, pitch in enumerate(pitches)])
    assert prepare.key_of(fifths, mode, notes) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"!!!YEM: Rights to all derivative electronic formats reserved.\n**kern\n4c\n", "rights"),
        (b"!!!YEC: Copyright 1994, Center\n**kern\n", "rights"),
        (score(HAND_MADE, header="<identification><rights>Mine</rights></identification>"), "rights"),
        (b"Composer: J. S. Bach\nm0 b4 G: I\n", "without notes"),
        (score({**HAND_MADE, "Soprano 2": HAND_MADE["Tenor"]}), "Soprano 2"),
        (score({name: bars for name, bars in HAND_MADE.items() if name != "Alto"}), "alto"),
    ],
)
def test_what_is_no_free_four_part_chorale_is_left_out_with_its_reason(data, reason):
    with pytest.raises(prepare.LeftOutError, match=reason):
        prepare.read_chorale("no", data)


# --- music21 as oracle -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        "bwv66.6.mxl",  # 4/4 with a pickup; <forward> at the end
        "bwv17.7.mxl",  # 3/4 with a pickup, bars split by repeat signs
        "bwv185.6.mxl",  # thirty-seconds, a violin besides the voices
        "bwv318.mxl",
    ],
)
def test_agrees_with_music21(file):
    import music21

    path = prepare.corpus_folder() / file
    chorale = prepare.read_chorale(path.stem, path.read_bytes())
    parsed = music21.converter.parse(path, forceSource=True)
    parts = {part.partName.split()[0]: part for part in parsed.parts}
    expected, fermatas = [], set()
    for voice, name in enumerate(prepare.VOICES):
        for sounding in parts[name].stripTies().flatten().notes:
            start, end = (ceil(Fraction(t) * 4) for t in (sounding.offset, sounding.offset + sounding.quarterLength))
            if end > start:
                expected.append([start, sounding.pitch.midi, end - start, voice])
        for sounding in parts[name].flatten().notes:
            if any(isinstance(mark, music21.expressions.Fermata) for mark in sounding.expressions):
                fermatas.add((ceil(Fraction(sounding.offset) * 4), voice))
    assert chorale.notes.tolist() == sorted(expected, key=lambda row: (row[0], row[3]))
    marked = chorale.notes[chorale.fermata]
    assert all(
        any(onset <= step < onset + length and v == voice for onset, _, length, v in marked) for step, voice in fermatas
    )
    assert len(marked) == len(fermatas)

    soprano = parts["Soprano"]
    metre = soprano.recurse().getElementsByClass(music21.meter.TimeSignature).first()
    first = soprano.getElementsByClass(music21.stream.Measure).first()
    key = soprano.recurse().getElementsByClass(music21.key.Key).first()
    pickup = 0 if first.duration.quarterLength >= metre.barDuration.quarterLength else first.duration.quarterLength * 4
    assert chorale.metre == (metre.numerator, metre.denominator)
    assert chorale.pickup == pickup
    assert chorale.key == (key.tonic.pitchClass, int(key.mode == "minor"))
    assert chorale.steps == ceil(soprano.highestTime * 4)


# --- the file that is shipped ------------------------------------------------------------------------------------


def test_prepare_reads_again_exactly_what_is_shipped(corpus, shipped, manifest, splits):
    chorales, sources = corpus
    assert sources == manifest["sources"]
    assert prepare.totals(chorales) == manifest["totals"]
    prepare.check(sources, prepare.totals(chorales), manifest)
    made = prepare.arrays_of(chorales, splits)
    assert made.keys() == shipped.keys()
    for name, array in made.items():
        np.testing.assert_array_equal(array, shipped[name], err_msg=name)
        assert array.dtype == shipped[name].dtype


def test_a_changed_source_file_stops_prepare(manifest):
    sources = {**manifest["sources"], "bwv66.6.mxl": {**manifest["sources"]["bwv66.6.mxl"], "sha256": "0" * 64}}
    with pytest.raises(SystemExit, match=r"1 differences[\s\S]*bwv66\.6\.mxl"):
        prepare.check(sources, manifest["totals"], manifest)
    with pytest.raises(SystemExit, match="notes: the manifest says 96180, read 96181"):
        prepare.check(manifest["sources"], {**manifest["totals"], "notes": 96181}, manifest)


def test_counts_of_the_shipped_file_are_the_manifest_s(shipped, manifest):
    sources = {Path(name).stem: line for name, line in manifest["sources"].items() if "notes" in line}
    assert shipped["names"].tolist() == list(sources)
    assert np.diff(shipped["offsets"]).tolist() == [line["notes"] for line in sources.values()]
    assert shipped["steps"].tolist() == [line["steps"] for line in sources.values()]
    totals = manifest["totals"]
    assert len(shipped["notes"]) == totals["notes"] == shipped["offsets"][-1]
    assert int(shipped["steps"].sum()) == totals["steps"]
    assert int((shipped["pickup"] > 0).sum()) == totals["pickups"]
    for voice, (low, high) in enumerate(totals["ranges"].values()):
        pitches = shipped["notes"][shipped["notes"][:, 3] == voice, 1]
        assert (pitches.min(), pitches.max()) == (low, high)


def test_with_the_three_reserved_files_the_counts_are_those_of_all_410(manifest):
    """The public counts: 410 pieces, 93,198 steps, 96,717 notes; the card lists each difference."""
    assert manifest["totals"]["pieces"] + 3 == 410
    assert manifest["totals"]["notes"] + 537 == 96_717
    assert manifest["totals"]["steps"] + 516 + 16 + 4 == 93_198
    reserved = [name for name, line in manifest["sources"].items() if "rights" in line.get("left_out", "")]
    assert reserved == ["bwv277.krn", "bwv281.krn", "bwv366.krn"]


def test_every_piece_is_sorted_inside_its_length_and_one_note_a_voice(shipped):
    for index in range(len(shipped["names"])):
        notes = piece_notes(shipped, index)
        assert (np.lexsort((notes[:, 3], notes[:, 0])) == np.arange(len(notes))).all()
        assert (notes[:, 2] > 0).all()
        assert (notes[:, 0] + notes[:, 2]).max() <= shipped["steps"][index]
        for voice in range(4):
            own = notes[notes[:, 3] == voice]
            assert len(own)
            assert (own[1:, 0] >= own[:-1, 0] + own[:-1, 2]).all()


def test_the_card_and_the_readme_tell_the_truth_about_the_file(shipped, splits):
    data = (FOLDER / "bach_chorales.npz").read_bytes()
    card = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(data) < 200_000
    assert card["bytes"] == len(data)
    assert card["sha256"] == hashlib.sha256(data).hexdigest()
    assert card["arrays_sha256"] == prepare.arrays_digest(shipped)
    for told in (card["sha256"], f"{len(data):,}", f"{len(shipped['notes']):,}", f"{shipped['steps'].sum():,}"):
        assert told in readme
    assert card["splits"]["test_pieces_with_unheard_melody"] == splits["test_pieces_with_unheard_melody"]
    assert f"**{splits['test_pieces_with_unheard_melody']} have a melody" in readme
    for name, array in shipped.items():
        if name != "jsb_valid_heard_melody":
            assert f"| {name}" in readme or f", {name}" in readme
        assert array.dtype != object


# --- the splits --------------------------------------------------------------------------------------------------


def test_every_piece_is_in_one_split_and_every_jsb_test_piece_is_there_once(shipped):
    assert np.bincount(shipped["split"]).tolist() == [235, 72, 77, 23]
    test = shipped["split"] == 2
    assert sorted(shipped["jsb_index"][test].tolist()) == list(range(77))
    assert set(shipped["jsb_split"][test].tolist()) == {2}
    assert set(shipped["jsb_split"][shipped["split"] == 1].tolist()) == {1}
    assert set(shipped["jsb_split"][shipped["split"] == 0].tolist()) == {0, -1}
    names = [set(shipped["names"][shipped["split"] == split].tolist()) for split in range(4)]
    assert sum(map(len, names)) == len(set.union(*names)) == 407


def frames_of(shipped: dict, index: int) -> np.ndarray:
    frames = np.full((shipped["steps"][index], 4), -1, np.int64)
    for onset, pitch, duration, voice in piece_notes(shipped, index):
        frames[onset : onset + duration, voice] = pitch
    return frames[(frames >= 0).any(axis=1)]


def best_alignment(a: np.ndarray, b: np.ndarray) -> float:
    """Slide b along a: at each shift, the transposition that makes most frames equal. Plain and slow."""
    best = 0
    for shift in range(-len(b) + 1, len(a)):
        low, high = max(0, shift), min(len(a), shift + len(b))
        if high - low <= best:
            continue
        mine, other = a[low:high], b[low - shift : high - shift]
        moved = mine - other
        same = (moved == moved[:, :1]).all(axis=1) & ((mine < 0) == (other < 0)).all(axis=1)
        if same.sum() > best:
            best = max(best, int(np.unique(moved[same, 0], return_counts=True)[1].max()))
    return best / min(len(a), len(b))


def test_no_training_piece_is_a_test_or_validation_piece_in_some_transposition(shipped):
    names = shipped["names"].tolist()
    frames = [frames_of(shipped, index) for index in range(len(names))]
    chords = [
        np.where((piece >= 0).all(axis=1), (np.diff(piece, axis=1) + 64) @ [1, 128, 128**2], -1) for piece in frames
    ]
    _, numbers = np.unique(np.concatenate(chords), return_inverse=True)
    ends = np.cumsum([len(piece) for piece in frames])[:-1]
    bags = np.stack([np.bincount(own, minlength=numbers.max() + 1) for own in np.split(numbers, ends)]).astype(np.int16)
    lengths = np.array([len(piece) for piece in frames])
    held_back = np.flatnonzero(np.isin(shipped["split"], (1, 2)))

    def suspects(index: int) -> list[tuple[float, int, int]]:
        # Chords in common, in whatever order, bound what any alignment can make equal.
        bound = np.minimum(bags[index], bags[held_back]).sum(axis=1) / np.minimum(lengths[index], lengths[held_back])
        return [
            (float(share), index, int(other)) for share, other in zip(bound, held_back, strict=True) if share >= 0.5
        ]

    near = sorted((pair for i in np.flatnonzero(shipped["split"] == 0) for pair in suspects(int(i))), reverse=True)
    assert len(near) > 100
    for _, index, other in near[:150]:
        assert best_alignment(frames[index], frames[other]) < 0.5, (names[index], names[other])

    # The same measure does find the pieces that were left out for it.
    leaked, source = names.index("bwv176.6"), names.index("bwv280")
    assert shipped["split"][leaked] == 3
    assert any(other == source for _, _, other in suspects(leaked))
    assert best_alignment(frames[leaked], frames[source]) >= 0.5


def test_heard_melodies_follow_from_the_sopranos(shipped):
    def grams(index: int) -> set[str]:
        notes = piece_notes(shipped, index)
        moves = [int(move) for move in np.diff(notes[notes[:, 3] == 0, 1]) if move]
        return {str(moves[i : i + 6]) for i in range(len(moves) - 5)}

    training = [grams(int(i)) for i in np.flatnonzero(shipped["split"] == 0)]
    disagree = set()
    for index in np.flatnonzero(shipped["split"] == 2):
        own = grams(int(index))
        heard = any(2 * len(own & other) / (len(own) + len(other)) >= 0.35 for other in training)
        if heard != shipped["heard_melody"][index]:
            disagree.add(str(shipped["names"][index]))
    # Its JSB version's soprano, which is no part of this file, shares a melody with a training piece.
    assert disagree == {"bwv306"}
    assert int((~shipped["heard_melody"][shipped["split"] == 2]).sum()) == 36
    assert int((~shipped["jsb_test_heard_melody"]).sum()) == 36
    outside = np.flatnonzero((shipped["split"] == 0) & (shipped["jsb_index"] < 0))
    held_back = [grams(int(i)) for i in np.flatnonzero(np.isin(shipped["split"], (1, 2)))]
    assert len(outside) == 7
    for index in outside:
        own = grams(int(index))
        assert all(2 * len(own & other) / (len(own) + len(other)) < 0.35 for other in held_back)


def random_piece(seed: int, chords: int = 24) -> np.ndarray:
    """Random chords, each a beat long: int64 (4 · chords, 4)."""
    random = np.random.default_rng(seed)
    steps = random.choice([-4, -3, -2, -1, 1, 2, 3, 4], (chords, 4)).cumsum(axis=0)
    return np.repeat(np.clip(steps + np.array([72, 65, 57, 48]), 30, 90), 4, axis=0)


def test_agreement_knows_transposition_shift_and_repeats_written_out():
    whole = random_piece(1)
    first, second = whole[:48], whole[48:]
    frames = make_splits.Frames.of
    assert make_splits.agreement(frames(whole), frames(whole + 5)) == 1.0
    assert make_splits.agreement(frames(whole), frames(random_piece(2))) < 0.2
    late = np.concatenate([np.full((7, 4), -1), whole - 3])
    assert make_splits.aligned_agreement(frames(whole), frames(late)) == 1.0
    # A third of the frames changed: two thirds are left, however the pair is ordered.
    third = whole.copy()
    third[64:] = random_piece(3)[64:]
    for pair in ((whole, third), (third, whole)):
        assert make_splits.aligned_agreement(*map(frames, pair)) == pytest.approx(2 / 3, abs=0.03)
    repeated = np.concatenate([first, first, second, second])
    assert make_splits.aligned_agreement(frames(whole), frames(repeated)) == pytest.approx(1.0, abs=0.01)
    turned = np.concatenate([second, first])
    assert make_splits.aligned_agreement(frames(whole), frames(turned)) == pytest.approx(0.5, abs=0.05)
    assert make_splits.passage_agreement(frames(whole), frames(turned)) == 1.0


def test_agreements_finds_the_pairs_that_comparing_all_finds():
    pieces = [random_piece(seed) for seed in range(6)]
    pieces.append(np.concatenate([pieces[2][:60] + 2, random_piece(9)[60:]]))  # 62 % of piece 2
    pieces.append(np.concatenate([pieces[4][:40] - 1, random_piece(8)[40:]]))  # 42 % of piece 4
    described = [make_splits.Frames.of(piece) for piece in pieces]
    assert set(make_splits.agreements(described)) == {(2, 6)}


def test_sharing_a_melody_at_its_border():
    grams = [(i,) for i in range(40)]
    share = make_splits.share_melody
    assert share(set(grams[:20]), set(grams[:20]))
    assert not share(set(grams[:20]), set(grams[20:]))
    assert not share(set(), set())
    assert not share(set(), set(grams))
    assert share(set(grams[:20]), set(grams[13:33]))  # 7 of 20
    assert not share(set(grams[:20]), set(grams[14:34]))  # 6 of 20
    assert share(set(grams[:10]), set(grams[3:33]))  # 7 common, 10 and 30: mean 20
    assert not share(set(grams[:10]), set(grams[4:34]))


def test_melody_grams_skip_rests_and_count_a_repeated_note_once():
    pitches = [60, 60, -1, 62, 64, 64, 65, 67, -1, 67, 69, 71, 72]
    assert make_splits.melody_grams(np.repeat(pitches, 4)) == {(2, 2, 1, 2, 2, 2), (2, 1, 2, 2, 2, 1)}
    assert make_splits.melody_grams(np.array([60, 62, 64])) == set()


def test_the_rules_on_a_small_corpus():
    learned, tested, watched, free = (random_piece(seed) for seed in range(4))
    harmonised = random_piece(5)
    harmonised[:, 0] = tested[:, 0] + 12
    half = np.concatenate([tested[:58] + 1, random_piece(6)[58:]])
    files = {
        "learned": learned,
        "tested": tested + 2,
        "tested again": np.concatenate([tested[:80], random_piece(7)[80:]]),
        "watched": watched,
        "free": free,
        "harmonised": harmonised,
        "half": half,
    }
    jsb = [("train", 0, learned), ("train", 1, half), ("valid", 0, watched), ("test", 0, tested)]
    made = make_splits.make_splits(list(files), list(files.values()), jsb)
    assert {name: line["split"] for name, line in made["pieces"].items()} == {
        "learned": "train",
        "tested": "test",
        "tested again": "left out",
        "watched": "validation",
        "free": "train",
        "harmonised": "left out",
        "half": "left out",
    }
    why = {name: line["why"] for name, line in made["pieces"].items() if "why" in line}
    assert why["tested again"] == "the same piece as tested"
    assert "agrees with" in why["half"]
    assert "shares its melody with" in why["harmonised"]
    assert made["pieces"]["tested"]["jsb"] == ["test", 0]
    assert made["pieces"]["free"]["jsb"] is None
    assert not made["pieces"]["tested"]["heard_melody"]
    assert made["pieces"]["tested"]["melody_group"] == made["pieces"]["harmonised"]["melody_group"]
    assert made["jsb_test"] == [{"index": 0, "file": "tested", "heard_melody": False}]
    assert made["counts"] == {"left out": 3, "test": 1, "train": 2, "validation": 1}
