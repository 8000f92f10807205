"""The contract between environments and agents, on two levels: what is recorded, and what is seen.

A `Simulator` is played one step at a time and draws nothing at random of its own accord: what it was given is a
trace, and played again it leads to the same end. A `PresentedTask` is what an agent is shown of it under a protocol:
action repeat, no-op starts, stickiness, starting states and caps, drawn from streams that its caller owns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from replication.foundation.validation import Settings
from replication.specification.protocols import FramePipelineName, HistoryStart


class DiscreteActions(Settings):
    """Actions that are numbers of a short list, a byte each."""

    kind: Literal["discrete"] = "discrete"
    codes: Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], Field(min_length=1)]
    """Every action there is."""

    @property
    def bytes_a_step(self) -> int:
        """Length of an action, in bytes."""
        return 1

    def to_bytes(self, actions: Sequence[Any] | NDArray[Any]) -> bytes:
        """Write actions one after the other."""
        return np.asarray(actions, np.uint8).tobytes()

    def from_bytes(self, data: bytes) -> NDArray[Any]:
        """Read actions, uint8 [steps].

        Raises:
            ValueError: a code is none of the list.
        """
        actions = np.frombuffer(data, np.uint8)
        unknown = actions[~np.isin(actions, self.codes)]
        if len(unknown):
            raise ValueError(f"found action {unknown[0]}, expected one of {list(self.codes)}")
        return actions


class ContinuousActions(Settings):
    """Actions that are vectors of numbers, float32."""

    kind: Literal["continuous"] = "continuous"
    low: Annotated[tuple[float, ...], Field(min_length=1)]
    """Least value of each dimension."""
    high: Annotated[tuple[float, ...], Field(min_length=1)]
    """Greatest value of each dimension."""

    @model_validator(mode="after")
    def _bounds_fit(self) -> ContinuousActions:
        if len(self.low) != len(self.high) or any(low >= high for low, high in zip(self.low, self.high, strict=False)):
            raise ValueError(f"expected low below high in each dimension, found {self.low} and {self.high}")
        return self

    @property
    def bytes_a_step(self) -> int:
        """Length of an action, in bytes."""
        return 4 * len(self.low)

    def to_bytes(self, actions: Sequence[Any] | NDArray[Any]) -> bytes:
        """Write actions one after the other, little-endian."""
        return np.asarray(actions, "<f4").tobytes()

    def from_bytes(self, data: bytes) -> NDArray[Any]:
        """Read actions, float32 [steps, dimensions].

        Raises:
            ValueError: the last is cut short, or one is no number or out of bounds.
        """
        if len(data) % self.bytes_a_step:
            raise ValueError(f"found {len(data)} bytes, expected a multiple of {self.bytes_a_step}")
        actions = np.frombuffer(data, "<f4").reshape(-1, len(self.low))
        low, high = np.array(self.low, np.float32), np.array(self.high, np.float32)
        inside = (actions >= low) & (actions <= high)  # False for what is no number
        if not inside.all():
            wrong = actions[~inside.all(axis=1)][0]
            raise ValueError(f"found action {wrong.tolist()}, expected {list(self.low)} to {list(self.high)}")
        return actions


ActionCodec = Annotated[DiscreteActions | ContinuousActions, Field(discriminator="kind")]
"""The actions of a task: which there are, and how a trace keeps them."""


class Simulator(Protocol):
    """A task without its protocol. Two of one fingerprint that are given the same are in the same state, to the bit."""

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """What its steps depend on beside what it is given: versions of packages, digests of files."""

    @property
    def actions(self) -> ActionCodec:
        """What it can be given."""

    @property
    def terminated(self) -> bool:
        """True where the episode has ended by the task's own rules."""

    def reset(self) -> None:
        """Begin an episode; a simulator with several starting states takes a number that names one."""

    def act(self, action: Any, /) -> float:
        """Play one step of the simulator.

        Returns: the raw reward.
        """

    def state_digest(self) -> str:
        """Return 16 hexadecimal digits of a digest of everything that the next step depends on."""

    def save(self) -> bytes:
        """Return the whole state; it continues bit for bit in another process."""

    def restore(self, state: bytes) -> None:
        """Continue where `save` was called."""


class StepResult(NamedTuple):
    """The outcome of an agent step: raw summed reward and separate facts."""

    reward: float
    terminated: bool
    truncated: bool
    life_lost: bool = False
    """Of games that have lives."""

    @property
    def ended(self) -> bool:
        """True where the episode is over."""
        return self.terminated or self.truncated


@dataclass(frozen=True)
class Spaces:
    """The shapes of what an agent sees and does."""

    observation: tuple[int, ...]
    """Shape of an observation."""
    actions: ActionCodec
    """What `step` takes."""


class PresentedTask(Protocol):
    """A task as a protocol shows it to an agent. Its streams are owned by the caller."""

    @property
    def observation(self) -> NDArray[Any]:
        """What is seen now; a step overwrites it or puts another array in its place."""

    @property
    def spaces(self) -> Spaces:
        """The shapes of observations and actions."""

    @property
    def episode_return(self) -> float:
        """Sum of the raw rewards of the episode so far."""

    def begin_episode(self) -> None:
        """Begin the next episode, where the protocol starts it."""

    def step(self, action: Any, /) -> StepResult:
        """Take one agent step."""

    def state(self) -> dict[str, Any]:
        """Return plain data from which `restore` continues exactly, given the streams."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken, in this process or another."""


@dataclass(frozen=True)
class Viewing:
    """The view that a policy needs, whatever the protocol: its pipeline, its history and its own action repeat."""

    frame_pipeline: FramePipelineName | Literal["none"]
    frame_stack: int
    frame_skip: int
    history_start: HistoryStart = "zeros"


Policy = Callable[[NDArray[Any], np.random.Generator], Any]
"""From what is seen and a stream to an action. Of a game: from the newest frames, uint8 [84, 84, stack] (newest last),
to an index into the minimal action set; of other tasks: from the observation to what `PresentedTask.step` takes."""
