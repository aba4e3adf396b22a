"""Run the labs, docs/labs/*.py, and write them with their outputs as notebooks beside them.

python docs/lab_notebooks.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

LABS = Path(__file__).with_name("labs")
SOURCES = sorted(LABS.glob("*.py"))


def read(source: Path) -> Any:
    """Return the notebook of a source, without outputs; its cells have the same ids each time."""
    notebook = jupytext.read(source)
    notebook.metadata.pop("jupytext", None)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem}-{number}"
    return notebook


def execute(notebook: Any, folder: Path) -> Any:
    """Run all cells of a notebook in a folder, and return it with their outputs.

    Progress is left out: messages on standard error, and displays without a picture.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    path = {"metadata": {"path": str(folder)}}
    with tempfile.TemporaryDirectory() as sockets:
        # Sockets that are files: another program may take a free port before the kernel does.
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}})
        client = NotebookClient(notebook, resources=path, coalesce_streams=True, config=config)
        client.timeout, client.startup_timeout = None, 3600  # slow machines finish, too
        client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
    notebook.metadata.get("language_info", {}).pop("version", None)
    return notebook


def _is_progress(output: Any) -> bool:
    if output.output_type == "display_data":
        return "image/png" not in output.data
    return bool(output.get("name") == "stderr")


def main() -> None:
    """Write the notebook of each lab."""
    for source in SOURCES:
        target = source.with_suffix(".ipynb")
        nbformat.write(execute(read(source), LABS), target)
        sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
