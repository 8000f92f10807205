"""An experiment with one more variant beside its own: `quickstart+algorithm=mine`.

It is what `run quickstart --algorithm mine.py` makes. The variant plays the tasks, seeds and lengths of training that
the experiment's own have, by their protocols. The results lie in a folder of that name, so that those of the experiment
itself stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replication.foundation.errors import ReplicationError
from replication.specification.changed_settings import changes_of, name_of
from replication.specification.loading import known_names, load_variant
from replication.specification.run import resolve_run

if TYPE_CHECKING:  # which imports this
    from replication.specification.experiments import Experiment, RunGroup

KEY = "algorithm"
"""Stands in the name of an experiment like a changed setting."""


def named_beside(experiment: str, variant: str) -> str:
    """Name an experiment with one more variant.

    Raises:
        ReplicationError: the name has one already, or is too long.
    """
    base, changes = changes_of(experiment)
    if changes.get(KEY, variant) != variant:
        raise ReplicationError(f"--algorithm: found {variant} beside {changes[KEY]}, expected one; leave one out")
    return name_of(base, changes | {KEY: variant})


def with_baseline(experiment: Experiment, variant: str) -> Experiment:
    """Return an experiment with one more variant, which has no published counterpart.

    Raises:
        ReplicationError: no such variant; none of the experiment's runs is one that the variant could have.
    """
    name = named_beside(experiment.experiment, variant)
    if variant not in known_names("algorithms"):
        raise ReplicationError(f"{name}: variant {variant} is not known; name its file with --algorithm {variant}.py")
    seen: set[tuple[object, ...]] = set()
    added: list[RunGroup] = []
    refused = "it names none"
    for group in experiment.groups:
        protocol = group.protocol or load_variant(group.variants[0]).protocol
        lengths = {unit: getattr(group, unit) for unit in type(group).model_fields if unit.startswith("budget_")}
        first: dict[str, Any] = {"task": group.task_names[0], "seed": group.seed_numbers[0], "preset": group.preset}
        try:
            resolve_run(variant=variant, protocol=protocol, **first, **lengths)
        except ReplicationError as error:
            refused = str(error)
            continue
        length = (protocol, group.preset, *lengths.values())
        seeds = group.seed_numbers
        tasks = tuple(task for task in group.task_names if not any((task, seed, *length) in seen for seed in seeds))
        seen |= {(task, seed, *length) for task in tasks for seed in seeds}
        own = {"variants": (variant,), "games": None, "tasks": tasks, "protocol": protocol}
        added += [group.model_copy(update=own)] if tasks else []
    if not added:
        raise ReplicationError(f"{name}: found no run that {variant} could have ({refused})")
    title = f"{experiment.title}, with {load_variant(variant).title} beside it"
    copy = experiment.model_copy(update={"experiment": name, "title": title, "groups": (*experiment.groups, *added)})
    vars(copy).pop("_judged", None)  # the runs of the one it was made of
    return copy
