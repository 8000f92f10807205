"""Checks in processes of their own: what is found, in order, and what ends the work."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from replication.foundation.errors import ReplicationError
from replication.foundation.processes import map_in_processes


def halved(number: int) -> int:
    if number % 2:
        raise ReplicationError(f"{number}: expected an even number")
    return number // 2


def own_process(number: int) -> int:
    return os.getpid()


def end_process(number: int) -> int:
    os._exit(9)


def wait_long(number: int) -> int:
    time.sleep(number)
    return number


@pytest.mark.parametrize("processes", [1, 2])
def test_the_first_failure_in_the_order_of_the_items_ends_the_work(processes: int) -> None:
    found = map_in_processes(halved, [4, 2, 7, 6, 5], processes, ended="ended")
    assert [next(found), next(found)] == [2, 1]
    with pytest.raises(ReplicationError, match=r"^7: expected an even number$"):
        next(found)


def test_one_item_or_one_process_stays_in_this_one() -> None:
    here = os.getpid()
    assert list(map_in_processes(own_process, [1], 2, ended="ended")) == [here]
    assert list(map_in_processes(own_process, [1, 2], 1, ended="ended")) == [here, here]
    assert here not in list(map_in_processes(own_process, [1, 2], 2, ended="ended"))


def test_a_process_that_is_ended_from_outside_is_one_message() -> None:
    with pytest.raises(ReplicationError, match=r"^check: ended from outside$"):
        list(map_in_processes(end_process, [1, 2], 2, ended="check: ended from outside"))


def test_what_still_runs_when_the_work_is_stopped_is_not_waited_for() -> None:
    """An hour's check must not keep a program that was told to stop, nor stay behind as a process of nobody."""
    before = set(multiprocessing.active_children())
    found = map_in_processes(wait_long, [0, 3600, 3600], 2, ended="ended")
    assert next(found) == 0
    assert set(multiprocessing.active_children()) - before
    found.close()
    assert set(multiprocessing.active_children()) <= before
