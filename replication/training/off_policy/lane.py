"""One run's place in a cohort: its game, its replay memory, its streams and its counters; no network.

A lane's whole past follows from its seed and from the action it chose at each agent step. Those `decisions` (one
byte a step), with a snapshot of the game at the start of a few episodes (`keyframes`), are what a checkpoint stores
instead of the replay memory's gigabytes: the frames are made again by playing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.frames import frame_pipeline, push_frame
from replication.environments.atari.presentation import EpisodeCounts, PresentedGame
from replication.environments.contract import StepResult, Viewing
from replication.evidence.episode_log import EpisodeLog
from replication.evidence.evaluation import Evaluation, EvaluationRequest, begin_evaluation
from replication.evidence.recording import RecordingEmulator, training_header
from replication.evidence.scores import EpisodeRecord, IterationRecord
from replication.evidence.trace_file import Episode, Trace
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.foundation.random_streams import episode_streams, restore_stream, stream_state, training_streams
from replication.specification.families.off_policy import NewestSampling, OffPolicyConfig
from replication.specification.protocols import of_atari
from replication.specification.run import Run
from replication.training.off_policy.lane_contract import Keyframe, Past, budget_is_spent, learning_has_started
from replication.training.replay.frame_store import FrameStore
from replication.training.replay.memory import LIFE_LOST, NO_ACTION, TERMINATED, TRUNCATED, ReplayMemory
from replication.training.replay.priorities import build_priorities
from replication.training.replay.transitions import Transitions

NO_DECISION = 255
"""In the log of decisions: a step that stored a trajectory's last frame, for which no action is chosen."""

KEYFRAMES_PER_MEMORY = 16
"""Snapshots kept per replay capacity; restoring emulates at most 1/16 more than the memory holds."""

GAME_STREAMS = ("noop_starts", "stickiness")
LANE_STREAMS = (*GAME_STREAMS, "replay")
"""The streams that a lane draws from itself; the training loop draws from the others, to act and to learn."""

RECENT_EPISODES = 10

STARTS_AGAIN = "it comes from another version of emulator or program: remove the folder to train from the start"


class Lane:
    """A lane in this process; `AnyLane` says what its members mean to the training loop."""

    def __init__(self, run: Run, config: OffPolicyConfig, frames: FrameStore) -> None:
        """Open the game and begin the first episode."""
        self.run = run
        self.config = config
        self.streams = training_streams(run.seed, run.task.name, run.family.streams)
        console = open_emulator(run.task.name)
        self.recorder = RecordingEmulator(console) if run.publishes_training else None
        self.log = EpisodeLog(run, console.minimal_actions) if run.protocol.training_score else None
        shown = of_atari(run.protocol.training)
        game_streams = {name: self.streams[name] for name in GAME_STREAMS}
        self.game = PresentedGame(
            self.recorder or console,
            shown,
            frame_pipeline(config.frame_pipeline, shown.frame_skip),
            shown.frame_skip,
            *game_streams.values(),
            life_loss_clears_frames=config.life_loss_clears_frames,
            begin_streams=episode_streams(run.seed, run.task.name, 0, game_streams),
        )
        self.memory = ReplayMemory(
            capacity_rows=config.replay_capacity_rows,
            frame_stack=config.frame_stack,
            n_step=config.n_step,
            discount=config.discount,
            frames=frames,
            padding_rows=config.replay_padding_rows,
            stores_end_frame=config.stores_end_frame,
            truncation_bootstraps=config.truncation_bootstraps,
            priorities=build_priorities(config),
            future_steps=config.future_steps,
        )
        self.stack: NDArray[np.uint8] = np.zeros((84, 84, config.frame_stack), dtype=np.uint8)
        self.step = 0
        self.at_end = False
        self.decisions = bytearray()
        self.decisions_from_step = 0
        self.episodes: list[EpisodeRecord] = []
        self.iterations: list[IterationRecord] = []
        self.iteration_start_step = 0
        self.iteration_first_episode = 0
        self.keyframes: list[Keyframe] = []
        self.held_out: Transitions | None = None
        self._starts_trajectory = True
        self._last = StepResult(0.0, False, False, False)
        self._batch: Transitions
        self._batch_place: Transitions | None = None
        self._begun: Callable[[], None]
        """The step under way, which `end_step` takes."""
        self._begin_episode()

    def show_in(self, stack: NDArray[np.uint8], batch: Transitions) -> None:
        """Keep the newest frames and the minibatches in these arrays from now on, which another process may read."""
        stack[:] = self.stack
        self.stack, self._batch_place = stack, batch

    @property
    def num_actions(self) -> int:
        return self.game.num_actions

    @property
    def done(self) -> bool:
        return budget_is_spent(self.run, self.step, len(self.iterations))

    @property
    def learning_started(self) -> bool:
        return learning_has_started(self.config, self.step, self.memory.rows_appended)

    @property
    def recent_return(self) -> float | None:
        recent = self.episodes[-RECENT_EPISODES:]
        return float(np.mean([episode.raw_return for episode in recent])) if recent else None

    def finished_episodes(self, first: int) -> list[EpisodeRecord]:
        return self.episodes[first:]

    def begin_batch(self) -> None:
        stream, size, place = self.streams["replay"], self.config.batch_size, self._batch_place
        if self.memory.priorities is not None:
            self._batch = self.memory.sample_by_priority(stream, size, self.step, place)
        elif isinstance(self.config.replay_sampling, NewestSampling):
            self._batch = self.memory.newest(size, place)
        else:
            self._batch = self.memory.sample(stream, size, place)

    def batch(self) -> Transitions:
        return self._batch

    def renew_priorities(self, priorities: NDArray[np.float32]) -> None:
        assert self.memory.priorities is not None
        self.memory.priorities.renew(self._batch.rows, priorities)

    def sample(self, batch_size: int) -> Transitions:
        return self.memory.sample(self.streams["replay"], batch_size)

    def begin_play(self, action: int) -> None:
        self._begun = partial(self.play, action)

    def begin_storing_last_frame(self) -> None:
        self._begun = self.store_last_frame

    def end_step(self) -> None:
        self._begun()

    def begin_evaluation(
        self, request: EvaluationRequest, report: Callable[[int], object] = lambda episodes: None
    ) -> Evaluation:
        viewing = Viewing(self.config.frame_pipeline, self.config.frame_stack, request.presentation.frame_skip)
        return begin_evaluation(self.run, viewing, request, report)

    def play(self, action: int) -> None:
        """Execute the action of this step and store what it led to."""
        self.decisions.append(action)
        frame = self._newest_frame()
        result = self._play_frames(action)
        reward = min(max(result.reward, -self.config.reward_clip), self.config.reward_clip)
        life_ends = result.life_lost and of_atari(self.run.protocol.training).life_loss_ends_trajectory
        outcome = TERMINATED * result.terminated | TRUNCATED * result.truncated | LIFE_LOST * life_ends
        self.memory.append(frame, action, reward, outcome, starts_trajectory=self._starts_trajectory)
        self._starts_trajectory = False
        self._last = result
        push_frame(self.stack, self.game.observation, clear=False)
        if outcome and self.config.stores_end_frame:
            self.at_end = True
        elif outcome:
            self._begin_again()

    def store_last_frame(self) -> None:
        """Store a trajectory's last frame, which takes a step of its own, and begin the next life or game.

        The released program "perceives" the last frame of a life or game in an agent step in which nothing is played
        (google-deepmind/dqn dqn/train_agent.lua:81-94); Dopamine begins the next one at once.
        """
        self.decisions.append(NO_DECISION)
        self.memory.append(self._newest_frame(), NO_ACTION, 0.0, 0, starts_trajectory=False)
        self._begin_again()

    def past(self) -> Past:
        held_from = max(0, self.memory.rows_appended - self.config.replay_capacity_rows)
        # The latest keyframe from which every row that the replay memory holds can be played again.
        keyframe = [keyframe for keyframe in self.keyframes if keyframe.rows_appended <= held_from][-1]
        header = training_header(self.run, self.recorder.minimal_actions) if self.recorder else None
        return Past(
            step=self.step,
            rows_appended=self.memory.rows_appended,
            stack_sha256=sha256(self.stack.tobytes()),
            streams={name: stream_state(stream) for name, stream in self.streams.items()},
            episodes=tuple(self.episodes),
            iterations=tuple(self.iterations),
            training=None if header is None else Trace(header, self._recorded()),
            chapters=dict(self.log.chapters) if self.log else None,
            keyframe=keyframe,
            decisions=bytes(self.decisions[keyframe.step - self.decisions_from_step :]),
            priorities=self.memory.priority_state(),
            new_chapters=self.log.take_chapters() if self.log else {},
        )

    def restore(self, past: Past, check: Callable[[], object] = lambda: None) -> None:
        try:
            same = self._played_again(past, check)
        except ReplicationError:
            raise
        except Exception as error:
            # Content that is well formed but makes no sense can fail anywhere, here or in the emulator.
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ReplicationError(f"cannot be continued ({reason}); {STARTS_AGAIN}") from None
        if not same:
            raise ReplicationError(f"playing its decisions again ended elsewhere than it was saved; {STARTS_AGAIN}")

    def _played_again(self, past: Past, check: Callable[[], object]) -> bool:
        """Play from the keyframe on; return whether that ended where the lane was saved."""
        self.episodes = list(past.episodes)
        self.iterations = list(past.iterations)
        finished = past.training.episodes if past.training else ()
        if self.recorder is not None:
            self.recorder.continue_after(finished[: past.keyframe.episodes] if self.log is None else ())
        if self.log is not None:
            self.log.restore(finished, past.chapters or {}, past.keyframe.episodes)
        self.replay_decisions(past.keyframe, past.decisions, check)
        same = (
            self.step == past.step
            and self.memory.rows_appended == past.rows_appended
            and (tuple(self.episodes), tuple(self.iterations)) == (past.episodes, past.iterations)
            and self._recorded() == finished
            and all(stream_state(self.streams[name]) == past.streams[name] for name in GAME_STREAMS)
            and sha256(self.stack.tobytes()) == past.stack_sha256
        )
        for name, stream in self.streams.items():
            restore_stream(stream, past.streams[name])
        if past.priorities is not None:
            same = same and self.memory.restore_priorities(past.priorities)
        return same

    def replay_decisions(
        self, keyframe: Keyframe, decisions: bytes, check: Callable[[], object] = lambda: None
    ) -> None:
        """Restore a keyframe and play the logged decisions again, which rebuilds memory, counters and streams."""
        self.step = keyframe.step
        self.decisions_from_step = keyframe.step
        self.decisions.clear()
        self.memory.start_at(keyframe.rows_appended)
        del self.episodes[keyframe.episodes :]
        del self.iterations[keyframe.iterations :]
        self.iteration_start_step = keyframe.iteration_start_step
        self.iteration_first_episode = keyframe.iteration_first_episode
        self.keyframes = []
        self.game.restore(keyframe.game)
        for name in GAME_STREAMS:
            restore_stream(self.streams[name], keyframe.streams[name])
        self.at_end = False
        self._begin_episode()
        for decision in decisions:
            check()
            self.step += 1
            if decision == NO_DECISION:
                self.store_last_frame()
            else:
                self.play(decision)

    def _recorded(self) -> tuple[Episode, ...]:
        return tuple(self.log.held if self.log else self.recorder.episodes if self.recorder else ())

    def _newest_frame(self) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self.stack[:, :, -1])

    def _play_frames(self, action: int) -> StepResult:
        if self.recorder is None:
            return self.game.step(action)
        self.recorder.mark_scored(True)
        result = self.game.step(action)
        self.recorder.mark_scored(of_atari(self.run.protocol.training).between_lives_counts)
        return result

    def _begin_again(self) -> None:
        """Begin the next episode after a trajectory's end, or the next life of the same one."""
        self.at_end = False
        if self._last.ended:
            self._finish_episode(self.game.counts, "truncated" if self._last.truncated else "terminated")
            self._begin_episode()
            return
        if self.game.begin_trajectory():
            self._finish_episode(self.game.previous, "terminated")
        self._begin_trajectory()

    def _begin_episode(self) -> None:
        self._keep_keyframe()
        self.game.begin_episode()
        self._begin_trajectory()

    def _begin_trajectory(self) -> None:
        push_frame(self.stack, self.game.observation, clear=True)
        self._starts_trajectory = True

    def _finish_episode(self, counts: EpisodeCounts, ending: Literal["terminated", "truncated"]) -> None:
        self.episodes.append(EpisodeRecord(self.step, counts.episode_return, counts.episode_frames, ending))
        if self.recorder is not None:
            self.recorder.finish_episode(
                raw_return=counts.episode_return,
                scored_frames=counts.episode_frames,
                noop_frames=counts.noop_frames,
                ending=ending,
            )
            if self.log is not None:
                self.log.add(self.recorder.episodes.pop(), number=len(self.episodes) - 1, end_step=self.step)
        least = self.run.protocol.iteration_steps
        if least is not None and self.step - self.iteration_start_step >= least:
            returns = [episode.raw_return for episode in self.episodes[self.iteration_first_episode :]]
            length = self.step - self.iteration_start_step
            self.iterations.append(IterationRecord(self.step, length, len(returns), float(np.mean(returns))))
            self.iteration_start_step = self.step
            self.iteration_first_episode = len(self.episodes)

    def _keep_keyframe(self) -> None:
        """Add a keyframe if the last one is old enough, and drop those that the replay memory no longer needs."""
        rows, capacity = self.memory.rows_appended, self.config.replay_capacity_rows
        if self.keyframes and rows - self.keyframes[-1].rows_appended < capacity // KEYFRAMES_PER_MEMORY:
            return
        streams = {name: stream_state(self.streams[name]) for name in GAME_STREAMS}
        self.keyframes.append(
            Keyframe(
                step=self.step,
                rows_appended=rows,
                episodes=len(self.episodes),
                iterations=len(self.iterations),
                iteration_start_step=self.iteration_start_step,
                iteration_first_episode=self.iteration_first_episode,
                game=self.game.state(),
                streams=streams,
            )
        )
        while len(self.keyframes) > 1 and self.keyframes[1].rows_appended <= rows - capacity:
            self.keyframes.pop(0)
        forget = self.keyframes[0].step - self.decisions_from_step
        if forget > 0:
            del self.decisions[:forget]
            self.decisions_from_step += forget
