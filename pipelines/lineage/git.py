"""Git: the commit, uncommitted changes, and worktrees of other commits."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import UserError

# Files that make a run dirty. Files that the running graph itself writes (dvc.lock, metrics) are
# not among them: with them every run but the first would be dirty.
CODE = ("*.py", "*.yaml", "*.toml", "*.jinja")

# Options that make `git diff` print a patch for `git apply`, whatever the user's Git settings.
DIFF = (
    *("diff", "--cached", "--binary", "--full-index", "--no-color", "--no-ext-diff"),
    *("--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "HEAD"),
)
TIMEOUT = 20  # seconds
RECORD = Path(".seqproof/git.json")  # in a copy of a project: the state of the project
PATCH = "patch"  # its key with the uncommitted changes


def git_state(root: Path) -> dict[str, str]:
    """Return the commit, and whether code or parameters have uncommitted changes.

    Returns:
        `git_commit`: 40 hexadecimal digits or "none"; `git_dirty`: "true", "false" or "none".
    """
    record = _record(root)
    if record is not None:
        return {key: record[key] for key in ("git_commit", "git_dirty")}
    commit = _line(root, "rev-parse", "--verify", "HEAD")
    changes = _line(root, "status", "--porcelain", "--", *CODE) if commit else None
    dirty = "none" if changes is None else str(changes != "").lower()
    return {"git_commit": commit or "none", "git_dirty": dirty}


def recorded(root: Path) -> dict[str, str]:
    """Return commit and uncommitted changes, which a copy of the project has as `RECORD`."""
    return {**git_state(root), PATCH: working_tree_patch(root)}


def _record(root: Path) -> dict[str, str] | None:
    """Return what a copy of a project knows of the project; None in the project itself."""
    file = root / RECORD
    if not file.is_file():
        return None
    content: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return content


def listed_files(root: Path) -> list[str] | None:
    """Return the files of a project that Git has or would add; None without a repository."""
    kinds = ("--cached", "--others", "--exclude-standard")
    output = _git(root, "ls-files", "-z", *kinds)
    return None if output is None else sorted({path for path in output.split("\0") if path})


def is_committed(file: Path) -> bool:
    """Return True if a file is in the commit unchanged; False outside a repository."""
    return _line(file.parent, "status", "--porcelain", "--ignored", "--", file.name) == ""


def working_tree_patch(root: Path) -> str:
    """Return the uncommitted changes of code and parameters as a patch for `git apply`.

    New files are included. The patch is empty if nothing was changed. Git's index stays unchanged:
    new files are added to a copy of it.
    """
    record = _record(root)
    if record is not None:
        return record[PATCH]
    index = _line(root, "rev-parse", "--path-format=absolute", "--git-path", "index")
    if index is None:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "index"
        if Path(index).is_file():
            copy.write_bytes(Path(index).read_bytes())
        # All three commands run in the repository's root, so that paths mean the same to them.
        top = Path(_line(root, "rev-parse", "--show-toplevel") or root)
        kinds = ("--modified", "--others", "--exclude-standard")
        changed = _git(top, "ls-files", "-z", *kinds, "--", *CODE) or ""
        variables = {"GIT_INDEX_FILE": str(copy)}
        add = ("update-index", "--add", "--remove", "-z", "--stdin")
        _git(top, *add, variables=variables, stdin=changed)
        patch = _git(top, *DIFF, "--", *CODE, variables=variables)
        if patch is None:  # a file that is not UTF-8: a binary patch is ASCII
            attributes = Path(folder) / "attributes"
            attributes.write_text("* -diff\n", encoding="utf-8")
            binary = ("-c", f"core.attributesFile={attributes}")
            patch = _git(top, *binary, *DIFF, "--", *CODE, variables=variables)
        return patch or ""


def text_at(root: Path, commit: str, path: str) -> str | None:
    """Return the content of a file of the project at a commit; None if there was no such file."""
    return _git(root, "show", f"{commit}:./{path}")


def history(root: Path, path: str, text: str = "") -> list[str]:
    """Return the commits of all branches that changed a file of the project, the newest first.

    Args:
        root: the project's root.
        path: of the file.
        text: only commits that added or removed this text; empty for all.
    """
    options = ("--all", "--full-history", "--format=%H", *([f"-S{text}"] if text else []))
    return (_git(root, "log", *options, "--", path) or "").split()


@contextmanager
def worktree(root: Path, commit: str, patch: str) -> Iterator[Path]:
    """Check out a commit of the project in a temporary folder.

    Args:
        root: the project's root.
        commit: its hash.
        patch: changes to apply to it, as `working_tree_patch` returns them; may be empty.

    Raises:
        UserError: Git does not have the commit, or the patch does not apply to it.
    """
    top = Path(_line(root, "rev-parse", "--show-toplevel") or root)
    with tempfile.TemporaryDirectory(prefix="seqproof-") as scratch:
        tree = Path(scratch).resolve() / "tree"
        _git(top, "worktree", "prune")  # worktrees of killed processes
        # Without hooks: those of DVC would check out files of another commit.
        add = ("-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", "--quiet")
        if _git(top, *add, str(tree), commit) is None:
            raise UserError(
                f"This Git repository does not have commit {commit}, which the run was made at. "
                "Fetch the commit, or run `seqproof run` again."
            )
        try:
            if patch and _git(tree, "apply", "--whitespace=nowarn", "-", stdin=patch) is None:
                raise UserError(f"The patch of the run does not apply to its commit {commit}.")
            yield tree / root.resolve().relative_to(top.resolve())
        finally:
            _git(top, "worktree", "remove", "--force", str(tree))


def _line(root: Path, *arguments: str) -> str | None:
    """Return the output of a Git command without white space around it."""
    output = _git(root, *arguments)
    return None if output is None else output.strip()


def _git(
    root: Path, *arguments: str, variables: Mapping[str, str] | None = None, stdin: str = ""
) -> str | None:
    """Run a Git command and return its output; None if it fails or there is no Git.

    Args:
        root: the folder to run it in.
        arguments: of the command.
        variables: added to its environment.
        stdin: its standard input.
    """
    # Without its optional locks, `git status` cannot disturb a commit in another process.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", **(variables or {})}
    command = ["git", "-C", str(root), *arguments]
    try:
        process = subprocess.run(
            command,
            env=environment,
            input=stdin.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=True,
        )
        return process.stdout.decode()  # unchanged: a patch contains the files' line endings
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
