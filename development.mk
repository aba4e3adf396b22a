.PHONY: test check lock

test: install
	python -m pytest

check: install
	ruff format --check .
	ruff check .
	mypy
	python -m pytest tests/contract

# Pins every package with the hashes of all its files, for every platform. Run it after a change of pyproject.toml.
lock: install
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --quiet --custom-compile-command "make lock" --output-file requirements.lock
	uv pip compile pyproject.toml --extra dev --extra gpu --universal --generate-hashes --quiet --custom-compile-command "make lock" --output-file requirements-gpu.lock
