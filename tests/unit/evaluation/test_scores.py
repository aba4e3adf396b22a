"""Scores against numbers worked out by hand."""

import pytest

from pipelines.evaluation import scores


def test_bleu_by_hand():
    """7 of 8 words, 5 of 7 pairs, 3 of 6 triples, 1 of 5 quadruples; as long as the reference."""
    reference = "the cat sat on the mat to day"
    hypothesis = "the cat sat on a mat to day"
    expected = 100 * (7 / 8 * 5 / 7 * 3 / 6 * 1 / 5) ** 0.25
    assert scores.bleu([hypothesis], [reference]).value == pytest.approx(expected)
    assert scores.bleu([reference], [reference]).value == pytest.approx(100)


def test_bleu_of_tokens_does_not_tokenise_again():
    assert scores.bleu(["d' un an , non ."], ["d'un an, non."]).value < 30


def test_bleu_of_plain_text_tokenises_by_itself():
    """Signs of punctuation are tokens of their own: 4 of 5, 3 of 4, 2 of 3, 1 of 2 are right."""
    said, wanted = ["a big red dog!"], ["a big red dog."]
    expected = 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert scores.bleu(said, wanted, "13a").value == pytest.approx(expected)
    assert scores.bleu(["A dog , here !"], ["A dog, here!"], "13a").value == pytest.approx(100)


def test_case_counts_unless_it_is_left_out():
    pair = ["a man and a dog run"], ["A man and a dog run"]
    for lowercase in (False, True):
        found = [
            scores.bleu(*pair, "13a", lowercase).value,
            *(scores.score(one, *pair).value for one in scores.metrics("bpe", lowercase).values()),
        ]
        assert len(found) == 3
        assert all((value == pytest.approx(100)) == lowercase for value in found)


def test_metrics_are_those_of_the_tokens():
    assert scores.metrics("characters", False) == {}
    assert list(scores.metrics("words", True)) == ["test_bleu"]
    assert list(scores.metrics("unigram", False)) == ["test_sacrebleu", "test_chrf"]
    # Words are tokenised already, and case is what the cleaning made of it.
    said = scores.score(scores.metrics("words", True)["test_bleu"], ["A b c d!"], ["a b c d!"])
    assert said.value < 100
    assert "tok:none" in said.signature


def test_signatures_say_how_and_by_which_version():
    from importlib.metadata import version

    pair = ["a b c d e"], ["a b c d e"]
    none, plain = scores.bleu(*pair), scores.bleu(*pair, "13a", lowercase=True)
    assert "tok:none" in none.signature
    assert "case:mixed" in none.signature
    assert "tok:13a" in plain.signature
    assert "case:lc" in plain.signature
    chrf = scores.score(scores.metrics("bpe", False)["test_chrf"], *pair)
    assert "nc:6|nw:0" in chrf.signature
    for one in (none, plain, chrf):
        assert one.signature.endswith(f"version:{version('sacrebleu')}")


def test_chrf_by_hand():
    """Of "abc" against "abd": 2 of 3 letters, 1 of 2 pairs, 0 of 1 triple, as many on each side."""
    expected = 100 * (2 / 3 + 1 / 2 + 0) / 3
    chrf = scores.metrics("bpe", False)["test_chrf"]
    assert scores.score(chrf, ["abc"], ["abd"]).value == pytest.approx(expected)


def test_each_sentence_has_a_bleu_of_its_own():
    said, wanted = ["a b c d e", "x y"], ["a b c d e", "a b"]
    assert scores.sentence_bleu(said, wanted) == pytest.approx([100, 0])
    assert scores.sentence_bleu(["A, b"], ["a , B"], "13a", lowercase=True) == pytest.approx([100])


def test_accuracy_f1_and_majority_by_hand():
    actual, predicted = list("aaabbc"), list("aabbba")
    assert scores.accuracy(predicted, actual) == pytest.approx(4 / 6)
    assert scores.macro_f1(predicted, actual, "abc") == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert scores.majority_accuracy(actual) == 0.5
    assert scores.exact_match(["x", "y"], ["x", "z"]) == 0.5


def test_sub_words_are_watched_as_plain_text_without_the_case_that_cleaning_took():
    said = ["A dog , here !"], ["a dog, here!"]
    assert scores.of_translations("bpe", True)[1](*said) == pytest.approx(100)
    assert scores.of_translations("bpe", False)[1](*said) < 100
    assert scores.of_translations("words", True)[1](*said) < 50
    assert scores.of_translations("words", False)[0] == "BLEU"
    assert scores.of_translations("characters", False)[0] == "exact match"
