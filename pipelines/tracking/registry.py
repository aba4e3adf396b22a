"""MLflow's model registry: one registered model per corpus, whose versions are logged models."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pipelines.errors import UserError
from pipelines.tracking import descriptions
from pipelines.tracking.run_store import RunRecord, RunStore

VERSIONS = "mlflow.modelVersions"  # tag by which MLflow shows where a logged model is registered


@dataclass(frozen=True)
class AliasHolder:
    """Model version that has an alias, and the run that logged the model."""

    version: str
    run_id: str


def registered_name(run: RunRecord) -> str:
    """Return the name under which the models of a run's corpus are registered."""
    return name_of(run.experiment)


def name_of(experiment: str) -> str:
    """Return the name of the registered model of an experiment.

    It is the experiment's name with hyphens, because MLflow allows no slash.
    """
    return re.sub(r"[/:]+", "-", experiment)


def require_alias(alias: str) -> None:
    """Check that MLflow accepts an alias.

    Raises:
        UserError: it does not.
    """
    reserved = alias.lower() == "latest" or re.fullmatch(r"[vV]\d+", alias)
    if reserved or not re.fullmatch(r"[\w-]{1,255}", alias):
        raise UserError(
            f"'{alias}' is not a valid alias. Use letters, digits, _ and -; MLflow reserves "
            "'latest' and v with a number."
        )


def holder(run_store: RunStore, name: str, alias: str) -> AliasHolder | None:
    """Return the version of a registered model that has an alias; None if there is none."""
    from mlflow.exceptions import MlflowException

    def find(client: Any) -> AliasHolder | None:
        try:
            version = client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            # The codes of an unknown alias and of an unknown model.
            if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                return None
            raise
        return AliasHolder(str(version.version), str(version.run_id))

    return run_store.call(find)


def promote(run_store: RunStore, run: RunRecord, model_id: str, alias: str) -> str:
    """Register a logged model, unless it is registered already, and give it an alias.

    Args:
        run_store: the runs.
        run: the run that logged the model.
        model_id: MLflow's id of the model.
        alias: the alias.

    Returns:
        The version of the registered model.
    """

    def register(client: Any) -> str:
        name = registered_name(run)
        version = _ensure_version(client, name, run, client.get_logged_model(model_id))
        client.set_registered_model_alias(name, alias, version)
        return version

    return run_store.call(register)


def _ensure_version(client: Any, name: str, run: RunRecord, logged_model: Any) -> str:
    from mlflow.exceptions import MlflowException

    with suppress(MlflowException):  # it exists already
        client.create_registered_model(name)
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.source == logged_model.artifact_location:
            return str(version.version)
    version = client.create_model_version(
        name,
        logged_model.artifact_location,
        run.id,
        tags={"model": run.name},
        description=run.tags.get(descriptions.DESCRIPTION),
        model_id=logged_model.model_id,
    )
    versions = json.loads(logged_model.tags.get(VERSIONS, "[]"))
    versions.append({"name": name, "version": version.version})
    client.set_logged_model_tags(logged_model.model_id, {VERSIONS: json.dumps(versions)})
    return str(version.version)
