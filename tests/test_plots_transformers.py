import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import pytest

from deepcomposer_lab import plots, plots_transformers
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.note import Note


def contrast(first, second):
    """WCAG 2.2, contrast ratio: (lighter + 0.05) / (darker + 0.05) of the relative luminances."""

    def luminance(colour):
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@dataclass
class Token:
    word: str
    note: int
    bar: int = -1


TOKENS = [
    Token("Start", -1),
    Token("Bar 4/4", -1, 0),
    Token("Pitch C4", 0, 0),
    Token("Duration 1", 0, 0),
    Token("Pitch <D4>", 1, 0),
    Token("Bar 4/4", -1, 1),
]
NOTES = [Note(index * 0.5, 60 + index, 0.5) for index in range(7)]
PIECE = Composition([Track(NOTES)], title="Steps")


class Spans(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.style, self.spans = "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "span":
            self.style = dict(attributes)["style"]
            self.spans.append((self.style, ""))

    def handle_data(self, data):
        if self.spans:
            self.spans[-1] = (self.spans[-1][0], self.spans[-1][1] + data)


class TestTokens:
    @pytest.mark.parametrize("colour", plots_transformers.NOTE_COLOURS)
    def test_the_hues_of_notes_stand_out_and_can_be_written_on(self, colour):
        assert contrast(colour, plots.LIGHT_GROUND) >= 3
        assert contrast(colour, plots.DARK_GROUND) >= 3
        assert contrast(colour, plots.ON_NOTE) >= 4.5

    def test_notes_are_numbered_in_colours_that_come_in_turn(self):
        (bars,) = plots_transformers.numbered_notes(PIECE, NOTES).data
        assert list(bars.base) == [note.onset for note in NOTES]
        assert list(bars.y) == [note.pitch for note in NOTES]
        assert list(bars.text) == [f"<b>{number}</b>" for number in range(1, 8)]
        assert list(bars.marker.color[:5]) == list(plots_transformers.NOTE_COLOURS)
        assert bars.marker.color[5] == bars.marker.color[0]
        assert bars.hovertext[2] == "<b>3: D4</b><br>bar 1, beat 2 of 4<br>0.5 beats long"

    def test_a_number_that_would_not_fit_is_left_out(self):
        notes = [Note(0, 60, 0.25), Note(4, 60, 40)]
        (bars,) = plots_transformers.numbered_notes(Composition([Track(notes)]), notes).data
        assert list(bars.text) == ["", "<b>2</b>"]

    def test_the_tokens_of_a_note_have_its_colour_and_its_number(self):
        spans = Spans(plots_transformers.token_chips(TOKENS, first_bar=1)).spans
        chips = [(style, words) for style, words in spans if "border" in style]
        assert [words.strip() for _, words in chips] == [
            "Start", "Bar 4/4", "1 Pitch C4", "1 Duration 1", "2 Pitch <D4>", "Bar 4/4",
        ]  # fmt: skip
        grounds = [re.search(r"background: (#\w+)", style) for style, _ in chips]
        first, second = plots_transformers.NOTE_COLOURS[:2]
        assert [ground and ground[1] for ground in grounds] == [None, None, first, first, second, None]

    def test_a_line_a_bar(self):
        spans = Spans(plots_transformers.token_chips(TOKENS, first_bar=0)).spans
        assert [words.strip() for style, words in spans if "border" not in style] == ["", "bar 0", "bar 1"]
        assert "44px" not in plots_transformers.token_chips([Token("On C4", 0)], first_bar=1)  # no bars, no gutter

    def test_the_same_in_plain_text(self):
        notes = [Note(0, 60, 1), Note(1, 62, 1)]
        assert plots_transformers.token_table(TOKENS, notes).splitlines() == [
            "note    tokens",
            "        Start",
            "        Bar 4/4",
            "1 C4    Pitch C4 · Duration 1",
            "2 D4    Pitch <D4>",
            "        Bar 4/4",
        ]


LAYERS, HEADS = 2, 3
SCORE = Composition(
    [
        Track([Note(beat, 60 + beat % 8, 1) for beat in range(16)], "Melody"),
        Track([Note(0, 36, 1)], "Drums", is_drum=True),
    ],
    title="Walk",
)


@dataclass
class Attention:
    """The note at beat 12 looks back as far as beat 8; every head in another way."""

    note: Note = SCORE.tracks[0].notes[12]
    track: int = 0
    notes: tuple = tuple((note, 0) for note in SCORE.tracks[0].notes[8:12])
    reach: float = 8.0
    weights: np.ndarray = field(
        default_factory=lambda: (
            np.random.default_rng(5).dirichlet([1] * 5, size=(LAYERS, HEADS))[:, :, :4].astype(np.float32)
        )
    )

    @property
    def other(self):
        return 1 - self.weights.sum(axis=2)


ATTENTION = Attention()


def trace(figure, name):
    (found,) = [each for each in figure.data if each.name.startswith(name)]
    return found


def arcs(figure):
    return [each for each in figure.data if each.name == "arc"]


def buttons(figure, menu):
    return {button.label: button.args for button in figure.layout.updatemenus[menu].buttons}


class TestAttention:
    @pytest.mark.parametrize("ground", [plots.LIGHT_GROUND, plots.DARK_GROUND])
    def test_both_ends_of_the_scale_stand_out(self, ground):
        assert all(contrast(colour, ground) >= 3 for colour in plots_transformers.LOOK_SCALE)

    @pytest.mark.parametrize(("layer", "head"), [(None, None), (2, None), (1, 3)])
    def test_notes_and_arcs_have_the_weights_of_the_view(self, layer, head):
        figure = plots_transformers.attention_arcs(SCORE, ATTENTION, layer=layer, head=head)
        weights = ATTENTION.weights.reshape(-1, 4).mean(axis=0)
        if layer:
            weights = ATTENTION.weights[layer - 1][head - 1 if head else slice(None)].reshape(-1, 4).mean(axis=0)
        seen = trace(figure, "earlier notes")
        np.testing.assert_allclose(seen.marker.color, weights, atol=1e-4)
        np.testing.assert_allclose(seen.customdata, 100 * weights, atol=1e-2)
        assert seen.marker.cmax == pytest.approx(weights.max(), abs=1e-4)
        assert list(seen.base) == [8, 9, 10, 11]
        widths = [arc.line.width for arc in arcs(figure)]
        assert np.argsort(widths).tolist() == np.argsort(weights).tolist()
        np.testing.assert_allclose(widths, 1 + 9 * weights, atol=0.06)

    def test_arcs_lead_from_the_note_to_the_earlier_ones(self):
        for arc, (earlier, _) in zip(
            arcs(plots_transformers.attention_arcs(SCORE, ATTENTION)), ATTENTION.notes, strict=True
        ):
            assert ATTENTION.note.onset <= arc.x[0] <= ATTENTION.note.offset
            assert earlier.onset <= arc.x[-1] <= earlier.offset
            assert (round(arc.y[0]), round(arc.y[-1])) == (ATTENTION.note.pitch, earlier.pitch)
            assert max(arc.y) > max(arc.y[0], arc.y[-1])

    def test_what_is_hardly_looked_at_has_no_arc(self):
        weights = np.zeros((LAYERS, HEADS, 4), np.float32)
        weights[:, :, 1], weights[:, :, 2] = 0.9, 0.009
        figure = plots_transformers.attention_arcs(SCORE, Attention(weights=weights))
        assert [arc.opacity > 0 for arc in arcs(figure)] == [False, True, False, False]

    def test_every_pitched_note_is_drawn_once_and_told_apart(self):
        figure = plots_transformers.attention_arcs(SCORE, ATTENTION)
        drawn = {each.name.split(":")[0]: sorted(each.base) for each in figure.data if each.type == "bar"}
        assert drawn == {
            "beyond its memory": list(range(8)),
            "earlier notes": [8, 9, 10, 11],
            "the chosen note": [12],
            "not there yet": [13, 14, 15],
        }
        assert trace(figure, "beyond").marker.color == "rgba(0,0,0,0)"

    def test_a_line_shows_how_far_memory_reaches(self):
        figure = plots_transformers.attention_arcs(SCORE, ATTENTION)
        (line,) = [shape for shape in figure.layout.shapes if shape.name == "reach"]
        assert (line.x0, line.x1) == (8, 8)
        assert figure.layout.annotations[0].text == "memory reaches back to here"
        all_of_it = plots_transformers.attention_arcs(SCORE, Attention(reach=0.0))
        assert all_of_it.layout.annotations[0].text == "memory reaches back to the beginning"

    def test_the_title_tells_what_went_to_other_tokens(self):
        title = plots_transformers.attention_arcs(SCORE, ATTENTION, layer=2, head=1).layout.title
        share = round(100 * (1 - float(ATTENTION.weights[1, 0].sum())))
        assert title.subtitle.text.startswith(f"Layer 2, head 1: {share} % goes to tokens that tell no note")
        assert title.text == "Walk: where the model looks for E4 (bar 4, beat 1 of 4)"

    def test_the_menus_offer_every_layer_and_the_heads_of_the_chosen_one(self):
        figure = plots_transformers.attention_arcs(SCORE, ATTENTION, layer=2, head=3)
        assert list(buttons(figure, 0)) == ["all layers (mean)", "layer 1", "layer 2"]
        assert list(buttons(figure, 1)) == ["all heads (mean)", "head 1", "head 2", "head 3"]
        assert [menu.active for menu in figure.layout.updatemenus] == [2, 3]
        assert list(buttons(plots_transformers.attention_arcs(SCORE, ATTENTION), 1)) == [
            "all heads (choose a layer first)"
        ]

    def test_a_choice_makes_the_figure_of_that_choice(self):
        figure = plots_transformers.attention_arcs(SCORE, ATTENTION)
        wanted = plots_transformers.attention_arcs(SCORE, ATTENTION, layer=1, head=2)
        of_layer = buttons(figure, 0)["layer 1"][1]
        assert of_layer["updatemenus[1].active"] == 0
        (button,) = [each for each in of_layer["updatemenus[1].buttons"] if each["label"] == "head 2"]
        changes, layout, traces = button["args"]
        seen = wanted.data.index(trace(wanted, "earlier notes"))
        assert traces == list(range(seen, seen + 5))
        assert changes["marker.color"] == [list(wanted.data[seen].marker.color)]
        assert changes["customdata"] == [list(wanted.data[seen].customdata)]
        assert changes["marker.cmax"] == wanted.data[seen].marker.cmax
        assert changes["opacity"][1:] == [arc.opacity for arc in arcs(wanted)]
        assert changes["line.width"][1:] == [arc.line.width for arc in arcs(wanted)]
        assert layout == {"title.subtitle.text": wanted.layout.title.subtitle.text}

    def test_in_words(self):
        weights = np.full((LAYERS, HEADS, 4), 0.1, np.float32)
        weights[1, 2] = [0.0, 0.05, 0.8, 0.1]
        words = plots_transformers.attention_in_words(SCORE, Attention(weights=weights), layer=2, head=3)
        assert words == [
            "For E4 (bar 4, beat 1 of 4) the model looks most at D4 (bar 3, beat 3 of 4) 80 %, E♭4 (bar 3, beat 4 of "
            "4) 10 %, C♯4 (bar 3, beat 2 of 4) 5 %. Layer 2, head 3: 5 % goes to tokens that tell no note (bars, "
            "positions, parts, the start).",
            "No head looks harder at one note than head 3 of layer 2: 80 % at D4 (bar 3, beat 3 of 4).",
            "Memory reaches back to bar 3, beat 1 of 4: 4 earlier notes.",
        ]

    def test_the_first_note_has_nothing_to_look_at(self):
        first = Attention(SCORE.tracks[0].notes[0], 0, (), 0.0, np.zeros((LAYERS, HEADS, 0), np.float32))
        figure = plots_transformers.attention_arcs(SCORE, first)
        assert arcs(figure) == []
        assert "100 % goes to tokens" in figure.layout.title.subtitle.text
        (sentence,) = plots_transformers.attention_in_words(SCORE, first)
        assert sentence == "For C4 (bar 1, beat 1 of 4) there is no earlier note to look at."

    def test_of_a_long_piece_the_bars_that_lead_to_the_note_are_seen(self):
        piece = Composition([Track([Note(beat, 60, 1) for beat in range(200)])])
        late = Attention(piece.tracks[0].notes[161], 0, ((piece.tracks[0].notes[160], 0),), 160.0)
        late.weights = late.weights[:, :, :1]
        low, high = plots_transformers.attention_arcs(piece, late).layout.xaxis.range
        assert (low, high) == (164 - 32 * 4, 164)

    def test_what_stands_a_little_beside_the_grid_is_the_same_note(self):
        piece = Composition([Track([Note(0.02, 60, 1), Note(1.01, 62, 1)])])
        told = Attention(Note(1, 62, 1), 0, ((Note(0, 60, 1), 0),), 0.0, np.full((1, 1, 1), 0.5, np.float32))
        figure = plots_transformers.attention_arcs(piece, told)
        assert {each.name.split(":")[0] for each in figure.data if each.type == "bar"} == {
            "earlier notes",
            "the chosen note",
        }


@dataclass
class Next:
    words: tuple = ("Pitch C4", "Pitch D4", "Pitch E4")
    model: tuple = (0.6, 0.25, 0.05)
    tempered: tuple = (0.5, 0.3, 0.1)
    kept: tuple = (0.625, 0.375, 0.0)


def drawn_next(**settings):
    settings = {"others": 40, "title": "Next", "subtitle": "Creative risk 1"} | settings
    return plots_transformers.next_tokens(Next(), [0.1, 0.1, 0.0], **settings)


class TestNextTokens:
    def test_three_bars_a_token_and_the_others_together(self):
        figure = drawn_next()
        model, tempered, kept = figure.data[:3]
        assert [each.name for each in figure.data] == ["model", "after temperature", "after the cut", "dropped"]
        assert list(model.y) == [0.6, 0.25, 0.05, 0.1]
        assert list(tempered.y) == [0.5, 0.3, 0.1, 0.1]
        assert list(kept.y) == [0.625, 0.375, 0, 0]
        assert list(model.x) < list(tempered.x) < list(kept.x)
        assert list(figure.layout.xaxis.ticktext) == ["C4", "D4", "E4", "40<br>others"]
        assert figure.layout.xaxis.title.text == "Pitch"

    def test_a_dropped_token_has_a_cross_and_pale_bars(self):
        figure = drawn_next()
        cross = figure.data[3]
        assert list(cross.x) == list(figure.data[2].x[2:])
        assert cross.marker.color == plots_transformers.DROPPED_COLOUR
        for bars in figure.data[:3]:
            assert [colour.startswith("#") for colour in bars.marker.color] == [True, True, False, False]
            assert list(bars.marker.line.width) == [0, 0, 1, 1]

    def test_nothing_dropped_no_cross(self):
        everything = Next(kept=(0.5, 0.3, 0.2))
        figure = plots_transformers.next_tokens(everything, [0, 0, 0], others=0, title="All", subtitle="")
        assert [each.type for each in figure.data] == ["bar"] * 3
        assert len(figure.data[0].y) == 3

    def test_hovering_tells_all_three(self):
        hover = drawn_next().data[0].hovertext
        assert hover[0] == "<b>Pitch C4</b><br>model 60 %<br>after temperature 50 %<br>after the cut 62 %"
        assert hover[2].endswith("after the cut dropped")

    def test_words_of_several_kinds_are_written_out(self):
        mixed = Next(words=("Bar 4/4", "Position 1 1/2", "End"))
        axis = plots_transformers.next_tokens(mixed, [0, 0, 0], others=0, title="", subtitle="").layout.xaxis
        assert list(axis.ticktext) == ["Bar<br>4/4", "Position<br>1 1/2", "End"]

    def test_the_same_in_plain_text(self):
        assert plots_transformers.next_token_table(Next()).splitlines() == [
            "token       model  after temperature  after the cut",
            "Pitch C4     60 %               50 %           62 %",
            "Pitch D4     25 %               30 %           38 %",
            "Pitch E4      5 %               10 %        dropped",
        ]


@pytest.mark.parametrize(
    "figure",
    [
        plots_transformers.numbered_notes(PIECE, NOTES),
        plots_transformers.attention_arcs(SCORE, ATTENTION),
        drawn_next(),
    ],
    ids=["tokens", "attention", "next"],
)
def test_every_opaque_colour_stands_out_on_both_grounds(figure):
    content = json.loads(figure.to_json())
    menus = content["layout"].pop("updatemenus", [])
    content["layout"].pop("template", None)
    used = set(re.findall(r"#[0-9a-fA-F]{6}", json.dumps(content))) - {plots.ON_NOTE}
    assert used
    for ground in (plots.LIGHT_GROUND, plots.DARK_GROUND):
        assert {colour for colour in used if contrast(colour, ground) < 3} == set()
    assert all(contrast(menu["font"]["color"], menu["bgcolor"]) >= 7 for menu in menus)  # a ground of their own
    assert (figure.layout.paper_bgcolor, figure.layout.plot_bgcolor) == ("rgba(0,0,0,0)", "rgba(0,0,0,0)")
