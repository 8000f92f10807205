"""The presentation of a game to an agent: action repeat, no-op starts, FIRE, lives, caps, stickiness.

Source: alewrap GameEnvironment.lua:102-156, AleEnv.lua:93-98; google-deepmind/dqn dqn/train_agent.lua:81-94; where FIRE
is pressed, or a step of the no-op follows a lost life: openai/baselines ea25b9e baselines/common/atari_wrappers.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from replication.environments.atari.emulator import Emulator
from replication.environments.atari.frames import FramePipeline
from replication.environments.contract import DiscreteActions, Spaces, StepResult
from replication.specification.protocols import FrameRange, Presentation

NOOP = 0
"""ALE's code of the action that does nothing."""
FIRE = 1
"""ALE's code of the button."""


class UniformDraws(Protocol):
    """A stream of numbers from 0 to below 1, such as a `numpy.random.Generator`."""

    def random(self) -> float:
        """Draw the next."""


class EpisodeCounts(NamedTuple):
    """The counts of an episode: its raw return, the frames that count, and those of its start, which do not."""

    episode_return: float
    episode_frames: int
    noop_frames: int


class PresentedGame:
    """One game as a protocol shows it. Its streams are owned by the caller."""

    def __init__(
        self,
        emulator: Emulator,
        presentation: Presentation,
        pipeline: FramePipeline,
        frame_skip: int,
        noop_stream: np.random.Generator,
        stickiness_stream: UniformDraws,
        *,
        life_loss_clears_frames: bool = True,
        begin_streams: Callable[[int], None] | None = None,
    ) -> None:
        """Store what the game is presented with; nothing is powered on yet.

        Args:
            emulator: the console.
            presentation: the rules.
            pipeline: makes the agent's frame of the screens.
            frame_skip: emulator frames an action is held for.
            noop_stream: what the numbers of no-ops are drawn from.
            stickiness_stream: what repeated actions are drawn from.
            life_loss_clears_frames: the pipeline forgets its screens where a lost life ends a trajectory.
            begin_streams: begins the streams anew; called with the number of each episode (from 0) before it, where the
                presentation makes episodes independent.
        """
        self.num_actions = len(emulator.minimal_actions)
        self.spaces = Spaces((84, 84), DiscreteActions(codes=tuple(range(self.num_actions))))
        self.observation: NDArray[np.uint8] = np.zeros((84, 84), dtype=np.uint8)
        self.episode_return = 0.0
        self.episode_frames = 0
        self.noop_frames = 0
        self.previous = EpisodeCounts(0.0, 0, 0)
        """The last episode that a reset ended."""
        self._emulator = emulator
        self._presentation = presentation
        self._pipeline = pipeline
        self._frame_skip = frame_skip
        self._noop_stream = noop_stream
        self._stickiness_stream = stickiness_stream
        self._life_loss_clears_frames = life_loss_clears_frames
        self._begin_streams = begin_streams if presentation.independent_episodes else None
        self._episodes_begun = 0
        self._lives = 0
        self._last_code = NOOP
        self._fires = presentation.fire_on_reset and emulator.minimal_actions[1:2] == (FIRE,)
        self._fires_a_frame = presentation.fire_frame_on_reset and FIRE in emulator.minimal_actions

    @property
    def counts(self) -> EpisodeCounts:
        """The counts of the episode so far."""
        return EpisodeCounts(self.episode_return, self.episode_frames, self.noop_frames)

    def begin_episode(self) -> None:
        """Reset the game and play its start, no-ops and FIRE, whose rewards are discarded."""
        self._start_game()
        self._press_fire()

    def begin_trajectory(self) -> bool:
        """Continue after a lost life: no reset, but the no-ops of the presentation, and FIRE.

        Where frames are not cleared and no no-op is played, the first frame is what was last seen: as Dopamine hands
        the observation of the step that lost the life to the next trajectory (google/dopamine c67e2c3
        dopamine/discrete_domains/run_experiment.py:338-342).

        Returns: whether the game was over within those frames, so that a new episode has begun; `previous` has the
            counts of the one that ended.
        """
        was_reset = self._start_life()
        return self._press_fire() or was_reset

    def step(self, action: int) -> StepResult:
        """Hold an action for `frame_skip` frames, fewer where the game or the cap or (in training) a life ends.

        Args:
            action: index into the minimal action set.

        Returns: the raw reward summed over the frames, and what happened.
        """
        result = self._hold(self._emulator.minimal_actions[action])
        self._observe()
        return result

    def _start_game(self) -> None:
        """Reset the game and play its no-ops; another episode begins, if any frame of the one before counted."""
        if self._episodes_begun == 0 or self.episode_frames:
            if self._begin_streams is not None:
                self._begin_streams(self._episodes_begun)
            self._episodes_begun += 1
        self._pipeline.clear()
        self._reset()
        self._play_noops(self._draw(self._presentation.noops_after_game_over_frames))
        if self._emulator.terminated:  # nothing to be seen of it: start again
            self._start_game()

    def _start_life(self) -> bool:
        """Play what follows a lost life. Returns: whether the game was over within it, so that another has begun."""
        if self._presentation.noop_step_after_life_loss:
            if self._hold(NOOP, between_lives=True).terminated:
                self._start_game()
                return True
            return False
        num_frames = self._draw(self._presentation.noops_after_life_loss_frames)
        if self._life_loss_clears_frames:
            self._pipeline.clear()
            if num_frames == 0 and not self._fires_a_frame:
                self._pipeline.paint(self._emulator, None)
        was_reset = self._play_noops(num_frames, resets=not self._presentation.independent_episodes)
        if self._emulator.terminated:
            self._start_game()
            return True
        return was_reset

    def _press_fire(self) -> bool:
        """Play the two steps that begin a game or a life, where the presentation presses FIRE, and observe.

        Where the second one ends the life or the game, what it led to is seen, though another has begun, as in the
        original (FireResetEnv.reset).

        Returns: whether the game was over within them, so that another has begun.
        """
        was_reset = False
        if not self._fires:
            self._observe()
            return was_reset
        for action in (1, 2):
            self._lives = self._emulator.lives
            result = self._hold(self._emulator.minimal_actions[action], between_lives=True)
            self._pipeline.grab(self.observation)
            if result.terminated:
                self._start_game()
                was_reset = True
            elif result.life_lost and self._presentation.life_loss_ends_trajectory:
                was_reset = self._start_life() or was_reset
        self._lives = self._emulator.lives
        return was_reset

    def _hold(self, code: int, *, between_lives: bool = False) -> StepResult:
        """Hold an action as an agent's step does. Between lives there is no cap, and frames count as is said there."""
        shown, cap_frames = self._presentation, self._presentation.episode_cap_frames
        counted, reward = not between_lives or self._counts_between_lives(), 0
        terminated = truncated = life_lost = False
        emulator, act, paint = self._emulator, self._act, self._pipeline.paint  # looked up once: this is every frame
        stays_lost = shown.life_loss_stops_repeat
        stops = stays_lost and shown.life_loss_ends_trajectory
        for repeat_index in range(self._frame_skip):
            reward += act(code)
            # Any of the frames may lose the life; the comparison is with the end of the previous step.
            life_lost = (life_lost and stays_lost) or self._has_fewer_lives()
            stopped = life_lost and stops
            paint(emulator, repeat_index, stopped=stopped)
            self.episode_frames += counted
            self.noop_frames += self.episode_frames == 0
            # The emulator refuses to play on, so a program that goes on repeating sees no other frame.
            terminated = emulator.terminated
            at_cap = cap_frames is not None and self.episode_frames >= cap_frames
            truncated = at_cap and not terminated and not between_lives
            if terminated or truncated or stopped:
                break
        if counted:
            self.episode_return += reward
        return StepResult(float(reward), terminated, truncated, life_lost)

    def state(self) -> dict[str, Any]:
        """Return plain data from which `restore` continues exactly, given the streams."""
        return {
            "emulator": self._emulator.save(),
            "pipeline": self._pipeline.state(),
            "observation": self.observation.copy(),
            "episode_return": self.episode_return,
            "episode_frames": self.episode_frames,
            "noop_frames": self.noop_frames,
            "lives": self._lives,
            "last_code": self._last_code,
        } | ({"episodes_begun": self._episodes_begun} if self._presentation.independent_episodes else {})

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken, in this process or another."""
        self._emulator.restore(state["emulator"])
        self._pipeline.restore(state["pipeline"])
        self.observation[:] = state["observation"]
        self.episode_return = state["episode_return"]
        self.episode_frames = state["episode_frames"]
        self.noop_frames = state["noop_frames"]
        self._lives = state["lives"]
        self._last_code = state["last_code"]
        self._episodes_begun = state.get("episodes_begun", 0)

    def _reset(self) -> None:
        if self.episode_frames:
            self.previous = self.counts
        self._emulator.reset(cold=self._presentation.independent_episodes)
        self._last_code = NOOP
        self.episode_return = 0.0
        self.episode_frames = 0
        self.noop_frames = 0
        self._pipeline.paint(self._emulator, None)

    def _draw(self, frames: FrameRange | None) -> int:
        return 0 if frames is None else int(self._noop_stream.integers(*frames, endpoint=True))

    def _play_noops(self, num_frames: int, *, resets: bool = True) -> bool:
        """Play single no-op frames, each painted. Where the game is over, a reset takes a no-op's place, or it ends.

        Where the presentation fires a frame, that is the last of them, or the only one.

        Returns: whether there was such a reset.
        """
        was_reset = False
        codes = [NOOP] * num_frames
        if self._fires_a_frame:
            codes[-1:] = [FIRE]
        for code in codes:
            if self._emulator.terminated and not resets:
                break
            if self._emulator.terminated:
                self._reset()
                was_reset = True
            else:
                counted = self._counts_between_lives()
                reward = self._act(code)
                self._pipeline.paint(self._emulator, None)
                self.episode_frames += counted
                self.episode_return += reward * counted
                self.noop_frames += self.episode_frames == 0
        return was_reset

    def _counts_between_lives(self) -> bool:
        """Return whether a frame that no agent's step plays belongs to the episode: never in the start of a game."""
        return self._presentation.between_lives_counts and self.episode_frames > 0

    def _act(self, code: int) -> int:
        """Play one emulator frame; with the presentation's probability the action executed last is executed again."""
        probability = self._presentation.sticky_probability
        if probability and self._stickiness_stream.random() < probability:
            code = self._last_code
        self._last_code = code
        return self._emulator.act(code)

    def _has_fewer_lives(self) -> bool:
        """Return whether fewer lives are left than at the end of the previous step."""
        lives = self._emulator.lives
        return lives < self._lives and (lives > 0 or self._presentation.last_life_counts)

    def _observe(self) -> None:
        self._lives = self._emulator.lives
        self._pipeline.grab(self.observation)
