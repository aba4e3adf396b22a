import pytest

from pipelines.config import params
from pipelines.config.params import Cleaning
from pipelines.text.normalization import normalize


def cleaning(lowercase: bool = False) -> Cleaning:
    return Cleaning(lowercase=lowercase, max_length=5, drop_repeated=False)


@pytest.mark.parametrize(
    ("raw", "normalized"),
    [
        ("ROMEO\nAy  me!\n", "ROMEO\nAy me!\n"),  # line ends stay, also the last
        (" \t12 mars\u00a01999 ", "12 mars 1999"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("e\u0301", "é"),
        ("\ufeffa\x00b\x1b[0m\u200b", "ab[0m"),
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
