from pathlib import Path

import pytest

import deepcomposer_lab.music.sample_melodies as folder
from deepcomposer_lab.music.midi import read_midi
from deepcomposer_lab.music.sample_melodies.write_samples import SCORES, Score, melody_from, write_samples
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

FOLDER = Path(folder.__file__).parent


def test_the_promised_melodies_are_there():
    assert {
        "ode_to_joy", "twinkle_twinkle", "new_world", "deck_the_halls", "mary_had_a_little_lamb", "fur_elise",
        "greensleeves", "scarborough_fair",
    } <= set(list_sample_melodies())  # fmt: skip
    assert list_sample_melodies() == sorted(SCORES)


def test_the_script_writes_the_very_files_that_are_here(tmp_path):
    write_samples(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FOLDER / path.name).read_bytes(), path.name
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in FOLDER.glob("*.mid"))


@pytest.mark.parametrize("name", sorted(SCORES))
def test_each_melody_is_playable_and_complete(name):
    melody = sample_melody(name)
    assert melody == melody_from(SCORES[name])
    assert melody.title == SCORES[name].title
    assert min(note.pitch for note in melody) >= 53
    assert max(note.pitch for note in melody) <= 84
    bars = (melody.end - melody.pickup) / melody.metre.bar_beats
    if melody.pickup:
        assert bars % 1 == pytest.approx(1 - melody.pickup / melody.metre.bar_beats)  # the last bar makes up for it
    else:
        assert bars == int(bars)
    assert 8 <= bars + 1 <= 18
    assert 5 < melody.end * 60 / melody.bpm < 45
    for before, after in zip(melody.notes, melody.notes[1:], strict=False):
        assert before.offset <= after.onset
    assert read_midi((FOLDER / f"{name}.mid").read_bytes()).steps == ()


@pytest.mark.parametrize(
    ("name", "metre", "pickup", "opening"),
    [
        ("ode_to_joy", "4/4", 0, [64, 64, 65, 67, 67, 65, 64, 62]),
        ("fur_elise", "3/8", 0.5, [76, 75, 76, 75, 76, 71, 74, 72, 69]),
        ("greensleeves", "6/8", 0.5, [69, 72, 74, 76, 78, 76, 74]),
        ("scarborough_fair", "3/4", 0, [62, 62, 69, 69, 69, 64, 65, 64, 62]),
        ("amazing_grace", "3/4", 1, [62, 67, 71, 67, 71, 69, 67, 64, 62]),
    ],
)
def test_openings(name, metre, pickup, opening):
    melody = sample_melody(name)
    assert (str(melody.metre), melody.pickup) == (metre, pickup)
    assert [note.pitch for note in melody][: len(opening)] == opening


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'ode'.*ode_to_joy") as caught:
        sample_melody("ode")
    assert all(name in str(caught.value) for name in SCORES)


def test_a_tie_is_one_note_and_the_first_of_a_bar_is_louder():
    melody = melody_from(Score("T", 100, (3, 4), "C4:1 | D4:3~ | D4:1 R:1 E#4:1 | F4:2"))
    assert [(note.onset, note.pitch, note.duration) for note in melody] == [
        (0, 60, 1),
        (1, 62, 4),
        (6, 65, 1),
        (7, 65, 2),
    ]
    assert [note.velocity > 80 for note in melody] == [False, True, False, True]


@pytest.mark.parametrize(
    ("bars", "words"), [("C4:4 | C4:3", "Bar 2.*3.0 beats"), ("C4:4 | H4:4", "'H4:4'"), ("C4:1 | C4:5", "Bar 2.*5.0")]
)
def test_a_wrong_score_is_named(bars, words):
    with pytest.raises(ValueError, match=words):
        melody_from(Score("T", 100, (4, 4), bars))
