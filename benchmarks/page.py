"""Tables of benchmarks in the README beside this file, each between two marks of its own name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).with_name("README.md")


def write(name: str, head: Sequence[str], rows: Sequence[Sequence[str]], page: Path = PAGE) -> None:
    """Put a table between `<!-- name -->` and `<!-- /name -->`; numbers stand at the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
    block = "\n".join([f"<!-- {name} -->", *lines, f"<!-- /{name} -->"])
    text = page.read_text(encoding="utf-8")
    marked = rf"<!-- {name} -->.*<!-- /{name} -->"
    text = re.sub(marked, lambda match: block, text, flags=re.S)
    page.write_text(text, encoding="utf-8", newline="\n")
