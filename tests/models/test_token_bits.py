"""Bits of tokens, and reading one token after another, against the network asked plainly."""

import math

import numpy as np
import pytest
import torch

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.encoding.sheet import sheet_of
from deepcomposer_lab.encoding.tokens import Grammar, TokenEncoding
from deepcomposer_lab.models import likelihood
from deepcomposer_lab.models.likelihood import context_of, token_bits
from deepcomposer_lab.models.reader import Reader, attention_of_last
from deepcomposer_lab.networks.transformer_xl import TransformerXL, TransformerXLConfig

ENCODING = TokenEncoding()


def small_network(memory=64):
    torch.manual_seed(1)
    sizes = {"width": 32, "layers": 2, "heads": 4, "hidden": 32, "memory": memory, "dropout": 0.0}
    network = TransformerXL(TransformerXLConfig(**ENCODING.sizes(), **sizes))
    for weight in network.parameters():
        if weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.2)
    return network.eval()


def tokens_of_a_chorale(length=300):
    piece = load_dataset("bach_chorales").pieces("test")[3]
    return ENCODING.encode(sheet_of(piece.to_composition())[0])[:length]


def whole(network, tokens):
    """Return the logits of one pass over everything: (T, V)."""
    with torch.no_grad():
        return network(tokens=torch.from_numpy(tokens)[None], context=context_of(ENCODING, tokens))[0][0].double()


@pytest.mark.parametrize("grammar", [True, False])
def test_bits_are_those_of_every_token_given_all_before(grammar, monkeypatch):
    network, tokens = small_network(), tokens_of_a_chorale()
    logits = whole(network, tokens)
    reader = Grammar(ENCODING)
    expected = []
    for index in range(len(tokens) - 1):
        reader.said(int(tokens[index]))
        may = reader.allowed() if grammar else np.ones(ENCODING.size, dtype=bool)
        weights = np.exp(logits[index].numpy()) * may
        expected.append(-math.log2(weights[tokens[index + 1]] / weights.sum()))
    monkeypatch.setattr(likelihood, "SEGMENT", 70)  # memory carries over five segments
    assert token_bits(network, ENCODING, tokens, grammar=grammar) == pytest.approx(expected, abs=1e-3)


def test_what_the_grammar_forbids_costs_nothing_to_leave_out():
    network, tokens = small_network(), tokens_of_a_chorale()
    bits = token_bits(network, ENCODING, tokens)
    assert (bits <= token_bits(network, ENCODING, tokens, grammar=False) + 1e-9).all()


def test_a_reader_says_what_one_pass_says():
    network, tokens = small_network(), tokens_of_a_chorale(120)
    reader, expected = Reader(network, ENCODING), whole(network, tokens)
    assert reader.read(tokens[:50].tolist()) == pytest.approx(expected[49].numpy(), abs=1e-3)
    for index in range(50, 120):
        assert reader.read([int(tokens[index])]) == pytest.approx(expected[index].numpy(), abs=1e-3)
    assert reader.tokens == tokens.tolist()


def test_the_last_tokens_attention_is_the_last_row():
    network, tokens = small_network(), tokens_of_a_chorale(90)
    looks = attention_of_last(network, ENCODING, tokens)
    assert looks.shape == (2, 4, 90)
    with torch.no_grad():
        every = network.attention(tokens=torch.from_numpy(tokens)[None], context=context_of(ENCODING, tokens))
    assert np.allclose(looks, every[:, :, -1].numpy(), atol=1e-6)
    assert (looks[..., : 90 - 1 - 64] == 0).all()
