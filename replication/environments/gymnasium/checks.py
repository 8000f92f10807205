"""What an environment of Gymnasium must keep to be a task here, checked by playing it: one finding a check.

Its runs are recorded as starts and actions, and played again from those. So its episodes must follow from the seed of
their reset and from the actions, and from nothing else.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import ActionCodec, DiscreteActions
from replication.environments.gymnasium.physics import make_environment
from replication.environments.gymnasium.simulator import actions_of_space
from replication.foundation.errors import ReplicationError
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.specification.tasks.registry import find_task

STEPS = 400
"""Played of each of a few episodes, unless they end before."""
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    check: str
    problem: str | None = None
    """Problem that was found and what to do about it, in one line; None: the check passed."""
    remark: str = ""
    """Beside a check that passed."""


@dataclass(frozen=True)
class Played:
    """An episode of random actions, as far as it was played.

    Attributes:
        observations: of its start and each step, float32 [steps + 1, ...].
        rewards: float64 [steps].
        terminated: True where the last step ended it.
        truncated: the step, from 1, at which the environment itself first said so; None: it did not.
    """

    observations: NDArray[np.float32]
    rewards: NDArray[np.float64]
    terminated: bool
    truncated: int | None


def task_or_environment(name: str) -> GymnasiumTask:
    """Return the task of this name, or one made of an environment by its name or its `module:Class`.

    Raises:
        ReplicationError: the task is none of Gymnasium; its YAML is bad.
    """
    if ":" in name or name in gymnasium.registry:
        return GymnasiumTask(name, name, name, "gymnasium", name, STEPS)
    task = find_task(name)
    if not isinstance(task, GymnasiumTask):
        raise ReplicationError(f"task {name}: found one of kind {task.kind}, expected one of kind gymnasium")
    return task


def examine(task: GymnasiumTask) -> list[Finding]:
    """Run the checks in order; those that need what an earlier one found missing are left out.

    Raises:
        ReplicationError: the environment cannot be made.
    """
    environment = make_environment(task.environment_id)
    findings = [_observation_space(environment.observation_space), _action_space(environment.action_space, task)]
    if any(finding.problem for finding in findings):
        return findings
    actions = actions_of_space(environment.action_space, task)
    try:
        started = time.perf_counter()
        first = [_play(task, actions, seed) for seed in SEEDS]
        seconds = time.perf_counter() - started
        again = [_play(task, actions, seed) for seed in SEEDS]
        other = [_play(task, actions, seed, reset_seed=seed + 100) for seed in SEEDS]
    except _BrokenContractError as found:
        return [*findings, Finding("steps", str(found))]
    except Exception as error:  # whatever it runs into is a finding
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return [*findings, Finding("steps", f"{text}; mend reset or step")]
    steps = sum(len(played.rewards) for played in first)
    each = f": {1e6 * seconds / max(1, steps):.0f} microseconds a step, with resets"
    seeding = _seeding(first, again, other)
    return [
        *findings,
        seeding,
        *([] if seeding.problem else [_determinism(first, again)]),
        _finite(first),
        _ends(first, task),
        Finding("time", remark=each),
    ]


class _BrokenContractError(Exception):
    """What reset or step returns is not what Gymnasium's interface has."""


def _play(task: GymnasiumTask, actions: ActionCodec, seed: int, reset_seed: int | None = None) -> Played:
    """Play an episode with the actions of one seed, on an environment of its own, from the start of another."""
    environment, stream = make_environment(task.environment_id), np.random.default_rng(seed)
    shape = environment.observation_space.shape
    begun = environment.reset(seed=seed if reset_seed is None else reset_seed)
    if not (isinstance(begun, tuple) and len(begun) == 2):
        raise _BrokenContractError("reset: found no pair, expected (observation, info); return both")
    seen, rewards, terminated, truncated = [_observation(begun[0], shape, "reset")], [], False, None
    while len(rewards) < STEPS and not terminated:
        result = environment.step(_action(actions, stream))
        if not (isinstance(result, tuple) and len(result) == 5):
            raise _BrokenContractError(
                "step: expected (observation, reward, terminated, truncated, info); return these five"
            )
        observation, reward, terminated, cut, _ = result
        if not all(isinstance(end, bool | np.bool_) for end in (terminated, cut)):
            raise _BrokenContractError(
                f"step: terminated, truncated: found {terminated!r}, {cut!r}, expected True or False; return those"
            )
        seen.append(_observation(observation, shape, "step"))
        rewards.append(float(reward))
        if cut and truncated is None:
            truncated = len(rewards)
    return Played(np.array(seen), np.array(rewards), bool(terminated), truncated)


def _action(actions: ActionCodec, stream: np.random.Generator) -> Any:
    if isinstance(actions, DiscreteActions):
        return int(stream.integers(len(actions.codes)))
    return stream.uniform(actions.low, actions.high).astype(np.float32)


def _observation(found: Any, shape: tuple[int, ...], where: str) -> NDArray[np.float32]:
    observation = np.array(found, np.float32)
    if observation.shape != shape:
        raise _BrokenContractError(
            f"{where}: found an observation of shape {observation.shape}, its space has {shape}; make them agree"
        )
    return observation


def _observation_space(space: Any) -> Finding:
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        return Finding("observations", remark=f": {space.shape[0]} numbers")
    return Finding(
        "observations", f"found {space}, expected one vector of numbers (Box); flatten it, in the environment itself"
    )


def _action_space(space: Any, task: GymnasiumTask) -> Finding:
    try:
        actions = actions_of_space(space, task)
    except ReplicationError as error:
        unbounded = isinstance(space, gymnasium.spaces.Box) and not space.is_bounded()
        mend = "give each dimension a finite low and high" if unbounded else "change its action space"
        return Finding("actions", f"{str(error).split(': ', 2)[-1]}; {mend}")
    if isinstance(actions, DiscreteActions):
        return Finding("actions", remark=f": {len(actions.codes)} of them")
    return Finding("actions", remark=f": {len(actions.low)} bounded numbers")


def _seeding(first: list[Played], again: list[Played], other: list[Played]) -> Finding:
    starts = [played.observations[0] for played in first]
    if any(not np.array_equal(one, two.observations[0]) for one, two in zip(starts, again, strict=True)):
        return Finding(
            "seeding",
            "two resets with one seed begin differently; call super().reset(seed=seed) in reset, and draw from "
            "self.np_random alone",
        )
    alike = all(np.array_equal(starts[0], played.observations[0]) for played in (*first, *other))
    same = all(np.array_equal(one.observations, two.observations) for one, two in zip(first, other, strict=True))
    remark = "; every start looks alike" * alike + ", and so does what follows: the seed changes nothing" * (
        alike and same
    )
    return Finding("seeding", remark=remark)


def _determinism(first: list[Played], again: list[Played]) -> Finding:
    for seed, one, two in zip(SEEDS, first, again, strict=True):
        steps = min(len(one.rewards), len(two.rewards))
        for what, here, there in (
            ("reward", one.rewards[:steps], two.rewards[:steps]),
            ("observation", one.observations[1 : steps + 1], two.observations[1 : steps + 1]),
        ):
            same = [np.array_equal(here[step], there[step], equal_nan=True) for step in range(steps)]
            if not all(same):
                return Finding("determinism", _differs(seed, same.index(False) + 1, what))
        if (len(one.rewards), one.terminated) != (len(two.rewards), two.terminated):
            return Finding("determinism", _differs(seed, steps, "end"))
    return Finding("determinism", remark=": two copies, the same seed and actions, the same to the last bit")


def _differs(seed: int, step: int, what: str) -> str:
    return (
        f"two copies given the same seed {seed} and actions differ in the {what} of step {step}; draw from "
        "self.np_random alone, and keep nothing outside the environment"
    )


def _finite(first: list[Played]) -> Finding:
    for played in first:
        for what, values in (("observation", played.observations), ("reward", played.rewards)):
            wrong = np.argwhere(~np.isfinite(values))
            if len(wrong):
                step = int(wrong[0][0]) + (what == "reward")
                return Finding(
                    "finite", f"the {what} of step {step} is no finite number; end the episode before, or clip it"
                )
    return Finding("finite", remark=": observations and rewards")


def _ends(first: list[Played], task: GymnasiumTask) -> Finding:
    """Look at how episodes end: a limit of time is no end of the task, and belongs to whoever presents it."""
    cut = next((played.truncated for played in first if played.truncated is not None), None)
    if cut is not None:
        return Finding(
            "ends",
            f"the environment itself truncates at step {cut}; leave limits of time out of it: a task's YAML has them "
            f"(cap_steps: {cut})",
        )
    lengths = {len(played.rewards) for played in first if played.terminated}
    if all(played.terminated for played in first) and len(lengths) == 1:
        (steps,) = lengths
        return Finding(
            "ends",
            remark=f": but every episode terminates at step {steps}; if that is a limit of time, it belongs into "
            "cap_steps, since agents take terminated for the end of all reward",
        )
    ended = sum(played.terminated for played in first)
    return Finding("ends", remark=f": {ended} of {len(first)} random episodes terminated within {STEPS} steps")
