"""Transformers: extends a piece in its own style, token by token.

The technique's four files: encoding/tokens.py (music as words, with sheet.py, the grid they are written on),
networks/transformer_xl.py (the network), training/transformer.py (how it learns), and this one (how it composes), with
transformers_sampling.py beside it (how a token is chosen) and models/reader.py (how the network is asked).

The piece stays as it is, to the note. Its last seconds are read as tokens, in one look; then one token is sampled after
another, and every third or fourth of them finishes a note. What is new begins on the first beat at which the piece is
over, the *seam*, and goes on in its metre, at its last tempo, on its own instruments.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.encoding.sheet import MOST_PARTS, STEPS_PER_BEAT, Sheet, bar_steps, sheet_of
from deepcomposer_lab.encoding.tokens import KINDS, PITCH, TokenEncoding
from deepcomposer_lab.models.reader import Reader, attention_of_last
from deepcomposer_lab.models.registry import Model
from deepcomposer_lab.music.checks import shown
from deepcomposer_lab.music.composition import Composition, CompositionStep, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import beats_to_seconds
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.techniques.technique import (
    Choice,
    Parameter,
    ProgressCallback,
    checked,
    chosen_seed,
    step_to_repeat,
)
from deepcomposer_lab.techniques.trained import check_technique, pretrained, step_made
from deepcomposer_lab.techniques.transformers_sampling import (
    SAMPLING_TECHNIQUES,
    Limits,
    cut,
    drawn,
    probabilities,
)

SHORTEST = 1e-3  # seconds; what the end leaves less of a note than this is no note
MOST_READ = 2048  # tokens that `attention` looks at


@dataclass(frozen=True)
class NextTokens:
    """What may come next, the likeliest first: one entry a token.

    Parameters
    ----------
    words : tuple of str
        "Pitch C5", "Duration 1" …
    tokens : tuple of int
    model : tuple of float
        Probability as the model gives it, among what the grammar and the limits allow.
    tempered : tuple of float
        After temperature.
    kept : tuple of float
        After the sampling technique has dropped the unlikely ones: 0 where a token was dropped.
    """

    words: tuple[str, ...]
    tokens: tuple[int, ...]
    model: tuple[float, ...]
    tempered: tuple[float, ...]
    kept: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Attention:
    """Which earlier notes the model looked at when it chose the pitch of a note.

    Parameters
    ----------
    note, track : Note, int
        The note, and its track.
    notes : tuple of (Note, int)
        The earlier notes that it could see, each with its track, in the order they were read.
    weights : ndarray, float32, shape (layers, heads, notes)
        How much of each head's attention goes to a note: to its pitch and its duration together.
    other : ndarray, float32, shape (layers, heads)
        What goes to tokens that are no note: bars, positions, parts, the start. Together they are 1.
    reach : float
        The beat of the earliest token within the model's memory.
    """

    note: Note
    track: int
    notes: tuple[tuple[Note, int], ...]
    weights: NDArray[np.float32]
    other: NDArray[np.float32]
    reach: float


class Transformers:
    """The Transformers technique with one trained model.

    >>> transformer = Transformers.from_pretrained("transformer_xl_classical")
    >>> composition = transformer.extend(melody, track_extension_duration=15, seed=7)
    >>> longer = transformer.extend(composition, seed=8)
    """

    name = "transformers"
    parameters: tuple[Parameter | Choice, ...] = (
        Choice(
            "sampling_technique",
            "Sampling technique",
            "nucleus",
            SAMPLING_TECHNIQUES,
            "which unlikely tokens are never drawn: all but the k likeliest, those outside the nucleus, or none",
        ),
        Parameter(
            "sampling_threshold",
            "Sampling threshold",
            0.95,
            0.001,
            1,
            "",
            "nucleus: the probability kept; top_k: the share of the vocabulary. Less is safer, and repeats more",
        ),
        Parameter(
            "creative_risk",
            "Creative risk",
            1.0,
            0.5,
            2,
            "",
            "the temperature: below 1 likely tokens become likelier, above 1 unlikely ones do",
        ),
        Parameter(
            "input_duration", "Input duration", 20.0, 1, 60, "seconds", "how much of the input's end the model hears"
        ),
        Parameter(
            "track_extension_duration", "Track extension duration", 15.0, 0, 30, "seconds", "how much is composed"
        ),
        Parameter("maximum_rest_time", "Maximum rest time", 1.0, 0.5, 5, "seconds", "the longest silence"),
        Parameter("maximum_note_length", "Maximum note length", 3.0, 0.5, 8, "seconds", "the longest note"),
    )

    def __init__(self, model: Model) -> None:
        check_technique(model, self.name)
        self.model = model
        self.encoding: TokenEncoding = model.encoding
        self.network: Any = model.network

    @classmethod
    def from_pretrained(cls, name: str = "transformer_xl_classical") -> Self:
        """Load a model by name: "transformer_xl_classical" for the newest, with "-1" for a version.

        Raises
        ------
        ModelError
            When there is no such model, or none of this technique at all.
        """
        return cls(pretrained(cls.name, name))

    def extend(
        self,
        music: Melody | Composition,
        *,
        seed: int | None = None,
        progress: ProgressCallback | None = None,
        heard: Callable[[Note, int], bool] | None = None,
        **parameters: Any,
    ) -> Composition:
        """Go on where `music` ends, in its style, and return all of it; what was there keeps every note as it is.

        Parameters
        ----------
        music : Melody or Composition
            Any length and metre. Drums stay, unheard.
        seed : int, optional
            The same seed gives the same notes; a fresh one is drawn, and kept, where none is given.
        progress : callable (done, total), optional
            In seconds of music.
        heard : callable (Note, track index) -> bool, optional
            Called with each new note; where it answers False, the extension ends with that note.
        sampling_technique : {"nucleus", "top_k", "random"}
        sampling_threshold : float, 0.001–1
            Of "nucleus" the probability that is kept, of "top_k" the share of the vocabulary; "random" ignores it.
        creative_risk : float, 0.5–2
            The temperature.
        input_duration : float, 1–60
            Seconds of the input's end that the model hears, from a bar line on; at least the last bar.
        track_extension_duration : float, 0–30
            Seconds that are composed. The last note ends there, cut where it has to be.
        maximum_rest_time : float, 0.5–5
            Seconds of silence in what is composed, counted from the seam.
        maximum_note_length : float, 0.5–8
            Seconds of a composed note.

        Raises
        ------
        ValueError
            When the music has no pitched notes, or a parameter is out of range.
        TypeError
            When `music` is no music.
        """
        values = checked(self.parameters, parameters)
        seed = chosen_seed(seed)
        piece = as_composition(music)
        task = _Task.of(piece, values)
        made: list[list[Note]] = [[] for _ in task.piece.tracks]
        total = math.ceil(values["track_extension_duration"])
        for note, track in self._sampled(task, seed, values):
            made[track].append(note)
            if progress is not None:
                progress(int(task.seconds(note.onset) - task.seconds(task.seam)), total)
            if heard is not None and not heard(note, track):
                break
        if progress is not None:
            progress(total, total)
        if not any(made):
            return piece.with_step(self._step(seed, values, iter(())))
        tracks = [track.with_notes([*track.notes, *new]) for track, new in zip(task.piece.tracks, made, strict=True)]
        return task.piece.with_tracks(tracks).with_step(self._step(seed, values, task.remarks()))

    def compose(
        self,
        music: Melody | Composition,
        *,
        seed: int | None = None,
        progress: ProgressCallback | None = None,
        **parameters: Any,
    ) -> Composition:
        """Return `extend(music, …)`, under the name that all techniques share."""
        return self.extend(music, seed=seed, progress=progress, **parameters)

    def steps(
        self, music: Melody | Composition, *, seed: int | None = None, **parameters: Any
    ) -> Iterator[tuple[Note, int]]:
        """Yield each new note as soon as it is sampled, with the index of its track: the same notes as `extend`.

        Onsets never fall, so a player can begin at once. The parameters are checked before the first note.
        """
        values = checked(self.parameters, parameters)
        return self._sampled(_Task.of(as_composition(music), values), chosen_seed(seed), values)

    def again(self, made: Composition | CompositionStep, music: Melody | Composition, **changes: Any) -> Composition:
        """Extend "more like this": from the same seed, with the same settings but for those that change.

        Raises
        ------
        TypeError, ValueError
            When `made` tells of no step of this technique; and as `extend`.
        """
        step = step_to_repeat(made, self.name)
        return self.extend(music, **{"seed": step.seed, **step.parameters, **changes})

    def _sampled(self, task: _Task, seed: int, values: dict[str, Any]) -> Iterator[tuple[Note, int]]:
        if values["track_extension_duration"] == 0:
            return
        random = np.random.default_rng(seed)
        reader = Reader(self.network, self.encoding)
        logits, limits = reader.read(task.prompt(self.encoding)), task.limits(self.encoding)
        while True:
            likely = probabilities(logits, limits.allowed(reader), values["creative_risk"])
            token = drawn(cut(likely, values["sampling_technique"], values["sampling_threshold"]), random)
            if limits.is_full(reader, token):
                return
            logits = reader.read([token])
            note = limits.sounding(reader)
            if note is not None and note[2] * task.step_seconds >= SHORTEST:
                yield task.note(*note)

    def _step(self, seed: int, values: dict[str, Any], remarks: Iterator[str]) -> CompositionStep:
        return step_made(self.name, self.model.card, parameters=values, seed=seed, remarks=remarks)

    # --- Looking inside -------------------------------------------------------------------------------------------

    def next_tokens(
        self, music: Melody | Composition, *, kind: str | None = None, most: int = 20, **parameters: Any
    ) -> NextTokens:
        """Return what may come after `music`, and how sampling changes its chances.

        Parameters
        ----------
        music : Melody or Composition
        kind : str, optional
            "Pitch", say: then the likeliest tokens are taken until a token of that kind is next.
        most : int
            How many are returned, the likeliest.
        **parameters
            As `extend` takes them.

        Raises
        ------
        ValueError
            As `extend`; and for a kind that there is not.
        """
        if kind is not None and kind not in KINDS[2:]:
            raise ValueError(
                f"kind is one of {', '.join(KINDS[2:])}, or None for whatever comes next; got {shown(kind)}."
            )
        values = checked(self.parameters, parameters)
        task = _Task.of(as_composition(music), values)
        reader = Reader(self.network, self.encoding)
        logits, limits = reader.read(task.prompt(self.encoding)), task.limits(self.encoding)
        limits.end = np.inf
        likely = probabilities(logits, limits.allowed(reader))
        wanted = None if kind is None else KINDS.index(kind)
        while wanted is not None and int(self.encoding.kinds(np.array([int(likely.argmax())]))[0]) != wanted:
            logits = reader.read([int(likely.argmax())])
            limits.sounding(reader)
            likely = probabilities(logits, limits.allowed(reader))
        tempered = probabilities(logits, limits.allowed(reader), values["creative_risk"])
        kept = cut(tempered, values["sampling_technique"], values["sampling_threshold"])
        order = [int(token) for token in np.argsort(-likely, kind="stable")[:most] if likely[token] > 0]
        return NextTokens(
            tuple(self.encoding.word(token) for token in order),
            tuple(order),
            *(tuple(float(column[token]) for token in order) for column in (likely, tempered, kept)),
        )

    def attention(self, music: Melody | Composition, note: int = -1) -> Attention:
        """Return which earlier notes the model looks at when it chooses the pitch of a note.

        It looks from the token before that pitch: there the pitch is foretold.

        Parameters
        ----------
        music : Melody or Composition
        note : int
            Which note of all pitched ones, in the order they are read: by onset, then track, then from the highest
            down. −1 is the last.

        Raises
        ------
        ValueError
            When there are no pitched notes, or not so many.
        """
        piece = as_composition(music)
        tracks = _playing(piece)
        sheet, _ = sheet_of(piece.with_tracks(piece.tracks[index] for index in tracks))
        count = len(sheet.notes)
        if not count:
            raise ValueError(f"{piece.title!r} has no pitched notes, so there is nothing to look at.")
        if isinstance(note, bool) or not isinstance(note, int) or not -count <= note < count:
            raise ValueError(f"{piece.title!r} has {count} pitched notes, 0 to {count - 1}; got note {shown(note)}.")
        index = note % count
        ids = self.encoding.encode(sheet, end=False)
        pitches = np.flatnonzero(self.encoding.kinds(ids) == PITCH)
        asking = int(pitches[index])  # tokens before this one are read
        first = self._first_bar(ids, asking)
        read = np.concatenate([[self.encoding.start], ids[first:asking]])
        looks = attention_of_last(self.network, self.encoding, read)  # (layers, heads, T)
        owned = pitches[(pitches >= first) & (pitches < asking)]
        places = owned - first + 1
        weights = looks[:, :, places] + looks[:, :, places + 1]
        seen = max(0, len(read) - 1 - self.network.config.memory)
        times = self.encoding.context(read).time + int(sheet.bars[0, 0]) + self._begins(ids, first)
        heard = [position for position, place in enumerate(places.tolist()) if place >= seen]
        earlier = np.searchsorted(pitches, owned)[heard]
        found = [_as_note(sheet.notes[row], tracks) for row in earlier]
        weights = weights[:, :, heard]
        return Attention(
            *_as_note(sheet.notes[index], tracks),
            tuple(found),
            weights,
            1 - weights.sum(axis=2),
            float(times[seen]) / STEPS_PER_BEAT,
        )

    def _first_bar(self, ids: NDArray[np.int64], asking: int) -> int:
        """Return the first bar's token from which no more than `MOST_READ` tokens lead to `asking`."""
        bars = np.flatnonzero((ids >= self.encoding.bar) & (ids < self.encoding.position))
        near = bars[(bars >= asking - MOST_READ) & (bars < asking)]
        return int(near[0]) if len(near) else int(bars[bars < asking][-1])

    def _begins(self, ids: NDArray[np.int64], token: int) -> int:
        return int(self.encoding.context(ids).time[token])


@dataclass(frozen=True)
class _Task:
    """A piece laid out for the network, and the way back. Steps count from the piece's beat 0.

    Parameters
    ----------
    piece : Composition
        As it carries on: tempo and metre change no more after the seam.
    tracks : sequence of int
        Which track each part is.
    sheet : Sheet
        The whole of it, with bars up to the seam.
    first : int
        The first bar that is heard.
    seam : float
        The beat at which what is new begins.
    step_seconds : float
        How long a step lasts from there on.
    values : dict
        The parameters.
    served : bool
        Whether its bars are the piece's own.
    cut : bool
        Whether tempo or metre had changes after the seam.
    """

    piece: Composition
    tracks: Sequence[int]
    sheet: Sheet
    first: int
    seam: float
    step_seconds: float
    values: dict[str, Any]
    served: bool
    cut: bool

    @classmethod
    def of(cls, piece: Composition, values: dict[str, Any]) -> _Task:
        """Lay out a piece.

        Raises
        ------
        ValueError
            When it has no pitched notes.
        """
        tracks = _playing(piece)
        if not tracks:
            drums = any(track.notes for track in piece.tracks)
            raise ValueError(
                f"{piece.title!r} has drums alone; the model extends pitched notes. Add a melody first."
                if drums
                else f"{piece.title!r} has no notes, so there is nothing to extend. Play or choose a melody first."
            )
        sheet, served = sheet_of(piece.with_tracks(piece.tracks[index] for index in tracks), until=piece.end)
        end = piece.end * STEPS_PER_BEAT
        bars = sheet.bars.tolist()
        start, *metre = bars[-1]
        beats = np.ceil((end - start) / STEPS_PER_BEAT - 1e-6) * STEPS_PER_BEAT
        seam = (start + min(float(beats), bar_steps(*metre))) / STEPS_PER_BEAT
        on = replace(
            piece,
            tempos=tuple(change for change in piece.tempos if change.onset <= seam),
            metres=tuple(change for change in piece.metres if change.onset < max(seam, 1e-6)),
        )
        return cls(
            on,
            tracks,
            sheet,
            _first_heard(on, bars, int(sheet.notes[-1, 0]), values["input_duration"]),
            seam,
            60 / on.tempos[-1].bpm / STEPS_PER_BEAT,
            values,
            served,
            (on.tempos, on.metres) != (piece.tempos, piece.metres),
        )

    @property
    def offset(self) -> int:
        """The step at which the first bar that is heard begins."""
        return int(self.sheet.bars[self.first, 0])

    def prompt(self, encoding: TokenEncoding) -> list[int]:
        """Return what is heard, as tokens."""
        notes = self.sheet.notes[self.sheet.notes[:, 0] >= self.offset]
        heard = Sheet(notes, self.sheet.bars[self.first :])
        return [int(token) for token in encoding.encode(heard, end=False)]

    def limits(self, encoding: TokenEncoding) -> Limits:
        """Return what the extension keeps to."""
        seam = self.seam * STEPS_PER_BEAT - self.offset
        metre = encoding.encode(Sheet(self.sheet.notes[:0], self.sheet.bars[-1:]), end=False)[1]
        return Limits(
            encoding,
            seam=seam,
            end=seam + self.values["track_extension_duration"] / self.step_seconds,
            longest_rest=self.values["maximum_rest_time"] / self.step_seconds,
            longest_note=self.values["maximum_note_length"] / self.step_seconds,
            parts=np.unique(self.sheet.notes[:, 3]).tolist(),
            metre=int(metre),
        )

    def note(self, onset: float, pitch: int, duration: float, part: int) -> tuple[Note, int]:
        """Return a sampled note as music, and its track."""
        track = self.tracks[part]
        velocity = round(float(np.median([note.velocity for note in self.piece.tracks[track].notes])))
        beat = (self.offset + onset) / STEPS_PER_BEAT
        return Note(beat, pitch, duration / STEPS_PER_BEAT, velocity), track

    def seconds(self, beat: float) -> float:
        """Return when a beat sounds."""
        return beats_to_seconds(self.piece.tempos, beat)

    def remarks(self) -> Iterator[str]:
        """Say what a person should know."""
        if self.seam > self.piece.end + 1e-6:
            yield f"The extension begins at beat {self.seam:g}, the first beat at which the piece is over."
        if any(track.is_drum and track.notes for track in self.piece.tracks):
            yield "The drums stayed as they were: the model hears and plays pitched notes alone."
        if len(self.tracks) > MOST_PARTS:
            yield f"The model heard the first {MOST_PARTS} of {len(self.tracks)} tracks."
        if not self.served:
            yield "The model knows no bar of that length: it heard bars of 4/4."
        if self.cut:
            yield "Changes of tempo or metre after the end of the piece were left out: it goes on as it ended."


def _first_heard(piece: Composition, bars: Sequence[Sequence[int]], last_onset: int, seconds: float) -> int:
    """Return the first bar that begins within the last seconds, or that of the last note where none does."""
    heard_from = beats_to_seconds(piece.tempos, piece.end) - seconds
    with_notes = [index for index, (start, *_) in enumerate(bars) if start <= last_onset]
    begins = (beats_to_seconds(piece.tempos, max(0.0, bars[index][0] / STEPS_PER_BEAT)) for index in with_notes)
    return next((index for index, begin in enumerate(begins) if begin >= heard_from - 1e-9), with_notes[-1])


def _playing(piece: Composition) -> list[int]:
    """Return which track each part is: those with notes, without drums."""
    return [index for index, track in enumerate(piece.tracks) if track.notes and not track.is_drum]


def _as_note(row: NDArray[np.int64], tracks: Sequence[int]) -> tuple[Note, int]:
    onset, pitch, duration, part = row.tolist()
    return Note(max(0, onset) / STEPS_PER_BEAT, pitch, duration / STEPS_PER_BEAT), tracks[part]


__all__ = ["SAMPLING_TECHNIQUES", "Attention", "NextTokens", "Transformers"]
