import io

import pytest

import deepcomposer_lab as dc
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.midi import MidiError
from deepcomposer_lab.music.note import Note


def midi_of(piece):
    file = io.BytesIO()
    dc.write_midi(piece, file)
    return file.getvalue()


@pytest.fixture
def upload(monkeypatch):
    widget = dc.Upload()
    widget.told = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=(): widget.told.append((content, list(buffers))))
    return widget


def ask(widget, name, data):
    widget._reply({"kind": "ask", "ask": 1, "what": "read", "name": name}, [data])
    return widget.told[-1][0]


PIECE = Composition(
    tracks=(Track((Note(0, 72, 1), Note(1, 74, 3)), "Melody", 40), Track((Note(0, 48, 4),), "Bass", 32)), title="Two"
)


@pytest.mark.parametrize("name", ["two.mid", "TWO.MIDI", "two.musicxml", "two.xml"])
def test_a_file_becomes_a_composition_and_its_melody(upload, name):
    assert upload.composition is None
    assert not upload.melody
    data = midi_of(PIECE) if "mid" in name.lower() else PIECE.to_musicxml()
    answer = ask(upload, name, data)
    assert answer["value"]["summary"] == "2 tracks, 3 notes, 1 bar of 4/4, 100 beats a minute."
    assert [(note.onset, note.pitch) for note in upload.composition.notes] == [(0, 48), (0, 72), (1, 74)]
    assert [note.pitch for note in upload.melody] == [72, 74]
    assert "which its name says" in upload.remarks[-1]
    assert upload.shown["remarks"] == upload.remarks
    assert upload.shown["name"] == name


def test_the_readers_own_words_are_shown(upload):
    damaged = midi_of(PIECE)[:30]
    with pytest.raises(MidiError) as told:
        dc.read_midi(damaged)
    assert ask(upload, "two.mid", damaged)["error"] == str(told.value)
    assert "MusicXML" in ask(upload, "two.musicxml", b"no score")["error"]
    assert upload.composition is None
    assert upload.shown == {}


def test_what_was_read_stays_where_the_next_file_fails(upload):
    ask(upload, "two.mid", midi_of(PIECE))
    assert "error" in ask(upload, "three.mid", b"")
    assert len(upload.composition.tracks) == 2


def test_drums_alone_have_no_melody(upload):
    drums = Composition(tracks=(Track((Note(0, 36, 1),), "Drums", is_drum=True),), title="Beat")
    ask(upload, "beat.mid", midi_of(drums))
    assert upload.composition is not None
    assert not upload.melody
    assert "only drums" in upload.remarks[-1]


def test_music_can_be_assigned(upload):
    upload.composition = dc.sample_melody("ode_to_joy")
    assert upload.melody.notes == dc.sample_melody("ode_to_joy").notes
    assert upload.shown["piece"]["title"] == "Ode to Joy"
    with pytest.raises(TypeError):
        upload.composition = "ode.mid"
    assert repr(upload) == "Upload('Ode to Joy')"
