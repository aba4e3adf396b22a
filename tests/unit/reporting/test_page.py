"""The page: all parts there, all text escaped, the same bytes, nothing from outside."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipelines import params
from pipelines.errors import Refusal
from pipelines.reporting import page
from stages import report


def built(project: Path) -> str:
    tree = params.load(project / "params.yaml")
    folders = [project / name for name in ("metrics", "plots", "pictures", "checks")]
    return page.build(page.gather(tree, *folders))


class Tags(HTMLParser):
    """The names of all tags, and the addresses they load."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        given = dict(attrs)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag == "img":
            self.words.append(given.get("alt"))


def test_text_of_the_data_stays_text(project: Path) -> None:
    html = built(project)
    tags = Tags()
    tags.feed(html)
    assert {"script", "b", "svg"}.isdisjoint(tags.names)
    assert "ROMEO\n&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "no &lt;b&gt;empty&lt;/b&gt; text" in html


def test_it_needs_no_network_and_names_no_path(project: Path) -> None:
    html = built(project)
    tags = Tags()
    tags.feed(html)
    assert all(address.startswith(("data:", "#")) for address in tags.addresses)
    assert "http://" not in html
    assert "https://" not in html
    assert str(project) not in html
    assert len(html.encode()) < 5_000_000


def test_pictures_are_images_with_words(project: Path) -> None:
    html = built(project)
    tags = Tags()
    tags.feed(html)
    # Four curves, one attention map, one confusion matrix.
    assert len(tags.words) == 6
    assert all(tags.words)
    pictures = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)
    held = [base64.b64decode(picture).decode() for picture in pictures]
    assert {"<svg>one</svg>", "<svg>two</svg>"} <= set(held)


def test_tables_remarks_checks_and_gaps_are_there(project: Path) -> None:
    html = built(project)
    assert '<td class="best">0.691</td>' in html
    assert "the simpler model opinions-perceptron" in html
    assert "Not evaluated: dates-attention." in html
    assert "1 of 2 passed" in html
    assert '<td class="failed">no</td>' in html
    assert "Written by shakespeare-lstm" in html


def test_the_same_results_give_the_same_bytes(project: Path) -> None:
    assert built(project) == built(project)


def test_before_anything_ran_it_is_a_page_all_the_same(project: Path) -> None:
    tree = params.load(project / "params.yaml")
    nowhere = project / "nowhere"
    html = page.build(page.gather(tree, nowhere, nowhere, nowhere, nowhere))
    assert "Not evaluated: shakespeare-markov" in html
    assert html.endswith("</html>\n")


def test_damaged_checks_are_refused(project: Path) -> None:
    (project / "checks" / "opinions.json").write_text("[", encoding="utf-8")
    with pytest.raises(Refusal, match=r"opinions\.json is no JSON"):
        built(project)


def test_the_stage_writes_the_page(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    names = ("metrics", "plots", "pictures", "checks", "out/report.html")
    report.main(*(Path(name) for name in names))
    assert (project / "out" / "report.html").read_text(encoding="utf-8") == built(project)
