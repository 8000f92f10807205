"""Names given twice or spelt wrong, folders that read as numbers, outputs that cannot be written: a line each."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from replication.commands import doctor, run
from replication.commands.cli import main
from replication.commands.jobs import workflow_config
from replication.foundation.paths import WORKFLOW
from replication.foundation.stopping import ERROR_EXIT_CODE
from replication.report.views import any_film

TRAIN = ["train", "--variant", "random_10hz", "--game", "pong", "--seed", "1"]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == ERROR_EXIT_CODE
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_is_named_twice_is_refused(capsys) -> None:
    assert told(capsys, *TRAIN, "1") == "error: --seed: found 1 twice; name it once"
    assert told(capsys, *TRAIN[:4], "pong", "pong", *TRAIN[5:]) == "error: --task: found pong twice; name it once"


def test_only_a_near_option_is_offered(capsys) -> None:
    assert "did you mean" not in told(capsys, *TRAIN, "--learning-rate=1")
    assert "did you mean 'checkpoint-seconds'?" in told(capsys, *TRAIN, "--checkpont-seconds=1")


def test_a_folder_whose_name_reads_as_a_number_is_text() -> None:
    assert workflow_config({"experiment": "quickstart", "results": 2026}).results == "2026"


def test_a_plan_and_the_doctor_look_where_the_run_does(tmp_path: Path, monkeypatch) -> None:
    seen: list[Path] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "replication.commands.plan.print_plan", lambda name, results, state, cores: seen.append(results)
    )
    monkeypatch.setattr(doctor, "examine", lambda name, results, state, cores: seen.append(results) or True)
    assert main(["run", "quickstart", "-n"]) == main(["doctor", "quickstart"]) == 0
    assert seen == [WORKFLOW.parent / "results"] * 2


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "No space left"), (errno.ENAMETOOLONG, "name too long")])
def test_an_output_that_cannot_be_written_is_a_line(number: int, words: str, capsys, monkeypatch) -> None:
    def fail(options: object) -> int:
        raise OSError(number, f"{words} on device", "x" * 20)

    monkeypatch.setattr(run, "run", fail)
    assert words in told(capsys, "run", "quickstart")


def test_a_film_lies_beside_its_trace(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(any_film, "film_of", lambda path, episode, target, first, last: (path, target))
    assert main(["film", str(tmp_path), "--episode", "2"]) == 0
    assert str((tmp_path / "evaluation.trace", tmp_path / "episode_2.webp")) in capsys.readouterr().out
