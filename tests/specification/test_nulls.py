"""Nulls need not be written: what may be none and is left out of a YAML means none, and digests have it as null."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import Field

from replication.foundation.errors import ReplicationError
from replication.foundation.optional_settings import with_nulls
from replication.foundation.validation import Count, Settings, read_yaml
from replication.specification.experiments import load_experiment
from replication.specification.loading import load_preset, load_protocol, load_variant
from replication.specification.run import resolve_run
from tests.support.bad_input import copy_workflow
from tests.support.golden_digests import current_digests
from tests.support.golden_settings import resolved_settings


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the settings that a test may spoil."""
    return copy_workflow(tmp_path, monkeypatch)


def without_nulls(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: without_nulls(value) for key, value in content.items() if value is not None}
    return [without_nulls(one) for one in content] if isinstance(content, list) else content


def test_settings_and_digests_are_the_same_without_any_null(workflow: Path) -> None:
    digests, settings = current_digests(), resolved_settings()
    shorter = 0
    for kind in ("algorithms", "protocols"):
        for path in (workflow / kind).glob("*.yaml"):
            content = read_yaml(path)
            bare = content if "like" in content else without_nulls(content)  # there a null overrides what is inherited
            shorter += bare != content
            path.write_text(yaml.safe_dump(bare, sort_keys=False))
    assert shorter > 20
    assert resolved_settings() == settings
    assert current_digests() == digests


def test_a_group_of_runs_says_only_what_it_has(workflow: Path) -> None:
    path = workflow / "experiments" / "nature_short.yaml"
    content = read_yaml(path)
    assert content["runs"] == [
        {"variants": ["dqn"], "games": ["space_invaders"], "seeds": [1], "budget_frames": 1_000_000}
    ]
    before = [run.result_digest for run in load_experiment("nature_short").runs()]
    content["runs"][0] |= {"budget_iterations": None, "protocol": None, "preset": None}
    path.write_text(yaml.safe_dump(content))
    assert [run.result_digest for run in load_experiment("nature_short").runs()] == before


def test_identities_keep_the_key(workflow: Path) -> None:
    path = workflow / "algorithms" / "dqn.yaml"
    path.write_text(path.read_text().replace("  gradient_norm_clip: null\n", ""))
    assert "gradient_norm_clip" not in read_yaml(path)["config"]
    identity = resolve_run(variant="dqn", task="pong", seed=1, budget_frames=400_000).identity()
    assert identity["config"]["gradient_norm_clip"] is None
    assert identity["protocol_settings"]["iteration_steps"] is None


def test_a_preset_finds_the_settings_that_were_left_out(workflow: Path) -> None:
    path = workflow / "protocols" / "nature.yaml"
    before = load_protocol("nature", load_preset("smoke"))
    path.write_text(yaml.safe_dump(without_nulls(read_yaml(path))))
    assert load_protocol("nature", load_preset("smoke")) == before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "gradient_norm_clip: null",
            "gradient_norm_clp: null",
            "config.gradient_norm_clp: there is no key 'gradient_no",
        ),
        ("  batch_size: 32\n", "", "config.batch_size: field required"),
        ("batch_size: 32", "batch_size: null", "config.batch_size: expected a whole number, found null"),
    ],
)
def test_what_may_not_be_none_is_still_asked_for(workflow: Path, old: str, new: str, expected: str) -> None:
    path = workflow / "algorithms" / "dqn.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ReplicationError) as caught:
        load_variant("dqn")
    assert expected in str(caught.value)


class Plain(Settings):
    name: str
    size: Count | None


class Deep(Settings):
    one: Annotated[int | None, Field(ge=1)]
    later: int | None = None
    part: Plain | None
    parts: tuple[Plain, ...]


class Other(Settings):
    other: int
    rate: float | None


class Either(Settings):
    either: Plain | Other


def test_nulls_are_filled_in_at_any_depth_and_of_the_right_kind() -> None:
    parts = {"parts": [{"name": "a"}, {"name": "b", "size": 2}]}
    filled = [{"name": "a", "size": None}, {"name": "b", "size": 2}]
    assert with_nulls(Deep, parts) == {"one": None, "part": None, "parts": filled}
    assert with_nulls(Deep, parts | {"part": {"name": "c"}})["part"] == {"name": "c", "size": None}
    assert with_nulls(Either, {"either": {"other": 1}}) == {"either": {"other": 1, "rate": None}}
    assert with_nulls(Either, {"either": {"name": "a"}}) == {"either": {"name": "a", "size": None}}
    assert with_nulls(Either, {"either": {"neither": 1}}) == {"either": {"neither": 1}}
    assert with_nulls(Deep, {"parts": 3, "part": "x"}) == {"one": None, "part": "x", "parts": 3}
