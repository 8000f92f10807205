"""A small agent learns: clearly better than random on the toy game, in a minute or two."""

from __future__ import annotations

import json

import numpy as np
import pytest

from replication.cli import main
from replication.traces import read_trace


def _returns(folder) -> list[float]:
    record = next(folder.rglob("run.json"))
    assert json.loads(record.read_bytes())["score"] is not None
    return [episode.raw_return for episode in read_trace(record.parent / "evaluation.trace").episodes]


@pytest.mark.slow
def test_the_quickstart_agent_learns_to_catch(tmp_path) -> None:
    where = ["--state", str(tmp_path / "state"), "--quiet", "--game", "catch", "--seed", "1"]
    learnt, chance = tmp_path / "learnt", tmp_path / "chance"
    budget = ["--budget-frames", "64000"]
    assert main(["train", "--variant", "dqn_quickstart", *budget, "--results", str(learnt), *where]) == 0
    assert main(["train", "--variant", "random_10hz", "--results", str(chance), *where]) == 0
    trained, random = np.array(_returns(learnt)), np.array(_returns(chance))
    error = np.hypot(trained.std(ddof=1), random.std(ddof=1)) / np.sqrt(30)
    assert trained.mean() - random.mean() > 4 * error
    assert trained.mean() > 2 * random.mean()
