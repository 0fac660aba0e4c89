import base64
import io
import json
import subprocess
import sys
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from IPython.core.formatters import DisplayFormatter

from deepcomposer_lab import doctor, library, sound, studio
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.midi import read_midi
from deepcomposer_lab.music.musicxml import read_musicxml
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.pianoroll import PianoRoll

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

    def test_half_a_minute_stays_below_4_mb(self):
        player = studio.play(Melody([Note(i, 60 + i % 7, 1) for i in range(30)], bpm=60))
        assert player.mime == "audio/wav"
        assert 1_000_000 < len(player._repr_mimebundle_()["text/html"]) < 4_000_000

    def test_more_than_half_a_minute_is_opus_and_still_offers_a_wav(self):
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
        with pytest.raises(TypeError, match=r"text such as 'ar-cnn'; got a list"):
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
