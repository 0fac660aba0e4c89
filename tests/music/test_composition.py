import copy
import pickle

import pytest

from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.note import Note

PIECE = Composition(
    tracks=(
        Track([Note(0, 72, 2), Note(2, 74, 6)], "Melody", 40),
        Track([Note(1, 48, 3)], "Bass", 32),
        Track([Note(0, 36, 1), Note(4, 38, 1)], "Drums", 0, is_drum=True),
    ),
    tempos=(TempoChange(0, 60), TempoChange(4, 120)),
    metres=(MetreChange(0, 4, 4), MetreChange(4, 3, 4)),
    title="Piece",
)


def test_notes_of_all_tracks_in_order():
    assert [(note.onset, note.pitch) for note in PIECE.notes] == [(0, 36), (0, 72), (1, 48), (2, 74), (4, 38)]
    assert PIECE.end == 8
    assert PIECE.tracks[1].end == 4
    assert Composition().end == 0
    assert Track().end == 0


def test_length_in_seconds_follows_the_tempo_changes():
    assert PIECE.seconds == 4 + 2


def test_bars_follow_the_metre_changes():
    assert PIECE.bars == [0, 4, 7]
    assert str(PIECE.metre_at(3.9)) == "4/4"
    assert str(PIECE.metre_at(4)) == "3/4"


def test_tempo_and_metre_are_completed_and_sorted():
    piece = Composition(tempos=(TempoChange(8, 90), TempoChange(4, 80)), metres=(MetreChange(4, 3, 4),))
    assert [change.bpm for change in piece.tempos] == [100, 80, 90]
    assert [str(change) for change in piece.metres] == ["4/4", "3/4"]
    assert Composition(tempos=(), metres=()).tempos == (TempoChange(0, 100),)


def test_a_melody_becomes_a_composition_and_keeps_everything():
    melody = Melody([Note(0, 60, 1)], 90, MetreChange(0, 3, 4), 1, 40, "Tune")
    piece = as_composition(melody)
    assert piece == Composition((Track(melody.notes, "Melody", 40),), (TempoChange(0, 90),), (melody.metre,), 1, "Tune")
    assert as_composition(piece) is piece


def test_a_path_in_place_of_music_is_explained():
    with pytest.raises(TypeError, match="read_midi"):
        as_composition("song.mid")


def test_transposing_leaves_drums_alone():
    moved = PIECE.transpose(-12)
    assert [note.pitch for note in moved.tracks[0].notes] == [60, 62]
    assert moved.tracks[2] == PIECE.tracks[2]
    with pytest.raises(ValueError, match="outside 0–127"):
        PIECE.transpose(54)


def test_one_tempo_throughout():
    assert PIECE.with_tempo(90).tempos == (TempoChange(0, 90),)
    assert PIECE.with_tempo(90).tracks == PIECE.tracks


def test_trim_carries_tempo_metre_and_bar_lines():
    part = PIECE.trim(3, 6)
    assert part.tracks[0].notes == (Note(0, 74, 3),)
    assert part.tracks[1].notes == (Note(0, 48, 1),)
    assert part.tracks[2].notes == (Note(1, 38, 1),)
    assert part.tempos == (TempoChange(0, 60), TempoChange(1, 120))
    assert part.metres == (MetreChange(0, 4, 4), MetreChange(1, 3, 4))
    assert part.pickup == 1
    assert part.bars == [0, 1]


def test_trim_that_starts_on_a_change_keeps_the_new_one_alone():
    part = PIECE.trim(4, 8)
    assert part.tempos == (TempoChange(0, 120),)
    assert part.metres == (MetreChange(0, 3, 4),)
    assert part.pickup == 0


def test_trim_from_the_start_keeps_the_pickup():
    piece = Composition((Track([Note(0, 60, 9)]),), pickup=1)
    assert piece.trim(0, 6).pickup == 1
    assert piece.trim(0, 6).bars == [0, 1, 5]


def test_steps_grow_and_are_values():
    step = CompositionStep("ar-cnn", parameters={"seed": 7, "weights": [1, 2]}, seed=7, remarks=["Drums kept."])
    piece = PIECE.with_step(step)
    assert piece.steps == (step,)
    assert PIECE.steps == ()
    assert step.remarks == ("Drums kept.",)
    with pytest.raises(TypeError):
        step.parameters["seed"] = 8
    same = CompositionStep("ar-cnn", parameters={"seed": 7, "weights": [1, 2]}, seed=7, remarks=["Drums kept."])
    assert step == same
    assert hash(piece) == hash(PIECE.with_step(same))
    assert step != CompositionStep("ar-cnn", parameters={"seed": 8, "weights": [1, 2]}, seed=7, remarks=["Drums kept."])


def test_compositions_are_copied_and_pickled():
    piece = PIECE.with_step(CompositionStep("gan", parameters={"epochs": 3}))
    assert copy.deepcopy(piece) == piece
    assert pickle.loads(pickle.dumps(piece)) == piece


@pytest.mark.parametrize("make", [lambda: Track(program=128), lambda: Composition(pickup=-1)])
def test_impossible_values_are_refused(make):
    with pytest.raises(ValueError):
        make()


def test_with_tracks_and_title_keep_the_rest():
    assert PIECE.with_title("Other").tracks == PIECE.tracks
    assert PIECE.with_tracks(()).metres == PIECE.metres
    assert PIECE.tracks[0].with_notes([]).program == 40
