"""Filling at once: the likeliest notes of one look, checked against the network asked directly.

A small random network stands in: the laws hold whatever the scores are.
"""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
import torch
from untrained import untrained_technique

from deepcomposer_lab.encoding.image import Grid
from deepcomposer_lab.music.composition import Composition, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.note import Note

# By itself a network begins with hardly any note likely.
TECHNIQUE = untrained_technique(adding=3, removing=3)
MELODY = Melody([Note(beat, 60 + beat * 5 % 12, 1, 90) for beat in range(16)], bpm=88, program=19, title="Up and down")


def notes_of(music):
    return Counter(note for track in as_composition(music).tracks for note in track.notes)


def added_to(music, filled):
    return sorted((notes_of(filled) - notes_of(music)).elements())


@pytest.fixture
def looks():
    """The images the network looks at, one entry a call."""
    seen = []
    hook = TECHNIQUE.network.register_forward_pre_hook(
        lambda network, arguments, named: seen.append(len(named["roll"])), with_kwargs=True
    )
    yield seen
    hook.remove()


@pytest.fixture(scope="module")
def scores():
    """P(adding) of sixteen beats, (64, 64), and log P of durations, (64, 64, 16): asked of the network itself."""
    grid, encoding = Grid.of(MELODY_PIECE, TECHNIQUE.encoding), TECHNIQUE.encoding
    image = encoding.draw(np.array([grid.place(note) for note in MELODY.notes]), grid.steps)
    with torch.inference_mode():
        answer = TECHNIQUE.network(
            roll=torch.from_numpy(image)[None].float(), time=torch.from_numpy(grid.time_channels())[None]
        )
        rows, steps = (torch.from_numpy(axis.ravel()) for axis in np.indices((encoding.pitches, grid.steps)))
        durations = TECHNIQUE.network.durations(answer.features, image=torch.zeros_like(rows), row=rows, step=steps)
    probabilities = np.where(image[1] > 0, 0.0, answer.add[0].double().exp().numpy())
    return probabilities, durations.numpy().reshape(*probabilities.shape, -1)


MELODY_PIECE = Composition.from_melody(MELODY)


@pytest.mark.parametrize("count", [1, 17, 60])
def test_the_likeliest_cells_of_one_look_are_filled(scores, looks, count):
    probabilities, _ = scores
    filled = TECHNIQUE.fill_at_once(MELODY, notes=count)
    assert looks == [1]
    order = np.argsort(-probabilities.ravel(), kind="stable")[:count]
    expected = {(step / 4, row + TECHNIQUE.encoding.lowest_pitch) for row, step in zip(*divmod(order, 64), strict=True)}
    added = added_to(MELODY, filled)
    assert len(added) == count
    assert {(note.onset, note.pitch) for note in added} == expected
    assert notes_of(MELODY) <= notes_of(filled)  # nothing was removed


def test_each_lasts_as_long_as_is_likeliest_where_there_is_room_before_the_next_of_its_pitch(scores):
    _, durations = scores
    added = added_to(MELODY, TECHNIQUE.fill_at_once(MELODY, notes=60))
    starts = defaultdict(list)
    for note in [*MELODY.notes, *added]:
        starts[note.pitch].append(note.onset)
    shorter = 0
    for note in added:
        shares = durations[note.pitch - TECHNIQUE.encoding.lowest_pitch, round(note.onset * 4)]
        room = round(4 * (min([start for start in starts[note.pitch] if start > note.onset] + [16.0]) - note.onset))
        assert note.duration * 4 == 1 + shares[:room].argmax()
        shorter += note.duration * 4 < 1 + shares.argmax()
    assert 0 < shorter < len(added)


def test_left_to_itself_it_adds_as_many_as_the_probabilities_add_up_to(scores):
    probabilities, _ = scores
    expected = round(float(probabilities.sum()))
    assert 20 < expected < 600
    assert len(added_to(MELODY, TECHNIQUE.fill_at_once(MELODY))) == expected


def test_no_pitch_sounds_twice_at_once_also_where_there_is_no_more_room():
    filled = TECHNIQUE.fill_at_once(MELODY, notes=10_000)
    by_pitch = defaultdict(list)
    for note in filled.notes:
        by_pitch[note.pitch].append(note)
    assert all(first.offset <= later.onset for notes in by_pitch.values() for first, later in pairwise(notes))
    assert len(filled.notes) == 16 + 64 * 64 - 16 * 4  # every free cell
    assert filled.end == MELODY.end


def test_none_leaves_the_input():
    filled = TECHNIQUE.fill_at_once(MELODY, notes=0)
    assert notes_of(filled) == notes_of(MELODY)


def test_a_long_piece_is_seen_through_windows_each_once(looks):
    melody = Melody([Note(beat, 60 + beat * 5 % 12, 1) for beat in range(80)])
    filled = TECHNIQUE.fill_at_once(melody, notes=200)
    assert sum(looks) == 4  # twenty bars through windows of eight, half overlapping
    assert len(added_to(melody, filled)) == 200
    assert {int(note.onset // 16) for note in added_to(melody, filled)} == set(range(5))


def test_drums_pickup_and_metre_stay():
    drums = Track([Note(beat, 36, 0.5) for beat in range(10)], "Drums", is_drum=True)
    piece = Composition(
        [Track([Note(beat, 67, 1) for beat in range(10)], "Flute", 73), drums], metres=[MetreChange(0, 3, 4)], pickup=1
    )
    filled = TECHNIQUE.fill_at_once(piece, notes=30)
    assert filled.tracks[1] == drums
    assert (filled.metres, filled.pickup, filled.tempos) == (piece.metres, 1, piece.tempos)
    assert all(0 <= note.onset < note.offset <= 10 for note in added_to(piece, filled))


def test_it_tells_how_it_was_made_and_goes_on_in_its_voices():
    filled = TECHNIQUE.fill_at_once(MELODY, notes=12)
    (step,) = filled.steps
    assert (step.technique, step.model, step.seed) == ("ar-cnn", "untrained", None)
    voices = {track.name: track.name for track in filled.tracks[1:]}
    assert dict(step.parameters) == {"notes_at_once": 12, "voice_tracks": voices}
    assert step.remarks == ("Its notes were added all at once, from one look of the network.",)
    further = TECHNIQUE.fill_at_once(filled, notes=5)
    assert [one.parameters["notes_at_once"] for one in further.steps] == [12, 5]
    names = [track.name for track in further.tracks]
    assert len(set(names)) == len(names)
    with pytest.raises(ValueError, match="made by `fill_at_once`, without chance"):
        TECHNIQUE.again(filled, MELODY)


@pytest.mark.parametrize("wrong", [-1, 2.5, "many", True])
def test_what_is_no_count_is_refused(wrong):
    with pytest.raises(ValueError, match="a whole number of 0 or more; got"):
        TECHNIQUE.fill_at_once(MELODY, notes=wrong)


def test_without_notes_there_is_nothing_to_fill():
    with pytest.raises(ValueError, match="There are no notes to start from"):
        TECHNIQUE.fill_at_once(Melody())
