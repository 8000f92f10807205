"""The experiment nfq_2005 from nothing to its page and back: resuming, tables by hand, tampering."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load, save
from scipy import stats

from replication.analysis.finished import FinishedRun, FinishedRuns
from replication.commands.cli import main
from replication.commands.verify_results import verify
from replication.evidence.records import sealed_record
from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.published.loader import published_table
from replication.report.figures import successful_trials
from replication.report.pages.index import index_html
from replication.report.pages.readmes import results_readme
from replication.report.render import render_figure, render_page, render_table
from replication.report.tables import nfq_table1, nfq_variants
from replication.specification.experiments import Experiment, load_experiment
from replication.specification.protocols import PolePresentation
from replication.training.fitted_q import family
from tests.support.pole_runs import TEST_CYCLES, TEST_EPISODES

ROOT = paths.WORKFLOW.parent
GROUP = {"variants": ["nfq", "nfq_short_pole"], "tasks": ["pole"], "seeds": {"first": 1, "last": 2}}


def small_workflow(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """The experiment with two seeds after 50 and 100 episodes of two variants, tested in 20 episodes of 30 s."""
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    for name in ("pole_2005", "pole_2005_short_pole"):
        path = folder / "workflow" / "protocols" / f"{name}.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["final_evaluation"] |= {"num_episodes": TEST_EPISODES}
        content["final_evaluation"]["presentation"] |= {"episode_cap_cycles": TEST_CYCLES}
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    path = folder / "workflow" / "experiments" / "nfq_2005.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["runs"] = [GROUP | {"budget_episodes": episodes} for episodes in (50, 100)]
    content["runs"].append(GROUP | {"variants": ["nfq_untrained"], "budget_episodes": 50})
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    patch.setattr(paths, "WORKFLOW", folder / "workflow")


def train(folder: Path, variant: str, episodes: int) -> int:
    places = ["--results", str(folder / "results"), "--state", str(folder / "state"), "--quiet"]
    named = ["--variant", variant, "--task", "pole", "--seeds", "1-2", "--budget-episodes", str(episodes)]
    return main(["train", *named, *places])


def render_all(results: Path) -> str:
    for table in ("nfq_table1", "nfq_variants"):
        render_table("nfq_2005", table, results)
    render_figure("nfq_2005", "successful_trials", results)
    render_page("nfq_2005", results)
    return (results / "nfq_2005" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The finished experiment, with its page; made once."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        small_workflow(patch, folder)
        for variant in GROUP["variants"]:
            assert [train(folder, variant, episodes) for episodes in (50, 100)] == [0, 0]
        assert train(folder, "nfq_untrained", 50) == 0
        render_all(folder / "results")
    return folder / "results"


@pytest.fixture
def small(monkeypatch, tmp_path) -> Experiment:
    small_workflow(monkeypatch, tmp_path)
    return load_experiment("nfq_2005")


@pytest.fixture
def results(small, made, tmp_path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "results"))


def record_of(results: Path, variant: str = "nfq", number: int = 0) -> Path:
    return sorted((results / "runs" / variant / "pole" / "seeds1-2").iterdir())[number]


# ---------------------------------------------------------------- settings


def test_the_experiment_is_the_one_of_the_paper():
    runs = load_experiment("nfq_2005").runs()
    published = published_table("nfq_2005_table1")
    assert sorted({run.budget.episodes for run in runs}) == list(published["training_episodes"])
    assert len(runs) == 1_550 and {run.seed for run in runs} == set(range(1, 51))
    assert len({run.variant.variant for run in runs}) == 6
    assert len({run.record_digest for run in runs}) == 31
    final = runs[0].protocol.final_evaluation.presentation
    assert isinstance(final, PolePresentation)
    assert (runs[0].variant.config["discount"], final.episode_cap_cycles * final.plant.cycle_s) == (0.95, 300)
    lengths = {run.variant.variant: run.protocol.training.plant.equation_length_m for run in runs}
    assert {name for name, length in lengths.items() if length == 0.25} == {
        "nfq_short_pole",
        "nfq_short_pole_new_networks",
    }
    assert all(run.protocol.training.plant == run.protocol.final_evaluation.presentation.plant for run in runs)


def test_the_two_protocols_differ_in_the_length_of_the_pole_alone(small):
    one, other = (run.protocol.model_dump() for run in small.runs()[:4:2])
    for presentation in (other["training"], other["final_evaluation"]["presentation"]):
        presentation["plant"]["equation_length_m"] = 0.5
    said = ("protocol", "title", "deviations")
    assert {key: value for key, value in one.items() if key not in said} == {
        key: value for key, value in other.items() if key not in said
    }


def test_the_published_counts_give_the_printed_percentages():
    table = published_table("nfq_2005_table1")
    assert (100 * table["successful"] / table["trials"] == table["printed_percent"]).all()
    assert list(table["successful"]) == [23, 44, 48, 50, 50, 50]


def test_a_table_without_its_source_is_refused(monkeypatch, tmp_path):
    small_workflow(monkeypatch, tmp_path)
    path = tmp_path / "workflow" / "experiments" / "nfq_2005.yaml"
    path.write_text(path.read_text().replace("source: nfq_2005_table1", "source: nature_2015_table2"))
    with pytest.raises(ReplicationError, match=r"nfq_table1: published\.source: found 'nature_2015_table2', expected"):
        load_experiment("nfq_2005")


# ---------------------------------------------------------------- from nothing to the page


def test_a_finished_experiment_is_verified_planned_and_shown(results, tmp_path, monkeypatch, capsys):
    assert "5 bundles verified: the policies of 10 seeds evaluated again" in verify(results, 1, quiet=True)
    assert "5 bundles verified: 10 seeds learned again" in verify(results, 1, learn_again=True, quiet=True)
    monkeypatch.setattr(family, "learn", None)
    assert train(tmp_path, "nfq", 50) == 0  # nothing is done again
    page = (results / "nfq_2005" / "index.html").read_text(encoding="utf-8")
    assert "10 of 10 runs" in page and "data:image/svg+xml" in page and "://" not in page
    assert page.count("nfq pole seeds 1 to 2, 50 episodes") == 1 and "the learned policies" in page
    assert "emulator frame" not in page and "normalized" not in page and "frames of training" not in page
    assert "| `nfq_2005` | NFQ, Table 1" in results_readme(results)
    assert 'href="nfq_2005/index.html"' in index_html(results)
    capsys.readouterr()
    assert main(["run", "nfq_2005", "-n", "--results", str(results), "--state", str(tmp_path / "state")]) == 0
    assert "10 of 10" in capsys.readouterr().out
    assert main(["doctor", "nfq_2005", "--results", str(results), "--state", str(tmp_path)]) == 0
    assert "10 of 10 runs are finished" in (said := capsys.readouterr().out) and "ROM" not in said


def test_fq17_a_record_says_what_made_it_and_nothing_of_this_machine_s_folders(results, tmp_path):
    record = json.loads((record_of(results) / "run.json").read_bytes())
    assert {"commit", "python", "system", "cores", "packages", "command"} <= set(record["provenance"])
    assert set(record["provenance"]["packages"]) == {"numba", "numpy", "safetensors"}
    assert (record["evidence"], record["seeds"], record["budget"]) == (
        "policy",
        {"first": 1, "count": 2},
        {"episodes": record["budget"]["episodes"]},
    )
    for path in (results / "runs").rglob("run.json"):
        assert "/made" not in path.read_text(encoding="utf-8")


def test_fq16_stopped_at_a_seed_it_ends_with_the_same_bytes(results, tmp_path, monkeypatch, capsys):
    budget = json.loads((record_of(results) / "run.json").read_bytes())["budget"]["episodes"]
    other, calls, learn = tmp_path / "other", [], family.learn

    def interrupted(run):
        calls.append(run.seed)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return learn(run)

    monkeypatch.setattr(family, "learn", interrupted)
    assert train(other, "nfq", budget) != 0
    assert not (other / "results" / "runs").exists()
    assert train(other, "nfq", budget) == 0
    whole, again = (
        {path.name: path.read_bytes() for path in record_of(root).iterdir()} for root in (results, other / "results")
    )
    assert {name for name in whole if whole[name] != again[name]} <= {"run.json"}
    assert json.loads(whole["run.json"])["files"] == json.loads(again["run.json"])["files"]


def test_nothing_finished_gives_tables_that_say_so(small, tmp_path):
    page = render_all(tmp_path / "results")
    table = pd.read_csv(tmp_path / "results" / "nfq_2005" / "tables" / "nfq_table1.csv")
    assert set(table["verdict"]) == {"not run"}
    assert "0 of 10 runs" in page and "Missing runs (5)" in page and "nfq pole seeds 1 to 2, 100 episodes" in page


# ---------------------------------------------------------------- numbers


def test_the_table_by_hand():
    """9 of 50 and 44 of 50 successful, in the place of what was learned."""
    experiment = load_experiment("nfq_2005")
    wins = {50: 9, 100: 44}
    found = []
    for run in experiment.runs():
        if run.variant.variant == "nfq" and run.budget.episodes in wins:
            won = run.seed <= wins[run.budget.episodes]
            row = {"seed": run.seed, "score": float(won), "transitions": 9 * run.budget.episodes}
            row |= {"least_balanced_cycles": 3000 if won else 7}
            found.append(FinishedRun(run, Path(), {}, None, None, None, None, None, None, row))
    finished = FinishedRuns(experiment, Path(), tuple(found))
    without_floor = nfq_table1.build(experiment, finished).frame
    assert set(without_floor["verdict"]) == {"not run"}
    assert without_floor["reason"][0] == "the networks that are the floor are not run"
    for run in experiment.runs():
        if run.variant.variant == experiment.floor:
            row = {"seed": run.seed, "score": float(run.seed == 1), "transitions": 450, "least_balanced_cycles": 4}
            found.append(FinishedRun(run, Path(), {}, None, None, None, None, None, None, row))
    finished = FinishedRuns(experiment, Path(), tuple(found))
    table = nfq_table1.build(experiment, finished).printed().set_index("training episodes")
    assert list(table["ours"]) == ["9/50", "44/50", *["missing"] * 4]
    assert list(table["published"])[:3] == ["23/50", "44/50", "48/50"]
    # six rows share the level, two of them are finished
    shown = table.iloc[:2]
    assert list(shown["difference, points"]) == ["-28", "+0"]
    assert list(shown["transitions"]) == ["450", "900"] and list(shown["least balanced, s"]) == ["0.7", "0.7"]
    low, high = (float(cell) for cell in shown["its interval"]["50"].split(" to "))
    assert low < -28 < high < 0
    # Fisher's exact test of 9 of 50 beside 23 of 50: p = 0.0050, which six comparisons do not allow (0.0042).
    assert float(stats.fisher_exact([[9, 41], [23, 27]]).pvalue) == pytest.approx(0.0050, abs=1e-4)
    assert list(table["verdict"]) == ["consistent", "consistent", *["not run"] * 4]
    # One of 50 untrained networks is successful: beside 23 of 50 that would differ.
    assert set(table["would have passed"]) == {""}
    data = nfq_table1.build(experiment, finished).frame
    assert set(data["comparisons"]) == {6} and list(data["floor"][:1]) == [1] and list(data["floor_trials"][:1]) == [50]
    drawn = successful_trials.build(experiment, finished).data.set_index(["series", "training_episodes"])
    assert drawn.loc[("nfq", 50), "percent"] == 18 and drawn.loc[("published", 50), "percent"] == 46
    assert drawn.loc[("published", 200), "high"] == 100
    variants = nfq_variants.build(experiment, finished).printed()
    assert "nfq_untrained" not in variants.columns
    assert list(variants["nfq"])[:2] == ["9/50 (450)", "44/50 (900)"]
    assert set(variants["nfq_short_pole"]) == {"missing"}


# ---------------------------------------------------------------- tampering


def resealed(folder: Path, name: str, data: bytes) -> None:
    """Change a file, and the record so that every digest holds."""
    (folder / name).write_bytes(data)
    record = json.loads((folder / "run.json").read_bytes())
    record["files"][name] = sha256(data)
    (folder / "run.json").write_bytes(sealed_record(record))


def test_a_changed_cell_is_found(results):
    folder = record_of(results)
    data = (folder / "scores.csv").read_bytes()
    resealed(folder, "scores.csv", data.replace(b"1,1.0,", b"1,1.0,1", 1))
    with pytest.raises(ReplicationError, match=r"scores.csv: row 2: transitions"):
        verify(results, 1, quiet=True)


def test_a_changed_weight_is_found(results):
    folder = record_of(results)
    policies = load((folder / "policies.safetensors").read_bytes())["policies"].copy()
    assert policies.shape == (2, 56)
    policies[1, 7] = np.nextafter(policies[1, 7], 1)  # the last digit: the controller does as well as before
    resealed(folder, "policies.safetensors", save({"policies": policies}))
    verify(results, 1, quiet=True)
    with pytest.raises(ReplicationError, match="seed 2: not the policy that its settings and seed give"):
        verify(results, 1, learn_again=True, quiet=True)
    policies[1] = 0
    resealed(folder, "policies.safetensors", save({"policies": policies}))
    with pytest.raises(ReplicationError, match=r"scores.csv: row 3: score"):
        verify(results, 1, quiet=True)


def test_a_table_that_was_edited_is_found(results):
    path = results / "nfq_2005" / "tables" / "nfq_table1.csv"
    path.write_text(path.read_text().replace("50,23,50", "50,24,50"))
    with pytest.raises(ReplicationError, match=r"nfq_table1.csv"):
        verify(results, 1, quiet=True)
