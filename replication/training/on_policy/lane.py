"""One run's place in a cohort: its actors, its streams and its counters; no network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import StepResult
from replication.evidence.episode_log import EpisodeLog
from replication.evidence.scores import EpisodeRecord
from replication.foundation.random_streams import training_streams
from replication.specification.families.on_policy import OnPolicyConfig
from replication.specification.run import Run
from replication.training.on_policy.actor import Actor

RECENT_EPISODES = 100


class Lane:
    """The games of one run, which a policy plays side by side.

    Args:
        run: what is played.
        config: its settings.
    """

    def __init__(self, run: Run, config: OnPolicyConfig) -> None:
        self.run = run
        self.config = config
        self.streams = training_streams(run.seed, run.task.name, run.family.streams)
        self.stacks: NDArray[np.uint8] = np.zeros((config.num_actors, 84, 84, config.frame_stack), dtype=np.uint8)
        """The newest frames of each actor; overwritten by the next step."""
        self.actors = [Actor(run, config, number, stack) for number, stack in enumerate(self.stacks)]
        self.minimal_actions = self.actors[0].minimal_actions
        """The action codes of the game, in the emulator's order."""
        self.log = EpisodeLog(run, self.minimal_actions) if run.protocol.training_score else None
        """The traces of the finished episodes, where their last ones are scored."""
        self.step = 0
        """Agent steps, over all actors."""
        self.episodes: list[EpisodeRecord] = []
        """The finished ones, in the order in which they ended; of one step, in that of the actors."""

    @property
    def num_actions(self) -> int:
        """Size of the game's minimal action set."""
        return len(self.minimal_actions)

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

    def play(self, actions: NDArray[np.int64], playing: slice) -> list[StepResult]:
        """Take a step of every actor that is playing, int64 [playing]; trajectories that end wait for `begin_again`."""
        self.step += len(actions)
        return [actor.play(int(action)) for actor, action in zip(self.actors[playing], actions, strict=True)]

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
