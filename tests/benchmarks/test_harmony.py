"""The nine measures, on music whose values can be counted by hand."""

import numpy as np
import pytest

from deepcomposer_lab.benchmarks import harmony
from deepcomposer_lab.benchmarks.harmony import IS_CHORD, IS_DISSONANT, MEASURES, Texture, measure
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.note import Note

C_MAJOR = (0, 0)


def texture(*voices, bars=(0, 16), steps=32):
    """Voices as lists of (onset, pitch, duration) in sixteenths; two bars of 4/4 unless told otherwise."""
    return Texture(tuple(np.array(voice, dtype=np.int64).reshape(-1, 3) for voice in voices), steps, bars)


def chord(onset, duration, *pitches):
    return [[(onset, pitch, duration)] for pitch in pitches]


def progression():
    """C, F, G7, C in half notes: eight beats, sixteen notes, voices that keep still or step."""
    chords = [(72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 65, 55), (72, 67, 64, 48)]
    return texture(*([(8 * i, pitches[voice], 8) for i, pitches in enumerate(chords)] for voice in range(4)))


def test_a_progression_by_hand():
    bach = progression()
    values = measure(bach, bach, C_MAJOR)
    assert tuple(values) == MEASURES
    assert values["pitch_class_overlap"] == 1
    assert values["notes_per_beat"] == 16 / 8
    assert values["pitches_per_beat"] == 4
    # C E G, F A C and C again are triads. G B F without its fifth … here the chord is G F G B: no triad, no seventh.
    assert values["triad_or_seventh_share"] == 6 / 8
    assert values["dissonant_beats"] == 2 / 8  # F against G, and against B
    assert values["parallel_fifths"] == 0
    assert values["parallel_octaves"] == 0
    assert values["out_of_scale"] == 0
    assert values["empty_bars"] == 0


def test_all_ten_chords_in_all_inversions_and_nothing_else():
    assert IS_CHORD.sum() == 12 * 10 - 8 - 9  # the augmented triad and the diminished seventh repeat: 4 and 3 of each
    assert IS_CHORD[harmony._as_set([0, 4, 7])]
    assert IS_CHORD[harmony._as_set([7, 12, 16])]
    assert IS_CHORD[harmony._as_set([2, 5, 9, 0])]
    assert IS_CHORD[harmony._as_set([0, 3, 7, 11])]
    for other in ([0, 7], [0, 4], [0, 2, 7], [0, 4, 7, 9, 11], [0, 4, 8, 11], []):
        assert not IS_CHORD[harmony._as_set(other)], other


def test_dissonances():
    assert not IS_DISSONANT[harmony._as_set([0, 4, 7])]
    assert not IS_DISSONANT[harmony._as_set([0, 5])]
    for pair in ([0, 1], [0, 2], [0, 6], [0, 10], [0, 11], [4, 2]):
        assert IS_DISSONANT[harmony._as_set(pair)], pair
    assert IS_DISSONANT[harmony._as_set([7, 11, 2, 5])]


def test_a_beat_counts_as_a_triad_on_any_of_its_sixteenths_and_as_dissonant_on_its_first():
    # A suspension, F over C and G, that falls to E on the third sixteenth of the first beat; then C and G alone.
    held = texture([(0, 67, 8)], [(0, 65, 2), (2, 64, 2)], [(0, 60, 8)], bars=(0,), steps=8)
    assert harmony.triad_or_seventh_share(held) == 1 / 2
    assert harmony.dissonant_beats(held) == 1 / 2
    late = texture([(0, 67, 8)], [(0, 64, 2), (2, 65, 2)], [(0, 60, 8)], bars=(0,), steps=8)
    assert harmony.triad_or_seventh_share(late) == 1 / 2
    assert harmony.dissonant_beats(late) == 0


@pytest.mark.parametrize(
    ("upper", "lower", "fifths", "octaves"),
    [
        ([67, 69, 71], [60, 62, 64], 2, 0),
        ([79, 69], [60, 62], 0, 0),  # a twelfth, then a fifth, but in contrary motion
        ([79, 81], [60, 62], 1, 0),  # twelfths
        ([67, 67], [60, 60], 0, 0),  # repeated, nobody moves
        ([67, 69], [60, 60], 0, 0),  # one moves
        ([72, 74, 76], [60, 62, 64], 0, 2),
        ([60, 62], [60, 62], 0, 1),  # unisons
        ([67, 68], [60, 62], 0, 0),  # fifth to tritone
        ([60, 62], [67, 69], 1, 0),  # crossed voices
    ],
)
def test_parallels_between_two_voices(upper, lower, fifths, octaves):
    voices = [[(4 * i, pitch, 4) for i, pitch in enumerate(line)] for line in (upper, lower)]
    music = texture(*voices, bars=(0,), steps=4 * len(upper))
    assert harmony.parallels(music, 7) == fifths
    assert harmony.parallels(music, 0) == octaves


def test_parallels_are_counted_for_every_pair_of_voices_by_the_bar_and_not_across_rests():
    voices = [[(0, pitch, 4), (4, pitch + 2, 4)] for pitch in (72, 67, 60, 48)]
    music = texture(*voices)  # two bars
    # Fifths: 67 over 60 and over 48. Octaves: 72, 60, 48 among each other.
    assert harmony.parallels(music, 7) == 2 / 2
    assert harmony.parallels(music, 0) == 3 / 2
    apart = texture([(0, 67, 4), (6, 69, 4)], [(0, 60, 4), (6, 62, 4)])
    assert harmony.parallels(apart, 7) == 0
    # The upper voice moves a sixteenth later: not at the same time.
    assert harmony.parallels(texture([(0, 67, 5), (5, 69, 4)], [(0, 60, 4), (4, 62, 4)]), 7) == 0


def test_where_a_voice_sounds_a_chord_its_outer_note_is_its_line():
    music = texture([(0, 72, 4)], [(0, 64, 4), (0, 67, 4)], [(0, 48, 4), (0, 55, 4)], bars=(0,), steps=4)
    assert music.lines()[:, 0].tolist() == [72, 67, 48]


def test_overlap_counts_lower_voices_alone_beat_by_beat():
    bach = texture([(0, 72, 16)], [(0, 64, 4), (4, 65, 4)], [(0, 60, 8)], bars=(0,), steps=16)
    # Beat 1: {C, E} and {C, G}: one of three. Beat 2: {C, F} and {C, F}. Beat 3: only this one sounds. Beat 4: neither.
    other = texture([(0, 61, 16)], [(0, 67, 4), (4, 53, 4), (8, 62, 2)], [(0, 48, 8)], bars=(0,), steps=16)
    assert harmony.pitch_class_overlap(other, bach) == pytest.approx((1 / 3 + 1 + 0) / 3)
    alone = texture([(0, 72, 16)], bars=(0,), steps=16)
    assert harmony.pitch_class_overlap(alone, bach) == 0


def test_overlap_lays_the_first_full_bars_upon_each_other():
    lower = [(0, 67, 4), (4, 60, 4), (8, 62, 4), (12, 64, 4), (16, 65, 4)]
    pickup = texture([(0, 72, 20)], lower, bars=(0, 4), steps=20)
    full = texture([(0, 72, 16)], [(onset - 4, pitch, 4) for onset, pitch, _ in lower[1:]], bars=(0,), steps=16)
    assert pickup.pickup == 4
    assert full.pickup == 0
    assert harmony.pitch_class_overlap(full, pickup) == 1
    assert harmony.pitch_class_overlap(pickup, full) == 1


def test_beats_are_counted_from_the_bar_lines():
    assert texture([], bars=(0, 6, 22), steps=38).beats == [0, 2, 6, 10, 14, 18, 22, 26, 30, 34, 38]
    assert texture([], bars=(0, 12, 24), steps=30).beats == [0, 4, 8, 12, 16, 20, 24, 28, 30]
    assert texture([], bars=(0,), steps=10).beats == [0, 4, 8, 10]


def test_out_of_scale_by_key():
    music = texture([(0, 60, 4), (4, 61, 4), (8, 66, 4), (12, 68, 4)], bars=(0,), steps=16)
    assert harmony.out_of_scale(music, (0, 0)) == 3 / 4
    assert harmony.out_of_scale(music, (7, 0)) == 2 / 4  # G major has F sharp
    assert harmony.out_of_scale(music, (9, 1)) == 1 / 4  # A minor with its raised sixth and seventh
    assert harmony.out_of_scale(music, (1, 0)) == 0  # D flat major has C, D♭, G♭ and A♭


def test_empty_bars_are_those_without_lower_voices():
    soprano = [(0, 72, 48)]
    assert harmony.empty_bars(texture(soprano, [(0, 60, 4)], bars=(0, 16, 32), steps=48)) == pytest.approx(2 / 3)
    assert harmony.empty_bars(texture(soprano, [(15, 60, 2)], bars=(0, 16, 32), steps=48)) == pytest.approx(1 / 3)
    assert harmony.empty_bars(texture(soprano, bars=(0, 16, 32), steps=48)) == 1


def test_a_composition_becomes_a_texture():
    music = Composition(
        (
            Track((Note(0, 72, 1.0), Note(1, 74, 2.5)), "Soprano"),
            Track((Note(0, 38, 1.0),), "Drums", is_drum=True),
            Track((Note(0.5, 60, 4.0),), "Bass"),
        ),
        pickup=1.0,
    )
    whole = Texture.of(music)
    assert [voice.tolist() for voice in whole.voices] == [[[0, 72, 4], [4, 74, 10]], [[2, 60, 16]]]
    assert (whole.steps, whole.bars, whole.pickup) == (18, (0, 4), 4)
    shorter = Texture.of(music, 12)
    assert [voice.tolist() for voice in shorter.voices] == [[[0, 72, 4], [4, 74, 8]], [[2, 60, 10]]]
    inner = whole.crop(4, 12)
    assert [voice.tolist() for voice in inner.voices] == [[[0, 74, 8]], [[0, 60, 8]]]
    assert (inner.steps, inner.bars) == (8, (0,))
