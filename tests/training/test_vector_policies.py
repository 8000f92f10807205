"""On-policy training on vectors: rollouts, normalization, evaluations, resume at any instant, records."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replication.algorithms.on_policy.contract import Targets
from replication.algorithms.policy_networks import Spaces
from replication.environments.contract import ContinuousActions
from replication.evidence.verify_run import check_run
from replication.foundation.errors import ReplicationError
from replication.foundation.stopping import Stopped
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames
from replication.specification.loading import load_variant
from replication.specification.run import resolve_run
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.machine.settings import Machine
from replication.training.on_policy import loop
from replication.training.on_policy.evaluated_network import EvaluatedNetwork, store_network
from replication.training.on_policy.family import open_network, player
from replication.training.on_policy.normalization import Normalization
from replication.training.on_policy.vector_actor import between_bounds
from replication.training.session import execute
from tests.support.vectors import advance, opened, small_run, whole_state

VARIANTS = ["reinforce_tianshou", "a2c_tianshou", "ppo_tianshou"]


def machine_of(folder: Path) -> Machine:
    return Machine(folder / "results", folder / "state", "cpu", "lz4", 600.0, None, quiet=True, workers=1)


def test_a_run_is_trained_evaluated_and_verified_from_beginning_to_end(tmp_path: Path) -> None:
    run = small_run(steps=200)
    assert execute([run], machine_of(tmp_path)) == 0
    folder = run.results_folder(tmp_path / "results")
    record = json.loads((folder / "run.json").read_bytes())
    # The eighth rollout ends at 192 steps, and no ninth fits: the policy after it is the one at step 200.
    assert record["counts"] == {"steps": 192, "training_episodes": 9}
    assert record["evidence"] == "inputs" and record["score"] < 0.0
    curve = (folder / "curve.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in curve[1:]] == ["0", "50", "100", "150", "200"]
    check_run(folder)
    (checkpoint,) = opened(run)
    assert restore_newest(checkpoint, run.state_folder(tmp_path / "state")) == 192


def test_an_evaluation_is_of_the_policy_that_its_step_is_played_with() -> None:
    (trainee,) = opened(small_run(steps=200))
    seen: list[tuple[int, int | None]] = []
    while trainee.active:
        seen.append((trainee.step, trainee.due_evaluation))
        advance([trainee], 1)
    # Rollouts of 24 steps: step 50 lies in the one that begins at 48, 100 in 96, 150 in 144, 200 behind the last.
    evaluated = [(step, due) for step, due in seen if due is not None]
    assert evaluated == [(0, 0), (48, 50), (96, 100), (144, 150), (192, 200)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_that_is_stopped_anywhere_ends_in_the_same_bytes(variant: str, tmp_path: Path) -> None:
    (whole,) = opened(small_run(variant))
    advance([whole])
    for turns in (1, 4, 9):
        (stopped,), (resumed,) = opened(small_run(variant)), opened(small_run(variant))
        advance([stopped], turns)
        folder = tmp_path / str(turns)
        save_checkpoint(stopped, folder)
        restore_newest(resumed, folder)
        assert whole_state(resumed) == whole_state(stopped)
        advance([resumed])
        assert whole_state(resumed) == whole_state(whole)


def test_a_run_stopped_within_an_evaluation_goes_on_there(tmp_path: Path) -> None:
    (whole,) = opened(small_run())
    advance([whole])
    (stopped,) = opened(small_run())
    advance([stopped], 3)
    assert stopped.due_evaluation == 50

    def refused(*given: Any) -> Any:
        raise Stopped("now")

    with pytest.raises(Stopped):
        next(loop.train([stopped], refused))
    save_checkpoint(stopped, tmp_path)
    (resumed,) = opened(small_run())
    restore_newest(resumed, tmp_path)
    advance([resumed])
    assert whole_state(resumed) == whole_state(whole)


def test_a_checkpoint_before_an_evaluation_is_not_the_one_after_it() -> None:
    (trainee,) = opened(small_run())
    files = trainee.checkpoint_files()
    assert trainee.is_stored_in(files, Path("here"))
    advance([trainee], 1)  # the untrained policy is evaluated; no step is taken
    assert trainee.step == 0 and not trainee.is_stored_in(files, Path("here"))


def test_neighbours_change_nothing() -> None:
    together, (alone,) = opened(small_run(seed=1), small_run(seed=2)), opened(small_run(seed=2))
    advance(together)
    advance([alone])
    assert whole_state(together[1]) == whole_state(alone)
    assert whole_state(together[0])["tensors"] != whole_state(alone)["tensors"]


def test_tn3_observations_are_normalized_by_all_that_were_seen_and_kept_as_they_were_seen() -> None:
    (trainee,) = opened(small_run())
    lane, learner = trainee.lane, trainee.learner
    everything = [lane.stacks.copy()]
    play, begin_again = lane.play, lane.begin_again

    def playing(actions: np.ndarray, who: slice) -> Any:
        results = play(actions, who)
        everything.append(lane.stacks.copy())
        return results

    def beginning(ended: list[bool], who: slice) -> None:
        begin_again(ended, who)
        if any(ended):
            everything.append(lane.stacks[ended].copy())

    lane.play, lane.begin_again = playing, beginning  # type: ignore[method-assign]
    for _ in range(3):  # the second rollout ends episodes, by the cap of 20 steps
        loop.play_rollout(trainee)
    seen = np.concatenate(everything).astype(np.float64)
    moments = {name: tensor.numpy() for name, tensor in learner.normalization.tensors().items()}
    assert moments["observations.count"] == len(seen)
    np.testing.assert_allclose(moments["observations.mean"], seen.mean(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(moments["observations.variance"], seen.var(axis=0), rtol=1e-9)
    found = learner.shown(lane.stacks)
    np.testing.assert_allclose(
        found, (lane.stacks - seen.mean(0)) / np.sqrt(seen.var(0) + 2**-23), rtol=1e-5, atol=1e-6
    )
    assert learner.shown(np.full((1, 3), 1e6, np.float32)).tolist() == [[10.0] * 3]
    assert trainee.store.states.dtype == torch.float32 and not np.allclose(trainee.store.states[-1], found)
    before = learner.normalization.tensors()["observations.count"].clone()
    advance([trainee], 1)  # an evaluation, whose observations do not enter
    assert torch.equal(learner.normalization.tensors()["observations.count"], before)


def test_observations_of_a_rollout_may_enter_at_its_end_and_are_kept_as_they_are() -> None:
    late = {"updated": "each_rollout", "epsilon": 1e-8, "largest": 5.0}
    (trainee,) = opened(small_run(observation_normalization=late))
    loop.play_rollout(trainee)
    stored = trainee.store.states.clone()
    tensors = trainee.learner.normalization.tensors()
    assert tensors["observations.count"] == 0
    loop.learn(trainee)
    assert tensors["observations.count"] == 24
    np.testing.assert_allclose(tensors["observations.mean"], stored.flatten(0, 1).double().mean(0), rtol=1e-6)
    assert torch.equal(torch.from_numpy(trainee.learner.shown(stored.numpy())), stored)


def settings(variant: str) -> Any:
    return load_variant(variant).settings


def test_rn3_returns_are_normalized_by_what_was_known_before_them() -> None:
    normalization = Normalization(settings("reinforce_tianshou"), Spaces(1, 4))
    first, second = (torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [8.0]]))
    assert normalization.raw_values(torch.zeros(1)).item() == 0.0
    found = normalization.targets(Targets(first, first))
    torch.testing.assert_close(found.returns, first)  # mean 0 and variance 1 before anything is known
    torch.testing.assert_close(found.advantages, first)
    assert normalization.raw_values(torch.zeros(1)).item() == 2.0  # the mean stands for what follows
    advantages = second - normalization.raw_values(torch.zeros(2, 1))
    found = normalization.targets(Targets(advantages, second))
    torch.testing.assert_close(found.returns, second - 2.0)
    torch.testing.assert_close(found.advantages, found.returns)
    assert {name: tensor.item() for name, tensor in normalization.tensors().items() if name.startswith("returns")} == {
        "returns.mean": 3.0,
        "returns.variance": 9.5,
        "returns.count": 4.0,
    }
    assert normalization.unit_of_returns() == (3.0, math.sqrt(9.5 + 1e-8))


def test_tn7_rn6_actions_are_brought_between_the_bounds_and_learned_from_as_drawn() -> None:
    actions = ContinuousActions(low=(-3.0, 0.0), high=(3.0, 1.0))
    network = settings("reinforce_tianshou").network
    drawn = np.array([[0.5, -0.25], [9.0, -9.0]], np.float32)
    found = between_bounds(drawn, actions, network)
    np.testing.assert_allclose(found[0], [3 * math.tanh(0.5), (math.tanh(-0.25) + 1) / 2], rtol=1e-6)
    actions.from_bytes(actions.to_bytes(between_bounds(np.full((1, 2), 1e9, np.float32), actions, network)))
    cut = network.model_copy(update={"action_bound": "clip"})
    np.testing.assert_allclose(between_bounds(drawn, actions, cut), [[1.5, 0.375], [3.0, 0.0]])
    (trainee,) = opened(small_run())
    loop.play_rollout(trainee)
    kept = trainee.store.rollout(torch.zeros(3)).actions
    assert kept.shape == (8, 3, 1) and float(kept.abs().max()) > 1.0, "drawn numbers are of any size"


def test_tn9_an_evaluation_draws_its_actions_and_the_likeliest_are_there_too() -> None:
    (trainee,) = opened(small_run())
    learner, observation = trainee.learner, np.array([1.0, 0.0, 0.5], np.float32)
    policy = EvaluatedNetwork(learner, trainee.lane.actions).policy(0.0)
    drawn = {float(policy(observation, np.random.default_rng(seed))[0]) for seed in range(5)}
    assert len(drawn) == 5
    learner.config = learner.config.model_copy(update={"evaluation_policy": "greedy"})
    policy = EvaluatedNetwork(learner, trainee.lane.actions).policy(0.0)
    mean = learner.outputs(learner.shown(observation[None])).means[0].numpy()
    assert policy(observation, np.random.default_rng(1)) == pytest.approx(2.0 * np.tanh(mean), abs=1e-6)


def test_a_stored_network_plays_as_the_one_in_training_with_its_normalization(tmp_path: Path) -> None:
    run = small_run()
    (trainee,) = opened(run)
    advance([trainee], 4)
    store_network(trainee.learner, tmp_path / "network")
    save_checkpoint(trainee, tmp_path / "state")
    (folder,) = [path for path in (tmp_path / "state").iterdir() if path.is_dir()]
    observation = np.array([0.3, -0.9, 2.0], np.float32)
    expected = EvaluatedNetwork(trainee.learner, trainee.lane.actions).policy(0.0)(
        observation, np.random.default_rng(1)
    )
    for path in (tmp_path / "network", folder):
        found = open_network(run, path).policy(0.0)(observation, np.random.default_rng(1))
        assert found.tobytes() == expected.tobytes()
    policy, viewing = player(run, tmp_path / "network")
    assert viewing is None and policy(observation, np.random.default_rng(1)).tobytes() == expected.tobytes()
    with pytest.raises(ReplicationError, match="not the network of"):
        open_network(small_run(observation_normalization=None, task="mountain_car_continuous"), tmp_path / "network")


def test_a_task_whose_actions_are_of_another_kind_is_refused() -> None:
    with pytest.raises(ReplicationError, match="cart_pole has actions of kind discrete, variant reinforce_tianshou"):
        opened(small_run(task="cart_pole"))


def test_settings_of_games_and_of_vectors_do_not_mix() -> None:
    vectors, game = load_variant("reinforce_tianshou").config, load_variant("reinforce_baseline").config
    with pytest.raises(ValueError, match="frame_stack: found 4, expected null with a network of perceptrons"):
        OnPolicyConfig.model_validate_json(json.dumps(base_of(vectors) | {"frame_stack": 4}))
    with pytest.raises(ValueError, match="frame_pipeline: found null, expected null with a network of perc"):
        OnPolicyConfig.model_validate_json(json.dumps(base_of(game) | {"frame_pipeline": None}))
    with pytest.raises(ValueError, match="observation_normalization, return_normalization: expected a network"):
        late = {"updated": "each_rollout", "epsilon": 1e-8, "largest": 5.0}
        OnPolicyConfig.model_validate_json(json.dumps(base_of(game) | {"observation_normalization": late}))


def base_of(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of the family among those of a variant."""
    return {name: value for name, value in config.items() if name in OnPolicyConfig.model_fields}


def test_rn5_the_rate_falls_to_0_over_1500_rollouts_of_2048_steps() -> None:
    schedule = settings("reinforce_tianshou").learning_rate_schedule
    for rollout, expected in ((0, 1.0), (150, 0.9), (1500, 0.0), (2000, 0.0)):
        frames = RolloutFrames(2048 * rollout, 2048 * (rollout + 1) - 1)
        assert schedule.factor(frames) == pytest.approx(expected, abs=1e-12)


def test_rn1_rn7_rollouts_and_evaluations_are_those_of_the_script() -> None:
    run = resolve_run(variant="reinforce_tianshou", task="inverted_pendulum", seed=1, budget_steps=307_200)
    config, periodic = run.settings_as(OnPolicyConfig), run.protocol.periodic_evaluation
    assert config.least_rollout_steps == 2048 and (config.epochs, config.minibatches) == (1, 1)
    assert periodic is not None and periodic.period_steps == 15 * 2048 == 30_720


def test_tn2_tn8_a_truncated_step_keeps_the_value_of_its_last_state_and_rewards_are_raw() -> None:
    (trainee,) = opened(small_run())
    for _ in range(2):
        loop.play_rollout(trainee)
        loop.learn(trainee)
    loop.play_rollout(trainee)  # the caps of 20 steps lie in here
    mean, _ = trainee.learner.normalization.unit_of_returns()
    found = trainee.store.rollout(torch.full((3,), 7.0))
    assert found.cut.sum() == 3 and mean < -0.5
    np.testing.assert_allclose(found.next_values[:-1], mean, rtol=1e-6)  # no value is learned: the mean stands there
    assert found.next_values[-1].tolist() == [7.0] * 3
    assert float(found.rewards.min()) < -1.0


def test_rn2_rn4_returns_and_loss_are_those_of_plain_arithmetic() -> None:
    (trainee,) = opened(small_run())
    algorithm, learner = trainee.learner.algorithm, trainee.learner
    loop.play_rollout(trainee)
    rollout = trainee.store.rollout(torch.full((3,), 5.0))
    found, expected = algorithm.targets(rollout, learner.config).returns, np.full(3, 5.0)
    for t in reversed(range(8)):
        expected = rollout.rewards[t].numpy() + 0.99 * expected
        np.testing.assert_allclose(found[t], expected, rtol=1e-5)
    outputs = learner.network(learner.inputs(trainee.store.states.flatten(0, 1)))

    class Batch:
        actions, advantages = rollout.actions.flatten(0, 1), torch.linspace(-1, 1, 24)
        returns = torch.zeros(24)

    density = torch.distributions.Normal(outputs.means, outputs.log_deviations.exp()).log_prob(Batch.actions).sum(-1)
    found_loss = algorithm.loss(outputs, Batch, learner.config)  # type: ignore[arg-type]
    assert found_loss.item() == pytest.approx(-(Batch.advantages * density).mean().item(), rel=1e-5)
