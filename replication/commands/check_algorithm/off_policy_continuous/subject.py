"""An algorithm of the family with trainings on a small task, and numbers such as the training loop gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from replication.algorithms.off_policy_continuous.contract import ActionBounds
from replication.commands.check_algorithm.subject import Subject
from replication.foundation.files import plain
from replication.specification.run import Run
from replication.training.off_policy_continuous.lane import Lane
from replication.training.off_policy_continuous.learner import Learner
from replication.training.off_policy_continuous.loop import train
from replication.training.off_policy_continuous.trainee import Trainee

TRANSITIONS, DIMENSIONS = 5, 3
"""Of the numbers that an algorithm is given: unlike one another and unlike the critics of any algorithm known."""
UPDATES = 20
"""Updates that `updates_actor` is asked about."""


class ContinuousSubject(Subject):
    """One algorithm with the settings of one variant."""

    TASK = "pendulum"

    def begin(self, seed: int) -> Trainee:
        run: Run = self.run(seed)
        lane = Lane(run, self.config)
        return Trainee(lane, Learner(self.algorithm, self.config, lane.observation_size, lane.actions, lane.streams))

    def turns(self, trainees: Sequence[Trainee]) -> Iterator[None]:
        return train(trainees)

    def parameters(self, trainee: Trainee) -> Mapping[str, Tensor]:
        tensors = trainee.learner.tensors()
        return {name: tensors[name] for name in ("actor", "critics")}

    def parts(self, trainee: Trainee) -> dict[str, object]:
        lane = trainee.lane
        parts: dict[str, object] = {n: tensor.numpy().tobytes() for n, tensor in trainee.learner.tensors().items()}
        parts |= {f"its {name}": plain(value) for name, value in lane.state().items()}
        parts |= {"its episodes": list(lane.episodes), "its curve": list(trainee.curve)}
        parts["what its replay memory holds"] = lane.replay.content().numpy().tobytes()
        return parts

    @cached_property
    def bounds(self) -> ActionBounds:
        """Bounds of actions of which no dimension is like another, nor about 0."""
        return ActionBounds(torch.tensor([-1.0, -2.0, 0.5]), torch.tensor([1.0, 3.0, 1.5]))

    def numbers(self, seed: int = 1) -> dict[str, Tensor]:
        """Draw what an update hands to the algorithm, by name; transition 1 is an episode's last.

        actions, noise: float32 [transitions, dimensions], noise standard normal. rewards, goes_on, targets, of_actor:
        float32 [transitions]. next_values, values: float32 [critics, transitions].
        """
        stream, critics = np.random.default_rng(seed), self.algorithm.NUM_CRITICS
        low, high = self.bounds.low.numpy(), self.bounds.high.numpy()
        drawn = {
            "actions": stream.uniform(low, high, (TRANSITIONS, DIMENSIONS)),
            "noise": stream.standard_normal((TRANSITIONS, DIMENSIONS)),
            "rewards": stream.standard_normal(TRANSITIONS),
            "goes_on": np.array([1.0, 0.0, 1.0, 1.0, 1.0]),
            "next_values": 10.0 * stream.standard_normal((critics, TRANSITIONS)),
            "values": 10.0 * stream.standard_normal((critics, TRANSITIONS)),
            "targets": 10.0 * stream.standard_normal(TRANSITIONS),
            "of_actor": 10.0 * stream.standard_normal(TRANSITIONS),
        }
        return {name: torch.tensor(array, dtype=torch.float32) for name, array in drawn.items()}

    def target_actions(self, given: Mapping[str, Tensor]) -> Tensor:
        """Compute the actions of the target, with noise where the algorithm asks for it."""
        noise = given["noise"] if self.algorithm.SMOOTHS_TARGETS else None
        found: Tensor = self.algorithm.target_actions(given["actions"], noise, self.bounds, self.config)
        return found

    def targets(self, given: Mapping[str, Tensor]) -> Tensor:
        """Compute the targets of the critics."""
        found: Tensor = self.algorithm.targets(given["rewards"], given["goes_on"], given["next_values"], self.config)
        return found
