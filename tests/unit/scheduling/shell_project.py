"""A project whose stages are shell commands: DVC and Git are real."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from pipelines.lineage import dvc_project

STAGES = {
    "fetch": {"cmd": "sh work.sh fetch", "deps": ["work.sh", "texts"], "outs": ["out/fetch"]},
    "prepare": {
        "cmd": "sh work.sh prepare out/fetch/a",
        "deps": ["work.sh", "out/fetch"],
        "outs": ["out/prepare"],
    },
    "train": {
        "cmd": "sh work.sh train out/prepare out/fetch/b",
        "deps": ["work.sh", "out/prepare", "out/fetch"],
        "params": ["rate"],
        "outs": ["out/train"],
        "plots": ["out/history.csv"],
    },
    "evaluate": {
        "cmd": "sh work.sh evaluate out/train/model out/history.csv",
        "deps": ["work.sh", "out/train", "out/history.csv"],
        "metrics": [{"out/metrics.json": {"cache": False}}],
    },
    "report": {
        "cmd": "sh work.sh report out/metrics.json",
        "deps": ["work.sh", "out/metrics.json"],
        "outs": ["out/report"],
    },
}
WORK = """\
set -e
if test -e trace.env; then . ./trace.env; fi
name=$1; shift
mkdir -p out
echo $name >> "$TRACE"
echo "work on $name"
test -e "$TRACE.fail-$name" && exit 3
case $name in
fetch) mkdir out/fetch; cat texts/* > out/fetch/a; echo b > out/fetch/b;;
train) mkdir out/train; cat params.yaml "$@" > out/train/model; echo 1 > out/train/step
  echo '{"epoch": 1.0}' >> "${SEQPROOF_EPOCHS:-/dev/null}"
  while test -e "$TRACE.wait"; do echo beat >> "$TRACE.beats"; sleep 0.05; done
  echo epoch > out/history.csv;;
evaluate) echo "{\\"lines\\": $(cat "$@" | wc -l)}" > out/metrics.json;;
*) { echo $name; cat "$@"; } > out/$name;;
esac
"""


class Project:
    """The project.

    Args:
        folder: its root.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trace = folder.parent / f"{folder.name}.trace"

    @classmethod
    def create(cls, folder: Path) -> "Project":
        """Create a project in which nothing has run."""
        (folder / "texts").mkdir(parents=True)
        (folder / "texts" / "a.txt").write_text("a text\n")
        (folder / "dvc.yaml").write_text(yaml.dump({"stages": STAGES}, sort_keys=False))
        (folder / "work.sh").write_text(WORK)
        (folder / ".gitignore").write_text("/out/fetch\n/out/prepare\n/out/train\n/.seqproof\n")
        (folder / "params.yaml").write_text("rate: 1\n")
        project = cls(folder)
        project.call("git", "init", "-q")
        dvc_project.initialise(folder)
        return project

    def reproduce(self, *targets: str) -> None:
        """Run stages and what they need, as `dvc repro` does."""
        with pytest.MonkeyPatch.context() as patch, dvc_project.open_project(self.folder) as repo:
            patch.chdir(self.folder)
            patch.setenv("TRACE", str(self.trace))
            repo.reproduce(list(targets) or None)

    def outdated(self) -> list[str]:
        """Return the stages that DVC would run."""
        with dvc_project.open_project(self.folder) as repo:
            return sorted(address.rpartition(":")[2] for address in repo.status())

    def call(self, *command: str) -> str:
        """Run a command in the project; return its output."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
        env |= {"TRACE": str(self.trace), "DVC_NO_ANALYTICS": "true"}
        process = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def commands(self) -> list[str]:
        """Return the stages whose commands have run since the last call."""
        lines = self.trace.read_text().split() if self.trace.exists() else []
        self.trace.unlink(missing_ok=True)
        return lines

    def files(self) -> dict[str, bytes]:
        """Return dvc.lock and all outs."""
        files = [self.folder / "dvc.lock", *(self.folder / "out").rglob("[!.]*")]
        return {
            str(file.relative_to(self.folder)): file.read_bytes()
            for file in files
            if file.is_file()
        }
