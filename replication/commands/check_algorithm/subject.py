"""The algorithm that is checked: its module, a variant of it, and learners and minibatches to check it with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from replication.algorithms.off_policy.contract import Algorithm, Batch, load_algorithm, load_algorithm_file
from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.paths import ALGORITHMS, WORKFLOW
from replication.specification.budget import Budget
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.loading import known_names, load_preset, load_protocol, load_variant, read_variant
from replication.specification.originals import known_originals
from replication.specification.protocols import Protocol
from replication.specification.run import Run
from replication.specification.tasks.registry import find_task
from replication.specification.variants import FAMILIES, Preset, Variant
from replication.training.off_policy.learner import Learner, batch_of, draw
from replication.training.optimizers import build_optimizer
from replication.training.replay.frame_store import FRAME_SHAPE
from replication.training.replay.transitions import Transitions

GAME, NUM_ACTIONS = "catch", 3
PRESET = "smoke"
STEPS = 200
"""Agent steps that an algorithm is trained for; it learns in the second half of them."""
DARKEST_NEXT = 150
"""Level that states stay below and next states do not, which shows which of them a network was given."""


class CheckFailedError(Exception):
    """A failed check: what was found and what to do about it, in one line."""


@dataclass(frozen=True, eq=False)
class Subject:
    """One algorithm with the settings of one variant, at the scale of the preset `smoke`."""

    source: Path
    """Its Python file."""
    algorithm: Algorithm
    variant: Variant
    protocol: Protocol
    preset: Preset
    at_full_scale: tuple[Variant, Protocol]
    """Variant and protocol without the preset, as tables judge them."""
    config: Any
    """`variant.config` as the algorithm's own settings class."""

    def run(self, seed: int) -> Run:
        """Return a run on the toy game, longer than any check trains it."""
        steps = None if self.protocol.iteration_steps else 10 * STEPS
        budget = Budget(steps=steps) if steps else Budget(iterations=10)
        return Run(self.variant, self.protocol, find_task(GAME), seed, self.preset, budget)

    def learner(self, seed: int, *, device: str = "cpu", double: bool = False, **changes: Any) -> Learner:
        """Build networks and optimiser at their start; `changes` replace values of the configuration.

        `device`: where they lie. `double`: computes in float64.
        """
        streams = {name: np.random.default_rng([seed, n]) for n, name in enumerate(INITIAL_STREAMS)}
        config = self.config.model_copy(update=changes)
        learner = Learner(self.algorithm, config, NUM_ACTIONS, streams, device)
        if double:
            learner.online.double()
            learner.target.double()
            learner.optimizer = build_optimizer(list(learner.online.parameters()), config.optimizer)
        return learner

    def transitions(self, seed: int, size: int) -> Transitions:
        """Draw transitions with random pixels, actions and rewards; one in four is a trajectory's last."""
        stream = np.random.default_rng(seed)
        shape = (size, *FRAME_SHAPE, self.config.frame_stack)
        found = Transitions(
            states=stream.integers(0, DARKEST_NEXT, shape, dtype=np.uint8),
            actions=stream.integers(0, NUM_ACTIONS, size),
            rewards=stream.choice([-1.0, 0.0, 1.0], size).astype(np.float32),
            discounts=stream.choice([0.0, self.config.discount], size, p=[0.25, 0.75]).astype(np.float32),
            next_states=stream.integers(DARKEST_NEXT, 256, shape, dtype=np.uint8),
            rows=np.arange(size),
            weights=np.ones(size, dtype=np.float32),
        )
        steps = self.config.future_steps
        if not steps:
            return found
        return found._replace(
            future_states=stream.integers(DARKEST_NEXT, 256, (size, steps, *shape[1:]), dtype=np.uint8),
            future_actions=stream.integers(0, NUM_ACTIONS, (size, steps)),
            future_goes_on=np.logical_and.accumulate(stream.random((size, steps)) < 0.9, axis=1).astype(np.float32),
        )

    def batch(self, seed: int, size: int) -> Batch:
        """Draw the same transitions as the minibatch that the loss is given."""
        return batch_of(self.transitions(seed, size), "cpu")

    def draws(self, seed: int, size: int) -> dict[str, Tensor]:
        """Draw the random arrays that the loss asks for."""
        stream = np.random.default_rng([seed, len(INITIAL_STREAMS)])
        specs = self.algorithm.draws_spec(self.config, NUM_ACTIONS)
        return {name: torch.from_numpy(draw(spec, stream, size)) for name, spec in specs.items()}


INITIAL_STREAMS = ("initialisation", "target_initialisation")


def open_subject(source: Path, settings: Path) -> Subject:
    """Load an algorithm and a variant of it.

    Args:
        source: the Python file; one of this package is imported as such.
        settings: the YAML.

    Raises:
        ReplicationError: a file that is missing or bad; names the file, what was found and what to do.
    """
    preset = load_preset(PRESET)
    inside = source.resolve().parent == ALGORITHMS / "off_policy"
    algorithm = load_algorithm(source.stem) if inside else load_algorithm_file(source)
    _check_members(algorithm, source)
    shipped = inside and settings.resolve().parent == WORKFLOW / "algorithms"
    full, variant = (
        load_variant(settings.stem, scale) if shipped else read_variant(settings, source, scale)
        for scale in (None, preset)
    )
    if not variant.facts.trains:
        trained = ", ".join(facts.name for facts in FAMILIES.values() if facts.trains)
        raise ReplicationError(
            f"{settings}: family: found {variant.family}, expected one that trains, {trained}: its loss is checked"
        )
    if variant.module != source.stem:
        raise ReplicationError(f"{settings}: module: found {variant.module!r}, expected {source.stem!r}")
    if variant.original not in known_originals():
        raise ReplicationError(f"{settings}: original: {unknown_name('original', variant.original, known_originals())}")
    at_full_scale, protocol = (load_protocol(variant.protocol, scale) for scale in (None, preset))
    return Subject(source, algorithm, variant, protocol, preset, (full, at_full_scale), variant.settings)


def variants_of(source: Path, named: str | None) -> list[Path]:
    """Find the YAMLs to check an algorithm with.

    Args:
        source: the Python file.
        named: a YAML, or a variant of this package by name. None: all of this package's variants of the module if it
            is one of this package's, else the YAML beside the file that has its name.

    Raises:
        ReplicationError: there is none.
    """
    if named is not None:
        path = Path(named)
        return [
            path
            if path.suffix in (".yaml", ".yml")
            else WORKFLOW / "algorithms" / f"{load_variant(named).variant}.yaml"
        ]
    if source.resolve().parent == ALGORITHMS / "off_policy":
        found = [name for name in known_names("algorithms") if load_variant(name).module == source.stem]
        if not found:
            raise ReplicationError(
                f"{source}: no file of {WORKFLOW / 'algorithms'} says module: {source.stem}; write one"
            )
        return [WORKFLOW / "algorithms" / f"{name}.yaml" for name in found]
    beside = source.with_suffix(".yaml")
    if not beside.is_file():
        raise ReplicationError(
            f"{beside}: no such file; write the variant's settings there, or name them with --variant"
        )
    return [beside]


def _check_members(algorithm: Algorithm, source: Path) -> None:
    functions = ("network", "initialise", "action_values", "acting_draws_spec", "draws_spec", "loss")
    lacking = [name for name in functions if not callable(getattr(algorithm, name, None))]
    if not isinstance(getattr(algorithm, "PAPER", None), str):
        lacking.append("PAPER")
    settings = getattr(algorithm, "Config", None)
    if not (isinstance(settings, type) and issubclass(settings, OffPolicyConfig)):
        lacking.append("Config, a subclass of OffPolicyConfig")
    if lacking:
        raise ReplicationError(
            f"{source}: lacks {', '.join(lacking)}; see replication/algorithms/off_policy/contract.py"
        )
