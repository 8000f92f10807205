"""The network of a run as it is evaluated and looked into: stored in the state of its run, and brought back.

With it goes what observations are normalized by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import functional

from replication.algorithms.on_policy.contract import load_algorithm
from replication.environments.contract import ActionCodec, ContinuousActions, Policy
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import sha256, write_atomically
from replication.foundation.random_streams import training_streams
from replication.specification.families.on_policy import OnPolicyConfig
from replication.specification.run import Run
from replication.training.off_policy.learner import prepare_torch
from replication.training.on_policy.lane import actions_and_spaces
from replication.training.on_policy.learner import Learner
from replication.training.on_policy.vector_actor import between_bounds

_AT_ONCE = 100
"""States in one pass through the network."""


class EvaluatedNetwork:
    """The network of a learner; `training.contract.Network` says what its members mean."""

    def __init__(self, learner: Learner, actions: ActionCodec) -> None:
        """Take the network of a learner.

        Args:
            learner: of the run.
            actions: of its task.
        """
        self._learner, self._actions = learner, actions

    @property
    def learner(self) -> Learner:
        """The learner whose network it is, for what is exported."""
        return self._learner

    def policy(self, epsilon: float) -> Policy:
        """Return the policy that takes this share of random actions, and else acts as `evaluation_policy` says."""
        learner, vectors = self._learner, self._learner.config.of_vectors
        samples = learner.config.evaluation_policy == "sampled"

        def choose(seen: NDArray[Any], stream: np.random.Generator) -> Any:
            if epsilon and stream.random() < epsilon:
                return self._random_action(stream)
            outputs = learner.outputs(learner.shown(seen.reshape(1, -1) if vectors else seen[None]))
            draws = learner.draws(stream, 1) if samples else learner.likeliest_draws
            action = learner.algorithm.act(outputs, draws)[0].numpy()
            return int(action) if vectors is None else between_bounds(action, self._actions, vectors)

        return choose

    def _random_action(self, stream: np.random.Generator) -> Any:
        if isinstance(self._actions, ContinuousActions):
            return stream.uniform(self._actions.low, self._actions.high).astype(np.float32)
        return int(stream.integers(len(self._actions.codes)))

    def action_values(self, stack: NDArray[np.uint8], stream: np.random.Generator) -> NDArray[np.float32]:
        """Compute the value of each action, float32 [actions]; its probability, where a policy says no more of it."""
        outputs = self._learner.outputs(stack[None])
        if hasattr(outputs, "action_values"):
            values: NDArray[np.float32] = outputs.action_values[0].numpy()
            return values
        logits = outputs.logits[0]
        probabilities: NDArray[np.float32] = functional.softmax(logits, dim=0).numpy()
        return probabilities

    def activations(
        self, states: NDArray[np.uint8], stream: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        hidden, values, learner = [], [], self._learner
        with torch.no_grad():
            for part in np.array_split(states, max(1, len(states) // _AT_ONCE)):
                hidden.append(learner.network.embed(learner.inputs(torch.from_numpy(part))).numpy())  # type: ignore[operator]
                values.append(learner.evaluated_values(part).numpy())
        return np.concatenate(hidden), np.concatenate(values)


def open_network(run: Run, path: Path) -> EvaluatedNetwork:
    """Open a stored network, or the network of a checkpoint."""
    prepare_torch()
    file, begin = (path / "tensors.safetensors", "network.") if path.is_dir() else (path, "")
    try:
        tensors = load(file.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ReplicationError(f"{file}: cannot be read ({reason_of(error)}); remove it") from None
    config = run.settings_as(OnPolicyConfig)
    actions, spaces = actions_and_spaces(run, config)
    streams = training_streams(run.seed, run.task.name, run.family.streams)
    learner = Learner(load_algorithm(run.variant.module), config, spaces, streams)
    parameters = {name: tensor for name, tensor in tensors.items() if name.startswith(begin)}
    moments = _moments_of(learner)
    for name in moments:
        parameters.pop(name, None)
    try:
        learner.network.load_state_dict({name.removeprefix(begin): tensor for name, tensor in parameters.items()})
        for name, tensor in moments.items():
            tensor.copy_(tensors[name])
    except (RuntimeError, KeyError) as error:
        raise ReplicationError(
            f"{file}: not the network of {run.name} ({' '.join(str(error).split())[:80]}); remove it"
        ) from None
    return EvaluatedNetwork(learner, actions)


def store_network(learner: Learner, path: Path) -> None:
    """Write the learner's network to a file, with what observations are normalized by."""
    write_atomically(path, _content(learner))


def network_sha256(learner: Learner) -> str:
    """Compute the digest of the network's parameters, and of what observations are normalized by."""
    return sha256(_content(learner))


def _content(learner: Learner) -> bytes:
    tensors = dict(learner.network.state_dict()) | _moments_of(learner)
    return save({name: tensor.contiguous() for name, tensor in tensors.items()})


def _moments_of(learner: Learner) -> dict[str, Tensor]:
    """Return the moments that observations are normalized by, under their names in a checkpoint."""
    return {name: tensor for name, tensor in learner.tensors().items() if name.startswith("normalization.observations")}
