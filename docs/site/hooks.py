"""MkDocs hooks of the documentation site, which mkdocs.yml names.

The pages are written for GitHub: their links lead to files of the repository, their formulas stand
between dollar signs, and some pages lie outside of docs/. The hooks add these pages, a page for
each file that a page links to, Markdown pages of the notebooks, and MathML.
"""

from __future__ import annotations

import html
import logging
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = Path(__file__).parents[2]
# Pages outside of docs/, by their path in the repository.
PAGES = {
    "README.md": "index.md",
    "benchmarks/README.md": "benchmarks.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "STYLE.md": "style.md",
}
LINK = re.compile(r"(?P<open>\]\()(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?(?=\))")
FENCE = re.compile(r"(^[ \t]*```.*?^[ \t]*```[ \t]*$)", re.MULTILINE | re.DOTALL)
# On GitHub a list or a table may follow a line of text, and Markdown in <details> is read.
TIGHT = re.compile(r"^(?![-*|>\s#]|\d+\.)(.+)\n(?=[-*] |\d+\. |\|)", re.MULTILINE)
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
# LaTeX that the converter does not know, as it knows it; and what it leaves of other such LaTeX.
EQUIVALENTS = {"{aligned}": "{align*}", r"\arg": r"\operatorname{arg}", r"\mathrm": r"\text"}
# Browsers put no space beside the name of a function, and read := as two operators.
SPACE = '<mspace width="0.17em" />'
FUNCTION = r"<mi>(?:exp|ln|log|max|min|tanh)</mi>"
SPACING = {
    f"({FUNCTION})(?=<m[in]>)": rf"\1{SPACE}",
    f"(?<=</mi>)(?={FUNCTION})": SPACE,
    "<mi>:</mi><mo>&#x0003D;</mo>": "<mo>:=</mo>",
}
UNKNOWN = re.compile(r"<mi>(?:\\|&<)")
WIDE = {"tutorial/index.md"}  # pages whose tables need the width of the table of contents
LOG = logging.getLogger("mkdocs.plugins.seqproof")


def on_files(files: Files, config: Any) -> Files:
    """Add pages from outside of docs/, notebooks, and the code that pages link to."""
    for source, uri in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, uri, content=text))
    for notebook in sorted((ROOT / "docs").rglob("*.ipynb")):
        _add_notebook(files, config, notebook)
    linked: set[str] = set()
    for file in files.documentation_pages():
        for part in _texts(file.content_string):
            for match in LINK.finditer(part):
                path = _repository_path(file.src_uri, match["path"])
                if path and not files.get_file_from_path(_site_path(path)):
                    linked.add(path)
    for path in sorted(linked):
        if (ROOT / path).is_file():
            content = _code_page(path)
            files.append(File.generated(config, _site_path(path), content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links to files of the repository into links to pages of the site."""
    uri = page.file.src_uri
    if uri in WIDE:
        page.meta["hide"] = ["toc"]

    def site_link(match: re.Match[str]) -> str:
        path = _repository_path(uri, match["path"])
        if path is None:
            return match[0]
        target = posixpath.relpath(_site_path(path), posixpath.dirname(uri) or ".")
        return f"{match['open']}{target}{match['anchor'] or ''}"

    def adapt(text: str) -> str:
        text = TIGHT.sub(r"\1\n\n", LINK.sub(site_link, text))
        return text.replace("<details>", '<details markdown="1">')

    parts = FENCE.split(markdown)
    return "".join(part if FENCE.match(part) else adapt(part) for part in parts)


def on_page_content(content: str, page: Any, config: Any, files: Files) -> str:
    """Replace formulas by MathML."""

    def mathml(match: re.Match[str]) -> str:
        formula = html.unescape(match[3])
        for name, equivalent in EQUIVALENTS.items():
            formula = formula.replace(name, equivalent)
        formula = convert(formula, display="inline" if match[2] == "(" else "block")
        for pattern, replacement in SPACING.items():
            formula = re.sub(pattern, replacement, formula)
        if UNKNOWN.search(formula):
            LOG.warning("%s: no MathML for %s", page.file.src_uri, match[3])
        return formula

    return FORMULA.sub(mathml, content)


def _texts(markdown: str) -> list[str]:
    """Return the parts of a page that are no code blocks."""
    return [part for part in FENCE.split(markdown) if not FENCE.match(part)]


def _repository_path(uri: str, link: str) -> str | None:
    """Return the file of the repository that a link leads to; None for another address."""
    if "://" in link or link.startswith(("mailto:", "/")):
        return None
    sources = {page: source for source, page in PAGES.items()}
    source = sources.get(uri, f"docs/{uri}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def _site_path(path: str) -> str:
    """Return the source path in the site of a file of the repository."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/") and not path.endswith((".py", ".json", ".ipynb")):
        return path.removeprefix("docs/")
    if path.endswith(".ipynb"):
        return path.removeprefix("docs/").removesuffix(".ipynb") + ".md"
    return f"code/{path}.md"


def _code_page(path: str) -> str:
    """Return a page that shows a file with the line anchors of GitHub."""
    text = (ROOT / path).read_text(encoding="utf-8")
    try:
        lexer = get_lexer_for_filename(path, stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    formatter = HtmlFormatter(linenos="inline", linespans="L", cssclass="highlight", wrapcode=True)
    code = highlight(text, lexer, formatter).replace('id="L-', 'id="L')
    front = "---\nsearch:\n  exclude: true\nhide: [navigation, toc]\n---\n"
    return f'{front}\n# {path}\n\n<div class="code-page">\n{code}</div>\n'


def _add_notebook(files: Files, config: Any, notebook: Path) -> None:
    """Add a notebook as a page, with its pictures beside it."""
    from nbconvert import MarkdownExporter

    text, resources = MarkdownExporter().from_filename(
        str(notebook), resources={"output_files_dir": f"{notebook.stem}_files"}
    )
    folder = notebook.parent.relative_to(ROOT / "docs").as_posix()
    uri = posixpath.join(folder, f"{notebook.stem}.md")
    if (ROOT / "docs" / uri).exists():
        return
    files.append(File.generated(config, uri, content=text))
    for name, content in resources["outputs"].items():
        files.append(File.generated(config, posixpath.join(folder, name), content=content))
