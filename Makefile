# Every target makes its own virtual environment first. Nothing is assumed but Python, git and make.
BIN := .venv/bin
LOCK ?= requirements.lock
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check --compile
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: install repro ui

install: .venv/installed

.venv/installed: $(LOCK) pyproject.toml
	@# PYTHON, or the first of these that is there and suitable. An environment of another interpreter is made anew.
	@for python in $(if $(PYTHON),'$(PYTHON)',$(BIN)/python python3.11 python3.12 python3.13 python3); do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null || continue; \
	  version=$$("$$python" --version); clear=; \
	  test "$$($(BIN)/python --version 2> /dev/null)" = "$$version" || clear=--clear; \
	  echo "Making .venv with $$version ($$python)"; \
	  exec "$$python" -m venv $$clear .venv; \
	done; \
	echo "seqproof needs Python 3.11, 3.12 or 3.13$(if $(PYTHON),; $(PYTHON) is none of them): make PYTHON=/path/to/python3.11"; exit 1
	@echo "Installing the pinned packages, a minute or two ..."
	@# As constraints too, so that what builds a source package is pinned like all else; without their
	@# hashes, with which pip refuses what a source package asks for.
	@sed -n '/^[a-z0-9].*==/s/ \\$$//p' $(LOCK) > .venv/versions
	@PIP_CONSTRAINT=.venv/versions $(PIP) --require-hashes --no-deps --requirement $(LOCK)
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "Ready. To type seqproof and dvc yourself: source $(BIN)/activate"

repro: install
	dvc repro
	@seqproof seal; sealed=$$?; seqproof results && exit $$sealed

ui: install
	seqproof ui

# What only the developers of seqproof do; a project made by `seqproof new` is without it.
-include development.mk
