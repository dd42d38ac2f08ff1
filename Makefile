# make run    set everything up, make the demo set, and start the server (PORT=8000, HOST=127.0.0.1)
# make test   set everything up, and pass linters, types, the map and the tests
# make bench  the figures of docs/performance.md
# make docs   write docs/settings.md and docs/commands.md anew, from the code
# make simulate  90 days of a fleet in trouble, and every alert held against it

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
FLASK  := $(BIN)/flask
TESTS  ?= tests
HOST   ?= 127.0.0.1
PORT   ?= 8000

.PHONY: run test lint docs bench simulate requirements clean

run: $(VENV)/.run
	$(FLASK) init
	$(FLASK) demo --if-empty
	exec $(FLASK) up --host $(HOST) --port $(PORT)

test: lint
	$(BIN)/pytest -n auto --dist worksteal $(TESTS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.dev
	$(BIN)/python -m docs.generate

bench: $(VENV)/.dev
	$(BIN)/python -m bench

simulate: $(VENV)/.dev
	$(BIN)/python -m bench.simulate

requirements: $(VENV)/.dev
	$(BIN)/pip-compile -q --upgrade --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --strip-extras --allow-unsafe --no-annotate --no-header -o requirements.txt requirements.in
	$(BIN)/pip-compile -q --upgrade --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --strip-extras --allow-unsafe --no-annotate --no-header -o requirements-apprise.txt requirements-apprise.in
	$(BIN)/pip-compile -q --upgrade --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --strip-extras --allow-unsafe --no-annotate --no-header -o requirements-dev.txt requirements-dev.in

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "backupmon needs Python 3.11 or later; set PYTHON=/path/to/it"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt $(VENV)/bin/python
	$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt $(VENV)/bin/python
	$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
