"""Make string_quartets.npz from music21's quartets and, where it is at hand, OpenScore's.

    python datasets/string_quartets/prepare.py --openscore openscore.npz   # both: the dataset of card.json
    python datasets/string_quartets/prepare.py --output FOLDER             # music21's alone, a tenth of it
    python datasets/string_quartets/prepare.py … --record                  # accepts what was read: manifest.json

openscore.npz holds the OpenScore String Quartets (CC0), read from their MusicXML: `onset`, `duration` (24 a quarter
note), `pitch`, `part`, `offset` (piece i is rows offset[i]:offset[i+1]) and `meta`, a JSON list with each piece's
source, path, parts, meters, tempos and bars. Music21's are found through an installed music21 and read by
bach_chorales/chorale_musicxml.py; files that reserve rights stay out. Works that both have are taken from OpenScore.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np

from deepcomposer_lab.datasets.bars import Bar, four_four_sections, notes_on_grid
from deepcomposer_lab.datasets.families import divided
from deepcomposer_lab.datasets.reduce import skyline
from deepcomposer_lab.datasets.saving import count_songs, json_lines, save_songs
from deepcomposer_lab.datasets.songs import BEATS_PER_BAR, TICKS_PER_BAR, Song, SongTrack, sorted_notes
from deepcomposer_lab.datasets.sources import Source, SourceTrack
from deepcomposer_lab.music.key import estimate_key

HERE = Path(__file__).resolve().parent


def chorales(name: str) -> ModuleType:
    """Import a script of the folder bach_chorales: its MusicXML reader, and how it looks for reserved rights."""
    folder = HERE.parent / "bach_chorales"
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # its scripts find each other there
    spec = importlib.util.spec_from_file_location(f"bach_chorales_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


corpus = chorales("prepare")

QUARTET = (
    SongTrack("melody", 40),
    SongTrack("violin", 40),
    SongTrack("viola", 41),
    SongTrack("cello", 42),
)
# How the four are called in the files: "Violin I.", "1st Violin", "Violin 1", "Violoncello".
NAMES = (
    ("melody", re.compile(r"^(1st violin|violin (1|i))\.?$", re.IGNORECASE)),
    ("violin", re.compile(r"^(2nd violin|violin (2|ii))\.?$", re.IGNORECASE)),
    ("viola", re.compile(r"^viola\.?$", re.IGNORECASE)),
    ("cello", re.compile(r"^(violoncello|cello)\.?$", re.IGNORECASE)),
)
OPENSCORE_TICKS = 24  # a quarter note
MOST_OFF_GRID = 1 / 3  # of a passage's notes
LEAST_PLAYING = 1 / 4  # of a passage's bars, in which violin 1 begins a note
DEFAULT_BPM = 100.0

# Music21's folder or file -> the work in OpenScore's folders that it is, or None where OpenScore lacks it.
WORKS = {
    "beethoven/opus132": None,
    "beethoven/opus133": "Beethoven,_Ludwig_van/Grosse_Fuge_in_B-flat_major,_Op.133",
    "beethoven/opus18no1": "Beethoven,_Ludwig_van/String_Quartet_No.1,_Op.18_No.1",
    "beethoven/opus18no3": "Beethoven,_Ludwig_van/String_Quartet_No.3,_Op.18_No.3",
    "beethoven/opus18no4": "Beethoven,_Ludwig_van/String_Quartet_No.4,_Op.18_No.4",
    "beethoven/opus18no5": "Beethoven,_Ludwig_van/String_Quartet_No.5,_Op.18_No.5",
    "beethoven/opus59no1": None,
    "beethoven/opus59no2": None,
    "beethoven/opus59no3": "Beethoven,_Ludwig_van/String_Quartet_No.9,_Op.59_No.3",
    "beethoven/opus74": None,
    "haydn/opus1no1": "Haydn,_Joseph/String_Quartet_in_B-flat_major_(“La_Chasse”),_Hob._III1,_Op.1_No.1",
    "haydn/opus74no1": "Haydn,_Joseph/String_Quartet_in_C_major,_Hob.III72,_Op.74_No.1",
    "mozart/k155": "Mozart,_Wolfgang_Amadeus/String_Quartet_No.2_in_D_major,_K.155134a",
    "mozart/k156": None,
    "mozart/k458": "Mozart,_Wolfgang_Amadeus/String_Quartet_No.17_in_B-flat_major,_K.458_(Op._10,_No._3)",
    "mozart/k80": "Mozart,_Wolfgang_Amadeus/String_Quartet_No.1_in_G_major,_K.8073f",
}


@dataclass(frozen=True)
class Movements:
    """A file: the work it belongs to, and its music, cut at each place where a metre is stated."""

    work: str
    name: str
    sources: tuple[Source, ...]


# --- the two collections -------------------------------------------------------------------------------------------


def openscore_files(path: Path) -> Iterator[Movements]:
    """Yield the string quartets of openscore.npz."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for index, about in enumerate(json.loads(str(arrays["meta"]))):
        if about["source"] != "quartets":
            continue
        rows = slice(*arrays["offset"][index : index + 2])
        part = arrays["part"][rows]
        columns = (arrays["onset"][rows] / OPENSCORE_TICKS, arrays["pitch"][rows], arrays["duration"][rows])
        notes = np.column_stack([columns[0], columns[1], columns[2] / OPENSCORE_TICKS]).astype(float)
        named = [(name, notes[part == number]) for number, name in enumerate(about["parts"])]
        work = str(Path(about["path"]).parent).removeprefix("scores/")
        name = f"{work}/{Path(about['path']).stem}"
        metres = [(float(beat), int(top), int(bottom)) for beat, top, bottom in about["meters"]]
        end = float((notes[:, 0] + notes[:, 2]).max())
        tempos = tuple((float(beat), float(bpm)) for beat, bpm in about["tempos"])
        yield movements(work, name, named, bars_of([float(bar) for bar in about["bars"]], metres, end), metres, tempos)


def music21_files(folder: Path, known: set[str]) -> Iterator[tuple[str, Movements | None]]:
    """Yield the quartets in music21's corpus that are none of the works in `known`.

    Each as the file's name and its music, which is None where the file reserves rights.
    """
    for key, work in WORKS.items():
        if (work or key) in known:
            continue
        files = sorted((folder / key).glob("*.mxl")) or [folder / f"{key}.mxl"]
        for file in files:
            data = file.read_bytes()
            name = file.relative_to(folder).with_suffix("").as_posix()
            yield name, None if corpus.rights_reserved(data) else music21_movements(work or key, name, data)


def music21_movements(work: str, name: str, data: bytes) -> Movements:
    """Read one MusicXML file."""
    root = corpus.parse_file(data)
    score = corpus.read_score(root)
    named = [
        (part.name, np.array([(n.onset, n.pitch, n.duration) for n in part.notes], dtype=float).reshape(-1, 3))
        for part in score.parts
    ]
    metres = [(float(beat), top, bottom) for beat, top, bottom in score.metres]
    end = float(score.bars[-1][0] + score.bars[-1][1])
    bars = bars_of([float(start) for start, _ in score.bars], metres, end)
    sound = root.find(".//sound[@tempo]")
    bpm = float(sound.attrib["tempo"]) if sound is not None else DEFAULT_BPM
    return movements(work, name, named, bars, metres, ((0.0, bpm),))


def bars_of(starts: Sequence[float], metres: Sequence[tuple[float, int, int]], end: float) -> list[Bar]:
    """Return bars from where they start; the metre of each is the last one stated.

    Lengths are rounded to a twenty-fourth of a beat, the files' own precision. Where no metre is stated at the
    beginning it is the one in quarters of most bars there. A last bar that sounds on is as long as its metre.
    """
    lengths = [round(24 * (stop - start)) / 24 for start, stop in zip(starts, [*starts[1:], end], strict=True)]
    stated = sorted(metres)
    if not stated or stated[0][0] > starts[0] + 1e-3:
        first = stated[0][0] if stated else end
        usual = Counter(length for start, length in zip(starts, lengths, strict=True) if start < first)
        stated.insert(0, (starts[0], max(round(usual.most_common(1)[0][0]), 1), 4))
    bars = []
    for start, length in zip(starts, lengths, strict=True):
        top, bottom = [metre[1:] for metre in stated if metre[0] <= start + 0.02][-1]
        if start == starts[-1]:
            length = min(length, 4 * top / bottom)
        if length > 0:
            bars.append(Bar(start, length, top, bottom))
    return bars


def movements(
    work: str,
    name: str,
    named: Sequence[tuple[str, np.ndarray]],
    bars: Sequence[Bar],
    metres: Sequence[tuple[float, int, int]],
    tempos: tuple[tuple[float, float], ...],
) -> Movements:
    """Return a file's music, its parts found by their names.

    Raises
    ------
    ValueError
        When one of the four is missing.
    """
    tracks = []
    for (role, pattern), track in zip(NAMES, QUARTET, strict=True):
        own = [notes for part, notes in named if pattern.match(part.strip())]
        if not own:
            raise ValueError(f"{name} has no {role} among its parts: {', '.join(part for part, _ in named)}.")
        tracks.append(SourceTrack(role, track.program, False, np.concatenate(own)))
    # A metre is stated where a movement begins, or within one where the music changes with it.
    edges = [-np.inf, *(metre[0] for metre in metres if metre[0] > 0.02), np.inf]
    pieces = (tuple(bar for bar in bars if start - 0.02 <= bar.start < stop - 0.02) for start, stop in pairwise(edges))
    return Movements(work, name, tuple(Source(name, tuple(tracks), piece, tempos) for piece in pieces if piece))


# --- songs ---------------------------------------------------------------------------------------------------------


def songs_of(file: Movements) -> tuple[list[Song], dict]:
    """Return a song for each passage in 4/4 of eight bars or more, and the file's line of the manifest."""
    songs: list[Song] = []
    line: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for source in file.sources:
        sections, kinds = four_four_sections(source.bars)
        left_out.update(kinds)
        for section in sections:
            parts, off = zip(*(notes_on_grid(track.notes, section) for track in source.tracks), strict=True)
            count = sum(map(len, parts))
            playing = len(np.unique(parts[0][:, 0] // TICKS_PER_BAR))
            if playing < LEAST_PLAYING * section.bars or sum(off) > MOST_OFF_GRID * count:
                left_out["violin 1 rests" if playing < LEAST_PLAYING * section.bars else "off the grid"] += section.bars
                continue
            melody = skyline(parts[0])
            line["chords_of_violin_1"] += len(parts[0]) - len(melody)
            line["moved"] += sum(off)
            own = [melody, *parts[1:]]
            notes = np.concatenate([np.column_stack([n, np.full(len(n), role)]) for role, n in enumerate(own)])
            first = int(notes[:, 0].min()) // TICKS_PER_BAR
            bars = -(-int((notes[:, 0] + notes[:, 2]).max()) // TICKS_PER_BAR) - first
            songs.append(
                Song(
                    f"{file.name}/{len(songs) + 1}",
                    sorted_notes(notes - [first * TICKS_PER_BAR, 0, 0, 0]),
                    bars,
                    QUARTET,
                    estimate_key(notes[:, 1], notes[:, 2]),
                    round(source.bpm_at(section.start + first * BEATS_PER_BAR), 2),
                )
            )
    line.update(songs=len(songs), bars=sum(s.bars for s in songs), notes=sum(len(s.notes) for s in songs))
    counts: dict = {name: line[name] for name in ("songs", "bars", "notes", "moved", "chords_of_violin_1")}
    if left_out:
        counts["bars_left_out"] = dict(sorted(left_out.items()))
    return songs, counts


def read_songs(openscore: Path | None, folder: Path) -> tuple[list[Song], dict[str, dict]]:
    """Return the songs of both collections, divided by work, and for every file its line of the manifest."""
    songs: list[Song] = []
    works: list[str] = []
    sources: dict[str, dict] = {}
    files: list[Movements] = list(openscore_files(openscore)) if openscore else []
    known = {file.work for file in files}
    for name, file in music21_files(folder, known):
        if file is None:
            sources[name] = {"left_out": "its header reserves rights"}
        else:
            files.append(file)
    for file in files:
        found, sources[file.name] = songs_of(file)
        songs += found
        works += [file.work] * len(found)
    return divided(songs, works), sources


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make string_quartets.npz.")
    parser.add_argument("--openscore", type=Path, help="openscore.npz; without it music21's quartets alone")
    parser.add_argument("--corpus", type=Path, help="music21's corpus; found through the package by default")
    parser.add_argument("--output", type=Path, help="the folder to write to; its name is the dataset's")
    parser.add_argument("--record", action="store_true", help="write manifest.json from what was read")
    options = parser.parse_args(arguments)
    if options.openscore and not options.openscore.is_file():
        raise SystemExit(f"There is no file {options.openscore}.")
    if not options.openscore and (options.output is None or options.output.resolve() == HERE):
        raise SystemExit(
            "Without --openscore it is another dataset, a tenth as large: name another folder for it, --output FOLDER. "
            f"card.json in {HERE.name} is that of the whole."
        )

    songs, sources = read_songs(options.openscore, options.corpus or corpus.corpus_folder().parent)
    totals = count_songs(songs)
    kind = "with OpenScore" if options.openscore else "music21 alone"
    manifest_file = HERE / "manifest.json"
    manifest = json.loads(manifest_file.read_text(encoding="utf-8")) if manifest_file.is_file() else {}
    if options.record:
        manifest[kind] = {"totals": totals, **sources}
        manifest_file.write_text(json_lines(dict(sorted(manifest.items()))), encoding="utf-8")
    check({"totals": totals, **sources}, manifest.get(kind, {}))
    origin = "OpenScore String Quartets and music21's quartets" if options.openscore else "music21's quartets"
    card = save_songs(
        options.output or HERE,
        songs,
        title="String quartets in 4/4",
        origin=f"{origin}, read by prepare.py",
        licence="Music in the public domain; OpenScore's files CC0 1.0, music21's as distributed with it, none of "
        "whose headers reserves rights",
    )
    print(f"{options.output or HERE}: {totals['songs']} songs, {totals['bars']} bars, {totals['notes']} notes")
    print(f"{card['bytes']} bytes, sha256 {card['sha256']}")


def check(read: dict[str, dict], expected: dict[str, dict]) -> None:
    """Stop with the differences when what was read is not what the manifest says."""
    differences = [
        f"{name}: the manifest says {expected.get(name, 'nothing')}, read {read.get(name, 'nothing')}"
        for name in sorted({*read, *expected})
        if read.get(name) != expected.get(name)
    ]
    if differences:
        shown = "\n  ".join(differences[:10])
        raise SystemExit(
            f"{len(differences)} differences between the files and manifest.json:\n  {shown}\n"
            "Another version of music21 or of openscore.npz is the likely reason; nothing was written."
        )


if __name__ == "__main__":
    main()
