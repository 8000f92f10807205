"""The commit of a record: git has to say that the files in force are in it, and of nobody else's repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replication.evidence import provenance
from replication.evidence.provenance import commit_or_digest, git_commit
from replication.foundation.git import NOT_IN_A_COMMIT
from replication.foundation.paths import WORKFLOW
from replication.specification.run import resolve_run
from replication.specification.settings_files import settings_files
from tests.support.queue_projects import commit_all, git, small_repository


def project(folder: Path) -> str:
    """Make a project in a repository of its own; return its commit."""
    small_repository(folder)
    (folder / "workflow" / "algorithms").mkdir(parents=True)
    (folder / "workflow" / "algorithms" / "dqn.yaml").write_text("variant: dqn")
    return commit_all(folder, "settings")


def is_in_none(found: str) -> bool:
    return re.fullmatch(re.escape(NOT_IN_A_COMMIT) + "[0-9a-f]{64}", found) is not None


def test_the_commit_is_named_where_all_files_in_force_are_in_it(tmp_path: Path) -> None:
    root = tmp_path / "project"
    commit = project(root)
    assert commit_or_digest(root) == commit
    for no_source in ("replication/__pycache__/a.cpython-311.py", "workflow/.dqn.yaml", "workflow/notes.txt", "my.py"):
        (root / no_source).parent.mkdir(exist_ok=True)
        (root / no_source).write_text("x = 1")
    assert commit_or_digest(root) == commit
    (root / "replication" / "__main__.py").write_text("x = 1")
    assert commit_or_digest(root) == f"{commit}-dirty"
    git(root, "checkout", "--quiet", ".")
    git(root, "worktree", "add", "--quiet", "--detach", str(tmp_path / "beside"))
    assert commit_or_digest(tmp_path / "beside") == commit


@pytest.mark.parametrize("file", ["replication/mine.py", "workflow/algorithms/mine.yaml", "workflow/\u00e9 b.yaml"])
def test_a_file_in_force_that_git_does_not_have_is_in_no_commit(tmp_path: Path, file: str) -> None:
    commit = project(tmp_path / "project")
    (tmp_path / "project" / file).write_text("x = 1")
    first = commit_or_digest(tmp_path / "project")
    assert is_in_none(first)
    (tmp_path / "project" / file).write_text("x = 2")
    assert is_in_none(second := commit_or_digest(tmp_path / "project")) and second != first
    (tmp_path / "project" / ".gitignore").write_text("mine.*\n")
    assert is_in_none(commit_or_digest(tmp_path / "project"))
    git(tmp_path / "project", "add", "--force", file)
    with_it = commit_all(tmp_path / "project", "mine")
    assert commit_or_digest(tmp_path / "project") == with_it != commit


def test_a_yaml_that_no_run_uses_puts_no_record_out_of_its_commit(tmp_path: Path) -> None:
    root = tmp_path / "project"
    commit = project(root)
    used = {"algorithms/dqn.yaml", "protocols/nature.yaml"}
    (root / "workflow" / "algorithms" / "draft.yaml").write_text("variant: draft")
    assert commit_or_digest(root, used) == commit and is_in_none(commit_or_digest(root))
    (root / "workflow" / "protocols").mkdir()
    (root / "workflow" / "protocols" / "nature.yaml").write_text("protocol: nature")
    assert is_in_none(first := commit_or_digest(root, used))
    (root / "workflow" / "algorithms" / "draft.yaml").unlink()
    assert commit_or_digest(root, used) == first
    (root / "replication" / "mine.py").write_text("")
    assert commit_or_digest(root, used) != first


def test_the_settings_in_force_are_those_of_a_run_and_of_what_they_are_like() -> None:
    run = resolve_run(variant="dqn_lr_half+discount=0.9", task="pong", seed=1, budget_frames=4_000, preset="smoke")
    expected = {"algorithms/dqn_lr_half.yaml", "algorithms/dqn.yaml", "presets/smoke.yaml", "originals/suite.yaml"}
    found = settings_files(run)
    assert found >= {*expected, f"protocols/{run.protocol.protocol}.yaml", "originals/nature_dqn.yaml"}
    assert "algorithms/rainbow.yaml" not in found and len(found) < 10
    assert all((WORKFLOW / name).is_file() for name in found)


@pytest.mark.parametrize("tracked", [False, True])
def test_a_repository_around_the_program_is_somebody_elses(tmp_path: Path, tracked: bool) -> None:
    around = tmp_path / "around"
    small_repository(around)
    vendored = around / "vendor" / "suite"
    (vendored / "replication").mkdir(parents=True)
    (vendored / "replication" / "__main__.py").write_text("")
    if tracked:
        commit_all(around, "copied")
    assert is_in_none(commit_or_digest(vendored))


def test_files_in_no_repository_have_a_digest_that_does_not_know_where_they_lie(tmp_path: Path) -> None:
    found = set()
    for name in ("a", "b"):
        (tmp_path / name / "replication").mkdir(parents=True)
        (tmp_path / name / "replication" / "__main__.py").write_text("")
        found.add(commit_or_digest(tmp_path / name))
    assert len(found) == 1 and is_in_none(found.pop())


def test_an_installed_program_has_the_digest_of_the_checkout_it_is_made_of(tmp_path: Path) -> None:
    checkout, installed = tmp_path / "checkout", tmp_path / "site-packages"
    for root, workflow in ((checkout, checkout / "workflow"), (installed, installed / "replication/project/workflow")):
        for path in (root / "replication" / "__main__.py", workflow / "a.yaml", workflow / "b.yaml"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(path.name)
    (installed / "another").mkdir()
    (installed / "another" / "package.py").write_text("")
    assert is_in_none(commit_or_digest(installed))
    for settings in (None, {"a.yaml"}):
        assert commit_or_digest(checkout, settings) == commit_or_digest(installed, settings)
    assert commit_or_digest(installed, {"a.yaml"}) != commit_or_digest(installed, {"b.yaml"})


@pytest.mark.parametrize("names", [["GIT_DIR"], ["GIT_DIR", "GIT_WORK_TREE"], ["GIT_INDEX_FILE"]])
def test_variables_that_point_to_another_repository_are_of_no_concern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    own, other = project(tmp_path / "own"), tmp_path / "other"
    small_repository(other)
    commit_all_of_other = git(other, "rev-parse", "HEAD")
    values = {"GIT_DIR": other / ".git", "GIT_WORK_TREE": tmp_path / "own", "GIT_INDEX_FILE": other / ".git" / "index"}
    for name in names:
        monkeypatch.setenv(name, str(values[name]))
    assert commit_or_digest(tmp_path / "own") == own != commit_all_of_other
    (tmp_path / "none" / "replication").mkdir(parents=True)
    assert is_in_none(commit_or_digest(tmp_path / "none"))


def test_a_machine_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path / "project")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert is_in_none(commit_or_digest(tmp_path / "project"))


def test_the_commit_is_that_at_the_start_and_a_named_one_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    provenance._own_commit.cache_clear()
    monkeypatch.delenv("REPLICATION_COMMIT", raising=False)
    monkeypatch.setattr(provenance, "commit_or_digest", lambda root, settings: "before")
    assert git_commit() == "before"
    monkeypatch.setattr(provenance, "commit_or_digest", lambda root, settings: "changed while it trained")
    assert git_commit() == "before"
    monkeypatch.setenv("REPLICATION_COMMIT", "named")
    assert git_commit() == "named"
    provenance._own_commit.cache_clear()
