"""Training of an actor and its critics: what falls on which step, resume at any instant, neighbors, failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replication.algorithms.off_policy_continuous import td3
from replication.environments.contract import ContinuousActions, StepResult
from replication.evidence.traces import AnyTrace
from replication.evidence.verify_run import check_run
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import training_streams
from replication.foundation.stopping import Stopped
from replication.specification.families.off_policy_continuous import TD3Config
from replication.specification.run import resolve_run
from replication.training import play_again
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.machine.settings import Machine
from replication.training.off_policy_continuous import loop
from replication.training.off_policy_continuous.family import open_cohort, open_network, player
from replication.training.off_policy_continuous.learner import Learner
from replication.training.off_policy_continuous.loop import train
from replication.training.off_policy_continuous.networks import store_actor
from replication.training.off_policy_continuous.trainee import new_trainee
from replication.training.resumable_play import Choose, Played, play_at_once
from replication.training.session import execute
from tests.support.continuous import advance, opened, small_run, whole_state, with_noise

ONCE_A_STEP = {"update_period_steps": 1, "updates_at_once": 1, "learning_starts_steps": None}


def machine_of(folder: Path, device: str = "cpu") -> Machine:
    return Machine(folder / "results", folder / "state", device, "lz4", 600.0, None, quiet=True, workers=1)


def test_a_run_is_trained_evaluated_and_verified_from_beginning_to_end(tmp_path: Path) -> None:
    run = small_run()
    assert execute([run], machine_of(tmp_path)) == 0
    folder = run.results_folder(tmp_path / "results")
    record = json.loads((folder / "run.json").read_bytes())
    assert record["counts"] == {"steps": 200, "training_episodes": 4, "updates": 180}
    assert record["evidence"] == "inputs" and record["score"] < 0.0
    curve = (folder / "curve.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in curve[1:]] == ["0", "50", "100", "150", "200"]
    check_run(folder)
    checkpoint = new_trainee(run)
    assert restore_newest(checkpoint, run.state_folder(tmp_path / "state")) == 200


def test_updates_fall_on_steps_or_on_ends_of_episodes() -> None:
    (rounds,) = opened(small_run(steps=100))
    advance([rounds])
    assert rounds.learner.updates == 90  # two episodes of 45 steps, the first of them random; the third is under way
    (late,) = opened(small_run(steps=100, **ONCE_A_STEP))
    advance([late])
    assert late.learner.updates == 70  # with step 31, the first that is not random
    (pairs,) = opened(small_run(steps=100, **ONCE_A_STEP | {"update_period_steps": 10, "updates_at_once": 5}))
    advance([pairs])
    assert pairs.learner.updates == 35


def test_actions_are_random_first_and_then_the_actor_s_with_noise() -> None:
    (trainee,) = opened(with_noise(small_run(**ONCE_A_STEP), kind="gaussian", deviation=0.0))
    lane, learner = trainee.lane, trainee.learner
    for _ in range(45):
        lane.play(learner.act)
    rows = lane.replay.content().numpy()
    chosen = np.array([learner.act(row[:3]) for row in rows])
    assert not np.isclose(rows[:30, 3:4], chosen[:30]).any()
    assert np.array_equal(rows[30:, 3:4], chosen[30:])
    assert np.abs(rows[:30, 3]).max() > 1.5, "uniform between the bounds, -2 and 2"


def test_an_observation_that_a_step_overwrites_is_stored_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    (trainee,) = opened(small_run())
    seen = np.zeros(3, np.float32)

    class Overwriting:
        observation, episode_steps = seen, 1

        def step(self, action: np.ndarray) -> StepResult:
            seen[:] += 1.0
            return StepResult(0.0, False, False)

    monkeypatch.setattr(trainee.lane, "_task", Overwriting())
    for _ in range(3):
        trainee.lane.play(trainee.learner.act)
    rows = trainee.lane.replay.content()
    assert rows[:, 0].tolist() == [0.0, 1.0, 2.0] and rows[:, -1].tolist() == [1.0, 2.0, 3.0]


def test_actions_stay_within_bounds_whose_middle_is_not_zero() -> None:
    run = small_run()
    low, high = (-1.1, 0.2, -0.3), (0.3, 0.7, 1.7)
    streams = training_streams(1, "pendulum", run.family.streams)
    bounds = ContinuousActions(low=low, high=high)
    learner = Learner(td3, run.settings_as(TD3Config), 3, bounds, streams)
    learner.tensors()["actor"].mul_(1e4)
    for seen in np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32):
        bounds.from_bytes(bounds.to_bytes([learner.act(seen)]))  # refuses what is out of bounds


@pytest.mark.parametrize("unit", ["action", "largest_action"])
def test_noise_has_its_deviation_in_its_unit(unit: str) -> None:
    (trainee,) = opened(small_run(**ONCE_A_STEP | {"noise_unit": unit, "random_steps": 0}))
    lane = trainee.lane
    for _ in range(400):
        lane.play(lambda seen: np.zeros(1, np.float32))
    noise = lane.replay.content().numpy()[:, 3]
    assert noise.std() == pytest.approx(0.1 * (1.0 if unit == "action" else 2.0), rel=0.15)


def test_a_truncated_episode_goes_on_in_the_target_and_a_terminated_one_does_not() -> None:
    (cut,) = opened(small_run(steps=100))
    advance([cut])
    assert len(cut.lane.episodes) == 2 and (cut.lane.replay.content()[:, 5] == 1.0).all()
    (fallen,) = opened(small_run(task="inverted_pendulum_v5", steps=100))
    advance([fallen])
    ends = [episode.end_step for episode in fallen.lane.episodes if episode.ending == "terminated"]
    assert ends and [int(row) + 1 for row in torch.nonzero(fallen.lane.replay.content()[:, 6] == 0.0)] == ends


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
def test_continuing_equals_never_stopping(tmp_path: Path, turns: int) -> None:
    run = with_noise(small_run(replay_capacity_steps=120), kind="ornstein_uhlenbeck", theta=0.15, sigma=0.2, dt=1.0)
    (whole,), (first,), (second,) = opened(run), opened(run), opened(run)
    advance([whole])
    advance([first], turns)
    save_checkpoint(first, tmp_path)
    assert restore_newest(second, tmp_path) == first.step
    assert whole_state(second) == whole_state(first)
    advance([second])
    assert whole_state(second) == whole_state(whole)


def test_a_checkpoint_within_a_round_of_updates_is_not_one_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_TURN", 7)
    (trainee,) = opened(small_run())
    advance([trainee], 9)
    assert 0 < trainee.lane.updates_owed < 45
    save_checkpoint(trainee, tmp_path)
    advance([trainee], 1)
    save_checkpoint(trainee, tmp_path)
    (again,) = opened(small_run())
    restore_newest(again, tmp_path)
    assert whole_state(again) == whole_state(trainee)


def test_a_run_stopped_within_an_evaluation_is_evaluated_before_it_goes_on(tmp_path: Path) -> None:
    (whole,), (first,), (second,) = opened(small_run()), opened(small_run()), opened(small_run())
    advance([whole])

    def stopping(played: Sequence[Played], choose: Choose, see: Callable[[int, Any], object]) -> list[AnyTrace]:
        if played[0].index == 2:
            raise Stopped("what was played is kept, ")
        return play_at_once(played, choose, see)

    with pytest.raises(Stopped):
        for _ in train([first], stopping):
            pass
    assert first.step == 100 and first.owes_evaluation and len(first.curve) == 2
    save_checkpoint(first, tmp_path)
    restore_newest(second, tmp_path)
    assert second.owes_evaluation
    advance([second])
    assert whole_state(second) == whole_state(whole)


def test_a_neighbour_changes_no_number() -> None:
    (alone,) = opened(small_run())
    advance([alone])
    together = opened(small_run(seed=2), small_run(), small_run(seed=3))
    advance(together)
    assert whole_state(together[1]) == whole_state(alone)
    assert whole_state(together[0])["tensors"] != whole_state(alone)["tensors"]


def test_a_bad_loss_fails_the_run_and_not_its_neighbour() -> None:
    bad, good = opened(small_run(), small_run(seed=2))
    bad.lane.replay.add(np.full(3, np.nan, np.float32), np.zeros(1, np.float32), 0.0, np.zeros(3), terminated=False)
    bad.lane.replay._rows[:] = np.nan
    advance([bad, good])
    assert bad.failure is not None and bad.failure.startswith("the critic loss is nan at step")
    assert good.failure is None and good.step == 200


def test_the_stored_actor_plays_as_the_one_that_was_evaluated(tmp_path: Path) -> None:
    run, machine = small_run(), machine_of(tmp_path)
    execute([run], machine)
    stored = next(run.state_folder(machine.state).glob("evaluated_*.safetensors"))
    policy, viewing = player(run, stored)
    newest = sorted(run.state_folder(machine.state).glob("checkpoint_*"))[-1]
    of_checkpoint = open_network(run, newest).policy(0.0)
    seen, stream = np.ones(3, np.float32), np.random.default_rng(0)
    assert viewing is None and np.array_equal(policy(seen, stream), of_checkpoint(seen, stream))
    stored.write_bytes(b"no file of tensors")
    with pytest.raises(ReplicationError, match="cannot be read"):
        player(run, stored)


def test_verify_plays_the_last_evaluation_again_with_the_stored_actor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, machine = small_run(), machine_of(tmp_path)
    execute([run], machine)
    folder = run.results_folder(machine.results)
    monkeypatch.setattr(play_again, "run_of_folder", lambda folder: run)
    check = partial(play_again.check_policies, [folder], machine.state, quiet=True)
    assert check() == "1 policies played again, each left its trace"
    stored = next(run.state_folder(machine.state).glob("evaluated_*.safetensors"))
    other = new_trainee(run).learner  # as it was before it learned
    store_actor(other, stored)
    with pytest.raises(ReplicationError, match=r"evaluation_0000000200\.trace: episode 0 .*plays another one"):
        check()
    stored.unlink()
    assert f"0 policies played again, each left its trace; 1 have no network in {machine.state}" == check()


def test_what_cannot_be_trained_is_refused_in_a_line(tmp_path: Path) -> None:
    with (
        pytest.raises(ReplicationError, match=r"--device cuda: .* trains on cpu alone"),
        open_cohort([small_run()], machine_of(tmp_path, "cuda")),
    ):
        pass
    with pytest.raises(ReplicationError, match="task cart_pole has actions of kind discrete"):
        new_trainee(small_run(task="cart_pole"))


def test_damaged_checkpoints_are_set_aside(tmp_path: Path) -> None:
    (trainee,) = opened(small_run())
    files = trainee.checkpoint_files()
    for name, data in (("lane.json", b"{}"), ("lane.json", b"no JSON"), ("tensors.safetensors", b"none")):
        with pytest.raises(ReplicationError, match=name):
            trainee.read_checkpoint(files | {name: data}, tmp_path)
    (other,) = opened(small_run(batch_size=9, task="mountain_car_continuous"))
    with pytest.raises(ReplicationError, match=r"tensors.safetensors: 'actor': found float32 \[\d+\], expected"):
        other.read_checkpoint(files, tmp_path)


def test_random_steps_may_depend_on_the_task() -> None:
    config = resolve_run(variant="td3_2018", task="half_cheetah", seed=1, budget_steps=5000).settings
    assert (config.random_steps_on("half_cheetah"), config.random_steps_on("reacher")) == (10_000, 1_000)
    assert config.learning_starts_on("half_cheetah") == 0
