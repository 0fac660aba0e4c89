"""The rule against parallel fifths and octaves: by hand-made motions, and by the benchmark's own count."""

import pytest
from untrained import untrained_technique

from deepcomposer_lab.benchmarks.harmony import Texture, parallels
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.techniques import ar_cnn
from deepcomposer_lab.techniques.ar_cnn import ARCNN
from deepcomposer_lab.techniques.ar_cnn_parallels import in_parallel, makes_parallels, parallel_pairs
from deepcomposer_lab.techniques.ar_cnn_roll import Placed


@pytest.fixture(scope="module")
def bach():
    return ARCNN.from_pretrained("autoregressive_cnn_bach")


@pytest.mark.parametrize(
    ("one", "other", "parallel"),
    [
        ((60, 62), (67, 69), True),  # a fifth to a fifth, upwards
        ((60, 57), (67, 64), True),  # … downwards
        ((60, 62), (79, 81), True),  # a twelfth is a fifth
        ((48, 50), (67, 81), True),  # a twelfth to a double twelfth
        ((60, 62), (72, 74), True),  # octaves
        ((60, 62), (60, 62), True),  # unisons
        ((60, 62), (72, 69), False),  # an octave to a fifth
        ((60, 67), (67, 62), False),  # a fifth below becomes one above, in contrary motion
        ((60, 53), (67, 72), False),  # apart
        ((60, 60), (67, 67), False),  # repeated
        ((60, 62), (64, 66), False),  # thirds
        ((60, 62), (65, 67), False),  # fourths: a fifth turned over is none
    ],
)
def test_what_a_parallel_is(one, other, parallel):
    assert in_parallel(one, other) is parallel
    assert in_parallel(other, one) is parallel


def placed(onset, row, duration, track=None, number=0):
    return Placed(
        onset, row, duration, Note(onset / 4, row + 32, duration / 4), None if track is None else (track, number)
    )


TUNE = [placed(0, 40, 4, 0, 0), placed(4, 42, 4, 0, 1)]  # a step up


def test_the_note_that_completes_a_parallel_is_known():
    bass = placed(0, 28, 4)
    for row, wrong in [(30, True), (26, False), (23, False), (25, False), (28, False), (42, True)]:
        assert makes_parallels([*TUNE, bass], placed(4, row, 4)) is wrong, row
    assert makes_parallels([*TUNE, placed(4, 30, 4)], placed(0, 28, 4))  # the first of the two, added last
    assert not makes_parallels([*TUNE, placed(0, 28, 3)], placed(4, 30, 4))  # it ended before
    assert not makes_parallels([*TUNE, bass], placed(5, 30, 4))  # it moves later


def test_a_note_that_goes_may_leave_parallels_behind():
    """Of two notes that start, the one that leaps less is taken to be the voice: once it is gone, the other is."""
    before, after = [placed(0, 28, 4)], [placed(4, 30, 4), placed(4, 27, 4)]
    assert not makes_parallels([*TUNE, *before, *after], after[0])
    assert makes_parallels([*TUNE, *before, *after], after[1])


def test_voices_of_one_track_move_in_order_of_pitch():
    pair = [placed(0, 20, 4), placed(0, 27, 4)]
    assert makes_parallels([*pair, placed(4, 22, 4)], placed(4, 29, 4))
    assert not makes_parallels([*pair, placed(4, 29, 4)], placed(4, 34, 4))  # only one of the two moves
    assert not makes_parallels([*pair, placed(4, 18, 4)], placed(4, 29, 4))  # apart


def test_pairs_are_found_in_voices_as_they_are_written():
    soprano, alto = TUNE, [placed(0, 37, 4), placed(4, 38, 4)]
    bass = [placed(0, 28, 4), placed(4, 30, 4)]
    assert parallel_pairs([soprano, alto, bass], 8) == [(soprano[1], bass[1])]
    assert parallel_pairs([soprano, alto, [bass[0]]], 8) == []
    assert parallel_pairs([soprano, [], bass[1:]], 8) == []


def sopranos():
    for piece in load_dataset("bach_chorales").pieces("validation")[:40:10]:
        chorale = piece.to_composition()
        yield chorale.with_tracks(chorale.tracks[:1])


def counted(music):
    texture = Texture.of(music)
    return round(len(texture.bars) * (parallels(texture, 7) + parallels(texture, 0)))


def test_with_the_rule_the_benchmark_finds_none_without_it_some(bach):
    kept = [counted(bach.compose(music, seed=1)) for music in sopranos()]
    free = [counted(bach.compose(music, seed=1, avoid_parallels=False)) for music in sopranos()]
    assert sum(kept) == 0
    assert sum(free) >= 5


def test_a_run_ends_without_parallels_in_its_voices(bach):
    session = bach.steps(sample_melody("deck_the_halls"), seed=2, sampling_iterations=500)
    list(session)
    assert session.finished
    assert session._moving_in_parallel() == []
    assert counted(session.composition()) == 0


def test_what_the_input_has_of_them_stays(bach):
    fifths = [Note(beat, pitch, 1) for beat, pitch in enumerate((60, 62, 64, 65, 67, 65, 64, 62))]
    music = Composition([Track(fifths, "Upper"), Track([note.transpose(-7) for note in fifths], "Lower")])
    assert counted(music) == 7
    made = bach.compose(music, seed=0, max_notes_to_remove=0)
    assert set(music.notes) <= set(made.notes)
    assert counted(made) == 7


def test_where_every_edit_is_against_the_rule_the_run_ends(monkeypatch):
    monkeypatch.setattr(ar_cnn, "makes_parallels", lambda notes, placed: True)
    melody = Melody([Note(0, 60, 1), Note(1, 62, 1)])
    technique = untrained_technique(adding=2, stopping=-20)
    assert list(technique.steps(melody, seed=0)) == []
    assert len(list(technique.steps(melody, seed=0, avoid_parallels=False))) > 5


def test_edits_against_the_rule_are_not_drawn(monkeypatch):
    forbidden = []

    def no_low_notes(notes, placed):
        wrong = placed.row < 20
        if wrong:
            forbidden.append(placed)
        return wrong

    monkeypatch.setattr(ar_cnn, "makes_parallels", no_low_notes)
    technique = untrained_technique(adding=2, stopping=-20)
    session = technique.steps(Melody([Note(beat, 70, 1) for beat in range(8)]), seed=0, sampling_iterations=40)
    edits = list(session)
    assert forbidden
    assert len(edits) > 10
    assert all(edit.note.pitch >= 20 + technique.encoding.lowest_pitch for edit in edits)
    assert all(0 < edit.probability <= 1 for edit in edits)


def test_a_note_taken_out_for_its_motion_does_not_come_back(bach):
    for seed in range(6):
        session = bach.steps(sample_melody("twinkle_twinkle"), seed=seed)
        edits = list(session)
        for cell in session._closed:
            row, step = divmod(cell, session.roll.roll.shape[2])
            pitch, onset = row + bach.encoding.lowest_pitch, session.grid.beat_of(step)
            here = [edit for edit in edits if (edit.note.pitch, edit.note.onset) == (pitch, onset)]
            assert (here[-1].kind, here[-1].by_rule, here[-1].runner_up) == ("remove", True, None)
        assert sum(edit.by_rule for edit in edits) == len(session._closed)
        if session._closed:
            return
    pytest.fail("proofreading found nothing to take out in six pieces")


def test_again_keeps_to_the_rule_or_to_its_absence(bach):
    melody = sample_melody("ode_to_joy")
    for rule in (True, False):
        made = bach.compose(melody, seed=4, sampling_iterations=20, avoid_parallels=rule)
        assert made.steps[-1].parameters["avoid_parallels"] is rule
        assert bach.again(made, melody).tracks == made.tracks
