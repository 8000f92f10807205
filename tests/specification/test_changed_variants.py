"""`run --set`: an experiment of its own by name, whose variants with the setting are changed, as `train --set` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.foundation.errors import ReplicationError
from replication.specification.changed_variants import changed_variants
from replication.specification.experiments import changed_experiment, experiment_path, load_experiment
from replication.specification.fidelity import deviations_in_force
from replication.specification.run import resolve_run
from tests.support.bad_input import refused


def test_each_variant_with_the_setting_is_changed_and_the_others_are_as_they_were() -> None:
    plain, changed = load_experiment("quickstart"), load_experiment("quickstart+discount=0.9")
    assert (changed.experiment, changed.title) == ("quickstart+discount=0.9", f"{plain.title}, discount 0.9")
    before, after = plain.runs(), changed.runs()
    assert [run.variant.variant for run in after[:2]] == ["dqn_quickstart+discount=0.9"] * 2
    assert [run.result_digest for run in after[2:]] == [run.result_digest for run in before[2:]]
    assert {run.variant.variant for run in after[2:]} == {"random_10hz"}
    trained = resolve_run(
        variant="dqn_quickstart+discount=0.9",
        task=before[0].task.name,
        seed=1,
        preset="quickstart",
        budget_frames=before[0].training_frames,
    )
    assert after[0].result_digest == trained.result_digest not in {run.result_digest for run in before}
    assert "changed by hand: discount 0.9" in " ".join(one.what for one in deviations_in_force(after[0]))


def test_what_is_published_and_found_of_a_variant_is_not_of_the_changed_one() -> None:
    plain, changed = load_experiment("dopamine_curves"), load_experiment("dopamine_curves+batch_size=16")
    assert plain.published is not None and changed.published is not None
    assert plain.published.agents.keys() == {run.variant.variant for run in plain.runs()}
    assert changed.published.agents == {} and changed.published.algorithm == plain.published.algorithm
    assert load_experiment("nature_table2+discount=0.9").findings == ()


def test_a_variant_that_has_the_value_already_is_left_as_it_is() -> None:
    names = {run.variant.variant for run in load_experiment("nature_table4+optimizer.learning_rate=0.0005").runs()}
    doubled = {name for name in names if name.endswith("_lr_double")}
    assert doubled == {"dqn_lr_double", "linear_2015_lr_double"}
    assert names - doubled == {
        f"{name}+optimizer.learning_rate=0.0005"
        for name in ("dqn", "dqn_lr_half", "linear_2015", "linear_2015_lr_half")
    }


def test_a_part_of_another_kind_is_exchanged_where_there_is_one() -> None:
    adam = {"name": "adam", "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-5}
    changes = {f"optimizer.{key}": value for key, value in adam.items()}
    names, made = changed_variants([("dqn", None), ("random_10hz", None), ("dqn_dopamine_adam", None)], changes)
    assert made == changes and names.keys() == {("dqn", None), ("dqn_dopamine_adam", None)}
    assert all(f"optimizer.{key}=" in names["dqn", None] for key in adam)
    assert "optimizer.name" not in names["dqn_dopamine_adam", None]


def test_the_name_is_one_whatever_the_spelling_and_the_order() -> None:
    said = ["optimizer.learning_rate=1e-3", "discount=1"]
    name = changed_experiment("quickstart", said)
    assert (
        name
        == "quickstart+discount=1.0+optimizer.learning_rate=0.001"
        == changed_experiment("quickstart+discount=1", said[:1])
    )
    assert load_experiment(name).experiment == name == changed_experiment(name, [])
    assert (
        experiment_path(name) == experiment_path("quickstart") and changed_experiment("quickstart", []) == "quickstart"
    )
    with pytest.raises(ReplicationError, match=r"^quickstart\+discount=1: expected quickstart\+discount=1\.0, which"):
        load_experiment("quickstart+discount=1")


def test_the_plan_of_a_changed_experiment_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    assert main(["run", "quickstart", "-n", "--set", "discount=0.9", f"--results={results}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("quickstart+discount=0.9: ") and "dqn_quickstart+discount=0.9     0 of 2" in said
    assert "replication run quickstart+discount=0.9 -n --measure" in said
    assert main(["run", "quickstart+discount=0.9", "-n", f"--results={results}"]) == 0
    assert capsys.readouterr().out == said and not results.exists()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            ["optimizer.learning_rat=1e-4"],
            "--set optimizer.learning_rat=0.0001: there is no key 'optimizer.learning_rat'; did you mean 'optimizer.le",
        ),
        (["discount=0.99"], "--set discount=0.99: found 0.99, which its variants have; leave it out"),
        (["discount=1.5"], "--set discount=1.5: config.discount: expected a number less than or equal to 1.0"),
        (["num_atoms=21"], "--set num_atoms=21: there is no key 'num_atoms'"),
        (["optimizer=1"], "--set optimizer=1: config.optimizer: expected keys with values"),
        (["discount"], "--set discount: found 'discount', expected KEY=VALUE"),
        (["discount=0.9", "discount=0.8"], "discount: found a second value, expected one; leave one out"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], expected: str
) -> None:
    options = [word for one in settings for word in ("--set", one)]
    assert expected in refused(capsys, "run", "quickstart", *options, f"--results={tmp_path / 'results'}")
    assert not (tmp_path / "results").exists()
