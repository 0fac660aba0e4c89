"""Bass: figures on roots, fifths and octaves, runs into the next chord, and in jazz a walking line."""

from __future__ import annotations

import random
from collections.abc import Sequence

from deepcomposer_lab.music.arranging.chords import Chord, nearest, of_class, scale_of
from deepcomposer_lab.music.arranging.form import HALF_BAR, TICKS_PER_BAR, Form, Hit, Plan

LOW, HIGH = 28, 55
HOME_LOW, HOME_HIGH = 31, 45  # where roots lie
_CENTRE = 37

# Figures of half a bar: tick, duration, which tone (r root, f fifth, o octave).
_Figure = tuple[tuple[int, int, str], ...]
_HALVES: dict[str, _Figure] = {
    "half": ((0, 24, "r"),),
    "quarters": ((0, 12, "r"), (12, 12, "r")),
    "eighths": ((0, 6, "r"), (6, 6, "r"), (12, 6, "r"), (18, 6, "r")),
    "dotted": ((0, 18, "r"), (18, 6, "r")),
    "octaves": ((0, 6, "r"), (6, 6, "o"), (12, 6, "r"), (18, 6, "o")),
    "root and fifth": ((0, 12, "r"), (12, 12, "f")),
    "late": ((0, 6, "r"), (12, 6, "r"), (18, 6, "f")),
    "push": ((0, 9, "r"), (9, 3, "r"), (18, 6, "r")),
    "gallop": ((0, 6, "r"), (6, 3, "r"), (9, 3, "r"), (12, 6, "r"), (18, 3, "r"), (21, 3, "r")),
    "off": ((0, 3, "r"), (6, 6, "r"), (18, 6, "o")),
    "sixteenths": ((0, 6, "r"), (9, 3, "r"), (15, 3, "o"), (18, 6, "r")),
    "short": ((0, 9, "r"), (12, 3, "r"), (21, 3, "f")),
}
# Figures of a whole bar, for bars with one chord.
_BARS: dict[str, _Figure] = {
    "whole": ((0, 48, "r"),),
    "long": ((0, 36, "r"), (36, 12, "f")),
    "climb": ((0, 12, "r"), (12, 12, "f"), (24, 12, "o"), (36, 12, "f")),
    "two": ((0, 24, "r"), (24, 24, "f")),
    "ballad": ((0, 18, "r"), (18, 6, "r"), (24, 18, "f"), (42, 6, "r")),
    "tresillo": ((0, 18, "r"), (18, 18, "r"), (36, 12, "f")),
    "tresillo high": ((0, 18, "r"), (18, 18, "f"), (36, 12, "o")),
    "syncopated": ((0, 6, "r"), (6, 12, "r"), (18, 6, "f"), (30, 6, "r"), (36, 6, "o"), (42, 6, "f")),
    "funk": ((0, 9, "r"), (15, 3, "o"), (18, 6, "r"), (27, 3, "f"), (30, 9, "r"), (42, 6, "o")),
    "answer": ((0, 12, "r"), (30, 6, "f"), (36, 6, "o"), (42, 6, "f")),
}
_CHOICES = {
    "pop": (
        ("half", "dotted", "eighths", "quarters", "octaves", "root and fifth", "push", "late", "off", "sixteenths"),
        ("whole", "two", "ballad", "tresillo", "syncopated", "funk", "long", "tresillo high", "answer", None, None),
    ),
    "rock": (
        ("eighths", "eighths", "gallop", "quarters", "dotted", "push", "root and fifth", "octaves", "short"),
        ("tresillo", "climb", "syncopated", "answer", None, None, None, None),
    ),
}


def play_bass(form: Form, chords: Sequence[Chord], plan: Plan, style: str, rng: random.Random) -> list[Hit]:
    """Return the bass's notes, one at a time, between LOW and HIGH."""
    notes = _jazz(form, chords, plan, rng) if style == "jazz" else _figured(form, chords, plan, style, rng)
    return [(onset, _within(pitch), duration) for onset, pitch, duration in notes]


def _figured(form: Form, chords: Sequence[Chord], plan: Plan, style: str, rng: random.Random) -> list[Hit]:
    halves, wholes = _CHOICES[style]
    profiles = [_profile(halves, wholes, rng) for _ in range(2)]
    variation, runs = rng.choice((0.05, 0.15, 0.3)), rng.choice((0.15, 0.35, 0.6))
    loose = rng.choice((0.0, 0.1, 0.25))
    notes: list[Hit] = []
    previous = float(_CENTRE)
    for bar in range(form.first, form.bars):
        if not plan.plays_in("bass", form.phrase_of(bar)):
            continue
        pair = chords[2 * bar : 2 * bar + 2]
        root = nearest((previous + _CENTRE) / 2, pair[0].root, HOME_LOW, HOME_HIGH)
        if bar == form.bars - 1 and plan.ends_together:
            notes.append((bar * TICKS_PER_BAR, root, TICKS_PER_BAR))
            break
        profile = profiles[form.section_of(bar)]
        first, second, whole = _profile(halves, wholes, rng) if rng.random() < variation else profile
        if pair[0] == pair[1] and whole:
            own = _set(_BARS[whole], pair[0], root)
        else:
            own = _set(_HALVES[first], pair[0], root)
            root = nearest(root, pair[1].root, HOME_LOW, HOME_HIGH)
            own += [(tick + HALF_BAR, pitch, length) for tick, pitch, length in _set(_HALVES[second], pair[1], root)]
        if rng.random() < loose:
            own = _loosened(own, rng)
        following = chords[2 * bar + 2] if bar + 1 < form.bars else None
        if following and following.root != pair[1].root and rng.random() < runs:
            own = _with_run(own, root, nearest(root, following.root, HOME_LOW, HOME_HIGH), form.key, style, rng)
        notes += [(bar * TICKS_PER_BAR + tick, pitch, length) for tick, pitch, length in own]
        previous = root
    return notes


def _profile(halves: Sequence[str], wholes: Sequence[str | None], rng: random.Random) -> tuple[str, str, str | None]:
    """Draw figures for the first and second half of a bar, and perhaps one for bars with a single chord."""
    first = rng.choice(halves)
    return first, first if rng.random() < 0.5 else rng.choice(halves), rng.choice(wholes)


def _loosened(own: list[Hit], rng: random.Random) -> list[Hit]:
    """Leave out a note behind a bar's first, or split a long one, so that no figure runs like a machine."""
    index = rng.randrange(len(own))
    onset, pitch, length = own[index]
    if length >= 12:
        cut = rng.choice((6, 9, length - 6))
        return [*own[:index], (onset, pitch, cut), (onset + cut, pitch, length - cut), *own[index + 1 :]]
    if index:
        before, low, held = own[index - 1]
        return [
            *own[: index - 1],
            (before, low, held if rng.random() < 0.5 else onset + length - before),
            *own[index + 1 :],
        ]
    return own


def _set(figure: _Figure, chord: Chord, root: int) -> list[Hit]:
    fifth = root + (chord.degree("fifth") - chord.root) % 12
    tones = {"r": root, "f": fifth if fifth <= HOME_HIGH else fifth - 12, "o": root + 12}
    return [(tick, tones[which], length) for tick, length, which in figure]


def _with_run(
    own: list[Hit], root: int, target: int, key: tuple[int, int], style: str, rng: random.Random
) -> list[Hit]:
    """Replace the end of a bar by notes that lead to the next root: in steps of the scale, or half a tone."""
    count = rng.choice((1, 2, 2, 4) if style == "pop" else (1, 2, 4, 4))
    length = 6 if count < 4 else 3
    start = TICKS_PER_BAR - count * length
    step = 1 if target > root or (target == root and rng.random() < 0.5) else -1
    line: list[int] = []
    pitch = target
    scale = scale_of(key)
    while len(line) < count:
        pitch -= step
        if pitch % 12 in scale or (not line and rng.random() < 0.25):
            line.append(pitch)
    kept = [(tick, pitch, min(duration, start - tick)) for tick, pitch, duration in own if tick < start]
    return kept + [(start + index * length, pitch, length) for index, pitch in enumerate(reversed(line))]


def _jazz(form: Form, chords: Sequence[Chord], plan: Plan, rng: random.Random) -> list[Hit]:
    feels = rng.choices((("walk", "walk"), ("two", "walk"), ("walk", "two"), ("two", "two")), (5, 3, 1, 1))[0]
    skips = rng.choice((0.05, 0.15, 0.3))
    notes: list[Hit] = []
    previous = _CENTRE
    bar = form.first
    while bar < form.bars:
        if not plan.plays_in("bass", form.phrase_of(bar)):
            bar += 1
            continue
        start = bar * TICKS_PER_BAR
        pair = chords[2 * bar : 2 * bar + 2]
        following = chords[min(2 * bar + 2, len(chords) - 1)]
        if bar == form.bars - 1 and plan.ends_together:
            notes.append((start, nearest(previous, pair[0].root, HOME_LOW, HOME_HIGH), TICKS_PER_BAR))
            break
        same_as_before = bar > form.first and chords[2 * bar - 1] == pair[0]
        if feels[form.section_of(bar)] == "walk":
            line = _walk(pair, following, previous, same_as_before, form.key, rng)
            own = [(start + 12 * beat, pitch, 12) for beat, pitch in enumerate(line)]
            if rng.random() < skips:
                own = _skipped(own, rng)
        else:
            own = [(start + tick, pitch, length) for tick, pitch, length in _two(pair, following, previous, rng)]
        notes += own
        previous = own[-1][1]
        bar += 1
    return notes


def _skipped(own: list[Hit], rng: random.Random) -> list[Hit]:
    """Loosen a bar of walking quarters: a swung eighth, a triplet, or two beats held."""
    beat = rng.choice((1, 2, 3))
    onset, pitch, _ = own[beat]
    kind = rng.choice(("skip", "skip", "skip", "triplet", "hold", "late"))
    if kind == "hold" and beat != 2:
        before, low, _ = own[beat - 1]
        return [*own[: beat - 1], (before, low, 24), *own[beat + 1 :]]
    if kind == "triplet":
        line = [(onset, pitch, 4), (onset + 4, pitch, 4), (onset + 8, pitch, 4)]
        return [*own[:beat], *line, *own[beat + 1 :]]
    if kind == "late":
        before, low, _ = own[beat - 1]
        return [*own[: beat - 1], (before, low, 8), (onset - 4, low, 4), *own[beat:]]
    return [*own[:beat], (onset, pitch, 8), (onset + 8, pitch, 4), *own[beat + 1 :]]


def _walk(
    pair: Sequence[Chord], following: Chord, previous: int, same: bool, key: tuple[int, int], rng: random.Random
) -> list[int]:
    """Return four quarter notes: a chord tone on one and three, an approach to the next root on four."""
    first_tone = pair[0].root
    if same and rng.random() < 0.6:
        first_tone = rng.choice(pair[0].tones[1:3])
    one = nearest((previous * 2 + _CENTRE) / 3, first_tone, LOW + 2, HIGH - 7)
    if pair[0] != pair[1]:
        three = nearest((one + _CENTRE) / 2, pair[1].root, LOW + 2, HIGH - 7)
        two = _approach(one, three, pair[0], key, rng)
    else:
        three = _chord_tone_near(one + rng.choice((-7, -5, 5, 7, 4, -3)), pair[1], {one})
        two = _between(one, three, pair[0], key)
    target = nearest((three + _CENTRE) / 2, following.root, LOW + 2, HIGH - 7)
    four = _approach(three, target, pair[1], key, rng)
    return [one, two, three, four]


def _chord_tone_near(pitch: int, chord: Chord, without: set[int]) -> int:
    found = [near for tone in chord.tones for near in of_class(tone, LOW + 1, HIGH - 4) if near not in without]
    return min(found, key=lambda near: abs(near - pitch))


def _between(a: int, b: int, chord: Chord, key: tuple[int, int]) -> int:
    """Return a tone of the chord or scale about half-way between two pitches, neither of them."""
    usable = {*chord.tones, *scale_of(key)}
    middle = (a + b) / 2
    found = [pitch for pitch in range(min(a, b) - 3, max(a, b) + 4) if pitch % 12 in usable and pitch not in (a, b)]
    return min(found, key=lambda pitch: (abs(pitch - middle), pitch % 12 not in chord.tones))


def _approach(now: int, target: int, chord: Chord, key: tuple[int, int], rng: random.Random) -> int:
    """Return the note before `target`: a half tone below or above it, a step of the scale, or the chord's fifth."""
    kind = rng.choices(("chromatic", "scale", "dominant"), (5, 3, 2))[0]
    sides = (-1, 1) if now <= target else (1, -1)
    if kind == "dominant":
        found = nearest(now, (target + 7) % 12, LOW, HIGH - 4)
    elif kind == "chromatic":
        found = target + (sides[0] if rng.random() < 0.7 else sides[1])
    else:
        found = target + sides[0]
        while found % 12 not in {*chord.tones, *scale_of(key)}:
            found += sides[0]
    return found if found != now else target + sides[1]


def _two(pair: Sequence[Chord], following: Chord, previous: int, rng: random.Random) -> list[Hit]:
    """Return a bar in two: root and fifth, or both roots, at times with a pickup."""
    one = nearest((previous + _CENTRE) / 2, pair[0].root, HOME_LOW, HOME_HIGH)
    tone = pair[1].root if pair[0] != pair[1] else pair[0].degree("fifth")
    three = nearest((one + _CENTRE) / 2, tone, HOME_LOW - 3, HOME_HIGH)
    kind = rng.choices(("plain", "four", "skip", "dotted"), (5, 2, 2, 1))[0]
    if kind == "plain":
        return [(0, one, 24), (24, three, 24)]
    if kind == "dotted":
        return [(0, one, 20), (20, one, 4), (24, three, 24)]
    target = nearest(three, following.root, HOME_LOW, HOME_HIGH)
    lead = target - 1 if three < target else target + 1
    if kind == "four":
        return [(0, one, 24), (24, three, 12), (36, lead, 12)]
    return [(0, one, 24), (24, three, 20), (44, lead, 4)]


def _within(pitch: int) -> int:
    while pitch > HIGH:
        pitch -= 12
    while pitch < LOW:
        pitch += 12
    return pitch
