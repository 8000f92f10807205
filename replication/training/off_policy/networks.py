"""Evaluated networks: stored in the state of their runs, and brought back from there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from replication.algorithms.off_policy.contract import load_algorithm
from replication.environments.atari.emulator import open_emulator
from replication.environments.contract import Policy
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import sha256, write_atomically
from replication.foundation.random_streams import training_streams
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.run import Run
from replication.training.off_policy.acting import greedy_policy
from replication.training.off_policy.learner import Learner, prepare_torch


def store_network(learner: Learner, path: Path) -> None:
    """Write the learner's online network to a file."""
    write_atomically(path, _content(learner.online_parameters()))


def network_sha256(parameters: Mapping[str, Tensor]) -> str:
    """Compute the digest of a network's parameters."""
    return sha256(_content(parameters))


class EvaluatedNetwork:
    """The online network of a learner; `training.contract.Network` says what its members mean."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    @property
    def learner(self) -> Learner:
        """The learner whose network it is, for what is exported."""
        return self._learner

    def policy(self, epsilon: float) -> Policy:
        return greedy_policy(self._learner, epsilon)

    def action_values(self, stack: NDArray[np.uint8], stream: np.random.Generator) -> NDArray[np.float32]:
        return self._learner.action_values(stack, self._learner.acting_draws(stream, evaluating=True))

    def activations(
        self, states: NDArray[np.uint8], stream: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self._learner.activations(states, stream)


def open_network(run: Run, path: Path) -> EvaluatedNetwork:
    """Open a stored network, or the online network of a checkpoint, on the CPU."""
    prepare_torch()
    file, begin = (path / "tensors.safetensors", "online.") if path.is_dir() else (path, "")
    try:
        tensors = load(file.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ReplicationError(f"{file}: cannot be read ({reason_of(error)}); remove it") from None
    algorithm = load_algorithm(run.variant.module)
    config, num_actions = run.settings_as(OffPolicyConfig), len(open_emulator(run.task.name).minimal_actions)
    streams = training_streams(run.seed, run.task.name, run.family.streams)
    learner = Learner(algorithm, config, num_actions, streams, "cpu")
    try:
        learner.online.load_state_dict(
            {name.removeprefix(begin): tensor for name, tensor in tensors.items() if name.startswith(begin)}
        )
    except RuntimeError as error:
        raise ReplicationError(
            f"{file}: not the network of {run.name} ({' '.join(str(error).split())[:80]}); remove it"
        ) from None
    return EvaluatedNetwork(learner)


def _content(parameters: Mapping[str, Tensor]) -> bytes:
    return save({name: tensor.contiguous() for name, tensor in parameters.items()})
