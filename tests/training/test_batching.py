"""A cohort whose networks are computed in stacks trains as one whose learners are asked in turn."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

from replication.foundation.random_streams import stream_state
from replication.training.off_policy.batching import IN_TURN, InStacks
from replication.training.off_policy.loop import train
from replication.training.off_policy.stack import Stack
from replication.training.off_policy.trainee import Trainee
from tests.support.lanes import build, smoke_run
from tests.support.stacks import SOUND, apart, learner, loss_stream, minibatch

GAMES = ("pong", "catch", "seaquest", "catch")
"""6, 3, 18 and 3 actions: three stacks, one of two lanes."""


def cohort(variant: str = "dqn") -> list[Trainee]:
    return [build(smoke_run(variant, game, seed)) for seed, game in enumerate(GAMES, start=1)]


def in_stacks(trainees: list[Trainee], steps: int | None = None) -> InStacks:
    networks = InStacks()
    for _ in islice(train(trainees, trainees[0].lane.config, networks), steps):
        pass
    return networks


def in_turn(trainees: list[Trainee], steps: int | None = None) -> None:
    for _ in islice(train(trainees, trainees[0].lane.config, IN_TURN), steps):
        pass


def test_every_stack_is_begun_before_one_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device then computes one stack while the host fills the next."""
    told: list[str] = []

    def telling(name: str):
        plain = getattr(Stack, name)

        def begin(stack: Stack, given):
            told.append("begun")
            end = plain(stack, given)
            return lambda: told.append("waited") or end()

        monkeypatch.setattr(Stack, name, begin)

    for name in ("begin_action_values", "begin_update"):
        telling(name)
    few, many = (learner("dqn", seed, small=True, num_actions=actions) for seed, actions in ((1, 3), (2, 4)))
    networks, rng = InStacks(), np.random.default_rng(1)
    networks.keep([few, many])
    state = minibatch(rng).states[0]
    values = networks.action_values([(many, state, ()), (few, state, ())])
    assert [len(each) for each in values] == [4, 3]
    learned = networks.update([(each, minibatch(rng), loss_stream(1)) for each in (few, many)])
    assert learned == [SOUND, SOUND]
    assert told == ["begun", "begun", "waited", "waited"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["dqn", pytest.param("dqn_dopamine", marks=pytest.mark.long)])
def test_a_cohort_in_stacks_is_the_cohort_in_turn(variant: str) -> None:
    """Decisions, streams and memories alike; numbers to rounding, while it has not grown into another decision."""
    stacked, alone = cohort(variant), cohort(variant)
    networks = in_stacks(stacked, 240)
    in_turn(alone, 240)
    assert sorted(len(stack.learners) for stack in networks._stacks.values()) == [1, 1, 2]
    for one, other in zip(stacked, alone, strict=True):
        assert one.lane.learning_started and one.lane.decisions == other.lane.decisions
        assert np.array_equal(one.lane.stack, other.lane.stack)
        streams = ({name: stream_state(s) for name, s in each.lane.streams.items()} for each in (one, other))
        assert next(streams) == next(streams)
        distances = apart(one.learner.tensors(), other.learner.tensors())
        assert all(distance < 1e-3 for distance in distances.values()), distances


@pytest.mark.slow
def test_a_lane_that_ends_or_fails_keeps_its_numbers_while_the_others_train() -> None:
    trainees = cohort()
    networks = in_stacks(trainees, 150)
    failed, ended = trainees[1], trainees[3]  # of one stack
    failed.failure = "as if"
    ended.lane.run = smoke_run("dqn", "catch", 4, budget_frames=4 * 200)
    turns = train(trainees, trainees[0].lane.config, networks)
    list(islice(turns, 50))
    assert ended.lane.done
    before = [{n: t.clone() for n, t in each.learner.tensors().items()} for each in (*trainees[:1], failed, ended)]
    list(islice(turns, 50))
    going, *still = ({n: t for n, t in each.learner.tensors().items()} for each in (*trainees[:1], failed, ended))
    assert all(torch.equal(now[name], then[name]) for now, then in zip(still, before[1:], strict=True) for name in now)
    assert not torch.equal(going["online.hidden.weight"], before[0]["online.hidden.weight"])
    networks.keep([failed.learner, ended.learner])  # evaluated together at the end
    values = networks.action_values([(each.learner, each.lane.stack, ()) for each in (ended, failed)])
    for found, each in zip(values, (ended, failed), strict=True):
        np.testing.assert_allclose(found, each.learner.action_values(each.lane.stack), rtol=1e-4)


@pytest.mark.slow
def test_a_stacked_lane_whose_loss_is_no_number_fails_alone() -> None:
    trainees, alone = cohort(), cohort()
    for each in (trainees, alone):
        in_turn(each, 150)
        with torch.no_grad():
            each[1].learner.online.values.bias.fill_(float("nan"))  # type: ignore[union-attr]
    in_stacks(trainees, 60)
    in_turn(alone, 60)
    assert [each.failure for each in trainees] == [each.failure for each in alone]
    assert trainees[1].failure is not None and "nan" in trainees[1].failure
    assert [each.lane.step for each in trainees] == [210, trainees[1].lane.step, 210, 210]
    assert all(each.learner.is_finite() for each in (trainees[0], trainees[2], trainees[3]))
