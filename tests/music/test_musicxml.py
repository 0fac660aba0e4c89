import io
import zipfile
from xml.etree import ElementTree

import music21
import pytest

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.musicxml import MusicXmlError, _values, read_musicxml, to_musicxml
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

THIRD = 1 / 3
PIECE = Composition(
    (
        Track(
            [
                Note(0, 67, 1),  # the pickup
                Note(1, 60, 2.5), Note(1, 64, 2.5), Note(1.25, 70, 3),  # a chord and a voice, over the bar line
                Note(4.25, 60, 0.125),
                Note(5, 60, THIRD), Note(5 + THIRD, 62, THIRD), Note(5 + 2 * THIRD, 64, THIRD),
                Note(6, 72, THIRD), Note(6 + THIRD, 71, 2 * THIRD),
                Note(7, 61, 5.5),
            ],
            "Piano & Co", 40,
        ),
        Track([Note(0, 36, 1), Note(1, 42, 0.5), Note(1, 36, 0.5), Note(1.5, 46, 3.5)], "Kit", 8, is_drum=True),
        Track((), "Silent", 3),
    ),
    (TempoChange(0, 90), TempoChange(5, 60.5)),
    (MetreChange(0, 3, 4), MetreChange(7, 6, 8)),
    pickup=1,
    title="A <b> & c",
)  # fmt: skip


def rounded(composition):
    return [
        (
            track.name,
            track.program,
            track.is_drum,
            sorted((round(note.onset, 6), note.pitch, round(note.duration, 6)) for note in track.notes),
        )
        for track in composition.tracks
    ]


@pytest.fixture(scope="module")
def exported():
    return PIECE.to_musicxml()


def test_music21_reads_metre_pickup_tempo_instrument_and_notes(exported):
    score = music21.converter.parseData(exported, format="musicxml")
    assert score.metadata.bestTitle == "A <b> & c"
    melody, kit, silent = score.parts
    assert [part.partName for part in score.parts] == ["Piano & Co", "Kit", "Silent"]
    assert melody.getElementsByClass(music21.instrument.Instrument)[0].midiProgram == 40
    measures = list(melody.getElementsByClass(music21.stream.Measure))
    assert [(measure.number, measure.offset) for measure in measures] == [(0, 0), (1, 1), (2, 4), (3, 7), (4, 10)]
    assert measures[0].paddingLeft == 2
    signatures = [(s.ratioString, s.getOffsetInHierarchy(melody)) for s in melody[music21.meter.TimeSignature]]
    assert signatures == [("3/4", 0), ("6/8", 7)]
    marks = [(mark.number, mark.getOffsetInHierarchy(melody)) for mark in melody[music21.tempo.MetronomeMark]]
    assert marks == [(90, 0), (60.5, 5)]
    sounding = sorted(
        (float(note.getOffsetInHierarchy(melody)), pitch.midi) for note in melody.recurse().notes
        for pitch in note.pitches if note.tie is None or note.tie.type == "start"
    )  # fmt: skip
    expected = sorted((note.onset, note.pitch) for note in PIECE.tracks[0].notes)
    assert [pitch for _, pitch in sounding] == [pitch for _, pitch in expected]
    assert [onset for onset, _ in sounding] == pytest.approx([onset for onset, _ in expected])
    assert len(measures[1].voices) == 2
    assert all(isinstance(n, music21.note.Unpitched | music21.percussion.PercussionChord) for n in kit.recurse().notes)
    assert not silent.recurse().notes


def test_there_and_back(exported):
    back = read_musicxml(exported)
    assert rounded(back) == rounded(PIECE)
    assert (back.tempos, back.metres, back.pickup, back.title) == (
        PIECE.tempos, PIECE.metres, PIECE.pickup, PIECE.title
    )  # fmt: skip


def test_the_same_piece_gives_the_same_bytes_without_a_date(exported):
    assert to_musicxml(PIECE) == exported
    assert b"encoding-date" not in exported
    assert b"<creator" not in exported


def test_each_drum_is_named_in_the_file(exported):
    root = ElementTree.fromstring(exported)
    assert sorted(int(drum.text) for drum in root.iter("midi-unpitched")) == [37, 43, 47]  # counted from 1
    kit = root.find("part[@id='P2']")
    assert [note.find("instrument").get("id") for note in kit.iter("note") if note.find("unpitched") is not None][
        :3
    ] == ["P2-I36", "P2-I36", "P2-I42"]
    assert kit.find(".//pitch") is None


def test_more_parts_than_midi_channels_share_them_without_a_word(capfd):
    tracks = [Track([Note(0, 60, 1)], f"Part {number}", is_drum=number in (3, 4)) for number in range(40)]
    root = ElementTree.fromstring(to_musicxml(Composition(tracks)))
    assert capfd.readouterr() == ("", "")
    channels = [[int(found.text) for found in part.iter("midi-channel")] for part in root.iter("score-part")]
    assert [set(found) for found in (channels[0], channels[3], channels[4], channels[15])] == [{1}, {10}, {10}, {1}]
    pitched = [found for index, part in enumerate(channels) if index not in (3, 4) for found in part]
    assert set(pitched) == {*range(1, 17)} - {10}


@pytest.mark.parametrize("name", list_sample_melodies())
def test_samples_come_back(name):
    piece = Composition.from_melody(sample_melody(name))
    back = read_musicxml(to_musicxml(piece))
    assert rounded(back) == rounded(piece)
    assert (back.metres, back.pickup, back.tempos, back.bars) == (piece.metres, piece.pickup, piece.tempos, piece.bars)


def test_played_times_become_note_values():
    melody = Melody([Note(0.02, 60, 0.94), Note(1.01, 62, 0.3), Note(1.34, 64, 0.32), Note(1.66, 65, 0.3)])
    values = [value for note in rounded(read_musicxml(to_musicxml(melody)))[0][3] for value in note]
    assert values == pytest.approx([0, 60, 1, 1, 62, THIRD, 1 + THIRD, 64, THIRD, 1 + 2 * THIRD, 65, THIRD], abs=1e-6)


def test_a_bar_that_a_metre_change_cuts_short_keeps_its_place():
    piece = Composition((Track([Note(i, 60 + i, 1) for i in range(9)]),), metres=(MetreChange(), MetreChange(6, 3, 4)))
    back = read_musicxml(to_musicxml(piece))
    assert rounded(back) == rounded(piece)
    assert back.bars == piece.bars == [0, 4, 6]


def test_a_piece_without_anything_is_a_bar_of_rest():
    score = music21.converter.parseData(to_musicxml(Composition()), format="musicxml")
    assert score.duration.quarterLength == 4
    assert not score.recurse().notes


@pytest.mark.parametrize(
    ("start", "end", "values"),
    [
        (0, 24, [24]),
        (0, 36, [36]),
        (12, 36, [24]),
        (0, 30, [24, 6]),
        (8, 24, [16]),
        (8, 32, [4, 12, 8]),
        (20, 48, [4, 24]),
        (4, 7, [3]),
        (0, 96, [96]),
    ],
)
def test_note_values(start, end, values):
    assert list(_values(start, end)) == values
    assert sum(values) == end - start


def test_the_lowest_pitches_come_back_alone_and_in_chords():
    piece = Composition([Track([Note(0, 0, 1), Note(1, 11, 1), Note(2, 3, 2), Note(2, 8, 2), Note(2, 60, 2)])])
    assert rounded(read_musicxml(to_musicxml(piece))) == rounded(piece)


def test_compressed_files_are_read(exported, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "META-INF/container.xml", '<container><rootfiles><rootfile full-path="a.xml"/></rootfiles></container>'
        )
        archive.writestr("a.xml", exported)
    path = tmp_path / "piece.mxl"
    path.write_bytes(packed.getvalue())
    assert read_musicxml(path) == read_musicxml(exported)


def test_grace_notes_are_left_out_and_pitches_are_those_that_sound():
    part = music21.stream.Part()
    part.insert(0, music21.instrument.Clarinet())
    part.append(music21.note.Note("D4", quarterLength=1).getGrace())
    part.append([music21.note.Note("C4", quarterLength=4), music21.note.Note("E4", quarterLength=4)])
    written = music21.musicxml.m21ToXml.GeneralObjectExporter(part).parse()
    back = read_musicxml(written)
    # the clarinet in B flat sounds a whole tone below what is written
    assert [(note.onset, note.pitch, note.duration) for note in back.notes] == [(0, 58, 4), (4, 62, 4)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello", "not MusicXML"),
        (b"<html></html>", "<html>"),
        (b"PK\x03\x04rubbish", "not MusicXML"),
        (b"", "not MusicXML"),
    ],
)
def test_what_is_not_musicxml_is_named(data, words):
    with pytest.raises(MusicXmlError, match=words):
        read_musicxml(data)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MusicXmlError, match=r"none\.xml.*cannot be opened"):
        read_musicxml(tmp_path / "none.xml")


def test_accidentals_stand_where_they_change_something() -> None:
    """C D♯ D♯ D | C♯ held over the bar line, then C: as an engraver writes it, in a part without a key signature."""
    rows = [(0, 60, 1), (1, 63, 1), (2, 63, 1), (3, 62, 1), (4, 61, 5), (9, 60, 1)]
    root = ElementTree.fromstring(to_musicxml(Composition([Track([Note(*row) for row in rows])])))
    shown = []
    for note in root.iter("note"):
        if note.find("pitch") is not None:
            name = note.findtext("pitch/step") + {"0": "", "1": "#", "-1": "b"}[note.findtext("pitch/alter", "0")]
            shown.append((name, note.findtext("accidental")))
    flat = shown[1][0] == "Eb"
    assert shown[:4] == (
        [("C", None), ("Eb", "flat"), ("Eb", None), ("D", None)]
        if flat
        else [("C", None), ("D#", "sharp"), ("D#", None), ("D", "natural")]
    )
    assert shown[4] == ("C#", "sharp")
    assert [accidental for name, accidental in shown[5:-1]] == [None] * len(shown[5:-1])  # held
    assert shown[-1] == ("C", None)
