"""From runs to results: open or restore a cohort, train with progress and checkpoints, evaluate, write.

A signal, or the end of the allowed time, is answered between two turns of training or evaluation: what is done so far
is stored, and the program ends with an exit code that says so. What is trained is the family's: training/contract.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from replication.evidence.manifest import note_runs
from replication.evidence.provenance import git_commit
from replication.evidence.records import finished_as, made_by_other_code, unfinished
from replication.evidence.run_files import Outcome, write_results
from replication.evidence.scores import score
from replication.evidence.state_files import checkpoint_step, evaluation_name, failure_path, read_failure
from replication.evidence.traces import trace_bytes
from replication.foundation.errors import ReplicationError
from replication.foundation.files import ensure_folder, readable_json, remove_parts, write_atomically
from replication.foundation.locks import held
from replication.foundation.progress import progress_bar, say
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE, Stop, Stopped, noting_signals
from replication.specification.run import Run, one_a_record
from replication.training.checkpoints import checkpoint_folders, restore_newest, save_checkpoint
from replication.training.contract import Cohort, Trainee, load_family
from replication.training.deadline import Deadline
from replication.training.live_view import LiveView
from replication.training.machine.capacity import ensure_disk
from replication.training.machine.settings import Machine
from replication.training.resumable_play import Play, ResumablePlay, unfinished_path
from replication.training.time_left import TimeLeft

_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}, {rate_fmt}{postfix}]"
"""Without the time left that follows from one speed: training has phases."""
_DESCRIBE_SECONDS = 1.0
"""Between two looks at the time left and the returns of training, which wait for what is being played."""

_GLANCE_SECONDS = 0.5
"""A command that looks whether a run is being trained holds its lock for a moment."""


def execute(runs: Sequence[Run], machine: Machine) -> int:
    """Bring every run to its results; runs of one variant train together as a cohort.

    Returns: exit code, 0 or INTERRUPTED_EXIT_CODE.
    Raises:
        ReplicationError: an error that a user can mend.
    """
    runs = one_a_record(runs)
    missing = unfinished(runs, machine.results)
    done = [run for run in runs if run not in missing]
    for run in done:
        say(_finished_text(run, machine))
    if done:  # the program may have been killed between writing a record and noting it
        note_runs(machine.results, "finished", (finished_as(run, machine.results) or run for run in done))
    if not missing:
        return 0
    ensure_folder(machine.results, "name another with --results")
    for run in missing:
        git_commit(run)  # asked now and kept: the files may be changed while it trains
    _say_changed_code(missing, machine)
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


def _say_changed_code(runs: Sequence[Run], machine: Machine) -> None:
    """Say where a run was finished already, with other code of its algorithm."""
    for run in runs:
        if (other := made_by_other_code(run, machine.results)) is not None:
            say(
                f"{run.variant.source.name} has changed since {run.record_name} was made ({other}); this is another run"
            )


def _make(missing: Sequence[Run], machine: Machine, stop: Stop) -> None:
    healthy = [run for run in missing if read_failure(run, machine.state) is None]
    if not healthy:
        return
    family, play = load_family(healthy[0].family.name), ResumablePlay(machine.state, stop, machine.checkpoint_seconds)
    with ExitStack() as open_until_done:
        for run in healthy:
            open_until_done.enter_context(_locked(run, machine))
        # Another process may have finished some between the first look and the lock.
        left = unfinished(healthy, machine.results)
        for run in healthy:
            if run not in left:
                say(_finished_text(run, machine))
        if not left:
            return
        ensure_disk(left, machine.state)
        cohort = open_until_done.enter_context(family.open_cohort(left, machine))
        note_runs(machine.results, "begun", left)
        if cohort.trainees:
            _continue_all(cohort.trainees, machine, stop)
            stop.check()
            _train(cohort, machine, stop, play)
        for outcome in cohort.finish(play):
            _leave(outcome, machine)


def _continue_all(trainees: Sequence[Trainee], machine: Machine, stop: Stop) -> None:
    """Restore each lane from its newest checkpoint; lanes of different workers at the same time."""
    hands = max(1, min(machine.workers, len(trainees)))

    def continue_some(some: Sequence[Trainee]) -> None:
        for trainee in some:
            run = trainee.run
            if checkpoint_folders(run.state_folder(machine.state)):
                say(f"{run.record_name}: continuing from its checkpoint")
                restore_newest(trainee, run.state_folder(machine.state), stop.check)
                say(f"{run.record_name}: continued at step {trainee.step:,}")

    with ThreadPoolExecutor(hands) as pool:
        for _ in pool.map(continue_some, [trainees[first::hands] for first in range(hands)]):
            pass


def _train(cohort: Cohort, machine: Machine, stop: Stop, play: Play) -> None:
    """Train until every budget is spent, with a checkpoint every `checkpoint_seconds` and one at the end.

    Raises:
        Stopped: a stop was asked for; checkpoints are written.
    """
    trainees = cohort.trainees
    reached = sum(trainee.progress for trainee in trainees)
    with progress_bar(
        sum(trainee.progress_end for trainee in trainees),
        cohort.progress_unit,
        ", ".join(trainee.run.record_name for trainee in trainees),
        quiet=machine.quiet,
        initial=reached,
        unit_scale=True,
        smoothing=0.05,
        bar_format=_BAR,
    ) as bar:
        time_left, deadline = TimeLeft(trainees, machine.device), Deadline(machine)
        live = LiveView(trainees, cohort.progress_unit, machine)
        now = started = last = described = time.monotonic()
        before = [trainee.seconds for trainee in trainees]
        try:
            for _ in cohort.train(play):
                stop.progressed = True
                turn_began, now, before_turn = now, time.monotonic(), reached
                reached = sum(trainee.progress for trainee in trainees)
                bar.update(reached - before_turn)
                evaluated = 0
                for trainee, spent in zip(trainees, before, strict=True):
                    trainee.seconds = spent + now - started
                    evaluated += _store_evaluation(trainee, machine, live)
                    if trainee.failure is not None and read_failure(trainee.run, machine.state) is None:
                        _freeze(trainee, machine)
                time_left.note_turn(now - turn_began, evaluated)
                deadline.check(time_left)
                if now - described >= _DESCRIBE_SECONDS:
                    bar.set_postfix_str(f"{time_left.text()}, {_latest(trainees)}", refresh=False)
                    described = now
                live.update(now, time_left.seconds)
                stop.check()
                if now - last >= machine.checkpoint_seconds:
                    _save_all(trainees, machine, stop)
                    last = time.monotonic()
        except Stopped:
            _save_all(trainees, machine, stop)
            raise Stopped("checkpoints are written, ") from None
        finally:
            live.end(time_left.seconds)
        _save_all(trainees, machine, stop)


def _save_all(trainees: Sequence[Trainee], machine: Machine, stop: Stop) -> None:
    """Write a checkpoint of every run that has not failed; one that has keeps its earlier checkpoints."""
    started = time.monotonic()
    for trainee in trainees:
        if trainee.failure is not None:
            continue
        trainee.failure = trainee.defect()
        if trainee.failure is not None:
            _freeze(trainee, machine)
        else:
            save_checkpoint(trainee, trainee.run.state_folder(machine.state))
    stop.note_checkpoint(time.monotonic() - started)


def _freeze(trainee: Trainee, machine: Machine) -> None:
    """Write failed.json beside the checkpoints of a run that cannot go on; its neighbors do."""
    run = trainee.run
    record = {
        "training_digest": run.training_digest,
        "reason": trainee.failure,
        "checkpoint_step": checkpoint_step(run, machine.state),
    }
    write_atomically(failure_path(run, machine.state), readable_json(record))
    note_runs(machine.results, "failed", [run], str(trainee.failure))
    say(_failure_text(run, machine))


def _finished_text(run: Run, machine: Machine) -> str:
    made = finished_as(run, machine.results) or run
    folder = made.results_folder(machine.results)
    again = f"; version {run.numerics_version} has the same law; to make it again, move that folder away"
    return f"{made.record_name}: finished, nothing to be done ({folder}){again if made != run else ''}"


def _failure_text(run: Run, machine: Machine) -> str:
    record = read_failure(run, machine.state)
    assert record is not None
    note, step = failure_path(run, machine.state), record["checkpoint_step"]
    kept = f"its checkpoint of step {step:,} is kept; " if step else ""
    again = f"remove {note} to go on from there, or {note.parent} to begin again" if step else f"remove {note}"
    mend = "mend the settings or the code; with other settings or other code of its algorithm it is another run"
    return f"{run.record_name}: {record['reason']}; {kept}{mend}, to try this one again {again}"


def _store_evaluation(trainee: Trainee, machine: Machine, live: LiveView) -> bool:
    """Write the trace of a periodic evaluation to the state, and say its score; False where there was none."""
    evaluated = trainee.take_evaluation()
    if evaluated is None:
        return False
    run, point = trainee.run, evaluated.point
    if evaluated.trace is not None:
        path = run.state_folder(machine.state) / evaluation_name(point.step)
        write_atomically(path, trace_bytes(evaluated.trace))
    live.note_evaluation(trainee, point)
    found = "no episode completed" if point.score is None else f"score {point.score:.1f} ({point.episodes} episodes)"
    say(f"{run.record_name}: step {point.step:,}: {found}{', best so far' if point.is_best else ''}")
    return True


def _leave(outcome: Outcome, machine: Machine) -> None:
    """Write the results of a finished run, and say its score and their folder."""
    run, evaluation = outcome.run, outcome.evaluation
    for name, data in outcome.state_files.items():
        write_atomically(run.state_folder(machine.state) / name, data)
    folder = write_results(outcome, machine.results)
    note_runs(machine.results, "finished", [run])
    unfinished_path(run, machine.state).unlink(missing_ok=True)
    found = "" if evaluation is None else f" score {score(evaluation):.1f} over {len(evaluation.episodes)} episodes;"
    if outcome.evaluation_score is not None:
        found += f" score {outcome.evaluation_score:.1f} of the evaluation at its end;"
    if outcome.training_score is not None:
        found += f" score {outcome.training_score:.1f} of the last training episodes;"
    say(f"{run.record_name}:{found} {folder}")


def _latest(trainees: Sequence[Trainee]) -> str:
    """Return the mean return of each run's last training episodes, in words."""
    means = [trainee.recent_return for trainee in trainees]
    return "return " + " ".join("-" if mean is None else f"{mean:.1f}" for mean in means)


@contextmanager
def _locked(run: Run, machine: Machine) -> Iterator[None]:
    """Lock a run for this process, and remove files that a killed process left half written.

    There are two locks, since one results folder may be given to processes with different states, and the other way
    round. That of the results lies beside the logs: a record's folder holds nothing that the record does not name.
    The kernel frees them however the process ends.

    Raises:
        ReplicationError: another process holds a lock, or the run's folders cannot be written.
    """
    state, results = run.state_folder(machine.state), run.results_folder(machine.results)
    of_results = machine.results / "logs" / "runs" / run.place / "lock"
    with ExitStack() as locks:
        for path, folder, option in ((state / "lock", state, "--state"), (of_results, results, "--results")):
            refusal = f"{folder}: another process is training this run; wait for it to end"
            locks.enter_context(held(path, refusal, _GLANCE_SECONDS, mending=f"name another with {option}"))
        remove_parts(state)
        remove_parts(results)
        yield
