"""A user's own task: one YAML, from which its runs, their traces and their verification follow."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from replication.evidence.verify_run import check_run
from replication.foundation import paths
from replication.specification.run import resolve_run
from replication.specification.settings_files import settings_files
from replication.specification.tasks.own_tasks import OwnTask
from replication.specification.tasks.registry import find_task
from tests.support.evaluated_runs import EPISODES, evaluated_run, write_evaluated
from tests.support.pinball import message

MODULE = Path(__file__).parents[1] / "support" / "own_environments.py"
CORRIDOR = "task: corridor\ntitle: A corridor\nenvironment_id: my_corridor:Corridor\ncap_steps: 30\n"


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workflow with a task of a user, whose module lies in a folder of its own."""
    found = tmp_path / "workflow"
    for kind in ("algorithms", "protocols", "originals", "presets"):
        shutil.copytree(paths.WORKFLOW / kind, found / kind)
    monkeypatch.setattr(paths, "WORKFLOW", found)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file that is changed at once is read again
    monkeypatch.delitem(sys.modules, "my_corridor", raising=False)
    (found / "tasks").mkdir()
    (found / "tasks" / "corridor.yaml").write_text(CORRIDOR)
    shutil.copy(MODULE, tmp_path / "my_corridor.py")
    monkeypatch.syspath_prepend(tmp_path)
    return found


def test_one_yaml_gives_runs_traces_and_their_verification(workflow: Path, tmp_path: Path) -> None:
    run = evaluated_run("corridor")
    assert isinstance(run.task, OwnTask) and run.task.registered_cap_steps == 30
    assert "tasks/corridor.yaml" in settings_files(run)
    checked = check_run(write_evaluated(run, tmp_path))
    assert checked.episodes == 3 * EPISODES


def test_another_environment_is_another_run_and_a_changed_one_is_named(workflow: Path, tmp_path: Path) -> None:
    path, run = tmp_path / "my_corridor.py", evaluated_run("corridor")
    folder = write_evaluated(run, tmp_path)
    text = path.read_text()
    path.write_text(text.replace("0.1 * float", "0.2 * float"))
    assert evaluated_run("corridor").training_digest != run.training_digest
    sys.modules.pop("my_corridor")
    found = message(check_run, folder)
    assert "raw_return: played again it is" in found and "(the trace was made with task_content " in found
    path.write_text(text)
    (workflow / "tasks" / "corridor.yaml").write_text(CORRIDOR.replace("30", "31"))
    assert evaluated_run("corridor").training_digest != run.training_digest
    (workflow / "tasks" / "corridor.yaml").write_text(CORRIDOR.replace("A corridor", "The corridor"))
    assert evaluated_run("corridor").training_digest == run.training_digest


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (("cap_steps: 30", "cap_steps: 0"), "cap_steps: expected a number greater than or equal to 1, found 0"),
        (("cap_steps: 30", "cap: 30"), "cap: there is no key 'cap'; did you mean 'cap_steps'?"),
        (("task: corridor", "task: corridr"), "task: found 'corridr', expected the file's own name 'corridor'"),
        (
            ("my_corridor:Corridor", "my corridor"),
            "environment_id: found 'my corridor', expected Gymnasium's name of it, or module:Class",
        ),
        (("title: A corridor\n", ""), "title: field required: it has no default, add it"),
    ],
)
def test_a_bad_yaml_is_one_line(workflow: Path, changes: tuple[str, str], expected: str) -> None:
    path = workflow / "tasks" / "corridor.yaml"
    path.write_text(CORRIDOR.replace(*changes))
    assert message(find_task, "corridor").startswith(f"{path}: {expected}")


def test_a_module_that_cannot_be_found_is_one_line(workflow: Path) -> None:
    path = workflow / "tasks" / "corridor.yaml"
    path.write_text(CORRIDOR.replace("my_corridor", "no_corridor"))
    assert message(lambda: evaluated_run("corridor").training_digest).startswith(
        f"{path}: environment_id: found no module no_corridor, expected one in "
    )


def test_the_name_of_a_bundled_task_is_taken_and_a_misspelt_one_is_offered(workflow: Path) -> None:
    shutil.copy(workflow / "tasks" / "corridor.yaml", workflow / "tasks" / "pendulum.yaml")
    assert "which is a task of this package; rename it" in message(find_task, "pendulum")
    assert "did you mean 'corridor'?" in message(find_task, "coridor")


def test_it_is_named_as_any_task(workflow: Path) -> None:
    run = resolve_run(variant="random_uniform", task="corridor", seed=1)
    assert run.identity()["task_content"] == run.task.unknown_content
