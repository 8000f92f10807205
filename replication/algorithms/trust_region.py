"""A policy's step within a trust region: the mathematics of TRPO, for policies of any kind.

Maximize the gain L(theta) with mean KL(old || theta) <= delta. Near the old parameters L is linear with gradient g, and
the divergence is quadratic with the Fisher matrix F: the best step is sqrt(2 delta / s'Fs) s with F s = g. The
direction s is found by conjugate gradients, which need products with F alone; the length by a line search with the gain
and the divergence as they are.

Nothing here knows what a policy is: it is asked for gain and divergence, with the parameters as they stand.

Source: Schulman et al. 2015, Trust region policy optimization, sections 3 to 6 and appendix C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from replication.specification.families.trust_region import TrustRegionConfig

RESIDUAL_TOLERANCE = 1e-10
"""Conjugate gradients stop where the squared length of what is left is below it (openai/baselines ea25b9e
baselines/common/cg.py)."""
ZERO = 1e-8
"""A gradient without a larger component moves nothing (openai/baselines ea25b9e baselines/trpo_mpi/trpo_mpi.py:
numpy.allclose with 0)."""


class Judgment(NamedTuple):
    """What a step is judged by, each a single number, with gradient where that is on."""

    gain: Tensor
    """Is to be raised: mean of advantage times ratio of new to old probability, and what else earns."""
    kl: Tensor
    """Mean divergence KL(old || new) over the states, in nats."""


class Step(NamedTuple):
    """The outcome of a step."""

    accepted: bool
    """False: the parameters are as they were."""
    kl: float
    """Mean divergence of the new policy from the old one, in nats; 0 where they are the same."""
    improvement: float
    """By how much the gain grew."""


def trust_region_step(
    parameters: Sequence[Tensor],
    judge: Callable[[], Judgment],
    kl_of_fisher: Callable[[], Tensor],
    settings: TrustRegionConfig,
) -> Step:
    """Take a step that raises the gain within the trust region; the parameters change in place.

    Args:
        parameters: of the policy, as the old policy has them.
        judge: computes gain and divergence with the parameters as they then stand.
        kl_of_fisher: computes the mean divergence, likewise and with gradient, over the states by which the Fisher
            matrix is estimated.
        settings: of the step.

    Raises:
        FloatingPointError: the step is no finite number.
    """
    before = judge().gain
    gradient = _flat(torch.autograd.grad(before, parameters))
    if bool((gradient.abs() <= ZERO).all()):
        return Step(accepted=False, kl=0.0, improvement=0.0)
    product = fisher_product(kl_of_fisher(), parameters, settings.damping)
    step = natural_step(product, gradient, settings)
    if not bool(torch.isfinite(step).all()):
        raise FloatingPointError("a step in the trust region is not finite")
    return line_search(parameters, step, before.item(), judge, settings)


def fisher_product(kl: Tensor, parameters: Sequence[Tensor], damping: float) -> Callable[[Tensor], Tensor]:
    """Return the function v -> (F + damping I) v, of vectors of all parameters.

    F is the second derivative of the mean divergence where old and new policy are the same: the Fisher matrix.

    Args:
        kl: the mean divergence, a single number, with the parameters of the old policy.
        parameters: that it was computed from.
        damping: of the matrix.

    Source: Schulman et al. 2015, appendix C.1; openai/baselines ea25b9e baselines/trpo_mpi/trpo_mpi.py (compute_fvp).
    """
    slope = _flat(torch.autograd.grad(kl, parameters, create_graph=True))

    def product(vector: Tensor) -> Tensor:
        curved = torch.autograd.grad(slope @ vector, parameters, retain_graph=True)
        return _flat(curved) + damping * vector

    return product


def natural_step(product: Callable[[Tensor], Tensor], gradient: Tensor, settings: TrustRegionConfig) -> Tensor:
    """Compute sqrt(2 delta / s'Fs) s with F s = g: the step whose quadratic divergence is delta.

    Source: Schulman et al. 2015, appendix C.
    """
    direction = conjugate_gradient(product, gradient, settings.conjugate_gradient_steps)
    curvature = 0.5 * direction @ product(direction)
    return direction * torch.sqrt(settings.max_kl / curvature)


def conjugate_gradient(product: Callable[[Tensor], Tensor], target: Tensor, steps: int) -> Tensor:
    """Solve A x = b approximately, in so many products with A, which is symmetric and positive definite.

    Source: openai/baselines ea25b9e baselines/common/cg.py, which names Demmel 1997, Applied numerical linear algebra,
    page 312.
    """
    solution = torch.zeros_like(target)
    residual, direction = target, target
    squared = residual @ residual
    for _ in range(steps):
        image = product(direction)
        length = squared / (direction @ image)
        solution = solution + length * direction
        residual = residual - length * image
        left = residual @ residual
        direction = residual + (left / squared) * direction
        squared = left
        if squared < RESIDUAL_TOLERANCE:
            break
    return solution


def line_search(
    parameters: Sequence[Tensor],
    step: Tensor,
    gain_before: float,
    judge: Callable[[], Judgment],
    settings: TrustRegionConfig,
) -> Step:
    """Shorten a step until the gain has not fallen and the divergence is accepted; else leave the parameters alone.

    Args:
        parameters: change in place.
        step: the longest one, of all parameters.
        gain_before: of the parameters as they are.
        judge: as for `trust_region_step`.
        settings: of the step.

    Source: Schulman et al. 2015, appendix C; openai/baselines ea25b9e baselines/trpo_mpi/trpo_mpi.py.
    """
    with torch.no_grad():
        start, fraction = _flat(parameters), 1.0
        for _ in range(settings.line_search_steps):
            _fill(parameters, start + fraction * step)
            gain, kl = (number.item() for number in judge())
            # Comparisons with what is no number are false, so such a step is shortened too.
            if kl <= settings.accepted_kl_factor * settings.max_kl and gain >= gain_before:
                return Step(accepted=True, kl=kl, improvement=gain - gain_before)
            fraction *= settings.line_search_factor
        _fill(parameters, start)
    return Step(accepted=False, kl=0.0, improvement=0.0)


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """Copy tensors into one vector, one behind the other, in whatever order their memory has."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def _fill(tensors: Sequence[Tensor], vector: Tensor) -> None:
    """Copy a vector of `_flat` back into the tensors, whose memory stays theirs."""
    for tensor, part in zip(tensors, vector.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view(tensor.shape))
