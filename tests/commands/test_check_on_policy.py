"""check-algorithm of agents that learn from rollouts: a user's own passes, each mistake is named in one line."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from replication.commands.check_algorithm.checks import TABLES, examine
from replication.commands.check_algorithm.on_policy.stages import STAGES
from replication.commands.check_algorithm.subject import open_subject
from replication.commands.cli import main
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import WORKFLOW

SOURCE = '''"""Advantages of one step, and a critic with absolute errors, as a user may write it."""

from __future__ import annotations

import torch
from torch.nn import functional

from replication.algorithms.on_policy.contract import Targets
from replication.algorithms.policy_networks import PolicyNetwork, fill_orthogonal, log_probabilities, sampled
from replication.specification.families.on_policy_modules import A2CConfig

PAPER = "a user's own"
Config = A2CConfig
CALLS = []


def network(config, spaces):
    return PolicyNetwork(config, spaces.num_actions, num_values=1)


def initialise(network, stream, config):
    fill_orthogonal(network, stream, config)


def act(outputs, draws):
    return sampled(outputs.logits, draws)


def state_values(outputs, config):
    return outputs.values[:, 0]


def targets(rollout, config):
    returns = rollout.rewards + config.discount * rollout.next_values
    return Targets(returns - rollout.values, returns)


def loss(outputs, batch, config):
    gains = batch.advantages * log_probabilities(outputs.logits, batch.actions)
    errors = functional.smooth_l1_loss(state_values(outputs, config), batch.returns)
    return config.value_coefficient * errors - gains.mean()
'''
OWN_UPDATE = """    return config.value_coefficient * errors - gains.mean()


def update(network, pixels, batch, updates, config):
    for chosen in updates.minibatches():
        updates.step(loss(network(pixels[chosen]), batch.part(chosen), config))
"""
NUMBER = count()
RETURN = "    return Targets(returns - rollout.values, returns)\n"
LOSS = "    return config.value_coefficient * errors - gains.mean()\n"
SUMMED = """    sums = rollout.rewards.flip(0).cumsum(0).flip(0)
    return Targets(sums - rollout.values, sums)
"""
NORMALIZED = """    wide = returns - rollout.values
    return Targets((wide - wide.mean()) / wide.std(), returns)
"""


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    """A user's file with its YAML beside it, under a name of its own; `changes` replace text of the file."""
    name, source = f"users_rollouts_{next(NUMBER)}", SOURCE
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    settings = (WORKFLOW / "algorithms" / "a2c.yaml").read_text()
    settings = settings.replace("variant: a2c\n", f"variant: {name}\n").replace(
        "  num_actors: 16\n", "  num_actors: 4\n"
    )
    # Of no program's settings but its own: Williams's rows, which are few.
    settings = settings.replace("original: a2c_2017\n", "original: actor_critic\n")
    path = folder / f"{name}.py"
    path.write_text(source)
    path.with_suffix(".yaml").write_text(settings.replace("module: a2c\n", f"module: {name}\n"))
    return path


@pytest.mark.slow
def test_a_users_own_file_passes_every_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    assert main(["check-algorithm", str(path)]) == 0
    checks = [*TABLES, *(name for stage in STAGES for name in stage)]
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{path.stem}: {check}: passed" for check in checks]


WRONG = {
    "left out": (
        "    fill_orthogonal(network, stream, config)\n",
        "    fill_orthogonal(network, stream, config)\n    network.policy.bias.data.fill_(float('nan'))\n",
        "initialisation",
        "initialise leaves policy.bias as it was or not finite; fill every parameter",
    ),
    "the same start": (
        "    fill_orthogonal(network, stream, config)\n",
        "    [torch.nn.init.constant_(parameter, 0.01) for parameter in network.parameters()]\n",
        "initialisation",
        "two streams give the same parameters; draw them from the stream",
    ),
    "greedy": (
        "sampled(outputs.logits, draws)",
        "outputs.logits.argmax(dim=1)",
        "acting",
        "act chooses shares of 1.00, 0.00, 0.00 where the policy says 0.67, 0.24, 0.09; draw by its softmax",
    ),
    "uniform": (
        "sampled(outputs.logits, draws)",
        "sampled(0.0 * outputs.logits, draws)",
        "acting",
        "act does not choose the largest of logits where all draws are equal; let it",
    ),
    "action's type": (
        "sampled(outputs.logits, draws)",
        "draws.argmax(1).int()",
        "acting",
        "act gives int32 [1]; return",
    ),
    "values": ("outputs.values[:, 0]", "outputs.values", "acting", "state_values gives float32 [1, 1]; return float32"),
    "bare": (
        RETURN,
        "    return returns - rollout.values, returns\n",
        "targets",
        "targets returns tuple; return Targets(",
    ),
    "flat": (
        RETURN,
        "    return Targets((returns - rollout.values).flatten(), returns.flatten())\n",
        "targets",
        "advantages of targets gives float32 [14]; return float32 [7, 2]",
    ),
    "beyond": (RETURN, SUMMED, "targets", "hold rewards from beyond the end of a trajectory; begin anew at each cut"),
    "normalized": (
        RETURN,
        NORMALIZED,
        "targets",
        "advantages hold rewards from beyond the end of a trajectory; begin anew at each cut",
    ),
    "no reward": (
        "rollout.rewards + config",
        "config",
        "targets",
        "returns do not depend on the rewards; add them up",
    ),
    "a loss each": (LOSS, "    return errors - gains\n", "loss", "the loss gives float32 [14]; return float32 []"),
    "no gradient": (
        LOSS,
        "    return (errors - gains.mean()).detach()\n",
        "loss",
        "the loss has no gradient; compute it",
    ),
    "not finite": (LOSS, "    return errors.log() * 1e30 * 1e30\n", "loss", "numbers that are not finite"),
    "no critic": (LOSS, "    return -gains.mean()\n", "gradient", "no gradient reaches values.weight of the network"),
    "the sign": (LOSS, "    return errors + gains.mean()\n", "directions", "less likely the better it turned out"),
    "away": (
        LOSS,
        "    return -errors - gains.mean()\n",
        "directions",
        "moves values away from the returns; look at its",
    ),
    "noise": (
        LOSS,
        "    return errors - gains.mean() + 0 * torch.rand(())\n",
        "global randomness",
        "loss draws from the",
    ),
    "in place": (
        "    gains = batch",
        "    batch.advantages.sub_(1.0)\n    gains = batch",
        "inputs",
        "loss changes advantages in place; compute a new tensor",
    ),
    "in place of a rollout": (
        "    returns = rollout",
        "    rollout.rewards.clamp_(0, 1)\n    returns = rollout",
        "inputs",
        "targets changes rewards in place; compute a new tensor",
    ),
    "noise in an update": (LOSS, f"{OWN_UPDATE}    torch.rand(())\n", "global randomness", "update draws from the"),
    "an update in place": (
        LOSS,
        f"{OWN_UPDATE}    batch.values.zero_()\n",
        "inputs",
        "update changes values in place; compute a new tensor",
    ),
    "counts": (
        LOSS,
        "    CALLS.append(1)\n    return errors - gains.mean() * len(CALLS)\n",
        "training",
        "two trainings with one seed differ in network.convolutions",
    ),
}


@pytest.mark.parametrize(
    "mistake", [pytest.param(m, marks=[pytest.mark.slow] * (WRONG[m][2] == "training")) for m in WRONG]
)
def test_each_mistake_is_named_in_one_line(mistake: str, tmp_path: Path) -> None:
    old, new, check, words = WRONG[mistake]
    path = written(tmp_path, (old, new))
    settings = path.with_suffix(".yaml")
    settings.write_text(settings.read_text().replace("hidden_units: 512", "hidden_units: 16"))  # orthogonal in no time
    subject = open_subject(path, settings)
    found = {finding.check: finding.problem for finding in examine(subject) if finding.problem}
    assert check in found and words in found[check] and "\n" not in found[check]


def test_a_member_that_is_missing_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, ("def targets(", "def goals("))
    with pytest.raises(ReplicationError, match=r"lacks targets; see replication/algorithms/on_policy/contract\.py"):
        open_subject(path, path.with_suffix(".yaml"))
