"""Citations, data packages and evaluation results: made from what is there, in the forms that others read."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

from replication.commands.cli import main
from replication.report.exports.citations import all_cited, entry_of_paper, entry_of_source, sources
from replication.report.exports.data_package import column_type

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.mark.parametrize(
    ("text", "key", "author", "title"),
    [
        (
            "Mnih et al. 2015, Human-level control through deep reinforcement learning, Nature 518",
            "mnih2015human",
            "Mnih and others",
            "Human-level control through deep reinforcement learning",
        ),
        (
            "van Hasselt, Guez and Silver 2016, Deep reinforcement learning with double Q-learning, AAAI",
            "vanhasselt2016deep",
            "{van Hasselt} and Guez and Silver",
            "Deep reinforcement learning with double Q-learning",
        ),
        (
            "Dabney, Ostrovski, et al. 2018, Implicit quantile networks for reinforcement learning, ICML",
            "dabney2018implicit",
            "Dabney and Ostrovski and others",
            "Implicit quantile networks for reinforcement learning",
        ),
        (
            "Sutton & Barto 2018, Reinforcement Learning: An Introduction, second edition, section 6.5",
            "sutton2018reinforcement",
            "Sutton and Barto",
            "Reinforcement Learning: An Introduction, second edition",
        ),
    ],
)
def test_a_publication_is_taken_apart(text: str, key: str, author: str, title: str) -> None:
    entry = entry_of_paper(text)
    assert entry.startswith(f"@misc{{{key},\n")
    assert f"  author = {{{author}}},\n" in entry and f"  title = {{{title}}},\n" in entry


def test_every_source_and_experiment_is_cited_once() -> None:
    entries = all_cited()
    keys = [entry.partition("{")[2].partition(",")[0] for entry in entries]
    assert len(set(keys)) == len(keys) > 60 and {f"numbers_{name}" for name in sources()} <= set(keys)
    for entry in entries:
        assert re.fullmatch(r"@\w+\{[a-z0-9_]+,\n(  \w+ = \{.+\},\n)+\}", entry), entry
        assert entry.count("{") == entry.count("}"), entry
    assert "version = {34770cc}" in entry_of_source("sfujim_td3")


def test_the_command_cites(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", "td3_2018"]) == 0
    said = capsys.readouterr().out
    assert said.count("arXiv 1802.09477") == 1  # the algorithm says more than the experiment
    assert [found for found in re.findall(r"@\w+\{([^,]+),", said)] == [
        "fujimoto2018addressing",
        "numbers_sfujim_td3",
        "replication-suite",
    ]
    assert main(["cite", "td3_2081"]) == 2
    assert "td3" in capsys.readouterr().err


def test_tables_are_a_data_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("tables", "figures"):
        (tmp_path / "td3_2018" / kind).mkdir(parents=True)
        for path in (RESULTS / "td3_2018" / kind).iterdir():
            if path.suffix in {".csv", ".md", ".txt"}:
                (tmp_path / "td3_2018" / kind / path.name).write_bytes(path.read_bytes())
    assert main(["publish", "td3_2018", "--format", "datapackage", "--results", str(tmp_path)]) == 0
    path = Path(capsys.readouterr().out.strip())
    package = json.loads(path.read_text())
    assert path == tmp_path / "td3_2018" / "datapackage.json" and package["profile"] == "tabular-data-package"
    assert [each["path"] for each in package["resources"]] == [
        "tables/scores_by_step.csv",
        "tables/power.csv",
        "figures/curves_by_step.csv",
    ]
    for resource in package["resources"]:
        data = (path.parent / resource["path"]).read_bytes()
        assert resource["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}" and resource["description"]
        heading = next(csv.reader(data.decode().splitlines()))
        assert [field["name"] for field in resource["schema"]["fields"]] == heading
    types = {field["name"]: field["type"] for field in package["resources"][0]["schema"]["fields"]}
    assert (types["score"], types["step"], types["stand_in"], types["verdict"]) == (
        "number",
        "integer",
        "boolean",
        "string",
    )
    assert main(["publish", "a2c_2017", "--format", "datapackage", "--results", str(tmp_path)]) == 2


def test_a_column_is_of_the_narrowest_type() -> None:
    assert [column_type(cells) for cells in (["1", ""], ["1", "2.5"], ["true"], ["", ""], ["1", "x"])] == [
        "integer",
        "number",
        "boolean",
        "string",
        "string",
    ]


def test_verdicts_are_evaluation_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "td3_2018" / "tables"
    folder.mkdir(parents=True)
    source = (RESULTS / "td3_2018" / "tables" / "scores_by_step.csv").read_bytes()
    (folder / "scores_by_step.csv").write_bytes(source)
    words = ["publish", "td3_2018", "--format", "eval-results", "--results", str(tmp_path)]
    assert main([*words, "--dataset", "somebody/control"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "td3_2018" / "eval_results" / "td3_2018.yaml"
    entries = yaml.safe_load(path.read_text())
    rows = list(csv.DictReader(source.decode().splitlines()))
    assert [entry["value"] for entry in entries] == [float(row["score"]) for row in rows if row["score"]]
    assert entries[0]["dataset"] == {"id": "somebody/control", "task_id": "half_cheetah"}
    assert entries[0]["notes"].startswith(f"verdict: {rows[0]['verdict']} (")
    assert main(words) == 2 and "--dataset" in capsys.readouterr().err
    assert main([*words, "--dataset", "none"]) == 2 and "OWNER/NAME" in capsys.readouterr().err
