"""Published numbers: values as the papers print them, reference sets, curves and their spread."""

from __future__ import annotations

import math
import statistics
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from replication.foundation.errors import ReplicationError
from replication.published.curves import dqn_zoo_curve, training_curve
from replication.published.loader import find_published, published_scores, published_table
from replication.published.references import normalize_published, normalized_score, reference_set
from replication.published.schemas import DOPAMINE_AGENTS, DOPAMINE_GAMES
from replication.published.spreads import between_run_cv, median_run_cv, stand_in_cv
from replication.specification.tasks.atari_games import ATARI57, ATARI100K26, NATURE49

ROOT = Path(__file__).resolve().parents[2]

SCORED_GAMES = set(DOPAMINE_GAMES) & set(ATARI57)
"""Those of Dopamine's 60 that have published random and human scores."""


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("source", "game", "algorithm", "score"),
    [
        ("mnih2015_nature", "breakout", "DQN", 401.2),
        ("mnih2015_nature", "pong", "DQN", 18.9),
        ("mnih2015_nature", "up_n_down", "DQN", 8456),
        ("vanhasselt2016_ddqn", "breakout", "Double DQN (untuned)", 375),
        ("wang2016_dueling", "breakout", "Dueling Double DQN", 345.3),
        ("wang2016_dueling_human_starts", "battle_zone", "Prioritized Dueling Double DQN", 30650),
        ("bellemare2017_c51", "jamesbond", "C51", 1909),
        ("dabney2018_qrdqn", "qbert", "QR-DQN-1", 572510),
        ("dabney2018_iqn", "frostbite", "IQN", 4324),
        ("hessel2018_rainbow", "breakout", "Rainbow", 417.5),
    ],
)
def test_scores_as_the_papers_print_them(source, game, algorithm, score):
    assert find_published(source, game, algorithm).score == score


def test_a_score_knows_its_protocol():
    breakout = find_published("mnih2015_nature", "breakout", "DQN")
    assert (breakout.std, breakout.frames_millions, breakout.start) == (26.9, 200, "noop30")
    assert breakout.cap_frames == 18_000
    assert (breakout.reference_set, breakout.origin) == ("nature49_5min", "transcribed")
    assert breakout.source_name == "mnih2015_nature"
    with pytest.raises(FrozenInstanceError):
        breakout.score = 500.0


def test_what_a_source_does_not_state_is_empty():
    ppo = find_published("schulman2017_ppo", "breakout", "PPO")
    assert (ppo.std, ppo.start, ppo.cap_frames, ppo.reference_set) == (None,) * 4
    assert find_published("mnih2016_a3c_human_starts", "pong", "A3C FF").frames_millions is None


def test_nature_table_and_nature_scores_are_the_same_numbers():
    table = published_table("nature_2015_table2").set_index("game")
    scores = published_scores("mnih2015_nature")
    assert {score.game: (score.score, score.std) for score in scores} == {
        game: (table.dqn_mean[game], table.dqn_std[game]) for game in NATURE49
    }


def test_nature_percentages_are_recomputed_within_the_rounding_of_the_table():
    references = reference_set("nature49_5min")
    table = published_table("nature_2015_table2")
    for row in table.itertuples():
        recomputed = normalized_score(row.dqn_mean, row.game, references)
        assert row.percent_low - 0.005 <= recomputed <= row.percent_high + 0.005, row.game
        assert row.percent_low - 0.055 <= row.dqn_normalized_percent <= row.percent_high + 0.055, row.game


def test_what_the_nature_paper_counts_in_its_table():
    table = published_table("nature_2015_table2")
    percent = table.dqn_normalized_percent
    assert statistics.median(percent) == 93.5
    assert round(statistics.mean(percent), 1) == 241.1
    assert ((percent >= 75).sum(), (percent >= 100).sum()) == (29, 23)
    assert (table.dqn_mean > table[["linear", "contingency"]].max(axis=1)).sum() == 42


def test_ablation_and_linear_network_share_the_full_agent():
    ablation = published_table("nature_2015_table3_ablation")
    full = ablation[(ablation.replay == "on") & (ablation.target_network == "on")].set_index("game").score
    linear = published_table("nature_2015_table4_linear").set_index("game")
    assert full.to_dict() == linear.dqn.to_dict()
    assert (full["breakout"], full["enduro"], linear.linear["seaquest"]) == (316.8, 1006.3, 656.9)


def test_hyperparameters_are_read_as_text():
    table = published_table("nature_2015_table1_hyperparameters").set_index("name")
    assert table.value["learning rate"] == "0.00025"
    assert table.value["reward clipping"] == "[-1, 1]"


# ---------------------------------------------------------------- reference sets


def test_reference_sets_hold_their_games():
    nature, no_op, human = (reference_set(name) for name in ("nature49_5min", "atari57_30min", "atari57_human_starts"))
    assert tuple(nature.random) == tuple(nature.human) == NATURE49
    assert tuple(no_op.random) == tuple(human.human) == ATARI57
    assert (nature.human["alien"], no_op.human["alien"], human.human["alien"]) == (6875, 7127.7, 6371.3)
    assert (nature.human["pong"], no_op.human["pong"]) == (9.3, 14.6)
    assert (human.random["video_pinball"], human.human["video_pinball"]) == (20452.0, 15641.1)
    with pytest.raises(TypeError):
        nature.random["pong"] = 0.0


def test_random_agrees_between_the_no_op_sets_and_human_does_not():
    nature, no_op = reference_set("nature49_5min"), reference_set("atari57_30min")
    assert all(abs(nature.random[game] - no_op.random[game]) <= 0.5 for game in NATURE49)
    assert sum(abs(nature.human[game] - no_op.human[game]) > 0.5 for game in NATURE49) == 33


def test_only_video_pinball_with_human_starts_has_human_below_random():
    below = [
        (name, game)
        for name in ("nature49_5min", "atari57_30min", "atari57_human_starts")
        for game, human in reference_set(name).human.items()
        if human <= reference_set(name).random[game]
    ]
    assert below == [("atari57_human_starts", "video_pinball")]


def test_v12_normalised_by_hand():
    nature = reference_set("nature49_5min")
    assert normalized_score(401.2, "breakout", nature) == pytest.approx(100 * (401.2 - 1.7) / (31.8 - 1.7))
    assert normalized_score(-20.7, "pong", nature) == 0
    assert normalized_score(9.3, "pong", nature) == 100


def test_a_game_outside_the_set_has_no_normalised_score():
    with pytest.raises(ReplicationError, match=r"'phoenix' is not among the 49 games of the reference set nature49"):
        normalized_score(1.0, "phoenix", reference_set("nature49_5min"))


def test_v12_the_sets_do_not_mix():
    five_minutes = find_published("mnih2015_nature", "breakout", "DQN")
    half_an_hour = find_published("wang2016_dueling", "breakout", "DQN")
    nature, no_op = reference_set("nature49_5min"), reference_set("atari57_30min")
    assert normalize_published(five_minutes, nature) == pytest.approx(1327.24, abs=0.01)
    assert normalize_published(half_an_hour, no_op) == pytest.approx(100 * (half_an_hour.score - 1.7) / (30.5 - 1.7))
    with pytest.raises(ReplicationError, match="belongs to nature49_5min, so it is not normalized by atari57_30min"):
        normalize_published(five_minutes, no_op)
    with pytest.raises(ReplicationError, match="belongs to atari57_30min, so it is not normalized by nature49_5min"):
        normalize_published(half_an_hour, nature)
    with pytest.raises(ReplicationError, match="belongs to atari57_human_starts"):
        normalize_published(find_published("wang2016_dueling_human_starts", "breakout", "DQN"), no_op)
    with pytest.raises(ReplicationError, match="of a protocol its source does not state"):
        normalize_published(find_published("schulman2017_ppo", "breakout", "PPO"), no_op)
    with pytest.raises(ReplicationError, match="there is no reference set 'atari57'"):
        reference_set("atari57")


def test_atari100k_aggregates_are_recomputed_from_the_scores():
    references = reference_set("atari57_30min")
    scores, aggregates = published_table("atari100k_scores"), published_table("atari100k_aggregates")
    versions = {"as quoted in later papers": "as quoted", "rliable per-run data (Agarwal 2021)": "rliable"}
    checked = 0
    for (algorithm, version), rows in scores.groupby(["algorithm", "version"]):
        if version == "reference":
            continue
        share = [normalized_score(row.score, row.game, references) / 100 for row in rows.itertuples()]
        (found,) = (
            row
            for row in aggregates.itertuples()
            if row.algorithm == algorithm and row.version.startswith(versions[version])
        )
        assert statistics.mean(share) == pytest.approx(found.published_mean, abs=0.0011), (algorithm, version)
        assert statistics.median(share) == pytest.approx(found.published_median, abs=0.0011), (algorithm, version)
        checked += 1
    assert checked == 10


def test_atari100k_repeats_the_references():
    references = reference_set("atari57_30min")
    rows = published_table("atari100k_scores").query("version == 'reference'")
    repeated = {(row.algorithm, row.game): row.score for row in rows.itertuples()}
    assert len(repeated) == 52
    for (who, game), score in repeated.items():
        assert score == (references.random if who == "Random" else references.human)[game]


# ---------------------------------------------------------------- curves


def test_a_dopamine_curve_has_every_million_frames():
    curve = training_curve("dopamine_curves", "breakout", "DQN")
    assert list(curve.columns) == ["frames_millions", "score_mean", "score_std", "score_min", "score_max", "runs"]
    assert list(curve.frames_millions) == list(range(1, 200))
    assert (curve.score_min <= curve.score_mean).all()
    assert (curve.score_mean <= curve.score_max).all()
    assert set(curve.runs) == {5}


def test_a_curve_is_a_copy():
    curve = training_curve("dopamine_curves", "breakout", "DQN")
    curve["score_mean"] = 0.0
    assert training_curve("dopamine_curves", "breakout", "DQN").score_mean.max() > 50


def test_dqn_zoos_curve_has_every_million_frames_inside_its_band():
    curve = dqn_zoo_curve("C51")
    assert curve["frames_millions"].tolist() == list(range(201))
    assert (curve["band_low"] <= curve["median_over_seeds"] + 0.1).all()
    assert (curve["median_over_seeds"] <= curve["band_high"] + 0.1).all()
    with pytest.raises(ReplicationError, match=r"C52.*C51"):
        dqn_zoo_curve("C52")


def test_dopamine_scores_are_the_ends_of_their_curves():
    scores = published_scores("castro2018_dopamine")
    assert len(scores) == len(DOPAMINE_AGENTS) * len(SCORED_GAMES)
    for score in scores:
        agent = score.algorithm.removeprefix("Dopamine ")
        end = training_curve("dopamine_curves", score.game, agent).score_mean.tail(10)
        assert end.mean() == pytest.approx(score.score, rel=1e-4, abs=0.01), score


def test_between_run_cv_by_hand():
    end = training_curve("dopamine_curves", "breakout", "DQN").tail(10)
    assert list(end.frames_millions) == list(range(190, 200))
    variances = [deviation**2 for deviation in end.score_std]
    expected = math.sqrt(sum(variances) / 10) / (sum(end.score_mean) / 10 - 1.7)
    assert between_run_cv("dopamine_curves", "breakout", "DQN") == pytest.approx(expected)
    assert between_run_cv("dopamine_curves", "breakout", "C51") != between_run_cv("dopamine_curves", "breakout", "DQN")


def test_a_shorter_trainings_spread_is_that_of_the_curve_so_far():
    early = training_curve("dopamine_curves", "breakout", "DQN").query("31 <= frames_millions <= 40")
    expected = math.sqrt((early.score_std**2).mean()) / (early.score_mean.mean() - 1.7)
    assert between_run_cv("dopamine_curves", "breakout", "DQN", frames_millions=40) == pytest.approx(expected)
    assert stand_in_cv("nature_2015_table3_ablation", "breakout", 40_000_000) == pytest.approx(expected)
    assert stand_in_cv("nature_2015_table2", "breakout", 200_000_000) == between_run_cv(
        "dopamine_curves", "breakout", "DQN"
    )


def test_after_two_hours_runs_differ_as_the_agents_of_atari_100k_do():
    """Road Runner by hand: standard deviations 3,467, 3,898, 5,028 and 3,937 about means from 5,006 to 12,213."""
    table = published_table("atari100k_scores").query("game == 'road_runner' and std_over_runs.notna()")
    assert set(table.algorithm) == {"CURL", "DrQ(eps)", "SPR", "SimPLe"}
    ratios = sorted(row.std_over_runs / (row.score - 11.5) for row in table.itertuples())
    assert median_run_cv("atari100k_scores", "road_runner") == pytest.approx((ratios[1] + ratios[2]) / 2)
    assert stand_in_cv("atari100k_scores", "road_runner", 400_000) == median_run_cv("atari100k_scores", "road_runner")
    assert median_run_cv("atari100k_scores", "road_runner") > 5 * between_run_cv(
        "dopamine_curves", "road_runner", "DQN"
    )
    spreads = {game: median_run_cv("atari100k_scores", game) for game in ATARI100K26}
    assert all(spread > 0 for spread in spreads.values())
    assert max(spreads, key=spreads.get) == "chopper_command"  # whose means lie next to random play
    with pytest.raises(ReplicationError, match="seaquests"):
        median_run_cv("atari100k_scores", "seaquests")


def test_between_run_cv_is_finite_where_nothing_is_learned():
    for agent in ("DQN", "Rainbow"):
        values = {game: between_run_cv("dopamine_curves", game, agent) for game in SCORED_GAMES}
        assert all(math.isfinite(value) and value >= 0 for value in values.values())
    spread = math.sqrt((training_curve("dopamine_curves", "montezuma_revenge", "DQN").tail(10).score_std ** 2).mean())
    assert between_run_cv("dopamine_curves", "montezuma_revenge", "DQN") == pytest.approx(
        spread / 47.533
    )  # 1 % of human, 4753.3, random being 0


@pytest.mark.parametrize(("game", "agent"), [("defender", "DQN"), ("catch", "DQN"), ("breakout", "PPO")])
def test_a_curve_that_does_not_exist(game, agent):
    with pytest.raises(ReplicationError, match="in dopamine_curves"):
        training_curve("dopamine_curves", game, agent)


def test_dqn_zoo_curves():
    curves = published_table("dqn_zoo_summary_curves").pivot(
        index=["agent", "frames_millions"], columns="statistic", values="value_percent"
    )
    assert curves.median_over_seeds["DQN", 0] == -1.464
    assert (curves.band_low <= curves.median_over_seeds + 0.1).all()  # what interpolation may add
    assert (curves.median_over_seeds <= curves.band_high + 0.1).all()
    ends = curves.median_over_seeds.xs(200, level="frames_millions")
    assert list(ends.sort_values().index[[0, -1]]) == ["DQN", "Rainbow"]
