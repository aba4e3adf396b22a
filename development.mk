.PHONY: test check lock

test: install
	python -m pytest

check: install
	ruff format --check .
	ruff check .
	mypy
	python -m pytest tests/contract

# Pins every package with the hashes of all its files, for every platform and interpreter, and keeps what is pinned. Run
# it after a change of pyproject.toml.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet --custom-compile-command "make lock"
lock: install
	$(COMPILE) --extra dev --output-file requirements.lock
	$(COMPILE) --extra dev --extra gpu --output-file requirements-gpu.lock
