"""Experiments: every shipped one names runs that can be; bad ones give one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from replication.evidence.records import unfinished
from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.specification import run as run_module
from replication.specification.digests import record_digests
from replication.specification.experiments import Experiment, known_experiments, load_experiment
from replication.specification.loading import load_protocol
from replication.specification.tasks.atari_games import NATURE49


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the settings that a test may spoil."""
    for kind in ("algorithms", "protocols", "presets", "experiments"):
        (tmp_path / kind).mkdir()
        for source in (paths.WORKFLOW / kind).glob("*.yaml"):
            (tmp_path / kind / source.name).write_text(source.read_text())
    monkeypatch.setattr(paths, "WORKFLOW", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("quickstart", 4),
        ("nature_table2", 98),
        ("nature_random", 588),
        ("nature_figure2", 2),
        ("nature_figure4", 1),
        ("dopamine_curves", 6),
        ("dopamine_quantile", 8),
        ("dopamine_adam", 8),
        ("dopamine_rainbow", 6),
        ("dopamine_optimisers", 8),
    ],
)
def test_every_experiment_names_its_runs_once(name: str, runs: int) -> None:
    found = load_experiment(name).runs()
    assert len({run.result_digest for run in found}) == len(found) == runs


def test_s1_the_published_table_is_49_games_at_200_million_frames() -> None:
    trained = [run for run in load_experiment("nature_table2").runs() if run.variant.variant == "dqn"]
    assert [run.task.name for run in trained] == list(NATURE49)
    assert {run.budget.steps * 4 for run in trained} == {200_000_000}
    assert {run.protocol.protocol for run in trained} == {"nature"}
    assert {run.preset for run in trained} == {None}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"games": ["pongg"]}, "did you mean 'pong'"),
        ({"variants": ["dqnn"]}, "did you mean 'dqn'"),
        ({"budget_frames": 402}, "positive multiple of 4"),
        ({"budget_frames": "1e6"}, r"runs\.0\.budget_frames"),
        ({"seeds": []}, r"runs\.0\.seeds"),
        ({"games": []}, r"runs\.0\.games"),
        ({"games": "nature48"}, "expected one of 'nature49', 'atari57'"),
        ({"seeds": [1, 1]}, "is named twice"),
        ({"sede": 1}, "sede"),
    ],
)
def test_what_cannot_be_run_is_said_at_once(workflow: Path, change: dict[str, object], expected: str) -> None:
    path = workflow / "experiments" / "quickstart.yaml"
    content = yaml.safe_load(path.read_text())
    content["runs"][0] |= change
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ReplicationError, match=expected) as caught:
        load_experiment("quickstart")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (
            [1, 3],
            "judge_at: expected at most budget_iterations, 2, found 3; raise it or leave the point out$",
        ),
        ([2, 1], r"judge_at: expected ascending numbers, each once, at least one, found \[2, 1\]$"),
        ([1, 1], r"each once, at least one, found \[1, 1\]$"),
        ([], r"at least one, found \[\]$"),
        ([0, 1], r"runs\.0\.judge_at\.0: expected a number greater than or equal to 1, found 0$"),
        (2, r"runs\.0\.judge_at"),
    ],
)
def test_points_that_no_run_reaches_are_refused_when_the_experiment_is_loaded(
    workflow: Path, points: object, expected: str
) -> None:
    path = workflow / "experiments" / "dopamine_curves.yaml"
    content = yaml.safe_load(path.read_text())
    content["runs"][0]["judge_at"] = points
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ReplicationError, match=expected) as caught:
        load_experiment("dopamine_curves")
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def judged_by_frames(workflow: Path, points: list[int], **changes: object) -> Experiment:
    """The quickstart, judged at these frames, under its protocol with changes."""
    protocol = yaml.safe_load((workflow / "protocols" / "nature.yaml").read_text())
    (workflow / "protocols" / "scored.yaml").write_text(yaml.safe_dump(protocol | {"protocol": "scored"} | changes))
    path = workflow / "experiments" / "quickstart.yaml"
    content = yaml.safe_load(path.read_text())
    runs = {"variants": ["dqn"], "games": ["pong"], "seeds": [1], "budget_frames": 400_000, "protocol": "scored"}
    content |= {"runs": [runs | {"judge_at": points}], "published": None, "tables": [], "figures": [], "findings": []}
    path.write_text(yaml.safe_dump(content))
    return load_experiment("quickstart")


def scored_changes(workflow: Path) -> dict[str, object]:
    training = yaml.safe_load((workflow / "protocols" / "nature.yaml").read_text())["training"]
    return {
        "training": training | {"independent_episodes": True},
        "published_quantity": "training_episodes",
        "training_score": {"episodes": 100, "at_frames": [100_000, 200_000, 800_000]},
        "final_evaluation": None,
        "periodic_evaluation": None,
    }


def test_points_are_of_training_returns(workflow: Path) -> None:
    with pytest.raises(ReplicationError, match="judge_at: protocol scored publishes evaluations at the end"):
        judged_by_frames(workflow, [100_000]).runs()


def test_runs_whose_last_episodes_are_scored_are_judged_at_frames(workflow: Path) -> None:
    experiment = judged_by_frames(workflow, [100_000, 400_000], **scored_changes(workflow))
    assert [run.training_frames for run in experiment.judged_runs()] == [100_000, 400_000]
    with pytest.raises(ReplicationError, match=r"judge_at: found frame 300,000, expected one of 100,000, 200,000, 400"):
        judged_by_frames(workflow, [300_000], **scored_changes(workflow)).runs()
    with pytest.raises(ReplicationError, match="judge_at: expected at most budget_frames, 400000, found 800000"):
        judged_by_frames(workflow, [800_000], **scored_changes(workflow))


def test_where_episodes_are_scored_is_no_part_of_what_names_a_run(workflow: Path) -> None:
    changes = scored_changes(workflow)
    (run,) = judged_by_frames(workflow, [400_000], **changes).runs()
    changes["training_score"] = {"episodes": 100, "at_frames": []}
    (other,) = judged_by_frames(workflow, [400_000], **changes).runs()
    assert run.record_identity() != other.record_identity()
    assert (run.training_digest, run.result_digest) == (other.training_digest, other.result_digest)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"training_score": None}, "training_score: expected where published_quantity is training_episodes"),
        ({"published_quantity": "final_evaluation"}, "training_score: expected where published_quantity is"),
        ({"training": {"independent_episodes": False}}, "expected training.independent_episodes beside it"),
        ({"training_score": {"episodes": 100, "at_frames": [2, 1]}}, "at_frames: expected ascending numbers"),
        ({"training_score": {"episodes": 100, "at_frames": [10]}}, "at_frames: expected multiples of 4, the frames of"),
    ],
)
def test_scores_of_episodes_that_cannot_be_kept_are_refused(
    workflow: Path, changed: dict[str, object], expected: str
) -> None:
    changes = scored_changes(workflow) | changed
    if "training" in changed:
        changes["training"] = {**scored_changes(workflow)["training"], "independent_episodes": False}  # type: ignore[dict-item]
    with pytest.raises(ReplicationError, match=expected) as caught:
        judged_by_frames(workflow, [400_000], **changes)
        load_protocol("scored")
    assert "\n" not in str(caught.value)


def test_one_training_is_judged_once_at_a_length(workflow: Path) -> None:
    path = workflow / "experiments" / "dopamine_curves.yaml"
    content = yaml.safe_load(path.read_text())
    shorter = content["runs"][0] | {"budget_iterations": 1, "seeds": [1]}
    content["runs"].append(shorter)
    path.write_text(yaml.safe_dump(content))
    assert len(load_experiment("dopamine_curves").runs()) == 8  # the shorter ones are judged where no other is
    content["runs"][0]["judge_at"] = [1, 2]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ReplicationError, match="is judged twice at one length of training, in runs of two budgets"):
        load_experiment("dopamine_curves")


def test_dopamine_rainbow_is_judged_on_krull_after_one_million_frames_too() -> None:
    experiment = load_experiment("dopamine_rainbow")
    judged = {(run.task.name, run.budget.iterations, run.seed) for run in experiment.judged_runs()}
    # Seeds 2 and 3 of Krull end after one iteration.
    assert judged == {("krull", 1, seed) for seed in (1, 2, 3, 4)} | {
        (game, 3, seed) for game, seeds in (("krull", (1, 4)), ("assault", (1, 2))) for seed in seeds
    }
    plain = load_experiment("dopamine_adam")
    assert plain.judged_runs() == plain.runs() and not plain.judges_before_the_end


def test_the_optimisers_are_compared_on_the_runs_that_dopamine_adam_names() -> None:
    adam = {run.result_digest for run in load_experiment("dopamine_adam").runs()}
    both = load_experiment("dopamine_optimisers").runs()
    assert {run.result_digest in adam for run in both if run.variant.variant == "dqn_dopamine_adam"} == {True}


def test_a_table_that_normalises_needs_a_reference_set(workflow: Path) -> None:
    path = workflow / "experiments" / "quickstart.yaml"
    content = yaml.safe_load(path.read_text())
    del content["reference_set"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ReplicationError, match="tables: scores: found no reference_set, expected one of nature49_5min"):
        load_experiment("quickstart")


def test_a_bundle_is_digested_once_however_many_seeds_it_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digested: list[dict[str, object]] = []

    def counted(record: dict[str, object]) -> tuple[str, str]:
        digested.append(record)
        return record_digests(record)

    monkeypatch.setattr(run_module, "record_digests", counted)
    runs = load_experiment("sutton_example_6_6").runs()
    bundles = {(run.variant.variant, run.bundle) for run in runs}
    assert len(runs) > 100 * len(bundles) and len({run.key for run in runs}) == len(runs)
    assert len(unfinished(runs, tmp_path)) == len(runs)
    assert len(digested) <= 2 * len(bundles)
    assert len({run.result_digest for run in runs}) == len(runs), "seeds of a bundle are runs of their own"


def test_a_misspelt_experiment_offers_the_nearest() -> None:
    assert "quickstart" in known_experiments()
    with pytest.raises(ReplicationError, match="did you mean 'quickstart'"):
        load_experiment("quikstart")


def test_naming_runs_needs_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; from replication.specification.experiments import load_experiment; "
        "load_experiment('nature_table2').runs(); "
        "sys.exit(bool({'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
