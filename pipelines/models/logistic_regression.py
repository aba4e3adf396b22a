"""Logistic regression on tf-idf: a linear classifier of word n-grams, without word order.

Both parts are scikit-learn's. A text is its n-grams of tokens, each weighted by
tf (log(N + 1) - log(df + 1) + 1), where tf is its count in the text and df the number of the N
training texts that have it, and scaled to length 1 (Salton and Buckley, 1988). The weights minimise
half their squared norm plus C times the sum of the cross entropies.

Shapes: N texts, F n-grams, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config import params
from pipelines.data import parquet
from pipelines.errors import UserError

Real = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float32]

FILE = "features.parquet"
MAX_ITERATIONS = 10_000  # of L-BFGS, which ends long before


class LogisticRegression:
    """Linear classifier of tf-idf features.

    Args:
        vectorizer: scikit-learn's `TfidfVectorizer`, fitted.
        c: inverse strength of the penalty that the weights were fitted with.
        weights: (F, L).
        intercepts: (L,).
    """

    def __init__(self, vectorizer: Any, c: float, weights: Weights, intercepts: Weights) -> None:
        self.vectorizer, self.c = vectorizer, c
        self.weights, self.intercepts = weights, intercepts

    @property
    def parameters(self) -> int:
        """Number of weights and intercepts."""
        return self.weights.size + self.intercepts.size

    def features(self, texts: Sequence[Sequence[str]]) -> Any:
        """Return the features of N texts of tokens, sparse (N, F)."""
        return self.vectorizer.transform(texts)

    def logits(self, features: Any) -> Real:
        """Return the logits (N, L) of features (N, F)."""
        logits: Real = features @ self.weights.astype(np.float64) + self.intercepts
        return logits

    def save(self, folder: Path) -> None:
        """Write all n-grams as one table with reproducible bytes; its first row has the intercepts.

        Columns: `ngram` (tokens joined by a blank), `idf`, and the weight of each label.
        """
        rows = np.vstack([self.intercepts, self.weights])
        columns = {f"weight_{label}": rows[:, label] for label in range(rows.shape[1])}
        ngrams = ["", *self.vectorizer.get_feature_names_out()]
        idf = [0.0, *self.vectorizer.idf_]
        frame = pd.DataFrame({"ngram": ngrams, "idf": idf, **columns})
        parquet.write_parquet(frame, folder / FILE)

    @classmethod
    def load(
        cls, folder: Path, entry: params.LogisticRegressionConfig, c: float, labels: int
    ) -> LogisticRegression:
        """Read a model that `save` wrote.

        Args:
            folder: the model's folder.
            entry: its entry in params.yaml.
            c: the value of C that was chosen.
            labels: L.

        Raises:
            UserError: the file is missing or damaged.
        """
        table = parquet.read_parquet(folder / FILE)
        columns = [f"weight_{label}" for label in range(labels)]
        if list(table.columns) != ["ngram", "idf", *columns] or len(table) < 2:
            raise UserError(
                f"{folder / FILE} is damaged. Run `seqproof run` to train the model again."
            )
        rows = table[columns].to_numpy(np.float32)
        vectorizer = _vectorizer(entry, vocabulary=list(table["ngram"][1:]))
        vectorizer.idf_ = table["idf"].to_numpy(np.float64)[1:]
        return cls(vectorizer, c, rows[1:], rows[0])


def fit_candidates(
    entry: params.LogisticRegressionConfig,
    texts: Sequence[Sequence[str]],
    labels: npt.NDArray[np.int32],
) -> list[LogisticRegression]:
    """Fit a model with each of `c_values`, in their order; nothing is random.

    One thread: with several, sums are rounded according to their number.

    Args:
        entry: the model's entry in params.yaml.
        texts: N training texts of tokens.
        labels: (N,), the label of each, 0 to L - 1; each of the L labels occurs.

    Raises:
        UserError: there is only one label, or no n-gram occurs in `min_count` texts.
    """
    from sklearn import linear_model
    from threadpoolctl import threadpool_limits

    if len(np.unique(labels)) < 2:
        raise UserError(
            f"params.yaml: the training split of '{entry.corpus}' has only one label, and "
            "logistic_regression needs two or more. Add texts of another label."
        )
    vectorizer = _vectorizer(entry)
    try:
        features = vectorizer.fit_transform(texts)
    except ValueError:
        raise UserError(
            f"params.yaml: no n-gram occurs in 'min_count: {entry.min_count}' training texts of "
            f"'{entry.corpus}'. Lower it."
        ) from None
    models = []
    for c in entry.c_values:
        regression = linear_model.LogisticRegression(
            C=c, class_weight=entry.class_weights, max_iter=MAX_ITERATIONS
        )
        with threadpool_limits(1):
            regression.fit(features, labels)
        weights, intercepts = regression.coef_.T, regression.intercept_
        if weights.shape[1] == 1:  # of two labels scikit-learn keeps the difference of the logits
            weights, intercepts = (
                np.concatenate([np.zeros_like(part), part], axis=-1)
                for part in (weights, intercepts)
            )
        parts = (part.astype(np.float32) for part in (weights, intercepts))
        models.append(LogisticRegression(vectorizer, c, *parts))
    return models


def _vectorizer(
    entry: params.LogisticRegressionConfig, vocabulary: Sequence[str] | None = None
) -> Any:
    """Return a vectorizer of texts that are sequences of tokens."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        preprocessor=list,
        tokenizer=list,
        token_pattern=None,
        ngram_range=(1, entry.ngrams),
        min_df=entry.min_count,
        sublinear_tf=bool(entry.sublinear_tf),
        vocabulary=vocabulary,
    )
