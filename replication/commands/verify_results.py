"""The check of a results folder: runs are derived again from their traces, tables and figures from the runs.

Every emulator frame is played again and every cell is derived again; the first difference is named. It needs neither
torch, nor weights, nor a GPU.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from replication.commands.verify_bundles import CheckedBundles, check_bundles
from replication.evidence.compare_tables import compare_csv
from replication.evidence.manifest import NAME, check_manifest, events_in_words, read_manifest
from replication.evidence.records import evidence_of, finished_folders, read_or_none, read_unchecked, task_name
from replication.evidence.trace_file import Episode
from replication.evidence.traces import episodes_of, read_trace_of
from replication.evidence.verify_run import Checked, check_run
from replication.foundation.durations import clock_text
from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.git import left_out
from replication.foundation.processes import map_in_processes
from replication.foundation.progress import progress_bar
from replication.foundation.resources import usable_cpus
from replication.report import render
from replication.report.pages.agents import agents_html
from replication.report.pages.index import index_html
from replication.report.pages.readmes import results_readme
from replication.specification.experiments import known_experiments, load_experiment
from replication.specification.tasks.registry import find_task

FRAMES_A_SECOND = 14_000
"""About what a core of a 2-core cloud machine plays again: 42.9 million frames in 50 minutes."""
_ENDED = "verify: a process that played traces was ended from outside, for want of memory perhaps; give --cores 1"


def verify(results: Path, processes: int | None = None, *, learn_again: bool = False, quiet: bool = False) -> str:
    """Check every finished run, then every table and figure that is there.

    Args:
        results: the folder that holds runs/, judged/ and a folder for each experiment.
        processes: runs played at a time; None: one a core.
        learn_again: also learn every seed of every bundle again.
        quiet: no progress bar.

    Returns: what was checked, in words.
    Raises:
        ReplicationError: the first difference: file, episode, frame or cell; or there is nothing to check.
    """
    folders, bundles = by_evidence(run_folders(results))
    experiments = _experiments(results)
    if not folders and not bundles and not experiments:
        raise ReplicationError(f"{results}: found no finished run in runs/, expected a results folder")
    noted = _check_manifest(results)
    total, learned = check_records(folders, bundles, processes, learn_again=learn_again, quiet=quiet)
    for name in experiments:
        total += check_experiment(name, results)
    for name, text in (("README.md", results_readme), ("index.html", index_html), ("agents.html", agents_html)):
        if (results / name).exists():
            _compare_text(results / name, text(results).encode())
    return "\n".join([_summary(results, total, learned, experiments), noted])


def verify_part(part: Path, processes: int | None = None, *, learn_again: bool = False, quiet: bool = False) -> str:
    """Check a part of a results folder: a trace or a run, all runs of a variant or task, or an experiment.

    Args:
        part: a trace, a folder in runs/ or judged/, or the folder of an experiment, whose runs, tables, figures and
            page are checked.
        processes: runs played at a time; None: one a core.
        learn_again: also learn every seed of its bundles again.
        quiet: no progress bar, and no word of how long it takes.

    Returns: what was checked, in words.
    Raises:
        ReplicationError: the first difference; it is no part of a results folder, or nothing of it is finished.
    """
    folder = (part.parent if part.is_file() else part).resolve()
    results = whole_results(part)
    if results is None:
        raise ReplicationError(f"{part}: found no runs/ beside it or above it, expected a part of a results folder")
    experiments = [name for name in _experiments(results) if results / name == folder]
    if experiments:
        runs = load_experiment(experiments[0]).runs()
        records = {run.results_folder(results) for run in runs if read_or_none(run, results) is not None}
        found = [one for one in run_folders(results) if one in records]
    else:
        found = [one for one in run_folders(results) if folder in (one, *one.parents)]
    if not found:
        raise ReplicationError(f"{part}: found no finished run, expected a trace, a run, a variant or an experiment")
    total, learned = check_records(*by_evidence(found), processes, learn_again=learn_again, quiet=quiet)
    for name in experiments:
        total += check_experiment(name, results)
    return _summary(part, total, learned, experiments)


def named_part(part: Path) -> Path:
    """Return the folder of an experiment or a variant that is named alone, as every other command takes it.

    What is there under the name itself comes first.

    Raises:
        ReplicationError: there is neither such a path nor such a folder in results, where there is another one.
    """
    if part.exists() or len(part.parts) != 1:
        return part
    results = Path("results")
    places = [results / part, results / "runs" / part, results / "judged" / part]
    found = next((place for place in places if place.is_dir()), None)
    known = [path.name for folder in (results, results / "runs") for path in folder.glob("*") if path.is_dir()]
    if found is None and known:
        raise unknown_name("path, experiment or variant with results", str(part), known)
    return found or part


def whole_results(part: Path) -> Path | None:
    """Find the results folder that a path is, or lies in; None where there is none."""
    folder = part.resolve()
    return next((one for one in (folder, *folder.parents) if (one / "runs").is_dir()), None) if part.exists() else None


def _experiments(results: Path) -> list[str]:
    """List the experiments that have a folder of results, those with changed settings last."""
    known = known_experiments()
    changed = (path.name for path in results.glob("*+*") if path.is_dir())  # by `run --set`
    named = sorted(name for name in changed if name.partition("+")[0] in known)
    return [name for name in known if (results / name).is_dir()] + named


def check_records(
    folders: Sequence[Path], bundles: Sequence[Path], processes: int | None, *, learn_again: bool, quiet: bool
) -> tuple[Checked, CheckedBundles]:
    """Check runs by their traces and bundles by what they keep.

    Args:
        folders: of runs.
        bundles: their folders.
        processes: records checked at a time; None: one a core.
        learn_again: also learn every seed of the bundles again.
        quiet: no progress bar, and no word of how long it takes.

    Returns: what was checked, of both; and of the bundles alone.
    Raises:
        ReplicationError: the first difference.
    """
    cores = processes or usable_cpus()
    total = check_runs(folders, cores, quiet=quiet)
    learned = check_bundles(bundles, cores, learn_all=learn_again, quiet=quiet)
    return total + Checked(cells=learned.cells, underived=learned.underived), learned


def _check_manifest(results: Path) -> str:
    """Check the manifest against the records, and say what it tells.

    Raises:
        ReplicationError: as `check_manifest`.
    """
    records = [entry.record for entry in read_manifest(results) or []]
    ignored = [path.removeprefix("runs/") for path in left_out(results, [f"runs/{record}" for record in records])]
    lines = check_manifest(results, run_folders(results, ("runs",)), ignored)
    if lines is None:
        return f"{NAME}: not there, so what was begun and dropped is not known"
    counted = Counter(entry.event for entry in read_manifest(results) or [])
    return f"{NAME}: {lines} lines, each following from the one before: {events_in_words(counted)}"


def run_folders(results: Path, kinds: Sequence[str] = ("runs", "judged")) -> list[Path]:
    """Find the folders of finished runs, and of judged policies; an interrupted run leaves no record.

    Raises:
        ReplicationError: files lie where a run's record is missing.
    """
    return finished_folders(path for kind in kinds for path in (results / kind).glob("*/*/seed*/*"))


def by_evidence(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Split records into those of recorded inputs, and the bundles, whose evidence is a policy or the learning."""
    inputs = [folder for folder in folders if evidence_of(read_unchecked(folder)) == "inputs"]
    return inputs, [folder for folder in folders if folder not in inputs]


def check_runs(folders: Sequence[Path], processes: int, *, quiet: bool = False) -> Checked:
    """Check runs in processes of their own; of several failures, the first in the order given is raised.

    Args:
        folders: of the runs.
        processes: how many at a time.
        quiet: no progress bar, and no word of how long it takes: traces need not be read for it before.

    Raises:
        ReplicationError: the first difference.
    """
    total, length = Checked(), 0
    if not quiet:
        length = sum(_length(folder) for folder in folders)
        seconds = clock_text(length / FRAMES_A_SECOND / processes)
        print(f"{length:,} frames and steps to play again: about {seconds} on {processes} cores", file=sys.stderr)
    with progress_bar(length, "frames", "verify", quiet=quiet, unit_scale=True, mininterval=0.5) as bar:
        for checked in map_in_processes(check_run, folders, processes, ended=_ENDED):
            total += checked
            bar.update(checked.frames + checked.steps)
    return total


def check_experiment(name: str, results: Path) -> Checked:
    """Build every table of an experiment, and the numbers of every figure, and compare them with the files.

    Raises:
        ReplicationError: the first cell that differs; a file that is missing.
    """
    shown = render.Rendering(name, results)
    folder = results / name
    cells = 0
    for table in shown.tables:
        for kind, content in shown.table(table).files().items():
            path = folder / "tables" / f"{table}.{kind}"
            cells += compare_csv(path, content) if kind == "csv" else _compare_text(path, content)
    for figure in shown.figures:
        for kind, content in shown.figure(figure).texts().items():
            path = folder / "figures" / f"{figure}.{kind}"
            cells += compare_csv(path, content) if kind == "csv" else _compare_text(path, content)
    if (folder / "index.html").exists():
        _compare_text(folder / "index.html", shown.page())
    return Checked(cells=cells)


def _length(folder: Path) -> int:
    """Count the frames or steps of a run's traces; what is wrong with its record is said where it is checked."""
    try:
        name = task_name(read_unchecked(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    try:
        task = find_task(name)
    except ReplicationError:
        return 0
    traces = [read_trace_of(task, path) for path in sorted(folder.glob("*.trace"))]
    return sum(
        episode.total_frames if isinstance(episode, Episode) else episode.steps
        for trace in traces
        for episode in episodes_of(trace)
    )


def _played(total: Checked) -> str:
    """Write what was played again: frames of games, and steps of other tasks where there are any."""
    frames, steps = f"{total.frames:,} frames", f"{total.steps:,} steps"
    if not total.steps:
        return frames
    return f"{frames} and {steps}" if total.frames else steps


def _compare_text(path: Path, expected: bytes) -> int:
    try:
        found = path.read_bytes()
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); render it again") from None
    if found == expected:
        return 0
    lines = zip(found.splitlines(), expected.splitlines(), strict=False)
    number = next((i for i, (one, other) in enumerate(lines, start=1) if one != other), None)
    where = f"line {number}" if number else "its length"
    raise ReplicationError(f"{path}: {where}: not what the runs give; render it again, or look for who changed it")


def _summary(results: Path, total: Checked, bundles: CheckedBundles, experiments: Sequence[str]) -> str:
    lines = [
        f"{results}: {total.runs} runs verified: {total.episodes:,} episodes of {_played(total)} played again, "
        f"{total.cells:,} cells derived again",
        *([bundles.in_words()] if bundles.bundles else []),
        f"tables, figures and pages of {len(experiments)} experiments: {', '.join(experiments) or 'none'}",
    ]
    if total.underived:
        named = ", ".join(f"{number} {name}" for name, number in sorted(Counter(total.underived).items()))
        lines.append(f"not derived (their traces or weights stay with the state of training): {named}")
    return "\n".join(lines)
