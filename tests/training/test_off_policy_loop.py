"""The training loop: order and periods (fidelity rows M7, S2, S4 to S8, V7), equality of lanes, determinism."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replication.evidence.recording import new_trace
from replication.foundation.random_streams import stream_state, training_streams
from replication.specification.families.off_policy import STREAMS, EpsilonConfig
from replication.training.off_policy.lane import NO_DECISION
from tests.support.lanes import RecordingLearner, advance, build, fingerprint, smoke_run


def test_s2_s4_s5_updates_and_copies_fall_on_their_steps() -> None:
    trainee = build(smoke_run())
    learner = RecordingLearner(trainee)
    advance([trainee], 600)
    # No update while the step count is <= 100; then every 4 steps. The target is copied every 100 steps.
    assert learner.at("update") == list(range(104, 600, 4))
    assert learner.at("copy") == [200, 300, 400, 500]


@pytest.mark.slow
@pytest.mark.long
def test_s4_exactly_2500_updates_lie_between_two_copies_of_the_released_program() -> None:
    run = smoke_run(preset=None, budget_frames=4 * 75_000)
    trainee = build(run, replay_capacity_rows=1_000)
    learner = RecordingLearner(trainee)
    trainee.lane.memory.sample = lambda *given: None  # type: ignore[method-assign, assignment, return-value]
    advance([trainee])
    updates, copies = learner.at("update"), learner.at("copy")
    assert updates[0] == 50_004
    assert copies == [60_000, 70_000]
    assert sum(copies[0] < update <= copies[1] for update in updates) == 2_500


def test_s6_d22_order_inside_a_step_is_act_update_copy_and_dopamine_learns_first() -> None:
    for variant, expected in (("dqn", ["act", "update", "copy"]), ("dqn_dopamine", ["update", "copy", "act"])):
        always_greedy = EpsilonConfig(start=0.0, end=0.0, decay_starts_after_steps=0, decay_steps=1)
        trainee = build(smoke_run(variant), epsilon=always_greedy)
        learner = RecordingLearner(trainee)
        turns: list[list[str]] = []
        while trainee.lane.step <= 400:
            before = len(learner.events)
            advance([trainee], 1)
            turns.append([name for name, _ in learner.events[before:]])
        assert turns[300] == expected
        # A trajectory's last frame takes a step of the released program in which nothing is chosen.
        assert ([] in turns) == (variant == "dqn")


def test_m7_a_trajectory_of_t_actions_takes_t_plus_one_steps_and_rows() -> None:
    trainee = build(smoke_run())
    RecordingLearner(trainee)
    lane = trainee.lane
    advance([trainee], 300)
    ends = [i for i, decision in enumerate(lane.decisions) if decision == NO_DECISION]
    assert len(ends) >= 2
    assert lane.memory.rows_appended == lane.step == len(lane.decisions) == 300


def test_d19_d20_dopamine_takes_a_step_per_action_and_pads_each_episode_with_three_rows() -> None:
    trainee = build(smoke_run("dqn_dopamine"))
    RecordingLearner(trainee)
    lane = trainee.lane
    advance([trainee], 300)
    assert NO_DECISION not in lane.decisions
    begun = len(lane.episodes) + (not lane._starts_trajectory)
    assert lane.memory.rows_appended == 300 + 3 * begun


def test_d2_d3_dopamine_plays_whole_games_from_a_plain_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    trainee = build(smoke_run("dqn_dopamine"))
    RecordingLearner(trainee)
    lane, results = trainee.lane, []
    step = lane.game.step
    monkeypatch.setattr(lane.game, "step", lambda action: results.append(step(action)) or results[-1])
    advance([trainee])
    assert lane.recorder is not None
    trace = new_trace(lane.recorder, lane.run, lane.run.protocol.training, 4, "training")
    assert len(trace.episodes) >= 2 and {episode.noop_frames for episode in trace.episodes} == {0}
    # Lives are lost on the way, yet padding is written for whole games alone.
    assert any(result.life_lost and not result.ended for result in results)
    begun = len(lane.episodes) + (not lane._starts_trajectory)
    assert lane.memory.rows_appended - lane.step == 3 * begun


@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine"])
def test_s7_d28_ties_and_random_actions_are_uniform_over_all_actions(variant: str) -> None:
    trainee = build(smoke_run(variant))
    RecordingLearner(trainee)
    advance([trainee], 600)
    chosen = [decision for decision in trainee.lane.decisions if decision != NO_DECISION]
    counts = np.bincount(chosen, minlength=3)
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 13.8  # chi-square, 2 degrees, p = 0.001


def test_s8_held_out_transitions_are_sampled_once_when_learning_starts() -> None:
    trainee = build(smoke_run())
    advance([trainee], 101)
    assert trainee.lane.held_out is None
    advance([trainee], 1)
    assert trainee.lane.held_out is not None
    first = [array.tobytes() for array in trainee.lane.held_out]
    advance([trainee], 400)
    assert [array.tobytes() for array in trainee.lane.held_out] == first
    assert len(trainee.lane.held_out.actions) == 20


@pytest.mark.slow
def test_v7_r1_evaluating_leaves_training_as_it_was() -> None:
    evaluated, plain = build(smoke_run()), build(smoke_run())
    object.__setattr__(plain.lane.run.protocol, "periodic_evaluation", None)
    advance([evaluated])
    advance([plain])
    assert len(evaluated.curve) == 3
    assert plain.curve == []
    one, other = fingerprint(evaluated), fingerprint(plain)
    for key in ("tensors", "decisions", "streams", "episodes"):
        assert one[key] == other[key], key


def test_v14_each_error_of_the_held_out_curve_is_clipped_to_one() -> None:
    trainee = build(smoke_run())
    advance([trainee], 102)
    assert trainee.lane.held_out is not None
    with torch.no_grad():
        trainee.learner.online.values.bias.fill_(50.0)  # type: ignore[union-attr, operator]
    _, td_error = trainee.learner.held_out_statistics(trainee.lane.held_out, np.random.default_rng(0))
    assert td_error == 1.0


@pytest.mark.slow
@pytest.mark.rom
@pytest.mark.parametrize("variant", ["dqn", pytest.param("dqn_dopamine", marks=pytest.mark.slow)])
def test_lanes_of_a_mixed_cohort_equal_the_runs_alone_bit_for_bit(variant: str) -> None:
    games = [("pong", 1), ("breakout", 2), ("freeway", 1), ("catch", 5)]
    changes = {"budget_iterations": 1} if variant == "dqn_dopamine" else {"budget_frames": 1_000}
    together = [build(smoke_run(variant, game, seed, **changes)) for game, seed in games]
    assert len({trainee.lane.num_actions for trainee in together}) == 3
    steps = 140  # learning starts after 100
    advance(together, steps)
    for trainee, (game, seed) in zip(together, games, strict=True):
        alone = build(smoke_run(variant, game, seed, **changes))
        advance([alone], steps)
        assert fingerprint(alone) == fingerprint(trainee), game


@pytest.mark.parametrize("variant", ["dqn", pytest.param("dqn_dopamine", marks=pytest.mark.slow), "dqn_quickstart"])
def test_e12_same_seed_same_bytes_and_two_seeds_differ(variant: str) -> None:
    one, same, other = (build(smoke_run(variant, seed=seed)) for seed in (1, 1, 2))
    weights = [next(iter(trainee.learner.online.parameters())) for trainee in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    for trainee in (one, same, other):
        advance([trainee], 150)
    assert fingerprint(one) == fingerprint(same)
    assert one.lane.decisions[:50] != other.lane.decisions[:50]


def test_every_named_stream_is_consumed() -> None:
    untouched = {name: stream_state(stream) for name, stream in training_streams(1, "catch", STREAMS).items()}
    used = set()
    for variant in ("dqn", "dqn_dopamine"):
        trainee = build(smoke_run(variant))
        advance([trainee], 150)
        used |= {name for name, s in trainee.lane.streams.items() if stream_state(s) != untouched[name]}
    # DQN's loss draws nothing; an algorithm whose loss does is covered below.
    assert used == set(untouched) - {"loss"}


def test_a_loss_gets_the_arrays_it_asks_for_from_its_own_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    from replication.algorithms.off_policy import dqn
    from replication.algorithms.off_policy.contract import DrawSpec

    seen: list[dict[str, torch.Tensor]] = []
    plain = dqn.loss

    def noisy(online, target, batch, draws, config):
        seen.append(dict(draws))
        return plain(online, target, batch, draws, config)

    specs = {"taus": DrawSpec("uniform", (8,), per_transition=True), "noise": DrawSpec("normal", (5,), False)}
    monkeypatch.setattr(dqn, "loss", noisy)
    monkeypatch.setattr(dqn, "draws_spec", lambda config, num_actions: specs)
    trainee = build(smoke_run())
    advance([trainee], 110)
    assert [draws["taus"].shape for draws in seen] == [(8, 8)] * len(seen)
    assert [draws["noise"].shape for draws in seen] == [(5,)] * len(seen)
    assert len(seen) == 2
    assert not torch.equal(seen[0]["taus"], seen[1]["taus"])
    untouched = stream_state(training_streams(1, "catch", STREAMS)["loss"])
    assert stream_state(trainee.lane.streams["loss"]) != untouched


@pytest.mark.slow
def test_a_lane_whose_loss_is_not_a_number_freezes_and_its_neighbour_trains_on() -> None:
    frozen, other, alone = build(smoke_run(seed=1)), build(smoke_run(seed=2)), build(smoke_run(seed=2))
    with torch.no_grad():
        next(iter(frozen.learner.online.parameters())).fill_(float("nan"))
    before = {name: tensor.clone() for name, tensor in frozen.learner.optimizer.state().items()}
    advance([frozen, other])
    advance([alone])
    assert frozen.failure is not None and frozen.failure.startswith("the loss is nan at step ")
    assert not frozen.learner.is_finite()
    assert frozen.lane.step == 105 and not frozen.active  # the first update falls on step 104; its turn is ended
    assert all(torch.equal(before[name], tensor) for name, tensor in frozen.learner.optimizer.state().items())
    assert other.lane.done and fingerprint(other) == fingerprint(alone)


@pytest.mark.rom
def test_what_is_played_between_two_lives_is_recorded_as_part_of_the_episode_where_it_counts() -> None:
    """An episode whose recorded and counted frames differ is refused when it is finished."""
    trainee = build(smoke_run(game="breakout", protocol="baselines", budget_frames=2_400))
    advance([trainee])
    lane = trainee.lane
    assert lane.episodes and lane.recorder is not None
    first = lane.episodes[0]
    played_frames = 4 * (first.end_step - 5)  # the last frame of each life takes a step in which nothing is played
    # Four times a life is gone on from, by a step of the no-op and two of FIRE; the last step ends with the game.
    assert 48 - 3 <= first.frames - played_frames <= 48
