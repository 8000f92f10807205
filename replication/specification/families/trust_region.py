"""Settings of a policy's step within a trust region, for every family that takes such steps."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from replication.foundation.validation import Count, Positive, Settings


class TrustRegionConfig(Settings):
    """How far a step moves a policy, and how it is found: by conjugate gradients, then by a line search."""

    max_kl: Positive
    """Mean Kullback-Leibler divergence of the new policy from the old one, in nats, that a step is made for."""
    conjugate_gradient_steps: Count
    """Products with the Fisher matrix in which the direction of a step is found."""
    damping: Annotated[float, Field(ge=0.0)]
    """Times a vector, added to its product with the Fisher matrix."""
    fisher_every_steps: Count
    """Every so many-th step of each actor is in products with the Fisher matrix; 1: all are."""
    line_search_steps: Count
    """Lengths of a step that are tried."""
    line_search_factor: Annotated[float, Field(gt=0.0, lt=1.0)]
    """By which the length shrinks from one to the next."""
    accepted_kl_factor: Positive
    """A step is taken where the divergence after it is at most this times `max_kl`, and the gain has not fallen."""
