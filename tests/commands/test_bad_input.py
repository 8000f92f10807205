"""Bad requests and files through the command line: what, where, what was expected, what to do, in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from replication.evidence.records import sealed_record
from replication.foundation.errors import ReplicationError
from replication.published.loader import PUBLISHED, published_scores, published_table
from replication.specification.run import resolve_run
from tests.support.bad_input import content, finished_quickstart, refused, train

# ---------------------------------------------------------------- names and budgets


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"game": "pongg"}, "there is no task 'pongg'; did you mean 'pong'?"),
        ({"game": "Ms. Pacman"}, "there is no task 'Ms. Pacman'; did you mean 'ms_pacman'?"),
        ({"variant": "dqn_papr"}, "there is no variant 'dqn_papr'; did you mean 'dqn_paper'?"),
        ({"protocol": "natur"}, "there is no protocol 'natur'; did you mean 'nature'?"),
        ({"preset": "smok"}, "there is no preset 'smok'; did you mean 'smoke'?"),
        ({"budget_frames": "0"}, "budget of 0 frames: expected a positive multiple of 4"),
        ({"budget_frames": "-4"}, "budget of -4 frames: expected a positive multiple of 4"),
        ({"budget_frames": "402"}, "budget of 402 frames: expected a positive multiple of 4"),
        ({"budget_frames": "1e6"}, "--budget-frames: expected a whole number, found '1e6': write 1_000_000;"),
        ({"budget_frames": "2.5e6"}, "--budget-frames: expected a whole number, found '2.5e6': write 2_500_000;"),
        ({"budget_frames": "many"}, "--budget-frames: expected a whole number, found 'many';"),
        ({"budget_frames": "9" * 5000}, "--budget-frames: expected a whole number, found '999"),
        ({"budget_frames": None}, "give --budget-frames"),
        ({"budget_frames": None, "budget_iterations": "2"}, "has no iterations: give --budget-frames"),
        ({"variant": "dqn_dopamine"}, "give --budget-iterations N, N >= 1"),
        ({"variant": "dqn_dopamine", "budget_frames": None, "budget_iterations": "0"}, "N >= 1"),
        ({"variant": "dqn_dopamine", "budget_frames": None, "budget_iterations": "-1"}, "N >= 1"),
        ({"budget_frames": None, "budget_iterations": "1e2"}, "--budget-iterations: expected a whole number"),
        ({"variant": "random_10hz"}, "variant random_10hz does not train: leave the budget out"),
        ({"seed": "-1"}, "seed -1: expected an integer >= 0"),
        ({"seed": "1.5"}, "--seed: expected a whole number, found '1.5';"),
        ({"device": "gpu"}, "--device: expected cpu, cuda or cuda:N, found 'gpu'"),
        ({"checkpoint_seconds": "nan"}, "--checkpoint-seconds: expected a number of seconds, found 'nan'"),
        ({"max_seconds": "-1"}, "--max-seconds: expected a number of seconds, found '-1'"),
        ({"replay_storage": "zip"}, "--replay-storage: invalid choice: 'zip'"),
        ({"budget": "400"}, "there is no option 'budget'; did you mean 'budget-steps'?; see "),
        ({"max_sec": "1"}, "there is no option 'max-sec'; did you mean 'max-seconds'?; see "),
        ({"zoom": "2"}, "there is no option 'zoom'; known: algorithm, budget-episodes, budget-frames, "),
    ],
)
def test_a_request_that_cannot_be_is_one_line(tmp_path: Path, capsys, changes: dict, expected: str) -> None:
    assert expected in refused(capsys, *train(tmp_path, **changes))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "quikstart", "-n"], "there is no experiment 'quikstart'; did you mean 'quickstart'?"),
        (["render", "page", "quikstart"], "did you mean 'quickstart'?"),
        (["run", "quickstart", "--cores", "0"], "--cores: expected 1 or more, found 0"),
        (["trian"], "invalid choice: 'trian'"),
        ([], "COMMAND"),
        (["fidelity", "--variant", "dqnn"], "did you mean 'dqn'?"),
    ],
)
def test_a_command_that_cannot_be_is_one_line(capsys, arguments: list[str], expected: str) -> None:
    assert expected in refused(capsys, *arguments)


# ---------------------------------------------------------------- results and published numbers


@pytest.mark.parametrize("command", ["train", "run"])
def test_results_of_another_run_in_the_place_of_this_one_are_refused_and_kept(
    tmp_path: Path, capsys, command: str
) -> None:
    settings = {"preset": "quickstart", "budget_frames": 120_000}
    run, other = (resolve_run(variant="dqn_quickstart", task="road_runner", seed=s, **settings) for s in (1, 2))
    place = run.results_folder(tmp_path / "results")
    place.mkdir(parents=True)
    (place / "run.json").write_bytes(sealed_record(other.identity() | {"result_digest": other.result_digest}))
    (place / "scores.csv").write_text("episode\n")
    before = content(tmp_path)
    arguments = ["run", "quickstart", "-n", f"--results={tmp_path / 'results'}"]
    if command == "train":
        named = {"variant": "dqn_quickstart", "game": "road_runner", "preset": "quickstart"}
        arguments = train(tmp_path, **named, budget_frames="120_000")
    line = refused(capsys, *arguments)
    assert f"{place / 'run.json'}: result_digest: found {other.result_digest[:12]}, expected" in line
    assert "the results of another run: move them away" in line
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", ["scores.csv", "curve.csv"])
def test_a_table_that_is_not_the_one_of_its_record_is_refused(tmp_path: Path, capsys, name: str) -> None:
    folder = finished_quickstart(tmp_path)
    path = folder / name
    path.write_text(path.read_text().replace("1", "2", 1))
    line = refused(capsys, "render", "table", "quickstart", "scores", f"--results={tmp_path}")
    assert f"{path}: its digest is not the one in run.json" in line
    path.unlink()
    line = refused(capsys, "render", "table", "quickstart", "scores", f"--results={tmp_path}")
    assert f"{path}: found no such file, run.json names it" in line


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("nature_2015_table2.csv", "breakout,", "brekout,", "there is no game 'brekout'; did you mean 'breakout'?"),
        (
            "nature_2015_table2.csv",
            "game,random",
            "game,randm",
            "row 1: random: no such column found (found 'randm'), exp",
        ),
        ("nature_2015_table2.csv", ",401.2,", ",4O1.2,", "dqn_mean: found '4O1.2', expected a finite decimal number"),
        ("nature_2015_table2.csv", ",401.2,", ",٤٠١,", "dqn_mean: found '٤٠١', expected a finite decimal number"),
        ("scores/pfrl_dqn.csv", "game,", "gam,", "row 1: game: no such column found (found 'gam'), expected columns"),
    ],
)
def test_a_published_table_with_a_fault_is_one_line(
    tmp_path: Path, file: str, old: str, new: str, expected: str
) -> None:
    folder = tmp_path / "published"
    shutil.copytree(PUBLISHED, folder)
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ReplicationError) as error:
        _ = (
            published_scores(path.stem, folder=folder)
            if "scores/" in file
            else published_table(path.stem, folder=folder)
        )
    assert str(error.value).startswith(f"{path}: ") and expected in str(error.value) and "\n" not in str(error.value)


def test_a_published_score_without_a_source_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    shutil.copytree(PUBLISHED, folder)
    path = folder / "scores" / "pfrl_dqn.csv"
    source = published_scores("pfrl_dqn")[0].source
    path.write_text(path.read_text().replace(source, "", 1).replace('""', ""))
    with pytest.raises(ReplicationError, match=r"pfrl_dqn\.csv: row 2: source: found an empty cell, expected text"):
        published_scores("pfrl_dqn", folder=folder)


def test_a_record_that_is_none_is_one_line(tmp_path: Path, capsys) -> None:
    run = resolve_run(variant="dqn", task="pong", seed=1, budget_frames=400_000)
    place = run.results_folder(tmp_path / "results") / "run.json"
    place.parent.mkdir(parents=True)
    for data in (b"", b"{", b"[]", b"\xff", b"{}", b"[" * 100_000, json.dumps({"result_digest": "a\nb"}).encode()):
        place.write_bytes(data)
        assert str(place) in refused(capsys, *train(tmp_path))
        assert place.read_bytes() == data
