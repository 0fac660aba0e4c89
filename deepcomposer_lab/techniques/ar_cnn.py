"""AR-CNN: edits a melody note by note until it sounds more like the music the model learnt.

The technique's four files: encoding/image.py (music as an image), networks/ar_cnn.py (the network),
training/ar_cnn.py (how it learns), and this one (how it composes).

Each iteration draws one edit from those that are possible, as likely as the model finds it right: add a note, remove
a note, also one it added itself, or stop. The parameters have the original's names; the original's edits were
sixteenth-note cells, here an edit is a whole note, so its numbers mean more.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from deepcomposer_lab.encoding.image import Grid, ImageEncoding
from deepcomposer_lab.models.inference import fused, one_thread
from deepcomposer_lab.models.registry import AutoregressiveCNN, Model, load_model
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.voices import assign_voices
from deepcomposer_lab.techniques.technique import Parameter, ProgressCallback, checked, chosen_seed

VOICES = ("Alto", "Tenor", "Bass")  # the tracks that added notes go to
WINDOW_STEPS = 128  # eight bars of 4/4; a longer piece is seen through several windows
HOP_STEPS = 64  # half a window: every place is well inside one of them
# An edit less than this share as likely as the likeliest is not drawn. There are thousands of such edits: each nearly
# impossible, together likely enough to put a wrong note in every bar (Nguyen et al. 2024, "min-p sampling"). Creative
# risk above 1 makes edits more alike, so more of them pass.
LEAST_SHARE = 0.05
_WINDOWS_AT_ONCE = 8  # more would be no faster, and a long piece would fill the memory

PARAMETERS = (
    Parameter(
        "max_notes_to_remove", "Maximum input notes to remove", 20.0, 0, 100, "%",
        "More lets the model drop more of your notes: the result follows Bach more and you less.",
    ),
    Parameter(
        "max_notes_to_add", "Maximum notes to add", 1000, 0, 1000, "notes per eight bars",
        "More lets the texture grow denser; eight bars of Bach have about 93 notes below the soprano.",
    ),
    Parameter(
        "sampling_iterations", "Sampling iterations", 150, 0, 500, "edits per eight bars",
        "More edits give it more time to add and to correct itself; it ends sooner when nothing is left to mend.",
    ),
    Parameter(
        "creative_risk", "Creative risk", 1.0, 0.5, 6.0, "",
        "The softmax temperature. Low: only the likeliest edits. High: unlikely ones too, up to chaos.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edit:
    """One decision of the model.

    Parameters
    ----------
    kind : "add" or "remove"
    note : Note
        The whole note that came or went, in beats.
    probability : float
        How likely this edit was among all possible ones (for an added note: of the cell times of its duration).
    from_input : bool
        Whether the note is one of the input's.
    runner_up : str
        The likeliest edit that was not taken, in words, with its probability.
    """

    kind: Literal["add", "remove"]
    note: Note
    probability: float
    from_input: bool
    runner_up: str = ""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A note on the grid, and where it came from: (track, note) of the input, or None."""

    onset: int
    row: int
    duration: int
    note: Note
    source: tuple[int, int] | None


class _Roll:
    """The roll being edited, and what the network thinks of it: kept up to date edit by edit.

    A piece longer than a window is seen through windows that overlap by half. The scores of a place come from the
    window in whose middle it lies best; an edit makes only the windows that show it look again, so what the network
    does for an edit does not grow with the length of the piece. (The draw weighs all cells: a hundredth of the work.)
    """

    def __init__(self, network: AutoregressiveCNN, grid: Grid, notes: list[_Placed], time_multiple: int) -> None:
        self.network, self.grid, self.encoding = network, grid, grid.encoding
        self.notes = list(notes)
        steps = -(-grid.steps // time_multiple) * time_multiple
        self.roll = np.zeros((2, self.encoding.pitches, steps), dtype=np.float32)
        self.time = np.pad(grid.time_channels(), ((0, 0), (0, steps - grid.steps)))
        self.starts = _window_starts(steps)
        self.width = min(steps, WINDOW_STEPS if len(self.starts) > 1 else steps)
        centres = np.array(self.starts) + self.width / 2
        self.window_of = np.abs(np.arange(steps)[:, None] + 0.5 - centres[None]).argmin(axis=1)  # (steps,)
        self.add = np.zeros(self.roll.shape[1:])
        self.remove = np.zeros(self.roll.shape[1:])
        self.stop = np.zeros(len(self.starts))
        self.features: list[torch.Tensor] = [torch.empty(0)] * len(self.starts)
        for row in range(self.encoding.pitches):
            self._draw_row(row)
        for first in range(0, len(self.starts), _WINDOWS_AT_ONCE):
            self._look(list(range(len(self.starts)))[first : first + _WINDOWS_AT_ONCE])

    def _draw_row(self, row: int) -> None:
        self.roll[:, row] = 0
        for placed in self.notes:
            if placed.row == row:
                self.roll[0, row, placed.onset] = 1
                self.roll[1, row, placed.onset : placed.onset + placed.duration] = 1

    @one_thread()
    @torch.inference_mode()
    def _look(self, windows: list[int]) -> None:
        """Ask the network about some windows, and take its scores where they are the best placed."""
        spans = [slice(self.starts[window], self.starts[window] + self.width) for window in windows]
        scores = self.network(
            roll=torch.from_numpy(np.stack([self.roll[:, :, span] for span in spans])),
            time=torch.from_numpy(np.stack([self.time[:, span] for span in spans])),
        )
        for index, (window, span) in enumerate(zip(windows, spans, strict=True)):
            columns = np.flatnonzero(self.window_of[span] == window)
            self.add[:, columns + span.start] = scores.add[index].numpy()[:, columns]
            self.remove[:, columns + span.start] = scores.remove[index].numpy()[:, columns]
            self.stop[window] = float(scores.stop[index])
            self.features[window] = scores.features[index]

    def _look_again(self, placed: _Placed) -> None:
        end = placed.onset + placed.duration
        self._look([i for i, start in enumerate(self.starts) if start < end and placed.onset < start + self.width])

    def insert(self, placed: _Placed) -> None:
        """Put a note in."""
        self.notes.append(placed)
        self._draw_row(placed.row)
        self._look_again(placed)

    def take(self, placed: _Placed) -> None:
        """Take a note out."""
        self.notes.remove(placed)
        self._draw_row(placed.row)
        self._look_again(placed)

    def at(self, row: int, onset: int) -> _Placed:
        """Return a note that starts in a cell; where several do, one that was added, else the last of the input's."""
        here = [placed for placed in self.notes if (placed.row, placed.onset) == (row, onset)]
        return max(here, key=lambda placed: (placed.source is None, placed.source or (0, 0)))

    @one_thread()
    @torch.inference_mode()
    def duration_probabilities(self, row: int, onset: int) -> NDArray[np.float64]:
        """Return P(duration of a note that starts there), shape (longest_duration,); entry d − 1 is for d steps.

        A note does not outlast the piece: longer durations have no probability.
        """
        window = int(self.window_of[onset])
        log_probabilities = self.network.durations(
            self.features[window][None],
            image=torch.tensor([0]),
            row=torch.tensor([row]),
            step=torch.tensor([onset - self.starts[window]]),
        )
        probabilities = log_probabilities[0].double().exp().numpy()
        probabilities[max(1, self.grid.steps - onset) :] = 0
        return probabilities / probabilities.sum()

    def edit_log_probabilities(self, *, may_add: bool, may_remove_input: bool) -> NDArray[np.float64]:
        """Return log P(right) of all edits, those not allowed at −∞: add cells, remove cells, stop; flat.

        When no more notes may be added, wanting to add one counts as stopping. Otherwise removing would be all that is
        left, and the model would take notes away merely because it may not do what it finds far likelier.
        """
        starts = self.roll[0] > 0
        add, stop = np.where(starts | (self.time[0] == 0), -np.inf, self.add), self._stop()
        if not may_add:
            stop = np.logaddexp(stop, np.logaddexp.reduce(add, axis=None))
            add = np.full(starts.shape, -np.inf)
        remove = np.where(starts, self.remove, -np.inf)
        if not may_remove_input:
            own = np.zeros(starts.shape, dtype=bool)
            for placed in self.notes:
                own[placed.row, placed.onset] |= placed.source is None
            remove[~own] = -np.inf
        return np.concatenate([add.ravel(), remove.ravel(), [stop]])

    def _stop(self) -> float:
        """Return log P(nothing is left to mend), to stand beside the edits of all windows.

        Twice the music has twice as many edits to weigh against: the mean over windows counts once a window's length.
        """
        return float(self.stop.mean() + np.log(max(1.0, self.roll.shape[2] / WINDOW_STEPS)))


def _window_starts(steps: int) -> list[int]:
    """Return where the windows over a piece start: one for up to a window and a quarter, else every half window."""
    if steps <= WINDOW_STEPS + WINDOW_STEPS // 4:
        return [0]
    return [*range(0, steps - WINDOW_STEPS, HOP_STEPS), steps - WINDOW_STEPS]


class ARCNN:
    """The AR-CNN technique with one trained model.

    >>> technique = ARCNN.from_pretrained("autoregressive_cnn_bach")
    >>> composition = technique.compose(melody, sampling_iterations=150, creative_risk=1.0, seed=7)
    """

    name = "ar-cnn"
    parameters = PARAMETERS

    def __init__(self, model: Model) -> None:
        if model.card.technique != self.name:
            raise ValueError(
                f"The model {model.card.stem} is for the technique {model.card.technique!r}, not {self.name!r}."
            )
        network = model.network
        if not isinstance(network, AutoregressiveCNN):
            raise ValueError(f"The model {model.card.stem} holds the network {model.card.network!r}, not an AR-CNN.")
        self.model = model
        self.encoding: ImageEncoding = model.encoding
        self.time_multiple = network.config.time_multiple
        self.network = fused(network)

    @classmethod
    def from_pretrained(cls, name: str = "autoregressive_cnn_bach") -> Self:
        """Load a model by name: "autoregressive_cnn_bach" for the newest, "autoregressive_cnn_bach-1" for a version."""
        return cls(load_model(name))

    def compose(
        self,
        music: Melody | Composition,
        *,
        seed: int | None = None,
        progress: ProgressCallback | None = None,
        **parameters: Any,
    ) -> Composition:
        """Edit `music` and return the result; its notes keep exact onset, duration, velocity and track.

        Parameters
        ----------
        music : Melody or Composition
            Any length and metre. Drums pass through untouched, and the composition's remarks say so.
        max_notes_to_remove : float
            0–100, % of the input's notes; default 20.
        max_notes_to_add : int
            0–1000, notes per eight bars; default 1000.
        sampling_iterations : int
            0–500, edits per eight bars; default 150. It ends sooner when the model finds nothing left to mend.
        creative_risk : float
            0.5–6, the softmax temperature; default 1.
        seed : int, optional
            The same seed gives the same notes; a fresh one is drawn, and kept, where none is given.
        progress : callable (done, total), optional

        Raises
        ------
        ValueError
            When a parameter is out of range, or the music has no pitched notes.
        """
        session = self.steps(music, seed=seed, progress=progress, **parameters)
        for _ in session:
            pass
        return session.composition()

    def steps(
        self,
        music: Melody | Composition,
        *,
        seed: int | None = None,
        progress: ProgressCallback | None = None,
        **parameters: Any,
    ) -> Session:
        """Return the edits of `compose` one by one: iterate, and ask `.composition()` at any moment for what stands."""
        return Session(self, music, chosen_seed(seed), checked(PARAMETERS, parameters), progress)


class Session:
    """One composing, edit by edit. An iterator over `Edit`; `composition()` is what stands so far."""

    def __init__(
        self,
        technique: ARCNN,
        music: Melody | Composition,
        seed: int,
        parameters: dict[str, float],
        progress: ProgressCallback | None,
    ) -> None:
        self.input = as_composition(music)
        self.technique, self.seed, self.parameters, self.progress = technique, seed, parameters, progress
        self.random = np.random.default_rng(seed)
        self.grid = Grid.of(self.input, technique.encoding)
        placed = self._placed()
        if not placed:
            drums = any(track.is_drum and track.notes for track in self.input.tracks)
            raise ValueError(
                "There are only drums here, and AR-CNN edits pitched notes: add a melody."
                if drums
                else "There are no notes to start from: play a few, or take dc.sample_melody('ode_to_joy')."
            )
        self.roll = _Roll(technique.network, self.grid, placed, technique.time_multiple)
        eights = max(1.0, len(self.input.bars) / 8)
        self.iterations = round(parameters["sampling_iterations"] * eights)
        self.most_to_add = round(parameters["max_notes_to_add"] * eights)
        self.most_to_remove = int(parameters["max_notes_to_remove"] * len(placed) / 100)
        self.may_stop = True  # whether the model may end before the iterations do; a benchmark says no
        self.removed: dict[tuple[int, int], _Placed] = {}  # input notes that are out, by source
        self.edits: list[Edit] = []
        self.finished = False

    def _placed(self) -> list[_Placed]:
        placed = []
        for index, track in enumerate(self.input.tracks):
            if track.is_drum:
                continue
            for number, note in enumerate(track.notes):
                onset, pitch, duration = self.grid.place(note)
                onset = min(onset, self.grid.steps - 1)
                row = int(self.technique.encoding.row(pitch))
                placed.append(_Placed(onset, row, duration, note, (index, number)))
        return placed

    @property
    def added(self) -> list[_Placed]:
        """The notes that the model has added and that still stand."""
        return [placed for placed in self.roll.notes if placed.source is None]

    def __iter__(self) -> Iterator[Edit]:
        while not self.finished and len(self.edits) < self.iterations:
            edit = self._draw()
            if edit is None:
                self.finished = True
                break
            self.edits.append(edit)
            if self.progress is not None:
                self.progress(len(self.edits), self.iterations)
            yield edit
        if self.progress is not None:
            self.progress(self.iterations, self.iterations)

    def _draw(self) -> Edit | None:
        """Draw one edit and apply it; None when the model stops or nothing is allowed."""
        log_probabilities = self.roll.edit_log_probabilities(
            may_add=len(self.added) < self.most_to_add,
            may_remove_input=len(self.removed) < self.most_to_remove,
        )
        if not self.may_stop:
            log_probabilities[-1] = -np.inf
        finite = log_probabilities > -np.inf
        if not finite[:-1].any():
            return None
        tempered = log_probabilities / self.parameters["creative_risk"]
        weights = np.exp(tempered - tempered[finite].max())
        weights[weights < LEAST_SHARE] = 0
        cumulative = np.cumsum(weights)
        chosen = int(np.searchsorted(cumulative, self.random.random() * cumulative[-1], side="right"))
        probability = float(weights[chosen] / cumulative[-1])
        cells = self.roll.add.size
        if chosen == 2 * cells:
            return None
        weights[chosen] = 0
        runner_up = self._in_words(int(weights.argmax()), float(weights.max() / cumulative[-1]))
        row, onset = divmod(chosen % cells, self.roll.add.shape[1])
        if chosen >= cells:
            return self._remove(row, onset, probability, runner_up)
        return self._add(row, onset, probability, runner_up)

    def _in_words(self, index: int, probability: float) -> str:
        cells = self.roll.add.size
        if index == 2 * cells:
            return f"stop ({probability:.1%})"
        row, onset = divmod(index % cells, self.roll.add.shape[1])
        verb = "remove" if index >= cells else "add"
        note = self.grid.note(onset, row + self.technique.encoding.lowest_pitch, 1, 64)
        return f"{verb} {note.name} at beat {note.onset:g} ({probability:.1%})"

    def _remove(self, row: int, onset: int, probability: float, runner_up: str) -> Edit:
        placed = self.roll.at(row, onset)
        self.roll.take(placed)
        if placed.source is not None:
            self.removed[placed.source] = placed
        return Edit("remove", placed.note, probability, placed.source is not None, runner_up)

    def _add(self, row: int, onset: int, probability: float, runner_up: str) -> Edit:
        back = [placed for placed in self.removed.values() if (placed.row, placed.onset) == (row, onset)]
        if back:  # the model takes its removal back: the very note returns, and the removal no longer counts
            placed = back[0]
            del self.removed[placed.source or (-1, -1)]
        else:
            durations = self.roll.duration_probabilities(row, onset)
            duration = 1 + int(self.random.choice(len(durations), p=durations))
            probability *= float(durations[duration - 1])
            note = self.grid.note(onset, row + self.technique.encoding.lowest_pitch, duration, self._velocity())
            placed = _Placed(onset, row, duration, note, None)
        self.roll.insert(placed)
        return Edit("add", placed.note, probability, placed.source is not None, runner_up)

    def _velocity(self) -> int:
        """A little softer than the input, so that the melody stays in front."""
        velocities = [note.velocity for track in self.input.tracks if not track.is_drum for note in track.notes]
        return max(1, round(0.85 * float(np.median(velocities))))

    def composition(self) -> Composition:
        """Return what stands so far as a composition that tells how it was made."""
        own = self._voice_tracks()
        sung = [() if own.get(name) is None else self._kept(own[name]) for name in VOICES]
        added = [placed.note for placed in self.added]
        voices = dict(zip(VOICES, assign_voices(added, names=VOICES, sung=sung), strict=True))
        tracks = []
        for index, track in enumerate(self.input.tracks):
            mine = voices.pop(track.name) if own.get(track.name) == index else ()
            tracks.append(track.with_notes([*self._kept(index), *mine]))
        program = next(track.program for track in self.input.tracks if not track.is_drum and track.notes)
        tracks += [Track(notes, name, program) for name, notes in voices.items() if notes]
        return replace(self.input, tracks=tuple(tracks)).with_step(self._step())

    def _kept(self, index: int) -> list[Note]:
        """Return the notes of an input track that are still there."""
        notes = self.input.tracks[index].notes
        return [note for number, note in enumerate(notes) if (index, number) not in self.removed]

    def _voice_tracks(self) -> dict[str, int]:
        """Return the tracks in which added notes go on: those this technique made earlier, or a choir's own three.

        A person's own track that happens to be called "Bass" is left alone.
        """
        names = [track.name for track in self.input.tracks]
        made_here = any(step.technique == self.technique.name for step in self.input.steps)
        if not made_here and not all(names.count(voice) == 1 for voice in VOICES):
            return {}
        return {name: names.index(name) for name in VOICES if name in names}

    def _step(self) -> CompositionStep:
        from importlib.metadata import version

        card = self.technique.model.card
        return CompositionStep(
            technique=self.technique.name,
            model=card.name,
            version=str(card.version),
            weights_sha256=card.weights_sha256,
            parameters=self.parameters,
            seed=self.seed,
            package_version=version("deepcomposer-lab"),
            remarks=tuple(self._remarks()),
        )

    def _remarks(self) -> Iterator[str]:
        if any(track.is_drum and track.notes for track in self.input.tracks):
            yield "The drums passed through untouched: AR-CNN edits pitched notes."
        encoding = self.technique.encoding
        folded = sum(
            not 0 <= note.pitch - encoding.lowest_pitch < encoding.pitches
            for track in self.input.tracks
            if not track.is_drum
            for note in track.notes
        )
        if folded:
            yield f"{folded} notes lie outside the model's range: it saw them octaves nearer; they stayed as they were."
