"""Checks of whole trainings on the toy game: it learns, repeats, resumes, and is the same in a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from replication.commands.check_algorithm.subject import STEPS, CheckFailedError, Subject
from replication.foundation.files import plain
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.off_policy.lane import Lane
from replication.training.off_policy.learner import Learner
from replication.training.off_policy.loop import train
from replication.training.off_policy.trainee import Trainee
from replication.training.replay.frame_store import build_frame_store

STOP = 150
"""Steps after which a training is stopped and resumed: learning has started."""


def check_training(subject: Subject) -> None:
    """Check that some hundred steps do not fail, move the parameters, leave them finite, and repeat to the bit."""
    trainee = _begin(subject, 1)
    start = {name: tensor.clone() for name, tensor in trainee.learner.tensors().items()}
    _advance([trainee], STEPS)
    if trainee.failure is not None:
        raise CheckFailedError(f"training fails: {trainee.failure}; look for logarithms, roots and divisions")
    if not trainee.learner.is_finite():
        raise CheckFailedError(f"a parameter is not finite after {STEPS} steps; look at the scale of the loss")
    moved = trainee.learner.tensors()
    still = [name for name, tensor in start.items() if name.startswith("online.") and torch.equal(tensor, moved[name])]
    if still:
        raise CheckFailedError(f"{still[0]} is as it was after {STEPS} steps; let the loss depend on it")
    if difference := _difference(_parts(trainee), _alone(subject, 1)):
        raise CheckFailedError(
            f"two trainings with one seed differ in {difference}; keep nothing between calls, draw by draws_spec"
        )
    if not _difference(_alone(subject, 1), _alone(subject, 2)):
        raise CheckFailedError("trainings with seeds 1 and 2 are the same; take randomness from stream and draws")


def check_resume(subject: Subject) -> None:
    """Check that a training that is saved, loaded and continued ends as if it had not been stopped."""
    stopped, resumed = _begin(subject, 1), _begin(subject, 1)
    _advance([stopped], STOP)
    with TemporaryDirectory() as folder:
        save_checkpoint(stopped, Path(folder))
        restore_newest(resumed, Path(folder))
    _advance([resumed], STEPS - STOP)
    if difference := _difference(_parts(resumed), _alone(subject, 1)):
        raise CheckFailedError(
            f"stopped at step {STOP} and resumed, it differs in {difference}; keep what it learns in parameters"
        )


def check_cohort(subject: Subject) -> None:
    """Check that a training beside another lane ends in the same bytes as alone."""
    together = [_begin(subject, seed) for seed in (1, 2)]
    _advance(together, STEPS)
    for seed, trainee in enumerate(together, start=1):
        if difference := _difference(_parts(trainee), _alone(subject, seed)):
            raise CheckFailedError(
                f"beside another lane it differs in {difference} from the training alone; keep nothing in the module"
            )


def _begin(subject: Subject, seed: int) -> Trainee:
    config = subject.config
    lane = Lane(subject.run(seed), config, build_frame_store("lz4", config.replay_capacity_rows))
    return Trainee(lane, Learner(subject.algorithm, config, lane.num_actions, lane.streams, "cpu"))


def _advance(trainees: Sequence[Trainee], steps: int) -> None:
    for _ in islice(train(trainees, trainees[0].lane.config), steps):
        pass


@lru_cache(maxsize=2)
def _alone(subject: Subject, seed: int) -> Mapping[str, object]:
    """Train a run alone and return its parts; it is done once for all checks."""
    trainee = _begin(subject, seed)
    _advance([trainee], STEPS)
    return _parts(trainee)


def _difference(parts: Mapping[str, object], others: Mapping[str, object]) -> str | None:
    """Name the first part in which two trainings differ; None: they are equal to the bit."""
    return next((name for name in parts if parts[name] != others.get(name)), None)


def _parts(trainee: Trainee) -> dict[str, object]:
    """Return all that a training consists of, as plain data that can be compared.

    The log of decisions is left out: it is kept from a keyframe on, which after resuming may be another one.
    """
    tensors = trainee.learner.tensors() | {f"best.{name}": tensor for name, tensor in (trainee.best or {}).items()}
    parts: dict[str, object] = {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}
    past = plain(asdict(trainee.lane.past()))
    parts |= {f"its {name}": past[name] for name in past if name not in ("keyframe", "decisions")}
    parts["its curve"] = list(trainee.curve)
    sampled = trainee.lane.sample(64)  # last: it draws from a stream
    parts["what its replay memory gives"] = [array.tobytes() for array in sampled]
    return parts
