"""The runs of a page: what was asked for, the departures, the clips, the provenance of each finished run."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from replication.analysis.finished import FinishedRun, FinishedRuns, marks_of
from replication.analysis.learning_curves import agent_title, full_budget_text
from replication.evidence.manifest import count_events, events_in_words, read_manifest
from replication.foundation.files import sha256
from replication.foundation.git import NOT_IN_A_COMMIT
from replication.specification.departures import SET, ChangedByHand
from replication.specification.experiments import Experiment
from replication.specification.families.facts import Evidence
from replication.specification.fidelity import deviations_in_force
from replication.specification.protocols import Deviation
from replication.specification.run import Run

_MOST_CLIPS = 8
_CLIPS_BYTES = 5_000_000
"""The most of all clips on a page together, as they are stored."""
SHOWN_DIGITS = 12
"""Digits of a digest or a commit."""
_SCORE_FILES = ("scores.csv", "iterations.csv", "training_curve.csv", "evaluations.csv")
"""Those that a score may be read from."""
EVIDENCE: dict[Evidence, str] = {
    "inputs": "what the simulator was given",
    "policy": "the learned policies",
    "learning": "settings and seeds",
}
"""What lies in a record for strangers to check, in a few words."""


def asked_for(experiment: Experiment, finished: Sequence[FinishedRun]) -> list[dict[str, str]]:
    """Return what was asked for, a row for each variant, protocol, preset and budget."""
    done = {found.run.key: found for found in finished}
    rows = []
    for group in groups(experiment):
        run = group[0]
        made = [done[other.key] for other in group if other.key in done]
        tasks = list(dict.fromkeys(other.task.title for other in group))
        rows.append(
            {
                "agent": f"{run.variant.title} ({run.variant.variant})",
                "tasks": ", ".join(tasks) if len(tasks) <= 6 else f"{len(tasks)} games",
                "seeds": _seeds(group),
                "budget": full_budget_text(run),
                "protocol": f"{run.protocol.title} ({run.protocol.protocol})",
                "preset": f"{run.preset.title} ({run.preset.preset})" if run.preset else "none",
                "scored": _scored(run),
                "finished": f"{_count(each.run for each in made)} of {_count(group)}{marks_of(made)}",
            }
        )
    return rows


def _count(runs: Iterable[Run]) -> int:
    return sum(run.stands_for for run in runs)


def _seeds(group: Sequence[Run]) -> str:
    """Return the seeds of runs, those of a bundle as a range."""
    bundles = dict.fromkeys(run.bundle for run in group if run.bundle is not None)
    alone = sorted({run.seed for run in group if run.bundle is None})
    return ", ".join([*(f"{bundle.first} to {bundle.last}" for bundle in bundles), *map(str, alone)])


def groups(experiment: Experiment) -> list[list[Run]]:
    """Group the runs that share variant, protocol, preset and budget."""
    found: dict[object, list[Run]] = {}
    for run in experiment.runs():
        preset = run.preset.preset if run.preset else None
        found.setdefault((run.variant.variant, run.protocol.protocol, preset, run.budget), []).append(run)
    return list(found.values())


def _scored(run: Run) -> str:
    """Return the quantity that is the score, in words."""
    final = run.protocol.final_evaluation
    if (kept := run.protocol.training_score) is not None:
        return f"mean return of the last {kept.episodes} training episodes"
    if run.protocol.evaluation_score is not None:
        periodic = run.protocol.periodic_evaluation
        return f"{periodic.num_episodes if periodic else 0} episodes of the evaluation where the run is judged"
    if (mean := run.protocol.solving) is not None and final is None:
        return f"highest mean of {mean.of_last} training episodes, of those after every {mean.shown_every}"
    if run.protocol.published_quantity == "training_episodes":
        return "what the protocol measures in training, the mean over episodes"
    if final is None:
        return "training returns of the last iteration"
    if not run.family.trains:
        return f"{final.num_episodes} episodes"
    learned = "policy" if run.family.evidence == "learning" else "network"  # that of a table is computed, not stored
    chosen = (
        f"best {learned} of the periodic evaluations"
        if final.network == "best"
        else f"{learned} at the end of training"
    )
    episodes = f"{final.num_episodes} episode{'s' * (final.num_episodes != 1)}"
    return f"{chosen}, {episodes} at epsilon {run.final_epsilon(final):g}"


def beside_scores(finished: Sequence[FinishedRun]) -> list[dict[str, str]]:
    """Return the evaluations that were played beside the training episodes that are scored, a row for each run."""
    rows = []
    for found in finished:
        if found.run.protocol.evaluation_beside_score is None or found.episodes is None:
            continue
        score, returns = found.record["score"], found.episodes["return"]
        rows.append(
            {
                "run": f"{record_name(found.run)}{marks_of([found])}",
                "score": "none" if score is None else f"{score:,.1f}",
                "mean": f"{returns.mean():,.1f}",
                "deviation": f"{returns.std(ddof=1):,.1f}" if len(returns) > 1 else "none",
                "episodes": f"{len(returns)}",
                "policy": getattr(found.run.settings, "evaluation_policy", None)
                or f"epsilon {found.run.final_epsilon(found.run.protocol.evaluation_beside_score):g}",
            }
        )
    return rows


def shown_deviations(finished: Sequence[FinishedRun]) -> list[tuple[Deviation, str]]:
    """Return every departure that a run recorded, and that was declared since, once, with the variants it concerns."""
    variants: dict[Deviation, dict[str, None]] = {}
    for found in one_a_record(finished):
        recorded = [_recorded(each) for each in found.record["deviations"]]
        known = {each.id for each in recorded}
        recorded += [each for each in deviations_in_force(found.run) if each.id not in known]
        for deviation in recorded:
            variants.setdefault(deviation, {})[found.run.variant.variant] = None
    return [(deviation, ", ".join(concerned)) for deviation, concerned in variants.items()]


def noted_runs(experiment: Experiment, finished: FinishedRuns) -> list[str]:
    """Write what the manifest says of an experiment's runs: counts of events, then each that failed or was dropped.

    Raises:
        ReplicationError: a damaged manifest.
    """
    entries = read_manifest(finished.results)
    if entries is None:
        return []
    digests = {run.record_digest for run in (*experiment.runs(), *(found.run for found in finished))}
    counted = events_in_words(count_events(entries, digests))
    lost = [entry for entry in entries if entry.digest in digests and entry.reason]
    return [counted or "none of these runs"] + [f"{entry.record}: {entry.event}, {entry.reason}" for entry in lost]


def _recorded(content: dict[str, Any]) -> Deviation:
    """Read a departure from a record; settings changed by hand may concern no row."""
    kind = ChangedByHand if content.get("id") == SET else Deviation
    return kind.model_validate_json(json.dumps(content))


def shown_clips(experiment: Experiment, finished: Sequence[FinishedRun]) -> tuple[list[tuple[str, str]], int]:
    """Read the clips of the first run of each agent and game, as many as a page may hold.

    Returns: words and data address of each clip, and how many were left out because the page would be too large.
    """
    runs = experiment.runs()
    first: dict[tuple[str, str], FinishedRun] = {}
    for found in finished:
        if (found.folder / "clip.webp").exists():
            first.setdefault((agent_title(found.run, runs), found.run.task.name), found)
    shown: list[tuple[str, str]] = []
    left = _CLIPS_BYTES
    for found in list(first.values())[:_MOST_CLIPS]:
        clip = (found.folder / "clip.webp").read_bytes()
        left -= len(clip)
        if left < 0:
            break
        words = f"{found.run.task.title}, {agent_title(found.run, runs)}, seed {found.run.seed}{marks_of([found])}"
        shown.append((words, f"data:image/webp;base64,{base64.b64encode(clip).decode()}"))
    return shown, len(first) - len(shown)


def one_a_record(finished: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Choose a run of each record; only the runs of a bundle share one."""
    found: dict[Path, FinishedRun] = {}
    for each in finished:
        found.setdefault(each.folder, each)
    return list(found.values())


def record_name(run: Run) -> str:
    """Return the name of a run's record: the run's own, or that of its bundle."""
    if run.bundle is None:
        return run.name
    return f"{run.variant.variant} {run.task.name} seeds {run.bundle.first} to {run.bundle.last}, {run.budget.in_words}"


def provenance(found: FinishedRun, results: Path) -> dict[str, Any]:
    """Return where the numbers of one record come from, and what they cost; its folder as an address in `results`."""
    record, origin = found.record, found.record["provenance"]
    evaluated = record.get("evaluated_network")
    machine = record.get("machine") or {}
    seconds = _seconds(found)
    not_scored = "scores.csv" if found.run.protocol.evaluation_beside_score else None
    file = next((name for name in _SCORE_FILES if name != not_scored and (found.folder / name).exists()), None)
    return {
        "run": f"{record_name(found.run)}{marks_of([found])}",
        "evidence": EVIDENCE[found.run.family.evidence],
        "digest": record["result_digest"][:SHOWN_DIGITS],
        "folder": quote(found.folder.relative_to(results).as_posix()),
        "commit": short_commit(origin["commit"]),
        "device": f"{machine.get('card', machine.get('device', 'unknown'))}, {origin['cores']} cores",
        "lanes": str(machine.get("lanes", "unknown")),
        "frames": f"{_frames(found):,}",
        "hours": "unknown" if seconds is None else hours(seconds),
        "network": f"{evaluated['network']}, step {evaluated['step']:,}" if evaluated else "none",
        "scores": "none" if file is None else f"{file} {sha256((found.folder / file).read_bytes())[:SHOWN_DIGITS]}",
    }


def cost(finished: Sequence[FinishedRun]) -> str:
    """Sum up what all finished runs took, in frames of training and hours; empty where no run is finished."""
    if not finished:
        return ""
    made = one_a_record(finished)
    known = [seconds for seconds in map(_seconds, made) if seconds is not None]
    unknown = f" (of {len(made) - len(known)} runs it is not known)" if len(known) < len(made) else ""
    frames = f", {sum(map(_frames, made)):,} frames of training" if any(map(_plays_frames, made)) else ""
    runs = _count(found.run for found in finished)
    return f"{runs:,} run{'s' if runs > 1 else ''}{frames}, {time_text(sum(known))}{unknown}"


def seconds_by_record(finished: Sequence[FinishedRun]) -> dict[Path, float]:
    """Return the seconds that each record says its training took, by the record's folder."""
    return {found.folder: seconds for found in one_a_record(finished) if (seconds := _seconds(found)) is not None}


def _plays_frames(found: FinishedRun) -> bool:
    return found.run.task.kind == "atari"


def hours(seconds: float) -> str:
    """Format seconds as hours without the unit, to three significant digits below a hundred."""
    return f"{seconds / 3600:,.0f}" if seconds >= 360_000 else f"{seconds / 3600:.3g}"


def time_text(seconds: float) -> str:
    """Format seconds, as hours from a minute on."""
    return f"{hours(seconds)} hours" if seconds >= 60.0 else f"{seconds:.3g} seconds"


def _seconds(found: FinishedRun) -> float | None:
    seconds = (found.record.get("cost") or {}).get("seconds")
    return None if seconds is None else float(seconds)


def _frames(found: FinishedRun) -> int:
    return int((found.record.get("counts") or {}).get("frames_nominal", 0))


def short_commit(commit: str | None) -> str:
    """Return the digits of a commit that are shown, and whether the tree was changed; or those of sources in none."""
    if commit is None:
        return "unknown"
    if commit.startswith(NOT_IN_A_COMMIT):
        return commit[: len(NOT_IN_A_COMMIT) + SHOWN_DIGITS]
    changed = " with uncommitted changes" if commit.endswith("-dirty") else ""
    return commit.removesuffix("-dirty")[:SHOWN_DIGITS] + changed


def commit_of_all(finished: Sequence[FinishedRun]) -> str | None:
    """Return the commit that all runs were made with; None where they were not, or that is none to be checked out."""
    commits = {str(found.record["provenance"]["commit"]) for found in finished}
    commit = commits.pop() if len(commits) == 1 else ""
    return commit if re.fullmatch("[0-9a-f]{7,64}", commit) else None


def versions(finished: Sequence[FinishedRun]) -> list[str]:
    """Return system, Python and packages, one line for each combination."""
    lines = set()
    for found in finished:
        origin = found.record["provenance"]
        packages = ", ".join(f"{name} {version}" for name, version in sorted(origin["packages"].items()))
        lines.add(f"{origin['system']}, Python {origin['python']}, {packages}")
    return sorted(lines)


def missing_runs(experiment: Experiment, finished: Sequence[FinishedRun]) -> list[str]:
    """Return the names of the runs that are not finished, those of a bundle as one."""
    done = {found.run.key for found in finished}
    return list(dict.fromkeys(record_name(run) for run in experiment.runs() if run.key not in done))
