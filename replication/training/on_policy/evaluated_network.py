"""The network of a run as it is evaluated and looked into: stored in the state of its run, and brought back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import functional

from replication.algorithms.on_policy.contract import load_algorithm
from replication.environments.atari.emulator import open_emulator
from replication.environments.contract import Policy
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import sha256, write_atomically
from replication.foundation.random_streams import training_streams
from replication.specification.families.on_policy import OnPolicyConfig
from replication.specification.run import Run
from replication.training.off_policy.learner import prepare_torch
from replication.training.on_policy.learner import Learner, pixels_of

_AT_ONCE = 100
"""States in one pass through the network."""


class EvaluatedNetwork:
    """The network of a learner; `training.contract.Network` says what its members mean."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    @property
    def learner(self) -> Learner:
        """The learner whose network it is, for what is exported."""
        return self._learner

    def policy(self, epsilon: float) -> Policy:
        """Return the policy that takes this share of random actions, and else acts as `evaluation_policy` says."""
        learner = self._learner
        samples = learner.config.evaluation_policy == "sampled"

        def choose(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
            if epsilon and stream.random() < epsilon:
                return int(stream.integers(learner.num_actions))
            draws = torch.full((1, learner.num_actions), 0.5)
            if samples:
                draws = torch.from_numpy(stream.random((1, learner.num_actions), dtype=np.float32))
            return int(learner.algorithm.act(learner.outputs(stack[None]), draws)[0])

        return choose

    def action_values(self, stack: NDArray[np.uint8], stream: np.random.Generator) -> NDArray[np.float32]:
        """Compute the probability of each action, float32 [actions]: a policy says no more of actions."""
        logits = self._learner.outputs(stack[None]).logits[0]
        probabilities: NDArray[np.float32] = functional.softmax(logits, dim=0).numpy()
        return probabilities

    def activations(
        self, states: NDArray[np.uint8], stream: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        hidden, values = [], []
        with torch.no_grad():
            for part in np.array_split(states, max(1, len(states) // _AT_ONCE)):
                hidden.append(self._learner.network.embed(pixels_of(torch.from_numpy(part))).numpy())  # type: ignore[operator]
                values.append(self._learner.state_values(part).numpy())
        return np.concatenate(hidden), np.concatenate(values)


def open_network(run: Run, path: Path) -> EvaluatedNetwork:
    """Open a stored network, or the network of a checkpoint."""
    prepare_torch()
    file, begin = (path / "tensors.safetensors", "network.") if path.is_dir() else (path, "")
    try:
        tensors = load(file.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ReplicationError(f"{file}: cannot be read ({reason_of(error)}); remove it") from None
    num_actions = len(open_emulator(run.task.name).minimal_actions)
    streams = training_streams(run.seed, run.task.name, run.family.streams)
    learner = Learner(load_algorithm(run.variant.module), run.settings_as(OnPolicyConfig), num_actions, streams)
    try:
        learner.network.load_state_dict(
            {name.removeprefix(begin): tensor for name, tensor in tensors.items() if name.startswith(begin)}
        )
    except RuntimeError as error:
        raise ReplicationError(
            f"{file}: not the network of {run.name} ({' '.join(str(error).split())[:80]}); remove it"
        ) from None
    return EvaluatedNetwork(learner)


def store_network(learner: Learner, path: Path) -> None:
    """Write the learner's network to a file."""
    write_atomically(path, _content(learner.network.state_dict()))


def network_sha256(learner: Learner) -> str:
    """Compute the digest of the network's parameters."""
    return sha256(_content(learner.network.state_dict()))


def _content(parameters: Mapping[str, Tensor]) -> bytes:
    return save({name: tensor.contiguous() for name, tensor in parameters.items()})
