"""The spread between runs that stands in where a paper prints none: of the same game, after as much training."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np

from replication.foundation.errors import ReplicationError, unknown_name
from replication.published.curves import training_curve
from replication.published.judges import find_judge
from replication.published.loader import PUBLISHED, published_table
from replication.published.references import reference_set

_CV_POINTS = 10
"""Points of a curve, the last ones, that the coefficient of variation is taken over."""
_CURVE_ENDS_MILLIONS = 199
_LEAST_GAP_PERCENT = 1.0
"""A curve that ends nearer to the random score than this is treated as if it ended this far from it."""


def stand_in_cv(source: str, game: str, frames: int, folder: Path = PUBLISHED) -> float:
    """Compute the coefficient of variation between runs where a source prints one number, a plain ratio.

    Args:
        source: the published source's name.
        game: ROM id.
        frames: emulator frames of training of the published agent.
        folder: where the files lie.

    Raises:
        ReplicationError: none is known for this game, or a file is damaged.
    """
    judge = find_judge(source, folder)
    if not judge.stand_in:
        raise ReplicationError(
            f"{folder / 'judges.csv'}: {source}: stand_in: found none, expected the source whose spread stands in; "
            "name it"
        )
    if find_judge(judge.stand_in, folder).layout == "curves":
        return between_run_cv(judge.stand_in, game, judge.stand_in_agent, frames // 1_000_000, folder)
    return median_run_cv(judge.stand_in, game, folder)


def stand_in_text(source: str, folder: Path = PUBLISHED) -> str:
    """Say for a caption where a spread between runs comes from that a source does not print."""
    judge = find_judge(source, folder)
    if not judge.stand_in:
        return "No spread between runs stands in where none was published."
    other = find_judge(judge.stand_in, folder)
    if other.layout == "curves":
        return f"A stand-in spread is that of {other.short_title} of the same game, after as many frames of training."
    return (
        f"A stand-in spread is the median one of the agents of {other.short_title} whose single runs are published, "
        "on the same game."
    )


def between_run_cv(
    source: str, game: str, agent: str, frames_millions: int = _CURVE_ENDS_MILLIONS, folder: Path = PUBLISHED
) -> float:
    """Compute the coefficient of variation between runs of a game, a plain ratio (0.1 = 10 %).

    With mean(t) and std(t) over the runs at the 10 points t of the source's curve up to `frames_millions` (190 to 199
    million frames for longer trainings), and random and human of the 30-minute, 57-game set:

        cv = sqrt(average of std(t)^2) / max(|average of mean(t) - random|, 0.01 |human - random|)

    so that `cv * |normalized score|` is a standard deviation between runs in normalized points. Distances are taken
    from the random score, because that is where normalized points start. The lower limit of one normalized point keeps
    games in which nothing is learned (Montezuma's Revenge) from having an endless spread. The return of one iteration
    stands in std(t), so its own sampling noise is included: a little wide rather than a little narrow.

    Raises:
        ReplicationError: no such curve, or a file is damaged.
    """
    curve = training_curve(source, game, agent, folder)
    end = curve[curve["frames_millions"] <= max(frames_millions, 1)].tail(_CV_POINTS)
    references = reference_set("atari57_30min", folder)
    random, human = references.random[game], references.human[game]
    spread = math.sqrt(float((end["score_std"] ** 2).mean()))
    return spread / _gap(float(end["score_mean"].mean()), random, human)


@cache
def median_run_cv(source: str, game: str, folder: Path = PUBLISHED) -> float:
    """Compute the coefficient of variation between runs of a game over the agents of a source, a plain ratio.

    The median over the agents whose single runs are published (Atari 100k: CURL, DrQ(eps), SPR, SimPLe; 5 to 100 runs
    each), of the standard deviation over runs by the distance of their mean from random play, at least 0.01 of that
    of the human tester. Runs differ far more after two hours of play than after 200 million frames: on Road Runner by
    0.35 to 0.70 of their mean, where those of `between_run_cv` differ by 0.06.

    Raises:
        ReplicationError: no game of the source, or the file is damaged.

    Source: google-research/rliable 3ccd9f4 (Agarwal et al. 2021), as atari100k_scores.csv has it.
    """
    references = reference_set("atari57_30min", folder)
    table = published_table(source, folder=folder)
    if game not in set(table["game"]):
        raise unknown_name(f"game in {source}", game, set(table["game"]))
    rows = table[(table["game"] == game) & table["std_over_runs"].notna()]
    return float(
        np.median(
            [
                spread / _gap(score, references.random[game], references.human[game])
                for score, spread in zip(rows["score"], rows["std_over_runs"], strict=True)
            ]
        )
    )


def _gap(score: float, random: float, human: float) -> float:
    """Compute the distance of a score from random play, in the game's points, kept from vanishing."""
    return max(abs(score - random), _LEAST_GAP_PERCENT / 100.0 * abs(human - random))
