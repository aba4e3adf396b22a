"""Copies of folders of this repository."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy(name: str, folder: Path) -> None:
    """Copy a folder of the repository into another one, without compiled modules.

    Another process may compile modules now, and its temporary files vanish.

    Args:
        name: of the folder.
        folder: gets a folder of the same name.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / name, folder / name, ignore=ignored)
