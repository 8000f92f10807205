"""Checks of many items, in processes of their own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import NamedTuple, TypeVar

from replication.foundation.errors import ReplicationError

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def map_in_processes(
    check: Callable[[_Item], _Found], items: Sequence[_Item], processes: int, *, ended: str
) -> Iterator[_Found]:
    """Yield what a check finds for each item, in their order; the first that fails, in that order, ends the work.

    The processes end with the generator: where it is closed early, or a signal stops the caller, at once.

    Args:
        check: a function of a module; it is sent to the processes by its name.
        items: plain data, one a call.
        processes: how many run at a time; with one of them, or one item, the check runs in this process.
        ended: the message where a process was ended from outside.

    Raises:
        ReplicationError: by `check`; a process was ended from outside.
    """
    if processes == 1 or len(items) < 2:
        yield from map(check, items)
        return
    spawned = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(processes, len(items)), mp_context=spawned)
    try:
        for found in pool.map(partial(_outcome, check), items):
            if isinstance(found, _Refusal):
                raise ReplicationError(found.message)
            yield found
    except BrokenProcessPool:
        raise ReplicationError(ended) from None
    except BaseException:
        # A check can take an hour: it is not waited for.
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Refusal(NamedTuple):
    """An error as its text: what a process sends must be plain."""

    message: str


def _outcome(check: Callable[[_Item], _Found], item: _Item) -> _Found | _Refusal:
    try:
        return check(item)
    except ReplicationError as error:
        return _Refusal(str(error))
