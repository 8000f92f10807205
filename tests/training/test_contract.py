"""What every family provides: its modules are found by its name and have the functions of the contract."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from replication.specification.variants import FAMILIES
from replication.training.bundled import BundledFamily
from replication.training.contract import Family, load_family
from replication.training.footprints import Footprint, load_footprint


def functions(protocol: type) -> dict[str, list[str]]:
    """Return the names of the arguments of each function that a module must have."""
    members = {name: member for name, member in vars(protocol).items() if not name.startswith("_")}
    return {name: list(inspect.signature(member).parameters)[1:] for name, member in members.items()}


def test_the_contract_names_functions() -> None:
    assert functions(Family)["open_cohort"] == ["runs", "machine"]
    assert functions(Footprint).keys() == {"checkpoint_bytes", "memory_bytes", "memory_text"}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_found_by_its_name(name: str) -> None:
    expected, facts = functions(Family), FAMILIES[name]
    needless = {"measure_speed"} if not facts.trains or facts.bundles else set()  # a seed is learned in seconds
    needless |= {"open_network"} if not facts.trains else set()
    needless |= {"viewing"} if facts.trains and "frames" not in facts.budget_units else set()  # it plays no games
    needless |= {"player", "viewing", "open_network"} if facts.evidence != "inputs" else set()
    if facts.bundles:
        expected |= functions(BundledFamily)
        needless |= {"evaluate"} if facts.evidence == "learning" else set()
    expected = {each: arguments for each, arguments in expected.items() if each not in needless}
    for module, wanted in ((load_family(name), expected), (load_footprint(name), functions(Footprint))):
        found = {each: list(inspect.signature(getattr(module, each)).parameters) for each in wanted}
        assert found == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_what_planning_asks_needs_no_torch(name: str) -> None:
    code = f"import sys; sys.modules['torch'] = None; import replication.training.{name}.footprint, "
    code += "replication.training.session, replication.training.machine.capacity, replication.commands.plan"
    subprocess.run([sys.executable, "-c", code], check=True)
