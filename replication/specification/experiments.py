"""Experiments: which runs a published table or figure needs, as one YAML each. They own no runs, they name them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from replication.foundation import paths
from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.files import listed
from replication.foundation.validation import Count, Settings, read_yaml, validated
from replication.specification.baselines_beside import KEY, with_baseline
from replication.specification.budget import Budget
from replication.specification.changed_settings import changed_name, changes_in_words, changes_of, name_of
from replication.specification.changed_variants import changed_variants
from replication.specification.findings import Finding, check_one_list
from replication.specification.judged_points import judged_budgets
from replication.specification.needs import check_needs, names_in
from replication.specification.run import Run, RunKey, checked_task, resolve_run
from replication.specification.seeds import Seeds, check_bundle_size
from replication.specification.tasks.atari_games import ATARI57, ATARI100K26, NATURE49
from replication.specification.tasks.registry import find_task

_NOT_SHOWN = """
    __init__ agent_looks all_verdicts columns figure latex learning_curve_panels learning_curves_caption legends
    reading_verdicts recipe_texts scores_caption sheet statements table verdict_columns
"""
NOT_SHOWN = frozenset(_NOT_SHOWN.split())
"""Modules beside the tables and figures that make none: what these have in common."""
GAME_SETS = {"nature49": NATURE49, "atari57": ATARI57, "atari100k26": ATARI100K26}


class PublishedSource(Settings):
    """The source of the numbers beside ours."""

    source: str
    """A source that judges: a row of replication/published/judges.csv."""
    algorithm: str
    """As the source names it; figures show its level."""
    agents: dict[str, str] = Field(default_factory=dict)
    """Variants to the source's names of the same agents; a variant that is not named here has no counterpart there."""
    aggregates: dict[str, str] = Field(default_factory=dict)
    """Variants to the source's aggregates over games, where `agents` does not name them: of agents it has no scores by
    game of, or whose aggregates it names otherwise."""
    curves: dict[str, str] = Field(default_factory=dict)
    """Variants to DQN Zoo's agents, whose median over 57 games is drawn beside ours, frame by frame."""

    def of_variants(self, variants: Container[str]) -> PublishedSource:
        """Return the source with the counterparts of these variants alone."""
        maps = {name: getattr(self, name) for name in ("agents", "aggregates", "curves")}
        left = {name: {key: one for key, one in given.items() if key in variants} for name, given in maps.items()}
        return self.model_copy(update=left)


_Seed = Annotated[int, Field(ge=0)]


class SeedRange(Settings):
    """Consecutive seeds, both ends included."""

    first: _Seed
    last: _Seed

    @model_validator(mode="after")
    def _in_order(self) -> SeedRange:
        if self.first > self.last:
            raise ValueError(f"seeds: expected first before last, found {self.first} and {self.last}")
        return self


class RunGroup(Settings):
    """Variants x tasks x seeds under one budget."""

    variants: Annotated[tuple[str, ...], Field(min_length=1)]
    games: Literal["nature49", "atari57", "atari100k26"] | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Tasks, where they are games; exactly one of the two is given."""
    tasks: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    seeds: Annotated[tuple[_Seed, ...], Field(min_length=1)] | SeedRange
    """A range lies in one record, where the family of the variants bundles seeds."""
    budget_frames: Count | None = None
    budget_steps: Count | None = None
    budget_iterations: Count | None = None
    budget_episodes: Count | None = None
    budget_sweeps: Count | None = None
    protocol: str | None = None
    """None: each variant's own."""
    preset: str | None = None
    judge_at: tuple[Count, ...] | None = None
    """Iterations, emulator frames or steps of training, as the budget counts, after which each run is judged, a
    comparison each; None: at the end of its budget alone."""

    @model_validator(mode="after")
    def _judged_within_the_budget(self) -> RunGroup:
        points = self.judge_at
        lengths = {name: getattr(self, name) for name in ("budget_iterations", "budget_frames", "budget_steps")}
        unit, most = next(((name, length) for name, length in lengths.items() if length), ("", None))
        if points is None:
            return self
        if most is None:
            raise ValueError(f"judge_at: expected none without {', '.join(lengths)}; leave it out, the end is judged")
        if not points or list(points) != sorted(set(points)):
            raise ValueError(f"judge_at: expected ascending numbers, each once, at least one, found {list(points)}")
        if points[-1] > most:
            raise ValueError(
                f"judge_at: expected at most {unit}, {most}, found {points[-1]}; raise it or leave the point out"
            )
        return self

    @model_validator(mode="after")
    def _one_list_of_tasks(self) -> RunGroup:
        check_one_list(self.games, self.tasks)
        return self

    @property
    def task_names(self) -> tuple[str, ...]:
        """The tasks, a set's name resolved."""
        names = self.games or self.tasks
        assert names is not None
        return GAME_SETS[names] if isinstance(names, str) else names

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds, a range written out."""
        seeds = self.seeds
        return tuple(range(seeds.first, seeds.last + 1)) if isinstance(seeds, SeedRange) else seeds

    @property
    def range(self) -> Seeds | None:
        """The seeds as a range; None: they are named one by one."""
        return Seeds(self.seeds.first, self.seeds.last) if isinstance(self.seeds, SeedRange) else None


class Experiment(Settings):
    """One published table or figure, or a part of it."""

    experiment: str
    title: str
    paper: str
    question: str
    reference_set: Literal["nature49_5min", "atari57_30min"] | None = None
    """Random and human scores that normalize; None: scores stay as they are."""
    published: PublishedSource | None
    groups: Annotated[tuple[RunGroup, ...], Field(alias="runs", min_length=1)]
    tables: tuple[str, ...]
    figures: tuple[str, ...]
    others: tuple[str, ...] = ()
    """Scores of other programs, beside ours in the score table: results/imported/NAME.csv or results/judged/NAME."""
    findings: tuple[Finding, ...] = ()
    floor: str | None = None
    """The variant that learned nothing, from whose score the others are counted; None: the floor is a published one."""
    looks: tuple[Count, ...] = ()
    """Seeds of a cell at which it is judged, planned before any is trained; the looks share the error. Empty: it is
    judged once, when all are finished."""

    @field_validator("looks")
    @classmethod
    def _looks_ascend(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        if list(looks) != sorted(set(looks)):
            raise ValueError(f"looks: expected ascending numbers of seeds, each once, found {list(looks)}")
        return looks

    @model_validator(mode="after")
    def _looks_at_seeds_there_are(self) -> Experiment:
        most = max(len(group.seed_numbers) for group in self.groups)
        if self.looks and self.looks[-1] > most:
            raise ValueError(
                f"looks: expected at most {most}, the seeds of a group of runs, found {self.looks[-1]}; name more seeds"
            )
        return self

    def changed(self, changes: Mapping[str, Any]) -> Experiment:
        """Return the experiment with settings changed by hand, under a name that says so.

        Changed variants have no published counterpart, and what was found of the others is not said of them.

        Raises:
            ReplicationError: a setting that no variant has, or a value that is not accepted.
        """
        named = [(variant, group.preset) for group in self.groups for variant in group.variants]
        names, made = changed_variants(named, changes)
        groups = tuple(
            group.model_copy(
                update={"variants": tuple(names.get((variant, group.preset), variant) for variant in group.variants)}
            )
            for group in self.groups
        )
        left = {variant for group in groups for variant in group.variants}
        published = self.published and self.published.of_variants(left)
        update = {"experiment": name_of(self.experiment, made), "title": f"{self.title}, {changes_in_words(made)}"}
        copy = self.model_copy(update=update | {"groups": groups, "published": published, "findings": ()})
        vars(copy).pop("_judged", None)  # the runs of the one it was made of
        return copy

    def runs(self) -> tuple[Run, ...]:
        """List every run it names, in the order of the YAML; of a bundle with more seeds than rows one for all.

        Raises:
            ReplicationError: a run that cannot be, or that is named twice.
        """
        return tuple(run for run, _ in self._judged.values())

    def judged_budgets(self, run: Run) -> tuple[Budget, ...]:
        """Return the lengths of training at which one of its runs is judged, ascending."""
        return self._judged[run.key][1]

    @property
    def judges_before_the_end(self) -> bool:
        """True where any of its runs is judged elsewhere than at the end of its budget alone."""
        return any(budgets != (run.budget,) for run, budgets in self._judged.values())

    def judged_runs(self) -> tuple[Run, ...]:
        """List every run as it is judged: once for each length of training, which takes the place of its budget."""
        return tuple(replace(run, budget=budget) for run, budgets in self._judged.values() for budget in budgets)

    @cached_property
    def _judged(self) -> dict[RunKey, tuple[Run, tuple[Budget, ...]]]:
        """Each run and where it is judged. It may name 100,000: nothing is digested for each of them."""
        found: dict[RunKey, tuple[Run, tuple[Budget, ...]]] = {}
        comparisons: set[RunKey] = set()
        for group in self.groups:
            for variant in group.variants:
                # The YAMLs are read once a group: a workflow is parsed often, and an experiment may name 200 runs.
                first = resolve_run(
                    variant=variant,
                    task=group.task_names[0],
                    seed=group.seed_numbers[0],
                    protocol=group.protocol,
                    preset=group.preset,
                    budget_frames=group.budget_frames,
                    budget_steps=group.budget_steps,
                    budget_iterations=group.budget_iterations,
                    budget_episodes=group.budget_episodes,
                    budget_sweeps=group.budget_sweeps,
                )
                first = replace(first, bundle=group.range if first.family.bundles else None)
                if first.bundle is not None:
                    check_bundle_size(first.family, first.bundle)
                seeds = group.seed_numbers if first.stands_for == 1 else group.seed_numbers[:1]
                budgets = judged_budgets(group.judge_at, first)
                for name in group.task_names:
                    first_of_task = replace(first, task=checked_task(name, first.protocol))
                    for seed in seeds:
                        run = first_of_task.with_seed(seed)
                        if run.key in found:
                            raise ReplicationError(f"experiment {self.experiment}: {run.name} is named twice")
                        found[run.key] = (run, budgets)
                        for budget in budgets:
                            if run.key._replace(budget=budget) in comparisons:
                                raise ReplicationError(
                                    f"experiment {self.experiment}: {run.name} is judged twice at one length of "
                                    "training, in runs of two budgets; leave one of them out"
                                )
                            comparisons.add(run.key._replace(budget=budget))
        return found


def known_experiments() -> list[str]:
    """List the names of the experiments."""
    return sorted(path.stem for path in listed(paths.WORKFLOW / "experiments", "*.yaml"))


def experiment_path(name: str) -> Path:
    """Return the YAML that an experiment is read from, or made of by changing settings."""
    return paths.WORKFLOW / "experiments" / f"{changes_of(name)[0]}.yaml"


def load_experiment(name: str) -> Experiment:
    """Read workflow/experiments/NAME.yaml.

    Args:
        name: of the YAML; `+KEY=VALUE` after it changes that setting of each variant that has it, `+algorithm=NAME`
            sets one more variant beside its own.

    Raises:
        ReplicationError: no such experiment; an unknown, missing or mistyped key; a run that cannot be; a table or
            figure that needs what the experiment lacks.
    """
    base, changes = changes_of(name)
    if base not in known_experiments():
        raise unknown_name("experiment", base, known_experiments())
    path = experiment_path(name)
    experiment = validated(Experiment, read_yaml(path), path)
    if experiment.experiment != base:
        raise ReplicationError(
            f"{path}: experiment: found {experiment.experiment!r}, expected the file's name {base!r}"
        )
    _check_names(experiment, path)
    baseline = changes.pop(KEY, None)
    if changes:
        experiment = experiment.changed(changes)
    if baseline is not None:
        experiment = with_baseline(experiment, str(baseline))
    if experiment.experiment != name:  # folders are named after it
        raise ReplicationError(f"{name}: expected {experiment.experiment}, which is the same; write it so")
    try:
        experiment.runs()
    except ReplicationError as error:
        if str(paths.WORKFLOW) in str(error):  # a file that it names is at fault
            raise
        raise ReplicationError(f"{path}: {error}") from None
    check_needs(experiment, path)
    return experiment


def changed_experiment(name: str, settings: Sequence[str]) -> str:
    """Name an experiment with settings changed, each as `KEY=VALUE`, as `load_experiment` reads it.

    Raises:
        ReplicationError: no such experiment, or a bad one; a setting that is none, that no variant has, or whose value
            is not accepted.
    """
    base, changes = changes_of(changed_name(name, settings))
    experiment = load_experiment(base)
    return experiment.changed(changes).experiment if changes else base


def _check_names(experiment: Experiment, path: Path) -> None:
    """Check that tables, figures and the published source exist, before anything is trained and without imports."""
    for kind, names in (("tables", experiment.tables), ("figures", experiment.figures)):
        folder = paths.PACKAGE / "report" / kind
        known = [module.stem for module in listed(folder, "*.py") if module.stem not in NOT_SHOWN]
        for name in names:
            if name not in known:
                raise ReplicationError(f"{path}: {kind}: {unknown_name(kind.removesuffix('s'), name, known)}")
    if experiment.published is not None:
        sources = names_in("judges.csv: name")
        if experiment.published.source not in sources:
            hint = unknown_name("published source", experiment.published.source, sources)
            raise ReplicationError(f"{path}: published.source: {hint}")
        variants = {variant for group in experiment.groups for variant in group.variants}
        for key in ("agents", "aggregates", "curves"):
            for variant in getattr(experiment.published, key).keys() - variants:
                raise ReplicationError(f"{path}: published.{key}: {unknown_name('variant in runs', variant, variants)}")
    variants = {variant for group in experiment.groups for variant in group.variants}
    if experiment.floor is not None and experiment.floor not in variants:
        raise ReplicationError(f"{path}: floor: {unknown_name('variant in runs', experiment.floor, variants)}")
    for task in {task for finding in experiment.findings for task in finding.task_names}:
        try:
            find_task(task)
        except ReplicationError as error:
            raise ReplicationError(f"{path}: findings: {error}") from None
