"""check-algorithm: a user's own file passes, and each check fails for the mistake it is there for, in one line."""

from __future__ import annotations

import importlib
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from replication.commands.check_algorithm import checks
from replication.commands.check_algorithm.checks import TABLES, examine, names_of_checks
from replication.commands.check_algorithm.subject import Subject, open_subject
from replication.commands.cli import main
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import WORKFLOW
from replication.specification.own_settings import imported_file
from tests.support.parameters import long_unless

SOURCE = '''"""Double DQN with a bonus, as a user may write it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from replication.algorithms.off_policy.contract import Batch, DrawSpec, Forward, Losses
from replication.algorithms.off_policy.dqn import acting_draws_spec, action_values, initialise, network
from replication.specification.families.off_policy import OffPolicyConfig, Positive

PAPER = "a user's own"
CALLS = []


class Config(OffPolicyConfig):
    spread: Positive
    """Of what is added to a target."""


def draws_spec(config: Config, num_actions: int) -> Mapping[str, DrawSpec]:
    return {"bonus": DrawSpec("normal", (), per_transition=True)}


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    q_tm1 = online(batch.s_tm1)
    with torch.no_grad():
        a_t = online(batch.s_t).argmax(dim=1)
        q_t = target(batch.s_t).gather(1, a_t[:, None]).squeeze(1)
        y = batch.r_t + batch.discount_t * q_t + config.spread * draws["bonus"]
    q_a_tm1 = q_tm1.gather(1, batch.a_tm1[:, None]).squeeze(1)
    per_transition = functional.huber_loss(q_a_tm1, y, reduction="none")
    priority = (y - q_a_tm1.detach()).abs()
    return Losses(per_transition, priority)
'''
NUMBER = count()


def written(folder: Path, *changes: tuple[str, str], yaml: tuple[tuple[str, str], ...] = ()) -> Path:
    """A user's file with its YAML beside it, under a name of its own; `changes` replace text of each."""
    name, source = f"users_own_{next(NUMBER)}", SOURCE
    settings = (WORKFLOW / "algorithms" / "dqn.yaml").read_text()
    own = (("variant: dqn\n", f"variant: {name}\n"), ("module: dqn\n", f"module: {name}\n"))
    own += (("hidden_units: 512", "hidden_units: 32"), ("  discount: 0.99\n", "  discount: 0.99\n  spread: 0.01\n"))
    own += (("sources:\n", 'sources:\n  spread: "of this example"\n  network: "smaller than the paper has it"\n'),)
    own += (
        (
            '  network: "google-deepmind/dqn dqn/convnet_atari3.lua:10-14; torch/nn initialization of February 2015"\n',
            "",
        ),
    )
    own += (("deviations:\n", DEVIATION),)
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    for old, new in (*own, *yaml):
        assert old in settings, old
        settings = settings.replace(old, new)
    path = folder / f"{name}.py"
    path.write_text(source)
    path.with_suffix(".yaml").write_text(settings)
    return path


DEVIATION = """deviations:
  - id: users-network
    rows: [N1]
    what: "a hidden layer of 32 units"
    why: "a test in seconds"
    expected_effect: "learns less"
"""


def subject_of(path: Path) -> Subject:
    return open_subject(path, path.with_suffix(".yaml"))


def problems(path: Path) -> dict[str, str]:
    return {finding.check: finding.problem for finding in examine(subject_of(path)) if finding.problem}


@pytest.mark.slow
def test_a_users_own_file_passes_every_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    assert main(["check-algorithm", str(path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{path.stem}: {check}: passed" for check in names_of_checks(subject_of(path))]


IMPORTS = "import acting_draws_spec, action_values, initialise, network\n"
GATHER = "    q_a_tm1 = q_tm1.gather(1, batch.a_tm1[:, None]).squeeze(1)\n"
COUNTING = """import acting_draws_spec, action_values, initialise
from replication.algorithms.off_policy import dqn


class Counting(dqn.Network):
    def __init__(self, config, num_actions):
        super().__init__(config, num_actions)
        self.calls = 0
        CALLS.clear()

    def forward(self, pixels):
        self.calls += 1
        CALLS.append(1)
        return (1.0 + 0.1 * (FACTOR > 60)) * super().forward(pixels)


network = Counting
"""
WRONG = {
    "shape": (
        "Losses(per_transition, priority)",
        "Losses(per_transition[:, None], priority)",
        "loss",
        "per_transition of the loss gives float32 [5, 1]; return float32 [5]",
    ),
    "reduced": ('reduction="none"', 'reduction="mean"', "loss", "per_transition of the loss gives float32 []"),
    "dtype": ("Losses(per_transition, priority)", "Losses(per_transition, priority.double())", "loss", "float64 [5]"),
    "not finite": (
        "Losses(per_transition, priority)",
        "Losses(torch.log(q_a_tm1 - q_a_tm1.max() - 1.0), priority)",
        "loss",
        "not finite",
    ),
    "priority": ("(y - q_a_tm1.detach()).abs()", "(y - q_a_tm1).abs()", "loss", "priority has a gradient; detach it"),
    "sign of priority": ("(y - q_a_tm1.detach()).abs()", "(y - q_a_tm1.detach())", "loss", "priority is negative"),
    "no gradient": ("functional.huber_loss(q_a_tm1,", "functional.huber_loss(q_a_tm1.detach(),", "loss", "no gradient"),
    "target": ("    with torch.no_grad():\n", "    if True:\n", "gradient", "flows into the target network"),
    "online bootstraps": (
        GATHER,
        GATHER + "    y = batch.r_t + batch.discount_t * online(batch.s_t).max(dim=1).values\n",
        "gradient",
        "view of s_t",
    ),
    "learns from s_t alone": (
        "q_tm1 = online(batch.s_tm1)",
        "q_tm1 = online(batch.s_t)",
        "gradient",
        "the online network's view of s_t;",
    ),
    "torch's generator": (
        'draws["bonus"]',
        "torch.randn(len(batch.r_t))",
        "global randomness",
        "loss draws from the global generator of torch; ask for it in draws_spec",
    ),
    "minibatch in place": (
        GATHER,
        "    batch.r_t.clamp_(-0.5, 0.5)\n" + GATHER,
        "inputs",
        "changes batch.r_t in place",
    ),
    "draws in place": (GATHER, '    draws["bonus"].mul_(2.0)\n' + GATHER, "inputs", "changes draws['bonus'] in place"),
    "branch on data": (
        GATHER,
        GATHER + "    if (y - q_a_tm1).abs().max() > 1e6:\n        y = 0.0 * y\n",
        "stack",
        "cannot be mapped over lanes",
    ),
    "item": (GATHER, "    y = y + 0.0 * y.mean().item()\n" + GATHER, "stack", "cannot be mapped over lanes"),
    "made on the host": (
        'config.spread * draws["bonus"]',
        'torch.tensor([config.spread]) * draws["bonus"]',
        "device",
        "makes a tensor on the host, which a GPU cannot record; give it a device",
    ),
    "something kept": (
        "    per_transition = ",
        "    CALLS.append(1)\n    y = y + 1e-4 * (len(CALLS) % 50)\n    per_transition = ",
        "training",
        "two trainings with one seed differ in",
    ),
    "initialisation": (
        IMPORTS,
        "import acting_draws_spec, action_values, network\n\n\ndef initialise(network, stream, config):\n    pass\n",
        "initialisation",
        "leaves convolutions.layers.0.weight as it was",
    ),
    "one start for all": (
        IMPORTS,
        "import acting_draws_spec, action_values, network\n\n\ndef initialise(network, stream, config):\n"
        "    for parameter in network.parameters():\n        parameter.data.fill_(0.01)\n",
        "initialisation",
        "two streams give the same parameters",
    ),
    "numpy's generator": (
        IMPORTS,
        "import acting_draws_spec, action_values, network\nimport numpy as np\n"
        "from replication.algorithms.off_policy import dqn\n"
        "\n\ndef initialise(network, stream, config):\n    np.random.random()\n"
        "    dqn.initialise(network, stream, config)\n",
        "global randomness",
        "network or initialise draws from the global generator of numpy",
    ),
    "values": (
        IMPORTS,
        "import acting_draws_spec, initialise, network\n\n\ndef action_values(outputs, config):\n"
        "    return outputs.max(dim=1).values\n",
        "acting",
        "action_values gives float32 [1]; return float32 [1, 3]",
    ),
    "kept beside the parameters": (
        IMPORTS,
        COUNTING.replace("FACTOR", "self.calls"),
        "resume",
        "resumed, it differs in",
    ),
    "kept for all lanes": (IMPORTS, COUNTING.replace("FACTOR", "len(CALLS)"), "cohort", "beside another lane"),
    "not finite after a while": (
        IMPORTS,
        COUNTING.replace("0.1 * (FACTOR > 60)", "(float('inf') if self.calls > 60 else 0.0)"),
        "training",
        "training fails: the loss is",
    ),
    "a layer for nothing": (
        IMPORTS,
        "import acting_draws_spec, action_values, initialise\nfrom replication.algorithms.off_policy import dqn\n"
        "from replication.algorithms.networks import UninitialisedLinear\n\n\ndef network(config, num_actions):\n"
        "    built = dqn.Network(config, num_actions)\n    built.idle = UninitialisedLinear(2, 2)\n    return built\n",
        "gradient",
        "no gradient reaches idle.weight of the online network",
    ),
    "an error of its own": (
        'draws["bonus"]',
        'draws["bonsu"]',
        "loss",
        "KeyError, line 33 of",
    ),
}


FOUND_LIKE_ANOTHER = {"item", "not finite after a while"}
"""By a check that trains for seconds, as another mistake is."""


@pytest.mark.slow
@pytest.mark.parametrize("mistake", long_unless(lambda mistake: mistake not in FOUND_LIKE_ANOTHER, WRONG))
def test_each_mistake_is_found_by_its_check_and_named_in_one_line(tmp_path: Path, mistake: str) -> None:
    old, new, check, said = WRONG[mistake]
    found = problems(written(tmp_path, (old, new)))
    assert said in found[check], found
    assert ";" in found[check] and all("\n" not in problem for problem in found.values())


def test_a_number_that_differs_from_the_original_is_to_be_declared(tmp_path: Path) -> None:
    tables = {
        (
            "  batch_size: 32\n",
            "  batch_size: 64\n",
        ): "differs from nature_dqn in rows that no deviation names: O7 (Minibatch)",
        ("    rows: [N1]\n", "    rows: [N1, X9]\n"): "deviation users-network names row X9, which there is not",
        ('  spread: "of this example"\n', ""): "spread has no source; say under sources where its value is printed",
        ('  spread: "of this example"\n', '  spraed: "x"\n'): "sources names spraed, which config does not have",
    }
    for change, said in tables.items():
        subject = subject_of(written(tmp_path, yaml=(change,)))
        found = checks._finding("tables", TABLES["tables"], subject)
        assert found.problem is not None and said in found.problem, found


@pytest.mark.slow
def test_a_failed_check_is_named_what_depends_on_it_is_left_and_the_exit_code_is_2(tmp_path: Path) -> None:
    path = written(tmp_path, (GATHER, "    batch.r_t.clamp_(-0.5, 0.5)\n" + GATHER))
    command = [sys.executable, "-m", "replication", "check-algorithm", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=WORKFLOW.parent)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.splitlines() == [f"error: {path}: 1 check failed, named above; mend and check again"]
    said = done.stdout.splitlines()
    assert f"{path.stem}: inputs: the loss changes batch.r_t in place; compute a new tensor" in said
    assert said[-1] == f"{path.stem}: not checked until the others pass: stack, training, device, resume, cohort"


def test_what_cannot_be_checked_at_all_is_one_line(tmp_path: Path) -> None:
    def said(path: Path, *more: str) -> str:
        with pytest.raises(ReplicationError) as caught:
            checks.check_algorithm(path, *more or (None,))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    path = written(tmp_path)
    assert "expected a Python file" in said(tmp_path / "nothing.py", str(path.with_suffix(".yaml")))
    assert "did you mean 'dqn'" in said(path, "dqnn")
    assert f"module: found 'dqn', expected '{path.stem}'" in said(path, str(WORKFLOW / "algorithms" / "dqn.yaml"))
    for name in ("json", "not-a-word"):
        path.with_name(f"{name}.py").write_text(SOURCE)
        assert "rename the file" in said(path.with_name(f"{name}.py"), str(path.with_suffix(".yaml")))
    path.with_suffix(".yaml").unlink()
    assert "no such file; write the variant's settings there, or name them with --variant" in said(path)
    broken = {
        ("PAPER =", "PAPRE ="): "lacks PAPER; see",
        ("def loss(", "def lose("): "lacks loss; see",
        ("class Config(OffPolicyConfig):", "class Config:"): "expected a subclass of OffPolicyConfig",
        ("import torch\n", "import troch\n"): "cannot be imported (ModuleNotFoundError: No module named 'troch')",
    }
    for change, expected in broken.items():
        assert expected in said(written(tmp_path, change))
    assert "config.spread: expected a number greater than 0" in said(
        written(tmp_path, yaml=(("spread: 0.01", "spread: -1.0"),))
    )
    assert "config.spraed" in said(written(tmp_path, yaml=(("spread: 0.01", "spraed: 0.01"),)))
    assert "original: there is no original 'nature'" in said(
        written(tmp_path, yaml=(("original: nature_dqn", "original: nature"),))
    )


def test_a_file_is_imported_anew_under_its_own_name(tmp_path: Path) -> None:
    path = written(tmp_path)
    first = imported_file(path)
    assert sys.modules[path.stem] is first
    path.write_text(SOURCE.replace("a user's own", "changed"))
    importlib.invalidate_caches()
    assert imported_file(path).PAPER == "changed"
