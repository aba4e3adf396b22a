"""fetch, preprocess and build_vocab on a tiny corpus of the user's own files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.config import params
from pipelines.data import parquet
from pipelines.errors import UserError
from pipelines.text import vocabulary
from stages import build_vocab, fetch, preprocess

ROOT = Path(__file__).parents[3]
OPINIONS = {
    "task": "classification",
    "source": {"kind": "files", "paths": ["texts/said.csv"]},
    "reader": {
        "format": "table",
        "separator": ",",
        "columns": {"text": "said", "label": "mood"},
    },
    "cleaning": {"lowercase": True, "max_length": 6, "drop_repeated": True},
    "tokens": "words",
    "split": {"method": "shuffled", "valid": 0.1, "test": 0.1},
    "vocabulary": {"max_size": 100, "min_count": 1},
    "checks": {"min_rows": 10, "max_unknown_rate": 0.5, "labels": ["bad", "good"]},
}
TREE: dict[str, Any] = {
    "seed": 1,
    "tracking": {"experiment_prefix": "t/"},
    "checkpoints": {"every": 10},
    "corpora": {"said": OPINIONS},
    "train_baseline models": {},
    "train_lstm models": {},
    "fine_tune models": {},
    "train_seq2seq models": {},
    "models": {},
    "laboratory": {key: {} for key in params.Experiments.model_fields},
    "goals": [],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [f"It's so {word} {n}!,{word}" for n in range(20) for word in ("good", "bad")]
    (tmp_path / "texts").mkdir()
    write(tmp_path / "texts" / "said.csv", "\n".join(["said,mood", *rows, *rows[:3]]) + "\n")
    settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def settings(project: Path, **changes: Any) -> None:
    corpus = {**OPINIONS, **changes}
    write(project / "params.yaml", yaml.safe_dump({**TREE, "corpora": {"said": corpus}}))


def preprocessed() -> list[Path]:
    parts = [Path("data", "prepared", f"{name}.parquet") for name in ("train", "valid", "test")]
    checks = Path("data/checks.json")
    preprocess.main("said", Path("data/raw"), *parts, checks)
    return [*parts, checks]


def test_the_three_stages_from_file_to_vocabulary(project: Path) -> None:
    fetch.main("said", Path("data/raw"))
    train, valid, test, checks = preprocessed()
    built = Path("data/vocabulary.json")
    build_vocab.main("said", train, built)

    assert [len(parquet.read_parquet(path)) for path in (train, valid, test)] == [32, 4, 4]
    row = parquet.read_parquet(train).iloc[0]
    raw = Path("data/raw/said.csv").read_text("utf-8").splitlines()[row["line"] - 1]
    assert raw == f"It's so {row['text'].split()[3]} {row['text'].split()[4]}!,{row['label']}"
    assert row["text"].startswith("it' s so ")
    words = vocabulary.load(built)
    assert words.labels == ("bad", "good")
    assert words.columns["text"].tokens[4:8] == ("!", "it'", "s", "so")
    assert words.columns["text"].counts[vocabulary.END] == 32
    assert all(found["success"] for found in json.loads(checks.read_text("utf-8")))


@pytest.mark.parametrize("tokens", ["bpe", "unigram"])
def test_sub_words_are_learnt_from_the_training_rows(
    tokens: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(project, tokens=tokens, vocabulary={"max_size": 40})
    fetch.main("said", Path("data/raw"))
    with monkeypatch.context() as only_once:
        only_once.delattr("pipelines.text.subwords.train")  # preprocess has no use for it
        train, valid, _, checks = preprocessed()
    build_vocab.main("said", train, Path("one.json"))
    build_vocab.main("said", train, Path("two.json"))
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()

    assert parquet.read_parquet(train)["text"].str.match("it's so (good|bad) [0-9]+!$").all()
    words = vocabulary.load(Path("one.json")).columns["text"]
    assert (words.kind, words.counts[vocabulary.END]) == (tokens, len(parquet.read_parquet(train)))
    for text in parquet.read_parquet(valid)["text"]:
        assert words.decode(words.encode(text)) == text
    rules = [found["rule"] for found in json.loads(checks.read_text("utf-8"))]
    assert "at most 0.5 of the characters of text are outside the vocabulary" in rules


def test_a_given_split_keeps_all_of_its_test_rows(project: Path) -> None:
    parts = {"train": ["a.txt"], "valid": ["b.txt"], "test": ["c.txt"]}
    for (file,) in parts.values():
        write(Path("texts") / file, "one\none\none two three\n")
    settings(
        project,
        task="language_modelling",
        source={"kind": "files", "paths": ["texts/c.txt", "texts/a.txt", "texts/b.txt"]},
        reader={"format": "lines"},
        cleaning={"lowercase": True, "max_length": 2, "drop_repeated": True},
        split={"method": "given", **parts},
        checks={"min_rows": 7, "max_unknown_rate": 0.5},
        samples={"beginning": "one", "length": 1, "temperature": 1.0},
    )
    fetch.main("said", Path("data/raw"))
    train, valid, test, _ = preprocessed()
    assert parquet.read_parquet(train)["text"].tolist() == ["one"]
    for path in (valid, test):
        assert parquet.read_parquet(path)["text"].tolist() == ["one", "one", "one two three"]
    write(Path("data", "raw", "mapping.txt"), "0\n")
    with pytest.raises(UserError, match=r"'mapping\.txt', and 'split' does not name it"):
        preprocessed()


def test_the_same_bytes_again(project: Path) -> None:
    fetch.main("said", Path("data/raw"))
    once = [path.read_bytes() for path in preprocessed()]
    assert once == [path.read_bytes() for path in preprocessed()]


def test_a_broken_rule_writes_nothing(project: Path) -> None:
    fetch.main("said", Path("data/raw"))
    settings(project, checks={**OPINIONS["checks"], "labels": ["bad", "fine"]})  # type: ignore[dict-item]
    with pytest.raises(UserError, match=r"every label is one of bad, fine; 22 of 43 rows"):
        preprocessed()
    settings(project, checks={**OPINIONS["checks"], "max_unknown_rate": 0.01})  # type: ignore[dict-item]
    with pytest.raises(UserError, match=r"at most 0\.01 of the words of text"):
        preprocessed()
    assert sorted(path.name for path in Path("data").iterdir()) == ["raw"]


def test_names_are_those_of_params(project: Path) -> None:
    with pytest.raises(UserError, match="no corpus 'sayd'; did you mean 'said'"):
        fetch.main("sayd", Path("data/raw"))
    assert not Path("data").exists()


@pytest.mark.parametrize("stage", ["fetch", "preprocess", "build_vocab"])
def test_tensorflow_is_not_imported(stage: str, project: Path) -> None:
    fetch.main("said", Path("data/raw"))
    train, *_ = preprocessed()
    calls = {
        "fetch": "main('said', Path('data/raw'))",
        "preprocess": "main('said', Path('data/raw'), *map(Path, 'tvwc'))",
        "build_vocab": f"main('said', Path('{train}'), Path('v.json'))",
    }
    code = (
        "import sys\nfrom pathlib import Path\n"
        f"from stages.{stage} import main\n{calls[stage]}\n"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'dvc'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_a_refusal_is_one_line_on_the_screen(project: Path) -> None:
    settings(project, source={"kind": "files", "paths": ["texts/sayd.csv"]})
    done = subprocess.run(
        [sys.executable, "-m", "stages.fetch", "said", "--raw", "data/raw"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "seqproof: There is no file 'texts/sayd.csv'; the nearest is 'texts/said.csv'.\n"
    )
