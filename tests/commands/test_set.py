"""`train --set`: a variant of its own by name, digest and declared departure, that verify and train find again."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from replication.commands.cli import main
from replication.evidence.records import run_of_folder
from replication.specification.changed_settings import changed_name, changes_of, name_of
from replication.specification.fidelity import UNDECLARED, deviations_in_force, judge_rows
from replication.specification.loading import load_preset, load_variant
from replication.specification.run import Run, resolve_run
from replication.specification.run_arguments import run_arguments
from tests.support.bad_input import SMOKE, refused, train


def run_named(variant: str, **changes: Any) -> Run:
    return resolve_run(**{"variant": variant, "task": "breakout", "seed": 1, "budget_frames": 200_000_000} | changes)


def test_a_run_with_a_changed_setting_is_trained_continued_and_verified(tmp_path: Path) -> None:
    command = [*train(tmp_path, **SMOKE), "--set", "optimizer.learning_rate=1e-4", "--set", "discount=0.9"]
    name = "dqn+discount=0.9+optimizer.learning_rate=0.0001"
    assert main(command) == 0
    (record,) = (tmp_path / "results").rglob("run.json")
    assert record.parts[-5:-2] == (name, "catch", "seed1")
    content = json.loads(record.read_bytes())
    assert content["config"]["optimizer"]["learning_rate"] == 0.0001 and content["config"]["discount"] == 0.9
    (departure,) = [one for one in content["deviations"] if one["id"] == "set"]
    assert departure["what"] == "changed by hand: discount 0.9, optimizer.learning_rate 0.0001; otherwise dqn"
    assert set(departure["rows"]) == {"O1", "O3", "O5"}
    assert run_of_folder(record.parent).result_digest == content["result_digest"]
    assert main(["verify", str(tmp_path / "results")]) == 0
    before = record.read_bytes()
    assert main(command) == 0 and record.read_bytes() == before  # finished: nothing to do
    longer = [*train(tmp_path, **SMOKE | {"budget_frames": "3200"}), *command[-4:]]
    assert main(longer) == 0
    (other,) = set((tmp_path / "results").rglob("run.json")) - {record}
    assert json.loads(other.read_bytes())["training_digest"] == content["training_digest"]
    assert len(list((tmp_path / "state" / name / "catch" / "seed1").iterdir())) == 1  # the longer one went on from it


def test_the_digest_holds_the_changed_settings() -> None:
    plain, changed = run_named("dqn"), run_named("dqn+optimizer.learning_rate=0.0001")
    assert changed.training_digest != plain.training_digest
    identity = changed.identity()
    assert identity["variant"] == "dqn+optimizer.learning_rate=0.0001"
    assert identity["config"]["optimizer"] == plain.identity()["config"]["optimizer"] | {"learning_rate": 0.0001}
    assert changed.variant.title == "DQN (released program), optimizer.learning_rate 0.0001"
    again = run_named("dqn+optimizer.learning_rate=1e-4")
    assert (again.variant.variant, again.result_digest) == (changed.variant.variant, changed.result_digest)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (["optimizer.learning_rate=1e-4"], "dqn+optimizer.learning_rate=0.0001"),
        (["reward_clip=1e+20", "batch_size=1_6"], "dqn+batch_size=16+reward_clip=1e20"),
        (["discount=1"], "dqn+discount=1.0"),
        (["replay_sampling.name=newest"], "dqn+replay_sampling.name=newest"),
        (["truncation_bootstraps=false"], "dqn+truncation_bootstraps=false"),
    ],
)
def test_names_are_safe_and_lead_to_the_same_variant(settings: list[str], name: str) -> None:
    found = load_variant(changed_name("dqn", settings))
    assert found.variant == name == shlex.quote(name) and re.fullmatch(r"[A-Za-z0-9_.=+-]+", name)
    assert load_variant(name) == found
    assert name_of(*changes_of(name)) == name
    assert name in run_arguments([run_named(name)], Path("results"))


def test_a_null_is_read_as_none_and_a_part_of_another_kind_is_replaced_whole() -> None:
    assert load_variant("rainbow_dopamine+gradient_norm_clip=5.0").config["gradient_norm_clip"] == 5.0
    assert load_variant("dueling_double_dqn+gradient_norm_clip=null").config["gradient_norm_clip"] is None
    adam = ["name=adam", "learning_rate=1e-3", "beta1=0.9", "beta2=0.99", "epsilon=1e-5"]
    found = load_variant(changed_name("dqn", [f"optimizer.{one}" for one in adam])).config["optimizer"]
    assert found == {
        "name": "adam",
        "learning_rate": 0.001,
        "beta1": 0.9,
        "beta2": 0.99,
        "epsilon": 1e-05,
        "epsilon_before_correction": False,
    }


def test_what_is_set_comes_after_the_preset() -> None:
    smoke = load_preset("smoke")
    assert load_variant("dqn", smoke).config["batch_size"] == 8
    assert load_variant("dqn+batch_size=4", smoke).config == load_variant("dqn", smoke).config | {"batch_size": 4}
    rows = {one.id: one.rows for one in deviations_in_force(run_named("dqn+batch_size=4", preset="smoke"))}
    assert rows["set"] == ("O7",) and "O7" not in rows["preset-smoke"]


def test_the_departure_stands_in_every_row_it_moves() -> None:
    run = run_named("dqn+discount=0.9")
    found = {judged.row.row: judged.status for judged in judge_rows(run.variant, run.protocol)}
    assert found["O1"] == "set" and UNDECLARED not in found.values()
    assert [row for row, status in found.items() if "set" in status] == ["O1"]
    twice = run_named("dqn_lr_double+optimizer.learning_rate=0.001")
    found = {judged.row.row: judged.status for judged in judge_rows(twice.variant, twice.protocol)}
    assert found["O3"] == found["O5"] == "dqn_lr_double-rate, set"
    assert "set" not in {one.id for one in deviations_in_force(run_named("dqn"))}


def test_a_setting_without_a_row_is_declared_too() -> None:
    (found,) = [one for one in deviations_in_force(run_named("dqn+error_loss=squared")) if one.id == "set"]
    assert found.rows == () and "error_loss squared" in found.what


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            ["optimizer.learning_rat=1e-4"],
            "config.optimizer.learning_rat: there is no key 'learning_rat'; did you mean",
        ),
        (["discount=1.5"], "--set discount=1.5: config.discount: expected a number less than or equal to 1.0"),
        (["batch_size=1e2"], "config.batch_size: expected a whole number, found 100.0: write 100"),
        (["error_loss=cubed"], "--set error_loss=cubed: config.error_loss: expected one of 'huber' or 'squared'"),
        (["discount=much"], "config.discount: expected a number, found 'much'"),
        (["discount"], "--set discount: found 'discount', expected KEY=VALUE"),
        (["discount="], "discount: found '', expected a number, a word"),
        (["discount=[1]"], "discount: found '[1]', expected a number, a word"),
        (["discount=.nan"], "discount: found '.nan', expected a number, a word"),
        (["discount=nan"], "discount: found 'nan', expected a number, a word"),
        (["discount=!!python/name:os.system"], "expected a number, a word"),
        (["discount=" + "9" * 300], "expected a number, a word"),
        (["discount=a/b"], "expected a number, a word"),
        (["../discount=1"], "expected KEY=VALUE"),
        (["discount=0.99"], "--set discount: found 0.99, which dqn has; leave it out"),
        (["discount=0.9", "discount=0.8"], "discount: found a second value, expected one; leave one out"),
        (["optimizer.name=adam"], "config.optimizer.learning_rate: field required"),
        ([f"{'a' * 150}=1", f"{'b' * 150}=1"], "expected at most 200; write a YAML that says like: dqn"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], expected: str
) -> None:
    options = [word for one in settings for word in ("--set", one)]
    assert expected in refused(capsys, *train(tmp_path), *options)
    assert not (tmp_path / "results").exists()
