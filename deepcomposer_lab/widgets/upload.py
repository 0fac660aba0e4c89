"""Upload: music from a file of the person's own computer, by a button or dropped on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets

from deepcomposer_lab.music.composition import Composition, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.plain import to_plain
from deepcomposer_lab.music.skyline import choose_melody
from deepcomposer_lab.music.uploads import read_upload
from deepcomposer_lab.widgets.lab_widget import STATIC, LabWidget, styles


class Upload(LabWidget):
    """A place for .mid and .musicxml files; an output of a notebook when it ends a cell.

    Attributes
    ----------
    composition : Composition or None
        What the last file that could be read holds; a Composition or Melody may be assigned, and is shown.
    melody : Melody
        The melody in it; empty, and so falsy, where there is none.
    remarks : list of str
        What was repaired or left out in reading it, and where the melody was found.
    """

    _esm = STATIC / "upload.js"
    _css = styles("piano_roll.css", "upload.css")

    shown = traitlets.Dict().tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self._composition: Composition | None = None
        self.melody = Melody()
        self.remarks: list[str] = []
        self.answer("read", self._answer_read, slow=True)

    def __repr__(self) -> str:
        return f"Upload({self._composition.title!r})" if self._composition else "Upload(nothing was uploaded yet)"

    @property
    def composition(self) -> Composition | None:
        """What was uploaded last."""
        return self._composition

    @composition.setter
    def composition(self, music: Composition | Melody) -> None:
        self._take(as_composition(music), "", [])

    def _answer_read(self, question: dict[str, Any], buffers: Sequence[bytes]) -> dict[str, Any]:
        name = str(question.get("name", ""))
        piece, remarks = read_upload(name, buffers[0] if buffers else b"")
        return self._take(piece, name, remarks)

    def _take(self, piece: Composition, name: str, remarks: Sequence[str]) -> dict[str, Any]:
        try:
            self.melody, where = choose_melody(piece)
        except ValueError as error:  # drums alone
            self.melody, where = Melody(), str(error)
        self._composition, self.remarks = piece, [*remarks, where]
        self.shown = {
            "name": name,
            "piece": {**to_plain(piece), "title": piece.title, "steps": []},
            "summary": _summary(piece),
            "remarks": self.remarks,
        }
        return {"summary": self.shown["summary"]}


def _summary(piece: Composition) -> str:
    tracks = "1 track" if len(piece.tracks) == 1 else f"{len(piece.tracks)} tracks"
    count = len(piece.notes)
    notes = "1 note" if count == 1 else f"{count:,} notes"
    bars = "1 bar" if len(piece.bars) == 1 else f"{len(piece.bars):,} bars"
    metre = str(piece.metres[0]) + (" at first" if len(piece.metres) > 1 else "")
    tempo = f"{piece.tempos[0].bpm:.4g} beats a minute" + (" at first" if len(piece.tempos) > 1 else "")
    return f"{tracks}, {notes}, {bars} of {metre}, {tempo}."
