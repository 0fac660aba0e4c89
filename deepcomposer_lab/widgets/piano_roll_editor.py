"""The piano-roll editor: see a piece, change its notes by pointer or keys, and compare it with what it was.

Lesson: notebooks/02_notes_and_piano_rolls.ipynb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import traitlets

from deepcomposer_lab.music.composition import Composition, CompositionStep, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.plain import from_plain, titled_plain
from deepcomposer_lab.music.skyline import choose_melody, melody_track
from deepcomposer_lab.widgets.lab_widget import STATIC, LabWidget, styles

MOST_UNDONE = 200
_EDIT = CompositionStep("edit")


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
        Follows the edits, tempos, metres and title kept; a Composition or Melody may be assigned.
    melody : Melody
        The track that is chosen on the page; before anybody chose, the one where the melody was found.
    before : Composition or None
        May be assigned too; None ends the comparison.

    Raises
    ------
    TypeError
        When it is no music.
    """

    _esm = STATIC / "piano_roll_editor.js"
    _css = styles("piano_roll.css")

    piece = traitlets.Dict().tag(sync=True)
    before_piece: Any = traitlets.Dict(allow_none=True).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    # Whose the piece is: {"page", "number"} of the page's edit, {"step": "undo" | "redo"}, or None for one from a cell.
    edit: Any = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)

    def __init__(
        self, music: Composition | Melody | None = None, *, before: Composition | Melody | None = None
    ) -> None:
        piece = as_composition(Melody() if music is None else music)
        super().__init__(piece=titled_plain(piece), chosen=_melody_index(piece))
        self._composition = self._given = piece
        self._before: Composition | None = None
        self._past: list[Composition] = []
        self._future: list[Composition] = []
        self.before = before
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
        piece = as_composition(music)
        self._remember()
        self._given = piece
        self._show(piece, None)
        self.chosen = _melody_index(piece)

    @property
    def melody(self) -> Melody:
        """The notes of the chosen track, else the melody in the piece; empty, and so falsy, where there is none."""
        piece = self._composition
        track = piece.tracks[self.chosen] if 0 <= self.chosen < len(piece.tracks) else None
        if track is not None and track.notes and not track.is_drum:
            tempo, metre = piece.tempos[0].bpm, piece.metres[0]
            return Melody(track.notes, tempo, metre, piece.pickup, program=track.program, title=piece.title)
        if all(track.is_drum or not track.notes for track in piece.tracks):
            return Melody()
        return choose_melody(piece)[0]

    @property
    def before(self) -> Composition | None:
        """What the piece is compared with."""
        return self._before

    @before.setter
    def before(self, music: Composition | Melody | None) -> None:
        self._before = None if music is None else as_composition(music)
        self.before_piece = None if self._before is None else titled_plain(self._before)

    def undo(self) -> None:
        """Take the last change back, whether it came from the page or from a cell; without one nothing happens."""
        self._step(self._past, self._future, "undo")

    def redo(self) -> None:
        """Do again what was taken back; where nothing was, nothing happens."""
        self._step(self._future, self._past, "redo")

    def _step(self, source: list[Composition], target: list[Composition], name: str) -> None:
        if not source:
            return
        target.append(self._composition)
        self._show(source.pop(), {"step": name})

    def _remember(self) -> None:
        self._past = [*self._past, self._composition][-MOST_UNDONE:]
        self._future = []

    def _show(self, piece: Composition, edit: dict[str, Any] | None) -> None:
        self._composition = piece
        # In one message: the page asks whose a piece is when it comes.
        with self.hold_sync():
            self.edit = edit
            self.piece = titled_plain(piece)

    def _answer_edit(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        values = question["piece"]
        edited = from_plain({**values, "steps": []}, str(values["title"]))
        steps = self._given.steps
        if steps and replace(edited, steps=steps) != self._given:
            steps = (*steps, _EDIT)  # made by a technique, then changed by a person
        edited = replace(edited, steps=steps)
        reason = question.get("reason")
        if reason == "undo" and self._past and self._past[-1] == edited:
            self._future.append(self._composition)
            self._past.pop()
        elif reason == "redo" and self._future and self._future[-1] == edited:
            self._past.append(self._composition)
            self._future.pop()
        elif edited != self._composition:
            self._remember()
        page, number = question.get("page"), question.get("number")
        self._show(edited, None if page is None else {"page": page, "number": number})
        return {}


def _melody_index(piece: Composition) -> int:
    try:
        return melody_track(piece)
    except ValueError:  # no notes yet, or drums alone
        return 0
