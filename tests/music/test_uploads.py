import pytest

import deepcomposer_lab as dc
from deepcomposer_lab.music.musicxml import to_musicxml
from deepcomposer_lab.music.uploads import MOST_BYTES, read_upload

PIECE = dc.Composition.from_melody(dc.sample_melody("ode_to_joy"))


@pytest.mark.parametrize("name", ["tune.mid", "TUNE.MIDI", "tune"])
def test_midi_is_read_by_its_ending_or_its_first_bytes(name):
    piece, remarks = read_upload(name, dc.write_midi(PIECE))
    assert [note.pitch for note in piece.notes] == [note.pitch for note in PIECE.notes]
    assert remarks == []


@pytest.mark.parametrize("name", ["tune.musicxml", "tune.xml"])
def test_musicxml_is_read(name):
    piece, _ = read_upload(name, to_musicxml(PIECE))
    assert len(piece.notes) == len(PIECE.notes)


def test_a_piece_without_a_name_takes_the_files():
    piece, _ = read_upload("my_tune.mid", dc.write_midi(PIECE.with_title("Untitled")))
    assert piece.title == "my tune"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("tune.mid", b"", "tune.mid is empty"),
        ("tune.mid", b"la la la la la", "MIDI"),
        ("tune.wav", b"\x00" * 20, "no music file that the studio reads"),
        ("tune.musicxml", b"<html/>", "MusicXML"),
        ("tune.mid", b"MThd" + bytes(MOST_BYTES), "is not read"),
        ("tune.mid", dc.write_midi(dc.Composition([dc.Track()])), "no notes"),
    ],
)
def test_what_cannot_be_read_is_told(name, data, words):
    with pytest.raises(ValueError, match=words):
        read_upload(name, data)
