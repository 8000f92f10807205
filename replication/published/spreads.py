"""The spread between runs that stands in where a paper prints none: of the same game, after as much training."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np

from replication.foundation.errors import unknown_name
from replication.published.curves import dopamine_curve
from replication.published.loader import PUBLISHED, published_table
from replication.published.references import reference_set
from replication.specification.tasks.atari_games import ATARI100K26

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
    if source == "atari100k_scores":
        return hundred_cv(game, folder)
    return between_run_cv(game, frames_millions=frames // 1_000_000, folder=folder)


def between_run_cv(
    game: str, agent: str = "DQN", frames_millions: int = _CURVE_ENDS_MILLIONS, folder: Path = PUBLISHED
) -> float:
    """Compute the coefficient of variation between runs of a game, a plain ratio (0.1 = 10 %).

    With mean(t) and std(t) over the runs at the 10 points t of Dopamine's curve up to `frames_millions` (190 to 199
    million frames for longer trainings), and random and human of the 30-minute, 57-game set:

        cv = sqrt(average of std(t)^2) / max(|average of mean(t) - random|, 0.01 |human - random|)

    so that `cv * |normalised score|` is a standard deviation between runs in normalised points. Distances are taken
    from the random score, because that is where normalised points start. The lower limit of one normalised point keeps
    games in which nothing is learned (Montezuma's Revenge) from having an endless spread. The return of one iteration
    stands in std(t), so its own sampling noise is included: a little wide rather than a little narrow.

    Raises:
        ReplicationError: no such curve, or a file is damaged.
    """
    curve = dopamine_curve(game, agent, folder)
    end = curve[curve["frames_millions"] <= max(frames_millions, 1)].tail(_CV_POINTS)
    references = reference_set("atari57_30min", folder)
    random, human = references.random[game], references.human[game]
    spread = math.sqrt(float((end["score_std"] ** 2).mean()))
    return spread / _gap(float(end["score_mean"].mean()), random, human)


@cache
def hundred_cv(game: str, folder: Path = PUBLISHED) -> float:
    """Compute the coefficient of variation between runs of a game after 400,000 frames, a plain ratio.

    The median over the agents of Atari 100k whose single runs are published (CURL, DrQ(eps), SPR, SimPLe; 5 to 100 runs
    each), of the standard deviation over runs by the distance of their mean from random play, at least 0.01 of that
    of the human tester. Runs differ far more after two hours of play than after 200 million frames: on Road Runner by
    0.35 to 0.70 of their mean, where those of `between_run_cv` differ by 0.06.

    Raises:
        ReplicationError: no game of Atari 100k, or the file is damaged.

    Source: google-research/rliable 3ccd9f4 (Agarwal et al. 2021), as atari100k_scores.csv has it.
    """
    if game not in ATARI100K26:
        raise unknown_name("game of Atari 100k", game, ATARI100K26)
    references = reference_set("atari57_30min", folder)
    table = published_table("atari100k_scores", folder=folder)
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
