"""A project whose stages have all run: metrics, histories, analyses, samples and data checks."""

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import paths
from pipelines.evaluation.analysis import (
    Analysis,
    AttentionMap,
    Confusion,
    LengthScores,
    write_analysis,
)
from pipelines.evaluation.calibration import reliability
from pipelines.reporting import plots
from pipelines.training import samples, step_metrics

REPOSITORY = Path(__file__).resolve().parents[3]
METRICS: dict[str, dict[str, Any]] = {
    "shakespeare-markov": {"test_bits_per_character": 3.0104, "ngram_counts": 90000},
    "shakespeare-rnn": {
        "test_bits_per_character": 2.3801,
        "parameters": 100,
        "train_tokens_seen": 9400000,
    },
    "shakespeare-lstm": {
        "test_bits_per_character": 2.3799,
        "parameters": 400,
        "train_tokens_seen": 9400000,
    },
    "opinions-perceptron": {
        "test_accuracy": 0.691,
        "test_macro_f1": 0.60,
        "majority_accuracy": 0.4,
        "parameters": 500,
    },
    "opinions-mlp": {
        "test_accuracy": 0.655,
        "test_macro_f1": 0.61,
        "majority_accuracy": 0.4,
        "parameters": 9000,
    },
    "opinions-rnn": {
        "test_accuracy": 0.6,
        "test_macro_f1": 0.5,
        "majority_accuracy": 0.4,
        "parameters": 100,
    },
    "opinions-lstm": {
        "test_accuracy": 0.68,
        "test_macro_f1": 0.64,
        "majority_accuracy": 0.4,
        "parameters": 800,
    },
    "verses-fixed": {
        "test_bleu": 7.1,
        "test_exact_match": 0.001,
        "test_perplexity": 1234.5,
        "parameters": 1000,
    },
    "verses-attention": {
        "test_bleu": 20.9,
        "test_exact_match": 0.01,
        "test_perplexity": 30.0,
        "parameters": 2000,
    },
    "dates-fixed": {"test_bleu": 90.0, "test_exact_match": 0.8},
}  # dates-attention has not been evaluated
LENGTHS = LengthScores("tokens", "accuracy", (3, 9), (20, 21), (0.5, 0.25))
TOKENS = ("a", "<b>", "c & d")
DRAWINGS = (plots.attention_map, plots.confusion_matrix, plots.learning_curves)
DRAWINGS += (plots.reliability_diagram, plots.score_by_length, plots.gradient_norms)


@pytest.fixture(scope="session")
def pictures() -> dict[bytes, str]:
    """Pictures that were drawn, by function and arguments."""
    return {}


@pytest.fixture(scope="module")
def drawn(pictures: dict[bytes, str]) -> Iterator[dict[bytes, str]]:
    """Each picture is drawn once: nearly all pages have the same."""

    def once(draw: Callable[..., str]) -> Callable[..., str]:
        def picture(*arguments: Any) -> str:
            key = pickle.dumps((draw.__name__, arguments))
            if key not in pictures:
                pictures[key] = draw(*arguments)
            return pictures[key]

        return picture

    with pytest.MonkeyPatch.context() as patch:
        for draw in DRAWINGS:
            patch.setattr(plots, draw.__name__, once(draw))
        yield pictures


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's root with params.yaml and the outs of the stages."""
    (tmp_path / "params.yaml").write_bytes((REPOSITORY / "params.yaml").read_bytes())
    for name, metrics in METRICS.items():
        write(tmp_path / paths.metrics(name), json.dumps(metrics))
        write(
            tmp_path / paths.history(name),
            "epoch,tokens,train_loss,valid_loss\n1,1000,2.5,2.0\n",
        )
    write(tmp_path / paths.metrics("a-removed-model"), '{"test_accuracy": 1.0}')
    analyses = {
        "verses-attention": Analysis(LENGTHS, (AttentionMap(np.eye(3), TOKENS, TOKENS),)),
        "verses-fixed": Analysis(LENGTHS),
        "opinions-lstm": Analysis(
            LENGTHS,
            confusion=Confusion(("bad", "good"), np.array([[5, 1], [2, 7]])),
            reliability=reliability(np.array([0.6, 0.9]), np.array([True, False])),
        ),
        "shakespeare-lstm": Analysis(LENGTHS, sample="ROMEO\n<script>alert(1)</script>"),
    }
    for name, analysis in analyses.items():
        write_analysis(analysis, tmp_path / paths.analysis(name))
        (tmp_path / paths.model(name)).mkdir(parents=True)
    np.save(tmp_path / paths.model("opinions-lstm") / step_metrics.NORMS, np.linspace(2, 1, 9))
    samples.write_samples([samples.Sample(1, "<b>le</b>")], tmp_path / paths.model("verses-fixed"))
    check = {
        "frame": "train",
        "name": "not_empty",
        "level": "error",
        "rule": "no <b>empty</b> text",
        "expectation": "expect_label",
        "arguments": {"column": "label"},
        "column": None,
        "observed": None,
        "unexpected": 0,
        "rows": 2345,
        "detail": "",
        "examples": [],
        "success": True,
    }
    failed = {**check, "frame": "splits", "rule": "no twins", "unexpected": 7, "success": False}
    warning = {
        **failed,
        "frame": "test",
        "name": "overlap",
        "level": "warn",
        "rule": "no text is also in train",
        "detail": "5 exactly",
        "examples": ["a.txt:7  <i>good</i>"],
    }
    write(tmp_path / paths.data_checks("opinions"), json.dumps([check, failed, warning]))
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
