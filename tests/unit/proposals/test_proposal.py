"""Files in many forms are recognised, and what is proposed for them is valid."""

import gzip
import itertools
import json
import lzma
import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.config import params
from pipelines.config.checks import with_common_rules
from pipelines.errors import UserError
from pipelines.proposals.options import Options
from pipelines.proposals.proposal import Proposal, corpus_name, propose
from tests.unit.config.shipped import TEXT

COMMON = yaml.safe_load(TEXT)["checks"]
GENERATOR = random.Random(1)
NOUNS = [f"{first}{last}" for first in ("tree", "house", "sea", "hill") for last in "abcdefgh"]


def make_text(length: int = 8) -> str:
    return " ".join(GENERATOR.choices(NOUNS, k=length))


ROWS = [(f"{make_text()}, {number}.", ("bad", "good")[number % 2]) for number in range(60)]
QUOTED = [
    (f'"{text}' if number % 7 == 0 else text, label) for number, (text, label) in enumerate(ROWS)
]
PAIRS = [(make_text(5), make_text(5).upper() + "!") for _ in range(60)]
TAGGED = [("Ann lives in New York", "B-per O O B-loc I-loc"), ("She sleeps", "O O")] * 30
CONLL = "\n\n".join(
    "\n".join(f"{word} X {tag}" for word, tag in zip(words.split(), tags.split(), strict=True))
    for words, tags in TAGGED
)
LINES = "\n".join(f"{make_text(12).capitalize()}, or not." for _ in range(80))


def csv(rows: Sequence[tuple[str, ...]], separator: str = ",", quote: str = '"') -> str:
    def cell(text: str) -> str:
        return f"{quote}{text.replace(quote, quote * 2)}{quote}" if quote else text

    return "".join(separator.join(map(cell, row)) + "\n" for row in rows)


def tsv(rows: Sequence[tuple[str, ...]]) -> str:
    return csv(rows, "\t", "")


def jsonl(rows: Sequence[tuple[str, ...]], names: Sequence[str]) -> str:
    return "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)


def run(folder: Path, files: dict[str, str | bytes], **options: Any) -> Proposal:
    """Propose for files, and check that the proposal is valid and reads all rows."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    top = {Path(name).parts[0] for name in files if "/" in name}
    paths = [folder / name for name in top or files]
    proposal = propose(paths, "mine", Options(**options))
    source = {"kind": "files", "paths": [f"texts/{name}" for name in files]}
    tree = with_common_rules({**proposal.values, "source": source}, COMMON)
    params.Corpus.model_validate(tree)
    return proposal


COLUMNS = {"text": "text", "label": "label"}
TABLE = {"format": "table", "separator": ",", "columns": COLUMNS}
CASES: dict[str, tuple[dict[str, str | bytes], str, dict[str, Any]]] = {
    "csv": ({"a.csv": csv([("text", "label"), *ROWS])}, "classification", TABLE),
    "semicolons": (
        {"a.csv": csv([("label", "text"), *(row[::-1] for row in ROWS)], ";")},
        "classification",
        {**TABLE, "separator": ";"},
    ),
    "plain quotes": (
        {"a.tsv": tsv([("text", "label"), *QUOTED])},
        "classification",
        {**TABLE, "separator": "\t", "quoting": "none"},
    ),
    "no header": (
        {"a.tsv": tsv([row[::-1] for row in ROWS])},
        "classification",
        {
            "format": "table",
            "separator": "\t",
            "header": False,
            "columns": {"text": 2, "label": 1},
        },
    ),
    "a table named txt": (
        {"a.txt": tsv([row[::-1] for row in ROWS])},
        "classification",
        {
            "format": "table",
            "separator": "\t",
            "header": False,
            "columns": {"text": 2, "label": 1},
        },
    ),
    "many columns": (
        {
            "a.csv": csv(
                [
                    ("id", "airline", "tweet_text", "airline_sentiment", "date"),
                    *(
                        (str(n), "abcdef"[n % 6], text, label, f"2015-02-{n % 28 + 1:02d}")
                        for n, (text, label) in enumerate(ROWS)
                    ),
                ]
            )
        },
        "classification",
        {**TABLE, "columns": {"text": "tweet_text", "label": "airline_sentiment"}},
    ),
    "json lines": (
        {"a.jsonl": jsonl(ROWS, ("text", "label"))},
        "classification",
        {"format": "json_lines", "columns": COLUMNS},
    ),
    "json lines named txt": (
        {"a.txt": jsonl(PAIRS, ("en", "fr"))},
        "translation",
        {"format": "json_lines", "columns": {"source": "en", "target": "fr"}},
    ),
    "json lines with objects and nulls": (
        {
            "a.jsonl": "".join(
                json.dumps({"meta": {"a": 1}, "user": (None, "x")[n % 2], "text": text, "label": b})
                + "\n"
                for n, (text, b) in enumerate(ROWS)
            )
        },
        "classification",
        {"format": "json_lines", "columns": COLUMNS},
    ),
    "an index without a name": (
        {
            "a.csv": csv(
                [("", "text", "label"), *((str(n), *row) for n, row in enumerate(ROWS))], quote=""
            ).replace(", ", " ")
        },
        "classification",
        TABLE,
    ),
    "missing labels": (
        {
            "a.csv": csv(
                [("text", "label"), *((t, b if n % 9 else "") for n, (t, b) in enumerate(ROWS))]
            )
        },
        "classification",
        TABLE,
    ),
    "no header, and users": (
        {"a.csv": csv([(str(n % 2 * 4), f"user{n}", text) for n, (text, _) in enumerate(ROWS)])},
        "classification",
        {**TABLE, "header": False, "columns": {"text": 3, "label": 1}},
    ),
    "pairs without usual names": (
        {"a.tsv": tsv([("english", "german"), *PAIRS])},
        "translation",
        {
            "format": "table",
            "separator": "\t",
            "columns": {"source": "english", "target": "german"},
        },
    ),
    "pairs without header": (
        {"a.tsv": tsv([("Go.", "Va !"), ("Hi.", "Salut."), *PAIRS[:58]])},
        "translation",
        {
            "format": "table",
            "separator": "\t",
            "header": False,
            "columns": {"source": 1, "target": 2},
        },
    ),
    "pairs with their licences": (
        {"a.txt": tsv([(*pair, f"CC-BY 2.0 tatoeba.org #{n}") for n, pair in enumerate(PAIRS)])},
        "translation",
        {
            "format": "table",
            "separator": "\t",
            "header": False,
            "columns": {"source": 1, "target": 2},
        },
    ),
    "parts are no labels": (
        {
            "a.csv": csv(
                [
                    ("text", "split"),
                    *((t, ("train", "dev")[n % 2]) for n, (t, _) in enumerate(ROWS)),
                ]
            )
        },
        "language_modelling",
        {**TABLE, "columns": {"text": "text"}},
    ),
    "gzip": (
        {"a.csv.gz": gzip.compress(csv([("text", "label"), *ROWS]).encode())},
        "classification",
        TABLE,
    ),
    "xz without a suffix": (
        {"a": lzma.compress(jsonl(ROWS, ("text", "label")).encode())},
        "classification",
        {"format": "json_lines", "columns": COLUMNS},
    ),
    "cp1252": (
        {"a.csv": csv([("text", "label"), *((f"café {t}", b) for t, b in ROWS)]).encode("cp1252")},
        "classification",
        {**TABLE, "encoding": "cp1252"},
    ),
    "utf-16": (
        {"a.csv": csv([("text", "label"), *ROWS]).encode("utf-16")},
        "classification",
        {**TABLE, "encoding": "utf-16"},
    ),
    "a table of pairs": (
        {"a.tsv": tsv([("source", "target"), *PAIRS])},
        "translation",
        {
            "format": "table",
            "separator": "\t",
            "columns": {"source": "source", "target": "target"},
        },
    ),
    "aligned files": (
        {f"a.{end}": "\n".join(pair[n] for pair in PAIRS) for n, end in enumerate(("en", "fr"))},
        "translation",
        {"format": "parallel"},
    ),
    "aligned labels": (
        {
            "a_labels.txt": "\n".join(label for _, label in ROWS),
            "a_text.txt": "\n".join(text for text, _ in ROWS),
        },
        "classification",
        {"format": "parallel"},
    ),
    "aligned tags": (
        {f"a.{end}": "\n".join(row[n] for row in TAGGED) for n, end in enumerate(("in", "out"))},
        "tagging",
        {"format": "parallel"},
    ),
    "tagged columns": (
        {"a.conll": CONLL},
        "tagging",
        {"format": "conll", "columns": {"text": 1, "tags": 3}},
    ),
    "tags in the middle, and comments": (
        {
            "a.conll": "# id 1 x\n"
            + CONLL.replace(" X O", " O X")
            .replace(" X B-per", " B-per X")
            .replace(" X B-loc", " B-loc X")
            .replace(" X I-loc", " I-loc X")
        },
        "tagging",
        {"format": "conll", "columns": {"text": 1, "tags": 2}, "comment": "#"},
    ),
    "a table of tags": (
        {"a.tsv": tsv([("words", "slots"), *TAGGED])},
        "tagging",
        {"format": "table", "separator": "\t", "columns": {"text": "words", "tags": "slots"}},
    ),
    "text with commas": ({"a.txt": LINES}, "language_modelling", {"format": "lines"}),
    "a table of texts": (
        {"a.csv": csv([("id", "body"), *((str(n), row[0]) for n, row in enumerate(ROWS))])},
        "language_modelling",
        {**TABLE, "columns": {"text": "body"}},
    ),
    "a column of texts": (
        {"a.csv": csv([("body",), *((row[0],) for row in ROWS)])},
        "language_modelling",
        {**TABLE, "columns": {"text": "body"}},
    ),
    "folders": (
        {f"mine/{label}/{n}.txt": text for n, (text, label) in enumerate(ROWS)},
        "classification",
        {"format": "folders"},
    ),
    "a folder of texts": (
        {f"mine/{n}.txt": f"{text}\n{text}" for n, (text, _) in enumerate(ROWS)},
        "language_modelling",
        {"format": "lines"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_format_task_and_columns_are_recognised(case: str, tmp_path: Path) -> None:
    files, task, reader = CASES[case]
    proposal = run(tmp_path, files)
    assert proposal.values["task"] == task
    assert proposal.values["reader"] == reader
    assert proposal.statistics.bad_rows == 0
    assert proposal.statistics.rows in (60, 80, 120)


def test_parquet(tmp_path: Path) -> None:
    texts, labels = zip(*ROWS, strict=True)
    pq.write_table(pa.table({"text": texts, "label": labels}), tmp_path / "a.data")
    proposal = propose([tmp_path / "a.data"], None, Options())
    assert proposal.values["reader"] == {"format": "parquet", "columns": COLUMNS}
    assert proposal.statistics.head[0][2:] == ROWS[0]


def test_the_only_member_of_a_zip_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", csv([("text", "label"), *ROWS]))
    assert propose([tmp_path / "a.zip"], None, Options()).values["task"] == "classification"


def test_the_first_rows_are_those_of_the_reader(tmp_path: Path) -> None:
    proposal = run(tmp_path, CASES["plain quotes"][0])
    assert [row[2:] for row in proposal.statistics.head] == QUOTED[:5]
    assert proposal.statistics.head[0][:2] == ("a.tsv", 2)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_splits_in_the_names_stay(tmp_path: Path, suffix: str) -> None:
    def content(rows: Sequence[tuple[str, ...]]) -> str:
        named = ("text", "label")
        return csv([named, *rows]) if suffix == "csv" else jsonl(rows, named)

    parts = {"test": ROWS[40:], "train": ROWS[:30], "dev": ROWS[30:40]}
    files = {f"mine_{part}.{suffix}": content(rows) for part, rows in parts.items()}
    split = run(tmp_path, files).values["split"]
    names = {
        part: [f"mine_{name}.{suffix}"] for part, name in (("train", "train"), ("valid", "dev"))
    }
    assert split == {"method": "given", **names, "test": [f"mine_test.{suffix}"]}


def test_splits_of_aligned_files_stay_in_pairs(tmp_path: Path) -> None:
    files = {
        f"{part}.{end}": "\n".join(pair[n] for pair in PAIRS)
        for part in ("train", "val", "test")
        for n, end in enumerate(("en", "fr"))
    }
    values = run(tmp_path, files).values
    assert values["split"]["valid"] == ["val.en", "val.fr"]
    assert values["reader"] == {"format": "parallel"}


def test_splits_of_class_folders_stay(tmp_path: Path) -> None:
    names = itertools.product(("train", "val", "test"), ("bad", "good"), range(9))
    files = {f"mine/{part}/{label}/{n}.txt": make_text() for part, label, n in names}
    proposal = run(tmp_path, dict(files))
    split = {"method": "given", "train": ["train"], "valid": ["val"], "test": ["test"]}
    assert proposal.values["split"] == split
    assert proposal.statistics.head[0][:2] == ("train/bad/0.txt", 1)
    assert proposal.statistics.labels == {"bad": 27, "good": 27}


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    files = {f"{part}.csv": csv([("text", "label"), *ROWS]) for part in ("train", "test")}
    with pytest.raises(UserError, match=r"train and test, and valid is missing.*--split"):
        run(tmp_path, dict(files))
    assert run(tmp_path, dict(files), split="stratified").values["split"]["method"] == "stratified"


SPACELESS = {
    "Chinese": "他们在山上看见了一只鸟",
    "Japanese": "彼らは山で鳥を見ました",
    "Thai": "พวกเขาเห็นนกบนภูเขา",
    "Lao": "ພວກເຂົາເຫັນນົກຢູ່ເທິງພູ",
    "Khmer": "ពួកគេបានឃើញបក្សីនៅលើភ្នំ",
    "Burmese": "သူတို့သည်တောင်ပေါ်တွင်ငှက်ကိုမြင်ခဲ့သည်",
}


@pytest.mark.parametrize("language", SPACELESS)
def test_scripts_without_blanks_have_characters(tmp_path: Path, language: str) -> None:
    sentence = SPACELESS[language]
    rows = [(sentence[n % 5 :] + str(n), "ab"[n % 2]) for n in range(60)]
    values = run(tmp_path, {"a.csv": csv([("text", "label"), *rows])}).values
    assert values["tokens"] == "characters"
    assert values["cleaning"]["lowercase"] is False


@pytest.mark.parametrize(
    "sentence", ["она читает книгу", "그들은 산에서 새를", "वह किताब पढ़ती है", "هو يقرأ كتابا"]
)
def test_scripts_with_blanks_have_words(tmp_path: Path, sentence: str) -> None:
    rows = [(f"{sentence} {n % 9}", "ab"[n % 2]) for n in range(60)]
    assert run(tmp_path, {"a.csv": csv([("text", "label"), *rows])}).values["tokens"] == "words"


def test_values_are_measured(tmp_path: Path) -> None:
    rows = [(make_text(10), "ab"[n % 2]) for n in range(990)]
    rows += [(make_text(300), "a"), ("", "b")] * 4
    rows += [rows[0]] * 2
    proposal = run(tmp_path, {"a.csv": csv([("text", "label"), *rows])})
    values, reasons = proposal.values, proposal.reasons
    assert values["cleaning"]["max_length"] == 10
    assert reasons["max_length"] == "99 % of the texts have at most 10 words"
    assert values["checks"]["rows"] == {"min": 900}
    assert values["checks"]["empty"]["max"] == pytest.approx(0.006)
    assert values["checks"]["labels"] == {"values": ["a", "b"]}
    assert values["split"]["method"] == "stratified"
    assert set(proposal.comments()) == {"", *values} - {"samples"}


def test_rare_labels_are_in_training(tmp_path: Path) -> None:
    rows = [(make_text(), "ab"[number % 2]) for number in range(300)]
    rows += [(make_text(20), "rare") for _ in range(2)]
    proposal = run(tmp_path, {"a.csv": csv([("text", "label"), *rows])})
    assert proposal.values["split"] == {"method": "stratified", "valid": 0.1, "test": 0.1}
    assert "1 labels of fewer than 3 rows are in train only" in proposal.reasons["split"]
    assert proposal.values["cleaning"]["max_length"] == 20
    assert "of a label" in proposal.reasons["max_length"]


def test_texts_that_are_nearly_the_same_are_grouped_unless_most_are(tmp_path: Path) -> None:
    rows = [*ROWS, *((f"{text}!", label) for text, label in ROWS[:2])]
    proposal = run(tmp_path, {"a.csv": csv([("text", "label"), *rows])})
    assert proposal.values["split"]["near_duplicates"] == 0.8
    assert "(6.5% have such a twin)" in proposal.reasons["split"]
    same = [(f"{ROWS[0][0] * 3} {number}", label) for number, (_, label) in enumerate(ROWS)]
    proposal = run(tmp_path, {"a.csv": csv([("text", "label"), *same])})
    assert "near_duplicates" not in proposal.values["split"]
    assert "100% of the texts are so similar" in proposal.reasons["split"]


def test_few_bad_rows_are_allowed_and_many_are_not(tmp_path: Path) -> None:
    rows = [(make_text(), "ab"[n % 2]) for n in range(300)]
    text = csv([("text", "label"), *rows])
    proposal = run(tmp_path, {"a.csv": text + "alone\n"})
    assert proposal.statistics.bad_rows == 1
    assert proposal.values["checks"]["bad_rows"] == {"max": 0.005}
    assert proposal.statistics.first_bad.line == 302
    with pytest.raises(UserError, match=r"a\.csv:302 .*more rows cannot be read"):
        run(tmp_path, {"a.csv": text + "alone\n" * 20})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"label": "B"}, {"columns": {"text": "C", "label": "B"}}),
        ({"text": "D"}, {"columns": {"text": "D", "label": "A"}}),
        ({"task": "language_modelling", "text": "D"}, {"columns": {"text": "D"}}),
        ({"source": "C", "target": "D"}, {"columns": {"source": "C", "target": "D"}}),
        ({"target": "C"}, {"columns": {"source": "D", "target": "C"}}),
        ({"quoting": "none"}, {"quoting": "none"}),
        ({"encoding": "latin-1"}, {"encoding": "latin-1"}),
        ({"header": False}, {"header": False}),
    ],
)
def test_options_replace_proposals(
    tmp_path: Path, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    rows = [("ab"[n % 2], "cde"[n % 3], make_text(), make_text(4)) for n in range(60)]
    proposal = run(tmp_path, {"a.tsv": tsv([("A", "B", "C", "D"), *rows])}, **options)
    assert {key: proposal.values["reader"].get(key) for key in expected} == expected


def test_missing_labels_are_empty_rows_and_no_label(tmp_path: Path) -> None:
    checks = run(tmp_path, CASES["missing labels"][0]).values["checks"]
    assert checks["labels"] == {"values": ["bad", "good"], "level": "warn"}
    assert checks["empty"]["max"] > 7 / 60


def test_rows_that_are_dropped_are_not_missed(tmp_path: Path) -> None:
    rows = [*ROWS[:40], *ROWS[:40], ("", "bad"), ("", "good")]
    checks = run(tmp_path, {"a.csv": csv([("text", "label"), *rows])}).values["checks"]
    assert checks["rows"]["min"] < 40
    many = {"a.csv": csv([("text", "label"), *(20 * [*ROWS, ("rare words here", "bad")])])}
    assert run(tmp_path, many).values["vocabulary"]["min_count"] == 1
    assert checks["dropped"]["max"] > 0.5


def test_class_folders_of_two_parts_are_split_anew(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        f"mine/{('train', 'test')[n % 3 == 0]}/{label}/{n}.txt": text
        for n, (text, label) in enumerate(ROWS)
    }
    values = run(tmp_path, files, split="stratified").values
    assert values["reader"] == {"format": "folders"}
    assert values["checks"]["labels"]["values"] == ["bad", "good"]


def test_new_words_of_few_rows_are_no_drift(tmp_path: Path) -> None:
    rows = [(f"{text} new{number}", label) for number, (text, label) in enumerate(ROWS)]
    checks = run(tmp_path, {"a.csv": csv([("text", "label"), *rows])}).values["checks"]
    assert checks["unknown_drift"]["surplus"] == checks["unknown_rate"]["max"] > 0.1


def test_tokenised_text_stays_as_it_is(tmp_path: Path) -> None:
    text = "".join(f"{make_text()} <unk> n't .\n" for _ in range(60))
    assert run(tmp_path, {"a.txt": text}).values["tokens"] == "spaces"


def test_tokens_and_split_are_options(tmp_path: Path) -> None:
    values = run(tmp_path, CASES["csv"][0], tokens="bpe", split="shuffled").values
    assert (values["tokens"], values["split"]["method"]) == ("bpe", "shuffled")
    assert "min_count" not in values["vocabulary"]


ERRORS: list[tuple[dict[str, str | bytes], dict[str, str], str]] = [
    ({"a.csv": "text,label\na,b\n"}, {}, "1 row, too few"),
    ({"a.csv": ""}, {}, "is empty"),
    ({"a.csv": csv([("text", "label"), *ROWS])}, {"label": "lable"}, "did you mean 'label'"),
    ({"a.csv": csv([("text", "label"), *ROWS])}, {"task": "tagging"}, "No column has IOB tags"),
    (
        {"a.csv": csv([("text", "label"), *ROWS])},
        {"task": "clasification"},
        "did you mean 'classif",
    ),
    ({"a.csv": csv([("text", "label"), *ROWS])}, {"tokens": "word"}, "did you mean 'words'"),
    ({"a.csv": csv([("text", "label"), *ROWS])}, {"split": "random"}, "there is no 'random'"),
    ({"a.csv": csv([("text", "label"), *ROWS])}, {"split": "given"}, "names say train"),
    ({"a.csv": csv([("text", "text"), *ROWS])}, {}, "two columns 'text'"),
    ({"a.txt": LINES}, {"task": "classification"}, "language_modelling"),
    ({"a.txt": LINES}, {"label": "mood"}, "these files have none"),
    ({"a.png": bytes(range(256)) * 40}, {}, "a.png"),
    ({"a.csv": "text,label\n"}, {}, "no rows|0 rows"),
    ({"a.csv": csv([("text", "label"), *ROWS]), "b.txt": LINES}, {}, "another format"),
    ({"mine/a/1.txt": "x"}, {}, "two folders or more"),
    ({"mine/train/a/1.txt": "x", "mine/test/a/1.txt": "x"}, {}, "valid is missing"),
    ({"a.json": json.dumps([{"text": "a", "label": "b"}], indent=1)}, {}, "no JSON object in each"),
    ({"a.en": "a\n" * 30, "a.de": "b\n" * 29}, {}, "a.en has 30 lines, and a.de has 29 lines"),
    ({"a.conllu": "# a\n1\tThe\tDT\n2\tcat\tNN\n\n" * 30}, {}, "no column with IOB tags"),
    ({"a.conll": "Ann S-per\nsings O\n\n" * 30}, {}, "write S- as B-"),
    ({"mine/train/in": "x", "mine/valid/in": "x", "mine/test/in": "x"}, {}, "pass the files"),
    ({"a.csv": b"%PDF-1.4 and so on"}, {}, "PDF"),
    ({"a.csv.gz": b"\x1f\x8bnothing"}, {}, "not a valid gzip"),
    ({"a.parquet": b"PAR1 nothing"}, {}, "not a valid Parquet"),
]


@pytest.mark.parametrize(("files", "options", "message"), ERRORS, ids=[case[2] for case in ERRORS])
def test_what_cannot_be_proposed_is_explained(
    tmp_path: Path, files: dict[str, str | bytes], options: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(tmp_path, files, **options)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["My Reviews (2).csv"], "my-reviews-2"),
        (["Übung.txt.gz"], "ubung"),
        (["multi30k.train.en", "multi30k.train.de"], "multi30k"),
        (["emotion_train.csv", "emotion_test.csv"], "emotion"),
    ],
)
def test_the_name_is_that_of_the_files(names: list[str], expected: str, tmp_path: Path) -> None:
    assert corpus_name([tmp_path / name for name in names]) == expected


def test_files_named_by_parts_only_take_the_name_of_their_folder() -> None:
    assert corpus_name([Path("/x/Snips/train.csv"), Path("/x/Snips/test.csv")]) == "snips"


def test_a_name_without_letters_is_refused() -> None:
    with pytest.raises(UserError, match="--name"):
        corpus_name([Path("/x/文.csv")])


def test_proposals_are_deterministic(tmp_path: Path, make_many: Callable[[], str]) -> None:
    files = {"a.csv": make_many()}
    assert run(tmp_path, dict(files)).values == run(tmp_path, dict(files)).values


@pytest.fixture
def make_many() -> Callable[[], str]:
    """More rows than the sample has."""
    rows = [(f"{NOUNS[n % 32]} {n % 977} {NOUNS[n % 7]}", "ab"[n % 2]) for n in range(11_000)]
    return lambda: csv([("text", "label"), *rows])
