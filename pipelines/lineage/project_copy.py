"""Copies of a project in which a single stage runs.

A copy has the code, params.yaml and dvc.lock of the project, and the files that the stage reads.
DVC's cache gives what other stages have written.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines import files, paths
from pipelines.errors import UserError
from pipelines.lineage import git, transfer
from pipelines.lineage.stage_graph import within

FOLDERS = (".dvc", "pipelines", "stages", "commands")  # besides the files at the top
COPIES = Path(".seqproof/copies")
EXCHANGE = Path(".seqproof/exchange")  # for files of jobs, where workers see the project's disk
REMOTE = "exchange"  # name of the remote that is this folder
# The copy is no Git repository.
SETTINGS = """\
[core]
    no_scm = true
    analytics = false
    site_cache_dir = {site}
    remote = {remote}
[cache]
    type = "reflink,hardlink,copy"
    dir = {cache}
['remote "{remote}"']
    url = {url}
"""


@dataclass(frozen=True)
class CopyContent:
    """Content of a copy that differs from the project, or that Git does not have.

    Attributes:
        lock: text of dvc.lock; empty if nothing has run.
        files: text of other files by path.
        git: commit and uncommitted changes of the project.
        cache: folder of the cache that the project and the copy share; None if they share none.
        remote: name and address of the remote through which data travel.
    """

    lock: str
    files: Mapping[str, str]
    git: Mapping[str, str]
    cache: str | None
    remote: tuple[str, str]

    def dump(self) -> dict[str, Any]:
        """Return the content for JSON."""
        return asdict(self)


def content(
    repo: Any,
    stage: str,
    params: str | None,
    entries: Mapping[str, transfer.Entry],
    shares_disk: bool,
) -> CopyContent:
    """Return the content of a copy for a stage.

    Args:
        repo: the open project.
        stage: its name.
        params: text of another params.yaml.
        entries: of dvc.lock, which replace those of the project.
        shares_disk: True if the copy sees the disk of the project.

    Raises:
        UserError: they share no disk, and the project has no default remote.
    """
    root = Path(repo.root_dir)
    remote = (REMOTE, str(root / EXCHANGE)) if shares_disk else transfer.default_remote(repo)
    if remote is None:
        raise UserError(
            "The project has no default DVC remote, through which data could reach machines that "
            "do not see its disk. Add one with `dvc remote add --default NAME URL`; docs/scale.md "
            "has an example."
        )
    lock = root / paths.DVC_LOCK
    texts = transfer.input_files(repo, stage)
    if params is not None:
        texts[paths.PARAMS.as_posix()] = params
    return CopyContent(
        lock=transfer.merge_entries(
            lock.read_text(encoding="utf-8") if lock.exists() else "", entries
        ),
        files=texts,
        git=git.recorded(root),
        cache=str(transfer.cache_folder(repo)) if shares_disk else None,
        remote=remote,
    )


def pack(repo: Any, stage: str) -> bytes:
    """Return the files of a copy for a stage as a compressed tar file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as archive:
        for path in _files(repo, stage):
            archive.add(Path(repo.root_dir, path), path, recursive=False)
    return stream.getvalue()


def create(repo: Any, stage: str, folder: Path) -> None:
    """Copy the files of a copy for a stage to a new folder."""
    files.remove(folder)
    for path in _files(repo, stage):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(repo.root_dir, path), target)


def complete(folder: Path, values: CopyContent, cache: Path) -> None:
    """Write the rest of a copy.

    Args:
        folder: the copy.
        values: its content.
        cache: folder of its cache if it shares none with the project.
    """
    name, url = values.remote
    settings = SETTINGS.format(
        site=_quoted(folder / ".dvc" / "site"),
        remote=name,
        cache=_quoted(values.cache or cache),
        url=_quoted(url),
    )
    texts = {
        ".dvc/config.local": settings,
        **({paths.DVC_LOCK.as_posix(): values.lock} if values.lock else {}),
        git.RECORD.as_posix(): json.dumps(dict(values.git)),
        **values.files,
    }
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")


def _files(repo: Any, stage: str) -> Iterable[str]:
    """Return the files of the project that a copy for a stage has."""
    root = Path(repo.root_dir)
    listed = git.listed_files(root)
    if listed is None:
        raise UserError(f"{root} is no Git repository, so its files are unknown. Run `git init`.")
    folders = [*FOLDERS, *transfer.source_files(repo, stage)]
    return [
        path
        for path in listed
        if ("/" not in path or any(within(path, folder) for folder in folders))
        and (root / path).is_file()
        and path != paths.DVC_LOCK.as_posix()
    ]


def _quoted(value: Path | str) -> str:
    """Return a value of a configuration file in quotes."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
