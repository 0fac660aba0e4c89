import io
import struct
from fractions import Fraction

import mido
import pretty_midi
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

from deepcomposer_lab.music import midi as midi_module
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.midi import MidiError, melody_of, read_midi, write_midi
from deepcomposer_lab.music.note import Note

# --- MIDI files by hand, byte by byte ----------------------------------------------------------------------------

END = b"\x00\xff\x2f\x00"
ONE_NOTE = b"\x00\x90\x3c\x50" + b"\x60\x80\x3c\x40"  # C4 for 96 ticks


def chunk(content, end=END, name=b"MTrk"):
    content += end
    return name + struct.pack(">I", len(content)) + content


def midi_file(*chunks, kind=1, division=96, header_length=6, count=None, extra=b""):
    count = len(chunks) if count is None else count
    return b"MThd" + struct.pack(">IHHH", header_length, kind, count, division) + extra + b"".join(chunks)


def meta(kind, payload, delta=0):
    return bytes([delta, 0xFF, kind, len(payload)]) + payload


def notes_of(composition):
    return [(note.onset, note.pitch, note.duration, note.velocity) for note in composition.notes]


def remarks_of(composition):
    return [remark for step in composition.steps for remark in step.remarks]


VALID = midi_file(chunk(ONE_NOTE), kind=0)


def test_the_simplest_file():
    piece = read_midi(VALID)
    assert notes_of(piece) == [(0, 60, 1, 80)]
    assert piece.tempos == (TempoChange(0, 120),)
    assert piece.metres == (MetreChange(0, 4, 4),)
    assert piece.steps == ()


def test_running_status_and_note_on_of_velocity_zero():
    # C4 and E4 under one status byte, each ended by a note-on of velocity 0; a meta event in between
    content = b"\x00\x90\x3c\x50" + b"\x30\x3c\x00" + meta(0x01, b"text") + b"\x00\x40\x60" + b"\x30\x40\x00"
    assert notes_of(read_midi(midi_file(chunk(content)))) == [(0, 60, 0.5, 80), (0.5, 64, 0.5, 96)]


def test_other_events_are_passed_over():
    content = (
        b"\x00\xf0\x03\x7e\x09\xf7"  # system exclusive
        b"\x00\xb0\x07\x64\x00\xe0\x00\x40\x00\xd0\x10\x00\xa0\x3c\x10"  # controller, bend, pressures
        b"\x00\xf8\x00\xf2\x00\x00"  # real-time clock and song position, which files should not hold
    )
    assert notes_of(read_midi(midi_file(chunk(content + ONE_NOTE)))) == [(0, 60, 1, 80)]


def test_overlapping_notes_of_one_pitch_end_in_the_order_they_began():
    content = b"\x00\x90\x3c\x50" + b"\x60\x90\x3c\x60" + b"\x60\x80\x3c\x00" + b"\x60\x80\x3c\x00"
    assert notes_of(read_midi(midi_file(chunk(content)))) == [(0, 60, 2, 80), (1, 60, 2, 96)]


def test_a_note_of_no_length_gets_one_tick_and_is_reported():
    content = b"\x00\x90\x3c\x50" + b"\x00\x80\x3c\x00" + ONE_NOTE
    piece = read_midi(midi_file(chunk(content)))
    assert notes_of(piece) == [(0, 60, 1 / 96, 80), (0, 60, 1, 80)]
    assert remarks_of(piece) == ["Notes of no length, which now last one tick: 1."]
    assert piece.steps[0].technique == "import"


def test_notes_never_ended_end_with_their_track_and_are_reported():
    first = (
        b"\x00\x90\x3c\x50" + b"\x30\x90\x40\x50" + b"\x30\x80\x40\x00"
    )  # C4 is never ended; the track ends at beat 1
    second = b"\x00\x91\x48\x50" + b"\x83\x00\x81\x48\x00"  # C5 for four beats
    piece = read_midi(midi_file(chunk(first), chunk(second)))
    assert notes_of(piece) == [(0, 60, 1, 80), (0, 72, 4, 80), (0.5, 64, 0.5, 80)]
    assert remarks_of(piece) == ["Notes that the file never ended, which now end with their track: 1."]
    # what makes this worth doing: other readers lose the note without a word
    dropped = pretty_midi.PrettyMIDI(io.BytesIO(midi_file(chunk(first), chunk(second))))
    assert sum(len(instrument.notes) for instrument in dropped.instruments) == 2


def test_all_notes_off_ends_the_notes_of_its_channel():
    content = b"\x00\x90\x3c\x50\x00\x91\x40\x50" + b"\x30\xb0\x7b\x00" + b"\x30\x81\x40\x00"
    assert notes_of(read_midi(midi_file(chunk(content), chunk(b"")))) == [(0, 60, 0.5, 80), (0, 64, 1, 80)]


def test_a_missing_end_of_track_is_put_up_with_and_reported():
    piece = read_midi(midi_file(chunk(ONE_NOTE, end=b"")))
    assert notes_of(piece) == [(0, 60, 1, 80)]
    assert remarks_of(piece) == ["Tracks without an end-of-track event, which end with their last: 1."]


def test_type_0_is_split_by_channel():
    content = meta(0x03, b"Song") + b"\x00\xc1\x28"  # channel 2 is a violin
    content += b"\x00\x90\x30\x50\x00\x91\x48\x50\x00\x99\x24\x50"
    content += b"\x60\x80\x30\x00\x00\x81\x48\x00\x00\x89\x24\x00"
    piece = read_midi(midi_file(chunk(content), kind=0))
    assert piece.title == "Song"
    assert [(track.name, track.program, track.is_drum, len(track.notes)) for track in piece.tracks] == [
        ("Channel 1", 0, False, 1),
        ("Channel 2", 40, False, 1),
        ("Drums", 0, True, 1),
    ]


def test_type_1_tracks_names_programs_and_drums():
    conductor = chunk(meta(0x03, b"My Song") + meta(0x51, b"\x07\xa1\x20"))
    flute = chunk(meta(0x03, "Flöte".encode()) + b"\x00\xc0\x49" + ONE_NOTE)
    old = chunk(meta(0x04, "Fagott é".encode("latin-1")) + b"\x00\xc1\x46\x00\x91\x30\x50\x60\x81\x30\x00")
    drums = chunk(b"\x00\x99\x24\x50\x60\x89\x24\x00")
    piece = read_midi(midi_file(conductor, flute, old, drums))
    assert piece.title == "My Song"
    assert [(track.name, track.program, track.is_drum) for track in piece.tracks] == [
        ("Flöte", 73, False),
        ("Fagott é", 70, False),
        ("Drums", 0, True),
    ]


def test_a_track_that_changes_its_instrument_becomes_two():
    content = meta(0x03, b"Keys") + b"\x00\xc0\x00" + ONE_NOTE + b"\x00\xc0\x13" + ONE_NOTE
    piece = read_midi(midi_file(chunk(b""), chunk(content)))
    assert [(track.name, track.program, track.notes) for track in piece.tracks] == [
        ("Keys", 0, (Note(0, 60, 1),)),
        ("Keys 2", 19, (Note(1, 60, 1),)),
    ]


def test_a_program_set_in_another_track_holds():
    assert read_midi(midi_file(chunk(b"\x00\xc0\x13"), chunk(ONE_NOTE))).tracks[0].program == 19


def test_tempo_and_metre_changes_from_any_track():
    tempos = chunk(meta(0x51, (600_000).to_bytes(3, "big")) + meta(0x58, bytes([3, 2, 24, 8])))
    late = meta(0x51, (666_667).to_bytes(3, "big")) + meta(0x58, bytes([6, 3, 36, 8]))
    piece = read_midi(midi_file(tempos, chunk(ONE_NOTE * 4 + b"\x81" + late)))  # a wait of 128 ticks and more
    assert piece.tempos[0] == TempoChange(0, 100)
    assert piece.tempos[1].bpm == 90
    assert [str(change) for change in piece.metres] == ["3/4", "6/8"]
    assert piece.metres[1].onset == piece.tempos[1].onset == 4 + 128 / 96


@pytest.mark.parametrize(
    ("bad", "remark"),
    [
        (meta(0x51, b"\x00\x00\x00"), "Tempo changes outside"),
        (meta(0x51, b"\x01"), "Tempo changes outside"),
        (meta(0x51, b"\xff\xff\xff"), "Tempo changes outside"),
        (meta(0x58, b"\x04"), "Metre changes that made no sense"),
        (meta(0x58, bytes([0, 2, 24, 8])), "Metre changes that made no sense"),
        (meta(0x58, bytes([4, 200, 24, 8])), "Metre changes that made no sense"),
        (meta(0x59, b"\x7f\x7f"), ""),  # an impossible key signature concerns nobody here
    ],
)
def test_senseless_meta_events_are_put_up_with(bad, remark):
    piece = read_midi(midi_file(chunk(bad + ONE_NOTE)))
    assert notes_of(piece) == [(0, 60, 1, 80)]
    assert [text[: len(remark)] for text in remarks_of(piece)] == ([remark] if remark else [])


def test_a_short_opening_metre_is_a_pickup():
    conductor = chunk(meta(0x58, bytes([1, 2, 24, 8])) + b"\x60" + meta(0x58, bytes([3, 2, 24, 8]))[1:])
    piece = read_midi(midi_file(conductor, chunk(ONE_NOTE * 7)))
    assert piece.pickup == 1
    assert piece.metres == (MetreChange(0, 3, 4),)
    assert piece.bars == [0, 1, 4]


def test_a_full_opening_bar_or_two_short_ones_are_no_pickup():
    for numerator, wait in ((4, b"\x83\x00"), (1, b"\x81\x40")):  # one bar of 4/4; two of 1/4
        conductor = chunk(meta(0x58, bytes([numerator, 2, 24, 8])) + wait + meta(0x58, bytes([3, 2, 24, 8]))[1:])
        piece = read_midi(midi_file(conductor, chunk(ONE_NOTE * 7)))
        assert piece.pickup == 0
        assert [metre.numerator for metre in piece.metres] == [numerator, 3]


def test_a_riff_wrapper_is_taken_off():
    wrapped = b"RIFF" + struct.pack("<I", len(VALID) + 12) + b"RMIDdata" + struct.pack("<I", len(VALID)) + VALID
    assert read_midi(wrapped) == read_midi(VALID)


def test_longer_headers_unknown_chunks_and_trailing_bytes_are_put_up_with():
    assert read_midi(midi_file(chunk(ONE_NOTE), header_length=8, extra=b"\0\0")) == read_midi(
        midi_file(chunk(ONE_NOTE))
    )
    assert notes_of(read_midi(midi_file(chunk(b"xyz", name=b"XFIH"), chunk(ONE_NOTE), count=1))) == [(0, 60, 1, 80)]
    assert remarks_of(read_midi(VALID + b"\0\0\0")) == ["3 bytes after the last track were ignored."]
    assert "all 2" in remarks_of(read_midi(midi_file(chunk(ONE_NOTE), chunk(ONE_NOTE), count=1)))[0]


def test_every_kind_of_source(tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(VALID)
    from_bytes = read_midi(VALID)
    assert read_midi(io.BytesIO(VALID)) == read_midi(bytearray(VALID)) == from_bytes
    assert read_midi(path) == read_midi(str(path)) == from_bytes.with_title("song")
    with path.open("rb") as file:
        assert read_midi(file) == from_bytes
    with pytest.raises(MidiError, match='open\\(path, "rb"\\)'):
        read_midi(io.StringIO("text"))
    with pytest.raises(TypeError, match="path, bytes or an open file"):
        read_midi(12)


# --- broken files ------------------------------------------------------------------------------------------------

BROKEN = {
    "empty": (b"", ["is empty"]),
    "text": (b"To be, or not to be", ["a text file", "MThd", ".mid"]),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(40), ["a PNG picture", ".mid"]),
    "JPEG": (b"\xff\xd8\xff\xe0" + bytes(40), ["a JPEG picture"]),
    "MP3": (b"ID3\x04" + bytes(40), ["an MP3 recording"]),
    "WAV": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), ["a WAV recording"]),
    "MusicXML": (b"\xef\xbb\xbf<?xml version='1.0'?><score-partwise/>", ["MusicXML"]),
    "web page": (b"\n<!DOCTYPE html><html>", ["a web page"]),
    "ZIP": (b"PK\x03\x04" + bytes(40), ["a ZIP archive"]),
    "bytes of no known kind": (bytes([1, 2, 3, 4] * 20), ["another kind", "01 02 03 04"]),
    "RIFF without MIDI": (b"RIFF\x24\0\0\0RMIDdata" + bytes(40), [".rmi", "no MIDI inside"]),
    "cut off in the header": (VALID[:11], ["cut off", "11 bytes", "14"]),
    "cut off before the track": (VALID[:14], ["cut off", "1 tracks, but 0"]),
    "cut off in the chunk's head": (VALID[:19], ["cut off inside track 1"]),
    "cut off in a track": (VALID[:-7], ["cut off inside track 1 of 1"]),
    "cut off between tracks": (midi_file(chunk(ONE_NOTE), count=2), ["promises 2 tracks, but 1"]),
    "header too short": (midi_file(chunk(ONE_NOTE), header_length=5), ["header", "5 bytes long", "6 were expected"]),
    "header length byte-swapped": (midi_file(chunk(ONE_NOTE), header_length=0x06000000), ["100663296 bytes long"]),
    "header length points into a track": (midi_file(chunk(ONE_NOTE), header_length=12), ["damaged", "MTrk"]),
    "type 2": (midi_file(chunk(ONE_NOTE), kind=2), ["type 2", "type 0 or 1 was expected"]),
    "type 7": (midi_file(chunk(ONE_NOTE), kind=7), ["type 7"]),
    "SMPTE": (midi_file(chunk(ONE_NOTE), division=0xE728), ["SMPTE", "ticks per quarter note"]),
    "division zero": (midi_file(chunk(ONE_NOTE), division=0), ["division of 0", "480 is usual"]),
    "no tracks": (midi_file(), ["no tracks"]),
    "no notes": (midi_file(chunk(meta(0x01, b"words")), chunk(b"")), ["no notes", "at least one"]),
    "event cut off": (midi_file(chunk(ONE_NOTE + b"\x00\x90\x3c", end=b"")), ["Track 1", "last event is cut off"]),
    "meta event too long": (midi_file(chunk(ONE_NOTE + b"\x00\xff\x01\x7f", end=b"")), ["last event is cut off"]),
    "endless number": (midi_file(chunk(b"\xff\xff\xff\xff\xff" + ONE_NOTE)), ["Track 1", "damaged"]),
    "no status byte": (midi_file(chunk(b"\x00\x3c\x50")), ["Track 1", "no status byte"]),
    "status in place of data": (midi_file(chunk(b"\x00\x90\x3c\x90" + ONE_NOTE)), ["Track 1", "144", "0–127"]),
    "too large": (b"MThd" + bytes(10_000_000), ["larger than 10 MB"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_in_one_sentence(name, tmp_path):
    data, words = BROKEN[name]
    path = tmp_path / "gift.mid"
    path.write_bytes(data)
    for source, label in ((data, "The data"), (io.BytesIO(data), "The file"), (path, "“gift.mid”")):
        with pytest.raises(MidiError) as caught:
            read_midi(source)
        message = str(caught.value)
        assert label in message
        for word in words:
            assert word in message
        assert caught.value.__cause__ is None or caught.value.__suppress_context__
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["gift.mid"]


def test_every_broken_file_has_a_sentence_of_its_own():
    messages = set()
    for data, _ in BROKEN.values():
        with pytest.raises(MidiError) as caught:
            read_midi(data)
        messages.add(str(caught.value))
    assert len(messages) >= len(BROKEN) - 2  # an endless number and a cut-off event may read alike


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(MidiError, match=r"no file “none\.mid”.*spelling"):
        read_midi(tmp_path / "none.mid")
    with pytest.raises(MidiError, match="is a folder"):
        read_midi(tmp_path)
    with pytest.raises(MidiError, match="cannot be opened"):
        read_midi("nul\0byte.mid")


def test_limit_of_notes(monkeypatch):
    content = ONE_NOTE * 11
    monkeypatch.setattr(midi_module, "MAX_NOTES", 11)
    assert len(read_midi(midi_file(chunk(content))).notes) == 11
    monkeypatch.setattr(midi_module, "MAX_NOTES", 10)
    with pytest.raises(MidiError, match="more than 10 notes"):
        read_midi(midi_file(chunk(content)))


def test_the_limits_are_those_that_are_stated():
    assert (midi_module.MAX_BYTES, midi_module.MAX_NOTES) == (10_000_000, 200_000)
    assert (midi_module.MAX_SECONDS, midi_module.MAX_BARS) == (7200, 10_000)


def test_limit_of_time():
    def lasting(beats):
        return write_midi(Melody([Note(0, 60, 1), Note(beats - 1, 60, 1)], bpm=60))

    assert read_midi(lasting(7200)).seconds == 7200
    with pytest.raises(MidiError, match=r"2\.0 hours; up to 2"):
        read_midi(lasting(7201))


def test_limit_of_bars():
    def with_bars(bars):
        return write_midi(Melody([Note(bars / 4 - 0.25, 60, 0.25)], bpm=120, metre=MetreChange(0, 1, 16)))

    assert len(read_midi(with_bars(10_000)).bars) == 10_000
    with pytest.raises(MidiError, match="10,001 bars; up to 10,000"):
        read_midi(with_bars(10_001))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_never_crashes(data):
    whole = write_midi(SMALL_PIECE)
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(10, len(damaged))) :]
    try:
        outcome = read_midi(bytes(damaged)).notes
    except MidiError as error:
        outcome = str(error)
    assert len(outcome) > 0


# --- there and back ----------------------------------------------------------------------------------------------

SMALL_PIECE = Composition(
    (
        Track([Note(0, 60, 1), Note(0.5, 60, 1, 90), Note(1, 64, Fraction(1, 3))], "Melody", 40),
        Track([Note(0, 36, 0.25), Note(0.125, 36, 0.25)], "Drums", 8, is_drum=True),
    ),
    (TempoChange(0, 90), TempoChange(3, 120.5)),
    (MetreChange(0, 3, 4), MetreChange(4, 6, 8)),
    pickup=1,
    title="Kleines Stück",
)

TICK = 1 / 480
notes = st.builds(
    Note,
    onset=st.floats(0, 50),
    pitch=st.integers(58, 62) | st.integers(0, 127),
    duration=st.floats(TICK, 6),
    velocity=st.integers(1, 127),
)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12).filter(
    lambda name: name == name.strip("\0 \t\r\n")
)
tracks = st.builds(
    Track,
    notes=st.lists(notes, min_size=1, max_size=12).map(tuple),
    name=names,
    program=st.integers(0, 127),
    is_drum=st.booleans(),
)
onsets = st.integers(0, 200).map(lambda sixteenths: sixteenths / 4)
pieces = st.builds(
    Composition,
    tracks=st.lists(tracks, min_size=1, max_size=4).map(tuple),
    tempos=st.lists(
        st.builds(TempoChange, onsets, st.floats(20, 400)), max_size=3, unique_by=lambda change: change.onset
    ).map(tuple),
    metres=st.lists(
        st.builds(MetreChange, onsets, st.integers(1, 12), st.sampled_from([2, 4, 8, 16])),
        max_size=3,
        unique_by=lambda change: change.onset,
    ).map(tuple),
    pickup=st.sampled_from([0, 0.25, 0.5, 1, 1.5, 2, 3, 1 / 3]),
    title=names,
)


def assert_within_half_a_tick(before, after):
    """Every note before has one of its own after."""
    remaining = list(after)
    for note in before:
        alike = [
            other
            for other in remaining
            if (other.pitch, other.velocity) == (note.pitch, note.velocity)
            and abs(other.onset - note.onset) <= TICK / 2 + 1e-9
            and abs(other.offset - note.offset) <= TICK / 2 + 1e-9
        ]
        assert alike, note
        remaining.remove(min(alike, key=lambda other: abs(other.onset - note.onset) + abs(other.offset - note.offset)))
    assert not remaining


@settings(max_examples=120, deadline=None)
@given(pieces)
def test_whatever_is_written_is_read_back_within_half_a_tick(piece):
    data = write_midi(piece)
    assert data == write_midi(piece)
    back = read_midi(data)
    assert back.steps == ()
    assert back.title == piece.title
    assert [(track.name, track.program, track.is_drum) for track in back.tracks] == [
        (track.name, track.program, track.is_drum) for track in piece.tracks
    ]
    for before, after in zip(piece.tracks, back.tracks, strict=True):
        assert_within_half_a_tick(before.notes, after.notes)
    assert [change.onset for change in back.tempos] == [change.onset for change in piece.tempos]
    assert [change.bpm for change in back.tempos] == pytest.approx([c.bpm for c in piece.tempos], rel=1e-5)
    half_a_tick = 0.5 * TICK * 60 / min(change.bpm for change in piece.tempos)  # in seconds, where music is slowest
    assert back.seconds == pytest.approx(piece.seconds, rel=1e-4, abs=2 * half_a_tick + 1e-3)
    common = min(len(back.bars), len(piece.bars))
    assert back.bars[:common] == pytest.approx(piece.bars[:common], abs=TICK)
    # an end that is rounded onto a bar line takes the bar behind it away, or brings it
    assert all(bar == pytest.approx(piece.end, abs=TICK) for bar in [*back.bars[common:], *piece.bars[common:]])


def test_the_small_piece_comes_back_exactly():
    back = read_midi(write_midi(SMALL_PIECE))
    assert back.tempos == SMALL_PIECE.tempos
    assert back.metres == SMALL_PIECE.metres
    assert back.pickup == 1
    assert back.title == "Kleines Stück"
    assert back.tracks[1] == SMALL_PIECE.tracks[1]


@pytest.mark.parametrize("bpm", [4, 40, 66.6, 90, 93.75, 100, 127, 133.33, 160, 1000])
def test_tempos_come_back_as_they_were(bpm):
    assert melody_of(read_midi(write_midi(Melody([Note(0, 60, 1)], bpm=bpm)))).bpm == bpm


def test_other_readers_hear_the_same():
    data = write_midi(SMALL_PIECE)
    seconds = 60 / 90
    heard = pretty_midi.PrettyMIDI(io.BytesIO(data))
    pitched = sorted(
        (note.start, note.pitch, note.end) for instrument in heard.instruments if not instrument.is_drum
        for note in instrument.notes
    )  # fmt: skip
    expected = [(0, 60, seconds), (0.5 * seconds, 60, 1.5 * seconds), (seconds, 64, 4 / 3 * seconds)]
    assert [value for note in pitched for value in note] == pytest.approx([v for n in expected for v in n], abs=1e-3)
    score = symusic.Score.from_midi(data)
    assert sum(len(track.notes) for track in score.tracks) == 5
    assert sorted((track.program, track.is_drum) for track in score.tracks if track.notes) == [
        (8, True), (8, True), (40, False), (40, False)
    ]  # fmt: skip
    messages = mido.MidiFile(file=io.BytesIO(data))
    assert messages.type == 1
    assert messages.ticks_per_beat == 480
    signatures = [(m.numerator, m.denominator) for m in messages.tracks[0] if m.type == "time_signature"]
    assert signatures == [(1, 4), (3, 4), (6, 8)]


def test_overlaps_of_one_pitch_go_to_a_second_channel():
    track = Track([Note(0, 60, 4), Note(1, 60, 1), Note(0, 64, 1)], "Piano", 5)
    other = Track([Note(0, 72, 1)], "Flute", 73)
    messages = mido.MidiFile(file=io.BytesIO(write_midi(Composition((track, other))))).tracks[1]
    channels = {(m.note, m.velocity): m.channel for m in messages if m.type == "note_on"}
    overlapping = {m.channel for m in messages if m.type == "note_on" and m.note == 60}
    assert len(overlapping) == 2
    assert channels[64, 80] in overlapping
    assert {m.channel: m.program for m in messages if m.type == "program_change"} == dict.fromkeys(overlapping, 5)
    assert 1 not in overlapping  # the flute's
    assert 9 not in overlapping
    assert read_midi(write_midi(Composition((track, other)))).tracks == (track, other)


def test_notes_that_touch_stay_on_one_channel():
    messages = mido.MidiFile(file=io.BytesIO(write_midi(Melody([Note(i, 60, 1) for i in range(5)])))).tracks[1]
    assert {m.channel for m in messages if not m.is_meta} == {0}


def test_forty_tracks_and_a_cluster_of_overlaps_come_back():
    crowded = [Track([Note(i % 4, 60, 4), Note(1, 60, 1), Note(1, 60, 1)], f"T{i}", i, i % 7 == 3) for i in range(40)]
    crowd = Composition((*crowded, Track([Note(i / 10, 60, 9) for i in range(20)], "Twenty at once", 3)))
    back = read_midi(write_midi(crowd))
    assert [(t.name, t.program, t.is_drum, len(t.notes)) for t in back.tracks] == [
        (t.name, t.program, t.is_drum, len(t.notes)) for t in crowd.tracks
    ]
    for before, after in zip(crowd.tracks, back.tracks, strict=True):
        assert_within_half_a_tick(before.notes, after.notes)


def test_a_note_shorter_than_a_tick_lasts_one():
    back = read_midi(write_midi(Melody([Note(1, 60, 1e-6)])))
    assert back.notes == (Note(1, 60, TICK),)
    assert back.steps == ()  # nothing had to be repaired


def test_writing_to_a_path_and_to_a_file(tmp_path):
    path = tmp_path / "out.mid"
    data = write_midi(SMALL_PIECE, path)
    assert path.read_bytes() == data == write_midi(SMALL_PIECE)
    file = io.BytesIO()
    write_midi(SMALL_PIECE, file)
    assert file.getvalue() == data
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mid"]


def test_a_failed_write_leaves_nothing_and_keeps_what_was_there(tmp_path):
    path = tmp_path / "out.mid"
    path.write_bytes(b"old")
    with pytest.raises(MidiError, match="beyond what a MIDI file can count"):
        write_midi(Melody([Note(600_000, 60, 1)]), path)
    assert path.read_bytes() == b"old"
    with pytest.raises(OSError):
        write_midi(SMALL_PIECE, tmp_path / "missing" / "out.mid")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mid"]


def test_names_that_utf8_cannot_hold_are_written_all_the_same():
    assert read_midi(write_midi(Composition((Track([Note(0, 60, 1)], "bad\ud800name"),)))).tracks[0].name == "bad?name"


def test_the_steps_and_empty_tracks_stay_behind():
    piece = Composition((Track([], "Empty"), Track([Note(0, 60, 1)], "Full")), steps=(CompositionStep("gan"),))
    back = read_midi(write_midi(piece))
    assert [track.name for track in back.tracks] == ["Full"]
    assert back.steps == ()
