"""Whole tables of agents that do not train, beside the published ones, and of other agents in their place."""

from __future__ import annotations

from collections import defaultdict

from replication.analysis.judged_cells import JudgedTable
from replication.analysis.random_play import RandomPlay, TableTest, compare_table


def table_tests(table: JudgedTable) -> dict[str, TableTest]:
    """Return the test of all games together of each agent that does not train, by title.

    The agents that were published come first; then the others here, which are put in their place.
    """
    own: defaultdict[str, list[RandomPlay]] = defaultdict(list)
    others: defaultdict[str, list[RandomPlay]] = defaultdict(list)
    for one in table.cells:
        if one.random_play is not None:
            own[one.cell.run.variant.title].append(one.random_play)
        for title, played in one.others_at_random.items():
            others[title].append(played)
    games = own | {title: played for title, played in others.items() if title not in own}
    return {title: compare_table(played) for title, played in games.items()}


def all_games_text(table: JudgedTable) -> str:
    """Say for a caption what the tests of whole tables find; empty where no agent here goes untrained."""
    found = table_tests(table)
    if not found:
        return ""
    said = [
        f"{title} {test.word} (S = {test.statistic:.1f}, p = {test.p:.2g}; same agents: {test.null_mean:.1f} in the "
        f"mean, {test.null_95:.1f} at most in 95 of 100 tables)"
        for title, test in found.items()
    ]
    return f"All games together, S the sum of squared differences in standard errors: {'; '.join(said)}."
