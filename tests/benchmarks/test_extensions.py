"""What extensions are like: each measure counted by hand, and the prompts."""

import math

import numpy as np
import pytest

from deepcomposer_lab.benchmarks.copies import Copy
from deepcomposer_lab.benchmarks.extensions import (
    HEARD,
    LISTENED,
    SECONDS,
    Passage,
    Prompt,
    collapsed,
    cuts_of,
    figures,
    is_long,
    measure,
    prompts_of,
)
from deepcomposer_lab.benchmarks.intervals import bootstrap_weights
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.note import Note

BAR = 96


def passage(*notes: tuple[int, int, int], steps: int = 3 * BAR, key: tuple[int, int] = (0, 0)) -> Passage:
    return Passage.of(np.array([(*note, 0) for note in notes]).reshape(-1, 4), steps, BAR, key)


def test_measures_counted_by_hand() -> None:
    # Bar 1: C and E for half a bar, then silence. Bar 2: the same. Bar 3: C and F sharp for a whole bar.
    bars = [(0, 60, 48), (0, 64, 48), (96, 60, 48), (96, 64, 48), (192, 60, 96), (192, 66, 96)]
    found = measure(passage(*bars))
    assert found["notes_per_beat"] == 6 / 12
    assert found["polyphony"] == 2
    assert found["in_scale_ratio"] == 5 / 6
    assert found["pitch_class_entropy"] == pytest.approx(math.log2(2) / 2 + math.log2(3) / 3 + math.log2(6) / 6)
    assert found["rests"] == 1 / 3
    assert found["bar_similarity"] == pytest.approx((1 + 1 / 3) / 2)
    assert found["looped_bars"] == 1 / 2


def test_a_loop_of_two_bars_is_found_and_a_longer_one_is_not() -> None:
    def in_turn(*pitches: int) -> Passage:
        return passage(*((96 * bar, pitch, 24) for bar, pitch in enumerate(pitches)), steps=96 * len(pitches))

    assert measure(in_turn(60, 62, 60, 62, 60, 62))["looped_bars"] == 4 / 5
    assert measure(in_turn(60, 62, 64, 60, 62, 64))["looped_bars"] == 0


def test_silence_has_no_answer_where_there_is_none() -> None:
    found = measure(passage())
    assert (found["notes_per_beat"], found["rests"]) == (0, 1)
    assert all(math.isnan(found[name]) for name in ("polyphony", "in_scale_ratio", "bar_similarity", "looped_bars"))


def test_notes_end_with_the_passage_and_none_starts_before() -> None:
    found = passage((-24, 60, 48), (280, 62, 48), (300, 64, 24))
    assert found.notes.tolist() == [[280, 62, 8, 0]]


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([], True),
        ([(0, 60, 288)], True),  # one note
        ([(0, 60, 24), (24, 62, 24), (48, 64, 24)], True),  # then silence
        ([(0, 60, 24), (24, 62, 24), (48, 64, 240)], False),  # a long last note
        ([(0, 64, 24), *((step, 60, 24) for step in range(144, 288, 24))], True),  # one repeated note
        ([(0, 64, 24), *((step, 60 + step % 48, 24) for step in range(144, 288, 24))], False),
    ],
)
def test_collapse(notes: list[tuple[int, int, int]], expected: bool) -> None:
    assert collapsed(passage(*notes)) is expected


def test_long_copies_have_more_than_a_few_long_notes() -> None:
    assert is_long(Copy(4, 192), 96)
    assert not is_long(Copy(4, 191), 96)
    assert not is_long(Copy(3, 400), 96)


def chorales() -> list[Composition]:
    return [piece.to_composition() for piece in load_dataset("bach_chorales").pieces("test")]


def test_prompts_leave_enough_before_and_after_and_are_the_same_every_time() -> None:
    pieces = chorales()
    prompts = prompts_of(pieces, 100)
    assert len(prompts) == 100
    assert [(one.name, one.given) for one in prompts_of(pieces, 100)] == [(one.name, one.given) for one in prompts]
    # From every piece that is long enough.
    assert {prompt.name for prompt in prompts} == {piece.title for piece in pieces if cuts_of(piece)}
    for prompt in prompts:
        assert prompt.given.seconds <= LISTENED + 1e-6
        assert prompt.real.steps == round(SECONDS * prompt.given.tempos[0].bpm / 60 * 24)
        assert len(prompt.real.notes) > 0
    assert len({prompt.given for prompt in prompts}) == 100
    assert len(prompts_of(pieces[:2], 1000)) == sum(len(cuts_of(piece)) for piece in pieces[:2])
    few = prompts_of(pieces, 5)
    assert len({prompt.name for prompt in few}) == 5


def test_the_real_continuation_is_what_follows_the_cut() -> None:
    piece = chorales()[0]
    at = cuts_of(piece)[1]
    assert at * 60 / piece.tempos[0].bpm >= HEARD
    prompt = Prompt.cut(piece, at)
    expected = sorted((round((note.onset - at) * 24), note.pitch) for note in piece.notes if note.onset >= at)
    expected = [note for note in expected if note[0] < prompt.real.steps]
    assert sorted((onset, pitch) for onset, pitch, *_ in prompt.real.notes.tolist()) == expected
    # Given and real together are an extension of what is given.
    extended = piece.trim(0, at + prompt.real.steps / 24)
    start = at - prompt.given.end
    same = Prompt(prompt.name, piece.trim(0, at), prompt.real).passage(extended)
    assert start >= 0
    assert np.array_equal(same.notes, prompt.real.notes)


def test_short_pieces_are_refused() -> None:
    short = Composition((Track((Note(0, 60, 4),)),))
    with pytest.raises(ValueError, match="longer than 23 seconds"):
        prompts_of([short])


def test_figures_tell_a_copy_from_new_music() -> None:
    tune = [(24 * step, 60 + pitch, 24) for step, pitch in enumerate((0, 4, 2, 5, 7, 11, 9, 7, 5, 4, 2, 0))]
    random = np.random.default_rng(0)
    new = [(onset, 60 + int(random.integers(0, 12)), 24) for onset, *_ in tune]
    training = [np.array([(onset + 7, pitch + 5, duration, 2) for onset, pitch, duration in tune])]
    found = figures([passage(*tune), passage(*new)], [passage(*new)] * 2, training, bootstrap_weights(2, 10))
    assert found["copied_over_two_bars_share"][0] == 0.5
    assert found["part_copied_over_two_bars_share"][0] == 0.5
    assert found["real.copied_over_two_bars_share"][0] == 0
    assert found["copied_notes"][0] > found["real.copied_notes"][0]
    assert found["collapsed_share"][0] == 0
