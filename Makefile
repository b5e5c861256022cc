# Two commands do it all on a machine that has make and Python 3.11 to 3.14: `make local`, `make test`.
PYTHON ?= python3
ENV ?= dev
BIN := .venv/bin

.PHONY: local ui test test-browser test-engine test-install screenshot lint lint-workflows bench lock \
	scaffold clean

local: .venv/installed  ## deploy an environment to the local AWS: make local ENV=prod
	@$(BIN)/model-config local deploy --environment $(ENV)

ui: .venv/installed  ## show what the local AWS holds as pages, after make local
	@$(BIN)/model-config ui --local

test: .venv/installed  ## all tests; they need neither network nor credentials
	$(BIN)/pytest

test-browser: .venv/installed  ## the pages in a real browser; needs chromium
	$(BIN)/pytest --numprocesses=0 tests/browser

screenshot: .venv/installed  ## take README's picture of the pages anew; needs chromium
	SCREENSHOT=yes $(BIN)/pytest --numprocesses=0 tests/browser/test_screenshot.py

test-engine: .venv/installed  ## the program under Pulumi's engine; needs the pulumi CLI
	$(BIN)/pytest tests/e2e

test-install: .venv/installed  ## the wheel, and a project made with it; needs the package index
	$(BIN)/pytest --numprocesses=0 tests/install

lint: .venv/installed  ## what CI checks beside the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --no-progress .
	@if command -v go >/dev/null; then $(MAKE) --no-print-directory lint-workflows; \
	else echo "actionlint is left out: it is built with Go, which isn't here"; fi

# actionlint's package on the Python index downloads a binary from elsewhere; Go builds it.
lint-workflows: $(BIN)/actionlint
	$(BIN)/actionlint -shellcheck $(BIN)/shellcheck

$(BIN)/actionlint: | .venv/installed
	GOBIN=$(CURDIR)/$(BIN) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

bench: .venv/installed  ## how fast it is, against the obvious alternatives
	$(BIN)/python tests/bench/program.py
	$(BIN)/python tests/bench/reader.py
	$(BIN)/python tests/bench/web.py

LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --python-version 3.11 --python-platform linux

TEMPLATE := model_config/scaffold/template
LOCKED := $(TEMPLATE)/.github/requirements/deploy.txt
lock: .venv/installed  ## what jobs with credentials install, by hash; for Linux, where they run
	$(LOCK) pyproject.toml --extra cli --extra deploy --extra ui --constraint constraints.txt \
		--output-file $(LOCKED) .github/requirements/setuptools.in
	$(LOCK) policy/requirements.txt --output-file .github/requirements/policy.txt

scaffold:  ## what a new project has in common with this repository, copied to where `init` has it
	cp __main__.py .pre-commit-config.yaml $(TEMPLATE)/
	cp tests/test_models.py $(TEMPLATE)/tests/
	cp .github/actions/prepare/action.yml $(TEMPLATE)/.github/actions/prepare/
	cp $(filter-out %/package.yml,$(wildcard .github/workflows/*.yml)) $(TEMPLATE)/.github/workflows/

IS_NEW_ENOUGH = $(PYTHON) -c 'import sys; print("yes" * (sys.version_info >= (3, 11)))' 2>/dev/null
NEEDS_PYTHON = Python 3.11 or newer is needed, and $(PYTHON) is $(or $(shell $(PYTHON) --version \
	2>/dev/null),not there). Name another: make $(or $(MAKECMDGOALS),local) PYTHON=python3.12

# The environment is made once, and again when what it holds has changed. pip stays in it, since
# Pulumi asks it which packages there are.
PINS := constraints.txt $(TEMPLATE)/constraints.txt
.venv/installed: requirements.txt requirements-dev.txt $(PINS) pyproject.toml
	$(if $(shell $(IS_NEW_ENOUGH)),,$(error $(NEEDS_PYTHON)))
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

clean:  ## take away what these commands made
	rm -rf .venv .local .bench
