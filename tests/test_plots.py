import json
import re
from dataclasses import dataclass
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from deepcomposer_lab import plots
from deepcomposer_lab.music.composition import Composition, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.note import Note

MELODY = Melody([Note(0, 60, 1), Note(1, 62, 1), Note(2, 64, 2)], title="Three notes")
HARMONY = Composition(
    [
        Track([Note(0, 60, 1), Note(2, 64, 2)], "Melody"),
        Track([Note(0, 55, 4)], "Alto"),
        Track([Note(0, 36, 0.5), Note(1, 38, 0.5)], "Drums", is_drum=True),
    ],
    title="Harmony",
)


def contrast(first, second):
    """WCAG 2.2, contrast ratio: (lighter + 0.05) / (darker + 0.05) of the relative luminances."""

    def luminance(colour):
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def drawn(figure, state="plain"):
    """The notes of a figure as (onset, pitch) by track name, for one state as the hover words tell it."""
    found = {}
    for trace in figure.data:
        if trace.type != "bar" or trace.hoverinfo == "skip":
            continue
        for base, pitch, words in zip(trace.base, trace.y, trace.hovertext, strict=True):
            said = re.search(r", (added|removed|kept)<br>", words)
            if (said.group(1) if said else "plain") == state:
                found.setdefault(trace.name.split(" ", 1)[-1], []).append((base, pitch))
    return found


def hover(figure, onset, pitch):
    words = [
        text
        for trace in figure.data
        if trace.type == "bar" and trace.hoverinfo != "skip"
        for base, y, text in zip(trace.base, trace.y, trace.hovertext, strict=True)
        if (base, y) == (onset, pitch)
    ]
    assert len(words) == 1
    return words[0]


class TestColours:
    @pytest.mark.parametrize("ground", [plots.LIGHT_GROUND, plots.DARK_GROUND])
    @pytest.mark.parametrize("colour", [*plots.TRACK_COLOURS, plots.DRUM_COLOUR])
    def test_a_track_has_3_to_1_on_both_grounds(self, colour, ground):
        assert contrast(colour, ground) >= 3

    @pytest.mark.parametrize("ground", [plots.LIGHT_GROUND, plots.DARK_GROUND])
    def test_words_have_more(self, ground):
        assert contrast(plots.INK, ground) >= 4.2

    @pytest.mark.parametrize("colour", [*plots.TRACK_COLOURS, plots.DRUM_COLOUR])
    def test_the_plus_sign_has_3_to_1_on_its_note(self, colour):
        assert contrast("#ffffff", colour) >= 3

    def test_the_formula_gives_what_wcag_says(self):
        assert contrast("#000000", "#ffffff") == pytest.approx(21)
        assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)

    def test_every_opaque_colour_of_a_figure_is_one_of_those_tested(self):
        figure = json.loads(plots.piano_roll(MELODY, HARMONY).to_json())
        used = set(re.findall(r"#[0-9a-fA-F]{6}", json.dumps([figure["data"], _without_template(figure)])))
        assert used <= {*plots.TRACK_COLOURS, plots.DRUM_COLOUR, plots.INK, "#ffffff"}
        assert plots.TRACK_COLOURS[0] in used

    def test_the_grounds_are_transparent(self):
        layout = plots.piano_roll(MELODY).layout
        assert (layout.paper_bgcolor, layout.plot_bgcolor) == ("rgba(0,0,0,0)", "rgba(0,0,0,0)")

    def test_tracks_differ_by_pattern_and_shape_too(self):
        tracks = [Track([Note(i, 60, 1)], f"T{i}") for i in range(7)]
        figure = plots.piano_roll(Composition([*tracks, Track([Note(0, 36, 1)], "Drums", is_drum=True)]))
        looks = [(bar.marker.color, bar.marker.pattern.shape) for bar in figure.data]
        assert len(set(looks)) == 8
        assert looks[0][0] == looks[5][0]  # the sixth has the hue of the first again, in another pattern
        assert len({shape for _, shape in looks[:5]}) == 5
        assert [bar.name[0] for bar in figure.data[:3]] == ["●", "■", "▲"]
        assert figure.data[-1].name == "✚ Drums"


def _without_template(figure):
    return {name: value for name, value in figure["layout"].items() if name != "template"}


class TestNotes:
    def test_each_note_is_a_bar_as_long_as_it_sounds(self):
        figure = plots.piano_roll(MELODY)
        (bar,) = figure.data
        assert list(bar.base) == [0, 1, 2]
        assert list(bar.y) == [60, 62, 64]
        assert list(bar.x) == pytest.approx([0.94, 0.94, 1.94])

    def test_a_very_short_note_keeps_most_of_its_length(self):
        (bar,) = plots.piano_roll(Melody([Note(0, 60, 1 / 32)])).data
        assert bar.x[0] == pytest.approx(0.9 / 32)

    def test_one_trace_a_track_and_drums_on_an_axis_of_their_own(self):
        figure = plots.piano_roll(HARMONY)
        assert [trace.name for trace in figure.data] == ["● Melody", "■ Alto", "✚ Drums"]
        assert [trace.yaxis for trace in figure.data] == ["y", "y", "y2"]
        assert list(figure.layout.yaxis2.ticktext) == ["Bass drum", "Acoustic snare"]
        assert figure.layout.yaxis2.domain[1] < figure.layout.yaxis.domain[0]

    def test_drums_alone_fill_the_picture(self):
        figure = plots.piano_roll(HARMONY.with_tracks(HARMONY.tracks[2:]))
        assert figure.layout.yaxis2.domain == (0, 1)
        assert figure.layout.xaxis.anchor == "y2"

    def test_a_melody_gets_an_octave_of_room(self):
        low, high = plots.piano_roll(Melody([Note(0, 60, 1)])).layout.yaxis.range
        assert high - low >= 12
        assert low < 59.5 < 60.5 < high

    @pytest.mark.parametrize(("top", "some"), [(67, "D4"), (96, "F4"), (127, "C6")])
    def test_the_pitch_axis_names_notes(self, top, some):
        axis = plots.piano_roll(Melody([Note(0, 60, 1), Note(1, top, 1)])).layout.yaxis
        names = dict(zip(axis.ticktext, axis.tickvals, strict=True))
        assert names["C4"] == 60
        assert some in names
        assert len(names) <= 16

    def test_names_with_markup_are_shown_as_they_are(self):
        figure = plots.piano_roll(Composition([Track([Note(0, 60, 1)], "A<b>&")], title="<i>Fugue</i>"))
        assert figure.data[0].name == "● A&lt;b&gt;&amp;"
        assert figure.layout.title.text == "&lt;i&gt;Fugue&lt;/i&gt;"

    def test_nothing_to_draw_is_said(self):
        figure = plots.piano_roll(Melody(title="Blank"))
        assert figure.layout.annotations[0].text == "No notes yet."
        assert figure.layout.title.text == "Blank"

    def test_a_title_of_ones_own(self):
        assert plots.piano_roll(MELODY, title="Mine").layout.title.text == "Mine"

    def test_no_music_is_refused(self):
        with pytest.raises(ValueError, match="got nothing"):
            plots.piano_roll()
        with pytest.raises(TypeError, match="read_midi"):
            plots.piano_roll(MELODY, "song.mid")

    def test_thousands_of_notes_are_a_few_traces(self):
        tracks = [Track([Note(i / 4, 40 + t * 12 + i % 12, 0.25) for i in range(1_250)], f"T{t}") for t in range(4)]
        figure = plots.piano_roll(Composition(tracks))
        assert len(figure.data) == 4
        assert len(figure.to_json()) < 1_500_000


class TestChanges:
    def test_added_kept_and_removed_are_told_apart(self):
        figure = plots.piano_roll(MELODY, HARMONY)
        assert drawn(figure, "kept") == {"Melody": [(0, 60), (2, 64)]}
        assert drawn(figure, "added") == {"Alto": [(0, 55)], "Drums": [(0, 36), (1, 38)]}
        assert drawn(figure, "removed") == {"removed": [(1, 62)]}
        assert figure.layout.title.subtitle.text == "3 notes added (+), 1 removed (dashed), 2 kept (pale)."

    def test_they_differ_by_form(self):
        figure = plots.piano_roll(MELODY, HARMONY)
        kept, added, heads = figure.data[:3]
        assert kept.marker.color == "rgba(221,90,20,0.28)"
        assert kept.marker.line.color == plots.TRACK_COLOURS[0]
        assert kept.marker.line.width > 0
        assert added.marker.color == plots.TRACK_COLOURS[1]
        assert (heads.text, list(heads.base), list(heads.y)) == ("<b>+</b>", [0], [55])
        (outline,) = [trace for trace in figure.data if trace.type == "scatter"]
        assert outline.line.dash != "solid"
        assert list(outline.x) == [1, 2, 2, 1, 1, None, 1, 2, None]  # a rectangle, and a stroke through it
        assert list(outline.y) == pytest.approx([61.59, 61.59, 62.41, 62.41, 61.59, None, 62, 62, None])

    def test_first_and_last_are_compared(self):
        between = MELODY.transpose(5)
        direct, long_way = plots.piano_roll(MELODY, HARMONY), plots.piano_roll(MELODY, between, HARMONY)
        assert direct.to_json() == long_way.to_json()

    def test_one_piece_has_no_changes(self):
        figure = plots.piano_roll(HARMONY)
        assert drawn(figure) == {"Melody": [(0, 60), (2, 64)], "Alto": [(0, 55)], "Drums": [(0, 36), (1, 38)]}
        assert figure.layout.title.subtitle.text is None

    def test_the_track_of_a_note_and_its_loudness_do_not_matter(self):
        moved = Composition([Track([Note(0, 60, 1, 20)], "Other"), Track([Note(1, 62, 1), Note(2, 64, 2)])])
        assert str(plots.compare(Composition.from_melody(MELODY), moved)) == "Nothing was changed."

    def test_another_duration_is_another_note(self):
        longer = MELODY.with_notes([Note(0, 60, 1.5), *MELODY.notes[1:]])
        changes = plots.compare(Composition.from_melody(MELODY), Composition.from_melody(longer))
        assert changes.added == ((Note(0, 60, 1.5),),)
        assert changes.removed_notes == (Note(0, 60, 1),)

    def test_doubled_notes_are_counted(self):
        once = Composition([Track([Note(0, 60, 1)])])
        twice = Composition([Track([Note(0, 60, 1)]), Track([Note(0, 60, 1)])])
        assert str(plots.compare(once, twice)) == "1 note added, 0 removed, 1 kept."
        assert str(plots.compare(twice, once)) == "0 notes added, 1 removed, 1 kept."

    def test_a_drum_is_not_the_tone_of_its_key(self):
        tone = Composition([Track([Note(0, 36, 1)])])
        drum = Composition([Track([Note(0, 36, 1)], is_drum=True)])
        assert str(plots.compare(tone, drum)) == "1 note added, 1 removed, 0 kept."

    def test_all_removed_is_still_drawn(self):
        figure = plots.piano_roll(MELODY, Composition(title="Silence"))
        assert drawn(figure, "removed") == {"removed": [(0, 60), (1, 62), (2, 64)]}
        assert figure.layout.xaxis.range == (0, 4)

    def test_a_track_goes_as_one_by_its_legend(self):
        figure = plots.piano_roll(MELODY, HARMONY)
        groups = {}
        for trace in figure.data:
            groups.setdefault(trace.legendgroup, []).append(bool(trace.showlegend))
        assert [sum(shown) for shown in groups.values()] == [1] * len(groups)
        assert len(groups) == 4  # three tracks and what was removed


class TestRuler:
    def test_bars_and_beats_of_four_four(self):
        figure = plots.piano_roll(Melody([Note(0, 60, 5)]))
        axis = figure.layout.xaxis
        assert list(axis.tickvals) == [0, 4]
        assert list(axis.ticktext) == ["1", "2"]
        assert list(axis.minor.tickvals) == [1, 2, 3, 5, 6, 7]
        assert axis.range == (0, 8)

    def test_six_eight_counts_eighths(self):
        figure = plots.piano_roll(Melody([Note(0, 60, 1), Note(4.5, 62, 1)], metre=MetreChange(0, 6, 8)))
        assert list(figure.layout.xaxis.tickvals) == [0, 3]
        assert list(figure.layout.xaxis.minor.tickvals) == [0.5, 1, 1.5, 2, 2.5, 3.5, 4, 4.5, 5, 5.5]
        assert "bar 2, beat 4 of 6 (eighths)" in hover(figure, 4.5, 62)

    def test_a_pickup_is_bar_0_and_counts_towards_the_bar_line(self):
        """Three quarters with an upbeat of one and a half: the upbeat starts on beat 2.5."""
        piece = Melody([Note(0, 60, 0.5), Note(0.5, 62, 1), Note(1.5, 64, 4)], metre=MetreChange(0, 3, 4), pickup=1.5)
        figure = plots.piano_roll(piece)
        assert list(figure.layout.xaxis.tickvals) == [0, 1.5, 4.5]
        assert list(figure.layout.xaxis.ticktext) == ["0", "1", "2"]
        assert list(figure.layout.xaxis.minor.tickvals) == [0.5, 2.5, 3.5, 5.5, 6.5]
        assert "bar 0, beat 2.5 of 3" in hover(figure, 0, 60)
        assert "bar 0, beat 3 of 3" in hover(figure, 0.5, 62)
        assert "bar 1, beat 1 of 3" in hover(figure, 1.5, 64)

    def test_a_change_of_metre_is_followed(self):
        piece = Composition(
            [Track([Note(4, 60, 1), Note(7.5, 62, 2)])], metres=[MetreChange(0, 4, 4), MetreChange(4, 7, 8)]
        )
        figure = plots.piano_roll(piece)
        assert list(figure.layout.xaxis.tickvals) == [0, 4, 7.5]
        assert "bar 2, beat 1 of 7 (eighths)" in hover(figure, 4, 60)
        assert "bar 3, beat 1 of 7" in hover(figure, 7.5, 62)
        assert figure.layout.xaxis.range == (0, 11)

    def test_hover_names_the_pitch_or_the_drum(self):
        figure = plots.piano_roll(HARMONY)
        assert hover(figure, 0, 55).startswith("<b>G3</b> Alto<br>bar 1, beat 1 of 4<br>4 beats long")
        assert hover(figure, 1, 38).startswith("<b>Acoustic snare</b> Drums<br>bar 1, beat 2 of 4<br>0.5 beats long")

    def test_drum_names_are_general_midis(self):
        """Anchors from the General MIDI Level 1 percussion map."""
        known = {35: "Acoustic bass drum", 36: "Bass drum", 42: "Closed hi-hat", 49: "Crash cymbal 1", 56: "Cowbell"}
        assert known.items() <= plots.DRUM_NAMES.items()
        assert (plots.DRUM_NAMES[70], plots.DRUM_NAMES[81], len(plots.DRUM_NAMES)) == ("Maracas", "Open triangle", 47)

    def test_of_a_long_piece_the_first_sixteen_bars_are_shown(self):
        figure = plots.piano_roll(Melody([Note(i, 60, 1) for i in range(160)]))
        assert figure.layout.xaxis.range == (0, 64)
        assert len(figure.layout.xaxis.tickvals) == 40
        assert "17–40" in figure.layout.xaxis.title.text

    def test_the_ruler_reaches_to_notes_that_were_removed(self):
        figure = plots.piano_roll(MELODY.with_notes([*MELODY.notes, Note(9, 60, 1)]), MELODY)
        assert figure.layout.xaxis.range == (0, 12)
        assert "bar 3, beat 2 of 4" in hover(figure, 9, 60)


@dataclass(frozen=True)
class Doubted:
    """An opinion of a note, as a technique gives it."""

    track: int
    note: Note
    doubt: float
    rather: Note | None = None
    rather_probability: float = 0.0


class TestDoubts:
    PIECE = Composition(
        [
            Track([Note(0, 60, 1), Note(1, 62, 1), Note(2, 64, 2), Note(4, 65, 4)], "Melody"),
            Track([Note(0, 36, 1)], "Drums", is_drum=True),
            Track([Note(0, 48, 4)], "Bass"),
        ],
        title="Slips",
    )
    OPINIONS = (
        Doubted(0, Note(0, 60, 1), 0.05),
        Doubted(0, Note(1, 62, 1), 0.83, Note(1, 66, 1), 0.61),
        Doubted(0, Note(2, 64, 2), 0.3, Note(2, 64, 1), 0.004),
        Doubted(0, Note(4, 65, 4), 0.95),
        Doubted(2, Note(0, 48, 4), 0.21),
    )

    def test_every_note_has_the_colour_of_its_doubt(self):
        figure = plots.doubts(self.PIECE, self.OPINIONS)
        coloured = [trace for trace in figure.data if trace.marker.coloraxis]
        found = {
            (onset, pitch): doubt
            for trace in coloured
            for onset, pitch, doubt in zip(trace.base, trace.y, trace.marker.color, strict=True)
        }
        assert found == {(o.note.onset, o.note.pitch): o.doubt for o in self.OPINIONS}
        axis = figure.layout.coloraxis
        assert (axis.cmin, axis.cmax) == (0, 1)
        assert list(axis.colorbar.ticktext) == ["fits", "50 %", "out of place"]
        assert [colour for _, colour in axis.colorscale] == list(plots.DOUBT_SCALE)

    @pytest.mark.parametrize("ground", [plots.LIGHT_GROUND, plots.DARK_GROUND])
    def test_every_step_of_the_scale_stands_out_on_both_grounds(self, ground):
        channels = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in plots.DOUBT_SCALE]
        for first, second in pairwise(channels):
            for share in np.linspace(0, 1, 11):
                mixed = [round(a + share * (b - a)) for a, b in zip(first, second, strict=True)]
                assert contrast("#" + "".join(f"{channel:02x}" for channel in mixed), ground) >= 3
        assert contrast("#ffffff", plots.DOUBT_SCALE[-1]) >= 4.5  # the number in its triangle

    def test_hovering_tells_the_doubt_and_the_wish(self):
        words = hover(plots.doubts(self.PIECE, self.OPINIONS), 1, 62)
        assert "D4 at bar 1, beat 2 of 4: out of place 83 %; would rather hear F♯4, 61 %" in words
        words = hover(plots.doubts(self.PIECE, self.OPINIONS), 0, 60)
        assert words.endswith("C4 at bar 1, beat 1 of 4: out of place 5 %")

    def test_another_duration_is_told_as_such(self):
        words = plots.opinion_in_words(self.OPINIONS[2], plots.Ruler(self.PIECE, 8))
        assert words.endswith("would rather hear E4 for 1 beat, 0.4 %")

    def test_the_three_most_doubted_carry_a_number(self):
        doubted = plots.most_doubted(self.OPINIONS)
        assert [opinion.doubt for opinion in doubted] == [0.95, 0.83, 0.3]
        scattered = [trace for trace in plots.doubts(self.PIECE, self.OPINIONS).data if trace.type == "scatter"]
        (signs,) = [trace for trace in scattered if trace.mode == "markers+text"]
        assert list(signs.text) == ["<b>1</b>", "<b>2</b>", "<b>3</b>"]
        assert list(signs.x) == [6, 1.5, 3]
        assert signs.marker.symbol == "triangle-down"

    def test_what_hardly_is_doubted_is_not_singled_out(self):
        calm = [Doubted(0, Note(0, 60, 1), 0.19), Doubted(0, Note(1, 62, 1), 0.2)]
        assert plots.most_doubted(calm) == calm[1:]
        figure = plots.doubts(MELODY, [Doubted(0, note, 0.1) for note in MELODY.notes])
        assert [trace.type for trace in figure.data] == ["bar"]

    def test_a_ghost_stands_where_the_wish_would(self):
        figure = plots.doubts(self.PIECE, self.OPINIONS)
        outline, hidden = [trace for trace in figure.data if trace.name == "would rather hear"]
        assert outline.line.color == plots.NETWORK_COLOUR
        corners = {(x, round(y)) for x, y in zip(outline.x, outline.y, strict=True) if x is not None}
        assert {(1, 66), (2, 64)} <= corners
        assert (1.5, 62) in corners  # the line to the note it would replace
        assert list(zip(hidden.base, hidden.y, strict=True)) == [(1, 66), (2, 64)]
        low, high = figure.layout.yaxis.range
        assert low < 48
        assert high > 66

    def test_drums_are_drawn_and_not_judged(self):
        figure = plots.doubts(self.PIECE, self.OPINIONS)
        (drums,) = [trace for trace in figure.data if trace.name == "✚ Drums"]
        assert drums.marker.color == plots.DRUM_COLOUR
        assert drums.yaxis == "y2"

    def test_nothing_to_judge_is_said(self):
        assert plots.doubts(Melody(title="Blank"), []).layout.annotations[0].text == "No notes yet."


class TestPercent:
    @pytest.mark.parametrize(
        ("probability", "words"),
        [(0, "0 %"), (0.000123, "0.01 %"), (0.0046, "0.5 %"), (0.01, "1 %"), (0.126, "13 %"), (1, "100 %")],
    )
    def test_as_people_say_it(self, probability, words):
        assert plots.percent(probability) == words


@dataclass(frozen=True)
class Stage:
    """A stage of a U-Net, as a technique gives it."""

    name: str
    values: np.ndarray
    beats: tuple[float, float] = (4.0, 8.0)


def stages(scale=1.0):
    random = np.random.default_rng(0)
    shapes = {"level 1 down": (3, 8, 4), "level 2 down": (5, 4, 2), "trunk": (2, 4, 2), "level 1 up": (6, 8, 4)}
    return [
        Stage(name, (random.random(shape) * (scale if name.endswith("up") else 1)).astype(np.float32))
        for name, shape in shapes.items()
    ]


class TestFeatures:
    ANSWERS = (np.eye(8, 16, dtype=np.float32) * 0.5, np.full((8, 16), 0.25, dtype=np.float32))

    def figure(self, whole=None, cut=None):
        whole, cut = whole or stages(), cut or stages(0.1)
        return plots.feature_maps(whole, cut, self.ANSWERS, [(2, 3, 6)], lowest_pitch=58, title="Bar 2")

    def maps(self, figure):
        return {trace.name: trace for trace in figure.data if trace.type == "heatmap" and "adding" not in trace.name}

    def test_the_most_active_channels_are_those_that_vary_most(self):
        values = np.zeros((4, 2, 2), dtype=np.float32)
        values[0] = 9  # high, and the same everywhere
        values[1] = [[0, 1], [0, 1]]
        values[3] = [[0, 5], [-5, 0]]
        assert plots.most_active(values) == [3, 1, 0, 2]
        assert plots.most_active(values, 1) == [3]

    def test_every_stage_is_drawn_and_the_way_up_twice(self):
        figure = self.figure()
        assert list(self.maps(figure)) == [
            "level 1 down, way down", "level 1 up, way up", "level 1 up, way up, skip connections cut",
            "level 2 down, way down", "trunk, way down",
        ]  # fmt: skip
        headings = [annotation.text for annotation in figure.layout.annotations]
        assert "<b>level 2 down</b><br>5 channels of 4 × 2" in headings
        assert "<b>level 1 up</b><br>skip connections cut" in headings

    def test_a_picture_holds_the_values_of_its_channels(self):
        """Side by side, most active first, parted by a gap, in shares of the strongest."""
        [stage, *rest] = stages()
        order = plots.most_active(stage.values)
        drawn = np.array(self.maps(self.figure([stage, *rest]))["level 1 down, way down"].z, dtype=float)
        assert drawn.shape == (8, 3 * 4 + 2)
        assert np.isnan(drawn[:, [4, 9]]).all()
        for place, channel in enumerate(order):
            expected = stage.values[channel] / stage.values.max()
            np.testing.assert_allclose(drawn[:, 5 * place : 5 * place + 4], expected, rtol=1e-2)

    def test_cut_and_whole_show_the_same_channels_on_one_scale(self):
        maps = self.maps(self.figure())
        whole = np.array(maps["level 1 up, way up"].z, dtype=float)
        cut = np.array(maps["level 1 up, way up, skip connections cut"].z, dtype=float)
        np.testing.assert_allclose(cut, whole * 0.1, rtol=2e-2)
        assert np.nanmax(whole) == 1

    def test_both_answers_stand_on_one_scale_with_the_notes_over_them(self):
        figure = self.figure()
        answers = [trace for trace in figure.data if "adding" in (trace.name or "")]
        assert [trace.zmax for trace in answers] == [0.5, 0.5]
        np.testing.assert_allclose(np.array(answers[0].z, dtype=float), self.ANSWERS[0])
        np.testing.assert_allclose(np.array(answers[1].z, dtype=float), 0.25)
        outlines = [trace for trace in figure.data if trace.type == "scatter"]
        assert [(trace.xaxis, trace.yaxis) for trace in outlines] == [(t.xaxis, t.yaxis) for t in answers]
        assert list(outlines[0].x) == [1.5, 5.5, 5.5, 1.5, 1.5, None]
        assert list(outlines[0].y) == [2.5, 2.5, 3.5, 3.5, 2.5, None]
        axis = figure.layout[outlines[0].yaxis.replace("y", "yaxis")]
        assert dict(zip(axis.ticktext, axis.tickvals, strict=True)) == {"C4": 2}

    def test_panels_do_not_overlap(self):
        figure = self.figure()
        boxes = []
        for trace in figure.data:
            if trace.type == "heatmap":
                axes = [figure.layout[f"{axis[0]}axis{axis[1:]}"].domain for axis in (trace.xaxis, trace.yaxis)]
                boxes.append(tuple(axes))
        assert len(boxes) == len(set(boxes)) == 7
        for (x, y), (other_x, other_y) in combinations(boxes, 2):
            assert x[1] <= other_x[0] or other_x[1] <= x[0] or y[1] <= other_y[0] or other_y[1] <= y[0]

    def test_the_change_of_the_answer_in_numbers(self):
        random = np.random.default_rng(1)
        first, second = random.random((2, 6, 10)).astype(np.float32)
        correlation, stay = plots.answer_change(first, second, top=7)
        assert correlation == pytest.approx(np.corrcoef(first.ravel(), second.ravel())[0, 1])
        assert stay == sum(i in np.argsort(second.ravel())[-7:] for i in np.argsort(first.ravel())[-7:])
        assert plots.answer_change(first, first) == (pytest.approx(1), 20)
        assert plots.answer_change(first, np.zeros_like(first))[0] == 0


class TestStill:
    def drawn(self, *music):
        return ElementTree.fromstring(plots.still(*(as_composition(piece) for piece in music)))

    def test_added_kept_and_removed_differ_by_form(self):
        svg = self.drawn(MELODY, HARMONY)
        boxes = svg.findall(".//{*}rect[@stroke]")
        assert [box.get("fill-opacity") for box in boxes] == ["0.28", "0.28", "1"]  # two kept, the alto; no drums
        assert [box.get("fill") for box in boxes] == [plots.TRACK_COLOURS[0]] * 2 + [plots.TRACK_COLOURS[1]]
        assert len(svg.findall(".//{*}path[@stroke='#ffffff']")) == 1  # the plus sign
        (removed,) = svg.findall(".//{*}path[@stroke-dasharray]")
        assert removed.get("stroke") == plots.INK
        assert svg.find("{*}title").text == "Harmony"
        assert "3 notes added (+), 1 removed (dashed), 2 kept (pale)." in svg.find("{*}desc").text

    def test_a_note_lies_where_it_sounds(self):
        box, *_ = self.drawn(MELODY, MELODY.transpose(12)).findall(".//{*}rect[@stroke]")
        ends = [float(path.get("d").split()[0][1:]) for path in self.drawn(MELODY, MELODY).findall(".//{*}path")]
        assert float(box.get("x")) == pytest.approx(ends[0], abs=0.1)  # the first note begins with the first bar
        whole = float(self.drawn(MELODY, MELODY).get("width")) - ends[0]
        assert float(box.get("width")) == pytest.approx(whole / 4 - 1, abs=0.1)  # a quarter of the only bar

    def test_titles_with_markup_are_shown_as_they_are(self):
        piece = Composition([Track([Note(0, 60, 1)])], title="<A> & B")
        assert self.drawn(piece, piece).find("{*}title").text == "<A> & B"

    def test_nothing_at_all_is_still_a_picture(self):
        assert self.drawn(Melody(), Melody()).tag.endswith("svg")


class TestSketch:
    NOISE = Composition([Track([Note(1, 90, 1)], "Melody"), Track([], "Alto"), HARMONY.tracks[2]], title="Noise")

    def test_it_is_well_formed_and_draws_every_note(self):
        picture = ElementTree.fromstring(plots.sketch(HARMONY))
        paths = [path for path in picture.iter() if path.get("class") == "is-notes"]
        assert [path.get("d").count("M") for path in paths] == [2, 1, 2]  # drums, alto, and the melody on top
        assert [path.get("fill") for path in paths] == [plots.DRUM_COLOUR, *reversed(plots.TRACK_COLOURS[:2])]

    def test_pieces_seen_one_after_the_other_have_one_ruler(self):
        pieces = [HARMONY, self.NOISE]
        boxes = {ElementTree.fromstring(plots.sketch(piece, pieces)).get("viewBox") for piece in pieces}
        assert len(boxes) == 1
        assert boxes != {ElementTree.fromstring(plots.sketch(HARMONY)).get("viewBox")}

    def test_nothing_to_draw_is_an_empty_roll(self):
        ElementTree.fromstring(plots.sketch(Composition([Track([], "Melody")])))

    def test_the_legend_has_shapes_and_the_hues_of_the_roll(self):
        assert plots.track_marks(HARMONY) == [
            ("●", plots.TRACK_COLOURS[0], "Melody"),
            ("■", plots.TRACK_COLOURS[1], "Alto"),
            ("✚", plots.DRUM_COLOUR, "Drums"),
        ]


CHARTS = {"Losses": ("discriminator", "generator"), "Scores": ("real", "generated")}


class TestTrainingCurves:
    def drawn(self, **curves):
        living = plots.TrainingCurves(CHARTS, ("in_scale_ratio",), {"in_scale_ratio": (0.9, 0.98)})
        living.draw({"Losses": curves, "": {name: curves[name] for name in curves if name == "in_scale_ratio"}}, 8)
        return living.widget

    def words(self, figure):
        return [re.sub(r"<[^>]*>", " ", annotation.text) for annotation in figure.layout.annotations]

    def test_before_the_first_update_it_says_when_it_starts(self):
        words = self.words(plots.TrainingCurves(CHARTS, ("in_scale_ratio",)).widget)
        assert "starts with the first update" in words[0]
        assert "not measured yet" in words[2]

    def test_long_curves_are_thinned_and_keep_their_end(self):
        epochs = tuple(step / 100 for step in range(2_000))
        figure = self.drawn(discriminator=(epochs, epochs))
        assert 150 <= len(figure.data[0].x) <= 300
        assert figure.data[0].x[-1] == figure.data[1].x[0] == epochs[-1]

    def test_updates_at_the_same_epoch_are_one_point(self):
        figure = self.drawn(discriminator=((0, 0, 0, 1), (1, 2, 3, 7)))
        assert (figure.data[0].x.tolist(), figure.data[0].y.tolist()) == ([0, 1], [2, 7])
        assert "discriminator 7.00" in self.words(figure)[0]

    @pytest.mark.parametrize(("value", "verdict"), [(0.5, "below"), (0.95, "within"), (0.896, "within"), (1, "above")])
    def test_a_metric_is_told_beside_the_data(self, value, verdict):
        words = self.words(self.drawn(in_scale_ratio=((1,), (value,))))[2]
        assert f"{value:.2f} , {verdict}" in words
        assert "data 0.90–0.98" in words
