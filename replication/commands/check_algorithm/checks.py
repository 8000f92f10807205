"""All checks of an algorithm in order, and what each of them found: one line a check."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from replication.commands.check_algorithm.device_checks import check_device
from replication.commands.check_algorithm.loss_checks import check_gradient, check_inputs, check_loss, check_stack
from replication.commands.check_algorithm.network_checks import (
    check_acting,
    check_global_randomness,
    check_initialisation,
)
from replication.commands.check_algorithm.run_checks import check_cohort, check_resume, check_training
from replication.commands.check_algorithm.subject import CheckFailedError, Subject, open_subject, variants_of
from replication.commands.check_algorithm.table_checks import check_tables
from replication.foundation.errors import ReplicationError
from replication.training.off_policy.learner import prepare_torch

Check = Callable[[Subject], None]

STAGES: tuple[dict[str, Check], ...] = (
    {"initialisation": check_initialisation, "acting": check_acting},
    {
        "loss": check_loss,
        "gradient": check_gradient,
        "global randomness": check_global_randomness,
        "inputs": check_inputs,
    },
    {"stack": check_stack, "training": check_training},
    {"device": check_device, "resume": check_resume, "cohort": check_cohort},
)
"""Checks by name, in stages. Where one fails, later stages would fail for the same reason and are not run."""

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
    for stage in STAGES:
        found = [_finding(name, check, subject) for name, check in stage.items()]
        findings += found
        if any(each.problem for each in found):
            break
    return findings


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
        every = {**TABLES, **{name: check for stage in STAGES for name, check in stage.items()}}
        if left := [name for name in every if name not in {finding.check for finding in findings}]:
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
