"""Scores against numbers worked out by hand."""

from importlib.metadata import version

import pytest

from pipelines.inference import scores


def test_bleu_by_hand():
    """7 of 8 words, 5 of 7 pairs, 3 of 6 triples, 1 of 5 quadruples; as long as the reference."""
    reference = "the cat sat on the mat to day"
    hypothesis = "the cat sat on a mat to day"
    expected = 100 * (7 / 8 * 5 / 7 * 3 / 6 * 1 / 5) ** 0.25
    assert scores.bleu([hypothesis], [reference]).value == pytest.approx(expected)
    assert scores.bleu([reference], [reference]).value == pytest.approx(100)


def test_bleu_of_tokens_does_not_tokenise_again():
    assert scores.bleu(["d' un an , non ."], ["d'un an, non."]).value < 30


def test_bleu_of_plain_text_tokenises():
    """Punctuation marks are tokens: 4 of 5, 3 of 4, 2 of 3, 1 of 2 are right."""
    expected = 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    score = scores.bleu(["a big red dog!"], ["a big red dog."], "13a")
    assert score.value == pytest.approx(expected)
    assert scores.bleu(["A dog , here !"], ["A dog, here!"], "13a").value == pytest.approx(100)


@pytest.mark.parametrize("lowercase", [False, True])
def test_case_counts_unless_it_is_ignored(lowercase):
    score = scores.bleu(["a man and a dog run"], ["A man and a dog run"], "13a", lowercase)
    assert (score.value == pytest.approx(100)) == lowercase


def test_signatures_have_the_options_and_the_version():
    pair = ["a b c d e"], ["a b c d e"]
    tokens, plain = scores.bleu(*pair), scores.bleu(*pair, "13a", lowercase=True)
    assert "tok:none" in tokens.signature
    assert "case:mixed" in tokens.signature
    assert "tok:13a" in plain.signature
    assert "case:lc" in plain.signature
    for score in (tokens, plain):
        assert score.signature.endswith(f"version:{version('sacrebleu')}")


def test_bleu_of_each_sentence():
    hypotheses, references = ["a b c d e", "x y"], ["a b c d e", "a b"]
    assert scores.sentence_bleu(hypotheses, references) == pytest.approx([100, 0])
    assert scores.sentence_bleu(["A, b"], ["a , B"], "13a", lowercase=True) == pytest.approx([100])


def test_accuracy_f1_and_majority_by_hand():
    actual, predicted = list("aaabbc"), list("aabbba")
    assert scores.accuracy(predicted, actual) == pytest.approx(4 / 6)
    assert scores.macro_f1(predicted, actual, "abc") == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert scores.majority_accuracy(actual) == 0.5
    assert scores.exact_match(["x", "y"], ["x", "z"]) == 0.5


def test_the_score_of_translations_follows_the_tokens():
    pair = ["A dog , here !"], ["a dog, here!"]
    assert scores.translation_score("bpe", True)[1](*pair) == pytest.approx(100)
    assert scores.translation_score("bpe", False)[1](*pair) < 100
    assert scores.translation_score("words", True)[1](*pair) < 50
    assert scores.translation_score("words", False)[0] == "BLEU"
    assert scores.translation_score("characters", False)[0] == "exact match"
