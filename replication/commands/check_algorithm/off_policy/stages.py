"""What is checked of an algorithm that learns action values from a replay memory, in order."""

from __future__ import annotations

from replication.commands.check_algorithm.off_policy.device_checks import check_device
from replication.commands.check_algorithm.off_policy.loss_checks import (
    check_gradient,
    check_inputs,
    check_loss,
    check_stack,
)
from replication.commands.check_algorithm.off_policy.network_checks import (
    check_acting,
    check_global_randomness,
    check_initialisation,
)
from replication.commands.check_algorithm.off_policy.subject import OffPolicySubject
from replication.commands.check_algorithm.run_checks import check_cohort, check_resume, check_training
from replication.commands.check_algorithm.subject import Check

SUBJECT = OffPolicySubject
FUNCTIONS = ("network", "initialise", "action_values", "acting_draws_spec", "draws_spec", "loss")
CONSTANTS: dict[str, type] = {}
STAGES: tuple[dict[str, Check], ...] = (
    {"initialisation": check_initialisation, "acting": check_acting},
    {
        "loss": check_loss,
        "gradient": check_gradient,
        "global randomness": check_global_randomness,
        "inputs": check_inputs,
    },
    {"stack": check_stack, "training": check_training},
    {"device": check_device, "resume": check_resume, "cohort": check_cohort},
)
