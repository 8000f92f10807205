"""The actor of a run as it is evaluated: stored in the state of its run, and brought back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save

from replication.environments.contract import Policy
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import sha256, write_atomically
from replication.specification.run import Run
from replication.training.off_policy_continuous.learner import Learner


class EvaluatedActor:
    """The actor of a learner, to play with."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    @property
    def learner(self) -> Learner:
        """The learner whose network it is, for what is exported."""
        return self._learner

    def policy(self, epsilon: float) -> Policy:
        """Return the policy that takes this share of uniform actions, and else the actor's."""
        learner, low, high = self._learner, self._learner.bounds.low.numpy(), self._learner.bounds.high.numpy()

        def choose(observation: NDArray[np.float32], stream: np.random.Generator) -> NDArray[np.float32]:
            if epsilon and stream.random() < epsilon:
                return stream.uniform(low, high).astype(np.float32)
            return learner.act(observation)

        return choose


def read_actor(run: Run, path: Path, learner: Learner) -> EvaluatedActor:
    """Read a stored actor, or the actor of a checkpoint, into a learner of the same run.

    Raises:
        ReplicationError: it cannot be read or is not the actor of such a run.
    """
    file = path / "tensors.safetensors" if path.is_dir() else path
    try:
        tensors = load(file.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ReplicationError(f"{file}: cannot be read ({reason_of(error)}); remove it") from None
    actor = learner.tensors()["actor"]
    if "actor" not in tensors or tensors["actor"].shape != actor.shape:
        raise ReplicationError(f"{file}: not the actor of {run.name}; remove it")
    with torch.no_grad():
        actor.copy_(tensors["actor"])
    return EvaluatedActor(learner)


def store_actor(learner: Learner, path: Path) -> None:
    """Write the learner's actor to a file."""
    write_atomically(path, _content(learner))


def network_sha256(learner: Learner) -> str:
    """Compute the digest of the actor's parameters."""
    return sha256(_content(learner))


def _content(learner: Learner) -> bytes:
    return save({"actor": learner.tensors()["actor"]})
