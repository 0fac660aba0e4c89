"""Keys and guitar: voice-led chords in the rhythms of a style.

A song draws a few rhythms for each section: long chords, pulses, pushes, broken chords for pop; power chords, strums
and riffs for rock; Charleston, anticipations and answers for jazz. The voicing of each half bar is the one that moves
least from the one before, without tones that grind against the melody.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from deepcomposer_lab.music.arranging.chords import Chord, nearest, next_voicing
from deepcomposer_lab.music.arranging.form import HALF_BAR, TICKS_PER_BAR, Form, Hit, Plan, playable_tones

KEYS_LOW, KEYS_HIGH = 50, 76
GUITAR_LOW, GUITAR_HIGH = 40, 76
_CENTRE = 63

_Rhythm = tuple[tuple[int, int], ...]  # tick in the bar, duration

_POP: dict[str, _Rhythm] = {
    "whole": ((0, 48),),
    "halves": ((0, 24), (24, 24)),
    "quarters": ((0, 12), (12, 12), (24, 12), (36, 12)),
    "eighths": tuple((tick, 6) for tick in range(0, 48, 6)),
    "push": ((0, 18), (18, 30)),
    "three": ((0, 18), (18, 18), (36, 12)),
    "push and four": ((0, 18), (18, 12), (30, 18)),
    "backbeat": ((12, 9), (36, 9)),
    "off": ((6, 6), (18, 6), (30, 6), (42, 6)),
    "stabs": ((0, 6), (9, 6), (18, 6), (30, 9)),
    "answer": ((12, 12), (30, 6), (36, 12)),
    "house": ((0, 9), (9, 9), (18, 6), (24, 9), (33, 9), (42, 6)),
    "late": ((6, 18), (24, 6), (30, 18)),
    "anticipated": ((0, 18), (18, 24), (42, 6)),
}
_JAZZ: dict[str, _Rhythm] = {
    "charleston": ((0, 12), (20, 8)),
    "long charleston": ((0, 18), (20, 28)),
    "late charleston": ((12, 8), (32, 8)),
    "and of one": ((8, 10), (24, 12)),
    "twos": ((12, 8), (36, 8)),
    "and of two": ((20, 26),),
    "off": ((20, 8), (44, 4)),
    "anticipation": ((12, 8), (44, 4)),
    "whole": ((0, 46),),
    "halves": ((0, 22), (24, 22)),
    "answer": ((8, 4), (20, 4), (32, 12)),
    "four": ((0, 8), (12, 8), (24, 8), (36, 8)),
    "three": ((0, 8), (20, 12), (36, 8)),
    "last": ((32, 10), (44, 4)),
    "none": (),
}
_STRUMS: dict[str, _Rhythm] = {
    "folk": ((0, 12), (12, 6), (18, 6), (30, 6), (36, 6), (42, 6)),
    "eighths": tuple((tick, 6) for tick in range(0, 48, 6)),
    "push": ((0, 18), (18, 12), (30, 6), (36, 12)),
    "ring": ((0, 48),),
    "halves": ((0, 24), (24, 24)),
    "back": ((0, 9), (12, 9), (24, 9), (36, 9)),
    "off": ((6, 4), (18, 4), (30, 4), (42, 4)),
    "tresillo": ((0, 18), (18, 18), (36, 12)),
    "chug": tuple((tick, 5) for tick in range(0, 48, 6)),
    "gallop": tuple((beat + tick, length) for beat in (0, 12, 24, 36) for tick, length in ((0, 6), (6, 3), (9, 3))),
    "stop": ((0, 6), (6, 6), (30, 6), (36, 6)),
    "sixteenths": tuple((tick, 3) for tick in range(0, 48, 3)),
    "syncopated": ((0, 6), (9, 6), (18, 6), (27, 6), (36, 12)),
}
# Cells of half a bar, from which a song makes rhythms of its own.
_STRAIGHT_CELLS: tuple[_Rhythm, ...] = (
    ((0, 24),),
    ((0, 12), (12, 12)),
    ((0, 18), (18, 6)),
    ((0, 6), (6, 6), (12, 6), (18, 6)),
    ((0, 9), (9, 9), (18, 6)),
    ((6, 6), (18, 6)),
    ((12, 12),),
    ((0, 6), (12, 6)),
    ((0, 12), (18, 6)),
    ((6, 18),),
    ((0, 3), (9, 3), (18, 3)),
    ((0, 15), (15, 9)),
    ((0, 6), (6, 6), (18, 6)),
    ((0, 3), (12, 3), (15, 9)),
    ((6, 6), (12, 12)),
)
_SWING_CELLS: tuple[_Rhythm, ...] = (
    (),
    (),
    ((0, 12),),
    ((0, 8), (20, 4)),
    ((8, 4),),
    ((20, 4),),
    ((12, 8),),
    ((8, 12),),
    ((12, 8), (20, 4)),
    ((0, 4),),
    ((8, 4), (20, 4)),
    ((0, 20),),
    ((8, 4), (12, 8)),
    ((0, 8), (8, 4), (20, 4)),
)
# Which tone of a voicing, counted from below, is struck on each step of a broken chord.
_BROKEN = (
    (0, 1, 2, 1),
    (0, 2, 1, 2),
    (0, 1, 2, 3),
    (2, 1, 0, 1),
    (0, 2, 3, 2),
    (0, 1, 2, 3, 2, 1, 2, 1),
    (0, 2, 1, 2, 3, 2, 1, 2),
    (3, 2, 1, 0),
)
# Riffs of power-chord roots in eighths: half tones above the root, None for a rest.
_RIFFS: tuple[tuple[int | None, ...], ...] = (
    (0, 0, 12, 0, 0, 12, 0, 0),
    (0, None, 0, 7, None, 7, 12, 7),
    (0, 0, 7, 0, 0, 7, 12, 7),
    (0, 12, None, 0, 12, None, 7, 0),
    (0, None, None, 0, 12, None, 7, None),
)


def play_keys(form: Form, chords: Sequence[Chord], plan: Plan, style: str, rng: random.Random) -> list[Hit]:
    """Return the notes of the keys in pop and jazz."""
    voiced = _voicings(form, chords, style, rng.choice((3, 3, 4)) if style == "pop" else rng.choice((3, 4, 4)))
    pools = [_jazz_pool(rng), _jazz_pool(rng)] if style == "jazz" else [_pop_pool(rng), _pop_pool(rng)]
    notes: list[Hit] = []
    for bar in _bars(form, plan):
        if bar == form.bars - 1 and plan.ends_together:
            notes += _long_chord(form, voiced[2 * bar])
            break
        kind, names, step = pools[form.section_of(bar)]
        if kind == "broken":
            notes += _broken(bar, voiced, rng.choice(names), step)
        else:
            rhythm = rng.choice(names)
            if bar == form.bars - 1:
                rhythm = tuple(hit for hit in rhythm if hit[0] < 42)
            notes += _struck(bar, voiced, rhythm)
    return tidy(notes)


def play_guitar(form: Form, chords: Sequence[Chord], plan: Plan, rng: random.Random) -> list[Hit]:
    """Return the notes of rock's guitar."""
    voiced = _voicings(form, chords, "rock", rng.choice((3, 3, 4)))
    power = _power_chords(form, chords, octave=rng.random() < 0.5)
    sections = [_rock_part(rng), _rock_part(rng)]
    notes: list[Hit] = []
    for bar in _bars(form, plan):
        kind, names = sections[form.section_of(bar)]
        if bar == form.bars - 1 and plan.ends_together:
            notes += _long_chord(form, (power if kind in ("power", "riff") else voiced)[2 * bar])
            break
        if kind == "broken":
            notes += _broken(bar, voiced, rng.choice(_BROKEN[: names[0] + 3]), 6)
        elif kind == "riff":
            notes += _riff(bar, power, _RIFFS[names[bar % len(names)]])
        else:
            notes += _struck(bar, power if kind == "power" else voiced, names[bar % len(names)])
    return tidy(notes)


def tidy(notes: list[Hit]) -> list[Hit]:
    """Return notes of which none overlaps another of its pitch; of two that begin together the longer stays."""
    kept: list[Hit] = []
    last: dict[int, int] = {}
    for onset, pitch, duration in sorted(notes, key=lambda note: (note[0], note[1], -note[2])):
        if pitch in last:
            before, _, length = kept[last[pitch]]
            if before == onset:
                continue
            kept[last[pitch]] = (before, pitch, min(length, onset - before))
        last[pitch] = len(kept)
        kept.append((onset, pitch, duration))
    return kept


def _bars(form: Form, plan: Plan) -> list[int]:
    return [bar for bar in range(form.first, form.bars) if plan.plays_in("chords", form.phrase_of(bar))]


def _voicings(form: Form, chords: Sequence[Chord], style: str, voices: int) -> list[tuple[int, ...]]:
    """Return the voicing of every half bar. Jazz leaves the root to the bass when there are tones enough."""
    found: list[tuple[int, ...]] = []
    previous: tuple[int, ...] | None = None
    for chord, clash in zip(chords, form.clashes, strict=True):
        tones = playable_tones(chord.tones, clash)
        if style == "jazz" and len(tones) > 3:
            tones = tones - {chord.root}
        low, high = (GUITAR_LOW + 5, GUITAR_HIGH - 4) if style == "rock" else (KEYS_LOW, KEYS_HIGH)
        previous = next_voicing(previous, tones, voices, low, high, _CENTRE - 4 if style == "rock" else _CENTRE)
        found.append(previous)
    return found


def _power_chords(form: Form, chords: Sequence[Chord], octave: bool) -> list[tuple[int, ...]]:
    """Return root and fifth of every half bar, with the octave or without; the fifth gives way where it grinds."""
    found = []
    previous = 45.0
    for chord, clash in zip(chords, form.clashes, strict=True):
        root = nearest((previous + 45) / 2, chord.root, GUITAR_LOW, GUITAR_LOW + 11)
        fifth = chord.degree("fifth")
        clean = fifth not in clash and (fifth - chord.root) % 12 == 7
        tones = [root, root + 7] if clean else [root]
        if octave or not clean:
            tones.append(root + 12)
        found.append(tuple(tones))
        previous = root
    return found


def _struck(bar: int, voiced: Sequence[tuple[int, ...]], rhythm: _Rhythm) -> list[Hit]:
    """Strike the voicings of a bar in a rhythm. A stroke held over a change of chord may be the next one, early."""
    notes: list[Hit] = []
    before = -TICKS_PER_BAR
    for tick, duration in rhythm:
        slot = 2 * bar + tick // HALF_BAR
        # A pulse goes on to the change; only a stroke that stands apart and is held over it anticipates.
        over = tick + duration - (tick // HALF_BAR + 1) * HALF_BAR
        held = over > 0 or (over == 0 and tick >= HALF_BAR)
        early = held and tick % HALF_BAR >= 18 and tick - before >= 8 and slot + 1 < len(voiced)
        before = tick
        voicing = voiced[slot + 1] if early else voiced[slot]
        if not early and tick < HALF_BAR < tick + duration and voiced[2 * bar] != voiced[2 * bar + 1]:
            # A long chord over a change: the voices that stay are held, the others move.
            stay = set(voiced[2 * bar]) & set(voiced[2 * bar + 1])
            notes += [(tick, pitch, duration if pitch in stay else HALF_BAR - tick) for pitch in voicing]
            rest = [pitch for pitch in voiced[2 * bar + 1] if pitch not in stay]
            notes += [(HALF_BAR, pitch, tick + duration - HALF_BAR) for pitch in rest]
        else:
            notes += [(tick, pitch, duration) for pitch in voicing]
    return [(bar * TICKS_PER_BAR + tick, pitch, duration) for tick, pitch, duration in notes]


def _broken(bar: int, voiced: Sequence[tuple[int, ...]], order: Sequence[int], step: int) -> list[Hit]:
    """Strike the voicing's tones one after the other, each ringing to the end of its half bar or its next stroke."""
    notes: list[Hit] = []
    for index, tick in enumerate(range(0, TICKS_PER_BAR, step)):
        half = tick // HALF_BAR
        voicing = voiced[2 * bar + half]
        which = order[index % len(order)]
        pitch = voicing[which] if which < len(voicing) else min(voicing[which % len(voicing)] + 12, KEYS_HIGH)
        if pitch % 12 != voicing[which % len(voicing)] % 12:
            pitch = voicing[which % len(voicing)]
        notes.append((bar * TICKS_PER_BAR + tick, pitch, (half + 1) * HALF_BAR - tick))
    return notes


def _riff(bar: int, power: Sequence[tuple[int, ...]], riff: Sequence[int | None]) -> list[Hit]:
    notes: list[Hit] = []
    for index, step in enumerate(riff):
        voicing = power[2 * bar + index // 4]
        if step is None or (step == 7 and voicing[0] + 7 not in voicing):
            continue
        onset = bar * TICKS_PER_BAR + index * 6
        pitches = voicing if step == 0 and index % 4 == 0 else (voicing[0] + step,)
        notes += [(onset, pitch, 6) for pitch in pitches]
    return notes


def _long_chord(form: Form, voicing: tuple[int, ...]) -> list[Hit]:
    return [((form.bars - 1) * TICKS_PER_BAR, pitch, TICKS_PER_BAR) for pitch in voicing]


def _made_of(cells: Sequence[_Rhythm], rng: random.Random) -> _Rhythm:
    """Return a rhythm of two cells."""
    return (*rng.choice(cells), *((tick + HALF_BAR, duration) for tick, duration in rng.choice(cells)))


def _pop_pool(rng: random.Random) -> tuple[str, list, int]:
    """Draw a section's part: broken chords in one order or two, or one to three rhythms."""
    if rng.random() < 0.35:
        return "broken", rng.sample(_BROKEN, rng.choice((1, 2))), rng.choice((6, 6, 6, 3, 12))
    count = rng.choice((1, 2, 2, 3))
    return "struck", [_drawn(_POP, _STRAIGHT_CELLS, rng) for _ in range(count)], 0


def _jazz_pool(rng: random.Random) -> tuple[str, list, int]:
    special = rng.random()
    if special < 0.08:
        return "struck", [_JAZZ["four"]], 0
    if special < 0.18:
        return "struck", [_JAZZ["whole"], _JAZZ["halves"], _JAZZ["long charleston"]], 0
    return "struck", [_drawn(_JAZZ, _SWING_CELLS, rng) for _ in range(rng.choice((4, 5, 6, 8)))], 0


def _drawn(named: dict[str, _Rhythm], cells: Sequence[_Rhythm], rng: random.Random) -> _Rhythm:
    """Draw one of the known rhythms or make one."""
    return rng.choice(list(named.values())) if rng.random() < 0.5 else _made_of(cells, rng)


def _rock_part(rng: random.Random) -> tuple[str, list]:
    kind = rng.choices(("power", "strum", "riff", "broken"), (5, 3, 2, 1.5))[0]
    if kind == "riff":
        return kind, rng.sample(range(len(_RIFFS)), rng.choice((1, 2)))
    if kind == "broken":
        return kind, [rng.randrange(6)]
    return kind, [_drawn(_STRUMS, _STRAIGHT_CELLS, rng) for _ in range(rng.choice((1, 2, 2, 4)))]
