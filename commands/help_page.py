"""The page of `seqproof --help`, and the command that a mistyped name may stand for."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

from pipelines.console import Group
from pipelines.errors import close_match

STAGES = "Stages"  # the group whose commands are listed by name only
GROUPS = ("Data", "Train", "Compare", "Prove", "Use", "Project")
EXAMPLES = """\
seqproof new reviews --from reviews.csv         a project of your text
seqproof run                                    train and evaluate its models
seqproof predict opinions-lstm "what a film"    apply a trained model
seqproof verify --all                           check all results"""
# What other tools call a command of this one.
SYNONYMS = {
    "create": "new",
    "fit": "run",
    "init": "new",
    "list": "results",
    "metrics": "results",
    "repro": "run",
    "train": "run",
    "tune": "sweep",
}
MARGIN, GAP = 2, 2  # blanks at the beginning of a line, and between columns


class HelpPage(Group):
    """Group of commands whose help lists them by purpose, in one screen."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands group by group, the stages, examples and the names of options."""
        formatter.write("\n")
        for line in self._lines(ctx, formatter.width):
            formatter.write(f"{line}\n")

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the command of a name; an unknown one names the nearest that exists."""
        name = args[0]
        exists = name in self.commands or name.startswith("-")
        if not (exists or ctx.resilient_parsing):
            leaves = {path.split()[-1]: path for _, path, _ in self._entries()}
            nearest = SYNONYMS.get(name) or leaves.get(close_match(name, leaves) or "")
            hint = f" Did you mean `{ctx.command_path} {nearest}`?" if nearest else ""
            ctx.fail(f"There is no command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def _entries(self) -> Iterator[tuple[str, str, Any]]:
        """Yield group, name and command of each visible command, also of those of sub-groups."""
        commands: dict[str, Any] = {**self.commands}
        for name, command in commands.items():
            if command.hidden:
                continue
            children = getattr(command, "commands", None)
            group = command.rich_help_panel or GROUPS[-1]
            if children is None:
                yield group, name, command
            else:
                yield from ((group, f"{name} {child}", children[child]) for child in children)

    def _lines(self, ctx: Any, width: int) -> Iterator[str]:
        entries = list(self._entries())
        listed = [entry for entry in entries if entry[0] != STAGES]
        label = max(map(len, GROUPS)) + GAP
        column = label + max(len(name) for _, name, _ in listed) + GAP
        for group in GROUPS:
            title = group
            for _, name, command in (entry for entry in listed if entry[0] == group):
                text = re.split(r"\.(?:\s|$)", command.help or "", maxsplit=1)[0]
                text = textwrap.shorten(text, width - MARGIN - column, placeholder=" ...")
                yield " " * MARGIN + f"{title:<{label}}{name:<{column - label}}{text}"
                title = ""
        stages = ", ".join(name for group, name, _ in entries if group == STAGES)
        yield ""
        yield from self._paragraph("Stages", f"run one alone: {stages}", label, width)
        options = ", ".join(parameter.opts[0] for parameter in self.get_params(ctx))
        yield from self._paragraph("Options", options, label, width)
        yield ""
        yield from (" " * MARGIN + line for line in EXAMPLES.split("\n"))
        yield ""
        yield f"{ctx.command_path} COMMAND --help shows the options of a command."

    def _paragraph(self, title: str, text: str, label: int, width: int) -> list[str]:
        return textwrap.wrap(
            text,
            width,
            initial_indent=" " * MARGIN + f"{title:<{label}}",
            subsequent_indent=" " * (MARGIN + label),
            break_on_hyphens=False,
        )
