"""Reducing a band's file: who plays what, where the melody is, what is left out and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bands import TUNE, band, chords, drum_beat, later, line, midi_bytes
from hypothesis import example, given
from hypothesis import strategies as st

from deepcomposer_lab.datasets.bars import bars_of_metres
from deepcomposer_lab.datasets.reduce import BAND, Reduction, reduce_source, skyline
from deepcomposer_lab.datasets.songs import Song, check_song
from deepcomposer_lab.datasets.sources import Source, SourceError, SourceTrack, read_midi_source
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.skyline import skyline as skyline_of_notes


def only_song(reduction: Reduction) -> Song:
    (song,) = reduction.songs
    check_song(song)
    assert song.tracks == BAND
    return song


def test_everybody_gets_what_their_instrument_is_for() -> None:
    song = only_song(reduce_source(band()))
    assert song.track_notes("melody")[:, 1].tolist() == TUNE
    assert song.track_notes("melody")[:, 0].tolist() == [24 * number for number in range(16)]
    assert set(song.track_notes("drums")[:, 1]) == {36, 38, 42}
    assert set(song.track_notes("drums")[:, 2]) == {1}
    assert song.track_notes("bass")[:, 1].tolist() == [36, 43] * 8
    assert set(song.track_notes("guitar")[:, 1]) == {48, 52, 55}
    assert set(song.track_notes("strings")[:, 1]) == {60, 64, 67}
    assert (song.bars, song.tempo, song.key, song.name) == (8, 132.0, (0, 0), "band")


def test_who_doubles_the_melody_or_echoes_it_adds_nothing() -> None:
    doubled = SourceTrack("", 29, False, line([pitch - 12 for pitch in TUNE]))
    echo = SourceTrack("", 80, False, later(line(TUNE), 1.75))
    plain, song = only_song(reduce_source(band())), only_song(reduce_source(band(doubled, echo)))
    assert np.array_equal(song.notes, plain.notes)


def test_the_melody_may_move_to_another_instrument() -> None:
    first = SourceTrack("Trumpet", 56, False, line(TUNE))
    second = SourceTrack("Lead guitar", 29, False, line([pitch + 2 for pitch in TUNE], start=32.0))
    song = only_song(reduce_source(band(first, second, without="melody", bars=16)))
    assert song.track_notes("melody")[:, 1].tolist() == [*TUNE, *(pitch + 2 for pitch in TUNE)]


def test_a_name_that_says_melody_outweighs_another_line() -> None:
    other = later(line([72, 76, 79, 76] * 4), 1)
    named = band(SourceTrack("Melody", 0, False, other))
    unnamed = band(SourceTrack("", 0, False, other))
    assert only_song(reduce_source(named)).track_notes("melody")[0, 1] == 72
    assert only_song(reduce_source(unnamed)).track_notes("melody")[0, 1] == TUNE[0]


def test_without_a_bass_instrument_the_lowest_line_is_the_bass_and_is_raised_into_its_range() -> None:
    synth = SourceTrack("", 81, False, line([22, 27] * 8))
    song = only_song(reduce_source(band(synth, without="bass")))
    assert song.track_notes("bass")[:, 1].tolist() == [34, 39] * 8


def test_a_chord_in_the_bass_leaves_its_lowest_note() -> None:
    fifths = np.concatenate([line([36, 43] * 8), line([43, 50] * 8)])
    song = only_song(reduce_source(band(SourceTrack("", 32, False, fifths), without="bass")))
    assert song.track_notes("bass")[:, 1].tolist() == [36, 43] * 8


def test_effects_and_drums_outside_the_map_are_left_out() -> None:
    helicopter = SourceTrack("", 125, False, line([60, 61] * 8))
    gong = SourceTrack("kit", 0, True, np.array([[0.0, 20, 1.0], [1.0, 90, 1.0], [2.0, 81, 1.0]]))
    plain, song = only_song(reduce_source(band())), only_song(reduce_source(band(helicopter, gong)))
    assert sorted(set(song.track_notes("drums")[:, 1])) == [36, 38, 42, 81]
    for role in ("melody", "bass", "guitar", "strings"):
        assert np.array_equal(song.track_notes(role), plain.track_notes(role))


def test_one_guitarist_plays_one_thing_at_a_time() -> None:
    # A second guitar that strikes with the first completes its chords; one that plays something else is left out.
    together = SourceTrack("", 28, False, chords(8, 52))
    between = SourceTrack("", 28, False, later(line([57] * 32, length=1.0), 0.5))
    assert set(only_song(reduce_source(band(together))).track_notes("guitar")[:, 1]) == {48, 52, 55, 56, 59}
    assert set(only_song(reduce_source(band(between))).track_notes("guitar")[:, 1]) == {48, 52, 55}


def test_a_song_begins_with_the_first_bar_that_sounds() -> None:
    late = Source(
        "late",
        tuple(SourceTrack(t.name, t.program, t.is_drum, later(t.notes, 12)) for t in band().tracks),
        tuple(bars_of_metres([], 44)),
        ((0.0, 90.0), (8.0, 70.0), (40.0, 200.0)),
    )
    song = only_song(reduce_source(late))
    assert song.tempo == 70.0
    assert np.array_equal(song.notes, only_song(reduce_source(band())).notes)


@pytest.mark.parametrize(
    ("metres", "said"),
    [
        ([(0, 3, 4)], ["11 bars in 3/4 left out", "no passage of 8 bars in 4/4"]),
        (
            [(0, 4, 4), (16, 7, 8)],
            ["4 bars of 4/4 in passages shorter than 8", "5 bars in 7/8", "no passage of 8 bars"],
        ),
    ],
)
def test_other_metres_are_said(metres: list[tuple[float, int, int]], said: list[str]) -> None:
    source = Source("waltz", band().tracks, tuple(bars_of_metres(metres, 32)))
    reduction = reduce_source(source)
    assert reduction.songs == ()
    assert all(part in "; ".join(reduction.remarks) for part in said)


def test_each_passage_is_a_song() -> None:
    metres = [(0, 4, 4), (32, 3, 4), (38, 4, 4)]
    tracks = tuple(
        SourceTrack(t.name, t.program, t.is_drum, np.concatenate([t.notes, later(t.notes, 38)])) for t in band().tracks
    )
    source = Source("two", tracks, tuple(bars_of_metres(metres, 70)), ((0.0, 100.0), (38.0, 140.0)))
    first, second = reduce_source(source).songs
    assert (first.name, second.name, first.tempo, second.tempo) == ("two 1", "two 2", 100.0, 140.0)
    assert np.array_equal(first.notes, second.notes)


@pytest.mark.parametrize(
    ("tracks", "said"),
    [
        ((SourceTrack("", 0, True, drum_beat(8)),), "only drums and effects"),
        ((SourceTrack("", 33, False, line([36, 43] * 8)),), "no melody"),
        ((SourceTrack("", 89, False, line([60] * 16)),), "no melody"),
    ],
)
def test_without_a_melody_there_is_no_song(tracks: tuple[SourceTrack, ...], said: str) -> None:
    reduction = reduce_source(Source("x", tracks, tuple(bars_of_metres([], 32))))
    assert reduction.songs == ()
    assert said in "; ".join(reduction.remarks)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(55, 75), st.integers(1, 40)), max_size=25))
@example([(20, 56, 40), (59, 55, 2)])  # an overlap of just half the second note, which no float of twelfths is
def test_the_top_line_is_the_one_that_melodies_are_taken_by(rows: list[tuple[int, int, int]]) -> None:
    """Against the same rules on notes in beats."""
    notes = skyline_of_notes(Note(onset / 12, pitch, duration / 12) for onset, pitch, duration in rows)
    expected = [[round(12 * note.onset), note.pitch, round(12 * note.duration)] for note in notes]
    assert skyline(np.array(rows, dtype=np.int64).reshape(-1, 3)).tolist() == expected


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("ticks", [96, 480, 1024])
def test_a_midi_file_gives_what_was_written(ticks: int, tmp_path: Path) -> None:
    path = tmp_path / "band.mid"
    path.write_bytes(midi_bytes(band(), ticks=ticks))
    source = read_midi_source(path)
    assert source.remarks == ()
    song, expected = only_song(reduce_source(source)), only_song(reduce_source(band()))
    assert np.array_equal(song.notes, expected.notes)
    assert (song.name, song.tempo) == ("band", 132.0)


def test_a_file_whose_beats_mean_nothing_is_counted_in_the_beat_it_keeps() -> None:
    # Real beats are 1.11 of the file's, as after a conversion that kept only the time.
    source = read_midi_source(midi_bytes(band(bars=16), scale=1.11), "converted")
    assert "steady 118.9 beats a minute" in source.remarks[0]
    song, expected = only_song(reduce_source(source)), only_song(reduce_source(band(bars=16)))
    assert np.array_equal(song.notes[:, :2], expected.notes[:, :2])
    assert song.tempo == pytest.approx(132 / 1.11, abs=0.2)


def test_a_file_in_thirty_seconds_is_counted_twice_as_fast() -> None:
    """Eighths of the hi-hat written as thirty-seconds: on a grid of sixteenths half of them would be lost."""
    tracks = [track for track in band(bars=64).tracks if track.is_drum or track.program == 56]
    fast = [SourceTrack(track.name, track.program, track.is_drum, track.notes / [4, 1, 4]) for track in tracks]
    source = read_midi_source(midi_bytes(Source("fast", tuple(fast), (), ((0.0, 60.0),))), "fast")
    assert "twice as fast, 120 a minute" in source.remarks[0]
    song = only_song(reduce_source(source))
    assert (song.tempo, song.bars) == (120.0, 32)
    hats = song.track_notes("drums")
    assert hats[hats[:, 1] == 42, 0].tolist() == list(range(0, 32 * 48, 3))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no MIDI file"),
        (b"ID3 a song", "no MIDI file"),
        (midi_bytes(band())[:-40], "damaged or cut off"),
        (midi_bytes(Source("empty", (), (), ((0.0, 120.0),))), "no notes"),
    ],
)
def test_what_is_no_music_is_named(data: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read_midi_source(data, "x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be opened"):
        read_midi_source(tmp_path / "none.mid")
