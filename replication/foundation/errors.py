"""The errors a user can cause. Each message is one line: what, where, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ReplicationError(Exception):
    """A problem the user can mend; the command line prints its one line and exits with code 2."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ReplicationError:
    """Describe a misspelt name, offering the nearest one that exists.

    Args:
        kind: what was named, in words ("game", "variant").
        name: what the user wrote.
        known: every accepted name.
    """
    accepted = sorted(known)
    begun = [each for each in accepted if name and each.startswith(name)]
    nearest = difflib.get_close_matches(name, accepted, n=1, cutoff=0.6) or begun[:1]
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(accepted)}"
    return ReplicationError(f"there is no {kind} {name!r}; {hint}")


def reason_of(error: BaseException) -> str:
    """Describe an error of Python or of a library in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
