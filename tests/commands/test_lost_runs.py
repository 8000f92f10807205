"""What would lose runs, with the real Snakemake: failures after a record, failing lanes, changed settings, signals.

In `make test-long`. In `make test` each has its test without Snakemake: a failing lane in test_cli.py, changed settings
and signals in test_stops.py, embedding as a job of its own in test_jobs.py; Ctrl-C and a kill of Snakemake are in
test_workflow.py.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.workflow_trees import (
    SMOKE,
    copy_tree,
    edit,
    environment,
    scheduled,
    snakemake,
    wait_for,
    write_experiment,
)

pytestmark = [pytest.mark.workflow, pytest.mark.slow, pytest.mark.long]

ONE = SMOKE | {"runs": [SMOKE["runs"][0] | {"seeds": [1]}], "figures": [], "tables": ["scores"]}
LONG = SMOKE | {
    "experiment": "long",
    "runs": [SMOKE["runs"][0] | {"seeds": [7, 8, 9], "budget_frames": 400_000}],
    "tables": [],
    "figures": [],
}


def records(tree: Path) -> set[str]:
    return {str(path.relative_to(tree / "results/runs")) for path in (tree / "results/runs").rglob("run.json")}


def test_an_embedding_that_fails_leaves_the_record(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    write_experiment(tree, ONE)
    module = tree / "replication/commands/network_views.py"
    before = module.read_text(encoding="utf-8")
    edit(module, "    run = run_of_folder(folder)\n", '    raise ReplicationError("no t-SNE today")\n')
    done = snakemake(tree, "experiment=smoke")
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "no t-SNE today" in said
    (record,) = records(tree)
    written = (tree / "results/runs" / record).stat().st_mtime_ns
    # Only what follows is done again.
    module.write_text(before, encoding="utf-8")
    assert scheduled(tree) == {"views": 1, "page": 1, "index": 1}
    assert snakemake(tree, "experiment=smoke").returncode == 0
    assert (tree / "results/runs" / record).stat().st_mtime_ns == written
    assert {"embedding.csv", "clip.webp"} <= {path.name for path in (tree / "results/runs" / record).parent.iterdir()}
    assert scheduled(tree) == {}
    # Removed by hand, a record is made again: nothing of an earlier start stands for it.
    (tree / "results/runs" / record).unlink()
    assert scheduled(tree, "runs") == {"run": 1}


def test_a_lane_that_fails_costs_the_others_nothing_in_one_try(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    # Breakout has four actions, Pong and Seaquest have more.
    edit(
        tree / "replication/algorithms/off_policy/dqn.py",
        "    return losses(q_tm1, batch.a_tm1, y)\n",
        "    y = y * float('nan') if q_tm1.shape[-1] == 4 else y\n    return losses(q_tm1, batch.a_tm1, y)\n",
    )
    games = {"games": ["pong", "breakout", "seaquest"], "seeds": [1]}
    write_experiment(tree, ONE | {"runs": [SMOKE["runs"][0] | games]})
    for left_over in (3, 1):
        done = snakemake(tree, "runs", "experiment=smoke lanes=3")
        said = done.stdout + done.stderr
        assert done.returncode != 0 and "breakout seed 1: the loss is nan at step" in said
        assert {name.split("/")[1] for name in records(tree)} == {"pong", "seaquest"}
        assert (f"{left_over} runs of dqn_quickstart in one process" in said) == (left_over > 1)


def start(tree: Path, experiment: str, cores: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "replication", "run", experiment, "--cores", str(cores)]
    with (tree / "said.txt").open("w") as said:
        where = {"stdout": said, "stderr": subprocess.STDOUT, "cwd": tree, "env": environment()}
        return subprocess.Popen(command, text=True, start_new_session=True, **where)


def logs(tree: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in (tree / "results/logs/runs").rglob("*.log"))


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_run_that_is_stopped_says_so_in_a_line_and_leaves_no_process(tmp_path: Path, how: str) -> None:
    tree = copy_tree(tmp_path / "tree")
    write_experiment(tree, LONG)
    process = start(tree, "long", 2)
    wait_for(lambda: logs(tree).count("step 200:") == 2, 180)
    below = psutil.Process(process.pid).children(recursive=True)
    if how == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)  # everything in the terminal gets it
    else:
        process.terminate()
    assert process.wait(timeout=60) == 75
    said = (tree / "said.txt").read_text(encoding="utf-8")
    assert said.splitlines()[-1] == "stopped; the same command continues"
    assert said.count("stopped by a signal; checkpoints are written, the same command continues") == 2
    assert not re.search("RuleException|CalledProcessError|WorkflowError|Traceback|Error in rule", said)
    assert [each for each in below if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    assert len(list((tree / "results/state/dqn_quickstart/pong").iterdir())) == 2, "nothing more was started"
    # The same command continues, whatever Snakemake knew when it ended.
    process = start(tree, "long", 2)
    wait_for(lambda: logs(tree).count("continued at step") == 2, 180)
    process.terminate()
    assert process.wait(timeout=60) == 75


def test_settings_changed_between_plan_and_job_are_refused_before_training(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    write_experiment(tree, LONG)
    process = start(tree, "long", 1)
    wait_for(lambda: "step 200:" in logs(tree), 180)
    edit(tree / "workflow/presets/smoke.yaml", "replay_capacity_rows: 1_000", "replay_capacity_rows: 1_100")
    trained = [each for each in psutil.Process(process.pid).children(recursive=True) if _trains(each)]
    trained[0].kill()  # the first job ends, and the next begins
    wait_for(lambda: process.poll() is not None, 180)
    assert process.returncode == 1
    said = logs(tree)
    assert (
        len(re.findall(r"error: settings: found dqn_quickstart pong seed \d \w+, expected \w+ as planned", said)) == 2
    )
    assert len(list((tree / "results/state/dqn_quickstart/pong").iterdir())) == 1


def _trains(process: psutil.Process) -> bool:
    return process.cmdline()[1:4] == ["-m", "replication", "train"]
