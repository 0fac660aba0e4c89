"""Read tunes in ABC notation: notes with onset, pitch and duration, bar by bar as they are written.

It reads what the collections of fiddle tunes use (ABC 2.1, one voice): keys and modes, accidentals that hold to the
bar line, lengths, broken rhythm, tuplets, ties, chords (their highest note), repeats and endings. Grace notes take no
time and are left out; ornaments, fingerings, bowings and words are skipped. A hundred times as fast as music21, whose
reading of the same files a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
# Fifths to add to the tonic's major signature, by the first three letters of the mode.
MODES = {"maj": 0, "ion": 0, "lyd": 1, "mix": -1, "dor": -2, "min": -3, "aeo": -3, "phr": -4, "loc": -5}
MINOR_LIKE = frozenset({"min", "aeo", "dor", "phr", "loc"})
TUPLET_TIME = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}  # p notes in the time of q, in simple metres

_TOKEN = re.compile(
    r"""(?P<text>"[^"]*")|(?P<grace>\{[^}]*\})|(?P<decoration>![^!\s|]{1,12}!|\+[^+\s|]{1,12}\+)
    |(?P<inline>\[[A-Za-z]:[^\]]*\])
    |(?P<bar>:*\|[\]|]*:*(?:\s*\[?(?P<end>[1-9][,\-0-9]*))?|::+|\[\||\[(?P<end2>[1-9][,\-0-9]*))
    |(?P<chord>\[(?:[\^_=]*[A-Ga-g][,']*[\d/]*-?\s*)+\](?P<chord_length>\d*/*\d*))
    |\((?P<tuplet>[2-9])(?::(?P<q>\d?)(?::(?P<r>\d?))?)?
    |(?P<note>(?P<accidental>[\^_=]*)(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>\d*/*\d*))
    |(?P<rest>[zx](?P<rest_length>\d*/*\d*))|(?P<wholes>Z(?P<bars>\d*))
    |(?P<broken>>+|<+)|(?P<tie>-)|(?P<overlay>&)|(?P<other>.)""",
    re.VERBOSE,
)
_CHORD_NOTE = re.compile(r"([\^_=]*)([A-Ga-g])([,']*)(\d*/*\d*)(-?)")
_KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)\s*$")
_NAMES = ("maj", "m", "M", "min", "mix", "dor", "lyd", "phr", "loc", "aeo", "ion")


class AbcError(ValueError):
    """This tune cannot be read; the message says why, in words that several tunes share."""


@dataclass
class AbcNote:
    """A note or a rest: `onset` in its bar and `duration`, in quarter notes; `pitch` is MIDI, None for a rest."""

    onset: Fraction
    pitch: int | None
    duration: Fraction
    tied: bool = False


@dataclass
class AbcBar:
    """What stands between two bar lines.

    `starts_part` and `ends_part` say whether a repeat sign or a double bar stands before and behind it; `ending` is the
    number of the ending it belongs to, 0 for none.
    """

    notes: list[AbcNote] = field(default_factory=list)
    length: Fraction = Fraction(0)
    starts_part: bool = False
    ends_part: bool = False
    ending: int = 0


@dataclass
class AbcTune:
    """A tune as written: `key` is (pitch class of the tonic, first three letters of the mode)."""

    number: int
    title: str
    metre: str
    key: tuple[int, str]
    bars: list[AbcBar]

    def notes(self) -> list[AbcNote]:
        """Return its sounding notes one after the other, onsets from the start, ties not joined."""
        found, start = [], Fraction(0)
        for bar in self.bars:
            found += [AbcNote(start + n.onset, n.pitch, n.duration, n.tied) for n in bar.notes if n.pitch is not None]
            start += bar.length
        return found


def split_tunes(text: str) -> list[str]:
    """Return the tunes of an ABC file, each from its X: line on."""
    return re.split(r"(?m)^(?=X:)", text.replace("\r\n", "\n").replace("\r", "\n"))[1:]


def header(abc: str, letter: str) -> str:
    """Return the first field of a letter, such as T for the title, without comment and spaces; "" for none."""
    found = re.search(rf"(?m)^{letter}:([^%\n]*)", abc)
    return found[1].strip().strip('"').strip() if found else ""


def read_key(text: str) -> tuple[int, str, int]:
    """Return (pitch class of the tonic, mode, sharps of the signature, flats negative).

    Raises
    ------
    AbcError
        When it is no key that the reader knows.
    """
    found = _KEY.match(text.partition("%")[0].strip())
    mode = "maj" if found is None or not found[3] else found[3]
    mode = {"m": "min", "M": "maj"}.get(mode, mode[:3].lower())
    if found is None or mode not in MODES:
        raise AbcError("no known key")
    alter = {"": 0, "#": 1, "b": -1}[found[2]]
    fifths = FIFTHS[found[1]] + 7 * alter + MODES[mode]
    return (PITCH_CLASSES[found[1]] + alter) % 12, mode, fifths


def read_tune(abc: str) -> AbcTune:
    """Read one tune.

    Raises
    ------
    AbcError
        When it has no known key, several voices, several metres, or more than two endings.
    """
    metre = header(abc, "M")
    tonic, mode, fifths = read_key(header(abc, "K"))
    body = abc[re.search(r"(?m)^K:.*$", abc).end() :]
    reader = _Reader(_signature(fifths), _unit(header(abc, "L"), metre))
    for line in body.split("\n"):
        if re.match(r"[A-Za-z]:(?![|:])", line):
            reader.take_field(line[0], line[2:])
        elif not line.startswith("%"):
            reader.take_line(line.partition("%")[0])
    return AbcTune(int(header(abc, "X") or 0), header(abc, "T"), metre, (tonic, mode), list(reader.finish()))


def without_first_endings(bars: list[AbcBar]) -> list[AbcBar]:
    """Return the bars as they are played when every repeat is left away: of two endings the second."""
    numbers = {bar.ending for bar in bars}
    if max(numbers, default=0) > 2:
        raise AbcError("more than two endings")
    kept = [bar for bar in bars if bar.ending != 1]
    return kept if 2 in numbers else bars


def _signature(fifths: int) -> dict[str, int]:
    letters = "FCGDAEB"
    if fifths >= 0:
        return dict.fromkeys(letters[:fifths], 1)
    return dict.fromkeys(letters[fifths:], -1)


def _unit(text: str, metre: str) -> Fraction:
    """Return the unit note length in quarter notes; without an L: field it hangs on the metre."""
    found = re.match(r"(\d+)/(\d+)", text)
    if found:
        return Fraction(4 * int(found[1]), int(found[2]))
    found = re.match(r"(\d+)/(\d+)", metre)
    return Fraction(1, 4) if found and Fraction(int(found[1]), int(found[2])) < Fraction(3, 4) else Fraction(1, 2)


def _length(text: str) -> Fraction:
    """Return the multiple of the unit length that `3`, `/`, `//`, `3/2` or `/4` stand for."""
    above, slashes, below = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()
    value = Fraction(int(above) if above else 1)
    if not slashes:
        return value
    return value / (int(below) if below else 2 ** len(slashes))


class _Reader:
    """Takes the body line by line. `broken` is the factor that the next note owes to a dotted pair."""

    def __init__(self, signature: dict[str, int], unit: Fraction) -> None:
        self.signature, self.unit = signature, unit
        self.done: list[AbcBar] = []
        self.bar = AbcBar(starts_part=True)
        self.accidentals: dict[tuple[str, str], int] = {}
        self.broken = Fraction(1)
        self.tuplet, self.tuplet_left = Fraction(1), 0

    def take_field(self, letter: str, text: str) -> None:
        if letter == "K":
            self.signature = _signature(read_key(text)[2])
        elif letter == "L":
            self.unit = _unit(text.strip(), "")
        elif letter == "M":
            raise AbcError("its metre changes")
        elif letter == "V":
            raise AbcError("several voices")

    def take_line(self, line: str) -> None:
        for token in _TOKEN.finditer(line):
            kind = token.lastgroup if token.lastgroup in ("text", "grace", "decoration", "other") else None
            if kind:
                continue
            if token["inline"]:
                self.take_field(token["inline"][1], token["inline"][3:-1])
            elif token["bar"]:
                self._close(token["bar"], token["end"] or token["end2"])
            elif token["tuplet"]:
                p = int(token["tuplet"])
                self.tuplet = Fraction(int(token["q"] or TUPLET_TIME[p]), p)
                self.tuplet_left = int(token["r"] or p)
            elif token["chord"]:
                self._take_chord(token)
            elif token["note"]:
                pitch = self._pitch(token["accidental"], token["letter"], token["octave"])
                self._place(pitch, _length(token["length"]))
            elif token["rest"]:
                self._place(None, _length(token["rest_length"]))
            elif token["wholes"]:
                raise AbcError("rests of whole bars")
            elif token["broken"]:
                self._break(token["broken"])
            elif token["tie"] and self.bar.notes:
                self.bar.notes[-1].tied = True
            elif token["overlay"]:
                raise AbcError("several voices")

    def finish(self) -> Iterator[AbcBar]:
        self._close("|]", None)
        yield from self.done

    def _take_chord(self, token: re.Match) -> None:
        """Place the highest note of a chord, as long as its first."""
        parts = _CHORD_NOTE.findall(token["chord"])
        pitches = [self._pitch(*part[:3]) for part in parts]
        self._place(max(pitches), _length(parts[0][3]) * _length(token["chord_length"]))
        self.bar.notes[-1].tied = any(part[4] for part in parts)

    def _pitch(self, accidental: str, letter: str, octave: str) -> int:
        """Return the MIDI pitch. An accidental holds for its letter and octave up to the bar line."""
        name = letter.upper()
        if accidental:
            self.accidentals[letter, octave] = accidental.count("^") - accidental.count("_")
        alter = self.accidentals.get((letter, octave), self.signature.get(name, 0))
        octaves = octave.count("'") - octave.count(",") + (letter.islower())
        return 60 + PITCH_CLASSES[name] + 12 * octaves + alter

    def _place(self, pitch: int | None, length: Fraction) -> None:
        duration = length * self.unit * self.broken
        self.broken = Fraction(1)
        if self.tuplet_left:
            duration *= self.tuplet
            self.tuplet_left -= 1
        self.bar.notes.append(AbcNote(self.bar.length, pitch, duration))
        self.bar.length += duration

    def _break(self, sign: str) -> None:
        """Lengthen the note before and shorten the next (a>b), or the other way round; more signs, stronger."""
        if not self.bar.notes:
            return
        short = Fraction(1, 2 ** len(sign))
        before, after = (2 - short, short) if sign[0] == ">" else (short, 2 - short)
        note = self.bar.notes[-1]
        self.bar.length += note.duration * (before - 1)
        note.duration *= before
        self.broken = after

    def _close(self, sign: str, ending: str | None) -> None:
        """End the bar at a bar line; one that holds nothing only hands on what stands around it."""
        ends = ":" in sign or "||" in sign or "]" in sign or "[|" in sign
        number = int(ending[0]) if ending else 0
        ended = self.bar.ending
        if self.bar.notes:
            self.bar.ends_part = ends
            self.done.append(self.bar)
            self.bar = AbcBar(starts_part=ends, ending=0 if ends else ended)
        elif ends:
            self.bar.starts_part = True
            self.bar.ending = 0
            if self.done:
                self.done[-1].ends_part = True
        if number:
            self.bar.ending = number
        self.accidentals = {}
