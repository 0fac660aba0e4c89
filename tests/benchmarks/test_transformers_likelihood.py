"""Bits a note: the published marks' arithmetic, the durations that share a token, and the public pieces' notes."""

import math
from pathlib import Path

import numpy as np
import pytest

from deepcomposer_lab.benchmarks import transformers_likelihood
from deepcomposer_lab.benchmarks.intervals import bootstrap_weights
from deepcomposer_lab.benchmarks.transformers_likelihood import (
    JSB_NOTES,
    LONGEST,
    MARKS,
    ORIGINAL,
    Lengths,
    NGramRow,
    Pieces,
    chorales,
    jsb_pieces,
    original_tokens,
)
from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.sheet import Sheet
from deepcomposer_lab.encoding.tokens import PITCH, TokenEncoding, duration_index
from deepcomposer_lab.training.token_streams import Piece

JSB = Path(__file__).resolve().parents[3] / "shared" / "data" / "Jsb16thSeparated.npz"  # beside a checkout
ENCODING = TokenEncoding()
BARS = np.array([(0, 4, 4)])


def held(*durations: int) -> Sheet:
    return Sheet(np.array([(0, 60 - index, steps, 0) for index, steps in enumerate(durations)]), BARS)


def test_marks_in_bits_a_note() -> None:
    found = {mark.key: mark.bits_per_note for mark in MARKS}
    assert found["original"] == pytest.approx(0.968 * 42_665 / 17_525 / math.log(2))
    assert found["original"] == pytest.approx(3.40, abs=0.005)
    assert ORIGINAL.things / JSB_NOTES == pytest.approx(2.43, abs=0.005)
    assert found["music_transformer"] == pytest.approx(2.085, abs=0.001)
    assert found["tonicnet"] == pytest.approx(1.394, abs=0.001)
    assert found["bigram"] == pytest.approx(4.605, abs=0.001)
    assert MARKS[1].arithmetic == "0.335 nats × 75,600 voice tokens / 17,525 notes / ln 2"


@pytest.mark.skipif(not JSB.exists(), reason="the public JSB file is not here")
def test_the_public_pieces_have_as_many_notes_and_tokens_as_the_marks_say() -> None:
    pieces, heard = jsb_pieces(JSB)
    assert (len(pieces), sum(len(piece.sheet.notes) for piece in pieces)) == (77, 17_525)
    assert original_tokens(JSB) == ORIGINAL.things
    assert 0 < sum(heard) < 77
    # All of it can be told, and comes back.
    for piece in pieces[:10]:
        found = ENCODING.decode(ENCODING.encode(piece.sheet), first_step=int(piece.sheet.bars[0, 0]))
        shorter = duration_index(found.notes[:, 2]) == duration_index(piece.sheet.notes[:, 2])
        assert np.array_equal(found.notes[:, [0, 1, 3]], piece.sheet.notes[:, [0, 1, 3]])
        assert shorter.all()


def test_another_file_of_that_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    few = load_dataset("bach_chorales").pieces("test")[:3]
    monkeypatch.setattr(transformers_likelihood, "read_jsb", lambda path, split: few)
    with pytest.raises(ValueError, match="the public file has 17525 in 18900"):
        jsb_pieces(Path("other.npz"))
    pieces, heard = jsb_pieces(Path("other.npz"), "train")
    assert [len(piece.sheet.notes) for piece in pieces] == [len(piece.notes) for piece in few]
    assert heard == [piece.heard_melody for piece in few]


def test_durations_that_share_a_token_are_paid_for() -> None:
    # 100, 101, 102 and 103 steps share a token; training had 102 three times.
    lengths = Lengths.of([held(102, 102), held(102, 24)])
    assert lengths.bits(held(102)) == pytest.approx(-math.log2((3 + 1 / 4) / (3 + 1)))
    assert lengths.bits(held(100)) == pytest.approx(-math.log2((1 / 4) / (3 + 1)))
    assert lengths.bits(held(24)) == 0  # alone with its token
    # The longest token stands for all that is longer: what was never seen costs most, but never everything.
    sharing = LONGEST + 1 - 384
    assert lengths.bits(held(1000)) == pytest.approx(math.log2(sharing))
    assert lengths.bits(held(102, 100)) == pytest.approx(lengths.bits(held(102)) + lengths.bits(held(100)))


def test_durations_together_are_a_probability() -> None:
    lengths = Lengths.of([held(102, 103, 60)])
    assert sum(2.0 ** -lengths.bits(held(steps)) for steps in range(100, 104)) == pytest.approx(1)


def test_bits_a_note_are_all_bits_by_all_notes() -> None:
    lengths = Lengths.of([])
    pieces = Pieces.of([Piece(held(24, 24), "songs"), Piece(held(48, 24, 24), "chorales")], ENCODING, lengths)
    assert [int((ENCODING.kinds(tokens) == PITCH).sum()) for tokens in pieces.tokens] == pieces.notes.tolist() == [2, 3]
    bits = [np.full(len(tokens) - 1, 0.5) for tokens in pieces.tokens]
    weights = bootstrap_weights(2, 10)
    spent = sum(0.5 * (len(tokens) - 1) for tokens in pieces.tokens)
    assert pieces.per_note(bits, weights)[0] == pytest.approx((spent + 1) / 5)  # 48 or 49 steps: one bit
    kinds = pieces.per_note_by_kind(bits, weights)
    assert kinds["songs"][0] == pytest.approx(0.5 * (len(pieces.tokens[0]) - 1) / 2)


def test_chorales_as_the_public_ones_have_no_repeated_notes() -> None:
    plain, joined = chorales("test"), chorales("test", join=True)
    assert sum(len(piece.sheet.notes) for piece in joined) < sum(len(piece.sheet.notes) for piece in plain)
    for before, after in zip(plain, joined, strict=True):
        assert before.sheet.notes[:, 2].sum() == after.sheet.notes[:, 2].sum()


def test_the_ngram_is_chosen_on_validation_pieces_alone() -> None:
    training, validation = chorales("train")[:40], chorales("validation")[:4]
    pieces = Pieces.of(chorales("test")[:3], ENCODING, Lengths.of([piece.sheet for piece in training]))
    row = NGramRow.of(ENCODING, training, validation, pieces)
    assert {len(found) for found in row.bits.values()} == {3}
    assert [len(bits) for bits in row.bits[row.chain]] == [len(tokens) - 1 for tokens in pieces.tokens]
    own = NGramRow.of(ENCODING, training, chorales("test")[:3], pieces)
    for chain, found in row.bits.items():  # the other pieces do not change what these cost
        for one, other in zip(found, own.bits[chain], strict=True):
            np.testing.assert_allclose(one, other)
