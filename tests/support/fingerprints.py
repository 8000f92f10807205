"""The fingerprint of a training: what it decides before it learns, and the numbers that it then learns."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from replication.specification.families.off_policy import NUMERICS_VERSION
from replication.specification.loading import identity_config, load_protocol, load_variant
from replication.specification.run import Run
from replication.training.off_policy.trainee import Trainee
from tests.support.lanes import advance, build, smoke_run

EXPLORING_STEPS = 90
"""Before learning starts."""
VARIANTS = {
    "dqn": 500,
    "dqn_dopamine": 500,
    "dqn_quickstart": 500,
    "double_dqn": 300,
    "dueling_double_dqn": 300,
    "linear_2015": 300,
    "munchausen_dqn": 300,
    "munchausen_iqn": 300,
    "noisy_dqn": 300,
    "c51": 300,
    "qr_dqn": 300,
    "iqn": 300,
    "rainbow": 300,
    "rainbow_no_distributional": 300,
    "drq_eps": 150,
    "spr": 130,
}
"""A variant of every module, and the steps it is trained for: learning starts after 100."""
OWN_NETWORK = ("dqn", "dqn_dopamine", "dqn_quickstart")
"""Tried with the network of their papers; all others with the small one of the smoke preset, which takes seconds."""


def fingerprint_of(variant: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Exact where only integers are involved; magnitudes where processors may differ in the last bits.

    `config`: what is in force instead of the variant's present settings.
    """
    run = _run(variant, config)
    trainee, explored = (build(run) for _ in range(2))
    advance([explored], EXPLORING_STEPS)  # before learning starts: every number follows from the streams alone
    advance([trainee], VARIANTS[variant])
    lane = explored.lane
    return {
        "numerics_version": NUMERICS_VERSION,
        "config": identity_config(run.variant),
        "exploring": hashlib.sha256(bytes(lane.decisions) + lane.stack.tobytes()).hexdigest()[:16],
        "exact": {machine_kind(): exact_digest(trainee)},
        "magnitudes": magnitudes(trainee),
    }


def magnitudes(trainee: Trainee) -> dict[str, float]:
    """Mean absolute value of each parameter of the online network, and the two held-out statistics."""
    found = {
        name: float(tensor.double().abs().mean())
        for name, tensor in trainee.learner.tensors().items()
        if name.startswith("online.")
    }
    held_out = trainee.lane.held_out
    assert held_out is not None
    value, td_error = trainee.learner.held_out_statistics(held_out, np.random.default_rng(0))
    return found | {"held_out_value": float(value), "held_out_td_error": float(td_error)}


def exact_digest(trainee: Trainee) -> str:
    """16 hexadecimal digits over all bytes that learning changes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(trainee.learner.tensors().items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def machine_kind() -> str:
    """What decides the last bits of a sum: the processor's model, torch's version, and the instructions it uses."""
    said = dict[str, str]()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().split("\n\n")[0].splitlines():
            key, _, value = line.partition(":")
            said[key.strip()] = value.strip()
    parts = [said.get(key, "unknown") for key in ("vendor_id", "cpu family", "model")]
    processor = " ".join([platform.machine(), *parts])
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{processor}, torch {torch.__version__.partition('+')[0]}, {capability}"


def own_network(variant: str) -> dict[str, Any]:
    """The variant's, not the small one of the smoke preset."""
    return dict(load_variant(variant).config["network"])


def _run(variant: str, config: Mapping[str, Any] | None) -> Run:
    iterations = load_protocol(load_variant(variant).protocol).iteration_steps is not None
    run = smoke_run(variant, **({"budget_frames": None, "budget_iterations": 2} if iterations else {}))
    own = {"network": own_network(variant)} if variant in OWN_NETWORK else {}
    found = run.variant.config | own if config is None else dict(config)
    return replace(run, variant=run.variant.model_copy(update={"config": found}))
