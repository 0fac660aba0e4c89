"""The studio's kernel side, asked as its page asks: by messages."""

from __future__ import annotations

import io
import json
import re
import threading
import time
import xml.etree.ElementTree as ElementTree

import mido
import numpy as np
import pytest
import soundfile

import deepcomposer_lab as dc
from deepcomposer_lab import library, music_studio
from deepcomposer_lab.music.plain import from_plain, titled_plain

PATIENCE = 60


class Page:
    """Asks a studio, and hears what it tells."""

    def __init__(self, studio):
        self.studio = studio
        self.told, self.answers, self.came = [], {}, threading.Condition()
        studio.widget.send = self._hear
        self.number = 0

    def _hear(self, content, buffers=None):
        with self.came:
            if content["kind"] == "answer":
                self.answers[content["ask"]] = (content, buffers)
            else:
                self.told.append(content)
            self.came.notify_all()

    def ask(self, what, buffers=(), **values):
        """Return the value and the buffers of an answer; a refusal is a ValueError with its sentence."""
        self.number += 1
        number = f"test-{self.number}"
        self.studio.widget._receive(None, {**values, "kind": "ask", "ask": number, "what": what}, list(buffers))
        with self.came:
            assert self.came.wait_for(lambda: number in self.answers, PATIENCE), f"No answer to {what}."
        content, data = self.answers[number]
        if "error" in content:
            raise ValueError(content["error"])
        json.dumps(content)  # it can travel
        return content["value"], data

    def compose(self, **technique):
        """Run a technique to its end, and return the id of what it made."""
        if technique:
            self.ask("set", patch={"technique": technique})
        self.ask("compose")
        self.studio._worker.join(PATIENCE)
        return self.studio.widget.run["result_id"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def page():
    return Page(dc.MusicStudio(dc.sample_melody("frere_jacques")))


def notes(piece):
    return sorted((note[0], note[1]) for track in piece["tracks"] for note in track["notes"])


class TestInput:
    def test_it_begins_with_a_melody_and_needs_no_torch_for_it(self):
        state = dc.MusicStudio().widget.state
        assert state["step"] == 1
        assert state["input"]["title"] == "Ode to Joy"

    def test_settings_are_applied_in_order(self, page):
        late = [[0.06, 60, 0.9, 80], [1.04, 62, 1.0, 80], [1.98, 64, 1.1, 80]]
        piece = titled_plain(dc.Composition([dc.Track([dc.Note(*row) for row in late])]))
        page.ask("input", piece=piece, source="keyboard")
        page.ask(
            "set", patch={"settings": {"rhythm_assist": True, "grid": 1.0, "pitch": 2, "tempo": 60, "trim": [1, 3]}}
        )
        whole, _ = page.ask("prepare")
        assert notes(whole["piece"]) == [(0, 62), (1, 64), (2, 66)]  # the roll shows what lies outside the trim too
        assert notes(whole["ghost"]) == [(0.06, 62), (1.04, 64), (1.98, 66)]
        given = page.studio.prepared()
        assert [(note.onset, note.pitch) for note in given.notes] == [(0, 64), (1, 66)]
        assert given.tempos[0].bpm == 60

    @pytest.mark.parametrize(
        ("settings", "words"),
        [({"tempo": 300}, "40–160"), ({"pitch": 13}, "-12 to"), ({"pitch": 0.5}, "whole semitones")],
    )
    def test_what_is_out_of_range_is_refused_and_changes_nothing(self, page, settings, words):
        before = page.studio.widget.state["settings"]
        with pytest.raises(ValueError, match=re.escape(words)):
            page.ask("set", patch={"settings": settings})
        assert page.studio.widget.state["settings"] == before

    def test_an_unknown_part_of_the_state_is_refused(self, page):
        with pytest.raises(ValueError, match="knows no 'volume'"):
            page.ask("set", patch={"volume": 3})

    def test_a_file_is_read_and_a_wrong_one_told(self, page):
        midi = dc.write_midi(dc.Composition.from_melody(dc.sample_melody("new_world")))
        answer, _ = page.ask("read", [midi], name="largo.mid")
        assert len(notes(answer["piece"])) == 22
        before = page.studio.input
        with pytest.raises(ValueError, match=r"march\.txt is no music file"):
            page.ask("read", [b"la la la"], name="march.txt")
        assert page.studio.input == before

    def test_a_fault_of_the_program_is_a_sentence(self, page, monkeypatch, caplog):
        page.studio.widget.answer("notation", lambda *_: {}["nothing"])
        page.studio.widget._slow.discard("notation")
        with pytest.raises(ValueError, match="by a fault of the program \\(KeyError\\)"):
            page.ask("notation", piece={})
        assert "Traceback" in caplog.text  # for whoever looks for the cause


class TestRuns:
    def test_each_technique_composes_is_kept_and_chains(self, page):
        kept = []
        for name, parameters in (
            ("ar-cnn", {"sampling_iterations": 12}),
            ("gan", {}),
            ("transformers", {"track_extension_duration": 3}),
        ):
            id = page.compose(name=name, model=None, parameters=parameters, seed=7)
            assert page.studio.widget.run["state"] == "done"
            opened, _ = page.ask("open", id=id)
            assert len(opened["lineage"]) == len(kept) + 1
            assert opened["before"] is not None
            assert {row["name"] for row in opened["metrics"]} >= {"polyphonic_rate", "in_scale_ratio"}
            kept.append(id)
            page.ask("use", id=id)
        parents = [library.find_composition(id).parents for id in kept]
        assert parents[1:] == [(kept[0],), (kept[1],)]
        assert page.studio.widget.state["step"] == 3

    def test_news_while_it_runs_add_up_to_what_was_made(self, page):
        before = notes(titled_plain(page.studio.prepared()))
        id = page.compose(name="ar-cnn", parameters={"sampling_iterations": 60}, seed=7)
        told = [message["value"] for message in page.told if message["kind"] == "progress"]
        assert told
        assert all(value["number"] == 1 and 0 <= value["done"] <= value["total"] for value in told)
        made = set(notes(titled_plain(library.open_composition(id))))
        # The last news may come less than a tenth of a second before the end, and then are not told.
        seen = set(before)
        for value in told:
            for adds, onset, pitch, *_ in value["rows"]:
                (seen.add if adds else seen.discard)((onset, pitch))
        assert len(seen ^ made) <= 0.4 * len(made)
        assert len(seen & made) > len(before) / 2

    def test_a_second_run_is_refused_and_cancel_is_quick(self, page):
        page.ask("set", patch={"technique": {"name": "ar-cnn", "parameters": {"sampling_iterations": 500}}})
        page.ask("compose")
        with pytest.raises(ValueError, match="composing already"):
            page.ask("compose")
        end = time.monotonic() + PATIENCE
        while not any(message["kind"] == "progress" for message in page.told):
            assert time.monotonic() < end
            time.sleep(0.02)
        began = time.monotonic()
        page.ask("cancel")
        assert page.studio.widget.run["state"] == "cancelled"
        page.studio._worker.join(PATIENCE)
        assert time.monotonic() - began < 0.3
        assert "kept" in page.studio.widget.run["words"]
        assert page.studio.widget.run["result_id"] is not None

    def test_the_page_is_told_with_which_piece_a_run_begins(self, page):
        page.studio.compose(wait=True, seed=7, sampling_iterations=5)  # as a cell of the notebook does
        [began] = [message["value"] for message in page.told if message["kind"] == "began"]
        assert began == {"number": 1, "piece": titled_plain(page.studio.prepared())}

    def test_a_late_look_at_an_earlier_result_does_not_open_it_again(self, page):
        first = page.compose(parameters={"sampling_iterations": 5}, seed=7)
        second = page.compose(seed=8)
        kept = page.studio.composition
        opened, _ = page.ask("open", id=first)
        assert opened["piece"]["tracks"]
        assert page.studio.widget.state["result_id"] == second
        assert page.studio.composition is kept

    def test_nothing_to_compose_from_is_said(self, page):
        page.ask("input", piece=titled_plain(dc.Composition([dc.Track()])))
        with pytest.raises(ValueError, match="no note to compose from"):
            page.ask("compose")

    def test_a_run_that_fails_says_why_and_the_next_one_works(self, page):
        page.compose(name="gan", model="no_such_model", parameters={})
        assert page.studio.widget.run["state"] == "failed"
        assert "no_such_model" in page.studio.widget.run["error"]
        assert page.compose(name="gan", model=None, parameters={}) is not None

    def test_headless_it_raises(self, page):
        with pytest.raises(music_studio.StudioError, match="max_notes_to_add"):
            page.studio.compose(wait=True, max_notes_to_add=-3)


class TestLibrary:
    @pytest.fixture
    def made(self, page):
        return page.compose(name="gan", model=None, parameters={}, seed=3)

    def test_rename_delete_and_restore(self, page, made):
        page.ask("rename", id=made, title="  My   band ")
        assert page.studio.widget.compositions[0]["title"] == "My band"
        with pytest.raises(ValueError, match="one letter at least"):
            page.ask("rename", id=made, title=" ")
        page.ask("delete", id=made)
        assert made not in [one["id"] for one in page.studio.widget.compositions]
        assert page.studio.widget.state["result_id"] is None
        page.ask("restore", id=made)
        assert page.studio.widget.compositions[0]["title"] == "My band"

    def test_what_was_edited_by_hand_is_a_child(self, page, made):
        opened, _ = page.ask("open", id=made)
        piece = opened["piece"]
        piece["tracks"][0]["notes"] = piece["tracks"][0]["notes"][1:]
        answer, _ = page.ask("keep", id=made, piece=piece)
        edited = library.open_composition(answer["id"])
        assert [step.technique for step in edited.steps] == ["gan", "edit"]
        assert library.find_composition(answer["id"]).parents == (made,)

    def test_pictures_are_small(self, page, made):
        assert len(json.dumps(page.studio.widget.compositions)) < 30_000
        assert all(len(one["picture"]["notes"]) <= 240 for one in page.studio.widget.compositions)

    def test_exports_are_read_back_by_others(self, page, made):
        piece = library.open_composition(made)
        answer, (data,) = page.ask("export", id=made, format="mid")
        assert answer["name"].endswith(".mid")
        struck = [m for m in mido.MidiFile(file=io.BytesIO(data)) if m.type == "note_on" and m.velocity]
        assert len(struck) == len(piece.notes)
        for format in ("wav", "opus"):
            _, (data,) = page.ask("export", id=made, format=format)
            samples, rate = soundfile.read(io.BytesIO(data))
            assert len(samples) / rate >= piece.seconds
            assert np.abs(samples).max() > 0.1
        _, (data,) = page.ask("export", id=made, format="musicxml")
        assert len(ElementTree.fromstring(data).findall("part")) == len(piece.tracks)
        with pytest.raises(ValueError, match="no export 'mp3'"):
            page.ask("export", id=made, format="mp3")

    def test_a_share_file_comes_with_its_name(self, page, made):
        answer, (data,) = page.ask("share", id=made)
        assert answer["name"] == "frere-jacques.html"
        assert b"GANs, Rock" in data

    def test_the_draft_comes_back_after_a_restart(self, page, made):
        page.ask("set", patch={"settings": {"pitch": -3}, "step": 2})
        page.studio._keep_draft()
        again = dc.MusicStudio()
        assert again.widget.state["settings"]["pitch"] == -3
        assert again.widget.state["step"] == 2
        assert again.input == page.studio.input
        assert [one["id"] for one in again.widget.compositions] == [
            one["id"] for one in page.studio.widget.compositions
        ]

    def test_edits_that_were_not_kept_come_back_with_the_draft(self, page, made):
        piece = page.ask("open", id=made)[0]["piece"]
        piece["tracks"][0]["notes"][0][1] += 1
        page.ask("set", patch={"edits": {"id": made, "piece": piece}})
        page.studio._keep_draft()
        again = dc.MusicStudio()
        assert again.widget.state["edits"]["id"] == made
        assert again.widget.state["edits"]["piece"]["tracks"][0]["notes"][0] == piece["tracks"][0]["notes"][0]

    def test_a_damaged_draft_stands_in_nobodys_way(self, home):
        for content in (b"{", b'{"format_version": 1, "draft": {"input": 3}}', b'{"format_version": 99, "draft": {}}'):
            (home / "draft.json").write_bytes(content)
            assert dc.MusicStudio().widget.state["input"]["title"] == "Ode to Joy"

    def test_a_draft_whose_result_was_deleted_goes_back_a_step(self, page, made):
        page.studio._keep_draft()
        library.delete_composition(made)
        state = dc.MusicStudio().widget.state
        assert state["result_id"] is None
        assert state["step"] == 2


def test_the_catalogue_has_every_parameter_with_range_default_and_reason(page):
    page.studio._ready.join(PATIENCE)
    techniques = {one["name"]: one for one in page.studio.widget.catalogue["techniques"]}
    assert list(techniques) == ["ar-cnn", "gan", "transformers"]
    assert [one["name"] for one in techniques["gan"]["algorithms"]] == ["musegan", "unet_gan"]
    for technique in techniques.values():
        assert technique["models"]
        for parameter in technique["parameters"]:
            assert parameter["help"].endswith(".")
            if parameter["kind"] == "number":
                assert parameter["minimum"] <= parameter["default"] <= parameter["maximum"]
    assert not any(model["own"] for one in techniques.values() for model in one["models"])


def test_without_a_kernel_a_picture_stands_in(page, capsys):
    page.studio._ipython_display_()
    assert repr(page.studio).startswith("Music studio: “Frère Jacques”")


def test_a_saved_notebook_stays_small(page):
    size = len(json.dumps(page.studio.widget.get_state(), default=str))
    assert size < 400_000


def test_the_input_can_be_read_back_as_it_was(page):
    page.studio.input = dc.sample_melody("fur_elise")
    piece = from_plain(page.studio.widget.state["input"], "Für Elise")
    assert piece.pickup == 0.5
    assert str(piece.metres[0]) == "3/8"
