"""What a Transformer reads in training: pieces in streams, transposed, from some bar on."""

import itertools

import numpy as np
import pytest

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.sheet import Sheet
from deepcomposer_lab.encoding.tokens import Grammar, TokenEncoding
from deepcomposer_lab.training.token_streams import Piece, Streams, joined, pieces_of, source_of, sources_of

ENCODING = TokenEncoding()
FOUR_FOUR = np.array([[0, 4, 4], [96, 4, 4], [192, 4, 4]])


def a_sheet(*rows):
    return Sheet.of(np.array(rows), FOUR_FOUR)


LINE = a_sheet([0, 60, 24, 0], [24, 62, 24, 0], [48, 64, 24, 0], [96, 65, 96, 0], [192, 60, 96, 0])
CHORD = a_sheet([0, 72, 96, 0], [0, 64, 96, 1], [0, 48, 96, 2], [96, 71, 96, 0], [96, 67, 48, 1])


def read(streams, *lengths):
    return np.concatenate([streams.read(length) for length in lengths], axis=2)


def test_streams_spell_pieces_and_foretell_the_token_that_follows():
    """What every stream reads is decoded again: known pieces, transposed, from the start of a bar on."""
    pieces = [Piece(LINE, "songs"), Piece(CHORD, "songs")]
    sources = [source_of(piece, ENCODING) for piece in pieces]
    rows = read(Streams(sources, 5, 0.5, np.random.default_rng(3)), 31, 7, 160, 2)
    tokens, targets, counts = rows[0], rows[5], rows[6].astype(bool)
    seen = set()
    for stream in range(5):
        ids = tokens[stream].astype(np.int64)
        told = counts[stream, :-1]
        assert np.array_equal(targets[stream, :-1][told], ids[1:][told])
        begins = np.flatnonzero(ids == ENCODING.start)
        assert begins[0] == 0
        for begin, end in itertools.pairwise(begins):  # the last one may be cut
            own = ids[begin:end]
            assert own[-1] == ENCODING.end
            assert counts[stream, begin : end - 1].all()
            assert not counts[stream, end - 1]  # what the next piece is cannot be foretold
            assert np.array_equal(np.stack(ENCODING.context(own)), rows[1:5, stream, begin:end])
            found = ENCODING.decode(own)
            matches = [
                (which, bar, semitones)
                for which, piece in enumerate(pieces)
                for bar in range(3)
                for semitones in range(-6, 6)
                if _same(found, piece.sheet, 96 * bar, semitones)
            ]
            assert len(matches) == 1, matches
            seen.add(matches[0])
    assert {which for which, *_ in seen} == {0, 1}
    assert {bar for _, bar, _ in seen} == {0, 1}
    assert len({semitones for *_, semitones in seen}) > 6


def _same(found, sheet, begin, semitones):
    expected = sheet.notes[sheet.notes[:, 0] >= begin] + np.array([-begin, semitones, 0, 0])
    return np.array_equal(found.notes, expected) and len(found.bars) == 3 - begin // 96


def test_streams_go_on_where_their_state_was_taken():
    sources = [source_of(Piece(sheet, "songs"), ENCODING) for sheet in (LINE, CHORD)]
    streams = Streams(sources, 3, 0.5, np.random.default_rng(0))
    streams.read(50)
    state = streams.state()
    expected = streams.read(200)
    other = Streams(sources, 3, 0.5, np.random.default_rng(9))
    other.restore(state)
    assert np.array_equal(other.read(200), expected)


def test_nothing_is_transposed_beyond_the_piano():
    assert source_of(Piece(a_sheet([0, 107, 1, 0], [0, 60, 1, 0]), "songs"), ENCODING).transpositions == range(-6, 2)
    assert source_of(Piece(a_sheet([0, 22, 1, 0]), "songs"), ENCODING).transpositions == range(-1, 6)
    assert source_of(Piece(a_sheet([0, 10, 1, 0], [0, 110, 1, 0]), "songs"), ENCODING).transpositions == range(1)


def test_equal_neighbours_are_joined():
    sheet = a_sheet([0, 60, 24, 0], [24, 60, 24, 0], [48, 60, 12, 0], [72, 60, 24, 0], [0, 60, 24, 1], [24, 62, 24, 1])
    assert sorted(joined(sheet).notes.tolist()) == [[0, 60, 24, 1], [0, 60, 60, 0], [24, 62, 24, 1], [72, 60, 24, 0]]


def test_shares_are_what_was_asked_for():
    pieces = [Piece(LINE, "songs")] * 7 + [Piece(CHORD, "chorales")] * 2 + [Piece(CHORD, "songs")]
    sources = sources_of(pieces, ENCODING, melody_share=0.25, chorale_share=0.3)
    read = {}
    for source in sources:
        read[source.kind] = read.get(source.kind, 0) + source.weight * source.columns.shape[1]
    assert read["chorales"] / sum(read.values()) == pytest.approx(0.3)
    alone = [source for source in sources if source.kind == "chorales" and source.notes == 2]
    whole = [source for source in sources if source.kind == "chorales" and source.notes == 5]
    weights = [sum(source.weight for source in found) for found in (alone, whole)]
    assert weights[0] / sum(weights) == pytest.approx(0.25)


def test_the_chorales_are_read_whole():
    dataset = load_dataset("bach_chorales")
    pieces = pieces_of(dataset, "validation")
    assert [len(piece.sheet.notes) for piece in pieces] == [len(piece.notes) for piece in dataset.pieces("validation")]
    source = source_of(pieces[0], ENCODING)
    grammar = Grammar(ENCODING)
    for token in source.columns[0].tolist():
        assert grammar.kind == 0 or grammar.allowed()[token]
        grammar.said(token)
