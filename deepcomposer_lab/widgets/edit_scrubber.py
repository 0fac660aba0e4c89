"""The scrubber through the edits of one composing: see, step by step, what was added and removed, and hear it.

The browser holds all that can be seen, so scrubbing asks nothing of the kernel: notes with the edits between which
they stand, one sentence an edit, and the network's opinions as four bytes a cell. Sound is rendered by the kernel when
somebody asks for it, and goes to the browser as a message: a saved notebook holds none.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from deepcomposer_lab.music.note import Note, pitch_name

_STATIC = Path(__file__).parent / "static"

LEAST_PROBABILITY = 0.02
"""Cells below are not sent: they would not be seen."""

HEAT_BYTES = 500_000
"""The most that all opinions together may take; of a longer run the likeliest cells of each edit are kept."""

_CELL_BYTES = 4
_SOUNDS_KEPT = 16
_ROOM = 2  # rows above the highest note and below the lowest


@dataclass(frozen=True)
class RollNote:
    """A note, and between which edits it stands.

    Parameters
    ----------
    note : Note
    track : int or None
        Index of the input's track; None for a note that the model added.
    came : int
        The number of the edit that added it, counted from 1; 0 for what stood in the input.
    went : int or None
        The number of the edit that removed it; None where it stays.
    """

    note: Note
    track: int | None
    came: int = 0
    went: int | None = None


@dataclass(frozen=True)
class Opinions:
    """What the network thought of every possible edit at one moment; arrays of shape (cells,).

    Parameters
    ----------
    beats : ndarray, float
        Onset of the note that would come or go.
    pitches : ndarray, int
        Its MIDI pitch.
    probabilities : ndarray, float
        0–1: how likely that edit is right.
    removes : ndarray, bool
        Whether the edit would remove the note that starts there; else it would add one.
    """

    beats: NDArray[np.float64]
    pitches: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    removes: NDArray[np.bool_]


@dataclass(frozen=True)
class ShownEdit:
    """One edit, as it is told.

    Parameters
    ----------
    adds : bool
        Whether it added a note; else it removed one.
    note : int
        Index into `EditHistory.notes`.
    right : float
        0–1: how likely the network found it right, when it was drawn.
    words, runner_up : str
        Sentences for people.
    opinions : Opinions
        What the network thought just before.
    """

    adds: bool
    note: int
    right: float
    words: str
    runner_up: str
    opinions: Opinions


@dataclass(frozen=True)
class EditHistory:
    """All that the scrubber shows, as plain data.

    Parameters
    ----------
    title : str
    tracks : sequence of str
        Names of the input's tracks.
    notes : sequence of RollNote
    edits : sequence of ShownEdit
    bars : sequence of (float, int)
        The beat at which each bar starts, and its number.
    beats : sequence of float
        Beats between bar lines.
    end : float
        The beat at which the last bar ends.
    step_beats : float
        Length of a cell of `Opinions` in beats.
    start, ending : str
        Sentences before the first edit and after the last.
    """

    title: str
    tracks: Sequence[str]
    notes: Sequence[RollNote]
    edits: Sequence[ShownEdit]
    bars: Sequence[tuple[float, int]]
    beats: Sequence[float]
    end: float
    step_beats: float
    start: str
    ending: str = ""


@dataclass(frozen=True)
class Sound:
    """What is heard after an edit.

    Parameters
    ----------
    mime : str
    data : bytes
        An audio file.
    clock : sequence of (float, float)
        Seconds and the beat that sounds then, at the start, at every change of tempo and at the end.
    words : str
        What a listener should know.
    """

    mime: str
    data: bytes
    clock: Sequence[tuple[float, float]]
    words: str = ""


class EditScrubber(anywidget.AnyWidget):
    """A piano roll with a slider over the edits; an output of a notebook when it ends a cell.

    Parameters
    ----------
    history : EditHistory
    hear : callable (number of edits) -> Sound
        Called when somebody wants to hear what stood after that many edits; the last few sounds are kept.
    still : str
        An SVG picture of the result, for readers without a kernel.
    summary : str
        The run in a sentence.

    Attributes
    ----------
    position : int
        How many edits are shown as made, 0 … N; follows the reader, and moves the view when it is set.
    """

    _esm = _STATIC / "edit_scrubber.js"
    _css = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in ("tokens.css", "edit_scrubber.css"))

    roll = traitlets.Dict().tag(sync=True)
    heat = traitlets.Bytes().tag(sync=True)
    position = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(self, history: EditHistory, *, hear: Callable[[int], Sound], still: str, summary: str) -> None:
        low, high = _pitch_range(history)
        heat, ends, first_beat = packed(history, low, high)
        super().__init__(roll=_as_json(history, low, high) | {"heatEnds": ends, "firstBeat": first_beat}, heat=heat)
        self.history, self.still, self.summary = history, still, summary
        self._hear = hear
        self._sounds: OrderedDict[int, Sound] = OrderedDict()
        self.on_msg(self._receive)

    def __repr__(self) -> str:
        return self.summary

    @traitlets.validate("position")
    def _within(self, proposal: Any) -> int:
        edits = len(self.roll.get("edits", ()))
        if not 0 <= proposal["value"] <= edits:
            raise traitlets.TraitError(f"The position is a number of edits, 0–{edits}; got {proposal['value']}.")
        return proposal["value"]

    def sound(self, edits: int) -> Sound:
        """Return the sound of what stood after `edits` edits, rendered at the first time of asking."""
        if edits not in self._sounds:
            self._sounds[edits] = self._hear(edits)
        self._sounds.move_to_end(edits)
        while len(self._sounds) > _SOUNDS_KEPT:
            self._sounds.popitem(last=False)
        return self._sounds[edits]

    def _receive(self, _: object, content: Any, __: object) -> None:
        """Answer a wish to hear; what cannot be heard is answered in words, so that nobody waits for nothing."""
        if not isinstance(content, dict) or content.get("kind") != "hear":
            return
        edits = content["edit"]
        try:
            sound = self.sound(edits)
        except (ValueError, OSError, RuntimeError) as error:
            self.send({"kind": "silence", "edit": edits, "words": str(error)})
            return
        answer = {"kind": "sound", "edit": edits, "mime": sound.mime, "clock": sound.clock, "words": sound.words}
        self.send(answer, [sound.data])

    def _repr_mimebundle_(self, **settings: Any) -> Any:
        bundle = super()._repr_mimebundle_(**settings)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/plain": self.summary, "text/html": self._still_html()}, metadata

    def _ipython_display_(self) -> None:
        """Show the still picture and the widget as two outputs.

        JupyterLab takes the widget of an output that offers both, and shows an error where the kernel is gone; so the
        picture stands by itself, and a living widget hides it.
        """
        from IPython.display import display

        data, metadata = self._repr_mimebundle_()
        display({"text/plain": self.summary, "text/html": data.pop("text/html")}, raw=True)
        display(data, metadata=metadata, raw=True)

    def _still_html(self) -> str:
        source = b64encode(self.still.encode()).decode("ascii")
        words = escape(self.summary)
        return (
            f'<figure class="dc-edits-still" style="margin: 0; font-family: var(--jp-ui-font-family, sans-serif); '
            f'font-size: var(--jp-ui-font-size1, 13px)">'
            f'<img alt="{words}" src="data:image/svg+xml;base64,{source}" style="max-width: 100%">'
            f"<figcaption>{words} Run the cell to go through the edits one by one.</figcaption></figure>"
        )


def packed(history: EditHistory, low: int, high: int) -> tuple[bytes, list[int], float]:
    """Pack all opinions: four bytes a cell, the number of cells up to each edit, and the beat of step 0.

    A cell is its step (uint16, little-endian), its pitch (with 128 added where the edit would remove), and its
    probability in 255ths. Cells outside `low`–`high`, and those that could not be seen, are left out.
    """
    first_beat = min(
        (float(edit.opinions.beats.min()) for edit in history.edits if edit.opinions.beats.size), default=0.0
    )
    most = max(1, HEAT_BYTES // _CELL_BYTES // max(1, len(history.edits)))
    parts: list[bytes] = []
    ends, known = [0], {}  # edits drawn from one look share its opinions, which are packed once
    for edit in history.edits:
        name = id(edit.opinions)
        if name not in known:
            known[name] = _packed_cells(edit.opinions, history.step_beats, first_beat, (low, high), most).tobytes()
        parts.append(known[name])
        ends.append(ends[-1] + len(known[name]) // _CELL_BYTES)
    return b"".join(parts), ends[1:], first_beat


_CELL = np.dtype([("step", "<u2"), ("pitch", "u1"), ("probability", "u1")])


def _packed_cells(
    opinions: Opinions, step_beats: float, first_beat: float, pitches: tuple[int, int], most: int
) -> NDArray[np.void]:
    steps = np.rint((opinions.beats - first_beat) / step_beats)
    inside = (opinions.pitches >= pitches[0]) & (opinions.pitches <= pitches[1]) & (steps < 2**16)
    kept = np.flatnonzero(inside & (opinions.probabilities >= LEAST_PROBABILITY))
    kept = np.sort(kept[np.argsort(-opinions.probabilities[kept], kind="stable")[:most]])
    cells = np.zeros(len(kept), dtype=_CELL)
    cells["step"] = steps[kept]
    cells["pitch"] = opinions.pitches[kept] + 128 * opinions.removes[kept]
    cells["probability"] = np.rint(255 * np.clip(opinions.probabilities[kept], 0, 1))
    return cells


def _pitch_range(history: EditHistory) -> tuple[int, int]:
    pitches = [roll_note.note.pitch for roll_note in history.notes] or [60]
    return max(0, min(pitches) - _ROOM), min(127, max(pitches) + _ROOM)


def _as_json(history: EditHistory, low: int, high: int) -> dict[str, Any]:
    return {
        "title": history.title,
        "low": low,
        "high": high,
        "end": history.end,
        "stepBeats": history.step_beats,
        "tracks": list(history.tracks),
        "pitches": [pitch_name(pitch) for pitch in range(low, high + 1)],
        "bars": [[beat, str(number)] for beat, number in history.bars],
        "beats": list(history.beats),
        "notes": [_note_as_json(roll_note) for roll_note in history.notes],
        "edits": [
            {
                "adds": edit.adds,
                "note": edit.note,
                "right": round(edit.right, 3),
                "words": edit.words,
                "runnerUp": edit.runner_up,
            }
            for edit in history.edits
        ],
        "start": history.start,
        "ending": history.ending,
    }


def _note_as_json(roll_note: RollNote) -> list[float]:
    note = roll_note.note
    track = -1 if roll_note.track is None else roll_note.track
    return [round(note.onset, 4), note.pitch, round(note.duration, 4), track, roll_note.came, roll_note.went or 0]
