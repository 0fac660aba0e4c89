import base64
import json
import re
import struct

import numpy as np
import pytest
import traitlets

from deepcomposer_lab.music.note import Note
from deepcomposer_lab.widgets import edit_scrubber
from deepcomposer_lab.widgets.edit_scrubber import EditHistory, EditScrubber, Opinions, RollNote, ShownEdit, Sound

STILL = '<svg xmlns="http://www.w3.org/2000/svg"><title>Ode</title></svg>'


def opinions(*cells):
    """Opinions of (beat, pitch, probability, removes)."""
    beats, pitches, probabilities, removes = zip(*cells, strict=True) if cells else ((), (), (), ())
    return Opinions(
        np.array(beats, float), np.array(pitches, int), np.array(probabilities, float), np.array(removes, bool)
    )


NOTES = (RollNote(Note(0, 60, 1), 0), RollNote(Note(0.5, 48, 2), None, came=1, went=2))


def history(*edits, notes=NOTES):
    return EditHistory(
        title="Ode",
        tracks=["Melody"],
        notes=notes,
        edits=[ShownEdit(i % 2 == 0, 1, 0.5, f"Words {i}.", "", told) for i, told in enumerate(edits)],
        bars=[(0.0, 1)],
        beats=[1.0, 2.0, 3.0],
        end=4.0,
        step_beats=0.25,
        start="The input.",
    )


def unpacked(heat, ends, first_beat):
    """The other way round, byte by byte as the docstring tells it: one list of cells an edit."""
    found, start = [], 0
    for end in ends:
        cells = []
        for at in range(4 * start, 4 * end, 4):
            step, pitch, probability = struct.unpack("<HBB", heat[at : at + 4])
            cells.append((first_beat + step / 4, pitch % 128, round(probability / 255, 2), pitch >= 128))
        found.append(cells)
        start = end
    assert len(heat) == 4 * start
    return found


class TestPacking:
    def test_what_goes_in_comes_out(self):
        first = [(0.0, 60, 0.5, True), (1.25, 48, 0.02, False), (3.75, 62, 1.0, False)]
        second = [(-0.5, 46, 0.25, False)]  # a column before beat 0, as a pickup has it
        told = history(opinions(*first), opinions(), opinions(*second))
        assert unpacked(*edit_scrubber.packed(told, 46, 62)) == [first, [], second]

    def test_what_cannot_be_seen_is_left_out(self):
        kept = (1.0, 50, 0.3, False)
        told = history(opinions((0.0, 50, 0.019, False), kept, (2.0, 45, 0.9, False), (2.0, 63, 0.9, True)))
        assert unpacked(*edit_scrubber.packed(told, 46, 62)) == [[kept]]

    def test_of_a_long_run_the_likeliest_cells_are_kept(self, monkeypatch):
        monkeypatch.setattr(edit_scrubber, "HEAT_BYTES", 2 * 4 * 3)  # two edits, three cells each
        cells = [(float(i), 50, p, False) for i, p in enumerate((0.2, 0.9, 0.1, 0.8, 0.7))]
        first, second = unpacked(*edit_scrubber.packed(history(opinions(*cells), opinions(cells[0])), 46, 62))
        assert first == [cells[1], cells[3], cells[4]]
        assert second == [cells[0]]

    def test_a_hundred_and_fifty_edits_stay_below_a_megabyte(self):
        everywhere = opinions(*((step / 4, pitch, 0.5, False) for step in range(128) for pitch in range(36, 86)))
        told = history(*[everywhere] * 150, notes=[RollNote(Note(i / 4, 36 + i % 50, 1), None, i) for i in range(150)])
        widget = EditScrubber(told, hear=None, still=STILL, summary="Ode.")
        state = {name: value for name, value in widget.get_state().items() if name in ("roll", "heat", "_esm", "_css")}
        heat = base64.b64encode(state.pop("heat"))
        assert len(heat) + len(json.dumps(state)) < 1_000_000


class TestRoll:
    def test_a_note_says_where_it_came_from_and_when_it_went(self):
        roll = EditScrubber(history(opinions()), hear=None, still=STILL, summary="").roll
        assert roll["notes"] == [[0.0, 60, 1.0, 0, 0, 0], [0.5, 48, 2.0, -1, 1, 2]]
        assert (roll["low"], roll["high"]) == (46, 62)
        assert roll["pitches"][60 - 46] == "C4"
        assert roll["pitches"][0] == "B♭2"
        assert len(roll["pitches"]) == 62 - 46 + 1

    def test_at_the_ends_of_midi_there_is_no_room_beyond(self):
        notes = [RollNote(Note(0, 0, 1), 0), RollNote(Note(0, 127, 1), 0)]
        roll = EditScrubber(history(notes=notes), hear=None, still=STILL, summary="").roll
        assert (roll["low"], roll["high"]) == (0, 127)

    def test_the_position_lies_within_the_run(self):
        widget = EditScrubber(history(opinions(), opinions()), hear=None, still=STILL, summary="")
        widget.position = 2
        with pytest.raises(traitlets.TraitError, match="0–2; got 3"):
            widget.position = 3


class TestHearing:
    @pytest.fixture
    def asked(self):
        return []

    @pytest.fixture
    def widget(self, asked, monkeypatch):
        def hear(edits):
            asked.append(edits)
            if edits == 1:
                raise ValueError("There is nothing to hear.")
            return Sound("audio/wav", b"RIFF" * 10_000, [(0.0, 0.0), (2.0, 4.0)], "Cut.")

        widget = EditScrubber(history(opinions(), opinions()), hear=hear, still=STILL, summary="")
        widget.sent = []
        monkeypatch.setattr(widget, "send", lambda content, buffers=(): widget.sent.append((content, list(buffers))))
        return widget

    def test_a_wish_is_answered_with_sound_once_rendered(self, widget, asked):
        for _ in range(2):
            widget._handle_custom_msg({"kind": "hear", "edit": 2}, [])
        assert asked == [2]
        answer, buffers = widget.sent[1]
        assert answer == {
            "kind": "sound", "edit": 2, "mime": "audio/wav", "clock": [(0.0, 0.0), (2.0, 4.0)], "words": "Cut.",
        }  # fmt: skip
        assert buffers == [b"RIFF" * 10_000]
        assert widget.sent[0] == widget.sent[1]

    def test_what_cannot_be_heard_is_answered_in_words(self, widget):
        widget._handle_custom_msg({"kind": "hear", "edit": 1}, [])
        assert widget.sent == [({"kind": "silence", "edit": 1, "words": "There is nothing to hear."}, [])]

    def test_other_messages_are_left_alone(self, widget, asked):
        widget._handle_custom_msg({"kind": "dance", "edit": 2}, [])
        widget._handle_custom_msg("hear", [])
        assert (asked, widget.sent) == ([], [])

    def test_only_the_last_few_sounds_are_kept(self, asked, monkeypatch):
        monkeypatch.setattr(edit_scrubber, "_SOUNDS_KEPT", 2)
        told = history(*[opinions()] * 4)
        widget = EditScrubber(told, hear=lambda n: asked.append(n) or Sound("", b"", []), still=STILL, summary="")
        for edits in (2, 3, 2, 4, 2, 3):
            widget.sound(edits)
        assert asked == [2, 3, 4, 3]

    def test_sound_is_in_no_state_that_a_notebook_saves(self, widget):
        before = len(repr(widget.get_state()))
        widget._handle_custom_msg({"kind": "hear", "edit": 2}, [])
        assert len(repr(widget.get_state())) == before


class TestOutput:
    def test_without_a_kernel_a_picture_and_a_sentence_are_left(self, monkeypatch):
        shown = []
        monkeypatch.setattr("IPython.display.display", lambda data, **settings: shown.append(data))
        widget = EditScrubber(history(opinions()), hear=None, still=STILL, summary="Ode: 1 edit <of> many.")
        widget._ipython_display_()
        still, living = shown
        assert still["text/plain"] == living["text/plain"] == "Ode: 1 edit <of> many."
        source = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', still["text/html"])[1]
        assert base64.b64decode(source).decode() == STILL
        assert 'alt="Ode: 1 edit &lt;of&gt; many."' in still["text/html"]
        assert living["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
        assert "text/html" not in living  # the picture stands once

    def test_one_bundle_offers_all(self):
        widget = EditScrubber(history(opinions()), hear=None, still=STILL, summary="Ode.")
        data, _ = widget._repr_mimebundle_()
        assert data.keys() >= {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
        assert repr(widget) == "Ode."

    def test_nothing_is_fetched_from_a_network(self):
        for text in (str(EditScrubber._esm), EditScrubber._css):
            addresses = set(re.findall(r"https?://[^\s\"')]+", text))
            assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, not a place
        assert "import" not in re.findall(r"^\w+", str(EditScrubber._esm), flags=re.MULTILINE)
