"""The command `run`: have Snakemake bring an experiment to its page, or print what that takes."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from replication.commands.arguments import TENSORBOARD, add_algorithm, add_folders, add_tensorboard, at_least_one
from replication.commands.snakemake import known_profiles, profile_cores, run_snakemake, snakemake_command
from replication.foundation.paths import state_root, working_folder
from replication.specification.baselines_beside import named_beside
from replication.specification.experiments import (
    Experiment,
    changed_experiment,
    known_experiments,
    load_experiment,
)

HELP = "bring an experiment from nothing to its page"
DESCRIPTION = (
    "Train and evaluate what an experiment lacks, then make its tables, figures and page. "
    "Given again after an interruption, the same command continues."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("experiment", help=f"one of: {', '.join(known_experiments())}")
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="print what is done and missing, and what it costs"
    )
    parser.add_argument(
        "--measure", action="store_true", help="with -n: measure this machine's speed first, about 10 s a variant"
    )
    parser.add_argument("--cores", type=at_least_one, help="runs at a time (default: all cores)")
    parser.add_argument(
        "--profile",
        default="default",
        choices=known_profiles(),
        help="default: a run a core; gpu: all runs of a variant as lanes of a cohort; slurm: jobs of a cluster",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting of each variant that has it, such as optimizer.learning_rate=1e-4; may be given again "
        "for others. It makes variants of their own, with a departure declared and nothing published beside them, and "
        "an experiment of its own, EXPERIMENT+KEY=VALUE: its tables, figures and page lie in a folder of that name, "
        "and run, render, doctor and Snakemake's --config experiment= take the name too",
    )
    add_algorithm(parser)
    add_folders(parser)
    add_tensorboard(parser)


def run(options: argparse.Namespace) -> int:
    """Run Snakemake on an experiment, or print the plan.

    Returns: Snakemake's exit code.
    Raises:
        ReplicationError: no such experiment, or a bad one; scores of other programs that it names are not there or are
            damaged.
    """
    # A relative folder lies where Snakemake works: for the plan too.
    options.results = working_folder() / options.results
    name = changed_experiment(options.experiment, options.set) if options.set else options.experiment
    for source in options.algorithm:
        name = named_beside(name, source.stem)
    experiment = load_experiment(name)  # what is wrong with it is said before Snakemake starts
    if experiment.others:  # pandas is loaded where it is needed
        from replication.analysis.other_scores import load_others

        load_others(experiment, options.results)
    if options.dry_run:
        return _print_plan(name, options)
    if options.state:
        os.environ["REPLICATION_STATE"] = str(options.state)
    if options.tensorboard is not None:
        from replication.training.event_files import require_tensorboard

        require_tensorboard()
        os.environ[TENSORBOARD] = str(working_folder() / options.tensorboard)
    cores = options.cores or profile_cores(options.profile)
    log = options.results / "logs" / name / "snakemake.log"
    code = run_snakemake(snakemake_command(name, options.results, cores, profile=options.profile), log)
    if code == 0:
        print(*end_in_words(experiment, options.results), sep="\n")
    return code


def end_in_words(experiment: Experiment, results: Path) -> list[str]:
    """Say in three lines what a run came to: the page, the verdicts, and what to do next."""
    from replication.report.pages.tables import counted_verdicts, judged_rows

    rows = judged_rows(experiment, results)
    counted = ", ".join(f"{number} {word}" for word, number in counted_verdicts(rows))
    undecided = sum(row.get("more_seeds_can_decide") == "true" for row in rows)
    check = f"python -m replication verify {shlex.quote(str(results / experiment.experiment))}"
    more = f"{undecided} of them more seeds can decide: name them in the experiment's runs; " if undecided else ""
    return [
        f"page:     {results / experiment.experiment / 'index.html'}",
        f"verdicts: {counted or 'none'}",
        f"next:     {more}`{check}` derives every number again",
    ]


def _print_plan(name: str, options: argparse.Namespace) -> int:
    from replication.commands.plan import measure_speeds, print_plan

    state = working_folder() / (options.state or state_root())
    if options.measure:
        measure_speeds(name, state)
    print_plan(name, options.results, state, options.cores)
    if options.profile != "default":
        print(f"hours are those of CPU cores; what profile {options.profile} takes, no run here has shown")
    return 0
