import io

import numpy as np
import pypianoroll
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.midi import write_midi
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.pianoroll import PianoRoll

PIECE = Composition(
    (
        Track([Note(0, 60, 1, 70), Note(1, 60, 0.5, 70), Note(1.5, 62, 0.5, 90)], "Melody", 40),
        Track([Note(0, 36, 0.25, 100)], "Drums", 0, is_drum=True),
    ),
    (TempoChange(0, 90), TempoChange(1, 60)),
    (MetreChange(0, 3, 4),),
    pickup=0.5,
    title="Piece",
)


def roll_of(*notes, steps_per_beat=4):
    return PianoRoll.from_composition(Melody(notes), steps_per_beat)


def times(roll):
    return [(note.onset, note.pitch, note.duration) for note in roll.to_composition().notes]


def test_cells_and_onsets():
    roll = PianoRoll.from_composition(PIECE)
    assert roll.velocity.shape == roll.onset.shape == (2, 8, 128)
    assert roll.velocity.dtype == np.uint8
    assert roll.onset.dtype == np.bool_
    assert roll.steps == 8
    assert roll.velocity[0, :, 60].tolist() == [70] * 6 + [0] * 2
    assert np.flatnonzero(roll.onset[0, :, 60]).tolist() == [0, 4]  # a repeated note is not a held one
    assert roll.velocity[0, :, 62].tolist() == [0] * 6 + [90] * 2
    assert roll.velocity.astype(int).sum() == 6 * 70 + 2 * 90 + 100
    assert roll.onset.sum() == 4
    assert (roll.names, roll.programs, roll.is_drum) == (("Melody", "Drums"), (40, 0), (False, True))


def test_there_and_back_on_the_grid():
    assert PianoRoll.from_composition(PIECE).to_composition() == PIECE
    assert PianoRoll.from_composition(PIECE, 12).to_composition() == PIECE
    empty = Composition((Track((), "Nothing"),))
    assert PianoRoll.from_composition(empty).to_composition() == empty
    assert PianoRoll.from_composition(Composition()).velocity.shape == (0, 0, 128)


def test_a_piano_roll_is_a_value():
    roll, same = PianoRoll.from_composition(PIECE), PianoRoll.from_composition(PIECE)
    assert roll == same
    assert hash(roll) == hash(same)
    assert roll != PianoRoll.from_composition(PIECE.with_title("Other"))
    assert roll != PianoRoll.from_composition(PIECE.transpose(1))
    assert roll != "Piece"
    held = np.array(roll.onset)
    held[0, 4, 60] = False
    assert roll != PianoRoll(roll.velocity, held, 4, *(roll.names, roll.programs, roll.is_drum), roll.tempos)
    for array in (roll.velocity, roll.onset):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0, 0] = 1


def test_arrays_are_copied():
    velocity = np.zeros((1, 4, 128), np.uint8)
    velocity[0, :, 60] = 80
    roll = PianoRoll(velocity, velocity > 0)
    velocity[:] = 0
    assert roll.velocity.max() == 80
    assert velocity.flags.writeable


def test_a_cell_that_sounds_after_silence_starts_a_note():
    velocity = np.zeros((1, 8, 128), np.uint8)
    velocity[0, 2:4, 60] = velocity[0, 6:, 60] = 80
    roll = PianoRoll(velocity, np.zeros_like(velocity, bool))
    assert times(roll) == [(0.5, 60, 0.5), (1.5, 60, 0.5)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"velocity": np.zeros((4, 128), np.uint8)}, "shape"),
        ({"velocity": np.zeros((1, 4, 88), np.uint8)}, "shape"),
        ({"onset": np.zeros((1, 5, 128), bool)}, "shape"),
        ({"velocity": np.full((1, 4, 128), 128, np.uint8)}, "0–127"),
        ({"onset": np.ones((1, 4, 128), bool)}, "must sound"),
        ({"steps_per_beat": 0}, "steps a beat"),
        ({"names": ("A", "B")}, "as many names"),
        ({"programs": (1, 2)}, "as many programs"),
    ],
)
def test_impossible_rolls_are_refused(change, words):
    fields = {"velocity": np.zeros((1, 4, 128), np.uint8), "onset": np.zeros((1, 4, 128), bool)} | change
    with pytest.raises(ValueError, match=words):
        PianoRoll(**fields)


def test_rounding_goes_to_the_nearest_step_and_keeps_at_least_one():
    assert times(roll_of(Note(0.1, 60, 0.5), Note(0.9, 62, 0.01))) == [(0, 60, 0.5), (1, 62, 0.25)]
    assert times(roll_of(Note(0.125, 60, 0.25))) == [(0.25, 60, 0.25)]  # halfway: the later step


def test_a_quick_repetition_moves_to_the_next_step():
    assert times(roll_of(Note(0, 60, 0.1), Note(0.1, 60, 0.4))) == [(0, 60, 0.25), (0.25, 60, 0.25)]
    assert times(roll_of(Note(0, 60, 1), Note(0, 60, 0.5))) == [(0, 60, 1)]  # true doubles are one
    double = roll_of(Note(0, 60, 1, 50), Note(0, 60, 0.5, 90)).to_composition().notes
    assert double == (Note(0, 60, 1, 90),)


def test_a_later_note_cuts_an_earlier_one():
    assert times(roll_of(Note(0, 60, 4), Note(1, 60, 1))) == [(0, 60, 1), (1, 60, 1)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 20), st.floats(0.001, 4)), min_size=1, max_size=30),
    st.sampled_from([1, 3, 4, 12]),
)
def test_no_note_vanishes(intervals, steps_per_beat):
    notes = [Note(onset, 40 + i, duration) for i, (onset, duration) in enumerate(intervals)]
    back = roll_of(*notes, steps_per_beat=steps_per_beat).to_composition().notes
    before = {note.pitch: note for note in notes}
    assert sorted(note.pitch for note in back) == sorted(before)
    for note in back:
        assert abs(note.onset - before[note.pitch].onset) <= 0.5 / steps_per_beat + 1e-9
        longest_error = max(0.5, 1 - before[note.pitch].duration * steps_per_beat + 0.5) / steps_per_beat
        assert abs(note.offset - before[note.pitch].offset) <= longest_error + 1e-9


def test_to_pypianoroll():
    multitrack = PianoRoll.from_composition(PIECE).to_pypianoroll()
    multitrack.validate()
    assert multitrack.name == "Piece"
    assert multitrack.resolution == 4
    assert multitrack.tempo.tolist() == [90] * 4 + [60] * 4
    assert multitrack.downbeat.tolist() == [False, False, True] + [False] * 5
    assert [(track.name, track.program, track.is_drum) for track in multitrack.tracks] == [
        ("Melody", 40, False),
        ("Drums", 0, True),
    ]
    assert multitrack.tracks[0].pianoroll[5, 60] == 70
    assert multitrack.tracks[0].pianoroll.shape == (8, 128)


def test_pypianoroll_can_write_what_it_gets(tmp_path):
    PianoRoll.from_composition(PIECE).to_pypianoroll().write(tmp_path / "out.mid")
    multitrack = pypianoroll.read(tmp_path / "out.mid")
    assert [track.pianoroll.any() for track in multitrack.tracks] == [True, True]


def test_pypianorolls_own_reading_comes_in_and_can_be_written_again(tmp_path):
    (tmp_path / "in.mid").write_bytes(write_midi(PIECE))
    multitrack = pypianoroll.read(tmp_path / "in.mid")
    assert multitrack.tempo.ndim == 2  # the shape that pypianoroll itself cannot write
    roll = PianoRoll.from_pypianoroll(multitrack)
    assert roll.steps_per_beat == 24
    assert {note.pitch for note in roll.to_composition().notes} == {36, 60, 62}
    roll.to_pypianoroll().write(tmp_path / "out.mid")


def test_from_pypianoroll_reads_every_kind_of_track():
    loud = np.zeros((8, 128))
    loud[0:4, 60] = 180  # what overlapping notes add up to
    loud[4:6, 60] = 60.4
    binary = np.zeros((4, 128), bool)
    binary[1:3, 40] = True
    multitrack = pypianoroll.Multitrack(
        tracks=[pypianoroll.Track(pianoroll=loud), pypianoroll.BinaryTrack("Bass", 32, False, binary)], resolution=4
    )
    roll = PianoRoll.from_pypianoroll(multitrack)
    first, second = roll.to_composition().tracks
    assert first == Track([Note(0, 60, 1, 127), Note(1, 60, 0.5, 60)], "Track 1")
    assert second == Track([Note(0.25, 40, 0.5, 80)], "Bass", 32)
    assert roll.tempos == (TempoChange(0, 100),)
    assert roll.title == "Untitled"


@pytest.mark.parametrize(
    ("resolution", "downbeats", "metres", "pickup"),
    [
        (24, [0, 96, 192], ["4/4"], 0),
        (4, [4, 16, 28], ["3/4"], 1),
        (4, [0, 14, 28], ["7/8"], 0),
        (12, [0, 36, 84, 132], ["3/4", "4/4"], 0),
        (4, [0], ["4/4"], 0),
    ],
)
def test_metre_and_pickup_follow_from_downbeats(resolution, downbeats, metres, pickup):
    downbeat = np.zeros((200, 1), bool)
    downbeat[downbeats] = True
    track = pypianoroll.StandardTrack(pianoroll=np.ones((200, 128), np.uint8))
    roll = PianoRoll.from_pypianoroll(pypianoroll.Multitrack(None, resolution, None, downbeat, [track]))
    assert [str(metre) for metre in roll.metres] == metres
    assert roll.pickup == pickup
    if len(metres) == 2:
        assert roll.metres[1].onset == 3


def test_npz_comes_back_exactly_and_pypianoroll_reads_it(tmp_path):
    roll = PianoRoll.from_composition(PIECE)
    path = tmp_path / "roll.npz"
    roll.save_npz(path)
    assert PianoRoll.load_npz(path) == roll
    assert path.read_bytes() == roll.to_npz() == PianoRoll.from_composition(PIECE).to_npz()
    theirs = pypianoroll.load(path)
    assert np.array_equal(theirs.stack(), roll.velocity)
    assert theirs.tempo.tolist() == [90] * 4 + [60] * 4
    theirs.write(tmp_path / "out.mid")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out.mid", "roll.npz"]


def test_npz_by_pypianoroll_is_read(tmp_path):
    (tmp_path / "in.mid").write_bytes(write_midi(PIECE))
    multitrack = pypianoroll.read(tmp_path / "in.mid")
    pypianoroll.save(tmp_path / "theirs.npz", multitrack)
    assert PianoRoll.load_npz(tmp_path / "theirs.npz") == PianoRoll.from_pypianoroll(multitrack)


def test_what_is_no_npz_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        PianoRoll.load_npz(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    other = io.BytesIO()
    np.savez(other, a=np.zeros(3))
    (tmp_path / "other.npz").write_bytes(other.getvalue())
    for name in ("text.npz", "other.npz"):
        with pytest.raises(ValueError, match=r"pypianoroll's \.npz format"):
            PianoRoll.load_npz(tmp_path / name)
