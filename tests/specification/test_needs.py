"""The needs of tables and figures: an experiment that lacks one is refused in one line before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from replication.analysis.finished import load_runs
from replication.analysis.learning_curves import learning_curves
from replication.commands.cli import main
from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.published.references import reference_set
from replication.published.schemas import DOPAMINE_AGENTS, DQN_ZOO_AGENTS
from replication.specification.experiments import NOT_SHOWN, load_experiment
from replication.specification.needs import REFERENCE_GAMES, Needs, names_in, needs_of
from tests.support.finished_runs import made_up_experiment

REPORT = paths.PACKAGE / "report"
RANDOM = {"variants": ["random_10hz"], "budget_frames": None}
STICKY = {"variants": ["dqn_dopamine"], "budget_frames": None, "budget_iterations": 200}


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the settings with no experiment."""
    for kind in ("algorithms", "protocols", "presets"):
        (tmp_path / kind).mkdir()
        for source in (paths.WORKFLOW / kind).glob("*.yaml"):
            (tmp_path / kind / source.name).write_text(source.read_text())
    (tmp_path / "experiments").mkdir()
    monkeypatch.setattr(paths, "WORKFLOW", tmp_path)
    return tmp_path


def write(workflow: Path, group: dict[str, object], changes: dict[str, object]) -> None:
    content = made_up_experiment([{}]).model_dump(mode="json", by_alias=True)
    content["runs"][0] |= group
    content["published"]["agents"] = {}
    content = content | {"tables": [], "figures": []} | changes
    (workflow / "experiments" / "made_up.yaml").write_text(yaml.safe_dump(content))


def source(name: str, algorithm: str, **others: object) -> dict[str, object]:
    return {"source": name, "algorithm": algorithm, **others}


@pytest.mark.parametrize(
    ("group", "changes", "expected"),
    [
        (
            {"games": ["pong", "phoenix"]},
            {"tables": ["scores"]},
            "tables: scores: found phoenix among the games, expected only games of reference_set nature49_5min; name "
            "the reference set of their protocol, leave the games out, or leave scores out of tables",
        ),
        (
            RANDOM,
            {"tables": ["scores", "nature_table1"]},
            "tables: nature_table1: found no agent that trains, expected at least one; add one to runs, or leave "
            "nature_table1 out of tables",
        ),
        (
            {"games": ["phoenix", "berzerk"]},
            {"reference_set": "atari57_30min", "tables": ["scores", "nature_table2"]},
            "tables: nature_table2: found phoenix, berzerk, expected at least one game of nature49; add one to runs, "
            "or leave nature_table2 out of tables",
        ),
        (
            STICKY,
            {
                "published": source("dopamine_curves", "DQN", agents={"dqn_dopamine": "dqn"}),
                "figures": ["learning_curves"],
            },
            "figures: learning_curves: published.agents: found 'dqn', expected one of 'DQN', 'C51', ",
        ),
        (
            {},
            {"published": source("nature_2015_table2", "human"), "figures": ["learning_curves"]},
            "figures: learning_curves: published.algorithm: found 'human', expected one of 'dqn', 'random'; correct "
            "it, or leave learning_curves out of figures",
        ),
        (
            {"games": "atari57"},
            {
                "reference_set": "atari57_30min",
                "published": source("hessel2018_rainbow", "Rainbow", curves={"dqn": "Deep Q"}),
                "figures": ["aggregate_curves"],
            },
            "figures: aggregate_curves: published.curves: found 'Deep Q', expected one of ",
        ),
        (
            {"variants": ["der_dopamine"], "games": "atari100k26"},
            {
                "reference_set": "atari57_30min",
                "published": source("atari100k_scores", "DER", aggregates={"der_dopamine": "DER, nowhere"}),
                "tables": ["aggregates"],
            },
            "tables: aggregates: published.aggregates: found 'DER, nowhere', expected one of 'SimPLe, as ",
        ),
    ],
)
def test_what_a_table_or_figure_needs_is_asked_when_the_experiment_is_loaded(
    workflow: Path, group: dict[str, object], changes: dict[str, object], expected: str
) -> None:
    write(workflow, group, changes)
    with pytest.raises(ReplicationError) as caught:
        load_experiment("made_up")
    path = workflow / "experiments" / "made_up.yaml"
    assert str(caught.value).startswith(f"{path}: {expected}") and "\n" not in str(caught.value)
    write(workflow, group, changes | {"tables": [], "figures": []})
    assert load_experiment("made_up").runs()


def test_the_plan_of_such_an_experiment_exits_with_the_line(
    workflow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(workflow, {"games": ["phoenix"]}, {"tables": ["scores"]})
    assert main(["run", "made_up", "-n", "--results", str(tmp_path / "results")]) == 2
    assert "tables: scores: found phoenix among the games" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["tables", "figures"])
def test_every_module_states_needs_that_can_be_read(kind: str) -> None:
    modules = [path for path in (REPORT / kind).glob("*.py") if path.stem not in NOT_SHOWN]
    stated = {path.stem for path in modules if needs_of(path) != Needs()}
    assert stated == {path.stem for path in modules if "\nNEEDS = " in path.read_text()} and stated


def test_names_that_stand_here_and_in_published_are_the_same() -> None:
    assert {name: set(reference_set(name).random) for name in ("nature49_5min", "atari57_30min")} == {
        name: set(games) for name, games in REFERENCE_GAMES.items()
    }
    curves = needs_of(REPORT / "figures" / "learning_curves.py").published["dopamine_curves"]
    assert curves == {"algorithm": DOPAMINE_AGENTS, "agents": DOPAMINE_AGENTS}
    (zoo,) = needs_of(REPORT / "figures" / "aggregate_curves.py").published["any source"].values()
    assert isinstance(zoo, str) and set(names_in(zoo)) == set(DQN_ZOO_AGENTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'GAMES = "one of nature49"\nNEEDS = {"games": GAMES}\n',
            "line 2: NEEDS: found names or calls, expected a ",
        ),
        ('NEEDS = {"gamse": "one of nature49"}\n', "NEEDS.gamse: "),
        ('NEEDS: dict[str, str] = {"games": "some"}\n', "NEEDS.games: "),
    ],
)
def test_needs_that_are_none_are_one_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(ReplicationError) as caught:
        needs_of(path)
    assert str(caught.value).startswith(f"{path}: {expected}") and "\n" not in str(caught.value)


def test_a_game_or_a_source_without_a_level_is_drawn_without(tmp_path: Path) -> None:
    """Both ended with a KeyError, or with a line about a source that is there."""
    experiment = made_up_experiment([{"games": ["pong", "phoenix"]}])
    rows = learning_curves(experiment, load_runs(experiment, tmp_path), 100_000)
    assert list(rows[rows["series"] == "published"]["game"]) == ["pong"]
    ablation = source("nature_2015_table3_ablation", "replay on, target network on")
    experiment = made_up_experiment([{"games": ["breakout"]}], published=ablation)
    rows = learning_curves(experiment, load_runs(experiment, tmp_path), 100_000)
    assert rows[rows["series"] == "published"][["frames", "value"]].to_numpy().tolist() == [[40e6, 316.8]]
