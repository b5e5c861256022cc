# `make local` and `make test` need only make and Python 3.11 to 3.14.
PYTHON ?= python3
ENV ?= dev
BIN := .venv/bin

.PHONY: local ui openapi test test-agent test-browser test-engine test-install screenshot lint lint-workflows bench lock \
	scaffold clean

local: .venv/installed  ## deploy an environment to the local AWS: make local ENV=prod
	@$(BIN)/model-config local deploy --environment $(ENV)

ui: .venv/installed  ## show the local AWS in a browser, after make local
	@$(BIN)/model-config ui --local

openapi: .venv/installed  ## write docs/agent.openapi.json anew
	PYTHONPATH=tests $(BIN)/python -m support.openapi >docs/agent.openapi.json

test: .venv/installed  ## all tests; they need neither network nor credentials
	$(BIN)/pytest

# In an environment of its own: what it installs is large.
SUITES := tests/agent/clients
$(SUITES)/.venv/installed: $(SUITES)/requirements.txt
	@($(PYTHON) -m venv --clear $(@D) && $(@D)/bin/pip install --quiet \
		--disable-pip-version-check -r $(SUITES)/requirements.txt && touch $@) || { rm -rf $(@D); \
	echo "$(@D) can't be created, so the suites are skipped"; }

test-agent: .venv/installed $(SUITES)/.venv/installed  ## the agent with clients in other languages; needs node, go or a JDK
	$(BIN)/pytest --numprocesses=0 tests/agent/clients

test-browser: .venv/installed  ## the pages in a real browser; needs chromium
	$(BIN)/pytest --numprocesses=0 tests/browser

screenshot: .venv/installed  ## take README's picture of the pages anew; needs chromium
	SCREENSHOT=yes $(BIN)/pytest --numprocesses=0 tests/browser/test_screenshot.py

test-engine: .venv/installed policy/.venv/installed  ## the program under Pulumi's engine; needs the pulumi CLI
	$(BIN)/pytest tests/e2e

test-install: .venv/installed  ## the wheel, and a project made with it; needs the package index
	$(BIN)/pytest --numprocesses=0 tests/install

lint: .venv/installed  ## the checks of CI other than the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --no-progress .
	@if command -v go >/dev/null; then $(MAKE) --no-print-directory lint-workflows; \
	else echo "actionlint is skipped: building it needs Go, which is not installed"; fi

# actionlint's package on PyPI downloads a binary from elsewhere, so Go builds it from source.
lint-workflows: $(BIN)/actionlint
	$(BIN)/actionlint -shellcheck $(BIN)/shellcheck

$(BIN)/actionlint: | .venv/installed
	GOBIN=$(CURDIR)/$(BIN) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

bench: .venv/installed  ## measure the speed, compared with the obvious alternatives
	$(BIN)/python tests/bench/program.py
	$(BIN)/python tests/bench/reader.py
	$(BIN)/python tests/bench/cold_start.py
	$(BIN)/python tests/bench/outage.py
	$(BIN)/python tests/bench/rollout.py
	$(BIN)/python tests/bench/fleet.py
	$(BIN)/python tests/bench/web.py
	$(BIN)/python tests/bench/agent.py

LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --python-version 3.11 --python-platform linux

TEMPLATE := model_config/scaffold/template
PINS := $(TEMPLATE)/constraints.txt
LOCKED := $(TEMPLATE)/.github/requirements/deploy.txt
lock: .venv/installed  ## pin the packages of jobs with credentials by hash, for Linux
	$(LOCK) pyproject.toml --extra cli --extra deploy --extra ui --constraint $(PINS) \
		--output-file $(LOCKED) .github/requirements/setuptools.in
	$(LOCK) policy/requirements.txt --output-file .github/requirements/policy.txt

scaffold:  ## copy the files that new projects share with this repository to the template of `init`
	cp __main__.py $(TEMPLATE)/
	cp tests/test_models.py $(TEMPLATE)/tests/
	cp -r .github/actions $(TEMPLATE)/.github/
	cp $(filter-out %/package.yml,$(wildcard .github/workflows/*.yml)) $(TEMPLATE)/.github/workflows/

IS_NEW_ENOUGH = $(PYTHON) -c 'import sys; print("yes" * (sys.version_info >= (3, 11)))' 2>/dev/null
NEEDS_PYTHON = This needs Python 3.11 or newer, but $(PYTHON) is $(or $(shell $(PYTHON) --version \
	2>/dev/null),not installed). Name another: make $(or $(MAKECMDGOALS),local) PYTHON=python3.12

# The environment is created once, and again when its requirements change. Pulumi uses its pip to list
# the packages.
.venv/installed: requirements.txt tests/requirements.txt $(PINS) pyproject.toml
	$(if $(shell $(IS_NEW_ENOUGH)),,$(error $(NEEDS_PYTHON)))
	@echo "Installing Pulumi, its AWS provider, moto and the tools of the tests into .venv:" \
		"about 1 GB, in one to three minutes."
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# The policy pack's own environment: it needs an older protobuf than ours.
PACK := policy/.venv
$(PACK)/installed: policy/requirements.txt
	@($(PYTHON) -m venv --clear $(PACK) && $(PACK)/bin/pip install --quiet \
		--disable-pip-version-check -r policy/requirements.txt && touch $@) || { rm -rf $(PACK); \
	echo "$(PACK) can't be created, so the policy pack's test is skipped"; }

clean:  ## delete what these commands created
	rm -rf .venv .local .bench $(PACK) $(SUITES)/.venv
