"""The pictures of a model: which ones each kind of model has."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from pipelines.evaluation.analysis import Analysis, AttentionMap, Confusion, LengthScores
from pipelines.evaluation.calibration import reliability
from pipelines.reporting import pictures
from pipelines.reporting.learning_curves import LossUnit
from pipelines.training.samples import Sample

LENGTHS = LengthScores("tokens", "accuracy", (3,), (2,), (0.5,))
HISTORY = pd.DataFrame({"epoch": [1], "tokens": [9], "train_loss": [2.0], "valid_loss": [2.1]})
COMMON = {"learning-curve.svg", "by-length.svg"}


def draw(
    analysis: Analysis,
    samples: Sequence[Sample] = (),
    steps: int = 9,
    clip_norm: float | None = 1.0,
) -> dict[str, str]:
    """Draw the pictures of a model that was trained for a number of steps."""
    norms = np.linspace(2, 1, steps) if steps else np.zeros(0)
    unit = LossUnit("nats per text", 1.0)
    return pictures.draw("m", analysis, HISTORY, norms, norms, samples, clip_norm, unit)


def test_a_classifier_has_calibration_and_confusion() -> None:
    analysis = Analysis(
        LENGTHS,
        confusion=Confusion(("bad", "good"), np.eye(2, dtype=np.int64)),
        reliability=reliability(np.array([0.625, 0.875]), np.array([True, False])),
    )
    files = draw(analysis)
    assert set(files) == COMMON | {"calibration.svg", "confusion.svg", "gradient-norms.svg"}
    assert "ECE 0.625" in files["calibration.svg"]  # (0.375 + 0.875) / 2
    assert "good" in files["confusion.svg"]


def test_a_translator_has_numbered_attention_maps() -> None:
    attention = AttentionMap(np.eye(2), ("a", "b"), ("c", "d"))
    files = draw(Analysis(LENGTHS, (attention, attention)))
    expected = {"attention-1.svg", "attention-2.svg", "gradient-norms.svg"}
    assert set(files) == COMMON | expected
    assert "m, test item 2" in files["attention-2.svg"]


def test_a_model_without_gradients_has_no_gradient_norms() -> None:
    files = draw(Analysis(LENGTHS, sample="the end"), steps=0, clip_norm=None)
    assert set(files) == COMMON | {"sample.txt"}
    assert files["sample.txt"] == "the end"


@pytest.mark.parametrize("text", ["a\n\n# b", "```\n</pre>"])
def test_samples_of_each_epoch_are_not_interpreted_as_markup(text: str) -> None:
    files = draw(Analysis(LENGTHS), [Sample(1, "tttt"), Sample(2, text)])
    indented = "\n".join(f"    {line}" for line in text.split("\n"))
    assert files["samples.md"] == (
        f"# Samples of m after each epoch\n\n## Epoch 1\n\n    tttt\n\n## Epoch 2\n\n{indented}\n"
    )


def test_the_same_data_give_the_same_files() -> None:
    analysis = Analysis(LENGTHS, (AttentionMap(np.eye(2), ("a", "b"), ("c", "d")),))
    assert draw(analysis) == draw(analysis)
