"""Great Expectations' pages about the results of the data checks."""

import html
import json
import webbrowser
from pathlib import Path

import pytest

from commands import data_docs
from pipelines import paths
from pipelines.errors import UserError

RULE = {
    "frame": "raw",
    "name": "label_conflicts",
    "level": "warn",
    "rule": "no text has more than one label",
    "expectation": "expect_one_label_per_text",
    "arguments": {"column": "conflict", "max_value": 0.0},
    "column": "text",
    "observed": 1.0,
    "unexpected": 2,
    "rows": 8,
    "detail": "",
    "examples": ["d.txt:3  <script>alert(1)</script> $x ${y}"],
    "success": False,
}
ROWS = {
    **RULE,
    "frame": "splits",
    "name": "rows",
    "level": "error",
    "rule": "there are at least 5 rows",
    "expectation": "expect_enough_rows",
    "arguments": {"column": "rows", "min_value": 5.0},
    "unexpected": None,
    "observed": 8.0,
    "examples": [],
    "success": True,
}


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    paths.DATA_CHECKS.mkdir(parents=True)
    paths.data_checks("mood").write_text(json.dumps([RULE, ROWS]), encoding="utf-8")
    return tmp_path


def test_the_pages_show_rules_and_rows(
    checked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    visited: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: visited.append(address) or True)
    data_docs.docs(open_browser=False)
    assert visited == []
    index = (checked / "data" / "docs" / "index.html").as_uri()
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["mood: 1 of 2 passed, 1 warning", f"Data Docs: {index}"]
    data_docs.docs(open_browser=True, as_json=True)
    content = json.loads(capsys.readouterr().out)
    assert content["page"] == "data/docs/index.html"
    assert [entry["corpus"] for entry in content["corpora"]] == ["mood"]
    assert [check["success"] for check in content["corpora"][0]["checks"]] == [False, True]
    assert visited == []
    pages = {
        path.stem: path.read_text(encoding="utf-8")
        for path in Path("data/docs/validations").rglob("*.html")
    }
    assert set(pages) == {"raw", "splits"}
    raw = pages["raw"]
    assert "label_conflicts (warn): no text has more than one label" in raw
    assert "2 unexpected values found. 25% of 8 total rows." in raw
    assert "<script>alert" not in raw
    assert "d.txt:3  <script>alert(1)</script> $x ${y}" in html.unescape(raw)
    assert "rows (error): there are at least 5 rows" in pages["splits"]
    data_docs.docs(open_browser=True)  # a second time, over the first pages
    assert visited == [index]


@pytest.mark.parametrize(
    "change",
    [
        {"expectation": "expect_nothing"},
        {"arguments": {"oops": 1}},
        {"frame": "../../out"},
        {"rows": 0},
    ],
)
def test_tampered_results_are_named(change: dict[str, object], checked: Path) -> None:
    path = paths.data_checks("mood")
    path.write_text(json.dumps([{**RULE, **change}]), encoding="utf-8")
    with pytest.raises(UserError, match=r"data/checks/mood.json is damaged. Delete it and run"):
        data_docs.docs(open_browser=False)
    assert [entry.name for entry in Path("data").iterdir()] == ["checks"]


def test_no_checks_or_damaged_ones_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no results yet. Run `seqproof run prepro"):
        data_docs.docs(open_browser=False)
    paths.DATA_CHECKS.mkdir(parents=True)
    paths.data_checks("mood").write_text('[{"frame": "x"}]', encoding="utf-8")
    with pytest.raises(UserError, match=r"mood.json is damaged"):
        data_docs.docs(open_browser=False)
    assert not Path("data/docs").exists()
