"""Make folk_tunes.npz from the books of fiddle tunes in an installed music21.

    python datasets/folk_tunes/prepare.py                 # reads, checks every count, writes folk_tunes.npz
    python datasets/folk_tunes/prepare.py --corpus DIR    # another copy of music21's corpus
    python datasets/folk_tunes/prepare.py --record        # accepts what was read: new manifest.json, card.json

The files are found through the music21 package but read without it, by abc_tunes.py: four seconds instead of minutes.
Every source file is checked against the sha256 and the counts in manifest.json, so a changed corpus stops the script
instead of changing the data.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from abc_tunes import MINOR_LIKE, AbcBar, AbcError, read_tune, split_tunes, without_first_endings  # noqa: E402
from families import beat_grams, beat_pitches, families, opening  # noqa: E402

from deepcomposer_lab.datasets.saving import arrays_digest, json_lines  # noqa: E402
from deepcomposer_lab.datasets.songs import (  # noqa: E402
    FOLDS,
    TICKS_PER_BAR,
    TICKS_PER_BEAT,
    Song,
    SongTrack,
    check_song,
    songs_to_arrays,
)

BOOKS = {"airdsAirs": "Aird's", "oneills1850": "O'Neill's", "ryansMammoth": "Ryan's"}
METRES = {"C": "4/4", "C|": "2/2"}
FEWEST_BARS, MOST_BARS = 8, 64
FEWEST_NOTES_A_BAR = 2
LOWEST, HIGHEST = 48, 96
DENSE = 5  # notes a 2/4 bar from which it is written in sixteenths where others have eighths
MELODY = (SongTrack("melody", 73),)
TEMPO = 100.0  # the books give speeds in words, if at all
SEED = 1903
# The melodies and examples that come with the package are tunes no model has learnt from: these are one of the
# examples, Twinkle, Twinkle (two), and Deck the Halls.
HELD_BACK = ("The Little Girl of my Heart", "Aire de l'Opera Francoise.", "O La my Dear", "Nos Calen")
RIGHTS = re.compile(r"copyright|©|all rights|rights reserved|permission|licen[cs]e", re.IGNORECASE)


# Names are read aloud in classrooms: a tune under the name of a minstrel caricature stays away.
DEMEANING = re.compile(r"\b(zip coon|negroe?s?|dark(ey|y|ie)s?)\b", re.IGNORECASE)


class LeftOutError(Exception):
    """This tune is no piece of the dataset; the message says why."""


@dataclass(frozen=True)
class Tune:
    """One tune on the grid: notes are int64 (n, 3), onset, pitch, duration in ticks; sorted, none overlap."""

    name: str
    title: str
    notes: np.ndarray
    bars: int
    pickup: bool
    key: tuple[int, int]
    mode: str

    def shape(self) -> bytes:
        """Return what two copies have in common, in whatever key they are written."""
        return (self.notes - [0, self.notes[0, 1], 0]).tobytes()


def corpus_folder() -> Path:
    """Return the corpus of the installed music21, without importing music21."""
    found = importlib.util.find_spec("music21")
    if found is None or found.origin is None:
        raise SystemExit("music21 is not installed here: the tunes come with it (pip install music21).")
    return Path(found.origin).parent / "corpus"


def rights_reserved(text: str) -> bool:
    """Say whether a file claims a copyright, reserves rights or speaks of a licence."""
    return RIGHTS.search(text) is not None


def ticks(beats: Fraction) -> int:
    """Return a time in ticks.

    Raises
    ------
    LeftOutError
        When it lies between two.
    """
    value = beats * TICKS_PER_BEAT
    if value.denominator != 1:
        raise LeftOutError("a note off the grid of 12 ticks a beat")
    return int(value)


def metre_of(text: str, bars: list[AbcBar]) -> tuple[int, int]:
    """Return (factor for the lengths, ticks of a written bar after it).

    A 2/4 bar with more than DENSE notes is one of 4/4 in smaller notes, as the same reel in the other book shows; one
    with fewer is half a bar.

    Raises
    ------
    LeftOutError
        When the metre is another one.
    """
    words = text.split()
    metre = METRES.get(words[0], words[0]) if words else "none"
    if metre in ("4/4", "2/2"):
        return 1, TICKS_PER_BAR
    if metre != "2/4":
        raise LeftOutError(f"in {metre}")
    notes = np.mean([sum(note.pitch is not None for note in bar.notes) for bar in bars])
    return (2, TICKS_PER_BAR) if notes > DENSE else (1, TICKS_PER_BAR // 2)


def place_bars(bars: list[AbcBar], factor: int, length: int) -> tuple[np.ndarray, bool]:
    """Lay the bars one behind the other so that every bar line is a multiple of `length`.

    A first bar that is too short is a pickup and stands at the end of its bar. Where a part ends short and the next
    begins short, both share a bar; where a part ends in full and the next has a pickup, the note before gives way to
    it; where only the end is short, silence fills the bar.

    Returns
    -------
    notes : ndarray of int64, shape (n, 3)
    pickup : bool

    Raises
    ------
    LeftOutError
        When the lengths do not add up.
    """
    placed: list[list[int]] = []
    now, tied = 0, False
    pickup = ticks(bars[0].length * factor) < length
    for index, bar in enumerate(bars):
        size = ticks(bar.length * factor)
        if size > length:
            raise LeftOutError("a bar is too long")
        now = bar_start(now, size, length, bar, index, placed, index == len(bars) - 1)
        for note in bar.notes:
            start, duration = now + ticks(note.onset * factor), ticks(note.duration * factor)
            if duration < 1:
                raise LeftOutError("a note off the grid of 12 ticks a beat")
            if note.pitch is not None:
                if tied and placed and placed[-1][1] == note.pitch and placed[-1][0] + placed[-1][2] == start:
                    placed[-1][2] += duration
                else:
                    placed.append([start, note.pitch, duration])
            tied = note.tied
        now += size
    return np.array(placed, dtype=np.int64).reshape(-1, 3), pickup


def bar_start(now: int, size: int, length: int, bar: AbcBar, index: int, placed: list, is_last: bool) -> int:
    """Return where a bar of `size` ticks starts when the ones before end at `now`; see `place_bars`.

    Raises
    ------
    LeftOutError
        When it would hang in the middle of a bar.
    """
    into = now % length
    if index == 0:
        return length - size
    if into and bar.starts_part and into + size != length:
        to_line = length - into
        return now + to_line - size if size < to_line else now + to_line + length - size
    if into + size > length:
        raise LeftOutError("a bar is too short")
    if into or size == length or bar.ends_part or is_last:
        return now
    if not bar.starts_part or placed[-1][2] <= size or placed[-1][0] + placed[-1][2] != now:
        raise LeftOutError("a bar is too short")
    placed[-1][2] -= size
    return now - size


def read_one(abc: str, book: str, file: str) -> Tune:
    """Return one tune on the grid.

    Raises
    ------
    AbcError, LeftOutError
        With the reason why it is none of the dataset's.
    """
    tune = read_tune(abc)
    if DEMEANING.search(tune.title):
        raise LeftOutError("a title that demeans people")
    bars = without_first_endings(tune.bars)
    factor, length = metre_of(tune.metre, bars)
    notes, pickup = place_bars(bars, factor, length)
    if length < TICKS_PER_BAR:
        notes = paired(notes, pickup, bars, length)
    if len(notes) == 0:
        raise LeftOutError("fewer than 8 bars")
    count = -(-int(notes[-1, 0] + notes[-1, 2]) // TICKS_PER_BAR)
    for problem, there in (
        (f"fewer than {FEWEST_BARS} bars", count < FEWEST_BARS),
        (f"more than {MOST_BARS} bars", count > MOST_BARS),
        ("a pitch that no fiddle or flute has", notes[:, 1].min() < LOWEST or notes[:, 1].max() > HIGHEST),
        (f"fewer than {FEWEST_NOTES_A_BAR} notes a bar", len(notes) < FEWEST_NOTES_A_BAR * count),
    ):
        if there:
            raise LeftOutError(problem)
    tonic, mode = tune.key
    where = f"{BOOKS[book]} {tune.number}" if book != "ryansMammoth" else BOOKS[book]
    title = " ".join(tune.title.replace('"', "").split()) or file
    return Tune(f"{title} ({where})", title, notes, count, pickup, (tonic, int(mode in MINOR_LIKE)), mode)


def paired(notes: np.ndarray, pickup: bool, bars: list[AbcBar], length: int) -> np.ndarray:
    """Join bars of 2/4 two by two, the first full bar with its neighbour.

    Raises
    ------
    LeftOutError
        When a part has an odd number of bars, so that the next would start in the middle of one.
    """
    boundaries = [sum(b.length for b in bars[:i]) * TICKS_PER_BEAT for i, b in enumerate(bars) if b.starts_part and i]
    if any(round(float(boundary) / length) % 2 for boundary in boundaries):
        raise LeftOutError("a part with an odd number of 2/4 bars")
    return notes + np.array([length if pickup else 0, 0, 0])


def read_corpus(folder: Path) -> tuple[list[Tune], dict[str, dict]]:
    """Return the tunes, copies left out, and what was read from each file."""
    tunes: list[Tune] = []
    sources: dict[str, dict] = {}
    seen: dict[bytes, str] = {}
    names: Counter[str] = Counter()
    for book in BOOKS:
        for path in sorted((folder / book).glob("*.abc")):
            data = path.read_bytes()
            counts: Counter[str] = Counter()
            notes = 0
            for tune in tunes_of(data.decode("utf-8"), book, path.stem, counts):
                if seen.setdefault(tune.shape(), tune.name) != tune.name:
                    counts["the same notes as another"] += 1
                    continue
                names[tune.name] += 1
                number = f", {names[tune.name]}" if names[tune.name] > 1 else ""
                tunes.append(replace(tune, name=tune.name[:-1] + number + ")"))
                counts["kept"] += 1
                notes += len(tune.notes)
            line = {"sha256": hashlib.sha256(data).hexdigest(), "notes": notes, **dict(sorted(counts.items()))}
            sources[f"{book}/{path.name}"] = line
    return tunes, sources


def tunes_of(text: str, book: str, file: str, counts: Counter[str]) -> Iterator[Tune]:
    """Yield the tunes of a file that fit, and count the others by their reason."""
    if rights_reserved(text):
        counts["in a file that reserves rights"] += len(split_tunes(text))
        return
    for abc in split_tunes(text):
        try:
            yield read_one(abc, book, file)
        except (AbcError, LeftOutError) as problem:
            counts[str(problem)] += 1


def deal(sizes: list[int], rng: np.random.Generator) -> list[int]:
    """Deal families of these sizes to FOLDS folds of about equally many tunes; return each family's fold."""
    folds, totals = [0] * len(sizes), [0] * FOLDS
    order = rng.permutation(len(sizes))
    for family in sorted(order, key=lambda family: -sizes[family]):
        folds[family] = totals.index(min(totals))
        totals[folds[family]] += sizes[family]
    return folds


def split_families(sizes: list[int], held_back: set[int], rng: np.random.Generator) -> list[str]:
    """Return each family's split: about 80, 10 and 10 % of the tunes; families of more than ten are trained on."""
    total, counts = sum(sizes), Counter({"test": sum(sizes[family] for family in held_back)})
    splits = ["test" if family in held_back else "train" for family in range(len(sizes))]
    for family in rng.permutation(len(sizes)).tolist():
        if family in held_back or sizes[family] > 10:
            continue
        for split in ("test", "validation"):
            if counts[split] + sizes[family] <= total // 10:
                splits[family] = split
                counts[split] += sizes[family]
                break
    return splits


def songs_of(tunes: list[Tune]) -> list[Song]:
    """Return the tunes as songs of one track, each with its family, fold and split."""
    beats = [beat_pitches(tune.notes, tune.bars) for tune in tunes]
    openings = np.array([opening(own, tune.pickup) for own, tune in zip(beats, tunes, strict=True)])
    numbers = families([tune.title for tune in tunes], openings, [beat_grams(own) for own in beats])
    sizes = np.bincount(numbers).tolist()
    rng = np.random.default_rng(SEED)
    folds = deal(sizes, rng)
    held_back = {family for family, tune in zip(numbers, tunes, strict=True) if tune.title in HELD_BACK}
    splits = split_families(sizes, held_back, rng)
    return [
        Song(
            name=tune.name,
            notes=np.column_stack([tune.notes, np.zeros(len(tune.notes), dtype=np.int64)]),
            bars=tune.bars,
            tracks=MELODY,
            key=tune.key,
            tempo=TEMPO,
            family=family,
            fold=folds[family],
            split=splits[family],
        )
        for tune, family in zip(tunes, numbers, strict=True)
    ]


def arrays_of(tunes: list[Tune], songs: list[Song]) -> dict[str, np.ndarray]:
    """Return what goes into the .npz: the songs' arrays in small types, and what only tunes have."""
    for song in songs:
        check_song(song)
    arrays = songs_to_arrays(songs)
    return {
        **arrays,
        "notes": arrays["notes"].astype(np.int16),
        "mode": np.array([tune.mode for tune in tunes]),
        "pickup": np.array([tune.pickup for tune in tunes]),
    }


def totals(tunes: list[Tune], songs: list[Song], sources: dict[str, dict]) -> dict:
    """Return the counts that prepare.py checks."""
    reasons: Counter[str] = Counter()
    for line in sources.values():
        reasons.update({name: count for name, count in line.items() if name not in ("sha256", "notes")})
    kept = reasons.pop("kept")
    return {
        "tunes": kept,
        "notes": sum(len(tune.notes) for tune in tunes),
        "bars": sum(tune.bars for tune in tunes),
        "pickups": sum(tune.pickup for tune in tunes),
        "books": {
            book: sum(line.get("kept", 0) for name, line in sources.items() if name.startswith(book)) for book in BOOKS
        },
        "modes": dict(Counter(tune.mode for tune in tunes).most_common()),
        "families": len({song.family for song in songs}),
        "largest_family": max(Counter(song.family for song in songs).values()),
        "splits": dict(sorted(Counter(song.split for song in songs).items())),
        "folds": dict(sorted(Counter(str(song.fold) for song in songs).items())),
        "left_out": dict(reasons.most_common()),
    }


def check(sources: dict, total: dict, manifest: dict) -> None:
    """Stop where anything read is not the manifest's.

    Raises
    ------
    SystemExit
        Naming the first ten differences.
    """
    wrong = [
        f"{name}: read {sources.get(name)}, expected {manifest['sources'].get(name)}"
        for name in sorted({*sources, *manifest["sources"]})
        if sources.get(name) != manifest["sources"].get(name)
    ]
    wrong += [
        f"{name}: {total[name]}, expected {manifest['totals'].get(name)}"
        for name in total
        if total[name] != manifest["totals"].get(name)
    ]
    if wrong:
        raise SystemExit("The tunes are not those of manifest.json:\n" + "\n".join(wrong[:10]))


def card_of(total: dict, manifest: dict, arrays: dict[str, np.ndarray], file: Path) -> dict:
    """Return the machine-readable card; README.md tells the same in prose."""
    return {
        "name": "folk_tunes",
        "title": "Fiddle tunes of three old books",
        "origin": "James Aird's Airs (Glasgow, from 1778), Ryan's Mammoth Collection (Boston, 1883) and O'Neill's "
        f"Music of Ireland (Chicago, 1903), from the ABC files of music21 {manifest['music21']}'s corpus, read by "
        "prepare.py",
        "licence": "Music in the public domain (the books appeared between 1778 and 1903); encodings as distributed "
        "with music21, none of which reserves rights",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "arrays_sha256": arrays_digest(arrays),
        "bytes": file.stat().st_size,
        "ticks_per_beat": TICKS_PER_BEAT,
        "counts": {name: value for name, value in total.items() if name not in ("splits", "left_out")},
        "left_out": total["left_out"],
        "splits": total["splits"],
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make folk_tunes.npz from music21's books of fiddle tunes.")
    parser.add_argument("--corpus", type=Path, help="music21's corpus; found through the package by default")
    parser.add_argument("--output", type=Path, default=HERE / "folk_tunes.npz")
    parser.add_argument("--record", action="store_true", help="write manifest.json and card.json from what was read")
    options = parser.parse_args(arguments)

    tunes, sources = read_corpus(options.corpus or corpus_folder())
    songs = songs_of(tunes)
    total = totals(tunes, songs, sources)
    manifest_file, card_file = HERE / "manifest.json", HERE / "card.json"
    if options.record:
        manifest_file.write_text(
            json_lines({"music21": version("music21"), "totals": total, "sources": sources}), encoding="utf-8"
        )
    manifest = read_json(manifest_file)
    check(sources, total, manifest)

    arrays = arrays_of(tunes, songs)
    if not options.record and arrays_digest(arrays) != read_json(card_file)["arrays_sha256"]:
        raise SystemExit("The arrays are not those of card.json; --record accepts them.")
    np.savez_compressed(options.output, **arrays)
    card = card_of(total, manifest, arrays, options.output)
    if options.record:
        card_file.write_text(json_lines(card), encoding="utf-8")
    print(f"{options.output}: {total['tunes']} tunes, {total['notes']} notes, {total['bars']} bars")
    print(f"{card['bytes']} bytes, sha256 {card['sha256']}")


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
