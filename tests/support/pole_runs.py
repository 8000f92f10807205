"""Runs of fitted Q iteration on the pole, tested in a fraction of the time, and an experiment of a few of them."""

from __future__ import annotations

from dataclasses import replace

from replication.specification.families.fitted_q import FittedQConfig
from replication.specification.protocols import PolePresentation, Protocol
from replication.specification.run import Run, resolve_run
from replication.specification.seeds import Seeds

TEST_EPISODES, TEST_CYCLES = 20, 300


def quick_run(variant: str = "nfq", *, seed: int = 1, episodes: int = 50, **config: object) -> Run:
    """A run whose controller is tested in 20 episodes of 30 s, with settings changed."""
    run = resolve_run(variant=variant, task="pole", seed=seed, seeds=Seeds(1, 50), budget_episodes=episodes)
    changed = run.variant.model_copy(update={"config": run.variant.config | config})
    return replace(run, variant=changed, protocol=quick(run.protocol))


def quick(protocol: Protocol) -> Protocol:
    """The same protocol, with 20 test episodes of 30 s."""
    final = protocol.final_evaluation
    presentation = final.presentation.model_copy(update={"episode_cap_cycles": TEST_CYCLES})
    short = final.model_copy(update={"num_episodes": TEST_EPISODES, "presentation": presentation})
    return protocol.model_copy(update={"final_evaluation": short})


def config_of(run: Run) -> FittedQConfig:
    """Its settings."""
    return run.settings_as(FittedQConfig)


def shown(run: Run) -> PolePresentation:
    """The presentation of its training."""
    return run.protocol.training
