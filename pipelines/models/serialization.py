"""Models on disk, a folder each: `model.json` says what it is, `vocabulary.json` what its ids mean.

Beside them stand the weights. All are stable bytes, and the folder needs nothing outside itself.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from pydantic import TypeAdapter

from pipelines import console, files
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.models.interpolated import Interpolated
from pipelines.models.ngram import NGram
from pipelines.text.vocabulary import Vocabularies
from pipelines.text.vocabulary import load as load_vocabularies

if TYPE_CHECKING:
    import keras

WEIGHTS, VOCABULARY = "model.weights.h5", "vocabulary.json"
Entry = TypeVar("Entry", covariant=True)  # which kind of model a card describes


@dataclass(frozen=True)
class ModelSpec(Generic[Entry]):
    """What a model is, and how text must be prepared for it."""

    entry: Entry
    task: params.Task
    tokens: params.Tokens
    cleaning: params.Cleaning
    seed: int

    @classmethod
    def of(cls, everything: params.Params, name: str) -> ModelSpec[Any]:
        """The card of a model of params.yaml."""
        entry = everything.models[name]
        corpus = everything.corpora[entry.corpus]
        seed = everything.seed if entry.seed is None else entry.seed
        seed = next(iter(params.seeds_of(entry)), seed)
        return ModelSpec(entry, corpus.task, corpus.tokens, corpus.cleaning, seed)

    @property
    def trained_from(self) -> tuple[int, ...]:
        """The seed of each member: of a group, of an ensemble, or of the one model."""
        successive = range(getattr(self.entry, "ensemble_size", None) or 1)
        return params.seeds_of(self.entry) or tuple(self.seed + number for number in successive)


class SeedGroup(NamedTuple):
    """The same model, trained from several seeds."""

    members: list[keras.Model]


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


def save(model: Any, spec: ModelSpec[Any], vocabulary: Path, folder: Path) -> None:
    """Write a model atomically.

    Args:
        model: the model.
        spec: its spec.
        vocabulary: the vocabulary file, which is copied beside the weights.
        folder: the model's folder; it is replaced.
    """
    with files.atomic_write(folder) as temporary:
        temporary.mkdir()
        write(model, spec, vocabulary, temporary)


def write(model: Any, card: ModelSpec[Any], vocabulary: Path, folder: Path) -> None:
    """Write a model into an existing folder."""
    shutil.copyfile(vocabulary, folder / VOCABULARY)
    network, ngram = _parts(model)
    if ngram is not None:
        ngram.save(folder)
    if network is not None:
        members = getattr(network, "members", [network])
        for member, file in zip(members, _weights(card), strict=True):
            member.save_weights(folder / file)
    described = {
        "model": card.entry.model_dump(mode="json", exclude_none=True),
        "task": card.task,
        "tokens": card.tokens,
        "cleaning": card.cleaning.model_dump(mode="json"),
        "seed": card.seed,
    }
    text = files.dump_json(described)
    (folder / "model.json").write_text(text, encoding="utf-8", newline="\n")


def load(
    folder: Path, vocabulary: Path | None = None, seed: int | None = None
) -> tuple[Any, ModelSpec[Any], Vocabularies]:
    """Read what `save` wrote.

    Args:
        folder: the model's.
        vocabulary: the file that it must have been trained with; whatever it was if None.
        seed: which member of a group; the first if None.

    Raises:
        Refusal: there is no model, or it was trained on another vocabulary.
    """
    card, own = _described(folder), folder / VOCABULARY
    if not own.is_file():
        raise _damaged(own)
    vocabularies = load_vocabularies(vocabulary or own)
    if vocabulary is not None and vocabulary.read_bytes() != own.read_bytes():
        raise UserError(
            f"The model in {folder} was trained with another vocabulary than {vocabulary}: "
            "train it again, or give the vocabulary it was trained with."
        )
    if card.entry.model == "ngram":
        return _counted(card.entry, vocabularies, folder), card, vocabularies
    weights = _weights(card)
    if params.seeds_of(card.entry):
        number = 0 if seed is None else params.seeds_of(card.entry).index(seed)
        weights = weights[number : number + 1]
    network = combine_members(
        [_restored(card.entry, vocabularies, folder / file) for file in weights]
    )
    extra = getattr(card.entry, "ngram", None)
    if extra is None:
        return network, card, vocabularies
    counted = _counted(extra, vocabularies, folder)
    return Interpolated(network, counted, extra.weight), card, vocabularies


def _parts(model: Any) -> tuple[Any, NGram | None]:
    """What is learnt by gradient, and what is counted; None for what a model has not."""
    if isinstance(model, Interpolated):
        return model.network, model.ngram
    return (None, model) if isinstance(model, NGram) else (model, None)


def _counted(
    entry: params.NGram | params.Interpolation, vocabularies: Vocabularies, folder: Path
) -> NGram:
    size = len(vocabularies.columns["text"])
    return NGram.load(folder, entry.order, size, entry.smoothing)


def combine_members(members: list[keras.Model]) -> Any:
    """One model, or several as an ensemble that answers like one."""
    from pipelines.models.ensemble import Ensemble

    return members[0] if len(members) == 1 else Ensemble(members)


def _weights(card: ModelSpec[Any]) -> list[str]:
    """The files of weights, one for each member of an ensemble or a group."""
    members = range(2, len(card.trained_from) + 1)
    return [WEIGHTS, *(f"model-{number}.weights.h5" for number in members)]


def _restored(entry: params.Model, vocabularies: Vocabularies, file: Path) -> keras.Model:
    model = build(entry, vocabularies)
    try:
        model.load_weights(file)
    except (OSError, ValueError, KeyError):
        raise _damaged(file) from None
    return model


def count_parameters(model: Any) -> int:
    """How many numbers were learnt."""
    return model.parameters if isinstance(model, NGram) else int(model.count_params())


def _described(folder: Path) -> ModelSpec[Any]:
    """The card of a model."""
    adapter: TypeAdapter[Any] = TypeAdapter(params.Model)
    try:
        said = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        entry, cleaning = adapter.validate_python(said["model"]), said["cleaning"]
        cleaning = params.Cleaning.model_validate(cleaning)
        return ModelSpec(entry, said["task"], said["tokens"], cleaning, said["seed"])
    except FileNotFoundError:
        raise UserError(
            f"There is no model in {folder}: train it first, with `dvc repro`."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise _damaged(folder / "model.json") from None


def _damaged(file: Path) -> UserError:
    return UserError(f"{file} is missing or damaged: train the model again.")
