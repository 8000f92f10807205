"""Sentences that set the recipe of a published number beside ours: which episodes, of which network, how averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from replication.analysis.own_recipes import own_recipe, recipe_differences
from replication.published.aggregates import half_unit
from replication.published.judges import find_judge
from replication.published.layouts import scores_by_game
from replication.published.loader import published_table
from replication.published.recipes import AS_IN_TRAINING, FIELDS, IN_ITS_ROWS, NOT_STATED, UNKNOWN, Recipe, find_recipe
from replication.specification.experiments import Experiment
from replication.specification.run import Run

_SILENT = (NOT_STATED, UNKNOWN)
_ASKED = {
    "episodes": "which episodes",
    "network": "which network",
    "window": "how many episodes",
    "policy": "which policy",
    "statistic": "which statistic of a run",
    "over_runs": "which statistic over runs",
    "runs": "how many runs",
}
"""What a field answers."""
_STATISTICS = {
    "mean": "the mean of",
    "highest mean of each run": "the highest mean that a run has in",
    "highest mean over runs": "the highest point of the mean over runs in",
    "mean of evaluations": "the mean of",
    "moving mean": "a moving mean of",
    "share": "the share of successes in",
}
_RUNS = {"curves": "runs", "curves by step": "n"}
"""The column with the number of runs, by layout of a table of curves."""
_NETWORKS = {
    "best": "of the best network of training, played anew",
    "final": "of the network at the end of training",
    "no training": "of an agent that does not train",
}


def recipe_sentences(experiment: Experiment) -> list[str]:
    """Say of each agent with a published number how that was made, how ours is, and in what the two differ.

    Agents whose recipes are alike share a sentence. What a publication does not state, and what nobody found, is named.
    """
    published = experiment.published
    if published is None:
        return []
    by_variant: dict[str, list[Run]] = {}
    for run in experiment.runs():
        by_variant.setdefault(run.variant.variant, []).append(run)
    names: dict[tuple[Recipe, Recipe], dict[str, None]] = {}
    counts: dict[tuple[Recipe, Recipe], set[int]] = {}
    for variant, runs in by_variant.items():
        name = published.agents.get(variant, "") if published.agents else published.algorithm
        if name:
            by_task = [sum(run.task == task for run in runs) for task in {run.task for run in runs}]
            ours = own_recipe(runs[0], max(by_task), find_judge(published.source).layout)
            alike = (_of_source(published.source, name), replace(ours, over_runs="mean", runs=""))
            names.setdefault(alike, {})[name] = None
            counts.setdefault(alike, set()).update(by_task if runs[0].family.trains else ())
    return [_sentence("; ".join(found), *pair, _range(counts[pair])) for pair, found in names.items()]


def _of_source(source: str, agent: str) -> Recipe:
    """Find a recipe, with the number of runs and the digits that the agent's own rows have."""
    recipe = find_recipe(source, agent)
    scores = [row for row in scores_by_game(source) if row.algorithm == agent]
    if recipe.exactness == "printed" and scores:
        recipe = replace(recipe, exactness=f"printed to {2 * half_unit(row.score for row in scores):g}")
    if recipe.runs != IN_ITS_ROWS:
        return recipe
    table = published_table(source)
    column = _RUNS.get(find_judge(source).layout)
    counts = set(table.loc[table["agent"] == agent, column]) if column else {row.runs for row in scores}
    return replace(recipe, runs=_range({int(count) for count in counts if count is not None}))


def _sentence(names: str, published: Recipe, ours: Recipe, our_runs: str) -> str:
    theirs = ", ".join(filter(None, [_how(published), _runs(published.over_runs, published.runs)]))
    own = ", ".join(filter(None, [_how(ours), _runs("mean", our_runs)]))
    asked = [("not stated", published.without(NOT_STATED)), ("not known", published.without(UNKNOWN))]
    missing = [f"{word}: {_listed(_questions(fields))}" for word, fields in asked if fields and fields != FIELDS]
    word = ["its recipe by the word of others"] if published.second_hand else []
    read = "; ".join([published.read_from, published.exactness, *word, *missing])
    differ = [_ASKED[field] for field in recipe_differences(published, ours)]
    return f"Published ({names}): {theirs} ({read}). Ours: {own}." + (
        f" The two differ in {_listed(differ)}." if differ else ""
    )


def _questions(fields: Sequence[str]) -> list[str]:
    """Return what fields answer; where the number of runs is missing, how they are averaged goes without saying."""
    return [_ASKED[field] for field in fields if field != "over_runs" or "runs" not in fields]


def _how(recipe: Recipe) -> str:
    """Write how the number of a run is made, as far as it is known."""
    said = {field: "" if getattr(recipe, field) in _SILENT else str(getattr(recipe, field)) for field in FIELDS}
    if not said["episodes"] and not said["network"]:
        return "how is not known"
    statistic, window = _STATISTICS.get(said["statistic"], "a number of"), said["window"]
    policy = "" if said["policy"] == AS_IN_TRAINING else said["policy"]
    if said["network"] == "in training":
        what = "training episodes" if said["episodes"] == "training" else "the evaluations during training"
        parts = [f"{statistic} {what}" + (f" ({window})" if window else ""), policy]
    else:
        network = _NETWORKS.get(said["network"], "of a trained network")
        what = f"trials {network}" if said["episodes"] == "trials" else f"{window or 'episodes'} {network}"
        parts = [f"{statistic} {what}", policy]
    return ", ".join(filter(None, parts))


def _runs(over_runs: str, runs: str) -> str:
    """Say of how many runs a number is; empty where that is not known, or nothing trains."""
    if not runs[:1].isdigit():
        return ""
    return "one run" if runs == "1" else f"{over_runs} of {runs} runs"


def _range(counts: set[int]) -> str:
    """Write a number, or the least and the greatest of several; none: empty."""
    return " to ".join(dict.fromkeys(str(n) for n in (min(counts), max(counts)))) if counts else ""


def _listed(words: Sequence[str]) -> str:
    """Write words with commas and a last `and`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
