"""Drums: grooves with their variations, fills at the ends of phrases, crashes behind them.

A song draws two grooves, one for each section. A groove is a kick figure or two, a backbeat and a timekeeper; ghost
notes, open hi-hats and extra kicks come and go from bar to bar. Jazz has its own: ride and pedal hi-hat with comping
snare and kick, brushes, a shuffle, a two-beat.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from deepcomposer_lab.music.arranging.form import TICKS_PER_BAR, Form, Hit, Plan

KICK, RIM, SNARE, CLAP = 36, 37, 38, 39
LOW_TOM, MID_TOM, HIGH_TOM, FLOOR_TOM = 45, 47, 50, 41
CLOSED, PEDAL, OPEN = 42, 44, 46
CRASH, CRASH_2, RIDE, BELL = 49, 57, 51, 53
TAMBOURINE, COWBELL, SHAKER = 54, 56, 70
FILL_DRUMS = frozenset({SNARE, LOW_TOM, MID_TOM, HIGH_TOM, FLOOR_TOM})

Bar = set[tuple[int, int]]  # tick in the bar, General MIDI drum

_KICKS = (
    (0, 24),
    (0, 18, 24),
    (0, 24, 30),
    (0, 18, 30),
    (0, 24, 42),
    (0, 6, 24),
    (0, 30),
    (0, 9, 24),
    (0, 21, 24),
    (0, 15, 30),
    (0, 18, 24, 42),
    (0, 6, 24, 30),
    (0, 9, 30),
    (0, 27, 30),
    (0, 18, 36),
    (0, 6, 30, 42),
    (0, 15, 24, 39),
    (0, 24, 33, 42),
    (0, 6, 18, 30),
    (0, 18, 21, 30),
)
_HALF_TIME_KICKS = ((0,), (0, 18), (0, 42), (0, 6, 30), (0, 15), (0, 18, 42), (0, 9, 39), (0, 30))
_FOUR = (0, 12, 24, 36)
_EIGHTHS = tuple(range(0, TICKS_PER_BAR, 6))
_SIXTEENTHS = tuple(range(0, TICKS_PER_BAR, 3))


@dataclass(frozen=True)
class Groove:
    """What repeats: kick figures that take turns, backbeat, timekeeper, and how often what is added."""

    kicks: tuple[tuple[int, ...], ...]
    snares: tuple[tuple[int, int], ...]
    time: tuple[tuple[int, int], ...]
    ghosts: float
    opens: tuple[int, ...]
    extra: float

    def bar(self, number: int, rng: random.Random) -> Bar:
        """Return one bar; `number` counts from the start of the phrase."""
        hits: Bar = {(tick, KICK) for tick in self.kicks[number % len(self.kicks)]}
        hits |= set(self.snares) | set(self.time)
        if rng.random() < self.extra:
            hits.add((rng.choice((6, 18, 30, 33, 42, 45)), KICK))
        if rng.random() < self.ghosts:
            hits.add((rng.choice((9, 15, 21, 27, 33, 45)), SNARE))
        if self.opens and number % 2 == 1:
            tick = rng.choice(self.opens)
            hits -= {(tick, CLOSED)}
            hits.add((tick, OPEN))
        return hits


def play_drums(form: Form, plan: Plan, style: str, rng: random.Random) -> tuple[list[Hit], tuple[int, ...]]:
    """Return the drums' notes, each a tick long, and the bars that end with a fill."""
    grooves = [_GROOVES[style](rng), _GROOVES[style](rng)]
    every = rng.choices((4, 8, 0), (0.45, 0.45, 0.1))[0]
    crashes = rng.random() < 0.9
    thin_start = rng.random() < 0.3
    fills: list[int] = []
    hits: list[Hit] = []
    after_fill = False
    for bar in range(form.bars):
        phrase = form.phrase_of(bar)
        number = bar - form.phrases[phrase][0]
        is_last = bar == form.bars - 1
        if bar < form.first:
            own = _count_in(form, style, rng) if plan.plays_in("drums", 0) else set()
        elif not plan.plays_in("drums", phrase):
            own = set()
            if number == len(form.phrases[phrase]) - 1 and plan.plays_in(
                "drums", min(phrase + 1, len(form.phrases) - 1)
            ):
                own = _fill(12, style, rng)  # a pickup into the phrase in which they come in
                after_fill = crashes and bool(own)
                hits += [(bar * TICKS_PER_BAR + tick, drum, 1) for tick, drum in own]
                continue
        elif is_last and plan.ends_together:
            own = {(0, KICK), (0, CRASH if crashes else RIDE)}
        else:
            own = grooves[form.section_of(bar)].bar(number, rng)
            if thin_start and phrase == 0 and len(form.phrases) > 2:
                own = {(tick, drum) for tick, drum in own if drum not in (SNARE, CLAP) or tick == 36}
        if own and after_fill:
            own = {hit for hit in own if hit[0] or hit[1] not in (CLOSED, OPEN, RIDE)}
            own |= {(0, rng.choice((CRASH, CRASH, CRASH_2))), (0, KICK)}
        after_fill = False
        ends = every and bar >= form.first and (bar - form.first) % every == every - 1 and not is_last
        if own and ends:
            length = rng.choice((12, 24, 24, 36, 48) if (bar - form.first) % 8 == 7 else (6, 12, 12, 24))
            start = TICKS_PER_BAR - length
            own = {hit for hit in own if hit[0] < start or hit[1] == PEDAL} | _fill(length, style, rng)
            fills.append(bar)
            after_fill = crashes
        hits += [(bar * TICKS_PER_BAR + tick, drum, 1) for tick, drum in own]
    return hits, tuple(fills)


def _count_in(form: Form, style: str, rng: random.Random) -> Bar:
    """Return what leads into the first bar: nothing, sticks, or a fill under the pickup."""
    start = form.melody[0][0] // 12 * 12
    kind = rng.choice(("nothing", "sticks", "fill", "hats"))
    if kind == "fill":
        return _fill(min(TICKS_PER_BAR - start, 24), style, rng)
    if kind == "nothing":
        return set()
    return {(tick, RIM if kind == "sticks" else CLOSED) for tick in range(0, TICKS_PER_BAR, 12)}


def _fill(length: int, style: str, rng: random.Random) -> Bar:
    """Return the last `length` ticks of a bar as a fill: rolls, runs down the toms, or broken figures."""
    if style == "jazz":
        length = max(length, 12)  # whole beats of triplets
    start = TICKS_PER_BAR - length
    if style == "jazz":
        steps = [start + beat + part for beat in range(0, length, 12) for part in (0, 4, 8)]
        steps = [tick for tick in steps if tick < TICKS_PER_BAR]
    else:
        step = 3 if length <= 12 else rng.choice((3, 3, 6))
        steps = list(range(start, TICKS_PER_BAR, step))
    drums = [SNARE, HIGH_TOM, MID_TOM, LOW_TOM, FLOOR_TOM]
    kind = rng.choice(("down", "down", "roll", "broken", "flams"))
    density = {"down": 0.9, "roll": 1.0, "broken": 0.6, "flams": 0.5}[kind]
    hits: Bar = set()
    for index, tick in enumerate(steps):
        if tick not in (start, steps[-1]) and rng.random() > density:
            if rng.random() < 0.5:
                hits.add((tick, KICK))
            continue
        place = index * len(drums) // len(steps)
        drum = SNARE if kind == "roll" else drums[place] if kind == "down" else rng.choice(drums)
        hits.add((tick, drum))
        if kind == "flams":
            hits.add((tick, FLOOR_TOM))
    return hits


def _timekeeper(rng: random.Random, kinds: dict[str, float]) -> tuple[tuple[int, int], ...]:
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    accents = tuple(sorted(rng.sample(_SIXTEENTHS, 9)))
    keepers: dict[str, tuple[tuple[int, int], ...]] = {
        "hat 8": tuple((tick, CLOSED) for tick in _EIGHTHS),
        "hat 16": tuple((tick, CLOSED) for tick in _SIXTEENTHS),
        "hat 4": tuple((tick, CLOSED) for tick in _FOUR),
        "ride 8": tuple((tick, RIDE) for tick in _EIGHTHS),
        "ride 4": tuple((tick, BELL if tick == 0 else RIDE) for tick in _FOUR),
        "open off": tuple((tick, OPEN if tick % 12 else CLOSED) for tick in _EIGHTHS),
        "figure": tuple((tick, CLOSED) for tick in sorted({*_FOUR, *accents})),
        "gallop hat": tuple((beat + tick, CLOSED) for beat in _FOUR for tick in (0, 6, 9)),
        "shaker": tuple((tick, SHAKER) for tick in _SIXTEENTHS) + tuple((tick, CLOSED) for tick in _FOUR),
        "tambourine": tuple((tick, TAMBOURINE) for tick in _EIGHTHS)
        + tuple((tick, CLOSED) for tick in (6, 18, 30, 42)),
        "floor tom": tuple((tick, FLOOR_TOM) for tick in _EIGHTHS),
        "crash 4": tuple((tick, CRASH_2) for tick in _FOUR),
        "open 4": tuple((tick, OPEN) for tick in _FOUR),
        "cowbell": tuple((tick, COWBELL) for tick in _FOUR) + tuple((tick, CLOSED) for tick in (6, 18, 30, 42)),
    }
    return keepers[kind]


def _straight(rng: random.Random, backbeats: dict[str, float], keepers: dict[str, float], sharp: int) -> Groove:
    """Draw a groove in straight eighths and sixteenths."""
    kind = rng.choices(list(backbeats), list(backbeats.values()))[0]
    kicks = _HALF_TIME_KICKS if kind == "half" else _KICKS
    chosen: tuple[tuple[int, ...], ...] = tuple(rng.choice(kicks) for _ in range(rng.choice((1, 2, 2, 4))))
    snares: dict[str, tuple[tuple[int, int], ...]] = {
        "back": ((12, SNARE), (36, SNARE)),
        "half": ((24, SNARE),),
        "four": ((12, SNARE), (36, SNARE)),
        "clap": ((12, SNARE), (12, CLAP), (36, SNARE), (36, CLAP)),
        "rim": ((12, RIM), (36, RIM)),
        "all": tuple((tick, SNARE) for tick in _FOUR),
        "push": ((12, SNARE), (30, SNARE)),
        "train": tuple((tick, SNARE) for tick in _SIXTEENTHS if tick % 12 or tick in (12, 36)),
    }
    if kind == "four":
        chosen = (_FOUR,)
    time = _timekeeper(rng, keepers)
    opens = rng.choice(((), (42,), (18, 42), (6, 30), (45,))) if any(drum == CLOSED for _, drum in time) else ()
    return Groove(chosen, snares[kind], time, rng.choice((0.0, 0.3, 0.6)), opens, sharp / 100)


def _pop(rng: random.Random) -> Groove:
    backbeats = {"back": 4, "half": 1.5, "four": 1.5, "clap": 1, "rim": 1, "push": 0.5}
    keepers = {"hat 8": 3, "hat 16": 2, "figure": 1, "open off": 1, "ride 8": 0.7, "shaker": 1, "tambourine": 0.7}
    return _straight(rng, backbeats, keepers, rng.choice((5, 20, 35)))


def _rock(rng: random.Random) -> Groove:
    backbeats = {"back": 5, "half": 1.2, "all": 0.7, "four": 0.5, "push": 0.5, "train": 0.5}
    keepers = {
        "hat 8": 3,
        "ride 8": 1.5,
        "hat 4": 1,
        "open 4": 1,
        "crash 4": 0.6,
        "gallop hat": 0.7,
        "hat 16": 0.6,
        "floor tom": 0.6,
        "cowbell": 0.5,
        "ride 4": 0.6,
    }
    return _straight(rng, backbeats, keepers, rng.choice((10, 30, 45)))


_RIDES = (
    (0, 12, 20, 24, 36, 44),
    (0, 12, 20, 24, 36),
    (0, 12, 24, 36, 44),
    (0, 8, 12, 20, 24, 36, 44),
    (0, 12, 20, 24, 32, 36, 44),
    (0, 12, 24, 36),
)


@dataclass(frozen=True)
class _Swing:
    """A jazz groove: brushes, ride or shuffle, with comping that is never twice the same."""

    kind: str
    rides: tuple[tuple[int, ...], ...]
    comping: float
    feathered: bool

    def bar(self, number: int, rng: random.Random) -> Bar:
        hits: Bar = {(12, PEDAL), (36, PEDAL)}
        if self.kind == "brushes":
            hits |= {(tick, SNARE) for tick in rng.choice(self.rides)}
        elif self.kind == "shuffle":
            hits |= {(beat + tick, RIDE) for beat in _FOUR for tick in (0, 8)} | {(12, SNARE), (36, SNARE)}
        elif self.kind == "two":
            hits |= {(tick, CLOSED) for tick in rng.choice(self.rides)} | {(0, KICK), (24, KICK)}
        else:
            hits |= {(tick, RIDE) for tick in rng.choice(self.rides)}
        if self.feathered:
            hits |= {(tick, KICK) for tick in _FOUR}
        if self.kind != "brushes":
            for tick in (8, 20, 32, 44, 24, 36):
                if rng.random() < self.comping:
                    hits.add((tick, rng.choice((SNARE, SNARE, KICK, RIM if self.kind == "two" else SNARE))))
        elif rng.random() < self.comping:
            hits.add((rng.choice((0, 20, 44)), KICK))
        return hits


def _jazz(rng: random.Random) -> _Swing:
    kind = rng.choices(("ride", "brushes", "shuffle", "two"), (5, 2, 1, 1.5))[0]
    rides = tuple(rng.choice(_RIDES) for _ in range(rng.choice((2, 3, 4))))
    return _Swing(kind, rides, rng.choice((0.05, 0.12, 0.22)), kind != "two" and rng.random() < 0.35)


_GROOVES: dict[str, Callable[[random.Random], Groove | _Swing]] = {"pop": _pop, "rock": _rock, "jazz": _jazz}
