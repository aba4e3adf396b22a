"""The stages fetch, preprocess and build_vocab, on a tiny corpus of the user's files."""

import csv
import json
import os
import random
import re
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import paths
from pipelines.config import params
from pipelines.data import parquet
from pipelines.errors import UserError
from pipelines.text import vocabulary
from stages import build_vocab, check, fetch, preprocess
from tests.unit.corpus_entries import COMMON_CHECKS, MOODS

ROOT = Path(__file__).parents[3]
OPINIONS = MOODS | {
    "source": {"kind": "files", "paths": ["texts/mood.csv"]},
    "reader": MOODS["reader"] | {"columns": {"text": "opinion", "label": "mood"}},
    "cleaning": MOODS["cleaning"] | {"max_length": 6},
}
TREE: dict[str, Any] = {
    "seed": 1,
    "data_seed": 1,
    "threads": 1,
    "tracking": {"experiment_prefix": "t/"},
    "checkpoints": {"every": 10},
    "data": {"engine": "local"},
    "checks": COMMON_CHECKS,
    "corpora": {"mood": OPINIONS},
    "models": {family: {} for family in params.ModelFamilies.model_fields},
    "experiments": {key: {} for key in params.Experiments.model_fields},
    "goals": [],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [f"It's so {word} {n}!,{word}" for n in range(20) for word in ("good", "bad")]
    (tmp_path / "texts").mkdir()
    write(tmp_path / "texts" / "mood.csv", "\n".join(["opinion,mood", *rows, *rows[:3]]) + "\n")
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def write_params(project: Path, **changes: Any) -> None:
    """Write params.yaml with changes of the corpus."""
    corpus = {**OPINIONS, **changes}
    write(project / "params.yaml", yaml.safe_dump({**TREE, "corpora": {"mood": corpus}}))


def read_texts(split: str) -> list[str]:
    """Return the texts of a prepared split."""
    return list(parquet.read_parquet(paths.frame("mood", split))["text"])


def read_checks() -> list[dict[str, Any]]:
    """Return the results of the data checks."""
    checks: list[dict[str, Any]] = json.loads(paths.data_checks("mood").read_text("utf-8"))
    return checks


def prepared_bytes() -> list[bytes]:
    """Return the content of all files of `preprocess`."""
    frames = [paths.frame("mood", split) for split in ("train", "valid", "test")]
    return [path.read_bytes() for path in (*frames, paths.data_checks("mood"))]


def test_three_stages_make_a_vocabulary_from_a_file(project: Path) -> None:
    fetch.main("mood")
    preprocess.main("mood")
    build_vocab.main("mood")

    assert [len(read_texts(split)) for split in ("train", "valid", "test")] == [32, 4, 4]
    row = parquet.read_parquet(paths.train_frame("mood")).iloc[0]
    raw = (paths.raw("mood") / "mood.csv").read_text("utf-8").splitlines()[row["line"] - 1]
    assert raw == f"It's so {row['text'].split()[3]} {row['text'].split()[4]}!,{row['label']}"
    assert row["text"].startswith("it' s so ")
    vocabularies = vocabulary.load(paths.vocabulary("mood"))
    assert vocabularies.labels == ("bad", "good")
    assert vocabularies.columns["text"].tokens[4:8] == ("!", "it'", "s", "so")
    assert vocabularies.columns["text"].counts[vocabulary.END] == 32
    assert all(check["success"] for check in read_checks() if check["level"] == "error")


@pytest.mark.parametrize("tokens", ["bpe", "unigram"])
def test_subwords_are_learnt_from_the_training_split(
    tokens: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(project, tokens=tokens, vocabulary={"max_size": 40})
    fetch.main("mood")
    with monkeypatch.context() as context:
        context.delattr("pipelines.text.subwords.train")  # preprocess does not need it
        preprocess.main("mood")
    build_vocab.main("mood")
    first = paths.vocabulary("mood").read_bytes()
    build_vocab.main("mood")
    assert paths.vocabulary("mood").read_bytes() == first

    train = read_texts("train")
    assert all(re.fullmatch("it's so (good|bad) [0-9]+!", text) for text in train)
    subwords = vocabulary.load(paths.vocabulary("mood")).columns["text"]
    assert (subwords.kind, subwords.counts[vocabulary.END]) == (tokens, len(train))
    for text in read_texts("valid"):
        assert subwords.decode(subwords.encode(text)) == text
    rules = [check["rule"] for check in read_checks()]
    assert "at most 0.5 of the characters of text are outside the vocabulary" in rules


def test_a_given_split_keeps_all_test_rows(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"train": ["a.txt"], "valid": ["b.txt"], "test": ["c.txt"]}
    for (file,) in parts.values():
        write(Path("texts") / file, "a\na\na b c\n")
    write_params(
        project,
        task="language_modelling",
        source={"kind": "files", "paths": ["texts/c.txt", "texts/a.txt", "texts/b.txt"]},
        reader={"format": "lines"},
        cleaning={"unicode": "NFC", "lowercase": True, "max_length": 2, "drop_repeated": True},
        split={"method": "given", **parts},
        checks={"rows": {"min": 7}, "unknown_rate": {"max": 0.5}},
        samples={"beginning": "a", "length": 1, "temperature": 1.0},
    )
    fetch.main("mood")
    preprocess.main("mood")
    assert read_texts("train") == ["a", "a b", "c"], "long rows are cut"
    output = capsys.readouterr().out
    assert "mood: 1 row was cut into 2 of at most 2 tokens (the first: a.txt:3)\n" in output
    assert "mood: 1 of 9 rows is in no split: 1 is repeated (the first: a.txt:2). " in output
    for split in ("valid", "test"):
        assert read_texts(split) == ["a", "a", "a b c"]
    write(paths.raw("mood") / "mapping.txt", "0\n")
    with pytest.raises(UserError, match=r"mapping\.txt.*split"):
        preprocess.main("mood")


def test_dropped_rows_are_explained_and_listed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"a b {n},{'bad' if n % 2 else 'good'}" for n in range(40)]
    rows += ["a b 0,bad", "A b 1,bad", "a b c d e f g,bad"]
    write(Path("texts/mood.csv"), "\n".join(["opinion,mood", *rows]) + "\n")
    fetch.main("mood")
    preprocess.main("mood")
    assert (
        "mood: 3 of 43 rows are in no split: 1 is repeated with another label (the first: "
        "mood.csv:42), 1 is repeated (the first: mood.csv:43), 1 is longer than 6 tokens (the "
        "first: mood.csv:44). data/dropped/mood.csv lists them.\n"
    ) in capsys.readouterr().out
    with paths.dropped("mood").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["document", "line", "reason", "text"],
            ["mood.csv", "42", "repeated with another label", "a b 0\tbad"],
            ["mood.csv", "43", "repeated", "A b 1\tbad"],
            ["mood.csv", "44", "longer than 6 tokens", "a b c d e f g\tbad"],
        ]
    (rule,) = [check for check in read_checks() if check["name"] == "dropped"]
    assert rule["observed"] == round(3 / 43, 6)


def test_a_stated_share_of_bad_rows_is_dropped_and_listed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"a {n},{'bad' if n % 2 else 'good'}" for n in range(40)]
    write(Path("texts/mood.csv"), "\n".join(["opinion,mood", "x,y,z", *rows, "u"]) + "\n")
    fetch.main("mood")
    with pytest.raises(UserError, match=r"mood\.csv:2 has 3 cells"):
        preprocess.main("mood")
    checks = {**OPINIONS["checks"], "bad_rows": {"max": 0.01}}  # type: ignore[dict-item]
    write_params(project, checks=checks)
    with pytest.raises(UserError, match=r"mood\.csv:2 .*first of 2 bad rows of 42, more than"):
        preprocess.main("mood")
    write_params(project, checks={**checks, "bad_rows": {"max": 0.1}})
    preprocess.main("mood")
    assert "42 rows read, 40 used" in capsys.readouterr().out
    with paths.dropped("mood").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))[1:]
    assert [line[:3] for line in lines] == [
        ["mood.csv", "2", "unreadable"],
        ["mood.csv", "43", "unreadable"],
    ]


def test_a_corpus_that_loses_all_rows_says_why(project: Path) -> None:
    fetch.main("mood")
    write_params(project, cleaning={**OPINIONS["cleaning"], "max_length": 1})  # type: ignore[dict-item]
    with pytest.raises(UserError, match=r"0 rows are too few .* 43 are longer than 1 tokens"):
        preprocess.main("mood")
    assert not Path("data/prepared").exists()


def test_near_duplicates_stay_in_one_split(project: Path) -> None:
    sample = random.Random(1).sample
    rows = [
        f"{' '.join(5 * word for word in sample(string.ascii_lowercase, 6))}{sign},good"
        for _ in range(30)
        for sign in (".", "!")
    ]
    write(Path("texts/mood.csv"), "\n".join(["opinion,mood", *rows]) + "\n")
    split = {"method": "shuffled", "valid": 0.2, "test": 0.2, "near_duplicates": 0.5}
    checks = {**OPINIONS["checks"], "unknown_rate": {"max": 1.0}, "labels": {"values": ["good"]}}  # type: ignore[dict-item]
    cleaning = {**OPINIONS["cleaning"], "max_length": 20}  # type: ignore[dict-item]
    write_params(project, split=split, checks=checks, cleaning=cleaning)
    fetch.main("mood")
    preprocess.main("mood")
    parts = [{text[:-1] for text in read_texts(name)} for name in ("train", "valid", "test")]
    assert all(parts)
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


def test_given_splits_with_the_same_rows_are_reported(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        write(Path("texts") / f"{name}.csv", "opinion,mood\nso good,good\nso bad,bad\n")
    write_params(
        project,
        source={"kind": "files", "paths": ["texts/a.csv", "texts/b.csv", "texts/c.csv"]},
        split={"method": "given", "train": ["a.csv"], "valid": ["b.csv"], "test": ["c.csv"]},
        checks={**OPINIONS["checks"], "rows": {"min": 1}},  # type: ignore[dict-item]
    )
    fetch.main("mood")
    preprocess.main("mood")
    output = capsys.readouterr().out
    for split in ("valid", "test"):
        assert re.search(
            rf"warning: {split}: no text is also in train.*2 of 2 rows.*2 exactly", output
        )


def test_preprocess_is_deterministic(project: Path) -> None:
    fetch.main("mood")
    preprocess.main("mood")
    first = prepared_bytes()
    preprocess.main("mood")
    assert prepared_bytes() == first


def test_a_failed_check_writes_nothing(project: Path) -> None:
    fetch.main("mood")
    write_params(project, checks={**OPINIONS["checks"], "labels": {"values": ["bad", "fine"]}})  # type: ignore[dict-item]
    with pytest.raises(UserError, match=r"bad, fine.*22 of 43 rows"):
        preprocess.main("mood")
    write_params(project, checks={**OPINIONS["checks"], "unknown_rate": {"max": 0.01}})  # type: ignore[dict-item]
    with pytest.raises(UserError, match=r"0\.01.*words of text"):
        preprocess.main("mood")
    assert sorted(path.name for path in Path("data").iterdir()) == ["failed", "raw"]


def test_check_names_a_missing_text(project: Path) -> None:
    check.main()
    assert list(json.loads(paths.source_record("mood").read_text("utf-8"))) == ["texts/mood.csv"]
    write_params(project, source={"kind": "files", "paths": ["texts/moood.csv"]})
    message = (
        r"corpora\.mood\.source\.paths: there is no file 'texts/moood\.csv' \(did you mean 'te"
    )
    with pytest.raises(UserError, match=message):
        check.main()


def test_an_unknown_corpus_is_an_error(project: Path) -> None:
    with pytest.raises(UserError, match=r"no corpus 'moood'.*'mood'"):
        fetch.main("moood")
    assert not Path("data").exists()


@pytest.mark.parametrize("stage", ["fetch", "preprocess", "build_vocab"])
def test_tensorflow_is_not_imported(stage: str, project: Path) -> None:
    fetch.main("mood")
    preprocess.main("mood")
    code = (
        f"import sys\nfrom stages.{stage} import main\nmain('mood')\n"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'dvc'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr


def test_a_user_error_is_one_line_on_stderr(project: Path) -> None:
    write_params(project, source={"kind": "files", "paths": ["texts/moood.csv"]})
    process = subprocess.run(
        [sys.executable, "-m", "stages.fetch", "mood"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert re.match(r"seqproof: .*'texts/moood\.csv'.*'texts/mood\.csv'", line)
