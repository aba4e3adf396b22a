# Every target first creates the virtual environment. Only Python, Git and Make are needed.
BIN := .venv/bin
LOCK ?= requirements.lock
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check --compile
UV := uv pip --quiet
UV_OPTIONS := --python .venv/bin/python --compile-bytecode
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: install repro ui

install: .venv/installed

# A moved or copied environment holds the paths of its first place: it is made again.
PLACE := $(shell cd .venv 2> /dev/null && pwd -P)
INSTALLED := $(shell cd .venv 2> /dev/null && test -f installed && read -r place < installed && echo "$$place")
ifneq "$(PLACE)" "$(INSTALLED)"
.PHONY: .venv/installed
endif

.venv/installed: $(LOCK) pyproject.toml
	@# Use PYTHON, or the first suitable interpreter of this list. Recreate an environment of another version.
	@for python in $(if $(PYTHON),'$(PYTHON)',$(BIN)/python python3.11 python3.12 python3.13 python3); do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null || continue; \
	  version=$$("$$python" --version); clear=; \
	  test "$$($(BIN)/python --version 2> /dev/null)" = "$$version" || clear=--clear; \
	  test -z "$(INSTALLED)" || test "$(INSTALLED)" = "$(PLACE)" || clear=--clear; \
	  echo "Making .venv with $$version ($$python)"; \
	  exec "$$python" -m venv $$clear .venv; \
	done; \
	echo "seqproof needs Python 3.11, 3.12 or 3.13$(if $(PYTHON),; $(PYTHON) is none of them). Run make PYTHON=/path/to/python3.11"; exit 1
	@echo "Installing the pinned packages, a minute or two ..."
	@# uv where it is, else pip, also where uv cannot reach an index: it does not read the settings of pip.
	@# The pins are constraints too, so that the build requirements of source packages are pinned. Hashes are
	@# removed there, since pip refuses build requirements with hashes.
	@sed -n '/^[a-z0-9].*==/s/ \\$$//p' $(LOCK) > .venv/versions
	@if command -v uv > /dev/null \
	  && $(UV) sync $(UV_OPTIONS) --require-hashes --build-constraints .venv/versions $(LOCK) \
	  && $(UV) install $(UV_OPTIONS) --no-deps --no-build-isolation --editable .; then :; else \
	  PIP_CONSTRAINT=.venv/versions $(PIP) --require-hashes --no-deps --requirement $(LOCK) \
	  && $(PIP) --no-deps --no-build-isolation --editable .; \
	fi
	@seqproof merge-lock --install
	@cd .venv && pwd -P > installed
	@echo "Ready. To type seqproof and dvc yourself: source $(BIN)/activate"

repro: install
	seqproof run
	@seqproof seal; sealed=$$?; seqproof results && exit $$sealed

ui: install
	seqproof ui

# What only the developers of seqproof do; a project made by `seqproof new` is without it.
-include development.mk
