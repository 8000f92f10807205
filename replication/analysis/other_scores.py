"""Scores of other programs beside ours, imported from files or judged here by our protocol.

We know nothing of how their agents were trained: they have none of our provenance.

An experiment names them under `others:`. NAME stands for results/imported/NAME.csv, for results/judged/NAME (what
`python -m replication judge --name NAME` left), or for both. The file has a row a run:

    column      content
    algorithm   as its rows are to be called; one that is the published source's name of an agent is judged beside it
    game        ROM name, such as ms_pacman
    seed        of the run, a whole number
    frames      emulator frames of training (60 a second), a whole number
    protocol    a protocol of ours whose rules the score was measured by
    score       mean raw return of the run, as that protocol scores
    source      where the number comes from: a paper and its table, an address
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from replication.analysis.cells import Cell
from replication.analysis.intervals import LEVEL, estimate, interval
from replication.analysis.judged_cells import JudgedTable, judge_other
from replication.analysis.judged_differences import judged_difference
from replication.evidence import records
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.published.references import ReferenceSet, normalized_score, reference_set
from replication.published.tables import Column, Schema, read_table
from replication.specification.experiments import Experiment
from replication.specification.loading import known_names
from replication.specification.tasks.atari_games import ATARI57, find_game

IMPORTED, JUDGED = "(imported)", "(judged here)"
MARKS = (IMPORTED, JUDGED)
"""Endings of the names of their agents, wherever they are shown."""

SCHEMA = Schema(
    {
        "algorithm": Column(),
        "game": Column(accepted=ATARI57),
        "seed": Column("count"),
        "frames": Column("count"),
        "protocol": Column(accepted=tuple(known_names("protocols"))),
        "score": Column("number"),
        "source": Column(),
    },
    key=("algorithm", "game", "seed", "frames", "protocol"),
)


@dataclass(frozen=True)
class OtherScore:
    """The score of one run of another program."""

    agent: str
    """Its name, with the mark."""
    game: str
    seed: int
    frames: int | None
    """Emulator frames of training; None where only the policy is known."""
    protocol: str
    preset: str | None
    score: float
    origin: str
    """The source of the score, in words."""
    episode_returns: tuple[float, ...] = ()
    """Those of a policy that was judged here; empty for an imported score."""


def with_others(
    rows: Sequence[Mapping[str, Any]], experiment: Experiment, results: Path, table: JudgedTable
) -> list[dict[str, Any]]:
    """Add the rows of other programs to the score table, after ours, game by game.

    A program's agent that has the published source's own name of an agent is judged as ours are, where the source has
    its number at the same protocol and frames; these comparisons share the error with ours, whose words stay.

    Args:
        rows: ours, all of the same columns.
        experiment: whose `others` they are.
        results: root of the results.
        table: our own cells.

    Raises:
        ReplicationError: what it names is not there or is damaged.
    """
    shown = comparable(load_others(experiment, results), experiment)
    groups: dict[tuple[str, ...], list[OtherScore]] = {}
    for other in shown:
        key = (other.game, other.agent, str(other.frames), other.origin, other.protocol, other.preset or "")
        groups.setdefault(key, []).append(other)
    added = [
        _row(group, shown, reference_set(experiment.reference_set)) | _judgement(group, experiment, table, len(groups))
        for _, group in sorted(groups.items())
    ]
    order = {row["game"]: place for place, row in reversed(list(enumerate(rows)))}
    ours = [dict(row) for row in rows]
    filled = [{column: row.get(column) for column in rows[0]} for row in added]
    return sorted([*ours, *filled], key=lambda row: order[row["game"]])


def _judgement(group: Sequence[OtherScore], experiment: Experiment, table: JudgedTable, others: int) -> dict[str, Any]:
    """Return what is judged of another program's agent, by column; nothing where no number of it was published."""
    other = group[0]
    like = next((one.cell for one in table.cells if _is_like(one.cell, other)), None)
    if like is None:
        return {}
    found = judge_other([one.score for one in group], like, _plain_name(other.agent), experiment, table, others)
    if found is None:
        return {}
    published, floor, verdict = found
    return {
        "published": published.score,
        "published_runs": published.runs,
        "floor": floor.score,
        "floor_error": floor.error,
        "floor_of": floor.name,
        "floor_other_protocol": floor.other_protocol,
        **{name: getattr(verdict, name) for name in _OF_A_VERDICT},
        **judged_difference(verdict, published.score - floor.score).by_column(),
        "verdict": verdict.word,
        "reason": f"{other.origin}: {verdict.reason}",
    }


_OF_A_VERDICT = (
    *("share", "share_low", "share_high", "share_low_wide", "share_high_wide"),
    *("difference", "difference_low", "difference_high", "more_seeds_can_decide", "stand_in"),
)


def _is_like(cell: Cell, other: OtherScore) -> bool:
    """Return whether a score was measured as a cell of ours is: task, protocol, preset and frames of training."""
    run = cell.run
    preset = run.preset.preset if run.preset else None
    same = (run.task.name, run.protocol.protocol, preset) == (other.game, other.protocol, other.preset)
    return same and cell.trains and run.training_frames == other.frames


def _plain_name(agent: str) -> str:
    """Return an agent's name without the mark of another program."""
    return next(agent.removesuffix(mark).rstrip() for mark in MARKS if agent.endswith(mark))


def _told_apart(other: OtherScore, shown: Sequence[OtherScore]) -> str:
    """Return the name of an agent, with protocol and preset where its scores shown are of several."""
    same = [each for each in shown if each.agent == other.agent]
    parts = [f"protocol {other.protocol}"] * (len({each.protocol for each in same}) > 1)
    if len({each.preset for each in same}) > 1:
        parts.append(f"preset {other.preset}" if other.preset else "no preset")
    name = _plain_name(other.agent)
    return f"{', '.join([name, *parts])}{other.agent.removeprefix(name)}"


def others_caption(experiment: Experiment, results: Path) -> str:
    """Write what a caption says of other programs, with a blank before it; empty where the experiment names none."""
    if not experiment.others:
        return ""
    found = load_others(experiment, results)
    left_out = len(found) - len(comparable(found, experiment))
    rest = f" {left_out} of other games or protocols are left out." if left_out else ""
    return (
        f" Rows marked {IMPORTED} are scores of others, taken from a file and not derived here; rows marked {JUDGED} "
        f"are policies of others played here by the same protocol, whose training is not known here. One that bears "
        f"the source's own name of an agent is judged beside its number.{rest}"
    )


def others_in_words(experiment: Experiment, results: Path) -> list[str]:
    """Say where the scores of other programs come from: a line for each file or policy."""
    lines = []
    for name in experiment.others:
        path, found = results / "imported" / f"{name}.csv", load_other(name, results)
        imported = [other for other in found if other.agent.endswith(IMPORTED)]
        if imported:
            origins = "; ".join(dict.fromkeys(other.origin for other in imported))
            digest = sha256(path.read_bytes())[:12]
            lines.append(f"imported/{path.name} (SHA-256 {digest}): {len(imported)} scores, {origins}")
        lines += [
            f"{other.agent}, {find_game(other.game).title}, seed {other.seed}: {other.origin}"
            for other in found
            if other.agent.endswith(JUDGED)
        ]
    return lines


def load_others(experiment: Experiment, results: Path) -> list[OtherScore]:
    """Load every score that an experiment's `others` hold, of whatever game and protocol.

    Raises:
        ReplicationError: what it names is not there or is damaged.
    """
    return [other for name in experiment.others for other in load_other(name, results)]


def load_other(name: str, results: Path) -> list[OtherScore]:
    """Load the scores of one file, of one judged policy, or of both where both have the name.

    Raises:
        ReplicationError: neither is there; a cell breaks the schema; a judged run is damaged.
    """
    path, folder = results / "imported" / f"{name}.csv", results / "judged" / name
    if not path.exists() and not folder.is_dir():
        raise ReplicationError(
            f"others: {name}: found neither {path} nor {folder}; put a file there, or `python -m replication judge "
            f"--name {name}`"
        )
    judged = sorted(record.parent for record in folder.glob("*/seed*/*/run.json"))
    return [*(_imported(path) if path.exists() else ()), *map(_judged, judged)]


def comparable(others: Iterable[OtherScore], experiment: Experiment) -> list[OtherScore]:
    """Return the scores of games and protocols that the experiment runs."""
    ours = {
        (run.task.name, run.protocol.protocol, run.preset.preset if run.preset else None) for run in experiment.runs()
    }
    return [other for other in others if (other.game, other.protocol, other.preset) in ours]


def _imported(path: Path) -> list[OtherScore]:
    table = read_table(path, SCHEMA)
    return [
        OtherScore(
            agent=f"{row['algorithm']} {IMPORTED}",
            game=str(row["game"]),
            seed=int(row["seed"]),
            frames=int(row["frames"]),
            protocol=str(row["protocol"]),
            preset=None,
            score=float(row["score"]),
            origin=f"imported, source: {row['source']}",
        )
        for row in table.to_dict("records")
    ]


def _judged(folder: Path) -> OtherScore:
    record = records.read(folder)
    final, pipeline = record["protocol_settings"]["final_evaluation"], record["config"]["frame_pipeline"]
    episodes = csv.DictReader(io.StringIO((folder / "scores.csv").read_text(encoding="utf-8")))
    return OtherScore(
        agent=f"{record['variant']} {JUDGED}",
        game=record["game"],
        seed=record["seed"],
        frames=None,
        protocol=record["protocol"],
        preset=record["preset"],
        score=record["score"],
        origin=f"judged here: {final['num_episodes']} episodes at epsilon {final['epsilon']:g}, {pipeline} frames",
        episode_returns=tuple(float(row["return"]) for row in episodes),
    )


def _row(group: Sequence[OtherScore], shown: Sequence[OtherScore], references: ReferenceSet) -> dict[str, Any]:
    other, scores = group[0], [other.score for other in group]
    mean = float(np.mean(scores))
    over_seeds = len(group) > 1
    spread = estimate(scores if over_seeds else other.episode_returns)
    low, high = interval(spread, LEVEL) if spread else (None, None)
    return {
        "game": find_game(other.game).title,
        "agent": _told_apart(other, shown),
        "frames": other.frames,
        "seeds_finished": len(group),
        "seeds_planned": len(group),
        "score": mean,
        "score_low": low,
        "score_high": high,
        "interval_over": ("seeds" if over_seeds else "episodes") if spread else "",
        "normalized": normalized_score(mean, other.game, references),
        "random": references.random[other.game],
        "human": references.human[other.game],
        "verdict": "no reference",
        "reason": other.origin,
    }
