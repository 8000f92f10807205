"""The files of published numbers: complete, small, read without torch; and a damaged one is one line."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from replication.foundation.errors import ReplicationError
from replication.published.curves import training_curve
from replication.published.loader import (
    PUBLISHED,
    find_published,
    published_curves,
    published_curves_by_step,
    published_scores,
    published_sources,
    published_table,
)
from replication.published.references import reference_set
from replication.published.schemas import TABLES
from replication.specification.tasks.atari_games import GAMES

ROOT = Path(__file__).resolve().parents[2]
MEBIBYTE = 2**20


def rows_of(path):
    """A CSV as it is: header and rows of text."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def write_rows(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


@pytest.fixture
def folder(tmp_path):
    """A copy of the small files, to be damaged."""
    copy = tmp_path / "published"
    shutil.copytree(PUBLISHED, copy, ignore=shutil.ignore_patterns("*.py", "*.gz", "__pycache__"))
    return copy


def damage(path, row, column, text):
    """Change one cell; rows are counted as in an editor, the header is row 1."""
    rows = rows_of(path)
    rows[row - 1][rows[0].index(column)] = text
    write_rows(path, rows)


# ---------------------------------------------------------------- the files


@pytest.mark.slow
def test_every_file_is_loaded_by_some_name():
    files = {path.relative_to(PUBLISHED).as_posix() for path in PUBLISHED.rglob("*.csv*")}
    curves = {f"curves/{name}.csv.gz" for name in published_curves()}
    by_step = {f"curves_by_step/{name}.csv.gz" for name in published_curves_by_step()}
    scored = {f"scores/{name}.csv" for name in published_sources()}
    assert files == {file for file, _ in TABLES.values()} | scored | curves | by_step
    for name in (*TABLES, *published_curves(), *published_curves_by_step()):
        assert len(published_table(name)) > 0
    for source in published_sources():
        scores = published_scores(source)
        assert scores
        assert {score.game for score in scores} <= GAMES.keys() - {"catch"}


def test_a_source_has_one_kind_of_start_and_one_reference_set():
    for source in published_sources():
        scores = published_scores(source)
        assert len({(score.start, score.reference_set) for score in scores}) == 1, source
        assert len({(score.game, score.algorithm) for score in scores}) == len(scores), source


def test_the_compressed_files_have_no_time_in_them():
    compressed = list(PUBLISHED.rglob("*.gz"))
    assert len(compressed) == 1 + len(published_curves()) + len(published_curves_by_step())
    for path in compressed:
        header = path.read_bytes()[:10]
        assert header[3] == 0  # no name
        assert header[4:8] == bytes(4)  # no time


def test_the_data_are_small():
    sizes = [path.stat().st_size for path in PUBLISHED.rglob("*") if path.suffix in {".csv", ".gz", ".md"}]
    assert sum(sizes) < 3.25 * MEBIBYTE  # a quarter of one: the runs of continuous control, one by one


def test_numbers_are_read_without_torch():
    command = (
        "import sys; from replication.published.loader import published_scores; "
        "from replication.published.references import reference_set; "
        "published_scores('mnih2015_nature'); reference_set('nature49_5min'); "
        "print(sorted(sys.modules.keys() & {'torch', 'ale_py'}))"
    )
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


# ---------------------------------------------------------------- memory is not published


def test_what_is_only_remembered_is_kept_back():
    published, everything = published_table("aggregates"), published_table("aggregates", memory=True)
    assert (len(published), len(everything)) == (30, 35)
    assert "IQN" not in set(published.algorithm)
    assert set(published.origin) == {"derived"}
    tabular = published_table("tabular_and_control")
    assert not tabular.confirmed.str.contains("memory").any()
    assert published_table("tabular_and_control", memory=True).confirmed.str.contains("memory").any()


def test_a_remembered_score_is_kept_back(folder):
    damage(folder / "scores" / "bellemare2017_c51.csv", 2, "origin", "memory")
    scores = published_scores("bellemare2017_c51", folder=folder)
    assert len(scores) == 56
    assert "alien" not in {score.game for score in scores}
    assert len(published_scores("bellemare2017_c51", memory=True, folder=folder)) == 57
    with pytest.raises(ReplicationError, match="C51: alien: known only from memory"):
        find_published("bellemare2017_c51", "alien", "C51", folder=folder)


# ---------------------------------------------------------------- bad files


def load(folder, file):
    if file.startswith("scores/"):
        return published_scores(Path(file).stem, folder=folder)
    return published_table(Path(file).stem, folder=folder)


C51, NATURE, HUNDRED = "scores/bellemare2017_c51.csv", "nature_2015_table2.csv", "atari100k_scores.csv"


@pytest.mark.parametrize(
    ("file", "row", "column", "text", "message"),
    [
        (NATURE, 13, "dqn_mean", "4O1.2", r"row 13: dqn_mean: found '4O1.2', expected a finite decimal number"),
        (NATURE, 13, "dqn_mean", "", r"row 13: dqn_mean: found '', expected a finite decimal number"),
        (NATURE, 13, "human", "nan", r"row 13: human: found 'nan', expected a finite"),
        (NATURE, 13, "human", "inf", r"row 13: human: found 'inf', expected a finite"),
        (NATURE, 13, "human", "9" * 400, r"row 13: human: found '999.*', expected a finite"),
        (NATURE, 13, "human", "1_000", r"row 13: human: found '1_000', expected a finite"),
        (NATURE, 13, "dqn_std", "-26.9", r"row 13: dqn_std: found '-26.9', expected .* of at least 0"),
        (NATURE, 13, "confirmed", "", r"row 13: confirmed: found an empty cell, expected text"),
        (NATURE, 13, "game", "brekout", r"row 13: game: there is no game 'brekout'; did you mean 'breakout'\?"),
        (NATURE, 13, "game", "phoenix", r"row 13: game: there is no game 'phoenix'"),
        (NATURE, 13, "game", "boxing", r"row 13: game: found boxing again, expected it once \(row 12\)"),
        (HUNDRED, 2, "game", "venture", r"row 2: game: there is no game 'venture'"),
        (HUNDRED, 2, "runs", "5.5", r"row 2: runs: found '5.5', expected a whole number of at least 1"),
        (C51, 3, "game", "alien", r"row 3: algorithm, game: found C51, alien again, expected it once \(row 2\)"),
        (C51, 3, "game", "catch", r"row 3: game: there is no game 'catch'"),
        (C51, 3, "frames_millions", "-1", r"row 3: frames_millions: found '-1', expected .* of at least 0"),
        (C51, 3, "start", "noop", r"row 3: start: there is no start 'noop'; did you mean 'noop30'"),
        (C51, 3, "origin", "guess", r"row 3: origin: there is no origin 'guess'"),
        (C51, 3, "game_set", "54 games", r"C51: game_set: found atari57, 54 games, expected one"),
        (C51, 3, "cap_frames", "18000", r"row 3: reference_set: found atari57_30min with cap_frames 18000"),
        (C51, 3, "reference_set", "nature49_5min", r"row 3: reference_set: found nature49_5min with cap_frames 108000"),
        (C51, 3, "start", "human_starts", r"row 3: reference_set: found atari57_30min with .* start human_starts"),
    ],
)
def test_a_bad_cell_gives_one_line(folder, file, row, column, text, message):
    load(folder, file)
    damage(folder / file, row, column, text)
    with pytest.raises(ReplicationError, match=message) as raised:
        load(folder, file)
    assert str(raised.value).startswith(str(folder / file))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (NATURE, r"game: found no row for breakout, expected 49 rows$"),
        ("atari57_references.csv", r"game: found no row for boxing, expected 57 rows$"),
        ("nature_2015_table3_ablation.csv", r"found no row for riverraid, off, off, expected 20 rows$"),
        (
            HUNDRED,
            r"found no row for CURL, as quoted in later papers, freeway, expected 26 rows for each algorithm, ver",
        ),
        (C51, r"C51: game: found 56 games \(missing: boxing\), expected atari57"),
        ("scores/hessel2018_rainbow.csv", r"Distributional DQN: game: found 53 games, expected 54 games"),
    ],
)
def test_a_missing_row_is_named(folder, file, message):
    rows = rows_of(folder / file)
    write_rows(folder / file, rows[:12] + rows[13:])
    with pytest.raises(ReplicationError, match=message):
        load(folder, file)


def test_a_surplus_game_is_named(folder):
    path = folder / "scores" / "mnih2015_nature.csv"
    rows = rows_of(path)
    write_rows(path, [*rows, ["phoenix", *rows[1][1:]]])
    with pytest.raises(ReplicationError, match=r"DQN: game: found 50 games \(surplus: phoenix\), expected nature49"):
        published_scores("mnih2015_nature", folder=folder)


@pytest.mark.parametrize("file", [NATURE, C51])
def test_a_missing_column_is_named(folder, file):
    rows = rows_of(folder / file)
    at = rows[0].index("confirmed")
    write_rows(folder / file, [row[:at] + row[at + 1 :] for row in rows])
    with pytest.raises(ReplicationError, match=r"row 1: confirmed: no such column found, expected columns game"):
        load(folder, file)


@pytest.mark.parametrize("name", ["rank", "game"])
def test_a_surplus_column_is_named(folder, name):
    rows = rows_of(folder / NATURE)
    write_rows(folder / NATURE, [[*row, name if row is rows[0] else "1"] for row in rows])
    with pytest.raises(ReplicationError, match=rf"row 1: '{name}': found a column too many, expected columns game"):
        load(folder, NATURE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found 0 rows, expected a header and at least one row"),
        (b"game,random\n", "found 1 rows, expected a header and at least one row"),
        (b"game,random\npong,1,2\n", "row 2: found 3 cells, expected 2 as in row 1"),
        (b'game,random\npong,"1\n', "not readable as CSV"),
        (b"game,random\npong,\xff\n", "not readable as CSV"),
    ],
)
def test_a_file_that_is_no_table(folder, content, message):
    (folder / NATURE).write_bytes(content)
    with pytest.raises(ReplicationError, match=message):
        load(folder, NATURE)


def test_a_file_that_is_not_there(folder):
    (folder / NATURE).unlink()
    with pytest.raises(ReplicationError, match=r"nature_2015_table2\.csv: not found"):
        reference_set("nature49_5min", folder=folder)


def test_a_cut_compressed_file(tmp_path):
    content = (PUBLISHED / "dopamine_curves.csv.gz").read_bytes()
    (tmp_path / "dopamine_curves.csv.gz").write_bytes(content[:5000])
    with pytest.raises(ReplicationError, match=r"dopamine_curves\.csv\.gz: not readable as CSV"):
        training_curve("dopamine_curves", "breakout", "DQN", folder=tmp_path)


@pytest.mark.slow
def test_a_curve_with_a_hole(tmp_path):
    rows = rows_of(PUBLISHED / "dopamine_curves.csv.gz")
    kept = [row for row in rows if row[:3] != ["pong", "DQN", "77"]]
    text = "".join(",".join(row) + "\n" for row in kept).encode()
    (tmp_path / "dopamine_curves.csv.gz").write_bytes(gzip.compress(text, compresslevel=1, mtime=0))
    with pytest.raises(ReplicationError, match="found no row for pong, DQN, 77, expected 71640 rows"):
        training_curve("dopamine_curves", "breakout", "DQN", folder=tmp_path)


def test_names_that_do_not_exist():
    with pytest.raises(ReplicationError, match="there is no published source 'belemare2017_c51'; did you mean 'belle"):
        published_scores("belemare2017_c51")
    with pytest.raises(ReplicationError, match="there is no published table 'nature_table2'"):
        published_table("nature_table2")
    with pytest.raises(ReplicationError, match="there is no algorithm in bellemare2017_c51 'C52'; did you mean 'C51'"):
        find_published("bellemare2017_c51", "pong", "C52")
    with pytest.raises(ReplicationError, match="hessel2018_rainbow: Rainbow: no score for 'jamesbond'"):
        find_published("hessel2018_rainbow", "jamesbond", "Rainbow")


def test_a_new_source_needs_one_file_and_no_code(folder):
    rows = rows_of(folder / C51)
    header, pong = rows[0], next(row for row in rows if row[0] == "pong")
    pong[header.index("game_set")] = "1 games"
    write_rows(folder / "scores" / "mine2030.csv", [header, pong])
    (score,) = published_scores("mine2030", folder=folder)
    assert score == replace(find_published("bellemare2017_c51", "pong", "C51"), source_name="mine2030")
