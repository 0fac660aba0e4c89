"""A player with the synthesiser in the browser: tracks to mute and mix, a piano roll, a WAV file to download.

`deepcomposer_lab.play` gives an audio element instead, which needs no kernel in a saved notebook.

Lesson: notebooks/02_notes_and_piano_rolls.ipynb.
"""

from __future__ import annotations

import traitlets

from deepcomposer_lab.music.composition import Composition, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.plain import titled_plain
from deepcomposer_lab.widgets.lab_widget import STATIC, LabWidget, styles


class Player(LabWidget):
    """Plays a piece in the browser, also while the kernel is busy; an output of a notebook when it ends a cell.

    Parameters
    ----------
    music : Composition or Melody

    Attributes
    ----------
    composition : Composition
        What is played; another one may be assigned while it plays.

    Raises
    ------
    TypeError
        When it is no music.
    """

    _esm = STATIC / "player.js"
    _css = styles("piano_roll.css")

    piece = traitlets.Dict().tag(sync=True)

    def __init__(self, music: Composition | Melody) -> None:
        self._composition = as_composition(music)
        super().__init__(piece=titled_plain(self._composition))

    def __repr__(self) -> str:
        return f"Player({self._composition.title!r})"

    @property
    def composition(self) -> Composition:
        """What is played."""
        return self._composition

    @composition.setter
    def composition(self, music: Composition | Melody) -> None:
        self._composition = as_composition(music)
        self.piece = titled_plain(self._composition)
