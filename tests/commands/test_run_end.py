"""The end of `run`: the page, the verdicts, what to do next, in three lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from replication.commands import run
from replication.commands.cli import main
from replication.commands.snakemake import known_profiles, snakemake_command
from replication.foundation import paths
from replication.foundation.paths import WORKFLOW


@pytest.mark.parametrize("code", [0, 1])
def test_a_run_that_came_to_its_page_ends_in_three_lines(tmp_path: Path, monkeypatch, capsys, code: int) -> None:
    folder = tmp_path / "dopamine_curves" / "tables"
    folder.mkdir(parents=True)
    (folder / "scores.csv").write_text(
        "game,verdict,more_seeds_can_decide\nPong,replicated,\nKrull,inconclusive,true\nAlien,inconclusive,false\n"
    )
    monkeypatch.setattr(run, "run_snakemake", lambda command, log: code)
    assert main(["run", "dopamine_curves", "--results", str(tmp_path)]) == code
    said = capsys.readouterr().out.splitlines()
    if code:
        assert said == []
        return
    page, verdicts, after = said
    assert page == f"page:     {tmp_path / 'dopamine_curves' / 'index.html'}"
    assert verdicts == "verdicts: 1 replicated, 2 inconclusive"
    assert "1 of them more seeds can decide" in after and f"verify {tmp_path / 'dopamine_curves'}" in after


def test_a_relative_folder_lies_where_snakemake_puts_it(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "run_snakemake", lambda command, log: 0)
    assert main(["run", "quickstart", "--results", "no_such_results"]) == 0
    assert str(WORKFLOW.parent / "no_such_results" / "quickstart" / "index.html") in capsys.readouterr().out


def test_an_installed_program_works_in_the_folder_it_is_called_from(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "IN_CHECKOUT", False)
    monkeypatch.setattr(run, "run_snakemake", lambda command, log: 0)
    assert main(["run", "quickstart", "--results", "mine"]) == 0
    assert str(tmp_path / "mine" / "quickstart" / "index.html") in capsys.readouterr().out
    words = snakemake_command("quickstart", Path("mine"), None)
    assert words[words.index("--directory") + 1] == str(tmp_path)
    assert Path(paths.workflow_path(WORKFLOW / "experiments" / "quickstart.yaml")).is_absolute()


def test_profiles_name_files_beside_them_so_that_they_work_from_any_folder() -> None:
    for name in known_profiles():
        settings = yaml.safe_load((WORKFLOW / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))
        if "configfile" in settings:
            assert (WORKFLOW / "profiles" / name / settings["configfile"]).is_file()
