# From the name of an experiment to its page: train and evaluate what is missing, then tables, figures, page.
#
#   python -m replication run EXPERIMENT         (names the profile; -n prints the plan and what it costs)
#   snakemake --workflow-profile workflow/profiles/default --config experiment=EXPERIMENT [TARGET]
#
# Snakemake decides what to run, the package decides how. A run's identity is a digest in its path: changing anything
# that can change a number asks for another file, and nothing else ever asks for training.
import sys

from snakemake.utils import min_version

min_version("9.18")

sys.path.insert(0, workflow.basedir)

from replication.commands import jobs
from replication.foundation.errors import ReplicationError
from replication.report.captions import rst_text

try:
    JOBS = jobs.build_jobs(jobs.workflow_config(config))
except ReplicationError as error:
    sys.exit(f"error: {error}")

NAME = JOBS.experiment.experiment
RESULTS = f"{JOBS.results}/{NAME}"
LOGS = f"{JOBS.results}/logs"
TABLES = collect(f"{RESULTS}/tables/{{name}}.{{kind}}", name=JOBS.experiment.tables, kind=["csv", "md", "tex"])
FIGURES = collect(
    f"{RESULTS}/figures/{{name}}.{{kind}}", name=JOBS.experiment.figures, kind=["svg", "png", "csv", "txt"]
)


report: "workflow/report/workflow.rst"


localrules:
    all,
    runs,
    tables,
    figures,


include: "workflow/rules/run.smk"
include: "workflow/rules/render.smk"


# Everything is named, not the page alone: Snakemake lets a missing file be as long as what is made from it is there.
rule all:
    default_target: True
    input:
        [ancient(file) for file in JOBS.finished_runs],
        JOBS.made_runs,
        JOBS.made_views,
        JOBS.inventory,
        TABLES,
        FIGURES,
        f"{RESULTS}/index.html",
        f"{JOBS.results}/index.html",


rule runs:
    input:
        [ancient(file) for file in JOBS.finished_runs],
        JOBS.made_runs,


rule tables:
    input:
        JOBS.inventory,
        TABLES,


rule figures:
    input:
        JOBS.inventory,
        FIGURES,
