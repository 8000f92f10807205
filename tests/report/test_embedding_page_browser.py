"""The embedding on a page in a real browser: states are shown by pointing at them and by keys, without complaint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from replication.analysis.finished import load_runs
from replication.report.pages.embedding import embedding_views
from tests.support.finished_runs import finish, made_up_experiment
from tests.support.stored_views import add_views

pytestmark = pytest.mark.slow

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
WATCH = "const complaints = []; addEventListener('error', (event) => complaints.push(event.message));"
ACT = """
const svg = document.querySelector('svg'), screen = document.querySelector('.screen');
const words = () => document.querySelector('.words').textContent, said = {};
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
const stops = document.querySelectorAll("[role='option'][tabindex='0']");
said.stops = stops.length; said.begun = words(); said.begun_with = screen.style.backgroundImage.length;
stops[0].focus(); said.first = words();
press('End'); said.lowest = words(); said.selected = document.querySelectorAll("[aria-selected='true']").length;
press('Home'); said.highest = words();
const before = +document.activeElement.getAttribute('cx'); press('ArrowLeft');
said.left = before - document.activeElement.getAttribute('cx');
press('PageUp'); press('PageDown'); press('x'); said.focused = document.activeElement.getAttribute('aria-label');
said.same = words() === said.focused + '.';
const box = svg.getBoundingClientRect(), unit = box.width / 600;
const aimed = svg.querySelectorAll("[role='option']")[7], place = (name) => aimed.getAttribute(name) * unit;
const at = {clientX: box.left + place('cx') + 1, clientY: box.top + place('cy')};
svg.dispatchEvent(new PointerEvent('pointermove', at));
said.pointed = words() === aimed.getAttribute('aria-label') + '.';
said.place = screen.style.backgroundPosition;
const picture = new Image();
picture.onload = () => {
  said.sprite = [picture.width, picture.height]; said.complaints = complaints;
  const out = document.createElement('output'); out.textContent = JSON.stringify(said); document.body.append(out);
};
picture.src = screen.style.backgroundImage.slice(5, -2);
"""


def test_states_are_shown_by_pointer_and_by_keys(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser is installed")
    experiment = made_up_experiment([{}])
    add_views(finish(experiment.runs()[0], tmp_path, points=150))
    finished = load_runs(experiment, tmp_path)
    values = finished[0].embedding["value"]
    page = tmp_path / "page.html"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page.write_text(
        f"<!DOCTYPE html><html><head>{head}<script>{WATCH}</script></head><body>{embedding_views(finished)}"
        f"<script>{ACT}</script></body></html>"
    )
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--window-size=1200,900"]
    flags.append(f"--user-data-dir={tmp_path / 'profile'}")
    command = [browser, *flags, "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r"<output>(.*?)</output>", shown)
    assert found is not None, shown[-2_000:]
    said = json.loads(unescape(found[1]))
    assert said["complaints"] == [] and said["stops"] == said["selected"] == 1
    # Before anything is touched, the state of the highest value is shown.
    assert said["begun"] == f"{said['first']} Point at another, or move to one with Tab and the arrow keys."
    assert f"value {values.max():.3g}," in said["first"] and said["begun_with"] > 1_000
    assert f"value {values.min():.3g}," in said["lowest"] and f"value {values.max():.3g}," in said["highest"]
    assert said["left"] > 0 and said["same"] and said["pointed"]
    # State 8 is tile 7 of rows of 40 tiles, each shown 280 pixels wide.
    assert said["place"] == "-1960px 0px" and said["sprite"] == [40 * 80, 4 * 105]
