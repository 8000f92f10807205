"""Rows that differ in a part of what a run is never end in one mean; the parts are walked one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replication.analysis.agent_scores import agent_scores
from replication.analysis.cells import cells_of
from replication.analysis.finished import load_runs
from replication.analysis.learning_curves import agent_title, learning_curves
from replication.analysis.nature_ablations import best_of_rates, lengths_and_protocols
from replication.analysis.other_scores import OtherScore, _told_apart
from replication.analysis.successful_trials import series_of
from replication.published.references import reference_set
from replication.report.pages.runs import groups
from replication.report.tables import random_rates
from tests.support.finished_runs import finish, made_up_experiment

PARTS = {
    "protocol": {"protocol": "noop_30min"},
    "preset": {"preset": "smoke"},
    "budget": {"budget_frames": 800_000},
    "variant": {"variants": ["dqn_paper"]},
}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_in_every_group(part: str, tmp_path: Path) -> None:
    experiment = made_up_experiment([{}, PARTS[part]])
    for run in experiment.runs():
        finish(run, tmp_path)
    finished, runs = load_runs(experiment, tmp_path), experiment.runs()
    assert len(finished) == 2 and len({agent_title(run, runs) for run in runs}) == 2
    assert [len(cell.finished) for cell in cells_of(experiment, finished)] == [1, 1]
    assert [agent.runs for agent in agent_scores(experiment, finished, reference_set("nature49_5min"))] == [1, 1]
    assert len(groups(experiment)) == 2
    drawn = learning_curves(experiment, finished, 20_000)
    assert drawn[drawn["series"] == "final"]["agent"].nunique() == 2 and "training mean" not in set(drawn["series"])
    ways = lengths_and_protocols(experiment)
    assert len(ways) == (1 if part == "variant" else 2)  # a variant each is a learning rate each
    found = [best_of_rates(experiment, finished, "pong", trained_so).score for trained_so in ways.values()]
    each = [float(run.curve["score"].max()) for run in finished if run.curve is not None]
    assert found == ([max(each)] if part == "variant" else each)
    if part in ("protocol", "preset", "variant"):
        assert len({series_of(experiment)(run) for run in runs}) == 2


def test_two_variants_of_one_title_are_two_agents() -> None:
    one, other = made_up_experiment([{}, PARTS["variant"]]).runs()
    other = replace(other, variant=other.variant.model_copy(update={"title": one.variant.title}))
    assert agent_title(one, [one, other]) == f"{one.variant.title} (dqn)"
    assert agent_title(other, [one, other]) == f"{one.variant.title} (dqn_paper)"


def test_random_play_under_a_preset_has_a_row_of_its_own(tmp_path: Path) -> None:
    rates = {"variants": ["random_10hz", "random_60hz"], "budget_frames": None}
    experiment = made_up_experiment([rates, rates | {"preset": "smoke"}])
    for run in experiment.runs():
        finish(run, tmp_path)
    table = random_rates.build(experiment, load_runs(experiment, tmp_path)).frame
    assert list(table["game"]) == ["Pong, no preset", "Pong, preset smoke"]


def test_scores_of_others_under_two_protocols_have_two_names() -> None:
    one = OtherScore("theirs (imported)", "pong", 1, 1, "nature", None, 1.0, "a paper")
    two = replace(one, protocol="noop_30min")
    assert _told_apart(one, [one]) == "theirs (imported)"
    assert _told_apart(one, [one, two]) == "theirs, protocol nature (imported)"
    assert _told_apart(replace(one, preset="smoke"), [one, replace(one, preset="smoke")]) == (
        "theirs, preset smoke (imported)"
    )
