"""The GAN composing: what was there stays, what is added comes from seeds, part by part.

A small random generator stands in: the laws hold whatever it plays.
"""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from untrained_gan import untrained_model, untrained_unet

from deepcomposer_lab.encoding.bars import BarGrid
from deepcomposer_lab.library import open_composition, save_composition
from deepcomposer_lab.models.registry import ModelError, save_model
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.midi import read_midi, write_midi
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody
from deepcomposer_lab.techniques.gan import GAN
from deepcomposer_lab.techniques.gan_noise import between, drawn_noise


@pytest.fixture(scope="module")
def band():
    return GAN(untrained_model())


@pytest.fixture(scope="module")
def quartet():
    return GAN(untrained_model("symphony"))


SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
MELODY = Melody(
    [Note(beat, SCALE[beat * 3 % 8], 1, 100) for beat in range(32)], bpm=88, program=73, title="Up and down"
)
OFF_GRID = Melody([Note(beat + 0.07 * (beat % 3), SCALE[beat % 8], 0.83, 90 - beat) for beat in range(15)])


def by_name(composition):
    return {track.name: track for track in composition.tracks}


def remarks(composition):
    return " ".join(composition.steps[-1].remarks)


# --- what stays and what comes ------------------------------------------------------------------------------------


def test_the_melody_stays_and_every_role_comes(band):
    for melody in (MELODY, OFF_GRID):
        made = band.compose(melody, seed=3)
        assert made.tracks[0] == Track(melody.notes, "Melody", melody.program)
        assert [track.name for track in made.tracks[1:]] == ["Drums", "Bass", "Keys", "Strings"]
        assert [track.program for track in made.tracks[2:]] == [33, 0, 48]
        assert [track.is_drum for track in made.tracks[1:]] == [True, False, False, False]
        assert (made.title, made.tempos[0].bpm) == (melody.title, melody.bpm)


def test_what_is_added_lies_in_the_piece_and_in_its_windows_and_is_softer(band):
    made = band.compose(MELODY, seed=3, key="C major")
    for track, window in zip(made.tracks[1:], band.encoding.tracks, strict=True):
        assert {note.velocity for note in track.notes} == {85}
        assert max(note.offset for note in track.notes) <= 32
        assert all((4 * note.onset).is_integer() and (4 * note.duration).is_integer() for note in track.notes)
        if not window.is_drum:
            assert all(0 <= note.pitch - window.lowest_pitch < window.rows for note in track.notes)
    bass = by_name(made)["Bass"].notes
    assert all(one.offset <= other.onset for one, other in pairwise(bass))
    keys = by_name(made)["Keys"].notes
    for note in keys:
        assert not any(other.pitch == note.pitch and note.onset < other.onset < note.offset for other in keys)


@pytest.mark.parametrize("bars", [1, 8, 40])
def test_any_number_of_bars(band, bars):
    melody = MELODY.with_notes(Note(beat, SCALE[beat % 8], 1) for beat in range(4 * bars))
    made = band.compose(melody, seed=1)
    filled = {int(note.onset // 4) for track in made.tracks[1:] for note in track.notes}
    assert filled == set(range(bars))


@pytest.mark.parametrize("metre", [(3, 4), (6, 8), (5, 4), (7, 8), (2, 4)])
def test_other_metres_keep_their_bar_lines(band, metre):
    change = MetreChange(0, *metre)
    melody = Melody([Note(beat / 2, SCALE[beat % 8], 0.5) for beat in range(40)], metre=change)
    made = band.compose(melody, seed=2)
    assert made.metres == (change,)
    assert f"{metre[0]}/{metre[1]}" in remarks(made)
    bars = BarGrid.of(made, band.encoding)
    added = [note for track in made.tracks[1:] for note in track.notes]
    assert max(note.offset for note in added) <= bars.starts[-1] + change.bar_beats + 1e-9
    onsets = {round(note.onset, 6) for note in added}
    assert len(onsets) > 20  # every part of the bar is served, and no beat of it lies in the padding
    assert all((4 * onset).is_integer() for onset in onsets)


def test_what_is_held_through_the_padding_is_one_note(band):
    change = MetreChange(0, 3, 4)
    melody = Melody([Note(beat, SCALE[beat % 8], 1) for beat in range(60)], metre=change)
    held = [
        note
        for seed in range(4)
        for track in band.compose(melody, seed=seed).tracks[2:]
        for note in track.notes
        if note.onset // 3 != (note.offset - 0.01) // 3
    ]
    assert held


def test_a_pickup_is_served(band):
    melody = Melody([Note(0, 67, 1), *(Note(1 + beat, SCALE[beat % 8], 1) for beat in range(16))], pickup=1.0)
    made = band.compose(melody, seed=2)
    assert made.pickup == 1.0
    assert made.tracks[0].notes == melody.notes
    assert "silence" not in remarks(made)
    assert max(note.offset for track in made.tracks for note in track.notes) <= 17


def test_changes_of_tempo_and_metre_carry_on(band):
    piece = Composition(
        [Track(MELODY.notes, "Lead")],
        tempos=[TempoChange(0, 90), TempoChange(8, 120)],
        metres=[MetreChange(0, 4, 4), MetreChange(16, 3, 4)],
        title="Changing",
    )
    made = band.compose(piece, seed=0)
    assert (made.tempos, made.metres, made.title) == (piece.tempos, piece.metres, piece.title)
    assert "those of 3/4 as such" in remarks(made)


def test_of_several_notes_at_once_the_top_line_is_heard_and_all_stay(band):
    chords = [Note(beat, pitch, 1) for beat in range(16) for pitch in (SCALE[beat % 8], SCALE[beat % 8] - 12)]
    made = band.compose(Melody(chords), seed=4, key="C major")
    assert made.tracks[0].notes == tuple(sorted(chords))
    assert "top line, 16 of 32 notes" in remarks(made)
    line = Melody([note for note in chords if note.pitch >= 60])
    assert band.compose(line, seed=4, key="C major").tracks[1:] == made.tracks[1:]


def test_pitches_outside_the_window_are_folded_for_the_network_alone(band):
    low = MELODY.with_notes(note.transpose(-36) for note in MELODY.notes)
    made = band.compose(low, seed=4, key="C major")
    assert made.tracks[0].notes == low.notes
    assert "32 notes lie outside" in remarks(made)
    assert "outside" not in remarks(band.compose(MELODY, seed=4))


def test_every_sample_melody_is_accompanied(band, quartet):
    for name in list_sample_melodies():
        for technique in (band, quartet):
            melody = sample_melody(name)
            made = technique.compose(melody, seed=1)
            assert made.tracks[0].notes == melody.notes
            assert len(made.tracks) > 1


# --- tracks that are there already --------------------------------------------------------------------------------

LEAD = Track(MELODY.notes, "Lead", 73)
DRUMS = Track([Note(beat, 36, 0.25) for beat in range(32)], "Beat", is_drum=True)
FRETLESS = Track([Note(beat, 43, 1) for beat in range(32)], "Low end", 35)


def test_drums_of_the_input_stay_and_no_others_come(band):
    made = band.compose(Composition([LEAD, DRUMS]), seed=3)
    assert made.tracks[:2] == (LEAD, DRUMS)
    assert [track.name for track in made.tracks[2:]] == ["Bass", "Keys", "Strings"]
    assert "its own drums, “Beat”" in remarks(made)


@pytest.mark.parametrize(
    ("track", "role"),
    [
        (FRETLESS, "Bass"),
        (replace(FRETLESS, program=0), "Bass"),
        (replace(FRETLESS, program=0, name="Bass guitar", notes=[Note(0, 60, 1)]), "Bass"),
        (Track([Note(0, 60, 4)], "Tune 2", 4), "Keys"),
        (Track([Note(0, 60, 4)], "Piano", 0), "Keys"),
        (Track([Note(0, 60, 4)], "Pad", 49), "Strings"),
        (Track([Note(0, 64, 4)], "Fiddle", 40), "Strings"),
    ],
)
def test_what_the_input_plays_already_is_not_added(band, track, role):
    made = band.compose(Composition([LEAD, track]), seed=3)
    assert made.tracks[:2] == (LEAD, track)
    assert role not in {other.name for other in made.tracks[2:]}
    assert len(made.tracks) == 5
    assert f"its own {role.lower()}, “{track.name}”" in remarks(made)


def test_what_plays_a_role_hangs_on_no_choice_of_tracks(band):
    piano = replace(FRETLESS, program=0)  # so low that it is the bass
    made = band.compose(Composition([LEAD, piano]), seed=3, tracks=["keys"])
    assert [track.name for track in made.tracks[2:]] == ["Keys"]
    assert "its own" not in remarks(made)


def test_other_tracks_stay_and_hinder_nothing(band):
    horn = Track([Note(0, 60, 4)], "Horn", 60)
    made = band.compose(Composition([LEAD, horn, Track((), "Bass", 33)]), seed=3)
    assert made.tracks[1] == horn
    assert [track.name for track in made.tracks[3:]] == ["Drums", "Bass 2", "Keys", "Strings"]
    assert "The melody is track 1, “Lead”." in remarks(made)


def test_only_the_melody_is_kept_when_asked(band):
    made = band.compose(Composition([FRETLESS, DRUMS, LEAD]), seed=3, keep_tracks=False)
    assert [track.name for track in made.tracks] == ["Lead", "Drums", "Bass", "Keys", "Strings"]
    assert made.tracks[0] == LEAD
    assert "its own" not in remarks(made)


def test_fed_back_in_nothing_is_left_to_add_but_from_the_melody_alone(band):
    once = band.compose(MELODY, seed=3)
    with pytest.raises(
        ValueError, match=r"already has drums, bass, keys and strings .*keep_tracks=False .--only-melody"
    ):
        band.compose(once, seed=4)
    twice = band.compose(once, seed=3, keep_tracks=False)
    assert twice.tracks == once.tracks
    assert [step.technique for step in twice.steps] == ["gan", "gan"]


def test_another_genre_goes_on_where_one_ended(band, quartet):
    made = quartet.compose(band.compose(MELODY, seed=1), seed=2)
    assert [track.name for track in made.tracks[5:]] == ["Violin", "Viola", "Cello"]


# --- chance -------------------------------------------------------------------------------------------------------


def test_same_seed_same_bytes_other_seed_other_notes(band):
    first, again, other = (band.compose(MELODY, seed=seed) for seed in (7, 7, 8))
    assert write_midi(first) == write_midi(again)
    assert all(one != two for one, two in zip(first.tracks[1:], other.tracks[1:], strict=True))
    assert band.compose(MELODY).steps[0].seed != band.compose(MELODY).steps[0].seed


@pytest.mark.parametrize("role", ["drums", "bass", "keys", "strings"])
def test_a_track_is_rolled_again_and_the_others_stay_note_for_note(band, role):
    before, after = band.compose(MELODY, seed=7), band.compose(MELODY, seed=7, track_seeds={role: 5})
    changed = [one.name for one, two in zip(before.tracks, after.tracks, strict=True) if one != two]
    assert changed == [role.capitalize()]
    assert band.compose(MELODY, seed=7, track_seeds={role: 7}).tracks == before.tracks


def test_a_u_net_composes_alike_and_keeps_its_tracks_apart():
    model = untrained_unet()
    save_model(replace(model.card, name="my_unet"), model.network)
    band = GAN.from_pretrained("my_unet")
    before = band.compose(MELODY, seed=7)
    assert before.tracks[0].notes == tuple(MELODY.notes)
    assert before.steps[0].model == "my_unet"
    for role in band.roles:
        after = band.compose(MELODY, seed=7, track_seeds={role: 5})
        changed = [one.name for one, two in zip(before.tracks, after.tracks, strict=True) if one != two]
        assert changed == [role.capitalize()]


def test_a_blend_goes_from_one_seed_to_the_other(band):
    one, other = band.compose(MELODY, seed=1), band.compose(MELODY, seed=2)
    blends = [band.compose(MELODY, seed=1, blend=(2, amount)) for amount in (0, 0.5, 1)]
    assert blends[0].tracks == one.tracks
    assert blends[2].tracks == other.tracks
    assert blends[1].tracks not in (one.tracks, other.tracks)
    rolled = band.compose(MELODY, seed=1, blend=(2, 0.5), track_seeds={"bass": 9})
    changed = [a.name for a, b in zip(rolled.tracks, blends[1].tracks, strict=True) if a != b]
    assert changed == ["Bass"]


def test_noise_between_two_draws_is_as_far_out_as_they_are():
    random = np.random.default_rng(0)
    one, other = random.standard_normal((2, 100_000))
    for amount in (0, 0.1, 0.5, 0.9, 1):
        assert np.std(between(one, other, amount)) == pytest.approx(1, abs=0.02)


def test_bars_have_the_same_noise_in_a_longer_piece(band):
    config = band.network.config
    for options in ({}, {"blend": (4, 0.3)}, {"track_seeds": {1: 6}}):
        short, long = drawn_noise(config, 8, 3, **options), drawn_noise(config, 40, 3, **options)
        assert np.array_equal(short.shared, long.shared)
        assert np.array_equal(short.private, long.private)
        assert np.array_equal(short.shared_bar, long.shared_bar[..., :8])
        assert np.array_equal(short.private_bar, long.private_bar[..., :8])


def test_parts_of_the_noise_hang_on_nothing_but_their_own_seed(band):
    config = band.network.config
    noise, other = drawn_noise(config, 8, 3), drawn_noise(config, 8, 3, track_seeds={2: 3, 0: 4})
    assert np.array_equal(noise.private[1:], other.private[1:])
    assert np.array_equal(noise.private_bar[1:], other.private_bar[1:])
    assert not np.array_equal(noise.private[0], other.private[0])
    flat = np.concatenate([part.ravel() for part in drawn_noise(config, 400, 3)])
    assert len(np.unique(flat)) == len(flat)  # no two parts share their numbers
    assert (flat.mean(), flat.std()) == pytest.approx((0, 1), abs=0.02)


def test_tracks_that_are_off_are_absent_and_change_no_other(band):
    whole, some = band.compose(MELODY, seed=7), band.compose(MELODY, seed=7, tracks=["bass", "drums"])
    assert [track.name for track in some.tracks] == ["Melody", "Drums", "Bass"]
    assert some.tracks == whole.tracks[:3]


@pytest.mark.parametrize("semitones", [-5, -2, 1, 4, 6])
def test_a_piece_in_another_key_gets_the_same_moved_with_it(band, semitones):
    home = band.compose(MELODY, seed=7, key="C")
    name = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")[semitones % 12]
    moved = band.compose(MELODY.transpose(semitones), seed=7, key=name)
    assert moved.tracks == home.transpose(semitones).tracks
    assert "The key" not in remarks(moved)


def test_the_key_is_estimated_and_said(band):
    moved = band.compose(MELODY.transpose(2), seed=7)
    assert "The key was taken for D major." in remarks(moved)
    assert moved.tracks == band.compose(MELODY, seed=7).transpose(2).tracks


def test_far_from_home_every_pitch_stays_within_midi(band):
    encoding = replace(band.encoding, tracks=tuple(replace(window, lowest_pitch=0) for window in band.encoding.tracks))
    low = GAN(replace(band.model, encoding=encoding))
    made = low.compose(MELODY, seed=1, key="F")  # what is added is moved down by five
    pitches = [note.pitch for track in made.tracks[2:] for note in track.notes]
    assert min(pitches) >= 0


# --- choices ------------------------------------------------------------------------------------------------------


def test_instruments_are_chosen_by_name_or_number(band):
    made = band.compose(MELODY, seed=1, instruments={"bass": "Acoustic Bass", "keys": 16})
    assert [track.program for track in made.tracks[2:]] == [32, 16, 48]
    assert made.steps[0].parameters["instruments"] == {"bass": 32, "keys": 16, "strings": 48}


def test_a_step_tells_everything_and_composes_the_same_again(band, tmp_path):
    settings = {
        "track_seeds": {"drums": 5},
        "blend": (9, 0.25),
        "tracks": ["drums", "bass"],
        "instruments": {"bass": "Fretless Bass"},
        "keep_tracks": False,
        "key": "g minor",
    }
    made = band.compose(MELODY, seed=3, **settings)
    [step] = made.steps
    assert (step.technique, step.model, step.version, step.seed) == ("gan", "musegan_pop", "1", 3)
    assert dict(step.parameters) == {
        "tracks": ["drums", "bass"],
        "track_seeds": {"drums": 5},
        "blend": [9, 0.25],
        "instruments": {"bass": 35, "keys": 0, "strings": 48},
        "keep_tracks": False,
        "key": "G minor",
    }
    json.dumps(dict(step.parameters))
    opened = open_composition(save_composition(made, directory=tmp_path), tmp_path)
    assert band.again(opened, MELODY).tracks == made.tracks
    assert band.again(step, MELODY, track_seeds={}).tracks[2] == made.tracks[2]
    assert band.again(step, MELODY, seed=4).tracks != made.tracks


def test_again_refuses_what_no_gan_made(band):
    with pytest.raises(ValueError, match="does not tell how it was made"):
        band.again(Composition.from_melody(MELODY), MELODY)
    with pytest.raises(ValueError, match="only repeat its own"):
        band.again(replace(band.compose(MELODY, seed=1).steps[0], technique="ar-cnn"), MELODY)
    with pytest.raises(TypeError, match="or its step"):
        band.again("made", MELODY)


def test_progress_is_told(band):
    told = []
    band.compose(MELODY, seed=1, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (1, 1)


def test_written_as_midi_nothing_is_lost(band):
    made = band.compose(MELODY, seed=1)
    again = read_midi(write_midi(made))
    assert [len(track.notes) for track in again.tracks] == [len(track.notes) for track in made.tracks]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seed": -1}, "A seed is"),
        ({"seed": "x"}, "A seed is"),
        ({"track_seeds": {"tuba": 1}}, "track_seeds names 'tuba', which musegan_pop does not play; it has drums, bass"),
        ({"track_seeds": {"bass": 1.5}}, "A seed is"),
        ({"track_seeds": 5}, "written by role"),
        ({"blend": 0.5}, "blend is another seed"),
        ({"blend": (2, 1.5)}, "blend is another seed"),
        ({"blend": (2, "half")}, "blend is another seed"),
        ({"blend": (-2, 0.5)}, "A seed is"),
        ({"tracks": "bass"}, "tracks is a list"),
        ({"tracks": ["tuba"]}, "tracks names 'tuba'"),
        ({"tracks": []}, "at least one of drums"),
        ({"instruments": {"bass": "Acustic Bass"}}, "Called alike: Acoustic Bass"),
        ({"instruments": {"drums": 1}}, "drum set"),
        ({"instruments": {"tuba": 58}}, "instruments names 'tuba'"),
        ({"key": "H"}, "A key is written"),
        ({"creative_risk": 2}, "no parameter 'creative_risk'; this technique has seed, tracks"),
    ],
)
def test_what_makes_no_sense_is_said(band, settings, said):
    with pytest.raises(ValueError, match=said):
        band.compose(MELODY, **settings)


def test_keep_tracks_is_a_switch(band):
    with pytest.raises(TypeError, match="keep_tracks is True or False"):
        band.compose(MELODY, keep_tracks="no")


def test_drums_alone_and_silence_are_refused(band):
    with pytest.raises(ValueError, match="only drums; a melody needs"):
        band.compose(Composition([DRUMS], title="Beat"))
    with pytest.raises(ValueError, match="no notes"):
        band.compose(Composition())
    with pytest.raises(TypeError, match="Expected a Melody"):
        band.compose("tune.mid")


@pytest.mark.parametrize("metre", [MetreChange(0, 4, 4), MetreChange(0, 1, 64)])
def test_a_piece_without_end_is_refused(band, metre):
    far = Melody([Note(0, 60, 1), Note(400_000 if metre.denominator == 4 else 900, 60, 1)], metre=metre)
    with pytest.raises(ValueError, match=r"has [\d,]+ bars; at most 4,000"):
        band.compose(far)


def test_models_of_other_techniques_are_refused(band):
    with pytest.raises(ValueError, match="for the technique 'ar-cnn'"):
        GAN(replace(band.model, card=replace(band.model.card, technique="ar-cnn")))
    with pytest.raises(ValueError, match="no generator"):
        GAN(replace(band.model, card=replace(band.model.card, network="ar_cnn")))


def test_a_saved_model_is_found_by_name_and_a_missing_one_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("deepcomposer_lab.models.registry.MODELS_DIRECTORY", tmp_path)  # as before any was shipped
    with pytest.raises(ModelError, match="no model of the technique 'gan' is installed yet"):
        GAN.from_pretrained("musegan_rock")
    model = untrained_model("jazz")
    save_model(replace(model.card, name="my_jazz"), model.network)
    made = GAN.from_pretrained("my_jazz").compose(MELODY, seed=1)
    assert made.steps[0].model == "my_jazz"
    assert made.steps[0].weights_sha256
    with pytest.raises(ModelError, match=r"no model 'musegan_rock' here. Models: .*my_jazz"):
        GAN.from_pretrained("musegan_rock")
