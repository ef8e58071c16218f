# stills: every task of a developer. `make demo` and `make test` set up all they need on a fresh machine.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stills-setup
DEMO   ?= demo
# Tests in parallel, a file's together; tests/conftest.py says by how many workers and in which order.
PYTEST := $(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint format bench services models docs clean distclean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## virtual environment in .venv with everything pinned

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"stills needs Python 3.11 or newer, {sys.executable} is {v.major}.{v.minor}: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "No virtual environment could be made: on Debian, apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

demo: $(STAMP) ## make a sample film, write its people, key frames and thumbnails, and a report
	$(BIN)/stills demo -o $(DEMO)

test: $(STAMP) models ## all tests
	$(PYTEST)

test-fast: $(STAMP) models ## the quick tests, for between edits
	$(PYTEST) -m "not slow"

lint: $(STAMP) ## style, format, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## put every file into the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) models ## speed, memory, accuracy: some two minutes; BENCH="--full --publish" rewrites docs/benchmarks.md
	$(BIN)/python -m benchmarks $(BENCH)

services: ## what tests need beside Python: a browser for the report, a PostgreSQL for the store
	bash scripts/services.sh

models: $(STAMP) ## fetch and verify the model weights
	$(BIN)/stills models pull --quiet

docs: $(STAMP) ## write docs/cli.md from the code
	$(BIN)/python scripts/cli_reference.py

clean: ## drop caches and demo output
	rm -rf $(DEMO) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## and the virtual environment
	rm -rf $(VENV)
