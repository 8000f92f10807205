"""The columns of each file of published numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from replication.published.tables import Column, Schema
from replication.specification.tasks.atari_games import ATARI57, ATARI100K26, NATURE49

ReferenceSetName = Literal["nature49_5min", "atari57_30min", "atari57_human_starts"]
Start = Literal["noop30", "human_starts", "sticky"]
Origin = Literal["transcribed", "derived", "memory"]
Layout = Literal[
    "scores",
    "curves",
    "curves by step",
    "agents and versions",
    "nature table 2",
    "nature table 3",
    "nature table 4",
    "trials",
    "single runs",
]

SingleRunQuantity = Literal["mean of the last 100", "solved", "best mean of 100", "final evaluation"]
"""The mean after an episode; the episode at which the mean is high enough; the highest such mean up to an episode; the
mean return of the trained policy."""
EpisodesScored = Literal["final evaluation", "periodic evaluations", "training", "trials", "unknown"]
NetworkScored = Literal["best", "final", "in training", "no training", "not stated", "unknown"]
RunStatistic = Literal[
    "mean",
    "highest mean of each run",
    "highest mean over runs",
    "mean of evaluations",
    "moving mean",
    "share",
    "unknown",
]
OverRuns = Literal["mean", "one run", "no training", "not stated", "unknown"]
ReadFrom = Literal[
    "a transcription of the paper's table",
    "a quotation by others",
    "data of the authors",
    "a table of the authors",
    "a figure of the authors",
]

DOPAMINE_AGENTS: Final = ("DQN", "C51", "Rainbow", "IQN", "DQN_Adam_MSE_JAX", "Quantile_JAX")
_UNSCORED_GAMES: Final = ("air_raid", "carnival", "elevator_action", "journey_escape", "pooyan")
"""Of Dopamine's 60 games those without published random and human scores: their curves are data, no run plays them."""
DOPAMINE_GAMES: Final = tuple(sorted({*ATARI57, *_UNSCORED_GAMES} - {"defender", "surround"}))
DQN_ZOO_AGENTS: Final = ("DQN", "Double DQN", "Prioritized DQN", "C51", "QR-DQN", "IQN", "Rainbow")
_ABLATION_GAMES: Final = ("breakout", "enduro", "riverraid", "seaquest", "space_invaders")


@dataclass(frozen=True)
class Convention:
    """A paper's way to normalize the scores of its aggregates.

    Attributes:
        references: the random and human scores.
        pinball_random_zero: whether the random score of Video Pinball is taken as 0.
        absolute_gap: whether the denominator is |human - random| and not human - random.
    """

    references: ReferenceSetName
    pinball_random_zero: bool = False
    absolute_gap: bool = False


CONVENTIONS: Final = {
    "Nature random/human": Convention("nature49_5min"),
    "human-start random/human, signed": Convention("atari57_human_starts"),
    "human-start random/human, |human-random|": Convention("atari57_human_starts", absolute_gap=True),
    "human-start random/human, Video Pinball random=0": Convention("atari57_human_starts", pinball_random_zero=True),
    "57-set random/human, Video Pinball random=0": Convention("atari57_30min", pinball_random_zero=True),
}
"""What stands in the column `convention_used` of aggregates.csv."""

_TEXT = Column()
_REMARK = Column(blank=True)
_NUMBER = Column("number")
_UNSURE = Column("number", blank=True)
_SPREAD = Column("number", low=0.0)
_GAME = Column(accepted=ATARI57)
_SWITCH = Column(accepted=("on", "off"))
_CHECK = Column(blank=True, accepted=("yes", "no"))
_START = Column(blank=True, accepted=get_args(Start))
_ORIGIN = Column(accepted=get_args(Origin))

SCORES = Schema(
    {
        "game": _GAME,
        "algorithm": _TEXT,
        "score": _NUMBER,
        "std": Column("number", blank=True, low=0.0),
        "frames_millions": Column("number", blank=True, low=0.0),
        "start": _START,
        "cap_frames": Column("count", blank=True, low=1.0),
        "reference_set": Column(blank=True, accepted=get_args(ReferenceSetName)),
        "game_set": _TEXT,
        "origin": _ORIGIN,
        "source": _TEXT,
        "confirmed": _TEXT,
        "note": _REMARK,
    },
    key=("algorithm", "game"),
)
"""A file of per-game scores: scores/*.csv. Which games an algorithm has is checked from its `game_set`."""

CURVES = Schema(
    {"game": _GAME, "agent": _TEXT, "frames_millions": Column("number", low=0.0), "score_mean": _NUMBER}
    | {"score_std": Column("number", blank=True, low=0.0)}
    | dict.fromkeys(("score_min", "score_max", "band_low", "band_high"), _UNSURE)
    | {"runs": Column("count", low=1.0)},
    key=("agent", "game", "frames_millions"),
)
"""A file of learning curves: curves/*.csv.gz. Which games and points an agent has differs from curve to curve."""

CURVES_BY_STEP: Final = Schema(
    dict.fromkeys(("task", "environment", "agent"), _TEXT)
    | {"step": Column("count"), "printed_step": Column("count"), "mean": _UNSURE}
    | {"deviation": Column("number", blank=True, low=0.0), "n": Column("count", low=1.0), "runs": _REMARK}
    | {"statistic": _TEXT, "episodes": Column("count", blank=True, low=1.0), "noise": _REMARK, "smoothing": _TEXT},
    key=("agent", "task", "step"),
)
"""A file of learning curves of continuous control: curves_by_step/*.csv.gz, with single runs where they are known."""

_SINGLE_RUNS = Schema(
    {"task": _TEXT, "version": _TEXT, "algorithm": _TEXT}
    | {"quantity": Column(accepted=get_args(SingleRunQuantity)), "episode": Column("count", blank=True, low=1.0)}
    | {"value": _NUMBER, "what_it_is": _TEXT, "origin": _ORIGIN, "source": _TEXT, "confirmed": _TEXT},
    key=("task", "algorithm", "quantity", "episode"),
)
"""A file of what was printed of one run an agent."""

TABLES: Final[dict[str, tuple[str, Schema]]] = {
    "nature_2015_table1_hyperparameters": (
        "nature_2015_table1_hyperparameters.csv",
        Schema(
            dict.fromkeys(("name", "value"), _TEXT)
            | dict.fromkeys(("unit", "description", "released_lua_code"), _REMARK)
            | {"confirmed": _TEXT},
            key=("name",),
        ),
    ),
    "nature_2015_table2": (
        "nature_2015_table2.csv",
        Schema(
            {"game": _GAME}
            | dict.fromkeys(("random", "human", "dqn_mean", "dqn_normalized_percent"), _NUMBER)
            | {"dqn_std": _SPREAD}
            | dict.fromkeys(("percent_low", "percent_high", "linear", "contingency"), _NUMBER)
            | {"confirmed": _TEXT},
            key=("game",),
            complete={"game": NATURE49},
        ),
    ),
    "nature_2015_table3_ablation": (
        "nature_2015_table3_ablation.csv",
        Schema(
            {"game": _GAME, "replay": _SWITCH, "target_network": _SWITCH, "score": _NUMBER}
            | {"train_steps_millions": _SPREAD, "statistic": _TEXT, "confirmed": _TEXT},
            key=("game", "replay", "target_network"),
            complete={"game": _ABLATION_GAMES, "replay": ("on", "off"), "target_network": ("on", "off")},
        ),
    ),
    "nature_2015_table4_linear": (
        "nature_2015_table4_linear.csv",
        Schema(
            {"game": _GAME, "dqn": _NUMBER, "linear": _NUMBER, "train_steps_millions": _SPREAD, "confirmed": _TEXT},
            key=("game",),
            complete={"game": _ABLATION_GAMES},
        ),
    ),
    "atari57_references": (
        "atari57_references.csv",
        Schema(
            {"game": _GAME}
            | dict.fromkeys(("random_noop", "human_noop", "random_human_starts", "human_human_starts"), _NUMBER)
            | {"confirmed_noop": _TEXT, "confirmed_human_starts": _TEXT},
            key=("game",),
            complete={"game": ATARI57},
        ),
    ),
    "atari100k_scores": (
        "atari100k_scores.csv",
        Schema(
            {"game": _GAME, "algorithm": _TEXT, "version": _TEXT, "runs": Column("count", blank=True, low=1.0)}
            | {"score": _NUMBER, "std_over_runs": Column("number", blank=True, low=0.0), "median_over_runs": _UNSURE}
            | {"origin": _ORIGIN, "source": _TEXT, "confirmed": _TEXT},
            key=("algorithm", "version", "game"),
            complete={"game": ATARI100K26},
        ),
    ),
    "atari100k_aggregates": (
        "atari100k_aggregates.csv",
        Schema(
            {"algorithm": _TEXT, "version": _TEXT, "runs": Column("count", blank=True, low=1.0)}
            | dict.fromkeys(("published_mean", "published_median", "iqm_recomputed"), _UNSURE)
            | dict.fromkeys(("iqm_ci95_low", "iqm_ci95_high", "recomputed_mean", "recomputed_median"), _UNSURE)
            | {"recomputed_optimality_gap": _UNSURE, "origin": _ORIGIN, "source": _TEXT},
            key=("algorithm", "version"),
        ),
    ),
    "aggregates": (
        "aggregates.csv",
        Schema(
            {"paper": _TEXT, "algorithm": _TEXT, "start": _START, "games": Column("count", low=1.0, high=57.0)}
            | {"published_median_percent": _NUMBER, "published_mean_percent": _UNSURE}
            | dict.fromkeys(("recomputed_median_percent", "recomputed_mean_percent"), _NUMBER)
            | {"median_reproduces": _CHECK, "mean_reproduces": _CHECK}
            | {"convention_used": Column(accepted=tuple(CONVENTIONS))}
            | dict.fromkeys(("scores_file", "scores_algorithm"), _TEXT)
            | {"origin": _ORIGIN, "confirmed": _TEXT, "note": _REMARK},
            key=("paper", "algorithm", "start"),
        ),
    ),
    "dqn_zoo_summary_curves": (
        "dqn_zoo_summary_curves.csv",
        Schema(
            {"agent": _TEXT, "frames_millions": Column("count"), "statistic": _TEXT, "value_percent": _NUMBER}
            | {"vertex": Column(accepted=("stored", "interpolated"))},
            key=("agent", "statistic", "frames_millions"),
            complete={
                "agent": DQN_ZOO_AGENTS,
                "statistic": ("median_over_seeds", "band_low", "band_high"),
                "frames_millions": tuple(str(frames) for frames in range(201)),
            },
        ),
    ),
    "dopamine_curves": (
        "dopamine_curves.csv.gz",
        Schema(
            {"game": Column(accepted=DOPAMINE_GAMES), "agent": _TEXT, "frames_millions": Column("count")}
            | {"score_mean": _NUMBER}
            | {"score_std": _SPREAD, "score_min": _NUMBER, "score_max": _NUMBER, "runs": Column("count", low=1.0)},
            key=("game", "agent", "frames_millions"),
            complete={
                "game": DOPAMINE_GAMES,
                "agent": DOPAMINE_AGENTS,
                "frames_millions": tuple(str(frames) for frames in range(1, 200)),
            },
        ),
    ),
    "judges": (
        "judges.csv",
        Schema(
            {"name": _TEXT, "layout": Column(accepted=get_args(Layout))}
            | dict.fromkeys(
                ("protocol", "other_protocols", "best_of", "stand_in", "stand_in_agent", "floor", "human"), _REMARK
            )
            | {"frames_millions": Column("number", blank=True, low=0.0)}
            | {"reference_agent": _REMARK, "reference_step": Column("count", blank=True, low=1.0)}
            | dict.fromkeys(("aggregates", "title", "short_title"), _REMARK)
            | {"origin": _ORIGIN, "source": _TEXT, "confirmed": _TEXT},
            key=("name",),
        ),
    ),
    "recipes": (
        "recipes.csv",
        Schema(
            {"source": _TEXT, "algorithm": _TEXT}
            | {"episodes": Column(accepted=get_args(EpisodesScored))}
            | {"network": Column(accepted=get_args(NetworkScored)), "window": _TEXT, "policy": _TEXT}
            | {"statistic": Column(accepted=get_args(RunStatistic))}
            | {"over_runs": Column(accepted=get_args(OverRuns)), "runs": _TEXT, "spread": _TEXT}
            | {"read_from": Column(accepted=get_args(ReadFrom)), "exactness": _TEXT, "known_from": _TEXT},
            key=("source", "algorithm"),
        ),
    ),
    "nfq_2005_table1": (
        "nfq_2005_table1.csv",
        Schema(
            {"training_episodes": Column("count", low=1.0), "trials": Column("count", low=1.0)}
            | {"successful": Column("count"), "printed_percent": Column("number", low=0.0, high=100.0)}
            | {"origin": _ORIGIN, "source": _TEXT, "confirmed": _TEXT},
            key=("training_episodes",),
            complete={"training_episodes": ("50", "100", "150", "200", "300", "400")},
        ),
    ),
    **{name: (f"{name}.csv", _SINGLE_RUNS) for name in ("udacity_course", "sb3_zoo_control")},
    "two_point_tasks": (
        "two_point_tasks.csv",
        Schema(
            {"task": _TEXT, "ceiling": _NUMBER, "why": _TEXT, "origin": _ORIGIN, "source": _TEXT, "confirmed": _TEXT},
            key=("task",),
        ),
    ),
    "tabular_and_control": (
        "tabular_and_control.csv",
        Schema(
            {"system": _TEXT, "quantity": _TEXT, "algorithm": _REMARK, "value": _TEXT, "unit": _REMARK}
            | {"what_it_is": _REMARK, "origin": _ORIGIN, "source": _TEXT, "confirmed": _TEXT},
            key=("system", "quantity", "algorithm"),
        ),
    ),
}
"""Name of a table: file and schema."""
