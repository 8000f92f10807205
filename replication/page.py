"""The page of an experiment: one self-contained HTML file from its tables, its figures and the records of its runs.

It asks nothing of a network, and the same files give the same bytes.
"""

from __future__ import annotations

import base64
import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from replication.analysis.finished import FinishedRun, coverage, load_runs
from replication.analysis.verdicts import MARGIN_POINTS, MARGIN_SHARE
from replication.errors import ReplicationError
from replication.experiments import Experiment
from replication.files import sha256, write_atomically
from replication.games import find_game
from replication.jobs import run_arguments
from replication.page_fidelity import shown_fidelity
from replication.runs import Run
from replication.settings import Deviation

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_LARGEST_SVG_BYTES = 2_000_000
"""A larger drawing goes into the page as its PNG."""
_MOST_CLIPS = 8
_SHOWN_DIGITS = 12
_MARGIN = f"{MARGIN_POINTS:g} normalised points or {MARGIN_SHARE:.0%} of the published normalised score"
_VERDICTS = {
    "replicated": f"The whole interval of the difference lies within the margin: {_MARGIN}, whichever is larger.",
    "differs": "The whole interval of the difference lies outside the margin.",
    "inconclusive": "The interval reaches across the edge of the margin, or there is too little to make one.",
    "not run": "No run of this agent on this game is finished.",
    "no reference": "Nothing was published for this agent, protocol, game and number of frames.",
}
_NUMBER = re.compile(r"[-−+]?[\d,]+(\.\d+)?( ?%)?( to [-−+]?[\d,]+(\.\d+)?)?|missing|\d+ of \d+")


@dataclass(frozen=True)
class ShownTable:
    """A table as its files hold it."""

    name: str
    caption: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class ShownFigure:
    """A figure as its files hold it; `source` is the drawing itself, as a data address."""

    name: str
    source: str
    alternative: str
    caption: str
    width: int
    """In CSS pixels, 96 an inch."""
    height: int


@dataclass(frozen=True)
class ShownVerdict:
    """How many rows of the score table have this verdict, what it means, and why so, most frequent reason first.

    A reason that is a difference with its interval stands in the table; here it would be one of many.
    """

    word: str
    rows: int
    meaning: str
    reasons: list[tuple[str, int]]


def write_page(experiment: Experiment, results: Path) -> Path:
    """Write results/EXPERIMENT/index.html.

    Returns: the file.
    Raises:
        ReplicationError: a table or figure of the experiment is not there yet; a damaged run file.
    """
    path = results / experiment.experiment / "index.html"
    write_atomically(path, page_html(experiment, results).encode())
    return path


def page_html(experiment: Experiment, results: Path) -> str:
    """The page's text.

    Raises:
        ReplicationError: a table or figure of the experiment is not there yet; a damaged run file.
    """
    finished = load_runs(experiment, results)
    folder = results / experiment.experiment
    tables = [_table(experiment, folder, name) for name in experiment.tables]
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["number"] = lambda cell: _NUMBER.fullmatch(cell) is not None
    return environment.get_template("page.html").render(
        experiment=experiment,
        coverage=str(coverage(experiment, finished)),
        complete=len(finished) == len(experiment.runs()),
        verdicts=[verdict for table in tables for verdict in verdicts(table)],
        above_random=next(filter(None, map(above_random, tables)), ""),
        tables=tables,
        figures=[_figure(experiment, folder, name) for name in experiment.figures],
        clips=_clips(finished),
        settings=_settings(experiment, finished),
        deviations=_deviations(finished),
        fidelity=shown_fidelity(_groups(experiment)),
        provenance=[_provenance(found) for found in finished],
        versions=_versions(finished),
        missing=_missing(experiment, finished),
        commits=sorted({str(found.record["provenance"]["commit"] or "unknown") for found in finished}),
        commands=_commands(experiment),
    )


def verdicts(table: ShownTable) -> list[ShownVerdict]:
    """The verdicts of a table that has such a column, in the order of `_VERDICTS`; those no row has are left out."""
    if "verdict" not in table.columns:
        return []
    given = _column(table, "verdict")
    reasons = _column(table, "reason") if "reason" in table.columns else [""] * len(given)
    counted = []
    for word, meaning in _VERDICTS.items():
        why = Counter(
            reason
            for other, reason in zip(given, reasons, strict=True)
            if other == word and reason and not reason.startswith("difference ")
        )
        if word in given:
            counted.append(ShownVerdict(word, given.count(word), meaning, why.most_common()))
    return counted


def above_random(table: ShownTable) -> str:
    """One sentence on the agents whose interval lies above the random agent's; empty where the table does not say."""
    if "above random" not in table.columns:
        return ""
    said = [cell for cell in _column(table, "above random") if cell not in {"", "not comparable"}]
    if set(said) <= {"unknown"}:
        return ""
    unknown = f"; {said.count('unknown')} cannot be told yet" if "unknown" in said else ""
    cases = f"{said.count('yes')} of {len(said)} cases{unknown}"
    return f"A trained agent's interval lies wholly above the random agent's in {cases}."


def _column(table: ShownTable, name: str) -> list[str]:
    place = table.columns.index(name)
    return [row[place] for row in table.rows]


def _table(experiment: Experiment, folder: Path, name: str) -> ShownTable:
    text = _read(folder / "tables" / f"{name}.csv", experiment, "table", name).decode()
    markdown = _read(folder / "tables" / f"{name}.md", experiment, "table", name).decode()
    # The caption is what stands before the table.
    caption = markdown.split("\n|", 1)[0].removeprefix("|").strip()
    header, *rows = csv.reader(text.splitlines())
    return ShownTable(name, caption, header, rows)


def _figure(experiment: Experiment, folder: Path, name: str) -> ShownFigure:
    caption = _read(folder / "figures" / f"{name}.txt", experiment, "figure", name).decode().strip()
    drawing, kind = _read(folder / "figures" / f"{name}.svg", experiment, "figure", name), "svg+xml"
    size = re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt"', drawing)
    if size is None:
        raise ReplicationError(f"{folder / 'figures' / name}.svg: found no size in points; render the figure again")
    width, height = (round(float(points) * 96 / 72) for points in size.groups())
    if len(drawing) > _LARGEST_SVG_BYTES:
        drawing, kind = _read(folder / "figures" / f"{name}.png", experiment, "figure", name), "png"
    first_sentence = re.split(r"(?<=\.) ", caption, maxsplit=1)[0]
    alternative = f"{first_sentence} Every number drawn is in figures/{name}.csv."
    # As an image of its own, so that names inside one drawing never meet those of another.
    source = f"data:image/{kind};base64,{base64.b64encode(drawing).decode()}"
    return ShownFigure(name, source, alternative, caption, width, height)


def _read(path: Path, experiment: Experiment, kind: str, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        command = f"python -m replication render {kind} {experiment.experiment} {name}"
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); make it with `{command}`") from None


def _settings(experiment: Experiment, finished: Sequence[FinishedRun]) -> list[dict[str, str]]:
    """What was asked for, a row for each variant, protocol, preset and budget."""
    done = {found.run.result_digest for found in finished}
    rows = []
    for group in _groups(experiment):
        run = group[0]
        games = list(dict.fromkeys(find_game(other.game).title for other in group))
        rows.append(
            {
                "agent": f"{run.variant.title} ({run.variant.variant})",
                "games": ", ".join(games) if len(games) <= 6 else f"{len(games)} games",
                "seeds": ", ".join(str(seed) for seed in sorted({other.seed for other in group})),
                "budget": _budget(run),
                "protocol": f"{run.protocol.title} ({run.protocol.protocol})",
                "preset": f"{run.preset.title} ({run.preset.preset})" if run.preset else "none",
                "scored": _scored(run),
                "finished": f"{sum(other.result_digest in done for other in group)} of {len(group)}",
            }
        )
    return rows


def _groups(experiment: Experiment) -> list[list[Run]]:
    groups: dict[object, list[Run]] = {}
    for run in experiment.runs():
        preset = run.preset.preset if run.preset else None
        groups.setdefault((run.variant.variant, run.protocol.protocol, preset, run.budget), []).append(run)
    return list(groups.values())


def _budget(run: Run) -> str:
    if run.budget.iterations:
        return f"{run.budget.iterations:,} iterations of at least {run.protocol.iteration_steps:,} steps"
    if run.budget.steps:
        return f"{run.budget.steps * run.protocol.training.frame_skip:,} frames"
    return "no training"


def _scored(run: Run) -> str:
    """The quantity that is the score."""
    final = run.protocol.final_evaluation
    if final is None:
        return "training returns of the last iteration"
    if run.variant.family == "untrained":
        return f"{final.num_episodes} episodes"
    network = (
        "best network of the periodic evaluations" if final.network == "best" else "network at the end of training"
    )
    return f"{network}, {final.num_episodes} episodes at epsilon {run.final_epsilon(final):g}"


def _deviations(finished: Sequence[FinishedRun]) -> list[tuple[Deviation, str]]:
    """Every departure that a run recorded, once, with the variants it concerns."""
    variants: dict[Deviation, dict[str, None]] = {}
    for found in finished:
        for recorded in found.record["deviations"]:
            variants.setdefault(Deviation.model_validate_json(json.dumps(recorded)), {})[found.run.variant.variant] = (
                None
            )
    return [(deviation, ", ".join(concerned)) for deviation, concerned in variants.items()]


def _clips(finished: Sequence[FinishedRun]) -> list[tuple[str, str]]:
    """Words and data address of the clips of the first run of each agent and game, a few of them."""
    first: dict[tuple[str, str], FinishedRun] = {}
    for found in finished:
        if (found.folder / "clip.webp").exists():
            first.setdefault((found.run.variant.variant, found.run.game), found)
    shown = []
    for found in list(first.values())[:_MOST_CLIPS]:
        words = f"{find_game(found.run.game).title}, {found.run.variant.title}, seed {found.run.seed}"
        content = base64.b64encode((found.folder / "clip.webp").read_bytes()).decode()
        shown.append((words, f"data:image/webp;base64,{content}"))
    return shown


def _provenance(found: FinishedRun) -> dict[str, Any]:
    record, origin = found.record, found.record["provenance"]
    evaluated = record.get("evaluated_network")
    machine = record.get("machine") or {}
    seconds = (record.get("cost") or {}).get("seconds")
    file = next((name for name in ("scores.csv", "iterations.csv") if (found.folder / name).exists()), None)
    return {
        "run": found.run.name,
        "digest": record["result_digest"][:_SHOWN_DIGITS],
        "commit": _short_commit(origin["commit"]),
        "device": f"{machine.get('device', 'unknown')}, {origin['cores']} cores",
        "lanes": str(machine.get("lanes", "unknown")),
        "frames": f"{(record.get('counts') or {}).get('frames_nominal', 0):,}",
        "seconds": "unknown" if seconds is None else f"{seconds:,.0f}",
        "network": f"{evaluated['network']}, step {evaluated['step']:,}" if evaluated else "none",
        "scores": "none" if file is None else f"{file} {sha256((found.folder / file).read_bytes())[:_SHOWN_DIGITS]}",
    }


def _short_commit(commit: str | None) -> str:
    if commit is None:
        return "unknown"
    changed = " with uncommitted changes" if commit.endswith("-dirty") else ""
    return commit.removesuffix("-dirty")[:_SHOWN_DIGITS] + changed


def _versions(finished: Sequence[FinishedRun]) -> list[str]:
    """System, Python and packages, one line for each combination."""
    lines = set()
    for found in finished:
        origin = found.record["provenance"]
        packages = ", ".join(f"{name} {version}" for name, version in sorted(origin["packages"].items()))
        lines.add(f"{origin['system']}, Python {origin['python']}, {packages}")
    return sorted(lines)


def _missing(experiment: Experiment, finished: Sequence[FinishedRun]) -> list[str]:
    done = {found.run.result_digest for found in finished}
    return [run.name for run in experiment.runs() if run.result_digest not in done]


def _commands(experiment: Experiment) -> list[tuple[str, str]]:
    """What to type, and what it does."""
    name = experiment.experiment
    groups = [run_arguments(group, Path("results")) for group in _groups(experiment)]
    return [
        ("make venv && . .venv/bin/activate", "Build the environment from the lock."),
        (f"python -m replication run {name} -n", "Print what is missing and what it costs."),
        (
            f"python -m replication run {name}",
            "Train and evaluate what is missing, then make tables, figures and page.",
        ),
        *((f"python -m replication train {arguments}", "Only these runs.") for arguments in groups),
        (f"python -m replication render page {name}", "Only this page, from the files that are there."),
        (
            "python -m replication verify results",
            "Play every stored episode again, without weights, and derive every score, table and verdict from them. "
            "The first difference is named.",
        ),
    ]
