"""Every algorithm passes check-algorithm: a new YAML in workflow/algorithms is checked without a line here.

In `make test` the first variant of each module that is not made of others, in `make test-long` the rest. Left out are
variants named below, whose parts others have.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from replication.commands.check_algorithm.checks import examine, names_of_checks
from replication.commands.check_algorithm.subject import Subject, families_with_checks, open_subject, variants_of
from replication.foundation.paths import ALGORITHMS, WORKFLOW
from replication.specification.loading import known_names, load_variant
from tests.support.parameters import MADE_OF_OTHERS, first_of_each

VARIANTS = {name: load_variant(name) for name in known_names("algorithms")}
CHECKED = {name: variant for name, variant in VARIANTS.items() if variant.family in families_with_checks()}
LEARNING = {name: variant.module for name, variant in CHECKED.items()}


def small(subject: Subject) -> Subject:
    """With fewer filters, units, transitions and updates at once; `check-algorithm` takes what the YAML has.

    Networks without convolutions are small by the preset.
    """
    given = getattr(subject.config, "network", None)
    if not hasattr(given, "convolutions"):
        return subject
    filters = tuple(layer.model_copy(update={"channels": min(8, layer.channels)}) for layer in given.convolutions)
    units = min(32, given.hidden_units)  # a linear function approximator has none
    network = given.model_copy(update={"convolutions": filters, "hidden_units": units})
    most = {"batch_size": 4, "updates_at_once": 2, "num_actors": 4, "epochs": 2, "minibatches": 4}
    known = type(subject.config).model_fields
    fewer = {name: min(number, getattr(subject.config, name)) for name, number in most.items() if name in known}
    fewer["network"] = network
    if "trust_region" in known:
        fewer["trust_region"] = subject.config.trust_region.model_copy(update={"conjugate_gradient_steps": 2})
    if getattr(subject.config, "future_steps", 0):
        fewer["jumps"] = 2
    return replace(subject, config=subject.config.model_copy(update=fewer))


ABLATED = [name for name, module in LEARNING.items() if name.startswith("rainbow_no_") and module == "rainbow"]
OTHER_NUMBERS = (
    "dqn_paper",
    "dqn_no_target",
    "dqn_no_replay_no_target",
    "qr_dqn_0",
    "drq_eps",
    "der_dopamine",
    "rainbow_dopamine",
    "c51_dopamine",
    "iqn_dopamine",
    "trpo_2015",
)
MADE_OF_KNOWN_PARTS = ("_lr_half", "_lr_double", *ABLATED, *OTHER_NUMBERS)
"""Ends of the names of variants that differ in a number, or in a part that another variant has too."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant",
    first_of_each(
        LEARNING.__getitem__,
        [name for name in LEARNING if not name.endswith(MADE_OF_KNOWN_PARTS)],
        later=(*MADE_OF_OTHERS, "spr"),  # SPR alone takes as long as five others
    ),
)
def test_every_variant_does_all_that_the_engine_asks_of_it(variant: str) -> None:
    subject = small(open_subject(VARIANTS[variant].source, WORKFLOW / "algorithms" / f"{variant}.yaml"))
    findings = examine(subject)
    assert {finding.check: finding.problem for finding in findings if finding.problem} == {}
    assert [finding.check for finding in findings] == names_of_checks(subject)


@pytest.mark.parametrize("family", families_with_checks())
def test_every_algorithm_module_has_a_variant(family: str) -> None:
    of_family = {name: variant.module for name, variant in CHECKED.items() if variant.family == family}
    sources = {path.stem for path in (ALGORITHMS / family).glob("*.py")} - {"__init__", "contract"}
    assert sources == set(of_family.values())
    for module in sources:
        found = variants_of(ALGORITHMS / family / f"{module}.py", None)
        assert [path.stem for path in found] == [name for name, its_own in of_family.items() if its_own == module]
