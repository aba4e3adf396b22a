"""Benchmark data: the files have the counts that published numbers are based on.

They are skipped without the files, which may not be distributed with this project.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.data import corpus
from pipelines.data.readers.by_file import ByFileReader
from pipelines.data.readers.parallel import ParallelReader
from pipelines.models import mixture
from pipelines.models.cache import UnigramCache
from pipelines.models.ngram import NGram
from pipelines.text import encoding, vocabulary
from tests.unit.data import whole_frames

DATA = Path(__file__).parents[4] / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="needs the benchmarks' files in ../shared/data"
)

LONG = {"unicode": "NFC", "lowercase": False, "max_length": 10_000, "drop_repeated": False}
TABLE = {"format": "table", "separator": ","}
EMOTIONS = {"0": "anger", "1": "joy", "2": "optimism", "3": "sadness"}
Parts = dict[str, pd.DataFrame]


def prepare(folder: Path, entry: params.Corpus, *files: str) -> Parts:
    """Return the splits of a corpus of these files, which are linked into the folder."""
    names = []
    for file in files:
        (folder / Path(file).name).symlink_to(DATA / file)
        names.append(Path(file).name)
    rows = corpus.read(folder, entry.reader, entry.task, names, entry.split)
    (folder / "scratch").mkdir()
    return whole_frames.prepare(rows, entry, folder / "scratch")


def sizes(parts: Parts) -> list[int]:
    return [len(part) for part in parts.values()]


def given_split(train: str, valid: str, test: str, *endings: str) -> params.GivenSplit:
    parts = {"train": train, "valid": valid, "test": test}
    lists = {part: tuple(name + ending for ending in endings) for part, name in parts.items()}
    return params.GivenSplit.model_validate({"method": "given", **lists})


def test_penn_treebank_has_its_tokens_with_the_ends_of_lines(tmp_path: Path, make_corpus) -> None:
    entry = make_corpus(
        tokens="spaces",
        cleaning=LONG,
        split=given_split("ptb.train", "ptb.valid", "ptb.test", ".txt"),
        vocabulary={"max_size": 10_000, "min_count": 1},
    )
    files = [f"ptb/ptb.{part}.txt" for part in ("train", "valid", "test")]
    parts = prepare(tmp_path, entry, *files)
    words = whole_frames.build_vocabularies(parts["train"], entry)
    # One `</s>` stands before the first token and is not predicted.
    tokens = [len(encoding.encode_stream(part, words)) - 1 for part in parts.values()]
    assert tokens == [929_589, 73_760, 82_430]
    # 10,000 types: these, <unk> and the end of a line; <pad> and <s> are ours.
    assert len(words.columns["text"]) == 9_998 + 2 + 2
    unknown = parts["train"]["text"].str.count("<unk>").sum()
    assert words.columns["text"].counts[vocabulary.UNK] == unknown == 45_020


def test_penn_treebank_perplexity_of_kneser_ney_with_a_cache(tmp_path: Path, make_corpus) -> None:
    """Test perplexity 141.06 of order 5, and 126.6 with a unigram cache of 200 words.

    The fitted weight of the cache is 0.1.
    """
    entry = make_corpus(
        tokens="spaces",
        cleaning=LONG,
        split=given_split("ptb.train", "ptb.valid", "ptb.test", ".txt"),
        vocabulary={"max_size": 10_000, "min_count": 1},
    )
    parts = prepare(
        tmp_path, entry, *[f"ptb/ptb.{part}.txt" for part in ("train", "valid", "test")]
    )
    words = whole_frames.build_vocabularies(parts["train"], entry)
    train, valid, test = (encoding.encode_stream(part, words) for part in parts.values())
    size = len(words.columns["text"])
    ngram = NGram.count(train, 5, size, "kneser_ney")
    assert np.exp(-ngram.log_probabilities(test).mean()) == pytest.approx(141.063, abs=1e-3)
    components = {"ngram": ngram, "cache": UnigramCache(200, size)}
    on_valid, on_test = (
        {name: model.log_probabilities(stream) for name, model in components.items()}
        for stream in (valid, test)
    )
    weights = mixture.fit_weights(on_valid)
    assert weights == pytest.approx({"ngram": 0.899, "cache": 0.101}, abs=2e-3)
    assert np.exp(-mixture.mix(on_test, weights).mean()) == pytest.approx(126.59, abs=0.02)


def test_multi30k(tmp_path: Path, make_corpus) -> None:
    names = ("train", "val", "test_2016_flickr")
    split = given_split(*names, ".de.gz", ".en.gz")
    entry = make_corpus("translation", cleaning={**LONG, "lowercase": True}, split=split)
    files = [f"multi30k/{name}.{side}.gz" for name in names for side in ("de", "en")]
    parts = prepare(tmp_path, entry, *files)
    assert sizes(parts) == [29_000, 1_014, 1_000]
    first = parts["test"].iloc[0]
    assert first["source"] == "ein mann mit einem orangefarbenen hut , der etwas anstarrt ."
    assert first["target"] == "a man in an orange hat starring at something ."


def test_tweeteval_emotion(tmp_path: Path, make_corpus) -> None:
    split = given_split("train", "val", "test", "_text.txt", "_labels.txt")
    reader = ParallelReader(format="parallel", labels=EMOTIONS)
    entry = make_corpus("classification", cleaning=LONG, split=split, reader=reader)
    files = [
        f"tweeteval/emotion/{part}_{column}.txt"
        for part in ("train", "val", "test")
        for column in ("text", "labels")
    ]
    parts = prepare(tmp_path, entry, *files)
    assert sizes(parts) == [3_257, 374, 1_421]
    assert set(parts["test"]["label"]) == set(EMOTIONS.values())
    assert parts["train"]["label"].iloc[0] == "optimism"


def test_airline_tweets_keep_the_shares_of_their_labels(tmp_path: Path, make_corpus) -> None:
    reader = {**TABLE, "columns": {"text": "text", "label": "airline_sentiment"}}
    split = {"method": "stratified", "valid": 0.1, "test": 0.2}
    entry = make_corpus("classification", cleaning=LONG, split=split, reader=reader)
    parts = prepare(tmp_path, entry, "introdeeplearning/sentiment-tweets.csv")
    assert sum(sizes(parts)) == 14_640
    for part in parts.values():
        assert (part["label"] == "negative").mean() == pytest.approx(0.627, abs=0.001)


def test_tweets_of_two_sources_in_one_corpus(tmp_path: Path, make_corpus) -> None:
    reader = {
        "format": "by_file",
        "files": {
            "sentiment-tweets.csv": {**TABLE, "columns": {"text": "text"}},
            "train_text.txt": {"format": "lines"},
        },
    }
    entry = make_corpus(cleaning=LONG).model_copy(
        update={"reader": ByFileReader.model_validate(reader)}
    )
    files = ("introdeeplearning/sentiment-tweets.csv", "tweeteval/emotion/train_text.txt")
    assert sum(sizes(prepare(tmp_path, entry, *files))) == 14_640 + 3_257


def test_tinyshakespeare_is_cut_within_a_line_of_its_last_tenth(
    tmp_path: Path, make_corpus
) -> None:
    split = {"method": "contiguous", "valid": 0.05, "test": 0.1}
    entry = make_corpus(tokens="characters", cleaning=LONG, split=split)
    parts = prepare(tmp_path, entry, "tinyshakespeare/input.txt")
    characters = {name: (part["text"].str.len() + 1).sum() for name, part in parts.items()}
    # Cleaning removes eighteen blanks, doubled or at the end of a line.
    assert sum(characters.values()) == 1_115_394 - 18
    assert characters["test"] == pytest.approx(1_115_394 / 10, abs=40)
    text = (DATA / "tinyshakespeare" / "input.txt").read_text(encoding="utf-8")
    tail = "\n".join(parts["test"]["text"]) + "\n"
    assert " ".join(text.split()).endswith(" ".join(tail.split()))
