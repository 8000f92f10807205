"""Checks of the network and of acting: what `initialise` fills, what is computed, and that draws decide alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from replication.commands.check_algorithm.on_policy.subject import NUM_ACTIONS, OnPolicySubject
from replication.commands.check_algorithm.subject import CheckFailedError
from replication.commands.check_algorithm.tensor_checks import require

STATES = 5
"""States at a time: not the number of actions, so that the two cannot be mistaken for each other."""
_CHOICES = 4_000
_MOST_DEVIATIONS = 6.0
"""Between a frequency and a probability, in standard deviations: chance alone exceeds it once in 100 million times."""


def check_initialisation(subject: OnPolicySubject) -> None:
    """Check that every parameter is filled from the stream: equal streams give equal ones, different ones do not."""
    first, again, other = (subject.filled(seed).state_dict() for seed in (1, 1, 2))
    for name, tensor in first.items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckFailedError(f"initialise leaves {name} as it was or not finite; fill every parameter")
        if not torch.equal(tensor, again[name]):
            raise CheckFailedError(f"{name} differs between equal streams; draw from the stream alone")
    if all(map(torch.equal, first.values(), other.values())):
        raise CheckFailedError("two streams give the same parameters; draw them from the stream")


@torch.no_grad()
def check_acting(subject: OnPolicySubject) -> None:
    """Check outputs, actions, values of states and the last hidden layer, for one state and for several."""
    network = subject.filled(1)
    for states in (1, STATES):
        pixels = subject.pixels(states)
        outputs = network(pixels)
        _require_outputs(outputs, states)
        require(subject.algorithm.state_values(outputs, subject.config), (states,), "state_values")
        hidden = network.embed(pixels)
        require(hidden, (states, hidden.shape[-1]), "embed")
        actions = subject.algorithm.act(outputs, _uniforms(1, states))
        if actions.shape != (states,) or actions.dtype != torch.int64:
            kind = str(actions.dtype).removeprefix("torch.")
            raise CheckFailedError(f"act gives {kind} {list(actions.shape)}; return int64 [{states}]")
        if bool((actions < 0).any()) or bool((actions >= NUM_ACTIONS).any()):
            raise CheckFailedError(f"act gives {actions.tolist()}; choose from 0 to {NUM_ACTIONS - 1}")
    _check_choices(subject, outputs)


def _require_outputs(outputs: Any, states: int) -> None:
    if not (isinstance(outputs, tuple) and hasattr(outputs, "_fields")):
        raise CheckFailedError(f"the network gives {type(outputs).__name__}; return a named tuple of tensors")
    for name, part in zip(outputs._fields, outputs, strict=True):
        if not isinstance(part, Tensor) or part.shape[:1] != (states,):
            found = list(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise CheckFailedError(f"{name} of the network is {found} for {states} states; put the states first")
    name = chosen_by(outputs)
    require(getattr(outputs, name), (states, NUM_ACTIONS), f"{name} of the network")


def chosen_by(outputs: Any) -> str:
    """Return the name of the output that actions are chosen by: `logits` of a policy, or `action_values`.

    Raises:
        CheckFailedError: there is neither, or both.
    """
    found = [name for name in ("logits", "action_values") if hasattr(outputs, name)]
    if len(found) != 1:
        names = ", ".join(outputs._fields)
        raise CheckFailedError(f"the network gives {names}; let one of logits and action_values be among them")
    return found[0]


def _check_choices(subject: OnPolicySubject, outputs: Any) -> None:
    """Check that equal draws choose the likeliest action, and others each action as often as its probability says.

    Of values of actions the largest is chosen, whatever the draws.
    """
    name = chosen_by(outputs)
    likeliest = getattr(outputs, name).argmax(dim=1)
    if not torch.equal(subject.algorithm.act(outputs, torch.full((STATES, NUM_ACTIONS), 0.5)), likeliest):
        raise CheckFailedError(f"act does not choose the largest of {name} where all draws are equal; let it")
    if name == "action_values":
        if not torch.equal(subject.algorithm.act(outputs, _uniforms(2, STATES)), likeliest):
            raise CheckFailedError("act does not choose the largest of action_values; leave exploration to the engine")
        return
    shown = type(outputs)(*(part[:1].expand(_CHOICES, *part.shape[1:]) for part in outputs))
    logits = torch.tensor([1.0, 0.0, -1.0])
    shown = shown._replace(logits=logits.expand(_CHOICES, NUM_ACTIONS))
    chosen = subject.algorithm.act(shown, _uniforms(2, _CHOICES))
    found = functional.one_hot(chosen, NUM_ACTIONS).double().mean(dim=0)
    expected = functional.softmax(logits.double(), dim=0)
    deviations = (found - expected).abs() / (expected * (1.0 - expected) / _CHOICES).sqrt()
    if bool((deviations > _MOST_DEVIATIONS).any()):
        shares = ", ".join(f"{share:.2f}" for share in found.tolist())
        wanted = ", ".join(f"{share:.2f}" for share in expected.tolist())
        raise CheckFailedError(f"act chooses shares of {shares} where the policy says {wanted}; draw by its softmax")


def _uniforms(seed: int, states: int) -> Tensor:
    drawn = np.random.default_rng(seed).random((states, NUM_ACTIONS), dtype=np.float32)
    return torch.from_numpy(drawn)
