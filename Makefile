# Everything a newcomer needs: `make demo` and `make test` install what they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.bench-installed
ARGS ?=
# Tests start hundreds of processes: each would compile every module anew where Python is told to keep no bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test test-fast lint types format lock bench simulation fleet explore mutants record payments screens clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: $(STAMP)  ## make the virtual environment and install the locked dependencies

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "visitflow needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: $(STAMP)  ## four visits through a real HTTP peer, one across a SIGKILL (ARGS=--once exits afterwards)
	@$(BIN)/visitflow demo $(ARGS)

test: $(STAMP) lint types  ## everything: style, types, import contracts, shipped flows, all tests on both stores
	$(BIN)/visitflow flows check --rules-only  # tests/flows explores them
	$(BIN)/python -m pytest -n 3 --durations=15 $(ARGS)

test-fast: $(STAMP)  ## only the fast tests
	$(BIN)/python -m pytest -m "not slow and not postgres" $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(STAMP)
	$(BIN)/mypy

format: $(STAMP)  ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

COMPILE := $(BIN)/pip-compile --quiet --upgrade --strip-extras --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host --no-header --annotation-style=line

lock: $(STAMP)  ## renew requirements.lock and requirements-bench.lock from pyproject.toml
	$(COMPILE) --extra dev --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra dev --extra bench --constraint requirements.lock --output-file requirements-bench.lock \
	    pyproject.toml

$(BENCH_STAMP): $(STAMP) requirements-bench.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.lock
	touch $@

bench: $(BENCH_STAMP)  ## measure and renew docs/performance.md (ARGS='--only restart,size', ARGS=--quick for a trial)
	$(BIN)/python -m benchmarks $(ARGS)

simulation: $(STAMP)  ## 100,000 schedules of the whole service from a seed (20 min), written to docs/reliability.md
	$(BIN)/python -m tests.simulation --seed 1000000 --schedules 100000 --write docs/reliability.md $(ARGS)

fleet: $(STAMP)  ## workers on one PostgreSQL in trouble for five minutes, by both dispatches, written to docs/reliability.md
	$(BIN)/python -m tests.crash.fleet --seed 20261121 --dispatch procrastinate,embedded --write docs/reliability.md $(ARGS)

explore: $(STAMP)  ## every situation of every shipped flow, written to docs/reliability.md
	$(BIN)/python -m tests.flows.explored --write docs/reliability.md $(ARGS)

mutants: $(STAMP)  ## break each guarantee on purpose, one change at a time; a test has to notice (8 min)
	$(BIN)/python -m tests.mutation --write docs/reliability.md $(ARGS)

payments: $(STAMP)  ## 10,000 payments through three processes that lose answers and are killed, to docs/reliability.md (15 min)
	$(BIN)/python -m tests.payments --write docs/reliability.md $(ARGS)

record: $(STAMP)  ## record journals of new flow versions (half a minute; ARGS='--accept "why"' for what would change)
	$(BIN)/python -m tests.replay --write docs/reliability.md $(ARGS)

screens: $(STAMP)  ## take the pictures of docs/screens (needs a Chromium, see tests/chromium.py)
	$(BIN)/python -m tests.console_screens $(ARGS)

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
