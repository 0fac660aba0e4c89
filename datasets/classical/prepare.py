"""Make classical.npz from OpenScore's songs and quartets, the Bach chorales, and scores that come with music21.

    python datasets/classical/prepare.py --openscore openscore.npz                    # writes classical.npz here
    python datasets/classical/prepare.py --openscore openscore.npz --output FOLDER    # or elsewhere
    python datasets/classical/prepare.py … --record                # accepts what was read: manifest.json

openscore.npz holds the OpenScore Lieder and String Quartets (CC0): see string_quartets/prepare.py. The chorales are the
dataset bach_chorales with its splits. Music21's scores are found through an installed music21 and read by
bach_chorales/chorale_musicxml.py; files that reserve rights stay out. Works that both have are taken from OpenScore.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np

from deepcomposer_lab.datasets import VOICES, Piece, load_dataset
from deepcomposer_lab.datasets.families import linked, melody_grams, sharing
from deepcomposer_lab.datasets.reduce import skyline
from deepcomposer_lab.datasets.saving import count_scores, json_lines, save_scores
from deepcomposer_lab.datasets.scores import (
    MOST_PARTS,
    TICKS_PER_BEAT,
    Score,
    check_score,
    without_overlaps,
)
from deepcomposer_lab.encoding.sheet import bar_steps, whole_bars
from deepcomposer_lab.music.metre import bar_starts

HERE = Path(__file__).resolve().parent


def quartets_script() -> ModuleType:
    """Import string_quartets/prepare.py: which works both collections have, and how music21's files are read."""
    spec = importlib.util.spec_from_file_location(
        "string_quartets_prepare", HERE.parent / "string_quartets" / "prepare.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


quartets = quartets_script()
corpus = quartets.corpus

KINDS = {"lieder": "songs", "quartets": "quartets"}  # by OpenScore's names of its two collections
COMPOSERS = ("beethoven", "haydn", "monteverdi", "mozart", "schumann_clara", "schumann_robert")  # music21's folders
OTHER_KINDS = (  # than quartets, by the names of music21's files
    ("madrigals", re.compile(r"^monteverdi")),
    ("piano", re.compile(r"k545|polonaise")),
    ("songs", re.compile(r"opus48|dichterliebe")),
)
# Music21's folder or file -> the work it belongs to: as OpenScore's folders call it where OpenScore may have it.
WORKS = {key: work or key for key, work in quartets.WORKS.items()} | {
    "schumann_robert/opus41no1": "Schumann,_Robert/String_Quartet_No.1,_Op.41_No.1",
    "schumann_robert/opus48no2": "Schumann,_Robert/Dichterliebe,_Op.48",
    "schumann_robert/dichterliebe_no2": "Schumann,_Robert/Dichterliebe,_Op.48",
    "schumann_clara/polonaise_op1": "Schumann,_Clara/4_Polonaises,_Op.1",
    # Madrigals in several parts.
    **dict.fromkeys((f"monteverdi/madrigal.3.{number}" for number in (8, 9, 10)), "Vattene pur, crudel"),
    **dict.fromkeys((f"monteverdi/madrigal.3.{number}" for number in (15, 16, 17)), "Vivrò fra i miei tormenti"),
    **dict.fromkeys((f"monteverdi/madrigal.3.{number}" for number in (19, 20)), "Rimanti in pace"),
    **dict.fromkeys((f"monteverdi/madrigal.4.{number}" for number in (6, 7)), "Anima mia, perdona"),
    **dict.fromkeys((f"monteverdi/madrigal.5.{number}" for number in (4, 5, 6, 7, 8)), "Ecco, Silvio"),
}

# The instrument of a part, by the first of these that its name has; whoever has none of them sings.
PROGRAMS = (
    (re.compile(r"harpsichord|cembalo|continuo", re.IGNORECASE), 6),
    (re.compile(r"piano|klavier", re.IGNORECASE), 0),
    (re.compile(r"violin", re.IGNORECASE), 40),
    (re.compile(r"viola|bratsche", re.IGNORECASE), 41),
    (re.compile(r"cello", re.IGNORECASE), 42),
    (re.compile(r"guitar", re.IGNORECASE), 24),
    (re.compile(r"flute|traverso", re.IGNORECASE), 73),
    (re.compile(r"recorder", re.IGNORECASE), 74),
    (re.compile(r"oboe|hautbois", re.IGNORECASE), 68),
    (re.compile(r"clarinet", re.IGNORECASE), 71),
    (re.compile(r"horn", re.IGNORECASE), 60),
    (re.compile(r"trombone", re.IGNORECASE), 57),
)
VOICE = 52
# Staves that are no part of their own: a piano that doubles a choir to rehearse it, and other versions of a voice.
NO_PART = re.compile(r"practice|rehearsal|cutaway|ossia|facilité|\(?(strophe|verse|v\.)\s*[2-9]\)?", re.IGNORECASE)

DEFAULT_BPM = 100.0
LIKELY_BPM = (20.0, 300.0)  # what lies outside is a slip of the file
LONGEST_BAR = 100.0  # quarter notes; the last bar, whose end no file says, has its metre instead
MOST_OFF = 2  # ticks by which a bar may miss its metre and still have it: files count in decimals of a quarter note
HELD_OUT = 0.05  # of a kind's notes, that are to be for validation, and as many for testing
SAME_NOTES = 0.8  # of the shorter of two scores, from which on they are one
QUOTED_INTERVALS = 14  # in a row, about two lines of a hymn: scales alone are seldom as long
MOST_QUOTED = 0.25  # of a held-out chorale's such runs, that a part of another score may have

Read = tuple[str, Score | None, str]  # the file's name, its score or None, and why there is none


# --- the three collections -----------------------------------------------------------------------------------------


def openscore_scores(path: Path) -> Iterable[Read]:
    """Yield the songs and quartets of openscore.npz."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for index, about in enumerate(json.loads(str(arrays["meta"]))):
        rows = slice(*arrays["offset"][index : index + 2])
        notes = np.column_stack([arrays[column][rows] for column in ("onset", "pitch", "duration", "part")])
        file = Path(about["path"].removeprefix("scores/"))
        folder = file.parent
        # A song stands in a folder of its own, in that of its opus; one without opus in "_".
        opus = folder.parent if about["source"] == "lieder" and folder.parent.name != "_" else folder
        name = file.with_suffix("").as_posix()
        kind = KINDS[about["source"]]
        metres = [(float(beat), int(top), int(bottom)) for beat, top, bottom in about["meters"]]
        tempos = [float(bpm) for beat, bpm in about["tempos"] if beat == 0]
        starts = [float(bar) for bar in about["bars"]]
        yield name, *made(name, opus.as_posix(), kind, notes, about["parts"], starts, metres, tempos)


def music21_scores(folder: Path, known: set[str]) -> Iterable[Read]:
    """Yield what music21's corpus has of COMPOSERS, but the works in `known`."""
    for file in sorted(file for composer in COMPOSERS for file in (folder / composer).rglob("*") if file.is_file()):
        name = file.relative_to(folder).as_posix()
        if file.suffix in (".mxl", ".xml"):
            yield name, *music21_score(name, file.read_bytes(), known)
        elif file.suffix != ".rntxt":  # an analysis, without notes
            yield name, None, f"a {file.suffix} file, which is not read"


def music21_score(name: str, data: bytes, known: set[str]) -> tuple[Score | None, str]:
    """Read one MusicXML file, or say why it is left out."""
    stem = name.rsplit(".", 1)[0]
    work = next((work for key, work in WORKS.items() if re.match(rf"{re.escape(key)}(?!\.?\d)", stem)), stem)
    if corpus.rights_reserved(data):
        return None, "its header reserves rights"
    if work in known:
        return None, "OpenScore has the work"
    if stem.endswith("_old"):
        return None, "another reading of the same madrigal"
    root = corpus.parse_file(data)
    score = corpus.read_score(root)
    rows = [
        (tick(note.onset), note.pitch, max(1, tick(note.offset) - tick(note.onset)), number)
        for number, part in enumerate(score.parts)
        for note in part.notes
    ]
    kind = next((kind for kind, pattern in OTHER_KINDS if pattern.search(name)), "quartets")
    names = ["Piano" if kind == "piano" else part.name for part in score.parts]
    tempos = [float(sound.attrib["tempo"]) for sound in root.iterfind(".//sound[@tempo]")]
    starts = [float(start) for start, _ in score.bars]
    metres = [(float(beat), top, bottom) for beat, top, bottom in score.metres]
    return made(stem, work, kind, np.array(rows).reshape(-1, 4), names, starts, metres, tempos)


def chorale_scores(pieces: Iterable[Piece]) -> Iterable[Read]:
    """Yield the chorales, each a work of its own, in the split that the dataset bach_chorales gives it."""
    for piece in pieces:
        name = f"bach/{piece.name}"
        if piece.split == "left out":
            yield name, None, "in no split of bach_chorales"
            continue
        composition = piece.to_composition()
        starts = bar_starts(composition.metres, composition.pickup, piece.steps / piece.steps_per_beat)
        metres = [composition.metre_at(start) for start in starts]
        ticks = TICKS_PER_BEAT // piece.steps_per_beat
        score = Score(
            name=name,
            work=name,
            notes=without_overlaps(piece.notes * [ticks, 1, ticks, 1]),
            bars=np.array([(tick(bar), m.numerator, m.denominator) for bar, m in zip(starts, metres, strict=True)]),
            length=piece.steps * ticks,
            parts=tuple((voice, VOICE) for voice in VOICES),
            bpm=DEFAULT_BPM,
            kind="chorales",
            split=piece.split,
        )
        yield name, *usable(score)


def tick(beat: float) -> int:
    """Return the tick nearest to a beat."""
    return int(np.floor(beat * TICKS_PER_BEAT + 0.5))


# --- one score -----------------------------------------------------------------------------------------------------


def made(
    name: str,
    work: str,
    kind: str,
    notes: np.ndarray,
    part_names: Sequence[str],
    starts: Sequence[float],
    metres: Sequence[tuple[float, int, int]],
    tempos: Sequence[float],
) -> tuple[Score | None, str]:
    """Return a score of what a file holds, or None and why it is left out.

    Parameters
    ----------
    name, work, kind : str
        As in `Score`.
    notes : ndarray of int, shape (n, 4)
        Columns onset tick, pitch, duration in ticks, part.
    part_names : sequence of str
        One a part.
    starts : sequence of float
        Where each bar starts, in quarter notes.
    metres : sequence of (float, int, int)
        Quarter note, numerator, denominator of each change.
    tempos : sequence of float
        Quarter notes a minute; the first likely one is taken.
    """
    notes, parts = own_parts(notes, part_names)
    if not len(notes):
        return None, "no notes"
    if len(parts) > MOST_PARTS:
        return None, f"more than {MOST_PARTS} parts"
    placed = whole_ticks(starts, metres, notes)
    if placed is None:
        return None, "its parts are out of step with its bars"
    bars, length, notes = placed
    likely = [bpm for bpm in tempos if LIKELY_BPM[0] <= bpm <= LIKELY_BPM[1]]
    bpm = round(likely[0], 2) if likely else DEFAULT_BPM
    return usable(Score(name, work, without_overlaps(notes), bars, length, parts, bpm, kind))


def own_parts(notes: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, tuple[tuple[str, int], ...]]:
    """Return the notes of the parts that play and are parts of their own, numbered anew, and those parts."""
    names = [" ".join(name.split()) for name in names]
    kept = [number for number, name in enumerate(names) if not NO_PART.search(name) and (notes[:, 3] == number).any()]
    notes = notes[np.isin(notes[:, 3], kept)].astype(np.int64)
    notes[:, 3] = np.searchsorted(kept, notes[:, 3])
    return notes, tuple((names[number], program_of(names[number])) for number in kept)


def program_of(name: str) -> int:
    """Return the General MIDI program of a part, from its name."""
    return next((program for pattern, program in PROGRAMS if pattern.search(name)), VOICE)


def whole_ticks(
    starts: Sequence[float], metres: Sequence[tuple[float, int, int]], notes: np.ndarray
) -> tuple[np.ndarray, int, np.ndarray] | None:
    """Return the bars as a table, the length of the piece in ticks, and the notes where the bars now are.

    A bar that misses its metre by a tick or two, because the file counts in decimals, has its metre; its notes move
    with it. Where a file states no metre at the beginning, it is the one of most bars there. The last bar is as long as
    its metre, less the pickup where the two make one bar and the notes leave room; what sounds on is cut off there.
    Bars at the end in which nothing sounds are left out.

    Returns
    -------
    bars : ndarray of int64, shape (m, 3)
    length : int
    notes : ndarray of int64, shape (n, 4)
        Or None for all three, where notes start after the last bar: the parts of such a file are out of step.
    """
    stated = quartets.bars_of(starts, metres, starts[-1] + LONGEST_BAR)
    full = [bar_steps(bar.numerator, bar.denominator) for bar in stated]
    true = [tick(bar.length) for bar in stated]
    lengths = np.array([own if abs(own - whole) > MOST_OFF else whole for own, whole in zip(true, full, strict=True)])
    edges = np.cumsum([0, *lengths])
    old = np.array([tick(bar.start) for bar in stated])
    within = np.searchsorted(old, notes[:, 0], side="right") - 1
    places = notes[:, 0] - old[within]
    if (places >= lengths[within] + MOST_OFF).any():
        return None
    notes = notes.copy()
    notes[:, 0] = edges[within] + np.minimum(places, lengths[within] - 1)

    ends = notes[:, 0] + notes[:, 2]
    sounding = int(np.searchsorted(edges[:-1], ends.max()))  # as many bars start before the last note ends
    length = int(edges[sounding])
    pickup, last = int(lengths[0]), sounding - 1
    if pickup < full[0] == full[last] and last > 0 and ends.max() <= length - pickup:
        length -= pickup
    notes[:, 2] = np.minimum(ends, length) - notes[:, 0]
    bars = [
        (start, bar.numerator, bar.denominator) for start, bar in zip(edges[:sounding].tolist(), stated, strict=False)
    ]
    return np.array(bars, dtype=np.int64), length, notes


def usable(score: Score) -> tuple[Score | None, str]:
    """Return the score, or None and why a Transformer cannot read it."""
    if whole_bars(score.stated_bars()) is None:
        return None, "a bar has a length that no metre has"
    check_score(score)
    return score, ""


# --- what is there twice, what must not be trained on, and the splits ----------------------------------------------


def top_line(score: Score, part: int = 0) -> np.ndarray:
    """Return the MIDI pitches of a part's top line."""
    return skyline(score.notes[score.notes[:, 3] == part][:, :3])[:, 1]


def same_notes(one: Score, other: Score) -> float:
    """Return the share of the shorter score's notes that the other has too, laid on it as it fits best.

    Where the uppermost parts agree most often says how far one is shifted, in ticks and in semitones: a copy in another
    key, or with another pickup, is a copy.
    """
    upper, lower = (score.notes[score.notes[:, 3] == 0][:, :2] for score in (one, other))
    shifts, votes = np.unique((upper[:, None] - lower[None]).reshape(-1, 2), axis=0, return_counts=True)
    own = {tuple(note) for note in one.notes[:, :2].tolist()}
    laid = {tuple(note) for note in (other.notes[:, :2] + shifts[votes.argmax()]).tolist()}
    return len(own & laid) / min(len(own), len(laid))


def copies(scores: Sequence[Score], tunes: Sequence[set]) -> dict[str, str]:
    """Return the names of scores that are another one's copy, and of which: of two the first stays.

    A held-out chorale always stays, whichever comes first: a copy of it must not be trained on, and which chorales are
    tested on is settled by the dataset bach_chorales.
    """
    found: dict[str, str] = {}
    for first, second in sharing(tunes):
        one, other = scores[first], scores[second]
        if held_out_chorale(other):
            one, other = other, one
        if held_out_chorale(other) or one.name in found or other.name in found:
            continue
        if same_notes(one, other) >= SAME_NOTES:
            found[other.name] = one.name
    return found


def quotations(scores: Sequence[Score]) -> dict[str, str]:
    """Return the names of scores, other than chorales, of which a part sings a held-out chorale, and which."""
    sung = {
        score.name: grams
        for score in scores
        if held_out_chorale(score) and (grams := melody_grams(top_line(score), QUOTED_INTERVALS))
    }
    found = {}
    for score in scores:
        if score.kind == "chorales":
            continue
        for part in range(len(score.parts)):
            own = melody_grams(top_line(score, part), QUOTED_INTERVALS)
            quoted = {chorale: len(own & grams) / len(grams) for chorale, grams in sung.items()}
            chorale = max(quoted, key=quoted.__getitem__, default="")
            if chorale and quoted[chorale] >= MOST_QUOTED:
                found[score.name] = chorale
    return found


def held_out_chorale(score: Score) -> bool:
    return score.kind == "chorales" and score.split != "train"


def divided(scores: Sequence[Score], tunes: Sequence[set]) -> list[Score]:
    """Return the scores with their splits; those of one work, and those that share a tune, are in one.

    The families of a kind are taken in the order of a hash of their first work's name, which has nothing to do with the
    music. Each goes to the test split, or else to validation, where there is still room for it; the rest is trained on.
    Chorales keep the split that they have.
    """
    families = linked(tunes, [score.work for score in scores])
    sizes: dict[str, Counter[int]] = defaultdict(Counter)
    named: dict[int, str] = {}
    for score, family in zip(scores, families, strict=True):
        named.setdefault(family, score.work)
        if score.kind != "chorales":
            sizes[score.kind][family] += len(score.notes)
    split_of: dict[int, str] = {}
    for of_kind in sizes.values():
        room = dict.fromkeys(("test", "validation"), HELD_OUT * sum(of_kind.values()))
        for family in sorted(of_kind, key=lambda family: hashlib.sha256(named[family].encode()).hexdigest()):
            split = next((split for split, left in room.items() if of_kind[family] <= left), "train")
            if split_of.setdefault(family, split) != "train":
                room[split_of[family]] -= of_kind[family]
    return [
        score if score.kind == "chorales" else replace(score, split=split_of[family])
        for score, family in zip(scores, families, strict=True)
    ]


# --- the dataset ---------------------------------------------------------------------------------------------------


def read_scores(openscore: Path, folder: Path) -> tuple[list[Score], dict[str, dict]]:
    """Return the scores of the three collections, divided, and for every file its line of the manifest."""
    found = list(openscore_scores(openscore))
    known = {score.work for _, score, _ in found if score is not None}
    found += music21_scores(folder, known)
    found += chorale_scores(load_dataset("bach_chorales").pieces())
    scores = [score for _, score, _ in found if score is not None]
    copied, quoting = copies(scores, [melody_grams(top_line(score)) for score in scores]), quotations(scores)
    scores = [score for score in scores if score.name not in {*copied, *quoting}]
    scores = divided(scores, [melody_grams(top_line(score)) for score in scores])
    lines = {
        score.name: {
            "work": score.work,
            "kind": score.kind,
            "split": score.split,
            "parts": len(score.parts),
            "bars": len(score.bars),
            "notes": len(score.notes),
        }
        for score in scores
    }
    lines |= {name: {"left_out": "a copy", "of": original} for name, original in copied.items()}
    lines |= {name: {"left_out": "quotes a held-out chorale", "of": chorale} for name, chorale in quoting.items()}
    return scores, {name: {"left_out": why} if score is None else lines[score.name] for name, score, why in found}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make classical.npz.")
    parser.add_argument("--openscore", type=Path, required=True, help="openscore.npz")
    parser.add_argument("--corpus", type=Path, help="music21's corpus; found through the package by default")
    parser.add_argument("--output", type=Path, default=HERE, help="the folder to write to; its name is the dataset's")
    parser.add_argument("--record", action="store_true", help="write manifest.json from what was read")
    options = parser.parse_args(arguments)
    if not options.openscore.is_file():
        raise SystemExit(f"There is no file {options.openscore}.")

    scores, sources = read_scores(options.openscore, options.corpus or corpus.corpus_folder().parent)
    totals = count_scores(scores)
    totals["left_out"] = dict(Counter(line["left_out"] for line in sources.values() if "left_out" in line))
    manifest_file = HERE / "manifest.json"
    if options.record:
        read = {"music21": version("music21"), "totals": totals, "sources": sources}
        manifest_file.write_text(json_lines(read), encoding="utf-8")
    manifest = json.loads(manifest_file.read_text(encoding="utf-8")) if manifest_file.is_file() else {}
    quartets.check({"totals": totals, **sources}, {"totals": manifest.get("totals"), **manifest.get("sources", {})})
    card = save_scores(
        options.output,
        scores,
        title="Songs, string quartets, chorales, madrigals and piano pieces",
        origin="OpenScore Lieder and String Quartets, the dataset bach_chorales, and scores that come with music21 "
        f"{version('music21')}, read by prepare.py",
        licence="Music in the public domain; OpenScore's files CC0 1.0, music21's as distributed with it, none of "
        "whose headers reserves rights",
    )
    print(f"{options.output}: {totals['scores']} scores, {totals['bars']} bars, {totals['notes']} notes")
    print(f"{card['bytes']} bytes, sha256 {card['sha256']}")


if __name__ == "__main__":
    main()
