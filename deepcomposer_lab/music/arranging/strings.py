"""Strings: held chords in two or three voices, a countermelody in long notes, and silence."""

from __future__ import annotations

import random
from collections.abc import Sequence

from deepcomposer_lab.music.arranging.chords import Chord, next_voicing, of_class, scale_of
from deepcomposer_lab.music.arranging.form import HALF_BAR, TICKS_PER_BAR, Form, Hit, Plan, playable_tones

LOW, HIGH = 52, 84
_LINE_LOW, _LINE_HIGH = 55, 81
_PULSES = (((0, 12), (12, 12)), ((0, 9), (12, 9)), ((0, 18),), ((12, 12),), ((0, 6), (12, 6)))


def play_strings(form: Form, chords: Sequence[Chord], plan: Plan, style: str, rng: random.Random) -> list[Hit]:
    """Return the strings' notes. Each section has one manner, and one phrase in six another."""
    manners = [_manner(rng), _manner(rng)]
    centre = rng.choice((64, 67, 70))
    rebow = rng.choice((HALF_BAR, TICKS_PER_BAR, TICKS_PER_BAR, 2 * TICKS_PER_BAR))
    notes: list[Hit] = []
    for number, phrase in enumerate(form.phrases):
        if not plan.plays_in("strings", number):
            continue
        manner = manners[form.section_of(phrase[0])] if rng.random() < 0.84 else _manner(rng)
        if manner == "line":
            notes += _line(form, chords, phrase, centre, rng)
        elif manner == "octaves":
            line = _line(form, chords, phrase, centre, rng)
            notes += line + [(onset, pitch - 12, length) for onset, pitch, length in line if pitch - 12 >= LOW]
        elif manner == "pulse":
            notes += _pulsing(_pad(form, chords, phrase, 3, centre, HALF_BAR), rng.choice(_PULSES))
        else:
            notes += _pad(form, chords, phrase, 3 if manner == "three" else 2, centre, rebow)
    return notes


def _manner(rng: random.Random) -> str:
    return rng.choices(("two", "three", "line", "octaves", "pulse"), (3, 4, 3, 1, 1))[0]


def _pulsing(pad: Sequence[Hit], pulse: Sequence[tuple[int, int]]) -> list[Hit]:
    """Strike every half bar of a pad in a rhythm."""
    return [(onset + tick, pitch, length) for onset, pitch, _ in pad for tick, length in pulse]


def _pad(form: Form, chords: Sequence[Chord], phrase: range, voices: int, centre: int, rebow: int) -> list[Hit]:
    """Hold chords; a voice whose pitch stays is held on, `rebow` ticks at most."""
    notes: list[Hit] = []
    sounding: dict[int, int] = {}  # pitch: index in notes
    previous: tuple[int, ...] | None = None
    for slot in range(2 * phrase[0], 2 * (phrase[-1] + 1)):
        tones = playable_tones(chords[slot].tones, form.clashes[slot])
        previous = next_voicing(previous, tones, voices, LOW + 2, HIGH - 6, centre)
        onset = slot * HALF_BAR
        held: dict[int, int] = {}
        for pitch in previous:
            index = sounding.get(pitch)
            if index is not None and onset - notes[index][0] < rebow:
                notes[index] = (notes[index][0], pitch, onset + HALF_BAR - notes[index][0])
                held[pitch] = index
            else:
                held[pitch] = len(notes)
                notes.append((onset, pitch, HALF_BAR))
        sounding = held
    return notes


def _line(form: Form, chords: Sequence[Chord], phrase: range, centre: int, rng: random.Random) -> list[Hit]:
    """Sing one voice in halves and wholes, by step where it can and against the melody's direction; at times a
    passing note fills a third."""
    pitches: list[int] = []
    previous = centre
    slots = range(2 * phrase[0], 2 * (phrase[-1] + 1))
    for slot in slots:
        tones = playable_tones(chords[slot].tones, form.clashes[slot])
        before, now = (form.beat_pitches[max(2 * at, 0)] for at in (slot - 1, slot))
        rising = (now > before) - (now < before) if min(now, before) >= 0 else 0

        def cost(
            pitch: int, before: int = previous, rising: int = rising, now: int = now, on_bar: bool = slot % 2 == 0
        ) -> float:
            step = pitch - before
            against = 0.8 * (step * rising > 0)
            # Standing still inside a bar is a whole note; from bar to bar it would be a pad.
            still = (1.5 if on_bar else 0.0) if step == 0 else 0.0
            return abs(step) * 0.5 + still + against + 0.12 * abs(pitch - centre) + 1.5 * (pitch % 12 == now % 12)

        found = [pitch for tone in tones for pitch in of_class(tone, _LINE_LOW, _LINE_HIGH)]
        previous = min(found, key=lambda pitch: (cost(pitch), pitch))
        pitches.append(previous)
    return _joined(pitches, slots, scale_of(form.key), rng.choice((0.0, 0.3, 0.6)), rng)


def _joined(
    pitches: Sequence[int], slots: range, scale: Sequence[int], passing: float, rng: random.Random
) -> list[Hit]:
    """Join equal neighbours within a bar, and put passing notes between some thirds."""
    notes: list[Hit] = []
    for index, (slot, pitch) in enumerate(zip(slots, pitches, strict=True)):
        if slot % 2 and notes and notes[-1][1] == pitch and notes[-1][0] + notes[-1][2] == slot * HALF_BAR:
            notes[-1] = (notes[-1][0], pitch, notes[-1][2] + HALF_BAR)
        else:
            notes.append((slot * HALF_BAR, pitch, HALF_BAR))
        if index + 1 < len(pitches) and abs(pitches[index + 1] - pitch) in (3, 4) and rng.random() < passing:
            low, high = sorted((pitch, pitches[index + 1]))
            between = [step for step in range(low + 1, high) if step % 12 in scale]
            if between:
                onset, _, length = notes[-1]
                notes[-1] = (onset, pitch, length - 12)
                notes.append(((slot + 1) * HALF_BAR - 12, between[0], 12))
    return notes
