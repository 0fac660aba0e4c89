"""Pictures of music: the piano roll, as a plotly figure for both of JupyterLab's themes.

Plotly keeps no CSS variables, so the grounds are transparent and every colour that carries meaning has a contrast of
at least 3:1 on JupyterLab's light ground (#ffffff) and on its dark one (#111111). No meaning hangs on hue alone: a
track has a pattern and a shape beside its colour, an added note a plus sign, a removed one a dashed outline that is
struck through.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from deepcomposer_lab.music.composition import Composition, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, bar_starts
from deepcomposer_lab.music.note import Note, pitch_name

LIGHT_GROUND, DARK_GROUND = "#ffffff", "#111111"

TRACK_COLOURS = ("#dd5a14", "#00905f", "#a03ab5", "#8f6a14", "#3f78b5")
"""Hues of the pitched tracks, in order; the first is the person's melody."""

DRUM_COLOUR = "#7a869c"

INK = "#757a83"
"""Words, bar lines and what was removed: as far from the light ground as from the dark one."""

NETWORK_COLOUR = TRACK_COLOURS[2]
"""Purple is what a network made, or would."""

DOUBT_SCALE = ("#7a8699", "#a8703c", "#d42a1e")
"""From a note that fits to one out of place; every step between has 3:1 to both grounds."""

_TRACK_PATTERNS = ("", "/", ".", "-", "\\")  # plotly's names: solid, rising lines, dots, long lines, falling lines
_TRACK_SHAPES = "●■▲◆▼"
_DRUM_PATTERN, _DRUM_SHAPE = "|", "✚"
_KEPT_OPACITY = 0.28
ON_NOTE = "#ffffff"
"""What is written on a note; every hue above has 3:1 to it."""

BARS_AT_ONCE = 16
"""Of a longer piece, the first ones are shown, and the rest scrolls under the same ruler."""

_GAP = 0.06  # beats

_BLACK_KEYS = frozenset((1, 3, 6, 8, 10))
_BEAT_LINES_LIMIT = 1_500  # beyond, beat lines would be closer than a pixel
_PIXELS_A_PITCH, _LEAST_PITCHES, _MOST_PIXELS = 14, 12, 520
_PIXELS_ABOVE, _PIXELS_BELOW = 84, 46  # title, what was changed and legend; axis

_DRUMS_FROM_35 = (
    "Acoustic bass drum,Bass drum,Side stick,Acoustic snare,Hand clap,Electric snare,Low floor tom,"
    "Closed hi-hat,High floor tom,Pedal hi-hat,Low tom,Open hi-hat,Low-mid tom,Hi-mid tom,Crash cymbal 1,"
    "High tom,Ride cymbal 1,Chinese cymbal,Ride bell,Tambourine,Splash cymbal,Cowbell,Crash cymbal 2,Vibraslap,"
    "Ride cymbal 2,Hi bongo,Low bongo,Mute hi conga,Open hi conga,Low conga,High timbale,Low timbale,High agogo,"
    "Low agogo,Cabasa,Maracas,Short whistle,Long whistle,Short guiro,Long guiro,Claves,Hi wood block,"
    "Low wood block,Mute cuica,Open cuica,Mute triangle,Open triangle"
)
DRUM_NAMES = dict(enumerate(_DRUMS_FROM_35.split(","), start=35))
"""General MIDI's names of drum keys, 35–81 (General MIDI Level 1, percussion key map)."""


def piano_roll(*music: Composition | Melody, title: str | None = None) -> go.Figure:
    """Return a piano roll of the last piece; with several, of what changed from the first to the last.

    Time runs to the right in bars and beats of the piece's own metre, pitch upwards; drums have lanes of their own
    below. A note of the last piece that the first lacks carries a plus sign; one that only the first has is dashed and
    struck through; notes of both are pale. Two notes are the same when onset, pitch and duration are, whatever their
    track. A click on a name in the legend hides that track.

    Parameters
    ----------
    *music : Composition or Melody
        One or more; those between the first and the last are not drawn.
    title : str, optional
        Instead of the last piece's own.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar trace a track and state (plain, kept, added), one a group of removed notes.

    Raises
    ------
    TypeError
        When an argument is not music.
    ValueError
        When there is no argument.
    """
    if not music:
        raise ValueError("piano_roll needs a melody or a composition to draw; got nothing.")
    pieces = [as_composition(piece) for piece in music]
    last = pieces[-1]
    changes = compare(pieces[0], last) if len(pieces) > 1 else None
    ruler = Ruler(last, max(piece.end for piece in pieces))
    drawn = [*last.notes, *(changes.removed_notes if changes else ())]
    if not drawn:
        return _empty_figure(title or last.title)

    figure = go.Figure()
    styles = _styles(last.tracks)
    for index, (track, style) in enumerate(zip(last.tracks, styles, strict=True)):
        compared = [(changes.kept[index], "kept"), (changes.added[index], "added")] if changes else []
        parts = compared or [(track.notes, "")]
        _draw_track(figure, track, style, ruler, parts, group=f"track {index}")
    if changes:
        _draw_removed(figure, changes, ruler)
    lay_out(figure, _pitches(last, changes), ruler)
    figure.update_layout(title=title_of(title or last.title, changes))
    return figure


# -------------------------------------------------------------------------------- what changed


@dataclass(frozen=True)
class Changes:
    """What tells two pieces apart.

    Parameters
    ----------
    added : tuple of tuple of Note
        For each track of the later piece, its notes that the earlier one lacks.
    kept : tuple of tuple of Note
        For each track of the later piece, its other notes.
    removed : tuple of (Track, tuple of Note)
        For each track of the earlier piece, its notes that the later one lacks.
    """

    added: tuple[tuple[Note, ...], ...]
    kept: tuple[tuple[Note, ...], ...]
    removed: tuple[tuple[Track, tuple[Note, ...]], ...]

    @property
    def removed_notes(self) -> tuple[Note, ...]:
        """All removed notes."""
        return tuple(note for _, notes in self.removed for note in notes)

    def __str__(self) -> str:
        added = sum(map(len, self.added))
        kept = sum(map(len, self.kept))
        removed = len(self.removed_notes)
        if not added and not removed:
            return "Nothing was changed."
        return f"{_count(added)} added, {removed} removed, {kept} kept."

    def legend(self) -> str:
        """Return the same in words that tell how each is drawn."""
        return (
            str(self)
            .replace("added", "added (+)")
            .replace("removed", "removed (dashed)")
            .replace("kept", "kept (pale)")
        )


def compare(earlier: Composition, later: Composition) -> Changes:
    """Return which notes were added, kept and removed on the way from one piece to another.

    Notes are the same when onset, pitch, duration (to a millionth of a beat) and being a drum are; each note of one
    piece stands for at most one of the other.
    """
    before, after = _counted(earlier), _counted(later)
    kept_left = before & after
    added, kept = [], []
    for track in later.tracks:
        parts: tuple[list[Note], list[Note]] = ([], [])
        for note in track.notes:
            key = _key(note, track)
            is_kept = kept_left[key] > 0
            kept_left[key] -= is_kept
            parts[is_kept].append(note)
        added.append(tuple(parts[0]))
        kept.append(tuple(parts[1]))
    removed_left = before - after
    removed = []
    for track in earlier.tracks:
        notes = []
        for note in track.notes:
            key = _key(note, track)
            if removed_left[key] > 0:
                removed_left[key] -= 1
                notes.append(note)
        removed.append((track, tuple(notes)))
    return Changes(tuple(added), tuple(kept), tuple(removed))


def _counted(piece: Composition) -> Counter:
    return Counter(_key(note, track) for track in piece.tracks for note in track.notes)


def _key(note: Note, track: Track) -> tuple[float, int, float, bool]:
    return (round(note.onset, 6), note.pitch, round(note.duration, 6), track.is_drum)


# -------------------------------------------------------------------------------- bars and beats


class Ruler:
    """Where a beat lies among the bars, as a musician counts them.

    Bars count from 1; an incomplete opening bar is bar 0, and its beats are counted from where the full bar would
    have begun, so an upbeat of one quarter in 4/4 is beat 4 of bar 0. The unit counted is the metre's own: six to the
    bar in 6/8.
    """

    def __init__(self, piece: Composition, end: float) -> None:
        self._piece = piece
        self.starts = bar_starts(piece.metres, piece.pickup, end)
        self.first_number = 0 if piece.pickup > 0 else 1

    def _metre(self, index: int) -> MetreChange:
        return self._piece.metre_at(self.starts[index])

    @property
    def end(self) -> float:
        """The beat at which the last bar ends."""
        last = len(self.starts) - 1
        if last == 0 and self._piece.pickup > 0:
            return self._piece.pickup
        return self.starts[last] + self._metre(last).bar_beats

    def describe(self, beat: float) -> str:
        """Return the place of `beat` in words: "bar 3, beat 2.5 of 4"."""
        index = max(0, bisect_right(self.starts, beat + 1e-6) - 1)
        metre = self._metre(index)
        position = beat - self.starts[index]
        if index == 0 and self.first_number == 0:
            position += metre.bar_beats - self._piece.pickup
        counted = position * metre.denominator / 4 + 1
        unit = {1: "whole", 2: "half", 4: "", 8: "eighth", 16: "sixteenth"}.get(metre.denominator, str(metre))
        return f"bar {index + self.first_number}, beat {in_digits(counted)} of {metre.numerator}" + (
            f" ({unit}s)" if unit else ""
        )

    def beats(self) -> list[float]:
        """Return every beat between bar lines, in the metre's unit, or none where there are too many to see."""
        found = []
        for index, start in enumerate(self.starts):
            following = self.starts[index + 1] if index + 1 < len(self.starts) else self.end
            unit = 4 / self._metre(index).denominator
            # An opening incomplete bar is counted back from the bar line it leads to.
            is_pickup = index == 0 and self.first_number == 0
            count = int((following - start) / unit + 1e-6)
            origin = following - count * unit if is_pickup else start
            found += [origin + step * unit for step in range(count + 1) if start < origin + step * unit < following]
            if len(found) > _BEAT_LINES_LIMIT:
                return []
        return found


def in_digits(value: float) -> str:
    """Return a number with two digits after the point at most: "1.5", "2"."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


# -------------------------------------------------------------------------------- drawing


@dataclass(frozen=True)
class _Style:
    colour: str
    pattern: str
    shape: str


def _styles(tracks: Sequence[Track]) -> list[_Style]:
    """Return a style a track; past five pitched tracks, hues come again with other patterns."""
    styles, pitched = [], 0
    for track in tracks:
        if track.is_drum:
            styles.append(_Style(DRUM_COLOUR, _DRUM_PATTERN, _DRUM_SHAPE))
            continue
        hues = len(TRACK_COLOURS)
        turned = (pitched + pitched // hues) % hues
        styles.append(_Style(TRACK_COLOURS[pitched % hues], _TRACK_PATTERNS[turned], _TRACK_SHAPES[turned]))
        pitched += 1
    return styles


def _draw_track(
    figure: go.Figure,
    track: Track,
    style: _Style,
    ruler: Ruler,
    parts: Sequence[tuple[Sequence[Note], str]],
    group: str,
) -> None:
    """Add a track's notes, one trace a state; one entry in the legend stands for all of them."""
    is_named = False
    for notes, state in parts:
        if not notes:
            continue
        figure.add_trace(
            note_bars(
                notes,
                track,
                name=f"{style.shape} {escape(track.name, quote=False)}",
                legendgroup=group,
                showlegend=not is_named,
                marker=_filling(style, is_pale=state == "kept"),
                hovertext=[_hover(note, track, ruler, state) for note in notes],
                hoverinfo="text",
            )
        )
        is_named = True
        if state == "added":
            figure.add_trace(_plus_signs(notes, track, style, group))


def _filling(style: _Style, is_pale: bool) -> dict:
    """Return plotly's marker for a track's notes; the outline in full hue holds the contrast of pale ones."""
    return {
        "color": with_opacity(style.colour, _KEPT_OPACITY if is_pale else 1),
        "line": {"color": style.colour, "width": 1 if is_pale else 0},
        "pattern": {
            "shape": style.pattern,
            "fillmode": "overlay",
            "fgcolor": style.colour if is_pale else with_opacity(ON_NOTE, 0.6),
            "size": 5,
            "solidity": 0.25,
        },
    }


def note_bars(notes: Sequence[Note], track: Track, **settings: object) -> go.Bar:
    """Return one rectangle a note, most of a semitone high and a hair short, so that repeated notes stay apart."""
    return go.Bar(
        orientation="h",
        base=[note.onset for note in notes],
        x=[note.duration - min(_GAP, note.duration / 10) for note in notes],
        y=[note.pitch for note in notes],
        width=0.82,
        yaxis="y2" if track.is_drum else "y",
        **settings,
    )


def _plus_signs(notes: Sequence[Note], track: Track, style: _Style, group: str) -> go.Bar:
    """Return the plain heads of added notes, each with a plus sign; a pattern behind it would hide the sign."""
    heads = [Note(note.onset, note.pitch, min(note.duration, 0.5), note.velocity) for note in notes]
    return note_bars(
        heads,
        track,
        name="added",
        legendgroup=group,
        showlegend=False,
        hoverinfo="skip",
        marker={"color": style.colour, "line": {"width": 0}},
        text="<b>+</b>",
        textposition="inside",
        insidetextanchor="middle",
        constraintext="none",
        textangle=0,
        textfont={"color": ON_NOTE, "size": 14},
    )


def _draw_removed(figure: go.Figure, changes: Changes, ruler: Ruler) -> None:
    is_named = False
    for is_drum in (False, True):
        removed = [(track, notes) for track, notes in changes.removed if track.is_drum is is_drum and notes]
        if not removed:
            continue
        notes = [note for _, part in removed for note in part]
        xs, ys = _struck_outlines(notes)
        figure.add_trace(
            go.Scatter(
                x=xs,
                y=ys,
                yaxis="y2" if is_drum else "y",
                mode="lines",
                line={"color": INK, "width": 1.5, "dash": "2px,2px"},
                name="removed",
                legendgroup="removed",
                showlegend=not is_named,
                hoverinfo="skip",
            )
        )
        figure.add_trace(
            note_bars(
                notes,
                Track(is_drum=is_drum),
                name="removed",
                legendgroup="removed",
                showlegend=False,
                marker={"color": "rgba(0,0,0,0)", "line": {"width": 0}},
                hovertext=[_hover(note, track, ruler, "removed") for track, part in removed for note in part],
                hoverinfo="text",
            )
        )
        is_named = True


def _struck_outlines(notes: Iterable[Note]) -> tuple[list[float | None], list[float | None]]:
    """Return the paths of hollow rectangles with a stroke through each, parted by None."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for note in notes:
        left, right, low, high = note.onset, note.offset, note.pitch - 0.41, note.pitch + 0.41
        xs += [left, right, right, left, left, None, left, right, None]
        ys += [low, low, high, high, low, None, note.pitch, note.pitch, None]
    return xs, ys


def _hover(note: Note, track: Track, ruler: Ruler, state: str) -> str:
    name = DRUM_NAMES.get(note.pitch, f"Drum {note.pitch}") if track.is_drum else pitch_name(note.pitch)
    length = "1 beat" if note.duration == 1 else f"{in_digits(note.duration)} beats"
    lines = [
        f"<b>{name}</b> {escape(track.name, quote=False)}{f', {state}' if state else ''}",
        ruler.describe(note.onset),
        f"{length} long (quarter notes), velocity {note.velocity}",
    ]
    return "<br>".join(lines)


# -------------------------------------------------------------------------------- axes


def _pitches(last: Composition, changes: Changes | None) -> dict[bool, list[int]]:
    """Return the pitches drawn, ascending: of tones under False, of drums under True."""
    tracks = [(track.is_drum, track.notes) for track in last.tracks]
    if changes:
        tracks += [(track.is_drum, notes) for track, notes in changes.removed]
    return {
        is_drum: sorted({note.pitch for kind, notes in tracks if kind is is_drum for note in notes})
        for is_drum in (False, True)
    }


def lay_out(figure: go.Figure, pitches: dict[bool, list[int]], ruler: Ruler) -> None:
    """Give a piano roll its axes, size and colours.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    pitches : dict of bool to list of int
        What is drawn, ascending: tones under False, drums under True.
    ruler : Ruler
    """
    tones, drums = pitches[False], pitches[True]
    lanes = _lane_range(tones) if tones else None
    drum_lanes = (drums[0] - 1.0, drums[-1] + 1.0) if drums else None
    heights = [span[1] - span[0] if span else 0.0 for span in (lanes, drum_lanes)]
    figure.update_layout(
        template="none",
        barmode="overlay",
        height=round(min(_MOST_PIXELS, _PIXELS_A_PITCH * sum(heights)) + _PIXELS_ABOVE + _PIXELS_BELOW),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 12},
        margin={"l": 56, "r": 16, "t": _PIXELS_ABOVE, "b": _PIXELS_BELOW},
        legend=_legend(names=len({trace.legendgroup for trace in figure.data})),
        hoverlabel={"align": "left"},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": TRACK_COLOURS[0]},
        dragmode="pan",
        xaxis=_time_axis(ruler, anchor="y2" if drums else "y"),
    )
    gap = 0.05 if lanes and drum_lanes else 0.0
    share = heights[1] / sum(heights) * (1 - gap)
    if lanes:
        figure.update_layout(
            yaxis=_pitch_axis(lanes, domain=(share + gap, 1.0)), shapes=[_black_key(p) for p in _black(lanes)]
        )
    if drum_lanes:
        figure.update_layout(
            yaxis2={
                **LANE_AXIS,
                "range": drum_lanes,
                "domain": (0.0, share),
                "tickvals": drums,
                "ticktext": [DRUM_NAMES.get(drum, f"Drum {drum}") for drum in drums],
                "automargin": True,
            }
        )


def _legend(names: int) -> dict:
    """Return the place of the legend: a row above the music, or a column beside it where a row would not do."""
    return {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0} if names <= 7 else {"orientation": "v"}


LANE_AXIS = {"showgrid": False, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True}
"""An axis across music: it stays where it is when time is dragged."""


def _lane_range(tones: Sequence[int]) -> tuple[float, float]:
    """Return the lowest and highest place of the pitch axis: an octave at least, with a margin."""
    spare = max(0, _LEAST_PITCHES - (tones[-1] - tones[0] + 1))
    return tones[0] - 1.0 - spare // 2, tones[-1] + 1.0 + (spare + 1) // 2


def _time_axis(ruler: Ruler, anchor: str) -> dict:
    numbers = [index + ruler.first_number for index in range(len(ruler.starts))]
    is_longer = len(ruler.starts) > BARS_AT_ONCE
    title = f"bar (drag sideways for bars {numbers[BARS_AT_ONCE]}–{numbers[-1]})" if is_longer else "bar"
    return {
        "anchor": anchor,
        "range": (0, ruler.starts[BARS_AT_ONCE] if is_longer else ruler.end),
        "tickvals": ruler.starts,
        "ticktext": [str(number) for number in numbers],
        "tickangle": 0,
        "title": {"text": title, "standoff": 4},
        "ticks": "outside",
        "tickcolor": INK,
        "gridcolor": INK,
        "gridwidth": 1,
        "zeroline": False,
        "minor": {"tickvals": ruler.beats(), "showgrid": True, "gridcolor": "rgba(128,128,128,0.28)", "ticks": ""},
    }


def _pitch_axis(lanes: tuple[float, float], domain: tuple[float, float]) -> dict:
    """Return the axis of tones: white keys by name where there is room, else every C, and always some."""
    shown = range(max(0, round(lanes[0])), min(127, round(lanes[1])) + 1)
    whites = [pitch for pitch in shown if pitch % 12 not in _BLACK_KEYS]
    named = whites if len(shown) <= 26 else [pitch for pitch in whites if pitch % 12 in (0, 5)]
    if len(shown) > 50:
        named = [pitch for pitch in whites if pitch % 12 == 0]
    return {
        **LANE_AXIS,
        "range": lanes,
        "domain": domain,
        "tickvals": named,
        "ticktext": [pitch_name(pitch) for pitch in named],
    }


def _black(lanes: tuple[float, float]) -> list[int]:
    return [pitch for pitch in range(round(lanes[0]), round(lanes[1]) + 1) if pitch % 12 in _BLACK_KEYS]


def _black_key(pitch: int) -> dict:
    """Return the grey row of a black key, behind the notes."""
    return {
        "type": "rect",
        "layer": "below",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": pitch - 0.5,
        "y1": pitch + 0.5,
        "fillcolor": "rgba(128,128,128,0.10)",
        "line": {"width": 0},
    }


def title_of(text: str, changes: Changes | None = None) -> dict:
    """Return plotly's title, with what was changed beneath it."""
    title: dict = {"text": escape(text, quote=False), "font": {"size": 16}}
    title |= {"x": 0, "xref": "paper", "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 12}}
    if changes:
        title["subtitle"] = {"text": changes.legend(), "font": {"size": 12}}
    return title


def _empty_figure(title: str) -> go.Figure:
    return go.Figure(
        layout={
            "template": "none",
            "title": title_of(title),
            "font": {"color": INK},
            "height": 160,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": {"visible": False},
            "yaxis": {"visible": False},
            "annotations": [{"text": "No notes yet.", "showarrow": False, "font": {"size": 14}}],
        }
    )


def _count(notes: int) -> str:
    return "1 note" if notes == 1 else f"{notes} notes"


def with_opacity(colour: str, opacity: float) -> str:
    """Return "#rrggbb" as a colour that lets the ground through."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return colour if opacity == 1 else f"rgba({red},{green},{blue},{opacity})"


# -------------------------------------------------------------------------------- a picture that needs no script

_STILL_WIDTH, _STILL_ROW, _STILL_TOP, _STILL_LEFT = 860, 8, 20, 34  # pixels


def still(earlier: Composition, later: Composition) -> str:
    """Return what changed from one piece to another as an SVG picture, for a reader without JavaScript.

    Added notes have a plus sign, removed ones a dashed outline with a stroke, kept ones are pale. Drums are left out.
    Every colour has a contrast of at least 3:1 on both of JupyterLab's grounds, and the ground is transparent.
    """
    changes = compare(earlier, later)
    ruler = Ruler(later, max(earlier.end, later.end))
    tones = _pitches(later, changes)[False]
    low, high = (tones[0] - 1, tones[-1] + 1) if tones else (59, 71)
    height = _STILL_TOP + _STILL_ROW * (high - low + 1)
    beat = (_STILL_WIDTH - _STILL_LEFT) / ruler.end

    def box(note: Note) -> tuple[float, float, float]:
        """Return left, top and width in pixels."""
        width = max(2.0, note.duration * beat - 1)
        return _STILL_LEFT + note.onset * beat, _STILL_TOP + (high - note.pitch) * _STILL_ROW, width

    parts = [_still_ground(ruler, low, high, beat, height)]
    for track, style, added, kept in zip(later.tracks, _styles(later.tracks), changes.added, changes.kept, strict=True):
        if track.is_drum:
            continue
        parts += [_still_note(box(note), style.colour, is_added=False) for note in kept]
        parts += [_still_note(box(note), style.colour, is_added=True) for note in added]
    parts += [_still_removed(box(n)) for track, notes in changes.removed if not track.is_drum for n in notes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_STILL_WIDTH} {height}" width="{_STILL_WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="10" fill="{INK}">'
        f"<title>{escape(later.title)}</title><desc>{escape(changes.legend())}</desc>{''.join(parts)}</svg>"
    )


def _still_ground(ruler: Ruler, low: int, high: int, beat: float, height: int, row: int = _STILL_ROW) -> str:
    lines = []
    for index, start in enumerate(ruler.starts):
        x = _STILL_LEFT + start * beat
        lines.append(f'<path d="M{x:.1f} 0V{height}" stroke="{INK}" stroke-width=".7"/>')
        lines.append(f'<text x="{x + 3:.1f}" y="11">{index + ruler.first_number}</text>')
    for pitch in range(low, high + 1):
        y = _STILL_TOP + (high - pitch) * row
        if pitch % 12 in _BLACK_KEYS:
            width = _STILL_WIDTH - _STILL_LEFT
            lines.append(
                f'<rect x="{_STILL_LEFT}" y="{y}" width="{width}" height="{row}" fill="rgb(128,128,128)" '
                'fill-opacity=".1"/>'
            )
        if pitch % 12 == 0:
            lines.append(f'<text x="{_STILL_LEFT - 5}" y="{y + row}" text-anchor="end">{pitch_name(pitch)}</text>')
    return "".join(lines)


def _still_note(box: tuple[float, float, float], colour: str, *, is_added: bool) -> str:
    left, top, width = box
    opacity = 1 if is_added else _KEPT_OPACITY
    note = (
        f'<rect x="{left:.1f}" y="{top + 0.5}" width="{width:.1f}" height="{_STILL_ROW - 1}" rx="2" fill="{colour}" '
        f'fill-opacity="{opacity}" stroke="{colour}"/>'
    )
    if not is_added or width < 8:
        return note
    plus = f"M{left + 2:.1f} {top + 4}h4M{left + 4:.1f} {top + 2}v4"
    return f'{note}<path d="{plus}" stroke="{ON_NOTE}" stroke-width="1.2"/>'


def _still_removed(box: tuple[float, float, float]) -> str:
    left, top, width = box
    outline = f"M{left:.1f} {top + 0.5}h{width:.1f}v{_STILL_ROW - 1}h{-width:.1f}zM{left:.1f} {top + 4}h{width:.1f}"
    return f'<path d="{outline}" fill="none" stroke="{INK}" stroke-dasharray="3 2"/>'


# -------------------------------------------------------------------------------- what a network doubts


class Opinion(Protocol):
    """What a network thinks of one note of a piece.

    Attributes
    ----------
    track : int
        Index of the note's track.
    note : Note
    doubt : float
        0–1: how likely the note is out of place.
    rather : Note or None
        What it would rather hear there, if anything.
    rather_probability : float
        0–1: how likely that note is right once the other is gone.
    """

    @property
    def track(self) -> int: ...  # noqa: D102
    @property
    def note(self) -> Note: ...  # noqa: D102
    @property
    def doubt(self) -> float: ...  # noqa: D102
    @property
    def rather(self) -> Note | None: ...  # noqa: D102
    @property
    def rather_probability(self) -> float: ...  # noqa: D102


LEAST_DOUBT = 0.2
"""A note doubted less than this is not singled out."""

_SINGLED_OUT = 3


def most_doubted(opinions: Iterable[Opinion]) -> list[Opinion]:
    """Return the three most doubted notes, most doubted first, of those with a doubt of `LEAST_DOUBT` or more."""
    doubted = [opinion for opinion in opinions if opinion.doubt >= LEAST_DOUBT]
    return sorted(doubted, key=lambda opinion: (-opinion.doubt, opinion.note))[:_SINGLED_OUT]


def doubts(music: Composition | Melody, opinions: Sequence[Opinion], *, title: str | None = None) -> go.Figure:
    """Return a piano roll whose notes are coloured by how out of place a network finds them.

    Grey fits, red is out of place; the three most doubted carry a numbered triangle and an outline. A hollow purple
    note is what the network would rather hear, with a line to the note that it doubts.

    Parameters
    ----------
    music : Composition or Melody
    opinions : sequence of Opinion
        One a pitched note; notes without one (drums) are drawn in their own grey.
    title : str, optional
        Instead of the piece's own.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    piece = as_composition(music)
    ruler = Ruler(piece, max([piece.end, *(rather.offset for rather in _rathers(opinions))]))
    if not piece.notes:
        return _empty_figure(title or piece.title)
    figure = go.Figure()
    for index, (track, style) in enumerate(zip(piece.tracks, _styles(piece.tracks), strict=True)):
        if track.is_drum and track.notes:
            _draw_track(figure, track, style, ruler, [(track.notes, "")], group=f"track {index}")
        else:
            _draw_doubted(figure, track, [opinion for opinion in opinions if opinion.track == index], ruler)
    _draw_rathers(figure, opinions, piece, ruler)
    _draw_signs(figure, most_doubted(opinions))
    pitches = _pitches(piece, None)
    signs = (opinion.note.pitch + 1 for opinion in most_doubted(opinions))  # room for a triangle above the highest note
    pitches[False] = sorted({*pitches[False], *signs, *(rather.pitch for rather in _rathers(opinions))})
    lay_out(figure, pitches, ruler)
    figure.update_layout(
        title=title_of(title or piece.title) | {"subtitle": {"text": "How out of place a model finds every note"}},
        coloraxis={
            "cmin": 0,
            "cmax": 1,
            "colorscale": [[place / 2, colour] for place, colour in enumerate(DOUBT_SCALE)],
            "colorbar": {
                "tickvals": [0, 0.5, 1],
                "ticktext": ["fits", "50 %", "out of place"],
                "thickness": 14,
                "outlinewidth": 0,
            },
        },
    )
    return figure


def opinion_in_words(opinion: Opinion, ruler: Ruler) -> str:
    """Return an opinion in words: "G4 at bar 2, beat 3 of 4: out of place 83 %; would rather hear F♯4, 61 %"."""
    words = f"{opinion.note.name} at {ruler.describe(opinion.note.onset)}: out of place {percent(opinion.doubt)}"
    if opinion.rather is None:
        return words
    length = opinion.rather.duration
    same = abs(length - opinion.note.duration) < 1e-6
    lasting = "" if same else f" for {in_digits(length)} beat{'' if length == 1 else 's'}"
    return f"{words}; would rather hear {opinion.rather.name}{lasting}, {percent(opinion.rather_probability)}"


def percent(probability: float) -> str:
    """Return "83 %"; below one per cent the first digit that is not 0: "0.03 %"."""
    shown = 100 * probability
    return (
        f"{np.format_float_positional(shown, precision=1, fractional=False, trim='-') if shown < 1 else round(shown)} %"
    )


def _rathers(opinions: Iterable[Opinion]) -> list[Note]:
    return [opinion.rather for opinion in opinions if opinion.rather is not None]


def _draw_doubted(figure: go.Figure, track: Track, opinions: Sequence[Opinion], ruler: Ruler) -> None:
    if not opinions:
        return
    words = [f"<b>{escape(track.name, quote=False)}</b><br>{opinion_in_words(opinion, ruler)}" for opinion in opinions]
    figure.add_trace(
        note_bars(
            [opinion.note for opinion in opinions],
            track,
            name=escape(track.name, quote=False),
            showlegend=False,
            marker={
                "color": [round(opinion.doubt, 4) for opinion in opinions],
                "coloraxis": "coloraxis",
                "line": {"width": 0},
            },
            hovertext=words,
            hoverinfo="text",
        )
    )


def _draw_rathers(figure: go.Figure, opinions: Sequence[Opinion], piece: Composition, ruler: Ruler) -> None:
    """Draw what would rather be heard: hollow notes, a line from each to the note it would replace, and hover words."""
    wished = [opinion for opinion in opinions if opinion.rather is not None]
    if not wished:
        return
    xs: list[float | None] = []
    ys: list[float | None] = []
    for opinion in wished:
        rather, note = opinion.rather, opinion.note
        assert rather is not None
        outline_x, outline_y = _outline(rather)
        xs += [*outline_x, None]
        ys += [*outline_y, None]
        if rather.pitch != note.pitch:
            up = 0.41 if rather.pitch > note.pitch else -0.41
            x = note.onset + min(note.duration, rather.duration) / 2
            xs += [x, x, None]
            ys += [note.pitch + up, rather.pitch - up, None]
    figure.add_trace(
        go.Scatter(
            x=xs,
            y=ys,
            mode="lines",
            line={"color": NETWORK_COLOUR, "width": 1.5},
            name="would rather hear",
            legendgroup="rather",
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        note_bars(
            _rathers(wished),
            Track(),
            name="would rather hear",
            legendgroup="rather",
            showlegend=False,
            marker={"color": "rgba(0,0,0,0)", "line": {"width": 0}},
            hovertext=[
                f"<b>{escape(piece.tracks[opinion.track].name, quote=False)}</b><br>{opinion_in_words(opinion, ruler)}"
                for opinion in wished
            ],
            hoverinfo="text",
        )
    )


def _draw_signs(figure: go.Figure, doubted: Sequence[Opinion]) -> None:
    if not doubted:
        return
    xs: list[float | None] = []
    ys: list[float | None] = []
    for opinion in doubted:
        outline_x, outline_y = _outline(opinion.note)
        xs += [*outline_x, None]
        ys += [*outline_y, None]
    figure.add_trace(
        go.Scatter(
            x=xs,
            y=ys,
            mode="lines",
            line={"color": DOUBT_SCALE[-1], "width": 2.5},
            name="most doubted",
            legendgroup="doubted",
            showlegend=False,
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[opinion.note.onset + opinion.note.duration / 2 for opinion in doubted],
            y=[opinion.note.pitch + 1.1 for opinion in doubted],
            mode="markers+text",
            marker={"symbol": "triangle-down", "size": 22, "color": DOUBT_SCALE[-1], "opacity": 1},
            text=[f"<b>{place}</b>" for place in range(1, len(doubted) + 1)],
            textposition="middle center",
            textfont={"color": ON_NOTE, "size": 11},
            name="most doubted",
            legendgroup="doubted",
            hoverinfo="skip",
        )
    )


def _outline(note: Note) -> tuple[list[float], list[float]]:
    left, right = note.onset, note.offset - min(_GAP, note.duration / 10)
    low, high = note.pitch - 0.41, note.pitch + 0.41
    return [left, right, right, left, left], [low, low, high, high, low]


# -------------------------------------------------------------------------------- a U-Net from inside


class FeatureMap(Protocol):
    """What one stage of a U-Net holds for a stretch of music.

    Attributes
    ----------
    name : str
        "level 1 down", "level 1 up"; a stage between the two ways has another name.
    values : ndarray, float32, shape (channels, rows, columns)
        Row 0 is the lowest.
    beats : (float, float)
        The stretch, in beats.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def values(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def beats(self) -> tuple[float, float]: ...  # noqa: D102


_MAPS_A_STAGE = 4
_TILE_GAP = 0.08  # of a tile's width
_PANEL_PIXELS, _HEADING_PIXELS = 104, 44
_PANELS = ("way down", "way up", "way up, skip connections cut")
_HEAT = [[0, "rgba(160,58,181,0)"], [0.5, "rgba(160,58,181,0.55)"], [1, NETWORK_COLOUR]]


def answer_change(whole: NDArray[np.float32], cut: NDArray[np.float32], *, top: int = 20) -> tuple[float, int]:
    """Return how alike two maps of probabilities are.

    Returns
    -------
    (float, int)
        Pearson's correlation over all cells (0 where a map is the same everywhere), and how many of the `top` likeliest
        cells of the first are among those of the second.
    """
    first, second = whole.ravel().astype(np.float64), cut.ravel().astype(np.float64)
    spread = first.std() * second.std()
    correlation = 0.0 if spread == 0 else float(((first - first.mean()) * (second - second.mean())).mean() / spread)
    likeliest = (set(np.argsort(-values, kind="stable")[:top].tolist()) for values in (first, second))
    return correlation, len(set.intersection(*likeliest))


def most_active(values: NDArray[np.float32], most: int = _MAPS_A_STAGE) -> list[int]:
    """Return the channels whose values vary most over the stretch (standard deviation), most active first.

    A channel that is high everywhere says nothing of the music, so it does not count as active.
    """
    spread = values.reshape(len(values), -1).std(axis=1)
    return np.argsort(-spread, kind="stable")[:most].tolist()


def feature_maps(
    whole: Sequence[FeatureMap],
    cut: Sequence[FeatureMap],
    answers: tuple[NDArray[np.float32], NDArray[np.float32]],
    notes: Sequence[tuple[float, float, float]],
    *,
    lowest_pitch: int,
    title: str,
) -> go.Figure:
    """Return a U-Net seen from inside: the most active maps of each stage, and what is left without skip connections.

    Stages stand as in the U: the way down on the left, the way up in the middle, level beside level; on the right the
    way up once more with the skip connections cut, the same channels on the same scale of colour. Beneath stands the
    answer: how likely adding a note is right in each cell, with skip connections and without.

    Parameters
    ----------
    whole, cut : sequence of FeatureMap
        The stages in order, with the skip connections and without; a stage is found again by its name.
    answers : (ndarray, ndarray), float32, shape (pitches, steps)
        P(adding a note is right), with the skip connections and without.
    notes : sequence of (float, float, float)
        The notes of the stretch, drawn as outlines over the answers: first column, row, last column (exclusive).
    lowest_pitch : int
        The MIDI pitch of row 0 of the answers.
    title : str

    Returns
    -------
    plotly.graph_objects.Figure
    """
    without = {stage.name: stage for stage in cut}
    rows = _rows_of_the_u(whole)
    place = next((row for row, stages in enumerate(rows) if 1 not in stages), len(rows))  # of the answers: under the U
    count = max(len(rows), place + 2)
    figure = go.Figure()
    panel = _Panels(figure, count)
    for row, stages in enumerate(rows):
        for column, stage in stages.items():
            channels = most_active(stage.values)
            strongest = float(np.abs(stage.values[channels]).max()) or 1.0
            panel.draw(row, column, stage.values[channels] / strongest, f"{stage.name}, {_PANELS[column]}")
            panel.say(row, column, _stage_heading(stage))
            if column == 1:
                other = without[stage.name].values[channels] / strongest
                panel.draw(row, 2, np.clip(other, -1, 1), f"{stage.name}, {_PANELS[2]}")
                panel.say(row, 2, _heading(stage.name, "skip connections cut"))
    scale = float(max(answers[0].max(), answers[1].max(), 1e-6))
    for column, answer in ((1, answers[0]), (2, answers[1])):
        panel.draw(place, column, answer[None] / scale, "adding a note is right", unit=scale, to=count)
        panel.outline(notes)
        panel.name_octaves(lowest_pitch, len(answer))
        panel.say(
            place, column, _heading("the answer: add here?", "skip connections cut" if column == 2 else "as it is")
        )
    figure.update_layout(
        template="none",
        height=panel.total + 100,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 11},
        margin={"l": 16, "r": 16, "t": 72, "b": 28},
        hoverlabel={"align": "left"},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": TRACK_COLOURS[0]},
        title=title_of(title)
        | {
            "subtitle": {
                "text": "Each small picture is one channel: time to the right, pitch upwards; full colour is strongest"
            }
        },
    )
    return figure


def _rows_of_the_u(stages: Sequence[FeatureMap]) -> list[dict[int, FeatureMap]]:
    """Return the stages by row and column: a level a row, the way down in column 0, up in 1; others stand below."""
    levels: dict[str, dict[int, FeatureMap]] = {}
    between: list[dict[int, FeatureMap]] = []
    for stage in stages:
        match = re.search(r"level (\d+) (down|up)", stage.name)
        if match is None:
            between.append({0: stage})
        else:
            levels.setdefault(match[1], {})[0 if match[2] == "down" else 1] = stage
    return [*(levels[number] for number in sorted(levels, key=int)), *between]


def _stage_heading(stage: FeatureMap) -> str:
    channels, rows, columns = stage.values.shape
    return _heading(stage.name, f"{channels} channels of {rows} × {columns}")


def _heading(name: str, more: str) -> str:
    return f"<b>{escape(name, quote=False)}</b><br>{more}"


class _Panels:
    """Places panels of tiles on a grid of three columns; every panel has a pair of axes of its own."""

    def __init__(self, figure: go.Figure, rows: int) -> None:
        self.figure, self.total, self.count = figure, rows * (_HEADING_PIXELS + _PANEL_PIXELS), 0

    def _domain(self, row: int, column: int, to: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the place of a panel that starts in a row and ends above row `to`, in shares of the figure."""
        both = _HEADING_PIXELS + _PANEL_PIXELS
        left = column * 0.345
        return (left, left + 0.31), (
            max(0.0, 1 - to * both / self.total),
            1 - (row * both + _HEADING_PIXELS) / self.total,
        )

    def draw(
        self,
        row: int,
        column: int,
        tiles: NDArray[np.float32],
        name: str,
        *,
        unit: float | None = None,
        to: int | None = None,
    ) -> None:
        """Draw maps side by side as one heat map, with a frame round each, down to row `to` (the next).

        `tiles` has shape (tiles, rows, columns) and lies in −1…1; a negative value is shown by its size. `unit`, the
        value of 1, is told on hovering; without it, values are relative to the strongest of the panel.
        """
        self.count += 1
        number = "" if self.count == 1 else str(self.count)
        across, down = self._domain(row, column, to or row + 1)
        count, rows, columns = tiles.shape
        gap = max(1, round(_TILE_GAP * columns)) if count > 1 else 0
        picture = np.full((rows, count * columns + (count - 1) * gap), np.nan)
        for index, tile in enumerate(tiles):
            start = index * (columns + gap)
            picture[:, start : start + columns] = np.abs(tile) * (unit or 1)
            self._frame(number, start - 0.5, start + columns - 0.5, rows)
        told = "%{z:.1%}" if unit else "%{z:.2f} of the strongest"
        self.figure.add_trace(
            go.Heatmap(
                z=[[None if np.isnan(value) else float(f"{value:.3g}") for value in line] for line in picture],
                zmin=0,
                zmax=unit or 1,
                colorscale=_HEAT,
                showscale=False,
                xaxis=f"x{number}",
                yaxis=f"y{number}",
                name=name,
                hovertemplate=f"{escape(name, quote=False)}<br>{told}<extra></extra>",
                hoverongaps=False,
            )
        )
        plain = {"visible": False, "fixedrange": True}
        self.figure.update_layout(
            {
                f"xaxis{number}": {
                    **plain,
                    "domain": across,
                    "anchor": f"y{number}",
                    "range": (-0.5, picture.shape[1] - 0.5),
                },
                f"yaxis{number}": {**plain, "domain": down, "anchor": f"x{number}", "range": (-0.5, rows - 0.5)},
            }
        )

    def _frame(self, number: str, left: float, right: float, rows: int) -> None:
        self.figure.add_shape(
            type="rect", layer="above", xref=f"x{number}", yref=f"y{number}", x0=left, x1=right, y0=-0.5, y1=rows - 0.5,
            line={"color": INK, "width": 0.7},
        )  # fmt: skip

    def outline(self, notes: Sequence[tuple[float, float, float]]) -> None:
        """Draw notes as outlines over the panel drawn last."""
        xs: list[float | None] = []
        ys: list[float | None] = []
        for first, row, end in notes:
            xs += [first - 0.5, end - 0.5, end - 0.5, first - 0.5, first - 0.5, None]
            ys += [row - 0.5, row - 0.5, row + 0.5, row + 0.5, row - 0.5, None]
        self.figure.add_trace(
            go.Scatter(
                x=xs, y=ys, xaxis=f"x{self.count}", yaxis=f"y{self.count}", mode="lines", hoverinfo="skip",
                showlegend=False, line={"color": TRACK_COLOURS[0], "width": 1.2},
            )
        )  # fmt: skip

    def name_octaves(self, lowest_pitch: int, rows: int) -> None:
        """Write every C beside the panel drawn last."""
        octaves = [row for row in range(rows) if (lowest_pitch + row) % 12 == 0]
        named = [pitch_name(lowest_pitch + row) for row in octaves]
        axis = {"visible": True, "tickvals": octaves, "ticktext": named, "ticks": "", "ticklabelstandoff": 3}
        self.figure.update_layout({f"yaxis{self.count}": {**LANE_AXIS, **axis}})

    def say(self, row: int, column: int, words: str) -> None:
        """Write a heading over a panel."""
        (left, _), (_, top) = self._domain(row, column, row + 1)
        place = {"xref": "paper", "yref": "paper", "x": left, "y": top, "xanchor": "left", "yanchor": "bottom"}
        self.figure.add_annotation(text=words, showarrow=False, font={"color": INK, "size": 12}, align="left", **place)


# -------------------------------------------------------------------------------- a training


_DRUM_LANE, _SKETCH_PIXELS = 9, 240  # pixels: one lane of drums, and all rows of pitches together
_FILLS = {  # the strokes of a track's pattern, on a tile of 6 × 6 pixels; as plotly draws them
    "/": "M-1 7L7 -1",
    "\\": "M-1 -1L7 7",
    "-": "M0 3H6",
    ".": "M2 3h2",
    "|": "M3 0V6",
}


def sketch(piece: Composition, among: Sequence[Composition] = ()) -> str:
    """Return a piano roll as an SVG picture as wide as its place: quick to draw and to change, without hovering.

    Drums have lanes of their own below. Tracks have hue, pattern and, in the legend above, a shape.

    Parameters
    ----------
    piece : Composition
    among : sequence of Composition
        Pieces that are looked at one after the other: all have the same ruler and the same range of pitches.
    """
    pieces = [piece, *among]
    ruler = Ruler(piece, max(each.end for each in pieces) or 4.0)
    tones = sorted(
        {note.pitch for each in pieces for track in each.tracks if not track.is_drum for note in track.notes}
    )
    drums = sorted({note.pitch for each in pieces for track in each.tracks if track.is_drum for note in track.notes})
    low, high = (tones[0] - 1, tones[-1] + 1) if tones else (59, 71)
    row = min(_STILL_ROW, max(3, _SKETCH_PIXELS // (high - low + 1)))
    floor = _STILL_TOP + row * (high - low + 1)
    height = floor + (8 + _DRUM_LANE * len(drums) if drums else 0)
    beat = (_STILL_WIDTH - _STILL_LEFT) / ruler.end
    parts = [_still_ground(ruler, low, high, beat, height, row)]
    if drums:
        parts.append(f'<text x="{_STILL_LEFT - 5}" y="{floor + 15}" font-size="9" text-anchor="end">drums</text>')
    patterns = []
    for style in dict.fromkeys(_styles(piece.tracks)):
        if style.pattern in _FILLS:
            patterns.append(
                f'<pattern id="{_pattern_name(style)}" width="6" height="6" patternUnits="userSpaceOnUse">'
                f'<path d="{_FILLS[style.pattern]}" stroke="{ON_NOTE}" stroke-opacity=".6" stroke-width="1.2"/>'
                "</pattern>"
            )
    # The first track comes last: what a person played lies on top.
    for track, style in reversed(list(zip(piece.tracks, _styles(piece.tracks), strict=True))):
        rows, row_height = (drums, _DRUM_LANE) if track.is_drum else (None, row)
        boxes = []
        for note in track.notes:
            top = floor + 8 + (len(drums) - 1 - rows.index(note.pitch)) * row_height if rows else (
                _STILL_TOP + (high - note.pitch) * row_height
            )  # fmt: skip
            left, width = _STILL_LEFT + note.onset * beat, max(2.0, note.duration * beat - 1)
            boxes.append(f"M{left:.1f} {top + 0.5:.1f}h{width:.1f}v{row_height - 1}h{-width:.1f}z")
        path = "".join(boxes)
        parts.append(f'<path class="is-notes" d="{path}" fill="{style.colour}"/>')
        if style.pattern in _FILLS:
            parts.append(f'<path d="{path}" fill="url(#{_pattern_name(style)})"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_STILL_WIDTH} {height}" '
        f'style="width: 100%; height: auto; display: block" font-family="sans-serif" font-size="10" fill="{INK}">'
        f"<title>{escape(piece.title)}</title><defs>{''.join(patterns)}</defs>{''.join(parts)}</svg>"
    )


def _pattern_name(style: _Style) -> str:
    return f"dc-sketch-{ord(style.pattern)}"


def track_marks(piece: Composition) -> list[tuple[str, str, str]]:
    """Return the shape, the colour and the name of every track, for a legend."""
    return [
        (style.shape, style.colour, track.name)
        for track, style in zip(piece.tracks, _styles(piece.tracks), strict=True)
    ]


DATA_COLOUR = TRACK_COLOURS[1]
"""Green is the training data."""

_DRAWN_POINTS = 300  # of a curve: as many as there are pixels to see
_CURVES = {  # name -> (colour, dash, symbol, how the symbol is written)
    "loss": (INK, "solid", "circle", "●"),
    "discriminator": (INK, "solid", "circle", "●"),
    "generator": (NETWORK_COLOUR, "6px,3px", "triangle-up", "▲"),
    "real": (DATA_COLOUR, "solid", "square", "■"),
    "generated": (NETWORK_COLOUR, "6px,3px", "triangle-up", "▲"),
}
_METRIC_NAMES = {
    "loss": "validation loss",
    "distinct_pitches_per_bar": "pitches used",
    "edit_nats": "nats an edit",
    "bits_per_note": "bits a note",
}
_TOP_PIXELS, _ROW_PIXELS, _PANEL_ROW_PIXELS, _BETWEEN_PIXELS = 46, 132, 74, 118

Points = tuple[Sequence[float], Sequence[float]]


class TrainingCurves:
    """Living curves of a training: losses, a discriminator's scores, and metrics beside the data's own.

    Parameters
    ----------
    charts : mapping of str to sequence of str
        Title of a chart and the curves in it, left to right: {"Losses": ("discriminator", "generator"), …}; of "loss",
        "discriminator", "generator", "real" and "generated".
    metrics : sequence of str
        A small panel each.
    band : mapping of str to (float, float)
        The low and high of the metrics over the data; shaded.

    Attributes
    ----------
    widget : plotly.graph_objects.FigureWidget
    """

    def __init__(
        self,
        charts: dict[str, Sequence[str]],
        metrics: Sequence[str] = (),
        band: dict[str, tuple[float, float]] | None = None,
    ) -> None:
        self.charts, self.metrics, self.band = charts, tuple(metrics), dict(band or {})
        figure = go.Figure()
        self._total = _TOP_PIXELS + _ROW_PIXELS + (_BETWEEN_PIXELS + _PANEL_ROW_PIXELS - 22 if metrics else 42)
        self._traces: list[tuple[str, str]] = []  # (chart or "", curve); a line, then its end
        self._count, self._end = 0, 0.0
        for column, (title, names) in enumerate(charts.items()):
            self._chart(figure, title, names, column)
        for column, name in enumerate(self.metrics):
            self._panel(figure, name, column)
        figure.update_layout(
            template="none",
            height=self._total,
            autosize=True,
            showlegend=False,
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"color": INK, "size": 11},
            margin={"l": 40, "r": 12, "t": 0, "b": 0},
            hoverlabel={"align": "left"},
            modebar={"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": TRACK_COLOURS[0]},
        )
        self._shown: list[Points] = [((), ())] * len(self._traces)
        self.widget = go.FigureWidget(figure)
        self.widget._config = {**(self.widget._config or {}), "displayModeBar": False, "responsive": True}

    def draw(self, curves: dict[str, dict[str, Points]], end: float) -> None:
        """Show these curves: by chart, and metrics under ""; `end` is the epoch at which the training will end."""
        with self.widget.batch_update():
            for index, (chart, name) in enumerate(self._traces):
                points = curves.get(chart, {}).get(name, ((), ()))
                if self._shown[index] == points:
                    continue  # metrics are measured now and then
                self._shown[index] = points
                epochs, values = _few(points)
                line, tip = self.widget.data[2 * index], self.widget.data[2 * index + 1]
                line.x, line.y = epochs, values
                tip.x, tip.y = epochs[-1:], values[-1:]
            for number in range(1, self._count + 1) if end != self._end else ():
                self.widget.layout[f"xaxis{'' if number == 1 else number}"].range = (0, max(end, 1e-6))
            self._end = end
            notes = self.widget.layout.annotations
            for place, (title, names) in enumerate(self.charts.items()):
                notes[place].text = self._chart_words(title, names, curves.get(title, {}))
            for place, name in enumerate(self.metrics, start=len(self.charts)):
                notes[place].text = self._panel_words(name, curves.get("", {}).get(name, ((), ())))

    def _axes(
        self, figure: go.Figure, across: tuple[float, float], top: int, pixels: int, ticks: int
    ) -> tuple[str, str]:
        self._count += 1
        number = "" if self._count == 1 else str(self._count)
        plain = {"fixedrange": True, "showgrid": False, "zeroline": False, "linecolor": INK, "linewidth": 0.7}
        plain |= {"tickcolor": INK, "ticklen": 3, "ticks": "outside", "nticks": ticks}
        down = (1 - (top + pixels) / self._total, 1 - top / self._total)
        figure.update_layout(
            {
                f"xaxis{number}": {**plain, "domain": across, "anchor": f"y{number}", "range": (0, 1)},
                f"yaxis{number}": {**plain, "domain": down, "anchor": f"x{number}", "showline": False, "ticks": ""},
            }
        )
        figure.update_layout({f"yaxis{number}": {"showgrid": True, "gridcolor": "rgba(128,128,128,0.2)"}})
        return f"x{number}", f"y{number}"

    def _curve(self, figure: go.Figure, chart: str, name: str, axes: tuple[str, str]) -> None:
        colour, dash, symbol, _ = _CURVES[name] if chart else (NETWORK_COLOUR, "solid", "triangle-up", "▲")
        words = name if chart else _metric_name(name)
        place = {"xaxis": axes[0], "yaxis": axes[1], "name": words}
        told = "epoch %{x:.2f}: %{y:.3g}<extra>" + escape(words, quote=False) + "</extra>"
        figure.add_trace(
            go.Scatter(
                x=[], y=[], mode="lines", line={"color": colour, "width": 1.6, "dash": dash},
                hovertemplate=told, **place,
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=[], y=[], mode="markers", marker={"color": colour, "size": 9, "symbol": symbol}, cliponaxis=False,
                hoverinfo="skip", **place,
            )
        )  # fmt: skip
        self._traces.append((chart, name))

    def _chart(self, figure: go.Figure, title: str, names: Sequence[str], column: int) -> None:
        width = 1 / len(self.charts)
        left = column * width + (0.045 if column else 0)
        axes = self._axes(figure, (left, (column + 1) * width - (0.0 if column + 1 == len(self.charts) else 0.005)),
                          _TOP_PIXELS, _ROW_PIXELS, 6)  # fmt: skip
        number = axes[0].removeprefix("x")
        figure.update_layout({f"xaxis{number}": {"title": {"text": "epoch", "standoff": 4, "font": {"size": 11}}}})
        for name in names:
            self._curve(figure, title, name, axes)
        self._say(figure, left, _TOP_PIXELS - 6, self._chart_words(title, names, {}))

    def _panel(self, figure: go.Figure, name: str, column: int) -> None:
        count = max(len(self.metrics), 3)
        left = column / count + (0.04 if column else 0)
        top = _TOP_PIXELS + _ROW_PIXELS + _BETWEEN_PIXELS - 24
        axes = self._axes(figure, (left, (column + 1) / count - 0.005), top, _PANEL_ROW_PIXELS - 22, 4)
        if name in self.band:
            low, high = self.band[name]
            figure.add_shape(
                type="rect", layer="below", xref=f"{axes[0]} domain", yref=axes[1], x0=0, x1=1, y0=low, y1=high,
                fillcolor=with_opacity(DATA_COLOUR, 0.28), line={"color": DATA_COLOUR, "width": 1},
            )  # fmt: skip
        self._curve(figure, "", name, axes)
        self._say(figure, left, top - 6, self._panel_words(name, ((), ())))

    def _say(self, figure: go.Figure, left: float, pixels: int, words: str) -> None:
        place = {"xref": "paper", "yref": "paper", "x": left, "y": 1 - pixels / self._total, "xanchor": "left"}
        figure.add_annotation(
            text=words, showarrow=False, yanchor="bottom", align="left", font={"color": INK, "size": 12}, **place
        )

    def _chart_words(self, title: str, names: Sequence[str], curves: dict[str, Points]) -> str:
        told = []
        for name in names:
            colour, _, _, sign = _CURVES[name]
            values = curves.get(name, ((), ()))[1]
            value = f" {_signed(values[-1])}" if len(values) else ""
            told.append(f'<span style="color:{colour}">{sign} {escape(name, quote=False)}{value}</span>')
        begun = "" if any(len(curves.get(name, ((), ()))[1]) for name in names) else "   starts with the first update"
        return f"<b>{escape(title, quote=False)}</b><br>{'   '.join(told)}{begun}"

    def _panel_words(self, name: str, points: Points) -> str:
        title = f"<b>{escape(_metric_name(name), quote=False)}</b>"
        band = self.band.get(name)
        data = f"data {band[0]:.2f}–{band[1]:.2f}" if band else ""
        if not len(points[1]):
            return f"{title}<br>not measured yet<br>{data or ' '}"
        value = points[1][-1]
        verdict = ""
        if band:
            low, high, shown = round(band[0], 2), round(band[1], 2), round(value, 2)  # the words fit the figures
            verdict = "below" if shown < low else "above" if shown > high else "within"
        now = f'<span style="color:{NETWORK_COLOUR}">▲ {_signed(value)}</span>'
        return f"{title}<br>{now}{', ' if verdict else ''}{verdict}<br>{data or ' '}"


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _metric_name(name: str) -> str:
    return _METRIC_NAMES.get(name, name.replace("_", " "))


def _few(points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return at most some hundred points of a curve, the last among them; updates at the same epoch are one, a mean."""
    epochs, values = np.asarray(points[0], dtype=float), np.asarray(points[1], dtype=float)
    if not len(epochs):
        return epochs, values
    first = np.flatnonzero(np.diff(epochs, prepend=-np.inf) > 0)
    means = np.add.reduceat(values, first) / np.diff(first, append=len(values))
    step = -(-len(first) // _DRAWN_POINTS)
    return epochs[first][::-1][::step][::-1].copy(), means[::-1][::step][::-1].copy()
