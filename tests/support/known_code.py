"""Adds the digests of the bundled algorithms' present code to known_code.json, once tests have shown what it learns.

`python -m tests.support.known_code` runs the fingerprints and their like (minutes). Only where all pass does the code
stand in the table; where numbers were meant to move, the numerics version comes first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from replication.foundation.files import readable_json
from replication.foundation.paths import ALGORITHMS, PACKAGE
from replication.specification.algorithm_code import code_digest, known_digests
from replication.specification.variants import FAMILIES

TABLE = PACKAGE / "specification" / "known_code.json"
SHOWN_BY = [
    "tests/training/test_numerics_version.py",
    "tests/training/test_on_policy_numerics.py",
    "tests/training/test_vector_numerics.py",
    "tests/training/test_continuous_numerics.py",
    "tests/training/test_fitted_q.py",
    "tests/training/test_tabular.py",
]
"""Tests that compare what the code learns with what was stored."""


def bundled_algorithms() -> list[tuple[str, str, Path]]:
    """Family, module and file of every algorithm of this package."""
    return [
        (facts.name, module, ALGORITHMS / facts.name / f"{module}.py")
        for facts in FAMILIES.values()
        for module in sorted(facts.modules)
    ]


def with_present_code() -> dict[str, dict[str, list[str]]]:
    """The table with the digests of the code as it is."""
    table: dict[str, dict[str, list[str]]] = {}
    for family, module, source in bundled_algorithms():
        before = known_digests().get(family, {}).get(module, ())
        table.setdefault(family, {})[module] = sorted({*before, code_digest(source)})
    return table


if __name__ == "__main__":
    there = [path for path in SHOWN_BY if Path(path).exists()]
    if pytest.main(["-q", "-m", "not long and not gpu", *there]):
        sys.exit("the code does not learn the stored numbers: raise the numerics version first; the table is as it was")
    TABLE.write_bytes(readable_json(with_present_code()))
