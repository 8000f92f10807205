"""Runs that are scored by their evaluations during training: what the record keeps, and that all of it is derived."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from replication.evidence import records
from replication.evidence.evaluation_log import evaluated_outcome, kept_name
from replication.evidence.run_files import Outcome
from replication.evidence.state_files import evaluation_name
from replication.evidence.step_trace import read_step_trace
from replication.evidence.verify_run import check_run
from replication.evidence.verify_state import check_state
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from tests.support.evaluated_runs import EPISODES, evaluated_run, play_evaluations, write_evaluated
from tests.support.pinball import message


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    write_evaluated(evaluated_run(), folder)
    return folder


def copied(written: Path, to: Path) -> Path:
    """A copy of the record that may be spoilt."""
    shutil.copytree(written / "results", to / "results")
    return evaluated_run().results_folder(to / "results")


def seal(folder: Path, **changes: float) -> None:
    """Write the record anew, with the digests of the files that lie there, as a forger would."""
    record = json.loads((folder / "run.json").read_bytes()) | changes
    names = sorted(path.name for path in folder.iterdir() if path.name != "run.json")
    record["files"] = {name: sha256((folder / name).read_bytes()) for name in names}
    (folder / "run.json").write_bytes(records.sealed_record(record))


def test_the_record_keeps_the_judged_evaluations_and_vouches_for_the_others(written: Path) -> None:
    folder = evaluated_run().results_folder(written / "results")
    record = records.read(folder)
    assert set(record["files"]) == {*map(kept_name, (0, 100, 200)), "evaluations.csv", "curve.csv"}
    assert list(record["in_state"]) == [evaluation_name(step) for step in (0, 50, 100, 150, 200)]
    assert record["score"] == pytest.approx(float(curve(folder)[-1]["score"]))
    checked = check_run(folder)
    assert (checked.runs, checked.episodes, checked.steps) == (1, 3 * EPISODES, 3 * EPISODES * 40)
    assert checked.underived == ("curve.csv",)
    state = check_state(folder, written / "state")
    assert (state.found, state.missing, state.cells) == (5, 0, 5 * 3)


def test_an_evaluation_in_the_state_is_of_the_training_and_the_kept_one_of_the_run(written: Path) -> None:
    run = evaluated_run()
    kept = read_step_trace(run.results_folder(written / "results") / kept_name(100))
    stored = read_step_trace(run.state_folder(written / "state") / evaluation_name(100))
    assert (kept.header.result_digest, stored.header.result_digest) == (run.result_digest, run.training_digest)
    assert kept.episodes == stored.episodes


def test_a_longer_budget_goes_on_with_the_evaluations_of_a_shorter_one(written: Path, tmp_path: Path) -> None:
    longer = evaluated_run(steps=300)
    shutil.copytree(written / "state", tmp_path / "state")
    before = {path.name: path.read_bytes() for path in longer.state_folder(tmp_path / "state").rglob("*.trace")}
    folder = write_evaluated(longer, tmp_path)
    after = {path.name: path.read_bytes() for path in longer.state_folder(tmp_path / "state").rglob("*.trace")}
    assert before.items() < after.items()
    assert check_run(folder).episodes == 3 * EPISODES


def test_where_a_run_may_be_judged_is_no_part_of_what_names_it() -> None:
    here, there = evaluated_run(), evaluated_run(evaluation_score={"at_steps": [50, 150]})
    assert (here.training_digest, here.result_digest) == (there.training_digest, there.result_digest)
    assert evaluated_run(num_episodes=4).training_digest != here.training_digest


def curve(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "curve.csv").read_text().splitlines()))


def test_an_evaluation_under_another_steps_name_is_found(written: Path, tmp_path: Path) -> None:
    folder = copied(written, tmp_path)
    shutil.copy(folder / kept_name(200), folder / kept_name(100))
    seal(folder)
    assert message(check_run, folder).startswith(
        f"{folder / kept_name(100)}: episode 0 (the first is 0): start: the protocol draws "
    )


def test_a_changed_score_row_or_point_of_the_curve_is_found(written: Path, tmp_path: Path) -> None:
    for name, line, expected in (
        ("evaluations.csv", 2, "row 3: raw_return: found"),
        ("curve.csv", 3, "step 100: score: found"),
    ):
        folder = copied(written, tmp_path / name)
        lines = (folder / name).read_text().splitlines()
        cells = lines[line].split(",")
        cells[2 if name == "evaluations.csv" else 1] = "-1.5"
        lines[line] = ",".join(cells)
        (folder / name).write_text("\n".join(lines) + "\n")
        seal(folder)
        assert message(check_run, folder).startswith(f"{folder / name}: {expected}")


def test_a_changed_score_is_found(written: Path, tmp_path: Path) -> None:
    folder = copied(written, tmp_path)
    record = json.loads((folder / "run.json").read_bytes())
    seal(folder, score=record["score"] + 1.0)
    assert ": score: found " in message(check_run, folder)


def test_whoever_has_the_state_can_check_every_point_of_the_curve(written: Path, tmp_path: Path) -> None:
    folder = copied(written, tmp_path)
    text = (folder / "curve.csv").read_text()
    lines = text.splitlines()
    cells = lines[2].split(",")
    lines[2] = ",".join([cells[0], "-1.5", *cells[2:]])  # step 50, of which the record has no trace
    (folder / "curve.csv").write_text("\n".join(lines) + "\n")
    seal(folder)
    assert check_run(folder).runs == 1
    assert "step 50: score: found '-1.5'" in message(check_state, folder, written / "state")
    (folder / "curve.csv").write_text(text.replace("\n50,", "\n51,", 1))
    seal(folder)
    assert "step 50: found no such row" in message(check_state, folder, written / "state")


def test_an_evaluation_that_nobody_judges_is_found(written: Path, tmp_path: Path) -> None:
    folder = copied(written, tmp_path)
    shutil.copy(folder / kept_name(100), folder / kept_name(150))
    seal(folder)
    assert "no run of this protocol is judged" in message(check_run, folder)


def test_a_judged_evaluation_that_was_removed_from_the_state_is_one_line(tmp_path: Path) -> None:
    run = evaluated_run()
    played = play_evaluations(run, tmp_path)
    path = run.state_folder(tmp_path) / evaluation_name(100)
    path.unlink()
    with pytest.raises(ReplicationError) as raised:
        evaluated_outcome(Outcome(run, None, None, {}), played, tmp_path)
    assert str(raised.value).startswith(f"{path}: missing, expected the evaluation at step 100")
