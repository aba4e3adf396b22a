import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.text import encoding, vocabulary
from pipelines.text.vocabulary import END, PAD, START, UNK, Vocabularies, Vocabulary

TEXTS = ["b d a b", "c a b", ""]
SENTENCES = ["der hund läuft", "die hunde laufen", "ein hund und die katze", "die katze läuft"] * 3


def built(texts: list[str] = TEXTS, kind: params.Tokens = "words", **bounds: Any) -> Vocabulary:
    return vocabulary.build(texts, kind, **{"max_size": 100, "min_count": 1, **bounds})


def test_ids_are_by_falling_count_then_code_point() -> None:
    words = built()
    assert words.tokens == ("<pad>", "<unk>", "<s>", "</s>", "b", "a", "c", "d")
    assert words.counts == (0, 0, 0, 3, 3, 2, 1, 1)
    assert tuple(words.tokens.index(t) for t in words.tokens[:4]) == (PAD, UNK, START, END)
    assert len(words) == 8
    assert words.kind == "words"


def test_size_and_count_bound_the_tokens_without_the_special_ones() -> None:
    assert built(max_size=1).tokens[4:] == ("b",)
    words = built(min_count=2)
    assert words.tokens[4:] == ("b", "a")
    assert words.counts[UNK] == 2
    assert sum(words.counts) - words.counts[END] == 7


def test_text_that_spells_a_special_token_is_unknown() -> None:
    words = built(["<s> a </s> <unk>"], "spaces")
    assert words.tokens[4:] == ("a",)
    assert words.counts[UNK] == 3
    # As in the Penn Treebank, whose text says <unk> itself.
    assert words.encode("a <unk> <s> </s> <pad>").tolist() == [4, UNK, UNK, UNK, UNK]
    assert words.text([4, UNK]) == "a <unk>"


def test_ids_and_words() -> None:
    words = built()
    found = words.ids(["a", "new", "b"])
    assert found.dtype == np.int32
    assert found.tolist() == [5, UNK, 4]
    assert words.words(found) == ["a", "<unk>", "b"]
    assert words.ids([]).shape == (0,)


@pytest.mark.parametrize("kind", ["characters", "words", "spaces", "bpe", "unigram"])
def test_text_comes_back_from_ids(kind: params.Tokens) -> None:
    words = built(SENTENCES, kind, max_size=30, min_count=None)
    for text in (*SENTENCES, "die katze und der hund", ""):
        assert words.text(words.encode(text)) == text
        assert words.join(words.split(text)) == text
        assert words.encode(text).tolist() == words.ids(words.split(text)).tolist()
    assert words.encode("die katze").dtype == np.int32


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sub_words_by_falling_count(kind: params.Tokens) -> None:
    words = built(SENTENCES, kind, max_size=30, min_count=None)
    assert len(words) <= 34
    order = list(zip((-count for count in words.counts[4:]), words.tokens[4:], strict=True))
    assert order == sorted(order)
    split = [piece for text in SENTENCES for piece in words.split(text)]
    assert words.counts[4] == split.count(words.tokens[4]) > 1
    assert sum(words.counts) - words.counts[END] == len(split)
    assert (words.counts[UNK], words.counts[END]) == (0, len(SENTENCES))
    assert set("".join(SENTENCES)) - {" "} <= set(words.tokens), "every character is a piece"
    assert "▁hund" in words.tokens


def test_an_unknown_character_is_one_unknown_sub_word() -> None:
    words = built(SENTENCES, "bpe", max_size=40, min_count=None)
    found = words.encode("der ☃ läuft")
    assert (found == UNK).sum() == 1
    assert words.text(found) == "der <unk> läuft"
    assert words.join(words.split("der ☃ läuft")) == "der ☃ läuft"


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_resampled_sub_words_are_other_pieces_of_the_same_text(kind: params.Tokens) -> None:
    words = built(SENTENCES, kind, max_size=40, min_count=None)
    drawn = words.resampled(SENTENCES, 0.3, 7)
    assert [words.text(found) for found in drawn] == SENTENCES
    assert drawn[0].dtype == np.int32
    assert [found.tolist() for found in drawn] != [words.encode(t).tolist() for t in SENTENCES]


def test_only_sub_words_are_resampled() -> None:
    with pytest.raises(UserError, match="'tokens: words': take it out, or take bpe or unigram"):
        built().resampled(["a"], 0.1, 1)


def test_log_frequencies_are_a_distribution() -> None:
    logs = built(max_size=2).log_frequencies()
    assert logs.dtype == np.float32
    assert logs.shape == (6,)
    assert np.isclose(np.exp(logs).sum(), 1.0)
    # counts are 0, 2, 0, 3, 3, 2, raised by one each: 16 in all
    assert np.allclose(np.exp(logs) * 16, [1, 3, 1, 4, 4, 3])


def test_unknown_rate() -> None:
    words = built(["a b"], "spaces")
    assert vocabulary.unknown_rate(words, ["a x", "b <s>"]) == 0.5
    assert vocabulary.unknown_rate(words, []) == 0.0


def test_of_sub_words_the_characters_are_foreseen(make_corpus) -> None:
    sizes = {"max_size": 40, "min_count": None}
    corpus = make_corpus("translation", tokens="bpe", vocabulary=sizes)
    frame = pd.DataFrame({"source": ["ab"] * 60, "target": ["xyz" * 20] * 60})
    seen = vocabulary.vocabulary_estimate(frame, corpus).columns
    assert vocabulary.unknown_rate(seen["source"], ["abab", "ax"]) == pytest.approx(1 / 6)
    assert vocabulary.unknown_rate(seen["target"], ["ab"]) == 1.0
    shared = make_corpus("translation", tokens="bpe", vocabulary={**sizes, "shared": True})
    together = vocabulary.vocabulary_estimate(frame, shared).columns
    assert vocabulary.unknown_rate(together["source"], ["xa"]) == 0.0


def test_a_shared_vocabulary_has_the_counts_of_each_column(make_corpus) -> None:
    corpus = make_corpus("translation", vocabulary={"max_size": 3, "shared": True})
    frame = pd.DataFrame({"source": ["a a b", "c"], "target": ["x a b", "x d"]})
    columns = vocabulary.build_vocabularies(frame, corpus).columns
    assert columns["source"].tokens == columns["target"].tokens == (*vocabulary.SPECIALS, *"abx")
    assert columns["source"].counts == (0, 1, 0, 2, 2, 1, 0)
    assert columns["target"].counts == (0, 1, 0, 2, 1, 1, 2)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_shared_sub_words_are_learnt_from_both_sides(kind: params.Tokens, make_corpus) -> None:
    sizes = {"max_size": 40, "min_count": None, "shared": True}
    corpus = make_corpus("translation", tokens=kind, vocabulary=sizes)
    frame = pd.DataFrame({"source": SENTENCES, "target": [text.upper() for text in SENTENCES]})
    columns = vocabulary.build_vocabularies(frame, corpus).columns
    assert columns["source"].segmenter == columns["target"].segmenter
    assert UNK not in columns["source"].encode("DER hund")


def test_round_trip_and_stable_bytes(make_corpus, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["été a", "a"], "label": ["good", "bad"]})
    words = vocabulary.build_vocabularies(frame, make_corpus("classification"))
    assert words.labels == ("bad", "good")
    vocabulary.save(words, tmp_path / "a.json")
    vocabulary.save(vocabulary.load(tmp_path / "a.json"), tmp_path / "b.json")
    assert vocabulary.load(tmp_path / "a.json") == words
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert set(json.loads((tmp_path / "a.json").read_text("utf-8"))) == {"columns", "labels"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sub_words_are_one_file(kind: params.Tokens, tmp_path: Path) -> None:
    words = Vocabularies({"text": built(SENTENCES, kind, max_size=30, min_count=None)})
    vocabulary.save(words, tmp_path / "v.json")
    loaded = vocabulary.load(tmp_path / "v.json")
    assert loaded == words
    assert loaded.columns["text"].split("die katze") == words.columns["text"].split("die katze")
    assert [path.name for path in tmp_path.iterdir()] == ["v.json"]


def test_translation_has_two_columns_and_no_labels(make_corpus, tmp_path: Path) -> None:
    frame = pd.DataFrame({"source": ["a"], "target": ["b"]})
    words = vocabulary.build_vocabularies(frame, make_corpus("translation"))
    vocabulary.save(words, tmp_path / "v.json")
    loaded = vocabulary.load(tmp_path / "v.json")
    assert list(loaded.columns) == ["source", "target"]
    assert loaded.labels == ()


SOUND = {"kind": "words", "tokens": list(vocabulary.SPECIALS), "counts": [0] * 4}
NO_MODEL = base64.b64encode(b"no model").decode()


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ({**SOUND, "tokens": ["a"], "counts": [1]}, "four special"),
        ({**SOUND, "counts": [1]}, "one to one"),
        ({**SOUND, "kind": "wirds"}, "no known kind, 'wirds'"),
        ({"tokens": SOUND["tokens"], "counts": [0] * 4}, r"no vocabulary \('kind'\)"),
        ({**SOUND, "kind": "bpe"}, r"no vocabulary \('segmenter'\)"),
        ({**SOUND, "kind": "bpe", "segmenter": "%"}, "no vocabulary"),
        ({**SOUND, "kind": "bpe", "segmenter": NO_MODEL}, "its segmenter is damaged"),
    ],
)
def test_broken_columns_are_refused(column: dict[str, Any], says: str, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(json.dumps({"columns": {"text": column}}), encoding="utf-8")
    with pytest.raises(UserError, match=says):
        vocabulary.load(tmp_path / "v.json")


def test_the_tokens_are_those_of_the_segmenter(tmp_path: Path) -> None:
    words = built(SENTENCES, "bpe", max_size=30, min_count=None)
    vocabulary.save(Vocabularies({"text": words}), tmp_path / "v.json")
    tree = json.loads((tmp_path / "v.json").read_text("utf-8"))
    tree["columns"]["text"]["tokens"][5] = "other"
    (tmp_path / "v.json").write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(UserError, match="not those of its segmenter"):
        vocabulary.load(tmp_path / "v.json")


@pytest.mark.parametrize("text", ["{", "[]"])
def test_broken_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="no vocabulary"):
        vocabulary.load(tmp_path / "v.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run build_vocab"):
        vocabulary.load(tmp_path / "v.json")
    assert Vocabularies({}).labels == ()


def test_rows_and_stream_of_ids() -> None:
    words = built(["a b", "b"], "spaces")
    assert [row.tolist() for row in encoding.encode_rows(["b", "a x"], words)] == [[4], [5, UNK]]
    (row,) = encoding.encode_rows(["b"], words, ends=True)
    assert row.tolist() == [START, 4, END]
    assert row.dtype == np.int32
    frame = pd.DataFrame({"text": ["a b", "b"]})
    stream = encoding.encode_stream(frame, Vocabularies({"text": words}))
    assert stream.tolist() == [END, 5, 4, END, 4, END]
