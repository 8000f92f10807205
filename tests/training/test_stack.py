"""Lanes computed as one stack are the lanes computed one by one.

Compared in float64 to the last digits. In float32 an update differs in more than those where a sum so near 0 that its
sign depends on the order of adding decides whether a ReLU passes a gradient.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.contract import DrawSpec, Losses
from replication.commands.check_algorithm.off_policy.device_checks import HostTensorError, NothingOnTheHost
from replication.foundation.random_streams import stream_state
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.off_policy.learner import Learned, Learner
from replication.training.off_policy.stack import Stack, take_out
from tests.support.lanes import advance, build, smoke_run
from tests.support.stacks import ADAM, SOUND, apart, kept, learner, loss_stream, minibatch, same_bits, shown

EXACT = 1e-12
"""In float64, relative by norm; after 20 updates 1e-15 was found."""


def pairs(lanes: int, variant: str = "dqn", **changes) -> tuple[list[Learner], list[Learner]]:
    """As many learners to be stacked, and the same again to be left alone."""
    one, other = ([learner(variant, seed, **({"small": True} | changes)) for seed in range(lanes)] for _ in range(2))
    return one, other


def minibatches(lanes: int, seed: int = 0, size: int = 2):
    """A minibatch of each lane with its stream `loss`; the same at every call."""
    return [(minibatch(np.random.default_rng([seed, k]), size), loss_stream(k)) for k in range(lanes)]


def update_alone(learners: list[Learner], given) -> None:
    for each, (batch, stream) in zip(learners, given, strict=True):
        each.update(batch, stream)


def assert_near(stacked: list[Learner], alone: list[Learner], **tolerances: float) -> None:
    """Relative by norm: of the online and target networks and of the running means."""
    for one, other in zip(stacked, alone, strict=True):
        distances = apart(one.tensors(), other.tensors())
        assert distances.keys() >= {"online", "target"}
        for kind, distance in distances.items():
            assert distance <= tolerances.get(kind, tolerances["means"]), distances


def assert_equal(stacked: list[Learner], alone: list[Learner]) -> None:
    assert_near(stacked, alone, online=EXACT, target=0.0, means=EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [pytest.param(1, marks=pytest.mark.long), 3])
@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("optimizer", ["its own", "adam"])
def test_updates_and_values_equal_the_learners_alone(variant: str, optimizer: str, reduction: str, lanes: int) -> None:
    changes = {"loss_reduction": reduction} | ({"optimizer": ADAM} if optimizer == "adam" else {})
    stacked, alone = pairs(lanes, variant, double=True, **changes)
    start = [kept(each) for each in alone]
    stack = Stack(stacked)
    for update in range(1, 21):
        update_alone(alone, minibatches(lanes, update))
        assert stack.update(minibatches(lanes, update)) == [SOUND] * lanes
        if update in (1, 20):
            assert_equal(stacked, alone)
    assert all(apart(kept(each), before)["online"] > 1e-4 for each, before in zip(alone, start, strict=True))
    states = np.stack([batch.states[0] for batch, _ in minibatches(lanes)])
    expected = np.stack([each.action_values(state) for each, state in zip(alone, states, strict=True)])
    np.testing.assert_allclose(stack.action_values(shown(states)), expected, rtol=EXACT)
    if lanes > 1:  # what is compared is not the same for every lane
        with pytest.raises(AssertionError):
            assert_equal(stacked, alone[::-1])


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["dqn", pytest.param("dqn_dopamine", marks=pytest.mark.long)])
def test_float32_is_near(variant: str) -> None:
    """At full size. From one update on, ReLUs that passed a gradient in one and not in the other add up."""
    stacked, alone = pairs(2, variant, small=False)
    stack = Stack(stacked)
    for update in range(1, 6):
        update_alone(alone, minibatches(2, update, 32))
        stack.update(minibatches(2, update, 32))
        if update == 1:
            assert_near(stacked, alone, online=1e-4, target=0.0, means=1e-2)
    assert_near(stacked, alone, online=1e-2, target=0.0, means=0.3)


def test_updates_in_bfloat16_are_as_near_as_their_rounding() -> None:
    """And acting is float32. Two ways to compute round differently; test_precision.py has the tolerance."""
    stacked, alone = pairs(2, "dqn_bfloat16")
    exact, _ = pairs(2)
    stack = Stack(stacked)
    states = np.stack([batch.states[0] for batch, _ in minibatches(2)])
    np.testing.assert_array_equal(stack.action_values(shown(states)), Stack(exact).action_values(shown(states)))
    stack.update(minibatches(2))
    update_alone(alone, minibatches(2))
    update_alone(exact, minibatches(2))
    for one, other, full in zip(stacked, alone, exact, strict=True):
        found = [apart(one.tensors(), each.tensors())["optimizer.mean_gradient"] for each in (other, full)]
        assert 0 < found[0] < 0.25
        assert 0 < found[1] < 0.25


def noisy_loss(online, target, batch, draws, config) -> Losses:
    """Asks for an array for each transition and one for all."""
    plain = dqn.loss(online, target, batch, {}, config)
    weight = 1.0 + draws["taus"].mean(dim=1) + functional.relu(draws["noise"].sum())
    assert weight.shape == batch.r_t.shape
    return Losses(plain.per_transition * weight, plain.priority)


def test_a_loss_draws_from_its_own_stream_what_it_would_alone() -> None:
    specs = {"taus": DrawSpec("uniform", (8,), per_transition=True), "noise": DrawSpec("normal", (5,), False)}
    members = ("Config", "network", "initialise", "action_values", "acting_draws_spec")
    toy = SimpleNamespace(**{name: getattr(dqn, name) for name in members})
    toy.loss, toy.draws_spec = noisy_loss, lambda config, num_actions: specs
    stacked, alone = pairs(3, algorithm=toy, double=True)
    stack, given, same = Stack(stacked), minibatches(3), minibatches(3)
    for _ in range(3):
        assert stack.update(given) == [SOUND] * 3
        update_alone(alone, same)
    assert_equal(stacked, alone)
    ends = [[stream_state(stream) for _, stream in each] for each in (given, same)]
    assert ends[0] == ends[1] != [stream_state(stream) for _, stream in minibatches(3)]
    plain, _ = pairs(3, double=True)
    update_alone(plain, minibatches(3))
    with pytest.raises(AssertionError):
        assert_equal(stacked, plain)


@pytest.mark.parametrize("changes", [{}, {"optimizer": ADAM}], ids=["its own", "adam"])
@pytest.mark.parametrize("number", ["nan", "inf", "no minibatch"])
def test_a_lane_that_does_not_learn_stays_as_it_is_and_its_neighbours_learn_on(changes, number: str) -> None:
    disturbed, plain = pairs(3, **changes)
    stack, sound = Stack(disturbed), Stack(plain)
    for update in range(2):
        assert stack.update(minibatches(3, update)) == sound.update(minibatches(3, update)) == [SOUND] * 3
    reason = None
    if number != "no minibatch":
        with torch.no_grad():
            disturbed[1].online.values.bias.fill_(float(number))
        reason = f"the loss is {number}"
        with pytest.raises(FloatingPointError, match=reason):
            learner_alone, _ = pairs(1, **changes)
            learner_alone[0].online.values.bias.data.fill_(float(number))
            learner_alone[0].update(*minibatches(1)[0])
    before = kept(disturbed[1])
    for update in range(2, 4):
        given = minibatches(3, update)
        if number == "no minibatch":
            given[1] = None
        assert stack.update(given) == [SOUND, Learned(reason, None), SOUND]
        sound.update(minibatches(3, update))
    assert same_bits(before, disturbed[1].tensors())
    assert not same_bits(before, plain[1].tensors())
    assert all(same_bits(disturbed[k].tensors(), plain[k].tensors()) for k in (0, 2))


def test_adam_counts_each_lanes_own_updates() -> None:
    """As after continuing runs of different lengths."""
    stacked, alone = pairs(3, double=True, optimizer=ADAM)
    for learners in (stacked, alone):
        for count in range(5):
            update_alone([learners[1]], minibatches(1, count))
    stack = Stack(stacked)
    for update in range(5, 8):
        stack.update(minibatches(3, update))
        update_alone(alone, minibatches(3, update))
    assert [each.optimizer.state()["updates"].item() for each in stacked] == [3.0, 8.0, 3.0]
    assert_equal(stacked, alone)


@pytest.mark.parametrize("changes", [{}, {"optimizer": ADAM}], ids=["its own", "adam"])
def test_what_recording_does_on_a_device_is_put_back(changes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function is called a few times before it is recorded; here it is called as often, and not recorded."""

    def called_before(function, device):
        for _ in range(3):
            function()
        return function

    monkeypatch.setattr("replication.training.off_policy.stack.recorded", called_before)
    stacked, alone = pairs(3, double=True, **changes)
    stack = Stack(stacked)
    assert all(same_bits(one.tensors(), other.tensors()) for one, other in zip(stacked, alone, strict=True))
    stack.update(minibatches(3))
    update_alone(alone, minibatches(3))
    assert_equal(stacked, alone)


def test_a_learner_taken_out_keeps_its_numbers_and_goes_on_by_itself() -> None:
    stacked, alone = pairs(3, double=True, optimizer=ADAM)
    stack = Stack(stacked)
    stack.update(minibatches(3))
    update_alone(alone, minibatches(3))
    take_out(stacked[1])
    # Nothing of the stack is held by it: on a device that would be the memory of all lanes.
    assert all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in stacked[1].tensors().values())
    before, remaining = kept(stacked[1]), Stack([stacked[0], stacked[2]])
    for update in (1, 2):
        given = minibatches(3, update)
        assert remaining.update([given[0], given[2]]) == [SOUND, SOUND]
        update_alone([alone[0], alone[2]], [given[0], given[2]])
    assert same_bits(before, stacked[1].tensors())
    assert_equal(stacked, alone)
    for each in (stacked[1], alone[1]):
        each.update(*minibatches(3, 9)[1])
    assert_equal(stacked, alone)


def test_a_stacked_learner_does_by_itself_all_that_it_did() -> None:
    stacked, alone = pairs(2)
    stack = Stack(stacked)
    stack.update(minibatches(2))
    for one, other in zip(stacked, alone, strict=True):
        for name, tensor in other.tensors().items():
            tensor.copy_(one.tensors()[name])
    one, other = stacked[1], alone[1]
    one.copy_to_target()
    other.copy_to_target()
    assert same_bits(one.tensors(), other.tensors()) and one.is_finite()
    assert all(map(torch.equal, one.online.state_dict().values(), one.target.state_dict().values()))
    assert not torch.equal(one.online.values.weight, stacked[0].target.values.weight)
    batch = minibatch(np.random.default_rng(5), 10)
    assert one.held_out_statistics(batch, loss_stream(0)) == other.held_out_statistics(batch, loss_stream(0))
    found = [each.activations(batch.states, loss_stream(0)) for each in (one, other)]
    assert all(map(np.array_equal, *found))
    # Its weights lie as they did, or a convolution alone would take another way through the library.
    strides = [[tensor.stride() for tensor in each.tensors().values()] for each in (one, other)]
    assert strides[0] == strides[1]
    # And the stack computes with what the learner has been given.
    with torch.no_grad():
        one.online.values.bias.add_(7.0)
    values = stack.action_values(shown(batch.states[:2]))
    np.testing.assert_allclose(values[1], one.action_values(batch.states[1]), rtol=1e-5)
    assert values[1].mean() > 6.0 > values[0].mean()


def test_a_checkpoint_is_written_of_a_stacked_learner_and_filled_into_one(tmp_path: Path) -> None:
    trainees = [build(smoke_run("dqn_quickstart", seed=seed)) for seed in (1, 2)]
    advance(trainees, 120)
    stack, size = Stack([trainee.learner for trainee in trainees]), trainees[0].lane.config.batch_size
    stack.update(minibatches(2, 0, size))
    stored = [kept(trainee.learner) for trainee in trainees]
    for trainee in trainees:
        save_checkpoint(trainee, tmp_path / trainee.lane.run.name.replace("/", "_"))
    resumed = [build(smoke_run("dqn_quickstart", seed=seed)) for seed in (1, 2)]
    again = Stack([trainee.learner for trainee in resumed])
    for trainee in resumed:
        restore_newest(trainee, tmp_path / trainee.lane.run.name.replace("/", "_"))
    assert all(same_bits(trainee.learner.tensors(), each) for trainee, each in zip(resumed, stored, strict=True))
    assert stack.update(minibatches(2, 1, size)) == again.update(minibatches(2, 1, size)) == [SOUND, SOUND]
    for one, other in zip(trainees, resumed, strict=True):
        assert same_bits(one.learner.tensors(), other.learner.tensors())
        assert not same_bits(one.learner.tensors(), stored[trainees.index(one)])


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"num_actions": 6}, "shapes"), ({"batch_size": 3}, "configuration"), ({"variant": "dqn_dopamine"}, "config")],
)
def test_learners_that_do_not_fit_are_refused(changes: dict, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Stack([learner("dqn", 0), learner(**({"variant": "dqn", "seed": 1} | changes))])


@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine", "iqn", "rainbow", "spr"])
def test_what_a_gpu_records_makes_nothing_on_the_host(variant: str) -> None:
    """On the device `meta`; a recorded graph can read no memory of the host and wait for nothing."""
    stack = Stack([learner(variant, seed, device="meta", small=True) for seed in range(2)])
    with NothingOnTheHost():
        stack._evaluate()
        stack._differentiate()
        stack._step()
    stack._batch.device = stack._batch.host
    with NothingOnTheHost(), pytest.raises(HostTensorError):
        stack._differentiate()
