# AIFX: `make run` and `make test` need only Python 3.11 or 3.12 and make; `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := .venv-peers
FIX := .venv-fix
ARGS ?=
BARS ?= $(wildcard $(or $(AIFX_DATA),../shared/data)/bars/*_H1_*.parquet)
PYTEST_ARGS ?=

.PHONY: help setup fix test-fix test-slow run test check format mutation bench bench-peers evaluate lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14
	@echo
	@echo 'make run ARGS="--ticks FOLDER --speed max"   passes options on (aifx run --help)'

setup: $(READY) ## Make the environment: locked, hash-checked packages in .venv

$(READY): requirements/lock.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "aifx needs Python 3.11 or 3.12 on the PATH"; exit 2; }
	@echo "[1/3] environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "[2/3] packages from requirements/lock.txt (about 2.3 GB once installed, one to two minutes)"
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes \
		-r requirements/lock.txt 2>&1 | awk '/Downloading|Installing|ERROR|Error|error:/ {print "      " substr($$0, 1, 110); fflush()}'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo "[3/3] compiling kernels"
	@$(BIN)/python -m jobs.compile
	@touch $@

fix: $(READY) $(FIX)/.ready ## Add FIX 4.4 (QuickFIX): compiled from source, about five minutes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps $(FIX)/*.whl

$(FIX)/.ready: requirements/fix.txt | $(READY)
	@echo "[1/1] compiling QuickFIX (about five minutes)"
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --require-hashes --no-build-isolation --no-deps \
		-r requirements/fix.txt -w $(FIX)
	@touch $@

run: $(READY) ## Run the platform: a simulated trading day, or ARGS="--ticks FOLDER ..."
	@$(BIN)/aifx run $(ARGS)

test: $(READY) ## Run every test (real-data tests need ../shared/data or AIFX_DATA)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-fix: fix ## Run the tests of FIX, which need its engine
	@AIFX_REQUIRE_FIX=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/brokers/fix tests/contracts/venues -k "fix or Fix" $(PYTEST_ARGS)

test-slow: $(READY) ## Run the tests with their long counts: hours
	@AIFX_SLOW=1 $(BIN)/python -m pytest -n 2 --dist loadfile --timeout 7200 $(PYTEST_ARGS)

check: $(READY) ## Lint, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports

format: $(READY) ## Format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

mutation: $(READY) ## Seed faults into the order state machine; fails where tests notice less than 90 %
	@$(BIN)/python -m benchmarks.mutation

bench: $(READY) ## Run the benchmarks; ID=<id> for one
	@$(BIN)/python -m benchmarks $(ID)

bench-peers: $(READY) $(PEERS)/.ready ## Compare with other engines, in an environment of their own (2.1 GB)
	@$(BIN)/python -m benchmarks peer-bars
	@$(BIN)/python -m benchmarks peer-backtest

$(PEERS)/.ready: requirements/peers.txt
	@test -n "$(PYTHON)" || { echo "aifx needs Python 3.11 or 3.12 on the PATH"; exit 2; }
	@echo "[1/2] environment in $(PEERS) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(PEERS)
	@echo "[2/2] packages from requirements/peers.txt (about 2.1 GB once installed, one to two minutes)"
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --progress-bar off --require-hashes \
		--only-binary :all: -r requirements/peers.txt
	@touch $@

evaluate: $(READY) ## Evaluate the default ensemble on recorded hourly bars (BARS="FILE ..."), about half an hour
	@$(BIN)/aifx evaluate --bars $(BARS) --out evaluation --into docs/evaluation.md $(ARGS)
	@$(BIN)/aifx evaluate --ticks $(or $(AIFX_DATA),../shared/data)/ticks --out evaluation/minutes

lock: $(READY) ## Renew requirements/lock.txt for Python 3.11 and 3.12
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml requirements/build.in --extra train --extra s3 --extra dev --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/lock.txt
	@$(BIN)/uv pip compile requirements/fix.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -o requirements/fix.txt
	@$(BIN)/uv pip compile requirements/peers.in --universal --python-version 3.11 --only-binary :all: \
		--generate-hashes --no-emit-index-url --no-header -o requirements/peers.txt

clean: ## Remove the environment and all caches; data in .aifx stays
	@rm -rf $(VENV) $(PEERS) $(FIX) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build
