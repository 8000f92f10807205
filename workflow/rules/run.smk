# Training, final evaluation and activations of a run are one job. It has no input files, so no file time can make it
# stale. Snakemake deletes the outputs of a job before it starts, and after it fails, is stopped or was killed: so the
# record is none of them, nor are checkpoints. The job declares a marker that is written after the record, and no rule
# has the record of a finished run as an output. A job that is started again continues from its checkpoint.


rule run:
    output:
        touch(f"{LOGS}/runs/{{variant}}/{{task}}/{{seeds}}/{{digest}}.finished"),
    log:
        f"{LOGS}/runs/{{variant}}/{{task}}/{{seeds}}/{{digest}}.log",
    wildcard_constraints:
        variant=JOBS.pattern("variant", JOBS.alone),
        task=JOBS.pattern("task", JOBS.alone),
        seeds=JOBS.pattern("seeds", JOBS.alone),
        digest=JOBS.pattern("digest", JOBS.alone),
    conda:
        "../envs/replication.yaml"
    threads: lambda wildcards: JOBS.threads(JOBS.run_of(wildcards), workflow.cores)
    resources:
        gpu=lambda wildcards: JOBS.gpus(JOBS.run_of(wildcards)),
    params:
        command=lambda wildcards: JOBS.command([JOBS.run_of(wildcards)]),
    message:
        "{wildcards.variant} {wildcards.task} {wildcards.seeds}"
    # tee shows progress and keeps it; -i lets it outlive a Ctrl-C, at which the run writes a checkpoint and says so.
    shell:
        "({params.command}) 2>&1 | tee -i {log:q}"


# Only where the configuration has lanes > 1: runs that advance in lockstep in one process, one rule a cohort. A lane
# that fails makes the job fail; the records of the other lanes are there all the same.
for cohort in JOBS.cohorts:

    rule:
        name:
            jobs.cohort_name(cohort)
        output:
            touch(JOBS.cohort_marker(cohort)),
        log:
            f"{LOGS}/cohorts/{jobs.cohort_name(cohort)}.log",
        conda:
            "../envs/replication.yaml"
        threads: JOBS.threads(cohort[0], workflow.cores)
        resources:
            gpu=JOBS.gpus(cohort[0]),
        params:
            command=JOBS.command(cohort),
        message:
            f"{len(cohort)} runs of {cohort[0].variant.variant} in one process"
        shell:
            "({params.command}) 2>&1 | tee -i {log:q}"


# What is made of a finished run: t-SNE, screens, values along a stretch, a clip. If it fails, the run stays finished.
rule views:
    input:
        lambda wildcards: JOBS.made_by(JOBS.run_of(wildcards)),
    output:
        touch(f"{LOGS}/views/{{variant}}/{{task}}/{{seeds}}/{{digest}}.finished"),
    log:
        f"{LOGS}/views/{{variant}}/{{task}}/{{seeds}}/{{digest}}.log",
    wildcard_constraints:
        variant=JOBS.pattern("variant", JOBS.viewed),
        task=JOBS.pattern("task", JOBS.viewed),
        seeds=JOBS.pattern("seeds", JOBS.viewed),
        digest=JOBS.pattern("digest", JOBS.viewed),
    conda:
        "../envs/replication.yaml"
    params:
        command=lambda wildcards: JOBS.views_command(JOBS.run_of(wildcards)),
    message:
        "views of {wildcards.variant} {wildcards.task} {wildcards.seeds}"
    shell:
        "({params.command}) > {log:q} 2>&1"
