"""Picking the melody out of a piece: which track, and which of its notes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.note import Note

_MELODY_WORDS = re.compile(r"\b(melody|melodie|soprano|lead|vocals?|voice|solo|theme|tune|cantus)\b", re.IGNORECASE)
_LEAST_SHARE = 0.25  # of the longest-sounding track: a triangle that rings twice is no melody
_EPSILON = 1e-9  # beats
_LEGATO = 0.125  # beats; notes that overlap by less were played one after the other, smoothly


def skyline(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return the top line of `notes`: one note at a time, always the highest.

    The rules, in order of onset:

    - of notes that start together the highest is kept (of one pitch, the longest);
    - a note is cut where a higher or equal one starts;
    - a lower note that starts while a higher one sounds is left out, unless the two overlap by less than an
      eighth of a beat and by less than half of either: then they were played legato, and the first is cut.

    Source: the skyline of Uitdenbogerd and Zobel, "Melodic matching techniques for large music databases",
    ACM Multimedia 1999, section 3 ("all-mono"), with the legato rule added for notes that people play.

    Parameters
    ----------
    notes : iterable of Note
        Any polyphony, any order.

    Returns
    -------
    tuple of Note
        Sorted by onset; no two sound at once.
    """
    line: list[Note] = []
    for note in sorted(notes, key=lambda note: (note.onset, -note.pitch, -note.duration)):
        if not line or note.onset >= line[-1].offset:
            line.append(note)
            continue
        last = line[-1]
        if note.onset == last.onset:
            continue
        overlap = last.offset - note.onset
        longest_legato = min(_LEGATO, min(last.duration, note.duration) / 2)
        legato = overlap < longest_legato - _EPSILON  # an overlap of just so much is none, however it was rounded
        if note.pitch >= last.pitch or legato:
            line[-1] = replace(last, duration=note.onset - last.onset)
            line.append(note)
    return tuple(line)


def choose_melody(composition: Composition) -> tuple[Melody, str]:
    """Return the melody of a piece, and one sentence that says where it was found.

    The track whose name says so ("Melody", "Soprano", "Voice" …) is taken; else, of the pitched tracks that
    sound at least a quarter as long as the longest-sounding one, the one whose top line lies highest. Where
    that track is polyphonic, its `skyline` is the melody. The piece's first tempo and metre and its pickup
    are kept.

    Parameters
    ----------
    composition : Composition
        At least one pitched track has notes.

    Raises
    ------
    ValueError
        When there are no notes but drums.
    """
    number, track, why = _melody_track(_pitched(composition))
    line = skyline(track.notes)
    sentence = f"The melody is track {number}, “{track.name}”, {why}"
    if line != track.notes:
        sentence += f"; several of its notes sound at once, so its top line (the skyline) was taken, {len(line)} of "
        sentence += f"its {len(track.notes)} notes"
    if len(composition.tempos) > 1 or len(composition.metres) > 1:
        sentence += "; a melody has one tempo and one metre, so later changes of them were left out"
    melody = Melody(
        notes=line,
        bpm=composition.tempos[0].bpm,
        metre=composition.metres[0],
        pickup=composition.pickup,
        program=track.program,
        title=composition.title,
    )
    return melody, sentence + "."


def melody_track(composition: Composition) -> int:
    """Return the index of the track in which `choose_melody` finds the melody, with the same errors."""
    return _melody_track(_pitched(composition))[0] - 1


def _pitched(composition: Composition) -> list[tuple[int, Track]]:
    """Return the tracks that could hold the melody, each with its number, counted from 1."""
    pitched = [
        (number, track) for number, track in enumerate(composition.tracks, 1) if track.notes and not track.is_drum
    ]
    if not pitched:
        found = "only drums" if composition.notes else "no notes"
        raise ValueError(f"{composition.title!r} has {found}; a melody needs a track with pitched notes.")
    return pitched


def _melody_track(pitched: list[tuple[int, Track]]) -> tuple[int, Track, str]:
    if len(pitched) == 1:
        return *pitched[0], "the only one with pitched notes"
    for number, track in pitched:
        if _MELODY_WORDS.search(track.name):
            return number, track, "which its name says"
    longest = max(_sounding(track) for _, track in pitched)
    candidates = [entry for entry in pitched if _sounding(entry[1]) >= _LEAST_SHARE * longest]
    number, track = max(candidates, key=lambda entry: (_mean_pitch(skyline(entry[1].notes)), -entry[0]))
    return number, track, f"the one that lies highest of {len(pitched)}"


def _sounding(track: Track) -> float:
    return sum(note.duration for note in skyline(track.notes))


def _mean_pitch(notes: tuple[Note, ...]) -> float:
    return sum(note.pitch * note.duration for note in notes) / sum(note.duration for note in notes)


def melody_of(composition: Composition) -> Melody:
    """Return the melody of a piece; `choose_melody` also says where it was found, with the same errors."""
    return choose_melody(composition)[0]
