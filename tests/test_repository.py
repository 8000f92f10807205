"""Rules of the repository that no tool checks."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from replication.foundation.paths import PROJECT_NAME

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "Containerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "Snakefile",
    "docs",
    "pyproject.toml",
    "replication",
    "requirements.lock",
    "results",
    "tests",
    "workflow",
}
# Loading any of these can run code hidden in the file.
PICKLE_LOADING = re.compile(
    r"\b(c?pickle|dill|joblib|torch)\.(load|loads|Unpickler)\b|\bread_pickle\b|\ballow_pickle\s*=\s*True"
    r"|\b(import|from)\s+(c?pickle|dill|joblib|shelve)\b"
)


def project_files() -> list[Path]:
    """Every file that is tracked, or would be if all were added, relative to the root."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so it cannot be told which files belong to the project")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [Path(name) for name in listing.split("\0") if name]
    return [file for file in files if (ROOT / file).is_file()]  # one that was just deleted is still listed


def program_files() -> list[Path]:
    """The program's own files: the package and the workflow."""
    files = [file for file in project_files() if file.parts[0] in {"Snakefile", "replication", "workflow"}]
    return [file for file in files if file.suffix in {".py", ".smk", ""}]


def locked_lines() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_the_top_level_is_fixed():
    entries = {file.parts[0] for file in project_files()}
    assert {entry for entry in entries if not entry.startswith(".")} <= TOP_LEVEL


def test_no_module_is_too_long_to_read():
    modules = [file for file in project_files() if file.suffix == ".py"]
    assert {
        Path("replication/specification/tasks/atari_games.py"),
        Path("tests/training/test_replay_memory.py"),
    } <= set(modules)
    lengths = {str(file): len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in modules}
    assert {file: length for file, length in lengths.items() if length > 350} == {}


@pytest.mark.parametrize(
    "line",
    [
        "pickle.load(file)",
        "pickle.loads(content)",
        "state = torch.load(path, weights_only=True)",
        "numpy.load(path, allow_pickle = True)",
        "from pickle import Unpickler",
        "    import joblib",
        "pandas.read_pickle(path)",
    ],
)
def test_pickle_loading_is_recognised(line):
    assert PICKLE_LOADING.search(line)


def test_no_pickle_is_ever_loaded():
    found = [
        f"{file}:{number}: {line.strip()}"
        for file in program_files()
        for number, line in enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), start=1)
        if PICKLE_LOADING.search(line)
    ]
    assert found == []


def test_the_lock_pins_exact_versions_and_nothing_else():
    lines = locked_lines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []
    names = [line.partition("==")[0].lower() for line in lines]
    assert names == sorted(set(names))


def test_the_lock_names_no_index_and_no_hash():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "http" not in text
    assert "--hash" not in text


def test_the_lock_meets_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"]["dev"])]
    locked = {canonical(name): version for name, _, version in (line.partition("==") for line in locked_lines())}
    unmet = [
        str(requirement)
        for requirement in wanted
        if not requirement.specifier.contains(locked.get(canonical(requirement.name), "0"))
    ]
    assert unmet == []


def canonical(name: str) -> str:
    """The spelling under which all spellings of a distribution's name are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("module", ["replication.specification.loading", "replication.specification.tasks.atari_games"])
def test_plans_are_made_without_torch_and_without_an_emulator(module):
    command = f"import sys, {module}; print(sorted(sys.modules.keys() & {{'torch', 'ale_py'}}))"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_an_installed_package_has_every_file_that_it_reads() -> None:
    """The build takes the package as git has it, and what of the root is read at run time."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert wheel.keys() == {"packages", "force-include"} and wheel["packages"] == ["replication"]
    installed = {place: f"replication/{PROJECT_NAME}/{place}" for place in wheel["force-include"]}
    assert wheel["force-include"] == installed
    read = set()
    for file in program_files():
        text = (ROOT / file).read_text(encoding="utf-8")
        read |= set(re.findall(r"\bPROJECT / \"([^\"]+)\"", text)) if file.suffix == ".py" else set()
    assert (
        {"Snakefile", "workflow", "pyproject.toml", "requirements.lock"}
        == set(installed)
        == read - {"README.md", "docs"}
    )
    data = [path for path in (ROOT / "replication").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT) for path in data} <= set(project_files())  # git would leave out what it ignores


def test_the_code_host_tries_the_oldest_python_and_torch_that_are_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    versions = jobs["versions"]["strategy"]["matrix"]
    assert versions["os"] == ["ubuntu-latest", "macos-latest"] and versions["torch"] == ["oldest", "newest"]
    assert f">={versions['python'][0]}" == project["requires-python"]
    (script,) = [step["run"] for step in jobs["versions"]["steps"] if step.get("if") == "matrix.torch == 'oldest'"]
    expression = re.search(r"sed -n '([^']+)'", script)
    assert expression is not None
    asked = ["sed", "-n", expression.group(1), str(ROOT / "pyproject.toml")]
    oldest = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert f"torch>={oldest.strip()}" in project["dependencies"]
    commands = {step["run"].split()[0] for job in jobs.values() for step in job["steps"] if "run" in step}
    assert {command for command in commands if "/" in command} == {".ci/run"} and (ROOT / ".ci" / "run").exists()


@pytest.mark.parametrize("name", ["failure", "new_result", "wrong_result"])
def test_a_template_of_an_issue_has_what_a_code_host_asks_for(name: str) -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf-8"))
    assert form.keys() == {"name", "description", "body"}
    assert len({field["id"] for field in form["body"]}) == len(form["body"])
    assert all(field["attributes"]["label"] for field in form["body"])


def test_a_wheel_stays_small() -> None:
    """Packed it is less than half of this; results are no part of it."""
    files = [file for file in project_files() if file.parts[0] in {"replication", "workflow"}]
    assert sum((ROOT / file).stat().st_size for file in files) < 10_000_000
