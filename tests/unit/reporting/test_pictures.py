"""The folder of a model's pictures: what is there for which kind of model."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipelines.evaluation.analysis import LengthScores
from pipelines.evaluation.calibration import reliability
from pipelines.reporting import pictures
from pipelines.tasks.evaluation import Evaluation
from pipelines.training import history
from pipelines.training.samples import Sample, write_samples
from pipelines.training.step_metrics import write_step_metrics

LENGTHS = LengthScores("tokens", "accuracy", (3,), (2,), (0.5,))
EPOCHS = pd.DataFrame({"epoch": [1], "tokens": [9], "train_loss": [2.0], "valid_loss": [2.1]})
ALWAYS = {"learning-curve.svg", "by-length.svg"}


def drawn(folder: Path, found: Evaluation, samples: list[Sample], steps: int) -> dict[str, str]:
    """The files of a model that was trained for so many steps, if by steps."""
    model, table = folder / "model", folder / "history.csv"
    model.mkdir()
    history.write_history(EPOCHS, table)
    numbers = np.linspace(2, 1, steps) if steps else None
    write_step_metrics(numbers, numbers, model)
    write_samples(samples, model)
    card = SimpleNamespace(entry=SimpleNamespace(optimizer=SimpleNamespace(clip_norm=1.0)))
    words = SimpleNamespace(labels=("bad", "good"))
    predictor = SimpleNamespace(card=card, vocabularies=words)
    pictures.write("m", found, predictor, model, table, folder / "out")
    return {file.name: file.read_text(encoding="utf-8") for file in (folder / "out").iterdir()}


def test_of_a_classifier(tmp_path: Path) -> None:
    found = Evaluation(
        metrics={"test_calibration_error": 0.125},
        predictions=pd.DataFrame(),
        lengths=LENGTHS,
        confusion=np.eye(2),
        reliable=reliability(np.array([0.6, 0.9]), np.array([True, False])),
    )
    files = drawn(tmp_path, found, [], steps=5)
    assert set(files) == ALWAYS | {"calibration.svg", "confusion.svg", "gradient-norms.svg"}
    assert "ECE 0.125" in files["calibration.svg"]


def test_of_what_writes_and_was_counted(tmp_path: Path) -> None:
    found = Evaluation({}, pd.DataFrame(), LENGTHS, sample="the end")
    files = drawn(tmp_path, found, [], steps=0)
    assert set(files) == ALWAYS | {"sample.txt"}


@pytest.mark.parametrize("text", ["a\n\n# b", "```\n</pre>"])
def test_samples_of_each_epoch_stay_as_they_are(tmp_path: Path, text: str) -> None:
    samples = [Sample(1, "tttt"), Sample(2, text)]
    files = drawn(tmp_path, Evaluation({}, pd.DataFrame(), LENGTHS), samples, steps=9)
    shown = "\n".join(f"    {line}" for line in text.split("\n"))
    assert files["samples.md"] == (
        f"# What m said after each epoch\n\n## Epoch 1\n\n    tttt\n\n## Epoch 2\n\n{shown}\n"
    )
