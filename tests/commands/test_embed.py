"""What a network makes of states: products of a finished run, and of any checkpoint, from its network and its trace."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from replication.commands import network_views
from replication.commands.cli import main
from replication.commands.network_views import embed_checkpoint, embed_run, run_of_checkpoint, stored_network
from replication.environments.atari.frames import frame_pipeline
from replication.environments.atari.palette import palette_rgb
from replication.environments.contract import Viewing
from replication.evidence.activations import read_activations
from replication.evidence.state_files import activations_path, checkpoints, network_path
from replication.evidence.trace_file import read_trace
from replication.evidence.verify_run import check_run
from replication.foundation.errors import ReplicationError
from replication.report.views.evaluation_views import mark_moments, most_rewarding_start, view
from replication.report.views.screens import load_screens
from tests.support.command_line import train_smoke
from tests.support.lanes import smoke_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results and state of a smoke run that was embedded; tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("views")
    assert train_smoke(folder) == 0
    run = smoke_run().results_folder(folder / "results")
    assert main(["embed", str(run), "--state", str(folder / "state")]) == 0
    return folder


def results_of(folder: Path) -> Path:
    return smoke_run().results_folder(folder / "results")


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_v16_a_run_leaves_activations_that_embed_to_its_evaluation(trained: Path) -> None:
    folder = results_of(trained)
    trace = read_trace(folder / "evaluation.trace")
    rows = rows_of(folder / "embedding.csv")
    for row in rows:
        assert 0 <= int(row["frame"]) < trace.episodes[int(row["episode"])].scored_frames
    assert {int(row["episode"]) for row in rows} == {0, 1}
    stored = read_activations(activations_path(smoke_run(), trained / "state"))
    assert stored.hidden.shape == (len(rows), 512)
    assert stored.hidden.min() == 0.0 < stored.hidden.max()  # after its ReLU
    assert [row["value"] for row in rows] == [f"{value:.5g}" for value in stored.values]
    check_run(folder)  # what was added later does not make it another run


def test_products_come_out_equal_twice_and_are_left_alone_when_they_are_there(trained: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(trained, tmp_path / "copy")
    folder = results_of(copied)
    names = ("embedding", "embedding_screens", "embedding_policies", "value_stretch")
    before = {name: (folder / f"{name}.csv").read_bytes() for name in names}
    pictures = {path.name: path.read_bytes() for path in folder.glob("*.webp")}
    assert set(pictures) == {"embedding_screens.webp", "embedding_marked.webp", "value_stretch.webp"}
    for name in names:
        (folder / f"{name}.csv").unlink()
    embed_run(folder, copied / "state")
    assert {name: (folder / f"{name}.csv").read_bytes() for name in names} == before
    assert {path.name: path.read_bytes() for path in folder.glob("*.webp")} == pictures
    (folder / "embedding.csv").write_text("changed\n")
    assert embed_run(folder, copied / "state")[0].read_text() == "changed\n"


def test_a_screen_is_that_of_its_state(trained: Path) -> None:
    folder, run = results_of(trained), smoke_run()
    rows = rows_of(folder / "embedding.csv")
    found = load_screens(folder, len(rows))
    assert found is not None
    assert sorted(found.tiles) == list(range(len(rows)))
    assert 2 <= len(found.marked) <= 12
    trace, final = read_trace(folder / "evaluation.trace"), run.protocol.final_evaluation
    for point, picture in found.marked.items():
        moment = int(rows[point]["episode"]), int(rows[point]["frame"])
        (screen,), _ = view(
            trace, final.presentation, folder, [moment], frame_pipeline("nature", 4), Viewing("nature", 4, 4)
        )
        np.testing.assert_array_equal(palette_rgb()[screen // 2], picture)
    with pytest.raises(ReplicationError, match="no state at frame 3 of episode 0"):
        view(trace, final.presentation, folder, [(0, 3)], frame_pipeline("nature", 4), Viewing("nature", 4, 4))


def test_values_along_the_stretch_are_those_the_network_acted_on(trained: Path) -> None:
    folder, run = results_of(trained), smoke_run()
    trace, rows = read_trace(folder / "evaluation.trace"), rows_of(folder / "value_stretch.csv")
    frames = [int(row["frame"]) for row in rows]
    assert frames == list(range(frames[0], frames[-1] + 1, 4)) and len(rows) <= 120
    best = max(range(2), key=lambda number: trace.episodes[number].raw_return)
    assert {int(row["episode"]) for row in rows} == {best}
    # Where the embedding has the same state, its value is the largest of the stretch's action values.
    values = [name for name in rows[0] if name.startswith("value ")]
    largest = {int(row["frame"]): max(float(row[name]) for name in values) for row in rows}
    both = [
        row for row in rows_of(folder / "embedding.csv") if int(row["episode"]) == best and int(row["frame"]) in largest
    ]
    assert both
    for row in both:
        assert float(row["value"]) == pytest.approx(largest[int(row["frame"])], rel=1e-3)
    learner = stored_network(run, trained / "state")
    assert learner is not None
    greedy = sum(row["action"] == max(values, key=lambda name: float(row[name]))[6:] for row in rows)
    assert greedy >= len(rows) // 2


def test_random_play_is_embedded_beside_the_agents(trained: Path) -> None:
    folder = results_of(trained)
    rows = rows_of(folder / "embedding_policies.csv")
    agent = [row["value"] for row in rows if row["policy"] == "agent"]
    assert agent == [row["value"] for row in rows_of(folder / "embedding.csv")]
    assert {row["policy"] for row in rows} == {"agent", "random"}


def test_without_its_network_a_run_still_gets_its_screens(trained: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(trained, tmp_path / "copy")
    folder = results_of(copied)
    for name in ("embedding_screens", "embedding_policies", "value_stretch"):
        (folder / f"{name}.csv").unlink()
    network_path(smoke_run(), copied / "state").unlink()
    assert [path.name for path in embed_run(folder, copied / "state")] == ["embedding.csv", "embedding_screens.csv"]
    activations_path(smoke_run(), copied / "state").unlink()
    (folder / "embedding.csv").unlink()
    with pytest.raises(ReplicationError, match="no activations to embed"):
        embed_run(folder, copied / "state")


def test_any_checkpoint_is_embedded_by_one_command(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_views, "PLAYED_STEPS", 120)
    path = checkpoints(smoke_run().state_folder(trained / "state"))[-1][1]
    assert run_of_checkpoint(path).training_digest == smoke_run().training_digest
    assert main(["embed", str(path), "--output", str(tmp_path / "out")]) == 0
    rows = rows_of(tmp_path / "out" / "embedding.csv")
    assert len(rows) == 120 and rows[1]["frame"] == "4"
    assert load_screens(tmp_path / "out", len(rows)) is not None
    text = (tmp_path / "out" / "embedding.txt").read_text()
    assert "perplexity 30" in text and f"step {int(path.name.removeprefix('checkpoint_')):,}" in text
    assert {file.suffix for file in (tmp_path / "out").glob("embedding.*")} == {".csv", ".txt", ".svg", ".png"}


def test_what_is_neither_run_nor_checkpoint_is_refused_in_one_line(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_views, "known_names", lambda kind: ["nature" if kind == "protocols" else "smoke"])
    with pytest.raises(ReplicationError, match="expected a finished run or a checkpoint"):
        network_views.embed(tmp_path, trained / "state")
    state = smoke_run().state_folder(trained / "state")
    path = shutil.copytree(checkpoints(state)[-1][1], tmp_path / "dqn" / "catch" / "seed1" / "0" / "checkpoint_1")
    manifest = (path / "manifest.json").read_text()
    (path / "manifest.json").write_text(manifest.replace(smoke_run().training_digest, "0" * 64))
    with pytest.raises(ReplicationError, match="no settings in workflow/ give 000000000000"):
        embed_checkpoint(path, tmp_path / "out")


def test_the_window_with_the_most_points_is_the_earliest_of_equals() -> None:
    scores = np.array([0, 0, 1, 1, 5, 5, 5, 9, 9.0])
    assert most_rewarding_start(scores, 2) == 2  # 1 to 5, as many as 5 to 9 later
    assert most_rewarding_start(scores, 20) == 0


def test_four_different_moments_are_marked() -> None:
    values = np.concatenate([np.linspace(1, 3, 60), np.linspace(1, 2, 60)]).astype(np.float32)
    scores = np.repeat([0.0, 10.0], [90, 30])
    marked = mark_moments(values, scores)
    assert {0, 59, 89} <= set(marked) and len(marked) == 4  # lowest, highest (before the fall), before the points
    assert mark_moments(values[:2], scores[:2]) == [0, 1]
