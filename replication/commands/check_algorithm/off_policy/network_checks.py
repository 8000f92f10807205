"""Checks of the network alone: what `initialise` fills, what it computes, and that it draws from given streams only."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from replication.commands.check_algorithm.off_policy.subject import NUM_ACTIONS, OffPolicySubject
from replication.commands.check_algorithm.subject import CheckFailedError
from replication.commands.check_algorithm.tensor_checks import draws_nothing_global, require
from replication.training.off_policy.learner import draw

STATES = 5
"""States at a time: not the number of actions, so that the two cannot be mistaken for each other."""
_REMEDY = "ask for it in draws_spec or acting_draws_spec"


def check_initialisation(subject: OffPolicySubject) -> None:
    """Check that every parameter is drawn from the stream: equal streams give equal ones, different streams do not."""
    first, again, other = (_filled(subject, seed) for seed in (1, 1, 2))
    for name, tensor in first.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckFailedError(f"initialise leaves {name} as it was or not finite; fill every parameter")
        if not torch.equal(tensor, again.state_dict()[name]):
            raise CheckFailedError(f"{name} differs between equal streams; draw from the stream alone")
    if all(map(torch.equal, first.state_dict().values(), other.state_dict().values())):
        raise CheckFailedError("two streams give the same parameters; draw them from the stream")


def check_acting(subject: OffPolicySubject) -> None:
    """Check action values, float32 [batch, actions], and last hidden layer, [batch, units]: finite for any batch."""
    algorithm, config, network = subject.algorithm, subject.config, _filled(subject, 1)
    for states in (1, STATES):
        pixels = subject.batch(1, states).s_tm1
        for evaluating in (False, True):
            specs = algorithm.acting_draws_spec(config, NUM_ACTIONS, evaluating=evaluating).values()
            draws = [torch.from_numpy(draw(spec, np.random.default_rng(1), states)) for spec in specs]
            with torch.inference_mode():
                outputs = network(pixels, *draws)
                if outputs.shape[0] != states:
                    shape = list(outputs.shape)
                    raise CheckFailedError(f"the network gives {shape} for {states} states; put the states first")
                values = algorithm.action_values(outputs, config)
            require(values, (states, NUM_ACTIONS), "action_values")
        with torch.inference_mode():
            hidden = network.embed(pixels)  # type: ignore[operator]
        require(hidden, (states, hidden.shape[-1]), "embed")


def check_global_randomness(subject: OffPolicySubject) -> None:
    """Check that nothing is drawn from the generators that the whole process shares."""
    with draws_nothing_global("network or initialise", _REMEDY):
        learner = subject.learner(1)
    for evaluating in (False, True):
        draws = learner.acting_draws(np.random.default_rng(1), evaluating=evaluating)
        with draws_nothing_global("acting", _REMEDY):
            learner.action_values(subject.transitions(1, 1).states[0], draws)
    batch, draws_of_loss = subject.batch(1, STATES), subject.draws(1, STATES)
    with draws_nothing_global("loss", _REMEDY):
        subject.algorithm.loss(learner.online, learner.target, batch, draws_of_loss, subject.config)


def _filled(subject: OffPolicySubject, seed: int) -> nn.Module:
    network: nn.Module = subject.algorithm.network(subject.config, NUM_ACTIONS)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(torch.nan)  # what is left out by `initialise` shows
    subject.algorithm.initialise(network, np.random.default_rng(seed), subject.config)
    return network
