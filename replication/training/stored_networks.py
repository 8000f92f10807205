"""Networks that a run evaluated, stored beside its results."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save

from replication.foundation.files import write_atomically
from replication.training.off_policy.learner import Learner


def store_network(learner: Learner, path: Path) -> None:
    """Keep the online network as it is evaluated."""
    write_atomically(path, save({name: tensor.contiguous() for name, tensor in learner.online_parameters().items()}))
