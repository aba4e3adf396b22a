"""Keys of params.yaml in which two models differ, so that no comparison hides one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pipelines.config.params import Model
from pipelines.lineage.stages import leaves
from pipelines.reporting.wording import join


def differing_keys(first: Model, second: Model) -> dict[str, tuple[str, str]]:
    """Return the values of every key in which two models differ, as params.yaml has them."""
    entries = [dict(leaves(model.model_dump())) for model in (first, second)]
    return {
        key: (_yaml(entries[0].get(key)), _yaml(entries[1].get(key)))
        for key in dict.fromkeys([*entries[0], *entries[1]])
        if entries[0].get(key) != entries[1].get(key)
    }


def describe_differences(models: Mapping[str, Model]) -> str:
    """Say in which keys each model differs from the one before it of the same kind.

    Args:
        models: models of a corpus, in the order of params.yaml.

    Returns:
        A sentence for each such pair; empty if there is none.
    """
    kinds: dict[str, list[str]] = {}
    for name, model in models.items():
        kinds.setdefault(model.model, []).append(name)
    sentences = []
    for names in kinds.values():
        for first, second in pairwise(names):
            keys = differing_keys(models[first], models[second])
            listed = [f"{key} ({value} instead of {other})" for key, (other, value) in keys.items()]
            sentences.append(f"{second} differs from {first} in {join(listed) or 'nothing'}.")
    return " ".join(sentences)


def _yaml(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
