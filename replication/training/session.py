"""From runs to results: build or restore the lanes, train with progress and checkpoints, evaluate, write.

A signal, or the end of the allowed time, is answered between two steps of training or evaluation: what is done so far
is stored, and the program ends with an exit code that says so.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from replication.algorithms.off_policy.contract import Algorithm, load_algorithm
from replication.evidence.records import finished_as, unfinished
from replication.evidence.state_files import checkpoint_step, failure_path, read_failure
from replication.evidence.trace_file import serialise_trace
from replication.foundation.errors import ReplicationError
from replication.foundation.files import ensure_folder, readable_json, remove_parts, write_atomically
from replication.foundation.progress import progress_bar, say
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE, Stop, Stopped, noting_signals
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.run import Run
from replication.training.checkpoints import checkpoint_folders, restore_newest, save_checkpoint
from replication.training.final_evaluation import finish
from replication.training.machine.capacity import ensure_memory_and_disk
from replication.training.machine.devices import leased_device
from replication.training.machine.footprint import memory_text
from replication.training.machine.settings import Machine
from replication.training.off_policy.batching import IN_TURN, InStacks, Networks
from replication.training.off_policy.device_memory import ensure_device_memory
from replication.training.off_policy.lane_contract import AnyLane
from replication.training.off_policy.learner import Learner, prepare_torch
from replication.training.off_policy.loop import train
from replication.training.off_policy.trainee import Trainee
from replication.training.resumable_play import Play, ResumablePlay
from replication.training.untrained import evaluate_untrained
from replication.training.workers.pool import open_lanes


def execute(runs: Sequence[Run], machine: Machine) -> int:
    """Bring every run to its results; runs of one variant advance in lockstep as the lanes of one cohort.

    Returns: exit code, 0 or INTERRUPTED_EXIT_CODE.
    Raises:
        ReplicationError: an error that a user can mend.
    """
    missing = unfinished(runs, machine.results)
    for run in runs:
        if run not in missing:
            say(_finished_text(run, machine))
    if not missing:
        return 0
    ensure_folder(machine.results, "name another with --results")
    stop = Stop(machine.started, machine.max_seconds)
    try:
        with noting_signals(stop):
            _make(missing, machine, stop)
    except Stopped as stopped:
        say(stop.words(stopped))
        return INTERRUPTED_EXIT_CODE
    failed = [run for run in missing if read_failure(run, machine.state) is not None]
    if failed:
        raise ReplicationError("; ".join(_failure_text(run, machine) for run in failed))
    return 0


def _make(missing: Sequence[Run], machine: Machine, stop: Stop) -> None:
    play = ResumablePlay(machine.state, stop, machine.checkpoint_seconds)
    if not missing[0].family.trains:
        for run in missing:
            with _locked(run, machine):
                evaluate_untrained(run, machine, play)
    elif healthy := [run for run in missing if read_failure(run, machine.state) is None]:
        _train_cohort(healthy, machine, stop, play)


def _train_cohort(runs: Sequence[Run], machine: Machine, stop: Stop, play: Play) -> None:
    prepare_torch()
    algorithm = load_algorithm(runs[0].variant.module)
    config = runs[0].settings_as(OffPolicyConfig)
    each = f", for each of {len(runs)} lanes" if len(runs) > 1 else ""
    say(f"replay memory: {memory_text(config, machine.storage)}{each}")
    with ExitStack() as held:
        for run in runs:
            held.enter_context(_locked(run, machine))
        machine = replace(machine, device=held.enter_context(leased_device(machine.device)))
        ensure_memory_and_disk(runs, config, machine)
        ensure_device_memory(len(runs), algorithm, config, machine.device)
        lanes = held.enter_context(open_lanes(runs, config, machine))
        trainees = [_build(lane, algorithm, machine) for lane in lanes]
        _continue_all(trainees, machine, stop)
        stop.check()
        networks: Networks = InStacks() if machine.device.startswith("cuda") else IN_TURN
        _train(trainees, config, machine, networks, stop, play)
        sound = [trainee for trainee in trainees if trainee.failure is None]
        finish(sound, machine, networks, play, lanes=len(trainees))


def _build(lane: AnyLane, algorithm: Algorithm, machine: Machine) -> Trainee:
    """Build the learner of a lane at its start."""
    return Trainee(lane, Learner(algorithm, lane.config, lane.num_actions, lane.streams, machine.device))


def _continue_all(trainees: Sequence[Trainee], machine: Machine, stop: Stop) -> None:
    """Restore each lane from its newest checkpoint; lanes of different workers at the same time."""
    hands = max(1, min(machine.workers, len(trainees)))

    def continue_some(some: Sequence[Trainee]) -> None:
        for trainee in some:
            run = trainee.lane.run
            if checkpoint_folders(run.state_folder(machine.state)):
                say(f"{run.name}: continuing from its checkpoint; its replay memory is played again")
                restore_newest(trainee, run.state_folder(machine.state), stop.check)
                say(f"{run.name}: continued at step {trainee.lane.step:,}")

    with ThreadPoolExecutor(hands) as pool:
        for _ in pool.map(continue_some, [trainees[first::hands] for first in range(hands)]):
            pass


def _train(
    trainees: Sequence[Trainee],
    config: OffPolicyConfig,
    machine: Machine,
    networks: Networks,
    stop: Stop,
    play: Play,
) -> None:
    """Train until every budget is spent, with a checkpoint every `checkpoint_seconds` and one at the end.

    Raises:
        Stopped: a stop was asked for; checkpoints are written.
    """
    skip = trainees[0].lane.run.protocol.training.frame_skip
    with progress_bar(
        sum(trainee.lane.run.training_steps for trainee in trainees) * skip,
        "frames",
        ", ".join(trainee.lane.run.name for trainee in trainees),
        quiet=machine.quiet,
        initial=sum(trainee.lane.step for trainee in trainees) * skip,
        unit_scale=True,
        smoothing=0.05,
    ) as bar:
        started = last = time.monotonic()
        before = [trainee.seconds for trainee in trainees]
        try:
            for _ in train(trainees, config, networks, play):
                stop.progressed = True
                bar.update(sum(trainee.active for trainee in trainees) * skip)
                if trainees[0].lane.step % 500 == 0:
                    bar.set_postfix_str(_latest(trainees), refresh=False)
                for trainee in trainees:
                    _store_evaluation(trainee, machine)
                    if trainee.failure is not None and read_failure(trainee.lane.run, machine.state) is None:
                        _freeze(trainee, machine)
                now = time.monotonic()
                for trainee, spent in zip(trainees, before, strict=True):
                    trainee.seconds = spent + now - started
                stop.check()
                if now - last >= machine.checkpoint_seconds:
                    _save_all(trainees, machine, stop)
                    last = time.monotonic()
        except Stopped:
            _save_all(trainees, machine, stop)
            raise Stopped("checkpoints are written, ") from None
        _save_all(trainees, machine, stop)


def _save_all(trainees: Sequence[Trainee], machine: Machine, stop: Stop) -> None:
    """Write a checkpoint of every lane that has not failed; one that has keeps its earlier checkpoints."""
    started = time.monotonic()
    for trainee in trainees:
        if trainee.failure is None and not trainee.learner.is_finite():
            trainee.failure = f"a parameter is not a finite number at step {trainee.lane.step:,}"
            _freeze(trainee, machine)
        if trainee.failure is None:
            save_checkpoint(trainee, trainee.lane.run.state_folder(machine.state))
    stop.note_checkpoint(time.monotonic() - started)


def _freeze(trainee: Trainee, machine: Machine) -> None:
    """Write failed.json beside the checkpoints of a lane that cannot go on; the other lanes do."""
    run = trainee.lane.run
    record = {
        "training_digest": run.training_digest,
        "reason": trainee.failure,
        "checkpoint_step": checkpoint_step(run, machine.state),
    }
    write_atomically(failure_path(run, machine.state), readable_json(record))
    say(_failure_text(run, machine))


def _finished_text(run: Run, machine: Machine) -> str:
    made = finished_as(run, machine.results) or run
    folder = made.results_folder(machine.results)
    again = f"; version {run.numerics_version} has the same law; to make it again, move that folder away"
    return f"{made.name}: finished, nothing to be done ({folder}){again if made != run else ''}"


def _failure_text(run: Run, machine: Machine) -> str:
    record = read_failure(run, machine.state)
    assert record is not None
    kept = f"its checkpoint of step {record['checkpoint_step']:,} is kept; " if record["checkpoint_step"] else ""
    note = failure_path(run, machine.state)
    return f"{run.name}: {record['reason']}; {kept}change the settings, or remove {note} to try again"


def _store_evaluation(trainee: Trainee, machine: Machine) -> None:
    """Write the trace of a periodic evaluation to the state, and say its score."""
    if trainee.fresh_trace is None:
        return
    run, point = trainee.lane.run, trainee.curve[-1]
    path = run.state_folder(machine.state) / "evaluations" / f"step_{point.step:010d}.trace"
    write_atomically(path, serialise_trace(trainee.fresh_trace))
    trainee.fresh_trace = None
    found = "no episode completed" if point.score is None else f"score {point.score:.1f} ({point.episodes} episodes)"
    say(f"{run.name}: step {point.step:,}: {found}{', best so far' if point.is_best else ''}")


def _latest(trainees: Sequence[Trainee]) -> str:
    """Return the mean return of each lane's last training episodes, in words."""
    means = [trainee.lane.recent_return for trainee in trainees]
    return "return " + " ".join("-" if mean is None else f"{mean:.1f}" for mean in means)


@contextmanager
def _locked(run: Run, machine: Machine) -> Iterator[None]:
    """Lock a run for this process, and remove files that a killed process left half written.

    The kernel frees the lock however the process ends.

    Raises:
        ReplicationError: another process holds the lock, or the run's folders cannot be written.
    """
    folder = run.state_folder(machine.state)
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
        remove_parts(folder)
        remove_parts(run.results_folder(machine.results))
        yield
