"""Tasks under the names that Gymnasium makes them by."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from replication.environments.atari.agent_views import view_under
from replication.environments.gymnasium_ids import environment_id, make, register
from replication.foundation.errors import ReplicationError
from replication.specification.loading import known_names, load_protocol, load_variant
from replication.specification.tasks.atari_games import GAMES
from replication.specification.tasks.gridworlds import GRIDWORLDS

register()


@pytest.mark.parametrize(
    ("task", "protocol"),
    [
        pytest.param("pong", "nature", marks=pytest.mark.rom),
        ("catch", "cleanrl"),
        ("catch", "sticky"),
        ("cliff_walking", "cliff_walking_2018"),
        ("cart_pole", "classic_control"),
    ],
)
def test_gymnasium_accepts_what_it_makes(task: str, protocol: str) -> None:
    environment = gymnasium.make(environment_id(task, protocol))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on observation shapes, and on wrappers
        check_env(environment.unwrapped, skip_render_check=True)
    environment.close()


def test_every_task_has_a_name_under_every_protocol_of_its_kind() -> None:
    kinds = {name: load_protocol(name).kind for name in known_names("protocols")}
    for kind, tasks in (("atari", GAMES), ("gridworld", GRIDWORLDS)):
        expected = {environment_id(task, name) for task in tasks for name, found in kinds.items() if found == kind}
        assert expected <= set(gymnasium.registry) and len(expected) == len(tasks) * list(kinds.values()).count(kind)
    assert environment_id("ms_pacman", "nature") == "Replication/MsPacman-nature-v0"
    register()


SEEN_OTHERWISE = {"ppo1": "first_frame"}
"""Agents that a program showed another history than the others under its protocol."""


def test_a_game_is_seen_as_the_protocol_s_own_agents_see_it() -> None:
    for name in known_names("algorithms"):
        variant = load_variant(name)
        config, view = variant.config, view_under(variant.protocol)
        if "frame_pipeline" in config and load_protocol(variant.protocol).kind == "atari":
            seen = config["frame_pipeline"], config.get("history_start", "zeros")
            expected = view if name not in SEEN_OTHERWISE else (view.pipeline, SEEN_OTHERWISE[name])
            assert seen == tuple(expected), f"{name} under {variant.protocol}"


def test_the_part_of_the_protocol_is_chosen_and_the_cap_kept() -> None:
    training = gymnasium.make("Replication/Catch-nature-v0")
    evaluation = gymnasium.make("Replication/Catch-nature-v0", part="evaluation", frame_stack=2)
    assert training.observation_space.shape == (4, 84, 84) and evaluation.observation_space.shape == (2, 84, 84)
    capped = make("cliff_walking", "cliff_walking_2018", part="evaluation")
    capped.reset(seed=0)
    steps = [capped.step(np.int64(3)) for _ in range(1_000)]  # into the wall, for ever
    assert [step[3] for step in steps] == [False] * 999 + [True]


@pytest.mark.parametrize(
    ("task", "protocol", "given", "expected"),
    [
        ("pong", "learning_2018", {}, "task pong: found one of kind atari, expected gridworld"),
        ("pole", "pole_2005", {}, "Gymnasium knows no environment of kind pole"),
        ("catch", "sticky", {"part": "evaluation"}, "protocol sticky has no evaluation at its end"),
    ],
)
def test_what_cannot_be_made_is_one_line(task: str, protocol: str, given: dict, expected: str) -> None:
    with pytest.raises(ReplicationError, match=expected):
        make(task, protocol, **given)
