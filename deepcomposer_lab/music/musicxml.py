"""MusicXML, the format of notation programs, through music21.

Notation knows note values, not fractions of a second: onsets and ends are rounded to the nearest thirty-second or
sixteenth triplet (`rhythm_assist` with a grid of 1/8 beat and triplets), and metre changes to a thirty-second.
Notes of a track that start and end together become a chord; others that sound together become voices of one staff.
A piece that is clearly in a key has its signature on every staff but the drums', and its pitches are spelt by it; see
`deepcomposer_lab.music.spelling`. A Composition has no place for a signature, so that of a file which is read is not
kept: what is written again has the one that its notes ask for.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from deepcomposer_lab.music.composition import Composition, Track, as_composition
from deepcomposer_lab.music.key import MODES, signature_of
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange, metre_of_length
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.rhythm_assist import rhythm_assist
from deepcomposer_lab.music.spelling import spell, written_key

if TYPE_CHECKING:
    from music21 import stream

_GRID = 0.125  # beats: a thirty-second note
_UNITS = 24  # of a beat: the smallest whole unit of thirty-seconds (3) and sixteenth triplets (4)
_STRAIGHT = (144, 96, 84, 72, 48, 42, 36, 24, 21, 18, 12, 9, 6, 3)  # values that one note head with dots writes
_TRIPLET = (16, 8, 4, 2, 1)
_DRUM_CHANNEL = 10  # as MusicXML counts
_DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">'
)
# Where the drums of a kit stand on the staff; others stand on the middle line.
_DRUM_PLACES = {
    35: "E4", 36: "F4", 37: "C5", 38: "C5", 40: "C5", 41: "G4", 42: "G5", 43: "A4", 44: "D4", 45: "B4", 46: "G5",
    47: "D5", 48: "E5", 49: "A5", 50: "F5", 51: "F5", 53: "F5", 57: "B5", 59: "F5",
}  # fmt: skip
_MIDDLE_LINE = "B4"
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}  # semitones: MusicXML's word
_BEFORE_ACCIDENTAL = ("chord", "pitch", "duration", "tie", "instrument", "voice", "type", "dot")  # the schema's order
_SNARE = 38  # for an unpitched note that names no drum


class MusicXmlError(ValueError):
    """A file that cannot be read as MusicXML: what was found and what was expected."""


@dataclass(frozen=True)
class _Bar:
    """A bar in units of 1/24 beat; `full` is the length its metre asks for."""

    start: int
    end: int
    full: int
    metre: MetreChange


# A chord or, without pitches, a rest: start, end, pitches, velocity
_Sounding = tuple[int, int, tuple[int, ...], int]


# --- writing ---------------------------------------------------------------------------------------------------


def to_musicxml(composition: Composition | Melody) -> bytes:
    """Return the piece as uncompressed MusicXML 4.0; the same piece gives the same bytes.

    Parameters
    ----------
    composition : Composition or Melody
        Any number of tracks; one without notes becomes a staff of rests.

    Returns
    -------
    bytes
        UTF-8, one part a track, with key signature, metre, pickup, tempo, instrument and drums.
    """
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    written = _on_note_values(as_composition(composition))
    key = written_key(written)
    exported = GeneralObjectExporter(_score(written, key)).parse()
    root = ElementTree.fromstring(exported)
    _remove_traces(root)
    _write_accidentals(root)
    for channel in root.iter("midi-channel"):
        channel.text = str((int(channel.text or 1) - 1) % 16 + 1)  # MIDI's 1–16 again, see `_part`
    for number, track in enumerate(written.tracks, 1):
        if track.is_drum:
            _write_drums(root, f"P{number}", track)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_DOCTYPE}\n{body}\n'.encode()


def _on_note_values(composition: Composition) -> Composition:
    """Return the piece with every time on a value that notation can write."""

    def rounded(beat: float) -> float:
        return round(beat / _GRID) * _GRID

    composition = replace(
        composition,
        pickup=rounded(composition.pickup),
        metres=tuple(replace(change, onset=rounded(change.onset)) for change in composition.metres),
        tempos=tuple(replace(change, onset=rounded(change.onset)) for change in composition.tempos),
    )
    return rhythm_assist(composition, _GRID, triplets=True)


def _score(composition: Composition, key: tuple[int, int] | None) -> stream.Score:
    from music21 import metadata, stream

    score = stream.Score()
    score.metadata = metadata.Metadata(title=composition.title)
    bars = _bars(composition)
    for number, track in enumerate(composition.tracks or (Track(),), 1):
        tempos = composition.tempos if number == 1 else ()
        part = _part(track, number, bars, tempos)
        if not track.is_drum:
            _write_key(part, key)
        score.insert(0, part)
    return score


def _bars(composition: Composition) -> list[_Bar]:
    starts = [round(start * _UNITS) for start in composition.bars]
    bars = []
    for index, start in enumerate(starts):
        metre = replace(composition.metre_at(start / _UNITS), onset=0)
        full = round(metre.bar_beats * _UNITS)
        is_pickup = index == 0 and 0 < round(composition.pickup * _UNITS) < full
        following = starts[index + 1] if index + 1 < len(starts) else start + full
        if is_pickup:
            following = round(composition.pickup * _UNITS)
        elif following - start != full:  # cut short by a change of metre: readers lose count of a bar that is not full
            metre = metre_of_length((following - start) / _UNITS)
            full = following - start
        bars.append(_Bar(start, following, full, metre))
    return bars


def _part(track: Track, number: int, bars: Sequence[_Bar], tempos: Sequence[TempoChange]) -> stream.Part:
    from music21 import clef, instrument, meter, stream, tempo

    sounds = instrument.Instrument(track.name)
    sounds.partName = track.name
    sounds.partId = f"P{number}"
    sounds.instrumentId = f"P{number}-I1"
    sounds.midiProgram = track.program
    pitched_channels = [channel for channel in range(16) if channel != _DRUM_CHANNEL - 1]
    # 16 more for each part: music21 warns on the terminal of every channel that two parts share.
    sounds.midiChannel = 16 * number + (
        _DRUM_CHANNEL - 1 if track.is_drum else pitched_channels[(number - 1) % len(pitched_channels)]
    )
    part = stream.Part(id=f"P{number}")
    part.insert(0, sounds)
    voices = _voices(track.notes)
    for index, bar in enumerate(bars):
        first = 0 if bars[0].end - bars[0].start < bars[0].full else 1
        measure = stream.Measure(number=index + first)
        if index == 0:
            measure.insert(0, _clef(track, clef))
        if index == 0 or bar.metre != bars[index - 1].metre:
            measure.insert(0, meter.TimeSignature(str(bar.metre)))
        if index == 0 and first == 0:
            measure.paddingLeft = (bar.full - (bar.end - bar.start)) / _UNITS
        is_last = index == len(bars) - 1
        for change in tempos:
            place = round(change.onset * _UNITS)
            if bar.start <= place and (place < bar.end or is_last):
                mark = tempo.MetronomeMark(number=round(change.bpm, 3))
                measure.insert((min(place, bar.end) - bar.start) / _UNITS, mark)
        _fill_measure(measure, bar, voices)
        part.append(measure)
    return part


def _clef(track: Track, clef: Any) -> Any:
    if track.is_drum:
        return clef.PercussionClef()
    pitches = [note.pitch for note in track.notes] or [60]
    return clef.TrebleClef() if sum(pitches) / len(pitches) >= 60 else clef.BassClef()


def _write_key(part: stream.Part, key: tuple[int, int] | None) -> None:
    """Write the key's signature at the start of a part and spell its pitches by the key; see `spell` for None."""
    from music21.key import KeySignature
    from music21.pitch import Accidental
    from music21.stream import Measure

    if key is not None:
        next(iter(part.getElementsByClass(Measure))).insert(0, KeySignature(signature_of(key)).asKey(MODES[key[1]]))
    for element in part.recurse().notes:
        for pitch in element.pitches:
            step, alter, octave = spell(pitch.midi, key)
            pitch.step, pitch.octave = step, octave
            pitch.accidental = Accidental(alter) if alter else None


def _voices(notes: Sequence[Note]) -> list[list[_Sounding]]:
    """Gather notes into chords, and chords into voices in which nothing overlaps; at least one voice."""
    chords: dict[tuple[int, int], list[Note]] = {}
    for note in notes:
        start = round(note.onset * _UNITS)
        chords.setdefault((start, max(round(note.offset * _UNITS), start + 1)), []).append(note)
    voices: list[list[_Sounding]] = [[]]
    for (start, end), members in sorted(chords.items(), key=lambda item: (item[0][0], -item[1][-1].pitch)):
        pitches = tuple(sorted({note.pitch for note in members}))
        chord = (start, end, pitches, max(note.velocity for note in members))
        free = next((voice for voice in voices if not voice or voice[-1][1] <= start), None)
        if free is None:
            voices.append(free := [])
        free.append(chord)
    return voices


def _fill_measure(measure: stream.Measure, bar: _Bar, voices: Sequence[list[_Sounding]]) -> None:
    from music21 import stream

    present = [inside for voice in voices if (inside := [s for s in voice if s[0] < bar.end and s[1] > bar.start])]
    for inside in present or [[]]:
        elements = list(_elements(inside, bar))
        target: stream.Stream = measure
        if len(present) > 1:
            target = stream.Voice()
            measure.insert(0, target)
        position = 0.0
        for element in elements:
            target.insert(position, element)
            position = position + element.quarterLength


def _elements(voice: Sequence[_Sounding], bar: _Bar) -> Iterator[Any]:
    """Yield music21's notes, chords and rests that fill the bar, in order."""
    position = bar.start
    for start, end, pitches, velocity in voice:
        yield from _written(position, max(start, position), (), 0, bar, (False, False))
        begin, stop = max(start, bar.start), min(end, bar.end)
        yield from _written(begin, stop, pitches, velocity, bar, (begin > start, stop < end))
        position = stop
    yield from _written(position, bar.end, (), 0, bar, (False, False))


def _written(
    start: int, end: int, pitches: tuple[int, ...], velocity: int, bar: _Bar, tied: tuple[bool, bool]
) -> Iterator[Any]:
    """Yield one sound as note values, tied together and to the bars around as `tied` (before, after) says."""
    from music21 import chord, note, tie
    from music21.pitch import Pitch

    values = list(_values(start - bar.start, end - bar.start))
    for index, value in enumerate(values):
        if not pitches:
            element: Any = note.Rest()
        elif len(pitches) == 1:
            element = note.Note(Pitch(midi=pitches[0]))  # a bare number below 12 is a pitch class to music21
        else:
            element = chord.Chord([Pitch(midi=pitch) for pitch in pitches])
        element.quarterLength = value / _UNITS if value not in _TRIPLET else _triplet_length(value)
        if pitches:
            element.volume.velocity = velocity
            before, after = tied[0] or index > 0, tied[1] or index < len(values) - 1
            if before or after:
                element.tie = tie.Tie("continue" if before and after else "stop" if before else "start")
        yield element


def _triplet_length(value: int) -> Any:
    from fractions import Fraction

    return Fraction(value, _UNITS)


def _values(start: int, end: int) -> Iterator[int]:
    """Yield note values, in units, that together last from `start` to `end` of a bar, split where beats fall."""
    half = _UNITS // 2
    while start < end:
        length = end - start
        is_straight = start % 3 == 0 and end % 3 == 0
        is_swing = start // _UNITS == (end - 1) // _UNITS and start % 8 == 0 and length in (8, 16)
        if (is_straight and length in _STRAIGHT) or is_swing:
            value = length
        elif start % half == 0 and length >= half:
            value = next(value for value in _STRAIGHT if value <= length and value % half == 0)
        else:
            room = min(end, start // half * half + half) - start
            fitting = sorted({*_STRAIGHT, *_TRIPLET}, reverse=True)
            value = next(value for value in fitting if value <= room)
        yield value
        start += value


def _remove_traces(root: ElementTree.Element) -> None:
    """Remove today's date, which would change the bytes, and music21's claim to be the composer."""
    identification = root.find("identification")
    if identification is None:
        return
    for creator in identification.findall("creator"):
        identification.remove(creator)
    encoding = identification.find("encoding")
    if encoding is not None:
        for date in encoding.findall("encoding-date"):
            encoding.remove(date)


def _write_accidentals(root: ElementTree.Element) -> None:
    """Write accidentals where they change something, instead of music21's, which knows each voice of a staff alone.

    A bar begins with what the signature says; an accidental holds for its line, in every voice, to the bar's end.
    """
    for part in root.findall("part"):
        signature = _signature_alters(part)
        for measure in part.findall("measure"):
            stands: dict[tuple[str, str], int] = {}
            for _, note in sorted(_timed_notes(measure), key=lambda timed: timed[0]):
                pitch = note.find("pitch")
                if pitch is None:
                    continue
                step, alter = pitch.findtext("step", ""), int(pitch.findtext("alter", "0"))
                line = (step, pitch.findtext("octave", ""))
                is_held = any(tie.get("type") == "stop" for tie in note.findall("tie"))
                _write_accidental(note, None if is_held or stands.get(line, signature[step]) == alter else alter)
                if not is_held:
                    stands[line] = alter


def _signature_alters(part: ElementTree.Element) -> dict[str, int]:
    """Return by how many semitones the key signature of a part alters each letter."""
    sharps = int(part.findtext("measure/attributes/key/fifths", "0"))
    return {letter: (sharps + 5 - place) // 7 for place, letter in enumerate("FCGDAEB", -1)}


def _write_accidental(note: ElementTree.Element, alter: int | None) -> None:
    """Give a note the one accidental that says `alter`, or none."""
    for old in note.findall("accidental"):
        note.remove(old)
    if alter is None:
        return
    accidental = ElementTree.Element("accidental")
    accidental.text = _ACCIDENTALS[alter]
    before = [index for index, child in enumerate(note) if child.tag in _BEFORE_ACCIDENTAL]
    note.insert(before[-1] + 1, accidental)


def _timed_notes(measure: ElementTree.Element) -> Iterator[tuple[int, ElementTree.Element]]:
    """Yield the notes of a measure, each with when it begins; voices are written one after the other."""
    now = begun = 0
    for element in measure:
        duration = int(element.findtext("duration", "0"))
        if element.tag == "note":
            if element.find("chord") is None:
                begun = now
                now += duration
            yield begun, element
        elif element.tag in ("backup", "forward"):
            now += duration if element.tag == "forward" else -duration


def _write_drums(root: ElementTree.Element, part_id: str, track: Track) -> None:
    """Turn the pitched notes of a drum part into unpitched ones, each with its drum: music21 has one drum a part."""
    listed = root.find(f"part-list/score-part[@id='{part_id}']")
    part = root.find(f"part[@id='{part_id}']")
    if listed is None or part is None:
        return
    for old in (*listed.findall("score-instrument"), *listed.findall("midi-instrument")):
        listed.remove(old)
    drums = sorted({note.pitch for note in track.notes})
    for drum in drums:
        entry = ElementTree.SubElement(listed, "score-instrument", id=f"{part_id}-I{drum}")
        ElementTree.SubElement(entry, "instrument-name").text = f"Drum {drum}"
    for drum in drums:
        entry = ElementTree.SubElement(listed, "midi-instrument", id=f"{part_id}-I{drum}")
        ElementTree.SubElement(entry, "midi-channel").text = str(_DRUM_CHANNEL)
        ElementTree.SubElement(entry, "midi-program").text = str(track.program + 1)
        ElementTree.SubElement(entry, "midi-unpitched").text = str(drum + 1)
    for note in part.iter("note"):
        pitch = note.find("pitch")
        if pitch is None:
            continue
        drum = _midi_pitch(pitch)
        place = _DRUM_PLACES.get(drum, _MIDDLE_LINE)
        unpitched = ElementTree.Element("unpitched")
        ElementTree.SubElement(unpitched, "display-step").text = place[0]
        ElementTree.SubElement(unpitched, "display-octave").text = place[1]
        note.insert(list(note).index(pitch), unpitched)
        note.remove(pitch)
        for accidental in note.findall("accidental"):
            note.remove(accidental)
        # The schema's order: pitch, duration, ties, then the instrument.
        before = [index for index, child in enumerate(note) if child.tag in ("unpitched", "duration", "tie")]
        note.insert(before[-1] + 1, ElementTree.Element("instrument", id=f"{part_id}-I{drum}"))


def _midi_pitch(pitch: ElementTree.Element) -> int:
    semitone = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[pitch.findtext("step", "C")]
    return 12 * (int(pitch.findtext("octave", "4")) + 1) + semitone + round(float(pitch.findtext("alter", "0")))


# --- reading ---------------------------------------------------------------------------------------------------


def read_musicxml(source: str | PathLike[str] | bytes) -> Composition:
    """Read MusicXML, compressed (.mxl) or not: one track a part, ties merged, repeats written once.

    Parameters
    ----------
    source : path or bytes
        The file.

    Returns
    -------
    Composition
        Grace notes have no length and are left out; pitches are those that sound.

    Raises
    ------
    MusicXmlError
        When the file is missing or is not MusicXML.
    """
    label, data = _loaded(source)
    try:
        root = ElementTree.fromstring(_unzipped(data))
    except (ElementTree.ParseError, zipfile.BadZipFile, KeyError, ValueError):
        raise MusicXmlError(
            f"{label} is not MusicXML; expected a .musicxml or .mxl file from a notation program."
        ) from None
    if root.tag not in ("score-partwise", "score-timewise"):
        raise MusicXmlError(f"{label} is XML with a root <{root.tag}>; expected MusicXML's <score-partwise>.")
    sounds = _read_sounds(root)
    from music21 import converter
    from music21.exceptions21 import Music21Exception

    try:
        score = converter.parseData(ElementTree.tostring(root, encoding="unicode"), format="musicxml")
        return _composition(score, sounds)
    except (Music21Exception, AttributeError, KeyError, TypeError, IndexError) as error:
        raise MusicXmlError(f"{label} is MusicXML that music21 cannot read ({error}); save it again.") from error


def _loaded(source: str | PathLike[str] | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return "The data", source
    path = Path(source)
    try:
        return f"“{path.name}”", path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise MusicXmlError(f"“{path.name}” cannot be opened ({reason}); check the name and the folder.") from None


def _unzipped(data: bytes) -> bytes:
    """Return the score inside a compressed file, or `data` itself."""
    if data[:2] != b"PK":
        return data
    with zipfile.ZipFile(BytesIO(data)) as archive:
        container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
        rootfile = next(element for element in container.iter() if element.tag.endswith("rootfile"))
        return archive.read(rootfile.attrib["full-path"])


def _read_sounds(root: ElementTree.Element) -> list[tuple[int, bool]]:
    """Return each part's program and whether it is drums; give unpitched notes the MIDI pitch of their drum."""
    sounds = []
    for listed in root.findall("part-list/score-part"):
        part_id = listed.get("id")
        drums = {
            entry.get("id"): int(entry.findtext("midi-unpitched", "1")) - 1
            for entry in listed.findall("midi-instrument")
            if entry.find("midi-unpitched") is not None
        }
        found = False
        for note in root.iterfind(f"part[@id='{part_id}']/measure/note"):
            unpitched, played = note.find("unpitched"), note.find("instrument")
            if unpitched is None:
                continue
            found = True
            drum = drums.get(played.get("id") if played is not None else None, _SNARE)
            pitch = ElementTree.Element("pitch")
            for name, value in zip(("step", "alter", "octave"), spell(drum, None), strict=True):
                ElementTree.SubElement(pitch, name).text = str(value)
            note.insert(list(note).index(unpitched), pitch)
            note.remove(unpitched)
        program = int(listed.findtext("midi-instrument/midi-program", "1")) - 1
        sounds.append((min(max(program, 0), 127), found))
    return sounds


def _composition(score: Any, sounds: Sequence[tuple[int, bool]]) -> Composition:
    from music21 import meter, stream, tempo

    parts = list(score.toSoundingPitch().getElementsByClass(stream.Part))
    tracks, tempos = [], {}
    for number, part in enumerate(parts):
        # music21 makes two parts of one on two staves; the last known sounds hold for those beyond the list.
        program, is_drum = sounds[min(number, len(sounds) - 1)]
        name = part.partName or f"Track {number + 1}"
        for element in part.flatten().getElementsByClass(tempo.MetronomeMark):
            bpm = element.getQuarterBPM()
            if bpm:
                tempos[float(element.offset)] = TempoChange(element.offset, min(max(round(bpm, 3), 4), 1000))
        tracks.append(Track(tuple(_read_notes(part)), name, program, is_drum))
    metres, pickup = {}, 0.0
    if parts:
        first = next(iter(parts[0].getElementsByClass(stream.Measure)), None)
        for element in parts[0].flatten().getElementsByClass(meter.TimeSignature):
            metres[float(element.offset)] = MetreChange(element.offset, element.numerator, element.denominator)
        if first is not None and first.paddingLeft:
            pickup = float(first.barDuration.quarterLength - first.paddingLeft)
    title = score.metadata.bestTitle if score.metadata is not None else None
    return Composition(tuple(tracks), tuple(tempos.values()), tuple(metres.values()), pickup, title or "Untitled")


def _read_notes(part: Any) -> list[Note]:
    """Return a part's notes, those tied together as one; music21's own `stripTies` misses ties between voices."""
    notes: list[Note] = []
    waiting: dict[int, list[int]] = {}  # pitch -> notes that a tie leads out of, as indices
    for element in part.flatten().notes:
        if element.duration.isGrace or element.quarterLength <= 0:
            continue
        for member in element.notes if element.isChord else (element,):
            velocity = member.volume.velocity or element.volume.velocity or 80
            note = Note(element.offset, member.pitch.midi, element.quarterLength, min(max(int(velocity), 1), 127))
            kind = member.tie.type if member.tie is not None else ""
            held = waiting.setdefault(note.pitch, [])
            before = next((index for index in held if abs(notes[index].offset - note.onset) < 1e-6), None)
            if kind in ("continue", "stop") and before is not None:
                held.remove(before)
                notes[before] = replace(notes[before], duration=note.offset - notes[before].onset)
            else:
                before = len(notes)
                notes.append(note)
            if kind in ("start", "continue"):
                held.append(before)
    return notes
