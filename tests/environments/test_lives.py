"""What a lost life does to the action repeat, the count of lives and the next frame (A1, Q1, T1, SP1, SP13, SP17)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from replication.environments.atari.emulator import Emulator, open_emulator
from replication.environments.atari.frames import frame_pipeline
from replication.environments.atari.palette import palette_gray
from replication.environments.atari.presentation import PresentedGame
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.loading import known_names, load_protocol, load_variant
from tests.support.lanes import build, smoke_run
from tests.support.scripted_emulator import PLAIN, Painted, ScriptedConsole, present

SPR = load_protocol("atari100k_spr")
PLAIN_LIVES = PLAIN.model_copy(update={"life_loss_ends_trajectory": True})
HUNDRED = load_protocol("atari100k").training


class Dopamine2021:
    """The frames of Dopamine's AtariPreprocessing at c67e2c3 (atari_lib.py:405-515) with terminal_on_life_loss."""

    def __init__(self, console: Emulator) -> None:
        self.console = console
        self.buffer = np.zeros((2, 210, 160), dtype=np.uint8)
        self.gray = np.repeat(palette_gray(), 2)
        self.lives = 0

    def fetch(self, place: int) -> None:
        screen = np.empty((210, 160), dtype=np.uint8)
        self.console.read_screen(screen)
        self.buffer[place] = self.gray[screen]

    def pool(self) -> NDArray[np.uint8]:
        import cv2

        np.maximum(self.buffer[0], self.buffer[1], out=self.buffer[0])
        resized: NDArray[np.uint8] = cv2.resize(self.buffer[0], (84, 84), interpolation=cv2.INTER_AREA)
        return resized

    def reset(self) -> NDArray[np.uint8]:
        self.console.reset()
        self.lives = self.console.lives
        self.fetch(0)
        self.buffer[1] = 0
        return self.pool()

    def step(self, action: int) -> tuple[NDArray[np.uint8], bool]:
        is_terminal = False
        for time_step in range(4):
            self.console.act(self.console.minimal_actions[action])
            is_terminal = self.console.terminated or self.console.lives < self.lives
            self.lives = self.console.lives
            if is_terminal:
                break
            if time_step >= 2:
                self.fetch(time_step - 2)
        return self.pool(), is_terminal


def presented(game: str, *, clears: bool) -> PresentedGame:
    streams = np.random.default_rng(0), np.random.default_rng(0)
    pipeline = frame_pipeline("dopamine", 4)
    return PresentedGame(open_emulator(game), HUNDRED, pipeline, 4, *streams, life_loss_clears_frames=clears)


@pytest.mark.rom
@pytest.mark.parametrize("game", ["breakout", "seaquest"])
def test_a1_q1_t1_a_life_begins_with_what_dopamine_saw_last(game: str) -> None:
    theirs, ours, cleared = (
        Dopamine2021(open_emulator(game)),
        presented(game, clears=False),
        presented(game, clears=True),
    )
    stream, lives, differing = np.random.default_rng(1), 0, 0
    expected = theirs.reset()
    for each in (ours, cleared):
        each.begin_episode()
    while lives < 8:
        np.testing.assert_array_equal(ours.observation, expected)
        action = int(stream.integers(ours.num_actions))
        expected, ended = theirs.step(action)
        result, _ = ours.step(action), cleared.step(action)
        assert ended == (result.terminated or result.life_lost)
        if result.terminated:
            expected = theirs.reset()
            for each in (ours, cleared):
                each.begin_episode()
        elif result.life_lost:
            lives += 1
            for each in (ours, cleared):
                each.begin_trajectory()
            differing += not np.array_equal(ours.observation, cleared.observation)
    assert differing > 0


def test_a_frame_that_loses_a_life_is_not_fetched_where_it_stops_the_repeat() -> None:
    """Screens grow darker: where nothing is cleared, the last frame of the step before is still the brighter one."""
    console = ScriptedConsole(lives=lambda frame: 3 if frame < 8 else 2)
    console.read_screen = lambda out: out.fill(2 * max(8 - console.frame, 0))  # type: ignore[method-assign]
    streams = np.random.default_rng(0), np.random.default_rng(0)
    gray, levels = palette_gray(), {}
    for clears in (True, False):
        pipeline = frame_pipeline("dopamine", 4)
        game = PresentedGame(console, PLAIN_LIVES, pipeline, 4, *streams, life_loss_clears_frames=clears)  # type: ignore[arg-type]
        game.begin_episode()
        game.step(1)
        assert game.step(1).life_lost and console.frame == 8
        game.begin_trajectory()
        levels[clears] = set(game.observation.flat)
    assert levels == {True: {gray[0]}, False: {gray[4]}}  # of frame 8; of frames 7 and 4


def test_a1_q1_t1_of_a_lane_that_keeps_its_frames_a_checkpoint_restores_every_row() -> None:
    def lane() -> Any:
        return build(smoke_run("der_dopamine")).lane

    whole, stopped, continued = lane(), lane(), lane()
    assert not whole.config.life_loss_clears_frames
    actions = np.random.default_rng(0).integers(0, whole.num_actions, 900)

    def play(played: Any, chosen: NDArray[np.int64]) -> None:
        for action in chosen:
            played.step += 1
            played.play(int(action))

    play(whole, actions)
    play(stopped, actions[:500])
    continued.restore(stopped.past())
    play(continued, actions[500:])
    one, other = (each.memory.sample(np.random.default_rng(0), 200) for each in (whole, continued))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
    assert whole.stack.tobytes() == continued.stack.tobytes() and len(whole.episodes) > 3


def test_h12_f9_screens_are_forgotten_at_a_new_life_but_by_dopamines_agents() -> None:
    """Of agents whose lives end trajectories; DQN's program, which others build on, does so in GameScreen.lua:53-59."""
    variants = [load_variant(name) for name in known_names("algorithms")]
    shown = {each.variant: load_protocol(each.protocol).training for each in variants}
    losing = [each for each in variants if getattr(shown[each.variant], "life_loss_ends_trajectory", False)]
    keeping = {each.variant for each in losing if not each.config.get("life_loss_clears_frames", True)}
    assert keeping == {"der_dopamine", "drq", "drq_eps", "otrainbow"}
    assert OffPolicyConfig.model_fields["life_loss_clears_frames"].default is True


def test_sp17_an_action_outlasts_a_lost_life_and_lives_are_looked_at_after_it() -> None:
    console = ScriptedConsole(reward=lambda frame: 1, lives=lambda frame: 3 if frame < 41 else 2)
    game = present(console, SPR.training)
    game.begin_episode()
    console.given.clear()
    while not (result := game.step(1)).life_lost:
        pass
    assert console.given == [1] * len(console.given) and len(console.given) % 4 == 0
    assert (result.reward, game.episode_frames % 4) == (4.0, 0)
    # Lost and won back within a repeat is not lost.
    back = ScriptedConsole(lives=lambda frame: 2 if frame % 4 == 2 else 3)
    game = present(back, PLAIN_LIVES.model_copy(update={"life_loss_stops_repeat": False}))
    game.begin_episode()
    assert not any(game.step(1).life_lost for _ in range(5))


def test_sp17_a_life_counts_only_while_lives_are_left() -> None:
    console = ScriptedConsole(lives=lambda frame: 1 if frame < 6 else 0, over_at=60)
    game = present(console, PLAIN_LIVES.model_copy(update={"last_life_counts": False}))
    game.begin_episode()
    results = [game.step(1) for _ in range(15)]
    assert not any(result.life_lost for result in results)
    assert [result.terminated for result in results] == [False] * 14 + [True]
    counted = present(ScriptedConsole(lives=lambda frame: 1 if frame < 6 else 0), PLAIN_LIVES)
    counted.begin_episode()
    assert [counted.step(1).life_lost for _ in range(2)] == [False, True]


def test_sp1_sp13_noops_are_2_to_31_at_a_start_and_one_after_a_life_whose_screen_is_seen_alone() -> None:
    starts, after = set(), set()
    for seed in range(300):
        console, painted = ScriptedConsole(lives=lambda frame: 3 if frame < 40 else 2), Painted()
        game = present(console, SPR.training, pipeline=painted, seed=seed)
        game.begin_episode()
        starts.add(game.noop_frames)
        while not game.step(1).life_lost:
            pass
        painted.log.clear()
        before = console.frame
        assert not game.begin_trajectory()
        after.add(console.frame - before)
        assert painted.log == ["clear", before + 1]
    assert (min(starts), max(starts), after) == (2, 31, {1})
    assert SPR.final_evaluation is not None
    assert SPR.final_evaluation.presentation.noops_after_game_over_frames == (2, 31)
    assert SPR.final_evaluation.presentation.episode_cap_frames == SPR.training.episode_cap_frames == 4 * 27_001
