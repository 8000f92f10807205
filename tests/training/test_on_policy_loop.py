"""Rollouts, updates, and runs of the on-policy family that are stopped and continued (rows A4, A9 to A12, P3, P13)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from replication.algorithms.on_policy.contract import Minibatch, load_algorithm
from replication.algorithms.policy_networks import Outputs, Spaces
from replication.environments.contract import StepResult
from replication.foundation.errors import ReplicationError
from replication.specification.families.on_policy import RolloutFrames
from replication.specification.loading import load_variant
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.on_policy import loop
from replication.training.on_policy.learner import Learner
from replication.training.on_policy.rollout import RolloutStore
from replication.training.on_policy.updates import clipped_to_norm
from tests.support.on_policy import advance, opened, small_run, whole_state
from tests.support.on_policy_corridor import NAMES, screens


class Scripted:
    """Two actors that show the number of the step, and end as a script says."""

    num_actions = 2

    def __init__(self, config: Any, script: list[list[StepResult]]) -> None:
        self.config, self.script, self.step, self.actors = config, iter(script), 0, [0, 1]
        self.next_to_play = slice(2)
        self.run = SimpleNamespace(protocol=SimpleNamespace(training=SimpleNamespace(frame_skip=4)))
        self.stacks = np.zeros((2, 84, 84, 1), dtype=np.uint8)
        self.begun: list[list[bool]] = []

    def play(self, actions: np.ndarray, playing: slice) -> list[StepResult]:
        self.step += 2
        self.stacks += 10
        return next(self.script)

    def begin_again(self, ended: list[bool], playing: slice) -> None:
        self.begun.append(ended)
        self.stacks[np.flatnonzero(ended)] = 0


class Seeing:
    """Stands in for a learner: the value of a state is its first pixel."""

    def see(self, stacks: np.ndarray) -> None:
        pass

    def shown(self, stacks: np.ndarray) -> np.ndarray:
        return stacks

    def act(self, stacks: np.ndarray, epsilon: float = 0.0) -> tuple[Any, torch.Tensor, torch.Tensor]:
        values = self.state_values(stacks)
        return Outputs(torch.zeros(2, 2), values[:, None]), values, torch.zeros(2, dtype=torch.int64)

    def state_values(self, stacks: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(stacks[:, 0, 0, 0].astype(np.float32))


GOES_ON = StepResult(2.0, False, False)
SCRIPT = [
    [GOES_ON, StepResult(-3.0, True, False)],
    [StepResult(0.0, False, True), GOES_ON],
    [StepResult(0.0, False, False, life_lost=True), GOES_ON],
]


@pytest.mark.parametrize("bootstraps", [True, False])
def test_ends_and_cuts_are_told_apart_in_a_rollout(bootstraps: bool) -> None:
    config = SimpleNamespace(
        rollout_steps=3,
        rollout_episodes=None,
        bootstrap_at_truncation=bootstraps,
        reward="sign",
        exploration=None,
        recompute_advantages=False,
    )
    lane = Scripted(config, SCRIPT)
    trainee: Any = SimpleNamespace(lane=lane, learner=Seeing(), store=RolloutStore(3, lane.stacks))
    loop.play_rollout(trainee)
    found = trainee.store.rollout(trainee.learner.state_values(lane.stacks))
    # The states have the values 0, 10, 20, 30, counted from the beginning of each trajectory.
    np.testing.assert_array_equal(found.values, [[0, 0], [10, 0], [0, 10]])
    np.testing.assert_array_equal(found.cut, [[0, 1], [1, 0], [1, 0]])
    at_the_cap = 20 if bootstraps else 0
    np.testing.assert_array_equal(found.next_values, [[10, 0], [at_the_cap, 10], [0, 20]])
    np.testing.assert_array_equal(found.rewards, [[1, -1], [0, 1], [0, 1]])  # row W11: their signs
    np.testing.assert_array_equal(trainee.store.states[:, :, 0, 0, 0], found.values)
    assert lane.begun == [[False, True], [True, False], [True, False]]


def test_a_rollout_of_trajectories_ends_with_one_and_has_room_for_any_length() -> None:
    config = SimpleNamespace(
        rollout_steps=None,
        rollout_episodes=2,
        bootstrap_at_truncation=False,
        reward="raw",
        exploration=None,
        recompute_advantages=False,
    )
    script = [[GOES_ON, GOES_ON]] * 200 + [[GOES_ON, StepResult(1.0, True, False)]] * 2
    lane = Scripted(config, script)
    trainee: Any = SimpleNamespace(lane=lane, learner=Seeing(), store=RolloutStore(None, lane.stacks))
    loop.play_rollout(trainee)
    assert trainee.store.steps == 202
    np.testing.assert_array_equal(trainee.store.states[:25, 0, 0, 0, 0], np.arange(25) * 10)


def small_learner(variant: str, **changes: Any) -> Learner:
    run = small_run(variant, frame_stack=1, **changes)
    streams = {name: np.random.default_rng([4, i]) for i, name in enumerate(NAMES)}
    return Learner(load_algorithm(run.variant.module), run.settings, Spaces(2), streams)


def played(learner: Learner, steps: int, actors: int) -> tuple[torch.Tensor, Any]:
    """States and the rollout of a learner that saw the screens of the corridor in turn."""
    store = RolloutStore(steps, np.zeros((actors, 84, 84, 1), dtype=np.uint8))
    for step in range(steps):
        stacks = screens()[(np.arange(actors) + step) % 4]
        store.begin_step(stacks, *learner.act(stacks))
        store.end_step([1.0] * actors, [False] * actors, np.zeros(actors, dtype=np.float32))
    return store.states, store.rollout(torch.zeros(actors))


def rates(variant: str, updates: int) -> list[float]:
    """The learning rate of each of the first updates, as the optimizer is given it."""
    found: list[float] = []
    config = load_variant(variant).settings
    rollout_frames = 4 * config.num_actors * config.rollout_steps
    learner = small_learner(variant)
    states, rollout = played(learner, config.rollout_steps, config.num_actors)
    learner.optimizer.step = lambda gradients, factor: found.append(  # type: ignore[method-assign]
        factor * config.optimizer.learning_rate
    )
    for update in range(updates):
        frames = RolloutFrames(update * rollout_frames, (update + 1) * rollout_frames - 4)
        learner.update(states, rollout, frames)
    return found


def test_ac4_ac11_ac12_the_rate_of_an_update_of_a2c_is_that_of_the_last_of_its_80_samples() -> None:
    # 7e-4 (1 - (80 u - 1) / 10,000,000) for the u-th update.
    assert rates("a2c", 3) == pytest.approx([7e-4 * (1 - (80 * u - 1) / 1e7) for u in (1, 2, 3)], rel=1e-12)


def test_pb2_pb13_pb15_pp2_pp6_the_rate_of_a_rollout_of_ppo_is_that_before_its_first_step() -> None:
    found = rates("ppo_baselines", 2)
    assert len(found) == 2 * 16
    # 2.5e-4 (1 - (u - 1) / 9,765): the last rollout's is not 0.
    assert found == pytest.approx([2.5e-4] * 16 + [2.5e-4 * (1 - 1 / 9765)] * 16, rel=1e-12)


def test_a_rate_is_never_negative() -> None:
    schedule = load_variant("a2c").settings.learning_rate_schedule
    assert schedule.factor(RolloutFrames(0, 50_000_000)) == 0.0


def test_ac15_updates_and_frames_of_a_whole_run() -> None:
    frames: list[RolloutFrames] = []
    (trainee,) = opened(small_run(steps=250))
    trainee.learner.update = lambda states, rollout, at, revalued: frames.append(at)  # type: ignore[method-assign]
    advance([trainee])
    # Three rollouts of 80 steps; what is left of the budget is no whole one.
    assert (trainee.step, len(trainee.lane.actors)) == (240, 16)
    assert frames == [RolloutFrames(4 * first, 4 * (first + 79)) for first in (0, 80, 160)]


def test_pb3_pp3_every_step_is_in_one_minibatch_of_each_epoch_in_another_order() -> None:
    learner = small_learner("ppo_baselines", num_actors=4, rollout_steps=8)
    states, rollout = played(learner, 8, 4)
    numbered = rollout.__class__(**vars(rollout) | {"actions": torch.arange(32).reshape(8, 4)})
    seen: list[list[int]] = []

    def loss(outputs: Any, batch: Minibatch, config: Any) -> torch.Tensor:
        seen.append(batch.actions.tolist())
        return outputs.values.mean() + outputs.logits.mean()

    learner.algorithm = SimpleNamespace(**vars(learner.algorithm) | {"loss": loss})  # type: ignore[assignment]
    learner.update(states, numbered, RolloutFrames(0, 0))
    assert [len(part) for part in seen] == [8] * 16
    epochs = [[step for part in seen[first : first + 4] for step in part] for first in range(0, 16, 4)]
    assert all(sorted(epoch) == list(range(32)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_ac9_pb11_gradients_are_clipped_by_their_common_norm() -> None:
    gradients = (torch.tensor([3.0]), torch.tensor([[4.0]]))
    assert [part.item() for part in clipped_to_norm(gradients, 0.5)] == pytest.approx([0.3, 0.4])
    assert clipped_to_norm(gradients, 5.5)[0].item() == 3.0
    assert clipped_to_norm(gradients, None) is gradients
    assert load_variant("a2c").settings.max_gradient_norm == 0.5


def test_a_loss_that_is_no_number_freezes_its_lane_alone() -> None:
    first, second = opened(small_run(seed=1), small_run(seed=2))
    first.learner.algorithm = SimpleNamespace(  # type: ignore[assignment]
        **vars(first.learner.algorithm) | {"loss": lambda outputs, batch, config: outputs.values.sum() * torch.nan}
    )
    advance([first, second])
    assert (first.failure, first.step) == ("the loss is nan at step 80", 80)
    assert second.failure is None and second.step == 560


SMALL: dict[str, dict[str, Any]] = {
    "ppo_baselines": {"num_actors": 4, "rollout_steps": 16},
    "ppo_penalty": {"num_actors": 4, "rollout_steps": 16},
    "trpo_baselines": {"num_actors": 4, "rollout_steps": 16},
    "pqn_cleanrl": {"num_actors": 4, "rollout_steps": 16},
    "a3c_pfrl": {"num_actors": 3, "staleness_updates": 2},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "stop"),
    [
        *(("a2c", 3), ("ppo_baselines", 1), ("ppo_penalty", 2), ("reinforce", 2), ("trpo_baselines", 1)),
        *(("pqn_cleanrl", 1), ("a3c_pfrl", 31)),
    ],
)
def test_continuing_equals_never_stopping_and_neighbours_change_nothing(
    tmp_path: Path, variant: str, stop: int
) -> None:
    small = SMALL.get(variant, {})
    run = small_run(variant, steps=560, **small)
    (whole,) = opened(run)
    advance([whole])
    first, neighbor = opened(run, small_run(variant, seed=2, steps=560, **small))
    advance([first, neighbor], stop)
    save_checkpoint(first, tmp_path)
    (second,) = opened(run)
    assert restore_newest(second, tmp_path) == first.step
    assert whole_state(second) == whole_state(first)
    advance([second])
    assert whole_state(second) == whole_state(whole)
    assert len(whole.lane.episodes) > 3
    advance([first, neighbor])
    assert whole_state(first) == whole_state(whole)


def test_a_checkpoint_of_other_actors_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = small_run(num_actors=2)
    (trainee,) = opened(run)
    files = trainee.checkpoint_files()
    files["actors.json"] = files["actors.json"].replace(b'"noop_starts"', b'"other_starts"')
    with pytest.raises(ReplicationError, match=r"actors\.json: streams: found "):
        trainee.read_checkpoint(files, tmp_path)
    damaged = trainee.checkpoint_files() | {"actors.json": b"{}"}
    with pytest.raises(ReplicationError, match=r"actors\.json: "):
        trainee.read_checkpoint(damaged, tmp_path)
