"""Sticky actions: when they are drawn, what they repeat, and that they are part of the state."""

from __future__ import annotations

import numpy as np

from replication.environments.atari.presentation import PresentedGame
from replication.specification.protocols import Presentation
from tests.support.scripted_emulator import PLAIN, Painted, ScriptedConsole, present


def test_d1_stickiness_is_drawn_every_frame_and_starts_from_the_noop_at_every_reset() -> None:
    console = ScriptedConsole()
    game = present(console, PLAIN.model_copy(update={"sticky_probability": 0.25}), skip=1)
    repeated_first = kept = switched = 0
    for _ in range(4000):
        console.given.clear()
        game.begin_episode()
        game.step(1)
        repeated_first += console.given[1] == 0
        game.step(2)
        kept += console.given[2] == console.given[1]
        switched += console.given[2] == 2
    # Four standard errors of a proportion of 0.25 over 4,000 draws: 0.027.
    assert abs(repeated_first / 4000 - 0.25) < 0.027
    assert abs(kept / 4000 - 0.25) < 0.027
    assert kept + switched == 4000


class Draws:
    """A stream whose draws are known."""

    def __init__(self, *draws: float) -> None:
        self.draws = list(draws)

    def random(self) -> float:
        return self.draws.pop(0)


def test_stickiness_repeats_what_was_executed_and_holds_for_noop_frames_too() -> None:
    console = ScriptedConsole(lives=lambda frame: 3 if frame < 9 else 2)
    shown = Presentation(
        frame_skip=4,
        sticky_probability=0.25,
        life_loss_ends_trajectory=True,
        noops_after_game_over_frames=(1, 1),
        noops_after_life_loss_frames=(2, 2),
        episode_cap_frames=None,
    )
    kept, new = 0.2499, 0.25
    draws = Draws(new, *(new, kept, kept, new), *(kept, kept, new, kept), *(kept, new), *(kept, new))
    game = PresentedGame(console, shown, Painted(), 4, np.random.default_rng(0), draws)  # type: ignore[arg-type]
    game.begin_episode()
    game.step(2)
    game.step(3)
    assert console.given == ["reset", 0, 2, 2, 2, 2, 2, 2, 3, 3]
    assert game.begin_trajectory() is False
    assert console.given[10:] == [3, 0]
    console.given.clear()
    game.begin_episode()
    assert console.given == ["reset", 0]
    assert draws.draws == [new]


def test_what_was_executed_last_is_part_of_the_state() -> None:
    shown = PLAIN.model_copy(update={"sticky_probability": 0.25})
    one, other = present(ScriptedConsole(), shown, skip=1), ScriptedConsole()
    one.begin_episode()
    one.step(3)
    restored = PresentedGame(other, shown, Painted(), 1, np.random.default_rng(0), Draws(0.0))  # type: ignore[arg-type]
    restored.restore(one.state())
    restored.step(1)
    assert other.given == [3]


def test_without_stickiness_its_stream_is_left_alone() -> None:
    stream = np.random.default_rng(5)
    game = PresentedGame(ScriptedConsole(), PLAIN, Painted(), 4, np.random.default_rng(0), stream)
    game.begin_episode()
    game.step(1)
    assert stream.random() == np.random.default_rng(5).random()
