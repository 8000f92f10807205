"""The tables and the figure of a control experiment: successful trials by number of training episodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.intervals import family_level
from replication.analysis.proportions import newcombe_difference, wilson_interval
from replication.analysis.verdicts import LEVEL, MARGIN_POINTS, MARGIN_SHARE, margin_points, verdict_word
from replication.evidence.control_files import FIGURES, TABLES
from replication.evidence.control_records import REPETITIONS, read_variant
from replication.foundation.errors import unknown_name
from replication.published.loader import published_table
from replication.report.figures.figure import AGENT_COLOURS, PUBLISHED_COLOUR, FigureResult, house_style
from replication.report.pages.summary import Verdicts
from replication.report.tables.table import Table
from replication.specification.control_experiments import ControlExperiment


def finished_variants(experiment: ControlExperiment, results: Path) -> dict[str, pd.DataFrame]:
    """repetitions.csv of every finished variant, in the order of the YAML.

    Raises:
        ReplicationError: a damaged file.
    """
    return {
        variant: pd.read_csv(experiment.folder(variant, results) / REPETITIONS)
        for variant in experiment.variants
        if read_variant(experiment, variant, results) is not None
    }


def coverage(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> str:
    """How many repetitions of how many there are."""
    of_each = len(experiment.training_episodes) * experiment.repetitions
    return f"{len(finished) * of_each:,} of {len(experiment.variants) * of_each:,} repetitions"


def shown_control(experiment: ControlExperiment, results: Path) -> dict[str, object]:
    """What the list of results says of a control experiment with a page, by the names of its template.

    Raises:
        ReplicationError: a damaged file.
    """
    table = pd.read_csv(results / experiment.experiment / "tables" / "table1.csv")
    main = next(iter(experiment.variants))
    counted = table["verdict"].value_counts().to_dict()
    judged = []
    for word in ("replicated", "differs", "inconclusive"):
        if counted.get(word):
            episodes = table.loc[table["verdict"] == word, "training episodes"]
            judged.append(Verdicts(f"{main}, by random episodes", word, tuple(map(str, episodes))))
    findings = [
        {
            "games": [f"{number} random episodes" for number in finding.training_episodes],
            "what": finding.what,
            "checked": finding.checked,
        }
        for finding in experiment.findings
    ]
    return {
        "name": experiment.experiment,
        "title": experiment.title,
        "coverage": coverage(experiment, finished_variants(experiment, results)),
        "verdicts": ", ".join(f"{number} {word}" for word, number in sorted(counted.items())),
        "judged": judged,
        "findings": findings,
    }


def build_table(experiment: ControlExperiment, name: str, results: Path) -> Table:
    """One of `TABLES`.

    Raises:
        ReplicationError: no such table; a damaged file.
    """
    if name not in TABLES:
        raise unknown_name("table", name, TABLES)
    finished = finished_variants(experiment, results)
    return _table1(experiment, finished) if name == "table1" else _variants(experiment, finished)


def build_figure(experiment: ControlExperiment, name: str, results: Path) -> FigureResult:
    """One of `FIGURES`.

    Raises:
        ReplicationError: no such figure; a damaged file.
    """
    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    finished = finished_variants(experiment, results)
    data = _shares(experiment, finished)
    with house_style():
        figure = _draw(data)
    return FigureResult(name, figure, data, _figure_caption(experiment, finished))


# ---------------------------------------------------------------- tables


def _table1(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> Table:
    """Our main variant beside the published numbers, with a verdict a row."""
    main = next(iter(experiment.variants))
    printed = _printed(experiment)
    level = family_level(LEVEL, len(experiment.training_episodes))
    rows = []
    for episodes in experiment.training_episodes:
        successes, trials = printed[episodes]
        row = {"training episodes": f"{episodes}", "published": f"{successes}/{trials}"}
        ours = _rows_of(finished.get(main), episodes)
        if ours is None:
            row |= dict.fromkeys(("ours", "transitions", "least balanced, s", "difference, points"), "missing")
            rows.append(row | {"interval": "missing", "margin": "missing", "verdict": "not run"})
            continue
        found = int((ours["successful"] == "yes").sum())
        apart, low, high = (100.0 * share for share in newcombe_difference(found, len(ours), successes, trials, level))
        margin = margin_points(100.0 * successes / trials)
        cycle_s = experiment.method.plant.cycle_s
        rows.append(
            row
            | {
                "ours": f"{found}/{len(ours)}",
                "transitions": f"{ours['transitions'].mean():,.0f}",
                "least balanced, s": f"{cycle_s * ours['least_balanced_cycles'].min():.1f}",
                "difference, points": f"{apart:+z.0f}",
                "interval": f"{low:+z.1f} to {high:+z.1f}",
                "margin": f"{margin:.1f}",
                "verdict": verdict_word(low, high, margin),
            }
        )
    caption = (
        f"Successful trials of neural fitted Q iteration on the pole balancing task, ours beside the published. "
        f"{coverage(experiment, finished)} finished. After {experiment.paper}, Table 1. Ours: variant {main} "
        f"({experiment.variants[main].title}), {experiment.repetitions} trials a row, each with its own random "
        f"episodes and initial weights. {_success(experiment)} Transitions: mean of a trial. Least balanced: of all "
        "test episodes of all trials of the row. Difference: ours minus published, in points of a hundred trials, with "
        f"Newcombe's hybrid score interval, at a level that holds for all {len(rows)} rows together at {LEVEL:.0%}. "
        f"Margin: {MARGIN_POINTS:g} points or {MARGIN_SHARE:.0%} of the published share, whichever is "
        "larger; the interval inside it: replicated; wholly outside: differs; else inconclusive. What the paper leaves "
        "open is listed with the choices made here, which the table of variants changes one by one."
    )
    return Table("table1", pd.DataFrame(rows), caption, (("ours", "published"),), experiment=experiment.experiment)


def _variants(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> Table:
    """How much the open choices matter: a column a variant."""
    printed = _printed(experiment)
    rows = []
    for episodes in experiment.training_episodes:
        row = {"training episodes": f"{episodes}", "published": "{}/{}".format(*printed[episodes])}
        for variant in experiment.variants:
            ours = _rows_of(finished.get(variant), episodes)
            row[variant] = (
                "missing"
                if ours is None
                else f"{int((ours['successful'] == 'yes').sum())}/{len(ours)} ({ours['transitions'].mean():,.0f})"
            )
        rows.append(row)
    meanings = "; ".join(f"{name}: {variant.title}" for name, variant in experiment.variants.items())
    caption = (
        "Successful trials under the choices that the paper leaves open, with the mean number of transitions of a "
        f"trial in parentheses. {coverage(experiment, finished)} finished. {meanings}. {_success(experiment)} Variants "
        "with the same plant learn from the same transitions and meet the same tests. Verdicts are given on the first "
        "alone."
    )
    return Table("variants", pd.DataFrame(rows), caption, experiment=experiment.experiment)


def _success(experiment: ControlExperiment) -> str:
    test, cycle_s = experiment.method.test, experiment.method.plant.cycle_s
    return (
        f"A trial is successful where its controller balances all of {test.episodes:,} test episodes for "
        f"{test.cycles * cycle_s:g} s ({test.cycles:,} cycles)."
    )


def _printed(experiment: ControlExperiment) -> dict[int, tuple[int, int]]:
    """Successful trials and trials, by training episodes."""
    table = published_table(experiment.published)
    return {
        int(row["training_episodes"]): (int(row["successful"]), int(row["trials"])) for row in table.to_dict("records")
    }


def _rows_of(found: pd.DataFrame | None, episodes: int) -> pd.DataFrame | None:
    return None if found is None else found[found["training_episodes"] == episodes]


# ---------------------------------------------------------------- the figure

_PUBLISHED = "published"


def _shares(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every number drawn: a row a series and number of training episodes, shares in percent with 95 % intervals."""
    counts = [(_PUBLISHED, episodes, *counted) for episodes, counted in _printed(experiment).items()]
    for variant, found in finished.items():
        for episodes in experiment.training_episodes:
            ours = _rows_of(found, episodes)
            assert ours is not None
            counts.append((variant, episodes, int((ours["successful"] == "yes").sum()), len(ours)))
    rows = []
    for series, episodes, successes, trials in counts:
        low, high = (100.0 * share for share in wilson_interval(successes, trials, LEVEL))
        rows.append((series, episodes, successes, trials, 100.0 * successes / trials, low, high))
    columns = ["series", "training_episodes", "successful", "trials", "percent", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _draw(data: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    series = list(dict.fromkeys(data["series"]))
    places = {episodes: place for place, episodes in enumerate(sorted(set(data["training_episodes"])))}
    colours = dict(zip((name for name in series if name != _PUBLISHED), AGENT_COLOURS, strict=False))
    markers = dict(zip(series, "osD^vP", strict=False))
    for number, name in enumerate(series):
        rows = data[data["series"] == name]
        at = [places[episodes] + 0.1 * (number - (len(series) - 1) / 2) for episodes in rows["training_episodes"]]
        sides = [rows["percent"] - rows["low"], rows["high"] - rows["percent"]]
        style = "--" if name == _PUBLISHED else "-"
        colour = colours.get(name, PUBLISHED_COLOUR)
        marker = {"marker": markers[name], "markersize": 4.5, "linestyle": style, "linewidth": 1.0}
        axes.errorbar(
            at,
            rows["percent"],
            yerr=sides,
            label=name.replace("_", " "),
            color=colour,
            elinewidth=0.9,
            capsize=2,
            **marker,
        )
    axes.set_xticks(list(places.values()), [str(episodes) for episodes in places])
    axes.set_xlabel("random training episodes")
    axes.set_ylabel("successful trials, %")
    axes.set_ylim(-3, 103)
    axes.grid(axis="y")
    figure.legend(loc="outside right upper")
    return figure


def _figure_caption(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> str:
    meanings = "; ".join(f"{name}: {experiment.variants[name].title}" for name in finished)
    ours = f"Ours: {meanings}." if finished else "No repetition of ours is finished yet."
    return (
        "Share of successful trials by the number of random training episodes. "
        f"{coverage(experiment, finished)} finished. Published: {experiment.paper}, Table 1. {ours} "
        f"{_success(experiment)} {experiment.repetitions} trials a point; bars are {LEVEL:.0%} score intervals of each "
        "point alone. Points of one number of episodes stand side by side; the horizontal axis is not to scale."
    )
