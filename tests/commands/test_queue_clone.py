"""The clone: at a commit of main, without what is not committed, with an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from replication.commands.queue.clone import own_environment, place_clone
from replication.foundation.errors import ReplicationError
from tests.support.queue_projects import commit_all, git, small_repository


def test_a_clone_begins_at_the_tip_of_main_and_moves_only_when_it_is_told(tmp_path: Path) -> None:
    repository, clone = small_repository(tmp_path / "project"), tmp_path / "queue" / "clone"
    clone.parent.mkdir()
    first = git(repository, "rev-parse", "main")
    (repository / "Makefile").write_text("not committed\n")
    assert place_clone(clone, repository, None) == first
    assert "not committed" not in (clone / "Makefile").read_text()
    second = commit_all(repository, "second")
    assert place_clone(clone, repository, None) == first
    assert place_clone(clone, repository, "main") == second == git(clone, "rev-parse", "HEAD")
    assert (clone / "Makefile").read_text() == "not committed\n"
    assert place_clone(clone, repository, first[:10]) == first
    assert [path.name for path in clone.parent.iterdir()] == ["clone"]


def test_only_commits_of_main_are_trained(tmp_path: Path) -> None:
    repository, clone = small_repository(tmp_path / "project"), tmp_path / "clone"
    git(repository, "checkout", "--quiet", "-b", "aside")
    (repository / "more").write_text("")
    aside = commit_all(repository, "aside")
    for name in (aside, "aside", "nowhere", "--all"):
        with pytest.raises(ReplicationError, match="found no such commit on the branch main of") as error:
            place_clone(clone, repository, name)
        assert f"--commit {name}: " in str(error.value)
    assert place_clone(clone, repository, None) != aside
    git(repository, "branch", "--delete", "--force", "main")
    with pytest.raises(ReplicationError, match="found no branch main"):
        place_clone(tmp_path / "other", repository, None)


def test_a_clone_whose_files_were_changed_is_refused(tmp_path: Path) -> None:
    repository, clone = small_repository(tmp_path / "project"), tmp_path / "clone"
    place_clone(clone, repository, None)
    (clone / "untracked").write_text("")
    place_clone(clone, repository, None)
    (clone / "Makefile").write_text("")
    with pytest.raises(ReplicationError, match="Makefile was changed; a clone is trained as it is committed"):
        place_clone(clone, repository, None)


def test_variables_of_git_lead_to_no_other_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository, other = small_repository(tmp_path / "project"), small_repository(tmp_path / "other")
    (other / "more").write_text("")
    commit_all(other, "another project's")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert place_clone(tmp_path / "clone", repository, None) == git(repository, "rev-parse", "main")


def test_the_environment_is_built_by_the_clones_makefile(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    place_clone(clone, small_repository(tmp_path / "project"), None)
    python = own_environment(clone)
    assert python == clone / ".venv" / "bin" / "python"
    assert subprocess.run([python, "-c", "print(1)"], capture_output=True, check=True).stdout == b"1\n"
    assert python.resolve() == Path(sys.executable).resolve()
    (clone / "Makefile").write_text("venv:\n\tfalse\n")
    with pytest.raises(ReplicationError, match="`make venv` ended with exit code 2, see above; mend it, or name"):
        own_environment(clone)


def test_without_git_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = small_repository(tmp_path / "project")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReplicationError, match="git: cannot be started"):
        place_clone(tmp_path / "clone", repository, None)
