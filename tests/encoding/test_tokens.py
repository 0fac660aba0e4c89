"""Tokens: both directions, the context, the words, and the grammar."""

import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.sheet import METRES, Sheet, bar_steps, sheet_of
from deepcomposer_lab.encoding.tokens import (
    DURATIONS,
    KINDS,
    Grammar,
    TokenEncoding,
    duration_index,
    duration_steps,
)
from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

ENCODING = TokenEncoding()
WORDS = ENCODING.vocabulary()
TOKEN = {word: token for token, word in enumerate(WORDS)}


def written(text):
    return np.array([TOKEN[word.strip()] for word in text.split("·")])


def sheets():
    pieces = [Composition.from_melody(sample_melody(name)) for name in list_sample_melodies()]
    chorales = load_dataset("bach_chorales")
    pieces += [piece.to_composition() for split in ("train", "test") for piece in chorales.pieces(split)]
    return [sheet_of(piece)[0] for piece in pieces]


ALL = sheets()


def test_a_piece_in_words():
    sheet = Sheet.of(
        np.array([[-24, 60, 24, 0], [0, 72, 36, 0], [0, 76, 8, 0], [0, 48, 96, 3], [80, 50, 4, 3]]),
        np.array([[-72, 4, 4], [24, 3, 4], [96, 3, 4]]),
    )
    said = " · ".join(WORDS[token] for token in ENCODING.encode(sheet))
    assert said == (
        "Start · Bar 4/4 · Position 2 · Part 1 · Pitch C4 · Duration 1 · Position 3 · Part 1 · Pitch E5 · "
        "Duration 1/3 · Pitch C5 · Duration 1 1/2 · Part 4 · Pitch C3 · Duration 4 · Bar 3/4 · Position 2 1/3 · "
        "Part 4 · Pitch D3 · Duration 1/6 · Bar 3/4 · End"
    )


def test_there_and_back_again():
    """Every sample and 300 chorales. A note of more than two beats may get a little shorter, never longer."""
    assert len(ALL) > 300
    for sheet in ALL:
        back = ENCODING.decode(ENCODING.encode(sheet), first_step=int(sheet.bars[0, 0]))
        assert np.array_equal(back.bars, sheet.bars)
        assert np.array_equal(back.notes[:, [0, 1, 3]], sheet.notes[:, [0, 1, 3]])
        lost = sheet.notes[:, 2] - back.notes[:, 2]
        assert (lost[sheet.notes[:, 2] <= 48] == 0).all()
        assert (lost >= 0).all()
        assert (lost < 12).all()


def test_words_name_one_token_each():
    assert len(TOKEN) == len(WORDS) == ENCODING.size == 2 + len(METRES) + 216 + 16 + 128 + len(DURATIONS)
    kinds = ENCODING.kinds(np.arange(ENCODING.size))
    assert [KINDS[kind] for kind in kinds] == [word.split()[0] for word in WORDS]


def test_a_duration_is_never_longer_than_what_it_stands_for():
    for steps in range(1, 500):
        chosen = int(duration_steps(duration_index(np.array([steps])))[0])
        assert chosen == max(duration for duration in DURATIONS if duration <= steps)


def test_the_context_is_what_a_reader_would_keep_in_mind():
    for sheet in ALL[::40]:
        tokens = ENCODING.encode(sheet)
        context = ENCODING.context(tokens)
        time = position = part = metre = begins = ends = 0
        for index, token in enumerate(tokens.tolist()):
            kind, _, value = WORDS[token].partition(" ")
            if kind == "Bar":
                top, bottom = map(int, value.split("/"))
                begins, ends = ends, ends + bar_steps(top, bottom)
                time, position, part, metre = begins, 0, 0, METRES.index((top, bottom)) + 1
            elif kind == "Position":
                position, part = token - ENCODING.position + 1, 0
                time = begins + position - 1
            elif kind == "Part":
                part = int(value)
            assert [column[index] for column in context] == [time, position, part, metre]


def test_what_breaks_the_grammar_is_left_out():
    tokens = written(
        "Start · Pitch C4 · Duration 1 · Bar 4/4 · Position 1 · Pitch C4 · Duration 1 · Part 2 · Pitch D4 · Pitch E4 · "
        "Duration 1/2 · Duration 1 · Position 2"
    )
    sheet = ENCODING.decode(tokens)
    assert sheet.notes.tolist() == [[24, 64, 12, 1]]
    assert sheet.bars.tolist() == [[0, 4, 4]]


def test_the_grammar_lets_through_all_that_is_written():
    for sheet in ALL[::10]:
        grammar, tokens = Grammar(ENCODING), ENCODING.encode(sheet)
        context = ENCODING.context(tokens)
        grammar.said(int(tokens[0]))
        for index, token in enumerate(tokens.tolist()[1:], 1):
            assert grammar.allowed()[token], WORDS[token]
            grammar.said(token)
            mine = [grammar.time, grammar.position, grammar.part, grammar.metre]
            assert mine == [column[index] for column in context]


@pytest.mark.parametrize(
    ("said", "allowed", "refused"),
    [
        ("Start", "Bar 5/8 · Bar 4/4", "Start · End · Position 0 · Part 1 · Pitch C4 · Duration 1"),
        ("Start · Bar 3/4", "Bar 4/4 · Position 0 · Position 2 23/24 · End", "Position 3 · Part 1 · Pitch C4"),
        ("Start · Bar 3/4 · Position 1", "Part 1 · Part 16", "Position 2 · Pitch C4 · Bar 3/4 · End · Duration 1"),
        ("Start · Bar 3/4 · Position 1 · Part 3", "Pitch C4", "Part 3 · Part 4 · Duration 1 · Bar 3/4 · End"),
        (
            "Start · Bar 3/4 · Position 1 · Part 3 · Pitch C4",
            "Duration 1/24 · Duration 16",
            "Pitch B3 · Part 4 · Bar 3/4 · End · Position 2",
        ),
        (
            "Start · Bar 3/4 · Position 1 · Part 3 · Pitch C4 · Duration 2",
            "Pitch B3 · Part 4 · Position 1 1/24 · Bar 4/4 · End",
            "Pitch C4 · Pitch D4 · Part 3 · Part 2 · Position 1 · Position 1/2 · Duration 1 · Start",
        ),
        (  # what still sounds is not struck again by the same part
            "Start · Bar 3/4 · Position 1 · Part 3 · Pitch C4 · Duration 4 · Bar 3/4 · Position 0 · Part 3",
            "Pitch B3 · Pitch D4",
            "Pitch C4",
        ),
        (
            "Start · Bar 3/4 · Position 1 · Part 3 · Pitch C4 · Duration 4 · Bar 3/4 · Position 0 · Part 2",
            "Pitch C4",
            "Bar 3/4",
        ),
        (
            "Start · Bar 3/4 · Position 1 · Part 3 · Pitch C4 · Duration 2 · Bar 3/4 · Position 1 · Part 3",
            "Pitch C4",
            "End",
        ),
    ],
)
def test_what_may_follow(said, allowed, refused):
    grammar = Grammar(ENCODING)
    for token in written(said).tolist():
        grammar.said(token)
    mask = grammar.allowed()
    assert mask[written(allowed)].all()
    assert not mask[written(refused)].any()
