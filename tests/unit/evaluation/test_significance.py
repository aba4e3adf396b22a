"""Significance of differences between two models, metric by metric."""

import numpy as np
import pandas as pd
import pytest
from sacrebleu.metrics import BLEU

from benchmarks import significance as benchmark
from pipelines.errors import UserError
from pipelines.evaluation import item_differences, metrics, significance
from pipelines.inference import scores
from tests.unit.evaluation.predictions import CORPORA, LABELS, classify, model_language, translate


def compare(first, second, corpus, **options):
    """Return the results by the keys of the metrics."""
    (results,) = significance.compare([first, second], CORPORA[corpus], resamples=2000, **options)
    return {result.key: result for result in results}


def group(predict, *levels, **options):
    """Return the predictions of one model per level, from seeds 1, 2, ..."""
    frames = [
        predict(level, seed=seed, **options).assign(seed=seed)
        for seed, level in enumerate(levels, 1)
    ]
    return pd.concat(frames, ignore_index=True)


def test_a_more_accurate_classifier_is_better():
    worse, better = classify(0.6), classify(0.8, seed=2)
    for first, second, verdict in ((worse, better, "better"), (better, worse, "worse")):
        results = compare(first, second, "opinions")
        assert list(results) == ["test_accuracy", "test_macro_f1"]
        assert {result.verdict for result in results.values()} == {verdict}
        assert {result.subject for result in results.values()} == {"models"}


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


def test_the_level_decides_and_the_interval_agrees():
    first, second = classify(0.66), classify(0.74, seed=2)
    p = compare(first, second, "opinions")["test_accuracy"].p
    assert 0.0001 < p < 0.5
    for level, verdict in ((p * 1.01, "better"), (p * 0.99, "not significant")):
        result = compare(first, second, "opinions", level=level)["test_accuracy"]
        assert result.verdict == verdict
        assert (result.difference.low > 0) == (verdict == "better")
        assert result.detectable > result.difference.high - (result.second - result.first)


@pytest.mark.parametrize("tokens", ["words", "unigram"])
def test_scores_of_translations_are_those_of_sacrebleu(tokens):
    corpus = CORPORA["verses"].model_copy(update={"tokens": tokens})
    first, second = translate(0.85), translate(0.7, seed=2)
    (results,) = significance.compare([first, second], corpus, resamples=100)
    by_key = {result.key: result for result in results}
    tested = [metric for metric in metrics.of_task("translation", tokens) if metric.sacrebleu]
    assert tested
    for metric in tested:
        scorer, result = metric.sacrebleu(corpus.cleaning.lowercase), by_key[metric.key]
        for frame, score in ((first, result.first), (second, result.second)):
            expected = scorer.corpus_score(list(frame["hypothesis"]), [list(frame["target"])])
            assert score == pytest.approx(expected.score, rel=1e-12)
        assert result.difference.low < result.second - result.first < result.difference.high
        assert result.verdict == "worse"


def test_the_error_of_bleu_is_that_of_sacrebleus_bootstrap():
    first = translate(0.75, size=200)
    result = compare(first, translate(0.7, seed=2, size=200), "verses")["test_bleu"]
    expected = BLEU(tokenize="none", force=True).corpus_score(
        list(first["hypothesis"]), [list(first["target"])], n_bootstrap=2000
    )
    width = result.first_interval.high - result.first_interval.low
    assert width == pytest.approx(2 * expected._ci, rel=0.1)


@pytest.mark.parametrize(
    ("corpus", "model"),
    [
        ("opinions", classify(0.7)),
        ("opinions", group(classify, 0.6, 0.7)),
        ("verses", translate(0.7)),
        ("verses", group(translate, 0.7, 0.8, size=20)),
        ("shakespeare", group(model_language, 1.5, 1.4)),
    ],
)
def test_a_model_does_not_differ_from_itself(corpus, model):
    for result in compare(model, model, corpus).values():
        assert result.p == pytest.approx(1.0)
        assert result.verdict == "not significant"
        assert result.first == result.second


def test_a_test_split_of_one_item_is_an_error():
    with pytest.raises(UserError, match="single test item"):
        compare(classify(0.6, size=1), classify(0.6, size=1), "opinions")


# Language models --------------------------------------------------------------------------------


def test_blocks_of_rows_are_resampled():
    """The second model is better on every other topic of 100 rows, worse on the others."""
    first = model_language(1.5, size=4000)
    topic = np.where(np.arange(4000) // 100 % 2, 1.01, 0.99)
    topics = first.assign(nats=first["nats"] * np.repeat(topic[::2], 2))
    result = compare(first, topics.assign(nats=topics["nats"] * 0.999), "shakespeare")
    (result,) = result.values()
    assert result.blocks == 16
    long_topic = first.assign(nats=first["nats"] * np.where(np.arange(4000) < 2000, 0.98, 1.01))
    (by_blocks,) = compare(first, long_topic, "shakespeare").values()
    assert by_blocks.verdict == "not significant"
    shuffled = np.random.default_rng(1).permutation(4000)
    mixed = [frame.iloc[shuffled].reset_index(drop=True) for frame in (first, long_topic)]
    (by_rows,) = compare(*mixed, "shakespeare").values()
    assert by_rows.verdict == "better"


@pytest.mark.parametrize(("rows", "blocks"), [(4, 4), (300, 5), (2000, 10), (9000, 16)])
def test_blocks_are_long_and_few(rows, blocks):
    models = [model_language(1.5, seed=seed, size=rows) for seed in (1, 2)]
    assert compare(*models, "shakespeare")["test_bits_per_character"].blocks == blocks


def test_items_of_other_tasks_are_resampled_one_by_one():
    assert compare(classify(0.7), classify(0.7, 2), "opinions")["test_accuracy"].blocks == 300


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
        significance.compare([classify(0.6), classify(0.6)], corpus)


# Several models and seeds -----------------------------------------------------------------------


def test_several_models_share_the_level():
    models = [classify(0.66), *(classify(0.74, seed=seed) for seed in (2, 3, 4))]
    alone = [compare(models[0], other, "opinions")["test_accuracy"] for other in models[1:]]
    together = significance.compare(models, CORPORA["opinions"], resamples=2000)
    for single, (result, _) in zip(alone, together, strict=True):
        assert (single.models, result.models) == (2, 4)
        assert single.p < result.p < 3.2 * single.p + 0.001
        assert result.difference.low < single.difference.low
        assert (result.first, result.second) == (single.first, single.second)


def test_models_of_other_tokens_are_compared_by_another_metric():
    first, same, other = model_language(1.5), model_language(1.4, 2), model_language(1.4, 3)
    other["tokens"] = other["tokens"] // 2 + 1
    results = significance.compare([first, same, other], CORPORA["shakespeare"], resamples=100)
    assert [[result.key for result in tests] for tests in results] == [
        ["test_bits_per_character"],
        ["bits_per_character_of_text"],
    ]


def test_the_best_is_compared_with_the_others():
    models = [classify(level, seed) for seed, level in enumerate((0.7, 0.5, 0.8, 0.79), 1)]
    result = significance.compare_with_best(models, CORPORA["opinions"], resamples=2000)
    accuracies = [(model["predicted"] == model["label"]).mean() for model in models]
    assert result.best == int(np.argmax(accuracies))
    assert list(result.results) == [place for place in range(4) if place != result.best]
    assert result.results[1].verdict == "worse"
    assert {test.first for test in result.results.values()} == {max(accuracies)}
    losses = [model_language(nats, seed) for seed, nats in enumerate((1.5, 1.4), 1)]
    best = significance.compare_with_best(losses, CORPORA["shakespeare"], resamples=200)
    assert best.best == 1  # fewer bits are better


def test_the_best_of_many_needs_a_larger_lead():
    first, second = classify(0.66), classify(0.78, seed=2)
    others = [classify(0.6, seed=seed) for seed in range(3, 9)]
    pair, many = (
        significance.compare_with_best(models, CORPORA["opinions"], resamples=2000)
        for models in ([first, second], [first, second, *others])
    )
    assert pair.best == many.best == 1
    assert pair.results[0].p < 0.05 < many.results[0].p


def test_groups_of_seeds_are_compared_by_their_means():
    first = group(classify, 0.5, 0.52, 0.54)
    second = group(classify, 0.75, 0.77, 0.74, 0.76)
    result = compare(first, second, "opinions")["test_accuracy"]
    scores = [
        [(frame["predicted"] == frame["label"]).mean() for _, frame in model.groupby("seed")]
        for model in (first, second)
    ]
    assert result.first_seeds == pytest.approx(scores[0])
    assert result.second_seeds == pytest.approx(scores[1])
    assert (result.first, result.second) == pytest.approx(tuple(map(np.mean, scores)))
    assert (result.subject, result.verdict, result.blocks) == ("recipes", "better", 300)


def test_seeds_that_vary_make_a_difference_insignificant():
    steady = group(classify, 0.6, 0.61, 0.6)
    assert (
        compare(steady, group(classify, 0.8, 0.79, 0.81), "opinions")["test_accuracy"].verdict
        == "better"
    )
    # The median of this group is far ahead, its mean is not.
    unsteady = compare(steady, group(classify, 0.35, 0.8, 0.95), "opinions")["test_accuracy"]
    assert unsteady.verdict == "not significant"


def test_groups_of_even_size_have_no_typical_seed():
    """Neither the better nor the worse seed of two stands for the group."""
    low, high = classify(0.6), classify(0.8, seed=2)
    pair = pd.concat([low.assign(seed=1), high.assign(seed=2)], ignore_index=True)
    result = compare(low, pair, "opinions")["test_accuracy"]
    means = [(frame["predicted"] == frame["label"]).mean() for frame in (low, high)]
    assert result.second == pytest.approx(np.mean(means))


def test_constant_groups_differ_by_their_items_only():
    """Two seeds of 0.90 and two of 0.91: the seeds say nothing about chance, the items do."""
    right = np.arange(100) < 90
    label = np.full(100, "a")
    frame = pd.DataFrame({"text": "a", "label": label, "predicted": np.where(right, "a", "b")})
    other = frame.assign(predicted=np.where(np.arange(100) < 91, "a", "b"))
    groups = [pd.concat([part.assign(seed=1), part.assign(seed=2)]) for part in (frame, other)]
    result = compare(*groups, "opinions")["test_accuracy"]
    assert (result.first, result.second) == pytest.approx((0.9, 0.91))
    assert result.verdict == "not significant"
    assert result.p > 0.3


def test_a_group_and_a_single_model_are_compared_as_they_are():
    result = compare(classify(0.6), group(classify, 0.8, 0.79, 0.81), "opinions")["test_accuracy"]
    assert (result.subject, result.verdict) == ("models", "better")


# Size -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "language model, 500 rows",
        "accuracy, 500 items",
        "accuracy, 3 seeds each",
        "accuracy, best of 11",
    ],
)
def test_equal_models_seldom_differ(name):
    """The benchmark in short. A test of rows one by one, of seeds by the normal distribution, or of
    the best as of any model would find at least twice as many differences."""
    comparisons = 300
    size = benchmark.rate(benchmark.SCENARIOS[name], comparisons, resamples=200)
    assert 0.01 < size < 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / comparisons)


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


def test_answers_of_each_seed_are_listed():
    first = group(classify, 0.6, 0.7)
    (row,) = item_differences.most_different_items(first, classify(0.9), CORPORA["opinions"], 1)
    names = {key for key in row if "predicted" in key or "label" in key}
    assert any(key.startswith("first, seed 1, ") for key in row), names
    assert any(key.startswith("first, seed 2, ") for key in row)
    assert any(key.startswith("second, ") and "seed" not in key for key in row)
