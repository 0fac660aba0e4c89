import io
import zipfile
from collections.abc import Iterable
from xml.etree import ElementTree

import music21
import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset
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
    """C E♭ E♭ D | C♯ held over the bar line, then C: as an engraver writes it, in a part without a key signature."""
    rows = [(0, 60, 1), (1, 63, 1), (2, 63, 1), (3, 62, 1), (4, 61, 5), (9, 60, 1)]
    assert written(melody_of(rows)) == (
        None,
        [("C4", ""), ("E-4", "flat"), ("E-4", ""), ("D4", ""), ("C#4", "sharp"), ("C#4", ""), ("C4", "")],
    )


def melody_of(rows: Iterable[tuple[float, int, float]]) -> Composition:
    return Composition([Track([Note(*row) for row in rows], "Melody")])


def quarters(*pitches: int) -> Composition:
    return melody_of((float(beat), pitch, 1.0) for beat, pitch in enumerate(pitches))


def written(piece: Composition) -> tuple[tuple[int, str] | None, list[tuple[str, str]]]:
    """Return what music21 finds in the first part: its signature, and each note with the accidental before it."""
    part = music21.converter.parseData(to_musicxml(piece), format="musicxml").parts[0]
    signatures = [(key.sharps, key.mode) for key in part.recurse().getElementsByClass(music21.key.KeySignature)]
    assert len(signatures) <= 1
    return (
        signatures[0] if signatures else None,
        [(pitch.nameWithOctave, shown_accidental(pitch)) for note in part.recurse().notes for pitch in note.pitches],
    )


def shown_accidental(pitch: music21.pitch.Pitch) -> str:
    return pitch.accidental.name if pitch.accidental is not None and pitch.accidental.displayStatus else ""


def plain(names: str) -> list[tuple[str, str]]:
    return [(name, "") for name in names.split()]


@pytest.mark.parametrize(
    ("pitches", "signature", "notes"),
    [
        ((62, 64, 66, 67, 69, 71, 73, 74), (2, "major"), plain("D4 E4 F#4 G4 A4 B4 C#5 D5")),
        ((65, 67, 69, 70, 72, 74, 76, 77), (-1, "major"), plain("F4 G4 A4 B-4 C5 D5 E5 F5")),
        ((60, 62, 64, 65, 67, 69, 71, 72), (0, "major"), plain("C4 D4 E4 F4 G4 A4 B4 C5")),
        (
            (69, 71, 72, 74, 76, 77, 80, 81),
            (0, "minor"),
            [*plain("A4 B4 C5 D5 E5 F5"), ("G#5", "sharp"), ("A5", "")],
        ),
        (
            (60, 62, 63, 65, 67, 68, 71, 72),
            (-3, "minor"),
            [*plain("C4 D4 E-4 F4 G4 A-4"), ("B4", "natural"), ("C5", "")],
        ),
        (
            (68, 70, 71, 73, 75, 76, 79, 80),  # G sharp minor: the raised leading note has its letter's place
            (5, "minor"),
            [*plain("G#4 A#4 B4 C#5 D#5 E5"), ("F##5", "double-sharp"), ("G#5", "")],
        ),
        (
            (61, 63, 65, 66, 68, 70, 72, 73),  # five flats and not seven sharps
            (-5, "major"),
            plain("D-4 E-4 F4 G-4 A-4 B-4 C5 D-5"),
        ),
    ],
)
def test_a_scale_has_its_signature_and_its_letters(pitches, signature, notes):
    assert written(quarters(*pitches)) == (signature, notes)


@pytest.mark.parametrize(
    "pitches",
    [
        (),
        (66,),  # one note
        (66, 73, 66, 73),  # a fifth, neither major nor minor
        tuple(range(60, 72)),  # chromatic
        (61, 63, 65, 67, 69, 71),  # whole tones
        (61, 64, 67, 70),  # minor thirds
        (62, 64, 65, 67, 69, 71, 69, 65, 62, 71, 69, 62),  # D Dorian: no B flat in it, none before it
        (64, 62, 60, 62, 64, 64, 64, 62, 62, 62, 64, 67, 67),  # C D E G alone might be in C, in G, in E minor
    ],
)
def test_a_piece_without_a_clear_key_has_no_signature(pitches):
    assert written(quarters(*pitches))[0] is None


def test_without_a_key_pitches_are_spelt_by_the_commonest_accidentals():
    _, notes = written(quarters(*range(60, 72)))
    assert [name for name, _ in notes] == [
        "C4", "C#4", "D4", "E-4", "E4", "F4", "F#4", "G4", "G#4", "A4", "B-4", "B4",
    ]  # fmt: skip


def test_every_staff_but_the_drums_has_the_signature():
    scale = [Note(beat, pitch, 1) for beat, pitch in enumerate((67, 69, 71, 72, 74, 76, 78, 79))]
    kit = Track([Note(beat, 38, 1) for beat in range(8)], "Kit", is_drum=True)
    piece = Composition([Track(scale), kit, Track((), "Silent"), Track([Note(4, 43, 4)], "Bass")])
    score = music21.converter.parseData(to_musicxml(piece), format="musicxml")
    signatures = [[key.sharps for key in part[music21.key.KeySignature]] for part in score.parts]
    assert signatures == [[1], [], [1], [1]]
    first = score.parts[0].getElementsByClass(music21.stream.Measure)[0]
    assert [key.sharps for key in first[music21.key.KeySignature]] == [1]
    alone = music21.converter.parseData(to_musicxml(Composition([kit])), format="musicxml")
    assert not alone[music21.key.KeySignature]


def test_accidentals_hold_for_the_bar_and_a_natural_takes_the_signature_back():
    """G major: F♯ F♮ F♮ F♯ | F♯ G A B | G."""
    assert written(quarters(78, 77, 77, 78, 78, 79, 81, 83, 79, 74, 71, 67, 67, 67, 67, 67)) == (
        (1, "major"),
        [
            ("F#5", ""), ("F5", "natural"), ("F5", ""), ("F#5", "sharp"),
            *plain("F#5 G5 A5 B5 G5 D5 B4 G4 G4 G4 G4 G4"),
        ],
    )  # fmt: skip


def test_an_accidental_in_one_voice_counts_in_the_other():
    """C major, two voices: after the G♯ of the lower, the first G of the upper takes it back; the next bar is anew."""
    rows = [(0, 72, 2), (0.5, 68, 1), (2, 67, 2), (2.5, 60, 1), (4, 60, 4), (4, 64, 4), (4, 67, 4), (8, 72, 4)]
    signature, notes = written(melody_of(rows))
    assert signature == (0, "major")
    assert sorted(notes)[-3:] == [("G#4", "sharp"), ("G4", ""), ("G4", "natural")]


def faults_on_paper(part: music21.stream.Part) -> tuple[int, int, int]:
    """Play a part from the paper: return its notes, those that would sound otherwise, and needless accidentals."""
    found = list(part.recurse().getElementsByClass(music21.key.KeySignature))
    signature = found[0] if found else music21.key.KeySignature(0)
    notes = wrong = needless = 0
    for measure in part.getElementsByClass(music21.stream.Measure):
        stands: dict[tuple[str, int], float] = {}
        for element in sorted(measure.flatten().notes, key=lambda element: element.offset):
            for member in element.notes if element.isChord else (element,):
                pitch, shown = member.pitch, shown_accidental(member.pitch)
                if member.tie is not None and member.tie.type != "start":
                    needless += bool(shown)
                    continue
                line, general = (pitch.step, pitch.octave), signature.accidentalByStep(pitch.step)
                read = stands.get(line, general.alter if general is not None else 0)
                needless += bool(shown) and pitch.alter == read
                stands[line] = music21.pitch.Accidental(shown).alter if shown else read
                wrong += stands[line] != pitch.alter
                notes += 1
    return notes, wrong, needless


@pytest.mark.parametrize("semitones", [-5, -1, 0, 3, 4])
def test_whoever_plays_from_the_paper_plays_the_piece(semitones):
    pieces = [Composition.from_melody(sample_melody(name)) for name in ("fur_elise", "greensleeves", "minuet_in_g")]
    pieces += [piece.to_composition() for piece in load_dataset("bach_chorales").pieces("test")[:2]]
    random = np.random.default_rng(7)
    pieces.append(melody_of((float(random.integers(0, 64)) / 4, int(random.integers(55, 80)), 1.0) for _ in range(80)))
    for piece in (piece.transpose(semitones) for piece in pieces):
        exported = to_musicxml(piece)
        score = music21.converter.parseData(exported, format="musicxml")
        notes, wrong, needless = np.sum([faults_on_paper(part) for part in score.parts], axis=0)
        assert notes >= 30
        assert (wrong, needless) == (0, 0)
        assert [rounded_pitches(track) for track in read_musicxml(exported).tracks] == [
            rounded_pitches(track) for track in piece.tracks
        ]


def rounded_pitches(track: Track) -> list[tuple[float, int]]:
    return sorted({(round(note.onset, 6), note.pitch) for note in track.notes})


@pytest.mark.parametrize("name", ["auld_lang_syne", "greensleeves", "minuet_in_g", "frere_jacques", "amazing_grace"])
def test_music21s_own_analysis_finds_the_key_that_is_written(name):
    for semitones in range(-3, 4):
        piece = Composition.from_melody(sample_melody(name)).transpose(semitones)
        score = music21.converter.parseData(to_musicxml(piece), format="musicxml")
        key = score[music21.key.Key].first()
        found = score.analyze("key.krumhanslschmuckler")
        assert (key.tonic.pitchClass, key.mode) == (found.tonic.pitchClass, found.mode)


def test_every_pitch_comes_back_in_every_key(monkeypatch):
    notes = [Note(beat, pitch, 1) for beat, pitch in enumerate(range(128))]
    for key in [(tonic, mode) for tonic in range(12) for mode in (0, 1)]:
        monkeypatch.setattr("deepcomposer_lab.music.musicxml.written_key", lambda _, key=key: key)
        back = read_musicxml(to_musicxml(Composition([Track(notes)])))
        assert [(note.onset, note.pitch, note.duration) for note in back.notes] == [
            (note.onset, note.pitch, note.duration) for note in notes
        ]


def test_an_accidental_stands_where_the_schema_wants_it():
    rows = [(0, 61, 1.5), (1.5, 60, 0.5), (2, 63, THIRD), (2 + THIRD, 66, 2 * THIRD), (3, 69, 1)]
    root = ElementTree.fromstring(to_musicxml(melody_of(rows)))
    order = ["chord", "pitch", "duration", "tie", "instrument", "voice", "type", "dot", "accidental"]
    order += ["time-modification", "stem", "notehead", "staff", "beam", "notations"]
    tags = [[child.tag for child in note] for note in root.iter("note")]
    assert all(found == sorted(found, key=order.index) for found in tags)
    assert any("dot" in found and "accidental" in found for found in tags)
    assert any("time-modification" in found and "accidental" in found for found in tags)
