"""How our numbers are made, in the words of published recipes, and where the two differ."""

from __future__ import annotations

from replication.published.recipes import AS_IN_TRAINING, NOT_STATED, UNKNOWN, Recipe
from replication.published.schemas import Layout, OverRuns
from replication.specification.run import Run

COMPARED = ("episodes", "network", "window", "policy", "statistic")
"""Fields of a recipe that a protocol fixes; how many runs there are is the experiment's, and stands in every table."""
_WITHOUT_NOISE = "the actor without noise"
"""As recipes.csv has it, of policies that give an action and not values of actions."""
_SAID_BY_NOBODY = (UNKNOWN, NOT_STATED)


def own_recipe(run: Run, num_runs: int, layout: Layout) -> Recipe:
    """Say how our number beside a published one is made, by the protocol and the settings of an agent.

    Args:
        run: any of its runs; they differ by seed alone.
        num_runs: that the number is of; those of an agent that does not train are so many more episodes.
        layout: of the published source; `trials` are compared by the share of those that succeed.
    """
    protocol, trains = run.protocol, run.family.trains
    over: OverRuns = ("one run" if num_runs == 1 else "mean") if trains else "no training"
    runs = str(num_runs) if trains else "no training"
    if protocol.solving is not None:
        window = f"last {protocol.solving.of_last} episodes"
        return Recipe("training", "in training", window, AS_IN_TRAINING, "moving mean", over, runs)
    final = protocol.final_evaluation
    if protocol.published_quantity == "final_evaluation" and final is not None:
        network = final.network if trains else "no training"
        policy = f"epsilon {run.final_epsilon(final):g}" if trains else _random_policy(run)
        window = f"{final.num_episodes * (1 if trains else num_runs)} episodes"
        if layout == "trials":
            return Recipe("trials", network, window, policy, "share", over, runs)
        return Recipe("final evaluation", network, window, policy, "mean", over, runs)
    epsilon, periodic = getattr(run.settings, "epsilon", None), protocol.periodic_evaluation
    if protocol.published_quantity == "periodic_evaluations" and periodic is not None:
        window = f"{periodic.num_episodes} episodes every {periodic.period_steps:,} steps"
        sampled = getattr(run.settings, "evaluation_policy", None) == "sampled"
        without_noise = "sampled" if sampled else _WITHOUT_NOISE
        policy = without_noise if epsilon is None else f"epsilon {periodic.epsilon:g}"
        return Recipe("periodic evaluations", "in training", window, policy, "mean", over, runs)
    policy = AS_IN_TRAINING if epsilon is None else f"epsilon {epsilon.end:g}"
    return Recipe("training", "in training", _training_window(run), policy, "mean", over, runs)


def _random_policy(run: Run) -> str:
    """Say how an agent plays that does not train."""
    return f"uniformly random, an action every {getattr(run.settings, 'action_period_frames', 1)} frames"


def _training_window(run: Run) -> str:
    """Say which training episodes a score is the mean of."""
    protocol = run.protocol
    if protocol.training_score is not None:
        return f"last {protocol.training_score.episodes} episodes"
    if protocol.iteration_steps is not None:
        return f"an iteration of {protocol.iteration_steps * protocol.training.frame_skip:,} frames"
    return "all episodes"


def recipe_differences(published: Recipe, ours: Recipe) -> tuple[str, ...]:
    """List the fields in which two recipes differ, those left out that the publication does not say."""
    return tuple(
        name
        for name in COMPARED
        if not {getattr(published, name), getattr(ours, name)} & {*_SAID_BY_NOBODY, "no training"}
        and getattr(published, name) != getattr(ours, name)
        and not (name == "policy" and AS_IN_TRAINING in (published.policy, ours.policy))
    )
