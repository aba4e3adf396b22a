.PHONY: test check docs labs lock

test: install
	python -m pytest

check: install
	ruff format --check .
	ruff check .
	mypy
	python -m pytest tests/contract

# The documentation as a site, in site/; it needs no network and no server.
docs: install
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo "Open site/index.html in a browser."

# Runs the labs, and writes their notebooks with all outputs.
labs: install
	python docs/lab_notebooks.py

# Pins every package with the hashes of all its files, for every platform and interpreter, and keeps what is pinned. Run
# it after a change of pyproject.toml.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet --custom-compile-command "make lock"
lock: install
	$(COMPILE) --extra dev --output-file requirements.lock
	$(COMPILE) --extra dev --extra gpu --output-file requirements-gpu.lock
