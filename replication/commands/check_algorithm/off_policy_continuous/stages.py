"""What is checked of an algorithm with an actor of continuous actions and critics, in order."""

from __future__ import annotations

from replication.commands.check_algorithm.off_policy_continuous.loss_checks import (
    check_global_randomness,
    check_gradients,
    check_inputs,
    check_losses,
    check_schedule,
    check_targets,
)
from replication.commands.check_algorithm.off_policy_continuous.subject import ContinuousSubject
from replication.commands.check_algorithm.run_checks import check_cohort, check_resume, check_training
from replication.commands.check_algorithm.subject import Check

SUBJECT = ContinuousSubject
FUNCTIONS = ("target_actions", "targets", "critic_loss", "actor_loss", "updates_actor")
CONSTANTS: dict[str, type] = {"NUM_CRITICS": int, "SMOOTHS_TARGETS": bool}
STAGES: tuple[dict[str, Check], ...] = (
    {"targets": check_targets, "losses": check_losses},
    {
        "gradients": check_gradients,
        "schedule": check_schedule,
        "global randomness": check_global_randomness,
        "inputs": check_inputs,
    },
    {"training": check_training},
    {"resume": check_resume, "cohort": check_cohort},
)
