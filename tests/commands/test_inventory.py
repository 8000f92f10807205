"""What is shown follows what lies there, whatever the times of files say."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.commands.inventory import Inventory
from replication.commands.jobs import Jobs, build_jobs, workflow_config
from replication.specification.experiments import load_experiment
from replication.specification.run import one_a_record
from tests.support.finished_runs import change_record, finish, made_up_experiment

EXPERIMENT = "quickstart"


def jobs(results: Path) -> Jobs:
    """What Snakemake is told when it starts."""
    return build_jobs(workflow_config({"experiment": EXPERIMENT, "results": str(results)}))


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, list[Path]]:
    """Results with all runs and the inventory; the folders of the runs."""
    folders = [finish(run, tmp_path) for run in one_a_record(load_experiment(EXPERIMENT).runs())]
    assert main(["render", "inventory", EXPERIMENT, "--results", str(tmp_path)]) == 0
    return tmp_path, folders


def test_it_is_kept_as_long_as_nothing_changes(made: tuple[Path, list[Path]]) -> None:
    results, folders = made
    inventory = Path(jobs(results).inventory)
    assert inventory.exists() and len(inventory.read_text().splitlines()) == len(folders)
    for path in results.rglob("*"):
        os.utime(path, (1e9, 1e9))
    assert jobs(results).inventory == str(inventory) and inventory.exists()


def _other_score(folder: Path) -> None:
    change_record(folder, '"seconds": 313.1', '"seconds": 626.2')


@pytest.mark.parametrize("change", [_other_score, lambda folder: (folder / "run.json").unlink()])
def test_a_run_that_was_replaced_by_one_of_the_same_digest_makes_all_anew(
    made: tuple[Path, list[Path]], change: Callable[[Path], None]
) -> None:
    """The name of the inventory, a digest of the set of runs, stays; so does the file's time, if it was copied."""
    results, folders = made
    inventory = Path(jobs(results).inventory)
    change(folders[-1])
    for path in folders[-1].iterdir():
        os.utime(path, (1e9, 1e9))
    assert Path(jobs(results).inventory) == inventory and not inventory.exists()


def test_scores_of_another_program_are_in_it(tmp_path: Path) -> None:
    experiment = made_up_experiment([{}], others=["theirs"])
    inventory = Inventory(experiment, experiment.runs(), tmp_path)
    finish(experiment.runs()[0], tmp_path)
    imported = tmp_path / "imported" / "theirs.csv"
    imported.parent.mkdir()
    imported.write_text("1")
    (inventory.path.parent).mkdir(parents=True)
    (inventory.path.parent / "0123456789ab.txt").write_text("of another set of runs")
    inventory.write()
    assert list(inventory.path.parent.iterdir()) == [inventory.path]
    inventory.remove_stale()
    assert inventory.path.exists()
    imported.write_text("2")
    inventory.remove_stale()
    assert not inventory.path.exists()
