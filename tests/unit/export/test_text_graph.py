"""Text processing as a graph does what it does in Python."""

import random

import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.export.text_graph import TextGraph
from pipelines.text import normalization, vocabulary

CORPUS = ["the low lower lowest newer wider new", "a b c ab abc cab", "der neue weg, l' homme"] * 3
TEXTS = [
    "",
    " \t ",
    "Don't stop, it's l'homme d'aujourd'hui; 3.14 and 1,000!",
    "a'b'c \u2019tis rock\u2019n\u2019roll e\u0301 \u0301a b \u0301c",
    "ΣΊΣΥΦΟΣ Σ ΑΣ. İstanbul I\u0307 STRASSE",
    "한국어 \u1112\u1161\u11ab 각\u0323 ệ e\u0323\u0302 e\u0302\u0323 \u09c7\u09be",
    "中文ไทย アイ_カ ｶﾞ ﬁne ² ½",
    "👩\u200d🚀 🇩🇪🇫🇷🇩 ❤\ufe0f 👍🏽 ©a",
    'א"ב א\' צה"ל',
    "a\u00adb\u200bc\x07 line\nend\r\nnext\u2028last\x85x\x0b",
    "x\u00a0y\u3000z ▁low lowest unseen漢字漢low",
    "<unk> </s> a:b 1:2 a.b 1.b _a_1_ a__b",
]


def mixtures(count: int, seed: int) -> list[str]:
    """Return texts of random characters of `TEXTS` and of all of Unicode."""
    generator = random.Random(seed)
    letters = "".join(TEXTS)

    def letter() -> str:
        if generator.random() < 0.9:
            return generator.choice(letters)
        code = generator.randrange(0xD7FF)
        return chr(code)

    return ["".join(letter() for _ in range(generator.randrange(1, 15))) for _ in range(count)]


@pytest.mark.parametrize(
    ("kind", "form", "lowercase"),
    [
        ("words", "NFC", True),
        ("words", "NFKD", False),
        ("characters", "NFD", False),
        ("spaces", "NFKC", False),
        ("bpe", "NFC", False),
        ("unigram", "NFC", False),
    ],
)
def test_ids_are_those_of_the_vocabulary(kind, form, lowercase):
    cleaning = params.Cleaning(
        unicode=form, lowercase=lowercase, max_length=50, drop_repeated=False
    )
    words = vocabulary.build(CORPUS, kind, 40, 1)
    graph = TextGraph(words, cleaning)
    texts = TEXTS + ([] if lowercase else mixtures(40, seed=1))
    clean = graph.clean(tf.constant(texts))
    expected = normalization.normalize_many(texts, cleaning, kind)
    assert [text.decode() for text in clean.numpy()] == expected
    ids = graph.encode(graph.split(clean)).numpy()
    for row, text in zip(ids, expected, strict=True):
        if not text:  # any token: its answer is not used
            assert row[0] != vocabulary.PAD
            continue
        encoded = words.encode(text)
        assert row[: len(encoded)].tolist() == list(encoded), text
        assert not row[len(encoded) :].any()
