"""`make docs`: the site builds without a warning, and loads nothing from the network."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.imports import ROOT
from tests.unit.chromium import needs_chromium, render

PAGE = r"""# A page

Text with $s_t = \tanh(W x_t)$, which costs $5 or $6.
- a list without a blank line

$$
\begin{aligned}
a &= \arg\min_\theta J \\
b &= 2
\end{aligned}
$$

[`LSTMCell.step`](../../pipelines/layers/cells/lstm.py#L3) and [the script](../tutorial_outs.py).

<details><summary>Answer</summary>

**Yes**, $x^2$.
</details>
"""
LOADED = r'<(?:script|img|iframe)\b[^>]*\bsrc="([^"]*)"|<link\b[^>]*\bhref="([^"]*)"'


def build(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    process = build(ROOT, folder)
    assert process.returncode == 0, process.stderr
    return folder


def test_nothing_is_loaded_from_the_network(site):
    for page in site.rglob("*.html"):
        for addresses in re.findall(LOADED, page.read_text(encoding="utf-8")):
            assert not re.match("(https?:)?//", "".join(addresses)), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_every_page_of_the_repository_is_a_page_of_the_site(site):
    pages = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    for page in pages:
        assert (site / page.with_suffix(".html")).is_file()
    for name in ("index", "benchmarks", "changelog", "contributing", "style"):
        assert (site / f"{name}.html").is_file()


def test_links_to_code_lead_to_its_lines(site):
    links = 0
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for path, line in re.findall(r'href="([^"]*code/[^"]*\.html)#(L\d+)"', text):
            code = (page.parent / path).resolve().read_text(encoding="utf-8")
            assert f'id="{line}"' in code, f"{page.name}: {path}#{line}"
            links += 1
    assert links or "#L" not in "".join(
        page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "tutorial").glob("*.md")
    )


def test_formulas_are_mathml(site):
    chapters = "".join(
        page.read_text(encoding="utf-8") for page in (site / "tutorial").glob("*.html")
    )
    assert "arithmatex" not in chapters


@needs_chromium
def test_search_finds_a_section_in_pages_opened_as_files(site, tmp_path):
    page, console = render(f"{(site / 'index.html').as_uri()}?q=forget+gate", tmp_path)
    assert re.search(
        r'href="[^"]*3-training-rnns.html[^"]*#[^"]*" class="md-search-result__link"', page
    )
    assert not console


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A site of one chapter beside the real hooks and code."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    start = text.index("\nnav:")
    (tmp_path / "docs" / "tutorial").mkdir(parents=True)
    (tmp_path / "mkdocs.yml").write_text(text[:start], encoding="utf-8")
    for part in ("docs/site", "docs/tutorial_outs.py", "pipelines", "LICENSE"):
        (tmp_path / part).symlink_to(ROOT / part)
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "STYLE.md"):
        (tmp_path / name).write_text(f"# {name}\n", encoding="utf-8")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "README.md").write_text("# Speed\n", encoding="utf-8")
    return tmp_path


def test_a_page_written_for_github_is_shown(small):
    (small / "docs" / "tutorial" / "page.md").write_text(PAGE, encoding="utf-8")
    process = build(small, small / "site")
    assert process.returncode == 0, process.stderr
    text = (small / "site" / "tutorial" / "page.html").read_text(encoding="utf-8")
    assert text.count("<math ") == 3
    assert "which costs $5 or $6" in text
    assert "<li>a list without a blank line</li>" in text
    assert "<strong>Yes</strong>" in text
    assert 'href="../code/pipelines/layers/cells/lstm.py.html#L3"' in text
    assert (small / "site" / "code" / "docs" / "tutorial_outs.py.html").is_file()


def test_mistakes_stop_the_build(small):
    mistakes = {
        "$x = \\foo$": "no MathML for x = \\foo",
        "[a](../gone.md)": "gone.md",
        "[a](../../pipelines/files.py#L999999)": "#L999999",
        "[a](../../pipelines/gone.py)": "gone.py",
    }
    text = "\n\n".join(["# A page", *mistakes])
    (small / "docs" / "tutorial" / "page.md").write_text(text, encoding="utf-8")
    process = build(small, small / "site")
    assert process.returncode != 0
    assert [message for message in mistakes.values() if message not in process.stderr] == []
