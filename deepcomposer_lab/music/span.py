"""Span: a stretch of a piece, such as one that a technique shall leave as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deepcomposer_lab.music.checks import checked_number, checked_text, checked_values, shown

_EXAMPLE = "Beats 4 to 8 are written locked=[dc.Span(4, 8)]."
_KEYS = {"start", "end", "tracks"}


@dataclass(frozen=True, slots=True)
class Span:
    """The beats from `start` up to `end`, the end itself left out, in all tracks or in some.

    Parameters
    ----------
    start, end : float
        In beats (quarter notes) from the piece's beginning; the end comes after the start.
    tracks : iterable of str, optional
        The names of the tracks that are meant; None means all.

    Raises
    ------
    ValueError
        When the end does not come after the start, a beat is no number of 0 or more, or `tracks` names none.
    TypeError
        When `tracks` is not several names.
    """

    start: float
    end: float
    tracks: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", checked_number(self.start, "The beat where a span starts"))
        object.__setattr__(self, "end", checked_number(self.end, "The beat where a span ends"))
        if self.start < 0:
            raise ValueError(f"A span starts at beat 0 or later; got {self.start:g}.")
        if self.end <= self.start:
            raise ValueError(f"A span ends after it starts; got start {self.start:g} and end {self.end:g}.")
        if self.tracks is None:
            return
        if isinstance(self.tracks, str | bytes) or not isinstance(self.tracks, Iterable):
            raise TypeError(f'A span names its tracks in brackets, such as ["Melody"]; got {shown(self.tracks)}.')
        names = tuple(checked_text(name, "A track's name") for name in self.tracks)
        if not names:
            raise ValueError("A span of no track locks nothing; leave `tracks` out to mean all of them.")
        object.__setattr__(self, "tracks", names)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as a composition's history and its file keep them: `Span(**span.as_dict())` is equal."""
        return {"start": self.start, "end": self.end, "tracks": None if self.tracks is None else list(self.tracks)}

    def overlaps(self, onset: float, offset: float) -> bool:
        """Return whether something that sounds in [onset, offset), in beats, sounds in the span."""
        return onset < self.end and offset > self.start

    def __str__(self) -> str:
        names = "" if self.tracks is None else f" of {', '.join(self.tracks)}"
        return f"beats {self.start:g} to {self.end:g}{names}"


def checked_spans(values: Iterable[Span | Mapping[str, Any]], what: str) -> tuple[Span, ...]:
    """Return several spans; one that comes as `Span.as_dict()` gives it, as from a composition's history, is read.

    Parameters
    ----------
    values : iterable of Span
    what : str
        What the spans are, in the plural, as the message begins: "Locked passages".

    Raises
    ------
    TypeError
        When one of them is no Span; a bare tuple of beats is the likely slip, and the message says how to write it.
    """
    several = isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping)
    items: tuple[Any, ...] = tuple(values) if several else (values,)
    is_pair = bool(items) and all(isinstance(item, int | float) for item in items)
    if is_pair or not (several or isinstance(values, Span)):  # one passage, not several: the message names all of it
        raise TypeError(f"{what} are Span values; got {values!r}. {_EXAMPLE}")
    read: Any = values  # a single Span, which `checked_values` says to put into brackets
    if several:
        read = [
            Span(**item) if isinstance(item, Mapping) and {"start", "end"} <= set(item) <= _KEYS else item
            for item in items
        ]
    return checked_values(read, Span, what, {object: _EXAMPLE})


def checked_in(span: Span, *, end: float, names: Iterable[str]) -> Span:
    """Return a span that lies in a piece, its names each once.

    Parameters
    ----------
    span : Span
    end : float
        The beat at which the piece ends.
    names : iterable of str
        The names of its tracks.

    Raises
    ------
    ValueError
        When the span starts where the piece has ended, or names a track that is not there.
    """
    there = list(dict.fromkeys(names))
    if span.start >= end:
        raise ValueError(f"The span of {span} lies outside the piece, which ends at beat {end:g}.")
    for name in span.tracks or ():
        if name not in there:
            raise ValueError(f"There is no track {name!r} here; there is {', '.join(map(repr, there))}.")
    return span if span.tracks is None else replace(span, tracks=tuple(dict.fromkeys(span.tracks)))
