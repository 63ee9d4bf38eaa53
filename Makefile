# The verbs of the project. Needs Python 3.11 or newer and make; everything else is installed into .venv and var/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes
SCRATCH = scratch=$$(mktemp -d "$${TMPDIR:-/tmp}/sokoni-XXXXXX") && trap 'rm -rf "$$scratch"' EXIT
ROUNDS ?= 20
# One more than there are cores, because tests also wait: for a browser, for a killed store to come back.
TEST_PROCESSES ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test lint check migrate seed shell simulators prove bench lighthouse requirements chromium

help: ## show these verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(VENV)/development ## install what developers need

run: $(VENV)/production ## the shop with stores of its own; PORT= and DATA_DIR= move it
	@exec $(BIN)/python -m app

# Each test process, and each of the dozens that tests start, would compile the shop and the tests for itself otherwise.
test prove: export PYTHONDONTWRITEBYTECODE =

test: $(VENV)/development chromium ## every test, browser journeys included
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal

lint: $(VENV)/development ## style, types, import contracts, templates, migrations against models
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates
	@$(SCRATCH) && DATA_DIR=$$scratch DATABASE_URL= REDIS_URL= LOG_LEVEL=WARNING \
		$(BIN)/python -m app do sh -c 'flask db upgrade && flask db check'

check: lint test ## lint and test: what CI runs

migrate: $(VENV)/production ## bring the schema of the shop in DATA_DIR to this release
	@$(BIN)/python -m app do flask db upgrade

seed: $(VENV)/production ## fill the shop in DATA_DIR with the demo catalogue
	@$(BIN)/python -m app do flask shop seed --demo

shell: $(VENV)/production ## a Python prompt inside the shop in DATA_DIR
	@$(BIN)/python -m app do flask shell

simulators: $(VENV)/production ## the other ends of the payment providers, on loopback
	@exec $(BIN)/python -m app.payments.simulators

prove: $(VENV)/development ## races, kills and 1,000 payments on a bad day; longer with ROUNDS=
	ROUNDS=$(ROUNDS) $(BIN)/python -m pytest tests/races tests/ops/test_kills.py tests/prove \
		tests/lib/test_planted_secrets.py tests/journeys/test_bad_input.py tests/browser/test_access.py

bench: $(VENV)/development ## how fast it is, beside a hello-world; PRODUCTS=1000,100000 for growth, KEEP= a folder
	@$(BIN)/python -m bench

lighthouse: $(VENV)/development ## what Lighthouse says of the main pages on a phone
	@$(BIN)/python -m bench.lighthouse

requirements: $(VENV)/development ## pin requirements again, after a change of a .in file
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host \
		--no-emit-find-links --allow-unsafe --output-file=requirements.txt requirements.in
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host \
		--no-emit-find-links --allow-unsafe --output-file=requirements-dev.txt requirements-dev.in

# Browser tests drive the Chromium on PATH; a machine without one gets the system's, or else Playwright's own.
BROWSERS := chromium-headless-shell chromium chromium-browser google-chrome
APT := apt-get install -qq -y --no-install-recommends
chromium: $(VENV)/development
	@for name in $(BROWSERS); do ! command -v $$name >/dev/null || exit 0; done; \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
		&& { $(APT) chromium-headless-shell || $(APT) chromium; } >/dev/null; } \
	|| $(BIN)/python -m playwright install chromium

# The developers' packages include production's, so either stamp will do to run the shop.
$(VENV)/production: requirements.txt | $(BIN)/python
	@if [ $(VENV)/development -nt requirements.txt ]; then :; else \
		echo "Installing what the shop needs into $(VENV) ..."; $(PIP) -r requirements.txt; fi
	@touch $@

$(VENV)/development: requirements-dev.txt requirements.txt | $(BIN)/python
	@echo "Installing what developers need into $(VENV) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: PYTHON=/path/to/it make run")'
	@$(PYTHON) -m venv $(VENV)
