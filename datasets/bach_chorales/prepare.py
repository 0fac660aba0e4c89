"""Make bach_chorales.npz from the Bach files of an installed music21.

    python datasets/bach_chorales/prepare.py                 # reads, checks every count, writes bach_chorales.npz
    python datasets/bach_chorales/prepare.py --corpus DIR    # another copy of music21's corpus/bach
    python datasets/bach_chorales/prepare.py --record        # accepts what was read: new manifest.json, card.json

The files are found through the music21 package but read without it, by chorale_musicxml.py: seven seconds instead of
a hundred. Every source file is checked against the sha256 and the counts in manifest.json, so a changed corpus stops
the script instead of changing the data. Splits come from splits.json, which make_splits.py wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import re
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from io import BytesIO
from math import ceil
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from chorale_musicxml import SourceNote, SourceScore, parse_file, part_names, read_score  # noqa: E402

from deepcomposer_lab.datasets.saving import arrays_digest, json_lines  # noqa: E402

VOICES = ("Soprano", "Alto", "Tenor", "Bass")
STEPS_PER_BEAT = 4
SPLITS = ("train", "validation", "test", "left out")
JSB_SPLITS = ("train", "valid", "test")

# Krumhansl and Kessler's probe-tone ratings (Krumhansl, Cognitive Foundations of Musical Pitch, 1990, table 2.1).
MAJOR_PROFILE = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR_PROFILE = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


class LeftOutError(Exception):
    """This file is no piece of the data set; the message says why."""


@dataclass(frozen=True)
class Chorale:
    """One chorale on the sixteenth grid, and what the grid cost it.

    `notes` is int16 (n, 4): onset and duration in steps, MIDI pitch, voice, in the column order onset, pitch,
    duration, voice; `fermata` is bool (n,); `metre_changes` holds (step, numerator, denominator).
    """

    name: str
    notes: np.ndarray
    fermata: np.ndarray
    steps: int
    metre: tuple[int, int]
    pickup: int
    metre_changes: tuple[tuple[int, int, int], ...]
    key: tuple[int, int]
    key_estimated: bool
    moved: int
    dropped: int
    grace: int

    def frames(self) -> np.ndarray:
        """Return the pitches that sound at each step: int16 (steps, 4), −1 where a voice rests."""
        frames = np.full((self.steps, len(VOICES)), -1, np.int16)
        for onset, pitch, duration, voice in self.notes:
            frames[onset : onset + duration, voice] = pitch
        return frames

    def counts(self) -> dict[str, int]:
        return {
            "notes": len(self.notes),
            "steps": self.steps,
            "moved": self.moved,
            "dropped": self.dropped,
            "grace": self.grace,
        }


def corpus_folder() -> Path:
    """Return the folder of Bach files of the installed music21, without importing music21."""
    found = importlib.util.find_spec("music21")
    if found is None or found.origin is None:
        raise SystemExit("music21 is not installed here: the chorales come with it (pip install music21).")
    return Path(found.origin).parent / "corpus" / "bach"


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which bwv2.6 comes before bwv10.7."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def source_files(folder: Path) -> list[Path]:
    """Return every file of the corpus folder, sub-folders included, in natural order."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "__"))]
    return sorted(files, key=lambda path: natural_order(path.relative_to(folder).as_posix()))


def document_text(data: bytes) -> str:
    """Return a file's text, unpacked where it is a compressed MusicXML archive."""
    if data[:2] == b"PK":
        with zipfile.ZipFile(BytesIO(data)) as archive:
            data = b"\n".join(archive.read(name) for name in archive.namelist())
    return data.decode("utf-8", errors="replace")


def rights_reserved(data: bytes) -> bool:
    """Say whether a file claims a copyright or reserves rights before its first part begins."""
    header = document_text(data).partition("<part ")[0]
    return re.search(r"copyright|rights\b[^.<]{0,80}\breserved|<rights", header, re.IGNORECASE) is not None


def voice_parts(names: dict[str, str]) -> list[str]:
    """Return the ids of the parts Soprano, Alto, Tenor, Bass.

    A part belongs to the voice its name begins with ("Soprano Oboe 1 Violin1" is the soprano). Where a score has two
    sopranos, or lacks a voice, it is no four-part chorale.
    """
    ids = [[part_id for part_id, name in names.items() if name.split()[:1] == [voice]] for voice in VOICES]
    if any(len(found) != 1 for found in ids):
        raise LeftOutError(f"not one soprano, alto, tenor and bass; its parts: {', '.join(names.values())}")
    return [found[0] for found in ids]


def on_grid(note: SourceNote) -> tuple[int, int]:
    """Return the first step a note sounds on and the first it no longer does.

    The grid is sampled: a note is there at each step at whose instant it sounds. What begins or ends between two steps
    does so at the next one; what fits between two steps vanishes (both numbers are then equal). Notes that did not
    overlap still do not.
    """
    return ceil(note.onset * STEPS_PER_BEAT), ceil(note.offset * STEPS_PER_BEAT)


def bar_length(numerator: int, denominator: int) -> Fraction:
    return Fraction(4 * numerator, denominator)


def anchored_metres(score: SourceScore) -> tuple[int, list[tuple[int, int, int]]]:
    """Return the pickup in steps, and the changes of metre as (step, numerator, denominator), the first at step 0.

    Bars are counted on from the pickup, so a change is also noted where a full bar stands off that count (after a bar
    the score cut short or drew out): there the same metre begins anew. Two halves of a bar split by a repeat sign add
    up, and change nothing.
    """
    _, numerator, denominator = score.metres[0]
    length = bar_length(numerator, denominator)
    pickup = score.bars[0][1] if score.bars[0][1] < length else Fraction(0)
    changes = [(Fraction(0), numerator, denominator)]
    written = {beat: (top, bottom) for beat, top, bottom in score.metres[1:]}
    anchor = pickup
    for start, reach in score.bars[1:]:
        changed = written.get(start, (numerator, denominator)) != (numerator, denominator)
        if changed:
            numerator, denominator = written[start]
            length = bar_length(numerator, denominator)
        if changed or (reach == length and (start - anchor) % length):
            anchor = start
            changes.append((start, numerator, denominator))
    steps = [(beat * STEPS_PER_BEAT, top, bottom) for beat, top, bottom in changes]
    if any(beat.denominator != 1 for beat, _, _ in steps) or (pickup * STEPS_PER_BEAT).denominator != 1:
        raise ValueError("A bar line stands off the sixteenth grid.")
    return int(pickup * STEPS_PER_BEAT), [(int(beat), top, bottom) for beat, top, bottom in steps]


def key_of(fifths: int, mode: str, notes: np.ndarray) -> tuple[tuple[int, int], bool]:
    """Return ((tonic pitch class, 0 major or 1 minor), whether the mode was estimated).

    Where the file gives a signature without a mode, the signature's major and minor key are compared: the one whose
    Krumhansl–Kessler profile correlates better with the sounding time of each pitch class.
    """
    major = 7 * fifths % 12
    minor = (major + 9) % 12
    if mode:
        return ((minor, 1) if mode == "minor" else (major, 0)), False
    weight = np.bincount(notes[:, 1] % 12, weights=notes[:, 2], minlength=12)
    fits = [
        np.corrcoef(np.roll(profile, tonic), weight)[0, 1]
        for tonic, profile in ((major, MAJOR_PROFILE), (minor, MINOR_PROFILE))
    ]
    return ((minor, 1) if fits[1] > fits[0] else (major, 0)), True


def read_chorale(name: str, data: bytes) -> Chorale:
    """Read one file's bytes onto the grid.

    Raises
    ------
    LeftOutError
        When the file reserves rights or is no four-part chorale.
    """
    if rights_reserved(data):
        raise LeftOutError("its header reserves rights")
    if data[:2] != b"PK" and b"<score-partwise" not in data:
        raise LeftOutError("an analysis in Roman numerals, without notes")
    root = parse_file(data)
    score = read_score(root, voice_parts(part_names(root)))
    rows, fermata, moved, dropped = [], [], 0, 0
    for voice, part in enumerate(score.parts):
        for note in part.notes:
            start, end = on_grid(note)
            if end == start:
                dropped += 1
                continue
            moved += (start, end) != (note.onset * STEPS_PER_BEAT, note.offset * STEPS_PER_BEAT)
            rows.append((start, note.pitch, end - start, voice))
            fermata.append(note.fermata)
    notes = np.array(rows, np.int16).reshape(-1, 4)
    order = np.lexsort((notes[:, 3], notes[:, 0]))
    notes = notes[order]
    for voice in range(len(VOICES)):
        own = notes[notes[:, 3] == voice]
        if (own[1:, 0] < own[:-1, 0] + own[:-1, 2]).any():
            raise ValueError(f"{name}: two notes of the {VOICES[voice]} overlap.")
    start, reach = score.bars[-1]
    pickup, metres = anchored_metres(score)
    key, estimated = key_of(*score.key, notes)
    return Chorale(
        name=name,
        notes=notes,
        fermata=np.array(fermata, bool)[order],
        steps=ceil((start + reach) * STEPS_PER_BEAT),
        metre=metres[0][1:],
        pickup=pickup,
        metre_changes=tuple(metres[1:]),
        key=key,
        key_estimated=estimated,
        moved=moved,
        dropped=dropped,
        grace=sum(part.grace_notes for part in score.parts),
    )


def read_corpus(folder: Path, only: set[str] | None = None) -> tuple[list[Chorale], dict[str, dict]]:
    """Read a folder's files; `only` keeps those of the given names (with suffix).

    Returns the chorales in natural order of name and, for every file read, its line of the manifest.
    """
    chorales, sources = [], {}
    for path in source_files(folder):
        key = path.relative_to(folder).as_posix()
        if only is not None and key not in only:
            continue
        data = path.read_bytes()
        sources[key] = {"sha256": hashlib.sha256(data).hexdigest()}
        try:
            chorale = read_chorale(path.stem, data)
        except LeftOutError as reason:
            sources[key]["left_out"] = str(reason)
        else:
            chorales.append(chorale)
            sources[key].update(chorale.counts())
    return chorales, sources


def totals(chorales: list[Chorale]) -> dict[str, object]:
    """Return what the data set is held to as a whole."""
    total: Counter[str] = Counter()
    for chorale in chorales:
        total.update(chorale.counts())
    notes = np.concatenate([chorale.notes for chorale in chorales])
    return {
        "pieces": len(chorales),
        **total,
        "metres": dict(sorted(Counter("{}/{}".format(*chorale.metre) for chorale in chorales).items())),
        "pickups": sum(chorale.pickup > 0 for chorale in chorales),
        "keys_estimated": sorted((c.name for c in chorales if c.key_estimated), key=natural_order),
        "ranges": {
            voice: [int(notes[notes[:, 3] == i, 1].min()), int(notes[notes[:, 3] == i, 1].max())]
            for i, voice in enumerate(VOICES)
        },
    }


def arrays_of(chorales: list[Chorale], splits: dict) -> dict[str, np.ndarray]:
    """Return the arrays that are shipped; the layout is documented in README.md."""
    given = [splits["pieces"][chorale.name] for chorale in chorales]
    heard = {split: [line["heard_melody"] for line in splits[f"jsb_{split}"]] for split in ("valid", "test")}
    return {
        # Column after column in the file: equal bytes stand together, and it packs into half the size.
        "notes": np.asfortranarray(np.concatenate([chorale.notes for chorale in chorales]).astype(np.int16)),
        "fermata": np.concatenate([chorale.fermata for chorale in chorales]),
        "offsets": np.cumsum([0, *(len(chorale.notes) for chorale in chorales)]).astype(np.int32),
        "steps": np.array([chorale.steps for chorale in chorales], np.int32),
        "metre": np.array([chorale.metre for chorale in chorales], np.int8),
        "metre_changes": np.array(
            [(i, *change) for i, chorale in enumerate(chorales) for change in chorale.metre_changes], np.int32
        ).reshape(-1, 4),
        "pickup": np.array([chorale.pickup for chorale in chorales], np.int16),
        "key": np.array([chorale.key for chorale in chorales], np.int8),
        "names": np.array([chorale.name for chorale in chorales]),
        "split": np.array([SPLITS.index(line["split"]) for line in given], np.int8),
        "jsb_split": np.array([JSB_SPLITS.index(line["jsb"][0]) if line["jsb"] else -1 for line in given], np.int8),
        "jsb_index": np.array([line["jsb"][1] if line["jsb"] else -1 for line in given], np.int16),
        "melody_group": np.array([line["melody_group"] for line in given], np.int16),
        "heard_melody": np.array([line["heard_melody"] for line in given], bool),
        "jsb_valid_heard_melody": np.array(heard["valid"], bool),
        "jsb_test_heard_melody": np.array(heard["test"], bool),
    }


def check(sources: dict[str, dict], total: dict, manifest: dict) -> None:
    """Stop with the differences when what was read is not what the manifest says."""
    expected = manifest["sources"]
    differences = [
        f"{name}: the manifest says {expected.get(name, 'nothing')}, read {sources.get(name, 'nothing')}"
        for name in sorted({*sources, *expected}, key=natural_order)
        if sources.get(name) != expected.get(name)
    ]
    differences += [
        f"{name}: the manifest says {manifest['totals'].get(name)}, read {value}"
        for name, value in total.items()
        if manifest["totals"].get(name) != value
    ]
    if differences:
        shown = "\n  ".join(differences[:10])
        raise SystemExit(
            f"{len(differences)} differences between the files and manifest.json, made with music21 "
            f"{manifest['music21']}:\n  {shown}\nAnother version of music21 is the likely reason; nothing was written."
        )


def card_of(total: dict, manifest: dict, splits: dict, arrays: dict[str, np.ndarray], file: Path) -> dict:
    """Return the machine-readable card; README.md tells the same in prose."""
    left_out = Counter(line["left_out"].split(";")[0] for line in manifest["sources"].values() if "left_out" in line)
    return {
        "name": "bach_chorales",
        "title": "Four-part chorales by Johann Sebastian Bach",
        "origin": f"the Bach files of music21 {manifest['music21']}'s corpus, read by prepare.py",
        "licence": "Music in the public domain (Bach died in 1750); encodings as distributed with music21, none of "
        "whose headers reserves rights",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "arrays_sha256": arrays_digest(arrays),
        "bytes": file.stat().st_size,
        "steps_per_beat": STEPS_PER_BEAT,
        "counts": total,
        "files_left_out": dict(left_out),
        "splits": {
            **splits["counts"],
            "test_pieces_with_unheard_melody": splits["test_pieces_with_unheard_melody"],
        },
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make bach_chorales.npz from music21's Bach files.")
    parser.add_argument("--corpus", type=Path, help="music21's corpus/bach; found through the package by default")
    parser.add_argument("--output", type=Path, default=HERE / "bach_chorales.npz")
    parser.add_argument("--record", action="store_true", help="write manifest.json and card.json from what was read")
    options = parser.parse_args(arguments)

    chorales, sources = read_corpus(options.corpus or corpus_folder())
    total = totals(chorales)
    manifest_file, card_file = HERE / "manifest.json", HERE / "card.json"
    if options.record:
        manifest_file.write_text(
            json_lines({"music21": version("music21"), "totals": total, "sources": sources}), encoding="utf-8"
        )
    manifest = read_json(manifest_file)
    check(sources, total, manifest)

    splits = read_json(HERE / "splits.json")
    arrays = arrays_of(chorales, splits)
    if (
        not options.record
        and arrays_digest(arrays) != json.loads(card_file.read_text(encoding="utf-8"))["arrays_sha256"]
    ):
        raise SystemExit("The arrays are not those of card.json: was splits.json changed? --record accepts them.")
    np.savez_compressed(options.output, **arrays)
    card = card_of(total, manifest, splits, arrays, options.output)
    if options.record:
        card_file.write_text(json_lines(card), encoding="utf-8")
    print(f"{options.output}: {total['pieces']} pieces, {total['notes']} notes, {total['steps']} steps")
    print(f"{card['bytes']} bytes, sha256 {card['sha256']}")


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
