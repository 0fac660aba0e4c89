"""The bytes of a Standard MIDI File, as events. Everything that can be wrong with a file is said here.

Written by hand because what a learner brings is often a little broken, and the libraries either refuse it
with a message about bytes or drop notes without a word: mido stops at the first odd meta event, pretty_midi
and symusic leave out notes that were never ended. Source: the Standard MIDI Files 1.0 specification (MIDI
Manufacturers Association, RP-001).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO

MAX_BYTES = 10_000_000

META, END_OF_TRACK, TEXT, TRACK_NAME, INSTRUMENT_NAME, TEMPO, METRE = 0xFF, 0x2F, 0x01, 0x03, 0x04, 0x51, 0x58
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM = 0x80, 0x90, 0xB0, 0xC0
ALL_SOUND_OFF, ALL_NOTES_OFF = 120, 123

# What else people pick by mistake, by its first bytes.
_OTHER_FORMATS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"ID3", "an MP3 recording"),
    (b"\xff\xfb", "an MP3 recording"),
    (b"\xff\xf3", "an MP3 recording"),
    (b"OggS", "an Ogg recording"),
    (b"fLaC", "a FLAC recording"),
    (b"PK\x03\x04", "a ZIP archive (.mxl and many scores are one inside)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<?xml", "an XML file, perhaps MusicXML"),
    (b"<score", "a MusicXML file"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"MTrk", "a MIDI file whose header is missing"),
)
_RIFF_KINDS = {
    b"WAVE": "a WAV recording",
    b"AVI ": "an AVI film",
    b"WEBP": "a WebP picture",
    b"sfbk": "a SoundFont",
}
# How many data bytes follow the system messages, which a file should not hold but sometimes does.
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}

Event = tuple[int, int, int, "int | bytes | None"]


class MidiError(ValueError):
    """A file that cannot be read as MIDI: what was found, what was expected, and the likely slip."""


@dataclass(frozen=True)
class MidiChunks:
    """A MIDI file taken apart: how its ticks count, and the bytes of its tracks.

    Parameters
    ----------
    ticks_per_beat : int
        How many ticks make a quarter note; 1–32,767.
    tracks : tuple of bytes
        The content of each MTrk chunk, in order.
    remarks : tuple of str
        What was odd about the file and was put up with.
    """

    ticks_per_beat: int
    tracks: tuple[bytes, ...]
    remarks: tuple[str, ...]


def load_bytes(source: str | PathLike[str] | bytes | IO[bytes]) -> tuple[bytes, str, str]:
    """Return what `source` holds, what to call it in a message, and a title.

    Raises
    ------
    MidiError
        When there is no such file, it cannot be read, or it is larger than `MAX_BYTES`.
    TypeError
        When `source` is none of path, bytes and file object.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        data, label, title = bytes(source), "The data", ""
    elif isinstance(source, str | PathLike):
        data, label, title = _load_path(Path(source))
    elif hasattr(source, "read"):
        data = source.read(MAX_BYTES + 1)
        label, title = "The file", ""
        if isinstance(data, str):
            raise MidiError('The file was opened as text, but MIDI is bytes: open it with open(path, "rb").')
    else:
        raise TypeError(f"read_midi takes a path, bytes or an open file; got {type(source).__name__}.")
    if len(data) > MAX_BYTES:
        raise MidiError(_too_large(label))
    return data, label, title


def _load_path(path: Path) -> tuple[bytes, str, str]:
    label = f"“{path.name}”"
    try:
        if path.is_dir():
            raise MidiError(f"{label} is a folder, not a MIDI file; name one of the .mid files in it.")
        if path.stat().st_size > MAX_BYTES:
            raise MidiError(_too_large(label))
        return path.read_bytes(), label, path.stem
    except FileNotFoundError:
        where = f"in the folder {str(path.parent)!r}"
        raise MidiError(f"There is no file {label} {where}; check the spelling and the folder.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, MidiError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise MidiError(f"{label} cannot be opened ({reason}); check the name and that you may read it.") from None


def _too_large(label: str) -> str:
    return (
        f"{label} is larger than {MAX_BYTES // 1_000_000} MB, the most that is read; an hour of MIDI is "
        f"less than 1 MB, so this is probably a recording or another kind of file."
    )


def split_chunks(data: bytes, label: str) -> MidiChunks:
    """Take a type 0 or type 1 MIDI file apart; a RIFF wrapper (.rmi) is taken off.

    Parameters
    ----------
    data : bytes
        The whole file.
    label : str
        What to call it in messages.

    Raises
    ------
    MidiError
        When it is empty, is not MIDI, is cut off, or its header asks for what is not supported.
    """
    data = _without_riff(data, label)
    if not data:
        raise MidiError(f"{label} is empty; a MIDI file has at least a header and a track. Save or download it again.")
    if data[:4] != b"MThd":
        raise MidiError(
            f"{label} is {_what_it_is(data)}, not a MIDI file, which starts with the letters MThd; "
            f"choose a file that ends in .mid or .midi."
        )
    if len(data) < 14:
        raise MidiError(f"{label} is cut off: {len(data)} bytes, the header alone has 14. Copy or download it again.")
    header_length, kind, track_count, division = struct.unpack(">IHHH", data[4:14])
    _check_header(label, header_length, kind, track_count, division, len(data))
    tracks, remarks = _read_tracks(data, 8 + header_length, track_count, label)
    return MidiChunks(division, tracks, remarks)


def _without_riff(data: bytes, label: str) -> bytes:
    """Take a MIDI file out of its RIFF wrapper, which Windows calls .rmi."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    start = data.find(b"MThd", 12)
    if start < 0:
        raise MidiError(f"{label} is a RIFF file (.rmi) with no MIDI inside; expected a header MThd in it.")
    return data[start:]


def _what_it_is(data: bytes) -> str:
    if data[:4] == b"RIFF":
        return _RIFF_KINDS.get(data[8:12], "a RIFF file")
    opening = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, name in _OTHER_FORMATS:
        if opening[: len(magic)].lower() == magic.lower():
            return name
    if all(byte >= 32 or byte in b"\t\r\n" for byte in data[:64]):
        return "a text file"
    return f"a file of another kind (its first bytes are {data[:4].hex(' ')})"


def _check_header(label: str, length: int, kind: int, tracks: int, division: int, size: int) -> None:
    if length < 6 or 8 + length > size:
        raise MidiError(
            f"{label} has a header that says it is {length} bytes long; 6 were expected. The file is "
            f"damaged, or was written by a faulty program."
        )
    if kind == 2:
        raise MidiError(
            f"{label} is a type 2 MIDI file, which holds separate patterns instead of one piece; type 0 or 1 "
            f"was expected. Export it as type 1 from the program that made it."
        )
    if kind > 2:
        raise MidiError(f"{label} says it is MIDI type {kind}; only 0, 1 and 2 exist, so the header is damaged.")
    if division & 0x8000:
        raise MidiError(
            f"{label} counts time in film frames (SMPTE), not in beats; ticks per quarter note were "
            f"expected. Export it with musical time from the program that made it."
        )
    if division == 0:
        raise MidiError(
            f"{label} has a division of 0 ticks per quarter note; 1 or more were expected (480 is "
            f"usual). The header is damaged."
        )
    if tracks == 0:
        raise MidiError(f"{label} has no tracks and so no notes; at least one track was expected.")


def _read_tracks(data: bytes, position: int, expected: int, label: str) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    tracks: list[bytes] = []
    remarks: list[str] = []
    while position < len(data):
        name, head = data[position : position + 4], data[position + 4 : position + 8]
        is_chunk = len(head) == 4 and all(32 <= byte < 127 for byte in name)
        if not is_chunk and len(tracks) >= expected:
            remarks.append(f"{len(data) - position} bytes after the last track were ignored.")
            break
        if not is_chunk and len(name + head) == 8:
            raise MidiError(
                f"{label} is damaged: at byte {position} a track (MTrk) was expected, found {name.hex(' ')}. "
                f"The header or a track gives a wrong length; export the file again."
            )
        length = int.from_bytes(head, "big")
        position += 8
        if not is_chunk or position + length > len(data):
            raise MidiError(
                f"{label} is cut off inside track {len(tracks) + 1} of {expected}: the track should "
                f"go on to byte {position + length}, but the file ends at byte {len(data)}. Copy or "
                f"download it again."
            )
        if name == b"MTrk":  # the specification tells readers to pass over chunks they do not know
            tracks.append(data[position : position + length])
        position += length
    if len(tracks) < expected:
        raise MidiError(
            f"{label} is cut off: its header promises {expected} tracks, but {len(tracks)} are there. "
            f"Copy or download it again."
        )
    if len(tracks) > expected:
        remarks.append(f"The header promises {expected} tracks; all {len(tracks)} that are there were read.")
    return tuple(tracks), tuple(remarks)


def track_events(chunk: bytes, label: str) -> Iterator[Event]:
    """Yield the events of one track that say something about its notes.

    Parameters
    ----------
    chunk : bytes
        The content of one MTrk chunk.
    label : str
        What to call the track in messages: "Track 2 of “song.mid”".

    Yields
    ------
    (tick, status, first, second)
        `tick` counts from the start of the track. `status` is the status byte with its channel for notes,
        programs and the two "all off" controllers, with the data bytes behind it; or META, with the meta
        type and its bytes. The last event is always END_OF_TRACK, whose bytes are None where the file
        leaves it out.

    Raises
    ------
    MidiError
        When an event runs past the end of the chunk or a byte cannot stand where it does.
    """
    position = tick = running = 0
    size = len(chunk)
    try:
        while position < size:
            delta, position = _variable_length(chunk, position)
            tick += delta
            status = chunk[position]
            if status >= 0x80:
                position += 1
            elif running:  # running status; kept across meta events, as many programs write it
                status = running
            else:
                raise MidiError(f"{label} is damaged: its first event has no status byte. Export the file again.")
            if status < 0xF0:
                running = status
                first, second = chunk[position], 0
                position += 1
                if not PROGRAM <= status < 0xE0:  # program change and channel pressure have one data byte
                    second = chunk[position]
                    position += 1
                if (first | second) & 0x80:
                    raise MidiError(
                        f"{label} is damaged: byte {max(first, second)} stands where a value of 0–127 "
                        f"was expected. Export the file again."
                    )
                kind = status & 0xF0
                if kind in (NOTE_OFF, NOTE_ON, PROGRAM) or (kind == CONTROL and first in (120, 123)):
                    yield tick, status, first, second
            elif status == META:
                meta = chunk[position]
                length, position = _variable_length(chunk, position + 1)
                payload = chunk[position : position + length]
                position += length
                if position > size:
                    raise IndexError
                yield tick, META, meta, payload
                if meta == END_OF_TRACK:
                    return
            elif status in (0xF0, 0xF7):  # system exclusive: for one make of instrument alone
                length, position = _variable_length(chunk, position)
                position += length
                if position > size:
                    raise IndexError
            else:
                position += _SYSTEM_DATA_BYTES.get(status, 0)
    except IndexError:
        raise MidiError(
            f"{label} is damaged: its last event is cut off at byte {size} of the track. Export the file again."
        ) from None
    yield tick, META, END_OF_TRACK, None


def _variable_length(chunk: bytes, position: int) -> tuple[int, int]:
    """Return the number written in seven-bit groups at `position`, and the position behind it."""
    value = 0
    for _ in range(4):
        byte = chunk[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position
    raise IndexError  # longer than the four bytes the specification allows: the bytes are not what they seem
