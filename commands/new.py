"""`seqproof new`: create a project from a template or from own text, ready for `dvc repro`."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from commands import merge_lock, project_files, repository, skeleton, templates
from pipelines import console, files
from pipelines.errors import UserError
from pipelines.lineage import dvc_project, git
from pipelines.reporting import benchmark_page

NO_COMMIT = {"git_commit": "none", "git_dirty": "none"}
TEMPORARY = ".seqproof-new-"
README = """\
# {name}

{title}

{goals}## Run

    seqproof run       # in an environment with seqproof; runs only what has changed
    seqproof results

Or run `make repro`, which first installs the pinned packages into `.venv`. Set `SEQPROOF_MIRROR`
to a folder to use files that were downloaded before, if their sha256 matches, instead of the
network.

`seqproof --help` lists all commands. The pages that messages name, such as docs/params.md, are in
the folder `docs` of seqproof's own repository.
"""


def new(folder: Path, template: str) -> None:
    """Create a project from a template.

    Args:
        folder: empty, or one that does not exist.
        template: name of the template.

    Raises:
        UserError: there is no such template, the folder is in use, or Git fails; nothing is left
            behind then.
    """
    params = templates.find(template)
    require_free(folder)

    def fill(project: Path) -> None:
        shutil.copyfile(params, project / "params.yaml")
        lines = [f"- {line}" for line in benchmark_page.goal_lines(templates.goals(template))]
        goals = "\n".join(["## Goals", "", *lines, "", ""]) if lines else ""
        write_readme(project, template, templates.title(template), template, goals)

    create(folder, fill, f"A project from the template {template}")
    console.echo(f"Created {folder} from the template {template}; see its README.md. Next:")
    echo_next_commands(folder)


def create(folder: Path, fill: Callable[[Path], None], message: str) -> None:
    """Create a project with Git and DVC.

    Args:
        folder: empty, or one that does not exist.
        fill: writes params.yaml, README.md and texts into a project that has everything else.
        message: of the first commit.

    Raises:
        UserError: the folder is in use, or Git fails; nothing is left behind then.
    """
    target = folder.resolve()
    # On the same disk as the target, so that the last step is a rename.
    parent = next(path for path in (target, *target.parents) if path.is_dir())
    with _temporary_folder(parent, folder) as temporary:
        project = temporary / "project"
        _copy(project)
        fill(project)
        _init_repository(project, message)
        target.mkdir(parents=True, exist_ok=True)
        require_free(folder)  # files may have appeared in the meantime
        for path in project.iterdir():
            path.replace(target / path.name)


@contextmanager
def _temporary_folder(parent: Path, folder: Path) -> Iterator[Path]:
    """Yield a temporary folder; errors of the system name the folder that is being made."""
    try:
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=parent) as temporary:
            yield Path(temporary)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror}. Choose another folder, or make room."
        ) from None


def echo_next_commands(folder: Path) -> None:
    """Print the commands that train the models of a new project."""
    console.echo(f"  cd {shlex.quote(str(folder))}")
    # The environment of a wheel may be one of `uvx`, which is gone when the command has ended.
    is_ready = templates.IS_CLONE and shutil.which("dvc")
    console.echo("  seqproof run" if is_ready else "  make repro")


def require_free(folder: Path) -> None:
    """Reject a folder that holds files, and a link to itself.

    Raises:
        UserError: the folder cannot become a project.
    """
    _require_no_loop(folder)
    _require_empty(folder, folder.resolve())


def _require_no_loop(folder: Path) -> None:
    """Reject a link to itself, which `resolve` accepts from Python 3.13 on."""
    try:
        folder.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(f"{folder} is a link to itself. Choose another folder.") from None


def _require_empty(folder: Path, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(_other_files(target))):
        raise UserError(f"{folder} exists and is not empty. Choose a folder that does not exist.")


def _other_files(target: Path) -> Iterator[Path]:
    """Return the files of a folder except the temporary ones of this command."""
    return (path for path in target.iterdir() if not path.name.startswith(TEMPORARY))


def _copy(project: Path) -> None:
    for name, file in skeleton.files(templates.SOURCE).items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, project / name)


def write_readme(project: Path, name: str, title: str, template: str, goals: str = "") -> None:
    """Write README.md, and the template and commit into `.seqproof`, which Git ignores.

    Args:
        project: the new project.
        name: heading of README.md.
        title: its first paragraph.
        template: name of the template, or `none`.
        goals: its section on goals, as Markdown.
    """
    _write(project / "README.md", README.format(name=name, title=title, goals=goals))
    state = git.git_state(templates.SOURCE) if templates.IS_CLONE else NO_COMMIT
    origin = {"template": template, **state}
    (project / ".seqproof").mkdir()
    _write(project / ".seqproof" / "origin.json", files.dump_json(origin))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _init_repository(project: Path, message: str) -> None:
    """Initialise Git and DVC, and commit all files."""
    repository.git(project, ["init", "--quiet"])
    merge_lock.install(project)
    dvc_project.initialise(project)
    project_files.write_record(project, templates.SOURCE)
    # Add all files, even those that the user's global gitignore excludes.
    repository.git(project, ["add", "--all"], settings=("-c", f"core.excludesFile={os.devnull}"))
    repository.git(
        project, ["commit", "--quiet", "--message", message], settings=_identity(project)
    )


def _identity(project: Path) -> Iterable[str]:
    """Yield options that set an author if Git has none."""
    for key, fallback in (("user.name", "seqproof"), ("user.email", "seqproof@localhost")):
        if not repository.git(project, ["config", "--default", "", "--get", key]).strip():
            yield from ("-c", f"{key}={fallback}")
