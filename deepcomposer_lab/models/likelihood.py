"""How likely a Transformer finds a piece: the bits that each token of it costs.

    bits = token_bits(model.network, model.encoding, model.encoding.encode(sheet))
    bits.sum() / len(sheet.notes)          # bits a note: comparable whatever the tokens are

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from deepcomposer_lab.encoding.tokens import Grammar, TokenEncoding
from deepcomposer_lab.networks.transformer_xl import Context, TransformerXL

SEGMENT = 512


def allowed(encoding: TokenEncoding, tokens: Sequence[int]) -> NDArray[np.bool_]:
    """Return what the grammar lets follow each token: bool, (T, vocabulary)."""
    grammar = Grammar(encoding)
    masks = np.empty((len(tokens), encoding.size), dtype=bool)
    for index, token in enumerate(tokens):
        grammar.said(int(token))
        masks[index] = grammar.allowed()
    return masks


def context_of(encoding: TokenEncoding, tokens: NDArray[np.int64]) -> Context:
    """Return what stands beside tokens, for a network: each (1, T)."""
    return Context(*(torch.from_numpy(np.array(column))[None] for column in encoding.context(tokens)))


@torch.inference_mode()
def token_bits(
    network: TransformerXL, encoding: TokenEncoding, tokens: NDArray[np.int64], *, grammar: bool = True
) -> NDArray[np.float64]:
    """Return what every token of a piece but the first costs, −log₂ p(token | all before that memory reaches).

    Parameters
    ----------
    network : TransformerXL
        In evaluation mode.
    encoding : TokenEncoding
    tokens : ndarray, int64, shape (T,)
        From Start on.
    grammar : bool
        Whether what cannot follow has no probability, as when a piece is sampled.

    Returns
    -------
    ndarray, float64, shape (T − 1,)
    """
    bits = np.empty(len(tokens) - 1)
    context, ids, memory = context_of(encoding, tokens), torch.from_numpy(np.array(tokens))[None], None
    masks = torch.from_numpy(allowed(encoding, tokens[:-1].tolist())) if grammar else None
    for begin in range(0, len(bits), SEGMENT):
        end = min(begin + SEGMENT, len(bits))
        part = Context(*(column[:, begin:end] for column in context))
        logits, memory = network(tokens=ids[:, begin:end], context=part, memory=memory)  # (1, T, V)
        scores = logits[0].double()
        if masks is not None:
            scores = scores.masked_fill(~masks[begin:end], -torch.inf)
        found = scores.log_softmax(dim=-1).gather(1, ids[0, begin + 1 : end + 1, None])[:, 0]
        bits[begin:end] = found.numpy() / -math.log(2)
    return bits
