"""The roll that AR-CNN edits, and what the network thinks of it.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from deepcomposer_lab.encoding.image import Grid
from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.models.registry import AutoregressiveCNN
from deepcomposer_lab.music.note import Note

WINDOW_STEPS = 128  # eight bars of 4/4; a longer piece is seen through several windows
HOP_STEPS = 64  # half a window: every place is well inside one of them
LEAST_PROBABILITY = 0.002  # of a cell that a probability map keeps: what lies below is no colour on any screen
_WINDOWS_AT_ONCE = 8  # more would be no faster, and a long piece would fill the memory

Cells = NDArray[np.bool_]  # shape (pitches, steps)


@dataclass(frozen=True, slots=True)
class Placed:
    """A note on the grid, and where it came from.

    Parameters
    ----------
    onset, row, duration : int
        In steps and image rows.
    note : Note
        In beats, exactly as it is kept.
    source : (int, int) or None
        (track, number of the note in it) of the input; None for an added note.
    is_melody : bool
        Whether it belongs to the input's melody.
    """

    onset: int
    row: int
    duration: int
    note: Note
    source: tuple[int, int] | None = None
    is_melody: bool = False

    @property
    def end(self) -> int:
        """The step at which it no longer sounds."""
        return self.onset + self.duration


@dataclass(frozen=True, slots=True, eq=False)
class ProbabilityMap:
    """What the network thought of a roll: P(right) of the one edit that each cell offers.

    Where a note starts, that is removing it; elsewhere it is adding one. These are the network's own probabilities:
    what is locked, limited or tempered by creative risk is not taken off. Cells below 0.002 are not kept, so that the
    maps of a long piece do not fill the memory.

    Parameters
    ----------
    cells : ndarray, int32, shape (N,)
        Flat indices of the cells kept, row · steps + step.
    values : ndarray, float32, shape (N,)
        Their probabilities, 0–1.
    started : ndarray, int32, shape (M,)
        Flat indices of the cells where a note starts, in ascending order.
    pitches, steps : int
        Rows and columns.
    lowest_pitch : int
        The MIDI pitch of row 0.
    lead : int
        Steps before beat 0.
    steps_per_beat : int
    stop : float
        P(nothing is left to mend).
    """

    cells: NDArray[np.int32]
    values: NDArray[np.float32]
    started: NDArray[np.int32]
    pitches: int
    steps: int
    lowest_pitch: int
    lead: int
    steps_per_beat: int
    stop: float

    def dense(self) -> NDArray[np.float32]:
        """Return the whole map, float32, shape (pitches, steps); row 0 is the lowest pitch."""
        image = np.zeros(self.pitches * self.steps, dtype=np.float32)
        image[self.cells] = self.values
        return image.reshape(self.pitches, self.steps)

    @property
    def starts(self) -> Cells:
        """Which cells are removals: where a note starts, bool, shape (pitches, steps)."""
        image = np.zeros(self.pitches * self.steps, dtype=bool)
        image[self.started] = True
        return image.reshape(self.pitches, self.steps)


class Roll:
    """The roll being edited, and what the network thinks of it: asked again, where it changed, once that is needed.

    A piece longer than a window is seen through windows that overlap by half. The scores of a place come from the
    window in whose middle it lies best; an edit makes only the windows that show it look again, so what the network
    does for an edit does not grow with the length of the piece. Windows that several edits touched look together.
    """

    def __init__(self, network: AutoregressiveCNN, grid: Grid, notes: Sequence[Placed], time_multiple: int) -> None:
        self.network, self.grid, self.encoding = network, grid, grid.encoding
        steps = -(-grid.steps // time_multiple) * time_multiple
        shape = (self.encoding.pitches, steps)
        self.notes: list[Placed] = []
        self.roll = np.zeros((2, *shape), dtype=np.float32)
        # How many notes start, sound, and sound below or around the melody: two may share a cell.
        self.starting, self.sounding, self.accompanying = (np.zeros(shape, dtype=np.int16) for _ in range(3))
        self.time = np.pad(grid.time_channels(), ((0, 0), (0, steps - grid.steps)))
        self.starts = window_starts(steps)
        self.width = min(steps, WINDOW_STEPS if len(self.starts) > 1 else steps)
        centres = np.array(self.starts) + self.width / 2
        self.window_of = np.abs(np.arange(steps)[:, None] + 0.5 - centres[None]).argmin(axis=1)  # (steps,)
        self._columns = [np.flatnonzero(self.window_of == window) for window in range(len(self.starts))]
        self._add, self._remove = np.zeros(shape), np.zeros(shape)
        self._stop = np.zeros(len(self.starts))
        self._features: torch.Tensor | None = None  # (windows, channels, pitches, width / fold)
        self._stale = set(range(len(self.starts)))
        for placed in notes:
            self.insert(placed)

    def insert(self, placed: Placed) -> None:
        """Put a note in."""
        self.notes.append(placed)
        self._count(placed, 1)

    def take(self, placed: Placed) -> None:
        """Take a note out."""
        self.notes.remove(placed)
        self._count(placed, -1)

    def _count(self, placed: Placed, change: int) -> None:
        row, span = placed.row, slice(placed.onset, placed.end)
        self.starting[row, placed.onset] += change
        self.sounding[row, span] += change
        if not placed.is_melody:
            self.accompanying[row, span] += change
        self.roll[0, row, placed.onset] = self.starting[row, placed.onset] > 0
        self.roll[1, row, span] = self.sounding[row, span] > 0
        self._stale.update(
            window
            for window, start in enumerate(self.starts)
            if start < placed.end and placed.onset < start + self.width
        )

    @one_thread()
    @torch.inference_mode()
    def _refresh(self) -> None:
        """Ask the network about the windows that changed, and take its scores where they are the best placed."""
        stale = sorted(self._stale)
        for first in range(0, len(stale), _WINDOWS_AT_ONCE):
            self._look(stale[first : first + _WINDOWS_AT_ONCE])
        self._stale.clear()

    def _look(self, windows: list[int]) -> None:
        spans = [slice(self.starts[window], self.starts[window] + self.width) for window in windows]
        scores = self.network(
            roll=torch.from_numpy(np.stack([self.roll[:, :, span] for span in spans])),
            time=torch.from_numpy(np.stack([self.time[:, span] for span in spans])),
        )
        if self._features is None:
            self._features = scores.features.new_zeros((len(self.starts), *scores.features.shape[1:]))
        add, remove = scores.add.numpy(), scores.remove.numpy()  # (windows, pitches, width)
        for index, (window, span) in enumerate(zip(windows, spans, strict=True)):
            columns = self._columns[window]
            self._add[:, columns] = add[index][:, columns - span.start]
            self._remove[:, columns] = remove[index][:, columns - span.start]
            self._stop[window] = float(scores.stop[index])
            self._features[window] = scores.features[index]

    @property
    def add(self) -> NDArray[np.float64]:
        """log P(a note missing there starts there), shape (pitches, steps)."""
        self._refresh()
        return self._add

    @property
    def remove(self) -> NDArray[np.float64]:
        """log P(the note that starts there is out of place), shape (pitches, steps)."""
        self._refresh()
        return self._remove

    @property
    def stop(self) -> float:
        """log P(nothing is left to mend), to stand beside the edits of all windows.

        Twice the music has twice as many edits to weigh against: the mean over windows counts once a window's length.
        """
        self._refresh()
        return float(self._stop.mean() + np.log(max(1.0, self.roll.shape[2] / WINDOW_STEPS)))

    def edit_log_probabilities(self, *, addable: Cells, removable: Cells, may_add: bool = True) -> NDArray[np.float64]:
        """Return log P(right) of all edits, those not allowed at −∞: add cells, remove cells, stop; flat.

        When no more notes may be added, wanting to add one counts as stopping. Otherwise removing would be all that is
        left, and the model would take notes away merely because it may not do what it finds far likelier.
        """
        size = self.starting.size
        edits = np.empty(2 * size + 1)
        edits[:size] = np.where(addable, self.add, -np.inf).ravel()
        edits[size:-1] = np.where(removable, self.remove, -np.inf).ravel()
        edits[-1] = self.stop
        if not may_add:
            edits[-1] = np.logaddexp(edits[-1], np.logaddexp.reduce(edits[:size]))
            edits[:size] = -np.inf
        return edits

    @one_thread()
    @torch.inference_mode()
    def duration_probabilities(self, rows: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return P(duration of a note that starts in a cell), shape (N, longest_duration); entry d − 1 is for d steps.

        Parameters
        ----------
        rows, steps : ndarray, int64, shape (N,)
        """
        self._refresh()
        assert self._features is not None
        windows = self.window_of[steps]
        log_probabilities = self.network.durations(
            self._features,
            image=torch.from_numpy(windows),
            row=torch.from_numpy(rows),
            step=torch.from_numpy(steps - np.array(self.starts)[windows]),
        )
        return log_probabilities.double().exp().numpy()

    def at(self, row: int, onset: int) -> list[Placed]:
        """Return the notes that start in a cell; those that were added come last, in the order of the input before."""
        here = [placed for placed in self.notes if (placed.row, placed.onset) == (row, onset)]
        return sorted(here, key=lambda placed: (placed.source is None, placed.source or (0, 0)))

    def map(self) -> ProbabilityMap:
        """Return what the network thinks of the roll as it stands."""
        started = self.starting > 0
        steps = self.grid.steps
        scores = np.where(started, self.remove, self.add)[:, :steps].ravel()
        cells = np.flatnonzero(scores >= np.log(LEAST_PROBABILITY))
        return ProbabilityMap(
            cells=cells.astype(np.int32),
            values=np.exp(scores[cells]).astype(np.float32),
            started=np.flatnonzero(started[:, :steps]).astype(np.int32),
            pitches=self.encoding.pitches,
            steps=steps,
            lowest_pitch=self.encoding.lowest_pitch,
            lead=self.grid.lead,
            steps_per_beat=self.encoding.steps_per_beat,
            stop=float(np.exp(self._stop.mean())),
        )

    @one_thread()
    @torch.inference_mode()
    def without(self, cells: Sequence[tuple[int, int]]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return what would be added once the notes in a cell are gone, for each cell by itself.

        Parameters
        ----------
        cells : sequence of (row, step)
            Where the notes start that are taken out, one cell at a time; the roll itself stays as it is.

        Returns
        -------
        list of (ndarray of float, ndarray of float)
            P(right) of adding a note at that step, shape (pitches,), and the probabilities of its duration, shape
            (pitches, longest_duration), both without the notes of the cell.
        """
        found = []
        for first in range(0, len(cells), _WINDOWS_AT_ONCE):
            some = cells[first : first + _WINDOWS_AT_ONCE]
            starts = [self.starts[self.window_of[step]] for _, step in some]
            rolls = [self._roll_without(cell)[:, :, s : s + self.width] for cell, s in zip(some, starts, strict=True)]
            scores = self.network(
                roll=torch.from_numpy(np.stack(rolls)),
                time=torch.from_numpy(np.stack([self.time[:, s : s + self.width] for s in starts])),
            )
            rows = torch.arange(self.encoding.pitches)
            for image, ((_, step), start) in enumerate(zip(some, starts, strict=True)):
                here = torch.full_like(rows, step - start)
                durations = self.network.durations(
                    scores.features, image=torch.full_like(rows, image), row=rows, step=here
                )
                add = scores.add[image, :, step - start].double().exp().numpy()
                found.append((add, durations.double().exp().numpy()))
        return found

    def _roll_without(self, cell: tuple[int, int]) -> NDArray[np.float32]:
        roll, (row, step) = self.roll.copy(), cell
        sounding = self.sounding[row].copy()
        for placed in self.at(row, step):
            sounding[placed.onset : placed.end] -= 1
        roll[0, row, step] = 0
        roll[1, row] = sounding > 0
        return roll


def window_starts(steps: int) -> list[int]:
    """Return where the windows over a piece start: one for up to a window and a quarter, else every half window."""
    if steps <= WINDOW_STEPS + WINDOW_STEPS // 4:
        return [0]
    return [*range(0, steps - WINDOW_STEPS, HOP_STEPS), steps - WINDOW_STEPS]
