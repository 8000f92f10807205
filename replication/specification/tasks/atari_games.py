"""The games, and the sets of games that papers report on: the only place a game's name is spelt.

A game is named by its ROM id in ale-py 0.12.1 everywhere: settings, paths, command line. Papers spell the same game in
many ways; `title` and `published_key` lead to theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from replication.foundation.errors import unknown_name
from replication.specification.tasks.task import Task


@dataclass(frozen=True)
class Game(Task):
    """One game. Its name is the ROM id in ale-py 0.12.1.

    Its title is spelt as in Mnih et al. 2015, and for games which that paper does not have, as on the cartridge.

    Attributes:
        minimal_actions_count: number of actions an agent has: the size of the emulator's minimal action set, 3 to 18.
    """

    minimal_actions_count: int


def _game(name: str, title: str, published_key: str, minimal_actions_count: int) -> Game:
    return Game(name, title, published_key, "atari", minimal_actions_count)


# Titles: Mnih et al. 2015, Extended Data Table 2, but for Q*bert's small b. Action counts: ale-py 0.12.1.
_NATURE = (
    _game("alien", "Alien", "Alien", 18),
    _game("amidar", "Amidar", "Amidar", 10),
    _game("assault", "Assault", "Assault", 7),
    _game("asterix", "Asterix", "Asterix", 9),
    _game("asteroids", "Asteroids", "Asteroids", 14),
    _game("atlantis", "Atlantis", "Atlantis", 4),
    _game("bank_heist", "Bank Heist", "BankHeist", 18),
    _game("battle_zone", "Battle Zone", "BattleZone", 18),
    _game("beam_rider", "Beam Rider", "BeamRider", 9),
    _game("bowling", "Bowling", "Bowling", 6),
    _game("boxing", "Boxing", "Boxing", 18),
    _game("breakout", "Breakout", "Breakout", 4),
    _game("centipede", "Centipede", "Centipede", 18),
    _game("chopper_command", "Chopper Command", "ChopperCommand", 18),
    _game("crazy_climber", "Crazy Climber", "CrazyClimber", 9),
    _game("demon_attack", "Demon Attack", "DemonAttack", 6),
    _game("double_dunk", "Double Dunk", "DoubleDunk", 18),
    _game("enduro", "Enduro", "Enduro", 9),
    _game("fishing_derby", "Fishing Derby", "FishingDerby", 18),
    _game("freeway", "Freeway", "Freeway", 3),
    _game("frostbite", "Frostbite", "Frostbite", 18),
    _game("gopher", "Gopher", "Gopher", 8),
    _game("gravitar", "Gravitar", "Gravitar", 18),
    _game("hero", "H.E.R.O.", "Hero", 18),
    _game("ice_hockey", "Ice Hockey", "IceHockey", 18),
    _game("jamesbond", "James Bond", "Jamesbond", 18),
    _game("kangaroo", "Kangaroo", "Kangaroo", 18),
    _game("krull", "Krull", "Krull", 18),
    _game("kung_fu_master", "Kung-Fu Master", "KungFuMaster", 14),
    _game("montezuma_revenge", "Montezuma's Revenge", "MontezumaRevenge", 18),
    _game("ms_pacman", "Ms. Pacman", "MsPacman", 9),
    _game("name_this_game", "Name This Game", "NameThisGame", 6),
    _game("pong", "Pong", "Pong", 6),
    _game("private_eye", "Private Eye", "PrivateEye", 18),
    _game("qbert", "Q*bert", "Qbert", 6),
    _game("riverraid", "River Raid", "Riverraid", 18),
    _game("road_runner", "Road Runner", "RoadRunner", 18),
    _game("robotank", "Robotank", "Robotank", 18),
    _game("seaquest", "Seaquest", "Seaquest", 18),
    _game("space_invaders", "Space Invaders", "SpaceInvaders", 6),
    _game("star_gunner", "Star Gunner", "StarGunner", 18),
    _game("tennis", "Tennis", "Tennis", 18),
    _game("time_pilot", "Time Pilot", "TimePilot", 10),
    _game("tutankham", "Tutankham", "Tutankham", 8),
    _game("up_n_down", "Up and Down", "UpNDown", 6),
    _game("venture", "Venture", "Venture", 18),
    _game("video_pinball", "Video Pinball", "VideoPinball", 9),
    _game("wizard_of_wor", "Wizard of Wor", "WizardOfWor", 10),
    _game("zaxxon", "Zaxxon", "Zaxxon", 18),
)

# The rest of the 57. Source: google-deepmind/dqn_zoo dqn_zoo/atari_data.py.
_AFTER_NATURE = (
    _game("berzerk", "Berzerk", "Berzerk", 18),
    _game("defender", "Defender", "Defender", 18),
    _game("phoenix", "Phoenix", "Phoenix", 8),
    _game("pitfall", "Pitfall!", "Pitfall", 18),
    _game("skiing", "Skiing", "Skiing", 3),
    _game("solaris", "Solaris", "Solaris", 18),
    _game("surround", "Surround", "Surround", 5),
    _game("yars_revenge", "Yars' Revenge", "YarsRevenge", 18),
)

# Not an Atari game: a ball falls, a paddle moves left, right or not at all. Tests learn it in seconds.
_TOY = (_game("catch", "Catch", "Catch", 3),)

GAMES: dict[str, Game] = {
    game.name: game for game in sorted((*_NATURE, *_AFTER_NATURE, *_TOY), key=lambda game: game.name)
}
"""Every game there is, by name."""

NATURE49: tuple[str, ...] = tuple(game.name for game in _NATURE)
"""Names of the 49 games of Mnih et al. 2015, in alphabetical order."""

ATARI57: tuple[str, ...] = tuple(sorted(game.name for game in (*_NATURE, *_AFTER_NATURE)))
"""Names of the 57 games most papers after 2015 report on, in alphabetical order."""

ATARI100K26: tuple[str, ...] = (
    "alien",
    "amidar",
    "assault",
    "asterix",
    "bank_heist",
    "battle_zone",
    "boxing",
    "breakout",
    "chopper_command",
    "crazy_climber",
    "demon_attack",
    "freeway",
    "frostbite",
    "gopher",
    "hero",
    "jamesbond",
    "kangaroo",
    "krull",
    "kung_fu_master",
    "ms_pacman",
    "pong",
    "private_eye",
    "qbert",
    "road_runner",
    "seaquest",
    "up_n_down",
)
"""Names of the 26 games of the 100k-step benchmark, in alphabetical order.

Source: Kaiser et al. 2020, who introduced the benchmark.
"""


def find_game(name: str) -> Game:
    """Find a game by its ROM id; no other spelling is accepted.

    Raises:
        ReplicationError: there is no such game; the nearest name is offered.
    """
    if name not in GAMES:
        raise unknown_name("game", name, GAMES)
    return GAMES[name]
