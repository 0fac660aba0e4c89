import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.rhythm_assist import rhythm_assist


def times(music):
    return [(round(note.onset, 9), round(note.duration, 9)) for note in music.notes]


PLAYED = Melody(
    [Note(0.03, 60, 0.9), Note(1.06, 62, 0.4), Note(1.55, 64, 0.02), Note(1.93, 65, 1.1)], 90, title="Played"
)


def test_onsets_and_ends_go_to_the_sixteenth_grid():
    assisted = rhythm_assist(PLAYED)
    assert times(assisted) == [(0, 1), (1, 0.5), (1.5, 0.25), (2, 1)]
    assert assisted.bpm == 90
    assert assisted.title == "Played"


def test_the_grid_can_be_given_by_position():
    assert times(rhythm_assist(PLAYED, 1)) == [(0, 1), (1, 1), (2, 1), (2, 1)]


def test_halfway_goes_to_the_later_line():
    assert times(rhythm_assist(Melody([Note(0.125, 60, 0.25)]))) == [(0.25, 0.25)]


def test_strength_moves_that_share_of_the_way():
    note = Melody([Note(0.1, 60, 0.5)])  # full strength: onset 0, end 0.5 (from 0.6), so duration 0.5
    assert times(rhythm_assist(note, strength=0.25)) == [(0.075, 0.5)]
    longer = Melody([Note(0.1, 60, 0.35)])  # full strength: onset 0, end 0.5
    assert times(rhythm_assist(longer, strength=0.4)) == [(0.06, 0.41)]


def test_strength_zero_changes_nothing():
    assert rhythm_assist(PLAYED, strength=0) == PLAYED


def test_triplets_are_taken_where_they_fit_better():
    played = Melody(
        [Note(0.02, 60, 0.3), Note(0.31, 62, 0.33), Note(0.69, 64, 0.3), Note(1.02, 65, 0.2), Note(1.27, 67, 0.7)]
    )
    third = round(1 / 3, 9)
    assert [onset for onset, _ in times(rhythm_assist(played, triplets=True))] == [0, third, round(2 / 3, 9), 1, 1.25]
    assert [onset for onset, _ in times(rhythm_assist(played))] == [0, 0.25, 0.75, 1, 1.25]


def test_exact_triplets_and_exact_sixteenths_stay_where_they_are():
    exact = Melody(
        [Note(i / 3, 60 + i, 1 / 3) for i in range(3)]
        + [Note(1 + i / 4, 70 + i, 1 / 4) for i in range(4)]
        + [Note(2, 60, 1 / 3)]  # only its end tells that this beat is a triplet
    )
    assert times(rhythm_assist(exact, triplets=True)) == times(exact)


def test_the_triplet_of_a_wider_grid_is_wider():
    played = Melody([Note(0, 60, 0.66), Note(0.65, 62, 0.68), Note(1.35, 64, 0.65)])
    assert times(rhythm_assist(played, 0.5, triplets=True)) == [
        (0, round(2 / 3, 9)), (round(2 / 3, 9), round(2 / 3, 9)), (round(4 / 3, 9), round(2 / 3, 9))
    ]  # fmt: skip


def test_the_grid_starts_at_the_first_full_bar():
    melody = Melody([Note(0.05, 60, 0.3), Note(0.4, 62, 0.9)], pickup=1 / 3)
    assert times(rhythm_assist(melody, 1)) == [(round(1 / 3, 9), 1), (round(1 / 3, 9), 1)]
    upbeat = Melody([Note(0.02, 60, 0.5), Note(0.52, 62, 1)], metre=MetreChange(0, 3, 4), pickup=0.5)
    assert times(rhythm_assist(upbeat)) == [(0, 0.5), (0.5, 1)]


def test_of_two_notes_on_one_place_the_longer_is_kept():
    two = Melody([Note(0.01, 60, 0.2, 100), Note(0.04, 60, 0.9, 50), Note(0.02, 64, 0.2)])
    assert rhythm_assist(two).notes == (Note(0, 60, 1, 50), Note(0, 64, 0.25))
    equal = Melody([Note(0.01, 60, 0.2, 50), Note(0.04, 60, 0.2, 100)])
    assert rhythm_assist(equal).notes == (Note(0, 60, 0.25, 100),)


def test_a_composition_is_assisted_track_by_track():
    piece = Composition(
        (Track([Note(0.02, 60, 1)], "A", 40), Track([Note(0.98, 36, 0.1)], "D", is_drum=True)), title="Piece"
    )
    assisted = rhythm_assist(piece)
    assert assisted.tracks == (
        Track([Note(0, 60, 1)], "A", 40), Track([Note(1, 36, 0.25)], "D", is_drum=True)
    )  # fmt: skip
    assert assisted.title == "Piece"
    assert isinstance(rhythm_assist(Melody()), Melody)


@pytest.mark.parametrize("grid", [0, -0.25, float("nan"), float("inf"), 1e-6, 1 / 65, 16.01])
def test_an_impossible_grid_is_refused(grid):
    with pytest.raises(ValueError, match="grid"):
        rhythm_assist(PLAYED, grid)


def test_the_finest_and_the_widest_grid():
    assert times(rhythm_assist(Melody([Note(0.017, 60, 0.03)]), 1 / 64)) == [(1 / 64, 1 / 32)]
    assert times(rhythm_assist(Melody([Note(9, 60, 12)]), 16)) == [(16, 16)]


@pytest.mark.parametrize("strength", [-0.1, 1.1])
def test_an_impossible_strength_is_refused(strength):
    with pytest.raises(ValueError, match="strength"):
        rhythm_assist(PLAYED, strength=strength)


def test_what_is_not_music_is_refused():
    with pytest.raises(TypeError, match="Melody or a Composition"):
        rhythm_assist("song.mid")


@given(
    st.lists(st.tuples(st.floats(0, 40), st.floats(0.001, 5)), min_size=1, max_size=30),
    st.sampled_from([0.125, 0.25, 0.5, 1]),
    st.booleans(),
    st.sampled_from([0, 0.5, 1]),
)
def test_no_note_vanishes_and_all_lie_on_the_grid(intervals, grid, triplets, pickup):
    # a pitch of its own for each note, so that none can meet its double
    melody = Melody([Note(onset, 40 + i, duration) for i, (onset, duration) in enumerate(intervals)], pickup=pickup)
    assisted = rhythm_assist(melody, grid, triplets=triplets)
    assert sorted(note.pitch for note in assisted) == sorted(note.pitch for note in melody)
    before = {note.pitch: note for note in melody}
    for note in assisted:
        # twelfths of a span hold both grids
        for beat in (note.onset, note.offset):
            place = (beat - pickup) / (grid * 4) * 12
            assert abs(place - round(place)) < 1e-6
        assert note.duration >= grid - 1e-9
        if note.onset > 0:
            assert abs(note.onset - before[note.pitch].onset) <= grid * 2 / 3 + 1e-6
