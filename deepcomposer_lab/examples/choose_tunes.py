"""Choose four tunes and write tunes.json: `python -m deepcomposer_lab.examples.choose_tunes`.

The rule, which knows nothing of how a tune sounds when it is harmonised: of the airs in the first file of O'Neill's
*Music of Ireland* (Chicago, 1903) in the corpus that comes with music21, going through them in order, the first in a
minor key, the first in 4/4, the first in 3/4 and the first in 6/8; each air counts once; it must

- have 8 to 16 bars as written (repeats are read once), and whole ones: the last bar makes up for the pickup,
- lie on a sixteenth grid once its grace notes are left out,
- stand in a file that reserves no rights.

The airs keep their pitch and their metre. The print says "slowly" or "cheerfully" and gives no figures, so all are
taken at a melody's own 100 quarter notes a minute.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepcomposer_lab.music.files import write_atomically

FILE = "oneills1850/0001-0050.abc"
FILE_SHA256 = "b036492885861009a95bb395c2c13bd85366cb1d4bb07341093939c443d5a945"
KINDS = ("minor", "4/4", "3/4", "6/8")
FEWEST_BARS, MOST_BARS = 8, 16
STEPS_PER_BEAT = 4
_METRES = {"C": "4/4", "C|": "2/2"}
_RIGHTS = re.compile(r"copyright|©|all rights|reserved|permission|licen[cs]e", re.IGNORECASE)

Notes = list[tuple[float, int, float]]  # onset, pitch, duration, in beats


def choose_tunes(text: str) -> dict[str, dict[str, Any]]:
    """Return the four tunes of an ABC file by name, in the order in which the file has them.

    Raises
    ------
    ValueError
        When the file reserves rights, or one of the four kinds is not in it.
    """
    if _RIGHTS.search(text):
        raise ValueError("The file speaks of rights; its tunes are not taken.")
    found: dict[str, dict[str, Any]] = {}
    wanted = list(KINDS)
    for abc in re.split(r"(?m)^(?=X:)", text)[1:]:
        kinds = [kind for kind in _kinds(abc) if kind in wanted]
        tune = _read(abc) if kinds else None
        if tune is not None:
            wanted.remove(kinds[0])
            found[re.sub(r"[^a-z0-9]+", "_", tune["title"].lower()).strip("_")] = {"chosen_as": kinds[0], **tune}
    if wanted:
        raise ValueError(f"The file has no fitting tune in {', '.join(wanted)}.")
    return found


def _field(abc: str, letter: str) -> str:
    """Return the first ABC field of a letter, such as K for the key."""
    field = re.search(rf"(?m)^{letter}:(.*)$", abc)
    return field[1].strip().strip('"') if field else ""


def _kinds(abc: str) -> Iterator[str]:
    """Yield what a tune can be chosen as, the rarer first."""
    if re.fullmatch(r"[A-G][b#]? *(m|[Mm]in(or)?)", _field(abc, "K")):  # a capital M alone is major
        yield "minor"
    metre = _field(abc, "M")
    yield _METRES.get(metre, metre)


def _read(abc: str) -> dict[str, Any] | None:
    """Return a tune's values, or None where it does not fit the rule."""
    from music21 import converter, stream

    score = converter.parse(_plain(abc), format="abc")
    notes = _notes(score)
    numerator, denominator = map(int, _METRES.get(_field(abc, "M"), _field(abc, "M")).split("/"))
    bar = numerator * 4 / denominator
    first = float(next(iter(score.recurse().getElementsByClass(stream.Measure))).duration.quarterLength)
    bars = (notes[-1][0] + notes[-1][2]) / bar
    on_grid = all((beat * STEPS_PER_BEAT).is_integer() for onset, _, duration in notes for beat in (onset, duration))
    if not (FEWEST_BARS <= bars <= MOST_BARS and bars.is_integer() and on_grid):
        return None
    return {
        "title": _field(abc, "T"),
        "number": int(_field(abc, "X")),
        "key": _field(abc, "K"),
        "metre": [numerator, denominator],
        "pickup": first if first < bar else 0.0,
        "transcribed_by": _field(abc, "Z").removeprefix("Transcribed by ").partition(",")[0],
        "notes": [list(note) for note in notes],
    }


def _plain(abc: str) -> str:
    """Return an ABC tune without slurs and articulation, behind which music21 does not see dotted pairs (d>-c)."""
    return "".join(
        line if re.match("[A-Z]:", line) else re.sub(r"\((?!\d)|\)|[.~]|(?<=[<>])-", "", line)
        for line in abc.splitlines(keepends=True)
    )


def _notes(score: Any) -> Notes:
    """Return onset, pitch and duration of each note, tied ones as one; grace notes take no time and are left out.

    A tie joins notes of one pitch; between two pitches the same sign is a slur.
    """
    joined: Notes = []
    is_tied = False
    for note in score.flatten().notes:
        if note.duration.isGrace:
            continue
        onset, pitch, duration = float(note.offset), int(note.pitch.midi), float(note.duration.quarterLength)
        if is_tied and joined[-1][1] == pitch and joined[-1][0] + joined[-1][2] == onset:
            joined[-1] = (joined[-1][0], pitch, joined[-1][2] + duration)
        else:
            joined.append((onset, pitch, duration))
        is_tied = note.tie is not None and note.tie.type in ("start", "continue")
    return joined


def write_tunes(target: Path) -> None:
    """Write tunes.json from the installed music21.

    Raises
    ------
    ValueError
        When its file is not the one that the tunes were chosen from.
    """
    from music21 import common

    data = (Path(common.getCorpusFilePath()) / FILE).read_bytes()
    if hashlib.sha256(data).hexdigest() != FILE_SHA256:
        raise ValueError(f"music21's {FILE} is another one than the tunes were chosen from (its sha256 differs).")
    values = {
        "collection": "O'Neill's Music of Ireland, Chicago, 1903",
        "file": f"music21 corpus, {FILE}",
        "file_sha256": FILE_SHA256,
        "note": "onset, MIDI pitch, duration; in beats (quarter notes)",
        "tunes": choose_tunes(data.decode("utf-8")),
    }
    # One line a note would make a file of eight hundred lines: the lists of numbers stay on theirs.
    text = json.dumps(values, indent=2, ensure_ascii=False)
    text = re.sub(r"\[\s+([-\d.,\s]+?)\s+\]", lambda numbers: f"[{' '.join(numbers[1].split())}]", text)
    write_atomically(target, (text + "\n").encode())


if __name__ == "__main__":
    write_tunes(Path(__file__).parent / "tunes.json")
