"""What is judged of another program's policy, and how: its run, named by a digest as our own are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from replication.commands.foreign_policy import INTERFACE_VERSION
from replication.environments.atari.agent_views import view_under
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.foundation.validation import Count
from replication.specification.budget import Budget
from replication.specification.families.facts import FamilySettings
from replication.specification.loading import known_names, load_preset, load_protocol
from replication.specification.protocols import FinalEvaluation, FramePipelineName, HistoryStart, Protocol, of_atari
from replication.specification.run import Run, checked_task
from replication.specification.variants import Variant

FRAME_STACK = 4
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class JudgedConfig(FamilySettings):
    """How another program's policy sees the game, and the messages it is asked in."""

    frame_pipeline: FramePipelineName
    frame_stack: Count
    interface_version: Count
    history_start: HistoryStart = "zeros"
    policy_sha256: str | None = None
    """Of the file that holds the policy, where it was named; so that another policy is another run."""
    training: str | None = None
    """How the policy came to be, in the words of whoever judged it."""


class _Judged(Variant):
    """Another program's agent."""

    @property
    def settings_class(self) -> type[FamilySettings]:
        """The settings class of a judged agent, whose algorithm nobody here knows."""
        return JudgedConfig


class JudgedRun(Run):
    """A policy of another program under a protocol; `variant` holds its name and how it sees the game."""

    @property
    def shared_identity(self) -> dict[str, Any]:
        """The identity of a run, marked as another program's."""
        return super().shared_identity | {"family": "judged", "numerics_version": INTERFACE_VERSION}

    def results_folder(self, results: Path) -> Path:
        """Return the folder of its results: beside the runs, never among them."""
        return results / "judged" / self.place


def judged_run(
    *,
    name: str,
    game: str,
    protocol: str,
    seed: int,
    preset: str | None = None,
    frame_pipeline: FramePipelineName | None = None,
    epsilon: float | None = None,
    num_episodes: int | None = None,
    policy_file: Path | None = None,
    training: str | None = None,
) -> JudgedRun:
    """Return what is judged, and how.

    Args:
        name: of the agent, letters, digits, `_`, `.` and `-`.
        game: ROM name.
        protocol: whose presentation and episodes are played.
        seed: of everything random: no-op starts, stickiness, random actions.
        preset: overrides of scale.
        frame_pipeline: how screens become 84x84 bytes; None: as the protocol's own agents see them.
        epsilon: share of random actions; only where the protocol leaves it open.
        num_episodes: only where the protocol has no final evaluation; its training presentation is then played.
        policy_file: the file that holds the policy, whose digest then is part of what names the run.
        training: how the policy came to be, in words, which are part of it too.

    Raises:
        ReplicationError: a name that is malformed or a variant's; a bad game, protocol, seed or preset; an epsilon or
            a number of episodes that is missing, out of range or already the protocol's own; no such file.
    """
    if not _NAME.fullmatch(name):
        raise ReplicationError(
            f"--name {name!r}: expected 1 to 64 letters, digits, _ . - (the first a letter or digit)"
        )
    if name in known_names("algorithms"):
        raise ReplicationError(f"--name {name!r}: a variant of this program is called so; give another name")
    if seed < 0:
        raise ReplicationError(f"seed {seed}: expected an integer >= 0")
    loaded_preset = load_preset(preset) if preset else None
    played = _with_final_evaluation(load_protocol(protocol, loaded_preset), epsilon, num_episodes)
    view = view_under(protocol)
    pipeline = frame_pipeline or view.pipeline
    shown = {"frame_pipeline": pipeline, "frame_stack": FRAME_STACK, "interface_version": INTERFACE_VERSION}
    told = {
        "history_start": view.history_start if pipeline == view.pipeline else None,
        "policy_sha256": _digest(policy_file) if policy_file else None,
        "training": training,
    }
    agent = _Judged(
        variant=name,
        title=name,
        module="judged",
        family="untrained",  # it learns nothing here; `identity` says what it is
        paper="",
        original="",
        protocol=protocol,
        config=shown | {name: value for name, value in told.items() if value is not None},
        sources={},
        deviations=(),
    )
    return JudgedRun(agent, played, checked_task(game, played), seed, loaded_preset, Budget())


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes())
    except OSError as error:
        raise ReplicationError(f"--policy-file {path}: cannot be read ({error.strerror}); mend the path") from None


_IN_EVALUATION = {"life_loss_ends_trajectory": False, "independent_episodes": False}
"""Of a training's presentation, where it is evaluated by it: games are whole, and all of them are kept."""


def _with_final_evaluation(protocol: Protocol, epsilon: float | None, num_episodes: int | None) -> Protocol:
    """Return the protocol with all that an evaluation needs and it leaves open."""
    name, final = protocol.protocol, protocol.final_evaluation
    if final is not None and num_episodes is not None:
        raise ReplicationError(f"protocol {name} plays {final.num_episodes} episodes: leave --episodes out")
    if final is not None and final.epsilon is not None and epsilon is not None:
        raise ReplicationError(f"protocol {name} has epsilon {final.epsilon:g}: leave --epsilon out")
    if final is None and num_episodes is None:
        raise ReplicationError(
            f"protocol {name} scores training returns and plays no evaluation: give --episodes N, played as its "
            "training is presented"
        )
    if (final is None or final.epsilon is None) and epsilon is None:
        raise ReplicationError(f"protocol {name} leaves epsilon, the share of random actions, open: give --epsilon")
    if epsilon is not None and not 0.0 <= epsilon <= 1.0:
        raise ReplicationError(f"--epsilon {epsilon:g}: expected a share from 0 to 1")
    if final is None:
        assert num_episodes is not None
        presentation = of_atari(protocol.training).model_copy(update=_IN_EVALUATION)
        final = FinalEvaluation(network="final", num_episodes=num_episodes, epsilon=epsilon, presentation=presentation)
    elif epsilon is not None:
        final = final.model_copy(update={"epsilon": epsilon})
    scored = {"final_evaluation": final, "published_quantity": "final_evaluation"}
    return protocol.model_copy(update=scored | {"evaluation_beside_score": None, "training_score": None})
