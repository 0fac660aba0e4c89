r"""The original's Transformer-XL as it composes: a row to be quicker than, not one to compose with.

AWS DeepComposer's network, rebuilt from its description: four layers of ten heads, width 500, 9.2 million parameters.
Attention as published (Dai et al. 2019, section 3.3), with keys for content (E) and for distance (R):

    A_ij = ( (q_i + u) · k^E_j  +  (q_i + v) · k^R_{i−j} ) / √d,      normalised *after* what is added (post-LayerNorm)

Between two tokens it keeps the *hidden states* of each layer, up to 4,096 of them, not their keys and values. So every
new token projects all of them again, in every layer, and the projections of all distances too: a token costs the more
the longer the piece. Keeping keys and values instead gives the same numbers; that is what this sampler is timed for.

Shapes: M remembered tokens, T new ones, S = M + T, D width, H heads, E = D / H.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


@dataclass(frozen=True)
class OriginalTransformerConfig:
    """Sizes; the default is the original's own."""

    vocabulary: int = 310
    width: int = 500  # D
    layers: int = 4
    heads: int = 10  # H
    hidden: int = 1000
    memory: int = 4096

    def with_parameters(self, wanted: int) -> OriginalTransformerConfig:
        """Return the sizes whose feed-forward network makes the whole have as nearly `wanted` numbers as possible."""
        narrow, wide = (parameters(replace(self, hidden=hidden)) for hidden in (1, 2))
        return replace(self, hidden=max(1, 1 + round((wanted - narrow) / (wide - narrow))))


def parameters(config: OriginalTransformerConfig) -> int:
    """Return how many numbers such a network learns."""
    D, F = config.width, config.hidden
    layer = 5 * D * D + (2 * D * F + F + D) + 4 * D  # q, k, v, r, out; two matrices with biases; two LayerNorms
    return config.layers * layer + config.vocabulary * (D + 1) + 2 * D  # tied table, its biases, u and v


class OriginalTransformerXL(nn.Module):
    """Tokens in, for each the logits of the next one out, and the hidden states to remember."""

    def __init__(self, config: OriginalTransformerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or OriginalTransformerConfig()
        D, H = config.width, config.heads
        self.tokens = nn.Embedding(config.vocabulary, D)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))
        self.u, self.v = nn.Parameter(torch.zeros(H, 1, D // H)), nn.Parameter(torch.zeros(H, 1, D // H))
        self.layers = nn.ModuleList(OriginalLayer(config) for _ in range(config.layers))
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.01)

    def forward(self, tokens: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(T,) whole numbers, (layers, M, D) -> logits (T, V), memory (layers, up to M + T, D)."""
        x = self.tokens(tokens) * math.sqrt(self.config.width)  # (T, D)
        T, M = len(tokens), 0 if memory is None else memory.shape[1]
        distance = sinusoids(torch.arange(M + T - 1, -1, -1), self.config.width)  # (S, D): S − 1 back … 0 back
        future = torch.ones(T, M + T, dtype=torch.bool).triu(M + 1)
        states = []
        for index, layer in enumerate(self.layers):
            before = x if memory is None else torch.cat([memory[index], x])  # (S, D)
            states.append(before[-self.config.memory :])
            x = layer(x, before, distance, self.u, self.v, future)
        return linear(x, self.tokens.weight, self.bias), torch.stack(states)


class OriginalLayer(nn.Module):
    """Attention, then a feed-forward network; each is normalised together with what came in."""

    def __init__(self, config: OriginalTransformerConfig) -> None:
        super().__init__()
        D = config.width
        self.heads = config.heads
        self.query_key_value = nn.Linear(D, 3 * D, bias=False)
        self.relative = nn.Linear(D, D, bias=False)
        self.out = nn.Linear(D, D, bias=False)
        self.feed = nn.Sequential(nn.Linear(D, config.hidden), nn.ReLU(), nn.Linear(config.hidden, D))
        self.attention_norm, self.feed_norm = nn.LayerNorm(D), nn.LayerNorm(D)

    def forward(self, x: Tensor, before: Tensor, distance: Tensor, u: Tensor, v: Tensor, future: Tensor) -> Tensor:
        """(T, D), (S, D), (S, D), (H, 1, E) twice, (T, S) -> (T, D)."""
        T = len(x)
        q, k, value = self._heads(self.query_key_value(before)).chunk(3, dim=-1)  # (H, S, E): all of them, every time
        q, r = q[:, -T:], self._heads(self.relative(distance))  # (H, T, E), (H, S, E)
        content, place = (q + u) @ k.transpose(1, 2), (q + v) @ r.transpose(1, 2)  # (H, T, S) each
        scores = (content + shifted(place)) / math.sqrt(q.shape[-1])
        found = scores.masked_fill(future, -torch.inf).softmax(dim=-1) @ value  # (H, T, E)
        x = self.attention_norm(x + self.out(found.transpose(0, 1).flatten(1)))
        fed: Tensor = self.feed_norm(x + self.feed(x))
        return fed

    def _heads(self, x: Tensor) -> Tensor:
        """(S, n H E) -> (H, S, n E)."""
        S, width = x.shape
        parts = width // self.relative.out_features
        return x.view(S, parts, self.heads, -1).permute(2, 0, 1, 3).flatten(2)


def sinusoids(distance: Tensor, width: int) -> Tensor:
    """Return distances as sines and cosines of ever lower frequency: (S,) -> (S, width)."""
    rate = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    angle = distance[:, None].float() * rate
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def shifted(place: Tensor) -> Tensor:
    """Move row i of scores by distance so that column j holds distance i − j: (H, T, S) -> (H, T, S).

    Each row comes in from the farthest to the nearest, as the last token sees it; row i is T − 1 − i places early. A
    column of zeros before, and the same numbers read in rows one shorter, do that without a loop (appendix B there).
    """
    H, T, S = place.shape
    return torch.cat([place.new_zeros(H, T, 1), place], dim=-1).view(H, S + 1, T)[:, 1:].reshape(H, T, S)


@torch.inference_mode()
def sample(
    network: OriginalTransformerXL, count: int, *, seed: int = 0, temperature: float = 0.95, threshold: float = 0.95
) -> list[int]:
    """Return `count` tokens, drawn one after another as in the original's notebook: a nucleus, at a temperature."""
    return list(islice(sampled(network, seed=seed, temperature=temperature, threshold=threshold), count))


def sampled(
    network: OriginalTransformerXL, *, seed: int = 0, temperature: float = 0.95, threshold: float = 0.95
) -> Iterator[int]:
    """Yield tokens without end; see `sample`."""
    generator = torch.Generator().manual_seed(seed)
    token, memory = 0, None
    while True:
        logits, memory = network(torch.tensor([token]), memory)
        token = from_nucleus(logits[-1] / temperature, threshold, generator)
        yield token


def from_nucleus(logits: Tensor, threshold: float, generator: torch.Generator) -> int:
    """Draw from the likeliest tokens that together reach `threshold`."""
    probability, order = logits.softmax(dim=-1).sort(descending=True)
    kept = probability.cumsum(dim=-1) - probability < threshold
    return int(order[torch.multinomial(probability * kept, 1, generator=generator)])
