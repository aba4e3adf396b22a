"""Text in any script: normalised, cut into tokens, encoded, decoded and stored without loss."""

import unicodedata
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config.params import SUB_WORDS, Cleaning, Tokens, UnicodeForm
from pipelines.data.split_statistics import fold
from pipelines.text import normalization, tokenizers, vocabulary
from pipelines.text.normalization import normalize, normalize_labels, normalize_many
from tests.unit.text.scripts import EMOJI, texts

KINDS = get_args(Tokens)
CLEANINGS = st.builds(
    Cleaning,
    unicode=st.sampled_from(get_args(UnicodeForm)),
    lowercase=st.booleans(),
    max_length=st.just(5),
    drop_repeated=st.just(False),
)
BATCHES = st.lists(texts(), max_size=6)
JOINERS = "\u200c\u200d"


def check(examples: int) -> Any:
    return settings(max_examples=examples)


@check(150)
@given(BATCHES, CLEANINGS, st.sampled_from(KINDS))
def test_a_batch_equals_its_texts_one_by_one(
    batch: list[str], cleaning: Cleaning, kind: Tokens
) -> None:
    normalized = normalize_many(batch, cleaning, kind)
    assert normalized == [normalize(text, cleaning, kind) for text in batch]


@check(200)
@given(texts(), CLEANINGS, st.sampled_from(KINDS))
def test_normalised_text_is_in_its_form_and_stays_as_it_is(
    text: str, cleaning: Cleaning, kind: Tokens
) -> None:
    normalized = normalize(text, cleaning, kind)
    assert unicodedata.is_normalized(cleaning.unicode, normalized)
    assert normalized == normalized.strip(" ")
    assert "  " not in normalized
    if kind != "words":  # of raw text only
        assert normalize(normalized, cleaning, kind) == normalized
    if cleaning.lowercase:
        assert normalized == normalized.lower()


@check(200)
@given(texts(), CLEANINGS)
def test_no_word_is_a_mark_without_a_letter(text: str, cleaning: Cleaning) -> None:
    words = tokenizers.split(normalize(text, cleaning, "words"), "words")
    for word in words[1:]:
        assert unicodedata.category(word[0])[0] != "M"


@check(200)
@given(texts(), CLEANINGS)
def test_words_have_all_characters_but_blanks(text: str, cleaning: Cleaning) -> None:
    """Only apostrophes are changed, to one kind."""
    words, characters = (
        normalize(text, cleaning, kind)
        for kind in ("words", "characters")  # type: ignore[arg-type]
    )
    letters = unicodedata.normalize("NFD", "".join(tokenizers.words(characters).split()))
    assert unicodedata.normalize("NFD", "".join(words.split())) == letters
    assert len(letters) == len(unicodedata.normalize("NFD", "".join(characters.split())))


@check(50)
@given(st.lists(st.sampled_from([emoji for emoji in EMOJI if not emoji[0].isdigit()])))
def test_emoji_and_flags_are_whole(emoji: list[str]) -> None:
    assert tokenizers.words("".join(emoji)) == " ".join(emoji)


@check(150)
@given(BATCHES, CLEANINGS)
def test_remembered_words_are_those_of_the_whole_text(batch: list[str], cleaning: Cleaning) -> None:
    remembered = normalization._remembered_words(batch, cleaning)
    if remembered is not None:
        assert remembered == normalization._normalize(batch, cleaning, "words")


def test_only_some_short_words_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalization, "REMEMBERED_CHUNKS", 20)
    cleaning = Cleaning(unicode="NFC", lowercase=False, max_length=5, drop_repeated=False)
    words_of = normalization._words_of("NFC", False)
    for number in range(9):
        texts = [f"{10 * number + digit}" for digit in range(10)]
        assert normalize_many([*texts, "x" * 50], cleaning, "words") == [*texts, "x" * 50]
        assert len(words_of) <= 20 + 10 + 1
        assert "x" * 50 not in words_of


@check(150)
@given(BATCHES, CLEANINGS, st.sampled_from([kind for kind in KINDS if kind not in SUB_WORDS]))
def test_ids_become_the_text_again(batch: list[str], cleaning: Cleaning, kind: Tokens) -> None:
    _check_round_trip(normalize_many(batch, cleaning, kind), kind)


@pytest.mark.parametrize("kind", SUB_WORDS)
@check(25)
@given(batch=BATCHES, cleaning=CLEANINGS)
def test_sub_words_become_the_text_again(
    batch: list[str], cleaning: Cleaning, kind: Tokens
) -> None:
    normalized = normalize_many(batch, cleaning, kind)
    if any(normalized):
        _check_round_trip(normalized, kind)


def _check_round_trip(normalized: list[str], kind: Tokens) -> None:
    built = vocabulary.build(normalized, kind, 10_000, None if kind in SUB_WORDS else 1)
    for text in normalized:
        tokens = built.split(text)
        ids = built.encode(text)
        if set(tokens) & set(vocabulary.SPECIALS):  # spelled out in a text, they are unknown
            assert vocabulary.UNK in ids
        else:
            assert vocabulary.UNK not in ids
            assert built.decode(ids) == text
        assert built.join(tokens) == text


@check(40)
@given(batch=BATCHES, labels=st.lists(texts(), max_size=4), kind=st.sampled_from(KINDS))
def test_a_vocabulary_is_the_same_after_it_is_stored(
    batch: list[str],
    labels: list[str],
    kind: Tokens,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cleaning = Cleaning(unicode="NFC", lowercase=False, max_length=5, drop_repeated=False)
    normalized = [*normalize_many(batch, cleaning, kind), "a"]
    built = vocabulary.Vocabularies(
        {"text": vocabulary.build(normalized, kind, 10_000, None if kind in SUB_WORDS else 1)},
        tuple(sorted(set(labels))),
    )
    path = tmp_path_factory.getbasetemp() / "vocabulary.json"
    vocabulary.save(built, path)
    loaded = vocabulary.load(path)
    assert loaded == built
    for text in normalized:
        assert (loaded.columns["text"].encode(text) == built.columns["text"].encode(text)).all()


@check(100)
@given(texts(), st.sampled_from(get_args(UnicodeForm)))
def test_labels_that_look_alike_are_equal(text: str, form: UnicodeForm) -> None:
    spellings = [unicodedata.normalize(other, text) for other in ("NFC", "NFD")]
    assert len(set(normalize_labels(spellings, form))) == 1


@check(100)
@given(texts())
def test_folded_text_stays_as_it_is(text: str) -> None:
    (folded,) = fold([text])
    assert fold([folded]) == [folded]
    assert bool(folded) == bool(text.split())
