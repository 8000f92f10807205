"""The queue end to end, with a clone of this program and runs of seconds."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.commands.queue.clone import current_commit, place_clone
from replication.commands.queue.entries import Entry
from replication.commands.queue.folder import QueueFolder, Worker, read_json
from replication.commands.queue.worker import last_line
from replication.evidence.state_files import checkpoints
from replication.foundation.locks import is_held
from tests.support.bad_input import refused
from tests.support.queue_projects import SMOKE, command, commit_all, this_project, wait_for

BUDGET = ("--budget-frames", "4000")
LONG = ("--budget-frames", "4000000")


@dataclass
class Project:
    """A queue of its own beside a repository, whose clone is there already with what numba compiles."""

    repository: Path
    folder: QueueFolder
    undisturbed: Path
    """Results of two runs that nobody stopped."""

    def queue(self, *words: str) -> str:
        """What a command prints; it must succeed."""
        done = command(self.repository, "queue", *words, "--folder", str(self.folder.root))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        """The line with which a command ends."""
        done = command(self.repository, "queue", *words, "--folder", str(self.folder.root))
        assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def start(self, *words: str) -> str:
        """Start it in the environment of the tests."""
        return self.queue("start", "--python", sys.executable, *words)

    def entries(self) -> tuple[Entry, ...]:
        return self.folder.read().entries

    def pid(self) -> int:
        worker = read_json(self.folder.worker, Worker)
        assert worker is not None
        return worker.pid

    def is_training(self, entry: Entry) -> bool:
        """Whether the training of an entry answers signals and has begun."""
        log = self.folder.log(entry)
        return is_held(self.folder.running(entry)) and log.exists() and b": step 200:" in log.read_bytes()


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    repository = this_project(root / "repository")
    folder = QueueFolder(root)
    place_clone(folder.clone, repository, None)
    where = ("--results", str(root / "undisturbed"), "--state", str(root / "state"), "--quiet")
    done = command(folder.clone, "train", *SMOKE, "--seed", "1", "2", *BUDGET, *where)
    assert done.returncode == 0, done.stderr
    return Project(repository, folder, root / "undisturbed")


@pytest.fixture
def project(made_once: Project, tmp_path: Path):
    folder = QueueFolder(tmp_path / "queue")
    shutil.copytree(made_once.folder.clone, folder.clone)
    yield Project(made_once.repository, folder, made_once.undisturbed)
    if is_held(folder.worker_lock):  # a test that fails leaves nothing that runs
        command(made_once.repository, "queue", "stop", "--folder", str(folder.root))


def _files(results: Path) -> dict[str, bytes]:
    found = [path for path in (results / "runs").rglob("*") if path.is_file() and path.name != "run.json"]
    return {str(path.relative_to(results)): path.read_bytes() for path in found}


@pytest.mark.slow
def test_a_worker_that_is_killed_is_continued_and_every_byte_is_as_if_it_had_not_been(
    project: Project, tmp_path: Path, capsys
) -> None:
    assert project.queue("add", *SMOKE, "--seed", "1", "2", *BUDGET).count(": added, entry ") == 2
    commit = current_commit(project.folder.clone)
    assert f"2 at a time, commit {commit[:12]}" in project.start("--jobs", "2")
    wait_for(lambda: any(map(project.is_training, project.entries())))
    os.kill(project.pid(), signal.SIGKILL)
    wait_for(lambda: not is_held(project.folder.worker_lock))
    assert "its worker was killed" in project.queue("status")
    assert "left by a worker that was killed: dqn catch seed 1" in project.start("--jobs", "2")
    wait_for(lambda: not is_held(project.folder.worker_lock))
    assert all(checkpoints(project.folder.state / entry.state_place) for entry in project.entries())
    status = project.queue("status")
    assert status.count("finished") == 2 and "does not run" in status
    assert _files(project.folder.results) == _files(project.undisturbed) != {}
    record = json.loads(next(project.folder.results.rglob("run.json")).read_bytes())
    assert record["provenance"]["commit"] == commit
    where = ["--folder", str(project.folder.root), "--results", str(tmp_path / "results")]
    assert main(["queue", "collect", *where]) == 0
    assert capsys.readouterr().out.count("git add ") == 3  # two runs, and the manifest
    assert _files(tmp_path / "results") == _files(project.undisturbed)
    assert project.start() == "nothing waits in the queue; `queue add` puts something into it\n"


@pytest.mark.slow
@pytest.mark.long
def test_stopping_writes_checkpoints_and_additions_are_seen_at_once(project: Project) -> None:
    project.queue("add", *SMOKE, "--seed", "1", *LONG)
    project.start("--jobs", "2")
    (first,) = project.entries()
    wait_for(lambda: project.is_training(first))
    assert f"runs already (process {project.pid()}, 2 at a time" in project.refused("start")
    # Another budget of the same run: it shares the checkpoints, so it waits; the run after it does not.
    assert "the queue does not run" not in project.queue("add", *SMOKE, "--seed", "1", "--budget-frames", "4004000")
    project.queue("add", *SMOKE, "--seed", "2", *LONG)
    shared, second = project.entries()[1:]
    wait_for(lambda: project.is_training(second))
    assert not is_held(project.folder.running(shared))
    assert "is being trained; `queue stop` first" in project.refused("remove", str(second.id))
    assert "`queue start` goes on with dqn catch seed 1, dqn catch seed 2" in project.queue("stop")
    assert not is_held(project.folder.worker_lock) and not project.folder.worker.exists()
    log = (project.folder.logs / "worker.log").read_text()
    assert log.count("ended with exit code 75") == 2 and "failed" not in log
    for entry in (first, second):
        (step, _), *_ = checkpoints(project.folder.state / entry.state_place)
        assert 200 <= step < 1_000_000
    assert project.queue("status").count("waiting") == 3 and not project.folder.failures.exists()
    assert project.queue("stop") == "the queue does not run\n"


@pytest.mark.slow
def test_settings_that_changed_since_an_entry_was_added_are_not_trained(project: Project) -> None:
    project.queue("add", *SMOKE, "--seed", "1", *BUDGET)
    content = json.loads(project.folder.queue.read_bytes())
    found = content["entries"][0]["result_digest"]
    content["entries"][0]["result_digest"] = "0123456789abcdef" * 4
    project.folder.queue.write_text(json.dumps(content))
    project.start()
    wait_for(lambda: not is_held(project.folder.worker_lock))
    status = " ".join(project.queue("status").split())
    assert (
        f"1 refused: at commit {current_commit(project.folder.clone)[:12]}: result_digest: found {found[:12]}" in status
    )
    assert "`queue remove 1`, then add it anew" in status
    assert not project.folder.state.exists() and not project.folder.results.exists()


@pytest.mark.slow
@pytest.mark.long
def test_a_training_that_fails_is_told_in_its_own_words_and_tried_again_at_the_next_start(project: Project) -> None:
    project.folder.state.write_text("a file where a folder should be")
    project.queue("add", *SMOKE, "--seed", "1", *BUDGET)
    project.start()
    wait_for(lambda: not is_held(project.folder.worker_lock))
    status = project.queue("status")
    assert re.search(r"1 failed: error: \S+: cannot be written \(Not a directory\)", " ".join(status.split())), status
    project.folder.state.unlink()
    project.start()
    wait_for(lambda: not is_held(project.folder.worker_lock))
    assert "finished" in project.queue("status") and not list(project.folder.failures.iterdir())


@pytest.mark.slow
@pytest.mark.long
def test_a_worker_that_does_not_begin_says_why(project: Project, tmp_path: Path) -> None:
    project.queue("add", *SMOKE, "--seed", "1", *BUDGET)
    assert f"{tmp_path / 'none'}: cannot be started" in project.refused("start", "--python", str(tmp_path / "none"))
    worker = project.repository / "replication" / "commands" / "queue" / "worker.py"
    whole = worker.read_text()
    worker.write_text("raise SystemExit('broken')\n")
    broken = commit_all(project.repository, "broken")
    worker.write_text(whole)  # the work tree is mended, its main is not
    line = project.refused("start", "--python", sys.executable, "--commit", broken)
    assert "the worker ended with exit code 1: broken" in line
    assert not is_held(project.folder.worker_lock)


def test_only_the_program_in_the_clone_works_a_queue_off(tmp_path: Path, capsys) -> None:
    assert "give `queue start`" in refused(capsys, "queue", "work", "--folder", str(tmp_path))
    assert main(["queue", "stop", "--folder", str(tmp_path)]) == 0
    assert "the queue does not run" in capsys.readouterr().out


def test_the_last_line_of_a_log_is_that_after_the_last_return() -> None:
    assert last_line(b"one\n 10%\r 20%\r\n\n   \r\n") == "20%"
    assert last_line(b"error: a\xff\n") == "error: a\ufffd"
    assert last_line(b"") == ""
