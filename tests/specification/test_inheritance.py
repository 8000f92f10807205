"""Variants that are `like` another: what they say out is what they are; circles and faults are one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.foundation.validation import read_yaml
from replication.specification.inheritance import replaced
from replication.specification.loading import load_variant, read_variant
from replication.specification.run import resolve_run
from tests.support.bad_input import copy_workflow


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the settings that a test may spoil."""
    return copy_workflow(tmp_path, monkeypatch)


def write(workflow: Path, content: dict[str, Any]) -> Path:
    path = workflow / "algorithms" / f"{content['variant']}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def written_out(name: str) -> dict[str, Any]:
    return read_yaml(paths.WORKFLOW / "algorithms" / f"{name}.yaml")


def difference(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What replacing must be told to make `other` of `base`, parts of one kind key by key."""
    found: dict[str, Any] = {}
    for key, value in other.items():
        if key not in base:
            found[key] = value
        elif isinstance(value, dict) and value.get("name") == base[key].get("name"):
            found |= {key: inner} if (inner := difference(base[key], value)) else {}
        elif value != base[key]:
            found[key] = value
    return found


@pytest.mark.parametrize(
    ("name", "other", "budget"),
    [
        ("double_dqn", "dqn", {"budget_frames": 400_000}),
        ("dqn_no_target", "dqn", {"budget_frames": 400_000}),
        ("dqn_dopamine_adam", "dqn_dopamine", {"budget_iterations": 2}),
    ],
)
def test_a_variant_that_says_only_what_differs_has_the_digests_it_has_written_out(
    workflow: Path, name: str, other: str, budget: dict[str, int]
) -> None:
    before, run = load_variant(name), resolve_run(variant=name, task="pong", seed=1, **budget)
    content, base = written_out(name), written_out(other)
    own = ("variant", "title", "deviations", "sources")
    short = {"variant": name, "like": other, **difference(base, content)} | {key: content[key] for key in own}
    assert len(short["config"]) < len(content["config"]) / 2
    path = write(workflow, short)
    assert path.stat().st_size < len(yaml.safe_dump(content))
    after = resolve_run(variant=name, task="pong", seed=1, **budget)
    assert (after.training_digest, after.result_digest) == (run.training_digest, run.result_digest)
    assert load_variant(name).config == before.config


def test_parts_are_replaced_key_by_key_and_those_of_another_kind_whole(workflow: Path) -> None:
    mine: dict[str, Any] = {"variant": "mine", "like": "dqn", "title": "Mine", "config": {}}
    mine["config"] = {
        "optimizer": {"learning_rate": 0.001},
        "network": {"convolutions": []},
        "gradient_norm_clip": 10.0,
    }
    write(workflow, mine)
    other, found = load_variant("dqn").config, load_variant("mine").config
    assert found["optimizer"] == other["optimizer"] | {"learning_rate": 0.001}
    assert found["network"] == other["network"] | {"convolutions": []}
    assert found["gradient_norm_clip"] == 10.0  # of which the other has none
    adam = {"name": "adam", "learning_rate": 0.001, "beta1": 0.9, "beta2": 0.99, "epsilon": 0.001}
    write(workflow, mine | {"config": {"optimizer": adam}})
    assert load_variant("mine").config["optimizer"] == adam | {"epsilon_before_correction": False}
    assert load_variant("dqn").config == other


def test_a_null_takes_the_place_of_a_value() -> None:
    assert replaced({"a": {"b": 1, "c": 2}}, {"a": {"b": None}, "d": 3}) == {"a": {"b": None, "c": 2}, "d": 3}


def test_deviations_are_taken_under_the_name_of_the_variant_after_its_own(workflow: Path) -> None:
    rate = {"id": "mine-rate", "rows": ["O3"], "what": "a rate", "why": "to try", "expected_effect": "unknown"}
    write(workflow, {"variant": "mine", "like": "dqn_no_target", "title": "Mine", "deviations": [rate]})
    other, found = load_variant("dqn_no_target"), load_variant("mine")
    assert [one.id for one in found.deviations] == ["mine-rate", "mine-target", "mine-memory"]
    assert [one.what for one in found.deviations[1:]] == [one.what for one in other.deviations]
    memory = rate | {"id": "mine-memory", "what": "another memory"}
    write(workflow, {"variant": "mine", "like": "dqn_no_target", "title": "Mine", "deviations": [memory]})
    assert [one.what for one in load_variant("mine").deviations] == ["another memory", other.deviations[0].what]
    assert found.sources == other.sources and found.original == other.original


def test_like_leads_on_to_others(workflow: Path) -> None:
    write(workflow, {"variant": "first", "like": "dqn", "title": "1", "config": {"batch_size": 64}})
    write(workflow, {"variant": "second", "like": "first", "title": "2", "config": {"discount": 0.9}})
    found = load_variant("second")
    assert found.config == load_variant("dqn").config | {"batch_size": 64, "discount": 0.9}
    assert [one.id for one in found.deviations] == ["second-memory"]


def test_a_circle_is_one_line(workflow: Path) -> None:
    write(workflow, {"variant": "first", "like": "second", "title": "1"})
    write(workflow, {"variant": "second", "like": "first", "title": "2"})
    with pytest.raises(ReplicationError, match=r"like: found a circle, first like second like first; write one") as it:
        load_variant("first")
    assert "\n" not in str(it.value)
    write(workflow, {"variant": "first", "like": "first", "title": "1"})
    with pytest.raises(ReplicationError, match=r"first.yaml: like: found a circle, first like first; write"):
        load_variant("first")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"like": "dqnn"}, "mine.yaml: like: there is no variant 'dqnn'; did you mean 'dqn'"),
        ({"like": ["dqn"]}, "mine.yaml: like: there is no variant"),
        ({"like": None}, "mine.yaml: like: there is no variant"),
        ({"config": 3}, "mine.yaml: config: expected keys with values, found 3"),
        ({"config": {"batchsize": 3}}, "mine.yaml: config.batchsize: there is no key 'batchsize'; did you mean"),
        ({"config": {"optimizer": {"name": "adam"}}}, "mine.yaml: config.optimizer.learning_rate: field required"),
        ({"deviations": "none"}, "mine.yaml: deviations: expected a list, found 'none'"),
        ({"deviations": [{"id": ["a"]}]}, "mine.yaml: deviations.0.id: expected text"),
        ({"variant": "yours"}, "mine.yaml: variant: found 'yours', expected the file's own name 'mine'"),
    ],
)
def test_what_is_wrong_is_one_line(workflow: Path, said: dict[str, Any], expected: str) -> None:
    path = workflow / "algorithms" / "mine.yaml"
    path.write_text(yaml.safe_dump({"variant": "mine", "like": "dqn", "title": "Mine"} | said))
    with pytest.raises(ReplicationError) as caught:
        load_variant("mine")
    assert expected in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["variant", "title"])
def test_name_and_title_are_never_taken(workflow: Path, key: str) -> None:
    content = {"variant": "mine", "like": "dqn", "title": "Mine"}
    (workflow / "algorithms" / "mine.yaml").write_text(yaml.safe_dump({k: v for k, v in content.items() if k != key}))
    with pytest.raises(ReplicationError, match=rf"mine.yaml: {key}: field required"):
        load_variant("mine")


def test_what_is_wrong_in_the_other_is_said_of_the_other(workflow: Path) -> None:
    write(workflow, {"variant": "mine", "like": "dqn", "title": "Mine"})
    path = workflow / "algorithms" / "dqn.yaml"
    path.write_text(path.read_text().replace("batch_size: 32", "batch_size: 0"))
    with pytest.raises(ReplicationError, match=r"dqn.yaml: config.batch_size: expected a number greater"):
        load_variant("mine")


def test_a_variant_outside_the_package_may_be_like_a_bundled_one(tmp_path: Path) -> None:
    source, path = tmp_path / "alike.py", tmp_path / "alike.yaml"
    source.write_text((paths.ALGORITHMS / "off_policy" / "dqn.py").read_text())
    said = {"variant": "alike", "like": "dqn", "title": "Alike", "module": "alike", "config": {"batch_size": 16}}
    path.write_text(yaml.safe_dump(said))
    assert read_variant(path, source).config == load_variant("dqn").config | {"batch_size": 16}
