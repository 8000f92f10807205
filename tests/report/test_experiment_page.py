from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from replication.analysis.finished import load_runs
from replication.evidence.records import sealed_record
from replication.foundation.errors import ReplicationError
from replication.foundation.git import NOT_IN_A_COMMIT
from replication.report.figures import embedding, learning_curves
from replication.report.figures.figure import write_figure
from replication.report.pages import experiment as experiment_page
from replication.report.pages import runs
from replication.report.pages.experiment import write_page
from replication.report.pages.fidelity import shown_fidelity
from replication.report.pages.figures import read_figure
from replication.report.tables import scores
from replication.report.tables.table import write_table
from replication.specification.fidelity import deviations_in_force
from replication.specification.run import resolve_run
from tests.support.finished_runs import change_record, finish, made_up_experiment

VOID = {"meta", "link", "img", "br", "input"}


class Reader(HTMLParser):
    """Checks that elements are nested and collects what a page shows and asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.text, self.ids = [], [], []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def experiment():
    return made_up_experiment(
        [
            {"games": ["pong", "breakout"], "seeds": [1, 2]},
            {"variants": ["random_10hz"], "games": ["pong", "breakout"], "budget_frames": None},
        ],
        title="A <b>bold</b> title & more",
    )


@pytest.fixture
def plain(experiment):
    """The same without figures, which take most of the time."""
    return experiment.model_copy(update={"figures": ()})


def made(experiment, results, finished):
    for run in experiment.runs()[:finished]:
        finish(run, results, points=30 if run.family.trains else 0)
    return rendered(experiment, results)


def rendered(experiment, results):
    folder = results / experiment.experiment
    write_table(scores.build(experiment, load_runs(experiment, results)), folder / "tables")
    for module in (learning_curves, embedding):
        if module.__name__.rpartition(".")[2] in experiment.figures:
            write_figure(module.build(experiment, load_runs(experiment, results)), folder / "figures")
    return write_page(experiment, results)


def read(path):
    reader = Reader()
    reader.feed(path.read_text())
    assert not reader.open
    return reader


def test_the_page_is_well_formed_and_has_all_its_parts(experiment, tmp_path):
    path = made(experiment, tmp_path, 6)
    assert path == tmp_path / "made_up" / "index.html"
    reader = read(path)
    text = " ".join(" ".join(reader.text).split())
    for part in ("6 of 6 runs finished", "Verdicts", "What was run", "Departures from the paper", "Provenance"):
        assert part in text
    assert "How to check it and run it again" in text
    assert "python -m replication run made_up" in text
    assert "best network of the periodic evaluations, 30 episodes at epsilon 0.05" in text
    assert len(reader.ids) == len(set(reader.ids))


def test_what_was_written_by_others_is_escaped(experiment, tmp_path):
    html = made(experiment, tmp_path, 1).read_text()
    assert "A &lt;b&gt;bold&lt;/b&gt; title &amp; more" in html
    assert "<b>" not in html


@pytest.mark.slow
def test_nothing_is_asked_of_a_network(experiment, tmp_path):
    reader = read(made(experiment, tmp_path, 6))
    tags = {tag for tag, _ in reader.seen}
    assert not tags & {"iframe", "object", "embed"}
    assert [attributes for tag, attributes in reader.seen if tag == "script"] == [{}]  # no address
    for tag, attributes in reader.seen:
        for name in ("src", "href", "srcset", "poster", "data"):
            # Links lead to files beside the page alone, and only those of anchors are followed when somebody asks.
            beside = tag == "a" and not re.match(r"[a-z]+:|//", attributes.get(name) or "")
            assert beside or (attributes.get(name) or "data:").startswith("data:"), (tag, name)
    style = made_style(tmp_path)
    assert "url(" not in style and "@import" not in style


def made_style(results):
    return re.search(r"<style>(.*?)</style>", (results / "made_up" / "index.html").read_text(), re.S)[1]


@pytest.mark.slow
def test_tables_and_images_can_be_read_aloud(experiment, tmp_path):
    reader = read(made(experiment, tmp_path, 6))
    images = [attributes for tag, attributes in reader.seen if tag == "img"]
    assert len(images) == 2 and all(len(image["alt"]) > 40 for image in images)
    assert all(int(image["width"]) in range(400, 1000) for image in images)
    counts = {tag: sum(seen == tag for seen, _ in reader.seen) for tag in ("table", "caption", "h1")}
    assert counts["table"] == counts["caption"] == 5 + 2  # scores twice, a fidelity table for each agent
    assert counts["h1"] == 1
    assert all("scope" in attributes for tag, attributes in reader.seen if tag == "th")


@pytest.mark.slow
def test_a_part_says_what_is_missing(experiment, tmp_path):
    html = made(experiment, tmp_path, 3).read_text()
    assert "3 of 6 runs finished" in html
    assert "<li>dqn breakout seed 2</li>" in html
    assert "<li>dqn pong seed 1</li>" not in html


def test_with_no_run_finished_there_is_a_page(experiment, tmp_path):
    text = made(experiment, tmp_path, 0).read_text()
    assert "0 of 6 runs finished" in text
    assert "No run is finished yet." in text


@pytest.mark.slow
def test_every_departure_stands_once_with_its_variants(experiment, tmp_path):
    html = made(experiment, tmp_path, 6).read_text()
    rows = re.findall(r'<th scope="row">([a-z0-9-]+)</th><td>[A-Z]\d+b?(?:, [A-Z]\d+b?)*</td>', html)
    expected = {d.id for run in experiment.runs() for d in (*run.variant.deviations, *run.protocol.deviations)}
    expected |= {d.id for run in experiment.runs() for d in deviations_in_force(run)}  # the length, and Pong's emulator
    assert sorted(rows) == sorted(expected)
    assert "dqn, random_10hz" in html  # the protocol's concern both


def test_departures_of_one_name_have_one_place_to_go_to(tmp_path):
    """Two lengths of training are two departures, both named `budget`; ids of a page are unique."""
    asked = made_up_experiment([{"seeds": [1]}, {"seeds": [2], "budget_frames": 800_000}])
    for run in asked.runs():
        finish(run, tmp_path)
        path = run.results_folder(tmp_path) / "run.json"
        departures = [deviation.model_dump(mode="json") for deviation in deviations_in_force(run)]
        path.write_bytes(sealed_record(json.loads(path.read_text()) | {"deviations": departures}))
    html = rendered(asked, tmp_path).read_text()
    assert html.count('<th scope="row">budget</th>') == 2
    assert html.count('id="deviation-budget"') == 1


def test_the_length_of_iterations_is_a_departure_that_older_records_leave_out(tmp_path):
    """Once, whether the record names it or not."""
    results = tmp_path / "results"
    group = {"variants": ["dqn_dopamine"], "seeds": [1, 2], "budget_frames": None, "budget_iterations": 2}
    asked = made_up_experiment([group])
    for run in asked.runs():
        finish(run, results)
    departures = [deviation.model_dump(mode="json") for deviation in deviations_in_force(asked.runs()[0])]
    read = load_runs(asked, results)
    finished = [
        replace(each, record=each.record | {"deviations": named})
        for each, named in zip(read, ([], departures), strict=True)
    ]
    found = [deviation for deviation, _ in runs.shown_deviations(finished)]
    (length,) = [deviation for deviation in found if deviation.id == "budget"]
    assert length.what.startswith("training stops after 2 iterations, at least 2,000,000 frames;")
    assert {deviation.id for deviation in found} == {each["id"] for each in departures}  # of both, each once
    assert len(found) == len(departures)


def test_every_agent_has_its_fidelity_table(experiment, tmp_path):
    html = made(experiment, tmp_path, 1).read_text()
    section = html[
        html.index('<section aria-labelledby="fidelity">') : html.index('<section aria-labelledby="provenance">')
    ]
    summaries = re.findall(r"<summary>(.*?)</summary>", section)
    assert [summary.split(":")[0] for summary in summaries] == [
        "DQN (released program) (dqn)",
        "Random agent, 10 Hz (random_10hz)",
    ]
    for row in ("E1", "E9b", "V16", "R5"):
        assert section.count(f'<th scope="row">{row}</th>') == 2


@pytest.mark.slow
def test_groups_with_equal_fidelity_tables_share_one():
    dopamine = [resolve_run(variant="dqn_dopamine", task="pong", seed=1, budget_iterations=n) for n in (1, 2)]
    nature = [resolve_run(variant="dqn", task="pong", seed=1, budget_frames=n) for n in (400_000, 200_000_000)]
    rainbow = [resolve_run(variant="rainbow", task="pong", seed=1, budget_frames=n) for n in (400_000, 200_000_000)]
    agents = {runs[0].variant.variant: shown_fidelity([[run] for run in runs]) for runs in (dopamine, nature, rainbow)}
    assert [found.agent for found in agents["dqn_dopamine"]] == [
        "DQN (Dopamine), 1 iteration (dqn_dopamine)",
        "DQN (Dopamine), 2 iterations (dqn_dopamine)",
    ]
    assert len(agents["dqn"]) == len(agents["rainbow"]) == 2
    assert len(shown_fidelity([[nature[0]], [replace(nature[0], seed=2)]])) == 1


def test_clips_are_shown_where_there_are_some(experiment, tmp_path):
    assert "Clips" not in made(experiment, tmp_path, 6).read_text()
    (experiment.runs()[0].results_folder(tmp_path) / "clip.webp").write_bytes(b"RIFF")
    html = write_page(experiment, tmp_path).read_text()
    assert html.count("data:image/webp;base64,UklGRg==") == 1 and "Show 1 clip<" in html


def test_uncommitted_changes_are_told(experiment, tmp_path):
    made(experiment, tmp_path, 1)
    folder = experiment.runs()[0].results_folder(tmp_path)
    clean = write_page(experiment, tmp_path).read_text()
    assert "git checkout e867ffca26db942e735e7c6039141be83a45e58e" in clean
    change_record(folder, "c6039141be83a45e58e", "c6039141be83a45e58e-dirty")
    changed = write_page(experiment, tmp_path).read_text()
    assert "git checkout" not in changed
    assert "e867ffca26db with uncommitted changes" in changed


def test_runs_of_a_program_that_is_in_no_commit_name_the_digest_of_its_sources(experiment, tmp_path):
    made(experiment, tmp_path, 1)
    commit = "e867ffca26db942e735e7c6039141be83a45e58e"
    change_record(experiment.runs()[0].results_folder(tmp_path), commit, f"{NOT_IN_A_COMMIT}{'ab' * 32}")
    html = write_page(experiment, tmp_path).read_text()
    assert "not in a commit; sources abababababab<" in html and "git checkout" not in html


@pytest.mark.slow
def test_equal_files_give_equal_pages(experiment, tmp_path):
    first = made(experiment, tmp_path, 6).read_bytes()
    assert rendered(experiment, tmp_path).read_bytes() == first


@pytest.mark.slow
def test_a_missing_figure_is_one_line_with_the_command(experiment, tmp_path):
    made(experiment, tmp_path, 1)
    (tmp_path / "made_up" / "figures" / "embedding.svg").unlink()
    with pytest.raises(ReplicationError, match="render figure made_up embedding") as caught:
        write_page(experiment, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_drawing_too_large_is_shown_as_pixels(experiment, tmp_path):
    made(experiment, tmp_path, 1)
    drawing = tmp_path / "made_up" / "figures" / "embedding.svg"
    drawing.write_text(drawing.read_text().replace("</svg>", f"<!--{' ' * 2_000_000}--></svg>"))
    html = write_page(experiment, tmp_path).read_text()
    assert html.count("data:image/png;base64,") == 1 and html.count("data:image/svg+xml;base64,") == 1


def test_a_second_image_is_folded_below_the_first(experiment, tmp_path):
    made(experiment, tmp_path, 1)
    figures = tmp_path / "made_up" / "figures"
    for kind in ("svg", "png"):
        (figures / f"learning_curves_rest.{kind}").write_bytes((figures / f"embedding.{kind}").read_bytes())
    shown = read_figure(figures, "learning_curves", "make it")
    assert shown.rest is not None and shown.rest.source == read_figure(figures, "embedding", "make it").source
    text = write_page(experiment, tmp_path).read_text()
    folded = text[text.index('id="figure-learning_curves"') : text.index('id="figure-embedding"')]
    assert folded.index("<summary>The other panels</summary>") > folded.index("learning_curves.csv")
    assert folded.count("<img ") == 2


def test_only_the_script_of_the_page_may_run(plain, tmp_path):
    html = made(plain, tmp_path, 1).read_text()
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1])
    [script] = re.findall(r"<script>(.*?)</script>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy and policy.startswith("default-src 'none'")


def test_links_lead_somewhere_on_the_page(plain, tmp_path):
    reader = read(made(plain, tmp_path, 6))
    links = [attributes["href"] for tag, attributes in reader.seen if tag == "a"]
    targets = [link[1:] for link in links if link.startswith("#")]
    assert len(targets) > 10 and set(targets) <= set(reader.ids)
    files = {link.partition("#")[0] for link in links if not link.startswith("#")} - {"../index.html"}
    assert len(files) > 6 and all((tmp_path / "made_up" / unquote(file)).exists() for file in files)
    labels = [
        attributes[name] for _, attributes in reader.seen for name in attributes if name.startswith("aria-labeled")
    ]
    assert set(labels) <= set(reader.ids)


def test_a_page_too_large_is_one_line_with_its_largest_figure(experiment, tmp_path, monkeypatch):
    made(experiment, tmp_path, 1)
    before = (tmp_path / "made_up" / "index.html").read_bytes()
    assert len(before) < experiment_page.MOST_BYTES
    monkeypatch.setattr(experiment_page, "MOST_BYTES", 10_000)
    with pytest.raises(
        ReplicationError, match=r"index\.html: the page would have .*its largest figure is \w+"
    ) as caught:
        write_page(experiment, tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "made_up" / "index.html").read_bytes() == before


def test_clips_beyond_the_room_are_counted(plain, tmp_path, monkeypatch):
    made(plain, tmp_path, 6)
    for run in plain.runs():
        if run.family.trains:
            (run.results_folder(tmp_path) / "clip.webp").write_bytes(bytes(1000))
    assert "more lie beside their runs" not in write_page(plain, tmp_path).read_text()
    monkeypatch.setattr(runs, "_CLIPS_BYTES", 1_500)
    html = write_page(plain, tmp_path).read_text()
    assert "Show 1 clip<" in html and "1 more lie beside their runs" in html


def test_verdicts_of_each_table_stand_under_its_name(plain, tmp_path):
    made(plain, tmp_path, 1)
    path = tmp_path / "made_up" / "tables" / "scores.csv"
    path.with_name("others.csv").write_text("agent,low,high,verdict\nDQN,1,2,differs\n")
    path.with_name("others.md").write_text(
        "A caption.\n\n| agent | 95 % interval | verdict |\n| --- | --- | --- |\n| DQN | 1 to 2 | differs |\n"
    )
    assert "<h3>" not in (tmp_path / "made_up" / "index.html").read_text()
    both = plain.model_copy(update={"tables": ("scores", "others")})
    html = write_page(both, tmp_path).read_text()
    assert re.findall(r"<h3>(.*?)</h3>", html) == ["Table scores", "Table others"]
    assert re.findall(r"<dt><strong>(\d+)</strong> (.*?)</dt>", html)[-1] == ("1", "differs")
    headings = re.findall(r'<th scope="col">(.*?)</th>', html)
    assert headings[:5] == ["game", "agent", "ours", "published", "difference"]
    assert headings.count("95 % interval") == 2 and "agent 95 % interval verdict" in " ".join(headings)
