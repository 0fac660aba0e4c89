"""Transformers: what is kept, what limits hold, and how tokens are drawn. Random networks: the laws hold for any."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from deepcomposer_lab.encoding.sheet import sheet_of
from deepcomposer_lab.encoding.tokens import Grammar
from deepcomposer_lab.models.registry import load_model
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange, beats_to_seconds
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody
from deepcomposer_lab.networks.transformer_xl import Context
from deepcomposer_lab.techniques.transformers import Transformers
from deepcomposer_lab.techniques.transformers_sampling import cut, drawn, probabilities
from tests.standin_transformers import untrained_model

ODE = sample_melody("ode_to_joy")


def wild(seed=0):
    """Return a technique whose network says anything at all, and is sure of it."""
    model = untrained_model(seed)
    for weight in model.network.parameters():
        if weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.6)
    return Transformers(model)


WILD = wild()


def a_piece(*tracks, **kept):
    return Composition(tuple(Track(tuple(Note(*note) for note in notes)) for notes in tracks), **kept)


def new_notes(made, piece):
    """Return what was added, checking that the rest is as it was: (Note, track) in order."""
    piece = Composition.from_melody(piece) if isinstance(piece, Melody) else piece
    assert len(made.tracks) == len(piece.tracks)
    added = []
    for index, (after, before) in enumerate(zip(made.tracks, piece.tracks, strict=True)):
        assert (after.name, after.program, after.is_drum) == (before.name, before.program, before.is_drum)
        notes = list(after.notes)
        for note in before.notes:
            notes.remove(note)
        added += [(note, index) for note in notes]
    assert (made.tempos, made.metres, made.pickup, made.title) == (
        piece.tempos,
        piece.metres,
        piece.pickup,
        piece.title,
    )
    return sorted(added)


def seconds(piece, beat):
    return beats_to_seconds(piece.tempos, beat)


def check_limits(made, piece, seam, *, length, rest, longest):
    """Check everything that is promised of time, to a tenth of a millisecond."""
    added = new_notes(made, piece)
    start = seconds(made, seam)
    ends = [start]
    for note, _ in added:
        assert note.onset >= seam - 1e-9
        onset = seconds(made, note.onset)
        assert onset - max(ends) <= rest + 1e-4
        ends.append(seconds(made, note.offset))
        assert ends[-1] - onset <= longest + 1e-4
    assert max(ends) <= start + length + 1e-4
    assert start + length - max(ends) <= rest + 1e-4  # no longer silence at the end either
    return added


@pytest.mark.parametrize("name", list_sample_melodies())
def test_a_sample_goes_on_within_its_limits(name):
    melody = sample_melody(name)
    made = WILD.extend(melody, seed=3, track_extension_duration=6)
    edges = [*made.bars, made.bars[-1] + melody.metre.bar_beats]
    beats = [bar + beat for bar, end in pairwise(edges) for beat in range(math.ceil(end - bar))]
    seam = min(beat for beat in beats if beat >= melody.end - 1e-6)  # beats are counted from the bar line
    check_limits(made, melody, seam, length=6, rest=1, longest=3)


@pytest.mark.parametrize("bpm", [4, 31, 100, 173.5, 1000])
@pytest.mark.parametrize(("rest", "longest"), [(0.5, 0.5), (0.7, 2.9), (5, 8)])
def test_limits_hold_at_any_tempo_and_whatever_the_network_says(bpm, rest, longest):
    for seed in range(3):
        melody = ODE.with_tempo(bpm)
        made = wild(seed).extend(
            melody,
            seed=seed,
            sampling_technique="random",
            creative_risk=2,
            track_extension_duration=8 if bpm > 50 else 30,
            maximum_rest_time=rest,
            maximum_note_length=longest,
        )
        length = 8 if bpm > 50 else 30
        assert check_limits(made, melody, 32, length=length, rest=rest, longest=longest)


def test_limits_are_used_up_where_the_network_wants_more():
    """Longest notes and rests do occur: the limits cut, and do not merely keep away."""
    made = wild(1).extend(ODE, seed=1, sampling_technique="random", creative_risk=2, track_extension_duration=30)
    longest = max(note.duration for note, _ in new_notes(made, ODE)) * 60 / ODE.bpm
    assert 2.7 < longest <= 3


def test_no_extension_gives_the_input_back():
    made = WILD.extend(ODE, seed=1, track_extension_duration=0)
    assert made.tracks == Composition.from_melody(ODE).tracks
    assert list(WILD.steps(ODE, seed=1, track_extension_duration=0)) == []


def test_thirty_seconds_end_to_the_millisecond():
    """Somewhere a note is cut: then it ends exactly there."""
    ends = []
    for seed in range(6):
        made = WILD.extend(ODE, seed=seed, track_extension_duration=30)
        ends.append(made.seconds - seconds(made, 32))
    assert max(ends) == pytest.approx(30, abs=1e-3)
    assert all(29 - 1e-3 <= end <= 30 + 1e-3 for end in ends)  # at most the rest of a second is left silent


def test_the_extension_begins_on_a_beat_after_everything_has_ended():
    piece = a_piece([(0, 60, 1), (1, 62, 1.3)], [(0, 40, 2.6)])  # over at beat 2.6
    made = WILD.extend(piece, seed=4, track_extension_duration=5)
    check_limits(made, piece, 3, length=5, rest=1, longest=3)
    assert any("beat 3" in remark for remark in made.steps[-1].remarks)


def test_a_pickup_and_bars_of_three_eighths_put_the_seam_on_their_own_beats():
    piece = a_piece([(0, 60, 0.5), (0.5, 62, 1.25)], metres=(MetreChange(0, 3, 8),), pickup=0.5)
    made = WILD.extend(piece, seed=4, track_extension_duration=4)  # its bar ends at beat 2, half a beat after one
    check_limits(made, piece, 2, length=4, rest=1, longest=3)


def test_one_note_two_hundred_bars_two_tracks_and_three_four():
    one = Melody((Note(0, 67, 1),))
    check_limits(WILD.extend(one, seed=0, track_extension_duration=5), one, 1, length=5, rest=1, longest=3)
    long = ODE.with_notes(
        [Note(note.onset + 32 * turn, note.pitch, note.duration) for turn in range(25) for note in ODE]
    )
    check_limits(WILD.extend(long, seed=0, track_extension_duration=5), long, 800, length=5, rest=1, longest=3)
    two = a_piece([(0, 72, 4)], [(0, 48, 2), (2, 50, 2)])
    added = check_limits(WILD.extend(two, seed=0, track_extension_duration=30), two, 4, length=30, rest=1, longest=3)
    assert {track for _, track in added} == {0, 1}
    three = ODE.__class__(ODE.notes[:9], metre="3/4")
    made = WILD.extend(three, seed=0, track_extension_duration=9)
    check_limits(made, three, 9, length=9, rest=1, longest=3)
    sheet, _ = sheet_of(made)
    assert {tuple(bar[1:]) for bar in sheet.bars.tolist()} == {(3, 4)}


def test_who_does_not_play_and_drums_stay_silent():
    tracks = (
        Track((Note(0, 36, 1),), "Drums", is_drum=True),
        Track((), "Tacet"),
        Track((Note(0, 60, 4, 33),), "Tune", 73),
    )
    piece = Composition(tracks)
    made = WILD.extend(piece, seed=2, track_extension_duration=20)
    added = new_notes(made, piece)
    assert {track for _, track in added} == {2}
    assert {note.velocity for note, _ in added} == {33}
    assert any("drums" in remark for remark in made.steps[-1].remarks)


def test_seventeen_tracks_are_more_than_it_hears():
    piece = a_piece(*([(0, 40 + index, 4)] for index in range(17)))
    made = WILD.extend(piece, seed=2, track_extension_duration=10)
    assert {track for _, track in new_notes(made, piece)} <= set(range(16))
    assert any("first 16 of 17" in remark for remark in made.steps[-1].remarks)


def test_a_bar_that_has_no_token_is_said():
    piece = a_piece([(0, 60, 1), (3, 62, 1)], metres=(MetreChange(0, 17, 64),))
    made = WILD.extend(piece, seed=2, track_extension_duration=10)
    assert any("4/4" in remark for remark in made.steps[-1].remarks)
    new_notes(made, piece)


def test_the_last_tempo_carries_on():
    piece = a_piece([(0, 60, 4), (4, 64, 4)], tempos=(TempoChange(0, 100), TempoChange(4, 50)))
    made = WILD.extend(piece, seed=2, track_extension_duration=10)
    check_limits(made, piece, 8, length=10, rest=1, longest=3)


@pytest.mark.parametrize(
    ("music", "said"),
    [
        (Melody(), "no notes"),
        (Composition((Track((Note(0, 36, 1),), is_drum=True),)), "drums alone"),
    ],
)
def test_there_has_to_be_something_to_extend(music, said):
    with pytest.raises(ValueError, match=said):
        WILD.extend(music)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"sampling_technique": "best"}, "one of top_k, nucleus, random; got 'best'"),
        ({"sampling_threshold": 0}, r"0.001–1; got 0"),
        ({"creative_risk": 3}, r"0.5–2; got 3"),
        ({"track_extension_duration": 31}, "0–30 seconds; got 31"),
        ({"maximum_rest_time": "long"}, "0.5–5 seconds; got 'long'"),
        ({"temperature": 1}, "no parameter 'temperature'"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_parameters_are_named(parameters, said):
    with pytest.raises(ValueError, match=said):
        WILD.extend(ODE, **parameters)
    with pytest.raises(ValueError, match=said):
        WILD.steps(ODE, **parameters)  # at once, not at the first note


def test_what_is_no_music_is_refused():
    with pytest.raises(TypeError, match="read_midi"):
        WILD.extend("tune.mid")


def test_the_same_seed_gives_the_same_notes_and_again_repeats_them():
    one, two = (WILD.extend(ODE, seed=5, creative_risk=1.5, track_extension_duration=5) for _ in range(2))
    assert one == two
    assert WILD.again(one, ODE) == one
    assert WILD.again(one, ODE, seed=6).tracks != one.tracks
    assert one.steps[-1].parameters["creative_risk"] == 1.5
    fresh = WILD.extend(ODE, track_extension_duration=5)
    assert WILD.again(fresh, ODE) == fresh


def test_notes_stream_in_time_and_are_those_of_extend():
    heard = list(WILD.steps(ODE, seed=8, track_extension_duration=10))
    assert [note.onset for note, _ in heard] == sorted(note.onset for note, _ in heard)
    made = WILD.extend(ODE, seed=8, track_extension_duration=10)
    assert sorted(heard) == new_notes(made, ODE)


def test_progress_runs_to_its_end():
    calls = []
    WILD.extend(ODE, seed=8, track_extension_duration=7.5, progress=lambda *call: calls.append(call))
    assert calls[-1] == (8, 8)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_cached_sampling_is_that_of_a_network_asked_anew_each_time():
    """The same draws, with the logits of one pass over everything said so far."""
    technique = WILD
    encoding, network = technique.encoding, technique.network

    class Anew:
        def __init__(self, *_):
            self.grammar, self.tokens = Grammar(encoding), []

        def read(self, tokens):
            for token in tokens:
                self.grammar.said(token)
            self.tokens += tokens
            ids = np.array(self.tokens)
            context = Context(*(torch.from_numpy(np.array(column))[None] for column in encoding.context(ids)))
            with torch.no_grad():
                return network(tokens=torch.from_numpy(ids)[None], context=context)[0][0, -1].numpy()

    expected = WILD.extend(ODE, seed=11, track_extension_duration=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepcomposer_lab.techniques.transformers.Reader", Anew)
        assert WILD.extend(ODE, seed=11, track_extension_duration=6) == expected


def test_how_much_it_hears_makes_a_difference_and_only_that():
    """What lies before the last seconds could be anything."""
    tune = ODE.with_notes(ODE.notes[:8])
    changed = tune.with_notes([Note(0, 40, 1), *tune.notes[1:]])
    heard = {"seed": 3, "track_extension_duration": 4, "input_duration": 2}
    late = [note for note in WILD.extend(tune, **heard).notes if note.onset >= 8]
    assert late == [note for note in WILD.extend(changed, **heard).notes if note.onset >= 8]
    heard["input_duration"] = 60
    late = [note for note in WILD.extend(tune, **heard).notes if note.onset >= 8]
    assert late != [note for note in WILD.extend(changed, **heard).notes if note.onset >= 8]


# --- Drawing a token ------------------------------------------------------------------------------------------


def test_temperature_is_a_division_before_the_softmax():
    logits, mask = np.array([2.0, 0.0, 1.0, 9.0], dtype=np.float32), np.array([True, True, True, False])
    for risk in (0.5, 1.0, 2.0):
        weights = [math.exp(2 / risk), 1.0, math.exp(1 / risk), 0.0]
        assert probabilities(logits, mask, risk) == pytest.approx([weight / sum(weights) for weight in weights])


def test_top_k_nucleus_and_random():
    likely = np.array([0.05, 0.5, 0.0, 0.3, 0.15])
    assert cut(likely, "random", 0.01) == pytest.approx(likely)
    assert cut(likely, "top_k", 0.4) == pytest.approx([0, 0.625, 0, 0.375, 0])  # two of five
    assert cut(likely, "top_k", 0.001) == pytest.approx([0, 1, 0, 0, 0])
    assert cut(likely, "nucleus", 0.5) == pytest.approx([0, 1, 0, 0, 0])
    assert cut(likely, "nucleus", 0.51) == pytest.approx([0, 0.625, 0, 0.375, 0])
    assert cut(likely, "nucleus", 0.95) == pytest.approx([0, 0.5 / 0.95, 0, 0.3 / 0.95, 0.15 / 0.95])
    assert cut(likely, "nucleus", 1) == pytest.approx(likely)


def test_tokens_are_drawn_as_often_as_they_are_likely():
    likely, random = np.array([0.0, 0.7, 0.0, 0.3, 0.0]), np.random.default_rng(0)
    counts = np.bincount([drawn(likely, random) for _ in range(4000)], minlength=5) / 4000
    assert counts == pytest.approx(likely, abs=0.03)
    assert counts[[0, 2, 4]].sum() == 0


# --- Looking inside -------------------------------------------------------------------------------------------


def test_next_tokens_before_and_after():
    found = WILD.next_tokens(ODE, kind="Pitch", most=500, creative_risk=2, sampling_threshold=0.6)
    assert all(word.startswith("Pitch") for word in found.words)
    for column in (found.model, found.tempered, found.kept):
        assert sum(column) == pytest.approx(1)
    assert list(found.model) == sorted(found.model, reverse=True)
    raised = [value**0.5 for value in found.model]  # temperature 2 is a square root
    assert found.tempered == pytest.approx([value / sum(raised) for value in raised])
    kept = [index for index, value in enumerate(found.kept) if value]
    assert sum(found.tempered[index] for index in kept) >= 0.6
    assert sum(found.tempered[index] for index in kept[:-1]) < 0.6
    with pytest.raises(ValueError, match="Bar, Position, Part, Pitch, Duration"):
        WILD.next_tokens(ODE, kind="Note")


def test_attention_adds_up_and_sees_no_further_than_memory():
    piece = Composition.from_melody(sample_melody("minuet_in_g"))
    count = len(piece.notes)
    for note in (0, 7, -1):
        found = WILD.attention(piece, note=note)
        assert found.note.pitch == piece.notes[note].pitch
        assert found.weights.sum(axis=2) + found.other == pytest.approx(np.ones((2, 2)))
        assert [heard.onset for heard, _ in found.notes] == [
            other.onset for other in piece.notes[: note % count][-len(found.notes) or count :]
        ]
    assert 0 < len(found.notes) < count - 1  # 64 tokens do not reach the beginning
    assert found.reach <= found.notes[0][0].onset
    with pytest.raises(ValueError, match=f"0 to {count - 1}; got note {count}"):
        WILD.attention(piece, note=count)


# --- The model that comes with the package --------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    return Transformers.from_pretrained()


def test_the_trained_model_goes_on_in_the_tunes_own_manner(trained):
    """In its key and metre, without repeating one note, and not the same for every seed."""
    melody = sample_melody("minuet_in_g")
    heard = set()
    for seed in range(4):
        made = trained.extend(melody, seed=seed)
        added = check_limits(made, melody, 48, length=15, rest=1, longest=3)
        classes = [note.pitch % 12 for note, _ in added]
        assert len(set(classes)) >= 4
        assert np.mean([pitch in (7, 9, 11, 0, 2, 4, 6) for pitch in classes]) > 0.8  # G major
        heard.add(tuple(note.pitch for note, _ in added))
    assert len(heard) == 4


def test_the_trained_model_is_small_and_of_this_technique(trained):
    card = load_model("transformer_xl_classical").card
    assert card.weights_bytes < 10_000_000
    assert card.technique == trained.name
    with pytest.raises(ValueError, match="for the technique 'ar-cnn'"):
        Transformers(load_model("autoregressive_cnn_bach"))
