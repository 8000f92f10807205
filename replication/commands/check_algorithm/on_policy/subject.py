"""An algorithm of the family with trainings on a small task, networks, rollouts and minibatches to check it with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from replication.algorithms.on_policy.contract import Minibatch, Rollout, Targets
from replication.algorithms.policy_networks import Spaces
from replication.commands.check_algorithm.subject import Subject
from replication.foundation.files import plain
from replication.specification.families.on_policy import STREAMS, RolloutFrames
from replication.training.on_policy.checkpoint_files import past_of
from replication.training.on_policy.lane import Lane
from replication.training.on_policy.learner import Learner
from replication.training.on_policy.loop import train
from replication.training.on_policy.trainee import Trainee

NUM_ACTIONS = 3
"""Of the toy game; dimensions of an action, where actions are vectors."""
NUMBERS = 4
"""Of an observation that is a vector."""
STEPS, ACTORS = 7, 2
"""Of a rollout: unlike each other and unlike the number of actions, so that none can be mistaken for another."""
CUT_AT = 3
"""The step of a rollout that ends a trajectory of each of its actors."""
_FRAMES = RolloutFrames(0, 4 * (STEPS * ACTORS - 1))


class OnPolicySubject(Subject):
    """One algorithm with the settings of one variant."""

    TASK = "catch"

    @property
    def task_name(self) -> str:
        vectors = self.config.of_vectors
        if vectors is None:
            return self.TASK
        return "cart_pole" if vectors.action_bound is None else "pendulum"

    @property
    def spaces(self) -> Spaces:
        """What a policy sees and does in the checks of its functions."""
        return Spaces(NUM_ACTIONS, None if self.config.of_vectors is None else NUMBERS)

    @property
    def chooses_vectors(self) -> bool:
        """True where actions are vectors, not numbers of a list."""
        vectors = self.config.of_vectors
        return vectors is not None and vectors.action_bound is not None

    def begin(self, seed: int) -> Trainee:
        lane = Lane(self.run(seed), self.config)
        learner = Learner(self.algorithm, self.config, lane.spaces, lane.streams)
        learner.see(lane.stacks)
        return Trainee(lane, learner)

    def turns(self, trainees: Sequence[Trainee]) -> Iterator[None]:
        return train(trainees)

    def parameters(self, trainee: Trainee) -> Mapping[str, Tensor]:
        return {name: tensor for name, tensor in trainee.learner.tensors().items() if name.startswith("network.")}

    def parts(self, trainee: Trainee) -> dict[str, object]:
        tensors = trainee.learner.tensors()
        parts: dict[str, object] = {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}
        past = past_of(trainee.lane)
        return parts | {
            "its step": past.step,
            "its streams": past.streams,
            "its actors": plain(past.actors),
            "its episodes": plain([asdict(episode) for episode in past.episodes]),
            "its curve": list(trainee.curve),
        }

    def filled(self, seed: int) -> Any:
        """Build the network, its parameters not numbers until `initialise` has filled them."""
        network: nn.Module = self.algorithm.network(self.config, self.spaces)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(torch.nan)  # what is left out by `initialise` shows
        self.algorithm.initialise(network, np.random.default_rng(seed), self.config)
        return network

    def states(self, count: int) -> Tensor:
        """Draw random states, uint8 [count, stack, 84, 84], or float32 [count, numbers]."""
        if self.config.of_vectors is not None:
            drawn = np.random.default_rng(count).standard_normal((count, NUMBERS), dtype=np.float32)
            return torch.from_numpy(drawn)
        shape = (count, self.config.of_game.frame_stack, 84, 84)
        return torch.from_numpy(np.random.default_rng(count).integers(0, 256, shape, dtype=np.uint8))

    def draws(self, seed: int, states: int) -> Tensor:
        """Draw the numbers by which `act` chooses in so many states."""
        stream, shape = np.random.default_rng(seed), (states, NUM_ACTIONS)
        if self.chooses_vectors:
            return torch.from_numpy(stream.standard_normal(shape, dtype=np.float32))
        return torch.from_numpy(stream.random(shape, dtype=np.float32))

    def actions(self, stream: np.random.Generator) -> Tensor:
        """Draw the actions of a rollout, int64 [STEPS, ACTORS], or float32 [STEPS, ACTORS, NUM_ACTIONS]."""
        if self.chooses_vectors:
            return torch.from_numpy(stream.standard_normal((STEPS, ACTORS, NUM_ACTIONS), dtype=np.float32))
        return torch.from_numpy(stream.integers(0, NUM_ACTIONS, (STEPS, ACTORS)))

    def rollout(self, outputs: Any) -> Rollout:
        """Draw a rollout [STEPS, ACTORS] in whose states a network gave these outputs, [STEPS * ACTORS, ...] each."""
        stream = np.random.default_rng(1)
        values = self.algorithm.state_values(outputs, self.config).reshape(STEPS, ACTORS)
        cut = torch.zeros(STEPS, ACTORS, dtype=torch.bool)
        cut[CUT_AT] = True
        following = torch.cat([values[1:], values[:1]])
        return Rollout(
            rewards=torch.from_numpy(stream.normal(size=(STEPS, ACTORS)).astype(np.float32)),
            actions=self.actions(stream),
            outputs=type(outputs)(*(part.unflatten(0, (STEPS, ACTORS)) for part in outputs)),
            values=values,
            next_values=torch.where(cut, 0.0, following),
            cut=cut,
        )

    def learner(self) -> Learner:
        """Build a learner of rollouts of that size."""
        config = self.config.model_copy(update={"num_actors": ACTORS, "rollout_steps": STEPS})
        streams = {name: np.random.default_rng([1, number]) for number, name in enumerate(STREAMS)}
        return Learner(self.algorithm, config, self.spaces, streams)

    def update(self, learner: Learner, rollout: Rollout, states: Tensor) -> None:
        """Update a learner on a rollout in whose states, [STEPS * ACTORS, ...], it has acted."""
        seen = states if self.config.of_vectors is not None else states.movedim(1, -1)
        learner.update(seen.unflatten(0, (STEPS, ACTORS)), rollout, _FRAMES)

    def minibatch(self, outputs: Any) -> Minibatch:
        """Make a minibatch of the steps of that rollout."""
        rollout = self.rollout(outputs)
        targets: Targets = self.algorithm.targets(rollout, self.config)
        return Minibatch(
            actions=rollout.actions.flatten(0, 1),
            outputs=outputs,
            values=rollout.values.flatten(),
            advantages=targets.advantages.flatten(),
            returns=targets.returns.flatten(),
            frames=_FRAMES,
        )
