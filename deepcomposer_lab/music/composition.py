"""Composition: a whole piece, and how it came to be. Input and output of every technique."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from deepcomposer_lab.music.checks import checked_text, checked_values
from deepcomposer_lab.music.melody import Melody, checked_notes, trimmed, trimmed_pickup
from deepcomposer_lab.music.metre import (
    COMMON_TIME,
    DEFAULT_TEMPO,
    MetreChange,
    TempoChange,
    bar_starts,
    beats_to_seconds,
    checked_pickup,
    metre_at,
)
from deepcomposer_lab.music.note import Note, checked_program


@dataclass(frozen=True, slots=True)
class Track:
    """The notes of one instrument.

    Parameters
    ----------
    notes : iterable of Note
        Stored sorted by onset, then pitch.
    name : str
        Shown to people: "Melody", "Alto", "Drums".
    program : int
        General MIDI instrument, 0–127; without meaning for drums.
    is_drum : bool
        Whether pitches are General MIDI drums (36 bass drum, 38 snare …) instead of tones.
    """

    notes: tuple[Note, ...] = ()
    name: str = "Track"
    program: int = 0
    is_drum: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", checked_notes(self.notes, "A track's notes"))
        object.__setattr__(self, "name", checked_text(self.name, "A track's name"))
        object.__setattr__(self, "program", checked_program(self.program))

    @property
    def end(self) -> float:
        """The beat at which the last note ends; 0 when empty."""
        return max((note.offset for note in self.notes), default=0.0)

    def with_notes(self, notes: Iterable[Note]) -> Track:
        """Return the track with other notes and all else kept."""
        return replace(self, notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class CompositionStep:
    """One thing that was done to make a composition: enough to do it again.

    Parameters
    ----------
    technique : str
        "ar-cnn", "gan", "transformers", or "edit" for a person's own change.
    model, version, weights_sha256 : str
        The trained model, or "" where none took part.
    parameters : mapping of str to plain values
        Every parameter, defaults included, under its public name.
    seed : int or None
        What the random numbers started from.
    package_version : str
        The version of deepcomposer_lab that did it.
    remarks : tuple of str
        What a person should know: "The drum track passed through untouched."
    """

    technique: str
    model: str = ""
    version: str = ""
    weights_sha256: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    package_version: str = ""
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        object.__setattr__(self, "remarks", tuple(self.remarks))

    def __hash__(self) -> int:
        # Parameters may hold lists and stay out; equal steps still share a hash.
        return hash((self.technique, self.model, self.version, self.weights_sha256, self.seed, self.remarks))

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view cannot be pickled or deep-copied; a plain dict can.
        values = (getattr(self, name.name) for name in fields(self))
        return CompositionStep, tuple(dict(value) if isinstance(value, Mapping) else value for value in values)


_TRACK_SLIPS: dict[type[Any], str] = {
    Melody: "A melody becomes a piece by Composition.from_melody(melody).",
    Note: "Notes go into a track, Track(notes), and a melody becomes a piece by Composition.from_melody(melody).",
}
_TEMPO_SLIPS: dict[type[Any], str] = {object: "One tempo throughout is written [TempoChange(0, 120)]."}
_METRE_SLIPS: dict[type[Any], str] = {object: "One metre throughout is written [MetreChange(0, 3, 4)]."}


@dataclass(frozen=True, slots=True)
class Composition:
    """A piece of any length, metre and number of tracks. A value: editing returns a new composition.

    Parameters
    ----------
    tracks : iterable of Track
        In the order they are shown.
    tempos : iterable of TempoChange
        Sorted by onset; the first is at beat 0 (added at 100 bpm if missing).
    metres : iterable of MetreChange
        Sorted by onset; the first is at beat 0 (added as 4/4 if missing).
    pickup : float
        Beats before the first full bar.
    title : str
        Name shown to people; files are named by a slug of it.
    steps : tuple of CompositionStep
        How it was made, oldest first; empty for music that came from outside.
    """

    tracks: tuple[Track, ...] = ()
    tempos: tuple[TempoChange, ...] = DEFAULT_TEMPO
    metres: tuple[MetreChange, ...] = COMMON_TIME
    pickup: float = 0.0
    title: str = "Untitled"
    steps: tuple[CompositionStep, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tracks", checked_values(self.tracks, Track, "A composition's tracks", _TRACK_SLIPS))
        object.__setattr__(self, "title", checked_text(self.title, "A composition's title"))
        steps = checked_values(self.steps, CompositionStep, "A composition's steps")
        object.__setattr__(self, "steps", steps)
        tempos = tuple(sorted(checked_values(self.tempos, TempoChange, "A composition's tempos", _TEMPO_SLIPS)))
        metres = tuple(sorted(checked_values(self.metres, MetreChange, "A composition's metres", _METRE_SLIPS)))
        if not tempos or tempos[0].onset > 0:
            tempos = (*DEFAULT_TEMPO, *tempos)
        if not metres or metres[0].onset > 0:
            metres = (*COMMON_TIME, *metres)
        object.__setattr__(self, "tempos", tempos)
        object.__setattr__(self, "metres", metres)
        object.__setattr__(self, "pickup", checked_pickup(self.pickup))

    @classmethod
    def from_melody(cls, melody: Melody, track_name: str = "Melody") -> Composition:
        """Return a composition whose only track is `melody`."""
        return cls(
            tracks=(Track(melody.notes, track_name, melody.program),),
            tempos=(TempoChange(0, melody.bpm),),
            metres=(melody.metre,),
            pickup=melody.pickup,
            title=melody.title,
        )

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes of all tracks, drums included, sorted by onset, then pitch."""
        return tuple(sorted(note for track in self.tracks for note in track.notes))

    @property
    def end(self) -> float:
        """The beat at which the last note ends; 0 when there is none."""
        return max((track.end for track in self.tracks), default=0.0)

    @property
    def seconds(self) -> float:
        """How long it lasts, in seconds, through every tempo change."""
        return beats_to_seconds(self.tempos, self.end)

    @property
    def bars(self) -> list[float]:
        """The beat at which each bar starts, up to the last that sounds; see `bar_starts`."""
        return bar_starts(self.metres, self.pickup, self.end)

    def metre_at(self, beat: float) -> MetreChange:
        """Return the metre that holds at `beat`."""
        return metre_at(self.metres, beat)

    def with_tracks(self, tracks: Iterable[Track]) -> Composition:
        """Return the composition with other tracks and all else kept."""
        return replace(self, tracks=tuple(tracks))

    def with_title(self, title: str) -> Composition:
        """Return the composition under another title."""
        return replace(self, title=title)

    def with_step(self, step: CompositionStep) -> Composition:
        """Return the composition with one more step in its history."""
        return replace(self, steps=(*self.steps, step))

    def with_tempo(self, bpm: float) -> Composition:
        """Return the composition at one tempo throughout; beats stay where they are."""
        return replace(self, tempos=(TempoChange(0, bpm),))

    def transpose(self, semitones: int) -> Composition:
        """Return the composition `semitones` higher (lower when negative); drums stay: they are not tones.

        Raises
        ------
        ValueError
            When a note would leave MIDI's 0–127; no note is dropped or wrapped.
        """
        return self.with_tracks(
            track if track.is_drum else track.with_notes(note.transpose(semitones) for note in track.notes)
            for track in self.tracks
        )

    def trim(self, start: float, end: float) -> Composition:
        """Return what sounds in [start, end), in beats, moved so that `start` becomes beat 0.

        Notes that cross a border are cut at it; tempo and metre at `start` carry over, and bar lines stay
        where the notes had them.
        """
        tempo = [change for change in self.tempos if change.onset <= start][-1]
        metre = metre_at(self.metres, start)
        tempos = (change for change in self.tempos if start < change.onset < end)
        metres = (change for change in self.metres if max(start, metre.onset) < change.onset < end)
        return replace(
            self,
            tracks=tuple(track.with_notes(trimmed(track.notes, start, end)) for track in self.tracks),
            tempos=(replace(tempo, onset=0), *(replace(new, onset=new.onset - start) for new in tempos)),
            metres=(replace(metre, onset=0), *(replace(new, onset=new.onset - start) for new in metres)),
            pickup=trimmed_pickup(self.metres, self.pickup, start),
        )

    def to_musicxml(self) -> bytes:
        """Return the piece as MusicXML, for notation programs; see `deepcomposer_lab.music.musicxml`."""
        from deepcomposer_lab.music.musicxml import to_musicxml

        return to_musicxml(self)


def as_composition(music: Melody | Composition) -> Composition:
    """Return `music` as a composition; a composition comes back as it is.

    Raises
    ------
    TypeError
        When it is neither; a path is the likely slip, and the message names `read_midi`.
    """
    if isinstance(music, Composition):
        return music
    if isinstance(music, Melody):
        return Composition.from_melody(music)
    raise TypeError(
        f"Expected a Melody or a Composition, got {type(music).__name__}. A file is read first: "
        f"dc.read_midi(path) gives a Composition."
    )
