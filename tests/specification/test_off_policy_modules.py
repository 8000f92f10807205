"""The settings classes of bundled algorithms lie where no torch is needed, and their files use these."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys

import pytest

from replication.foundation.paths import ALGORITHMS
from replication.specification.variants import FAMILIES

MODULES = [(name, module) for name, facts in FAMILIES.items() for module in facts.modules]


def test_every_bundled_algorithm_has_its_class_in_the_table() -> None:
    files = {
        (name, path.stem)
        for name in FAMILIES
        for path in (ALGORITHMS / name).glob("*.py")
        if path.stem not in ("__init__", "contract", "values")  # values: what the tabular ones have in common
    }
    assert set(MODULES) == files


@pytest.mark.parametrize(("family", "module"), MODULES)
def test_an_algorithm_uses_the_class_of_the_table(family: str, module: str) -> None:
    algorithm = importlib.import_module(f"replication.algorithms.{family}.{module}")
    assert algorithm.Config is FAMILIES[family].modules[module]
    assert issubclass(algorithm.Config, FAMILIES[family].settings)


def test_a_class_of_the_table_is_found_by_its_name_without_torch() -> None:
    """So that settings can be sent to a process that needs no algorithm."""
    classes = pickle.dumps([model for facts in FAMILIES.values() for model in facts.modules.values()])
    program = "import pickle, sys; pickle.loads(sys.stdin.buffer.read()); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], input=classes, check=False).returncode == 0
