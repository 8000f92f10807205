"""All checks of an algorithm in order, and what each of them found: one line a check."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

from replication.commands.check_algorithm.subject import (
    Check,
    CheckFailedError,
    Subject,
    family_checks,
    open_subject,
    variants_of,
)
from replication.commands.check_algorithm.table_checks import check_tables
from replication.foundation.errors import ReplicationError
from replication.training.off_policy.learner import prepare_torch

TABLES: dict[str, Check] = {"tables": check_tables}
"""Checks of the YAML alone: they are run whatever the others find."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    check: str
    problem: str | None
    """Problem that was found and what to do about it, in one line; None: the check passed."""


def examine(subject: Subject) -> list[Finding]:
    """Run the checks, stage by stage, until a stage has one that fails."""
    prepare_torch()
    findings = [_finding(name, check, subject) for name, check in TABLES.items()]
    for stage in family_checks(subject.variant.family).STAGES:
        found = [_finding(name, check, subject) for name, check in stage.items()]
        findings += found
        if any(each.problem for each in found):
            break
    return findings


def names_of_checks(subject: Subject) -> list[str]:
    """List the names of all checks of a subject, in their order."""
    return [*TABLES, *(name for stage in family_checks(subject.variant.family).STAGES for name in stage)]


def check_algorithm(source: Path, variant: str | None) -> None:
    """Check an algorithm and print one line a check.

    Args:
        source: its Python file, anywhere.
        variant: its YAML, or a variant of this package by name; None: see `variants_of`.

    Raises:
        ReplicationError: a check failed; the file or its YAML cannot be read.
    """
    failed = 0
    for settings in variants_of(source, variant):
        subject = open_subject(source, settings)
        findings = examine(subject)
        for finding in findings:
            print(f"{subject.variant.variant}: {finding.check}: {finding.problem or 'passed'}", flush=True)
        if left := [name for name in names_of_checks(subject) if name not in {finding.check for finding in findings}]:
            print(f"{subject.variant.variant}: not checked until the others pass: {', '.join(left)}", flush=True)
        failed += sum(finding.problem is not None for finding in findings)
    if failed:
        raise ReplicationError(
            f"{source}: {failed} check{'s' * (failed > 1)} failed, named above; mend and check again"
        )


def _finding(name: str, check: Check, subject: Subject) -> Finding:
    try:
        check(subject)
    except CheckFailedError as found:
        return Finding(name, str(found))
    except Exception as error:  # whatever the algorithm runs into is a finding, not the end of the checks
        return Finding(name, _in_one_line(error, subject.source))
    return Finding(name, None)


def _in_one_line(error: Exception, source: Path) -> str:
    """Say an error in one line, with the last line of the algorithm's own file on the way to it."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == source.resolve()]
    where = f", line {own[-1].lineno} of {source.name}" if own else ""
    return f"{type(error).__name__}{where}: {' '.join(str(error).split())[:200]}; mend it"
