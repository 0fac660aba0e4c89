"""What AR-CNN sees and thinks: drawing several edits from one look, the probability maps, opinions, feature maps."""

from collections import Counter
from dataclasses import replace
from itertools import combinations, groupby

import numpy as np
import pytest
import torch
from untrained import untrained_technique

from deepcomposer_lab.encoding.image import Grid
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.techniques.ar_cnn import ARCNN, LEAST_SHARE, _Look
from deepcomposer_lab.techniques.ar_cnn_roll import Placed

TECHNIQUE = untrained_technique(3)
MELODY = Melody([Note(beat, 60 + beat * 5 % 12, 1, 90) for beat in range(32)], title="Up and down")


@pytest.fixture(scope="module")
def bach():
    return ARCNN.from_pretrained("autoregressive_cnn_bach")


def a_run(music=MELODY, seed=1, at_once=3, apart=8, alone_at_first=0, **settings):
    session = TECHNIQUE.steps(music, seed=seed, **{"max_notes_to_remove": 100, "creative_risk": 4} | settings)
    session.at_once, session.apart, session.alone_at_first = at_once, apart, alone_at_first
    session.may_stop = False
    return session


def by_look(session):
    return [list(edits) for _, edits in groupby(session.edits, key=lambda edit: id(edit.map))]


# --- drawing ------------------------------------------------------------------------------------------------


class Ruler:
    """Stands in for random numbers: gives evenly spaced ones, so that counts come out as exact shares."""

    def __init__(self, count):
        self.values = iter((np.arange(count) + 0.5) / count)

    def random(self):
        return next(self.values)


class Forced:
    """Stands in for random numbers: always the same one, and always the shortest duration."""

    def __init__(self, value):
        self.value = value

    def random(self):
        return self.value

    def choice(self, count, p):
        return 0


STEPS = 64
SCORES = np.log(
    np.r_[np.linspace(0.01, 0.9, STEPS), np.linspace(0.9, 0.02, STEPS), 0.3]
)  # one pitch: add, remove, stop


@pytest.mark.parametrize("risk", [0.5, 1.0, 3.0])
def test_the_first_edit_of_a_look_follows_the_softmax(risk):
    softmax = np.exp(SCORES / risk)
    softmax[softmax < LEAST_SHARE * softmax.max()] = 0
    softmax /= softmax.sum()
    ruler, counts = Ruler(4000), np.zeros(len(SCORES))
    for _ in range(4000):
        look = _Look(SCORES, STEPS, risk)
        place = look.draw(ruler)
        counts[look.edits[place]] += 1
        assert look.share(place) == pytest.approx(softmax[look.edits[place]])
    assert np.abs(counts / 4000 - softmax).max() <= 1 / 4000


def test_the_next_edit_follows_the_same_softmax_away_from_the_first():
    made = Placed(24, 0, 4, Note(6, 60, 1))
    far = np.r_[np.tile((np.arange(STEPS) <= 16) | (np.arange(STEPS) >= 36), 2), True]
    softmax = np.where(far & (np.exp(SCORES - SCORES.max()) >= LEAST_SHARE), np.exp(SCORES), 0)
    first = STEPS + 24
    softmax[first] = 0
    ruler, counts = Ruler(4000), np.zeros(len(SCORES))
    for _ in range(4000):
        look = _Look(SCORES, STEPS, 1.0)
        place = int(np.flatnonzero(look.edits == first)[0])
        look.open[place] = False
        look.close_around(place, made, apart=8, at_once=2)
        counts[look.edits[look.draw(ruler)]] += 1
    assert np.abs(counts / 4000 - softmax / softmax.sum()).max() <= 1 / 4000


def test_a_note_that_comes_back_whole_needs_all_its_length_as_the_look_found_it():
    """Two cells forced: a note of eight beats returns at beat 0, another of its pitch is added at beat 6."""
    notes = [Note(0, 60, 8), Note(0, 84, 12), Note(12, 84, 20)]
    for first in (0, 1):  # whichever is drawn before the other
        session = a_run(Melody(notes), apart=16, sampling_iterations=2)
        long = session.roll.at(28, 0)[0]
        session.roll.take(long)
        session.removed[long.source] = long
        columns = session.roll.roll.shape[2]
        cells = [28 * columns, 28 * columns + 24]
        scores = np.full(2 * session.roll.starting.size + 1, -np.inf)
        scores[cells] = [0, 0]
        session.edit_log_probabilities = lambda scores=scores, **_: scores
        session.random = Forced(0.1 if first == 0 else 0.9)
        look = session._looked()
        session._look = look
        edit = session._next()
        assert edit.note == long.note if first == 0 else edit.note.onset == 6
        assert not look.open.any()


def test_one_at_once_looks_before_every_edit():
    session = a_run(at_once=1, sampling_iterations=30)
    assert len(list(session)) == 30
    assert [len(edits) for edits in by_look(session)] == [1] * 30


@pytest.mark.parametrize(("at_once", "apart"), [(2, 4), (3, 8), (6, 16)])
def test_edits_of_one_look_lie_well_apart_and_are_counted(at_once, apart):
    melody = Melody([Note(beat, 60 + beat * 5 % 12, 1) for beat in range(128)])
    session = a_run(melody, at_once=at_once, apart=apart, sampling_iterations=40)
    list(session)
    assert len(session.edits) == 160
    looks = by_look(session)
    assert max(map(len, looks)) > at_once  # 32 bars: each eight have their share
    for edits in looks:
        assert max(Counter(int(edit.note.onset // 32) for edit in edits).values()) <= at_once
        for one, later in combinations(edits, 2):
            assert abs(one.note.onset - later.note.onset) * 4 >= apart
            assert later.note.onset * 4 >= one.note.offset * 4 + apart or later.note.onset < one.note.onset


def test_the_first_edits_are_drawn_one_a_look():
    session = a_run(at_once=4, alone_at_first=5, sampling_iterations=30)
    list(session)
    sizes = [len(edits) for edits in by_look(session)]
    assert sizes[:5] == [1] * 5
    assert max(sizes) > 1


def test_where_stopping_is_likely_there_is_one_edit_a_look():
    """So the model is asked whether to stop as often as if it looked before every edit."""
    technique = untrained_technique(3)
    technique.network.stop_head.bias.data += 30
    sizes = []
    for seed in range(6):
        session = technique.steps(MELODY, seed=seed, creative_risk=4, sampling_iterations=30)
        session.alone_at_first = 0
        list(session)
        assert session.finished or len(session.edits) == 30
        sizes += [len(edits) for edits in by_look(session)]
    assert len(sizes) > 20
    assert set(sizes) == {1}


def test_the_same_seed_gives_the_same_edits_however_they_are_taken():
    whole, stepped = a_run(sampling_iterations=40), a_run(sampling_iterations=40)
    taken = []
    for edit in stepped:
        taken.append(edit.note)
        stepped.composition()
        stepped.edit_log_probabilities()  # asking in the middle of a look changes nothing
    assert [edit.note for edit in whole] == taken


def test_what_stands_in_the_middle_of_a_look_is_exact():
    session = a_run(max_notes_to_add=20, max_notes_to_remove=50, sampling_iterations=60)
    roll, snapshots = Counter(MELODY.notes), [Composition.from_melody(MELODY).notes]
    for edit in session:
        roll[edit.note] += 1 if edit.kind == "add" else -1
        standing = Counter(session.composition().notes)
        assert standing == +roll
        assert len(session.added) <= 20
        assert len(session.removed) <= 16
        image = session.technique.encoding.draw(
            np.array([session.grid.place(note) for note in session.composition().notes]), session.roll.roll.shape[2]
        )
        assert np.array_equal(image, session.roll.roll)
        snapshots.append(session.composition().notes)
    assert max(map(len, by_look(session))) > 1
    for edits in (0, 1, 17, 60):
        assert session.composition_at(edits).notes == snapshots[edits]
    assert session.composition_at(0) == session.input
    assert session.composition_at(60) == session.composition()
    for wrong in (-1, 61):
        with pytest.raises(ValueError, match=f"There were 60 edits so far; got {wrong}"):
            session.composition_at(wrong)


def test_the_work_grows_as_the_piece():
    """Windows the network looks at, an edit: about as many for 64 bars as for 32."""
    seen = []
    hook = TECHNIQUE.network.register_forward_pre_hook(
        lambda network, arguments, named: seen.append(len(named["roll"])), with_kwargs=True
    )
    costs = []
    for bars in (32, 64):
        seen.clear()
        melody = Melody([Note(beat, 60 + beat * 5 % 12, 1) for beat in range(4 * bars)])
        session = a_run(melody, sampling_iterations=20)
        edits = len(list(session))
        costs.append(sum(seen) / edits)
    hook.remove()
    assert costs[1] < 1.2 * costs[0]
    assert costs[0] < 2


# --- what it thought ----------------------------------------------------------------------------------------


def fresh_scores(notes, grid, technique):
    """The network's scores of notes drawn anew, (pitches, steps) each."""
    width = -(-grid.steps // technique.time_multiple) * technique.time_multiple
    placed = np.array([grid.place(note) for note in notes])
    time = np.pad(grid.time_channels(), ((0, 0), (0, width - grid.steps)))
    with torch.inference_mode():
        scores = technique.network(
            roll=torch.from_numpy(technique.encoding.draw(placed, width))[None], time=torch.from_numpy(time)[None]
        )
    return [scores.add[0].exp().numpy()[:, : grid.steps], scores.remove[0].exp().numpy()[:, : grid.steps]]


def test_the_map_is_what_the_network_thought_when_the_edit_was_drawn():
    melody = replace(MELODY, pickup=0.5).trim(0, 13)
    session = a_run(melody, at_once=1, sampling_iterations=6, max_notes_to_add=1000)
    standing = Counter(melody.notes)
    for edit in session:
        add, remove = fresh_scores(standing.elements(), session.grid, TECHNIQUE)
        starts = session.technique.encoding.draw(
            np.array([session.grid.place(note) for note in standing.elements()]), session.grid.steps
        )[0].astype(bool)
        expected = np.where(starts, remove, add)
        assert np.array_equal(edit.map.starts, starts)
        dense = edit.map.dense()
        assert dense.dtype == np.float32
        assert dense.shape == (64, session.grid.steps)
        assert np.allclose(dense, np.where(expected >= 0.002, expected, 0), atol=3e-4)
        assert (edit.map.lowest_pitch, edit.map.lead, edit.map.steps_per_beat) == (32, 2, 4)
        row, onset = edit.note.pitch - 32, session.grid.step_of(edit.note.onset)
        assert starts[row, onset] == (edit.kind == "remove")
        standing[edit.note] += 1 if edit.kind == "add" else -1


def test_the_runner_up_is_the_likeliest_that_was_not_taken():
    session = a_run(creative_risk=1.0, sampling_iterations=1)
    scores = session.edit_log_probabilities()[:-1]
    weights = np.exp(scores - scores.max())
    weights[weights < LEAST_SHARE] = 0
    [edit] = session
    cells = len(scores) // 2
    row, onset = edit.note.pitch - 32, session.grid.step_of(edit.note.onset)
    taken = row * session.roll.roll.shape[2] + onset + (cells if edit.kind == "remove" else 0)
    others = np.where(np.arange(len(scores)) == taken, 0, weights)
    best = int(others.argmax())
    row, onset = divmod(best % cells, session.roll.roll.shape[2])
    assert edit.runner_up.kind == ("remove" if best >= cells else "add")
    assert (edit.runner_up.note.pitch, edit.runner_up.note.onset) == (row + 32, onset / 4)
    assert edit.runner_up.probability == pytest.approx(others.max() / weights.sum())
    assert str(edit.runner_up).startswith(f"{edit.runner_up.kind} {edit.runner_up.note.name} at beat {onset / 4:g} (")


def test_stop_can_be_the_runner_up(bach):
    runners = [edit.runner_up for edit in bach.steps(sample_melody("ode_to_joy"), seed=1, sampling_iterations=500)]
    stops = [runner for runner in runners if runner is not None and runner.kind == "stop"]
    assert stops
    assert stops[0].note is None
    assert str(stops[0]).startswith("stop (")


# --- opinions -----------------------------------------------------------------------------------------------

WRONG = Note(9, 73, 1, 90)  # C sharp in the middle of C major


@pytest.fixture(scope="module")
def spoilt():
    melody = sample_melody("ode_to_joy")
    notes = [WRONG if note.onset == 9 else note for note in melody.notes]
    bass = Track([Note(beat, 36 + 12 * (beat % 8 < 4) + 7 * (beat % 4 > 1), 2) for beat in range(0, 32, 2)], "Bass")
    drums = Track([Note(0, 36, 1)], "Drums", is_drum=True)
    return Composition([drums, Track(notes, "Melody"), bass], title="Spoilt")


def test_every_note_has_its_doubt(bach, spoilt):
    opinions = bach.opinions(spoilt, most=3)
    notes = [(index, note) for index in (1, 2) for note in spoilt.tracks[index].notes]
    assert [(opinion.track, opinion.note) for opinion in opinions] == notes
    grid = Grid.of(spoilt, bach.encoding)
    _, remove = fresh_scores([note for _, note in notes], grid, bach)
    for opinion in opinions:
        onset, pitch, _ = grid.place(opinion.note)
        assert opinion.doubt == pytest.approx(remove[pitch - 32, onset], abs=1e-4)
    ranked = sorted(opinions, key=lambda opinion: -opinion.doubt)
    assert ranked[0].note == WRONG
    assert all(opinion.rather is None for opinion in ranked[3:])
    assert all(opinion.doubt > 0.2 for opinion in opinions if opinion.rather is not None)
    assert all(opinion.rather is None for opinion in bach.opinions(spoilt, most=0))


def test_what_it_would_rather_hear_is_what_it_would_add_without_the_note(bach, spoilt):
    [opinion] = [opinion for opinion in bach.opinions(spoilt) if opinion.note == WRONG]
    grid = Grid.of(spoilt, bach.encoding)
    rest = [note for index in (1, 2) for note in spoilt.tracks[index].notes if note != WRONG]
    add, _ = fresh_scores(rest, grid, bach)
    column = add[:, grid.step_of(9)].copy()
    column[[note.pitch - 32 for note in rest if note.onset == 9]] = 0
    assert opinion.rather is not None
    assert opinion.rather.pitch == 32 + column.argmax() != WRONG.pitch
    assert opinion.rather.onset == 9
    assert opinion.rather_probability == pytest.approx(column.max(), abs=1e-3)


def test_opinions_need_notes():
    with pytest.raises(ValueError, match="only drums"):
        TECHNIQUE.opinions(Composition([Track([Note(0, 36, 1)], is_drum=True)]))


# --- feature maps -------------------------------------------------------------------------------------------


def test_feature_maps_are_the_networks_levels_cropped_to_the_bar():
    grid = Grid.of(Composition.from_melody(MELODY), TECHNIQUE.encoding)
    image = TECHNIQUE.encoding.draw(np.array([grid.place(note) for note in MELODY.notes]), 128)
    levels = {}
    for skips in (True, False):
        with torch.inference_mode():
            levels[skips] = TECHNIQUE.network.levels(
                roll=torch.from_numpy(image)[None], time=torch.from_numpy(grid.time_channels())[None], skips=skips
            )
    for bar, skips in [(0, True), (3, True), (3, False), (7, True)]:
        maps = TECHNIQUE.feature_maps(MELODY, bar=bar, skips=skips)
        assert [stage.name for stage in maps] == list(levels[skips])
        for stage in maps:
            whole = levels[skips][stage.name][0].numpy()
            columns = whole.shape[-1] // 8
            assert stage.values.dtype == np.float32
            assert np.allclose(stage.values, whole[..., bar * columns : (bar + 1) * columns], atol=1e-4)
            assert stage.beats == (4 * bar, 4 * bar + 4)
    cut, whole = (TECHNIQUE.feature_maps(MELODY, bar=3, skips=skips)[-1].values for skips in (False, True))
    assert not np.allclose(cut, whole)


def test_a_bar_of_a_long_piece_after_a_pickup_is_well_inside_its_window():
    melody = Melody([Note(beat, 60 + beat * 5 % 12, 1) for beat in range(200)], pickup=1.0, metre="3/4")
    starts = Composition.from_melody(melody).bars
    for bar in (0, 1, 40, len(starts) - 1):
        for stage in TECHNIQUE.feature_maps(melody, bar=bar):
            assert stage.beats[0] <= starts[bar] < stage.beats[1]
            assert starts[bar] - stage.beats[0] <= 1
            assert stage.values.shape[-1] > 0


@pytest.mark.parametrize("bar", [-1, 8, 1.5, "3", True])
def test_bars_are_counted_from_zero(bar):
    with pytest.raises(ValueError, match="counted from 0 to 7; got"):
        TECHNIQUE.feature_maps(MELODY, bar=bar)
