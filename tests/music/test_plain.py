import json

import pytest

import deepcomposer_lab as dc
from deepcomposer_lab.music.composition import CompositionStep
from deepcomposer_lab.music.plain import from_plain, titled_plain, to_plain


def piece():
    return dc.Composition(
        [dc.Track([dc.Note(0.5, 60, 1.25, 90)], "Melody", 40), dc.Track([dc.Note(0, 36, 0.25)], "Drums", is_drum=True)],
        [dc.TempoChange(0, 96.5), dc.TempoChange(2, 120)],
        [dc.MetreChange(0, 6, 8)],
        0.5,
        "A title",
        (CompositionStep("ar-cnn", "m", "2", "abc", {"tracks": ["a"], "n": 3}, 7, "0.1", ("a remark",)),),
    )


def test_it_travels_as_json_and_comes_back_the_same():
    plain = json.loads(json.dumps(to_plain(piece())))
    assert from_plain(plain, "A title") == piece()
    assert "title" not in plain
    assert titled_plain(piece())["title"] == "A title"


def test_what_a_page_sends_needs_no_steps():
    plain = to_plain(piece())
    del plain["steps"]
    assert from_plain(plain, "A title").steps == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tracks": 3}, "'tracks' should be a list"),
        ({"tempos": [[0, 0]]}, "bpm|tempo|beats"),
        ({"tracks": [{"name": "M", "program": 0, "is_drum": False, "notes": [[0, 60, 1]]}]}, "3 numbers instead of 4"),
        ({"tracks": [{"name": "M", "program": 0, "is_drum": False, "notes": [[0, True, 1, 80]]}]}, "a number"),
        ({"pickup": None}, "'pickup' should be a number"),
    ],
)
def test_what_is_wrong_is_told_in_words(change, words):
    with pytest.raises((ValueError, TypeError), match=words):
        from_plain({**to_plain(piece()), **change}, "x")
