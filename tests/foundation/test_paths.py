"""Where a program finds what is not in its package."""

from __future__ import annotations

from pathlib import Path

from replication.foundation.paths import IN_CHECKOUT, PACKAGE, PROJECT, project_of, workflow_path


def test_a_checkout_has_its_files_at_the_root_and_an_installed_package_in_a_folder_of_its_own(tmp_path: Path) -> None:
    package = tmp_path / "replication"
    assert project_of(package) == package / "project"
    (tmp_path / "Snakefile").write_text("")
    assert project_of(package) == tmp_path


def test_what_is_tested_is_a_checkout() -> None:
    assert IN_CHECKOUT and PACKAGE.parent == PROJECT
    assert workflow_path(PACKAGE / "api.py") == "replication/api.py"
