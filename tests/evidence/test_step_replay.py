"""Traces of steps played again under their protocol: whatever was changed is found, and where."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.step_replay import replay_steps
from replication.evidence.step_trace import StepTrace, parse_step_trace, serialise_step_trace
from replication.specification.run import Run, resolve_run
from tests.support.pinball import PLACE, message


@cache
def run_of(task: str) -> Run:
    return resolve_run(variant="random_uniform", task=task, seed=3)


def request(episodes: int = 4) -> EvaluationRequest:
    final = run_of("cart_pole").protocol.final_evaluation
    return EvaluationRequest(final.presentation, "final_evaluation", num_episodes=episodes)


@cache
def played(task: str) -> StepTrace:
    def policy(seen: np.ndarray, stream: np.random.Generator) -> Any:
        assert seen.dtype == np.float32
        return int(stream.integers(2)) if task == "cart_pole" else stream.uniform(-2, 2, 1).astype(np.float32)

    return evaluate(policy, run_of(task), None, request())


def again(trace: StepTrace, cap=None) -> None:
    run = run_of(trace.header.task)
    shown = run.protocol.final_evaluation.presentation
    replay_steps(trace, run.task, shown if cap is None else shown.model_copy(update={"episode_cap_steps": cap}), PLACE)


def with_episode(trace: StepTrace, number: int, **changes: Any) -> StepTrace:
    episodes = list(trace.episodes)
    episodes[number] = replace(episodes[number], **changes)
    return replace(trace, episodes=tuple(episodes))


def with_action(trace: StepTrace, number: int, step: int, action: Any) -> StepTrace:
    actions = trace.episodes[number].actions.copy()
    actions[step] = action
    return with_episode(trace, number, actions=actions)


@pytest.mark.parametrize("task", ["cart_pole", "pendulum"])
def test_what_was_played_is_played_again_from_its_file(task: str) -> None:
    trace = parse_step_trace(serialise_step_trace(played(task)), PLACE)
    assert trace == played(task)
    again(trace)


def test_steps_are_reported_by_episode() -> None:
    trace, reported = played("cart_pole"), []
    shown = run_of("cart_pole").protocol.final_evaluation.presentation
    replay_steps(trace, run_of("cart_pole").task, shown, PLACE, reported.append)
    assert reported == [episode.steps for episode in trace.episodes]


def test_a_number_of_steps_leaves_the_last_episode_unfinished() -> None:
    shown = run_of("cart_pole").protocol.final_evaluation.presentation
    asked = EvaluationRequest(shown, "final_evaluation", num_steps=50)
    trace = evaluate(lambda seen, stream: 0, run_of("cart_pole"), None, asked)
    assert sum(episode.steps for episode in trace.episodes) == 50
    assert trace.episodes[-1].ending == "unfinished"
    again(trace)


@pytest.mark.parametrize("task", ["cart_pole", "pendulum"])
@pytest.mark.parametrize("step", [0, 5, -1])
def test_a_changed_action_is_found_in_its_episode(task: str, step: int) -> None:
    trace = played(task)
    old = trace.episodes[2].actions[step]
    changed = with_action(trace, 2, step, 1 - old if task == "cart_pole" else -old)
    assert message(again, changed).startswith(f"{PLACE}: episode 2 (the first is 0): ")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"raw_return": 1.0}, "raw_return: played again it is"),
        ({"ending": "truncated"}, "ending: played again it is terminated, the trace claims truncated"),
        ({"state_digest": "0" * 16}, "state_digest: played again it is"),
        ({"start": 5}, "start: the protocol draws"),
    ],
)
def test_a_changed_claim_is_found(changes: dict[str, Any], expected: str) -> None:
    assert message(again, with_episode(played("cart_pole"), 1, **changes)).startswith(
        f"{PLACE}: episode 1 (the first is 0): {expected}"
    )


def test_an_episode_left_out_doubled_or_put_elsewhere_is_found() -> None:
    one, two, three, four = played("cart_pole").episodes
    for episodes in ((one, three, four), (one, one, two), (two, one, three)):
        assert "start: the protocol draws" in message(again, replace(played("cart_pole"), episodes=episodes))


def test_an_episode_cut_short_or_played_beyond_its_end_is_found() -> None:
    trace = played("cart_pole")
    cut = with_episode(trace, 0, actions=trace.episodes[0].actions[:-1])
    assert "ending: played again it is unfinished, the trace claims terminated" in message(again, cut)
    longer = with_episode(trace, 0, actions=np.append(trace.episodes[0].actions, np.uint8(0)))
    steps = trace.episodes[0].steps
    assert f"step {steps} (the first is 1): the episode is terminated, the trace goes on" in message(again, longer)


def test_another_cap_is_found() -> None:
    assert "step 7 (the first is 1): the episode is truncated, the trace goes on" in message(
        again, played("cart_pole"), 7
    )


def test_the_actions_of_another_task_are_one_line() -> None:
    trace = played("cart_pole")
    other = replace(trace, header=trace.header.model_copy(update={"actions": played("pendulum").header.actions}))
    assert message(again, other).startswith(f"{PLACE}: actions: found ")


def test_another_simulator_or_processor_is_named_where_it_may_explain_a_difference() -> None:
    trace = with_episode(played("cart_pole"), 1, raw_return=1.0)
    made = trace.header.fingerprint | {"arithmetic": "0" * 16}
    elsewhere = replace(trace, header=trace.header.model_copy(update={"fingerprint": made}))
    assert f"the trace was made with arithmetic {'0' * 16}, here " in message(again, elsewhere)
    assert "made with" not in message(again, trace)
