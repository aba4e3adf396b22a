"""A trained network as TensorFlow SavedModel: strings in, strings out, without this package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.export.serving_model import (
    ClassifierServing,
    LanguageModelServing,
    ServingModel,
    TaggerServing,
)
from pipelines.export.translator_serving import TranslatorServing
from pipelines.inference.predictor import Predictor
from pipelines.tasks import language_modelling, lookup
from pipelines.text import batching, encoding
from pipelines.text.vocabulary import END

SERVING: dict[params.Task, type[ServingModel]] = {
    "classification": ClassifierServing,
    "tagging": TaggerServing,
    "translation": TranslatorServing,
    "language_modelling": LanguageModelServing,
}
ANSWERS: dict[params.Task, str] = {
    "classification": "label",
    "tagging": "tagged",
    "translation": "translation",
}
TOLERANCE = 1e-3  # relative, of the loss of a text
GENERATED, COLD = 20, 1e-6  # tokens, and a temperature at which the most likely one always wins


def write(predictor: Predictor, folder: Path) -> None:
    """Write a SavedModel into a folder.

    Raises:
        UserError: the model is no network, its search needs Python, or the disk is full.
    """
    if not hasattr(predictor.model, "weights") and not hasattr(predictor.model, "members"):
        kind = predictor.spec.entry.model
        raise UserError(
            f"A SavedModel holds a network, and a model of kind '{kind}' "
            "is none, or is mixed with n-grams. Export another model."
        )
    model = SERVING[predictor.spec.task](predictor)
    try:
        tf.saved_model.save(model, str(folder), signatures=model.signatures())
    except tf.errors.OpError as error:  # TensorFlow's own kind of OSError
        reason = error.message.rpartition("; ")[2]
        raise UserError(
            f"The SavedModel cannot be written into {folder.parent} ({reason}). Make room there, "
            "or choose another --output."
        ) from None


def differences(predictor: Predictor, folder: Path, texts: Sequence[str]) -> list[str]:
    """Return the texts whose answers by a SavedModel differ from those of the model in Python.

    Args:
        predictor: the model.
        folder: the SavedModel.
        texts: as users type them.
    """
    signatures = tf.saved_model.load(str(folder)).signatures
    outputs = signatures["serving_default"](text=tf.constant(list(texts)))
    prepared = predictor.normalize(texts)
    if predictor.spec.task == "language_modelling":
        equal = [
            *_equal_losses(predictor, outputs["nats"].numpy(), prepared),
            _continues_equally(predictor, signatures["generate"], prepared[0]),
        ]
        return [text for text, same in zip([*texts, texts[0]], equal, strict=True) if not same]
    answers = [answer.decode() for answer in outputs[ANSWERS[predictor.spec.task]].numpy()]
    nonblank = [text for text in prepared if text.strip()]
    expected = iter(lookup.get(predictor.spec.task).predict_prepared(predictor, nonblank))
    pairs = zip(texts, prepared, answers, strict=True)
    return [
        text for text, clean, answer in pairs if answer != (next(expected) if clean.strip() else "")
    ]


def _equal_losses(predictor: Predictor, nats: Any, prepared: Sequence[str]) -> Iterator[bool]:
    vocabulary = predictor.vocabularies.columns["text"]
    rows = encoding.encode_rows(prepared, vocabulary, ends=True)
    ids = batching.pad(rows)
    inputs, targets = ids[:, :-1].copy(), ids[:, 1:]
    inputs[:, 0] = END  # a text follows the end of another
    logits, _ = predictor.model(tf.constant(inputs))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits).numpy()
    for row, loss, value in zip(rows, losses, nats, strict=True):
        yield bool(np.isclose(loss[: len(row) - 1].sum(), value, rtol=TOLERANCE))


def _continues_equally(predictor: Predictor, generate: Any, beginning: str) -> bool:
    """Compare the most likely continuation of a text."""
    samples = params.Samples(beginning=beginning, length=GENERATED, temperature=1.0, top_k=1)
    written = generate(
        beginning=tf.constant(beginning),
        length=tf.constant(GENERATED),
        temperature=tf.constant(COLD),
        seed=tf.constant(1),
    )["text"]
    expected = language_modelling.write(predictor, beginning, samples)
    return bool(written.numpy().decode() == expected)
