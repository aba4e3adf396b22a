import pytest

from pipelines.config import params
from pipelines.config.params import Cleaning
from pipelines.text.normalization import normalize, normalize_labels, normalize_many


def cleaning(lowercase: bool = False, unicode: params.UnicodeForm = "NFC") -> Cleaning:
    return Cleaning(unicode=unicode, lowercase=lowercase, max_length=5, drop_repeated=False)


@pytest.mark.parametrize(
    ("raw", "normalized"),
    [
        ("ROMEO\nAy  me!\n", "ROMEO\nAy me!\n"),  # line ends stay, also the last
        (" \t12 mars\u00a01999 ", "12 mars 1999"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("e\u0301", "é"),
        ("\ufeffa\x00b\x1b[0m\u200b", "ab[0m"),
        ("\u200eא\u202cb\ud800", "אb\ufffd"),  # no marks of direction, no half characters
    ],
)
def test_characters(raw: str, normalized: str) -> None:
    assert normalize(raw, cleaning(), "characters") == normalized
    assert normalize(normalized, cleaning(), "characters") == normalized


def test_words_are_lowercase_composed_and_separated_by_single_blanks() -> None:
    assert normalize(" E\u0301t\u00c9 L'An\n2\x00 ", cleaning(True), "words") == "été l' an 2"
    assert normalize("Ab", cleaning(False), "words") == "Ab"


@pytest.mark.parametrize(
    ("tokens", "normalized"),
    [("spaces", "it's <unk> 3.5 a▁b Ｎ"), ("bpe", "it's <unk> 3.5 a_b Ｎ")],  # noqa: RUF001
)
def test_text_between_blanks_stays(tokens: params.Tokens, normalized: str) -> None:
    raw = " it's <unk>\t3.5\n\na▁b\u00a0Ｎ\u200b \n"  # noqa: RUF001
    assert normalize(raw, cleaning(), tokens) == normalized
    assert normalize(normalized, cleaning(), tokens) == normalized
    assert normalize("A B", cleaning(True), tokens) == "a b"


@pytest.mark.parametrize(
    ("unicode", "normalized"),
    [("NFC", "é ﬁ"), ("NFD", "e\u0301 ﬁ"), ("NFKC", "é fi"), ("NFKD", "e\u0301 fi")],
)
@pytest.mark.parametrize("tokens", ["words", "characters", "spaces", "bpe"])
def test_the_unicode_form_is_configured(
    unicode: params.UnicodeForm, normalized: str, tokens: params.Tokens
) -> None:
    for raw in ("é ﬁ", "e\u0301 ﬁ"):
        assert normalize(raw, cleaning(unicode=unicode), tokens) == normalized
        assert normalize_labels([raw], unicode) == [normalized]


@pytest.mark.parametrize("unicode", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("raw", ["\u0130stanbul", "I\u0307stanbul", "istanbul"])
def test_a_capital_dotted_i_stays_one_letter(raw: str, unicode: params.UnicodeForm) -> None:
    for tokens in ("words", "characters", "spaces"):
        assert normalize(raw, cleaning(True, unicode), tokens) == "istanbul"  # type: ignore[arg-type]


def test_a_compatibility_form_has_no_capitals_left() -> None:
    assert normalize("㎒ K", cleaning(True, "NFKC"), "words") == "mhz k"


def test_a_mark_after_a_blank_is_composed_with_its_letter() -> None:
    assert normalize("cafe \u0301 noir", cleaning(), "words") == "café noir"


@pytest.mark.parametrize("tokens", ["words", "characters", "spaces", "bpe"])
def test_half_a_character_is_replaced(tokens: params.Tokens) -> None:
    texts = ["a\ud800 b", "c"]
    (first, second) = normalize_many(texts, cleaning(), tokens)
    assert first.replace(" ", "") == "a\ufffdb"
    assert second == "c"


def test_a_batch_equals_its_texts_one_by_one() -> None:
    texts = ["a\0b", "", "\u0301x", " l'", "'an ", "Σ", "ΑΣ", "🇩", "🇪", "\r", "\n", "\0"]
    for tokens in ("words", "characters", "spaces", "bpe"):
        for lowercase in (False, True):
            options = (cleaning(lowercase), tokens)
            batch = normalize_many(texts, *options)  # type: ignore[arg-type]
            assert batch == [normalize(text, *options) for text in texts]  # type: ignore[arg-type]
            assert not any("\0" in text for text in batch)
    assert normalize_many([], cleaning(), "words") == []
