"""The command `fidelity`: every detail of the original program beside what is in force here."""

from __future__ import annotations

import argparse

from replication.commands.arguments import add_algorithm, variant_of
from replication.report.fidelity_text import fidelity_text
from replication.specification.loading import known_names

HELP = "what is exactly as in the original program, and what is not"
DESCRIPTION = (
    "Print each detail of the original program beside the value in force here: exact, the deviations that concern it, "
    "or unconfirmed."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fidelity`."""
    parser.add_argument("--variant", help=f"one of (default: dqn): {', '.join(known_names('algorithms'))}")
    add_algorithm(parser)
    parser.add_argument("--protocol", help=f"instead of the variant's own: {', '.join(known_names('protocols'))}")
    parser.add_argument("--preset", help=f"overrides of scale: {', '.join(known_names('presets'))}")


def run(options: argparse.Namespace) -> int:
    """Print the fidelity table of a variant.

    Returns: exit code 0.
    Raises:
        ReplicationError: a misspelt name.
    """
    variant = variant_of(options) if options.variant or options.algorithm else "dqn"
    print(fidelity_text(variant, options.protocol, options.preset))
    return 0
