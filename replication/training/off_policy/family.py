"""Agents that learn from a replay memory: cohorts of lanes, and what they play."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from replication.algorithms.off_policy.contract import load_algorithm
from replication.environments.contract import Policy, Viewing
from replication.evidence.run_files import Outcome
from replication.foundation.progress import say
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.protocols import Presentation, of_atari
from replication.specification.run import Run
from replication.training.final_evaluation import final_evaluation_of
from replication.training.machine.devices import leased_device
from replication.training.machine.settings import Machine
from replication.training.off_policy.batching import IN_TURN, InStacks, Networks
from replication.training.off_policy.device_memory import ensure_device_memory
from replication.training.off_policy.footprint import memory_text
from replication.training.off_policy.host_memory import ensure_memory
from replication.training.off_policy.lane_in_worker import open_lanes
from replication.training.off_policy.learner import Learner, prepare_torch
from replication.training.off_policy.loop import train
from replication.training.off_policy.networks import open_network
from replication.training.off_policy.outcomes import finished
from replication.training.off_policy.speed import measure_speed
from replication.training.off_policy.trainee import Trainee
from replication.training.resumable_play import Play

__all__ = ["measure_speed", "open_cohort", "open_network", "player", "viewing"]


class OffPolicyCohort:
    """The lanes of one variant with their learners.

    Args:
        trainees: at least one.
        machine: with the device they are on.
    """

    progress_unit = "frames"

    def __init__(self, trainees: Sequence[Trainee], machine: Machine) -> None:
        self.trainees = trainees
        self._machine = machine
        self._networks: Networks = InStacks() if machine.device.startswith("cuda") else IN_TURN

    def train(self, play: Play) -> Iterator[None]:
        """Advance every lane by one agent step a turn."""
        return train(self.trainees, self.trainees[0].lane.config, self._networks, play)

    def finish(self, play: Play) -> Iterator[Outcome]:
        """Evaluate all lanes side by side."""
        sound = [trainee for trainee in self.trainees if trainee.failure is None]
        yield from finished(sound, self._machine, self._networks, play, lanes=len(self.trainees))


@contextmanager
def open_cohort(runs: Sequence[Run], machine: Machine) -> Iterator[OffPolicyCohort]:
    """Hold the device, check that the runs fit, and open their lanes, here or in workers."""
    prepare_torch()
    algorithm = load_algorithm(runs[0].variant.module)
    config = runs[0].settings_as(OffPolicyConfig)
    each = f", for each of {len(runs)} lanes" if len(runs) > 1 else ""
    say(f"replay memory: {memory_text(runs[0], machine.storage)}{each}")
    with ExitStack() as held:
        machine = replace(machine, device=held.enter_context(leased_device(machine.device)))
        ensure_memory(runs, machine)
        ensure_device_memory(len(runs), algorithm, config, machine.device)
        trainees = [
            Trainee(lane, Learner(algorithm, lane.config, lane.num_actions, lane.streams, machine.device))
            for lane in held.enter_context(open_lanes(runs, config, machine))
        ]
        yield OffPolicyCohort(trainees, machine)


def player(run: Run, network: Path | None) -> tuple[Policy, Viewing]:
    """Return the epsilon-greedy policy of an evaluated network, and what it is shown."""
    assert network is not None, "a run that trains has a network"
    final = final_evaluation_of(run)
    return open_network(run, network).policy(run.final_epsilon(final)), viewing(run, of_atari(final.presentation))


def viewing(run: Run, presentation: Presentation) -> Viewing:
    """Return the pipeline and the stack of the run's settings, at the frame skip of the presentation."""
    config = run.settings_as(OffPolicyConfig)
    return Viewing(config.frame_pipeline, config.frame_stack, presentation.frame_skip)
