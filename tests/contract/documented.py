"""The commands that README and docs show in their bash blocks."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.contract.imports import ROOT

PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "STYLE.md")),
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)
TUTORIAL = ROOT / "docs" / "tutorial"
BLOCK = re.compile(r"^ *```(?:bash|sh|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
GROUPS = {"seqproof": {"data"}, "dvc": {"exp", "metrics", "plots"}}  # verbs that have verbs


@dataclass(frozen=True)
class DocumentedCommand:
    """A line of a bash block.

    Args:
        page: the page that shows it.
        line: the line.
        words: program and arguments, without variables, input, and programs that read its output.
        source: the file that it reads from standard input.
    """

    page: Path
    line: str
    words: tuple[str, ...]
    source: str | None

    @property
    def kind(self) -> str:
        """Return program, verb and names of options: `seqproof translate --beam --n-best`."""
        program, *arguments = self.words
        verbs = [program]
        if arguments and program in ("seqproof", "dvc", "make", "docker", "git"):
            verbs += arguments[: 2 if arguments[0] in GROUPS.get(program, ()) else 1]
        elif arguments and program == "python":
            verbs += [argument for argument in arguments[:1] if argument.endswith(".py")]
        options = sorted({x.partition("=")[0] for x in arguments if re.match("-.", x)})
        return " ".join([*verbs, *options, *(["<"] if self.source else [])])


def commands(page: Path) -> list[DocumentedCommand]:
    """Return the commands of a page, in its order."""
    found = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.match(r"[A-Z_]+=", words[0]):
                del words[0]
            if not words:
                continue
            source = words[words.index("<") + 1] if "<" in words else None
            end = min((words.index(x) for x in ("<", "|", ">", "&") if x in words), default=None)
            found.append(DocumentedCommand(page, line, tuple(words[:end]), source))
    return found
