"""Significance of differences between two models, metric by metric."""

import numpy as np
import pandas as pd
import pytest
from sacrebleu.metrics import BLEU

from pipelines.errors import UserError
from pipelines.evaluation import item_differences, resampling, significance
from pipelines.inference import scores
from tests.unit.evaluation.predictions import CORPORA, LABELS, classify, model_language, translate


def compare(first, second, corpus, **options):
    """Return the results by the keys of the metrics."""
    results = significance.compare(first, second, CORPORA[corpus], resamples=2000, **options)
    return {result.key: result for result in results}


def test_a_more_accurate_classifier_is_better():
    worse, better = classify(0.6), classify(0.8, seed=2)
    for first, second, verdict in ((worse, better, "better"), (better, worse, "worse")):
        results = compare(first, second, "opinions")
        assert list(results) == ["test_accuracy", "test_macro_f1"]
        assert {result.verdict for result in results.values()} == {verdict}


def test_scores_equal_those_of_the_metrics_file():
    frames = {"first": classify(0.6), "second": classify(0.8, seed=2)}
    results = compare(*frames.values(), "opinions")
    for name, frame in frames.items():
        predicted, actual = list(frame["predicted"]), list(frame["label"])
        accuracy, f1 = (getattr(results[key], name) for key in ("test_accuracy", "test_macro_f1"))
        assert accuracy == pytest.approx(scores.accuracy(predicted, actual))
        assert f1 == pytest.approx(scores.macro_f1(predicted, actual, LABELS))
        interval = getattr(results["test_accuracy"], f"{name}_interval")
        assert interval.low < accuracy < interval.high


def test_equally_good_models_seldom_differ_significantly():
    results = [
        significance.compare(
            classify(0.7, seed), classify(0.7, seed + 100), CORPORA["opinions"], resamples=99
        )[0]
        for seed in range(2, 22)
    ]
    assert sum(result.verdict == "not significant" for result in results) >= 17
    assert {result.second > result.first for result in results} == {True, False}


def test_the_level_decides():
    first, second = classify(0.66), classify(0.74, seed=2)
    p = compare(first, second, "opinions")["test_accuracy"].p
    assert 0.0001 < p < 0.5
    for level, verdict in ((p * 1.01, "better"), (p * 0.99, "not significant")):
        results = compare(first, second, "opinions", level=level)
        assert results["test_accuracy"].verdict == verdict


def test_the_test_of_sacrebleu_agrees_with_randomisation():
    first, second = translate(0.75), translate(0.78, seed=2)
    result = compare(first, second, "verses")["test_bleu"]
    for frame, score in ((first, result.first), (second, result.second)):
        expected = scores.bleu(list(frame["hypothesis"]), list(frame["target"])).value
        assert score == pytest.approx(expected)
    metric = BLEU(tokenize="none", force=True)

    def statistics(frame):
        """Return lengths, and matches and totals of each order, of each sentence."""
        sentences = (
            metric.corpus_score([hypothesis], [[reference]])
            for hypothesis, reference in zip(frame["hypothesis"], frame["target"], strict=True)
        )
        return np.array(
            [[score.sys_len, score.ref_len, *score.counts, *score.totals] for score in sentences],
            float,
        )

    def bleu(sums):
        precisions = np.log(np.maximum(sums[:, 2:6], 1e-9) / np.maximum(sums[:, 6:10], 1e-9))
        return 100 * np.exp(np.minimum(0, 1 - sums[:, 1] / sums[:, 0]) + precisions.mean(axis=1))

    p = resampling.randomisation(statistics(first), statistics(second), bleu, 2000, seed=9)
    assert 0.02 < p < 0.9
    assert result.p == pytest.approx(p, abs=0.05)


def test_a_translator_does_not_differ_from_itself():
    """sacreBLEU alone reports the smallest possible p for equal systems."""
    for result in compare(translate(0.7), translate(0.7), "verses").values():
        assert (result.p, result.p_bootstrap, result.verdict) == (1.0, 1.0, "not significant")


def test_fewer_bits_are_better():
    results = compare(model_language(1.5), model_language(1.4, seed=2), "shakespeare")
    assert list(results) == ["test_bits_per_character"]
    result = results["test_bits_per_character"]
    assert result.verdict == "better"
    assert result.first == pytest.approx(1.5 / np.log(2), rel=0.01)


def test_models_with_different_tokens_are_compared_by_character():
    first, second = model_language(1.5), model_language(1.4, seed=2)
    second["tokens"] = second["tokens"] // 2 + 1
    results = compare(first, second, "shakespeare")
    assert list(results) == ["bits_per_character_of_text"]
    characters = first["text"].str.len() + 1
    expected = first["nats"].sum() / characters.sum() / np.log(2)
    assert results["bits_per_character_of_text"].first == pytest.approx(expected)


def test_different_test_items_are_an_error():
    with pytest.raises(UserError, match=r"300 items.*299"):
        compare(classify(0.6), classify(0.6).iloc[1:], "opinions")
    other = classify(0.6)
    other.loc[7, "text"] = "another"
    with pytest.raises(UserError, match=r"1 of 300 test items differ.*item 8"):
        compare(classify(0.6), other, "opinions")


def test_an_unknown_task_is_an_error():
    corpus = CORPORA["opinions"].model_copy(update={"task": "parsing"})
    with pytest.raises(UserError, match="parsing"):
        significance.compare(classify(0.6), classify(0.6), corpus)


def test_several_models_are_corrected_against_the_first():
    first = classify(0.66)
    comparisons = [
        significance.compare(first, classify(0.74, seed=seed), CORPORA["opinions"], resamples=999)
        for seed in (2, 3, 4)
    ]
    values = [results[0].p for results in comparisons]
    corrected = [results[0].p for results in significance.holm_corrected(comparisons)]
    assert corrected == pytest.approx(resampling.holm(values))
    assert max(corrected) > max(values) - 1e-12
    assert min(corrected) == pytest.approx(3 * min(values))


# Items ------------------------------------------------------------------------------------------


def test_the_most_different_items_come_first():
    first, second = translate(0.9), translate(0.9)
    second.loc[5, ["hypothesis", "bleu"]] = ["nothing", 0.0]
    second.loc[9, "bleu"] = first["bleu"][9] - 1
    rows = list(item_differences.most_different_items(first, second, CORPORA["verses"], 10))
    assert [row["item"] for row in rows] == [6, 10]  # the others are equal
    assert rows[0]["second, text"] == "nothing"
    assert rows[0]["target"] == first["target"][5]


def test_losses_of_items_are_compared_per_token():
    first = pd.DataFrame({"text": ["a" * 99, "b"], "tokens": [100, 2], "nats": [100.0, 2.0]})
    second = first.assign(nats=[103.0, 3.0])
    corpus = CORPORA["shakespeare"]
    (row,) = item_differences.most_different_items(first, second, corpus, 1)
    assert row["text"] == "b"
