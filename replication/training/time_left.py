"""The time that a training has left: its phases differ in speed, and each is told by what was seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from replication.foundation.durations import clock_text
from replication.specification.assumed_speed import assumed_speed, longest_final_frames, longest_periodic_steps
from replication.training.contract import Trainee

Phase = Literal["before learning", "learning", "evaluation"]
_ENOUGH_SECONDS = 5.0
"""Of learning, from which its speed can be told."""
_SEEN_SECONDS = 120.0
"""What was seen is forgotten by halves once it is longer, so that the speed is that of late."""


class TimeLeft:
    """The time left of runs that train together: of training, of periodic evaluations, and of the final evaluation.

    Until a phase was seen, its speed is the one that plans assume, on a CPU; elsewhere the time left is not known yet.

    Args:
        trainees: where they stand now.
        device: that they train on.
    """

    def __init__(self, trainees: Sequence[Trainee], device: str) -> None:
        self._trainees = trainees
        self._reached = [trainee.progress for trainee in trainees]
        self._seen: dict[Phase, tuple[float, float]] = {}
        assumed = assumed_speed(trainees[0].run) if device == "cpu" else None
        self._begun: set[Phase] = set()
        self._assumed: dict[Phase, float] = {}
        if assumed is not None:
            learning, playing = 1.0 / assumed.training, 1.0 / assumed.playing
            self._assumed = {"before learning": playing, "learning": learning, "evaluation": playing}

    def note_turn(self, seconds: float, evaluated: int) -> None:
        """Note how long a turn took, and how many of the runs were evaluated in it."""
        before, self._reached = self._reached, [trainee.progress for trainee in self._trainees]
        if evaluated:
            self._note("evaluation", seconds, evaluated * longest_periodic_steps(self._trainees[0].run))
            return
        steps = {"before learning": 0.0, "learning": 0.0}
        for trainee, first, last in zip(self._trainees, before, self._reached, strict=True):
            phase = "before learning" if last <= _learning_starts(trainee) else "learning"
            steps[phase] += (last - first) / _progress_a_step(trainee)
        # A run that learns beside one that does not takes nearly all of the turn.
        self._note("learning" if steps["learning"] else "before learning", seconds, sum(steps.values()))

    def seconds(self) -> float | None:
        """Estimate the time left; None where the speed of a phase that is left is not known."""
        total = 0.0
        for phase, steps in self._steps_left().items():
            if steps:
                each = self._seconds_a_step(phase)
                if each is None:
                    return None
                total += steps * each
        return total

    def least_seconds(self) -> float | None:
        """Estimate the time left of those phases whose speed was seen; None before that of learning was seen."""
        if self._seen.get("learning", (0.0, 0.0))[0] < _ENOUGH_SECONDS:
            return None
        left = self._steps_left()
        return sum(left[phase] * seconds / steps for phase, (seconds, steps) in self._seen.items())

    def text(self) -> str:
        """Write the time left, for the progress bar."""
        seconds = self.seconds()
        return f"{'?' if seconds is None else clock_text(seconds)} left"

    def _note(self, phase: Phase, seconds: float, steps: float) -> None:
        if not steps:
            return
        if phase != "evaluation" and phase not in self._begun:
            self._begun.add(phase)  # its first turn compiles what it needs
            return
        seen_seconds, seen_steps = self._seen.get(phase, (0.0, 0.0))
        half = 0.5 if seen_seconds > _SEEN_SECONDS else 1.0
        self._seen[phase] = half * seen_seconds + seconds, half * seen_steps + steps

    def _seconds_a_step(self, phase: Phase) -> float | None:
        if phase in self._seen:
            seconds, steps = self._seen[phase]
            return seconds / steps
        return self._assumed.get(phase)

    def _steps_left(self) -> dict[Phase, float]:
        """Count the agent steps that all runs have left in each phase, those of evaluations at their longest."""
        left: dict[Phase, float] = {"before learning": 0.0, "learning": 0.0, "evaluation": 0.0}
        for trainee in self._trainees:
            run = trainee.run
            if trainee.failure is not None:
                continue
            each, starts = _progress_a_step(trainee), _learning_starts(trainee)
            now, end = trainee.progress, trainee.progress_end
            left["before learning"] += max(0.0, min(starts, end) - now) / each
            left["learning"] += max(0.0, end - max(starts, now)) / each
            if not run.training_steps:
                continue  # no steps are planned, so no evaluation is
            periodic = run.protocol.periodic_evaluation
            if periodic is not None:
                done = max(now, starts) / each // periodic.period_steps
                left["evaluation"] += max(0.0, end / each // periodic.period_steps - done) * longest_periodic_steps(run)
            left["evaluation"] += longest_final_frames(run) / run.protocol.training.frame_skip
        return left


def _progress_a_step(trainee: Trainee) -> float:
    """Return how much progress is shown for an agent step; 1 where the budget counts something else."""
    steps = trainee.run.training_steps
    return trainee.progress_end / steps if steps else 1.0


def _learning_starts(trainee: Trainee) -> float:
    """Return the progress at which learning starts."""
    return trainee.run.settings.steps_before_learning * _progress_a_step(trainee)
