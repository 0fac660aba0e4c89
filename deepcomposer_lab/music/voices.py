"""Voice assignment: who sings which note below a melody.

The one place where loose notes become voices; techniques use it for what they add, and benchmarks for the pieces
they compare with, so that both are judged alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, groupby, pairwise, permutations

from deepcomposer_lab.music.note import Note

# Lowest and highest MIDI pitch, as Bach uses them in his chorales.
VOICE_RANGES = {"Soprano": (57, 81), "Alto": (53, 74), "Tenor": (48, 69), "Bass": (36, 64)}

# What an assignment costs, in semitones of leap.
_OUT_OF_RANGE = 4.0  # for each semitone outside the voice's range
_STRICTLY_OUT_OF_RANGE = 1000.0  # the same where ranges must hold: more than any crossing and leap
_OFF_CENTRE = 0.12  # for each semitone from the middle of the range: settles who sings where nothing else does
_ENTRY = 0.5  # for each such semitone where a voice begins, or comes back after a pause
_CROSSING = 5.0  # for each pair of voices that sound together upside down
_OVERLAP = 1e6  # for a voice that has not finished its note: more than all else in a piece adds up to
_UNISON = 1.0  # for two voices on one pitch
_PAUSE = 4.0  # beats of rest after which a voice's last note no longer matters
_BEAM = 8  # assignments of all notes so far that are carried on; 60 change no note of twenty chorales

_EPSILON = 1e-6  # beats; notes that overlap by less touch

_Voices = tuple[Note | None, ...]  # the last note of each voice, highest voice first
_State = tuple[float, _Voices, tuple | None]  # cost, voices, and what was chosen: a chain of (before, chosen)


def assign_voices(
    notes: Iterable[Note],
    *,
    names: Sequence[str] = ("Alto", "Tenor", "Bass"),
    sung: Sequence[Sequence[Note]] | None = None,
    strict_ranges: bool = False,
) -> list[tuple[Note, ...]]:
    """Spread notes of any polyphony over voices, highest voice first.

    Notes that start together are given to different voices, and among all ways to do so for the whole piece the
    cheapest is sought: small leaps from a voice's note before, no overlap within a voice, voices in order of pitch
    wherever they sound together, each within its range. Where more notes start together than there are voices, the
    extra ones join the voice whose note lies nearest, as a chord. A piece in which never more notes sound at once than
    there are voices, and none is sung already, leaves no voice that overlaps itself. Every note is given to exactly
    one voice, and the same notes in any order give the same voices.

    The search is a beam over groups of notes that start together: dynamic programming (Viterbi) over the last note
    of each voice, kept to the best few states.

    Parameters
    ----------
    notes : iterable of Note
        The notes below or around a melody, in beats; the melody itself is left out by the caller.
    names : sequence of str
        The voices, highest first; those in `VOICE_RANGES` bring their range, any other may sing anything.
    sung : sequence of sequence of Note, optional
        What each voice sings already, in the order of `names`. These notes keep their voice and are not returned;
        leaps to and from them, crossings and overlaps with them count as any other.
    strict_ranges : bool
        Whether voices rather cross and leap than leave their ranges.

    Returns
    -------
    list of tuple of Note
        One tuple a voice, in the order of `names`, each sorted by onset, then pitch.

    Raises
    ------
    ValueError
        When there is no voice, or `sung` has not one entry a voice.
    """
    ranges = [VOICE_RANGES.get(name, (0, 127)) for name in names]
    if not ranges:
        raise ValueError("assign_voices needs at least one voice to give the notes to; got none.")
    if sung is None:
        sung = [()] * len(ranges)
    if len(sung) != len(ranges):
        raise ValueError(
            f"assign_voices takes sung notes for each of its {len(ranges)} voices; got {len(sung)} entries."
        )
    # (voice or None, note): what is sung already takes its turn with what is to be given
    entries: list[tuple[int | None, Note]] = [(None, note) for note in notes]
    entries.extend((voice, note) for voice, line in enumerate(sung) for note in line)
    entries.sort(key=lambda entry: _reading_order(entry[1]))
    out_of_range = _STRICTLY_OUT_OF_RANGE if strict_ranges else _OUT_OF_RANGE
    beam: list[_State] = [(0.0, (None,) * len(ranges), None)]
    extra: list[tuple[Note, Note]] = []  # (note, the one it joins)
    for _, together in groupby(entries, key=lambda entry: entry[1].onset):
        group = list(together)
        fixed = [(voice, note) for voice, note in group if voice is not None]
        leaders, followers = _leaders([note for voice, note in group if voice is None], len(ranges))
        clashes = {(v, id(note)) for note in leaders for v, line in enumerate(sung) if _sounds_with(line, note)}
        extra.extend((note, _nearest(leaders, note)) for note in followers)
        best: dict[_Voices, _State] = {}
        for cost, voices, history in beam:
            for singers in permutations(range(len(ranges)), len(leaders)):
                given = tuple(zip(singers, leaders, strict=True))
                new, added = _after(voices, fixed, given, clashes, ranges, out_of_range)
                if new not in best or cost + added < best[new][0]:
                    best[new] = (cost + added, new, (history, given))
        # Sorted by cost alone: equal costs keep the order in which they were found, which is always the same.
        beam = sorted(best.values(), key=lambda state: state[0])[:_BEAM]
    parts = _unwound(beam[0][2], len(ranges))
    part_of = {id(note): part for part in parts for note in part}
    for note, leader in extra:
        part_of[id(leader)].append(note)
    return [tuple(sorted(part)) for part in parts]


def _reading_order(note: Note) -> tuple[float, int, float, int]:
    return note.onset, -note.pitch, note.duration, note.velocity


def _sounds_with(line: Sequence[Note], note: Note) -> bool:
    return any(other.onset < note.offset - _EPSILON and other.offset > note.onset + _EPSILON for other in line)


def _leaders(group: list[Note], count: int) -> tuple[list[Note], list[Note]]:
    """Split notes that start together, highest first, into one a voice and those that join as chords.

    The lowest and the highest lead, and between them the notes that leave the widest smallest gap; so the extra
    notes are those that lie close to another.
    """
    if len(group) <= count:
        return group, []
    if count == 1:
        return group[-1:], group[:-1]
    inner = combinations(range(1, len(group) - 1), count - 2)
    chosen = max(
        ((0, *middle, len(group) - 1) for middle in inner),
        key=lambda picks: min(group[a].pitch - group[b].pitch for a, b in pairwise(picks)),
    )
    return [group[i] for i in chosen], [note for i, note in enumerate(group) if i not in chosen]


def _after(
    voices: _Voices,
    fixed: Sequence[tuple[int, Note]],
    given: Sequence[tuple[int, Note]],
    clashes: set[tuple[int, int]],
    ranges: list[tuple[int, int]],
    out_of_range: float,
) -> tuple[_Voices, float]:
    """Return the voices after a group of notes that start together, and what that costs.

    `fixed` are (voice, note) sung already, `given` those chosen here; `clashes` holds the (voice, id of note) of all
    leaders that would overlap with what the voice sings already, before, with or after them.
    """
    new: list[Note | None] = list(voices)
    cost = 0.0
    onset = (fixed or given)[0][1].onset
    for place, (voice, note) in enumerate((*fixed, *given)):
        low, high = ranges[voice]
        cost += out_of_range * max(0, low - note.pitch, note.pitch - high)
        off_centre = abs(note.pitch - (low + high) / 2)
        cost += _OFF_CENTRE * off_centre
        before = voices[voice]
        still_sounds = before is not None and before.offset > onset + _EPSILON
        if place >= len(fixed) and (still_sounds or (voice, id(note)) in clashes):
            cost += _OVERLAP  # for a fixed note it was counted where the other was given
        if before is not None and onset - before.offset < _PAUSE:
            cost += abs(note.pitch - before.pitch)
        else:
            cost += _ENTRY * off_centre
        new[voice] = note
    singers = dict.fromkeys(voice for voice, _ in (*fixed, *given))
    for voice in singers:
        for other, sounding in enumerate(new):
            if other == voice or sounding is None or sounding.offset <= onset + _EPSILON:
                continue
            if other in singers and other < voice:
                continue  # the pair was counted from the other side
            upper, lower = sorted((voice, other))
            interval = new[upper].pitch - new[lower].pitch  # type: ignore[union-attr]
            cost += _CROSSING if interval < 0 else _UNISON if interval == 0 else 0.0
    return tuple(new), cost


def _unwound(history: tuple | None, count: int) -> list[list[Note]]:
    voices: list[list[Note]] = [[] for _ in range(count)]
    while history is not None:
        history, chosen = history
        for voice, note in chosen:
            voices[voice].append(note)
    return voices


def _nearest(leaders: list[Note], note: Note) -> Note:
    """Return the leader nearest in pitch, the lower one when two are as near; leaders come highest first."""
    return min(reversed(leaders), key=lambda leader: abs(leader.pitch - note.pitch))
