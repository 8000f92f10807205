"""Runs of an earlier numerics version of the same law: shown and marked, not trained again, and never gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from replication.analysis.finished import coverage, load_runs
from replication.commands.jobs import build_jobs, workflow_config
from replication.commands.plan import plan_text
from replication.evidence import records
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.report.pages.runs import asked_for, missing_runs, provenance
from replication.report.tables import scores
from replication.specification.experiments import Experiment, load_experiment
from replication.specification.run import Run, resolve_run
from replication.specification.variants import FAMILIES
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.machine.settings import Machine
from replication.training.play_again import check_policies
from replication.training.session import execute
from tests.support.finished_runs import finish
from tests.support.lanes import advance, build, smoke_run


def at_version(monkeypatch: pytest.MonkeyPatch, version: int, kept: dict[int, frozenset[str]]) -> None:
    facts = replace(FAMILIES["off_policy"], numerics_version=version, kept_law=kept)
    monkeypatch.setitem(FAMILIES, "off_policy", facts)


@pytest.fixture(autouse=True)
def version_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the present version is: DQN kept its law in the third, C51 did not."""
    at_version(monkeypatch, 3, {3: frozenset({"dqn"})})


def earlier(run: Run) -> Run:
    return replace(run, earlier_version=2)


def a_run(variant: str = "dqn") -> Run:
    return resolve_run(variant=variant, task="pong", seed=1, budget_frames=400_000)


def test_an_earlier_run_is_another_run_with_a_name_that_says_so() -> None:
    run = a_run()
    assert list(run.earlier()) == [earlier(run)]
    assert earlier(run).identity() == run.identity() | {"numerics_version": 2}
    assert earlier(run).training_digest != run.training_digest
    assert (run.name, earlier(run).name) == ("dqn pong seed 1", "dqn pong seed 1 (numerics version 2)")
    assert list(a_run("c51").earlier()) == []


def test_laws_are_kept_version_by_version(monkeypatch: pytest.MonkeyPatch) -> None:
    both = frozenset({"dqn", "c51"})
    at_version(monkeypatch, 5, {5: both, 4: frozenset({"dqn"}), 2: both})
    assert [each.earlier_version for each in a_run().earlier()] == [4, 3]
    assert [each.earlier_version for each in a_run("c51").earlier()] == [4]


def test_no_checkpoint_goes_on_across_versions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = smoke_run("dqn")
    assert earlier(run).state_folder(tmp_path) != run.state_folder(tmp_path)
    begun = build(earlier(run))
    advance([begun], 20)
    save_checkpoint(begun, run.state_folder(tmp_path))  # even where somebody put it in the place of ours
    with pytest.raises(ReplicationError, match="no checkpoint is whole"):
        restore_newest(build(run), run.state_folder(tmp_path))
    assert "training_digest: another run's" in capsys.readouterr().err


@pytest.mark.parametrize("variant", ["dqn", "c51"])
def test_a_run_of_an_earlier_version_counts_where_the_law_was_kept(tmp_path: Path, variant: str) -> None:
    run = a_run(variant)
    folder = finish(earlier(run), tmp_path)
    kept = variant == "dqn"
    assert records.finished_as(run, tmp_path) == (earlier(run) if kept else None)
    assert records.unfinished([run], tmp_path) == ([] if kept else [run])
    assert (records.read_or_none(run, tmp_path) is not None) == kept
    assert records.record_path(run, tmp_path).parent == (folder if kept else run.results_folder(tmp_path))


def test_a_run_of_the_present_version_stands_before_an_earlier_one(tmp_path: Path) -> None:
    run = a_run()
    for made in (earlier(run), run):
        finish(made, tmp_path)
    record = records.read_or_none(run, tmp_path)
    assert records.finished_as(run, tmp_path) == run
    assert record is not None
    assert record["numerics_version"] == 3


def test_an_earlier_record_is_checked_as_any(tmp_path: Path) -> None:
    run = a_run()
    path = finish(earlier(run), tmp_path) / "run.json"
    path.write_bytes(records.sealed_record({"result_digest": run.result_digest}))
    with pytest.raises(ReplicationError, match=f"{path}: result_digest: found {run.result_digest[:12]}, expected"):
        records.read_or_none(run, tmp_path)


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[tuple[Experiment, list[Run]]]:
    """An experiment whose runs are finished: the first by an earlier version, the others by the present one."""
    experiment = load_experiment("dopamine_curves")
    named = [run for run in experiment.runs() if run.family.trains]
    assert {run.variant.module for run in named} == {"dqn"}
    for made in (earlier(named[0]), *named[1:]):
        finish(made, tmp_path)
    yield experiment, named


def test_tables_captions_and_pages_mark_it(shown: tuple[Experiment, list[Run]], tmp_path: Path) -> None:
    experiment, named = shown
    finished = load_runs(experiment, tmp_path)
    trained = [found for found in finished if found.run in named]
    assert [found.mark for found in trained] == ["numerics version 2", *[""] * (len(named) - 1)]
    some = "numerics version 2" if len(finished) == 1 else "1 of numerics version 2"
    assert str(coverage(experiment, finished)) == f"{len(finished)} of {len(experiment.runs())} runs ({some})"
    table = scores.build(experiment, load_runs(experiment, tmp_path))
    assert sum("numerics version 2)" in seeds for seeds in table.printed()["seeds"]) == 1
    assert f"runs ({some}) finished." in table.caption
    assert "Runs of an earlier numerics version were made by code of the same law" in table.caption
    told = [provenance(found, tmp_path)["run"] for found in trained]
    assert told[0] == f"{named[0].name} (numerics version 2)"
    assert told[1:] == [run.name for run in named[1:]]
    assert any("numerics version 2)" in row["finished"] for row in asked_for(experiment, finished))
    assert not {run.name for run in named} & set(missing_runs(experiment, finished))


def test_nothing_is_marked_where_all_are_of_the_present_version(
    shown: tuple[Experiment, list[Run]], tmp_path: Path
) -> None:
    experiment, named = shown
    finish(named[0], tmp_path)
    assert not any(found.mark for found in load_runs(experiment, tmp_path))
    assert "numerics version" not in scores.build(experiment, load_runs(experiment, tmp_path)).caption


def test_plan_and_jobs_take_it_for_done(shown: tuple[Experiment, list[Run]], tmp_path: Path) -> None:
    experiment, named = shown
    jobs = build_jobs(workflow_config({"experiment": experiment.experiment, "results": str(tmp_path)}))
    assert not [run for run in jobs.missing if run in named]
    assert str(earlier(named[0]).results_folder(tmp_path) / "run.json") in jobs.finished_runs
    inventory = jobs.inventory
    said = "done by an earlier numerics version of the same law, and not to be made again: 1"
    assert said in plan_text(experiment.experiment, tmp_path, tmp_path / "state")
    finish(named[0], tmp_path)
    assert jobs.inventory != inventory, "tables of other records are made again"
    assert said not in plan_text(experiment.experiment, tmp_path, tmp_path / "state")


def test_train_says_so_and_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = a_run()
    folder = finish(earlier(run), tmp_path)
    machine = Machine(tmp_path, tmp_path / "state", "cpu", "lz4", 600.0, None, quiet=True, workers=1)
    assert execute([run], machine) == 0
    assert (
        f"dqn pong seed 1 (numerics version 2): finished, nothing to be done ({folder}); version 3 has the same law; "
        "to make it again, move that folder away"
    ) in "".join(capsys.readouterr())
    assert not (tmp_path / "state").exists()


def whole_record(run: Run, results: Path) -> Path:
    """A folder that `verify` reads, with a trace that nobody plays."""
    folder = run.results_folder(results)
    folder.mkdir(parents=True)
    (folder / "evaluation.trace").write_bytes(b"not played")
    facts = {
        "format": 1,
        "training_digest": run.training_digest,
        "result_digest": run.result_digest,
        "files": {"evaluation.trace": sha256(b"not played")},
        "score": 1.0,
        "provenance": {},
    }
    (folder / "run.json").write_bytes(records.sealed_record(run.identity() | facts))
    return folder


def test_a_network_of_an_earlier_version_is_not_played_again(tmp_path: Path) -> None:
    folder = whole_record(earlier(a_run()), tmp_path)
    assert records.run_of_folder(folder) == earlier(a_run())
    said = check_policies([folder], tmp_path / "state", quiet=True)
    assert said.endswith("; 1 not played: of an earlier numerics version, for the commit that made it")


def test_a_record_of_another_law_is_none_of_this_codes(tmp_path: Path) -> None:
    folder = whole_record(earlier(a_run("c51")), tmp_path)
    with pytest.raises(ReplicationError, match="with numerics version 3, it has 2: check it with the commit it was"):
        records.run_of_folder(folder)
