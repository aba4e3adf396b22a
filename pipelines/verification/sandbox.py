"""A temporary checkout of a run's commit, with its data from DVC's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipelines import console
from pipelines.lineage import git, snapshots
from pipelines.lineage.lockfiles import truncated
from pipelines.lineage.stage_graph import overlaps
from pipelines.verification.verify_targets import VerifyTarget

MAX_OUTPUT = 300  # characters of a failed stage's output in a message


@dataclass(frozen=True)
class Sandbox:
    """A checkout of the project in a temporary folder.

    Attributes:
        root: that folder.
        target: the model to verify; data come from its DVC cache.
        copied: files that only the workspace had.
    """

    root: Path
    target: VerifyTarget
    copied: list[str] = field(default_factory=list)

    def restore_inputs(self, stage: str) -> str:
        """Restore all dependencies of a stage.

        Returns:
            The dependencies that cannot be restored, as a message; empty if there are none.
        """
        return self._restore_all(self.target.entries[stage].deps)

    def restore_sources(self, stage: str) -> str:
        """Restore the dependencies of a stage that no other stage writes.

        Returns:
            The dependencies that cannot be restored, as a message; empty if there are none.
        """
        outs = {path for entry in self.target.entries.values() for path in entry.outs}
        deps = self.target.entries[stage].deps
        return self._restore_all(
            {path: md5 for path, md5 in deps.items() if not overlaps(path, outs)}
        )

    def _restore_all(self, files: Mapping[str, str]) -> str:
        missing = [
            path
            for path, md5 in files.items()
            if not self._exists(path, md5) and not self.restore(path, md5)
        ]
        return f"{truncated(missing)} cannot be restored" if missing else ""

    def restore(self, path: str, md5: str) -> bool:
        """Restore a file or folder in its place; return False if no copy of it exists."""
        return self.restore_to(self.root / path, path, md5)

    def restore_to(self, destination: Path, path: str, md5: str) -> bool:
        """Restore a file or folder elsewhere, from DVC's cache or from the workspace.

        Returns:
            False if neither has it.
        """
        snapshot = self.target.snapshot
        members = snapshot.members(md5) if md5.endswith(".dir") else {"": md5}
        sources = {name: snapshot.cache_path(member) for name, member in members.items()}
        if sources and all(source.is_file() for source in sources.values()):
            for name, source in sources.items():
                _copy(source, destination / name if name else destination)
            return True
        content = snapshot.file_hash(path) if snapshot.commit is None else None
        if content is None or content.md5 != md5:
            return False
        _copy(snapshot.path(path), destination)
        self.copied.append(path)
        return True

    def _exists(self, path: str, md5: str) -> bool:
        with snapshots.open_snapshot(self.root) as snapshot:
            content = snapshot.file_hash(path)
        return content is not None and content.md5 == md5

    @property
    def remarks(self) -> list[str]:
        """Files that Git has with a different content, as a sentence."""
        names = truncated(dict.fromkeys(self.copied))
        return [f"{names} came from the workspace; Git has another content."] if names else []

    def run(self, arguments: list[str]) -> str | None:
        """Run Python with the code of the sandbox; return its output if it fails, else None."""
        private = ("DVC_", "MLFLOW_", "SEQPROOF_FRESH")
        variables = {key: text for key, text in os.environ.items() if not key.startswith(private)}
        process = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**variables, "DVC_NO_ANALYTICS": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode == 0:
            return None
        return " ".join((process.stderr or process.stdout).split())[-MAX_OUTPUT:]


@contextmanager
def open_sandbox(target: VerifyTarget, commit: str, patch: str) -> Iterator[Sandbox]:
    """Check out a run's commit in a temporary folder.

    Args:
        target: the model to verify.
        commit: of the run.
        patch: uncommitted changes of the run.

    Raises:
        UserError: Git does not have the commit, or the patch does not apply to it.
    """
    with git.worktree(console.root(), commit, patch) as folder:
        yield Sandbox(folder, target)


def _copy(source: Path, destination: Path) -> None:
    """Copy a file or folder; not a link, since a stage may write where it reads."""
    with suppress(FileNotFoundError):
        shutil.rmtree(destination) if destination.is_dir() else destination.unlink()
    destination.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, destination)
    else:
        shutil.copyfile(source, destination)
