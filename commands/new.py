"""`seqproof new`: a project of its own from a template, ready for `dvc repro`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from commands import templates
from pipelines import console
from pipelines.errors import Refusal
from pipelines.reporting import results_page
from pipelines.tracking import graph, provenance

# What `make repro` and `dvc repro` need beside params.yaml.
FOLDERS = ("pipelines", "stages", "commands")
FILES = (
    *("dvc.yaml", ".dvcignore", ".gitignore", "pyproject.toml", "LICENSE", "Makefile"),
    *("requirements.lock", "requirements-gpu.lock", "texts/README.md", "verified/README.md"),
    "laboratory/README.md",
)
TEMPORARY = ".seqproof-new-"
README = """\
# {name}

{title}

{goals}
## Run it

    dvc repro          # in an environment that has seqproof; runs what has changed and nothing else
    seqproof results

or `make repro`, which makes `.venv` with the pinned packages first. `SEQPROOF_MIRROR=FOLDER` takes
files that were downloaded before from FOLDER, if their sha256 is right, instead of the network.
"""


def new(folder: Path, template: str) -> None:
    """Make a project in a folder, which must be empty or not there yet.

    Raises:
        Refusal: no such template, a folder in use, or Git will not have it; nothing is left then.
    """
    params = templates.find(template)
    try:
        target = folder.resolve()
    except RuntimeError:
        raise Refusal(f"{folder} is a link that leads to itself: name another folder.") from None
    _require_empty(folder, target)
    # Beside its place on the same disk, so that the last step only renames.
    near = next(place for place in (target, *target.parents) if place.is_dir())
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=near) as temporary:
        project = Path(temporary) / "project"
        _copy(params, project)
        _describe(template, project)
        _initialise(template, project)
        target.mkdir(parents=True, exist_ok=True)
        _require_empty(folder, target)  # still, after the second that all this took
        for part in project.iterdir():
            part.replace(target / part.name)
    console.note(f"{folder} holds {template}; its README.md says what that is. Now type:")
    console.note(f"  cd {shlex.quote(str(folder))}")
    console.note("  dvc repro" if shutil.which("dvc") else "  make repro")


def _require_empty(folder: Path, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(_others(target))):
        raise Refusal(f"{folder} is there and not empty: name a folder that is not there yet.")


def _others(target: Path) -> Iterator[Path]:
    """What stands in a folder, beside what `new` puts there while it works."""
    return (part for part in target.iterdir() if not part.name.startswith(TEMPORARY))


def _copy(params: Path, project: Path) -> None:
    compiled = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in FOLDERS:
        try:
            shutil.copytree(templates.SOURCE / name, project / name, ignore=compiled)
        except shutil.Error as error:
            _, _, why = error.args[0][0]  # of each file that failed
            raise Refusal(f"The project cannot be written: {why}.") from None
    for name in FILES:
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(templates.SOURCE / name, project / name)
    shutil.copyfile(params, project / "params.yaml")


def _describe(template: str, project: Path) -> None:
    """README.md, and where the project is from, which stays out of Git as all of this machine."""
    lines = [f"- {line}" for line in results_page.wanted(templates.goals(template))]
    goals = "\n".join(["## What it should reach", "", *lines, ""]) if lines else ""
    text = README.format(name=template, title=templates.title(template), goals=goals)
    _write(project / "README.md", text)
    origin = {"template": template, **provenance.git_state(templates.SOURCE)}
    (project / ".seqproof").mkdir()
    _write(project / ".seqproof" / "origin.json", console.as_json(origin))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _initialise(template: str, project: Path) -> None:
    """Git, then DVC in it, and one commit of all."""
    _git(project, ["init", "--quiet"])
    graph.initialise(project)
    # All of it, whatever a person's own list of ignored files says.
    _git(project, ["add", "--all"], settings=("-c", f"core.excludesFile={os.devnull}"))
    message = f"A project from the template {template}"
    _git(project, ["commit", "--quiet", "--message", message], settings=_identity(project))


def _identity(project: Path) -> Iterable[str]:
    """Who commits, where Git has not been told."""
    for key, fallback in (("user.name", "seqproof"), ("user.email", "seqproof@localhost")):
        if not _git(project, ["config", "--default", "", "--get", key]).strip():
            yield from ("-c", f"{key}={fallback}")


def _git(project: Path, words: list[str], settings: Iterable[str] = ()) -> str:
    # A hook that calls this has its own repository in the environment.
    others = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    kept = {key: value for key, value in os.environ.items() if key not in others}
    try:
        done = subprocess.run(
            ["git", "-C", str(project), *settings, *words],
            env=kept,
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        raise Refusal("Git is not installed, and a project needs it: install it first.") from None
    except subprocess.CalledProcessError as error:
        said = " ".join((error.stderr or error.stdout).split())
        raise Refusal(
            f"Git refuses to {words[0]} the project: {said or 'it does not say why'}."
        ) from None
    return done.stdout
