"""The files of every project, and of the wheel, which has them as data.

The build of the wheel runs this file by itself: it imports the standard library only.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

FOLDERS = ("pipelines", "stages", "commands")
# What `make repro` and `dvc repro` need besides params.yaml, and what belongs to a project.
FILES = (
    *("dvc.yaml", ".dvcignore", ".gitignore", ".gitattributes", "pyproject.toml", "LICENSE"),
    *("Makefile", "requirements.lock", "requirements-gpu.lock", "texts/README.md"),
    *("verified/README.md", "sweeps/README.md", "texts/minimal_pairs.tsv"),
    *("experiments/README.md", "Dockerfile"),
    *(".dockerignore", ".devcontainer/devcontainer.json", ".github/workflows/compare.yml"),
)
# Of the source only: a project has no templates, and no change log of its own at the top.
TEMPLATES = "templates"
PARAMS = "params.yaml"  # its models are the pattern of those for own text
CHANGELOG = "CHANGELOG.md"
PACKAGE = "seqproof"
CHANGELOG_OF_A_PROJECT = f"{PACKAGE}/{CHANGELOG}"


def version(root: Path) -> str:
    """Return the version of a project or a source, which need not be the installed one."""
    try:
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        return str(settings["project"]["version"])
    except (OSError, ValueError, KeyError, TypeError):  # a project may have a file of its own
        return "unknown"


def files(source: Path) -> dict[str, Path]:
    """Return the files of a new project except params.yaml and README.md.

    Args:
        source: a clone of seqproof, or the folder `seqproof/project` of the wheel.

    Returns:
        The file of the source by its path in the project.
    """
    paths = {name: source / name for name in FILES}
    for folder in FOLDERS:
        paths |= _folder(source, folder)
    package = source / PACKAGE
    if not package.is_dir():  # in the wheel the package is there already, around its data
        package = source.parent
    paths |= {f"{PACKAGE}/{file.name}": file for file in sorted(package.glob("*.py"))}
    return paths | {CHANGELOG_OF_A_PROJECT: source / CHANGELOG}


def wheel_files(source: Path) -> dict[str, Path]:
    """Return the files of the wheel's folder `seqproof/project`, by their paths in it."""
    paths = {name: source / name for name in (*FILES, PARAMS, CHANGELOG)}
    for folder in (*FOLDERS, TEMPLATES):
        paths |= _folder(source, folder)
    return paths


def _folder(source: Path, name: str) -> dict[str, Path]:
    """Return the files of a folder of the source, without compiled ones.

    Python writes a compiled file under another name first, which is gone a moment later.
    """
    return {
        str(path.relative_to(source)): path
        for path in sorted((source / name).rglob("*"))
        if path.is_file() and path.parent.name != "__pycache__"
    }
