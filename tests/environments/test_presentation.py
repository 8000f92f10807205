"""How games are presented, on a scripted console (fidelity rows E1, E5 to E11, V9, V11) and on real ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.frames import frame_pipeline
from replication.environments.atari.presentation import PresentedGame
from replication.specification.loading import load_protocol
from tests.support.scripted_emulator import PLAIN, Painted, ScriptedConsole, present

NATURE = load_protocol("nature").training


def test_e1_an_action_is_held_for_four_frames_and_rewards_are_summed_raw() -> None:
    console = ScriptedConsole(reward=lambda frame: 1)
    game = present(console)
    game.begin_episode()
    result = game.step(2)
    assert console.given == ["reset", 2, 2, 2, 2]
    assert (result.reward, game.episode_return, game.episode_frames) == (4.0, 4.0, 4)
    assert result[1:] == (False, False, False)


def test_e1_d6_a_repeat_stops_at_game_over() -> None:
    console = ScriptedConsole(reward=lambda frame: frame, over_at=6)
    game = present(console)
    game.begin_episode()
    game.step(1)
    result = game.step(1)
    assert result.terminated
    assert not result.truncated
    assert result.reward == 5 + 6


def test_e5_a_life_lost_in_any_frame_ends_the_step_there_in_training() -> None:
    console = ScriptedConsole(reward=lambda frame: 1, lives=lambda frame: 3 if frame < 3 else 2)
    game = present(console, PLAIN.model_copy(update={"life_loss_ends_trajectory": True}))
    game.begin_episode()
    result = game.step(1)
    assert (result.reward, result.life_lost, result.terminated, result.truncated) == (3.0, True, False, False)


def test_v5_a_lost_life_is_told_but_cuts_nothing_in_evaluation() -> None:
    console = ScriptedConsole(reward=lambda frame: 1, lives=lambda frame: 3 if frame < 3 else 2)
    game = present(console)
    game.begin_episode()
    result = game.step(1)
    assert (result.reward, result.life_lost, result.ended) == (4.0, True, False)
    assert not game.step(1).life_lost


def test_a_life_won_is_not_lost_and_one_lost_and_won_back_within_a_step_is() -> None:
    lives = {0: 3, 1: 3, 2: 4, 3: 4, 4: 4, 5: 4, 6: 3, 7: 4, 8: 4}
    game = present(ScriptedConsole(lives=lives.__getitem__))
    game.begin_episode()
    assert not game.step(1).life_lost
    assert game.step(1).life_lost


def test_e6_a_lost_life_never_resets_and_e7_its_noops_are_2_to_31() -> None:
    counts = []
    for seed in range(400):
        console = ScriptedConsole(lives=lambda frame: 3 if frame < 50 else 2)
        game = present(console, NATURE, seed=seed)
        game.begin_episode()
        while not game.step(1).life_lost:
            pass
        before = len(console.given)
        assert not game.begin_trajectory()
        noops = console.given[before:]
        assert set(noops) == {0}
        counts.append(len(noops))
        assert console.given.count("reset") == 1
    assert (min(counts), max(counts)) == (2, 31)


def test_e7_noops_after_game_over_are_1_to_30_and_uniform() -> None:
    console = ScriptedConsole()
    game = present(console, NATURE)
    counts = []
    for _ in range(3000):
        console.given.clear()
        game.begin_episode()
        assert console.given[0] == "reset"
        assert set(console.given[1:]) == {0}
        counts.append(len(console.given) - 1)
        assert game.noop_frames == counts[-1]
    assert (min(counts), max(counts)) == (1, 30)
    assert stats.chisquare(np.bincount(counts)[1:]).pvalue > 1e-3


def test_e7_a_game_over_within_the_noops_after_a_life_gives_its_noop_to_the_reset() -> None:
    console = ScriptedConsole(lives=lambda frame: 3 if 0 < frame < 50 else 2, over_at=52)
    exactly_five = NATURE.model_copy(update={"noops_after_life_loss_frames": (5, 5)})
    game = present(console, exactly_five)
    game.begin_episode()
    while console.frame < 50:
        game.step(1)
    before = len(console.given)
    assert game.begin_trajectory()
    ahead = 52 - 50
    assert console.given[before:] == [0] * ahead + ["reset"] + [0] * (5 - ahead - 1)
    assert (game.episode_return, game.episode_frames) == (0.0, 0)


def test_e7_a_game_over_at_the_end_of_its_noop_start_begins_again() -> None:
    console = ScriptedConsole(over_at=5)
    game = present(console, PLAIN.model_copy(update={"noops_after_game_over_frames": (4, 5)}))
    for _ in range(20):
        game.begin_episode()
        assert console.given[-5:] == ["reset", 0, 0, 0, 0]
        assert (console.frame, game.noop_frames) == (4, 4)


def test_where_no_noop_is_drawn_after_a_lost_life_its_screen_is_the_first_frame() -> None:
    for noops, most in ((None, 0), ((0, 1), 1)):
        counts = set()
        for seed in range(20):
            console, painted = ScriptedConsole(lives=lambda frame: 3 if frame < 3 else 2), Painted()
            shown = NATURE.model_copy(
                update={"noops_after_game_over_frames": None, "noops_after_life_loss_frames": noops}
            )
            game = present(console, shown, pipeline=painted, seed=seed)
            game.begin_episode()
            assert game.step(1).life_lost
            assert not game.begin_trajectory()
            assert painted.log == ["clear", 0, 1, 2, 3, "clear", console.frame]
            counts.add(console.frame - 3)
        assert counts == set(range(most + 1))


def test_e8_rewards_of_noops_do_not_count() -> None:
    console = ScriptedConsole(reward=lambda frame: 100)
    game = present(console, NATURE)
    game.begin_episode()
    assert game.episode_return == 0.0
    game.step(0)
    assert game.episode_return == 400.0


def test_e9_every_frame_is_painted_and_the_ring_is_cleared_for_each_game_and_life() -> None:
    console, painted = ScriptedConsole(lives=lambda frame: 3 if frame < 7 else 2), Painted()
    shown = NATURE.model_copy(update={"noops_after_game_over_frames": (2, 2), "noops_after_life_loss_frames": (3, 3)})
    game = present(console, shown, pipeline=painted)
    game.begin_episode()
    game.step(1)
    assert game.step(1).life_lost
    game.begin_trajectory()
    assert painted.log == ["clear", 0, 1, 2, 3, 4, 5, 6, 7, "clear", 8, 9, 10]


def test_e9b_the_first_observation_is_the_maximum_of_the_last_two_noop_frames() -> None:
    # With one no-op: the reset's screen and the no-op's. The palette's color 0 is black, color 7 white.
    console = ScriptedConsole()
    console.read_screen = lambda out: out.fill(14 if console.frame == 0 else 0)  # type: ignore[method-assign]
    shown = NATURE.model_copy(update={"noops_after_game_over_frames": (1, 1)})
    game = present(console, shown, pipeline=frame_pipeline("nature", 4))
    game.begin_episode()
    assert game.observation.min() > 200


def test_e10_nothing_presses_fire() -> None:
    console = ScriptedConsole()
    game = present(console, NATURE)
    for _ in range(50):
        game.begin_episode()
    assert set(console.given) == {"reset", 0}


def test_e11_the_cap_counts_frames_after_the_noops_and_truncates_without_terminating() -> None:
    console = ScriptedConsole()
    game = present(console, NATURE.model_copy(update={"episode_cap_frames": 10}))
    game.begin_episode()
    results = [game.step(1) for _ in range(3)]
    assert [result.truncated for result in results] == [False, False, True]
    assert not any(result.terminated for result in results)
    assert game.episode_frames == 10
    assert console.frame == 10 + game.noop_frames


def test_e4_a_game_that_is_over_at_the_cap_is_terminated_not_truncated() -> None:
    game = present(ScriptedConsole(over_at=8), PLAIN.model_copy(update={"episode_cap_frames": 8}))
    game.begin_episode()
    game.step(1)
    assert game.step(1)[1:3] == (True, False)


def test_a_last_life_lost_is_told_as_two_facts() -> None:
    game = present(
        ScriptedConsole(lives=lambda frame: 1 if frame < 3 else 0, over_at=3),
        PLAIN.model_copy(update={"life_loss_ends_trajectory": True}),
    )
    game.begin_episode()
    assert game.step(1)[1:] == (True, False, True)


def test_v11_an_action_can_be_held_for_six_frames() -> None:
    console = ScriptedConsole()
    game = present(console, skip=6)
    game.begin_episode()
    game.step(1)
    game.step(3)
    assert console.given == ["reset", *[1] * 6, *[3] * 6]


@pytest.mark.rom
@pytest.mark.parametrize("pipeline", ["nature", "dopamine"])
def test_a_game_stored_at_a_lost_life_begins_the_next_one_exactly(pipeline: str) -> None:
    shown = load_protocol("atari100k").training  # no no-op covers up what the restored console shows
    one, other = (present(open_emulator("breakout"), shown, pipeline=frame_pipeline(pipeline, 4)) for _ in range(2))  # type: ignore[arg-type]
    one.begin_episode()
    while not one.step(1).life_lost:
        pass
    other.restore(one.state())
    for game in (one, other):
        game.begin_trajectory()
    assert one.observation.any()
    np.testing.assert_array_equal(other.observation, one.observation)


@pytest.mark.rom
@pytest.mark.parametrize("protocol", ["nature", "sticky"])
@pytest.mark.parametrize("pipeline", ["nature", "dopamine"])
def test_a_stored_game_continues_exactly(protocol: str, pipeline: str) -> None:
    shown = load_protocol(protocol).training

    def play(game: PresentedGame, steps: int, actions: np.random.Generator) -> list[object]:
        seen: list[object] = []
        for _ in range(steps):
            result = game.step(int(actions.integers(game.num_actions)))
            seen += [result, game.observation.tobytes(), game.episode_return, game.episode_frames]
            if result.ended:
                game.begin_episode()
            elif result.life_lost and shown.life_loss_ends_trajectory:
                game.begin_trajectory()
        return seen

    def build(seed: int) -> tuple[PresentedGame, list[np.random.Generator]]:
        streams = [np.random.default_rng(seed), np.random.default_rng(seed + 1)]
        emulator = open_emulator("breakout")
        return PresentedGame(emulator, shown, frame_pipeline(pipeline, 4), 4, *streams), streams  # type: ignore[arg-type]

    one, streams = build(0)
    one.begin_episode()
    play(one, 100, np.random.default_rng(2))
    state, states = one.state(), [stream.bit_generator.state for stream in streams]
    expected = play(one, 200, np.random.default_rng(3))
    other, resumed = build(50)
    other.restore(state)
    for stream, stored in zip(resumed, states, strict=True):
        stream.bit_generator.state = stored
    assert play(other, 200, np.random.default_rng(3)) == expected
