"""One of the games that a run plays side by side: its presentation, its streams, and the record of what it is given."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.frames import frame_pipeline, push_frame
from replication.environments.atari.presentation import EpisodeCounts, PresentedGame
from replication.environments.contract import StepResult
from replication.evidence.recording import RecordingEmulator
from replication.evidence.scores import EpisodeRecord
from replication.foundation.random_streams import episode_streams, named_stream, restore_stream, stream_state
from replication.specification.families.on_policy import ACTOR_STREAMS, OnPolicyConfig
from replication.specification.protocols import of_atari
from replication.specification.run import Run


class Actor:
    """A game as a policy sees it in training.

    Args:
        run: whose game it is.
        config: its settings.
        number: of the actor, from 0; part of the names of its streams.
        stack: uint8 [84, 84, stack], in which the newest frames are kept.
    """

    def __init__(self, run: Run, config: OnPolicyConfig, number: int, stack: NDArray[np.uint8]) -> None:
        self.stack = stack
        self.number = number
        self.episodes = 0
        """Those that have ended."""
        self.streams = {name: named_stream(run.seed, run.task.name, name, number) for name in ACTOR_STREAMS}
        emulator = open_emulator(run.task.name)
        self.minimal_actions = emulator.minimal_actions
        self.recorder = RecordingEmulator(emulator) if run.publishes_training else None
        seen = config.of_game
        self._history_start = seen.history_start
        self._shown = of_atari(run.protocol.training)
        self._game = PresentedGame(
            self.recorder or emulator,
            self._shown,
            frame_pipeline(seen.frame_pipeline, self._shown.frame_skip),
            self._shown.frame_skip,
            *(self.streams[name] for name in ACTOR_STREAMS),
            begin_streams=episode_streams(run.seed, run.task.name, number, self.streams),
        )
        self._last = StepResult(0.0, False, False, False)
        self._begin_episode()

    def play(self, action: int) -> StepResult:
        """Take one step; where it ends a trajectory, the stack shows its last state until `begin_again`.

        Returns: the outcome, with a lost life only where that ends a trajectory.
        """
        if self.recorder is not None:
            self.recorder.mark_scored(True)
        result = self._game.step(int(action))
        if self.recorder is not None:
            self.recorder.mark_scored(self._shown.between_lives_counts)
        push_frame(self.stack, self._game.observation, clear=False)
        self._last = result._replace(life_lost=result.life_lost and self._shown.life_loss_ends_trajectory)
        return self._last

    def begin_again(self, step: int) -> EpisodeRecord | None:
        """Begin the next episode after the end of one, or the next life of the same.

        Args:
            step: of the run, at which the trajectory ended.

        Returns: the episode that has ended, if one has.
        """
        if self._last.ended:
            ended = self._finish_episode(step, self._game.counts, "truncated" if self._last.truncated else "terminated")
            self._begin_episode()
            return ended
        was_over = self._game.begin_trajectory()  # within the frames after a lost life, and another game has begun
        self._show_first_frame()
        return self._finish_episode(step, self._game.previous, "terminated") if was_over else None

    def state(self) -> dict[str, Any]:
        """Return plain data from which `restore` continues exactly.

        Only between two rollouts, where every trajectory that has ended was begun again.
        """
        return {
            "game": self._game.state(),
            "stack": self.stack.copy(),
            "streams": {name: stream_state(stream) for name, stream in self.streams.items()},
            "episodes": self.episodes,
            "recorded": self.recorder.under_way() if self.recorder else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        self._game.restore(state["game"])
        self.stack[:] = state["stack"]
        for name, stream in self.streams.items():
            restore_stream(stream, state["streams"][name])
        self.episodes = state["episodes"]
        if self.recorder is not None:
            self.recorder.continue_within((), state["recorded"])

    def _begin_episode(self) -> None:
        self._game.begin_episode()
        self._show_first_frame()

    def _show_first_frame(self) -> None:
        push_frame(self.stack, self._game.observation, clear=True, start=self._history_start)

    def _finish_episode(
        self, step: int, counts: EpisodeCounts, ending: Literal["terminated", "truncated"]
    ) -> EpisodeRecord:
        self.episodes += 1
        if self.recorder is not None:
            self.recorder.finish_episode(
                raw_return=counts.episode_return,
                scored_frames=counts.episode_frames,
                noop_frames=counts.noop_frames,
                ending=ending,
            )
        return EpisodeRecord(step, counts.episode_return, counts.episode_frames, ending)
