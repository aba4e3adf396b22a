"""Classification: predict the label of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.tasks.base import Evaluation, Frames, LengthScore, PredictionScore, Task

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from pipelines.inference.predictor import Predictor
    from pipelines.models.logistic_regression import LogisticRegression
    from pipelines.models.serialization import ModelSpec
    from pipelines.text.encoding import Rows
    from pipelines.text.vocabulary import Vocabularies
    from pipelines.training.datasets import EncodedSplit, TrainingData
    from pipelines.training.objectives import Objective

BATCH_SIZE = 256  # texts per batch of a prediction


class Classification(Task):
    """Predict the label of a text."""

    name = "classification"
    answer_columns = {"predicted": "label"}  # noqa: RUF012

    def objective(self, spec: ModelSpec[Any], train: Rows, vocabularies: Vocabularies) -> Objective:
        """Return the loss of the label; with `class_weights` weighted by label in training."""
        from pipelines.text import encoding
        from pipelines.training import objectives

        if spec.entry.class_weights is None:
            return objectives.label_loss
        labels = encoding.encode_labels(train["label"], vocabularies)
        weights = objectives.balanced_weights(labels, len(vocabularies.labels))
        return objectives.weighted_label_loss(weights)

    def training_data(
        self,
        spec: ModelSpec[Any],
        model: keras.Model,
        frames: Frames,
        vocabularies: Vocabularies,
        seed: int,
        folder: Path | None = None,
    ) -> TrainingData:
        """Encode texts and labels, batched by length."""
        import numpy as np

        from pipelines.text import encoding
        from pipelines.training import datasets, mapped_ids

        vocabulary = vocabularies.columns["text"]

        def encode(frame: Rows) -> EncodedSplit:
            texts = encoding.iterate_rows(frame["text"], vocabulary)
            labels = encoding.encode_labels(frame["label"], vocabularies)
            rows = zip(texts, labels[:, np.newaxis], strict=True)
            return datasets.EncodedSplit(
                mapped_ids.write_rows(rows, 2, folder),
                lambda read, indices: (
                    datasets.pad_column(read, indices, 0),
                    datasets.pad_column(read, indices, 1)[:, 0],
                ),
                sequences=1,
            )

        train, valid = (encode(frame) for frame in frames)
        return datasets.bucketed_data(
            spec.entry,
            train,
            valid,
            tokens=int(train.lengths().sum()),
            seed=seed,
            signature=(datasets.MATRIX, datasets.VECTOR),
            vocabularies=vocabularies,
            resample=datasets.unknown_replacement(spec.entry, train, 0, vocabulary, seed),
        )

    def fit(
        self, spec: ModelSpec[Any], frames: Frames, vocabularies: Vocabularies
    ) -> tuple[LogisticRegression, dict[str, float]]:
        """Fit a logistic regression for each candidate of C, and return the best of them.

        It has the highest macro F1 on the validation split; of equals, the one with the smallest C.
        Its losses are those of the examples, without the penalty and class weights.
        """
        import numpy as np

        from pipelines.inference.scores import macro_f1
        from pipelines.models import logistic_regression
        from pipelines.text import encoding

        split_text = vocabularies.columns["text"].split
        (train, valid), (train_labels, valid_labels) = (
            [[split_text(text) for text in frame["text"]] for frame in frames],
            [encoding.encode_labels(frame["label"], vocabularies) for frame in frames],
        )

        def mean_loss(
            model: LogisticRegression, texts: list[list[str]], labels: npt.NDArray[np.int32]
        ) -> float:
            logs = log_softmax(model.logits(model.features(texts)))
            return float(-logs[np.arange(len(labels)), labels].mean())

        def score(model: LogisticRegression) -> float:
            predicted = model.logits(model.features(valid)).argmax(axis=1)
            labels = [vocabularies.labels[label] for label in predicted]
            return macro_f1(labels, list(frames[1]["label"]), vocabularies.labels)

        models = logistic_regression.fit_candidates(spec.entry, train, train_labels)
        scores = {model.c: score(model) for model in models}
        best = max(models, key=lambda model: scores[model.c])  # the first of equals
        row = {
            "tokens": sum(map(len, train)),
            "train_loss": mean_loss(best, train, train_labels),
            "valid_loss": mean_loss(best, valid, valid_labels),
            "valid_macro_f1": scores[best.c],
        }
        if len(scores) > 1:
            row |= {"c": best.c} | {f"c_{c:g}_valid_macro_f1": score for c, score in scores.items()}
        return best, row

    def validation_score(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> PredictionScore | None:
        """Return macro F1."""
        from pipelines.inference import scores

        texts, actual = list(valid["text"]), list(valid["label"])

        def macro_f1(predictor: Predictor) -> float:
            return scores.macro_f1(
                self.predict_prepared(predictor, texts), actual, vocabularies.labels
            )

        return "macro_f1", macro_f1

    def validation_sample(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> Callable[[Predictor], str] | None:
        """Return None: a classifier writes no text."""
        return None

    def predict_prepared(self, predictor: Predictor, texts: Sequence[str]) -> list[str]:
        """Predict the label of each text."""
        best = predict_logits(predictor, texts).argmax(axis=1)
        return [predictor.vocabularies.labels[label] for label in best]

    def evaluate(self, predictor: Predictor, test: pd.DataFrame) -> Evaluation:
        """Predict each label, with its `confidence` and the loss of the actual label."""
        import numpy as np

        from pipelines.text import encoding

        labels, vocabulary = predictor.vocabularies.labels, predictor.vocabularies.columns["text"]
        texts = list(test["text"])
        log_probabilities = log_softmax(predict_logits(predictor, texts))
        best = log_probabilities.argmax(axis=1)
        actual = encoding.encode_labels(test["label"], predictor.vocabularies)
        predictions = test.assign(
            tokens=[len(vocabulary.split(text)) for text in texts],
            predicted=[labels[label] for label in best],
            nats=-log_probabilities[np.arange(len(actual)), actual],
            confidence=np.exp(log_probabilities.max(axis=1)),
            right=best == actual,
        )
        return Evaluation(predictions, labels=labels)

    def length_score(self, spec: ModelSpec[Any]) -> LengthScore:
        """Return the accuracy by the number of tokens."""
        return LengthScore("tokens", "accuracy", lambda rows: rows["right"].mean())


TASK = Classification()


def predict_logits(predictor: Predictor, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Compute the logits (N, L) of N prepared texts."""
    import numpy as np

    from pipelines.models.logistic_regression import LogisticRegression
    from pipelines.text import batching, encoding

    model, vocabulary = predictor.model, predictor.vocabularies.columns["text"]
    if isinstance(model, LogisticRegression):
        return model.logits(model.features([vocabulary.split(text) for text in texts]))
    rows = encoding.encode_rows(texts, vocabulary)
    compiled = predictor.cached(_compile)
    logits = np.zeros((len(rows), len(predictor.vocabularies.labels)))
    for indices in batching.batches_by_length([len(ids) for ids in rows], BATCH_SIZE):
        logits[indices] = compiled(batching.pad([rows[i] for i in indices])).numpy()
    return logits


def predict_probabilities(predictor: Predictor, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Compute the probability of each label (N, L) for N prepared texts."""
    import numpy as np

    probabilities: npt.NDArray[np.float64] = np.exp(log_softmax(predict_logits(predictor, texts)))
    return probabilities


def log_softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute log probabilities (N, L) from logits (N, L)."""
    import numpy as np

    log_probabilities: npt.NDArray[np.float64]
    log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return log_probabilities


def _compile(predictor: Predictor) -> Any:
    import tensorflow as tf

    shape = tf.TensorSpec((None, None), tf.int32)
    return tf.function(lambda ids: predictor.model(ids), input_signature=[shape], autograph=False)
