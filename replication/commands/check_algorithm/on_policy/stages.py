"""What is checked of an algorithm that learns from what its policy has just done, in order."""

from __future__ import annotations

from replication.commands.check_algorithm.on_policy.learning_checks import (
    check_directions,
    check_global_randomness,
    check_gradient,
    check_inputs,
    check_loss,
    check_targets,
)
from replication.commands.check_algorithm.on_policy.network_checks import check_acting, check_initialisation
from replication.commands.check_algorithm.on_policy.subject import OnPolicySubject
from replication.commands.check_algorithm.run_checks import check_cohort, check_resume, check_training
from replication.commands.check_algorithm.subject import Check

SUBJECT = OnPolicySubject
FUNCTIONS = ("network", "initialise", "act", "state_values", "targets", "loss")
CONSTANTS: dict[str, type] = {}
STAGES: tuple[dict[str, Check], ...] = (
    {"initialisation": check_initialisation, "acting": check_acting},
    {"targets": check_targets, "loss": check_loss},
    {
        "gradient": check_gradient,
        "directions": check_directions,
        "global randomness": check_global_randomness,
        "inputs": check_inputs,
    },
    {"training": check_training},
    {"resume": check_resume, "cohort": check_cohort},
)
