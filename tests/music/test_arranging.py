"""The arranger: harmony against exhaustive search, players against their textbooks; the same seed, the same notes."""

from __future__ import annotations

import hashlib
import itertools
import random
import time

import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.datasets.songs import Song, SongTrack, check_song
from deepcomposer_lab.music.arranging import ARRANGER_VERSION, ROLES, STYLES, Arrangement, arrange, quality
from deepcomposer_lab.music.arranging.chords import Chord, movement, next_voicing, voicings
from deepcomposer_lab.music.arranging.form import Form, in_register, make_plan, playable_tones
from deepcomposer_lab.music.arranging.harmony import _best_path
from deepcomposer_lab.music.arranging.swing import swung

BAR = 48
EVERY = 40  # of the folk tunes: 57 of them


def scale_tune(bars: int = 16, pickup: int = 0) -> np.ndarray:
    """A tune in C that outlines C, F, G and C, in quarters, bar by bar."""
    chords = ((60, 64, 67, 72), (65, 69, 72, 65), (67, 71, 74, 71), (72, 67, 64, 60))
    notes = [(48 - pickup, 67, pickup)] if pickup else []
    start = BAR if pickup else 0
    for bar in range(bars - (1 if pickup else 0)):
        notes += [(start + bar * BAR + 12 * beat, pitch, 12) for beat, pitch in enumerate(chords[bar % 4])]
    return np.array(notes)


@pytest.fixture(scope="module")
def tunes() -> list[Song]:
    return load_dataset("folk_tunes").songs()[::EVERY]


@pytest.fixture(scope="module")
def made(tunes) -> dict[str, list[Arrangement]]:
    return {
        style: [arrange(tune.notes[:, :3], tune.bars, tune.key, style, seed) for seed, tune in enumerate(tunes)]
        for style in STYLES
    }


@pytest.fixture(scope="module")
def figures(made) -> dict[str, dict]:
    return {style: quality.measure(own) for style, own in made.items()}


def full_bars_played(arrangement: Arrangement, role: str) -> set[int]:
    """Bars in which a note of a track begins, counted here from the notes alone."""
    return set((arrangement.track(role)[:, 0] // BAR).tolist())


# --- what every arrangement promises -----------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_notes_are_in_order_within_the_piece_and_never_double(made, style):
    for number, arrangement in enumerate(made[style]):
        tracks = tuple(SongTrack(role, is_drum=role == "drums") for role in arrangement.roles)
        check_song(Song(f"{style} {number}", arrangement.notes, arrangement.bars, tracks))
        assert len(arrangement.chords) == 2 * arrangement.bars
        assert arrangement.roles == ROLES[style]


@pytest.mark.parametrize("style", STYLES)
def test_the_melody_is_the_tune_whole_octaves_moved(made, tunes, style):
    for arrangement, tune in zip(made[style], tunes, strict=True):
        melody, original = arrangement.track("melody"), tune.notes[:, :3]
        moved = melody[:, 1] - original[:, 1]
        assert len(set(moved.tolist())) == 1
        assert moved[0] % 12 == 0
        assert 60 <= np.median(melody[:, 1]) <= 80
        on_beat = original[:, 0] % 12 == 0
        assert np.array_equal(melody[on_beat, 0], original[on_beat, 0])
        if style != "jazz":
            assert np.array_equal(melody[:, [0, 2]], original[:, [0, 2]])


@pytest.mark.parametrize("style", STYLES)
def test_every_player_stays_in_his_range(figures, style):
    ranges = figures[style]["ranges"]
    chording = "guitar" if style == "rock" else "keys"
    limits = {"bass": (28, 55), chording: (40 if style == "rock" else 48, 76), "strings": (48, 84)}
    for role, (low, high) in limits.items():
        assert low <= ranges[role][0] < ranges[role][1] <= high, role


@pytest.mark.parametrize("style", STYLES)
def test_the_same_seed_gives_the_same_notes_and_another_seed_others(style):
    tune = scale_tune()
    first, again, other = (arrange(tune, 16, (0, 0), style, seed) for seed in (3, 3, 4))
    assert np.array_equal(first.notes, again.notes)
    assert (first.chords, first.tempo, first.fills) == (again.chords, again.tempo, again.fills)
    assert not np.array_equal(first.notes, other.notes)
    drums = {arrange(tune, 16, (0, 0), style, seed).track("drums").tobytes() for seed in range(20)}
    assert len(drums) == 20


def test_a_changed_arranger_has_another_version():
    """Datasets and trained models name the version: whoever changes a note raises ARRANGER_VERSION and this digest."""
    digest = hashlib.sha256()
    for style in STYLES:
        for seed, tune in enumerate((scale_tune(), scale_tune(17, pickup=12))):
            digest.update(arrange(tune, 16 + seed, (0, seed), style, seed).notes.tobytes())
    assert (ARRANGER_VERSION, digest.hexdigest()[:16]) == ("1", "3fdcccd729637bf1")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("bars", [1, 2, 3, 5, 11])
def test_any_length_and_silence_can_be_arranged(style, bars):
    for tune in (scale_tune(bars), np.zeros((0, 3), dtype=np.int64), scale_tune(bars)[-1:]):
        for seed in range(5):
            arrangement = arrange(tune, bars, (0, 0), style, seed)
            assert arrangement.bars == bars
            assert len(arrangement.notes) > len(tune)


def test_a_hundred_songs_take_seconds_not_minutes(tunes):
    """A class has a hundred songs before it gets restless: three seconds on one core, of which it takes a tenth."""
    began = time.process_time()
    for seed in range(100):
        tune = tunes[seed % len(tunes)]
        arrange(tune.notes[:, :3], tune.bars, tune.key, STYLES[seed % 3], seed)
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("notes", "bars", "key", "style", "said"),
    [
        ([[0, 60, 12]], 1, (0, 0), "polka", "jazz"),
        ([[0, 60, 49]], 1, (0, 0), "pop", "within"),
        ([[0, 60, 12], [6, 62, 12]], 1, (0, 0), "pop", "overlap"),
        ([[0, 60, 0]], 1, (0, 0), "pop", "overlap"),
        ([[0, 60]], 1, (0, 0), "pop", "shape"),
        ([[0.5, 60, 2]], 1, (0, 0), "pop", "whole numbers"),
        ([[0, 60, 12]], 1, (12, 0), "pop", "key"),
    ],
)
def test_what_cannot_be_arranged_is_named(notes, bars, key, style, said):
    with pytest.raises(ValueError, match=said):
        arrange(notes, bars, key, style)


# --- harmony -----------------------------------------------------------------------------------------------------


def test_the_best_path_is_the_one_that_exhaustive_search_finds():
    rng = np.random.default_rng(5)
    for _ in range(20):
        local, on_line, inside = rng.random((5, 3)), rng.random((3, 3)), rng.random((3, 3))

        def cost(path, local=local, steps=(on_line, inside)):
            return sum(local[i, state] for i, state in enumerate(path)) + sum(
                steps[i % 2][path[i - 1], path[i]] for i in range(1, len(path))
            )

        assert tuple(_best_path(local, on_line, inside)) == min(itertools.product(range(3), repeat=5), key=cost)


@pytest.mark.parametrize("style", ["pop", "rock"])
def test_a_tune_that_outlines_chords_gets_them(style):
    for seed in range(10):
        chords = arrange(scale_tune(), 16, (0, 0), style, seed).chords
        roots = [chords[2 * bar].root for bar in range(16)]
        assert sum(root == expected for root, expected in zip(roots, (0, 5, 7, 0) * 4, strict=True)) >= 12
        assert chords[-2] == chords[-1] == Chord(0)


def test_the_key_decides_the_last_chord():
    minor = scale_tune() - np.array([0, 0, 0])
    minor[:, 1] = [{4: -1, 11: -1, 9: -1}.get(pitch % 12, 0) + pitch for pitch in minor[:, 1]]
    assert arrange(minor, 16, (0, 1), "pop", 1).chords[-1] == Chord(0, "m")
    raised = scale_tune() + np.array([0, 2, 0])
    assert arrange(raised, 16, (2, 0), "jazz", 1).chords[-1] in (Chord(2, "6"), Chord(2, "maj7"))


def test_harmony_moves_with_the_tune():
    """A tune and its transposition have the same chords, transposed."""
    for style in STYLES:
        low = arrange(scale_tune(), 16, (0, 0), style, 7).chords
        high = arrange(scale_tune() + np.array([0, 3, 0]), 16, (3, 0), style, 7).chords
        assert [Chord((chord.root + 3) % 12, chord.quality) for chord in low] == list(high)


def test_styles_have_their_own_words(made):
    qualities = {style: {chord.quality for own in made[style] for chord in own.chords} for style in STYLES}
    assert qualities["jazz"] & {"", "m"} == set()
    assert {"maj7", "m7", "7", "6"} <= qualities["jazz"]
    assert {"", "m"} <= qualities["rock"] <= {"", "m", "7", "m7", "sus4"}


def test_jazz_has_two_five_one_and_tritone_substitutes(made):
    """ii–V: a minor seventh chord, then a dominant a fourth higher. A substitute slides down a half tone."""
    steps = [
        (a.quality, b.quality, (b.root - a.root) % 12)
        for own in made["jazz"]
        for a, b in itertools.pairwise(own.chords)
        if a != b
    ]
    assert steps.count(("m7", "7", 5)) > len(made["jazz"])
    assert sum(step[0] == "7" and step[2] == 11 for step in steps) >= 10


@pytest.mark.parametrize(("style", "least"), [("pop", 0.88), ("jazz", 0.9), ("rock", 0.85)])
def test_chords_hold_the_melody(made, style, least):
    hits = [
        pitch % 12 in arrangement.chords[onset // 24].tones
        for arrangement in made[style]
        for onset, pitch, _ in arrangement.track("melody").tolist()
        if onset % 12 == 0
    ]
    assert len(hits) > 2000
    assert sum(hits) / len(hits) >= least


@pytest.mark.parametrize("style", STYLES)
def test_the_band_seldom_grinds_against_the_melody(figures, style):
    assert figures[style]["close_clashes"] < 0.01
    assert figures[style]["clashes"] < 0.1


# --- voices ------------------------------------------------------------------------------------------------------


def test_voicings_hold_every_tone_and_keep_their_distance():
    found = voicings(frozenset({0, 4, 7, 11}), 4, 50, 76)
    assert len(found) >= 10
    for pitches in found:
        assert {pitch % 12 for pitch in pitches} == {0, 4, 7, 11}
        gaps = np.diff(pitches)
        assert gaps.min() >= 2
        assert gaps.max() <= 12


def test_a_chord_moves_to_the_nearest_next_one():
    assert next_voicing((60, 64, 67), frozenset({5, 9, 0}), 3, 50, 76, 64) == (60, 65, 69)
    assert next_voicing((60, 64, 67), frozenset({7, 11, 2}), 3, 50, 76, 62) == (59, 62, 67)
    assert movement((60, 64, 67), (60, 65, 69)) == 1
    assert movement((60, 67), (60, 64, 67)) == 1


def test_tones_that_grind_are_left_out_but_two_remain():
    assert playable_tones((0, 4, 7, 11), frozenset({11, 1})) == {0, 4, 7}
    assert playable_tones((0, 4, 7), frozenset({0, 4, 7})) == {0, 7}
    assert playable_tones((0, 4, 7), frozenset({4, 7})) == {0, 7}


@pytest.mark.parametrize("style", STYLES)
def test_chords_move_by_small_steps(figures, style):
    """Power chords slide as a block, so the guitar may move farther."""
    for role, steps in figures[style]["movement"].items():
        assert 0.3 < steps <= (3.5 if role == "guitar" else 2.5), role


# --- rhythm ------------------------------------------------------------------------------------------------------


def test_eighths_swing_and_triplets_do_not():
    even = [(0, 60, 6), (6, 62, 6), (12, 64, 9), (21, 65, 3), (24, 67, 3), (27, 69, 9)]
    assert swung(even) == [(0, 60, 8), (8, 62, 4), (12, 64, 8), (20, 65, 4), (24, 67, 4), (28, 69, 8)]
    triplets = [(0, 60, 4), (4, 62, 4), (8, 64, 4), (12, 60, 3), (15, 62, 3), (18, 64, 3), (21, 65, 3)]
    assert swung(triplets) == triplets
    assert [onset for onset, _, _ in swung([(0, 60, 6), (6, 62, 2), (8, 64, 2), (10, 65, 2)])] == [0, 8, 9, 11]
    assert swung([(0, 60, 18), (18, 62, 6)]) == [(0, 60, 20), (20, 62, 4)]
    assert swung([(0, 60, 6), (12, 62, 12)]) == [(0, 60, 8), (12, 62, 12)]


def test_only_jazz_swings(made, tunes):
    for arrangement, tune in zip(made["jazz"], tunes, strict=True):
        onsets = set(tune.notes[:, 0].tolist())
        melody = arrangement.track("melody")
        assert (melody[1:, 0] >= melody[:-1, 0] + melody[:-1, 2]).all()
        for onset in melody[:, 0].tolist():
            if onset % 12 == 6:  # only where the tune has sixteenths around it
                assert {onset - 3, onset + 3} & onsets
        for role in ("drums", "bass", "keys"):
            assert set((arrangement.track(role)[:, 0] % 12).tolist()) <= {0, 4, 8}, role
    for style in ("pop", "rock"):
        chording = "guitar" if style == "rock" else "keys"
        for arrangement in made[style]:
            for role in ("drums", "bass", chording):
                assert set((arrangement.track(role)[:, 0] % 3).tolist()) <= {0}, role


@pytest.mark.parametrize("style", STYLES)
def test_a_song_with_fills_has_one_in_every_eighth_bar_and_a_crash_behind_it(made, style):
    toms_or_snare = {38, 41, 45, 47, 50}
    with_fills = crashed = filled = 0
    for arrangement in made[style]:
        hits = arrangement.track("drums")
        played = full_bars_played(arrangement, "drums")
        in_bar = {bar: hits[hits[:, 0] // BAR == bar] for bar in played}
        for bar in arrangement.fills:
            end = in_bar[bar][in_bar[bar][:, 0] % BAR >= BAR - 12]
            assert toms_or_snare & set(end[:, 1].tolist())
            filled += 1
            if bar + 1 in played:
                crashed += bool({49, 57} & set(in_bar[bar + 1][in_bar[bar + 1][:, 0] % BAR == 0][:, 1].tolist()))
        if not arrangement.fills:
            continue
        with_fills += 1
        eighth = range(arrangement.first + 7, arrangement.bars - 1, 8)
        assert {bar for bar in eighth if bar in played and len(in_bar[bar]) > 6} <= set(arrangement.fills)
    assert with_fills > 0.5 * len(made[style])
    assert crashed > 0.75 * filled


def test_backbeats_fall_on_two_and_four_in_pop(made):
    """Independent of how grooves are written: more snare or rim on beats two and four than on one and three."""
    hits = np.concatenate([own.track("drums") for own in made["pop"]])
    snare = hits[np.isin(hits[:, 1], (37, 38, 39)), 0] % BAR
    assert np.isin(snare, (12, 36)).sum() > 3 * np.isin(snare, (0, 24)).sum()


# --- bass --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_the_bass_plays_one_note_at_a_time_and_a_chord_tone_on_one(made, style):
    on_one = []
    for arrangement in made[style]:
        bass = arrangement.track("bass")
        assert (bass[1:, 0] >= bass[:-1, 0] + bass[:-1, 2]).all()
        on_one += [pitch % 12 in arrangement.chords[onset // 24].tones for onset, pitch, _ in bass if onset % BAR == 0]
    assert len(on_one) > 500
    assert np.mean(on_one) >= 0.95


def test_a_walking_bass_walks(made):
    """Where a bar has four quarters, the third is a chord tone, and the fourth leads on by a step or a fifth."""
    third, leads = [], []
    for arrangement in made["jazz"]:
        pitch_at = {onset: pitch for onset, pitch, _ in arrangement.track("bass").tolist()}
        for bar in range(arrangement.bars - 1):
            beats = [bar * BAR + 12 * beat for beat in range(5)]
            if all(beat in pitch_at for beat in beats):
                third.append(pitch_at[beats[2]] % 12 in arrangement.chords[beats[2] // 24].tones)
                leads.append(abs(pitch_at[beats[4]] - pitch_at[beats[3]]) in (1, 2, 5, 7))
    assert len(third) > 200
    assert np.mean(third) >= 0.95
    assert np.mean(leads) >= 0.7


# --- who plays, and variety --------------------------------------------------------------------------------------


def test_form_counts_phrases_from_the_first_full_bar():
    form = Form(tuple(map(tuple, scale_tune(17, pickup=12).tolist())), 17, (0, 0))
    assert form.first == 1
    assert form.phrases == (range(1, 5), range(5, 9), range(9, 13), range(13, 17))
    assert [form.section_of(bar) for bar in (0, 1, 8, 9, 16)] == [0, 0, 0, 1, 1]
    assert Form((), 10, (0, 0)).phrases == (range(4), range(4, 10))
    assert Form((), 11, (0, 0)).phrases == (range(4), range(4, 8), range(8, 11))


def test_a_plan_always_has_chords_and_ends_with_everybody():
    form = Form(tuple(map(tuple, scale_tune(32).tolist())), 32, (0, 0))
    plans = [make_plan(form, random.Random(seed)) for seed in range(300)]
    for plan in plans:
        assert all(a or b for a, b in zip(plan.plays["chords"], plan.plays["strings"], strict=True))
        assert all(own[-1] for own in plan.plays.values())
    late = np.mean([not plan.plays_in("strings", 0) for plan in plans])
    assert 0.4 < late < 0.7


@pytest.mark.parametrize("style", STYLES)
def test_no_track_is_empty_too_often_and_the_melody_never(figures, style):
    empty = figures[style]["empty_bars"]
    assert empty["melody"] < 0.02
    assert max(own for role, own in empty.items() if role != "strings") < 0.2
    assert 0.1 < empty["strings"] < 0.4


@pytest.mark.parametrize("style", STYLES)
def test_songs_do_not_sound_alike(figures, made, style):
    assert figures[style]["drum_bars_a_song"] > 6
    assert figures[style]["distinct_rhythms"]["drums"] > 6 * len(made[style])
    for role, count in figures[style]["distinct_bars"].items():
        assert count > 5 * len(made[style]), role
    grooves = {arrangement.track("drums").tobytes() for arrangement in made[style]}
    assert len(grooves) == len(made[style])


def test_a_melody_is_moved_by_octaves_into_its_register():
    assert in_register(np.array([[0, 48, 12], [12, 50, 12]]), 67, 79)[:, 1].tolist() == [72, 74]
    assert in_register(np.array([[0, 70, 12]]), 67, 79)[:, 1].tolist() == [70]
    assert len(in_register(np.zeros((0, 3), dtype=np.int64), 67, 79)) == 0


# --- the figures themselves --------------------------------------------------------------------------------------


def test_figures_of_an_arrangement_counted_by_hand():
    notes = [
        (0, 60, 12, 0),  # C over C: in the chord
        (0, 36, 1, 1),
        (0, 36, 48, 2),
        (0, 64, 24, 3),
        (0, 67, 24, 3),
        (12, 65, 12, 0),  # F over C, with E sounding: outside it, and a clash
        (24, 71, 24, 0),  # B over G7: in the triad
        (24, 65, 24, 3),
        (24, 67, 24, 3),
    ]
    hand = Arrangement(
        np.array(notes),
        ("melody", "drums", "bass", "keys"),
        (Chord(0), Chord(7, "7"), Chord(0), Chord(0)),
        bars=2,
        tempo=100.0,
        fills=(),
        first=0,
    )
    figures = quality.measure([hand])
    assert figures["chord_tones"] == figures["triad_tones"] == pytest.approx(2 / 3)
    assert figures["clashes"] == 3 / 4  # the held bass C is a half tone and octaves from B
    assert figures["close_clashes"] == 1 / 4
    assert figures["empty_bars"] == {"melody": 0.5, "drums": 0.5, "bass": 0.5, "keys": 0.5}
    assert figures["notes_a_bar"]["keys"] == 2
    assert figures["movement"] == {"keys": 0.5}
    assert figures["ranges"]["keys"] == (64, 67)
    assert figures["chords_a_bar"] == 1.5
    assert figures["bass_on_chord"] == 1
