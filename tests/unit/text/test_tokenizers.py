import pytest

from pipelines.text import tokenizers


@pytest.mark.parametrize(
    ("raw", "tokenized"),
    [
        ("l'homme", "l' homme"),
        ("l’homme, dit-il!", "l' homme , dit - il !"),  # noqa: RUF001
        ("the priests' house", "the priests ' house"),
        ("don't 3.5 the '90s", "don' t 3.5 the ' 90s"),
        ("1990's rock'n'roll l'1", "1990' s rock' n' roll l' 1"),
        ("e\u0301\u0323't", "e\u0301\u0323' t"),  # the apostrophe follows a mark
        ("U.S. a_b #x @y", "U.S . a_b # x @ y"),
        ("हिन्दी में लिखो।", "हिन्दी में लिखो ।"),
        ("தமிழ் மொழி", "தமிழ் மொழி"),
        ("السَّلَامُ عَلَيْكُمْ", "السَّلَامُ عَلَيْكُمْ"),
        ("שָׁלוֹם עוֹלָם!", "שָׁלוֹם עוֹלָם !"),
        ("ไม่ดี", "ไ ม่ ดี"),
        ("我喜欢コーヒー。", "我 喜 欢 コーヒー 。"),
        ("한국어 텍스트", "한국어 텍스트"),
        ("می‌خواهم", "می‌خواهم"),  # a zero-width non-joiner
        ("👩‍👩‍👧🇩🇪🇫🇷👍🏽1️⃣", "👩‍👩‍👧 🇩🇪 🇫🇷 👍🏽 1️⃣"),
        ("a \u0301b", "a\u0301b"),  # a mark belongs to what precedes it
        ("\u0301 a", "\u0301 a"),
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
