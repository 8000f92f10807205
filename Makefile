# Every target works in a fresh clone: the environment is built first where it is missing or older than the lock.
# VENV: folder of the environment. PYTHON: the interpreter it is built from, 3.11 or newer.
# BENCHMARK_VENV: folder of the environment in which Stable-Baselines3 is measured beside us.
VENV ?= .venv
BENCHMARK_VENV ?= .benchmark-venv
PYTHON ?= python3

BIN := $(VENV)/bin
# The lock an environment was built from lies in it, and dates it.
INSTALLED := $(VENV)/requirements.lock
BENCHMARK_INSTALLED := $(BENCHMARK_VENV)/sb3.lock

.DEFAULT_GOAL := help
.PHONY: help venv quickstart check docs verify soak benchmark test test-long

# Rules of the workflow call `python`, which must be the environment's.
check test test-long: export PATH := $(abspath $(BIN)):$(PATH)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(INSTALLED) ## Build the environment from requirements.lock

# Modules are compiled when they are first used, which halves the time this takes.
$(INSTALLED): requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make venv PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.lock
	cp requirements.lock $@

quickstart: $(INSTALLED) ## Train, judge and draw two small experiments: a pole in minutes, then two games of Atari
	$(BIN)/python -m replication run quickstart_pendulum
	$(BIN)/python -m replication run quickstart

check: docs $(INSTALLED) ## Check format, lint, types, documentation and workflow; changes nothing that is committed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict replication
	@if [ -f Snakefile ]; then set -x; $(BIN)/snakefmt --check Snakefile workflow && $(BIN)/snakemake --lint --config experiment=quickstart; fi

docs: $(INSTALLED) ## Build the documentation: docs/_build/index.html; a warning is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html docs docs/_build

verify: $(INSTALLED) ## Play every committed trace again and derive every committed number
	$(BIN)/python -m replication verify results

soak: $(INSTALLED) ## Strike runs a thousand times, in every phase; each must end with the bytes of one that was not
	$(BIN)/python -m tests.support.soak --kills 1000

benchmark: $(INSTALLED) $(BENCHMARK_INSTALLED) ## Measure what a step costs here, beside Stable-Baselines3: about 10 minutes
	$(BIN)/python -m replication benchmark --sb3 $(BENCHMARK_VENV)/bin/python

$(BENCHMARK_INSTALLED): replication/commands/benchmark/sb3.lock
	$(PYTHON) -m venv $(BENCHMARK_VENV)
	$(BENCHMARK_VENV)/bin/python -m pip install --quiet --requirement $<
	cp $< $@

test: $(INSTALLED) ## Run the tests, the slow ones too: about 27 minutes on two cores
	$(BIN)/pytest -m "not long and not gpu" --numprocesses auto --dist load

test-long: $(INSTALLED) ## Run what `make test` leaves out: more kills, games, variants and examples
	$(BIN)/pytest -m "(long or fuzz) and not gpu" --hypothesis-profile=long --numprocesses auto --dist load
