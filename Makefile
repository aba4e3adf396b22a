# Every target makes its own virtual environment first. Nothing is assumed but Python 3.11, git and make.
PYTHON ?= python3.11
BIN := .venv/bin
LOCK ?= requirements.lock
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check --compile
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: install repro test ui check lock

install: .venv/installed

.venv/installed: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "seqproof needs Python 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	@echo "Installing the pinned packages, a minute or two ..."
	@# As a constraint too, so that what builds a source package is pinned like all else.
	@PIP_CONSTRAINT=$(LOCK) $(PIP) --require-hashes --no-deps --requirement $(LOCK)
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

repro: install
	dvc repro
	@seqproof results

test: install
	python -m pytest

ui: install
	seqproof ui

check: install
	ruff format --check .
	ruff check .
	mypy
	python -m pytest tests/contract

# Pins every package with the hashes of all its files, for every platform. Run it after a change of pyproject.toml.
lock: install
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --quiet --custom-compile-command "make lock" --output-file requirements.lock
	uv pip compile pyproject.toml --extra dev --extra gpu --universal --generate-hashes --quiet --custom-compile-command "make lock" --output-file requirements-gpu.lock
