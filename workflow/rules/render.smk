# Tables, figures and the page: seconds, always from the small files of the runs.


# Run files are `ancient`: a clone or a copy has any file times. What tables and figures wait for is a list of the files
# they are made from, with their digests. It is made again when a run is; one that is out of date is removed before
# Snakemake looks for it.
rule inventory:
    input:
        [ancient(file) for file in JOBS.finished_runs],
        JOBS.made_runs,
    output:
        JOBS.inventory,
    log:
        f"{LOGS}/{NAME}/inventory.log",
    conda:
        "../envs/replication.yaml"
    params:
        command=JOBS.render_command("inventory"),
    message:
        "all runs are there"
    shell:
        "{params.command} > {log:q} 2>&1"


rule table:
    input:
        JOBS.inventory,
        JOBS.shared_sources,
        lambda wildcards: JOBS.source("tables", wildcards.table),
    output:
        report(
            f"{RESULTS}/tables/{{table}}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        multiext(f"{RESULTS}/tables/{{table}}", ".md", ".tex"),
    log:
        f"{LOGS}/{NAME}/table_{{table}}.log",
    wildcard_constraints:
        table="|".join(JOBS.experiment.tables) or "none",
    conda:
        "../envs/replication.yaml"
    params:
        command=lambda wildcards: JOBS.render_command("table", wildcards.table),
        caption=lambda wildcards: JOBS.caption("tables", wildcards.table),
    message:
        "table {wildcards.table}"
    shell:
        "{params.command} > {log:q} 2>&1"


rule figure:
    input:
        JOBS.inventory,
        JOBS.made_views,
        JOBS.shared_sources,
        lambda wildcards: JOBS.source("figures", wildcards.figure),
    output:
        report(
            f"{RESULTS}/figures/{{figure}}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        multiext(f"{RESULTS}/figures/{{figure}}", ".png", ".csv", ".txt"),
    log:
        f"{LOGS}/{NAME}/figure_{{figure}}.log",
    wildcard_constraints:
        figure="|".join(JOBS.experiment.figures) or "none",
    conda:
        "../envs/replication.yaml"
    params:
        command=lambda wildcards: JOBS.render_command("figure", wildcards.figure),
        caption=lambda wildcards: JOBS.caption("figures", wildcards.figure),
    message:
        "figure {wildcards.figure}"
    shell:
        "{params.command} > {log:q} 2>&1"


rule page:
    input:
        JOBS.inventory,
        JOBS.made_views,
        JOBS.page_sources,
        TABLES,
        FIGURES,
    output:
        report(
            f"{RESULTS}/index.html",
            caption="../report/page.rst",
            category="Page",
            labels={"experiment": NAME},
        ),
    log:
        f"{LOGS}/{NAME}/page.log",
    conda:
        "../envs/replication.yaml"
    params:
        command=JOBS.render_command("page"),
        title=rst_text(JOBS.experiment.title),
        question=rst_text(JOBS.experiment.question),
        paper=rst_text(JOBS.experiment.paper),
        runs=len(JOBS.runs),
    message:
        f"page of {NAME}"
    shell:
        "{params.command} > {log:q} 2>&1"


# The list of all experiments, made anew with each page; it reads the results of the others too, whatever there is.
rule index:
    input:
        f"{RESULTS}/index.html",
    output:
        f"{JOBS.results}/index.html",
    log:
        f"{LOGS}/{NAME}/index.log",
    conda:
        "../envs/replication.yaml"
    params:
        command=JOBS.index_command,
    message:
        "page of all experiments"
    shell:
        "{params.command} > {log:q} 2>&1"


# What there is so far, whatever is still missing; the inventory goes, so that the next full page is made anew.
rule partial:
    log:
        f"{LOGS}/{NAME}/partial.log",
    conda:
        "../envs/replication.yaml"
    params:
        command=JOBS.partial_command,
    message:
        f"tables, figures and page of {len(JOBS.runs) - len(JOBS.missing)} of {len(JOBS.runs)} runs"
    shell:
        "({params.command}) > {log:q} 2>&1"
