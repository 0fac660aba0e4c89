"""A plain reader for the four voices of a chorale in MusicXML: exact onsets, ties merged, nothing guessed.

It reads what these files use: notes, rests, chords, grace notes, ties, <backup>, <forward>, divisions, metre, key and
fermatas. Repeats are read as written, once. Times are exact fractions of a quarter note (beats); the sixteenth grid
comes later, in prepare.py, so that what the grid loses can be counted.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import dataclass, field, replace
from fractions import Fraction
from io import BytesIO

STEP_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class SourceNote:
    """A note as the file has it: beats (quarter notes) from the start of the piece, and a MIDI pitch."""

    onset: Fraction
    pitch: int
    duration: Fraction
    fermata: bool = False

    @property
    def offset(self) -> Fraction:
        return self.onset + self.duration


@dataclass
class SourcePart:
    """One part of a score: its name, its notes (ties merged) and how many grace notes it left out."""

    name: str
    notes: list[SourceNote] = field(default_factory=list)
    grace_notes: int = 0


@dataclass
class SourceScore:
    """A score: its parts, its bars (start and length in beats), and its changes of metre and key.

    `metres` holds (beat, numerator, denominator); `key` is (fifths, mode) of the first key signature, mode "" where
    the file gives none.
    """

    parts: list[SourcePart]
    bars: list[tuple[Fraction, Fraction]]
    metres: list[tuple[Fraction, int, int]]
    key: tuple[int, str]


def part_name(score_part: ElementTree.Element) -> str:
    """Return a part's first name: "Soprano" for "Soprano\\rOboe 1,2" and for "Soprano Oboe 1"."""
    return " ".join((score_part.findtext("part-name") or "").split())


def parse_file(data: bytes) -> ElementTree.Element:
    """Return the root of a MusicXML document, plain or compressed (.mxl, by its META-INF/container.xml)."""
    if data[:2] == b"PK":
        with zipfile.ZipFile(BytesIO(data)) as archive:
            container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
            rootfile = container.find(".//{*}rootfile")
            if rootfile is None:
                raise ValueError("The archive's container.xml names no score.")
            data = archive.read(rootfile.attrib["full-path"])
    root = ElementTree.fromstring(data)
    if root.tag != "score-partwise":
        raise ValueError(f"Expected a <score-partwise> document, got <{root.tag}>.")
    return root


def part_names(root: ElementTree.Element) -> dict[str, str]:
    """Return {part id: name} in score order."""
    return {part.attrib["id"]: part_name(part) for part in root.iter("score-part")}


def read_score(root: ElementTree.Element, part_ids: list[str] | None = None) -> SourceScore:
    """Read the parts named by `part_ids` (all of them by default) from a parsed MusicXML document.

    A bar is as long as the longest of the parts read makes it, so that a part whose bar is not filled with rests
    stays aligned with the others.
    """
    names = part_names(root)
    ids = list(names) if part_ids is None else part_ids
    elements = {part.attrib["id"]: part for part in root.iter("part")}
    measures = [elements[part_id].findall("measure") for part_id in ids]
    if len({len(part) for part in measures}) > 1:
        raise ValueError(f"The parts have different numbers of bars: {[len(part) for part in measures]}.")

    readers = [_PartReader(names[part_id]) for part_id in ids]
    bars: list[tuple[Fraction, Fraction]] = []
    start = Fraction(0)
    for column in zip(*measures, strict=True):
        lengths = [reader.read_measure(measure, start) for reader, measure in zip(readers, column, strict=True)]
        bars.append((start, max(lengths)))
        start += max(lengths)
    return SourceScore(
        parts=[SourcePart(reader.name, _merged(reader.events), reader.grace_notes) for reader in readers],
        bars=bars,
        metres=readers[0].metres,
        key=readers[0].key or (0, ""),
    )


@dataclass(frozen=True)
class _Event:
    note: SourceNote
    tie_stop: bool
    tie_start: bool


class _PartReader:
    """Walks one part measure by measure; knows the divisions, the metre and the key that hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: list[_Event] = []
        self.metres: list[tuple[Fraction, int, int]] = []
        self.key: tuple[int, str] | None = None
        self.grace_notes = 0
        self._divisions = Fraction(1)

    def read_measure(self, measure: ElementTree.Element, start: Fraction) -> Fraction:
        """Read one measure that begins at beat `start`; return how far it reaches, in beats."""
        cursor, reach, chord_onset = Fraction(0), Fraction(0), Fraction(0)
        for element in measure:
            if element.tag == "attributes":
                self._read_attributes(element, start + cursor)
            elif element.tag == "backup":
                cursor -= self._duration(element)
            elif element.tag == "forward":
                # It moves the place where the next note stands; whether the bar is longer for it, notes decide.
                cursor += self._duration(element)
            elif element.tag == "note":
                if element.find("grace") is not None or element.find("cue") is not None:
                    self.grace_notes += 1
                    continue
                duration = self._duration(element)
                if element.find("chord") is None:
                    chord_onset = cursor
                    cursor += duration
                self._read_note(element, start + chord_onset, duration)
                reach = max(reach, cursor)
        return reach

    def _duration(self, element: ElementTree.Element) -> Fraction:
        return Fraction(element.findtext("duration") or "0") / self._divisions

    def _read_attributes(self, element: ElementTree.Element, beat: Fraction) -> None:
        divisions = element.findtext("divisions")
        if divisions:
            self._divisions = Fraction(divisions)
        time = element.find("time")
        if time is not None:
            self.metres.append((beat, int(time.findtext("beats") or 4), int(time.findtext("beat-type") or 4)))
        key = element.find("key")
        if key is not None and self.key is None:
            self.key = (int(key.findtext("fifths") or 0), (key.findtext("mode") or "").strip())

    def _read_note(self, element: ElementTree.Element, onset: Fraction, duration: Fraction) -> None:
        pitch = element.find("pitch")
        if pitch is None or duration == 0:
            return
        midi = (
            12 * (int(pitch.findtext("octave") or 0) + 1)
            + STEP_PITCH_CLASSES[pitch.findtext("step") or "C"]
            + int(pitch.findtext("alter") or 0)
        )
        ties = {tie.attrib.get("type") for tie in element.findall("tie")}
        note = SourceNote(onset, midi, duration, element.find("notations/fermata") is not None)
        self.events.append(_Event(note, "stop" in ties, "start" in ties))


def _merged(events: list[_Event]) -> list[SourceNote]:
    """Join tied notes: one that stops a tie continues the note of its pitch that ends where it begins."""
    notes: list[SourceNote] = []
    open_ties: dict[tuple[int, Fraction], int] = {}  # (pitch, where the tied note ends) -> index in notes
    for event in sorted(events, key=lambda event: (event.note.onset, -event.note.pitch)):
        note = event.note
        index = open_ties.pop((note.pitch, note.onset), None) if event.tie_stop else None
        if index is None:
            index = len(notes)
            notes.append(note)
        else:
            first = notes[index]
            notes[index] = replace(
                first, duration=first.duration + note.duration, fermata=first.fermata or note.fermata
            )
        if event.tie_start:
            open_ties[note.pitch, note.offset] = index
    return notes
