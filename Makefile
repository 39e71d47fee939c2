# Two commands matter: `make demo` and `make test`. Both set up everything they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= configs/demo.yml
STAMP := $(VENV)/.installed

.PHONY: demo test test-long lint docs format system-tools clean help

help:
	@echo "make demo    set-up and the main job: data -> training -> design -> verification -> report"
	@echo "make test    set-up and the tests; make test-long the ones that take minutes each"
	@echo "make lint    ruff and mypy --strict"
	@echo "make docs    the documents as a web page in site/"

demo: $(STAMP)
	$(BIN)/asic_flow run $(CONFIG)

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=25 -m "not long" tests
	@echo "not run here: tests marked long, by make test-long"

test-long: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=25 -m long tests

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Re-made whenever pyproject.toml changes, so the environment stays current.
$(STAMP): pyproject.toml .ci/system-tools
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else "Python 3.11 to 3.13 is needed, found " + sys.version.split()[0] + ": run make PYTHON=python3.11 ...")'
	bash .ci/system-tools
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[sim,hls,root,exchange,scan,docs,dev]"
	touch $@

docs: $(STAMP)
	$(BIN)/mkdocs build --strict

clean:
	rm -rf runs build dist site
