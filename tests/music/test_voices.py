import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.voices import VOICE_RANGES, assign_voices

# The lower voices of a cadence: I – IV – V(4–3) – I in C, with a passing note in the bass and a suspension in the alto.
ALTO = (Note(0, 67, 1), Note(1, 69, 1), Note(2, 67, 2), Note(4, 67, 2))
TENOR = (Note(0, 64, 1), Note(1, 65, 1), Note(2, 60, 1), Note(3, 59, 1), Note(4, 60, 2))
BASS = (Note(0, 48, 0.5), Note(0.5, 50, 0.5), Note(1, 53, 1), Note(2, 55, 2), Note(4, 48, 2))


def test_a_cadence_gets_its_voices_in_whatever_order_its_notes_come():
    notes = [*ALTO, *TENOR, *BASS]
    for seed in range(5):
        random.Random(seed).shuffle(notes)
        assert assign_voices(notes) == [ALTO, TENOR, BASS]


def test_a_held_note_keeps_its_voice_to_itself():
    held = (Note(0, 60, 4),)
    moving = tuple(Note(i, 64 + i % 2, 1) for i in range(4))
    low = tuple(Note(i, 48, 1) for i in range(4))
    assert assign_voices([*held, *moving, *low]) == [moving, held, low]


def test_a_voice_leaps_little():
    # E4 lies nearer to the middle of the alto's range, but the tenor was next to it
    notes = [Note(0, 72, 1), Note(0, 62, 1), Note(0, 48, 1), Note(1, 64, 1)]
    assert assign_voices(notes) == [(notes[0],), (notes[1], notes[3]), (notes[2],)]


def test_a_voice_enters_near_its_middle():
    notes = [Note(0, 72, 1), Note(0, 62, 1), Note(1, 64, 1)]
    assert assign_voices(notes) == [(notes[0],), (notes[1], notes[2]), ()]


def test_after_a_rest_a_voice_comes_back_to_its_place():
    tenor = (Note(0, 60, 1), Note(3, 60, 1))
    bass = (Note(0, 45, 1), Note(1, 47, 1), Note(2, 48, 1), Note(3, 45, 1))
    assert assign_voices([*tenor, *bass], names=("Tenor", "Bass")) == [tenor, bass]


def test_voices_that_sound_together_are_not_upside_down():
    alto = (Note(0, 63, 1), Note(1, 69, 1))
    tenor = (Note(0, 59, 1), Note(1, 66, 1), Note(2, 66, 1))
    bass = (Note(1, 51, 1), Note(2, 51, 1))
    # the alto on 66, 66 and the tenor on 69 would leap less, and cross
    assert assign_voices([*alto, *tenor, *bass]) == [alto, tenor, bass]


@pytest.mark.parametrize(("pitch", "voice"), [(72, 0), (58, 1), (40, 2)])
def test_a_single_note_goes_where_it_lies_best(pitch, voice):
    assert [len(part) for part in assign_voices([Note(0, pitch, 1)])] == [int(i == voice) for i in range(3)]


def test_more_notes_than_voices_become_chords_in_the_nearest():
    notes = [Note(0, pitch, 1) for pitch in (70, 68, 60, 48)]
    assert assign_voices(notes) == [(Note(0, 68, 1), Note(0, 70, 1)), (Note(0, 60, 1),), (Note(0, 48, 1),)]
    alone = assign_voices(notes, names=("Any",))
    assert alone == [tuple(sorted(notes))]


def test_unisons_are_given_to_two_voices():
    parts = assign_voices([Note(0, 60, 1), Note(0, 60, 1), Note(0, 48, 1)])
    assert [len(part) for part in parts] == [1, 1, 1]


def test_nothing_gives_empty_voices_and_no_voice_is_an_error():
    assert assign_voices([]) == [(), (), ()]
    with pytest.raises(ValueError, match="at least one voice"):
        assign_voices([Note(0, 60, 1)], names=())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            Note, st.integers(0, 24).map(lambda step: step / 4), st.integers(30, 80), st.sampled_from([0.25, 1, 3])
        ),
        max_size=40,
    )
)
def test_every_note_is_given_to_exactly_one_voice(notes):
    parts = assign_voices(notes)
    assert Counter(note for part in parts for note in part) == Counter(notes)
    for part in parts:
        assert list(part) == sorted(part)
    by_onset = Counter(note.onset for note in notes)
    for part in parts:  # two notes start together in a voice only where there are more than three
        for note, following in pairwise(part):
            assert note.onset != following.onset or by_onset[note.onset] > 3


lines = st.lists(  # one note after the other, at any pitch: (rest before, duration, pitch)
    st.tuples(st.sampled_from([0, 0, 0.25, 1]), st.sampled_from([0.25, 0.5, 1, 3]), st.integers(0, 127)), max_size=10
)


@settings(max_examples=150, deadline=None)
@given(st.lists(lines, min_size=3, max_size=3))
def test_no_voice_overlaps_itself_where_at_most_three_notes_sound_together(three):
    notes = []
    for line in three:
        beat = 0.0
        for rest, duration, pitch in line:
            notes.append(Note(beat + rest, pitch, duration))
            beat = notes[-1].offset
    for part in assign_voices(notes):
        assert all(note.offset <= following.onset for note, following in pairwise(part))


def test_four_part_writing_made_by_rule_is_recovered():
    """Random but orderly lines: each voice moves by step or small leap within its range, never crossing another."""
    rng = random.Random(20)
    right = total = 0
    for _ in range(20):
        lines = _orderly_lines(rng, 32)
        parts = assign_voices([note for line in lines for note in line])
        right += sum(len(set(part) & set(line)) for part, line in zip(parts, lines, strict=True))
        total += sum(map(len, lines))
    assert right / total > 0.98


def _orderly_lines(rng, beats):
    pitches = {"Alto": 66, "Tenor": 58, "Bass": 48}
    lines = {name: [] for name in pitches}
    ends = dict.fromkeys(pitches, 0)
    for beat in range(beats):
        for index, name in enumerate(pitches):
            if ends[name] > beat:
                continue
            low, high = VOICE_RANGES[name]
            above = pitches[list(pitches)[index - 1]] - 1 if index else high
            below = pitches[list(pitches)[index + 1]] + 1 if index < 2 else low
            choices = [
                p for p in range(pitches[name] - 4, pitches[name] + 5) if max(low, below) <= p <= min(high, above)
            ]
            pitches[name] = rng.choice(choices or [pitches[name]])
            duration = rng.choice([1, 1, 1, 2])
            lines[name].append(Note(beat, pitches[name], duration))
            ends[name] = beat + duration
    return [tuple(line) for line in lines.values()]


def test_bachs_own_voices_are_recovered():
    chorales = np.load(Path(__file__).parents[2] / "datasets" / "bach_chorales" / "bach_chorales.npz")
    right = total = 0
    for piece in range(0, len(chorales["offsets"]) - 1, 20):
        rows = chorales["notes"][chorales["offsets"][piece] : chorales["offsets"][piece + 1]]
        voices: list[list[Note]] = [[], [], []]
        for onset, pitch, duration, voice in rows.tolist():
            if voice:  # 0 is the soprano
                voices[voice - 1].append(Note(onset / 4, pitch, duration / 4))
        parts = assign_voices([note for line in voices for note in line])
        right += sum((Counter(part) & Counter(line)).total() for part, line in zip(parts, voices, strict=True))
        total += sum(map(len, voices))
    assert total > 3000
    assert right / total > 0.97


def test_nothing_sung_is_the_same_as_no_word_of_it():
    notes = [*ALTO, *TENOR, *BASS]
    assert assign_voices(notes, sung=[(), (), ()]) == assign_voices(notes)
    with pytest.raises(ValueError, match="each of its 3 voices; got 2"):
        assign_voices(notes, sung=[ALTO, TENOR])


def test_what_is_sung_already_is_not_given_out_and_keeps_its_voice_busy():
    assert assign_voices([*ALTO, *BASS], sung=[(), TENOR, ()]) == [ALTO, (), BASS]
    assert assign_voices(ALTO, sung=[(), TENOR, BASS]) == [ALTO, (), ()]


@pytest.mark.parametrize("held", [Note(0, 60, 4), Note(1, 60, 1), Note(1.5, 60, 3)])
def test_a_note_sung_before_with_or_after_its_start_keeps_another_out(held):
    note = Note(1, 59, 1)  # a tenor's note
    assert assign_voices([note]) == [(), (note,), ()]
    assert assign_voices([note], sung=[(), [held], ()])[1] == ()


@pytest.mark.parametrize("touching", [Note(0, 60, 1), Note(2, 60, 1)])
def test_notes_that_touch_what_is_sung_do_not_overlap_it(touching):
    note = Note(1, 59, 1)
    assert assign_voices([note], sung=[(), [touching], ()]) == [(), (note,), ()]


def test_a_voice_leaps_little_from_what_it_sang_and_to_what_it_sings_next():
    note = Note(1, 66, 1)  # alone, an alto's
    assert assign_voices([note], names=("Alto", "Tenor")) == [(note,), ()]
    for onset in (0, 2):
        sung = [[Note(onset, 74, 1)], [Note(onset, 65, 1)]]
        assert assign_voices([note], names=("Alto", "Tenor"), sung=sung) == [(), (note,)]


@pytest.mark.parametrize(("held", "voice"), [(65, 2), (55, 0)])
def test_voices_are_not_upside_down_with_what_is_sung(held, voice):
    note = Note(1, 61, 1)  # below what the alto holds it is the tenor's, above it the soprano's
    parts = assign_voices([note], names=("Soprano", "Alto", "Tenor"), sung=[[], [Note(0, held, 8)], []])
    assert parts[voice] == (note,)


def test_where_ranges_are_strict_a_voice_rather_leaps_than_leaves_its_own():
    notes = [Note(2, 50, 2), Note(2, 38, 2), Note(4, 47, 3)]  # the last one lies a semitone below the tenor's range
    tenor, bass = assign_voices(notes)[1:]
    assert (pitches(tenor), pitches(bass)) == ([50, 47], [38])
    tenor, bass = assign_voices(notes, strict_ranges=True)[1:]
    assert (pitches(tenor), pitches(bass)) == ([50], [38, 47])


def pitches(notes):
    return [note.pitch for note in notes]
