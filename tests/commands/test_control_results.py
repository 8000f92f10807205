"""From a control experiment to its page and back: resuming, tables by hand, tampering, one line for what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load, save

from replication.analysis.verdicts import verdict_word
from replication.commands import control
from replication.commands.cli import main
from replication.commands.verify_control import check_control, control_folders
from replication.commands.verify_results import verify
from replication.evidence.control_files import control_jobs
from replication.evidence.control_records import read_variant
from replication.evidence.records import sealed_record
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.foundation.paths import WORKFLOW
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE
from replication.published.loader import published_table
from replication.report.control_figures import build_figure
from replication.report.control_tables import build_table
from replication.report.pages.index import index_html
from replication.report.pages.readmes import results_readme
from replication.specification.control_experiments import load_control_experiment
from replication.training.fitted_q import repetitions
from tests.support.small_control import small_experiment


@pytest.fixture
def experiment(monkeypatch, tmp_path):
    return small_experiment(monkeypatch, tmp_path / "workflow")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A finished experiment, with its page; made once."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        small_experiment(patch, folder / "workflow")
        assert run(folder) == 0
    return folder / "results"


@pytest.fixture
def results(experiment, made, tmp_path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "results"))


def run(folder: Path, *arguments: str) -> int:
    places = ["--results", str(folder / "results"), "--state", str(folder / "state")]
    return main(["control", "nfq_2005", *places, "--quiet", *arguments])


# ---------------------------------------------------------------- settings


def test_the_method_is_the_one_of_the_paper():
    found = load_control_experiment("nfq_2005")
    assert found.training_episodes == tuple(published_table("nfq_2005_table1")["training_episodes"])
    assert found.repetitions == 50
    main_method = found.method_of("as_printed")
    assert (main_method.learning.discount, main_method.test.cycles * main_method.plant.cycle_s) == (0.95, 300)
    assert main_method == found.method
    assert len({found.digest(variant) for variant in found.variants}) == len(found.variants) == 5
    assert found.method_of("short_pole").plant.equation_length_m == 0.25


def test_the_published_counts_give_the_printed_percentages():
    table = published_table("nfq_2005_table1")
    assert (100 * table["successful"] / table["trials"] == table["printed_percent"]).all()
    assert list(table["successful"]) == [23, 44, 48, 50, 50, 50]


@pytest.mark.parametrize(
    ("changes", "fields", "message"),
    [
        ({"plant": {"pole_kg": 0}}, {}, "method.plant.pole_kg: expected a number greater than 0"),
        ({}, {"repetitions": 2.5}, "repetitions: expected a whole number"),
        ({}, {"variants": {"one": {"title": "", "why": "", "changes": {"plant": {"mass": 1.0}}}}}, "no key 'mass'"),
        ({}, {"variants": {"one": {"title": "", "why": "", "changes": {"test": {"cycles": 0}}}}}, "variants.one.test"),
        ({}, {"experiment": "other"}, "experiment: found 'other', expected the file's name"),
    ],
)
def test_bad_settings_are_one_line(monkeypatch, tmp_path, changes, fields, message):
    with pytest.raises(ReplicationError, match=message) as raised:
        small_experiment(monkeypatch, tmp_path, changes, **fields)
    assert "nfq_2005.yaml" in str(raised.value) and "\n" not in str(raised.value)


def test_it_is_described_with_what_is_chosen(capsys):
    assert main(["describe", "nfq_2005"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for detail in load_control_experiment("nfq_2005").details:
        assert f"{detail.detail}: {detail.status} the paper: {detail.paper} here: {detail.here}" in said


def test_what_does_not_exist_is_one_line(experiment, tmp_path, capsys):
    assert run(tmp_path, "--variant", "as_prnted") == 2
    assert "did you mean 'as_printed'?" in capsys.readouterr().err
    assert main(["control", "nfq_2006"]) == 2
    assert main(["run", "nfq_2005"]) == 2
    assert "`control nfq_2005` makes it" in capsys.readouterr().err
    assert main(["render", "table", "nfq_2005", "table2", "--results", str(tmp_path)]) == 2


def test_a_plan_loads_neither_numpy_nor_torch(experiment, tmp_path):
    jobs = control_jobs(tmp_path / "none")["nfq_2005"]
    assert list(jobs.records) == ["as_printed", "short_pole"] and jobs.missing == set(jobs.records.values())


# ---------------------------------------------------------------- from nothing to the page


def test_a_finished_experiment_is_verified_and_nothing_is_done_again(results, tmp_path, monkeypatch, capsys):
    text = verify(results, 1, learn_again=True, quiet=True)
    assert "8 networks of control experiments verified: 160 test episodes played again, 56 cells" in text
    monkeypatch.setattr(repetitions, "repeat", None)
    before = {path: path.read_bytes() for path in results.rglob("*.*") if path.is_file()}
    assert run(tmp_path) == 0
    assert {path: path.read_bytes() for path in before} == before
    page = (results / "nfq_2005" / "index.html").read_text(encoding="utf-8")
    assert "8 of 8 repetitions" in page and "data:image/svg+xml" in page and "://" not in page
    assert "| `nfq_2005` | NFQ, Table 1" in results_readme(results)
    assert 'href="nfq_2005/index.html"' in index_html(results)
    assert control_jobs(results)["nfq_2005"].missing == frozenset()


def test_stopped_at_any_repetition_it_ends_with_the_same_bytes(results, tmp_path, monkeypatch, capsys):
    whole = {path.name: path.read_bytes() for path in control_folders(results)[0].iterdir()}
    other, calls, repeat = tmp_path / "other", [], repetitions.repeat

    def interrupted(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) in (2, 4):
            raise KeyboardInterrupt
        return repeat(*arguments)

    monkeypatch.setattr(repetitions, "repeat", interrupted)
    assert run(other, "--variant", "as_printed") == INTERRUPTED_EXIT_CODE
    assert "the same command continues" in capsys.readouterr().err
    assert read_variant(load_control_experiment("nfq_2005"), "as_printed", other / "results") is None
    assert run(other, "--variant", "as_printed") == INTERRUPTED_EXIT_CODE
    assert run(other, "--variant", "as_printed") == 0
    assert len(calls) == 4 + 2  # each of the four once, and the two that were stopped
    again = {path.name: path.read_bytes() for path in control_folders(other / "results")[0].iterdir()}
    assert {name for name in whole if whole[name] != again[name]} <= {"run.json"}
    assert json.loads(whole["run.json"])["files"] == json.loads(again["run.json"])["files"]


def test_a_damaged_finished_repetition_is_named(experiment, tmp_path, capsys):
    assert run(tmp_path, "--variant", "as_printed") == 0
    kept = sorted((tmp_path / "state").rglob("*.json"))
    assert len(kept) == 4
    kept[0].write_text(kept[0].read_text().replace('"transitions": ', '"transitions": 1'))
    (control_folders(tmp_path / "results")[0] / "run.json").unlink()
    assert run(tmp_path, "--variant", "as_printed") == 2
    assert f"{kept[0]}: no finished repetition" in capsys.readouterr().err


def test_nothing_finished_gives_tables_that_say_so(experiment, tmp_path):
    control.render_all("nfq_2005", tmp_path)
    table = pd.read_csv(tmp_path / "nfq_2005" / "tables" / "table1.csv")
    assert set(table["verdict"]) == {"not run"}
    page = (tmp_path / "nfq_2005" / "index.html").read_text(encoding="utf-8")
    assert "0 of 8 repetitions" in page and "No variant is finished yet" in page


# ---------------------------------------------------------------- numbers


def test_the_table_by_hand(results):
    """9 of 50 and 44 of 50 successful, in the place of what was learned."""
    experiment = load_control_experiment("nfq_2005")
    rows = [
        {"training_episodes": episodes, "repetition": number, "transitions": 9 * episodes}
        | {"successful": "yes" if number <= wins else "no", "least_balanced_cycles": 3000 if number <= wins else 7}
        for episodes, wins in ((50, 9), (100, 44))
        for number in range(1, 51)
    ]
    finished = {"as_printed": pd.DataFrame(rows)}
    table = build_table(experiment, "table1", finished).frame.set_index("training episodes")
    assert list(table["ours"]) == ["9/50", "44/50"] and list(table["published"]) == ["23/50", "44/50"]
    assert list(table["difference, points"]) == ["-28", "+0"]
    assert list(table["transitions"]) == ["450", "900"] and list(table["least balanced, s"]) == ["0.7", "0.7"]
    assert list(table["margin"]) == ["11.5", "22.0"]
    assert list(table["verdict"]) == ["inconclusive", "replicated"]
    low, high = (float(cell) for cell in table["interval"]["50"].split(" to "))
    assert low < -28 < high < 0 and verdict_word(low, high, 11.5) == "inconclusive"
    figure = build_figure(experiment, "successful_trials", finished)
    drawn = figure.data.set_index(["series", "training_episodes"])
    assert drawn.loc[("as_printed", 50), "percent"] == 18 and drawn.loc[("published", 50), "percent"] == 46
    assert drawn.loc[("published", 200), "high"] == 100
    variants = build_table(experiment, "variants", finished).frame
    assert list(variants["as_printed"]) == ["9/50 (450)", "44/50 (900)"] and set(variants["short_pole"]) == {"missing"}


def test_the_findings_say_what_the_committed_table_says():
    table = pd.read_csv(WORKFLOW.parent / "results" / "nfq_2005" / "tables" / "variants.csv").set_index(
        "training episodes"
    )
    successes = {name: int(cell.split("/")[0]) for name, cell in table.loc[50].items()}
    [finding] = load_control_experiment("nfq_2005").findings
    assert successes.pop("published") == 23 and "(published: 23)" in finding.what
    for name in ("short_pole", "short_pole_new_networks"):
        assert f"{successes[name]} of 50" in finding.what
    assert f"between {min(successes.values())} and {max(successes.values())} of 50" in finding.what


# ---------------------------------------------------------------- tampering


def resealed(folder: Path, name: str, data: bytes) -> None:
    """Change a file, and the record so that every digest holds."""
    (folder / name).write_bytes(data)
    record = json.loads((folder / "run.json").read_bytes())
    record["files"][name] = sha256(data)
    (folder / "run.json").write_bytes(sealed_record(record))


def test_a_changed_cell_is_found(results):
    folder = control_folders(results)[0]
    data = (folder / "repetitions.csv").read_bytes()
    changed = data.replace(b",300.0\n", b",299.0\n", 1)
    (folder / "repetitions.csv").write_bytes(changed)
    with pytest.raises(ReplicationError, match=r"repetitions.csv: its digest is not the one"):
        check_control([folder], 1, quiet=True)
    resealed(folder, "repetitions.csv", changed)
    with pytest.raises(
        ReplicationError, match=r"row 2: mean_balanced_cycles: found 299.0, the stored network gives 300"
    ):
        check_control([folder], 1, quiet=True)
    rows = data.splitlines(keepends=True)
    for content, message in [
        (
            b"".join([rows[0], rows[2], rows[1], *rows[3:]]),
            "row 2: found repetition 2 of 50 episodes, expected 1 of 50",
        ),
        (b"".join(rows[:-1]), "found 3 repetitions, expected 4"),
        (data.replace(b"50,1,", b"50,1,1", 1), "row 2: transitions: found"),
    ]:
        resealed(folder, "repetitions.csv", content)
        with pytest.raises(ReplicationError, match=message):
            check_control([folder], 1, quiet=True)


def test_a_changed_weight_is_found(results):
    folder = control_folders(results)[0]
    weights = load((folder / "networks.safetensors").read_bytes())["weights"].copy()
    weights[3, 7] = np.nextafter(weights[3, 7], 1)  # the last digit: the controller does as well as before
    resealed(folder, "networks.safetensors", save({"weights": weights}))
    check_control([folder], 1, quiet=True)
    with pytest.raises(ReplicationError, match="row 3: not the network that repetition 2 of 100 episodes learns"):
        check_control([folder], 1, learn_again=True, quiet=True)
    weights[3] = 0
    resealed(folder, "networks.safetensors", save({"weights": weights}))
    with pytest.raises(ReplicationError, match="row 5: successful: found yes, the stored network gives no"):
        check_control([folder], 1, quiet=True)


def test_changed_settings_and_strange_files_are_found(results):
    folder = control_folders(results)[0]
    record = json.loads((folder / "run.json").read_bytes())
    (folder / "run.json").write_bytes(json.dumps(record | {"repetitions": 1}).encode())
    with pytest.raises(ReplicationError, match="seal"):
        check_control([folder], 1, quiet=True)
    (folder / "run.json").write_bytes(sealed_record(record | {"repetitions": 1}))
    with pytest.raises(ReplicationError, match="result_digest: found"):
        check_control([folder], 1, quiet=True)
    (folder / "run.json").write_bytes(sealed_record(record))
    (folder / "more.csv").write_text("1")
    with pytest.raises(ReplicationError, match=r"more.csv: run.json does not name it"):
        check_control([folder], 1, quiet=True)
    (folder / "more.csv").unlink()
    folder.rename(folder.with_name("0" * 12))
    with pytest.raises(ReplicationError, match="expected a folder that ends in"):
        check_control(control_folders(results), 1, quiet=True)


def test_a_table_that_was_edited_is_found(results):
    path = results / "nfq_2005" / "tables" / "table1.csv"
    path.write_text(path.read_text().replace("23/50", "24/50"))
    with pytest.raises(ReplicationError, match=r"table1.csv"):
        verify(results, 1, quiet=True)


def test_training_leaves_no_place_of_this_machine(results, tmp_path):
    for path in (results / "control").rglob("*.json"):
        assert str(tmp_path) not in path.read_text(encoding="utf-8")
