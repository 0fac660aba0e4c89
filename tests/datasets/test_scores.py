"""Scores: what they promise, and that they come back from a file and as music as they went in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset, save_scores
from deepcomposer_lab.datasets.saving import count_scores
from deepcomposer_lab.datasets.scores import Score, check_score, without_overlaps
from deepcomposer_lab.encoding.sheet import sheet_of, whole_bars

# A pickup of a quarter, a bar of 4/4, one that a repeat sign splits, one of 3/4, one of 6/8 and a last one of two
# quarters that completes nothing.
BARS = [(0, 4, 4), (24, 4, 4), (120, 4, 4), (144, 4, 4), (216, 3, 4), (288, 6, 8), (360, 4, 4)]
NOTES = [(0, 72, 24, 0), (24, 74, 8, 0), (24, 48, 96, 1), (32, 76, 8, 0), (40, 72, 176, 0), (216, 60, 192, 1)]


@pytest.fixture
def score() -> Score:
    return Score(
        name="a song",
        work="songs",
        notes=np.array(NOTES),
        bars=np.array(BARS),
        length=408,
        parts=(("Voice", 52), ("Piano", 0)),
        bpm=72.0,
    )


def test_the_bars_are_as_long_as_they_truly_are(score: Score) -> None:
    check_score(score)
    assert [bar[:2] for bar in score.stated_bars()] == [
        (0, 24),
        (24, 96),
        (120, 24),
        (144, 72),
        (216, 72),
        (288, 72),
        (360, 48),
    ]
    assert whole_bars(score.stated_bars()) == [
        (-72, 4, 4),
        (24, 4, 4),
        (120, 4, 4),
        (216, 3, 4),
        (288, 6, 8),
        (360, 2, 4),
    ]


def test_as_music_every_note_and_every_bar_line_is_where_it_was(score: Score) -> None:
    piece = score.to_composition()
    assert [(track.name, track.program) for track in piece.tracks] == [("Voice", 52), ("Piano", 0)]
    for number, track in enumerate(piece.tracks):
        own = np.array([(24 * note.onset, note.pitch, 24 * note.duration) for note in track.notes])
        assert own == pytest.approx(np.array([note[:3] for note in NOTES if note[3] == number]))
    assert [24 * bar for bar in piece.bars] == pytest.approx([bar[0] for bar in BARS])
    assert [str(piece.metre_at(bar)) for bar in piece.bars] == [f"{top}/{bottom}" for _, top, bottom in BARS]
    assert (piece.pickup, piece.title, piece.tempos[0].bpm) == (1.0, "a song", 72.0)
    sheet, served = sheet_of(piece)
    assert served
    assert len(sheet.notes) == len(NOTES)


def test_a_plain_piece_states_its_metre_once(score: Score) -> None:
    plain = replace(score, bars=np.array([(0, 4, 4), *((24 + 96 * n, 4, 4) for n in range(5))]), length=504)
    check_score(plain)
    assert len(plain.to_composition().metres) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"notes": np.zeros((0, 4), np.int64)}, "no notes"),
        ({"notes": np.array(NOTES, np.int32)}, "no int64"),
        ({"notes": np.array(NOTES[::-1])}, "not sorted"),
        ({"notes": np.array([*NOTES, (216, 128, 24, 1)])}, "a pitch lies outside"),
        ({"notes": np.array([(0, 72, 0, 0)])}, "shorter than a tick"),
        ({"notes": np.array([(0, 72, 48, 0), (24, 72, 24, 0)])}, "overlap"),
        ({"notes": np.array([(0, 72, 24, 2)])}, "a part that is not there"),
        ({"length": 400}, "after the last bar"),
        ({"length": 360}, "after the last bar"),
        ({"bars": np.array(BARS[1:])}, "first bar"),
        ({"bars": np.array([*BARS[:3], *BARS[2:]])}, "no length"),
        ({"parts": ()}, "0 parts"),
        ({"parts": (("Voice", 52),) * 17}, "17 parts"),
        ({"split": "left out"}, "split"),
    ],
)
def test_what_is_damaged_is_named(score: Score, change: dict, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"'a song' is damaged: .*{problem}"):
        check_score(replace(score, **change))


def test_a_key_struck_again_ends_the_note_before() -> None:
    random = np.random.default_rng(0)
    notes = np.column_stack(
        [random.integers(0, 60, 400), random.integers(60, 66, 400), random.integers(1, 40, 400), np.arange(400) % 2]
    )
    longest: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    for onset, pitch, duration, part in notes.tolist():
        longest[pitch, part][onset] = max(duration, longest[pitch, part].get(onset, 0))
    expected = set()
    for (pitch, part), struck in longest.items():
        for onset, duration in struck.items():
            following = min((other for other in struck if other > onset), default=10_000)
            expected.add((onset, pitch, min(duration, following - onset), part))
    found = without_overlaps(notes)
    assert {tuple(note) for note in found.tolist()} == expected
    assert len(found) == len(expected)
    check_score(Score("", "", found, np.array([(0, 4, 4)]), 200, (("", 0), ("", 0))))
    assert without_overlaps(np.zeros((0, 4))).shape == (0, 4)


def test_kept_scores_are_loaded_as_they_were(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPCOMPOSER_LAB_DATASETS", str(tmp_path))
    trio = replace(score, name="a trio", work="trio", parts=(*score.parts, ("Cello", 42)), kind="piano", split="test")
    card = save_scores(tmp_path / "mine", [score, trio], title="My scores", licence="mine")
    dataset = load_dataset("mine")
    assert dataset.is_scores
    assert dataset.card == card
    assert (card["name"], card["title"], card["ticks_per_beat"]) == ("mine", "My scores", 24)
    for one, other in zip([score, trio], dataset.scores(), strict=True):
        assert np.array_equal(one.notes, other.notes)
        assert np.array_equal(one.bars, other.bars)
        assert other.notes.dtype == other.bars.dtype == np.int64
        assert replace(one, notes=None, bars=None).__dict__ == replace(other, notes=None, bars=None).__dict__
    assert [score.name for score in dataset.scores("test")] == ["a trio"]
    assert dataset.scores("validation") == []
    first = (tmp_path / "mine" / "mine.npz").read_bytes()
    save_scores(tmp_path / "mine", dataset.scores(), title="My scores", licence="mine")
    assert (tmp_path / "mine" / "mine.npz").read_bytes() == first

    with pytest.raises(ValueError, match=r"ask for its \.scores"):
        dataset.pieces()
    with pytest.raises(ValueError, match=r"ask for its \.scores"):
        dataset.songs()
    with pytest.raises(ValueError, match="A split is one of"):
        dataset.scores("dev")


@pytest.mark.parametrize(("name", "method"), [("bach_chorales", "pieces"), ("rock", "songs")])
def test_other_datasets_hold_no_scores(name: str, method: str) -> None:
    with pytest.raises(ValueError, match=rf"'{name}' holds no scores: ask for its .{method}\(\)"):
        load_dataset(name).scores()


def test_counts(score: Score) -> None:
    counts = count_scores([score, replace(score, name="b", split="test", kind="quartets")])
    assert (counts["scores"], counts["works"], counts["bars"], counts["notes"]) == (2, 1, 14, 12)
    nothing = {"scores": 0, "notes": 0}
    assert counts["kinds"]["songs"] == {"train": {"scores": 1, "notes": 6}, "validation": nothing, "test": nothing}
    assert counts["kinds"]["quartets"]["test"] == {"scores": 1, "notes": 6}
    assert counts["parts"] == {"2": 2}


def test_what_is_damaged_or_nothing_is_not_kept(score: Score, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one score"):
        save_scores(tmp_path / "none", [])
    with pytest.raises(ValueError, match="after the last bar"):
        save_scores(tmp_path / "bad", [replace(score, length=300)])
    with pytest.raises(ValueError, match="'songs' is in two splits"):
        save_scores(tmp_path / "leaking", [score, replace(score, name="b", split="test")])
    assert not list(tmp_path.iterdir())
