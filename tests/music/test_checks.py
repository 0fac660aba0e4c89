from fractions import Fraction

import numpy as np
import pytest

from deepcomposer_lab.music.checks import checked_number, checked_text, checked_values, checked_whole
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange
from deepcomposer_lab.music.midi import read_midi, write_midi
from deepcomposer_lab.music.musicxml import to_musicxml
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.pianoroll import PianoRoll
from deepcomposer_lab.music.rhythm_assist import rhythm_assist

TUNE = Melody([Note(0, 60, 1)])


def roll(**fields):
    return PianoRoll(np.zeros((1, 4, 128), np.uint8), np.zeros((1, 4, 128), bool), **fields)


SLIPS = {
    "bpm in words": (lambda: Melody(bpm="fast"), "A tempo in beats a minute .* without quotes; got 'fast'"),
    "tempo in words": (lambda: TUNE.with_tempo("fast"), "A tempo .* got 'fast'"),
    "no pickup": (lambda: Melody(pickup=None), "A pickup .* number; got None"),
    "pickup in words": (lambda: Melody(pickup="x"), "A pickup .* got 'x'"),
    "composition's pickup": (lambda: Composition(pickup="x"), "A pickup .* got 'x'"),
    "program by name": (lambda: Melody(program="flute"), "General MIDI program .* got 'flute'"),
    "half a program": (lambda: Track(program=3.5), "General MIDI program is a whole number; got 3.5"),
    "metre in words": (lambda: Melody(metre="waltz"), r'"3/4".*\(3, 4\).*MetreChange\(0, 3, 4\); got \'waltz\''),
    "half a metre": (lambda: Melody(metre=3), "A metre .* got 3"),
    "metre of three": (lambda: Melody(metre=(0, 3, 4)), r"A metre .* got \(0, 3, 4\)"),
    "metre of text": (lambda: Melody(metre=("three", 4)), "numerator .* got 'three'"),
    "a metre that cannot be": (lambda: Melody(metre="3/5"), "denominator is 1, 2, 4"),
    "numerator of 3.5": (lambda: MetreChange(0, 3.5, 4), "numerator is a whole number; got 3.5"),
    "metre from text": (lambda: MetreChange("start"), "a metre takes hold .* got 'start'"),
    "tempo from nowhere": (lambda: TempoChange(None, 100), "a tempo takes hold .* got None"),
    "pitches for notes": (lambda: Melody([1, 2]), r"melody's notes are Note values; got 1\. .*Note\(0, 60, 1\)"),
    "no notes": (lambda: Melody(notes=None), r"melody's notes are Note values; got None"),
    "notes in words": (lambda: Melody("CDE"), r"melody's notes are Note values; got 'CDE'"),
    "a note alone": (lambda: Track(Note(0, 60, 1)), "track's notes .* type Note.*brackets"),
    "a track's pitches": (lambda: Track([60]), "track's notes are Note values; got 60"),
    "a melody for a track": (lambda: Composition([TUNE]), r"type Melody\. .*Composition\.from_melody"),
    "a melody for tracks": (lambda: Composition(TUNE), r"type Note\. .*Track\(notes\).*Composition\.from_melody"),
    "a track alone": (lambda: Composition(Track()), "tracks are Track values; .*type Track.*brackets"),
    "no tracks": (lambda: Composition(None), "tracks are Track values; got None"),
    "a bare tempo": (lambda: Composition(tempos=120), r"tempos are TempoChange values; got 120.*TempoChange\(0, 120\)"),
    "a bare metre": (lambda: Composition(metres="3/4"), r"metres are MetreChange values; got '3/4'.*MetreChange\(0"),
    "steps": (lambda: Composition(steps=["gan"]), "steps are CompositionStep values; got 'gan'"),
    "no title": (lambda: Composition(title=None), "composition's title is text in quotes.*got None"),
    "melody's title": (lambda: Melody(title=3), "melody's title is text in quotes.*got 3"),
    "a number for a name": (lambda: Track(name=3), "track's name is text in quotes.*got 3"),
    "strength in words": (lambda: rhythm_assist(TUNE, strength="x"), "strength is a finite number.*got 'x'"),
    "no strength": (lambda: rhythm_assist(TUNE, strength=None), "strength is a finite number; got None"),
    "grid in words": (lambda: rhythm_assist(TUNE, grid="1/4"), "grid is a finite number, without quotes; got '1/4'"),
    "no grid": (lambda: rhythm_assist(TUNE, grid=None), "grid is a finite number; got None"),
    "steps in words": (lambda: roll(steps_per_beat="x"), "steps_per_beat is a finite number.*got 'x'"),
    "half a step": (lambda: roll(steps_per_beat=2.5), "steps_per_beat is a whole number; got 2.5"),
    "grid of a roll": (lambda: PianoRoll.from_composition(TUNE, "x"), "steps_per_beat .*got 'x'"),
    "no steps": (lambda: PianoRoll.from_composition(TUNE, 0), "1 or more whole steps a beat; got 0"),
    "roll's pickup": (lambda: roll(pickup="x"), "A pickup .* got 'x'"),
    "roll's title": (lambda: roll(title=None), "title is text in quotes.*got None"),
    "roll's names": (lambda: roll(names=(3,)), "name of a track is text in quotes.*got 3"),
    "roll's programs": (lambda: roll(programs=("flute",)), "General MIDI program .* got 'flute'"),
    "roll's tempos": (lambda: roll(tempos=(120,)), "tempos are TempoChange values; got 120"),
    "roll's metres": (lambda: roll(metres=((3, 4),)), r"metres are MetreChange values; got \(3, 4\)"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_answered_with_a_sentence(slip):
    make, sentence = SLIPS[slip]
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 240


@pytest.mark.parametrize("metre", ["3/4", " 3 / 4 ", (3, 4), [3, 4], MetreChange(0, 3, 4)])
def test_a_metre_may_be_written_as_in_a_score(metre):
    assert Melody(metre=metre) == Melody(metre=MetreChange(0, 3, 4))
    assert Melody(metre="6/8").metre == MetreChange(0, 6, 8)


def test_numbers_of_other_libraries_become_plain_ones():
    for given in (np.float32(0.5), np.array(0.5), Fraction(1, 2)):
        number = checked_number(given, "It")
        assert (number, type(number)) == (0.5, float)
    for given in (np.int64(7), 7.0, True + 6):
        number = checked_whole(given, "It")
        assert (number, type(number)) == (7, int)
    for given in (float("nan"), float("inf"), 10**400, [1, 2], np.zeros(2), "7"):
        with pytest.raises(ValueError, match="It is a finite number"):
            checked_number(given, "It")


def test_a_long_value_is_named_by_its_kind_alone():
    with pytest.raises(TypeError, match="got a value of type list"):
        checked_text(["far too long to be repeated in a message"] * 3, "It")


def test_values_may_come_from_anything_that_can_be_walked_through():
    notes = (Note(0, 60, 1), Note(1, 62, 1))
    assert checked_values(iter(notes), Note, "Notes") == notes
    assert Melody(note for note in reversed(notes)).notes == notes
    assert checked_values([], Note, "Notes") == ()
    with pytest.raises(TypeError, match=r"Notes are Note values; got 7\.$"):
        checked_values([notes[0], 7, "x"], Note, "Notes", {str: "Not the first."})


def test_an_error_inside_a_generator_is_not_taken_for_a_wrong_field():
    def failing():
        yield Note(0, 60, 1)
        raise TypeError("from inside")

    with pytest.raises(TypeError, match="from inside"):
        Melody(failing())


def test_text_that_no_file_can_hold_is_replaced_when_the_value_is_made():
    assert checked_text("a\ud800b", "It") == "a?b"
    assert checked_text("Für Elise ♯ 🎵", "It") == "Für Elise ♯ 🎵"
    assert Melody(title="a\ud800b") == Melody(title="a?b")
    assert Track(name="\udfff") == Track(name="?")
    assert hash(Composition(title="\ud800")) == hash(Composition(title="?"))
    assert roll(title="\ud800", names=("\ud800",)) == roll(title="?", names=("?",))
    assert Composition(steps=[CompositionStep("gan")]).with_title("\ud800").title == "?"


def test_writers_take_a_title_and_a_name_that_came_with_half_a_character():
    piece = Composition([Track([Note(0, 60, 1)], "Al\ud800to")], title="Tu\udfffne")
    assert read_midi(write_midi(piece)) == piece
    assert (piece.title, piece.tracks[0].name) == ("Tu?ne", "Al?to")
    written = to_musicxml(piece).decode("utf-8")
    assert "Tu?ne" in written
    assert "Al?to" in written
