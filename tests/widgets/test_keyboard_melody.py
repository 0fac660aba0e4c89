"""The keyboard's Python side: what the browser tells becomes a melody, and what is wrong is said."""

from __future__ import annotations

import pytest
import traitlets

import deepcomposer_lab as dc
from deepcomposer_lab.widgets.virtual_keyboard import KeyEvent, VirtualKeyboard

ROWS = [[0.0, 60, 1.0, 80], [1.0, 62, 2.0, 70], [3.5, 64, 0.5, 60]]


def recorded(keyboard: VirtualKeyboard, rows: list[list[float]], **more: object) -> None:
    """Do what the browser does when a recording ends."""
    keyboard.set_state({"recording": {"title": "Melody", "pickup": 0, "notes": rows, **more}})


def played(keyboard: VirtualKeyboard, events: list[list[float]], first: int = 0) -> None:
    keyboard._handle_custom_msg({"kind": "played", "page": "x", "first": first, "events": events}, [])


class TestMelody:
    def test_nothing_was_played(self) -> None:
        assert not VirtualKeyboard().melody
        assert (VirtualKeyboard().melody or "a sample") == "a sample"

    def test_a_recording_is_a_melody_in_tempo_and_metre(self) -> None:
        keyboard = VirtualKeyboard(bpm=90, metre="3/4")
        recorded(keyboard, ROWS)
        assert keyboard.melody == dc.Melody(tuple(dc.Note(*row) for row in ROWS), bpm=90, metre="3/4")

    def test_trim_is_that_of_melodies(self) -> None:
        keyboard = VirtualKeyboard()
        recorded(keyboard, ROWS)
        whole = keyboard.melody
        keyboard.set_state({"trim": [1, 3.5]})
        assert keyboard.melody == whole.trim(1, 3.5)
        keyboard.set_state({"trim": None})
        assert keyboard.melody == whole

    @pytest.mark.parametrize("name", dc.list_sample_melodies())
    def test_what_is_assigned_comes_back(self, name: str) -> None:
        keyboard, melody = VirtualKeyboard(bpm=70), dc.sample_melody(name)
        keyboard.trim = [0, 1]
        keyboard.melody = melody
        assert keyboard.melody == melody
        assert keyboard.settings["bpm"] == melody.bpm
        assert VirtualKeyboard(melody=melody).melody == melody

    def test_notes_alone_take_the_keyboards_tempo_and_none_clears(self) -> None:
        keyboard = VirtualKeyboard(bpm=70)
        keyboard.melody = [dc.Note(0, 60, 1)]
        assert keyboard.melody == dc.Melody([dc.Note(0, 60, 1)], bpm=70)
        keyboard.melody = []
        assert not keyboard.melody
        assert keyboard.settings["bpm"] == 70

    def test_wrong_kinds_are_refused_and_leave_it_as_it_was(self) -> None:
        keyboard = VirtualKeyboard(melody=dc.sample_melody("ode_to_joy"))
        before = keyboard.melody
        with pytest.raises(TypeError, match=r"dc\.melody_of"):
            keyboard.melody = dc.Composition.from_melody(before)
        with pytest.raises(TypeError, match="Melody, or \\[\\] for none; got 3"):
            keyboard.melody = 3
        with pytest.raises(traitlets.TraitError, match=r"no recording: .*0 or later"):
            recorded(keyboard, [[-1, 60, 1, 80]])
        with pytest.raises(traitlets.TraitError, match="0 ≤ start < end"):
            keyboard.trim = [3, 2]
        assert keyboard.melody == before


class TestSettings:
    def test_some_are_assigned_the_others_stay(self) -> None:
        keyboard = VirtualKeyboard(bpm=90)
        keyboard.settings = {"metre": (6, 8), "count_in": 2}
        assert keyboard.settings["metre"] == "6/8"
        assert (keyboard.settings["bpm"], keyboard.settings["count_in"]) == (90, 2)

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"tempo": 90}, "no setting 'tempo'; there are bpm, metre"),
            ({"bpm": 3}, "4–1000"),
            ({"bpm": "fast"}, "finite number"),
            ({"metre": "4:4"}, 'written "3/4"'),
            ({"velocity": 128}, "1–127"),
            ({"count_in": 0.5}, "whole number"),
            ({"latency": 900}, "0–500"),
            ({"program": 200}, "0–127"),
        ],
    )
    def test_a_slip_is_said(self, wrong: dict[str, object], words: str) -> None:
        keyboard = VirtualKeyboard()
        before = dict(keyboard.settings)
        with pytest.raises(traitlets.TraitError, match=words):
            keyboard.settings = wrong
        assert keyboard.settings == before

    @pytest.mark.parametrize("keys", [(20, 72), (41, 109), (60, 62), (72, 41)])
    def test_a_keyboard_is_no_larger_than_a_piano(self, keys: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match=r"at least 12 keys, from 21 \(A0\) to 108 \(C8\)"):
            VirtualKeyboard(*keys)
        assert repr(VirtualKeyboard(21, 108)) == "VirtualKeyboard(A0–C8, 0 notes recorded)"


class TestEvents:
    def test_they_come_with_the_browsers_time(self) -> None:
        keyboard = VirtualKeyboard()
        heard: list[KeyEvent] = []
        keyboard.on_event(heard.append)
        played(keyboard, [[1, 60, 80, 1_700_000_000_250.5], [0, 60, 0, 1_700_000_000_750]])
        down, up = keyboard.events
        assert (down.on, down.pitch, down.velocity, up.on) == (True, 60, 80, False)
        assert up.time - down.time == pytest.approx(0.4995)
        assert heard == [down, up]

    def test_other_messages_are_none(self) -> None:
        keyboard = VirtualKeyboard()
        keyboard._handle_custom_msg({"kind": "ask", "id": "1", "what": "sample", "name": "ode_to_joy"}, [])
        assert keyboard.events == ()
        assert keyboard.melody == dc.sample_melody("ode_to_joy")
