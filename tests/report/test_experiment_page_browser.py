"""The page in a real browser: nothing complains, tables sort and filter, images load, nothing is too wide."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from replication.analysis.finished import load_runs
from replication.report.figures import embedding, learning_curves
from replication.report.figures.figure import write_figure
from replication.report.pages.experiment import MOST_BYTES, write_page
from replication.report.pages.index import write_index
from replication.report.tables import scores
from replication.report.tables.table import write_table
from tests.support.browser import Browser, started_browser
from tests.support.finished_runs import finish, made_up_experiment

pytestmark = pytest.mark.slow

JUDGED, ALL = "#table-scores-rows", "#table-scores-all-rows"
"""What a verdict rests on, and every column."""
CHANGE = """(field => {{ field.value = '{}'; field.dispatchEvent(new Event('input', {{ bubbles: true }})); }})(
  document.querySelector('{}'))"""
PHONE, DESKTOP = 400, 1280


@pytest.fixture(scope="module")
def browser():
    with started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    games = ["pong", "breakout", "ms_pacman", "name_this_game"]
    made = made_up_experiment(
        [{"games": games, "seeds": [1, 2]}, {"variants": ["random_10hz"], "games": games, "budget_frames": None}],
        published={"source": "nature_2015_table2", "algorithm": "random", "agents": {"random_10hz": "random"}},
    )
    for run in made.runs():
        if run.task.name != "name_this_game":  # missing cells have to be put somewhere
            folder = finish(run, results, points=30 if run.family.trains else 0)
    Image.new("RGB", (320, 234), "navy").save(folder / "clip.webp")
    write_table(scores.build(made, load_runs(made, results)), results / "made_up" / "tables")
    for module in (learning_curves, embedding):
        write_figure(module.build(made, load_runs(made, results)), results / "made_up" / "figures")
    path = write_page(made, results)
    write_index(results)
    return path


def column(browser: Browser, name: str, table: str = JUDGED) -> list[str]:
    """The cells of a column of the score table, top to bottom, as far as they are shown."""
    headings = browser.run(f"[...document.querySelectorAll('{table} thead th')].map(h => h.textContent.trim())")
    rows = f"[...document.querySelectorAll('{table} tbody tr')].filter(row => !row.hidden)"
    cell = f"row.cells[{headings.index(name)}]"
    return list(browser.run(f"{rows}.map(row => ({cell}.dataset.value ?? {cell}.textContent).trim())"))


def heading(name: str, table: str = JUDGED) -> str:
    """A JavaScript expression for the heading of a column."""
    return f"[...document.querySelectorAll('{table} thead th')].find(h => h.textContent.trim() === '{name}')"


def number(cell: str) -> float:
    return float(cell.replace(",", ""))


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_nothing_complains_every_image_loads_and_nothing_is_too_wide(browser, page, width):
    assert page.stat().st_size < MOST_BYTES
    browser.open(page, width)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    loading = (
        "Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode(); })).then(() => 'loaded')"
    )
    assert browser.run(loading) == "loaded"
    sizes = browser.run("[...document.images].map(i => i.naturalWidth)")
    assert len(sizes) == 3 and all(size > 0 for size in sizes)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [420, 1400])
def test_nothing_that_a_verdict_rests_on_is_out_of_sight(browser, page, width):
    browser.open(page, width)
    labels = "[...document.querySelectorAll('#table-scores-rows thead th')].map(h => h.textContent.trim())"
    assert browser.run(labels)[-6:] == ["ours", "published", "difference", "its interval", "margin", "verdict"]
    frame = browser.run("(r => [r.left, r.right])(document.querySelector('.sheet.judged').getBoundingClientRect())")
    cells = "[...document.querySelectorAll('#table-scores-rows tbody tr > *')]"
    boxes = browser.run(f"{cells}.map(c => c.getBoundingClientRect()).map(r => [r.left, r.right, r.width])")
    assert len(boxes) == 8 * 8 and all(width > 0 for *_, width in boxes)
    assert frame[0] >= 0 and frame[1] <= width
    assert all(frame[0] <= left and right <= frame[1] for left, right, _ in boxes)
    # Where a row is a card, what the heading would say stands above each value.
    said = browser.run(f"{cells}.slice(1, 8).map(c => getComputedStyle(c, '::before').content.replaceAll('\"', ''))")
    assert said == (["agent", *browser.run(labels)[-6:]] if width == 420 else ["none"] * 7)


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_index_fits_too(browser, page, width):
    browser.open(page.parent.parent / "index.html", width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []


def test_complaints_are_noticed(browser, tmp_path):
    """Without this an empty list would say nothing."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<script>console.error('one'); setTimeout(() => { throw new Error('two'); })</script><img src='http://127.0.0.1:9/three'>"
    )
    browser.open(bad, DESKTOP)
    browser.run("new Promise(done => setTimeout(done, 50))")
    said = " ".join(browser.complaints())
    assert all(word in said for word in ("one", "two", "three"))


def test_each_column_sorts_numbers_as_numbers_and_what_is_missing_comes_last(browser, page):
    browser.open(page, DESKTOP)
    before = column(browser, "ours")
    assert before.count("missing") == 2
    browser.run(f"{heading('ours')}.querySelector('button').click()")
    up = column(browser, "ours")
    found = [number(cell) for cell in up if cell != "missing"]
    assert found == sorted(found) and up[-2:] == ["missing", "missing"]
    assert found != sorted(found, key=str), "words would have been sorted otherwise"
    assert browser.run(f"{heading('ours')}.getAttribute('aria-sort')") == "ascending"
    browser.run(f"{heading('ours')}.querySelector('button').click()")
    down = column(browser, "ours")
    assert down == up[-3::-1] + up[-2:]
    assert browser.run(f"{heading('ours')}.getAttribute('aria-sort')") == "descending"
    browser.run(f"{heading('game')}.querySelector('button').click()")
    assert column(browser, "game") == sorted(column(browser, "game"))
    assert browser.run("document.querySelectorAll('#table-scores-rows [aria-sort]').length") == 1
    browser.run(f"{heading('deviations', ALL)}.querySelector('button').click()")
    counts = [int(cell) for cell in column(browser, "deviations", ALL)]
    assert counts == sorted(counts) and len(set(counts)) > 1
    assert browser.complaints() == []


def test_the_keyboard_alone_is_enough(browser, page):
    browser.open(page, DESKTOP)
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    browser.press("Enter")
    assert browser.run("document.activeElement.id") == "content"
    reached = []
    for _ in range(12):
        browser.press("Tab")
        reached.append(browser.run("document.activeElement.tagName + ' ' + document.activeElement.innerText.trim()"))
        if reached[-1].startswith("BUTTON ours"):
            break
    assert reached[-1].startswith("BUTTON ours"), reached
    assert [words.split()[0] for words in reached[:4]] == ["INPUT", "SELECT", "BUTTON", "DIV"]
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    before = column(browser, "ours")
    browser.press("Enter")
    assert column(browser, "ours") != before
    up = column(browser, "ours")
    browser.press(" ")
    assert column(browser, "ours") != up


def test_rows_are_filtered_by_game_and_by_verdict(browser, page):
    browser.open(page, DESKTOP)
    browser.run(CHANGE.format("PONG", "form.filters input"))
    assert column(browser, "game") == ["Pong", "Pong"]
    said = "document.querySelector('form.filters output').value"
    assert browser.run(said) == "2 of 8 rows shown"
    words = set(column(browser, "verdict"))
    assert len(words) == 2
    [chosen] = words - {"no reference"}
    browser.run(CHANGE.format(chosen, "form.filters select"))
    assert column(browser, "verdict") == column(browser, "verdict", ALL) == [chosen]
    browser.run("document.querySelector('form.filters button').click()")
    browser.run("new Promise(done => setTimeout(done, 20))")
    assert browser.run(said) == "8 of 8 rows shown" and len(column(browser, "game")) == 8
    browser.run(CHANGE.format("nothing is called so", "form.filters input"))
    assert browser.run(said) == "0 of 8 rows shown"


def test_without_scripts_everything_reads_and_nothing_dead_is_offered(browser, page):
    browser.open(page, PHONE, scripts=False)
    assert browser.run("document.querySelectorAll('#table-scores-rows tbody tr').length") == 8
    assert browser.run("getComputedStyle(document.querySelector('form.filters')).display") == "none"
    assert browser.run("document.querySelectorAll('thead button').length") == 0
    assert browser.run("document.documentElement.scrollWidth") <= PHONE


def test_text_stands_out_from_its_ground(browser, page):
    """WCAG 2.2, 1.4.3: at least 4.5 to 1 for text of this size."""
    browser.open(page, DESKTOP)
    contrasts = browser.run(CONTRASTS)
    assert len(contrasts) > 50 and min(contrasts) >= 4.5


CONTRASTS = """(() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (color) => color.slice(0, 3).map(v => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const color = parts(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()) || !node.offsetParent) continue;
    const pair = [light(parts(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => b - a);
    found.push((pair[0] + 0.05) / (pair[1] + 0.05));
  }
  return found;
})()"""


def test_on_paper_the_headings_of_a_table_are_text(browser, page):
    """Chromium repeats a table's head on each sheet, but leaves the buttons in it out from the second on."""
    browser.open(page, DESKTOP)
    button = f"getComputedStyle({heading('ours')}.querySelector('button')).display"
    assert browser.run(button) != "contents"
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.run(button) == "contents"
        assert browser.run(f"getComputedStyle({heading('ours')}).position") == "static"
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")
