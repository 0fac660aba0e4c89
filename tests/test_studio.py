import base64
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from IPython.core.formatters import DisplayFormatter
from untrained_gan import untrained_model

from deepcomposer_lab import doctor, library, sound, studio
from deepcomposer_lab.models.registry import save_model
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.midi import read_midi
from deepcomposer_lab.music.musicxml import read_musicxml
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.pianoroll import PianoRoll
from deepcomposer_lab.plots import percent

MELODY = Melody([Note(0, 60, 1), Note(1, 62, 1), Note(2, 64, 2)], title="Three notes")
PLOTLY = "application/vnd.plotly.v1+json"


class Elements(HTMLParser):
    """The elements of a piece of HTML, each with its attributes, and all its words."""

    def __init__(self, html):
        super().__init__()
        self.found, self.words = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words += data

    def one(self, tag):
        (attributes,) = [attributes for name, attributes in self.found if name == tag]
        return attributes


@pytest.fixture
def notebook(monkeypatch):
    """A notebook that keeps what is displayed and what each update makes of it."""
    outputs = []

    def display(*bundles, raw=False, display_id=False):
        assert raw
        outputs.append([*bundles])
        return SimpleNamespace(update=lambda bundle, raw: outputs[-1].append(bundle)) if display_id else None

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(studio, "_shell", lambda: SimpleNamespace(kernel=True))
    return outputs


class Echo:
    """A technique that takes its time, adds one note and tells every step."""

    loads: ClassVar[list[str]] = []

    @classmethod
    def from_pretrained(cls, name):
        cls.loads.append(name)
        return cls()

    def compose(self, music, *, seed=None, progress=None, steps=3):
        if steps < 0:
            raise ValueError(f"steps lies in 0–500; got {steps}.")
        for step in range(steps):
            progress(step + 1, steps)
        piece = as_composition(music)
        bass = Track([Note(0, 40 + (seed or 0), piece.end)], "Bass", 42)
        return piece.with_tracks([*piece.tracks, bass]).with_step(
            CompositionStep("echo", parameters={"steps": steps}, seed=seed, remarks=("Only the bass is new.",))
        )


@pytest.fixture
def echo(monkeypatch):
    module = ModuleType("echo_technique")
    module.Echo = Echo
    monkeypatch.setitem(sys.modules, "echo_technique", module)
    monkeypatch.setitem(studio.TECHNIQUES, "echo", ("echo_technique", "Echo", "echo_bach"))
    monkeypatch.setattr(Echo, "loads", [])
    studio._load_technique.cache_clear()
    yield Echo
    studio._load_technique.cache_clear()


class TestShow:
    def test_a_picture_is_a_plotly_output_and_words_beneath(self, notebook):
        composition = Composition(
            [Track([Note(0, 60, 1), Note(2, 64, 2)], "Melody"), Track([Note(0, 36, 1)], "Drums", is_drum=True)],
            metres=[MetreChange(0, 3, 4)],
            title="A & B",
            steps=[
                CompositionStep("edit", remarks=("An old remark.",)),
                CompositionStep("ar-cnn", remarks=("The drum track passed through untouched.", "Two notes < one.")),
            ],
        )
        picture = studio.show(MELODY, composition)
        picture._ipython_display_()
        (roll,), (words,) = notebook
        assert roll.keys() == {PLOTLY, "text/plain"}
        figure = json.loads(json.dumps(roll[PLOTLY], allow_nan=False))
        assert {"data", "layout", "config"} <= figure.keys()
        assert figure["data"][0]["base"] == [0, 2]
        assert words["text/plain"].splitlines() == [
            "A & B: 3 notes in 2 tracks, 2 bars of 3/4, 0:02.",
            "1 note added, 1 removed, 2 kept.",
            "The drum track passed through untouched.",
            "Two notes < one.",
        ]
        assert "A &amp; B" in words["text/html"]
        assert "Two notes &lt; one." in words["text/html"]

    def test_the_output_is_small(self, notebook):
        studio.show(MELODY)._ipython_display_()
        assert len(json.dumps(notebook)) < 20_000  # the figure alone, without plotly's own script

    def test_one_piece_is_told_in_numbers_alone(self):
        melody = Melody([Note(0, 60, 1), Note(1, 62, 4)], bpm=60, pickup=1, title="Upbeat")
        assert repr(studio.show(melody)) == "Upbeat: 2 notes in 1 track, 1 bar of 4/4 after a pickup, 0:05."

    def test_an_empty_piece_says_so(self):
        assert repr(studio.show(Melody(title="Blank"))) == "Blank: no notes yet."

    def test_what_is_no_music_is_refused(self):
        with pytest.raises(TypeError, match="read_midi"):
            studio.show("song.mid")
        with pytest.raises(ValueError, match="nothing"):
            studio.show()
        with pytest.raises(TypeError, match="A title is a text; got 3"):
            studio.show(MELODY, title=3)

    def test_a_value_that_ends_a_cell_is_drawn(self, monkeypatch):
        formatter = DisplayFormatter()
        monkeypatch.setattr(studio, "_shell", lambda: SimpleNamespace(display_formatter=formatter))
        plain, _ = formatter.format(MELODY)
        assert PLOTLY not in plain
        studio._teach_ipython()
        for music in (MELODY, Composition.from_melody(MELODY)):
            bundle, _ = formatter.format(music)
            assert bundle[PLOTLY]["data"][0]["base"] == [0, 1, 2]
            assert bundle["text/plain"].startswith("Three notes: 3 notes")


def run_of(technique_name="autoregressive_cnn_bach", **parameters):
    """A run with the shipped model in which notes of both sides come and go."""
    piece = as_composition(MELODY).with_tracks(
        [
            Track([Note(0, 60, 1), Note(1, 61, 1), Note(2, 64, 2), Note(4, 66, 2), Note(6, 59, 2)], "Melody"),
            Track([Note(0, 36, 1)], "Drums", is_drum=True),
        ]
    )
    technique = studio._load_technique("ar-cnn", technique_name)
    return technique.steps(
        piece, **{"seed": 4, "sampling_iterations": 60, "max_notes_to_remove": 100, "creative_risk": 2.0, **parameters}
    )


def pitched(piece):
    return sorted(note for track in piece.tracks if not track.is_drum for note in track.notes)


@pytest.fixture(scope="module")
def run():
    run = run_of()
    list(run)
    return run


class TestShowEdits:
    def test_what_stands_after_each_edit_is_what_the_run_says(self, run):
        kinds = {(edit.kind, edit.from_input) for edit in run.edits}
        assert {("add", False), ("remove", True), ("remove", False)} <= kinds
        notes = studio.show_edits(run).history.notes
        for edits in range(len(run.edits) + 1):
            standing = [n.note for n in notes if n.came <= edits and (n.went is None or n.went > edits)]
            assert sorted(standing) == pitched(run.composition_at(edits))

    def test_a_note_that_comes_back_keeps_its_track(self):
        first, second = Note(0, 60, 1), Note(0, 64, 1)
        piece = Composition([Track([first], "A"), Track([second], "B")])
        made = [("remove", True), ("add", False), ("add", True), ("remove", True)]
        edits = [SimpleNamespace(kind=kind, from_input=is_input, note=second) for kind, is_input in made]
        notes, touched = studio._notes_by_edit(piece, edits)
        assert [(n.track, n.came, n.went) for n in notes] == [(0, 0, None), (1, 0, 1), (None, 2, None), (1, 3, 4)]
        assert touched == [1, 2, 3, 3]

    def test_each_edit_is_told_with_its_place_its_share_and_the_runner_up(self, run):
        history = studio.show_edits(run).history
        for shown, edit in zip(history.edits, run.edits, strict=True):
            assert shown.words.startswith(f"{edit.kind} {edit.note.name} (")
            assert "at bar " in shown.words
            why = "by the rule against parallels" if edit.by_rule else f"drawn with {percent(edit.probability)}"
            assert shown.words.endswith(f", {why}.")
            assert shown.adds is (edit.kind == "add")
            assert history.notes[shown.note].note == edit.note
            if edit.runner_up is not None and edit.runner_up.note is not None:
                assert f"Runner-up: {edit.runner_up.kind} {edit.runner_up.note.name} (" in shown.runner_up
        assert history.start == "The input, before any edit: 5 notes. The drums sound along and are not edited."

    def test_the_opinions_are_those_of_the_maps(self, run):
        for shown, edit in zip(studio.show_edits(run).history.edits, run.edits, strict=True):
            told, dense, starts = shown.opinions, edit.map.dense(), edit.map.starts
            steps = np.rint(told.beats * 4).astype(int) + edit.map.lead
            rows = told.pitches - edit.map.lowest_pitch
            rebuilt = np.zeros_like(dense)
            rebuilt[rows, steps] = told.probabilities
            np.testing.assert_array_equal(rebuilt, dense)
            np.testing.assert_array_equal(told.removes, starts[rows, steps])
            own = (told.beats == edit.note.onset) & (told.pitches == edit.note.pitch)
            assert shown.right == pytest.approx(told.probabilities[own].sum(), abs=0.003)

    def test_a_run_is_finished_first_and_says_how_far_it_is(self, notebook):
        run = run_of(sampling_iterations=5)
        next(iter(run))
        widget = studio.show_edits(run)
        assert len(widget.roll["edits"]) == len(run.edits) > 1
        (status,) = notebook
        assert status[0]["text/plain"] == "Composing …"
        assert "<progress" in status[1]["text/html"]
        assert status[-1]["text/plain"] == f"The model made {len(run.edits)} edits."
        assert repr(widget).startswith(f"Three notes: {len(run.edits)} edits (seed 4), ")

    def test_edits_drawn_from_one_look_share_what_was_read_of_it(self):
        run = run_of(sampling_iterations=120, max_notes_to_remove=0)
        list(run)
        shown = studio.show_edits(run).history.edits
        looks = {id(edit.map) for edit in run.edits}
        assert len(looks) < len(run.edits)
        assert len({id(edit.opinions) for edit in shown}) == len(looks)

    def test_a_long_run_says_that_it_is_being_drawn(self, run, notebook, monkeypatch):
        studio.show_edits(run)
        assert notebook == []
        monkeypatch.setattr(studio, "_MANY_EDITS", len(run.edits) - 1)
        studio.show_edits(run)
        (status,) = notebook
        assert [bundle["text/plain"] for bundle in status[1:]] == [
            f"Drawing {len(run.edits)} edits …",
            f"The model made {len(run.edits)} edits.",
        ]

    def test_a_run_without_edits_is_shown_as_it_is(self):
        widget = studio.show_edits(run_of(sampling_iterations=0))
        assert (widget.roll["edits"], widget.heat) == ([], b"")

    def test_it_can_be_heard_at_any_edit(self, run, monkeypatch):
        rendered = []
        monkeypatch.setattr(
            studio, "play", lambda piece: rendered.append(piece) or studio.AudioPlayer("", 1, "audio/x", b"1")
        )
        widget = studio.show_edits(run)
        heard = widget.sound(4)
        assert rendered == [run.composition_at(4)]
        assert (heard.mime, heard.data) == ("audio/x", b"1")

    def test_the_clock_follows_the_tempo_and_the_silence_left_out(self):
        """Two bars of silence at 120 are left out; then four beats at 120, and four at 60: 2 s and 4 s."""
        piece = Composition(
            [Track([Note(8, 60, 4), Note(12, 62, 4)])], tempos=[TempoChange(0, 120), TempoChange(12, 60)]
        )
        heard = studio._sound_after(SimpleNamespace(composition_at=lambda edits: piece), 0)
        assert heard.clock == [(0, 8), (2, 12), (6, 16)]
        assert "Left out: 0:04 of silence" in heard.words

    def test_what_is_no_run_is_refused(self):
        with pytest.raises(TypeError, match=r"bach\.steps\(melody, seed=7\); got a Melody"):
            studio.show_edits(MELODY)


class TestExplain:
    @pytest.fixture
    def doubting(self, monkeypatch):
        """A technique that doubts as it is told."""
        told = []
        monkeypatch.setattr(
            studio, "_load_technique", lambda technique, model: SimpleNamespace(opinions=lambda music: list(told))
        )
        return told

    def opinion(self, note, doubt, rather=None, probability=0.0):
        return SimpleNamespace(track=0, note=note, doubt=doubt, rather=rather, rather_probability=probability)

    def test_the_most_doubted_notes_are_named_in_a_sentence(self, doubting):
        doubting += [
            self.opinion(MELODY.notes[0], 0.25),
            self.opinion(MELODY.notes[1], 0.83, Note(1, 61, 1), 0.61),
            self.opinion(MELODY.notes[2], 0.1),
        ]
        assert repr(studio.explain(MELODY)) == (
            "Most out of place: (1) D4 at bar 1, beat 2 of 4: out of place 83 %, would rather hear C♯4, 61 %; "
            "(2) C4 at bar 1, beat 1 of 4: out of place 25 %."
        )

    def test_music_that_fits_is_said_to(self, doubting):
        doubting += [self.opinion(note, 0.05 + note.onset / 100) for note in MELODY.notes]
        told = "it doubts most E4 at bar 1, beat 3 of 4: out of place 7 %."
        assert repr(studio.explain(MELODY)) == f"The model finds every note in place; {told}"

    def test_drums_are_said_to_be_left_alone(self, doubting):
        doubting.append(self.opinion(MELODY.notes[0], 0.05))
        piece = as_composition(MELODY)
        drums = Track([Note(0, 36, 1)], "Drums", is_drum=True)
        assert studio.explain(piece.with_tracks([*piece.tracks, drums])).sentences[-1] == "The drums are not judged."

    def test_the_shipped_model_doubts_a_slip_most(self):
        slip = Note(6, 66, 2)  # F sharp over a C major cadence
        tracks = [
            Track([Note(0, 64, 2), Note(2, 65, 2), Note(4, 62, 2), Note(6, 60, 2)], "Soprano"),
            Track([Note(0, 60, 2), Note(2, 60, 2), Note(4, 59, 2), slip], "Alto"),
            Track([Note(0, 55, 2), Note(2, 57, 2), Note(4, 55, 2), Note(6, 52, 2)], "Tenor"),
            Track([Note(0, 48, 2), Note(2, 41, 2), Note(4, 43, 2), Note(6, 48, 2)], "Bass"),
        ]
        picture = studio.explain(Composition(tracks, title="Cadence"))
        assert picture.sentences[0].startswith("Most out of place: (1) F♯4 at bar 2, beat 3 of 4")
        assert picture.figure.data[0].marker.coloraxis == "coloraxis"


class TestShowFeatures:
    def test_the_answer_is_the_networks_own(self):
        """With the skip connections it must be what the first look of a run says of the same bar."""
        run = run_of(sampling_iterations=1)
        (edit,) = run
        picture = studio.show_features(run.input, bar=1)
        answer, cut = [trace for trace in picture.figure.data if trace.name == "adding a note is right"]
        drawn = np.array(answer.z, dtype=float)
        expected = np.where(edit.map.starts, 0, edit.map.dense())[:, 16:32]  # the second bar, four steps a beat
        np.testing.assert_allclose(drawn, expected, rtol=0.01, atol=0.0021)  # a map leaves out what is below 0.002
        assert np.abs(np.array(cut.z, dtype=float) - drawn).max() > 0.01

    def test_a_sentence_tells_how_much_changes(self):
        words = repr(studio.show_features(run_of().input, bar=0))
        found = re.fullmatch(
            r"With the skip connections cut, (\d+) of the 20 likeliest additions in bar 1 stay; "
            r"the correlation of the two answers is (-?\d\.\d\d) \(1 would be no change\)\.",
            words,
        )
        assert found
        assert 0 <= int(found[1]) < 20
        assert -1 <= float(found[2]) < 1

    def test_after_a_pickup_bars_are_numbered_as_a_musician_counts(self):
        melody = Melody([Note(0, 60, 1), Note(1, 62, 4), Note(5, 64, 4)], pickup=1, title="Upbeat")
        assert "in bar 1 stay" in repr(studio.show_features(melody, bar=1))
        assert studio.show_features(melody, bar=0).figure.layout.title.text.startswith("Upbeat, bar 0:")

    def test_notes_are_placed_in_the_cells_of_the_bar(self):
        encoding = SimpleNamespace(steps_per_beat=4, row=lambda pitch: pitch - 32)
        piece = Composition(
            [Track([Note(0, 60, 4.5), Note(7, 62, 9), Note(8, 64, 1)]), Track([Note(4, 36, 1)], is_drum=True)]
        )
        assert studio._notes_in_cells(piece, encoding, (4.0, 8.0)) == [(0, 28, 2), (12, 30, 16)]

    def test_a_bar_that_is_not_there_is_refused(self):
        with pytest.raises(ValueError, match="bars are counted from 0 to 1; got 2"):
            studio.show_features(run_of().input, bar=2)


class TestExplainTokens:
    def test_the_counts_are_those_of_the_whole_piece(self):
        picture = studio.explain_tokens(MELODY)
        assert picture.sentences == (
            "On the grid of beats Three notes has 15 tokens for 3 notes: 5.0 tokens a note, from a vocabulary of 517.",
        )
        assert list(picture.figure.data[0].y) == [60, 62, 64]

    def test_as_a_performance_it_is_other_words(self):
        picture = studio.explain_tokens(MELODY, "performance")
        assert picture.sentences[0].startswith("As a performance Three notes has ")
        assert picture.sentences[0].endswith("from a vocabulary of 310.")
        assert "On C4" in picture.table
        assert "Pitch" not in picture.table

    def test_a_terminal_gets_a_table(self):
        words = repr(studio.explain_tokens(MELODY))
        assert "1 C4    Pitch C4 · Duration 1" in words.splitlines()

    def test_a_notebook_gets_the_figure_and_the_tokens(self, notebook):
        studio.explain_tokens(MELODY)._ipython_display_()
        (figure,), (words,) = notebook
        assert PLOTLY in figure
        assert "Duration 2" in Elements(words["text/html"]).words
        assert words["text/plain"].startswith("On the grid of beats")

    def test_of_a_long_piece_the_first_bars_are_shown_and_that_is_said(self):
        melody = Melody([Note(beat, 60 + beat % 5, 1) for beat in range(80)], title="Long")
        picture = studio.explain_tokens(melody)
        assert picture.sentences[1].startswith("Shown are the first 8 bars: ")
        assert picture.sentences[1].endswith(" tokens for 32 notes.")
        assert " for 80 notes: " in picture.sentences[0]

    def test_of_many_notes_fewer_bars_are_shown(self):
        notes = [Note(beat / 4, 60 + beat % 5 + 12 * octave, 0.25) for beat in range(128) for octave in range(2)]
        picture = studio.explain_tokens(Melody(notes, title="Many"))
        assert picture.sentences[1].startswith("Shown are the first 3 bars: ")
        assert picture.sentences[1].endswith(" tokens for 96 notes.")

    def test_what_has_no_tokens_is_said(self):
        tracks = [Track([Note(0, 12, 1), Note(0, 60, 1)]), Track([Note(0, 36, 1)], "Drums", is_drum=True)]
        picture = studio.explain_tokens(Composition(tracks), "performance")
        assert picture.sentences[1:] == ("1 note more cannot be told in these tokens.", "The drums have no tokens.")

    def test_errors_are_sentences(self):
        with pytest.raises(ValueError, match='encoding is "beat" or "performance"; got \'bar\'\\.'):
            studio.explain_tokens(MELODY, "bar")
        drums = Composition([Track([Note(0, 36, 1)], is_drum=True)], title="Beat")
        with pytest.raises(ValueError, match="'Beat' has drums alone, so there are no tokens to explain"):
            studio.explain_tokens(drums)
        with pytest.raises(ValueError, match="'Blank' has no notes"):
            studio.explain_tokens(Melody(title="Blank"))
        with pytest.raises(ValueError, match="no note from A0 to C8"):
            studio.explain_tokens(Melody([Note(0, 12, 1)], title="Low"), "performance")


class TestShowAttention:
    def test_the_picture_has_the_models_own_weights(self):
        from deepcomposer_lab.techniques.transformers import Transformers

        model = Transformers.from_pretrained()
        melody = Melody([Note(beat, 60 + beat % 3, 1) for beat in range(12)], title="Twelve")
        picture = studio.show_attention(melody, note=10, layer=2, head=3, model=model)
        expected = model.attention(melody, note=10)
        (seen,) = [trace for trace in picture.figure.data if (trace.name or "").startswith("earlier notes")]
        np.testing.assert_allclose(seen.marker.color, expected.weights[1, 2], atol=1e-4)
        assert len(seen.base) == 10
        assert f"Layer 2, head 3: {percent(float(expected.other[1, 2]))} goes to" in repr(picture)
        mean = studio.show_attention(melody, note=10)  # by name: the same model
        assert f"{percent(float(expected.other.mean()))} goes to" in repr(mean)
        assert len(mean.figure.layout.updatemenus[0].buttons) == 1 + len(expected.other)

    def test_errors_are_sentences(self):
        with pytest.raises(ValueError, match="layer is a whole number from 1 to 6, or None for the mean; got 7"):
            studio.show_attention(MELODY, layer=7)
        with pytest.raises(ValueError, match="head is a whole number from 1 to 8, or None for the mean; got 0"):
            studio.show_attention(MELODY, layer=1, head=0)
        with pytest.raises(ValueError, match=r"A head belongs to a layer: .*layer=1, head=2\)"):
            studio.show_attention(MELODY, head=2)
        with pytest.raises(ValueError, match="3 pitched notes, 0 to 2; got note 3"):
            studio.show_attention(MELODY, note=3)
        with pytest.raises(ValueError, match="'Blank' has no notes, so there is nothing to look at"):
            studio.show_attention(Melody(title="Blank"))
        with pytest.raises(TypeError, match=r"model is a name such as .* got a int"):
            studio.show_attention(MELODY, model=3)


class TestShowNextTokens:
    def test_the_bars_are_the_models_probabilities(self):
        from deepcomposer_lab.techniques.transformers import Transformers

        values = {"creative_risk": 1.7, "sampling_technique": "top_k", "sampling_threshold": 0.01}
        picture = studio.show_next_tokens(MELODY, most=8, **values)
        expected = Transformers.from_pretrained().next_tokens(MELODY, kind="Pitch", most=8, **values)
        columns = (expected.model, expected.tempered, expected.kept)
        for bars, column in zip(picture.figure.data[:3], columns, strict=True):
            np.testing.assert_allclose(bars.y[:8], column, atol=1e-6)
            assert sum(bars.y) == pytest.approx(1)  # with what the other tokens have together
        count = sum(share > 0 for share in expected.kept)
        assert count == round(0.01 * 517)
        assert picture.figure.layout.title.text == "Three notes: the next pitch"
        assert f"Creative risk (temperature) 1.7; top-k 0.01 keeps {count} of 128 tokens." in repr(picture)
        assert picture.table.count("dropped") == 8 - count

    def test_what_comes_first_is_taken_without_a_kind(self):
        picture = studio.show_next_tokens(MELODY, kind=None)
        assert picture.figure.layout.title.text == "Three notes: the next token"
        assert repr(picture).startswith("The model finds Bar 4/4 likeliest.")

    def test_errors_are_sentences(self):
        with pytest.raises(ValueError, match="kind is one of Bar, Position, Part, Pitch, Duration"):
            studio.show_next_tokens(MELODY, kind="Note")
        with pytest.raises(ValueError, match="most is how many tokens are shown, 1 or more; got 0"):
            studio.show_next_tokens(MELODY, most=0)
        with pytest.raises(ValueError, match="creative_risk"):
            studio.show_next_tokens(MELODY, creative_risk=9)


class TestPlay:
    def test_a_short_piece_is_a_wav_in_an_audio_element(self):
        player = studio.play(MELODY)
        bundle = player._repr_mimebundle_()
        elements = Elements(bundle["text/html"])
        audio = elements.one("audio")
        assert "controls" in audio
        assert audio["aria-label"] == f"Play Three notes, {studio._clock(player.seconds)}"
        head, data = audio["src"].split(",", 1)
        assert head == "data:audio/wav;base64"
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), always_2d=True)
        assert samples.shape[1] == 1
        assert 2.4 < len(samples) / rate < 5.5
        assert len(samples) / rate == pytest.approx(player.seconds, abs=1e-3)
        rendered, _ = sound.render(MELODY, sample_rate=rate)
        np.testing.assert_allclose(samples[:, 0], rendered.mean(axis=1), atol=1e-4)
        assert "Three notes · 0:0" in elements.words
        assert "WAV" in elements.one("button")["aria-label"]
        assert bundle["text/plain"].startswith("Three notes, 0:0")

    def test_eight_seconds_are_a_wav_below_a_megabyte(self):
        player = studio.play(Melody([Note(i, 60 + i % 7, 1) for i in range(8)], bpm=60))
        assert player.mime == "audio/wav"
        assert 500_000 < len(player._repr_mimebundle_()["text/html"]) < 1_000_000

    def test_a_piece_of_eight_bars_leaves_the_notebook_small(self):
        """Twenty of them in a lesson, and it is still quick to save."""
        player = studio.play(Melody([Note(i, 60 + i % 7, 1) for i in range(32)], bpm=110))
        assert player.mime == "audio/ogg"
        assert len(player._repr_mimebundle_()["text/html"]) < 250_000

    def test_more_than_eight_seconds_are_opus_and_still_offer_a_wav(self):
        player = studio.play(Melody([Note(i, 60 + i % 7, 1) for i in range(31)], bpm=60))
        assert player.mime == "audio/ogg"
        html = player._repr_mimebundle_()["text/html"]
        assert html.count("base64,") == 1
        assert len(html) < 600_000
        assert "Download WAV" in html
        samples, rate = soundfile.read(io.BytesIO(player.data))
        assert rate == 48_000
        assert 31 < len(samples) / rate < 34.2

    def test_of_a_very_long_piece_the_first_minutes_are_played_and_that_is_said(self, monkeypatch):
        monkeypatch.setattr(studio, "_LONG_SECONDS", 40)
        piece = Composition(
            [Track([Note(i, 60, 1) for i in range(100)])], tempos=[TempoChange(0, 120), TempoChange(60, 60)]
        )  # 30 s for 60 beats, then a second a beat: 70 s
        player = studio.play(piece)
        assert 40 <= player.seconds < 43.2
        assert "first 0:40 of 1:10" in player.remark
        assert "first 0:40 of 1:10" in Elements(player._repr_mimebundle_()["text/html"]).words

    def test_silence_before_the_first_note_is_left_out_and_that_is_said(self):
        player = studio.play(Melody([Note(602, 60, 1)], bpm=60))
        assert 3 <= player.seconds < 6.2  # the two beats of its bar before it, the note, and its fading out
        assert player.remark == (
            "Left out: 10:00 of silence before the first note. dc.sound.to_wav(piece) gives all of it."
        )

    def test_a_long_piece_after_a_long_silence_starts_with_its_first_bar(self, monkeypatch):
        monkeypatch.setattr(studio, "_LONG_SECONDS", 40)
        player = studio.play(Melody([Note(400 + i, 60, 1) for i in range(100)], bpm=60))
        assert 40 <= player.seconds < 43.2
        assert player.remark.startswith("Left out: 6:40 of silence before the first note. These are the first 0:40 of")

    @pytest.mark.parametrize(("first", "pickup", "left_out"), [(2.5, 0, 0), (3, 0, 3), (4, 1, 4), (2, 1, 0)])
    def test_less_than_a_bar_of_silence_is_played(self, first, pickup, left_out):
        piece = Composition([Track([Note(first, 60, 1)])], metres=[MetreChange(0, 3, 4)], pickup=pickup)
        assert studio._silent_beats(piece) == left_out

    def test_five_minutes_fit_by_opus_own_rate(self):
        """Noise is the hardest thing there is to encode: at its rate, five minutes and the tail stay below 4 MB."""
        noise = np.random.default_rng(7).normal(0, 0.2, (5 * 48_000, 1)).clip(-0.9, 0.9).astype(np.float32)
        bytes_a_second = len(sound.encode_opus(noise, 48_000)) / 5
        assert bytes_a_second * (studio._LONG_SECONDS + 3) * 4 / 3 + 10_000 < 4_000_000

    def test_titles_are_words_and_no_markup(self):
        html = studio.play(Melody(MELODY.notes, title='"><script>x</script>'))._repr_mimebundle_()["text/html"]
        elements = Elements(html)
        assert "script" not in [tag for tag, _ in elements.found]
        assert elements.one("figure")["data-title"] == '"><script>x</script>'

    def test_the_button_saves_what_the_element_holds(self):
        script = Elements(studio.play(MELODY)._repr_mimebundle_()["text/html"]).one("button")["onclick"]
        assert "window.URL.createObjectURL" in script
        assert "http" not in script

    def test_nothing_to_hear_is_said(self):
        with pytest.raises(ValueError, match="nothing to hear"):
            studio.play(Melody())
        with pytest.raises(TypeError, match="read_midi"):
            studio.play("song.mid")


class TestCompose:
    def test_a_composition_is_made_and_kept(self, echo):
        composition = studio.compose(MELODY, "echo", seed=3, steps=5)
        assert composition.tracks[1].notes == (Note(0, 43, 4),)
        assert dict(composition.steps[-1].parameters) == {"steps": 5}
        (saved,) = library.list_compositions()
        assert library.open_composition(saved) == composition
        content = json.loads(saved.path.read_text(encoding="utf-8"))
        assert content["parents"] == []
        assert content["metrics"]

    def test_without_save_nothing_is_kept(self, echo):
        studio.compose(MELODY, "echo", save=False)
        assert library.list_compositions() == []

    def test_a_composition_fed_back_in_is_the_parent(self, echo):
        first = studio.compose(MELODY, "echo", seed=1)
        (parent,) = library.list_compositions()
        studio.compose(first, "echo", seed=2)
        (child,) = [saved for saved in library.list_compositions() if saved.id != parent.id]
        assert json.loads(child.path.read_text(encoding="utf-8"))["parents"] == [parent.id]

    def test_a_composition_opened_in_a_later_session_is_the_parent(self, echo):
        studio.compose(MELODY, "echo", seed=1)
        (parent,) = library.list_compositions()
        library._known.clear()  # as in a process that has just started
        opened = library.open_composition(parent.id)
        studio.compose(opened, "echo", seed=2)
        studio.compose(opened.transpose(1), "echo", seed=3)  # edited: another piece
        assert sorted(saved.parents for saved in library.list_compositions()) == [(), (), (parent.id,)]

    def test_a_model_is_loaded_once(self, echo):
        for _ in range(3):
            studio.compose(MELODY, "echo", save=False)
        studio.compose(MELODY, "echo", model="other", save=False)
        assert echo.loads == ["echo_bach", "other"]

    def test_progress_is_told(self, echo):
        told = []
        studio.compose(MELODY, "echo", save=False, progress=lambda done, total: told.append((done, total)), steps=2)
        assert told == [(1, 2), (2, 2)]

    def test_a_notebook_shows_a_bar_and_then_a_sentence(self, echo, notebook):
        studio.compose(MELODY, "echo", steps=4)
        ((*updates,),) = notebook
        assert updates[0]["text/plain"] == "Loading the model …"
        bar = Elements(updates[-2]["text/html"]).one("progress")
        assert (bar["max"], bar["value"]) == ("4", "4")
        (saved,) = library.list_compositions()
        assert updates[-1]["text/plain"] == f"Composed “Three notes” with echo. Saved as {saved.id}."
        assert "progress" not in updates[-1]["text/html"]

    def test_updates_are_few(self, echo, notebook):
        studio.compose(MELODY, "echo", steps=2_000, save=False)
        assert 3 <= len(notebook[0]) < 50

    def test_an_error_leaves_no_bar_running(self, echo, notebook):
        with pytest.raises(ValueError, match="0–500"):
            studio.compose(MELODY, "echo", steps=-1)
        assert notebook[0][-1]["text/plain"] == "Stopped before it was finished."
        assert library.list_compositions() == []

    def test_a_library_that_refuses_does_not_cost_the_music(self, echo, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError("read-only file system")

        monkeypatch.setattr(library, "save_composition", refuse)
        with pytest.warns(UserWarning, match="not saved"):
            composition = studio.compose(MELODY, "echo")
        assert len(composition.tracks) == 2

    def test_an_unknown_technique_is_named_with_those_there_are(self):
        with pytest.raises(ValueError, match=r"'arcnn'.*'ar-cnn'"):
            studio.compose(MELODY, "arcnn")
        with pytest.raises(TypeError, match=r"text such as 'ar-cnn', 'gan', .*; got a list"):
            studio.compose(MELODY, ["ar-cnn"])

    def test_a_path_is_no_music(self):
        with pytest.raises(TypeError, match="read_midi"):
            studio.compose("song.mid")

    def test_ar_cnn_leads_to_its_technique(self, monkeypatch):
        """The names in the table are those of the technique's own module."""
        module, name, model = studio.TECHNIQUES["ar-cnn"]
        technique = getattr(__import__(module, fromlist=[name]), name)
        assert technique.name == "ar-cnn"
        assert callable(technique.from_pretrained)
        assert model == "autoregressive_cnn_bach"


class TestComposeWithAGAN:
    @pytest.fixture(autouse=True)
    def _no_model_of_another_test(self):
        studio._load_technique.cache_clear()
        yield
        studio._load_technique.cache_clear()

    def save(self, genre, name):
        model = untrained_model(genre)
        save_model(replace(model.card, name=name), model.network)

    def test_a_model_adds_its_band(self):
        self.save("jazz", "my_jazz")
        made = studio.compose(MELODY, "gan", model="my_jazz", seed=3, tracks=["bass"], instruments={"bass": 32})
        assert made.tracks[0].notes == MELODY.notes
        assert [(track.name, track.program) for track in made.tracks[1:]] == [("Bass", 32)]
        assert made.steps[0].model == "my_jazz"
        assert library.open_composition(library.list_compositions()[0].id).tracks == made.tracks

    def test_without_its_own_model_the_first_there_is_is_used(self, monkeypatch):
        monkeypatch.setitem(studio.TECHNIQUES, "gan", (*studio.TECHNIQUES["gan"][:2], "not_here"))
        self.save("pop", "b_pop")
        self.save("jazz", "a_jazz")  # by name it comes before those that ship
        assert studio.compose(MELODY, "gan", seed=3, save=False).steps[0].model == "a_jazz"
        monkeypatch.setitem(studio.TECHNIQUES, "gan", (*studio.TECHNIQUES["gan"][:2], "b_pop"))
        assert studio.compose(MELODY, "gan", seed=3, save=False).steps[0].model == "b_pop"

    def test_without_any_model_it_is_said(self, monkeypatch, tmp_path):
        monkeypatch.setattr("deepcomposer_lab.models.registry.MODELS_DIRECTORY", tmp_path)
        with pytest.raises(ValueError, match="no model of the technique 'gan' is installed yet"):
            studio.compose(MELODY, "gan")

    def test_its_table_leads_to_its_technique(self):
        module, name, _ = studio.TECHNIQUES["gan"]
        assert getattr(__import__(module, fromlist=[name]), name).name == "gan"


class TestComposeWithATransformer:
    def test_it_goes_on_where_the_piece_ends(self, notebook):
        made = studio.compose(MELODY, "transformers", seed=3, track_extension_duration=4)
        [track] = made.tracks
        assert [note for note in track.notes if note.onset < 4] == list(MELODY.notes)
        assert len(track.notes) > len(MELODY)
        assert made.steps[0].model == "transformer_xl_classical"
        saved = library.open_composition(library.list_compositions()[0].id)
        assert (saved.tracks, saved.steps) == (made.tracks, made.steps)
        told = [bundle["text/plain"] for bundle in notebook[0]]
        assert told[0] == "Loading the model …"
        assert re.fullmatch(r"Composing: second \d of at most 4", told[1])
        assert told[-1].startswith("Extended “Three notes” with transformers.")

    def test_its_table_leads_to_its_technique(self):
        module, name, model = studio.TECHNIQUES["transformers"]
        technique = getattr(__import__(module, fromlist=[name]), name)
        assert technique.name == "transformers"
        assert technique.from_pretrained(model).model.card.name == model

    def test_without_any_model_it_is_said(self, monkeypatch, tmp_path):
        studio._load_technique.cache_clear()
        monkeypatch.setattr("deepcomposer_lab.models.registry.MODELS_DIRECTORY", tmp_path)
        with pytest.raises(ValueError, match="no model of the technique 'transformers' is installed yet"):
            studio.compose(MELODY, "transformers")


class TestExport:
    def test_the_ending_says_as_what(self, tmp_path):
        piece = Composition.from_melody(MELODY)
        for name in ("a.mid", "a.wav", "a.opus", "a.MusicXML", "a.npz"):
            assert studio.export(piece, tmp_path / name) == tmp_path / name
        assert read_midi(tmp_path / "a.mid").notes == piece.notes
        assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"
        assert soundfile.info(tmp_path / "a.opus").subtype == "OPUS"
        assert read_musicxml(tmp_path / "a.MusicXML").notes == piece.notes
        assert PianoRoll.load_npz(tmp_path / "a.npz").to_composition().notes == piece.notes

    def test_the_formats_are_those_of_the_library(self):
        assert tuple(suffix.removeprefix(".") for suffix in studio.WRITERS) == library.EXPORT_FORMATS

    def test_melodies_and_saved_compositions_are_taken(self, tmp_path):
        saved = library.save_composition(Composition.from_melody(MELODY).transpose(1))
        for music, first in ((MELODY, 60), (saved, 61), (saved.id, 61)):
            assert read_midi(studio.export(music, str(tmp_path / "a.mid"))).notes[0].pitch == first

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("a.mp3", r"none of \.mid, \.wav, \.opus, \.musicxml, \.npz"),
            ("wav", "none of"),
            ("gone/a.wav", "does not exist"),
            ("folder.wav", "is a folder"),
        ],
    )
    def test_a_place_that_will_not_do_is_refused_before_any_work(self, tmp_path, monkeypatch, name, said):
        (tmp_path / "folder.wav").mkdir()
        monkeypatch.setattr(sound, "render", lambda *_, **__: pytest.fail("rendered"))
        with pytest.raises(ValueError, match=said):
            studio.export(MELODY, tmp_path / name)

    def test_what_is_no_music_or_no_path_is_refused(self, tmp_path):
        with pytest.raises(TypeError, match="Melody or a Composition, got int"):
            studio.export(3, tmp_path / "a.mid")
        with pytest.raises(library.LibraryError, match="read_midi"):
            studio.export("song.mid", tmp_path / "a.mid")
        with pytest.raises(TypeError, match="path such as"):
            studio.export(MELODY, 3)

    def test_a_failure_leaves_the_old_file(self, tmp_path, monkeypatch):
        (tmp_path / "a.mid").write_bytes(b"old")
        monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            studio.export(MELODY, tmp_path / "a.mid")
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.mid", b"old")]


class TestCheckSetup:
    def test_one_line_a_check_and_a_verdict(self, monkeypatch):
        found = [
            doctor.Check("Python", True, "3.11 is fine."),
            doctor.Check("torch", False, "is <missing>: run make lab."),
        ]
        monkeypatch.setattr(doctor, "checks", lambda: found)
        report = studio.check_setup()
        assert not report.ok
        assert report.verdict == "To be looked at: torch."
        assert len(repr(report).splitlines()) == 3
        elements = Elements(report._repr_mimebundle_()["text/html"])
        assert [tag for tag, _ in elements.found].count("li") == 2
        assert "not ready: torch: is <missing>: run make lab." in elements.words

    def test_all_well(self, monkeypatch):
        monkeypatch.setattr(doctor, "checks", lambda: [doctor.Check("Python", True, "3.11 is fine.")])
        report = studio.check_setup()
        assert report.ok
        assert report.verdict == "Everything is ready."


def test_importing_the_studio_is_light():
    script = (
        "import sys, deepcomposer_lab.studio as studio; studio._shell(); "
        "print([name for name in ('torch', 'plotly', 'soundfile', 'IPython', 'music21', 'matplotlib', 'ipywidgets') "
        "if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
