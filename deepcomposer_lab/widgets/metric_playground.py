"""The metric playground: paint a few bars, and watch the five metrics move.

What measures is handed in: a widget knows no metrics.

Lesson: notebooks/07_metrics.ipynb.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import traitlets

from deepcomposer_lab.music.checks import checked_whole, shown
from deepcomposer_lab.music.composition import Composition, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note, pitch_name
from deepcomposer_lab.widgets.lab_widget import STATIC, LabWidget, styles

STEPS_PER_BAR = 16  # sixteenth notes in 4/4
MOST_BARS = 4
TONES = tuple(range(72, 59, -1))  # C5 down to C4
DRUMS = ((42, "Hi-hat"), (38, "Snare"), (36, "Bass drum"))

Measure = Callable[[Composition, str], Sequence[Mapping[str, Any]]]


class MetricPlayground(LabWidget):
    """A grid of tones and drums with five metrics beside it; an output of a notebook when it ends a cell.

    Parameters
    ----------
    measure : callable (Composition, str) -> rows
        Of a piece, and beside which data: a row a metric, with `name`, `label`, `value`, `low`, `high`, `minimum`,
        `maximum`, `verdict` and `reason`.
    bars : int
        1–4.
    music : Melody or Composition, optional
        What is painted at first: what of it lies in the grid.
    datasets : sequence of (name, plural)
        What the metrics may be held against; the first is chosen.

    Attributes
    ----------
    notes : list of [row, step, length]
        What is painted, from the top: row 0 is C5, row 12 C4, then hi-hat, snare and bass drum; step 0 is the first
        sixteenth, and a drum is one sixteenth long.
    composition : Composition
        The same as music; a Melody or Composition may be assigned, and what of it lies in the grid is painted.
    metrics : list of dict
        The rows that `measure` gave.
    dataset : str
        Beside which data they stand; another name of `datasets` may be assigned.

    Raises
    ------
    ValueError
        When there are not 1–4 bars.
    """

    _esm = STATIC / "metric_playground.js"
    _css = styles("metrics.css", "metric_playground.css")

    notes: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    metrics: Any = traitlets.List().tag(sync=True)
    bars = traitlets.Int(2).tag(sync=True)
    dataset = traitlets.Unicode().tag(sync=True)
    datasets: Any = traitlets.List().tag(sync=True)
    edit = traitlets.Int(0).tag(sync=True)
    measured = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        measure: Measure,
        *,
        bars: int = 2,
        music: Melody | Composition | None = None,
        datasets: Sequence[tuple[str, str]] = (("", "data"),),
    ) -> None:
        if not 1 <= checked_whole(bars, "A number of bars") <= MOST_BARS:
            raise ValueError(f"The playground has 1–{MOST_BARS} bars; got {shown(bars)}.")
        self._measure = measure
        super().__init__(
            rows=[*map(pitch_name, TONES), *(name for _, name in DRUMS)],
            bars=bars,
            notes=[] if music is None else _painted(as_composition(music), bars),
            datasets=[list(pair) for pair in datasets],
            dataset=datasets[0][0],
        )
        self._look()
        self.observe(self._look, names=["notes", "dataset"])

    def __repr__(self) -> str:
        values = "   ".join(
            f"{row['label']} {'–' if row['value'] is None else format(row['value'], '.2f')}" for row in self.metrics
        )
        return f"MetricPlayground({len(self.notes)} painted)   {values}"

    @property
    def composition(self) -> Composition:
        """What is painted, as music: a melody track and, where a drum is struck, a drum track."""
        tones, strokes = [], []
        for row, step, length in self.notes:
            if row < len(TONES):
                tones.append(Note(step / 4, TONES[row], length / 4))
            else:
                strokes.append(Note(step / 4, DRUMS[row - len(TONES)][0], 0.25))
        drums = (Track(tuple(strokes), "Drums", is_drum=True),) if strokes else ()
        return Composition((Track(tuple(tones), "Melody"), *drums), title="Playground")

    @composition.setter
    def composition(self, music: Melody | Composition) -> None:
        self.notes = _painted(as_composition(music), self.bars)

    def _look(self, _: object = None) -> None:
        rows = [dict(row) for row in self._measure(self.composition, self.dataset)]
        with self.hold_sync():
            self.metrics = rows
            self.measured = self.edit  # the page knows by it whether these are the numbers of what it shows

    @traitlets.validate("notes")
    def _check_notes(self, proposal: Any) -> list[list[int]]:
        try:
            return _checked_notes(proposal["value"], self.bars)
        except (TypeError, ValueError) as error:
            raise traitlets.TraitError(str(error)) from None

    @traitlets.validate("dataset")
    def _check_dataset(self, proposal: Any) -> str:
        names = [name for name, _ in self.datasets]
        if names and proposal["value"] not in names:
            raise traitlets.TraitError(
                f"There is no data {shown(proposal['value'])} here; there is {', '.join(names)}."
            )
        return str(proposal["value"])


def _checked_notes(notes: Iterable[Iterable[int]], bars: int) -> list[list[int]]:
    """Return notes as they lie in the grid, sorted; those of one row that overlap are refused, for one is meant."""
    steps, rows = bars * STEPS_PER_BAR, len(TONES) + len(DRUMS)
    checked = []
    for note in notes:
        values = [checked_whole(value, "A painted note's row, step and length") for value in note]
        if len(values) != 3:
            raise ValueError(f"A painted note is [row, step, length]; got {shown(values)}.")
        row, step, length = values
        if not (0 <= row < rows and 0 <= step < step + length <= steps):
            raise ValueError(
                f"A painted note lies in rows 0–{rows - 1} and steps 0–{steps - 1}, 1 step long or more; got row "
                f"{row}, step {step}, length {length}."
            )
        checked.append([row, step, 1 if row >= len(TONES) else length])
    checked.sort()
    for (row, step, length), (other, following, _) in pairwise(checked):
        if row == other and following < step + length:
            raise ValueError(f"Two painted notes of row {row} sound at step {following}; one of them is meant.")
    return checked


def _painted(piece: Composition, bars: int) -> list[list[int]]:
    """Return what of a piece lies in the grid, on its nearest sixteenths; of two that meet, the later one."""
    steps = bars * STEPS_PER_BAR
    drums = {pitch: len(TONES) + index for index, (pitch, _) in enumerate(DRUMS)}
    found: dict[int, dict[int, int]] = {}
    for track in piece.tracks:
        for note in track.notes:
            row = drums.get(note.pitch) if track.is_drum else TONES.index(note.pitch) if note.pitch in TONES else None
            start, end = round(note.onset * 4), min(steps, round(note.offset * 4))
            if row is not None and start < steps:
                found.setdefault(row, {})[start] = max(1, end - start)
    painted = []
    for row, starts in sorted(found.items()):
        ordered = sorted(starts)
        for start, following in zip(ordered, [*ordered[1:], steps], strict=True):
            painted.append([row, start, 1 if row >= len(TONES) else min(starts[start], following - start)])
    return painted
