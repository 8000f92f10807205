"""One run's place in a cohort: its actors, its streams and its counters; no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.algorithms.policy_networks import Spaces
from replication.environments.atari.emulator import open_emulator
from replication.environments.contract import ActionCodec, DiscreteActions, StepResult
from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.evidence.episode_log import EpisodeLog
from replication.evidence.scores import EpisodeRecord
from replication.foundation.random_streams import training_streams
from replication.specification.families.on_policy import OnPolicyConfig
from replication.specification.run import Run
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.training.on_policy.actor import Actor
from replication.training.on_policy.vector_actor import VectorActor, between_bounds, check_actions

RECENT_EPISODES = 100


class Lane:
    """The games of one run, or other tasks, which a policy plays side by side.

    Args:
        run: what is played.
        config: its settings.

    Raises:
        ReplicationError: the actions of the task are of another kind than those of the policy.
    """

    def __init__(self, run: Run, config: OnPolicyConfig) -> None:
        self.run = run
        self.config = config
        self.streams = training_streams(run.seed, run.task.name, run.family.streams)
        self.stacks: NDArray[Any]
        """What each actor sees: the newest frames of a game, uint8 [actors, 84, 84, stack], or the newest observation,
        float32 [actors, numbers]; overwritten by the next step."""
        self.actors: Sequence[Actor | VectorActor]
        self.actions: ActionCodec
        """What the task takes; of a game, places in `minimal_actions`."""
        self.minimal_actions: tuple[int, ...] = ()
        """The action codes of a game, in the emulator's order; none of another task."""
        if config.of_vectors is None:
            self._open_games()
        else:
            self._open_vectors()
        self.log = EpisodeLog(run, self.minimal_actions) if run.protocol.training_score else None
        """The traces of the finished episodes, where their last ones are scored."""
        self.step = 0
        """Agent steps, over all actors."""
        self.episodes: list[EpisodeRecord] = []
        """The finished ones, in the order in which they ended; of one step, in that of the actors."""

    def _open_games(self) -> None:
        run, config = self.run, self.config
        self.stacks = np.zeros((config.num_actors, 84, 84, config.of_game.frame_stack), dtype=np.uint8)
        actors = [Actor(run, config, number, stack) for number, stack in enumerate(self.stacks)]
        self.minimal_actions, self.actors = actors[0].minimal_actions, actors
        self.actions, self.spaces = _of_game(self.minimal_actions)

    def _open_vectors(self) -> None:
        actors = [VectorActor(self.run, number) for number in range(self.config.num_actors)]
        self.stacks = np.stack([actor.stack for actor in actors])
        for actor, stack in zip(actors, self.stacks, strict=True):
            actor.stack = stack
        self.actors = actors
        self.actions, self.spaces = _of_vectors(self.run, self.config, actors[0].actions, self.stacks.shape[1])

    @property
    def num_actions(self) -> int:
        """Size of the game's minimal action set, or the actions or dimensions of an action of another task."""
        return self.spaces.num_actions

    @property
    def done(self) -> bool:
        """True once no whole rollout is left of the budget."""
        return self.step + self.config.least_rollout_steps > self.run.budget.steps

    @property
    def recent_return(self) -> float | None:
        """Mean raw return of the last hundred training episodes; None before the first has ended."""
        recent = self.episodes[-RECENT_EPISODES:]
        return float(np.mean([episode.raw_return for episode in recent])) if recent else None

    @property
    def next_to_play(self) -> slice:
        """The actors that play the next rollout: all, or the one whose turn it is."""
        if self.config.actors == "together":
            return slice(len(self.actors))
        turn = self.step // self.config.least_rollout_steps % len(self.actors)
        return slice(turn, turn + 1)

    def play(self, actions: NDArray[Any], playing: slice) -> list[StepResult]:
        """Take a step of the actors that are playing, as the policy drew it; ended trajectories wait for `begin_again`.

        Args:
            actions: int64 [playing], or float32 [playing, dimensions].
            playing: which of the actors.
        """
        self.step += len(actions)
        if self.config.of_vectors is not None:
            actions = between_bounds(actions, self.actions, self.config.of_vectors)
        return [actor.play(action) for actor, action in zip(self.actors[playing], actions, strict=True)]

    def begin_again(self, ended: Sequence[bool], playing: slice) -> None:
        """Begin the next life or episode of the actors, of those playing, whose trajectory has ended."""
        for actor, has_ended in zip(self.actors[playing], ended, strict=True):
            episode = actor.begin_again(self.step) if has_ended else None
            if episode is not None:
                self.episodes.append(episode)
            if episode is not None and self.log is not None:
                assert actor.recorder is not None, "an actor whose episodes are kept records them"
                played = actor.recorder.episodes.pop()
                self.log.add(played, actor=actor.number, number=actor.episodes - 1, end_step=self.step)


def actions_and_spaces(run: Run, config: OnPolicyConfig) -> tuple[ActionCodec, Spaces]:
    """Return what the task of a run takes, and the sizes of what its policy sees and does.

    Raises:
        ReplicationError: the actions of the task are of another kind than those of the policy.
    """
    if config.of_vectors is None:
        return _of_game(open_emulator(run.task.name).minimal_actions)
    assert isinstance(run.task, GymnasiumTask), f"{run.name}: its task is none of Gymnasium"
    simulator = GymnasiumSimulator(run.task)
    return _of_vectors(run, config, simulator.actions, simulator.observation.size)


def _of_game(minimal_actions: tuple[int, ...]) -> tuple[ActionCodec, Spaces]:
    count = len(minimal_actions)
    return DiscreteActions(codes=tuple(range(count))), Spaces(count)


def _of_vectors(run: Run, config: OnPolicyConfig, actions: ActionCodec, numbers: int) -> tuple[ActionCodec, Spaces]:
    assert config.of_vectors is not None
    check_actions(run, actions, config.of_vectors)
    return actions, Spaces(len(actions.codes if isinstance(actions, DiscreteActions) else actions.low), numbers)
