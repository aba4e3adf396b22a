import base64
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sentencepiece

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.text import encoding, vocabulary
from pipelines.text.vocabulary import END, PAD, START, UNK, Vocabularies, Vocabulary
from tests.unit.data import whole_frames

TEXTS = ["b d a b", "c a b", ""]
SENTENCES = ["der hund läuft", "die hunde laufen", "ein hund und die katze", "die katze läuft"] * 3


def build(texts: list[str] = TEXTS, kind: params.Tokens = "words", **bounds: Any) -> Vocabulary:
    return vocabulary.build(texts, kind, **{"max_size": 100, "min_count": 1, **bounds})


def estimate(frame: pd.DataFrame, corpus: params.Corpus) -> Vocabularies:
    counted = whole_frames.count_frame(frame, corpus, vocabulary.estimate_kind(corpus))
    return vocabulary.estimate_vocabularies(counted, corpus)


def test_ids_are_in_order_of_decreasing_count_then_code_point() -> None:
    vocab = build()
    assert vocab.tokens == ("<pad>", "<unk>", "<s>", "</s>", "b", "a", "c", "d")
    assert vocab.counts == (0, 0, 0, 3, 3, 2, 1, 1)
    assert tuple(vocab.tokens.index(t) for t in vocab.tokens[:4]) == (PAD, UNK, START, END)
    assert len(vocab) == 8
    assert vocab.kind == "words"


def test_size_and_count_bound_the_tokens_without_the_special_ones() -> None:
    assert build(max_size=1).tokens[4:] == ("b",)
    vocab = build(min_count=2)
    assert vocab.tokens[4:] == ("b", "a")
    assert vocab.counts[UNK] == 2
    assert sum(vocab.counts) - vocab.counts[END] == 7


def test_text_that_spells_a_special_token_is_unknown() -> None:
    vocab = build(["<s> a </s> <unk>"], "spaces")
    assert vocab.tokens[4:] == ("a",)
    assert vocab.counts[UNK] == 3
    # As in the Penn Treebank, whose text says <unk> itself.
    assert vocab.encode("a <unk> <s> </s> <pad>").tolist() == [4, UNK, UNK, UNK, UNK]
    assert vocab.decode([4, UNK]) == "a <unk>"


def test_ids_and_tokens() -> None:
    vocab = build()
    ids = vocab.encode_tokens(["a", "new", "b"])
    assert ids.dtype == np.int32
    assert ids.tolist() == [5, UNK, 4]
    assert vocab.decode_tokens(ids) == ["a", "<unk>", "b"]
    assert vocab.encode_tokens([]).shape == (0,)


@pytest.mark.parametrize("kind", ["characters", "words", "spaces", "bpe", "unigram"])
def test_text_comes_back_from_ids(kind: params.Tokens) -> None:
    vocab = build(SENTENCES, kind, max_size=30, min_count=None)
    for text in (*SENTENCES, "die katze und der hund", ""):
        assert vocab.decode(vocab.encode(text)) == text
        assert vocab.join(vocab.split(text)) == text
        assert vocab.encode(text).tolist() == vocab.encode_tokens(vocab.split(text)).tolist()
    assert vocab.encode("die katze").dtype == np.int32


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sub_words_are_in_order_of_decreasing_count(kind: params.Tokens) -> None:
    vocab = build(SENTENCES, kind, max_size=30, min_count=None)
    assert len(vocab) <= 34
    order = list(zip((-count for count in vocab.counts[4:]), vocab.tokens[4:], strict=True))
    assert order == sorted(order)
    split = [piece for text in SENTENCES for piece in vocab.split(text)]
    assert vocab.counts[4] == split.count(vocab.tokens[4]) > 1
    assert sum(vocab.counts) - vocab.counts[END] == len(split)
    assert (vocab.counts[UNK], vocab.counts[END]) == (0, len(SENTENCES))
    assert set("".join(SENTENCES)) - {" "} <= set(vocab.tokens), "every character is a piece"
    assert "▁hund" in vocab.tokens


def test_an_unknown_character_is_one_unknown_sub_word() -> None:
    vocab = build(SENTENCES, "bpe", max_size=40, min_count=None)
    ids = vocab.encode("der ☃ läuft")
    assert (ids == UNK).sum() == 1
    assert vocab.decode(ids) == "der <unk> läuft"
    assert vocab.join(vocab.split("der ☃ läuft")) == "der ☃ läuft"


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sampled_sub_words_are_different_pieces_of_the_same_text(kind: params.Tokens) -> None:
    vocab = build(SENTENCES, kind, max_size=40, min_count=None)
    sampled = list(vocab.encode_sampled(SENTENCES, 0.3, 7))
    assert [vocab.decode(ids) for ids in sampled] == SENTENCES
    assert sampled[0].dtype == np.int32
    assert [ids.tolist() for ids in sampled] != [vocab.encode(t).tolist() for t in SENTENCES]


def test_only_sub_words_are_sampled() -> None:
    with pytest.raises(UserError, match=r"'subword_sampling'.*'tokens: words'.*bpe or unigram"):
        build().encode_sampled(["a"], 0.1, 1)


def test_log_frequencies_are_a_distribution() -> None:
    logs = build(max_size=2).log_frequencies()
    assert logs.dtype == np.float32
    assert logs.shape == (6,)
    assert np.isclose(np.exp(logs).sum(), 1.0)
    # counts are 0, 2, 0, 3, 3, 2, increased by one each: 16 in total
    assert np.allclose(np.exp(logs) * 16, [1, 3, 1, 4, 4, 3])


def test_unknown_rate() -> None:
    vocab = build(["a b"], "spaces")
    assert vocabulary.unknown_rate(vocab, ["a x", "b <s>"]) == 0.5
    assert vocabulary.unknown_rate(vocab, []) == 0.0


def test_sub_words_are_estimated_by_characters(make_corpus) -> None:
    sizes = {"max_size": 40, "min_count": None}
    corpus = make_corpus("translation", tokens="bpe", vocabulary=sizes)
    frame = pd.DataFrame({"source": ["ab"] * 60, "target": ["xyz" * 20] * 60})
    columns = estimate(frame, corpus).columns
    assert vocabulary.unknown_rate(columns["source"], ["abab", "ax"]) == pytest.approx(1 / 6)
    assert vocabulary.unknown_rate(columns["target"], ["ab"]) == 1.0
    shared = make_corpus("translation", tokens="bpe", vocabulary={**sizes, "shared": True})
    columns = estimate(frame, shared).columns
    assert vocabulary.unknown_rate(columns["source"], ["xa"]) == 0.0


def test_a_shared_vocabulary_has_the_counts_of_each_column(make_corpus) -> None:
    corpus = make_corpus("translation", vocabulary={"max_size": 3, "shared": True})
    frame = pd.DataFrame({"source": ["a a b", "c"], "target": ["x a b", "x d"]})
    columns = whole_frames.build_vocabularies(frame, corpus).columns
    assert columns["source"].tokens == columns["target"].tokens == (*vocabulary.SPECIALS, *"abx")
    assert columns["source"].counts == (0, 1, 0, 2, 2, 1, 0)
    assert columns["target"].counts == (0, 1, 0, 2, 1, 1, 2)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_shared_sub_words_are_learnt_from_both_sides(kind: params.Tokens, make_corpus) -> None:
    sizes = {"max_size": 40, "min_count": None, "shared": True}
    corpus = make_corpus("translation", tokens=kind, vocabulary=sizes)
    frame = pd.DataFrame({"source": SENTENCES, "target": [text.upper() for text in SENTENCES]})
    columns = whole_frames.build_vocabularies(frame, corpus).columns
    assert columns["source"].segmenter == columns["target"].segmenter
    assert UNK not in columns["source"].encode("DER hund")


def test_round_trip_and_stable_bytes(make_corpus, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["été a", "a"], "label": ["good", "bad"]})
    vocab = whole_frames.build_vocabularies(frame, make_corpus("classification"))
    assert vocab.labels == ("bad", "good")
    vocabulary.save(vocab, tmp_path / "a.json")
    vocabulary.save(vocabulary.load(tmp_path / "a.json"), tmp_path / "b.json")
    assert vocabulary.load(tmp_path / "a.json") == vocab
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert set(json.loads((tmp_path / "a.json").read_text("utf-8"))) == {"columns", "labels"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sub_words_are_one_file(kind: params.Tokens, tmp_path: Path) -> None:
    vocab = Vocabularies({"text": build(SENTENCES, kind, max_size=30, min_count=None)})
    vocabulary.save(vocab, tmp_path / "v.json")
    loaded = vocabulary.load(tmp_path / "v.json")
    assert loaded == vocab
    assert loaded.columns["text"].split("die katze") == vocab.columns["text"].split("die katze")
    assert [path.name for path in tmp_path.iterdir()] == ["v.json"]


def test_translation_has_two_columns_and_no_labels(make_corpus, tmp_path: Path) -> None:
    frame = pd.DataFrame({"source": ["a"], "target": ["b"]})
    vocab = whole_frames.build_vocabularies(frame, make_corpus("translation"))
    vocabulary.save(vocab, tmp_path / "v.json")
    loaded = vocabulary.load(tmp_path / "v.json")
    assert list(loaded.columns) == ["source", "target"]
    assert loaded.labels == ()


VALID = {"kind": "words", "tokens": list(vocabulary.SPECIALS), "counts": [0] * 4}
NO_MODEL = base64.b64encode(b"no model").decode()


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({**VALID, "tokens": ["a"], "counts": [1]}, "four special"),
        ({**VALID, "counts": [1]}, "tokens and counts"),
        ({**VALID, "kind": "wirds"}, r"columns\.text\.kind: Input should be 'characters'"),
        ({"tokens": VALID["tokens"], "counts": [0] * 4}, r"columns\.text\.kind: Field required"),
        ({**VALID, "kind": "bpe"}, "bpe does not match the segmenter"),
        ({**VALID, "kind": "bpe", "segmenter": "%"}, "not a valid vocabulary"),
        ({**VALID, "kind": "bpe", "segmenter": NO_MODEL}, "segmenter is damaged"),
    ],
)
def test_broken_columns_are_refused(column: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(json.dumps({"columns": {"text": column}}), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        vocabulary.load(tmp_path / "v.json")


def test_the_tokens_are_those_of_the_segmenter(tmp_path: Path) -> None:
    vocab = build(SENTENCES, "bpe", max_size=30, min_count=None)
    vocabulary.save(Vocabularies({"text": vocab}), tmp_path / "v.json")
    tree = json.loads((tmp_path / "v.json").read_text("utf-8"))
    tree["columns"]["text"]["tokens"][5] = "other"
    (tmp_path / "v.json").write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(UserError, match="tokens and segmenter"):
        vocabulary.load(tmp_path / "v.json")


@pytest.mark.parametrize("text", ["{", "[]"])
def test_broken_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"v\.json is not a valid vocabulary"):
        vocabulary.load(tmp_path / "v.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"v\.json does not exist.*build_vocab@v"):
        vocabulary.load(tmp_path / "v.json")
    assert Vocabularies({}).labels == ()


def test_rows_and_stream_of_ids() -> None:
    vocab = build(["a b", "b"], "spaces")
    assert [row.tolist() for row in encoding.encode_rows(["b", "a x"], vocab)] == [[4], [5, UNK]]
    (row,) = encoding.encode_rows(["b"], vocab, ends=True)
    assert row.tolist() == [START, 4, END]
    assert row.dtype == np.int32
    frame = pd.DataFrame({"text": ["a b", "b"]})
    stream = encoding.encode_stream(frame, Vocabularies({"text": vocab}))
    assert stream.tolist() == [END, 5, 4, END, 4, END]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sub_words_are_those_that_the_library_learns_from_the_rows(kind: params.Tokens) -> None:
    """Byte pairs are learnt from counted words, unigram sub-words from the rows themselves."""
    rows = [f"{a} {b} {a}{b} {b[:2]}" for a in ("wide", "low", "été") for b in ("newer", "est")]
    vocab = build(rows * 5, kind, max_size=30, min_count=None)
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(rows * 5),
        model_writer=written,
        model_type=kind,
        vocab_size=34,
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        num_threads=1,
        minloglevel=2,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
    )
    library = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    pieces = {library.id_to_piece(index) for index in range(4, library.get_piece_size())}
    assert set(vocab.tokens[4:]) == pieces
    split = Counter(piece for row in rows * 5 for piece in vocab.split(row))
    assert dict(zip(vocab.tokens[4:], vocab.counts[4:], strict=True)) == {
        piece: split[piece] for piece in pieces
    }


def test_all_characters_are_pieces_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text above the bound is sampled evenly; characters of other rows are pieces, too."""
    monkeypatch.setattr(vocabulary, "MAX_CHARACTERS", 20)
    monkeypatch.setattr(vocabulary, "MAX_WORDS", 1)
    rows = ["ab ab", "cd cd", "ab ab", "ef ef"] * 5
    for kind in ("bpe", "unigram"):
        vocab = build(rows, kind, max_size=20, min_count=None)  # type: ignore[arg-type]
        assert set("abcdef") <= set(vocab.tokens)
        assert vocab.counts[UNK] == 0
