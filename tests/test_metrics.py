"""The five metrics, against counts done by hand and against a brute-force count over fine time steps."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepcomposer_lab import metrics
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.note import Note

SILENCE = Composition((Track((), "Piano"),))


def line(*pitches: int, duration: float = 1.0, start: float = 0.0) -> list[Note]:
    return [Note(start + index * duration, pitch, duration) for index, pitch in enumerate(pitches)]


def drums(*onsets: float) -> Track:
    return Track([Note(onset, 36, 0.1) for onset in onsets], "Drums", is_drum=True)


def chord(onset: float, duration: float, *pitches: int) -> list[Note]:
    return [Note(onset, pitch, duration) for pitch in pitches]


# --- empty bars ---------------------------------------------------------------------------------------------


def test_no_bar_is_empty_where_every_bar_sounds() -> None:
    assert metrics.empty_bar_rate(Track([Note(bar * 4.0, 60, 1) for bar in range(4)])) == 0.0


def test_silence_is_one_empty_bar() -> None:
    assert metrics.empty_bar_rate(SILENCE) == 1.0
    assert metrics.empty_bar_rate(Melody()) == 1.0


def test_one_bar_of_four_is_empty() -> None:
    notes = [Note(0, 60, 1), Note(4, 60, 1), Note(12, 60, 1)]
    assert metrics.empty_bar_rate(Track(notes)) == pytest.approx(0.25)


def test_a_note_that_ends_on_a_bar_line_leaves_the_next_bar_empty() -> None:
    ends_on_line = [Note(0, 60, 4), Note(8, 60, 1)]
    held_over = [Note(0, 60, 4.25), Note(8, 60, 1)]
    rounded = [Note(0, 60, 4 + 1e-9), Note(8, 60, 1)]
    assert metrics.empty_bar_rate(Track(ends_on_line)) == pytest.approx(1 / 3)
    assert metrics.empty_bar_rate(Track(held_over)) == 0.0
    assert metrics.empty_bar_rate(Track(rounded)) == pytest.approx(1 / 3)


def test_bars_come_from_metre_changes_and_pickup() -> None:
    # A beat of pickup, two bars of 3/4 (1–4, 4–7), then 2/4 (7–9, 9–11): five bars, of which 4–7 and 7–9 are
    # empty.
    piece = Composition(
        (Track([Note(0, 60, 1), Note(1, 62, 1), Note(9.5, 64, 1)]),),
        metres=(MetreChange(0, 3, 4), MetreChange(7, 2, 4)),
        pickup=1,
    )
    assert metrics.empty_bar_rate(piece) == pytest.approx(2 / 5)


def test_drums_keep_a_bar_from_being_empty() -> None:
    assert metrics.empty_bar_rate([Track(line(60)), drums(4.0)]) == 0.0


# --- pitches used -------------------------------------------------------------------------------------------


def test_both_readings_of_pitches_used() -> None:
    # Bar 1: C4 three times and E4; bar 2: empty; bar 3: C4, C5.
    notes = [*line(60, 60, 60, 64), Note(8, 60, 1), Note(9, 72, 1)]
    used = metrics.pitches_used(Track(notes))
    assert used.active_notes_per_bar == pytest.approx(6 / 3)
    assert used.distinct_pitches_per_bar == pytest.approx((2 + 0 + 2) / 3)


def test_a_held_note_counts_in_every_bar_it_sounds_in() -> None:
    assert metrics.pitches_used(Track([Note(2, 60, 7)])) == (1.0, 1.0)
    assert metrics.pitches_used(Track([Note(2, 60, 2), Note(4, 60, 8)])) == (1.0, 1.0)


def test_pitches_used_in_silence_and_of_drums() -> None:
    assert metrics.pitches_used(SILENCE) == (0.0, 0.0)
    assert all(math.isnan(value) for value in metrics.pitches_used(drums(0, 1)))


# --- in scale -----------------------------------------------------------------------------------------------


def test_white_keys_are_in_c_major_and_black_keys_are_not() -> None:
    assert metrics.in_scale_ratio(Track(line(60, 62, 64, 65, 67, 69, 71, 72))) == 1.0
    assert metrics.in_scale_ratio(Track(line(61, 63, 66, 68, 70))) == 0.0


def test_one_note_of_four_is_in_scale_however_long_the_others_are() -> None:
    notes = [Note(0, 60, 0.25), *line(61, 63, 66, duration=3)]
    assert metrics.in_scale_ratio(Track(notes)) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("key", "mode", "pitches"),
    [
        ("D", "major", (62, 64, 66, 67, 69, 71, 73)),
        ("Bb", "major", (58, 60, 62, 63, 65, 67, 69)),
        ("F♯", "minor", (66, 68, 69, 71, 73, 74, 76)),
        ("A", "harmonic minor", (57, 59, 60, 62, 64, 65, 68)),
        ("E", "phrygian", (64, 65, 67, 69, 71, 72, 74)),
        ("C", "lydian", (60, 62, 64, 66, 67, 69, 71)),
    ],
)
def test_a_scale_is_wholly_in_its_own_key_and_any_other_pitch_is_outside(
    key: str, mode: str, pitches: tuple[int, ...]
) -> None:
    others = [pitch for pitch in range(60, 72) if pitch % 12 not in {p % 12 for p in pitches}]
    assert len(others) == 5
    assert metrics.in_scale_ratio(Track(line(*pitches)), key, mode) == 1.0
    assert metrics.in_scale_ratio(Track(line(*others)), key, mode) == 0.0


def test_in_scale_of_silence_and_of_drums_has_no_answer() -> None:
    assert math.isnan(metrics.in_scale_ratio(SILENCE))
    assert math.isnan(metrics.in_scale_ratio(drums(0)))
    assert metrics.in_scale_ratio([Track(line(66)), drums(0)], "F#") == 1.0  # drum 36, read as a C, would not be


@pytest.mark.parametrize(("key", "mode"), [("H", "major"), ("", "major"), ("Cx", "major"), ("C", "happy")])
def test_unknown_keys_and_modes_are_named(key: str, mode: str) -> None:
    with pytest.raises(ValueError, match=r"key is a letter|Unknown mode"):
        metrics.in_scale_ratio(Track(line(60)), key, mode)


# --- polyphony ----------------------------------------------------------------------------------------------


def test_polyphonic_rate_needs_more_pitches_than_the_threshold() -> None:
    three = Track(chord(0, 4, 60, 64, 67))
    two = Track(chord(0, 4, 60, 64))
    assert metrics.polyphonic_rate(three) == 1.0
    assert metrics.polyphonic_rate(two) == 0.0
    assert metrics.polyphonic_rate(two, threshold=1) == 1.0
    assert metrics.polyphonic_rate(three, threshold=3) == 0.0


def test_polyphonic_rate_of_one_beat_in_four() -> None:
    assert metrics.polyphonic_rate(Track(chord(1, 1, 60, 64, 67))) == pytest.approx(0.25)


def test_time_counts_exactly_off_the_grid() -> None:
    # Three pitches sound together from 1/3 to 1/2 beat, of four beats.
    notes = [Note(0, 60, 0.5), Note(0.1, 64, 3), Note(1 / 3, 67, 2)]
    assert metrics.polyphonic_rate(Track(notes)) == pytest.approx((1 / 2 - 1 / 3) / 4)


def test_touching_notes_and_unisons_add_no_pitch() -> None:
    touching = [*chord(0, 2, 60, 64), *chord(2, 2, 67, 71)]
    unison = [*chord(0, 4, 60, 64), Note(0, 64, 4), Note(1, 64, 1)]
    assert metrics.polyphonic_rate(Track(touching)) == 0.0
    assert metrics.polyphonic_rate(Track(unison)) == 0.0


def test_polyphonic_rate_of_silence_drums_and_a_bad_threshold() -> None:
    assert metrics.polyphonic_rate(SILENCE) == 0.0
    assert metrics.polyphonic_rate(SILENCE, threshold=0) == 0.0
    assert math.isnan(metrics.polyphonic_rate(drums(0)))
    with pytest.raises(ValueError, match="0 or more"):
        metrics.polyphonic_rate(SILENCE, threshold=-1)


# --- drums --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps_per_beat", "on", "near", "off"),
    [
        (4, [0, 0.5, 1, 3.5], [0.25, 0.75, 3.75], []),
        (12, [0, 0.25, 0.5, 3.75], [1 / 12, 2 / 12, 1 / 3, 2 / 3], []),
        (24, [0, 0.25, 3.75], [1 / 24, 5 / 24, 7 / 24], [2 / 24, 3 / 24, 4 / 24, 8 / 24]),
    ],
)
def test_drum_hits_on_near_and_off_the_pattern(
    steps_per_beat: int, on: list[float], near: list[float], off: list[float]
) -> None:
    for bar in (0.0, 4.0):
        assert all(metrics.drum_in_pattern(drums(bar + onset), steps_per_beat) == 1.0 for onset in on)
        assert all(metrics.drum_in_pattern(drums(bar + onset), steps_per_beat) == 0.1 for onset in near)
        assert all(metrics.drum_in_pattern(drums(bar + onset), steps_per_beat) == 0.0 for onset in off)


def test_drum_in_pattern_is_a_mean_over_hits() -> None:
    assert metrics.drum_in_pattern(drums(0, 0.5, 1, 1.25)) == pytest.approx((3 + 0.1) / 4)
    assert metrics.drum_in_pattern(drums(0, 0.5, 1, 1.25), tolerance=0) == pytest.approx(0.75)


def test_a_hit_goes_to_its_nearest_step() -> None:
    assert metrics.drum_in_pattern(drums(0.49)) == 1.0
    assert metrics.drum_in_pattern(drums(3.99)) == 1.0
    assert metrics.drum_in_pattern(drums(0.26)) == pytest.approx(0.1)


def test_only_four_four_counts_and_a_pickup_moves_the_bar_line() -> None:
    waltz = Composition((drums(0, 1, 2),), metres=(MetreChange(0, 3, 4),))
    assert math.isnan(metrics.drum_in_pattern(waltz))
    mixed = Composition((drums(0, 0.25, 4),), metres=(MetreChange(0, 3, 4), MetreChange(3, 4, 4)))
    assert metrics.drum_in_pattern(mixed) == 1.0  # the hit at 0.25 is in 3/4
    # A pickup of three sixteenths: beat 0.25 is an eighth before the bar line at 0.75, beat 0 and 0.5 are
    # between.
    pickup = Composition((drums(0.25, 0.75, 1.25),), pickup=0.75)
    assert metrics.drum_in_pattern(pickup) == 1.0
    assert metrics.drum_in_pattern(Composition((drums(0, 0.5, 1),), pickup=0.75)) == pytest.approx(0.1)


def test_no_drums_no_answer() -> None:
    assert math.isnan(metrics.drum_in_pattern(SILENCE))
    assert math.isnan(metrics.drum_in_pattern(Track(line(36, 38))))
    with pytest.raises(ValueError, match="4, 12 and 24"):
        metrics.drum_in_pattern(drums(0), steps_per_beat=8)
    with pytest.raises(ValueError, match="tolerance"):
        metrics.drum_in_pattern(drums(0), tolerance=2)


# --- everything together ------------------------------------------------------------------------------------


def test_evaluate_measures_each_track_against_the_bars_of_the_piece() -> None:
    piece = Composition(
        (
            Track([*line(60, 61), *line(60, 62, start=12)], "Melody"),
            Track([*chord(0, 16, 48, 52, 55)], "Chords"),
            drums(0, 0.25),
        ),
        title="Small",
    )
    evaluation = metrics.evaluate(piece)
    melody, chords, drum = evaluation.tracks
    assert (melody.name, chords.name, drum.name) == ("Melody", "Chords", "Drums")
    assert melody.empty_bar_rate == pytest.approx(0.5)
    assert melody.in_scale_ratio == pytest.approx(0.75)
    assert melody.active_notes_per_bar == pytest.approx(1.0)
    assert chords.distinct_pitches_per_bar == pytest.approx(3.0)
    assert chords.polyphonic_rate == 1.0
    assert math.isnan(melody.drum_in_pattern)
    assert drum.drum_in_pattern == pytest.approx(0.55)
    assert math.isnan(drum.in_scale_ratio)
    assert drum.empty_bar_rate == pytest.approx(0.75)
    overall = evaluation.overall
    assert overall.empty_bar_rate == 0.0
    assert overall.in_scale_ratio == pytest.approx(6 / 7)
    assert overall.active_notes_per_bar == pytest.approx((2 + 2 + 12) / 4)
    assert overall.drum_in_pattern == pytest.approx(0.55)


def test_evaluate_in_another_key_and_as_plain_values() -> None:
    evaluation = metrics.evaluate(Melody([Note(0, 66, 1), Note(1, 65, 1)], title="F sharp"), key="G")
    values = json.loads(json.dumps(evaluation.as_dict(), allow_nan=False))
    assert values["overall"]["in_scale_ratio"] == 0.5
    assert values["tracks"][0]["drum_in_pattern"] is None
    assert (values["title"], values["key"], values["mode"]) == ("F sharp", "G", "major")


def test_the_table_has_a_line_a_track_and_one_for_the_whole() -> None:
    text = str(metrics.evaluate(Composition((Track(line(60), "Melody"), drums(0)), title="Tiny")))
    title, header, melody, drum, overall = text.splitlines()
    assert title == "Tiny"
    assert "in C major" in header
    assert melody.split() == ["Melody", "0.000", "1.000", "1.000", "1.000", "0.000", "–"]
    assert drum.split() == ["Drums", "0.000", "–", "–", "–", "–", "1.000"]
    assert overall.startswith("Overall")


@pytest.mark.parametrize("wrong", ["song.mid", 7, None, [60, 62]])
def test_anything_else_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="Melody or a Composition"):
        metrics.empty_bar_rate(wrong)  # type: ignore[arg-type]


# --- invariants ---------------------------------------------------------------------------------------------

# A bar of 4/4 on a grid of twelfths, so that triplets occur; notes end within the bar.
bar_notes = st.lists(
    st.builds(
        lambda onset, pitch, length: Note(onset / 12, pitch, min(length, 48 - onset) / 12),
        st.integers(0, 47),
        st.integers(24, 95),
        st.integers(1, 48),
    ),
    min_size=1,
    max_size=12,
)


def steps_with_more_pitches(notes: list[Note], threshold: int, beats: int) -> float:
    """The glossary's count, step by step, at 12 steps a beat: the oracle."""
    steps = beats * 12
    polyphonic = 0
    for step in range(steps):
        middle = (step + 0.5) / 12
        polyphonic += len({note.pitch for note in notes if note.onset <= middle < note.offset}) > threshold
    return polyphonic / steps


@given(bar_notes, st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_polyphonic_rate_equals_a_count_of_time_steps(notes: list[Note], threshold: int) -> None:
    expected = steps_with_more_pitches(notes, threshold, 4)
    assert metrics.polyphonic_rate(Track(notes), threshold) == pytest.approx(expected, abs=1e-9)


@given(bar_notes, st.sampled_from([-24, -12, 12, 24]))
@settings(max_examples=60, deadline=None)
def test_an_octave_shift_changes_no_metric(notes: list[Note], shift: int) -> None:
    before = metrics.evaluate(Track(notes)).overall.as_dict()
    after = metrics.evaluate(Track([note.transpose(shift) for note in notes])).overall.as_dict()
    assert before == after


@given(bar_notes, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_repeating_a_bar_changes_no_metric(notes: list[Note], times: int) -> None:
    hits = [Note(note.onset, 36, note.duration) for note in notes]
    once = [Track(notes), Track(hits, "Drums", is_drum=True)]
    repeated = [
        track.with_notes(note.shift(4.0 * bar) for bar in range(times) for note in track.notes) for track in once
    ]
    before, after = metrics.evaluate(once).overall.as_dict(), metrics.evaluate(repeated).overall.as_dict()
    assert after == pytest.approx(before)


@given(bar_notes)
@settings(max_examples=60, deadline=None)
def test_values_stay_in_range_and_agree_with_each_other(notes: list[Note]) -> None:
    values = metrics.evaluate(Track(notes)).overall
    assert values.empty_bar_rate == 0.0
    assert values.active_notes_per_bar == len(notes)
    assert values.distinct_pitches_per_bar == len({note.pitch for note in notes})
    assert 0.0 <= values.in_scale_ratio <= 1.0
    chromatic = sum(metrics.in_scale_ratio(Track(notes), key) for key in ("C", "Db", "D", "Eb", "E", "F"))
    chromatic += sum(metrics.in_scale_ratio(Track(notes), key) for key in ("Gb", "G", "Ab", "A", "Bb", "B"))
    assert chromatic == pytest.approx(7.0)  # every pitch class is in seven of the twelve major scales


@given(bar_notes, st.integers(0, 11))
@settings(max_examples=40, deadline=None)
def test_music_and_key_moved_together_stay_in_scale_alike(notes: list[Note], semitones: int) -> None:
    keys = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    moved = Track([note.transpose(semitones) for note in notes])
    assert metrics.in_scale_ratio(moved, keys[semitones], "dorian") == metrics.in_scale_ratio(
        Track(notes), "C", "dorian"
    )


def test_a_key_or_mode_that_is_no_text_is_refused_in_one_sentence() -> None:
    for wrong in (3, None, ["C"]):
        with pytest.raises(TypeError, match=r"^A key is a text, as in key="):
            metrics.evaluate(Track([Note(0, 60, 1)]), key=wrong)
        with pytest.raises(TypeError, match=r"^A mode is a text, as in key="):
            metrics.evaluate(Track([Note(0, 60, 1)]), mode=wrong)
