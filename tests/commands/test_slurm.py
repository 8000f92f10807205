"""Runs as jobs of a real Slurm on this host: each is killed once, and ends with the bytes of one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from replication.foundation.paths import WORKFLOW
from tests.support.slurm import can_be_had, cluster, said
from tests.support.workflow_trees import SMOKE, copy_tree, environment, write_experiment

SEEDS = range(1, 9)
RUNS: dict[str, Any] = SMOKE["runs"][0] | {"seeds": list(SEEDS), "budget_frames": 4_000}
SIGNALS = ([], ["--signal=KILL", "--full"])
"""Of scancel: as a user or a limit ends a job, and as nothing can be answered."""


def test_a_run_stops_by_itself_before_slurm_ends_its_job() -> None:
    profile, limits = (
        (WORKFLOW / "profiles" / "slurm" / name).read_text(encoding="utf-8") for name in ("config.yaml", "limits.yaml")
    )
    minutes = next(int(line.split(":")[1]) for line in profile.splitlines() if line.startswith("  runtime:"))
    seconds = next(int(line.split(":")[1]) for line in limits.splitlines() if line.startswith("max_seconds:"))
    assert 60 * minutes - 3_600 <= seconds <= 60 * minutes - 900


@pytest.mark.long
@pytest.mark.workflow
def test_eight_runs_whose_jobs_are_killed_once_have_the_bytes_of_undisturbed_ones(tmp_path: Path) -> None:
    """Minutes on two idle cores; apt-get install slurmctld slurmd slurm-client munge, as root."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    if not can_be_had():
        pytest.skip("no Slurm that this user may start")
    tree = copy_tree(tmp_path / "tree")
    write_experiment(tree, SMOKE | {"experiment": "eight", "runs": [RUNS], "tables": [], "figures": []})
    plain = [sys.executable, "-m", "replication", "train", "--variant", *RUNS["variants"], "--task", *RUNS["games"]]
    plain += ["--seed", *map(str, SEEDS), "--budget-frames", str(RUNS["budget_frames"]), "--preset", RUNS["preset"]]
    plain += ["--results", str(tmp_path / "plain"), "--state", str(tmp_path / "plain" / "state"), "--quiet"]
    with cluster(tmp_path / "slurm") as variables:
        command = [sys.executable, "-m", "snakemake", "runs", "--workflow-profile", "workflow/profiles/slurm"]
        # A user waits minutes for news of a job of hours; these take half a minute.
        command += ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
        command += ["--latency-wait", "5", "--config", "experiment=eight"]
        log = tmp_path / "snakemake.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=tree, env=environment() | variables, stdout=output, stderr=subprocess.STDOUT
            )
            killed = _kill_each_once(process, tree, variables)
        assert process.returncode == 0, log.read_text()[-6_000:]
    assert killed == set(SEEDS)
    subprocess.run(plain, cwd=tree, env=environment(), check=True)
    assert _bytes(tree / "results") == _bytes(tmp_path / "plain")
    assert len({path.parent for path in _bytes(tree / "results")}) == len(SEEDS)


def _kill_each_once(process: subprocess.Popen[bytes], tree: Path, variables: dict[str, str]) -> set[int]:
    """Cancel the job of each seed once it trains, every other one with SIGKILL; return the seeds.

    The comment that Snakemake gives a job names its wildcards.
    """
    killed: set[int] = set()
    deadline = time.monotonic() + 1_500
    while process.poll() is None and time.monotonic() < deadline:
        running = said(["squeue", "--noheader", "--states=RUNNING", "--format=%i %k"], variables)
        for line in running.splitlines():
            job, _, comment = line.partition(" ")
            seed = next((seed for seed in SEEDS if f"seed{seed}" in comment), None)
            if seed is None or seed in killed or "step 200:" not in _log(tree, seed):
                continue
            subprocess.run(["scancel", *SIGNALS[seed % 2], job], env=os.environ | variables, check=True)
            killed.add(seed)
        time.sleep(0.3)
    if process.poll() is None:
        process.terminate()
    process.wait(timeout=60)
    return killed


def _log(tree: Path, seed: int) -> str:
    (path,) = list((tree / "results" / "logs" / "runs").glob(f"*/*/seed{seed}/*.log")) or [None]
    return path.read_text(encoding="utf-8") if path else ""


def _bytes(results: Path) -> dict[Path, bytes]:
    """What the runs left but their records, of which the digests of their files stand for the rest."""
    files = {path.relative_to(results): path for path in (results / "runs").rglob("*") if path.is_file()}
    read = {place: path.read_bytes() for place, path in files.items() if place.name != "run.json"}
    records = {place: json.loads(path.read_bytes()) for place, path in files.items() if place.name == "run.json"}
    timed = ("cost", "provenance", "seal")
    return read | {
        place: json.dumps({k: v for k, v in record.items() if k not in timed}, sort_keys=True).encode()
        for place, record in records.items()
    }
