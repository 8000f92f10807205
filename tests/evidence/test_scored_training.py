"""The training episodes that a score is of: kept and derived again; the others stay in the state."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from replication.environments.atari.toy_console import ToyConsole
from replication.evidence import episode_log
from replication.evidence import protocol_replay as replay_module
from replication.evidence.protocol_replay import replay_by_protocol
from replication.evidence.trace_file import EpisodePlace, Trace, parse_trace, read_trace, write_trace
from replication.evidence.verify_run import check_run
from replication.evidence.verify_state import check_state
from replication.evidence.verify_training import _check_numbers
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.report.views.film import _pictures
from replication.training.off_policy import lane as lane_module
from tests.commands.test_verify import refused, reseal
from tests.support.lanes import advance, build
from tests.support.scored_runs import AT_FRAMES, EPISODES, scored_run, train

CHAPTER = 4
BUDGET = 2_400


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(episode_log, "CHAPTER_EPISODES", CHAPTER)
        train([scored_run()], folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The record, for a test to change."""
    shutil.copytree(made / "results", tmp_path / "results")
    return scored_run().results_folder(tmp_path / "results")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as lines:
        return list(csv.DictReader(lines))


def all_episodes(made: Path, record: dict[str, object]) -> list[episode_log.Episode]:
    """Those of the chapters in the state, whose digests the record has."""
    state = scored_run().state_folder(made / "state")
    found = []
    for name, digest in sorted(dict(record["in_state"]).items()):  # type: ignore[call-overload]
        assert sha256((state / name).read_bytes()) == digest
        found += parse_trace((state / name).read_bytes(), state / name).episodes
    return found


def test_the_record_keeps_the_episodes_of_its_scores_and_the_state_all(made: Path, folder: Path) -> None:
    record = json.loads((folder / "run.json").read_bytes())
    every, kept = all_episodes(made, record), read_trace(folder / "training.trace").episodes
    assert [episode.place.finished for episode in every] == list(range(record["counts"]["training_episodes"]))
    assert len(record["in_state"]) == -(-len(every) // CHAPTER) > 2
    wanted, scores = set(), {}
    for frames in (*AT_FRAMES, BUDGET):
        done = [episode for episode in every if episode.place.end_step * 4 <= frames][-EPISODES:]
        wanted |= {episode.place.finished for episode in done}
        scores[frames] = sum(episode.raw_return for episode in done) / len(done)
    assert [episode.place.finished for episode in kept] == sorted(wanted)
    assert list(kept) == [every[number] for number in sorted(wanted)]
    assert len(kept) < len(every)
    curve = {int(row["frames"]): float(row["mean_return"]) for row in rows_of(folder / "training_curve.csv")}
    assert {frames: curve[frames] for frames in scores} == pytest.approx(scores)
    assert record["score"] == pytest.approx(scores[BUDGET])
    assert [int(row["episode"]) for row in rows_of(folder / "training.csv")] == sorted(wanted)


def test_kept_episodes_are_played_again_lives_and_all(folder: Path) -> None:
    trace = read_trace(folder / "training.trace")
    checked = check_run(folder)
    assert (checked.runs, checked.episodes) == (1, len(trace.episodes))
    assert checked.frames == sum(episode.total_frames for episode in trace.episodes)
    assert any(len(episode.spans) > 2 for episode in trace.episodes), "no life was lost"
    assert "training_curve.csv" in checked.underived and "training.csv" not in checked.underived


def test_a_kept_episode_can_be_filmed(folder: Path) -> None:
    path = folder / "training.trace"
    trace = read_trace(path)
    for number in (0, len(trace.episodes) - 1):
        *_, last = _pictures(trace, path, number)
        assert (last.score, last.frame) == (trace.episodes[number].raw_return, trace.episodes[number].total_frames)


def change(folder: Path, how: Callable[[Trace], Trace]) -> None:
    write_trace(folder / "training.trace", how(read_trace(folder / "training.trace")))
    reseal(folder)


def without(*numbers: int) -> Callable[[Trace], Trace]:
    return lambda trace: replace(trace, episodes=tuple(e for i, e in enumerate(trace.episodes) if i not in numbers))


def test_a_missing_episode_is_one_line(folder: Path) -> None:
    change(folder, without(1))
    assert "the episodes scored at frame 800: found " in refused(folder)


def test_a_window_that_ends_too_early_is_one_line(folder: Path) -> None:
    """The last episodes left out, and those before them in their place: another must have ended since."""
    places = [episode.place for episode in read_trace(folder / "training.trace").episodes]
    change(folder, without(*(i for i, place in enumerate(places) if place.end_step * 4 > AT_FRAMES[1])))
    message = refused(folder)
    assert "the episodes scored at frame 2,400: the last ends at frame " in message
    assert "but none can last 600 frames: others have ended since; fetch it again" in message


def test_an_episode_that_stands_for_another_is_one_line(folder: Path) -> None:
    """The best one again in the place of the next, under the number of its own streams."""

    def doubled(trace: Trace) -> Trace:
        first, second, *others = trace.episodes
        place = second.place.model_copy(update={"episode": first.place.episode})
        return replace(trace, episodes=(first, replace(first, place=place), *others))

    change(folder, doubled)
    number = read_trace(folder / "training.trace").episodes[1].place.finished
    message = refused(folder)
    assert (
        f"episode {number} of the run: found number {number - 1} of actor 0, expected {number} of one of 1" in message
    )


def test_an_episode_under_the_number_of_another_is_one_line(folder: Path) -> None:
    """Its no-ops and repeats are not those of the streams that the number names."""

    def shifted(trace: Trace) -> Trace:
        first, second, *others = trace.episodes
        return replace(
            trace, episodes=(replace(second, place=first.place), replace(first, place=second.place), *others)
        )

    change(folder, shifted)
    assert "episode 0 (the first is 0): " in refused(folder)


@pytest.mark.parametrize(
    ("numbers", "wrong"),
    [
        ([(0, 0, 0), (1, 0, 1), (0, 1, 2), (1, 4, 9), (0, 5, 10), (0, 6, 11)], None),
        ([(0, 0, 0), (1, 1, 1)], None),
        ([(0, 0, 0), (1, 2, 1)], "number 2 of actor 1, expected 0 to 1 of one of 2"),
        ([(0, 0, 0), (1, 0, 1), (0, 2, 2)], "number 2 of actor 0, expected 1 of one of 2"),
        ([(0, 3, 4), (0, 3, 9)], "number 3 of actor 0, expected 4 to 8 of one of 2"),
        ([(0, 3, 4), (2, 0, 5)], "number 0 of actor 2, expected 0 to 5 of one of 2"),
    ],
)
def test_numbers_of_actors_go_on_as_their_episodes_were_finished(
    numbers: list[tuple[int, int, int]], wrong: str | None
) -> None:
    places = [EpisodePlace(actor=a, episode=e, finished=f, end_step=f + 1) for a, e, f in numbers]
    if wrong is None:
        _check_numbers(places, 2, Path("training.trace"))
    else:
        with pytest.raises(ReplicationError, match=wrong):
            _check_numbers(places, 2, Path("training.trace"))


def test_a_changed_byte_is_one_line(folder: Path) -> None:
    path = folder / "training.trace"
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    assert "training.trace: its digest is not the one in run.json" in refused(folder)


def test_a_changed_score_is_one_line(folder: Path) -> None:
    path = folder / "training_curve.csv"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("1600,"))
    lines[at] = lines[at].rsplit(",", 1)[0] + ",99.0"
    path.write_text("\n".join(lines) + "\n")
    reseal(folder)
    assert "training_curve.csv: frames 1600: mean_return: found '99.0'" in refused(folder)


def test_episodes_of_no_score_are_refused(made: Path, folder: Path) -> None:
    every = all_episodes(made, json.loads((folder / "run.json").read_bytes()))
    change(folder, lambda trace: replace(trace, episodes=tuple(every)))
    assert "which no score of the run is of" in refused(folder)


def test_what_was_played_before_a_kept_episode_cannot_forge_it(folder: Path) -> None:
    """Any of them alone, in any order of playing, is the same episode: it begins on a console that was switched on."""
    trace = read_trace(folder / "training.trace")
    presentation = scored_run().protocol.training
    for chosen in (trace.episodes[::-1], trace.episodes[2:3], trace.episodes[:1] * 2):
        replay_by_protocol(replace(trace, episodes=tuple(chosen)), presentation, folder)
    with pytest.raises(ReplicationError, match="place: found one, expected none"):
        whole = {"independent_episodes": False, "life_loss_ends_trajectory": False}
        replay_by_protocol(trace, presentation.model_copy(update=whole), folder)


class SlowToEnd(ToyConsole):
    """The toy game, over three frames after its last life or ball: within the no-ops after a lost life."""

    def reset(self, *, cold: bool = False) -> None:
        self.left = 3
        super().reset(cold=cold)

    @property
    def terminated(self) -> bool:
        return self.game_over and not self.left

    def act(self, action_code: int) -> int:
        self.left -= self.game_over
        return super().act(action_code)

    def save(self) -> bytes:
        return bytes([self.left]) + super().save()

    def restore(self, state: bytes) -> None:
        self.left = state[0]
        super().restore(state[1:])


def test_an_episode_that_ends_within_no_ops_is_followed_by_one_that_stands_for_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module, name in ((lane_module, "open_emulator"), (replay_module, "replay_console")):
        monkeypatch.setattr(module, name, lambda game: SlowToEnd())
    trainee = build(scored_run())
    advance([trainee])
    log = trainee.lane.log
    within = [e for e in log.held if e.ending == "terminated" and len(e.spans) % 2 == 1]
    assert len(within) > 3, "no game was over within no-ops"
    trace = replace(log.kept(), episodes=tuple(log.held))
    replay_by_protocol(trace, trainee.run.protocol.training, tmp_path)
    alone = replace(trace, episodes=(log.held[log.held.index(within[1]) + 1],))
    replay_by_protocol(alone, trainee.run.protocol.training, tmp_path)


def test_whoever_has_the_state_proves_all_episodes_and_the_whole_curve(
    made: Path, folder: Path, tmp_path: Path
) -> None:
    curve = rows_of(folder / "training_curve.csv")
    shutil.copytree(made / "state", tmp_path / "state")
    checked = check_state(folder, tmp_path / "state")
    names = sorted(json.loads((folder / "run.json").read_bytes())["in_state"])
    assert (checked.found, checked.missing, checked.cells) == (len(names), 0, 5 * len(curve))
    assert f"{len(names)} of the {len(names)} files that records vouch for are here, unchanged; " in str(checked)
    state = scored_run().state_folder(tmp_path / "state")
    (state / names[0]).write_bytes((state / names[1]).read_bytes())
    with pytest.raises(ReplicationError, match=r"its digest is not the one in .*changed, or of another training$"):
        check_state(folder, tmp_path / "state")
    (state / names[0]).unlink()
    checked = check_state(folder, tmp_path / "state")
    assert (checked.found, checked.missing, checked.cells) == (len(names) - 1, 1, 0)


def test_a_point_between_two_scores_rests_on_the_state(made: Path, folder: Path) -> None:
    path = folder / "training_curve.csv"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("1008,"))
    lines[at] = lines[at].rsplit(",", 1)[0] + ",99.0"
    path.write_text("\n".join(lines) + "\n")
    reseal(folder)
    check_run(folder)
    with pytest.raises(ReplicationError, match=r"row .*: mean_return: found '99.0'"):
        check_state(folder, made / "state")


def test_an_episode_that_ends_where_its_no_ops_press_reset_is_one_line(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """A console that is over at once, and a trace that ends there: the reset is none that follows a lost life."""

    class OverAtOnce(ToyConsole):
        terminated = True

    monkeypatch.setattr(replay_module, "replay_console", lambda game: OverAtOnce())
    trace = read_trace(folder / "training.trace")
    first = trace.episodes[0]
    none = {"codes": first.codes[:0], "lengths": first.lengths[:0], "spans": (0,)}
    with pytest.raises(ReplicationError, match=r"episode 0 .*: frame 0: the protocol presses reset, the trace"):
        replay_by_protocol(replace(trace, episodes=(replace(first, **none),)), scored_run().protocol.training, folder)


@pytest.mark.slow
@pytest.mark.rom
def test_a_game_whose_memory_outlives_a_reset_is_played_again_from_the_middle_of_its_training(tmp_path: Path) -> None:
    run = scored_run(12_000, game="kung_fu_master", training_score={"episodes": 1, "at_frames": []})
    content = run.protocol.training.model_copy(update={"episode_cap_frames": 108_000})
    run = replace(run, protocol=run.protocol.model_copy(update={"training": content}))
    folder = train([run], tmp_path)
    kept = read_trace(folder / "training.trace").episodes
    assert kept[0].place.finished > 0, "nothing came before the kept ones"
    assert check_run(folder).episodes == len(kept)
