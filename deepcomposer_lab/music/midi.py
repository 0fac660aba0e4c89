"""MIDI in and out: `read_midi` takes what learners bring, `write_midi` gives back every note.

Decisions, stated once:

- A note-off ends the oldest open note of its pitch and channel. A note of no length gets one tick. A note
  that is never ended ends with its track. Both are reported, in a step "import" of the composition.
- Tracks: in a type 1 file each track chunk is a track, split further where it changes its instrument; a file
  with one chunk (type 0) is split by channel. Channel 10 is drums. Chunks without notes are no tracks.
- A pickup is written as a metre of the pickup's length at beat 0, followed by the real metre, as notation
  programs do; an opening metre that lasts no more than one bar, and less than a bar of the metre behind it,
  is read as a pickup. The bar lines are the same either way.
- Where a file gives no tempo it is 120 beats a minute, and the metre 4/4: MIDI's own defaults.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO

import mido

from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.files import write_atomically
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import (
    FASTEST_BPM,
    SLOWEST_BPM,
    MetreChange,
    TempoChange,
    metre_at,
    metre_of_length,
)
from deepcomposer_lab.music.midi_events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    CONTROL,
    END_OF_TRACK,
    INSTRUMENT_NAME,
    MAX_BYTES,
    META,
    METRE,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    TEMPO,
    TEXT,
    TRACK_NAME,
    MidiError,
    load_bytes,
    split_chunks,
    track_events,
)
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.skyline import choose_melody, melody_of

__all__ = [
    "MAX_BARS",
    "MAX_BYTES",
    "MAX_NOTES",
    "MAX_SECONDS",
    "TICKS_PER_BEAT",
    "MidiError",
    "choose_melody",
    "melody_of",
    "read_midi",
    "write_midi",
]

MAX_NOTES = 200_000
MAX_SECONDS = 2 * 60 * 60
MAX_BARS = 10_000
TICKS_PER_BEAT = 480  # what write_midi writes

_DRUM_CHANNEL = 9  # counted from 0; people call it channel 10
_PITCHED_CHANNELS = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)
_MIDI_DEFAULT_BPM = 120.0
_LAST_TICK = 0x0FFFFFFF  # the longest wait four seven-bit groups can hold
_CONTINUES = "continues the track above"  # marks a chunk that holds what found no channel in the one before it


# --- reading ---------------------------------------------------------------------------------------------


@dataclass
class _Gathered:
    """What has been collected while the tracks of a file are read, times in ticks."""

    # (track, channel, program or None where the track sets none) -> [(onset, end, pitch, velocity)]
    notes: dict[tuple[int, int, int | None], list[tuple[int, int, int, int]]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    instrument_names: dict[int, str] = field(default_factory=dict)
    tempos: dict[int, float] = field(default_factory=dict)
    metres: dict[int, tuple[int, int]] = field(default_factory=dict)
    programs: dict[int, int] = field(default_factory=dict)  # channel -> the first program any track gives it
    note_count: int = 0
    without_length: int = 0
    never_ended: int = 0
    without_end: int = 0
    odd_tempos: int = 0
    odd_metres: int = 0


def read_midi(source: str | os.PathLike[str] | bytes | IO[bytes]) -> Composition:
    """Read a MIDI file of type 0 or 1.

    Parameters
    ----------
    source : path, bytes or binary file object
        The file. A RIFF wrapper (.rmi) is taken off.

    Returns
    -------
    Composition
        Times in beats, every tempo and metre change, one Track for each instrument. Where something was
        repaired or left out, its one step is an "import" whose remarks say what; otherwise it has no steps.

    Raises
    ------
    MidiError
        When the file is missing, is not MIDI, is damaged or cut off, has SMPTE timing or a division of zero,
        has no notes, or exceeds MAX_BYTES, MAX_NOTES, MAX_SECONDS or MAX_BARS.
    TypeError
        When `source` is none of path, bytes and file object.
    """
    data, label, title = load_bytes(source)
    chunks = split_chunks(data, label)
    gathered = _Gathered()
    track = 0
    for number, chunk in enumerate(chunks.tracks):
        if not _continues_track_above(chunk):
            track = number
        _gather_track(gathered, track, track_events(chunk, f"Track {number + 1} of {label}"), label)
    if not gathered.note_count:
        raise MidiError(
            f"{label} has no notes; at least one was expected. It may hold only tempo, lyrics or settings: "
            f"choose another file or export it again."
        )
    composition = _composition(gathered, chunks.ticks_per_beat, len(chunks.tracks) == 1, title)
    _check_length(composition, label)
    remarks = (*chunks.remarks, *_remarks(gathered))
    if remarks:
        composition = composition.with_step(CompositionStep("import", remarks=remarks))
    return composition


def _continues_track_above(chunk: bytes) -> bool:
    return chunk.startswith(bytes([0, META, TEXT, len(_CONTINUES)]) + _CONTINUES.encode())


def _gather_track(gathered: _Gathered, track: int, events: Iterable[tuple], label: str) -> None:
    """Pair the note-ons and note-offs of one track chunk, and collect its names, tempos and metres."""
    programs: dict[int, int] = {}
    open_notes: dict[tuple[int, int], list[tuple[int, int, int | None]]] = {}

    def end_note(channel: int, pitch: int, tick: int) -> None:
        onset, velocity, program = open_notes[channel, pitch].pop(0)
        if tick == onset:
            gathered.without_length += 1
        notes = gathered.notes.setdefault((track, channel, program), [])
        notes.append((onset, max(tick, onset + 1), pitch, velocity))

    for tick, status, first, second in events:
        kind, channel = status & 0xF0, status & 0x0F
        if status == META:
            if first == END_OF_TRACK:
                still_open = [(key, len(waiting)) for key, waiting in open_notes.items() if waiting]
                gathered.never_ended += sum(count for _, count in still_open)
                gathered.without_end += second is None
                for key, count in still_open:
                    for _ in range(count):
                        end_note(*key, tick)
            else:
                _gather_meta(gathered, track, tick, first, second)
        elif kind == NOTE_ON and second > 0:
            gathered.note_count += 1
            if gathered.note_count > MAX_NOTES:
                raise MidiError(
                    f"{label} has more than {MAX_NOTES:,} notes, the most that is read; a symphony has about "
                    f"50,000. Choose a shorter piece or cut this one."
                )
            open_notes.setdefault((channel, first), []).append((tick, second, programs.get(channel)))
        elif kind in (NOTE_ON, NOTE_OFF):
            if open_notes.get((channel, first)):
                end_note(channel, first, tick)
        elif kind == PROGRAM:
            programs[channel] = first
            gathered.programs.setdefault(channel, first)
        elif kind == CONTROL and first in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            for key, waiting in open_notes.items():
                while key[0] == channel and waiting:
                    end_note(*key, tick)


def _gather_meta(gathered: _Gathered, track: int, tick: int, kind: int, payload: bytes) -> None:
    if kind in (TRACK_NAME, INSTRUMENT_NAME):
        names = gathered.names if kind == TRACK_NAME else gathered.instrument_names
        if name := _text(payload):
            names.setdefault(track, name)
    elif kind == TEMPO:
        microseconds = int.from_bytes(payload, "big") if len(payload) == 3 else 0
        if microseconds == 0:
            gathered.odd_tempos += 1
            return
        bpm = _bpm(microseconds)
        gathered.odd_tempos += not SLOWEST_BPM <= bpm <= FASTEST_BPM
        gathered.tempos[tick] = min(max(bpm, SLOWEST_BPM), FASTEST_BPM)
    elif kind == METRE:
        if len(payload) >= 2 and payload[0] > 0 and payload[1] <= 6:
            gathered.metres[tick] = payload[0], 2 ** payload[1]
        else:
            gathered.odd_metres += 1


def _text(payload: bytes) -> str:
    """Decode a name: UTF-8 as programs write it today, Latin-1 as they wrote it before."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        text = payload.decode("latin-1")
    return text.strip("\0 \t\r\n")


def _microseconds(bpm: float) -> int:
    """Return the length of a beat as MIDI stores it."""
    return round(60_000_000 / bpm)


def _bpm(microseconds: int) -> float:
    """Return the tempo of fewest decimals that is stored as `microseconds`: 666,667 is 90, not 89.999955."""
    exact = 60_000_000 / microseconds
    for decimals in range(7):
        bpm = round(exact, decimals)
        if bpm > 0 and _microseconds(bpm) == microseconds:
            return bpm
    return exact


def _composition(gathered: _Gathered, ticks_per_beat: int, is_one_chunk: bool, title: str) -> Composition:
    tempos = {tick: TempoChange(tick / ticks_per_beat, bpm) for tick, bpm in gathered.tempos.items()}
    tempos.setdefault(0, TempoChange(0, _MIDI_DEFAULT_BPM))
    metres = [MetreChange(tick / ticks_per_beat, *metre) for tick, metre in sorted(gathered.metres.items())]
    metres, pickup = _without_pickup(metres)
    named_without_notes = 0 not in {track for track, _, _ in gathered.notes}
    if gathered.names.get(0) and (is_one_chunk or named_without_notes):
        title = gathered.names[0]
    return Composition(
        tracks=_tracks(gathered, ticks_per_beat, is_one_chunk),
        tempos=tuple(tempos.values()),
        metres=tuple(metres),
        pickup=pickup,
        title=title or "Untitled",
    )


def _tracks(gathered: _Gathered, ticks_per_beat: int, by_channel: bool) -> tuple[Track, ...]:
    # (track, channel or −1, is_drum, program) -> notes; channels of one instrument in one chunk are one track
    groups: dict[tuple[int, int, bool, int], list[tuple[int, int, int, int]]] = {}
    for (track, channel, program), notes in gathered.notes.items():
        if program is None:  # set in another chunk, as programs with a "settings" track do
            program = gathered.programs.get(channel, 0)
        key = (track, channel if by_channel else -1, channel == _DRUM_CHANNEL, program)
        groups.setdefault(key, []).extend(notes)
    order = sorted(groups, key=lambda key: key[:2])
    tracks: list[Track] = []
    for key in order:
        track, channel, is_drum, program = key
        siblings = [other for other in order if other[0] == track]
        name = gathered.names.get(track) or gathered.instrument_names.get(track, "")
        if by_channel and len(siblings) > 1:
            name = "Drums" if is_drum else f"Channel {channel + 1}"
            siblings = [other for other in siblings if other[1] == channel]
        name = name or ("Drums" if is_drum else f"Track {len(tracks) + 1}")
        if siblings.index(key):
            name = f"{name} {siblings.index(key) + 1}"
        timed = sorted(groups[key], key=lambda note: (note[0], note[2], note[1]))
        sounding = tuple(
            Note(onset / ticks_per_beat, pitch, (end - onset) / ticks_per_beat, velocity)
            for onset, end, pitch, velocity in timed
        )
        tracks.append(Track(sounding, name, program, is_drum))
    return tuple(tracks)


def _without_pickup(metres: list[MetreChange]) -> tuple[list[MetreChange], float]:
    """Tell an incomplete opening bar from a change of metre; see the module's decisions."""
    if len(metres) < 2 or metres[0].onset > 0:
        return metres, 0.0
    opening, real = metres[:2]
    if real.onset >= real.bar_beats - 1e-6 or real.onset > opening.bar_beats + 1e-6:
        return metres, 0.0
    return [MetreChange(0, real.numerator, real.denominator), *metres[2:]], real.onset


def _check_length(composition: Composition, label: str) -> None:
    seconds = composition.seconds
    if seconds > MAX_SECONDS:
        raise MidiError(
            f"{label} lasts {seconds / 3600:.1f} hours; up to {MAX_SECONDS // 3600} are read. A stray note "
            f"far behind the end, or one that was never ended, is the likely cause: cut it and export again."
        )
    bars = len(composition.bars)
    if bars > MAX_BARS:
        raise MidiError(
            f"{label} has {bars:,} bars; up to {MAX_BARS:,} are read. A metre with very short bars is the "
            f"likely cause: correct the metre or cut the piece."
        )


def _remarks(gathered: _Gathered) -> Iterator[str]:
    if gathered.without_length:
        yield f"Notes of no length, which now last one tick: {gathered.without_length}."
    if gathered.never_ended:
        yield f"Notes that the file never ended, which now end with their track: {gathered.never_ended}."
    if gathered.without_end:
        yield f"Tracks without an end-of-track event, which end with their last: {gathered.without_end}."
    if gathered.odd_tempos:
        yield (
            f"Tempo changes outside {SLOWEST_BPM}–{FASTEST_BPM} beats a minute, moved to the nearest or, "
            f"where they were no number, left out: {gathered.odd_tempos}."
        )
    if gathered.odd_metres:
        yield f"Metre changes that made no sense, left out: {gathered.odd_metres}."


# --- writing ---------------------------------------------------------------------------------------------


# Notes that never overlap in one pitch, in ticks: (onset, end, pitch, velocity)
_Lane = list[tuple[int, int, int, int]]


def write_midi(
    composition: Composition | Melody, destination: str | os.PathLike[str] | IO[bytes] | None = None
) -> bytes:
    """Write a piece as a type 1 MIDI file of TICKS_PER_BEAT ticks a beat.

    Every note comes back within half a tick; one shorter than half a tick lasts one. Notes of one pitch that
    overlap in one track go to a second channel with the same instrument; drums, which have one channel,
    continue in a second chunk marked "continues the track above". More than 15 pitched tracks go on, 15 at a
    time, on the next MIDI port. The same piece gives the same bytes. Tracks without notes are written but not
    read back; steps are not written.

    Parameters
    ----------
    composition : Composition or Melody
        The piece.
    destination : path or binary file object, optional
        Where to write, atomically where it is a path.

    Returns
    -------
    bytes
        The file's content, whether it was written or not.

    Raises
    ------
    MidiError
        When a note lies beyond what MIDI can count (about 559,000 beats).
    OSError
        When the destination cannot be written.
    """
    composition = as_composition(composition)
    midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
    midi.tracks.append(_conductor(composition))
    for track, (lanes, channels, port) in zip(composition.tracks, _channels(composition.tracks), strict=True):
        midi.tracks.extend(_track_chunks(track, lanes, channels, port))
    buffer = BytesIO()
    midi.save(file=buffer)
    data = buffer.getvalue()
    if destination is None:
        return data
    if isinstance(destination, str | os.PathLike):
        write_atomically(destination, data)
    else:
        destination.write(data)
    return data


def _tick(beat: float) -> int:
    tick = math.floor(beat * TICKS_PER_BEAT + 0.5)
    if tick > _LAST_TICK:
        raise MidiError(f"Beat {beat:,.0f} lies beyond what a MIDI file can count; trim the composition first.")
    return tick


def _conductor(composition: Composition) -> mido.MidiTrack:
    """Return the first chunk: the title, every metre and every tempo."""
    events: list[tuple[int, int, mido.MetaMessage]] = []
    for onset, metre in _written_metres(composition).items():
        message = mido.MetaMessage("time_signature", numerator=metre.numerator, denominator=metre.denominator)
        events.append((onset, 0, message))
    for change in composition.tempos:
        events.append((_tick(change.onset), 1, mido.MetaMessage("set_tempo", tempo=_microseconds(change.bpm))))
    return _chunk(composition.title, events)


def _written_metres(composition: Composition) -> dict[int, MetreChange]:
    """Return the metre changes by tick, the pickup as an opening metre of its own length."""
    if _tick(composition.pickup) == 0:
        return {_tick(change.onset): change for change in composition.metres}
    pickup = composition.pickup
    opening = {
        0: metre_of_length(pickup),
        _tick(pickup): metre_at(composition.metres, pickup),
    }
    return opening | {
        _tick(change.onset): change for change in composition.metres if _tick(change.onset) > _tick(pickup)
    }


def _channels(tracks: tuple[Track, ...]) -> Iterator[tuple[list[_Lane], list[int], int]]:
    """Yield, for each track, its lanes, the channel of each lane, and its port."""
    all_lanes = [_lanes(track) for track in tracks]
    pitched = [index for index, track in enumerate(tracks) if not track.is_drum]
    place = {index: divmod(order, len(_PITCHED_CHANNELS)) for order, index in enumerate(pitched)}
    spare = {}  # port -> channels that no track has as its first
    for port in range(len(pitched) // len(_PITCHED_CHANNELS) + 1):
        taken = {slot for its_port, slot in place.values() if its_port == port}
        spare[port] = [channel for slot, channel in enumerate(_PITCHED_CHANNELS) if slot not in taken]
    for index, lanes in enumerate(all_lanes):
        if index not in place:
            yield lanes, [_DRUM_CHANNEL] * len(lanes), 0
            continue
        port, slot = place[index]
        channels = [_PITCHED_CHANNELS[slot]]
        for lane in range(1, len(lanes)):
            # A further lane gets a channel of its own while there is one; then it shares another track's.
            fresh = spare[port].pop(0) if spare[port] else _PITCHED_CHANNELS[(slot + lane) % 15]
            channels.append(fresh)
        yield lanes, channels, port


def _lanes(track: Track) -> list[_Lane]:
    """Spread a track's notes over as few lanes as keep notes of one pitch from overlapping; at least one."""
    lanes: list[_Lane] = [[]]
    ends: dict[int, list[int]] = {}  # pitch -> where its last note ends, lane by lane
    timed = sorted((_tick(note.onset), note.pitch, _tick(note.offset), note.velocity) for note in track.notes)
    for onset, pitch, end, velocity in timed:
        end = max(end, onset + 1)
        last = ends.setdefault(pitch, [])
        lane = next((index for index, until in enumerate(last) if until <= onset), len(last))
        last[lane:] = [end, *last[lane + 1 :]]
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append((onset, end, pitch, velocity))
    return lanes


def _track_chunks(track: Track, lanes: list[_Lane], channels: list[int], port: int) -> Iterator[mido.MidiTrack]:
    """Yield the chunk of a track, and further ones for lanes that found no channel of their own in it."""
    waiting = list(zip(lanes, channels, strict=True))
    is_first = True
    while waiting:
        used: set[int] = set()
        now: list[tuple[_Lane, int]] = []
        later: list[tuple[_Lane, int]] = []
        for lane, channel in waiting:
            (later if channel in used else now).append((lane, channel))
            used.add(channel)
        waiting = later
        events: list[tuple[int, int, mido.Message | mido.MetaMessage]] = []
        if not is_first:
            events.append((0, -2, mido.MetaMessage("text", text=_CONTINUES)))
        if port:
            events.append((0, -1, mido.MetaMessage("midi_port", port=min(port, 127))))
        for lane, channel in now:
            events.append((0, 0, mido.Message("program_change", channel=channel, program=track.program)))
            for onset, end, pitch, velocity in lane:
                events.append((onset, 2, mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)))
                events.append((end, 1, mido.Message("note_off", channel=channel, note=pitch, velocity=0)))
        yield _chunk(track.name if is_first else None, events)
        is_first = False


def _chunk(name: str | None, events: list[tuple[int, int, mido.Message | mido.MetaMessage]]) -> mido.MidiTrack:
    """Return a track chunk: (tick, rank, message) in order of tick, then rank, then as given."""
    chunk = mido.MidiTrack()
    if name is not None:
        chunk.append(mido.MetaMessage("track_name", name=name))
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        message.time = tick - now  # mido counts the wait since the event before
        chunk.append(message)
        now = tick
    return chunk
