"""Registered models under an alias: which version has it, and the files of that version."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UserError, suggest
from pipelines.tracking import registry
from pipelines.tracking.run_store import RunStore

URI = re.compile(r"(?:models:/)?(?P<name>[^@]+)@(?P<alias>[^@]+)")


@dataclass(frozen=True)
class Alias:
    """Alias of a registered model.

    Attributes:
        model: name of the registered model, `seqproof-verses` for instance.
        name: the alias, `champion` for instance.
    """

    model: str
    name: str

    def __str__(self) -> str:
        return f"models:/{self.model}@{self.name}"


@dataclass(frozen=True)
class ModelFiles:
    """Files of a version of a registered model.

    Attributes:
        name: the model's name in params.yaml.
        model: the trained model's folder.
        vocabulary: its vocabulary file.
        samples: how a language model continues a text, as it was logged.
        search: how a translator searches, as it was logged.
    """

    name: str
    model: Path
    vocabulary: Path
    samples: Mapping[str, Any] | None
    search: Mapping[str, Any] | None


def find_alias(target: str, store: RunStore, corpora: Mapping[str, str]) -> Alias | None:
    """Return the alias that a user means; None if the target looks like no alias.

    Args:
        target: `models:/NAME@ALIAS`, `NAME@ALIAS`, `CORPUS@ALIAS`, or an alias that only one
            registered model has.
        store: the tracking store.
        corpora: name of the registered model of each corpus.

    Raises:
        UserError: several registered models have the alias, or the model has no such alias.
    """
    aliases = store.call(_all_aliases)
    match = URI.fullmatch(target)
    if match:
        alias = Alias(corpora.get(match["name"], match["name"]), match["alias"])
        if alias not in aliases:
            raise UserError(f"'{target}' is not registered{suggest(str(alias), aliases)}.")
        return alias
    candidates = [alias for alias in aliases if alias.name == target]
    if len(candidates) > 1:
        raise UserError(
            f"{len(candidates)} registered models have the alias '{target}': "
            f"{', '.join(map(str, candidates))}. Pass one of these."
        )
    return candidates[0] if candidates else None


def _all_aliases(client: Any) -> Collection[Alias]:
    if client is None:
        return []
    models = []
    token = None
    while True:
        page = client.search_registered_models(page_token=token)
        models += page
        token = page.token
        if not token:
            return [Alias(model.name, alias) for model in models for alias in model.aliases]


def version_of(alias: Alias, store: RunStore) -> str | None:
    """Return the version that has an alias now; None if there is none.

    Raises:
        UserError: the server does not answer.
    """
    holder = registry.holder(store, alias.model, alias.name)
    return None if holder is None else holder.version


@contextmanager
def model_files(alias: Alias, version: str, store: RunStore) -> Iterator[ModelFiles]:
    """Yield the files of a version; those of another machine are downloaded until the end.

    Raises:
        UserError: the server does not answer, or the version is no model of seqproof.
    """
    with tempfile.TemporaryDirectory() as temporary:
        yield store.call(lambda client: _read(client, alias, version, temporary))


def _read(client: Any, alias: Alias, version: str, temporary: str) -> ModelFiles:
    from mlflow.artifacts import download_artifacts
    from mlflow.models import Model

    entry = client.get_model_version(alias.model, version)
    folder = Path(
        download_artifacts(
            artifact_uri=entry.source, dst_path=temporary, tracking_uri=client.tracking_uri
        )
    )
    flavor = Model.load(folder).flavors["python_function"]
    artifacts = {name: folder / value["path"] for name, value in flavor["artifacts"].items()}
    config = flavor.get("config") or {}
    return ModelFiles(
        name=entry.tags.get("model", artifacts["model"].name),
        model=artifacts["model"],
        vocabulary=artifacts["vocabulary"],
        samples=config.get("samples"),
        search=config.get("search"),
    )
