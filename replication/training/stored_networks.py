"""Evaluated networks, stored in the state of their runs."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save

from replication.foundation.files import write_atomically
from replication.training.off_policy.learner import Learner


def store_network(learner: Learner, path: Path) -> None:
    """Write the learner's online network to a file."""
    write_atomically(path, save({name: tensor.contiguous() for name, tensor in learner.online_parameters().items()}))
