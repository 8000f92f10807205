"""The plan: what is done, what is left, at what speed, and how large it gets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from replication.algorithms.off_policy.contract import load_algorithm
from replication.analysis import cost
from replication.analysis.cost import Speed, known_speed, seconds_to_go, steps_to_go
from replication.commands import plan
from replication.commands.plan import plan_text
from replication.evidence.records import sealed_record
from replication.foundation.durations import days_text
from replication.foundation.paths import WORKFLOW
from replication.report.pages.index import index_html
from replication.report.pages.summary import left_to_run
from replication.specification.assumed_speed import REFERENCE_ACTIONS, REFERENCE_PLAYING, REFERENCE_WORK
from replication.specification.experiments import load_experiment
from replication.specification.loading import identity_config
from replication.specification.run import Run, resolve_run
from replication.training.off_policy.footprint import checkpoint_bytes, parameter_count


def _record(run: Run, **changes) -> dict:
    record = {
        "training_digest": run.training_digest,
        "result_digest": run.result_digest,
        ("game" if run.task.kind == "atari" else "task"): run.task.name,
        "config": identity_config(run.variant),
        "counts": {"steps": run.budget.steps},
        "cost": {"seconds": 200.0},
        "machine": {"device": "cpu", "lanes": 1},
        "provenance": cost.this_machine(),
    }
    return record | changes


def _finish(run: Run, results: Path, state: Path | None = None, **changes) -> None:
    """Write a record; with `state`, as if this machine had made it."""
    if state is not None:
        run.state_folder(state).mkdir(parents=True, exist_ok=True)
    folder = run.results_folder(results)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_bytes(sealed_record(_record(run, **changes)))


def test_the_plan_counts_finished_runs_and_continues_from_checkpoints(tmp_path: Path) -> None:
    runs = load_experiment("quickstart").runs()
    before = plan_text("quickstart", tmp_path / "results", tmp_path / "state")
    assert "dqn_quickstart     0 of 2  240,000 frames" in before
    assert "assumed" in before
    assert "100,000 rows" in before
    _finish(runs[0], tmp_path / "results", tmp_path / "state")
    (runs[1].state_folder(tmp_path / "state") / "checkpoint_0000010000").mkdir(parents=True)
    assert steps_to_go(runs[1], tmp_path / "state") == 20_000
    after = plan_text("quickstart", tmp_path / "results", tmp_path / "state", cores=2)
    assert "dqn_quickstart     1 of 2  80,000 frames" in after
    assert "150 (of the finished run of kung_fu_master)" in after  # 30,000 steps in 200 seconds
    assert "in all             1 of 4  80,000 frames" in after
    for run in runs:
        _finish(run, tmp_path / "results")
    assert "every run is there" in plan_text("quickstart", tmp_path / "results", tmp_path / "state")


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {}},
        {"counts": {"steps": 7_999}},  # learning starts at 1,600: too short to tell
        {"machine": {"device": "cuda", "lanes": 1}},
        {"machine": {"device": "cpu", "lanes": 2}},
        {"provenance": {"system": "another", "cores": 1}},
        {"cost": {"seconds": 0.0}},
        {"cost": None},
    ],
)
def test_a_run_that_says_nothing_about_this_machine_is_not_a_measurement(tmp_path: Path, changes: dict) -> None:
    run = load_experiment("quickstart").runs()[0]
    results, state = tmp_path / "results", tmp_path / "state"
    _finish(run, results, state)
    assert known_speed(run, results, state).training == 150.0
    _finish(run, results, state, **changes)
    assert known_speed(run, results, state).origin == "assumed"


@pytest.mark.parametrize("name", ["td3_2018", "a2c_2017", "quickstart"])
def test_a_finished_run_of_every_kind_of_task_tells_the_speed_of_the_next(tmp_path: Path, name: str) -> None:
    run = load_experiment(name).runs()[0]
    results, state = tmp_path / "results", tmp_path / "state"
    _finish(run, results, state, counts={"steps": 10_000_000})
    assert known_speed(run, results, state).origin == f"of the finished run of {run.task.name}"


def test_a_run_that_came_with_the_results_decides_nothing(tmp_path: Path) -> None:
    """Another machine made it: that its system and number of cores are the same is not enough."""
    run = load_experiment("quickstart").runs()[0]
    _finish(run, tmp_path / "results")
    assert known_speed(run, tmp_path / "results", tmp_path / "state").origin == "assumed"


def test_a_measurement_wins_over_finished_runs(tmp_path: Path) -> None:
    run = load_experiment("quickstart").runs()[0]
    _finish(run, tmp_path / "results", tmp_path / "state")
    path = cost.speed_path(run, tmp_path / "state")
    path.write_text(json.dumps(cost.speed_conditions(run) | {"training": 105.0, "playing": 500.0}))
    found = known_speed(run, tmp_path / "results", tmp_path / "state")
    assert (found.training, found.playing, found.origin) == (105.0, 500.0, "measured on this machine")


def test_a_measurement_of_another_processor_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load_experiment("quickstart").runs()[0]
    path = cost.speed_path(run, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(cost.speed_conditions(run) | {"training": 105.0, "playing": 500.0}))
    assert known_speed(run, tmp_path, tmp_path).training == 105.0
    monkeypatch.setattr(cost, "processor_model", lambda: "another")
    assert known_speed(run, tmp_path, tmp_path).origin == "assumed"


def test_what_is_assumed_follows_the_arithmetic_of_the_variant() -> None:
    def assumed(variant: str) -> Speed:
        budget = {"budget_iterations": 1} if variant == "dqn_dopamine" else {"budget_frames": 400_000}
        run = resolve_run(variant=variant, task="pong", seed=1, **budget)
        return known_speed(run, Path("/nowhere"), Path("/nowhere"))

    reference = resolve_run(variant="dqn", task="pong", seed=1, budget_frames=4_000_000)
    assert reference.family.work is not None
    assert reference.family.work("dqn", reference.settings, REFERENCE_ACTIONS) == REFERENCE_WORK
    assert assumed("dqn").training == pytest.approx(100.0) and assumed("dqn").playing == pytest.approx(625.0)
    # 15.7 times the arithmetic of an update; an action takes 32 samples of the head beside the emulator. Seven were
    # measured on a busy core.
    assert assumed("iqn").training == pytest.approx(8.3, abs=0.1)
    assert assumed("iqn").playing == pytest.approx(319, abs=1)
    # A small network's updates take what is called around them: results/runs has 44 to 77 of Dopamine's DQN.
    assert assumed("dqn_dopamine").training == pytest.approx(63.0, abs=0.1)
    assert assumed("linear_2015").training == pytest.approx(372, abs=1)
    assert assumed("der_2019").training == pytest.approx(79.4, abs=0.1)
    # A variant of another name and the same settings is as fast.
    assert assumed("dqn_paper").training == assumed("dqn").training
    # Two updates a step, each of 11.2 GFLOP.
    assert 2.5 < assumed("spr").training < 4
    days = sum(map(cost.assumed_seconds, load_experiment("iqn_2018").runs())) / 86_400
    assert 4_000 < days < 5_500  # on the core for which it is assumed; 354 by the time of an unknown variant


def test_what_is_to_go_is_counted_in_the_unit_of_its_budget() -> None:
    text = plan_text("nfq_2005", Path("/nowhere"), Path("/nowhere"), cores=2)
    assert "frames" not in text and re.search(r"^nfq +0 of 300 +[0-9,]+ episodes ", text, re.MULTILINE)
    assert re.search(
        r"^in all +0 of 98 +9,800,000,000 frames ", plan_text("nature_table2", Path("/no"), Path("/no")), re.MULTILINE
    )


def test_hours_are_training_plus_evaluations() -> None:
    run = resolve_run(variant="dqn", task="pong", seed=1, budget_frames=4_000_000)
    # 1,000,000 steps; 4 evaluations of 125,000 steps; 30 episodes of 18,000 frames = 135,000 steps.
    apart = Speed(training=100.0, playing=500.0, includes_evaluations=False, origin="")
    assert seconds_to_go(run, apart, Path("/nowhere")) == 10_000 + 4 * 250 + 270
    within = Speed(training=100.0, playing=500.0, includes_evaluations=True, origin="")
    assert seconds_to_go(run, within, Path("/nowhere")) == 10_000 + 270
    random = resolve_run(variant="random_10hz", task="pong", seed=1)
    assert seconds_to_go(random, None, Path("/nowhere")) == 540_000 / cost.ASSUMED_RANDOM_FRAMES


def test_the_parameters_of_the_nature_network() -> None:
    run = resolve_run(variant="dqn", task="breakout", seed=1, budget_frames=4_000)
    # 32 (4 8 8 + 1) + 64 (32 4 4 + 1) + 64 (64 3 3 + 1) + 512 (64 7 7 + 1) + 4 (512 + 1)
    assert parameter_count(run.settings.network, 4, 4) == 8_224 + 32_832 + 36_928 + 1_606_144 + 2_052
    # Five copies of float32, 500 pairs of stacks; two checkpoints.
    assert checkpoint_bytes(run) == 2 * (5 * 4 * 1_686_180 + 500 * 2 * 4 * 84 * 84)


@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine", "dqn_quickstart"])
def test_parameters_are_counted_as_torch_builds_them(variant: str) -> None:
    budget = {"budget_iterations": 1} if variant == "dqn_dopamine" else {"budget_frames": 4_000}
    run = resolve_run(variant=variant, task="pong", seed=1, **budget)
    algorithm = load_algorithm(run.variant.module)
    network = algorithm.network(run.settings, 6)
    shared = run.settings
    count = parameter_count(shared.network, shared.frame_stack, 6)
    assert count == sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.slow
def test_one_number_everywhere(tmp_path: Path) -> None:
    """The plan of a machine without a measurement, the doctor, the list of what is left and the index."""
    experiment = load_experiment("iqn_2018")
    seconds = sum(item.seconds for item in plan.plan_variants(experiment.runs(), tmp_path, tmp_path))
    assert seconds == pytest.approx(left_to_run(experiment, tmp_path).core_seconds)
    text = plan_text("iqn_2018", tmp_path, tmp_path, cores=2)
    assert f"slow: {days_text(seconds)} of one core; " in text
    assert "slow: " not in plan_text("quickstart", tmp_path, tmp_path, cores=2)
    assert re.search(rf">iqn_2018<.*>{days_text(seconds)}<", index_html(tmp_path))


@pytest.mark.slow
def test_speeds_are_measured_and_kept(tmp_path: Path) -> None:
    plan.measure_speeds("quickstart", tmp_path, seconds=0.3)
    run = load_experiment("quickstart").runs()[0]
    found = known_speed(run, tmp_path, tmp_path)
    assert found.origin == "measured on this machine"
    assert 5 < found.training < 5_000
    assert found.playing not in (found.training, REFERENCE_PLAYING)
    assert "measured on this machine" in plan_text("quickstart", tmp_path, tmp_path)


def test_a_plan_needs_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from replication.commands.plan import print_plan; "
        "print_plan('nature_table2', Path('/nowhere'), Path('/nowhere')); "
        "assert not sys.modules.keys() & {'torch', 'pandas', 'ale_py'}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=WORKFLOW.parent, check=True, capture_output=True, text=True)
    assert "9,800,000,000" in done.stdout


def test_a_run_in_steps_has_to_go_what_lies_behind_its_checkpoint(tmp_path: Path) -> None:
    run = load_experiment("td3_2018").runs()[0]
    (run.state_folder(tmp_path) / "checkpoint_0000030000").mkdir(parents=True)
    assert plan._to_go(run, tmp_path) == {"steps": run.budget.steps - 30_000}
