"""Gridworlds as data: layouts in which something can be learned, anything else one clear line."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from replication.evidence.records import run_of_folder
from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.specification.digests import record_digests
from replication.specification.run import Run, resolve_run
from replication.specification.seeds import Seeds
from replication.specification.tasks.gridworlds import CLIFF_WALKING, GRIDWORLDS, KNOWN_CONTENT
from replication.specification.tasks.registry import TASKS


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


def test_a_changed_world_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its layout, rewards, moves and wind are what names it, not its title; the committed runs keep their digests."""
    run, known = _run(budget_episodes=500), dict(KNOWN_CONTENT)
    assert "task_content" not in run.identity()
    assert {name for name, world in GRIDWORLDS.items() if world.unknown_content is not None} == set()
    assert set(known) == set(GRIDWORLDS)
    retitled = replace(run, task=replace(CLIFF_WALKING, title="The cliff", source="another book"))
    assert retitled.result_digest == run.result_digest
    changed = [
        replace(CLIFF_WALKING, layout=("............", *CLIFF_WALKING.layout)),
        replace(CLIFF_WALKING, cliff_reward=-99.0),
        replace(CLIFF_WALKING, goal_reward=1.0),
        replace(CLIFF_WALKING, moves=(*CLIFF_WALKING.moves, (0, 0))),
    ]
    digests = {replace(run, task=world).result_digest for world in changed}
    assert len(digests | {run.result_digest}) == 5
    other = replace(run, task=changed[0]).identity()
    assert record_digests(other)[1] in digests and len(other["task_content"]) == 16


def test_a_record_of_a_world_that_has_changed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _run(budget_episodes=500, seeds=Seeds(1, 100)).results_folder(paths.WORKFLOW.parent / "results")
    assert run_of_folder(folder).task == CLIFF_WALKING
    monkeypatch.setitem(TASKS, "cliff_walking", replace(CLIFF_WALKING, cliff_reward=-99.0))
    with pytest.raises(ReplicationError, match=r"run.json: task cliff_walking has changed since this run was made"):
        run_of_folder(folder)


WINDY = replace(CLIFF_WALKING, name="windy", layout=("....", "S..G", "...."), wind=(0, 1, 2, 0))


@pytest.mark.parametrize(
    ("cell", "step", "gust", "there"),
    [
        ((1, 0), (0, 1), 0, (1, 1)),  # the wind is that of the column where the step begins
        ((1, 1), (0, 1), 0, (0, 2)),
        ((2, 2), (-1, 0), 0, (0, 2)),  # as far as the edge
        ((2, 1), (1, 0), 0, (2, 1)),  # a step over the edge and the wind are one movement
        ((2, 2), (0, 0), 1, (0, 2)),
        ((2, 1), (0, 1), -1, (2, 2)),
        ((2, 0), (0, 1), 1, (2, 1)),  # a column without wind has no gusts
    ],
)
def test_wind_blows_upwards(cell: tuple[int, int], step: tuple[int, int], gust: int, there: tuple[int, int]) -> None:
    assert WINDY.neighbor(*cell, step, gust) == there


@pytest.mark.parametrize("wind", [(0, 1), (0, 1, 0, 0, 0)])
def test_wind_that_does_not_fit_is_one_line(wind: tuple[int, ...]) -> None:
    with pytest.raises(ReplicationError, match=r"^gridworld windy: layout: found wind of other columns, or beside"):
        replace(WINDY, wind=wind)
    with pytest.raises(ReplicationError, match="or beside walls"):
        replace(WINDY, layout=("..#.", "S..G", "...."))


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
