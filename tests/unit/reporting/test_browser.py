"""The page as a real browser shows it, without a window."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from commands import browser
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import page, plots
from tests.unit.chromium import drawn, needs_chromium

# What the page says of itself once it is drawn, put where --dump-dom shows it.
PROBE = """<script>
addEventListener("load", () => {
  const pictures = [...document.images];
  const said = {
    pictures: pictures.length,
    drawn: pictures.filter(one => one.complete && one.naturalWidth > 0).length,
    wide: document.documentElement.scrollWidth,
    width: document.documentElement.clientWidth,
    background: getComputedStyle(document.body).backgroundColor,
  };
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify(said);
  document.body.append(told);
});
</script>"""


@pytest.fixture
def built(project: Path) -> Path:
    """The report of a project whose pictures are real ones."""
    words = ["a", "<b>", "c & d"]
    for picture in (project / "pictures").glob("*/*.svg"):
        picture.write_text(plots.confusion_matrix(np.eye(2), ["x", "y"], "any"), encoding="utf-8")
    drawn = {
        "verses-attention/attention-1.svg": plots.attention_map(np.eye(3), words, words, "map"),
        "opinions-lstm/confusion.svg": plots.confusion_matrix(np.eye(2), ["x", "y"], "counts"),
    }
    for name, svg in drawn.items():
        (project / "pictures" / name).write_text(svg, encoding="utf-8")
    (project / "predictions").mkdir()
    for name in ("opinions-perceptron", "opinions-lstm"):
        frame = pd.DataFrame({"text": ["a", "b"], "label": "neutral", "predicted": "neutral"})
        frame.to_parquet(project / "predictions" / f"{name}.parquet")
    folders = ("metrics", "predictions", "plots", "pictures", "checks", "verified")
    tree = params.load(project / "params.yaml")
    html = page.build(page.gather(tree, *(project / name for name in folders), {}))
    (project / "report.html").write_text(html, encoding="utf-8")
    return project / "report.html"


def shown(report: Path, *options: str, width: int = 1000) -> tuple[dict[str, Any], str]:
    """What the probe says, and what the browser wrote to its console."""
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    html = report.read_text(encoding="utf-8")
    assert policy.search(html)
    probed = report.with_name("probed.html")
    probed.write_text(policy.sub("", html).replace("</head>", PROBE + "</head>"), encoding="utf-8")
    window = f"--window-size={width},900"
    html, said = drawn(probed.as_uri(), report.parent / "profile", window, *options)
    told = re.search(r'<pre id="told">(.*?)</pre>', html, flags=re.S)
    assert told, said
    return json.loads(told[1]), said


@needs_chromium
def test_every_picture_is_drawn_and_nothing_is_said_against_the_page(built: Path) -> None:
    said, console = shown(built)
    assert said["pictures"] == built.read_text(encoding="utf-8").count("<img") > 2
    assert said["drawn"] == said["pictures"]
    assert console == ""
    assert said["background"] == "rgb(255, 255, 255)"


def test_a_pointer_on_an_attention_map_is_told_the_weight(built: Path) -> None:
    html = built.read_text(encoding="utf-8")
    assert html.count('<i title="') == 9
    assert '<i title="&lt;b&gt; ← c␣&amp;␣d: 0.00"' in html


@needs_chromium
def test_a_picture_that_is_none_is_noticed(built: Path) -> None:
    """So that the test above can fail."""
    html = built.read_text(encoding="utf-8")
    built.write_text(html.replace("base64,", "base64,AAAA", 1), encoding="utf-8")
    said, _ = shown(built)
    assert said["drawn"] == said["pictures"] - 1


@needs_chromium
def test_it_is_readable_on_a_phone_and_in_the_dark(built: Path) -> None:
    """Tables scroll by themselves, and the page never sideways."""
    dark = "--blink-settings=preferredColorScheme=0"
    said, _ = shown(built, dark, width=500)  # the narrowest window that Chromium makes
    assert said["wide"] <= said["width"] <= 500
    assert said["background"] == "rgb(21, 24, 28)"


@needs_chromium
def test_it_prints(built: Path) -> None:
    pdf = built.with_suffix(".pdf")
    browser.printed(built, pdf)
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 2


def test_without_a_browser_one_sentence(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "NAMES", ("no-such-browser",))
    with pytest.raises(UserError, match="A PDF is printed by Chromium, and none is installed"):
        browser.printed(built, built.with_suffix(".pdf"))
    assert not built.with_suffix(".pdf").exists()
