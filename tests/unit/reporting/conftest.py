"""A project whose stages all ran: metrics, histories, pictures, samples and checks."""

import json
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parents[3]
METRICS: dict[str, dict[str, Any]] = {
    "shakespeare-markov": {"test_bits_per_character": 3.0104, "parameters": 90000},
    "shakespeare-rnn": {"test_bits_per_character": 2.3801, "train_tokens_seen": 9400000},
    "shakespeare-lstm": {"test_bits_per_character": 2.3799, "train_tokens_seen": 9400000},
    "opinions-perceptron": {
        "test_accuracy": 0.691,
        "test_macro_f1": 0.60,
        "majority_accuracy": 0.4,
    },
    "opinions-mlp": {"test_accuracy": 0.655, "test_macro_f1": 0.61, "majority_accuracy": 0.4},
    "opinions-rnn": {"test_accuracy": 0.6, "test_macro_f1": 0.5, "majority_accuracy": 0.4},
    "opinions-lstm": {"test_accuracy": 0.68, "test_macro_f1": 0.64, "majority_accuracy": 0.4},
    "verses-fixed": {"test_bleu": 7.1, "test_exact_match": 0.001, "test_perplexity": 1234.5},
    "verses-attention": {"test_bleu": 20.9, "test_exact_match": 0.01, "test_perplexity": 30.0},
    "dates-fixed": {"test_bleu": 90.0, "test_exact_match": 0.8},
}  # dates-attention was not evaluated


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A root with params.yaml, metrics/, plots/, pictures/, checks/."""
    (tmp_path / "params.yaml").write_bytes((HERE / "params.yaml").read_bytes())
    for name, metrics in METRICS.items():
        write(tmp_path / "metrics" / f"{name}.json", json.dumps(metrics))
        write(
            tmp_path / "plots" / f"{name}.csv",
            "epoch,tokens,train_loss,valid_loss\n1,1000,2.5,2.0\n",
        )
    write(tmp_path / "metrics" / "of-a-model-long-gone.json", '{"test_accuracy": 1.0}')
    write(tmp_path / "pictures" / "verses-attention" / "attention-1.svg", "<svg>one</svg>")
    write(tmp_path / "pictures" / "opinions-lstm" / "confusion.svg", "<svg>two</svg>")
    for number, kind in enumerate(("calibration", "by-length", "gradient-norms")):
        picture = tmp_path / "pictures" / "opinions-lstm" / f"{kind}.svg"
        write(picture, f"<svg>more {number}</svg>")
    write(tmp_path / "pictures" / "verses-fixed" / "samples.md", "## Epoch 1\n\n    <b>le</b>\n")
    write(
        tmp_path / "pictures" / "shakespeare-lstm" / "sample.txt",
        "ROMEO\n<script>alert(1)</script>",
    )
    check = {
        "frame": "train",
        "rule": "no <b>empty</b> text",
        "expectation": "expect_column_values_to_not_be_null",
        "column": None,
        "observed": None,
        "unexpected": 0,
        "success": True,
    }
    failed = {**check, "frame": "splits", "rule": "no twins", "unexpected": 7, "success": False}
    write(tmp_path / "checks" / "opinions.json", json.dumps([check, failed]))
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
