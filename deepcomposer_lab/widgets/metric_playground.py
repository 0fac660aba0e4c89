"""The metric playground: paint a few bars, and watch the five metrics move.

What measures is handed in: a widget knows no metrics.

Lesson: notebooks/07_metrics.ipynb.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import traitlets

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note, pitch_name
from deepcomposer_lab.widgets.lab_widget import STATIC, LabWidget, styles

STEPS_PER_BAR = 16  # sixteenth notes in 4/4
TONES = tuple(range(72, 59, -1))  # C5 down to C4
DRUMS = ((42, "Hi-hat"), (38, "Snare"), (36, "Bass drum"))

Measure = Callable[[Composition], Sequence[Mapping[str, Any]]]


class MetricPlayground(LabWidget):
    """A grid of tones and drums with five metrics beside it; an output of a notebook when it ends a cell.

    Neighbouring cells of a tone are one note; every drum cell is a stroke of its own.

    Parameters
    ----------
    measure : callable (Composition) -> rows
        A row a metric, with `name`, `label`, `value`, `low`, `high`, `minimum`, `maximum` and `reason`.
    bars : int
        1–4.
    music : Melody, optional
        What is painted at first: what of it lies in the grid.

    Attributes
    ----------
    cells : list of [row, step]
        What is painted: row 0 is C5, row 12 C4, then hi-hat, snare and bass drum; step 0 is the first sixteenth.
    composition : Composition
        The same as music.

    Raises
    ------
    ValueError
        When there are not 1–4 bars.
    """

    _esm = STATIC / "metric_playground.js"
    _css = styles("metrics.css", "metric_playground.css")

    cells: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    metrics: Any = traitlets.List().tag(sync=True)
    bars = traitlets.Int(2).tag(sync=True)
    piece = traitlets.Dict().tag(sync=True)

    def __init__(self, measure: Measure, *, bars: int = 2, music: Melody | None = None) -> None:
        if isinstance(bars, bool) or not isinstance(bars, int) or not 1 <= bars <= 4:
            raise ValueError(f"The playground has 1–4 bars; got {bars!r}.")
        names = [*map(pitch_name, TONES), *(name for _, name in DRUMS)]
        self._measure = measure
        super().__init__(rows=names, bars=bars, cells=_painted(music, bars))
        self._look()
        self.observe(self._look, names="cells")

    def __repr__(self) -> str:
        return f"MetricPlayground({len(self.cells)} cells)"

    @property
    def composition(self) -> Composition:
        """What is painted, as music: a melody track and, where a drum is struck, a drum track."""
        tones, strokes = [], []
        for row, steps in sorted(_by_row(self.cells).items()):
            if row < len(TONES):
                tones += [Note(start / 4, TONES[row], length / 4) for start, length in _runs(steps)]
            else:
                strokes += [Note(step / 4, DRUMS[row - len(TONES)][0], 0.25) for step in sorted(steps)]
        drums = (Track(tuple(strokes), "Drums", is_drum=True),) if strokes else ()
        return Composition((Track(tuple(tones), "Melody"), *drums), title="Playground")

    def _look(self, _: object = None) -> None:
        self.metrics = [dict(row) for row in self._measure(self.composition)]


def _painted(music: Melody | None, bars: int) -> list[list[int]]:
    cells = []
    for note in music.notes if music is not None else ():
        if note.pitch not in TONES:
            continue
        first, last = round(note.onset * 4), round(note.offset * 4)
        cells += [[TONES.index(note.pitch), step] for step in range(first, min(last, bars * STEPS_PER_BAR))]
    return cells


def _by_row(cells: Sequence[Sequence[int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for row, step in cells:
        found.setdefault(int(row), set()).add(int(step))
    return found


def _runs(steps: set[int]) -> list[tuple[int, int]]:
    """Return where each run of neighbouring steps starts, and how long it is."""
    runs: list[tuple[int, int]] = []
    for step in sorted(steps):
        if runs and sum(runs[-1]) == step and step % STEPS_PER_BAR:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((step, 1))
    return runs
