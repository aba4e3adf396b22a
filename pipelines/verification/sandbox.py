"""A clean copy of what a run was made of: its commit, its patch, and its data from the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipelines import console
from pipelines.lineage import provenance, snapshots
from pipelines.lineage.lockfiles import truncated
from pipelines.lineage.stage_graph import within
from pipelines.verification.verify_targets import VerifyTarget

SAID = 300  # characters of what a stage printed that are worth repeating


@dataclass(frozen=True)
class Sandbox:
    """A copy of the project in a folder of its own.

    Attributes:
        root: that folder.
        subject: what is verified; the data come from its cache.
        taken: what only the project's folder had.
    """

    root: Path
    subject: VerifyTarget
    taken: list[str] = field(default_factory=list)

    def lacks(self, stage: str) -> str:
        """Put in place what a stage reads and Git does not have; empty, or what cannot be had as
        dvc.lock has it, in words."""
        files = self.subject.entries[stage].inputs.files
        wrong = [path for path, md5 in files.items() if not self._there(path, md5)]
        wrong = [path for path in wrong if not self.bring(path, files[path])]
        return f"{truncated(wrong)} cannot be had as it was read" if wrong else ""

    def lacks_code(self, stage: str) -> str:
        """The same of a stage whose data the stages before it have made again."""
        made = {path for entry in self.subject.entries.values() for path in entry.outs}
        files = self.subject.entries[stage].inputs.files
        code = {path: md5 for path, md5 in files.items() if not _inside(path, made)}
        wrong = [path for path, md5 in code.items() if not self._there(path, md5)]
        wrong = [path for path in wrong if not self.bring(path, code[path])]
        return f"{truncated(wrong)} cannot be had as it was read" if wrong else ""

    def bring(self, path: str, md5: str) -> bool:
        """Put a file or folder of this MD5 in its place; whether it was to be had."""
        return self.bring_to(self.root / path, path, md5)

    def bring_to(self, target: Path, path: str, md5: str) -> bool:
        """The same in another place: from DVC's cache, or else from the project's folder."""
        version = self.subject.version
        members = version.members(md5) if md5.endswith(".dir") else {"": md5}
        kept = {name: version.kept(one) for name, one in members.items()}
        if kept and all(source.is_file() for source in kept.values()):
            for name, source in kept.items():
                _take(source, target / name if name else target)
            return True
        content = version.content(path) if version.commit is None else None
        if content is None or content.md5 != md5:
            return False
        _take(version.file(path), target)
        self.taken.append(path)
        return True

    def _there(self, path: str, md5: str) -> bool:
        with snapshots.opened(self.root) as here:
            content = here.content(path)
        return content is not None and content.md5 == md5

    @property
    def said(self) -> list[str]:
        """What is not as clean as it should be, one sentence."""
        names = truncated(dict.fromkeys(self.taken))
        return [f"{names} came from the project's folder: Git has it otherwise."] if names else []

    def run(self, words: list[str]) -> str | None:
        """Run a command with the copy's own code; what it said if it failed."""
        private = ("DVC_", "MLFLOW_", "SEQPROOF_FRESH")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(private)}
        environment = {**kept, "DVC_NO_ANALYTICS": "true"}
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return None
        return " ".join((done.stderr or done.stdout).split())[-SAID:]


@contextmanager
def opened(subject: VerifyTarget, git: Mapping[str, str], patch: str) -> Iterator[Sandbox]:
    """A clean copy of a run's commit, taken away afterwards.

    Args:
        subject: what is verified.
        git: `git_commit` of the run.
        patch: by which its tree differed.

    Raises:
        Refusal: Git does not have the commit, or the patch does not fit it.
    """
    with provenance.worktree(console.root(), git["git_commit"], patch) as folder:
        yield Sandbox(folder, subject)


def _inside(path: str, places: Collection[str]) -> bool:
    """A stage may read a folder of what others leave."""
    return any(within(path, place) or within(place, path) for place in places)


def _take(source: Path, target: Path) -> None:
    """A copy, for a stage may write where it reads."""
    with suppress(FileNotFoundError):
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def environment(then: Mapping[str, object], packages: Mapping[str, str]) -> list[str]:
    """How this machine and its packages differ from those of a run, one sentence each.

    Args:
        then: of the run: `environment` and `packages` of its record.
        packages: those that are installed now.
    """
    said = []
    now = provenance.environment()
    before = then.get("environment", {})
    if isinstance(before, Mapping):
        said += [
            f"{key} was {before[key]} and is {value}"
            for key, value in now.items()
            if key in before and before[key] != value
        ]
    installed, none = then.get("packages", {}), "not there"
    if isinstance(installed, Mapping):
        said += [
            f"{name} was {installed.get(name, none)} and is {packages.get(name, none)}"
            for name in sorted({*installed, *packages})
            if installed.get(name) != packages.get(name)
        ]
    return said
