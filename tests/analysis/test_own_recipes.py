"""Our recipe beside the published one: where they differ, a departure says so, or this list does and why."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import pytest

from replication.analysis.own_recipes import own_recipe, recipe_differences
from replication.published.judges import find_judge
from replication.published.recipes import NO_RECIPE, Recipe, find_recipe
from replication.report.tables.recipe_texts import recipe_sentences
from replication.specification.experiments import known_experiments, load_experiment
from replication.specification.fidelity import deviations_in_force
from replication.specification.run import Run, resolve_run

_SCORED = {"V9", "V9b", "EV1", "H11"}
ROWS = dict.fromkeys(("episodes", "network", "window", "statistic"), _SCORED) | {"policy": {"V3", "EV3", "H10"}}
"""Rows of fidelity tables whose departures are of a field."""
_ANEW = {"episodes", "network", "statistic"}
DIFFERENT = {
    ("bellemare2017_c51", "noop_30min"): _ANEW | {"window"},
    ("dabney2018_iqn", "noop_30min"): _ANEW | {"window"},
    ("dabney2018_qrdqn", "noop_30min"): _ANEW | {"window"},
    ("wang2016_dueling", "noop_30min"): _ANEW,
    ("hessel2018_rainbow", "noop_30min"): {"window"},
    ("sb3_zoo_control", "classic_control"): {"window"},  # 150,000 steps of whole episodes there, 100 episodes here
    ("vanhasselt2016_ddqn", "nature"): {"window"},
    ("baselines_page_curves", "baselines"): {"window", "statistic"},
    ("cleanrl_pqn_curves", "envpool"): {"window"},  # its figure is smoothed, how it does not say
    ("pfrl_a3c", "pfrl"): {"episodes", "window", "statistic"},  # the highest evaluation of a run; ours are of training
    ("nnabla_rl_curves", "baselines"): {"episodes", "window"},
}
"""By source and protocol, fields that differ and that no departure names; each stands in captions and on pages.

C51, IQN, QR-DQN and the table of 2016: one protocol serves all papers after 2015, and plays the best network anew,
which gives less than the highest of 200 noisy means does. Rainbow has 200 episodes, van Hasselt 100, ours 30: more
would narrow the error of one network, which is small beside that between seeds. Baselines' page smooths its curves,
how it does not say. nnabla-rl draws evaluations where ours are training episodes; both sample the policy."""


_PERIODIC = ("periodic evaluations", "in training")


@cache
def one_run_an_agent() -> list[tuple[str, str, Run]]:
    """List source, published agent and one of our runs, for each agent of each experiment that names a source."""
    found = []
    for name in known_experiments():
        experiment = load_experiment(name)
        if (published := experiment.published) is not None:
            runs = {run.variant.variant: run for run in reversed(experiment.runs())}
            agents = published.agents or dict.fromkeys(runs, published.algorithm)
            found += [(published.source, agent, runs[variant]) for variant, agent in agents.items() if variant in runs]
    return found


def test_every_difference_of_recipe_is_a_departure_or_stands_in_the_list() -> None:
    unnamed: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for source, agent, run in one_run_an_agent():
        ours = own_recipe(run, 1, find_judge(source).layout)
        rows = {row for deviation in deviations_in_force(run) for row in deviation.rows}
        for field in recipe_differences(find_recipe(source, agent), ours):
            if not ROWS[field] & rows:
                unnamed[source, run.protocol.protocol].add(field)
    assert dict(unnamed) == DIFFERENT


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("rainbow", ("final evaluation", "best", "30 episodes", "epsilon 0", "mean")),
        ("dqn", ("final evaluation", "best", "30 episodes", "epsilon 0.05", "mean")),
        ("dqn_dopamine", ("training", "in training", "an iteration of 1,000,000 frames", "epsilon 0.01", "mean")),
        ("a2c", ("training", "in training", "last 100 episodes", "as in training", "mean")),
        ("td3_2018", (*_PERIODIC, "10 episodes every 5,000 steps", "the actor without noise", "mean")),
        ("drq", ("final evaluation", "final", "100 episodes", "epsilon 0.05", "mean")),
    ],
)
def test_our_recipe_is_that_of_the_protocol(variant: str, expected: tuple[str, ...]) -> None:
    task, budget = "pong", {"budget_frames": 400_000}
    if variant == "dqn_dopamine":
        budget = {"budget_iterations": 2}
    if variant == "td3_2018":
        task, budget = "half_cheetah", {"budget_steps": 100_000}
    run = resolve_run(variant=variant, task=task, seed=1, **budget)
    recipe = own_recipe(run, 3, "scores")
    assert (recipe.episodes, recipe.network, recipe.window, recipe.policy, recipe.statistic) == expected
    assert (recipe.over_runs, recipe.runs, own_recipe(run, 1, "scores").over_runs) == ("mean", "3", "one run")


def test_seeds_of_an_agent_that_does_not_train_are_more_episodes() -> None:
    recipe = own_recipe(resolve_run(variant="random_10hz", task="pong", seed=1), 10, "nature table 2")
    assert (recipe.window, recipe.over_runs, recipe.runs) == ("300 episodes", "no training", "no training")
    assert recipe.policy == find_recipe("nature_2015_table2", "random").policy


def test_what_a_publication_does_not_say_is_no_difference() -> None:
    ours = Recipe("training", "in training", "last 100 episodes", "as in training", "mean", "mean", "3")
    assert recipe_differences(NO_RECIPE, ours) == ()
    theirs = Recipe("training", "in training", "not stated", "epsilon 0.01", "moving mean", "mean", "5")
    assert recipe_differences(theirs, ours) == ("statistic",)


def test_a_sentence_sets_the_two_recipes_side_by_side() -> None:
    best = "episodes of the best network of training, played anew, epsilon 0.05"
    assert recipe_sentences(load_experiment("double_dqn_2016")) == [
        f"Published (Double DQN (untuned)): the mean of 100 {best} (a transcription of the paper's table; printed to "
        f"0.1; not stated: how many runs). Ours: the mean of 30 {best}, one run. The two differ in how many episodes."
    ]
    iteration = "the mean of training episodes (an iteration of 1,000,000 frames), epsilon 0.01, mean of"
    assert recipe_sentences(load_experiment("dopamine_curves")) == [
        f"Published (DQN): {iteration} 5 runs (data of the authors; 6 significant digits). "
        f"Ours: {iteration} 1 to 2 runs."
    ]
    (unknown,) = recipe_sentences(load_experiment("munchausen_2020"))
    assert unknown.startswith(
        "Published (M-DQN; M-IQN): how is not known (a quotation by others; printed to 1). Ours: "
    )
    assert "; its recipe by the word of others)" in recipe_sentences(load_experiment("iqn_2018"))[0]
    evaluations = "the mean of the evaluations during training (10 episodes every 5,000 steps), the actor without noise"
    (control,) = recipe_sentences(load_experiment("td3_2018"))
    assert control.startswith(f"Published (TD3): {evaluations}, mean of 10 runs (data of the authors; ")
    assert control.endswith(f"4 digits). Ours: {evaluations}, mean of 5 runs.")
    (trials,) = recipe_sentences(load_experiment("nfq_2005"))
    assert "not stated: how many episodes and which policy" in trials and "mean of 50 to 300 runs" in trials
    assert recipe_sentences(load_experiment("cliff_walking")) == []
