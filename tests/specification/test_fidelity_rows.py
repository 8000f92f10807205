"""Rows of the fidelity tables that no other file tests, each a test named after its row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from replication.algorithms.off_policy.contract import load_algorithm
from replication.environments.atari.frames import NaturePipeline
from replication.environments.atari.palette import palette_rgb
from replication.environments.contract import StepResult, Viewing
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.foundation.random_streams import training_streams
from replication.specification.experiments import load_experiment
from replication.specification.families.off_policy import STREAMS
from replication.specification.loading import load_protocol, load_variant
from replication.training.off_policy.learner import Learner
from replication.training.optimizers import build_optimizer
from replication.training.replay.memory import NO_ACTION, TRUNCATED, ReplayMemory
from tests.support.lanes import RecordingLearner, advance, build, smoke_run
from tests.support.replay_scripts import build as build_memory
from tests.support.replay_scripts import numbered_frame, numbers


class OneScreen:
    """A console that shows one screen."""

    def __init__(self, screen: np.ndarray) -> None:
        self.screen = screen

    def read_screen(self, out: np.ndarray) -> None:
        out[:] = self.screen


def nature_frame(screen: np.ndarray) -> np.ndarray:
    pipeline, frame = NaturePipeline(), np.zeros((84, 84), dtype=np.uint8)
    pipeline.clear()
    pipeline.paint(OneScreen(screen), None)
    pipeline.grab(frame)
    return frame


def test_i2_luminance_of_every_color() -> None:
    for index, (red, green, blue) in enumerate(palette_rgb().astype(float)):
        frame = nature_frame(np.full((210, 160), 2 * index, dtype=np.uint8))
        luminance = 0.299 * red + 0.587 * green + 0.114 * blue
        assert (np.abs(frame - np.floor(luminance + 1e-4)) <= 1).all() and frame.max() <= luminance + 1e-4


@pytest.mark.parametrize("corner", [(0, 0), (0, 159), (209, 0), (209, 159), (105, 80)])
def test_i3_i5_every_part_of_the_screen_is_seen_where_it_lies(corner: tuple[int, int]) -> None:
    """Nothing is cropped; height shrinks by 0.4 and width by 0.525."""
    screen = np.zeros((210, 160), dtype=np.uint8)
    screen[corner] = 2 * 7  # white, or nearly so
    row, column = (int(place * scale) for place, scale in zip(corner, (84 / 210, 84 / 160), strict=True))
    lit = np.argwhere(nature_frame(screen))
    assert len(lit) and (np.abs(lit - [row, column]) <= 1).all()


def test_i10_v6_evaluation_episodes_begin_with_an_empty_history_and_a_no_op_start_the_first_too() -> None:
    run = smoke_run("dqn", "pong")
    presentation = run.protocol.final_evaluation.presentation.model_copy(update={"episode_cap_frames": 40})
    stacks: list[np.ndarray] = []

    def policy(stack: np.ndarray, stream: np.random.Generator) -> int:
        stacks.append(stack.copy())
        return 0

    trace = evaluate(
        policy, run, Viewing("nature", 4, 4), EvaluationRequest(presentation, "final_evaluation", num_episodes=3)
    )
    assert [episode.scored_frames for episode in trace.episodes] == [40] * 3
    for first in stacks[::10]:
        assert not first[:, :, :3].any() and first[:, :, 3].any()
    assert stacks[3].any(axis=(0, 1)).all()
    assert all(1 <= episode.noop_frames <= 30 for episode in trace.episodes)


def test_m5_a_minibatch_can_hold_the_row_appended_last() -> None:
    memory: ReplayMemory = build_memory()
    stream = np.random.default_rng(0)
    for number in range(40):
        memory.append(numbered_frame(number), 0, 0.0, 0, starts_trajectory=number == 0)
        if number > 10:
            newest = {numbers(state)[-1] for state in memory.sample(stream, 300).next_states}
            assert number in newest


@pytest.mark.parametrize(("given", "stored"), [(-7.0, -1.0), (0.0, 0.0), (400.0, 1.0), (0.5, 0.5)])
@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine"])
def test_o8_m6_d9_the_summed_reward_is_stored_clipped(
    variant: str, given: float, stored: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = build(smoke_run(variant))
    lane, kept = trainee.lane, []
    append = lane.memory.append
    monkeypatch.setattr(lane.game, "step", lambda action: StepResult(given, False, False, False))
    monkeypatch.setattr(
        lane.memory,
        "append",
        lambda frame, action, reward, *more, **named: (
            kept.append(reward) or append(frame, action, reward, *more, **named)
        ),
    )
    lane.play(0)
    assert kept == [stored]


@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine", "dqn_quickstart"])
def test_n4_every_number_of_learning_is_float32(variant: str) -> None:
    tensors = build(smoke_run(variant)).learner.tensors()
    tensors.pop("optimizer.updates", None)  # Adam's counter
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}


@pytest.mark.parametrize(("variant", "equal"), [("dqn", True), ("dqn_paper", True), ("dqn_dopamine", False)])
def test_n5_d16_the_target_network_starts_as_a_copy_or_apart(variant: str, equal: bool) -> None:
    config = load_variant(variant).settings
    learner = Learner(load_algorithm("dqn"), config, 6, training_streams(1, "pong", STREAMS), "cpu")
    pairs = zip(learner.online.parameters(), learner.target.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs if one.dim() > 1) == equal


def test_o6_no_norm_is_clipped_and_no_weight_decays() -> None:
    config = load_variant("dqn").settings.optimizer
    weight = torch.tensor([3.0, 3.0])
    optimizer = build_optimizer([weight], config)
    optimizer.step([torch.tensor([0.0, 1e6])])
    g = np.float64(1e6)
    step = 0.00025 * g / np.sqrt(0.05 * g**2 - (0.05 * g) ** 2 + 0.01)
    assert weight[0].item() == 3.0
    assert weight[1].item() == pytest.approx(3.0 - step, rel=1e-5)


@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine"])
def test_o7_d13_a_minibatch_has_32_transitions(variant: str) -> None:
    assert load_variant(variant).settings.batch_size == 32
    trainee = build(smoke_run(variant), batch_size=32)
    learner, sizes = RecordingLearner(trainee), []
    learner.update = lambda transitions, stream: sizes.append(len(transitions.actions))  # type: ignore[method-assign]
    advance([trainee], 150)
    assert sizes and set(sizes) == {32}


@pytest.mark.slow
def test_v1_v2_an_evaluation_of_so_many_steps_falls_on_every_period() -> None:
    run = smoke_run()
    periodic = run.protocol.periodic_evaluation
    trainee = build(run)
    traces = []
    for _ in range(600):
        advance([trainee], 1)
        evaluated = trainee.take_evaluation()
        if evaluated is not None:
            traces.append(evaluated.trace)
    assert [point.step for point in trainee.curve] == [200, 400, 600] and periodic.period_steps == 200
    for trace in traces:
        steps = sum(-(-episode.scored_frames // 4) for episode in trace.episodes)
        assert steps == periodic.length_steps
    full = load_protocol("nature").periodic_evaluation
    assert (full.period_steps, full.length_steps) == (250_000, 125_000)


def test_v9b_the_best_network_is_evaluated_by_the_nature_protocols() -> None:
    """The configured value alone: the article does not say which network it evaluated."""
    assert {load_protocol(name).final_evaluation.network for name in ("nature", "noop_30min")} == {"best"}


def test_v13_v14_the_held_out_curves_of_a_fixed_network() -> None:
    trainee = build(smoke_run())
    advance([trainee], 300)  # a target copy behind, so that both networks differ
    held_out, learner = trainee.lane.held_out, trainee.learner
    value, td_error = learner.held_out_statistics(held_out, np.random.default_rng(0))

    def q(network: torch.nn.Module, states: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(states).permute(0, 3, 1, 2)).double().numpy()

    q_t = q(learner.target, held_out.next_states)
    assert value == pytest.approx(q_t.max(axis=1).mean(), rel=1e-5)  # terminal ones included
    chosen = q(learner.online, held_out.states)[np.arange(len(q_t)), held_out.actions]
    error = held_out.rewards + held_out.discounts * q_t.max(axis=1) - chosen
    assert td_error == pytest.approx(np.abs(error).clip(max=1.0).mean(), rel=1e-4)


def test_d2_d3_d4_dopamine_presents_games_plainly() -> None:
    shown = load_protocol("sticky").training
    assert shown.noops_after_game_over_frames is None and shown.noops_after_life_loss_frames is None
    assert not shown.life_loss_ends_trajectory
    assert shown.episode_cap_frames == 4 * 27_000


def test_d5_the_cap_is_stored_as_terminal() -> None:
    """An episode cut by the cap: its last transition has no discount, which a bootstrapping variant keeps."""
    discounts = {}
    for bootstraps, end_frame in ((False, False), (True, True)):
        memory = build_memory(truncation_bootstraps=bootstraps, stores_end_frame=end_frame)
        for number in range(10):
            outcome = TRUNCATED if number == 9 else 0
            memory.append(numbered_frame(number), 0, 0.0, outcome, starts_trajectory=number == 0)
        if end_frame:
            memory.append(numbered_frame(10), NO_ACTION, 0.0, 0, starts_trajectory=False)
        for number in range(11, 20):
            memory.append(numbered_frame(number), 0, 0.0, 0, starts_trajectory=number == 11)
        batch = memory.sample(np.random.default_rng(0), 400)
        pairs = zip(batch.states, batch.discounts, strict=True)
        discounts[bootstraps] = {float(discount) for state, discount in pairs if numbers(state)[-1] == 9}
    assert discounts[False] == {0.0} and discounts[True] == {0.5}


def test_d15_d21_d22_learning_starts_with_the_rows_and_copies_fall_on_multiples() -> None:
    trainee = build(smoke_run("dqn_dopamine"))
    learner = RecordingLearner(trainee)
    rows_at_step = {}
    for _ in range(400):
        rows_at_step[trainee.lane.step] = trainee.lane.memory.rows_appended
        advance([trainee], 1)
    first = learner.at("update")[0]
    assert first % 4 == 0 and rows_at_step[first] > 100 >= rows_at_step[first - 4]
    assert rows_at_step[first] > first  # padding is counted
    assert set(np.diff(learner.at("update"))) == {4}
    period = trainee.lane.config.target_update_period_steps
    assert learner.at("copy") == [step for step in range(period, 400, period) if step >= first]


def test_d25_d26_an_iteration_is_whole_episodes_and_its_value_their_mean_raw_return() -> None:
    trainee = build(smoke_run("dqn_dopamine"))
    RecordingLearner(trainee)
    advance([trainee])
    lane = trainee.lane
    ends = [episode.end_step for episode in lane.episodes]
    start = 0
    for iteration in lane.iterations:
        within = [episode for episode in lane.episodes if start < episode.end_step <= iteration.end_step]
        assert iteration.end_step in ends and iteration.steps >= 200
        assert within[-2].end_step - start < 200  # it ends with the first episode that fills it
        assert iteration.mean_return == np.mean([episode.raw_return for episode in within])
        start = iteration.end_step
    assert len(lane.iterations) == 2


def test_r4_settings_are_those_of_the_golden_file() -> None:
    import json

    from tests.support.golden_settings import GOLDEN, resolved_settings

    assert json.loads(Path(GOLDEN).read_text()) == json.loads(json.dumps(resolved_settings()))


@pytest.mark.parametrize("experiment", ["nature_table3", "nature_table4"])
def test_v15_the_articles_comparisons_have_their_length_their_rates_and_no_cap_of_five_minutes(experiment: str) -> None:
    runs = load_experiment(experiment).runs()
    assert {run.budget.steps for run in runs} == {10_000_000}
    rates = [{run.variant.config["optimizer"]["learning_rate"] for run in runs if run.task.name == "seaquest"}]
    assert rates == [{0.000125, 0.00025, 0.0005}]
    for run in runs:
        periodic = run.protocol.periodic_evaluation
        assert periodic is not None and run.protocol.final_evaluation is not None
        assert (periodic.period_steps, periodic.length_steps) == (250_000, 135_000)
        caps = {shown.presentation.episode_cap_frames for shown in (periodic, run.protocol.final_evaluation)}
        assert 18_000 not in caps
    if experiment == "nature_table3":
        kinds = {
            (run.variant.config["replay_sampling"]["name"], run.variant.config["target_update_period_steps"])
            for run in runs
        }
        assert kinds == {(name, period) for name in ("uniform", "newest") for period in (10_000, 4)}
