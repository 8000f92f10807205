"""The arithmetic of off-policy agents, counted from their settings without torch: what plans assume follows it.

Counted are the multiply-adds of convolutions and matrix products, as torch's own counter counts them; the rest of an
update (activations, the loss, the optimizer) is small beside them or grows with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from replication.specification.families.facts import FamilySettings, Work
from replication.specification.families.off_policy import OffPolicyConfig

SCREEN_SIDE_PIXELS = 84

_STREAMS = {"dueling": 2, "rainbow_no_distributional": 2}
"""Hidden layers side by side, where no setting says so; others have one."""
_OUTPUTS_BESIDE_ACTIONS = {"drq": 1, "dueling": 1, "rainbow_no_distributional": 1}
"""The value of the state, where no setting says so."""
_PASSES_WITHOUT_GRADIENT = {
    **dict.fromkeys(("double_dqn", "drq", "dueling", "rainbow_no_distributional", "spr"), 2),  # who chooses, who values
    "munchausen_dqn": 2,  # the target network in both states
}
"""Passes of a state through a network for the target, where no setting says so; others have one."""


@dataclass(frozen=True)
class _Pass:
    """Multiply-adds of one state in one pass through a network."""

    first: int = 0
    """Of layers whose input needs no gradient."""
    rest: int = 0

    @property
    def forward(self) -> int:
        return self.first + self.rest

    @property
    def learned(self) -> int:
        """Forward, the gradients of the weights, and those of the inputs."""
        return 2 * self.first + 3 * self.rest

    def __add__(self, other: _Pass) -> _Pass:
        return _Pass(self.first + other.first, self.rest + other.rest)


def off_policy_work(module: str, settings: FamilySettings, num_actions: int) -> Work:
    """Count the multiply-adds of choosing an action, and of what is learned in a step.

    A user's own module is counted as DQN, with what its settings have of IQN's, C51's, QR-DQN's or Rainbow's.

    Args:
        module: of the algorithm.
        settings: of the variant.
        num_actions: of the game.
    """
    assert isinstance(settings, OffPolicyConfig)
    convolutions, features, side = _convolutions(settings)
    head = _head(module, settings, features, num_actions)
    if hasattr(settings, "embedding_size"):
        act, update = _with_samples(module, settings, convolutions, features, head)
    else:
        without_gradient = _PASSES_WITHOUT_GRADIENT.get(module, 1 + bool(getattr(settings, "double", False)))
        passed = convolutions + head
        act, update = passed.forward, passed.learned + without_gradient * passed.forward
    if settings.future_steps:
        update += settings.future_steps * _prediction(settings, convolutions, features, side, num_actions)
    updates = settings.updates_at_once / settings.update_period_steps
    return Work(act=act, update=settings.batch_size * update, updates_a_step=updates)


def _convolutions(settings: OffPolicyConfig) -> tuple[_Pass, int, int]:
    """Count the multiply-adds of the convolutions, the features that they give, and the pixels of their side."""
    counted, channels, side = _Pass(), settings.frame_stack, SCREEN_SIDE_PIXELS
    for number, layer in enumerate(settings.network.convolutions):
        same = settings.network.padding == "same"
        side = -(-side // layer.stride) if same else (side - layer.kernel) // layer.stride + 1
        each = side**2 * layer.channels * layer.kernel**2 * channels
        counted += _Pass(rest=each) if number else _Pass(first=each)
        channels = layer.channels
    return counted, channels * side**2, side


def _head(module: str, settings: OffPolicyConfig, features: int, num_actions: int) -> _Pass:
    """Count the linear layers behind the convolutions."""
    hidden, atoms = settings.network.hidden_units, int(getattr(settings, "num_atoms", 1))
    dueling = getattr(settings, "dueling", "own_hidden_layers" if settings.future_steps else "none")
    streams = _STREAMS.get(module, 1 + (dueling == "own_hidden_layers"))
    outputs = num_actions + _OUTPUTS_BESIDE_ACTIONS.get(module, int(dueling != "none"))
    outputs *= atoms * int(getattr(settings, "num_quantiles", 1))
    if not hidden:
        given = features * outputs
        return _Pass(rest=given) if settings.network.convolutions else _Pass(first=given)
    return _Pass(rest=streams * features * hidden + hidden * outputs)


def _with_samples(
    module: str, settings: OffPolicyConfig, convolutions: _Pass, features: int, head: _Pass
) -> tuple[int, int]:
    """Count acting and learning where the head is passed once for each quantile that is sampled."""
    online, target, policy, size = (
        int(getattr(settings, name))
        for name in ("online_samples", "target_samples", "policy_samples", "embedding_size")
    )
    each = head + _Pass(first=size * features)
    learned = convolutions.learned + online * each.learned
    valued = convolutions.forward + (target + policy) * each.forward
    act = convolutions.forward + policy * each.forward
    policy_at_first = act if hasattr(settings, "munchausen_coefficient") else 0
    return act, learned + valued + policy_at_first


def _prediction(settings: OffPolicyConfig, convolutions: _Pass, features: int, side: int, num_actions: int) -> int:
    """Count what one later state takes: its prediction, and its projection by the target network."""
    channels, units = settings.network.convolutions[-1].channels, 2 * settings.network.hidden_units
    transition = side**2 * channels * 9 * (2 * channels + num_actions)
    projection = features * units
    return _Pass(rest=transition + projection + units**2).learned + convolutions.forward + projection
