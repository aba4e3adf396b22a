"""The first page of the tutorial lists every topic with section, equation, code and command."""

import re

import pytest

from pipelines.config import params
from pipelines.tutorial.figures import FIGURES
from tests.contract.documented import PAGES, TUTORIAL, commands
from tests.contract.imports import ROOT

TEXT = (TUTORIAL / "index.md").read_text(encoding="utf-8")
CHAPTERS = sorted(TUTORIAL.glob("[1-5]-*.md"))
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| [") and line.count(" | ") == 4
]
CONFIG = params.load(ROOT / "params.yaml")


def anchors(text: str, marks: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(rf"^{marks} (.*)$", outside, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_every_section_of_a_chapter_is_a_topic(chapter):
    linked = set(re.findall(rf"\({chapter.name}#([\w-]+)\)", TEXT))
    text = chapter.read_text(encoding="utf-8")
    assert anchors(text, "##") - linked == {"exercises"}
    assert linked <= anchors(text, "###?")


def test_every_topic_has_a_command_and_an_output():
    lines = [" ".join(command.words) for page in PAGES for command in commands(page)]
    targets = {word for line in lines if line.startswith("seqproof run ") for word in line.split()}
    targets |= set(CONFIG.models)
    assert len(ROWS) > 50
    for topic, _, _, command, output in ROWS:
        assert re.match(r"\[.+\]\([1-5]-[\w-]+\.md#[\w-]+\)$", topic), topic
        assert output, topic
        line = command.strip("`")
        verb, _, name = line.rpartition(" ")
        if verb == "seqproof figure":
            assert name in FIGURES, topic
        elif verb == "seqproof run":
            assert name in targets, topic
        elif line not in ("-", "ipython"):
            assert any(other.startswith(line.removesuffix("...")) for other in lines), topic
