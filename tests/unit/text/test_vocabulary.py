import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import Refusal
from pipelines.text import vocabulary
from pipelines.text.vocabulary import END, PAD, START, UNK, Vocabularies

LISTS = [["b", "d", "a", "b"], ["c", "a", "b"], []]


def test_ids_are_by_falling_count_then_code_point() -> None:
    built = vocabulary.build(LISTS, max_size=100, min_count=1)
    assert built.tokens == ("<pad>", "<unk>", "<s>", "</s>", "b", "a", "c", "d")
    assert built.counts == (0, 0, 0, 3, 3, 2, 1, 1)
    assert tuple(built.tokens.index(t) for t in built.tokens[:4]) == (PAD, UNK, START, END)
    assert len(built) == 8


def test_size_and_count_bound_the_tokens_without_the_special_ones() -> None:
    assert vocabulary.build(LISTS, max_size=1, min_count=1).tokens[4:] == ("b",)
    built = vocabulary.build(LISTS, max_size=100, min_count=2)
    assert built.tokens[4:] == ("b", "a")
    assert built.counts[UNK] == 2
    assert sum(built.counts) - built.counts[END] == 7


def test_text_that_spells_a_special_token_is_unknown() -> None:
    built = vocabulary.build([["<s>", "a"]], max_size=100, min_count=1)
    assert built.tokens[4:] == ("a",)
    assert built.counts[UNK] == 1


def test_ids_and_words() -> None:
    built = vocabulary.build(LISTS, max_size=100, min_count=1)
    ids = built.ids(["a", "new", "b"])
    assert ids.dtype == np.int32
    assert ids.tolist() == [5, UNK, 4]
    assert built.words(ids) == ["a", "<unk>", "b"]
    assert built.ids([]).shape == (0,)


def test_log_frequencies_are_a_distribution() -> None:
    built = vocabulary.build(LISTS, max_size=2, min_count=1)
    logs = built.log_frequencies()
    assert logs.dtype == np.float32
    assert logs.shape == (6,)
    assert np.isclose(np.exp(logs).sum(), 1.0)
    # counts are 0, 2, 0, 3, 3, 2, raised by one each: 16 in all
    assert np.allclose(np.exp(logs) * 16, [1, 3, 1, 4, 4, 3])


def test_unknown_rate() -> None:
    built = vocabulary.build([["a", "b"]], max_size=100, min_count=1)
    assert vocabulary.unknown_rate(built, ["a x", "b <s>"], "words") == 0.5
    assert vocabulary.unknown_rate(built, [], "words") == 0.0


def test_round_trip_and_stable_bytes(make_corpus, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["été a", "a"], "label": ["good", "bad"]})
    built = vocabulary.of_frame(frame, make_corpus("classification"))
    assert built.labels == ("bad", "good")
    vocabulary.save(built, tmp_path / "a.json")
    vocabulary.save(vocabulary.load(tmp_path / "a.json"), tmp_path / "b.json")
    assert vocabulary.load(tmp_path / "a.json") == built
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert set(json.loads((tmp_path / "a.json").read_text("utf-8"))) == {"columns", "labels"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_translation_has_two_columns_and_no_labels(make_corpus, tmp_path: Path) -> None:
    frame = pd.DataFrame({"source": ["a"], "target": ["b"]})
    built = vocabulary.of_frame(frame, make_corpus("translation"))
    vocabulary.save(built, tmp_path / "v.json")
    loaded = vocabulary.load(tmp_path / "v.json")
    assert list(loaded.columns) == ["source", "target"]
    assert loaded.labels == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no vocabulary"),
        ("[]", "no vocabulary"),
        ('{"columns": {"text": {"tokens": ["a"], "counts": [1]}}}', "four special"),
        (
            '{"columns": {"text": {"tokens": ["<pad>", "<unk>", "<s>", "</s>"], "counts": [1]}}}',
            "one to one",
        ),
    ],
)
def test_broken_files_are_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match=says):
        vocabulary.load(tmp_path / "v.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="run build_vocab"):
        vocabulary.load(tmp_path / "v.json")
    assert Vocabularies({}).labels == ()
