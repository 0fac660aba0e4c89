"""GAN: adds tracks to a melody, in one look at the whole piece.

The technique's four files: encoding/bars.py (music as bars of several tracks), networks/musegan.py and its like (the
networks), training/ (how they learn), and this one (how it composes), with helpers beside it: gan_noise.py (what chance
decides) and gan_roles.py (who plays what already).

The melody stays as it is, to the note. What the network hears of it is a line on a grid, in C, within its range, in
bars of four beats; whatever had to be changed for its ears alone is said in the remarks.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.encoding.bars import BarGrid, BarsEncoding, TrackWindow
from deepcomposer_lab.models.inference import accompaniment, fused
from deepcomposer_lab.models.registry import GENERATORS, Model
from deepcomposer_lab.music.checks import shown
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.instruments import program_of
from deepcomposer_lab.music.key import find_key, key_name, read_key, shift_to_c
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.skyline import melody_of, melody_track
from deepcomposer_lab.techniques.gan_noise import drawn_noise
from deepcomposer_lab.techniques.gan_roles import players
from deepcomposer_lab.techniques.technique import (
    Parameter,
    ProgressCallback,
    checked_switch,
    chosen_seed,
    free_name,
    step_to_repeat,
)
from deepcomposer_lab.techniques.trained import check_technique, pretrained, step_made

SOFTER = 0.85  # of the melody's middle velocity, so that the melody stays in front
MOST_BARS = 4000  # two hours of music; a note that far out is a slip, and would cost gigabytes


@dataclass(frozen=True)
class _Wishes:
    """What `compose` was asked for, checked, in plain values: the parameters that a step keeps."""

    tracks: tuple[str, ...]
    track_seeds: Mapping[str, int]
    blend: tuple[int, float] | None
    instruments: Mapping[str, int]
    keep_tracks: bool
    key: str | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "tracks": list(self.tracks),
            "track_seeds": dict(self.track_seeds),
            "blend": None if self.blend is None else list(self.blend),
            "instruments": dict(self.instruments),
            "keep_tracks": self.keep_tracks,
            "key": self.key,
        }


class NothingToAddError(ValueError):
    """A piece has all the tracks of its own that a GAN was to add.

    Attributes
    ----------
    title : str
        The piece's.
    present : str
        What it has, in words: "drums, bass and strings".
    """

    def __init__(self, title: str, present: str) -> None:
        self.title, self.present = title, present
        super().__init__(
            f"{title!r} already has {present} of its own, so nothing is left to add; "
            "keep_tracks=False (--only-melody) starts from its melody alone."
        )


class GAN:
    """The GAN technique with one trained model.

    >>> band = GAN.from_pretrained("musegan_rock")
    >>> composition = band.compose(melody, seed=3)
    >>> other_drums = band.again(composition, melody, track_seeds={"drums": 5})
    """

    name = "gan"
    parameters: tuple[Parameter, ...] = ()

    def __init__(self, model: Model) -> None:
        check_technique(model, self.name)
        if model.card.network not in GENERATORS:
            raise ValueError(f"The model {model.card.stem} holds the network {model.card.network!r}, no generator.")
        self.model = model
        self.encoding: BarsEncoding = model.encoding
        self.network = fused(model.network)

    @classmethod
    def from_pretrained(cls, name: str = "musegan_rock") -> Self:
        """Load a model by name: "musegan_rock" for the newest, "musegan_rock-1" for a version.

        Raises
        ------
        ModelError
            When there is no such model, or none of this technique at all.
        """
        return cls(pretrained(cls.name, name))

    @property
    def roles(self) -> tuple[str, ...]:
        """What the model can add: "drums", "bass" …, in the order of its tracks."""
        return tuple(window.role for window in self.encoding.tracks)

    def compose(
        self,
        music: Melody | Composition,
        *,
        seed: int | None = None,
        progress: ProgressCallback | None = None,
        track_seeds: Mapping[str, int] | None = None,
        blend: tuple[int, float] | None = None,
        tracks: Iterable[str] | None = None,
        instruments: Mapping[str, str | int] | None = None,
        keep_tracks: bool = True,
        key: str | None = None,
        **unknown: Any,
    ) -> Composition:
        """Add tracks to `music` and return the result; what was there keeps every note as it is.

        Parameters
        ----------
        music : Melody or Composition
            Any length and metre. The model accompanies its melody (`melody_of`), where that is polyphonic its top line.
        seed : int, optional
            The same seed gives the same notes; a fresh one is drawn, and kept, where none is given.
        progress : callable (done, total), optional
        track_seeds : mapping of role to int, optional
            Other seeds for single tracks: {"drums": 5} draws the drums anew and keeps all others, note for note, where
            the model keeps its tracks apart (MuseGAN does).
        blend : (int, float), optional
            Another seed, and how much of it: (9, 0.5) is halfway to seed 9, (9, 0.0) all this one, (9, 1.0) all that
            one. Tracks with a seed of their own stay out of it.
        tracks : iterable of str, optional
            Which roles are added; all unless told otherwise. Leaving one out changes no other.
        instruments : mapping of role to str or int, optional
            General MIDI instruments, by name or program: {"bass": "Acoustic Bass"} or {"bass": 32}.
        keep_tracks : bool
            Whether the input's other tracks stay beside its melody. What they play already is not added a second time.
        key : str, optional
            "G minor"; estimated from the notes unless told otherwise. The model hears everything in C.

        Raises
        ------
        ValueError
            When the music has no pitched notes, a parameter has no such value, or nothing is left to add.
        TypeError
            When `music` is no music, or `keep_tracks` neither True nor False.
        """
        if unknown:
            raise ValueError(
                f"There is no parameter {sorted(unknown)[0]!r}; this technique has seed, tracks, track_seeds, blend, "
                "instruments, keep_tracks, key."
            )
        seed = chosen_seed(seed)
        wishes = _Wishes(
            self._checked_tracks(tracks),
            {role: chosen_seed(other) for role, other in self._by_role(track_seeds, "track_seeds").items()},
            _checked_blend(blend),
            self._checked_instruments(instruments),
            checked_switch("keep_tracks", keep_tracks),
            None if key is None else key_name(read_key(key)),
        )
        task = _Task.of(as_composition(music), self.encoding, wishes)
        config: Any = self.network.config
        noise = drawn_noise(
            config,
            task.grid.bars,
            seed,
            track_seeds={self.roles.index(role): other for role, other in wishes.track_seeds.items()},
            blend=wishes.blend,
        )
        played = accompaniment(self.network, task.heard, noise)
        composition, silent = task.written(dict(zip(self.roles, played, strict=True)), wishes.instruments)
        step = self._step(seed, wishes, [*task.remarks(), *silent])
        if progress is not None:
            progress(1, 1)
        return composition.with_step(step)

    def again(self, made: Composition | CompositionStep, music: Melody | Composition, **changes: Any) -> Composition:
        """Compose "more like this": from the same seed, with the same settings but for those that change.

        >>> same_but_drums = band.again(composition, melody, track_seeds={"drums": 5})

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
            When `made` tells of no GAN step; and as `compose`.
        """
        step = step_to_repeat(made, self.name)
        return self.compose(music, **{"seed": step.seed, **step.parameters, **changes})

    def _by_role(self, values: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
        if values is None:
            return {}
        if not isinstance(values, Mapping):
            raise ValueError(f'{what} is written by role, such as {{"{self.roles[0]}": 5}}; got {shown(values)}.')
        for role in values:
            self._check_role(role, what)
        return dict(values)

    def _check_role(self, role: object, what: str) -> None:
        if role not in self.roles:
            known = ", ".join(self.roles)
            raise ValueError(f"{what} names {shown(role)}, which {self.model.card.name} does not play; it has {known}.")

    def _checked_tracks(self, tracks: Iterable[str] | None) -> tuple[str, ...]:
        if tracks is None:
            return self.roles
        if isinstance(tracks, str) or not isinstance(tracks, Iterable):
            raise ValueError(f'tracks is a list of roles, such as ["{self.roles[0]}"]; got {shown(tracks)}.')
        wanted = list(tracks)
        for role in wanted:
            self._check_role(role, "tracks")
        if not wanted:
            raise ValueError(f"tracks names at least one of {', '.join(self.roles)}.")
        return tuple(role for role in self.roles if role in wanted)

    def _checked_instruments(self, instruments: Mapping[str, str | int] | None) -> dict[str, int]:
        chosen = self._by_role(instruments, "instruments")
        programs = {window.role: window.program for window in self.encoding.tracks if not window.is_drum}
        for role, instrument in chosen.items():
            if role not in programs:
                raise ValueError("The drums are a drum set: no other instrument can play them.")
            programs[role] = program_of(instrument)
        return programs

    def _step(self, seed: int, wishes: _Wishes, remarks: Iterable[str]) -> CompositionStep:
        return step_made(self.name, self.model.card, parameters=wishes.as_dict(), seed=seed, remarks=remarks)


def _checked_blend(blend: tuple[int, float] | None) -> tuple[int, float] | None:
    if blend is None:
        return None
    try:
        other, amount = blend
        amount = float(amount)
        if isinstance(blend, str) or not 0 <= amount <= 1:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(
            f"blend is another seed and how much of it, 0–1, such as (9, 0.5); got {shown(blend)}."
        ) from None
    return chosen_seed(other), amount


@dataclass(frozen=True)
class _Task:
    """A piece laid out for the network, and the way back.

    Parameters
    ----------
    piece : Composition
        What stays of the input.
    melody : Melody
        The line that is accompanied.
    source : int
        Its track.
    windows : tuple of TrackWindow
        What is added.
    present : mapping of str to str
        The roles that were wanted and are there already, and which tracks play them.
    key : (int, int)
    is_estimated : bool
        Whether nobody said which key it is.
    shift : int
        Semitones from the piece to what the network hears.
    grid : BarGrid
    heard : ndarray, float32, shape (2, rows, steps)
        The melody as the network hears it.
    """

    piece: Composition
    melody: Melody
    source: int
    windows: tuple[TrackWindow, ...]
    present: Mapping[str, str]
    key: tuple[int, int]
    is_estimated: bool
    shift: int
    grid: BarGrid
    heard: NDArray[np.float32]

    @classmethod
    def of(cls, piece: Composition, encoding: BarsEncoding, wishes: _Wishes) -> _Task:
        """Lay out a piece.

        Raises
        ------
        ValueError
            When there is no melody, nothing is left to add, or the piece is too long.
        """
        melody, source = melody_of(piece), melody_track(piece)
        if not wishes.keep_tracks:
            piece, source = piece.with_tracks([piece.tracks[source]]), 0
        key = find_key(piece) if wishes.key is None else read_key(wishes.key)
        others = [track for index, track in enumerate(piece.tracks) if index != source]
        played = players(others, [window.role for window in encoding.tracks])  # whichever of them are wanted
        present = {role: name for role, name in played.items() if role in wishes.tracks}
        windows = tuple(
            window for window in encoding.tracks if window.role in wishes.tracks and window.role not in present
        )
        if not windows:
            raise NothingToAddError(piece.title, _listed(present))
        shift = shift_to_c(key[0])
        grid = _grid_of(piece, encoding)
        heard = encoding.melody.draw(grid.place(melody.notes), grid.steps, shift)
        return cls(piece, melody, source, windows, present, key, wishes.key is None, shift, grid, heard)

    def written(
        self, played: Mapping[str, NDArray[np.float32]], programs: Mapping[str, int]
    ) -> tuple[Composition, list[str]]:
        """Return the piece with what was played, and what is to be said about it."""
        steps, beats = self.grid.sounding()
        velocity = max(1, round(SOFTER * float(np.median([note.velocity for note in self.melody.notes]))))
        tracks, silent = list(self.piece.tracks), []
        for window in self.windows:
            # Without the silence that was put in, what is held through it is one note.
            found = window.read(played[window.role][:, :, steps], self.shift)
            notes = [
                Note(beats[onset], _within_midi(pitch), beats[onset + duration] - beats[onset], velocity)
                for onset, pitch, duration in found.tolist()
            ]
            if not notes:
                silent.append(window.role)
                continue
            name = free_name(window.role.capitalize(), [track.name for track in tracks])
            tracks.append(Track(tuple(notes), name, programs.get(window.role, 0), window.is_drum))
        said = [f"The model gave {_listed(silent)} nothing to play."] if silent else []
        return replace(self.piece, tracks=tuple(tracks)), said

    def remarks(self) -> Iterator[str]:
        """Say what a person should know of how the network heard the piece."""
        track = self.piece.tracks[self.source]
        if sum(bool(other.notes) and not other.is_drum for other in self.piece.tracks) > 1:
            yield f"The melody is track {self.source + 1}, “{track.name}”."
        if self.melody.notes != track.notes:
            yield (
                f"Several notes of “{track.name}” sound at once: the model heard its top line, {len(self.melody)} of "
                f"{len(track.notes)} notes. The track itself stayed as it was."
            )
        for role, name in self.present.items():
            yield f"The piece has its own {role}, “{name}”: the model's part was left out."
        if self.is_estimated:
            yield f"The key was taken for {key_name(self.key)}."
        window = self.grid.encoding.melody
        rows = np.array([note.pitch for note in self.melody.notes]) + self.shift - window.lowest_pitch
        folded = int(((rows < 0) | (rows >= window.rows)).sum())
        if folded:
            yield (
                f"{folded} {'note lies' if folded == 1 else 'notes lie'} outside the model's range: it heard them "
                "octaves nearer; they stayed as they were."
            )
        beats = self.grid.encoding.beats_per_bar
        odd = dict.fromkeys(str(metre) for metre in self.piece.metres if metre.bar_beats % beats)
        if odd:
            yield (
                f"The model learnt bars of {beats}/4: it heard those of {' and '.join(odd)} as such, with silence at "
                "their end."
            )


def _grid_of(piece: Composition, encoding: BarsEncoding) -> BarGrid:
    bars = piece.end / encoding.beats_per_bar  # at least so many, and quickly known
    grid = BarGrid.of(piece, encoding) if bars <= MOST_BARS else None
    if grid is None or grid.bars > MOST_BARS:
        raise ValueError(
            f"{piece.title!r} has {bars if grid is None else grid.bars:,.0f} bars; at most {MOST_BARS:,} can be heard "
            "at once. Trim it first."
        )
    return grid


def _listed(roles: Iterable[str]) -> str:
    *first, last = roles
    return f"{', '.join(first)} and {last}" if first else last


def _within_midi(pitch: int) -> int:
    """Return a pitch, moved by octaves where moving it back from C led out of 0–127."""
    return pitch + 12 * (-(min(pitch, 0) // 12)) - 12 * (-(-max(pitch - 127, 0) // 12))
