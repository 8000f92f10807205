"""The members of an algorithm file of the family, and what the training loop passes to them.

An algorithm is a module of `replication.algorithms.off_policy_vectors`, found by its name. Its loss is one of the
off-policy family's: what is said there of pixels holds of observations, float32 [batch, numbers]. The network is the
family's (perceptrons.py), and nothing is drawn at random for a loss.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, Protocol, cast

from torch import Tensor

from replication.algorithms.off_policy.contract import Batch, Forward, Losses
from replication.foundation.errors import unknown_name
from replication.specification.families.off_policy_vectors import OffPolicyVectorsConfig


class Algorithm(Protocol):
    """The members of an algorithm module. Nothing in it keeps a state."""

    PAPER: str
    Config: type[OffPolicyVectorsConfig]

    def loss(self, online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Any) -> Losses:
        """Compute the loss of each transition."""


def load_algorithm(name: str) -> Algorithm:
    """Import replication.algorithms.off_policy_vectors.NAME.

    Raises:
        ReplicationError: no such module.
    """
    package = importlib.import_module("replication.algorithms.off_policy_vectors")
    known = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name != "contract"]
    if name not in known:
        raise unknown_name("algorithm module", name, known)
    return cast(Algorithm, importlib.import_module(f"replication.algorithms.off_policy_vectors.{name}"))
