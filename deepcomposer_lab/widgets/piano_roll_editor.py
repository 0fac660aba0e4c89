"""The piano-roll editor: see a piece, change its notes by pointer or keys, and compare it with what it was.

Lesson: notebooks/02_notes_and_piano_rolls.ipynb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from deepcomposer_lab.music.composition import Composition, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.plain import from_plain, titled_plain
from deepcomposer_lab.music.skyline import choose_melody
from deepcomposer_lab.widgets.lab_widget import STATIC, LabWidget, styles


class PianoRollEditor(LabWidget):
    """An editor for the notes of a piece; an output of a notebook when it ends a cell.

    Draw with the pointer or with arrows and Enter; drag, resize, choose, copy, quantise, transpose, delete, undo. What
    is edited is here at once.

    Parameters
    ----------
    music : Composition or Melody, optional
        An empty melody of eight bars unless told otherwise.
    before : Composition or Melody, optional
        What it is compared with: added notes carry a ring and a plus sign, removed ones a dashed, struck outline.

    Attributes
    ----------
    composition : Composition
        Follows the edits; a Composition or Melody may be assigned.
    melody : Melody
        The melody in it.

    Raises
    ------
    TypeError
        When it is no music.
    """

    _esm = STATIC / "piano_roll_editor.js"
    _css = styles("piano_roll.css")

    piece = traitlets.Dict().tag(sync=True)
    before = traitlets.Dict(allow_none=True).tag(sync=True)

    def __init__(
        self, music: Composition | Melody | None = None, *, before: Composition | Melody | None = None
    ) -> None:
        piece = as_composition(Melody() if music is None else music)
        super().__init__(
            piece=titled_plain(piece), before=None if before is None else titled_plain(as_composition(before))
        )
        self._composition = piece
        self.answer("edit", self._answer_edit)

    def __repr__(self) -> str:
        count = len(self._composition.notes)
        return f"PianoRollEditor({self._composition.title!r}, {count} note{'' if count == 1 else 's'})"

    @property
    def composition(self) -> Composition:
        """What is on the roll now."""
        return self._composition

    @composition.setter
    def composition(self, music: Composition | Melody) -> None:
        self._composition = as_composition(music)
        self.piece = titled_plain(self._composition)

    @property
    def melody(self) -> Melody:
        """The melody on the roll; empty, and so falsy, where there is no note."""
        if not self._composition.notes:
            return Melody()
        melody, _ = choose_melody(self._composition)
        return melody

    def undo(self) -> None:
        """Take the last edit back, as the button does; needs the page."""
        self.tell("undo")

    def redo(self) -> None:
        """Do an edit that was taken back again; needs the page."""
        self.tell("redo")

    def _answer_edit(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        values = question["piece"]
        edited = from_plain({**values, "steps": []}, str(values["title"]))
        self._composition = Composition(
            edited.tracks, edited.tempos, edited.metres, edited.pickup, edited.title, self._composition.steps
        )
        self.piece = titled_plain(self._composition)
        return {}
