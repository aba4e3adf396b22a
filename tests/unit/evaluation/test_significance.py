"""Better, worse or not significant, in the measures that `evaluate` writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.evaluation import item_differences, resampling, significance
from pipelines.inference import scores

CORPORA = params.load(Path(__file__).parents[3] / "params.yaml").corpora
LABELS = ["negative", "neutral", "positive"]


def reader(right, seed=1, size=300):
    """Predictions of a classifier that is right so often."""
    draw = np.random.default_rng(seed)
    truth = np.random.default_rng(0).integers(0, 3, size)
    wrong = (truth + draw.integers(1, 3, size)) % 3
    said = np.where(draw.random(size) < right, truth, wrong)
    return pd.DataFrame(
        {
            "text": [f"text {number}" for number in range(size)],
            "label": [LABELS[one] for one in truth],
            "predicted": [LABELS[one] for one in said],
            "nats": draw.random(size),
        }
    )


def translator(kept, seed=1, size=80):
    """Translations that keep each word of the reference so often."""
    draw, words = np.random.default_rng(seed), np.random.default_rng(0)
    targets = [" ".join(f"w{words.integers(40)}" for _ in range(9)) for _ in range(size)]
    hypotheses = [
        " ".join(word if draw.random() < kept else "x" for word in target.split(" "))
        for target in targets
    ]
    frame = pd.DataFrame({"source": targets, "target": targets, "hypothesis": hypotheses})
    frame["bleu"] = scores.sentence_bleu(hypotheses, targets)
    return frame.assign(nats=draw.random(size), tokens=10)


def writer(mean, seed=1, size=200):
    """A language model of so many nats a token."""
    draw = np.random.default_rng(seed)
    tokens = np.random.default_rng(0).integers(5, 40, size)
    texts = ["a" * (count - 1) for count in tokens]
    nats = tokens * (mean + 0.02 * draw.standard_normal(size))
    return pd.DataFrame({"text": texts, "tokens": tokens, "nats": nats})


def compare(first, second, corpus, **settings):
    found = significance.compare(first, second, CORPORA[corpus], resamples=2000, **settings)
    return {finding.key: finding for finding in found}


def test_a_classifier_that_is_more_often_right_is_better_and_the_other_worse():
    found = compare(reader(0.6), reader(0.8, seed=2), "opinions")
    assert list(found) == ["test_accuracy", "test_macro_f1"]
    assert {one.verdict for one in found.values()} == {"better"}
    back = compare(reader(0.8, seed=2), reader(0.6), "opinions")
    assert {one.verdict for one in back.values()} == {"worse"}


def test_scores_are_those_of_evaluate():
    first, second = reader(0.6), reader(0.8, seed=2)
    found = compare(first, second, "opinions")
    for frame, name in ((first, "first"), (second, "second")):
        said, true = list(frame["predicted"]), list(frame["label"])
        accuracy, f1 = (getattr(found[key], name) for key in ("test_accuracy", "test_macro_f1"))
        assert accuracy == pytest.approx(scores.accuracy(said, true))
        assert f1 == pytest.approx(scores.macro_f1(said, true, LABELS))
        interval = getattr(found["test_accuracy"], f"{name}_interval")
        assert interval.low < accuracy < interval.high


def test_equals_are_seldom_significant_whoever_is_ahead():
    found = [
        significance.compare(
            reader(0.7, seed), reader(0.7, seed + 100), CORPORA["opinions"], resamples=99
        )[0]
        for seed in range(2, 22)
    ]
    assert sum(one.verdict == "not significant" for one in found) >= 17
    assert len({one.second > one.first for one in found}) == 2


def test_the_level_decides():
    first, second = reader(0.66), reader(0.74, seed=2)
    p = compare(first, second, "opinions")["test_accuracy"].p
    assert 0.0001 < p < 0.5
    for level, verdict in ((p * 1.01, "better"), (p * 0.99, "not significant")):
        found = compare(first, second, "opinions", level=level)
        assert found["test_accuracy"].verdict == verdict


def test_bleu_is_tested_by_sacrebleu_and_agrees_with_our_own_resampling():
    first, second = translator(0.75), translator(0.78, seed=2)
    found = compare(first, second, "verses")["test_bleu"]
    for frame, score in ((first, found.first), (second, found.second)):
        assert score == pytest.approx(
            scores.bleu(list(frame["hypothesis"]), list(frame["target"])).value
        )
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize="none", force=True)

    def statistics(frame):
        """Of each sentence: its length, its reference's, and what it hits of each order."""
        each = (
            metric.corpus_score([one], [[other]])
            for one, other in zip(frame["hypothesis"], frame["target"], strict=True)
        )
        return np.array(
            [[one.sys_len, one.ref_len, *one.counts, *one.totals] for one in each], float
        )

    def bleu(sums):
        precisions = np.log(np.maximum(sums[:, 2:6], 1e-9) / np.maximum(sums[:, 6:10], 1e-9))
        return 100 * np.exp(np.minimum(0, 1 - sums[:, 1] / sums[:, 0]) + precisions.mean(axis=1))

    p = resampling.randomisation(statistics(first), statistics(second), bleu, 2000, seed=9)
    assert 0.02 < p < 0.9
    assert found.p == pytest.approx(p, abs=0.05)


def test_a_translator_beside_itself_is_flat():
    """sacreBLEU alone would call it the rarest chance of all."""
    for finding in compare(translator(0.7), translator(0.7), "verses").values():
        assert (finding.p, finding.p_bootstrap, finding.verdict) == (1.0, 1.0, "not significant")


def test_bits_are_lower_the_better():
    found = compare(writer(1.5), writer(1.4, seed=2), "shakespeare")
    (finding,) = found.values()
    assert finding.key == "test_bits_per_character"
    assert finding.verdict == "better"
    assert finding.first == pytest.approx(1.5 / np.log(2), rel=0.01)


def test_models_of_other_tokens_are_compared_by_character():
    first, second = writer(1.5), writer(1.4, seed=2)
    second["tokens"] = second["tokens"] // 2 + 1
    (finding,) = compare(first, second, "shakespeare").values()
    assert finding.key == "bits_per_character_of_text"
    characters = first["text"].str.len() + 1
    assert finding.first == pytest.approx(first["nats"].sum() / characters.sum() / np.log(2))


def test_other_test_items_are_refused():
    with pytest.raises(UserError, match=r"300 items.*299"):
        compare(reader(0.6), reader(0.6).iloc[1:], "opinions")
    other = reader(0.6)
    other.loc[7, "text"] = "another"
    with pytest.raises(UserError, match=r"1 of 300 test items differ.*item 8"):
        compare(reader(0.6), other, "opinions")


def test_several_against_one_are_corrected():
    first = reader(0.66)
    several = [
        significance.compare(first, reader(0.74, seed=seed), CORPORA["opinions"], resamples=999)
        for seed in (2, 3, 4)
    ]
    alone = [found[0].p for found in several]
    together = [found[0].p for found in significance.holm_corrected(several)]
    assert together == pytest.approx(resampling.holm(alone))
    assert max(together) > max(alone) - 1e-12
    assert min(together) == pytest.approx(3 * min(alone))


# Items ------------------------------------------------------------------------------------------


def test_items_that_tell_two_models_apart_come_first():
    first, second = translator(0.9), translator(0.9)
    second.loc[5, ["hypothesis", "bleu"]] = ["nothing", 0.0]
    second.loc[9, "bleu"] = first["bleu"][9] - 1
    found = list(item_differences.most_different_items(first, second, CORPORA["verses"], 10))
    assert [row["item"] for row in found] == [6, 10]  # all others are the same
    assert found[0]["second, text"] == "nothing"
    assert found[0]["target"] == first["target"][5]


def test_nats_are_compared_by_token():
    first = pd.DataFrame({"text": ["a" * 99, "b"], "tokens": [100, 2], "nats": [100.0, 2.0]})
    second = first.assign(nats=[103.0, 3.0])
    found = list(item_differences.most_different_items(first, second, CORPORA["shakespeare"], 1))
    assert [row["text"] for row in found] == ["b"]
