"""Where a result comes from: its inputs, hashes of files, the state of Git, the packages."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

from pipelines import console, files
from pipelines.errors import UserError
from pipelines.lineage import dvc_project

# What a run depends on besides data. Files that the running graph itself writes (dvc.lock, metrics)
# must not count: with them every run but the first would call itself dirty.
CODE = ("*.py", "*.yaml", "*.toml", "*.jinja")
CODE_FOLDERS = ("pipelines", "stages")  # what a stage runs

# A patch that can be applied, whatever a person has told Git of how to show one.
DIFF = (
    *("diff", "--cached", "--binary", "--full-index", "--no-color", "--no-ext-diff"),
    *("--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "HEAD"),
)
FRAMES = ("train", "valid")  # that a stage that trains reads
WRITTEN = ("--model", "--history")  # what a stage that trains leaves


def inputs(verb: str, root: Path) -> dvc_project.Inputs:
    """What the stage that runs in this process is a function of.

    A command that dvc.yaml does not have (other paths, say) is a function of the files that it
    names, of all parameters and of all code.

    Args:
        verb: the stage's module, `train_lstm` for instance.
        root: the project's root.
    """
    given = [word for word in sys.argv[1:] if word != console.RESTART]
    words = ["python", "-m", f"stages.{verb}", *given]
    stage = f"{verb}@{given[0]}" if given and not given[0].startswith("-") else verb
    found = dvc_project.inputs(stage, words, root)
    if found is not None:
        return found
    options = dict(zip(given, [*given[1:], ""], strict=True))
    options |= {word.partition("=")[0]: word.partition("=")[2] for word in given if "=" in word}
    written = () if verb == "evaluate" else WRITTEN
    read = [value for option, value in options.items() if option.startswith("--") and value]
    read = [value for value in read if value not in [options.get(option) for option in written]]
    files = {value: file_hash(Path(value)) for value in read if Path(value).is_file()}
    code = Path(__file__).parents[2]
    files |= {part: folder_hash(code / part, "*.py") for part in CODE_FOLDERS}
    params = {file.name: file_hash(file) for file in [Path("params.yaml")] if file.is_file()}
    return dvc_project.Inputs(stage, shlex.join(words), files, params)


def trained_on(name: str, root: Path) -> dict[str, Path]:
    """The frames that a model of dvc.lock was trained on, by what they are for, as far as they are
    there; paths are relative to the project's root.

    Args:
        name: the model's.
        root: the project's root.
    """
    file = root / "dvc.lock"
    with suppress(UserError):
        stages = dvc_project.parse_lock(file.read_text(encoding="utf-8")) if file.is_file() else {}
        for stage, entry in stages.items():
            words = shlex.split(entry.inputs.command)
            if stage.endswith(f"@{name}") and all(f"--{one}" in words for one in FRAMES):
                frames = {one: dvc_project.option(words, one) for one in FRAMES}
                return {one: path for one, path in frames.items() if (root / path).is_file()}
    return {}


def file_hash(path: Path) -> str:
    """MD5 of the bytes, 32 hexadecimal digits: what DVC writes into dvc.lock for a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_hash(path: Path, pattern: str = "*") -> str:
    """SHA-256 over the sorted relative names and the contents of all files below a folder."""
    found = (file for file in path.rglob(pattern) if file.is_file())
    return files_hash({file.relative_to(path).as_posix(): file for file in found})


def files_hash(files: Mapping[str, Path]) -> str:
    """The `folder_hash` of the folder that these files by their names would be."""
    digest = hashlib.sha256()
    for name in sorted(files):
        content = hashlib.sha256(files[name].read_bytes()).hexdigest()
        # No name holds a NUL and every content has 64 digits, so no two folders share this text.
        digest.update(f"{name}\0{content}".encode())
    return digest.hexdigest()


def git_state(root: Path) -> dict[str, str]:
    """The commit, and whether code or parameters differ from it; "none" outside a repository.

    Returns:
        `git_commit`: 40 hexadecimal digits or "none"; `git_dirty`: "true", "false" or "none".
    """
    commit = _line(root, "rev-parse", "--verify", "HEAD")
    changed = _line(root, "status", "--porcelain", "--", *CODE) if commit else None
    dirty = "none" if changed is None else str(changed != "").lower()
    return {"git_commit": commit or "none", "git_dirty": dirty}


def committed(file: Path) -> bool:
    """Whether a file stands in the commit as it is in its folder; not so without a repository."""
    return _line(file.parent, "status", "--porcelain", "--ignored", "--", file.name) == ""


def working_tree_patch(root: Path) -> str:
    """Code and parameters that differ from the commit, new files too, as a patch for `git apply`;
    empty if nothing does.

    Git's index is left as it is: what is new is added to a copy of it.
    """
    index = _line(root, "rev-parse", "--path-format=absolute", "--git-path", "index")
    if index is None:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "index"
        if Path(index).is_file():
            copy.write_bytes(Path(index).read_bytes())
        # From the root of the repository, so that paths mean the same to all three.
        top = Path(_line(root, "rev-parse", "--show-toplevel") or root)
        kinds = ("--modified", "--others", "--exclude-standard")
        touched = _git(top, "ls-files", "-z", *kinds, "--", *CODE) or ""
        apart = {"GIT_INDEX_FILE": str(copy)}
        _git(top, "update-index", "--add", "--remove", "-z", "--stdin", apart=apart, given=touched)
        patch = _git(top, *DIFF, "--", *CODE, apart=apart)
        if patch is None:  # a file that is no UTF-8: as binary, which a patch writes in letters
            attributes = Path(folder) / "attributes"
            attributes.write_text("* -diff\n", encoding="utf-8")
            binary = ("-c", f"core.attributesFile={attributes}")
            patch = _git(top, *binary, *DIFF, "--", *CODE, apart=apart)
        return patch or ""


def text_at(root: Path, commit: str, path: str) -> str | None:
    """What a file of the project held at a commit; None if there was none."""
    return _git(root, "show", f"{commit}:./{path}")


@contextmanager
def worktree(root: Path, commit: str, patch: str) -> Iterator[Path]:
    """A project at a commit, in a folder of its own that is taken away afterwards.

    Args:
        root: the project's root.
        commit: its hash.
        patch: applied to it, as `changes` gives one; may be empty.

    Raises:
        Refusal: Git does not have the commit, or the patch does not fit it.
    """
    top = Path(_line(root, "rev-parse", "--show-toplevel") or root)
    with tempfile.TemporaryDirectory(prefix="seqproof-") as scratch:
        tree = Path(scratch).resolve() / "tree"
        _git(top, "worktree", "prune")  # what a killed process left
        # Without hooks: those of DVC would bring files of another commit.
        add = ("-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", "--quiet")
        if _git(top, *add, str(tree), commit) is None:
            raise UserError(
                f"Git has no commit {commit} here, of which the run was made: fetch it first, or "
                "run `dvc repro` again where it is."
            )
        try:
            if patch and _git(tree, "apply", "--whitespace=nowarn", "-", given=patch) is None:
                raise UserError(f"The patch of the run does not fit its commit {commit}.")
            yield tree / root.resolve().relative_to(top.resolve())
        finally:
            _git(top, "worktree", "remove", "--force", str(tree))


def environment() -> dict[str, str]:
    """This machine, without what TensorFlow knows of it."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cpu": processor(),
        "cores": str(cores()),
    }


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The processor's name, as Linux says it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n"):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def packages() -> dict[str, str]:
    """The version of every package that is installed here, by its name."""
    found = {one.metadata["Name"]: one.version for one in metadata.distributions()}
    return dict(sorted((name.lower(), version) for name, version in found.items() if name))


def record(inputs: dvc_project.Inputs, root: Path, described: Mapping[str, str]) -> str:
    """All that is known of where a result comes from, as JSON.

    Args:
        inputs: of the stage.
        root: the project's root.
        described: device, kernel and threads, by whoever knows them.
    """
    said = {
        "stage": inputs.stage,
        "command": inputs.command,
        "key": inputs.key,
        "files": dict(inputs.files),
        "params": dict(inputs.params),
        "git": git_state(root),
        "environment": environment() | dict(described),
        "packages": packages(),
    }
    return files.dump_json(said)


def _line(root: Path, *arguments: str) -> str | None:
    """What Git answers, without the ends of its lines."""
    said = _git(root, *arguments)
    return None if said is None else said.strip()


def _git(
    root: Path, *arguments: str, apart: Mapping[str, str] | None = None, given: str = ""
) -> str | None:
    """What Git answers, or None when there is no Git, no repository or no answer.

    Args:
        root: where it runs.
        arguments: what it is asked.
        apart: variables of its environment.
        given: its standard input.
    """
    # Without its optional locks, `git status` cannot disturb a commit that runs beside it.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", **(apart or {})}
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(
            command,
            env=environment,
            input=given.encode(),
            capture_output=True,
            timeout=20,
            check=True,
        )
        return done.stdout.decode()  # as it is: the ends of lines belong to a patch
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
