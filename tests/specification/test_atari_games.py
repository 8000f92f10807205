from __future__ import annotations

import pytest
from ale_py import ALEInterface, LoggerMode
from ale_py.roms import get_rom_path

from replication.foundation.errors import ReplicationError
from replication.specification.tasks.atari_games import ATARI57, ATARI100K26, GAMES, NATURE49, find_game

# The games of the 57 that Mnih et al. 2015 do not have.
AFTER_NATURE = {"berzerk", "defender", "phoenix", "pitfall", "skiing", "solaris", "surround", "yars_revenge"}


@pytest.mark.parametrize(("games", "count"), [(NATURE49, 49), (ATARI57, 57), (ATARI100K26, 26)])
def test_a_set_has_as_many_games_as_its_name_says(games, count):
    assert len(games) == len(set(games)) == count
    assert list(games) == sorted(games)
    assert set(games) <= set(GAMES)


def test_sets_lie_in_each_other():
    assert set(ATARI57) - set(NATURE49) == AFTER_NATURE
    assert set(ATARI100K26) <= set(NATURE49) <= set(ATARI57)


def test_the_toy_game_is_in_no_set():
    assert set(GAMES) - set(ATARI57) == {"catch"}


@pytest.mark.parametrize("field", ["title", "published_key"])
def test_no_two_games_share_a_spelling(field):
    assert len({getattr(game, field) for game in GAMES.values()}) == len(GAMES)


@pytest.mark.parametrize(
    ("name", "title", "published_key"),
    [
        ("ms_pacman", "Ms. Pacman", "MsPacman"),
        ("riverraid", "River Raid", "Riverraid"),
        ("kung_fu_master", "Kung-Fu Master", "KungFuMaster"),
        ("qbert", "Q*bert", "Qbert"),
        ("hero", "H.E.R.O.", "Hero"),
        ("up_n_down", "Up and Down", "UpNDown"),
        ("jamesbond", "James Bond", "Jamesbond"),
    ],
)
def test_spellings_that_no_rule_gives(name, title, published_key):
    game = find_game(name)
    assert (game.name, game.title, game.published_key) == (name, title, published_key)


@pytest.mark.rom
@pytest.mark.parametrize("name", ATARI57)
def test_the_emulator_has_the_game_with_these_actions(name):
    ALEInterface.setLoggerMode(LoggerMode.Error)
    emulator = ALEInterface()
    emulator.loadROM(get_rom_path(name))
    codes = [action.value for action in emulator.getMinimalActionSet()]
    assert codes[0] == 0  # the no-op
    assert len(codes) == find_game(name).minimal_actions_count


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("breakuot", "breakout"), ("MsPacman", "ms_pacman"), ("river_raid", "riverraid"), ("Catch", "catch")],
)
def test_a_misspelt_name_is_refused_and_the_nearest_offered(wrong, nearest):
    with pytest.raises(ReplicationError, match=f"no game '{wrong}'; did you mean '{nearest}'"):
        find_game(wrong)


def test_a_name_like_no_other_is_answered_with_all_of_them():
    with pytest.raises(ReplicationError) as refused:
        find_game("0")
    assert all(name in str(refused.value) for name in GAMES)
