"""What can be counted in an arrangement: does the band fit the melody, move like players, and vary?

    figures = measure([arrange(...), ...])      # {"chord_tones": 0.93, "clashes": 0.01, ...}

None of it says that the music is good; each catches one way of being bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from deepcomposer_lab.music.arranging import Arrangement
from deepcomposer_lab.music.arranging.form import HALF_BAR, TICKS_PER_BAR, TICKS_PER_BEAT


def measure(arrangements: Sequence[Arrangement]) -> dict[str, object]:
    """Return the figures of arrangements in one style.

    Returns
    -------
    dict
        chord_tones : share of the melody's notes on beats that belong to the chord of their half bar.
        triad_tones : the same, sixths and sevenths set aside.
        clashes : share of the beats with melody and band on which a pitched track has a note a half tone (or that and
        octaves) from the melody's.
        close_clashes : the same, only half tones and minor ninths.
        empty_bars, notes_a_bar : by role.
        chords_a_bar : changes of chord a bar. distinct_chords : different chords a song.
        movement : by role, how far in half tones a voice moves on average when the chord struck or held changes.
        ranges : lowest and highest pitch by role.
        distinct_rhythms : by role, different rhythms of a bar in all songs; of drums, different bars.
        distinct_bars : the same with pitches, counted from the root of the bar's first chord.
        drum_bars_a_song : different drum bars a song.
        bass_on_chord : share of the bass notes on the first beat that belong to the chord.
    """
    roles = arrangements[0].roles
    pitched = [role for role in roles if role not in ("melody", "drums")]
    on_beat = [beat_figures(arrangement) for arrangement in arrangements]
    heard, in_chord, in_triad, together, clashing, close = np.sum(on_beat, axis=0)
    bars = sum(arrangement.bars for arrangement in arrangements)
    return {
        "songs": len(arrangements),
        "bars": bars,
        "chord_tones": in_chord / heard,
        "triad_tones": in_triad / heard,
        "clashes": clashing / together,
        "close_clashes": close / together,
        "empty_bars": {role: 1 - sum(len(full_bars(a.track(role))) for a in arrangements) / bars for role in roles},
        "notes_a_bar": {role: sum(len(a.track(role)) for a in arrangements) / bars for role in roles},
        "chords_a_bar": float(np.mean([chord_changes(a) / a.bars for a in arrangements])),
        "distinct_chords": float(np.mean([len(set(a.chords)) for a in arrangements])),
        "movement": {role: voice_movement(arrangements, role) for role in pitched if role != "bass"},
        "ranges": {role: pitch_range(arrangements, role) for role in roles if role != "drums"},
        "distinct_rhythms": {role: len({p for a in arrangements for p in bar_rhythms(a, role)}) for role in roles},
        "distinct_bars": {role: len({p for a in arrangements for p in bar_patterns(a, role)}) for role in roles},
        "drum_bars_a_song": float(np.mean([len(set(bar_patterns(a, "drums"))) for a in arrangements])),
        "bass_on_chord": bass_on_chord(arrangements),
    }


def beat_figures(arrangement: Arrangement) -> tuple[int, int, int, int, int, int]:
    """Return counts over beats: melody notes that begin on one, those in the chord, those in its triad; beats on which
    melody and band sound, those with a clash, those with one of a half tone or a minor ninth."""
    melody = {int(onset): int(pitch) for onset, pitch, _ in arrangement.track("melody") if onset % TICKS_PER_BEAT == 0}
    in_chord = in_triad = 0
    for onset, pitch in melody.items():
        tones = arrangement.chords[onset // HALF_BAR].tones
        in_chord += pitch % 12 in tones
        in_triad += pitch % 12 in tones[:3]
    lead = sounding_on_beats(arrangement, "melody")
    together = clashing = close = 0
    band = [sounding_on_beats(arrangement, role) for role in arrangement.roles if role not in ("melody", "drums")]
    for beat, top in enumerate(lead):
        others = set().union(*(own[beat] for own in band))
        if top and others:
            note = max(top)
            steps = [abs(other - note) for other in others]
            together += 1
            clashing += any(step % 12 in (1, 11) for step in steps)
            close += any(step in (1, 13) for step in steps)
    return len(melody), in_chord, in_triad, together, clashing, close


def sounding_on_beats(arrangement: Arrangement, role: str) -> list[set[int]]:
    """Return the pitches of a track that sound on each beat."""
    beats: list[set[int]] = [set() for _ in range(arrangement.bars * 4)]
    for onset, pitch, duration in arrangement.track(role).tolist():
        for beat in range(-(-onset // TICKS_PER_BEAT), -(-(onset + duration) // TICKS_PER_BEAT)):
            beats[beat].add(pitch)
    return beats


def full_bars(notes: np.ndarray) -> set[int]:
    """Return the bars in which a note sounds."""
    return {
        bar
        for onset, _, duration in notes.tolist()
        for bar in range(onset // TICKS_PER_BAR, (onset + duration - 1) // TICKS_PER_BAR + 1)
    }


def chord_changes(arrangement: Arrangement) -> int:
    """Return how many half bars have another chord than the one before."""
    chords = arrangement.chords
    return 1 + sum(a != b for a, b in pairwise(chords))


def voice_movement(arrangements: Sequence[Arrangement], role: str) -> float:
    """Return how far a voice moves on average between the chords at two neighbouring half bars, both of which sound.

    The chord of a half bar is every note that begins in it or sounds into it; a voice is counted from each note to the
    nearest of the other chord. Chords of one note, as in a line, are left out.
    """
    total = count = 0.0
    for arrangement in arrangements:
        chords: list[set[int]] = [set() for _ in range(2 * arrangement.bars)]
        for onset, pitch, duration in arrangement.track(role).tolist():
            for slot in range(onset // HALF_BAR, (onset + duration - 1) // HALF_BAR + 1):
                # What anticipates the next chord belongs to it.
                if onset % HALF_BAR < 18 or slot > onset // HALF_BAR:
                    chords[slot].add(pitch)
        for a, b in pairwise(chords):
            if len(a) > 1 and len(b) > 1 and a != b:
                total += sum(min(abs(x - y) for x in a) for y in b) / len(b)
                count += 1
    return total / count if count else 0.0


def pitch_range(arrangements: Sequence[Arrangement], role: str) -> tuple[int, int]:
    """Return the lowest and the highest pitch of a track."""
    pitches = np.concatenate([arrangement.track(role)[:, 1] for arrangement in arrangements])
    return int(pitches.min()), int(pitches.max())


def bar_patterns(arrangement: Arrangement, role: str) -> list[frozenset]:
    """Return each bar that is not empty as a set of (tick, duration, pitch), pitches counted from the bar's root."""
    bars: dict[int, set[tuple[int, int, int]]] = {}
    for onset, pitch, duration in arrangement.track(role).tolist():
        bar, tick = divmod(onset, TICKS_PER_BAR)
        root = 0 if role == "drums" else arrangement.chords[2 * bar].root
        bars.setdefault(bar, set()).add((tick, duration, pitch - root))
    return [frozenset(bar) for bar in bars.values()]


def bar_rhythms(arrangement: Arrangement, role: str) -> list[frozenset]:
    """Return each bar that is not empty as a set of (tick, duration); of drums also which drum."""
    if role == "drums":
        return bar_patterns(arrangement, role)
    return [frozenset((tick, length) for tick, length, _ in bar) for bar in bar_patterns(arrangement, role)]


def bass_on_chord(arrangements: Sequence[Arrangement]) -> float:
    """Return the share of the bass notes on first beats that belong to the chord there."""
    found = [
        pitch % 12 in arrangement.chords[onset // HALF_BAR].tones
        for arrangement in arrangements
        for onset, pitch, _ in arrangement.track("bass").tolist()
        if onset % TICKS_PER_BAR == 0
    ]
    return sum(found) / len(found)
