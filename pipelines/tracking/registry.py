"""MLflow's registry: one registered model for each corpus, whose versions are models of runs."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pipelines.errors import UserError
from pipelines.tracking import descriptions
from pipelines.tracking.run_store import RunRecord, RunStore

VERSIONS = "mlflow.modelVersions"  # by which MLflow shows where a logged model is registered


@dataclass(frozen=True)
class AliasHolder:
    """Who has an alias: the version, and the run that it is of."""

    version: str
    run_id: str


def name_of(run: RunRecord) -> str:
    """What the models of a run's corpus are registered as: MLflow takes no slash, and an alias
    belongs to one registered model."""
    return re.sub(r"[/:]+", "-", run.experiment)


def require_alias(alias: str) -> None:
    """Refuse what MLflow does not take.

    Raises:
        Refusal: it is no alias.
    """
    reserved = alias.lower() == "latest" or re.fullmatch(r"[vV]\d+", alias)
    if reserved or not re.fullmatch(r"[\w-]{1,255}", alias):
        raise UserError(
            f"'{alias}' cannot be an alias: letters, digits, _ and - make one, 'latest' and v with "
            "a number are MLflow's own."
        )


def holder(ledger: RunStore, name: str, alias: str) -> AliasHolder | None:
    """Who has the alias among the models of a corpus, if one has."""
    from mlflow.exceptions import MlflowException

    def ask(client: Any) -> AliasHolder | None:
        try:
            found = client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            # An unknown alias is a wrong value to it, and an unknown model does not exist.
            if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                return None
            raise
        return AliasHolder(str(found.version), str(found.run_id))

    return ledger.ask(ask)


def promote(ledger: RunStore, run: RunRecord, model_id: str, alias: str) -> str:
    """Register a model that a run logged, unless it is, and give it the alias.

    Returns:
        Its version.
    """

    def act(client: Any) -> str:
        version = _version(client, name_of(run), run, client.get_logged_model(model_id))
        client.set_registered_model_alias(name_of(run), alias, version)
        return version

    return ledger.ask(act)


def _version(client: Any, name: str, run: RunRecord, logged: Any) -> str:
    from mlflow.exceptions import MlflowException

    with suppress(MlflowException):  # it is there
        client.create_registered_model(name)
    for known in client.search_model_versions(f"name = '{name}'"):
        if known.source == logged.artifact_location:
            return str(known.version)
    made = client.create_model_version(
        name,
        logged.artifact_location,
        run.id,
        tags={"model": run.name},
        description=run.tags.get(descriptions.NOTE),
        model_id=logged.model_id,
    )
    before = json.loads(logged.tags.get(VERSIONS, "[]"))
    said = [*before, {"name": name, "version": made.version}]
    client.set_logged_model_tags(logged.model_id, {VERSIONS: json.dumps(said)})
    return str(made.version)
