"""What the Snakefile asks of the package: commands that name their runs exactly, cohorts, refusals."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from replication.commands.cli import COMMANDS
from replication.commands.cohorts import cohort_name, form_cohorts
from replication.commands.jobs import build_jobs, workflow_config
from replication.commands.parser import build_parser
from replication.commands.snakemake import known_profiles, snakemake_command
from replication.commands.train import named_runs
from replication.evidence.records import sealed_record
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import WORKFLOW
from replication.specification.experiments import known_experiments, load_experiment
from replication.specification.run import Run, one_a_record, resolve_run
from replication.specification.run_arguments import run_arguments
from replication.specification.tasks.atari_games import NATURE49
from replication.training.replay.frame_store import typical_bytes
from tests.support.parameters import long_unless

LARGE = {"atari100k", "rainbow_2018", "rainbow_ablations"}
"""Experiments of hundreds of runs."""


def _run(game: str, seed: int, **changes) -> Run:
    return resolve_run(**({"variant": "dqn", "task": game, "seed": seed, "budget_frames": 4_000} | changes))


def _cohorts(runs: list[Run], missing: list[Run], lanes: int) -> tuple[tuple[Run, ...], ...]:
    return form_cohorts(runs, missing, lambda run: lanes)


def _named(runs: list[tuple[str, int]]) -> list[Run]:
    return [_run(game, seed) for game, seed in runs]


@pytest.mark.slow
@pytest.mark.parametrize("name", long_unless(lambda name: name not in LARGE, known_experiments()))
def test_a_command_names_exactly_its_run(name: str, tmp_path: Path) -> None:
    arguments = build_parser(COMMANDS)
    for run in one_a_record(load_experiment(name).runs()):  # a run of a bundle stands for all of it
        words = shlex.split(run_arguments([run], tmp_path / "with space"))
        options = arguments.parse_args(["train", *words])
        found = named_runs(options)
        assert [each.seed for each in found] == [run.bundle.first if run.bundle else run.seed]
        assert found[0].result_digest == run.result_digest and {each.record_digest for each in found} == {
            run.record_digest
        }
        assert options.results == tmp_path / "with space"


def test_a_command_carries_another_protocol_and_a_preset() -> None:
    runs = [_run("pong", seed, protocol="noop_30min", preset="smoke") for seed in (1, 2)]
    options = build_parser(COMMANDS).parse_args(["train", *shlex.split(run_arguments(runs, Path("results")))])
    assert [found.result_digest for found in named_runs(options)] == [run.result_digest for run in runs]


@pytest.mark.parametrize("name", ["with a blank", "it's; here", 'say "so"', "\u00e9t\u00e9", "$HOME", "a&b|c"])
def test_every_command_takes_a_results_folder_of_any_name_as_one_word(name: str) -> None:
    jobs = build_jobs(workflow_config({"experiment": "quickstart", "results": f"/nowhere/{name}"}))
    commands = [jobs.command([run]) for run in jobs.runs] + [jobs.index_command, jobs.render_command("inventory")]
    assert all(f"/nowhere/{name}" in shlex.split(command) for command in commands)
    embed = shlex.split(jobs.views_command(jobs.viewed[0]))
    assert sum(word.startswith(f"/nowhere/{name}/runs/") for word in embed) == 2


def test_no_shell_line_of_the_workflow_has_a_file_without_quotes() -> None:
    lines = [line for path in (WORKFLOW / "rules").glob("*.smk") for line in path.read_text().splitlines()]
    shell = [line.strip() for line in lines if line.strip().startswith('"') and "{params.command}" in line]
    assert len(shell) == 9
    for line in shell:
        assert set(re.findall("{[^}]*}", line)) == {"{params.command}", "{log:q}"}, line


def test_only_runs_with_a_final_evaluation_are_embedded_and_filmed_by_a_job_of_their_own() -> None:
    viewed: list[Run] = []
    for name in ("quickstart", "dopamine_curves"):
        jobs = build_jobs(workflow_config({"experiment": name, "results": "/nowhere", "device": "cuda"}))
        viewed += jobs.viewed
        for run in jobs.runs:
            train = jobs.command([run])
            assert train.startswith(f"python -m replication train --variant {run.variant.variant} ")
            assert f" --results /nowhere --expect {run.result_digest[:12]}" in train and "&&" not in train
    assert {run.variant.variant for run in viewed} == {"dqn_quickstart"}
    embed, film = jobs.views_command(viewed[0]).split(" && ")
    assert film.startswith("python -m replication film /nowhere/runs/dqn_quickstart/")
    assert embed == film.replace("replication film", "replication embed")


def test_no_rule_declares_a_record_and_markers_of_what_is_gone_are_removed(tmp_path: Path) -> None:
    config = workflow_config({"experiment": "quickstart", "results": str(tmp_path), "lanes": 2})
    before = build_jobs(config)
    assert before.finished_runs == [] and before.made_runs and before.made_views
    assert all(marker.endswith(".finished") for marker in before.made_runs + before.made_views)
    for marker in before.made_runs + before.made_views:
        Path(marker).parent.mkdir(parents=True, exist_ok=True)
        Path(marker).touch()
    place = before.runs[0].results_folder(tmp_path)
    place.mkdir(parents=True)
    (place / "run.json").write_bytes(sealed_record({"result_digest": before.runs[0].result_digest}))
    after = build_jobs(config)
    assert after.finished_runs == [str(place / "run.json")]
    assert [marker for marker in after.made_runs + after.made_views if Path(marker).exists()] == []
    assert before.runs[0].result_digest[:12] not in after.pattern("digest", after.alone)


def test_cohorts_are_grids_of_at_most_so_many_lanes() -> None:
    runs = _named([(game, seed) for game in ("pong", "breakout", "freeway") for seed in (1, 2)])
    names = [[(r.task.name, r.seed) for r in cohort] for cohort in _cohorts(runs, runs, 4)]
    assert names == [[("pong", 1), ("pong", 2), ("breakout", 1), ("breakout", 2)], [("freeway", 1), ("freeway", 2)]]
    # Fewer lanes than seeds: one game, some seeds; a cohort of one is trained alone.
    names = [[(r.task.name, r.seed) for r in c] for c in _cohorts(_named([("pong", s) for s in (1, 2, 3)]), runs, 2)]
    assert names == [[("pong", 1), ("pong", 2)]]
    assert _cohorts(runs, runs, 1) == ()
    # About equally long: a short cohort would leave a device idle at the end.
    many = _named([(game, 1) for game in NATURE49])
    assert [len(cohort) for cohort in _cohorts(many, many, 20)] == [17, 17, 15]


def test_cohorts_never_mix_what_one_command_cannot_say() -> None:
    different = [
        _run("pong", 1),
        _run("pong", 1, budget_frames=8_000),
        _run("pong", 1, preset="smoke"),
        _run("pong", 1, protocol="noop_30min"),
        _run("pong", 1, variant="dqn_paper"),
        *(_run("pong", s, variant="random_10hz", budget_frames=None) for s in (1, 2)),
    ]
    assert _cohorts(different, different, 8) == ()
    ragged = _named([("pong", 1), ("pong", 2), ("breakout", 1)])
    assert _cohorts(ragged, ragged, 8) == ()


def test_a_cohort_keeps_its_lanes_when_others_are_finished() -> None:
    runs = _named([(game, 1) for game in ("pong", "breakout", "freeway", "seaquest")])
    before, after = _cohorts(runs, runs, 2), _cohorts(runs, runs[1:], 2)
    assert [cohort_name(c) for c in after] == [cohort_name(before[1])]


def test_a_record_of_another_run_is_refused_in_one_line(tmp_path: Path) -> None:
    run = load_experiment("quickstart").runs()[0]
    place = run.results_folder(tmp_path)
    place.mkdir(parents=True)
    config = workflow_config({"experiment": "quickstart", "results": str(tmp_path)})
    for content, expected in [
        (json.dumps({"result_digest": "0" * 64}), f"found 000000000000, expected {place.name}"),
        ("{", "not a run record"),
        ("[]", "not a run record"),
        (json.dumps({"result_digest": run.result_digest}), "the file was changed"),
    ]:
        (place / "run.json").write_text(content)
        with pytest.raises(ReplicationError, match=expected) as error:
            build_jobs(config)
        assert "\n" not in str(error.value)
    (place / "run.json").write_bytes(sealed_record({"result_digest": run.result_digest}))
    assert run not in build_jobs(config).missing


def test_a_limit_of_time_reaches_the_command() -> None:
    given = {"experiment": "quickstart", "max_seconds": 600}
    jobs = build_jobs(workflow_config(given))
    assert jobs.command([jobs.runs[0]]).endswith("--max-seconds 600")


def test_a_cohort_takes_the_lanes_its_memory_holds() -> None:
    given = {"experiment": "nature_table2", "lanes": "auto", "memory_gb": 64, "workers": 8}
    jobs = build_jobs(workflow_config(given))
    _, each = typical_bytes(1_000_000, "lz4")
    most_lanes = 0.9 * 64e9 / each
    assert max(len(cohort) for cohort in jobs.cohorts) < most_lanes < 49 / (len(jobs.cohorts) - 1)
    assert {run.variant.family for cohort in jobs.cohorts for run in cohort} == {"off_policy"}
    # More memory, fewer cohorts; the machine's own where none is named.
    assert len(build_jobs(workflow_config(given | {"memory_gb": 512})).cohorts) < len(jobs.cohorts)
    assert build_jobs(workflow_config(given | {"memory_gb": None})).cohorts
    # The runs, their digests and their files are the same however they are grouped.
    alone = build_jobs(workflow_config({"experiment": "nature_table2"}))
    assert alone.cohorts == () and alone.runs == jobs.runs


def test_a_job_beside_a_gpu_takes_it_and_the_cores_of_its_workers() -> None:
    given = {"experiment": "nature_table2", "device": "cuda", "lanes": 4}
    jobs = build_jobs(workflow_config(given))
    trained, untrained = jobs.cohorts[0][0], next(r for r in jobs.runs if not r.family.trains)
    assert (jobs.gpus(trained), jobs.threads(trained, 16)) == (1, 16)
    assert (jobs.gpus(untrained), jobs.threads(untrained, 16)) == (0, 1)
    assert "cuda" not in jobs.command([untrained]) and "--workers" not in jobs.command([trained])
    shared = build_jobs(workflow_config(given | {"workers": 6}))
    assert shared.threads(trained, 16) == 6
    assert "--device cuda --workers 6" in shared.command([trained])
    on_cpu = build_jobs(workflow_config(given | {"device": "cpu"}))
    assert (on_cpu.gpus(trained), on_cpu.threads(trained, 16)) == (0, 1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, r"which experiment\?.* known: .*quickstart"),
        ({"experiment": "quickstarts"}, "did you mean 'quickstart'"),
        ({"experiment": "quickstart", "lane": 4}, "did you mean 'lanes'"),
        ({"experiment": "quickstart", "lanes": 0}, "lanes: .*greater than or equal to 1"),
        ({"experiment": "quickstart", "lanes": "automatic"}, "lanes: expected auto or a whole .*found 'automatic'"),
        ({"experiment": "quickstart", "workers": 1.5}, "workers: expected a whole number, found 1.5"),
        ({"experiment": "quickstart", "memory_gb": 0}, "memory_gb: .*greater than 0"),
        ({"experiment": "quickstart", "results": "-here"}, "results: found '-here', expected a folder that begins "),
        ({"experiment": "quickstart", "results": "/a/{b}"}, "results: found '/a/{b}', expected .* no brace"),
        ({"experiment": "quickstart", "results": "/a/\nb"}, "results: found '/a/.nb', expected .* line break"),
    ],
)
def test_a_bad_configuration_is_one_line(given: dict, expected: str) -> None:
    with pytest.raises(ReplicationError, match=expected) as error:
        build_jobs(workflow_config(given))
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "experiments",
    [["quickstart", "nature_table4", "dopamine_curves"], pytest.param(known_experiments(), marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_the_inventory_is_named_after_the_set_of_runs(experiments: Sequence[str]) -> None:
    names = {build_jobs(workflow_config({"experiment": name})).inventory for name in experiments}
    assert len({Path(name).name for name in names}) == len(experiments)


def test_every_source_of_a_table_or_figure_is_watched() -> None:
    jobs = build_jobs(workflow_config({"experiment": "quickstart"}))
    watched = [*jobs.shared_sources, *jobs.source("figures", "embedding"), *jobs.source("tables", "scores")]
    assert {"replication/analysis/finished.py", "replication/published/nature_2015_table2.csv"} <= set(watched)
    assert {"workflow/experiments/quickstart.yaml", "workflow/protocols/nature.yaml"} <= set(watched)
    assert [path for path in (*watched, *jobs.page_sources) if not (WORKFLOW.parent / path).is_file()] == []


def test_reading_the_workflow_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, time; start = time.process_time(); from replication.commands import jobs; "
        "[jobs.build_jobs(jobs.workflow_config({'experiment': name, 'lanes': 4})) for name in sys.argv[1:]]; "
        "print(time.process_time() - start); print(sorted(sys.modules.keys() & "
        "{'torch', 'numpy', 'pandas', 'ale_py', 'matplotlib', 'numba', 'snakemake'}))"
    )
    names = ("nature_random", "nature_table2")
    runs = sum(len(load_experiment(name).runs()) for name in names)
    command = [sys.executable, "-c", code, *names]
    answers = [subprocess.check_output(command, cwd=WORKFLOW.parent, text=True).splitlines() for _ in range(3)]
    assert {answer[1] for answer in answers} == {"[]"}
    assert min(float(answer[0]) for answer in answers) < 0.5 + 0.0017 * runs  # a second for 294


def test_run_hands_over_with_the_profile() -> None:
    command = snakemake_command("quickstart", Path("elsewhere"), cores=3, targets=["partial"])
    assert command[1:4] == ["-m", "snakemake", "partial"]
    assert command[command.index("--cores") + 1] == "3"
    assert command[command.index("--config") + 1 :] == ["experiment=quickstart", "results=elsewhere"]
    assert known_profiles() == ["default", "gpu", "slurm"]
    for name in known_profiles():
        command = snakemake_command("quickstart", Path("elsewhere"), cores=None, profile=name)
        profile = Path(command[command.index("--workflow-profile") + 1])
        assert profile.name == name and (profile / "config.yaml").is_file()
    assert "--cores" not in snakemake_command("quickstart", Path("results"), cores=None)


def test_every_profile_entry_has_its_reason_above() -> None:
    for path in (WORKFLOW / "profiles").glob("*/config.yaml"):
        lines = path.read_text(encoding="utf-8").splitlines()
        entries = [number for number, line in enumerate(lines) if line and not line.startswith(("#", " ", "-"))]
        assert entries
        assert [lines[number] for number in entries if not lines[number - 1].startswith("#")] == []
