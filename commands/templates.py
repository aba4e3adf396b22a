"""The templates that come with seqproof: a params.yaml and goals for each benchmark."""

from __future__ import annotations

from pathlib import Path

from pipelines.config import params
from pipelines.errors import UserError, suggest

SOURCE = Path(__file__).resolve().parents[1]
FOLDER = SOURCE / "templates"
IS_CLONE = (SOURCE / ".git").exists()  # otherwise the copy in the wheel, which has no commit


def names() -> list[str]:
    """Return the names of all templates.

    Raises:
        UserError: there are no templates, as in a project.
    """
    templates = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    if not templates:
        raise UserError(
            "This seqproof belongs to a project, which has no templates. Run the one of another "
            "environment or of a clone, or `uvx --from PATH-OR-GIT seqproof new DIR`."
        )
    return templates


def find(name: str) -> Path:
    """Return the path of a template's params.yaml.

    Raises:
        UserError: there is no template of that name.
    """
    templates = names()
    if not name:
        raise UserError(f"Set --template to one of: {', '.join(templates)}.")
    if name not in templates:
        raise UserError(f"There is no template '{name}'{suggest(name, templates)}.")
    return FOLDER / f"{name}.yaml"


def title(name: str) -> str:
    """Return the description of a template: the comment at the top of its file."""
    lines = find(name).read_text(encoding="utf-8").split("\n")
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines[:end])


def titles() -> dict[str, str]:
    """Return the titles of all templates by name."""
    return {name: title(name) for name in names()}


def goals(name: str) -> tuple[params.Goal, ...]:
    """Return the goals of a template: targets and published numbers."""
    return params.load(find(name)).goals


def remark(name: str) -> str:
    """Return the remark on a template's results, as Markdown; empty if there is none."""
    file = FOLDER / f"{name}.md"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
