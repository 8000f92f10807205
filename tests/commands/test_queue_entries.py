"""The order of the queue, what is added to it, and queue.json with faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.commands.queue.entries import Queue, first_seeds_first, moved, with_runs, without
from replication.commands.queue.folder import queue_folder
from replication.foundation.errors import ReplicationError
from replication.specification.experiments import load_experiment
from replication.specification.run import resolve_run
from tests.support.bad_input import refused
from tests.support.finished_runs import finish
from tests.support.queue_projects import SMOKE, small_repository

RUNS = [
    resolve_run(variant="dqn", task=game, seed=1, budget_frames=400_000) for game in ("pong", "breakout", "freeway")
]


def _ids(queue: Queue) -> list[int]:
    return [entry.id for entry in queue.entries]


def test_first_seeds_of_all_cells_come_before_second_ones() -> None:
    experiment = load_experiment("dopamine_curves")
    named = [(run.seed, run.task.name) for run in experiment.runs()]
    assert [seed for seed, _ in named][:3] == [1, 2, 1]  # the YAML gives both seeds of a game one after the other
    ordered = [(run.seed, run.task.name) for run in first_seeds_first(experiment)]
    assert ordered == [cell for seed in (1, 2) for cell in named if cell[0] == seed]
    assert [run.task.name for run in first_seeds_first(experiment, [2])] == [game for seed, game in named if seed == 2]
    with pytest.raises(ReplicationError, match=r"--seeds 3: dopamine_curves has no such seed; it has 1, 2"):
        first_seeds_first(experiment, [3])


def test_entries_are_put_where_they_are_wanted_and_numbers_are_not_given_twice() -> None:
    queue, added = with_runs(Queue(), RUNS[:2], None)
    assert _ids(queue) == [1, 2] and [entry.game for entry in added] == ["pong", "breakout"]
    queue, _ = with_runs(queue, RUNS[2:], before=2)
    assert _ids(queue) == [1, 3, 2]
    assert _ids(moved(queue, [2, 3], before=1)) == [2, 3, 1]
    assert _ids(moved(queue, [1], before=None)) == [3, 2, 1]
    shorter = without(queue, [3])
    assert _ids(shorter) == [1, 2] and _ids(with_runs(shorter, RUNS[2:], None)[0]) == [1, 2, 4]
    with pytest.raises(ReplicationError, match="the queue has no entry 7; its entries: 1, 3, 2"):
        without(queue, [7])
    with pytest.raises(ReplicationError, match="entry 1 cannot be put before itself"):
        moved(queue, [3, 1], before=1)


def test_an_entry_names_the_run_it_was_made_of_and_refuses_any_other() -> None:
    others = (
        resolve_run(variant="dqn_dopamine", task="pong", seed=2, budget_iterations=3),
        resolve_run(variant="td3_2018", task="half_cheetah", seed=2, budget_steps=100_000),
    )
    for run in (*RUNS, *others):
        queue, (entry,) = with_runs(Queue(), [run], None)
        assert entry.run() == run and entry.name == run.name
        assert Path("results/runs") / entry.place == run.results_folder(Path("results"))
        assert Path("state") / entry.state_place == run.state_folder(Path("state"))
        assert Queue.model_validate_json(queue.model_dump_json()) == queue
    other = entry.model_copy(update={"result_digest": "0" * 64})
    with pytest.raises(ReplicationError, match=r"found [0-9a-f]{12}, expected 000000000000: its settings or the"):
        other.run()


def test_add_tells_what_is_there_already_and_doubles_nothing(tmp_path: Path, capsys) -> None:
    add = ["queue", "add", "--folder", str(tmp_path / "queue"), "--results", str(tmp_path / "results")]
    finish(resolve_run(variant="dqn", task="catch", seed=3, preset="smoke", budget_frames=2_400), tmp_path / "results")
    seeds = ["--seed", "1", "1", "2", "3", "--budget-frames", "2400"]
    assert main([*add, *SMOKE, *seeds]) == 0
    said = capsys.readouterr().out
    assert "dqn catch seed 1: added, entry 1" in said and "dqn catch seed 2: added, entry 2" in said
    assert "dqn catch seed 3: finished, nothing to be done" in said and "the queue does not run" in said
    assert main([*add, *SMOKE, *seeds]) == 0
    assert capsys.readouterr().out.count("in the queue already, entry ") == 3
    assert main([*add, *SMOKE, "--seed", "4", "--budget-frames", "2400", "--first"]) == 0
    assert main([*add, *SMOKE, "--seed", "5", "--budget-frames", "2400", "--before", "1"]) == 0
    assert main(["queue", "move", "2", "--first", "--folder", str(tmp_path / "queue")]) == 0
    assert [entry.seed for entry in queue_folder(tmp_path / "queue").read().entries] == [2, 4, 5, 1]
    assert main(["queue", "remove", "1", "3", "--folder", str(tmp_path / "queue")]) == 0
    assert _ids(queue_folder(tmp_path / "queue").read()) == [2, 4]
    assert main([*add, "dopamine_curves", "--seeds", "2"]) == 0
    assert {entry.seed for entry in queue_folder(tmp_path / "queue").read().entries[2:]} == {2}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dopamine_curve"], "there is no experiment 'dopamine_curve'; did you mean 'dopamine_curves'?"),
        (["quickstart", "--seed", "1"], "--seed: an experiment names its runs itself"),
        (["--variant", "dqn", "--game", "pong"], "--seed missing; or name an experiment"),
        (["--variant", "dqn", "--game", "pong", "--seed", "1"], "give --budget-frames"),
        ([*SMOKE, "--seed", "1", "--budget-frames", "2400", "--seeds", "1"], "single runs take --seed"),
        ([*SMOKE, "--seed", "1", "--budget-frames", "2400", "--before", "9"], "the queue has no entry 9; its entries:"),
        (["quickstart", "--first", "--before", "1"], "not allowed with argument"),
    ],
)
def test_what_cannot_be_added_is_one_line(tmp_path: Path, capsys, words: list[str], expected: str) -> None:
    assert expected in refused(capsys, "queue", "add", *words, "--folder", str(tmp_path))
    assert not (tmp_path / "queue.json").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", "not readable as JSON"),
        (b"\xff", "not readable as JSON"),
        (b"[]", "the whole file: expected keys with values"),
        (b'{"format": 2}', "format: expected one of 1, found 2"),
        (b'{"entrys": []}', "there is no key 'entrys'; did you mean 'entries'?"),
        (b'{"entries": [{"id": 1}]}', "field required"),
    ],
)
def test_a_bad_queue_is_one_line_and_stays_as_it_is(tmp_path: Path, capsys, content: bytes, expected: str) -> None:
    path = tmp_path / "queue.json"
    path.write_bytes(content)
    for words in (["status"], ["add", "quickstart"], ["remove", "1"]):
        line = refused(capsys, "queue", *words, "--folder", str(tmp_path))
        assert line.startswith(f"error: {path}: ") and expected in line
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"game": "../pong"}, "entries.0.game: expected text of the form"),
        ({"variant": ".."}, "entries.0.variant: expected text of the form"),
        ({"result_digest": "12"}, "entries.0.result_digest: expected text of the form"),
        ({"seed": -1}, "entries.0.seed: expected a number greater than or equal to 0"),
        ({"id": 2}, "expected different ids below next_id 2, found [2]"),
    ],
)
def test_an_entry_with_a_fault_is_one_line(tmp_path: Path, capsys, changes: dict[str, object], expected: str) -> None:
    queue, (entry,) = with_runs(Queue(), RUNS[:1], None)
    (tmp_path / "queue.json").write_text(
        json.dumps(queue.model_dump() | {"entries": [entry.model_dump() | changes]}, default=list)
    )
    assert expected in refused(capsys, "queue", "status", "--folder", str(tmp_path))


def test_a_queue_lies_outside_the_work_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = small_repository(tmp_path / "project")
    for inside in (repository, repository / "results" / "queue"):
        with pytest.raises(ReplicationError, match="a queue must lie outside the work tree"):
            queue_folder(inside)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("REPLICATION_QUEUE", "")
    assert queue_folder(None).root == (tmp_path / "xdg" / "replication" / "queue").resolve()
    monkeypatch.setenv("REPLICATION_QUEUE", str(tmp_path / "named"))
    assert queue_folder(None).root == (tmp_path / "named").resolve()
    assert queue_folder(tmp_path / "given").root == (tmp_path / "given").resolve()
