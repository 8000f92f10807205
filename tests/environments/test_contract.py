"""What every kind of simulator and of presented task promises (environments/contract.py)."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from replication.environments.atari.frames import frame_pipeline
from replication.environments.contract import ContinuousActions, DiscreteActions, PresentedTask, Simulator
from replication.environments.gymnasium.presentation import PresentedGymnasium
from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.environments.registry import open_simulator
from replication.foundation.errors import ReplicationError
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.tasks.gymnasium_tasks import GYMNASIUM_TASKS
from replication.specification.tasks.registry import find_task
from tests.support.scripted_emulator import PLAIN, present

OF_EVERY_KIND = ["catch", pytest.param("pong", marks=pytest.mark.rom), *GYMNASIUM_TASKS]
STEPS = 300


def draw(actions, stream: np.random.Generator):
    if isinstance(actions, DiscreteActions):
        return int(stream.choice(actions.codes))
    return stream.uniform(actions.low, actions.high).astype(np.float32)


def play(simulator: Simulator, steps: int = STEPS, seed: int = 0) -> list[tuple[float, str]]:
    """Rewards and digests of random play, with a reset wherever an episode ends."""
    stream, seen = np.random.default_rng(seed), []
    for _ in range(steps):
        if simulator.terminated:
            simulator.reset()
        seen.append((simulator.act(draw(simulator.actions, stream)), simulator.state_digest()))
    return seen


@pytest.fixture
def pair(request) -> tuple[Simulator, Simulator]:
    one, other = (open_simulator(find_task(request.param)) for _ in range(2))
    one.reset()
    return one, other


@pytest.mark.parametrize("pair", OF_EVERY_KIND, indirect=True)
def test_two_simulators_given_the_same_are_in_the_same_state(pair) -> None:
    one, other = pair
    other.reset()
    seen = play(one)
    assert play(other) == seen
    assert len({digest for _, digest in seen}) > 100, "digests that do not tell states apart find nothing"


@pytest.mark.parametrize("pair", OF_EVERY_KIND, indirect=True)
@pytest.mark.parametrize("before", [0, 130])
def test_saved_and_restored_is_as_uninterrupted(pair, before: int) -> None:
    one, other = pair
    play(one, before)
    state, digest = one.save(), one.state_digest()
    rest = play(one, seed=1)
    other.reset()
    play(other, 17, seed=2)  # it has played something else before
    other.restore(state)
    assert other.state_digest() == digest
    assert other.save() == state
    assert play(other, seed=1) == rest


@pytest.mark.parametrize("pair", OF_EVERY_KIND, indirect=True)
def test_another_action_leads_elsewhere(pair) -> None:
    one, other = pair
    other.reset()
    assert play(one) != play(other, seed=1)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("catch", {"rom_md5"}),
        pytest.param("pong", {"rom_md5", "ale_py_version"}, marks=pytest.mark.rom),
        ("cart_pole", {"environment_id", "gymnasium_version", "numpy_version", "arithmetic"}),
    ],
)
def test_r5_the_fingerprint_names_what_replaying_depends_on(task: str, names: set[str]) -> None:
    fingerprint = open_simulator(find_task(task)).fingerprint
    assert set(fingerprint) == names
    assert all(fingerprint.values())


@pytest.mark.parametrize("pair", OF_EVERY_KIND, indirect=True)
def test_actions_are_read_from_bytes_as_they_were_written(pair) -> None:
    actions = pair[0].actions
    stream = np.random.default_rng(0)
    drawn = [draw(actions, stream) for _ in range(50)]
    read = actions.from_bytes(actions.to_bytes(drawn))
    assert np.array_equal(read, np.array(drawn, read.dtype))


@pytest.mark.parametrize(
    ("actions", "data", "found"),
    [
        (DiscreteActions(codes=(0, 3)), b"\x00\x01", r"found action 1, expected one of \[0, 3\]"),
        (ContinuousActions(low=(-1.0,), high=(1.0,)), b"\0\0\0", "found 3 bytes, expected a multiple of 4"),
        (
            ContinuousActions(low=(-1.0,), high=(1.0,)),
            np.float32([0, 1.5]).tobytes(),
            r"found action \[1.5\], expected \[-1.0\]",
        ),
        (ContinuousActions(low=(-1.0,), high=(1.0,)), np.float32([np.nan]).tobytes(), r"found action \[nan\]"),
    ],
)
def test_actions_that_a_task_does_not_have_are_refused(actions, data: bytes, found: str) -> None:
    with pytest.raises(ValueError, match=found):
        actions.from_bytes(data)


def presented(name: str) -> PresentedTask:
    if name in GYMNASIUM_TASKS:
        task, shown = GYMNASIUM_TASKS[name], GymnasiumPresentation(kind="gymnasium", episode_cap_steps="registered")
        return PresentedGymnasium(task, GymnasiumSimulator(task), shown, np.random.default_rng(0))
    return present(open_simulator(find_task(name)), PLAIN, pipeline=frame_pipeline("dopamine", PLAIN.frame_skip))


@pytest.mark.parametrize("name", OF_EVERY_KIND)
def test_a_presented_task_continues_exactly_from_its_state(name: str) -> None:
    one, other = presented(name), presented(name)
    stream = np.random.default_rng(0)
    one.begin_episode()
    for _ in range(5):
        one.step(draw(one.spaces.actions, stream))
    other.restore(one.state())
    assert other.observation.shape == one.spaces.observation
    for _ in range(5):
        action = draw(one.spaces.actions, stream)
        assert one.step(action) == other.step(action)
        assert np.array_equal(one.observation, other.observation)
        assert one.episode_return == other.episode_return


def test_a_task_that_nothing_simulates_is_one_line() -> None:
    with pytest.raises(
        ReplicationError, match=r"^task pole: found one of kind pole, which no simulator plays; expected [^\n]+$"
    ):
        open_simulator(find_task("pole"))


def test_only_what_a_kind_needs_is_imported() -> None:
    program = "import replication.environments.registry, sys; assert not {'ale_py', 'gymnasium'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
