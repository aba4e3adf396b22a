"""Tagging: predict a tag for each word of a text, for instance the slots of a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UserError
from pipelines.tasks.base import Evaluation, Frames, ItemScore, LengthScore, PredictionScore, Task

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd
    import tensorflow as tf

    from pipelines.inference.predictor import Predictor
    from pipelines.models.serialization import ModelSpec
    from pipelines.text.encoding import Rows
    from pipelines.text.vocabulary import Vocabularies
    from pipelines.training.datasets import EncodedSplit, TrainingData
    from pipelines.training.objectives import Objective

BATCH_SIZE = 64  # texts per batch of a prediction
SAMPLES = 3  # texts that are tagged after each epoch
SAMPLE = "prediction: {}\nreference:  {}"


class Tagging(Task):
    """Predict a tag for each word of a text."""

    name = "tagging"
    answer_columns = {"predicted": "tags"}  # noqa: RUF012

    def objective(self, spec: ModelSpec[Any], train: Rows, vocabularies: Vocabularies) -> Objective:
        """Return the loss per token: of each tag, or of the sequence of tags with a CRF."""
        from pipelines.training import objectives

        return objectives.tag_loss

    def training_data(
        self,
        spec: ModelSpec[Any],
        model: keras.Model,
        frames: Frames,
        vocabularies: Vocabularies,
        seed: int,
        folder: Path | None = None,
    ) -> TrainingData:
        """Encode texts and tags, batched by length.

        Validation texts with a tag that the training split does not have are left out: their loss
        is infinite. The validation score counts them.

        Raises:
            UserError: no validation text is left.
        """
        from pipelines.text import encoding
        from pipelines.training import datasets, mapped_ids

        vocabulary = vocabularies.columns["text"]

        def encode(frame: Rows) -> EncodedSplit:
            texts = encoding.iterate_rows(frame["text"], vocabulary)
            tags = encoding.iterate_token_labels(frame["tags"], vocabularies)
            rows = zip(texts, tags, strict=True)
            trained = (row for row in rows if (row[1] != encoding.NO_LABEL).all())
            return datasets.EncodedSplit(
                mapped_ids.write_rows(trained, 2, folder),
                lambda read, indices: (
                    datasets.pad_column(read, indices, 0),
                    datasets.pad_column(read, indices, 1),
                ),
                sequences=1,
            )

        train, valid = (encode(frame) for frame in frames)
        if not len(valid.rows):
            raise UserError(
                f"params.yaml: corpora.{spec.entry.corpus}.split: every validation text has a tag "
                "that the training split does not have. Enlarge the training split."
            )
        return datasets.bucketed_data(
            spec.entry,
            train,
            valid,
            tokens=int(train.lengths()[:, 0].sum()),
            seed=seed,
            signature=(datasets.MATRIX, datasets.MATRIX),
            vocabularies=vocabularies,
            resample=datasets.unknown_replacement(spec.entry, train, 0, vocabulary, seed),
        )

    def validation_score(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> PredictionScore | None:
        """Return span F1."""
        from pipelines.inference import scores

        texts, actual = list(valid["text"]), list(valid["tags"])
        return "span_f1", lambda predictor: scores.span_f1(predict_tags(predictor, texts), actual)

    def validation_sample(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> Callable[[Predictor], str] | None:
        """Tag the first three texts of the validation split."""
        texts, actual = (list(valid[column][:SAMPLES]) for column in ("text", "tags"))
        references = list(map(_join, texts, actual))

        def sample(predictor: Predictor) -> str:
            return "\n\n".join(
                map(SAMPLE.format, self.predict_prepared(predictor, texts), references)
            )

        return sample

    def predict_prepared(self, predictor: Predictor, texts: Sequence[str]) -> list[str]:
        """Return the words of each text with their tags, as in `to/O boston/B-city`."""
        return list(map(_join, texts, predict_tags(predictor, texts)))

    def evaluate(self, predictor: Predictor, test: pd.DataFrame) -> Evaluation:
        """Predict the tags of each text.

        The column `span_f1` is the F1 of its spans; 1 for right tags without any span.
        """
        from pipelines.inference import scores

        predicted = predict_tags(predictor, list(test["text"]))
        pairs = zip(predicted, test["tags"], strict=True)
        return Evaluation(
            test.assign(
                tokens=[len(text.split(" ")) for text in test["text"]],
                predicted=predicted,
                span_f1=[
                    1.0 if tags == actual else scores.span_f1([tags], [actual])
                    for tags, actual in pairs
                ],
            )
        )

    def length_score(self, spec: ModelSpec[Any]) -> LengthScore:
        """Return span F1 by the number of tokens."""
        from pipelines.inference import scores

        return LengthScore(
            "tokens",
            "span F1",
            lambda rows: scores.span_f1(list(rows["predicted"]), list(rows["tags"])),
        )

    def item_score(self, predictions: pd.DataFrame) -> ItemScore:
        """Return the F1 of the spans of a text."""
        return ItemScore("span_f1", higher_is_better=True)


TASK = Tagging()


def predict_tags(predictor: Predictor, texts: Sequence[str]) -> list[str]:
    """Return the tags of each prepared text, separated by blanks like its words.

    With a CRF they are the most probable sequence, otherwise the most probable tag of each word.
    """
    from pipelines.text import batching, encoding

    compiled = predictor.cached(_compile)
    rows = encoding.encode_rows(texts, predictor.vocabularies.columns["text"])
    labels = predictor.vocabularies.labels
    predicted = [""] * len(rows)
    for indices in batching.batches_by_length([len(ids) for ids in rows], BATCH_SIZE):
        batch: np.ndarray = compiled(batching.pad([rows[i] for i in indices])).numpy()
        for index, tags in zip(indices, batch, strict=True):
            predicted[index] = " ".join(labels[tag] for tag in tags[: len(rows[index])])
    return predicted


def _compile(predictor: Predictor) -> Any:
    import tensorflow as tf

    from pipelines.text.vocabulary import PAD

    crf = getattr(predictor.model, "crf", None)  # an ensemble has none

    def decode(ids: tf.Tensor) -> tf.Tensor:
        logits = predictor.model(ids)
        if crf is None:
            return tf.argmax(logits, axis=2)
        return crf.decode(logits, tf.not_equal(ids, PAD))

    shape = tf.TensorSpec((None, None), tf.int32)
    return tf.function(decode, input_signature=[shape], autograph=False)


def _join(text: str, tags: str) -> str:
    """Return a text whose words are followed by their tags."""
    pairs = zip(text.split(" "), tags.split(" "), strict=True)
    return " ".join(f"{word}/{tag}" for word, tag in pairs)
