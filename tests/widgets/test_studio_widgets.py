"""The editor, the player, the playground, and what they share: questions of a page, answered."""

import hashlib

import pytest

import deepcomposer_lab as dc
from deepcomposer_lab.music.plain import titled_plain
from deepcomposer_lab.widgets.lab_widget import ASSETS, LabWidget
from deepcomposer_lab.widgets.metric_playground import MetricPlayground


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
        for widget in (dc.Player(dc.sample_melody("ode_to_joy")), dc.PianoRollEditor(), dc.metric_playground()):
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


class TestPlayground:
    def test_cells_are_music(self):
        playground = dc.metric_playground()
        playground.cells = [[12, 0], [12, 1], [12, 3], [0, 0], [13, 2], [13, 3]]
        melody, drums = playground.composition.tracks
        assert [(n.onset, n.pitch, n.duration) for n in melody.notes] == [(0, 60, 0.5), (0, 72, 0.25), (0.75, 60, 0.25)]
        assert [(n.onset, n.pitch) for n in drums.notes] == [(0.5, 42), (0.75, 42)]  # strokes stay apart

    def test_a_note_ends_at_the_bar_line(self):
        playground = dc.metric_playground()
        playground.cells = [[5, step] for step in range(12, 20)]
        assert [(n.onset, n.duration) for n in playground.composition.notes] == [(3, 1), (4, 1)]

    def test_the_metrics_follow_the_cells(self):
        seen = []
        playground = MetricPlayground(lambda piece: seen.append(len(piece.notes)) or [{"name": "x"}])
        playground.cells = [[0, 0], [3, 5]]
        assert seen == [0, 2]
        assert playground.metrics == [{"name": "x"}]

    def test_a_melody_is_painted(self):
        playground = dc.metric_playground(music=dc.sample_melody("ode_to_joy"))
        assert playground.composition.notes[0].pitch == 64
        assert max(step for _, step in playground.cells) < 32

    @pytest.mark.parametrize("bars", [0, 5, 2.0, True])
    def test_bars_have_limits(self, bars):
        with pytest.raises(ValueError, match="1–4 bars"):
            dc.metric_playground(bars)


def test_a_player_takes_another_piece():
    player = dc.Player(dc.sample_melody("ode_to_joy"))
    player.composition = dc.sample_melody("fur_elise")
    assert player.piece["title"] == "Für Elise"
    with pytest.raises(TypeError):
        player.composition = 3
