"""Evaluated networks: stored in the state of their runs, and brought back from there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from replication.algorithms.off_policy.contract import load_algorithm
from replication.environments.atari.emulator import open_emulator
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import sha256, write_atomically
from replication.foundation.random_streams import training_streams
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.run import Run
from replication.training.off_policy.learner import Learner


def store_network(learner: Learner, path: Path) -> None:
    """Write the learner's online network to a file."""
    write_atomically(path, _content(learner.online_parameters()))


def network_sha256(parameters: Mapping[str, Tensor]) -> str:
    """Compute the digest of a network's parameters."""
    return sha256(_content(parameters))


def load_learner(run: Run, path: Path, part: str = "") -> Learner:
    """Build the learner of a run, on the CPU, with the online network of a file.

    Args:
        run: of the same settings as the one whose network it is.
        path: of a stored network, or of the tensors of a checkpoint.
        part: of the file ("online"); '': the whole file is the network.

    Raises:
        ReplicationError: the file cannot be read, or is not the network of such a run.
    """
    begin = f"{part}." if part else ""
    try:
        tensors = load(path.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ReplicationError(f"{path}: cannot be read ({reason_of(error)}); remove it") from None
    algorithm = load_algorithm(run.variant.module)
    config, num_actions = run.settings_as(OffPolicyConfig), len(open_emulator(run.game).minimal_actions)
    streams = training_streams(run.seed, run.game, run.family.streams)
    learner = Learner(algorithm, config, num_actions, streams, "cpu")
    try:
        learner.online.load_state_dict(
            {name.removeprefix(begin): tensor for name, tensor in tensors.items() if name.startswith(begin)}
        )
    except RuntimeError as error:
        raise ReplicationError(
            f"{path}: not the network of {run.name} ({' '.join(str(error).split())[:80]}); remove it"
        ) from None
    return learner


def _content(parameters: Mapping[str, Tensor]) -> bytes:
    return save({name: tensor.contiguous() for name, tensor in parameters.items()})
