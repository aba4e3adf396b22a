"""The page: complete, escaped, reproducible, and without anything from the network."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines import paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import page
from pipelines.reporting.lineage_section import LineageStage, ModelLineage, model_lineages

INVALID_SECONDS = '{"level": 0, "findings": [], "metrics": "", "training": {"seconds": "long"}}'

pytestmark = pytest.mark.usefixtures("drawn")


def render(project: Path, lineages: Mapping[str, ModelLineage] | None = None) -> str:
    config = params.load(project / "params.yaml")
    return page.render(page.collect(config, project, lineages or {}))


class Tags(HTMLParser):
    """The names of all tags, their addresses, and the alternative texts of images."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.alts: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag == "img":
            self.alts.append(dict(attrs).get("alt"))


def test_text_of_the_data_is_escaped(project: Path) -> None:
    html = render(project)
    assert {"script", "b", "svg"}.isdisjoint(Tags(html).names)
    assert "ROMEO\n&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "no &lt;b&gt;empty&lt;/b&gt; text" in html
    assert "## Epoch 1\n\n    &lt;b&gt;le&lt;/b&gt;\n" in html


def test_the_page_needs_no_network_and_names_no_local_path(project: Path) -> None:
    html = render(project)
    assert all(address.startswith(("data:", "#")) for address in Tags(html).addresses)
    assert "http://" not in html
    assert "https://" not in html
    assert str(project) not in html
    assert len(html.encode()) < 5_000_000


def test_pictures_are_images_with_alternative_texts(project: Path) -> None:
    html = render(project)
    alts = Tags(html).alts
    assert all(alts)
    pictures = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)
    assert len(pictures) == len(alts)
    assert all("<svg" in base64.b64decode(picture).decode() for picture in pictures)
    expected = {
        "learning curves of dates-fixed",
        "attention map of verses-attention",
        "confusion matrix of opinions-lstm",
        "reliability diagram of opinions-lstm",
        "score of opinions-lstm by length",
        "score of verses-fixed by length",
        "gradient norms of opinions-lstm",
    }
    assert expected <= set(alts)
    assert "gradient norms of verses-fixed" not in alts  # none were recorded


def test_tables_checks_and_samples_are_on_the_page(project: Path) -> None:
    html = render(project)
    assert '<td class="best">0.691</td>' in html
    assert "opinions-perceptron (500 parameters), leads" in html
    assert "Not evaluated: dates-attention." in html
    assert "verses-attention differs from verses-fixed in attention (general instead of" in html
    assert "Validation loss at the best epoch, lowest first: dates-fixed 2.000." in html
    assert "1 of 3 passed, 1 warning, 1 failed" in html
    assert '<td>test</td><td class="text">no text is also in train (5 exactly)' in html
    assert '</td><td class="text"><code>overlap</code></td>' in html
    assert "a.txt:7  &lt;i&gt;good&lt;/i&gt;</code>" in html
    assert '<td>7 of 2,345 (0.299%)</td><td class="warning">warning</td>' in html
    assert '<td>7 of 2,345 (0.299%)</td><td class="failed">failed</td>' in html
    assert "<code>data/failed/opinions.csv</code>" in html
    assert "Sample of shakespeare-lstm" in html
    assert "Samples of verses-fixed after each epoch" in html


def write_verified(
    project: Path, name: str, findings: list[str], metrics_md5: str | None = None, **more: Any
) -> Path:
    """Write a verification result, by default one of the current metrics."""
    metrics = (project / paths.metrics(name)).read_bytes()
    current = hashlib.md5(metrics, usedforsecurity=False).hexdigest()
    result = {"level": 0, "findings": findings, "metrics": metrics_md5 or current}
    result = {**result, "verdict": "level 0: identical", **more}
    path = project / paths.verified(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    return path


def test_a_verification_of_the_current_metrics_is_a_badge(project: Path) -> None:
    assert "badge" not in render(project).partition("<body>")[2]
    write_verified(project, "opinions-lstm", [])
    write_verified(project, "opinions-mlp", ["One.", "Two <b>."])
    write_verified(project, "opinions-rnn", [], "0" * 32)
    html = render(project)
    passed, failed = "verified, level 0", "2 findings, level 0"
    assert f'<td>opinions-lstm <span class="badge good">{passed}</span></td>' in html
    assert f'<td>opinions-mlp <span class="badge bad">{failed}</span></td>' in html
    assert "<td>opinions-rnn</td>" in html
    assert html.count('class="badge') == 2
    (project / paths.metrics("opinions-lstm")).write_text("{}", encoding="utf-8")
    assert passed not in render(project)


@pytest.mark.parametrize("summary", ["close, at most 0.43% apart", "within tolerance, at most 2%"])
def test_a_badge_says_how_far_the_numbers_are_apart(project: Path, summary: str) -> None:
    write_verified(project, "opinions-lstm", [], level=2, verdict=f"level 2: {summary}")
    assert f'<span class="badge good">verified, level 2: {summary}</span>' in render(project)


def test_one_finding_is_singular(project: Path) -> None:
    write_verified(project, "opinions-mlp", ["One."])
    assert ">1 finding, level 0</span>" in render(project)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"level": 0}', '{"level": "x", "findings": []}', INVALID_SECONDS]
)
def test_a_damaged_verification_result_is_named(project: Path, text: str) -> None:
    write_verified(project, "opinions-mlp", []).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"opinions-mlp\.json is damaged.*`seqproof verify"):
        render(project)


def test_details_of_the_training_are_below_the_badge(project: Path) -> None:
    training = {"processor": "<A>", "cores": "2", "device": "cpu", "kernel": "blocks"}
    training |= {"instruction_sets": "AVX2, AVX-512"}
    training |= {"seconds": 1234.56, "tokens_per_second": 5678.9, "joules": 4321.0}
    training |= {"measured": "cpu"}
    write_verified(project, "opinions-lstm", [], training=training)
    html = render(project)
    assert (
        '<span class="cost">&lt;A&gt;, AVX2, AVX-512, 2 cores, device cpu, kernel blocks</span>'
        in html
    )
    assert '<span class="cost">1,234.56 s, 5,679 tokens/s</span>' in html
    assert '<span class="cost">4,321.0 J, energy of: cpu</span>' in html
    write_verified(project, "opinions-lstm", [], training={"seconds": 1.0})
    assert '</span><span class="cost">1.00 s</span></td>' in render(project)
    (project / paths.metrics("opinions-lstm")).write_text("{}", encoding="utf-8")
    assert 'class="cost"' not in render(project)


def write_predictions(project: Path, name: str, accuracy: float) -> None:
    predicted = ["neutral" if number < 200 * accuracy else "positive" for number in range(200)]
    frame = pd.DataFrame({"text": list("ab" * 100), "label": "neutral", "predicted": predicted})
    (project / paths.PREDICTIONS).mkdir(exist_ok=True)
    frame.to_parquet(project / paths.predictions(name))


def test_models_are_tested_against_the_best_one(project: Path) -> None:
    """The perceptron is best; the MLP is not significantly worse, the LSTM is."""
    accuracies = {"opinions-perceptron": 0.8, "opinions-mlp": 0.78, "opinions-lstm": 0.4}
    for name, accuracy in accuracies.items():
        write_predictions(project, name, accuracy)
    html = render(project)
    rows = {name: html[html.index(f"<td>{name}") :].partition("</tr>")[0] for name in accuracies}
    assert '<span class="equal">≈</span> 0.655' in rows["opinions-mlp"]
    assert "≈" not in rows["opinions-perceptron"] + rows["opinions-lstm"]
    section = html[html.index("Significance tests") :]
    assert "compared with opinions-perceptron, the best one, on the same 200 test items" in section
    assert "choice of the best of 3 models" in section
    assert "Every model was trained from a single seed" in section
    for name, verdict in (("mlp", "no significant difference"), ("lstm", "worse")):
        assert verdict in section[section.index(f"<td>opinions-{name}") :].partition("</tr>")[0]
    assert html.count("Significance tests") == 1  # other corpora have no predictions


def test_damaged_predictions_are_named(project: Path) -> None:
    (project / paths.PREDICTIONS).mkdir()
    for name in ("opinions-perceptron", "opinions-mlp"):
        (project / paths.predictions(name)).write_text("no parquet", encoding="utf-8")
    with pytest.raises(UserError, match=r"opinions-perceptron\.parquet is damaged.*`seqproof run"):
        render(project)


def test_the_same_results_give_the_same_bytes(project: Path, drawn: dict[bytes, str]) -> None:
    drawn.clear()
    first = render(project)
    assert drawn
    drawn.clear()
    assert render(project) == first


def test_before_any_stage_has_run_the_page_is_complete(project: Path) -> None:
    config = params.load(project / "params.yaml")
    html = page.render(page.collect(config, project / "nowhere", {}))
    assert "Not evaluated: shakespeare-markov" in html
    assert html.endswith("</html>\n")


def test_damaged_data_checks_are_named(project: Path) -> None:
    for text in ("[", '{"frame": "x"}', '[{"frame": "x"}]'):
        (project / paths.data_checks("opinions")).write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"opinions\.json is damaged"):
            render(project)


def test_a_damaged_analysis_is_named(project: Path) -> None:
    (project / paths.analysis("opinions-lstm")).write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"opinions-lstm\.json is damaged"):
        render(project)


def test_write_writes_the_page(project: Path) -> None:
    config = params.load(project / "params.yaml")
    page.write(config, project)
    html = (project / paths.REPORT).read_text(encoding="utf-8")
    assert html == render(project, model_lineages(config, {}))  # there is no dvc.lock
    assert re.search(r"dvc\.lock has no stage evaluate_seq2seq@verses-fixed", html)
    assert "evaluate_seq2seq@dates-attention" not in html  # it has no metrics


def test_a_damaged_dvc_lock_is_named(project: Path) -> None:
    (project / "dvc.lock").write_text("stages: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"dvc\.lock is damaged"):
        page.write(params.load(project / "params.yaml"), project)
    assert not (project / paths.REPORT).exists()


def test_the_lineage_of_a_model_is_escaped(project: Path) -> None:
    stage = LineageStage("fetch@verses", (("data/raw/<b>", "12345678"),), (("seed", '"<i>"'),))
    lineage = ModelLineage("metrics/verses-fixed.json", (stage,), ("It is <missing>.",))
    html = render(project, {"verses-fixed": lineage})
    section = html[html.index("Lineage of verses-fixed") :]
    assert "<code>seqproof trace metrics/verses-fixed.json</code>" in section
    assert "<p>data/raw/&lt;b&gt; <code>12345678</code></p>" in section
    assert "seed: &#34;&lt;i&gt;&#34;" in section
    assert '<p class="failed">It is &lt;missing&gt;.</p>' in section
    assert html.count("<h3>Lineage</h3>") == 1


def test_published_numbers_gaps_and_protocols_are_a_table(project: Path) -> None:
    assert "published" not in render(project).partition("<body>")[2]
    path = project / "params.yaml"
    protocol = "{kind: single, split: shuffled 0.1, decoding: beam 5, tokens: words, case: lower}"
    goal = (
        "{models: [verses-fixed], metric: test_bleu, target: 9.0, published: 28.3, "
        f"reference: a <GRU>, source: S, protocol: {protocol}}}"
    )
    text = path.read_text(encoding="utf-8").replace("goals: []", f"goals: [{goal}]")
    path.write_text(text, encoding="utf-8")
    metrics = json.dumps({"test_bleu": 7.1, "search": "greedy"})
    (project / paths.metrics("verses-fixed")).write_text(metrics, encoding="utf-8")
    html = render(project)
    for cell in (
        "28.3; a &lt;GRU&gt;; S",
        "different protocol: decoding: ours greedy, theirs beam 5",
        "≥ 9 missed",
    ):
        assert f'<td class="text">{cell}</td>' in html
    assert html.count("<h3>Targets and published numbers</h3>") == 1


def test_the_first_sentence_of_a_section_names_the_leader(project: Path) -> None:
    section = render(project).partition('<section id="opinions">')[2]
    text = "A simpler model, opinions-perceptron (500 parameters), leads: accuracy 0.691"
    assert text in section
    assert section.index(text) < section.index("<table>")
