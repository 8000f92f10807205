"""Agents that do not train: their policy, and runs that are their final evaluations."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import ActionCodec, DiscreteActions, Policy, Viewing
from replication.environments.registry import open_simulator
from replication.evidence.evaluation import begin_evaluation
from replication.evidence.run_files import Outcome
from replication.specification.families.untrained import RandomAgentConfig
from replication.specification.protocols import Presentation
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
        choose_action, shown = player(run, None)

        def policy(played: Sequence[Played]) -> Choose:
            def choose(seen: Mapping[int, NDArray[Any]]) -> dict[int, Any]:
                return {place: choose_action(one, played[place].stream) for place, one in seen.items()}

            return choose

        started = time.monotonic()
        finalist = Finalist(run, partial(begin_evaluation, run, shown), _choices(run), network_sha256="")
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


def player(run: Run, network: Path | None) -> tuple[Policy, Viewing | None]:
    """Return the policy that chooses uniformly among all actions, whatever is seen."""
    choices = _choices(run)

    def choose_action(seen: NDArray[Any], stream: np.random.Generator) -> Any:
        if isinstance(choices, DiscreteActions):
            return int(stream.integers(len(choices.codes)))
        return stream.uniform(choices.low, choices.high).astype(np.float32)

    presentation = final_evaluation_of(run).presentation
    return choose_action, viewing(run, presentation) if isinstance(presentation, Presentation) else None


def viewing(run: Run, presentation: Presentation) -> Viewing:
    """Return the view of an agent that sees no frames and holds each action for its own number of frames."""
    return Viewing("none", 1, run.settings_as(RandomAgentConfig).action_period_frames)


def _choices(run: Run) -> ActionCodec:
    """Return what a policy chooses among: of actions that are codes, the place in their list."""
    actions = open_simulator(run.task).actions
    return DiscreteActions(codes=tuple(range(len(actions.codes)))) if isinstance(actions, DiscreteActions) else actions
