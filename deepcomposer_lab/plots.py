"""Pictures of music: the piano roll, as a plotly figure for both of JupyterLab's themes.

Plotly keeps no CSS variables, so the grounds are transparent and every colour that carries meaning has a contrast of
at least 3:1 on JupyterLab's light ground (#ffffff) and on its dark one (#111111). No meaning hangs on hue alone: a
track has a pattern and a shape beside its colour, an added note a plus sign, a removed one a dashed outline that is
struck through.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

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

_TRACK_PATTERNS = ("", "/", ".", "-", "\\")  # plotly's names: solid, rising lines, dots, long lines, falling lines
_TRACK_SHAPES = "●■▲◆▼"
_DRUM_PATTERN, _DRUM_SHAPE = "|", "✚"
_KEPT_OPACITY = 0.28
_ON_NOTE = "#ffffff"  # every hue above has 3:1 to it

_GAP = 0.06  # beats

_BLACK_KEYS = frozenset((1, 3, 6, 8, 10))
_BEAT_LINES_LIMIT = 1_500  # beyond, beat lines would be closer than a pixel
_BARS_AT_ONCE = 16  # of a longer piece, the first ones are shown, and the rest scrolls under the same ruler
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
    _lay_out(figure, _pitches(last, changes), ruler)
    figure.update_layout(title=_title(title or last.title, changes))
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
        return f"bar {index + self.first_number}, beat {_number(counted)} of {metre.numerator}" + (
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


def _number(value: float) -> str:
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
            _bars(
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
        "color": _with_opacity(style.colour, _KEPT_OPACITY if is_pale else 1),
        "line": {"color": style.colour, "width": 1 if is_pale else 0},
        "pattern": {
            "shape": style.pattern,
            "fillmode": "overlay",
            "fgcolor": style.colour if is_pale else _with_opacity(_ON_NOTE, 0.6),
            "size": 5,
            "solidity": 0.25,
        },
    }


def _bars(notes: Sequence[Note], track: Track, **settings: object) -> go.Bar:
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
    return _bars(
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
        textfont={"color": _ON_NOTE, "size": 14},
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
            _bars(
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
    length = "1 beat" if note.duration == 1 else f"{_number(note.duration)} beats"
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


def _lay_out(figure: go.Figure, pitches: dict[bool, list[int]], ruler: Ruler) -> None:
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
                **_LANE_AXIS,
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


_LANE_AXIS = {"showgrid": False, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True}


def _lane_range(tones: Sequence[int]) -> tuple[float, float]:
    """Return the lowest and highest place of the pitch axis: an octave at least, with a margin."""
    spare = max(0, _LEAST_PITCHES - (tones[-1] - tones[0] + 1))
    return tones[0] - 1.0 - spare // 2, tones[-1] + 1.0 + (spare + 1) // 2


def _time_axis(ruler: Ruler, anchor: str) -> dict:
    numbers = [index + ruler.first_number for index in range(len(ruler.starts))]
    is_longer = len(ruler.starts) > _BARS_AT_ONCE
    title = f"bar (drag sideways for bars {numbers[_BARS_AT_ONCE]}–{numbers[-1]})" if is_longer else "bar"
    return {
        "anchor": anchor,
        "range": (0, ruler.starts[_BARS_AT_ONCE] if is_longer else ruler.end),
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
        **_LANE_AXIS,
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


def _title(text: str, changes: Changes | None) -> dict:
    title: dict = {"text": escape(text, quote=False), "font": {"size": 16}}
    title |= {"x": 0, "xref": "paper", "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 12}}
    if changes:
        title["subtitle"] = {"text": changes.legend(), "font": {"size": 12}}
    return title


def _empty_figure(title: str) -> go.Figure:
    return go.Figure(
        layout={
            "template": "none",
            "title": _title(title, None),
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


def _with_opacity(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return colour if opacity == 1 else f"rgba({red},{green},{blue},{opacity})"
