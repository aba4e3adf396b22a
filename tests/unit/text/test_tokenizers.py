import pytest

from pipelines.text import tokenizers


@pytest.mark.parametrize(
    ("raw", "tokenized"),
    [
        ("l'homme", "l' homme"),
        ("l’homme, dit-il!", "l' homme , dit - il !"),  # noqa: RUF001
        ("the priests' house", "the priests ' house"),
        ("don't 3.5", "don' t 3 . 5"),
        ("  two\n\tlines ", "two lines"),
        ("où été", "où été"),
        ("", ""),
    ],
)
def test_words(raw: str, tokenized: str) -> None:
    assert tokenizers.words(raw) == tokenized


def test_split_and_join_are_inverse() -> None:
    assert tokenizers.split("l' homme .", "words") == ["l'", "homme", "."]
    assert tokenizers.split("ab \n", "characters") == ["a", "b", " ", "\n"]
    assert tokenizers.split("", "words") == []
    for kind, text in (("words", "l' homme ."), ("characters", "a b\n")):
        assert tokenizers.join(tokenizers.split(text, kind), kind) == text  # type: ignore[arg-type]
