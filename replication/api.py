"""What a notebook or another program may use: `import replication as rp`.

Numbers come as tidy data frames: one row a thing, in a stable order. Every function calls what a command calls, and
raises `ReplicationError` with one line for what a user can mend. torch is imported by what trains or plays a network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.paths import state_root

if TYPE_CHECKING:
    import pandas as pd

    from replication.commands.judge import JudgedResult
    from replication.commands.loaded_run import LoadedRun

__all__ = [
    "ReplicationError",
    "cleanrl_policy",
    "curves",
    "judge",
    "load",
    "published_numbers",
    "register_environments",
    "scores",
    "stable_baselines3_policy",
    "train",
    "use_algorithm",
    "verdicts",
    "verify",
]

Folder = str | Path
RESULTS = "results"


def scores(
    *, experiment: str | None = None, variant: str | None = None, task: str | None = None, results: Folder = RESULTS
) -> pd.DataFrame:
    """Read the scores of finished runs: a row a run.

    Args:
        experiment: only runs that it names.
        variant: only its runs.
        task: only runs of it.
        results: root of the results.

    Returns: columns
        variant, task, protocol, preset: what was run; preset is missing where there is none;
        budget, budget_unit: length of training in frames, steps, iterations, episodes or sweeps; missing where
            nothing is trained;
        seed;
        score: raw, as the protocol scores: mean return of the final evaluation, or of training;
        evidence: inputs, policy or learning, by which `verify` derives it again;
        numerics_version: of the code that made it;
        digest: 12 digits of the result digest;
        folder: of its record.
        Sorted by variant, task, seed and digest.
    Raises:
        ReplicationError: no such experiment; a record is damaged.
    """
    from replication.analysis.run_frames import finished_records, score_frame

    return score_frame(finished_records(Path(results), experiment, variant, task))


def curves(
    *, experiment: str | None = None, variant: str | None = None, task: str | None = None, results: Folder = RESULTS
) -> pd.DataFrame:
    """Read what was measured along the training of finished runs: a row a point.

    Args: as those of `scores`.

    Returns: columns
        variant, task, protocol, preset, budget, budget_unit, seed, digest: as those of `scores`; the seed of a point
            that is a mean over the seeds of one record is missing;
        seeds: behind the point;
        measured: evaluation (episodes of a periodic evaluation), iteration (training episodes of one), last training
            episodes, or learning (what the protocol measures of the episodes of a tabular agent);
        at, unit: where in training: agent steps, emulator frames or episodes;
        score: mean return, or what is measured;
        deviation: between the seeds; missing for a single one;
        episodes: behind the point, where they are counted.
        Sorted by variant, task, seed, digest, measured and at.
    Raises:
        ReplicationError: no such experiment; a record is damaged.
    """
    from replication.analysis.run_frames import curve_frame, finished_records

    return curve_frame(finished_records(Path(results), experiment, variant, task))


def verdicts(
    *, experiment: str | None = None, variant: str | None = None, task: str | None = None, results: Folder = RESULTS
) -> pd.DataFrame:
    """Read the verdicts of the tables that are made (`run`, `render`): a row a verdict.

    Args: as those of `scores`.

    Returns: columns
        experiment, table: where it stands;
        agent: its title, as tables have it; of a table of statements the statement;
        task: its title; empty where a table has no such column;
        at: what tells rows of one agent and task apart, such as `frames 1000000`;
        verdict, reason;
        ours, published: scores; the published one may be an exact value;
        share, share_low, share_high: what ours learned above the floor, over what the published agent did, with its
            interval; missing where it is not judged by that;
        difference: ours less the published score;
        seeds: that are judged;
        would_have_passed, not_ruled_out: wrong agents, separated as in the tables.
        In the order of experiments, tables and their rows.
    Raises:
        ReplicationError: no such experiment, variant or task.
    """
    from replication.report.verdict_frame import verdict_frame
    from replication.specification.experiments import known_experiments
    from replication.specification.loading import load_variant
    from replication.specification.tasks.registry import find_task

    if experiment is not None and experiment.partition("+")[0] not in known_experiments():
        raise unknown_name("experiment", experiment, known_experiments())
    frame = verdict_frame(Path(results), experiment)
    if variant is not None:
        title = load_variant(variant).title
        frame = frame[(frame["agent"] == title) | frame["agent"].str.startswith(f"{title}, ")]
    if task is not None:
        frame = frame[frame["task"].isin([task, find_task(task).title])]
    return frame.reset_index(drop=True)


def published_numbers(source: str | None = None, *, memory: bool = False) -> pd.DataFrame:
    """Read published numbers, each with its origin: a row a number.

    (It is not called `published`, since that is the package that holds them.)

    Args:
        source: such as `nature_2015_table2`; None: the sources that judge, a row each.
        memory: also rows that are known only from memory, which are never shown as published.

    Returns: of a source of scores by game the columns task, algorithm, score, std (of what its recipe says),
        frames_millions, start, cap_frames, reference_set, source, confirmed, origin, note, source_name and runs,
        missing where the source does not say. Of any other its own columns, which replication/published/SOURCES.md
        describes. In the order of its file.
    Raises:
        ReplicationError: no such source; its file is damaged.
    """
    from replication.published.number_frame import number_frame

    return number_frame(source, memory=memory)


def load(run: Folder, *, results: Folder = RESULTS, state: Folder | None = None) -> LoadedRun:
    """Load a finished run.

    Args:
        run: the folder of its record, or `variant/task/seed`, with `/digest` after it where there are several.
        results: root of the results, for a name.
        state: root of the state, where its network lies; None: $REPLICATION_STATE or results/state.

    Raises:
        ReplicationError: there is none, or several; it is damaged; the settings here are not the run's.
    """
    from replication.commands.loaded_run import find_record, load_run

    folder, seed = find_record(str(run), Path(results))
    return load_run(folder, seed, Path(state) if state else state_root())


def train(
    variant: str,
    task: str,
    seed: int = 1,
    *,
    protocol: str | None = None,
    preset: str | None = None,
    budget_frames: int | None = None,
    budget_steps: int | None = None,
    budget_iterations: int | None = None,
    budget_episodes: int | None = None,
    budget_sweeps: int | None = None,
    settings: Mapping[str, Any] | None = None,
    results: Folder = RESULTS,
    state: Folder | None = None,
    device: str = "cpu",
    workers: int | None = None,
    quiet: bool = True,
) -> LoadedRun:
    """Train and evaluate a run, or go on with one that was stopped; a finished one is loaded.

    Args:
        variant: its name (`use_algorithm` makes one of your own known).
        task: its name.
        seed: 0 or more.
        protocol: instead of the variant's own.
        preset: overrides of scale.
        budget_frames: length of training in emulator frames. One budget is given, as the protocol counts it, none for
            agents that do not train.
        budget_steps: in agent steps.
        budget_iterations: in iterations.
        budget_episodes: in episodes.
        budget_sweeps: in rounds of updates of every state.
        settings: changes by dotted key, such as `{"optimizer.learning_rate": 1e-4}`, as `train --set` makes them.
        results: root of the results.
        state: root of the state; None: $REPLICATION_STATE or results/state.
        device: cpu, cuda or cuda:N.
        workers: processes that the lanes are dealt to; None: as `train` has it.
        quiet: no progress bar.

    Raises:
        ReplicationError: a bad name, setting or budget; a run that failed.
        KeyboardInterrupt: it was stopped; the same call continues.
    """
    from replication.commands.loaded_run import train_run
    from replication.specification.changed_settings import changed_name
    from replication.specification.run import resolve_run

    name = changed_name(variant, [f"{key}={_written(value)}" for key, value in (settings or {}).items()])
    run = resolve_run(
        variant=name,
        task=task,
        seed=seed,
        protocol=protocol,
        preset=preset,
        budget_frames=budget_frames,
        budget_steps=budget_steps,
        budget_iterations=budget_iterations,
        budget_episodes=budget_episodes,
        budget_sweeps=budget_sweeps,
    )
    roots = Path(results), Path(state) if state else state_root()
    return train_run(run, *roots, device=device, workers=workers, quiet=quiet)


def verify(
    results: Folder = RESULTS,
    *,
    policy: bool = False,
    state: Folder | None = None,
    cores: int | None = None,
    quiet: bool = True,
) -> str:
    """Derive again what can be derived of results: every frame played, every score, table and verdict.

    Args:
        results: a results folder, or a part of one (an experiment, a variant, a run, a trace).
        policy: also play stored networks again, which lie in the state, and learn again what is learned in seconds.
        state: root of the state; None: $REPLICATION_STATE or results/state.
        cores: runs played at a time; None: all.
        quiet: no progress bar.

    Returns: what was checked, in words.
    Raises:
        ReplicationError: the first difference.
    """
    from replication.commands.verify import check

    return "\n".join(check(Path(results), cores, policy=policy, state=Path(state) if state else None, quiet=quiet))


def judge(
    policy: Callable[[Any], Any] | str,
    *,
    name: str,
    task: str,
    protocol: str,
    seed: int = 1,
    results: Folder = RESULTS,
    answer_seconds: float = 60.0,
    quiet: bool = True,
    **options: Any,
) -> JudgedResult:
    """Play another program's policy by a protocol; it leaves a trace that `verify` plays again.

    Args:
        policy: a function from an observation, uint8 [4, 84, 84] with the newest frame last, to an action, the index
            into the game's minimal set (`stable_baselines3_policy(model)` and `cleanrl_policy(network)` make one); or
            a command that starts a process, as `judge --command` has it.
        name: of the agent, as results and tables call it.
        task: a game.
        protocol: whose presentation and episodes are played.
        seed: of starts, stickiness and random actions.
        results: root of the results.
        answer_seconds: the longest an answer of a command may take.
        quiet: no progress bar.
        **options: further arguments of `replication.commands.judged_run.judged_run`: preset, frame_pipeline, epsilon,
            num_episodes, policy_file, training.

    Returns: with its `score`, `trace` and `folder`.
    Raises:
        ReplicationError: a bad name or number; the policy answers something else; it was judged already.
    """
    from replication.commands.judge import by_call, by_command
    from replication.commands.judge import judge as judge_policy
    from replication.commands.judged_run import judged_run

    run = judged_run(name=name, game=task, protocol=protocol, seed=seed, **options)
    asked = by_command(policy, answer_seconds) if isinstance(policy, str) else by_call(policy)
    return judge_policy(run, asked, Path(results), quiet=quiet)


def use_algorithm(file: Folder) -> str:
    """Make an algorithm of your own known, as `--algorithm FILE.py` does; the YAML of its variant lies beside it.

    Returns: the name of its variant.
    Raises:
        ReplicationError: there is no such file or YAML; its name is taken.
    """
    from replication.specification.own_algorithms import add_own_algorithm

    return add_own_algorithm(Path(file))


def register_environments() -> None:
    """Make tasks known to Gymnasium: `gymnasium.make("Replication/Pong-nature-v0")`, by protocol."""
    from replication.environments.gymnasium_ids import register

    register()


def stable_baselines3_policy(model: Any) -> Callable[[Any], Any]:
    """Return the greedy policy of a model of Stable-Baselines3 that plays a game, for `judge`."""
    from replication.commands.called_policy import stable_baselines3_policy as adapted

    return adapted(model)


def cleanrl_policy(network: Any) -> Callable[[Any], Any]:
    """Return the greedy policy of a network of CleanRL (a Q-network, or an agent of its PPO), for `judge`."""
    from replication.commands.called_policy import cleanrl_policy as adapted

    return adapted(network)


def _written(value: Any) -> str:
    """Write the value of a setting as `--set` takes it, which reads YAML."""
    return json.dumps(value)
