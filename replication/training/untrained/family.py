"""Agents that do not train: their policy, and runs that are their final evaluations."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replication.environments.atari.emulator import open_emulator
from replication.environments.contract import Policy, Viewing
from replication.evidence.evaluation import begin_evaluation
from replication.evidence.run_files import Outcome
from replication.specification.families.untrained import UntrainedConfig
from replication.specification.protocols import Presentation, of_atari
from replication.specification.run import Run
from replication.training.final_evaluation import Finalist, final_evaluation_of, play_final_evaluations
from replication.training.machine.settings import Machine
from replication.training.resumable_play import Choose, Play, Played


class UntrainedCohort:
    """Runs that are evaluated one after the other.

    Args:
        runs: of one variant.
        quiet: no progress bar.
    """

    trainees = ()
    progress_unit = "episodes"

    def __init__(self, runs: Sequence[Run], *, quiet: bool) -> None:
        self._runs = runs
        self._quiet = quiet

    def train(self, play: Play) -> Iterator[None]:
        """Take no turn: there is nothing to learn."""
        return iter(())

    def finish(self, play: Play) -> Iterator[Outcome]:
        """Evaluate each run."""
        for run in self._runs:
            yield self._evaluate(run, play)

    def _evaluate(self, run: Run, play: Play) -> Outcome:
        num_actions = len(open_emulator(run.game).minimal_actions)
        choose_action, shown = player(run, None)

        def policy(played: Sequence[Played]) -> Choose:
            def choose(stacks: Mapping[int, NDArray[np.uint8]]) -> dict[int, int]:
                return {place: choose_action(stack, played[place].stream) for place, stack in stacks.items()}

            return choose

        started = time.monotonic()
        finalist = Finalist(run, partial(begin_evaluation, run, shown), num_actions, network_sha256="")
        (trace,) = play_final_evaluations([finalist], policy, lambda place, stack: None, play, quiet=self._quiet)
        facts = {
            "evaluated_network": None,
            "cost": {"seconds": round(time.monotonic() - started, 1)},
            "machine": {"device": "cpu", "lanes": 1},
        }
        return Outcome(run, trace, None, facts)


@contextmanager
def open_cohort(runs: Sequence[Run], machine: Machine) -> Iterator[UntrainedCohort]:
    """Open runs of one variant."""
    yield UntrainedCohort(runs, quiet=machine.quiet)


def player(run: Run, network: Path | None) -> tuple[Policy, Viewing]:
    """Return the policy that chooses uniformly among all actions, whatever the frames are."""
    num_actions = len(open_emulator(run.game).minimal_actions)

    def choose_action(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        return int(stream.integers(num_actions))

    return choose_action, viewing(run, of_atari(final_evaluation_of(run).presentation))


def viewing(run: Run, presentation: Presentation) -> Viewing:
    """Return the view of an agent that sees no frames and holds each action for its own number of frames."""
    return Viewing("none", 1, run.settings_as(UntrainedConfig).action_period_frames)
