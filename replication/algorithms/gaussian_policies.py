"""Policies that draw each number of an action from a normal distribution of its own."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

_LOG_ROOT_OF_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class GaussianOutputs(NamedTuple):
    """What a network says of states, where actions are vectors: float32 each.

    means: [..., dimensions] of the normal distributions that an action is drawn from.
    log_deviations: [..., dimensions], natural logarithms of their standard deviations.
    values: [..., values]: one of the state; none where no value is learned.
    """

    means: Tensor
    log_deviations: Tensor
    values: Tensor

    def log_probabilities(self, actions: Tensor) -> Tensor:
        """Compute the logarithm of the density of actions as they were drawn, float32 [...].

        sum_i -(a_i - mu_i)^2 / (2 sigma_i^2) - log sigma_i - log sqrt(2 pi).

        Args: `actions` are float32 [..., dimensions], not yet brought between the bounds of the task.
        Source: Williams 1992, section 6.
        """
        scaled = (actions - self.means) / self.log_deviations.exp()
        return (-0.5 * scaled.square() - self.log_deviations - _LOG_ROOT_OF_TWO_PI).sum(dim=-1)

    def entropies(self) -> Tensor:
        """Compute the differential entropies, float32 [...]: sum_i log sigma_i + log sqrt(2 pi) + 1/2."""
        return (self.log_deviations + (_LOG_ROOT_OF_TWO_PI + 0.5)).sum(dim=-1)

    def sampled(self, draws: Tensor) -> Tensor:
        """Draw actions, float32 [..., dimensions]: mu + sigma z.

        Args: `draws` are as many standard normal numbers; 0 gives the likeliest action.
        """
        return self.means + self.log_deviations.exp() * draws

    def divergences(self, later: GaussianOutputs) -> Tensor:
        """Compute KL(self || later) in each state, float32 [...].

        sum_i log(sigma'_i / sigma_i) + (sigma_i^2 + (mu_i - mu'_i)^2) / (2 sigma'_i^2) - 1/2.
        """
        apart = self.means - later.means
        spread = ((2.0 * self.log_deviations).exp() + apart.square()) / (2.0 * (2.0 * later.log_deviations).exp())
        return (later.log_deviations - self.log_deviations + spread - 0.5).sum(dim=-1)
