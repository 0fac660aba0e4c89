"""Pictures of what a Transformer reads, looks at and expects: tokens, attention and the next token.

The colours keep the rules of plots.py: 3:1 at least on both of JupyterLab's grounds, and no meaning by hue alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.plots import (
    BARS_AT_ONCE,
    DOUBT_SCALE,
    INK,
    LANE_AXIS,
    NETWORK_COLOUR,
    ON_NOTE,
    TRACK_COLOURS,
    Ruler,
    in_digits,
    lay_out,
    note_bars,
    percent,
    title_of,
    with_opacity,
)

NOTE_COLOURS = ("#c44e10", "#00835a", "#a03ab5", "#8f6a14", "#3f78b5")
"""Hues by which notes and their tokens are found again, in turn; white words on them have 4.5:1."""

LOOK_SCALE = ("#7a8699", NETWORK_COLOUR)
"""From a note that is not looked at to the one that is looked at most."""

_USUAL_PIXELS, _DIGIT_PIXELS = 900, 7  # how wide a roll is, and a digit
_NUMBERED_PIXELS, _MOST_NUMBERED_PIXELS, _TITLE_PIXELS = 20, 620, 48  # a pitch whose number is read; all; above

# -------------------------------------------------------------------------------- tokens


class Token(Protocol):
    """A token in words.

    Attributes
    ----------
    word : str
    note : int
        Which note it tells of, from 0; −1 where it tells of none alone.
    bar : int
        The bar in which it stands, from 0; −1 where that is not told.
    """

    @property
    def word(self) -> str: ...  # noqa: D102
    @property
    def note(self) -> int: ...  # noqa: D102
    @property
    def bar(self) -> int: ...  # noqa: D102


def numbered_notes(piece: Composition, notes: Sequence[Note]) -> go.Figure:
    """Return a piano roll whose notes are numbered from 1, in colours that come in turn.

    Parameters
    ----------
    piece : Composition
        Where the bars are.
    notes : sequence of Note
        What is drawn, in the order of the numbers; one at least.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    ruler = Ruler(piece, max(note.offset for note in notes))
    beat = _USUAL_PIXELS / ruler.end
    figure = go.Figure(
        note_bars(
            notes,
            Track(),
            marker={"color": [colour_of(index) for index in range(len(notes))], "line": {"width": 0}},
            # A number that does not fit into its note is left out; hovering tells it.
            text=[
                f"<b>{number}</b>" if note.duration * beat > _DIGIT_PIXELS * len(str(number)) else ""
                for number, note in enumerate(notes, start=1)
            ],
            textposition="inside",
            insidetextanchor="middle",
            constraintext="none",
            textangle=0,
            textfont={"color": ON_NOTE, "size": 11},
            hovertext=[
                f"<b>{index + 1}: {note.name}</b><br>{ruler.describe(note.onset)}<br>{_lasting(note)} long"
                for index, note in enumerate(notes)
            ],
            hoverinfo="text",
            showlegend=False,
        )
    )
    lay_out(figure, {False: sorted({note.pitch for note in notes}), True: []}, ruler)
    layout = figure.layout
    low, high = layout.yaxis.range
    pixels = min(_MOST_NUMBERED_PIXELS, _NUMBERED_PIXELS * (high - low))
    figure.update_layout(
        title=title_of(piece.title),
        height=round(max(_plot_pixels(figure), pixels) + _TITLE_PIXELS + layout.margin.b),
        margin={**layout.margin.to_plotly_json(), "t": _TITLE_PIXELS},
    )
    return figure


def _lasting(note: Note) -> str:
    return "1 beat" if note.duration == 1 else f"{in_digits(note.duration)} beats"


def colour_of(note: int) -> str:
    """Return the colour of the note with an index, and of its tokens."""
    return NOTE_COLOURS[note % len(NOTE_COLOURS)]


def token_chips(tokens: Sequence[Token], *, first_bar: int) -> str:
    """Return tokens as HTML: a line a bar, and the tokens of a note in its colour, with its number.

    Parameters
    ----------
    tokens : sequence of Token
    first_bar : int
        The number of the bar with index 0.
    """
    has_bars = any(token.bar >= 0 for token in tokens)
    lines = []
    for bar, group in groupby(tokens, key=lambda token: token.bar):
        name = f"bar {bar + first_bar}" if bar >= 0 else ""
        gutter = f'<span style="flex: 0 0 44px; opacity: .8">{name}</span>' if has_bars else ""
        words = " ".join(_chip(token) for token in group)
        lines.append(
            f'<div style="display: flex; gap: 8px">{gutter}'
            f'<div style="flex: 1; display: flex; flex-wrap: wrap; gap: 4px">{words}</div></div>'
        )
    return f'<div style="display: flex; flex-direction: column; gap: 6px">{"".join(lines)}</div>'


def _chip(token: Token) -> str:
    plain = "border-radius: 4px; padding: 0 5px; border: 1px solid"
    if token.note < 0:
        return f'<span style="{plain} rgba(128,128,128,.6)">{escape(token.word)}</span>'
    colour = colour_of(token.note)
    return (
        f'<span style="{plain} {colour}; background: {colour}; color: {ON_NOTE}"><b>{token.note + 1}</b> '
        f"{escape(token.word)}</span>"
    )


def token_table(tokens: Sequence[Token], notes: Sequence[Note]) -> str:
    """Return tokens as a table of plain text: beside each run of tokens the note of which they tell."""
    width = len(str(len(notes)))
    lines = []
    for (note, _), group in groupby(tokens, key=lambda token: (token.note, token.bar)):
        name = f"{note + 1:>{width}} {notes[note].name}" if note >= 0 else ""
        lines.append(f"{name:<{width + 5}}  {' · '.join(token.word for token in group)}")
    return "\n".join([f"{'note':<{width + 5}}  tokens", *lines])


# -------------------------------------------------------------------------------- attention


class Attention(Protocol):
    """Which earlier notes a model looked at when it chose a note.

    Attributes
    ----------
    note, track : Note, int
    notes : sequence of (Note, int)
        The earlier notes within its memory, each with its track.
    weights : ndarray, float32, shape (layers, heads, notes)
    other : ndarray, float32, shape (layers, heads)
        What went to tokens that are no note.
    reach : float
        The beat to which its memory reaches back.
    """

    @property
    def note(self) -> Note: ...  # noqa: D102
    @property
    def track(self) -> int: ...  # noqa: D102
    @property
    def notes(self) -> Sequence[tuple[Note, int]]: ...  # noqa: D102
    @property
    def weights(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def other(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def reach(self) -> float: ...  # noqa: D102


ALL_LAYERS, ALL_HEADS, NO_HEAD = "all layers (mean)", "all heads (mean)", "all heads (choose a layer first)"

_LEAST_LOOK = 0.01  # less than this share of the attention has no arc
_WIDEST = 10.0  # pixels, of an arc that has all the attention
_ARC_POINTS = 13
_TOLD = 3  # notes, in words
_BARS_LOOKED_BACK = 32  # are seen at once
_ABOVE, _MENU_AT = 162, 74  # pixels: title, menus and legend; where the menus begin
_MENU = {
    "bgcolor": "#e9ebef",
    "bordercolor": INK,
    "font": {"color": "#23272e", "size": 12},
    "pad": {"t": 0, "r": 0, "b": 0, "l": 0},
    "type": "dropdown",
    "direction": "down",
    "showactive": True,
    "xanchor": "left",
    "yanchor": "top",
}


@dataclass(frozen=True, eq=False)
class Look:
    """One view of the attention: of one head, or the mean of several.

    Parameters
    ----------
    weights : ndarray, float32, shape (notes,)
    other : float
        What went to tokens that are no note; together they are 1.
    words : str
        "Layer 2, head 5".
    """

    weights: NDArray[np.float32]
    other: float
    words: str


def look(attention: Attention, layer: int | None = None, head: int | None = None) -> Look:
    """Return the attention of one head; of the mean of a layer's heads, where `head` is None; or of all of them.

    Parameters
    ----------
    attention : Attention
    layer, head : int, optional
        Counted from 1.
    """
    if layer is None:
        return Look(attention.weights.mean(axis=(0, 1)), float(attention.other.mean()), "Mean of all layers and heads")
    weights, other = attention.weights[layer - 1], attention.other[layer - 1]
    if head is None:
        return Look(weights.mean(axis=0), float(other.mean()), f"Layer {layer}, mean of all heads")
    return Look(weights[head - 1], float(other[head - 1]), f"Layer {layer}, head {head}")


def attention_arcs(
    piece: Composition, attention: Attention, *, layer: int | None = None, head: int | None = None
) -> go.Figure:
    """Return a piano roll with arcs from a note to the earlier notes that the model looked at.

    The wider and fuller an arc, and the more purple a note, the more of the attention it has. Two menus choose the
    layer, and one of its heads; a dashed line shows how far memory reaches. Hollow notes lie beyond it; pale ones were
    not there yet. Drums are not heard, and not drawn.

    Parameters
    ----------
    piece : Composition
    attention : Attention
    layer, head : int, optional
        Counted from 1, what is shown at first; without, the mean of all.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    ruler = Ruler(piece, max(piece.end, attention.note.offset))
    beyond, later = _unseen(piece, attention)
    figure = go.Figure()
    if beyond:
        figure.add_trace(_hollow(beyond))
    if later:
        figure.add_trace(_pale(later))
    seen = len(figure.data)
    figure.add_trace(_earlier_notes(piece, attention, ruler))
    arcs = [_arc(attention.note, note) for note, _ in attention.notes]
    figure.add_traces([_line(xs, ys) for xs, ys in arcs])
    figure.add_traces(_asking(piece, attention, ruler))
    views = _Views(attention, first_trace=seen)
    for trace, opacity, width in zip(figure.data[seen + 1 :], *views.lines(look(attention, layer, head)), strict=False):
        trace.opacity, trace.line.width = opacity, width
    weights = views.numbers(look(attention, layer, head))
    figure.data[seen].update(customdata=[round(100 * weight, 2) for weight in weights])
    figure.data[seen].marker.update(color=weights, cmax=max([*weights, _LEAST_LOOK]))
    pitches = {note.pitch for track in piece.tracks if not track.is_drum for note in track.notes}
    pitches |= {attention.note.pitch - 1, *(round(max(ys)) for _, ys in arcs)}  # room for the triangle and the arcs
    lay_out(figure, {False: sorted(pitches), True: []}, ruler)
    _give_way(figure, ruler, attention.note.onset)
    _draw_reach(figure, attention)
    title = title_of(f"{piece.title}: where the model looks for {_told(attention.note, ruler)}")
    figure.update_layout(
        title=title | {"subtitle": {"text": _other_in_words(look(attention, layer, head)), "font": {"size": 12}}},
        updatemenus=views.menus(layer, head, y=1 + (_ABOVE - _MENU_AT) / _plot_pixels(figure)),
    )
    return figure


def _other_in_words(view: Look) -> str:
    return f"{view.words}: {percent(view.other)} goes to tokens that tell no note (bars, positions, parts, the start)"


class _Views:
    """What the two menus choose from.

    The menu of heads belongs to one layer: whoever chooses another layer sees its mean, and is given its heads.
    """

    def __init__(self, attention: Attention, *, first_trace: int) -> None:
        self.attention = attention
        self.traces = list(range(first_trace, first_trace + 1 + len(attention.notes)))  # the notes, then their arcs
        self.layers, self.heads = attention.other.shape

    def menus(self, layer: int | None, head: int | None, *, y: float) -> list[dict[str, Any]]:
        """Return both menus, with a layer and a head chosen."""
        buttons = []
        for each in (None, *range(1, self.layers + 1)):
            button = self._button(ALL_LAYERS if each is None else f"layer {each}", each, None)
            button["args"][1] |= {"updatemenus[1].buttons": self._heads_of(each), "updatemenus[1].active": 0}
            buttons.append(button)
        heads = self._heads_of(layer)
        return [
            {**_MENU, "name": "layer", "x": 0, "y": y, "active": layer or 0, "buttons": buttons},
            {**_MENU, "name": "head", "x": 0.24, "y": y, "active": head or 0, "buttons": heads},
        ]

    def _heads_of(self, layer: int | None) -> list[dict[str, Any]]:
        if layer is None:
            return [self._button(NO_HEAD, None, None)]
        heads = [self._button(f"head {head}", layer, head) for head in range(1, self.heads + 1)]
        return [self._button(ALL_HEADS, layer, None), *heads]

    def _button(self, label: str, layer: int | None, head: int | None) -> dict[str, Any]:
        """Return an entry: what plotly's `update` changes in the traces, in the layout, and which traces."""
        view = look(self.attention, layer, head)
        weights = self.numbers(view)
        opacities, widths = self.lines(view)
        changes = {
            "marker.color": [weights],
            "customdata": [[round(100 * weight, 2) for weight in weights]],
            "marker.cmax": max([*weights, _LEAST_LOOK]),
            "opacity": [1, *opacities],
            "line.width": [0, *widths],
        }
        return {
            "label": label,
            "method": "update",
            "args": [changes, {"title.subtitle.text": _other_in_words(view)}, self.traces],
        }

    def numbers(self, view: Look) -> list[float]:
        """Return the weights, short enough to be sent many times."""
        return [round(float(weight), 4) for weight in view.weights]

    def lines(self, view: Look) -> tuple[list[float], list[float]]:
        """Return opacity and width (pixels) of every arc; what is hardly looked at has none."""
        weights = view.weights.astype(np.float64)
        most = weights.max(initial=_LEAST_LOOK)
        opacities = np.where(weights >= _LEAST_LOOK, 0.4 + 0.55 * weights / most, 0)
        widths = 1 + (_WIDEST - 1) * weights
        return opacities.round(2).tolist(), widths.round(1).tolist()


def _unseen(piece: Composition, attention: Attention) -> tuple[list[Note], list[Note]]:
    """Return the pitched notes that were not looked back at: those beyond memory, and those not there yet."""
    seen: dict[tuple[int, int], list[float]] = {}
    for note, index in [*attention.notes, (attention.note, attention.track)]:
        seen.setdefault((index, note.pitch), []).append(note.onset)
    beyond: list[Note] = []
    later: list[Note] = []
    for index, track in enumerate(piece.tracks):
        for note in track.notes if not track.is_drum else ():
            # What the model reads stands on a grid of 24 steps a beat, up to half a step aside.
            if any(abs(note.onset - onset) < 1 / 47 for onset in seen.get((index, note.pitch), ())):
                continue
            (beyond if note.onset < attention.note.onset else later).append(note)
    return beyond, later


def _hollow(notes: Sequence[Note]) -> go.Bar:
    marker = {"color": "rgba(0,0,0,0)", "line": {"color": INK, "width": 1}}
    return note_bars(notes, Track(), name="beyond its memory", marker=marker, hoverinfo="skip")


def _pale(notes: Sequence[Note]) -> go.Bar:
    marker = {"color": with_opacity(INK, 0.28), "line": {"width": 0}}
    return note_bars(notes, Track(), name="not there yet", marker=marker, hoverinfo="skip")


def _earlier_notes(piece: Composition, attention: Attention, ruler: Ruler) -> go.Bar:
    return note_bars(
        [note for note, _ in attention.notes],
        Track(),
        name="earlier notes: grey is ignored, purple looked at most",
        marker={"cmin": 0, "colorscale": [[0, LOOK_SCALE[0]], [1, LOOK_SCALE[1]]], "line": {"width": 0}},
        text=[
            f"<b>{note.name}</b> {escape(piece.tracks[track].name, quote=False)}<br>{ruler.describe(note.onset)}"
            for note, track in attention.notes
        ],
        textposition="none",
        hovertemplate="%{text}<br>%{customdata:.1f} % of the attention<extra></extra>",
        showlegend=bool(attention.notes),
    )


def _asking(piece: Composition, attention: Attention, ruler: Ruler) -> list[Any]:
    """Return the chosen note, and the triangle below it."""
    note, colour = attention.note, TRACK_COLOURS[0]
    name = escape(piece.tracks[attention.track].name, quote=False)
    return [
        note_bars(
            [note],
            Track(),
            name="the chosen note",
            legendgroup="chosen",
            showlegend=False,
            marker={"color": colour, "line": {"width": 0}},
            hovertext=[f"<b>{note.name}</b> {name}<br>{ruler.describe(note.onset)}<br>the chosen note"],
            hoverinfo="text",
        ),
        go.Scatter(
            x=[note.onset + note.duration / 2],
            y=[note.pitch - 1.0],  # arcs leave upwards
            mode="markers",
            marker={"symbol": "triangle-up", "size": 13, "color": colour},
            name="the chosen note",
            legendgroup="chosen",
            hoverinfo="skip",
        ),
    ]


def _arc(note: Note, earlier: Note) -> tuple[list[float], list[float]]:
    """Return the path of a parabola from the head of a note to an earlier one: the farther back, the higher."""
    start, end = note.onset + min(note.duration, 0.5) / 2, earlier.onset + earlier.duration / 2
    share = np.linspace(0, 1, _ARC_POINTS)
    height = min(9.0, 2 + 0.3 * abs(start - end))
    xs = start + (end - start) * share
    ys = note.pitch + 0.41 + (earlier.pitch - note.pitch) * share + 4 * height * share * (1 - share)
    return xs.round(3).tolist(), ys.round(2).tolist()


def _line(xs: Sequence[float], ys: Sequence[float]) -> go.Scatter:
    line = {"color": NETWORK_COLOUR, "shape": "spline"}
    return go.Scatter(x=xs, y=ys, mode="lines", line=line, name="arc", showlegend=False, hoverinfo="skip")


def _give_way(figure: go.Figure, ruler: Ruler, onset: float) -> None:
    """Make room above for the menus, and show the bars that lead to a note."""
    layout = figure.layout
    layout.height += _ABOVE - layout.margin.t
    layout.margin.t = _ABOVE
    if len(ruler.starts) <= BARS_AT_ONCE:
        return
    last = max(index for index, start in enumerate(ruler.starts) if start <= onset + 1e-6)
    last = min(max(last, _BARS_LOOKED_BACK - 1), len(ruler.starts) - 1)
    edges = [*ruler.starts, ruler.end]
    layout.xaxis.range = (edges[max(0, last + 1 - _BARS_LOOKED_BACK)], edges[last + 1])
    is_whole = layout.xaxis.range == (edges[0], edges[-1])
    layout.xaxis.title.text = "bar" if is_whole else "bar (drag sideways for the others)"


def _plot_pixels(figure: go.Figure) -> float:
    layout = figure.layout
    return layout.height - layout.margin.t - layout.margin.b


def _draw_reach(figure: go.Figure, attention: Attention) -> None:
    """Draw a dashed line where memory begins."""
    figure.add_shape(
        type="line", xref="x", yref="paper", x0=attention.reach, x1=attention.reach, y0=0, y1=1,
        line={"color": INK, "width": 2, "dash": "6px,4px"}, name="reach",
    )  # fmt: skip
    to = "the beginning" if attention.reach <= 0 else "here"
    figure.add_annotation(
        text=f"memory reaches back to {to}", x=attention.reach, y=1, yref="paper", xanchor="left", yanchor="top",
        showarrow=False, font={"color": INK, "size": 11}, xshift=4,
    )  # fmt: skip


def attention_in_words(
    piece: Composition, attention: Attention, *, layer: int | None = None, head: int | None = None
) -> list[str]:
    """Return what the picture of attention shows in sentences: the strongest looks, and how far memory reaches."""
    ruler = Ruler(piece, max(piece.end, attention.note.offset))
    asking = _told(attention.note, ruler)
    if not attention.notes:
        return [f"For {asking} there is no earlier note to look at."]
    view = look(attention, layer, head)
    order = np.argsort(-view.weights, kind="stable")[:_TOLD]
    told = ", ".join(
        f"{_told(attention.notes[index][0], ruler)} {percent(float(view.weights[index]))}" for index in order
    )
    sharp_layer, sharp_head, sharp_note = np.unravel_index(int(attention.weights.argmax()), attention.weights.shape)
    most = float(attention.weights.max())
    return [
        f"For {asking} the model looks most at {told}. {_other_in_words(view)}.",
        f"No head looks harder at one note than head {sharp_head + 1} of layer {sharp_layer + 1}: "
        f"{percent(most)} at {_told(attention.notes[int(sharp_note)][0], ruler)}.",
        f"Memory reaches back to {ruler.describe(max(0.0, attention.reach))}: "
        f"{len(attention.notes)} earlier note{'' if len(attention.notes) == 1 else 's'}.",
    ]


def _told(note: Note, ruler: Ruler) -> str:
    return f"{note.name} ({ruler.describe(note.onset)})"


# -------------------------------------------------------------------------------- what comes next


class NextTokens(Protocol):
    """What may come next, the likeliest first.

    Attributes
    ----------
    words : sequence of str
    model, tempered, kept : sequence of float
        Probabilities as the model gives them, after temperature, and after the unlikely ones were dropped (then 0).
    """

    @property
    def words(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def model(self) -> Sequence[float]: ...  # noqa: D102
    @property
    def tempered(self) -> Sequence[float]: ...  # noqa: D102
    @property
    def kept(self) -> Sequence[float]: ...  # noqa: D102


DROPPED_COLOUR = DOUBT_SCALE[-1]

_STAGES = ("model", "after temperature", "after the cut")
_STAGE_COLOURS = (INK, TRACK_COLOURS[4], NETWORK_COLOUR)
_STAGE_PATTERNS = ("", "/", "")
_NEXT_PIXELS, _LEAST_PLACES = 380, 6  # a few tokens do not become as wide as many


def next_tokens(shown: NextTokens, rest: Sequence[float], *, others: int, title: str, subtitle: str) -> go.Figure:
    """Return grouped bars: how likely each token is to the model, after temperature, and after the cut.

    A dropped token has a cross where its last bar would be, and its other bars are pale.

    Parameters
    ----------
    shown : NextTokens
    rest : sequence of float
        What all other tokens have together: model, after temperature, after the cut.
    others : int
        How many they are; with 0 they are left out.
    title, subtitle : str

    Returns
    -------
    plotly.graph_objects.Figure
    """
    words = list(shown.words)
    columns = [list(shown.model), list(shown.tempered), list(shown.kept)]
    if others:
        words.append(f"{others} others" if others > 1 else "1 other")
        columns = [[*column, float(share)] for column, share in zip(columns, rest, strict=True)]
    dropped = [kept == 0 for kept in columns[2]]
    kind, names = _names(words)
    places = list(range(len(words)))
    hover = [
        f"<b>{escape(word, quote=False)}</b><br>"
        + "<br>".join(
            f"{stage} {'dropped' if stage == _STAGES[2] and out else percent(column[place])}"
            for stage, column in zip(_STAGES, columns, strict=True)
        )
        for place, (word, out) in enumerate(zip(words, dropped, strict=True))
    ]
    figure = go.Figure()
    for number, (stage, colour, pattern) in enumerate(zip(_STAGES, _STAGE_COLOURS, _STAGE_PATTERNS, strict=True)):
        figure.add_trace(
            go.Bar(
                x=[place + 0.27 * (number - 1) for place in places],
                y=columns[number],
                width=0.25,
                name=stage,
                marker={
                    "color": [with_opacity(colour, 0.28 if out else 1) for out in dropped],
                    "line": {"color": colour, "width": [1 if out else 0 for out in dropped]},
                    "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": with_opacity(ON_NOTE, 0.6),
                                "size": 5, "solidity": 0.25},
                },
                hovertext=hover,
                hoverinfo="text",
            )
        )  # fmt: skip
    out = [place for place in places if dropped[place]]
    if out:
        figure.add_trace(
            go.Scatter(
                x=[place + 0.27 for place in out], y=[0] * len(out), mode="markers", name="dropped", cliponaxis=False,
                marker={"symbol": "x", "size": 9, "color": DROPPED_COLOUR}, hovertext=[hover[place] for place in out],
                hoverinfo="text",
            )
        )  # fmt: skip
    figure.update_layout(
        template="none",
        barmode="overlay",
        height=_NEXT_PIXELS,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 12},
        margin={"l": 56, "r": 16, "t": 92, "b": 56},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        hoverlabel={"align": "left"},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": TRACK_COLOURS[0]},
        title=title_of(title) | {"subtitle": {"text": escape(subtitle, quote=False), "font": {"size": 12}}},
        xaxis={
            "tickvals": places,
            "ticktext": names,
            "tickangle": 0,
            "range": (-0.6, max(len(places), _LEAST_PLACES) - 0.4),
            "title": {"text": kind, "standoff": 4},
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={
            **LANE_AXIS,
            "showgrid": True,
            "gridcolor": "rgba(128,128,128,0.28)",
            "tickformat": ".0%",
            "title": {"text": "probability", "standoff": 8},
            "rangemode": "tozero",
        },
    )
    return figure


def _names(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the kind that tokens share, and what stands under each: "Pitch", "C5"; or all words, on two lines."""
    kinds = {word.split(" ", 1)[0] for word in words if not word.endswith((" others", " other"))}
    if len(kinds) == 1 and all(" " in word for word in words):
        kind = kinds.pop()
        return kind, [word.removeprefix(f"{kind} ").replace(" others", "<br>others") for word in words]
    return "token", [escape(word, quote=False).replace(" ", "<br>", 1) for word in words]


def next_token_table(shown: NextTokens) -> str:
    """Return the same in plain text, a line a token."""
    width = max(len(word) for word in [*shown.words, "token"])
    lines = [f"{'token':<{width}}  {_STAGES[0]:>7}  {_STAGES[1]:>17}  {_STAGES[2]:>13}"]
    for word, model, tempered, kept in zip(shown.words, shown.model, shown.tempered, shown.kept, strict=True):
        last = percent(kept) if kept else "dropped"
        lines.append(f"{word:<{width}}  {percent(model):>7}  {percent(tempered):>17}  {last:>13}")
    return "\n".join(lines)
