"""The original's Transformer-XL: its size, and its attention against loops that follow the published formula."""

import math

import torch

from deepcomposer_lab.benchmarks.original_sampler import (
    OriginalTransformerConfig,
    OriginalTransformerXL,
    from_nucleus,
    parameters,
    sample,
    shifted,
    sinusoids,
)

SMALL = OriginalTransformerConfig(vocabulary=11, width=12, layers=2, heads=3, hidden=17, memory=64)


def network(config: OriginalTransformerConfig = SMALL) -> OriginalTransformerXL:
    torch.manual_seed(0)
    made = OriginalTransformerXL(config).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    return made


def test_it_has_the_originals_size() -> None:
    count = sum(weight.numel() for weight in OriginalTransformerXL().parameters())
    assert count == parameters(OriginalTransformerConfig())
    assert 9.1e6 < count < 9.25e6
    equal = OriginalTransformerConfig(517, 256, 6, 8).with_parameters(4_700_000)
    assert abs(parameters(equal) / 4_700_000 - 1) < 0.001


def by_hand(net: OriginalTransformerXL, tokens: list[int]) -> torch.Tensor:
    """Compute the logits of every token, one score at a time."""
    config = net.config
    D, H, E = config.width, config.heads, config.width // config.heads
    x = net.tokens.weight[tokens] * math.sqrt(D)
    for layer in net.layers:
        W_q, W_k, W_v = layer.query_key_value.weight.split(D)
        rows = []
        for i in range(len(tokens)):
            heads = []
            for h in range(H):
                own = slice(h * E, (h + 1) * E)
                q = W_q[own] @ x[i]
                scores = []
                for j in range(i + 1):
                    far = layer.relative.weight[own] @ sinusoids(torch.tensor([i - j]), D)[0]
                    scores.append(((q + net.u[h, 0]) @ (W_k[own] @ x[j]) + (q + net.v[h, 0]) @ far) / math.sqrt(E))
                share = torch.stack(scores).softmax(dim=0)
                heads.append(sum(share[j] * (W_v[own] @ x[j]) for j in range(i + 1)))
            y = layer.attention_norm(x[i] + layer.out.weight @ torch.cat(heads))
            rows.append(layer.feed_norm(y + layer.feed(y)))
        x = torch.stack(rows)
    return x @ net.tokens.weight.T + net.bias


def test_attention_follows_the_formula() -> None:
    net, tokens = network(), [3, 1, 4, 1, 5, 9, 2]
    with torch.inference_mode():
        torch.testing.assert_close(net(torch.tensor(tokens))[0], by_hand(net, tokens))


def test_remembering_gives_what_one_pass_gives() -> None:
    net, tokens = network(), torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])
    with torch.inference_mode():
        whole, _ = net(tokens)
        memory, found = None, []
        for part in tokens.split([3, 1, 1, 3]):
            logits, memory = net(part, memory)
            found.append(logits)
    torch.testing.assert_close(torch.cat(found), whole)
    assert memory.shape == (2, 8, 12)


def test_shifting_puts_each_distance_in_its_column() -> None:
    T, S = 3, 5
    distance = torch.arange(S - 1, -1, -1.0).expand(1, T, S)
    place = shifted(distance)[0]
    for i in range(T):
        for j in range(S - T + i + 1):
            assert place[i, j] == S - T + i - j


def test_sampling_is_seeded_and_keeps_to_the_nucleus() -> None:
    net = network()
    assert sample(net, 30, seed=1) == sample(net, 30, seed=1) != sample(net, 30, seed=2)
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    drawn = {from_nucleus(logits, 0.7, torch.Generator().manual_seed(seed)) for seed in range(200)}
    assert drawn == {0, 1}
