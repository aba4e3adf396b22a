"""Bring figures, numbers and links of the tutorial up to date.

    python docs/tutorial_outs.py PROJECT   copy what the tutorial shows from a finished default run
    python docs/tutorial_outs.py           only redraw and rewrite

`docs/tutorial/outs` holds copies of the outs of the default run that the pages and figures need, at
their project paths. From them, this script draws `docs/tutorial/figures/*.svg` and writes the
numbers of the pages, which look like

    **0.675**<!-- metrics/opinions-lstm.json test_accuracy .3f -->
    **12**<!-- experiments/memory/adding.csv count(cell) where lag == 40 and test_loss < 0.1 d -->

The comment holds a file, a value and a Python format. Of a JSON file the value is a dotted key. Of
a CSV file it is an expression of columns for pandas, of one row, or mean, min, max, median, sum or
count of one; `where` selects rows. A link like [`LSTMCell.step`](../../pipelines/...py) gets the
line of that symbol.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipelines import paths  # noqa: E402
from pipelines.tutorial.figures import FIGURES  # noqa: E402

TUTORIAL = ROOT / "docs" / "tutorial"
OUTS, PICTURES = TUTORIAL / "outs", TUTORIAL / "figures"
NUMBER = re.compile(r"(?P<value>[^\s*`|(<>]+)(?P<bold>\*{0,2})<!-- (?P<query>[^\n]*?) -->")
STATISTIC = re.compile(r"(mean|min|max|median|sum|count)\((.*)\)")
# [`symbol`](path.py#L12)
SYMBOL = re.compile(r"\[`(?P<symbol>[\w.]+)(?P<call>\(\))?`\]\((?P<path>[^)#\s]+\.py)(?:#L\d+)?\)")


def pages() -> list[Path]:
    """Return the pages of the tutorial."""
    return sorted(TUTORIAL.glob("*.md"))


def value(root: Path, query: str) -> str:
    """Return a number of an out as a page shows it.

    Args:
        root: a project, or the copies of its outs.
        query: file, value and format, as in the comment behind a number.

    Raises:
        ValueError: the query is wrong.
    """
    file, _, rest = query.partition(" ")
    expression, _, form = rest.rpartition(" ")
    text = (root / file).read_text(encoding="utf-8")
    if file.endswith(".json"):
        content: Any = json.loads(text)
        for key in expression.split("."):
            content = content[int(key) if isinstance(content, list) else key]
        return format(content, form)
    formula, _, condition = expression.partition(" where ")
    table = _table(root / file)
    rows = table.query(condition, engine="python") if condition else table
    match = STATISTIC.fullmatch(formula)
    column = rows.eval(match[2] if match else formula, engine="python")
    if match:
        return format(getattr(column, match[1])(), form)
    if len(column) != 1:
        raise ValueError(f"'{query}' finds {len(column)} rows, not one")
    return format(column.iloc[0], form)


@cache
def _table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file)


def needed() -> set[str]:
    """Return the files of a project that figures and pages read."""
    files = {file.as_posix() for figure in FIGURES.values() for file in figure.files}
    for page in pages():
        for match in NUMBER.finditer(page.read_text(encoding="utf-8")):
            files.add(match["query"].partition(" ")[0])
    return files


def line_of(file: Path, symbol: str) -> int:
    """Return the line on which a function, class or constant of a module begins.

    Args:
        file: a Python file.
        symbol: its name, `Class.method` for a method.

    Raises:
        ValueError: the module has no such symbol.
    """
    body = ast.parse(file.read_text(encoding="utf-8")).body
    node: Any = None
    for name in symbol.split("."):
        node = next((inner for inner in body if name in _names(inner)), None)
        if node is None:
            raise ValueError(f"{file.name} has no '{symbol}'")
        body = getattr(node, "body", [])
    return int(node.lineno)


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def updated_page(page: Path, outs: Path = OUTS) -> str:
    """Return the text of a page with the numbers of the outs and the lines of the code.

    Raises:
        ValueError: a number or a link is wrong.
    """

    def number(match: re.Match[str]) -> str:
        try:
            shown = value(outs, match["query"])
        except Exception as error:
            raise ValueError(f"{page.name}: '{match['query']}': {error}") from error
        return f"{shown}{match['bold']}<!-- {match['query']} -->"

    def link(match: re.Match[str]) -> str:
        line = line_of(page.parent / match["path"], match["symbol"])
        return f"[`{match['symbol']}{match['call'] or ''}`]({match['path']}#L{line})"

    return SYMBOL.sub(link, NUMBER.sub(number, page.read_text(encoding="utf-8")))


def updated_files(outs: Path = OUTS) -> dict[Path, str]:
    """Return what pages and figures should hold, by path."""
    drawn = {PICTURES / f"{name}.svg": figure.svg(outs) for name, figure in FIGURES.items()}
    return drawn | {page: updated_page(page, outs) for page in pages()}


def copy_outs(project: Path) -> None:
    """Replace the copies by the outs of a project; params.yaml is that of the clone."""
    shutil.rmtree(OUTS, ignore_errors=True)
    OUTS.mkdir()
    (OUTS / paths.PARAMS).symlink_to(os.path.relpath(ROOT / paths.PARAMS, OUTS))
    for file in sorted(needed()):
        (OUTS / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project / file, OUTS / file)


def main() -> None:
    """Read the command line, and write all that has changed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("project", type=Path, nargs="?", help="a finished default run")
    if project := parser.parse_args().project:
        copy_outs(project)
    PICTURES.mkdir(exist_ok=True)
    files = updated_files()
    for stale in set(PICTURES.glob("*.svg")) - set(files):
        stale.unlink()
    for path, text in files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{os.path.relpath(path)}\n")


if __name__ == "__main__":
    main()
