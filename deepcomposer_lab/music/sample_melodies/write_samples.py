"""Write the sample melodies: `python -m deepcomposer_lab.music.sample_melodies.write_samples`.

Each melody is written as musicians read it: bars between strokes, a note as its name, its octave and its length in
quarter notes (E4:1.5), R for a rest, ~ for a tie into the next note. All are in the public domain and lie within
F3–C6 (MIDI 53–84), the compass of the keyboard on the screen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange
from deepcomposer_lab.music.midi import write_midi
from deepcomposer_lab.music.note import Note

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_TOKEN = re.compile(r"(R|([A-G])(#?)(\d)):([\d.]+)(~?)")
_VELOCITY, _DOWNBEAT_VELOCITY = 76, 88  # the first note of a bar is played a little louder


@dataclass(frozen=True)
class Score:
    """A melody as text.

    Parameters
    ----------
    title : str
        As people see it.
    bpm : float
        Quarter notes a minute.
    metre : (int, int)
        Numerator and denominator.
    bars : str
        The notes; the first bar may be shorter (a pickup), and then the last one makes up for it.
    """

    title: str
    bpm: float
    metre: tuple[int, int]
    bars: str


SCORES = {
    # Ludwig van Beethoven, Symphony No. 9 (1824), fourth movement
    "ode_to_joy": Score(
        "Ode to Joy",
        112,
        (4, 4),
        """E4:1 E4:1 F4:1 G4:1 | G4:1 F4:1 E4:1 D4:1 | C4:1 C4:1 D4:1 E4:1 | E4:1.5 D4:0.5 D4:2 |
        E4:1 E4:1 F4:1 G4:1 | G4:1 F4:1 E4:1 D4:1 | C4:1 C4:1 D4:1 E4:1 | D4:1.5 C4:0.5 C4:2""",
    ),
    # "Ah ! vous dirai-je, maman", France, 18th century
    "twinkle_twinkle": Score(
        "Twinkle, Twinkle, Little Star",
        104,
        (4, 4),
        """C4:1 C4:1 G4:1 G4:1 | A4:1 A4:1 G4:2 | F4:1 F4:1 E4:1 E4:1 | D4:1 D4:1 C4:2 |
        G4:1 G4:1 F4:1 F4:1 | E4:1 E4:1 D4:2 | G4:1 G4:1 F4:1 F4:1 | E4:1 E4:1 D4:2 |
        C4:1 C4:1 G4:1 G4:1 | A4:1 A4:1 G4:2 | F4:1 F4:1 E4:1 E4:1 | D4:1 D4:1 C4:2""",
    ),
    # Antonín Dvořák, Symphony No. 9 (1893), second movement: the cor anglais, here in C and in doubled note values
    "new_world": Score(
        "Largo from the New World",
        84,
        (4, 4),
        """E4:1.5 G4:0.5 G4:2 | E4:1.5 D4:0.5 C4:2 | D4:1 E4:1 G4:1.5 E4:0.5 | D4:4 |
        E4:1.5 G4:0.5 G4:2 | E4:1.5 D4:0.5 C4:2 | D4:1 E4:1 D4:1.5 C4:0.5 | C4:4""",
    ),
    # "Nos Galan", Wales, 16th century
    "deck_the_halls": Score(
        "Deck the Halls",
        138,
        (4, 4),
        """G4:1.5 F4:0.5 E4:1 D4:1 | C4:1 D4:1 E4:1 C4:1 | D4:0.5 E4:0.5 F4:0.5 D4:0.5 E4:1.5 D4:0.5 | C4:1 B3:1 C4:2 |
        G4:1.5 F4:0.5 E4:1 D4:1 | C4:1 D4:1 E4:1 C4:1 | D4:0.5 E4:0.5 F4:0.5 D4:0.5 E4:1.5 D4:0.5 | C4:1 B3:1 C4:2 |
        D4:1.5 E4:0.5 F4:1 D4:1 | E4:1.5 F4:0.5 G4:1 D4:1 | E4:0.5 F#4:0.5 G4:1 A4:0.5 B4:0.5 C5:1 | B4:1 A4:1 G4:2 |
        G4:1.5 F4:0.5 E4:1 D4:1 | C4:1 D4:1 E4:1 C4:1 | A4:0.5 A4:0.5 A4:0.5 A4:0.5 G4:1.5 F4:0.5 | E4:1 D4:1 C4:2""",
    ),
    # Lowell Mason, United States, 1831
    "mary_had_a_little_lamb": Score(
        "Mary Had a Little Lamb",
        112,
        (4, 4),
        """E4:1 D4:1 C4:1 D4:1 | E4:1 E4:1 E4:2 | D4:1 D4:1 D4:2 | E4:1 G4:1 G4:2 |
        E4:1 D4:1 C4:1 D4:1 | E4:1 E4:1 E4:1 E4:1 | D4:1 D4:1 E4:1 D4:1 | C4:4""",
    ),
    # Ludwig van Beethoven, Bagatelle WoO 59 (1810), the right hand of the opening
    "fur_elise": Score(
        "Für Elise",
        72,
        (3, 8),
        """E5:0.25 D#5:0.25 | E5:0.25 D#5:0.25 E5:0.25 B4:0.25 D5:0.25 C5:0.25 | A4:0.5 R:0.25 C4:0.25 E4:0.25 A4:0.25 |
        B4:0.5 R:0.25 E4:0.25 G#4:0.25 B4:0.25 | C5:0.5 R:0.25 E4:0.25 E5:0.25 D#5:0.25 |
        E5:0.25 D#5:0.25 E5:0.25 B4:0.25 D5:0.25 C5:0.25 | A4:0.5 R:0.25 C4:0.25 E4:0.25 A4:0.25 |
        B4:0.5 R:0.25 E4:0.25 C5:0.25 B4:0.25 | A4:1""",
    ),
    # England, 16th century
    "greensleeves": Score(
        "Greensleeves",
        96,
        (6, 8),
        """A4:0.5 | C5:1 D5:0.5 E5:0.75 F#5:0.25 E5:0.5 | D5:1 B4:0.5 G4:0.75 A4:0.25 B4:0.5 |
        C5:1 A4:0.5 A4:0.75 G#4:0.25 A4:0.5 | B4:1 G#4:0.5 E4:1 A4:0.5 |
        C5:1 D5:0.5 E5:0.75 F#5:0.25 E5:0.5 | D5:1 B4:0.5 G4:0.75 A4:0.25 B4:0.5 |
        C5:0.75 B4:0.25 A4:0.5 G#4:0.75 F#4:0.25 G#4:0.5 | A4:3 |
        G5:1.5 G5:0.75 F#5:0.25 E5:0.5 | D5:1 B4:0.5 G4:0.75 A4:0.25 B4:0.5 |
        C5:1 A4:0.5 A4:0.75 G#4:0.25 A4:0.5 | B4:1 G#4:0.5 E4:1.5 |
        G5:1.5 G5:0.75 F#5:0.25 E5:0.5 | D5:1 B4:0.5 G4:0.75 A4:0.25 B4:0.5 |
        C5:0.75 B4:0.25 A4:0.5 G#4:0.75 F#4:0.25 G#4:0.5 | A4:2.5""",
    ),
    # England, in the Dorian mode
    "scarborough_fair": Score(
        "Scarborough Fair",
        108,
        (3, 4),
        """D4:2 D4:1 | A4:1 A4:1 A4:1 | E4:1.5 F4:0.5 E4:1 | D4:3~ | D4:1 A4:1 C5:1 | D5:2 C5:1 | A4:1 B4:1 G4:1 |
        A4:3~ | A4:2 D5:1 | D5:2 D5:1 | C5:2 A4:1 | A4:1 G4:1 F4:1 | E4:1 C4:2 |
        D4:2 A4:1 | G4:2 F4:1 | E4:1 D4:1 C4:1 | D4:3""",
    ),
    # "New Britain", United States, 1829
    "amazing_grace": Score(
        "Amazing Grace",
        84,
        (3, 4),
        """D4:1 | G4:2 B4:0.5 G4:0.5 | B4:2 A4:1 | G4:2 E4:1 | D4:2 D4:1 | G4:2 B4:0.5 G4:0.5 | B4:2 A4:1 | D5:3~ |
        D5:2 B4:1 | D5:2 B4:0.5 G4:0.5 | B4:2 A4:1 | G4:2 E4:1 | D4:2 D4:1 | G4:2 B4:0.5 G4:0.5 | B4:2 A4:1 | G4:3~ |
        G4:2""",
    ),
    # France, 18th century
    "frere_jacques": Score(
        "Frère Jacques",
        120,
        (4, 4),
        """C4:1 D4:1 E4:1 C4:1 | C4:1 D4:1 E4:1 C4:1 | E4:1 F4:1 G4:2 | E4:1 F4:1 G4:2 |
        G4:0.5 A4:0.5 G4:0.5 F4:0.5 E4:1 C4:1 | G4:0.5 A4:0.5 G4:0.5 F4:0.5 E4:1 C4:1 |
        C4:1 G3:1 C4:2 | C4:1 G3:1 C4:2""",
    ),
    # Scotland, 18th century
    "auld_lang_syne": Score(
        "Auld Lang Syne",
        100,
        (4, 4),
        """C4:1 | F4:1.5 F4:0.5 F4:1 A4:1 | G4:1.5 F4:0.5 G4:1 A4:1 | F4:1.5 F4:0.5 A4:1 C5:1 | D5:3 D5:1 |
        C5:1.5 A4:0.5 A4:1 F4:1 | G4:1.5 F4:0.5 G4:1 A4:1 | F4:1.5 D4:0.5 D4:1 C4:1 | F4:3""",
    ),
    # Christian Petzold, in the Notebook for Anna Magdalena Bach (1725)
    "minuet_in_g": Score(
        "Minuet in G",
        116,
        (3, 4),
        """D5:1 G4:0.5 A4:0.5 B4:0.5 C5:0.5 | D5:1 G4:1 G4:1 | E5:1 C5:0.5 D5:0.5 E5:0.5 F#5:0.5 | G5:1 G4:1 G4:1 |
        C5:1 D5:0.5 C5:0.5 B4:0.5 A4:0.5 | B4:1 C5:0.5 B4:0.5 A4:0.5 G4:0.5 |
        F#4:1 G4:0.5 A4:0.5 B4:0.5 G4:0.5 | A4:3 |
        D5:1 G4:0.5 A4:0.5 B4:0.5 C5:0.5 | D5:1 G4:1 G4:1 | E5:1 C5:0.5 D5:0.5 E5:0.5 F#5:0.5 | G5:1 G4:1 G4:1 |
        C5:1 D5:0.5 C5:0.5 B4:0.5 A4:0.5 | B4:1 C5:0.5 B4:0.5 A4:0.5 G4:0.5 |
        A4:1 B4:0.5 A4:0.5 G4:0.5 F#4:0.5 | G4:3""",
    ),
}


def melody_from(score: Score) -> Melody:
    """Return a score as a melody.

    Raises
    ------
    ValueError
        When a token cannot be read, or a bar has not the length that the metre asks for.
    """
    metre = MetreChange(0, *score.metre)
    bars = [bar.split() for bar in score.bars.split("|")]
    lengths = [sum(float(token.rstrip("~").split(":")[1]) for token in bar) for bar in bars]
    pickup = lengths[0] if lengths[0] < metre.bar_beats else 0.0
    for number, length in enumerate(lengths):
        expected = {0: pickup, len(bars) - 1: metre.bar_beats - pickup}.get(number) or metre.bar_beats
        if length != expected:
            raise ValueError(f"Bar {number + 1} of {score.title!r} has {length} beats; {metre} asks for {expected}.")
    notes: list[Note] = []
    beat, tied = 0.0, False
    onset, velocity = 0.0, _VELOCITY
    for number, bar in enumerate(bars):
        for place, token in enumerate(bar):
            read = _TOKEN.fullmatch(token)
            if read is None:
                raise ValueError(f"{token!r} in bar {number + 1} of {score.title!r} is no note; write E4:1.5 or R:1.")
            what, letter, sharp, octave, written, tie = read.groups()
            if not tied:
                onset, velocity = beat, _VELOCITY if place or (number == 0 and pickup) else _DOWNBEAT_VELOCITY
            beat += float(written)
            tied = bool(tie)
            if what != "R" and not tied:
                pitch = 12 * (int(octave) + 1) + _SEMITONES[letter] + bool(sharp)
                notes.append(Note(onset, pitch, beat - onset, velocity))
    return Melody(tuple(notes), score.bpm, metre, pickup, title=score.title)


def write_samples(folder: Path) -> None:
    """Write every score as a MIDI file into `folder`."""
    for name, score in SCORES.items():
        write_midi(melody_from(score), folder / f"{name}.mid")


if __name__ == "__main__":
    write_samples(Path(__file__).parent)
