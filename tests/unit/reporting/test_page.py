"""The page: all parts there, all text escaped, the same bytes, nothing from outside."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import page
from pipelines.reporting.lineage_section import Lineage, LineageStage, lineages
from stages import report

NO_TIME = '{"level": 0, "findings": [], "metrics": "", "training": {"seconds": "long"}}'
FOLDERS = ("metrics", "predictions", "plots", "pictures", "checks", "verified")


def built(project: Path, chains: Mapping[str, Lineage] | None = None) -> str:
    tree = params.load(project / "params.yaml")
    folders = [project / name for name in FOLDERS]
    return page.build(page.gather(tree, *folders, chains or {}))


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
    assert "## Epoch 1\n\n    &lt;b&gt;le&lt;/b&gt;\n" in html


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
    # Four curves, one attention map, one confusion matrix, three that say where a model fails.
    assert len(tags.words) == 9
    assert all(tags.words)
    pictures = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)
    held = [base64.b64decode(picture).decode() for picture in pictures]
    assert {"<svg>one</svg>", "<svg>two</svg>"} <= set(held)
    assert [svg for svg in held if "more" in svg] == [f"<svg>more {n}</svg>" for n in range(3)]
    said = ("calibration of {}", "score of {} by length", "gradient norms of {}")
    assert {words.format("opinions-lstm") for words in said} <= set(tags.words)


def test_tables_remarks_checks_and_gaps_are_there(project: Path) -> None:
    html = built(project)
    assert '<td class="best">0.691</td>' in html
    assert "the simpler model opinions-perceptron" in html
    assert "Not evaluated: dates-attention." in html
    assert "1 of 2 passed" in html
    assert '<td class="failed">no</td>' in html
    assert "Written by shakespeare-lstm" in html
    assert "What verses-fixed said after each epoch" in html


def test_a_verdict_of_these_metrics_stands_beside_its_model(project: Path) -> None:
    assert "badge" not in built(project).partition("<body>")[2]
    verified(project, "opinions-lstm", [])
    verified(project, "opinions-mlp", ["One.", "Two <b>."])
    verified(project, "opinions-rnn", [], "0" * 32)
    html = built(project)
    good, bad = "verified, level 0", "2 findings, level 0"
    assert f'<td>opinions-lstm <span class="badge good">{good}</span></td>' in html
    assert f'<td>opinions-mlp <span class="badge bad">{bad}</span></td>' in html
    assert "<td>opinions-rnn</td>" in html
    assert html.count('class="badge') == 2
    (project / "metrics" / "opinions-lstm.json").write_text("{}", encoding="utf-8")
    assert good not in built(project)


def test_one_finding_is_one(project: Path) -> None:
    verified(project, "opinions-mlp", ["One."])
    assert ">1 finding, level 0</span>" in built(project)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"level": 0}', '{"level": "x", "findings": []}', NO_TIME]
)
def test_a_damaged_verdict_is_refused(project: Path, text: str) -> None:
    verified(project, "opinions-mlp", [])
    (project / "verified" / "opinions-mlp.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"opinions-mlp\.json is no verdict: delete it, and"):
        built(project)


def verified(project: Path, name: str, findings: list[str], of: str | None = None) -> None:
    """A verdict of the metrics that stand there, or of others."""
    metrics = (project / "metrics" / f"{name}.json").read_bytes()
    found = hashlib.md5(metrics, usedforsecurity=False).hexdigest()
    verdict = {"level": 0, "findings": findings, "metrics": of or found}
    (project / "verified").mkdir(exist_ok=True)
    (project / "verified" / f"{name}.json").write_text(json.dumps(verdict), encoding="utf-8")


def test_significance_stands_beside_the_best(project: Path) -> None:
    """The best is the perceptron; the MLP is as often right, the LSTM far less often."""
    right = {"opinions-perceptron": 0.8, "opinions-mlp": 0.78, "opinions-lstm": 0.4}
    (project / "predictions").mkdir()
    for name, share in right.items():
        said = ["neutral" if place < 200 * share else "positive" for place in range(200)]
        frame = pd.DataFrame({"text": list("ab" * 100), "label": "neutral", "predicted": said})
        frame.to_parquet(project / "predictions" / f"{name}.parquet")
    html = built(project)
    rows = {name: html[html.index(f"<td>{name}") :].partition("</tr>")[0] for name in right}
    assert '<span class="equal">≈</span> 0.655' in rows["opinions-mlp"]
    assert "≈" not in rows["opinions-perceptron"] + rows["opinions-lstm"]
    chapter = html[html.index("Is the difference real?") :]
    assert "Each model beside opinions-perceptron, on the same 200 test items, in accuracy." in html
    for name, words in (("mlp", "no significant difference"), ("lstm", "worse")):
        assert words in chapter[chapter.index(f"<td>opinions-{name}") :].partition("</tr>")[0]
    assert chapter.count("Is the difference real?") == 1  # other corpora have no predictions


def test_damaged_predictions_are_refused(project: Path) -> None:
    (project / "predictions").mkdir()
    for name in ("opinions-perceptron", "opinions-mlp"):
        (project / "predictions" / f"{name}.parquet").write_text("no parquet", encoding="utf-8")
    with pytest.raises(UserError, match="is damaged: `dvc repro evaluate@opinions-perceptron`"):
        built(project)


def test_the_same_results_give_the_same_bytes(project: Path) -> None:
    assert built(project) == built(project)


def test_before_anything_ran_it_is_a_page_all_the_same(project: Path) -> None:
    tree = params.load(project / "params.yaml")
    nowhere = project / "nowhere"
    html = page.build(page.gather(tree, *[nowhere] * 6, {}))
    assert "Not evaluated: shakespeare-markov" in html
    assert html.endswith("</html>\n")


def test_damaged_checks_are_refused(project: Path) -> None:
    (project / "checks" / "opinions.json").write_text("[", encoding="utf-8")
    with pytest.raises(UserError, match=r"opinions\.json is no JSON"):
        built(project)


def test_the_stage_writes_the_page(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    report.main(*(Path(name) for name in (*FOLDERS, *["nowhere"] * 5, "out/report.html")))
    html = (project / "out" / "report.html").read_text(encoding="utf-8")
    tree = params.load(project / "params.yaml")
    assert html == built(project, lineages(tree, {}, Path("metrics"), ()))  # there is no dvc.lock
    assert "dvc.lock does not have evaluate@verses-fixed: `dvc repro evaluate@verses-fixed`" in html
    assert "evaluate@dates-attention" not in html  # it has no numbers


def test_a_lock_that_is_damaged_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    (project / "dvc.lock").write_text("stages: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"dvc\.lock is damaged: take it back from Git"):
        report.main(*(Path(name) for name in (*FOLDERS, *["nowhere"] * 5, "out/report.html")))
    assert not (project / "out").exists()


def test_where_the_numbers_come_from(project: Path) -> None:
    link = LineageStage("fetch@verses", (("data/raw/<b>", "12345678"),), (("seed", '"<i>"'),))
    chains = {"verses-fixed": Lineage("metrics/verses-fixed.json", (link,), ("It is <gone>.",))}
    html = built(project, chains)
    chapter = html[html.index("How the numbers of verses-fixed came to be") :]
    assert "<code>seqproof trace metrics/verses-fixed.json</code>" in chapter
    assert "<p>data/raw/&lt;b&gt; <code>12345678</code></p>" in chapter
    assert "seed: &#34;&lt;i&gt;&#34;" in chapter
    assert '<p class="failed">It is &lt;gone&gt;.</p>' in chapter
    assert html.count("Where the numbers come from") == 1


def test_published_numbers_and_gaps_are_read_without_colour(project: Path) -> None:
    assert "published" not in built(project).partition("<body>")[2]
    path = project / "params.yaml"
    goal = "{models: [verses-fixed], metric: test_bleu, published: 28.3"
    goal += ", reference: a <GRU>, source: S}"
    text = path.read_text(encoding="utf-8").replace("goals: []", f"goals: [{goal}]")
    path.write_text(text, encoding="utf-8")
    html = built(project)
    assert '7.1<span class="gap worse">-21.2 worse [1]</span>' in html
    row = '<td class="words">[1] a &lt;GRU&gt;<span class="source">S</span></td><td>28.3</td>'
    assert row in html
    assert html.count("are published by others") == 1


def test_what_a_training_took_stands_beside_the_badge(project: Path) -> None:
    verified(project, "opinions-lstm", [])
    file = project / "verified" / "opinions-lstm.json"
    took = {"processor": "<A>", "cores": "2", "device": "cpu", "kernel": "blocks"}
    took |= {"seconds": 1234.56, "tokens_per_second": 5678.9, "joules": 4321.0, "measured": "cpu"}
    plain = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(plain | {"training": took}), encoding="utf-8")
    html = built(project)
    assert '<span class="cost">&lt;A&gt;, 2 cores, device cpu, kernel blocks</span>' in html
    assert '<span class="cost">1,234.56 s, 5,679 tokens/s</span>' in html
    assert '<span class="cost">4,321.0 J, measured of: cpu</span>' in html
    file.write_text(json.dumps(plain | {"training": {"seconds": 1.0}}), encoding="utf-8")
    assert '</span><span class="cost">1.00 s</span></td>' in built(project)
    (project / "metrics" / "opinions-lstm.json").write_text("{}", encoding="utf-8")
    assert 'class="cost"' not in built(project)
