"""Evaluations that can be stopped and continued: their actions are kept in the state of a run and played again.

All of an evaluation but its actions follows from the run's seed. So it continues from its actions so far and the state
of the stream that its policy draws from: the simulator plays them again, without a network.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import ActionCodec
from replication.evidence.evaluation import Evaluation, Purpose, play_side_by_side
from replication.evidence.records import sealed_record
from replication.evidence.traces import AnyTrace
from replication.foundation.files import canonical_json, sha256, write_atomically
from replication.foundation.progress import say
from replication.foundation.random_streams import restore_stream, stream_state
from replication.foundation.stopping import Stop, Stopped
from replication.specification.run import Run

FILE = "unfinished_evaluation.json"


@dataclass(frozen=True)
class Played:
    """An evaluation of a run that is to be played and has not begun yet."""

    evaluation: Evaluation
    run: Run
    purpose: Purpose
    index: int
    """Which evaluation of this purpose it is."""
    network_sha256: str
    """Of the parameters it is played with; it cannot be continued from the actions of other parameters."""
    actions: ActionCodec
    """What its policy chooses among."""
    stream: np.random.Generator
    """The stream of its policy, from which nothing has been drawn yet."""

    def identity(self) -> dict[str, object]:
        """Return all that must be the same where the evaluation is continued."""
        beside = self.run.protocol.evaluation_beside_score  # no digest holds it
        return {
            **({} if beside is None else {"evaluation_beside_score": sha256(canonical_json(beside.model_dump()))}),
            "digest": self.run.result_digest if self.purpose == "final_evaluation" else self.run.training_digest,
            "purpose": self.purpose,
            "index": self.index,
            "network_sha256": self.network_sha256,
            "ale_py_version": version("ale-py"),
            "gymnasium_version": version("gymnasium"),
        }


Choose = Callable[[Mapping[int, NDArray[Any]]], Mapping[int, Any]]
"""A policy of several evaluations: from what each shows, by place, to actions by place."""
Play = Callable[[Sequence[Played], Choose, Callable[[int, NDArray[Any]], object]], list[AnyTrace]]
"""A player of evaluations side by side; its third argument is called with each place and state."""


def play_at_once(
    played: Sequence[Played], choose: Choose, see: Callable[[int, NDArray[Any]], object]
) -> list[AnyTrace]:
    """Play evaluations from beginning to end, without keeping their actions."""

    def answer(stacks: Mapping[int, NDArray[Any]]) -> Mapping[int, Any]:
        for place, stack in stacks.items():
            see(place, stack)
        return choose(stacks)

    return play_side_by_side([each.evaluation for each in played], answer)


class ResumablePlay:
    """A player of evaluations side by side that continues where an earlier process stopped.

    Args:
        state: root of the state.
        stop: asked between two actions.
        keep_seconds: time between two writes of the actions, as between checkpoints.
    """

    def __init__(self, state: Path, stop: Stop, keep_seconds: float) -> None:
        self._state = state
        self._stop = stop
        self._keep_seconds = keep_seconds

    def __call__(
        self, played: Sequence[Played], choose: Choose, see: Callable[[int, NDArray[Any]], object]
    ) -> list[AnyTrace]:
        """Play evaluations to their end.

        Raises:
            Stopped: a stop was asked for; the actions so far are kept.
        """
        paths = [unfinished_path(each.run, self._state) for each in played]
        kept = [_kept_actions(each, path) for each, path in zip(played, paths, strict=True)]
        chosen: list[list[Any]] = [[] for _ in played]
        last = time.monotonic()

        def keep() -> None:
            for each, path, before, actions in zip(played, paths, kept, chosen, strict=True):
                if len(actions) > len(before):
                    write_atomically(path, _content(each, actions))

        def answer(stacks: Mapping[int, NDArray[Any]]) -> Mapping[int, Any]:
            nonlocal last
            if self._stop.asked():
                keep()
                raise Stopped("what was played so far is kept, ")
            if (now := time.monotonic()) - last >= self._keep_seconds:
                keep()
                last = now
            for place, stack in stacks.items():
                see(place, stack)
            actions = {
                place: kept[place][len(chosen[place])] for place in stacks if len(chosen[place]) < len(kept[place])
            }
            if fresh := {place: stack for place, stack in stacks.items() if place not in actions}:
                actions |= choose(fresh)
                self._stop.progressed = True
            for place, action in actions.items():
                chosen[place].append(action)
            return actions

        return play_side_by_side([each.evaluation for each in played], answer)


def unfinished_path(run: Run, state: Path) -> Path:
    """Return where the actions of the evaluation under way are kept; a run has one at a time."""
    return run.state_folder(state) / FILE


def _content(played: Played, actions: Sequence[Any]) -> bytes:
    packed = base64.b64encode(zlib.compress(played.actions.to_bytes(actions))).decode()
    return sealed_record(played.identity() | {"actions": packed, "stream": stream_state(played.stream)})


def _kept_actions(played: Played, path: Path) -> list[Any]:
    """Read the actions kept of this evaluation, empty if there are none, and restore its stream to their end."""
    try:
        data = path.read_bytes()
    except OSError:
        return []
    try:
        record = json.loads(data)
        if data != sealed_record(record):
            raise ValueError("its entries do not give its seal")
        if {name: record.get(name) for name in played.identity()} != played.identity():
            return []
        packed = zlib.decompress(base64.b64decode(record["actions"], validate=True))
        actions: list[Any] = played.actions.from_bytes(packed).tolist()
        restore_stream(played.stream, record["stream"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error) as error:
        say(f"{path}: not readable ({' '.join(str(error).split())}); the evaluation is played from its beginning")
        return []
    return actions
