"""Make rock.npz from the music of Freedoom.

    python datasets/rock/prepare.py                                  # reads, checks every count, writes rock.npz
    python datasets/rock/prepare.py freedoom1.wad freedoom2.wad      # files that lie elsewhere
    python datasets/rock/prepare.py --record                         # accepts what was read: manifest.json, card.json

Debian's package freedoom puts the files where they are looked for; a release of the Freedoom project, 0.12.1, holds
the same. A WAD is a directory of lumps; the lumps that are MIDI files are the songs. Every one is checked against the
sha256 and the counts in manifest.json, so a changed release, or a changed rule of deepcomposer_lab/datasets/reduce.py,
stops the script instead of changing the data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path

from deepcomposer_lab.datasets.families import divided
from deepcomposer_lab.datasets.reduce import reduce_source
from deepcomposer_lab.datasets.saving import arrays_digest, count_songs, json_lines, save_songs
from deepcomposer_lab.datasets.songs import Song, songs_to_arrays
from deepcomposer_lab.datasets.sources import read_midi_source

HERE = Path(__file__).resolve().parent
RELEASE = "Freedoom 0.12.1"
DEFAULT_WADS = [Path("/usr/share/games/doom") / name for name in ("freedoom1.wad", "freedoom2.wad")]
ABOUT = {
    "title": "The music of Freedoom, rock for the most part, as a band plays it",
    "origin": f"the MIDI files in {RELEASE}'s freedoom1.wad and freedoom2.wad, reduced by prepare.py",
    "licence": "BSD, 3-clause, Contributors to the Freedoom project; see LICENSE",
}


def lumps(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of every lump of a WAD file, in the order of its directory.

    A WAD begins with "IWAD" or "PWAD", the number of its lumps and where its directory lies; the directory gives each
    lump's place, size and a name of eight bytes. All numbers are 32 bits, little-endian.
    """
    if data[:4] not in (b"IWAD", b"PWAD"):
        raise SystemExit("This is no WAD file: it begins with neither IWAD nor PWAD.")
    count, directory = struct.unpack_from("<ii", data, 4)
    for number in range(count):
        place, size, name = struct.unpack_from("<ii8s", data, directory + 16 * number)
        if place < 0 or size < 0 or place + size > len(data):
            raise SystemExit(f"The lump {name!r} lies outside the file: was the WAD cut off?")
        yield name.rstrip(b"\0").decode("ascii", "replace"), data[place : place + size]


def midi_lumps(wads: list[Path]) -> dict[str, tuple[bytes, list[str]]]:
    """Return {name: (file, further names of the same file)} of the MIDI files in WADs, each content once."""
    found: dict[str, tuple[bytes, list[str]]] = {}
    names: dict[bytes, str] = {}
    for wad in wads:
        for lump, data in lumps(wad.read_bytes()):
            if data[:4] != b"MThd":
                continue
            name = f"{wad.stem}/{lump.removeprefix('D_')}"
            if data in names:
                found[names[data]][1].append(name)
            else:
                names[data] = name
                found[name] = (data, [])
    return found


def read_songs(wads: list[Path]) -> tuple[list[Song], dict[str, dict]]:
    """Return the songs, and for every MIDI file its line of the manifest."""
    songs, groups, sources = [], [], {}
    for name, (data, also) in midi_lumps(wads).items():
        reduction = reduce_source(read_midi_source(data, name))
        line: dict = {"sha256": hashlib.sha256(data).hexdigest()}
        if also:
            line["also"] = also
        if reduction.songs:
            line["bars"] = sum(song.bars for song in reduction.songs)
            line["notes"] = sum(len(song.notes) for song in reduction.songs)
            line["moved"] = reduction.off_grid
        if reduction.remarks:
            line["remarks" if reduction.songs else "left_out"] = "; ".join(reduction.remarks)
        sources[name] = line
        songs += reduction.songs
        groups += [name] * len(reduction.songs)
    return divided(songs, groups), sources


def check(sources: dict[str, dict], totals: dict, manifest: dict) -> None:
    """Stop with the differences when what was read is not what the manifest says."""
    expected = manifest["sources"]
    differences = [
        f"{name}: the manifest says {expected.get(name, 'nothing')}, read {sources.get(name, 'nothing')}"
        for name in sorted({*sources, *expected})
        if sources.get(name) != expected.get(name)
    ]
    differences += [
        f"{name}: the manifest says {manifest['totals'].get(name)}, read {value}"
        for name, value in totals.items()
        if manifest["totals"].get(name) != value
    ]
    if differences:
        shown = "\n  ".join(differences[:10])
        raise SystemExit(
            f"{len(differences)} differences between the files and manifest.json, made with {manifest['release']}:\n"
            f"  {shown}\nAnother release, or a changed rule of reduction, is the likely reason; nothing was written."
        )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make rock.npz from Freedoom's WAD files.")
    parser.add_argument("wads", nargs="*", type=Path, default=DEFAULT_WADS)
    parser.add_argument("--output", type=Path, default=HERE, help="the folder to write to; its name is the dataset's")
    parser.add_argument("--record", action="store_true", help="write manifest.json from what was read")
    options = parser.parse_args(arguments)
    for wad in options.wads:
        if not wad.is_file():
            raise SystemExit(f"There is no file {wad}. Debian has it in the package freedoom; or name your own files.")

    songs, sources = read_songs(options.wads)
    totals = count_songs(songs)
    manifest_file = HERE / "manifest.json"
    if options.record:
        text = json_lines({"release": RELEASE, "totals": totals, "sources": sources})
        manifest_file.write_text(text, encoding="utf-8")
    else:
        check(sources, totals, json.loads(manifest_file.read_text(encoding="utf-8")))
        card = json.loads((HERE / "card.json").read_text(encoding="utf-8"))
        if arrays_digest(songs_to_arrays(songs)) != card["arrays_sha256"]:
            raise SystemExit("The arrays are not those of card.json. --record accepts them.")
    card = save_songs(options.output, songs, **ABOUT)
    print(f"{options.output}: {totals['songs']} songs, {totals['bars']} bars, {totals['notes']} notes")
    print(f"{card['bytes']} bytes, sha256 {card['sha256']}")


if __name__ == "__main__":
    main()
