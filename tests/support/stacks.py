"""Learners and minibatches for the tests of stacked lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from replication.algorithms.off_policy.contract import Algorithm, load_algorithm
from replication.specification.families.off_policy import AdamConfig
from replication.specification.loading import load_variant
from replication.training.off_policy.learner import Learned, Learner
from replication.training.optimizers import build_optimizer
from replication.training.replay.transitions import Transitions

NUM_ACTIONS = 3
SOUND = Learned(None, None)
"""An update that succeeded, of transitions that are not sampled by priority."""
ADAM = AdamConfig(name="adam", learning_rate=0.0001, beta1=0.9, beta2=0.999, epsilon=0.00015)


def learner(
    variant: str,
    seed: int,
    *,
    device: str = "cpu",
    double: bool = False,
    small: bool = False,
    algorithm: Algorithm | None = None,
    num_actions: int = NUM_ACTIONS,
    **changes: Any,
) -> Learner:
    """At its start; `changes` replace values of the variant's configuration.

    `double`: computes in float64. `small`: minibatches of 2 and 32 hidden units, for short tests.
    """
    module = algorithm or load_algorithm(load_variant(variant).module)
    config = load_variant(variant).settings.model_copy(update=changes)
    if small:
        network = config.network.model_copy(update={"hidden_units": 32})
        config = config.model_copy(update={"batch_size": 2, "network": network})
    streams = {
        name: np.random.default_rng([seed, number])
        for number, name in enumerate(("initialisation", "target_initialisation"))
    }
    built = Learner(module, config, num_actions, streams, device)
    if double:
        built.online.double()
        built.target.double()
        built.optimizer = build_optimizer(list(built.online.parameters()), config.optimizer)
    return built


def minibatch(stream: np.random.Generator, size: int = 2, future_steps: int = 0) -> Transitions:
    """Random pixels, actions and rewards; one transition in ten is a trajectory's last."""
    states, next_states = (stream.integers(0, 256, (size, 84, 84, 4), dtype=np.uint8) for _ in range(2))
    found = Transitions(
        states=states,
        actions=stream.integers(0, NUM_ACTIONS, size),
        rewards=stream.choice([-1.0, 0.0, 1.0], size).astype(np.float32),
        discounts=stream.choice([0.0, 0.99], size, p=[0.1, 0.9]).astype(np.float32),
        next_states=next_states,
        rows=np.arange(size),
        weights=np.ones(size, dtype=np.float32),
    )
    if not future_steps:
        return found
    return found._replace(
        future_states=stream.integers(0, 256, (size, future_steps, 84, 84, 4), dtype=np.uint8),
        future_actions=stream.integers(0, NUM_ACTIONS, (size, future_steps)),
        future_goes_on=np.logical_and.accumulate(stream.random((size, future_steps)) < 0.8, axis=1).astype(np.float32),
    )


def shown(states: NDArray[np.uint8]) -> Sequence[tuple[NDArray[np.uint8], tuple[()]]]:
    """What a stack is asked the values of: a state of each lane, for networks that draw nothing."""
    return [(state, ()) for state in states]


def loss_stream(seed: int) -> np.random.Generator:
    """A lane's stream `loss`."""
    return np.random.default_rng([seed, 2])


def kept(built: Learner) -> dict[str, torch.Tensor]:
    """A copy of everything that learning changes."""
    return {name: tensor.clone() for name, tensor in built.tensors().items()}


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether all tensors are equal to the bit; NaN equals itself."""
    pairs = [(one[name], other[name]) for name in one.keys() | other.keys()]
    return all(torch.equal(a.isnan(), b.isnan()) and torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


def apart(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> dict[str, float]:
    """The largest distance relative to the norm, of each kind of tensor: online, target, running means."""
    largest: dict[str, float] = {}
    for name, tensor in expected.items():
        kind = name.rpartition(".")[0] if name.startswith("optimizer") else name.partition(".")[0]
        distance = float((found[name] - tensor).norm() / tensor.norm().clamp(min=1e-30))
        largest[kind] = max(largest.get(kind, 0.0), distance)
    return largest
