"""Settings that cannot be, through the command line: one line that names the file and the key, and what is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.foundation import validation
from tests.support.bad_input import content, copy_workflow, refused, train


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the settings that a test may spoil."""
    return copy_workflow(tmp_path, monkeypatch)


DQN, NATURE, SMOKE = "algorithms/dqn.yaml", "protocols/nature.yaml", "presets/smoke.yaml"
QUICKSTART = "experiments/quickstart.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            DQN,
            "batch_size: 32",
            "batchsize: 32",
            "config.batchsize: there is no key 'batchsize'; did you mean 'batch_si",
        ),
        (DQN, "batch_size: 32", "", "config.batch_size: field required: it has no default, add it"),
        (DQN, "batch_size: 32", "batch_size: 1e2", "batch_size: expected a whole number, found '1e2': write 100"),
        (DQN, "batch_size: 32", "batch_size: 32.0", "batch_size: expected a whole number, found 32.0: write 32"),
        (DQN, "batch_size: 32", "batch_size: true", "config.batch_size: expected a whole number, found true"),
        (DQN, "batch_size: 32", "batch_size: 0", "expected a number greater than or equal to 1, found 0"),
        (DQN, "discount: 0.99", "discount: 99e-2", "config.discount: expected a number, found '99e-2': write 0.99"),
        (DQN, "discount: 0.99", "discount: .inf", "config.discount: expected a finite number, found inf"),
        (DQN, "discount: 0.99", "discount: 1.5", "expected a number less than or equal to 1.0, found 1.5"),
        (DQN, "learning_rate:", "learning_rat:", "config.optimizer.learning_rat: there is no key 'learning_rat'; did"),
        (DQN, "name: centered_rmsprop", "name: sgd", "config.optimizer: expected 'name': one of 'centered_rmsprop', "),
        (DQN, "module: dqn", "module: dqnn", "module: there is no module 'dqnn'; did you mean 'dqn'?"),
        (DQN, "variant: dqn", "variant: dqn2", "variant: found 'dqn2', expected the file's own name 'dqn'"),
        (DQN, "protocol: nature", "protocol: natur", "protocol: there is no protocol 'natur'; did you mean 'nature'?"),
        (
            DQN,
            "family: off_policy",
            "family: offpolicy",
            "expected one of 'evolution', 'fitted_q', 'off_policy', 'off_policy_continuous', 'off_policy_vectors', "
            "'on_policy', 'tabular' or 'untrained', "
            "found 'offpolicy",
        ),
        (DQN, "stores_end_frame: true", "stores_end_frame: yes please", "expected true or false, found 'yes please'"),
        (DQN, "stores_end_frame: true", "stores_end_frame: false", "truncation_bootstraps needs stores_end_frame"),
        (
            DQN,
            "variant: dqn\n",
            "variant: dqn\nvariant: dqn\n",
            "not readable as YAML: key 'variant' stands there a second time",
        ),
        (DQN, "config:\n", "config: &all\n  <<: *all\n", "found a merged mapping (<<); write its keys out"),
        (DQN, "batch_size: 32", "batch_size: 2015-02-26", "config.batch_size: expected words, numbers and lists"),
        (
            NATURE,
            "protocol: nature",
            "protocol: natur",
            "protocol: found 'natur', expected the file's own name 'nature'",
        ),
        (
            NATURE,
            "iteration_steps:",
            "iterationsteps:",
            "iterationsteps: there is no key 'iterationsteps'; did you mea",
        ),
        (
            NATURE,
            "noops_after_game_over_frames: [1, 30]",
            "noops_after_game_over_frames: [30, 1]",
            "least number before",
        ),
        (
            NATURE,
            "episode_cap_frames: 108_000",
            "episode_cap_frames: 108_000.5",
            "training.episode_cap_frames: expected",
        ),
        (
            NATURE,
            "reference_set: nature49_5min",
            "reference_set: nature",
            "expected one of 'nature49_5min' or 'atari57",
        ),
        (SMOKE, "preset: smoke", "preset: smokes", "preset: found 'smokes', expected the file's own name 'smoke'"),
        (
            SMOKE,
            "batch_size: 8",
            "batchsize: 8",
            "config.batchsize: there is no key 'batchsize'; did you mean 'batch_si",
        ),
        (
            SMOKE,
            "batch_size: 8",
            "batch_size: 1e1",
            "config.batch_size: expected a whole number, found '1e1': write 10",
        ),
        (
            SMOKE,
            "{count: 100}",
            "{counts: 100}",
            "config.replay_start.counts: there is no key 'counts'; did you mean 'c",
        ),
        (SMOKE, "iteration_steps: 200", "iteration_steps: often", "protocol.iteration_steps: expected a whole number"),
        (SMOKE, "period_steps: 200", "period: 200", "protocol.periodic_evaluation.period: there is no key 'period'"),
        (SMOKE, "batch_size: 8", "batch_size: null", "presets/smoke.yaml: config.batch_size: expected a whole number"),
    ],
)
def test_settings_that_cannot_be_are_one_line_with_file_and_key(
    tmp_path: Path, workflow: Path, capsys, file: str, old: str, new: str, expected: str
) -> None:
    path = workflow / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    before = content(tmp_path)
    line = refused(capsys, *train(tmp_path, preset="smoke"))
    assert line.startswith(f"error: {path}: ") and expected in line
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "budget_frames: 120_000",
            "budget_frames: 1e6",
            "runs.0.budget_frames: expected a whole number, found '1e6': w",
        ),
        ("budget_frames: 120_000", "budget_frames: 0", "runs.0.budget_frames: expected a number greater than or equal"),
        (
            "budget_frames: 120_000",
            "budget_frames: 120_001",
            "budget of 120001 frames: expected a positive multiple of 4",
        ),
        ("budget_frames: 120_000", "budget_frames: null", "give --budget-frames"),
        (
            "[kung_fu_master, road",
            "[kung_fu_mastr, road",
            "there is no task 'kung_fu_mastr'; did you mean 'kung_fu_maste",
        ),
        (
            "games: [kung_fu_master, road_runner]",
            "games: nature48",
            "runs.0.games: expected one of 'nature49', 'atari57'",
        ),
        ("games: [kung_fu_master, road_runner]", "games: [pong, 5]", "runs.0.games.1: expected text, found 5"),
        ("games: [kung_fu_master, road_runner]", "games: []", "runs.0.games: expected a list of at least 1, found []"),
        (
            "variants: [dqn_quickstart]",
            "variants: [dqn_quick]",
            "there is no variant 'dqn_quick'; did you mean 'dqn_qu",
        ),
        ("preset: quickstart", "preset: quick", "there is no preset 'quick'; did you mean 'quickstart'?"),
        ("seeds: [1]", "seeds: [one]", "runs.0.seeds.0: expected a whole number, found 'one'"),
        ("seeds: [1]", "seeds: [1, 1]", "is named twice"),
        ("runs:", "run:", "run: there is no key 'run'; did you mean 'runs'?"),
        ("tables: [scores]", "tables: [score]", "tables: there is no table 'score'; did you mean 'scores'?"),
        ("learning_curves", "learning_curve", "figures: there is no figure 'learning_curve'; did you mean 'learning_c"),
        (
            "nature_2015_table2",
            "nature_table2",
            "published.source: there is no published source 'nature_table2'; did y",
        ),
        ("experiment: quickstart", "experiment: quick", "expected the file's name 'quickstart'"),
    ],
)
def test_an_experiment_that_cannot_be_is_one_line(
    tmp_path: Path, workflow: Path, capsys, old: str, new: str, expected: str
) -> None:
    path = workflow / QUICKSTART
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    line = refused(capsys, "run", "quickstart", "-n", f"--results={tmp_path / 'results'}")
    assert line.startswith(f"error: {path}: ") and expected in line


@pytest.mark.parametrize("file", [DQN, NATURE, SMOKE, QUICKSTART])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "expected a mapping of keys to values, found an empty file"),
        (b"# nothing\n", "expected a mapping of keys to values, found an empty file"),
        (b"- a\n- b\n", 'expected a mapping of keys to values, found ["a", "b"]'),
        (b"word", "expected a mapping of keys to values, found 'word'"),
        (b"title: \xff\xfe", "byte 7: not UTF-8; save the file in that encoding"),
        (b"title: [", "line 1: not readable as YAML: while parsing a flow node expected the node content"),
        (b"a: 1\nb:\n  c: 1\n  c: 2\n", "line 4: not readable as YAML: key 'c' stands there a second time; remove one"),
        (b"a: !!python/object:os.system {}", "could not determine a constructor"),
        (b"a: \x00", "not readable as YAML: unacceptable character"),
        (b"on: 1", "expected a word as key, found true: put quotes"),
        (b"a: .nan", "a: expected a finite number, found nan"),
        (b"a: " + b"9" * 5000, "not readable as YAML: Exceeds the limit"),
        (b"a: &a [*a]", "found more, or one within itself"),
        (b"a: " + b"[" * 5000, "not readable as YAML"),
    ],
)
def test_a_file_that_is_no_settings_is_one_line(
    tmp_path: Path, workflow: Path, capsys, file: str, data: bytes, expected: str
) -> None:
    (workflow / file).write_bytes(data)
    command = ["run", "quickstart", "-n"] if file == QUICKSTART else train(tmp_path, preset="smoke")
    line = refused(capsys, *command)
    assert line.startswith(f"error: {workflow / file}: ") and expected in line


def test_an_anchor_is_fine_and_a_bomb_is_refused_at_once(workflow: Path, capsys) -> None:
    path = workflow / QUICKSTART
    path.write_text(
        path.read_text().replace("seeds: [1]", "seeds: &seeds [1]", 1).replace("seeds: [1]", "seeds: *seeds")
    )
    assert main(["run", "quickstart", "-n", "--results=/nowhere"]) == 0
    capsys.readouterr()
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    path.write_text("\n".join(bomb))
    assert f"expected at most {validation.MOST_VALUES:,} values" in refused(capsys, "run", "quickstart", "-n")


@pytest.mark.parametrize("file", [DQN, QUICKSTART])
def test_settings_that_may_not_be_read_are_one_line(
    tmp_path: Path, workflow: Path, capsys, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    read = Path.read_bytes

    def forbidden(path: Path) -> bytes:
        if path == workflow / file:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    command = ["run", "quickstart", "-n"] if file == QUICKSTART else train(tmp_path)
    line = refused(capsys, *command)
    assert f"{workflow / file}: cannot be read (Permission denied); allow reading it" in line
