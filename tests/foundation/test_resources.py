"""The processors and the memory that this process may use: of the machine, by `taskset`, in a container."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from replication.commands.plan import plan_text
from replication.commands.snakemake import profile_cores
from replication.foundation import resources
from replication.foundation.resources import available_memory_bytes, total_memory_bytes, usable_cpus

GB = 1_000_000_000


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 8 processors and 64 GB of which 32 are available, with control groups that limit nothing yet."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PHYS_PAGES": 64 * GB // 4000, "SC_PAGE_SIZE": 4000}[name])
    (tmp_path / "meminfo").write_text("MemTotal: 62500000 kB\nMemAvailable: 31250000 kB\n")
    monkeypatch.setattr(resources, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(resources, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(resources, "_GROUPS", tmp_path / "cgroup")
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def test_a_machine_without_limits_is_counted_whole(groups: Path) -> None:
    assert (usable_cpus(), total_memory_bytes(), available_memory_bytes()) == (8, 64 * GB, 32 * GB)


def test_limits_of_version_2_of_this_group_and_of_those_above_it(groups: Path) -> None:
    write(
        groups,
        {
            "own": "0::/docker/mine",
            "cgroup/docker/mine/cpu.max": "max 100000",
            "cgroup/docker/cpu.max": "350000 100000",
            "cgroup/docker/mine/memory.max": str(8 * GB),
            "cgroup/docker/mine/memory.current": str(5 * GB),
            "cgroup/docker/mine/memory.stat": f"anon 1\nactive_file {GB}\ninactive_file {2 * GB}\nactive_anon 7",
            "cgroup/docker/memory.max": "max",
            "cgroup/docker/memory.current": str(9 * GB),
        },
    )
    assert (usable_cpus(), total_memory_bytes(), available_memory_bytes()) == (3, 8 * GB, 6 * GB)


def test_limits_of_version_1(groups: Path) -> None:
    write(
        groups,
        {
            "own": "4:memory:/box\n1:cpu,cpuacct:/box\n0::/",
            "cgroup/cpu/box/cpu.cfs_quota_us": "200000",
            "cgroup/cpu/box/cpu.cfs_period_us": "100000",
            "cgroup/cpu/cpu.cfs_quota_us": "-1",
            "cgroup/cpu/cpu.cfs_period_us": "100000",
            "cgroup/memory/box/memory.limit_in_bytes": str(4 * GB),
            "cgroup/memory/box/memory.usage_in_bytes": str(3 * GB),
            "cgroup/memory/box/memory.stat": f"active_file 9\ntotal_active_file {GB}\ntotal_inactive_file {GB}",
            "cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "cgroup/memory/memory.usage_in_bytes": str(30 * GB),
        },
    )
    assert (usable_cpus(), total_memory_bytes(), available_memory_bytes()) == (2, 4 * GB, 3 * GB)


def test_inside_a_container_its_group_is_the_topmost_folder(groups: Path) -> None:
    write(
        groups,
        {"own": "0::/system.slice/of/the/host", "cgroup/cpu.max": "50000 100000", "cgroup/memory.max": str(GB)},
    )
    write(groups, {"cgroup/memory.current": str(2 * GB)})
    assert usable_cpus() == 1  # half of one is one
    assert (total_memory_bytes(), available_memory_bytes()) == (GB, 0)


def test_a_plan_and_the_profiles_take_the_cores_that_may_be_used(groups: Path, monkeypatch) -> None:
    write(groups, {"own": "0::/", "cgroup/cpu.max": "300000 100000"})
    assert "with 3 runs at a time" in plan_text("quickstart", groups / "results", groups / "state")
    assert profile_cores("default") == profile_cores("gpu") == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert "with 1 runs at a time" in plan_text("quickstart", groups / "results", groups / "state")


def test_no_other_module_counts_processors_of_the_machine() -> None:
    """Except to say which machine it is."""
    root = Path(sys.modules["replication"].__path__[0])
    named = {
        "analysis/cost.py",
        "evidence/provenance.py",
        "commands/benchmark/conditions.py",
        "foundation/resources.py",
    }
    found = {str(path.relative_to(root)) for path in root.rglob("*.py") if "os.cpu_count" in path.read_text()}
    assert found == named


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("model name : Xeon\ncpu family : 6\nmodel : 207\n", "Xeon (family 6, model 207)"),
        ("processor : 0\n", "arm"),
    ],
)
def test_a_processor_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, model: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(resources, "_PROCESSORS", tmp_path / "cpuinfo")
    monkeypatch.setattr(resources.platform, "processor", lambda: "arm")
    assert resources.processor_model() == model
