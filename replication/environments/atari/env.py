"""A Gymnasium view of the same game, for trainers that speak Gymnasium."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.frames import frame_pipeline, push_frame
from replication.environments.atari.palette import palette_rgb
from replication.environments.atari.presentation import PresentedGame
from replication.foundation.errors import ReplicationError
from replication.specification.protocols import FramePipelineName, HistoryStart, Presentation


class AtariEnv(gymnasium.Env[NDArray[np.uint8], np.int64]):
    """One game as a protocol presents it; observations are the newest frames, uint8 [stack, 84, 84], newest last.

    `terminated` is the game's own end and `truncated` the cap. A lost life is neither: it is told as
    `info["life_lost"]`, and where the presentation lets it end a trajectory, a trainer should cut its bootstrapping
    there; the next step then begins the next life with the presentation's no-ops, and a game that is over within them
    begins anew (`info["new_episode"]`).
    Rewards are raw.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 60}  # noqa: RUF012  (Gymnasium's own spelling)

    def __init__(
        self,
        game: str,
        presentation: Presentation,
        pipeline: FramePipelineName = "nature",
        frame_stack: int = 4,
        history_start: HistoryStart = "zeros",
        render_mode: str | None = None,
    ) -> None:
        """Power on.

        Raises:
            ReplicationError: no such game, or its ROM is missing; no such `render_mode`.
        """
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ReplicationError(f"render_mode: found {render_mode!r}, expected rgb_array or None")
        self.render_mode = render_mode
        self._over = True
        self._presentation = presentation
        self._pipeline: FramePipelineName = pipeline
        self._history_start: HistoryStart = history_start
        self._emulator = open_emulator(game)
        self._stack = np.zeros((84, 84, frame_stack), dtype=np.uint8)
        self._life_ended = False
        self.action_space = gymnasium.spaces.Discrete(len(self._emulator.minimal_actions))
        self.observation_space = gymnasium.spaces.Box(0, 255, (frame_stack, 84, 84), np.uint8)
        self._game = self._present()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode. A seed powers the console off and on, so that equal seeds give equal episodes."""
        super().reset(seed=seed)
        if seed is not None:
            self._emulator = open_emulator(self._emulator.game)
            self._game = self._present()
        self._game.begin_episode()
        self._life_ended = self._over = False
        push_frame(self._stack, self._game.observation, clear=True, start=self._history_start)
        return self._observation(), self._info(life_lost=False, new_episode=True)

    def step(self, action: np.int64) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Take one agent step.

        Raises:
            ReplicationError: no such action; the episode is over, or none has begun.
        """
        if self._over:
            raise ReplicationError("step: the episode is over, or none has begun; call reset() first")
        actions = len(self._emulator.minimal_actions)
        if action not in range(actions):
            raise ReplicationError(f"step: found action {action}, expected 0 to {actions - 1}")
        new_episode = False
        if self._life_ended:
            new_episode = self._game.begin_trajectory()
            push_frame(self._stack, self._game.observation, clear=True, start=self._history_start)
        result = self._game.step(int(action))
        push_frame(self._stack, self._game.observation, clear=False)
        self._over = result.terminated or result.truncated
        self._life_ended = result.life_lost and not result.ended and self._presentation.life_loss_ends_trajectory
        info = self._info(life_lost=result.life_lost, new_episode=new_episode)
        return self._observation(), result.reward, result.terminated, result.truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """Return the screen as the console shows it, uint8 [210, 160, 3]."""
        if self.render_mode != "rgb_array":
            return None
        screen = np.empty((210, 160), dtype=np.uint8)
        self._emulator.read_screen(screen)
        picture: NDArray[np.uint8] = palette_rgb()[screen >> 1]
        return picture

    def _present(self) -> PresentedGame:
        shown = self._presentation
        pipeline = frame_pipeline(self._pipeline, shown.frame_skip)
        return PresentedGame(self._emulator, shown, pipeline, shown.frame_skip, self.np_random, self.np_random)

    def _observation(self) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self._stack.transpose(2, 0, 1))

    def _info(self, *, life_lost: bool, new_episode: bool) -> dict[str, Any]:
        return {
            "life_lost": life_lost,
            "new_episode": new_episode,
            "lives": self._emulator.lives,
            "episode_return": self._game.episode_return,
            "episode_frames": self._game.episode_frames,
        }
