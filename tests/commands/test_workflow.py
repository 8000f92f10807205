"""The workflow as a user meets it: Snakemake in a process of its own, on a copy of the tree."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from replication.commands.jobs import build_jobs, workflow_config
from tests.support.finished_runs import change_record
from tests.support.parameters import long_unless
from tests.support.workflow_trees import (
    ROOT,
    SMOKE,
    copy_tree,
    edit,
    environment,
    scheduled,
    snakemake,
    wait_for,
    write_experiment,
)

pytestmark = pytest.mark.workflow

# Runs with a training long enough to be killed in the middle.
LONG = SMOKE | {
    "experiment": "long",
    "runs": [SMOKE["runs"][0] | {"seeds": [7], "budget_frames": 6_000}],
    "tables": [],
    "figures": [],
}
RENDERED = {"inventory": 1, "table": 1, "figure": 2, "page": 1, "index": 1}


def sources(tree: Path) -> list[Path]:
    files = [path for part in ("replication", "workflow") for path in (tree / part).rglob("*")]
    return [tree / "Snakefile", *(path for path in files if path.is_file() and "__pycache__" not in path.parts)]


@pytest.mark.slow
@pytest.mark.parametrize("name", long_unless("quickstart".__eq__, ["quickstart", "dopamine_curves", "nature_table4"]))
def test_an_experiment_can_be_planned(name: str, tmp_path: Path) -> None:
    jobs = build_jobs(workflow_config({"experiment": name}))
    found = scheduled(ROOT, config=f"experiment={name} results={tmp_path}")
    rendered = {"table": len(jobs.experiment.tables), "figure": len(jobs.experiment.figures)}
    made = {"run": len(jobs.runs), "views": len(jobs.viewed)} | rendered
    assert found == {rule: count for rule, count in made.items() if count} | {"inventory": 1, "page": 1, "index": 1}


@pytest.mark.slow
def test_the_profile_of_a_gpu_trains_cohorts_on_it(tmp_path: Path) -> None:
    config = f"experiment=nature_table2 results={tmp_path} lanes=20"  # --config adds to what the profile says
    done = snakemake(ROOT, "-n", "--printshellcmds", "runs", config, profile="gpu")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert len(set(re.findall(r"^cohort_\w+ +1$", said, re.MULTILINE))) == 3
    assert len(re.findall(r"replication train --variant dqn .* --device cuda\b", said)) == 3
    assert len(re.findall(r"replication train --variant random_10hz ", said)) == 49


@pytest.mark.slow
def test_a_missing_or_misspelt_experiment_is_one_line() -> None:
    for config, expected in [("results=results", "which experiment?"), ("experiment=quick", "there is no experiment")]:
        done = snakemake(ROOT, "-n", config)
        assert done.returncode != 0
        said = [line for line in done.stderr.splitlines() if not line.startswith("Using ")]
        assert len(said) == 1
        assert said[0].startswith("error: ") and expected in said[0]


@pytest.mark.slow
@pytest.mark.long
def test_the_workflow_is_formatted_and_free_of_lints() -> None:
    for command in [
        ["snakemake", "--lint", "--config", "experiment=quickstart"],
        ["snakefmt", "--check", "Snakefile", "workflow"],
    ]:
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len((ROOT / "Snakefile").read_text(encoding="utf-8").splitlines()) < 100


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree in which the smoke experiment was brought to its page by the command line."""
    tree = copy_tree(tmp_path_factory.mktemp("finished"))
    write_experiment(tree, SMOKE)
    write_experiment(tree, LONG)
    command = [sys.executable, "-m", "replication", "run", "smoke", "--cores", "2"]
    done = subprocess.run(command, cwd=tree, env=environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    (tree / "said.txt").write_text(done.stdout + done.stderr)
    return tree


@pytest.fixture
def clone(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished tree with any file times and without Snakemake's memory."""
    tree = copy_tree(tmp_path / "clone", finished)
    generator = random.Random(0)
    for path in tree.rglob("*"):
        moment = generator.uniform(1.0e9, 1.7e9)
        os.utime(path, (moment, moment))
    return tree


@pytest.mark.slow
def test_one_command_leads_from_nothing_to_a_page(finished: Path) -> None:
    assert "3 of 3 runs" in (finished / "results/smoke/index.html").read_text(encoding="utf-8")
    for name in ("learning_curves", "embedding"):
        for ending in ("svg", "png", "csv", "txt"):
            assert (finished / f"results/smoke/figures/{name}.{ending}").stat().st_size > 0
    assert len((finished / "results/smoke/tables/scores.csv").read_text(encoding="utf-8").splitlines()) == 3
    assert len(list((finished / "results/runs").glob("*/*/*/*/run.json"))) == 3
    assert len(list((finished / "results/runs").glob("dqn_quickstart/*/*/*/embedding.csv"))) == 2
    said = (finished / "said.txt").read_text(encoding="utf-8")
    assert re.search(r"frames/s", said), "the user sees progress"
    logs = list((finished / "results/logs/runs").rglob("*.log"))
    assert len(logs) == 3
    assert all("score" in log.read_text(encoding="utf-8") for log in logs)


@pytest.mark.slow
def test_the_page_of_all_names_the_finished_one(finished: Path) -> None:
    rows = (finished / "results/index.html").read_text(encoding="utf-8").split("<tr>")
    [row] = [row for row in rows if "smoke/index.html" in row]
    assert "3 of 3" in row and "no reference" in row


@pytest.mark.long
def test_an_experiment_with_a_changed_setting_has_runs_and_a_page_of_its_own(clone: Path) -> None:
    before = {path: path.read_bytes() for path in (clone / "results/smoke").rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "replication", "run", "smoke", "--cores", "2", "--set", "discount=0.9"]
    done = subprocess.run(command, cwd=clone, env=environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    name = "smoke+discount=0.9"
    page = (clone / "results" / name / "index.html").read_text(encoding="utf-8")
    assert "3 of 3 runs" in page and "changed by hand: discount 0.9" in page and f"run {name}" in page
    runs = [path.parts[-5] for path in (clone / "results/runs").glob("*/*/*/*/run.json")]
    assert sorted(runs) == ["dqn_quickstart"] * 2 + ["dqn_quickstart+discount=0.9"] * 2 + ["random_10hz"]
    assert {path: path.read_bytes() for path in before} == before
    assert scheduled(clone, config=f"experiment={name}") == {}
    check = [sys.executable, "-m", "replication", "verify", "results"]
    done = subprocess.run(check, cwd=clone, env=environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and name in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.long
def test_the_report_of_snakemake_shows_everything_with_captions_from_the_data(finished: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = snakemake(finished, "--report", str(report), "experiment=smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = report.read_text(encoding="utf-8")
    found = json.JSONDecoder().raw_decode(shown, shown.index('{"results/smoke'))[0]
    described = {Path(name).name: content["caption"] for name, content in found.items()}
    assert set(described) == {"scores.csv", "learning_curves.svg", "embedding.svg", "index.html"}
    captions = {
        name: (finished / f"results/smoke/figures/{name}.txt").read_text() for name in ("learning_curves", "embedding")
    }
    for name, caption in captions.items():
        assert " ".join(caption.split())[:100] in " ".join(described[f"{name}.svg"].split())
    assert "3 of 3 runs finished" in described["scores.csv"]
    assert "Does everything run?" in described["index.html"] and "3 runs" in " ".join(described["index.html"].split())
    assert all(f">{category}<" in shown or f'"{category}"' in shown for category in ("Tables", "Figures", "Page"))


@pytest.mark.slow
def test_nothing_is_done_twice_and_only_what_depends_is_done_again(finished: Path) -> None:
    assert scheduled(finished) == {}
    figure = finished / "results/smoke/figures/embedding.svg"
    content = figure.read_bytes()
    figure.unlink()
    assert scheduled(finished) == {"figure": 1, "page": 1, "index": 1}
    assert snakemake(finished, "experiment=smoke").returncode == 0
    assert figure.read_bytes() == content
    caption = finished / "replication/report/figures/embedding.py"
    before = caption.read_text(encoding="utf-8")
    edit(caption, "axes have no units", "axes have no unit")
    assert scheduled(finished) == {"figure": 1, "page": 1, "index": 1}
    caption.write_text(before, encoding="utf-8")
    for path in sources(finished):
        path.touch()
    assert "run" not in scheduled(finished)


@pytest.mark.slow
def test_a_run_replaced_by_one_with_other_scores_makes_all_that_shows_it_anew(clone: Path) -> None:
    assert snakemake(clone, "experiment=smoke").returncode == 0
    assert scheduled(clone) == {}
    record = next((clone / "results/runs/random_10hz").rglob("run.json"))
    moment = record.stat().st_mtime
    change_record(record.parent, '"score": -', '"score": -1')
    os.utime(record, (moment, moment))
    assert scheduled(clone) == RENDERED


@pytest.mark.slow
def test_a_copy_trains_only_what_a_changed_number_asks_for(clone: Path) -> None:
    assert "run" not in scheduled(clone)
    record = next((clone / "results/runs/random_10hz").rglob("run.json"))
    whole = record.read_bytes()
    record.unlink()
    assert scheduled(clone) == {"run": 1} | RENDERED
    record.write_bytes(whole)
    edit(clone / "workflow/algorithms/dqn_quickstart.yaml", "learning_rate: 0.0001", "learning_rate: 0.0002")
    assert scheduled(clone) == {"run": 2, "views": 2} | RENDERED
    edit(clone / "workflow/algorithms/dqn_quickstart.yaml", "learning_rate: 0.0002", "learning_rate: 0.0001")
    assert "run" not in scheduled(clone)
    edit(clone / "workflow/experiments/smoke.yaml", "- 2\n", "- 2\n  - 3\n")
    assert scheduled(clone)["run"] == 1
    record.write_text(json.dumps(json.loads(whole) | {"result_digest": "f" * 64}))
    done = snakemake(clone, "-n", "experiment=smoke")
    said = [line for line in done.stderr.splitlines() if not line.startswith("Using ")]
    assert done.returncode != 0
    assert len(said) == 1
    assert "run.json: result_digest: found ffffffffffff, expected" in said[0]


@pytest.mark.slow
@pytest.mark.long
def test_what_was_made_of_some_runs_is_made_again_when_all_are_there(clone: Path, tmp_path: Path) -> None:
    run = next((clone / "results/runs/dqn_quickstart/pong/seed2").iterdir())
    shutil.move(run, tmp_path / "elsewhere")
    done = snakemake(clone, "partial", "experiment=smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 3 runs" in (clone / "results/smoke/index.html").read_text(encoding="utf-8")
    assert scheduled(clone) == {"run": 1, "views": 1} | RENDERED
    # Finished on another machine and copied here: no file of it is newer than the page.
    shutil.move(tmp_path / "elsewhere", run)
    assert scheduled(clone) == RENDERED


@pytest.mark.slow
@pytest.mark.long
def test_a_cohort_gives_what_each_run_gives_alone(clone: Path) -> None:
    alone = {
        path: path.read_bytes()
        for path in sorted((clone / "results/runs/dqn_quickstart").rglob("*"))
        if path.is_file() and path.name != "run.json"
    }
    assert {path.name for path in alone} >= {"scores.csv", "curve.csv", "embedding.csv"}
    shutil.rmtree(clone / "results/runs/dqn_quickstart")
    shutil.rmtree(clone / "results/state")
    config = "experiment=smoke lanes=2"
    [(rule, jobs)] = scheduled(clone, "runs", config=config).items()
    assert rule.startswith("cohort_") and jobs == 1
    done = snakemake(clone, config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.read_bytes() for path in alone} == alone
    record = json.loads(next((clone / "results/runs/dqn_quickstart").rglob("run.json")).read_bytes())
    assert record["machine"]["lanes"] == 2
    assert scheduled(clone, "runs") == {}


@pytest.mark.slow
def test_the_same_command_continues_after_an_interruption_and_after_a_kill(finished: Path) -> None:
    command = [sys.executable, "-m", "replication", "run", "long", "--cores", "1"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=finished,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def log() -> str:
        logs = list((finished / "results/logs/runs").glob("*/*/seed7/*.log"))
        return logs[0].read_text(encoding="utf-8") if logs else ""

    process = start()
    wait_for(lambda: "step 200:" in log())
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: everything in the terminal gets it
    assert process.wait(timeout=60) == 75
    assert "checkpoints are written, the same command continues" in log()
    process = start()
    wait_for(lambda: "continued at step" in log())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    assert start().wait(timeout=120) == 0
    assert "continued at step" in log()
    assert (finished / "results/long/index.html").is_file()
