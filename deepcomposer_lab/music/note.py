"""Note: the smallest piece of music, one pitch sounding for a while.

Units of the whole package, stated once: inside, musical time is counted in **beats**, and one beat is one
quarter note, in every metre. Intervals are **half-open**: a note sounds on [onset, onset + duration), so a
note that ends at beat 2 and another that starts at beat 2 touch without overlapping. Seconds appear in two
places alone: where playing is captured, and where music is played or written to MIDI.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from deepcomposer_lab.music.checks import checked_number, checked_whole

PITCH_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "G♯", "A", "B♭", "B")


def pitch_name(pitch: int) -> str:
    """Return the scientific name of a MIDI pitch: 60 is "C4", 69 (440 Hz) is "A4"."""
    return f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}"


def checked_program(program: int) -> int:
    """Return a General MIDI program as an int, or raise a ValueError when it lies outside 0–127."""
    program = checked_whole(program, "A General MIDI program")
    if not 0 <= program <= 127:
        raise ValueError(f"A General MIDI program lies in 0–127 (0 is the grand piano); got {program}.")
    return program


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One note. A value: two notes with the same fields are the same note.

    Parameters
    ----------
    onset : float
        When it starts, in beats (quarter notes) from the start of the piece; 0 or later.
    pitch : int
        MIDI number, 0–127; 60 is middle C, 69 the A of 440 Hz. In a drum track: the General MIDI drum.
    duration : float
        How long it sounds, in beats; more than 0.
    velocity : int
        How hard it is struck, 1–127.

    Raises
    ------
    ValueError
        When a field is outside its range; the message names the field, the value and the range.
    """

    onset: float
    pitch: int
    duration: float
    velocity: int = 80

    def __post_init__(self) -> None:
        # numpy numbers come in from grids and are taken; what is stored is plain Python, so that it compares,
        # hashes and turns into JSON like any other note.
        for field in ("onset", "duration"):
            object.__setattr__(self, field, checked_number(getattr(self, field), f"A note's {field}"))
        for field in ("pitch", "velocity"):
            object.__setattr__(self, field, checked_whole(getattr(self, field), f"A note's {field}"))
        if self.onset < 0:
            raise ValueError(f"A note starts at beat 0 or later; got onset {self.onset!r}.")
        if self.duration <= 0:
            raise ValueError(f"A note lasts longer than 0 beats; got duration {self.duration!r}.")
        if not 0 <= self.pitch <= 127:
            raise ValueError(f"A MIDI pitch lies in 0–127 (60 is middle C); got {self.pitch}.")
        if not 1 <= self.velocity <= 127:
            raise ValueError(f"A velocity lies in 1–127; got {self.velocity}.")

    @property
    def offset(self) -> float:
        """The beat at which the note no longer sounds: onset + duration."""
        return self.onset + self.duration

    @property
    def name(self) -> str:
        """The pitch's name, such as "C4"."""
        return pitch_name(self.pitch)

    def transpose(self, semitones: int) -> Note:
        """Return the note `semitones` higher (lower when negative).

        Raises
        ------
        ValueError
            When the new pitch leaves MIDI's 0–127.
        """
        if checked_number(semitones, "A transposition") != int(semitones):
            raise ValueError(f"A transposition is a whole number of semitones; got {semitones!r}.")
        semitones = int(semitones)
        pitch = self.pitch + semitones
        if not 0 <= pitch <= 127:
            raise ValueError(
                f"{self.name} (MIDI {self.pitch}) moved by {semitones:+d} semitones would be MIDI {pitch}, "
                f"outside 0–127. Choose a smaller shift."
            )
        return replace(self, pitch=pitch)

    def shift(self, beats: float) -> Note:
        """Return the note `beats` later (earlier when negative)."""
        return replace(self, onset=self.onset + beats)
