"""Variants of a project: its params.yaml with other values for one model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipelines.config import models, params, params_file, sweeps, yaml_tree
from pipelines.config.params import Params
from pipelines.config.sweeps import Sweep
from pipelines.lineage.stages import Inputs

NAME = "params.yaml"


def section(config: Params, model: str) -> tuple[str, str, str]:
    """Return the keys that lead to the entry of a model in params.yaml."""
    return "models", models.family_of(config.models[model]), model


def variant(text: str, config: Params, model: str, values: Mapping[str, Any]) -> str:
    """Return the text of a params.yaml with other values for one model.

    A stage reads the same values from it as from a params.yaml into which a person writes them, so
    that DVC takes it for the same stage. Sweeps and goals are left out: no training reads them.

    Args:
        text: of params.yaml.
        config: the same, parsed.
        model: name of the model.
        values: by dotted key of its entry; None removes a key.

    Raises:
        UserError: a rule of params.yaml forbids these values.
    """
    place = ".".join(section(config, model))
    changes = {f"{place}.{key}": value for key, value in values.items()}
    tree = sweeps.changed(yaml_tree.parse(text, NAME).value, changes)
    tree.pop("sweeps", None)
    changed_text = params_file.flow({**tree, "goals": []}) + "\n"
    params.parse(changed_text, NAME)
    return changed_text


def trial_inputs(config: Params, model: str, inputs: Inputs, values: Mapping[str, Any]) -> Inputs:
    """Return the inputs of a trial's training.

    Args:
        config: params.yaml.
        model: name of the model.
        inputs: of its training with params.yaml as it is.
        values: of the trial's parameters.
    """
    place = ".".join(section(config, model))
    entry = sweeps.changed(inputs.params[place], sweeps.trial_values(values))
    return replace(inputs, params={**inputs.params, place: entry})


def key(config: Params, sweep: Sweep, inputs: Inputs) -> str:
    """Return the key of a sweep: its trials are continued as long as it stays the same.

    It is a hash of all that the trials depend on: data, code, parameters and the space. The
    starting point is no part of it, nor the number of trials and the time.

    Args:
        config: params.yaml.
        sweep: its entry there.
        inputs: of the training stage.
    """
    place = ".".join(section(config, sweep.model))
    free = sweeps.trial_values(dict.fromkeys(sweep.parameters))
    values = {**inputs.params, place: sweeps.changed(inputs.params[place], free)}
    definition = sweep.model_dump(mode="json", include={"parameters", "metric", "seed", "pruner"})
    content = [inputs.command, dict(inputs.files), values, definition]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
