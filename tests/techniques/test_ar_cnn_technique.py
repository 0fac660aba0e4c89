"""AR-CNN composing: counted, locked, seeded, at any length and metre.

A small random network stands in where only the bookkeeping is tested: the laws hold whatever the scores are.
"""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from untrained import untrained_technique

from deepcomposer_lab.library import open_composition, save_composition
from deepcomposer_lab.models.registry import Model
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.midi import write_midi
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody
from deepcomposer_lab.techniques.ar_cnn import ARCNN
from deepcomposer_lab.techniques.ar_cnn_roll import HOP_STEPS, WINDOW_STEPS, Roll, window_starts


def a_technique(seed=0):
    # It goes on; and few notes stand against thousands of free cells: let removals have a chance.
    return untrained_technique(seed, removing=3, stopping=-20)


@pytest.fixture(scope="module")
def technique():
    return a_technique()


@pytest.fixture(scope="module")
def bach():
    return ARCNN.from_pretrained("autoregressive_cnn_bach")


MELODY = Melody([Note(beat, 60 + beat * 5 % 12, 1, 90) for beat in range(16)], bpm=88, program=19, title="Up and down")


def notes_of(composition):
    return Counter(note for track in composition.tracks for note in track.notes)


def test_same_seed_same_bytes_other_seed_other_notes(bach):
    melody = sample_melody("ode_to_joy")
    first, again, other = (bach.compose(melody, seed=seed, sampling_iterations=40) for seed in (7, 7, 8))
    assert write_midi(first) == write_midi(again)
    assert notes_of(first) != notes_of(other)


def test_every_edit_leads_from_the_input_to_the_output(technique):
    session = technique.steps(MELODY, seed=3, sampling_iterations=60, max_notes_to_remove=50)
    session.may_stop = False
    roll = notes_of(Composition.from_melody(MELODY))
    for edit in session:
        assert 0 < edit.probability <= 1
        roll[edit.note] += 1 if edit.kind == "add" else -1
        assert roll[edit.note] in (0, 1)
        assert notes_of(session.composition()) == +roll
    assert len(session.edits) == 60


def test_the_limits_are_kept_to_the_note(technique):
    for most_to_remove, most_to_add in [(0, 0), (0, 5), (25, 0), (25, 7), (100, 1000)]:
        session = technique.steps(
            MELODY, seed=1, max_notes_to_remove=most_to_remove, max_notes_to_add=most_to_add, sampling_iterations=120
        )
        session.may_stop = False
        for _ in session:
            assert len(session.removed) <= 16 * most_to_remove / 100
            assert len(session.added) <= most_to_add
        result = session.composition()
        kept = notes_of(result) & notes_of(Composition.from_melody(MELODY))
        assert kept.total() == 16 - len(session.removed)
    assert session.removed  # with everything allowed, something was removed


def test_when_nothing_more_may_be_added_the_input_is_not_taken_apart(bach):
    melody = sample_melody("ode_to_joy")
    for seed in range(4):
        result = bach.compose(melody, seed=seed, max_notes_to_add=6)
        kept = notes_of(result) & Counter(melody.notes)
        assert kept.total() >= len(melody) - 3  # the limit alone would let it take six
        assert notes_of(result).total() - kept.total() <= 6


def test_nothing_allowed_gives_the_input_back(technique):
    result = technique.compose(MELODY, seed=1, max_notes_to_remove=0, max_notes_to_add=0)
    assert notes_of(result) == notes_of(Composition.from_melody(MELODY))
    assert technique.compose(MELODY, seed=1, sampling_iterations=0).tracks == Composition.from_melody(MELODY).tracks


def test_notes_that_stay_are_untouched_and_drums_pass_through(technique):
    drums = Track([Note(0.13, 36, 0.1), Note(1, 38, 0.1)], "Drums", is_drum=True)
    piece = Composition(
        [Track([Note(0.07, 60, 0.9, 33), Note(2.031, 64, 1.77, 121)], "Lead", 40), drums],
        metres=[MetreChange(0, 3, 4)],
        pickup=1.0,
        title="Off the grid",
    )
    result = technique.compose(piece, seed=5, max_notes_to_remove=0)
    assert result.tracks[:2][1] == drums
    assert notes_of(Composition(result.tracks[:1])) >= notes_of(Composition(piece.tracks[:1]))
    assert (result.metres, result.pickup, result.title, result.tempos) == (
        piece.metres,
        piece.pickup,
        piece.title,
        piece.tempos,
    )
    assert any("drums passed through untouched" in remark for remark in result.steps[-1].remarks)


def test_added_notes_go_to_three_voices_softer_than_the_melody(technique):
    result = technique.compose(MELODY, seed=2, max_notes_to_remove=0, sampling_iterations=40)
    assert result.tracks[0].name == "Melody"
    assert {track.name for track in result.tracks[1:]} <= {"Alto", "Tenor", "Bass"}
    assert {track.program for track in result.tracks} == {19}
    assert {note.velocity for track in result.tracks[1:] for note in track.notes} == {76}


def test_fed_back_in_the_voices_go_on_in_their_own_tracks(technique):
    once = technique.compose(MELODY, seed=2, sampling_iterations=40)
    twice = technique.compose(once, seed=3, sampling_iterations=40)
    names = [track.name for track in twice.tracks]
    assert len(names) == len(set(names)) <= 4
    assert [step.seed for step in twice.steps] == [2, 3]


def test_a_persons_own_track_called_bass_is_left_alone(technique):
    bass = Track([Note(beat, 40, 2, 100) for beat in range(0, 16, 2)], "Bass", program=33)
    piece = Composition([Track(MELODY.notes, "Lead"), bass])
    result = technique.compose(piece, seed=2, max_notes_to_remove=0, sampling_iterations=60)
    assert result.tracks[1] == bass
    assert "Bass 2" in [track.name for track in result.tracks[2:]]


def test_fed_back_in_a_persons_own_tracks_are_still_left_alone(technique, tmp_path):
    bass = Track([Note(beat, 40, 2, 100) for beat in range(0, 16, 2)], "Bass", program=33)
    drums = Track([Note(beat, 36, 0.5) for beat in range(16)], "Tenor", is_drum=True)
    once = technique.compose(
        Composition([Track(MELODY.notes, "Lead"), bass, drums]), seed=2, max_notes_to_remove=0, sampling_iterations=60
    )
    names = [track.name for track in once.tracks]
    assert names == ["Lead", "Bass", "Tenor", "Alto", "Tenor 2", "Bass 2"]
    opened = open_composition(save_composition(once, directory=tmp_path), tmp_path)
    twice = technique.compose(opened, seed=3, max_notes_to_remove=0, sampling_iterations=60)
    assert twice.tracks[1:3] == (bass, drums)
    assert [track.name for track in twice.tracks] == names
    assert sum(len(track.notes) for track in twice.tracks) > sum(len(track.notes) for track in once.tracks)


def test_a_voice_that_a_person_adds_later_is_their_own(technique):
    once = technique.compose(MELODY, seed=2, max_notes_to_remove=0, sampling_iterations=40)
    without_bass = [track for track in once.tracks if track.name != "Bass"]
    own = Track([Note(0, 40, 16, 100)], "Bass", program=33)
    for added in (own, replace(own, is_drum=True)):
        piece = once.with_tracks([*without_bass, added])
        piece = replace(piece, steps=[replace(once.steps[0], parameters={"voice_tracks": {"Alto": "Alto"}})])
        result = technique.compose(piece, seed=3, max_notes_to_remove=0, sampling_iterations=60)
        assert result.tracks[: len(piece.tracks)][-1] == added
        assert "Bass 2" in [track.name for track in result.tracks]


def test_drums_named_as_voices_are_no_choir(technique):
    drums = [Track([Note(0, 36, 1)], name, is_drum=True) for name in ("Alto", "Tenor", "Bass")]
    result = technique.compose(Composition([Track(MELODY.notes, "Lead"), *drums]), seed=2, sampling_iterations=30)
    assert list(result.tracks[1:4]) == drums
    assert all(not track.is_drum for track in result.tracks[4:])


def test_a_choir_keeps_its_voices(technique):
    choir = [
        Track([Note(0, pitch, 8)], name) for name, pitch in [("Soprano", 72), ("Alto", 65), ("Tenor", 57), ("Bass", 45)]
    ]
    result = technique.compose(Composition(choir), seed=2, max_notes_to_remove=0, sampling_iterations=30)
    assert [track.name for track in result.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert sum(len(track.notes) for track in result.tracks) > 10


def test_a_finished_run_stays_finished(bach):
    session = bach.steps(sample_melody("mary_had_a_little_lamb"), seed=3)
    first = list(session)
    assert session.finished
    assert 20 < len(first) < session.iterations
    standing = session.composition()
    assert list(session) == []
    assert session.composition() == standing


def test_a_run_is_an_iterator_that_can_be_left_and_taken_up(technique):
    whole = list(technique.steps(MELODY, seed=3, sampling_iterations=9))
    told = []
    session = technique.steps(MELODY, seed=3, sampling_iterations=9, progress=lambda done, _: told.append(done))
    assert iter(session) is session
    taken = [next(session)]
    for edit in session:
        taken.append(edit)
        if len(taken) == 4:
            break
    assert session.edits == taken
    taken += session
    assert [edit.note for edit in taken] == [edit.note for edit in whole]
    assert told == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    with pytest.raises(StopIteration):
        next(session)


def test_the_composition_tells_how_it_was_made(technique):
    result = technique.compose(MELODY, seed=2, creative_risk=1.5, sampling_iterations=3)
    [step] = result.steps
    assert (step.technique, step.model, step.version, step.seed) == ("ar-cnn", "untrained", "1", 2)
    assert dict(step.parameters) == {
        "max_notes_to_remove": 20.0,
        "max_notes_to_add": 1000,
        "sampling_iterations": 3,
        "creative_risk": 1.5,
        "keep_melody": False,
        "locked": [],
        "choir": False,
        "avoid_parallels": True,
        "voice_tracks": {track.name: track.name for track in result.tracks[1:]},
    }


def test_without_a_seed_one_is_drawn_and_kept(technique):
    seeds = {technique.compose(MELODY, sampling_iterations=1).steps[-1].seed for _ in range(4)}
    assert len(seeds) > 1
    assert None not in seeds


def test_progress_is_told_and_ends_full(technique):
    told = []
    technique.compose(MELODY, seed=1, sampling_iterations=5, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (5, 5)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"creative_risk": 0.4}, "creative_risk lies in 0.5–6; got 0.4"),
        ({"max_notes_to_remove": 101}, "max_notes_to_remove lies in 0–100 %; got 101"),
        ({"sampling_iterations": 501}, "sampling_iterations lies in 0–500"),
        ({"sampling_iterations": 1.5}, "whole number"),
        ({"max_notes_to_add": "many"}, "got 'many'"),
        ({"temperature": 1}, "no parameter 'temperature'; this technique has .*creative_risk"),
        ({"seed": -1}, "A seed is a whole number of 0 or more; got -1"),
        ({"seed": "x"}, "A seed is a whole number of 0 or more; got 'x'"),
        ({"seed": float("inf")}, "A seed is a whole number of 0 or more; got inf"),
        ({"seed": [1]}, r"A seed is a whole number of 0 or more; got \[1\]"),
    ],
)
def test_bad_parameters_are_refused_in_words(technique, parameters, message):
    with pytest.raises(ValueError, match=message):
        technique.compose(MELODY, **parameters)


@pytest.mark.parametrize("name", ["keep_melody", "choir", "avoid_parallels"])
@pytest.mark.parametrize("wrong", ["no", "False", 1, None])
def test_what_is_switched_is_true_or_false(technique, name, wrong):
    with pytest.raises(TypeError, match=f"{name} is True or False, without quotes; got {wrong!r}"):
        technique.compose(MELODY, **{name: wrong})
    assert technique.compose(MELODY, sampling_iterations=0, **{name: np.True_}).steps[-1].parameters[name] is True


def test_silence_and_drums_alone_are_clear_errors(technique):
    with pytest.raises(ValueError, match="There are no notes to start from"):
        technique.compose(Melody())
    with pytest.raises(ValueError, match="only drums"):
        technique.compose(Composition([Track([Note(0, 36, 1)], is_drum=True)]))
    with pytest.raises(TypeError, match="read_midi"):
        technique.compose("song.mid")


def test_notes_outside_the_window_stay_where_they_are(technique):
    result = technique.compose(Melody([Note(0, 10, 4), Note(0, 120, 4)]), seed=0, max_notes_to_remove=0)
    assert {10, 120} <= {note.pitch for note in result.tracks[0].notes}
    assert any(remark.startswith("2 notes lie outside") for remark in result.steps[-1].remarks)


def test_creative_risk_is_the_softmax_temperature(technique):
    """The first edit's probability, against the softmax of the scores by hand."""
    for risk in (0.5, 1.0, 3.0):
        session = technique.steps(MELODY, seed=11, creative_risk=risk, max_notes_to_remove=0)
        session.may_stop = False
        scores = session.edit_log_probabilities(may_remove_input=False)[:-1]
        softmax = np.exp(scores / risk)
        softmax[softmax < 0.05 * softmax.max()] = 0  # nearly impossible edits are not drawn
        softmax /= softmax.sum()
        edit = next(iter(session))
        onset, pitch, duration = session.grid.place(edit.note)
        row = pitch - 32
        fresh = technique.steps(MELODY, seed=11, creative_risk=risk, max_notes_to_remove=0)
        [durations] = fresh.roll.duration_probabilities(np.array([row]), np.array([onset]))
        durations = durations[: fresh.rules.room(fresh.roll, row, onset, 16)]
        cell = softmax[row * session.roll.add.shape[1] + onset]
        expected = cell * durations[duration - 1] / durations.sum()
        assert edit.probability == pytest.approx(expected, rel=1e-5)


def test_windows_cover_everything_and_their_scores_agree_with_a_fresh_look():
    """After many edits in a long piece, the kept scores equal those of a roll drawn anew: nothing is stale."""
    technique = a_technique(4)
    melody = Melody([Note(beat, 55 + beat * 7 % 20, 1) for beat in range(96)])
    session = technique.steps(melody, seed=1, sampling_iterations=30, max_notes_to_remove=50)
    session.may_stop = False
    assert len(session.roll.starts) > 3
    for _ in session:
        pass
    fresh = Roll(session.roll.network, session.grid, session.roll.notes, technique.time_multiple)
    for name in ("roll", "add", "remove", "stop"):
        assert np.allclose(getattr(session.roll, name), getattr(fresh, name), atol=1e-4), name


@pytest.mark.parametrize("steps", [4, 128, 160, 164, 256, 300, 1000])
def test_every_step_lies_well_inside_a_window(steps):
    starts = window_starts(steps)
    if len(starts) == 1:
        assert steps <= WINDOW_STEPS * 1.25
        return
    assert starts[0] == 0
    assert starts[-1] + WINDOW_STEPS == steps
    assert all(0 < later - earlier <= HOP_STEPS for earlier, later in pairwise(starts))


@pytest.mark.parametrize("name", list_sample_melodies())
def test_every_sample_becomes_a_composition_that_still_sounds_like_it(bach, name):
    melody = sample_melody(name)
    result = bach.compose(melody, seed=7)
    kept = notes_of(result) & Counter(melody.notes)
    assert kept.total() >= 0.8 * len(melody)
    assert notes_of(result).total() >= 2 * len(melody)
    assert result.end <= melody.end + 0.25  # nothing goes on after the melody has ended, but for the grid's rounding


def test_forty_bars_in_three_four(bach):
    melody = Melody([Note(beat, 60 + beat * 5 % 12, 1) for beat in range(120)], metre=MetreChange(0, 3, 4))
    result = bach.compose(melody, seed=7, sampling_iterations=20)
    added = [note for track in result.tracks[1:] for note in track.notes]
    assert len(added) > 50
    quarters = {int(note.onset // 30) for note in added}
    assert quarters == {0, 1, 2, 3}  # the whole length was worked on


def test_a_technique_takes_only_its_own_models(technique):
    card = replace(technique.model.card, technique="gan")
    with pytest.raises(ValueError, match="is for the technique 'gan'"):
        ARCNN(Model(card, technique.model.network, technique.encoding))


def test_a_models_name_in_the_place_of_a_model_is_told_what_loads_one():
    with pytest.raises(TypeError, match=r"got .autoregressive_cnn_bach. .*from_pretrained loads one by name"):
        ARCNN("autoregressive_cnn_bach")
