"""The page as a real browser renders it, and prints it to a PDF file."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from commands import browser
from pipelines import paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import page
from tests.unit.chromium import needs_chromium, render

# Measures the rendered page, and adds the result to it, where --dump-dom shows it.
PROBE = """<script>
addEventListener("load", () => {
  const pictures = [...document.images];
  const measurements = {
    pictures: pictures.length,
    loaded: pictures.filter(picture => picture.complete && picture.naturalWidth > 0).length,
    content_width: document.documentElement.scrollWidth,
    window_width: document.documentElement.clientWidth,
    background: getComputedStyle(document.body).backgroundColor,
  };
  const output = document.createElement("pre");
  output.id = "measurements";
  output.textContent = JSON.stringify(measurements);
  document.body.append(output);
});
</script>"""


@pytest.fixture
def report(project: Path, drawn: object) -> Path:
    """The report of a project with predictions of two models."""
    for name in ("opinions-perceptron", "opinions-lstm"):
        frame = pd.DataFrame({"text": ["a", "b"], "label": "neutral", "predicted": "neutral"})
        (project / paths.PREDICTIONS).mkdir(exist_ok=True)
        frame.to_parquet(project / paths.predictions(name))
    config = params.load(project / "params.yaml")
    html = page.render(page.collect(config, project, {}))
    (project / "report.html").write_text(html, encoding="utf-8")
    return project / "report.html"


def measure(report: Path, *options: str, width: int = 1000) -> tuple[dict[str, Any], str]:
    """Return the measurements of the rendered page, and the browser's console."""
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    html = report.read_text(encoding="utf-8")
    assert policy.search(html)
    probed = report.with_name("probed.html")
    probed.write_text(policy.sub("", html).replace("</head>", PROBE + "</head>"), encoding="utf-8")
    window = f"--window-size={width},900"
    html, console = render(probed.as_uri(), report.parent / "profile", window, *options)
    output = re.search(r'<pre id="measurements">(.*?)</pre>', html, flags=re.S)
    assert output, console
    return json.loads(output[1]), console


@needs_chromium
def test_every_picture_is_loaded_without_errors_in_the_console(report: Path) -> None:
    page, console = measure(report)
    assert page["pictures"] == report.read_text(encoding="utf-8").count("<img") > 2
    assert page["loaded"] == page["pictures"]
    assert console == ""
    assert page["background"] == "rgb(255, 255, 255)"


def test_an_attention_map_has_a_tooltip_for_every_weight(report: Path) -> None:
    html = report.read_text(encoding="utf-8")
    assert html.count('<i title="') == 9
    assert '<i title="&lt;b&gt; ← c␣&amp;␣d: 0.00"' in html


@needs_chromium
def test_a_broken_picture_is_noticed(report: Path) -> None:
    """Show that the test of loaded pictures can fail."""
    html = report.read_text(encoding="utf-8")
    report.write_text(html.replace("base64,", "base64,AAAA", 1), encoding="utf-8")
    page, _ = measure(report)
    assert page["loaded"] == page["pictures"] - 1


@needs_chromium
def test_the_page_fits_a_phone_and_has_a_dark_mode(report: Path) -> None:
    """Only tables scroll sideways, never the page."""
    dark = "--blink-settings=preferredColorScheme=0"
    page, _ = measure(report, dark, width=500)  # Chromium's narrowest window
    assert page["content_width"] <= page["window_width"] <= 500
    assert page["background"] == "rgb(21, 24, 28)"


@needs_chromium
def test_the_report_is_printed_to_pdf(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "TIMEOUT", None)
    pdf = report.with_suffix(".pdf")
    browser.print_to_pdf(report, pdf)
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 2


def test_without_chromium_there_is_an_error_and_no_pdf(
    report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "NAMES", ("no-such-browser",))
    with pytest.raises(UserError, match="Chromium is not installed"):
        browser.print_to_pdf(report, report.with_suffix(".pdf"))
    assert not report.with_suffix(".pdf").exists()
