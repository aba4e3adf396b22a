"""Effect of each word on the answer of a classifier, by leaving it out.

The effect of a word is the probability of the predicted label minus that without the word
(leave-one-out, Li et al. 2016). It needs nothing but the answers of a model, so it is the same
measure for recurrent models and for models that count words. Effects do not add up: words act
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.tasks import classification
from pipelines.text.vocabulary import UNK

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor


@dataclass(frozen=True)
class ClassifiedText:
    """Answer of a classifier to a text.

    Attributes:
        label: the predicted label.
        probabilities: of each label, in the order of the vocabulary.
        words: the words of the prepared text.
        effects: of each word on the probability of the predicted label; empty for a single word,
            which cannot be left out.
        unknown: of each word, True if a part of it is not in the vocabulary.
    """

    label: str
    probabilities: dict[str, float]
    words: Sequence[str]
    effects: Sequence[float]
    unknown: Sequence[bool]


def classify(predictor: Predictor, prepared: str) -> ClassifiedText:
    """Classify a prepared text, with and without each of its words."""
    words = prepared.split(" ")
    shorter = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(words) if words[1:] else 0)]
    # (1 + number of words, L)
    probabilities = classification.predict_probabilities(predictor, [prepared, *shorter])
    labels = predictor.vocabularies.labels
    best = int(probabilities[0].argmax())
    vocabulary = predictor.vocabularies.columns["text"]
    return ClassifiedText(
        labels[best],
        dict(zip(labels, map(float, probabilities[0]), strict=True)),
        words,
        [float(effect) for effect in probabilities[0, best] - probabilities[1:, best]],
        [UNK in vocabulary.encode(word) for word in words],
    )
