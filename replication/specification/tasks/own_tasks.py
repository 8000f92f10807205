"""A user's own tasks of Gymnasium: one YAML each, workflow/tasks/NAME.yaml."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.foundation.files import canonical_json, listed, sha256
from replication.foundation.validation import Count, Settings, read_yaml, validated
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask

_DIGITS = 16


def _environment_id(found: str) -> str:
    if not re.fullmatch(r"[^\s:]+(:[A-Za-z_]\w*)?", found):
        raise ValueError(f"found {found!r}, expected Gymnasium's name of it, or module:Class")
    return found


class OwnTaskSettings(Settings):
    """The content of a task's YAML."""

    task: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    """The file's own name."""
    title: Annotated[str, Field(pattern=r"^\S.*$")]
    """In figures and tables."""
    environment_id: Annotated[str, AfterValidator(_environment_id)]
    """Gymnasium's own name of it, or `module:Class`, of a module that can be imported from the working folder."""
    cap_steps: Count
    """Steps after which an episode is truncated, where a protocol has the cap as registered."""


@dataclass(frozen=True)
class OwnTask(GymnasiumTask):
    """One task of a user.

    Attributes:
        source: its YAML.
    """

    source: Path

    @property
    def unknown_content(self) -> str | None:
        """The digest of what it is: the environment, the cap, and of `module:Class` the file of the module.

        Raises:
            ReplicationError: there is no such module.
        """
        content = {"environment_id": self.environment_id, "cap_steps": self.registered_cap_steps}
        module, colon, _ = self.environment_id.partition(":")
        if colon:
            content["code"] = sha256(_module_file(module, self.source).read_bytes())
        return sha256(canonical_json(content))[:_DIGITS]


def own_task_names() -> list[str]:
    """List the names of the user's own tasks."""
    return sorted(path.stem for path in listed(paths.WORKFLOW / "tasks", "*.yaml"))


def own_task_path(name: str) -> Path:
    """Return the YAML of a user's own task, there or not."""
    return paths.WORKFLOW / "tasks" / f"{name}.yaml"


def read_own_task(path: Path) -> OwnTask:
    """Read the YAML of a task.

    Raises:
        ReplicationError: it cannot be read; an unknown, missing or mistyped key.
    """
    settings = validated(OwnTaskSettings, read_yaml(path), path)
    if settings.task != path.stem:
        raise ReplicationError(f"{path}: task: found {settings.task!r}, expected the file's own name {path.stem!r}")
    return OwnTask(
        name=settings.task,
        title=settings.title,
        published_key=f"own:{settings.task}",  # nobody publishes under such a key
        kind="gymnasium",
        environment_id=settings.environment_id,
        registered_cap_steps=settings.cap_steps,
        source=path,
    )


def _module_file(module: str, path: Path) -> Path:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError) as error:  # of a package on the way to it
        reason = f" ({' '.join(str(error).split())})"
    else:
        if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
            return Path(spec.origin)
        reason = ""
    looked = "the working folder" if sys.path[:1] == [""] else sys.path[0]
    raise ReplicationError(
        f"{path}: environment_id: found no module {module}{reason}, expected one in {looked} or on PYTHONPATH; put its "
        "folder there"
    )
