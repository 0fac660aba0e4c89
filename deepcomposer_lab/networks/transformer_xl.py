r"""Transformer-XL: a network that foretells the next token of a piece, and remembers what came long before.

Every token looks back at those before it and takes from them what it needs: *attention* (Vaswani et al. 2017). Of each
token three vectors are made, a query q, a key k and a value v; what a token gets is

    Σ_j  a_ij v_j,      a_ij = softmax_j( q_i · k_j / √dim )          over the tokens j it may look at

and several *heads* do so side by side, each with vectors of its own. What is kept of Dai et al. 2019, "Transformer-XL":

- **segment recurrence**: a piece is read a segment at a time, and every layer still sees the states that it had in the
  segments before, its *memory*. Training sends no gradient back into it (section 3.2);
- **relative positions**: how far back a token lies counts, not its number (section 3.3).

What is different here, and why:

- relative positions are **rotations** (Su et al. 2021, "RoFormer"): queries and keys are turned by an angle that grows
  with their place, so q · k hangs on the distance alone. It costs no matrices of its own;
- **two clocks**. Half of the heads count tokens; the other half count *musical time*, so "a bar ago" is the same place
  whether much or little happened since (compare Huang et al. 2018, "Music Transformer", relative attention to time);
- the network is told the **context** of each token (encoding/tokens.py): its place in the bar, part and metre;
- a token looks back over the last `memory` tokens, all of them equally far: chunks of any length give the same;
- RMSNorm before each part instead of LayerNorm after it (Zhang and Sennrich 2019), a gated feed-forward network
  (Shazeer 2020, "SwiGLU"), and one table for reading tokens and for foretelling them (Press and Wolf 2017): better at
  equal cost.

Shapes: B pieces side by side, T tokens, M remembered ones, S = M + T, D width, H heads, E = D / H, V tokens there are.

Lesson: notebooks/09_transformers.ipynb.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu

START = 0  # the token that begins a piece; nothing looks back beyond it


@dataclass(frozen=True)
class TransformerXLConfig:
    """Sizes."""

    vocabulary: int  # V
    positions: int  # places in a bar, and one for "none"
    parts: int
    metres: int
    width: int = 256  # D
    layers: int = 6
    heads: int = 8  # H; the first half count tokens, the others musical time
    hidden: int = 640  # width inside the feed-forward network
    memory: int = 512  # tokens that each token can look back
    dropout: float = 0.1


class Context(NamedTuple):
    """What stands beside the tokens, each (B, T) whole numbers."""

    time: Tensor  # steps since the piece began
    position: Tensor
    part: Tensor
    metre: Tensor


class Memory(NamedTuple):
    """What is kept of the tokens before."""

    states: Tensor  # (layers, B, M, D): what each layer was given
    time: Tensor  # (B, M): the musical time of each
    piece: Tensor  # (B, M): which piece of the stream it belongs to


class TransformerXL(nn.Module):
    """Tokens in, for each the logits of the next one out."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.tokens = nn.Embedding(config.vocabulary, D)
        self.positions = nn.Embedding(config.positions, D)
        self.parts = nn.Embedding(config.parts, D)
        self.metres = nn.Embedding(config.metres, D)
        self.layers: Any = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(D))
        self.dropout = nn.Dropout(config.dropout)
        self.register_buffer("rates", rates(config), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                last = name.endswith(("out.weight", "down.weight"))  # what is added to the stream of every layer
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * config.layers) if last else 0.02)

    def forward(self, *, tokens: Tensor, context: Context, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """Foretell what follows each token.

        Parameters
        ----------
        tokens : Tensor, int64, shape (B, T)
        context : Context
        memory : Memory, optional
            Of the tokens before; none where the stream begins.

        Returns
        -------
        logits : Tensor, float32, shape (B, T, V)
        memory : Memory
            For the tokens that follow.
        """
        place, time, piece = _placed(tokens, context.time, memory)  # (B, S) each
        T, S = tokens.shape[1], place.shape[1]
        seen = _may_see(place, piece, T, self.config.memory)  # (B, 1, T, S)
        turn = self.turns(place, time - time[:, :1])  # (B, H, S, E / 2) twice; distances count, small ones are exact

        x = self.embedded(tokens, context)  # (B, T, D)
        states = []
        for index, layer in enumerate(self.layers):
            before = x if memory is None else torch.cat([memory.states[index].to(x.dtype), x], dim=1)  # (B, S, D)
            states.append(before.detach()[:, -self.config.memory :])
            x = layer(x, before=before, turn=turn, seen=seen)
        kept = slice(max(0, S - self.config.memory), S)
        return self.foretold(x), Memory(torch.stack(states), time[:, kept], piece[:, kept])

    def embedded(self, tokens: Tensor, context: Context) -> Tensor:
        """Return tokens and their context as vectors: (B, T) -> (B, T, D)."""
        beside = self.positions(context.position) + self.parts(context.part) + self.metres(context.metre)
        embedded: Tensor = self.dropout(self.tokens(tokens) + beside)
        return embedded

    def foretold(self, x: Tensor) -> Tensor:
        """Return the logits of the next token: (B, T, D) -> (B, T, V)."""
        return linear(rms_norm(x, x.shape[-1:], self.norm), self.tokens.weight).float()

    def turns(self, place: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of every head's angles: (B, S) twice -> (B, H, S, E / 2) twice."""
        half = self.config.heads // 2
        clock = torch.stack([place] * half + [time] * (self.config.heads - half), dim=1)  # (B, H, S)
        rate: Tensor = self.rates  # type: ignore[assignment]
        angle = clock[..., None].float() * rate[:, None]  # (B, H, S, E / 2)
        return angle.cos(), angle.sin()

    def attention(self, *, tokens: Tensor, context: Context, queries: int | None = None) -> Tensor:
        """Return how much each token, or each of the last ones, looks at each other one; rows sum to 1.

        (1, T) -> (layers, H, T, T), or (layers, H, queries, T).
        """
        place, time, piece = _placed(tokens, context.time, None)
        seen = _may_see(place, piece, tokens.shape[1], self.config.memory)  # (1, 1, T, T)
        turn = self.turns(place, time)
        x = self.embedded(tokens, context)
        looks = []
        for layer in self.layers:
            asking = slice(0 if queries is None else -queries, None)
            looks.append(layer.weights(x[:, asking], before=x, turn=turn, seen=seen[:, :, asking])[0])  # (H, T, T)
            x = layer(x, before=x, turn=turn, seen=seen)
        return torch.stack(looks)

    # --- One token after another --------------------------------------------------------------------------------

    def cache(self, capacity: int) -> Cache:
        """Return room for the keys and values of `capacity` tokens of one piece."""
        config, like = self.config, self.norm
        shape = (config.layers, config.heads, capacity, config.width // config.heads)
        return Cache(like.new_empty(shape), like.new_empty(shape))

    def extend(self, *, tokens: Tensor, context: Context, cache: Cache) -> Tensor:
        """Read on in one piece, and keep keys and values: a token costs the same at the start and at the end.

        Parameters
        ----------
        tokens : Tensor, int64, shape (1, T)
        context : Context
        cache : Cache
            What was read before; the new tokens are added.

        Returns
        -------
        Tensor, float32, shape (V,)
            The logits of the token that follows the last.
        """
        T = tokens.shape[1]
        first, last = cache.length, cache.length + T
        cache.make_room(last)
        place = torch.arange(first, last)[None]
        turn = self.turns(place, context.time)
        reach = max(0, first - self.config.memory)  # nothing looks back beyond
        seen = None
        if T > 1:
            behind = torch.arange(first, last)[:, None] - torch.arange(reach, last)  # (T, S)
            seen = (behind >= 0) & (behind <= self.config.memory)
        x = self.embedded(tokens, context)  # (1, T, D)
        for index, layer in enumerate(self.layers):
            x = layer.extend(x, turn, cache.keys[index], cache.values[index], reach, first, seen)
        cache.length = last
        return self.foretold(x[:, -1:])[0, 0]


class Cache:
    """Keys and values of the tokens read so far, each (layers, H, capacity, E); it grows when it is full."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values, self.length = keys, values, 0

    def make_room(self, length: int) -> None:
        """Have room for `length` tokens."""
        more = length - self.keys.shape[2]
        if more > 0:
            room = self.keys.new_empty((*self.keys.shape[:2], max(more, self.keys.shape[2]), self.keys.shape[3]))
            self.keys, self.values = torch.cat([self.keys, room], dim=2), torch.cat([self.values, room], dim=2)


class Layer(nn.Module):
    """Attention, then a feed-forward network; each adds to what came in.

    x ← x + Attention(norm(x)),    x ← x + W_down( silu(W_gate norm(x)) ⊙ W_up norm(x) )
    """

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        D = config.width
        self.heads, self.drop = config.heads, config.dropout
        self.query = nn.Linear(D, D, bias=False)
        self.key_value = nn.Linear(D, 2 * D, bias=False)
        self.out = nn.Linear(D, D, bias=False)
        self.gate_up = nn.Linear(D, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, D, bias=False)
        self.attention_norm, self.feed_norm = nn.Parameter(torch.ones(D)), nn.Parameter(torch.ones(D))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, *, before: Tensor, turn: tuple[Tensor, Tensor], seen: Tensor) -> Tensor:
        """(B, T, D), (B, S, D), angles of all S, (B, 1, T, S) whether it may be seen -> (B, T, D)."""
        T = x.shape[1]
        q = turned(self._queries(x), *(part[..., -T:, :] for part in turn))  # (B, H, T, E)
        k, v = self._keys_values(before)  # (B, H, S, E)
        drop = self.drop if self.training else 0.0
        found = scaled_dot_product_attention(q, turned(k, *turn), v, attn_mask=seen, dropout_p=drop)
        return self._fed(x + self.dropout(self.out(found.transpose(1, 2).flatten(2))))

    def extend(
        self,
        x: Tensor,
        turn: tuple[Tensor, Tensor],
        keys: Tensor,
        values: Tensor,
        reach: int,
        first: int,
        seen: Tensor | None,
    ) -> Tensor:
        """(1, T, D), angles of these, room for keys and values (H, capacity, E) -> (1, T, D)."""
        last = first + x.shape[1]
        q = turned(self._queries(x), *turn)  # (1, H, T, E)
        k, v = self._keys_values(x)
        keys[:, first:last], values[:, first:last] = turned(k, *turn)[0], v[0]
        found = scaled_dot_product_attention(q, keys[None, :, reach:last], values[None, :, reach:last], attn_mask=seen)
        return self._fed(x + self.out(found.transpose(1, 2).flatten(2)))

    def weights(self, x: Tensor, *, before: Tensor, turn: tuple[Tensor, Tensor], seen: Tensor) -> Tensor:
        """Return how much each token looks at each other one: as `forward` -> (B, H, T, S), each row sums to 1."""
        T = x.shape[1]
        q = turned(self._queries(x), *(part[..., -T:, :] for part in turn))
        k = turned(self._keys_values(before)[0], *turn)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (B, H, T, S)
        return scores.masked_fill(~seen, -torch.inf).softmax(dim=-1)

    def _queries(self, x: Tensor) -> Tensor:
        q = self.query(rms_norm(x, x.shape[-1:], self.attention_norm))
        return q.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, T, E)

    def _keys_values(self, before: Tensor) -> tuple[Tensor, Tensor]:
        both = self.key_value(rms_norm(before, before.shape[-1:], self.attention_norm))
        k, v = both.unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, H, S, E) each
        return k, v

    def _fed(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(rms_norm(x, x.shape[-1:], self.feed_norm)).chunk(2, dim=-1)  # (B, T, hidden) each
        fed: Tensor = x + self.dropout(self.down(silu(gate) * up))
        return fed


def turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs of numbers by their angles: (B, H, S, E), (B, H, S, E / 2) twice -> (B, H, S, E).

    A query turned by angle a and a key turned by angle b have the product that they have turned by a − b and 0.
    """
    one, other = x.chunk(2, dim=-1)
    cosine, sine = cosine.to(x.dtype), sine.to(x.dtype)
    return torch.cat([one * cosine - other * sine, one * sine + other * cosine], dim=-1)


def rates(config: TransformerXLConfig) -> Tensor:
    """Return by which angle each pair of numbers turns for one tick of its head's clock: (H, E / 2).

    Heads that count tokens turn as published, from 1 radian a token to 1 / 10,000. Heads that count time turn once in
    three steps (a thirty-second note), in six, in twelve …: pairs of them tell the place in a beat, a bar, a phrase.
    """
    pairs = config.width // config.heads // 2
    by_token = 10_000.0 ** (-torch.arange(pairs) / pairs)
    by_time = 2 * math.pi / (3 * 2.0 ** torch.arange(pairs))
    half = config.heads // 2
    return torch.stack([by_token] * half + [by_time] * (config.heads - half))


def _placed(tokens: Tensor, time: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return place, time and piece of remembered and new tokens: (B, S) each; the first new one has place 0."""
    T = tokens.shape[1]
    piece = (tokens == START).cumsum(dim=1)  # (B, T)
    M = 0
    if memory is not None:
        M = memory.time.shape[1]
        piece = torch.cat([memory.piece, piece + memory.piece[:, -1:]], dim=1)
        time = torch.cat([memory.time, time], dim=1)
    place = torch.arange(-M, T, device=tokens.device).expand_as(time)
    return place, time, piece


def _may_see(place: Tensor, piece: Tensor, new: int, reach: int) -> Tensor:
    """Return what each new token may look at: itself and up to `reach` before it, of its own piece: (B, 1, T, S)."""
    behind = place[:, -new:, None] - place[:, None]  # (B, T, S)
    own = piece[:, -new:, None] == piece[:, None]
    return ((behind >= 0) & (behind <= reach) & own)[:, None]


__all__ = ["Cache", "Context", "Layer", "Memory", "TransformerXL", "TransformerXLConfig", "rates", "turned"]
