"""The piano-roll editor's Python side: edits from the page, changes from cells, undo of both, the chosen track."""

import pytest

import deepcomposer_lab as dc
from deepcomposer_lab.music.plain import titled_plain


def edit(editor, change, **more):
    """Change the piece as the page would, and return what the page is answered."""
    sent = []
    editor.send = lambda content, data=None: sent.append(content)
    piece = titled_plain(editor.composition)
    change(piece)
    editor._receive(None, {"kind": "ask", "ask": "n-1", "what": "edit", "piece": piece, **more}, [])
    [content] = sent
    return content


def higher(piece):
    for track in piece["tracks"]:
        for note in track["notes"]:
            note[1] += 1


def pitches(editor):
    return [note.pitch for note in editor.composition.notes]


def two_tracks():
    melody = dc.Track([dc.Note(i, 72 + i, 1) for i in range(4)], "Melody", program=73)
    return dc.Composition([dc.Track([dc.Note(0, 40, 4)], "Bass", program=33), melody], title="Two")


class TestUndo:
    def test_edits_and_cells_are_taken_back_one_by_one(self):
        editor = dc.PianoRollEditor(dc.Melody([dc.Note(0, 60, 1)]))
        edit(editor, higher)
        editor.composition = dc.Melody([dc.Note(0, 70, 1)])
        seen = [pitches(editor)]
        for step in (editor.undo, editor.undo, editor.undo, editor.redo, editor.redo, editor.redo):
            step()
            seen.append(pitches(editor))
        assert seen == [[70], [61], [60], [60], [61], [70], [70]]

    def test_what_the_page_takes_back_is_not_done_again_by_undo(self):
        editor = dc.PianoRollEditor(dc.Melody([dc.Note(0, 60, 1)]))
        edit(editor, higher)
        edit(editor, higher)
        edit(editor, lambda piece: piece["tracks"][0]["notes"][0].__setitem__(1, 61), reason="undo")
        editor.undo()
        assert pitches(editor) == [60]

    def test_after_a_new_edit_nothing_is_done_again(self):
        editor = dc.PianoRollEditor(dc.Melody([dc.Note(0, 60, 1)]))
        edit(editor, higher)
        editor.undo()
        edit(editor, lambda piece: piece["tracks"][0]["notes"][0].__setitem__(1, 50))
        editor.redo()
        assert pitches(editor) == [50]


class TestWhoseAPieceIs:
    def test_piece_and_its_edit_go_out_together(self):
        editor = dc.PianoRollEditor(dc.Melody([dc.Note(0, 60, 1)]))
        states = []
        editor.send_state = lambda key=None: states.append(
            {key} if isinstance(key, str) else set(key or ())
        )  # it is emptied
        edit(editor, higher, page="p", number=7)
        assert editor.edit == {"page": "p", "number": 7}
        assert any({"piece", "edit"} <= keys for keys in states)

    def test_a_cell_is_nobodys_edit(self):
        editor = dc.PianoRollEditor(dc.Melody([dc.Note(0, 60, 1)]))
        edit(editor, higher, page="p", number=7)
        editor.composition = dc.Melody([dc.Note(0, 50, 1)])
        assert editor.edit is None


class TestPiece:
    def test_tempos_metres_pickup_and_title_are_kept(self):
        given = dc.Composition(
            [dc.Track([dc.Note(0, 60, 1)], "A")],
            tempos=[dc.TempoChange(0, 90), dc.TempoChange(4, 130)],
            metres=[dc.MetreChange(0, 3, 4)],
            pickup=1,
            title="Waltz",
        )
        editor = dc.PianoRollEditor(given)
        edit(editor, higher)
        made = editor.composition
        assert (made.tempos, made.metres, made.pickup, made.title) == (given.tempos, given.metres, 1, "Waltz")

    def test_the_melody_is_the_chosen_track(self):
        editor = dc.PianoRollEditor(two_tracks())
        assert editor.melody.program == 73  # where the melody was found
        editor.chosen = 0
        assert [note.pitch for note in editor.melody] == [40]
        assert editor.melody.program == 33

    def test_drums_alone_are_no_melody(self):
        drums = dc.Composition([dc.Track([dc.Note(0, 38, 1)], "Drums", is_drum=True)])
        assert not dc.PianoRollEditor(drums).melody

    def test_before_is_music_and_can_be_taken_away(self):
        editor = dc.PianoRollEditor(two_tracks(), before=dc.Melody([dc.Note(0, 60, 1)]))
        assert editor.before.notes[0].pitch == 60
        editor.before = None
        assert editor.before_piece is None
        with pytest.raises(TypeError):
            editor.before = [60]

    def test_a_persons_change_is_told_among_the_steps_once(self):
        made = dc.compose(dc.sample_melody("ode_to_joy"), "gan", seed=3, save=False)
        editor = dc.PianoRollEditor(made)
        edit(editor, higher)
        edit(editor, higher)
        assert [step.technique for step in editor.composition.steps] == ["gan", "edit"]
