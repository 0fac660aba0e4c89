"""The n-gram over tokens: its arithmetic by hand, that it is a probability, and what it must not see."""

import numpy as np
import pytest

from deepcomposer_lab.benchmarks.token_ngram import NEXT, Counts, Text, ngram_bits, strongest
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.sheet import Sheet, sheet_of
from deepcomposer_lab.encoding.tokens import TokenEncoding, Tokens
from deepcomposer_lab.models.likelihood import allowed

ENCODING = TokenEncoding()


def chorales(split: str, count: int) -> list[Sheet]:
    return [sheet_of(piece.to_composition())[0] for piece in load_dataset("bach_chorales").pieces(split)[:count]]


def tokens_of(sheets: list[Sheet]) -> list[Tokens]:
    return [ENCODING.encode(sheet) for sheet in sheets]


def test_counts_mix_as_witten_and_bell_say() -> None:
    # Context 0: symbol 1 three times, symbol 2 once. Context 1 never occurred. A key may come in several blocks.
    keys, times = np.array([1, 2, 1]), np.array([2, 1, 1])
    counts = Counts.of(keys, times, contexts=2, symbols=4)
    before = np.array([[0.4, 0.3, 0.2, 0.1]] * 2)
    after = counts.mix_in(before.copy(), np.array([0, 1]))
    np.testing.assert_allclose(after[0], (np.array([0, 3, 1, 0]) + 2 * before[0]) / (4 + 2))
    np.testing.assert_allclose(after[1], before[1])


def test_what_was_read_often_costs_little_and_a_transposition_counts() -> None:
    line = [(24 * step, 60 + (0, 2, 4, 5, 7)[step % 5], 24, 0) for step in range(40)]
    tune = Sheet.of(np.array(line), np.array([(start, 4, 4) for start in range(0, 960, 96)]))
    (read,) = ngram_bits(ENCODING, tokens_of([tune] * 30), tokens_of([tune.transposed(3)]))["tokens"]
    (unread,) = ngram_bits(ENCODING, [], tokens_of([tune]))["tokens"]
    first = 3  # the first pitch, beside tokens[1:], is another one; all others are the same intervals
    assert read[first] > 10
    assert np.delete(read, first).sum() / 40 < 1.5
    assert unread.sum() / 40 > 10
    # Nothing counted: all that the grammar allows is alike, but that a pitch is one of 255 intervals.
    np.testing.assert_allclose(unread[0], np.log2(ENCODING.metres), rtol=1e-9)


def test_all_that_may_follow_has_the_probability_of_one() -> None:
    training, (piece,) = tokens_of(chorales("train", 3)), tokens_of(chorales("test", 1))
    for place in (1, 3, 4, 5, 31):
        begin = piece[:place]
        options = np.flatnonzero(allowed(ENCODING, begin.tolist())[-1])
        endings = [np.append(begin, token) for token in options]
        for found in ngram_bits(ENCODING, training, endings).values():
            assert sum(2.0 ** -float(one[-1]) for one in found) == pytest.approx(1)


def test_nothing_that_follows_is_seen() -> None:
    training, (piece,) = tokens_of(chorales("train", 5)), tokens_of(chorales("test", 1))
    (whole,) = ngram_bits(ENCODING, training, [piece])["all"]
    for place in (7, 40, 111):
        (begin,) = ngram_bits(ENCODING, training, [piece[:place]])["all"]
        np.testing.assert_allclose(begin, whole[: place - 1])


def test_a_piece_transposed_costs_the_same_but_for_its_first_pitch() -> None:
    training, (sheet,) = tokens_of(chorales("train", 5)), chorales("test", 1)
    pieces = tokens_of([sheet, sheet.transposed(4)])
    for one, other in ngram_bits(ENCODING, training, pieces).values():
        # What the grammar leaves of the intervals, and so how they are scaled, differs a little at the rims.
        assert np.mean(np.abs(one - other) > 0.1) < 0.01
        assert np.median(np.abs(one - other)) < 1e-6


def test_contexts_tell_what_a_reader_sees() -> None:
    # Two voices: the upper holds a half note over two quarters of the lower.
    notes = np.array([(0, 72, 48, 0), (0, 60, 24, 1), (24, 62, 24, 1), (48, 74, 48, 0), (48, 64, 48, 1)])
    tokens = ENCODING.encode(Sheet.of(notes, np.array([(0, 4, 4)])))
    text = Text.of(ENCODING, tokens)
    words = [ENCODING.word(token) for token in tokens.tolist()]

    def told(feature: str, word: str, time: int = 0) -> int:
        return int(text.features[feature][[index for index, one in enumerate(words) if one == word][time]])

    after_d4 = words.index("Pitch D4") + 1  # its duration
    assert text.features["until silent"][after_d4] == 24
    assert text.features["silent"][words.index("Position 2")] == 0b110  # both parts
    assert text.features["silent"][words.index("Position 1")] == 0b100
    assert told("above", "Part 2", 2) == 74 - 62  # the upper voice above this one's last note
    assert told("part's interval", "Part 2", 2) == 2
    assert told("part's duration", "Part 1", 1) == ENCODING.duration + 47
    assert text.asked[0] == NEXT


def test_the_strongest_is_chosen_by_all_pieces() -> None:
    assert strongest({"a": [np.array([1.0]), np.array([9.0])], "b": [np.array([4.0]), np.array([5.0])]}) == "b"


def test_on_chorales_counting_more_helps() -> None:
    pieces = chorales("validation", 6)
    notes = sum(len(sheet.notes) for sheet in pieces)
    cost = {}
    for count in (5, 100):
        bits = ngram_bits(ENCODING, tokens_of(chorales("train", count)), tokens_of(pieces))
        cost[count] = {chain: sum(float(one.sum()) for one in found) / notes for chain, found in bits.items()}
    assert all(cost[100][chain] < cost[5][chain] for chain in cost[5])
    # What each chain knows more makes it cheaper.
    assert cost[100]["tokens"] > cost[100]["reader"] > cost[100]["listener"]
