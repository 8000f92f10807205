"""What a run plays with as it is evaluated, an actor for one: stored in the state of its run, and brought back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save

from replication.environments.contract import Policy
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import sha256, write_atomically
from replication.specification.run import Run
from replication.training.off_policy_continuous.parts import AnyLearner


class EvaluatedActor:
    """The actor of a learner, or what else chooses its actions, to play with."""

    def __init__(self, learner: AnyLearner) -> None:
        self._learner = learner

    @property
    def learner(self) -> AnyLearner:
        """The learner whose network it is, for what is exported."""
        return self._learner

    def policy(self, epsilon: float) -> Policy:
        """Return the policy that takes this share of uniform actions, and else the learner's."""
        learner = self._learner

        def choose(observation: NDArray[np.float32], stream: np.random.Generator) -> Any:
            if epsilon and stream.random() < epsilon:
                return learner.random_action(stream)
            return learner.act(observation)

        return choose


def read_actor(run: Run, path: Path, learner: AnyLearner) -> EvaluatedActor:
    """Read a stored actor, or the actor of a checkpoint, into a learner of the same run.

    Raises:
        ReplicationError: it cannot be read or is not the actor of such a run.
    """
    file = path / "tensors.safetensors" if path.is_dir() else path
    try:
        tensors = load(file.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ReplicationError(f"{file}: cannot be read ({reason_of(error)}); remove it") from None
    parameters = learner.evaluated()
    for name, parameter in parameters.items():
        if name not in tensors or tensors[name].shape != parameter.shape:
            raise ReplicationError(f"{file}: not the {name} of {run.name}; remove it")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])
    return EvaluatedActor(learner)


def store_actor(learner: AnyLearner, path: Path) -> None:
    """Write the learner's actor to a file."""
    write_atomically(path, _content(learner))


def network_sha256(learner: AnyLearner) -> str:
    """Compute the digest of the actor's parameters."""
    return sha256(_content(learner))


def _content(learner: AnyLearner) -> bytes:
    return save(learner.evaluated())
