"""The caption of the score table: what was compared, by which rule, and what the verdicts are worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from replication.analysis.cells import other_cap
from replication.analysis.finished import FinishedRun, coverage
from replication.analysis.judged_cells import JudgedCell, JudgedTable
from replication.analysis.learning_curves import agent_title, full_budget_text, judged_text
from replication.analysis.looks import looks_text
from replication.analysis.random_tables import all_games_text
from replication.analysis.verdict_conventions import LENT_DEGREES, ONE_RUN_COMPARISONS, STAND_IN_DEGREES
from replication.published.references import ReferenceSet
from replication.published.spreads import stand_in_text
from replication.report.tables.recipe_texts import recipe_sentences
from replication.report.tables.verdict_columns import RULE_TEXT
from replication.specification.experiments import Experiment
from replication.specification.run import Run

_SCORE_TEXTS = {
    "final_evaluation": "Ours: mean raw return over the protocol's episodes, averaged over seeds.",
    "training_iterations": "Ours: mean raw return of the last iteration's training episodes, averaged over seeds.",
    "training_episodes": "Ours: mean raw return of the last training episodes that had ended where the run is judged, "
    "averaged over seeds.",
}
"""By what a protocol publishes."""
_POINTS_TEXT = (
    "A run that is judged after several lengths of training, or before its end, has a row for each with the frames of "
    "that length; its last iteration is then the last of that length, and each row is a comparison."
)


def caption(
    experiment: Experiment, finished: Sequence[FinishedRun], references: ReferenceSet, table: JudgedTable
) -> str:
    """Write the caption of an experiment's score table."""
    runs = experiment.runs()
    quantities = {run.protocol.published_quantity for run in runs}
    parts = [
        f"{experiment.title}. {coverage(experiment, finished)} finished.",
        *(f"{text}." for text in _agents(experiment)),
        *(text for quantity, text in _SCORE_TEXTS.items() if quantity in quantities),
        _POINTS_TEXT if experiment.judges_before_the_end else "",
        f"Normalized: 100 (score - random) / (human - random), references of {references.source}.",
        *_cap_texts(runs, references),
        "An interval over episodes says how well one network is measured, not how training varies.",
        _evaluated(finished),
        "Runs of an earlier numerics version were made by code of the same law; only the last digits of sums differ."
        if any(found.mark for found in finished)
        else "",
        *_verdicts(experiment, table),
    ]
    return " ".join(part for part in parts if part)


def _agents(experiment: Experiment) -> list[str]:
    """Say of each agent how long it is trained, where it is judged, and by which protocol."""
    runs, agents, of_agent = experiment.runs(), {}, dict[str, list[Run]]()
    for run in runs:
        of_agent.setdefault(agent_title(run, runs), []).append(run)
    for title, same in of_agent.items():
        run = same[-1]
        preset = f", preset {run.preset.preset} ({run.preset.title})" if run.preset else ""
        of_training = " of training" * (run.budget.steps > 0)
        judged_at = judged_text(same, experiment)
        agents[title] = (
            f"{title}: {full_budget_text(run)}{of_training}{judged_at}{preset}, protocol {run.protocol.title}"
        )
    return list(agents.values())


def _evaluated(finished: Sequence[FinishedRun]) -> str:
    networks = Counter(
        found.record["evaluated_network"]["network"]
        for found in finished
        if found.record.get("evaluated_network") and found.run.protocol.evaluation_beside_score is None
    )
    evaluated = [f"the {name} network of {n} run{'s' * (n != 1)}" for name, n in sorted(networks.items())]
    return f"Evaluated: {' and '.join(evaluated)}." if evaluated else ""


def _verdicts(experiment: Experiment, table: JudgedTable) -> list[str]:
    """Say what is compared with what, by which rule, and how far a word reaches."""
    compared = [one for one in table.cells if one.counterpart is not None]
    if not compared or experiment.published is None:
        return ["Nothing here has a reference."]
    trained = [one for one in compared if one.cell.trains]
    count = table.family.comparisons
    parts = [
        f"Published: {experiment.published.source}, the same agent at the same frames.",
        *recipe_sentences(experiment),
        _best_text(compared),
        f"The errors of 5 % hold over the table: {count} comparison{'s' * (count != 1)} that can tell anything.",
    ]
    if trained:
        parts += [
            RULE_TEXT,
            *_floors(trained),
            f"The spread of our seeds borrows from the published one, {LENT_DEGREES} degrees of freedom at most, so "
            "that one seed can be judged; one run never `differs` in a table of more than "
            f"{ONE_RUN_COMPARISONS} comparisons.",
            _stand_ins(experiment.published.source, trained),
            looks_text(experiment, [one.cell for one in trained]),
            "Would have passed: other agents of the source, at as many frames, beside which our runs would be "
            "`replicated` too. Not ruled out: those whose published mean is not clearly off ours (each by itself at "
            "95 %), and random play where ours is not clearly above it.",
        ]
    if any(one.random_play is not None for one in compared):
        parts.append(
            "An agent that does not train is judged by its episodes: `differs` where a bootstrap of them tells the "
            "published mean apart at 5 % over the table, else `consistent`, which is no more than that. Would have "
            "passed: other such agents here that are `consistent` with the same number by themselves."
        )
        parts.append(all_games_text(table))
    return parts


def _floors(trained: Sequence[JudgedCell]) -> list[str]:
    """Name the floors, and those of another protocol than the runs."""
    named = dict.fromkeys(one.floor.name for one in trained if one.floor)
    texts = [f"Floor: {'; '.join(named)}."]
    for unlike in dict.fromkeys(one.floor.other_protocol for one in trained if one.floor):
        if unlike:
            texts.append(f"The floor is of another protocol, which is a deviation: it is {unlike}.")
    return texts


def _stand_ins(source: str, trained: Sequence[JudgedCell]) -> str:
    if not any(one.counterpart is not None and one.counterpart.stand_in for one in trained):
        return "Every spread between published runs is a published one."
    return (
        f"{stand_in_text(source)} It counts {STAND_IN_DEGREES} degrees of freedom, and the published number one run; "
        "a column says between which multiples of it the word stays (tried from a tenth to ten times)."
    )


def _cap_texts(runs: Sequence[Run], references: ReferenceSet) -> list[str]:
    """Write a sentence for each way in which episodes are cut otherwise than those of the references."""
    agents: dict[str, dict[str, None]] = {}
    for run in runs:
        if (difference := other_cap(run, references)) is not None:
            agents.setdefault(difference, {})[agent_title(run, runs)] = None
    return [
        f"{', '.join(titles)}: {difference}, so the normalized score is a scale and no comparison with a human tester "
        "or random play."
        for difference, titles in agents.items()
    ]


def _best_text(compared: Sequence[JudgedCell]) -> str:
    tried = max((one.beside.tried for one in compared), default=1)
    if tried == 1:
        return ""
    return (
        f"The published score of a game is the best of {tried} learning rates, so ours is too: that of the rate with "
        f"the highest mean over its seeds, once all {tried} are finished; which rates were tried is not published."
    )
