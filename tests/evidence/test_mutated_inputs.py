"""Mutated files of every kind: refused in a line, the same content, or known to be another; see the command."""

from __future__ import annotations

import random

import pytest

from tests.support.mutated_inputs import mutated, try_mutations


@pytest.mark.parametrize("count", [250, pytest.param(10_000, marks=pytest.mark.long)])
def test_no_mutated_input_ends_in_a_stack_trace_or_passes_in_silence(count: int) -> None:
    counted, faults = try_mutations(count, seed=1)
    assert not faults, faults[:5]
    kinds = {kind for kind, _ in counted}
    assert len(kinds) > 15 and counted.total() == count


def test_a_seed_makes_the_same_mutations() -> None:
    data = b"line,1\nline,2\n"
    assert [mutated(data, random.Random(n)) for n in range(50)] == [mutated(data, random.Random(n)) for n in range(50)]
