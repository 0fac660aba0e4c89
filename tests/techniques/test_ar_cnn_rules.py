"""What AR-CNN may not do: touch what is locked, take the melody, write what a choir cannot sing.

A small random network does the editing, many edits, everything else allowed: the rules hold whatever the scores are.
"""

from collections import Counter
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from untrained import untrained_technique

from deepcomposer_lab.library import open_composition, save_composition
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.midi import read_midi, write_midi
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.span import Span
from deepcomposer_lab.music.voices import VOICE_RANGES
from deepcomposer_lab.techniques.ar_cnn_roll import Placed
from deepcomposer_lab.techniques.ar_cnn_rules import melody_sources

# With few notes to add at once, most of the edits take notes away again.
FREE = {"max_notes_to_remove": 100, "max_notes_to_add": 12, "sampling_iterations": 60, "creative_risk": 6}


TECHNIQUE = untrained_technique()
# Off the grid here and there, with two notes of one pitch that overlap between the tracks.
LEAD = Track([Note(0, 72, 2, 90), Note(2.03, 74, 1.9, 91), Note(4.1, 76, 3.3, 92), Note(8, 72, 4, 93)], "Lead", 40)
CHORDS = Track(
    [Note(beat, pitch, 3.5, 70) for beat in (0, 4, 8) for pitch in (48, 55, 64)] + [Note(9, 72, 2, 70)], "Chords", 0
)
DRUMS = Track([Note(beat / 2, 36, 0.1) for beat in range(24)], "Drums", is_drum=True)
PIECE = Composition([LEAD, CHORDS, DRUMS], title="Piece")


def edited(music, seed=1, **settings):
    """A run that goes on to its last iteration."""
    session = TECHNIQUE.steps(music, seed=seed, **FREE | settings)
    session.may_stop = False
    for _ in session:
        pass
    return session


def all_notes(composition):
    return Counter(note for track in composition.tracks for note in track.notes)


def overlap(one, other):
    return one.onset < other.offset - 1e-9 and other.onset < one.offset - 1e-9


SPANS = st.builds(
    lambda start, length, tracks: Span(start, start + length, tracks),
    st.floats(0, 11.9),
    st.floats(0.01, 8),
    st.sampled_from([None, ("Lead",), ("Chords",), ("Lead", "Chords"), ("Drums",)]),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(SPANS, min_size=1, max_size=3), st.integers(0, 10))
def test_whatever_is_locked_stays_and_nothing_comes_onto_it(spans, seed):
    session = edited(PIECE, seed, locked=spans, sampling_iterations=40)
    result = session.composition()
    added = [placed.note for placed in session.added]
    assert result.tracks[2] == DRUMS
    for span in spans:
        for before, after in zip(PIECE.tracks, result.tracks, strict=False):
            if span.tracks is not None and before.name not in span.tracks:
                continue
            locked = [note for note in before.notes if note.onset < span.end and note.offset > span.start]
            assert set(locked) <= set(after.notes)
            if not before.is_drum:
                assert not any(a.pitch == b.pitch and overlap(a, b) for a in added for b in locked)
        if span.tracks is None:
            assert not any(note.onset < span.end and note.offset > span.start for note in added)


def test_without_locks_the_same_run_touches_everything():
    """What the test above forbids does happen where it is allowed."""
    session = edited(PIECE)
    assert {source[0] for source in session.removed} == {0, 1}
    assert any(placed.note.onset < 8 and placed.note.offset > 4 for placed in session.added)


def test_nothing_allowed_but_a_locked_piece_ends_at_once():
    session = edited(PIECE, locked=[Span(0, 100)])
    assert session.edits == []
    assert session.composition().tracks == PIECE.tracks


def test_a_note_across_the_border_is_locked_whole_and_its_neighbour_is_not():
    sources = edited(PIECE, locked=[Span(5, 6, ["Lead"])]).rules.locked
    assert sources == {(0, 2)}
    assert edited(PIECE, locked=[Span(3.99, 4.1, ["Lead"])]).rules.locked == set()
    assert edited(PIECE, locked=[Span(3.9, 4.11, ["Lead"])]).rules.locked == {(0, 1), (0, 2)}


def test_an_added_note_that_would_last_into_a_closed_passage_ends_at_its_border():
    session = TECHNIQUE.steps(MELODY, locked=[Span(4, 8)])
    room = {onset: session.rules.room(session.roll, 10, onset, 16) for onset in (0, 3, 15, 16, 31, 32, 60)}
    assert room == {0: 16, 3: 13, 15: 1, 16: 0, 31: 0, 32: 16, 60: 4}


MELODY = Melody([Note(beat, 67 + beat * 5 % 12, 1, 90) for beat in range(16)], title="Up and down")


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 50))
def test_a_melody_that_is_kept_is_in_the_result_as_it_was_played(seed):
    assert set(MELODY.notes) <= set(edited(MELODY, seed, keep_melody=True).composition().tracks[0].notes)
    result = edited(PIECE, seed, keep_melody=True).composition()
    assert result.tracks[0] == LEAD
    chords = Melody([Note(0, 60, 4), Note(0, 64, 4), Note(0, 67, 4)])
    assert edited(chords, seed, keep_melody=True, sampling_iterations=10).removed == {}


def test_the_melody_of_a_piece_is_the_top_line_of_its_melody_track():
    line = [Note(0, 72, 2.5), Note(2, 76, 1), Note(4, 74, 4)]  # the first is cut in the line, and locked whole
    piano = Track([*line, Note(0, 48, 4), Note(0, 64, 4), Note(4, 50, 4), Note(6, 65, 1)], "Piano")
    top = {piano.notes[number] for _, number in melody_sources(Composition([CHORDS.with_notes([]), DRUMS, piano]))}
    assert top == set(line)
    assert melody_sources(PIECE) == {(0, number) for number in range(4)}
    removed = edited(Composition([piano]), keep_melody=True).removed
    assert removed
    assert all(placed.note not in line for placed in removed.values())


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 100), st.booleans(), st.sampled_from([0, 100]))
def test_what_a_choir_is_given_it_can_sing(seed, with_chords, removed):
    music = PIECE.with_tracks([LEAD, CHORDS]) if with_chords else MELODY
    session = edited(music, seed, choir=True, max_notes_to_remove=removed, max_notes_to_add=60, sampling_iterations=80)
    added = [placed.note for placed in session.added]
    assert len(added) > 3
    melody = LEAD.notes if with_chords else MELODY.notes
    standing = {placed.note for placed in session.roll.notes}
    others = [note for note in CHORDS.notes if note in standing] if with_chords else ()
    ranges = [VOICE_RANGES[name] for name in ("Alto", "Tenor", "Bass")]
    for note in added:
        assert all(note.pitch <= other.pitch for other in melody if overlap(snapped(note), snapped(other)))
        for quarter in np.arange(note.onset, note.offset, 0.25):
            together = [other for other in added if other.onset <= quarter < other.offset]
            accompaniment = [other for other in others if overlap(snapped(other), Note(quarter, 60, 0.25))]
            assert len(together) + len(accompaniment) <= 3
            pitches = [other.pitch for other in together]
            assert any(
                all(low <= pitch <= high for pitch, (low, high) in zip(pitches, singers, strict=True))
                for singers in permutations(ranges, len(pitches))
            )


CHORALE = Composition(
    [Track([Note(beat, pitch + beat % 8 // 4, 4) for beat in range(0, 16, 4)], name)
     for name, pitch in [("Soprano", 72), ("Alto", 65), ("Tenor", 57), ("Bass", 45)]]
)  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
def test_a_note_that_comes_back_finds_room_in_the_choir(seed):
    settings = {
        "choir": True,
        "keep_melody": True,
        "max_notes_to_remove": 100,
        "creative_risk": 5,
        "avoid_parallels": False,
    }
    session = TECHNIQUE.steps(CHORALE, seed=seed, sampling_iterations=80, **settings)
    session.may_stop = False
    scores_of = session.edit_log_probabilities

    def eager_to_bring_back(**settings):
        scores = scores_of(**settings)
        removals = scores[session.roll.starting.size : -1]
        removals[removals > -np.inf] = scores.max() - 5
        for placed in session.removed.values():
            cell = placed.row * session.roll.roll.shape[2] + placed.onset
            scores[cell] = scores[:-1].max() if scores[cell] > -np.inf else -np.inf
        return scores

    session.edit_log_probabilities = eager_to_bring_back
    for _ in session:
        assert (session.roll.accompanying.sum(axis=0) <= 3).all()
    assert seed or any(edit.from_input and edit.kind == "add" for edit in session.edits)  # it does happen


def test_a_note_may_come_back_where_silence_and_the_choir_leave_it_room():
    """The alto of the second bar, four beats long; what meanwhile sounds in its last quarter decides."""
    session = TECHNIQUE.steps(CHORALE, choir=True, keep_melody=True)
    alto = next(placed for placed in session.roll.notes if placed.source == (1, 1))
    row, last = alto.row, alto.end - 1
    session.roll.take(alto)
    assert session.rules.may_return(session.roll, alto)
    for other in (row, row - 2):
        quarter = Placed(last, other, 1, Note(last / 4, other + 32, 0.25))
        session.roll.insert(quarter)
        assert not session.rules.may_return(session.roll, alto)
        session.roll.take(quarter)
    free = TECHNIQUE.steps(CHORALE)
    free.roll.take(alto)
    free.roll.insert(Placed(last, row - 2, 1, Note(last / 4, row + 30, 0.25)))
    assert free.rules.may_return(free.roll, alto)


def snapped(note):
    onset = np.floor(note.onset * 4 + 0.5) / 4
    return Note(onset, note.pitch, max(0.25, np.floor(note.offset * 4 + 0.5) / 4 - onset))


def test_without_a_choir_the_same_run_goes_beyond_it():
    session = edited(MELODY, sampling_iterations=80, max_notes_to_remove=0, max_notes_to_add=80)
    pitches = [placed.note.pitch for placed in session.added]
    assert max(pitches) > 74 or min(pitches) < 36


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 100))
def test_no_note_comes_onto_one_that_sounds(seed):
    session = edited(PIECE.with_tracks([LEAD, CHORDS]), seed, max_notes_to_remove=0, max_notes_to_add=60)
    added = session.added
    for one, other in combinations(session.roll.notes, 2):
        if one in added or other in added:
            assert one.row != other.row or one.end <= other.onset or other.end <= one.onset


def test_the_locks_stand_in_the_composition_and_in_its_file():
    made = edited(PIECE, locked=[Span(4, 8), Span(0, 2, ["Lead"])], keep_melody=True, choir=True).composition()
    kept = {
        **FREE,
        "keep_melody": True,
        "locked": [{"start": 4.0, "end": 8.0, "tracks": None}, {"start": 0.0, "end": 2.0, "tracks": ["Lead"]}],
        "choir": True,
        "avoid_parallels": True,
    }
    voices = [track.name for track in made.tracks[len(PIECE.tracks) :]]
    kept["voice_tracks"] = {name: name for name in voices}
    assert dict(made.steps[-1].parameters) == kept
    opened = open_composition(save_composition(made))
    assert opened == made
    assert dict(opened.steps[-1].parameters) == kept


def test_again_gives_the_same_and_more_like_this():
    made = TECHNIQUE.compose(PIECE, seed=5, locked=[Span(4, 8)], **FREE)
    opened = open_composition(save_composition(made))
    assert TECHNIQUE.again(opened, PIECE).tracks == made.tracks
    wilder = TECHNIQUE.again(opened.steps[-1], PIECE, creative_risk=2)
    assert wilder.steps[-1].seed == 5
    settings = {**made.steps[-1].parameters, "creative_risk": 2.0}
    assert {**wilder.steps[-1].parameters, "voice_tracks": settings["voice_tracks"]} == settings
    assert wilder.tracks != made.tracks


def test_again_needs_something_that_was_made():
    with pytest.raises(ValueError, match="'Piece' does not tell how it was made"):
        TECHNIQUE.again(PIECE, PIECE)
    with pytest.raises(TypeError, match="a composition made by the technique 'ar-cnn', or its step; got Melody"):
        TECHNIQUE.again(MELODY, MELODY)
    step = TECHNIQUE.compose(PIECE, seed=5, sampling_iterations=1).steps[-1]
    other = PIECE.with_step(type(step)("edit", seed=3))
    with pytest.raises(ValueError, match="made by 'edit'"):
        TECHNIQUE.again(other, PIECE)


def test_fed_back_in_the_locks_name_the_voices():
    once = edited(MELODY, choir=True, max_notes_to_add=60).composition()
    names = [track.name for track in once.tracks]
    assert names[0] == "Melody"
    assert len(names) > 2
    twice = edited(once, 2, locked=[Span(0, 16, names[1:2])], keep_melody=True).composition()
    assert twice.tracks[0] == once.tracks[0]
    assert set(once.tracks[1].notes) <= set(twice.tracks[1].notes)
    assert set(once.tracks[2].notes) - set(all_notes(twice))  # what was not locked was worked on
    assert [track.name for track in twice.tracks][: len(names)] == names


@pytest.mark.parametrize(
    ("locked", "error", "message"),
    [
        ([Span(12, 16)], ValueError, "beats 12 to 16 lies outside the piece, which ends at beat 12"),
        ([Span(0, 4, ["Soprano"])], ValueError, "no track 'Soprano' here; there is 'Lead', 'Chords', 'Drums'"),
        ([(4, 8)], TypeError, r"got \(4, 8\). Beats 4 to 8 are written locked=\[dc.Span\(4, 8\)\]"),
        (Span(4, 8), TypeError, "goes into brackets"),
    ],
)
def test_locks_that_make_no_sense_are_refused_in_words(locked, error, message):
    with pytest.raises(error, match=message):
        TECHNIQUE.compose(PIECE, locked=locked)


@pytest.mark.parametrize(
    ("metre", "pickup"), [((3, 4), 0.0), ((3, 4), 1.0), ((4, 4), 0.5), ((6, 8), 0.5), ((4, 4), 1.25)]
)
def test_a_midi_file_of_any_metre_with_chords_and_drums_gives_sense(metre, pickup):
    piece = read_midi(write_midi(Composition(PIECE.tracks, metres=[MetreChange(0, *metre)], pickup=pickup)))
    session = edited(piece, max_notes_to_remove=20)
    result = session.composition()
    assert (result.metres, result.pickup, result.tempos) == (piece.metres, piece.pickup, piece.tempos)
    assert result.bars == piece.bars
    assert [track for track in result.tracks if track.is_drum] == [track for track in piece.tracks if track.is_drum]
    assert any("drums passed through untouched" in remark for remark in result.steps[-1].remarks)
    assert result.end <= piece.end + 0.25
    assert len(session.removed) <= 0.2 * sum(len(track.notes) for track in piece.tracks if not track.is_drum)
    for placed in session.added:  # on the sixteenths counted from the first bar line
        assert placed.note.onset >= 0
        assert (placed.note.onset * 4).is_integer()
    assert all_notes(read_midi(write_midi(result))).total() == all_notes(result).total()
