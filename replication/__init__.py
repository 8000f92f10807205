"""Published deep reinforcement learning results, replicated: every score comes with the actions that prove it.

`import replication as rp` has the functions of replication/api.py, which is imported when one of them is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replication.api import (
        ReplicationError,
        cleanrl_policy,
        curves,
        judge,
        load,
        published_numbers,
        register_environments,
        scores,
        stable_baselines3_policy,
        train,
        use_algorithm,
        verdicts,
        verify,
    )

__version__ = "0.1.0"
__all__ = [
    "ReplicationError",
    "cleanrl_policy",
    "curves",
    "judge",
    "load",
    "published_numbers",
    "register_environments",
    "scores",
    "stable_baselines3_policy",
    "train",
    "use_algorithm",
    "verdicts",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Return a member of replication/api.py."""
    if name in __all__:
        from replication import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List what there is, whether it is imported yet or not."""
    return sorted({*globals(), *__all__})
