"""What a notebook may use: `import replication as rp`."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import replication as rp
from replication import api
from replication.foundation.paths import PROJECT, WORKFLOW
from replication.specification.families.tabular import TabularConfig

CLIFF = {"budget_episodes": 30}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results with the random agent on a game of its own, and a table's seed."""
    found = tmp_path_factory.mktemp("api")
    places = {"results": found / "results", "state": found / "state"}
    rp.train("random_10hz", "catch", 3, preset="smoke", **places)
    rp.train("q_learning", "cliff_walking", 5, settings={"step_size": 0.25}, **CLIFF, **places)
    return found


def test_what_is_offered_is_what_the_module_has_and_is_imported_when_asked_for() -> None:
    assert set(rp.__all__) == set(api.__all__) <= set(dir(rp))
    tree = ast.parse((PROJECT / "replication" / "__init__.py").read_text())
    typed = [name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names]
    assert set(rp.__all__) <= set(typed)  # for those who check types
    assert all(getattr(rp, name) is getattr(api, name) for name in rp.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'scorse'"):
        rp.scorse  # noqa: B018
    program = (
        "import sys, replication as rp\nassert 'pandas' not in sys.modules\nrp.scores(variant='none')\n"
        "rp.verdicts(); rp.published_numbers()\nsys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=False).returncode == 0


def test_a_run_that_is_trained_is_loaded_scored_and_verified(folder: Path) -> None:
    scores = rp.scores(results=folder / "results")
    assert list(scores["variant"]) == ["q_learning+step_size=0.25", "random_10hz"]
    assert list(scores["seed"]) == [5, 3]
    run = rp.load("random_10hz/catch/3", results=folder / "results")
    assert run.score == scores["score"][1] == run.episodes["return"].mean() and run.folder == Path(scores["folder"][1])
    assert [episode.raw_return for episode in run.trace.episodes] == run.episodes["return"].tolist()
    table = rp.load(scores["folder"][0])
    assert isinstance(table.settings, TabularConfig) and table.settings.step_size == 0.25
    assert table.score == scores["score"][0] and table.run.seed == 5
    assert "2 runs verified" in rp.verify(folder / "results") or "verified" in rp.verify(folder / "results")


def test_a_policy_acts_as_its_evaluation_did(folder: Path) -> None:
    run = rp.load("random_10hz/catch/3", results=folder / "results")
    environment = run.environment()
    observation, _ = environment.reset(seed=0)
    actions = [run.policy.act(observation[-1:]) for _ in range(50)]
    again = rp.load(run.folder)
    assert actions == [again.policy.act(observation[-1:]) for _ in range(50)] and len(set(actions)) == 3
    with pytest.raises(
        rp.ReplicationError, match=r"observation: found uint8 \[4, 84, 84\], expected uint8 \[1, 84, 84\]"
    ):
        run.policy.act(np.zeros((4, 84, 84), np.uint8))
    table = rp.load("q_learning+step_size=0.25/cliff_walking/5", results=folder / "results")
    with pytest.raises(rp.ReplicationError, match="expected a run that stores a network"):
        table.policy  # noqa: B018
    assert table.environment().spec is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dqn", "expected variant/task/seed"),
        ("random_10hz/catch/4", "found no record in .*; expected one of its seeds: seed3"),
        ("random_10hz/pong/3", "found no record in .*; expected one of its seeds: none"),
        ("random_10hz/catch/3/0000", "found no record"),
    ],
)
def test_a_name_that_no_record_has_is_one_line(folder: Path, name: str, expected: str) -> None:
    with pytest.raises(rp.ReplicationError, match=expected):
        rp.load(name, results=folder / "results")


def test_a_function_is_judged_as_a_process_is(tmp_path: Path) -> None:
    given = {"name": "mine", "task": "catch", "protocol": "nature", "preset": "smoke", "results": tmp_path}
    weights = tmp_path / "weights"
    weights.write_bytes(b"1")
    judged = rp.judge(lambda seen: int(seen[-1].sum()) % 3, policy_file=weights, training="by hand", **given)
    record = json.loads((judged.folder / "run.json").read_bytes())
    assert record["score"] == judged.score and record["policy_function"].endswith("<lambda>")
    assert record["config"]["training"] == "by hand" and len(record["config"]["policy_sha256"]) == 64
    assert "1 runs verified" in rp.verify(tmp_path)
    with pytest.raises(rp.ReplicationError, match=r"answered 3, expected one whole number from 0 to 2"):
        rp.judge(lambda seen: 3, **given | {"name": "other"})
    with pytest.raises(rp.ReplicationError, match=r"answered \[0. 1.\], expected one whole number"):
        rp.judge(lambda seen: [0.0, 1.0], **given | {"name": "other"})


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells, in order, in this process; it writes to a folder of its own alone."""
    monkeypatch.chdir(PROJECT)
    notebook = json.loads((WORKFLOW / "examples" / "results_in_a_notebook.ipynb").read_bytes())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 5 and all(not cell.get("outputs") for cell in notebook["cells"])
    names: dict[str, object] = {}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), names)
