"""A baseline anywhere: a file outside the package with its YAML beside it, by every command that takes one."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.evidence.provenance import command_text
from replication.evidence.records import made_by_other_code
from replication.foundation.errors import ReplicationError
from replication.specification.experiments import load_experiment
from replication.specification.loading import known_names, load_variant, variant_path
from replication.specification.own_algorithms import VARIABLE, add_own_algorithm, own_algorithms
from replication.specification.run import resolve_run

SOURCE = '''"""Double DQN with half the loss, as a user may write it."""

from halving import HALF

from replication.algorithms.off_policy import double_dqn
from replication.algorithms.off_policy.contract import Losses
from replication.algorithms.off_policy.dqn import (
    Config,
    acting_draws_spec,
    action_values,
    draws_spec,
    initialise,
    network,
)

PAPER = "a user's own"


def loss(online, target, batch, draws, config):
    losses = double_dqn.loss(online, target, batch, draws, config)
    return Losses(HALF * losses.per_transition, losses.priority)
'''
YAML = 'variant: {name}\nlike: dqn\ntitle: "Mine"\nmodule: {name}\n'
NUMBER = count()


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test makes known is forgotten after it."""
    monkeypatch.setenv(VARIABLE, "")
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("mine_", "halving")):
            del sys.modules[name]


def written(folder: Path, source: str = SOURCE, yaml: str = YAML) -> Path:
    """A user's file under a name of its own, its YAML and a file that it uses beside it."""
    path = folder / f"mine_{next(NUMBER)}.py"
    path.write_text(source)
    path.with_suffix(".yaml").write_text(yaml.format(name=path.stem))
    (folder / "halving.py").write_text("HALF = 0.5\n")
    return path


def train(folder: Path, path: Path, *more: str) -> int:
    words = ["--game", "catch", "--seed", "1", "--preset", "smoke", "--budget-frames", "2400", "--quiet"]
    places = ["--results", str(folder / "results"), "--state", str(folder / "state")]
    return main(["train", "--algorithm", str(path), *words, *places, *more])


def test_it_is_trained_named_by_its_code_verified_played_again_and_embedded(tmp_path: Path, capsys) -> None:
    path = written(tmp_path)
    assert train(tmp_path, path) == 0
    (record_path,) = (tmp_path / "results").rglob("run.json")
    record = json.loads(record_path.read_bytes())
    assert record["variant"] == record["module"] == path.stem and len(record["code"]) == 16
    assert str(tmp_path) not in record["provenance"]["command"]
    assert main(["verify", str(tmp_path / "results"), "--quiet"]) == 0
    own = ["--algorithm", str(path)]
    state = ["--state", str(tmp_path / "state")]
    assert main(["verify", str(tmp_path / "results"), "--policy", *own, *state, "--quiet"]) == 0
    assert "1 policies played again, each left its trace" in capsys.readouterr().out
    assert main(["embed", str(record_path.parent), *own, *state]) == 0
    assert main(["fidelity", *own]) == 0
    assert f"Mine ({path.stem})" in capsys.readouterr().out
    path.write_text(SOURCE.replace("HALF *", "-HALF *"))
    edited = resolve_run(variant=path.stem, task="catch", seed=1, preset="smoke", budget_frames=2400)
    assert edited.result_digest != record["result_digest"]
    assert made_by_other_code(edited, tmp_path / "results") == record_path.parent


@pytest.mark.slow
def test_workers_play_for_it_and_change_no_number(tmp_path: Path) -> None:
    path = written(tmp_path)
    for name, workers in (("one", "0"), ("two", "1")):
        assert train(tmp_path / name, path, "--workers", workers) == 0
    one, two = (next((tmp_path / name).rglob("evaluation.trace")).read_bytes() for name in ("one", "two"))
    assert one == two


def test_what_it_uses_beside_it_is_part_of_its_code(tmp_path: Path) -> None:
    name = add_own_algorithm(written(tmp_path))
    first = load_variant(name).unknown_code
    (tmp_path / "halving.py").write_text("HALF = 0.25\n")
    assert load_variant(name).unknown_code != first
    changed = load_variant(f"{name}+discount=0.9")
    assert changed.config["discount"] == 0.9 and changed.source == tmp_path / f"{name}.py"


def test_it_is_known_by_name_and_to_other_algorithms(tmp_path: Path) -> None:
    path = written(tmp_path)
    other = written(tmp_path, yaml="variant: {name}\nlike: " + path.stem + '\ntitle: "Other"\nmodule: {name}\n')
    assert path.stem not in known_names("algorithms")
    assert [add_own_algorithm(each) for each in (path, other, path)] == [path.stem, other.stem, path.stem]
    assert list(own_algorithms()) == [path.stem, other.stem]
    assert variant_path(path.stem) == path.with_suffix(".yaml") and path.stem in known_names("algorithms")
    assert load_variant(other.stem).config == load_variant("dqn").config


BAD = {
    "no file": (lambda path: path.unlink(), r"mine_\d+.py: found no such file, expected the Python file"),
    "no YAML": (
        lambda path: path.with_suffix(".yaml").unlink(),
        r"mine_\d+.yaml: found no such file, expected the set",
    ),
    "a member is missing": (
        lambda path: path.write_text(SOURCE.replace("def loss", "def lost")),
        r"mine_\d+.py: lacks loss; see replication/algorithms/off_policy/contract.py",
    ),
    "no Python": (lambda path: path.write_text("def"), r"mine_\d+.py: cannot be imported \(SyntaxError"),
    "another name": (
        lambda path: path.with_suffix(".yaml").write_text(YAML.format(name="dqn2")),
        r"variant: found 'dqn2', expected the file's own name",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_line(tmp_path: Path, capsys, case: str) -> None:
    spoil, expected = BAD[case]
    path = written(tmp_path)
    spoil(path)
    assert train(tmp_path, path) == 2
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if line.startswith("error:")]) == 1
    assert re.search(expected, said[-1])
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize("taken", ["dqn_paper", "c51"])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, taken: str) -> None:
    path = tmp_path / f"{taken}.py"
    path.write_text(SOURCE)
    path.with_suffix(".yaml").write_text(YAML.format(name=taken))
    with pytest.raises(ReplicationError, match=f"{taken} is the name of a (variant|module) of this package"):
        add_own_algorithm(path)
    assert not own_algorithms()


def test_no_variant_at_all_is_one_line(capsys) -> None:
    assert main(["train", "--game", "catch", "--seed", "1"]) == 2
    assert "--variant: found none, expected a variant, or --algorithm FILE.py" in capsys.readouterr().err


def test_an_experiment_has_it_beside_its_own(tmp_path: Path, capsys) -> None:
    path = written(tmp_path)
    results = tmp_path / "results"
    assert main(["run", "quickstart", "--algorithm", str(path), "-n", "--results", str(results)]) == 0
    assert "0 of 6" in capsys.readouterr().out
    found = load_experiment(f"quickstart+algorithm={path.stem}")
    plain = load_experiment("quickstart")
    own = [run for run in found.runs() if run.variant.variant == path.stem]
    assert found.experiment == f"quickstart+algorithm={path.stem}" and found.runs()[:4] == plain.runs()
    assert [(run.task.name, run.seed, run.training_frames) for run in own] == [
        ("kung_fu_master", 1, 120_000),
        ("road_runner", 1, 120_000),
    ]
    both = load_experiment(f"quickstart+algorithm={path.stem}+discount=0.9")
    assert {run.variant.variant for run in both.runs()} == {"dqn_quickstart+discount=0.9", "random_10hz", path.stem}
    with pytest.raises(
        ReplicationError, match=r"variant nobody is not known; name its file with --algorithm nobody\.py"
    ):
        load_experiment("quickstart+algorithm=nobody")
    with pytest.raises(ReplicationError, match=r"found no run that .* could have"):
        load_experiment(f"cliff_walking+algorithm={path.stem}")


def test_a_command_is_recorded_without_the_folder_of_the_file() -> None:
    words = ["train", "--algorithm", "/home/me/mine.py", "--algorithm=/home/me/other.py", "--seed", "1"]
    assert command_text(words) == "python -m replication train --algorithm mine.py --algorithm=other.py --seed 1"


def test_a_bundled_variant_lies_here() -> None:
    assert not resolve_run(variant="dqn", task="catch", seed=1, budget_frames=400).variant.lies_elsewhere
