"""The Music studio's widget: what the kernel knows and the browser shows, as traits.

It knows neither techniques nor the library; `deepcomposer_lab.music_studio` fills it and answers it.

Lesson: notebooks/01_music_studio.ipynb.
"""

from __future__ import annotations

from typing import Any

import traitlets

from deepcomposer_lab.widgets.lab_widget import STATIC, LabWidget, styles


class MusicStudioWidget(LabWidget):
    """Three steps: input track, technique, composition.

    Attributes
    ----------
    catalogue : dict
        Techniques with their models and parameters, sample melodies, limits: fixed.
    state : dict
        What is being worked on; the kernel owns it, the browser asks for changes.
    compositions : list of dict
        The library, newest first.
    run : dict
        What composes now, or did last.
    """

    _esm = STATIC / "music_studio.js"
    _css = styles(
        "piano_roll.css", "virtual_keyboard.css", "microphone.css", "upload.css", "metrics.css", "music_studio.css"
    )

    catalogue = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    compositions: Any = traitlets.List().tag(sync=True)
    run = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
