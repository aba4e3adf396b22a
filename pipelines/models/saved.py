"""Models on disk: `model.json` says what it is, beside its weights; both are stable bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter

from pipelines import console, params
from pipelines.errors import Refusal
from pipelines.text.vocabulary import Vocabularies
from pipelines.text.vocabulary import load as load_vocabularies

if TYPE_CHECKING:
    import keras

    from pipelines.models.ngram import NGram

WEIGHTS = "model.weights.h5"
Entry = TypeVar("Entry", covariant=True)  # which kind of model a card describes


@dataclass(frozen=True)
class Card(Generic[Entry]):
    """What a model is, and how text must be prepared for it."""

    entry: Entry
    task: params.Task
    tokens: params.Tokens
    cleaning: params.Cleaning
    seed: int

    @classmethod
    def of(cls, everything: params.Params, name: str) -> Card[Any]:
        """The card of a model of params.yaml."""
        entry = everything.models[name]
        corpus = everything.corpora[entry.corpus]
        return Card(entry, corpus.task, corpus.tokens, corpus.cleaning, everything.seed)


def build(entry: params.Model, vocabularies: Vocabularies) -> keras.Model:
    """A new Keras model with its first weights, its shapes known."""
    with console.quiet_imports():
        import tensorflow as tf

    some = tf.ones((1, 2), tf.int32)
    if entry.model == "language_model":
        from pipelines.models.language_model import LanguageModel

        model: keras.Model = LanguageModel(entry, vocabularies.columns["text"].log_frequencies())
        model(some)
    elif entry.model == "seq2seq":
        from pipelines.models.seq2seq import Seq2Seq

        source, target = vocabularies.columns["source"], vocabularies.columns["target"]
        model = Seq2Seq(entry, len(source), target.log_frequencies())
        model(some, some)
    else:
        model = _classifier(entry, len(vocabularies.columns["text"]), len(vocabularies.labels))
        model(some)
    return model


def _classifier(entry: params.Model, vocabulary: int, labels: int) -> keras.Model:
    if entry.model == "classifier":
        from pipelines.models.classifier import Classifier

        return Classifier(entry, vocabulary, labels)
    if entry.model == "bag_of_words":
        from pipelines.models.bag_of_words import BagOfWords

        return BagOfWords(entry, vocabulary, labels)
    raise ValueError(f"{entry.model} has no Keras model")


def save(model: Any, card: Card[Any], vocabulary: Path, folder: Path) -> None:
    """Write a model.

    Args:
        model: what was trained.
        card: what it is.
        vocabulary: the file whose ids it speaks; its hash is kept.
        folder: made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if card.entry.model == "ngram":
        model.save(folder)
    else:
        model.save_weights(folder / WEIGHTS)
    described = {
        "model": card.entry.model_dump(mode="json"),
        "task": card.task,
        "tokens": card.tokens,
        "cleaning": card.cleaning.model_dump(mode="json"),
        "seed": card.seed,
        "vocabulary": _hash(vocabulary),
    }
    text = console.as_json(described)
    (folder / "model.json").write_text(text, encoding="utf-8", newline="\n")


def load(folder: Path, vocabulary: Path) -> tuple[Any, Card[Any], Vocabularies]:
    """Read what `save` wrote.

    Raises:
        Refusal: there is no model, or it was trained on another vocabulary.
    """
    vocabularies = load_vocabularies(vocabulary)
    card, trained_with = _described(folder)
    if trained_with != _hash(vocabulary):
        raise Refusal(
            f"The model in {folder} was trained with another vocabulary than {vocabulary}: "
            "train it again, or give the vocabulary it was trained with."
        )
    if card.entry.model == "ngram":
        from pipelines.models.ngram import NGram

        size = len(vocabularies.columns["text"])
        return NGram.load(folder, card.entry.order, size), card, vocabularies
    model = build(card.entry, vocabularies)
    try:
        model.load_weights(folder / WEIGHTS)
    except (OSError, ValueError, KeyError):
        raise _damaged(folder / WEIGHTS) from None
    return model, card, vocabularies


def parameters(model: keras.Model | NGram) -> int:
    """How many numbers were learnt."""
    from pipelines.models.ngram import NGram

    return model.parameters if isinstance(model, NGram) else int(model.count_params())


def _described(folder: Path) -> tuple[Card[Any], str]:
    """The card of a model, and the hash of its vocabulary."""
    adapter: TypeAdapter[Any] = TypeAdapter(params.Model)
    try:
        said = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        entry, cleaning = adapter.validate_python(said["model"]), said["cleaning"]
        cleaning = params.Cleaning.model_validate(cleaning)
        card = Card(entry, said["task"], said["tokens"], cleaning, said["seed"])
        return card, str(said["vocabulary"])
    except FileNotFoundError:
        raise Refusal(f"There is no model in {folder}: train it first, with `dvc repro`.") from None
    except (ValueError, KeyError, TypeError):
        raise _damaged(folder / "model.json") from None


def _damaged(file: Path) -> Refusal:
    return Refusal(f"{file} is missing or damaged: train the model again.")


def _hash(vocabulary: Path) -> str:
    return hashlib.md5(vocabulary.read_bytes(), usedforsecurity=False).hexdigest()
