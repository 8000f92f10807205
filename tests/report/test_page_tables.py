"""What a page says of its tables: verdicts counted, agents that are not told apart, agents above random play."""

from __future__ import annotations

from replication.report.pages.tables import ShownTable, above_random, severity, verdicts


def test_verdicts_are_counted_with_their_reasons():
    rows = [
        {"verdict": "differs", "reason": "p = 0.0001; a difference of 3.0 would be found in 95 of 100 experiments"},
        {"verdict": "no reference", "reason": "too short"},
        {"verdict": "no reference", "reason": "a preset"},
        {"verdict": "no reference", "reason": "a preset"},
    ]
    found = verdicts(ShownTable("scores", "", [], [], rows))
    assert [(verdict.word, verdict.rows, verdict.reasons) for verdict in found] == [
        ("differs", 1, []),
        ("no reference", 3, [("a preset", 2), ("too short", 1)]),
    ]
    assert verdicts(ShownTable("another", "", ["game"], [["Pong"]], [{"game": "Pong"}])) == []


def test_the_agents_that_a_verdict_cannot_tell_apart_are_named():
    row = {"verdict": "inconclusive", "agent": "DQN", "wrong_agents_tried": "6", "would_have_passed": ""}
    rows = [
        row | {"game": "Pong", "not_ruled_out": "C51; IQN"},
        row | {"game": "Krull", "not_ruled_out": "C51; IQN"},
        row | {"game": "Alien", "not_ruled_out": "", "verdict": "replicated"},
        row | {"game": "Tennis", "not_ruled_out": "C51", "would_have_passed": "C51", "verdict": "replicated"},
        row | {"game": "Venture", "not_ruled_out": "random play", "verdict": "uninformative"},
        {"training_episodes": "50", "verdict": "differs", "wrong_agents_tried": "1"}
        | {"not_ruled_out": "", "would_have_passed": ""},
        {"agent": "Random", "game": "Pong", "verdict": "consistent", "all_games": "differs", "all_games_p": "0.00005"},
    ]
    assert severity(ShownTable("scores", "", [], [], rows)) == [
        "DQN: Pong and Krull: cannot be told from C51 or IQN here.",
        "DQN: Alien: every other agent that was tried is ruled out.",
        "DQN: Tennis: cannot be told from C51 here. C51 would have passed too.",
        "50 training episodes: every other agent that was tried is ruled out.",
        "All games together: Random differs (p = 5e-05).",
    ]


def test_agents_above_random_are_counted():
    said, untold = (
        [{"above_random": cell} for cell in cells] for cells in (("yes", "", "no", "unknown"), ("unknown", ""))
    )
    assert "in 1 of 3 cases; 1 cannot be told yet" in above_random(ShownTable("scores", "", [], [], said))
    assert above_random(ShownTable("scores", "", [], [], untold)) == ""
