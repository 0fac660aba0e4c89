"""The editor, the player, and what widgets share: questions of a page, answered."""

import hashlib

import pytest

import deepcomposer_lab as dc
from deepcomposer_lab.music.plain import titled_plain
from deepcomposer_lab.widgets.lab_widget import ASSETS, LabWidget


def asked(widget, what, buffers=(), **values):
    sent = []
    widget.send = lambda content, data=None: sent.append((content, data))
    widget._receive(None, {**values, "kind": "ask", "ask": "n-1", "what": what}, list(buffers))
    [(content, data)] = sent
    assert content["ask"] == "n-1"
    return content, data


class TestAssets:
    @pytest.mark.parametrize("name", ASSETS)
    def test_a_page_gets_a_file_once(self, name):
        content, (data,) = asked(LabWidget(), "asset", name=name, known=None)
        assert data == ASSETS[name].read_bytes()
        assert content["value"]["sha256"] == hashlib.sha256(data).hexdigest()
        content, data = asked(LabWidget(), "asset", name=name, known=content["value"]["sha256"])
        assert content["value"]["same"]
        assert data == []

    def test_no_other_file_is_given_away(self):
        content, _ = asked(LabWidget(), "asset", name="../../pyproject.toml")
        assert "There is no file" in content["error"]

    def test_no_file_is_in_the_state_that_a_notebook_saves(self):
        for widget in (dc.Player(dc.sample_melody("ode_to_joy")), dc.PianoRollEditor(), dc.MetricPlayground()):
            assert sum(len(str(value)) for value in widget.get_state().values()) < 300_000


class TestEditor:
    def test_what_is_edited_on_the_page_is_here(self):
        melody = dc.sample_melody("amazing_grace")
        editor = dc.PianoRollEditor(melody)
        piece = titled_plain(editor.composition)
        piece["tracks"][0]["notes"][0][1] += 12
        asked(editor, "edit", piece=piece)
        assert editor.composition.notes[0].pitch == melody.notes[0].pitch + 12
        assert (editor.composition.pickup, editor.composition.title) == (1, melody.title)
        assert editor.melody.notes[1:] == melody.notes[1:]

    def test_an_edit_that_is_no_music_is_refused_and_loses_nothing(self):
        editor = dc.PianoRollEditor(dc.sample_melody("ode_to_joy"))
        before = editor.composition
        content, _ = asked(editor, "edit", piece={**titled_plain(before), "tracks": [3]})
        assert "tracks" in content["error"]
        assert editor.composition == before

    def test_how_it_was_made_is_kept_through_an_edit(self):
        made = dc.compose(dc.sample_melody("ode_to_joy"), "gan", seed=3, save=False)
        editor = dc.PianoRollEditor(made)
        asked(editor, "edit", piece=titled_plain(made))
        assert editor.composition.steps == made.steps

    def test_an_empty_one_has_a_falsy_melody(self):
        assert not dc.PianoRollEditor().melody

    def test_what_is_no_music_is_refused(self):
        with pytest.raises(TypeError):
            dc.PianoRollEditor([60, 62])


def test_a_player_takes_another_piece():
    player = dc.Player(dc.sample_melody("ode_to_joy"))
    player.composition = dc.sample_melody("fur_elise")
    assert player.piece["title"] == "Für Elise"
    with pytest.raises(TypeError):
        player.composition = 3
