"""The metric playground's Python side: what is painted becomes music, and is measured as `dc.metrics` measures it."""

from __future__ import annotations

import random
from typing import Any

import pytest
import traitlets

import deepcomposer_lab as dc
from deepcomposer_lab.metric_bands import bands
from deepcomposer_lab.widgets.metric_playground import MetricPlayground

C4, E4, G4, C5 = 12, 8, 5, 0
HIHAT, BASS_DRUM = 13, 15


def painted(playground: MetricPlayground, notes: list[list[int]], edit: int = 1) -> None:
    """Do what the page does when something is painted."""
    playground.set_state({"notes": notes, "edit": edit})


def value(playground: MetricPlayground, name: str) -> Any:
    [row] = [row for row in playground.metrics if row["name"] == name]
    return row["value"]


class TestMusic:
    def test_rows_are_pitches_from_the_top_and_drums(self) -> None:
        playground = dc.MetricPlayground()
        painted(playground, [[C5, 0, 4], [C4, 4, 12], [HIHAT, 2, 1], [BASS_DRUM, 0, 1]])
        melody, drums = playground.composition.tracks
        assert [(note.name, note.onset, note.duration) for note in melody.notes] == [("C5", 0, 1), ("C4", 1, 3)]
        assert [(note.pitch, note.onset) for note in drums.notes] == [(36, 0), (42, 0.5)]
        assert drums.is_drum
        assert not melody.is_drum
        assert playground.rows[C5] == "C5"
        assert playground.rows[E4] == "E4"
        assert playground.rows[C4] == "C4"

    def test_music_that_is_given_lies_in_the_grid_as_it_was(self) -> None:
        melody = dc.sample_melody("ode_to_joy")
        playground = dc.MetricPlayground(bars=4, music=melody)
        inside = melody.trim(0, 16)
        found = [(note.onset, note.pitch, note.duration) for note in playground.composition.notes]
        assert found == [(note.onset, note.pitch, note.duration) for note in inside]

    def test_what_lies_outside_is_left_out_and_what_crosses_the_end_is_cut(self) -> None:
        melody = dc.Melody([dc.Note(0, 59, 1), dc.Note(0, 73, 1), dc.Note(3, 60, 9), dc.Note(8, 62, 1)])
        playground = dc.MetricPlayground(bars=2, music=melody)
        assert playground.notes == [[C4, 12, 20]]

    def test_a_composition_may_be_assigned(self) -> None:
        playground = dc.MetricPlayground()
        beat = dc.Track([dc.Note(0, 36, 1), dc.Note(1, 51, 1)], is_drum=True)
        playground.composition = dc.Composition([dc.Track([dc.Note(0, 64, 1), dc.Note(1, 64, 1)]), beat])
        assert playground.notes == [[E4, 0, 4], [E4, 4, 4], [BASS_DRUM, 0, 1]]  # two notes, not one; no ride cymbal
        assert value(playground, "distinct_pitches_per_bar") == 1

    def test_there_and_back_is_the_same(self) -> None:
        rng = random.Random(7)
        for _ in range(50):
            notes = []
            for row in rng.sample(range(16), 6):
                ends = sorted(rng.sample(range(33), 2 * rng.randint(1, 4)))
                notes += [
                    [row, start, 1 if row >= HIHAT else end - start]
                    for start, end in zip(ends[::2], ends[1::2], strict=True)
                ]
            playground = dc.MetricPlayground()
            playground.notes = notes
            again = dc.MetricPlayground(music=playground.composition)
            assert again.notes == playground.notes == sorted(notes)


class TestMeasuring:
    def test_the_numbers_are_those_of_the_metrics(self) -> None:
        playground = dc.MetricPlayground(music=dc.sample_melody("ode_to_joy"))
        painted(playground, [[C4, 0, 16], [E4, 0, 16], [G4, 8, 8], [HIHAT, 1, 1], [HIHAT, 2, 1]])
        wanted = dc.metrics.evaluate(playground.composition, key="C").overall.as_dict()
        for row in playground.metrics:
            assert row["value"] == pytest.approx(wanted[row["name"]], abs=1e-4)
        assert value(playground, "polyphonic_rate") == 0.5
        assert value(playground, "drum_in_pattern") == 0.55

    def test_silence_has_no_ratio_and_says_why(self) -> None:
        rows = {row["name"]: row for row in dc.MetricPlayground().metrics}
        assert rows["in_scale_ratio"]["value"] is None
        assert "No pitched notes" in rows["in_scale_ratio"]["reason"]
        assert rows["drum_in_pattern"]["value"] is None
        assert "No drums" in rows["drum_in_pattern"]["reason"]
        assert rows["empty_bar_rate"]["value"] == 1

    def test_the_page_knows_to_which_edit_the_numbers_belong(self) -> None:
        playground = dc.MetricPlayground()
        painted(playground, [[C4, 0, 16]], edit=5)
        assert playground.measured == 5
        painted(playground, [], edit=6)
        assert playground.measured == 6

    def test_the_band_is_that_of_the_chosen_data(self) -> None:
        playground = dc.MetricPlayground()
        playground.set_state({"dataset": "jazz", "edit": 1})
        rows = {row["name"]: row for row in playground.metrics}
        assert [rows["drum_in_pattern"]["low"], rows["drum_in_pattern"]["high"]] == bands()["jazz"]["metrics"][
            "drum_in_pattern"
        ]
        assert playground.measured == 1
        assert dict(playground.datasets)["jazz"] == "jazz arrangements"

    def test_it_prints_its_numbers(self) -> None:
        words = repr(dc.MetricPlayground(music=dc.sample_melody("ode_to_joy")))
        assert "In scale ratio, C major 1.00" in words
        assert "Drum in pattern –" in words


class TestRefusals:
    @pytest.mark.parametrize("bars", [0, 5, 1.5])
    def test_bars(self, bars: Any) -> None:
        with pytest.raises(ValueError, match="bars"):
            dc.MetricPlayground(bars=bars)

    @pytest.mark.parametrize(
        ("notes", "words"),
        [
            ([[16, 0, 1]], "rows 0–15"),
            ([[0, 30, 4]], "steps 0–31"),
            ([[0, 0, 0]], "1 step long or more"),
            ([[0, 0]], "row, step, length"),
            ([[0, 0, 4], [0, 3, 1]], "sound at step 3"),
            ([[0, 0.5, 1]], "whole number"),
        ],
    )
    def test_notes_that_do_not_lie_in_the_grid(self, notes: Any, words: str) -> None:
        playground = dc.MetricPlayground()
        with pytest.raises(traitlets.TraitError, match=words):
            playground.notes = notes
        assert playground.notes == []

    def test_data_that_are_not_there(self) -> None:
        with pytest.raises(traitlets.TraitError, match=r"'techno'.*bach_chorales"):
            dc.MetricPlayground().dataset = "techno"
