"""Scores of others stand beside ours, marked as what they are, and never with our provenance."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from replication.analysis.finished import load_runs
from replication.analysis.other_scores import SCHEMA, load_other
from replication.commands import doctor
from replication.commands import run as run_command
from replication.commands.cli import main
from replication.commands.inventory import other_files
from replication.commands.jobs import Jobs
from replication.evidence.records import sealed_record
from replication.foundation.errors import ReplicationError
from replication.report.pages.experiment import write_page
from replication.report.tables import scores
from replication.report.tables.table import write_table
from tests.support.finished_runs import finish, made_up_experiment

HEADER = "algorithm,game,seed,frames,protocol,score,source\n"
ROWS = """A2C,pong,0,40000000,nature,10.5,"Somebody 2020, Table 1"
A2C,pong,1,40000000,nature,12.5,"Somebody 2020, Table 1"
A2C,breakout,0,40000000,nature,1230.25,"Somebody 2020, Table 1"
A2C,tennis,0,40000000,nature,-1,"Somebody 2020, Table 1"
A2C,pong,0,40000000,sticky,-20,"Somebody 2020, Table 1"
"""


@pytest.fixture
def experiment():
    return made_up_experiment([{"games": ["pong", "breakout"]}], figures=[], others=["theirs"])


def imported(results: Path, rows: str = ROWS, name: str = "theirs") -> Path:
    path = results / "imported" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER + rows)
    return path


def table_rows(experiment, results: Path) -> list[dict[str, str]]:
    return scores.build(experiment, load_runs(experiment, results)).printed().to_dict("records")


def test_imported_scores_stand_after_ours_game_by_game(experiment, tmp_path: Path) -> None:
    for run in experiment.runs():
        finish(run, tmp_path)
    alone = table_rows(experiment.model_copy(update={"others": ()}), tmp_path)
    imported(tmp_path)
    rows = table_rows(experiment, tmp_path)
    assert [(row["game"], row["agent"]) for row in rows] == [
        ("Breakout", "DQN (released program)"),
        ("Breakout", "A2C (imported)"),
        ("Pong", "DQN (released program)"),
        ("Pong", "A2C (imported)"),
    ]
    assert [rows[0], rows[2]] == alone  # ours are what they were
    pong = rows[3]
    assert (pong["ours"], pong["seeds"], pong["frames"], pong["interval over"]) == (
        "11.5",
        "2 of 2",
        "40,000,000",
        "seeds",
    )
    # t(0.975, 1) = 12.706: 11.5 -+ 12.706 * sqrt(2) / sqrt(2)
    assert pong["95 % interval"] == "-1.2 to 24.2"
    # Nature's Pong: random -20.7, human 9.3
    assert pong["normalized %"] == "107.3"
    assert (pong["verdict"], pong["deviations"]) == ("no reference", "")
    assert pong["reason"] == "imported, source: Somebody 2020, Table 1"
    assert (rows[1]["95 % interval"], rows[1]["interval over"]) == ("none", "")
    caption = scores.build(experiment, load_runs(experiment, tmp_path)).caption
    assert (
        "taken from a file and not derived here" in caption and "2 of other games or protocols are left out" in caption
    )


def test_an_agent_of_the_source_s_own_name_is_judged_beside_its_number(tmp_path: Path) -> None:
    """Nature's `dqn` on Pong: 18.9, random play -20.7; imported scores of as many frames have a share of it."""
    experiment = made_up_experiment([{"games": ["pong"], "budget_frames": 200_000_000}], figures=[], others=["theirs"])
    row = "{},pong,{},200000000,nature,{},x\n"
    imported(tmp_path, "".join(row.format(name, seed, 18 + seed) for name in ("dqn", "A2C") for seed in (0, 1)))
    frame = scores.build(experiment, load_runs(experiment, tmp_path)).frame.set_index("agent")
    theirs, unknown, ours = frame.loc["dqn (imported)"], frame.loc["A2C (imported)"], frame.iloc[0]
    assert (theirs["published"], theirs["floor"], unknown["verdict"]) == (18.9, -20.7, "no reference")
    assert theirs["share"] == pytest.approx((18.5 + 20.7) / (18.9 + 20.7)) and theirs["stand_in"]
    assert theirs["verdict"] in ("replicated", "inconclusive") and theirs["reason"].startswith("imported, source: x: ")
    assert ours["verdict"] == "not run" and ours["comparisons"] == 1


def test_they_stand_there_before_any_run_of_ours(experiment, tmp_path: Path) -> None:
    imported(tmp_path)
    assert [row["ours"] for row in table_rows(experiment, tmp_path)] == ["missing", "1,230.2", "missing", "11.5"]


def test_the_page_marks_them_and_gives_them_none_of_our_provenance(experiment, tmp_path: Path) -> None:
    for run in experiment.runs():
        finish(run, tmp_path)
    imported(tmp_path, ROWS.replace("Somebody", "<i>Somebody</i>"))
    write_table(scores.build(experiment, load_runs(experiment, tmp_path)), tmp_path / "made_up" / "tables")
    html = write_page(experiment, tmp_path).read_text()
    assert html.count('<tr class="others">') == 2 * 2  # in what is judged, and in all columns
    assert re.findall(r"<dt><strong>(\d+)</strong> (.*?)</dt>", html) == [("2", "no reference")]  # on ours alone
    provenance = html[html.index('id="provenance"') : html.index('id="again"')]
    table, after = provenance.split("</table>")
    assert "A2C" not in table and "theirs.csv (SHA-256 " in after
    assert "&lt;i&gt;Somebody" in after and "<i>" not in html


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("A2C,pongg,0,4,nature,1,x\n", "row 2: game: there is no game 'pongg'; did you mean 'pong'?"),
        ("A2C,pong,one,4,nature,1,x\n", "row 2: seed: found 'one', expected a whole number"),
        ("A2C,pong,0,4e6,nature,1,x\n", "row 2: frames: found '4e6', expected a whole number"),
        ("A2C,pong,0,4,natur,1,x\n", "row 2: protocol: there is no protocol 'natur'; did you mean 'nature'?"),
        ("A2C,pong,0,4,nature,nan,x\n", "row 2: score: found 'nan', expected a finite decimal number"),
        ("A2C,pong,0,4,nature,1,\n", "row 2: source: found an empty cell, expected text"),
        ("A2C,pong,0,4,nature,1,x\nA2C,pong,0,4,nature,2,x\n", "row 3: algorithm, game, seed, frames, protocol: found"),
        ("A2C,pong,0,4,nature,1\n", "row 2: found 6 cells, expected 7"),
        ("", "expected a header and at least one row"),
    ],
)
def test_a_fault_in_a_file_is_one_line(tmp_path: Path, rows: str, expected: str) -> None:
    path = imported(tmp_path, rows)
    with pytest.raises(ReplicationError) as error:
        load_other("theirs", tmp_path)
    assert str(error.value).startswith(f"{path}: ") and expected in str(error.value)
    assert "\n" not in str(error.value)


def test_they_are_read_before_anything_is_trained(experiment, tmp_path: Path, monkeypatch, capsys) -> None:
    """A wrong protocol or a missing file showed only inside the job of the table, after the last run."""
    for module in (run_command, doctor):
        monkeypatch.setattr(module, "load_experiment", lambda name: experiment)
    results = ["--results", str(tmp_path)]
    assert main(["run", "made_up", "-n", *results]) == 2
    assert "others: theirs: found neither" in capsys.readouterr().err
    imported(tmp_path, "A2C,pong,0,4,natur,1,x\n")
    assert main(["run", "made_up", *results]) == 2
    assert "theirs.csv: row 2: protocol: there is no protocol 'natur'" in capsys.readouterr().err
    assert main(["doctor", "made_up", *results]) == 1
    assert f"FAIL  {tmp_path}/imported/theirs.csv: row 2: protocol: there is no" in capsys.readouterr().out
    imported(tmp_path)
    assert list(doctor.check_others(experiment, tmp_path)) == [
        (doctor.OK, f"{ROWS.count(chr(10))} scores of other programs can be read")
    ]
    assert list(doctor.check_others(experiment.model_copy(update={"others": ()}), tmp_path)) == []


def test_a_missing_column_and_a_missing_file_are_one_line(tmp_path: Path) -> None:
    path = imported(tmp_path)
    path.write_text(path.read_text().replace("score,source", "score,origin"))
    with pytest.raises(ReplicationError, match=r"theirs\.csv: row 1: source: no such column found"):
        load_other("theirs", tmp_path)
    with pytest.raises(ReplicationError, match=r"others: nobody: found neither .*nobody\.csv nor .*judged/nobody"):
        load_other("nobody", tmp_path)
    assert list(SCHEMA.columns) == HEADER.strip().split(",")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    program = (
        "import sys; asked = sys.stdin.buffer; asked.read(17); asked.read(asked.read(1)[0] or 6)\n"
        "while asked.read(1 + 4 * 84 * 84): sys.stdout.buffer.write(bytes([2])); sys.stdout.flush()"
    )
    (folder / "up.py").write_text(program)
    policy = shlex.join([sys.executable, "-S", str(folder / "up.py")])
    for seed in ("1", "2"):
        asked = ["--name", "theirs", "--game", "pong", "--protocol", "nature", "--preset", "smoke", "--seed", seed]
        assert main(["judge", "--command", policy, *asked, "--results", str(folder), "--quiet"]) == 0
    return folder


def test_what_was_judged_here_stands_beside_ours(judged: Path, tmp_path: Path) -> None:
    shutil.copytree(judged / "judged", tmp_path / "judged")
    experiment = made_up_experiment([{"games": ["pong"], "preset": "smoke"}], figures=[], others=["theirs"])
    other = load_other("theirs", tmp_path)
    assert [found.seed for found in other] == [1, 2] and all(len(found.episode_returns) == 2 for found in other)
    _, row = table_rows(experiment, tmp_path)
    assert (row["agent"], row["frames"], row["seeds"]) == ("theirs (judged here)", "unknown", "2 of 2")
    assert row["reason"] == "judged here: 2 episodes at epsilon 0.05, nature frames"
    jobs = Jobs(experiment, experiment.runs(), (), (), (), tmp_path, "cpu", None, None)
    files = {str(path) for path in other_files(experiment, tmp_path)}
    assert len(files) == 2 and files <= set(jobs.shared_sources)
    record = next((tmp_path / "judged").rglob("run.json"))
    content = json.loads(record.read_bytes())
    record.write_bytes(sealed_record(content | {"seed": 7}))
    with pytest.raises(ReplicationError, match="they were changed"):
        scores.build(experiment, load_runs(experiment, tmp_path))
