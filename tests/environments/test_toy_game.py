"""Catch: what it pays, and that its states continue exactly."""

from __future__ import annotations

import numpy as np

from replication.environments.atari.toy_console import ToyConsole
from replication.environments.atari.toy_game import BALL_PIXELS, LEFT, PADDLE_PIXELS, RIGHT, Catch


def _return(choose) -> int:
    game, total = Catch(), 0
    for _ in range(20):
        game.reset()
        while not game.game_over:
            total += game.act(choose(game))
    return total


def test_following_the_ball_catches_all_and_random_play_few() -> None:
    def follow(game: Catch) -> int:
        ball, paddle = game._column + BALL_PIXELS // 2, game._paddle + PADDLE_PIXELS // 2
        return 0 if abs(ball - paddle) < 8 else RIGHT if ball > paddle else LEFT

    stream = np.random.default_rng(0)
    assert _return(follow) == 200
    assert _return(lambda game: int(stream.choice(game.minimal_actions))) < 100


def test_a_saved_game_continues_exactly_through_resets() -> None:
    game, other = Catch(), Catch()
    for _ in range(500):
        game.act(RIGHT)
    other.restore(game.save())
    for _ in range(3):
        for console in (game, other):
            console.reset()
        while not game.game_over:
            assert game.act(LEFT) == other.act(LEFT)
            assert game.ram().tobytes() == other.ram().tobytes()
        assert other.game_over


def test_a_cold_reset_begins_where_a_new_console_does() -> None:
    played, fresh = ToyConsole(), ToyConsole()
    for _ in range(500):
        played.act(RIGHT)
    played.reset()
    assert played.save() != fresh.save()
    played.reset(cold=True)
    assert played.save() == fresh.save()
