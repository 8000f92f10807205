"""From runs to results: build or restore the lanes, train with progress and checkpoints, evaluate, write.

Signals are answered between two steps: a checkpoint is written and the program ends with its own exit code.
"""

from __future__ import annotations

import fcntl
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from replication.algorithms import random_agent
from replication.algorithms.contract import Algorithm, load_algorithm
from replication.atari.emulator import open_emulator
from replication.config import OffPolicyConfig, UntrainedConfig, variant_config
from replication.embedding import PERPLEXITY, POINTS, SEED, StateSample, activations_path, store_activations
from replication.engine.checkpoints import checkpoint_folders, restore_newest, save_checkpoint
from replication.engine.lane import Lane
from replication.engine.learner import Learner, prepare_torch
from replication.engine.off_policy import Trainee, greedy_policy, train
from replication.errors import ReplicationError
from replication.evaluation import Viewing, evaluate, score
from replication.files import write_atomically
from replication.frame_store import Storage, build_frame_store, storage_text
from replication.policies import Policy
from replication.results import write_results
from replication.run_records import unfinished
from replication.runs import Run
from replication.traces import Trace, new_trace, serialise_trace

INTERRUPTED_EXIT_CODE = 75
"""The run was stopped by a signal after writing a checkpoint; the same command continues it."""


BAR: dict[str, Any] = {"mininterval": 0.5 if sys.stderr.isatty() else 15.0, "dynamic_ncols": sys.stderr.isatty()}
"""How often progress is shown: a log keeps every line."""


@dataclass(frozen=True)
class Machine:
    """Where and how a run is computed; nothing here changes a number on a CPU."""

    results: Path
    state: Path
    device: str
    storage: Storage
    checkpoint_seconds: float
    quiet: bool


def execute(runs: Sequence[Run], machine: Machine) -> int:
    """Bring every run to its results; runs of one variant advance in lockstep as the lanes of one cohort.

    Returns: exit code, 0 or INTERRUPTED_EXIT_CODE.
    Raises:
        ReplicationError: something a user can mend.
    """
    missing = unfinished(runs, machine.results)
    for run in runs:
        if run not in missing:
            say(f"{run.name}: finished, nothing to be done ({run.results_folder(machine.results)})")
    if not missing:
        return 0
    if missing[0].variant.family == "untrained":
        for run in missing:
            _evaluate_untrained(run, machine)
        return 0
    return _train_cohort(missing, machine)


def say(line: str) -> None:
    """A line for the person at the terminal, beside the progress bar."""
    tqdm.write(line, file=sys.stderr)


def _evaluate_untrained(run: Run, machine: Machine) -> None:
    config = variant_config(run.variant, UntrainedConfig)
    if run.protocol.final_evaluation is None:
        raise ReplicationError(f"{run.name}: protocol {run.protocol.protocol} has no final evaluation to play")
    num_actions = len(open_emulator(run.game).minimal_actions)

    def policy(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        return random_agent.choose_action(stack, num_actions, stream)

    started = time.monotonic()
    viewing = Viewing("nature", 1, config.action_period_frames)
    trace = _final_evaluation(policy, run, viewing, machine)
    facts = {
        "evaluated_network": None,
        "cost": {"seconds": round(time.monotonic() - started, 1)},
        "machine": {"device": "cpu", "lanes": 1},
    }
    _announce(run, write_results(run, machine.results, evaluation=trace, training=None, tables={}, facts=facts), trace)


def _train_cohort(runs: Sequence[Run], machine: Machine) -> int:
    prepare_torch(machine.device)
    algorithm = load_algorithm(runs[0].variant.module)
    config = variant_config(runs[0].variant, algorithm.Config)
    each = f", for each of {len(runs)} lanes" if len(runs) > 1 else ""
    say(storage_text(config.replay_capacity_rows, machine.storage) + each)
    with ExitStack() as held:
        for run in runs:
            held.enter_context(_locked(run.state_folder(machine.state)))
        stop = held.enter_context(_signals())
        trainees = [_build(run, algorithm, config, machine) for run in runs]
        _train(trainees, config, machine, stop)
        if stop:
            say("stopped by a signal; checkpoints are written, the same command continues")
            return INTERRUPTED_EXIT_CODE
        for trainee in trainees:
            _finish(trainee, config, machine, lanes=len(trainees))
    return 0


def _build(run: Run, algorithm: Algorithm, config: OffPolicyConfig, machine: Machine) -> Trainee:
    """A lane with its learner, at its start or where its newest checkpoint left it."""
    lane = Lane(run, config, build_frame_store(machine.storage, config.replay_capacity_rows))
    learner = Learner(algorithm, config, lane.game.num_actions, lane.streams, machine.device)
    trainee = Trainee(lane, learner)
    if checkpoint_folders(run.state_folder(machine.state)):
        say(f"{run.name}: continuing from its checkpoint; its replay memory is played again")
        restore_newest(trainee, run.state_folder(machine.state))
        say(f"{run.name}: continued at step {lane.step:,}")
    return trainee


def _train(trainees: Sequence[Trainee], config: OffPolicyConfig, machine: Machine, stop: list[int]) -> None:
    """Train until every budget is spent or a signal comes, with a checkpoint now and then and one at the end."""
    skip = trainees[0].lane.run.protocol.training.frame_skip
    bar = tqdm(
        total=sum(_budget_steps(trainee.lane) for trainee in trainees) * skip,
        initial=sum(trainee.lane.step for trainee in trainees) * skip,
        unit="frames",
        unit_scale=True,
        smoothing=0.05,
        desc=", ".join(trainee.lane.run.name for trainee in trainees),
        disable=machine.quiet,
        **BAR,
    )
    started = last = time.monotonic()
    before = [trainee.seconds for trainee in trainees]
    for _ in train(trainees, config):
        bar.update(sum(not trainee.lane.done for trainee in trainees) * skip)
        if trainees[0].lane.step % 500 == 0:
            bar.set_postfix_str(_latest(trainees), refresh=False)
        for trainee in trainees:
            _store_evaluation(trainee, machine)
        now = time.monotonic()
        for trainee, spent in zip(trainees, before, strict=True):
            trainee.seconds = spent + now - started
        if stop or now - last >= machine.checkpoint_seconds:
            _save_all(trainees, machine)
            last = time.monotonic()
        if stop:
            break
    else:
        _save_all(trainees, machine)
    bar.close()


def _finish(trainee: Trainee, config: OffPolicyConfig, machine: Machine, lanes: int) -> None:
    """Evaluate by the protocol and write the results."""
    lane, learner = trainee.lane, trainee.learner
    run, protocol = lane.run, lane.run.protocol
    evaluated: dict[str, Any] | None = None
    evaluation: Trace | None = None
    if protocol.final_evaluation is not None:
        evaluated = {"network": "final", "step": lane.step}
        if protocol.final_evaluation.network == "best" and trainee.best is not None:
            evaluated = {"network": "best", "step": max(p.step for p in trainee.curve if p.is_best)}
            learner.online.load_state_dict(trainee.best)
        policy = greedy_policy(learner, lane.game.num_actions, run.final_epsilon(protocol.final_evaluation))
        viewing = Viewing(config.frame_pipeline, config.frame_stack, protocol.final_evaluation.presentation.frame_skip)
        sample = StateSample(POINTS)

        def watched(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
            sample.see(stack)
            return policy(stack, stream)

        evaluation = _final_evaluation(watched, run, viewing, machine)
        _store_activations(learner, sample, evaluation, activations_path(run, machine.state))
    training: Trace | None = None
    if lane.recorder is not None:
        training = new_trace(lane.recorder, run, protocol.training, protocol.training.frame_skip, "training")
    facts = {
        "evaluated_network": evaluated,
        "embedding": {"perplexity": PERPLEXITY, "seed": SEED, "most_points": POINTS},
        "counts": {
            "steps": lane.step,
            "frames_nominal": lane.step * protocol.training.frame_skip,
            "training_episodes": len(lane.episodes),
        },
        "cost": {"seconds": round(trainee.seconds, 1)},
        "machine": {"device": machine.device, "lanes": lanes, "precision": "float32"},
    }
    tables = {
        "curve": [asdict(point) for point in trainee.curve],
        "training": [{"episode": i, **asdict(record)} for i, record in enumerate(lane.episodes)],
        "iterations": [{"iteration": i, **asdict(record)} for i, record in enumerate(lane.iterations)],
    }
    folder = write_results(run, machine.results, evaluation=evaluation, training=training, tables=tables, facts=facts)
    _announce(run, folder, evaluation)


def _store_activations(learner: Learner, sample: StateSample, evaluation: Trace, path: Path) -> None:
    """What the network makes of evenly spaced states of its final evaluation, for t-SNE."""
    skip = evaluation.header.frame_skip
    ends = np.cumsum([-(-episode.scored_frames // skip) for episode in evaluation.episodes])
    steps = np.array(sample.steps)
    episodes = np.searchsorted(ends, steps, side="right")
    frames = (steps - np.concatenate([[0], ends])[episodes]) * skip
    store_activations(path, *learner.activations(np.stack(sample.states)), episodes, frames)


def _final_evaluation(policy: Policy, run: Run, viewing: Viewing, machine: Machine) -> Trace:
    final = run.protocol.final_evaluation
    assert final is not None
    name = f"{run.name}: final evaluation"
    with tqdm(total=final.num_episodes, unit="episodes", desc=name, disable=machine.quiet, **BAR) as bar:
        return evaluate(
            policy,
            run,
            final.presentation,
            viewing,
            "final_evaluation",
            num_episodes=final.num_episodes,
            report=lambda episodes: bar.update(),
        )


def _announce(run: Run, folder: Path, evaluation: Trace | None) -> None:
    found = "" if evaluation is None else f" score {score(evaluation):.1f} over {len(evaluation.episodes)} episodes;"
    say(f"{run.name}:{found} {folder}")


def _save_all(trainees: Sequence[Trainee], machine: Machine) -> None:
    for trainee in trainees:
        save_checkpoint(trainee, trainee.lane.run.state_folder(machine.state))


def _store_evaluation(trainee: Trainee, machine: Machine) -> None:
    """Keep the trace of a periodic evaluation in the state, and say what it found."""
    if trainee.fresh_trace is None:
        return
    run, point = trainee.lane.run, trainee.curve[-1]
    path = run.state_folder(machine.state) / "evaluations" / f"step_{point.step:010d}.trace"
    write_atomically(path, serialise_trace(trainee.fresh_trace))
    trainee.fresh_trace = None
    found = "no episode completed" if point.score is None else f"score {point.score:.1f} ({point.episodes} episodes)"
    say(f"{run.name}: step {point.step:,}: {found}{', best so far' if point.is_best else ''}")


def _budget_steps(lane: Lane) -> int:
    budget = lane.run.budget
    return budget.steps or budget.iterations * (lane.run.protocol.iteration_steps or 0)


def _latest(trainees: Sequence[Trainee]) -> str:
    """Mean return of each lane's last ten training episodes."""
    means = [np.mean([e.raw_return for e in t.lane.episodes[-10:]]) if t.lane.episodes else None for t in trainees]
    return "return " + " ".join("-" if mean is None else f"{mean:.1f}" for mean in means)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """SIGTERM and SIGINT are noted instead of ending the program; the list holds those that came."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield came
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process a run; the kernel frees the lock however the process ends.

    Raises:
        ReplicationError: another process trains this run, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("w")
    except OSError as error:
        raise ReplicationError(f"{folder}: cannot be written ({error.strerror}); name another with --state") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ReplicationError(f"{folder}: another process is training this run; wait for it to end") from None
        yield
