"""The Transformer-XL against a naive loop, itself in one pass, and itself token by token."""

import math

import pytest
import torch

from deepcomposer_lab.networks.transformer_xl import (
    START,
    Context,
    TransformerXL,
    TransformerXLConfig,
    rates,
    turned,
)

SMALL = TransformerXLConfig(
    vocabulary=40, positions=13, parts=5, metres=4, width=32, layers=3, heads=4, hidden=48, memory=16, dropout=0.0
)


def a_network(**sizes):
    torch.manual_seed(3)
    network = TransformerXL(TransformerXLConfig(**{**SMALL.__dict__, **sizes}))
    for weight in network.parameters():  # far from the small start, so that attention is anything but even
        if weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.3)
    return network.eval()


def a_stream(pieces=2, length=50, starts=(0,), seed=5):
    """Return tokens with a new piece at `starts`, and their context; times never fall within a piece."""
    random = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, 40, (pieces, length), generator=random)
    tokens[:, list(starts)] = START
    time = torch.randint(0, 9, (pieces, length), generator=random).cumsum(1)
    beside = [torch.randint(0, most, (pieces, length), generator=random) for most in (13, 5, 4)]
    return tokens, Context(time, *beside)


def cut(context, begin, end):
    return Context(*(column[:, begin:end] for column in context))


@pytest.mark.parametrize("chunks", [(50,), (7, 1, 20, 22), (25, 25), (3,) * 16 + (2,)])
def test_chunks_with_memory_equal_one_long_pass(chunks):
    network = a_network()
    tokens, context = a_stream(starts=(0, 31))
    with torch.no_grad():
        whole, _ = network(tokens=tokens, context=context)
        begin, memory, parts = 0, None, []
        for length in chunks:
            end = begin + length
            logits, memory = network(tokens=tokens[:, begin:end], context=cut(context, begin, end), memory=memory)
            parts.append(logits)
            begin = end
    assert memory.states.shape == (3, 2, min(16, 50), 32)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-3, rtol=1e-3)


def test_the_memory_is_used_and_reaches_no_further_than_it_says():
    """Through three layers a token is moved by one 3 · 16 back, and by none before that."""
    network = a_network()
    tokens, context = a_stream(pieces=1, length=60, starts=(0,))

    def last(changed):
        other = tokens.clone()
        other[0, changed] = (other[0, changed] % 39) + 1
        with torch.no_grad():
            return network(tokens=other, context=context)[0][0, -1]

    with torch.no_grad():
        before = network(tokens=tokens, context=context)[0][0, -1]
    assert not torch.allclose(last(59 - 16), before)
    assert not torch.allclose(last(59 - 3 * 16), before)
    torch.testing.assert_close(last(59 - 3 * 16 - 1), before)


def test_nothing_looks_ahead_or_into_another_piece():
    network = a_network()
    tokens, context = a_stream(pieces=1, starts=(0, 30))
    with torch.no_grad():
        before = network(tokens=tokens, context=context)[0][0]
        other = tokens.clone()
        other[0, 40] = (other[0, 40] % 39) + 1
        after = network(tokens=other, context=context)[0][0]
        torch.testing.assert_close(after[:40], before[:40])
        assert not torch.allclose(after[40], before[40])
        earlier = tokens.clone()
        earlier[0, 5:29] = 7
        torch.testing.assert_close(network(tokens=earlier, context=context)[0][0, 30:], before[30:])


def test_attention_equals_a_naive_loop():
    """One layer, written out with loops over heads, tokens and the tokens they look at."""
    network = a_network(layers=1)
    tokens, context = a_stream(pieces=1, length=24, starts=(0, 9))
    layer, config = network.layers[0], network.config
    E, half = config.width // config.heads, config.heads // 2
    with torch.no_grad():
        x = network.embedded(tokens, context)[0]

        def normed(vector, weight):
            return vector / torch.sqrt((vector**2).mean() + torch.finfo(torch.float32).eps) * weight

        def rotated(vector, clock, head):
            pairs = E // 2
            found = vector.clone()
            for pair in range(pairs):
                rate = 10_000 ** (-pair / pairs) if head < half else 2 * math.pi / (3 * 2**pair)
                c, s = math.cos(clock * rate), math.sin(clock * rate)
                a, b = vector[pair], vector[pair + pairs]
                found[pair], found[pair + pairs] = a * c - b * s, a * s + b * c
            return found

        outputs = []
        for i in range(24):
            heads = []
            first = 9 if i >= 9 else 0  # of its own piece
            for head in range(config.heads):
                clocks = range(24) if head < half else context.time[0].tolist()
                rows = slice(head * E, (head + 1) * E)
                own = normed(x[i], layer.attention_norm)
                q = rotated((layer.query.weight @ own)[rows], clocks[i], head)
                scores, values = [], []
                for j in range(max(first, i - config.memory), i + 1):
                    both = layer.key_value.weight @ normed(x[j], layer.attention_norm)
                    k = rotated(both[: config.width][rows], clocks[j], head)
                    scores.append(float(q @ k) / math.sqrt(E))
                    values.append(both[config.width :][rows])
                top = max(scores)
                exponentials = [math.exp(score - top) for score in scores]
                heads.append(sum(e / sum(exponentials) * value for e, value in zip(exponentials, values, strict=True)))
            y = x[i] + layer.out.weight @ torch.cat(heads)
            gate, up = (layer.gate_up.weight @ normed(y, layer.feed_norm)).chunk(2)
            outputs.append(y + layer.down.weight @ (gate * torch.sigmoid(gate) * up))
        naive = torch.stack([network.tokens.weight @ normed(y, network.norm) for y in outputs])
        logits = network(tokens=tokens, context=context)[0][0]
    torch.testing.assert_close(logits, naive, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("prompt", [1, 7, 40])
def test_cached_sampling_equals_uncached(prompt):
    network = a_network()
    tokens, context = a_stream(pieces=1, length=60)
    cache = network.cache(8)  # too small at first: it grows
    with torch.no_grad():
        whole = network(tokens=tokens, context=context)[0][0]
        said = [network.extend(tokens=tokens[:, :prompt], context=cut(context, 0, prompt), cache=cache)]
        for index in range(prompt, 60):
            one = cut(context, index, index + 1)
            said.append(network.extend(tokens=tokens[:, index : index + 1], context=one, cache=cache))
    assert cache.length == 60
    torch.testing.assert_close(torch.stack(said), whole[prompt - 1 :], atol=1e-3, rtol=1e-3)


def test_distance_alone_counts():
    """q · k of two tokens is the same wherever they stand, as long as they are as far apart."""
    clock = rates(SMALL)[:, None] * torch.tensor([3.0, 12.0, 103.0, 112.0])[:, None]  # (H, 4, E / 2)
    cosine, sine = clock.cos()[None], clock.sin()[None]
    random = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 4, 1, 8, generator=random)
    q, k = (turned(x.expand(1, 4, 4, 8), cosine, sine) for x in (q, k))
    scores = q @ k.transpose(-1, -2)
    torch.testing.assert_close(scores[..., 0, 1], scores[..., 2, 3], atol=1e-3, rtol=1e-3)
    assert not torch.allclose(scores[..., 0, 1], scores[..., 0, 2])


def test_a_heads_weights_are_what_it_used():
    network = a_network(layers=2)
    tokens, context = a_stream(pieces=1, length=30)
    with torch.no_grad():
        looks = network.attention(tokens=tokens, context=context)
        logits = network(tokens=tokens, context=context)[0]
    assert looks.shape == (2, 4, 30, 30)
    torch.testing.assert_close(looks.sum(-1), torch.ones(2, 4, 30))
    assert looks[..., 20, 21:].abs().max() == 0
    assert looks[..., 29, : 29 - 16].abs().max() == 0
    # The weights of layer 1, applied by hand to its values, give the states that layer 2 was handed.
    layer = network.layers[0]
    with torch.no_grad():
        x = network.embedded(tokens, context)
        _, v = layer._keys_values(x)
        y = layer._fed(x + layer.out((looks[0][None] @ v).transpose(1, 2).flatten(2)))
        second = network.layers[1]
        _, v = second._keys_values(y)
        z = second._fed(y + second.out((looks[1][None] @ v).transpose(1, 2).flatten(2)))
        torch.testing.assert_close(network.foretold(z), logits, atol=1e-3, rtol=1e-3)


def test_no_gradient_goes_back_into_memory():
    network = a_network()
    tokens, context = a_stream()
    _, memory = network(tokens=tokens[:, :25], context=cut(context, 0, 25))
    assert not memory.states.requires_grad
    logits, _ = network(tokens=tokens[:, 25:], context=cut(context, 25, 50), memory=memory)
    logits.sum().backward()
    assert network.tokens.weight.grad.abs().sum() > 0
