"""What can be seen of runs while they train: the files that `watch` reads, and events for TensorBoard.

It reads what training has come to between two turns, and changes nothing of it. Where it cannot be written, that is
said once, and training goes on.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence

from replication.evidence.live_files import LiveFiles, Progress
from replication.evidence.scores import CurvePoint
from replication.foundation.progress import say
from replication.training.contract import Trainee
from replication.training.event_files import EventFiles
from replication.training.machine.settings import Machine

EVERY_SECONDS = 5.0
"""Between two times that the files are brought up to date; a training that takes less writes none."""
_SPEEDS_OF = 12
"""The speed is that of so many such spans."""


class LiveView:
    """Shows runs that train together.

    Args:
        trainees: where they stand now.
        unit: that their progress is counted in.
        machine: where they are trained.
    """

    def __init__(self, trainees: Sequence[Trainee], unit: str, machine: Machine) -> None:
        self._shown = [_Shown(trainee, unit, machine) for trainee in trainees]
        self._last = time.monotonic()
        self._works = True

    def note_evaluation(self, trainee: Trainee, point: CurvePoint) -> None:
        """Note a periodic evaluation of a run."""
        for shown in self._shown:
            if shown.trainee is trainee:
                shown.points.append(point)

    def update(self, now: float, seconds_left: Callable[[], float | None]) -> None:
        """Bring the files up to date, if that is due.

        Args:
            now: moment of `time.monotonic`.
            seconds_left: tells the time left; asked only where it is written.
        """
        if self._works and now - self._last >= EVERY_SECONDS:
            self._last = now
            self._write(now, seconds_left)

    def end(self, seconds_left: Callable[[], float | None]) -> None:
        """Write what is new where training ends or is stopped."""
        if self._works and any(shown.begun for shown in self._shown):
            self._write(time.monotonic(), seconds_left)
        for shown in self._shown:
            if shown.events is not None:
                shown.events.close()

    def _write(self, now: float, seconds_left: Callable[[], float | None]) -> None:
        left = seconds_left()
        try:
            for shown in self._shown:
                shown.write(now, left)
        except OSError as error:
            self._works = False
            say(f"{error.filename}: could not be written ({error.strerror}); training goes on, `watch` shows no more")


class _Shown:
    """One run, and what was written of it."""

    def __init__(self, trainee: Trainee, unit: str, machine: Machine) -> None:
        run = trainee.run
        self.trainee = trainee
        self.points: list[CurvePoint] = []
        """Those that were not written yet."""
        self.begun = False
        self.events: EventFiles | None = None
        self._unit = unit
        self._episodes = 0
        self._files = LiveFiles(run.state_folder(machine.state), "frames" if run.training_frames else "steps")
        self._record = str(run.results_folder(machine.results))
        self._events_folder = None if machine.tensorboard is None else machine.tensorboard / run.place
        self._seen: deque[tuple[float, int]] = deque(maxlen=_SPEEDS_OF + 1)

    def write(self, now: float, seconds_left: float | None) -> None:
        trainee = self.trainee
        episodes = trainee.finished_episodes(self._episodes)
        scores = [(point.step, point.score) for point in self.points if point.score is not None]
        if not self.begun:
            scores = [*self._files.begin(trainee.step, episodes), *scores]
            if self._events_folder is not None:
                self.events = EventFiles(self._events_folder)
            self.begun = True
        else:
            self._files.add_episodes(episodes)
        self._files.add_points(self.points)
        self._seen.append((now, trainee.progress))
        progress = self._progress(seconds_left)
        self._files.write_progress(progress)
        if self.events is not None:
            self.events.add_episodes(episodes)
            self.events.add_scores(scores)
            if progress.progress_a_second is not None:
                self.events.add_speed(progress.progress_a_second / progress.progress_a_step, trainee.step)
        self._episodes += len(episodes)
        self.points.clear()

    def _progress(self, seconds_left: float | None) -> Progress:
        trainee, run = self.trainee, self.trainee.run
        (first, before), (last, now) = self._seen[0], self._seen[-1]
        return Progress(
            name=run.record_name,
            variant=run.variant.variant,
            task=run.task.name,
            protocol=run.protocol.protocol,
            preset=None if run.preset is None else run.preset.preset,
            record=self._record,
            unit=self._unit,
            progress=trainee.progress,
            progress_end=trainee.progress_end,
            progress_a_step=trainee.progress_end / run.training_steps if run.training_steps else 1.0,
            seconds=trainee.seconds,
            progress_a_second=(now - before) / (last - first) if last > first else None,
            seconds_left=_finite(seconds_left),
            recent_return=_finite(trainee.recent_return),
            written=time.time(),
        )


def _finite(value: float | None) -> float | None:
    """Return a number that JSON can hold; None where it is none, as the returns of a policy that diverged may be."""
    return value if value is not None and math.isfinite(value) else None
