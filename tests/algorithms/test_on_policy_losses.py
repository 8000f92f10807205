"""Targets and losses of the on-policy algorithms, by hand and against numpy in float64 (rows A5 to A8, P4 to P10)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from replication.algorithms.on_policy import a2c, actor_critic, ppo, reinforce
from replication.algorithms.on_policy.contract import Minibatch, Rollout
from replication.algorithms.policy_networks import Outputs
from replication.specification.families.on_policy import RolloutFrames
from replication.specification.loading import load_variant

FIRST = RolloutFrames(0, 0)
BATCH, ACTIONS = 6, 4


def settings(variant: str, **changes: Any) -> Any:
    return load_variant(variant).settings.model_copy(update=changes)


def rollout(rewards: list[float], values: list[float], nexts: list[float], cut: list[int]) -> Rollout:
    """One actor's steps, in float64 so that what is worked by hand can be compared closely."""
    columns = [torch.tensor(numbers, dtype=torch.float64)[:, None] for numbers in (rewards, values, nexts)]
    outputs = Outputs(torch.zeros(len(rewards), 1, ACTIONS), columns[1][:, :, None])
    actions = torch.zeros(len(rewards), 1, dtype=torch.int64)
    return Rollout(columns[0], actions, outputs, columns[1], columns[2], torch.tensor(cut, dtype=torch.bool)[:, None])


# Five steps: the second ends (its next value is 0), the fourth is truncated where the state was worth 3, and the
# rollout ends in a state worth 5.
STEPS = {
    "rewards": [1.0, 2.0, 0.0, 1.0, 1.0],
    "values": [0.5, 1.0, 2.0, 1.0, 4.0],
    "nexts": [1.0, 0.0, 1.0, 3.0, 5.0],
    "cut": [0, 1, 0, 1, 0],
}


def test_ac5_ac6_returns_reach_to_the_end_of_the_rollout_and_not_past_an_end() -> None:
    found = a2c.targets(rollout(**STEPS), settings("a2c", discount=0.5))
    # 1 + 0.5 * 2; 2; 0 + 0.5 * (1 + 0.5 * 3); 1 + 0.5 * 3; 1 + 0.5 * 5.
    returns = [2.0, 2.0, 1.25, 2.5, 3.5]
    np.testing.assert_allclose(found.returns[:, 0], returns)
    np.testing.assert_allclose(found.advantages[:, 0], np.array(returns) - STEPS["values"])


def test_pb4_pb5_pp4_advantages_are_discounted_by_lambda_and_cut_at_every_end() -> None:
    found = a2c.targets(rollout(**STEPS), settings("ppo_baselines", discount=0.5, gae_lambda=0.5))
    # delta = r + 0.5 next - value: 1.0, 1.0, -1.5, 1.5, -0.5; each adds a quarter of the next one's but after a cut.
    advantages = [1.0 + 0.25 * 1.0, 1.0, -1.5 + 0.25 * 1.5, 1.5, -0.5]
    np.testing.assert_allclose(found.advantages[:, 0], advantages)
    np.testing.assert_allclose(found.returns[:, 0], np.array(advantages) + STEPS["values"])


def test_rf1_rf2_reinforce_has_the_whole_return_and_subtracts_its_baseline() -> None:
    steps = STEPS | {"nexts": [1.0, 0.0, 1.0, 3.0, 0.0], "cut": [0, 1, 0, 1, 1]}
    found = reinforce.targets(rollout(**steps), settings("reinforce_baseline", discount=0.5))
    np.testing.assert_allclose(found.returns[:, 0], [2.0, 2.0, 1.25, 2.5, 1.0])
    np.testing.assert_allclose(found.advantages[:, 0], [1.5, 1.0, -0.75, 1.5, -3.0])


def test_oa2_a_one_step_critic_looks_at_the_next_state_alone() -> None:
    found = actor_critic.targets(rollout(**STEPS), settings("actor_critic_td", discount=0.5))
    np.testing.assert_allclose(found.returns[:, 0], [1.5, 2.0, 0.5, 2.5, 3.5])
    np.testing.assert_allclose(found.advantages[:, 0], [1.0, 1.0, -1.5, 1.5, -0.5])


def test_oa1_a_critic_of_actions_judges_the_action_taken() -> None:
    played = rollout(**STEPS)
    values = torch.arange(5.0 * ACTIONS, dtype=torch.float64).reshape(5, 1, ACTIONS)
    outputs = Outputs(torch.log(torch.tensor([[[0.1, 0.2, 0.3, 0.4]]] * 5, dtype=torch.float64)), values)
    actions = torch.tensor([0, 1, 2, 3, 0])[:, None]
    played = Rollout(played.rewards, actions, outputs, played.values, played.next_values, played.cut)
    config = settings("actor_critic_q", discount=0.5)
    np.testing.assert_allclose(actor_critic.targets(played, config).advantages[:, 0], [0.0, 5.0, 10.0, 15.0, 16.0])
    np.testing.assert_allclose(actor_critic.state_values(outputs, config)[1], [0.1 * 4 + 0.2 * 5 + 0.3 * 6 + 0.4 * 7])


class Case:
    """A minibatch, and what a network says of it now; all float64, in torch and in numpy."""

    def __init__(self, num_values: int = 1) -> None:
        stream = np.random.default_rng(3)
        self.logits, self.before = (stream.normal(size=(BATCH, ACTIONS)) for _ in range(2))
        self.values, self.values_before = (stream.normal(size=(BATCH, num_values)) for _ in range(2))
        self.actions = stream.integers(ACTIONS, size=BATCH)
        self.advantages, self.returns = stream.normal(size=(2, BATCH))
        self.outputs = Outputs(
            torch.tensor(self.logits, requires_grad=True), torch.tensor(self.values, requires_grad=True)
        )

    def batch(self, frames: RolloutFrames = FIRST) -> Minibatch:
        outputs = Outputs(torch.from_numpy(self.before), torch.from_numpy(self.values_before))
        advantages, returns = torch.from_numpy(self.advantages), torch.from_numpy(self.returns)
        before = torch.from_numpy(self.values_before[:, 0])
        return Minibatch(torch.from_numpy(self.actions), outputs, before, advantages, returns, frames)

    @staticmethod
    def logs(logits: np.ndarray) -> np.ndarray:
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    def of_taken(self, numbers: np.ndarray) -> np.ndarray:
        return numbers[np.arange(BATCH), self.actions]

    @property
    def entropy(self) -> float:
        logs = self.logs(self.logits)
        return float(-(np.exp(logs) * logs).sum(axis=1).mean())

    def plain(self, advantages: np.ndarray, judged: np.ndarray, config: Any) -> float:
        policy = -(advantages * self.of_taken(self.logs(self.logits))).mean()
        value = ((judged - self.returns) ** 2).mean()
        return float(policy + config.value_coefficient * value - config.entropy_coefficient * self.entropy)


def test_ac7_ac8_loss_of_a2c_is_a_mean_of_three_parts_and_advantages_are_not_normalised() -> None:
    case, config = Case(), settings("a2c")
    assert (config.value_coefficient, config.entropy_coefficient) == (0.5 * 0.5, 0.01)  # half of half the square
    found = a2c.loss(case.outputs, case.batch(), config)
    assert found.item() == pytest.approx(case.plain(case.advantages, case.values[:, 0], config), rel=1e-12)


@pytest.mark.parametrize("variant", ["reinforce", "reinforce_baseline"])
def test_loss_of_reinforce_has_an_error_of_values_only_where_there_is_a_baseline(variant: str) -> None:
    case, config = Case(num_values=int(variant != "reinforce")), settings(variant)
    if variant == "reinforce":
        case.values_before = np.zeros((BATCH, 1))
    judged = case.values[:, 0] if config.baseline else case.returns
    found = reinforce.loss(case.outputs, case.batch(), config)
    assert found.item() == pytest.approx(case.plain(case.advantages, judged, config), rel=1e-12)


@pytest.mark.parametrize("variant", ["actor_critic_q", "actor_critic_td"])
def test_loss_of_actor_critic_moves_what_judged_the_action(variant: str) -> None:
    case, config = Case(ACTIONS if variant == "actor_critic_q" else 1), settings(variant)
    judged = case.of_taken(case.values) if variant == "actor_critic_q" else case.values[:, 0]
    found = actor_critic.loss(case.outputs, case.batch(), config)
    assert found.item() == pytest.approx(case.plain(case.advantages, judged, config), rel=1e-12)


@pytest.mark.parametrize("variant", ["ppo_2017", "ppo_baselines", "ppo_cleanrl"])
@pytest.mark.parametrize("frames", [FIRST, RolloutFrames(19_998_720, 20_000_000)])
def test_pb6_pb7_pb8_pb9_pb10_cp1_pp5_pp7_loss_of_ppo(variant: str, frames: RolloutFrames) -> None:
    case, config = Case(), settings(variant)
    late = frames is not FIRST
    clip = 0.05 if late and variant == "ppo_2017" else 0.1  # half of the frames are left
    spread = case.advantages.std(ddof=int(variant == "ppo_cleanrl")) + 1e-8
    advantages = (case.advantages - case.advantages.mean()) / spread
    ratios = np.exp(case.of_taken(case.logs(case.logits)) - case.of_taken(case.logs(case.before)))
    assert (np.abs(ratios - 1) > 0.1).any() and (np.abs(case.values - case.values_before) > 0.1).any()
    policy = np.maximum(-advantages * ratios, -advantages * np.clip(ratios, 1 - clip, 1 + clip)).mean()
    values, before = case.values[:, 0], case.values_before[:, 0]
    squares = (values - case.returns) ** 2
    if variant != "ppo_2017":
        squares = np.maximum(squares, (before + np.clip(values - before, -clip, clip) - case.returns) ** 2)
    weight = 1.0 if variant == "ppo_2017" else 0.5 * 0.5  # programs: half of it, times half of the square
    expected = policy + weight * squares.mean() - 0.01 * case.entropy
    assert ppo.loss(case.outputs, case.batch(frames), config).item() == pytest.approx(expected, rel=1e-9)


def test_pb7_pb9_nothing_is_earned_beyond_the_clip_range() -> None:
    config = settings("ppo_baselines", normalize_advantages="none", entropy_coefficient=0.0)
    logits = torch.tensor([[0.5, 0.0]], requires_grad=True)
    values = torch.tensor([[2.0]], requires_grad=True)
    before = Outputs(torch.zeros(1, 2), torch.zeros(1, 1))
    taken, earned = torch.tensor([0]), torch.tensor([1.0])

    def gradients(advantage: float, target: float) -> tuple[float, float]:
        batch = Minibatch(taken, before, torch.zeros(1), advantage * earned, torch.tensor([target]), FIRST)
        found = torch.autograd.grad(ppo.loss(Outputs(logits, values), batch, config), [logits, values])
        return float(found[0].abs().sum()), float(found[1].abs().sum())

    # The action is likelier than 1.1 times before: a good one earns no more, a bad one is still corrected.
    assert gradients(1.0, 5.0)[0] == 0.0 and gradients(-1.0, 5.0)[0] > 0.0
    # The value has moved by 2 towards 5, where 0.1 is as far as counts; away from -5 it is corrected.
    assert gradients(1.0, 5.0)[1] == 0.0 and gradients(1.0, -5.0)[1] > 0.0


@pytest.mark.parametrize("variant", ["a2c", "actor_critic_q", "actor_critic_td", "ppo_baselines", "reinforce_baseline"])
def test_targets_and_advantages_are_constants_of_the_loss(variant: str) -> None:
    """No gradient of the policy's part reaches the values, and none of the critic's the policy."""
    case = Case(ACTIONS if variant == "actor_critic_q" else 1)
    module = {"a2c": a2c, "ppo_baselines": ppo, "reinforce_baseline": reinforce}.get(variant, actor_critic)
    without_critic = settings(variant, value_coefficient=0.0, entropy_coefficient=0.0)
    (of_values,) = torch.autograd.grad(
        module.loss(case.outputs, case.batch(), without_critic), [case.outputs.values], allow_unused=True
    )
    assert of_values is None or not of_values.any()
