"""Tables of benchmark results in the README of this folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).with_name("README.md")


def write(name: str, head: Sequence[str], rows: Sequence[Sequence[str]], page: Path = PAGE) -> None:
    """Replace the table between `<!-- name -->` and `<!-- /name -->`.

    Args:
        name: name of the table.
        head: column headers; all columns but the first are right-aligned.
        rows: cells of each row.
        page: Markdown file.
    """
    rule = ["---", *["---:"] * (len(head) - 1)]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
    block = "\n".join([f"<!-- {name} -->", *lines, f"<!-- /{name} -->"])
    text = page.read_text(encoding="utf-8")
    pattern = rf"<!-- {name} -->.*<!-- /{name} -->"
    text = re.sub(pattern, lambda match: block, text, flags=re.S)
    page.write_text(text, encoding="utf-8", newline="\n")
