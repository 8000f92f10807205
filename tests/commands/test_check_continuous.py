"""check-algorithm of agents with an actor and critics: a user's own passes, each mistake is named in one line."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from replication.commands.check_algorithm.checks import examine
from replication.commands.check_algorithm.subject import open_subject
from replication.commands.cli import main
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import WORKFLOW

SOURCE = '''"""Two critics whose mean is the target's value, as a user may write it."""

from __future__ import annotations

import torch

from replication.algorithms.off_policy_continuous.contract import Loss
from replication.specification.families.off_policy_continuous import OffPolicyContinuousConfig

PAPER = "a user's own"
Config = OffPolicyContinuousConfig
NUM_CRITICS = 2
SMOOTHS_TARGETS = False
CALLS = []


def target_actions(actions, noise, bounds, config):
    return actions


def targets(rewards, goes_on, next_values, config):
    return rewards + config.discount * goes_on * next_values.mean(dim=0)


def critic_loss(values, targets, config):
    errors = values - targets
    return Loss(errors.square().mean(dim=1).sum(), 2.0 * errors / len(targets))


def actor_loss(values, config):
    return Loss(-values.mean(), torch.full_like(values, -1.0 / len(values)))


def updates_actor(update, config):
    return True
'''
NUMBER = count()
ACTIONS = "    return actions\n"
TARGETS = "    return rewards + config.discount * goes_on * next_values.mean(dim=0)\n"
CRITIC = "Loss(errors.square().mean(dim=1).sum(), 2.0 * errors / len(targets))"
ACTOR = "Loss(-values.mean(), torch.full_like(values, -1.0 / len(values)))"
LATE = "    return True\n"


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    """A user's file with its YAML beside it, under a name of its own; `changes` replace text of the file."""
    name, source = f"users_actor_{next(NUMBER)}", SOURCE
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    settings = (WORKFLOW / "algorithms" / "ddpg_2015.yaml").read_text()
    settings = settings.replace("variant: ddpg_2015\n", f"variant: {name}\n")
    path = folder / f"{name}.py"
    path.write_text(source)
    path.with_suffix(".yaml").write_text(settings.replace("module: ddpg\n", f"module: {name}\n"))
    return path


def test_a_users_own_file_passes_every_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    assert main(["check-algorithm", str(path)]) == 0
    checks = ["tables", "targets", "losses", "gradients", "schedule", "global randomness", "inputs", "training"]
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{path.stem}: {check}: passed" for check in [*checks, "resume", "cohort"]]


WRONG = {
    "actions": (ACTIONS, "    return actions[:, 0]\n", "targets", "target_actions gives float32 [5]; return float32"),
    "a target for each critic": (
        "next_values.mean(dim=0)",
        "next_values",
        "targets",
        "targets gives float32 [2, 5]; return float32 [5]",
    ),
    "precision": ("next_values.mean(dim=0)", "next_values.mean(dim=0).double()", "targets", "gives float64 [5]"),
    "an end that goes on": ("goes_on * ", "", "targets", "the next value where the episode ended; multiply"),
    "no bootstrap": (
        " + config.discount * goes_on * next_values.mean(dim=0)",
        " * 1.0",
        "targets",
        "no target depends",
    ),
    "a view": (TARGETS, "    return next_values[0].mul_(goes_on)\n", "targets", "returns a view of next_values"),
    "no critic": ("NUM_CRITICS = 2", "NUM_CRITICS = 0", "targets", "NUM_CRITICS is 0; name one or more"),
    "a loss for each": ("mean(dim=1).sum()", "mean(dim=1)", "losses", "loss of critic_loss gives float32 [2]; return"),
    "a bare loss": (ACTOR, "-values.mean()", "losses", "actor_loss returns Tensor; return Loss(loss, gradient)"),
    "one gradient": ("torch.full_like(values, -1.0", "torch.tensor(-1.0", "losses", "gradient of actor_loss gives"),
    "not finite": ("-values.mean(),", "values.log().mean(),", "losses", "numbers that are not finite"),
    "half the gradient": ("2.0 * errors", "errors", "gradients", "gradient of critic_loss is"),
    "the sign": (
        "full_like(values, -1.0",
        "full_like(values, 1.0",
        "gradients",
        "the loss grows by -0.2 for each unit",
    ),
    "no bool": (LATE, "    return update % 2\n", "schedule", "updates_actor returns 0; return True or False"),
    "counted by itself": (
        LATE,
        "    CALLS.append(update)\n    return len(CALLS) % 3 == 0\n",
        "schedule",
        "says another thing when asked again; count by `update` alone",
    ),
    "noise of its own": (
        ACTIONS,
        "    return actions + 0.1 * torch.randn_like(actions)\n",
        "global randomness",
        "target_actions draws from the global generator of torch; the noise of targets is given",
    ),
    "in place": (
        ACTIONS,
        "    return actions.clamp_(-0.1, 0.1)\n",
        "inputs",
        "target_actions changes actions in place",
    ),
    "rewards in place": (
        TARGETS,
        "    rewards.clamp_(-0.1, 0.1)\n" + TARGETS,
        "inputs",
        "targets changes rewards in pl",
    ),
    "the actor never learns": (LATE, "    return False\n", "training", "actor is as it was after 200 steps"),
    "something kept": (
        ACTIONS,
        "    CALLS.append(1)\n    return actions * (1.0 - 1e-3 * (len(CALLS) % 47))\n",
        "training",
        "two trainings with one seed differ in",
    ),
    "not finite after a while": (
        CRITIC,
        CRITIC.replace("errors.square()", "(errors.square() / (errors.abs() < 10.0))"),
        "training",
        "training fails: the critic loss is",
    ),
    "an error of its own": ("values.mean(),", "valeus.mean(),", "losses", "NameError, line 32 of"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_each_mistake_is_found_by_its_check_and_named_in_one_line(tmp_path: Path, mistake: str) -> None:
    old, new, check, said = WRONG[mistake]
    path = written(tmp_path, (old, new))
    findings = examine(open_subject(path, path.with_suffix(".yaml")))
    found = {finding.check: finding.problem for finding in findings if finding.problem}
    assert said in found[check], found
    assert ";" in found[check] and all("\n" not in problem for problem in found.values())


def test_what_cannot_be_checked_at_all_is_one_line(tmp_path: Path) -> None:
    broken = {
        ("SMOOTHS_TARGETS = False", "SMOOTHS_TARGETS = None"): "lacks SMOOTHS_TARGETS; see",
        ("def updates_actor(", "def updates("): "lacks updates_actor; see replication/algorithms/off_policy_continuous",
    }
    for change, said in broken.items():
        path = written(tmp_path, change)
        with pytest.raises(ReplicationError, match=said) as caught:
            open_subject(path, path.with_suffix(".yaml"))
        assert "\n" not in str(caught.value)


def test_a_family_without_checks_is_one_line() -> None:
    source = WORKFLOW.parent / "replication" / "algorithms" / "tabular" / "sarsa.py"
    with pytest.raises(ReplicationError, match="family: found tabular, expected one whose algorithms are checked, "):
        open_subject(source, WORKFLOW / "algorithms" / "sarsa.yaml")
