import itertools
import json

import numpy as np
import pytest
from humming import JACQUES, ODE, Voice, sing

import deepcomposer_lab as dc
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.plain import from_plain
from deepcomposer_lab.music.transcribe import transcribe
from deepcomposer_lab.widgets.microphone import Microphone


@pytest.fixture(scope="module")
def sung():
    return sing(ODE, 100, Voice(up=-5, loose=0.03), seed=3)


@pytest.fixture
def microphone(monkeypatch):
    widget = dc.Microphone()
    widget.told = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=(): widget.told.append((content, list(buffers))))
    return widget


def ask(widget, what, buffers=(), **values):
    """Ask as the page does, and return the answer."""
    widget._reply({"kind": "ask", "ask": "page-1", "what": what, **values}, list(buffers))
    content, sent = widget.told[-1]
    assert content["ask"] == "page-1"
    return content, sent


def as_bytes(sung):
    return np.rint(sung.samples * 32767).astype("<i2").tobytes()


def test_what_is_sung_becomes_the_melody(microphone, sung):
    assert not microphone.melody
    assert microphone.recording is None
    content, _ = ask(microphone, "transcribe", [as_bytes(sung)], rate=sung.rate, bpm=None, first_beat=None)
    value = content["value"]
    assert [note.pitch for note in microphone.melody] == [pitch - 5 for pitch, _ in ODE]
    assert microphone.melody.bpm == pytest.approx(100, abs=2)
    assert value == microphone.sung
    assert value["words"] == microphone.words
    assert "15 notes were heard" in microphone.words
    assert from_plain(value["piece"], value["piece"]["title"]).tracks[0].notes == microphone.melody.notes
    assert [row[0] for row in value["heard"]] == pytest.approx([onset for onset, _, _ in sung.notes], abs=0.05)
    assert microphone.has_recording
    assert transcribe(microphone.recording) == microphone.melody  # a recording can be listened to again
    assert microphone.recording.seconds == pytest.approx(len(sung.samples) / sung.rate)


def test_the_page_gets_the_curve_and_little_else(microphone, sung):
    ask(microphone, "transcribe", [as_bytes(sung)], rate=sung.rate)
    curve = microphone.sung["curve"]
    for time, pitch in curve:
        meant = sung.pitch[min(len(sung.pitch) - 1, int(time * sung.rate))]
        if pitch is not None and meant == meant:
            assert abs(pitch - meant) < 1.5  # in a slide the two may differ
    assert all(not (a[1] is None and b[1] is None) for a, b in itertools.pairwise(curve))
    assert len(json.dumps(microphone.sung)) < 12_000
    state = {name: value for name, value in microphone.get_state().items() if name not in ("_esm", "_css")}
    assert len(json.dumps(state)) < 15_000  # no sound is in a saved notebook


def test_the_recording_goes_back_to_a_page_that_was_reloaded(microphone, sung):
    content, _ = ask(microphone, "recording")
    assert "record again" in content["error"]
    ask(microphone, "transcribe", [as_bytes(sung)], rate=sung.rate)
    content, sent = ask(microphone, "recording")
    assert content["value"] == {"rate": sung.rate}
    assert sent == [as_bytes(sung)]


def test_to_a_beat_that_was_kept(microphone):
    sung = sing(JACQUES, 120, Voice(up=-4), lead=0.65, seed=1)
    content, _ = ask(microphone, "transcribe", [as_bytes(sung)], rate=sung.rate, bpm=120, first_beat=0.15)
    assert microphone.melody.bpm == 120
    assert [note.onset for note in microphone.melody][:3] == [1, 2, 3]
    assert content["value"]["first_beat"] == 0.15


def test_rhythm_assist_can_be_taken_back(microphone, sung):
    ask(microphone, "transcribe", [as_bytes(sung)], rate=sung.rate)
    before, number = microphone.melody, microphone.sung["number"]
    microphone.rhythm_assist = False
    assert microphone.melody.bpm == before.bpm
    assert [note.pitch for note in microphone.melody] == [note.pitch for note in before]
    assert any(note.onset % 0.25 > 0.01 for note in microphone.melody)
    assert microphone.sung["number"] == number + 1
    assert microphone.sung["piece"]["tracks"][0]["notes"][1][0] == microphone.melody.notes[1].onset
    microphone.rhythm_assist = True
    assert microphone.melody == before


def test_silence_is_an_empty_melody_and_a_word_why(microphone):
    content, _ = ask(microphone, "transcribe", [bytes(2 * 22050)], rate=22050)
    assert "error" not in content
    assert not microphone.melody
    assert "silent" in content["value"]["words"]
    assert content["value"]["piece"]["tracks"][0]["notes"] == []


@pytest.mark.parametrize(("buffers", "rate"), [([], 22050), ([bytes(100)], None), ([bytes(100)], 3)])
def test_a_page_that_sends_no_recording_is_told(microphone, buffers, rate):
    content, _ = ask(microphone, "transcribe", buffers, rate=rate)
    assert "record again" in content["error"]
    assert not microphone.melody


def test_a_melody_can_be_assigned(microphone, sung):
    ask(microphone, "transcribe", [as_bytes(sung)], rate=sung.rate)
    microphone.melody = Melody([Note(0, 60, 1), Note(1.5, 64, 0.5)], bpm=120, title="Two")
    assert microphone.recording is None
    assert not microphone.has_recording
    assert microphone.sung["heard"] == [[0.0, 60, 0.5], [0.75, 64, 0.25]]
    assert microphone.words == "Two: 2 notes, at 120 beats a minute."
    microphone.rhythm_assist = False
    assert [note.onset for note in microphone.melody] == [0, 1.5]
    with pytest.raises(TypeError, match="a Melody; got list"):
        microphone.melody = [Note(0, 60, 1)]


def test_tempo_and_settings():
    assert Microphone(bpm=80, rhythm_assist=False).get_state(["bpm", "rhythm_assist"]) == {
        "bpm": 80.0,
        "rhythm_assist": False,
    }
    with pytest.raises(Exception, match="40"):
        Microphone(bpm=20)
