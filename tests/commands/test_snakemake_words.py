"""What `run` shows of Snakemake: a line a job, and of a failure the job's own message."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from replication.commands.snakemake import run_snakemake
from replication.commands.snakemake_words import Heard, failure_lines
from replication.foundation.errors import ReplicationError

BEGUN = """\
Assuming unrestricted shared filesystem usage.
Job stats:
job          count
total            7
Execute 1 jobs...
[Sat Nov 28 01:16:49 2026]
Job 4: dqn pong seed1
Reason: Missing output files: a.finished
Finished jobid: 4 (Rule: run)
1 of 7 steps (14%) done
Job 5: figure differences
"""
FAILED = """\
Error in rule figure:
    message: None
    jobid: 5
    output: results/made_up/figures/differences.svg
    log: logs/figure.log (check log file(s) for error details)
    shell:
        python -m replication render figure made_up differences
        (command exited with non-zero exit code)
Logfile logs/figure.log:
error: something of the log
"""


def heard(text: str) -> tuple[Heard, list[str]]:
    found = Heard()
    return found, [told for line in text.splitlines() if (told := found.hear(line)) is not None]


def test_the_terminal_shows_a_line_a_job_with_what_is_done() -> None:
    assert heard(BEGUN)[1] == ["[0 of 7 done] dqn pong seed1", "[1 of 7 done] figure differences"]


def test_a_failed_job_says_its_own_message_and_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs/figure.log"
    log.parent.mkdir()
    log.write_text("12 %\r30 %\nerror: results/x.csv: line 2: found a, expected b; mend it\n[100 %]\n")
    (line,) = failure_lines(heard(BEGUN + FAILED)[0], tmp_path / "snakemake.log", tmp_path)
    assert line == f"error: figure differences: results/x.csv: line 2: found a, expected b; mend it; its log: {log}"


def test_a_job_that_wrote_nothing_and_trouble_outside_of_jobs_are_a_line_too(tmp_path: Path) -> None:
    (line,) = failure_lines(heard(BEGUN + FAILED)[0], tmp_path / "s.log", tmp_path)
    assert "figure differences: it left no message" in line
    for words, expected in (
        ("error: workflow/experiments/x.yaml: broken\n", "workflow/experiments/x.yaml: broken"),
        ("LockException:\nError: Directory cannot be locked.\n", "Error: Directory cannot be locked."),
        ("", "Snakemake ended before all was made"),
    ):
        (line,) = failure_lines(heard(words)[0], tmp_path / "s.log", tmp_path)
        assert line == f"error: {expected}; its log: {tmp_path / 's.log'}"


def test_its_words_are_in_the_log_and_its_end_is_passed_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = f"import sys; sys.stderr.write({BEGUN + FAILED!r}); print('of the job'); sys.exit(1)"
    log = tmp_path / "results/logs/made_up/snakemake.log"
    assert run_snakemake([sys.executable, "-c", program], log) == 1
    assert log.read_text() == BEGUN + FAILED
    shown = capfd.readouterr()
    assert shown.out == "of the job\n"
    first, *jobs, last = shown.err.splitlines()
    assert first == f"what Snakemake says: {log}"
    assert jobs == ["[0 of 7 done] dqn pong seed1", "[1 of 7 done] figure differences"]
    assert last.startswith("error: figure differences: it left no message")


def test_a_log_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    with pytest.raises(ReplicationError, match=r"snakemake\.log: cannot be written"):
        run_snakemake([sys.executable, "-c", ""], tmp_path / "logs" / "snakemake.log")


def test_a_signal_ends_it_and_is_passed_on(tmp_path: Path) -> None:
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run_snakemake([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "s.log")
