"""AR-CNN: edits a melody note by note until it sounds more like the music the model learnt.

The technique's four files: encoding/image.py (music as an image), networks/ar_cnn.py (the network),
training/ar_cnn.py (how it learns), and this one (how it composes), with helpers beside it: ar_cnn_roll.py (the roll
being edited), ar_cnn_rules.py (what may be edited), ar_cnn_parallels.py (a rule of counterpoint) and fill_at_once.py
(what editing is compared with).

Each edit is drawn from those that are possible, as likely as the model finds it right: add a note, remove a note, also
one it added itself, or stop. The parameters have the original's names; the original's edits were sixteenth-note cells,
here an edit is a whole note, so its numbers mean more.

Looking costs far more than drawing, so several edits are drawn from one look where they lie well apart in time: the
same softmax, without the neighbourhood of what was drawn before. The first edits, which set the harmony, and those at
the end are still drawn one a look.

Lesson: notebooks/08_ar_cnn.ipynb.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from deepcomposer_lab.encoding.image import Grid, ImageEncoding
from deepcomposer_lab.models.inference import fused, one_thread
from deepcomposer_lab.models.registry import AutoregressiveCNN, Model
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.span import Span, checked_in, checked_spans
from deepcomposer_lab.music.voices import assign_voices
from deepcomposer_lab.techniques.ar_cnn_parallels import makes_parallels, parallel_pairs
from deepcomposer_lab.techniques.ar_cnn_roll import WINDOW_STEPS, Placed, ProbabilityMap, Roll
from deepcomposer_lab.techniques.ar_cnn_rules import CHOIR, Rules, locked_sources, melody_sources
from deepcomposer_lab.techniques.fill_at_once import likeliest_additions
from deepcomposer_lab.techniques.technique import (
    Parameter,
    ProgressCallback,
    checked,
    checked_switch,
    chosen_seed,
    free_name,
    step_to_repeat,
)
from deepcomposer_lab.techniques.trained import check_technique, pretrained, step_made

VOICES = CHOIR  # who sings what is added
VOICE_TRACKS = "voice_tracks"  # in a step's parameters: the name of each voice's track, so that they are known again
# An edit less than this share as likely as the likeliest is not drawn. There are thousands of such edits: each nearly
# impossible, together likely enough to put a wrong note in every bar (Nguyen et al. 2024, "min-p sampling"). Creative
# risk above 1 makes edits more alike, so more of them pass. Measured on 36 validation sopranos with the rule against
# parallels; notes a beat, dissonant beats and their distance from Bach's, triads and sevenths:
#   0.05  3.87, 0.190, 0.101, 0.919 | 0.02  4.00, 0.204, 0.094, 0.916 | 0.01  4.04, 0.204, 0.083, 0.927
#   (Bach 4.24, 0.258, –, 0.919)
# Where less is cut off, fewer notes are put back that Bach wrote: F1 0.674, with 0.05 0.689, on 24 validation pieces.
LEAST_SHARE = 0.01
# Measured with version 1 of the model: twelve validation sopranos, eight bars each, default settings, one seed; share
# of beats with a triad or seventh, dissonant sixteenths (two pitch classes a semitone apart; Bach 0.06), edits a look:
#   one at once 0.86, 0.085, 1.0 | two (4, 8, 16 steps apart) 0.88 0.84 0.88, 0.08 0.11 0.08, 1.8
#   three (4, 8, 16) 0.86 0.85 0.85, 0.11 0.10 0.08, 2.4 | four 0.87 0.83 0.85, 0.09 0.08 0.08, 2.9 | six (4, 8) 0.89
#   0.85, 0.08 0.08, 3.8
# The differences lie within about one standard error, 0.02, of one seed: they show no price, nor that there is none.
# Three edits, sixteen steps apart, were chosen for speed and because nothing spoke against them. With version 2, 24
# whole validation sopranos, one seed: triads and sevenths 0.909 one at once, 0.917 three; dissonant beats 0.205, 0.204.
EDITS_AT_ONCE = 3  # at most, from one look, in each eight bars
APART = 16  # steps between two edits of one look: a bar of 4/4
ALONE_AT_FIRST = 8  # edits per eight bars that are drawn one a look
LEAST_DOUBT = 0.2  # of a note that `opinions` asks for something else about
LEAST_WISH = 0.05  # P(right) of a note below which the model would rather hear nothing there

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
class RunnerUp:
    """The likeliest edit that was not taken; whether the rule against parallels would let it pass is not asked.

    Parameters
    ----------
    kind : "add", "remove" or "stop"
    note : Note or None
        The note it would have added, in its likeliest duration, or removed; None for "stop".
    probability : float
        Its share among all possible edits.
    """

    kind: Literal["add", "remove", "stop"]
    note: Note | None
    probability: float

    def __str__(self) -> str:
        if self.note is None:
            return f"stop ({self.probability:.1%})"
        return f"{self.kind} {self.note.name} at beat {self.note.onset:g} ({self.probability:.1%})"


@dataclass(frozen=True, slots=True)
class Edit:
    """One decision of the model, or of the rule against parallels.

    Parameters
    ----------
    kind : "add" or "remove"
    note : Note
        The whole note that came or went, in beats.
    probability : float
        How likely this edit was among all possible ones (for an added note: of the cell times of its duration). Where
        the rule took a note out, P(right) of removing it, as the network found it.
    from_input : bool
        Whether the note is one of the input's.
    runner_up : RunnerUp or None
        The likeliest edit that was not taken; None where there was no other. `str` puts it in words.
    map : ProbabilityMap
        What the network thought when the edit was drawn. Edits drawn from one look share it.
    by_rule : bool
        Whether it was not drawn: proofreading took the note out because it moved in parallel with another voice.
    """

    kind: Literal["add", "remove"]
    note: Note
    probability: float
    from_input: bool
    runner_up: RunnerUp | None
    map: ProbabilityMap
    by_rule: bool = False


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model finds of one note of the input.

    Parameters
    ----------
    track : int
        Its track, counted from 0.
    note : Note
    doubt : float
        P(it is out of place), 0–1.
    rather : Note or None
        What the model would add at that onset once the note is gone: another pitch or duration. None where it would
        put the note back, or nothing, or where this was not asked.
    rather_probability : float
        P(right) of that; 0 where there is none.
    """

    track: int
    note: Note
    doubt: float
    rather: Note | None = None
    rather_probability: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """What one stage of the U-Net holds of a bar.

    Parameters
    ----------
    name : str
        The stage: "level 1 down" is the finest on the way down.
    values : ndarray, float32, shape (channels, rows, columns)
        Row 0 is the lowest; the coarser the level, the more pitches share a row and the more steps a column.
    beats : (float, float)
        The beats from the first column's beginning to the last one's end: the bar, or a little more where a column is
        wider than what remains of it.
    """

    name: str
    values: NDArray[np.float32]
    beats: tuple[float, float]


class ARCNN:
    """The AR-CNN technique with one trained model.

    >>> technique = ARCNN.from_pretrained("autoregressive_cnn_bach")
    >>> composition = technique.compose(melody, sampling_iterations=150, creative_risk=1.0, seed=7)
    """

    name = "ar-cnn"
    parameters = PARAMETERS

    def __init__(self, model: Model) -> None:
        check_technique(model, self.name)
        network = model.network
        if not isinstance(network, AutoregressiveCNN):
            raise ValueError(f"The model {model.card.stem} holds the network {model.card.network!r}, not an AR-CNN.")
        self.model = model
        self.encoding: ImageEncoding = model.encoding
        self.time_multiple = network.config.time_multiple
        self.network = fused(network)

    @classmethod
    def from_pretrained(cls, name: str = "autoregressive_cnn_bach") -> Self:
        """Load a model by name: "autoregressive_cnn_bach" for the newest, with "-1" for a version.

        Raises
        ------
        ModelError
            When there is no such model, or none of this technique at all.
        """
        return cls(pretrained(cls.name, name))

    def compose(
        self,
        music: Melody | Composition,
        *,
        seed: int | None = None,
        progress: ProgressCallback | None = None,
        keep_melody: bool = False,
        locked: Iterable[Span | Mapping[str, Any]] = (),
        choir: bool = False,
        avoid_parallels: bool = True,
        **parameters: Any,
    ) -> Composition:
        """Edit `music` and return the result; its notes keep exact onset, duration, velocity and track.

        Nothing is added onto a note that sounds: an added note starts where its pitch is silent, and ends before the
        next of its pitch starts.

        Parameters
        ----------
        music : Melody or Composition
            Any length and metre. Drums pass through untouched, and the composition's remarks say so. What an earlier
            run gave can be fed back in: its voices go on in their tracks.
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
        keep_melody : bool
            Whether the melody stays: all notes of a Melody; of a Composition the top line of the track in which
            `choose_melody` finds it. Other notes may still come above it.
        locked : iterable of Span
            What stays. A note that sounds in a span, also one across its border, is locked whole: never removed, never
            added onto. A span that names no tracks says "this passage stays as it is": nothing new sounds in it
            either, an added note before it ends at its border. A span that names tracks locks their notes, and new
            ones may come beside them.
        choir : bool
            Whether what is added shall be singable: within the ranges of alto, tenor and bass (`VOICE_RANGES`), never
            above the melody, and with what else there is never more than three voices below it at once, each of which
            one of the three can sing.
        avoid_parallels : bool
            Whether edits that make parallel fifths or octaves between two voices are left out: a rule of counterpoint,
            written by hand, which the network did not learn. What the input has of them stays.

        Raises
        ------
        ValueError
            When a parameter is out of range, the music has no pitched notes, or a span lies outside the piece or names
            a track that is not there.
        TypeError
            When `locked` holds something else than spans, or `keep_melody`, `choir` or `avoid_parallels` is not
            True or False.
        """
        session = self.steps(
            music,
            seed=seed,
            progress=progress,
            keep_melody=keep_melody,
            locked=locked,
            choir=choir,
            avoid_parallels=avoid_parallels,
            **parameters,
        )
        for _ in session:
            pass
        return session.composition()

    def again(self, made: Composition | CompositionStep, music: Melody | Composition, **changes: Any) -> Composition:
        """Compose "more like this": from the same seed, with the same settings but for those that change.

        >>> wilder = technique.again(composition, melody, creative_risk=1.5)

        Parameters
        ----------
        made : Composition or CompositionStep
            What this technique made; of a composition its last step counts.
        music : Melody or Composition
            What it was made from, or something else to treat alike.
        **changes
            As `compose` takes them; without any, the same model and music give the same notes.

        Raises
        ------
        TypeError, ValueError
            When `made` tells of no AR-CNN step; and as `compose`.
        """
        step = step_to_repeat(made, self.name)
        if "notes_at_once" in step.parameters:
            raise ValueError("The last step was made by `fill_at_once`, without chance: to repeat it, call that again.")
        settings = {name: value for name, value in step.parameters.items() if name != VOICE_TRACKS}
        return self.compose(music, **{"seed": step.seed, **settings, **changes})

    def fill_at_once(self, music: Melody | Composition, *, notes: int | None = None) -> Composition:
        """Add the likeliest notes of one single look, all at once, and return the result; nothing is removed.

        Not a way to compose, but what there is to compare it with: none of these notes has seen the others.

        Parameters
        ----------
        music : Melody or Composition
        notes : int, optional
            How many. Left out: as many as the probabilities of all places add up to, which is how many notes the
            network expects to be missing.

        Raises
        ------
        ValueError
            When `notes` is no whole number of 0 or more, or the music has no pitched notes.
        """
        session = self.steps(music, seed=0)
        added = likeliest_additions(session.roll, session.rules, notes=notes, velocity=session.velocity)
        composition = session.composition()
        *before, step = composition.steps
        remark = "Its notes were added all at once, from one look of the network."
        parameters = {"notes_at_once": len(added), VOICE_TRACKS: step.parameters[VOICE_TRACKS]}
        step = replace(step, parameters=parameters, seed=None, remarks=(remark, *step.remarks))
        return replace(composition, steps=(*before, step))

    def steps(
        self,
        music: Melody | Composition,
        *,
        seed: int | None = None,
        progress: ProgressCallback | None = None,
        keep_melody: bool = False,
        locked: Iterable[Span | Mapping[str, Any]] = (),
        choir: bool = False,
        avoid_parallels: bool = True,
        **parameters: Any,
    ) -> Session:
        """Return the edits of `compose` one by one: iterate, and ask `.composition()` at any moment for what stands."""
        return Session(
            self,
            music,
            chosen_seed(seed),
            checked(PARAMETERS, parameters),
            progress,
            keep_melody=keep_melody,
            locked=checked_spans(locked, "Locked passages"),
            choir=choir,
            avoid_parallels=avoid_parallels,
        )

    def opinions(self, music: Melody | Composition, *, most: int = 12) -> list[Opinion]:
        """Return how out of place the model finds each note, and what it would rather hear.

        Parameters
        ----------
        music : Melody or Composition
        most : int
            How many notes it is asked for something else about: the most doubted ones, of those doubted by more than
            0.2. Each costs a look.

        Returns
        -------
        list of Opinion
            One a pitched note, by track, then by onset and pitch.

        Raises
        ------
        ValueError
            When the music has no pitched notes.
        """
        piece = as_composition(music)
        grid = Grid.of(piece, self.encoding)
        placed = placed_notes(piece, grid)
        roll = Roll(self.network, grid, placed, self.time_multiple)
        doubts = np.exp(np.array([roll.remove[one.row, one.onset] for one in placed]))
        opinions = [
            Opinion(one.source[0], one.note, float(doubt))
            for one, doubt in zip(placed, doubts, strict=True)
            if one.source is not None
        ]
        order = np.argsort(-doubts, kind="stable")[: max(0, most)]
        asked = [index for index in order.tolist() if doubts[index] > LEAST_DOUBT]
        answers = roll.without([(placed[index].row, placed[index].onset) for index in asked])
        for index, (add, durations) in zip(asked, answers, strict=True):
            rather = _rather(grid, roll, placed[index], add, durations)
            if rather is not None:
                opinions[index] = replace(opinions[index], rather=rather[0], rather_probability=rather[1])
        return opinions

    @one_thread()
    @torch.inference_mode()
    def feature_maps(self, music: Melody | Composition, *, bar: int = 0, skips: bool = True) -> list[FeatureMap]:
        """Return what every stage of the U-Net holds of one bar, in the order in which they are computed.

        Parameters
        ----------
        music : Melody or Composition
        bar : int
            Counted from 0, as in `Composition.bars`; after a pickup, bar 0 is the pickup.
        skips : bool
            Whether the skip connections carry what they should; False puts zeros there, so that a comparison shows
            what they bring.

        Raises
        ------
        ValueError
            When there is no such bar, or the music has no pitched notes.
        """
        piece = as_composition(music)
        grid = Grid.of(piece, self.encoding)
        edges = [*grid.bars, grid.steps]
        if isinstance(bar, bool) or not isinstance(bar, int | np.integer) or not 0 <= bar < len(grid.bars):
            raise ValueError(f"The bars are counted from 0 to {len(grid.bars) - 1}; got {bar!r}.")
        roll = Roll(self.network, grid, placed_notes(piece, grid), self.time_multiple)
        first, end = edges[bar], edges[bar + 1]
        window = int(roll.window_of[(first + end - 1) // 2])
        start = roll.starts[window]
        span = slice(start, start + roll.width)
        levels = self.network.levels(
            roll=torch.from_numpy(roll.roll[None, :, :, span]),
            time=torch.from_numpy(roll.time[None, :, span]),
            skips=skips,
        )
        maps = []
        for name, values in levels.items():
            per_column = roll.width // values.shape[-1]  # steps
            left, right = (first - start) // per_column, -(-(end - start) // per_column)
            beats = (grid.beat_of(start + left * per_column), grid.beat_of(start + right * per_column))
            maps.append(FeatureMap(name, values[0, :, :, left:right].float().numpy().copy(), beats))
        return maps


def _rather(
    grid: Grid, roll: Roll, doubted: Placed, add: NDArray[np.float64], durations: NDArray[np.float64]
) -> tuple[Note, float] | None:
    """Return what the model would add instead of a note, and P(right); None if nothing, or the very note again."""
    others = roll.starting[:, doubted.onset].copy()
    others[doubted.row] = 0
    add = np.where(others > 0, 0, add)
    row = int(add.argmax())
    within = durations[row, : max(1, grid.steps - doubted.onset)]
    duration = 1 + int(within.argmax())
    if add[row] < LEAST_WISH or (row, duration) == (doubted.row, doubted.duration):
        return None
    pitch = doubted.note.pitch if row == doubted.row else row + grid.encoding.lowest_pitch
    return grid.note(doubted.onset, pitch, duration, doubted.note.velocity), float(add[row])


def placed_notes(composition: Composition, grid: Grid, melody: Collection[tuple[int, int]] = ()) -> list[Placed]:
    """Return the pitched notes of a composition on its grid, by track.

    Raises
    ------
    ValueError
        When there are none.
    """
    placed = []
    for index, track in enumerate(composition.tracks):
        if track.is_drum:
            continue
        for number, note in enumerate(track.notes):
            onset, pitch, duration = grid.place(note)
            onset = min(onset, grid.steps - 1)
            source = (index, number)
            placed.append(Placed(onset, int(grid.encoding.row(pitch)), duration, note, source, source in melody))
    if not placed:
        drums = any(track.is_drum and track.notes for track in composition.tracks)
        raise ValueError(
            "There are only drums here, and AR-CNN edits pitched notes: add a melody."
            if drums
            else "There are no notes to start from: play a few, or take dc.sample_melody('ode_to_joy')."
        )
    return placed


class _Look:
    """The edits that one look of the network offers, and the drawing from them.

    Parameters
    ----------
    log_probabilities : ndarray, float64, shape (2 · pitches · steps + 1,)
        Of all edits, as `Roll.edit_log_probabilities` gives them.
    steps : int
        Columns of the roll.
    risk : float
        The softmax temperature.
    returning : iterable of Placed
        The notes that adding in their cell brings back whole, however long they are.
    """

    def __init__(
        self, log_probabilities: NDArray[np.float64], steps: int, risk: float, returning: Iterable[Placed] = ()
    ) -> None:
        best = log_probabilities.max()
        self.edits = np.flatnonzero(log_probabilities >= best + risk * np.log(LEAST_SHARE))
        self.weights = np.exp((log_probabilities[self.edits] - best) / risk)
        self.total = float(self.weights.sum())
        self.stop = len(log_probabilities) - 1
        self.cells = self.stop // 2
        self.columns = np.where(self.edits < self.stop, self.edits % self.cells % steps, -10 * WINDOW_STEPS)
        self.lasts = self.columns.copy()  # the last step that an edit needs as the look found it
        for placed in returning:
            self.lasts[self.edits == placed.row * steps + placed.onset] = placed.end - 1
        self.eights = np.minimum(self.columns // WINDOW_STEPS, max(1, round(steps / WINDOW_STEPS)) - 1)
        self.open = np.ones(len(self.edits), dtype=bool)
        self.drawn: list[int] = []  # the eight bars of each edit made

    @property
    def offers_stop(self) -> bool:
        """Whether stopping is among what can be drawn; it is the last of all edits."""
        return bool(self.edits[-1] == self.stop)

    def draw(self, random: np.random.Generator) -> int:
        """Return the place in `edits` of one that is still open, as likely as its weight, and close it."""
        weights = np.where(self.open, self.weights, 0.0)
        cumulative = np.cumsum(weights)
        place = int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right"))
        self.open[place] = False
        return place

    def share(self, place: int) -> float:
        """Return how likely an edit is among all that the look offered."""
        return float(self.weights[place]) / self.total

    def runner_up(self) -> int | None:
        """Return the place of the likeliest edit that is still open."""
        return int(np.where(self.open, self.weights, 0.0).argmax()) if self.open.any() else None

    def forbid(self, place: int) -> None:
        """Take an edit that turned out to be against a rule out of the softmax."""
        self.open[place] = False
        self.weights[place] = 0.0
        self.total = float(self.weights.sum())

    def close_around(self, place: int, placed: Placed, *, apart: int, at_once: int) -> None:
        """Close what lies near an edit that was made, and its eight bars once they have had their share."""
        self.open &= (self.lasts <= placed.onset - apart) | (self.columns >= placed.end + apart)
        eight = int(self.eights[place])
        self.drawn.append(eight)
        if self.drawn.count(eight) >= at_once:
            self.open &= self.eights != eight


class Session(Iterator[Edit]):
    """One composing, edit by edit: an iterator over `Edit`; `composition()` is what stands so far.

    `next` makes one edit. A loop that was left can be taken up again, and goes on where it was.
    """

    def __init__(
        self,
        technique: ARCNN,
        music: Melody | Composition,
        seed: int,
        parameters: dict[str, float],
        progress: ProgressCallback | None,
        *,
        keep_melody: bool = False,
        locked: Iterable[Span] = (),
        choir: bool = False,
        avoid_parallels: bool = True,
    ) -> None:
        self.input = as_composition(music)
        self.technique, self.seed, self.parameters, self.progress = technique, seed, parameters, progress
        self.keep_melody = keep_melody = checked_switch("keep_melody", keep_melody)
        self.choir = choir = checked_switch("choir", choir)
        self.avoid_parallels = checked_switch("avoid_parallels", avoid_parallels)
        self.random = np.random.default_rng(seed)
        self.grid = Grid.of(self.input, technique.encoding)
        placed = placed_notes(self.input, self.grid)
        names = [track.name for track in self.input.tracks]
        self.locked = tuple(checked_in(span, end=self.input.end, names=names) for span in locked)
        melody = melody_sources(music) if keep_melody or choir else frozenset()
        placed = [replace(one, is_melody=one.source in melody) for one in placed]
        self.roll = Roll(technique.network, self.grid, placed, technique.time_multiple)
        self.rules = Rules(
            self.grid,
            placed,
            self.roll.roll.shape[2],
            locked=locked_sources(self.input, self.locked) | (melody if keep_melody else frozenset()),
            spans=self.locked,
            choir=self.choir,
        )
        eights = max(1.0, len(self.input.bars) / 8)
        self.iterations = round(parameters["sampling_iterations"] * eights)
        self.most_to_add = round(parameters["max_notes_to_add"] * eights)
        self.most_to_remove = int(parameters["max_notes_to_remove"] * len(placed) / 100)
        self.at_once, self.apart, self.alone_at_first = EDITS_AT_ONCE, APART, round(ALONE_AT_FIRST * eights)
        self.may_stop = True  # whether the model may end before the iterations do; a benchmark says no
        self.removed: dict[tuple[int, int], Placed] = {}  # input notes that are out, by source
        self.edits: list[Edit] = []
        self.finished = False
        self._history: list[Placed] = []  # the notes of `edits`
        velocities = [note.velocity for track in self.input.tracks if not track.is_drum for note in track.notes]
        self.velocity = max(1, round(0.85 * float(np.median(velocities))))  # softer, so the melody stays in front
        self._look: _Look | None = None
        self._forbidden: list[int] = []  # edits of the roll as it stands that turned out to be against a rule
        self._closed: list[int] = []  # cells out of which a note was taken because it moved in parallel
        self._wrong: list[Placed] = []  # added notes that proofreading found, to be taken out next
        self._proofreadings = [self.iterations // 10, self.iterations // 50] if self.avoid_parallels else []
        self._map: ProbabilityMap | None = None
        self._durations = np.empty((0, 0))
        self._allowed = (False, False)

    @property
    def added(self) -> list[Placed]:
        """The notes that the model has added and that still stand."""
        return [placed for placed in self.roll.notes if placed.source is None]

    def __next__(self) -> Edit:
        edit = None
        if not self.finished and len(self.edits) < self.iterations:
            edit = self._next()
            self.finished = edit is None
        if edit is not None:
            self.edits.append(edit)
        if self.progress is not None:
            self.progress(self.iterations if edit is None else len(self.edits), self.iterations)
        if edit is None:
            raise StopIteration
        return edit

    def _next(self) -> Edit | None:
        """Draw one edit and apply it; None when the model stops or nothing is allowed."""
        while True:
            if self._wrong:
                return self._taken_out(self._wrong.pop(0))
            if self._look is None and self._proofreading_is_due():
                self._wrong = self._moving_in_parallel()
                continue
            look = self._look
            if look is None:
                look = self._look = self._looked()
            place = None if look is None else look.draw(self.random)
            if look is None or place is None or look.edits[place] == look.stop:
                self._look = None
                if look is None or not look.drawn:  # after other edits it only means: nothing else from this look
                    self._wrong = self._moving_in_parallel()
                    if not self._wrong:
                        return None
                continue
            edit = self._made(look, place)
            if edit is not None:
                return edit
            look.forbid(place)
            self._forbidden.append(int(look.edits[place]))
            if not look.open.any():
                self._look = None  # the next look offers what is less likely, or stopping

    def _looked(self) -> _Look | None:
        """Return what can be edited now; None when nothing is allowed."""
        self._allowed = self._allowances()
        may_add, may_remove_input = self._allowed
        log_probabilities = self.edit_log_probabilities(may_add=may_add, may_remove_input=may_remove_input)
        if not self.may_stop:
            log_probabilities[-1] = -np.inf
        log_probabilities[[*self._forbidden, *self._closed]] = -np.inf
        if not (log_probabilities[:-1] > -np.inf).any():
            return None
        returning = self._returning().values()
        look = _Look(log_probabilities, self.roll.roll.shape[2], self.parameters["creative_risk"], returning)
        additions = look.edits[look.edits < look.cells]  # they come first
        self._durations = self.roll.duration_probabilities(*divmod(additions, self.roll.roll.shape[2]))
        self._map = self.roll.map()
        return look

    def _allowances(self) -> tuple[bool, bool]:
        """Return (whether a note may be added, whether one of the input's may be removed)."""
        return len(self.added) < self.most_to_add, len(self.removed) < self.most_to_remove

    def edit_log_probabilities(self, *, may_add: bool = True, may_remove_input: bool = True) -> NDArray[np.float64]:
        """Return log P(right) of all edits, flat, those against a rule at −∞; see `Roll.edit_log_probabilities`."""
        addable = self.rules.open_cells(self.roll)
        for (row, onset), placed in self._returning().items():
            addable[row, onset] = self.rules.may_return(self.roll, placed)
        removable = np.zeros(addable.shape, dtype=bool)
        for placed in self.roll.notes:
            removable[placed.row, placed.onset] |= self.rules.may_go(placed, may_remove_input=may_remove_input)
        return self.roll.edit_log_probabilities(addable=addable, removable=removable, may_add=may_add)

    def _returning(self) -> dict[tuple[int, int], Placed]:
        """Return the input note that comes back when one is added in a cell: of several the one removed first."""
        cells: dict[tuple[int, int], Placed] = {}
        for placed in self.removed.values():
            cells.setdefault((placed.row, placed.onset), placed)
        return cells

    def _made(self, look: _Look, place: int) -> Edit | None:
        """Apply an edit of a look, and close the look where it has no more to give; None if it would make parallels."""
        assert self._map is not None
        row, onset = divmod(int(look.edits[place]) % look.cells, self.roll.roll.shape[2])
        kind: Literal["add", "remove"] = "add" if look.edits[place] < look.cells else "remove"
        if kind == "remove":
            placed, share = self._removable(row, onset), 1.0
        else:
            placed, share = self._addable(row, onset, self._durations[place])
        if self.avoid_parallels and makes_parallels(self.roll.notes, placed):
            return None
        probability, runner_up = look.share(place) * share, self._runner_up(look)
        self._apply(kind, placed)
        self._forbidden.clear()
        self._history.append(placed)
        alone = look.offers_stop or len(self._history) <= self.alone_at_first
        look.close_around(place, placed, apart=self.apart, at_once=1 if alone else self.at_once)
        if not look.open.any() or self._allowances() != self._allowed:
            self._look = None
        return Edit(kind, placed.note, probability, placed.source is not None, runner_up, self._map)

    def _proofreading_is_due(self) -> bool:
        """Return whether so few edits are left that those for proofreading have to be spared now."""
        if self._proofreadings and self.iterations - len(self.edits) <= self._proofreadings[0]:
            self._proofreadings.pop(0)
            return True
        return False

    def _moving_in_parallel(self) -> list[Placed]:
        """Return the added notes to take out so that the voices, as they will be written, do not move in parallel.

        Of two notes that the model added, the one it doubts more.
        """
        if not self.avoid_parallels:
            return []
        wrong: dict[int, Placed] = {}
        for pair in parallel_pairs(self._voices(), self.roll.roll.shape[2]):
            ours = [placed for placed in pair if placed.source is None]
            if ours and not any(id(placed) in wrong for placed in pair):
                worse = max(ours, key=lambda placed: self.roll.remove[placed.row, placed.onset])
                wrong[id(worse)] = worse
        return list(wrong.values())

    def _taken_out(self, placed: Placed) -> Edit:
        """Remove a note that moves in parallel. It does not come back: its cell stays closed."""
        probability, seen = float(np.exp(self.roll.remove[placed.row, placed.onset])), self.roll.map()
        self._closed.append(placed.row * self.roll.roll.shape[2] + placed.onset)
        self._apply("remove", placed)
        self._look = None
        self._forbidden.clear()
        self._history.append(placed)
        return Edit("remove", placed.note, probability, False, None, seen, by_rule=True)

    def _voices(self) -> list[list[Placed]]:
        """Return every voice as it will be written: the input's tracks, highest first, and Alto, Tenor, Bass."""
        own = self._voice_tracks()
        sung = [self._kept(own[voice], self.removed) if voice in own else () for voice in VOICES]
        added = {id(placed.note): placed for placed in self.added}
        given = self._shared_out([placed.note for placed in self.added], sung)
        lines: dict[str | int, list[Placed]] = {}
        for placed in self.roll.notes:
            if placed.source is not None:
                voice = next((name for name, index in own.items() if index == placed.source[0]), placed.source[0])
                lines.setdefault(voice, []).append(placed)
        for voice, notes in zip(VOICES, given, strict=True):
            lines.setdefault(voice, []).extend(added[id(note)] for note in notes)
        others = [line for voice, line in lines.items() if voice not in VOICES]
        return [*others, *(lines[voice] for voice in VOICES)]

    def _apply(self, kind: Literal["add", "remove"], placed: Placed) -> None:
        """Change the roll; of the input's notes, keep which are out."""
        if kind == "remove":
            self.roll.take(placed)
            if placed.source is not None:
                self.removed[placed.source] = placed
        else:
            self.roll.insert(placed)
            if placed.source is not None:
                del self.removed[placed.source]

    def _removable(self, row: int, onset: int) -> Placed:
        """Return the note of a cell that would go; where several start there, an added one before the input's last."""
        _, may_remove_input = self._allowed
        here = self.roll.at(row, onset)
        return [one for one in here if self.rules.may_go(one, may_remove_input=may_remove_input)][-1]

    def _addable(self, row: int, onset: int, durations: NDArray[np.float64]) -> tuple[Placed, float]:
        """Return the note that adding in a cell brings, its duration drawn, and the probability of that duration."""
        back = self._returning().get((row, onset))
        if back is not None:  # the model takes its removal back: the very note returns, and the removal does not count
            return back, 1.0
        durations = self._fitting(row, onset, durations)
        duration = 1 + int(self.random.choice(len(durations), p=durations))
        note = self.grid.note(onset, row + self.technique.encoding.lowest_pitch, duration, self.velocity)
        return Placed(onset, row, duration, note), float(durations[duration - 1])

    def _fitting(self, row: int, onset: int, durations: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities of the durations for which there is room."""
        durations = durations[: max(1, self.rules.room(self.roll, row, onset, len(durations)))]
        total = durations.sum()
        return durations / total if total > 0 else np.full(len(durations), 1 / len(durations))

    def _runner_up(self, look: _Look) -> RunnerUp | None:
        place = look.runner_up()
        if place is None:
            return None
        edit, probability = int(look.edits[place]), look.share(place)
        if edit == look.stop:
            return RunnerUp("stop", None, probability)
        row, onset = divmod(edit % look.cells, self.roll.roll.shape[2])
        if edit >= look.cells:
            return RunnerUp("remove", self._removable(row, onset).note, probability)
        duration = 1 + int(self._fitting(row, onset, self._durations[place]).argmax())
        note = self.grid.note(onset, row + self.technique.encoding.lowest_pitch, duration, self.velocity)
        return RunnerUp("add", note, probability)

    def composition(self) -> Composition:
        """Return what stands so far as a composition that tells how it was made."""
        return self._composed([placed.note for placed in self.added], self.removed)

    def composition_at(self, edits: int) -> Composition:
        """Return what stood after so many edits; after none, the input.

        Raises
        ------
        ValueError
            When there were not so many.
        """
        if not 0 <= edits <= len(self.edits):
            raise ValueError(f"There were {len(self.edits)} edits so far; got {edits!r}.")
        if edits == 0:
            return self.input
        added: list[Note] = []
        removed: set[tuple[int, int]] = set()
        for edit, placed in zip(self.edits[:edits], self._history, strict=False):
            if placed.source is None:
                (added.append if edit.kind == "add" else added.remove)(placed.note)
            else:
                (removed.discard if edit.kind == "add" else removed.add)(placed.source)
        return self._composed(added, removed)

    def _composed(self, added: Iterable[Note], removed: Collection[tuple[int, int]]) -> Composition:
        own = self._voice_tracks()
        sung = [self._kept(own[voice], removed) if voice in own else () for voice in VOICES]
        given = dict(zip(VOICES, self._shared_out(added, sung), strict=True))
        tracks = [track.with_notes(self._kept(index, removed)) for index, track in enumerate(self.input.tracks)]
        program = next(track.program for track in self.input.tracks if not track.is_drum and track.notes)
        for voice, notes in given.items():
            if voice in own:
                tracks[own[voice]] = tracks[own[voice]].with_notes([*tracks[own[voice]].notes, *notes])
            elif notes:
                own[voice] = len(tracks)
                tracks.append(Track(notes, free_name(voice, [track.name for track in tracks]), program))
        names = {voice: tracks[index].name for voice, index in own.items()}
        return replace(self.input, tracks=tuple(tracks)).with_step(self._step(names))

    def _shared_out(self, added: Iterable[Note], sung: Sequence[Sequence[Note]]) -> list[tuple[Note, ...]]:
        """Return who sings which added note; for a choir, its ranges count more than a crossing."""
        return assign_voices(added, names=VOICES, sung=sung, strict_ranges=self.choir)

    def _kept(self, index: int, removed: Collection[tuple[int, int]]) -> list[Note]:
        """Return the notes of an input track that are still there."""
        notes = self.input.tracks[index].notes
        return [note for number, note in enumerate(notes) if (index, number) not in removed]

    def _voice_tracks(self) -> dict[str, int]:
        """Return the tracks in which added notes go on, by voice: those made here, or a choir's own three.

        Which tracks were made here stands in the last step of this technique. Any other track that happens to be
        called "Bass" is a person's own and left alone, and so are drums.
        """
        names = [track.name for track in self.input.tracks]
        recorded: Mapping[str, str] = {}
        for step in self.input.steps:
            if step.technique == self.technique.name:
                recorded = step.parameters.get(VOICE_TRACKS, {})
        wanted = recorded or {voice: voice for voice in VOICES}
        found = {
            voice: names.index(wanted[voice])
            for voice in VOICES
            # A name that stands twice does not tell which of the tracks was made here.
            if voice in wanted
            and names.count(wanted[voice]) == 1
            and not self.input.tracks[names.index(wanted[voice])].is_drum
        }
        return found if recorded or len(found) == len(VOICES) else {}

    def _step(self, voice_tracks: dict[str, str]) -> CompositionStep:
        return step_made(
            self.technique.name,
            self.technique.model.card,
            parameters={
                **self.parameters,
                "keep_melody": self.keep_melody,
                "locked": [span.as_dict() for span in self.locked],
                "choir": self.choir,
                "avoid_parallels": self.avoid_parallels,
                VOICE_TRACKS: voice_tracks,
            },
            seed=self.seed,
            remarks=self._remarks(),
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
