"""The recipe of every published number: a row for every agent of every source, each field known or said not to be."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from replication.foundation.errors import ReplicationError
from replication.published.curves import curve_agents, curve_games
from replication.published.curves_by_step import step_agents, step_tasks
from replication.published.judges import find_judge
from replication.published.layouts import scores_by_game
from replication.published.loader import PUBLISHED, published_scores, published_table
from replication.published.recipes import (
    FIELDS,
    IN_ITS_ROWS,
    NO_RECIPE,
    NOT_STATED,
    SPREAD_OF_RUNS,
    UNKNOWN,
    Recipe,
    find_recipe,
    recipe_rows,
)
from replication.published.schemas import DOPAMINE_AGENTS


def agents_of(source: str) -> set[str]:
    """Return every agent that a source has numbers of."""
    if find_judge(source).layout == "curves by step":
        return {agent for task in step_tasks(source) for agent in step_agents(source, task)}
    if find_judge(source).layout == "curves":
        return {agent for game in curve_games(source) for agent in curve_agents(source, game)}
    return {row.algorithm for row in scores_by_game(source)}


def counted() -> dict[str, int]:
    """Count scores of the sources that judge: all, those without unknown field, those fully stated; known by field."""
    counts = {"scores": 0, "known": 0, "stated": 0} | dict.fromkeys(FIELDS, 0)
    for source in published_table("judges")["name"]:
        for row in scores_by_game(source):
            recipe = find_recipe(source, row.algorithm)
            counts["scores"] += 1
            counts["known"] += not recipe.without(UNKNOWN)
            for field in set(FIELDS) - set(recipe.without(UNKNOWN)):
                counts[field] += 1
            counts["stated"] += not (recipe.without(UNKNOWN) or recipe.without(NOT_STATED))
    return counts


def test_every_agent_of_every_source_has_a_row_and_every_row_an_agent() -> None:
    rows = set(recipe_rows())
    sources = set(published_table("judges")["name"])
    assert {source for source, _ in rows} == sources
    for source in sources:
        agents = agents_of(source)
        named = {algorithm for of, algorithm in rows if of == source} - {"every"}
        assert named <= agents or find_judge(source).layout == "trials", source
        assert ((source, "every") in rows) == (not named >= agents or not agents), source


def test_sources_md_counts_what_is_known() -> None:
    counts = counted()
    known, stated = (100 * counts[name] / counts["scores"] for name in ("known", "stated"))
    sentence = (
        f"Of {counts['scores']:,} scores {counts['known']:,} ({known:.0f} %) have no field `unknown`, and "
        f"{counts['stated']:,} ({stated:.0f} %) neither that nor `not stated`."
    )
    fields = ", ".join(f"{name} {100 * counts[name] / counts['scores']:.0f} %" for name in FIELDS)
    sentence += f"\nNot `unknown` by field: {fields}."
    assert sentence in (PUBLISHED / "SOURCES.md").read_text(encoding="utf-8"), sentence


def test_known_from_names_no_file_of_a_workplace_and_every_transcription_its_repository_or_that_it_is_not_known() -> (
    None
):
    for source, algorithm in recipe_rows():
        text = find_recipe(source, algorithm).known_from
        assert not re.search(r"(^|\s)(/|\.\./)", text) and "shared/" not in text, source  # no path of one machine
        assert "memory" not in text.replace("from memory", ""), source
        assert ("transcription" in text) <= ("repository not named" in text), source
        assert ("stored note" in text) <= ("repository not named" in text), source
    for table in ("nature_2015_table1_hyperparameters", "nature_2015_table3_ablation", "nature_2015_table4_linear"):
        for text in published_table(table)["confirmed"]:
            assert ("transcription" in text) <= ("not named)" in text), text
    for text in (*published_table("atari100k_scores")["confirmed"], *published_table("judges")["confirmed"]):
        assert ("transcription" in text) <= ("not named)" in text), text


@pytest.mark.parametrize(
    ("source", "algorithm", "expected"),
    [
        (
            "hessel2018_rainbow",
            "Rainbow",
            ("final evaluation", "best", "200 episodes", "epsilon 0", "mean", NOT_STATED),
        ),
        ("bellemare2017_c51", "C51", ("periodic evaluations", "in training", None, "epsilon 0.001", None, NOT_STATED)),
        ("vanhasselt2016_ddqn", "Double DQN (untuned)", (None, "best", "100 episodes", "epsilon 0.05", "mean", None)),
        ("schulman2017_ppo", "PPO", ("training", None, "last 100 episodes", None, "mean", "3")),
        ("dopamine_curves", DOPAMINE_AGENTS[0], ("training", None, None, "epsilon 0.01", "mean", IN_ITS_ROWS)),
        ("vanhasselt2016_popart", "Double DQN + Pop-Art", (UNKNOWN,) * 6),
    ],
)
def test_recipes_of_known_numbers(source: str, algorithm: str, expected: tuple[str | None, ...]) -> None:
    recipe = find_recipe(source, algorithm)
    fields = ("episodes", "network", "window", "policy", "statistic", "runs")
    found = tuple(getattr(recipe, name) for name in fields)
    assert all(want is None or want == have for want, have in zip(expected, found, strict=True)), recipe


def test_numbers_are_read_out_of_the_words() -> None:
    recipe = find_recipe("pfrl_dqn", "PFRL DQN")
    assert (recipe.epsilon, recipe.num_episodes, recipe.count) == (0.05, 30, 5)
    curves = find_recipe("nnabla_rl_curves", "nnabla-rl ppo")
    assert (curves.epsilon, curves.num_episodes, curves.count) == (None, None, None)
    assert NO_RECIPE.without(UNKNOWN) == FIELDS and find_recipe("nobody_2030", "X") == NO_RECIPE


def test_a_deviation_counts_as_that_between_runs_where_the_recipe_says_so() -> None:
    """By the recipes the same files have a spread between runs as when it was read out of a sentence."""
    printed = {
        score.source_name
        for source in published_table("judges")["name"]
        for score in scores_by_game(source)
        if score.std is not None and find_recipe(source, score.algorithm).spread == SPREAD_OF_RUNS
    }
    assert printed == {
        "atari100k_scores",
        "cleanrl_docs",
        "nnabla_rl_on_policy",
        "nnabla_rl_on_policy_best",
        "openrlbenchmark",
        "openrlbenchmark_sticky",
        "tianshou_benchmark",
    }
    assert all(score.runs is None for score in published_scores("cleanrl_docs"))
    assert {row.runs for row in scores_by_game("atari100k_scores")} == {None, 5, 100}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            ",200 episodes,epsilon 0,",
            ",200 episodes,epsilon 1.5,",
            r"policy: found 'epsilon 1.5', expected epsilon and",
        ),
        (",200 episodes,epsilon 0,", ",200 episodes,epsilon x,", r"policy: found 'epsilon x', expected epsilon and"),
        ("mean,mean,5,none", "mean,mean,five,none", r"runs: found 'five', expected a count or one of in its rows, "),
        ("mean,mean,5,none", "mean,mean,1,none", r"runs: found '1' with over_runs 'mean', expected 1 with one run"),
        (
            ",final evaluation,best,",
            ",final evaluation,bset,",
            r"network: there is no network 'bset'; did you mean 'best'",
        ),
        ("highest mean of each run", "the best", r"statistic: there is no statistic 'the best'"),
    ],
)
def test_a_bad_recipe_gives_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = tmp_path / "published"
    shutil.copytree(PUBLISHED, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "*.gz"))
    text = (folder / "recipes.csv").read_text()
    assert old in text
    (folder / "recipes.csv").write_text(text.replace(old, new, 1))
    with pytest.raises(ReplicationError, match=rf"recipes\.csv: row [0-9]+: {message}") as raised:
        find_recipe("hessel2018_rainbow", "Rainbow", folder)
    assert "\n" not in str(raised.value)


def test_a_recipe_says_what_it_does_not_know() -> None:
    recipe = Recipe("training", "in training", UNKNOWN, "sampled", "mean", NOT_STATED, NOT_STATED)
    assert recipe.without(UNKNOWN) == ("window",) and recipe.without(NOT_STATED) == ("over_runs", "runs")
