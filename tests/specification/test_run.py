"""The identity of a run: what moves its digests and what does not, and budgets that fit their protocol."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replication.foundation.errors import ReplicationError
from replication.foundation.paths import ALGORITHMS
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.families.off_policy_modules import C51Config
from replication.specification.families.untrained import UntrainedConfig
from replication.specification.run import Run, resolve_run
from replication.specification.variants import FAMILIES


def _run(**changes: object) -> Run:
    named = {"variant": "dqn", "task": "pong", "seed": 1, "budget_frames": 400_000} | changes
    return resolve_run(**named)  # type: ignore[arg-type]


def test_a_longer_budget_continues_the_state_of_a_shorter_one() -> None:
    short, long = _run(), _run(budget_frames=800_000)
    assert short.training_digest == long.training_digest
    assert short.result_digest != long.result_digest
    assert short.state_folder(Path("s")) == long.state_folder(Path("s"))


@pytest.mark.parametrize(
    "change",
    [{"task": "breakout"}, {"seed": 2}, {"variant": "dqn_paper"}, {"protocol": "noop_30min"}, {"preset": "smoke"}],
)
def test_everything_that_can_change_a_number_changes_the_identity(change: dict[str, object]) -> None:
    assert _run(**change).result_digest != _run().result_digest
    if change != {"protocol": "noop_30min"}:
        assert _run(**change).training_digest != _run().training_digest


def test_code_that_moved_numbers_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _run().training_digest
    monkeypatch.setitem(FAMILIES, "off_policy", replace(FAMILIES["off_policy"], numerics_version=99))
    assert _run().training_digest != before


def test_the_facts_of_its_family_are_members_of_a_run() -> None:
    learning = _run()
    random_play = resolve_run(variant="random_10hz", task="pong", seed=1)
    assert learning.family is FAMILIES["off_policy"] is learning.variant.facts
    assert (learning.family.trains, random_play.family.trains) == (True, False)
    assert "replay" in learning.family.streams and random_play.family.streams == ()
    assert learning.numerics_version == learning.family.numerics_version == learning.identity()["numerics_version"]
    assert {name: facts.name for name, facts in FAMILIES.items()} == {name: name for name in FAMILIES}
    for name, facts in FAMILIES.items():
        assert facts.bundles == (facts.evidence != "inputs") and (ALGORITHMS / name).is_dir()
    kept = {
        "evolution": "learning",
        "fitted_q": "policy",
        "off_policy": "inputs",
        "off_policy_continuous": "inputs",
        "off_policy_vectors": "inputs",
        "on_policy": "inputs",
        "tabular": "learning",
        "untrained": "inputs",
    }
    assert {name: facts.evidence for name, facts in FAMILIES.items()} == kept


def test_settings_are_one_object_of_the_algorithm_s_class_for_all_runs_of_a_variant() -> None:
    run, other = _run(variant="c51"), replace(_run(variant="c51"), seed=2)
    assert type(run.settings) is C51Config and run.settings.num_atoms == 51
    assert run.settings is other.settings is run.settings_as(OffPolicyConfig)
    assert run.settings_as(OffPolicyConfig).optimizer.learning_rate == run.variant.config["optimizer"]["learning_rate"]
    assert _run(variant="c51", preset="smoke").settings_as(OffPolicyConfig).batch_size == 8
    with pytest.raises(AssertionError, match="c51 pong seed 1: its settings are of the class C51Config"):
        run.settings_as(UntrainedConfig)


def test_settings_are_never_those_of_another_config() -> None:
    run = _run()
    assert run.settings_as(OffPolicyConfig).discount == 0.99
    changed = run.variant.model_copy(update={"config": run.variant.config | {"discount": 0.5}})
    assert replace(run, variant=changed).settings_as(OffPolicyConfig).discount == 0.5


def test_a_budget_is_of_a_unit_that_its_family_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "off_policy", replace(FAMILIES["off_policy"], budget_units=("frames",)))
    with pytest.raises(ReplicationError, match="family off_policy trains for a number of frames, protocol sticky has"):
        _run(variant="dqn_dopamine", budget_frames=None, budget_iterations=2)


def test_results_lie_under_variant_game_seed_digest() -> None:
    run = _run()
    expected = Path("results/runs/dqn/pong/seed1") / run.result_digest[:12]
    assert run.results_folder(Path("results")) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"budget_frames": None}, "give --budget-frames"),
        ({"budget_frames": 0}, "positive multiple of 4"),
        ({"budget_frames": 401}, "positive multiple of 4"),
        ({"budget_frames": None, "budget_iterations": 2}, "has no iterations"),
        ({"variant": "dqn_dopamine"}, "give --budget-iterations"),
        ({"variant": "random_10hz"}, "does not train"),
        ({"seed": -1}, "seed -1"),
        ({"task": "pongg"}, "did you mean 'pong'"),
        ({"variant": "dqnn"}, "did you mean 'dqn'"),
    ],
)
def test_bad_requests_are_one_line(change: dict[str, object], expected: str) -> None:
    with pytest.raises(ReplicationError, match=expected):
        _run(**change)


def test_the_protocol_decides_the_unit_of_the_budget() -> None:
    dopamine = _run(variant="dqn_dopamine", budget_frames=None, budget_iterations=2)
    assert (dopamine.budget.iterations, dopamine.budget.steps) == (2, 0)
    assert _run(budget_frames=200_000_000).budget.steps == 50_000_000
    random_agent = _run(variant="random_10hz", budget_frames=None)
    assert (random_agent.budget.iterations, random_agent.budget.steps) == (0, 0)
