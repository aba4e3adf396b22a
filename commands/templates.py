"""The templates that come with seqproof: ready params.yaml files, and what they are to reach."""

from __future__ import annotations

from pathlib import Path

from pipelines.config import params
from pipelines.errors import UserError, suggest

SOURCE = Path(__file__).resolve().parents[1]
FOLDER = SOURCE / "templates"


def names() -> list[str]:
    """All templates.

    Raises:
        Refusal: this is a project that `seqproof new` made, or an installed copy of the code.
    """
    found = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    if not found:
        raise UserError(
            f"{SOURCE} holds no templates: use the seqproof of a clone of its repository."
        )
    return found


def find(name: str) -> Path:
    """The params.yaml of a template.

    Raises:
        Refusal: there is none of that name; the sentence gives the nearest, and all.
    """
    known = names()
    if not name:
        raise UserError(f"Say which template, with --template and one of: {', '.join(known)}.")
    if name not in known:
        raise UserError(f"No template is called '{name}'{suggest(name, known)}.")
    return FOLDER / f"{name}.yaml"


def title(name: str) -> str:
    """What a template is: the comment that it begins with."""
    lines = find(name).read_text(encoding="utf-8").split("\n")
    last = next(at for at, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines[:last])


def goals(name: str) -> tuple[params.Goal, ...]:
    """The published numbers and marks of a template."""
    return params.load(find(name)).goals


def remark(name: str) -> str:
    """What a person wrote of a template's results, as Markdown; empty if nothing."""
    file = FOLDER / f"{name}.md"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
