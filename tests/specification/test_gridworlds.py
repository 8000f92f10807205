"""Gridworlds as data: layouts in which something can be learned, anything else one clear line."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.specification.run import Run, resolve_run
from replication.specification.tasks.gridworlds import CLIFF_WALKING, GRIDWORLDS


def _run(**changes: object) -> Run:
    named = {"variant": "q_learning", "task": "cliff_walking", "seed": 1, "budget_episodes": 5} | changes
    return resolve_run(**named)  # type: ignore[arg-type]


def test_cw1_the_cliff_lies_between_start_and_goal() -> None:
    assert CLIFF_WALKING.layout == (*["............"] * 3, "S" + "C" * 10 + "G")
    assert (CLIFF_WALKING.step_reward, CLIFF_WALKING.cliff_reward) == (-1.0, -100.0)
    assert {name: world.name for name, world in GRIDWORLDS.items()} == {name: name for name in GRIDWORLDS}
    assert _run().variant.config["discount"] == 1.0


@pytest.mark.parametrize(
    ("layout", "wrong"),
    [
        (("S.", "G"), r"found lines of 1 and 2 cells, expected equal ones; fill them up"),
        (("S.", "gG"), r"found 'g', expected signs of '.#SGC'; correct them"),
        (("..", ".G"), r"found 0 starts \(S\), expected one; mark the cell where episodes start"),
        (("SS", ".G"), r"found 2 starts \(S\), expected one; mark the cell where episodes start"),
        (("S.", ".."), r"found no goal \(G\), expected at least one; mark the cell where episodes end"),
        (("S#", "#G"), r"found no way from the start \(S\) to a goal \(G\), expected one; open the walls or the cliff"),
        (("SC", "CG"), r"found no way from the start"),
        (("SC", ".G", "GG"), r""),
        ((), r"found lines of  cells, expected equal ones"),
    ],
)
def test_a_layout_in_which_nothing_can_be_learned_is_one_line(layout: tuple[str, ...], wrong: str) -> None:
    if not wrong:
        replace(CLIFF_WALKING, layout=layout)
        return
    with pytest.raises(ReplicationError, match=f"^gridworld cliff_walking: layout: {wrong}") as caught:
        replace(CLIFF_WALKING, layout=layout)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_run_is_one_line() -> None:
    for changes, line in {
        ("task", "clif_walking"): "there is no task 'clif_walking'; did you mean 'cliff_walking'",
        (
            "task",
            "pong",
        ): "task pong: found one of kind atari, expected gridworld as protocol cliff_walking_2018 presents",
        (
            "protocol",
            "nature",
        ): "protocol nature presents tasks of kind atari, expected gridworld as its own protocol",
        (
            "budget_episodes",
            None,
        ): "protocol cliff_walking_2018 trains for a number of episodes: give --budget-episodes N",
    }.items():
        with pytest.raises(ReplicationError, match=line):
            _run(**dict([changes]))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "step_size: 0.5",
            "step_size: 1.5",
            "config.step_size: expected a number less than or equal to 1.0, found 1.5",
        ),
        ("step_size: 0.5", "step_size: 0.0", "config.step_size: expected a number greater than 0.0, found 0.0"),
        ("epsilon: 0.1", "epsilon: -0.1", "config.epsilon: expected a number greater than or equal to 0.0, found -0.1"),
    ],
)
def test_a_setting_out_of_range_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, line: str
) -> None:
    shutil.copytree(paths.WORKFLOW, tmp_path / "workflow")
    monkeypatch.setattr(paths, "WORKFLOW", tmp_path / "workflow")
    path = tmp_path / "workflow" / "algorithms" / "q_learning.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ReplicationError) as caught:
        _run()
    assert str(caught.value) == f"{path}: {line}"
