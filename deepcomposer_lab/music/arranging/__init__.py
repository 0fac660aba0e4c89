"""Arranging: a tune becomes a song for a band, by rules.

    arrangement = arrange(notes, bars=16, key=(7, 0), style="jazz", seed=3)
    arrangement.notes      # int64 (n, 4): onset, pitch, duration in ticks, track
    arrangement.roles      # ("melody", "drums", "bass", "keys", "strings")

Nothing here has learnt anything; it is how an arranger's textbook would go about it. First the harmony (harmony.py),
then each player: drums.py, bass.py, chording.py (keys, guitar), strings.py. They see the form (form.py) and the chords,
and not each other. The same tune, style and seed give the same notes; another seed gives other chords, grooves, figures
and another plan of who plays where.

Time is in ticks, twelve a beat, and 4/4. Only jazz swings (swing.py).

Limits: one key throughout, no modulation, no introduction and no coda; the form is the tune's, four bars a phrase.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deepcomposer_lab.music.arranging.bass import play_bass
from deepcomposer_lab.music.arranging.chording import play_guitar, play_keys
from deepcomposer_lab.music.arranging.chords import Chord
from deepcomposer_lab.music.arranging.drums import play_drums
from deepcomposer_lab.music.arranging.form import TICKS_PER_BAR, Form, Hit, in_register, make_plan
from deepcomposer_lab.music.arranging.harmony import harmonise
from deepcomposer_lab.music.arranging.strings import play_strings
from deepcomposer_lab.music.arranging.swing import swung

ARRANGER_VERSION = "1"
STYLES = ("pop", "jazz", "rock")
ROLES = {
    "pop": ("melody", "drums", "bass", "keys", "strings"),
    "jazz": ("melody", "drums", "bass", "keys", "strings"),
    "rock": ("melody", "drums", "bass", "guitar", "strings"),
}
# Where the median of the melody lies, as a whole tune is shifted by octaves; and the tempos a song may have.
_REGISTER = {"pop": (67, 79), "jazz": (64, 76), "rock": (64, 76)}
_TEMPO = {"pop": (84, 128), "jazz": (112, 200), "rock": (104, 160)}


@dataclass(frozen=True, eq=False)
class Arrangement:
    """A tune with a band.

    Parameters
    ----------
    notes : ndarray of int64, shape (n, 4)
        Onset in ticks, MIDI pitch (of a drum its General MIDI key), duration in ticks, track; sorted by onset, then
        track, then pitch. Notes of one pitch and track do not overlap.
    roles : tuple of str
        What each track is for, the melody first.
    chords : tuple of Chord
        Two a bar.
    bars : int
    tempo : float
        Beats a minute.
    fills : tuple of int
        The bars that end with a drum fill.
    first : int
        The first full bar: 1 where the tune starts with a pickup.
    """

    notes: np.ndarray = field(repr=False)
    roles: tuple[str, ...]
    chords: tuple[Chord, ...] = field(repr=False)
    bars: int
    tempo: float
    fills: tuple[int, ...]
    first: int

    def track(self, role: str) -> np.ndarray:
        """Return one track's notes: int64, shape (n, 3), columns onset, pitch, duration."""
        return self.notes[self.notes[:, 3] == self.roles.index(role)][:, :3]


def arrange(
    notes: np.ndarray | Sequence[Sequence[int]], bars: int, key: tuple[int, int], style: str, seed: int = 0
) -> Arrangement:
    """Arrange a tune for a band.

    Parameters
    ----------
    notes : (n, 3) whole numbers
        The melody: onset in ticks (12 a beat), MIDI pitch, duration in ticks; sorted, one note at a time, with bar
        lines at multiples of 48.
    bars : int
        Length of the tune.
    key : (int, int)
        Pitch class of the tonic (0 is C) and mode (0 major, 1 minor).
    style : {"pop", "jazz", "rock"}
    seed : int
        The same seed gives the same arrangement.

    Raises
    ------
    ValueError
        When there is no such style or key, or the notes are no such melody.
    """
    if style not in STYLES:
        raise ValueError(f"A style is one of {', '.join(STYLES)}; got {style!r}.")
    melody = _checked_melody(notes, bars, key)

    def rng(player: str) -> random.Random:
        # A generator of his own for each player, so that none's choices hang on another's.
        return random.Random(f"{ARRANGER_VERSION} {style} {seed} {player}")

    melody = in_register(melody, *_REGISTER[style])
    form = Form(tuple(map(tuple, melody.tolist())), bars, (int(key[0]), int(key[1])))
    chords = harmonise(form, style, rng("harmony"))
    plan = make_plan(form, rng("plan"))
    drums, fills = play_drums(form, plan, style, rng("drums"))
    bass = play_bass(form, chords, plan, style, rng("bass"))
    if style == "rock":
        chording = play_guitar(form, chords, plan, rng("chords"))
    else:
        chording = play_keys(form, chords, plan, style, rng("chords"))
    strings = play_strings(form, chords, plan, style, rng("strings"))
    lead = swung(form.melody) if style == "jazz" else list(form.melody)
    tempo = float(rng("tempo").randrange(_TEMPO[style][0], _TEMPO[style][1] + 1, 2))
    made = _together((lead, drums, bass, chording, strings), bars)
    return Arrangement(made, ROLES[style], chords, bars, tempo, fills, form.first)


def _checked_melody(notes: np.ndarray | Sequence[Sequence[int]], bars: int, key: tuple[int, int]) -> np.ndarray:
    melody = np.asarray(notes)
    if melody.size == 0:
        melody = np.zeros((0, 3), dtype=np.int64)
    if melody.ndim != 2 or melody.shape[1] != 3 or not np.issubdtype(melody.dtype, np.integer):
        raise ValueError(f"A tune is (n, 3) whole numbers: onset, pitch, duration in ticks; got shape {melody.shape}.")
    melody = melody.astype(np.int64)
    ends = melody[:, 0] + melody[:, 2]
    if bars < 1 or (len(melody) and (melody[:, 0].min() < 0 or ends.max() > bars * TICKS_PER_BAR)):
        raise ValueError(f"The notes of a tune lie within its {bars} bars of {TICKS_PER_BAR} ticks.")
    if (melody[:, 2] < 1).any() or (melody[1:, 0] < ends[:-1]).any():
        raise ValueError("The notes of a tune are sorted and follow each other; these overlap.")
    if not (0 <= key[0] <= 11 and key[1] in (0, 1)):
        raise ValueError(f"A key is (0–11, 0 for major or 1 for minor); got {key!r}.")
    return melody


def _together(tracks: Sequence[Sequence[Hit]], bars: int) -> np.ndarray:
    """Return all tracks' notes in one array, none ending after the last bar."""
    rows = [(*note, track) for track, own in enumerate(tracks) for note in own]
    notes = np.array(rows, dtype=np.int64).reshape(-1, 4)
    notes[:, 2] = np.minimum(notes[:, 2], bars * TICKS_PER_BAR - notes[:, 0])
    return notes[np.lexsort((notes[:, 1], notes[:, 3], notes[:, 0]))]
