"""Program `seqproof`: runs the commands of the project around the current folder.

A project has its own `commands`, `pipelines` and `stages`, so that its results depend on nothing
else; they are never installed. Outside of a project, and for `new` and `upgrade`, the commands of
the installed version run: those of the folder `project` beside this file, a copy of the project as
it was when the package was built, or those of the clone that this file lies in.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "project" if (PACKAGE / "project").is_dir() else PACKAGE.parent
OF_THE_INSTALLED_VERSION = ("new", "upgrade")
COMMANDS = Path("commands", "app.py")
SCRIPT = Path(".venv", "bin", "seqproof")


def main() -> None:
    """Run the command line; with the interpreter of the project's `.venv` if there is one."""
    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    root = INSTALLED
    if verb not in OF_THE_INSTALLED_VERSION:
        root = _find_project(Path.cwd()) or INSTALLED
        if root != INSTALLED:
            _run_in_environment(root)
        _add_programs()
    sys.path.insert(0, str(root))
    _import_commands(root).main()


def _import_commands(root: Path) -> ModuleType:
    """Return the module of the commands; exit with a sentence if its code cannot be loaded."""
    try:
        return importlib.import_module("commands.app")
    except (ImportError, SyntaxError) as error:
        sys.exit(
            f"seqproof: The code in {root} cannot be loaded ({error}). Take its files back with "
            "`git checkout`, or run `make install` if a package is missing."
        )


def _find_project(folder: Path) -> Path | None:
    """Return the project that a folder belongs to; None outside of projects."""
    return next((path for path in (folder, *folder.parents) if _is_project(path)), None)


def _is_project(folder: Path) -> bool:
    return (folder / "dvc.yaml").is_file() and (folder / COMMANDS).is_file()


def _run_in_environment(root: Path) -> None:
    """Replace this process by the program of the project's `.venv`; return if there is none."""
    environment = root / ".venv"
    python, script = environment / "bin" / "python", root / SCRIPT
    is_complete = (environment / "pyvenv.cfg").is_file() and script.is_file()
    if is_complete and environment.resolve() != Path(sys.prefix).resolve():
        _require_own_place(environment)
        try:
            os.execv(python, [str(python), str(script), *sys.argv[1:]])
        except OSError as error:
            sys.exit(
                f"seqproof: {python} cannot be started ({error.strerror}). Run `make install` in "
                f"{root}."
            )


def _require_own_place(environment: Path) -> None:
    """Exit with a sentence if an environment was moved: its programs name the first folder."""
    record = environment / "installed"  # `make install` writes the folder's path into it
    place = record.read_text(encoding="utf-8").strip() if record.is_file() else ""
    if place and not Path(place).exists():
        sys.exit(
            f"seqproof: {environment} was made in {place}, which does not exist any more. Run "
            f"`make install` in {environment.parent}."
        )


def _add_programs() -> None:
    """Let stages run with `python` and `dvc` of this environment, though it is not activated."""
    programs = str(Path(sys.prefix) / "bin")
    path = os.environ.get("PATH", os.defpath)
    if programs not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join((programs, path))
