"""Asking a Transformer-XL for one token after another.

    reader = Reader(model.network, model.encoding)
    logits = reader.read(tokens)           # of what follows, float32, (vocabulary,)
    logits = reader.read([another])        # as much work, however long the piece is by now

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from deepcomposer_lab.encoding.tokens import Grammar, TokenEncoding
from deepcomposer_lab.models.inference import one_thread
from deepcomposer_lab.models.likelihood import context_of
from deepcomposer_lab.networks.transformer_xl import Context, TransformerXL

ROOM = 1024  # tokens that a new reader has room for; it grows
AT_ONCE = 512  # tokens of a long prompt that are read side by side: each looks at all of these and their memory


class Reader:
    """Reads a piece on, and says what may follow and how likely the network finds it.

    Parameters
    ----------
    network : TransformerXL
        In evaluation mode.
    encoding : TokenEncoding

    Attributes
    ----------
    grammar : Grammar
        Where in the piece the reader is.
    tokens : list of int
        What was read.
    """

    def __init__(self, network: TransformerXL, encoding: TokenEncoding) -> None:
        self.network, self.encoding = network, encoding
        self.grammar = Grammar(encoding)
        self.tokens: list[int] = []
        self.cache = network.cache(ROOM)

    @one_thread()
    @torch.inference_mode()
    def read(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Read on, and return the logits of the token that follows: float32, (vocabulary,).

        Of a long prompt the network is given what its layers together can look back, in pieces: the answer is the same.
        """
        contexts = []
        for token in tokens:
            self.grammar.said(token)
            contexts.append((self.grammar.time, self.grammar.position, self.grammar.part, self.grammar.metre))
        self.tokens += tokens
        columns, ids = torch.tensor(contexts).T[:, None], torch.tensor([list(tokens)])  # (4, 1, T), (1, T)
        config = self.network.config
        reach = config.layers * config.memory  # through all layers nothing comes from further back
        for begin in range(max(0, len(tokens) - 1 - reach), len(tokens), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            context = Context(*columns[:, :, part])
            logits = self.network.extend(tokens=ids[:, part], context=context, cache=self.cache)
        return logits.numpy()


@one_thread()
@torch.inference_mode()
def attention_of_last(
    network: TransformerXL, encoding: TokenEncoding, tokens: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return how much the last token looks at each one, in every layer and head: float32, (layers, heads, T)."""
    ids = torch.from_numpy(np.array(tokens))[None]
    looks = network.attention(tokens=ids, context=context_of(encoding, tokens), queries=1)
    return looks[:, :, 0].numpy()
