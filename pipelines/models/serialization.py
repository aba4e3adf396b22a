"""Models on disk, one folder each.

`model.json` describes the model, `vocabulary.json` maps tokens to ids, and the weights stand beside
them. The same model gives the same bytes, and nothing outside the folder is needed to load it.
"""

from __future__ import annotations

import importlib
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
from pydantic import ValidationError

from pipelines import console, files
from pipelines.config import params, task_schemas
from pipelines.config.error_messages import first_problem
from pipelines.errors import UserError
from pipelines.models.cache import UnigramCache
from pipelines.models.logistic_regression import LogisticRegression
from pipelines.models.mixture import Mixture
from pipelines.models.ngram import NGram
from pipelines.text.vocabulary import Vocabularies
from pipelines.text.vocabulary import load as load_vocabularies
from pipelines.types import ConfigModel

if TYPE_CHECKING:
    import keras

WEIGHTS, VOCABULARY, SPEC = "model.weights.h5", "vocabulary.json", "model.json"
HYPERPARAMETERS = "hyperparameters.json"  # values that the validation split chose
SPEC_KEYS = ("task", "tokens", "cleaning", "seed")
Entry = TypeVar("Entry", covariant=True)  # the kind of model that a spec describes


@dataclass(frozen=True)
class ModelSpec(Generic[Entry]):
    """Description of a model, and of the text it reads.

    Attributes:
        entry: the model's entry in params.yaml.
        task: the task of its corpus.
        tokens: the kind of token.
        cleaning: how text is prepared.
        seed: seed of the model, or of its first member.
    """

    entry: Entry
    task: params.Task
    tokens: params.Tokens
    cleaning: params.Cleaning
    seed: int

    @classmethod
    def of(cls, config: params.Params, name: str) -> ModelSpec[Any]:
        """Return the spec of a model of params.yaml."""
        entry = config.models[name]
        corpus = config.corpora[entry.corpus]
        return ModelSpec(entry, corpus.task, corpus.tokens, corpus.cleaning, config.seed_of(name))

    @property
    def member_seeds(self) -> tuple[int, ...]:
        """Seed of each member of a group or an ensemble, or of the single model."""
        size = getattr(self.entry, "ensemble_size", None) or 1
        return params.seeds_of(self.entry) or tuple(self.seed + number for number in range(size))


class SeedGroup(NamedTuple):
    """One model trained from several seeds; with a mixture each has weights of its own."""

    members: list[Any]


def build(entry: params.Model, vocabularies: Vocabularies) -> keras.Model:
    """Return a new Keras model with initial weights, by `build` of the module of its kind."""
    with console.quiet_imports():
        module = importlib.import_module(f"pipelines.models.{entry.model}")
    model: keras.Model = module.build(entry, vocabularies)
    return model


def combine_members(members: list[keras.Model]) -> Any:
    """Return the model if there is only one, else an ensemble."""
    from pipelines.models.ensemble import Ensemble

    return members[0] if len(members) == 1 else Ensemble(members)


def count_parameters(model: Any) -> int:
    """Return the number of trained weights, in all members of an ensemble; 0 for n-grams."""
    if isinstance(model, LogisticRegression):
        return model.parameters
    network = _components(model).get("network")
    return 0 if network is None else int(network.count_params())


def sizes(model: Any) -> dict[str, int]:
    """Return the sizes of a model and of its parts, by their keys in a metrics file.

    `parameters` are trained weights, `ngram_counts` counts of n-grams: they are not added up.
    """
    components = _components(model)
    counts: dict[str, int] = {}
    if "network" in components or "regression" in components:
        counts["parameters"] = count_parameters(model)
    if "ngram" in components:
        counts["ngram_counts"] = components["ngram"].parameters
    if isinstance(model, Mixture):
        parts = {"parameters": "network", "ngram_counts": "ngram"}
        counts |= {f"{parts[key]}/{key}": count for key, count in counts.items()}
    members = getattr(components.get("network"), "members", ())
    if members:
        counts["member/parameters"] = count_parameters(members[0])
    return counts


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


def write(model: Any, spec: ModelSpec[Any], vocabulary: Path, folder: Path) -> None:
    """Write a model into an existing folder."""
    shutil.copyfile(vocabulary, folder / VOCABULARY)
    versions = model.members if isinstance(model, SeedGroup) else [model]
    components = [_components(version) for version in versions]
    networks = [parts["network"] for parts in components if "network" in parts]
    if networks:
        members = [part for network in networks for part in getattr(network, "members", [network])]
        for member, file in zip(members, _weight_files(spec), strict=True):
            member.save_weights(folder / file)
    hyperparameters: dict[str, Any] = {}
    if "ngram" in components[0]:
        ngram = components[0]["ngram"]  # all members of a group have the same
        ngram.save(folder)
        hyperparameters["order"] = ngram.order
    if "regression" in components[0]:
        regression = components[0]["regression"]
        regression.save(folder)
        hyperparameters["c"] = regression.c
    if isinstance(versions[0], Mixture):
        hyperparameters["weights"] = [dict(version.weights) for version in versions]
    if hyperparameters:
        _write_json(hyperparameters, folder / HYPERPARAMETERS)
    content = {
        "model": spec.entry.model_dump(mode="json", exclude_none=True),
        "task": spec.task,
        "tokens": spec.tokens,
        "cleaning": spec.cleaning.model_dump(mode="json"),
        "seed": spec.seed,
    }
    _write_json(content, folder / SPEC)


def load(
    folder: Path,
    vocabulary: Path | None = None,
    seed: int | None = None,
    expected: ModelSpec[Any] | None = None,
) -> tuple[Any, ModelSpec[Any], Vocabularies]:
    """Load a model that `save` wrote.

    Args:
        folder: the model's folder.
        vocabulary: the vocabulary file that the model must have been trained with; not checked if
            None.
        seed: the member of a group to load; the first if None.
        expected: the spec that params.yaml gives; not checked if None.

    Raises:
        UserError: there is no model, it is damaged, or it was trained with another vocabulary or
            other parameters.
    """
    spec, own_vocabulary = _load_spec(folder), folder / VOCABULARY
    if expected is not None:
        _check_spec(spec, expected, folder)
    if not own_vocabulary.is_file():
        raise _damaged(own_vocabulary)
    vocabularies = load_vocabularies(vocabulary or own_vocabulary)
    if vocabulary is not None and vocabulary.read_bytes() != own_vocabulary.read_bytes():
        raise UserError(
            f"{folder}: the model was trained with another vocabulary than {vocabulary}. Run `dvc "
            "repro` to train it again."
        )
    _check_vocabularies(spec, vocabularies, folder)
    seeds = params.seeds_of(spec.entry)
    number = seeds.index(seed) if seeds and seed is not None else 0
    components = dict(_load_components(spec, vocabularies, folder, number))
    if len(components) == 1:
        return next(iter(components.values())), spec, vocabularies
    return Mixture(components, _read_weights(folder, number, components)), spec, vocabularies


def _load_components(
    spec: ModelSpec[Any], vocabularies: Vocabularies, folder: Path, number: int
) -> Iterator[tuple[str, Any]]:
    """Yield the components of a model; the network of a group is that of one member."""
    entry = spec.entry
    if entry.model == "logistic_regression":
        yield "regression", _load_logistic_regression(entry, vocabularies, folder)
        return
    if entry.model != "ngram":
        weight_files = _weight_files(spec)
        if params.seeds_of(entry):
            weight_files = weight_files[number : number + 1]
        networks = [_load_network(entry, vocabularies, folder / file) for file in weight_files]
        yield "network", combine_members(networks)
    options = entry if entry.model == "ngram" else getattr(entry, "ngram", None)
    if options is not None:
        yield "ngram", _load_ngram(options, vocabularies, folder)
    cache = getattr(entry, "cache", None)
    if cache is not None:
        yield "cache", UnigramCache(cache.window, len(vocabularies.columns["text"]))


def _components(model: Any) -> Mapping[str, Any]:
    """Return the components of a mixture, or the name of the only component of another model."""
    if isinstance(model, Mixture):
        return model.components
    if isinstance(model, LogisticRegression):
        return {"regression": model}
    return {"ngram" if isinstance(model, NGram) else "network": model}


def _weight_files(spec: ModelSpec[Any]) -> list[str]:
    """Return the names of the weight files, one per member of an ensemble or a group."""
    numbers = range(2, len(spec.member_seeds) + 1)
    return [WEIGHTS, *(f"model-{number}.weights.h5" for number in numbers)]


def _load_network(entry: params.Model, vocabularies: Vocabularies, file: Path) -> keras.Model:
    if not file.is_file():
        raise _damaged(file)
    if 4 * _least_weights(entry, vocabularies) > file.stat().st_size:
        raise _damaged(file, f"it has fewer weights than the network of {SPEC}")
    model = build(entry, vocabularies)
    try:
        model.load_weights(file)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError):
        raise _damaged(file) from None  # whatever h5py and Keras raise
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise _damaged(file, "a weight is infinite or no number (NaN)")
    return model


def _least_weights(entry: params.Model, vocabularies: Vocabularies) -> int:
    """Return a number of weights that the network of an entry exceeds.

    It is compared with the weight file before a network is built, which might not fit in memory.
    """
    size = len(next(iter(vocabularies.columns.values())))
    widths = [size, *getattr(entry, "hidden", ())]
    dense = sum(inputs * outputs for inputs, outputs in pairwise(widths))
    recurrent = getattr(entry, "layers", 0) * getattr(entry, "units", 0) ** 2
    return int(dense + recurrent + size * getattr(entry, "embedding", 0))


def _load_ngram(entry: params.NGramOptions, vocabularies: Vocabularies, folder: Path) -> NGram:
    size = len(vocabularies.columns["text"])
    order = _read_hyperparameters(folder).get("order")
    if not isinstance(order, int) or order not in entry.orders:
        raise _damaged(folder / HYPERPARAMETERS, "its order is not one of the entry's")
    return NGram.load(folder, order, size, entry.smoothing)


def _load_logistic_regression(
    entry: params.LogisticRegressionConfig, vocabularies: Vocabularies, folder: Path
) -> LogisticRegression:
    c = _read_hyperparameters(folder).get("c")
    if c not in entry.c_values:
        raise _damaged(folder / HYPERPARAMETERS)
    return LogisticRegression.load(folder, entry, c, len(vocabularies.labels))


def _read_weights(folder: Path, number: int, components: Mapping[str, Any]) -> dict[str, float]:
    """Read the weights of a mixture, in a group those of one member."""
    try:
        weights = _read_hyperparameters(folder)["weights"][number]
        valid = set(weights) == set(components) and all(
            isinstance(weight, float) and 0 <= weight <= 1 for weight in weights.values()
        )
        if valid and math.isclose(sum(weights.values()), 1, abs_tol=1e-6):
            return {name: weights[name] for name in components}
    except (KeyError, IndexError, TypeError):
        pass
    raise _damaged(folder / HYPERPARAMETERS)


def _read_hyperparameters(folder: Path) -> Mapping[str, Any]:
    """Read the values that the validation split chose."""
    try:
        return files.read_json(folder / HYPERPARAMETERS, dict[str, Any])
    except (OSError, ValueError):
        raise _damaged(folder / HYPERPARAMETERS) from None


def _write_json(content: object, path: Path) -> None:
    path.write_text(files.dump_json(content), encoding="utf-8", newline="\n")


class _SpecFile(ConfigModel):
    """Contents of `model.json`."""

    model: params.Model
    task: params.Task
    tokens: params.Tokens
    cleaning: params.Cleaning
    seed: params.Seed


def _load_spec(folder: Path) -> ModelSpec[Any]:
    try:
        content = _SpecFile.model_validate_json((folder / SPEC).read_bytes())
    except FileNotFoundError:
        raise UserError(f"{folder} contains no model. Run `seqproof run` to train it.") from None
    except ValidationError as error:
        raise _damaged(folder / SPEC, first_problem(error)) from None
    if params.TASK_OF[content.model.model] != content.task:
        raise _damaged(folder / SPEC, f"{content.model.model} is not for {content.task}")
    return ModelSpec(content.model, content.task, content.tokens, content.cleaning, content.seed)


def _check_spec(spec: ModelSpec[Any], expected: ModelSpec[Any], folder: Path) -> None:
    """Check that a model was trained with the parameters of params.yaml."""
    pairs = [
        ("model", spec.entry, expected.entry),
        *((key, getattr(spec, key), getattr(expected, key)) for key in SPEC_KEYS),
    ]
    for name, own, other in pairs:
        if own != other:
            fields = own if isinstance(own, ConfigModel) else ()
            keys = [key for key, value in fields if value != getattr(other, key, None)]
            raise UserError(
                f"The model in {folder} was trained with other parameters than params.yaml has "
                f"({'.'.join([name, *keys[:1]])}). Run `seqproof run` to train it again."
            )


def _check_vocabularies(spec: ModelSpec[Any], vocabularies: Vocabularies, folder: Path) -> None:
    """Check that a vocabulary is one for the model's task and tokens."""
    schema = task_schemas.get(spec.task)
    kinds = {vocabulary.kind for vocabulary in vocabularies.columns.values()}
    if set(vocabularies.columns) != set(schema.text_columns):
        columns = " and ".join(vocabularies.columns)
        raise _damaged(folder / VOCABULARY, f"it is for {columns}, and the model for {spec.task}")
    if kinds != {spec.tokens}:
        own = " and ".join(sorted(kinds))
        raise _damaged(folder / VOCABULARY, f"it has {own}, and the model {spec.tokens}")
    if bool(vocabularies.labels) != (schema.label_column is not None):
        raise _damaged(folder / VOCABULARY, f"its labels are not those of {spec.task}")


def _damaged(file: Path, reason: str = "") -> UserError:
    problem = f"damaged ({reason})" if reason else "missing or damaged"
    return UserError(f"{file} is {problem}. Run `seqproof run` to train the model again.")
