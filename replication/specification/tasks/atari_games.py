"""The games, and the sets of games that papers report on: the only place a game's name is spelt.

A game is named by its ROM id in ale-py 0.12.1 everywhere: settings, paths, command line. Papers spell the same game in
many ways; `title` and `published_key` lead to theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from replication.foundation.errors import unknown_name


@dataclass(frozen=True)
class Game:
    """One game.

    Attributes:
        name: ROM id in ale-py 0.12.1.
        title: what figures and tables print: the spelling of Mnih et al. 2015, and for games that paper does not
            have, the cartridge's.
        published_key: how the files of published numbers spell it. A game no paper scores has a key no file holds.
        minimal_actions_count: number of actions an agent has: the size of the emulator's minimal action set, 3 to 18.
    """

    name: str
    title: str
    published_key: str
    minimal_actions_count: int


# Titles: Mnih et al. 2015, Extended Data Table 2, but for Q*bert's small b. Action counts: ale-py 0.12.1.
_NATURE = (
    Game("alien", "Alien", "Alien", 18),
    Game("amidar", "Amidar", "Amidar", 10),
    Game("assault", "Assault", "Assault", 7),
    Game("asterix", "Asterix", "Asterix", 9),
    Game("asteroids", "Asteroids", "Asteroids", 14),
    Game("atlantis", "Atlantis", "Atlantis", 4),
    Game("bank_heist", "Bank Heist", "BankHeist", 18),
    Game("battle_zone", "Battle Zone", "BattleZone", 18),
    Game("beam_rider", "Beam Rider", "BeamRider", 9),
    Game("bowling", "Bowling", "Bowling", 6),
    Game("boxing", "Boxing", "Boxing", 18),
    Game("breakout", "Breakout", "Breakout", 4),
    Game("centipede", "Centipede", "Centipede", 18),
    Game("chopper_command", "Chopper Command", "ChopperCommand", 18),
    Game("crazy_climber", "Crazy Climber", "CrazyClimber", 9),
    Game("demon_attack", "Demon Attack", "DemonAttack", 6),
    Game("double_dunk", "Double Dunk", "DoubleDunk", 18),
    Game("enduro", "Enduro", "Enduro", 9),
    Game("fishing_derby", "Fishing Derby", "FishingDerby", 18),
    Game("freeway", "Freeway", "Freeway", 3),
    Game("frostbite", "Frostbite", "Frostbite", 18),
    Game("gopher", "Gopher", "Gopher", 8),
    Game("gravitar", "Gravitar", "Gravitar", 18),
    Game("hero", "H.E.R.O.", "Hero", 18),
    Game("ice_hockey", "Ice Hockey", "IceHockey", 18),
    Game("jamesbond", "James Bond", "Jamesbond", 18),
    Game("kangaroo", "Kangaroo", "Kangaroo", 18),
    Game("krull", "Krull", "Krull", 18),
    Game("kung_fu_master", "Kung-Fu Master", "KungFuMaster", 14),
    Game("montezuma_revenge", "Montezuma's Revenge", "MontezumaRevenge", 18),
    Game("ms_pacman", "Ms. Pacman", "MsPacman", 9),
    Game("name_this_game", "Name This Game", "NameThisGame", 6),
    Game("pong", "Pong", "Pong", 6),
    Game("private_eye", "Private Eye", "PrivateEye", 18),
    Game("qbert", "Q*bert", "Qbert", 6),
    Game("riverraid", "River Raid", "Riverraid", 18),
    Game("road_runner", "Road Runner", "RoadRunner", 18),
    Game("robotank", "Robotank", "Robotank", 18),
    Game("seaquest", "Seaquest", "Seaquest", 18),
    Game("space_invaders", "Space Invaders", "SpaceInvaders", 6),
    Game("star_gunner", "Star Gunner", "StarGunner", 18),
    Game("tennis", "Tennis", "Tennis", 18),
    Game("time_pilot", "Time Pilot", "TimePilot", 10),
    Game("tutankham", "Tutankham", "Tutankham", 8),
    Game("up_n_down", "Up and Down", "UpNDown", 6),
    Game("venture", "Venture", "Venture", 18),
    Game("video_pinball", "Video Pinball", "VideoPinball", 9),
    Game("wizard_of_wor", "Wizard of Wor", "WizardOfWor", 10),
    Game("zaxxon", "Zaxxon", "Zaxxon", 18),
)

# The rest of the 57. Source: google-deepmind/dqn_zoo dqn_zoo/atari_data.py.
_AFTER_NATURE = (
    Game("berzerk", "Berzerk", "Berzerk", 18),
    Game("defender", "Defender", "Defender", 18),
    Game("phoenix", "Phoenix", "Phoenix", 8),
    Game("pitfall", "Pitfall!", "Pitfall", 18),
    Game("skiing", "Skiing", "Skiing", 3),
    Game("solaris", "Solaris", "Solaris", 18),
    Game("surround", "Surround", "Surround", 5),
    Game("yars_revenge", "Yars' Revenge", "YarsRevenge", 18),
)

# Not an Atari game: a ball falls, a paddle moves left, right or not at all. Tests learn it in seconds.
_TOY = (Game("catch", "Catch", "Catch", 3),)

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
