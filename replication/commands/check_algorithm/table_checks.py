"""Checks of the YAML: it holds all that tables and pages say of the algorithm."""

from __future__ import annotations

from replication.commands.check_algorithm.subject import CheckFailedError, Subject
from replication.specification.fidelity import UNDECLARED, judge_rows


def check_tables(subject: Subject) -> None:
    """Check that each difference from the original is declared as a deviation, and each choice has a source."""
    variant, protocol = subject.at_full_scale
    judged = judge_rows(variant, protocol)
    undeclared = [found for found in judged if found.status == UNDECLARED]
    if undeclared:
        rows = ", ".join(f"{found.row.row} ({found.row.behaviour})" for found in undeclared)
        raise CheckFailedError(
            f"it differs from {variant.original} in rows that no deviation names: {rows}; declare them in the "
            "YAML, or name another original"
        )
    known = {found.row.row for found in judged}
    for deviation in variant.deviations:
        if unknown := [row for row in deviation.rows if row not in known]:
            raise CheckFailedError(
                f"deviation {deviation.id} names row {unknown[0]}, which there is not; mend its rows"
            )
    if unknown := sorted(set(variant.sources) - set(variant.config)):
        raise CheckFailedError(f"sources names {unknown[0]}, which config does not have; mend the name")
    fields = type(subject.config).model_fields
    own = {
        name: field for name, field in fields.items() if name not in subject.variant.facts.settings.model_fields
    }.items()
    # One that is as before has no source to name: it need not be written at all.
    chosen = {n for n, field in own if field.is_required() or getattr(subject.config, n) != field.get_default()}
    if unsourced := sorted(chosen - set(variant.sources)):
        raise CheckFailedError(f"{unsourced[0]} has no source; say under sources where its value is printed")
