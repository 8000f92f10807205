"""Stacked lanes on a CUDA device: recorded once as graphs, played again, and equal to the learners one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from replication.algorithms.off_policy import dqn
from replication.training.off_policy.learner import Learned, prepare_torch
from replication.training.off_policy.stack import Stack, take_out
from tests.support.stacks import ADAM, SOUND, apart, kept, learner, loss_stream, minibatch, same_bits, shown

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, torch sees none"),
]

LANES = 3


@pytest.fixture(autouse=True)
def _as_in_training() -> Iterator[None]:
    """The settings a session trains with."""
    prepare_torch()
    yield
    torch.use_deterministic_algorithms(False)


def built(variant: str = "dqn", **changes):
    return [learner(variant, seed, device="cuda", **changes) for seed in range(LANES)]


def minibatches(seed: int, size: int = 2):
    return [(minibatch(np.random.default_rng([seed, k]), size), loss_stream(k)) for k in range(LANES)]


@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine"])
@pytest.mark.parametrize("changes", [{}, {"optimizer": ADAM}], ids=["its own", "adam"])
def test_updates_and_values_equal_the_learners_alone(variant: str, changes) -> None:
    """In float64, which leaves no room for a number that was recorded where it had to be read again."""
    stacked, alone = (built(variant, small=True, double=True, **changes) for _ in range(2))
    stack = Stack(stacked)
    for update in range(10):
        assert stack.update(minibatches(update)) == [SOUND] * LANES
        for each, (batch, stream) in zip(alone, minibatches(update), strict=True):
            each.update(batch, stream)
        for one, other in zip(stacked, alone, strict=True):
            assert max(apart(one.tensors(), other.tensors()).values()) < 1e-10
    states = np.stack([batch.states[0] for batch, _ in minibatches(0)])
    expected = np.stack([each.action_values(state) for each, state in zip(alone, states, strict=True)])
    np.testing.assert_allclose(stack.action_values(shown(states)), expected, rtol=1e-10)
    assert not np.array_equal(stack.action_values(shown(states)), stack.action_values(shown(states[::-1])))


def test_recording_changes_no_number_and_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, plain = [], dqn.loss
    monkeypatch.setattr(dqn, "loss", lambda *arguments: calls.append(1) or plain(*arguments))
    stacked = built(small=True, optimizer=ADAM)
    before = [kept(each) for each in stacked]
    stack = Stack(stacked)
    assert all(same_bits(each.tensors(), numbers) for each, numbers in zip(stacked, before, strict=True))
    recorded = len(calls)
    assert recorded > 0
    for update in range(3):
        stack.update(minibatches(update))
    assert len(calls) == recorded
    assert not any(same_bits(each.tensors(), numbers) for each, numbers in zip(stacked, before, strict=True))


@pytest.mark.parametrize("variant", ["dqn", "dqn_bfloat16"])
def test_equal_starts_give_equal_bits_at_full_size(variant: str) -> None:
    ends = []
    for _ in range(2):
        stacked = built(variant)
        stack = Stack(stacked)
        for update in range(5):
            assert stack.update(minibatches(update, 32)) == [SOUND] * LANES
        ends.append([kept(each) for each in stacked])
    assert all(same_bits(one, other) for one, other in zip(*ends, strict=True))


@pytest.mark.parametrize(("variant", "most"), [("dqn", 1e-4), ("dqn_dopamine_adam", 1e-4), ("dqn_bfloat16", 0.25)])
def test_a_first_update_at_full_size_is_near_that_of_learners_on_a_cpu(variant: str, most: float) -> None:
    """The stated tolerance: of each tensor, relative by norm.

    An H200 was 3.6e-6 (dqn) and 1.5e-5 (dqn_dopamine_adam) away at most; bfloat16 has the tolerance of
    tests/training/test_precision.py. Learners alone on the same card are no closer: their convolutions form sums in
    another order, and one unit on the edge of its ReLU then moves a mean gradient by a hundredth.
    """
    stacked, alone = built(variant), [learner(variant, seed) for seed in range(LANES)]
    Stack(stacked).update(minibatches(0, 32))
    for each, (batch, stream) in zip(alone, minibatches(0, 32), strict=True):
        each.update(batch, stream)
    for one, other in zip(stacked, alone, strict=True):
        found = {name: tensor.cpu() for name, tensor in one.tensors().items()}
        distances = apart(found, other.tensors())
        assert max(distances.values()) < most, distances


@pytest.mark.parametrize("changes", [{}, {"optimizer": ADAM}], ids=["its own", "adam"])
def test_a_lane_that_does_not_learn_stays_as_it_is_and_its_neighbours_learn_on(changes) -> None:
    disturbed, plain = built(small=True, **changes), built(small=True, **changes)
    stack, sound = Stack(disturbed), Stack(plain)
    with torch.no_grad():
        disturbed[1].online.values.bias.fill_(float("nan"))
    before = [kept(each) for each in disturbed]
    assert stack.update(minibatches(0)) == [SOUND, Learned("the loss is nan", None), SOUND]
    sound.update(minibatches(0))
    assert same_bits(before[1], disturbed[1].tensors())
    assert all(same_bits(disturbed[k].tensors(), plain[k].tensors()) for k in (0, 2))
    before = kept(disturbed[0])
    assert stack.update([None, *minibatches(1)[1:]])[2] == SOUND
    sound.update(minibatches(1))
    assert same_bits(before, disturbed[0].tensors())
    assert same_bits(disturbed[2].tensors(), plain[2].tensors())


def test_a_learner_taken_out_keeps_its_numbers_when_the_others_go_on() -> None:
    stacked = built(small=True)
    stack = Stack(stacked)
    stack.update(minibatches(0))
    take_out(stacked[1])
    before, remaining = kept(stacked[1]), Stack([stacked[0], stacked[2]])
    given = minibatches(1)
    assert remaining.update([given[0], given[2]]) == [SOUND, SOUND]
    assert same_bits(before, stacked[1].tensors())
    stacked[1].update(*given[1])
    assert not same_bits(before, stacked[1].tensors())
