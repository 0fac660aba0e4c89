"""Tell which tunes are one tune: the same in another book, another key or another setting.

Two tunes are of one family when they have the same title (generic ones such as "Quick Step" set aside), when their
first four bars agree on 12 of 16 beats in the best transposition, or when they share passages: of the 7-beat interval
grams of either, a third are in the other, and at least eight. Families are closed: a tune that belongs to two joins
them. Beats are compared, not notes, because settings differ in passing notes and dots.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

import numpy as np

TICKS_PER_BEAT = 12
TICKS_PER_BAR = 48
OPENING_BEATS = 16
SAME_OPENING = 12
GRAM = 6  # intervals between 7 beats
SHARED_GRAMS, FEWEST_GRAMS = 1 / 3, 8
REST = -100

_SETTING = re.compile(r"\b(no|number|set|setting|version)\b.*$|\b\d+(st|nd|rd|th)\b|\(.*?\)|\bnew\b|\bold\b")
_KIND = re.compile(
    r"\b(the|a|an|o|of|reel|jig|hornpipe|clog|march|strathspey|quick|step|quickstep|minuet|air|slow|scotch|irish|"
    r"english|french|italian|german|tune|dance|song|highland|fling|schottische|polka|essence|walk|around|straight|regt|regiment|by|mr|mrs|miss)\b"
)


def plain_title(title: str) -> str:
    """Return what two titles of one tune have in common; "" where a title only says what kind of tune it is."""
    text = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    text = re.sub(r",\s*the\b", "", text).replace("'", "").replace("`", "")
    text = _KIND.sub(" ", _SETTING.sub(" ", re.sub(r"[^a-z0-9() ]", " ", text)))
    text = "".join(re.findall(r"[a-z]+", text))
    return text if len(text) >= 4 else ""


def beat_pitches(notes: np.ndarray, bars: int) -> np.ndarray:
    """Return the pitch that sounds on each beat, REST for none: int (bars * 4,); notes are (onset, pitch, duration)."""
    beats = np.full(bars * 4, REST)
    for onset, pitch, duration in notes:
        first = -(-onset // TICKS_PER_BEAT)
        beats[first : -(-(onset + duration) // TICKS_PER_BEAT)] = pitch
    return beats


def opening(beats: np.ndarray, pickup: bool) -> np.ndarray:
    """Return the beats of the first four full bars, padded with rests."""
    beats = beats[4 if pickup else 0 :][:OPENING_BEATS]
    return np.concatenate([beats, np.full(OPENING_BEATS - len(beats), REST)])


def beat_grams(beats: np.ndarray) -> set[tuple[int, ...]]:
    """Return the 7-beat interval grams of a tune, those that stand still or hold a rest set aside."""
    moves = np.diff(beats).tolist()
    grams = {tuple(moves[i : i + GRAM]) for i in range(len(moves) - GRAM + 1)}
    return {gram for gram in grams if max(map(abs, gram)) < 36 and sum(move != 0 for move in gram) > 2}


def same_openings(openings: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs whose openings (n, 16) agree on SAME_OPENING beats in some transposition within an octave."""
    sounding = openings > REST
    pairs = []
    for i in range(len(openings) - 1):
        both = sounding[i] & sounding[i + 1 :]
        steps = np.where(both, openings[i + 1 :] - openings[i], 99)
        agreeing = np.max([(steps == step).sum(axis=1) for step in range(-12, 13)], axis=0)
        pairs += [(i, int(j) + i + 1) for j in np.flatnonzero(agreeing >= SAME_OPENING)]
    return pairs


def shared_passages(grams: list[set]) -> list[tuple[int, int]]:
    """Return the pairs that have a third of either's grams, and at least FEWEST_GRAMS, in common."""
    owners = defaultdict(list)
    for i, own in enumerate(grams):
        for gram in own:
            owners[gram].append(i)
    common: dict[tuple[int, int], int] = defaultdict(int)
    for found in owners.values():
        for a, i in enumerate(found):
            for j in found[a + 1 :]:
                common[i, j] += 1
    return [
        (i, j)
        for (i, j), count in sorted(common.items())
        if count >= max(FEWEST_GRAMS, SHARED_GRAMS * min(len(grams[i]), len(grams[j])))
    ]


def families(titles: list[str], openings: np.ndarray, grams: list[set]) -> list[int]:
    """Return each tune's family, numbered in the order of the tunes."""
    parent = list(range(len(titles)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[str, int] = {}
    named = [(first.setdefault(title, i), i) for i, title in enumerate(map(plain_title, titles)) if title]
    for i, j in [*named, *same_openings(openings), *shared_passages(grams)]:
        a, b = root(i), root(j)
        parent[max(a, b)] = min(a, b)
    order: dict[int, int] = {}
    return [order.setdefault(root(i), len(order)) for i in range(len(titles))]
