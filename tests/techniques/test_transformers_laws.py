"""Extending pieces of every shape against networks that want something else, and looking inside, by hand."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from untrained_transformer import untrained_model

from deepcomposer_lab.encoding.sheet import sheet_of
from deepcomposer_lab.encoding.tokens import DURATIONS, TokenEncoding
from deepcomposer_lab.models.likelihood import context_of
from deepcomposer_lab.models.reader import Reader
from deepcomposer_lab.music.composition import Composition, CompositionStep, Track, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import MetreChange, TempoChange, beats_to_seconds
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.networks.transformer_xl import TransformerXL
from deepcomposer_lab.techniques import transformers
from deepcomposer_lab.techniques.transformers import Transformers
from deepcomposer_lab.techniques.transformers_sampling import drawn

ENCODING = TokenEncoding()
TONE = 1e-6  # rounding alone


def untrained_transformer(memory=64):
    """Return a technique whose small network is far from even."""
    model = untrained_model()
    network = TransformerXL(replace(model.network.config, memory=memory, dropout=0.0)).eval()
    torch.manual_seed(0)
    for weight in network.parameters():
        if weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.3)
    return Transformers(replace(model, network=network))


def answering(monkeypatch, answer):
    """Let every reader give the logits that `answer` tells, without a network."""

    def read(self, tokens):
        for token in tokens:
            self.grammar.said(token)
        self.tokens += tokens
        return answer(self).astype(np.float32)

    monkeypatch.setattr(Reader, "read", read)


@pytest.fixture(scope="module")
def classical():
    return Transformers.from_pretrained()


@pytest.fixture(scope="module")
def small():
    return untrained_transformer()


def line(beats=16, **settings):
    return Melody([Note(float(beat), 60 + beat % 7, 1) for beat in range(beats)], **settings)


def piece_of(*tracks, **settings):
    return Composition([Track([Note(*note) for note in notes], f"T{i}") for i, notes in enumerate(tracks)], **settings)


# --- the laws -------------------------------------------------------------------------------------------------------


def new_notes(piece, extended):
    """Return what was added, as (note, track); what was there has to be there still."""
    assert [(track.name, track.program, track.is_drum) for track in extended.tracks] == [
        (track.name, track.program, track.is_drum) for track in piece.tracks
    ]
    added = []
    for index, (before, after) in enumerate(zip(piece.tracks, extended.tracks, strict=True)):
        assert after.notes[: len(before.notes)] == before.notes  # note for note
        added += [(note, index) for note in after.notes[len(before.notes) :]]
    return sorted(added)


def assert_lawful(music, extended, **asked):
    """Check everything that the technique promises, from the music alone. Return the new notes."""
    defaults = {"track_extension_duration": 15, "maximum_rest_time": 1, "maximum_note_length": 3}
    asked = {**defaults, **asked}
    piece = as_composition(music)
    added = new_notes(piece, extended)
    bpm = [change.bpm for change in piece.tempos if change.onset <= seam_of(piece) + 1e-9][-1]
    assert extended.tempos == tuple(change for change in piece.tempos if change.onset <= seam_of(piece) + 1e-9)
    seam, second = seam_of(piece), bpm / 60  # a beat, and how many of them are a second
    playing = {index for index, track in enumerate(piece.tracks) if track.notes and not track.is_drum}
    assert {track for _, track in added} <= playing
    until, heard, sounding = seam, {}, []
    for note, track in added:
        assert note.onset >= seam - TONE
        assert note.duration / second <= asked["maximum_note_length"] + TONE
        assert (note.offset - seam) / second <= asked["track_extension_duration"] + TONE
        assert (note.onset - until) / second <= asked["maximum_rest_time"] + TONE
        until = max(until, note.offset)
        assert heard.get((track, note.pitch), 0) <= note.onset + TONE  # never struck while it sounds
        heard[track, note.pitch] = note.offset
        sounding.append(note.velocity)
    assert asked["track_extension_duration"] - (until - seam) / second <= asked["maximum_rest_time"] + 1e-3
    for note, track in added:
        loud = sorted(other.velocity for other in piece.tracks[track].notes)
        assert loud[0] <= note.velocity <= loud[-1]
    return added


def seam_of(piece):
    """Return the first beat of a bar, or bar line, at which the piece is over; by stepping through the bars."""
    changes, bar, end = list(piece.metres), piece.pickup, piece.end
    if piece.pickup and end <= piece.pickup:
        first = piece.pickup - piece.metre_at(0).bar_beats
        return min(first + beat for beat in range(300) if first + beat >= end - 1e-6)
    while True:
        length = [change.bar_beats for change in changes if change.onset <= bar + 1e-9][-1]
        stop = min([bar + length, *(change.onset for change in changes if bar < change.onset < end - 1e-9)])
        if stop >= end - 1e-9:
            return min([bar + length, *(bar + beat for beat in range(300) if bar + beat >= end - 1e-6)])
        bar = stop


ODD_PIECES = {
    "a melody": line(),
    "one note": Melody([Note(0, 60, 1)]),
    "one short note": Melody([Note(0.1, 60, 0.001)]),
    "one very long note": Melody([Note(0, 60, 200)]),
    "the lowest and the highest": piece_of([(0, 0, 1), (1, 127, 1)]),
    "off the beat": Melody([Note(0, 60, 1), Note(1.3, 62, 0.91)]),
    "three in a bar": line(9, metre="3/4", bpm=140),
    "seven eighths": line(8, metre="7/8"),
    "three sixteenths": Melody([Note(0, 60, 0.5)], metre="3/16"),
    "a metre without a token": line(8, metre="17/64"),
    "a very long bar": line(20, metre="16/2"),
    "a pickup": line(10, pickup=1),
    "in the pickup still": Melody([Note(0, 60, 0.5)], pickup=3),
    "a pickup off the beat": line(10, pickup=0.3),
    "slow": line(6, bpm=30),
    "as slow as can be": line(3, bpm=4),
    "as fast as can be": line(64, bpm=1000),
    "a rest at the start": Melody([Note(37.5, 60, 1)]),
    "two tracks": piece_of([(0, 72, 1), (1, 74, 1)], [(0, 48, 4, 30)]),
    "an empty track between": piece_of([(0, 72, 1)], [], [(0, 48, 2)]),
    "chords": piece_of([(beat, pitch, 1) for beat in range(4) for pitch in (60, 64, 67, 72)]),
    "doubled notes": piece_of([(0, 60, 1), (0, 60, 2), (0.5, 60, 1)]),
    "eighteen tracks": piece_of(*[[(index, 40 + index, 1)] for index in range(18)]),
    "twenty tracks, notes in the last": piece_of(*[[] for _ in range(19)], [(0, 60, 1)]),
    "tempo changes": piece_of(
        [(0, 60, 1), (8, 62, 4)], tempos=[TempoChange(0, 60), TempoChange(4, 200), TempoChange(9, 77)]
    ),
    "tempo changes at and after its end": piece_of(
        [(0, 60, 4)], tempos=[TempoChange(0, 60), TempoChange(4, 120), TempoChange(5, 240)]
    ),
    "metre changes": piece_of([(0, 60, 13)], metres=[MetreChange(0, 4, 4), MetreChange(8, 3, 4)]),
    "metre changes after its end": piece_of([(0, 60, 3)], metres=[MetreChange(0, 4, 4), MetreChange(8, 3, 4)]),
    "a bar cut short": piece_of([(0, 60, 1), (3, 62, 2)], metres=[MetreChange(0, 4, 4), MetreChange(3, 4, 4)]),
    "drums that go on": Composition(
        [Track([Note(0, 60, 1)], "Melody"), Track([Note(beat, 36, 0.5) for beat in range(21)], "Drums", is_drum=True)]
    ),
}


@pytest.mark.parametrize("name", ODD_PIECES)
def test_pieces_of_every_shape_are_extended_by_the_law(name, monkeypatch):
    """With random answers, drawn anew at every token: no law hangs on what a network learnt."""
    piece, technique = ODD_PIECES[name], untrained_transformer()
    random = np.random.default_rng(5)
    answering(monkeypatch, lambda reader: 3 * random.normal(size=ENCODING.size))
    many = 0
    for seed in range(3):
        asked = {"track_extension_duration": 4 + 3 * seed}
        many += len(assert_lawful(piece, technique.extend(piece, seed=seed, **asked), **asked))
    assert many > 5


WISHES = {
    "long notes": ("duration", np.linspace(0, 60, len(DURATIONS))),
    "short notes": ("duration", np.linspace(60, 0, len(DURATIONS))),
    "rests": ("position", np.linspace(0, 60, ENCODING.longest_bar)),
    "no rests": ("position", np.linspace(60, 0, ENCODING.longest_bar)),
    "bars": ("bar", 60),
    "another metre, or the end": ("start", 60),
    "low parts": ("part", np.linspace(0, 60, ENCODING.parts)),
}
ENDS = {
    "start": ENCODING.bar + 10,
    "bar": ENCODING.position,
    "position": ENCODING.part,
    "part": ENCODING.pitch,
    "pitch": ENCODING.duration,
    "duration": ENCODING.size,
}


def wishing(monkeypatch, *names, seed=0):
    """Let a network want something very much, and the rest at random."""
    random = np.random.default_rng(seed)

    def answer(reader):
        logits = random.normal(size=ENCODING.size)
        for name in names:
            kind, wish = WISHES[name]
            logits[getattr(ENCODING, kind) : ENDS[kind]] += wish
        return logits

    answering(monkeypatch, answer)


@pytest.mark.parametrize("bpm", [4, 30, 100, 1000])
@pytest.mark.parametrize("names", [(name,) for name in WISHES] + [("short notes", "rests"), ("short notes", "bars")])
def test_limits_hold_against_a_network_that_wants_something_else(names, bpm, monkeypatch):
    wishing(monkeypatch, *names)
    technique = untrained_transformer()
    piece = piece_of([(0, 72, 0.7)], [(0, 50, 1.3)], tempos=[TempoChange(0, bpm)])
    for rest, longest in ((0.5, 0.5), (5, 0.5), (0.5, 8), (0.73, 1.37)):
        asked = {"track_extension_duration": 6, "maximum_rest_time": rest, "maximum_note_length": longest}
        made = technique.extend(piece, seed=1, **asked)
        added = assert_lawful(piece, made, **asked)
        if names == ("long notes",) and longest < 6:  # as long as may be, to the nearest length with a token
            step = 60 / bpm / 24
            wanted = max([step, *(length * step for length in DURATIONS if length * step <= longest + 1e-9)])
            longest_made = max(note.duration for note, _ in added) * 60 / bpm
            assert longest_made == pytest.approx(min(wanted, longest))
        if names == ("short notes", "rests") and bpm in (30, 100) and rest < 5:  # silences are as long as may be
            ends = np.maximum.accumulate([note.offset for note, _ in added])
            gaps = np.array([note.onset for note, _ in added[1:]]) - ends[:-1]
            assert gaps.max() * 60 / bpm == pytest.approx(rest, abs=2.01 * 60 / bpm / 24)  # to two steps


def test_thirty_seconds_end_with_a_note_cut_at_thirty_seconds(monkeypatch):
    wishing(monkeypatch, "long notes", "no rests")
    for bpm, beats in ((100, 16), (97.3, 13), (611, 40)):
        melody = line(beats, bpm=bpm)
        made = untrained_transformer().extend(melody, track_extension_duration=30, seed=2)
        last = max(note.offset for note, _ in assert_lawful(melody, made, track_extension_duration=30))
        seam = seam_of(as_composition(melody))
        assert beats_to_seconds(made.tempos, last) - beats_to_seconds(made.tempos, seam) == pytest.approx(30, abs=1e-6)
        assert made.seconds == pytest.approx(beats_to_seconds(made.tempos, seam) + 30, abs=1e-6)


# --- the model that ships --------------------------------------------------------------------------------------------


def test_two_hundred_bars_are_read_at_their_end_alone(classical):
    long = Melody([Note(beat / 2, 60 + (beat * 7) % 12, 0.5) for beat in range(1600)], bpm=120)
    made = classical.extend(long, track_extension_duration=3, seed=1)
    added = assert_lawful(long, made, track_extension_duration=3)
    # Twenty seconds are forty beats, from the bar line at 760 on.
    near = Melody([replace(note, onset=note.onset - 760) for note in long if note.onset >= 760], bpm=120)
    alike = new_notes(as_composition(near), classical.extend(near, track_extension_duration=3, seed=1))
    assert [(note.onset + 760, note.pitch, note.duration) for note, _ in alike] == [
        (note.onset, note.pitch, note.duration) for note, _ in added
    ]
    all_heard = classical.extend(long, track_extension_duration=3, seed=1, input_duration=60)
    assert_lawful(long, all_heard, track_extension_duration=3)


def test_two_tracks_go_on_together_and_drums_stay(classical):
    tune = [(beat, 72 + (0, 2, 4, 5)[beat % 4], 1, 90) for beat in range(16)]
    bass = [(beat, 48, 2, 50) for beat in range(0, 16, 2)]
    piece = piece_of(tune, bass)
    drums = Track([Note(beat, 36, 0.5) for beat in range(16)], "Drums", is_drum=True)
    piece = piece.with_tracks([replace(piece.tracks[0], program=40), drums, replace(piece.tracks[1], program=42)])
    made = classical.extend(piece, seed=3)
    added = assert_lawful(piece, made)
    assert {track for _, track in added} == {0, 2}
    assert {note.velocity for note, track in added if track == 0} == {90}
    assert {note.velocity for note, track in added if track == 2} == {50}
    assert made.steps[-1].remarks == ("The drums stayed as they were: the model hears and plays pitched notes alone.",)


# --- what it says, refuses and repeats -------------------------------------------------------------------------------


def test_no_seconds_give_the_input_back(small):
    for piece in (as_composition(line(5)), ODD_PIECES["tempo changes at and after its end"]):
        made = small.extend(piece, track_extension_duration=0, seed=3)
        assert replace(made, steps=()) == piece
        assert made.steps[-1].parameters["track_extension_duration"] == 0
        assert list(small.steps(piece, track_extension_duration=0)) == []


def test_steps_come_as_they_are_sampled(small, monkeypatch):
    read, asked = Reader.read, []
    monkeypatch.setattr(Reader, "read", lambda self, tokens: asked.append(len(tokens)) or read(self, tokens))
    notes = small.steps(line(), seed=1)
    assert asked == []
    next(notes)
    assert 3 <= len(asked) - 1 <= 5  # after the prompt: a bar perhaps, a position, a part, a pitch and a duration
    assert asked[1:] == [1] * (len(asked) - 1)


def test_again_repeats_with_changes(small):
    melody = line()
    made = small.extend(melody, seed=4, creative_risk=1.7, track_extension_duration=3)
    assert small.again(made, melody) == made
    assert small.again(made.steps[-1], melody) == made
    longer = small.again(made, melody, track_extension_duration=6)
    assert longer.steps[-1].parameters["creative_risk"] == 1.7
    begins, goes_on = (new_notes(as_composition(melody), music) for music in (made, longer))
    assert [note.onset for note, _ in goes_on[:3]] == [note.onset for note, _ in begins[:3]]  # till the end comes near
    assert small.again(made, melody, seed=5).notes != made.notes
    with pytest.raises(ValueError, match="can only repeat its own"):
        small.again(CompositionStep("gan"), melody)
    with pytest.raises(ValueError, match="does not tell how it was made"):
        small.again(as_composition(melody), melody)


def test_an_extension_can_be_extended(classical):
    once = classical.extend(sample_melody("twinkle_twinkle"), seed=1, track_extension_duration=3)
    twice = classical.extend(once, seed=2, track_extension_duration=3)
    assert_lawful(once, twice, track_extension_duration=3)
    assert [step.seed for step in twice.steps] == [1, 2]


def test_a_step_tells_how_it_was_made(classical):
    step = classical.extend(line(3), seed=9, track_extension_duration=1).steps[-1]
    assert (step.technique, step.model, step.seed) == ("transformers", "transformer_xl_classical", 9)
    assert step.weights_sha256 == classical.model.card.weights_sha256
    assert dict(step.parameters) == {
        "sampling_technique": "nucleus",
        "sampling_threshold": 0.95,
        "creative_risk": 1.0,
        "input_duration": 20.0,
        "track_extension_duration": 1.0,
        "maximum_rest_time": 1.0,
        "maximum_note_length": 3.0,
    }
    assert step.remarks == ()
    assert classical.extend(line(3), track_extension_duration=0).steps[-1].seed >= 0


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("off the beat", "The extension begins at beat 3, the first beat at which the piece is over."),
        ("eighteen tracks", "The model heard the first 16 of 18 tracks."),
        ("a metre without a token", "The model knows no bar of that length: it heard bars of 4/4."),
        ("drums that go on", "The drums stayed as they were: the model hears and plays pitched notes alone."),
        (
            "tempo changes at and after its end",
            "Changes of tempo or metre after the end of the piece were left out: it goes on as it ended.",
        ),
    ],
)
def test_what_a_person_should_know_is_remarked(name, remark, small):
    assert remark in small.extend(ODD_PIECES[name], seed=1, track_extension_duration=4).steps[-1].remarks


def test_progress_tells_seconds_up_to_the_end(small):
    told = []
    small.extend(line(), seed=1, track_extension_duration=2.5, progress=lambda *step: told.append(step))
    assert {total for _, total in told} == {3}
    done = [step for step, _ in told]
    assert done == sorted(done)
    assert done[-1] == 3
    assert len(done) > 3


def test_what_is_heard_ends_with_the_piece_and_begins_with_a_bar(small, monkeypatch):
    """The prompt, in words: two bars of an input of four, where two and a half bars are asked for."""
    prompts = []
    read = Reader.read
    monkeypatch.setattr(Reader, "read", lambda self, tokens: prompts.append(tokens) or read(self, tokens))
    melody = Melody([Note(beat, 60 + beat, 1) for beat in range(14)], bpm=60)
    next(small.steps(melody, seed=1, input_duration=8))
    said = [ENCODING.word(token) for token in prompts[0]]
    assert said[:6] == ["Start", "Bar 4/4", "Position 0", "Part 1", "Pitch A♭4".replace("A♭", "G♯"), "Duration 1"]
    assert [word for word in said if word.startswith("Pitch")] == [
        f"Pitch {Note(0, 60 + beat, 1).name}" for beat in range(8, 14)
    ]
    assert said.count("Bar 4/4") == 2
    assert "End" not in said
    prompts.clear()
    next(small.steps(melody, seed=1, input_duration=1))
    assert [ENCODING.word(token) for token in prompts[0]].count("Bar 4/4") == 1  # at least the last bar with a note


# --- sampling, by hand -----------------------------------------------------------------------------------------------


def test_tokens_are_drawn_as_often_as_they_are_likely_and_never_when_they_are_not():
    likely = np.array([0, 0.6, 0, 0.1, 0.3, 0])
    random = np.random.default_rng(1)
    counts = np.bincount([drawn(likely, random) for _ in range(20_000)], minlength=6) / 20_000
    assert counts == pytest.approx(likely, abs=0.015)
    assert counts[[0, 2, 5]].max() == 0

    class Edge:
        def __init__(self, value):
            self.value = value

        def random(self):
            return self.value

    assert drawn(likely, Edge(0.0)) == 1
    assert drawn(likely, Edge(np.nextafter(1, 0))) == 4
    assert drawn(np.array([0, 1e-300, 0]), Edge(np.nextafter(1, 0))) == 1


def test_what_is_drawn_follows_the_sampling_technique(monkeypatch):
    """A network with one favourite a kind: top-k with the smallest threshold always follows it."""
    favourite = np.zeros(ENCODING.size)
    favourite[ENCODING.position : ENCODING.part : 12] = 2
    favourite[ENCODING.pitch : ENCODING.duration] = -1
    favourite[ENCODING.pitch + 65] = 3
    favourite[ENCODING.duration + 11] = 1
    answering(monkeypatch, lambda reader: favourite)
    technique = untrained_transformer()
    made = technique.extend(line(4), seed=1, sampling_technique="top_k", sampling_threshold=0.001)
    assert {note.pitch for note, _ in new_notes(as_composition(line(4)), made)} == {65}
    wild = technique.extend(line(4), seed=1, sampling_technique="random", creative_risk=2)
    assert len({note.pitch for note, _ in new_notes(as_composition(line(4)), wild)}) > 10


# --- the reader, and looking inside ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def a_sheet():
    return sheet_of(as_composition(sample_melody("minuet_in_g")).trim(0, 36))[0]


@pytest.mark.parametrize("cuts", [[], [1, 2, 3], [40], [7, 50, 51], [70, *range(71, 100)]])
def test_a_reader_of_long_prompts_equals_the_network_in_one_pass(cuts, a_sheet, monkeypatch):
    monkeypatch.setattr("deepcomposer_lab.models.reader.AT_ONCE", 16)  # a long prompt goes in pieces
    network = untrained_transformer(memory=24).network
    ids = ENCODING.encode(a_sheet, end=False)
    assert len(ids) > 100  # more than two layers look back, 24 tokens each
    with torch.no_grad():
        whole, _ = network(tokens=torch.from_numpy(ids)[None], context=context_of(ENCODING, ids))
    reader, edges = Reader(network, ENCODING), [0, *cuts, len(ids)]
    for begin, end in pairwise(edges):
        logits = reader.read(ids[begin:end].tolist())
        assert logits.dtype == np.float32
        torch.testing.assert_close(torch.from_numpy(logits), whole[0, end - 1], atol=1e-3, rtol=1e-3)
    assert reader.tokens == ids.tolist()


def looks_by_hand(network, ids, place):
    """Return how token `place` looks at all before it: (layers, heads, place + 1), by loops over layers and heads."""
    context = context_of(ENCODING, ids[: place + 1])
    config = network.config
    size, half, found = config.width // config.heads, config.heads // 2, []
    with torch.no_grad():
        x = network.embedded(torch.from_numpy(ids[: place + 1])[None], context)[0]
        for layer in network.layers:
            normed = x / torch.sqrt((x**2).mean(-1, keepdim=True) + torch.finfo(torch.float32).eps)
            normed = normed * layer.attention_norm
            query, (key, value) = normed @ layer.query.weight.T, (normed @ layer.key_value.weight.T).chunk(2, -1)
            mixed, rows = [], []
            for head in range(config.heads):
                own = slice(head * size, (head + 1) * size)
                clock = context.time[0].float() if head >= half else torch.arange(place + 1).float()
                pairs = torch.arange(size // 2)
                rate = 10_000.0 ** (-pairs / len(pairs)) if head < half else 2 * math.pi / (3 * 2.0**pairs)
                turn = torch.polar(torch.ones(()), clock[:, None] * rate)
                q, k = (
                    torch.complex(part[:, own][:, : size // 2], part[:, own][:, size // 2 :]) * turn
                    for part in (query, key)
                )
                scores = (q[:, None] * k[None].conj()).real.sum(-1) / math.sqrt(size)
                behind = torch.arange(place + 1)[:, None] - torch.arange(place + 1)
                scores[(behind < 0) | (behind > config.memory)] = -math.inf
                weights = scores.softmax(-1)
                rows.append(weights[place])
                mixed.append(weights @ value[:, own])
            found.append(torch.stack(rows))
            x = layer._fed(x + torch.cat(mixed, -1) @ layer.out.weight.T)
    return torch.stack(found).numpy()


@pytest.mark.parametrize(("note", "memory"), [(-1, 24), (-1, 500), (5, 500), (0, 24)])
def test_attention_is_what_the_network_does(note, memory, small):
    piece = piece_of(
        [(beat / 2, 72 + beat % 5, 0.5) for beat in range(12)], [(beat, 48 + beat, 1) for beat in range(6)]
    )
    technique = untrained_transformer(memory=memory)
    seen = technique.attention(piece, note)
    sheet, _ = sheet_of(piece)
    ids = ENCODING.encode(sheet, end=False)
    pitches = np.flatnonzero((ids >= ENCODING.pitch) & (ids < ENCODING.duration))
    place = int(pitches[note]) - 1
    expected = looks_by_hand(technique.network, ids, place)
    inside = [index for index, pitch in enumerate(pitches) if place - memory <= pitch <= place]
    wanted = (
        np.stack([expected[:, :, pitches[i]] + expected[:, :, pitches[i] + 1] for i in inside], -1) if inside else 0
    )
    assert seen.weights.shape == (2, 2, len(inside))
    if inside:
        np.testing.assert_allclose(seen.weights, wanted, atol=1e-4)
    np.testing.assert_allclose(seen.weights.sum(-1) + seen.other, 1, atol=1e-5)
    told = [(note.onset, note.pitch, note.duration, track) for note, track in seen.notes]
    everything = [(onset / 24, pitch, duration / 24, part) for onset, pitch, duration, part in sheet.notes.tolist()]
    assert told == [everything[index] for index in inside]
    assert (seen.note.onset, seen.note.pitch, seen.note.duration, seen.track) == everything[note]
    earliest = max(0, place - memory)
    assert seen.reach == ENCODING.context(ids).time[earliest] / 24


def test_attention_of_a_long_piece_reads_its_end(small, monkeypatch):
    long = line(400)
    monkeypatch.setattr(transformers, "MOST_READ", 64)
    seen = small.attention(long)
    assert seen.note.onset == 399
    assert 0 < len(seen.notes) <= 16
    assert seen.notes[-1][0].onset == 398
    assert 380 < seen.reach < 399


def test_attention_names_tracks_of_the_piece(small):
    piece = ODD_PIECES["an empty track between"]
    seen = small.attention(piece, 1)
    assert (seen.track, seen.note.pitch) == (2, 48)
    assert [(note.pitch, track) for note, track in seen.notes] == [(72, 0)]


@pytest.mark.parametrize("note", [16, -17, 1.5, True, "x"])
def test_attention_of_no_note_is_refused(note, small):
    with pytest.raises(ValueError, match="has 16 pitched notes, 0 to 15; got note"):
        small.attention(line(16), note)


@pytest.mark.parametrize(
    "music", [Melody([], title="N"), Composition([Track([Note(0, 36, 1)], is_drum=True)], title="N")]
)
def test_attention_without_notes_is_refused(music, small):
    with pytest.raises(ValueError, match="'N' has no pitched notes"):
        small.attention(music)


def test_next_tokens_before_and_after_sampling(small):
    found = small.next_tokens(line(4), most=600, creative_risk=2, sampling_threshold=0.5)
    sheet, _ = sheet_of(as_composition(line(4)))
    ids = ENCODING.encode(sheet, end=False)
    network = small.network
    with torch.no_grad():
        logits = network(tokens=torch.from_numpy(ids)[None], context=context_of(ENCODING, ids))[0][0, -1].numpy()
    # After four full beats the piece is over at the bar line: nothing but a bar can come.
    assert found.words == ("Bar 4/4",)
    assert (found.model, found.tempered, found.kept) == ((1.0,), (1.0,), (1.0,))
    found = small.next_tokens(line(3), most=600, creative_risk=2, sampling_threshold=0.5)
    ids = ENCODING.encode(sheet_of(as_composition(line(3)))[0], end=False)
    with torch.no_grad():
        logits = network(tokens=torch.from_numpy(ids)[None], context=context_of(ENCODING, ids))[0][0, -1].numpy()
    # At 100 beats a minute a second of rest is 40 steps: of this bar the last 24, and the bar line.
    tokens = [ENCODING.position + step for step in range(72, 96)] + [ids[1]]
    assert sorted(found.tokens) == sorted(tokens)
    assert list(found.model) == sorted(found.model, reverse=True)
    for risk, column in ((1, found.model), (2, found.tempered)):
        power = np.exp(logits[list(found.tokens)].astype(float) / risk)
        np.testing.assert_allclose(column, power / power.sum(), rtol=1e-3)
    kept = np.array(found.kept)
    assert kept.sum() == pytest.approx(1)
    tempered = np.array(found.tempered)
    assert tempered[kept > 0].sum() >= 0.5 > tempered[kept > 0].sum() - tempered[kept > 0].min()
    assert small.next_tokens(line(3), most=3).words == found.words[:3]


@pytest.mark.parametrize("kind", ["Bar", "Position", "Part", "Pitch", "Duration"])
@pytest.mark.parametrize("bpm", [4, 100])
def test_next_tokens_of_a_kind(kind, bpm, small):
    for duration in (0, 1, 30):
        found = small.next_tokens(line(3, bpm=bpm), kind=kind, track_extension_duration=duration)
        assert found.words[0].startswith(kind)
        assert sum(found.kept) == pytest.approx(1, abs=1e-6) or len(found.kept) == 20


@pytest.mark.parametrize("kind", ["Start", "End", "pitch", 3])
def test_next_tokens_of_no_kind_are_refused(kind, small):
    with pytest.raises(ValueError, match="kind is one of Bar, Position, Part, Pitch, Duration, or None"):
        small.next_tokens(line(3), kind=kind)
