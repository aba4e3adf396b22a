"""Random predictions of models of each task."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.config import params
from pipelines.inference import scores

CORPORA = params.load(Path(__file__).parents[3] / "params.yaml").corpora
LABELS = ["negative", "neutral", "positive"]


def classify(accuracy, seed=1, size=300):
    """Return predictions of a classifier with about this accuracy."""
    random = np.random.default_rng(seed)
    actual = np.random.default_rng(0).integers(0, 3, size)
    wrong = (actual + random.integers(1, 3, size)) % 3
    predicted = np.where(random.random(size) < accuracy, actual, wrong)
    return pd.DataFrame(
        {
            "text": [f"text {number}" for number in range(size)],
            "label": [LABELS[label] for label in actual],
            "predicted": [LABELS[label] for label in predicted],
            "nats": random.random(size),
        }
    )


def translate(accuracy, seed=1, size=80):
    """Return translations with about this fraction of right words."""
    random, words = np.random.default_rng(seed), np.random.default_rng(0)
    targets = [" ".join(f"w{words.integers(40)}" for _ in range(9)) for _ in range(size)]
    hypotheses = [
        " ".join(word if random.random() < accuracy else "x" for word in target.split(" "))
        for target in targets
    ]
    frame = pd.DataFrame({"source": targets, "target": targets, "hypothesis": hypotheses})
    frame["bleu"] = scores.sentence_bleu(hypotheses, targets)
    return frame.assign(nats=random.random(size), tokens=10)


def model_language(nats_per_token, seed=1, size=200):
    """Return losses of a language model with about this mean loss."""
    random = np.random.default_rng(seed)
    tokens = np.random.default_rng(0).integers(5, 40, size)
    texts = ["a" * (count - 1) for count in tokens]
    nats = tokens * (nats_per_token + 0.02 * random.standard_normal(size))
    return pd.DataFrame({"text": texts, "tokens": tokens, "nats": nats})
