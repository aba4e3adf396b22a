"""CONTRIBUTING.md followed literally: a toy cell, reader, metric and task in a copy of the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests import packages
from tests.contract.imports import ROOT
from tests.unit.corpus_entries import COMMON_CHECKS

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^`([\w/.]+)`\n\n```python\n(.*?)```", TEXT, flags=re.S | re.M)
OPTIMIZER = {"name": "adam", "learning_rate": 0.01, "schedule": "constant", "clip_norm": 1.0}
PARAMS = {
    "seed": 1,
    "data_seed": 1,
    "threads": 1,
    "tracking": {"experiment_prefix": ""},
    "checkpoints": {"every": 1000},
    "data": {"engine": "local"},
    "checks": COMMON_CHECKS,
    "corpora": {
        "toy": {
            "task": "parity",
            "source": {"kind": "files", "paths": ["texts/toy.txt"]},
            "reader": {"format": "pairs"},
            "cleaning": {
                "unicode": "NFC",
                "lowercase": True,
                "max_length": 20,
                "drop_repeated": False,
            },
            "tokens": "words",
            "split": {"method": "shuffled", "valid": 0.2, "test": 0.2},
            "vocabulary": {"max_size": 100, "min_count": 1},
            "checks": {"rows": {"min": 10}, "unknown_rate": {"max": 1.0}},
        },
    },
    "models": {
        "baseline": {
            "toy-parity": {
                "model": "parity",
                "corpus": "toy",
                "hidden": [],
                "dropout": 0.0,
                "batch_size": 8,
                "epochs": 2,
                "optimizer": OPTIMIZER,
            }
        },
        "lstm": {
            "moods-leaky": {
                "model": "classifier",
                "corpus": "moods",
                "cell": "leaky",
                "embedding": 4,
                "units": 4,
                "layers": 1,
                "bidirectional": True,
                "pooling": "last",
                "dropout": 0.0,
                "batch_size": 8,
                "epochs": 2,
                "optimizer": OPTIMIZER,
            }
        },
        "fine_tuned": {},
        "seq2seq": {},
    },
    "experiments": {
        "cells": {},
        "backpropagation": {},
        "memory": {},
        "word_order": {},
        "source_length": {},
    },
    "goals": [],
}
PARAMS["corpora"]["moods"] = PARAMS["corpora"]["toy"] | {
    "task": "classification",
    "checks": {
        "rows": {"min": 10},
        "unknown_rate": {"max": 1.0},
        "labels": {"values": ["even", "odd"]},
    },
}
# One process for all stages.
SCRIPT = """
from stages import build_vocab, check, evaluate, fetch, preprocess, report
from stages import train_baseline, train_lstm
check.main()
for corpus in ("toy", "moods"):
    fetch.main(corpus)
    preprocess.main(corpus)
    build_vocab.main(corpus)
train_baseline.main("toy-parity")
train_lstm.main("moods-leaky")
for model in ("toy-parity", "moods-leaky"):
    evaluate.main(model)
report.main()

from pipelines.evaluation import metrics
ter = metrics.get("test_ter")
assert ter.heading == "TER ↓"
assert ter.best([10.0, 20.0]) == 10.0 and ter.lead(10.0, 20.0) > 0
assert ter in metrics.of_task("translation")
score = ter.sacrebleu(False).corpus_score(["a b c"], [["a b d"]])
assert round(score.score, 1) == 33.3

import tensorflow as tf
from pipelines.layers.loop import Loop
from pipelines.layers.recurrent import Recurrent
layer = Recurrent("leaky", 3)
inputs = tf.random.stateless_uniform((2, 5, 4), (1, 2))
outputs, _ = layer(inputs)
state, step = layer.zero_state(2), layer.step_fn(training=False, loop=Loop())
for t in range(5):
    output, state = step(tf.matmul(inputs[:, t], layer.recurrence.cell.kernel), state)
    tf.debugging.assert_near(output, outputs[:, t], atol=1e-5)
"""


def insert(folder: Path, name: str, code: str) -> None:
    """Add a block of CONTRIBUTING.md to the copy."""
    file = folder / name
    if not file.exists():
        file.write_text(code, encoding="utf-8")
        return
    text = file.read_text(encoding="utf-8")
    if name.endswith("metrics.py"):
        text = replace(text, "METRICS: tuple[Metric, ...] = (\n", f"\\g<0>{code}")
    elif name.endswith("task_schemas.py"):
        text = replace(text, r"    for schema in \(\n", f"\\g<0>{code}")
    elif name.endswith("models.py"):
        kind = re.search(r"class (\w+)", code).group(1)
        text = replace(text, r"^TrainableModel = \([^\n]*\n", f"{code}\n\n\\g<0>    {kind}\n    | ")
    else:
        text = f"{text}\n\n{code}"
    file.write_text(text, encoding="utf-8")


def replace(text: str, pattern: str, new: str) -> str:
    pattern = pattern if "\\" in pattern or pattern.startswith("^") else re.escape(pattern)
    text, count = re.subn(pattern, new, text, count=1, flags=re.M)
    assert count == 1, pattern
    return text


def test_additions_of_the_guide_work(tmp_path, server):
    assert len(BLOCKS) == 8
    for package in ("pipelines", "stages"):
        packages.copy(package, tmp_path)
    for name, code in BLOCKS:
        insert(tmp_path, name, code)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    (tmp_path / "texts").mkdir()
    rows = ["good film -> even", "a bad film -> odd", "not a good film -> even", "bad -> odd"]
    (tmp_path / "texts" / "toy.txt").write_text("\n".join(rows * 10), encoding="utf-8")
    (tmp_path / "stages" / "guide.py").write_text(SCRIPT, encoding="utf-8")
    process = subprocess.run(
        [sys.executable, "-m", "stages.guide"],
        cwd=tmp_path,
        env=os.environ | server,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "toy-parity" in page
    assert "moods-leaky" in page
    assert (tmp_path / "metrics" / "moods-leaky.json").is_file()
