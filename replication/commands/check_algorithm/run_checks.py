"""Checks of whole trainings on a small task: it learns, repeats, resumes, and is the same in a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from replication.commands.check_algorithm.subject import STEPS, CheckFailedError, Subject
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.contract import Trainee

STOP = 150
"""Steps after which a training is stopped and resumed: learning has started."""


def check_training(subject: Subject) -> None:
    """Check that some hundred steps do not fail, move the parameters, leave them finite, and repeat to the bit."""
    trainee = subject.begin(1)
    start = {name: tensor.clone() for name, tensor in subject.parameters(trainee).items()}
    _advance(subject, [trainee], STEPS)
    if trainee.failure is not None:
        raise CheckFailedError(f"training fails: {trainee.failure}; look for logarithms, roots and divisions")
    if defect := trainee.defect():
        raise CheckFailedError(f"{defect}; look at the scale of the loss")
    moved = subject.parameters(trainee)
    if still := [name for name, tensor in start.items() if torch.equal(tensor, moved[name])]:
        raise CheckFailedError(f"{still[0]} is as it was after {STEPS} steps; let the loss depend on it")
    if difference := _difference(subject.parts(trainee), _alone(subject, 1)):
        raise CheckFailedError(
            f"two trainings with one seed differ in {difference}; keep nothing between calls, draw nothing yourself"
        )
    if not _difference(_alone(subject, 1), _alone(subject, 2)):
        raise CheckFailedError("trainings with seeds 1 and 2 are the same; take randomness from what is given")


def check_resume(subject: Subject) -> None:
    """Check that a training that is saved, loaded and continued ends as if it had not been stopped."""
    stopped, resumed = subject.begin(1), subject.begin(1)
    _advance(subject, [stopped], STOP)
    with TemporaryDirectory() as folder:
        save_checkpoint(stopped, Path(folder))
        restore_newest(resumed, Path(folder))
    end = max(STEPS, stopped.step + 1)  # it goes on, also where a rollout is longer than the check
    _advance(subject, [resumed], end)
    if difference := _difference(subject.parts(resumed), _alone(subject, 1, end)):
        raise CheckFailedError(
            f"stopped at step {STOP} and resumed, it differs in {difference}; keep what it learns in parameters"
        )


def check_cohort(subject: Subject) -> None:
    """Check that a training beside another lane ends in the same bytes as alone."""
    together = [subject.begin(seed) for seed in (1, 2)]
    _advance(subject, together, STEPS)
    for seed, trainee in enumerate(together, start=1):
        # Where a rollout is as long as a trajectory, one lane may have gone further by then than it does alone.
        if difference := _difference(subject.parts(trainee), _alone(subject, seed, trainee.step)):
            raise CheckFailedError(
                f"beside another lane it differs in {difference} from the training alone; keep nothing in the module"
            )


def _advance(subject: Subject, trainees: Sequence[Trainee], steps: int) -> None:
    """Train runs until all have taken so many steps, or have failed."""
    for _ in subject.turns(trainees):
        if all(trainee.step >= steps for trainee in trainees):
            return


@lru_cache(maxsize=2)
def _alone(subject: Subject, seed: int, steps: int = STEPS) -> Mapping[str, object]:
    """Train a run alone and return its parts; it is done once for all checks."""
    trainee = subject.begin(seed)
    _advance(subject, [trainee], steps)
    return subject.parts(trainee)


def _difference(parts: Mapping[str, object], others: Mapping[str, object]) -> str | None:
    """Name the first part in which two trainings differ; None: they are equal to the bit."""
    return next((name for name in parts if parts[name] != others.get(name)), None)
