"""The Python code of a chapter runs from top to bottom and prints what stands below it."""

import contextlib
import io
import re

import pytest

from tests.contract.imports import ROOT

TUTORIAL = ROOT / "docs" / "tutorial"
CHAPTERS = [page.name for page in sorted(TUTORIAL.glob("[1-5]-*.md"))]
# A block of code, and the block of its output if one follows at once.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


def run(text: str) -> list[tuple[str, str]]:
    """Run the blocks of a page in one namespace; return what each should print, and prints."""
    names, results = {"__name__": "page"}, []
    for code, expected in BLOCK.findall(text):
        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            exec(compile(code, "page", "exec"), names)
        results.append((expected, stream.getvalue()))
    return results


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_code_prints_what_the_chapter_shows(chapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = run((TUTORIAL / chapter).read_text(encoding="utf-8"))
    assert results
    for expected, printed in results:
        assert printed == expected


def test_output_is_compared_block_by_block():
    page = "```python\na = 2\n```\n\nText.\n\n```python\nprint(a)\n```\n\n```text\n3\n```\n"
    assert run(page) == [("", ""), ("3\n", "2\n")]
