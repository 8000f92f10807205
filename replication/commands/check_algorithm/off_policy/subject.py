"""An algorithm of the family with trainings on the toy game, learners and minibatches to check it with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from replication.algorithms.off_policy.contract import Batch
from replication.commands.check_algorithm.subject import Subject
from replication.foundation.files import plain
from replication.training.off_policy.lane import Lane
from replication.training.off_policy.learner import Learner, batch_of, draw
from replication.training.off_policy.loop import train
from replication.training.off_policy.trainee import Trainee
from replication.training.optimizers import build_optimizer
from replication.training.replay.frame_store import FRAME_SHAPE, build_frame_store
from replication.training.replay.transitions import Transitions

NUM_ACTIONS = 3
"""Of the toy game."""
DARKEST_NEXT = 150
"""Level that states stay below and next states do not, which shows which of them a network was given."""
INITIAL_STREAMS = ("initialisation", "target_initialisation")


class OffPolicySubject(Subject):
    """One algorithm with the settings of one variant."""

    TASK = "catch"

    def begin(self, seed: int) -> Trainee:
        config = self.config
        lane = Lane(self.run(seed), config, build_frame_store("lz4", config.replay_capacity_rows))
        return Trainee(lane, Learner(self.algorithm, config, lane.num_actions, lane.streams, "cpu"))

    def turns(self, trainees: Sequence[Trainee]) -> Iterator[None]:
        return train(trainees, self.config)

    def parameters(self, trainee: Trainee) -> Mapping[str, Tensor]:
        return {name: tensor for name, tensor in trainee.learner.tensors().items() if name.startswith("online.")}

    def parts(self, trainee: Trainee) -> dict[str, object]:
        # The log of decisions is left out: it is kept from a keyframe on, which after resuming may be another one.
        tensors = trainee.learner.tensors() | {f"best.{name}": tensor for name, tensor in (trainee.best or {}).items()}
        parts: dict[str, object] = {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}
        past = plain(asdict(trainee.lane.past()))
        parts |= {f"its {name}": past[name] for name in past if name not in ("keyframe", "decisions")}
        parts["its curve"] = list(trainee.curve)
        sampled = trainee.lane.sample(64)  # last: it draws from a stream
        parts["what its replay memory gives"] = [array.tobytes() for array in sampled]
        return parts

    def learner(self, seed: int, *, device: str = "cpu", double: bool = False, **changes: Any) -> Learner:
        """Build networks and optimizer at their start; `changes` replace values of the configuration.

        `device`: where they lie. `double`: computes in float64.
        """
        streams = {name: np.random.default_rng([seed, n]) for n, name in enumerate(INITIAL_STREAMS)}
        config = self.config.model_copy(update=changes)
        learner = Learner(self.algorithm, config, NUM_ACTIONS, streams, device)
        if double:
            learner.online.double()
            learner.target.double()
            learner.optimizer = build_optimizer(list(learner.online.parameters()), config.optimizer)
        return learner

    def transitions(self, seed: int, size: int) -> Transitions:
        """Draw transitions with random pixels, actions and rewards; one in four is a trajectory's last."""
        stream = np.random.default_rng(seed)
        shape = (size, *FRAME_SHAPE, self.config.frame_stack)
        found = Transitions(
            states=stream.integers(0, DARKEST_NEXT, shape, dtype=np.uint8),
            actions=stream.integers(0, NUM_ACTIONS, size),
            rewards=stream.choice([-1.0, 0.0, 1.0], size).astype(np.float32),
            discounts=stream.choice([0.0, self.config.discount], size, p=[0.25, 0.75]).astype(np.float32),
            next_states=stream.integers(DARKEST_NEXT, 256, shape, dtype=np.uint8),
            rows=np.arange(size),
            weights=np.ones(size, dtype=np.float32),
        )
        steps = self.config.future_steps
        if not steps:
            return found
        return found._replace(
            future_states=stream.integers(DARKEST_NEXT, 256, (size, steps, *shape[1:]), dtype=np.uint8),
            future_actions=stream.integers(0, NUM_ACTIONS, (size, steps)),
            future_goes_on=np.logical_and.accumulate(stream.random((size, steps)) < 0.9, axis=1).astype(np.float32),
        )

    def batch(self, seed: int, size: int) -> Batch:
        """Draw the same transitions as the minibatch that the loss is given."""
        return batch_of(self.transitions(seed, size), "cpu")

    def draws(self, seed: int, size: int) -> dict[str, Tensor]:
        """Draw the random arrays that the loss asks for."""
        stream = np.random.default_rng([seed, len(INITIAL_STREAMS)])
        specs = self.algorithm.draws_spec(self.config, NUM_ACTIONS)
        return {name: torch.from_numpy(draw(spec, stream, size)) for name, spec in specs.items()}
