# Methods on simulated plants, `snakemake ... control`: a job a variant, which keeps each repetition that is finished, then
# one that makes tables, figure and page. They are the same whatever experiment the configuration names.
from pathlib import Path

from replication.evidence.control_files import control_jobs

CONTROL = control_jobs(Path(JOBS.results))


rule control:
    input:
        [jobs.rendered for jobs in CONTROL.values()],


rule control_variant:
    output:
        f"{JOBS.results}/control/{{experiment}}/{{variant}}/{{digest}}/run.json",
    log:
        f"{LOGS}/control/{{experiment}}/{{variant}}/{{digest}}.log",
    conda:
        "../envs/replication.yaml"
    params:
        results=JOBS.results,
    message:
        "{wildcards.experiment}: {wildcards.variant}"
    shell:
        "(python -m replication control {wildcards.experiment} --variant {wildcards.variant} --results {params.results})"
        " 2>&1 | tee -i {log}"


for name, found in CONTROL.items():

    rule:
        name:
            f"control_page_{name}"
        input:
            records=[file if file in found.missing else ancient(file) for file in found.records.values()],
            sources=found.sources,
        output:
            found.rendered,
        log:
            f"{LOGS}/control/{name}/page.log",
        conda:
            "../envs/replication.yaml"
        params:
            experiment=name,
            results=JOBS.results,
        message:
            f"tables, figure and page of {name}"
        shell:
            "python -m replication control {params.experiment} --results {params.results} > {log} 2>&1"
