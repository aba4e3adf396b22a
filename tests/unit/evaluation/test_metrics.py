"""The registry of metrics, and what follows from one entry."""

from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.evaluation import metrics, significance
from pipelines.evaluation.evaluate import evaluate
from pipelines.evaluation.metrics import ALL_TOKENS, Metric
from pipelines.inference import scores
from pipelines.types import TASKS
from tests.unit.inference.toy import translator

PARAMS = params.load(Path(__file__).parents[3] / "params.yaml")


def _ter(lowercase):
    from sacrebleu.metrics import TER

    return TER(case_sensitive=not lowercase)


TER = Metric("test_ter", "TER", ".1f", "lower", ("translation",), sacrebleu=_ter)


@pytest.fixture
def ter(monkeypatch):
    """Register TER (Snover et al. 2006), of which lower is better."""
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, TER))


def test_keys_are_unique():
    keys = [metric.key for metric in metrics.METRICS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("task", "tokens", "keys"),
    [
        (
            "language_modelling",
            "characters",
            [
                "test_bits_per_character",
                "test_perplexity",
                "test_nats_per_character",
            ],
        ),
        (
            "language_modelling",
            "words",
            ["test_perplexity"],
        ),
        (
            "classification",
            "words",
            ["test_accuracy", "test_macro_f1", "test_calibration_error"],
        ),
        ("tagging", "spaces", ["test_span_f1", "test_token_accuracy"]),
        ("translation", "characters", ["test_exact_match", "test_perplexity"]),
        ("translation", "spaces", ["test_bleu", "test_exact_match", "test_perplexity"]),
        (
            "translation",
            "unigram",
            ["test_sacrebleu", "test_chrf", "test_exact_match", "test_perplexity"],
        ),
    ],
)
def test_metrics_of_a_task_in_order(task, tokens, keys):
    assert [metric.key for metric in metrics.of_task(task, tokens) if metric.has_goals] == keys


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("tokens", ALL_TOKENS)
def test_the_first_metric_decides_and_is_tested_for_significance(task, tokens):
    first = next(metric for metric in metrics.of_task(task, tokens) if metric.has_goals)
    assert first.sacrebleu is not None or first.statistics is not None


def test_an_unknown_task_or_metric_is_an_error():
    with pytest.raises(UserError, match="parsing"):
        metrics.of_task("parsing")
    with pytest.raises(ValueError, match=r"test_blue.*test_bleu"):
        metrics.get("test_blue")


def test_the_direction_decides():
    bleu, perplexity = metrics.get("test_bleu"), metrics.get("test_perplexity")
    assert (bleu.heading, perplexity.heading) == ("BLEU ↑", "perplexity ↓")
    assert (bleu.best([1.0, 2.0]), perplexity.best([1.0, 2.0])) == (2.0, 1.0)
    assert (bleu.lead(30.0, 28.0), perplexity.lead(30.0, 28.0)) == (2.0, -2.0)
    assert bleu.reaches(30.0, 30.0)
    assert not bleu.reaches(29.0, 30.0)
    assert perplexity.reaches(29.0, 30.0)
    parameters = metrics.get("parameters")
    assert parameters.heading == "parameters"
    assert parameters.best([1.0, 2.0]) is None
    with pytest.raises(ValueError, match="parameters"):
        parameters.lead(1.0, 2.0)
    assert bleu.best([]) is None


def test_values_are_formatted_and_rounded():
    perplexity = metrics.get("test_perplexity")
    assert perplexity.format(12345.678) == "12,345.68"
    assert perplexity.rounded(12345.678) == 12345.68


# Metrics of sacreBLEU ---------------------------------------------------------------------------


def _sacrebleu(tokens, lowercase):
    return {
        metric.key: metric.sacrebleu(lowercase)
        for metric in metrics.of_task("translation", tokens)
        if metric.sacrebleu is not None
    }


def test_metrics_of_sacrebleu_follow_the_tokens():
    assert _sacrebleu("characters", False) == {}
    assert list(_sacrebleu("words", True)) == ["test_bleu"]
    assert list(_sacrebleu("unigram", False)) == ["test_sacrebleu", "test_chrf"]
    # Words are tokenised already and keep the case that cleaning left.
    metric = _sacrebleu("words", True)["test_bleu"]
    score = scores.corpus_score(metric, ["A b c d!"], ["a b c d!"])
    assert score.value < 100
    assert "tok:none" in score.signature


@pytest.mark.parametrize("lowercase", [False, True])
def test_sub_words_ignore_the_case_only_if_cleaning_removed_it(lowercase):
    pair = ["a man and a dog run"], ["A man and a dog run"]
    for metric in _sacrebleu("bpe", lowercase).values():
        value = scores.corpus_score(metric, *pair).value
        assert (value == pytest.approx(100)) == lowercase


def test_chrf_by_hand():
    """2 of 3 letters match, 1 of 2 pairs and 0 of 1 triple, in precision and in recall."""
    chrf = _sacrebleu("bpe", False)["test_chrf"]
    score = scores.corpus_score(chrf, ["abc"], ["abd"])
    assert score.value == pytest.approx(100 * (2 / 3 + 1 / 2 + 0) / 3)
    assert "nc:6|nw:0" in score.signature
    assert score.signature.endswith(f"version:{version('sacrebleu')}")


# Goals ------------------------------------------------------------------------------------------


def _with_goal(metric, models):
    goal = params.Goal(models=models, metric=metric, target=50.0)
    return PARAMS.model_copy(update={"goals": (goal,)})


def test_goals_of_the_shipped_params_are_valid():
    metrics.check_goals(PARAMS)


@pytest.mark.parametrize("key", ["test_blue", "majority_accuracy", "test_accuracy", "parameters"])
def test_a_goal_needs_a_metric_of_its_task(key):
    config = _with_goal(key, ("verses-attention",))
    with pytest.raises(UserError, match=rf"params\.yaml.*goals\.0\.metric.*{key}"):
        metrics.check_goals(config)


# A new metric is one entry ----------------------------------------------------------------------


@pytest.mark.usefixtures("ter")
def test_a_new_metric_is_evaluated(make):
    predictor, frame = translator(make)
    result = evaluate(predictor, frame)
    score = scores.corpus_score(
        _ter(True), list(result.predictions["hypothesis"]), list(frame["target"])
    )
    assert result.metrics["test_ter"] == score.value
    assert result.metrics["test_ter_signature"] == score.signature


@pytest.mark.usefixtures("ter")
def test_a_new_metric_is_a_column_with_its_direction():
    ter = metrics.of_task("translation", "words")[-1]
    assert ter.key != "test_bleu"
    assert metrics.get("test_ter").heading == "TER ↓"
    assert metrics.get("test_ter").best([40.0, 35.0]) == 35.0
    assert metrics.of_task("translation", "words")[0].key == "test_bleu"


@pytest.mark.usefixtures("ter")
def test_a_goal_for_a_new_metric_is_reached_from_its_better_side():
    metrics.check_goals(_with_goal("test_ter", ("verses-attention",)))
    assert metrics.get("test_ter").reaches(45.0, 50.0)
    assert not metrics.get("test_ter").reaches(55.0, 50.0)
    with pytest.raises(UserError, match="test_ter"):
        metrics.check_goals(_with_goal("test_ter", ("opinions-lstm",)))


@pytest.mark.usefixtures("ter")
def test_fewer_errors_are_better():
    targets = [f"a b c d e f g h {number}" for number in range(40)]
    frame = pd.DataFrame({"source": targets, "target": targets, "nats": 1.0, "tokens": 10})
    worse = frame.assign(hypothesis=[target.replace("b c d", "x y z") for target in targets])
    better = frame.assign(hypothesis=[target.replace("b", "x") for target in targets])
    for first, second, verdict in ((worse, better, "better"), (better, worse, "worse")):
        (results,) = significance.compare([first, second], PARAMS.corpora["verses"], resamples=200)
        verdicts = {result.key: result.verdict for result in results}
        assert verdicts["test_ter"] == verdict
        assert verdicts["test_bleu"] == verdict
        ter = next(result for result in results if result.key == "test_ter")
        assert (ter.second < ter.first) == (verdict == "better")
