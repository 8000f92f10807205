"""One agent, one look: in every figure of an experiment, whatever is finished."""

from __future__ import annotations

from replication.analysis.learning_curves import agent_title
from replication.report.figures.agent_looks import agent_looks, experiment_looks
from replication.report.figures.figure import AGENT_COLORS
from replication.specification.experiments import load_experiment
from tests.support.finished_runs import made_up_experiment


def test_variants_differ_by_color_and_siblings_by_line_and_marker():
    runs = made_up_experiment([{}, {"budget_frames": 800_000}, {"variants": ["double_dqn"]}]).runs()
    short, long, double = agent_looks(runs, lambda run: agent_title(run, runs)).values()
    assert short.color == long.color == AGENT_COLORS[0] != double.color
    assert (short.line, short.marker) != (long.line, long.marker)
    assert (short.line, short.marker) == (double.line, double.marker)


def test_beyond_the_palette_lines_tell_agents_apart():
    runs = load_experiment("nature_table3").runs()
    looks = agent_looks(runs, lambda run: agent_title(run, runs))
    assert len(looks) == 12
    assert len(set(looks.values())) == 12


def test_judged_lengths_of_a_run_have_its_color():
    looks = experiment_looks(load_experiment("dopamine_rainbow"))
    assert len(looks) == 2
    assert {look.color for look in looks.values()} == {AGENT_COLORS[0]}
