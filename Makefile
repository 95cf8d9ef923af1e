# Everything is one word: `make up` on a fresh machine sets up and starts the whole platform.
# Nothing below touches the network once it has been set up; stamps remember what is done.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

BIN := .venv/bin
VENDOR := millbrain/show/static/vendor
ASSETS := $(VENDOR)/echarts.esm.min.js
PYTHON_STAMP := .venv/.installed
WORKERS ?= 3  # of two processors a third waits for processes and browsers
# One file stays in one process: its tests share an engine, a resolver or a browser.
# Files come in the order of tests/conftest.py: the heavy ones first.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
FAST := not slow and not fault and not browser

.PHONY: help setup up check lint fast test bench faults docs demo lock system clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: $(PYTHON_STAMP) $(ASSETS) ## virtual environment, pinned packages, browser assets

$(PYTHON_STAMP): requirements.lock pyproject.toml tools/setup_python.sh
	@bash tools/setup_python.sh
	@touch $@

$(ASSETS): package-lock.json tools/setup_assets.sh | $(PYTHON_STAMP)
	@bash tools/setup_assets.sh
	@touch $@

up: setup ## start the platform with its demonstration city
	@exec $(BIN)/millbrain up

demo: setup ## the same on an empty throw-away data folder and free ports
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT INT TERM; \
	MILLBRAIN_GBT32960__PORT=0 MILLBRAIN_CLICKHOUSE__PORT=0 MILLBRAIN_HTTP__PORT=0 MILLBRAIN_WEB__PORT=0 \
	$(BIN)/millbrain up --data "$$folder"

check: setup ## format, lint, types, import contracts, tidy, docs and fast tests
	@$(MAKE) -j2 --output-sync=target lint fast

lint: setup
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

fast: setup
	@$(PYTEST) -m "$(FAST)"

system:
	@bash tools/setup_system.sh

test: setup system ## every test: fast, slow, faults in their usual form, browser
	@$(PYTEST) -rs

bench: setup ## figures of this machine, each beside its reference
	@for name in decode links ingest resolve register; do $(BIN)/millbrain bench $$name; done

faults: setup ## kill, fill and flood for longer than `make test` does
	@MILLBRAIN_FAULTS=long $(PYTEST) -m fault --timeout 3600 -rs

docs: setup ## write docs/reference anew from the code
	@$(BIN)/python tools/make_reference.py

lock: setup ## pin every dependency anew, with hashes; needs the network
	@python3 -m venv build/lock && build/lock/bin/pip install --quiet pip-tools
	@build/lock/bin/python tools/make_lock.py

clean: ## remove what was installed or made; data folders stay
	@rm -rf .venv node_modules build $(VENDOR) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find millbrain tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
