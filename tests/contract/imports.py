"""First-party imports as the source says them, functions' own imports too."""

import ast
from collections.abc import Collection
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from pipelines.config import corpora, experiments, models, params, sweeps
from pipelines.data.readers.lookup import find_readers

ROOT = Path(__file__).parents[2]
FIRST_PARTY = ("pipelines", "stages", "commands", "seqproof")
# Code that validates, tracks, draws, names or prints, and never changes what a stage writes.
OBSERVERS = frozenset(
    {
        "commands",
        "pipelines/api.py",
        "pipelines/cluster",
        "pipelines/config",
        "pipelines/console.py",
        "pipelines/demo",
        "pipelines/diagnostics",
        "pipelines/errors.py",
        "pipelines/export",
        "pipelines/fork_client.py",
        "pipelines/lineage",
        "pipelines/paths.py",
        "pipelines/reporting",
        "pipelines/scheduling",
        "pipelines/server",
        "pipelines/startup.py",
        "pipelines/tracking",
        "pipelines/tutorial",
        "pipelines/types.py",
        "pipelines/verification",
    }
)
# Modules that import the files of a folder by name.
LOOKUPS = {
    Path("pipelines/data/corpus.py"): Path(
        "pipelines/data/readers"
    ),  # calls the reader of params.yaml
    Path("pipelines/layers/cell.py"): Path("pipelines/layers/cells"),
    Path("pipelines/models/serialization.py"): Path("pipelines/models"),
    Path("pipelines/tasks/lookup.py"): Path("pipelines/tasks"),
}


def files() -> list[Path]:
    """Every first-party module, relative to the root."""
    found = [file for folder in FIRST_PARTY for file in (ROOT / folder).rglob("*.py")]
    return sorted(file.relative_to(ROOT) for file in found)


@cache
def modules(file: Path) -> frozenset[str]:
    """Everything that a file imports, as dotted names; `from a import b` gives `a.b` too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


@cache
def first_party(file: Path) -> frozenset[Path]:
    """The first-party files that a file imports; packages' own docstrings are left out."""
    names = (Path(*name.split(".")) for name in modules(file) if name.split(".")[0] in FIRST_PARTY)
    imported = {
        name.with_suffix(".py") for name in names if (ROOT / name.with_suffix(".py")).is_file()
    }
    if file in LOOKUPS:
        folder = LOOKUPS[file]
        imported |= {other for other in files() if other.parent == folder}
    return frozenset(imported - {file})


def closure(file: Path, skip: Collection[str] = ()) -> set[Path]:
    """A file and all first-party code that it can reach, without what lies in `skip`."""
    reached: set[Path] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += [
                other
                for other in first_party(current)
                if not any(other == Path(part) or other.is_relative_to(part) for part in skip)
            ]
    return reached


def sections() -> list[type[BaseModel]]:
    """Every section of params.yaml."""
    found = {
        one
        for module in (params, corpora, experiments, models, sweeps)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, BaseModel)
    }
    found |= set(find_readers().values())
    return sorted(found - {BaseModel}, key=lambda one: one.__name__)
