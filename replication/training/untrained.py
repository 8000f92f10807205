"""Agents that do not learn: their policy, and their one evaluation."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from replication.environments.atari.emulator import open_emulator
from replication.environments.contract import Policy, Viewing
from replication.evidence.evaluation import EvaluationRequest, Purpose, begin_evaluation, exploration_stream
from replication.evidence.run_files import write_results
from replication.foundation.errors import ReplicationError
from replication.foundation.progress import progress_bar
from replication.specification.families.untrained import UntrainedConfig
from replication.specification.run import Run
from replication.training.final_evaluation import announce
from replication.training.machine.settings import Machine
from replication.training.resumable_play import Play, Played, unfinished_path

_PURPOSE: Purpose = "final_evaluation"


def policy(num_actions: int) -> Policy:
    """Return the policy that chooses uniformly among all actions, whatever the frames are."""

    def choose_action(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        return int(stream.integers(num_actions))

    return choose_action


def viewing(config: UntrainedConfig) -> Viewing:
    """Return the viewing of an agent that sees no frames and holds each action for its own number of frames."""
    return Viewing("none", 1, config.action_period_frames)


def evaluate_untrained(run: Run, machine: Machine, play: Play) -> None:
    """Play the final evaluation of an agent that does not learn, and write the results.

    Raises:
        ReplicationError: the protocol has no final evaluation.
        Stopped: by `play`.
    """
    config = run.settings_as(UntrainedConfig)
    if run.protocol.final_evaluation is None:
        raise ReplicationError(f"{run.name}: protocol {run.protocol.protocol} has no final evaluation to play")
    num_actions = len(open_emulator(run.game).minimal_actions)
    choose, stream = policy(num_actions), exploration_stream(run, _PURPOSE, 0)
    started = time.monotonic()
    final = run.protocol.final_evaluation
    name = f"{run.name}: final evaluation"
    with progress_bar(final.num_episodes, "episodes", name, quiet=machine.quiet) as bar:
        request = EvaluationRequest(final.presentation, _PURPOSE, num_episodes=final.num_episodes)
        begun = begin_evaluation(run, viewing(config), request, lambda episodes: bar.update())
        played = Played(begun, run, _PURPOSE, 0, "", num_actions, stream)
        (trace,) = play([played], lambda stacks: {0: choose(stacks[0], stream)}, lambda place, stack: None)
    facts = {
        "evaluated_network": None,
        "cost": {"seconds": round(time.monotonic() - started, 1)},
        "machine": {"device": "cpu", "lanes": 1},
    }
    folder = write_results(run, machine.results, evaluation=trace, training=None, tables={}, facts=facts)
    unfinished_path(run, machine.state).unlink(missing_ok=True)
    announce(run, folder, trace)
