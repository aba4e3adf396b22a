"""Overview of a corpus before any training, and what it suggests."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from commands import data_profile
from pipelines import paths
from pipelines.config import params
from pipelines.data import parquet
from pipelines.diagnostics import corpus_overview
from pipelines.errors import UserError
from tests.unit.corpus_entries import COMMON_CHECKS

SENTENCE = "the food was good and the staff were friendly so we came again last night"
WORDS = SENTENCE.split()
ROWS = [
    *((f"{WORDS[n % 15]} {' '.join(WORDS[: 8 + n % 5])} number{n}", "good") for n in range(60)),
    *((f"the food was bad and the staff were rude on day{n}", "bad") for n in range(6)),
]
CORPUS: dict[str, Any] = {
    "task": "classification",
    "source": {"kind": "files", "paths": ["texts/mood.tsv"]},
    "reader": {"format": "table", "separator": "\t", "columns": {"text": "text", "label": "label"}},
    "cleaning": {"unicode": "NFC", "lowercase": True, "max_length": 20, "drop_repeated": True},
    "tokens": "spaces",
    "split": {"method": "shuffled", "valid": 0.1, "test": 0.1},
    "vocabulary": {"max_size": 1000, "min_count": 1},
    "checks": {"labels": {"values": ["bad", "good"]}},
}


def write_project(folder: Path, rows: list[tuple[str, str]], **changes: Any) -> None:
    (folder / "texts").mkdir(exist_ok=True)
    lines = ["text\tlabel", *("\t".join(row) for row in rows)]
    (folder / "texts" / "mood.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    corpus = CORPUS | {
        key: CORPUS[key] | value if isinstance(value, dict) else value
        for key, value in changes.items()
    }
    tree = {
        "seed": 1,
        "data_seed": 1,
        "threads": 1,
        "tracking": {"experiment_prefix": ""},
        "checkpoints": {"every": 10},
        "checks": COMMON_CHECKS,
        "corpora": {"mood": corpus},
        "models": {family: {} for family in params.FAMILIES},
        "experiments": {key: {} for key in params.Experiments.model_fields},
        "goals": [],
    }
    shipped = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text("utf-8"))
    (folder / "params.yaml").write_text(yaml.safe_dump(shipped | tree), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def output_of(
    project: Path, capsys: pytest.CaptureFixture[str], rows: Any = ROWS, **changes: Any
) -> str:
    write_project(project, rows, **changes)
    data_profile.profile("mood")
    return capsys.readouterr().out


def test_the_overview(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = output_of(project, capsys)
    assert output.startswith("mood: 66 rows of its source\n")
    cells = [line.strip("│").split("│") for line in output.splitlines() if line.startswith("│")]
    table = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells}
    assert table["tokens of text"] == ["10", "12", "14", "14", "14"]
    growth = [int(cell) for cell in table["text"]]
    assert growth == sorted(growth)
    assert growth[-1] == len({word for text, _ in ROWS for word in text.split()})
    assert "text: 0 rows repeat an earlier text exactly" in output
    assert "languages en 100.0%" in output
    assert "labels: good 90.9%, bad 9.1%" in output
    assert "good is 10 times as frequent as bad (6 rows)" in output
    assert not list(project.glob("data/*"))


@pytest.mark.parametrize(
    ("changes", "rows", "line"),
    [
        (
            {"cleaning": {"max_length": 12}},
            ROWS,
            "- cleaning.max_length: 20 keeps 99 % of the rows; 12 drops 24 of 66, which have more "
            "tokens in text",
        ),
        (
            {"cleaning": {"drop_repeated": False}},
            [*ROWS, *ROWS[:3]],
            "- cleaning.drop_repeated: true would drop 3 of 69 rows",
        ),
        ({}, [*ROWS, *ROWS[:3]], "- split.near_duplicates: 0.8: "),
        (
            {"vocabulary": {"max_size": 60}},
            ROWS,
            "- vocabulary.max_size: 60 leaves out ",
        ),
        ({"tokens": "words"}, ROWS, "- tokens: bpe or unigram: "),
        (
            {},
            [
                *ROWS,
                *(
                    (f"le temps était beau et nous avons marché le long {n}", "good")
                    for n in range(9)
                ),
            ],
            "- text: 12% of the texts are in another language (fr) than most: is that meant?",
        ),
        (
            {},
            [("今天天气很好", "good")] * 3,
            "- tokens: characters, words or unigram: text is in a script",
        ),
        (
            {},
            [*ROWS, ("so so", "odd")],
            "- checks.labels.values: the text has other labels, too: odd",
        ),
        (
            {},
            [*ROWS, (ROWS[0][0].upper(), "bad")],
            "- 2 rows have a text with another label elsewhere: correct the labels",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_it_suggests(
    changes: dict[str, Any],
    rows: Any,
    line: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert line in output_of(project, capsys, rows, **changes)
    if changes:
        assert line not in output_of(project, capsys)


def test_prepared_rows_where_the_raw_ones_are_missing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = {"kind": "url", "downloads": [{"url": "https://x.org/a.tsv", "sha256": "0" * 64}]}
    write_project(project, ROWS)
    text = (project / "params.yaml").read_text("utf-8")
    tree = yaml.safe_load(text)
    tree["corpora"]["mood"]["source"] = source
    (project / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"data/raw/mood does not exist. Run `seqproof run fetch@mood`"
    ):
        data_profile.profile("mood")
    data_profile.profile(None)  # of all corpora: the others are shown
    assert "mood: data/raw/mood does not exist" in capsys.readouterr().out
    import pandas as pd

    frame = pd.DataFrame({"document": "d", "line": 1, "text": ["so good"], "label": ["good"]})
    for split in ("train", "valid", "test"):
        parquet.write_parquet(frame, paths.frame("mood", split))
    data_profile.profile("mood")
    assert "mood: 3 rows of data/prepared/mood" in capsys.readouterr().out


def test_bad_rows_and_the_first_rows(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_profile, "MAX_ROWS", 50)
    output = output_of(project, capsys, [*ROWS[:3], ("too\tmany", "columns"), *ROWS])
    first, second = output.splitlines()[:2]
    assert first == "mood: the first 49 rows of its source"
    assert second.startswith("1 row cannot be read; the first: mood.tsv:5 ")


def test_an_unknown_corpus_is_named(project: Path) -> None:
    write_project(project, ROWS)
    with pytest.raises(UserError, match=r"no corpus 'moods'; did you mean 'mood'"):
        data_profile.profile("moods")


@pytest.mark.parametrize(("length", "limit"), [(1, 10), (11, 20), (21, 50), (99, 100), (101, 200)])
def test_round_numbers(length: int, limit: int) -> None:
    assert corpus_overview._round_up(length) == limit
