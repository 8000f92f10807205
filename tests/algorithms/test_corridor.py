"""Every off-policy algorithm solves a pixel problem in a second, and its loss, once broken, does not.

A corridor of two cells with a door that leads into one of two rooms, each equally often:

    start   left: ends with 0.25    right: to the hall
    hall    left: to the start      right: into a room
    bright  left: ends with 1       right: ends with 0
    dark    left: ends with -0.5    right: ends with 0.2

With a discount of 0.8 the optimal values are 1 and 0.2 in the rooms, 0.8 (1 + 0.2) / 2 = 0.48 in the hall and 0.384 at
the start, where going right beats the 0.25. With the square of the discount it does not, and without one the hall is
worth nothing. The door makes residual gradients wrong: they pull the values of the two rooms together.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import lru_cache
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from replication.algorithms.off_policy.contract import load_algorithm
from replication.specification.families.off_policy import AdamConfig, Convolution, OffPolicyConfig
from replication.specification.loading import known_names, load_variant
from replication.training.off_policy.learner import Learner
from replication.training.replay.frame_store import build_frame_store
from replication.training.replay.memory import TERMINATED, ReplayMemory
from tests.support.parameters import MADE_OF_OTHERS, first_of_each, long_unless

LEFT, RIGHT = 0, 1
START, HALL, BRIGHT, DARK = range(4)
ENDS = {(START, LEFT): 0.25, (BRIGHT, LEFT): 1.0, (BRIGHT, RIGHT): 0.0, (DARK, LEFT): -0.5, (DARK, RIGHT): 0.2}
DISCOUNT = 0.8
VALUES = np.array([0.384, 0.48, 1.0, 0.2])
BEST = [RIGHT, RIGHT, LEFT, RIGHT]
TOLERANCE = 0.08
"""Of each value: half of what the smallest of the mistakes below moves one by."""

ROWS, BATCH, COPY_PERIOD_UPDATES = 2_000, 32, 20
LESSONS = ((300, 0.003), (200, 0.0003))
"""Updates and their learning rate: first to come near, then to average over which room the door led to."""
PIXELS_AT_ONCE = 60 * 14
"""Of a bar: without layers between, a step moves the weights of all of them the same way."""
MOST = 16
"""Of what an algorithm's own settings count (atoms, quantiles): enough for these four states, and quick. One jump."""

LOOKS = 32
"""Times that a state's values are asked for: an algorithm may draw what it computes them with."""


def screens() -> np.ndarray:
    """What the four states look like, uint8 [4, 84, 84]: a bar that stands further right in each."""
    found = np.zeros((4, 84, 84), dtype=np.uint8)
    for state in range(4):
        found[state, 12:72, 8 + 18 * state : 22 + 18 * state] = 255
    return found


@lru_cache(maxsize=2)
def memory(future_steps: int) -> ReplayMemory:
    """What a uniformly random agent met."""
    stream, seen = np.random.default_rng(1), screens()
    kept = ReplayMemory(
        capacity_rows=ROWS,
        frame_stack=1,
        n_step=1,
        discount=DISCOUNT,
        frames=build_frame_store("raw", ROWS),
        padding_rows=0,
        stores_end_frame=False,
        truncation_bootstraps=False,
        future_steps=future_steps,
    )
    state, starts = START, True
    for _ in range(ROWS):
        action = int(stream.integers(2))
        ended = (state, action) in ENDS
        reward = ENDS.get((state, action), 0.0)
        kept.append(seen[state], action, reward, TERMINATED * ended, starts_trajectory=starts)
        state = int(stream.choice([BRIGHT, DARK])) if (state, action) == (HALL, RIGHT) else HALL * (state == START)
        state, starts = (int(stream.integers(4)), True) if ended else (state, False)
    return kept


def own_settings(variant: str) -> tuple:
    """What tells the losses and networks of two variants apart: the rest is the engine's, or is replaced here."""
    loaded = load_variant(variant)
    return (loaded.module, str({k: v for k, v in loaded.config.items() if k not in OffPolicyConfig.model_fields}))


OFF_POLICY = [name for name in known_names("algorithms") if load_variant(name).family == "off_policy"]
ABLATED = [name for name in OFF_POLICY if name.startswith("rainbow_no_") and load_variant(name).module == "rainbow"]
"""Made of parts that others here have: OTRainbow is neither double nor dueling nor noisy."""
LEARNERS = sorted({own_settings(name): name for name in reversed(OFF_POLICY) if name not in ABLATED}.values())


def taught(variant: str, changed_loss=None, precision: str = "float32") -> tuple[np.ndarray, list[int]]:
    """The values of the best actions, and those actions, that an algorithm has learnt from the memory."""
    algorithm = load_algorithm(load_variant(variant).module)
    config = load_variant(variant).settings
    network = config.network
    if network.convolutions:  # a linear function approximator has none
        filters = (Convolution(channels=4, kernel=12, stride=12),)
        network = network.model_copy(update={"convolutions": filters, "padding": "valid", "hidden_units": 32})
    adam = AdamConfig(name="adam", learning_rate=1.0, beta1=0.9, beta2=0.999, epsilon=1e-5)
    scale = {"frame_stack": 1, "n_step": 1, "discount": DISCOUNT, "batch_size": BATCH, "loss_reduction": "mean"}
    own = {key: getattr(config, key) for key in type(config).model_fields if key not in OffPolicyConfig.model_fields}
    fewer = {key: 1 if key == "jumps" else min(value, MOST) for key, value in own.items() if type(value) is int}
    config = config.model_copy(
        update=scale
        | fewer
        | {"network": network, "optimizer": adam, "target_starts_as_copy": True, "precision": precision}
    )
    if changed_loss is not None:
        algorithm = SimpleNamespace(**vars(algorithm) | {"loss": changed_loss(algorithm.loss)})
    streams = {"initialisation": np.random.default_rng(2)}
    learner = Learner(algorithm, config, 2, streams, "cpu")
    replay, drawn = np.random.default_rng(3), np.random.default_rng(4)
    for updates, learning_rate in LESSONS:
        rate = learning_rate if network.convolutions else 10 * learning_rate / PIXELS_AT_ONCE
        learner.optimizer.config = adam.model_copy(update={"learning_rate": rate})
        for update in range(updates):
            if update % COPY_PERIOD_UPDATES == 0:
                learner.copy_to_target()
            learner.update(memory(config.future_steps).sample(replay, BATCH), drawn)
    found = np.zeros((4, 2))
    for state, screen in enumerate(screens()):
        for _ in range(LOOKS):
            draws = learner.acting_draws(drawn, evaluating=True)
            found[state] += learner.action_values(screen[:, :, None], draws) / LOOKS
    return found.max(axis=1), [int(action) for action in found.argmax(axis=1)]


def solved(found: tuple[np.ndarray, list[int]]) -> bool:
    values, actions = found
    return actions == BEST and bool((abs(values - VALUES) < TOLERANCE).all())


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant", first_of_each(lambda name: load_variant(name).module, LEARNERS, later=MADE_OF_OTHERS)
)
def test_it_finds_the_best_actions_and_their_values(variant: str) -> None:
    values, actions = taught(variant)
    assert actions == BEST
    np.testing.assert_allclose(values, VALUES, atol=TOLERANCE)


@pytest.mark.slow
def test_an_agent_learns_in_bfloat16() -> None:
    assert solved(taught("dqn", precision="bfloat16"))


def flipped_sign(loss):
    def changed(online, target, batch, draws, config):
        losses = loss(online, target, batch, draws, config)
        return replace(losses, per_transition=-losses.per_transition)

    return changed


@contextmanager
def nothing_held_fixed():
    """No gradient is stopped, however the algorithm asks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "no_grad", nullcontext)
        patch.setattr(torch.Tensor, "detach", lambda tensor: tensor)
        yield


def missing_stop_gradient(loss):
    def changed(online, target, batch, draws, config):
        with nothing_held_fixed():
            losses = loss(online, online, batch, draws, config)
        return replace(losses, priority=losses.priority.detach())

    return changed


def with_discounts(change):
    def changed(loss):
        def other(online, target, batch, draws, config):
            return loss(online, target, replace(batch, discount_t=change(batch.discount_t)), draws, config)

        return other

    return changed


OF_EACH_KIND = ["dqn", "c51", "qr_dqn", "iqn", "munchausen_dqn", "rainbow"]
"""Losses of which the others are made."""

BROKEN = {
    "flipped sign": flipped_sign,
    "missing stop-gradient": missing_stop_gradient,
    "no discounted value": with_discounts(torch.zeros_like),
    "squared discount": with_discounts(torch.square),
}


def same_network(loss):
    """The control to a missing stop-gradient: bootstraps from the online network, held fixed."""
    return lambda online, target, batch, draws, config: loss(online, online, batch, draws, config)


QUICK_TO_FAIL = [("c51", "squared discount"), ("rainbow", "missing stop-gradient")]
"""Of the kinds whose targets are distributions, in `make test`; the rest in `make test-long`."""
SLOW_TO_LEARN = [("spr", "missing stop-gradient")]
"""Of a loss that takes longer than the others, what numbers worked by hand see least."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    long_unless(
        lambda broken: broken[0] == "dqn" or broken in QUICK_TO_FAIL,
        [*product(OF_EACH_KIND, BROKEN), *SLOW_TO_LEARN],
    ),
    ids="-".join,
)
def test_a_broken_loss_does_not(broken: tuple[str, str]) -> None:
    variant, mistake = broken
    assert not solved(taught(variant, BROKEN[mistake]))


@pytest.mark.slow
def test_what_fails_without_stop_gradient_is_not_the_lack_of_a_target_network() -> None:
    assert solved(taught("dqn", same_network))


def test_the_values_are_those_of_the_problem() -> None:
    """By iterating the optimality equation over the table of the problem."""
    values = np.zeros(4)
    for _ in range(100):
        left = [ENDS[START, LEFT], DISCOUNT * values[START], ENDS[BRIGHT, LEFT], ENDS[DARK, LEFT]]
        rooms = (values[BRIGHT] + values[DARK]) / 2
        right = [DISCOUNT * values[HALL], DISCOUNT * rooms, ENDS[BRIGHT, RIGHT], ENDS[DARK, RIGHT]]
        values = np.maximum(left, right)
    np.testing.assert_allclose(values, VALUES)
    assert [int(right > left) for left, right in zip(left, right, strict=True)] == BEST
