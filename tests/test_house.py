"""The house: ten packages whose imports point down, and where torch may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from replication.specification.variants import FAMILIES

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "replication"
BELOW: dict[str, set[str]] = {"foundation": set()}
"""What a package may import of the others."""
for _floor in (
    ("specification",),
    ("published", "environments", "algorithms"),
    ("evidence",),
    ("analysis", "training"),
):
    _lower = set(BELOW)
    for _name in _floor:
        BELOW[_name] = _lower
# `analysis`, `report` and `training` do not know each other, but for report -> analysis.
BELOW["report"] = set(BELOW) - {"training"}
BELOW["commands"] = set(BELOW)
WITH_TORCH = {"algorithms", "training", "commands"}
LEARNING = {"optimizers", "schedules"}
"""Modules beside the session that families learn with: their settings are those of a family."""


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if len(path.relative_to(PACKAGE).parts) > 1)


@cache
def imported(path: Path) -> frozenset[str]:
    """Every module that a file imports, lazily too; names from a package count as its modules."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they point"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return frozenset(found)


def names_in(folder: Path) -> set[str]:
    """Names of files, and of folders that hold more than compiled modules, which a moved folder leaves behind."""
    kept = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.parts[0] for path in kept if "__pycache__" not in path.parts}


def package_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def test_there_are_ten_packages_and_two_modules_beside_them() -> None:
    entries = names_in(PACKAGE)
    assert entries == {*BELOW, "__init__.py", "__main__.py", "api.py", "README.md"}
    assert len(BELOW) == 10


@pytest.mark.parametrize("package", BELOW)
def test_imports_point_down(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules()
        if package_of(path) == package
        for name in sorted(imported(path))
        if name.startswith("replication.") and name.split(".")[1] not in BELOW[package] | {package, "__version__"}
    ]
    assert wrong == []


def test_only_algorithms_training_and_commands_import_torch() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules()
        if package_of(path) not in WITH_TORCH
        and any(name.split(".")[0] in ("torch", "safetensors.torch") for name in imported(path))
    ]
    assert wrong == []


@pytest.mark.slow
def test_seven_packages_are_imported_without_torch() -> None:
    """Not even through a library: numbers are analyzed and shown, and plans made, where torch is not installed."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in modules()
        if package_of(path) not in WITH_TORCH
    ]
    program = (
        f"import importlib, sys\nfor name in {names}:\n    importlib.import_module(name)\n"
        "    assert 'torch' not in sys.modules, name"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_training_knows_nothing_of_verification() -> None:
    """Training a run and checking what it left have no code in common but the formats of files."""
    verification = {"replication.evidence.verify_run", "replication.evidence.protocol_replay"}
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules()
        if package_of(path) == "training"
        for name in sorted(imported(path))
        if verification & {name, name.rpartition(".")[0]}
    ]
    assert wrong == []


def test_what_runs_every_family_knows_none() -> None:
    """The session and what it is made of ask the contract (training/contract.py); families are found by their names."""
    families = {path.stem for path in (PACKAGE / "specification" / "families").glob("*.py")} - {"__init__", "facts"}
    of_a_family = re.compile(rf"replication\.(algorithms|(training|specification\.families)\.({'|'.join(families)}))\b")
    generic = [path for folder in ("", "machine", "workers") for path in (PACKAGE / "training" / folder).glob("*.py")]
    generic += [PACKAGE / "commands" / f"{name}.py" for name in ("plan", "doctor", "jobs", "network_views", "verify")]
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in generic
        for name in sorted(imported(path))
        if of_a_family.match(name) and path.stem not in LEARNING
    ]
    assert wrong == []


def test_nothing_compares_the_names_of_families() -> None:
    """What one does otherwise is a fact of its family (specification/families), or behavior found by its name."""
    named = re.compile(r"family\b[\"'\])]*\s*(==|!=|(not )?in [(\[{])|(==|!=)\s*[\w.]*\.family\b")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in modules()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if named.search(line) or re.search(rf"(==|!=) *[\"']({'|'.join(FAMILIES)})[\"']", line)
    ]
    assert wrong == []


def test_settings_are_read_from_the_typed_object() -> None:
    """`run.settings`, which is checked once: `variant.config` is what names a run and what records keep of it."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in modules()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\bconfig(\[|\.get\()[\"']", line)
    ]
    assert wrong == []


def test_budgets_are_computed_in_one_place() -> None:
    """A product of steps is 0 for a budget of iterations: `Run.training_steps` and `training_frames` know both."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"budget\.steps \*|\* [\w.]*budget\.(steps|iterations)|budget\.iterations \*", line)
    ]
    assert [place.rpartition(":")[0] for place in wrong] == ["replication/specification/run.py"], wrong


def test_no_code_stands_in_the_face_of_a_package() -> None:
    for path in PACKAGE.rglob("*/__init__.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert all(isinstance(part, ast.Expr) for part in body), path


def test_every_package_has_its_tests() -> None:
    folders = {name for name in names_in(ROOT / "tests") if (ROOT / "tests" / name).is_dir()}
    assert folders == {*BELOW, "support", "golden"}
