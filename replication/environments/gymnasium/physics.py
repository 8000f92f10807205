"""Where the state of a task of Gymnasium lies: in MuJoCo's data, in classic control's own array, or out of sight.

What cannot be looked into (Box2D's world, a user's own environment) is told by what has come out of it since its start,
and is made anew for each episode: an old world of Box2D's bipedal walker goes on otherwise than a new one.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Protocol

import gymnasium
import numpy as np
from gymnasium.envs.registration import load_env_creator

from replication.foundation.errors import ReplicationError
from replication.foundation.progress import say

_KNOWN_WARNING = "settotalmass"
"""MuJoCo's warning that the models of versions 2 to 4 are of an older make: they are our declared choice."""


class Physics(Protocol):
    """The state of one environment, for the digest at the end of an episode."""

    fingerprint: Mapping[str, str]
    """What it depends on, beside Gymnasium."""
    is_hidden: bool
    """True where something of an episode may outlast it, unseen."""

    def begin(self, observation: Any) -> None:
        """Note the start of an episode."""

    def note(self, observation: Any, reward: float, terminated: bool) -> None:
        """Note a step."""

    def state(self) -> bytes:
        """Return what the next step depends on, as far as it can be seen."""


def make_environment(environment_id: str, **options: Any) -> Any:
    """Make an environment without what Gymnasium's registry wraps around it; a user's own wrappers stay.

    Args:
        environment_id: Gymnasium's own name of it, or `module:Class`; a function that makes it will do.
        options: of the environment, such as how it is drawn.

    Raises:
        ReplicationError: there is no such environment, it cannot be made, or a package that it needs is missing.
    """
    with _known_warnings_unsaid():
        try:
            if ":" in environment_id:
                return load_env_creator(environment_id)(**options)
            return gymnasium.make(environment_id, **options).unwrapped
        except gymnasium.error.DependencyNotInstalled as error:
            reason, _, _ = " ".join(str(error).split()).partition(", run")
            raise ReplicationError(
                f"environment {environment_id}: {reason}; `make -B venv` installs all that is in the lock"
            ) from None
        except (gymnasium.error.Error, ImportError, AttributeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ReplicationError(
                f"environment {environment_id}: cannot be made ({type(error).__name__}: {reason}); expected a "
                "name that Gymnasium knows, or module:Class of one that can be imported from here"
            ) from None


def make_drawn_environment(environment_id: str) -> Any:
    """Make an environment that draws itself offscreen; one of MuJoCo with the camera that follows, where it has one.

    Raises:
        ReplicationError: as `make_environment`.
    """
    environment = make_environment(environment_id, render_mode="rgb_array")
    renderer = getattr(environment, "mujoco_renderer", None)
    if renderer is not None:
        import mujoco

        camera = mujoco.mjtObj.mjOBJ_CAMERA
        renderer.camera_id = mujoco.mj_name2id(environment.model, camera, "track")  # -1, where there is none: free
    return environment


def physics_of(environment: Any) -> Physics:
    """Find out where an environment has its state."""
    if environment is not environment.unwrapped:  # a wrapper may keep something too
        return _Outside(None)
    module = type(environment).__module__
    if module.startswith("gymnasium.envs.classic_control"):
        return _OwnArray(environment)
    if type(getattr(environment, "data", None)).__module__.startswith("mujoco"):
        return _MujocoData(environment)
    return _Outside("Box2D" if type(getattr(environment, "world", None)).__module__.startswith("Box2D") else None)


class _OwnArray:
    """Classic control, which keeps all of it in `state`."""

    is_hidden = False

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self.fingerprint: Mapping[str, str] = {}

    def begin(self, observation: Any) -> None:
        pass

    def note(self, observation: Any, reward: float, terminated: bool) -> None:
        pass

    def state(self) -> bytes:
        return np.asarray(self._environment.state, np.float64).tobytes()


class _MujocoData:
    """MuJoCo: everything that its next step is integrated from, with where its solver starts."""

    is_hidden = False

    def __init__(self, environment: Any) -> None:
        import mujoco

        self._model, self._data = environment.model, environment.data
        self._read: Callable[..., None] = mujoco.mj_getState
        self._kind = mujoco.mjtState.mjSTATE_INTEGRATION
        self._content = np.empty(mujoco.mj_stateSize(self._model, self._kind), np.float64)
        compiled = np.empty(mujoco.mj_sizeModel(self._model), np.uint8)
        mujoco.mj_saveModel(self._model, None, compiled)
        self.fingerprint: Mapping[str, str] = {
            "mujoco_version": version("mujoco"),
            "model": hashlib.sha256(compiled.tobytes()).hexdigest()[:16],
            "state": "mjSTATE_INTEGRATION",
        }

    def begin(self, observation: Any) -> None:
        pass

    def note(self, observation: Any, reward: float, terminated: bool) -> None:
        pass

    def state(self) -> bytes:
        self._read(self._model, self._data, self._content, self._kind)
        return self._content.tobytes()


class _Outside:
    """What cannot be looked into: all observations, rewards and ends of the episode so far stand for its state."""

    is_hidden = True

    def __init__(self, package: str | None) -> None:
        """Name the package whose version counts, if it is known."""
        versions = {f"{package.lower()}_version": version(package)} if package else {}
        self.fingerprint: Mapping[str, str] = {**versions, "state": "observations and rewards of the episode"}

    def begin(self, observation: Any) -> None:
        self._seen = hashlib.sha256(np.asarray(observation).tobytes())

    def note(self, observation: Any, reward: float, terminated: bool) -> None:
        self._seen.update(np.asarray(observation).tobytes())
        self._seen.update(np.float64(reward).tobytes() + bytes([terminated]))

    def state(self) -> bytes:
        return self._seen.digest()


@contextmanager
def _known_warnings_unsaid() -> Iterator[None]:
    """Make no noise about versions of environments that are older than the newest, and leave no file of it.

    MuJoCo writes its warnings into a file of the working folder, where nobody looks; they are said instead.
    """
    _say_mujocos_warnings()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*is out of date")
        # Box2D's own, on import; where warnings are errors, the import ends the process.
        warnings.filterwarnings("ignore", message=r"builtin type \w+ has no __module__ attribute")
        yield


def _say_mujocos_warnings() -> None:
    try:
        import mujoco
    except ImportError:
        return  # other environments do without
    mujoco.set_mju_user_warning(_say_warning)


def _say_warning(text: str) -> None:
    if _KNOWN_WARNING not in text:
        say(f"MuJoCo: {text}")
