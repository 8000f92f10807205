# Training, final evaluation and activations of a run are one job. It has no input files, so no file time can make it
# stale; it declares the record alone, which is written last. Checkpoints lie in undeclared state: Snakemake deletes the
# outputs of a job before it starts and after it fails, and a job that is started again continues from its checkpoint.


rule run:
    output:
        record=f"{JOBS.results}/runs/{{variant}}/{{game}}/seed{{seed}}/{{digest}}/run.json",
    log:
        f"{LOGS}/runs/{{variant}}/{{game}}/seed{{seed}}/{{digest}}.log",
    wildcard_constraints:
        variant=JOBS.pattern("variant"),
        game=JOBS.pattern("game"),
        seed=JOBS.pattern("seed"),
        digest=JOBS.pattern("digest"),
    conda:
        "../envs/replication.yaml"
    threads: lambda wildcards: JOBS.threads(JOBS.run_of(wildcards), workflow.cores)
    resources:
        gpu=lambda wildcards: JOBS.gpus(JOBS.run_of(wildcards)),
    params:
        command=lambda wildcards: JOBS.command([JOBS.run_of(wildcards)]),
    message:
        "{wildcards.variant} {wildcards.game} seed {wildcards.seed}"
    # tee shows progress and keeps it; -i lets it outlive a Ctrl-C, at which the run writes a checkpoint and says so.
    shell:
        "({params.command}) 2>&1 | tee -i {log}"


# Only where the configuration has lanes > 1: runs that advance in lockstep in one process, one rule a cohort.
for cohort in JOBS.cohorts:

    rule:
        name:
            jobs.cohort_name(cohort)
        output:
            records=[JOBS.file(run) for run in cohort],
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
            "({params.command}) 2>&1 | tee -i {log}"
