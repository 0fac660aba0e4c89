"""Corruption: the cure it names must lead back to the chorale, every time."""

import numpy as np
import pytest

from deepcomposer_lab.training.corruption import corrupt, in_parallel, without_doubles


def a_chorale(bars=4):
    """Four voices in quarters and halves, no two alike."""
    notes = []
    for beat in range(4 * bars):
        for voice, base in enumerate((72, 66, 58, 45)):
            if voice < 3 or beat % 2 == 0:
                notes.append((4 * beat, base + (beat * (voice + 3)) % 7, 4 if voice < 3 else 8, voice))
    return np.array(notes, dtype=np.int64)


def cells(notes):
    return {(onset, pitch) for onset, pitch in np.asarray(notes)[:, :2].tolist()}


@pytest.mark.parametrize("seed", range(200))
def test_the_named_edits_lead_back(seed):
    """visible − remove + add is the chorale again, but where a wrong note of another length blocks the true one."""
    original, random = a_chorale(), np.random.default_rng(seed)
    spoilt = corrupt(original, 64, random)
    mended = (cells(spoilt.visible) - cells(spoilt.remove)) | cells(spoilt.add)
    blocked = cells(original) & cells(spoilt.remove)
    assert mended == cells(original) - blocked
    assert not cells(spoilt.add) & cells(spoilt.visible)
    assert cells(spoilt.remove) <= cells(spoilt.visible)
    assert spoilt.edits == len(spoilt.add) + len(spoilt.remove)


def test_added_notes_keep_the_true_duration():
    original = a_chorale()
    truth = {(onset, pitch): duration for onset, pitch, duration, _ in original.tolist()}
    for seed in range(30):
        for onset, pitch, duration in corrupt(original, 64, np.random.default_rng(seed)).add.tolist():
            assert truth[onset, pitch] == duration


def test_every_kind_of_absence_occurs():
    original = a_chorale()
    shares, soprano_alone, untouched = [], 0, 0
    for seed in range(400):
        spoilt = corrupt(original, 64, np.random.default_rng(seed))
        shares.append(len(spoilt.add) / len(original))
        lost = cells(spoilt.add)
        soprano_alone += lost >= cells(original[original[:, 3] > 0]) and not lost & cells(original[original[:, 3] == 0])
        untouched += spoilt.edits == 0
    assert min(shares) == 0
    assert max(shares) > 0.95
    assert 0.2 < np.mean(shares) < 0.6
    assert soprano_alone > 3
    assert 5 < untouched < 80


def test_notes_from_before_the_window_stay():
    original = np.concatenate([np.array([[-4, 60, 8, 1]]), a_chorale()])
    for seed in range(40):
        spoilt = corrupt(original, 64, np.random.default_rng(seed))
        assert [-4, 60, 8, 1] in spoilt.visible.tolist()
        assert (-4, 60) not in cells(spoilt.add) | cells(spoilt.remove)


def two_chords(*voices):
    """One (first, second) pair of pitches a voice, quarters on steps 0 and 4."""
    return np.array([(4 * t, pair[t], 4, voice) for voice, pair in enumerate(voices) for t in (0, 1)])


def test_a_note_is_made_to_follow_another_voice_in_octaves():
    notes = two_chords((72, 74), (64, 62), (55, 57), (48, 43))  # soprano and bass an octave twice apart, then apart
    made = {in_parallel(7, notes, np.random.default_rng(seed))[1] for seed in range(20)}
    # The bass stood two octaves under the soprano, a fifth under the tenor: it goes up a tone with either of them.
    assert made == {50}
    assert in_parallel(7, notes, np.random.default_rng(0)).tolist() == [4, 50, 4, 3]


def test_no_parallel_where_nothing_moves_where_no_interval_is_perfect_or_nothing_came_before():
    still = two_chords((72, 72), (64, 62), (48, 43))
    assert in_parallel(5, still, np.random.default_rng(0)) is None  # the octave's other voice stays
    thirds = two_chords((76, 77), (60, 62))
    assert in_parallel(3, thirds, np.random.default_rng(0)) is None
    assert in_parallel(0, thirds, np.random.default_rng(0)) is None
    bach = two_chords((72, 74), (60, 62))
    assert in_parallel(3, bach, np.random.default_rng(0)) is None  # it is that parallel already


def test_parallels_are_made_by_voices_that_are_seen():
    """In octaves all through, a wrong note of the bass is now and then the parallel; a hidden voice makes none."""
    notes = two_chords((72, 74), (48, 43))
    made = hidden = 0
    for seed in range(3000):
        spoilt = corrupt(notes, 16, np.random.default_rng(seed))
        follows = (4, 50) in cells(spoilt.remove)
        sung = {(0, 72), (4, 74)} <= cells(spoilt.visible)
        made += follows and sung
        hidden += follows and not sung
    assert made > 10
    assert hidden < made / 2  # by chance alone


def test_doubles_become_the_longest():
    notes = np.array([[0, 60, 4, 1], [0, 60, 8, 2], [4, 60, 2, 1]])
    assert without_doubles(notes)[:, :3].tolist() == [[0, 60, 8], [4, 60, 2]]


def test_silence_stays_silent():
    spoilt = corrupt(np.zeros((0, 4), dtype=np.int64), 64, np.random.default_rng(0))
    assert spoilt.edits == 0
    assert len(spoilt.visible) == 0
