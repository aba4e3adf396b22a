"""Classification: predict the label of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.tasks.base import Evaluation, Frames, LengthScore, PredictionScore, Task

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from pipelines.inference.predictor import Predictor
    from pipelines.models.serialization import ModelSpec
    from pipelines.text.vocabulary import Vocabularies
    from pipelines.training.datasets import EncodedSplit, TrainingData
    from pipelines.training.objectives import Objective

BATCH_SIZE = 256  # texts per batch of a prediction


class Classification(Task):
    """Predict the label of a text."""

    name = "classification"
    answer_columns = {"predicted": "label"}  # noqa: RUF012

    def objective(
        self, spec: ModelSpec[Any], train: pd.DataFrame, vocabularies: Vocabularies
    ) -> Objective:
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
    ) -> TrainingData:
        """Encode texts and labels, batched by length."""
        from pipelines.text import encoding
        from pipelines.training import datasets

        vocabulary = vocabularies.columns["text"]

        def encode(frame: pd.DataFrame) -> EncodedSplit:
            rows = [[ids] for ids in encoding.encode_rows(frame["text"], vocabulary)]
            labels = encoding.encode_labels(frame["label"], vocabularies)
            return datasets.EncodedSplit(
                rows, lambda rows, indices: (datasets.pad_column(rows, indices, 0), labels[indices])
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
        )

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
        best = predict_logits(predictor, _encode(predictor, texts)).argmax(axis=1)
        return [predictor.vocabularies.labels[label] for label in best]

    def evaluate(self, predictor: Predictor, test: pd.DataFrame) -> Evaluation:
        """Predict each label, with its `confidence` and the loss of the actual label."""
        import numpy as np

        from pipelines.text import encoding

        labels = predictor.vocabularies.labels
        rows = _encode(predictor, list(test["text"]))
        logits = predict_logits(predictor, rows).astype(np.float64)
        log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        best = log_probabilities.argmax(axis=1)
        actual = encoding.encode_labels(test["label"], predictor.vocabularies)
        predictions = test.assign(
            tokens=[len(ids) for ids in rows],
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


def predict_logits(
    predictor: Predictor, rows: Sequence[npt.NDArray[np.int32]]
) -> npt.NDArray[np.float32]:
    """Compute the logits (N, L) of N rows of ids."""
    import numpy as np

    from pipelines.text import batching

    compiled = predictor.cached(_compile)
    logits = np.zeros((len(rows), len(predictor.vocabularies.labels)), np.float32)
    for indices in batching.batches_by_length([len(ids) for ids in rows], BATCH_SIZE):
        logits[indices] = compiled(batching.pad([rows[i] for i in indices])).numpy()
    return logits


def _compile(predictor: Predictor) -> Any:
    import tensorflow as tf

    shape = tf.TensorSpec((None, None), tf.int32)
    return tf.function(lambda ids: predictor.model(ids), input_signature=[shape])


def _encode(predictor: Predictor, texts: Sequence[str]) -> list[npt.NDArray[np.int32]]:
    from pipelines.text import encoding

    return encoding.encode_rows(texts, predictor.vocabularies.columns["text"])
