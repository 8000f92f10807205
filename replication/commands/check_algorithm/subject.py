"""The algorithm that is checked: its module, a variant of it, and trainings to check it with.

What a family asks of its algorithms is a folder here, found by its name: `FAMILY/stages.py` has the members of
`FamilyChecks`.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from torch import Tensor

from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.paths import ALGORITHMS, WORKFLOW
from replication.specification.budget import Budget
from replication.specification.loading import known_names, load_preset, load_protocol, load_variant, read_variant
from replication.specification.originals import known_originals
from replication.specification.own_settings import imported_file
from replication.specification.protocols import Protocol as EvaluationProtocol
from replication.specification.run import Run
from replication.specification.tasks.registry import find_task
from replication.specification.variants import Preset, Variant
from replication.training.contract import Trainee

PRESET = "smoke"
STEPS = 200
"""Agent steps that an algorithm is trained for; it learns in the second half of them."""


class CheckFailedError(Exception):
    """A failed check: what was found and what to do about it, in one line."""


@dataclass(frozen=True, eq=False)
class Subject(ABC):
    """One algorithm with the settings of one variant, at the scale of the preset `smoke`."""

    TASK: ClassVar[str]
    """The name of the small task that algorithms of the family are trained on."""

    source: Path
    """Its Python file."""
    algorithm: Any
    """Its module."""
    variant: Variant
    protocol: EvaluationProtocol
    preset: Preset
    at_full_scale: tuple[Variant, EvaluationProtocol]
    """Variant and protocol without the preset, as tables judge them."""
    config: Any
    """`variant.config` as the algorithm's own settings class."""

    def run(self, seed: int) -> Run:
        """Return a run on the task, longer than any check trains it."""
        steps = None if self.protocol.iteration_steps else 10 * STEPS
        budget = Budget(steps=steps) if steps else Budget(iterations=10)
        return Run(self.variant, self.protocol, find_task(self.task_name), seed, self.preset, budget)

    @property
    def task_name(self) -> str:
        """The name of the task that this variant is trained on."""
        return self.TASK

    @abstractmethod
    def begin(self, seed: int) -> Trainee:
        """Open a run on the task at its start."""

    @abstractmethod
    def turns(self, trainees: Sequence[Any]) -> Iterator[None]:
        """Train runs together, turn after turn; between two turns each can be stored."""

    @abstractmethod
    def parameters(self, trainee: Any) -> Mapping[str, Tensor]:
        """Return the parameters of what is trained, by name; its targets and optimizers are left out."""

    @abstractmethod
    def parts(self, trainee: Any) -> dict[str, object]:
        """Return all that a training consists of, as plain data that can be compared; asked for once, at its end."""


Check = Callable[[Any], None]
"""Takes the subject.

Raises:
    CheckFailedError: it breaks what is checked.
"""


class FamilyChecks(Protocol):
    """What a family checks of an algorithm: the module `check_algorithm/FAMILY/stages.py`."""

    SUBJECT: type[Subject]
    STAGES: tuple[dict[str, Check], ...]
    """Checks by name, in stages. Where one fails, later stages would fail for the same reason and are not run."""
    FUNCTIONS: tuple[str, ...]
    """The functions that an algorithm's file must have."""
    CONSTANTS: Mapping[str, type]
    """Its other members, and the type of each."""


def family_checks(family: str) -> FamilyChecks:
    """Import the checks of a family, one of `families_with_checks`."""
    return cast(FamilyChecks, importlib.import_module(f"{__package__}.{family}.stages"))


def families_with_checks() -> list[str]:
    """List the names of the families whose algorithms can be checked."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/stages.py"))


def open_subject(source: Path, settings: Path) -> Subject:
    """Load an algorithm and a variant of it.

    Args:
        source: the Python file; one of this package is imported as such.
        settings: the YAML.

    Raises:
        ReplicationError: a file that is missing or bad; names the file, what was found and what to do.
    """
    preset = load_preset(PRESET)
    inside = _is_inside(source)
    if not inside:
        imported_file(source)  # what is wrong with the file itself is said first
    shipped = inside and settings.resolve().parent == WORKFLOW / "algorithms"
    full = load_variant(settings.stem) if shipped else read_variant(settings, source)
    known = families_with_checks()
    if full.family not in known:
        raise ReplicationError(
            f"{settings}: family: found {full.family}, expected one whose algorithms are checked, {', '.join(known)}"
        )
    variant = load_variant(settings.stem, preset) if shipped else read_variant(settings, source, preset)
    if variant.module != source.stem:
        raise ReplicationError(f"{settings}: module: found {variant.module!r}, expected {source.stem!r}")
    checks = family_checks(variant.family)
    module = f"replication.algorithms.{variant.family}.{variant.module}"
    algorithm = importlib.import_module(module) if inside else imported_file(source)
    check_members(algorithm, source, variant)
    if variant.original not in known_originals():
        raise ReplicationError(f"{settings}: original: {unknown_name('original', variant.original, known_originals())}")
    at_full_scale, protocol = (load_protocol(variant.protocol, scale) for scale in (None, preset))
    return checks.SUBJECT(source, algorithm, variant, protocol, preset, (full, at_full_scale), variant.settings)


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
    if _is_inside(source):
        found = [name for name in known_names("algorithms") if load_variant(name).source == source.resolve()]
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


def _is_inside(source: Path) -> bool:
    """Return whether a file lies where this package has its algorithms, in the folder of a family."""
    return source.resolve().parent.parent == ALGORITHMS


def check_members(algorithm: Any, source: Path, variant: Variant) -> None:
    """Check that an algorithm's file has what its family asks of it; for families with checks.

    Raises:
        ReplicationError: names what it lacks.
    """
    if variant.family not in families_with_checks():
        return
    checks = family_checks(variant.family)
    lacking = [name for name in checks.FUNCTIONS if not callable(getattr(algorithm, name, None))]
    constants = {"PAPER": str, **checks.CONSTANTS}
    lacking += [name for name, kind in constants.items() if not isinstance(getattr(algorithm, name, None), kind)]
    settings, expected = getattr(algorithm, "Config", None), variant.facts.settings
    if not (isinstance(settings, type) and issubclass(settings, expected)):
        lacking.append(f"Config, a subclass of {expected.__name__}")
    if lacking:
        raise ReplicationError(
            f"{source}: lacks {', '.join(lacking)}; see replication/algorithms/{variant.family}/contract.py"
        )
