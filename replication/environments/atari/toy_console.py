"""The toy game as the other games are played; its own file, whose digest its traces name, stays as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from replication.environments.atari import toy_game
from replication.environments.contract import DiscreteActions


class ToyConsole(toy_game.Catch):
    """A console with Catch."""

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return {"rom_md5": source_md5()}

    @property
    def actions(self) -> DiscreteActions:
        return DiscreteActions(codes=self.minimal_actions)

    @property
    def terminated(self) -> bool:
        return self.game_over

    def reset(self, *, cold: bool = False) -> None:
        if cold:
            super().__init__()  # presses reset itself
        else:
            super().reset()

    def state_digest(self) -> str:
        return hashlib.sha256(self.save()).hexdigest()[:16]


def source_md5() -> str:
    """Compute the MD5 of the game's source, in place of that of a ROM."""
    return hashlib.md5(Path(toy_game.__file__).read_bytes()).hexdigest()
