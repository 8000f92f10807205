"""The command `render`: tables, figures, pages and READMEs from the runs that are finished."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.commands.inventory import Inventory
from replication.foundation.errors import ReplicationError
from replication.report.figures.sheet import COLUMN_INCHES, FONTS
from replication.specification.experiments import known_experiments, load_experiment
from replication.specification.run import one_a_record

HELP = "make a table, a figure or the page of an experiment, the pages of all, or the READMEs"
DESCRIPTION = (
    "Make a table, a figure or the page of an experiment from the runs that are finished; or a page of all: the front "
    "page results/index.html, all agents side by side in results/agents.html, Sutton & Barto's figures in "
    "results/sutton.html; or bring these, README.md and results/README.md up to date. The inventory of an experiment "
    "lists the files that its tables and figures are made from."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `render`."""
    parser.add_argument("kind", choices=["table", "figure", "page", "inventory", "index", "agents", "book", "readme"])
    parser.add_argument(
        "experiment",
        nargs="?",
        help=f"one of: {', '.join(known_experiments())}; none for index, agents, book and readme",
    )
    parser.add_argument("name", nargs="?", help="which table or figure")
    parser.add_argument(
        "--pdf",
        choices=list(COLUMN_INCHES),
        help="of a figure: write NAME.pdf instead, laid out for a column of an article or across both, fonts embedded",
    )
    parser.add_argument("--font", choices=list(FONTS), help="of a PDF (default: sans)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the small files are")


def run(options: argparse.Namespace) -> int:
    """Make what is named.

    Returns: exit code 0.
    Raises:
        ReplicationError: a name that is missing or unknown; a damaged run file.
    """
    from replication.report.pages.agents import write_agents
    from replication.report.render import (
        render_book,
        render_figure,
        render_index,
        render_page,
        render_pdf,
        render_table,
    )

    if options.pdf and options.kind != "figure":
        raise ReplicationError(f"--pdf: found the kind {options.kind}, expected figure")
    if options.font and not options.pdf:
        raise ReplicationError("--font: expected beside --pdf; the pages have one font")
    if options.kind == "readme":
        from replication.report.pages.readmes import write_readmes

        print(*write_readmes(options.results), sep="\n")
        print(write_agents(options.results))
        render_book(options.results)
        render_index(options.results)
        print(options.results / "index.html")
    elif options.kind == "index":
        render_index(options.results)
    elif options.kind == "agents":
        print(write_agents(options.results))
    elif options.kind == "book":
        render_book(options.results)
    elif options.experiment is None:
        raise ReplicationError(f"which experiment? known: {', '.join(known_experiments())}")
    elif options.kind == "inventory":
        experiment = load_experiment(options.experiment)
        Inventory(experiment, tuple(one_a_record(experiment.runs())), options.results).write()
    elif options.kind == "page":
        render_page(options.experiment, options.results)
    elif options.name is None:
        raise ReplicationError(f"which {options.kind}? give its name after the experiment's")
    elif options.pdf:
        print(
            *render_pdf(options.experiment, options.name, options.results, options.pdf, options.font or "sans"),
            sep="\n",
        )
    else:
        render = render_table if options.kind == "table" else render_figure
        render(options.experiment, options.name, options.results)
    return 0
