"""Verification from traces alone: what is true passes, what was tampered with never does, in one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication.commands.cli import main
from replication.commands.verify_results import named_part, verify
from replication.evidence.records import sealed_record
from replication.evidence.trace_file import Trace, parse_trace, read_trace, write_trace
from replication.evidence.verify_run import check_run
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from tests.support.fuzzing import examples

RUNS = {
    "dqn": ["--variant", "dqn", "--game", "pong", "--budget-frames", "1200"],
    "random": ["--variant", "random_10hz", "--game", "space_invaders"],
    "dopamine": ["--variant", "dqn_dopamine", "--game", "catch", "--budget-iterations", "2"],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of three small real runs."""
    folder = tmp_path_factory.mktemp("made")
    for arguments in RUNS.values():
        where = ["--results", str(folder / "results"), "--state", str(folder / "state")]
        assert main(["train", *arguments, "--seed", "1", "--preset", "smoke", "--quiet", *where]) == 0
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "results", tmp_path / "results")
    return tmp_path / "results"


def folder_of(results: Path, variant: str) -> Path:
    (found,) = (results / "runs" / variant).glob("*/*/*")
    return found


def refused(folder: Path) -> str:
    """The one line a tampered run is refused with."""
    with pytest.raises(ReplicationError) as error:
        check_run(folder)
    assert "\n" not in str(error.value) and str(folder) in str(error.value)
    return str(error.value)


def reseal(folder: Path, **changes: object) -> None:
    """Write run.json anew, as somebody would who wants to be believed."""
    record = json.loads((folder / "run.json").read_bytes())
    record["files"] = {name: sha256((folder / name).read_bytes()) for name in record["files"]}
    (folder / "run.json").write_bytes(sealed_record(record | changes))


def change_trace(folder: Path, change: Callable[[Trace], Trace], name: str = "evaluation.trace") -> None:
    write_trace(folder / name, change(read_trace(folder / name)))
    reseal(folder)


def test_true_results_pass_and_are_counted(results: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    traces = [read_trace(path) for path in results.rglob("*.trace")]
    episodes = [episode for trace in traces for episode in trace.episodes]
    assert main(["verify", str(results), "--quiet", "--policy", "--state", str(made / "state")]) == 0
    said = capsys.readouterr().out
    frames = sum(episode.total_frames for episode in episodes)
    assert f"3 runs verified: {len(episodes)} episodes of {frames:,} frames played again" in said
    assert "curve.csv" in said  # what is not derived is named
    assert "2 policies played again, each left its trace" in said


@pytest.mark.parametrize("levels", [0, 1, 2, 3, 4], ids=["trace", "run", "seed", "task", "variant"])
def test_a_part_of_the_results_is_checked_alone_and_its_time_is_told_first(results: Path, levels: int, capsys) -> None:
    trace = folder_of(results, "random_10hz") / "evaluation.trace"
    part = [trace, *trace.parents][levels]
    other = folder_of(results, "dqn") / "scores.csv"
    other.write_text(other.read_text() + "tampered")  # no part of what is asked
    assert main(["verify", str(part)]) == 0
    said = capsys.readouterr()
    assert "1 runs verified" in said.out and "frames and steps to play again: about 00:0" in said.err
    mine = folder_of(results, "random_10hz") / "scores.csv"
    mine.write_text(mine.read_text() + "tampered")
    assert main(["verify", str(part), "--quiet"]) == 2
    assert str(mine.parent) in capsys.readouterr().err


def test_an_experiment_or_a_variant_is_found_by_its_bare_name(tmp_path: Path, monkeypatch) -> None:
    for folder in ("results/quickstart", "results/runs/dqn", "runs/dqn"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert named_part(Path("quickstart")) == Path("results/quickstart")
    assert named_part(Path("dqn")) == Path("results/runs/dqn")
    assert named_part(Path("runs")) == Path("runs")  # it is there
    with pytest.raises(ReplicationError, match="did you mean 'quickstart'"):
        named_part(Path("quikstart"))


def test_a_path_that_is_no_part_of_any_results_is_one_line(results: Path, capsys) -> None:
    (results / "elsewhere").mkdir()
    assert main(["verify", str(results / "elsewhere")]) == 2
    assert "expected a trace, a run, a variant or an experiment" in capsys.readouterr().err


@pytest.mark.slow
def test_processes_give_what_one_gives(results: Path) -> None:
    assert verify(results, 2, quiet=True) == verify(results, 1, quiet=True)


@pytest.mark.slow
def test_verification_needs_no_torch(results: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from replication.commands.verify_results import verify; "
        f"print(verify(Path({str(results)!r}), 1, quiet=True)); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "3 runs verified" in done.stdout, done.stderr


def test_nothing_to_verify_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "empty")]) == 2
    assert "found no finished run" in capsys.readouterr().err


def test_a_changed_return_is_found(results: Path) -> None:
    folder = folder_of(results, "random_10hz")

    def better(trace: Trace) -> Trace:
        first, *others = trace.episodes
        return replace(trace, episodes=(replace(first, raw_return=first.raw_return + 100), *others))

    change_trace(folder, better)
    assert "episode 0 (the first is 0): raw_return: played again it is" in refused(folder)


@pytest.mark.parametrize("variant", ["random_10hz", "dqn"])
def test_one_changed_action_is_found(results: Path, variant: str) -> None:
    folder = folder_of(results, variant)

    def other(trace: Trace) -> Trace:
        *others, last = trace.episodes
        codes = np.repeat(last.codes, last.lengths)
        at = len(codes) - 3 * trace.header.frame_skip  # near the end, where hardly anything follows from it
        codes[at] = next(code for code in trace.header.minimal_actions if code not in (codes[at - 1], codes[at]))
        starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
        lengths = np.diff(np.r_[starts, len(codes)]).astype(np.uint32)
        return replace(trace, episodes=(*others, replace(last, codes=codes[starts], lengths=lengths)))

    change_trace(folder, other)
    assert "episode 1 (the first is 0): frame " in refused(folder)


def test_a_swapped_game_is_found(results: Path) -> None:
    folder = folder_of(results, "random_10hz")
    change_trace(folder, lambda trace: replace(trace, header=trace.header.model_copy(update={"game": "breakout"})))
    assert "game: found breakout, run.json gives space_invaders" in refused(folder)


def test_a_trace_of_another_protocol_is_found(results: Path) -> None:
    folder = folder_of(results, "dqn")
    other = {"protocol": "noop_30min"}
    change_trace(folder, lambda trace: replace(trace, header=trace.header.model_copy(update=other)))
    assert "protocol: found noop_30min, run.json gives nature" in refused(folder)


def test_a_missing_episode_is_found(results: Path) -> None:
    folder = folder_of(results, "dqn")
    change_trace(folder, lambda trace: replace(trace, episodes=trace.episodes[:1]))
    assert "found 1 episodes, expected 2" in refused(folder)


@pytest.mark.parametrize("order", [(0, 0), (1, 1), (1, 0)])
def test_a_doubled_or_moved_episode_is_found(results: Path, order: tuple[int, int]) -> None:
    """Its own no-op start is drawn from the run's stream: another episode has another one."""
    folder = folder_of(results, "dqn")
    noops = [episode.noop_frames for episode in read_trace(folder / "evaluation.trace").episodes]
    assert noops[0] != noops[1]
    change_trace(folder, lambda trace: replace(trace, episodes=tuple(trace.episodes[i] for i in order)))
    assert "(the first is 0): frame" in refused(folder)


def test_an_action_repeat_that_is_not_the_protocols_is_found(results: Path) -> None:
    folder = folder_of(results, "random_10hz")
    change_trace(folder, lambda trace: replace(trace, header=trace.header.model_copy(update={"frame_skip": 1})))
    assert "frame_skip: found 1, run.json gives 6" in refused(folder)


def test_an_episode_of_a_sticky_training_that_ignored_its_stream_is_found(results: Path) -> None:
    folder = folder_of(results, "dqn_dopamine")
    change_trace(
        folder,
        lambda trace: replace(trace, episodes=(trace.episodes[0], *trace.episodes[2:], trace.episodes[1])),
        "training.trace",
    )
    refused(folder)


def test_an_edited_cell_of_the_scores_is_found(results: Path) -> None:
    folder = folder_of(results, "dqn")
    path = folder / "scores.csv"
    rows = path.read_text().splitlines()
    first = rows[1].split(",")
    path.write_text("\n".join([rows[0], ",".join([first[0], "21.0", *first[2:]]), *rows[2:], ""]))
    assert "its digest is not the one in run.json" in refused(folder)
    reseal(folder)
    assert f"{path}: row 2: return: found '21.0', derived" in refused(folder)


def test_an_edited_score_and_an_edited_iteration_are_found(results: Path) -> None:
    folder = folder_of(results, "dqn")
    reseal(folder, score=21.0)
    assert "run.json: score: found 21.0, its trace gives" in refused(folder)
    folder = folder_of(results, "dqn_dopamine")
    path = folder / "iterations.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *rows[:-1], rows[-1].rsplit(",", 1)[0] + ",99.0", ""]))
    reseal(folder)
    assert "iterations.csv: row 3: mean_return: found '99.0'" in refused(folder)


def test_changed_settings_and_a_moved_folder_are_found(results: Path) -> None:
    folder = folder_of(results, "dqn")
    config = json.loads((folder / "run.json").read_bytes())["config"]
    reseal(folder, config=config | {"discount": 0.9})
    assert "training_digest: found" in refused(folder) and "they were changed" in refused(folder)
    other = folder_of(results, "random_10hz")
    moved = other.parent.parent / "seed2" / other.name
    moved.parent.mkdir()
    other.rename(moved)
    assert "expected a folder that ends in" in refused(moved)


def test_missing_and_unknown_files_are_found(results: Path) -> None:
    folder = folder_of(results, "dqn")
    (folder / "notes.txt").write_text("mine")
    assert "notes.txt: run.json does not name it" in refused(folder)
    (folder / "notes.txt").unlink()
    (folder / "evaluation.trace").unlink()
    assert "evaluation.trace: missing" in refused(folder)
    (folder / "run.json").unlink()
    with pytest.raises(ReplicationError, match=r"found no run\.json: an interrupted run"):
        verify(results, 1, quiet=True)


@pytest.mark.slow
def test_the_first_difference_is_told_whatever_the_number_of_processes(results: Path, capsys) -> None:
    for variant in ("random_10hz", "dqn_dopamine"):
        reseal(folder_of(results, variant), score=1.5)
    for cores in ("1", "2"):
        assert main(["verify", str(results), "--quiet", "--cores", cores]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "random_10hz" in line and "score" in line


def end_process(folder: Path) -> None:
    os._exit(9)


@pytest.mark.slow
@pytest.mark.long
def test_a_process_that_is_ended_from_outside_is_one_line(results: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("replication.commands.verify_results.check_run", end_process)
    assert main(["verify", str(results), "--quiet", "--cores", "2"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "was ended from outside" in line and "--cores 1" in line


@pytest.mark.slow
@pytest.mark.fuzz
@examples(1500)
@given(data=st.data())
def test_a_flipped_byte_never_passes(made: Path, data: st.DataObject) -> None:
    """In any file of a run; the seals make this cheap, so that thousands can be tried."""
    variant = data.draw(st.sampled_from(["dqn", "random_10hz", "dqn_dopamine"]))
    folder = folder_of(made / "results", variant)
    path = data.draw(st.sampled_from(sorted(folder.iterdir())))
    whole = path.read_bytes()
    flipped = bytearray(whole)
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=3, unique=True)):
        flipped[at] ^= data.draw(st.integers(1, 255))
    try:
        path.write_bytes(bytes(flipped))
        refused(folder)
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        refused(folder)
    finally:
        path.write_bytes(whole)


@pytest.mark.slow
@pytest.mark.fuzz
@examples(150)
@given(data=st.data())
def test_a_flipped_byte_of_a_trace_never_passes_when_every_digest_is_made_to_fit(
    made: Path, data: st.DataObject
) -> None:
    folder = folder_of(made / "results", data.draw(st.sampled_from(["dqn", "random_10hz"])))
    path, record = folder / "evaluation.trace", (folder / "run.json").read_bytes()
    whole = path.read_bytes()
    body = bytearray(whole[:-32])
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        path.write_bytes(bytes(body) + bytes.fromhex(sha256(bytes(body))))
        reseal(folder)
        if read_or_none(path) != parse_trace(whole, path):  # xz has a few bits that say nothing
            refused(folder)
    finally:
        path.write_bytes(whole)
        (folder / "run.json").write_bytes(record)


def read_or_none(path: Path) -> Trace | None:
    try:
        return read_trace(path)
    except ReplicationError:
        return None
