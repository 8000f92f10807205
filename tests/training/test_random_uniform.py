"""Random play on tasks of Gymnasium, from the command line to a verified record (fidelity rows G1 to G3)."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replication.commands.cli import main
from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.evidence.records import run_of_folder, sealed_record
from replication.evidence.step_trace import StepTrace, read_step_trace, serialise_step_trace
from replication.evidence.verify_run import check_run
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.foundation.stopping import Stop, Stopped
from replication.specification.fidelity import EXACT, NOT_APPLICABLE, judge_rows
from replication.specification.run import resolve_run
from replication.training.contract import load_family
from replication.training.machine.settings import Machine
from replication.training.resumable_play import ResumablePlay, play_at_once, unfinished_path

TASKS = ("cart_pole", "pendulum")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    where = ["--results", str(folder / "results"), "--state", str(folder / "state")]
    words = ["train", "--variant", "random_uniform", "--seed", "1", "--quiet", *where]
    for task in TASKS:
        assert main([*words, "--task", task]) == 0
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "results", tmp_path / "results")
    return tmp_path / "results"


def folder_of(results: Path, task: str) -> Path:
    (found,) = (results / "runs" / "random_uniform" / task).glob("*/*")
    return found


def reseal(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_bytes())
    record["files"] = {name: sha256((folder / name).read_bytes()) for name in record["files"]}
    (folder / "run.json").write_bytes(sealed_record(record))


def refused(folder: Path, change: Callable[[StepTrace], StepTrace]) -> str:
    """The one line a run is refused with whose trace was changed and sealed anew."""
    path = folder / "evaluation.trace"
    path.write_bytes(serialise_step_trace(change(read_step_trace(path))))
    reseal(folder)
    with pytest.raises(ReplicationError) as error:
        check_run(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_g3_a_run_leaves_a_hundred_whole_episodes_and_what_they_were_made_with(made: Path) -> None:
    folder = folder_of(made / "results", "cart_pole")
    record = json.loads((folder / "run.json").read_bytes())
    trace = read_step_trace(folder / "evaluation.trace")
    assert (record["environment"], record["task"]) == ("gymnasium", "cart_pole") and "game" not in record
    assert record["provenance"]["simulator"] == trace.header.fingerprint
    assert record["provenance"]["packages"].keys() == {"gymnasium", "numpy"}
    assert {episode.ending for episode in trace.episodes} <= {"terminated", "truncated"}
    rows = list(csv.DictReader((folder / "scores.csv").read_text().splitlines()))
    assert len(rows) == 100
    assert [int(row["steps"]) for row in rows] == [episode.steps for episode in trace.episodes]
    assert record["score"] == np.mean([float(row["return"]) for row in rows])
    assert 15 < record["score"] < 30  # random play holds the pole for some 22 steps
    assert run_of_folder(folder) == resolve_run(variant="random_uniform", task="cart_pole", seed=1)
    pendulum = read_step_trace(folder_of(made / "results", "pendulum") / "evaluation.trace")
    assert {(episode.ending, episode.steps) for episode in pendulum.episodes} == {("truncated", 200)}


def test_g1_actions_are_uniform_over_all_there_are(made: Path) -> None:
    cart_pole, pendulum = (
        np.concatenate(
            [e.actions for e in read_step_trace(folder_of(made / "results", t) / "evaluation.trace").episodes]
        )
        for t in TASKS
    )
    assert abs(cart_pole.mean() - 0.5) < 0.05
    assert abs(pendulum.mean()) < 0.05 and pendulum.min() < -1.99 and pendulum.max() > 1.99
    assert abs(np.abs(pendulum).mean() - 1.0) < 0.02


def test_g2_every_episode_starts_elsewhere(made: Path) -> None:
    trace = read_step_trace(folder_of(made / "results", "cart_pole") / "evaluation.trace")
    simulator, seen = GymnasiumSimulator(resolve_run(variant="random_uniform", task="cart_pole", seed=1).task), set()
    for episode in trace.episodes:
        simulator.reset(episode.start)
        seen.add(simulator.observation.tobytes())
    assert len(seen) == 100


def test_true_results_pass_and_their_policies_play_the_same_again(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(made / "results"), "--quiet", "--policy", "--state", str(made / "state")]) == 0
    said = capsys.readouterr().out
    traces = [read_step_trace(folder_of(made / "results", task) / "evaluation.trace") for task in TASKS]
    steps = sum(episode.steps for trace in traces for episode in trace.episodes)
    assert f"2 runs verified: 200 episodes of {steps:,} steps played again" in said
    assert "2 policies played again, each left its trace" in said


@pytest.mark.parametrize("task", TASKS)
def test_a_changed_action_is_found(results: Path, task: str) -> None:
    def changed(trace: StepTrace) -> StepTrace:
        first, *others = trace.episodes
        actions = first.actions.copy()
        actions[3] = 1 - actions[3] if task == "cart_pole" else -actions[3]
        return replace(trace, episodes=(replace(first, actions=actions), *others))

    assert "evaluation.trace: episode 0 (the first is 0): " in refused(folder_of(results, task), changed)


def test_a_changed_return_is_found(results: Path) -> None:
    def better(trace: StepTrace) -> StepTrace:
        first, *others = trace.episodes
        return replace(trace, episodes=(replace(first, raw_return=first.raw_return + 1), *others))

    found = refused(folder_of(results, "cart_pole"), better)
    assert "episode 0 (the first is 0): raw_return: played again it is" in found


def test_a_changed_score_is_found(results: Path) -> None:
    folder = folder_of(results, "cart_pole")
    text = (folder / "scores.csv").read_text().replace("0,", "0,9", 1)
    (folder / "scores.csv").write_text(text)
    reseal(folder)
    with pytest.raises(ReplicationError, match=r"scores\.csv: row 2: return: found '9"):
        check_run(folder)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seed": 2}, "seed: found 2, run.json gives 1"),
        ({"task": "pendulum"}, "task: found pendulum, run.json gives cart_pole"),
        ({"fingerprint": {}}, "fingerprint: found {}, run.json gives {"),
        ({"result_digest": "0" * 64}, "result_digest: found 0000"),
    ],
)
def test_the_trace_of_another_run_is_found(results: Path, changes: dict[str, Any], expected: str) -> None:
    found = refused(
        folder_of(results, "cart_pole"),
        lambda trace: replace(trace, header=trace.header.model_copy(update=changes)),
    )
    assert f"evaluation.trace: {expected}" in found


def test_an_episode_left_out_at_the_end_is_found(results: Path) -> None:
    found = refused(folder_of(results, "cart_pole"), lambda trace: replace(trace, episodes=trace.episodes[:-1]))
    assert "evaluation.trace: found 99 episodes, expected 100" in found


@pytest.mark.parametrize("task", TASKS)
def test_r2_a_stopped_evaluation_goes_on_where_it_was(task: str, tmp_path: Path) -> None:
    run = resolve_run(variant="random_uniform", task=task, seed=2)
    machine = Machine(tmp_path / "results", tmp_path / "state", "cpu", "raw", 600.0, None, quiet=True)

    class After(Stop):
        looks = 150

        def asked(self) -> bool:
            self.looks -= 1
            return self.looks < 0

    def finish(play) -> object:
        with load_family("untrained").open_cohort([run], machine) as cohort:
            (outcome,) = cohort.finish(play)
        return outcome.evaluation

    with pytest.raises(Stopped):
        finish(ResumablePlay(tmp_path, After(time.monotonic(), None), 600.0))
    assert unfinished_path(run, tmp_path).exists()
    assert finish(ResumablePlay(tmp_path, Stop(time.monotonic(), None), 600.0)) == finish(play_at_once)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"variant": "random_uniform", "task": "pong"}, "task pong: found one of kind atari, expected gymnasium"),
        (
            {"variant": "random_10hz", "task": "cart_pole", "protocol": "classic_control"},
            "variant random_10hz: protocol classic_control presents tasks of kind gymnasium, expected atari as its own "
            "protocol nature; name a protocol that fits",
        ),
        (
            {"variant": "random_uniform", "task": "pong", "protocol": "nature"},
            "variant random_uniform: protocol nature presents tasks of kind atari, expected gymnasium",
        ),
        ({"variant": "random_uniform", "task": "cart_poll"}, "cart_pole"),
    ],
)
def test_what_does_not_fit_together_is_one_line(arguments: dict[str, Any], expected: str) -> None:
    with pytest.raises(ReplicationError) as error:
        resolve_run(seed=1, **arguments)
    assert expected in str(error.value) and "\n" not in str(error.value)


def test_every_row_of_its_fidelity_table_holds() -> None:
    run = resolve_run(variant="random_uniform", task="cart_pole", seed=1)
    statuses = {judged.row.row: judged.status for judged in judge_rows(run.variant, run.protocol)}
    assert {row for row in statuses if row.startswith("G")} == {"G1", "G2", "G3"}
    assert set(statuses.values()) <= {EXACT, NOT_APPLICABLE}
