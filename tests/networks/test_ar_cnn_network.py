"""The network against naive arithmetic: shapes, folding, heads, what it may and may not see."""

import pytest
import torch

from deepcomposer_lab.models.inference import fused
from deepcomposer_lab.networks.ar_cnn import ARCNNConfig, AutoregressiveCNN
from deepcomposer_lab.networks.unet import UNetConfig

SMALL = ARCNNConfig(widths=(4, 8, 8, 12), trunk_width=16, pitches=16, dropout=0.0)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return AutoregressiveCNN(SMALL).eval()


def a_roll(batch=2, steps=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    roll = (torch.rand(batch, 2, 16, steps, generator=generator) < 0.1).float()
    return roll, torch.rand(batch, 7, steps, generator=generator)


def test_scores_have_one_number_a_cell_and_one_for_stop(network):
    roll, time = a_roll()
    scores = network(roll=roll, time=time)
    assert scores.add.shape == scores.remove.shape == (2, 16, 24)
    assert scores.stop.shape == (2,)
    assert (scores.add <= 0).all()
    assert (scores.stop <= 0).all()


def test_folding_puts_neighbouring_steps_side_by_side_and_back(network):
    image = torch.arange(2 * 3 * 5 * 8, dtype=torch.float32).reshape(2, 3, 5, 8)
    folded = network.fold_time(image)
    assert folded.shape == (2, 6, 5, 4)
    for channel in range(3):
        for step in range(8):
            assert torch.equal(folded[:, channel * 2 + step % 2, :, step // 2], image[:, channel, :, step])
    assert torch.equal(network.unfold_time(folded), image)


def test_scores_are_log_probabilities_of_the_logits(network):
    roll, time = a_roll()
    logits, scores = network.logits(roll=roll, time=time), network(roll=roll, time=time)
    assert torch.allclose(scores.add.exp(), torch.sigmoid(logits.add), atol=1e-6)


def test_durations_are_a_distribution_read_from_the_right_cell(network):
    roll, time = a_roll()
    features = network(roll=roll, time=time).features
    cells = [(0, 3, 0), (0, 3, 1), (1, 15, 23), (1, 0, 10)]
    image, row, step = (torch.tensor(values) for values in zip(*cells, strict=True))
    durations = network.durations(features, image=image, row=row, step=step)
    assert torch.allclose(durations.exp().sum(dim=1), torch.ones(4), atol=1e-5)
    for index, (b, p, t) in enumerate(cells):
        within = torch.tensor([float(t % 2 == 0), float(t % 2 == 1)])
        vector = torch.cat([features[b, :, p, t // 2], within])
        by_hand = torch.log_softmax(network.duration_head.weight @ vector + network.duration_head.bias, dim=0)
        assert torch.allclose(durations[index], by_hand, atol=1e-5)
    assert not torch.allclose(durations[0], durations[1])  # same column after folding, other step within it


def test_images_of_a_batch_do_not_see_each_other(network):
    roll, time = a_roll()
    both, alone = network(roll=roll, time=time), network(roll=roll[1:], time=time[1:])
    assert torch.allclose(both.add[1], alone.add[0], atol=1e-5)


def test_every_score_may_depend_on_every_pitch_of_its_beat(network):
    """The trunk joins all pitches: the bass reaches the scores of the highest row, at the same beat."""
    roll, time = a_roll(batch=1)
    roll.requires_grad_()
    network.logits(roll=roll, time=time).add[0, 15, 12].backward()
    assert roll.grad[0, :, 0, 12:16].abs().sum() > 0


def test_fusing_changes_no_answer_and_removes_every_normalisation():
    torch.manual_seed(1)
    network = AutoregressiveCNN(SMALL)
    roll, time = a_roll(batch=4)
    network.train()
    for _ in range(3):
        network(roll=roll, time=time)  # running averages away from their start
    network.eval()
    quick = fused(network)
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert not any("BatchNorm" in type(module).__name__ for module in quick.modules())
    expected, found = network(roll=roll, time=time), quick(roll=roll, time=time)
    for name in ("add", "remove", "stop"):
        assert torch.allclose(getattr(expected, name), getattr(found, name), atol=1e-4)


def test_can_learn_one_batch_by_heart():
    """Overfit one batch: what a network that is wired right always can."""
    torch.manual_seed(0)
    network = AutoregressiveCNN(SMALL).train()
    roll, time = a_roll(batch=4)
    target = (torch.rand(4, 16, 24) < 0.02).float()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    first = last = None
    for _ in range(120):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network.logits(roll=roll, time=time).add, target)
        first = first if first is not None else loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
    assert last < first / 20


def test_levels_and_halvings_must_agree():
    with pytest.raises(ValueError, match="3 levels has 2 halvings; got 3"):
        UNetConfig(in_channels=4, widths=(4, 8, 8))


def test_time_multiple_is_what_folding_and_halving_ask_for():
    assert SMALL.time_multiple == 4
    assert ARCNNConfig(fold=4).time_multiple == 8
