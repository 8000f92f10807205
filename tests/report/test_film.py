"""Pictures from traces: the right frames, the score that was made, the value that was predicted."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from replication.commands.cli import main
from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.palette import palette_rgb
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.step_trace import StepTrace, serialise_step_trace
from replication.evidence.trace_file import Trace, read_trace, write_trace
from replication.foundation.paths import WORKFLOW
from replication.report.views import film, step_film
from replication.specification.run import resolve_run
from replication.training.untrained.family import player
from tests.evidence.test_step_trace import made_up
from tests.support.lanes import smoke_run

ROOT = WORKFLOW.parent

pytestmark = pytest.mark.rom


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace of two short episodes of Space Invaders."""
    run = smoke_run("random_10hz", "space_invaders", budget_frames=None)
    presentation = run.protocol.final_evaluation.presentation
    policy, viewing = player(run, None)
    trace = evaluate(policy, run, viewing, EvaluationRequest(presentation, "final_evaluation", num_episodes=2))
    file = tmp_path_factory.mktemp("trace") / "evaluation.trace"
    write_trace(file, trace)
    return file


def pictures(path: Path, episode: int) -> list[film.Shown]:
    return list(film._pictures(read_trace(path), path, episode))


def test_every_fourth_frame_is_shown_with_the_score_made_so_far(path: Path) -> None:
    trace = read_trace(path)
    for number, episode in enumerate(trace.episodes):
        shown = pictures(path, number)
        last = episode.total_frames
        assert [picture.frame for picture in shown] == sorted({*range(1, last + 1, 4), last})
        assert shown[-1].score == episode.raw_return
        assert all(one.score <= other.score for one, other in pairwise(shown))


def test_the_screens_are_those_that_were_played(path: Path) -> None:
    """Episode 1 begins on a console that has played episode 0."""
    trace = read_trace(path)
    console, screen = open_emulator("space_invaders"), np.empty((210, 160), np.uint8)
    for episode in trace.episodes:
        console.reset()
        for code in np.repeat(episode.codes, episode.lengths).tolist():
            console.act(code)
    console.read_screen(screen)
    assert (pictures(path, 1)[-1].screen == screen).all()


def test_a_film_has_a_picture_a_frame_its_colors_and_its_speed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "film.webp"
    part = ["--episode", "1", "--first-frame", "41", "--last-frame", "80"]
    assert main(["film", str(path), *part, "--output", str(target)]) == 0
    shown = [picture for picture in pictures(path, 1) if 41 <= picture.frame <= 80]
    with Image.open(target) as image:
        assert (image.n_frames, image.size) == (len(shown), (320, 234)) == (10, (320, 234))
        image.seek(3)
        image.load()
        assert image.info["duration"] == 66
        drawn = np.asarray(image.convert("RGB"))[film.BAND :, ::2].astype(int)
    colors = palette_rgb()[shown[3].screen // 2].astype(int)
    assert np.abs(drawn - colors).mean() < 8  # WebP loses a little


def test_the_predicted_value_is_the_newest_one_at_a_frame(path: Path, tmp_path: Path) -> None:
    trace = read_trace(path)
    rows = ["x,y,value,episode,frame", "0,0,1.5,1,0", "0,0,2.5,1,40", "0,0,9.0,0,4"]
    (tmp_path / "embedding.csv").write_text("\n".join(rows) + "\n")
    values = film._predicted_values(tmp_path / "embedding.csv", trace, 1)
    noops = trace.episodes[1].spans[0]
    assert [values(noops - 1), values(noops), values(noops + 39), values(noops + 40)] == [None, 1.5, 1.5, 2.5]
    nothing = film._predicted_values(tmp_path / "absent.csv", trace, 1)
    assert nothing(100) is None


@pytest.mark.slow
def test_a_clip_is_the_most_rewarding_part_of_the_best_episode(path: Path, tmp_path: Path) -> None:
    trace = read_trace(path)
    write_trace(tmp_path / "evaluation.trace", trace)
    assert main(["film", str(tmp_path)]) == 0
    best = max((0, 1), key=lambda number: trace.episodes[number].raw_return)
    shown = pictures(path, best)
    window = film.STRETCH_SECONDS * 15
    with Image.open(tmp_path / "clip.webp") as image:
        assert image.n_frames == min(len(shown), window + 1)
    first = film._most_rewarding_start(shown)
    start = next(i for i, picture in enumerate(shown) if picture.frame == first)
    gains = [shown[i + window].score - shown[i].score for i in range(len(shown) - window)]
    assert gains[start] == max(gains)
    before = (tmp_path / "clip.webp").read_bytes()
    assert main(["film", str(tmp_path)]) == 0  # left alone
    assert (tmp_path / "clip.webp").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--episode", "2"], "episode: found 2, expected 0 to 1"),
        (["--episode", "-1"], "episode: found -1, expected 0 to 1"),
        (["--episode", "0", "--first-frame", "0"], "frames: found 0 to"),
        (["--episode", "0", "--first-frame", "50", "--last-frame", "40"], "frames: found 50 to 40"),
        ([], "which episode? give --episode N"),
    ],
)
def test_what_is_not_there_is_one_line(path: Path, capsys, arguments: list[str], expected: str) -> None:
    assert main(["film", str(path), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


def cart_pole() -> StepTrace:
    """Two episodes of random actions on the cart pole."""
    run = resolve_run(variant="random_uniform", task="cart_pole", seed=1, protocol="classic_control")
    request = EvaluationRequest(run.protocol.final_evaluation.presentation, "final_evaluation", num_episodes=2)
    found = evaluate(player(run, None)[0], run, None, request)
    assert isinstance(found, StepTrace)
    return found


def test_an_episode_of_another_task_is_drawn_as_it_draws_itself(tmp_path: Path) -> None:
    trace = cart_pole()
    path = tmp_path / "evaluation.trace"
    path.write_bytes(serialise_step_trace(trace))
    assert main(["film", str(path), "--episode", "1", "--first-frame", "2", "--last-frame", "12"]) == 0
    with Image.open(tmp_path / "episode_1.webp") as image:
        assert image.size == (320, 213 + step_film.BAND) and image.n_frames == 5  # steps 2, 5, 8, 11 and the last
        first, last = (np.asarray(frame.convert("RGB")) for frame in (seek(image, 0), seek(image, 4)))
    assert (first != last).any() and first[step_film.BAND :].mean() > 200.0  # a cart on white ground
    simulator = step_film._drawing_simulator(trace, path)
    shown = list(step_film._pictures(trace, path, 0, simulator, range(1, trace.episodes[0].steps + 1)))
    assert shown[-1].score == trace.episodes[0].raw_return and shown[-1].step == trace.episodes[0].steps


@pytest.mark.long
def test_a_task_of_mujoco_is_drawn_offscreen(tmp_path: Path) -> None:
    run = resolve_run(variant="random_uniform", task="reacher_v5", seed=1, protocol="classic_control")
    request = EvaluationRequest(run.protocol.final_evaluation.presentation, "final_evaluation", num_episodes=1)
    (tmp_path / "evaluation.trace").write_bytes(
        serialise_step_trace(evaluate(player(run, None)[0], run, None, request))
    )
    words = ["film", str(tmp_path / "evaluation.trace"), "--episode", "0", "--last-frame", "4"]
    command = [sys.executable, "-m", "replication", *words]  # MuJoCo chooses how to draw when it is imported
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    if b"cannot be drawn here" in done.stderr:
        pytest.skip("MuJoCo has no way to draw offscreen here")
    with Image.open(tmp_path / "episode_0.webp") as image:
        assert image.size[0] == 320 and np.asarray(image.convert("RGB"))[step_film.BAND :].std() > 5.0


def seek(image: Image.Image, number: int) -> Image.Image:
    image.seek(number)
    return image.copy()


def test_the_clip_of_such_a_run_is_of_its_best_episode(tmp_path: Path) -> None:
    trace = cart_pole()
    (tmp_path / "evaluation.trace").write_bytes(serialise_step_trace(trace))
    assert main(["film", str(tmp_path)]) == 0
    best = max(trace.episodes, key=lambda episode: episode.raw_return)
    with Image.open(tmp_path / "clip.webp") as image:
        assert image.n_frames == len({*range(0, best.steps, 3), best.steps - 1})
    before = (tmp_path / "clip.webp").read_bytes()
    assert main(["film", str(tmp_path)]) == 0  # left alone
    assert (tmp_path / "clip.webp").read_bytes() == before
    (tmp_path / "clip.webp").unlink()
    for step in (500, 1_000):
        (tmp_path / f"evaluation_{step:010}.trace").write_bytes(serialise_step_trace(trace))
    assert step_film.last_evaluation(tmp_path) == tmp_path / "evaluation.trace"
    (tmp_path / "evaluation.trace").unlink()
    assert step_film.last_evaluation(tmp_path) == tmp_path / "evaluation_0000001000.trace"
    assert main(["film", str(tmp_path)]) == 0 and (tmp_path / "clip.webp").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--episode", "2"], "episode: found 2, expected 0 to 1"),
        (["--episode", "0", "--first-frame", "600"], "steps: found 600 to"),
        (["--episode", "0", "--last-frame", "600"], "steps: found 1 to 600, expected a part of 1 to"),
    ],
)
def test_what_is_not_in_a_trace_of_steps_is_one_line(tmp_path: Path, capsys, arguments, expected) -> None:
    (tmp_path / "evaluation.trace").write_bytes(serialise_step_trace(cart_pole()))
    assert main(["film", str(tmp_path / "evaluation.trace"), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


def test_an_episode_that_ends_otherwise_is_not_filmed(tmp_path: Path, capsys) -> None:
    (tmp_path / "evaluation.trace").write_bytes(serialise_step_trace(made_up()))
    for words in (["film", str(tmp_path / "evaluation.trace"), "--episode", "0"], ["film", str(tmp_path)]):
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "played again it ends in another state" in line and not list(tmp_path.glob("*.webp"))


def test_a_trace_that_was_changed_is_not_filmed(path: Path, tmp_path: Path, capsys) -> None:
    trace = read_trace(path)
    changed = trace.header.model_copy(update={"rom_md5": "0" * 32})
    write_trace(tmp_path / "evaluation.trace", Trace(changed, trace.episodes))
    assert main(["film", str(tmp_path / "evaluation.trace"), "--episode", "0"]) == 2
    assert "rom_md5" in capsys.readouterr().err
