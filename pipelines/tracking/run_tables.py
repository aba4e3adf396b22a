"""Links to the run table of each experiment in MLflow's pages, with the columns that matter.

MLflow keeps the state of a shared view as a tag of the experiment. A link names the tag by its key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.evaluation.metrics import Metric
from pipelines.tracking import run_store

VIEW = "results"  # key of the shared view
TAG = f"mlflow.sharedViewState.{VIEW}"
TAG_COLUMNS = ("cell", "verified")


def run_table_links(
    root: Path, address: str, metrics: Mapping[str, Sequence[Metric]]
) -> dict[str, str]:
    """Return a link for each experiment that exists, after setting its columns.

    Args:
        root: the project's root.
        address: address of MLflow's pages.
        metrics: by experiment, the metrics to show as columns; the best run in the first comes
            first.

    Raises:
        UserError: the tracking store cannot be read or written.
    """
    store = run_store.open_store(root)
    ids: dict[str, str] = store.call(lambda client: _set_views(client, metrics))
    query = f"?workflowType=machine_learning&viewStateShareKey={VIEW}"
    return {name: f"{address}/#/experiments/{ids[name]}/runs{query}" for name in ids}


def _set_views(client: Any, metrics: Mapping[str, Sequence[Metric]]) -> dict[str, str]:
    """Set the view of each experiment; return the ids of those that exist."""
    ids = {}
    for name, shown in metrics.items():
        experiment = None if client is None else client.get_experiment_by_name(name)
        if experiment is None or experiment.lifecycle_stage == "deleted":
            continue
        view = json.dumps(_view(shown), sort_keys=True)
        if experiment.tags.get(TAG) != view:
            client.set_experiment_tag(experiment.experiment_id, TAG, view)
        ids[name] = experiment.experiment_id
    return ids


def _view(metrics: Sequence[Metric]) -> dict[str, Any]:
    """Return a state of MLflow's run table."""
    columns = [f"metrics.`{metric.key}`" for metric in metrics]
    return {
        "selectedColumns": columns + [f"tags.`{key}`" for key in TAG_COLUMNS],
        "orderByKey": columns[0],
        "orderByAsc": metrics[0].direction == "lower",
        "searchFilter": "",
        "lifecycleFilter": "Active",
    }
